"""Fetching from the address of a source: what comes, what is refused, and that the last snapshot always stays."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from kg.errors import FetchError, SourceError
from kg.sources import Source, fetch, read_source
from kg.sources.fetch import Web, addresses, fetch_from, fetch_upstream, snapshot_of
from tests.unit.test_git import Repository, run

Answer = Callable[[BaseHTTPRequestHandler], None]


class Server(ThreadingHTTPServer):
    """A server on loopback whose answers a test gives, by path; each request is noted."""

    daemon_threads = True

    def __init__(self) -> None:
        self.answers: dict[str, list[Answer]] = {}
        self.asked: list[str] = []
        self.headers: list[dict[str, str]] = []
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of a client that left."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:  # the name is http.server's
        server = self.server
        assert isinstance(server, Server)
        server.asked.append(self.path)
        server.headers.append({name.lower(): value for name, value in self.headers.items()})
        answers = server.answers.get(self.path, [status(404)])
        (answers.pop(0) if len(answers) > 1 else answers[0])(self)

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


def body(data: bytes, **headers: str) -> Answer:
    length = headers.pop("length", str(len(data)))

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", length)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(data)

    return answer


def status(code: int, **headers: str) -> Answer:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with Server() as found:
        thread = threading.Thread(target=found.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield found
        found.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def define(folder: Path, upstream: str, more: str = "", files: str = '["a.csv"]') -> Source:
    folder.mkdir(parents=True, exist_ok=True)
    definition = folder / "theirs.toml"
    definition.write_text(
        f'[source]\nname = "theirs"\ntitle = "x"\nloader = "table"\nupstream = "{upstream}"\nlicence = "CC0-1.0"\n'
        f"as-of = 2025-01-31\nfiles = {files}\n{more}\n"
    )
    return read_source(definition)


def held(source: Source, home: Path) -> dict[str, bytes]:
    snapshot = snapshot_of(source, home)
    return {file.path: file.read() for file in snapshot.files} if snapshot else {}


class Naps:
    """A clock that passes only while somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def web(self, **more: float) -> Web:
        return Web(sleep=self.slept.append, now=lambda: sum(self.slept), **more)  # type: ignore[arg-type]  # by name


# ---- The web ---------------------------------------------------------------------------------------------------------


def test_a_file_is_taken_as_it_is(server: Server, home: Path, tmp_path: Path) -> None:
    packed = gzip.compress(b"name\nA\n")
    server.answers["/dump.csv.gz"] = [body(packed)]
    source = define(tmp_path / "d", f"{server.url}/dump.csv.gz", files='["a.csv.gz"]')
    taken = fetch_upstream(source, home)
    assert (taken.new, taken.missing, held(source, home)) == (True, (), {"a.csv.gz": packed})
    assert server.headers[0]["accept-encoding"] == "identity"
    assert fetch_upstream(source, home).new is False


def test_an_answer_that_was_packed_on_the_way_is_unpacked(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/a.csv"] = [body(gzip.compress(b"name\n"), Content_Encoding="gzip")]
    source = define(tmp_path / "d", f"{server.url}/a.csv")
    fetch_upstream(source, home)
    assert held(source, home) == {"a.csv": b"name\n"}


def test_several_files_stand_below_an_address_or_where_paths_say(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers |= {"/set/a.csv": [body(b"a")], "/set/deep/x.csv": [body(b"b")], "/else/c": [body(b"c")]}
    more = f'[paths]\n"b.csv" = "deep/x.csv"\n"in/c.csv" = "{server.url}/else/c"'
    source = define(tmp_path / "d", f"{server.url}/set", more, '["a.csv", "b.csv", "in/c.csv"]')
    assert list(addresses(source)) == ["a.csv", "b.csv", "in/c.csv"]
    fetch_upstream(source, home)
    assert held(source, home) == {"a.csv": b"a", "b.csv": b"b", "in/c.csv": b"c"}


def test_a_hash_that_is_given_must_be_that_of_the_file(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/a.csv"] = [body(b"good")]
    right = hashlib.sha256(b"good").hexdigest()
    source = define(tmp_path / "d", f"{server.url}/a.csv", f'[sha256]\n"a.csv" = "{right}"')
    fetch_upstream(source, home)
    server.answers["/a.csv"] = [body(b"evil")]
    with pytest.raises(
        FetchError, match=rf"theirs: a\.csv has the SHA-256 .*, and \[sha256\] of theirs\.toml says {right}"
    ):
        fetch_upstream(source, home)
    assert held(source, home) == {"a.csv": b"good"}


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_is_followed(code: int, server: Server, home: Path, tmp_path: Path) -> None:
    server.answers |= {"/old": [status(code, Location="/new")], "/new": [body(b"x")]}
    fetch_upstream(source := define(tmp_path / "d", f"{server.url}/old"), home)
    assert held(source, home) == {"a.csv": b"x"}


@pytest.mark.parametrize(
    "there", ["http://example.org/x", "ftp://example.org/x", "file:///etc/hostname", "//example.org/x"]
)
def test_a_redirect_to_what_is_not_https_is_refused(there: str, server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/old"] = [status(302, Location=there)]
    with pytest.raises(FetchError, match=r"/old redirects to .*, which is not https; the last snapshot is kept"):
        fetch_upstream(define(tmp_path / "d", f"{server.url}/old"), home)


def test_redirects_in_a_circle_end(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/old"] = [status(302, Location="/old")]
    with pytest.raises(FetchError, match="redirects more than 5 times"):
        fetch_upstream(define(tmp_path / "d", f"{server.url}/old"), home)
    assert len(server.asked) == 6


@pytest.mark.parametrize("address", ["http://example.org/a.csv", "http://10.0.0.1/a", "http://127.0.0.1.example.org/a"])
def test_an_address_that_anybody_could_change_on_the_way_is_refused(address: str, home: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="is not https, so anybody on the way could change it"):
        fetch_upstream(define(tmp_path / "d", address), home)


@pytest.mark.parametrize("code", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(code: int, server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/a"] = [status(code), status(code, Retry_After="7"), body(b"x")]
    naps = Naps()
    fetch_upstream(source := define(tmp_path / "d", f"{server.url}/a"), home, web=naps.web())
    assert held(source, home) == {"a.csv": b"x"}
    assert naps.slept == [1.0, 7.0]


def test_what_does_not_pass_ends_and_says_how_often_it_was_tried(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/a"] = [status(503)]
    naps = Naps()
    with pytest.raises(FetchError, match="it answers 503; 4 attempts were made, try again later; the last snapshot is"):
        fetch_upstream(define(tmp_path / "d", f"{server.url}/a"), home, web=naps.web())
    assert (naps.slept, len(server.asked)) == ([1.0, 2.0, 4.0], 4)


def test_nobody_waits_longer_than_there_is_time(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/a"] = [status(503, Retry_After="999")]
    naps = Naps()
    with pytest.raises(FetchError, match="1 attempts were made"):
        fetch_upstream(define(tmp_path / "d", f"{server.url}/a"), home, web=naps.web(seconds=60))
    assert naps.slept == []


@pytest.mark.parametrize("code", [204, 400, 401, 403, 404, 410])
def test_what_is_not_there_is_told_at_once(code: int, server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/a"] = [status(code)]
    with pytest.raises(FetchError, match=rf"theirs: .*/a answers {code} .*is the address right\?"):
        fetch_upstream(define(tmp_path / "d", f"{server.url}/a"), home, web=Naps().web())
    assert len(server.asked) == 1


def test_a_cut_answer_is_tried_again_and_never_kept(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers["/a"] = [body(b"half", length="8"), body(b"whole")]
    fetch_upstream(source := define(tmp_path / "d", f"{server.url}/a"), home, web=Naps().web())
    assert held(source, home) == {"a.csv": b"whole"}
    server.answers["/a"] = [body(b"half", length="8")]
    with pytest.raises(FetchError, match="4 attempts were made"):
        fetch_upstream(source, home, web=Naps().web())
    assert held(source, home) == {"a.csv": b"whole"}


def test_an_answer_that_is_too_large_is_refused(
    server: Server, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 1000)
    for data, headers in ((b"x" * 1001, {}), (gzip.compress(b"x" * 10_000_000), {"Content_Encoding": "gzip"})):
        server.answers["/a"] = [body(data, **headers)]
        with pytest.raises(FetchError, match="answers more than the 1,000 bytes a file may have"):
            fetch_upstream(define(tmp_path / "d", f"{server.url}/a"), home)


def test_a_server_that_is_not_there_is_told(server: Server, home: Path, tmp_path: Path) -> None:
    source = define(tmp_path / "d", f"{server.url}/a")
    server.server_close()
    with pytest.raises(FetchError, match=r"ConnectError.*; 4 attempts were made"):
        fetch_upstream(source, home, web=Naps().web())


def test_one_file_that_fails_takes_nothing(server: Server, home: Path, tmp_path: Path) -> None:
    server.answers |= {"/a.csv": [body(b"1")], "/b.csv": [body(b"2")]}
    source = define(tmp_path / "d", server.url, files='["a.csv", "b.csv"]')
    fetch_upstream(source, home)
    server.answers |= {"/a.csv": [body(b"new")], "/b.csv": [status(404)]}
    with pytest.raises(FetchError):
        fetch_upstream(source, home)
    assert held(source, home) == {"a.csv": b"1", "b.csv": b"2"}


@pytest.mark.parametrize("upstream", ["ours", "derived: from two other sources", "git https://example.org/a@main"])
def test_a_source_without_an_address_says_how_its_files_are_taken(upstream: str, home: Path, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match=r"theirs: its upstream is .*; take its files .*: kg fetch --from DIR"):
        fetch_upstream(define(tmp_path / "d", upstream), home)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ('[paths]\n"b.csv" = "x"', r"\[paths\] 'b\.csv' is no file of \[source\]; did you mean a\.csv\?"),
        ('[paths]\n"a.csv" = 5', r"\[paths\] must be a table of texts"),
        ('[sha256]\n"a.csv" = "abc"', r"\[sha256\] 'a\.csv' must be 64 digits of lower-case hexadecimal"),
    ],
)
def test_what_a_definition_says_wrong_of_its_files_is_named(more: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"theirs\.toml: {why}"):
        define(tmp_path / "d", "ours", more)


# ---- A commit of a repository ----------------------------------------------------------------------------------------


def upstream(folder: Path, files: dict[str, tuple[str, bytes]]) -> tuple[str, str]:
    """Make a repository with files (mode, bytes); give its address and commit."""
    repository = Repository(folder)
    listing = b""
    for path, (mode, data) in files.items():
        blob = run(folder, "hash-object", "-w", "--stdin", given=data)
        listing += f"{mode} blob {blob}\t{path}\n".encode()
    repository.tree = run(folder, "mktree", given=listing)
    commit = repository.commit("Ann", "ann@example.org", "2023-01-05")
    for name in ("allowFilter", "allowAnySHA1InWant"):
        run(folder, "config", f"uploadpack.{name}", "true")
    return f"file://{folder}", commit


def test_files_are_taken_as_they_stand_at_a_commit(home: Path, tmp_path: Path) -> None:
    address, commit = upstream(
        tmp_path / "up", {"a.csv": ("100644", b"name\r\n\xff"), "b": ("100755", b"b"), "-c": ("100644", b"c")}
    )
    Repository(tmp_path / "up").commit("Ann", "ann@example.org", "2023-02-05")  # it went on
    more = '[paths]\n"b.csv" = "b"\n"c.csv" = "-c"'
    source = define(tmp_path / "d", f"git {address}@{commit}", more, '["a.csv", "b.csv", "c.csv"]')
    taken = fetch_upstream(source, home, protocols=("file",))
    assert taken.new
    assert held(source, home) == {"a.csv": b"name\r\n\xff", "b.csv": b"b", "c.csv": b"c"}


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("nothing.csv", r"has no nothing\.csv at [0-9a-f]{12}; say where it stands in \[paths\]"),
        ("link", "is a link, a folder or a submodule, not a file"),
        ("large", "has more than the 10 bytes a file may have"),
        ("*", r"has no \* at"),
    ],
)
def test_what_is_no_file_of_a_commit_is_told(
    path: str, why: str, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 10)
    address, commit = upstream(tmp_path / "up", {"link": ("120000", b"/etc/hostname"), "large": ("100644", b"x" * 11)})
    source = define(tmp_path / "d", f"git {address}@{commit}", f'[paths]\n"a.csv" = "{path}"')
    with pytest.raises(FetchError, match=rf"^theirs: .*{why}.*; the last snapshot is kept$"):
        fetch_upstream(source, home, protocols=("file",))
    assert held(source, home) == {}


def test_a_commit_that_is_not_there_is_told_in_git_s_words(home: Path, tmp_path: Path) -> None:
    address, _ = upstream(tmp_path / "up", {"a.csv": ("100644", b"x")})
    source = define(tmp_path / "d", f"git {address}@{'1' * 40}")
    with pytest.raises(FetchError, match=r"theirs: git fetch: .*not our ref"):
        fetch_upstream(source, home, protocols=("file",))


# ---- Together with what was taken before -----------------------------------------------------------------------------


def test_fetching_a_document_keeps_those_that_were_taken_before(tmp_path: Path, home: Path) -> None:
    source = define(tmp_path / "d", "ours", files='[]\ndocuments = ["one.txt", "two.txt"]')
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / f"{name}.txt").write_text(name)
    first = fetch_from(source, [tmp_path / "one"], home)
    assert first.missing == ("two.txt",)
    second = fetch_from(source, [tmp_path / "two"], home)
    assert second.missing == ()
    assert held(source, home) == {"one.txt": b"one", "two.txt": b"two"}
    (tmp_path / "one" / "one.txt").write_text("newer")
    fetch_from(source, [tmp_path / "one"], home)
    assert held(source, home) == {"one.txt": b"newer", "two.txt": b"two"}


def test_documents_join_files_that_were_taken_before_but_files_come_together(tmp_path: Path, home: Path) -> None:
    source = define(tmp_path / "d", "ours", files='["a.csv", "b.csv"]\ndocuments = ["one.txt"]')
    (tmp_path / "all").mkdir()
    for name in ("a.csv", "b.csv"):
        (tmp_path / "all" / name).write_text(name)
    fetch_from(source, [tmp_path / "all"], home)
    (tmp_path / "some").mkdir()
    (tmp_path / "some" / "one.txt").write_text("words")
    assert fetch_from(source, [tmp_path / "some"], home).missing == ()
    assert held(source, home) == {"a.csv": b"a.csv", "b.csv": b"b.csv", "one.txt": b"words"}
    (tmp_path / "some" / "a.csv").write_text("of another day")
    assert fetch_from(source, [tmp_path / "some"], home).snapshot is None
    assert held(source, home)["a.csv"] == b"a.csv"


def test_what_an_interrupted_fetch_left_is_cleared_away(tmp_path: Path, home: Path) -> None:
    source = define(tmp_path / "d", "ours")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a.csv").write_text("x")
    root = home / "snapshots" / "theirs"
    left = root / ".making-dead"
    left.mkdir(parents=True)
    (left / "a.csv").write_text("half")
    fetch_from(source, [tmp_path / "all"], home)
    assert not left.exists()
    assert sorted(path.name for path in root.iterdir())[-1] == "current"


def test_what_another_fetch_is_making_is_left_alone(tmp_path: Path, home: Path) -> None:
    source = define(tmp_path / "d", "ours")
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "a.csv").write_text("x")
    root = home / "snapshots" / "theirs"
    living = root / ".making-alive"
    living.mkdir(parents=True)
    other = os.open(root, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)  # as the other fetch holds it
    thread = threading.Thread(target=fetch_from, args=(source, [tmp_path / "all"], home))
    thread.start()
    thread.join(0.2)
    assert thread.is_alive(), "it waits its turn"
    assert living.exists()
    living.rmdir()
    os.close(other)
    thread.join(20)
    assert held(source, home) == {"a.csv": b"x"}

"""Histories counted without any person, by hand-made repositories; and repositories that are made to do harm."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
from collections.abc import Iterable
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from kg.cli import main
from kg.errors import FetchError, SourceError
from kg.sources import git, registry
from kg.sources.fetch import Fetched, History, fetch_history, history_of, known_domains, snapshot_of
from kg.sources.git import Commit
from kg.sources.history import Events, group_of

TODAY = date(2024, 6, 1)
KEY = b"any key"
LIKE = registry()["contributions"]


def run(folder: Path, *words: str, given: bytes | None = None, **env: str) -> str:
    """Run git as a stranger would."""
    done = subprocess.run(
        ["git", "-C", str(folder), *words],
        input=given, capture_output=True, check=True,
        env={"PATH": os.environ["PATH"], "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", **env},
    )  # fmt: skip
    return done.stdout.decode().strip()


class Repository:
    """A repository whose commits are objects written by hand, so that anything can stand in them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        run(folder, "init", "--quiet", "--initial-branch=main", ".")
        self.folder = folder
        self.tree = run(folder, "hash-object", "-w", "-t", "tree", "--stdin", given=b"")
        self.head: str | None = None

    def commit(
        self, author: str | bytes, address: str | bytes, day: str | int, message: str = "", **more: object
    ) -> str:
        """Add a commit: ``day`` as 2020-01-31 or in seconds; ``raw`` in place of all of its headers."""
        seconds = (
            day if isinstance(day, int) else int((date.fromisoformat(day) - date(1970, 1, 1)).days) * 86400 + 43200
        )
        who = b"%s <%s> %d +0000" % (_bytes(author), _bytes(address), seconds)
        parents = [parent for parent in (self.head, *more.get("parents", ())) if parent]  # type: ignore[misc]  # a sequence
        lines = [b"tree " + self.tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [b"author " + who] if more.get("authored", True) else []
        lines += [b"committer " + who, b"", _bytes(message)]
        self.head = run(
            self.folder, "hash-object", "-w", "-t", "commit", "--literally", "--stdin", given=b"\n".join(lines)
        )
        run(self.folder, "update-ref", "refs/heads/main", self.head)
        return self.head


def at(name: str, host: str) -> str:
    """Give an address, which no file of ours may hold."""
    return f"{name}@{host}"


def _bytes(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode()


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def taken(repository: Repository, home: Path, known: Iterable[str] = ()) -> Fetched:
    history = History.of(str(repository.folder), "widget", "https://github.com/Example/Widget")
    return fetch_history(history, home, like=LIKE, known=frozenset(known), today=TODAY)


def table(fetched: Fetched, path: str) -> list[dict[str, str]]:
    assert fetched.snapshot is not None
    file = fetched.snapshot.file(path)
    assert file is not None
    data = file.read()
    return list(csv.DictReader((gzip.decompress(data) if path.endswith(".gz") else data).decode().splitlines()))


def groups(fetched: Fetched) -> list[tuple[str, ...]]:
    """Give month, domain, evidence, commits, authors and internal commits of each row."""
    names = ("month", "domain", "evidence", "commits", "authors", "phabricator_commits")
    return [tuple(row[name] for name in names) for row in table(fetched, "contributions_monthly.csv.gz")]


# ---- Counting --------------------------------------------------------------------------------------------------------


def test_commits_are_counted_by_month_and_organization(repository: Repository, home: Path) -> None:
    for name in ("Ann", "Bob", "Cid"):
        repository.commit(name, f"{name}@mail.acorn.example.org", "2023-01-05")
    repository.commit("Ann", "ann@example.org", "2023-01-31", "x\n\nDifferential Revision: D1")
    repository.commit("Ann", at("ann", "gmail.com"), "2023-02-01")  # linked: she used example.org within a year
    repository.commit("Dee", at("1+dee", "users.noreply.github.com"), "2023-02-02")
    repository.commit("Eve", "eve@eve.example.com", "2023-02-03")  # a domain of her own
    repository.commit("Fay", at("fay", "laptop.local"), "2023-02-04")
    repository.commit("helper[bot]", at("1+helper[bot]", "users.noreply.github.com"), "2023-02-05")
    fetched = taken(repository, home)
    assert groups(fetched) == [
        ("2023-01", "example.org", "email", "4", "3", "1"),
        ("2023-02", "(bot)", "bot", "1", "1", "0"),
        ("2023-02", "(github-noreply)", "none", "1", "1", "0"),
        ("2023-02", "(none)", "none", "1", "1", "0"),
        ("2023-02", "(small-domain)", "none", "1", "1", "0"),
        ("2023-02", "example.org", "linked", "1", "1", "0"),
    ]
    months = [tuple(row.values()) for row in table(fetched, "project_months.csv")]
    assert months == [("widget", "2023-01", "4", "3", "3", "0", "1"), ("widget", "2023-02", "4", "4", "3", "1", "0")]
    (project,) = table(fetched, "projects.csv")
    assert (project["project"], project["repo"], project["commits"]) == ("widget", "example/widget", "9")
    assert (project["first_commit"], project["last_commit"]) == ("2023-01-05", "2023-02-05")
    assert project["history_commit"] == repository.head


def test_a_known_organization_is_shown_however_few_use_its_domain(repository: Repository, home: Path) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    assert groups(taken(repository, home))[0][1] == "(small-domain)"
    assert groups(taken(repository, home, ["example.org"]))[0][1:3] == ("example.org", "email")


def test_merges_are_left_out(repository: Repository, home: Path) -> None:
    first = repository.commit("Ann", "ann@example.org", "2023-01-05")
    repository.commit("Ann", "ann@example.org", "2023-01-06")
    repository.commit("Ann", "ann@example.org", "2023-01-07", parents=[first])
    assert groups(taken(repository, home))[0][3] == "2"


def linked(days: list[tuple[str, str]]) -> list[str]:
    """Give the domain found for each commit of one author: day and address."""
    commits = [Commit("", day, b"Ann", address.encode(), False) for day, address in days]
    return [str(row[2]) for row in Events(commits, key=KEY, today=TODAY).rows("x")]


def test_a_link_is_to_the_nearest_use_within_a_year() -> None:
    mail = at("ann", "gmail.com")
    assert linked([("2023-01-01", "a@one.example.org"), ("2023-12-31", mail), ("2024-01-02", mail)]) == [
        "example.org", "example.org", "(webmail)",
    ]  # fmt: skip
    assert linked([("2022-12-31", mail), ("2023-12-31", at("a", "b.com"))]) == ["b.com", "b.com"]
    days = [
        ("2023-01-01", at("a", "early.com")),
        ("2023-02-01", mail),
        ("2023-02-20", mail),
        ("2023-03-01", at("a", "late.com")),
    ]
    assert linked(days) == ["early.com", "late.com", "late.com", "late.com"]
    assert (
        linked([("2023-01-01", at("a", "z.com")), ("2023-01-01", at("a", "b.com")), ("2023-01-02", mail)])[2] == "b.com"
    )


def test_only_the_same_author_is_linked() -> None:
    commits = [
        Commit("", "2023-01-01", b"Ann", at("a", "b.com").encode(), False),
        Commit("", "2023-01-02", b"Bob", at("bob", "gmail.com").encode(), False),
        Commit("", "2023-01-02", b"ANN ", at("ann", "gmail.com").encode(), False),
        Commit("", "2023-01-02", b"", at("x", "gmail.com").encode(), False),
    ]
    rows = list(Events(commits, key=KEY, today=TODAY).rows("x"))
    assert [row[2] for row in rows] == ["b.com", "(webmail)", "b.com", "(webmail)"]
    assert rows[0][3] == rows[2][3] != rows[1][3]
    assert rows[3][3] == "", "nobody is no author"


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("example.org", "example.org"),
        ("A.B.Example.ORG", "example.org"),
        ("dept.example.ac.uk", "example.ac.uk"),
        ("example.co.jp", "example.co.jp"),
        ("ac.uk", "ac.uk"),
        ("yahoo.co.uk", "(webmail)"),
        ("qq.com", "(webmail)"),
        ("users.noreply.github.com", "(github-noreply)"),
        ("users.noreply.gitlab.com", "(other-noreply)"),
        ("", "(none)"),
        ("localhost", "(none)"),
        ("host.localdomain", "(none)"),
        ("10.0.0.1", "(none)"),
        ("[::1]", "(none)"),
        ("bad domain.org", "(none)"),
        ("-x.org", "(none)"),
        ("a..org", "(none)"),
        ("x" * 300 + ".org", "(none)"),
        ("éxample.org", "(none)"),
        ("2b7e1516-28ae", "(none)"),
    ],
)
def test_the_group_of_a_host(host: str, group: str) -> None:
    assert group_of(host.encode()) == group


@pytest.mark.parametrize(
    ("name", "is_bot"),
    [
        ("dependabot[bot]", True), ("k8s-ci-robot", True), ("GitHub Action", True), ("some-bot", True),
        ("Talbot", False), ("Ann Abbot", False), ("Botond", False), ("", False),
    ],
)  # fmt: skip
def test_programs_are_told_by_their_names(name: str, is_bot: bool) -> None:
    (row,) = Events([Commit("", "2023-01-01", name.encode(), b"x@example.org", False)], key=KEY, today=TODAY).rows("x")
    assert row[5] == str(is_bot).lower()


# ---- No person -------------------------------------------------------------------------------------------------------


def test_no_name_and_no_address_is_written_anywhere(repository: Repository, home: Path) -> None:
    for number in range(4):
        repository.commit(f"Zebediah{number} Quill", at(f"zquill{number}", f"zquill-{number}.example"), "2023-01-05")
        repository.commit(f"Zebediah{number} Quill", at(f"zquill{number}", "gmail.com"), "2023-01-06")
    taken(repository, home)
    written = [path for path in home.rglob("*") if path.is_file()]
    assert {path.suffix for path in written} >= {".csv", ".gz", ".toml"}
    for path in written:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        assert b"uill" not in data.lower(), path
        assert b"zebediah" not in data.lower(), path
        assert str(repository.folder).encode() not in data, "nor where it lay"


def test_the_number_of_an_author_is_another_in_each_run() -> None:
    commit = Commit("", "2023-01-01", b"Ann", at("a", "b.com").encode(), False)
    numbers = {next(Events([commit], key=key, today=TODAY).rows("x"))[3] for key in (b"one", b"two")}
    assert len(numbers) == 2


def test_equal_histories_give_equal_bytes(repository: Repository, home: Path, tmp_path: Path) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    first, again = taken(repository, home), taken(repository, home)
    assert (first.new, again.new) == (True, False)
    assert first.snapshot == again.snapshot == taken(repository, tmp_path / "elsewhere").snapshot


# ---- The source that it makes ----------------------------------------------------------------------------------------


def test_a_history_becomes_a_source_of_its_own(repository: Repository, home: Path) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    fetched = taken(repository, home)
    source = registry(home / "sources")["git-widget"]
    assert source == fetched.source
    assert (source.loader, str(source.as_of)) == ("contributions", "2023-01-05")
    assert source.upstream == "git-history https://github.com/example/widget"
    assert snapshot_of(source, home) == fetched.snapshot
    history = history_of(source)
    assert history is not None
    assert (history.project, history.place) == ("widget", "https://github.com/example/widget")
    repository.commit("Ann", "ann@example.org", "2023-03-05")
    taken(repository, home)
    assert str(registry(home / "sources")["git-widget"].as_of) == "2023-03-05"


def test_a_source_of_another_kind_is_not_written_over(repository: Repository, home: Path) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    taken(repository, home)
    definition = home / "sources" / "git-widget.toml"
    mine = definition.read_text().replace("git-history https", "https")
    definition.write_text(mine)
    with pytest.raises(FetchError, match="is a source of another kind; choose another --project"):
        taken(repository, home)
    assert definition.read_text() == mine


def test_the_address_is_that_of_the_origin_or_told(repository: Repository) -> None:
    place = str(repository.folder)
    with pytest.raises(SourceError, match="what address has this repository"):
        History.of(place, "widget")
    run(repository.folder, "config", "remote.origin.url", at("git", "github.com:Example/Widget.git"))
    assert History.of(place, "widget").repository == "https://github.com/example/widget"
    with pytest.raises(SourceError, match="'My Widget' is no name for a project here; write 'my-widget'"):
        History.of(place, "My Widget")


def test_known_domains_are_those_of_the_source_of_domains() -> None:
    assert known_domains(None) == frozenset()


# ---- Harm ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "--upload-pack=touch harm", "-u", "--", "ext::sh -c 'touch harm'", "fd::17", "transport::x", "::x",
        "https://-oProxyCommand=x/y", "ssh://-oProxyCommand=touch/x", "ssh://a@-b/c", "git@-host:x", "git@host:-x",
        "http://example.org/a", "git://example.org/a", "ftp://example.org/a", "file:///etc", "https://user@example.org/a",
        "https://user:secret@example.org/a", "https://example.org/a\n--x", "https://example.org/a b", "https:///a",
        "a\0b",
        "https://example.org\\@evil.example/a", "/nowhere/at/all", "",
    ],
)  # fmt: skip
def test_what_is_no_address_never_reaches_git(text: str) -> None:
    with pytest.raises(FetchError) as refused:
        History.of(text, "widget", "https://github.com/a/b")
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.org/a/b.git", "https://example.org/a/b.git"),
        ("https://example.org:8443/~a/b", "https://example.org:8443/~a/b"),
        ("ssh://git@example.org/a/b", "ssh://git@example.org/a/b"),
        ("git@example.org:a/b.git", "ssh://git@example.org/a/b.git"),
    ],
)
def test_usual_addresses_are_taken(text: str, address: str) -> None:
    assert git.address_of(text) == address


@pytest.mark.parametrize("commit", ["HEAD", "main", "--all", "0" * 39, "0" * 40 + "\n", "0" * 41])
def test_a_file_is_taken_at_a_whole_commit_only(commit: str, tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="is no commit; write all forty digits"):
        git.take("https://example.org/a", commit, {"a": tmp_path / "a"}, max_bytes=10)


def test_names_of_any_bytes_are_counted(repository: Repository, home: Path) -> None:
    for name in (b"\xff\xfe", b"J\xf6rg", "Jörg".encode(), b"a\x1b[31m", "\u202eevil".encode(), b"x" * 100_000):
        repository.commit(name, b"\xff@ex\xe4mple.org", "2023-01-05")
    assert groups(taken(repository, home)) == [("2023-01", "(none)", "none", "6", "6", "0")]


def test_a_commit_without_an_author_is_one_of_nobody(repository: Repository, home: Path) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05", authored=False)
    repository.commit("", "", "2023-01-05")
    assert groups(taken(repository, home)) == [("2023-01", "(none)", "none", "2", "0", "0")]


def test_a_date_that_cannot_be_is_left_out_and_counted(repository: Repository, home: Path) -> None:
    for seconds in (0, 2**31, 2**40, 2**62, 99999999999999999999):
        repository.commit("Ann", "ann@example.org", seconds)
    with pytest.raises(FetchError, match=r"git-widget: it holds no commit with a date that can be \(5 without\)"):
        taken(repository, home)
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    assert groups(taken(repository, home))[0][3] == "1"
    assert not [path for path in (home / "snapshots" / "git-widget").iterdir() if path.name.startswith(".making")]


def test_a_message_of_any_length_is_read_in_a_bounded_part(
    repository: Repository, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "MAX_RECORD", 1 << 17)
    repository.commit("Ann", "ann@example.org", "2023-01-05", "x\n\n" + "long " * 200_000)
    repository.commit("Ann", "ann@example.org", "2023-01-06", "x\n\nDifferential Revision: D2")
    assert groups(taken(repository, home))[0][3:] == ("2", "1", "1")


def test_settings_of_a_repository_start_nothing(repository: Repository, home: Path, tmp_path: Path) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    harm = tmp_path / "harm"
    script = tmp_path / "script"
    script.write_text(f"#!/bin/sh\ntouch {harm}\n")
    script.chmod(0o755)
    for name in (
        *("core.fsmonitor", "core.pager", "core.sshCommand", "core.editor", "gpg.program", "diff.external"),
        *(
            "core.hooksPath",
            "pager.log",
            "core.gitProxy",
            "remote.origin.uploadpack",
            "credential.helper",
            "core.askPass",
        ),
    ):
        run(repository.folder, "config", name, str(script))
    run(repository.folder, "config", "log.showSignature", "true")
    run(repository.folder, "config", "alias.log", f"!{script}")
    run(repository.folder, "config", "protocol.ext.allow", "always")
    run(repository.folder, "config", "remote.origin.url", f"ext::{script}")
    run(repository.folder, "config", "remote.origin.promisor", "true")
    run(repository.folder, "config", "extensions.partialClone", "origin")
    missing = b"tree " + b"1" * 40
    run(repository.folder, "hash-object", "-w", "-t", "commit", "--literally", "--stdin", given=missing)
    assert taken(repository, home).new
    assert not harm.exists()


def test_a_repository_that_lacks_objects_starts_no_helper_to_get_them(
    repository: Repository, home: Path, tmp_path: Path
) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    harm = tmp_path / "harm"
    for name, value in (
        ("protocol.ext.allow", "always"), ("remote.origin.url", f"ext::sh -c touch% {harm}"),
        ("remote.origin.promisor", "true"), ("core.repositoryFormatVersion", "1"),
        ("extensions.partialClone", "origin"),
    ):  # fmt: skip
        run(repository.folder, "config", name, value)
    repository.commit("Ann", "ann@example.org", "2023-01-06", parents=["2" * 40])  # a parent that is not there
    with pytest.raises(FetchError, match="git log: "):
        taken(repository, home)
    assert not harm.exists()


def test_a_clone_brings_no_files_and_follows_no_submodule(home: Path, tmp_path: Path) -> None:
    harm = tmp_path / "harm"
    repository = Repository(tmp_path / "upstream")
    modules = f'[submodule "x"]\n\tpath = x\n\turl = --upload-pack=touch {harm}\n\tupdate = !touch {harm}\n'
    blob = run(repository.folder, "hash-object", "-w", "--stdin", given=modules.encode())
    listing = f"100644 blob {blob}\t.gitmodules\n160000 commit {'1' * 40}\tx\n".encode()
    repository.tree = run(repository.folder, "mktree", "--missing", given=listing)
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    run(repository.folder, "config", "uploadpack.allowFilter", "true")
    address = f"file://{repository.folder}"
    history = History("widget", "https://github.com/example/widget", address)
    fetched = fetch_history(history, home, like=LIKE, today=TODAY, protocols=("file",))
    assert groups(fetched)[0][3] == "1"
    (clone,) = (home / "cache" / "git").iterdir()
    assert not (clone / ".git").exists(), "it is bare"
    stored = run(clone, "rev-list", "--objects", "--all", "--missing=print")
    assert f"?{blob}" in stored, "contents of files stay where they are"
    assert not harm.exists()
    repository.commit("Ann", "ann@example.org", "2023-02-05")
    fetched = fetch_history(history, home, like=LIKE, today=TODAY, protocols=("file",))
    assert len(groups(fetched)) == 2, "a second time fetches what is new"


def test_what_is_not_asked_for_over_the_network_is_refused(home: Path, repository: Repository) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    history = History("widget", "https://github.com/example/widget", f"file://{repository.folder}")
    with pytest.raises(FetchError, match="'file' not allowed"):
        fetch_history(history, home, like=LIKE, today=TODAY)


def test_what_is_no_whole_repository_is_told(tmp_path: Path, repository: Repository, home: Path) -> None:
    (tmp_path / "plain").mkdir()
    with pytest.raises(FetchError, match="not a git repository"):
        History.of(str(tmp_path / "plain"), "widget", "https://github.com/a/b")
    (repository.folder / "below").mkdir()
    with pytest.raises(FetchError, match="not a git repository"):
        History.of(str(repository.folder / "below"), "widget", "https://github.com/a/b")
    with pytest.raises(FetchError, match="git finds no commit there"):
        taken(repository, home)
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    repository.commit("Ann", "ann@example.org", "2023-01-06")
    run(tmp_path, "clone", "--quiet", "--depth=1", f"file://{repository.folder}", "shallow")
    with pytest.raises(FetchError, match=r"its history is cut \(a shallow clone\); git fetch --unshallow"):
        History.of(str(tmp_path / "shallow"), "widget", "https://github.com/a/b")


def test_git_that_takes_too_long_is_ended(repository: Repository) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    with pytest.raises(FetchError, match="took longer than 0 seconds and was ended"):
        list(git.history(repository.folder, git.head(repository.folder), seconds=0, protocols=()))


def test_a_stream_that_nobody_reads_on_ends_its_process(repository: Repository) -> None:
    for day in range(1, 20):
        repository.commit("Ann", "ann@example.org", f"2023-01-{day:02}", "x" * 20_000)
    stream = git.history(repository.folder, git.head(repository.folder), protocols=())
    assert next(stream).day == "2023-01-19"
    stream.close()  # type: ignore[attr-defined]  # it is a generator


# ---- The command -----------------------------------------------------------------------------------------------------


def test_the_command_counts_a_history(repository: Repository, home: Path) -> None:
    repository.commit("Ann", "ann@example.org", "2023-01-05")
    words = ["--home", str(home), "fetch", f"git:{repository.folder}", "--project", "widget"]
    done = CliRunner().invoke(main, [*words, "--repository", "https://github.com/example/widget"])
    assert (done.exit_code, done.output.split()[:4]) == (0, ["git-widget", "new", "3", "files"])
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 1
    assert "--repository https://host/owner/name" in done.output


@pytest.mark.parametrize(
    "words", [("git:.",), ("git:.", "git:..", "--project", "x"), ("git:.", "ror", "--project", "x"), ("--project", "x")]
)
def test_the_command_says_how_a_history_is_asked_for(words: tuple[str, ...], home: Path) -> None:
    done = CliRunner().invoke(main, ["--home", str(home), "fetch", *words])
    assert done.exit_code == 1
    assert "kg fetch git:PATH --project NAME" in done.output

"""Runs git, which nothing else here does: reads histories and takes files at a commit, from a path or an address.

What strangers write is an argument and never an option, a command or a helper: addresses are https or ssh by a pattern,
arguments stand after ``--``, no shell is asked. git sees an environment of our own: no configuration of user or system,
no prompts, no hooks, and only the protocols that are meant, whatever the configuration of a repository says. Nothing is
ever checked out and no submodule followed, so files of a repository are bytes and nothing more.

Source: git's documentation of ``git``, ``git log``, ``git fetch`` and ``gitprotocol``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import IO, NamedTuple, cast

from kg.errors import FetchError

SECONDS = 3600.0  # what one run of git may take
MAX_RECORD = 1 << 20  # bytes of one commit that are looked at; a message beyond is cut
NETWORK = ("https", "ssh")  # the protocols of addresses; tests add "file"

_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?"
_HTTPS = re.compile(rf"https://{_HOST}(?::\d+)?/[^\s\\]+")
_SSH = re.compile(rf"ssh://(?:[A-Za-z0-9_][A-Za-z0-9_.-]*@)?{_HOST}(?::\d+)?/[^\s\\]+")
_SCP = re.compile(rf"(?P<user>[A-Za-z0-9_][A-Za-z0-9_.-]*)@(?P<host>{_HOST}):(?P<path>[^-\s:\\][^\s\\]*)")
_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_COMMIT = re.compile(r"[0-9a-f]{40}")

# What git may know of the world around it: how to get out, and whom to trust.
_KEPT = (
    *("PATH", "HOME", "TMPDIR", "SSH_AUTH_SOCK", "SSL_CERT_FILE", "SSL_CERT_DIR", "GIT_SSL_CAINFO"),
    *("http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY"),
)
# A repository's own configuration is a stranger's: what could start a program is off.
_OPTIONS = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "log.showSignature=false"),
    *("-c", "submodule.recurse=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "credential.helper="),
)
_FORMAT = "%H%n%cs%n%aN%n%ae%n%b"  # the first four can hold no line break


class Commit(NamedTuple):
    """One commit as its history gives it. Names a person: for counting in memory, never to be kept."""

    sha: str
    day: str  # the committer's own date, or what git makes of a damaged one
    author: bytes
    address: bytes
    internal: bool  # landed through a company's internal review


def address_of(text: str, protocols: Sequence[str] = NETWORK) -> str:
    """Give the https or ssh address that ``text`` is. Raises FetchError for any other, an option or a credential.

    ``protocols`` may add ``file``, for tests without a network.

    >>> address_of("git@example.org:a/b.git")
    'ssh://git@example.org/a/b.git'
    """
    if found := _SCP.fullmatch(text):
        text = f"ssh://{found['user']}@{found['host']}/{found['path']}"
    if _CONTROL.search(text) or text.startswith("-") or _HELPER.match(text):
        raise FetchError(f"{text!r} is an option or a command to git, not an address; write https://host/path")
    if re.match(r"https?://[^/]*@", text):
        raise FetchError("an address must not hold a name or a password, because it is kept; leave it out")
    if text.startswith("file:") and "file" in protocols:
        return text
    if text.startswith("file:"):
        raise FetchError(f"{text!r}: for a repository on this machine write its path")
    if not (_HTTPS.fullmatch(text) or _SSH.fullmatch(text)):
        raise FetchError(f"{text!r} is no address that git may be sent to; write https://host/path or ssh://host/path")
    return text


def local(path: str | Path) -> Path:
    """Give the place of a repository on this machine. Raises FetchError unless ``path`` itself is a whole one."""
    text = str(path)
    if not text or text.startswith("-") or _CONTROL.search(text) or _HELPER.match(text):
        raise FetchError(f"{text!r} is an option or a command to git, not a path; write ./{text} if it is one")
    place = Path(text).expanduser().resolve()
    if not place.is_dir():
        raise FetchError(f"{text!r} is no directory and no address; write a path, https://host/path or ssh://host/path")
    if _said(place, "rev-parse", "--is-shallow-repository") == "true":
        raise FetchError(f"{text}: its history is cut (a shallow clone); git fetch --unshallow there completes it")
    return place


def origin(repository: Path) -> str | None:
    """Give the address that a repository on this machine was cloned from, None where that is no address."""
    try:
        return address_of(_said(repository, "config", "--local", "--get", "remote.origin.url"))
    except FetchError:
        return None


def cloned(address: str, cache: Path, *, seconds: float = SECONDS, protocols: Sequence[str] = NETWORK) -> Path:
    """Bring the history of ``address`` to a bare repository below ``cache``, without the contents of files.

    A second time fetches what is new. Only the branch that the address shows first. ``address`` comes from
    ``address_of``. Raises FetchError with git's own words.
    """
    folder = cache / sha256(address.encode()).hexdigest()[:16]
    _prepare(folder, address)
    _said(
        folder, "fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--filter=blob:none", "--", "origin",
        "+HEAD:refs/kg/head", seconds=seconds, protocols=protocols,
    )  # fmt: skip
    return folder


def head(repository: Path) -> str:
    """Give the commit that a repository stands at: what ``cloned`` fetched, or HEAD. Raises FetchError without one."""
    for name in ("refs/kg/head", "HEAD"):
        try:
            return _said(repository, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        except FetchError:
            continue
    raise FetchError(f"{repository}: git finds no commit there; is it a repository with a history?")


def history(
    repository: Path, commit: str, *, seconds: float = SECONDS, protocols: Sequence[str] = NETWORK
) -> Iterator[Commit]:
    """Give every commit that ``commit`` descends from but merges, newest first. Streams; holds one commit.

    Author names are those that the repository's mailmap gives, addresses as they were written. ``protocols`` serve a
    repository of ``cloned``, which fetches its mailmap; give none for a repository of others. Raises FetchError.
    """
    arguments = (
        "log", "--no-merges", "--no-patch", "--no-color", "--no-decorate", "--no-notes", "--no-show-signature",
        "--mailmap", "--encoding=UTF-8", "-z", f"--format=tformat:{_FORMAT}", "--end-of-options", commit, "--",
    )  # fmt: skip
    with _running(repository, arguments, seconds, protocols) as stream:
        for record in _records(stream):
            fields = record.split(b"\n", 4)
            if len(fields) == 5:
                sha, day, author, address, body = fields
                author = b"" if author == b"%aN" else author  # what git prints of a commit without an author
                internal = re.search(rb"^Differential Revision:", body, re.MULTILINE) is not None
                yield Commit(sha.decode("ascii"), day.decode("ascii", "replace"), author, address, internal)


def take(
    address: str,
    commit: str,
    wanted: Mapping[str, Path],
    *,
    max_bytes: int,
    seconds: float = SECONDS,
    protocols: Sequence[str] = NETWORK,
) -> None:
    """Write files as they stand at ``commit`` of ``address``: path there -> place here. Fetches no other contents.

    Raises FetchError for an address that git may not be sent to, no such commit or path, what is no plain file or has
    more than ``max_bytes``, with git's own words where it has some.
    """
    if not _COMMIT.fullmatch(commit):
        raise FetchError(f"{commit!r} is no commit; write all forty digits of one, so that the same bytes come again")
    with tempfile.TemporaryDirectory(prefix="kg-git-") as scratch:
        folder = Path(scratch) / "repository"
        _prepare(folder, address)
        _said(
            folder, "fetch", "--quiet", "--depth=1", "--no-tags", "--no-recurse-submodules", "--filter=blob:none", "--",
            "origin", commit, seconds=seconds, protocols=protocols,
        )  # fmt: skip
        for path, place in wanted.items():
            mode, _, rest = _said(folder, "ls-tree", "-z", commit, "--", path).partition(" ")
            if not mode:
                raise FetchError(f"{address} has no {path} at {commit[:12]}; say where it stands in [paths]")
            if mode not in ("100644", "100755"):
                raise FetchError(f"{path} of {address} is a link, a folder or a submodule, not a file")
            blob = rest.split()[1].partition("\t")[0]
            with (
                place.open("wb") as out,
                _running(folder, ("cat-file", "blob", blob), seconds, protocols) as stream,
            ):
                size = 0
                while block := stream.read(1 << 20):
                    size += len(block)
                    if size > max_bytes:
                        raise FetchError(f"{path} of {address} has more than the {max_bytes:,} bytes a file may have")
                    out.write(block)


# ---- Running ---------------------------------------------------------------------------------------------------------


def _prepare(folder: Path, address: str) -> None:
    """Make a bare repository that knows ``address`` and fetches missing contents from it; harmless where it is one."""
    folder.mkdir(parents=True, exist_ok=True)
    _said(folder, "init", "--quiet", "--bare", "--template=", ".")
    for name, value in (("url", address), ("promisor", "true"), ("partialclonefilter", "blob:none")):
        _said(folder, "config", "--local", f"remote.origin.{name}", value)


def _said(repository: Path, *arguments: str, seconds: float = 60.0, protocols: Sequence[str] = ()) -> str:
    """Run git to its end and give what it printed, without the last line break or NUL."""
    with _running(repository, arguments, seconds, protocols) as stream:
        return stream.read(1 << 20).decode("utf-8", "replace").rstrip("\n\0")


@contextmanager
def _running(
    repository: Path, arguments: Sequence[str], seconds: float, protocols: Sequence[str]
) -> Iterator[IO[bytes]]:
    """Run git in ``repository`` and give what it prints; it and all it started end with the block.

    Raises FetchError when git is not there, fails, or takes longer than ``seconds``.
    """
    program = shutil.which("git")
    if program is None:
        raise FetchError("git is not installed, or not on PATH; a history cannot be read without it")
    command = [program, "--no-pager", "--no-replace-objects", *_OPTIONS, "-C", str(repository), *arguments]
    late = threading.Event()
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603  a fixed command; what strangers wrote are arguments of it
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors,
            env=_environment(repository, protocols), start_new_session=True,
        )  # fmt: skip

        def give_up() -> None:
            late.set()
            _end(process)

        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        stream = cast("IO[bytes]", process.stdout)
        finished = False
        try:
            yield stream
            finished = not stream.read(1)
        finally:
            timer.cancel()
            if not finished:
                _end(process)
            stream.close()
            status = process.wait()
            timer.join()
        if late.is_set():
            raise FetchError(f"git {arguments[0]} took longer than {seconds:g} seconds and was ended")
        if status and finished:
            raise FetchError(f"git {arguments[0]}: {_last_words(errors) or f'it ended with status {status}'}")


def _environment(repository: Path, protocols: Sequence[str]) -> dict[str, str]:
    kept = {name: value for name in _KEPT if (value := os.environ.get(name)) is not None}
    return kept | {
        "LC_ALL": "C",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_ALLOW_PROTOCOL": ":".join(protocols) or "none",
        "GIT_SSH_COMMAND": "ssh -oBatchMode=yes",
        "GIT_CEILING_DIRECTORIES": str(repository.parent),
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_LITERAL_PATHSPECS": "1",
    }


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill git and the helpers that it started, which are a group of their own."""
    if process.poll() is None:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def _last_words(errors: IO[bytes]) -> str:
    """Give what git said went wrong, in one line."""
    errors.seek(0)
    lines = errors.read(1 << 16).decode("utf-8", "replace").splitlines()
    told = [line for line in lines if line.startswith(("fatal:", "error:"))] or lines
    if any("dubious ownership" in line for line in told):
        return "the repository belongs to another user, whose settings git does not follow; clone it first"
    return "; ".join(line.partition(": ")[2] or line for line in told[:3] if line.strip())


def _records(stream: IO[bytes]) -> Iterator[bytes]:
    """Split a stream at NUL bytes; of a record longer than ``MAX_RECORD`` only so much is given. Streams."""
    held = b""
    skipping = False
    while block := stream.read(1 << 16):
        *whole, rest = (held + block).split(b"\0")
        for record in whole:
            if not skipping:
                yield record[:MAX_RECORD]
            skipping = False
        held = rest
        if len(held) > MAX_RECORD:
            if not skipping:
                yield held[:MAX_RECORD]
            skipping, held = True, b""
    if held and not skipping:
        yield held

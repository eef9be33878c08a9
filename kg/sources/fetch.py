"""Takes snapshots: brings the bytes of a source into the home, under their hash.

They come from directories (``fetch_from``), from the address that the source names (``fetch_upstream``), or are counted
from a git history (``fetch_history``). This module and ``kg.sources.git`` are the only network code of the sources.

In the home: ``snapshots/{source}/{sha12}/…`` holds the files of a snapshot as they were, ``snapshots/{source}/current``
names the one that builds use. A snapshot is made beside and renamed into place, so an interrupted fetch leaves the last
one untouched; one fetch of a source runs at a time, and clears away what an interrupted one left.
"""

from __future__ import annotations

import csv
import fcntl
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from kg import __version__
from kg.errors import FetchError, SourceError
from kg.model import File, Snapshot, slugify
from kg.sources import Source, git, keys, read_source
from kg.sources.history import count, write_tables

# A cap on what one file of a source may have, so that a wrong directory or address does not fill the disk.
MAX_FILE_BYTES = 4 * 2**30
MAX_REDIRECTS = 5
_GIT = re.compile(r"git (?P<address>\S+)@(?P<commit>[0-9a-f]{40})")
_HISTORY = "git-history "
_MAKING = ".making-"


@dataclass(frozen=True, slots=True)
class Fetched:
    """What became of one source: its snapshot, and the files that none of the directories held."""

    source: Source
    snapshot: Snapshot | None
    missing: tuple[str, ...]
    new: bool


def fetch_from(source: Source, directories: Sequence[Path], home: Path) -> Fetched:
    """Take a snapshot of ``source`` from directories that hold its files.

    A file is looked for under ``{directory}/{source}/{path}`` and ``{directory}/{path}``, in the order of directories.
    Files that are bundled need not be there. Files of the source come together: all of them from the directories, or
    all as they were taken before; each document is kept from before where no directory holds it. Nothing found:
    ``snapshot`` is None and what was taken before stays.

    Raises FetchError for a file that cannot be read or is larger than ``MAX_FILE_BYTES``.
    """
    wanted = _fetchable(source)
    found: dict[str, Path] = {}
    for path in wanted:
        for directory in directories:
            candidates = (directory / source.name / path, directory / path)
            place = next((candidate for candidate in candidates if candidate.is_file()), None)
            if place is not None:
                found[path] = place
                break
    required = {path for path in source.files if path in wanted}
    if found:
        kept = {*source.documents, *(() if required & found.keys() else required)}
        for file in _held(source, home):
            if file.path in kept and file.path in wanted:
                found.setdefault(file.path, file.location)
    missing = tuple(path for path in wanted if path not in found)
    if not found or required & set(missing):
        return Fetched(source, None, missing, new=False)
    with _making(source, home) as folder:
        for path, place in found.items():
            size = place.stat().st_size
            if size > MAX_FILE_BYTES:
                raise FetchError(f"{source.name}: {place} has {size:,} bytes; a file may have {MAX_FILE_BYTES:,}")
            shutil.copyfile(place, _under(folder, path))
        snapshot, new = _keep(source, folder, found)
    return Fetched(source, snapshot, missing, new)


def snapshot_of(source: Source, home: Path) -> Snapshot | None:
    """Give the snapshot that a build reads: what is bundled with what was fetched last, or None when a file lacks.

    Raises FetchError when the home names a snapshot whose files are gone.
    """
    bundled = source.bundled()
    files: dict[str, File] = {file.path: file for file in bundled.files} if bundled else {}
    for file in _fetched(source, home):
        files.setdefault(file.path, file)
    if not set(source.files) <= set(files) or not files:
        return None
    return Snapshot.of(source.name, files.values(), curated=source.curated)


def missing_documents(source: Source, snapshot: Snapshot) -> tuple[str, ...]:
    """Give the documents of a source whose text is not at hand."""
    return tuple(path for path in source.documents if snapshot.file(path) is None)


def _fetchable(source: Source) -> list[str]:
    """Give the paths that are looked for outside: all but what is bundled."""
    bundled = source.bundled()
    held = {file.path for file in bundled.files} if bundled else set()
    return [path for path in (*source.files, *source.documents) if path not in held]


def _held(source: Source, home: Path) -> list[File]:
    """Give the files of the last snapshot, none where it is damaged."""
    try:
        return list(_fetched(source, home))
    except FetchError:
        return []


def _fetched(source: Source, home: Path) -> Iterator[File]:
    root = home / "snapshots" / source.name
    pointer = root / "current"
    if not pointer.is_file():
        return
    name = pointer.read_text(encoding="utf-8", errors="replace").strip()
    if not re.fullmatch(r"[0-9a-f]{12}", name):
        raise FetchError(f"{source.name}: {pointer} names no snapshot ({name[:40]!r}); fetch it again")
    folder = root / name
    if not folder.is_dir():
        raise FetchError(f"{source.name}: the snapshot {folder.name} is gone from {root}; fetch it again")
    for place in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield File.of(place.relative_to(folder).as_posix(), place)


@contextmanager
def _making(source: Source, home: Path) -> Iterator[Path]:
    """Give a folder to make a snapshot of ``source`` in; it is gone after the block. One at a time for a source.

    What others left that were interrupted is cleared away: whoever holds the lock is the only one that makes anything.
    The lock is the kernel's, on the folder itself, so it ends with the process that holds it.
    """
    root = home / "snapshots" / source.name
    try:
        root.mkdir(parents=True, exist_ok=True)
        lock = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise FetchError(f"{source.name}: {error.filename or root}: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for left in root.glob(f"{_MAKING}*"):
            shutil.rmtree(left, ignore_errors=True)
        making = Path(tempfile.mkdtemp(prefix=_MAKING, dir=root))
        try:
            yield making
        finally:
            shutil.rmtree(making, ignore_errors=True)
    except OSError as error:
        raise FetchError(
            f"{source.name}: {error.filename or root}: {error.strerror}; the last snapshot is kept"
        ) from error
    finally:
        os.close(lock)


def _keep(source: Source, making: Path, paths: Iterable[str]) -> tuple[Snapshot, bool]:
    """Make the files in ``making`` the current snapshot. Tells whether these bytes are new in the home."""
    paths = list(paths)
    root = making.parent
    folder = root / Snapshot.of(source.name, _files(making, paths), curated=source.curated).sha12
    new = not folder.is_dir()
    if new:
        making.rename(folder)
    pointer = root / ".current"
    pointer.write_text(folder.name + "\n", encoding="ascii")
    os.replace(pointer, root / "current")
    return Snapshot.of(source.name, _files(folder, paths), curated=source.curated), new


def _files(folder: Path, paths: Iterable[str]) -> list[File]:
    return [File.of(path, folder / path) for path in paths]


def _under(folder: Path, path: str) -> Path:
    """Give the place of a file of the source, in a folder that exists."""
    place = folder / path
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


# ---- From the address of a source ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Web:
    """How addresses are asked: bounded in bytes, seconds and redirects, and again after what may pass.

    Proxies and certificates are those of the environment. ``sleep`` and ``now`` are the clock.
    """

    seconds: float = 1800.0  # for one file, with all attempts at it
    attempts: int = 4
    sleep: Callable[[float], None] = time.sleep
    now: Callable[[], float] = time.monotonic
    transport: httpx.BaseTransport | None = field(default=None)

    def download(self, address: str, place: Path, *, max_bytes: int) -> None:
        """Write what ``address`` answers to ``place``. Streams; holds one block.

        Raises FetchError for an address that is not https (or http on this machine), a redirect to such a one, an
        answer other than 200, more than ``max_bytes``, or no complete answer in time.
        """
        until = self.now() + self.seconds
        for attempt in range(1, self.attempts + 1):
            try:
                return self._once(address, place, max_bytes, until)
            except _PassingError as passing:
                pause = max(passing.after, 2.0**attempt / 2)
                if attempt == self.attempts or self.now() + pause > until:
                    raise FetchError(
                        f"{address}: {passing}; {attempt} attempts were made, try again later"
                    ) from passing
                self.sleep(pause)
        return None

    def _once(self, address: str, place: Path, max_bytes: int, until: float) -> None:
        headers = {"Accept-Encoding": "identity", "User-Agent": f"osai-kg/{__version__}"}
        at = address
        with httpx.Client(timeout=60, headers=headers, transport=self.transport) as client:
            for _ in range(MAX_REDIRECTS + 1):
                _check_address(at, address)
                try:
                    with client.stream("GET", at) as answer:
                        if answer.is_redirect:
                            at = urljoin(at, answer.headers["location"])
                            continue
                        self._check_status(answer)
                        with place.open("wb") as out:
                            size = 0
                            for block in answer.iter_bytes(1 << 16):
                                size += len(block)
                                if size > max_bytes:
                                    raise FetchError(
                                        f"{address} answers more than the {max_bytes:,} bytes a file may have"
                                    )
                                if self.now() > until:
                                    raise FetchError(f"{address} did not end within {self.seconds:g} seconds")
                                out.write(block)
                        return
                except httpx.TransportError as error:
                    raise _PassingError(
                        f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                    ) from error
                except (httpx.HTTPError, httpx.InvalidURL) as error:
                    raise FetchError(f"{address}: {error}") from error
        raise FetchError(f"{address} redirects more than {MAX_REDIRECTS} times")

    @staticmethod
    def _check_status(answer: httpx.Response) -> None:
        if answer.status_code in (429, 500, 502, 503, 504):
            after = answer.headers.get("retry-after", "")
            raise _PassingError(
                f"it answers {answer.status_code}", after=float(after) if re.fullmatch(r"\d{1,4}", after) else 0
            )
        if answer.status_code != 200:
            raise FetchError(f"{answer.url} answers {answer.status_code} {answer.reason_phrase}; is the address right?")


class _PassingError(Exception):
    """What may pass: a connection that broke, a server that is busy."""

    def __init__(self, message: str, after: float = 0.0) -> None:
        super().__init__(message)
        self.after = after


def _check_address(address: str, first: str) -> None:
    """Refuse what is neither https nor, where the source itself names it, http on this machine."""
    parts = urlsplit(address)
    here = _is_here(parts.hostname) and urlsplit(first).scheme == "http" and _is_here(urlsplit(first).hostname)
    if parts.scheme == "https" or (parts.scheme == "http" and here):
        return
    if address != first:
        raise FetchError(f"{first} redirects to {address[:200]}, which is not https")
    raise FetchError(f"{address} is not https, so anybody on the way could change it; find an https address")


def _is_here(host: str | None) -> bool:
    try:
        return ip_address(host or "").is_loopback
    except ValueError:
        return host == "localhost"


def addresses(source: Source) -> dict[str, str]:
    """Give where each file of a source that names a web address stands.

    The address itself for its only file; ``[paths]`` or the file's own name, taken from that address, for each of
    several.
    """
    if len(source.files) == 1 and not source.paths:
        return {source.files[0]: source.upstream}
    base = source.upstream if source.upstream.endswith("/") else f"{source.upstream}/"
    return {path: urljoin(base, source.paths.get(path, path)) for path in source.files}


def fetch_upstream(
    source: Source, home: Path, *, web: Web | None = None, protocols: Sequence[str] = git.NETWORK
) -> Fetched:
    """Take a snapshot of ``source`` from the address that it names.

    ``git ADDRESS@COMMIT`` takes its files as they stand at the commit, ``https://…`` what the address answers. Files in
    ``[sha256]`` must have that hash. Documents of an earlier snapshot are kept. Raises FetchError when the source has
    no such address, or the files cannot be taken; the last snapshot stays.
    """
    if not source.files:
        raise FetchError(f"{source.name} has no files to fetch; its documents are taken by kg fetch --from DIR")
    from_git = _GIT.fullmatch(source.upstream)
    if not from_git and not re.match(r"https?://", source.upstream):
        raise FetchError(
            f"{source.name}: its upstream is {source.upstream.partition(' ')[0]!r}, which is no address to fetch from; "
            "take its files from a directory that holds them: kg fetch --from DIR"
        )
    kept = {file.path: file.location for file in _held(source, home) if file.path in source.documents}
    with _making(source, home) as folder:
        try:
            if from_git:
                wanted = {source.paths.get(path, path): _under(folder, path) for path in source.files}
                address = git.address_of(from_git["address"], protocols)
                git.take(address, from_git["commit"], wanted, max_bytes=MAX_FILE_BYTES, protocols=protocols)
            else:
                for path, address in addresses(source).items():
                    (web or Web()).download(address, _under(folder, path), max_bytes=MAX_FILE_BYTES)
        except FetchError as error:
            raise FetchError(f"{source.name}: {error}; the last snapshot is kept") from error
        for path, wanted_hash in source.hashes.items():
            found = File.of(path, folder / path).sha256 if path in source.files else wanted_hash
            if found != wanted_hash:
                raise FetchError(
                    f"{source.name}: {path} has the SHA-256 {found}, and [sha256] of {source.definition.name} says "
                    f"{wanted_hash}; find out what changed there, then correct it"
                )
        for path, place in kept.items():
            shutil.copyfile(place, _under(folder, path))
        snapshot, new = _keep(source, folder, (*source.files, *kept))
    missing = tuple(path for path in source.documents if path not in kept)
    return Fetched(source, snapshot, missing, new)


# ---- From a git history ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class History:
    """Which history is counted: the project it is of, the repository's public address, and where it is read."""

    project: str
    repository: str
    place: str  # a path or an address

    @classmethod
    def of(cls, place: str, project: str, repository: str | None = None) -> History:
        """Check what somebody typed. The address is that of ``place``, its origin, or ``repository``."""
        if slugify(project) != project:
            raise SourceError(f"{project!r} is no name for a project here; write {slugify(project) or 'a-name'!r}")
        if place and Path(place).expanduser().is_dir():
            at = str(git.local(place))
            known = repository or git.origin(Path(at))
        else:
            at = git.address_of(place)
            known = repository or at
        address = keys.repository(known) if known else None
        if address is None:
            raise SourceError(
                f"{place}: what address has this repository? Say it: --repository https://host/owner/name"
            )
        return cls(project, address, at)

    @property
    def source(self) -> str:
        """The name of the source."""
        return f"git-{self.project}"


def history_of(source: Source) -> History | None:
    """Give the history that a source counts, where it is of that kind; it is read from its address."""
    if not source.upstream.startswith(_HISTORY):
        return None
    address = source.upstream.removeprefix(_HISTORY)
    return History.of(address, source.name.removeprefix("git-"), address)


def fetch_history(
    history: History,
    home: Path,
    *,
    like: Source,
    known: Collection[str] = (),
    today: date,
    protocols: Sequence[str] = git.NETWORK,
) -> Fetched:
    """Count a git history into a source of its own: a definition in ``home/sources`` and a snapshot of three tables.

    The history streams; no name and no address of a person is written (``kg.sources.history``). ``like`` is the source
    of shared contributions, whose lookups hold for these tables too. ``known`` are domains of organizations, ``today``
    bounds what can be a date. An address is cloned below ``home/cache/git`` without contents of files, a path is read
    where it is. Raises FetchError with git's own words, or when there is no commit to count.
    """
    definition = home / "sources" / f"{history.source}.toml"
    if definition.exists() and not read_source(definition).upstream.startswith(_HISTORY):
        raise FetchError(f"{definition} is a source of another kind; choose another --project")
    if Path(history.place).is_dir():
        repository, protocols = Path(history.place), ()
    else:
        repository = git.cloned(history.place, home / "cache" / "git", protocols=protocols)
    commit = git.head(repository)
    try:
        events = count(git.history(repository, commit, protocols=protocols), key=secrets.token_bytes(32), today=today)
    except ValueError as error:
        raise FetchError(f"{history.source}: {error}") from error
    written = _definition(history, like, events.span[1])
    with tempfile.TemporaryDirectory(prefix="kg-history-") as scratch:
        draft = Path(scratch) / definition.name
        draft.write_text(written, encoding="utf-8")
        source = read_source(draft)
        with _making(source, home) as folder:
            write_tables(
                events,
                folder,
                project=history.project,
                repository=history.repository.removeprefix("https://github.com/"),
                commit=commit,
                known=known,
                scratch=Path(scratch),
            )
            snapshot, new = _keep(source, folder, source.files)
    definition.parent.mkdir(parents=True, exist_ok=True)
    making = definition.with_suffix(".making")
    making.write_text(written, encoding="utf-8")
    os.replace(making, definition)
    return Fetched(read_source(definition), snapshot, (), new)


def known_domains(snapshot: Snapshot | None) -> frozenset[str]:
    """Give the e-mail domains that organizations are known by: the first column of the source ``org-domains``."""
    file = snapshot.file("domain_org.csv") if snapshot else None
    if file is None:
        return frozenset()
    return frozenset(row["domain"] for row in csv.DictReader(file.read().decode("utf-8").splitlines()) if row["domain"])


def _definition(history: History, like: Source, last: date) -> str:
    """Write the definition of a source that counts a git history."""
    lines = [
        f"# Written by kg fetch git:… --project {history.project}; the next fetch writes it again.",
        "[source]",
        f'name = "{history.source}"',
        f'title = "Commits to {history.project} by month and e-mail domain, from its git history"',
        f'loader = "{like.loader}"',
        f'upstream = "{_HISTORY}{history.repository}"',
        'licence = "CC0-1.0"',
        f"as-of = {last.isoformat()}",
        f"files = [{', '.join(_quoted(path) for path in like.files)}]",
        f"order = {like.order + 1}",
    ]
    for table in ("domain", "evidence"):
        pairs = like.lookups.get(table, {})
        lines += ["", f"[lookups.{table}]", *(f"{_quoted(key)} = {_quoted(value)}" for key, value in pairs.items())]
    lines += ["", "[settings]", "organizations = {}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Spell a text of our own in TOML."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'

"""Sealed releases: what stands in one, which one is current, how one becomes current.

A release is a directory ``releases/{version}`` in the home that is never written after it was sealed::

    manifest.json    what it is: content hash, counts, sources, licences, ontology version, and all times
    quads.nq.gz      every quad, sorted N-Quads
    issues.jsonl     what loaders could not map, one JSON object a line
    rules.json       the rules that inferred triples follow from: what ``kg.why`` proves with
    iris.txt.gz      every IRI that it names below its base, so that none is forgotten when a later one lacks it
    links-*.sssom.tsv  what things and terms are in other data sets, one table for each
    CITATION.cff     how to cite it
    terms.json       the documents of all terms of the ontology, and statistics.json how often each is used
    search.sqlite    names and keys for search, look-up and reconciliation, and search.json the hash of its rows
    osai.ttl         the ontology as /ontology serves it, and osai-dl.ttl its module for a reasoner

``releases/current`` is a symbolic link to one of them. Sealing and promoting are single renames, so that a crash at any
moment leaves the previous release served and no half one.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import json
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from kg import __version__, minted
from kg.errors import ReleaseError, nearest
from kg.rule import Rule, load_rules
from kg.store.workspace import collect

MANIFEST = "manifest.json"
QUADS = "quads.nq.gz"
SEARCH = "search.sqlite"
ISSUES = "issues.jsonl"
RULES = "rules.json"
FORMAT = 1

_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z._-]*")


class LoadedSource(BaseModel):
    """One source as it went into a release."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    licence: str
    upstream: str
    as_of: date
    sha256: str
    files: Mapping[str, str]  # path -> SHA-256
    missing_documents: tuple[str, ...] = ()
    graphs: tuple[str, ...]
    records: int
    quads: int
    issues: int
    ignored: Mapping[str, int] = Field(default_factory=dict)  # field that is left out by name -> values


class Manifest(BaseModel):
    """What a release says of itself. Times stand here only: the hashed bytes have no clock."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: int
    version: str
    base: str
    as_of: date
    ontology: str
    software: str
    sha256: str  # of the sorted N-Quads, uncompressed
    file_sha256: Mapping[str, str]  # of each file of the release but this one
    counts: Mapping[str, int]
    inferred: Mapping[str, int]  # rule -> triples
    answers: Mapping[str, int]  # pinned catalogue queries: "pinned", "as_pinned"
    sources: tuple[LoadedSource, ...]
    created: datetime
    seconds: Mapping[str, float] = Field(default_factory=dict)


class _Format(BaseModel):
    """The one field of a manifest that every format has."""

    format: int


def version_name(as_of: date, sha256: str, files: Mapping[str, str]) -> str:
    """Name a release by its date and by eight digits of what it holds: the quads, and each file beside them.

    ``sha256`` is of the quads, ``files`` of each file. Packed quads and the search index do not count: packing is no
    content, and the bytes of an index depend on the version of SQLite; ``search.json`` has the hash of its rows.
    """
    digest = hashlib.sha256(sha256.encode())
    for name, value in sorted(files.items()):
        if name not in (QUADS, SEARCH):
            digest.update(f"\n{name} {value}".encode())
    return f"{as_of.isoformat()}-{digest.hexdigest()[:8]}"


@dataclass(frozen=True, slots=True)
class Release:
    """One sealed release on disk."""

    path: Path
    manifest: Manifest

    @property
    def version(self) -> str:
        """The name of the release: its as-of date and eight digits of what it holds."""
        return self.manifest.version

    @property
    def quads(self) -> Path:
        """The sorted N-Quads."""
        return self.path / QUADS

    def issues(self) -> Iterator[Mapping[str, object]]:
        """Read the issues, one at a time."""
        with (self.path / ISSUES).open(encoding="utf-8") as stream:
            for line in stream:
                yield json.loads(line)

    def rules(self) -> tuple[Rule, ...]:
        """Read the rules that made its inferred triples; none when the release was made without ``rules.json``.

        Raises ReleaseError when the file is something else.
        """
        try:
            text = (self.path / RULES).read_text(encoding="utf-8")
        except FileNotFoundError:
            return ()
        except (OSError, UnicodeDecodeError) as error:
            raise ReleaseError(f"release {self.version}: {RULES} cannot be read; build the release again") from error
        return load_rules(text)

    def verify(self) -> None:
        """Prove every file against the manifest, and the quads against the content hash. Reads all of them once.

        Raises ReleaseError that names the first file which is not what was sealed.
        """
        for name, expected in self.manifest.file_sha256.items():
            try:
                with (self.path / name).open("rb") as stream:
                    actual = hashlib.file_digest(stream, "sha256").hexdigest()
            except OSError as error:
                raise ReleaseError(f"release {self.version}: {name} cannot be read: {error.strerror}") from error
            if actual != expected:
                raise ReleaseError(
                    f"release {self.version}: {name} changed after it was sealed; build again or promote another one"
                )
        try:
            with gzip.open(self.quads, "rb") as quads:
                content = hashlib.file_digest(quads, "sha256").hexdigest()
        except (OSError, EOFError, zlib.error) as error:
            raise ReleaseError(f"release {self.version}: {QUADS} cannot be unpacked: {error}") from error
        if content != self.manifest.sha256:
            raise ReleaseError(f"release {self.version}: the quads do not have the content hash of the manifest")
        if self.path.name != self.version:
            raise ReleaseError(f"release {self.version}: its directory is called {self.path.name}; name it back")


def read_release(path: Path) -> Release:
    """Open a release directory. Raises ReleaseError on a missing or broken manifest, or one of another format."""
    file = path / MANIFEST
    try:
        content = file.read_bytes()
        found = _Format.model_validate_json(content).format  # first: another format may have other fields
        if found != FORMAT:
            raise ReleaseError(f"{file}: format {found} is not {FORMAT}, which this version reads; build again")
        return Release(path, Manifest.model_validate_json(content))
    except OSError as error:
        raise ReleaseError(f"there is no release at {path} ({MANIFEST}: {error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ReleaseError(f"{file}: {place or 'the manifest'}: {first['msg']}; build the release again") from error


class Releases:
    """The releases of one home."""

    def __init__(self, home: Path) -> None:
        self.root = home / "releases"
        self._remembered: tuple[list[str], minted.Minted] | None = None

    def __iter__(self) -> Iterator[Release]:
        """Give every sealed release, oldest name first. A directory without manifest is none."""
        for name in self._names():
            yield read_release(self.root / name)

    def _names(self) -> list[str]:
        """Give the names of the sealed releases without opening them: a broken one stands in no other's way."""
        if not self.root.is_dir():
            return []
        return sorted(
            path.name
            for path in self.root.iterdir()
            if not path.is_symlink() and not path.name.startswith(".") and (path / MANIFEST).is_file()
        )

    def current(self) -> Release | None:
        """Give the release that is served, or None when there is none yet."""
        link = self.root / "current"
        return read_release(link.resolve()) if link.is_symlink() and link.exists() else None

    def get(self, version: str) -> Release:
        """Give one release by its version or an unambiguous beginning of it. Raises ReleaseError with those known."""
        known = self._names()
        if version == "current" and (release := self.current()):
            return release
        found = [name for name in known if name == version] or [name for name in known if name.startswith(version)]
        if len(found) != 1:
            why = f"{version!r} fits {', '.join(found)}" if found else f"there is no release {version!r}"
            listed = f"; sealed are {', '.join(known)}" if known else "; none is sealed yet (kg build makes one)"
            raise ReleaseError(why + (nearest(version, known) or listed))
        return read_release(self.root / found[0])

    def promote(self, version: str) -> Release:
        """Make a release the current one, in one rename."""
        release = self.get(version)
        with tempfile.TemporaryDirectory(prefix=f".promote-{os.getpid()}-", dir=self.root) as folder:
            link = Path(folder) / "current"
            link.symlink_to(release.path.name)
            os.replace(link, self.root / "current")
        _sync(self.root)
        return release

    @contextlib.contextmanager
    def making(self) -> Iterator[Path]:
        """Hold an empty directory to make a release in; what is not sealed is removed."""
        self.root.mkdir(parents=True, exist_ok=True)
        self.sweep()
        path = Path(tempfile.mkdtemp(prefix=f".making-{os.getpid()}-", dir=self.root))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def seal(self, made: Path, manifest: Manifest) -> Release:
        """Write the manifest and give the directory its name, in one rename after everything reached the disk.

        The same content sealed before under this version is kept as it is: same inputs, same bytes, same name.
        """
        if not _VERSION.fullmatch(manifest.version):
            raise ReleaseError(
                f"{manifest.version!r} cannot be the name of a release; use letters, digits, dots and hyphens"
            )
        target = self.root / manifest.version
        if (target / MANIFEST).is_file():
            earlier = read_release(target)
            if earlier.manifest.sha256 == manifest.sha256:
                return earlier
            raise ReleaseError(
                f"a release {manifest.version} with other content is sealed already; choose another version"
            )
        (made / MANIFEST).write_text(manifest.model_dump_json(indent=1) + "\n", encoding="utf-8")
        for file in made.rglob("*"):
            _sync(file)
        _sync(made)
        made.chmod(0o755)  # a temporary directory is private; a release may be served by another user
        try:
            made.rename(target)
        except OSError as error:
            if not (target / MANIFEST).is_file():
                raise ReleaseError(f"{target} is in the way of the new release: {error.strerror}; move it") from error
            return self.seal(made, manifest)  # another build sealed it in the meantime
        _sync(self.root)
        return read_release(target)

    def seal_workspace(self, workspace: Path, *, base: str, as_of: date, created: datetime) -> Release:
        """Seal what a workspace holds. It has no sources, no rules and no issues; its quads are as they were written.

        Raises StoreError while a service has the workspace open.
        """
        writer = collect(workspace, base)
        with self.making() as folder:
            sha256 = writer.dump(folder / QUADS)
            minted.leave(folder, folder / QUADS, base)
            (folder / ISSUES).write_text("", encoding="utf-8")
            files = {}
            for path in sorted(folder.iterdir()):
                with path.open("rb") as stream:
                    files[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
            default = writer.count(None)
            (total,) = writer.rows("SELECT (COUNT(*) AS ?n) WHERE { GRAPH ?graph { ?s ?p ?o } }")
            manifest = Manifest(
                format=FORMAT,
                version=version_name(as_of, sha256, files),
                base=base,
                as_of=as_of,
                ontology="",
                software=__version__,
                sha256=sha256,
                file_sha256=files,
                counts={"default_triples": default, "named_triples": int(str(total["n"]))},
                inferred={},
                answers={},
                sources=(),
                created=created,
            )
            return self.seal(folder, manifest)

    @contextlib.contextmanager
    def held(self, release: Release) -> Iterator[Release]:
        """Hold the files of a release by links of our own, so that who removes its directory takes nothing from us.

        The quads are not among them: who serves has loaded them. Where links cannot be made (another user's home), the
        release is given as it is.
        """
        try:
            folder = Path(tempfile.mkdtemp(prefix=f".serving-{os.getpid()}-", dir=self.root))
        except OSError:
            yield release
            return
        try:
            path = folder / release.path.name
            try:
                path.mkdir()
                for file in release.path.iterdir():
                    if file.is_file() and file.name != QUADS:
                        os.link(file, path / file.name)
            except OSError:
                path = release.path
            yield Release(path, release.manifest)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def prune(self, keep: int) -> list[str]:
        """Remove all but the newest ``keep`` releases by creation, never the current one. Give their versions."""
        current = self.current()
        ordered = sorted(self, key=lambda release: (release.manifest.created, release.version), reverse=True)
        removed = []
        for release in ordered[max(keep, 0) :]:
            if current is not None and release.version == current.version:
                continue
            self._remember(release)
            doomed = self.root / f".pruned-{release.version}"
            release.path.rename(doomed)  # first out of sight, so that a crash leaves no half release
            shutil.rmtree(doomed)
            removed.append(release.version)
        return removed

    def remembers(self, path: str) -> bool:
        """Tell whether a release here names a path below its base, or one that was pruned did. Reads all lists once."""
        names = self._names()
        if self._remembered is None or self._remembered[0] != names:
            lists = (self.root / minted.MINTED, *(self.root / name / minted.MINTED for name in names))
            self._remembered = (names, minted.Minted(path for each in lists for path in minted.read(each)))
        return path in self._remembered[1]

    def _remember(self, release: Release) -> None:
        """Keep the IRIs of a release that is about to go: a withdrawn thing answers 410, and never 404."""
        kept = self.root / minted.MINTED
        with tempfile.TemporaryDirectory(prefix=f".promote-{os.getpid()}-", dir=self.root) as folder:
            made = Path(folder) / minted.MINTED
            minted.write(made, (*minted.read(kept), *minted.read(release.path / minted.MINTED)))
            made.replace(kept)

    def sweep(self) -> None:
        """Remove what builds, promotions and services that did not end left: directories of processes that are gone."""
        for path in (*self.root.glob(".making-*"), *self.root.glob(".promote-*"), *self.root.glob(".serving-*")):
            pid = path.name.split("-")[1]
            if not (pid.isdigit() and _alive(int(pid))):
                shutil.rmtree(path, ignore_errors=True)
        for path in self.root.glob(".pruned-*"):
            shutil.rmtree(path, ignore_errors=True)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Takes snapshots: copies the bytes of a source into the home, under their hash. The only network code of the sources.

In the home: ``snapshots/{source}/{sha12}/…`` holds the files of a snapshot as they were, ``snapshots/{source}/current``
names the one that builds use. A snapshot is made beside and renamed into place, so an interrupted fetch leaves the last
one untouched.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kg.errors import FetchError
from kg.model import File, Snapshot
from kg.sources import Source

# A cap on what one file of a source may have, so that a wrong directory does not fill the disk.
MAX_FILE_BYTES = 4 * 2**30


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
    Files that are bundled need not be there. Nothing found: ``snapshot`` is None and what was taken before stays.
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
    missing = tuple(path for path in wanted if path not in found)
    required = {path for path in source.files if path in wanted}
    if not found or required & set(missing):
        return Fetched(source, None, missing, new=False)
    snapshot, new = _keep(source, found, home)
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


def _keep(source: Source, found: dict[str, Path], home: Path) -> tuple[Snapshot, bool]:
    """Copy files into the home and make them the current snapshot. Tells whether these bytes are new there."""
    root = home / "snapshots" / source.name
    root.mkdir(parents=True, exist_ok=True)
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=root))
    try:
        for path, place in found.items():
            size = place.stat().st_size
            if size > MAX_FILE_BYTES:
                raise FetchError(f"{source.name}: {place} has {size:,} bytes; a file may have {MAX_FILE_BYTES:,}")
            target = making / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(place, target)
        snapshot = Snapshot.of(source.name, _files(making, found), curated=source.curated)
        folder = root / snapshot.sha12
        new = not folder.is_dir()
        if new:
            making.rename(folder)
        pointer = root / ".current"
        pointer.write_text(snapshot.sha12 + "\n", encoding="ascii")
        os.replace(pointer, root / "current")
        return Snapshot.of(source.name, _files(folder, found), curated=source.curated), new
    except OSError as error:
        raise FetchError(
            f"{source.name}: {error.filename or root}: {error.strerror}; the last snapshot is kept"
        ) from error
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _files(folder: Path, paths: Iterable[str]) -> list[File]:
    return [File.of(path, folder / path) for path in paths]

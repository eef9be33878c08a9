"""A release as whole files for people who want all of it: N-Quads, TriG, Turtle and JSON-LD, packed in two ways.

They stand beside the releases, in ``dumps/{version}`` of the home, because they can be made from a release at any time
and a release never changes. ``dumps.json`` is written last: what it names is there, with these bytes. The words of
documents are others' and stay at home.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

import zstandard
from isal import igzip

from kg.release import Release
from kg.store import JSON_LD, N_QUADS, TRIG, TURTLE
from kg.store.transcode import transcode

MANIFEST = "dumps.json"

_FORMATS = {"nq": N_QUADS, "trig": TRIG, "jsonld": JSON_LD, "ttl": TURTLE}
_PACKED = {"gz": "application/gzip", "zst": "application/zstd"}


@dataclass(frozen=True, slots=True)
class Dump:
    """One file: all quads but the words of documents, or the default graph where the format has no graphs."""

    name: str
    media_type: str
    packed: str
    sha256: str
    size: int


def place(home: Path, version: str) -> Path:
    """Give the directory of the dumps of a release."""
    return home / "dumps" / version


def make(release: Release, home: Path) -> Sequence[Dump]:
    """Write every dump of a release, or give those that are there. About twenty seconds for a million quads."""
    target = place(home, release.version)
    if made := read(home, release.version):
        return made
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".making-{os.getpid()}-", dir=target.parent))
    try:
        found = [_write(release, folder, suffix, packing) for suffix in _FORMATS for packing in _PACKED]
        (folder / MANIFEST).write_text(json.dumps([asdict(dump) for dump in found], indent=1) + "\n", encoding="utf-8")
        folder.chmod(0o755)
        folder.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return found


def remove(home: Path, versions: Iterable[str]) -> None:
    """Remove the dumps of releases that are gone."""
    for version in versions:
        shutil.rmtree(place(home, version), ignore_errors=True)


def read(home: Path, version: str) -> Sequence[Dump]:
    """Give the dumps of a release that are there; none where none were made."""
    with contextlib.suppress(OSError, ValueError, TypeError):
        rows = json.loads((place(home, version) / MANIFEST).read_bytes())
        return [Dump(**row) for row in rows]
    return []


def _write(release: Release, folder: Path, suffix: str, packing: str) -> Dump:
    path = folder / f"osai-kg-{release.version}.{suffix}.{packing}"
    with contextlib.ExitStack() as stack:
        quads = stack.enter_context(cast("IO[bytes]", igzip.open(release.quads, "rb")))
        raw = stack.enter_context(path.open("wb"))
        packed: igzip.IGzipFile | zstandard.ZstdCompressionWriter
        if packing == "gz":
            packed = stack.enter_context(igzip.IGzipFile("", "wb", 2, raw, mtime=0))
        else:
            packed = stack.enter_context(zstandard.ZstdCompressor(level=3).stream_writer(raw, closefd=False))
        transcode(quads, cast("IO[bytes]", packed), _FORMATS[suffix], without=f"{release.manifest.base}graph/words/")
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return Dump(path.name, _FORMATS[suffix], _PACKED[packing], sha256, path.stat().st_size)

"""Every IRI that a release names below the base, so that none of a past release is ever forgotten.

A release holds its own list, which depends on its quads only; what a home has seen is the union of the lists of its
releases and of the list that pruned ones leave behind. So a release stays a function of its inputs, and a roll-back
remembers too. Knows no store.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from pathlib import Path

# In a release: its IRIs, one path below the base a line, sorted. Beside the releases: those of releases that are gone.
MINTED = "iris.txt.gz"

# What names a thing (ontology design, section 1). A term of the ontology is a fragment of a page that never goes.
_ROOTS = rb"(?:id|concept|graph)/"
_BLOCK = 1 << 24


def leave(folder: Path, quads: Path, base: str) -> None:
    """Write the list of a release from its packed N-Quads. A second and a half for each million quads."""
    write(folder / MINTED, _named_in(quads, base))


def write(path: Path, paths: Iterable[str]) -> None:
    """Write a list. Equal sets give equal bytes."""
    with path.open("wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as packed:
        packed.write("".join(f"{name}\n" for name in sorted(set(paths))).encode())


def read(path: Path) -> Iterator[str]:
    """Read a list; nothing where there is none."""
    if path.is_file():
        with gzip.open(path, "rt", encoding="utf-8", newline="\n") as stream:
            for line in stream:
                yield line.rstrip("\n")


class Minted:
    """A set of paths below the base: eight bytes of memory for each, and no way back to the name."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._marks = array("Q", sorted({_mark(path) for path in paths}))

    def __contains__(self, path: str) -> bool:
        mark = _mark(path)
        place = bisect_left(self._marks, mark)
        return place < len(self._marks) and self._marks[place] == mark

    def __len__(self) -> int:
        return len(self._marks)


def _mark(path: str) -> int:
    # Two of a million paths meet with a probability of 3 in 10 to the power of 8.
    return int.from_bytes(hashlib.blake2b(path.encode(), digest_size=8).digest())


def _named_in(quads: Path, base: str) -> set[str]:
    pattern = re.compile(b"<" + re.escape(base.encode()) + b"(" + _ROOTS + b"[^>#]*)")
    found: set[bytes] = set()
    with gzip.open(quads, "rb") as stream:
        rest = b""
        while block := stream.read(_BLOCK):
            lines, newline, rest = (rest + block).rpartition(b"\n")
            found.update(pattern.findall(lines + newline))
    return {path.decode() for path in found}

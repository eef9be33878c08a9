"""A release as files for the bulk loaders of other engines: sorted, cut into parts, packed, hashed, with a manifest.

N-Quads keep every graph in one set of parts. N-Triples and Turtle have no graphs, so each graph gets parts of its own,
and beside each part a file ``….graph`` with the name of its graph, which Virtuoso's loader reads. Words of documents by
others stay at home unless they are asked for.

The manifest is written last: a directory without ``export.json`` holds no whole export. Reads the sealed quads once;
holds at most one part's lines of each graph.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import zstandard
from isal import igzip

from kg import __version__
from kg.errors import ConfigError, ReleaseError
from kg.release import Release

MANIFEST = "export.json"
WORDS = "graph/words/"
DEFAULT = "default"  # how the default graph is called where graphs are chosen

Format: TypeAlias = Literal["nq", "nt", "ttl"]
Packing: TypeAlias = Literal["gz", "zst", "none"]
_SUFFIX: Mapping[str, str] = {"gz": ".gz", "zst": ".zst", "none": ""}


@dataclass(frozen=True, slots=True)
class Exported:
    """What was written: the manifest's members."""

    release: str
    sha256: str  # of the release
    base: str
    format: str
    software: str
    words: bool
    quads: int
    graphs: Mapping[str, int]  # graph -> quads; "default" is the default graph
    files: Sequence[Mapping[str, object]]


class _Packer(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...

    def flush(self) -> bytes: ...


class _Plain:
    def compress(self, data: bytes, /) -> bytes:
        return data

    def flush(self) -> bytes:
        return b""


def _packer(packing: Packing) -> _Packer:
    if packing == "zst":
        return zstandard.ZstdCompressor(level=3).compressobj()
    if packing == "gz":
        # No time and no name in the header: the same release gives the same bytes.
        return zlib.compressobj(6, zlib.DEFLATED, 31)
    return _Plain()


def export(
    release: Release,
    target: Path,
    *,
    form: Format = "nq",
    packing: Packing = "gz",
    part: int = 1_000_000,
    graphs: Sequence[str] = (),
    words: bool = False,
    default_graph: str | None = None,
) -> Exported:
    """Write ``release`` below ``target``, an empty or absent directory, ``part`` quads a file; give the manifest.

    ``graphs`` are names of graphs, whole or below the base, or beginnings of such that end in a slash; "default" is
    the default graph. None means all. ``default_graph`` is a name for the default graph, for engines that have none of
    their own. Raises ConfigError where the directory is in use or a graph is not there, ReleaseError where the quads
    cannot be read.
    """
    try:
        if target.is_dir() and any(target.iterdir()):
            raise ConfigError(f"{target} is not empty; an export needs a directory of its own")
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{target} cannot be written: {error.strerror}") from error
    chosen = _Choice(graphs, release.manifest.base, words)
    counts: Counter[str] = Counter()
    parts: dict[str, _Parts] = {}
    try:
        for graph, triple in _quads(release):
            if not chosen.takes(graph):
                continue
            name = graph or default_graph
            counts[graph or DEFAULT] += 1
            kind = "" if form == "nq" else graph or DEFAULT
            if kind not in parts:
                stem = f"{release.version}" if form == "nq" else f"{release.version}-g{len(parts):04}"
                parts[kind] = _Parts(target, stem, None if form == "nq" else name, form, packing, part)
            line = triple + (f" <{name}> .\n".encode() if form == "nq" and name else b" .\n")
            parts[kind].add(line)
        files = [file for one in parts.values() for file in one.finish()]
        unknown = chosen.unused()
        if unknown:
            raise ConfigError(f"release {release.version} has no graph {', '.join(unknown)}")
        made = Exported(
            release=release.version,
            sha256=release.manifest.sha256,
            base=release.manifest.base,
            format=form,
            software=__version__,
            words=words,
            quads=sum(counts.values()),
            graphs=dict(sorted(counts.items())),
            files=files,
        )
        text = json.dumps({name: getattr(made, name) for name in made.__slots__}, indent=1, ensure_ascii=False)
        (target / MANIFEST).write_text(text + "\n", encoding="utf-8")
    except BaseException as error:
        for path in target.glob(f"{release.version}*"):  # an export in part helps nobody
            path.unlink(missing_ok=True)
        if isinstance(error, OSError) and not isinstance(error, gzip.BadGzipFile):
            raise ConfigError(f"the export to {target} failed: {error.strerror}; nothing was left there") from error
        raise
    return made


class _Choice:
    """Which graphs are wanted."""

    def __init__(self, graphs: Sequence[str], base: str, words: bool) -> None:
        self._wanted = {name: name if name == DEFAULT or ":" in name else f"{base}{name}" for name in graphs}
        self._words = None if words else f"{base}{WORDS}"
        self._used: set[str] = set()
        self._known: dict[str, bool] = {}

    def takes(self, graph: str) -> bool:
        """Tell whether a graph is wanted; the empty name is the default graph."""
        if graph not in self._known:
            self._known[graph] = self._decide(graph)
        return self._known[graph]

    def _decide(self, graph: str) -> bool:
        fits = {
            given
            for given, name in self._wanted.items()
            if (graph or DEFAULT) == name or (name.endswith("/") and graph.startswith(name))
        }
        self._used |= fits
        if self._words is not None and graph.startswith(self._words):
            return False
        return bool(fits) or not self._wanted

    def unused(self) -> list[str]:
        """Give what was asked for and is not there."""
        return [name for name in self._wanted if name not in self._used]


@dataclass(slots=True)
class _Parts:
    """The files of one graph, or of all in N-Quads."""

    target: Path
    stem: str
    graph: str | None
    form: Format
    packing: Packing
    size: int
    files: list[Mapping[str, object]] = field(default_factory=list)
    _lines: list[bytes] = field(default_factory=list)

    def add(self, line: bytes) -> None:
        self._lines.append(line)
        if len(self._lines) >= self.size:
            self._write()

    def finish(self) -> list[Mapping[str, object]]:
        if self._lines:
            self._write()
        return self.files

    def _write(self) -> None:
        name = f"{self.stem}-{len(self.files) + 1:05}.{self.form}{_SUFFIX[self.packing]}"
        packer, digest, packed = _packer(self.packing), hashlib.sha256(), 0
        content = hashlib.sha256()
        blocks: Iterable[bytes] = _turtle(self._lines) if self.form == "ttl" else _joined(self._lines)
        with (self.target / name).open("wb") as out:
            for block in blocks:
                content.update(block)
                made = packer.compress(block)
                digest.update(made)
                packed += out.write(made)
            made = packer.flush()
            digest.update(made)
            packed += out.write(made)
        entry: dict[str, object] = {
            "name": name,
            "quads": len(self._lines),
            "bytes": packed,
            "sha256": digest.hexdigest(),
            "content_sha256": content.hexdigest(),
        }
        if self.form != "nq":
            entry["graph"] = self.graph
            if self.graph is not None:
                (self.target / f"{name}.graph").write_text(f"{self.graph}\n", encoding="utf-8")
        self.files.append(entry)
        self._lines.clear()


def _joined(lines: Sequence[bytes]) -> Iterator[bytes]:
    for start in range(0, len(lines), 10_000):
        yield b"".join(lines[start : start + 10_000])


def _turtle(lines: Sequence[bytes]) -> Iterator[bytes]:
    """Write sorted N-Triples as Turtle: each subject once."""
    last = b""
    for line in lines:
        subject, rest = line.split(b" ", 1)
        ended = rest.removesuffix(b" .\n")
        if subject == last:
            yield b" ;\n  " + ended
        else:
            yield (b" .\n" if last else b"") + subject + b" " + ended
            last = subject
    if last:
        yield b" .\n"


def _quads(release: Release) -> Iterator[tuple[str, bytes]]:
    """Give the graph of each quad (empty for the default graph) and its triple, as the release spells it, in order."""
    try:
        with igzip.open(release.quads, "rb") as stream:
            for line in stream:
                triple, graph = split(line)
                yield graph, triple
    except (OSError, EOFError, zlib.error) as error:
        raise ReleaseError(f"release {release.version}: the quads cannot be read: {error}") from error


def split(line: bytes) -> tuple[bytes, str]:
    r"""Cut a canonical N-Quads line into its triple and the name of its graph, which is empty for the default graph.

    No term but a literal holds a space, and no name of a graph a quotation mark.

    >>> split(b'<a:s> <a:p> "x <y>" <a:g> .\n')
    (b'<a:s> <a:p> "x <y>"', 'a:g')
    >>> split(b'<a:s> <a:p> <a:o> .\n')
    (b'<a:s> <a:p> <a:o>', '')
    """
    body = line.removesuffix(b"\n").removesuffix(b" .")
    literal = body.rfind(b'"') + 1
    place = body.rfind(b" <", literal)
    if place < 0 or (not literal and body.count(b" ") == 2):
        return body, ""
    return body[:place], body[place + 2 : -1].decode()

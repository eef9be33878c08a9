"""Finds and parses what is bundled: ``ontology/`` and ``queries/``, in a checkout or inside an installed wheel.

Functions that give files of the ontology take the ``root`` of another copy of it, for whoever checks one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urljoin

from rdflib import Graph
from rdflib.term import Literal, Node

from kg.errors import ConfigError, ModelError

_PACKAGE = Path(__file__).resolve().parent


def directory(name: str) -> Path:
    """Give the directory of bundled files called ``name`` ("ontology" or "queries").

    A wheel carries them under ``_bundled``, which a checkout never has; so a stranger's package called ``queries`` that
    is installed beside ours is never taken for it. Raises ConfigError when neither is there.
    """
    for candidate in (_PACKAGE / "_bundled" / name, _PACKAGE.parent / name):
        if candidate.is_dir():
            return candidate
    raise ConfigError(f"the bundled directory {name!r} is missing from {_PACKAGE}; install the package again")


def ontology() -> Path:
    """Give the directory of ontology, schemes and shapes."""
    return directory("ontology")


def queries() -> Path:
    """Give the directory of the query catalogue."""
    return directory("queries")


def curated() -> Path:
    """Give the directory of curated sources and the ledger of slugs."""
    return _PACKAGE / "sources" / "curated"


def vocabulary_files(root: Path | None = None) -> tuple[Path, ...]:
    """Give the files that a release carries in ``graph/ontology``: the core and every concept scheme, in order."""
    root = root or ontology()
    return (root / "osai.ttl", *sorted((root / "schemes").glob("*.ttl")))


def shape_files(root: Path | None = None) -> tuple[Path, ...]:
    """Give the files of shapes that every build is held against, in order."""
    return tuple(sorted(((root or ontology()) / "shapes").glob("*.ttl")))


def alignment_files(root: Path | None = None) -> tuple[Path, ...]:
    """Give the files that a release carries in ``graph/align``: one for each vocabulary our terms match, in order."""
    return tuple(sorted(((root or ontology()) / "align").glob("*.ttl")))


def read_turtle(path: Path, base: str) -> Graph:
    """Parse one Turtle file, with relative IRIs below ``base``. Raises ModelError with file and line."""
    graph = Graph()
    try:
        graph.parse(data=path.read_bytes(), format="turtle", publicID=base)
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except Exception as error:  # rdflib's parser has no common base for what it raises
        line = re.search(r"at line (\d+)", str(error))
        place = f"{path.name}:{line[1]}" if line else path.name
        why = " ".join(str(error).split())[:300]
        raise ModelError(f"{place}: not Turtle: {why}") from error
    return graph


class _Block(NamedTuple):
    """A statement of a Turtle file: the subject that begins it, each IRI that it names with the line, and its text."""

    file: str
    line: int
    subject: str | None  # None: a blank node
    named: dict[str, int]
    text: list[str]

    def line_of(self, node: Node) -> int | None:
        if isinstance(node, Literal):
            return next((self.line + n for n, line in enumerate(self.text) if str(node) in line), None)
        return self.named.get(str(node))


class Places:
    """Finds where a term stands in Turtle files, as ``osai.ttl:361``.

    Reads the text, not the triples, which have no lines: a statement begins with its subject at the start of a line and
    goes on in indented ones, as in our files. ``base`` resolves relative IRIs.
    """

    def __init__(self, paths: Iterable[Path], base: str = "") -> None:
        self._about: defaultdict[str | None, list[_Block]] = defaultdict(list)
        self._blocks: list[_Block] = []
        for path in paths:
            self._read(path, base)

    def _read(self, path: Path, base: str) -> None:
        prefixes: dict[str, str] = {}
        block = _Block(path.name, 1, None, {}, [])
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if _PREFIX.match(line):
                prefixes |= {name: _absolute(iri, base) for name, iri in _PREFIX.findall(line)}
                continue
            tokens = [
                prefixes.get(token["prefix"], "") + token["local"]
                if token["iri"] is None
                else _absolute(token["iri"], base)
                for token in _TOKEN.finditer(line)
                if token["iri"] is not None or token["local"] is not None
            ]
            if line[:1] == "[" or (tokens and _TOKEN.match(line)):
                block = _Block(path.name, number, None if line[0] == "[" else tokens[0], {}, [])
                self._about[block.subject].append(block)
                self._blocks.append(block)
            block.text.append(line)
            for token in tokens:
                block.named.setdefault(token, number)

    def __call__(self, term: Node | None, *near: Node) -> str | None:
        """Give the line of ``term`` where it says something of the first of ``near`` that it does, or where it begins.

        ``near`` are IRIs, and literals as the file writes them. What is about nobody by name (``term`` None) is looked
        for by ``near``, which then are all that it names. A term that begins no statement is looked for where it is
        named. None when it is nowhere.
        """
        wanted = list(near)
        blocks = self._about.get(None if term is None else str(term), [])
        if term is not None and not blocks:
            wanted = [term, *near]
            blocks = [block for block in self._blocks if str(term) in block.named]
        if not blocks:
            return None
        lines = [[block.line_of(node) for node in wanted] for block in blocks]
        best, found = max(zip(blocks, lines, strict=True), key=lambda one: sum(line is not None for line in one[1]))
        known = [line for line in found if line is not None and term is not None]
        return f"{best.file}:{known[0] if known else best.line}"


def _absolute(iri: str, base: str) -> str:
    return iri if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", iri) else urljoin(base, iri)  # urljoin drops an empty fragment


_PREFIX = re.compile(r"@?prefix\s+([\w-]*):\s*<([^>]*)>", re.IGNORECASE)
# A name in a line of Turtle. Comments and strings hold none; a string in three quotes is read line by line.
_TOKEN = re.compile(
    r"#.*|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'"
    r"|<(?P<iri>[^\x00-\x20<>\"{}|^`\\]*)>|(?P<prefix>[A-Za-z][\w-]*|):(?P<local>[A-Za-z][\w.-]*\b)"
)

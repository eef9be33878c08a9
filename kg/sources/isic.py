"""ISIC Rev. 4: sections, divisions, groups and classes, below each other, each code with the letter of its section.

The bundled scheme of sectors holds sections and divisions with the same labels, so that both say the same; groups and
classes come from here only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rdflib import RDF, SKOS, Literal, URIRef

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source
from kg.sources.models import Triple
from kg.sources.reading import json_document
from kg.sources.record import Record

_SCHEME = "sector"


@dataclass(frozen=True, slots=True)
class _Level:
    """One level of the classification: where its items are, their key, and how a code looks."""

    items: str
    key: str
    code: re.Pattern[str]


_LEVELS = (
    _Level("sections", "section", re.compile(r"[a-uA-U]")),
    _Level("divisions", "division", re.compile(r"\d{2}")),
    _Level("groups", "group", re.compile(r"\d{3}")),
    _Level("classes", "class", re.compile(r"\d{4}")),
)


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield a concept for each section, division, group and class, in file order: one record for each.

    Raises DriftError where a code does not look like one of its level or does not continue the code above it, a code
    stands twice, or a level has no list.
    """
    (path,) = source.files
    content = json_document(snapshot, path)
    if not isinstance(content, dict):
        raise DriftError(f"{source.name}: {path}: it holds no sections; fetch the file again")
    met: set[str] = set()
    walk = _walk(content, 0, "", "", f"{source.name}: {path}")
    for number, (locator, letter, code, depth, item) in enumerate(walk, start=1):
        if letter + code in met:
            raise DriftError(f"{source.name}: {path}: the code {letter + code} stands twice; fetch the file again")
        met.add(letter + code)
        evidence = Evidence(snapshot, number, f"{path}#{locator}", key=item[_LEVELS[depth].key])
        record = Record(item, evidence, source, issues)
        for triple in _concept(record, letter, code, depth, mint):
            yield Assertion(*triple, evidence)
        record.take(_LEVELS[depth].key)
        if depth + 1 < len(_LEVELS):
            record.take(_LEVELS[depth + 1].items)
        record.close()


def _walk(
    above: dict[str, object], depth: int, letter: str, code: str, where: str
) -> Iterator[tuple[str, str, str, int, dict[str, str]]]:
    """Give each item with its place (``C/26/261``), the letter of its section, its number and its depth."""
    level = _LEVELS[depth]
    items = above.get(level.items)
    if not isinstance(items, list):
        raise DriftError(f"{where}: {letter + code or 'the file'} has no list {level.items!r}; fetch the file again")
    for item in items:
        own = item.get(level.key) if isinstance(item, dict) else None
        if not isinstance(own, str) or not level.code.fullmatch(own) or not own.startswith(code):
            raise DriftError(f"{where}: {own!r} below {letter + code or 'the file'} is no code of a {level.key}")
        here = (own.upper(), "") if depth == 0 else (letter, own)
        steps = [here[0], *(here[1][:end] for end in (2, 3, 4) if end <= len(here[1]))]
        yield "/".join(steps), *here, depth, item
        if depth + 1 < len(_LEVELS):
            yield from _walk(item, depth + 1, *here, where)


def _concept(record: Record, letter: str, code: str, depth: int, mint: Mint) -> Iterator[Triple]:
    """Describe one concept, below the one above it."""
    concept = mint.concept(_SCHEME, letter + code)
    yield concept, RDF.type, SKOS.Concept
    label = record.text("description")
    if label is None:
        record.warn(f"{letter + code} has no title", kind="no-name")
    yield concept, SKOS.prefLabel, Literal(label or letter + code, lang="en")
    yield concept, SKOS.notation, Literal(letter + code)
    yield concept, SKOS.inScheme, mint.scheme(_SCHEME)
    if depth == 0:
        yield concept, SKOS.topConceptOf, mint.scheme(_SCHEME)
    else:
        yield concept, SKOS.broader, _above(letter, code, depth, mint)


def _above(letter: str, code: str, depth: int, mint: Mint) -> URIRef:
    return mint.concept(_SCHEME, letter + (code[:-1] if depth > 1 else ""))

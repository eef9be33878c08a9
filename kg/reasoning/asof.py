"""Reads the rules that axioms cannot be: what is current at a date, and what needs counting or "nothing else".

They are CONSTRUCT files of ``queries/rules`` that run as they stand; here the as-of date is set and they become rules
like those of the axioms. Pure but for reading the files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rdflib import RDF
from rdflib.paths import AlternativePath
from rdflib.paths import Path as PropertyPath
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Node, URIRef, Variable

from kg.errors import ModelError
from kg.rule import AS_OF, Pattern, Rule

# Our own files only, so the shape may be strict: header, prologue, CONSTRUCT with one triple, WHERE to the end.
_FILE = re.compile(
    r"(?P<header>(?:#[^\n]*\n)*)(?P<prologue>(?:(?:BASE|PREFIX)\b[^\n]*\n)*)"
    r"CONSTRUCT\s*\{(?P<head>[^{}]*)\}\s*WHERE\s*\{(?P<where>.*)\}\s*",
    re.DOTALL,
)
_SUMMARY = re.compile(r"^#\+ summary: (.+)$", re.MULTILINE)
_AS_OF = re.compile(r"VALUES\s+\?asOf\s*\{[^}]*\}")
_BASE = re.compile(r"^BASE\s*<[^>]*>", re.MULTILINE)


def as_of_rules(directory: Path, *, base: str, as_of: datetime) -> tuple[Rule, ...]:
    """Read every rule file of a directory, set its ``?asOf`` and its BASE, and put each after those it reads from.

    ``as_of`` must know its time zone. They run once each, in this order, before the axioms' fixpoint, on a default
    graph that holds the class hierarchy: only asserted triples count, in both directions of a property and its inverse.
    Raises ModelError with the file for one that is no CONSTRUCT of one triple, and for rules that read each other.
    """
    if as_of.tzinfo is None:
        raise ModelError(f"the as-of date {as_of.isoformat()} has no time zone; give it in UTC")
    instant = as_of.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    read = [_read(path, base, instant) for path in sorted(directory.glob("*.rq"))]
    ordered: list[Rule] = []
    while read:
        ready = [rule for rule, mentions in read if not any(_name(other.head) in mentions for other, _ in read)]
        if not ready:
            names = ", ".join(rule.name for rule, _ in read)
            raise ModelError(f"{directory.name}: the rules {names} read each other, so none can run first")
        ordered.append(ready[0])
        read = [(rule, mentions) for rule, mentions in read if rule is not ready[0]]
    return tuple(ordered)


def _read(path: Path, base: str, instant: str) -> tuple[Rule, set[URIRef]]:
    """Read one file. Gives the rule and every IRI that its WHERE mentions, also under NOT EXISTS."""
    text = path.read_text(encoding="utf-8")
    parts = _FILE.fullmatch(text)
    summary = _SUMMARY.search(text)
    if parts is None or summary is None:
        raise ModelError(
            f"{path.name}: a rule is '#+ summary:', prefixes, CONSTRUCT of one triple and WHERE, and no more"
        )
    prologue = _BASE.sub(f"BASE <{base}>", parts["prologue"])
    where = _AS_OF.sub(f'VALUES ?asOf {{ "{instant}"^^<http://www.w3.org/2001/XMLSchema#dateTime> }}', parts["where"])
    try:
        query: Any = prepareQuery(f"{prologue}CONSTRUCT {{ {parts['head']} }} WHERE {{ {where} }}").algebra
    except Exception as error:  # rdflib's parser has no common base for what it raises
        raise ModelError(f"{path.name}: not SPARQL: {' '.join(str(error).split())[:300]}") from error
    if len(query.template) != 1:
        raise ModelError(f"{path.name}: a rule makes one triple, not {len(query.template)}; write one file for each")
    reads_time = "?asOf" in where
    sentence = summary[1].strip() + (f"; the as-of date is {instant}." if reads_time else ".")
    rule = Rule(
        name=path.stem,
        kind=AS_OF,
        axiom=sentence,
        graph=URIRef(f"{base}graph/inferred/{path.stem}"),
        head=tuple(query.template[0]),
        body=tuple(sorted(_premises(query.p), key=lambda pattern: tuple(map(str, pattern)))),
        where=where.strip(),
        prologue=prologue,
    )
    return rule, set(_iris(query.p))


def _premises(part: CompValue) -> Iterator[Pattern]:
    """Give the positive patterns of a group: those that every solution matches.

    Of a path of alternatives the first counts, because the others are inverses of it, so that the axioms make it hold;
    a path of any length is a condition, not a premise.
    """
    if part.name == "BGP":
        for s, p, o in part.triples:
            predicate = p.args[0] if isinstance(p, AlternativePath) else p
            if isinstance(predicate, URIRef):
                yield (s, predicate, o)
    elif part.name == "Join":
        yield from _premises(part.p1)
        yield from _premises(part.p2)
    elif part.name in ("Project", "Filter", "Extend"):
        yield from _premises(part.p)
    elif part.name in ("Minus", "LeftJoin"):
        yield from _premises(part.p1)


def _iris(part: Any) -> Iterator[URIRef]:
    """Give every IRI below a node of the parsed query, those of property paths included."""
    if isinstance(part, URIRef):
        yield part
    elif isinstance(part, CompValue):
        yield from _iris(list(part.values()))
    elif isinstance(part, PropertyPath):
        yield from _iris(list(vars(part).values()))
    elif isinstance(part, list | tuple):
        for member in part:
            yield from _iris(member)


def _name(pattern: Pattern) -> Node:
    """Give what a pattern is about: its class or its predicate."""
    _, predicate, object_ = pattern
    return object_ if predicate == RDF.type and not isinstance(object_, Variable) else predicate

"""What a query asks, pattern by pattern: what that may cost, and why it has no rows.

Takes a query apart with the parser of rdflib, after the guard has read it, into **steps**: the triple patterns that
every row must match, in the order of the text, with the VALUES and UNIONs between them. What can only take rows away
(FILTER, MINUS, sub-queries, LIMIT) is left out. Growing beginnings of the steps are asked as ASK: where one has no
match, the query has none. The terms of the patterns are looked for in the data.

An explanation asks nothing: it holds the counts of the release against the patterns. The engine tells nobody its plan.
"""

from __future__ import annotations

import difflib
import logging
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any, TypeAlias

from rdflib import RDF, XSD, BNode, Literal, URIRef, Variable
from rdflib.paths import AlternativePath, InvPath, MulPath, NegatedPath, Path, SequencePath
from rdflib.plugins.sparql import algebra
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.term import Node

from kg.errors import AnswerTooLargeError, QueryMemoryError, QuerySyntaxError, QueryTimeoutError, WorkerDiedError
from kg.plan import Operator, Triple, plan_of
from kg.store import EVERYTHING, JSON_RESULTS, N_TRIPLES, Form, Limits, Scope, Store, guard
from kg.vocab import PREFIXES

SECONDS = 3.0  # for all questions of one diagnosis together
LONGEST = 8_000  # characters of a text that is taken apart: the parser takes up to a second for them
_MOST = 20  # terms of one kind that are looked for
_NEAR = 3
_SPELLINGS = 5  # of one text, which differ in case, language or datatype

_PREFIX_NAME = re.compile(r"[^\W\d_][\w.-]*(?=:)")
_LOCAL_NAME = re.compile(r"[^#/:]*\Z")
_BARE = re.compile(r"-?[0-9]+|true|false").fullmatch
_PLAIN_NAME = re.compile(r"[A-Za-z_][\w-]*").fullmatch
# Where a query fails says less than what was probably meant.
_SAYS_LESS = ("pattern-without-match", "narrowed", "unfinished")
# What can leave no row although every pattern matches, as the parser calls it and as people do.
_NARROWING = {
    "Filter": "FILTER",
    "MinusGraphPattern": "MINUS",
    "SubSelect": "a sub-query",
    "Bind": "BIND",
    "ServiceGraphPattern": "SERVICE",
}
_NOTHING_TO_TELL = "The query has no triple pattern, and of what it names there is nothing to tell."

Spell: TypeAlias = Callable[[str], str]  # an IRI as it stands in a query
Near: TypeAlias = Callable[[str], Iterable[str]]  # an IRI that names nothing -> IRIs that were perhaps meant
# The parser is one object for the whole process, and one diagnosis at a time is enough of its work.
_parser = threading.Lock()

NOTE = (
    "Patterns stand in the order of the text; the engine chooses its own. Estimates are upper bounds, for each pattern "
    "on its own, from the counts of the release: a join of patterns may have more rows or fewer. A pattern without a "
    "number is not counted."
)


@dataclass(frozen=True, slots=True)
class Terms:
    """The classes and properties that a query may name, each with how often the release uses it; None: not counted."""

    classes: Mapping[str, int | None] = field(default_factory=dict)
    properties: Mapping[str, int | None] = field(default_factory=dict)

    def nearest(self, iri: str, *, classes: bool) -> tuple[str, ...]:
        """Give the terms whose own name is nearest, in whatever vocabulary, those in use first."""
        by_name: dict[str, list[str]] = {}
        pool = self.classes if classes else self.properties
        for term in sorted(pool, key=lambda term: (-(pool[term] or 0), term)):
            by_name.setdefault(_local(term), []).append(term)
        close = difflib.get_close_matches(_local(iri), by_name, n=_NEAR, cutoff=0.6)
        return tuple(term for name in close for term in by_name[name] if term != iri)[:_NEAR]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One thing that leaves no rows. ``nearest`` are IRIs; ``pattern`` and ``term`` stand as they do in a query."""

    kind: str
    detail: str
    pattern: str | None = None
    term: str | None = None
    nearest: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Give what is known of it."""
        known = {"kind": self.kind, "detail": self.detail, "pattern": self.pattern, "term": self.term}
        return {name: value for name, value in known.items() if value} | {"nearest": list(self.nearest)}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, in one sentence and one by one."""

    summary: str
    reasons: tuple[Reason, ...] = ()

    @property
    def whole(self) -> bool:
        """Tell whether everything was looked at; otherwise another time may tell more."""
        return all(reason.kind != "unfinished" for reason in self.reasons)

    def as_json(self) -> dict[str, object]:
        """Give it as values of JSON."""
        return {"summary": self.summary, "reasons": [reason.as_json() for reason in self.reasons]}


@dataclass(frozen=True, slots=True)
class Pattern:
    """One triple pattern, and the graph it is asked of when that is a named one."""

    subject: Node
    predicate: Node | Path
    object: Node
    graph: Node | None = None

    def text(self, spell: Spell) -> str:
        """Write it in SPARQL."""
        verb = "a" if self.predicate == RDF.type else _spelled(self.predicate, spell)
        triple = f"{_spelled(self.subject, spell)} {verb} {_spelled(self.object, spell)}"
        return f"GRAPH {_spelled(self.graph, spell)} {{ {triple} }}" if self.graph is not None else triple


@dataclass(frozen=True, slots=True)
class Step:
    """What every row must match at one place of the query: a pattern, or a VALUES or UNION with the patterns in it."""

    text: str
    patterns: tuple[Pattern, ...]


@dataclass(frozen=True, slots=True)
class Parts:
    """A query taken apart. ``dataset`` is its FROM clauses, ``left_out`` what is not asked, in words."""

    steps: tuple[Step, ...]
    dataset: str
    left_out: tuple[str, ...]

    def ask(self, count: int) -> str:
        """Ask whether the first ``count`` steps match together."""
        return f"ASK {self.dataset}{{ {' '.join(step.text for step in self.steps[:count])} }}"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """Give all patterns, those of UNIONs too."""
        return tuple(pattern for step in self.steps for pattern in step.patterns)


def diagnose(
    store: Store,
    query: str,
    *,
    base: str,
    limits: Limits,
    scope: Scope = EVERYTHING,
    terms: Terms | None = None,
    near: Near | None = None,
) -> Diagnosis:
    """Say why ``query`` has no rows over ``store``.

    All questions together take at most SECONDS; what was found until then is said. Raises what the guard raises, except
    for a prefix that is only missing its declaration: that is a reason, and the rest is said as if it were declared.
    """
    return _Doctor(store, base, limits, scope, terms or Terms(), near or (lambda _: ())).diagnose(query)


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a query asks.

    ``plan`` is how it is put together. ``patterns`` are those that every row must match, in the order of the text, with
    an upper bound of their rows or None. Both are None where the query cannot be taken apart. ``left_out`` is what else
    decides about rows. ``counts`` are what the guard found, and the most it lets pass.
    """

    form: Form
    plan: Operator | None
    patterns: tuple[tuple[str, int | None], ...] | None
    left_out: tuple[str, ...]
    counts: Mapping[str, tuple[int, int]]

    def as_json(self) -> dict[str, object]:
        """Give it as values of JSON."""
        patterns = [{"pattern": text, "estimate": rows} for text, rows in self.patterns or ()]
        return {
            "form": self.form.value,
            "plan": self.plan.as_json() if self.plan is not None else None,
            "patterns": patterns if self.patterns is not None else None,
            "left_out": list(self.left_out),
            "counts": {name: {"found": found, "limit": limit} for name, (found, limit) in self.counts.items()},
            "note": NOTE,
        }


def explain(query: str, *, base: str, terms: Terms, services: frozenset[str] = frozenset()) -> Explanation:
    """Say what a query asks, by the counts in ``terms``. Asks no store. Raises what the guard raises.

    ``services`` are the IRIs that SERVICE may name.
    """
    reading = guard.check(query, base=base, budget=guard.allowing(services))
    parts = take_apart(query, base=base)
    spell = partial(_short, base=base)
    names = (one.name for one in fields(guard.DEFAULT) if isinstance(getattr(guard.DEFAULT, one.name), int))
    return Explanation(
        form=reading.form,
        plan=_plan(query, base, terms, spell) if parts else None,
        patterns=tuple((one.text(spell), _at_most(one, terms)) for one in parts.patterns) if parts else None,
        left_out=parts.left_out if parts else (),
        counts={
            name: (getattr(reading, name), getattr(guard.DEFAULT, name)) for name in names if hasattr(reading, name)
        },
    )


def _plan(query: str, base: str, terms: Terms, spell: Spell) -> Operator | None:
    def leaf(triple: Triple, graph: Node | None) -> Operator:
        pattern = Pattern(*triple, graph)
        return Operator("pattern", pattern.text(spell), _at_most(pattern, terms))

    try:
        with _parser, _unlogged():
            return plan_of(query, base=base, leaf=leaf)
    except Exception:  # noqa: BLE001 (a parser of another grammar, as above)
        return None


def _at_most(pattern: Pattern, terms: Terms) -> int | None:
    """Give an upper bound of the rows of one pattern, or None where nothing was counted.

    A triple may stand in many graphs, so what is asked with GRAPH has no bound; a property path neither.
    """
    if pattern.graph is not None or not isinstance(pattern.predicate, URIRef):
        return None
    if not any(isinstance(term, Variable | BNode) for term in (pattern.subject, pattern.object)):
        return 1
    if pattern.predicate == RDF.type and isinstance(pattern.object, URIRef):
        return terms.classes.get(str(pattern.object))
    return terms.properties.get(str(pattern.predicate))


def declare(query: str, *, base: str, services: frozenset[str] = frozenset()) -> tuple[str, tuple[str, ...]]:
    """Add the PREFIX lines that a query lacks, of the prefixes everybody knows; give it and their names.

    Raises what the guard raises for any other fault.
    """
    added: list[str] = []
    while True:
        try:
            guard.check(query, base=base, budget=guard.allowing(services))
        except QuerySyntaxError as error:
            name = _prefix_at(query, error)
            if name is None or name in added or re.search(rf"(?i)\bPREFIX\s+{re.escape(name)}:", query):
                raise
            added.append(name)
            query = f"PREFIX {name}: <{PREFIXES[name]}>\n{query}"
        else:
            return query, tuple(added)


def take_apart(query: str, *, base: str) -> Parts | None:
    """Take apart a query that the guard has read; None where that cannot be done.

    The parser knows SPARQL 1.1 alone, recurses, and holds the interpreter: so no long text.
    """
    if len(query) > LONGEST:
        return None
    try:
        with _parser, _unlogged():
            parsed = parseQuery(query)
            prologue = algebra.translatePrologue(parsed[0], base)
            body: Any = algebra.traverse(parsed[1], visitPost=partial(algebra.translatePName, prologue=prologue))
            body = algebra.traverse(body, visitPost=algebra.translatePath)
            return _read(body)
    except Exception:  # noqa: BLE001 (whatever a parser of another grammar says of it, there are no parts)
        return None


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep the parser from logging what it thinks of a term: no query, nor a part of one, stands in a log."""
    logger = logging.getLogger("rdflib.term")
    before, logger.disabled = logger.disabled, True
    try:
        yield
    finally:
        logger.disabled = before


# --- the questions ----------------------------------------------------------------------------------------------------


class _Doctor:
    """One diagnosis: the store, what is known of its data, and the time there is."""

    def __init__(self, store: Store, base: str, limits: Limits, scope: Scope, terms: Terms, near: Near) -> None:
        self._store, self._base, self._limits, self._scope = store, base, limits, scope
        self._terms, self._near = terms, near
        self._until = time.monotonic() + min(limits.seconds, SECONDS)
        self._spell: Spell = partial(_short, base=base)

    def diagnose(self, query: str) -> Diagnosis:
        query, added = declare(query, base=self._base, services=self._store.services)
        reasons = [_missing(name) for name in added]
        parts = take_apart(query, base=self._base)
        found = self._reasons(query, parts) if parts is not None else self._unread(query)
        reasons += sorted(found, key=lambda reason: reason.kind in _SAYS_LESS)
        if not reasons:
            return Diagnosis("The query has rows.")
        return Diagnosis(reasons[0].detail, tuple(reasons))

    def _reasons(self, query: str, parts: Parts) -> Iterator[Reason]:
        causes: tuple[Reason, ...] = ()
        try:
            causes = (*self._unknown_terms(parts.patterns), *self._unknown_entities(parts.patterns))
            failed = self._first_without_match(parts)
            if failed is None:
                causes = ()  # a branch of a UNION, say: true, and no reason
                yield from self._narrowed(query, parts)
                return
            step, reason = failed
            yield reason
            for pattern in step.patterns:
                yield from self._literals(pattern, parts.dataset)
        except (QueryTimeoutError, QueryMemoryError, WorkerDiedError):
            told = "Not everything was looked at: the questions take more time or memory than a diagnosis has."
            yield Reason(kind="unfinished", detail=told)
        yield from causes

    def _unread(self, query: str) -> Iterator[Reason]:
        """Give no reason where a query without parts has rows, else that it has none. Raises QuerySyntaxError."""
        told = "The query cannot be taken apart into its patterns: it is too long, or more than SPARQL 1.1."
        try:
            if not self._has_rows(query):
                yield Reason(kind="unread", detail=told)
        except (QueryTimeoutError, QueryMemoryError, WorkerDiedError):
            yield Reason(kind="unfinished", detail=told)

    def _first_without_match(self, parts: Parts) -> tuple[Step, Reason] | None:
        for count, step in enumerate(parts.steps, start=1):
            if not self._asks(parts.ask(count)):
                alone = count > 1 and self._asks(f"ASK {parts.dataset}{{ {step.text} }}")
                return step, self._without_match(step, alone=alone)
        return None

    def _narrowed(self, query: str, parts: Parts) -> Iterator[Reason]:
        """Say what leaves no row of those that match, where none is left."""
        if (parts.steps and not parts.left_out) or self._has_rows(query):
            return
        left = ", ".join(parts.left_out)
        detail = f"All triple patterns match together; what leaves no row is {left}." if left else _NOTHING_TO_TELL
        yield Reason(kind="narrowed", detail=detail)

    def _has_rows(self, query: str) -> bool:
        form = guard.read(query, base=self._base).form
        if form is Form.ASK:
            return self._asks(query)
        media_type = N_TRIPLES if form is Form.GRAPH else JSON_RESULTS
        try:
            with self._store.answer(
                query, media_type, limits=self._left(), base=self._base, scope=self._scope
            ) as answer:
                return answer.rows > 0
        except AnswerTooLargeError:
            return True

    def _without_match(self, step: Step, *, alone: bool) -> Reason:
        shown = " or ".join(pattern.text(self._spell) for pattern in step.patterns) or step.text
        detail = (
            f"{shown} has matches, but none together with what stands before it."
            if alone
            else f"Nothing matches {shown}."
        )
        return Reason(kind="pattern-without-match", detail=detail, pattern=shown)

    def _unknown_terms(self, patterns: Iterable[Pattern]) -> Iterator[Reason]:
        for iri, is_class in _unique((named for pattern in patterns for named in _vocabulary(pattern)), _MOST):
            triple = f"?s a <{iri}>" if is_class else f"?s <{iri}> ?o"
            if self._anywhere(triple):
                continue
            kind, pool = ("class", self._terms.classes) if is_class else ("property", self._terms.properties)
            shown = self._spell(iri)
            detail = (
                f"{shown} is a {kind} of the ontology that nothing here uses."
                if iri in pool
                else f"There is no {kind} {shown} here."
            )
            nearest = self._terms.nearest(iri, classes=is_class)
            if nearest:
                detail += f" Did you mean {' or '.join(map(self._spell, nearest))}?"
            yield Reason(kind="unknown-term", detail=detail, term=shown, nearest=nearest)

    def _unknown_entities(self, patterns: Iterable[Pattern]) -> Iterator[Reason]:
        named = (
            str(term)
            for pattern in patterns
            for term in (pattern.subject, pattern.object)
            if isinstance(term, URIRef) and term.startswith(self._base)
        )
        classes = {iri for pattern in patterns for iri, is_class in _vocabulary(pattern) if is_class}
        for iri in _unique((iri for iri in named if iri not in classes), _MOST):
            if self._anywhere(f"<{iri}> ?p ?o") or self._anywhere(f"?s ?p <{iri}>"):
                continue
            nearest = tuple(self._near(iri))[:_NEAR]
            shown = self._spell(iri)
            meant = f" Did you mean {' or '.join(map(self._spell, nearest))}?" if nearest else ""
            yield Reason(
                kind="unknown-entity", detail=f"{shown} names nothing here.{meant}", term=shown, nearest=nearest
            )

    def _literals(self, pattern: Pattern, dataset: str) -> Iterator[Reason]:
        """Look for the text of a literal as the property has it: in another case, language or datatype."""
        wanted = pattern.object
        if not isinstance(wanted, Literal) or not isinstance(pattern.predicate, URIRef | Path):
            return
        any_object = replace(pattern, object=Variable("found")).text(_whole)
        text = Literal(str(wanted)).n3()
        query = (
            f"SELECT DISTINCT ?found {dataset}{{ {any_object} "
            f"FILTER(isLiteral(?found) && LCASE(STR(?found)) = LCASE({text})) }} LIMIT {_SPELLINGS}"
        )
        for row in self._store.rows(query, limits=self._left(), base=self._base, scope=self._scope):
            found = row["found"]
            if not isinstance(found, Literal) or found == wanted:
                continue
            if str(found) != str(wanted):
                kind, differs = "literal-case", "other letters"
            elif found.language != wanted.language:
                kind = "literal-language"
                differs = f"the language {found.language}" if found.language else "no language"
            else:
                kind = "literal-datatype"
                differs = f"the datatype {self._spell(str(found.datatype or XSD.string))}"
            shown = _spelled(found, self._spell)
            detail = f"{_spelled(wanted, self._spell)} is there with {differs}: write {shown}."
            yield Reason(kind=kind, detail=detail, pattern=pattern.text(self._spell), term=shown)

    def _anywhere(self, triple: str) -> bool:
        """Tell whether a triple stands in any graph, whichever the query asks."""
        everything = f"ASK {{ {{ {triple} }} UNION {{ GRAPH ?g {{ {triple} }} }} }}"
        return self._asks(everything, scope=EVERYTHING)

    def _asks(self, query: str, *, scope: Scope | None = None) -> bool:
        scope = self._scope if scope is None else scope
        with self._store.answer(query, JSON_RESULTS, limits=self._left(), base=self._base, scope=scope) as answer:
            return re.search(rb'"boolean"\s*:\s*true', answer.read()) is not None

    def _left(self) -> Limits:
        left = self._until - time.monotonic()
        if left <= 0:
            raise QueryTimeoutError(SECONDS)
        return replace(self._limits, seconds=min(left, self._limits.seconds))


def _missing(name: str) -> Reason:
    line = f"PREFIX {name}: <{PREFIXES[name]}>"
    return Reason(kind="missing-prefix", detail=f"The prefix {name}: is not declared; add {line}", term=f"{name}:")


def _prefix_at(query: str, error: QuerySyntaxError) -> str | None:
    """Give the well-known prefix that stands where a query is wrong."""
    if error.line is None or error.column is None:
        return None
    start = sum(len(line) for line in re.findall(r"[^\n]*\n", query)[: error.line - 1]) + error.column - 1
    found = _PREFIX_NAME.match(query, start)
    return found[0] if found is not None and found[0] in PREFIXES else None


def _vocabulary(pattern: Pattern) -> Iterator[tuple[str, bool]]:
    """Give the terms of a pattern, and of each whether it is a class."""
    for iri in _properties(pattern.predicate):
        yield iri, False
    if pattern.predicate == RDF.type and isinstance(pattern.object, URIRef):
        yield str(pattern.object), True


def _properties(predicate: object) -> Iterator[str]:
    match predicate:
        case URIRef():
            yield str(predicate)
        case InvPath(arg=arg):
            yield from _properties(arg)
        case MulPath(path=path, mod="+"):
            yield from _properties(path)  # of * and ? none need be there
        case SequencePath(args=args):
            for part in args:
                yield from _properties(part)
        case _:  # of alternatives one is enough; a negation needs none
            return


def _unique(found: Iterable[Any], most: int) -> Sequence[Any]:
    return list(dict.fromkeys(found))[:most]


def _local(iri: str) -> str:
    found = _LOCAL_NAME.search(iri)
    return found[0].casefold() if found else ""


# --- the text ---------------------------------------------------------------------------------------------------------


def _whole(iri: str) -> str:
    return f"<{iri}>"


def _short(iri: str, *, base: str) -> str:
    """Spell an IRI as people write it: with a well-known prefix, or below the base."""
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and _PLAIN_NAME(iri, len(namespace)):
            return f"{prefix}:{iri[len(namespace) :]}"
    return f"<{iri.removeprefix(base)}>"


def _spelled(term: object, spell: Spell) -> str:
    """Write a term or a path in SPARQL; a blank node is the variable that it is."""
    match term:
        case URIRef():
            return spell(str(term))
        case BNode():
            return f"?blank_{re.sub(r'[^A-Za-z0-9]', '_', str(term))}"
        case Literal(datatype=datatype) if datatype in (XSD.integer, XSD.boolean) and _BARE(str(term)):
            return str(term)
        case Literal(datatype=datatype) if datatype is not None:
            return f"{Literal(str(term)).n3()}^^{spell(str(datatype))}"
        case Variable() | Literal():
            return term.n3()
        case InvPath(arg=arg):
            return f"^({_spelled(arg, spell)})"
        case MulPath(path=path, mod=mod):
            return f"({_spelled(path, spell)}){mod}"
        case SequencePath(args=args):
            return "/".join(_operand(part, spell) for part in args)
        case AlternativePath(args=args):
            return "|".join(_operand(part, spell) for part in args)
        case NegatedPath(args=args):
            # Of an inverse in here the parser of rdflib forgets the property: what it gives is then no term.
            return f"!({'|'.join(_spelled(part, spell) for part in args)})"
        case _:
            raise TypeError(f"no term of a query: {term!r}")


def _operand(part: object, spell: Spell) -> str:
    text = _spelled(part, spell)
    return f"({text})" if isinstance(part, SequencePath | AlternativePath) else text


# --- the parts --------------------------------------------------------------------------------------------------------


def _read(body: Any) -> Parts:
    """Read what the parser gives, which has no types."""
    left_out: dict[str, None] = {}
    steps = [*_steps(body.where, None, left_out)] if body.where else []
    if body.valuesClause and body.valuesClause.var:
        steps.insert(0, _values(body.valuesClause))
    if body.having:
        left_out["HAVING"] = None
    if body.limitoffset and (int(body.limitoffset.offset or 0) or body.limitoffset.limit == Literal(0)):
        left_out["LIMIT or OFFSET"] = None
    clauses = body.datasetClause or ()
    dataset = [f"FROM <{one.default}> " if one.default else f"FROM NAMED <{one.named}> " for one in clauses]
    return Parts(tuple(steps), "".join(dataset), tuple(left_out))


def _steps(group: Any, graph: Node | None, left_out: dict[str, None]) -> Iterator[Step]:
    if group.name == "SubSelect":
        left_out[_NARROWING["SubSelect"]] = None
        return
    for part in group.part or ():
        if part.name == "TriplesBlock":
            for flat in part.triples:
                for subject, predicate, object_ in zip(flat[::3], flat[1::3], flat[2::3], strict=True):
                    pattern = Pattern(subject, predicate, object_, graph)
                    yield Step(f"{pattern.text(_whole)} .", (pattern,))
        elif part.name == "InlineData":
            yield _values(part)
        elif part.name == "GraphGraphPattern":
            yield from _steps(part.graph, part.term, left_out)
        elif part.name == "GroupOrUnionGraphPattern":
            branches = [[*_steps(branch, graph, left_out)] for branch in part.graph]
            if len(branches) == 1:
                yield from branches[0]
                continue
            text = " UNION ".join(f"{{ {' '.join(step.text for step in branch)} }}" for branch in branches)
            yield Step(text, tuple(pattern for branch in branches for step in branch for pattern in step.patterns))
        elif part.name in _NARROWING:
            left_out[_NARROWING[part.name]] = None


def _values(part: Any) -> Step:
    """Write a VALUES block. Of one variable the parser gives values, of several rows of values."""
    rows = [row if isinstance(row, list) else [row] for row in part.value]
    written = (" ".join("UNDEF" if str(term) == "UNDEF" else _spelled(term, _whole) for term in row) for row in rows)
    return Step(
        f"VALUES ({' '.join(name.n3() for name in part.var)}) {{ {' '.join(f'({row})' for row in written)} }}", ()
    )

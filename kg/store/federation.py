"""SERVICE answered before the engine sees the query: each endpoint on the operator's list is asked once, for its group.

``SERVICE <iri> { P }`` means: the solutions of ``SELECT * { P }`` at the endpoint, joined with what stands around. So
the group is sent as that SELECT, and the solutions that come back take its place as VALUES. The engine never calls
anybody, and its process keeps every wall it has. Blank nodes cannot stand in VALUES: they travel as IRIs, which a
function of ours (``guard.BLANK``) turns back where the engine is the embedded one.

For ``SERVICE ?v { P }`` the values of the variable are asked of our own store first, by the pattern that stands before;
each must be on the list. A SERVICE in a SERVICE is the other endpoint's to call, and must be on the list all the same.

Knows no network: the relay (``kg.store.relay``) is handed in. Source: SPARQL 1.1 Federated Query, sections 2 to 4.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

import pyoxigraph

from kg.errors import (
    AnswerTooLargeError,
    KgError,
    QueryRefusedError,
    QueryTimeoutError,
    QueueFullError,
    ServiceFailedError,
)
from kg.store import JSON_RESULTS, Answer, Limits
from kg.store.guard import BLANK, Reading, ServiceCall

_VALUE = "kg_value"  # how the variable of an IRI that stands for a blank node begins
# A solution in which nothing is bound, and the variables of the group still in scope: what a SILENT that failed means.
_NOTHING = "{{ SELECT * {{ VALUES () {{ () }} OPTIONAL {{ FILTER(false) {{ {group}\n}} }} }} }}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the SERVICEs of one query may use together, and the ``rows`` and ``bytes`` of one answer.

    ``share`` is the part of the query's own seconds.
    """

    calls: int = 10
    rows: int = 50_000
    bytes: int = 10_000_000
    share: float = 0.5


class Relay(Protocol):
    """Asks an endpoint a SELECT and gives its answer in JSON results, within ``limits``. Raises KgError."""

    def __call__(self, endpoint: str, query: str, *, base: str | None, limits: Limits) -> bytes:
        """Ask ``query`` of ``endpoint``, where ``base`` resolves its relative IRIs."""
        ...


@dataclass(frozen=True, slots=True)
class Gathered:
    """A pattern for each SERVICE of a query, the endpoints that were asked, and those that failed in silence."""

    patterns: Sequence[str]
    called: tuple[str, ...]
    failed: tuple[str, ...]


Ask = Callable[[str, str, Limits], Answer]  # text, media type, limits


class Federation:
    """The endpoints that SERVICE may name, as the operator lists them, and the way to them."""

    def __init__(self, endpoints: Iterable[str], relay: Relay, *, bounds: Bounds | None = None) -> None:
        self.services = frozenset(endpoints)
        self._relay = relay
        self._bounds = bounds or Bounds()

    def gather(
        self, reading: Reading, query: str, ask: Ask, *, base: str | None, limits: Limits, embedded: bool
    ) -> Gathered:
        """Answer every SERVICE of ``query``.

        ``ask`` asks our own store; ``embedded`` says that it knows ``BLANK``. Raises ServiceFailedError, and
        QueryRefusedError where a bound is passed (rules "service-calls", "service-rows" and "service-bytes").
        """
        return _Gathering(self.services, self._relay, self._bounds, reading, query, ask, base, limits, embedded).run()


def answered(
    reading: Reading,
    query: str,
    ask: Ask,
    *,
    media_type: str,
    federation: Federation | None,
    base: str | None,
    limits: Limits,
    embedded: bool = True,
) -> Answer:
    """Have ``ask`` answer a query that the guard has read, every SERVICE first where there is one.

    ``embedded`` says that the engine is ours and knows ``guard.BLANK``. Raises what ``Federation.gather`` raises.
    """
    if federation is None or not reading.calls:
        return reading.answered(query, lambda text: ask(text, media_type, limits))
    until = time.monotonic() + limits.seconds
    gathered = federation.gather(reading, query, ask, base=base, limits=limits, embedded=embedded)
    left = replace(limits, seconds=max(until - time.monotonic(), 0.001))
    try:
        answer = reading.answered(query, lambda text: ask(text, media_type, left), gathered.patterns)
    except QueryTimeoutError as error:
        raise QueryTimeoutError(limits.seconds) from error
    return replace(answer, called=gathered.called, failed=gathered.failed)


@dataclass(slots=True)
class _Gathering:
    """One query and its SERVICEs, in the order of the text: what binds a variable may hold earlier ones."""

    services: frozenset[str]
    relay: Relay
    bounds: Bounds
    reading: Reading
    query: str
    ask: Ask
    base: str | None
    limits: Limits
    embedded: bool
    begun: float = field(default_factory=time.monotonic)

    def _left(self, share: float) -> float:
        """Give the seconds until this share of the query's time is over."""
        return max(self.begun + share * self.limits.seconds - time.monotonic(), 0.001)

    def run(self) -> Gathered:
        """Answer them."""
        kept: dict[tuple[str, str, bool], str | None] = {}  # equal questions are asked once
        labels = _Labels()
        patterns: list[str] = []
        failed: list[str] = []
        for call in self.reading.calls:
            group = self.query[slice(*call.group)]
            targets = self._targets(call, patterns)
            found = []
            for target in targets:
                key = (target, group, call.silent)
                if key not in kept:
                    if len(kept) == self.bounds.calls:
                        raise QueryRefusedError(
                            f"the query calls more than {self.bounds.calls} times with SERVICE; ask several queries",
                            rule="service-calls",
                            limit=self.bounds.calls,
                        )
                    kept[key] = self._solutions(call, target, group, labels)
                solutions = kept[key]
                if solutions is None:
                    failed.append(target)
                    solutions = _NOTHING.format(group=group)
                found.append(solutions)
            patterns.append(_joined(call.target, targets, found))
        called = dict.fromkeys(target for target, _, _ in kept)
        return Gathered(patterns, tuple(called), tuple(dict.fromkeys(failed)))

    def _solutions(self, call: ServiceCall, target: str, group: str, labels: _Labels) -> str | None:
        """Ask one endpoint, and write its solutions as a pattern; None where it fails and the call is SILENT."""
        text = f"{self.query[: self.reading.prologue]}\nSELECT * {{{group}\n}}"
        limits = replace(self.limits, bytes=self.bounds.bytes, seconds=self._left(self.bounds.share))
        try:
            body = self.relay(target, text, base=self.base, limits=limits)
            return _values(body, self.bounds.rows, labels if self.embedded else None)
        except AnswerTooLargeError as error:
            raise _too_much(target, "bytes", self.bounds.bytes) from error
        except _TooManyRowsError as error:
            raise _too_much(target, "rows", self.bounds.rows) from error
        except QueueFullError:  # the want of room is ours, and no failure of theirs
            raise
        except (KgError, ValueError, SyntaxError) as error:
            if call.silent:
                return None
            raise ServiceFailedError(target, str(error)) from error

    def _targets(self, call: ServiceCall, patterns: Sequence[str]) -> list[str]:
        """Give the addresses that a SERVICE calls. Raises QueryRefusedError where one is not on the list."""
        if call.bound_by is None:
            return [call.target]
        begin, end = call.bound_by
        before = self.reading.part(self.query, begin, end, patterns)
        head = f"{self.query[: self.reading.prologue]}\nSELECT DISTINCT {call.target} WHERE"
        text = f"{head} {before}\n}} LIMIT {self.bounds.calls + 1}"
        answer = self.ask(text, JSON_RESULTS, replace(self.limits, seconds=self._left(1.0)))
        found = [solution[0] for solution in _parsed(answer.read())]
        for value in found:
            if not isinstance(value, pyoxigraph.NamedNode) or value.value not in self.services:
                what = "nothing" if value is None else str(value)[:200]
                raise QueryRefusedError(
                    f"SERVICE {call.target} would call {what}, which is not on the list of this endpoint "
                    f"({', '.join(sorted(self.services))}); keep to those, with VALUES for instance",
                    rule="service",
                )
        return sorted(str(value.value) for value in found if isinstance(value, pyoxigraph.NamedNode))


class _TooManyRowsError(Exception):
    """An answer has more rows than one may have."""


def _too_much(target: str, what: str, limit: int) -> QueryRefusedError:
    return QueryRefusedError(
        f"SERVICE <{target}> gives more than {limit:,} {what}; bind more terms inside its braces (VALUES), or "
        "write a SELECT with LIMIT there",
        rule=f"service-{what}",
        limit=limit,
    )


class _Labels:
    """Names blank nodes of other endpoints so that they are nobody else's."""

    def __init__(self) -> None:
        self._token = secrets.token_hex(8)
        self._count = 0

    def fresh(self) -> Callable[[str], str]:
        """Give names for the blank nodes of one answer: equal labels there are one blank node, and no other's."""
        names: dict[str, str] = {}

        def name(label: str) -> str:
            if label not in names:
                self._count += 1
                names[label] = f"{self._token}{self._count}"
            return names[label]

        return name


def _parsed(body: bytes) -> pyoxigraph.QuerySolutions:
    found = pyoxigraph.parse_query_results(body, pyoxigraph.QueryResultsFormat.JSON)
    if not isinstance(found, pyoxigraph.QuerySolutions):
        raise ValueError("it answers a SELECT with yes or no")  # noqa: TRY004 (the text is wrong, not a type)
    return found


def _values(body: bytes, most: int, labels: _Labels | None) -> str:
    """Write JSON results as a pattern that has these solutions. Without ``labels``, blank nodes are refused."""
    solutions = _parsed(body)
    names = [variable.value for variable in solutions.variables]
    if len(set(names)) < len(names):
        raise ValueError("its head names a variable twice")
    name = labels.fresh() if labels is not None else None
    blank: set[int] = set()

    def terms(solution: Iterable[object]) -> Iterator[str]:
        for place, term in enumerate(solution):
            if isinstance(term, pyoxigraph.BlankNode):
                if name is None:
                    raise ValueError(
                        "it holds blank nodes, which cannot be joined in another engine; bind an IRI instead"
                    )
                blank.add(place)
                yield f"<{BLANK}:{name(term.value)}>"
            elif isinstance(term, pyoxigraph.Triple) or (isinstance(term, pyoxigraph.Literal) and term.direction):
                raise ValueError(f"it holds a term that RDF 1.1 does not have: {str(term)[:200]}")
            else:
                yield "UNDEF" if term is None else str(term)

    rows = []
    for solution in solutions:
        rows.append(f"({' '.join(terms(solution))})")
        if len(rows) > most:
            raise _TooManyRowsError
    values = [f"?{_VALUE}{place}" if place in blank else f"?{variable}" for place, variable in enumerate(names)]
    table = f"VALUES ({' '.join(values)}) {{ {' '.join(rows)} }}"
    if not blank:
        return table
    kept = " ".join(f"?{variable}" for variable in names)
    bound = " ".join(f"BIND(<{BLANK}>(?{_VALUE}{place}) AS ?{names[place]})" for place in sorted(blank))
    return f"{{ SELECT {kept} {{ {table} {bound} }} }}"


def _joined(target: str, targets: Sequence[str], found: Sequence[str]) -> str:
    """Join the solutions of each address with that address, where the SERVICE names a variable."""
    if not target.startswith("?"):
        return found[0]
    if not targets:
        return f"VALUES {target} {{ }}"
    sides = (f"{{ VALUES {target} {{ <{one}> }} {{ {text} }} }}" for one, text in zip(targets, found, strict=True))
    return f"{{ {' UNION '.join(sides)} }}"

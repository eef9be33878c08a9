"""The search for a proof: backwards from a triple, through the rules that can make it, down to what was asserted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from rdflib.namespace import DCTERMS, PROV
from rdflib.term import Literal, Node, URIRef, Variable

from kg.errors import AbsentError, InconsistencyError
from kg.rule import AS_OF, Clash, Pattern, Rule, Triple, fill, match
from kg.vocab import OSAI

Rows: TypeAlias = Callable[[str], Iterable[Mapping[str, Node]]]

# By which rules a triple is proved, by every one that could make it or by the one that did, and how many ways are tried
# for each: first few, then many.
_FEW, _MANY = 8, 1000
_AS_MADE = ((False, _FEW), (True, _MANY))
_SHORTEST = ((True, _FEW), (True, _MANY))
_BATCH = 100  # triples that are looked up with one query


@dataclass(frozen=True, slots=True)
class Record:
    """What was read: a place (for people) in the snapshot, of this hash, of a source that has this title."""

    iri: URIRef
    locator: str | None = None
    sha256: str | None = None
    source: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where an asserted triple stands: a named graph, and the records its subject was read from there."""

    graph: URIRef
    records: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """A triple with what it follows from. Asserted: no rule, no premises, its places.

    A triple that no named graph holds, because it was made when sources were joined, is a leaf without places.
    """

    triple: Triple
    rule: Rule | None = None
    premises: tuple[Proof, ...] = ()
    places: tuple[Place, ...] = ()

    def steps(self) -> Iterator[Proof]:
        """Give this proof and all below it, the conclusion first; a part that is used twice comes twice."""
        yield self
        for premise in self.premises:
            yield from premise.steps()


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A clash, and the least that leads to it: without any one rule or asserted triple it would not follow.

    ``proofs`` has one proof for each triple of the offence.
    """

    clash: Clash
    proofs: tuple[Proof, ...]
    rules: tuple[Rule, ...]
    asserted: tuple[Proof, ...]


def explain(rows: Rows, rules: Iterable[Rule], triple: Triple) -> Proof:
    """Prove a triple. Deterministic, and of the least depth among the ways that are tried.

    ``rows`` runs a SELECT on the release. No premise is proved by way of the goal. Asks a few queries for each level of
    the proof. A triple that stands in named graphs only (where it was read, and what joining sources left out) is
    asserted. Raises AbsentError when it is in no graph at all, and InconsistencyError when it was inferred and nothing
    leads to it any more.
    """
    return _explain(_Search(rows, rules), triple)


def explain_clash(rows: Rows, rules: Iterable[Rule], clash: Clash, row: Mapping[str, Node]) -> Contradiction:
    """Explain one row of ``clash.query``: prove its triples, then leave out whatever they do without.

    The result is minimal: asserted triples and then rules are removed one by one, while the rest still leads to the
    clash. Proofs are by whichever rules are the shortest way, not by those that came first, as a person would argue.
    Raises InconsistencyError as ``explain``.
    """
    search = _Search(rows, rules)
    offence = clash.offence(row)
    proofs = [_explain(search, triple, _SHORTEST) for triple in dict.fromkeys(offence)]
    steps = {step.triple: step for proof in proofs for step in proof.steps()}
    asserted = [triple for triple, step in steps.items() if step.rule is None]
    used = list({step.rule.name: step.rule for step in steps.values() if step.rule}.values())
    conditions = [step for step in steps.values() if step.rule and step.rule.kind == AS_OF]

    for triple in tuple(asserted):
        fewer = [other for other in asserted if other != triple]
        if set(offence) <= _closure(fewer, used, conditions):
            asserted = fewer
    for rule in tuple(used):
        without = [other for other in used if other is not rule]
        if set(offence) <= _closure(asserted, without, conditions):
            used = without
    return Contradiction(clash, tuple(proofs), tuple(used), tuple(steps[triple] for triple in asserted))


def _explain(search: _Search, triple: Triple, attempts: Iterable[tuple[bool, int]] = _AS_MADE) -> Proof:
    if not search.holds(triple):
        leaf = search.asserted(triple)
        if not leaf.places:
            raise AbsentError(f"{_spelled(triple)} is not in the release, so there is nothing to explain")
        return search.with_records(leaf)
    for every_rule, limit in attempts:
        proof = search.prove(triple, every_rule=every_rule, limit=limit)
        if proof:
            return search.with_records(proof)
    raise InconsistencyError(
        f"{_spelled(triple)} is inferred, but no rule with premises leads to it: the release and its rules do not "
        "belong together; build it again"
    )


class _Search:
    """One search backwards from a goal: which rules could have made it, from which premises, down to the asserted."""

    def __init__(self, rows: Rows, rules: Iterable[Rule]) -> None:
        self._rows = rows
        self._rules = tuple(rules)
        self._by_graph = {rule.graph: rule for rule in self._rules}
        self._graphs: dict[Triple, tuple[URIRef, ...]] = {}

    def holds(self, triple: Triple) -> bool:
        s, p, o = (term.n3() for term in triple)
        return any(True for _ in self._rows(f"SELECT ?s WHERE {{ VALUES ?s {{ {s} }} ?s {p} {o} }} LIMIT 1"))

    def asserted(self, triple: Triple) -> Proof:
        """Give a triple as a leaf, with the named graphs that hold it apart from those of rules."""
        self._look_up([triple])
        return Proof(
            triple, places=tuple(Place(graph) for graph in self._graphs[triple] if graph not in self._by_graph)
        )

    def prove(self, goal: Triple, *, every_rule: bool, limit: int) -> Proof | None:
        """Search level by level; stop at the first level with which the goal can be built from asserted triples."""
        ways: dict[Triple, list[tuple[Rule, tuple[Triple, ...]]]] = {}
        level = [goal]
        while level:
            self._look_up(level)
            below: dict[Triple, None] = {}
            for triple in level:
                ways[triple] = [] if self._asserted(triple) else list(self._ways(triple, every_rule, limit))
                below.update(dict.fromkeys(premise for _, premises in ways[triple] for premise in premises))
            depth = self._depths(ways)
            if goal in depth:
                return self._built(goal, ways, depth)
            level = [triple for triple in below if triple not in ways]
        return None

    def with_records(self, proof: Proof) -> Proof:
        """Say of each asserted triple of a proof from which records its graphs have it."""
        leaves = {step.triple: step.places for step in proof.steps() if step.rule is None}
        wanted = {(place.graph, triple[0]) for triple, places in leaves.items() for place in places}
        found = self._records(wanted, f"GRAPH ?g {{ ?s {PROV.wasDerivedFrom.n3()} ?record }}")
        # Words of others stand apart from the record they were read from: in another graph of the same load.
        sisters = (
            f"GRAPH ?i {{ ?load {PROV.generated.n3()} ?g , ?sister }} "
            f"GRAPH ?sister {{ ?s {PROV.wasDerivedFrom.n3()} ?record }}"
        )
        found |= self._records({pair for pair in wanted if pair not in found}, sisters)

        def placed(step: Proof) -> Proof:
            places = []
            for place in step.places:
                # A record that lists what it gives, gives nothing else (ontology design, section 1, rule 8).
                records = found.get((place.graph, step.triple[0]), {}).values()
                named = tuple(record for record, gives in records if not gives or step.triple[1] in gives)
                places.append(replace(place, records=named))
            return replace(step, premises=tuple(map(placed, step.premises)), places=tuple(places))

        return placed(proof)

    def _records(
        self, wanted: Iterable[tuple[URIRef, Node]], pattern: str
    ) -> dict[tuple[Node, Node], dict[Node, tuple[Record, set[Node]]]]:
        """Find the records of subjects in graphs, in order, each with the properties that it says it gives."""
        ordered = sorted(wanted)
        found: dict[tuple[Node, Node], dict[Node, tuple[Record, set[Node]]]] = {}
        for start in range(0, len(ordered), _BATCH):
            values = " ".join(f"({graph.n3()} {s.n3()})" for graph, s in ordered[start : start + _BATCH])
            for row in self._rows(
                f"SELECT ?g ?s ?record ?locator ?sha256 ?title ?gives WHERE {{ VALUES (?g ?s) {{ {values} }} {pattern} "
                f"OPTIONAL {{ GRAPH ?p {{ ?record {OSAI.locator.n3()} ?locator }} }} "
                f"OPTIONAL {{ GRAPH ?q {{ ?record {OSAI.gives.n3()} ?gives }} }} "
                f"OPTIONAL {{ GRAPH ?r {{ ?record {PROV.wasDerivedFrom.n3()} ?bytes . "
                f"?bytes {OSAI.contentSha256.n3()} ?sha256 OPTIONAL {{ ?bytes {DCTERMS.title.n3()} ?title }} }} }} "
                "} ORDER BY ?g ?s ?record ?locator ?title"
            ):
                told = (str(row[name]) if name in row else None for name in ("locator", "sha256", "title"))
                records = found.setdefault((row["g"], row["s"]), {})
                _, gives = records.setdefault(row["record"], (Record(URIRef(str(row["record"])), *told), set()))
                if "gives" in row:
                    gives.add(row["gives"])
        return found

    def _look_up(self, triples: Sequence[Triple]) -> None:
        """Note in which named graphs triples stand."""
        unknown = [triple for triple in triples if triple not in self._graphs]
        for start in range(0, len(unknown), _BATCH):
            batch = unknown[start : start + _BATCH]
            # By number: an engine may give a literal back in another lexical form than it was asked in.
            values = " ".join(f"({n} {s.n3()} {p.n3()} {o.n3()})" for n, (s, p, o) in enumerate(batch))
            found: list[set[URIRef]] = [set() for _ in batch]
            for row in self._rows(
                f"SELECT ?n ?g WHERE {{ VALUES (?n ?s ?p ?o) {{ {values} }} GRAPH ?g {{ ?s ?p ?o }} }}"
            ):
                found[int(str(row["n"]))].add(URIRef(str(row["g"])))
            for triple, graphs in zip(batch, found, strict=True):
                self._graphs[triple] = tuple(sorted(graphs))

    def _asserted(self, triple: Triple) -> bool:
        graphs = self._graphs[triple]
        return not graphs or any(graph not in self._by_graph for graph in graphs)

    def _ways(self, triple: Triple, every_rule: bool, limit: int) -> Iterator[tuple[Rule, tuple[Triple, ...]]]:
        """Give the rules that make a triple, each with premises found in the data; the rule that made it first."""
        made_by = [self._by_graph[graph] for graph in self._graphs[triple] if graph in self._by_graph]
        others = [rule for rule in self._rules if rule not in made_by] if every_rule else []
        for rule in (*made_by, *others):
            query = rule.premises(triple, limit=limit)
            if query is None:
                continue
            bound = match(rule.head, triple) or {}
            for row in self._rows(query):
                bindings = bound | {Variable(name): term for name, term in row.items()}
                premises = dict.fromkeys(fill(pattern, bindings) for pattern in rule.body)
                if triple not in premises:
                    yield rule, tuple(premises)  # type: ignore[arg-type]  # every variable of the body is bound

    def _depths(self, ways: Mapping[Triple, list[tuple[Rule, tuple[Triple, ...]]]]) -> dict[Triple, int]:
        """Give the least depth of a proof for each triple that has one, 0 for asserted: so no proof is circular."""
        depth = {triple: 0 for triple in ways if self._asserted(triple)}
        for current in range(1, len(ways) + 1):
            new = {
                triple: current
                for triple, found in ways.items()
                if triple not in depth and any(all(premise in depth for premise in premises) for _, premises in found)
            }
            if not new:
                break
            depth.update(new)
        return depth

    def _built(
        self,
        triple: Triple,
        ways: Mapping[Triple, list[tuple[Rule, tuple[Triple, ...]]]],
        depth: Mapping[Triple, int],
    ) -> Proof:
        if depth[triple] == 0:
            return self.asserted(triple)
        rule, premises = next(
            (rule, premises)
            for rule, premises in ways[triple]
            if all(depth.get(premise, depth[triple]) < depth[triple] for premise in premises)
        )
        return Proof(triple, rule, tuple(self._built(premise, ways, depth) for premise in premises))


def _closure(triples: Iterable[Triple], rules: Sequence[Rule], conditions: Iterable[Proof]) -> set[Pattern]:
    """Give all that follows from a few triples by a few rules. As-of rules make only the ``conditions`` seen before."""
    known: set[Pattern] = set(triples)
    while True:
        new = {
            fill(rule.head, bindings)
            for rule in rules
            if rule.kind != AS_OF
            for bindings in _matches(rule.body, known, {})
        }
        new |= {
            step.triple
            for step in conditions
            if step.rule in rules and all(premise.triple in known for premise in step.premises)
        }
        new = {triple for triple in new if not isinstance(triple[0], Literal)}
        if new <= known:
            return known
        known |= new


def _matches(
    body: Sequence[Pattern], known: set[Pattern], bindings: dict[Variable, Node]
) -> Iterator[dict[Variable, Node]]:
    if not body:
        yield bindings
        return
    wanted = fill(body[0], bindings)
    for triple in known:
        found = match(wanted, triple)
        if found is not None:
            yield from _matches(body[1:], known, bindings | found)


def _spelled(triple: Triple) -> str:
    return " ".join(term.n3() for term in triple)

"""Runs checks, says where each violation was read, and spells the report as RDF, JSON and text."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TypeAlias, TypeVar

from rdflib import RDF, SH, Graph, Literal, URIRef
from rdflib import paths as sparql_paths
from rdflib.namespace import PROV
from rdflib.term import BNode, Node

from kg.model import Mint
from kg.validation.compiler import Check
from kg.validation.shapes import Path, short, spell_path, term
from kg.vocab import OSAI, PREFIXES

_T = TypeVar("_T")
Rows: TypeAlias = Callable[[str], Iterator[Mapping[str, Node]]]

# The worst first.
_SEVERITIES: Mapping[URIRef, str] = {SH.Violation: "violation", SH.Warning: "warning", SH.Info: "note"}
_BATCH = 500  # nodes asked for in one query, so that its text stays small
_HOLE = re.compile(r"\{[?$]([A-Za-z_]\w*)\}")


@dataclass(frozen=True, slots=True)
class Violation:
    """One result. ``locator`` says where the triple at fault was read, or else its subject; None if that is unknown."""

    focus: Node
    path: Path | None
    value: Node | None
    shape: URIRef
    component: URIRef
    severity: URIRef
    message: str
    locator: str | None = None

    def as_json(self) -> dict[str, str | None]:
        """Give the result as plain values, IRIs in full; a path that is more than a predicate as SPARQL spells it."""
        path = None if self.path is None else self.path if isinstance(self.path, URIRef) else spell_path(self.path)
        return {
            "focus": str(self.focus),
            "path": None if path is None else str(path),
            "value": None if self.value is None else str(self.value),
            "shape": str(self.shape),
            "component": str(self.component),
            "severity": str(self.severity),
            "message": self.message,
            "locator": self.locator,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """What validation found, the worst first. Warnings are results too (SHACL, section 3.6.1)."""

    violations: tuple[Violation, ...]
    base: str

    @property
    def conforms(self) -> bool:
        """Nothing was found, not even a warning."""
        return not self.violations

    def of(self, severity: URIRef) -> tuple[Violation, ...]:
        """Give the results of one severity: ``of(SH.Violation)`` is what should stop a build."""
        return tuple(violation for violation in self.violations if violation.severity == severity)

    def lines(self) -> Iterator[str]:
        """Give one line for each result: where it was read, what is at fault, why, how to mend it, by which shape."""
        for violation in self.violations:
            place = f"{violation.locator} " if violation.locator else ""
            focus, kind = short(violation.focus, self.base), short(violation.severity).removeprefix("sh:").lower()
            yield f"{place}{kind}: {focus} {violation.message} [{short(violation.shape)}]"

    def __str__(self) -> str:
        """Give a line that counts the results, and a line for each."""
        counts = {name: len(self.of(severity)) for severity, name in _SEVERITIES.items()}
        total = ", ".join(
            f"{count} {name}{'' if count == 1 else 's'}"
            for name, count in counts.items()
            if count or name == "violation"
        )
        return "\n".join([total, *(f"  {line}" for line in self.lines())])

    def as_json(self) -> dict[str, object]:
        """Give the report as plain values."""
        return {"conforms": self.conforms, "violations": [violation.as_json() for violation in self.violations]}

    def graph(self) -> Graph:
        """Spell the report in SHACL's own terms. It has no blank node: a result is named by what it says.

        Source: SHACL, section 3.6.
        """
        return _Spelled(self).graph


def validate(rows: Rows, checks: Iterable[Check], *, base: str) -> Report:
    """Run every check and say where each violation was read.

    ``rows`` answers a SELECT; the data are in the default graph, the links to records in the graphs of the loads and
    the records in ``graph/provenance``. Cost: one query for each check, and two for each 500 nodes at fault. Holds
    all violations, however many there are.
    """
    found: list[tuple[Check, Mapping[str, Node]]] = [(check, row) for check in checks for row in rows(check.query)]
    origins = _Origins(rows, Mint(base), found)
    violations = {_violation(check, row, origins, base) for check, row in found}
    return Report(tuple(sorted(violations, key=_rank)), base)


def _violation(check: Check, row: Mapping[str, Node], origins: _Origins, base: str) -> Violation:
    focus, path, value = row["this"], _path(check, row), _value(check, row)
    message = _HOLE.sub(lambda hole: short(row[hole[1]], base) if hole[1] in row else hole[0], check.message)
    severity = check.severity
    if check.elsewhere is not None and not origins.are_curated(node for name, node in row.items() if name != "path"):
        severity = check.elsewhere
    places = origins.locators(focus, path, value)
    locator = places[0] + (f" and {len(places) - 1} more" if len(places) > 1 else "") if places else None
    return Violation(focus, path, value, check.shape, check.component, severity, message, locator)


def _path(check: Check, row: Mapping[str, Node]) -> Path | None:
    given = row.get("path")
    return given if isinstance(given, URIRef) else check.path


def _value(check: Check, row: Mapping[str, Node]) -> Node | None:
    if check.component == SH.SPARQLConstraintComponent and check.path is None:
        return row.get("value", row["this"])  # SHACL, section 5.3.2
    return row.get("value")


def _rank(violation: Violation) -> tuple[object, ...]:
    severity = violation.severity
    worst = list(_SEVERITIES).index(severity) if severity in _SEVERITIES else len(_SEVERITIES)
    spelled = [str(part) for part in (violation.focus, violation.shape, violation.component, violation.path)]
    place = re.sub(r"\d+", lambda number: number[0].zfill(9), violation.locator or "~")
    return (worst, place, *spelled, violation.value is not None, str(violation.value), violation.message)


class _Origins:
    """Which graph says a node or a triple, and the locators of the records it was read from."""

    def __init__(self, rows: Rows, mint: Mint, found: Sequence[tuple[Check, Mapping[str, Node]]]) -> None:
        provenance = term(mint.graph("provenance"))
        self.curated = str(mint.graph("curated")) + "/"
        self.read: dict[Node, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))  # node, graph -> locators
        self.said: dict[tuple[Node, Node, Node], set[str]] = defaultdict(set)
        nodes = {row["this"] for _, row in found}
        nodes |= {node for check, row in found if check.elsewhere is not None for node in row.values()}
        triples = {
            (row["this"], path, value)
            for check, row in found
            if isinstance(path := _path(check, row), URIRef) and (value := _value(check, row)) is not None
        }
        for batch in _batches(sorted(node for node in nodes if isinstance(node, URIRef))):
            listed = " ".join(term(node) for node in batch)
            for row in rows(
                f"SELECT ?node ?graph ?locator WHERE {{ VALUES ?node {{ {listed} }} "
                f"{{ GRAPH ?graph {{ ?node {term(PROV.wasDerivedFrom)} ?record }} "
                f"GRAPH {provenance} {{ ?record {term(OSAI.locator)} ?locator }} }} UNION "
                f"{{ GRAPH ?graph {{ ?node {term(OSAI.locator)} ?locator }} }} }}"
            ):
                self.read[row["node"]][str(row["graph"])].add(str(row["locator"]))
        known = sorted(triple for triple in triples if triple[0] in self.read and not isinstance(triple[2], BNode))
        for triples_batch in _batches(known):
            listed = " ".join(f"({' '.join(term(part) for part in triple)})" for triple in triples_batch)
            for row in rows(
                f"SELECT ?s ?p ?o ?graph WHERE {{ VALUES (?s ?p ?o) {{ {listed} }} GRAPH ?graph {{ ?s ?p ?o }} }}"
            ):
                self.said[row["s"], row["p"], row["o"]].add(str(row["graph"]))

    def locators(self, focus: Node, path: Path | None, value: Node | None) -> list[str]:
        """Give where the triple at fault was read, or else where its subject was, in order."""
        by_graph = self.read.get(focus, {})
        graphs = set(by_graph)
        if isinstance(path, URIRef) and value is not None:
            graphs = (graphs & self.said.get((focus, path, value), set())) or graphs
        return sorted({locator for graph in graphs for locator in by_graph[graph]})

    def are_curated(self, nodes: Iterable[Node]) -> bool:
        """Tell whether each of the nodes that has a record has one in a curated graph."""
        return all(
            any(graph.startswith(self.curated) for graph in self.read[node]) for node in nodes if node in self.read
        )


def _batches(nodes: Iterable[_T]) -> Iterator[list[_T]]:
    stream = iter(nodes)
    while batch := list(islice(stream, _BATCH)):
        yield batch


class _Spelled:
    """A report as a graph, with an IRI for each node made from what it says."""

    def __init__(self, report: Report) -> None:
        mint = self.mint = Mint(report.base)
        self.graph = Graph()
        for prefix in ("sh", "osai", "prov"):
            self.graph.bind(prefix, PREFIXES[prefix])
        root = mint.id("node", "report")
        self.graph.add((root, RDF.type, SH.ValidationReport))
        self.graph.add((root, SH.conforms, Literal(report.conforms)))
        for violation in report.violations:
            result = self.named(repr(tuple(violation.as_json().values())))
            self.graph.add((root, SH.result, result))
            self.graph.add((result, RDF.type, SH.ValidationResult))
            self.graph.add((result, SH.focusNode, self.node(violation.focus)))
            self.graph.add((result, SH.sourceShape, violation.shape))
            self.graph.add((result, SH.sourceConstraintComponent, violation.component))
            self.graph.add((result, SH.resultSeverity, violation.severity))
            self.graph.add((result, SH.resultMessage, Literal(violation.message, lang="en")))
            if violation.path is not None:
                self.graph.add((result, SH.resultPath, self.path(violation.path)))
            if violation.value is not None:
                self.graph.add((result, SH.value, self.node(violation.value)))
            if violation.locator is not None:
                self.graph.add((result, OSAI.locator, Literal(violation.locator)))

    def named(self, content: str) -> URIRef:
        return self.mint.id("node", "report", hashlib.sha256(content.encode()).hexdigest()[:16])

    def node(self, node: Node) -> Node:
        return self.named(f"blank {node}") if isinstance(node, BNode) else node

    def path(self, path: Path) -> Node:
        if isinstance(path, URIRef):
            return path
        match path:
            case sparql_paths.SequencePath(args=args):
                return self.listed([self.path(arg) for arg in args])
            case sparql_paths.AlternativePath(args=args):
                predicate, inner = SH.alternativePath, self.listed([self.path(arg) for arg in args])
            case sparql_paths.InvPath(arg=arg):
                predicate, inner = SH.inversePath, self.path(arg)
            case sparql_paths.MulPath(path=arg, mod=mod):
                names = {"*": SH.zeroOrMorePath, "+": SH.oneOrMorePath, "?": SH.zeroOrOnePath}
                predicate, inner = names[mod], self.path(arg)
        node = self.named(f"path {spell_path(path)}")
        self.graph.add((node, predicate, inner))
        return node

    def listed(self, members: Sequence[Node]) -> Node:
        rest: Node = RDF.nil
        spelled = ""
        for member in reversed(members):
            spelled = f"{member} {spelled}"
            head = self.named(f"list {spelled}")
            self.graph.add((head, RDF.first, member))
            self.graph.add((head, RDF.rest, rest))
            rest = head
        return rest

"""A small world to reason in: an ontology and data in Turtle, the real writer, and what follows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache

from rdflib import Graph
from rdflib.term import Literal, Node, URIRef

from kg import resources
from kg.model import DEFAULT_GRAPH
from kg.reasoning import Materialisation, as_of_rules, clashes, materialise, rules
from kg.rule import Clash, Rule, Triple
from kg.store.oxigraph import OxigraphWriter

BASE = "http://kg.test/"
PREFIXES = f"""
@base <{BASE}> .
@prefix : <http://terms.test/#> .
@prefix osai: <https://w3id.org/osai-kg/ontology#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def turtle(text: str) -> Graph:
    return Graph().parse(data=PREFIXES + text, format="turtle")


@cache
def core() -> Graph:
    """The real ontology; not to be changed."""
    return resources.read_turtle(resources.ontology() / "osai.ttl", BASE)


def iri(text: str) -> URIRef:
    """Read :name, osai:name, a, or a path below the base."""
    (found,) = turtle(f"<x> <x> {text if text != 'a' else 'rdf:type'} .").objects()
    assert isinstance(found, URIRef)
    return found


def triple(text: str) -> Triple:
    ((s, p, o),) = turtle(f"{text} .")
    assert isinstance(s, URIRef)
    assert isinstance(p, URIRef)
    assert isinstance(o, URIRef | Literal)
    return (s, p, o)


@cache
def core_rules() -> tuple[Rule, ...]:
    return rules(core(), base=BASE)


@cache
def core_clashes() -> tuple[Clash, ...]:
    return clashes(core(), base=BASE)


@dataclass
class World:
    """``data`` is the text of each asserted graph, by the last parts of its name."""

    ontology: Graph
    rules: tuple[Rule, ...]
    clashes: tuple[Clash, ...] = ()
    writer: OxigraphWriter = field(default_factory=OxigraphWriter)

    @classmethod
    def of(cls, ontology: str | Graph, data: str = "", **more: str) -> World:
        graph = turtle(ontology) if isinstance(ontology, str) else ontology
        world = cls(graph, rules(graph, base=BASE), clashes(graph, base=BASE))
        for name, text in {"curated/data": data, **more}.items():
            world.add(turtle(text), name)
        return world

    @classmethod
    def at(cls, as_of: str | datetime, data: str | Graph) -> World:
        """The real ontology and the as-of rules, at an instant."""
        instant = as_of if isinstance(as_of, datetime) else datetime.fromisoformat(as_of).replace(tzinfo=UTC)
        at_date = as_of_rules(resources.queries() / "rules", base=BASE, as_of=instant)
        world = cls(core(), (*at_date, *core_rules()), core_clashes())
        world.add(core(), "ontology")
        world.add(turtle(data) if isinstance(data, str) else data, "curated/data")
        return world

    def add(self, graph: Iterable[tuple[Node, Node, Node]], name: str) -> None:
        target = URIRef(f"{BASE}graph/{name}")
        named = [(s, p, o) for s, p, o in graph if isinstance(s, URIRef) and isinstance(o, URIRef | Literal)]
        self.writer.add((s, URIRef(str(p)), o, where) for s, p, o in named for where in (target, DEFAULT_GRAPH))

    def reason(self) -> Materialisation:
        return materialise(self.writer, self.rules, base=BASE)

    def holds(self, text: str) -> bool:
        s, p, o = (term.n3() for term in triple(text))
        return bool(list(self.writer.rows(f"SELECT ?x WHERE {{ VALUES ?x {{ 1 }} {s} {p} {o} }}")))

    def inferred(self) -> dict[Triple, list[str]]:
        """Give each inferred triple and the rules whose graphs hold it."""
        found: dict[Triple, list[str]] = {}
        prefix = f"{BASE}graph/inferred/"
        query = f'SELECT ?s ?p ?o ?g WHERE {{ GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), "{prefix}")) }}'
        for row in self.writer.rows(query):
            key = (row["s"], row["p"], row["o"])
            found.setdefault(key, []).append(str(row["g"]).removeprefix(prefix))  # type: ignore[arg-type]
        return found

    def default(self) -> set[tuple[Node, ...]]:
        return {(row["s"], row["p"], row["o"]) for row in self.writer.rows("SELECT ?s ?p ?o WHERE { ?s ?p ?o }")}

    def offences(self) -> dict[str, list[str]]:
        """Give the individuals that each clash finds, by the clash's name; clashes that find none are left out."""
        found = {clash.name: [str(row["focus"]) for row in self.writer.rows(clash.query)] for clash in self.clashes}
        return {name: individuals for name, individuals in found.items() if individuals}

"""The gold data of the bundled sources: nothing defined is asserted, all of it is inferred, and it fits the shapes."""

from __future__ import annotations

from datetime import UTC, datetime, time
from functools import cache

import pyshacl
import pytest
from rdflib import RDF, RDFS, XSD, Graph, Literal, URIRef
from rdflib.namespace import OWL, SH
from rdflib.term import Node

from kg import resources
from kg.model import DEFAULT_BASE, DEFAULT_GRAPH
from kg.reasoning import as_of_rules, classify, materialise, project_for_dl, rules
from kg.release import Release
from kg.store.oxigraph import OxigraphStore, OxigraphWriter
from kg.validation import SHAPES, checks, read_shapes, validate
from kg.vocab import OSAI

Triple = tuple[Node, Node, Node]
CURRENT = {OSAI.currentHost, OSAI.currentSeatHolder, OSAI.possibleHost, OSAI.underLicence}


@cache
def ontology() -> Graph:
    whole = Graph()
    for name in ("osai.ttl", "osai-dl.ttl"):
        whole += resources.read_turtle(resources.ontology() / name, DEFAULT_BASE)
    return whole


@cache
def defined() -> frozenset[Node]:
    """The classes that axioms define, and the one that the as-of rule asserts."""
    return frozenset({*ontology().subjects(OWL.equivalentClass), OSAI.CurrentSituation})


def derived(triples: set[Triple]) -> set[Triple]:
    """The triples that nobody may assert: membership of a defined class, and what is current."""
    return {(s, p, o) for s, p, o in triples if p in CURRENT or (p == RDF.type and o in defined())}


def triples(store: OxigraphStore, pattern: str) -> set[Triple]:
    rows = store.rows(f"SELECT ?s ?p ?o WHERE {{ {pattern} }}", trusted=True)
    return {(row["s"], row["p"], row["o"]) for row in rows}


def inferred(store: OxigraphStore) -> set[Triple]:
    made = f'GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), "{DEFAULT_BASE}graph/inferred/"))'
    return triples(store, made)


def short(pairs: set[tuple[str, str]]) -> set[tuple[str, str]]:
    return {(subject.removeprefix(f"{DEFAULT_BASE}id/"), kind.rpartition("#")[2]) for subject, kind in pairs}


def test_the_sources_assert_no_defined_class_and_nothing_current(seed_store: OxigraphStore) -> None:
    curated = f'GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), "{DEFAULT_BASE}graph/curated/"))'
    assert not derived(triples(seed_store, curated))


def test_what_was_stripped_comes_back_by_inference(seed_store: OxigraphStore, seed_release: Release) -> None:
    everything = triples(seed_store, "?s ?p ?o")
    wanted = derived(everything)
    stripped = everything - inferred(seed_store) - wanted
    assert not derived(stripped)
    writer = OxigraphWriter()
    writer.add((s, URIRef(str(p)), o, DEFAULT_GRAPH) for s, p, o in stripped)
    instant = datetime.combine(seed_release.manifest.as_of, time(23, 59, 59), UTC)
    core = resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE)
    at_date = as_of_rules(resources.queries() / "rules", base=DEFAULT_BASE, as_of=instant)
    materialise(writer, (*at_date, *rules(core, base=DEFAULT_BASE)), base=DEFAULT_BASE)
    again = {(row["s"], row["p"], row["o"]) for row in writer.rows("SELECT ?s ?p ?o WHERE { ?s ?p ?o }")}
    assert derived(again) == wanted
    assert again == everything


def test_the_expected_classifications_hold(seed_store: OxigraphStore) -> None:
    types = short({(str(s), str(o)) for s, p, o in triples(seed_store, "?s ?p ?o") if p == RDF.type})
    assert {kind for subject, kind in types if subject == "project/pytorch"} >= {
        "FoundationHostedProject",
        "TransferredProject",
        "VendorNeutralProject",
    }
    assert {subject for subject, kind in types if kind == "SingleVendorProject"} == set()
    assert {subject for subject, kind in types if kind == "Donation"} == {"event/pytorch-transfer-2022"}
    assert {subject for subject, kind in types if kind == "UmbrellaFoundation"} == {"org/linux-foundation"}
    assert {subject for subject, kind in types if kind == "ContestedFinding"} == {
        f"finding/osai-2025-{number}" for number in ("f16b", "x04", "f24", "x05")
    }
    assert ("finding/osai-2025-f20", "ProjectionFinding") in types
    assert ("finding/osai-2025-f20", "BoundedFinding") in types


@pytest.mark.java
@pytest.mark.slow
def test_hermit_gives_the_gold_data_the_types_that_the_rules_give(seed_store: OxigraphStore) -> None:
    data = project_for_dl(lambda query: seed_store.rows(query, trusted=True), ontology(), base=DEFAULT_BASE)
    verdict = classify(ontology(), data)
    assert verdict.consistent
    assert not verdict.unsatisfiable
    seen = {str(s) for s in data.subjects() if str(s).startswith(f"{DEFAULT_BASE}id/")}
    mine = {
        (str(s), str(o))
        for s, p, o in triples(seed_store, "?s ?p ?o")
        if p == RDF.type and str(o).startswith(str(OSAI._NS)) and str(s) in seen
    }
    hermit = {(str(s), str(c)) for s, c in verdict.types if str(s) in seen and str(c).startswith(str(OSAI._NS))}
    assert short(mine) == short(hermit)


@pytest.mark.slow
def test_pyshacl_agrees_on_the_gold_data(seed_store: OxigraphStore) -> None:
    shapes, places = read_shapes(DEFAULT_BASE)
    data = Graph()
    counted = set(ontology().subjects(RDFS.range, XSD.nonNegativeInteger))
    for s, p, o in triples(seed_store, "?s ?p ?o") - inferred(seed_store):
        # The engine keeps integers by value and gives each as xsd:integer; the sources say nonNegativeInteger.
        data.add((s, p, Literal(str(o), datatype=XSD.nonNegativeInteger) if p in counted else o))
    writer = OxigraphWriter()
    writer.add((s, URIRef(str(p)), o, DEFAULT_GRAPH) for s, p, o in data)
    # Shapes of named graphs are no question to pyshacl, which sees one graph.
    elsewhere = {SHAPES.QuoteLengthShape, *shapes.subjects(SHAPES.overGraph)}
    compiled = [check for check in checks(shapes, base=DEFAULT_BASE, places=places) if check.shape not in elsewhere]
    for shape in elsewhere:
        shapes.remove((shape, None, None))
    mine = {(v.focus, v.component, v.severity) for v in validate(writer.rows, compiled, base=DEFAULT_BASE).violations}
    _, found, _ = pyshacl.validate(data, shacl_graph=shapes, advanced=True)
    assert isinstance(found, Graph)
    theirs = {
        (
            found.value(result, SH.focusNode),
            found.value(result, SH.sourceConstraintComponent),
            found.value(result, SH.resultSeverity),
        )
        for result in found.objects(None, SH.result)
    }
    assert mine == theirs
    assert {severity for _, _, severity in mine} == {SH.Warning}, "five warnings, no violation"

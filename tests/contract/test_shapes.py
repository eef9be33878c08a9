"""The shapes files: every shape has an example that passes and one that fails, and pyshacl agrees on all of them.

A line ``# expects: osaish:NameShape, …`` of an invalid example names every shape it breaks, and no other may break. A
line ``# graph: …`` puts the example into that named graph of the base besides the default graph.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache

import pyshacl
import pytest
from rdflib import OWL, RDF, RDFS, SH, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from kg import resources
from kg.model import DEFAULT_BASE, DEFAULT_GRAPH
from kg.store.oxigraph import OxigraphWriter
from kg.validation import (
    SHAPES,
    Check,
    Example,
    Report,
    checks,
    misjudged,
    read_examples,
    read_shapes,
    surroundings,
    validate,
)
from kg.validation.shapes import read_path, spell_path

OSAI = Namespace("https://w3id.org/osai-kg/ontology#")
PROVENANCE = URIRef(f"{DEFAULT_BASE}graph/provenance")
# These read named graphs by GRAPH, which pyshacl does not offer to a query; test_quote_length states what they do.
ONLY_OURS = {SHAPES.QuoteLengthShape}


EXAMPLES = read_examples(DEFAULT_BASE)
VALID = [example for example in EXAMPLES if example.valid]
INVALID = [example for example in EXAMPLES if not example.valid]


@cache
def compiled() -> tuple[Check, ...]:
    shapes, places = read_shapes(DEFAULT_BASE)
    return checks(shapes, base=DEFAULT_BASE, places=places)


@cache
def shapes_graph() -> Graph:
    return read_shapes(DEFAULT_BASE)[0]


@cache
def vocabulary() -> Graph:
    whole = Graph()
    for path in resources.vocabulary_files():
        whole += resources.read_turtle(path, DEFAULT_BASE)
    return whole


def ours(examples: Iterable[Example]) -> Report:
    writer, together = OxigraphWriter(), Graph()
    for example in examples:
        writer.load([(example.path, DEFAULT_BASE, None)])
        if example.named:
            writer.load([(example.path, DEFAULT_BASE, example.named)])
        together += example.graph
    writer.add((s, URIRef(str(p)), o, DEFAULT_GRAPH) for s, p, o in surroundings(together, vocabulary()))
    return validate(writer.rows, compiled(), base=DEFAULT_BASE)


def results(found: Report, *, over: bool) -> set[tuple[object, ...]]:
    return {
        (
            "blank" if not isinstance(v.focus, URIRef) else v.focus,
            v.shape,
            v.component,
            spell_path(v.path) if v.path is not None else None,
            v.severity,
        )
        for v in found.violations
        if v.shape not in ONLY_OURS and (v.shape in asked_elsewhere()) == over
    }


@cache
def asked_elsewhere() -> frozenset[Node]:
    return frozenset(shapes_graph().subjects(SHAPES.overGraph))


def theirs(examples: Iterable[Example], *, over: bool) -> set[tuple[object, ...]]:
    """Give pyshacl's results over the shapes that are asked of graph/provenance, or over the others."""
    shapes = read_shapes(DEFAULT_BASE)[0]
    for unasked in set(shapes.subjects(RDF.type, SH.NodeShape)):
        if unasked in ONLY_OURS or (unasked in asked_elsewhere()) != over:
            shapes.add((unasked, SH.deactivated, Literal(True)))
    data = Graph()
    for example in examples:
        data += example.graph
    _, found, _ = pyshacl.validate(data + surroundings(data, vocabulary()), shacl_graph=shapes, advanced=True)
    assert isinstance(found, Graph)
    rows: set[tuple[object, ...]] = set()
    for result in found.objects(None, SH.result):
        shape: Node | None = found.value(result, SH.sourceShape)
        while not isinstance(shape, URIRef):
            shape = next(shapes.subjects(None, shape))  # a property shape without a name: the shape around it
        focus, path = found.value(result, SH.focusNode), found.value(result, SH.resultPath)
        assert focus is not None
        rows.add(
            (
                focus if isinstance(focus, URIRef) else "blank",
                shape,
                found.value(result, SH.sourceConstraintComponent),
                None if path is None else spell_path(read_path(found, path, what="result")),
                found.value(result, SH.resultSeverity),
            )
        )
    return rows


@pytest.mark.parametrize("example", VALID, ids=lambda example: example.name)
def test_valid_example_conforms(example):
    found = ours([example])
    assert str(found) == "0 violations"
    assert list(misjudged(example, found)) == []


@pytest.mark.parametrize("example", INVALID, ids=lambda example: example.name)
def test_invalid_example_breaks_the_shapes_it_names_and_no_other(example):
    assert example.expects, "name the shapes it breaks in a line # expects:"
    found = ours([example])
    assert {violation.shape for violation in found.violations} == example.expects
    assert list(misjudged(example, found)) == []


def test_an_example_that_is_not_what_it_is_for_is_told_with_its_mend():
    found = ours([named("two-hosts")])
    two_hosts = replace(named("two-hosts"), expects=frozenset({SHAPES.NoNameShape}))
    breaks, spares = misjudged(two_hosts, found)
    assert breaks.startswith("it breaks osaish:NoOverlappingHostsShape: id/")
    assert breaks.endswith("; mend it, or add the shape to # expects:")
    assert spares == "it does not break osaish:NoNameShape, which it is for; mend the example or the shape"
    assert list(misjudged(replace(two_hosts, expects=frozenset()), found)) == [
        "it names no shape that it breaks; add a line # expects: osaish:…"
    ]


def test_examples_share_no_subject_so_that_they_can_be_judged_together():
    seen: dict[Node, str] = {}
    for example in [*VALID, *INVALID]:
        for subject in set(example.graph.subjects()):
            assert seen.setdefault(subject, example.name) == example.name


@pytest.mark.slow
@pytest.mark.parametrize("examples", [VALID, INVALID], ids=["valid", "invalid"])
def test_pyshacl_agrees_on_the_examples(examples):
    assert results(ours(examples), over=False) == theirs(examples, over=False)


def test_pyshacl_agrees_on_the_examples_of_provenance():
    examples = [example for example in [*VALID, *INVALID] if example.named == PROVENANCE]
    found = theirs(examples, over=True)
    assert found
    assert results(ours(examples), over=True) == found


def named(name: str) -> Example:
    (example,) = (example for example in INVALID if example.name == name)
    return example


def named_shapes() -> list[URIRef]:
    shapes = shapes_graph()
    return sorted(shape for shape in shapes.subjects(RDF.type, SH.NodeShape) if isinstance(shape, URIRef))


@pytest.mark.parametrize("shape", named_shapes(), ids=lambda shape: shape.removeprefix(SHAPES))
def test_every_shape_has_an_example_that_fails_and_one_that_passes(shape):
    assert any(shape in example.expects for example in INVALID)
    shapes = shapes_graph()
    together = Graph()
    for example in VALID:
        together += example.graph
    together += surroundings(together, vocabulary())
    kinds = {
        sub
        for kind in shapes.objects(shape, SH.targetClass)
        for sub in together.transitive_subjects(RDFS.subClassOf, kind)
    }
    focus = {node for kind in kinds for node in together.subjects(RDF.type, kind)}
    focus |= {node for p in shapes.objects(shape, SH.targetSubjectsOf) for node in together.subjects(p)}
    focus |= {node for p in shapes.objects(shape, SH.targetObjectsOf) for node in together.objects(None, p)}
    assert focus, "no valid example has a node that the shape looks at"


@pytest.mark.parametrize("shape", named_shapes(), ids=lambda shape: shape.removeprefix(SHAPES))
def test_every_constraint_says_what_to_mend(shape):
    shapes = shapes_graph()
    bare = {SH.path, SH.property, SH.sparql, SH.severity, SH.targetClass, SH.targetSubjectsOf, SH.targetObjectsOf}
    parts = [shape, *shapes.objects(shape, SH.property), *shapes.objects(shape, SH.sparql)]
    for part in parts:
        constrains = {p for p in shapes.predicates(part) if str(p).startswith(str(SH._NS)) and p not in bare}
        messages = list(shapes.objects(part, SH.message))
        assert len(messages) == (1 if constrains else 0)
        for message in messages:
            assert isinstance(message, Literal)
            assert message.language == "en"
            assert not message.endswith(".")
            assert ";" in message or "," in message or ":" in message or "must" in message, "say how to mend it"


def test_every_class_has_a_valid_example():
    shown = {kind for example in VALID for kind in example.graph.objects(None, RDF.type)}
    declared = {kind for kind in vocabulary().subjects(RDF.type, OWL.Class) if str(kind).startswith(str(OSAI))}
    tops = {kind for kind in declared if not list(vocabulary().objects(kind, RDFS.subClassOf))}
    below = {kind for kind in declared if list(vocabulary().subjects(RDFS.subClassOf, kind))}
    abstract = {OSAI.Situation, OSAI.GovernanceEvent, OSAI.Organization} | (tops & below)
    assert declared - shown - abstract == set()


def test_the_schemes_conform():
    writer = OxigraphWriter()
    writer.load((path, DEFAULT_BASE, None) for path in resources.vocabulary_files())
    found = validate(writer.rows, compiled(), base=DEFAULT_BASE)
    # Class expressions are blank nodes in the file; a release names them.
    assert {v for v in found.violations if v.shape != SHAPES.NoBlankNodesShape} == set()


def test_shapes_read_the_base_they_are_given():
    shapes, _ = read_shapes("https://example.org/kg/")
    (check,) = (
        check for check in checks(shapes, base="https://example.org/kg/") if check.shape == SHAPES.HostHistoryGapShape
    )
    assert "PREFIX role: <https://example.org/kg/concept/steward-role/>" in check.query
    assert "w3id.org/osai-kg/concept" not in " ".join(
        check.query for check in checks(shapes, base="https://example.org/kg/")
    )


def test_quote_length_is_asked_of_the_graphs_of_words():
    (violation,) = ours([named("quote-of-another-length")]).violations
    assert violation.shape == SHAPES.QuoteLengthShape
    assert violation.value == Literal(4)

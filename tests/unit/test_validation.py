"""The compiler of shapes: what each component finds, by hand and by pyshacl; what it refuses; what a report says."""

from __future__ import annotations

import functools
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path

import pyshacl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import PROV, RDF, SH, BNode, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

from kg.errors import ModelError
from kg.model import DEFAULT_GRAPH, Assertion, Evidence, File, Mint, Snapshot, quads
from kg.store.oxigraph import OxigraphWriter
from kg.validation import Report, checks, read_shapes, validate
from kg.validation.shapes import read_path, short, spell_path
from kg.vocab import OSAI

BASE = "https://example.org/kg/"
X = Namespace("urn:x:")
PROLOGUE = """
@prefix : <urn:x:> .
@prefix osaish: <https://w3id.org/osai-kg/shapes#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""


def turtle(text: str) -> Graph:
    return Graph().parse(data=PROLOGUE + text, format="turtle", publicID=BASE)


def engine_rows(data: str) -> Callable[[str], Iterator[Mapping[str, Node]]]:
    """Give a function that answers SELECT over the data, blank nodes and all, in the default graph."""
    writer = OxigraphWriter()
    with tempfile.NamedTemporaryFile(suffix=".ttl") as file:
        file.write((PROLOGUE + data).encode())
        file.flush()
        writer.load([(Path(file.name), BASE, None)])
    return writer.rows


def report(shapes: str, data: str) -> Report:
    return validate(engine_rows(data), checks(turtle(shapes), base=BASE), base=BASE)


def results(found: Report) -> set[tuple[str, str, str | None, str]]:
    """Give each result as (focus, component, value, severity), by local names; a blank node is _."""
    return {
        (
            local(v.focus),
            local(v.component).removesuffix("ConstraintComponent"),
            local_or_none(v.value),
            local(v.severity),
        )
        for v in found.violations
    }


def oracle(shapes: str, data: str) -> set[tuple[str, str, str | None, str]]:
    _, graph, text = pyshacl.validate(turtle(data), shacl_graph=turtle(shapes), advanced=True)
    assert isinstance(graph, Graph), text
    return {
        (
            local(graph.value(result, SH.focusNode)),
            local(graph.value(result, SH.sourceConstraintComponent)).removesuffix("ConstraintComponent"),
            local_or_none(graph.value(result, SH.value)),
            local(graph.value(result, SH.resultSeverity)),
        )
        for result in graph.objects(None, SH.result)
    }


def local(node: Node | None) -> str:
    assert node is not None
    if isinstance(node, BNode):
        return "_"
    if isinstance(node, URIRef):
        return node.removeprefix(str(X)).rpartition("#")[2]
    if isinstance(node, Literal) and isinstance(node.value, (int, Decimal)) and not isinstance(node.value, bool):
        return f"{float(node.value):g}"  # the engine keeps numbers by value: 1.0 comes back as 1
    return str(node)


def local_or_none(node: Node | None) -> str | None:
    return None if node is None else local(node)


# ---- Components ------------------------------------------------------------------------------------------------------

# Each: what stands in a property shape with sh:path :p on class :C (or, with “!”, in the node shape), data, and by hand
# (focus, component, value) of each result.
COMPONENTS: list[tuple[str, str, str, set[tuple[str, str, str | None]]]] = [
    (
        "class, with subclasses of the data",
        "sh:class :D",
        ":a :p :d1, :d2, :n, 5 . :E rdfs:subClassOf :D . :d1 a :E . :d2 a :D . :n a :C . :n :p :d1 .",
        {("a", "Class", "n"), ("a", "Class", "5")},
    ),
    (
        "datatype of strings and languages",
        "sh:datatype xsd:string",
        ':a :p "x", "x"@en, :x, 5 .',
        {("a", "Datatype", "x"), ("a", "Datatype", "5")},
    ),
    ("datatype of a language", "sh:datatype rdf:langString", ':a :p "x"@en, "y" .', {("a", "Datatype", "y")}),
    (
        "datatype that is ill-formed",
        "sh:datatype xsd:integer",
        ':a :p 5, -5, "five"^^xsd:integer, "5", 5.5 .',
        {("a", "Datatype", "five"), ("a", "Datatype", "5"), ("a", "Datatype", "5.5")},
    ),
    (
        "datatype dateTime",
        "sh:datatype xsd:dateTime",
        ':a :p "2020-01-01T00:00:00Z"^^xsd:dateTime, "2020-13-01T00:00:00Z"^^xsd:dateTime, "2020-01-01"^^xsd:date .',
        {("a", "Datatype", "2020-13-01T00:00:00Z"), ("a", "Datatype", "2020-01-01")},
    ),
    (
        "datatype boolean",
        "sh:datatype xsd:boolean",
        ':a :p true, "maybe"^^xsd:boolean, "true" .',
        {("a", "Datatype", "maybe"), ("a", "Datatype", "true")},
    ),
    (
        "datatype below integer",
        "sh:datatype xsd:nonNegativeInteger",
        ':a :p "5"^^xsd:nonNegativeInteger, "x"^^xsd:nonNegativeInteger, "5" .',
        {("a", "Datatype", "x"), ("a", "Datatype", "5")},
    ),
    ("nodeKind", "sh:nodeKind sh:IRI", ':a :p :x, "x", [] .', {("a", "NodeKind", "x"), ("a", "NodeKind", "_")}),
    (
        "nodeKind of two kinds",
        "sh:nodeKind sh:BlankNodeOrLiteral",
        ':a :p :x, "y", [] .',
        {("a", "NodeKind", "x")},
    ),
    ("minCount", "sh:minCount 1", ":a :p :x . :b a :C .", {("b", "MinCount", None)}),
    ("minCount of two", "sh:minCount 2", ":a :p :x, :y . :b a :C ; :p :x .", {("b", "MinCount", None)}),
    (
        "minCount of many",
        "sh:minCount 5",
        ":a :p 1, 2, 3, 4, 5 . :b a :C ; :p 1, 2, 3, 4 . :c a :C .",
        {("b", "MinCount", None), ("c", "MinCount", None)},
    ),
    ("maxCount", "sh:maxCount 1", ":a :p :x . :b a :C ; :p :x, :y .", {("b", "MaxCount", None)}),
    ("maxCount of none", "sh:maxCount 0", ":a :q :x . :b a :C ; :p :x .", {("b", "MaxCount", None)}),
    ("maxCount of many", "sh:maxCount 4", ":a :p 1, 2, 3, 4 . :b a :C ; :p 1, 2, 3, 4, 5 .", {("b", "MaxCount", None)}),
    (
        "minInclusive",
        "sh:minInclusive 3",
        ':a :p 3, 2.9, "4", :x .',
        {("a", "MinInclusive", v) for v in ("2.9", "4", "x")},
    ),
    ("maxInclusive", "sh:maxInclusive 3", ":a :p 3, 3.1 .", {("a", "MaxInclusive", "3.1")}),
    ("minExclusive", "sh:minExclusive 3", ":a :p 3, 3.1 .", {("a", "MinExclusive", "3")}),
    ("maxExclusive", "sh:maxExclusive 3", ":a :p 3, 2.9 .", {("a", "MaxExclusive", "3")}),
    (
        "minLength and maxLength, also of IRIs",
        "sh:minLength 2 ; sh:maxLength 9",
        ':a :p "a", "ab", :x, :abcdef, [] .',
        {("a", "MinLength", "a"), ("a", "MinLength", "_"), ("a", "MaxLength", "abcdef"), ("a", "MaxLength", "_")},
    ),
    ("pattern", 'sh:pattern "^a\\\\.b$"', ':a :p "a.b", "axb", "a.b"@en .', {("a", "Pattern", "axb")}),
    (
        "pattern with flags",
        'sh:pattern "^AB" ; sh:flags "i"',
        ':a :p "abc", "b", [] .',
        {("a", "Pattern", "b"), ("a", "Pattern", "_")},
    ),
    (
        "languageIn",
        'sh:languageIn ("en" "de")',
        ':a :p "a"@en, "b"@en-GB, "c"@fr, "d", :x .',
        {("a", "LanguageIn", "c"), ("a", "LanguageIn", "d"), ("a", "LanguageIn", "x")},
    ),
    (
        "uniqueLang",
        "sh:uniqueLang true",
        ':a :p "a"@en, "b"@de . :b a :C ; :p "a"@en, "b"@EN, "c", "d" .',
        {("b", "UniqueLang", None)},
    ),
    ("uniqueLang that is off", "sh:uniqueLang false", ':a :p "a"@en, "b"@en .', set()),
    ("equals", "sh:equals :q", ":a :p 1, 2 ; :q 2, 3 .", {("a", "Equals", "1"), ("a", "Equals", "3")}),
    ("disjoint", "sh:disjoint :q", ":a :p 1, 2 ; :q 2, 3 .", {("a", "Disjoint", "2")}),
    ("lessThan", "sh:lessThan :q", ":a :p 1, 2, 3 ; :q 2 .", {("a", "LessThan", "2"), ("a", "LessThan", "3")}),
    ("lessThan of what cannot be compared", "sh:lessThan :q", ':a :p 1 ; :q "x" .', {("a", "LessThan", "1")}),
    ("lessThanOrEquals", "sh:lessThanOrEquals :q", ":a :p 1, 2, 3 ; :q 2 .", {("a", "LessThanOrEquals", "3")}),
    ("hasValue", "sh:hasValue :x", ":a :p :x, :y . :b a :C ; :p :y .", {("b", "HasValue", None)}),
    ("in, by term and not by value", "sh:in (:x 1)", ":a :p :x, 1, 1.0, :y .", {("a", "In", "1"), ("a", "In", "y")}),
    (
        "in a long list",
        "sh:in (1 2 3 4 5 6 7 8 9 10)",
        ":a :p 10, 11, 1.0 .",
        {("a", "In", "11"), ("a", "In", "1")},
    ),
    ("not", "sh:not [sh:nodeKind sh:IRI]", ':a :p :x, "y" .', {("a", "Not", "x")}),
    (
        "and",
        "sh:and ([sh:minLength 2] [sh:maxLength 3])",
        ':a :p "a", "ab", "abcd" .',
        {("a", "And", "a"), ("a", "And", "abcd")},
    ),
    ("or", "sh:or ([sh:datatype xsd:integer] [sh:datatype xsd:decimal])", ':a :p 1, 1.5, "x" .', {("a", "Or", "x")}),
    (
        "xone",
        "sh:xone ([sh:minInclusive 1] [sh:minInclusive 5])",
        ":a :p 0, 1, 5 .",
        {("a", "Xone", "0"), ("a", "Xone", "5")},
    ),
    (
        "node, which reports no result of its own inside",
        "sh:node [sh:property [sh:path :q ; sh:minCount 1 ; sh:datatype xsd:integer]]",
        ':a :p :x, :y, :z . :x :q 1 . :y :q "1" .',
        {("a", "Node", "y"), ("a", "Node", "z")},
    ),
    (
        "property inside property looks at the values",
        "sh:property [sh:path :q ; sh:minCount 1]",
        ":a :p :x, :y . :x :q 1 .",
        {("y", "MinCount", None)},
    ),
    (
        "qualifiedMinCount",
        "sh:qualifiedValueShape [sh:class :D] ; sh:qualifiedMinCount 1",
        ":a :p :x, :y . :x a :D . :b a :C ; :p :y .",
        {("b", "QualifiedMinCount", None)},
    ),
    (
        "qualifiedMaxCount of many",
        "sh:qualifiedValueShape [sh:minInclusive 10] ; sh:qualifiedMaxCount 4",
        ":a :p 1, 2, 3, 10, 11, 12, 13 . :b a :C ; :p 10, 11, 12, 13, 14 .",
        {("b", "QualifiedMaxCount", None)},
    ),
    ("deactivated", "sh:minCount 3 ; sh:deactivated true", ":a :p :x .", set()),
    (
        "a shape inside that is deactivated holds",
        "sh:not [sh:nodeKind sh:Literal ; sh:deactivated true]",
        ":a :p :x .",
        {("a", "Not", "x")},
    ),
    ("!nodeKind of the focus node", "sh:nodeKind sh:IRI", ":a :p 1 . [] a :C .", {("_", "NodeKind", "_")}),
    ("!in of the focus node", "sh:in (:a)", ":b a :C .", {("b", "In", "b")}),
    ("!hasValue of the focus node", "sh:hasValue :a", ":b a :C .", {("b", "HasValue", None)}),
    ("!equals of the focus node", "sh:equals :self", ":a :self :a . :b a :C ; :self :b, :c .", {("b", "Equals", "c")}),
    (
        "!disjoint of the focus node",
        "sh:disjoint :self",
        ":a :self :a . :b a :C ; :self :c .",
        {("a", "Disjoint", "a")},
    ),
    (
        "!closed",
        "sh:closed true ; sh:property [sh:path :p] ; sh:ignoredProperties (rdf:type)",
        ":a :p 1 ; :q 2 .",
        {("a", "Closed", "2")},
    ),
    ("!closed that is not", "sh:closed false ; sh:property [sh:path :p]", ":a :q 2 .", set()),
    (
        "!or of node shapes with properties",
        "sh:or ([sh:property [sh:path :p ; sh:minCount 1]] [sh:not [sh:property [sh:path :q ; sh:hasValue 1]]])",
        ":a :p 1 ; :q 1 . :b a :C ; :q 1 . :c a :C ; :q 2 .",
        {("b", "Or", "b")},
    ),
    (
        "!and, xone, closed and pairs inside node",
        "sh:node [sh:and ([sh:property [sh:path :p ; sh:lessThan :q]] [sh:property [sh:path :p ; sh:equals :r]])]",
        ":a :p 1 ; :q 2 ; :r 1 . :b a :C ; :p 3 ; :q 2 ; :r 3 . :c a :C ; :p 1 ; :q 2 ; :r 2 .",
        {("b", "Node", "b"), ("c", "Node", "c")},
    ),
    (
        "!two levels down, an inner shape cannot see an outer variable",
        "sh:not [sh:property [sh:path :p ; sh:node [sh:property ["
        "sh:path :q ; sh:qualifiedValueShape [sh:class :D] ; sh:qualifiedMinCount 2]]]]",
        ":a :p :x . :x :q :d, :e . :d a :D . :e a :D . :b a :C ; :p :y . :y :q :d .",
        {("a", "Not", "a")},
    ),
]


def shapes_of(name: str, body: str) -> str:
    inner = body if name.startswith("!") else f"sh:property [ sh:path :p ; {body} ]"
    return f":S a sh:NodeShape ; sh:targetClass :C ; {inner} ."


@pytest.mark.parametrize(("name", "body", "data", "expected"), COMPONENTS, ids=[case[0] for case in COMPONENTS])
def test_component(name, body, data, expected):
    shapes, data = shapes_of(name, body), f":a a :C . {data}"
    assert results(report(shapes, data)) == {(*row, "Violation") for row in expected}
    assert oracle(shapes, data) == {(*row, "Violation") for row in expected}


def test_values_that_conform_to_a_sibling_are_not_counted():
    one = "sh:path :p ; sh:qualifiedValueShapesDisjoint true ; sh:qualifiedValueShape"
    shapes = f""":S a sh:NodeShape ; sh:targetClass :C ;
        sh:property [ {one} [ sh:class :Thumb ] ; sh:qualifiedMinCount 1 ] ,
                    [ {one} [ sh:class :Finger ] ; sh:qualifiedMinCount 2 ] ."""
    data = ":a a :C ; :p :t, :f, :both . :t a :Thumb . :f a :Finger . :both a :Thumb, :Finger ."
    assert results(report(shapes, data)) == oracle(shapes, data) == {("a", "QualifiedMinCount", None, "Violation")}


# ---- Targets and paths -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sh:targetClass :C", {"a", "b"}),
        ("sh:targetNode :z, 5", {"z", "5"}),
        ("sh:targetSubjectsOf :knows", {"b"}),
        ("sh:targetObjectsOf :knows", {"c"}),
        ("sh:targetNode :z ; sh:targetClass :C ; sh:targetObjectsOf :knows", {"a", "b", "c", "z"}),
    ],
)
def test_target(target, expected):
    shapes = f":S {target} ; sh:property [ sh:path :p ; sh:minCount 1 ] ."
    data = ":a a :C . :b a :D, :C ; :knows :c . :D rdfs:subClassOf :E . :E rdfs:subClassOf :C . :ok a :C ; :p 1 ."
    assert {focus for focus, *_ in results(report(shapes, data))} == expected
    assert {focus for focus, *_ in oracle(shapes, data)} == expected


def test_a_shape_that_is_a_class_has_its_members_for_a_target():
    shapes = ":C a sh:NodeShape, rdfs:Class ; sh:nodeKind sh:BlankNode ."
    assert results(report(shapes, ":a a :C .")) == oracle(shapes, ":a a :C .") == {("a", "NodeKind", "a", "Violation")}


PATHS = {
    ":p": "<urn:x:p>",
    "[ sh:inversePath :p ]": "^(<urn:x:p>)",
    "( :p :q )": "(<urn:x:p>)/(<urn:x:q>)",
    "[ sh:alternativePath ( :p [ sh:inversePath :q ] ) ]": "(<urn:x:p>)|(^(<urn:x:q>))",
    "[ sh:zeroOrMorePath :p ]": "(<urn:x:p>)*",
    "[ sh:oneOrMorePath ( :p :q ) ]": "((<urn:x:p>)/(<urn:x:q>))+",
    "[ sh:zeroOrOnePath [ sh:inversePath :p ] ]": "(^(<urn:x:p>))?",
    "( [ sh:zeroOrMorePath [ sh:inversePath :p ] ] :q )": "((^(<urn:x:p>))*)/(<urn:x:q>)",
}


@pytest.mark.parametrize(("path", "spelled"), PATHS.items())
def test_path(path, spelled):
    shapes = (
        f":S sh:targetClass :C ; sh:property [ sh:path {path} ; sh:in ( :a ) ] , [ sh:path {path} ; sh:minCount 2 ] ."
    )
    data = ":a a :C ; :p :b ; :q :c . :b a :C ; :p :c ; :q :a . :c a :C ; :q :b . :d a :C ; :p :d ."
    found = report(shapes, data)
    assert results(found) == oracle(shapes, data)
    assert {spell_path(v.path) for v in found.violations if v.path is not None} == {spelled}


@pytest.mark.parametrize("path", ["[ sh:inversePath :p ; sh:zeroOrMorePath :p ]", '"p"', "( :p )", "[ :p :q ]"])
def test_what_is_no_path_is_refused(path):
    with pytest.raises(ModelError, match=r":?S.*no property path"):
        checks(turtle(f":S sh:targetClass :C ; sh:property [ sh:path {path} ; sh:minCount 1 ] ."), base=BASE)


# ---- SHACL-SPARQL ----------------------------------------------------------------------------------------------------


def sparql(select: str, *, extra: str = "", message: str = "is at fault with {?value}") -> str:
    return f"""
:prefixes sh:declare [ sh:prefix "x" ; sh:namespace "urn:x:"^^xsd:anyURI ] .
:S a sh:NodeShape ; sh:targetClass :C ; {extra}
    sh:sparql [ sh:message "{message}" ; sh:prefixes :prefixes ; sh:select \"\"\"{select}\"\"\" ] .
"""


def test_sparql_constraint_finds_what_the_same_query_finds_for_each_focus_node():
    shapes = sparql("SELECT $this ?value WHERE { $this x:p ?value . FILTER NOT EXISTS { ?value x:q $this } }")
    data = ":a a :C ; :p :b, :c . :b :q :a . :d :p :e ."
    assert results(report(shapes, data)) == oracle(shapes, data) == {("a", "SPARQL", "c", "Violation")}
    assert [v.message for v in report(shapes, data).violations] == ["is at fault with <urn:x:c>"]


def test_sparql_constraint_without_a_value_is_about_the_focus_node():
    shapes = sparql("SELECT $this WHERE { $this x:p 1 . }", message="{$this} and {?unbound}")
    (violation,) = report(shapes, ":a a :C ; :p 1 .").violations
    assert (violation.focus, violation.value) == (X.a, X.a)
    assert violation.message == "<urn:x:a> and {?unbound}"


def test_sparql_constraint_of_a_property_shape_has_its_path():
    shapes = """:S a sh:PropertyShape ; sh:targetClass :C ; sh:path ( :p :q ) ; sh:severity sh:Warning ; sh:sparql [
        sh:select "SELECT $this ?value WHERE { $this $PATH ?value . FILTER(isIRI(?value)) }" ] ."""
    data = ":a a :C ; :p :b . :b :q :c, 5 ."
    assert results(report(shapes, data)) == oracle(shapes, data) == {("a", "SPARQL", "c", "Warning")}


def test_sparql_constraint_may_say_which_path():
    shapes = sparql("SELECT $this ?path ?value WHERE { $this ?path ?value . FILTER(isLiteral(?value)) }")
    (violation,) = report(shapes, ":a a :C ; :p 5 .").violations
    assert violation.path == X.p


def test_sparql_constraint_with_an_aggregate_counts_each_focus_node_once():
    shapes = sparql("SELECT $this (COUNT(?v) AS ?value) WHERE { $this x:p ?v } GROUP BY $this HAVING(COUNT(?v) > 2)")
    data = ":a a :C, :D ; :p 1, 2 . :D rdfs:subClassOf :C . :b a :C ; :p 1, 2, 3 ."
    assert results(report(shapes, data)) == oracle(shapes, data) == {("b", "SPARQL", "3", "Violation")}


def test_words_in_comments_strings_and_iris_are_no_part_of_the_query():
    shapes = sparql(
        "SELECT $this ?value # { VALUES $this\n"
        "WHERE { $this <urn:x:p#VALUES> ?value . FILTER(?value != '{ MINUS $this') }"
    )
    found = report(shapes, ":a a :C ; <urn:x:p#VALUES> 1 , '{ MINUS $this' .")
    assert results(found) == {("a", "SPARQL", "1", "Violation")}


@pytest.mark.parametrize(
    ("select", "why"),
    [
        ("SELECT $this WHERE { $this x:p ?v MINUS { $this x:q ?v } }", "MINUS may not stand"),
        ("SELECT $this WHERE { VALUES ?v { 1 } $this x:p ?v }", "VALUES may not stand"),
        ("SELECT $this WHERE { SERVICE <urn:s> { $this x:p ?v } }", "SERVICE may not stand"),
        ("SELECT $this WHERE { $this x:p ?v } LIMIT 1", "LIMIT may not stand"),
        (
            "SELECT $this WHERE { { OPTIONAL { $this x:p ?v } FILTER(!BOUND(?v)) } UNION { $this x:q 1 } }",
            r"\$this is read",
        ),
        ("SELECT ?v WHERE { $this x:p ?v }", r"must give \$this"),
        ("SELECT $this WHERE { { ?x x:p ?v . FILTER($this != ?x) } UNION { $this x:p ?v } }", r"\$this is read"),
        ("SELECT $this WHERE { $this x:p ?v . { BIND(STR($this) AS ?name) } }", r"\$this is read"),
        ("SELECT $this WHERE { { SELECT ?v WHERE { $this x:p ?v } } }", "a sub-select uses"),
        ("SELECT $this WHERE { GRAPH $shapesGraph { $this x:p ?v } }", r"\$shapesGraph is not supported"),
        ("SELECT $this WHERE { $this $PATH ?v }", "this shape has none"),
        ("ASK { $this x:p ?v }", "must be a SELECT|must give"),
        ("SELECT $this WHERE { $this y:p ?v }", "is no SPARQL query"),
        ("SELECT $this WHERE { $this x:p }", "is no SPARQL query"),
    ],
)
def test_sparql_that_would_find_too_little_is_refused(select, why):
    with pytest.raises(ModelError, match=why):
        checks(turtle(sparql(select)), base=BASE)


def test_sparql_inside_a_logical_shape_is_refused():
    shapes = ':S sh:targetClass :C ; sh:not [ sh:sparql [ sh:select "SELECT $this WHERE { $this ?p ?o }" ] ] .'
    with pytest.raises(ModelError, match="give it a target of its own"):
        checks(turtle(shapes), base=BASE)


def test_a_constraint_that_is_deactivated_is_not_asked():
    shapes = sparql("SELECT $this WHERE { $this x:p 1 }").replace("sh:prefixes", "sh:deactivated true ; sh:prefixes")
    assert report(shapes, ":a a :C ; :p 1 .").conforms


# ---- What is not supported stops -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("sh:property [ sh:path :p ; sh:minCounts 1 ]", "sh:minCounts is not supported; did you mean minCount"),
        ("sh:target [ sh:select 'x' ]", "sh:target is not supported"),
        ("sh:expression :f", "sh:expression is not supported"),
        (":odd 1 . :K a sh:ConstraintComponent ; sh:parameter [ sh:path :odd ]", "sh:ConstraintComponent"),
        ("sh:minCount 1", "sh:minCount needs sh:path"),
        ("sh:property [ sh:path :p ; sh:minCount 'one' ]", "no count"),
        ("sh:property [ sh:path :p, :q ; sh:minCount 1 ]", "sh:path stands 2 times"),
        ("sh:property [ sh:path :p ; sh:in :x ]", "needs a list"),
        ("sh:property [ sh:path :p ; sh:nodeKind :x ]", "no kind of node"),
        ("sh:property [ sh:path :p ; sh:pattern '^(?!x)' ]", "not supported by the store"),
        ("sh:property [ sh:path :p ; sh:qualifiedMinCount 1 ]", "needs sh:qualifiedValueShape"),
        ("sh:property [ sh:path :p ; sh:closed true ]", "on node shapes only"),
        ("sh:node :S", "comes back to itself"),
        ("sh:property :P . :P sh:path :p ; sh:node :S", "comes back to itself"),
        ("sh:targetSubjectsOf []", "must be an IRI"),
        ("sh:nodeKind sh:IRI . [] sh:targetClass :C", "needs an IRI"),
        ("sh:or ()", "at least one shape"),
        ("sh:targetNode [] ; sh:nodeKind sh:IRI", "cannot stand in a query"),
    ],
)
def test_what_is_not_supported_stops(body, why):
    with pytest.raises(ModelError, match=why):
        checks(turtle(f":S a sh:NodeShape ; sh:targetClass :C ; {body} ."), base=BASE)


def test_an_error_names_shape_file_and_line(tmp_path):
    file = tmp_path / "odd.ttl"
    file.write_text(
        f"{PROLOGUE}\n:S a sh:NodeShape ;\n    sh:property [ sh:path :p ; sh:maxcount 1 ] .\n", encoding="utf-8"
    )
    line = PROLOGUE.count("\n") + 2
    shapes, places = read_shapes(BASE, [file])
    with pytest.raises(ModelError, match=rf"^odd\.ttl:{line}: <urn:x:S>, inside: the component sh:maxcount"):
        checks(shapes, base=BASE, places=places)


def test_relative_prefixes_of_queries_are_below_the_base(tmp_path):
    file = tmp_path / "relative.ttl"
    text = sparql("SELECT $this WHERE { $this x:p m:survey , <concept/mode/opinion> }").replace(
        "sh:declare", 'sh:declare [ sh:prefix "m" ; sh:namespace "concept/mode/" ] ,'
    )
    file.write_text(PROLOGUE + text, encoding="utf-8")
    shapes, _ = read_shapes(BASE, [file])
    found = validate(
        engine_rows(":a a :C ; :p <concept/mode/survey> , <concept/mode/opinion> ."),
        checks(shapes, base=BASE),
        base=BASE,
    )
    assert len(found.violations) == 1


def test_compiling_is_deterministic():
    shapes = "".join(shapes_of(name, body).replace(":S ", f":S{n} ") for n, (name, body, _, _) in enumerate(COMPONENTS))
    assert checks(turtle(shapes), base=BASE) == checks(turtle(shapes), base=BASE)


# ---- Random graphs ---------------------------------------------------------------------------------------------------

NODES = [":a", ":b", ":c"]
VALUES = [*NODES, "1", "2", "3", '"x"', '"y"@en', '"z"@de', "true"]
triples = st.tuples(st.sampled_from(NODES), st.sampled_from([":p", ":q", "a"]), st.sampled_from(VALUES))
paths = st.sampled_from(list(PATHS))


def of_values(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    listed = st.lists(inner, min_size=1, max_size=3).map(lambda parts: " ".join(f"[ {part} ]" for part in parts))
    return st.one_of(
        inner.map(lambda part: f"sh:not [ {part} ]"),
        inner.map(lambda part: f"sh:node [ {part} ]"),
        st.tuples(st.sampled_from(["and", "or", "xone"]), listed).map(lambda pair: f"sh:{pair[0]} ( {pair[1]} )"),
        st.tuples(paths, inner).map(lambda pair: f"sh:property [ sh:path {pair[0]} ; {pair[1]} ]"),
        st.tuples(paths, inner, st.sampled_from(["Min", "Max"]), st.integers(0, 5)).map(
            lambda t: (
                f"sh:property [ sh:path {t[0]} ; sh:qualifiedValueShape [ {t[1]} ] ; sh:qualified{t[2]}Count {t[3]} ]"
            )
        ),
        st.tuples(paths, st.sampled_from(["min", "max"]), st.integers(0, 5)).map(
            lambda t: f"sh:property [ sh:path {t[0]} ; sh:{t[1]}Count {t[2]} ]"
        ),
        st.tuples(paths, st.sampled_from(["equals", "disjoint"])).map(
            lambda pair: f"sh:property [ sh:path {pair[0]} ; sh:{pair[1]} :q ]"
        ),
    )


leaves = st.sampled_from(
    [
        "sh:class :b",
        "sh:datatype xsd:integer",
        "sh:nodeKind sh:IRI",
        "sh:nodeKind sh:Literal",
        "sh:minLength 2",
        "sh:minInclusive 2",
        "sh:in ( :a 1 )",
        "sh:in ( :a :b 1 2 3 4 5 6 7 8 )",
        "sh:hasValue :a",
        "sh:pattern 'a$'",
        "sh:languageIn ( 'en' )",
    ]
)
bodies = st.recursive(leaves, of_values, max_leaves=4)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    body=bodies,
    data=st.lists(triples, min_size=1, max_size=10),
    target=st.sampled_from(
        ["sh:targetNode :a, :b", "sh:targetSubjectsOf :p", "sh:targetObjectsOf :q", "sh:targetClass :c"]
    ),
)
def test_pyshacl_agrees_on_random_shapes_and_graphs(body, data, target):
    shapes = f":S a sh:NodeShape ; {target} ; {body} ."
    text = " ".join(f"{s} {p} {o} ." for s, p, o in data if p != "a" or o in NODES)
    assert results(report(shapes, text)) == oracle(shapes, text)


# ---- Reports ---------------------------------------------------------------------------------------------------------


@functools.cache
def two_results() -> Report:
    return report(
        """:S a sh:NodeShape ; sh:targetClass :C ; sh:property
            [ sh:path ( :p [ sh:alternativePath ( :q [ sh:inversePath [ sh:zeroOrMorePath :r ] ] ) ] ) ; sh:minCount 1 ;
              sh:severity sh:Warning ; sh:message "fehlt"@de , "is missing"@en ] ,
            [ sh:path :p ; sh:maxInclusive 2 ] ; sh:nodeKind sh:IRI .""",
        ":a a :C ; :p 3 . [] a :C .",
    )


def as_blank(node: Node) -> Node:
    return BNode(str(node).rpartition("/")[2]) if str(node).startswith(f"{BASE}id/node/report/") else node


def test_report_graph_is_a_standard_report_without_blank_nodes():
    found = two_results()
    named = Graph().parse(data=found.graph().serialize(format="turtle"), format="turtle")
    assert not any(isinstance(node, BNode) for triple in named for node in triple)
    graph = Graph()  # what it says, once the names of nodes are blank nodes again: only those can be paths
    for s, p, o in named:
        graph.add((as_blank(s), p, as_blank(o)))
    (root,) = graph.subjects(RDF.type, SH.ValidationReport)
    assert graph.value(root, SH.conforms) == Literal(False)
    spelled = set()
    for result in graph.objects(root, SH.result):
        path = graph.value(result, SH.resultPath)
        spelled.add(
            (
                local(graph.value(result, SH.sourceConstraintComponent)),
                None if path is None else short(read_path(graph, path, what="result")),
                local(graph.value(result, SH.resultSeverity)),
                local(graph.value(result, SH.sourceShape)),
                local(graph.value(result, SH.resultMessage)),
            )
        )
    long = "(<urn:x:p>)/((<urn:x:q>)|(^((<urn:x:r>)*)))"
    assert spelled == {
        ("MinCountConstraintComponent", long, "Warning", "S", "is missing"),
        ("MaxInclusiveConstraintComponent", "<urn:x:p>", "Violation", "S", "must be at most 2"),
        ("NodeKindConstraintComponent", None, "Violation", "S", "must be of kind sh:IRI"),
    }


def test_report_graph_is_the_same_each_time():
    shapes, data = ":S sh:targetClass :C ; sh:nodeKind sh:Literal .", ":a a :C . :b a :C ."
    assert set(report(shapes, data).graph()) == set(report(shapes, data).graph())


def test_an_empty_report_conforms():
    found = report(":S sh:targetClass :C ; sh:nodeKind sh:IRI .", ":a a :C .")
    assert found.conforms
    assert str(found) == "0 violations"
    assert (None, SH.conforms, Literal(True)) in found.graph()


def test_text_puts_the_worst_first_and_counts():
    lines = str(two_results()).splitlines()
    assert lines[0] == "2 violations, 1 warning"
    assert [line.split(":")[0].strip() for line in lines[1:]] == ["violation", "violation", "warning"]
    assert "  violation: <urn:x:a> must be at most 2 [<urn:x:S>]" in lines


def test_json_has_plain_values():
    found = json.loads(json.dumps(two_results().as_json()))
    assert found["conforms"] is False
    assert {
        "focus": "urn:x:a",
        "path": "urn:x:p",
        "value": "3",
        "shape": "urn:x:S",
        "component": "http://www.w3.org/ns/shacl#MaxInclusiveConstraintComponent",
        "severity": "http://www.w3.org/ns/shacl#Violation",
        "message": "must be at most 2",
        "locator": None,
    } in found["violations"]


# ---- Where it was read -----------------------------------------------------------------------------------------------


def loaded(*assertions: Assertion) -> OxigraphWriter:
    """Write assertions as a build does: each to its graphs, and the triple to the default graph."""
    writer, mint = OxigraphWriter(), Mint(BASE)
    for one in assertions:
        writer.add(quads(one, mint))
        writer.add([(one.subject, one.predicate, one.object, DEFAULT_GRAPH)])
    return writer


def snapshot(source: str, tmp_path: Path, *, curated: bool = False) -> Snapshot:
    file = tmp_path / f"{source}.toml"
    file.write_text(source, encoding="utf-8")
    return Snapshot.of(source, [File.of(file.name, file)], curated=curated)


ORG = URIRef(f"{BASE}id/org/acme")
OTHER = URIRef(f"{BASE}id/org/other")


def test_a_violation_names_the_record_of_the_triple_at_fault(tmp_path):
    first, second = snapshot("first", tmp_path), snapshot("second", tmp_path)
    writer = loaded(
        Assertion(ORG, RDF.type, OSAI.Company, Evidence(first, 1, "first.toml:7")),
        Assertion(ORG, OSAI.wikidataId, Literal("Q1"), Evidence(first, 1, "first.toml:7")),
        Assertion(ORG, OSAI.wikidataId, Literal("one"), Evidence(second, 4, "second.toml:41")),
    )
    shapes = f""":S sh:targetClass <{OSAI.Company}> ; sh:property [
        sh:path <{OSAI.wikidataId}> ; sh:pattern '^Q' ; sh:message 'no number: {{?value}}' ] ."""
    found = validate(writer.rows, checks(turtle(shapes), base=BASE), base=BASE)
    assert [v.locator for v in found.violations] == ["second.toml:41"]
    assert list(found.lines()) == ["second.toml:41 violation: id/org/acme no number: one [<urn:x:S>]"]
    assert (None, OSAI.locator, Literal("second.toml:41")) in found.graph()


def test_a_violation_without_a_value_names_the_records_of_its_subject(tmp_path):
    first, second = snapshot("first", tmp_path), snapshot("second", tmp_path)
    writer = loaded(
        Assertion(ORG, RDF.type, OSAI.Company, Evidence(first, 1, "first.toml:7")),
        Assertion(ORG, OSAI.homepage, Literal("x"), Evidence(second, 4, "second.toml:41")),
    )
    shapes = f":S sh:targetClass <{OSAI.Company}> ; sh:property [ sh:path <{OSAI.name}> ; sh:minCount 1 ] ."
    found = validate(writer.rows, checks(turtle(shapes), base=BASE), base=BASE)
    assert [v.locator for v in found.violations] == ["first.toml:7 and 1 more"]


def test_violations_stand_in_order_of_their_places(tmp_path):
    first = snapshot("first", tmp_path)
    writer = loaded(
        *(
            Assertion(URIRef(f"{BASE}id/org/o{n}"), RDF.type, OSAI.Company, Evidence(first, n, f"first.toml:{n}"))
            for n in range(1, 1203)
        )
    )
    shapes = f":S sh:targetClass <{OSAI.Company}> ; sh:property [ sh:path <{OSAI.name}> ; sh:minCount 1 ] ."
    found = validate(writer.rows, checks(turtle(shapes), base=BASE), base=BASE)
    assert [v.locator for v in found.violations] == [f"first.toml:{n}" for n in range(1, 1203)]


@pytest.mark.parametrize(
    ("curated", "severity"), [((True, True), SH.Violation), ((True, False), SH.Warning), ((False, False), SH.Warning)]
)
def test_a_clash_is_milder_unless_all_it_names_is_curated(tmp_path, curated, severity):
    writer = loaded(
        Assertion(ORG, OSAI.wikidataId, Literal("Q1"), Evidence(snapshot("a", tmp_path, curated=curated[0]), 1, "a:1")),
        Assertion(
            OTHER, OSAI.wikidataId, Literal("Q1"), Evidence(snapshot("b", tmp_path, curated=curated[1]), 1, "b:1")
        ),
    )
    shapes = f'''
:prefixes sh:declare [ sh:prefix "osai" ; sh:namespace "{OSAI._NS}" ] .
:S a sh:NodeShape ; sh:targetSubjectsOf <{OSAI.wikidataId}> ; osaish:severityElsewhere sh:Warning ; sh:sparql [
    sh:prefixes :prefixes ; sh:message "shares {{?value}} with {{?other}}" ;
    sh:select """SELECT $this ?value ?other WHERE {{
        $this osai:wikidataId ?value . ?other osai:wikidataId ?value . FILTER($this != ?other) }}""" ] .'''
    found = validate(writer.rows, checks(turtle(shapes), base=BASE), base=BASE)
    assert [v.severity for v in found.violations] == [severity, severity]
    assert {v.message for v in found.violations} == {"shares Q1 with id/org/other", "shares Q1 with id/org/acme"}


def test_a_shape_may_be_asked_of_a_named_graph(tmp_path):
    mint = Mint(BASE)
    writer = loaded(Assertion(ORG, RDF.type, OSAI.Company, Evidence(snapshot("first", tmp_path), 1, "first.toml:7")))
    record = mint.record(Evidence(snapshot("first", tmp_path), 1, ""))
    shapes = f""":S sh:targetClass <{OSAI.Record}> ; osaish:overGraph <graph/provenance> ;
        sh:property [ sh:path <{PROV.wasDerivedFrom}> ; sh:maxCount 0 ] ."""
    found = validate(writer.rows, checks(turtle(shapes), base=BASE), base=BASE)
    assert [(v.focus, v.locator) for v in found.violations] == [(record, "first.toml:7")]
    elsewhere = shapes.replace("graph/provenance", "graph/void")
    assert validate(writer.rows, checks(turtle(elsewhere), base=BASE), base=BASE).conforms

"""Blank nodes to IRIs: named by what they say, whatever a parser called them and in whatever order it met them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDF, XSD, BNode, Graph, Literal, URIRef
from rdflib.compare import isomorphic
from rdflib.term import Node

from kg.store.canonical import skolemised

NODE = "https://example.org/kg/id/node/"
Triple = tuple[Node, Node, Node]

blank = st.integers(0, 4).map(lambda number: BNode(f"b{number}"))
iris = st.sampled_from([URIRef("urn:a"), URIRef("urn:b")])
predicates = st.sampled_from([URIRef("urn:p"), URIRef("urn:q"), RDF.type])
literals = st.sampled_from(
    [
        Literal("a"),
        Literal("a", lang="en"),
        Literal("01", datatype=XSD.integer, normalize=False),
        Literal('"\\\n'),
        Literal("_:b0"),
    ]
)
triples = st.lists(st.tuples(blank | iris, predicates, blank | iris | literals), max_size=8)


def named(label: str) -> URIRef:
    return URIRef(NODE + label)


def graph_of(made: list[Triple]) -> Graph:
    graph = Graph()
    for triple in made:
        graph.add(triple)
    return graph


def blanked(term: Node) -> Node:
    return BNode(term.removeprefix(NODE)) if isinstance(term, URIRef) and term.startswith(NODE) else term


def renamed(made: list[Triple], names: list[str]) -> list[Triple]:
    """Call the blank nodes b0, b1, … by other names."""

    def other(term: Node) -> Node:
        return BNode(names[int(term[1:])]) if isinstance(term, BNode) else term

    return [(other(s), p, other(o)) for s, p, o in made]


@given(triples)
def test_nothing_is_blank_and_nothing_else_changed(made: list[Triple]) -> None:
    graph = graph_of(made)
    given_back = list(skolemised(graph, named))
    assert not [term for triple in given_back for term in triple if isinstance(term, BNode)]
    assert len(given_back) == len(set(given_back)) == len(graph)
    assert isomorphic(graph, graph_of([(blanked(s), p, blanked(o)) for s, p, o in given_back]))


@given(triples.flatmap(lambda made: st.tuples(st.just(made), st.permutations(made))), st.permutations("vwxyz"))
def test_neither_names_nor_order_count(orders: tuple[list[Triple], list[Triple]], names: list[str]) -> None:
    made, shuffled = orders
    assert list(skolemised(graph_of(made), named)) == list(skolemised(graph_of(renamed(shuffled, names)), named))


def test_a_node_is_called_by_its_canonical_label() -> None:
    graph = graph_of([(BNode("x"), RDF.type, URIRef("urn:a"))])
    assert list(skolemised(graph, named)) == [(named("c14n0"), RDF.type, URIRef("urn:a"))]


@pytest.mark.parametrize("literal", [Literal("x"), Literal("x", lang="en-gb"), Literal("1.50", datatype=XSD.decimal)])
def test_a_literal_comes_back_as_it_was(literal: Literal) -> None:
    ((_, _, back),) = skolemised(graph_of([(URIRef("urn:s"), URIRef("urn:p"), literal)]), named)
    assert back == literal
    assert isinstance(back, Literal)
    assert (str(back), back.language, back.datatype) == (str(literal), literal.language, literal.datatype)


def test_an_empty_graph_gives_nothing() -> None:
    assert list(skolemised(Graph(), named)) == []

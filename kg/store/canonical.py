"""Blank nodes to IRIs, by what they say and not by what a parser called them.

A release holds no blank node: those of the ontology's class expressions and lists, and of strangers' RDF, each get an
IRI made from their canonical label. Equal graphs give equal labels on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import cast

import pyoxigraph as ox
from rdflib import XSD, Graph
from rdflib.term import BNode, Literal, Node, URIRef


def skolemised(graph: Graph, name: Callable[[str], URIRef]) -> Iterator[tuple[URIRef, URIRef, Node]]:
    """Give the triples of ``graph`` in order, each blank node as ``name(canonical label)``.

    Cost: that of RDFC-1.0, exponential only for graphs made to be hard; holds the graph twice.
    Source: RDF Dataset Canonicalization (RDFC-1.0), section 4.
    """
    dataset = ox.Dataset(
        ox.Quad(quad.subject, quad.predicate, quad.object)
        for quad in ox.parse(graph.serialize(format="nt", encoding="utf-8"), ox.RdfFormat.N_TRIPLES)
    )
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    for quad in sorted(dataset, key=str):
        subject, object_ = _term(quad.subject), _term(quad.object)
        yield (
            name(subject) if isinstance(subject, BNode) else cast("URIRef", subject),
            URIRef(quad.predicate.value),
            name(object_) if isinstance(object_, BNode) else object_,
        )


def _term(term: object) -> Node:
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    literal = cast("ox.Literal", term)
    if literal.language:
        return Literal(literal.value, lang=literal.language)
    # rdflib holds "x" and "x"^^xsd:string for two terms, and parsers give the first.
    datatype = URIRef(literal.datatype.value)
    return Literal(literal.value, datatype=None if datatype == XSD.string else datatype, normalize=False)

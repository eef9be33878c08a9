"""Blank nodes called by what they say and not by what a parser called them.

A release holds no blank node: those of the ontology's class expressions and lists, and of strangers' RDF, each get an
IRI made from their canonical label. Equal graphs give equal labels on every machine, and so equal files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import cast

import pyoxigraph as ox
from rdflib import XSD, Graph
from rdflib.term import BNode, Literal, Node, URIRef

from kg.vocab import PREFIXES

# What a file declares first: namespaces of RDF/XML, or prefixes of Turtle and TriG, one a line.
_DECLARATION = re.compile(rb' xmlns:[\w-]+="[^"]*"|@prefix [^\n]*\n')
_DECLARATIONS = re.compile(rb"(?<=<rdf:RDF)(?: xmlns:[^>]*)(?=>)|\A(?:@prefix [^\n]*\n)+")


def rewritten(turtle: bytes, media_type: str, *, base: str) -> bytes:
    """Spell a Turtle document in another format of RDF: equal graphs give equal bytes.

    Statements are in the order of their N-Triples, blank nodes carry their canonical labels. Raises ValueError for what
    is no media type of RDF, SyntaxError for what is no Turtle. Holds the graph; cost as ``skolemised``.
    """
    form = ox.RdfFormat.from_media_type(media_type)
    if form is None:
        raise ValueError(f"{media_type} is no format of RDF")
    dataset = ox.Dataset(ox.parse(turtle, ox.RdfFormat.TURTLE, base_iri=base))
    dataset.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
    triples = (quad.triple for quad in sorted(dataset, key=str))
    written = cast("bytes", ox.serialize(triples, format=form, prefixes=PREFIXES))
    # pyoxigraph 0.5 declares prefixes in an order that changes from process to process.
    return _DECLARATIONS.sub(lambda found: b"".join(sorted(_DECLARATION.findall(found[0]))), written, count=1)


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

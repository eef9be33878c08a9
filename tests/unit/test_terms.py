"""How terms look on a page."""

from __future__ import annotations

import json

import pytest
from rdflib import XSD, BNode, Literal, URIRef

from kg.web.terms import Cell, cell, short, solutions


def link(iri: str) -> str | None:
    return f"/page/{iri.removeprefix('https://x.example/id/')}" if iri.startswith("https://x.example/id/") else None


@pytest.mark.parametrize(
    ("iri", "shown"),
    [
        ("http://www.w3.org/1999/02/22-rdf-syntax-ns#type", "rdf:type"),
        ("https://w3id.org/osai-kg/ontology#Finding", "osai:Finding"),
        ("https://schema.org/about", "schema:about"),
        ("https://schema.org/", "https://schema.org/"),
        ("https://schema.org/a/b", "https://schema.org/a/b"),
        ("https://elsewhere.example/x", "https://elsewhere.example/x"),
    ],
)
def test_an_iri_is_shortened_only_where_a_prefix_fits_whole(iri: str, shown: str) -> None:
    assert short(iri) == shown


def test_one_of_ours_leads_to_its_page_and_keeps_its_iri() -> None:
    assert cell(URIRef("https://x.example/id/a"), link, "A") == Cell(
        "A", "https://x.example/id/a", "/page/a", local=True
    )


@pytest.mark.parametrize(
    "iri", ["javascript:alert(1)", "JAVASCRIPT:alert(1)", "data:text/html,x", "urn:x:y", "file:///x"]
)
def test_only_web_addresses_are_links(iri: str) -> None:
    assert cell(URIRef(iri), link).href is None
    assert cell(Literal(iri, datatype=XSD.anyURI), link).href is None
    assert cell(URIRef(iri), link).text == iri


def test_an_address_in_a_literal_is_a_link_when_it_says_that_it_is_one() -> None:
    assert cell(Literal("https://e.example/", datatype=XSD.anyURI), link).href == "https://e.example/"
    assert cell(Literal("https://e.example/"), link).href is None


def test_literals_keep_text_language_and_datatype() -> None:
    assert cell(Literal("Größe", lang="de"), link) == Cell("Größe", lang="de")
    assert cell(Literal("2.50", datatype=XSD.decimal, normalize=False), link) == Cell("2.50", datatype="xsd:decimal")
    assert cell(Literal("x", datatype=XSD.string), link) == Cell("x")
    assert cell(BNode("b0"), link) == Cell("_:b0")


def test_solutions_keep_order_gaps_and_count_what_is_not_shown() -> None:
    answer = {
        "head": {"vars": ["b", "a"]},
        "results": {
            "bindings": [
                {"a": {"type": "literal", "value": "1", "datatype": str(XSD.integer)}},
                {"a": {"type": "uri", "value": "https://x.example/id/a"}, "b": {"type": "bnode", "value": "n"}},
                {"a": {"type": "literal", "value": "hidden", "xml:lang": "en"}},
            ]
        },
    }
    read = solutions(json.dumps(answer).encode(), link, 2)
    assert read["columns"] == ["b", "a"]
    assert read["more"] == 1
    assert read["table"] == [
        [None, Cell("1", datatype="xsd:integer")],
        [Cell("_:n"), Cell("https://x.example/id/a", "https://x.example/id/a", "/page/a", local=True)],
    ]
    assert solutions(b'{"head": {}, "boolean": false}', link, 2) == {"boolean": False}

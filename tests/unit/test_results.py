"""JSON results to rdflib terms, and the count of rows from an answer's bytes against the engine's own iteration."""

from __future__ import annotations

import json
from pathlib import Path

import pyoxigraph as ox
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import XSD, BNode, Literal, URIRef

from kg.errors import StoreError
from kg.store import CSV_RESULTS, JSON_RESULTS, TSV_RESULTS, TURTLE, XML_RESULTS, results

FORMATS = {
    JSON_RESULTS: ox.QueryResultsFormat.JSON,
    XML_RESULTS: ox.QueryResultsFormat.XML,
    CSV_RESULTS: ox.QueryResultsFormat.CSV,
    TSV_RESULTS: ox.QueryResultsFormat.TSV,
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"type": "uri", "value": "http://example.org/a"}, URIRef("http://example.org/a")),
        ({"type": "bnode", "value": "b0"}, BNode("b0")),
        ({"type": "literal", "value": "text"}, Literal("text")),
        ({"type": "literal", "value": "text", "xml:lang": "en-GB"}, Literal("text", lang="en-gb")),
        ({"type": "literal", "value": "2", "datatype": str(XSD.integer)}, Literal("2", datatype=XSD.integer)),
        ({"type": "typed-literal", "value": "2", "datatype": str(XSD.integer)}, Literal("2", datatype=XSD.integer)),
    ],
)
def test_terms(value: dict[str, str], expected: object) -> None:
    assert results.term(value) == expected


def test_a_lexical_form_stays_as_it_is() -> None:
    found = results.term({"type": "literal", "value": "02.50", "datatype": str(XSD.decimal)})
    assert str(found) == "02.50"


@pytest.mark.parametrize(
    "value",
    [
        {"type": "triple", "value": {}},
        {"type": "literal", "value": "text", "xml:lang": "en", "its:dir": "ltr"},
        {"type": "uri"},
        {},
    ],
)
def test_a_term_that_rdf_1_1_does_not_have_is_an_error(value: dict[str, object]) -> None:
    with pytest.raises(StoreError, match=r"RDF 1\.1"):
        results.term(value)


def test_solutions_leave_unbound_variables_out() -> None:
    uri = {"type": "uri", "value": "http://example.org/a"}
    body = json.dumps({"head": {"vars": ["x", "y"]}, "results": {"bindings": [{"x": uri}, {}]}}).encode()
    assert list(results.solutions(body)) == [{"x": URIRef("http://example.org/a")}, {}]


def test_solutions_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "answer"
    path.write_bytes(b'{"head":{"vars":[]},"results":{"bindings":[{}]}}')
    assert list(results.solutions(path)) == [{}]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"null", b'{"results":[]}'])
def test_bytes_that_are_no_results_are_an_error(body: bytes) -> None:
    with pytest.raises(StoreError, match="JSON"):
        results.solutions(body)


def test_an_ask_has_no_rows() -> None:
    with pytest.raises(ValueError, match="SELECT"):
        results.solutions(b'{"head":{},"boolean":true}')


def test_only_results_have_rows() -> None:
    with pytest.raises(ValueError, match="turtle"):
        results.count(b"", TURTLE)


# Texts that look like the borders between rows in one of the formats.
pieces = st.lists(
    st.sampled_from(
        [
            "},{",
            "{}",
            '"',
            '\\"',
            "\\",
            "\n",
            "\r\n",
            "\t",
            ",",
            "<result>",
            "</result>",
            "}",
            "]",
            '":{',
            "é",
            '"bindings":[',
        ]
    ),
    max_size=6,
).map("".join)
cells = st.none() | st.tuples(pieces, st.sampled_from(["", "@en", "^^<http://example.org/t>"]))
tables = st.integers(0, 3).flatmap(
    lambda width: st.lists(st.tuples(*[cells] * width), max_size=5).map(lambda t: (width, t))
)


def spelled(cell: tuple[str, str] | None) -> str:
    return "UNDEF" if cell is None else str(ox.Literal(cell[0])) + cell[1]


@given(tables)
def test_counting_bytes_is_counting_solutions(table: tuple[int, list[tuple[tuple[str, str] | None, ...]]]) -> None:
    width, rows = table
    names = " ".join(f"?v{number}" for number in range(width))
    values = " ".join("(" + " ".join(map(spelled, row)) + ")" for row in rows)
    query = f"SELECT {names or '*'} WHERE {{ VALUES ({names}) {{ {values} }} }}"
    store = ox.Store()
    assert sum(1 for _ in solutions(store, query)) == len(rows)
    for media_type, syntax in FORMATS.items():
        body = solutions(store, query).serialize(format=syntax)
        assert body is not None
        assert results.count(body, media_type) == len(rows), (media_type, body)


def solutions(store: ox.Store, query: str) -> ox.QuerySolutions:
    found = store.query(query)
    assert isinstance(found, ox.QuerySolutions)
    return found

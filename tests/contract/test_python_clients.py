"""Clients of Python as they are used: SPARQLWrapper, and rdflib's stores over an endpoint, reading and writing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from xml.dom.minidom import Document

import pytest
import rdflib
import SPARQLWrapper
from rdflib import Literal, URIRef
from rdflib.plugins.stores.sparqlstore import SPARQLStore, SPARQLUpdateStore
from SPARQLWrapper.SPARQLExceptions import QueryBadFormed, Unauthorized

from tests.contract.served import BASE
from tests.contract.workspaces import WRITER, Writable, writable

pytestmark = pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # rdflib's own

NAME = URIRef(f"{BASE}ontology#name")
PROJECT = URIRef(f"{BASE}id/project/größe")
TRIPLE = (PROJECT, NAME, Literal("Größe & <b>", lang="de"))
SELECT = f"SELECT ?s ?name WHERE {{ ?s <{NAME}> ?name }}"
CONSTRUCT = f"CONSTRUCT {{ ?s <{NAME}> ?name }} WHERE {{ ?s <{NAME}> ?name }}"
ASK = f"ASK {{ ?s <{NAME}> ?name }}"
BEARER = {"Authorization": f"Bearer {WRITER}"}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writable]:
    """A writable service that holds one triple."""
    with writable(tmp_path_factory.mktemp("workspace")) as service:
        written = service.update(f"INSERT DATA {{ {' '.join(term.n3() for term in TRIPLE)} }}")
        assert written.status in (200, 204), written.text
        yield service


@pytest.fixture(scope="module")
def endpoint(workspace: Writable) -> str:
    return f"http://{workspace.server.host}:{workspace.server.port}/sparql"


# --- SPARQLWrapper --------------------------------------------------------------------------------------------------


def asked(endpoint: str, query: str, way: tuple[str, str], wanted: str | None) -> tuple[str, object]:
    """Ask as its documentation does; give the content type without its charset, and what became of the answer."""
    client = SPARQLWrapper.SPARQLWrapper(endpoint)
    if wanted is not None:
        client.setReturnFormat(wanted)
    client.setMethod(way[0])
    client.setRequestMethod(way[1])
    client.setQuery(query)
    with warnings.catch_warnings():
        # It asks for a graph in JSON with a warning and */*; people do.
        warnings.filterwarnings("ignore", "Sending Accept header", RuntimeWarning)
        answer = client.query()
        content_type = str(answer.info()["content-type"]).partition(";")[0]
        return content_type, answer.convert()


WAYS = [
    (SPARQLWrapper.GET, SPARQLWrapper.URLENCODED),
    (SPARQLWrapper.POST, SPARQLWrapper.URLENCODED),
    (SPARQLWrapper.POST, SPARQLWrapper.POSTDIRECTLY),
]


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_sparqlwrapper_gets_rows_in_every_format_it_knows(endpoint: str, way: tuple[str, str]) -> None:
    _, found = asked(endpoint, SELECT, way, SPARQLWrapper.JSON)
    assert isinstance(found, dict)
    assert [row["name"] for row in found["results"]["bindings"]] == [
        {"type": "literal", "value": "Größe & <b>", "xml:lang": "de"}
    ]
    for wanted in (None, SPARQLWrapper.XML):
        content_type, document = asked(endpoint, SELECT, way, wanted)
        assert content_type == "application/sparql-results+xml"
        assert isinstance(document, Document)
        assert f"<uri>{PROJECT}</uri>" in document.toxml()
    for wanted, expected in ((SPARQLWrapper.CSV, "text/csv"), (SPARQLWrapper.TSV, "text/tab-separated-values")):
        content_type, table = asked(endpoint, SELECT, way, wanted)
        assert content_type == expected
        assert isinstance(table, bytes)
        assert "Größe & <b>" in table.decode()
    _, said = asked(endpoint, ASK, way, SPARQLWrapper.JSON)
    assert isinstance(said, dict)
    assert said["boolean"] is True


@pytest.mark.parametrize("way", WAYS, ids="-".join)
@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, "application/rdf+xml"),
        (SPARQLWrapper.XML, "application/rdf+xml"),
        (SPARQLWrapper.RDFXML, "application/rdf+xml"),
        (SPARQLWrapper.RDF, "application/rdf+xml"),
        (SPARQLWrapper.TURTLE, "text/turtle"),
        (SPARQLWrapper.N3, "text/turtle"),
        (SPARQLWrapper.JSONLD, "application/ld+json"),
        (SPARQLWrapper.JSON, "application/ld+json"),
    ],
)
def test_sparqlwrapper_gets_a_graph_in_every_format_it_knows(
    endpoint: str, way: tuple[str, str], wanted: str | None, expected: str
) -> None:
    content_type, found = asked(endpoint, CONSTRUCT, way, wanted)
    assert content_type == expected
    if isinstance(found, bytes):  # Turtle and N3 are left to the caller
        found = rdflib.Graph().parse(data=found, format="turtle")
    assert isinstance(found, rdflib.Graph)
    assert set(found) == {TRIPLE}


def test_sparqlwrapper_tells_a_mistake_in_our_words(endpoint: str) -> None:
    with pytest.raises(QueryBadFormed, match="line 2, column 1: WHER is no keyword of SPARQL; did you mean WHERE"):
        asked(endpoint, "SELECT *\nWHER { ?s ?p ?o }", WAYS[0], SPARQLWrapper.JSON)


@pytest.mark.parametrize("way", [SPARQLWrapper.URLENCODED, SPARQLWrapper.POSTDIRECTLY])
def test_sparqlwrapper_writes_with_a_token_and_not_without(workspace: Writable, endpoint: str, way: str) -> None:
    client = SPARQLWrapper.SPARQLWrapper(endpoint, updateEndpoint=endpoint.replace("/sparql", "/update"))
    client.setMethod(SPARQLWrapper.POST)
    client.setRequestMethod(way)
    client.setQuery(f"INSERT DATA {{ GRAPH <urn:x:wrapper> {{ <urn:x:s> <urn:x:p> '{way}' }} }}")
    with pytest.raises(Unauthorized):
        client.query()
    client.addCustomHttpHeader("Authorization", BEARER["Authorization"])
    client.query()
    assert workspace.yes(f"ASK {{ GRAPH <urn:x:wrapper> {{ ?s ?p '{way}' }} }}")


# --- rdflib ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("returned", ["json", "xml", "csv", "tsv"])
@pytest.mark.parametrize("method", ["GET", "POST", "POST_FORM"])
def test_rdflib_reads_us_as_one_of_its_stores(endpoint: str, method: str, returned: str) -> None:
    graph = rdflib.Graph(SPARQLStore(endpoint, method=method, returnFormat=returned))
    typed = returned in ("json", "xml", "tsv")  # CSV has no languages, by its definition
    expected = TRIPLE[2] if typed else Literal("Größe & <b>")
    assert [(row.s, row.name) for row in graph.query(SELECT)] == [(PROJECT, expected)]  # type: ignore[union-attr]
    assert set(graph.query(CONSTRUCT).graph or ()) == {TRIPLE}
    assert [predicate for _, predicate, _ in graph.triples((PROJECT, None, None))] == [NAME]
    if typed:
        assert graph.value(PROJECT, NAME) == TRIPLE[2]
        assert len(graph) == 1
    if returned in ("json", "xml"):
        assert graph.query(ASK).askAnswer is True


def test_rdflib_writes_to_us_as_one_of_its_stores(workspace: Writable, endpoint: str) -> None:
    store = SPARQLUpdateStore(endpoint, endpoint.replace("/sparql", "/update"), headers=BEARER, autocommit=False)
    data = rdflib.Dataset(store)
    graph = data.graph(URIRef("urn:x:rdflib"))
    one, other = (URIRef("urn:x:a"), NAME, Literal('"quoted"\n')), (URIRef("urn:x:b"), NAME, Literal(2))
    graph.add(one)
    graph.add(other)
    assert not workspace.yes("ASK { GRAPH <urn:x:rdflib> { ?s ?p ?o } }"), "nothing is sent before the commit"
    store.commit()
    assert set(graph) == {one, other}
    graph.remove(other)
    store.commit()
    assert set(graph) == {one}
    graph.update("DELETE { ?s ?p ?o } INSERT { ?s ?p 'changed' } WHERE { ?s ?p ?o }")
    store.commit()
    assert set(graph) == {(one[0], NAME, Literal("changed"))}

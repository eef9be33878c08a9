"""The SPARQL 1.1 Protocol over real HTTP, rule by rule."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import socket
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import rdflib
from rdflib import RDF, URIRef
from rdflib.namespace import Namespace
from rdflib.term import Node
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from kg.config import Config
from kg.errors import (
    AnswerTooLargeError,
    KgError,
    QueryMemoryError,
    QueryTimeoutError,
    QueueFullError,
    StoreUnavailableError,
    WorkerDiedError,
)
from kg.release import Release
from kg.store import EVERYTHING, Answer, Limits, Scope, Store
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, MARKUP, ONE, PYTORCH, TWO, Reply, Server, live, make_release, read_page

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
JSON = "application/sparql-results+json"
FORM = "application/x-www-form-urlencoded"

SELECT = f"SELECT ?name WHERE {{ {PYTORCH} <{BASE}ontology#name> ?name }}"
ASK = f"ASK {{ {PYTORCH} ?p ?o }}"
CONSTRUCT = f"CONSTRUCT WHERE {{ {PYTORCH} <{BASE}ontology#name> ?name }}"
DESCRIBE = f"DESCRIBE {PYTORCH}"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make_release(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(home=tmp_path_factory.mktemp("home"), query_bytes=20_000)


@pytest.fixture(scope="module")
def store(release: Release) -> Iterator[OxigraphStore]:
    store = OxigraphStore.load([(release.quads, None, None)])
    yield store
    store.close()


@pytest.fixture(scope="module")
def server(config: Config, store: OxigraphStore, release: Release) -> Iterator[Server]:
    with live(create_app(config, store=store, release=release)) as server:
        yield server


def at(query: str | None = None, **parameters: str) -> str:
    fields = ({"query": query} if query is not None else {}) | parameters
    return f"/sparql?{urlencode(fields)}" if fields else "/sparql"


def accepting(accept: str | None) -> dict[str, Any]:
    return {} if accept is None else {"Accept": accept}


def post(server: Server, body: str | bytes, content_type: str, path: str = "/sparql", **headers: str) -> Reply:
    data = body if isinstance(body, bytes) else body.encode()
    return server.ask(path, method="POST", body=data, Content_Type=content_type, **headers)


def names(reply: Reply) -> set[str]:
    """The values of the first column of a JSON answer."""
    assert reply.status == 200, reply.text
    first = reply.json["head"]["vars"][0]
    return {row[first]["value"] for row in reply.json["results"]["bindings"]}


def problem(reply: Reply, status: int, name: str) -> Mapping[str, object]:
    """Read a problem, and check what every problem owes: its type, a reason, a way out, an identifier, no internals."""
    assert (reply.status, reply.type) == (status, "application/problem+json"), reply.text
    told: Mapping[str, object] = reply.json
    assert told["type"] == f"{BASE}problem/{name}"
    assert told["status"] == status
    assert told["title"]
    assert told["detail"]
    assert told["how"]
    assert told["request"] == reply.headers["x-request-id"]
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.headers["cache-control"] == "no-store"
    for inside in ("Traceback", ".py", "/kg/", str(Path.home())):
        assert inside not in reply.text
    return told


PARSERS = {
    "text/turtle": "turtle",
    "application/n-triples": "nt",
    "application/rdf+xml": "xml",
    "application/ld+json": "json-ld",
    "application/trig": "trig",
    "application/n-quads": "nquads",
}


def graph_of(reply: Reply) -> rdflib.Graph:
    """Read a graph in whatever format it came."""
    graph = rdflib.Graph()
    with warnings.catch_warnings():  # rdflib 7.6 warns of itself: its JSON-LD parser makes a ConjunctiveGraph
        warnings.filterwarnings(
            "ignore", "(ConjunctiveGraph|Dataset\\.default_context) is deprecated", DeprecationWarning
        )
        for quad in rdflib.Dataset().parse(data=reply.text, format=PARSERS[reply.type]).quads():
            graph.add(quad[:3])
    return graph


# --- three ways to send a query ---------------------------------------------------------------------------------------


def test_get_form_and_direct_post_give_the_same_answer(server: Server) -> None:
    got = server.ask(at(SELECT))
    form = post(server, urlencode({"query": SELECT}), FORM)
    direct = post(server, SELECT, "application/sparql-query")
    assert names(got) == {"PyTorch"}
    assert got.body == form.body == direct.body
    assert got.type == form.type == direct.type == JSON


def test_a_content_type_may_say_utf8_in_any_case(server: Server) -> None:
    assert names(post(server, SELECT, "Application/SPARQL-Query; charset=UTF-8")) == {"PyTorch"}
    assert names(post(server, urlencode({"query": SELECT}), f'{FORM}; charset="utf-8"')) == {"PyTorch"}


def test_another_charset_is_415(server: Server) -> None:
    problem(post(server, SELECT, "application/sparql-query; charset=iso-8859-1"), 415, "unsupported-media-type")


def test_text_beyond_ascii_arrives_however_it_is_sent(server: Server) -> None:
    query = 'SELECT ?thing WHERE { ?thing ?p "Größe" }'
    raw = "/sparql?query=" + quote(query, safe='Größe"').replace(" ", "+")
    for reply in (
        server.ask(at(query)),
        post(server, urlencode({"query": query}), FORM),
        post(server, query, "application/sparql-query"),
    ):
        assert names(reply) == {f"{BASE}id/org/größe"}
    with socket.create_connection((server.host, server.port), timeout=30) as line:  # unescaped bytes in the address
        line.sendall(f"GET {raw} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        assert "größe".encode() in b"".join(iter(lambda: line.recv(65536), b""))


def test_relative_iris_are_below_the_base(server: Server) -> None:
    assert names(server.ask(at("SELECT ?p WHERE { <id/project/pytorch> ?p <id/org/pytorch-foundation> }"))) == {
        f"{BASE}ontology#currentHost"
    }


def test_a_chunked_body_is_read(server: Server) -> None:
    parts = (part.encode() for part in (SELECT[:10], SELECT[10:]))
    reply = server.ask(
        "/sparql", method="POST", body=parts, Content_Type="application/sparql-query", Transfer_Encoding="chunked"
    )
    assert names(reply) == {"PyTorch"}


# --- what is refused ------------------------------------------------------------------------------------------------


def test_query_given_twice_is_400(server: Server) -> None:
    twice = urlencode([("query", SELECT), ("query", ASK)])
    assert problem(server.ask(f"/sparql?{twice}"), 400, "bad-parameter")["parameter"] == "query"
    problem(post(server, twice, FORM), 400, "bad-parameter")


def test_query_in_url_and_body_is_400(server: Server) -> None:
    problem(post(server, SELECT, "application/sparql-query", at(SELECT)), 400, "bad-parameter")
    problem(post(server, urlencode({"query": SELECT}), FORM, at(SELECT)), 400, "bad-parameter")


@pytest.mark.parametrize("content_type", ["text/plain", "application/json", "multipart/form-data; boundary=x", "odd"])
def test_another_content_type_is_415(server: Server, content_type: str) -> None:
    told = problem(post(server, SELECT, content_type), 415, "unsupported-media-type")
    assert told["accepted"] == ["application/sparql-query", FORM]


def test_a_post_without_content_type_is_415(server: Server) -> None:
    problem(server.ask("/sparql", method="POST", body=SELECT.encode()), 415, "unsupported-media-type")
    problem(server.ask(at(SELECT), method="POST", body=b""), 415, "unsupported-media-type")


def test_a_form_without_query_is_400_and_no_service_description(server: Server) -> None:
    problem(post(server, urlencode({"quer": SELECT}), FORM), 400, "bad-parameter")
    problem(post(server, "", FORM), 400, "bad-parameter")


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "INVENTED"])
def test_another_method_is_405_with_allow(server: Server, method: str) -> None:
    reply = server.ask(at(SELECT), method=method)
    problem(reply, 405, "method-not-allowed")
    assert reply.headers["allow"] == "GET, HEAD, POST, OPTIONS"


def test_invalid_utf8_is_400(server: Server) -> None:
    bad = SELECT.encode().replace(b"?name", b"?na\xffme")
    problem(server.ask("/sparql?query=SELECT%20%2A%20%7B%20%3Fs%20%3Fp%20%22%FF%22%20%7D"), 400, "bad-encoding")
    problem(post(server, b"query=" + quote(bad).encode(), FORM), 400, "bad-encoding")
    problem(post(server, b"query=" + bad, FORM), 400, "bad-encoding")
    problem(post(server, bad, "application/sparql-query"), 400, "bad-encoding")


def test_a_syntax_error_is_400_and_names_the_place(server: Server) -> None:
    told = problem(server.ask(at("SELECT ?s WHERE {\n  ?s ?p }")), 400, "query-syntax")
    assert told["line"] == 2


def test_an_empty_query_is_a_syntax_error_and_no_service_description(server: Server) -> None:
    assert server.ask(at("")).status == 400
    assert post(server, "", "application/sparql-query").status == 400


UPDATE = "DELETE WHERE { ?s ?p ?o }"


@pytest.mark.parametrize("accept", ["text/turtle", "*/*", JSON])
def test_update_is_refused(server: Server, accept: str) -> None:
    for reply in (
        post(server, UPDATE, "application/sparql-update", Accept=accept),
        post(server, urlencode({"update": UPDATE}), FORM, Accept=accept),
        server.ask(f"/sparql?{urlencode({'update': UPDATE})}", Accept=accept),
        server.ask(f"/sparql?{urlencode({'query': SELECT, 'update': UPDATE})}", Accept=accept),
    ):
        problem(reply, 400, "update-refused")
    assert server.ask(at(UPDATE), Accept=accept).status == 400
    assert names(server.ask(at(SELECT))) == {"PyTorch"}


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }",
        "SELECT * { service silent <http://127.0.0.1:1/> { ?s ?p ?o } }",
        "SELECT * { SeRvIcE\n# a comment\n<http://127.0.0.1:1/> { ?s ?p ?o } }",
        "SELECT * { SERVICE<http://127.0.0.1:1/>{ ?s ?p ?o } }",
        "PREFIX x: <http://127.0.0.1:1/> SELECT * { SERVICE x:y { ?s ?p ?o } }",
        "BASE <http://127.0.0.1:1/> SELECT * { { SELECT * { SERVICE <y> { ?s ?p ?o } } } }",
        "SELECT * { BIND(<http://127.0.0.1:1/> AS ?a) SERVICE ?a { ?s ?p ?o } }",
        "SELECT * { ?s ?p ?o FILTER NOT EXISTS { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } } }",
    ],
)
def test_service_in_any_spelling_is_refused(server: Server, text: str) -> None:
    told = problem(server.ask(at(text)), 403, "service-refused")
    assert told["rule"] == "service"
    assert "line" in told


def test_the_word_service_is_no_crime(server: Server) -> None:
    for text in (
        'SELECT * { ?service ?p "SERVICE <http://127.0.0.1:1/> {}" }',
        "SELECT * { ?s <http://example.org/SERVICE> ?o } # SERVICE",
    ):
        assert server.ask(at(text)).status == 200


def test_a_body_over_the_cap_is_413(server: Server) -> None:
    told = problem(post(server, "#" * 20_001, "application/sparql-query"), 413, "request-too-large")
    assert told["limit"] == 20_000


def test_a_body_that_only_says_it_is_large_is_413_before_it_is_read(server: Server) -> None:
    with socket.create_connection((server.host, server.port), timeout=30) as line:
        line.sendall(
            b"POST /sparql HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/sparql-query\r\n"
            b"Content-Length: 99999999999\r\n\r\n"
        )
        assert line.recv(65536).startswith(b"HTTP/1.1 413")


def test_a_chunked_body_over_the_cap_is_413(server: Server) -> None:
    blocks = (b"#" * 7000 for _ in range(3))
    reply = server.ask(
        "/sparql", method="POST", body=blocks, Content_Type="application/sparql-query", Transfer_Encoding="chunked"
    )
    problem(reply, 413, "request-too-large")


def test_an_address_over_the_cap_is_413_and_says_post(server: Server) -> None:
    told = problem(server.ask(at("#" * 20_001)), 413, "request-too-large")
    assert "POST" in str(told["detail"])


def test_more_parameters_than_anyone_needs_are_refused(server: Server) -> None:
    problem(server.ask("/sparql?" + "&".join("a=1" for _ in range(1100))), 400, "bad-request")


def test_a_host_header_that_is_none_is_refused(server: Server) -> None:
    for host in ('x"><script>', "a b", "x/../y"):
        problem(server.ask("/sparql", Host=host), 400, "bad-request")


# --- content negotiation ----------------------------------------------------------------------------------------------


def solutions(reply: Reply) -> list[str]:
    """Read the one column of an answer in whatever format it came."""
    if "json" in reply.type:
        return [row["name"]["value"] for row in reply.json["results"]["bindings"]]
    if "xml" in reply.type:
        root = ET.fromstring(reply.text)  # noqa: S314  (our own answer)
        return [str(node.text) for node in root.iter("{http://www.w3.org/2005/sparql-results#}literal")]
    rows = list(csv.reader(io.StringIO(reply.text), delimiter="\t" if "tab" in reply.type else ","))
    return [row[0] for row in rows[1:]]


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("*/*", JSON),
        (JSON, JSON),
        ("application/json", "application/json"),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("application/xml", "application/xml"),
        ("text/csv", "text/csv"),
        ("text/csv;header=present", "text/csv"),
        ("text/tab-separated-values", "text/tab-separated-values"),
        ("text/*", "text/csv"),
        ("text/csv;q=0.2, application/sparql-results+xml;q=0.8", "application/sparql-results+xml"),
        ("image/png", JSON),
        ("nonsense", JSON),
        ("text/turtle", JSON),
    ],
)
def test_select_is_answered_in_the_format_that_is_accepted(server: Server, accept: str | None, expected: str) -> None:
    reply = server.ask(at(SELECT), **accepting(accept))
    assert (reply.status, reply.type) == (200, expected)
    assert solutions(reply) in (["PyTorch"], ['"PyTorch"'])
    assert reply.headers["vary"] == "Accept, Accept-Encoding"


def test_accept_q_zero_excludes(server: Server) -> None:
    assert server.ask(at(SELECT), Accept=f"*/*, {JSON};q=0").type == "application/sparql-results+xml"
    assert server.ask(at(SELECT), Accept=f"{JSON};q=0, application/sparql-results+xml;q=0, */*").type == "text/csv"
    assert server.ask(at(CONSTRUCT), Accept="*/*;q=0.5, text/turtle;q=0").type == "application/n-triples"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, JSON),
        ("application/sparql-results+xml", "application/sparql-results+xml"),
        ("text/csv", JSON),
    ],
)
def test_ask_is_answered_in_json_or_xml(server: Server, accept: str | None, expected: str) -> None:
    reply = server.ask(at(ASK), **accepting(accept))
    assert (reply.status, reply.type) == (200, expected)
    assert "true" in reply.text
    assert reply.headers["kg-rows"] == "1"


@pytest.mark.parametrize("query", [CONSTRUCT, DESCRIBE])
@pytest.mark.parametrize(
    ("accept", "expected"), [("*/*", "text/turtle"), ("text/csv", "text/turtle"), *((name, name) for name in PARSERS)]
)
def test_a_graph_is_answered_in_the_format_that_is_accepted(
    server: Server, query: str, accept: str, expected: str
) -> None:
    reply = server.ask(at(query), Accept=accept)
    assert (reply.status, reply.type) == (200, expected)
    graph = graph_of(reply)
    assert (URIRef(f"{BASE}id/project/pytorch"), URIRef(f"{BASE}ontology#name"), rdflib.Literal("PyTorch")) in graph
    assert reply.headers["kg-rows"] == str(len(graph))


def test_format_in_the_address_wins_over_accept(server: Server) -> None:
    assert server.ask(at(SELECT, format="csv"), Accept=JSON).type == "text/csv"
    assert server.ask(at(CONSTRUCT, format="nt"), Accept=BROWSER).type == "application/n-triples"
    assert server.ask(at(SELECT, format=""), Accept="text/csv").type == "text/csv"


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        ("format=application/sparql-results%2Bxml", "application/sparql-results+xml"),
        ("format=application/sparql-results+xml", "application/sparql-results+xml"),  # a plus that means a blank
        ("format=TEXT/CSV", "text/csv"),
        ("format=tsv&format=text/tab-separated-values", "text/tab-separated-values"),
        ("format=rdf%2Bxml&format=json", JSON),  # the first that is offered
        ("format=application/x-none%2Ctext/html", "text/html"),
    ],
)
def test_a_format_may_be_a_media_type_and_be_named_in_several_ways(server: Server, sent: str, expected: str) -> None:
    assert server.ask(f"{at(SELECT)}&{sent}", Accept="text/turtle").type == expected


def test_a_format_that_does_not_fit_is_406_and_lists_those_that_do(server: Server) -> None:
    told = problem(server.ask(at(SELECT, format="ttl")), 406, "not-acceptable")
    assert set(told["offered"]) >= {"json", "xml", "csv", "tsv"}  # type: ignore[call-overload]


def test_a_browser_gets_a_page_with_the_answer(server: Server) -> None:
    page = read_page(server.ask(at(SELECT), Accept=BROWSER))
    assert "PyTorch" in page.text
    assert f"/sparql?{urlencode({'query': SELECT, 'format': 'csv'})}" in page.links
    assert "yes" in read_page(server.ask(at(ASK), Accept=BROWSER)).text
    assert '"PyTorch"' in read_page(server.ask(at(CONSTRUCT), Accept=BROWSER)).text


def test_markup_in_data_and_queries_is_text(server: Server) -> None:
    query = f"SELECT ?name WHERE {{ <{BASE}id/project/marked> <{BASE}ontology#name> ?name }} # {MARKUP}"
    for text in (query, f"SELECT {MARKUP}"):
        page = read_page(server.ask(at(text), Accept=BROWSER))
        assert MARKUP in page.text
        assert not page.all("b")
    described = read_page(server.ask(at(f"DESCRIBE <{BASE}id/project/marked>"), Accept=BROWSER))
    assert "</script>" in described.text


# --- datasets -------------------------------------------------------------------------------------------------------

ALL = "SELECT ?s WHERE { ?s ?p ?o }"
NAMED = "SELECT ?g WHERE { GRAPH ?g { ?s ?p ?o } }"


def test_default_graph_uri_is_the_default_graph(server: Server) -> None:
    assert names(server.ask(at(ALL, **{"default-graph-uri": TWO}))) == {f"{BASE}id/project/pytorch"}
    assert names(server.ask(at(NAMED, **{"default-graph-uri": TWO}))) == set()


def test_default_graph_uris_are_merged(server: Server) -> None:
    both = urlencode([("query", ALL), ("default-graph-uri", ONE), ("default-graph-uri", TWO)])
    expected = {f"{BASE}id/project/pytorch", f"{BASE}id/org/pytorch-foundation"}
    assert names(server.ask(f"/sparql?{both}")) == expected
    assert names(post(server, both, FORM)) == expected


def test_named_graph_uri_is_a_named_graph(server: Server) -> None:
    assert names(server.ask(at(NAMED, **{"named-graph-uri": ONE}))) == {ONE}
    assert names(server.ask(at(ALL, **{"named-graph-uri": ONE}))) == set()


def test_the_dataset_of_a_direct_post_stands_in_the_address(server: Server) -> None:
    path = f"/sparql?{urlencode([('default-graph-uri', TWO), ('named-graph-uri', ONE)])}"
    assert names(post(server, ALL, "application/sparql-query", path)) == {f"{BASE}id/project/pytorch"}
    assert names(post(server, NAMED, "application/sparql-query", path)) == {ONE}


def test_the_dataset_of_the_request_wins_over_from(server: Server) -> None:
    dataset = f"FROM <{ONE}> FROM NAMED <{ONE}>"
    query = f"SELECT ?s {dataset} WHERE {{ {{ ?s ?p ?o }} UNION {{ GRAPH ?s {{ ?x ?p ?o }} }} }}"
    assert names(server.ask(at(query))) == {ONE, f"{BASE}id/project/pytorch", f"{BASE}id/org/pytorch-foundation"}
    assert names(server.ask(at(query, **{"default-graph-uri": TWO}))) == {f"{BASE}id/project/pytorch"}


def test_graph_asserted_leaves_inference_out(server: Server) -> None:
    query = f"ASK {{ {PYTORCH} <{BASE}ontology#currentHost> ?host }}"
    named = f"ASK {{ {PYTORCH} <{BASE}ontology#name> ?name }}"
    words = f"ASK {{ ?span <{BASE}ontology#exactQuote> ?words }}"
    scope = {"default-graph-uri": f"{BASE}graph/asserted"}
    assert server.ask(at(query)).json["boolean"] is True
    assert server.ask(at(query, **scope)).json["boolean"] is False
    assert server.ask(at(named, **scope)).json["boolean"] is True
    assert server.ask(at(words, **scope)).json["boolean"] is False, "words of others are no load"


def test_a_dataset_that_is_no_iri_is_400(server: Server) -> None:
    assert server.ask(at(ALL, **{"default-graph-uri": "not an iri"})).status == 400
    assert server.ask(at(ALL, **{"named-graph-uri": "<http://x> } #"})).status == 400


# --- validators, HEAD, OPTIONS, CORS ----------------------------------------------------------------------------------


def test_head_equals_get_without_body(server: Server) -> None:
    for path in (at(SELECT), at(CONSTRUCT), "/sparql", at("SELEC"), at(SELECT, format="html")):
        got, head = server.ask(path), server.ask(path, method="HEAD")
        assert head.body == b""
        assert head.status == got.status
        changing = ("kg-milliseconds", "x-request-id", "date")
        kept = {name: value for name, value in got.headers.items() if name not in changing}
        assert kept == {name: value for name, value in head.headers.items() if name not in changing}


def test_etag_gives_304(server: Server) -> None:
    first = server.ask(at(SELECT))
    tag = first.headers["etag"]
    assert tag.startswith('"'), "a strong validator"
    for known in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        again = server.ask(at(SELECT), If_None_Match=known)
        assert (again.status, again.body) == (304, b"")
        assert (again.headers["etag"], again.headers["vary"]) == (tag, "Accept, Accept-Encoding")
        assert again.headers["access-control-allow-origin"] == "*"
    assert server.ask(at(SELECT), If_None_Match='"other"').status == 200
    assert server.ask(at(SELECT), method="HEAD", If_None_Match=tag).status == 304


def test_a_graph_has_a_weak_tag_because_its_triples_come_in_any_order(server: Server) -> None:
    for query in (CONSTRUCT, DESCRIBE):
        tag = server.ask(at(query)).headers["etag"]
        assert tag.startswith('W/"')
        assert server.ask(at(query), If_None_Match=tag).status == 304


def test_etags_differ_where_bytes_may(server: Server, config: Config, tmp_path: Path) -> None:
    paths: tuple[str, ...] = (
        at(SELECT),
        at(SELECT + " "),
        at(SELECT, format="csv"),
        at(SELECT, **{"default-graph-uri": ONE}),
    )
    paths = (*paths, at(SELECT, **{"named-graph-uri": ONE}), at(SELECT, **{"default-graph-uri": TWO}), "/sparql")
    tags = [server.ask(path).headers["etag"] for path in paths]
    assert len(set(tags)) == len(paths)
    assert server.ask(at(SELECT), Accept="text/csv").headers["etag"] == tags[2], "the same bytes, asked for otherwise"
    other = make_release(tmp_path, version="later", extra="<http://x> <http://y> <http://z> .")
    with live(create_app(config, store=OxigraphStore.load([(other.quads, None, None)]), release=other)) as later:
        assert later.ask(at(SELECT)).headers["etag"] != tags[0]


def test_a_post_has_no_validator(server: Server) -> None:
    reply = post(server, SELECT, "application/sparql-query", If_None_Match="*")
    assert reply.status == 200
    assert "etag" not in reply.headers


@pytest.mark.parametrize("call", ["NOW()", "RAND()", "UUID()", "STRUUID()", "now ( )"])
def test_what_differs_each_time_has_no_validator_and_is_not_stored(server: Server, call: str) -> None:
    reply = server.ask(at(f"SELECT ({call} AS ?x) WHERE {{}}"), If_None_Match="*")
    assert reply.status == 200
    assert "etag" not in reply.headers
    assert reply.headers["cache-control"] == "no-store"


def test_data_without_a_release_has_no_validator(config: Config, store: OxigraphStore) -> None:
    with live(create_app(config, store=store)) as bare:
        reply = bare.ask(at(SELECT), If_None_Match="*")
    assert names(reply) == {"PyTorch"}
    assert "etag" not in reply.headers
    assert "kg-release" not in reply.headers


def test_an_answer_says_what_it_is(server: Server) -> None:
    reply = server.ask(at("SELECT DISTINCT ?name WHERE { ?s <ontology#name> ?name }"))
    assert reply.headers["kg-release"] == "2026-01-02-test"
    assert reply.headers["kg-complete"] == "true"
    assert int(reply.headers["kg-rows"]) == len(reply.json["results"]["bindings"]) > 1
    assert int(reply.headers["kg-milliseconds"]) >= 0
    assert int(reply.headers["content-length"]) == len(reply.body) > len(reply.text), "bytes, not characters"


def test_cors_on_answers(server: Server) -> None:
    for path in (at(SELECT), "/sparql", at(CONSTRUCT), "/", "/queries", "/static/style.css", "/-/health"):
        reply = server.ask(path, Origin="https://elsewhere.example")
        assert reply.status == 200
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "access-control-allow-credentials" not in reply.headers
        exposed = reply.headers["access-control-expose-headers"].split(", ")
        assert {"ETag", "Link", "KG-Release", "KG-Rows", "KG-Complete", "X-Request-Id"} <= set(exposed)


def test_cors_on_errors(server: Server) -> None:
    for path in (at("SELEC"), "/nowhere", "/id/project/nobody", at(SELECT, format="nonsense")):
        reply = server.ask(path, Origin="https://elsewhere.example")
        assert reply.status >= 400
        assert reply.headers["access-control-allow-origin"] == "*"
        assert "X-Request-Id" in reply.headers["access-control-expose-headers"]
    assert server.ask("/sparql", method="DELETE").headers["access-control-allow-origin"] == "*"


def test_a_preflight_is_answered(server: Server) -> None:
    reply = server.ask(
        "/sparql",
        method="OPTIONS",
        Origin="https://elsewhere.example",
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="content-type",
    )
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["access-control-allow-origin"] == "*"
    assert "POST" in reply.headers["access-control-allow-methods"]
    allowed = reply.headers["access-control-allow-headers"].split(", ")
    assert {"*", "Authorization", "Content-Type"} <= set(allowed), "the star does not stand for Authorization"
    assert int(reply.headers["access-control-max-age"]) > 0
    assert reply.headers["allow"] == "GET, HEAD, POST, OPTIONS"


@pytest.mark.parametrize("path", ["/sparql", at(SELECT), at("SELEC"), "/", "/nowhere", "/static/style.css"])
@pytest.mark.parametrize("accept", ["*/*", BROWSER])
def test_nothing_that_is_sent_may_run_or_be_framed(server: Server, path: str, accept: str) -> None:
    reply = server.ask(path, Accept=accept)
    policy = reply.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    # The query editor's page runs our own script; test_editor.py reads its policy.
    assert ("script-src" in policy) == (accept == BROWSER and path.startswith("/sparql"))
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["referrer-policy"] == "no-referrer"


# --- service description ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "expected"), [(None, "text/turtle"), (JSON, "text/turtle"), *((name, name) for name in PARSERS)]
)
def test_without_a_query_the_service_describes_itself(server: Server, accept: str | None, expected: str) -> None:
    reply = server.ask("/sparql", **accepting(accept))
    assert (reply.status, reply.type) == (200, expected)
    graph = graph_of(reply)
    (service,) = graph.subjects(RDF.type, SD.Service)
    assert service == URIRef(f"http://{server.host}:{server.port}/sparql")
    assert graph.value(service, SD.endpoint) == service
    assert (service, SD.supportedLanguage, SD.SPARQL11Query) in graph
    formats = {str(name).rpartition("/")[2] for name in graph.objects(service, SD.resultFormat)}
    assert {"SPARQL_Results_JSON", "Turtle", "JSON-LD"} <= formats
    dataset = graph.value(service, SD.defaultDataset)
    assert graph.value(dataset, SD.defaultGraph) is not None
    listed = {graph.value(named, SD.name) for named in graph.objects(dataset, SD.namedGraph)}
    assert listed == {URIRef(name) for name in names(server.ask(at(NAMED)))}


def test_without_a_query_a_browser_gets_the_editor(server: Server) -> None:
    page = read_page(server.ask("/sparql", Accept=BROWSER))
    (form,) = [form for form in page.all("form") if form.get("action") != "/search"]
    assert (form["action"], form["method"]) == ("/sparql", "get")
    assert [field["name"] for field in page.all("textarea")] == ["query"]


def test_the_public_address_stands_in_the_description_and_the_links(config: Config, store: OxigraphStore) -> None:
    public = config.model_copy(update={"public_url": "https://data.example/kg/"})
    with live(create_app(public, store=store)) as server:
        graph = rdflib.Graph().parse(data=server.ask("/sparql").text)
        page = read_page(server.ask("/sparql", Accept=BROWSER))
    assert set(graph.subjects(RDF.type, SD.Service)) == {URIRef("https://data.example/kg/sparql")}
    assert all(link.startswith(("/kg/", "#")) for link in page.links)


def test_the_service_can_be_mounted_below_a_path(config: Config, store: OxigraphStore, release: Release) -> None:
    app = create_app(config, store=store, release=release)

    def nothing(environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("404 Not Found", [("Content-Length", "0")])
        return []

    with live(DispatcherMiddleware(nothing, {"/a/kg": app})) as server:
        assert names(server.ask("/a/kg" + at(SELECT))) == {"PyTorch"}
        assert f"{server.port}/a/kg/sparql> a sd:Service" in server.ask("/a/kg/sparql").text
        page = read_page(server.ask("/a/kg" + at(SELECT), Accept=BROWSER))
        assert all(link.startswith(("/a/kg/", "#")) for link in page.links)
        assert server.ask("/a/kg/id/project/pytorch").headers["location"] == "/a/kg/page/project/pytorch"


# --- what the store may do --------------------------------------------------------------------------------------------


class Scripted(Store):
    """A store that does what a test says: gives one answer, or raises."""

    def __init__(self, does: Answer | Exception) -> None:
        self.does = does
        self.open = 0

    @contextlib.contextmanager
    def answer(
        self,
        query: str,
        media_type: str,
        *,
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        base: str | None = None,
        scope: Scope = EVERYTHING,
        trusted: bool = False,
    ) -> Iterator[Answer]:
        if isinstance(self.does, Exception):
            raise self.does
        self.open += 1
        try:
            yield self.does
        finally:
            self.open -= 1

    def rows(self, query: str, **_: object) -> Iterator[Mapping[str, Node]]:
        if isinstance(self.does, Exception):
            raise self.does
        return iter(())

    def close(self) -> None:
        """Nothing is held."""


def scripted(config: Config, release: Release, does: Answer | Exception) -> contextlib.AbstractContextManager[Server]:
    return live(create_app(config, store=Scripted(does), release=release))


@pytest.mark.parametrize(
    ("error", "status", "name", "members"),
    [
        (QueryTimeoutError(2.5), 504, "query-timeout", {"seconds": 2.5}),
        (QueueFullError(7), 503, "busy", {"retry_after": 7}),
        (QueryMemoryError(2**30), 400, "query-memory", {"memory": 2**30}),
        (WorkerDiedError("signal 11"), 400, "query-ended", {}),
        (AnswerTooLargeError(1000), 400, "answer-too-large", {"cap": 1000}),
        (StoreUnavailableError("no socket at /run/secret.py"), 503, "store-unavailable", {}),
        (RuntimeError("Traceback: secret /kg/inside.py"), 500, "internal", {}),
        (KgError("an error without a place in the table"), 500, "internal", {}),
    ],
)
def test_each_failure_has_its_problem(
    config: Config, release: Release, error: Exception, status: int, name: str, members: dict[str, object]
) -> None:
    with scripted(config, release, error) as server:
        for path in (at(SELECT), "/id/project/pytorch", "/queries/cq05.json"):
            reply = server.ask(path)
            told = problem(reply, status, name)
            assert members.items() <= told.items()
            assert "secret" not in reply.text
        page = read_page(server.ask(at(SELECT), Accept=BROWSER))
        assert "secret" not in page.text
        health = server.ask("/-/health")
    assert reply.headers.get("retry-after") == {"busy": "7", "store-unavailable": "5"}.get(name)
    assert health.status == (503 if not isinstance(error, RuntimeError) and type(error) is not KgError else 500)


def test_large_answer_is_a_problem_naming_the_cap(config: Config, store: OxigraphStore, release: Release) -> None:
    small = config.model_copy(update={"answer_bytes": 1024})
    with live(create_app(small, store=store, release=release)) as server:
        told = problem(server.ask(at("SELECT * WHERE { ?s ?p ?o }")), 400, "answer-too-large")
        assert told["cap"] == 1024
        assert "1,024" in str(told["detail"])
        assert "LIMIT" in str(told["how"])
        assert server.ask(at("SELECT * WHERE { ?s ?p ?o } LIMIT 1")).status == 200


def test_a_large_answer_is_sent_from_its_file_whole(config: Config, release: Release, tmp_path: Path) -> None:
    spool = tmp_path / "answer"
    spool.write_bytes(bytes(range(256)) * 10_000)
    store = Scripted(Answer("text/csv", spool, 3))
    with live(create_app(config, store=store, release=release)) as server:
        reply = server.ask(at(SELECT), Accept="text/csv")
        assert reply.body == spool.read_bytes()
        assert reply.headers["content-length"] == "2560000"
        assert reply.headers["kg-rows"] == "3"
        head = server.ask(at(SELECT), Accept="text/csv", method="HEAD")
        assert head.headers["content-length"] == "2560000"
    assert store.open == 0, "the store is told that the answer is done with"


def test_the_file_of_a_large_answer_goes_when_the_client_does(config: Config, release: Release, tmp_path: Path) -> None:
    spool = tmp_path / "answer"
    spool.write_bytes(b"x" * 10_000_000)
    store = Scripted(Answer("text/csv", spool, 3))
    application = create_app(config, store=store, release=release)
    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/sparql",
        "QUERY_STRING": urlencode({"query": SELECT, "format": "csv"}),
        "SERVER_NAME": "x",
        "SERVER_PORT": "80",
        "wsgi.url_scheme": "http",
    }
    body = application(environ, lambda *_: lambda _: None)
    assert next(iter(body))
    assert store.open == 1
    body.close()  # type: ignore[attr-defined]  # what a server calls when the client went away
    assert store.open == 0


def test_a_page_shows_the_first_rows_and_says_so(config: Config, release: Release) -> None:
    rows = [{"x": {"type": "literal", "value": f"row {number}"}} for number in range(1234)]
    body = json.dumps({"head": {"vars": ["x"]}, "results": {"bindings": rows}}).encode()
    with scripted(config, release, Answer(JSON, body, 1234)) as server:
        page = read_page(server.ask(at(SELECT), Accept=BROWSER))
    assert "1234 rows, of which the first 1000 are shown" in page.text
    assert "row 999" in page.text
    assert "row 1000" not in page.text


def test_a_problem_is_a_page_for_a_browser_and_keeps_the_query(server: Server) -> None:
    reply = server.ask(at("SELECT ?s WHERE {\n ?s ?p }"), Accept=BROWSER)
    assert reply.status == 400
    page = read_page(reply)
    assert "line 2" in page.text
    assert "?s ?p }" in page.text
    assert reply.headers["x-request-id"] in page.text

"""The SPARQL 1.1 Graph Store Protocol over real HTTP, rule by rule, on a workspace and on a read-only release."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
import rdflib

from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, ONE, Reply, Server, live, make_release
from tests.contract.workspaces import READER, Writable, same_graph, writable

TURTLE = "text/turtle"
ALICE = '@prefix f: <http://example.org/> . [] a f:Person ; f:card [ f:name "Alice" ] .'
BOB = '<http://example.org/bob> <http://example.org/name> "Bob" .'


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writable]:
    with writable(tmp_path_factory.mktemp("graphs"), upload_bytes=200_000) as service:
        yield service


@pytest.fixture
def graph(request: pytest.FixtureRequest) -> str:
    """The address of a graph that only this test knows."""
    return f"/graphs?graph=http://example.org/{hashlib.sha256(request.node.name.encode()).hexdigest()[:16]}"


def send(
    service: Writable, method: str, path: str, body: str | bytes = ALICE, kind: str = TURTLE, **more: str
) -> Reply:
    return service.ask(path, method=method, body=body, Content_Type=kind, **more)


def get(service: Writable, path: str, accept: str = TURTLE) -> Reply:
    return service.server.ask(path, Accept=accept)


def problem(reply: Reply, status: int, name: str) -> str:
    assert (reply.status, reply.type) == (status, "application/problem+json"), reply.text
    assert reply.json["type"] == f"{BASE}problem/{name}"
    return str(reply.json["detail"])


# --- writing and reading back -----------------------------------------------------------------------------------------


def test_put_makes_a_graph_and_then_replaces_it(service: Writable, graph: str) -> None:
    assert send(service, "PUT", graph).status == 201
    assert same_graph(get(service, graph), ALICE)
    assert send(service, "PUT", graph, BOB).status == 204
    assert same_graph(get(service, graph), BOB)


def test_post_makes_a_graph_and_then_adds_to_it(service: Writable, graph: str) -> None:
    assert send(service, "POST", graph, BOB).status == 201
    assert send(service, "POST", graph, ALICE).status == 204
    assert same_graph(get(service, graph), BOB + ALICE)


def test_blank_nodes_of_two_documents_stay_apart(service: Writable, graph: str) -> None:
    for name in ("one", "two"):
        send(service, "POST", graph, f'_:x <http://example.org/name> "{name}" .')
    assert len(set(rdflib.Graph().parse(data=get(service, graph).body).subjects())) == 2


def test_delete_removes_and_then_there_is_nothing(service: Writable, graph: str) -> None:
    send(service, "PUT", graph)
    assert service.ask(graph, method="DELETE").status == 204
    assert get(service, graph).status == 404
    problem(service.ask(graph, method="DELETE"), 404, "not-found")


def test_an_empty_graph_is_there(service: Writable, graph: str) -> None:
    assert send(service, "PUT", graph, "").status == 201
    assert same_graph(get(service, graph), "")
    assert send(service, "PUT", graph, "").status == 204


def test_the_default_graph_is_always_there(service: Writable) -> None:
    path = "/graphs?default"
    assert send(service, "PUT", path, BOB).status == 204
    assert same_graph(get(service, path), BOB)
    assert service.ask(path, method="DELETE").status == 204
    assert same_graph(get(service, path), "")


def test_relative_iris_are_below_the_graph(service: Writable) -> None:
    path = "/graphs?graph=http://example.org/folder/graph"
    send(service, "PUT", path, "<> <#part> <other> .")
    expected = (
        "<http://example.org/folder/graph> <http://example.org/folder/graph#part> <http://example.org/folder/other> ."
    )
    assert same_graph(get(service, path), expected)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/turtle; charset=utf-8", BOB),
        ("application/n-triples", BOB),
        ("text/plain", BOB),
        ("application/ld+json", json.dumps({"@id": "http://example.org/bob", "http://example.org/name": "Bob"})),
        (
            "application/rdf+xml",
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="http://example.org/">'
            '<rdf:Description rdf:about="http://example.org/bob"><e:name>Bob</e:name></rdf:Description></rdf:RDF>',
        ),
    ],
)
def test_a_graph_is_read_in_every_syntax(service: Writable, graph: str, kind: str, body: str) -> None:
    assert send(service, "PUT", graph, body, kind).status == 201
    assert same_graph(get(service, graph), BOB)


def test_a_packed_body_is_unpacked(service: Writable, graph: str) -> None:
    reply = send(service, "PUT", graph, gzip.compress(BOB.encode()), Content_Encoding="gzip")
    assert reply.status == 201
    assert same_graph(get(service, graph), BOB)


def test_a_write_is_seen_by_the_next_query(service: Writable, graph: str) -> None:
    for number in range(5):
        send(service, "PUT", graph, f"<a:s> <a:seen> {number} .")
        assert service.yes(f"ASK {{ GRAPH ?g {{ <a:s> <a:seen> {number} }} }}")


# --- names -----------------------------------------------------------------------------------------------------------


def test_a_graph_has_an_address_below_and_a_name_below_the_base(service: Writable) -> None:
    path = "/graphs/person/größe.ttl"
    reply = send(service, "PUT", quote(path))
    assert reply.status == 201
    assert urlsplit(reply.headers["location"]).path == quote(path)
    name = f"{BASE}graphs/person/größe.ttl"
    assert same_graph(get(service, quote(path)), ALICE)
    assert same_graph(get(service, f"/graphs?graph={quote(name, safe='')}"), ALICE)
    address = f"http://{service.server.host}:{service.server.port}{quote(path)}"
    assert same_graph(get(service, f"/graphs?graph={quote(address, safe='')}"), ALICE)
    assert service.yes(f"ASK {{ GRAPH <{name}> {{ ?s ?p ?o }} }}")


def test_a_post_without_a_name_makes_one(service: Writable) -> None:
    first, second = send(service, "POST", "/graphs"), send(service, "POST", "/graphs", BOB)
    assert (first.status, second.status) == (201, 201)
    location = first.headers["location"]
    assert location != second.headers["location"]
    assert same_graph(get(service, urlsplit(location).path), ALICE)
    assert same_graph(get(service, f"/graphs?graph={location}"), ALICE)
    name = first.links[0].partition(">")[0].removeprefix("<")
    assert service.yes(f"ASK {{ GRAPH <{name}> {{ ?s a <http://example.org/Person> }} }}")


def test_a_name_is_decoded_once(service: Writable) -> None:
    assert send(service, "PUT", "/graphs?graph=http://example.org/%31.ttl", ALICE).status == 201
    assert send(service, "PUT", "/graphs?graph=http://example.org/%2531.ttl", BOB).status == 201
    assert same_graph(get(service, "/graphs?graph=http%3A%2F%2Fexample.org%2F1.ttl"), ALICE)
    assert same_graph(get(service, "/graphs?graph=http%3A%2F%2Fexample.org%2F%2531.ttl"), BOB)
    assert service.yes("ASK { GRAPH <http://example.org/%31.ttl> { <http://example.org/bob> ?p ?o } }")


@pytest.mark.parametrize(
    "path",
    [
        "/graphs",
        "/graphs?graph=",
        "/graphs?graph=relative",
        "/graphs?graph=http://example.org/a%20b",
        "/graphs?graph=http://example.org/%3E%7D",
        "/graphs?default&graph=http://example.org/g",
        "/graphs?graph=http://example.org/g&graph=http://example.org/h",
        "/graphs/a?graph=http://example.org/g",
        "/graphs/a%20b",
    ],
)
def test_a_graph_is_named_once_and_by_an_iri(service: Writable, path: str) -> None:
    problem(get(service, path), 400, "bad-parameter")
    problem(send(service, "PUT", path), 400, "bad-parameter")


# --- multipart -------------------------------------------------------------------------------------------------------


def parts(*documents: tuple[str, str, str]) -> tuple[bytes, str]:
    lines = []
    for name, kind, text in documents:
        lines += ["--frontier", f'Content-Disposition: form-data; name="file"; filename="{name}"']
        lines += [f"Content-Type: {kind}"] if kind else []
        lines += ["", text]
    return "\r\n".join([*lines, "--frontier--", ""]).encode(), "multipart/form-data; boundary=frontier"


def test_parts_are_merged_each_in_its_own_syntax(service: Writable, graph: str) -> None:
    body, kind = parts(
        ("a.ttl", "text/turtle; charset=utf-8", f"_:x <a:p> 1 . {BOB}"),
        ("b.json", "application/ld+json", '{"@id": "_:x", "a:p": {"@id": "a:o"}}'),
        ("c.nt", "", "_:x <a:q> <a:o> ."),
    )
    assert send(service, "POST", graph, body, kind).status == 201
    assert same_graph(get(service, graph), f"[] <a:p> 1 . [] <a:p> <a:o> . [] <a:q> <a:o> . {BOB}")


@pytest.mark.parametrize(
    ("body", "kind", "status", "name"),
    [
        (*parts(("a.txt", "image/png", "x")), 415, "unsupported-media-type"),
        (*parts(("a.ttl", "text/turtle", "no turtle")), 400, "rdf-syntax"),
        (b"--frontier\r\nbroken", "multipart/form-data; boundary=frontier", 400, "bad-request"),
        (b"", "multipart/form-data", 400, "bad-request"),
    ],
)
def test_a_broken_part_spoils_the_whole(
    service: Writable, graph: str, body: bytes, kind: str, status: int, name: str
) -> None:
    problem(send(service, "POST", graph, body, kind), status, name)
    assert get(service, graph).status == 404


# --- HEAD, formats, validators, conditions ----------------------------------------------------------------------------


def test_head_is_like_get(service: Writable, graph: str) -> None:
    send(service, "PUT", graph, BOB)
    head, whole = service.server.ask(graph, method="HEAD", Accept=TURTLE), get(service, graph)
    assert (head.status, head.body) == (200, b"")
    for name in ("content-type", "content-length", "etag", "kg-rows"):
        assert head.headers[name] == whole.headers[name]
    assert service.server.ask(graph + "none", method="HEAD").status == 404


@pytest.mark.parametrize(
    ("accept", "sent"),
    [
        ("application/n-triples", "application/n-triples"),
        ("application/rdf+xml", "application/rdf+xml"),
        ("application/ld+json", "application/ld+json"),
        ("application/trig, text/turtle;q=0.5", "application/trig"),
        ("image/png", "text/turtle"),
        ("text/html, */*;q=0.1", "text/turtle"),
    ],
)
def test_a_graph_comes_as_it_is_wanted(service: Writable, graph: str, accept: str, sent: str) -> None:
    send(service, "PUT", graph, BOB)
    reply = get(service, graph, accept)
    assert (reply.status, reply.type) == (200, sent)
    assert "Accept" in reply.headers["vary"]


def test_a_tag_lasts_until_the_next_commit(service: Writable, graph: str) -> None:
    send(service, "PUT", graph, BOB)
    tag = get(service, graph).headers["etag"]
    assert service.server.ask(graph, Accept=TURTLE, If_None_Match=tag).status == 304
    send(service, "PUT", graph, ALICE)
    assert service.server.ask(graph, Accept=TURTLE, If_None_Match=tag).status == 200


def test_a_write_may_ask_for_a_graph_that_is_new_or_old(service: Writable, graph: str) -> None:
    problem(send(service, "PUT", graph, If_Match="*"), 412, "precondition-failed")
    assert send(service, "PUT", graph, If_None_Match="*").status == 201
    problem(send(service, "PUT", graph, BOB, If_None_Match="*"), 412, "precondition-failed")
    assert same_graph(get(service, graph), ALICE)
    assert send(service, "PUT", graph, BOB, If_Match="*").status == 204
    problem(send(service, "PUT", graph, If_Match='W/"weak"'), 412, "precondition-failed")


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "kind", "status", "name"),
    [
        ("<a:b> <a:c>", TURTLE, 400, "rdf-syntax"),
        (BOB.encode("utf-16"), TURTLE, 400, "rdf-syntax"),
        (BOB, "text/turtle; charset=latin-1", 415, "unsupported-media-type"),
        (BOB, "", 415, "unsupported-media-type"),
        (BOB, "application/sparql-update", 415, "unsupported-media-type"),
        ("<a:g> { <a:s> <a:p> 1 }", "application/trig", 415, "unsupported-media-type"),
        ('{"@id": "a:g", "@graph": [{"@id": "a:s", "a:p": 1}]}', "application/ld+json", 400, "rdf-syntax"),
        ('{"@context": "http://127.0.0.1:9/", "@id": "a:s"}', "application/ld+json", 400, "rdf-syntax"),
        ("<a:s> <a:p> <<( <a:s> <a:p> <a:o> )>> .", TURTLE, 400, "rdf-syntax"),
        ("<a:s> <a:p> 1 ." + " " * 300_000, TURTLE, 413, "request-too-large"),
        ('<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]><r>&x;</r>', "application/rdf+xml", 400, "rdf-syntax"),
    ],
)
def test_what_is_no_graph_changes_nothing(
    service: Writable, graph: str, body: str | bytes, kind: str, status: int, name: str
) -> None:
    problem(send(service, "PUT", graph, body, kind), status, name)
    assert get(service, graph).status == 404


@pytest.mark.parametrize(
    ("opening", "closing", "kind"),
    [('{"a:p":', "}", "application/ld+json"), ("<<( <a:s> <a:p> ", ")>>", TURTLE)],
)
def test_a_document_that_fells_its_parser_fells_nothing_else(
    service: Writable, graph: str, opening: str, closing: str, kind: str
) -> None:
    depth = 180_000 // (len(opening) + len(closing))
    body = f"{opening * depth}1{closing * depth}"
    reply = send(service, "PUT", graph, body if kind != TURTLE else f"<a:s> <a:p> {body} .", kind)
    assert reply.status == 400, reply.text
    assert send(service, "PUT", graph, BOB).status == 201


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE"])
def test_who_may_not_write_changes_nothing(service: Writable, graph: str, method: str) -> None:
    assert send(service, "PUT", graph, BOB).status == 201
    for authorization, status in (("", 401), (f"Bearer {READER}", 403)):
        assert send(service, method, graph, ALICE, Authorization=authorization).status == status
    assert same_graph(get(service, graph), BOB)


def test_other_methods_are_405_with_those_there_are(service: Writable, graph: str) -> None:
    reply = service.ask(graph, method="PATCH")
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, PUT, POST, DELETE, OPTIONS")
    assert service.ask(graph, method="OPTIONS").headers["allow"] == reply.headers["allow"]


# --- read-only -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sealed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder: Path = tmp_path_factory.mktemp("sealed")
    release = make_release(folder)
    store = OxigraphStore.load([(release.quads, None, None)])
    with live(create_app(Config(home=folder), store=store, release=release)) as server:
        yield server


def test_a_release_gives_its_graphs(sealed: Server) -> None:
    reply = sealed.ask(f"/graphs?graph={quote(ONE, safe='')}", Accept="application/n-triples")
    assert (reply.status, reply.headers["kg-rows"], reply.headers["kg-complete"]) == (200, "4", "true")
    assert len(rdflib.Graph().parse(data=reply.body, format="nt")) == 4
    assert reply.headers["etag"].startswith('W/"')
    assert reply.headers["kg-release"] == "2026-01-02-test"
    assert sealed.ask("/graphs?graph=http://example.org/none").status == 404


@pytest.mark.parametrize("method", ["PUT", "POST", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/graphs", f"/graphs?graph={quote(ONE)}", "/graphs?default", "/graphs/x"])
def test_a_release_takes_no_writes(sealed: Server, method: str, path: str) -> None:
    reply = sealed.ask(path, method=method, body=BOB.encode(), Content_Type=TURTLE)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")


def test_a_release_has_no_address_for_updates(sealed: Server) -> None:
    assert (
        sealed.ask("/update", method="POST", body=b"CLEAR ALL", Content_Type="application/sparql-update").status == 404
    )

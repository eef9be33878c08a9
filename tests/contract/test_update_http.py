"""The update operation of the SPARQL 1.1 Protocol over real HTTP, rule by rule, against a workspace."""

from __future__ import annotations

import gzip
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlencode

import pytest
import rdflib
from rdflib import RDF, URIRef
from rdflib.namespace import Namespace

from tests.contract.served import BASE, Reply
from tests.contract.workspaces import ADMIN, FORM, READER, Writable, writable

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
UPDATE = "application/sparql-update"
ONE = "http://example.org/one"


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Writable]:
    with writable(tmp_path_factory.mktemp("update"), upload_bytes=20_000) as service:
        yield service


@pytest.fixture
def empty(service: Writable) -> Writable:
    service.store.update("DROP ALL")
    return service


def insert(name: str) -> str:
    return f"INSERT DATA {{ <http://example.org/{name}> <http://example.org/p> 1 }}"


def there(service: Writable, name: str) -> bool:
    return service.yes(f"ASK {{ <http://example.org/{name}> ?p ?o }}")


def problem(reply: Reply, status: int, name: str) -> str:
    assert (reply.status, reply.type) == (status, "application/problem+json"), reply.text
    assert reply.json["type"] == f"{BASE}problem/{name}"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert ".py" not in reply.text
    return str(reply.json["detail"])


# --- the two ways of sending -----------------------------------------------------------------------------------------


def test_an_update_is_posted_directly(service: Writable) -> None:
    reply = service.update(insert("direct"))
    assert (reply.status, reply.body) == (204, b"")
    assert reply.headers["kg-version"] == service.store.version
    assert there(service, "direct")


def test_an_update_is_posted_as_a_form(service: Writable) -> None:
    reply = service.ask("/update", method="POST", body=urlencode({"update": insert("form")}), Content_Type=FORM)
    assert reply.status == 204
    assert there(service, "form")


def test_an_update_of_nothing_changes_nothing(service: Writable) -> None:
    assert service.update("").status == 204
    assert service.update("PREFIX ex: <http://example.org/>").status == 204


def test_operations_may_each_have_prefixes_and_end_in_a_semicolon(service: Writable) -> None:
    text = (
        "PREFIX a: <http://example.org/> INSERT DATA { a:sequence a:p 1 };\n"
        "PREFIX b: <http://example.org/> INSERT DATA { b:second b:p 1 } ;"
    )
    assert service.update(text).status == 204
    assert there(service, "sequence")
    assert there(service, "second")


def test_relative_iris_are_resolved_against_the_base_of_the_service(service: Writable) -> None:
    assert service.update("INSERT DATA { <id/relative> <p> 1 }").status == 204
    assert service.yes(f"ASK {{ <{BASE}id/relative> <{BASE}p> 1 }}")


def test_a_packed_body_is_unpacked(service: Writable) -> None:
    body = gzip.compress(insert("packed").encode())
    reply = service.ask("/update", method="POST", body=body, Content_Type=UPDATE, Content_Encoding="gzip")
    assert reply.status == 204
    assert there(service, "packed")


def test_an_unknown_function_is_an_error_of_its_expression(service: Writable) -> None:
    pattern = "BIND(<http://example.org/f>(1) AS ?x)"
    text = f"INSERT {{ <http://example.org/unknown> <http://example.org/p> ?x }} WHERE {{ {pattern} }}"
    assert service.update(text).status == 204
    assert not there(service, "unknown")


# --- datasets --------------------------------------------------------------------------------------------------------

GRAPHS = """
INSERT DATA {
  <a:default> <a:p> 0 .
  GRAPH <http://example.org/g1> { <a:one> <a:p> 1 } GRAPH <http://example.org/g2> { <a:two> <a:p> 2 }
  GRAPH <http://example.org/g3> { <a:three> <a:p> 3 }
}"""
FOUND = "CREATE SILENT GRAPH <a:found>; INSERT { GRAPH <a:found> { ?s <a:p> ?o } } WHERE"
FLAT = f"{FOUND} {{ ?s <a:p> ?o }}"
NAMED = f"{FOUND} {{ GRAPH ?g {{ ?s <a:p> ?o }} }}"
G1, G2 = "http://example.org/g1", "http://example.org/g2"


@pytest.mark.parametrize(
    ("text", "parameters", "found"),
    [
        (FLAT, {}, {"default"}),
        (FLAT, {"using-graph-uri": G1}, {"one"}),
        (FLAT, {"using-graph-uri": [G1, G2]}, {"one", "two"}),
        (FLAT, {"using-named-graph-uri": G1}, set()),
        (NAMED, {"using-named-graph-uri": G1}, {"one"}),
        (NAMED, {"using-named-graph-uri": [G1, G2]}, {"one", "two"}),
        (NAMED, {"using-graph-uri": G1}, set()),
        (
            f"{FOUND} {{ {{ ?s <a:p> ?o }} UNION {{ GRAPH ?g {{ ?s <a:p> ?o }} }} }}",
            {"using-graph-uri": G1, "using-named-graph-uri": G2},
            {"one", "two"},
        ),
    ],
)
def test_the_request_gives_the_dataset_of_the_pattern(
    empty: Writable, text: str, parameters: dict[str, str | list[str]], found: set[str]
) -> None:
    assert empty.update(GRAPHS).status == 204
    reply = empty.update(text, **parameters)
    assert reply.status == 204, reply.text
    rows = empty.store.rows("SELECT ?s { GRAPH <a:found> { ?s ?p ?o } }")
    assert {str(row["s"]).removeprefix("a:") for row in rows} == found


@pytest.mark.parametrize("parameter", ["using-graph-uri", "using-named-graph-uri"])
@pytest.mark.parametrize("clause", ["WITH <a:g> DELETE { ?s ?p ?o }", "DELETE { ?s ?p ?o } USING <a:g>"])
def test_a_dataset_in_both_places_is_400(service: Writable, parameter: str, clause: str) -> None:
    reply = service.update(f"{clause} WHERE {{ ?s ?p ?o }}", **{parameter: G1})
    assert "one of the two places" in problem(reply, 400, "query-refused")


def test_a_graph_that_is_no_iri_is_400(service: Writable) -> None:
    reply = service.update("DELETE WHERE { ?s ?p ?o }", **{"using-graph-uri": "> WHERE {} ; DROP ALL #"})
    problem(reply, 400, "query-refused")


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH"])
def test_an_update_is_a_post(service: Writable, method: str) -> None:
    reply = service.ask(f"/update?{urlencode({'update': insert('get')})}", method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "POST, OPTIONS")
    assert not there(service, "get")


@pytest.mark.parametrize(
    ("body", "content_type", "path", "status", "name"),
    [
        (urlencode([("update", "CLEAR NAMED"), ("update", "CLEAR DEFAULT")]), FORM, "/update", 400, "bad-parameter"),
        (urlencode({"query": "ASK {}"}), FORM, "/update", 400, "bad-parameter"),
        ("", FORM, "/update", 400, "bad-parameter"),
        ("CLEAR NAMED", UPDATE, "/update?update=CLEAR%20ALL", 400, "bad-parameter"),
        ("CLEAR NAMED", "text/plain", "/update", 415, "unsupported-media-type"),
        ("update=CLEAR%20NAMED", "", "/update", 415, "unsupported-media-type"),
        ("ASK {}", "application/sparql-query", "/update", 415, "unsupported-media-type"),
        (insert("utf16").encode("utf-16"), f"{UPDATE}; charset=UTF-16", "/update", 415, "unsupported-media-type"),
        (b"CLEAR GRAPH <http://example.org/\xff>", UPDATE, "/update", 400, "bad-encoding"),
        ("CLEAR XYZ", UPDATE, "/update", 400, "query-syntax"),
        ("SELECT * {}", UPDATE, "/update", 400, "query-syntax"),
        ("INSERT DATA { ?variable <a:b> 1 }", UPDATE, "/update", 400, "query-syntax"),
        ("LOAD <http://127.0.0.1:9/>", UPDATE, "/update", 403, "service-refused"),
        ("INSERT {} WHERE { SERVICE <http://127.0.0.1:9/> { ?s ?p ?o } }", UPDATE, "/update", 403, "service-refused"),
        ("DROP GRAPH <http://example.org/absent>", UPDATE, "/update", 409, "update-failed"),
        (insert("x") + " " * 30_000, UPDATE, "/update", 413, "request-too-large"),
        ("{" * 5000, UPDATE, "/update", 400, "query-refused"),
    ],
)
def test_what_is_no_update_changes_nothing(
    service: Writable, body: str | bytes, content_type: str, path: str, status: int, name: str
) -> None:
    before = service.store.version
    problem(service.ask(path, method="POST", body=body, Content_Type=content_type), status, name)
    assert service.store.version == before


def test_load_silent_fetches_nothing_and_succeeds(service: Writable) -> None:
    """A LOAD that fails is no error where it is SILENT (SPARQL 1.1 Update, section 3.1.4), and here each fails."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.setblocking(False)
        address = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        reply = service.update(
            f"LOAD SILENT <{address}> INTO GRAPH <http://example.org/loaded>; {insert('after-load')}"
        )
        assert reply.status == 204, reply.text
        with pytest.raises(BlockingIOError):  # nobody came
            listener.accept()
    assert not service.yes("ASK { GRAPH <http://example.org/loaded> { ?s ?p ?o } }")
    assert there(service, "after-load")


def test_a_bomb_stays_packed(service: Writable) -> None:
    body = gzip.compress(b" " * 10_000_000)
    assert len(body) < 20_000
    reply = service.ask("/update", method="POST", body=body, Content_Type=UPDATE, Content_Encoding="gzip")
    problem(reply, 413, "request-too-large")


def test_an_update_that_fails_in_part_changes_nothing(service: Writable) -> None:
    reply = service.update(f"{insert('first')}; DROP GRAPH <http://example.org/absent>")
    assert "does not exist" in problem(reply, 409, "update-failed")
    assert not there(service, "first")


def test_an_endless_update_ends_at_its_deadline_and_the_next_is_made(tmp_path: Path) -> None:
    with writable(tmp_path, write_deadline=0.5) as service:
        data = " ".join(f"<a:{number}> <a:p> {number} ." for number in range(1000))
        assert service.update(f"INSERT DATA {{ {data} }}").status == 204
        endless = "INSERT { ?a <a:q> ?f } WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
        assert "0.5 seconds" in problem(service.update(endless), 504, "query-timeout")
        assert service.update(insert("after")).status == 204
        assert there(service, "after")
        assert not service.yes("ASK { ?s <a:q> ?o }")


# --- who may ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("authorization", "status", "name"),
    [
        ("", 401, "unauthorized"),
        ("Bearer nobody-knows-this", 401, "unauthorized"),
        ("Basic d3JpdGVyOng=", 401, "unauthorized"),
        (f"Bearer {READER}", 403, "forbidden"),
    ],
)
def test_who_may_not_write_changes_nothing(service: Writable, authorization: str, status: int, name: str) -> None:
    reply = service.ask(
        "/update", method="POST", body=insert("stranger"), Content_Type=UPDATE, Authorization=authorization
    )
    problem(reply, status, name)
    assert reply.headers["www-authenticate"].startswith("Bearer ")
    assert not there(service, "stranger")


def test_an_admin_may_write(service: Writable) -> None:
    reply = service.ask(
        "/update", method="POST", body=insert("admin"), Content_Type=UPDATE, Authorization=f"Bearer {ADMIN}"
    )
    assert reply.status == 204


def test_a_page_of_another_origin_may_ask_first(service: Writable) -> None:
    reply = service.ask("/update", method="OPTIONS", Authorization="")
    assert (reply.status, reply.headers["allow"]) == (204, "POST, OPTIONS")
    assert "Authorization" in reply.headers["access-control-allow-headers"]
    assert reply.headers["access-control-allow-origin"] == "*"


# --- what readers see ------------------------------------------------------------------------------------------------


def test_a_kept_answer_ends_with_the_next_commit(service: Writable) -> None:
    query = f"/sparql?{urlencode({'query': f'SELECT ?o {{ <{ONE}> ?p ?o }} ORDER BY ?o'})}"
    first = service.server.ask(query)
    again = service.server.ask(query, If_None_Match=first.headers["etag"])
    assert (first.status, again.status) == (200, 304)
    for number in range(5):
        assert service.update(f"INSERT DATA {{ <{ONE}> <a:p> {number} }}").status == 204
        reply = service.server.ask(query, If_None_Match=first.headers["etag"])
        assert reply.status == 200
        assert len(reply.json["results"]["bindings"]) == number + 1


def test_the_description_tells_of_updates_graphs_and_counts(empty: Writable) -> None:
    empty.store.update("INSERT DATA { <a:s> <a:p> 1, 2 . GRAPH <a:g> { <a:s> <a:p> 3 } }; CREATE GRAPH <a:empty>")
    reply = empty.server.ask("/sparql", Accept="text/turtle")
    graph = rdflib.Graph().parse(data=reply.body, format="turtle")
    root = f"http://{empty.server.host}:{empty.server.port}"
    query, update = URIRef(f"{root}/sparql"), URIRef(f"{root}/update")
    assert set(graph.subjects(RDF.type, SD.Service)) == {query, update}
    for service, language in ((query, SD.SPARQL11Query), (update, SD.SPARQL11Update)):
        assert list(graph.objects(service, SD.endpoint)) == [service]
        assert list(graph.objects(service, SD.supportedLanguage)) == [language]
    assert len(set(graph.objects(query, SD.resultFormat))) == 10
    assert len(set(graph.objects(update, SD.inputFormat))) == 4
    counted = """
        PREFIX sd: <http://www.w3.org/ns/sparql-service-description#> PREFIX void: <http://rdfs.org/ns/void#>
        SELECT ?name ?triples WHERE {
          ?dataset a sd:Dataset .
          { ?dataset sd:defaultGraph [ a sd:Graph ; void:triples ?triples ] . BIND("default" AS ?name) } UNION
          { ?dataset sd:namedGraph [ a sd:NamedGraph ; sd:name ?name ; sd:graph ?graph ] .
            ?graph a sd:Graph ; void:triples ?triples }
        }"""
    found = {tuple(str(term) for term in row) for row in graph.query(counted) if isinstance(row, tuple)}
    assert found == {("default", "2"), ("a:g", "1"), ("a:empty", "0")}

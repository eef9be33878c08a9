"""The remote store against a real SPARQL server, and against servers that do everything wrong."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from rdflib import Literal, URIRef

from kg.errors import (
    AnswerTooLargeError,
    ConfigError,
    KgError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    StoreUnavailableError,
)
from kg.store import (
    CSV_RESULTS,
    JSON_LD,
    JSON_RESULTS,
    N_TRIPLES,
    RDF_XML,
    TSV_RESULTS,
    TURTLE,
    XML_RESULTS,
    Limits,
    Scope,
    Store,
)
from kg.store.remote import RemoteStore

# --- a server that says what it is told ---


Say = Callable[[socket.socket, threading.Event], object]


class Fake:
    """Speaks to every connection what ``say`` writes, after reading one request; keeps the requests."""

    def __init__(self, say: Say) -> None:
        self.say = say
        self.requests: list[bytes] = []
        self.over = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/sparql"
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self) -> None:
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            with connection, suppress(OSError):
                self.requests.append(self.request(connection))
                self.say(connection, self.over)

    @staticmethod
    def request(connection: socket.socket) -> bytes:
        got = b""
        while b"\r\n\r\n" not in got:
            got += connection.recv(65536)
        head, _, body = got.partition(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        )
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self.over.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(5)


@contextmanager
def served(say: Say) -> Iterator[tuple[RemoteStore, Fake]]:
    fake = Fake(say)
    store = RemoteStore(fake.url)
    try:
        yield store, fake
    finally:
        store.close()
        fake.close()


def replies(
    body: bytes, status: str = "200 OK", media_type: str | None = JSON_RESULTS, *headers: str, length: int | None = None
) -> Say:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body) if length is None else length}", *headers]
    if media_type:
        lines.append(f"Content-Type: {media_type}")
    head = "\r\n".join((*lines, "", "")).encode()
    return lambda connection, _: connection.sendall(head + body)


def answer(
    store: Store,
    query: str = "SELECT * { ?s ?p ?o }",
    media_type: str = JSON_RESULTS,
    seconds: float = 10,
    cap: int = 10**6,
) -> tuple[bytes, int]:
    with store.answer(query, media_type, limits=Limits(seconds=seconds, bytes=cap)) as given:
        return given.read(), given.rows


EMPTY = b'{"head":{"vars":["x"]},"results":{"bindings":[]}}'


# --- what is sent ---


def fields(request: bytes) -> dict[str, list[str]]:
    head, _, body = request.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /sparql HTTP/1.1\r\n")
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()
    return parse_qs(body.decode(), strict_parsing=True)


def test_what_is_sent_is_a_form_post_with_the_dataset_and_the_media_type():
    scope = Scope(default=frozenset({URIRef("urn:x:b"), URIRef("urn:x:a")}), named=frozenset({URIRef("urn:x:c")}))
    query = "SELECT * { ?s ?p 'ä&=+%' }"
    with served(replies(EMPTY, media_type="application/sparql-results+json; charset=utf-8")) as (store, fake):
        with store.answer(query, JSON_RESULTS, scope=scope) as given:
            assert (given.media_type, given.rows, given.body) == (JSON_RESULTS, 0, EMPTY)
        assert fields(fake.requests[0]) == {
            "query": [query],
            "default-graph-uri": ["urn:x:a", "urn:x:b"],
            "named-graph-uri": ["urn:x:c"],
        }
        assert b"accept: application/sparql-results+json\r\n" in fake.requests[0].lower()


def test_a_base_is_the_first_line_of_the_query():
    with served(replies(EMPTY)) as (_, fake):
        store = RemoteStore(fake.url, base="http://a.example/")
        answer(store, "SELECT * { <x> ?p ?o }")
        list(store.rows("SELECT * { <x> ?p ?o }", base="http://b.example/"))
        store.close()
        asked = [fields(request)["query"] for request in fake.requests]
    assert asked == [
        ["BASE <http://a.example/>\nSELECT * { <x> ?p ?o }"],
        ["BASE <http://b.example/>\nSELECT * { <x> ?p ?o }"],
    ]


@pytest.mark.parametrize(
    ("query", "alone"),
    [
        ("BASE <http://own.example/> ASK {}", True),
        ("# a comment\n\n  base<http://own.example/>\nASK {}", True),
        ("BASE <own/> ASK {}", False),  # relative to ours
        ("# BASE <http://own.example/>\nASK {}", False),
        ("PREFIX x: <y> BASE <http://own.example/> ASK {}", False),  # ours holds for what stands before
    ],
)
def test_a_query_with_a_base_of_its_own_gets_no_second_one(query: str, alone: bool) -> None:
    with served(replies(b'{"head":{},"boolean":true}')) as (_, fake):
        store = RemoteStore(fake.url, base="http://a.example/")
        answer(store, query)
        store.close()
        assert fields(fake.requests[0])["query"] == [query if alone else f"BASE <http://a.example/>\n{query}"]


def test_a_dataset_without_any_graph_is_not_the_whole_store():
    with served(replies(EMPTY)) as (store, fake):
        list(store.rows("SELECT * { ?s ?p ?o }", scope=Scope(default=frozenset())))
        assert "default-graph-uri" in fields(fake.requests[0])


def test_what_the_guard_refuses_is_never_sent():
    with served(replies(EMPTY)) as (store, fake):
        with pytest.raises(QueryRefusedError):
            answer(store, "SELECT * { SERVICE <http://a.example/> {} }")
        with pytest.raises(QuerySyntaxError):
            answer(store, "SELECT * {")
        with pytest.raises(ValueError, match="text/turtle does not fit"):
            answer(store, media_type=TURTLE)
        with pytest.raises(ValueError, match="no IRI"):
            list(store.rows("SELECT * {}", base="http://a.example/> SELECT"))
        assert fake.requests == []
        list(store.rows("SELECT * { SERVICE <http://a.example/> {} }", trusted=True))
        assert len(fake.requests) == 1


def test_no_proxy_is_taken_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with served(replies(EMPTY)) as (store, _):
        assert answer(store) == (EMPTY, 0)


@pytest.mark.parametrize("url", ["ftp://a.example/", "a.example/sparql", "http://", "file:///etc/passwd"])
def test_an_address_that_cannot_be_an_endpoint_is_a_wrong_setting(url):
    with pytest.raises(ConfigError, match="http"):
        RemoteStore(url)


# --- what comes back wrong ---


def failure(say: Say, kind: type[KgError], **options: Any) -> KgError:
    with served(say) as (store, _), pytest.raises(kind) as caught:
        answer(store, **options)
    return caught.value


def test_a_wrong_content_type_says_what_came():
    error = failure(replies(b"<html>", media_type="text/html"), StoreUnavailableError)
    assert "text/html" in str(error)
    assert "127.0.0.1" in str(error)
    assert "none" in str(failure(replies(EMPTY, media_type=None), StoreUnavailableError))
    assert "text/csv" in str(failure(replies(EMPTY, media_type="text/csv"), StoreUnavailableError))


def test_a_redirect_is_not_followed():
    with served(replies(EMPTY)) as (_, elsewhere):
        moved = replies(b"", "307 Temporary Redirect", None, f"Location: {elsewhere.url}")
        assert elsewhere.url in str(failure(moved, StoreUnavailableError))
        assert elsewhere.requests == []


@pytest.mark.parametrize(
    "status", ["500 Internal Server Error", "502 Bad Gateway", "503 Service Unavailable", "403 Forbidden"]
)
def test_an_error_of_the_server_names_endpoint_status_and_its_first_line(status):
    error = failure(
        replies(b"\n\n  disk\x1b[31m full\r\nTraceback: secret", status, "text/plain"), StoreUnavailableError
    )
    assert status[:3] in str(error)
    assert "/sparql" in str(error)
    assert "disk [31m full" in str(error)
    assert "secret" not in str(error)


def test_a_long_error_is_trimmed():
    error = failure(replies(b"x" * 100_000, "400 Bad Request", "text/plain"), QuerySyntaxError)
    assert len(str(error)) <= 300


@pytest.mark.parametrize(
    ("said", "line", "column"),
    [
        (b"error at 3:16: expected OPTIONAL", 3, 16),
        (b"Parse error: line 3, column 16: found }", 3, 16),
        (b"Lexical error at line 3, col 16", 3, 16),
        (b"no idea", None, None),
    ],
)
def test_a_syntax_error_keeps_the_place(said, line, column):
    error = failure(replies(said, "400 Bad Request", "text/plain"), QuerySyntaxError)
    assert isinstance(error, QuerySyntaxError)
    assert (error.line, error.column) == (line, column)
    assert said.decode() in str(error)


def test_the_line_put_before_the_query_does_not_count():
    with served(replies(b"error at 3:16: expected", "400 Bad Request", "text/plain")) as (store, _):
        with pytest.raises(QuerySyntaxError) as caught:
            list(store.rows("SELECT * {}", base="http://a.example/"))
        assert (caught.value.line, caught.value.column) == (2, 16)
        assert str(caught.value) == "line 2, column 16: error at 2:16: expected"


def test_statuses_that_mean_late_or_long():
    failure(replies(b"", "504 Gateway Timeout"), QueryTimeoutError)
    failure(replies(b"", "408 Request Timeout"), QueryTimeoutError)
    assert "length" in str(failure(replies(b"", "413 Content Too Large"), QueryRefusedError))


ROWS = b'{"head":{"vars":["x"]},"results":{"bindings":[{"x":{"type":"uri","value":"urn:x:a"}}]}}'


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON_RESULTS, ROWS[:-3]),
        (JSON_RESULTS, b""),
        (JSON_RESULTS, b"[]"),
        (JSON_RESULTS, b'{"boolean": true}'),
        (JSON_RESULTS, b"\xff" + ROWS),
        (XML_RESULTS, b"<sparql xmlns='http://www.w3.org/2005/sparql-results#'><results><result/>"),
        (XML_RESULTS, b"<!DOCTYPE a [<!ENTITY b 'c'>]><sparql xmlns='http://www.w3.org/2005/sparql-results#'/>"),
        (CSV_RESULTS, b'x\r\n"open'),
        (CSV_RESULTS, b""),
        (CSV_RESULTS, b"x\r\n\xff\r\n"),
        (TSV_RESULTS, b""),
    ],
)
def test_an_answer_that_is_not_whole_is_no_answer(media_type, body):
    error = failure(replies(body, media_type=media_type), StoreUnavailableError, media_type=media_type)
    assert "no whole" in str(error)


def test_a_graph_that_is_not_whole_is_no_answer():
    say = replies(b"<urn:x:a> <urn:x:b> <urn:x", media_type=N_TRIPLES)
    failure(say, StoreUnavailableError, media_type=N_TRIPLES, query="CONSTRUCT WHERE { ?s ?p ?o }")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        (JSON_LD, b'{"@id":"urn:x:a","urn:x:p":' * 9_000 + b"1" + b"}" * 9_000),
        (TURTLE, b"<urn:a> <urn:p> " + b"<<( <urn:a> <urn:p> " * 60_000 + b"1" + b")>>" * 60_000 + b" ."),
        (RDF_XML, b"<r:RDF xmlns:r='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='urn:x:'>" + b"<a><p>" * 60_000),
        (RDF_XML, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a/>"),
    ],
)
def test_a_graph_that_would_end_a_parser_is_no_answer(media_type, body):
    options = {"media_type": media_type, "query": "CONSTRUCT WHERE { ?s ?p ?o }", "cap": 10**7}
    failure(replies(body, media_type=media_type), StoreUnavailableError, **options)


def test_results_that_nest_without_end_are_no_answer():
    failure(replies(b"[" * 500_000), StoreUnavailableError)
    failure(replies(b"<a>" * 100_000, media_type=XML_RESULTS), StoreUnavailableError, media_type=XML_RESULTS)


def test_an_answer_cut_by_the_connection_is_no_answer():
    failure(replies(ROWS, length=len(ROWS) + 1), StoreUnavailableError)
    chunked = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n"
    cut = chunked % (JSON_RESULTS.encode(), len(ROWS), ROWS)
    failure(lambda connection, _: connection.sendall(cut), StoreUnavailableError)
    failure(lambda connection, _: connection.sendall(b"HTTP/1.1 200"), StoreUnavailableError)
    failure(lambda connection, _: connection.sendall(b"\x00\xff nonsense\r\n\r\n"), StoreUnavailableError)
    failure(lambda connection, _: None, StoreUnavailableError)


def test_a_compressed_answer_was_not_asked_for():
    say = replies(gzip.compress(ROWS), "200 OK", JSON_RESULTS, "Content-Encoding: gzip")
    assert "gzip" in str(failure(say, StoreUnavailableError))


def test_a_server_that_is_not_there_is_named_without_its_password():
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    store = RemoteStore(f"http://reader:hunter2@127.0.0.1:{port}/sparql?key=hunter2")
    with pytest.raises(StoreUnavailableError) as caught:
        answer(store)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    store.close()


# --- too much, too slow ---


def endless(head: bytes, drop: bytes, pause: float) -> Say:
    def say(connection: socket.socket, over: threading.Event) -> None:
        connection.sendall(head)
        while not over.wait(pause):
            connection.sendall(drop)

    return say


BODY = f"HTTP/1.1 200 OK\r\nContent-Type: {JSON_RESULTS}\r\n\r\n".encode()


def test_an_endless_answer_stops_at_the_cap():
    error = failure(endless(BODY, b" " * 65536, 0), AnswerTooLargeError, cap=1_000_000)
    assert isinstance(error, AnswerTooLargeError)
    assert error.cap == 1_000_000


def test_the_cap_itself_is_allowed():
    with served(replies(ROWS)) as (store, _):
        assert answer(store, cap=len(ROWS)) == (ROWS, 1)
        with pytest.raises(AnswerTooLargeError):
            answer(store, cap=len(ROWS) - 1)


@pytest.mark.parametrize(
    "say",
    [
        lambda connection, over: over.wait(30),
        endless(BODY, b" ", 0.02),
        endless(BODY.replace(b"\r\n\r\n", b"\r\nTransfer-Encoding: chunked\r\n\r\n"), b"1\r\n \r\n", 0.02),
        endless(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"a", 0.02),
    ],
    ids=["silence", "drops", "chunks", "headers"],
)
def test_the_whole_exchange_has_one_deadline(say):
    start = time.monotonic()
    error = failure(say, QueryTimeoutError, seconds=0.3)
    assert 0.2 < time.monotonic() - start < 3
    assert isinstance(error, QueryTimeoutError)
    assert error.seconds == 0.3


def test_an_error_that_comes_in_drops_ends_at_the_deadline_too():
    start = time.monotonic()
    slow = endless(b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\n\r\n", b"a", 0.02)
    assert "500" in str(failure(slow, StoreUnavailableError, seconds=0.3))
    assert time.monotonic() - start < 3


def test_a_quick_answer_leaves_no_thread_behind():
    with served(replies(EMPTY)) as (store, fake):
        answer(store, seconds=600)
        left = {thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)}
        for thread in left:
            thread.join(5)
        assert not any(thread.is_alive() for thread in left)
        assert fake.thread.is_alive()


# --- rows of formats as others write them ---


@pytest.mark.parametrize(
    ("media_type", "sent", "body", "rows"),
    [
        (JSON_RESULTS, JSON_RESULTS, json.dumps(json.loads(ROWS), indent=2).encode(), 1),
        (JSON_RESULTS, "application/json", ROWS, 1),
        (XML_RESULTS, "text/xml", b"<s:sparql xmlns:s='http://www.w3.org/2005/sparql-results#'><s:head/><s:results>"
         b"<s:result /><s:result></s:result><!-- <result> --></s:results></s:sparql>", 2),
        (CSV_RESULTS, "text/csv; charset=utf-8; header=present", b'x,y\n"a\r\nb","c""d"\n,\n', 2),
        (CSV_RESULTS, CSV_RESULTS, b"x\r\n\r\n\r\n", 2),
        (CSV_RESULTS, CSV_RESULTS, b"x", 0),
        (TSV_RESULTS, TSV_RESULTS, b"?x\t?y\n1\t\n\t2", 2),
    ],
)  # fmt: skip
def test_rows_are_counted_whatever_the_spelling(media_type, sent, body, rows):
    with (
        served(replies(body, media_type=sent)) as (store, _),
        store.answer("SELECT * { ?s ?p ?o }", media_type) as given,
    ):
        assert (given.media_type, given.read(), given.rows) == (media_type, body, rows)


def test_triples_are_counted_as_written():
    body = b"@prefix : <urn:x:> . :a :b :c, :d ; :e [] . <relative> :b (1 2) ."
    with served(replies(body, media_type=TURTLE)) as (store, _):
        assert answer(store, "CONSTRUCT WHERE { ?s ?p ?o }", TURTLE)[1] == 8


def test_an_answer_to_ask_is_one_row_in_every_format():
    for media_type, body in (
        (JSON_RESULTS, b'{"head":{},"boolean":false}'),
        (
            XML_RESULTS,
            b"<sparql xmlns='http://www.w3.org/2005/sparql-results#'><head/><boolean>true</boolean></sparql>",
        ),
        (CSV_RESULTS, b"true"),
    ):
        with served(replies(body, media_type=media_type)) as (store, _):
            assert answer(store, "ASK {}", media_type) == (body, 1)
    failure(replies(EMPTY), StoreUnavailableError, query="ASK {}")


# --- a real server ---

DATA = """
<http://a.example/s> <http://a.example/p> "one"@en .
<http://a.example/s> <http://a.example/p> "2"^^<http://www.w3.org/2001/XMLSchema#integer> .
"""


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    program = Path(sys.executable).with_name("oxigraph")
    if not program.exists() and not shutil.which("oxigraph"):
        if os.environ.get("CI"):
            pytest.fail("CI must have the oxigraph server: the package oxigraph of the group dev")
        pytest.skip("the oxigraph server is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    with subprocess.Popen(
        [program, "serve", "--bind", address], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            load = urllib.request.Request(
                f"http://{address}/store?default", DATA.encode(), {"Content-Type": N_TRIPLES}, method="PUT"
            )
            for _ in range(500):
                assert server.poll() is None
                with suppress(urllib.error.URLError), urllib.request.urlopen(load, timeout=5):
                    break
                threading.Event().wait(0.02)
            yield f"http://{address}/query"
        finally:
            server.kill()


@pytest.fixture
def store(endpoint: str) -> Iterator[RemoteStore]:
    opened = RemoteStore(endpoint, base="http://a.example/")
    yield opened
    opened.close()


def test_solutions_of_a_real_server_keep_their_terms(store: RemoteStore) -> None:
    found = {row["o"] for row in store.rows("SELECT ?o { <s> <p> ?o }")}
    integer = URIRef("http://www.w3.org/2001/XMLSchema#integer")
    assert found == {Literal("one", lang="en"), Literal("2", datatype=integer)}


def test_rows_need_a_select(store: RemoteStore) -> None:
    with pytest.raises(ValueError, match=r"SELECT|fit"):
        list(store.rows("ASK {}"))


def test_a_real_syntax_error_counts_lines_as_the_asker_wrote_them(store: RemoteStore) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        list(store.rows("SELECT *\nWHERE { ?s ?p }"))
    assert caught.value.line == 2


def test_an_update_sent_as_a_query_changes_nothing(store: RemoteStore) -> None:
    with pytest.raises(QueryRefusedError):
        answer(store, "CLEAR ALL")
    with pytest.raises((QueryRefusedError, QuerySyntaxError)), store.answer("CLEAR ALL", JSON_RESULTS, trusted=True):
        pass
    assert len(list(store.rows("SELECT * { ?s ?p ?o }"))) == 2


def test_closed_is_closed(endpoint: str) -> None:
    opened = RemoteStore(endpoint)
    opened.close()
    opened.close()
    with pytest.raises(StoreUnavailableError, match="closed"):
        answer(opened)

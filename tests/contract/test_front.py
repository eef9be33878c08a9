"""What stands before the service, over real HTTP: kept answers, one evaluation for equal questions, turns, codings."""

from __future__ import annotations

import contextlib
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import zstandard
from flask import Flask
from rdflib.term import Node

from kg.config import Config
from kg.errors import QueryTimeoutError
from kg.release import Release
from kg.store import EVERYTHING, Answer, Limits, Scope, Store
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from kg.web.front import Front
from tests.contract.served import BASE, PYTORCH, Reply, Server, live, make_release

JSON = "application/sparql-results+json"
FORM = "application/x-www-form-urlencoded"
NAME = f"SELECT ?name WHERE {{ {PYTORCH} <{BASE}ontology#name> ?name }}"
LONG = "SELECT ?s ?p ?o WHERE { ?s ?p ?o } ORDER BY ?s ?p ?o"
SECURITY = ("x-content-type-options", "content-security-policy", "referrer-policy", "access-control-allow-origin")
DECODERS = {
    "gzip": gzip.decompress,
    "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body),
    "": lambda body: body,
}


class Counting(Store):
    """A real store that counts what it evaluates, can hold it at a gate, and whose state can be given another name."""

    def __init__(self, store: OxigraphStore) -> None:
        self._store = store
        self.state: str | None = None
        self.asked: list[str] = []
        self.gate = threading.Event()
        self.gate.set()
        self.fails: Exception | None = None

    @property
    def version(self) -> str | None:
        return self.state

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
        self.asked.append(query)
        assert self.gate.wait(30)
        if self.fails is not None:
            raise self.fails
        with self._store.answer(query, media_type, limits=limits, base=base, scope=scope, trusted=trusted) as answer:
            yield answer

    def rows(self, query: str, **options: Any) -> Iterator[Mapping[str, Node]]:
        self.asked.append(query)
        return self._store.rows(query, **options)

    def close(self) -> None:
        """The store is the module's."""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make_release(tmp_path_factory.mktemp("releases"))


@pytest.fixture(scope="module")
def loaded(release: Release) -> Iterator[OxigraphStore]:
    store = OxigraphStore.load([(release.quads, None, None)])
    yield store
    store.close()


@pytest.fixture
def store(loaded: OxigraphStore) -> Counting:
    return Counting(loaded)


@pytest.fixture
def config(tmp_path: Path) -> Config:
    # Requests name their clients as a proxy on loopback would.
    return Config(home=tmp_path, proxies="127.0.0.1", query_bytes=20_000)


@pytest.fixture
def app(config: Config, store: Counting, release: Release) -> Flask:
    return create_app(config, store=store, release=release)


@pytest.fixture
def server(app: Flask) -> Iterator[Server]:
    with live(app) as server:
        yield server


def at(query: str, **parameters: str) -> str:
    return f"/sparql?{urlencode({'query': query, **parameters})}"


def front_of(app: Flask) -> Front:
    front: Front = app.extensions["kg.front"]
    return front


def eventually(condition: Callable[[], object]) -> None:
    """Wait, for another thread, until a condition holds."""
    until = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def sent(reply: Reply) -> tuple[int, dict[str, str], bytes]:
    """All of a reply but its date and the name of its request."""
    own = ("date", "x-request-id")
    return reply.status, {name: value for name, value in reply.headers.items() if name not in own}, reply.body


# --- kept answers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
@pytest.mark.parametrize(
    ("path", "accept"),
    [
        (at(LONG), JSON),
        (at(NAME), "text/csv"),
        (at(f"DESCRIBE {PYTORCH}"), "text/turtle"),
        (at(NAME), "text/html"),
        ("/page/project/pytorch", "text/html"),
        ("/data/project/pytorch.ttl", "*/*"),
        ("/", "text/html"),
    ],
)
def test_a_hit_is_its_miss_byte_for_byte(server: Server, store: Counting, path: str, accept: str, coding: str) -> None:
    miss = server.ask(path, Accept=accept, Accept_Encoding=coding)
    asked = len(store.asked)
    hit = server.ask(path, Accept=accept, Accept_Encoding=coding)
    assert miss.status == 200
    assert sent(hit) == sent(miss)
    assert len(store.asked) == asked, "a kept answer asks no store"
    head = server.ask(path, method="HEAD", Accept=accept, Accept_Encoding=coding)
    assert sent(head) == (200, sent(miss)[1], b"")
    assert all(name in hit.headers for name in SECURITY)


def test_a_head_that_comes_first_is_the_head_of_the_same_answer(server: Server, store: Counting) -> None:
    head = server.ask(at(LONG), method="HEAD", Accept=JSON)
    assert head.body == b""
    got = server.ask(at(LONG), Accept=JSON)
    assert sent(got)[1] == sent(head)[1]
    assert len(store.asked) == 1


def test_a_posted_question_is_kept_too(server: Server, store: Counting) -> None:
    for _ in range(3):
        reply = server.ask("/sparql", method="POST", body=urlencode({"query": NAME}).encode(), Content_Type=FORM)
        assert reply.status == 200
        direct = server.ask("/sparql", method="POST", body=NAME.encode(), Content_Type="application/sparql-query")
        assert direct.body == reply.body
    assert store.asked == [NAME, NAME]


def test_what_decides_an_answer_keeps_answers_apart(server: Server, store: Counting) -> None:
    first = server.ask(at(NAME), Accept=JSON)
    others = [
        server.ask(at(NAME), Accept="text/csv"),
        server.ask(at(NAME + " "), Accept=JSON),
        server.ask(at(NAME, **{"default-graph-uri": f"{BASE}graph/curated/one"}), Accept=JSON),
        server.ask("/sparql", method="POST", body=NAME.encode(), Content_Type="application/sparql-query", Accept=JSON),
    ]
    assert len(store.asked) == 1 + len(others)
    assert len({reply.headers.get("etag") for reply in (first, *others)}) == 1 + len(others)


def test_another_state_of_the_data_empties_the_cache(app: Flask, server: Server, store: Counting) -> None:
    store.state = "one"
    first = server.ask(at(NAME))
    assert server.ask(at(NAME)).headers["etag"] == first.headers["etag"]
    assert len(store.asked) == 1
    assert len(front_of(app).cache) == 1
    store.state = "two"
    second = server.ask(at(NAME), If_None_Match=first.headers["etag"])
    assert second.status == 200, "what the client has is of the state before"
    assert second.headers["etag"] != first.headers["etag"]
    assert len(store.asked) == 2
    assert len(front_of(app).cache) == 1
    assert front_of(app).cache.bytes < 10_000


def test_an_answer_that_was_begun_before_a_write_is_not_kept(app: Flask, server: Server, store: Counting) -> None:
    store.state = "one"
    store.gate.clear()
    with ThreadPoolExecutor(2) as pool:
        early = pool.submit(server.ask, at(NAME), X_Forwarded_For="203.0.113.1")
        eventually(lambda: len(store.asked) == 1)
        store.state = "two"
        late = pool.submit(server.ask, at(NAME), X_Forwarded_For="203.0.113.2")
        eventually(lambda: len(store.asked) == 2)
        store.gate.set()
        assert early.result().status == late.result().status == 200
    assert len(store.asked) == 2, "who asks after the write does not get what was begun before it"
    server.ask(at(NAME))
    assert len(store.asked) == 2


@pytest.mark.parametrize("call", ["NOW()", "RAND()", "UUID()", "STRUUID()", "BNODE()"])
def test_what_changes_with_each_run_is_never_kept(app: Flask, server: Server, store: Counting, call: str) -> None:
    query = f"SELECT ({call} AS ?x) WHERE {{ }}"
    for _ in range(2):
        reply = server.ask(at(query))
        assert reply.headers["cache-control"] == "no-store"
        assert "etag" not in reply.headers
    assert len(store.asked) == 2
    assert len(front_of(app).cache) == 0


def test_problems_are_never_kept(app: Flask, server: Server) -> None:
    first, second = (server.ask(at("SELECT nonsense")) for _ in range(2))
    assert first.status == second.status == 400
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert len(front_of(app).cache) == 0


def test_the_cache_is_bounded_in_bytes(config: Config, store: Counting, release: Release) -> None:
    app = create_app(config.model_copy(update={"cache_bytes": 100_000}), store=store, release=release)
    cache = front_of(app).cache
    with live(app) as server:
        server.ask(at(NAME))
        for number in range(60):
            server.ask(at(f"{NAME}#{number}"))
            server.ask(at(NAME))
            assert cache.bytes <= 100_000
        assert 5 < len(cache) < 60
        assert store.asked.count(NAME) == 1, "what is asked for again stays"
        server.ask(at(NAME + "#0"))
    assert store.asked.count(NAME + "#0") == 2


def test_without_room_nothing_is_kept(config: Config, store: Counting, release: Release) -> None:
    with live(create_app(config.model_copy(update={"cache_bytes": 0}), store=store, release=release)) as server:
        assert sent(server.ask(at(NAME)))[2] == sent(server.ask(at(NAME)))[2]
    assert len(store.asked) == 2


# --- validators and codings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
def test_a_client_that_has_the_answer_gets_304(server: Server, store: Counting, coding: str) -> None:
    first = server.ask(at(LONG), Accept=JSON, Accept_Encoding=coding)
    known = first.headers["etag"]
    assert first.headers.get("content-encoding", "") == coding
    for tag in (known, f'"other", {known}', "*", f"W/{known}"):
        again = server.ask(at(LONG), Accept=JSON, Accept_Encoding=coding, If_None_Match=tag)
        assert (again.status, again.body, again.headers["etag"]) == (304, b"", known)
        assert again.headers["vary"] == "Accept, Accept-Encoding"
        assert all(name in again.headers for name in SECURITY)
    assert server.ask(at(LONG), Accept=JSON, Accept_Encoding=coding, If_None_Match='"other"').status == 200
    assert len(store.asked) == 1


@pytest.mark.parametrize("coding", ["", "gzip", "zstd"])
def test_a_server_that_starts_anew_knows_its_tags(
    config: Config, store: Counting, release: Release, coding: str
) -> None:
    with live(create_app(config, store=store, release=release)) as server:
        known = server.ask(at(LONG), Accept_Encoding=coding).headers["etag"]
    with live(create_app(config, store=store, release=release)) as server:
        again = server.ask(at(LONG), Accept_Encoding=coding, If_None_Match=known)
    assert (again.status, again.headers["etag"]) == (304, known)
    assert len(store.asked) == 1, "a tag is known without asking"


@pytest.mark.parametrize("path", [at(LONG), at("CONSTRUCT WHERE { ?s ?p ?o }"), "/page/project/pytorch", "/"])
def test_a_coded_answer_is_the_same_answer(server: Server, path: str) -> None:
    replies = {coding: server.ask(path, Accept_Encoding=coding) for coding in DECODERS}
    plain = replies[""]
    for coding, reply in replies.items():
        assert reply.headers.get("content-encoding", "") == coding
        assert int(reply.headers["content-length"]) == len(reply.body)
        assert "Accept-Encoding" in reply.headers["vary"]
        if "CONSTRUCT" not in path:  # whose triples come in any order
            assert DECODERS[coding](reply.body) == plain.body
        assert coding == "" or len(reply.body) < len(plain.body) / 2
    assert len({reply.headers["etag"] for reply in replies.values()}) == 3


def test_small_bodies_go_as_they_are(server: Server) -> None:
    reply = server.ask(at(NAME), Accept_Encoding="gzip, zstd")
    assert "content-encoding" not in reply.headers
    assert reply.headers["vary"] == "Accept, Accept-Encoding", "a larger one would not have"


def test_a_spooled_answer_is_coded_and_its_file_goes(
    config: Config, release: Release, tmp_path: Path, loaded: OxigraphStore
) -> None:
    spool = tmp_path / "answer"
    spool.write_bytes(b"a,b\n" * 3_000_000)

    class Spooling(Counting):
        open = 0

        @contextlib.contextmanager
        def answer(self, query: str, media_type: str, **_: Any) -> Iterator[Answer]:
            self.open += 1
            yield Answer("text/csv", spool, 3)
            self.open -= 1

    store = Spooling(loaded)
    app = create_app(config, store=store, release=release)
    with live(app) as server:
        for coding, decode in DECODERS.items():
            reply = server.ask(at(LONG), Accept="text/csv", Accept_Encoding=coding)
            assert reply.headers.get("content-encoding", "") == coding
            assert int(reply.headers["content-length"]) == len(reply.body)
            assert decode(reply.body) == spool.read_bytes()
            head = server.ask(at(LONG), method="HEAD", Accept="text/csv", Accept_Encoding=coding)
            assert head.headers["content-length"] == reply.headers["content-length"]
        eventually(lambda: store.open == 0 and front_of(app).admission.seated == 0)


def test_a_coded_question_is_read(server: Server) -> None:
    for coding, body in (("gzip", gzip.compress(NAME.encode())), ("zstd", zstandard.compress(NAME.encode()))):
        reply = server.ask(
            "/sparql", method="POST", body=body, Content_Type="application/sparql-query", Content_Encoding=coding
        )
        assert reply.status == 200
        assert "PyTorch" in reply.text


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzip.compress(bytes(10_000_000)), 413),
        ("gzip", b"no gzip", 400),
        ("br", b"x", 415),
        ("gzip", bytes(20_001), 413),
    ],
)
def test_a_question_whose_coding_does_not_fit_is_a_problem(
    server: Server, coding: str, body: bytes, status: int
) -> None:
    reply = server.ask(
        "/sparql", method="POST", body=body, Content_Type="application/sparql-query", Content_Encoding=coding
    )
    assert (reply.status, reply.type) == (status, "application/problem+json")
    assert all(name in reply.headers for name in SECURITY)


# --- equal questions at one time --------------------------------------------------------------------------------------


def test_equal_questions_at_one_time_are_evaluated_once(app: Flask, server: Server, store: Counting) -> None:
    store.gate.clear()
    with ThreadPoolExecutor(20) as pool:
        asked = [pool.submit(server.ask, at(LONG), Accept=JSON) for _ in range(20)]
        eventually(lambda: front_of(app).admission.seated == 20)
        assert len(store.asked) == 1
        store.gate.set()
        replies = [one.result() for one in asked]
    assert len(store.asked) == 1
    assert len({repr(sent(reply)) for reply in replies}) == 1
    assert replies[0].status == 200


def test_equal_questions_share_the_failure_that_comes_of_them(app: Flask, server: Server, store: Counting) -> None:
    store.gate.clear()
    store.fails = QueryTimeoutError(2.5)
    with ThreadPoolExecutor(10) as pool:
        asked = [pool.submit(server.ask, at(LONG), Accept=JSON) for _ in range(10)]
        eventually(lambda: front_of(app).admission.seated == 10)
        store.gate.set()
        assert {one.result().status for one in asked} == {504}
    assert len(store.asked) == 1
    store.fails = None
    assert server.ask(at(LONG)).status == 200, "and it is not kept"


def test_equal_questions_that_change_with_each_run_are_evaluated_each(
    app: Flask, server: Server, store: Counting
) -> None:
    store.gate.clear()
    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(server.ask, at("SELECT (UUID() AS ?x) WHERE { }"), Accept=JSON) for _ in range(5)]
        eventually(lambda: front_of(app).admission.seated == 5)
        store.gate.set()
        assert len({one.result().text for one in asked}) == 5


# --- turns ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def narrow(config: Config, store: Counting, release: Release) -> Iterator[tuple[Server, Front]]:
    """One process with two workers: a client may run one query, and hold three requests of four in all."""
    app = create_app(
        config.model_copy(update={"servers": 1, "workers": 2, "queue": 4, "client_queue": 3}),
        store=store,
        release=release,
    )
    with live(app) as server:
        yield server, front_of(app)


def test_beyond_its_bound_a_client_gets_429_and_beyond_the_room_all_get_503(
    narrow: tuple[Server, Front], store: Counting
) -> None:
    server, front = narrow
    store.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        mine = [pool.submit(server.ask, at(f"{NAME}#{n}"), X_Forwarded_For="203.0.113.1") for n in range(3)]
        eventually(lambda: front.admission.seated == 3)
        refused = server.ask(at(NAME), X_Forwarded_For="203.0.113.1")
        yours = pool.submit(server.ask, at(NAME), X_Forwarded_For="203.0.113.2")
        eventually(lambda: front.admission.seated == 4)
        full = server.ask(at(f"{NAME}#full"), X_Forwarded_For="203.0.113.3")
        health = server.ask("/-/live-and-absent", X_Forwarded_For="203.0.113.3")
        store.gate.set()
        assert {one.result().status for one in (*mine, yours)} == {200}
    for reply, status, name in ((refused, 429, "too-many-requests"), (full, 503, "busy")):
        assert (reply.status, reply.type) == (status, "application/problem+json")
        assert reply.json["type"] == f"{BASE}problem/{name}"
        assert int(reply.headers["retry-after"]) >= 1
        assert all(header in reply.headers for header in SECURITY)
    assert health.status == 404, "what an operator needs has no queue"
    assert front.admission.seated == 0


def test_kept_answers_need_no_seat(narrow: tuple[Server, Front], store: Counting) -> None:
    server, front = narrow
    assert server.ask(at(NAME), X_Forwarded_For="203.0.113.1").status == 200
    store.gate.clear()
    with ThreadPoolExecutor(3) as pool:
        mine = [pool.submit(server.ask, at(f"{NAME}#{n}"), X_Forwarded_For="203.0.113.1") for n in range(3)]
        eventually(lambda: front.admission.seated == 3)
        assert server.ask(at(NAME), X_Forwarded_For="203.0.113.1").status == 200
        store.gate.set()
        assert {one.result().status for one in mine} == {200}


def test_a_client_with_many_queries_leaves_a_worker_for_others(narrow: tuple[Server, Front], store: Counting) -> None:
    server, front = narrow
    store.gate.clear()
    with ThreadPoolExecutor(4) as pool:
        greedy = [pool.submit(server.ask, at(f"{NAME}#{n}"), X_Forwarded_For="203.0.113.1") for n in range(3)]
        eventually(lambda: front.admission.seated == 3)
        eventually(lambda: len(store.asked) == 1)
        modest = pool.submit(server.ask, at(NAME), X_Forwarded_For="203.0.113.2")
        eventually(lambda: NAME in store.asked)
        assert len(store.asked) == 2, "two of the greedy client wait"
        store.gate.set()
        assert {one.result().status for one in (*greedy, modest)} == {200}


def test_two_hundred_clients_with_cheap_queries_are_all_answered(server: Server) -> None:
    def one(number: int) -> int:
        return server.ask(at(f"{NAME}#{number}"), X_Forwarded_For=f"198.51.100.{number}").status

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(one, range(200))) == [200] * 200


def test_the_word_of_a_stranger_about_its_address_is_not_believed(
    config: Config, store: Counting, release: Release
) -> None:
    narrow = config.model_copy(update={"proxies": "", "servers": 1, "queue": 4, "client_queue": 1})
    app = create_app(narrow, store=store, release=release)
    store.gate.clear()
    with live(app) as server, ThreadPoolExecutor(1) as pool:
        first = pool.submit(server.ask, at(NAME), X_Forwarded_For="203.0.113.1")
        eventually(lambda: front_of(app).admission.seated == 1)
        assert server.ask(at(LONG), X_Forwarded_For="203.0.113.2").status == 429
        store.gate.set()
        assert first.result().status == 200


def test_a_client_that_sends_slowly_keeps_nobody_from_asking(narrow: tuple[Server, Front]) -> None:
    server, front = narrow
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            slow = stack.enter_context(socket.create_connection((server.host, server.port), timeout=30))
            slow.sendall(
                b"POST /sparql HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\nX-Forwarded-For: 203.0.113.1\r\n"
                b"Content-Type: application/sparql-query\r\n\r\nSELECT"
            )
        eventually(lambda: front.admission.seated == 3)
        assert server.ask(at(NAME), X_Forwarded_For="203.0.113.2").status == 200
    eventually(lambda: front.admission.seated == 0)

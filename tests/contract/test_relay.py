"""SERVICE over real HTTP: between services of ours, out of ``oxigraph serve`` and against endpoints that misbehave."""

from __future__ import annotations

import contextlib
import http.server
import json
import socketserver
import threading
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode

import pytest

from kg.config import Config
from kg.errors import ConfigError, QueryTimeoutError, QueueFullError, StoreUnavailableError
from kg.store import Limits
from kg.store.federation import Bounds, Federation
from kg.store.oxigraph import OxigraphStore
from kg.store.relay import Relay
from kg.store.remote import RemoteStore
from kg.store.workers import Keeper
from kg.web import create_app
from tests.bench.servers import SCRIPTS, Server, free_port, running
from tests.contract.served import Reply, live
from tests.contract.served import Server as Live

JSON = "application/sparql-results+json"
NS = "http://data.example/"

# What the other endpoint knows: two projects have stars, one of them twice; a blank node is somebody's maker.
FAR = f"""
@prefix : <{NS}> .
:torch :stars 70, 71 ; :maker [ :name "Ann" ] .
:flow :stars 40 ; :label "flow\\"s \\\\ \\n end"@en .
:other :stars 1 .
"""


def near_data(*endpoints: str) -> str:
    """What our own service knows: three projects, and which endpoint knows more of them."""
    at = "".join(f":torch :at <{iri}> . " for iri in endpoints)
    return f"@prefix : <{NS}> . :torch :host :foundation . :flow :host :company . :alone :host :nobody . {at}"


def turtle(folder: Path, name: str, text: str) -> list[tuple[Path, str | None, None]]:
    path = folder / f"{name}.ttl"
    path.write_text(text, encoding="utf-8")
    return [(path, NS, None)]


def config(folder: Path, **settings: object) -> Config:
    return Config.model_validate({"home": folder / "home", "servers": 1, **settings})


@dataclass
class Stage:
    """Our service, what it may call, and an engine of somebody else's over the same data."""

    near: Live
    far: str
    absent: str
    peer: str

    def ask(self, where: str, accept: str = JSON) -> Reply:
        query = f"PREFIX : <{NS}> {where.replace('FAR', f'<{self.far}>').replace('ABSENT', f'<{self.absent}>')}"
        return self.near.ask(f"/sparql?{urlencode({'query': query})}", Accept=accept)

    def rows(self, where: str) -> list[dict[str, str]]:
        reply = self.ask(where)
        assert reply.status == 200, reply.text
        return spelled(reply.json)


def spelled(document: Any) -> list[dict[str, str]]:
    """Give solutions in an order of their own, with local names and without the labels of blank nodes."""
    found = [
        {name: "_" if term["type"] == "bnode" else term["value"].removeprefix(NS) for name, term in binding.items()}
        for binding in document["results"]["bindings"]
    ]
    return sorted(found, key=lambda solution: sorted(solution.items()))


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("relay")
    absent = f"http://127.0.0.1:{free_port()}/sparql"
    peer = Server("oxigraph serve", free_port(), "/query")
    command = [str(SCRIPTS / "oxigraph"), "serve", "-b", f"127.0.0.1:{peer.port}"]
    with contextlib.ExitStack() as stack:
        far_store = OxigraphStore.load(turtle(folder, "far", FAR))
        far = f"http://127.0.0.1:{stack.enter_context(live(create_app(config(folder), store=far_store))).port}/sparql"
        data = near_data(far)
        keeper = stack.enter_context(Keeper.start(turtle(folder, "near", data), workers=2))
        store = keeper.store(federation=Federation([far, absent], Relay()))
        near = stack.enter_context(live(create_app(config(folder), store=store)))
        stack.enter_context(running(peer, command, folder / "log", seconds=30, env={}))
        address = f"http://127.0.0.1:{peer.port}/store?default"
        request = urllib.request.Request(
            address, data=data.encode(), headers={"Content-Type": "text/turtle"}, method="PUT"
        )
        urllib.request.urlopen(request, timeout=10).close()
        yield Stage(near, far, absent, peer.url)


# --- answers --------------------------------------------------------------------------------------------------------


def test_a_listed_endpoint_is_joined_with_our_own_data(stage: Stage) -> None:
    reply = stage.ask("SELECT ?p ?host ?n { ?p :host ?host . SERVICE FAR { ?p :stars ?n } }")
    assert spelled(reply.json) == [
        {"p": "flow", "host": "company", "n": "40"},
        {"p": "torch", "host": "foundation", "n": "70"},
        {"p": "torch", "host": "foundation", "n": "71"},
    ]
    assert reply.headers["kg-services"] == f"<{stage.far}>"
    assert (reply.headers["kg-complete"], reply.headers["kg-rows"]) == ("true", "3")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?p ?n { ?p :host ?h OPTIONAL { SERVICE FAR { ?p :stars ?n } } }",
        "SELECT * { ?p :host ?h OPTIONAL { SERVICE FAR { ?p :stars ?n } FILTER(?n > 50) } }",
        "SELECT ?p { ?p :host ?h MINUS { SERVICE FAR { ?p :stars ?n } } }",
        "SELECT ?p { ?p :host ?h FILTER NOT EXISTS { SERVICE FAR { ?p :stars ?n } } }",
        "SELECT ?p ?n { { ?p :host :nobody } UNION { SERVICE FAR { ?p :stars ?n } } }",
        "SELECT ?p ?s { ?p :host ?h { SELECT ?p (SUM(?n) AS ?s) { SERVICE FAR { ?p :stars ?n } } GROUP BY ?p } }",
        "SELECT ?p ?m { ?p :host ?h . SERVICE FAR { SELECT ?p (MAX(?n) AS ?m) { ?p :stars ?n } GROUP BY ?p } }",
        "SELECT ?l { SERVICE FAR { ?p :label ?l } ?p :host ?h }",
        "SELECT ?p ?name { ?p :host ?h . SERVICE FAR { ?p :maker ?m } SERVICE FAR { ?m :name ?name } }",
        "SELECT ?p ?name { ?p :host ?h . SERVICE FAR { ?p :maker ?m . ?m :name ?name } }",
        "SELECT ?p ?m { ?p :host ?h . SERVICE FAR { ?p :maker ?m } FILTER(isBlank(?m)) }",
        "SELECT ?p { ?p :host ?h . SERVICE FAR { :torch :stars 70 } }",
        "SELECT ?p { ?p :host ?h . SERVICE FAR { :torch :stars 1 } }",
        "SELECT ?p ?x { ?p :host ?h . SERVICE FAR { ?p :stars ?n . BIND(?n + 1 AS ?x) } } ORDER BY ?x LIMIT 2",
        "SELECT ?p ?n { VALUES ?p { :torch :other } SERVICE FAR { VALUES ?p { :other } ?p :stars ?n } }",
        "SELECT ?p ?n { ?p :host ?h . SERVICE SILENT ABSENT { ?p :stars ?n } }",
        "SELECT * { ?p :host ?h . SERVICE SILENT ABSENT { ?p :stars ?n } }",
    ],
)
def test_the_answer_is_that_of_an_engine_that_federates_by_itself(stage: Stage, query: str) -> None:
    text = f"PREFIX : <{NS}> {query.replace('FAR', f'<{stage.far}>').replace('ABSENT', f'<{stage.absent}>')}"
    body = urlencode({"query": text}).encode()
    request = urllib.request.Request(stage.peer, data=body, headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=10) as response:
        theirs = json.load(response)
    ours = stage.ask(query)
    assert ours.status == 200, ours.text
    if ":maker ?m } SERVICE" in query:
        # The engine sends each row's own blank node, which the other reads as a variable; no blank node is another's.
        assert spelled(ours.json) == []
        return
    assert spelled(ours.json) == spelled(theirs)
    assert ours.json["head"]["vars"]
    assert set(ours.json["head"]["vars"]) == set(theirs["head"]["vars"])


@pytest.mark.parametrize(
    "query",
    [
        "SELECT ?p ?n { ?p :at ?e . SERVICE ?e { ?p :stars ?n } }",
        "SELECT ?p ?n { { ?p :at ?e FILTER(isIRI(?e)) } SERVICE ?e { ?p :stars ?n } ?p :host ?h FILTER(?n > 1) }",
        "SELECT ?p ?n { VALUES ?e { FAR ABSENT } ?p :at ?e . SERVICE ?e { ?p :stars ?n } }",
        "SELECT ?p ?n { SERVICE FAR { :torch :maker ?m } ?p :at ?e . SERVICE ?e { ?p :stars ?n } }",
        "SELECT ?p (?x AS ?n) (GROUP_CONCAT(?h) AS ?all) { ?p :host ?h ; :at ?e SERVICE ?e { ?p :stars ?x } } "
        "GROUP BY ?p ?x",
    ],
)
def test_a_variable_is_bound_before_to_addresses_of_the_list(stage: Stage, query: str) -> None:
    found = [{name: value for name, value in row.items() if name != "all"} for row in stage.rows(query)]
    assert found == [{"p": "torch", "n": "70"}, {"p": "torch", "n": "71"}]


def test_a_variable_that_is_bound_to_nothing_calls_nobody(stage: Stage) -> None:
    reply = stage.ask("SELECT ?n { ?p :at-no-place ?e . SERVICE ?e { ?p :stars ?n } }")
    assert (reply.status, reply.headers["kg-rows"], "kg-services" in reply.headers) == (200, "0", False)


def test_oxigraph_serve_calls_our_service(stage: Stage) -> None:
    ours = f"http://{stage.near.host}:{stage.near.port}/sparql"
    query = f"PREFIX : <{NS}> SELECT ?p ?h {{ ?p :at ?e . SERVICE <{ours}> {{ ?p :host ?h }} }}"
    request = urllib.request.Request(stage.peer, data=urlencode({"query": query}).encode(), headers={"Accept": JSON})
    with urllib.request.urlopen(request, timeout=10) as response:
        assert spelled(json.load(response)) == [{"p": "torch", "h": "foundation"}]


def test_the_iri_may_be_written_with_prefix_base_and_escapes(stage: Stage) -> None:
    root, _, _ = stage.far.rpartition("/")
    for query in (
        f"PREFIX far: <{root}/> SELECT ?n {{ SERVICE far:sparql {{ :flow :stars ?n }} }}",
        f"BASE <{root}/x/y> PREFIX : <{NS}> SELECT ?n {{ SERVICE <../sparql> {{ :flow :stars ?n }} }}",
        f"SELECT ?n {{ SERVICE <\\u0068{stage.far[1:]}> {{ :flow :stars ?n }} }}",
        f"PREFIX far: <{root}/> SELECT ?n {{ SERVICESILENTfar:sparql{{:flow :stars ?n}} }}",
    ):
        assert stage.rows(query) == [{"n": "40"}], query


def test_constructs_and_questions_of_yes_or_no_may_call_too(stage: Stage) -> None:
    assert stage.ask("ASK { :torch :host ?h SERVICE FAR { :torch :stars 70 } }").json["boolean"] is True
    assert stage.ask("ASK { :torch :host ?h SERVICE FAR { :torch :stars 2 } }").json["boolean"] is False
    reply = stage.ask("CONSTRUCT { ?p :n ?n } { SERVICE FAR { ?p :stars ?n } ?p :host :company }", accept="*/*")
    assert "<http://data.example/n> 40" in reply.text or ":n 40" in reply.text


def test_a_page_shows_the_rows_and_what_is_missing(stage: Stage) -> None:
    page = stage.ask("SELECT ?p { ?p :host ?h SERVICE SILENT ABSENT { ?p :stars ?n } }", accept="text/html").text
    assert f"&lt;{stage.absent}&gt; did not answer" in page


# --- honesty --------------------------------------------------------------------------------------------------------


def test_silence_is_told_and_never_kept(stage: Stage) -> None:
    reply = stage.ask("SELECT ?p { ?p :host ?h SERVICE SILENT ABSENT { ?p :stars ?n } }")
    assert (reply.status, reply.headers["kg-complete"]) == (200, "false")
    assert reply.headers["kg-services-failed"] == f"<{stage.absent}>"
    assert "no-store" in reply.headers["cache-control"]
    assert "etag" not in reply.headers


def test_an_endpoint_that_does_not_answer_is_an_error_that_names_it(stage: Stage) -> None:
    reply = stage.ask("SELECT ?p { ?p :host ?h SERVICE ABSENT { ?p :stars ?n } }")
    assert (reply.status, reply.json["type"].rpartition("/")[2]) == (502, "service-failed")
    assert reply.json["endpoint"] == stage.absent
    assert "SILENT" in reply.json["how"]


def test_what_is_not_listed_is_refused_silent_or_not(stage: Stage) -> None:
    for query in (
        "SELECT * { SERVICE <http://elsewhere.example/> { ?s ?p ?o } }",
        "SELECT * { SERVICE SILENT <http://elsewhere.example/> { ?s ?p ?o } }",
        "SELECT * { SERVICE FAR { SERVICE <http://elsewhere.example/> { ?s ?p ?o } } }",
        "SELECT * { SERVICE FAR { ?s ?p ?e SERVICE ?e { ?s ?p ?o } } }",
        "SELECT * { ?p :host ?e SERVICE SILENT ?e { ?s ?p ?o } }",
        "SELECT * { ?p :at ?e FILTER(?p != :flow) SERVICE ?e { ?s ?p ?o } }",
        "SELECT * { ?p :host ?h OPTIONAL { ?p :at ?e } SERVICE ?e { ?s ?p ?o } }",
    ):
        reply = stage.ask(query)
        assert (reply.status, reply.json["type"].rpartition("/")[2]) == (403, "service-refused"), query


def test_a_service_without_a_list_says_how_an_operator_opens_it(tmp_path: Path) -> None:
    with live(create_app(config(tmp_path), store=OxigraphStore.load([]))) as closed:
        reply = closed.ask(f"/sparql?{urlencode({'query': 'SELECT * { SERVICE <http://a.example/> { ?s ?p ?o } }'})}")
        assert (reply.status, reply.json["type"].rpartition("/")[2]) == (403, "service-refused")
        assert "kg serve --service IRI" in reply.json["detail"]
        description = closed.ask("/sparql", Accept="text/turtle").text
        assert "BasicFederatedQuery" not in description


def test_the_description_says_that_queries_may_federate(stage: Stage) -> None:
    assert "sd:BasicFederatedQuery" in stage.near.ask("/sparql", Accept="text/turtle").text


def test_two_services_of_ours_see_each_others_changes_at_once(tmp_path: Path) -> None:
    """What another endpoint said a moment ago is asked again: nothing of it is kept."""
    hosted: list[Any] = []
    with live(lambda environ, start: hosted[-1](environ, start)) as far:  # noqa: PLW0108 (another one each time)
        iri = f"http://127.0.0.1:{far.port}/sparql"
        near_store = OxigraphStore.load(turtle(tmp_path, "near", near_data()), federation=Federation([iri], Relay()))
        with live(create_app(config(tmp_path), store=near_store)) as near:
            for stars in (1, 2):
                text = f"@prefix : <{NS}> . :torch :stars {stars} ."
                hosted.append(create_app(config(tmp_path), store=OxigraphStore.load(turtle(tmp_path, "far", text))))
                query = f"PREFIX : <{NS}> SELECT ?n {{ SERVICE <{iri}> {{ :torch :stars ?n }} }}"
                reply = near.ask(f"/sparql?{urlencode({'query': query})}", Accept=JSON)
                assert spelled(reply.json) == [{"n": str(stars)}]


def test_a_store_of_another_engine_is_joined_as_well(stage: Stage, tmp_path: Path) -> None:
    store = RemoteStore(stage.peer, federation=Federation([stage.far], Relay()))
    with live(create_app(config(tmp_path, remote_kept=0), store=store)) as near:
        through = Stage(near, stage.far, stage.absent, stage.peer)
        assert through.rows("SELECT ?p ?n { ?p :host :company SERVICE FAR { ?p :stars ?n } }") == [
            {"p": "flow", "n": "40"}
        ]
        assert through.ask("ASK { ?p :at ?e SERVICE ?e { ?p :stars 71 } }").json["boolean"] is True
        reply = through.ask("SELECT ?m { SERVICE FAR { ?p :maker ?m } }")
        assert (reply.status, "blank nodes" in reply.json["detail"]) == (502, True)


# --- endpoints that misbehave ---------------------------------------------------------------------------------------


@dataclass
class Hostile:
    """An endpoint that answers as a test wants, and remembers what it was sent."""

    port: int = 0
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    drip: float = 0.0  # seconds between single bytes of the body
    heard: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    gate: threading.Event | None = None

    @property
    def iri(self) -> str:
        return f"http://127.0.0.1:{self.port}/sparql"

    def forget(self) -> None:
        """Be as new."""
        self.status, self.headers, self.body, self.drip, self.gate = 200, {}, b"", 0.0, None
        self.heard.clear()

    def says(self, rows: list[dict[str, Any]], *names: str) -> None:
        self.status, self.headers, self.drip = 200, {}, 0.0
        self.body = json.dumps({"head": {"vars": names}, "results": {"bindings": rows}}).encode()


@pytest.fixture(scope="module")
def stranger() -> Iterator[Hostile]:
    told = Hostile()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            told.heard.append((self.path, {name.lower(): value for name, value in self.headers.items()}, body))
            if told.gate is not None:
                told.gate.wait(10)
            self.send_response(told.status)
            for name, value in {"Content-Type": JSON, **told.headers}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):
                for place in range(0, len(told.body), 1 if told.drip else len(told.body)):
                    self.wfile.write(told.body[place : place + 1] if told.drip else told.body)
                    if told.drip:
                        time.sleep(told.drip)  # a slow sender, not a wait for something

        def log_message(self, *_: object) -> None: ...

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        told.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield told
        server.shutdown()
        thread.join()


@pytest.fixture
def hostile(stranger: Hostile) -> Hostile:
    stranger.forget()
    return stranger


def calling(endpoint: str, folder: Path, **settings: object) -> contextlib.AbstractContextManager[Live]:
    bounds = Bounds(rows=10, bytes=20_000, calls=3)
    federation = Federation([endpoint], Relay(), bounds=bounds)
    store = OxigraphStore.load(turtle(folder, "near", near_data()), federation=federation)
    return live(create_app(config(folder, **settings), store=store))


@pytest.fixture(scope="module")
def caller(stranger: Hostile, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    """Our service, which may call the stranger."""
    with calling(stranger.iri, tmp_path_factory.mktemp("caller")) as server:
        yield server


def ask(server: Live, query: str, **headers: str) -> Reply:
    path = f"/sparql?{urlencode({'query': query})}"
    return server.ask(path, method="GET", body=None, **{"Accept": JSON, **headers})


def iri(value: str) -> dict[str, str]:
    return {"type": "uri", "value": value}


def test_nothing_of_the_client_is_sent_and_no_cookie_is_kept(hostile: Hostile, caller: Live) -> None:
    hostile.says([{"s": iri("http://a.example/")}], "s")
    hostile.headers = {"Set-Cookie": "who=you; Path=/"}
    query = f"PREFIX e: <http://a.example/>\nSELECT * {{ SERVICE <{hostile.iri}> {{ ?s e:p ?o # all\n }} }}"
    for _ in range(2):
        sent = {"Authorization": "Bearer secret-of-the-client", "Cookie": "a=b", "X_Request_Id": "mine"}
        assert ask(caller, query, **sent).status == 200
    for path, headers, body in hostile.heard:
        assert path == "/sparql"
        assert headers.keys() <= {
            *("host", "accept", "accept-encoding", "connection", "user-agent", "content-length", "content-type")
        }
        assert "secret" not in repr(headers)
        (text,) = parse_qs(body.decode())["query"]
        base = "BASE <https://w3id.org/osai-kg/>\n"
        assert text == f"{base}PREFIX e: <http://a.example/>\nSELECT * {{ ?s e:p ?o # all\n \n}}"


@pytest.mark.parametrize(
    ("status", "headers", "body", "part"),
    [
        (302, {"Location": "http://127.0.0.1:1/"}, b"", "redirects"),
        (307, {"Location": "/elsewhere"}, b"", "redirects"),
        (500, {}, b"broken", "500"),
        (200, {"Content-Type": "text/html"}, b"<p>", "text/html"),
        (200, {"Content-Encoding": "gzip"}, b"x", "encoding"),
        (200, {}, b'{"head":{"vars":["s"]},"results":{"bindings":[', "whole"),
        (200, {}, b'{"head":{},"boolean":true}', "whole"),
        (200, {}, b'{"head":{"vars":["s","s"]},"results":{"bindings":[]}}', "twice"),
        (200, {}, b'{"head":{"vars":["s} x"]},"results":{"bindings":[]}}', "was not answered"),
        (200, {}, b'{"head":{"vars":["s"]},"results":{"bindings":[{"s":{"type":"uri","value":"a> b"}}]}}', "IRI"),
        (200, {}, b'{"head":{"vars":["s"]},"results":{"bindings":' + b"[" * 9_000 + b"]" * 9_000 + b"}}", "whole"),
    ],
)
def test_an_answer_that_is_none_is_an_error_and_in_silence_nothing(
    hostile: Hostile, caller: Live, status: int, headers: dict[str, str], body: bytes, part: str
) -> None:
    hostile.status, hostile.headers, hostile.body = status, headers, body
    reply = ask(caller, f"SELECT * {{ SERVICE <{hostile.iri}> {{ ?s ?p ?o }} }}")
    assert (reply.status, reply.json["type"].rpartition("/")[2]) == (502, "service-failed"), reply.text
    assert part in reply.json["detail"]
    assert len(hostile.heard) == 1, "no redirect is followed and nothing is tried again"
    silent = ask(caller, f"SELECT * {{ SERVICE SILENT <{hostile.iri}> {{ ?s ?p ?o }} }}")
    assert (silent.status, silent.headers["kg-complete"], silent.headers["kg-rows"]) == (200, "false", "1")
    assert silent.json["head"]["vars"] == ["o", "p", "s"]


def test_values_cannot_break_out_of_the_query(hostile: Hostile, caller: Live) -> None:
    evil = '") } SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } # \\" \n\r\t\\'
    hostile.says([{"s": {"type": "literal", "value": evil}}, {"s": {"type": "literal", "value": evil}}], "s")
    reply = ask(caller, f"SELECT ?s {{ SERVICE <{hostile.iri}> {{ ?s ?p ?o }} }}")
    assert [binding["s"]["value"] for binding in reply.json["results"]["bindings"]] == [evil, evil]


def test_more_rows_bytes_or_calls_than_allowed_are_refused_also_in_silence(hostile: Hostile, caller: Live) -> None:
    hostile.says([{"s": iri(f"http://a.example/{number}")} for number in range(10)], "s")
    assert ask(caller, f"SELECT * {{ SERVICE <{hostile.iri}> {{ ?s ?p ?o }} }}").headers["kg-rows"] == "10"
    hostile.says([{"s": iri(f"http://a.example/{number}")} for number in range(11)], "s")
    for silent in ("", "SILENT"):
        reply = ask(caller, f"SELECT * {{ SERVICE {silent} <{hostile.iri}> {{ ?s ?p ?o }} }}")
        assert (reply.status, reply.json["rule"], reply.json["limit"]) == (400, "service-rows", 10)
    hostile.says([{"s": iri(f"http://a.example/{'x' * 20_000}")}], "s")
    reply = ask(caller, f"SELECT * {{ SERVICE <{hostile.iri}> {{ ?s ?p ?o }} }}")
    assert (reply.status, reply.json["rule"], reply.json["limit"]) == (400, "service-bytes", 20_000)
    hostile.says([], "s")
    heard = len(hostile.heard)
    calls = " ".join(f"SERVICE <{hostile.iri}> {{ ?s ?p {number} }}" for number in range(4))
    reply = ask(caller, f"SELECT * {{ {calls} }}")
    assert (reply.status, reply.json["rule"], reply.json["limit"]) == (400, "service-calls", 3)
    assert len(hostile.heard) - heard == 3
    equal = f"SERVICE <{hostile.iri}> {{ ?s ?p 1 }} " * 9
    assert ask(caller, f"SELECT * {{ {equal} }}").status == 200, "equal questions are asked once"
    assert len(hostile.heard) - heard == 4


def test_an_endpoint_that_drips_has_half_of_the_querys_time(hostile: Hostile, tmp_path: Path) -> None:
    hostile.says([], "s")
    hostile.drip = 0.05
    with calling(hostile.iri, tmp_path, seconds=1.0) as server:
        begun = time.monotonic()
        reply = ask(server, f"SELECT * {{ ?p ?q ?r SERVICE SILENT <{hostile.iri}> {{ ?s ?p ?o }} }}")
        assert (reply.status, reply.headers["kg-complete"]) == (200, "false"), reply.text
        assert 0.4 < time.monotonic() - begun < 1.0


def test_no_more_connections_than_the_relay_may_have(hostile: Hostile) -> None:
    hostile.says([], "s")
    hostile.gate = threading.Event()
    relay = Relay(connections=1)
    first = threading.Thread(
        target=lambda: relay(hostile.iri, "SELECT * { ?s ?p ?o }", base=None, limits=Limits(seconds=10))
    )
    first.start()
    try:
        until = time.monotonic() + 5
        while not hostile.heard and time.monotonic() < until:
            time.sleep(0.005)  # the request is on its way
        with pytest.raises(QueueFullError):
            relay(hostile.iri, "SELECT * { ?s ?p ?o }", base=None, limits=Limits(seconds=0.1))
    finally:
        hostile.gate.set()
        first.join()
    assert relay(hostile.iri, "SELECT * { ?s ?p ?o }", base=None, limits=Limits(seconds=5))


# --- addresses ------------------------------------------------------------------------------------------------------


class Names:
    """A resolver that gives one answer after the other."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, int]] = []

    def __call__(self, name: str, port: int) -> list[str]:
        self.asked.append((name, port))
        return self.answers[min(len(self.asked), len(self.answers)) - 1]


def test_a_name_is_resolved_once_and_what_was_checked_is_connected_to(hostile: Hostile) -> None:
    hostile.says([], "s")
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    relay = Relay(resolve=names)
    # A name of our own loopback, which the system does not know: so the address that was given is the one taken.
    iri = f"http://far.localhost:{hostile.port}/sparql"
    assert relay(iri, "SELECT * { ?s ?p ?o }", base=None, limits=Limits(seconds=5))
    assert names.asked == [("far.localhost", hostile.port)]
    assert hostile.heard[0][1]["host"] == f"far.localhost:{hostile.port}"
    with pytest.raises(StoreUnavailableError, match="no address that may be called"):
        relay(iri, "SELECT * { ?s ?p ?o }", base=None, limits=Limits(seconds=5))
    assert len(hostile.heard) == 1


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["::1"], ["::ffff:127.0.0.1"], ["10.0.0.1", "169.254.169.254"], ["nonsense"], []],
)
def test_a_name_that_leads_inside_reaches_nobody(hostile: Hostile, addresses: list[str]) -> None:
    relay = Relay(resolve=Names(addresses))
    with pytest.raises(StoreUnavailableError, match="no address that may be called") as caught:
        relay(f"http://query.example:{hostile.port}/sparql", "ASK {}", base=None, limits=Limits(seconds=5))
    assert not hostile.heard
    assert not any(address in str(caught.value) for address in addresses)


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1", "localhost.example"])
def test_other_spellings_of_a_private_address_are_names_that_lead_inside(hostile: Hostile, host: str) -> None:
    relay = Relay(resolve=lambda _name, _port: ["127.0.0.1"])  # as the system reads them
    with pytest.raises((StoreUnavailableError, ConfigError)):
        relay(f"http://{host}:{hostile.port}/sparql", "ASK {}", base=None, limits=Limits(seconds=5))
    assert not hostile.heard


def test_a_resolver_that_hangs_ends_with_the_deadline() -> None:
    over = threading.Event()

    def hang(_name: str, _port: int) -> list[str]:
        over.wait(10)
        return []

    begun = time.monotonic()
    with pytest.raises(QueryTimeoutError):
        Relay(resolve=hang)("http://query.example/", "ASK {}", base=None, limits=Limits(seconds=0.2))
    assert time.monotonic() - begun < 2
    over.set()

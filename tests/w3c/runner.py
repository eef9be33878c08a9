"""Runs one test of the W3C suite against a service, through HTTP and nothing else."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit
from xml.etree.ElementTree import ParseError

from rdflib import Graph, URIRef
from rdflib.compare import isomorphic

from tests.w3c import results
from tests.w3c.description import faults
from tests.w3c.endpoints import Endpoints
from tests.w3c.manifests import (
    EMPTY,
    Case,
    Dataset,
    DescriptionCase,
    Exchange,
    File,
    HttpCase,
    QueryCase,
    Section,
    SyntaxCase,
    UpdateCase,
)

_FORM = "application/x-www-form-urlencoded"
_QUERY, _UPDATE = "application/sparql-query", "application/sparql-update"
_RESULTS = {".srx": results.XML, ".srj": results.JSON, ".csv": results.CSV, ".tsv": results.TSV}
_GRAPHS = {".ttl": results.TURTLE, ".rdf": results.RDF_XML, ".nt": results.N_TRIPLES}
_STATUSES = {"OK": {200}, "Created": {201}, "NoContent": {204}, "NotFound": {404}, "BadRequest": {400}}


class Unmet(AssertionError):  # noqa: N818 (what a test of the suite expects and does not get)
    """The service does not do what the suite expects."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def problem(self) -> str | None:
        """Name the problem that our service tells, or None: other services have status and text only."""
        if self.type != "application/problem+json":
            return None
        return str(json.loads(self.body)["type"]).rpartition("/")[2]

    @property
    def is_no_sparql(self) -> bool:
        """Tell whether the text was refused for what it says, and not for its size, say."""
        if self.problem == "query-refused":
            return bool(json.loads(self.body)["rule"] == "escape")
        return self.status == 400 and self.problem in (None, "query-syntax")

    @property
    def understood(self) -> bool:
        """Tell whether the text was taken for SPARQL, also where it was not run.

        It may call another address, or not fit the data.
        """
        return self.status in (200, 204) or self.problem in ("service-refused", "update-failed")

    def demand(self, met: bool, expected: str) -> None:
        if not met:
            raise Unmet(f"expected {expected}, given {self.status} {self.type}: {self.text[:300]}")


@dataclass(slots=True)
class Service:
    """A service under test: where it takes queries, updates and graphs, and who may write."""

    address: str
    query: str
    update: str
    graphs: str
    token: str | None = None
    endpoints: Endpoints | None = None
    held: Dataset | None = None  # None: nobody knows
    _line: http.client.HTTPConnection | None = field(default=None, repr=False)

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> Reply:
        """Send one request; a connection is kept for the next.

        A server may end a kept connection at any time (RFC 9112, section 9.3.1), as it does where it refused a body
        unread: the request is then sent once more, on a new connection. All that the suite sends may be sent twice.
        """
        kept = self._line is not None
        line = self._line or http.client.HTTPConnection(urlsplit(self.address).netloc, timeout=60)
        self._line = line
        sent = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            line.request(method, path, body=body, headers={**sent, **headers})
            answer = line.getresponse()
            given = {name.lower(): value for name, value in answer.getheaders()}
            return Reply(answer.status, given, answer.read())
        except (http.client.HTTPException, ConnectionError):
            line.close()
            self._line = None
            if not kept:
                raise
        return self.ask(method, path, headers, body)

    def close(self) -> None:
        if self._line is not None:
            self._line.close()

    def select(self, text: str, accept: str) -> Reply:
        return self.ask("POST", self.query, {"Content-Type": _QUERY, "Accept": accept}, text.encode())

    def change(self, text: str) -> Reply:
        self.held = None
        return self.ask("POST", self.update, {"Content-Type": _UPDATE}, text.encode())

    def moved(self, text: str) -> str:
        """Give a text with the endpoints of the suite where they are hosted."""
        return self.endpoints.moved(text) if self.endpoints else text

    def hold(self, data: Dataset) -> None:
        """Make the service hold exactly these files. One update, because each is on the disk before it is answered."""
        if self.held == data:
            return
        parts = [_n_triples(graph) for graph in map(_graph, data.default)]
        parts += [f"GRAPH <{name}> {{ {_n_triples(_graph(file))} }}" for name, file in data.named]
        reply = self.change(self.moved(f"DROP ALL; INSERT DATA {{ {' '.join(parts)} }}"))
        reply.demand(reply.status in (200, 204), "the data of the test to be loaded")
        self.held = data


def run(case: Case, service: Service) -> None:
    """Run one test. Raises Unmet with what was expected and what was given."""
    match case:
        case QueryCase():
            _query(case, service)
        case UpdateCase():
            _update(case, service)
        case SyntaxCase():
            _syntax(case, service)
        case HttpCase():
            _http(case, service)
        case DescriptionCase():
            _describe(case, service)
        case _:
            raise TypeError(f"{case} is of no kind that can be run")


def _graph(file: File) -> Graph:
    return results.read_graph(file.text(), _GRAPHS[file.path.suffix], file.iri)


def _n_triples(graph: Graph) -> str:
    """Write a graph for INSERT DATA. Its blank nodes are its own: the reader gave them names nobody else has."""
    return graph.serialize(format="nt")


def _based(file: File) -> str:
    """Give a text whose relative IRIs are resolved as the suite means it: against where the file was published."""
    text = file.text()
    return text if re.search(r"\bBASE\b", text, re.IGNORECASE) else f"BASE <{file.iri}>\n{text}"


# --- evaluation -------------------------------------------------------------------------------------------------------


def _query(case: QueryCase, service: Service) -> None:
    service.hold(case.data)
    if service.endpoints and case.section == Section.SERVICE:
        service.endpoints.hold(case.services)
    suffix = case.result.path.suffix
    media_type = _RESULTS.get(suffix) or _GRAPHS[suffix]
    expected = results.read_result(service.moved(case.result.text()), media_type, case.result.iri)
    if suffix in _GRAPHS and not isinstance(expected, Graph):
        media_type = results.JSON
    text = service.moved(_based(case.query))
    reply = service.select(text, media_type)
    reply.demand(reply.status == 200 and reply.type == media_type, f"200 {media_type}")
    try:
        given = results.read_result(reply.text, media_type, case.result.iri)
    except (ValueError, KeyError, ParseError) as error:
        raise Unmet(f"the answer is no {media_type}: {error}: {reply.text[:300]}") from error
    ordered = re.search(r"\bORDER\s+BY\b(?![^{]*\})", text, re.IGNORECASE) is not None
    if differs := results.difference(expected, given, ordered=ordered, lax=case.lax):
        raise Unmet(differs)


def _update(case: UpdateCase, service: Service) -> None:
    service.hold(case.before)
    reply = service.change(_based(case.update))
    reply.demand(reply.status in (200, 204), "the update to be made")
    reply = service.select("SELECT ?g ?s ?p ?o WHERE { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }", results.JSON)
    reply.demand(reply.status == 200, "the data after the update")
    given = results.read_result(reply.text, results.JSON, "")
    files = [(None, file) for file in case.after.default] + [(URIRef(name), file) for name, file in case.after.named]
    wanted = [(name, *triple) for name, file in files for triple in results.by_value(_graph(file))]
    if differs := results.difference(results.Solutions(("g", "s", "p", "o"), tuple(wanted)), given):
        raise Unmet(differs)


def _syntax(case: SyntaxCase, service: Service) -> None:
    text = case.text.text()
    reply = service.change(text) if case.is_update else service.select(text, "*/*")
    if case.valid:
        reply.demand(reply.understood, "the text to be taken for SPARQL")
    else:
        reply.demand(reply.is_no_sparql, "400, because the text is no SPARQL")


# --- protocols --------------------------------------------------------------------------------------------------------


def _http(case: HttpCase, service: Service) -> None:
    service.hold(case.data)
    service.held = None
    names: dict[str, str] = {}
    for number, exchange in enumerate(case.exchanges, start=1):
        try:
            _exchange(exchange, service, case.iri, names)
        except Unmet as error:
            raise Unmet(f"request {number}: {error}") from None


def _exchange(exchange: Exchange, service: Service, test: str, names: dict[str, str]) -> None:
    path = exchange.path
    for name, value in names.items():
        path = path.replace(name, quote(value, safe=""))
    reply = service.ask(exchange.method, _addressed(exchange, path, service, test), exchange.headers, exchange.body)
    reply.demand(any(_is(reply.status, status) for status in exchange.statuses), " or ".join(sorted(exchange.statuses)))
    if exchange.location is not None:
        reply.demand("location" in reply.headers, "a Location")
        names[exchange.location] = reply.headers["location"]
    if exchange.answer_type is not None:
        # The suite asks for a type; a charset of its own beside it is no other type.
        reply.demand(reply.type == exchange.answer_type.partition(";")[0].strip(), exchange.answer_type)
    if exchange.answer_body is not None:
        wanted = results.read_graph(exchange.answer_body, results.TURTLE, "")
        reply.demand(isomorphic(wanted, results.read_graph(reply.text, reply.type, "")), "the graph of the test")
    if exchange.format is not None or exchange.boolean is not None:
        _check_format(exchange, reply)


def _addressed(exchange: Exchange, path: str, service: Service, test: str) -> str:
    """Give the address at this service for a request of the suite, which knows one endpoint for all."""
    if path.startswith("/gsp"):
        return service.graphs + path.removeprefix("/gsp")
    rest = path.removeprefix("/sparql/")
    body = (exchange.body or b"").decode("latin-1")
    said = exchange.headers.get("content-type", "")
    is_query = "query=" in rest + body or said.startswith(_QUERY)
    return (service.update if "update" in test.rpartition("#")[2] and not is_query else service.query) + rest


def _is(status: int, name: str) -> bool:
    if found := re.fullmatch(r"StatusCode(\d)xx", name):
        return status // 100 == int(found[1])
    return status in _STATUSES[name]


def _check_format(exchange: Exchange, reply: Reply) -> None:
    try:
        result = results.read_result(reply.text, reply.type, "")
    except (KeyError, ValueError, ParseError) as error:
        raise Unmet(f"the answer cannot be read: {error}") from error
    kind = "boolean" if isinstance(result, bool) else "RDF" if isinstance(result, Graph) else "tabular"
    reply.demand(exchange.format in (None, kind), f"a result that is {exchange.format}")
    reply.demand(exchange.boolean is None or result == exchange.boolean, str(exchange.boolean))


def _describe(case: DescriptionCase, service: Service) -> None:
    """Run one of the three tests that the manifest gives in words."""
    service.hold(EMPTY)
    reply = service.ask("GET", service.query, {"Accept": f"{results.TURTLE}, {results.RDF_XML};q=0.5"})
    reply.demand(reply.status == 200 and reply.type in results.SYNTAXES, "RDF at the endpoint")
    described = results.read_graph(reply.text, reply.type, f"{service.address}{service.query}")
    if found := faults(described, URIRef(f"{service.address}{service.query}"), case.iri.rpartition("#")[2]):
        raise Unmet("; ".join(found))

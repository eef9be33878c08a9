"""The SPARQL 1.1 Protocol's query operation, and the service description.

A WSGI application of its own, mounted before Flask: the dispatch of a framework is 40 % of a cheap query. Reads the
request from its raw bytes, because the protocol's rules (twice-given parameters, invalid UTF-8) are about them. Each
answer is complete before its status is sent.

Source: SPARQL 1.1 Protocol, section 2.1; SPARQL 1.1 Service Description.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from rdflib import DCTERMS, RDF, VOID, BNode, Graph, Literal, URIRef
from rdflib.namespace import Namespace
from rdflib.term import Node

from kg import __version__
from kg.errors import AnswerTooLargeError, QueryTimeoutError
from kg.store import (
    EVERYTHING,
    JSON_LD,
    JSON_RESULTS,
    N_QUADS,
    N_TRIPLES,
    RDF_XML,
    TRIG,
    TURTLE,
    Form,
    Limits,
    Scope,
    Store,
    Workspace,
    guard,
)
from kg.telemetry import fingerprint
from kg.web.compression import read_body
from kg.web.negotiation import DOWNLOADS, HTML, OFFERS, Offers, content_type, negotiate
from kg.web.problems import problem
from kg.web.protocol import FORM, check_charset, declared, single, utf8
from kg.web.protocol import fields as fields_of
from kg.web.site import (
    DATA_HEADERS,
    EDITOR_HEADERS,
    KEEP,
    PAGE_BYTES,
    PAGE_ROWS,
    STARTED,
    VARY,
    Headers,
    Reply,
    Site,
    Spool,
    log,
    preflight,
)
from kg.web.terms import solutions
from kg.web.update import UPDATE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

QUERY = "application/sparql-query"

# Of every named graph, and of the default graph, in which ?graph stays unbound.
_COUNTS = """
SELECT ?graph ?triples WHERE {
  { SELECT ?graph (COUNT(*) AS ?triples) WHERE { GRAPH ?graph { ?s ?p ?o } } GROUP BY ?graph }
  UNION { SELECT (COUNT(*) AS ?triples) WHERE { ?s ?p ?o } }
}"""
_SIMPLE_ENTAILMENT = URIRef("http://www.w3.org/ns/entailment/Simple")
_ALLOWED = "GET, HEAD, POST, OPTIONS"
_LONGEST_LINK = 4_000  # characters of an address in a header: clients and proxies take 8 kB of headers in all
# Every name, those of the inferred graphs and of provenance too.
_GRAPHS = "SELECT ?graph WHERE { GRAPH ?graph { } } ORDER BY ?graph"

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
_FORMATS = Namespace("http://www.w3.org/ns/formats/")
_FORMAT_NAMES = (
    *("SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV"),
    *("Turtle", "N-Triples", "RDF_XML", "JSON-LD", "TriG", "N-Quads"),
)
_INPUT_NAMES = ("Turtle", "N-Triples", "RDF_XML", "JSON-LD")
_SERIALISERS = {
    TURTLE: "turtle",
    N_TRIPLES: "nt",
    RDF_XML: "pretty-xml",
    JSON_LD: "json-ld",
    TRIG: "turtle",  # Turtle is TriG of a default graph alone, and N-Triples are such N-Quads
    N_QUADS: "nt",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the protocol as it was read: no query asks for the service description or the editor."""

    query: str | None
    default: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    format: str | None = None


class Endpoint:
    """``/sparql``: a WSGI application."""

    def __init__(self, store: Store, site: Site, *, limits: Limits, query_bytes: int) -> None:
        self._store = store
        self._site = site
        self._limits = limits
        self._page_limits = replace(limits, bytes=min(limits.bytes, PAGE_BYTES))
        self._query_bytes = query_bytes
        self._logs_all = log.isEnabledFor(logging.DEBUG)
        release = site.release
        self._release_header: Headers = [("KG-Release", release.version)] if release else []
        # Software and content: the same question has the same bytes as long as these stand.
        self._seed = f"{__version__}\0{release.manifest.sha256}\0" if release else None
        self._description = lru_cache(maxsize=32)(self._describe)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request of the protocol."""
        started: float = environ[STARTED]
        asked: Asked | None = None
        try:
            method = environ["REQUEST_METHOD"]
            if method == "OPTIONS":
                status, headers, body = preflight(_ALLOWED)
                start_response(status, headers)
                return body
            asked = read(environ, self._query_bytes)
            if asked.query is None:
                status, headers, body = self._introduce(environ, asked)
            else:
                status, headers, body = self._answer(environ, asked, asked.query, started)
            if self._logs_all:
                self._log(environ, status, asked, started)
        except Exception as error:  # noqa: BLE001  (the border of the process: whatever it is, it becomes a problem)
            context = {"query": asked.query} if asked and asked.query else {}
            status, headers, body = self._site.refuse(error, environ, context)
        start_response(status, headers)
        return body

    def _answer(self, environ: WSGIEnvironment, asked: Asked, query: str, started: float) -> Reply:
        site = self._site
        reading = guard.check(query, base=site.base, budget=guard.allowing(self._store.services))
        # What others answer is of no state that we know, and may be another thing the next moment.
        fleeting = reading.volatile or bool(reading.calls)
        offers = OFFERS[reading.form]
        sent = _format(environ, asked, offers) or offers.default
        scope = scope_of(asked, self._site)
        headers: Headers = [VARY, *self._release_header]
        post = environ["REQUEST_METHOD"] == "POST"
        version = self._store.version
        seed = self._seed if version is None else f"{__version__}\0{version}\0"
        if fleeting:
            headers.append(("Cache-Control", "no-store"))
        elif seed is not None and not post:
            tag = _tag(seed, query, asked, sent, self._site.root(environ) if sent == HTML else "")
            if reading.form is Form.GRAPH:  # the engine gives its triples in any order (RFC 9110, section 8.8.1)
                tag = f"W/{tag}"
            headers += [("ETag", tag), ("Cache-Control", "no-cache")]
            known = environ.get("HTTP_IF_NONE_MATCH")
            if known is not None and (known.strip() == "*" or tag in known):
                return "304 Not Modified", [*headers, *DATA_HEADERS], []
        else:
            headers.append(("Cache-Control", "no-cache"))
        environ[KEEP] = not fleeting
        if sent == HTML:
            return self._page(environ, asked, reading.form, scope, headers)
        head = environ["REQUEST_METHOD"] == "HEAD"
        with ExitStack() as stack:
            answer = stack.enter_context(
                self._store.answer(query, offers.types[sent], limits=self._limits, base=site.base, scope=scope)
            )
            body = answer.body
            size = len(body) if isinstance(body, bytes) else body.stat().st_size
            headers += [
                ("Content-Type", content_type(sent)),
                ("Content-Length", str(size)),
                ("KG-Rows", str(answer.rows)),
                ("KG-Complete", "false" if answer.failed else "true"),
                ("KG-Milliseconds", str(int((time.perf_counter() - started) * 1000))),
                *DATA_HEADERS,
            ]
            for name, endpoints in (("KG-Services", answer.called), ("KG-Services-Failed", answer.failed)):
                if endpoints:
                    headers.append((name, ", ".join(f"<{iri}>" for iri in endpoints)))
            if not answer.rows and reading.form is Form.SELECT and (why := self._why_empty(environ, asked)):
                headers.append(("Link", f'<{why}>; rel="help"'))
            if head:
                return "200 OK", headers, []
            if isinstance(body, bytes):
                return "200 OK", headers, [body]
            return "200 OK", headers, Spool(body, stack.pop_all())

    def _page(self, environ: WSGIEnvironment, asked: Asked, form: Form, scope: Scope, headers: Headers) -> Reply:
        """Answer in HTML, for a reader: a table, a yes or no, or a graph in Turtle, below the editor."""
        query = asked.query or ""
        root = self._site.root(environ)
        media_type = TURTLE if form is Form.GRAPH else JSON_RESULTS
        shown: dict[str, object] = {"form": form.value}
        try:
            with self._store.answer(
                query, media_type, limits=self._page_limits, base=self._site.base, scope=scope
            ) as answer:
                shown["rows"] = answer.rows
                shown["failed"] = answer.failed
                if form is Form.GRAPH:
                    shown["text"] = answer.read().decode()
                else:
                    shown |= solutions(answer.read(), lambda iri: self._site.local(iri, root), PAGE_ROWS)
                    shown["why_empty"] = self._why_empty(environ, asked)
        except AnswerTooLargeError:
            if self._limits.bytes <= self._page_limits.bytes:
                raise
            shown["too_large"] = f"{self._page_limits.bytes:,}"
        downloads = [(name.upper(), f"{root}/sparql?{_parameters(asked, name)}") for name in DOWNLOADS[form]]
        body = self._site.page(
            "editor.html", root, title="Answer", query=query, asked=asked, answer=shown, downloads=downloads
        )
        return _html(environ, body, headers)

    def _why_empty(self, environ: WSGIEnvironment, asked: Asked) -> str | None:
        """Give the address that says why there are no rows; None for a query too long for an address."""
        address = f"{self._site.root(environ)}/why-empty?{_parameters(asked)}"
        return address if len(address) <= _LONGEST_LINK else None

    def _introduce(self, environ: WSGIEnvironment, asked: Asked) -> Reply:
        """Answer a request without a query: the editor where HTML is preferred, else the service description."""
        root = self._site.root(environ)
        headers: Headers = [VARY, ("Cache-Control", "no-cache"), *self._release_header]
        offers = OFFERS[Form.GRAPH]
        chosen = _format(environ, asked, offers) or offers.default
        if chosen == HTML:
            return _html(environ, self._site.page("editor.html", root, title="Ask", query="", asked=asked), headers)
        address = self._site.address(environ)
        body = self._description(address, offers.types[chosen], self._store.version)
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers += [("ETag", tag), *DATA_HEADERS]
        if tag in environ.get("HTTP_IF_NONE_MATCH", ""):
            return "304 Not Modified", headers, []
        headers += [("Content-Type", content_type(chosen)), ("Content-Length", str(len(body)))]
        return "200 OK", headers, [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _describe(self, address: str, media_type: str, version: str | None) -> bytes:
        """Write the service description. Source: SPARQL 1.1 Service Description, sections 3 and 4.

        Where the service is writable, updates are a service of their own: they have an endpoint of their own.
        """
        del version  # the description is kept under it
        graph = Graph()
        for prefix, namespace in (("sd", SD), ("formats", _FORMATS), ("dcterms", DCTERMS), ("void", VOID)):
            graph.bind(prefix, namespace)
        asked, dataset = URIRef(f"{address}/sparql"), BNode("dataset")
        services = {asked: SD.SPARQL11Query}
        for name in _FORMAT_NAMES:
            graph.add((asked, SD.resultFormat, _FORMATS[name]))
        if isinstance(self._store, Workspace):
            changed = URIRef(f"{address}/update")
            services[changed] = SD.SPARQL11Update
            for name in _INPUT_NAMES:
                graph.add((changed, SD.inputFormat, _FORMATS[name]))
        for service, language in services.items():
            graph.add((service, RDF.type, SD.Service))
            graph.add((service, SD.endpoint, service))
            graph.add((service, SD.supportedLanguage, language))
            graph.add((service, SD.feature, SD.EmptyGraphs))
            if language == SD.SPARQL11Query and self._store.services:
                graph.add((service, SD.feature, SD.BasicFederatedQuery))
            graph.add((service, SD.defaultEntailmentRegime, _SIMPLE_ENTAILMENT))
            graph.add((service, SD.defaultDataset, dataset))
            if self._site.release is not None:
                graph.add((service, DCTERMS.hasVersion, Literal(self._site.release.version)))
        graph.add((dataset, RDF.type, SD.Dataset))
        default, counts = BNode("default"), self._counts()
        graph.add((dataset, SD.defaultGraph, default))
        graph.add((default, RDF.type, SD.Graph))
        if None in counts:
            graph.add((default, VOID.triples, Literal(counts[None])))
        rows = self._store.rows(_GRAPHS, limits=self._limits, base=self._site.base, trusted=True)
        for number, row in enumerate(rows):
            named, content = BNode(f"graph{number}"), BNode(f"content{number}")
            graph.add((dataset, SD.namedGraph, named))
            graph.add((named, RDF.type, SD.NamedGraph))
            graph.add((named, SD.name, row["graph"]))
            graph.add((named, SD.graph, content))
            graph.add((content, RDF.type, SD.Graph))
            if counts:
                graph.add((content, VOID.triples, Literal(counts.get(row["graph"], 0))))
        return graph.serialize(format=_SERIALISERS[media_type], encoding="utf-8")

    def _counts(self) -> Mapping[Node | None, int]:
        """Count the triples of each graph; None is the default graph. Nothing when that takes too long."""
        try:
            rows = [*self._store.rows(_COUNTS, limits=self._limits, base=self._site.base, trusted=True)]
        except QueryTimeoutError:
            return {}
        return {row.get("graph"): int(str(row["triples"])) for row in rows}

    def _log(self, environ: WSGIEnvironment, status: str, asked: Asked, started: float) -> None:
        log.debug(
            "request",
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            status=int(status[:3]),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            **(fingerprint(asked.query) if asked.query else {}),
        )


def scope_of(asked: Asked, site: Site) -> Scope:
    """Give the dataset asked for. ``graph/asserted`` stands for every graph that a load or a curator wrote."""
    if not asked.default and not asked.named:
        return EVERYTHING
    default, asserted = set(asked.default), f"{site.base}graph/asserted"
    if asserted in default and site.release is not None:
        default.discard(asserted)
        words = f"{site.base}graph/words/"
        default.update(
            graph for source in site.release.manifest.sources for graph in source.graphs if not graph.startswith(words)
        )
    return Scope(default=frozenset(map(URIRef, default)), named=frozenset(map(URIRef, asked.named)))


def _tag(seed: str, query: str, asked: Asked, media_type: str, root: str) -> str:
    """Give the strong validator: the state of the data, text, dataset and format decide every byte of an answer."""
    parts = (query, media_type, root, *sorted(asked.default), "\1", *sorted(asked.named))
    digest = hashlib.sha256("\0".join((seed, *parts)).encode())
    return f'"{digest.hexdigest()[:32]}"'


def _format(environ: WSGIEnvironment, asked: Asked, offers: Offers) -> str | None:
    """Choose what to send: what ``format`` names, else what Accept prefers; None when nothing offered fits Accept."""
    if asked.format is None:
        return negotiate(environ.get("HTTP_ACCEPT"), offers.all)
    chosen = offers.named(asked.format)
    if chosen is None:
        names = list(offers.names)
        raise problem(
            "not-acceptable", f"format={asked.format} does not fit; formats are {', '.join(names)}", offered=names
        )
    return chosen


def read(environ: WSGIEnvironment, query_bytes: int) -> Asked:
    """Read one request of the protocol. Raises Problem: 400, 405, 413 or 415.

    Source: SPARQL 1.1 Protocol, sections 2.1.1 to 2.1.4. A dataset may stand in the address of a POST of either kind.
    """
    method = environ["REQUEST_METHOD"]
    if method not in ("GET", "HEAD", "POST"):
        raise problem("method-not-allowed", f"{method} is not taken here", headers=(("Allow", _ALLOWED),))
    raw = environ.get("QUERY_STRING", "")
    if len(raw) > query_bytes:
        raise problem(
            "request-too-large",
            f"the address is longer than {query_bytes:,} bytes; send the query as a POST",
            limit=query_bytes,
        )
    fields = fields_of(raw.encode("latin-1"), "address")
    if method == "POST":
        content_type, charset = declared(environ.get("CONTENT_TYPE", ""))
        if content_type == UPDATE:
            raise problem("update-refused", "an update was posted to the address for queries")
        if content_type == FORM:
            for name, value in fields_of(read_body(environ, query_bytes), "form").items():
                fields.setdefault(name, []).extend(value)
        elif content_type == QUERY:
            if "query" in fields:
                raise problem("bad-parameter", "the query stands in the address and in the body; send it once")
            fields["query"] = [utf8(read_body(environ, query_bytes), "body")]
        else:
            raise problem(
                "unsupported-media-type",
                f"a body of type {content_type or 'unknown'} is not read here; "
                f"send the query itself as {QUERY}, or query=… as {FORM}",
                accepted=[QUERY, FORM],
            )
        check_charset(charset)
        if "query" not in fields and "update" not in fields:
            raise problem("bad-parameter", "the form has no field called query", parameter="query")
    if "update" in fields:
        raise problem("update-refused", "an update was sent to the address for queries", parameter="update")
    query = single(fields, "query")
    default, named = fields.get("default-graph-uri", ()), fields.get("named-graph-uri", ())
    return Asked(
        query=query,
        default=tuple(default),
        named=tuple(named),
        # Ours, not the protocol's: clients that name a format in two ways are understood.
        format=",".join(fields.get("format", ())).lower() or None,
    )


def _html(environ: WSGIEnvironment, body: bytes, headers: Headers) -> Reply:
    sent = [*headers, ("Content-Type", f"{HTML}; charset=utf-8"), ("Content-Length", str(len(body))), *EDITOR_HEADERS]
    return "200 OK", sent, [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _parameters(asked: Asked, name: str | None = None) -> str:
    """Give the address parameters that ask the same, in another format where one is named."""
    pairs = [("query", asked.query or "")]
    pairs += [("default-graph-uri", graph) for graph in asked.default]
    pairs += [("named-graph-uri", graph) for graph in asked.named]
    return urlencode([*pairs, ("format", name)] if name else pairs)

"""The SPARQL 1.1 Protocol's query operation, and the service description.

A WSGI application of its own, mounted before Flask: the dispatch of a framework is 40 % of a cheap query. Reads the
request from its raw bytes, because the protocol's rules (twice-given parameters, invalid UTF-8) are about them. Each
answer is complete before its status is sent.

Source: SPARQL 1.1 Protocol, section 2.1; SPARQL 1.1 Service Description.
"""

from __future__ import annotations

import hashlib
import logging
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from rdflib import DCTERMS, RDF, BNode, Graph, Literal, URIRef
from rdflib.namespace import Namespace

from kg import __version__
from kg.errors import AnswerTooLargeError
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
    guard,
)
from kg.telemetry import fingerprint
from kg.web.negotiation import DOWNLOADS, HTML, OFFERS, Offers, content_type, negotiate
from kg.web.problems import problem
from kg.web.site import (
    DATA_HEADERS,
    HTML_HEADERS,
    PAGE_BYTES,
    PAGE_ROWS,
    PREFLIGHT,
    STARTED,
    Headers,
    Reply,
    Site,
    log,
)
from kg.web.terms import solutions

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

FORM = "application/x-www-form-urlencoded"
QUERY = "application/sparql-query"
UPDATE = "application/sparql-update"

_ALLOWED = "GET, HEAD, POST, OPTIONS"
# Every name, those of the inferred graphs and of provenance too.
_GRAPHS = "SELECT ?graph WHERE { GRAPH ?graph { } } ORDER BY ?graph"
_NOT_UTF8 = "the {} holds bytes that are not UTF-8"
_CHARSET = re.compile(r";?\s*charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
_FIELDS = 1000  # more parameters than any dataset has graphs worth naming in an address

_BLOCK = 256 * 1024

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")
_FORMATS = Namespace("http://www.w3.org/ns/formats/")
_FORMAT_NAMES = (
    *("SPARQL_Results_JSON", "SPARQL_Results_XML", "SPARQL_Results_CSV", "SPARQL_Results_TSV"),
    *("Turtle", "N-Triples", "RDF_XML", "JSON-LD", "TriG", "N-Quads"),
)
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
        self._asserted = f"{site.base}graph/asserted"
        self._logs_all = log.isEnabledFor(logging.DEBUG)
        release = site.release
        self._release_header: Headers = [("KG-Release", release.version)] if release else []
        # Software and content: the same question has the same bytes as long as these stand.
        self._seed = f"{__version__}\0{release.manifest.sha256}\0".encode() if release else None
        self._description = lru_cache(maxsize=32)(self._describe)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request of the protocol."""
        started: float = environ[STARTED]
        asked: Asked | None = None
        try:
            method = environ["REQUEST_METHOD"]
            if method == "OPTIONS":
                headers = [("Allow", _ALLOWED), ("Access-Control-Allow-Methods", _ALLOWED), *PREFLIGHT, *DATA_HEADERS]
                start_response("204 No Content", headers)
                return []
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
        reading = guard.check(query, base=site.base)
        offers = OFFERS[reading.form]
        sent = _format(environ, asked, offers) or offers.default
        scope = self._scope(asked)
        headers: Headers = [("Vary", "Accept"), *self._release_header]
        post = environ["REQUEST_METHOD"] == "POST"
        if reading.volatile:
            headers.append(("Cache-Control", "no-store"))
        elif self._seed is not None and not post:
            tag = self._tag(query, asked, sent, self._site.root(environ) if sent == HTML else "")
            if reading.form is Form.GRAPH:  # the engine gives its triples in any order (RFC 9110, section 8.8.1)
                tag = f"W/{tag}"
            headers += [("ETag", tag), ("Cache-Control", "no-cache")]
            known = environ.get("HTTP_IF_NONE_MATCH")
            if known is not None and (known.strip() == "*" or tag in known):
                return "304 Not Modified", [*headers, *DATA_HEADERS], []
        else:
            headers.append(("Cache-Control", "no-cache"))
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
                ("KG-Complete", "true"),
                ("KG-Milliseconds", str(int((time.perf_counter() - started) * 1000))),
                *DATA_HEADERS,
            ]
            if head:
                return "200 OK", headers, []
            if isinstance(body, bytes):
                return "200 OK", headers, [body]
            return "200 OK", headers, _Spool(body, stack.pop_all())

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
                if form is Form.GRAPH:
                    shown["text"] = answer.read().decode()
                else:
                    shown |= solutions(answer.read(), lambda iri: self._site.local(iri, root), PAGE_ROWS)
        except AnswerTooLargeError:
            if self._limits.bytes <= self._page_limits.bytes:
                raise
            shown["too_large"] = f"{self._page_limits.bytes:,}"
        downloads = [(name.upper(), f"{root}/sparql?{_parameters(asked, name)}") for name in DOWNLOADS[form]]
        body = self._site.page(
            "editor.html", root, title="Answer", query=query, asked=asked, answer=shown, downloads=downloads
        )
        return _html(environ, body, headers)

    def _introduce(self, environ: WSGIEnvironment, asked: Asked) -> Reply:
        """Answer a request without a query: the editor where HTML is preferred, else the service description."""
        root = self._site.root(environ)
        headers: Headers = [("Vary", "Accept"), ("Cache-Control", "no-cache"), *self._release_header]
        offers = OFFERS[Form.GRAPH]
        chosen = _format(environ, asked, offers) or offers.default
        if chosen == HTML:
            return _html(environ, self._site.page("editor.html", root, title="Ask", query="", asked=asked), headers)
        address = f"{self._site.address(environ)}/sparql"
        body = self._description(address, offers.types[chosen])
        tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        headers += [("ETag", tag), *DATA_HEADERS]
        if tag in environ.get("HTTP_IF_NONE_MATCH", ""):
            return "304 Not Modified", headers, []
        headers += [("Content-Type", content_type(chosen)), ("Content-Length", str(len(body)))]
        return "200 OK", headers, [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def _describe(self, address: str, media_type: str) -> bytes:
        """Write the service description. Source: SPARQL 1.1 Service Description, sections 3 and 4."""
        graph = Graph()
        for prefix, namespace in (("sd", SD), ("formats", _FORMATS), ("dcterms", DCTERMS)):
            graph.bind(prefix, namespace)
        service, dataset = URIRef(address), BNode("dataset")
        graph.add((service, RDF.type, SD.Service))
        graph.add((service, SD.endpoint, service))
        graph.add((service, SD.supportedLanguage, SD.SPARQL11Query))
        for name in _FORMAT_NAMES:
            graph.add((service, SD.resultFormat, _FORMATS[name]))
        graph.add((service, SD.defaultDataset, dataset))
        graph.add((dataset, RDF.type, SD.Dataset))
        if self._site.release is not None:
            graph.add((service, DCTERMS.hasVersion, Literal(self._site.release.version)))
        default = BNode("default")
        graph.add((dataset, SD.defaultGraph, default))
        graph.add((default, RDF.type, SD.Graph))
        rows = self._store.rows(_GRAPHS, limits=self._limits, base=self._site.base, trusted=True)
        for number, row in enumerate(rows):
            named = BNode(f"graph{number}")
            graph.add((dataset, SD.namedGraph, named))
            graph.add((named, RDF.type, SD.NamedGraph))
            graph.add((named, SD.name, row["graph"]))
        return graph.serialize(format=_SERIALISERS[media_type], encoding="utf-8")

    def _scope(self, asked: Asked) -> Scope:
        """Give the dataset asked for. ``graph/asserted`` stands for every graph that a load or a curator wrote."""
        if not asked.default and not asked.named:
            return EVERYTHING
        default = set(asked.default)
        if self._asserted in default and self._site.release is not None:
            default.discard(self._asserted)
            words = f"{self._site.base}graph/words/"
            default.update(
                graph
                for source in self._site.release.manifest.sources
                for graph in source.graphs
                if not graph.startswith(words)
            )
        return Scope(default=frozenset(map(URIRef, default)), named=frozenset(map(URIRef, asked.named)))

    def _tag(self, query: str, asked: Asked, media_type: str, root: str) -> str:
        """Give the strong validator: release, text, dataset and format decide every byte of an answer."""
        assert self._seed is not None  # noqa: S101  (the caller asks for tags only where there is a release)
        digest = hashlib.sha256(self._seed)
        parts = (query, media_type, root, *sorted(asked.default), "\1", *sorted(asked.named))
        digest.update("\0".join(parts).encode())
        return f'"{digest.hexdigest()[:32]}"'

    def _log(self, environ: WSGIEnvironment, status: str, asked: Asked, started: float) -> None:
        log.debug(
            "request",
            method=environ["REQUEST_METHOD"],
            path=environ.get("PATH_INFO", ""),
            status=int(status[:3]),
            milliseconds=round((time.perf_counter() - started) * 1000, 1),
            **(fingerprint(asked.query) if asked.query else {}),
        )


class _Spool:
    """Sends a large answer from its file, and lets the file go when the server is done or the client is."""

    def __init__(self, path: Path, held: ExitStack) -> None:
        self._held = held
        self._stream: IO[bytes] = held.enter_context(path.open("rb"))

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block = self._stream.read(_BLOCK)
        if not block:
            self.close()
            raise StopIteration
        return block

    def close(self) -> None:
        """Free the file. A second call does nothing."""
        self._held.close()


def _format(environ: WSGIEnvironment, asked: Asked, offers: Offers) -> str | None:
    """Choose what to send: what ``format`` names, else what Accept prefers; None when nothing offered fits Accept."""
    if asked.format is None:
        return negotiate(environ.get("HTTP_ACCEPT"), offers.all)
    chosen = offers.names.get(asked.format)
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
    fields = _fields(raw.encode("latin-1"), "address")
    if method == "POST":
        content_type, charset = _declared(environ)
        if content_type == UPDATE:
            raise problem("update-refused", "an update was posted to the address for queries")
        if content_type == FORM:
            for name, value in _fields(_body(environ, query_bytes), "form").items():
                fields.setdefault(name, []).extend(value)
        elif content_type == QUERY:
            if "query" in fields:
                raise problem("bad-parameter", "the query stands in the address and in the body; send it once")
            fields["query"] = [_utf8(_body(environ, query_bytes), "body")]
        else:
            raise problem(
                "unsupported-media-type",
                f"a body of type {content_type or 'unknown'} is not read here; "
                f"send the query itself as {QUERY}, or query=… as {FORM}",
                accepted=[QUERY, FORM],
            )
        if charset not in ("", "utf-8", "utf8", "us-ascii"):
            raise problem(
                "unsupported-media-type", f"charset {charset} is not read here; send UTF-8", accepted=["utf-8"]
            )
        if "query" not in fields and "update" not in fields:
            raise problem("bad-parameter", "the form has no field called query", parameter="query")
    if "update" in fields:
        raise problem("update-refused", "an update was sent to the address for queries", parameter="update")
    for name in ("query", "format"):
        if len(fields.get(name, ())) > 1:
            raise problem("bad-parameter", f"{name} is given more than once; send it once", parameter=name)
    query, format_ = fields.get("query"), fields.get("format")
    default, named = fields.get("default-graph-uri", ()), fields.get("named-graph-uri", ())
    return Asked(
        query=query[0] if query else None,
        default=tuple(default),
        named=tuple(named),
        format=format_[0].lower() if format_ and format_[0] else None,
    )


def _fields(encoded: bytes, where: str) -> dict[str, list[str]]:
    """Decode ``application/x-www-form-urlencoded``, strictly: what is not UTF-8 is refused, never replaced."""
    text = _utf8(encoded, where)
    if not text:
        return {}
    fields: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS):
            fields.setdefault(name, []).append(value)
    except UnicodeDecodeError as error:
        raise problem("bad-encoding", _NOT_UTF8.format(where)) from error
    except ValueError as error:
        raise problem("bad-request", f"the {where} holds more than {_FIELDS} parameters", limit=_FIELDS) from error
    return fields


def _utf8(data: bytes, where: str) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise problem("bad-encoding", f"{_NOT_UTF8.format(where)}, at byte {error.start}", byte=error.start) from error


def _declared(environ: WSGIEnvironment) -> tuple[str, str]:
    """Give the content type and its charset, both in lower case; empty where not said."""
    content_type, _, parameters = environ.get("CONTENT_TYPE", "").partition(";")
    charset = _CHARSET.search(parameters)
    return content_type.strip().lower(), charset[1].lower() if charset else ""


def _body(environ: WSGIEnvironment, most: int) -> bytes:
    """Read the body, its length said or its end marked by the server (chunked). Raises Problem past ``most``."""
    said = environ.get("CONTENT_LENGTH") or None
    if said is None and not environ.get("wsgi.input_terminated"):
        return b""
    if said is not None and not (said.isascii() and said.isdigit()):
        raise problem("bad-request", "Content-Length is no number")
    length = most + 1 if said is None else int(said)
    if said is not None and length > most:
        raise problem("request-too-large", f"the body has {length:,} bytes; at most {most:,} are read", limit=most)
    stream: IO[bytes] = environ["wsgi.input"]
    blocks = []
    while length > 0 and (block := stream.read(length)):
        blocks.append(block)
        length -= len(block)
    if said is None and length == 0:
        raise problem("request-too-large", f"the body has more than the {most:,} bytes that are read", limit=most)
    if said is not None and length > 0:
        raise problem("bad-request", "the body is shorter than its Content-Length")
    return b"".join(blocks)


def _html(environ: WSGIEnvironment, body: bytes, headers: Headers) -> Reply:
    sent = [*headers, ("Content-Type", f"{HTML}; charset=utf-8"), ("Content-Length", str(len(body))), *HTML_HEADERS]
    return "200 OK", sent, [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


def _parameters(asked: Asked, name: str) -> str:
    """Give the address parameters that ask the same in another format."""
    pairs = [("query", asked.query or "")]
    pairs += [("default-graph-uri", graph) for graph in asked.default]
    pairs += [("named-graph-uri", graph) for graph in asked.named]
    return urlencode([*pairs, ("format", name)])

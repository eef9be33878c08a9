"""The SPARQL 1.1 Graph Store Protocol: one graph, read and written whole.

A graph is named in either way of the protocol: ``/graphs?graph=IRI`` and ``/graphs?default``, or directly, where the
address ``/graphs/a/b`` names the graph ``{base}graphs/a/b``; the whole address, given as ``?graph=``, names it as well.
On a service that cannot be written to, graphs are read only. RDF that is sent is parsed in a process that may fall.

Source: SPARQL 1.1 Graph Store HTTP Protocol, sections 4 and 5.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from rdflib import URIRef
from werkzeug.sansio.multipart import Data, Epilogue, Field, File, MultipartDecoder, NeedData

from kg import __version__
from kg.errors import GraphAbsentError
from kg.store import (
    JSON_LD,
    JSON_RESULTS,
    N_TRIPLES,
    RDF_XML,
    TURTLE,
    Condition,
    Form,
    Limits,
    Store,
    Workspace,
    guard,
)
from kg.web.compression import read_body
from kg.web.negotiation import OFFERS, content_type, negotiate
from kg.web.problems import problem
from kg.web.protocol import address_fields, check_charset, declared, single
from kg.web.site import DATA_HEADERS, KEEP, Headers, Reply, Site, Spool, preflight
from kg.web.tokens import Right, Tokens
from kg.web.update import written

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PATH = "/graphs"

_READS = "GET, HEAD, OPTIONS"
_WRITES = "GET, HEAD, PUT, POST, DELETE, OPTIONS"
_MULTIPART = "multipart/form-data"
_PARTS = 100
_BOUNDARY = re.compile(r"boundary=(?:\"([^\"]+)\"|([^\s;]+))", re.IGNORECASE)
# What a graph may be sent in, by every name in use.
_TYPES = {
    TURTLE: TURTLE,
    "application/x-turtle": TURTLE,
    "application/turtle": TURTLE,
    N_TRIPLES: N_TRIPLES,
    "text/plain": N_TRIPLES,
    RDF_XML: RDF_XML,
    "application/xml": RDF_XML,
    "text/xml": RDF_XML,
    JSON_LD: JSON_LD,
    "application/json": JSON_LD,
}
_SUFFIXES = {"ttl": TURTLE, "nt": N_TRIPLES, "rdf": RDF_XML, "owl": RDF_XML, "xml": RDF_XML, "jsonld": JSON_LD}
ACCEPTED = (TURTLE, N_TRIPLES, RDF_XML, JSON_LD)


class GraphStore:
    """``/graphs`` and everything below it: a WSGI application."""

    def __init__(
        self,
        store: Store,
        site: Site,
        tokens: Tokens,
        *,
        limits: Limits,
        write_limits: Limits,
        body_bytes: int,
    ) -> None:
        self._store = store
        self._workspace = store if isinstance(store, Workspace) else None
        self._site = site
        self._tokens = tokens
        self._limits = limits
        self._write_limits = write_limits
        self._body_bytes = body_bytes
        self._allowed = _READS if self._workspace is None else _WRITES
        self._release = site.release.manifest.sha256 if site.release else None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request of the protocol."""
        try:
            status, headers, body = self._answer(environ)
        except Exception as error:  # noqa: BLE001  (the border of the process: whatever it is, it becomes a problem)
            status, headers, body = self._site.refuse(error, environ)
        start_response(status, headers)
        return body

    def _answer(self, environ: WSGIEnvironment) -> Reply:
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return preflight(self._allowed)
        if method not in self._allowed:
            said = "this service is read-only" if method in _WRITES else f"{method} is not taken here"
            raise problem("method-not-allowed", said, headers=(("Allow", self._allowed),))
        if method in ("GET", "HEAD"):
            return self._read(environ, self._named(environ))
        self._tokens.demand(environ, Right.WRITE)
        return self._write(environ, method)

    # --- names ---

    def _named(self, environ: WSGIEnvironment) -> URIRef | None:
        """Give the graph that a request is about; None is the default graph. Raises Problem (400) without any."""
        found = address_fields(environ)
        below = _below(environ)
        graph, default = single(found, "graph"), "default" in found
        if below:
            if graph is not None or default:
                raise problem("bad-parameter", "the address names one graph and its parameters another; name it once")
            return self._graph(f"{self._site.base}graphs/{below}")
        if graph is None and not default:
            raise problem(
                "bad-parameter",
                "no graph is named; say ?graph= and its IRI, or ?default, or name it below this address",
                parameter="graph",
            )
        if graph is not None and default:
            raise problem("bad-parameter", "graph and default name two graphs; name one", parameter="graph")
        if graph is None:
            return None
        here = f"{self._site.address(environ)}{PATH}/"
        if graph.startswith(here):  # the address of a graph is a name of it
            graph = f"{self._site.base}graphs/{unquote(graph.removeprefix(here))}"
        return self._graph(graph)

    @staticmethod
    def _graph(iri: str) -> URIRef:
        if not guard.is_iri(iri):
            raise problem("bad-parameter", f"{iri[:200]!r} is no absolute IRI, so no graph", parameter="graph")
        return URIRef(iri)

    # --- reading ---

    def _read(self, environ: WSGIEnvironment, graph: URIRef | None) -> Reply:
        offers = OFFERS[Form.GRAPH]
        wanted = single(address_fields(environ), "format")
        sent = offers.named(wanted) if wanted else None
        if wanted and sent not in offers.types:
            names = [name for name, to in offers.names.items() if to in offers.types]
            raise problem("not-acceptable", f"format={wanted} is none; formats are {', '.join(names)}", offered=names)
        sent = sent or negotiate(environ.get("HTTP_ACCEPT"), tuple(offers.types)) or offers.default
        headers: Headers = [("Vary", "Accept"), ("Cache-Control", "no-cache")]
        if self._site.release is not None:
            headers.append(("KG-Release", self._site.release.version))
        state = self._store.version or self._release
        tag = None
        if state is not None:
            seed = "\0".join((__version__, state, PATH, graph or "", sent))
            tag = f'"{hashlib.sha256(seed.encode()).hexdigest()[:32]}"'
            # The engine gives triples in any order.
            headers.append(("ETag", f"W/{tag}"))
        pattern = "?s ?p ?o" if graph is None else f"GRAPH <{graph}> {{ ?s ?p ?o }}"
        with ExitStack() as stack:
            answer = stack.enter_context(
                self._store.answer(
                    f"CONSTRUCT {{ ?s ?p ?o }} WHERE {{ {pattern} }}",
                    offers.types[sent],
                    limits=self._limits,
                    trusted=True,
                )
            )
            if graph is not None and not answer.rows and not self._holds(graph):
                raise GraphAbsentError(graph)
            known = environ.get("HTTP_IF_NONE_MATCH")
            if tag is not None and known is not None and (known.strip() == "*" or tag in known):
                return "304 Not Modified", [*headers, *DATA_HEADERS], []
            environ[KEEP] = True
            body = answer.body
            size = len(body) if isinstance(body, bytes) else body.stat().st_size
            headers += [
                ("Content-Type", content_type(sent)),
                ("Content-Length", str(size)),
                ("KG-Rows", str(answer.rows)),
                ("KG-Complete", "true"),
                *DATA_HEADERS,
            ]
            if environ["REQUEST_METHOD"] == "HEAD":
                return "200 OK", headers, []
            if isinstance(body, bytes):
                return "200 OK", headers, [body]
            return "200 OK", headers, Spool(body, stack.pop_all())

    def _holds(self, graph: URIRef) -> bool:
        """Tell whether there is a graph of this name, if only an empty one."""
        query = f"ASK {{ GRAPH <{graph}> {{ }} }}"
        with self._store.answer(query, JSON_RESULTS, limits=self._limits, trusted=True) as answer:
            return b"true" in answer.read()

    # --- writing ---

    def _write(self, environ: WSGIEnvironment, method: str) -> Reply:
        assert self._workspace is not None  # noqa: S101  (only a workspace allows these methods)
        condition = _condition(environ)
        limits = self._write_limits
        headers: Headers = []
        if method == "POST" and not _below(environ) and not address_fields(environ).keys() & {"graph", "default"}:
            name = secrets.token_hex(16)
            graph: URIRef | None = URIRef(f"{self._site.base}graphs/{name}")
            condition = "absent"
            headers = [
                ("Location", f"{self._site.address(environ)}{PATH}/{name}"),
                ("Link", f'<{graph}>; rel="canonical"'),
            ]
        else:
            graph = self._named(environ)
        if method == "DELETE":
            removed = self._workspace.delete(graph, limits=limits, condition=condition)
            return "204 No Content", written(removed.version), []
        triples = [*self._documents(environ, self._workspace, graph or URIRef(self._site.base))]
        change = self._workspace.put if method == "PUT" else self._workspace.post
        commit = change(graph, triples, limits=limits, condition=condition)
        if commit.created and not headers and graph is not None and _below(environ):
            headers = [("Location", f"{self._site.address(environ)}{quote(PATH + '/' + _below(environ))}")]
        headers += written(commit.version)
        if commit.created:
            return "201 Created", [*headers, ("Content-Length", "0")], []
        return "204 No Content", headers, []

    def _documents(self, environ: WSGIEnvironment, workspace: Workspace, base: URIRef) -> Iterator[bytes]:
        """Read what was sent, each document in its own type, as N-Triples."""
        said = environ.get("CONTENT_TYPE", "")
        media_type, _ = declared(said)
        if media_type != _MULTIPART:
            syntax = _syntax(said)
            parts: Iterable[tuple[str, bytes]] = [(syntax, read_body(environ, self._body_bytes))]
        else:
            boundary = _BOUNDARY.search(said)
            if boundary is None:
                raise problem("bad-request", "the Content-Type names no boundary between the parts")
            parts = list(_parts(read_body(environ, self._body_bytes), (boundary[1] or boundary[2]).encode()))
        for syntax, document in parts:
            yield workspace.parse(document, syntax, base=base, limits=self._write_limits)


def _below(environ: WSGIEnvironment) -> str:
    """Give what stands in the address behind ``/graphs/``."""
    path = str(environ.get("PATH_INFO", ""))[len(PATH) + 1 :]
    try:
        return path.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise problem("bad-encoding", "the address holds bytes that are not UTF-8") from error


def _condition(environ: WSGIEnvironment) -> Condition:
    """Read the preconditions of a write. Source: RFC 9110, section 13.1.

    Graphs have weak validators, which If-Match never takes for equal: any tag in it is one that does not fit.
    """
    match, none_match = environ.get("HTTP_IF_MATCH"), environ.get("HTTP_IF_NONE_MATCH")
    if match is not None and match.strip() != "*":
        raise problem("precondition-failed", "graphs have weak tags, which never fit If-Match; only * can")
    if none_match is not None and none_match.strip() != "*":
        raise problem("bad-request", "a write takes If-None-Match: * only, for a graph that is to be new")
    if match is not None and none_match is not None:
        raise problem("precondition-failed", "no graph is there and absent at once")
    return "exists" if match is not None else "absent" if none_match is not None else None


def _syntax(said: str, name: str = "") -> str:
    """Choose the syntax of a document by its content type, or where that says nothing by the suffix of its name."""
    media_type, charset = declared(said)
    if media_type in ("", "application/octet-stream"):
        found = _SUFFIXES.get(name.rpartition(".")[2].lower())
    else:
        found = _TYPES.get(media_type)
    if found is None:
        raise problem(
            "unsupported-media-type",
            f"a graph of type {media_type or 'unknown'} is not read here; it can be sent as {', '.join(ACCEPTED)}",
            accepted=[*ACCEPTED, _MULTIPART],
        )
    check_charset(charset)
    return found


def _parts(body: bytes, boundary: bytes) -> Iterator[tuple[str, bytes]]:
    """Take a multipart body apart. Raises Problem (400, 415) on one that is broken or holds no RDF."""
    decoder = MultipartDecoder(boundary, max_form_memory_size=None, max_parts=_PARTS)
    try:
        decoder.receive_data(body)
        decoder.receive_data(None)
        syntax, blocks = "", list[bytes]()
        while not isinstance(event := decoder.next_event(), Epilogue | NeedData):
            if isinstance(event, Field | File):
                name = event.filename if isinstance(event, File) else event.name
                syntax, blocks = _syntax(event.headers.get("Content-Type", ""), name or ""), []
            elif isinstance(event, Data):
                blocks.append(event.data)
                if not event.more_data:
                    yield syntax, b"".join(blocks)
    except ValueError as error:
        raise problem("bad-request", f"the parts of the body cannot be told apart: {error}") from error

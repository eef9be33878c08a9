"""A SPARQL 1.1 endpoint over HTTP as a store: somebody else's engine, our promises.

The answer is held back until it is complete and checked, so that what fails on the way is an error and never half an
answer. One connection for each query: at its deadline the connection is cut, wherever the exchange then stands. No
redirect is followed and no proxy is taken from the environment. Knows no engine's dialect.

Source: SPARQL 1.1 Protocol, section 2.1.3 (query by URL-encoded POST).
"""

from __future__ import annotations

import csv
import io
import json
import re
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any
from xml.parsers import expat

import httpx
import pyoxigraph
from rdflib.term import Node

from kg.errors import (
    AnswerTooLargeError,
    ConfigError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    StoreError,
    StoreUnavailableError,
)
from kg.store import (
    CSV_RESULTS,
    EVERYTHING,
    GRAPH_TYPES,
    JSON_LD,
    JSON_RESULTS,
    N_QUADS,
    N_TRIPLES,
    RDF_XML,
    RESULT_TYPES,
    TRIG,
    TSV_RESULTS,
    TURTLE,
    XML_RESULTS,
    Answer,
    Form,
    Limits,
    Scope,
    Store,
    guard,
    results,
)
from kg.store.federation import Federation, answered

DEFAULT_LIMITS = Limits()

# Two names that endpoints give to what we ask for; the content is checked whatever it is called.
_ALSO = {JSON_RESULTS: ("application/json",), XML_RESULTS: ("application/xml", "text/xml")}
_SYNTAX = {
    TURTLE: pyoxigraph.RdfFormat.TURTLE,
    N_TRIPLES: pyoxigraph.RdfFormat.N_TRIPLES,
    RDF_XML: pyoxigraph.RdfFormat.RDF_XML,
    JSON_LD: pyoxigraph.RdfFormat.JSON_LD,
    TRIG: pyoxigraph.RdfFormat.TRIG,
    N_QUADS: pyoxigraph.RdfFormat.N_QUADS,
}
# The protocol has no way to ask for a dataset without any graph; a graph that nobody writes is as empty.
_NO_GRAPH = "urn:x-kg:no-graph"
# A query that begins with an absolute BASE of its own needs none of ours.
_OWN_BASE = re.compile(r"(?:\s|#[^\r\n]*[\r\n])*BASE\s*<[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_PLACE = re.compile(r"\bline:?\s*(\d+),?\s+col(?:umn)?:?\s*(\d+)|\bat (\d+):(\d+)\b", re.IGNORECASE)
_JSON_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*+"|([\[{])|([\]}])', re.DOTALL)
_TERM_BRACKET = re.compile(rb"(<<\()|(\)>>)")
_DEPTH = 500
_BLOCK = 1 << 16
_ERROR_BYTES = 4_096
_MESSAGE = 300


class RemoteStore(Store):
    """Reads one SPARQL 1.1 endpoint. Safe to share between threads.

    ``base`` resolves relative IRIs where a query is asked without one. ``client`` brings credentials or certificates;
    it is closed with the store. Rows are counted in the answer itself, whole and in its own format: JSON and RDF are
    parsed, XML and CSV streamed, TSV has one a line; RDF counts triples as they are written. That costs about as much
    as reading the answer once more, and finds answers that were cut. ``Limits.memory`` is the endpoint's own affair,
    and so is an extension function it does not know.
    """

    def __init__(
        self,
        url: str,
        *,
        base: str | None = None,
        client: httpx.Client | None = None,
        federation: Federation | None = None,
    ) -> None:
        try:
            address = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise ConfigError(f"{url!r} is no address: {error}") from error
        if address.scheme not in ("http", "https") or not address.host:
            raise ConfigError(f"the address of a SPARQL endpoint begins with http:// or https://; {url!r} does not")
        self._url = address
        self._name = str(address.copy_with(userinfo=b"", query=None, fragment=None))
        self._base = base
        self._client = client or httpx.Client(trust_env=False)
        self._federation = federation
        self.services = federation.services if federation else frozenset()

    @contextmanager
    def answer(
        self,
        query: str,
        media_type: str,
        *,
        limits: Limits = DEFAULT_LIMITS,
        base: str | None = None,
        scope: Scope = EVERYTHING,
        trusted: bool = False,
    ) -> Iterator[Answer]:
        """Run ``query``; see ``Store.answer``. Holds the answer in memory."""
        yield self._answer(query, media_type, limits=limits, base=base, scope=scope, trusted=trusted)

    def rows(
        self,
        query: str,
        *,
        limits: Limits = DEFAULT_LIMITS,
        base: str | None = None,
        scope: Scope = EVERYTHING,
        trusted: bool = False,
    ) -> Iterator[Mapping[str, Node]]:
        """Run a SELECT; see ``Store.rows``."""
        answer = self._answer(query, JSON_RESULTS, limits=limits, base=base, scope=scope, trusted=trusted)
        return results.solutions(answer.body)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _answer(
        self, query: str, media_type: str, *, limits: Limits, base: str | None, scope: Scope, trusted: bool
    ) -> Answer:
        base = base or self._base
        reading = (
            guard.read(query, base=base)
            if trusted
            else guard.check(query, base=base, budget=guard.allowing(self.services))
        )
        if media_type not in (GRAPH_TYPES if reading.form is Form.GRAPH else RESULT_TYPES):
            raise ValueError(f"{media_type} does not fit an answer to {reading.form.upper()}")
        if self._client.is_closed:
            raise StoreUnavailableError("the store is closed")

        def ask(text: str, media_type: str, limits: Limits) -> Answer:
            form = reading.form if text is query else guard.read(text, base=base).form
            return self._sent(text, form, media_type, limits=limits, base=base, scope=scope)

        return answered(
            replace(reading, concats=()),  # what the embedded engine gets wrong is its own affair
            query,
            ask,
            media_type=media_type,
            federation=self._federation,
            base=base,
            limits=limits,
            embedded=False,
        )

    def _sent(
        self, query: str, form: Form, media_type: str, *, limits: Limits, base: str | None, scope: Scope
    ) -> Answer:
        shifted = base is not None and not _OWN_BASE.match(query)  # Virtuoso refuses a second BASE
        fields = {"query": f"BASE <{_iri(base or '')}>\n{query}" if shifted else query, **_dataset(scope)}
        request = self._client.build_request(
            "POST",
            self._url,
            data=fields,
            headers={
                "Accept": media_type,
                "Accept-Encoding": "identity",  # the cap counts what arrives
                "Connection": "close",  # see _Deadline
            },
            timeout=limits.seconds,
        )
        with _Deadline(limits.seconds) as deadline:
            request.extensions = {**request.extensions, "trace": deadline.watch}
            try:
                body = self._exchange(request, media_type, limits, shifted=shifted)
            except (httpx.HTTPError, httpx.StreamError, OSError) as error:
                if deadline.passed or isinstance(error, httpx.TimeoutException):
                    raise QueryTimeoutError(limits.seconds) from error
                why = _line(str(error)) or type(error).__name__
                raise StoreUnavailableError(f"{self._name} gave no answer, or broke it off: {why}") from error
            if deadline.passed:  # a body that ends with its connection would look whole
                raise QueryTimeoutError(limits.seconds)
        try:
            return Answer(media_type, body, _COUNTS[media_type](body) if form is not Form.ASK else _one(body))
        except (ValueError, KeyError, TypeError, SyntaxError, RecursionError, expat.ExpatError, csv.Error) as error:
            raise StoreUnavailableError(
                f"{self._name} gave an answer that is no whole {media_type} ({_line(str(error))}); ask again"
            ) from error

    def _exchange(self, request: httpx.Request, media_type: str, limits: Limits, *, shifted: bool) -> bytes:
        response = self._client.send(request, stream=True, follow_redirects=False)
        try:
            if response.status_code != httpx.codes.OK:
                raise self._refusal(response, limits, shifted=shifted)
            given = response.headers.get("Content-Type", "none")
            if given.split(";")[0].strip().lower() not in (media_type, *_ALSO.get(media_type, ())):
                raise StoreUnavailableError(
                    f"{self._name} was asked for {media_type} and answers with content type {_line(given)}; "
                    "is it a SPARQL endpoint?"
                )
            if (encoding := response.headers.get("Content-Encoding", "identity").lower()) != "identity":
                raise StoreUnavailableError(
                    f"{self._name} answers in encoding {_line(encoding)}, which was not asked for"
                )
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > limits.bytes:
                    raise AnswerTooLargeError(limits.bytes)
            return bytes(body)
        finally:
            response.close()

    def _refusal(self, response: httpx.Response, limits: Limits, *, shifted: bool) -> StoreError:
        """Turn an answer other than 200 into our error. ``shifted`` says that a BASE line was put before the query."""
        status = response.status_code
        if response.is_redirect:
            target = _line(response.headers.get("Location", "")) or "nowhere"
            return StoreUnavailableError(
                f"{self._name} redirects to {target}; redirects are not followed, so give the final address"
            )
        body = bytearray()
        with suppress(httpx.HTTPError, OSError):  # the status is known, and tells more than that its text broke off
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > _ERROR_BYTES:
                    break
        said = _line(body[:_ERROR_BYTES].decode(errors="replace"))
        if status == httpx.codes.BAD_REQUEST:
            place = _PLACE.search(said)
            if place is None:
                return QuerySyntaxError(said or f"{self._name} refuses the query")
            row = 1 if place[1] else 3
            line = int(place[row]) - shifted
            said = f"{said[: place.start(row)]}{line}{said[place.end(row) :]}"
            return QuerySyntaxError(said, line=line, column=int(place[row + 1]))
        if status in (httpx.codes.REQUEST_TIMEOUT, httpx.codes.GATEWAY_TIMEOUT):
            return QueryTimeoutError(limits.seconds)
        if status == httpx.codes.REQUEST_ENTITY_TOO_LARGE:
            return QueryRefusedError(f"{self._name} takes no query of this length; ask for less at once", rule="bytes")
        return StoreUnavailableError(f"{self._name} answers {status} {said or response.reason_phrase}".rstrip())


class _Deadline:
    """Cuts the connection of one exchange when its time is over.

    The client's own timeouts hold for one read each, so a server that sends a byte now and then would pass them. The
    connection is known from the events of a new one, which is why none is kept.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of the socket. Called by the client on each event."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            with self._lock:
                self._socket = info["return_value"].get_extra_info("socket")
            if self.passed:
                self._cut()

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            if self._socket is not None:
                try:
                    # The plain method: that of a TLS socket would take away its state under the reader's feet.
                    socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
                except OSError:
                    self._socket = None  # it ended by itself


def _iri(base: str) -> str:
    if re.search(r"[\x00-\x20<>\"{}|^`\\]", base):
        raise ValueError(f"the base {base!r} is no IRI")
    return base


def _dataset(scope: Scope) -> dict[str, list[str]]:
    """Give the parameters of a dataset; either makes it exactly these graphs (SPARQL 1.1 Protocol, section 2.1.4)."""
    if scope == EVERYTHING:
        return {}
    if not scope.default and not scope.named:
        return {"default-graph-uri": [_NO_GRAPH]}
    return {"default-graph-uri": sorted(scope.default or ()), "named-graph-uri": sorted(scope.named or ())}


def _line(text: str) -> str:
    """Give the first line that says something, trimmed, without control characters."""
    line = next((line for line in text.splitlines() if line.strip()), "")
    line = "".join(sign if sign.isprintable() else " " for sign in line).strip()
    return line if len(line) <= _MESSAGE else f"{line[: _MESSAGE - 1]}…"


# --- rows of an answer ----------------------------------------------------------------------------------------------


def _count_json(body: bytes) -> int:
    return len(json.loads(body)["results"]["bindings"])


def _elements(body: bytes) -> Iterator[str]:
    """Give the name of each element, in no more depth than the engine bears.

    A document type is refused: entities defined there can grow without end.
    """
    names: list[str] = []
    depth = 0

    def start(name: str, _: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:
            raise ValueError(f"it nests more than {_DEPTH} deep")
        names.append(name)

    def end(_: str) -> None:
        nonlocal depth
        depth -= 1

    def doctype(*_: object) -> None:
        raise ValueError("it has a document type, which no answer needs")

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = doctype
    for begin in range(0, len(body), _BLOCK):
        parser.Parse(body[begin : begin + _BLOCK], False)
        yield from names
        names.clear()
    parser.Parse(b"", True)


def _count_xml(body: bytes) -> int:
    return sum(name.rpartition(" ")[2] == "result" for name in _elements(body))


def _count_csv(body: bytes) -> int:
    """Count the records after the header; a record of one empty cell is an empty line, and counts."""
    return sum(1 for _ in csv.reader(io.StringIO(body.decode(), newline=""), strict=True)) - _header(body)


def _count_tsv(body: bytes) -> int:
    body.decode()
    return body.count(b"\n") + (not body.endswith(b"\n")) - _header(body)


def _header(body: bytes) -> int:
    if not body:
        raise ValueError("it has no header")
    return 1


def _check_depth(body: bytes, media_type: str) -> None:
    """Refuse what nests deeper than the engine's parsers bear: they recurse, and end the process.

    Measured with pyoxigraph 0.5.13: JSON-LD at 5,000, triple terms and RDF/XML at 50,000.
    """
    if media_type == RDF_XML:
        deque(_elements(body), maxlen=0)
        return
    if media_type != JSON_LD and b"<<(" not in body:
        return
    depth = 0
    for found in (_JSON_BRACKET if media_type == JSON_LD else _TERM_BRACKET).finditer(body):
        if found.lastindex is not None:
            depth += 1 if found.lastindex == 1 else -1
            if depth > _DEPTH:
                raise ValueError(f"it nests more than {_DEPTH} deep")


def _graph_count(media_type: str) -> Callable[[bytes], int]:
    def count(body: bytes) -> int:
        _check_depth(body, media_type)
        # The base serves endpoints that write relative IRIs; only the number of triples is kept.
        return sum(1 for _ in pyoxigraph.parse(body, _SYNTAX[media_type], base_iri="http://base.invalid/"))

    return count


def _one(body: bytes) -> int:
    """Check that there is an answer to ASK in it, in whatever format; it is one row."""
    if not re.search(rb"true|false", body, re.IGNORECASE):
        raise ValueError("it says neither true nor false")
    return 1


_COUNTS: Mapping[str, Callable[[bytes], int]] = {
    JSON_RESULTS: _count_json,
    XML_RESULTS: _count_xml,
    CSV_RESULTS: _count_csv,
    TSV_RESULTS: _count_tsv,
    **{media_type: _graph_count(media_type) for media_type in GRAPH_TYPES},
}

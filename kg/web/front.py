"""What every request passes first: kept answers, one evaluation for equal questions, fair turns, content codings.

A WSGI application around the service's own::

    request ─ kept? ──yes──> 200 or 304, in some 10 microseconds
                 │ no
               seat (429, 503) ─ body, undone ─ kept? ─ equal one on its way? ──yes──> wait for its answer
                                                                   │ no
                                                                 turn ─ the service ─ coding ─ keep ─ send

The service says which answers may be kept (``KEEP`` in the environment): those that the release, the request's address,
body, ``Accept`` and ``Host`` decide to the last byte. Answers are whole before their first byte leaves.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import TYPE_CHECKING, TypeAlias

from kg import telemetry
from kg.web.admission import Admission, Bounds, Seat, client_of
from kg.web.cache import AnswerCache, Flight, Kept, Key
from kg.web.compression import CODINGS, SMALLEST, choose_coding, compress, compressible, read_body
from kg.web.site import KEEP, KEPT, REQUEST, STARTED, Headers, Reply

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    _Given: TypeAlias = tuple[str, Headers, bytes | "_Rest"]

_JOINED = 8_000_000  # bytes of a streamed body that is taken into memory whole
_CODED = 64_000_000  # bytes of a streamed body of known length that is coded in memory; a larger one goes as it is
_SAFE = ("GET", "HEAD")
# Headers that say something of a body. A 304 has none of them.
_OF_THE_BODY = frozenset(
    {"content-type", "content-length", "content-encoding", "kg-rows", "kg-complete", "kg-milliseconds"}
)
# Errors that come of the question: who asks the same at the same time gets the same. Want of room is each client's own.
_SHARED = ("400", "403", "404", "406", "504")


class Front:
    """The WSGI application around the service.

    ``refuse`` turns an error into a reply, ``version`` names the state of the data. With ``cache_bytes`` of zero
    nothing is kept. ``patience`` bounds the seconds a request waits for its turn, ``body_bytes`` the body of a
    question. ``proxies`` are the addresses whose X-Forwarded-For is believed, ``questions`` the paths whose POST is as
    safe as a GET. What begins with one of ``seatless`` needs no seat: it asks no worker, or an operator needs it when
    everything is full.
    """

    def __init__(
        self,
        service: WSGIApplication,
        *,
        refuse: Callable[[Exception, WSGIEnvironment], Reply],
        version: Callable[[], Hashable],
        bounds: Bounds,
        patience: float,
        cache_bytes: int,
        body_bytes: int,
        proxies: Iterable[str] = (),
        questions: Iterable[str] = ("/sparql",),
        seatless: tuple[str, ...] = ("/static/", "/-/"),
    ) -> None:
        self._service = service
        self._refuse = refuse
        self._patience = patience
        self._body_bytes = body_bytes
        self._proxies = frozenset(proxies)
        self._questions = frozenset(questions)
        self._seatless = seatless
        self.cache = AnswerCache(cache_bytes, version)
        self.admission = Admission(bounds)
        self._flights: dict[Key, Flight[Kept]] = {}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        version = self.cache.version()
        key: Key | None = None
        if environ["REQUEST_METHOD"] in _SAFE:
            key = _key(environ, "", "")
            kept = self.cache.get(key)
            if kept is not None:
                environ[KEPT] = True
                return _send(kept, environ, start_response)
        environ[STARTED] = time.perf_counter()
        telemetry.bind(request=environ.get(REQUEST))
        try:
            return self._miss(environ, start_response, key, version)
        except Exception as error:  # noqa: BLE001  (the border of the process: whatever it is, it becomes a problem)
            status, headers, body = self._refuse(error, environ)
            start_response(status, headers)
            return body

    def _miss(
        self, environ: WSGIEnvironment, start_response: StartResponse, key: Key | None, version: Hashable
    ) -> Iterable[bytes]:
        path: str = environ.get("PATH_INFO", "")
        if environ["REQUEST_METHOD"] == "OPTIONS" or path.startswith(self._seatless):
            return self._answer(environ, start_response, key, version, None)
        forwarded = environ.get("HTTP_X_FORWARDED_FOR")
        with self.admission.seat(client_of(environ.get("REMOTE_ADDR", ""), forwarded, self._proxies)) as seat:
            if path in self._questions and environ["REQUEST_METHOD"] == "POST":
                body = read_body(environ, self._body_bytes)
                environ["wsgi.input"], environ["CONTENT_LENGTH"] = io.BytesIO(body), str(len(body))
                environ.pop("HTTP_CONTENT_ENCODING", None)
                key = _key(environ, f"POST {environ.get('CONTENT_TYPE', '')}", body.decode("latin-1"))
                kept = self.cache.get(key)
                if kept is not None:
                    environ[KEPT] = True
                    return _send(kept, environ, start_response)
            return self._answer(environ, start_response, key, version, seat)

    def _answer(
        self,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        key: Key | None,
        version: Hashable,
        seat: Seat | None,
    ) -> Iterable[bytes]:
        """Have the service answer, or take the answer that an equal request is about to get."""
        if key is None or "HTTP_IF_NONE_MATCH" in environ:  # not for sharing: it may become a 304
            return self._pass(environ, start_response, self._ask(environ, key, version, seat))
        # The version is part of it: an answer that was begun before a write is none to a question asked after it.
        flight: Flight[Kept] = Flight()
        first = self._flights.setdefault((*key, str(version)), flight)
        if first is not flight:
            kept = first.wait(2 * self._patience + 1)
            if kept is not None:
                return _send(kept, environ, start_response)
            return self._pass(environ, start_response, self._ask(environ, key, version, seat))
        kept = None
        try:
            given = self.cache.get(key) or self._ask(environ, key, version, seat)
            kept = given if isinstance(given, Kept) else _shared(given)
        finally:
            del self._flights[*key, str(version)]
            flight.land(kept)
        return self._pass(environ, start_response, given)

    def _pass(self, environ: WSGIEnvironment, start_response: StartResponse, given: Kept | _Given) -> Iterable[bytes]:
        """Send what the service gave."""
        if isinstance(given, Kept):
            return _send(given, environ, start_response)
        status, headers, body = given
        start_response(status, headers)
        if environ["REQUEST_METHOD"] != "HEAD":
            return [body] if isinstance(body, bytes) else body
        if not isinstance(body, bytes):
            body.close()
        return []

    def _ask(self, environ: WSGIEnvironment, key: Key | None, version: Hashable, seat: Seat | None) -> Kept | _Given:
        """Ask the service for the whole answer, in turn where it may ask the workers, and code it as wanted."""
        known = environ.get("HTTP_IF_NONE_MATCH")
        asked = {**environ, "REQUEST_METHOD": "GET"} if environ["REQUEST_METHOD"] == "HEAD" else environ
        if known is not None:
            asked = {**asked, "HTTP_IF_NONE_MATCH": _plain(known)}
        if seat is None or key is None:
            status, headers, body = self._call(asked, seat)
        else:
            with seat.turn(self._patience):
                status, headers, body = self._call(asked, seat)
        if status.startswith("304"):
            return status, [(name, _spelled(value, known) if name == "ETag" else value) for name, value in headers], b""
        if not status.startswith("200"):
            return status, headers, body
        headers, body = _coded(environ, headers, body)
        if not (asked.get(KEEP) and key is not None and isinstance(body, bytes)):
            return status, headers, body
        kept = Kept(status, headers, body)
        self.cache.put(key, kept, version)
        return kept

    def _call(self, environ: WSGIEnvironment, seat: Seat | None) -> _Given:
        """Call the service. A body of known, moderate length comes whole; any other keeps its seat until it is sent."""
        started: list[tuple[str, Headers]] = []

        def start_response(status: str, headers: Headers, _: object = None) -> Callable[[bytes], object]:
            started[:] = [(status, headers)]
            return _refuse_to_write

        body = self._service(environ, start_response)
        if isinstance(body, list):
            status, headers = started[0]
            return status, headers, body[0] if len(body) == 1 else b"".join(body)
        rest = _Rest(body, None)
        try:
            first = next(rest, b"")  # an application may start its response with its first bytes
            status, headers = started[0]
            length = _length(headers)
            if length is not None and length <= _JOINED:
                whole = b"".join((first, *rest))
                rest.close()
                return status, headers, whole
        except BaseException:
            rest.close()
            raise
        return status, headers, rest.resume(first, seat.keep() if seat is not None else None)


class _Rest:
    """Sends a body piece by piece; frees what holds it, and its seat, when it is sent or given up."""

    def __init__(self, body: Iterable[bytes], seat: Seat | None) -> None:
        self._body = body
        self._blocks = iter(body)
        self._first = b""
        self._seat = seat

    def resume(self, first: bytes, seat: Seat | None) -> _Rest:
        """Begin again with a block that was taken."""
        self._first, self._seat = first, seat
        return self

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        if self._first:
            block, self._first = self._first, b""
            return block
        return next(self._blocks)

    def close(self) -> None:
        """Free what is held. A second call does nothing."""
        try:
            getattr(self._body, "close", lambda: None)()
        finally:
            if self._seat is not None:
                self._seat.release()


def _key(environ: WSGIEnvironment, post: str, body: str) -> Key:
    """Name a request by all that may decide its answer. ``Host`` stands in the service description and in links."""
    get = environ.get
    return (
        get("PATH_INFO", ""),
        get("QUERY_STRING", ""),
        get("HTTP_ACCEPT", ""),
        choose_coding(get("HTTP_ACCEPT_ENCODING")),
        get("HTTP_HOST", ""),
        get("SCRIPT_NAME", ""),
        get("wsgi.url_scheme", ""),
        post,
        body,
    )


def _send(kept: Kept, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and _unchanged(kept.headers, known):
        start_response("304 Not Modified", [pair for pair in kept.headers if pair[0].lower() not in _OF_THE_BODY])
        return []
    start_response(kept.status, kept.headers[:])
    return [kept.body] if environ["REQUEST_METHOD"] != "HEAD" else []


def _unchanged(headers: Headers, known: str) -> bool:
    """Tell whether the client has the answer already: weak comparison. Source: RFC 9110, section 13.1.2."""
    tag = next((value.removeprefix("W/") for name, value in headers if name == "ETag"), None)
    return tag is not None and (tag in known or known.strip() == "*")


def _shared(given: _Given) -> Kept | None:
    """Make of a refusal what others may have too, or give None."""
    status, headers, body = given
    if isinstance(body, bytes) and status.startswith(_SHARED):
        return Kept(status, headers, body)
    return None


def _coded(environ: WSGIEnvironment, headers: Headers, body: bytes | _Rest) -> tuple[Headers, bytes | _Rest]:
    """Code the body of a 200 as the client wants it, where its ``Vary`` says that it may be coded."""
    coding = choose_coding(environ.get("HTTP_ACCEPT_ENCODING"))
    if not coding or (isinstance(body, bytes) and len(body) < SMALLEST):
        return headers, body
    named = {name.lower(): value for name, value in headers}
    if "accept-encoding" not in named.get("vary", "").lower() or not compressible(named.get("content-type", "")):
        return headers, body
    if not isinstance(body, bytes):
        if int(named.get("content-length", _CODED + 1)) > _CODED:
            return headers, body
        rest = body
        try:
            body = b"".join(rest)
        finally:
            rest.close()
    body = compress(body, coding)
    changed = {"content-length": str(len(body))}
    if "etag" in named:
        changed["etag"] = f'{named["etag"][:-1]}-{coding}"'
    sent = [(name, changed.get(name.lower(), value)) for name, value in headers]
    return [*sent, ("Content-Encoding", coding)], body


def _plain(tags: str) -> str:
    """Take the codings out of an If-None-Match: the service knows its answers uncoded."""
    for coding in CODINGS:
        tags = tags.replace(f'-{coding}"', '"')
    return tags


def _spelled(tag: str, known: str | None) -> str:
    """Give the tag as the client has it, with its coding."""
    for coding in CODINGS:
        if f'{tag[:-1]}-{coding}"' in (known or ""):
            return f'{tag[:-1]}-{coding}"'
    return tag


def _length(headers: Headers) -> int | None:
    return next((int(value) for name, value in headers if name.lower() == "content-length"), None)


def _refuse_to_write(_: bytes) -> object:
    raise NotImplementedError("this service returns its bodies")

"""What every answer of the service shares: where it is mounted, its headers, its pages and its problems.

Below Flask on purpose: the SPARQL endpoint answers before a framework is entered, with the same headers and problems as
the pages. Knows no store and no query.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import IO, TYPE_CHECKING, TypeAlias
from urllib.parse import quote, urlsplit

from werkzeug.exceptions import HTTPException

from kg import telemetry
from kg.release import Release
from kg.web.negotiation import HTML, PROBLEM, negotiate
from kg.web.problems import REQUEST_ID, Problem, internal, problem, problem_of, problem_of_status

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment
    from jinja2 import Environment

Headers: TypeAlias = list[tuple[str, str]]
Reply: TypeAlias = tuple[str, Headers, Iterable[bytes]]

_EXPOSED = (
    "ETag, Link, Location, KG-Release, KG-Version, KG-Rows, KG-Milliseconds, KG-Complete, "
    f"KG-Services, KG-Services-Failed, {REQUEST_ID}"
)
_SHARED = (
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Expose-Headers", _EXPOSED),
    ("X-Content-Type-Options", "nosniff"),
    # A query stands in the address of its answer: no page we link to is told of it.
    ("Referrer-Policy", "no-referrer"),
)
_CLOSED = "default-src 'none'; base-uri 'none'; frame-ancestors 'none'"
DATA_HEADERS = (*_SHARED, ("Content-Security-Policy", _CLOSED))
_PAGE = f"{_CLOSED}; style-src 'self'; img-src 'self'; form-action 'self'"
HTML_HEADERS = (*_SHARED, ("Content-Security-Policy", _PAGE))
# The editor's page alone has a script: our file, which asks this host only and cannot turn text into markup.
_SCRIPT = "script-src 'self'; connect-src 'self'; require-trusted-types-for 'script'; trusted-types 'none'"
EDITOR_HEADERS = (*_SHARED, ("Content-Security-Policy", f"{_PAGE}; {_SCRIPT}"))

_STATUS = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}
_HOST = re.compile(r"[A-Za-z0-9._-]+(?::\d{1,5})?|\[[0-9A-Fa-f:.]+\](?::\d{1,5})?")
_BLOCK = 256 * 1024  # bytes of a large body sent at once
# A page shows at most so much of an answer; it says so, and the rest is one link away in a format made for it.
PAGE_ROWS = 1000
PAGE_BYTES = 4_000_000

# What a path segment may hold unescaped (RFC 3986, section 3.3), and the slash between segments.
_PATH_SAFE = "/:@!$&'()*+,;=-._~"

PREFLIGHT = (
    # Any header may be sent; the star stands for all but Authorization, and older browsers do not read it.
    ("Access-Control-Allow-Headers", "*, Accept, Authorization, Content-Type, If-Match, If-None-Match"),
    ("Access-Control-Max-Age", "86400"),
)
STARTED = "kg.started"  # where the environment of a request keeps its time of arrival
REQUEST = "kg.request"  # and its identifier
# What an answer that is offered in several types and codings depends on. The front codes only what says so.
VARY = ("Vary", "Accept, Accept-Encoding")
# Where it says that the answer may be kept for equal requests: release, address, body, Accept and Host decide it whole.
KEEP = "kg.keep"
KEPT = "kg.kept"  # where it says that a kept answer was sent

log = telemetry.logger("web")


def preflight(allowed: str) -> Reply:
    """Answer OPTIONS for an address that takes the methods ``allowed``."""
    return (
        "204 No Content",
        [("Allow", allowed), ("Access-Control-Allow-Methods", allowed), *PREFLIGHT, *DATA_HEADERS],
        [],
    )


class Spool:
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


def path_of(base: str, iri: str) -> str:
    """Give the path of a thing below /page and /data, escaped so that what comes back is the IRI letter by letter."""
    return quote(iri[len(base) :].removeprefix("id/"), safe=_PATH_SAFE)


def choose(accept: str | None, offers: Sequence[str]) -> str:
    """Choose the media type to answer with. Raises Problem (406) with the list of what there is."""
    found = negotiate(accept, offers)
    if found is None:
        raise problem(
            "not-acceptable",
            f"this is offered as {', '.join(offers)}",
            headers=(("Vary", "Accept"),),
            offered=list(offers),
        )
    return found


def status_line(status: int) -> str:
    """Give the status with its phrase, as WSGI wants it."""
    return _STATUS.get(status, f"{status} Error")


@dataclass(frozen=True)
class Site:
    """One mounted service over one set of quads."""

    base: str
    release: Release | None
    templates: Environment
    public_url: str | None = None
    refused: Callable[[str, str], None] | None = None  # told of each problem: the name of its kind, the guard's rule
    _public_path: str | None = field(init=False)

    def __post_init__(self) -> None:
        path = urlsplit(self.public_url).path.rstrip("/") if self.public_url else None
        object.__setattr__(self, "_public_path", path)

    def root(self, environ: WSGIEnvironment) -> str:
        """Give the path that every link begins with: what the public address says, else where we are mounted."""
        if self._public_path is not None:
            return self._public_path
        mounted = str(environ.get("SCRIPT_NAME", "")).encode("latin-1").decode("utf-8", "replace")
        return quote(mounted, safe=_PATH_SAFE).rstrip("/")

    def address(self, environ: WSGIEnvironment) -> str:
        """Give the absolute address of the service, with no slash at its end. Raises Problem on a Host that is none."""
        if self.public_url:
            return self.public_url.rstrip("/")
        host = environ.get("HTTP_HOST") or f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}"
        if not _HOST.fullmatch(host):
            raise problem("bad-request", "the Host header holds something that is no host")
        return f"{environ['wsgi.url_scheme']}://{host}{self.root(environ)}"

    def local(self, iri: str, root: str) -> str | None:
        """Give the address here of what an IRI names, or None when it is not one of ours.

        Names are escaped so that the path we get back, which the server decodes once, is the IRI letter by letter.
        """
        if not iri.startswith(self.base):
            return None
        rest, mark, fragment = iri[len(self.base) :].partition("#")
        tail = f"#{quote(fragment, safe='')}" if mark else ""
        if rest.startswith(("id/", "concept/", "graph/")):
            return f"{root}/page/{path_of(self.base, self.base + rest)}{tail}"
        if rest == "ontology" or rest.startswith("ontology/"):
            return f"{root}/{quote(rest, safe=_PATH_SAFE)}{tail}"
        return None

    def resource(self, iri: str, root: str) -> str:
        """Give the address here of an IRI below the base itself, which sends on to its page or its description."""
        return f"{root}/{quote(iri[len(self.base) :], safe=_PATH_SAFE)}"

    def page(self, template: str, root: str, **context: object) -> bytes:
        """Render a page."""
        text = self.templates.get_template(template).render(root=root, base=self.base, release=self.release, **context)
        return text.encode()

    def refuse(self, error: Exception, environ: WSGIEnvironment, context: Mapping[str, object] | None = None) -> Reply:
        """Answer with a problem, as a page where HTML is preferred. Logs what failed; nothing else is told of a 500.

        ``context`` is what the page may show beside it (the text of the query).
        """
        told = problem_of(error)
        if told is None and isinstance(error, HTTPException) and error.code is not None:
            told = problem_of_status(error.code, _plain(error))
            told.headers = tuple(
                (name, value) for name, value in error.get_headers() if name in ("Allow", "Retry-After", "Location")
            )
        cause = error if told is None or told.kind.status >= HTTPStatus.INTERNAL_SERVER_ERROR else None
        told = told or internal()
        told.id = environ.get(REQUEST, told.id)
        if self.refused is not None:
            self.refused(told.kind.name, str(told.members.get("rule", "")))
        self._log(told, cause, environ)
        body, headers = b"", [("Vary", "Accept"), ("Cache-Control", "no-store"), *told.headers]
        if self.release is not None:
            headers.append(("KG-Release", self.release.version))
        if negotiate(environ.get("HTTP_ACCEPT"), (PROBLEM, HTML)) == HTML:
            root = self.root(environ)
            body = self.page("problem.html", root, problem=told, title=told.kind.title, **(context or {}))
            shared = EDITOR_HEADERS if context and "query" in context else HTML_HEADERS
            headers += [("Content-Type", f"{HTML}; charset=utf-8"), *shared]
        else:
            body = told.as_json(self.base)
            headers += [("Content-Type", PROBLEM), *DATA_HEADERS]
        headers.append(("Content-Length", str(len(body))))
        head = environ["REQUEST_METHOD"] == "HEAD"
        return status_line(told.kind.status), headers, [] if head else [body]

    def _log(self, told: Problem, cause: Exception | None, environ: WSGIEnvironment) -> None:
        values = {
            "request": told.id,
            "method": environ["REQUEST_METHOD"],
            "path": environ.get("PATH_INFO", ""),
            "status": told.kind.status,
            "problem": told.kind.name,
            "milliseconds": round((time.perf_counter() - environ[STARTED]) * 1000, 1),
        }
        if told.kind.name == "internal":
            log.error("request failed", **values, exc_info=cause)
        elif cause is not None:
            log.warning("request refused", **values, why=f"{type(cause).__name__}: {cause}"[:300])
        else:
            log.info("request refused", **values)


def _plain(error: HTTPException) -> str:
    return " ".join((error.description or error.name).split())

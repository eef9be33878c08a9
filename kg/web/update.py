"""The SPARQL 1.1 Protocol's update operation.

A WSGI application of its own, as the query endpoint is. It is there only where the service is writable, and asks for a
token before it reads a body. An answer comes when the change is on the disk and every query sees it.

Source: SPARQL 1.1 Protocol, section 2.2.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rdflib import URIRef

from kg.store import EVERYTHING, Limits, Scope, Workspace
from kg.web.compression import read_body
from kg.web.problems import problem
from kg.web.protocol import FORM, address_fields, check_charset, declared, fields, single, utf8
from kg.web.site import DATA_HEADERS, Headers, Reply, Site, preflight
from kg.web.tokens import Right, Tokens

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

UPDATE = "application/sparql-update"

_ALLOWED = "POST, OPTIONS"


class UpdateEndpoint:
    """``/update``: a WSGI application."""

    def __init__(self, store: Workspace, site: Site, tokens: Tokens, *, limits: Limits, body_bytes: int) -> None:
        self._store = store
        self._site = site
        self._tokens = tokens
        self._limits = limits
        self._body_bytes = body_bytes

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
            return preflight(_ALLOWED)
        if method != "POST":
            raise problem(
                "method-not-allowed", f"{method} is not taken here; an update is a POST", headers=(("Allow", _ALLOWED),)
            )
        self._tokens.demand(environ, Right.WRITE)
        text, scope = read(environ, self._body_bytes)
        commit = self._store.update(text, limits=self._limits, base=self._site.base, scope=scope)
        return "204 No Content", written(commit.version), []


def written(version: str) -> Headers:
    """Give the headers of a write that was made."""
    return [("Cache-Control", "no-store"), ("KG-Version", version), *DATA_HEADERS]


def read(environ: WSGIEnvironment, body_bytes: int) -> tuple[str, Scope]:
    """Read one update and its dataset. Raises Problem: 400, 413 or 415.

    Source: SPARQL 1.1 Protocol, sections 2.2.1 to 2.2.3. The dataset may stand in the address of a POST of either kind.
    """
    found = address_fields(environ)
    content_type, charset = declared(environ.get("CONTENT_TYPE", ""))
    if content_type not in (FORM, UPDATE):
        raise problem(
            "unsupported-media-type",
            f"a body of type {content_type or 'unknown'} is not read here; "
            f"send the update itself as {UPDATE}, or update=… as {FORM}",
            accepted=[FORM, UPDATE],
        )
    check_charset(charset)
    if "update" in found:
        raise problem("bad-parameter", "an update stands in the body, never in the address", parameter="update")
    body = read_body(environ, body_bytes)
    if content_type == FORM:
        for name, values in fields(body, "form").items():
            found.setdefault(name, []).extend(values)
        text = single(found, "update")
    else:
        text = utf8(body, "body")
    if "query" in found:
        raise problem("bad-parameter", "a query was sent to the address for updates", parameter="query")
    if text is None:
        raise problem("bad-parameter", "the form has no field called update", parameter="update")
    default, named = found.get("using-graph-uri", ()), found.get("using-named-graph-uri", ())
    if not default and not named:
        return text, EVERYTHING
    return text, Scope(default=frozenset(map(URIRef, default)), named=frozenset(map(URIRef, named)))

"""The addresses /why-empty and /explain: why a query has no rows, and what it asks, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache, partial
from urllib.parse import unquote

from flask import Blueprint, Response, request

from kg import documentation
from kg.diagnosis import NOTE, Terms, diagnose, explain
from kg.release import Release
from kg.search import Index
from kg.store import Limits, Store
from kg.vocab import BORROWED
from kg.web.negotiation import HTML, JSON, content_type
from kg.web.problems import problem
from kg.web.site import Site, choose
from kg.web.sparql import Asked, read, scope_of
from kg.web.terms import iri_cell

_OFFERS = (JSON, HTML)
_FORMATS = {"json": JSON, "html": HTML}


class DiagnosisPages:
    """Diagnoses over one store; ``index`` finds what an IRI that names nothing was perhaps meant to name."""

    def __init__(self, store: Store, site: Site, index: Index | None, *, limits: Limits, query_bytes: int) -> None:
        self._store, self._site, self._index = store, site, index
        self._limits, self._query_bytes = limits, query_bytes
        self._terms = cache(partial(read_terms, site.release))  # a release never changes

    def blueprint(self) -> Blueprint:
        """Give the route."""
        routes = Blueprint("diagnosis", __name__)
        routes.add_url_rule("/why-empty", view_func=self.why_empty, methods=["GET", "POST"])
        routes.add_url_rule("/explain", view_func=self.explain, methods=["GET", "POST"])
        return routes

    def explain(self) -> Response:
        """Say what a query asks: its plan, ``patterns`` with estimates, ``counts`` against the limits of the guard.

        Runs nothing. Takes what /sparql takes; in JSON, or for a reader.
        """
        asked, query = self._asked()
        release = self._site.release
        told = explain(query, base=self._site.base, terms=self._terms(), services=self._store.services)
        if self._chosen(asked) == HTML:
            root = self._site.root(request.environ)
            page = self._site.page("explain.html", root, title="What a query asks", query=query, told=told, note=NOTE)
            response = Response(page, content_type=content_type(HTML))
        else:
            body = {"release": release.version if release else None, **told.as_json()}
            response = Response(json.dumps(body, ensure_ascii=False), content_type=JSON)
        response.headers["Vary"] = "Accept"
        return response

    @staticmethod
    def _chosen(asked: Asked) -> str:
        """Choose between the formats: what ``format`` names, else what Accept prefers."""
        return _FORMATS[asked.format] if asked.format else choose(request.headers.get("Accept"), _OFFERS)

    def why_empty(self) -> Response:
        """Say why a query has no rows. Takes what /sparql takes: query, and the graphs of its dataset.

        JSON has ``summary``, a sentence, and ``reasons``: ``kind``, ``detail``, ``nearest`` (IRIs), and where they are
        known ``pattern`` and ``term``.
        """
        asked, query = self._asked()
        found = diagnose(
            self._store,
            query,
            base=self._site.base,
            limits=self._limits,
            scope=scope_of(asked, self._site),
            terms=self._terms(),
            near=self._near,
        )
        if self._chosen(asked) == HTML:
            root = self._site.root(request.environ)
            page = self._site.page(
                "why_empty.html",
                root,
                title="Why is it empty?",
                query=query,
                found=found,
                cell=lambda iri: iri_cell(iri, lambda one: self._site.local(one, root)),
            )
            response = Response(page, content_type=content_type(HTML))
        else:
            response = Response(json.dumps(found.as_json(), ensure_ascii=False), content_type=JSON)
        response.headers["Vary"] = "Accept"
        # What another endpoint says may be another thing the next moment.
        if not found.whole or (self._store.services and "SERVICE" in query.upper()):
            response.headers["Cache-Control"] = "no-store"
        return response

    def _asked(self) -> tuple[Asked, str]:
        """Read the request and its query. Raises Problem where there is none, or it wants a format not offered."""
        asked = read(request.environ, self._query_bytes)
        if asked.query is None:
            raise problem("bad-parameter", "send the query as query=…", parameter="query")
        if asked.format is not None and asked.format not in _FORMATS:
            raise problem("bad-parameter", f"format is one of {', '.join(_FORMATS)}", parameter="format")
        return asked, asked.query

    def _near(self, iri: str) -> Iterable[str]:
        """Find things by the words of an IRI, those of its own kind first."""
        if self._index is None:
            return ()
        parent, _, slug = iri.rpartition("/")
        answer = self._index.lookup(unquote(slug).replace("-", " "))
        found = [one.iri for one in (*answer.found, *answer.near)]
        return sorted(found, key=lambda one: not one.startswith(f"{parent}/"))


def read_terms(release: Release | None) -> Terms:
    """Read which terms there are, and how often a release uses them; without a release nothing is known."""
    described = documentation.read_documentation(release.path) if release else None
    if release is None or described is None:
        return Terms()
    statistics = documentation.read_statistics(release.path)
    uses = {use.iri: use.count + use.elsewhere for use in statistics.uses} if statistics else {}
    classes: dict[str, int | None] = {}
    properties: dict[str, int | None] = dict.fromkeys(map(str, BORROWED))
    for term in described.terms:
        if not term.deprecated:
            (classes if term.kind == "class" else properties)[term.iri] = uses.get(term.iri, 0)
    return Terms(classes, properties)

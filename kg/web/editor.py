"""What the query editor knows before the first key: prefixes, the terms of this graph with their use, and examples.

One JSON document, so that completion asks no query while somebody types. Reads ``terms.json`` and ``statistics.json``
of the release; data without one is asked which classes and properties it uses.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import TypeAlias

from flask import Blueprint, Response

from kg import documentation
from kg.catalogue import Catalogue
from kg.errors import StoreError
from kg.store import Limits, Store
from kg.vocab import BORROWED, PREFIXES
from kg.web.negotiation import JSON
from kg.web.site import Site
from kg.web.terms import short

Entry: TypeAlias = dict[str, object]

_CLASSES = "SELECT ?term (COUNT(*) AS ?n) WHERE { ?thing a ?term } GROUP BY ?term ORDER BY DESC(?n) LIMIT 500"
_PROPERTIES = "SELECT ?term (COUNT(*) AS ?n) WHERE { ?s ?term ?o } GROUP BY ?term ORDER BY DESC(?n) LIMIT 500"


class EditorWords:
    """``/editor/words.json``."""

    def __init__(self, store: Store, site: Site, catalogue: Catalogue, *, limits: Limits) -> None:
        self._store = store
        self._site = site
        self._catalogue = catalogue
        self._limits = limits
        # Costs a parse of the release's terms, or two queries: once for each state of the data.
        self._words = lru_cache(maxsize=1)(self._write)

    def blueprint(self) -> Blueprint:
        """Give the route."""
        routes = Blueprint("editor", __name__)
        routes.add_url_rule("/editor/words.json", view_func=self.words)
        return routes

    def words(self) -> Response:
        """Give prefixes by name, terms (IRI, kind, label, definition, count) and examples (name, summary, text)."""
        return Response(self._words(self._store.version), content_type=JSON)

    def _write(self, version: str | None) -> bytes:
        del version  # the words are kept under it
        release = self._site.release
        described = documentation.read_documentation(release.path) if release else None
        if release is not None and described is not None:
            uses = documentation.read_statistics(release.path)
            terms = [*_ours(described, uses), *_borrowed()]
        else:
            terms = [*self._used(_CLASSES, "class"), *self._used(_PROPERTIES, "property")]
        examples = [
            {"name": query.name, "summary": query.summary, "text": query.text}
            for query in (self._catalogue if release else ())
        ]
        return json.dumps({"prefixes": PREFIXES, "terms": terms, "examples": examples}, ensure_ascii=False).encode()

    def _used(self, query: str, kind: str) -> Iterable[Entry]:
        """Ask the data which terms it uses; nothing when that takes too long."""
        try:
            rows = [*self._store.rows(query, limits=self._limits, base=self._site.base, trusted=True)]
        except StoreError:
            return
        for row in rows:
            yield _entry(str(row["term"]), kind, count=int(str(row["n"])))


def _ours(described: documentation.Documentation, statistics: documentation.Statistics | None) -> Iterable[Entry]:
    counts: Mapping[str, int] = {use.iri: use.count for use in statistics.uses} if statistics else {}
    for term in described.terms:
        if not term.deprecated:
            kind = "class" if term.kind == "class" else "property"
            yield _entry(term.iri, kind, term.label, term.definition, counts.get(term.iri, 0))


def _borrowed() -> Iterable[Entry]:
    for iri in sorted(BORROWED):
        local = short(str(iri)).rpartition(":")[2]
        yield _entry(str(iri), "class" if local[:1].isupper() else "property")


def _entry(iri: str, kind: str, label: str = "", definition: str = "", count: int = 0) -> Entry:
    # What has no label is called by its own name, taken apart: currentHost -> current host.
    label = label or re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.split(r"[#/:]", iri)[-1]).lower()
    return {"iri": iri, "kind": kind, "label": label, "definition": definition, "count": count}

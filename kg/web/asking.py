"""Asking the page queries of the catalogue, and presenting the terms in their rows. What page modules share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask import Response, request
from rdflib import URIRef
from rdflib.term import Node

from kg.catalogue import Catalogue
from kg.store import Limits, Store
from kg.web.negotiation import HTML, content_type
from kg.web.site import PAGE_BYTES, Site
from kg.web.terms import Cell, cell

Row = Mapping[str, Node]


class Asking:
    """The store, the catalogue and the site, as a page needs them while it answers one request."""

    def __init__(self, store: Store, site: Site, catalogue: Catalogue, *, limits: Limits) -> None:
        self.site = site
        self._store = store
        self._catalogue = catalogue
        self._limits = limits
        self._page_limits = replace(limits, bytes=min(limits.bytes, PAGE_BYTES))

    @property
    def base(self) -> str:
        """Give the base of the data's IRIs."""
        return self.site.base

    @property
    def root(self) -> str:
        """Give the path that links of this request begin with."""
        return self.site.root(request.environ)

    def text(self, name: str, **parameters: str | Sequence[str]) -> str:
        """Give the text of a page query with IRIs for its parameters."""
        bound = {
            key: [URIRef(value) for value in ([values] if isinstance(values, str) else values)]
            for key, values in parameters.items()
        }
        return self._catalogue.get(f"pages/{name}").bind(**bound)

    def ask(self, name: str, **parameters: str | Sequence[str]) -> list[Row]:
        """Run a page query of the catalogue."""
        return self.rows(self.text(name, **parameters))

    def rows(self, text: str, *, whole: bool = False) -> list[Row]:
        """Run a SELECT; ``whole`` for lists that are kept and shown in parts."""
        return list(self._store.rows(text, limits=self._limits if whole else self._page_limits, trusted=True))

    def html(self, template: str, **context: object) -> Response:
        """Render a page."""
        return Response(self.site.page(template, self.root, **context), content_type=content_type(HTML))

    def link(self, iri: str) -> str | None:
        """Give the address here of an IRI of ours, or None."""
        return self.site.local(iri, self.root)

    def shown(self, row: Row, name: str, label: str | None = None) -> Cell | None:
        """Present the term of a column by the name in another, or by its path; None where it is unbound."""
        term = row.get(name)
        if term is None:
            return None
        text = string(row, label) if label else None
        if text is None and isinstance(term, URIRef):
            text = self.path(term)
        return cell(term, self.link, text)

    def path(self, iri: str) -> str:
        """Spell an IRI of ours by its path below the base, and any other whole."""
        return str(iri).removeprefix(self.base)


def string(row: Row, name: str) -> str | None:
    """Give the text of a column, or None where it is unbound."""
    term = row.get(name)
    return None if term is None else str(term)

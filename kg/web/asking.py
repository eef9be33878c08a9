"""Asking the page queries of the catalogue, and presenting the terms in their rows. What page modules share."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from flask import Response, request
from rdflib import URIRef
from rdflib.term import Node

from kg.answers import Answers, read_answers
from kg.catalogue import Catalogue
from kg.store import Limits, Store, results
from kg.web.negotiation import HTML, content_type
from kg.web.problems import problem
from kg.web.site import PAGE_BYTES, Site
from kg.web.terms import Cell, cell

Row = Mapping[str, Node]


@dataclass(frozen=True, slots=True)
class Pager:
    """Where a page stands among the pages of a list."""

    number: int
    last: int
    previous: str | None
    following: str | None
    count: int | None = None
    first_row: int = 0


class Asking:
    """The store, the catalogue and the site, as a page needs them while it answers one request."""

    def __init__(self, store: Store, site: Site, catalogue: Catalogue, *, limits: Limits) -> None:
        self.site = site
        self._store = store
        self._catalogue = catalogue
        self._limits = limits
        self._page_limits = replace(limits, bytes=min(limits.bytes, PAGE_BYTES))
        self._answers = read_answers(site.release.path) if site.release is not None else Answers()

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
        known = self.known(text)
        if known is not None:
            return list(results.solutions(known))
        return list(self._store.rows(text, limits=self._limits if whole else self._page_limits, trusted=True))

    def known(self, text: str) -> bytes | None:
        """Give the whole answer to a query as SPARQL JSON, where the release holds it."""
        return self._answers.get(text)

    def html(self, template: str, **context: object) -> Response:
        """Render a page."""
        return Response(self.site.page(template, self.root, **context), content_type=content_type(HTML))

    def link(self, iri: str) -> str | None:
        """Give the address here of an IRI of ours, or None."""
        return self.site.local(iri, self.root)

    def pager(self, number: int, last: int, count: int | None = None, first: int = 0) -> Pager:
        """Give the addresses of the pages beside one: those of this request, with another ``page``."""

        def address(page: int) -> str:
            pairs = [(name, value) for name, value in request.args.items(multi=True) if name != "page" and value]
            if page > 1:
                pairs.append(("page", str(page)))
            tail = f"?{urlencode(pairs)}" if pairs else ""
            return f"{self.root}{request.path}{tail}"

        return Pager(
            number,
            last,
            address(number - 1) if number > 1 else None,
            address(number + 1) if number < last else None,
            count,
            first,
        )

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


def page_asked(last: int) -> int:
    """Give the page that the address asks for, 1 where it names none. Raises Problem (404) beyond ``last``."""
    given = request.args.get("page", "1")
    if not re.fullmatch(r"[0-9]{1,6}", given) or not 1 <= int(given) <= last:
        raise problem("not-found", f"there is no page {given[:20]!r}; there are pages 1 to {last}")
    return int(given)


def string(row: Row, name: str) -> str | None:
    """Give the text of a column, or None where it is unbound."""
    term = row.get(name)
    return None if term is None else str(term)

"""Finding one's way: search, lists narrowed by facets, the sector tree, lists behind a page, and comparing two things.

What is listed by facets is asked once and kept: a release never changes under a running service. Cost: a few thousand
rows for each kind, a second or two at the first visit.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from rdflib import RDF

from kg.catalogue import Parameter
from kg.errors import CatalogueError, nearest
from kg.search import Index
from kg.web.asking import Asking, Row, page_asked, string
from kg.web.problems import Problem, problem
from kg.web.sectors import Sector, Sectors
from kg.web.terms import Cell, iri_cell, short

KINDS = {
    "projects": "Projects",
    "organizations": "Organizations",
    "events": "Governance events",
    "models": "Models",
    "findings": "Findings",
    "documents": "Documents",
    "licences": "Licences",
    "economies": "Economies",
    "people": "People",
}
_PAGE = 100  # things on one page of a list
_HITS = 25
_VALUES = 12  # of a facet shown at once; the rest behind a disclosure
_FACETS_MOST = 60
_FAR = 200  # the last page of a search that is offered
# What search narrows by, as a class of the index and in words.
_SEARCH_KINDS = {
    "": "everything",
    "Project": "projects",
    "Organization": "organizations",
    "Model": "models",
    "Finding": "findings",
    "GovernanceEvent": "governance events",
    "Document": "documents",
    "Licence": "licences",
    "Repository": "repositories",
    "Person": "people",
}
_WINDOW = re.compile(r"LIMIT 100 OFFSET 0")
_PATH = re.compile(r"(?:id|concept|graph|ontology)[/#]")


@dataclass(slots=True)
class Listing:
    """Things of one kind by name, and for each facet the things that have each value."""

    names: dict[str, str] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    facets: dict[str, dict[str, set[str]]] = field(default_factory=dict)
    labels: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> Listing:
        """Read rows of thing, facet, value and label. The facets "name" and "note" are what a list shows."""
        listing = cls()
        for row in rows:
            thing, facet = str(row["thing"]), str(row["facet"])
            if facet == "name":
                listing.names.setdefault(thing, str(row["label"]))
            elif facet == "note":
                listing.notes.setdefault(thing, str(row["label"]))
            else:
                value = str(row["value"])
                listing.facets.setdefault(facet, defaultdict(set))[value].add(thing)
                listing.labels.setdefault((facet, value), str(row["label"]))
        return listing

    def chosen(self, chosen: Mapping[str, str], letter: str = "") -> set[str]:
        """Give the things that have every chosen value and whose name has ``letter``'s words in it."""
        found = set(self.names)
        for facet, value in chosen.items():
            found &= self.facets.get(facet, {}).get(value, set())
        words = letter.casefold().split()
        return {thing for thing in found if all(word in self.names[thing].casefold() for word in words)}


class Browse:
    """Search and lists over one release."""

    def __init__(self, asking: Asking, index: Index | None) -> None:
        self._asking = asking
        self._index = index
        self._listing = cache(self._ask_listing)
        self._sectors = Sectors(asking)

    def blueprint(self) -> Blueprint:
        """Give the routes."""
        routes = Blueprint("browse", __name__)
        routes.add_url_rule("/search", view_func=self.search)
        routes.add_url_rule("/browse", view_func=self.overview)
        routes.add_url_rule("/browse/sectors", view_func=self.sectors)
        routes.add_url_rule("/browse/<kind>", view_func=self.browse)
        routes.add_url_rule("/links", view_func=self.links)
        routes.add_url_rule("/compare", view_func=self.compare)
        return routes

    # --- search -------------------------------------------------------------------------------------------------------

    def search(self) -> Response:
        """Show what a text finds: by key, by name, by words and by the beginning of one."""
        text = " ".join(request.args.get("q", "").split())[:300]
        kind = request.args.get("kind", "")
        if kind not in _SEARCH_KINDS:
            known = [name for name in _SEARCH_KINDS if name]
            raise problem(
                "bad-request", f"{kind!r} is no kind to search; there is {', '.join(known)}{nearest(kind, known)}"
            )
        number = page_asked(_FAR)
        hits = []
        if text and self._index is not None:
            hits = self._index.search(text, kind or None, _HITS + 1, skip=(number - 1) * _HITS)
        pager = self._asking.pager(number, number + 1 if len(hits) > _HITS else number)
        return self._asking.html(
            "search.html",
            title=f"Search: {text}" if text else "Search",
            asked=text,
            kind=kind,
            kinds=_SEARCH_KINDS,
            hits=[(iri_cell(hit.iri, self._asking.link, hit.name), hit.kind, hit.note) for hit in hits[:_HITS]],
            indexed=self._index is not None,
            pager=pager,
        )

    # --- lists by facets ----------------------------------------------------------------------------------------------

    def overview(self) -> Response:
        """Show what can be browsed."""
        return self._asking.html("browse.html", title="Browse", kinds=KINDS)

    def browse(self, kind: str) -> Response:
        """List things of a kind, narrowed by the facets and words in the address."""
        if kind not in KINDS:
            raise problem("not-found", f"there is no list of {kind!r}{nearest(kind, [*KINDS, 'sectors'])}")
        listing = self._listing(kind)
        words = " ".join(request.args.get("q", "").split())
        chosen: dict[str, str] = {}
        for facet, given in request.args.items():
            if facet in ("q", "page"):
                continue
            if facet not in listing.facets:
                raise problem(
                    "bad-request",
                    f"lists of {kind} have no facet {facet!r}; they have {', '.join(sorted(listing.facets))}"
                    f"{nearest(facet, listing.facets)}",
                )
            if given.strip():
                chosen[facet] = self._whole(given.strip())
        found = listing.chosen(chosen, words)
        ordered = sorted(found, key=lambda thing: (listing.names[thing].casefold(), thing))
        last = max((len(ordered) + _PAGE - 1) // _PAGE, 1)
        number = page_asked(last)
        shown = ordered[(number - 1) * _PAGE : number * _PAGE]
        return self._asking.html(
            "list.html",
            title=KINDS[kind],
            kind=kind,
            words=words,
            things=[
                (iri_cell(thing, self._asking.link, listing.names[thing]), listing.notes.get(thing)) for thing in shown
            ],
            facets=[self._facet(kind, listing, name, chosen, words) for name in sorted(listing.facets)],
            chosen=[
                (
                    facet,
                    listing.labels.get((facet, value), self._asking.path(value)),
                    self._address(kind, chosen, words, facet, None),
                )
                for facet, value in chosen.items()
            ],
            hidden=[(facet, self._asking.path(value)) for facet, value in chosen.items()],
            pager=self._asking.pager(number, last, len(ordered), (number - 1) * _PAGE),
            query=self._asking.text(f"browse-{kind}"),
        )

    def _facet(
        self, kind: str, listing: Listing, name: str, chosen: Mapping[str, str], words: str
    ) -> tuple[str, list[tuple[str, int, str, bool]], int]:
        """Give a facet with its values: label, how many would be left, the address, whether it is chosen."""
        others = {facet: value for facet, value in chosen.items() if facet != name}
        pool = listing.chosen(others, words)
        counted = [(len(things & pool), value) for value, things in listing.facets[name].items()]
        label = {value: listing.labels[name, value] for _, value in counted}
        by_count = sorted((pair for pair in counted if pair[0]), key=lambda pair: (-pair[0], label[pair[1]], pair[1]))
        if name == "year":
            by_count.sort(key=lambda pair: pair[1], reverse=True)
        values = [
            (label[value], count, self._address(kind, others, words, name, value), chosen.get(name) == value)
            for count, value in by_count[:_FACETS_MOST]
        ]
        return name, values, len(by_count) - len(values)

    def _address(self, kind: str, chosen: Mapping[str, str], words: str, facet: str, value: str | None) -> str:
        pairs = [(name, self._asking.path(of)) for name, of in chosen.items() if name != facet]
        if value is not None:
            pairs.append((facet, self._asking.path(value)))
        if words:
            pairs.append(("q", words))
        tail = f"?{urlencode(pairs)}" if pairs else ""
        return f"{self._asking.root}/browse/{kind}{tail}"

    def _ask_listing(self, kind: str) -> Listing:
        return Listing.of(self._asking.rows(self._asking.text(f"browse-{kind}"), whole=True))

    def sectors(self) -> Response:
        """Show the sectors that something is in, below those they are part of, with counts."""

        def branch(sector: Sector) -> dict[str, object]:
            return {
                "cell": iri_cell(sector.iri, self._asking.link, sector.label),
                "count": sector.count,
                "total": sector.total,
                "list": f"{self._asking.root}/links?to={self._asking.path(sector.iri)}&by=osai:inSector",
                "below": [branch(one) for one in self._sectors.below(sector)],
            }

        tree = [branch(sector) for sector in self._sectors.tops()]
        return self._asking.html("sectors.html", title="Sectors", tree=tree, query=self._asking.text("sectors"))

    # --- lists behind a page ------------------------------------------------------------------------------------------

    def links(self) -> Response:
        """List what points to a thing (``to``), or the values it has (``of``), by one property, a hundred at a time."""
        name = "of" if request.args.get("of") else "to"
        entity = self._iri(name)
        by = self._iri("by")
        number = page_asked(10_000)
        text = self._asking.text(f"links-{name}", entity=entity, property=by)
        skip = (number - 1) * _PAGE
        rows = self._asking.rows(_WINDOW.sub(f"LIMIT {_PAGE + 1} OFFSET {skip}", text))
        found: dict[str, Cell] = {}
        for row in rows:
            shown = self._asking.shown(row, "thing", "label")
            if shown is not None:
                found.setdefault(f"{row['thing']!r}", shown)
        things = list(found.values())
        return self._asking.html(
            "links.html",
            title=f"{self._label(entity)}: {short(by)}",
            entity=iri_cell(entity, self._asking.link, self._label(entity)),
            property=iri_cell(by, self._asking.link),
            direction=name,
            things=things[:_PAGE],
            pager=self._asking.pager(number, number + 1 if len(things) > _PAGE else number, None, skip),
            query=text,
        )

    # --- side by side -------------------------------------------------------------------------------------------------

    def compare(self) -> Response:
        """Put two things side by side, property by property; differences are marked."""
        given = [request.args.get(name, "").strip() for name in ("one", "other")]
        sides: list[tuple[Cell, dict[str, dict[str, Cell]]] | None] = []
        problems: list[str | None] = []
        labels: dict[str, Cell] = {}
        for text in given:
            side, why = None, None
            if text:
                try:
                    side = self._side(self._find(text), labels)
                    if not side[1]:
                        side, why = None, f"{text} is not in the graph"
                except Problem as error:
                    why = error.detail
            sides.append(side)
            problems.append(why)
        rows = []
        one, other = sides
        if one is not None and other is not None:
            for name in sorted(labels, key=lambda name: labels[name].text.casefold()):
                values = [one[1].get(name, {}), other[1].get(name, {})]
                shared = set(values[0]) & set(values[1])
                rows.append(
                    (
                        labels[name],
                        [
                            (
                                [(value, key in shared) for key, value in list(side.items())[:_VALUES]],
                                max(len(side) - _VALUES, 0),
                            )
                            for side in values
                        ],
                        set(values[0]) == set(values[1]),
                    )
                )
        return self._asking.html(
            "compare.html",
            title="Compare two things",
            fields=list(zip(("one", "other"), ("One", "The other"), given, problems, strict=True)),
            heads=[side[0] for side in (one, other) if side is not None],
            rows=rows,
        )

    def _find(self, text: str) -> str:
        """Find what somebody means by a path, an IRI, a key or a name."""
        if (
            self._index is not None
            and not _PATH.match(text.removeprefix("/"))
            and not text.startswith(self._asking.base)
        ):
            hits = self._index.search(text, None, 1)
            if hits:
                return hits[0].iri
            raise problem("bad-request", f"nothing is called {text!r}; search finds near names")
        return self._read("thing", text)

    def _side(self, iri: str, labels: dict[str, Cell]) -> tuple[Cell, dict[str, dict[str, Cell]]]:
        values: dict[str, dict[str, Cell]] = defaultdict(dict)
        for row in self._asking.ask("entity", entity=iri):
            name = str(row["property"])
            label = "kind" if row["property"] == RDF.type else string(row, "propertyLabel")
            if label is not None or name not in labels:
                labels[name] = iri_cell(name, self._asking.link, label)
            shown = self._asking.shown(row, "value", "valueLabel")
            if shown is not None:
                values[name].setdefault(shown.iri or shown.text, shown)
        return iri_cell(iri, self._asking.link, self._label(iri)), values

    # --- reading addresses --------------------------------------------------------------------------------------------

    def _label(self, iri: str) -> str:
        if self._index is not None:
            found = self._index.described(iri)
            if found is not None:
                return found.name
        return self._asking.path(iri)

    def _iri(self, name: str) -> str:
        given = request.args.get(name, "").strip()
        if not given:
            raise problem("bad-request", f"the address lacks {name}=; for instance {name}=id/org/linux-foundation")
        return self._read(name, given)

    def _read(self, name: str, text: str) -> str:
        try:
            return str(Parameter(name, "iri", "", ()).parse(text, base=self._asking.base))
        except CatalogueError as error:
            raise problem("bad-request", str(error)) from error

    def _whole(self, text: str) -> str:
        """Give an IRI for a path below the base; any other value as it is."""
        return self._asking.base + text if _PATH.match(text) else text

"""Pages for people and descriptions for programs: home, catalogue, things, findings, health.

What a page shows is asked for by a query file of the catalogue; this module groups rows and chooses a template. Every
page works without JavaScript, and every link begins with the place where the service is mounted.

Source: Cool URIs for the Semantic Web, section 4.2 (303 URIs); ontology design, section 1, rules 1, 3 and 6.
"""

from __future__ import annotations

import contextlib
import difflib
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import cache, lru_cache
from urllib.parse import quote, urlencode

from flask import Blueprint, Response, request
from rdflib import OWL, RDF, Literal, URIRef
from rdflib.namespace import DCTERMS
from rdflib.term import Node

from kg import __version__
from kg.catalogue import Catalogue, Query
from kg.errors import AnswerTooLargeError, CatalogueError, QuerySyntaxError, StoreError
from kg.model import KINDS
from kg.rule import Rule
from kg.store import JSON_RESULTS, TURTLE, Form, Limits, Store
from kg.vocab import ONTOLOGY, OSAI, PREFIXES
from kg.web import problems
from kg.web.asking import Asking, Row, page_asked
from kg.web.kinds import Kinds
from kg.web.negotiation import DESCRIPTIONS, DOWNLOADS, HTML, JSON, OFFERS, content_type
from kg.web.problems import problem
from kg.web.site import PAGE_BYTES, Site, choose, path_of
from kg.web.terms import Cell, cell, iri_cell, short, solutions
from kg.web.why import why_address

LICENCE = "https://creativecommons.org/licenses/by/4.0/"  # of the data; words of others have their own
_URI_SAFE = "/:@!$&'()*+,;=-._~%#?"  # what an IRI may keep as it is in a header, which is ASCII
_NOT_IN_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`]")
_THING_OFFERS = (HTML, *DESCRIPTIONS.values(), JSON)
_SUFFIX_OF = {media_type: suffix for suffix, media_type in DESCRIPTIONS.items()} | {JSON: "jsonld"}
_VALUES_READ = 100  # values of one property that are asked for with the graphs that say them
_ROWS = 200  # rows of an answer on one page
_FAR = 50_000  # the last page that may be asked for before it is known how many there are
_VALUES_SHOWN = 25  # values of one property on a page, either way; the rest is counted, and one link away

# How a field of a form is typed: the input's type and the step of its numbers. Times keep their zone, so they are text.
_INPUTS = {
    "integer": ("number", "1"),
    "decimal": ("number", "any"),
    "double": ("number", "any"),
    "date": ("date", None),
}
# Which page query (choose-…) proposes values for a parameter of this name.
_CHOICES = {
    "project": "project",
    "organization": "organization",
    "foundation": "foundation",
    "sector": "sector",
    "event": "transfer",
    "transfer": "transfer",
    "finding": "finding",
    "document": "document",
}
_HOME_QUERIES = (
    ("the numbers", "home-counts"),
    ("the latest events", "home-recent-events"),
    ("the findings that contradict", "home-contested"),
)
# In what sources may disagree: the kinds of the query "disagreements", in its order.
_DISAGREEMENTS = ("date", "date of acceptance", "founding year", "maturity", "licence", "host", "name")
_DISAGREEING = 8  # things of each kind that the first page names
# Where a class of the home page is listed by facets.
LISTS = {
    str(OSAI.Project): "projects",
    str(OSAI.Organization): "organizations",
    str(OSAI.GovernanceEvent): "events",
    str(OSAI.Model): "models",
    str(OSAI.Finding): "findings",
    str(OSAI.Document): "documents",
    str(OSAI.Person): "people",
}

# What a reader wants first; everything else follows by name.
_FIRST = (
    *(OSAI.name, OSAI.claim, OSAI.displayValue, OSAI.dateText),
    *map(URIRef, (PREFIXES["skos"] + "prefLabel", PREFIXES["skos"] + "definition", PREFIXES["rdfs"] + "label")),
)
_NAMES = frozenset(
    {
        str(OSAI.name),
        str(OSAI.claim),
        PREFIXES["skos"] + "prefLabel",
        PREFIXES["rdfs"] + "label",
        PREFIXES["dcterms"] + "title",
    }
)

_EXISTS = (
    "ASK { { <%s> ?p ?o } UNION { ?s ?q <%s> } UNION { GRAPH ?g { <%s> ?r ?v } } UNION { GRAPH ?h { ?x ?y <%s> } } "
    "UNION { GRAPH <%s> { ?a ?b ?c } } }"
)
_REPLACED = f"SELECT ?by WHERE {{ <%s> <{DCTERMS.isReplacedBy}> ?by ; <{OWL.deprecated}> true }} LIMIT 1"
_NEIGHBOURS = "SELECT DISTINCT ?thing WHERE { ?thing a ?class FILTER(STRSTARTS(STR(?thing), %s)) } LIMIT 5000"
# Data without a release: what is in it, for any vocabulary.
_LARGEST = (
    "SELECT ?class (COUNT(?thing) AS ?count) WHERE { { ?thing a ?class } UNION { GRAPH ?g { ?thing a ?class } } } "
    "GROUP BY ?class ORDER BY DESC(?count) ?class LIMIT 100"
)
_GRAPH_NAMES = "SELECT ?graph WHERE { GRAPH ?graph { } } ORDER BY ?graph LIMIT 200"


@dataclass(frozen=True, slots=True)
class Value:
    """One value of a property, and the named graphs that say it (none: it was made when sources were joined).

    ``why`` is the address of its proof, where a rule made it.
    """

    cell: Cell
    graphs: tuple[Cell, ...]
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Property:
    """One property of a thing with its values; ``more`` of them are not shown, and listed at ``all``."""

    cell: Cell
    values: tuple[Value, ...]
    more: int = 0
    count: int = 0
    all: str | None = None


@dataclass(frozen=True, slots=True)
class Field:
    """One field of the form of a query: a parameter with what stands in it, what may, and what is wrong with it."""

    name: str
    description: str
    type: str
    input: str
    step: str | None
    values: tuple[str, ...]
    choices: tuple[tuple[str, str], ...]
    wrong: str | None


@dataclass(slots=True)
class Saying:
    """One statement of a finding: in which document, with which words, and what it passes on."""

    statement: Cell
    document: Cell | None = None
    sha256: str | None = None
    fidelity: Cell | None = None
    corrected: str | None = None
    speakers: list[str] = field(default_factory=list)
    attributed: list[Cell] = field(default_factory=list)
    spans: dict[str, tuple[Cell, str, str, str | None]] = field(default_factory=dict)
    relays: list[Cell] = field(default_factory=list)


class Pages:
    """The pages over one store."""

    def __init__(
        self,
        store: Store,
        site: Site,
        catalogue: Catalogue,
        *,
        limits: Limits,
        rules: Iterable[Rule] = (),
        known: Callable[[str], bool] = lambda path: False,
    ) -> None:
        self._store = store
        self._site = site
        self._catalogue = catalogue
        self._limits = limits
        self._rules = {str(rule.graph): rule for rule in rules}
        self._known = known  # whether a path below the base ever named a thing
        self.asking = Asking(store, site, catalogue, limits=limits)
        self._kinds_of_things = Kinds(self.asking)
        self._page_limits = replace(limits, bytes=min(limits.bytes, PAGE_BYTES))
        # The store never changes under a running service, so what every visitor asks for is asked once.
        self._home_rows = cache(self._ask_home)
        self._neighbours = lru_cache(maxsize=64)(self._ask_neighbours)
        self._choice = cache(self._ask_choices)

    def blueprint(self) -> Blueprint:
        """Give the routes."""
        routes = Blueprint("pages", __name__)
        routes.add_url_rule("/", view_func=self.home)
        routes.add_url_rule("/queries", view_func=self.queries)
        routes.add_url_rule("/queries/<name>", view_func=self.query)
        for root in ("id", "concept", "graph"):
            routes.add_url_rule(f"/{root}/<path:rest>", f"thing_{root}", self.thing, defaults={"under": root})
        routes.add_url_rule("/page/<path:rest>", view_func=self.page)
        routes.add_url_rule("/data/<path:rest>", view_func=self.data)
        routes.add_url_rule("/problem/<name>", view_func=self.problem)
        routes.add_url_rule("/-/health", view_func=self.health)
        return routes

    # --- home and catalogue -----------------------------------------------------------------------------------------

    def home(self) -> Response:
        """Show what this is and what the graph holds."""
        root = self._root()
        facts = self._home_rows()
        kinds = [
            (
                iri_cell(str(row["class"]), self._link, _text(row.get("label"))),
                str(row["count"]),
                _members(row["class"]),
            )
            for row in facts["counts"]
        ]
        return self._html(
            "home.html",
            title="Home",
            kinds=[(kind, count, f"{root}/sparql?{urlencode({'query': query})}") for kind, count, query in kinds],
            events=[
                {
                    "event": self._named(row, "event", "name"),
                    "date": _text(row.get("date")),
                    "kind": self._named(row, "kind"),
                    "project": self._named(row, "project", "projectName"),
                }
                for row in facts["events"]
            ],
            contested=[
                (
                    self._finding(row, "finding", "claim", "displayValue"),
                    self._finding(row, "other", "otherClaim", "otherDisplayValue"),
                )
                for row in facts["contested"]
            ],
            disagreements=self._disagreements(facts["by_kind"], facts["disagreements"]),
            lists=LISTS,
            graphs=[iri_cell(str(row["graph"]), self._link) for row in facts["graphs"]],
            queries=list(self._catalogue) if self._site.release else [],
            behind=[
                (words, f"{root}/sparql?{urlencode({'query': self._catalogue.get(f'pages/{name}').text})}")
                for words, name in _HOME_QUERIES
            ]
            if self._site.release
            else [],
        )

    def _ask_home(self) -> Mapping[str, Sequence[Row]]:
        if self._site.release is None:
            return {
                "counts": self._rows(_LARGEST),
                "graphs": self._rows(_GRAPH_NAMES),
                "events": (),
                "contested": (),
                "by_kind": (),
                "disagreements": (),
            }
        return {
            "counts": self._ask("home-counts"),
            "events": _first_by(self._ask("home-recent-events"), "event"),
            "contested": self._ask("home-contested"),
            "by_kind": self._solutions("disagreements-by-kind"),
            "disagreements": self._solutions("disagreements"),
            "graphs": (),
        }

    def _solutions(self, name: str) -> Sequence[Row]:
        """Give the answer to a question of the catalogue as it stands; nothing where the catalogue has none such."""
        text = next((query.text for query in self._catalogue if query.name == name), None)
        return self.asking.rows(text) if text is not None else ()

    def _disagreements(self, by_kind: Iterable[Row], said: Iterable[Row]) -> list[dict[str, object]]:
        """Give each kind of disagreement: how many things, where they are listed, and what is said of the first."""
        counts = {str(row["kind"]): int(str(row["things"])) for row in by_kind}
        things: dict[str, dict[str, tuple[Cell | None, dict[str, list[str]]]]] = {}
        for row in said:
            of_kind = things.setdefault(str(row["kind"]), {})
            _, values = of_kind.setdefault(str(row["subject"]), (self._named(row, "subject", "name"), {}))
            sources = values.setdefault(str(row["value"]), [])
            if str(row["source"]) not in sources:
                sources.append(str(row["source"]))
        return [
            {
                "kind": kind,
                "count": counts.get(kind, 0),
                "list": f"{self._root()}/queries/disagreements?{urlencode({'kind': kind})}",
                "things": list(things.get(kind, {}).values())[:_DISAGREEING],
            }
            for kind in dict.fromkeys((*_DISAGREEMENTS, *counts))
        ]

    def queries(self) -> Response:
        """List the catalogue, or give it as JSON."""
        offered = list(self._catalogue) if self._site.release else []
        if self._chosen((HTML, JSON)) == JSON:
            listed = [
                {
                    "name": query.name,
                    "summary": query.summary,
                    "form": query.form.value,
                    "tags": sorted(query.tags),
                    "parameters": {name: p.description for name, p in query.parameters.items()},
                    "href": f"{self._root()}/queries/{query.name}",
                }
                for query in offered
            ]
            return _varying(_json({"queries": listed}))
        return _varying(self._html("queries.html", title="Queries", queries=offered))

    def query(self, name: str) -> Response:
        """Run one query of the catalogue with parameters from the address; a page, or the answer in another format."""
        name, _, suffix = name.partition(".")
        query = self._public(name)
        offers = OFFERS[query.form]
        if suffix:
            chosen = offers.names.get(suffix)
            if chosen is None:
                raise problem("not-found", f"answers have no format .{suffix}; there is .{', .'.join(offers.names)}")
        else:
            chosen = self._chosen((HTML, *offers.types))
        given = {key: [text for text in texts if text.strip()] for key, texts in request.args.lists() if key != "page"}
        terms: dict[str, list[Node]] = {}
        wrong: dict[str, str] = {}
        for key, texts in given.items():
            if texts:
                try:
                    terms[key] = [query.parse(key, text) for text in texts]
                except CatalogueError as error:
                    if chosen != HTML or key not in query.parameters:
                        raise
                    wrong[key] = str(error)
        text = query.bind(**terms) if terms else query.text
        if chosen != HTML:
            with self._store.answer(text, offers.types[chosen], limits=self._limits, trusted=True) as answer:
                response = Response(answer.read(), content_type=content_type(chosen))
                response.headers["KG-Rows"] = str(answer.rows)
                response.headers["KG-Complete"] = "true"
            return _varying(response)
        if wrong:
            response = self._form(query, text, given, terms, wrong=wrong)
            response.status_code = 400
            return _varying(response)
        shown: dict[str, object] = {"form": query.form.value, "rows": 0}
        try:
            if query.form is Form.GRAPH:
                with self._store.answer(text, TURTLE, limits=self._page_limits, trusted=True) as answer:
                    shown |= {"rows": answer.rows, "text": answer.read().decode()}
            else:
                solved = self._solved(text)
                skip = (page_asked(_FAR) - 1) * _ROWS
                shown |= solutions(solved, self._link, _ROWS, skip=skip)
        except AnswerTooLargeError:
            if self._limits.bytes <= self._page_limits.bytes:
                raise
            shown["too_large"] = f"{self._page_limits.bytes:,}"
        return _varying(self._form(query, text, given, terms, answer=shown))

    def _solved(self, text: str) -> bytes:
        """Give the answer to a query as SPARQL JSON: what the release holds of it, or what the store says."""
        known = self.asking.known(text)
        if known is not None:
            return known
        with self._store.answer(text, JSON_RESULTS, limits=self._page_limits, trusted=True) as answer:
            return answer.read()

    def _form(
        self,
        query: Query,
        text: str,
        given: Mapping[str, Sequence[str]],
        terms: Mapping[str, Sequence[Node]],
        *,
        answer: Mapping[str, object] | None = None,
        wrong: Mapping[str, str] | None = None,
    ) -> Response:
        """Render the page of a query: its form as it was sent, and the answer, or what is wrong beside the field."""
        root = self._root()
        wrong = wrong or {}
        passed = urlencode([(key, value) for key, texts in given.items() for value in texts])
        tail = f"?{passed}" if passed else ""
        fields = []
        for key, parameter in query.parameters.items():
            spelled = [self._spelled(term) for term in terms.get(key) or parameter.default]
            values = list(given[key]) if key in wrong else spelled
            fields.append(
                Field(
                    name=key,
                    description=parameter.description,
                    type=parameter.type,
                    input=_INPUTS.get(parameter.type, ("text", None))[0],
                    step=_INPUTS.get(parameter.type, ("text", None))[1],
                    values=tuple(values),
                    choices=self._choices(key, parameter.type),
                    wrong=wrong.get(key),
                )
            )
        pager = None
        if answer is not None and "table" in answer:
            last = max((int(str(answer["rows"])) + _ROWS - 1) // _ROWS, 1)
            pager = self.asking.pager(page_asked(last), last, int(str(answer["rows"])))
        return self._html(
            "query.html",
            pager=pager,
            title=query.summary,
            query=query,
            text=text,
            answer=answer,
            fields=fields,
            downloads=[(name.upper(), f"{root}/queries/{query.name}.{name}{tail}") for name in DOWNLOADS[query.form]],
            edit=f"{root}/sparql?{urlencode({'query': text})}",
        )

    def _ask_choices(self, name: str) -> tuple[tuple[str, str], ...]:
        rows = self._ask(f"choose-{name}")
        return tuple((self._spelled(row["thing"]), str(row["label"])) for row in _first_by(rows, "thing"))

    def _choices(self, name: str, kind: str) -> tuple[tuple[str, str], ...]:
        """Give what a field proposes: paths below the base with names. Any other value may be typed."""
        return self._choice(_CHOICES[name]) if kind == "iri" and name in _CHOICES else ()

    def _public(self, name: str) -> Query:
        if self._site.release is None:
            raise problem("not-found", "this service serves data without a release, and has no catalogue for it")
        try:
            return self._catalogue.public(name)
        except CatalogueError as error:
            raise problem("not-found", f"{error}; {self._root()}/queries lists them all") from error

    # --- things -----------------------------------------------------------------------------------------------------

    def thing(self, under: str, rest: str) -> Response:
        """Send the asker of a thing to its page or to its description (303), or to what took its place (301)."""
        iri = self._existing(f"{under}/{rest}")
        moved = self._moved(iri)
        if moved is not None:  # to the IRI, which negotiates
            return _permanently(self._site.resource(moved, self._root()))
        data = f"{self._root()}/data/{path_of(self._site.base, iri)}"
        chosen = self._chosen(_THING_OFFERS)
        target = (self._link(iri) or "") if chosen == HTML else f"{data}.{_SUFFIX_OF[chosen]}"
        response = _varying(Response(status=303, headers={"Location": target}))
        self._signpost(response, iri, page=True)
        return response

    def _moved(self, iri: str) -> str | None:
        """Give the IRI below the base that took the place of one, or None."""
        successors = sorted(str(row["by"]) for row in self._rows(_REPLACED % iri))
        return next((iri for iri in successors if iri.startswith(self._site.base)), None)

    def _signpost(self, response: Response, iri: str, *, page: bool = False, types: Iterable[str] = ()) -> None:
        """Say in ``Link`` what the thing is called, where it is described, and under which licence.

        Source: RFC 8288; FAIR Signposting, level 1; ontology design, section 1, rule 6.
        """
        data = f"{self._root()}/data/{path_of(self._site.base, iri)}"
        links = [(f"{data}.ttl", f'rel="describedby"; type="{TURTLE}"')]
        links += [(f"{data}.{suffix}", f'rel="alternate"; type="{name}"') for suffix, name in DESCRIPTIONS.items()]
        if page:
            links.append((self._link(iri) or "", f'rel="alternate"; type="{HTML}"'))
        links.append((quote(iri, safe=_URI_SAFE), 'rel="cite-as"'))
        links += [(quote(kind, safe=_URI_SAFE), 'rel="type"') for kind in sorted(types)]
        if self._site.release is not None:
            links.append((LICENCE, 'rel="license"'))
        for target, rest in links:
            response.headers.add("Link", f"<{target}>; {rest}")

    def page(self, rest: str) -> Response:
        """Show a thing: a finding with its evidence, anything else property by property."""
        iri = self._existing(rest if rest.startswith(("concept/", "graph/")) else f"id/{rest}")
        moved = self._moved(iri)
        if moved is not None:
            return _permanently(self._link(moved) or "")
        rows, many = self._said(iri)
        data = f"{self._root()}/data/{path_of(self._site.base, iri)}"
        types = {str(row["value"]) for row in rows if row["property"] == RDF.type}
        names = [str(row["value"]) for row in rows if str(row["property"]) in _NAMES]
        context: dict[str, object] = {
            "title": names[0] if names else iri[len(self._site.base) :],
            "iri": iri,
            "kinds": self._kinds(rows),
            "properties": self._properties(iri, (row for row in rows if row["property"] != RDF.type)) + many,
            "incoming": self._incoming(iri),
            "views": self._kinds_of_things.views(iri, frozenset(types)),
            "formats": [(suffix, media_type, f"{data}.{suffix}") for suffix, media_type in DESCRIPTIONS.items()],
            "queries": [self._catalogue.get("pages/entity").bind(entity=[URIRef(iri)])],
        }
        if iri.startswith(f"{self._site.base}graph/"):
            context["rule"] = self._rules.get(iri)
            context["inside"] = f"SELECT ?s ?p ?o WHERE {{ GRAPH <{iri}> {{ ?s ?p ?o }} }} LIMIT 100"
        if str(OSAI.Finding) in types:
            labels = {row["value"]: str(row["valueLabel"]) for row in rows if "valueLabel" in row}
            response = self._html("finding.html", **context, **self._evidence(iri, labels))
        else:
            response = self._html("entity.html", **context)
        self._signpost(response, iri, types=types)
        return response

    def data(self, rest: str) -> Response:
        """Describe a thing as RDF, in the format that the suffix names."""
        path, dot, suffix = rest.rpartition(".")
        if not dot or suffix not in DESCRIPTIONS:
            raise problem("not-found", f"a description ends in .{', .'.join(DESCRIPTIONS)}")
        iri = self._existing(path if path.startswith(("concept/", "graph/")) else f"id/{path}")
        moved = self._moved(iri)
        if moved is not None:
            return _permanently(f"{self._root()}/data/{path_of(self._site.base, moved)}.{suffix}")
        media_type = DESCRIPTIONS[suffix]
        text = self._catalogue.get("pages/entity-describe").bind(entity=[URIRef(iri)])
        with self._store.answer(text, media_type, limits=self._limits, trusted=True) as answer:
            response = Response(answer.read(), content_type=content_type(media_type))
            response.headers["KG-Rows"] = str(answer.rows)
        if self._site.release is not None:
            # From what decides the content: the engine gives the triples of a graph in any order.
            told = f"{__version__} {self._site.release.manifest.sha256} {rest}"
            response.set_etag(hashlib.sha256(told.encode()).hexdigest()[:32], weak=True)
        page = self._site.local(iri, self._root())
        response.headers.add("Link", f'<{quote(iri, safe=_URI_SAFE)}>; rel="describes"')
        response.headers.add("Link", f'<{page}>; rel="alternate"; type="{HTML}"')
        if self._site.release is not None:
            response.headers.add("Link", f'<{LICENCE}>; rel="license"')
        return response

    def _existing(self, path: str) -> str:
        """Give the IRI below the base that a path names, or raise the 404 with the nearest names.

        The server decoded the path once; an IRI that holds escapes itself came through the address bar unescaped.
        """
        candidates = [self._site.base + path]
        if candidates[0] in self._rules:
            return candidates[0]  # also when the rule made nothing in this release
        escaped = self._site.base + quote(path, safe="/:@!$&'()*+,;=-._~%")
        if escaped != candidates[0]:
            candidates.append(escaped)
        for iri in candidates:
            # What the engine takes for no IRI is in no graph either.
            if not _NOT_IN_IRI.search(iri):
                with (
                    contextlib.suppress(QuerySyntaxError),
                    self._store.answer(
                        _EXISTS.replace("%s", iri), JSON_RESULTS, limits=self._limits, trusted=True
                    ) as answer,
                ):
                    if b"true" in answer.read():
                        return iri
        raise self._absent(path)

    def _absent(self, path: str) -> problems.Problem:
        if self._site.release is not None and (self._known(path) or self._known(quote(path, safe=_URI_SAFE))):
            return problem("gone", f"{self._site.base}{path} is not in this release, and was in an earlier one")
        folder, _, name = path.rpartition("/")
        near: list[str] = []
        if folder.removeprefix("id/") in KINDS or re.fullmatch(r"concept/[a-z-]+", folder):
            found = difflib.get_close_matches(name[:100], self._neighbours(folder), n=3, cutoff=0.6)
            near = [f"{folder}/{other}" for other in found]
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        links = [self._site.local(self._site.base + other, self._root()) for other in near]
        return problem("not-found", f"{self._site.base}{path} is not in the graph{hint}", nearest=links)

    def _ask_neighbours(self, folder: str) -> tuple[str, ...]:
        prefix = f"{self._site.base}{folder}/"
        rows = self._rows(_NEIGHBOURS % Literal(prefix).n3())
        return tuple(str(row["thing"])[len(prefix) :] for row in rows)

    def _kinds(self, rows: Iterable[Row]) -> list[Value]:
        groups = self._properties("", (row for row in rows if row["property"] == RDF.type))
        return list(groups[0].values) if groups else []

    def _properties(self, iri: str, rows: Iterable[Row]) -> list[Property]:
        """Group rows of ``pages/entity`` by property and value; each value keeps the graphs that say it."""
        grouped: dict[str, dict[Node, dict[str, Cell]]] = {}
        labels: dict[str, str] = {}
        cells: dict[Node, Cell] = {}
        reasons: dict[tuple[str, Node], str] = {}
        for row in rows:
            name = str(row["property"])
            if "propertyLabel" in row:
                labels.setdefault(name, str(row["propertyLabel"]))
            graphs = grouped.setdefault(name, {}).setdefault(row["value"], {})
            if "graph" in row:
                graphs[str(row["graph"])] = self._source(str(row["graph"]))
                if str(row["graph"]) in self._rules:
                    triple = (row["entity"], row["property"], row["value"])
                    reasons[name, row["value"]] = why_address(self._root(), self._site.base, triple)
            if row["value"] not in cells or "valueLabel" in row:
                cells[row["value"]] = self._labelled(row["value"], row.get("valueLabel"))
        ordered = sorted(grouped, key=lambda name: (_rank(name), labels.get(name, short(name)).lower()))
        return [
            Property(
                cell=iri_cell(name, self._link, labels.get(name)),
                values=tuple(
                    Value(cells[value], tuple(graphs.values()), reasons.get((name, value)))
                    for value, graphs in list(grouped[name].items())[:_VALUES_SHOWN]
                ),
                more=max(len(grouped[name]) - _VALUES_SHOWN, 0),
                count=len(grouped[name]),
                all=self._all("of", iri, name),
            )
            for name in ordered
        ]

    def _all(self, direction: str, iri: str, name: str) -> str:
        """Give the address of all values of a property, or of all that points to a thing by it."""
        of = {direction: iri.removeprefix(self._site.base), "by": short(name)}
        return f"{self._root()}/links?{urlencode(of, safe='/:')}"

    def _said(self, iri: str) -> tuple[list[Row], list[Property]]:
        """Give the rows of ``pages/entity``; properties with hundreds of values are counted, not read."""
        counts: dict[str, tuple[Cell, int]] = {}
        for row in self._ask("entity-counts", entity=iri):
            name = str(row["property"])
            head = iri_cell(name, self._link, _text(row.get("propertyLabel")))
            counts.setdefault(name, (head, int(str(row["count"]))))
        many = {name: found for name, found in counts.items() if found[1] > _VALUES_READ}
        if not many:
            return self._ask("entity", entity=iri), []
        rows = self._ask("entity-some", entity=iri, property=[name for name in counts if name not in many])
        return rows, [
            Property(head, (), more=count, count=count, all=self._all("of", iri, name))
            for name, (head, count) in many.items()
        ]

    def _incoming(self, iri: str) -> list[Property]:
        """Give what points to a thing: how much by each property, and where it is not much, which things."""
        heads: dict[str, tuple[Cell, int]] = {}
        for row in self._ask("entity-incoming-counts", entity=iri):
            name = str(row["property"])
            cell = iri_cell(name, self._link, _text(row.get("propertyLabel")))
            heads.setdefault(name, (cell, int(str(row["count"]))))
        few = [name for name, (_, count) in heads.items() if count <= _VALUES_SHOWN]
        grouped: dict[str, dict[str, Value]] = {}
        for row in self._ask("entity-incoming", entity=iri, property=few) if few else ():
            value = Value(self._labelled(row["subject"], row.get("subjectLabel")), ())
            grouped.setdefault(str(row["property"]), {}).setdefault(str(row["subject"]), value)
        return [
            Property(
                head,
                tuple(grouped.get(name, {}).values()),
                more=count if name not in grouped else 0,
                count=count,
                all=self._all("to", iri, name),
            )
            for name, (head, count) in heads.items()
        ]

    def _source(self, graph: str) -> Cell:
        """Present a named graph by what comes after ``graph/``."""
        return iri_cell(graph, self._link, graph.removeprefix(f"{self._site.base}graph/"))

    # --- findings ---------------------------------------------------------------------------------------------------

    def _evidence(self, iri: str, labels: Mapping[Node, str]) -> dict[str, object]:
        """Give what the page of a finding shows beside its properties: figure, statements, chains, disagreement."""
        rows = self._ask("finding", finding=iri)
        first: Row = rows[0] if rows else {}
        sayings: dict[str, Saying] = {}
        for row in rows:
            if "statement" in row:
                saying = sayings.setdefault(str(row["statement"]), Saying(self._labelled(row["statement"], None)))
                self._read_saying(saying, row)
        contested = [
            other
            for row in self._home_contested()
            for other in (
                [self._finding(row, "other", "otherClaim", "otherDisplayValue")] if str(row["finding"]) == iri
                else [self._finding(row, "finding", "claim", "displayValue")] if str(row["other"]) == iri
                else []
            )
        ]  # fmt: skip
        return {
            "claim": _text(first.get("claim")),
            "figure": {name: _text(first.get(name)) for name in ("displayValue", "unit")}
            | {name: _grouped(first.get(name)) for name in ("value", "lower", "upper")},
            "facets": [
                (shown, cell(first[name], self._link, labels.get(first[name]) or _last_part(first[name])))
                for shown, name in (
                    ("Kind", "kind"),
                    ("Bound", "bound"),
                    ("Direction", "direction"),
                    ("Known by", "mode"),
                    ("Measure", "measure"),
                )
                if name in first
            ],
            "populations": _text(first.get("populations")),
            "sectors": _text(first.get("sectors")),
            "sayings": list(sayings.values()),
            "chains": self._chains(iri),
            "contested": contested,
            "waiting": any(words is None for saying in sayings.values() for *_, words in saying.spans.values()),
        }

    def _home_contested(self) -> Sequence[Row]:
        return self._home_rows()["contested"] if self._site.release else self._ask("home-contested")

    def _read_saying(self, saying: Saying, row: Row) -> None:
        saying.document = self._named(row, "document", "documentName")
        saying.sha256 = _text(row.get("documentSha256"))
        saying.fidelity = self._named(row, "fidelity")
        saying.corrected = _text(row.get("correctedReading"))
        if "speakerName" in row and str(row["speakerName"]) not in saying.speakers:
            saying.speakers.append(str(row["speakerName"]))
        for name, label, into in (
            ("attributedTo", "attributedToName", saying.attributed),
            ("relaysDocument", "relaysDocumentName", saying.relays),
        ):
            named = self._named(row, name, label)
            if named is not None and named not in into:
                into.append(named)
        if "span" in row:
            saying.spans[str(row["span"])] = (
                self._labelled(row["span"], None),
                str(row.get("start", "")),
                str(row.get("end", "")),
                _text(row.get("words")),
            )

    def _chains(self, iri: str) -> list[list[dict[str, object]]]:
        """Give each chain of attribution, first the document that nobody relays, last the root."""
        chains: dict[str, dict[str, dict[str, object]]] = {}
        for row in self._ask("finding-chain", finding=iri):
            steps = chains.setdefault(str(row["chain"]), {})
            step = steps.setdefault(
                str(row["statement"]),
                {
                    "document": self._named(row, "document", "documentName") or cell(row["statement"], self._link),
                    "fidelity": self._named(row, "fidelity"),
                    "attributed": [],
                },
            )
            named = self._named(row, "attributedTo", "attributedToName")
            if named is not None and isinstance(step["attributed"], list) and named not in step["attributed"]:
                step["attributed"].append(named)
        return [list(steps.values()) for steps in chains.values()]

    # --- problems, health -------------------------------------------------------------------------------------------

    def problem(self, name: str) -> Response:
        """Explain a type of problem: what its ``type`` leads to."""
        kind = problems.KINDS.get(name)
        if kind is None:
            raise problem("not-found", f"there is no type of problem {name!r}")
        return self._html("kind.html", title=kind.title, kind=kind)

    def health(self) -> Response:
        """Ask the store something whose answer is known: 200 when it is right, else 503."""
        release = self._site.release
        told: dict[str, object] = {"release": release.version if release else None}
        try:
            if release is None:
                right = bool(list(self._rows("SELECT (1 AS ?one) WHERE { }")))
            else:
                version = self._rows(f"SELECT ?version WHERE {{ <{ONTOLOGY}> <{OWL.versionInfo}> ?version }}")
                right = [str(row["version"]) for row in version] == [release.manifest.ontology]
        except StoreError as error:
            told |= {"status": "failing", "why": type(error).__name__}
        else:
            told["status"] = "ok" if right else "wrong answer"
        response = _json(told)
        response.status_code = 200 if told["status"] == "ok" else 503
        response.headers["Cache-Control"] = "no-store"
        return response

    # --- asking and rendering ---------------------------------------------------------------------------------------

    def _ask(self, name: str, **parameters: str | Sequence[str]) -> list[Row]:
        """Run a page query of the catalogue."""
        return self.asking.ask(name, **parameters)

    def _rows(self, text: str) -> list[Row]:
        return list(self._store.rows(text, limits=self._page_limits, trusted=True))

    def _html(self, template: str, **context: object) -> Response:
        return Response(self._site.page(template, self._root(), **context), content_type=content_type(HTML))

    def _chosen(self, offers: Sequence[str]) -> str:
        """Negotiate, or raise the 406 with what there is."""
        return choose(request.headers.get("Accept"), offers)

    def _root(self) -> str:
        return self._site.root(request.environ)

    def _link(self, iri: str) -> str | None:
        return self._site.local(iri, self._root())

    def _labelled(self, term: Node, label: Node | None) -> Cell:
        """Present a term by its label; one of ours without label by its path below the base."""
        text = _text(label)
        if text is None and isinstance(term, URIRef) and term.startswith(self._site.base):
            text = term[len(self._site.base) :]
        return cell(term, self._link, text)

    def _named(self, row: Row, name: str, label: str | None = None) -> Cell | None:
        """Present the term of a column, by the name in another column or by the end of its IRI."""
        if name not in row:
            return None
        text = _text(row.get(label)) if label else None
        if text is None and isinstance(row[name], URIRef):
            text = _last_part(row[name])
        return cell(row[name], self._link, text)

    def _finding(self, row: Row, name: str, claim: str, figure: str) -> Cell:
        iri = str(row[name])
        words = _text(row.get(claim)) or short(iri)
        number = _text(row.get(figure))
        return iri_cell(iri, self._link, f"{words} ({number})" if number else words)

    def _spelled(self, term: Node) -> str:
        """Spell a parameter's value as a person may type it: a path below the base, or the term as it is."""
        text = str(term)
        return text.removeprefix(self._site.base) if isinstance(term, URIRef) else text


def _members(kind: Node) -> str:
    return (
        f"PREFIX osai: <{PREFIXES['osai']}>\nSELECT ?thing ?name WHERE {{\n  ?thing a <{kind}>\n"
        "  OPTIONAL { ?thing osai:name|osai:claim ?name }\n}\nORDER BY ?name ?thing\nLIMIT 1000"
    )


def _first_by(rows: Iterable[Row], name: str) -> list[Row]:
    """Keep the first row for each value of a column: page queries repeat a thing for each of its labels."""
    seen: dict[Node, Row] = {}
    for row in rows:
        seen.setdefault(row[name], row)
    return list(seen.values())


def _rank(name: str) -> int:
    return next((number for number, first in enumerate(_FIRST) if str(first) == name), len(_FIRST))


def _last_part(term: Node) -> str:
    return re.split(r"[/#]", str(term).rstrip("/"))[-1]


def _grouped(term: Node | None) -> str | None:
    """Group the digits of a number for reading; its exact spelling stands among the properties."""
    try:
        return None if term is None else f"{Decimal(str(term)):,f}"
    except InvalidOperation:
        return str(term)


def _text(term: Node | None) -> str | None:
    return None if term is None else str(term)


def _json(body: object) -> Response:
    return Response(json.dumps(body, ensure_ascii=False).encode(), content_type=JSON)


def _permanently(target: str) -> Response:
    return Response(status=301, headers={"Location": target})


def _varying(response: Response) -> Response:
    response.headers["Vary"] = "Accept"
    return response

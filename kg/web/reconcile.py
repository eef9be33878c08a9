"""The Reconciliation Service API: names and keys of somebody's table to things of this graph, and values back.

Candidates come from the search index of the release, values from its store. Identifiers of things are their paths below
the base ("id/org/meta"), of classes and properties their names in the ontology, or CURIEs; IRIs are read as well.

Source: Reconciliation Service API 0.2, Final Community Group Report of 10 April 2023 (W3C Entity Reconciliation
Community Group).
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from flask import Blueprint, Response, request
from markupsafe import escape
from rdflib import Literal, URIRef
from rdflib.namespace import XSD
from rdflib.term import Node

from kg import __version__
from kg.catalogue import Catalogue
from kg.errors import nearest
from kg.search import Candidate, Index, Property, Wanted
from kg.store import Limits, Store
from kg.vocab import OSAI
from kg.web.negotiation import HTML, JSON, content_type
from kg.web.problems import Problem, problem
from kg.web.site import Site

# What one request may hold. A batch of the size takes some seconds; clients are told it in the manifest.
BATCH, IDS, PROPERTIES, CANDIDATES = 1000, 1000, 50, 100
_SUGGESTED = 10
_DEFAULT_CANDIDATES = 5
_DEFAULT_TYPES = ("Organization", "Project", "Model", "Licence", "Document", "Economy")
_CALLBACK = re.compile(r"[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*", re.ASCII)
_LONGEST_CALLBACK = 100
_STRICTNESS = ("any", "all", "should")
_QUERY_FIELDS = frozenset({"query", "type", "limit", "properties", "type_strict"})
_PREVIEW = (430, 220)
_PREVIEWED = ("currentHost", "homepage", "inCountry", "producedBy")
_INTEGERS = frozenset({XSD.integer, XSD.int, XSD.long, XSD.nonNegativeInteger, XSD.positiveInteger})
_FRACTIONS = frozenset({XSD.decimal, XSD.double, XSD.float})
# A preview is made for the frame of another page: the one page of ours that may stand in one.
_FRAMED = "default-src 'none'; base-uri 'none'; style-src 'self'; frame-ancestors *"
_SHAPES = ("entity", "iri")


class Reconciliation:
    """The service over one index and store."""

    def __init__(self, index: Index, store: Store, site: Site, catalogue: Catalogue, *, limits: Limits) -> None:
        self._index, self._store, self._site = index, store, site
        self._extension = catalogue.get("pages/reconcile-extend")
        self._limits = limits

    def blueprint(self) -> Blueprint:
        """Give the routes."""
        routes = Blueprint("reconcile", __name__, url_prefix="/reconcile")
        routes.add_url_rule("", view_func=self.endpoint, methods=["GET", "POST"])
        routes.add_url_rule("/suggest/<kind>", view_func=self.suggest)
        routes.add_url_rule("/flyout/<kind>", view_func=self.flyout)
        routes.add_url_rule("/properties", view_func=self.propose)
        routes.add_url_rule("/preview", view_func=self.preview)
        routes.add_url_rule("/view", view_func=self.view)
        return routes

    # --- manifest -----------------------------------------------------------------------------------------------------

    def endpoint(self) -> Response:
        """Give the manifest, or answer a batch of queries or a data extension, by GET and POST (sections 3.1, 4.3)."""
        given = request.values
        asked = [name for name in ("queries", "extend") if name in given]
        if len(asked) > 1:
            raise problem("bad-parameter", "ask for queries or extend, not both at once")
        if not asked:
            if request.method == "POST":
                raise problem("bad-parameter", "a POST holds a form with queries or extend, each of them JSON")
            return self._json(self.manifest())
        found = _parsed(asked[0], given[asked[0]])
        return self._json(self._answers(found) if asked[0] == "queries" else self._extended(found))

    def manifest(self) -> dict[str, object]:
        """Describe the service (section 3.1)."""
        here = self._here()

        def place(path: str) -> dict[str, str]:
            return {"service_url": here, "service_path": path}

        def suggest(kind: str) -> dict[str, str]:
            return place(f"/suggest/{kind}") | {
                "flyout_service_url": here,
                "flyout_service_path": f"/flyout/{kind}?id=${{id}}",
            }

        return {
            "versions": ["0.1", "0.2"],
            "name": "Knowledge graph of open source AI",
            "identifierSpace": self._site.base,
            "schemaSpace": str(OSAI._NS),
            "documentation": f"{self._site.address(request.environ)}/ontology",
            "logo": f"{self._site.address(request.environ)}/static/icon.svg",
            "serviceVersion": __version__,
            "defaultTypes": [self._type(kind) for kind in _DEFAULT_TYPES if kind in self._index.classes],
            "view": {"url": f"{here}/view?id={{{{id}}}}"},
            "preview": {"url": f"{here}/preview?id={{{{id}}}}", "width": _PREVIEW[0], "height": _PREVIEW[1]},
            "suggest": {kind: suggest(kind) for kind in ("entity", "type", "property")},
            "extend": {
                "propose_properties": place("/properties"),
                "property_settings": [
                    {
                        "name": "limit",
                        "label": "Most values",
                        "type": "number",
                        "default": 0,
                        "help_text": "How many values to give of each thing; 0 gives all of them.",
                    },
                    {
                        "name": "content",
                        "label": "Content",
                        "type": "select",
                        "default": "entity",
                        "help_text": "Whether a thing is given as a match or as its IRI.",
                        "choices": [
                            {"value": "entity", "name": "a match, by name"},
                            {"value": "iri", "name": "its IRI"},
                        ],
                    },
                ],
            },
            "batchSize": BATCH,
        }

    # --- queries ------------------------------------------------------------------------------------------------------

    def _answers(self, batch: object) -> dict[str, object]:
        """Answer a batch, each query by itself (section 4)."""
        if not isinstance(batch, dict):
            raise problem("bad-parameter", "queries is a JSON object that maps names of your choice to queries")
        if len(batch) > BATCH:
            raise problem("request-too-large", f"a batch may hold {BATCH:,} queries, this one has {len(batch):,}")
        return {name: {"result": self._answer(name, query)} for name, query in batch.items()}

    def _answer(self, name: str, query: object) -> list[dict[str, object]]:
        where = f"query {name[:40]!r}"
        if not isinstance(query, dict):
            raise problem("bad-parameter", f"{where} is no JSON object")
        unknown = sorted(set(query) - _QUERY_FIELDS)
        if unknown:
            hint = nearest(unknown[0], _QUERY_FIELDS)
            raise problem("bad-parameter", f"{where}: there is no field {unknown[0]!r}{hint}")
        text = query.get("query", "")
        wanted = [self._wanted(where, one) for one in _listed(query.get("properties"))]
        if not isinstance(text, str) or not (text.strip() or wanted):
            raise problem("bad-parameter", f"{where} needs a text in query, or properties")
        limit = query.get("limit", _DEFAULT_CANDIDATES)
        if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
            raise problem("bad-parameter", f"{where}: limit is a whole number from 1")
        strictness = query.get("type_strict", "any")
        if strictness not in _STRICTNESS:
            raise problem("bad-parameter", f"{where}: type_strict is one of {', '.join(_STRICTNESS)}")
        types = [self._type_named(where, one) for one in _listed(query.get("type"))]
        found = self._index.candidates(
            text, types=types, wanted=wanted, limit=min(limit, CANDIDATES), strict=strictness != "should"
        )
        return [self._candidate(one) for one in found]

    def _wanted(self, where: str, given: object) -> Wanted:
        if not isinstance(given, dict) or not isinstance(given.get("pid"), str) or "v" not in given:
            raise problem("bad-parameter", f"{where}: a property is an object with pid and v")
        found = self._property_named(where, given["pid"])
        values = []
        for value in _listed(given["v"]):
            if isinstance(value, dict) and isinstance(value.get("id"), str):
                values.append(value["id"])
            elif isinstance(value, bool):
                values.append(str(value).lower())
            elif isinstance(value, str | int | float):
                values.append(str(value))
            else:
                told = "a value is a text, a number, true or false, or an object with id"
                raise problem("bad-parameter", f"{where}: {told}")
        return Wanted(found, tuple(value for value in values if value.strip()))

    def _candidate(self, found: Candidate) -> dict[str, object]:
        return {
            "id": self._id(found.iri),
            "name": found.name,
            "description": f"{found.note} ({found.why})" if found.note else found.why,
            "type": [self._type(kind) for kind in found.types],
            "score": found.score,
            "features": [{"id": name, "value": value} for name, value in found.features.items()],
            "match": found.match,
        }

    # --- data extension -----------------------------------------------------------------------------------------------

    def _extended(self, asked: object) -> dict[str, object]:
        """Give values of properties (section 7.3). A thing that is not here has no value."""
        if not isinstance(asked, dict) or not isinstance(asked.get("ids"), list):
            raise problem("bad-parameter", "extend is a JSON object with ids and properties, both of them lists")
        wanted = [one if isinstance(one, dict) else {} for one in _listed(asked.get("properties"))]
        ids = asked["ids"]
        if any(not isinstance(one, str) for one in ids) or any(not isinstance(one.get("id"), str) for one in wanted):
            raise problem("bad-parameter", "ids are texts, and each property is an object with an id")
        if len(ids) > IDS or len(wanted) > PROPERTIES:
            raise problem("request-too-large", f"an extension may ask {PROPERTIES} properties of {IDS:,} things")
        names = {one["id"]: self._property_named("extend", one["id"]) for one in wanted}
        things = {one: found.iri for one in dict.fromkeys(ids) if (found := self._index.described(one))}
        values = self._values(set(things.values()), {self._index.properties[name].iri for name in names.values()})
        settings = {one["id"]: _settings(one.get("settings")) for one in wanted}
        rows = {
            one: {
                given: self._cells(values[things.get(one, ""), self._index.properties[name].iri], settings[given])
                for given, name in names.items()
            }
            for one in ids
        }
        meta = [{"id": given, "name": self._index.properties[name].name} for given, name in names.items()]
        return {"meta": meta, "rows": rows}

    def _values(self, things: set[str], properties: set[str]) -> Mapping[tuple[str, str], list[tuple[Node, str]]]:
        found: defaultdict[tuple[str, str], list[tuple[Node, str]]] = defaultdict(list)
        if not things or not properties:
            return found
        text = self._extension.bind(
            entity=[URIRef(iri) for iri in sorted(things)], property=[URIRef(iri) for iri in sorted(properties)]
        )
        for row in self._store.rows(text, limits=self._limits, trusted=True):
            found[str(row["entity"]), str(row["property"])].append((row["value"], str(row.get("label") or "")))
        return found

    def _cells(self, values: Sequence[tuple[Node, str]], settings: tuple[int, str]) -> list[dict[str, object]]:
        limit, shape = settings
        cells: list[dict[str, object]] = []
        for value, name in values[: limit or None]:
            place = self._id(str(value)) if isinstance(value, URIRef) else ""
            if place and place != str(value) and shape == "entity":
                cells.append({"id": place, "name": name or place})
            else:
                cells.append(_cell(value))
        return cells

    def propose(self) -> Response:
        """Propose the properties that things of a type have (section 7.2)."""
        kind = request.args.get("type", "")
        limit = _whole("limit", 50)
        known = self._index.identify(self._index.classes, kind)
        found = self._index.proposals(known, limit) if known else []
        return self._json(
            {"type": kind, "limit": limit, "properties": [{"id": one.id, "name": one.name} for one in found]}
        )

    # --- suggest ------------------------------------------------------------------------------------------------------

    def suggest(self, kind: str) -> Response:
        """Complete the beginning of a name or an identifier (section 6)."""
        prefix = request.args.get("prefix", "").strip()
        cursor = _whole("cursor", 0)
        if kind == "entity":
            types = [self._type_named("suggest", one) for one in request.args.getlist("type") if one]
            hits = self._index.search(prefix, types[0] if types else None, _SUGGESTED, skip=cursor) if prefix else []
            return self._json({"result": [self._suggested(hit.iri) for hit in hits]})
        terms = self._terms(kind)
        found = _beginning(terms.values(), prefix)[cursor : cursor + _SUGGESTED]
        return self._json(
            {
                "result": [
                    {"id": one.id, "name": one.name, "description": f"{one.iri} · {one.count:,} things"}
                    for one in found
                ]
            }
        )

    def _suggested(self, iri: str) -> dict[str, object]:
        found = self._index.described(iri)
        assert found is not None  # noqa: S101  (the index found it a moment ago, and never changes)
        return {
            "id": self._id(iri),
            "name": found.name,
            "description": found.note,
            "notable": [self._type(kind) for kind in found.types],
        }

    def _terms(self, kind: str) -> Mapping[str, Property]:
        if kind not in ("type", "property"):
            raise problem("not-found", "entity, type and property are suggested, nothing else")
        return self._index.classes if kind == "type" else self._index.properties

    def flyout(self, kind: str) -> Response:
        """Give a small piece of HTML about what was suggested (section 6.4)."""
        given = request.args.get("id", "")
        if kind == "entity":
            found = self._known(given)
            name, note = found.name, found.note
        else:
            terms = self._terms(kind)
            known = self._index.identify(terms, given)
            if known is None:
                raise problem("not-found", f"there is no {kind} {given[:80]!r}{nearest(given, terms)}")
            name, note = terms[known].name, f"{terms[known].iri} · {terms[known].count:,} things"
        return self._json({"id": given, "html": f"<p><strong>{escape(name)}</strong><br>{escape(note)}</p>"})

    # --- view and preview ---------------------------------------------------------------------------------------------

    def preview(self) -> Response:
        """Show a thing in the frame of another page (section 5)."""
        found = self._known(request.args.get("id", ""))
        root = self._site.root(request.environ)
        kinds = ", ".join(self._index.classes[kind].name for kind in found.types if kind in self._index.classes)
        told = [self._index.properties[name].iri for name in _PREVIEWED if name in self._index.properties]
        said = self._values({found.iri}, set(told))
        facts = [
            (self._property_name(iri), [name or str(value) for value, name in values[:3]])
            for (_, iri), values in sorted(said.items())
        ]
        page = self._site.local(found.iri, root)
        body = self._site.page("preview.html", root, title=found.name, found=found, kinds=kinds, facts=facts, page=page)
        response = Response(body, content_type=content_type(HTML))
        response.headers["Content-Security-Policy"] = _FRAMED
        return response

    def _property_name(self, iri: str) -> str:
        return next((one.name for one in self._index.properties.values() if one.iri == iri), iri)

    def view(self) -> Response:
        """Send to the page of a thing."""
        found = self._known(request.args.get("id", ""))
        return Response(
            status=303, headers={"Location": self._site.local(found.iri, self._site.root(request.environ)) or "/"}
        )

    def _known(self, given: str) -> Candidate:
        found = self._index.described(given) if given.strip() else None
        if found is None:
            said = f"there is nothing with the identifier {given[:100]!r}; one is a path such as id/org/meta"
            raise problem("not-found", said)
        return found

    # --- spelling -----------------------------------------------------------------------------------------------------

    def _here(self) -> str:
        return f"{self._site.address(request.environ)}/reconcile"

    def _id(self, iri: str) -> str:
        return iri.removeprefix(self._site.base)

    def _type(self, kind: str) -> dict[str, object]:
        known = self._index.classes.get(kind)
        if known is None:
            return {"id": kind, "name": kind}
        above = [self._index.classes[upper] for upper in known.broader if upper in self._index.classes]
        return {"id": known.id, "name": known.name} | (
            {"broader": [{"id": one.id, "name": one.name} for one in above]} if above else {}
        )

    def _type_named(self, where: str, given: object) -> str:
        text = given.get("id") if isinstance(given, dict) else given
        known = self._index.identify(self._index.classes, text) if isinstance(text, str) else None
        if known is None:
            raise _unknown(where, "type", str(text), self._index.classes)
        return known

    def _property_named(self, where: str, given: str) -> str:
        known = self._index.identify(self._index.properties, given)
        if known is None:
            raise _unknown(where, "property", given, self._index.properties)
        return known

    def _json(self, answer: object) -> Response:
        """Write JSON, or a call of the function that ``callback`` names (JSONP, section 3.3)."""
        body = json.dumps(answer, ensure_ascii=False)
        name = request.values.get("callback")
        if name is None:
            return Response(body.encode(), content_type=JSON)
        if len(name) > _LONGEST_CALLBACK or not _CALLBACK.fullmatch(name):
            told = "callback is the name of a function: letters, digits, _ and $, with full stops between"
            raise problem("bad-parameter", told)
        # Two ends of line that JSON has and scripts had not; a comment before what a plug-in could take for its own.
        script = body.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
        return Response(f"/**/{name}({script});".encode(), content_type="text/javascript; charset=utf-8")


def _unknown(where: str, kind: str, given: str, known: Iterable[str]) -> Problem:
    return problem("bad-parameter", f"{where}: there is no {kind} {given[:80]!r}{nearest(given, known)}")


def _parsed(name: str, text: str) -> object:
    try:
        return json.loads(text)
    except ValueError as error:
        raise problem("bad-parameter", f"{name} is no JSON: {error}") from error
    except RecursionError as error:
        raise problem("bad-parameter", f"{name} is nested too deep") from error


def _listed(given: object) -> Sequence[Any]:
    return given if isinstance(given, list) else () if given is None or given == "" else (given,)


def _whole(name: str, default: int) -> int:
    text = request.args.get(name) or str(default)
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise problem("bad-parameter", f"{name} is a whole number")
    return int(text)


def _settings(given: object) -> tuple[int, str]:
    """Read the settings of a property: how many values, and in which shape. OpenRefine sends numbers as texts."""
    settings = given if isinstance(given, dict) else {}
    limit, shape = str(settings.get("limit") or 0), settings.get("content") or _SHAPES[0]
    if not limit.isascii() or not limit.isdigit() or shape not in _SHAPES:
        raise problem("bad-parameter", f"settings: limit is a whole number, content one of {', '.join(_SHAPES)}")
    return int(limit), str(shape)


def _cell(value: Node) -> dict[str, object]:
    """Spell one value that is no thing of ours as a cell (section 7.4)."""
    text = str(value)
    if isinstance(value, Literal):
        if value.datatype in _INTEGERS and re.fullmatch(r"[+-]?[0-9]{1,18}", text):
            return {"int": int(text)}
        if value.datatype in _FRACTIONS and re.fullmatch(r"[+-]?[0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?", text):
            return {"float": float(text)}
        if value.datatype == XSD.dateTime and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|[+-]\d\d:\d\d)?", text):
            return {"date": text}
        if value.datatype == XSD.date and re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            return {"date": f"{text}T00:00:00Z"}
    return {"str": text}


def _beginning(terms: Iterable[Property], prefix: str) -> list[Property]:
    """Give the terms whose identifier, IRI or a word of whose name begins so, those of most things first."""
    wanted = prefix.casefold()

    def rank(one: Property) -> int | None:
        if wanted in (one.id.casefold(), one.iri.casefold(), one.name.casefold()):
            return 0
        if one.name.casefold().startswith(wanted) or one.id.casefold().startswith(wanted):
            return 1
        return 2 if any(word.startswith(wanted) for word in one.name.casefold().split()) else None

    ranked = [(at, -one.count, one.id, one) for one in terms if (at := rank(one)) is not None]
    return [one for *_, one in sorted(ranked, key=lambda row: row[:3])]

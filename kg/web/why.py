"""The address /why: why a triple is in the release, for people and for programs.

Proves with the rules that the build left in the release; it compiles none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from flask import Blueprint, Response, request
from rdflib.term import Literal, Node

from kg.errors import AbsentError, QueryTimeoutError
from kg.rule import Rule, Triple
from kg.store import Limits, Store
from kg.web.negotiation import HTML, JSON, content_type, negotiate
from kg.web.problems import problem
from kg.web.site import PAGE_BYTES, PAGE_ROWS, Site
from kg.web.terms import Cell, cell, iri_cell
from kg.why import Explainer, Proof, Words, compact
from kg.why.words import NOWHERE

_PARAMETERS = ("s", "p", "o", "format")
_FORMATS = {"html": HTML, "json": JSON}


def why_address(root: str, base: str, triple: Sequence[Node]) -> str:
    """Give the address that proves a triple, or lists what was inferred where its object is left out."""
    return _address(root, [compact(term, base) for term in triple])


def _address(root: str, terms: Sequence[str]) -> str:
    return f"{root}/why?{urlencode(list(zip('spo', terms, strict=False)), safe='/:')}"


@dataclass(frozen=True, slots=True)
class Sentence:
    """A triple on a page: three cells, of which the middle one is the verb."""

    subject: Cell
    verb: Cell
    object: Cell


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a proof on a page. ``again`` is the step that proved the same before; premises are shown once."""

    id: str
    sentence: Sentence
    rule: Cell | None
    axiom: str | None
    places: tuple[tuple[Cell, tuple[tuple[Cell, str | None, str | None], ...]], ...]
    premises: tuple[Step, ...]
    again: str | None = None


class WhyPages:
    """Proofs over one store, by the rules of its release."""

    def __init__(self, store: Store, site: Site, rules: Iterable[Rule], *, limits: Limits) -> None:
        self._store = store
        self._site = site
        self._rules = tuple(rules)
        self._limits = replace(limits, bytes=min(limits.bytes, PAGE_BYTES))

    def blueprint(self) -> Blueprint:
        """Give the route."""
        routes = Blueprint("why", __name__)
        routes.add_url_rule("/why", view_func=self.why)
        return routes

    def why(self) -> Response:
        """Prove a triple (s, p, o), or list what was inferred about a subject (s, or s and p), as a page or as JSON.

        JSON has the ``release`` and either ``proof`` (see ``Words.to_json``) or ``inferred``: sentences, triples and
        rules, as the first three members of a proof. Nothing to prove is a 404; its ``nearest`` leads to what is there.
        """
        self._need_rules()
        given = self._parameters()
        chosen = self._chosen(given.pop("format", None))
        explainer = Explainer(self._asked_in_time(), self._rules, self._site.base)
        shown: dict[str, object] = {}
        context: dict[str, object] = {"title": "Why is this here?"}
        try:
            if "o" in given:
                shown, context = self._prove(explainer, given)
            elif "s" in given:
                shown, context = self._list(explainer, given)
        except AbsentError as error:
            nearest = [_address(self._root(), terms) for terms in error.nearest]
            raise problem("not-found", str(error), nearest=nearest) from error
        if chosen == HTML:
            page = self._site.page("why.html", self._root(), **context)
            response = Response(page, content_type=content_type(HTML))
        else:
            if not shown:
                raise problem("bad-parameter", "say what to explain: s, or s and p, or s, p and o")
            release = self._site.release
            body = {"release": release.version if release else None, **shown}
            response = Response(json.dumps(body, ensure_ascii=False).encode(), content_type=JSON)
        response.headers["Vary"] = "Accept"
        return response

    def _need_rules(self) -> None:
        release = self._site.release
        if release is None:
            raise problem(
                "not-found", "this service serves data without a release, so nothing says which rules inferred what"
            )
        if not self._rules:
            raise problem(
                "not-found",
                f"release {release.version} does not hold the rules it was built with, so nothing can be proved; "
                "build it again",
            )

    def _parameters(self) -> dict[str, str]:
        given = {}
        for name, values in request.args.lists():
            if name not in _PARAMETERS:
                raise problem("bad-parameter", f"{name!r} is no parameter here; they are {', '.join(_PARAMETERS)}")
            if len(values) > 1:
                raise problem("bad-parameter", f"{name} is given {len(values)} times; one is meant")
            if values[0].strip():
                given[name] = values[0]
        for name, needed in (("o", "p"), ("p", "s")):
            if name in given and needed not in given:
                raise problem("bad-parameter", f"{name} needs {needed} beside it")
        return given

    def _prove(self, explainer: Explainer, given: Mapping[str, str]) -> tuple[dict[str, object], dict[str, object]]:
        triple = (explainer.subject(given["s"]), explainer.predicate(given["p"]), explainer.object(given["o"]))
        proof = explainer.proof(triple)
        words = explainer.words(proof)
        context: dict[str, object] = {
            "title": words.sentence(proof.triple),
            "proof": self._step(words, proof, {}),
            "nowhere": NOWHERE,
            "json": f"{why_address(self._root(), self._site.base, triple)}&format=json",
        }
        return {"proof": words.to_json(proof)}, context

    def _list(self, explainer: Explainer, given: Mapping[str, str]) -> tuple[dict[str, object], dict[str, object]]:
        subject = explainer.subject(given["s"])
        inferred = explainer.inferred(subject, explainer.predicate(given["p"]) if "p" in given else None)
        words = explainer.words_of(triple for triple, _ in inferred)
        shown = inferred[:PAGE_ROWS]
        context: dict[str, object] = {
            "title": f"What was inferred about {words.name(subject)}",
            "inferred": [
                (
                    self._sentence(words, triple),
                    iri_cell(str(rule.graph), self._link, rule.name),
                    why_address(self._root(), self._site.base, triple),
                )
                for triple, rule in shown
            ],
            "more": len(inferred) - len(shown),
            "json": f"{_address(self._root(), [given[name] for name in 'sp' if name in given])}&format=json",
        }
        return {"inferred": [words.head_to_json(triple, rule) for triple, rule in inferred]}, context

    def _step(self, words: Words, proof: Proof, seen: dict[Triple, str], number: str = "1") -> Step:
        again = seen.get(proof.triple) if proof.rule else None
        seen.setdefault(proof.triple, f"step-{number}")
        premises = () if again else proof.premises
        return Step(
            id=f"step-{number}",
            sentence=self._sentence(words, proof.triple),
            rule=iri_cell(str(proof.rule.graph), self._link, proof.rule.name) if proof.rule else None,
            axiom=proof.rule.axiom if proof.rule else None,
            places=tuple(
                (
                    iri_cell(str(place.graph), self._link, words.path(place.graph)),
                    tuple(
                        (
                            iri_cell(str(record.iri), self._link, record.locator or words.path(record.iri)),
                            record.sha256 and record.sha256[:12],
                            record.source,
                        )
                        for record in place.records
                    ),
                )
                for place in proof.places
            ),
            premises=tuple(
                self._step(words, premise, seen, f"{number}.{index}") for index, premise in enumerate(premises, start=1)
            ),
            again=again,
        )

    def _sentence(self, words: Words, triple: Triple) -> Sentence:
        subject, predicate, object_ = triple
        return Sentence(
            cell(subject, self._link, words.name(subject)),
            iri_cell(str(predicate), self._link, words.verb(triple)),
            cell(object_, self._link, None if isinstance(object_, Literal) else words.name(object_)),
        )

    def _asked_in_time(self) -> Callable[[str], Iterable[Mapping[str, Node]]]:
        """Give the rows of queries that all together have the time of one. A proof asks many."""
        until = time.monotonic() + self._limits.seconds

        def rows(query: str) -> Iterable[Mapping[str, Node]]:
            left = until - time.monotonic()
            if left <= 0:
                raise QueryTimeoutError(self._limits.seconds)
            return self._store.rows(query, limits=replace(self._limits, seconds=left), trusted=True)

        return rows

    def _chosen(self, name: str | None) -> str:
        if name is not None:
            if name not in _FORMATS:
                raise problem("bad-parameter", f"format is one of {', '.join(_FORMATS)}, not {name!r}")
            return _FORMATS[name]
        chosen = negotiate(request.headers.get("Accept"), (HTML, JSON))
        if chosen is None:
            raise problem("not-acceptable", f"this is offered as {HTML}, {JSON}", offered=[HTML, JSON])
        return chosen

    def _root(self) -> str:
        return self._site.root(request.environ)

    def _link(self, iri: str) -> str | None:
        return self._site.local(iri, self._root())

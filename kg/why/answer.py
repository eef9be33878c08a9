"""Answers to "why is this here?" as people ask it: terms as they are typed, and what is near when nothing is there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from rdflib import RDF
from rdflib.term import Literal, Node, URIRef

from kg.errors import AbsentError, QuerySyntaxError, QuestionError, nearest
from kg.model import KINDS
from kg.rule import Rule, Triple
from kg.vocab import OSAI, PREFIXES
from kg.why.proof import Proof, Rows, explain
from kg.why.words import Words, compact

NEAR = 10  # values that a message names when what was asked for is not there
_NEIGHBOURS = 5000  # names that a typing slip is compared with

_ROOTS = ("id", "concept", "graph")  # of paths below the base (ontology design, section 1)
_NOT_IN_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`]")  # SPARQL 1.1, rule 139
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# RDF 1.1 N-Triples, section 7; of language tags what SPARQL takes (rule 145). A datatype may be a CURIE too.
_LITERAL = re.compile(
    r'"(?P<text>(?:[^"\\\n\r]|\\.)*)"(?:@(?P<language>[A-Za-z]+(?:-[A-Za-z0-9]+)*)|\^\^(?P<datatype>\S+))?'
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_ESCAPES = r"\t \b \n \r \f \" \' \\ \uXXXX \UXXXXXXXX"
_ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


class Explainer:
    """Says why, over one release: ``rows`` runs a SELECT on it, ``rules`` are those that it was built with."""

    def __init__(self, rows: Rows, rules: Iterable[Rule], base: str) -> None:
        self._rows = _asking(rows)
        self._rules = tuple(rules)
        self._by_graph = {rule.graph: rule for rule in self._rules}
        self._base = base

    def subject(self, text: str) -> URIRef:
        """Read a subject: an IRI whole or short, or a path below the base. Raises QuestionError, as the others do."""
        return self._iri(text)

    def predicate(self, text: str) -> URIRef:
        """Read a predicate: also ``a``, and the bare name of a term of ours (``currentHost``)."""
        return RDF.type if text.strip() == "a" else self._iri(text, ours=True)

    def object(self, text: str) -> URIRef | Literal:
        """Read an object: also the bare name of a class of ours, and a literal as N-Triples spell it."""
        text = text.strip()
        if not text.startswith('"'):
            return self._iri(text, ours=True)
        found = _LITERAL.fullmatch(text)
        if found is None:
            raise QuestionError(
                f"{text} is no literal; write it as N-Triples do: "
                '"text", "text"@en or "2022"^^xsd:integer, with \\" and \\\\ inside'
            )
        words = _unescaped(found["text"])
        _encodable(words)
        datatype = self._iri(found["datatype"]) if found["datatype"] else None
        return Literal(words, lang=found["language"], datatype=datatype, normalize=False)

    def proof(self, triple: Triple) -> Proof:
        """Prove a triple; see ``explain``. The AbsentError of one that is not there names what is near."""
        try:
            return explain(self._rows, self._rules, triple)
        except AbsentError as error:
            asked = " ".join(compact(term, self._base) for term in triple)
            raise self._near(triple[0], triple[1], f"{asked} is not in the release") from error

    def inferred(self, subject: URIRef, predicate: URIRef | None = None) -> list[tuple[Triple, Rule]]:
        """Give what was inferred about a subject, each with the rule that made it, in order of their terms.

        Raises AbsentError when nothing was.
        """
        asked = predicate.n3() if predicate else "?p"
        found = []
        for row in self._rows(
            f"SELECT ?g {'?p' if predicate is None else ''} ?o WHERE {{ GRAPH ?g {{ {subject.n3()} {asked} ?o }} "
            f'FILTER(STRSTARTS(STR(?g), "{self._base}graph/inferred/")) }} ORDER BY ?p ?o ?g'
        ):
            rule = self._by_graph.get(URIRef(str(row["g"])))
            if rule is not None:
                made = (subject, predicate or URIRef(str(row["p"])), row["o"])
                found.append((made, rule))
        if not found:
            asked = " ".join(compact(term, self._base) for term in (subject, predicate) if term)
            raise self._near(subject, predicate, f"nothing was inferred about {asked}")
        return found  # type: ignore[return-value]  # an object is an IRI or a literal: a release has no blank node

    def words(self, *proofs: Proof) -> Words:
        """Look up what the terms of proofs are called."""
        return Words.of(self._rows, self._base, *proofs)

    def words_of(self, triples: Iterable[Triple]) -> Words:
        """Look up what the terms of triples are called."""
        return Words(self._rows, self._base, triples)

    # --- reading ----------------------------------------------------------------------------------------------------

    def _iri(self, text: str, *, ours: bool = False) -> URIRef:
        text = text.strip()
        if text.startswith("<") and text.endswith(">"):
            text = text[1:-1]
        _encodable(text)
        if bad := _NOT_IN_IRI.search(text):
            raise QuestionError(f"{bad[0]!r} may not stand in an IRI, as it does in {text!r}")
        path = text.removeprefix("/")
        first, slash, _ = path.partition("/")
        if slash and first in _ROOTS:
            return URIRef(self._base + path)
        if slash and first in KINDS:
            return URIRef(f"{self._base}id/{path}")
        if scheme := _SCHEME.match(text):
            rest = text[scheme.end() :]
            if scheme[1] in PREFIXES and not rest.startswith("//"):
                return URIRef(PREFIXES[scheme[1]] + rest)
            if rest.startswith("//") or scheme[1] == "urn":
                return URIRef(text)
            raise QuestionError(
                f"{scheme[1]!r} in {text!r} is no known prefix{nearest(scheme[1], PREFIXES)}; "
                f"known are {', '.join(sorted(PREFIXES))}"
            )
        terms = OSAI.__annotations__
        if ours and text in terms:
            return OSAI[text]
        bare = f", as the bare name of a term (currentHost){nearest(text, terms)}" if ours else ""
        raise QuestionError(
            f"{text!r} is no IRI; write it whole (https://…), short (osai:Project), as a path below {self._base} "
            f"(id/project/pytorch){bare}"
        )

    # --- what is near -----------------------------------------------------------------------------------------------

    def _near(self, subject: URIRef, predicate: URIRef | None, missing: str) -> AbsentError:
        """Say what is missing, and what is there: other objects, else other predicates, else other subjects."""

        def error(said: str, start: Sequence[Node], near: Sequence[Node]) -> AbsentError:
            names = ", ".join(compact(term, self._base) for term in near[:NEAR])
            more = " and more" if len(near) > NEAR else ""
            shown = [tuple(compact(part, self._base) for part in (*start, term)) for term in near[:NEAR]]
            return AbsentError(f"{missing}; {said} {names}{more}", nearest=shown)

        whose = compact(subject, self._base)
        if predicate and (objects := self._values("o", f"{subject.n3()} {predicate.n3()} ?o")):
            what = compact(predicate, self._base)
            return error(f"{what} of {whose} is", (subject, predicate), objects)
        if predicates := self._values("p", f"{subject.n3()} ?p ?o"):
            return error(f"what is said of {whose}:", (subject,), predicates)
        folder = Literal(str(subject).rpartition("/")[0] + "/").n3()
        rows = self._rows(
            f"SELECT DISTINCT ?s WHERE {{ ?s a ?class FILTER(STRSTARTS(STR(?s), {folder})) }} ORDER BY ?s "
            f"LIMIT {_NEIGHBOURS}"
        )
        hint = nearest(whose, [compact(row["s"], self._base) for row in rows])
        return AbsentError(f"{missing}; nothing is said of {whose}{hint}")

    def _values(self, name: str, pattern: str) -> Sequence[Node]:
        """Give one variable's values, in the default graph and in named ones, one more than are named."""
        return [
            row[name]
            for row in self._rows(
                f"SELECT DISTINCT ?{name} WHERE {{ {{ {pattern} }} UNION {{ GRAPH ?g {{ {pattern} }} }} }} "
                f"ORDER BY ?{name} LIMIT {NEAR + 1}"
            )
        ]


def _asking(rows: Rows) -> Rows:
    """Blame what was typed for a query that is not SPARQL: everything else in it is ours."""

    def asked(query: str) -> Iterable[Mapping[str, Node]]:
        try:
            return list(rows(query))
        except QuerySyntaxError as error:
            raise QuestionError(f"one of the terms cannot stand in a graph: {error}") from error

    return asked


def _unescaped(text: str) -> str:
    def plain(found: re.Match[str]) -> str:
        code = found[1] or found[2]
        if code:
            number = int(code, 16)
            if number > 0x10FFFF:
                raise QuestionError(f"{found[0]} is no character")
            return chr(number)
        if found[3] not in _ESCAPED:
            raise QuestionError(f"\\{found[3]} is no escape of N-Triples; they are {_ESCAPES}")
        return _ESCAPED[found[3]]

    return _ESCAPE.sub(plain, text)


def _encodable(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise QuestionError("half of a surrogate pair is no character") from error

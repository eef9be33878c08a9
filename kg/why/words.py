"""A proof in words: sentences made of labels, for a terminal, and the same as JSON. Asks for labels, proves nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rdflib import RDF, RDFS, SKOS
from rdflib.namespace import XSD
from rdflib.term import Literal, Node, URIRef

from kg.rule import Rule, Triple
from kg.vocab import OSAI, PREFIXES
from kg.why.proof import Contradiction, Place, Proof, Rows

_BATCH = 100  # terms that are looked up with one query

# What a thing is called, best first.
_NAMING = (OSAI.name, OSAI.claim, SKOS.prefLabel, RDFS.label)

# How the label of a property becomes the verb of a sentence: the words that labels begin or end with (ontology design,
# section 2). "governs" is a verb already, "of project" and "published by" want an "is", and "current host" a "has".
_VERBS = re.compile(
    r"(assesses|attributes|bears|cites|compares|concerns|contradicts|depends|expresses|gives|governs|has|holds|initiates"
    r"|is|participates|produces|refines|relays|stands|supports|terminates|was|yields)\b"
)
_RELATIONS = re.compile(r"(about|after|as|from|in|of|over|to|under|within) |\S+ of\b|.* (by|from|in|of|under|with)$")

# Namespaces, longest first, so that one inside another wins.
_NAMESPACES = sorted(PREFIXES.items(), key=lambda pair: -len(pair[1]))
_LOCAL = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_PLAIN = frozenset({None, XSD.string})
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"})


def in_n_triples(term: Node) -> str:
    """Spell a term as N-Triples do: on one line, with its whole IRI. Source: RDF 1.1 N-Triples, section 2."""
    if not isinstance(term, Literal):
        return f"<{term}>"
    text = f'"{str(term).translate(_ESCAPES)}"'
    if term.language:
        return f"{text}@{term.language}"
    return text if term.datatype in _PLAIN else f"{text}^^<{term.datatype}>"


def verb(label: str) -> str:
    """Make the verb of a sentence from the label of a property.

    >>> [verb(label) for label in ("current host", "governs", "published by", "of project", "part of event")]
    ['has current host', 'governs', 'is published by', 'is of project', 'is part of event']
    """
    if _VERBS.match(label):
        return label
    return f"{'is' if _RELATIONS.match(label) else 'has'} {label}"


def compact(term: Node, base: str) -> str:
    """Spell a term as short as it can be typed: below the base, with a known prefix, or as N-Triples do.

    >>> compact(URIRef("https://kg.example/id/org/meta"), "https://kg.example/"), compact(OSAI.name, "")
    ('id/org/meta', 'osai:name')
    """
    if isinstance(term, URIRef):
        path = term.removeprefix(base)
        if path != term and path.startswith(("id/", "concept/", "graph/")):
            return path
        for prefix, namespace in _NAMESPACES:
            if term.startswith(namespace) and _LOCAL.fullmatch(term[len(namespace) :]):
                return f"{prefix}:{term[len(namespace) :]}"
    return in_n_triples(term)


class Words:
    """What the terms of some triples are called. Everything is asked for at once, when it is made.

    ``rows`` runs a SELECT on the release; labels are read from the default graph, in English or in no language.
    """

    def __init__(self, rows: Rows, base: str, triples: Iterable[Triple]) -> None:
        self._base = base
        terms = sorted({term for triple in triples for term in triple if isinstance(term, URIRef)})
        self._names: dict[Node, str] = {}
        naming = " ".join(f"({property_.n3()} {rank})" for rank, property_ in enumerate(_NAMING))
        for start in range(0, len(terms), _BATCH):
            values = " ".join(term.n3() for term in terms[start : start + _BATCH])
            for row in rows(
                f"SELECT ?term ?label WHERE {{ VALUES ?term {{ {values} }} VALUES (?property ?rank) {{ {naming} }} "
                '?term ?property ?label FILTER(LANG(?label) IN ("en", "")) } ORDER BY ?term ?rank ?label'
            ):
                self._names.setdefault(row["term"], str(row["label"]))

    @classmethod
    def of(cls, rows: Rows, base: str, *proofs: Proof) -> Words:
        """Look up what the terms of whole proofs are called."""
        return cls(rows, base, (step.triple for proof in proofs for step in proof.steps()))

    def label(self, term: Node) -> str | None:
        """Give the label of a term, or None when the data has none."""
        return self._names.get(term)

    def name(self, term: Node) -> str:
        """Call a term by its label; one without by its path below the base, a term by its local name."""
        if isinstance(term, Literal):
            return str(term) if term.datatype not in _PLAIN else f"“{term}”"
        if found := self._names.get(term):
            return found
        path = self.path(term)
        if path.startswith(("id/", "concept/", "graph/")):
            return path.removeprefix("id/")
        local = str(term).rpartition("#")[2] if "#" in str(term) else ""
        if not local and not path.startswith("<"):
            local = path.partition(":")[2]
        return _spaced(local) or path

    def path(self, term: Node) -> str:
        """Spell a term as short as it can be typed; see ``compact``."""
        return compact(term, self._base)

    def verb(self, triple: Triple) -> str:
        """Give what stands between subject and object in a sentence."""
        _, predicate, object_ = triple
        if predicate == RDF.type:
            return "is an" if self.name(object_)[:1].lower() in "aeiou" else "is a"
        return verb(self.name(predicate))

    def sentence(self, triple: Triple) -> str:
        """Say a triple: "PyTorch has current host PyTorch Foundation"."""
        subject, _, object_ = triple
        return f"{_marked(self.name(subject))} {self.verb(triple)} {_marked(self.name(object_))}"

    def lines(self, proof: Proof) -> Iterator[str]:
        """Say a proof in indented lines, premises below what follows from them; what was proved is not proved again.

        Below it stand the snapshots that were read, and what the things in it are called when one types them.
        """
        yield from self._lines(proof, set())
        leaves = {step.triple: step.places for step in proof.steps() if step.rule is None}
        read = {
            self.path(place.graph): f"snapshot {record.sha256[:12]}  {record.source or ''}".rstrip()
            for places in leaves.values()
            for place in places
            for record in place.records
            if record.sha256
        }
        yield from _table(read.items())
        things = dict.fromkeys(term for step in proof.steps() for term in step.triple[::2] if term in self._names)
        named = [(self._names[term], self.path(term)) for term in things]
        yield from _table((name, path) for name, path in named if path.startswith(("id/", "concept/")))

    def _lines(self, proof: Proof, said: set[Triple]) -> Iterator[str]:
        again = proof.rule is not None and proof.triple in said
        said.add(proof.triple)
        yield self.sentence(proof.triple) + (" (as proved above)" if again else "")
        if proof.rule is None:
            for place in proof.places:
                read = "".join(f", {record.locator or self.path(record.iri)}" for record in place.records)
                yield f"  asserted in {self.path(place.graph)}{read}"
            if not proof.places:
                yield f"  {NOWHERE}"
        elif not again:
            yield f"  by rule {proof.rule.name}: {proof.rule.axiom}"
            for premise in proof.premises:
                yield from (f"    {line}" for line in self._lines(premise, said))

    def offence(self, found: Contradiction) -> Iterator[str]:
        """Say the least that leads to a contradiction: what was asserted and where, then the rules it takes."""
        for step in found.asserted:
            places = [record.locator or self.path(record.iri) for place in step.places for record in place.records]
            where = ", ".join(dict.fromkeys(places)) or ", ".join(self.path(place.graph) for place in step.places)
            yield f"{where or NOWHERE}: {self.sentence(step.triple)}"
        for rule in found.rules:
            yield f"{rule.axiom} [{rule.name}]"

    def to_json(self, proof: Proof) -> dict[str, Any]:
        """Give a proof as plain values.

        ``sentence``; ``triple`` with ``subject``, ``predicate`` and ``object`` as SPARQL JSON results spell terms, each
        with its ``label`` where it has one. Inferred: ``rule`` (``name``, ``axiom``, ``graph``) and ``premises``, each
        such an object again. Asserted: ``rule`` is null, ``premises`` is empty, and ``places`` has for each ``graph``
        its ``records``: ``record``, ``locator``, ``snapshot`` (SHA-256) and ``source`` (title), null where unknown.
        """
        return self.head_to_json(proof.triple, proof.rule) | {
            "places": [_place(place) for place in proof.places],
            "premises": [self.to_json(premise) for premise in proof.premises],
        }

    def head_to_json(self, triple: Triple, rule: Rule | None) -> dict[str, Any]:
        """Give a triple and the rule that made it as plain values: the first three members of ``to_json``."""
        return {
            "sentence": self.sentence(triple),
            "triple": dict(zip(("subject", "predicate", "object"), map(self._term, triple), strict=True)),
            "rule": {"name": rule.name, "axiom": rule.axiom, "graph": str(rule.graph)} if rule else None,
        }

    def _term(self, term: Node) -> dict[str, str]:
        if isinstance(term, Literal):
            kind = {"xml:lang": term.language} if term.language else {"datatype": str(term.datatype or XSD.string)}
            return {"type": "literal", "value": str(term), **kind}
        label = self.label(term)
        return {"type": "uri", "value": str(term), **({"label": label} if label else {})}


# What is said of a triple that no named graph holds.
NOWHERE = "in no named graph: it was made when sources were joined"


def _place(place: Place) -> dict[str, Any]:
    records = [
        {"record": str(record.iri), "locator": record.locator, "snapshot": record.sha256, "source": record.source}
        for record in place.records
    ]
    return {"graph": str(place.graph), "records": records}


def _table(rows: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Set pairs as two columns below an empty line; a long first part does not push the others away."""
    known = list(rows)
    width = min(max((len(first) for first, _ in known), default=0), 60)
    yield from ["", *(f"{first:{width}}  {second}" for first, second in known)] if known else []


def _marked(name: str) -> str:
    """Put a long name into quotation marks, so that a sentence shows where it ends."""
    long = len(name.split()) > 3 or name.endswith((".", "?", "!"))
    return f"‘{name}’" if long and not name.startswith("“") else name


def _spaced(name: str) -> str:
    """Split a local name into words: "altLabel" becomes "alt label"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).lower()

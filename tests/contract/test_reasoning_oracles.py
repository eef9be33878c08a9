"""Our compiled rules against two reasoners that others wrote: owlrl (OWL 2 RL) and HermiT (OWL 2 DL)."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import owlrl
import pytest
from rdflib import OWL, RDF, Graph
from rdflib.term import BNode, Node, URIRef

from kg import resources
from kg.model import DEFAULT_BASE, DEFAULT_GRAPH
from kg.reasoning import Verdict, as_of_rules, classify, materialise, project_for_dl
from kg.rule import Triple
from kg.store.oxigraph import OxigraphWriter
from kg.why import explain_clash
from tests.reasoning_world import BASE, PREFIXES, World, core, core_clashes, core_rules, iri, triple, turtle

pytestmark = pytest.mark.slow  # other reasoners are asked

GOLD = Path(__file__).parent.parent / "fixtures/reasoning/gold.ttl"

# --- random ontologies and random facts, against owlrl ----------------------------------------------------------------

PLAIN = [f":C{n}" for n in range(4)]
DEFINED = [f":D{n}" for n in range(3)]
PROPERTIES = [f":p{n}" for n in range(4)]
THINGS = [f"<i{n}>" for n in range(4)]


def random_ontology(chance: random.Random) -> str:
    """Four to twelve axioms of every kind the compiler knows.

    A defined class is concluded from its definition only: what it means to *be* one without a witness goes beyond rules
    (owlrl has a part of it, by comparing definitions).
    """

    def some(count: int, of: list[str]) -> list[str]:
        return [chance.choice(of) for _ in range(count)]

    def restriction() -> str:
        filler = (
            f"owl:someValuesFrom {chance.choice([*PLAIN, *DEFINED[:1], 'owl:Thing'])}"
            if chance.random() < 0.6
            else f"owl:hasValue {chance.choice(THINGS)}"
        )
        return f"[ a owl:Restriction ; owl:onProperty {chance.choice(PROPERTIES)} ; {filler} ]"

    def union() -> str:
        return f"[ a owl:Class ; owl:unionOf ( {chance.choice(PLAIN)} {restriction()} ) ]"

    def definition(name: str) -> str:
        part = union() if chance.random() < 0.3 else restriction()
        return f"{name} owl:equivalentClass [ a owl:Class ; owl:intersectionOf ( {chance.choice(PLAIN)} {part} ) ] ."

    p = PROPERTIES
    kinds = [
        lambda: "{} rdfs:subClassOf {} .".format(*some(2, PLAIN)),
        lambda: f"{chance.choice(DEFINED)} rdfs:subClassOf {chance.choice(PLAIN)} .",
        lambda: f"{chance.choice(PLAIN)} rdfs:subClassOf [ owl:onProperty {chance.choice(p)} ; owl:hasValue <i0> ] .",
        lambda: "{} rdfs:subPropertyOf {} .".format(*some(2, p)),
        lambda: "{} owl:inverseOf {} .".format(*some(2, p)),
        lambda: f"{chance.choice(p)} rdfs:domain {chance.choice(PLAIN)} .",
        lambda: f"{chance.choice(p)} rdfs:range {chance.choice(PLAIN)} .",
        lambda: f"{chance.choice(p)} a owl:SymmetricProperty .",
        lambda: f"{chance.choice(p)} a owl:TransitiveProperty .",
        lambda: "{} owl:propertyChainAxiom ( {} {} ) .".format(*some(3, p)),
        lambda: "{} owl:propertyChainAxiom ( {} {} {} ) .".format(*some(4, p)),
        lambda: "{} owl:equivalentProperty {} .".format(*some(2, p)),
    ]
    declared = "".join(f"{name} a owl:Class . " for name in (*PLAIN, *DEFINED))
    declared += "".join(f"{name} a owl:ObjectProperty . " for name in p)
    axioms = [chance.choice(kinds)() for _ in range(chance.randint(3, 9))]
    axioms += [definition(name) for name in chance.sample(DEFINED, chance.randint(1, 3))]
    return declared + "\n".join(axioms)


def random_facts(chance: random.Random) -> str:
    facts = [f"{chance.choice(THINGS)} {chance.choice(PROPERTIES)} {chance.choice(THINGS)} ." for _ in range(5)]
    return "\n".join([*facts, *(f"{chance.choice(THINGS)} a {chance.choice(PLAIN)} ." for _ in range(2))])


def about_things(triples: Iterator[tuple[Node, ...]] | set[tuple[Node, ...]], ontology: Graph) -> set[tuple[Node, ...]]:
    """Keep types and relations of named things in the ontology's own terms.

    That leaves out what owlrl says besides: literals as subjects, sameness with oneself, owl:Thing, blank classes.
    """
    classes = {c for c in ontology.subjects(RDF.type, OWL.Class) if isinstance(c, URIRef)}
    properties = set(ontology.subjects(RDF.type, OWL.ObjectProperty))
    terms = classes | properties
    return {
        (s, p, o)
        for s, p, o in triples
        if isinstance(s, URIRef)
        and s not in terms
        and ((p == RDF.type and o in classes) or (p in properties and isinstance(o, URIRef)))
    }


def by_owlrl(ontology: Graph, data: Graph) -> set[tuple[Node, ...]]:
    closed = ontology + data
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics, axiomatic_triples=False, datatype_axioms=False).expand(closed)
    return about_things(iter(closed), ontology)


def by_rules(ontology: Graph, data: str) -> set[tuple[Node, ...]]:
    world = World.of(ontology, data)
    world.reason()
    return about_things(world.default(), ontology)


# Two hundred ontologies, of which the first forty are tried each time.
TENS = [pytest.param(tens, marks=pytest.mark.slow) if tens >= 4 else tens for tens in range(20)]


@pytest.mark.parametrize("tens", TENS)
def test_rules_conclude_what_owlrl_concludes_on_random_ontologies(tens):
    concluded = 0
    for seed in range(tens * 10, tens * 10 + 10):
        chance = random.Random(seed)
        ontology, data = turtle(random_ontology(chance)), random_facts(chance)
        mine = by_rules(ontology, data)
        assert mine == by_owlrl(ontology, turtle(data)), f"seed {seed}"
        concluded += len(mine) - len(turtle(data))
    assert concluded > 40  # the comparison is not of empty with empty


def random_core_facts(seed: int, *, things: int = 8, facts: int = 25) -> str:
    """Facts in the terms of the real ontology: any property between things, and types of every family."""
    chance = random.Random(seed)
    ontology = core()
    properties = sorted(ontology.subjects(RDF.type, OWL.ObjectProperty), key=str)
    defined = set(ontology.subjects(OWL.equivalentClass))
    classes = sorted(c for c in ontology.subjects(RDF.type, OWL.Class) if isinstance(c, URIRef) and c not in defined)
    names = [f"<i{number}>" for number in range(things)]
    lines = [f"{chance.choice(names)} {chance.choice(properties).n3()} {chance.choice(names)} ." for _ in range(facts)]
    lines += [f"{chance.choice(names)} a {chance.choice(classes).n3()} ." for _ in range(facts // 4)]
    return "\n".join(lines)


def without_marks(ontology: Graph) -> Graph:
    """Take functional marks and disjointness away: owlrl would make things the same, or stop at the contradiction."""
    kept = Graph()
    for s, p, o in ontology:
        if o not in (OWL.FunctionalProperty, OWL.AllDisjointClasses) and p not in (OWL.disjointWith, OWL.members):
            kept.add((s, p, o))
    return kept


@pytest.mark.parametrize("seed", range(3))
def test_rules_conclude_what_owlrl_concludes_from_the_real_ontology(seed):
    data = random_core_facts(seed)
    mine = World.of(core(), data)
    mine.reason()
    assert about_things(mine.default(), core()) == by_owlrl(without_marks(core()), turtle(data))


# --- the PyTorch case, against HermiT ---------------------------------------------------------------------------------


@cache
def gold_world() -> World:
    world = World.at("2025-11-23", Graph().parse(GOLD, publicID=BASE))
    world.reason()
    return world


@cache
def full_ontology() -> Graph:
    return core() + resources.read_turtle(resources.ontology() / "osai-dl.ttl", BASE)


@cache
def gold_verdict() -> Verdict:
    data = project_for_dl(gold_world().writer.rows, full_ontology(), base=BASE)
    return classify(full_ontology(), data, relations=True)


# Ontology design, section 7.1 and competency questions 4, 6, 9, 17 and 19.
EXPECTED = {
    ("id/project/pytorch", "FoundationHostedProject"),
    ("id/project/pytorch", "TransferredProject"),
    ("id/project/pytorch", "VendorNeutralProject"),
    ("id/event/pytorch-transfer-2022", "Donation"),
    ("id/org/linux-foundation", "UmbrellaFoundation"),
    ("id/body/pytorch-governing-board", "MultiVendorBody"),
    ("id/finding/osai-2025-f20", "ProjectionFinding"),
    ("id/finding/osai-2025-f20", "BoundedFinding"),
    ("id/finding/osai-2025-f24", "BoundedFinding"),
    ("id/finding/osai-2025-f24", "ContestedFinding"),
    ("id/finding/osai-2025-x05", "ContestedFinding"),
}


def defined_types(pairs: set[tuple[Node, Node]]) -> set[tuple[str, str]]:
    defined = {str(class_) for class_ in full_ontology().subjects(OWL.equivalentClass)}
    return {(str(s).removeprefix(BASE), str(c).rpartition("#")[2]) for s, c in pairs if str(c) in defined}


def test_the_rules_classify_the_pytorch_case_as_the_design_says():
    types = {(s, o) for s, p, o in gold_world().default() if p == RDF.type}
    assert defined_types(types) == EXPECTED


@pytest.mark.java
def test_hermit_classifies_the_pytorch_case_as_the_design_says():
    verdict = gold_verdict()
    assert verdict.consistent
    assert verdict.unsatisfiable == frozenset()
    assert defined_types(set(verdict.types)) == EXPECTED


@pytest.mark.java
def test_rules_and_hermit_agree_on_every_type_and_relation_of_the_pytorch_case():
    mine = about_things(gold_world().default(), full_ontology())
    hermit: set[tuple[Node, ...]] = {(s, RDF.type, c) for s, c in gold_verdict().types} | set(gold_verdict().relations)
    # Values that nothing but a rule's condition mentions are no individuals of the projection.
    assert {t for t in mine if str(t[0]).startswith(f"{BASE}id/")} == {
        t for t in hermit if str(t[0]).startswith(f"{BASE}id/")
    }


@pytest.mark.java
def test_the_terms_alone_are_consistent_and_every_class_can_have_members():
    verdict = classify(full_ontology(), Graph())
    assert verdict.consistent
    assert verdict.unsatisfiable == frozenset()


@pytest.mark.java
def test_hermit_names_a_class_that_can_have_no_member():
    ontology = turtle(
        ":A a owl:Class . :B a owl:Class ; owl:disjointWith :A . :Both a owl:Class ; rdfs:subClassOf :A , :B ."
    )
    verdict = classify(ontology, Graph())
    assert verdict.consistent
    assert verdict.unsatisfiable == {iri(":Both")}


# --- the rule files, in another engine --------------------------------------------------------------------------------

# Two hosts side by side, a fund below its umbrella, an end without a date, a seat, a licence: each rule has work to do.
MORE = """
<id/situation/s1> a osai:Stewardship ; osai:ofProject <id/project/q> ; osai:steward <id/org/meta> ;
    osai:stewardRole <concept/steward-role/legal-host> ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
<id/situation/s2> a osai:Stewardship ; osai:ofProject <id/project/q> ; osai:steward <id/org/linux-foundation> ;
    osai:stewardRole <concept/steward-role/legal-host> ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
<id/situation/s3> a osai:Stewardship ; osai:ofProject <id/project/pytorch> ; osai:steward <id/org/linux-foundation> ;
    osai:stewardRole <concept/steward-role/legal-host> ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
<id/situation/s4> a osai:Stewardship ; osai:ofProject <id/project/r> ; osai:steward <id/org/meta> ;
    osai:stewardRole <concept/steward-role/legal-host> ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
<id/event/e> osai:terminates <id/situation/s4> .
<concept/contributor-group/domain-meta.example> skos:broader <concept/contributor-group/domain> ;
    skos:notation "domain-meta.example" .
<id/org/meta> osai:emailDomain "meta.example" .
<id/obs/q/domain-meta.example/email/2020-01> osai:obsContributorGroup <concept/contributor-group/domain-meta.example> .
<id/situation/l> a osai:Licensing ; osai:ofProject <id/project/q> ; osai:licensedUnder <id/licence/mit> ;
    osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
"""


def test_rule_files_run_as_they_stand_in_another_engine_and_conclude_the_same():
    data = Graph().parse(GOLD, publicID=DEFAULT_BASE)
    data.parse(data=PREFIXES.replace(BASE, DEFAULT_BASE) + MORE, format="turtle")
    ontology = resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE)
    as_of = datetime(2025, 11, 23, tzinfo=UTC)  # what the files hold as they stand
    at_date = as_of_rules(resources.queries() / "rules", base=DEFAULT_BASE, as_of=as_of)
    writer = OxigraphWriter()
    writer.add(
        (s, URIRef(str(p)), o, DEFAULT_GRAPH)
        for s, p, o in ontology + data
        if not isinstance(s, BNode) and not isinstance(o, BNode)
    )
    materialise(writer, at_date, base=DEFAULT_BASE)
    seen = ontology + data
    for rule in at_date:
        text = (resources.queries() / "rules" / f"{rule.name}.rq").read_text(encoding="utf-8")
        if "GRAPH" in text:
            continue  # rdflib asks named graphs of data sets only; tests/contract/test_contributions.py shows that rule
        concluded = set(seen.query(text))
        found = writer.rows(f"SELECT ?s ?p ?o WHERE {{ GRAPH {rule.graph.n3()} {{ ?s ?p ?o }} }}")
        assert {(row["s"], row["p"], row["o"]) for row in found} == concluded, rule.name
        assert concluded, f"{rule.name} had nothing to do"
        seen += Graph().parse(data=seen.query(text).serialize(format="nt"), format="nt")


# --- deliberate errors: found by clashes and by HermiT, explained by the least that leads there -----------------------

# By axiom family: data, the clash that finds it, asserted triples and rules of the explanation, HermiT too.
ERRORS: dict[str, tuple[str, str, set[str], set[str], bool]] = {
    "tops": (
        "<i> a osai:Agent, osai:Artefact .",
        "disjoint-agent-and-6-others",
        {"<i> a osai:Agent", "<i> a osai:Artefact"},
        set(),
        False,
    ),
    "kinds of organization": (
        "<i> a osai:Company, osai:Foundation .",
        "disjoint-company-and-3-others",
        {"<i> a osai:Company", "<i> a osai:Foundation"},
        {"subclass-foundation-non-profit-organization"},
        False,
    ),
    "leaf family": (
        "<i> a osai:Transfer, osai:Fork .",
        "disjoint-transfer-and-9-others",
        {"<i> a osai:Transfer", "<i> a osai:Fork"},
        set(),
        False,
    ),
    "pair of classes": (
        "<i> a osai:MembershipJoin, osai:MembershipLeave .",
        "disjoint-membership-join-membership-leave",
        {"<i> a osai:MembershipJoin", "<i> a osai:MembershipLeave"},
        set(),
        False,
    ),
    "domain": (
        "<i> a osai:Person . <i> osai:hasSeat <s> .",
        "disjoint-organization-and-2-others",
        {"<i> a osai:Person", "<i> osai:hasSeat <s>"},
        {"domain-has-seat-governing-body"},
        True,
    ),
    "range": (
        "<i> a osai:Person . <t> osai:publishedBy <i> .",
        "disjoint-organization-and-2-others",
        {"<i> a osai:Person", "<t> osai:publishedBy <i>"},
        {"range-published-by-organization"},
        False,
    ),
    "functional": (
        "<i> osai:steward <a>, <b> . <a> a osai:Company . <b> a osai:Foundation .",
        "functional-steward",
        {"<i> osai:steward <a>", "<i> osai:steward <b>"},
        set(),
        True,
    ),
    "functional, through an inverse": (
        "<a> osai:hasMembership <i> . <b> osai:hasMembership <i> .",
        "functional-member",
        {"<a> osai:hasMembership <i>", "<b> osai:hasMembership <i>"},
        {"inverse-has-membership-member"},
        False,
    ),
    "functional data": (
        "<i> osai:startOffset 1 , 2 .",
        "functional-start-offset",
        {"<i> osai:startOffset 1", "<i> osai:startOffset 2"},
        set(),
        False,
    ),
    "asymmetric": (
        "<i> osai:forkedFrom <j> . <j> osai:forkedFrom <i> .",
        "asymmetric-forked-from",
        {"<i> osai:forkedFrom <j>", "<j> osai:forkedFrom <i>"},
        set(),
        True,
    ),
    "irreflexive": (
        "<i> osai:contradicts <i> .",
        "irreflexive-contradicts",
        {"<i> osai:contradicts <i>"},
        set(),
        True,
    ),
    "down two branches of the classes": (
        "<d> a osai:Report ; osai:expressedBy <s> .",
        "disjoint-agent-and-6-others",
        {"<d> a osai:Report", "<d> osai:expressedBy <s>"},
        {
            "subclass-report-document",
            "subclass-document-artefact",
            "domain-expressed-by-finding",
            "subclass-finding-information-content",
        },
        False,
    ),
}


@pytest.mark.parametrize("family", ERRORS)
def test_a_deliberate_error_is_found_and_explained_by_the_least_that_leads_to_it(family):
    data, name, asserted, used, _ = ERRORS[family]
    world = World.of(core(), data)
    world.reason()
    (clash,) = (clash for clash in world.clashes if clash.name == name)
    row = next(iter(world.writer.rows(clash.query)))
    found = explain_clash(world.writer.rows, world.rules, clash, row)
    leaves: set[Triple] = {leaf.triple for leaf in found.asserted}
    assert leaves == {triple(text) for text in asserted}
    assert {rule.name for rule in found.rules} == used


@pytest.mark.java
@pytest.mark.parametrize("family", [family for family, error in ERRORS.items() if error[4]])
def test_hermit_finds_the_deliberate_errors_too(family):
    assert not classify(full_ontology(), turtle(ERRORS[family][0])).consistent


def random_facts_without_a_clash(seed: int) -> tuple[World, Graph]:
    """Take random facts one by one, and leave out each that brings a clash."""
    kept = Graph()
    for fact in random_core_facts(seed, things=30, facts=28).splitlines():
        world = World(core(), core_rules(), core_clashes())
        world.add(kept + turtle(fact), "curated/data")
        world.reason()
        if not world.offences():
            kept += turtle(fact)
    world = World(core(), core_rules(), core_clashes())
    world.add(kept, "curated/data")
    world.reason()
    return world, kept


@pytest.mark.java
def test_rules_and_hermit_agree_on_random_facts_without_a_clash():
    world, facts = random_facts_without_a_clash(101)
    assert len(facts) >= 12
    verdict = classify(core(), facts, relations=True)
    assert verdict.consistent
    hermit: set[tuple[Node, ...]] = {(s, RDF.type, c) for s, c in verdict.types} | set(verdict.relations)
    named = {term for s, _, o in facts for term in (s, o)}  # not the concepts that definitions mention
    mine = about_things(world.default(), core())
    assert {fact for fact in mine if fact[0] in named} == {fact for fact in hermit if fact[0] in named}

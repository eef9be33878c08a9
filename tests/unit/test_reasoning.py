"""What follows from axioms, from dates and from counting; and why."""

from __future__ import annotations

import random
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import RDF, BNode, Graph
from rdflib.term import Literal, URIRef

from kg import resources
from kg.errors import AbsentError, ConfigError, InconsistencyError, ModelError, ReleaseError
from kg.reasoning import as_of_rules, clashes, classify, java_executable, materialise, project_for_dl, rules
from kg.reasoning.fixpoint import strata
from kg.rule import AS_OF, Triple, dump_rules, load_rules
from kg.store.oxigraph import OxigraphWriter
from kg.vocab import OSAI
from kg.why import Place, Proof, Record, explain, explain_clash
from tests.reasoning_world import BASE, World, core, iri, triple, turtle

# --- what follows from an axiom -------------------------------------------------------------------------------------

AXIOMS = {
    "subclass": (":A rdfs:subClassOf :B .", "<i> a :A", ["<i> a :B"], ["<i> a owl:Thing"]),
    "subclass of an intersection": (
        ":A rdfs:subClassOf [ owl:intersectionOf ( :B :C ) ] .",
        "<i> a :A",
        ["<i> a :B", "<i> a :C"],
        [],
    ),
    "subclass of a value": (
        ":A rdfs:subClassOf [ a owl:Restriction ; owl:onProperty :p ; owl:hasValue <v> ] .",
        "<i> a :A",
        ["<i> :p <v>"],
        [],
    ),
    "an expression below a class": (
        "[ a owl:Restriction ; owl:onProperty :p ; owl:someValuesFrom :B ] rdfs:subClassOf :A .",
        "<i> :p <j> . <j> a :B . <k> :p <l>",
        ["<i> a :A"],
        ["<k> a :A"],
    ),
    "definition by intersection, forwards": (
        ":A owl:equivalentClass [ owl:intersectionOf ( :B [ owl:onProperty :p ; owl:someValuesFrom :C ] ) ] .",
        "<i> a :B ; :p <j> . <j> a :C . <k> a :B ; :p <l> . <m> :p <j>",
        ["<i> a :A"],
        ["<k> a :A", "<m> a :A"],
    ),
    "definition by intersection, backwards": (
        ":A owl:equivalentClass [ owl:intersectionOf ( :B [ owl:onProperty :p ; owl:someValuesFrom :C ] ) ] .",
        "<i> a :A",
        ["<i> a :B"],
        ["<i> a :C"],
    ),
    "definition by value, both ways": (
        ":A owl:equivalentClass [ owl:onProperty :p ; owl:hasValue <v> ] .",
        "<i> :p <v> . <j> a :A . <k> :p <w>",
        ["<i> a :A", "<j> :p <v>"],
        ["<k> a :A"],
    ),
    "definition by a literal value": (
        ":A owl:equivalentClass [ owl:onProperty :d ; owl:hasValue true ] .",
        "<i> :d true . <j> :d false",
        ["<i> a :A"],
        ["<j> a :A"],
    ),
    "union, nested in an intersection": (
        ":A owl:equivalentClass [ owl:intersectionOf ( :B "
        "[ owl:unionOf ( :C [ owl:onProperty :p ; owl:hasValue <v> ] ) ] ) ] .",
        "<i> a :B, :C . <j> a :B ; :p <v> . <k> a :B . <l> a :C",
        ["<i> a :A", "<j> a :A"],
        ["<k> a :A", "<l> a :A"],
    ),
    "existential inside an existential": (
        ":A owl:equivalentClass [ owl:onProperty :p ; "
        "owl:someValuesFrom [ owl:onProperty :q ; owl:someValuesFrom :B ] ] .",
        "<i> :p <j> . <j> :q <k> . <k> a :B . <l> :p <k>",
        ["<i> a :A"],
        ["<l> a :A", "<j> a :A"],
    ),
    "anything at all as the filler": (
        ":A owl:equivalentClass [ owl:onProperty :p ; owl:someValuesFrom owl:Thing ] .",
        "<i> :p <j>",
        ["<i> a :A"],
        ["<j> a :A"],
    ),
    "an inverse inside a restriction": (
        ":A owl:equivalentClass [ owl:onProperty [ owl:inverseOf :p ] ; owl:someValuesFrom :B ] .",
        "<j> a :B ; :p <i>",
        ["<i> a :A"],
        ["<j> a :A"],
    ),
    "two names for one class": (
        ":A owl:equivalentClass :B .",
        "<i> a :A . <j> a :B",
        ["<i> a :B", "<j> a :A"],
        [],
    ),
    "sub-property": (":p rdfs:subPropertyOf :q .", "<i> :p <j>", ["<i> :q <j>"], ["<j> :q <i>"]),
    "sub-property of data": (":d rdfs:subPropertyOf rdfs:label .", "<i> :d 'x'", ["<i> rdfs:label 'x'"], []),
    "two names for one property": (
        ":p owl:equivalentProperty :q .",
        "<i> :p <j> . <k> :q <l>",
        ["<i> :q <j>", "<k> :p <l>"],
        [],
    ),
    "inverse, both ways": (":p owl:inverseOf :q .", "<i> :p <j> . <k> :q <l>", ["<j> :q <i>", "<l> :p <k>"], []),
    "domain": (":p rdfs:domain :A .", "<i> :p <j>", ["<i> a :A"], ["<j> a :A"]),
    "range": (":p rdfs:range :A .", "<i> :p <j>", ["<j> a :A"], ["<i> a :A"]),
    "symmetric": (":p a owl:SymmetricProperty .", "<i> :p <j>", ["<j> :p <i>"], ["<i> :p <i>"]),
    "transitive": (
        ":p a owl:TransitiveProperty .",
        "<i> :p <j> . <j> :p <k> . <k> :p <l>",
        ["<i> :p <k>", "<i> :p <l>", "<j> :p <l>"],
        ["<k> :p <i>"],
    ),
    "chain of three": (
        ":p owl:propertyChainAxiom ( :q :r :s ) .",
        "<i> :q <j> . <j> :r <k> . <k> :s <l>",
        ["<i> :p <l>"],
        ["<i> :p <k>"],
    ),
    "chain through an inverse": (
        ":p owl:propertyChainAxiom ( [ owl:inverseOf :q ] :r ) .",
        "<j> :q <i> . <j> :r <k>",
        ["<i> :p <k>"],
        [],
    ),
    "one consequence feeds the next": (
        ":A owl:equivalentClass [ owl:onProperty :p ; owl:someValuesFrom :B ] . "
        ":q owl:inverseOf :p . :r rdfs:range :B .",
        "<j> :q <i> . <k> :r <j>",
        ["<i> :p <j>", "<j> a :B", "<i> a :A"],
        [],
    ),
}


@pytest.mark.parametrize("name", AXIOMS)
def test_what_follows_from_an_axiom(name):
    ontology, data, follows, does_not = AXIOMS[name]
    world = World.of(ontology, f"{data} .")
    world.reason()
    assert [text for text in follows if not world.holds(text)] == []
    assert [text for text in does_not if world.holds(text)] == []


def test_a_literal_is_never_a_subject():
    world = World.of(
        ":p a owl:SymmetricProperty ; owl:inverseOf :q ; rdfs:range :A ; rdfs:domain :B .", "<i> :p 'words' ."
    )
    made = world.reason()
    assert set(world.inferred()) == {triple("<i> a :B")}
    assert made.total == 1


def test_annotations_headers_and_datatypes_are_skipped_knowingly():
    ontology = """
    <http://terms.test/> a owl:Ontology ; owl:versionInfo "1" ; owl:imports <http://else.test/> ; rdfs:comment "x" .
    :A a owl:Class ; rdfs:label "a"@en ; skos:definition "A."@en ; owl:deprecated true ; rdfs:isDefinedBy <o> .
    :d a owl:DatatypeProperty ; rdfs:range xsd:string .
    :n a owl:AnnotationProperty .
    [] a owl:Axiom ; owl:annotatedSource :A ; owl:annotatedProperty rdfs:label ; owl:annotatedTarget "a"@en ; :n "why" .
    <i> a :A ; :n "a fact about a thing is data" .
    """
    assert rules(turtle(ontology), base=BASE) == ()
    assert clashes(turtle(ontology), base=BASE) == ()


@pytest.mark.parametrize(
    ("ontology", "named"),
    [
        (":A rdfs:subClassOf [ owl:onProperty :p ; owl:someValuesFrom :B ] .", "an existential"),
        (":A rdfs:subClassOf [ owl:unionOf ( :B :C ) ] .", "a union"),
        (":A rdfs:subClassOf [ owl:intersectionOf ( :B [ owl:unionOf ( :C :D ) ] ) ] .", "a union"),
        (":p rdfs:domain [ owl:unionOf ( :B :C ) ] .", "a union"),
        (":A owl:equivalentClass [ owl:complementOf :B ] .", "owl:complementOf"),
        (":A rdfs:subClassOf [ owl:onProperty :p ; owl:allValuesFrom :B ] .", "owl:allValuesFrom"),
        (":A owl:equivalentClass [ owl:onProperty :p ; owl:minCardinality 2 ] .", "owl:minCardinality"),
        (":A owl:equivalentClass [ owl:onProperty :p ; owl:someValuesFrom :B ; owl:hasValue <v> ] .", "owl:hasValue"),
        (":A owl:equivalentClass [ owl:onProperty :p ; owl:someValuesFrom :B , :C ] .", "owl:someValuesFrom"),
        (":A owl:equivalentClass [ owl:onProperty :p ; owl:someValuesFrom xsd:string ] .", "xsd:string"),
        (":A rdfs:subClassOf owl:Nothing .", "owl:Nothing"),
        (":A owl:disjointUnionOf ( :B :C ) .", "owl:disjointUnionOf"),
        (":A owl:intersectionOf ( :B :C ) .", "owl:intersectionOf of a named class"),
        (":p a owl:InverseFunctionalProperty .", "owl:InverseFunctionalProperty"),
        (":p a owl:ReflexiveProperty .", "owl:ReflexiveProperty"),
        (":A owl:hasKey ( :p ) .", "owl:hasKey"),
        (":p owl:propertyChainAxiom ( :q ) .", "fewer than two"),
        (":p owl:propertyChainAxiom ( :q [ :r :s ] ) .", "property expression"),
        (":p a owl:ObjectProperty ; rdfs:range xsd:string .", "xsd:string"),
        (":p a owl:DatatypeProperty ; rdfs:range :A .", "#A"),
        ("[] a <http://www.w3.org/2003/11/swrl#Imp> .", "no axiom reaches"),
        ("[] a owl:AllDisjointClasses ; owl:members ( :A [ owl:unionOf ( :B :C ) ] ) .", "no name"),
    ],
)
def test_an_unknown_construct_stops_the_compiler_and_is_named(ontology, named):
    def compile_both():
        graph = turtle(ontology)
        return rules(graph, base=BASE), clashes(graph, base=BASE)

    with pytest.raises(ModelError, match="does not know") as caught:
        compile_both()
    assert named in str(caught.value)


def test_an_error_names_the_axiom_its_file_and_its_line(tmp_path):
    path = tmp_path / "small.ttl"
    path.write_text(
        "@prefix osai: <https://w3id.org/osai-kg/ontology#> .\n"
        "@prefix owl: <http://www.w3.org/2002/07/owl#> .\n\n"
        "osai:Finding a owl:Class ;\n    owl:disjointUnionOf ( osai:ShareFinding osai:QualitativeFinding ) .\n"
    )
    with pytest.raises(ModelError, match=r"^small\.ttl:5: osai:Finding owl:disjointUnionOf: .*osai-dl\.ttl"):
        rules(Graph().parse(path), base=BASE, locate=resources.Places([path]))


@pytest.mark.parametrize(
    ("axiom", "line", "says"),
    [
        (
            "osai:Finding a owl:Class .\n\nosai:Finding rdfs:subClassOf\n"
            "    [ a owl:Restriction ; owl:onProperty osai:value ;\n        owl:allValuesFrom osai:ShareFinding ] .\n",
            7,
            "[] owl:allValuesFrom inside osai:Finding",
        ),
        (
            "[] a owl:AllDisjointClasses ; owl:members ( osai:Report osai:Study ) .\n"
            "[] a owl:AllDisjointProperties ; owl:members ( osai:value osai:grade ) .\n",
            4,
            "[] rdf:type",
        ),
        (
            "[] a owl:AllDisjointClasses ; owl:members ( osai:Report osai:Study ) .\n"
            "[] a owl:AllDisjointClasses ; owl:members ( osai:Finding [ a owl:Class ] ) .\n",
            4,
            "[] owl:AllDisjointClasses",
        ),
    ],
    ids=["in an expression", "about nobody by name", "a list of several"],
)
def test_an_error_in_a_nameless_axiom_names_its_line(tmp_path, axiom, line, says):
    path = tmp_path / "small.ttl"
    prefixes = "@prefix osai: <https://w3id.org/osai-kg/ontology#> . @prefix owl: <http://www.w3.org/2002/07/owl#> ."
    path.write_text(f"{prefixes}\n@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .\n{axiom}")
    graph = Graph().parse(path)

    def compiled():
        return rules(graph, base=BASE, locate=resources.Places([path])), clashes(
            graph, base=BASE, locate=resources.Places([path])
        )

    with pytest.raises(ModelError) as caught:
        compiled()
    assert str(caught.value).startswith(f"small.ttl:{line}: {says}: ")


def test_rules_have_stable_telling_names_and_say_their_axiom_in_words():
    named = {rule.name: rule.axiom for rule in rules(core(), base=BASE)}
    assert named["subclass-donation-transfer"] == "Every donation is a transfer."
    assert named["chain-under-umbrella-of"] == (
        "If X ‘current host’ Y and Y ‘within organization’ Z, then X ‘under umbrella of’ Z."
    )
    assert named["definition-bounded-finding-at-most"] == (
        "If X is a quantitative finding and X ‘bound kind’ at most, then X is a bounded finding."
    )
    assert "sub-property-name-label" in named
    assert named["inverse-terminates-terminated-by"] == "If X ‘terminates’ Y, then Y ‘terminated by’ X."


def test_rules_do_not_depend_on_the_order_or_the_blank_nodes_of_the_file():
    ontology = core()
    shuffled = list(ontology)
    random.Random(7).shuffle(shuffled)
    renamed: dict[BNode, BNode] = {}
    other = Graph()
    for s, p, o in shuffled:
        again = [renamed.setdefault(term, BNode()) if isinstance(term, BNode) else term for term in (s, o)]
        other.add((again[0], p, again[1]))
    assert rules(other, base=BASE) == rules(ontology, base=BASE)
    assert clashes(other, base=BASE) == clashes(ontology, base=BASE)


def test_the_core_compiles_and_each_rule_says_something_of_its_own():
    compiled = rules(core(), base=BASE)
    assert len({rule.name for rule in compiled}) == len(compiled)
    assert len({(rule.head, rule.body) for rule in compiled}) == len(compiled)
    assert all(rule.graph == URIRef(f"{BASE}graph/inferred/{rule.name}") for rule in compiled)
    assert all(rule.axiom.endswith(".") for rule in compiled)


def test_the_axioms_for_hermit_alone_stand_in_their_own_file():
    beyond = core() + resources.read_turtle(resources.ontology() / "osai-dl.ttl", BASE)
    with pytest.raises(ModelError, match=r"osai-dl\.ttl"):
        rules(beyond, base=BASE)


# --- the fixpoint ---------------------------------------------------------------------------------------------------

SMALL = """
:p a owl:TransitiveProperty ; rdfs:domain :A ; rdfs:range :A ; owl:inverseOf :q .
:r rdfs:subPropertyOf :p ; a owl:SymmetricProperty .
:s owl:propertyChainAxiom ( :p :t ) .
:A rdfs:subClassOf :B . :C rdfs:subClassOf :B .
:D owl:equivalentClass [ owl:intersectionOf ( :A [ owl:onProperty :s ; owl:someValuesFrom :C ] ) ] .
:E owl:equivalentClass [ owl:onProperty :t ; owl:hasValue <i0> ] .
"""


def aboxes():
    things = st.integers(0, 4).map(lambda number: f"<i{number}>")
    facts = st.tuples(things, st.sampled_from([":p", ":q", ":r", ":s", ":t"]), things)
    types = st.tuples(things, st.just("a"), st.sampled_from([":A", ":B", ":C", ":D", ":E"]))
    return st.frozensets(st.one_of(facts, types), max_size=12)


def reasoned(facts: frozenset[tuple[str, str, str]]) -> World:
    world = World.of(SMALL, "\n".join(f"{s} {p} {o} ." for s, p, o in sorted(facts)))
    world.reason()
    return world


@settings(max_examples=40, deadline=None)
@given(aboxes())
def test_a_second_run_adds_nothing(facts):
    world = reasoned(facts)
    before = world.inferred()
    again = world.reason()
    assert again.total == 0
    assert world.inferred() == before


@settings(max_examples=40, deadline=None)
@given(aboxes(), aboxes())
def test_more_facts_never_take_a_conclusion_away(facts, more):
    assert reasoned(facts).default() <= reasoned(facts | more).default()


@settings(max_examples=40, deadline=None)
@given(aboxes())
def test_each_inferred_triple_is_in_one_graph_and_was_not_asserted(facts):
    world = reasoned(facts)
    asserted = {triple(" ".join(fact)) for fact in facts}
    inferred = world.inferred()
    assert all(len(graphs) == 1 for graphs in inferred.values())
    assert not inferred.keys() & asserted
    assert world.default() == asserted | inferred.keys()


@settings(max_examples=20, deadline=None)
@given(aboxes(), st.randoms(use_true_random=False))
def test_the_order_in_which_rules_are_handed_over_changes_nothing(facts, chance):
    world = reasoned(facts)
    other = World.of(SMALL, "\n".join(f"{s} {p} {o} ." for s, p, o in facts))
    shuffled = list(other.rules)
    chance.shuffle(shuffled)
    materialise(other.writer, shuffled, base=BASE)
    assert other.inferred() == world.inferred()


def test_where_several_rules_make_a_triple_the_first_in_order_has_it():
    # The name decides between rules that wait for the same things: domain-… stands before range-….
    world = World.of(":p rdfs:domain :A . :q rdfs:range :A .", "<i> :p <j> . <j> :q <i> .")
    made = world.reason()
    assert world.inferred() == {triple("<i> a :A"): ["domain-p-a"]}
    assert made.counts == {"domain-p-a": 1, "range-q-a": 0}


def test_a_rule_runs_after_all_that_feed_it():
    # By name the chain stands first; by what it reads it must come last.
    compiled = rules(
        turtle(":a owl:propertyChainAxiom ( :b :c ) . :x rdfs:subPropertyOf :b . :y owl:inverseOf :c ."), base=BASE
    )
    order = [[rule.name for rule in circle] for circle in strata(compiled)]
    assert order.index(["chain-a"]) > order.index(["sub-property-x-b"])
    assert ["inverse-c-y", "inverse-y-c"] in order
    assert order.index(["chain-a"]) > order.index(["inverse-c-y", "inverse-y-c"])


def test_what_feeds_nothing_back_runs_once():
    world = World.of(":A rdfs:subClassOf :B . :B rdfs:subClassOf :C . :p rdfs:domain :A .", "<i> :p <j> .")
    made = world.reason()
    assert (made.total, made.updates, made.rounds) == (3, 3, 1)


def test_rules_of_another_base_are_refused():
    compiled = rules(turtle(":A rdfs:subClassOf :B ."), base="http://elsewhere.test/")
    with pytest.raises(ModelError, match="compile it again"):
        materialise(OxigraphWriter(), compiled, base=BASE)


# --- what is current ------------------------------------------------------------------------------------------------

HOST = """
<id/org/umbrella> a osai:Foundation . <id/org/fund> a osai:Foundation ; osai:subOrganizationOf <id/org/umbrella> .
<id/org/other> a osai:Foundation . <id/org/firm> a osai:Company .
<id/project/p> a osai:Project .
"""


def stewardship(name: str, host: str, *, role: str = "legal-host", more: str = "", **bounds: str) -> str:
    dates = "".join(f' ; osai:{key} "{value}"^^xsd:dateTime' for key, value in bounds.items())
    return (
        f"<s/{name}> a osai:Stewardship ; osai:ofProject <id/project/p> ; osai:steward <id/org/{host}> ; "
        f"osai:stewardRole <concept/steward-role/{role}>{dates} . {more}"
    )


def hosts(as_of: str, *stewardships: str) -> tuple[set[str], set[str]]:
    """Give the current and the possible hosts of the project, by the last part of their names."""
    world = World.at(as_of, HOST + "\n".join(stewardships))
    world.reason()
    found = [
        {
            str(row["host"]).rpartition("/")[2]
            for row in world.writer.rows(f"SELECT ?host WHERE {{ <{BASE}id/project/p> <{property_}> ?host }}")
        }
        for property_ in (OSAI.currentHost, OSAI.possibleHost)
    ]
    return found[0], found[1]


START = {"earliestStart": "2020-05-01T00:00:00Z", "latestStart": "2020-05-31T23:59:59Z"}
END = {"earliestEnd": "2022-09-12T00:00:00Z", "latestEnd": "2022-09-12T23:59:59Z"}


@pytest.mark.parametrize(
    ("as_of", "current", "possible"),
    [
        ("2020-04-30T23:59:59", set(), set()),  # one second before it can have begun
        ("2020-05-01T00:00:00", set(), {"fund"}),  # it may have begun
        ("2020-05-31T23:59:58", set(), {"fund"}),
        ("2020-05-31T23:59:59", {"fund"}, set()),  # it has begun
        ("2022-09-12T00:00:00", {"fund"}, set()),
        ("2022-09-12T23:59:59", {"fund"}, set()),  # its last instant
        ("2022-09-13T00:00:00", set(), set()),  # it has ended
    ],
)
def test_a_situation_holds_from_its_latest_start_to_its_latest_end(as_of, current, possible):
    assert hosts(as_of, stewardship("one", "fund", **START, **END)) == (current, possible)


@pytest.mark.parametrize("ending", ["<s/one> osai:terminatedBy <e> .", "<e> osai:terminates <s/one> ."])
def test_a_situation_that_ended_at_an_unknown_date_is_not_current(ending):
    assert hosts("2024-01-01", stewardship("one", "fund", **START, more=ending)) == (set(), set())


@pytest.mark.parametrize("ending", ["<s/one> osai:terminatedBy <e> .", "<e> osai:terminates <s/one> ."])
def test_a_situation_with_a_dated_end_is_current_until_then(ending):
    one = stewardship("one", "fund", **START, **END, more=ending)
    assert hosts("2022-01-01", one) == ({"fund"}, set())
    assert hosts("2023-01-01", one) == (set(), set())


def test_on_the_day_of_a_transfer_nobody_is_the_one_host_until_the_day_is_over():
    before = stewardship("one", "firm", **START, **END)
    after = stewardship("two", "fund", earliestStart=END["earliestEnd"], latestStart=END["latestEnd"])
    assert hosts("2022-09-11T23:59:59", before, after) == ({"firm"}, set())
    assert hosts("2022-09-12T12:00:00", before, after) == ({"firm"}, set())
    assert hosts("2022-09-12T23:59:59", before, after) == (set(), {"firm", "fund"})
    assert hosts("2022-09-13T00:00:00", before, after) == ({"fund"}, set())


def test_an_umbrella_and_its_fund_count_as_one_host_the_narrower():
    both = (stewardship("one", "umbrella", **START), stewardship("two", "fund", **START))
    assert hosts("2024-01-01", *both) == ({"fund"}, set())


def test_two_hosts_that_are_not_part_of_each_other_are_possible_hosts():
    three = [stewardship(host, host, **START) for host in ("umbrella", "fund", "other")]
    assert hosts("2024-01-01", *three) == (set(), {"umbrella", "fund", "other"})


def test_a_host_in_two_stewardships_is_one_host():
    assert hosts("2024-01-01", stewardship("one", "fund", **START), stewardship("two", "fund", **START)) == (
        {"fund"},
        set(),
    )


def test_only_the_legal_host_counts():
    lead = stewardship("two", "firm", role="technical-lead", **START)
    assert hosts("2024-01-01", stewardship("one", "fund", **START), lead) == ({"fund"}, set())
    assert hosts("2024-01-01", lead) == (set(), set())


def test_relations_asserted_from_the_other_side_count_too():
    other_side = f"""<s/one> a osai:Stewardship ; osai:stewardRole <concept/steward-role/legal-host> ;
        osai:latestStart "{START["latestStart"]}"^^xsd:dateTime .
    <id/project/p> osai:hasSituation <s/one> . <id/org/fund> osai:holdsStewardship <s/one> ."""
    assert hosts("2024-01-01", other_side) == ({"fund"}, set())


def test_seats_and_licences_follow_their_situations():
    world = World.at(
        "2024-01-01",
        """<b> a osai:GoverningBody ; osai:hasSeat <s1>, <s2> .
        <s1> a osai:BoardSeat ; osai:member <m1> ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
        <s2> a osai:BoardSeat ; osai:member <m2> ; osai:latestStart "2024-01-01T00:00:01Z"^^xsd:dateTime .
        <l1> a osai:Licensing ; osai:ofProject <p> ; osai:licensedUnder <new> ;
            osai:latestStart "2023-01-01T00:00:00Z"^^xsd:dateTime .
        <l0> a osai:Licensing ; osai:ofProject <p> ; osai:licensedUnder <old> ;
            osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime ;
            osai:latestEnd "2022-12-31T23:59:59Z"^^xsd:dateTime .
        """,
    )
    world.reason()
    assert world.holds("<b> osai:currentSeatHolder <m1>")
    assert not world.holds("<b> osai:currentSeatHolder <m2>")
    assert world.holds("<b> osai:everSeatHolder <m2>")
    assert world.holds("<p> osai:underLicence <new>")
    assert not world.holds("<p> osai:underLicence <old>")


@pytest.mark.parametrize(("second", "several"), [("<firm2> a osai:Company", True), ("<fund> a osai:Foundation", False)])
def test_a_body_is_multi_vendor_by_two_companies(second, several):
    holder = second.split()[0]
    world = World.at(
        "2024-01-01",
        f"""<b> a osai:GoverningBody ; osai:hasSeat <s1>, <s2> . <firm> a osai:Company . {second} .
        <s1> a osai:BoardSeat ; osai:member <firm> ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
        <s2> a osai:BoardSeat ; osai:member {holder} ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .""",
    )
    world.reason()
    assert world.holds("<b> a osai:MultiVendorBody") is several


def test_as_of_rules_run_after_those_they_read_from():
    read = as_of_rules(resources.queries() / "rules", base=BASE, as_of=datetime.fromisoformat("2024-01-01T00:00Z"))
    names = [rule.name for rule in read]
    assert names.index("current-situation") < names.index("current-host") < names.index("possible-host")
    assert names.index("current-seat-holder") < names.index("multi-vendor-body")
    assert all(rule.kind == AS_OF and rule.body for rule in read)


def test_the_as_of_date_is_taken_in_utc_and_must_have_a_zone():
    directory = resources.queries() / "rules"
    (rule,) = (
        rule
        for rule in as_of_rules(directory, base=BASE, as_of=datetime.fromisoformat("2024-01-01T01:00+01:00"))
        if rule.name == "current-situation"
    )
    assert '"2024-01-01T00:00:00Z"' in rule.where
    assert "2024-01-01T00:00:00Z" in rule.axiom
    with pytest.raises(ModelError, match="no time zone"):
        as_of_rules(directory, base=BASE, as_of=datetime.fromisoformat("2024-01-01T00:00"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT * WHERE { ?s ?p ?o }", "CONSTRUCT"),
        ("#+ summary: x\nCONSTRUCT { ?s ?p ?o . ?o ?p ?s } WHERE { ?s ?p ?o }\n", "one triple"),
        ("#+ summary: x\nCONSTRUCT { ?s ?p ?o } WHERE { ?s ?p }\n", "not SPARQL"),
        ("#+ summary: x\nCONSTRUCT { ?s <p:p> ?o } WHERE { ?o <p:p> ?s }\n", "read each other"),
    ],
)
def test_a_rule_file_that_is_no_rule_is_named(tmp_path, text, why):
    (tmp_path / "odd.rq").write_text(text)
    with pytest.raises(ModelError, match=why) as caught:
        as_of_rules(tmp_path, base=BASE, as_of=datetime.fromisoformat("2024-01-01T00:00Z"))
    assert "odd" in str(caught.value)


# --- what must never be ---------------------------------------------------------------------------------------------

CLASHES = {
    "disjoint": (":A owl:disjointWith :B .", "<i> a :A, :B . <j> a :A . <k> a :B .", {"disjoint-a-b": ["i"]}),
    "all disjoint": (
        "[] a owl:AllDisjointClasses ; owl:members ( :A :B :C ) .",
        "<i> a :A, :B . <j> a :B, :C . <k> a :C .",
        {"disjoint-a-and-2-others": ["i", "j"]},
    ),
    "disjoint by inference": (
        ":A owl:disjointWith :B . :p rdfs:range :B .",
        "<i> a :A . <j> :p <i> .",
        {"disjoint-a-b": ["i"]},
    ),
    "functional": (
        ":p a owl:FunctionalProperty , owl:ObjectProperty .",
        "<i> :p <x>, <y> . <j> :p <x> .",
        {"functional-p": ["i"]},
    ),
    "functional data, by value": (
        ":d a owl:FunctionalProperty , owl:DatatypeProperty .",
        '<i> :d 1, 2 . <j> :d 1, "01"^^xsd:integer, 1.0 . <k> :d "a"@en, "a"@fr .',
        {"functional-d": ["i", "k", "k"]},
    ),
    "asymmetric": (
        ":p a owl:AsymmetricProperty .",
        "<i> :p <j> . <j> :p <i> . <k> :p <k> . <l> :p <i> .",
        {"asymmetric-p": ["i", "k"]},
    ),
    "irreflexive": (":p a owl:IrreflexiveProperty .", "<i> :p <i> . <j> :p <i> .", {"irreflexive-p": ["i"]}),
}


@pytest.mark.parametrize("name", CLASHES)
def test_a_clash_finds_the_offending_individuals_only(name):
    ontology, data, expected = CLASHES[name]
    world = World.of(ontology, data)
    world.reason()
    assert world.offences() == {name: [BASE + who for who in found] for name, found in expected.items()}


def test_a_clash_says_its_axiom_in_words():
    said = {clash.name: clash.axiom for clash in clashes(core(), base=BASE)}
    assert said["functional-current-host"] == "Nothing has two different values of ‘current host’."
    assert said["disjoint-membership-join-membership-leave"] == (
        "Nothing is both a membership join and a membership leave."
    )
    assert said["irreflexive-contradicts"] == "‘contradicts’ never holds between a thing and itself."


# --- why ------------------------------------------------------------------------------------------------------------


def why(world: World, text: str) -> Proof:
    return explain(world.writer.rows, world.rules, triple(text))


def is_well_founded(proof: Proof, above: tuple[Triple, ...] = ()) -> bool:
    return proof.triple not in above and all(is_well_founded(part, (*above, proof.triple)) for part in proof.premises)


def test_an_asserted_triple_names_its_graphs_and_the_records_it_was_read_from():
    world = World.of(
        ":A rdfs:subClassOf :B .",
        "<i> a :A ; prov:wasDerivedFrom <r1> , <r2> . <r2> osai:gives :p .",
        other="<i> a :A .",
        provenance='<r1> osai:locator "file.toml:41" .',
    )
    proof = why(world, "<i> a :A")
    assert proof.rule is None
    assert [(place.graph, place.records) for place in proof.places] == [
        (iri("<graph/curated/data>"), (Record(iri("<r1>"), "file.toml:41"),)),
        (iri("<graph/other>"), ()),
    ]


def test_an_inferred_triple_names_rule_and_premises_down_to_what_was_asserted():
    world = World.of(SMALL, "<i1> :r <i2> . <i2> :t <i3> . <i3> a :C .")
    world.reason()
    proof = why(world, "<i1> a :D")
    assert proof.rule is not None
    assert proof.rule.name == "definition-d"
    assert [part.triple for part in proof.premises] == [
        triple("<i1> a :A"),
        triple("<i1> :s <i3>"),
        triple("<i3> a :C"),
    ]
    leaves = {step.triple for step in proof.steps() if step.rule is None}
    assert leaves == {triple("<i1> :r <i2>"), triple("<i2> :t <i3>"), triple("<i3> a :C")}
    assert proof.rule.axiom.startswith("If X is")


@settings(max_examples=25, deadline=None)
@given(aboxes())
def test_every_inferred_triple_has_a_proof_from_asserted_ones_that_is_not_circular(facts):
    world = reasoned(facts)
    asserted = {triple(" ".join(fact)) for fact in facts}
    for inferred in world.inferred():
        proof = explain(world.writer.rows, world.rules, inferred)
        assert is_well_founded(proof)
        for step in proof.steps():
            if step.rule is None:
                assert step.triple in asserted
            else:
                again = World(world.ontology, (step.rule,))
                again.add([part.triple for part in step.premises], "x")
                again.reason()
                assert step.triple in again.default()


def test_a_current_host_is_explained_by_the_situation_and_its_dates():
    gold = Graph().parse(Path(__file__).parent.parent / "fixtures/reasoning/gold.ttl", publicID=BASE)
    world = World.at("2025-11-23", gold)
    world.reason()
    proof = why(world, "<id/project/pytorch> osai:underUmbrellaOf <id/org/linux-foundation>")
    rules_used = {step.rule.name for step in proof.steps() if step.rule}
    assert {"chain-under-umbrella-of", "current-host", "current-situation"} <= rules_used
    situation = "<id/situation/pytorch-legal-host-pytorch-foundation-1>"
    leaves = {step.triple for step in proof.steps() if step.rule is None}
    assert (iri(situation), OSAI.latestStart) in {(s, p) for s, p, _ in leaves}
    assert triple("<id/org/pytorch-foundation> osai:subOrganizationOf <id/org/linux-foundation>") in leaves
    assert not any("legal-host-meta" in str(s) for s, _, _ in leaves)


def test_a_literal_is_found_in_whatever_form_it_is_asked_for():
    world = World.of(":d rdfs:subPropertyOf :e .", "<i> :d 1.50 .")
    world.reason()
    s, p, _ = triple("<i> :e 1")
    asked = Literal("1.500", datatype=iri("xsd:decimal"), normalize=False)
    assert explain(world.writer.rows, world.rules, (s, p, asked)).rule is not None


def test_what_is_not_there_cannot_be_explained():
    world = World.of(":A rdfs:subClassOf :B .", "<i> a :A .")
    with pytest.raises(AbsentError, match="not in the release"):
        why(world, "<i> a :C")


def test_what_only_a_named_graph_holds_is_asserted_there():
    world = World.of(":A rdfs:subClassOf :B .", "<i> a :A .")
    world.writer.update(f"INSERT DATA {{ GRAPH <{BASE}graph/links/x> {{ <{BASE}i> a <http://terms.test/#C> }} }}")
    proof = why(world, "<i> a :C")
    assert (proof.rule, [place.graph for place in proof.places]) == (None, [iri("<graph/links/x>")])


def test_words_are_read_from_the_record_that_their_load_names_in_another_graph():
    world = World.of(
        ":A rdfs:subClassOf :B .",
        "<span> a :A ; prov:wasDerivedFrom <r1> .",
        provenance='<r1> osai:locator "file.toml:7" . <load> prov:generated <graph/curated/data> , <graph/words/doc> .',
        **{"words/doc": '<span> osai:exactQuote "so it is" .'},
    )
    (place,) = why(world, '<span> osai:exactQuote "so it is"').places
    assert place == Place(iri("<graph/words/doc>"), (Record(iri("<r1>"), "file.toml:7"),))


def test_a_triple_that_its_rules_no_longer_make_is_not_explained_away():
    world = World.of(":A rdfs:subClassOf :B .", "<i> a :A .")
    world.reason()
    world.writer.update(f"DELETE DATA {{ <{BASE}i> a <http://terms.test/#A> }}")
    with pytest.raises(InconsistencyError, match="build it again"):
        why(world, "<i> a :B")


def test_a_contradiction_is_explained_by_the_least_that_leads_to_it():
    # That <i> is an :A follows three ways; the shortest proofs of both types share no more than they must.
    world = World.of(
        ":A owl:disjointWith :B . :p rdfs:domain :A ; rdfs:range :B . :q rdfs:domain :A . :C rdfs:subClassOf :A .",
        "<i> :p <j> ; :q <k> ; a :C . <l> :p <i> .",
    )
    world.reason()
    (clash,) = world.clashes
    (row,) = world.writer.rows(clash.query)
    found = explain_clash(world.writer.rows, world.rules, clash, row)
    assert {leaf.triple for leaf in found.asserted} in (
        {triple("<i> :p <j>"), triple("<l> :p <i>")},
        {triple("<i> :q <k>"), triple("<l> :p <i>")},
        {triple("<i> a :C"), triple("<l> :p <i>")},
    )
    assert len(found.rules) == 2


def test_a_contradiction_needs_no_triple_that_another_one_replaces():
    # <i> :p <i> makes both types by itself; the asserted type :A is the shorter proof, but not part of the least.
    world = World.of(":A owl:disjointWith :B . :p rdfs:domain :A ; rdfs:range :B .", "<i> :p <i> .")
    world.reason()
    (row,) = world.writer.rows(world.clashes[0].query)
    found = explain_clash(world.writer.rows, world.rules, world.clashes[0], row)
    assert [leaf.triple for leaf in found.asserted] == [triple("<i> :p <i>")]
    assert [rule.name for rule in found.rules] == ["domain-p-a", "range-p-b"]


# --- rules.json -----------------------------------------------------------------------------------------------------


def test_rules_come_back_from_their_file_as_they_were():
    read = as_of_rules(resources.queries() / "rules", base=BASE, as_of=datetime.fromisoformat("2024-01-01T00:00Z"))
    every = (*read, *rules(core(), base=BASE))
    literal = rules(
        turtle(":A owl:equivalentClass [ owl:onProperty :d ; owl:hasValue '01'^^xsd:integer ] ."), base=BASE
    )
    language = rules(turtle(":A owl:equivalentClass [ owl:onProperty :d ; owl:hasValue 'a'@en ] ."), base=BASE)
    for some in (every, literal, language):
        again = load_rules(dump_rules(some))
        assert again == some
        assert [rule.update for rule in again] == [rule.update for rule in some]


@pytest.mark.parametrize("text", ["", "{}[", '[{"name": "x"}]', "[1]"])
def test_a_broken_rules_file_says_so(text):
    with pytest.raises(ReleaseError, match="build the release again"):
        load_rules(text)


# --- the projection for HermiT --------------------------------------------------------------------------------------


def project(data: str) -> Graph:
    world = World.at("2025-11-23", data)
    return project_for_dl(world.writer.rows, world.ontology, base=BASE)


def test_the_projection_keeps_types_and_object_properties_of_curated_graphs():
    kept = project(
        '<i> a osai:Company ; osai:name "I" ; osai:participatesIn <e> ; osai:foundedYear "1999" . <e> a osai:Fork .'
    )
    individuals = {triple("<i> a owl:NamedIndividual"), triple("<e> a owl:NamedIndividual")}
    assert set(kept) == individuals | {
        triple("<i> a osai:Company"),
        triple("<e> a osai:Fork"),
        triple("<i> osai:participatesIn <e>"),
    }


def test_the_projection_leaves_bulk_loads_out():
    world = World.of(core(), "<i> a osai:Fork .", **{"landscape/0123456789ab": "<j> a osai:Fork ."})
    kept = project_for_dl(world.writer.rows, world.ontology, base=BASE)
    assert set(kept.subjects(RDF.type, OSAI.Fork)) == {iri("<i>")}


def test_companies_and_foundations_are_different_from_each_other():
    kept = project("<i> a osai:Company . <j> a osai:UmbrellaFoundation . <k> a osai:Organization .")
    (first,) = kept.objects(None, iri("owl:distinctMembers"))
    assert list(kept.items(first)) == [iri("<i>"), iri("<j>")]


@pytest.mark.parametrize(
    "data",
    ["<i> osai:currentHots <j> .", "<i> a osai:Compny .", "<i> <http://else.test/p> <j> .", "<i> osai:steward 'x' ."],
)
def test_what_is_not_declared_is_an_error_in_the_projection(data):
    with pytest.raises(ModelError, match=r"mend|IRI is needed"):
        project(data)


def test_without_java_the_check_says_what_to_install(monkeypatch):
    monkeypatch.setattr("kg.reasoning.dl.java_executable", lambda: None)
    with pytest.raises(ConfigError, match=r"osai-kg\[reason\]"):
        classify(core(), Graph())


def test_a_java_that_does_not_run_is_named(tmp_path):
    with pytest.raises(ModelError, match="HermiT could not check"):
        classify(core(), Graph(), java=str(tmp_path / "no-such-java"))


def test_java_is_the_one_that_the_extra_brings():
    found = java_executable()
    assert found is not None
    assert Path(found).exists()

"""A proof in words: terms as they are typed, sentences as they are said, and what is near when nothing is there."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import OWL, RDF, RDFS, XSD
from rdflib.term import Literal, URIRef

from kg.errors import AbsentError, QuestionError
from kg.vocab import OSAI
from kg.why import Explainer, compact
from kg.why.words import in_n_triples, verb
from tests.reasoning_world import BASE, World, core, iri, triple

ONTOLOGY = ":A rdfs:subClassOf :B . :p rdfs:subPropertyOf :q . :q rdfs:domain :B . :B rdfs:subClassOf :C ."


@pytest.fixture
def quiet() -> Iterator[None]:
    """Rdflib logs a traceback for a literal that its datatype does not allow; such literals are asked for here."""
    logging.getLogger("rdflib.term").setLevel(logging.CRITICAL)
    yield
    logging.getLogger("rdflib.term").setLevel(logging.NOTSET)


def explainer(world: World) -> Explainer:
    return Explainer(world.writer.rows, world.rules, BASE)


def reading() -> Explainer:
    return Explainer(lambda query: [], (), BASE)


# --- terms as they are typed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "id/project/pytorch",
        "/id/project/pytorch",
        "project/pytorch",
        f"{BASE}id/project/pytorch",
        f"<{BASE}id/project/pytorch>",
        " id/project/pytorch ",
    ],
)
def test_a_subject_may_be_whole_or_a_path(text):
    assert reading().subject(text) == iri("<id/project/pytorch>")


@pytest.mark.parametrize(
    ("text", "predicate"),
    [
        ("a", RDF.type),
        ("rdf:type", RDF.type),
        ("currentHost", OSAI.currentHost),
        ("osai:currentHost", OSAI.currentHost),
        (str(OSAI.currentHost), OSAI.currentHost),
        ("urn:x:y", URIRef("urn:x:y")),
    ],
)
def test_a_predicate_may_be_whole_short_or_bare(text, predicate):
    assert reading().predicate(text) == predicate


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("Foundation", OSAI.Foundation),
        ("concept/mode/survey", iri("<concept/mode/survey>")),
        ('"PyTorch"', Literal("PyTorch")),
        ('"chat"@fr', Literal("chat", lang="fr")),
        ('"0.20"^^xsd:decimal', Literal("0.20", datatype=XSD.decimal, normalize=False)),
        (f'"1"^^<{XSD.integer}>', Literal("1", datatype=XSD.integer, normalize=False)),
        (r'"a \"b\" \\ \u00e9 \U0001F600 \n"', Literal('a "b" \\ é 😀 \n')),
        ('""', Literal("")),
    ],
)
def test_an_object_may_be_a_class_or_a_literal(text, term):
    read = reading().object(text)
    assert (read, read.n3()) == (term, term.n3())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("PyTorch", "'PyTorch' is no IRI"),
        ("", "'' is no IRI"),
        ("curentHost", "did you mean currentHost"),
        ("oasi:currentHost", "'oasi' in 'oasi:currentHost' is no known prefix; did you mean osai"),
        ("id/org/a b", "' ' may not stand in an IRI"),
        ("<id/org/a>b>", "'>' may not stand in an IRI"),
        ('"open', "no literal; write it as N-Triples do"),
        ('"a"b"', "no literal; write it as N-Triples do"),
        ('"a"^^', "no literal; write it as N-Triples do"),
        ('"a"^^no:thing', "'no' in 'no:thing' is no known prefix"),
        (r'"\q"', "no escape of N-Triples"),
        (r'"\U00110000"', "is no character"),
        (r'"\ud800"', "half of a surrogate pair"),
    ],
)
def test_what_is_no_term_is_refused_with_what_to_write(text, said):
    with pytest.raises(QuestionError) as refused:
        reading().object(text)
    assert said in str(refused.value)


def test_a_term_that_the_engine_refuses_is_the_asker_s():
    world = World.of(ONTOLOGY)
    asked = explainer(world)
    with pytest.raises(QuestionError, match="cannot stand in a graph"):
        asked.proof((asked.subject("http://[x"), RDF.type, OSAI.Project))


_texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]))
_literals = st.one_of(
    _texts.map(Literal),
    _texts.map(lambda text: Literal(text, lang="en-gb")),
    st.from_regex(r"-?[0-9]{1,9}", fullmatch=True).map(lambda t: Literal(t, datatype=XSD.integer, normalize=False)),
)


@given(_literals)
def test_a_literal_that_is_spelled_is_read_back(literal):
    assert reading().object(in_n_triples(literal)).eq(literal) if literal.datatype else True
    assert in_n_triples(reading().object(in_n_triples(literal))) == in_n_triples(literal)
    assert "\n" not in in_n_triples(literal)


@given(
    st.sampled_from(["id/", "concept/", "graph/", "elsewhere/"]), st.from_regex(r"[a-z0-9._-]{1,9}/?", fullmatch=True)
)
def test_an_iri_that_is_spelled_short_is_read_back(root, rest):
    term = URIRef(BASE + root + rest)
    assert reading().object(compact(term, BASE)) == term


@pytest.mark.parametrize("term", [RDF.type, OSAI.currentHost, RDFS.label, OWL.sameAs, URIRef(f"{OSAI._NS}a/b")])
def test_a_term_of_a_vocabulary_is_read_back(term):
    assert reading().predicate(compact(term, BASE)) == term


# --- sentences ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("current host", "has current host"),
        ("steward", "has steward"),
        ("stewards", "has stewards"),
        ("has seat", "has seat"),
        ("governs", "governs"),
        ("relays at any depth", "relays at any depth"),
        ("participates in", "participates in"),
        ("published by", "is published by"),
        ("ever stewarded by", "is ever stewarded by"),
        ("licensed under", "is licensed under"),
        ("of project", "is of project"),
        ("in sector", "is in sector"),
        ("under umbrella of", "is under umbrella of"),
        ("sub-organization of", "is sub-organization of"),
        ("part of event", "is part of event"),
        ("after event", "is after event"),
        ("affiliated with", "is affiliated with"),
        ("offset", "has offset"),
        ("interest", "has interest"),
    ],
)
def test_the_label_of_a_property_becomes_a_verb(label, said):
    assert verb(label) == said


def test_every_property_of_the_ontology_has_a_verb_that_its_local_name_bears_out():
    for kind in (OWL.ObjectProperty, OWL.DatatypeProperty):
        for property_ in core().subjects(RDF.type, kind):
            label = str(core().value(property_, RDFS.label))
            said = verb(label)
            assert said in (label, f"is {label}", f"has {label}")
            if label.endswith(" by"):
                assert said == f"is {label}"
            if label.startswith("has "):
                assert said == label


def test_a_proof_is_said_line_by_line():
    world = World.of(
        ONTOLOGY,
        '<id/org/i> :p <id/org/j> ; osai:name "I" ; prov:wasDerivedFrom <r> . '
        '<id/org/j> osai:name "A name of many words" .',
        provenance=f'<r> osai:locator "file.toml:3" ; prov:wasDerivedFrom <s> . '
        f'<s> osai:contentSha256 "{"0123456789abcdef" * 4}" ; <http://purl.org/dc/terms/title> "The source" .',
    )
    world.reason()
    asked = explainer(world)
    proof = asked.proof(triple("<id/org/i> a :B"))
    assert list(asked.words(proof).lines(proof)) == [
        "I is a b",
        "  by rule domain-q-b: If X ‘q’ Y, then X is a b.",
        "    I has q ‘A name of many words’",
        "      by rule sub-property-p-q: If X ‘p’ Y, then X ‘q’ Y.",
        "        I has p ‘A name of many words’",
        "          asserted in graph/curated/data, file.toml:3",
        "",
        "graph/curated/data  snapshot 0123456789ab  The source",
        "",
        "I                     id/org/i",
        "A name of many words  id/org/j",
    ]


def test_what_was_proved_is_not_proved_again():
    world = World.of(
        ":A owl:equivalentClass [ owl:intersectionOf ( :B :C ) ] . :D rdfs:subClassOf :B . :B rdfs:subClassOf :C .",
        "<id/org/i> a :D .",
    )
    world.reason()
    asked = explainer(world)
    proof = asked.proof(triple("<id/org/i> a :A"))
    lines = list(asked.words(proof).lines(proof))
    assert [line.strip() for line in lines if "org/i is a b" in line] == [
        "org/i is a b",
        "org/i is a b (as proved above)",
    ]
    assert len([line for line in lines if "by rule subclass-d-b" in line]) == 1


def test_json_has_the_whole_proof():
    world = World.of(":A rdfs:subClassOf :B .", '<id/org/i> a :A ; osai:name "I" .')
    world.reason()
    asked = explainer(world)
    proof = asked.proof(triple("<id/org/i> a :B"))
    asserted = {"graph": f"{BASE}graph/curated/data", "records": []}
    subject = {"type": "uri", "value": f"{BASE}id/org/i", "label": "I"}
    predicate = {"type": "uri", "value": str(RDF.type)}
    assert asked.words(proof).to_json(proof) == {
        "sentence": "I is a b",
        "triple": {
            "subject": subject,
            "predicate": predicate,
            "object": {"type": "uri", "value": "http://terms.test/#B"},
        },
        "rule": {
            "name": "subclass-a-b",
            "axiom": "Every a is a b.",
            "graph": f"{BASE}graph/inferred/subclass-a-b",
        },
        "places": [],
        "premises": [
            {
                "sentence": "I is an a",
                "triple": {
                    "subject": subject,
                    "predicate": predicate,
                    "object": {"type": "uri", "value": "http://terms.test/#A"},
                },
                "rule": None,
                "places": [asserted],
                "premises": [],
            }
        ],
    }


# --- what is near ---------------------------------------------------------------------------------------------------


@pytest.fixture
def small() -> Explainer:
    world = World.of(
        ":A rdfs:subClassOf :B . :B rdfs:subClassOf :C . :p rdfs:subPropertyOf :q .",
        '<id/org/meta> a :A ; :p <id/org/x>, <id/org/y> ; :r "2"^^xsd:integer . <id/org/x> :s 1 .',
    )
    world.reason()
    return explainer(world)


@pytest.mark.parametrize(
    ("asked", "said", "nearest"),
    [
        (
            "<id/org/meta> :p <id/org/z>",
            "id/org/meta <http://terms.test/#p> id/org/z is not in the release; "
            "<http://terms.test/#p> of id/org/meta is id/org/x, id/org/y",
            [
                ("id/org/meta", "<http://terms.test/#p>", "id/org/x"),
                ("id/org/meta", "<http://terms.test/#p>", "id/org/y"),
            ],
        ),
        (
            "<id/org/meta> :r 3",
            f'id/org/meta <http://terms.test/#r> "3"^^<{XSD.integer}> is not in the release; '
            f'<http://terms.test/#r> of id/org/meta is "2"^^<{XSD.integer}>',
            [("id/org/meta", "<http://terms.test/#r>", f'"2"^^<{XSD.integer}>')],
        ),
        (
            "<id/org/x> :p <id/org/meta>",
            "id/org/x <http://terms.test/#p> id/org/meta is not in the release; "
            "what is said of id/org/x: <http://terms.test/#s>",
            [("id/org/x", "<http://terms.test/#s>")],
        ),
        (
            "<id/org/mta> a :B",
            "id/org/mta rdf:type <http://terms.test/#B> is not in the release; nothing is said of id/org/mta; "
            "did you mean id/org/meta?",
            [],
        ),
    ],
)
def test_what_is_not_there_is_told_with_what_is_near(small, asked, said, nearest):
    with pytest.raises(AbsentError) as absent:
        small.proof(triple(asked))
    assert str(absent.value) == said
    assert list(absent.value.nearest) == nearest


def test_no_more_than_ten_values_are_named():
    world = World.of(ONTOLOGY, "".join(f"<id/org/i> :r {number} . " for number in range(10, 22)))
    with pytest.raises(AbsentError, match=r"and more$") as absent:
        explainer(world).proof(triple("<id/org/i> :r 99"))
    assert len(absent.value.nearest) == 10


def test_what_was_inferred_about_a_subject_is_listed_with_its_rules(small):
    listed = [(made[1:], rule.name) for made, rule in small.inferred(iri("<id/org/meta>"))]
    assert listed == [
        ((iri(":q"), iri("<id/org/x>")), "sub-property-p-q"),
        ((iri(":q"), iri("<id/org/y>")), "sub-property-p-q"),
        ((RDF.type, iri(":B")), "subclass-a-b"),
        ((RDF.type, iri(":C")), "subclass-b-c"),
    ]
    assert [rule.name for _, rule in small.inferred(iri("<id/org/meta>"), RDF.type)] == ["subclass-a-b", "subclass-b-c"]


def test_nothing_inferred_is_told_with_what_is_asserted(small):
    with pytest.raises(AbsentError) as absent:
        small.inferred(iri("<id/org/meta>"), iri(":p"))
    assert str(absent.value) == (
        "nothing was inferred about id/org/meta <http://terms.test/#p>; "
        "<http://terms.test/#p> of id/org/meta is id/org/x, id/org/y"
    )


@pytest.mark.usefixtures("quiet")
def test_a_literal_that_its_datatype_does_not_allow_is_asked_for_like_any_other():
    world = World.of(":d rdfs:subPropertyOf :e .", '<id/org/i> :d "soon"^^xsd:integer .')
    world.reason()
    asked = explainer(world)
    term = asked.object('"soon"^^xsd:integer')
    assert asked.proof((iri("<id/org/i>"), iri(":e"), term)).rule is not None

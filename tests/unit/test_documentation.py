"""What the documents of the terms say: sentences written by hand, and the files read in another way."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import rdflib
from rdflib import OWL, RDF, RDFS, SKOS, Graph, URIRef
from rdflib.plugins.sparql import prepareQuery
from rdflib.plugins.sparql.parserutils import CompValue

from kg import documentation, resources
from kg.catalogue import Catalogue
from kg.documentation import Documentation, Files, Term, describe, named_in, spoken
from kg.errors import ModelError, ReleaseError
from kg.model import DEFAULT_BASE
from kg.vocab import OSAI

PREFIXES = """
@prefix osai: <https://w3id.org/osai-kg/ontology#> .
@prefix osaish: <https://w3id.org/osai-kg/shapes#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix sh: <http://www.w3.org/ns/shacl#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
@prefix ex: <https://example.org/v#> .
"""
TWO = """
osai:Agent a owl:Class ; rdfs:label "agent"@en .
osai:Company a owl:Class ; rdfs:label "company"@en ; rdfs:subClassOf osai:Agent .
osai:knows a owl:ObjectProperty ; rdfs:label "knows"@en ; owl:inverseOf osai:knownBy .
osai:knownBy a owl:ObjectProperty ; rdfs:label "known by"@en .
osai:name a owl:DatatypeProperty ; rdfs:label "name"@en .
"""


def graph(turtle: str) -> Graph:
    return Graph().parse(data=PREFIXES + turtle, format="turtle", publicID=DEFAULT_BASE)


def made(core: str, *, shapes: str = "", alignments: str = "", log: str = "") -> dict[str, Term]:
    """Document a small ontology, and give its terms by name."""
    files = Files(
        core=graph(core),
        text=core,
        module=graph(""),
        shapes=graph(shapes),
        schemes=graph(""),
        alignments=graph(alignments),
        log=log,
    )
    return {term.name: term for term in describe(files, queries={}, base=DEFAULT_BASE).terms}


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue.read(resources.queries(), base=DEFAULT_BASE)


@pytest.fixture(scope="module")
def described(catalogue: Catalogue) -> Documentation:
    queries = {query.name: query.text for query in catalogue}
    return describe(Files.bundled(DEFAULT_BASE), queries=queries, base=DEFAULT_BASE)


@pytest.fixture(scope="module")
def terms(described: Documentation) -> dict[str, Term]:
    return {term.name: term for term in described.terms}


@pytest.fixture(scope="module")
def core() -> Graph:
    return resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE)


# --- axioms in words --------------------------------------------------------------------------------------------------

SENTENCES = {
    # a definition by existence, twice
    "Donation": "Donation is exactly a transfer that has a company as from agent and has a foundation as to agent.",
    # a label with “has”: the verb is said once
    "UmbrellaFoundation": "Umbrella foundation is exactly a foundation that has a foundation as sub-organization.",
    # a label that is a participle, and one that is a verb
    "VendorNeutralProject": "Vendor-neutral project is exactly a foundation-hosted project that is governed by "
    "a multi-vendor body.",
    "ContestedFinding": "Contested finding is exactly a finding that contradicts a finding.",
    # a fixed value, and a choice of fixed values
    "GarbledStatement": "Garbled statement is exactly a statement that has “garbled” as fidelity.",
    "BoundedFinding": "Bounded finding is exactly a quantitative finding that has “at most”, “at least”, “more than” "
    "or “less than” as bound kind.",
    # exclusion of two, and of a family
    "MembershipJoin": "Membership join excludes membership leave.",
    "MembershipLeave": "Membership leave excludes membership join.",
    "Person": "Person excludes governing body and organization.",
    "Endeavour": "Endeavour excludes agent, artefact, happening, information content, situation and skos:Concept.",
    # properties
    "currentHost": "X has at most one ‘current host’.",
    "withinOrganization": "If X ‘within organization’ Y and Y ‘within organization’ Z, then X ‘within organization’ Z.",
    "contradicts": "If X ‘contradicts’ Y, then Y ‘contradicts’ X.",
    "forkedFrom": "If X ‘forked from’ Y, then never Y ‘forked from’ X.",
    "everSeatHolder": "If X ‘has seat’ Y and Y ‘member’ Z, then X ‘ever seat holder’ Z.",
    "name": "If X ‘name’ Y, then X ‘rdfs:label’ Y.",
}


@pytest.mark.parametrize("name", SENTENCES)
def test_an_axiom_of_the_core_is_said_as_a_person_would(terms: dict[str, Term], name: str) -> None:
    said = {str(axiom): axiom.dl for axiom in terms[name].axioms}
    assert SENTENCES[name] in said
    assert not said[SENTENCES[name]], "rules follow it"


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "MultiVendorBody",
            "Multi-vendor body is exactly a governing body that has at least 2 companies as current seat holder.",
        ),
        ("Finding", "Every finding is a quantitative finding or a qualitative finding, and never both."),
        ("Stewardship", "Every stewardship has an agent as steward."),
        ("Statement", "Every statement has a document as in document."),
    ],
)
def test_an_axiom_of_the_module_is_marked(terms: dict[str, Term], name: str, sentence: str) -> None:
    assert (sentence, True) in {(str(axiom), axiom.dl) for axiom in terms[name].axioms}


def test_an_irreflexive_property_says_so_beside_the_rest(terms: dict[str, Term]) -> None:
    assert [str(axiom) for axiom in terms["contradicts"].axioms] == [
        "If X ‘contradicts’ Y, then Y ‘contradicts’ X.",
        "Never X ‘contradicts’ X.",
    ]
    assert terms["contradicts"].characteristics == ("symmetric", "irreflexive")


def test_what_a_sentence_names_can_be_linked(terms: dict[str, Term]) -> None:
    (axiom,) = [axiom for axiom in terms["Donation"].axioms if "exactly" in str(axiom)]
    named = [part.iri for part in axiom.words if not isinstance(part, str)]
    assert named == [str(term) for term in (OSAI.Transfer, OSAI.Company, OSAI.fromAgent, OSAI.Foundation, OSAI.toAgent)]


EXPRESSIONS = {
    "owl:equivalentClass [ owl:complementOf osai:Agent ]": "Company is exactly anything but an agent.",
    "rdfs:subClassOf [ owl:onProperty osai:knows ; owl:allValuesFrom osai:Agent ]": (
        "Every company knows nothing but an agent."
    ),
    "rdfs:subClassOf [ owl:onProperty osai:knownBy ; owl:maxCardinality 3 ]": "Every company has at most 3 things as "
    "known by.",
    "rdfs:subClassOf [ owl:onProperty osai:name ; owl:qualifiedCardinality 1 ; owl:onClass osai:Company ]": (
        "Every company has exactly 1 company as name."
    ),
    "owl:equivalentClass [ owl:unionOf ( osai:Agent osai:Company ) ]": "Company is exactly an agent or a company.",
    "rdfs:subClassOf [ owl:unionOf ( [ owl:onProperty osai:knows ; owl:someValuesFrom osai:Agent ] "
    "[ owl:onProperty osai:name ; owl:hasValue 'x' ] ) ]": "Every company either knows an agent or has “x” as name.",
    "owl:equivalentClass [ owl:oneOf ( ex:a ex:b ) ]": "Company is exactly one of ex:a and ex:b.",
    "owl:equivalentClass ex:Firm": "Company is exactly an ex:Firm.",
    "owl:hasKey ( osai:name osai:knows )": "No two things that are a company have the same ‘name’ and ‘knows’.",
    "owl:disjointUnionOf ( osai:Agent ex:B ex:C )": (
        "Every company is an agent, an ex:B or an ex:C, and never two of them."
    ),
}


@pytest.mark.parametrize("axiom", EXPRESSIONS)
def test_every_construct_has_words(axiom: str) -> None:
    found = made(f"{TWO} osai:Company {axiom} .", alignments="osai:Agent skos:closeMatch ex:Agent .")
    assert [str(axiom) for axiom in found["Company"].axioms] == [EXPRESSIONS[axiom]]


@pytest.mark.parametrize(
    ("turtle", "about"),
    [
        ("osai:knows owl:unheardOf osai:name .", "unheardOf"),
        ("osai:knows a owl:UnheardOfProperty .", "UnheardOfProperty"),
        ("osai:Company rdfs:subClassOf [ owl:onProperty osai:knows ; owl:hasSelf true ] .", "hasSelf"),
        ("osai:Company rdfs:subClassOf [ owl:onProperty [ owl:inverseOf osai:knows ] ; owl:hasValue 1 ] .", "inverse"),
        ("osai:Company rdfs:subClassOf [ rdfs:label 'empty' ] .", "class expression"),
        ("osai:knows rdfs:range [ owl:unionOf ( osai:Agent osai:Company ) ] .", "expression"),
        ("osai:Agent rdfs:subClassOf osai:Company .", "circle"),
    ],
)  # fmt: skip
def test_what_has_no_words_stops_the_build(turtle: str, about: str) -> None:
    with pytest.raises(ModelError, match=about):
        made(TWO + turtle)


# --- terms ------------------------------------------------------------------------------------------------------------


def test_every_declared_term_is_documented_once_with_label_and_definition(
    described: Documentation, core: Graph
) -> None:
    declared = {str(term) for term in core.subjects(RDFS.isDefinedBy, URIRef(f"{DEFAULT_BASE}ontology"))}
    assert sorted(term.iri for term in described.terms) == sorted(declared)
    for term in described.terms:
        assert term.label == str(core.value(URIRef(term.iri), RDFS.label))
        assert term.definition == str(core.value(URIRef(term.iri), SKOS.definition))


def test_classes_come_as_a_tree_below_their_tops(described: Documentation) -> None:
    classes = [term for term in described.terms if term.kind == "class"]
    tops = [term.name for term in classes if not term.above]
    assert tops == ["Agent", "Endeavour", "Artefact", "Happening", "Situation", "InformationContent"]
    seen: set[str] = set()
    for term in classes:
        assert {named.iri for named in term.above} <= seen, f"{term.name} comes before what is above it"
        seen.add(term.iri)
        assert term.family in tops
    families = [term.family for term in classes]
    assert families == sorted(families, key=tops.index), "the trees stand one after the other"


def test_families_of_properties_are_the_headings_of_the_file(described: Documentation) -> None:
    families = list(dict.fromkeys(term.family for term in described.terms if term.kind != "class"))
    assert families[:5] == ["agents", "projects", "situations", "happenings", "findings"]
    assert "other" not in families, "a property stands under no heading"


def test_a_property_knows_its_ends_its_inverse_and_what_it_implies(terms: dict[str, Term]) -> None:
    host = terms["currentHost"]
    assert host.domain is not None
    assert host.range is not None
    assert (host.domain.text, host.range.text) == ("project", "organization")
    assert [named.text for named in host.above] == ["ever stewarded by", "under umbrella of"]
    assert terms["value"].range == documentation.Named("http://www.w3.org/2001/XMLSchema#decimal", "xsd:decimal")
    for one, other in (("governs", "governed by"), ("governedBy", "governs")):
        inverse = terms[one].inverse
        assert inverse is not None
        assert inverse.text == other
    assert "has seat" in {named.text for named in terms["GoverningBody"].subject_of}
    assert "has seat" in {named.text for named in terms["BoardSeat"].object_of}


def test_a_class_with_members_by_definition_is_marked(described: Documentation, core: Graph) -> None:
    defined = {str(term) for term in core.subjects(OWL.equivalentClass)} | {str(OSAI.MultiVendorBody)}
    assert {term.iri for term in described.terms if term.defined} == defined


def test_mappings_say_which_way_they_hold(terms: dict[str, Term]) -> None:
    found = {(mapping.relation, mapping.target.text) for mapping in terms["Agent"].mappings}
    assert {("a kind of", "prov:Agent"), ("close to", "foaf:Agent")} <= found
    assert ("implies", "prov:wasDerivedFrom") in {(m.relation, m.target.text) for m in terms["relays"].mappings}


def test_the_header_is_that_of_the_file(described: Documentation) -> None:
    assert described.title == "Open Source AI Ontology"
    assert described.licence == "https://creativecommons.org/licenses/by/4.0/"
    assert described.module.iri == f"{DEFAULT_BASE}ontology/dl"


def test_a_deprecated_term_says_what_took_its_place() -> None:
    term = made(
        f"{TWO} osai:name owl:deprecated true ; <http://purl.org/dc/terms/isReplacedBy> osai:knows .",
    )["name"]
    assert term.deprecated
    assert term.replaced_by is not None
    assert term.replaced_by.text == "knows"


LOG = """# Changes

## 0.3.0 (2027-02-01)

- The definition of `name` says more.
- Added `knows`, the relation
  of one agent to another.

## 0.2.0 (2027-01-01)

- `Agent` is wider. (`osai:knownBy` was added.)

## 0.1.0 (2026-01-01)

First version.

- The core.
"""


@pytest.mark.parametrize(
    ("name", "since", "versions"),
    [
        ("knows", "0.3.0", ["0.3.0"]),
        ("knownBy", "0.2.0", ["0.2.0"]),
        ("name", "0.1.0", ["0.3.0"]),
        ("Company", "0.1.0", []),
    ],
)
def test_history_comes_from_the_change_log(name: str, since: str, versions: list[str]) -> None:
    term = made(TWO, log=LOG)[name]
    assert term.since == since
    assert [change.version for change in term.history] == versions


def test_an_entry_of_the_log_is_whole() -> None:
    (change,) = made(TWO, log=LOG)["knows"].history
    assert change.text == "Added `knows`, the relation of one agent to another."


# --- shapes -----------------------------------------------------------------------------------------------------------

ASKED = {
    "sh:path osai:name ; sh:minCount 1": ("name", "at least one"),
    "sh:path osai:name ; sh:maxCount 1": ("name", "at most one"),
    "sh:path osai:name ; sh:minCount 1 ; sh:maxCount 1": ("name", "exactly one"),
    "sh:path osai:name ; sh:minCount 2 ; sh:maxCount 4": ("name", "2 to 4"),
    "sh:path osai:name ; sh:maxCount 0": ("name", "none"),
    "sh:path osai:knows ; sh:class osai:Agent ; sh:nodeKind sh:IRI": ("knows", "an agent; an IRI"),
    "sh:path osai:name ; sh:datatype xsd:string ; sh:minLength 1 ; sh:maxLength 20": (
        "name",
        "of type xsd:string; not empty; at most 20 characters",
    ),
    "sh:path osai:name ; sh:or ( [ sh:datatype xsd:decimal ] [ sh:datatype xsd:integer ] )": (
        "name",
        "of type xsd:decimal or xsd:integer",
    ),
    "sh:path osai:name ; sh:minInclusive 0 ; sh:maxInclusive 1": ("name", "from 0 to 1"),
    "sh:path osai:name ; sh:minInclusive 0 ; sh:maxExclusive 1": ("name", "at least 0; below 1"),
    "sh:path osai:name ; sh:in ( 'a' 'b' 'c' )": ("name", "one of “a”, “b” and “c”"),
    "sh:path osai:name ; sh:in ( 1 2 3 4 5 6 7 8 9 10 11 12 13 )": ("name", "one of 13 listed values"),
    "sh:path osai:name ; sh:hasValue '1'": ("name", "with the value “1”"),
    "sh:path osai:name ; sh:lessThan osai:knows": ("name", "less than ‘knows’"),
    "sh:path osai:name ; sh:lessThanOrEquals osai:knows": ("name", "not above ‘knows’"),
    "sh:path osai:name ; sh:disjoint osai:knows": ("name", "never also a value of ‘knows’"),
    "sh:path osai:name ; sh:uniqueLang true": ("name", "one in each language"),
    # a property or its declared inverse is the property; any other choice is said as one
    "sh:path [ sh:alternativePath ( osai:knows [ sh:inversePath osai:knownBy ] ) ] ; sh:minCount 1": (
        "knows",
        "at least one",
    ),
    "sh:path [ sh:alternativePath ( osai:knows [ sh:inversePath osai:name ] ) ] ; sh:minCount 1": (
        "knows or inverse of name",
        "at least one",
    ),
    "sh:path ( osai:knows osai:name ) ; sh:minCount 1": ("knows, then name", "at least one"),
    # what has no words of its own is said by its message, in which a value is left open
    "sh:path osai:name ; sh:minCount 1 ; sh:qualifiedMinCount 1 ; sh:message '{?value} is odd'@en": (
        "name",
        "at least one; refused: “… is odd”",
    ),
}


@pytest.mark.parametrize("constraint", ASKED)
def test_what_a_shape_asks_of_a_property_has_words(constraint: str) -> None:
    shapes = f"osaish:S a sh:NodeShape ; sh:targetClass osai:Company ; sh:property [ {constraint} ] ."
    (found,) = made(TWO, shapes=shapes)["Company"].constraints
    assert (spoken(found.path), spoken(found.asks)) == ASKED[constraint]
    assert spoken(found.of) == "company"


def test_a_condition_without_words_and_without_message_stops_the_build() -> None:
    shapes = "osaish:S a sh:NodeShape ; sh:targetClass osai:Company ; sh:nodeKind sh:IRI ."
    with pytest.raises(ModelError, match=r"osaish:S.*sh:message"):
        made(TWO, shapes=shapes)


def test_a_constraint_stands_with_its_class_and_its_property_and_says_how_grave_it_is() -> None:
    found = made(
        TWO,
        shapes="osaish:S a sh:NodeShape ; sh:targetSubjectsOf osai:name ; sh:severity sh:Warning ; "
        "sh:property [ sh:path osai:knows ; sh:minCount 1 ] .",
    )
    assert found["Company"].constraints == ()
    (constraint,) = found["knows"].constraints
    assert found["name"].constraints == (constraint,)
    assert (spoken(constraint.of), constraint.severity) == ("what has ‘name’", "warning")


def test_every_shape_of_the_files_is_told_with_some_term(described: Documentation) -> None:
    shapes = Graph()
    for path in (resources.ontology() / "shapes").glob("*.ttl"):
        shapes += resources.read_turtle(path, DEFAULT_BASE)
    sh = rdflib.SH
    aimed = {
        str(shape)
        for kind in (sh.targetClass, sh.targetSubjectsOf, sh.targetObjectsOf)
        for shape, target in shapes.subject_objects(kind)
        if str(target).startswith(str(OSAI._NS))
    }
    told = {constraint.shape for term in described.terms for constraint in term.constraints}
    assert aimed <= told


# --- terms in queries -------------------------------------------------------------------------------------------------


def iris_of(query: str) -> set[str]:
    """Give the IRIs of a query by rdflib's reading of it."""
    found: set[str] = set()

    def walk(part: object) -> None:
        if isinstance(part, URIRef):
            found.add(str(part))
        elif isinstance(part, CompValue | dict):
            for inner in part.values():
                walk(inner)
        elif isinstance(part, list | tuple | set | frozenset):
            for inner in part:
                walk(inner)
        elif isinstance(part, rdflib.paths.Path):
            walk([value for value in vars(part).values() if not isinstance(value, str) or isinstance(value, URIRef)])

    walk(prepareQuery(query).algebra)
    return found


def test_the_queries_of_a_term_are_those_in_which_rdflib_reads_it(
    described: Documentation, catalogue: Catalogue
) -> None:
    read = {query.name: iris_of(query.text) for query in catalogue}
    for term in described.terms:
        assert set(term.queries) == {name for name, iris in read.items() if term.iri in iris}, term.name
    assert sum(len(term.queries) for term in described.terms) > 100


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("PREFIX o: <urn:o#> ASK { ?s o:name ?o }", {"urn:o#name"}),
        ("PREFIX o: <urn:o#> ASK { ?s o:nameOf|^o:name+/o:n.a-b ?o . }", {"urn:o#nameOf", "urn:o#name", "urn:o#n.a-b"}),
        ("PREFIX o: <urn:o#> # o:name\nASK { ?s ?p 'o:name', \"o:name\", '''o:\nname''' }", set()),
        ("PREFIX o: <urn:o#> ASK { ?s o:a 'it\\'s o:name' ; o:b \"<urn:o#name>\" }", {"urn:o#a", "urn:o#b"}),
        ("PREFIX : <urn:o#>\nASK { ?s :name ?o FILTER(?o < 3 && ?s > 2) }", {"urn:o#name"}),
        ("ASK { ?s q:name ?o }", set()),
        ("BASE <urn:x> ASK { ?s <ontology#name> ?o }", {"urn:x", f"{DEFAULT_BASE}ontology#name"}),
        ("prefix o:<urn:o#> ask { o:a o:c o:d.}", {"urn:o#a", "urn:o#c", "urn:o#d"}),
        ("PREFIX o: <urn:o#> SELECT ?o:name { }", set()),
    ],
)
def test_a_term_is_named_by_a_whole_token_only(query: str, named: set[str]) -> None:
    assert named_in(query, base=DEFAULT_BASE) == named


# --- in a release -----------------------------------------------------------------------------------------------------


def test_the_same_files_give_the_same_bytes(described: Documentation, catalogue: Catalogue, tmp_path: Path) -> None:
    queries = {query.name: query.text for query in catalogue}
    again = describe(Files.bundled(DEFAULT_BASE), queries=queries, base=DEFAULT_BASE)
    for name, value in (("a", described), ("b", again)):
        (tmp_path / name).mkdir()
        documentation.leave(tmp_path / name, value, base=DEFAULT_BASE)
    left = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert left == ["osai-dl.ttl", "osai.ttl", "terms.json"]
    for name in left:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert documentation.read_documentation(tmp_path / "a") == described


def test_the_served_turtle_is_the_file_with_its_base_fixed() -> None:
    base = "https://elsewhere.example/kg/"
    served = documentation.turtle("osai.ttl", base)
    assert served.endswith((resources.ontology() / "osai.ttl").read_bytes())
    # As a client reads it: from an address that is no good base.
    found = Graph().parse(data=served, format="turtle", publicID="http://127.0.0.1:8000/ontology/0.1.0")
    assert URIRef(f"{base}concept/mode/survey") in set(found.objects(None, OWL.hasValue))


def test_a_release_without_documents_is_none_and_a_broken_one_says_where(tmp_path: Path) -> None:
    assert documentation.read_documentation(tmp_path) is None
    assert documentation.read_statistics(tmp_path) is None
    (tmp_path / "terms.json").write_text('{"title": 1}', encoding="utf-8")
    with pytest.raises(ReleaseError, match=r"terms.json of the release: .*build the release again"):
        documentation.read_documentation(tmp_path)


def test_a_version_that_is_no_draft_keeps_its_bytes(described: Documentation, tmp_path: Path) -> None:
    earlier, now = tmp_path / "earlier", tmp_path / "now"
    for folder in (earlier, now):
        folder.mkdir()
        documentation.leave(folder, described, base=DEFAULT_BASE)
    stable = replace(described, status="stable")
    documentation.keep_version(now, stable, [earlier])
    (now / "osai.ttl").write_bytes((now / "osai.ttl").read_bytes() + b"# a word\n")
    documentation.keep_version(now, replace(described, status="draft"), [earlier])
    with pytest.raises(ReleaseError, match=r"osai.ttl: version .* release earlier; raise owl:versionInfo"):
        documentation.keep_version(now, stable, [earlier])


def test_kinds_of_term_are_those_of_the_file(described: Documentation, core: Graph) -> None:
    for kind, declared in (
        ("class", OWL.Class),
        ("object property", OWL.ObjectProperty),
        ("data property", OWL.DatatypeProperty),
        ("annotation property", OWL.AnnotationProperty),
    ):
        expected = {str(term) for term in core.subjects(RDF.type, declared) if str(term).startswith(str(OSAI._NS))}
        assert {term.iri for term in described.terms if term.kind == kind} == expected

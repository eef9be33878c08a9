"""The catalogue reads query files, binds terms into them as terms, and compares answers with pins."""

from __future__ import annotations

import string
from pathlib import Path

import pyoxigraph
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDF, XSD, BNode, Literal, URIRef
from rdflib.namespace import SDO, SH
from rdflib.term import Node

from kg.catalogue import Catalogue, Query, catalogue_graph, compare
from kg.errors import CatalogueError
from kg.model import DEFAULT_BASE
from kg.store import Form

HOSTS = """\
#+ summary: Who hosts a project?
#+ description: Today is the as-of date.
#+ tags: [project, time]
#+ params:
#+   project: {type: iri, description: "The project that is asked about"}
BASE <https://w3id.org/osai-kg/>
PREFIX osai: <https://w3id.org/osai-kg/ontology#>
SELECT ?host WHERE {
  VALUES ?project { <id/project/pytorch> }
  ?project osai:currentHost ?host
}
ORDER BY ?host
"""

# One parameter of each type, with the default in the spellings that a file may use.
TYPED = """\
#+ summary: What is bound?
#+ params:
#+   thing: {type: iri, description: A thing}
#+   text: {type: string, description: A text}
#+   count: {type: integer, description: A count}
#+   share: {type: decimal, description: A share}
#+   size: {type: double, description: A size}
#+   open: {type: boolean, description: Whether it is open}
#+   day: {type: date, description: A day}
#+   time: {type: dateTime, description: An instant}
BASE <https://w3id.org/osai-kg/>
PREFIX osai: <https://w3id.org/osai-kg/ontology#>
PREFIX xsd: <http://www.w3.org/2001/XMLSchema#>
SELECT * WHERE {
  VALUES ?thing { <id/project/pytorch> osai:Project }
  VALUES ?text { "a {b} <c>" 'd' }
  VALUES ?count { 12 }
  VALUES ?share { 0.25 }
  VALUES ?size { 2.5e3 }
  VALUES ?open { true }
  VALUES ?day { "2022-09-12"^^xsd:date }
  VALUES ?time { "2022-09-12T00:00:00Z"^^xsd:dateTime }
}
"""


def read(tmp_path: Path, *, base: str = DEFAULT_BASE, group: str = "competency", **files: str) -> Catalogue:
    for name, text in files.items():
        place = tmp_path / group / f"{name.replace('_', '-')}.rq"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
    return Catalogue.read(tmp_path, base=base)


@pytest.fixture(scope="module")
def typed(tmp_path_factory: pytest.TempPathFactory) -> Query:
    return read(tmp_path_factory.mktemp("typed"), typed=TYPED).get("typed")


def values_of(query: Query, text: str, name: str) -> list[Node]:
    """Give the terms that the engine reads from the VALUES block of ``name``: the way back from ``bind``."""
    start = text.index(f"VALUES ?{name} {{")
    # Everything around the block must be as it was: what follows it begins at the same distance from the end.
    tail = query.text[query.text.index("}", query.text.index(f"VALUES ?{name} {{")) :]
    if name == "text":  # its default holds a brace
        tail = query.text[query.text.index("}\n", query.text.index("VALUES ?text {")) :]
    assert text.startswith(query.text[: query.text.index(f"VALUES ?{name} {{")])
    assert text.endswith(tail)
    block = text[start : len(text) - len(tail) + 1]
    solutions = pyoxigraph.Store().query(f"SELECT ?{name} WHERE {{ {block} }}")
    assert isinstance(solutions, pyoxigraph.QuerySolutions)
    found: list[Node] = []
    for solution in solutions:
        term = solution[name]
        if isinstance(term, pyoxigraph.NamedNode):
            found.append(URIRef(term.value))
        else:
            assert isinstance(term, pyoxigraph.Literal)
            datatype = None if term.datatype.value == str(XSD.string) else URIRef(term.datatype.value)
            found.append(Literal(term.value, datatype=datatype, normalize=False))
    return found


# ---- reading ----


def test_a_file_becomes_a_query(tmp_path: Path) -> None:
    query = read(tmp_path, cq05_hosts=HOSTS).get("cq05-hosts")
    assert query.name == "cq05-hosts"
    assert query.group == "competency"
    assert query.summary == "Who hosts a project?"
    assert query.description == "Today is the as-of date."
    assert query.tags == {"project", "time"}
    assert query.form is Form.SELECT
    assert query.text == HOSTS
    assert query.parameters["project"].default == (URIRef("https://w3id.org/osai-kg/id/project/pytorch"),)


def test_the_base_of_the_file_gives_way_to_the_base_of_the_data(tmp_path: Path) -> None:
    query = read(tmp_path, base="http://example.org/kg/", cq05_hosts=HOSTS).get("cq05")
    assert "BASE <http://example.org/kg/>\n" in query.text
    assert "BASE <https://w3id.org/osai-kg/>" not in query.text
    assert "PREFIX osai: <https://w3id.org/osai-kg/ontology#>" in query.text  # the ontology does not move
    assert query.parameters["project"].default == (URIRef("http://example.org/kg/id/project/pytorch"),)


def test_defaults_keep_their_lexical_form(typed: Query) -> None:
    defaults = {name: parameter.default for name, parameter in typed.parameters.items()}
    assert defaults == {
        "thing": (
            URIRef("https://w3id.org/osai-kg/id/project/pytorch"),
            URIRef("https://w3id.org/osai-kg/ontology#Project"),
        ),
        "text": (Literal("a {b} <c>"), Literal("d")),
        "count": (Literal("12", datatype=XSD.integer),),
        "share": (Literal("0.25", datatype=XSD.decimal),),
        "size": (Literal("2.5e3", datatype=XSD.double, normalize=False),),
        "open": (Literal("true", datatype=XSD.boolean),),
        "day": (Literal("2022-09-12", datatype=XSD.date),),
        "time": (Literal("2022-09-12T00:00:00Z", datatype=XSD.dateTime, normalize=False),),
    }
    assert str(defaults["time"][0]) == "2022-09-12T00:00:00Z"


@pytest.mark.parametrize(
    ("verb", "form"),
    [
        ("SELECT * WHERE", Form.SELECT),
        ("ASK", Form.ASK),
        ("CONSTRUCT WHERE", Form.GRAPH),
        ("DESCRIBE ?project WHERE", Form.GRAPH),
    ],
)
def test_the_form_is_read_from_the_text(tmp_path: Path, verb: str, form: Form) -> None:
    text = f"#+ summary: SELECT or ASK?\nBASE <{DEFAULT_BASE}>\n# CONSTRUCT\n{verb} {{ ?project a <urn:x> }}\n"
    assert read(tmp_path, cq01=text).get("cq01").form is form


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("#+ tags:", "#+ tag:", r"cq05\.rq:3: 'tag' is no key of a header; .*did you mean tags"),
        ("#+ tags: [project, time]", "#+ tags: [project", r"cq05\.rq:\d: the header is no YAML"),
        ("#+ tags: [project, time]", "#+ tags: project", r"tags must be a list"),
        ("#+ summary: Who", "#+ description: Who", r"cq05\.rq:\d: "),
        ("#+ summary: Who hosts a project?", "#+ summary:", r"cq05\.rq:1: the header needs a summary"),
        ("#+ summary", "# summary", r"cq05\.rq:1: a query file begins with header lines"),
        ("type: iri", "type: uri", r"'uri' is no type; types are iri, string"),
        ("type: iri, ", "", r"parameter project needs exactly type and description"),
        ("type: iri,", "type: string,", r"parameter project takes a literal of type string"),
        ("#+   project:", "#+   projects:", r"cq05\.rq:9: VALUES \?project \{ … \} is no parameter of the header"),
        ("VALUES ?project { <id/project/pytorch> }", "", r"parameter project needs VALUES \?project"),
        ("{ <id/project/pytorch> }", "{ }", r"parameter project needs VALUES \?project \{ … \} with a default"),
        ("{ <id/project/pytorch> }", "{ UNDEF }", r"'UNDEF' is no IRI"),
        ("{ <id/project/pytorch> }", "{ kg:pytorch }", r"the prefix kg: is not declared"),
        ("BASE <https://w3id.org/osai-kg/>\n", "", r"exactly one line BASE .* here are 0"),
        ("SELECT ?host", "INSERT ?host", r"cq05\.rq: "),
    ],
)
def test_a_file_that_breaks_a_convention_is_named_with_the_mend(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    assert old in HOSTS
    with pytest.raises(CatalogueError, match=message):
        read(tmp_path, cq05=HOSTS.replace(old, new, 1))


def test_a_prefix_that_a_default_uses_has_a_line_of_its_own(tmp_path: Path) -> None:
    text = HOSTS.replace("/>\nPREFIX osai", "/> PREFIX osai").replace("<id/project/pytorch>", "osai:x")
    with pytest.raises(CatalogueError, match="osai:x needs PREFIX osai: on a line of its own"):
        read(tmp_path, cq05=text)


def test_blocks_of_one_parameter_must_agree(tmp_path: Path) -> None:
    block = "VALUES ?project { <id/project/pytorch> }"
    both = HOSTS.replace(block, f"{{ {block} }} UNION {{ {block} }}")
    bound = read(tmp_path, cq05=both).get("cq05").bind(project=[URIRef("urn:x")])
    assert bound.count("VALUES ?project { <urn:x> }") == 2
    assert "pytorch" not in bound
    with pytest.raises(CatalogueError, match="hold different terms"):
        read(tmp_path, cq05=both.replace("id/project/pytorch", "id/project/onnx", 1))


def test_constants_in_the_long_form_are_no_parameters(tmp_path: Path) -> None:
    text = HOSTS.replace("ORDER BY ?host", "").replace(
        "?project osai", "VALUES (?a ?b) { (1 2) (3 4) }\n  ?project osai"
    )
    query = read(tmp_path, cq05=text).get("cq05")
    assert set(query.parameters) == {"project"}
    assert "VALUES (?a ?b) { (1 2) (3 4) }" in query.bind(project=[URIRef("urn:x")])


# ---- finding ----


def test_queries_are_found_by_name_by_group_and_by_the_beginning_of_a_name(tmp_path: Path) -> None:
    read(tmp_path, cq02_b=HOSTS, cq01_a=HOSTS)
    read(tmp_path, group="violations", no_host=HOSTS)
    catalogue = read(tmp_path, group="pages", entity=HOSTS, entity_incoming=HOSTS)
    assert [query.name for query in catalogue] == ["cq01-a", "cq02-b"]
    assert len(catalogue) == 2
    assert [query.name for query in catalogue.group("pages")] == ["entity", "entity-incoming"]
    assert catalogue.get("cq01").name == "cq01-a"
    assert catalogue.get("competency/cq02").name == "cq02-b"
    assert catalogue.get("entity").name == "entity"  # a whole name, though another begins with it
    assert catalogue.get("violations/no-host").group == "violations"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("cq20", "there is no query 'cq20'; did you mean"),
        ("cq0", "could be cq01-a, cq02-b; write more of the name"),
        ("", "there is no query ''"),
        ("pages/cq01", "there is no query 'pages/cq01'"),
        ("private/cq01", "'private' is no group of queries; groups are competency, catalogue, pages, violations"),
        ("../competency/cq01-a", "is no group"),
    ],
)
def test_a_name_that_is_not_there_gets_the_nearest(tmp_path: Path, name: str, message: str) -> None:
    catalogue = read(tmp_path, cq01_a=HOSTS, cq02_b=HOSTS)
    with pytest.raises(CatalogueError, match=message):
        catalogue.get(name)


def test_a_name_stands_once_in_all_groups(tmp_path: Path) -> None:
    read(tmp_path, same=HOSTS)
    with pytest.raises(CatalogueError, match="there is a query same in competency too"):
        read(tmp_path, group="pages", same=HOSTS)


# ---- binding ----

SAFE = string.ascii_letters + string.digits + "-._~/!$&'()*+,;=:@é漢"
iris = st.text(SAFE, max_size=30).map(lambda tail: URIRef(f"http://example.org/{tail}"))
texts = st.text(st.characters(exclude_categories=["Cs"])).map(Literal)
# Texts that look like the end of a string, a block or a query, or like an escape.
hostile = st.lists(
    st.sampled_from(['"', "'", "\\", "}", "{", "\n", "\r", "#", "<", ">", "u0022", "U00000022", "\\u005c", "x", " "])
).map(lambda parts: Literal("".join(parts)))


@given(st.lists(iris, min_size=1))
def test_bound_iris_come_back_as_they_were(typed: Query, terms: list[URIRef]) -> None:
    assert values_of(typed, typed.bind(thing=terms), "thing") == terms


@given(st.lists(texts | hostile, min_size=1))
def test_bound_texts_come_back_as_they_were(typed: Query, terms: list[Literal]) -> None:
    assert values_of(typed, typed.bind(text=terms), "text") == terms


@given(st.integers())
def test_bound_numbers_come_back_as_they_were(typed: Query, number: int) -> None:
    term = Literal(str(number), datatype=XSD.integer)
    # The engine keeps integers of 64 bits by value; a larger one keeps its spelling.
    assert [str(found) for found in values_of(typed, typed.bind(count=[term]), "count")] == [str(number)]


@given(st.text())
def test_no_text_leaves_an_iri(typed: Query, text: str) -> None:
    try:
        bound = typed.bind(thing=[URIRef("urn:" + text)])
    except CatalogueError:
        return
    assert bound == typed.text.replace("{ <id/project/pytorch> osai:Project }", f"{{ <urn:{text}> }}")
    assert not set(text) & set('<>"{}|\\^` \n\r\t')


@pytest.mark.parametrize(
    "attack",
    [
        "http://example.org/> } { ?s ?p ?o",
        "http://example.org/\\u003E } { ?s ?p ?o",
        "http://example.org/\n",
        "http://example.org/ <b>",
        "http://example.org/\x00",
    ],
)
def test_an_iri_that_would_end_itself_is_refused(typed: Query, attack: str) -> None:
    with pytest.raises(CatalogueError, match="may not stand in an IRI"):
        typed.bind(thing=[URIRef(attack)])


def test_a_value_that_spells_an_escape_is_safe_for_engines_that_decode_escapes_first(typed: Query) -> None:
    bound = typed.bind(text=[Literal("\\u0022 } ?s ?p ?o {")])
    # SPARQL 1.1, section 19.2: such an engine replaces \\u0022 before it looks for strings.
    assert "\\u0022" not in bound


def test_binding_one_parameter_leaves_the_others(typed: Query) -> None:
    bound = typed.bind(count=[Literal(7)], share=[Literal("0.5", datatype=XSD.decimal)])
    assert 'VALUES ?count { "7"^^<http://www.w3.org/2001/XMLSchema#integer> }' in bound
    assert 'VALUES ?share { "0.5"^^<http://www.w3.org/2001/XMLSchema#decimal> }' in bound
    assert "VALUES ?open { true }" in bound
    assert typed.bind() == typed.text


@pytest.mark.parametrize(
    ("name", "terms", "message"),
    [
        ("projekt", [URIRef("urn:x")], r"typed has no parameter 'projekt'; it has: thing, text"),
        ("thing", [], r"parameter thing of typed needs at least one value"),
        ("thing", [Literal("urn:x")], r"parameter thing takes an IRI"),
        ("thing", [BNode("b")], r"parameter thing takes an IRI"),
        ("thing", [URIRef("id/project/pytorch")], r"has no scheme"),
        ("thing", [URIRef("urn:\ud800")], r"surrogate"),
        ("text", [URIRef("urn:x")], r"parameter text takes a literal"),
        ("text", [Literal("a", lang="en")], r"not a string in language en"),
        ("text", [Literal("\ud800")], r"surrogate"),
        ("count", [Literal("7")], r"parameter count takes xsd:integer"),
        ("count", [Literal("7.0", datatype=XSD.decimal)], r"parameter count takes xsd:integer"),
        ("open", [Literal("yes", datatype=XSD.boolean, normalize=False)], r"\(true or false\), not 'yes'"),
        ("count", [Literal("1_0", datatype=XSD.integer, normalize=False)], r"not '1_0'"),
        ("day", [Literal("2022-02-30", datatype=XSD.date, normalize=False)], r"for instance 2022-09-12"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_term_that_does_not_fit_is_refused(typed: Query, name: str, terms: list[Node], message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        typed.bind(**{name: terms})


# ---- parsing ----


@pytest.mark.parametrize(
    ("name", "text", "term"),
    [
        ("thing", "https://example.org/x", URIRef("https://example.org/x")),
        ("thing", "<https://example.org/x>", URIRef("https://example.org/x")),
        ("thing", " id/project/pytorch ", URIRef("https://w3id.org/osai-kg/id/project/pytorch")),
        ("thing", "/concept/sector/C", URIRef("https://w3id.org/osai-kg/concept/sector/C")),
        ("thing", "graph/provenance", URIRef("https://w3id.org/osai-kg/graph/provenance")),
        ("thing", "osai:Project", URIRef("https://w3id.org/osai-kg/ontology#Project")),
        ("thing", "skos:Concept", URIRef("http://www.w3.org/2004/02/skos/core#Concept")),
        ("thing", "urn:isbn:1", URIRef("urn:isbn:1")),
        ("text", " as it is ", Literal(" as it is ")),
        ("count", "12", Literal("12", datatype=XSD.integer)),
        ("share", ".5", Literal(".5", datatype=XSD.decimal, normalize=False)),
        ("open", "false", Literal("false", datatype=XSD.boolean)),
        ("time", "2022-09-12T00:00:00Z", Literal("2022-09-12T00:00:00Z", datatype=XSD.dateTime, normalize=False)),
    ],
)
def test_text_from_an_address_becomes_a_term_of_the_type(typed: Query, name: str, text: str, term: Node) -> None:
    assert typed.parse(name, text) == term


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("thing", "pytorch", r"as a path below .*id/project/pytorch.*'pytorch' is none of these"),
        ("thing", "foo:bar", r"'foo' in 'foo:bar' is no known prefix; known are dcat"),
        ("thing", "", r"is none of these"),
        ("thing", "id/project/py torch", r"' ' may not stand in an IRI"),
        ("count", "twelve", r"for instance 12"),
        ("share", "1e3", r"for instance 0.25"),
        ("day", "12.9.2022", r"for instance 2022-09-12"),
        ("time", "2022-09-12", r"for instance 2022-09-12T00:00:00Z"),
        ("time", "2022-13-12T00:00:00Z", r"for instance"),
        ("other", "x", r"has no parameter 'other'"),
    ],
)
def test_text_that_is_no_value_gets_an_example(typed: Query, name: str, text: str, message: str) -> None:
    with pytest.raises(CatalogueError, match=message):
        typed.parse(name, text)


@given(st.sampled_from(["thing", "text", "count", "share", "day", "time"]), st.text())
def test_whatever_is_parsed_can_be_bound(typed: Query, name: str, text: str) -> None:
    try:
        term = typed.parse(name, text)
    except CatalogueError:
        return
    typed.bind(**{name: [term]})


# ---- pins ----


def pin(tmp_path: Path, text: str) -> Path:
    place = tmp_path / "cq01.seed.csv"
    place.write_text(text, encoding="utf-8")
    return place


def test_a_pin_stands_beside_its_query(tmp_path: Path) -> None:
    catalogue = read(tmp_path, cq05_hosts=HOSTS)
    query = catalogue.get("cq05")
    assert catalogue.pin(query) is None
    place = tmp_path / "competency" / "cq05-hosts.seed.csv"
    place.write_text("host\n")
    assert catalogue.pin(query) == place
    assert catalogue.pin(query, "full") is None


def test_equal_rows_in_any_order_are_no_difference(tmp_path: Path) -> None:
    assert compare(pin(tmp_path, "a,b\n1,x\n2,y\n"), b"a,b\r\n2,y\r\n1,x\r\n") == []


def test_numbers_are_compared_by_value(tmp_path: Path) -> None:
    assert compare(pin(tmp_path, "a\n0.20\n290000000000\n"), b"a\r\n2.9E11\r\n0.2\r\n") == []


def test_iris_below_another_base_are_compared_with_it_replaced(tmp_path: Path) -> None:
    place = pin(tmp_path, "a\nhttps://w3id.org/osai-kg/id/org/meta\n")
    answer = b"a\r\nhttp://example.org/kg/id/org/meta\r\n"
    assert compare(place, answer, base="http://example.org/kg/") == []
    assert len(compare(place, answer)) == 2


def test_differences_are_told_in_words(tmp_path: Path) -> None:
    place = pin(tmp_path, "a,b\n1,x\n1,x\n2,\n")
    assert compare(place, b"a,b\r\n1,x\r\n3,z\r\n") == [
        "missing: a=1, b=x",
        "missing: a=2, b=(empty)",
        "not expected: a=3, b=z",
    ]


def test_columns_are_compared_before_rows(tmp_path: Path) -> None:
    assert compare(pin(tmp_path, "a,b\n"), b"b,a\r\n") == ["columns are b, a, not a, b"]
    assert compare(pin(tmp_path, "a\n"), b"") == ["columns are missing, not a"]
    assert compare(pin(tmp_path, ""), b"a\r\n") == ["cq01.seed.csv is empty; it needs at least a header row"]
    assert compare(pin(tmp_path, "a,b\n1\n"), b"a,b\r\n") == ["cq01.seed.csv: row 2 has 1 cells, the header has 2"]


def test_a_star_is_any_value_but_none(tmp_path: Path) -> None:
    place = pin(tmp_path, "a,b\n1,*\n2,*\n")
    assert compare(place, b"a,b\r\n1,x\r\n2,y\r\n") == []
    assert compare(place, b"a,b\r\n1,x\r\n2,\r\n") == ["missing: a=2, b=*", "not expected: a=2, b=(empty)"]


def test_a_star_takes_what_no_other_row_needs(tmp_path: Path) -> None:
    place = pin(tmp_path, "a,b\n1,*\n1,x\n")
    assert compare(place, b"a,b\r\n1,x\r\n1,y\r\n") == []
    assert compare(place, b"a,b\r\n1,y\r\n1,z\r\n") == ["missing: a=1, b=x", "not expected: a=1, b=z"]


def test_a_row_of_one_empty_cell_is_a_row(tmp_path: Path) -> None:
    assert compare(pin(tmp_path, 'a\n""\n'), b"a\r\n\r\n") == []
    assert compare(pin(tmp_path, "a\n"), b"a\r\n\r\n") == ["not expected: a=(empty)"]


# ---- the catalogue as data ----


def test_each_public_query_is_a_node_of_the_queries_graph(tmp_path: Path) -> None:
    ask = HOSTS.replace("SELECT ?host WHERE", "ASK").replace("ORDER BY ?host\n", "")
    read(tmp_path, group="pages", page=HOSTS)
    quads = list(catalogue_graph(read(tmp_path, base="http://example.org/kg/", cq05_hosts=HOSTS, cq06_ask=ask)))
    assert {graph for *_, graph in quads} == {URIRef("http://example.org/kg/graph/queries")}
    assert not any(isinstance(term, BNode) for quad in quads for term in quad)
    triples = {quad[:3] for quad in quads}
    hosts, asks = URIRef("http://example.org/kg/id/query/cq05-hosts"), URIRef("http://example.org/kg/id/query/cq06-ask")
    assert {s for s, p, o in triples if o == SH.SPARQLExecutable} == {hosts, asks}
    assert (hosts, RDF.type, SH.SPARQLSelectExecutable) in triples
    assert (asks, RDF.type, SH.SPARQLAskExecutable) in triples
    text = HOSTS.replace("BASE <https://w3id.org/osai-kg/>", "BASE <http://example.org/kg/>")
    assert (hosts, SH.select, Literal(text)) in triples
    assert (hosts, SDO.keywords, Literal("project")) in triples
    assert len(quads) == len(set(quads))

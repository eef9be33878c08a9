"""Every query file keeps the catalogue's conventions, and answers as pinned on two engines.

The pins are written by hand from the tables of the ontology design (section 4 and 5); the second engine, rdflib's
evaluator, reads the same quads and shares no code with the first.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import re
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph
import pytest
import rdflib
from rdflib import Literal, URIRef
from rdflib.namespace import XSD
from rdflib.plugins.sparql.algebra import translateQuery
from rdflib.plugins.sparql.parser import parseQuery

from kg import resources
from kg.catalogue import GROUPS, Catalogue, Query, compare
from kg.model import DEFAULT_BASE
from kg.release import Release, Releases
from kg.store import CSV_RESULTS, N_TRIPLES, Form, guard
from kg.store.oxigraph import OxigraphStore

pytestmark = pytest.mark.filterwarnings(
    # rdflib 7.6 warns of itself: its N-Quads reader and its evaluator use names that its Dataset has left behind.
    r"ignore:Dataset\.(default_context|contexts) is deprecated:DeprecationWarning"
)

CATALOGUE = Catalogue.read(resources.queries())
QUERIES = [query for group in GROUPS for query in CATALOGUE.group(group)]
SELECTS = [query for query in QUERIES if query.form is Form.SELECT]
# CQ24 to CQ27 ask for sources that are not bundled: their pins say so. test_contributions.py asks them where there are.
SEED_QUESTIONS = [f"cq{number:02}" for number in range(1, 29)]

# Queries that the second engine cannot run, by name, with the reason. None so far.
NOT_ON_RDFLIB: dict[str, str] = {}


def named(query: Query) -> str:
    return f"{query.group}/{query.name}"


def table(answer: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(answer.decode(), newline="")))


def ask(store: OxigraphStore, text: str) -> bytes:
    with store.answer(text, CSV_RESULTS, trusted=True) as answer:
        return answer.read()


def ask_rdflib(dataset: rdflib.Dataset, text: str) -> bytes:
    answer = dataset.query(text).serialize(format="csv")
    assert answer is not None
    return answer


# ---- the files ----


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_both_parsers_read_it(query: Query) -> None:
    pyoxigraph.Store().query(query.text)
    if named(query) not in NOT_ON_RDFLIB:
        translateQuery(parseQuery(query.text))


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_the_file_runs_as_it_stands(query: Query) -> None:
    """What the catalogue hands out for the default base is the file, byte for byte."""
    assert query.text == query.path.read_text(encoding="utf-8")


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_no_iri_of_the_data_is_fixed(query: Query) -> None:
    """Under another base, only terms of the ontology keep the published one."""
    moved = Catalogue.read(resources.queries(), base="http://example.org/kg/").get(named(query))
    assert re.findall(r"https://w3id\.org/osai-kg/(?!ontology)", moved.text) == []


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_it_is_within_what_a_stranger_may_ask(query: Query) -> None:
    """People send these texts back to the endpoint, where the guard reads them."""
    assert guard.check(query.text).form is query.form


@pytest.mark.parametrize("query", SELECTS, ids=named)
def test_its_rows_have_an_order(query: Query) -> None:
    assert re.search(r"^ORDER BY ", query.text, re.MULTILINE)


@pytest.mark.parametrize("query", QUERIES, ids=named)
def test_binding_the_defaults_changes_no_answer(query: Query, seed_store: OxigraphStore) -> None:
    bound = query.bind(**{name: parameter.default for name, parameter in query.parameters.items()})
    media_type = CSV_RESULTS if query.form is Form.SELECT else N_TRIPLES
    with (
        seed_store.answer(query.text, media_type, trusted=True) as plain,
        seed_store.answer(bound, media_type, trusted=True) as answer,
    ):
        assert sorted(answer.read().splitlines()) == sorted(plain.read().splitlines())


@pytest.mark.parametrize("query", list(CATALOGUE), ids=named)
def test_a_public_query_is_a_question(query: Query) -> None:
    assert bool(re.fullmatch(r"cq\d\d-[a-z0-9-]+", query.name)) == (query.group == "competency")
    assert query.summary.endswith("?")
    assert query.tags


@pytest.mark.parametrize("query", CATALOGUE.group("violations"), ids=named)
def test_a_violation_query_says_what_and_why(query: Query) -> None:
    assert not query.summary.endswith("?")
    assert query.text.splitlines()[0] == f"#+ summary: {query.summary}"
    assert re.search(r"^SELECT (DISTINCT )?\?focus \?message", query.text, re.MULTILINE)


# ---- the pinned answers ----


def test_each_question_of_the_seed_is_there_once_and_pinned() -> None:
    found = [query for query in CATALOGUE if query.name[:4] in SEED_QUESTIONS]
    assert [query.name[:4] for query in found] == SEED_QUESTIONS
    assert [query.name for query in found if CATALOGUE.pin(query, "seed") is None] == []


PINNED = [query for query in CATALOGUE if CATALOGUE.pin(query, "seed")]


@pytest.mark.parametrize("query", PINNED, ids=named)
def test_the_embedded_store_answers_as_pinned(query: Query, seed_store: OxigraphStore) -> None:
    pin = CATALOGUE.pin(query, "seed")
    assert pin is not None
    assert compare(pin, ask(seed_store, query.text)) == []


@pytest.mark.parametrize("query", PINNED, ids=named)
def test_the_second_engine_answers_as_pinned(query: Query, seed_dataset: rdflib.Dataset) -> None:
    if named(query) in NOT_ON_RDFLIB:
        pytest.skip(NOT_ON_RDFLIB[named(query)])
    pin = CATALOGUE.pin(query, "seed")
    assert pin is not None
    assert compare(pin, ask_rdflib(seed_dataset, query.text)) == []


@pytest.mark.slow
@pytest.mark.parametrize("query", SELECTS, ids=named)
def test_both_engines_give_the_same_rows_in_the_same_order(
    query: Query, seed_store: OxigraphStore, seed_dataset: rdflib.Dataset
) -> None:
    if named(query) in NOT_ON_RDFLIB:
        pytest.skip(NOT_ON_RDFLIB[named(query)])
    assert table(ask(seed_store, query.text)) == table(ask_rdflib(seed_dataset, query.text))


# ---- parameters, with answers from the design's tables ----


def column(store: OxigraphStore, name: str, variable: str, **values: str) -> list[str]:
    query = CATALOGUE.get(name)
    text = query.bind(**{key: [query.parse(key, value)] for key, value in values.items()})
    rows = csv.DictReader(io.StringIO(ask(store, text).decode(), newline=""))
    return [row[variable].removeprefix(DEFAULT_BASE) for row in rows]


def findings(*numbers: str) -> list[str]:
    return [f"id/finding/osai-2025-f{number}" for number in numbers]


@pytest.mark.parametrize(
    ("sector", "numbers"),
    [
        ("concept/sector/C26", ["14"]),
        ("concept/sector/J", ["11", "12", "13", "15", "16a", "16b", "16c", "29", "30"]),
        ("concept/sector/P", ["25"]),
        ("concept/sector/A", []),
    ],
)
def test_findings_of_another_sector(seed_store: OxigraphStore, sector: str, numbers: list[str]) -> None:
    assert column(seed_store, "cq13", "finding", sector=sector) == findings(*numbers)


@pytest.mark.parametrize(
    ("number", "documents"),
    [
        ("01", ["article-osai-2025", "lf-report-2025", "lf-genai-2024"]),
        ("05", ["article-osai-2025", "lf-report-2025", "hoffmann-nagle-zhou-2024"]),
        ("12", ["article-osai-2025", "lf-report-2025", "yue-nagle-2024"]),
        ("22", ["article-osai-2025", "lf-report-2025", "mckinsey-2023"]),
        ("08", ["article-osai-2025"]),
        ("26", ["article-osai-2025", "meta-newsroom-2025-05-21"]),
    ],
)
def test_the_chain_of_another_finding(seed_store: OxigraphStore, number: str, documents: list[str]) -> None:
    chain = column(seed_store, "cq21", "document", finding=f"id/finding/osai-2025-f{number}")
    assert chain == [f"id/doc/{document}" for document in documents]


def test_a_chain_that_forks_goes_on_to_both_roots(seed_store: OxigraphStore) -> None:
    """Finding 16 is drawn together from two statements of the paper: both come third."""
    steps = column(seed_store, "cq21", "step", finding="id/finding/osai-2025-f16b")
    assert steps == ["1", "2", "3", "3"]


def test_events_of_a_period_without_any(seed_store: OxigraphStore) -> None:
    none = column(seed_store, "cq10", "event", since="2021-01-01T00:00:00Z", until="2021-12-31T23:59:59Z")
    assert none == []


def test_who_took_part_in_the_formation(seed_store: OxigraphStore) -> None:
    agents = column(seed_store, "cq12", "agent", event="id/event/pytorch-foundation-formation-2022")
    holders = column(seed_store, "cq03", "holder")
    assert set(holders) | {"id/org/linux-foundation"} == set(agents)


# ---- hashes and words ----


def test_the_hashes_are_those_of_the_files(seed_store: OxigraphStore) -> None:
    """CQ23, by a second way: hash the bundled files themselves."""
    rows = list(csv.DictReader(io.StringIO(ask(seed_store, CATALOGUE.get("cq23").text).decode(), newline="")))
    for row in rows:
        assert row["sha256"] == hashlib.sha256((resources.curated() / row["file"]).read_bytes()).hexdigest()
        assert row["load"].endswith(row["snapshot"].rpartition("/")[2])
    assert {row["file"] for row in rows if row["document"]} == {"garbled-sentences.txt"}


def test_every_data_graph_is_in_the_answer_on_loads(seed_store: OxigraphStore, seed_dataset: rdflib.Dataset) -> None:
    ours = {f"graph/{name}" for name in ("align", "ontology", "provenance", "queries", "report", "void")}
    names = {str(graph.identifier).removeprefix(DEFAULT_BASE) for graph in seed_dataset.graphs() if len(graph)}
    data = {
        name
        for name in names
        if name.startswith("graph/") and not name.startswith(("graph/inferred/", "graph/links/")) and name not in ours
    }
    assert data == set(column(seed_store, "cq23", "graph"))
    assert len(data) == 12


def test_no_question_shows_words_of_others(seed_dataset: rdflib.Dataset) -> None:
    for query in CATALOGUE:
        assert "exactQuote" not in query.text
        assert "graph/words" not in ask_rdflib(seed_dataset, query.text).decode() or query.name.startswith("cq23")


@pytest.fixture(scope="module")
def words_store(words_home: Path) -> Iterator[OxigraphStore]:
    release = Releases(words_home).current()
    assert release is not None
    store = OxigraphStore.load([(release.quads, None, None)])
    yield store
    store.close()


@pytest.mark.shared
@pytest.mark.parametrize("query", PINNED, ids=named)
def test_the_text_of_the_article_changes_no_answer_but_that_on_files(query: Query, words_store: OxigraphStore) -> None:
    own = CATALOGUE.pin(query, "words")
    assert (own is not None) == query.name.startswith("cq23")
    pin = own or CATALOGUE.pin(query, "seed")
    assert pin is not None
    assert compare(pin, ask(words_store, query.text)) == []


@pytest.mark.shared
def test_the_article_is_known_by_the_hash_of_its_file(words_store: OxigraphStore, shared: Path) -> None:
    rows = csv.DictReader(io.StringIO(ask(words_store, CATALOGUE.get("cq23").text).decode(), newline=""))
    found = [row for row in rows if row["document"] == f"{DEFAULT_BASE}id/doc/article-osai-2025"]
    assert {row["graph"].removeprefix(DEFAULT_BASE) for row in found} == {
        "graph/curated/economic-impact-2025",
        "graph/words/article-osai-2025",
    }
    article = hashlib.sha256((shared / "documents" / "article-osai-2025.txt").read_bytes()).hexdigest()
    assert article == "7fb19696bbb52c8883b1527139834c4ecd116ee8a9262367c5913cd94c5995cf"
    assert {row["sha256"] for row in found} == {article}


# ---- pages ----


def rows_of(store: OxigraphStore, name: str, **values: str) -> list[dict[str, str]]:
    query = CATALOGUE.get(f"pages/{name}")
    text = query.bind(**{key: [query.parse(key, value)] for key, value in values.items()})
    rows = csv.DictReader(io.StringIO(ask(store, text).decode(), newline=""))
    return [{key: value.removeprefix(DEFAULT_BASE) for key, value in row.items()} for row in rows]


def test_a_thing_is_shown_with_the_graphs_that_say_so(seed_store: OxigraphStore) -> None:
    rows = rows_of(seed_store, "entity", entity="id/project/pytorch")
    said = {(row["property"], row["value"], row["valueLabel"], row["graph"]) for row in rows}
    host = ("ontology#currentHost", "id/org/pytorch-foundation", "PyTorch Foundation", "graph/inferred/current-host")
    assert host in said
    assert ("ontology#name", "Pytorch", "", "graph/curated/economic-impact-2025") in said  # the article's spelling
    assert ("ontology#name", "PyTorch", "", "graph/curated/pytorch-foundation-2022") in said
    assert {row["propertyLabel"] for row in rows if row["property"] == "ontology#currentHost"} == {"current host"}
    assert len(rows) == len({tuple(row.values()) for row in rows})  # no row twice


@pytest.mark.parametrize("thing", ["id/doc/article-osai-2025", "concept/sector/C", "id/finding/osai-2025-f20"])
def test_every_triple_of_a_thing_is_shown(seed_store: OxigraphStore, seed_dataset: rdflib.Dataset, thing: str) -> None:
    rows = rows_of(seed_store, "entity", entity=thing)
    shown = {(row["property"], row["value"]) for row in rows}
    subject = URIRef(DEFAULT_BASE + thing)
    said = {
        # rdflib spells UTC as +00:00.
        (str(p).removeprefix(DEFAULT_BASE), re.sub(r"\+00:00$", "Z", str(o)).removeprefix(DEFAULT_BASE))
        for _, p, o, _ in seed_dataset.quads((subject, None, None, None))
    }
    assert shown == said


def test_a_thing_that_is_not_there_has_no_rows(seed_store: OxigraphStore) -> None:
    assert rows_of(seed_store, "entity", entity="id/project/none") == []
    assert rows_of(seed_store, "entity-incoming", entity="id/project/none") == []
    assert rows_of(seed_store, "finding", finding="id/finding/none") == []


def test_what_points_to_a_thing_is_counted_and_listed(seed_store: OxigraphStore) -> None:
    counts = {
        row["property"]: int(row["count"])
        for row in rows_of(seed_store, "entity-incoming-counts", entity="id/project/pytorch")
    }
    assert counts["ontology#everStewardOf"] == 2
    rows = rows_of(seed_store, "entity-incoming", entity="id/project/pytorch", property="osai:everStewardOf")
    assert [row["subjectLabel"] for row in rows] == ["Meta", "PyTorch Foundation"]


def test_a_property_with_many_subjects_is_counted(seed_store: OxigraphStore) -> None:
    """The class of all information content has over 200 members."""
    rows = rows_of(seed_store, "entity-incoming-counts", entity="osai:InformationContent")
    (members,) = [row for row in rows if row["property"].endswith("#type")]
    assert int(members["count"]) > 200


def test_a_record_is_reached_in_the_graph_of_provenance(seed_store: OxigraphStore) -> None:
    row = next(row for row in rows_of(seed_store, "graphs") if row["graph"] == "graph/curated/mckinsey-2023")
    assert row["licence"] == "CC-BY-4.0"
    incoming = rows_of(seed_store, "entity-incoming", entity=row["snapshot"], property="http://www.w3.org/ns/prov#used")
    assert (row["load"], "load of mckinsey-2023") in {(other["subject"], other["subjectLabel"]) for other in incoming}
    assert "mckinsey-2023.toml" in {
        other["valueLabel"] for other in rows_of(seed_store, "entity", entity=row["snapshot"])
    }


def test_a_description_has_labels_records_and_licence(seed_store: OxigraphStore) -> None:
    query = CATALOGUE.get("entity-describe")
    with seed_store.answer(query.text, N_TRIPLES, trusted=True) as answer:
        graph = rdflib.Graph().parse(data=answer.read(), format="nt")
    pytorch = URIRef(f"{DEFAULT_BASE}id/project/pytorch")
    osai, prov, dcterms = (rdflib.Namespace(CATALOGUE_PREFIXES[name]) for name in ("osai", "prov", "dcterms"))
    assert (pytorch, osai.currentHost, URIRef(f"{DEFAULT_BASE}id/org/pytorch-foundation")) in graph
    assert (URIRef(f"{DEFAULT_BASE}id/org/pytorch-foundation"), osai.name, Literal("PyTorch Foundation")) in graph
    assert (URIRef(f"{DEFAULT_BASE}id/event/pytorch-transfer-2022"), osai.concernsProject, pytorch) in graph
    records = set(graph.objects(pytorch, prov.wasDerivedFrom))
    assert len(records) == 3  # three curated sources describe it
    for record in records:
        assert graph.value(record, osai.locator) is not None
        snapshot = graph.value(record, prov.wasDerivedFrom)
        assert snapshot is not None
        assert graph.value(snapshot, dcterms.license) == Literal("CC-BY-4.0")
    assert not set(graph.predicates()) & {osai.exactQuote, osai.quotePrefix, osai.quoteSuffix}


CATALOGUE_PREFIXES = {
    "osai": "https://w3id.org/osai-kg/ontology#",
    "prov": "http://www.w3.org/ns/prov#",
    "dcterms": "http://purl.org/dc/terms/",
}


def test_a_finding_is_shown_down_to_its_place_in_the_text(seed_store: OxigraphStore) -> None:
    rows = rows_of(seed_store, "finding", finding="id/finding/osai-2025-f20")
    article = next(row for row in rows if row["document"] == "id/doc/article-osai-2025")
    assert (article["value"], article["unit"], article["bound"]) == ("290000000000", "USD", "concept/bound/at-most")
    assert (article["mode"], article["kind"]) == ("concept/mode/projection", "ontology#MonetaryFinding")
    assert (article["populations"], article["sectors"]) == ("advanced manufacturing, worldwide", "Manufacturing")
    assert (article["start"], article["end"], article["words"]) == ("3424", "3548", "")
    assert (article["fidelity"], article["relaysDocument"]) == ("concept/fidelity/loose", "id/doc/lf-report-2025")
    assert {row["document"] for row in rows} == {
        "id/doc/article-osai-2025",
        "id/doc/lf-report-2025",
        "id/doc/mckinsey-2023",
    }


def test_words_that_are_at_hand_are_shown(seed_store: OxigraphStore) -> None:
    """Our own page on the garbled sentences is bundled, so its words are proved in every release."""
    rows = rows_of(seed_store, "finding", finding="id/finding/osai-2025-f14")
    ours = next(row for row in rows if row["document"] == "id/doc/garbled-sentences")
    text = (resources.curated() / "garbled-sentences.txt").read_text(encoding="utf-8")
    assert ours["words"] == text[int(ours["start"]) : int(ours["end"])]
    assert next(row for row in rows if row["document"] == "id/doc/article-osai-2025")["words"] == ""


def test_chains_begin_where_nobody_relays(seed_store: OxigraphStore) -> None:
    rows = rows_of(seed_store, "finding-chain", finding="id/finding/osai-2025-f24")
    chains: dict[str, list[str]] = {}
    for row in rows:
        chains.setdefault(row["chain"], []).append(row["statement"])
    assert chains == {
        "id/statement/article-f24": ["id/statement/article-f24", "id/statement/lf-report-f24"],
        "id/statement/meta-newsroom-f24": ["id/statement/meta-newsroom-f24", "id/statement/lf-report-f24"],
    }


def test_contested_pairs_are_shown_once(seed_store: OxigraphStore) -> None:
    pairs = [(row["finding"], row["other"]) for row in rows_of(seed_store, "home-contested")]
    assert pairs == [
        ("id/finding/osai-2025-f16b", "id/finding/osai-2025-x04"),
        ("id/finding/osai-2025-f24", "id/finding/osai-2025-x05"),
    ]


def test_the_counts_are_those_of_the_gold_standard(seed_store: OxigraphStore) -> None:
    counts = {row["class"]: row["count"] for row in rows_of(seed_store, "classes")}
    assert counts["ontology#GarbledStatement"] == "12"
    assert counts["ontology#ContestedFinding"] == "4"
    assert counts["ontology#Donation"] == "1"
    home = {row["class"]: row["count"] for row in rows_of(seed_store, "home-counts")}
    assert {name: counts[name] for name in home} == home


# ---- time: what holds at an instant, at the borders ----

SITUATION = """
@prefix osai: <https://w3id.org/osai-kg/ontology#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
<id/situation/s> osai:ofProject <id/project/pytorch> ; osai:steward <id/org/meta> {bounds} .
"""
# One day in each place: begun on 12 September, ended on 20 September, each within its day.
BEGUN = {"earliestStart": "2022-09-12T00:00:00Z", "latestStart": "2022-09-12T23:59:59Z"}
ENDED = {"earliestEnd": "2022-09-20T00:00:00Z", "latestEnd": "2022-09-20T23:59:59Z"}


@pytest.mark.parametrize(
    ("bounds", "instant", "holds", "may_hold"),
    [
        (BEGUN, "2022-09-11T23:59:59Z", False, False),
        (BEGUN, "2022-09-12T00:00:00Z", False, True),
        (BEGUN, "2022-09-12T23:59:58Z", False, True),
        (BEGUN, "2022-09-12T23:59:59Z", True, True),
        (BEGUN, "2025-01-01T00:00:00Z", True, True),
        (BEGUN | ENDED, "2022-09-19T23:59:59Z", True, True),
        (BEGUN | ENDED, "2022-09-20T23:59:59Z", True, True),
        (BEGUN | ENDED, "2022-09-21T00:00:00Z", False, False),
        (ENDED, "2020-01-01T00:00:00Z", False, True),  # since when is not known
        (ENDED, "2022-09-21T00:00:00Z", False, False),
        ({}, "2022-09-12T00:00:00Z", False, True),
        (BEGUN, "2022-09-13T01:00:00+02:00", False, True),  # 23:00 UTC on the 12th
    ],
)
def test_what_holds_at_an_instant(bounds: dict[str, str], instant: str, holds: bool, may_hold: bool) -> None:
    store = pyoxigraph.Store()
    said = "".join(f'; osai:{name} "{value}"^^xsd:dateTime' for name, value in bounds.items())
    store.load(SITUATION.format(bounds=said).encode(), pyoxigraph.RdfFormat.TURTLE, base_iri=DEFAULT_BASE)
    time = Literal(instant, datatype=XSD.dateTime, normalize=False)
    for name, expected in (("holds-at", holds), ("may-hold-at", may_hold)):
        solutions = store.query(CATALOGUE.get(name).bind(time=[time]))
        assert isinstance(solutions, pyoxigraph.QuerySolutions)
        assert len(list(solutions)) == int(expected), name


def test_an_end_at_an_unknown_time_is_told() -> None:
    store = pyoxigraph.Store()
    said = '; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime ; osai:terminatedBy <id/event/e>'
    store.load(SITUATION.format(bounds=said).encode(), pyoxigraph.RdfFormat.TURTLE, base_iri=DEFAULT_BASE)
    solutions = store.query(CATALOGUE.get("holds-at").text)
    assert isinstance(solutions, pyoxigraph.QuerySolutions)
    assert [solution["endedBy"] for solution in solutions] == [pyoxigraph.NamedNode(f"{DEFAULT_BASE}id/event/e")]


def test_pytorch_before_and_after(seed_store: OxigraphStore) -> None:
    def hosts(name: str, time: str) -> list[str]:
        return [row["agentName"] for row in rows_of(seed_store, name, project="id/project/pytorch", time=time)]

    assert hosts("may-hold-at", "2020-01-01T00:00:00Z") == ["Meta"]
    assert hosts("holds-at", "2020-01-01T00:00:00Z") == []  # since when Meta was host, no source says
    assert hosts("may-hold-at", "2022-09-12T12:00:00Z") == ["Meta", "PyTorch Foundation"]
    assert hosts("holds-at", "2023-01-01T00:00:00Z") == ["PyTorch Foundation"]


# ---- violations ----

VIOLATIONS = CATALOGUE.group("violations")


@pytest.mark.parametrize("query", VIOLATIONS, ids=named)
def test_the_seed_breaks_no_rule(query: Query, seed_store: OxigraphStore) -> None:
    assert table(ask(seed_store, query.text))[1:] == []


PREFIXES = """
@base <https://w3id.org/osai-kg/> .
@prefix osai: <https://w3id.org/osai-kg/ontology#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .
"""
FINDING = """
    osai:aboutMeasure <id/measure/wages> ; osai:overPopulation <id/population/firms> ;
    osai:epistemicMode <concept/mode/survey> ; osai:expressedBy <id/statement/bad>
"""
HOSTED = "osai:stewardRole <concept/steward-role/legal-host> ; osai:ofProject <id/project/pytorch>"


def host(agent: str, start: str, end: str = "") -> str:
    """Give a curated stewardship of PyTorch, as it stands in its graph and in the default graph."""
    subject = f"<id/situation/bad-{agent}>"
    ends = f'; osai:earliestEnd "{end}"^^xsd:dateTime' if end else ""
    body = (
        f"{subject} a osai:Stewardship ; {HOSTED} ; osai:steward <id/org/{agent}> ; "
        f'osai:latestStart "{start}"^^xsd:dateTime {ends} .'
    )
    return f"{body} <graph/curated/bad> {{ {body} }}"


def identified(graph: str, scheme: str, identifier: str, *slugs: str) -> str:
    """Give organizations one identifier in a named graph and the default graph."""
    body = " ".join(f'<id/org/{slug}> osai:{scheme} "{identifier}" .' for slug in slugs)
    return f"{body} <{graph}> {{ {body} }}"


def computed(value: str, relation: str, reported: str) -> str:
    """Give a computed change that bears on a reported finding."""
    return (
        f"<id/finding/computed> a osai:RelativeChangeFinding ; osai:value {value} ; osai:yieldedBy <id/run/some> ; "
        f"osai:{relation} <id/finding/osai-2025-{reported}> . <id/run/some> a osai:FindingComputation ."
    )


# Query, bad quads (TriG), the thing that breaks the rule, and a part of the message.
PLANTED = [
    (
        "bounds-ordered",
        '<id/event/bad> osai:earliestStart "2022-01-02T00:00:00Z"^^xsd:dateTime ; '
        'osai:latestStart "2022-01-01T00:00:00Z"^^xsd:dateTime .',
        "id/event/bad",
        "earliestStart is after latestStart",
    ),
    (
        "bounds-ordered",
        '<id/event/bad> osai:earliestEnd "2022-01-02T00:00:00Z"^^xsd:dateTime ; '
        'osai:latestEnd "2022-01-01T00:00:00Z"^^xsd:dateTime .',
        "id/event/bad",
        "earliestEnd is after latestEnd",
    ),
    (
        "bounds-ordered",
        '<id/event/bad> osai:earliestStart "2022-01-02T00:00:00Z"^^xsd:dateTime ; '
        'osai:latestEnd "2022-01-01T00:00:00Z"^^xsd:dateTime .',
        "id/event/bad",
        "latestEnd is before earliestStart",
    ),
    ("finding-complete", "<id/finding/bad> a osai:Finding .", "id/finding/bad", "epistemicMode is missing"),
    ("finding-complete", "<id/finding/bad> a osai:Finding .", "id/finding/bad", "aboutMeasure is missing"),
    ("finding-complete", "<id/finding/bad> a osai:Finding .", "id/finding/bad", "overPopulation is missing"),
    ("finding-complete", "<id/finding/bad> a osai:Finding .", "id/finding/bad", "no statement expresses it"),
    (
        "finding-complete",
        f"<id/finding/bad> a osai:Finding ; {FINDING} ; osai:epistemicMode <concept/mode/opinion> .",
        "id/finding/bad",
        "epistemicMode has more than one value",
    ),
    (
        "quantitative-finding-complete",
        "<id/finding/bad> a osai:QuantitativeFinding .",
        "id/finding/bad",
        "value is missing",
    ),
    (
        "quantitative-finding-complete",
        '<id/finding/bad> a osai:QuantitativeFinding ; osai:value 0.5 ; osai:unitCode "1" .',
        "id/finding/bad",
        "boundKind is missing",
    ),
    (
        "quantitative-finding-complete",
        "<id/finding/osai-2025-f01> osai:value 0.95 .",
        "id/finding/osai-2025-f01",
        "value has more than one value",
    ),
    (
        "directional-finding-complete",
        "<id/finding/bad> a osai:DirectionalFinding .",
        "id/finding/bad",
        "direction is missing",
    ),
    (
        "number-in-range",
        "<id/finding/bad> a osai:ShareFinding ; osai:value 94 .",
        "id/finding/bad",
        "94 is not between 0 and 1",
    ),
    (
        "number-in-range",
        "<id/finding/bad> a osai:ShareFinding ; osai:value -0.1 .",
        "id/finding/bad",
        "is not between 0 and 1",
    ),
    (
        "number-in-range",
        '<id/finding/bad> a osai:MonetaryFinding ; osai:unitCode "$" .',
        "id/finding/bad",
        "$ is no code of ISO 4217",
    ),
    (
        "number-in-range",
        "<id/finding/bad> osai:lowerValue 2.0 ; osai:upperValue 1.0 .",
        "id/finding/bad",
        "lowerValue is above upperValue",
    ),
    ("statement-complete", "<id/statement/bad> a osai:Statement .", "id/statement/bad", "inDocument is missing"),
    ("statement-complete", "<id/statement/bad> a osai:Statement .", "id/statement/bad", "fidelity is missing"),
    (
        "garbled-corrected",
        "<id/statement/bad> osai:fidelity <concept/fidelity/garbled> .",
        "id/statement/bad",
        "has no correctedReading",
    ),
    (
        "relays-forward",
        "<id/statement/bad> osai:relays <id/statement/article-f01> ; osai:inDocument <id/doc/article-osai-2025> .",
        "id/statement/bad",
        "stands in the same document",
    ),
    (
        "relays-forward",
        "<id/statement/a> osai:relays <id/statement/b> . <id/statement/b> osai:relays <id/statement/a> .",
        "id/statement/a",
        "comes back to it",
    ),
    (
        "hosts-overlap",
        host("meta", "2020-01-01T00:00:00Z", "2023-01-01T00:00:00Z"),
        "id/situation/bad-meta",
        "overlaps with",
    ),
    (
        "transfer-ends",
        "<id/event/bad> a osai:Transfer ; osai:toAgent <id/org/meta> .",
        "id/event/bad",
        "fromAgent is missing",
    ),
    (
        "transfer-ends",
        "<id/event/bad> a osai:Transfer ; osai:fromAgent <id/org/meta> .",
        "id/event/bad",
        "toAgent is missing",
    ),
    (
        "transfer-ends",
        "<id/event/bad> osai:fromAgent <id/org/meta> ; osai:toAgent <id/org/meta> .",
        "id/event/bad",
        "from and to the same agent",
    ),
    ("name-missing", "<id/org/bad> a osai:Agent .", "id/org/bad", "name is missing"),
    ("name-missing", '<id/org/meta> osai:name "Facebook" .', "id/org/meta", "name has more than one value"),
    (
        "undeclared-predicate",
        '<graph/curated/mckinsey-2023> { <id/org/meta> osai:nmae "Meta" }',
        "ontology#nmae",
        "no known vocabulary",
    ),
    (
        "undeclared-class",
        "<graph/curated/mckinsey-2023> { <id/org/meta> a osai:Compnay }",
        "ontology#Compnay",
        "no known vocabulary",
    ),
    (
        "blank-node",
        "<graph/curated/mckinsey-2023> { [] osai:aboutThing <id/org/meta> }",
        "graph/curated/mckinsey-2023",
        "a blank node stands at",
    ),
    (
        "graph-without-load",
        "<graph/found/somewhere> { <id/org/meta> osai:aboutThing <id/org/meta> }",
        "graph/found/somewhere",
        "no LoadActivity",
    ),
    (
        "record-incomplete",
        "<graph/curated/mckinsey-2023> { <id/org/nobody> osai:aboutThing <id/org/meta> }",
        "id/org/nobody",
        "it has no record in",
    ),
    (
        "record-incomplete",
        "<graph/provenance> { <id/record/bad> a osai:Record }",
        "id/record/bad",
        "it names no snapshot or no locator",
    ),
    (
        "identifier-shared",
        identified("graph/curated/mckinsey-2023", "wikidataId", "Q380", "meta", "google"),
        "id/org/meta",
        "it shares Q380 of Wikidata with https://w3id.org/osai-kg/id/org/google",
    ),
    (
        "identifier-shared",
        identified("graph/curated/mckinsey-2023", "rorId", "01abc2345", "amd")
        + identified("graph/curated/d3-account", "rorId", "01abc2345", "nvidia"),
        "id/org/nvidia",
        "it shares 01abc2345 of ROR with https://w3id.org/osai-kg/id/org/amd",
    ),
    # Finding 12 reports a fall, finding 14 a rise.
    (
        "computed-support",
        computed("0.1", "supports", "f12"),
        "id/finding/computed",
        "with the value 0.1 it supports a fall",
    ),
    (
        "computed-support",
        computed("0", "supports", "f14"),
        "id/finding/computed",
        "with the value 0 it supports a rise",
    ),
    ("computed-support", computed("-0.1", "contradicts", "f12"), "id/finding/computed", "it contradicts a fall"),
]


def test_each_rule_has_something_planted() -> None:
    assert {name for name, *_ in PLANTED} == {query.name for query in VIOLATIONS}


@pytest.fixture(scope="module")
def planting(seed_release: Release) -> pyoxigraph.Store:
    """A copy of the seed to plant in; every test takes out what it puts in."""
    store = pyoxigraph.Store()
    store.bulk_load(gzip.decompress(seed_release.quads.read_bytes()), pyoxigraph.RdfFormat.N_QUADS)
    return store


def broken(store: pyoxigraph.Store, name: str, trig: str) -> list[tuple[str, str]]:
    """Plant, ask and clear: the focus and message of each row."""
    parsed = pyoxigraph.parse((PREFIXES + trig).encode(), pyoxigraph.RdfFormat.TRIG, base_iri=DEFAULT_BASE)
    quads = [quad for quad in parsed if quad not in store]
    store.extend(quads)
    try:
        solutions = store.query(CATALOGUE.get(f"violations/{name}").text)
        assert isinstance(solutions, pyoxigraph.QuerySolutions)
        return [(str(row["focus"].value).removeprefix(DEFAULT_BASE), str(row["message"].value)) for row in solutions]
    finally:
        for quad in quads:
            store.remove(quad)
        for name_of_graph in list(store.named_graphs()):
            if not list(store.quads_for_pattern(None, None, None, name_of_graph)):
                store.remove_graph(name_of_graph)


@pytest.mark.parametrize(("name", "trig", "focus", "message"), PLANTED)
def test_what_is_planted_is_found(planting: pyoxigraph.Store, name: str, trig: str, focus: str, message: str) -> None:
    found = broken(planting, name, trig)
    assert [said for what, said in found if what == focus and message in said], found


@pytest.mark.parametrize(
    ("name", "trig"),
    [
        # A stewardship that ends as the next begins, and one whose end is known but undated, do not certainly overlap.
        ("hosts-overlap", host("meta", "2020-01-01T00:00:00Z", "2022-09-12T00:00:00Z")),
        (
            "hosts-overlap",
            host("meta", "2020-01-01T00:00:00Z") + "<id/situation/bad-meta> osai:terminatedBy <id/event/e> .",
        ),
        # The umbrella of the fund that hosts PyTorch counts with it as one host.
        ("hosts-overlap", host("linux-foundation", "2022-09-13T00:00:00Z")),
        ("number-in-range", "<id/finding/ok> a osai:ShareFinding ; osai:value 0 ."),
        ("number-in-range", "<id/finding/ok> a osai:ShareFinding ; osai:value 1 ."),
        ("number-in-range", "<id/finding/ok> osai:lowerValue 1.0 ; osai:upperValue 1.0 ."),
        ("finding-complete", f"<id/finding/ok> a osai:Finding ; {FINDING} ."),
        ("graph-without-load", "<graph/inferred/some-rule> { <id/org/meta> osai:aboutThing <id/org/meta> }"),
        # What sources that are not curated share is an answer, not a violation.
        ("identifier-shared", identified("graph/ror/0123456789ab", "rorId", "01abc2345", "amd", "nvidia")),
        ("identifier-shared", identified("graph/curated/mckinsey-2023", "rorId", "01abc2345", "amd")),
        ("computed-support", computed("-0.25", "supports", "f12")),
        ("computed-support", computed("0.1", "contradicts", "f12")),
        ("computed-support", computed("0.1", "supports", "f15")),  # of no change, a sign says nothing
    ],
)
def test_what_is_no_violation_is_left_alone(planting: pyoxigraph.Store, name: str, trig: str) -> None:
    assert broken(planting, name, trig) == []


def test_a_violation_says_where_it_was_read(planting: pyoxigraph.Store) -> None:
    bad = "<id/finding/osai-2025-f01> osai:value 0.95 ."
    quads = list(pyoxigraph.parse((PREFIXES + bad).encode(), pyoxigraph.RdfFormat.TRIG, base_iri=DEFAULT_BASE))
    planting.extend(quads)
    try:
        solutions = planting.query(CATALOGUE.get("quantitative-finding-complete").text)
        assert isinstance(solutions, pyoxigraph.QuerySolutions)
        locators = [str(row["locator"].value) for row in solutions]
    finally:
        for quad in quads:
            planting.remove(quad)
    lines = (resources.curated() / "economic-impact-2025.toml").read_text(encoding="utf-8").splitlines()
    assert len(locators) == 1
    file, _, line = locators[0].partition(":")
    assert file == "economic-impact-2025.toml"
    assert "finding/osai-2025-f01" in "".join(lines[int(line) - 1 : int(line) + 1])

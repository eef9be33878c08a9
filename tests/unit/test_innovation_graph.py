"""The loader of the Innovation Graph: tables described whole, counts only where artificial intelligence is told of."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from rdflib import RDF, Literal, URIRef
from rdflib.namespace import DCAT, XSD

from kg.errors import DriftError, SourceError
from kg.model import Assertion, File, Mint, Snapshot, quads
from kg.sources import IssueList, Source, registry
from kg.vocab import OSAI

SOURCE = registry()["innovation-graph"]
MINT = Mint("https://example.org/kg/")

TOTALS = ("developers", "git_pushes", "organizations", "repositories")
TOPICS = (
    "110,pytorch,US,2024,1",
    "120,llm,US,2024,1",
    "500,css,US,2024,1",
    "700,css,FR,2024,1",
    "130,ai,EU,2024,2",
)
LICENCES = (
    "300,MIT,US,2024,1",
    "200,GPL-3.0,US,2024,1",
    "100,ISC,US,2024,1",
    "400,MIT,FR,2024,1",
    "150,NOASSERTION,EU,2024,2",
)


def snapshot(folder: Path, **tables: str) -> Snapshot:
    """Write the six tables, some of them changed, and take a snapshot."""
    texts = {
        f"{name}.csv": f"{name},iso2_code,year,quarter\n9,US,2024,1\n8,FR,2024,1\n7,EU,2024,2\n" for name in TOTALS
    }
    texts["topics.csv"] = "\n".join(("num_pushers,topic,iso2_code,year,quarter", *TOPICS, ""))
    texts["licenses.csv"] = "\n".join(("num_pushers,spdx_license,iso2_code,year,quarter", *LICENCES, ""))
    texts |= {f"{name}.csv": text for name, text in tables.items()}
    for path, text in texts.items():
        (folder / path).write_text(text, encoding="utf-8", errors="surrogateescape")
    return taken(folder)


def taken(folder: Path) -> Snapshot:
    return Snapshot.of(SOURCE.name, [File.of(path, folder / path) for path in SOURCE.files])


def load(of: Snapshot, source: Source = SOURCE) -> tuple[list[Assertion], IssueList]:
    issues = IssueList(source.name)
    return list(source.load()(source, of, MINT, issues)), issues


def counts(assertions: list[Assertion]) -> dict[str, int]:
    """The value of each observation by its key."""
    return {
        str(a.subject).partition("/id/obs/")[2]: int(str(a.object)) for a in assertions if a.predicate == OSAI.obsCount
    }


def test_groups_are_summed_and_totals_taken_where_an_ai_topic_is_told_of(tmp_path: Path) -> None:
    assertions, issues = load(snapshot(tmp_path))
    found = counts(assertions)
    totals = {f"{name.replace('_', '-')}-by-economy": name for name in TOTALS}
    assert found == {
        "us/pushers-of-ai-topics/2024-q1": 230,
        "us/pushers-of-topic-pytorch/2024-q1": 110,
        "us/pushers-of-language-model-topics/2024-q1": 120,
        "eu/pushers-of-ai-topics/2024-q2": 130,
        "us/pushers-under-permissive-licences/2024-q1": 400,
        "us/pushers-under-copyleft-licences/2024-q1": 200,
        "eu/pushers-under-unidentified-licences/2024-q2": 150,
        **{f"us/{measure}/2024-q1": 9 for measure in totals},
        **{f"eu/{measure}/2024-q2": 7 for measure in totals},
    }
    assert issues.issues == []
    # Of France no AI topic is told: one total of each table, one licence; css is no AI topic, twice.
    assert issues.ignored == {**{f"{name}.csv": 1 for name in TOTALS}, "licenses.csv": 1, "topics.csv": 2}


def test_an_observation_names_its_economy_measure_period_and_record(tmp_path: Path) -> None:
    assertions, _ = load(snapshot(tmp_path))
    node = MINT.id("obs", "us", "pushers-of-ai-topics", "2024-q1")
    assert {(a.predicate, a.object) for a in assertions if a.subject == node} == {
        (RDF.type, OSAI.EconomyObservation),
        (OSAI.obsEconomy, MINT.id("economy", "us")),
        (OSAI.obsMeasure, MINT.id("measure", "pushers-of-ai-topics")),
        (OSAI.obsPeriod, Literal("2024-Q1")),
        (OSAI.obsCount, Literal("230", datatype=XSD.nonNegativeInteger, normalize=False)),
    }
    assert {a.evidence.locator for a in assertions if a.subject == node} == {"topics.csv#iso2_code=US"}


def test_the_union_is_described_and_countries_are_left_to_their_own_source(tmp_path: Path) -> None:
    assertions, _ = load(snapshot(tmp_path))
    economies = {a.subject for a in assertions if (a.predicate, a.object) == (RDF.type, OSAI.Economy)}
    assert economies == {MINT.id("economy", "eu")}


def test_each_table_is_described_with_its_rows_columns_and_bytes(tmp_path: Path) -> None:
    of = snapshot(tmp_path)
    assertions, _ = load(of)
    node = MINT.id("dataset", "innovation-graph", "topics")
    said = {(a.predicate, str(a.object)) for a in assertions if a.subject == node}
    assert (OSAI.rowCount, "5") in said
    columns = {value for predicate, value in said if predicate == OSAI.columnName}
    assert columns == {"num_pushers", "topic", "iso2_code", "year", "quarter"}
    assert (URIRef("http://purl.org/dc/terms/source"), str(MINT.id("snapshot", of.sha12, "topics.csv"))) in said
    assert sum(a.predicate == DCAT.distribution for a in assertions) == 6


def test_a_licence_in_no_group_is_an_issue(tmp_path: Path) -> None:
    text = "num_pushers,spdx_license,iso2_code,year,quarter\n100,New-1.0,US,2024,1\n"
    _, issues = load(snapshot(tmp_path, licenses=text))
    assert [(issue.kind, issue.locator, issue.context["value"]) for issue in issues.issues] == [
        ("unknown-value", "licenses.csv", "New-1.0")
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"topics\.csv:1: the columns are none"),
        ("topic,num_pushers,iso2_code,year,quarter\nai,1,US,2024,1\n", r"topics\.csv:1: the columns are topic, num"),
        ("num_pushers,topic,iso2_code,year,quarter,more\n1,ai,US,2024,1,x\n", r"topics\.csv:1: the columns .*more"),
        ("num_pushers,topic,iso2_code,year,quarter\n1,ai,US,2024\n", r"topics\.csv: .*Line: 2"),
        ("num_pushers,topic,iso2_code,year,quarter\nx,ai,US,2024,1\n", r"topics\.csv: .*Line: 2"),
        ('num_pushers,topic,iso2_code,year,quarter\n1,"ai,US,2024,1\n', r"topics\.csv: .*Line: 2"),
        ("num_pushers,topic,iso2_code,year,quarter\n1,\udcff,US,2024,1\n", r"topics\.csv: .*Line: 2"),
        ("num_pushers,topic,iso2_code,year,quarter\n1,ai,USA,2024,1\n", r"topics\.csv: 1 rows lack a value"),
        ("num_pushers,topic,iso2_code,year,quarter\n1,ai,é,2024,1\n", r"topics\.csv: 1 rows lack a value"),
        ("num_pushers,topic,iso2_code,year,quarter\n1,ai,US,2024,5\n", r"topics\.csv: 1 rows lack a value"),
        ("num_pushers,topic,iso2_code,year,quarter\n-1,ai,US,2024,1\n", r"topics\.csv: 1 rows lack a value"),
        ("num_pushers,topic,iso2_code,year,quarter\n1,,US,2024,1\n", r"topics\.csv: 1 rows lack a value"),
        ("num_pushers,topic,iso2_code,year,quarter\n1,ai,US,2024,1\n2,ai,US,2024,1\n", r"ai US 2024 1 stands twice"),
    ],
)  # fmt: skip
def test_a_table_that_is_none_stops_the_load(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DriftError, match=said):
        load(snapshot(tmp_path, topics=text))


def test_a_key_of_the_settings_that_nobody_knows_stops_the_load(tmp_path: Path) -> None:
    changed = replace(SOURCE, settings={**SOURCE.settings, "colour": "red"})
    with pytest.raises(SourceError, match=r"innovation-graph\.toml.*colour"):
        load(snapshot(tmp_path), changed)


@pytest.mark.shared
def test_the_real_tables_are_counted_as_by_plain_csv(shared: Path) -> None:
    folder = shared / "data" / "innovation-graph"
    assertions, issues = load(taken(folder))
    assert issues.issues == []
    rows = {str(a.subject).rpartition("/")[2]: int(str(a.object)) for a in assertions if a.predicate == OSAI.rowCount}
    assert rows == {
        "developers": 5_197, "git_pushes": 3_998, "organizations": 4_180, "repositories": 5_173, "licenses": 19_537,
        "topics": 72_885,
    }  # fmt: skip
    ai = set(SOURCE.settings["topics"]["pushers-of-ai-topics"])  # type: ignore[index]  # read from TOML
    wanted: Counter[str] = Counter()
    cells: dict[tuple[str, ...], str] = {}
    read = 0
    with (folder / "topics.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if row["topic"] in ai:
                read += 1
                cell = row["iso2_code"], row["year"], row["quarter"]
                cells[cell] = f"{cell[0].lower()}/{{}}/{cell[1]}-q{cell[2]}"
                wanted[cells[cell].format("pushers-of-ai-topics")] += int(row["num_pushers"])
    assert issues.ignored["topics.csv"] == 72_885 - read
    with (folder / "developers.csv").open(encoding="utf-8", newline="") as text:
        for row in csv.DictReader(text):
            if place := cells.get((row["iso2_code"], row["year"], row["quarter"])):
                wanted[place.format("developers-by-economy")] = int(row["developers"])
    found = counts(assertions)
    assert len({key.split("/")[1] for key in found}) == 11
    assert {key: value for key, value in found.items() if key.split("/")[1] in
            ("pushers-of-ai-topics", "developers-by-economy")} == dict(wanted)  # fmt: skip
    assert len({quad for said in assertions for quad in quads(said, MINT)}) < 40_000

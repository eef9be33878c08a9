"""The loader of country codes: one economy for each row, one record for each region."""

from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest
from rdflib import RDF, SKOS, Literal, URIRef

from kg.errors import DriftError
from kg.model import Assertion, File, Mint, Snapshot
from kg.sources import IssueList, registry
from kg.vocab import OSAI

SOURCE = registry()["country-codes"]
MINT = Mint("https://example.org/kg/")
FILE = "country-codes.csv"
ROW = {
    "ISO3166-1-Alpha-2": "NA",
    "ISO3166-1-Alpha-3": "NAX",
    "M49": "16",
    "CLDR display name": "Northland",
    "official_name_en": "Republic of Northland",
    "official_name_fr": "Pays du Nord",
    "official_name_es": "",
    "official_name_ru": "",
    "official_name_ar": "",
    "official_name_cn": "北国",
    "Region Code": "9",
    "Region Name": "Seas",
    "Sub-region Code": "54",
    "Sub-region Name": "Northern Seas",
    "Intermediate Region Code": "",
    "Intermediate Region Name": "",
    "wikidata_id": "https://www.wikidata.org/wiki/Q7",
    "Dial": "999",
    "FIFA": "\N{NO-BREAK SPACE}",
}


def snapshot(folder: Path, *rows: dict[str, str]) -> Snapshot:
    text = io.StringIO()
    writer = csv.DictWriter(text, dict.fromkeys(key for row in rows for key in row), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    (folder / FILE).write_text(text.getvalue(), encoding="utf-8")
    return Snapshot.of("country-codes", [File.of(FILE, folder / FILE)])


def load(of: Snapshot) -> tuple[list[Assertion], IssueList]:
    issues = IssueList("country-codes")
    return list(SOURCE.load()(SOURCE, of, MINT, issues)), issues


def said(assertions: list[Assertion], iri: URIRef) -> list[tuple[URIRef, URIRef | Literal]]:
    return [(a.predicate, a.object) for a in assertions if a.subject == iri]


def test_a_row_is_an_economy_with_its_codes_names_and_regions(tmp_path: Path) -> None:
    assertions, issues = load(snapshot(tmp_path, ROW))
    seas, north = MINT.id("population", "m49-009"), MINT.id("population", "m49-054")
    assert said(assertions, MINT.id("economy", "na")) == [
        (RDF.type, OSAI.Economy),
        (OSAI.name, Literal("Northland")),
        (SKOS.altLabel, Literal("Republic of Northland", lang="en")),
        (SKOS.altLabel, Literal("Pays du Nord", lang="fr")),
        (SKOS.altLabel, Literal("北国", lang="zh")),
        (SKOS.notation, Literal("NA")),
        (SKOS.notation, Literal("NAX")),
        (SKOS.notation, Literal("016")),
        (OSAI.wikidataId, Literal("Q7")),
        (OSAI.subPopulationOf, north),
    ]
    assert said(assertions, north) == [
        (RDF.type, OSAI.Population),
        (OSAI.name, Literal("Northern Seas")),
        (OSAI.subPopulationOf, seas),
    ]
    assert said(assertions, seas) == [(RDF.type, OSAI.Population), (OSAI.name, Literal("Seas"))]
    assert issues.issues == []
    assert issues.ignored == {"Dial": 1, "FIFA": 1}


def test_a_region_is_described_by_the_first_row_of_it_alone(tmp_path: Path) -> None:
    other = ROW | {
        "ISO3166-1-Alpha-2": "NB",
        "ISO3166-1-Alpha-3": "NBX",
        "Sub-region Code": "55",
        "Sub-region Name": "Far",
    }
    assertions, _ = load(snapshot(tmp_path, ROW, other))
    records = {a.evidence.number for a in assertions if a.subject == MINT.id("population", "m49-009")}
    assert records == {1}
    assert (OSAI.subPopulationOf, MINT.id("population", "m49-009")) in said(
        assertions, MINT.id("population", "m49-055")
    )


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"colour": "red"}, "unknown-field"),
        ({"M49": "north"}, "code"),
        ({"Region Code": "1234"}, "code"),
        ({"ISO3166-1-Alpha-2": "N"}, "code"),
        ({"CLDR display name": ""}, "no-name"),
        ({"wikidata_id": "Q7"}, "identifier"),
    ],
)
def test_what_is_not_mapped_is_an_issue_with_its_line(tmp_path: Path, changed: dict[str, str], kind: str) -> None:
    _, issues = load(snapshot(tmp_path, ROW | changed))
    assert [(found.kind, found.locator) for found in issues.issues] == [(kind, f"{FILE}:2")]


def test_two_rows_of_one_code_stop_the_load(tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=rf"{FILE}:3: a second row of NA; the first is line 2"):
        load(snapshot(tmp_path, ROW, ROW))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"", ":1: the file is empty"),
        (b"ISO3166-1-Alpha-2,Dial\nNA,1\n", ":1: the column 'ISO3166-1-Alpha-3' is missing"),
        (b"a,a\n", ":1: the column 'a' stands twice"),
        ("Région\n".encode("latin-1"), ":1: byte 1 is not UTF-8"),
    ],
)
def test_a_file_of_another_form_stops_the_load(tmp_path: Path, text: bytes, why: str) -> None:
    (tmp_path / FILE).write_bytes(text)
    with pytest.raises(DriftError, match=FILE) as raised:
        load(Snapshot.of("country-codes", [File.of(FILE, tmp_path / FILE)]))
    assert why in str(raised.value)


def test_a_cut_or_swollen_row_stops_the_load(tmp_path: Path) -> None:
    snapshot(tmp_path, ROW)
    whole = (tmp_path / FILE).read_text(encoding="utf-8")
    for text in (whole.rstrip("\n").rpartition(",")[0], whole + '"' + "x" * (1 << 21)):
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        with pytest.raises(DriftError, match=rf"{FILE}:\d"):
            load(Snapshot.of("country-codes", [File.of(FILE, tmp_path / FILE)]))


@pytest.mark.shared
def test_the_whole_list_is_loaded(shared: Path) -> None:
    path = shared / "data" / "country-codes" / FILE
    assertions, issues = load(Snapshot.of("country-codes", [File.of(FILE, path)]))
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    kinds = Counter(a.object for a in assertions if a.predicate == RDF.type)
    codes = {(row[f"{kind} Code"]) for row in rows for kind in ("Region", "Sub-region", "Intermediate Region")} - {""}
    assert kinds == {OSAI.Economy: 249, OSAI.Population: len(codes)}  # 249: README
    assert (OSAI.name, Literal("Namibia")) in said(assertions, MINT.id("economy", "na"))
    assert sum(a.predicate == OSAI.wikidataId for a in assertions) == sum(bool(row["wikidata_id"]) for row in rows)
    assert issues.issues == []

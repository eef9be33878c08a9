"""The loader of the checked statements, on a table of our own and on the shared one."""

from __future__ import annotations

import csv
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest

from kg import resources
from kg.errors import DriftError
from kg.model import quads
from kg.vocab import OSAI
from tests.loader_world import MINT, Reading

HEADER = "id,value,unit,seed_wording,original_wording,original_source,where_seen,status,note\n"
ROW = (
    'F02,89,percent,"Most, ""they"" say",Most of them 89%,a report,'
    '"example.org/a (text); example.org",{status},a note\n'
)
CONFIRMED = ROW.format(status="original-confirmed")


def read(folder: Path, text: str | bytes) -> Reading:
    return Reading("seed-facts", folder, {"facts.csv": text})


def test_a_row_is_an_assessment_of_what_it_checks(tmp_path: Path) -> None:
    read_ = read(tmp_path, HEADER + CONFIRMED)
    about = read_.about("assessment/seed-facts-f02")
    assert about["assesses"] == {"statement/article-f02"}
    assert about["assessedDimension"] == {"concept/assessment-dimension/original"}
    assert about["grade"] == {"original-confirmed"}
    assert about["seeAlso"] == {"https://example.org/a", "https://example.org"}
    assert "judgedBy" not in about  # the table names nobody
    assert read_.kinds_of_issue() == []
    assert dict(read_.ignored) == {"value": 1, "unit": 1, "original_source": 1, "note": 1}


def test_its_words_are_spans_of_the_table_and_stand_apart(tmp_path: Path) -> None:
    text = HEADER + CONFIRMED
    read_ = read(tmp_path, text)
    spans = {thing: read_.about(thing) for thing in read_.things("TextSpan")}
    assert {next(iter(said["exactQuote"])) for said in spans.values()} == {'Most, ""they"" say', "Most of them 89%"}
    for thing, said in spans.items():
        start, end = int(next(iter(said["startOffset"]))), int(next(iter(said["endOffset"])))
        assert {text[start:end]} == said["exactQuote"]
        assert thing == f"doc/seed-facts/span/{start}-{end}"
    words = {
        str(graph) for a in read_.assertions if a.predicate == OSAI.exactQuote for *_, graph in list(quads(a, MINT))[:1]
    }
    assert words == {str(MINT.graph("words", "seed-facts"))}
    assert {str(a.object) for a in read_.assertions if a.predicate != OSAI.exactQuote}.isdisjoint(
        {'Most, "they" say', "Most of them 89%"}
    )


def test_the_original_wording_is_a_statement_that_relays_the_original(tmp_path: Path) -> None:
    about = (read_ := read(tmp_path, HEADER + CONFIRMED)).about("statement/seed-facts-f02")
    assert about["expresses"] == {"finding/osai-2025-f02"}
    assert about["relays"] == {"statement/lf-report-f02"}
    assert about["attributesTo"] == {"doc/lf-report-2025"}
    assert about["inDocument"] == {"doc/seed-facts"}
    (evidence,) = about["hasEvidence"]
    assert read_.about(evidence)["exactQuote"] == {"Most of them 89%"}


def test_a_row_without_an_original_has_no_statement(tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + CONFIRMED.replace("Most of them 89%", "")).things("Statement") == set()


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (CONFIRMED.replace("F02", "F99"), "no-counterpart"),
        (ROW.format(status="guessed"), "unknown-value"),
        (CONFIRMED.replace("; example.org", "; example.org/cut-..."), "no-address"),
        (CONFIRMED.replace("; example.org", "; somewhere else"), "no-address"),
    ],
)
def test_what_cannot_be_mapped_is_an_issue(row: str, kind: str, tmp_path: Path) -> None:
    assert read(tmp_path, HEADER + row).kinds_of_issue() == [kind]


def test_an_unknown_column_is_an_issue(tmp_path: Path) -> None:
    text = HEADER.replace(",note", ",note,mood") + CONFIRMED.replace("a note", "a note,good")
    assert read(tmp_path, text).kinds_of_issue() == ["unknown-field"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (HEADER + CONFIRMED + CONFIRMED, r"facts\.csv:3: 'F02' is no id of a row, or stands twice"),
        (HEADER + CONFIRMED.replace("F02", "02"), r"facts\.csv:2: '02' is no id"),
        (HEADER.replace("status", "state"), r"facts\.csv:1: the column 'status' is missing"),
        (HEADER + CONFIRMED.replace(",a note", ""), r"facts\.csv:2: 8 fields"),
        (HEADER + 'F02,"89', r"facts\.csv:\d: "),
        ((HEADER + CONFIRMED).encode("utf-16"), r"facts\.csv:1: byte 0 is not UTF-8"),
    ],
)
def test_a_table_that_is_not_this_one_stops_the_load(text: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=message):
        read(tmp_path, text)


@pytest.fixture(scope="module")
def real(shared: Path) -> Reading:
    return Reading.shared("seed-facts", shared)


@pytest.fixture(scope="module")
def table(shared: Path) -> dict[str, dict[str, str]]:
    with (shared / "data/seed-facts/facts.csv").open(encoding="utf-8", newline="") as stream:
        return {row["id"]: row for row in csv.DictReader(stream)}


@pytest.mark.shared
def test_each_row_is_assessed_or_an_issue_and_each_wording_is_a_span(
    real: Reading, table: dict[str, dict[str, str]]
) -> None:
    assert len(table) == 26
    assert len(real.things("Assessment")) + real.kinds_of_issue().count("no-counterpart") == 26
    words = [row[name] for row in table.values() for name in ("seed_wording", "original_wording") if row[name]]
    assert len(real.things("TextSpan")) == len(words)
    quoted = {
        quote.replace('""', '"') for thing in real.things("TextSpan") for quote in real.about(thing)["exactQuote"]
    }
    assert quoted == set(words)


@pytest.mark.shared
def test_what_a_row_refers_to_is_in_the_curated_sources(real: Reading) -> None:
    entries = {
        entry["id"]
        for path in resources.curated().glob("*.toml")
        for kind in tomllib.loads(path.read_text("utf-8")).values()
        for entry in (kind if isinstance(kind, list) else [kind])
        if isinstance(entry, dict) and "id" in entry
    }
    referred = {
        value
        for thing in real.things("Assessment") | real.things("Statement")
        for name in ("assesses", "expresses", "relays", "attributesTo", "source")
        for value in real.about(thing).get(name, ())
    }
    assert referred <= entries


@pytest.mark.shared
def test_the_number_of_a_row_is_that_of_its_finding(real: Reading, table: dict[str, dict[str, str]]) -> None:
    findings = {
        entry["id"].partition("/")[2]: entry
        for path in resources.curated().glob("*.toml")
        for entry in tomllib.loads(path.read_text("utf-8")).get("finding", ())
    }
    scale = {"percent": Decimal("0.01"), "times": Decimal(1), "billion": Decimal(10**9), "trillion": Decimal(10**12)}
    compared = 0
    for key, row in table.items():
        named = real.source.lookups.get(key, {}).get("expresses", "").split(" | ")[0]
        if row["value"] and named and "-" not in row["value"]:
            number = Decimal(row["value"].removeprefix("<").removeprefix(">").removeprefix("up to "))
            wanted = abs(Decimal(findings[named]["value"]))
            assert abs(number * scale[row["unit"].split()[0]] - wanted) <= wanted / 1000, key
            compared += 1
    assert compared == 11

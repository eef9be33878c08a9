"""The loader of the Foundation Model Transparency Index, on tables of our own and on the shared ones."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from kg.errors import DriftError
from tests.loader_world import Reading, short

INDICATORS = """Domain,Subdomain,Indicator,Definition,Notes,Example disclosure
Upstream,Nests,Twigs,"What
is a twig?",notes,example
Upstream,Nests ,Height,What?,notes,
Model,Wings,Span,What?,,
"""
SCORES = "Indicator,Meta,BigCode\nTwigs,1,0\nHeight,0,0\nSpan,1,1\n"
EARLIER = "Indicator,Meta,Adept\nTwigs ,0,1\nTotal,0,1\n"


def read(
    folder: Path, *, indicators: str = INDICATORS, scores: str | bytes = SCORES, earlier: str = EARLIER
) -> Reading:
    files: dict[str, str | bytes] = {
        "Dec2025_indicators.csv": indicators,
        "Dec2025_scores.csv": scores,
        "May2024_scores.csv": earlier,
    }
    return Reading("fmti", folder, files)


def grades(read_: Reading) -> set[tuple[str, ...]]:
    return {
        tuple(next(iter(about[name])) for name in ("edition", "assesses", "assessedDimension", "grade"))
        for about in map(read_.about, read_.things("Assessment"))
    }


def test_each_cell_is_an_assessment_of_a_company_in_its_edition(tmp_path: Path) -> None:
    read_ = read(tmp_path)
    code, adept = read_.named("BigCode"), read_.named("Adept")
    concept = "concept/transparency-indicator/"
    assert grades(read_) == {
        ("2025", "org/meta", f"{concept}2025-indicator-twigs", "1"),
        ("2025", "org/meta", f"{concept}2025-indicator-height", "0"),
        ("2025", "org/meta", f"{concept}2025-indicator-span", "1"),
        ("2025", code, f"{concept}2025-indicator-twigs", "0"),
        ("2025", code, f"{concept}2025-indicator-height", "0"),
        ("2025", code, f"{concept}2025-indicator-span", "1"),
        ("2024", "org/meta", f"{concept}2024-indicator-twigs", "0"),
        ("2024", adept, f"{concept}2024-indicator-twigs", "1"),
    }
    assert {judge for thing in read_.things("Assessment") for judge in read_.about(thing)["judgedBy"]} == {
        "org/stanford-crfm"
    }
    assert read_.about("org/stanford-crfm")["subOrganizationOf"] == {"org/ror-00f54p054"}
    assert read_.about(code)["type"] == {"InformalCommunity"}
    assert read_.kinds_of_issue() == []


def test_an_indicator_stands_below_subdomain_and_domain_and_keeps_no_words(tmp_path: Path) -> None:
    read_ = read(tmp_path)
    concept = "concept/transparency-indicator/"
    assert read_.about(f"{concept}2025-indicator-height")["broader"] == {f"{concept}2025-upstream-nests"}
    assert read_.about(f"{concept}2025-upstream-nests")["broader"] == {f"{concept}2025-upstream"}
    assert read_.about(f"{concept}2025-upstream")["broader"] == {f"{concept}2025"}
    assert read_.about(f"{concept}2024-indicator-twigs")["prefLabel"] == {"Twigs"}
    assert not [said for said in read_.assertions if "What" in short(said.object)]
    assert (read_.ignored["Definition"], read_.ignored["Notes"], read_.ignored["Example disclosure"]) == (3, 2, 1)


@pytest.mark.parametrize(
    ("scores", "kind"),
    [
        (SCORES.replace("Twigs,1,0", "Twigs,2,0"), "unknown-value"),
        (SCORES.replace("BigCode", "Small code"), "unknown-value"),
        (SCORES + "Total,3,1\n", "total-differs"),
    ],
)
def test_what_does_not_fit_is_an_issue(scores: str, kind: str, tmp_path: Path) -> None:
    assert set(read(tmp_path, scores=scores).kinds_of_issue()) == {kind}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"scores": SCORES + "Beak,1,1\n"}, "differ in their indicators, first in 'Beak'"),
        ({"scores": SCORES.replace("Span,1,1\n", "")}, "differ in their indicators, first in 'Span'"),
        ({"scores": SCORES + "Span,1\n"}, r"Dec2025_scores\.csv:5: 2 fields"),
        ({"scores": b"Indicator,Meta\nTw\xff,1\n"}, r"Dec2025_scores\.csv:2: byte .* is not UTF-8"),
        ({"scores": "Indicator,Meta,Meta\nTwigs,1,1\n"}, r"Dec2025_scores\.csv:1: the column 'Meta' stands twice"),
        ({"scores": "Company,Meta\n"}, r"Dec2025_scores\.csv:1: the column 'Indicator' is missing"),
        ({"indicators": INDICATORS + '"Model,Wings'}, r"Dec2025_indicators\.csv:\d+: "),
        ({"indicators": INDICATORS.replace("notes", "n" * 1_100_000)}, r"Dec2025_indicators\.csv:\d+: "),
    ],
)
def test_a_table_that_is_not_the_index_stops_the_load(changed: dict[str, str], message: str, tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=message):
        read(tmp_path, **changed)


@pytest.mark.shared
def test_the_shared_editions_are_as_the_readme_says(shared: Path) -> None:
    read_ = Reading.shared("fmti", shared)
    editions: Counter[str] = Counter()
    companies: dict[str, set[str]] = {"2024": set(), "2025": set()}
    points: Counter[str] = Counter()
    for edition, company, _, grade in grades(read_):
        editions[edition] += 1
        companies[edition].add(company)
        points[edition] += int(grade)
    assert editions == {"2024": 1400, "2025": 1300}
    assert (len(companies["2024"]), len(companies["2025"])) == (14, 13)
    for edition, name in (("2024", "May2024_scores.csv"), ("2025", "Dec2025_scores.csv")):
        with (shared / "data/fmti" / name).open(encoding="utf-8", newline="") as stream:
            table = [row for row in csv.DictReader(stream) if row["Indicator"] != "Total"]
        assert points[edition] == sum(int(grade) for row in table for key, grade in row.items() if key != "Indicator")
    assert read_.issues == []

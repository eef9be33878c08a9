"""Dates of EDTF level 1 and the instants they cover."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.sources.edtf import Bounds, bounds, happened, lasted, spell
from kg.vocab import OSAI


def both(text: str) -> tuple[str, str]:
    found = bounds(text)
    assert found.earliest
    assert found.latest
    return found.earliest, found.latest


DAYS = st.dates(min_value=date(1000, 1, 1), max_value=date(2999, 12, 31))


@pytest.mark.parametrize(
    ("text", "earliest", "latest"),
    [
        ("2022-09-12", "2022-09-12T00:00:00Z", "2022-09-12T23:59:59Z"),
        ("2022-09", "2022-09-01T00:00:00Z", "2022-09-30T23:59:59Z"),
        ("2024-02", "2024-02-01T00:00:00Z", "2024-02-29T23:59:59Z"),
        ("2022", "2022-01-01T00:00:00Z", "2022-12-31T23:59:59Z"),
        ("2022~", "2021-01-01T00:00:00Z", "2023-12-31T23:59:59Z"),
        ("2022-01?", "2021-12-01T00:00:00Z", "2022-02-28T23:59:59Z"),
        ("2022-12%", "2022-11-01T00:00:00Z", "2023-01-31T23:59:59Z"),
        ("2022-09-12~", "2022-09-11T00:00:00Z", "2022-09-13T23:59:59Z"),
        ("202X", "2020-01-01T00:00:00Z", "2029-12-31T23:59:59Z"),
        ("19XX", "1900-01-01T00:00:00Z", "1999-12-31T23:59:59Z"),
        ("2022-XX", "2022-01-01T00:00:00Z", "2022-12-31T23:59:59Z"),
        ("2022-09-XX", "2022-09-01T00:00:00Z", "2022-09-30T23:59:59Z"),
        ("2025-05-19/2025-05-25", "2025-05-19T00:00:00Z", "2025-05-25T23:59:59Z"),
        ("2022-09/2024", "2022-09-01T00:00:00Z", "2024-12-31T23:59:59Z"),
        ("2022-09-12/..", "2022-09-12T00:00:00Z", None),
        ("/2022-09-12", None, "2022-09-12T23:59:59Z"),
    ],
)
def test_a_date_covers_its_first_to_its_last_instant(text, earliest, latest):
    assert bounds(text) == Bounds(earliest, latest)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2022-13",
        "2022-02-30",
        "2022-9-1",
        "12.09.2022",
        "2022-21",  # a season: which months it means depends on the hemisphere
        "2022-09-12T10:00:00Z",
        "202X-05",
        "2022-XX-12",
        "../..",
        "/",
        "2022/2023/2024",
        "2022-09-12/2022-09-11",
        "9999~",
        "9999-12-31~",
        "[2022, 2023]",
    ],
)
def test_what_is_no_date_of_level_1_is_refused_with_the_text_and_a_mend(text):
    with pytest.raises(ValueError, match=r"date|interval") as refused:
        bounds(text)
    assert repr(text) in str(refused.value)


@given(DAYS, DAYS)
def test_spell_is_the_inverse_of_bounds(one, other):
    first, last = sorted((one, other))
    found = both(f"{first.isoformat()}/{last.isoformat()}")
    assert both(spell(*found)) == found


@given(DAYS)
def test_a_date_lies_inside_the_same_date_less_exact(day):
    text = day.isoformat()
    first, last = both(text)
    for wider in (f"{text}~", text[:7], f"{text[:7]}~", text[:4], f"{text[:4]}?", f"{text[:3]}X"):
        earliest, latest = both(wider)
        assert earliest <= first <= last <= latest


@given(DAYS, st.integers(1, 400))
def test_order_of_days_is_order_of_bounds(day, days):
    assert both(day.isoformat())[1] < both((day + timedelta(days)).isoformat())[0]


def test_spell_refuses_an_end_before_the_start():
    with pytest.raises(ValueError, match="before"):
        spell("2022-09-12T00:00:00Z", "2022-09-11T23:59:59Z")


def said(pairs):
    return {str(predicate).rpartition("#")[2]: str(value) for predicate, value in pairs}


def test_a_happening_dated_by_an_interval_lies_somewhere_in_it():
    assert said(happened("2025-05-19/2025-05-25")) == {
        "earliestStart": "2025-05-19T00:00:00Z",
        "latestStart": "2025-05-25T23:59:59Z",
        "dateText": "2025-05-19/2025-05-25",
    }


def test_an_instant_keeps_its_z():
    found = dict(happened("2022-09-12"))
    assert found[OSAI.earliestStart].n3() == '"2022-09-12T00:00:00Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'


def test_a_situation_without_known_end_has_no_end():
    assert said(lasted("2022-09-12", None)) == {
        "earliestStart": "2022-09-12T00:00:00Z",
        "latestStart": "2022-09-12T23:59:59Z",
        "dateText": "2022-09-12/..",
    }


def test_a_situation_without_known_start_has_no_start():
    assert said(lasted(None, "2022-09")) == {
        "earliestEnd": "2022-09-01T00:00:00Z",
        "latestEnd": "2022-09-30T23:59:59Z",
        "dateText": "/2022-09",
    }


def test_a_situation_that_was_seen_began_by_then():
    assert said(lasted(None, None, seen="2024-09")) == {"latestStart": "2024-09-30T23:59:59Z"}


def test_a_situation_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match=r"ends .* before it begins"):
        list(lasted("2022-09-12", "2021"))

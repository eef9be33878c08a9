"""Choosing a media type: RFC 9110, section 12.5.1."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.store import GRAPH_TYPES, RESULT_TYPES, Form
from kg.web.negotiation import DESCRIPTIONS, DOWNLOADS, HTML, OFFERS, content_type, negotiate

OFFERED = ("application/json", "text/csv", "text/html")


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        (None, "application/json"),
        ("", "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("TEXT/CSV", "text/csv"),
        ("text/*", "text/csv"),
        ("text/html, text/csv", "text/csv"),  # a tie goes to the earlier offer
        ("text/html, text/csv;q=0.9", "text/html"),
        ("text/csv;header=present", "text/csv"),
        ("text/csv;header=present;q=0.1, text/html;q=0.2", "text/html"),
        ("application/json;q=0, */*", "text/csv"),
        ("*/*;q=0.1, text/html;q=0", "application/json"),
        ("text/*;q=0.9, text/csv;q=0.1, application/json;q=0.5", "text/html"),  # the more specific range counts
        ("*/*;q=0", None),
        ("image/png", None),
        ("text/csv;q=0", None),
        ("text/csv;q=nonsense", None),
        (";;,,", None),
        ("text", None),
        ("text/csv;q=0.001", "text/csv"),
        (" text/html , ,", "text/html"),
    ],
)
def test_the_best_offer_is_chosen(accept: str | None, chosen: str | None) -> None:
    assert negotiate(accept, OFFERED) == chosen


def test_a_very_long_header_is_read_like_a_short_one() -> None:
    assert negotiate("image/png, " * 500 + "text/html", OFFERED) == "text/html"
    assert negotiate("image/png, " * 500, OFFERED) is None


@given(st.text())
def test_any_header_chooses_an_offer_or_nothing(accept: str) -> None:
    assert negotiate(accept, OFFERED) in (*OFFERED, None)


QUALITIES = st.dictionaries(st.sampled_from(OFFERED), st.integers(0, 1000), min_size=1)


@given(QUALITIES)
def test_the_chosen_offer_has_the_highest_quality_and_never_zero(qualities: dict[str, int]) -> None:
    accept = ", ".join(f"{name};q={quality / 1000:.3f}" for name, quality in qualities.items())
    chosen = negotiate(accept, OFFERED)
    highest = max(qualities.values())
    if highest == 0:
        assert chosen is None
    else:
        assert chosen == next(offer for offer in OFFERED if qualities.get(offer) == highest)


@given(QUALITIES, st.permutations(OFFERED))
def test_the_order_of_ranges_does_not_matter(qualities: dict[str, int], order: list[str]) -> None:
    def spelled(names: list[str]) -> str:
        return ", ".join(f"{name};q={qualities[name] / 1000:.3f}" for name in names if name in qualities)

    assert negotiate(spelled(order), OFFERED) == negotiate(spelled(list(OFFERED)), OFFERED)


@pytest.mark.parametrize("form", list(Form))
def test_the_tables_offer_only_what_the_store_writes(form: Form) -> None:
    offers = OFFERS[form]
    written = set(GRAPH_TYPES if form is Form.GRAPH else RESULT_TYPES)
    assert set(offers.types.values()) <= written
    assert set(offers.names.values()) <= {*offers.types, HTML}
    assert offers.all == (*offers.types, HTML), "a page is chosen only where it is preferred"
    assert set(DOWNLOADS[form]) <= set(offers.names)
    assert offers.default in written


def test_every_format_of_a_graph_and_of_solutions_is_offered() -> None:
    assert set(OFFERS[Form.GRAPH].types.values()) == set(GRAPH_TYPES)
    assert set(OFFERS[Form.SELECT].types.values()) == set(RESULT_TYPES)
    assert set(DESCRIPTIONS.values()) <= set(GRAPH_TYPES)


def test_text_says_its_charset() -> None:
    assert content_type("text/turtle") == "text/turtle; charset=utf-8"
    assert content_type("application/ld+json") == "application/ld+json"

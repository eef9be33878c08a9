"""Each full pin is what the files of the sources say, found a second way; and no query lacks a pin that fits."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from kg import resources
from kg.catalogue import Catalogue
from tests.second_way import ANSWERS, World

pytestmark = pytest.mark.slow  # answers are computed from the files

CATALOGUE = Catalogue.read(resources.queries())
# Their second way stands beside the questions that it shares code with.
IN_TEST_FULL_RELEASE = {"donor-share-by-evidence", "share-of-commits-by-quarter", "time-to-graduation"}


@pytest.fixture(scope="module")
def world(shared: Path) -> World:
    return World(shared)


@pytest.mark.shared
@pytest.mark.parametrize("query", ANSWERS)
def test_a_pin_is_what_the_files_say(world: World, query: str) -> None:
    pin = CATALOGUE.pin(CATALOGUE.get(query), "full")
    assert pin is not None
    with pin.open(encoding="utf-8", newline="") as stream:
        rows = Counter(map(tuple, list(csv.reader(stream))[1:]))
    found = Counter(ANSWERS[query](world))
    assert (rows - found, found - rows) == (Counter(), Counter())


def test_each_full_pin_has_a_second_way() -> None:
    pinned = {query.name for query in CATALOGUE if CATALOGUE.pin(query, "full")}
    assert pinned == ANSWERS.keys() | IN_TEST_FULL_RELEASE


def test_each_query_has_a_pin_that_fits_the_full_release() -> None:
    """A question that other sources do not change has the pin of the bundled ones alone."""
    sets = ("full", "words", "seed")
    assert [query.name for query in CATALOGUE if not any(CATALOGUE.pin(query, which) for which in sets)] == []

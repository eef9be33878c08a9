"""What the rules merge of the real sources, held against the labelled sample and against a second way of counting."""

from __future__ import annotations

import csv
import os
import time
from pathlib import Path

import pytest

from kg.build import judgement_files, resolve_sources
from kg.model import DEFAULT_BASE
from kg.resolution import Description, Resolution, Verdict, sample
from kg.resolution.resolver import resolve
from kg.sources import registry
from kg.sources.fetch import fetch_from, snapshot_of

pytestmark = [pytest.mark.shared, pytest.mark.slow]
SAMPLE = judgement_files()[0].with_name("sample-pairs.csv")


@pytest.fixture(scope="module")
def resolved(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Description], Resolution]:
    """All sources that the sample is drawn from, resolved by rules alone."""
    home = tmp_path_factory.mktemp("sample")
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        wanted = {row[side] for row in csv.DictReader(stream) for side in ("left_source", "right_source")}
    known = [source for source in registry().values() if source.name in wanted or source.bundled() is not None]
    for source in known:
        if source.files:
            fetch_from(source, [shared / "data"], home)
    chosen = [(source, snapshot) for source in known if (snapshot := snapshot_of(source, home))]
    return resolve_sources(chosen, base=DEFAULT_BASE, work=home / "work", processes=os.cpu_count() or 1)


@pytest.fixture(scope="module")
def pairs(resolved: tuple[list[Description], Resolution]) -> list[sample.Pair]:
    spelt = {source.name: sample.spellings_of(source.lookups) for source in registry().values()}
    return sample.read_pairs(SAMPLE, resolved[0], spelt)


def test_nearly_every_record_of_the_sample_is_found(pairs: list[sample.Pair]) -> None:
    assert len(pairs) == 497
    assert sum(pair.iris is None for pair in pairs) <= 10


def test_merges_are_right_and_few_are_missed(
    resolved: tuple[list[Description], Resolution], pairs: list[sample.Pair]
) -> None:
    measured = sample.measure(pairs, resolved[1].replaced)
    assert measured.precision >= 0.99, str(measured)
    assert measured.recall >= 0.90, str(measured)
    for kind, part in sample.table(pairs, resolved[1].replaced, lambda pair: pair.kind).items():
        assert part.precision >= 0.98, f"{kind}: {part}"
        assert part.recall >= 0.90, f"{kind}: {part}"


def test_both_halves_of_the_sample_fare_alike(
    resolved: tuple[list[Description], Resolution], pairs: list[sample.Pair]
) -> None:
    for half, part in sample.table(pairs, resolved[1].replaced, sample.half).items():
        assert part.precision >= 0.97, f"{half}: {part}"
        assert part.recall >= 0.90, f"{half}: {part}"


def test_no_two_curated_things_and_no_two_records_of_ror_are_one(
    resolved: tuple[list[Description], Resolution],
) -> None:
    described, found = resolved
    organizations = [one for one in described if one.kind == "org"]
    curated = {one.iri for one in organizations if one.curated}
    registered = {one.iri for one in organizations if one.source == "ror"}
    for things in (curated, registered):
        assert len({found.replaced.get(iri, iri) for iri in things}) == len(things)


def test_the_record_of_a_company_in_one_country_stays_apart(resolved: tuple[list[Description], Resolution]) -> None:
    described, found = resolved
    branches = {one.iri for one in described if one.source == "ror" and one.name.endswith("(United States)")}
    assert len(branches) > 100
    assert not branches & found.replaced.keys()


def test_all_of_it_is_resolved_in_seconds(resolved: tuple[list[Description], Resolution]) -> None:
    """Three seconds on a machine that does nothing else; processor time, with room for a slower one."""
    began = time.process_time()
    again = resolve(resolved[0])
    assert time.process_time() - began < 6
    assert again.of(Verdict.SAME) == resolved[1].of(Verdict.SAME)

"""Groups, what stays of them, and what is derived: the laws of resolution, whatever the rules of matching are."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import InconsistencyError
from kg.resolution import Description, Groups, Link, Verdict, replacements
from kg.resolution.derived import join_derived
from kg.resolution.resolver import resolve

ONTOLOGY = "https://w3id.org/osai-kg/ontology#"


def described(
    iri: str, kind: str = "org", source: str = "a", order: int = 50, *, curated: bool = False, **values: str | list[str]
) -> Description:
    found = {name: [value] if isinstance(value, str) else value for name, value in values.items()}
    return Description(iri, kind, source, order, curated, found)


def situation(iri: str, project: str, agent: str, source: str, order: int = 50) -> Description:
    return described(
        iri, "situation", source, order,
        type=ONTOLOGY + "Stewardship", ofProject=project, steward=agent, stewardRole="role/legal-host",
    )  # fmt: skip


pairs = st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda pair: pair[0] != pair[1])


@given(st.lists(pairs, max_size=20), st.lists(pairs, max_size=6))
def test_what_must_stay_apart_never_meets(joined: list[tuple[int, int]], apart: list[tuple[int, int]]) -> None:
    groups = Groups()
    for one, other in apart:
        groups.keep_apart(str(one), str(other))
    for one, other in joined:
        together = groups.join(str(one), str(other))
        assert together == (groups.find(str(one)) == groups.find(str(other)))
    for one, other in apart:
        assert groups.find(str(one)) != groups.find(str(other))
    for members in groups.groups():
        assert len({groups.find(member) for member in members}) == 1


@given(st.lists(pairs, max_size=20))
def test_without_bars_groups_are_the_connected_parts(joined: list[tuple[int, int]]) -> None:
    groups = Groups()
    parts = [{number} for number in range(13)]
    for one, other in joined:
        groups.join(str(one), str(other))
        here = next(part for part in parts if one in part)
        there = next(part for part in parts if other in part)
        if here is not there:
            parts.remove(there)
            here |= there
    assert {frozenset(members) for members in groups.groups()} == {
        frozenset(map(str, part)) for part in parts if len(part) > 1
    }


def test_the_curated_iri_stays_then_the_first_source_then_the_first_by_text() -> None:
    known = [
        described("org/c", order=10, curated=True),
        described("org/b", order=20),
        described("org/a", order=30),
        described("org/z", order=30),
    ]
    assert replacements([{"org/a", "org/b", "org/c"}], known) == {"org/a": "org/c", "org/b": "org/c"}
    assert replacements([{"org/a", "org/b"}], known) == {"org/a": "org/b"}
    assert replacements([{"org/a", "org/z"}], known) == {"org/z": "org/a"}


def test_a_promised_iri_stays_before_those_of_earlier_sources() -> None:
    known = [described("org/lf-ai", order=20), described("org/lf-ai-data", order=60)]
    together = [{"org/lf-ai", "org/lf-ai-data"}]
    assert replacements(together, known) == {"org/lf-ai-data": "org/lf-ai"}
    assert replacements(together, known, {"org/lf-ai-data"}) == {"org/lf-ai": "org/lf-ai-data"}


def test_two_curated_things_never_become_one() -> None:
    known = [described("org/a", curated=True), described("org/b", curated=True)]
    with pytest.raises(InconsistencyError, match=r"<org/a> and <org/b> are both curated"):
        replacements([{"org/a", "org/b"}], known)


def test_a_judgement_of_different_wins_over_a_shared_repository() -> None:
    known = [
        described("project/a", "project", name="Cod", hasRepository="id/repository/r/1"),
        described("project/b", "project", "b", 60, name="Cod", hasRepository="id/repository/r/1"),
    ]
    assert resolve(known).replaced == {"project/b": "project/a"}
    judged = Link.of("project/a", "project/b", Verdict.DIFFERENT, by="judgement")
    assert resolve(known, [judged]).replaced == {}


def test_situations_of_projects_that_became_one_become_one() -> None:
    known = [situation("s/1", "p/a", "org/f", "a"), situation("s/2", "p/b", "org/f", "b", 60)]
    groups = Groups()
    join_derived(known, groups)
    assert groups.groups() == []
    groups.join("p/a", "p/b")
    join_derived(known, groups)
    assert {"s/1", "s/2"} in groups.groups()


def test_two_situations_of_one_source_stay_two() -> None:
    """It left and came back: the same key twice in one source is two intervals."""
    known = [
        situation("s/1", "p/a", "org/f", "a"),
        situation("s/2", "p/a", "org/f", "a"),
        situation("s/3", "p/a", "org/f", "b", 60),
    ]
    groups = Groups()
    join_derived(known, groups)
    assert groups.groups() == [{"s/1", "s/3"}]


def test_two_curated_situations_of_one_key_stay_two_for_the_axioms_to_clash_over() -> None:
    known = [situation("s/1", "p/a", "org/f", "ours", 10), situation("s/2", "p/a", "org/f", "ours too", 10)]
    groups = Groups()
    join_derived([dataclasses.replace(found, curated=True) for found in known], groups)
    assert groups.groups() == []


def test_an_acceptance_that_starts_what_a_transfer_starts_is_that_transfer() -> None:
    known = [
        situation("s/1", "p/a", "org/f", "ours"),
        situation("s/2", "p/a", "org/f", "b", 60),
        described("e/transfer", "event", "ours", 10, type=ONTOLOGY + "Transfer", initiates="s/1"),
        described("e/accepted", "event", "b", 60, type=ONTOLOGY + "Acceptance", initiates="s/2"),
    ]
    groups = Groups()
    join_derived(known, groups)
    assert {"e/transfer", "e/accepted"} in groups.groups()

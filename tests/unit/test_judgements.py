"""Judgements: what a person wrote in the table holds, is found wrong with its line, and is changed by one row."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from kg import resources
from kg.build import judgement_files
from kg.errors import ModelError
from kg.model import DEFAULT_BASE, Ledger
from kg.resolution import Link, Verdict
from kg.resolution.judgements import HEADER, Judgement, links, read_judgements, record
from kg.resolution.resolver import resolve
from kg.resolution.review import candidates, lines
from tests.unit.test_matcher import company

DAY = date(2026, 11, 24)
BASE = "https://example.org/kg/"


def judged(one: str, other: str, verdict: Verdict = Verdict.SAME, reason: str = "seen, both") -> Judgement:
    return Judgement.of(f"id/org/{one}", f"id/org/{other}", verdict, reason, "editor", DAY)


def test_what_is_recorded_is_read_again_sorted_and_the_last_judgement_of_a_pair_stays(tmp_path: Path) -> None:
    path = tmp_path / "new" / "judgements.csv"
    record(path, judged("tide", "reef"))
    record(path, judged("cod", "eel", Verdict.RELATED))
    record(path, judged("reef", "tide", Verdict.DIFFERENT))
    assert read_judgements(path) == [judged("cod", "eel", Verdict.RELATED), judged("reef", "tide", Verdict.DIFFERENT)]
    assert path.read_text(encoding="utf-8").splitlines() == [
        ",".join(HEADER),
        'id/org/cod,id/org/eel,related,"seen, both",editor,2026-11-24',
        'id/org/reef,id/org/tide,different,"seen, both",editor,2026-11-24',
    ]
    assert [each.name for each in path.parent.iterdir()] == ["judgements.csv"]


def test_no_file_is_no_judgement(tmp_path: Path) -> None:
    assert read_judgements(tmp_path / "none.csv") == []


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("id/org/a,id/org/b,sane,x,editor,2026-11-24", "'sane' is none of same, different, related; did you mean"),
        ("id/org/a,id/org/b,open,x,editor,2026-11-24", "the verdict 'open' is none of"),
        ("org/a,id/org/b,same,x,editor,2026-11-24", "'org/a' is no IRI relative to the base, such as id/org/meta"),
        ("id/org/a,id/org/a,same,x,editor,2026-11-24", "id/org/a and id/org/a are not two things of one kind"),
        ("id/org/a,id/project/a,same,x,editor,2026-11-24", "are not two things of one kind"),
        ("id/org/a,id/org/b,same,x,editor,24.11.2026", "the date '24.11.2026' is no day"),
        ("id/org/a,id/org/b,same", "3 fields, not the 6 of left,right,"),
        ("id/org/d,id/org/c,same,x,editor,2026-11-24", "id/org/c and id/org/d are judged twice"),
    ],
)  # fmt: skip
def test_a_row_that_does_not_fit_is_told_with_its_line(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "judgements.csv"
    good = "id/org/c,id/org/d,same,x,editor,2026-11-24"
    path.write_text(f"{','.join(HEADER)}\n{good}\n{row}\n", encoding="utf-8")
    with pytest.raises(ModelError) as told:
        read_judgements(path)
    assert str(told.value).startswith("judgements.csv:3: ")
    assert said in str(told.value)


def test_another_header_is_told(tmp_path: Path) -> None:
    path = tmp_path / "judgements.csv"
    path.write_text("one,other\n", encoding="utf-8")
    with pytest.raises(ModelError, match=r"judgements.csv:1: the header must be left,right,verdict"):
        read_judgements(path)


def test_of_two_files_the_later_one_holds(tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours.csv", tmp_path / "theirs.csv"
    record(ours, judged("a", "b", Verdict.SAME))
    record(theirs, judged("a", "b", Verdict.DIFFERENT))
    [link] = links([ours, theirs], BASE)
    assert (link.left, link.right, link.verdict) == (f"{BASE}id/org/a", f"{BASE}id/org/b", Verdict.DIFFERENT)
    assert link.by == "judgement"


def test_the_bundled_judgements_can_be_read_and_contradict_no_other() -> None:
    [path] = judgement_files()
    found = read_judgements(path)
    assert found
    ledger = Ledger.read(resources.curated() / "ledger.csv")
    curated = {f"id/{row.kind}/{row.slug}" for row in ledger.rows}
    for each in found:
        assert {each.left, each.right} - curated, "two curated things are told apart by the curated files"
    same = {each for each in found if each.verdict is Verdict.SAME}
    keeps: dict[str, str] = {}
    for each in same:
        ours = next((key for key in (each.left, each.right) if key in curated), each.left)
        other = each.right if ours == each.left else each.left
        assert keeps.setdefault(other, ours) == ours, f"{other} is two things"
    assert links([path], DEFAULT_BASE)


# ---- What a judgement does -------------------------------------------------------------------------------------------


def test_a_judgement_joins_what_no_rule_would_and_parts_what_a_rule_joins() -> None:
    known = [company("x", "Tide"), company("y", "Surf", "b"), company("z", "Tide", "c")]
    assert resolve(known).replaced == {"id/org/z": "id/org/x"}
    found = resolve(known, [Link.of("id/org/x", "id/org/y", Verdict.SAME, by="judgement")])
    assert found.replaced == {"id/org/y": "id/org/x", "id/org/z": "id/org/x"}
    found = resolve(known, [Link.of("id/org/x", "id/org/z", Verdict.RELATED, by="judgement")])
    assert found.replaced == {}
    assert [(link.verdict, link.by) for link in found.links] == [(Verdict.RELATED, "judgement")]


def test_a_judgement_on_what_is_not_loaded_does_nothing() -> None:
    known = [company("x", "Tide")]
    assert resolve(known, [Link.of("id/org/x", "id/org/gone", Verdict.SAME, by="judgement")]) == resolve(known)


def test_a_pair_that_was_judged_or_settled_is_no_candidate() -> None:
    known = [
        company("x", "Reef", homepage="https://reef.example"),
        company("y", "Tide", "b", homepage="https://reef.example"),
    ]
    [open_] = candidates(known, resolve(known), "")
    assert {open_.left.name, open_.right.name} == {"Reef", "Tide"}
    assert any("same site" in reason for reason in open_.reasons)
    for verdict in (Verdict.SAME, Verdict.DIFFERENT, Verdict.RELATED):
        found = resolve(known, [Link.of("id/org/x", "id/org/y", verdict, by="judgement")])
        assert candidates(known, found, "") == []


def test_candidates_can_be_narrowed_to_a_kind_and_a_name() -> None:
    known = [
        company("x", "Reef", homepage="https://reef.example"),
        company("y", "Tide", "b", homepage="https://reef.example"),
    ]
    found = resolve(known)
    assert candidates(known, found, "", kind="project") == []
    assert len(candidates(known, found, "", kind="org", about="TID")) == 1
    assert candidates(known, found, "", about="whale") == []


def test_both_sides_stand_beside_each_other() -> None:
    known = [
        company("x", "Reef", homepage="https://reef.example"),
        company("y", "Tide", "b", homepage="https://reef.example"),
    ]
    [candidate] = candidates(known, resolve(known), "")
    text = lines(candidate, width=90)
    assert any("Reef" in line and "Tide" in line for line in text)
    assert all(len(line) <= 90 for line in text)

"""The loader of ISIC, on a classification of our own and on the shared one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rdflib import SKOS, Literal

from kg import resources
from kg.errors import DriftError
from tests.loader_world import BASE, Reading


def tree(section: str = "c", division: str = "26", group: str = "261", last: str = "2610") -> dict[str, Any]:
    classes = [{"class": last, "description": "Of eggs"}]
    groups = [{"group": group, "description": "Of nests", "classes": classes}]
    divisions = [{"division": division, "description": "Of birds", "groups": groups}]
    return {"sections": [{"section": section, "description": "Making", "divisions": divisions}]}


def read(folder: Path, content: Any) -> Reading:
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    return Reading("sectors", folder, {"isic4_en.json": text})


@pytest.mark.parametrize("letter", ["c", "C"])
def test_each_level_has_the_letter_of_its_section_and_stands_below_the_one_above(letter: str, tmp_path: Path) -> None:
    read_ = read(tmp_path, tree(letter))
    steps = {"C26": "C", "C261": "C26", "C2610": "C261"}
    for code, above in steps.items():
        about = read_.about(f"concept/sector/{code}")
        assert about["broader"] == {f"concept/sector/{above}"}
        assert about["notation"] == {code}
        assert about["inScheme"] == {"concept/sector"}
    assert read_.about("concept/sector/C")["topConceptOf"] == {"concept/sector"}
    assert read_.about("concept/sector/C2610")["prefLabel"] == {"Of eggs"}
    assert [said.evidence.locator for said in read_.assertions if said.predicate == SKOS.prefLabel] == [
        "isic4_en.json#C",
        "isic4_en.json#C/26",
        "isic4_en.json#C/26/261",
        "isic4_en.json#C/26/261/2610",
    ]


def test_what_cannot_be_mapped_is_an_issue(tmp_path: Path) -> None:
    content = tree()
    content["sections"][0]["colour"] = "grey"
    del content["sections"][0]["description"]
    assert read(tmp_path, content).kinds_of_issue() == ["no-name", "unknown-field"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (tree(group="271"), "'271' below C26 is no code of a group"),
        (tree(last="26"), "'26' below C261 is no code of a class"),
        (tree(section="z"), "'z' below the file is no code of a section"),
        ({"sections": tree()["sections"] * 2}, "the code C stands twice"),
        ({"sections": [{"section": "c", "description": "x"}]}, "C has no list 'divisions'"),
        ({}, "the file has no list 'sections'"),
        ([], "it holds no sections"),
        ('{"sections": [', r"isic4_en\.json:1: "),
        (b"\xff", r"isic4_en\.json:1: byte 0 is not UTF-8"),
    ],
)
def test_a_file_that_is_no_classification_stops_the_load(content: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=message):
        read(tmp_path, content)


@pytest.mark.shared
def test_the_shared_classification_is_whole_and_says_what_the_bundled_scheme_says(shared: Path) -> None:
    read_ = Reading.shared("sectors", shared)
    said = {a.subject: a.object for a in read_.assertions if a.predicate == SKOS.prefLabel}
    depth = Counter(len(str(concept).rpartition("/")[2]) for concept in said)
    assert depth == {1: 21, 3: 88, 4: 238, 5: 419}
    bundled = resources.read_turtle(resources.ontology() / "schemes/sector.ttl", BASE)
    for predicate in (SKOS.prefLabel, SKOS.notation, SKOS.broader, SKOS.inScheme, SKOS.topConceptOf):
        here = {(a.subject, a.object) for a in read_.assertions if a.predicate == predicate}
        there = {(s, o) for s, o in bundled.subject_objects(predicate) if s in said}
        assert there <= here, predicate
    assert all(isinstance(label, Literal) and label.language == "en" for label in said.values())
    assert read_.issues == []

"""The loader of the index of open generative AI, on files of our own and on the shared ones."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path

import pytest

from kg.errors import DriftError
from tests.loader_world import Reading

DIMENSIONS = (
    *("opencode", "llmdata", "llmweights", "rldata", "rlweights", "license", "code"),
    *("architecture", "preprint", "paper", "modelcard", "datasheet", "package", "api"),
)


def heron(link: str = "https://huggingface.co/marsh/Heron-7B-chat", grade: str = "open") -> str:
    head = f"""---
project:
    name: Heron chat
    link: {link}
    notes: words
    llmbase: Heron 7B
    rlbase: nests, eggs
    license: Apache 2.0
org:
    name: Microsoft
    link: https://example.org
    notes:
"""
    return head + "".join(
        f"{name}:\n    class: {grade}\n    link: https://example.org/{name}\n    notes: words\n" for name in DIMENSIONS
    )


def read(folder: Path, text: str | bytes, name: str = "heron") -> Reading:
    return Reading("open-genai-index", folder, {f"projects/{name}.yaml": text})


def test_each_dimension_is_an_assessment_of_the_model_by_its_judge(tmp_path: Path) -> None:
    read_ = read(tmp_path, heron())
    model = read_.named("Heron chat")
    assert read_.about(model)["releasedBy"] == {"org/microsoft"}
    assert read_.about(model)["originName"] == {"Heron 7B"}
    judged = [read_.about(thing) for thing in read_.things("Assessment")]
    assert len(judged) == 14
    assert len({next(iter(said["assessedDimension"])) for said in judged}) == 14
    for said in judged:
        assert said["assesses"] == {model}
        assert said["judgedBy"] == {"org/ror-016xsfp80"}
        assert (said["grade"], said["edition"]) == ({"open"}, {"2025"})
    assert read_.about("org/ror-016xsfp80")["name"] == {"Radboud University"}
    assert read_.kinds_of_issue() == []
    assert read_.ignored["project.notes"] == read_.ignored["api.notes"] == 1
    assert "words" not in {str(said.object) for said in read_.assertions}


def test_a_model_meets_the_same_address_in_another_source(tmp_path: Path) -> None:
    here = read(tmp_path / "a", heron()).named("Heron chat")
    text = "release: {name: other name, huggingface: marsh/Heron-7B-chat, producer: '', components: []}"
    there = Reading("model-openness", tmp_path / "b", {"models/x.yml": text}).named("other name")
    assert here == there


@pytest.mark.parametrize(
    "link",
    ["https://huggingface.co/collections/marsh/heron-1", "https://huggingface.co/marsh", "https://example.org/heron"],
)
def test_a_page_that_is_no_model_is_no_key(link: str, tmp_path: Path) -> None:
    about = (read_ := read(tmp_path, heron(link))).about(read_.named("Heron chat"))
    assert "https://schema.org/sameAs" not in about
    assert link in set.union(*about.values())


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (heron().replace("name: Microsoft", "name: Jane Doe"), "unknown-producer"),
        (heron().replace("Apache 2.0", "my own"), "unmapped-licence"),
        (heron(grade="ajar"), "unknown-value"),
        (heron("hhttps://example.org/x"), "no-address"),
        (heron().replace("name: Heron chat", "name:"), "no-name"),
        (heron() + "smell:\n    class: open\n", "unknown-field"),
        (heron().replace("https://example.org/api", "on request"), "no-address"),
    ],
)
def test_what_cannot_be_mapped_is_an_issue(text: str, kind: str, tmp_path: Path) -> None:
    read_ = read(tmp_path, text)
    assert set(read_.kinds_of_issue()) == {kind}
    assert len(read_.things("Model")) == 1
    assert "Jane" not in repr(read_.assertions) + repr(read_.issues)


def test_the_template_and_the_table_are_left_out_by_name(tmp_path: Path) -> None:
    files = {"projects/A_sample.yaml": heron(), "projects/heron.yaml": heron(), "df.csv": "a,b\n"}
    read_ = Reading("open-genai-index", tmp_path, files)
    assert len(read_.things("Model")) == 1
    assert read_.ignored["projects/A_sample.yaml"] == read_.ignored["df.csv"] == 1


@pytest.mark.parametrize("text", ["[]", "project: x", ""])
def test_a_file_without_a_project_is_an_issue(text: str, tmp_path: Path) -> None:
    assert read(tmp_path, text).kinds_of_issue() == ["no-model"]


@pytest.mark.parametrize("text", [b"project: {name: 'x", b"project: {name: \xff}", b"project: {}\nproject: {}\n"])
def test_a_file_that_is_no_yaml_stops_the_load(text: bytes, tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=r"projects/heron\.yaml:\d"):
        read(tmp_path, text)


@pytest.fixture(scope="module")
def real(shared: Path) -> Reading:
    return Reading.shared("open-genai-index", shared)


@pytest.mark.shared
def test_the_totals_are_those_of_the_readme(real: Reading) -> None:
    assert len(real.things("Model")) == 47
    assert len(real.things("Assessment")) == 47 * 14
    assert Counter(real.kinds_of_issue())["unknown-producer"] == 5  # four persons, and a company with one


@pytest.mark.shared
def test_the_grades_are_those_of_the_table_of_the_same_index(real: Reading, shared: Path) -> None:
    with (shared / "data/open-genai-index/df.csv").open(encoding="utf-8", newline="") as stream:
        table = {Path(row["source.file"]).name: row for row in csv.DictReader(stream)}
    dimensions = real.source.lookups["dimension"]
    found: dict[tuple[str, str], str] = {}
    for said in real.assertions:
        if str(said.predicate).endswith("#grade"):
            dimension = next(iter(real.about(str(said.subject).partition("/id/")[2])["assessedDimension"]))
            found[said.evidence.locator.rpartition("/")[2], dimension.rpartition("/")[2]] = str(said.object)
    compared = 0
    for name, row in table.items():
        for field, dimension in dimensions.items():
            assert found[name, dimension] == row[f"{field}.class"], (name, field)
            compared += 1
    assert compared == 46 * 14

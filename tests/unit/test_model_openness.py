"""The loader of the Model Openness Tool, on files of our own and on the shared ones."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from kg.errors import DriftError
from tests.loader_world import Reading

HERON = """
framework: {name: Model Openness Framework, version: '1.0', date: '2024-12-15'}
release:
  name: Heron-7B
  version: 7B
  date: '2025-01-02'
  type: language
  architecture: transformer decoder
  origin: heron 2b
  producer: Microsoft, NVIDIA
  contact: somebody
  repository: https://GitHub.com/Marsh/Heron/tree/main
  huggingface: https://huggingface.co/marsh/Heron-7B
  license:
    distribution: {name: Apache-2.0, path: 'https://example.org/licence'}
    code: {name: MIT, path: ''}
  components:
    - {name: Training code, description: what it is}
    - {name: Datasets, description: what it is, license: gemma, license_path: 'https://example.org/gemma'}
    - {name: Model card, description: what it is, license: unlicensed, component_path: 'https://example.org/card'}
    - {name: Data card, description: what it is, license: Component not include}
"""
SMALL = """
framework: {name: Model Openness Framework, version: '1.0', date: '2024-12-15'}
release: {name: Heron 2B, version: 2B, date: '2025-01-02', producer: '', license: {}, components: []}
"""


def read(folder: Path, **files: str) -> Reading:
    return Reading("model-openness", folder, {f"models/{name}.yml": text for name, text in files.items()})


def changed(text: str, old: str, new: str) -> str:
    assert old in text
    return text.replace(old, new)


def test_a_model_has_what_its_file_says(tmp_path: Path) -> None:
    read_ = read(tmp_path, heron=HERON, small=SMALL)
    heron = read_.about(model := read_.named("Heron-7B"))
    assert heron["versionInfo"] == {"7B"}
    assert heron["modelType"] == {"concept/model-type/language"}
    assert heron["modelArchitecture"] == {"concept/model-architecture/transformer-decoder"}
    assert heron["originName"] == {"heron 2b"}
    assert heron["derivedFromModel"] == {read_.named("Heron 2B")}
    assert heron["modelRepository"] == {"repository/github.com/marsh/heron"}
    assert heron["https://schema.org/sameAs"] == {"https://huggingface.co/marsh/Heron-7B"}
    assert heron["releasedBy"] == {"org/microsoft", "org/nvidia"}
    assert {part.removeprefix(model.replace("model/", "component/")) for part in heron["hasComponent"]} == {
        "-training-code",
        "-datasets",
        "-model-card",
    }
    assert read_.ignored["release.contact"] == 1
    assert read_.ignored["release.components[].description"] == 3
    assert read_.kinds_of_issue() == ["component-not-included"]


def test_a_licence_is_a_situation_of_the_model_or_of_a_part(tmp_path: Path) -> None:
    read_ = read(tmp_path, heron=HERON)
    found = {
        (next(iter(about["ofArtefact"])).rpartition("/")[2].partition("-7b-")[2][7:], *about["licensedUnder"])
        for about in map(read_.about, read_.things("Licensing"))
    }
    assert found == {
        ("", "licence/apache-2.0"),
        ("training-code", "licence/mit"),  # its class has one, the part itself has none
        ("datasets", "licence/licenseref-gemma"),
    }
    assert read_.about("licence/mit") == {"type": {"Licence"}, "name": {"MIT"}, "spdxId": {"MIT"}}
    assert read_.about("licence/licenseref-gemma") == {"type": {"Licence"}, "name": {"Gemma Terms of Use"}}
    assert all("earliestStart" not in read_.about(thing) for thing in read_.things("Licensing"))
    datasets = read_.about(read_.named("Datasets of Heron-7B"))
    assert datasets["licenceName"] == {"gemma"}
    card = read_.about(read_.named("Model card of Heron-7B"))
    assert card["licenceName"] == {"unlicensed"}
    assert card["seeAlso"] == {"https://example.org/card"}


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        ("license: gemma,", "license: my own terms,", "unmapped-licence"),
        ("type: language", "type: smell", "unknown-value"),
        ("name: Datasets", "name: Sandwiches", "unknown-value"),
        ("producer: Microsoft, NVIDIA", "producer: Jane Doe", "unknown-producer"),
        ("origin: heron 2b", "origin: MIT", "misplaced-value"),
        ("repository: https://GitHub.com/Marsh/Heron/tree/main", "repository: https://github.com/Marsh", "no-address"),
        ("huggingface: https://huggingface.co/marsh/Heron-7B", "huggingface: the hub", "no-address"),
        ("component_path: 'https://example.org/card'", "component_path: in the box", "no-address"),
        ("version: 7B", "version: 7B\n  colour: grey", "unknown-field"),
        ("description: what it is, license: gemma", "shape: round, license: gemma", "unknown-field"),
        ("name: Datasets", "name: Training code", "component-twice"),
        ("  components:\n", "  components:\n    - a word\n", "not-items"),
    ],
)
def test_what_cannot_be_mapped_is_an_issue(old: str, new: str, kind: str, tmp_path: Path) -> None:
    read_ = read(tmp_path, heron=changed(HERON, old, new))
    assert read_.kinds_of_issue().count(kind) == 1
    assert set(read_.kinds_of_issue()) == {kind, "component-not-included"}
    assert len(read_.things("Model")) == 1


def test_a_producer_who_is_not_listed_is_not_named_anywhere(tmp_path: Path) -> None:
    read_ = read(tmp_path, heron=changed(HERON, "producer: Microsoft, NVIDIA", "producer: Jane Doe"))
    assert "Jane" not in repr(read_.assertions) + repr(read_.issues)


def test_an_address_that_two_files_give_is_of_the_one_with_its_name(tmp_path: Path) -> None:
    copy = changed(HERON, "name: Heron-7B", "name: Heron-70B")
    read_ = read(tmp_path, **{"heron-7b": HERON, "heron-70b": copy})
    large, small = read_.about(read_.named("Heron-70B")), read_.about(read_.named("Heron-7B"))
    assert "https://schema.org/sameAs" in small
    assert "https://schema.org/sameAs" not in large
    assert read_.kinds_of_issue().count("shared-address") == 1


def test_the_same_address_gives_the_same_iri_whatever_the_name(tmp_path: Path) -> None:
    bare = changed(HERON, "https://huggingface.co/marsh/Heron-7B", "marsh/Heron-7B · Hugging Face")
    one = read(tmp_path / "a", x=HERON).named("Heron-7B")
    other = read(tmp_path / "b", y=changed(bare, "name: Heron-7B", "name: Grey heron")).named("Grey heron")
    assert one == other


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"release: {name: 'Heron", r"models/heron\.yml:1: "),
        (b"release:\n  name: \xff\n", r"models/heron\.yml:2: byte .* is not UTF-8"),
        (b"release:\n  name: a\n  name: b\n", r"models/heron\.yml:3: the key 'name' stands twice"),
        (b"a: &a [x]\nb: [*a, *a]\n", r"models/heron\.yml:.*alias"),
        (b"a: " + b"[" * 200 + b"]" * 200, r"models/heron\.yml:1: it is nested deeper"),
    ],
)
def test_a_file_that_is_no_yaml_stops_the_load(content: bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=message):
        Reading("model-openness", tmp_path, {"models/heron.yml": content})


@pytest.mark.parametrize("content", ["[]", "release: 3", "release: {producer: x}", ""])
def test_a_file_that_describes_no_model_is_an_issue(content: str, tmp_path: Path) -> None:
    read_ = read(tmp_path, heron=HERON, odd=content)
    assert read_.kinds_of_issue() == ["no-model", "component-not-included"]


@pytest.fixture(scope="module")
def real(shared: Path) -> Reading:
    return Reading.shared("model-openness", shared)


@pytest.fixture(scope="module")
def raw(shared: Path) -> list[dict[str, Any]]:
    return [yaml.safe_load(path.read_text("utf-8")) for path in (shared / "data/model-openness/models").glob("*.yml")]


@pytest.mark.shared
def test_the_totals_are_those_of_the_readme(real: Reading) -> None:
    kinds = Counter(real.kinds_of_issue())
    assert len(real.things("Model")) == 273
    assert len(real.things("ModelComponent")) + kinds["component-not-included"] == 1834
    licensed = {thing for said in map(real.about, real.things("Licensing")) for thing in said["ofArtefact"]}
    unlicensed = [
        model for model in real.things("Model") if model not in licensed and "licenceName" not in real.about(model)
    ]
    assert len(unlicensed) == 223
    assert sum(kinds.values()) < 80


@pytest.mark.shared
def test_every_producer_of_the_files_is_in_the_table(real: Reading, raw: list[dict[str, Any]]) -> None:
    texts = {str(model["release"]["producer"]) for model in raw}
    assert len(texts) == 87  # the README counts the empty one
    assert {text.strip() for text in texts} - {""} == set(real.source.lookups["producer"])
    assert sum(not str(model["release"]["producer"]).strip() for model in raw) == 4
    named = {name for text in real.source.lookups["producer"].values() for name in text.split(" | ")}
    assert len(real.things("Organization")) == len(named)


@pytest.mark.shared
def test_the_identifiers_of_the_table_are_of_the_spdx_list(real: Reading, shared: Path) -> None:
    listed = {
        entry["licenseId"]
        for entry in json.loads((shared / "data/spdx-licenses/licenses.json").read_text("utf-8"))["licenses"]
    }
    for source in (real, Reading.shared("open-genai-index", shared)):
        named = {one for text in source.source.lookups["licence"].values() for one in text.split(" | ") if one}
        assert {one for one in named if not one.startswith("LicenseRef-")} <= listed


@pytest.mark.shared
def test_each_licence_of_a_part_is_as_in_its_file(real: Reading, raw: list[dict[str, Any]]) -> None:
    names = real.source.lookups["licence"]
    kinds = real.source.lookups["release.components[].name"]
    wanted: Counter[str] = Counter()
    for model in raw:
        for part in model["release"]["components"]:
            of_class = model["release"]["license"].get(kinds[part["name"]].partition("/")[0], {}).get("name")
            text = part.get("license") or of_class or ""
            wanted.update(filter(None, names.get(text.strip(), "").split(" | ")))
    found = Counter(
        licence
        for about in map(real.about, real.things("Licensing"))
        for licence in about["licensedUnder"]
        if next(iter(about["ofArtefact"])).startswith("component/")
    )
    assert found == {f"licence/{name.lower()}": count for name, count in wanted.items()}

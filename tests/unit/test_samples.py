"""The labelled samples are well-formed, stand in the data they say they stand in, and are what their rule draws."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from tests.tools.draw_samples import JUDGEMENTS, NAME_COLUMNS, PAIR_COLUMNS, names_as_drawn, pairs_as_drawn, read_rows

pytestmark = pytest.mark.slow  # samples are drawn from all of the data

PAIRS = read_rows(JUDGEMENTS / "sample-pairs.csv")
NAMES = read_rows(JUDGEMENTS / "sample-names.csv")
SIDES = ("left", "right")
PAIR_STRATA = {
    *("same-name-same-address", "same-name-other-address", "shared-address", "similar-name", "shared-token"),
    *("namesakes", "random", "named"),
}
NAME_STRATA = {
    *("other-source", "legal-form", "role", "case", "accents", "one-edit", "two-edits", "word-order", "acronym"),
    *("alias", "translation", "ampersand", "bracket", "repository", "spacing"),
    *("none-invented", "none-near", "none-absent"),
}
# What a sample must not hold: an address of a person, or one on this machine.
PRIVATE = re.compile(r"[\w.+-]+@[\w-]+\.\w|\bmailto:|(?<![\w/])/(?:home|work|tmp)/|localhost")


def test_pairs_are_well_formed():
    assert tuple(PAIRS[0]) == PAIR_COLUMNS
    assert {row["label"] for row in PAIRS} == {"same", "different", "related", "ambiguous"}
    assert {row["kind"] for row in PAIRS} == {"org", "project", "model"}
    assert {row["stratum"] for row in PAIRS} == PAIR_STRATA
    optional = {"left_homepage_or_repo", "right_homepage_or_repo"}
    for row in PAIRS:
        assert all(row[column] == row[column].strip() != "" for column in PAIR_COLUMNS if column not in optional), row


def test_pairs_are_enough_and_distinct():
    labels = Counter(row["label"] for row in PAIRS)
    assert len(PAIRS) >= 340
    assert labels["same"] >= 150
    assert labels["different"] >= 100
    assert labels["related"] >= 50
    assert len({row["id"] for row in PAIRS}) == len(PAIRS)
    sides = [
        frozenset({(row["left_source"], row["left_key"]), (row["right_source"], row["right_key"])}) for row in PAIRS
    ]
    assert all(len(pair) == 2 for pair in sides)
    assert len(set(sides)) == len(sides)


def test_the_label_same_leads_to_no_pair_with_another_label():
    group: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for row in PAIRS:
        if row["label"] == "same":
            left, right = (row["left_source"], row["left_key"]), (row["right_source"], row["right_key"])
            joined = group.get(left, {left}) | group.get(right, {right})
            group |= dict.fromkeys(joined, joined)
    for row in PAIRS:
        if row["label"] != "same":
            left, right = (row["left_source"], row["left_key"]), (row["right_source"], row["right_key"])
            assert right not in group.get(left, set()), row


def test_names_are_well_formed():
    assert tuple(NAMES[0]) == NAME_COLUMNS
    assert {row["label"] for row in NAMES} == {"match", "none", "ambiguous"}
    assert {row["type"] for row in NAMES} == {"Organization", "Project", "Model"}
    assert {row["stratum"] for row in NAMES} == NAME_STRATA
    for row in NAMES:
        assert row["query"].strip(), row
        assert re.fullmatch("[A-Z]{2}|", row["country"]), row
        expected = [row["expected_source"], row["expected_key"], row["expected_name"]]
        assert all(expected) if row["label"] != "none" else not any(expected), row
        assert (row["label"] == "none") == row["stratum"].startswith("none-"), row


def test_names_are_enough_and_distinct():
    labels = Counter(row["label"] for row in NAMES)
    assert labels["match"] >= 200
    assert labels["none"] >= 40
    assert len({row["id"] for row in NAMES}) == len(NAMES)
    assert len({(row["query"], row["type"]) for row in NAMES}) == len(NAMES)


@pytest.mark.parametrize("file", ["sample-pairs.csv", "sample-names.csv", "README.md"])
def test_no_address_of_a_person_or_a_machine(file):
    assert not PRIVATE.findall((JUDGEMENTS / file).read_text("utf-8"))


def test_the_counts_of_the_readme_are_those_of_the_files():
    text = (JUDGEMENTS / "README.md").read_text("utf-8")
    assert f"| `sample-pairs.csv` | {len(PAIRS)} |" in text
    assert f"| `sample-names.csv` | {len(NAMES)} |" in text
    for stratum, count in Counter(row["stratum"] for row in [*PAIRS, *NAMES]).items():
        assert re.search(rf"^\| `{stratum}` \|.*\| {count} \|$", text, re.MULTILINE), stratum


@cache
def keys_by_hand(shared: Path, source: str) -> dict[str, str]:
    """The keys of a source with their names, read without the tool that draws."""
    folder = shared / "data" / source
    found: dict[str, str] = {}
    if source.endswith("-landscape"):
        for category in yaml.load((folder / "landscape.yml").read_bytes(), Loader=yaml.CSafeLoader)["landscape"]:
            for part in category["subcategories"]:
                for item in part.get("items") or ():
                    found["/".join([category["name"], part["name"], item["name"]])] = item["name"]
    elif source == "ror":
        text = gzip.decompress((folder / "ror_v2_records.jsonl.gz").read_bytes()).decode()
        for line in text.splitlines():
            number = re.search(r'"id":"https://ror\.org/(\w+)","links"', line)
            shown = re.search(r'"types":\[[^]]*"ror_display"[^]]*\],"value":"((?:[^"\\]|\\.)*)"', line)
            assert number is not None
            assert shown is not None
            found[number[1]] = shown[1]
    elif source == "org-domains":
        with (folder / "domain_org.csv").open(newline="") as rows:
            found = {row[0]: row[1] for row in csv.reader(rows)}
    elif source == "contributions":
        with (folder / "projects.csv").open(newline="") as rows:
            for row in csv.DictReader(rows):
                found[row["project"]] = row["project"]
                found |= {f"from_org/{name.strip()}": name.strip() for name in row["from_org"].split(";")}
    elif source == "lfai-proposals":
        with (folder / "proposals.csv").open(newline="") as rows:
            found = {row[0]: row[0] for row in csv.reader(rows)}
    elif source == "fmti":
        for file in folder.glob("*_scores.csv"):
            with file.open(newline="") as rows:
                found |= {f"{file.name}#{name}": name for name in next(csv.reader(rows))}
    elif source == "governance-events":
        with (folder / "landscape_stated_events.csv").open(newline="") as rows:
            for row in csv.DictReader(rows):
                found[f"landscape_stated_events.csv#{row['landscape']}/{row['project']}"] = row["project"]
        with (folder / "lfai_observed_transitions.csv").open(newline="") as rows:
            found |= {f"lfai_observed_transitions.csv#{row['item']}": row["item"] for row in csv.DictReader(rows)}
    elif source == "foss-foundations":
        for file in [*folder.glob("foundations/*.md"), *folder.glob("entities/*.md")]:
            name = re.search(r"^commonName: *['\"]?(.*?)['\"]?$", file.read_text("utf-8"), re.MULTILINE)
            found[str(file.relative_to(folder))] = name[1] if name else ""
        for file in folder.glob("data/projects-*.csv"):
            with file.open(newline="") as rows:
                found |= {f"data/{file.name}#{row['identifier']}": row["commonName"] for row in csv.DictReader(rows)}
    else:
        pattern = {"model-openness": "models/*.yml", "open-genai-index": "projects/*.yaml"}[source]
        for file in folder.glob(pattern):
            text = file.read_text("utf-8")
            values = [value.strip(" '\"") for value in re.findall(r"^ +name:(.*)$", text, re.MULTILINE)]
            found[str(file.relative_to(folder))] = values[1 if source == "model-openness" else 0]
            found |= {f"org/{value}": value for value in values}
            found |= {
                f"producer/{value}": value for value in re.findall(r"^  producer: *'?(.*?)'?$", text, re.MULTILINE)
            }
    return found


@pytest.mark.shared
def test_every_key_stands_in_its_source_with_its_name(shared):
    sides = [(row[f"{side}_source"], row[f"{side}_key"], row[f"{side}_name"]) for row in PAIRS for side in SIDES]
    sides += [
        (row["expected_source"], row["expected_key"], row["expected_name"]) for row in NAMES if row["expected_key"]
    ]
    for source, key, name in sides:
        assert keys_by_hand(shared, source).get(key) == name, (source, key)
    for row in NAMES:
        for other in filter(None, row["also"].split(" | ")):
            source, key = other.split(" ", 1)
            assert key in keys_by_hand(shared, source), other


@pytest.mark.shared
def test_the_rows_are_those_that_the_rule_draws(shared):
    assert pairs_as_drawn(shared / "data", PAIRS) == PAIRS
    assert names_as_drawn(shared / "data", NAMES, PAIRS) == NAMES


@pytest.mark.shared
def test_names_without_a_counterpart_stand_in_no_source(shared):
    sources = {row[f"{side}_source"] for row in PAIRS for side in SIDES}
    names = {name.casefold() for source in sources for name in keys_by_hand(shared, source).values()}
    assert not [row["query"] for row in NAMES if row["label"] == "none" and row["query"].casefold() in names]

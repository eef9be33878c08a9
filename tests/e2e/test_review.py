"""``kg review`` as an editor has it: two landscapes that nearly agree, a judgement, and what it changes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from kg.cli import main
from kg.resolution.judgements import read_judgements
from tests.unit.test_landscape2 import DEFINITION

NAMES = ("reef-landscape", "tide-landscape")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two sources of one's own: a company is listed under two names with one page."""
    members = {
        "reef-landscape": [{"name": "Net Works", "homepage_url": "https://net.example/"}],
        "tide-landscape": [{"name": "Trawl House", "homepage_url": "https://net.example/"}],
    }
    home = tmp_path / "home"
    (home / "sources").mkdir(parents=True)
    for name, items in members.items():
        definition = DEFINITION.replace('name = "reef-landscape"', f'name = "{name}"')
        (home / "sources" / f"{name}.toml").write_text(definition, encoding="utf-8")
        folder = tmp_path / "files" / name
        folder.mkdir(parents=True)
        tree = [
            {
                "category": None,
                "name": "Members",
                "subcategories": [{"subcategory": None, "name": "Gold", "items": items}],
            }
        ]
        (folder / "landscape.yml").write_text(yaml.safe_dump({"landscape": tree}), encoding="utf-8")
    review(home, "fetch", *NAMES, "--from", str(tmp_path / "files"))
    return home


def review(home: Path, *words: str, typed: str | None = None, status: int = 0) -> str:
    done = CliRunner().invoke(main, ["--home", str(home), *words], env={"KG_HOME": None, "KG_BASE": None}, input=typed)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done.output


def pairs(home: Path, *words: str) -> list[dict[str, dict[str, list[str]]]]:
    found: list[dict[str, dict[str, list[str]]]] = json.loads(review(home, "review", *NAMES, "--json", *words))
    return found


def test_a_pair_waits_with_reasons_and_both_sides(home: Path) -> None:
    [pair] = pairs(home)
    assert {pair["left"]["name"][0], pair["right"]["name"][0]} == {"Net Works", "Trawl House"}
    assert any("same site, net.example" in reason for reason in pair["reasons"])
    assert pair["left"]["read at"] == ["landscape.yml#Members/Gold[1]"]
    text = review(home, "review", *NAMES, "--list")
    assert "Net Works" in text
    assert "names unlike" in text
    assert pairs(home, "--kind", "project") == pairs(home, "--about", "whale") == []


def test_what_is_typed_is_kept_and_asked_no_more(home: Path) -> None:
    text = review(home, "review", *NAMES, typed="s\none house, two names\n")
    assert "1 judgement → " in text
    [kept] = read_judgements(home / "judgements.csv")
    assert (kept.verdict, kept.reason, kept.by) == ("same", "one house, two names", "editor")
    assert pairs(home) == []


@pytest.mark.parametrize("typed", ["k\n", "q\n"])
def test_who_skips_or_quits_has_judged_nothing(home: Path, typed: str) -> None:
    assert "nothing was judged" in review(home, "review", *NAMES, typed=typed)
    assert not (home / "judgements.csv").exists()
    assert len(pairs(home)) == 1


def test_a_judgement_is_recorded_without_asking(home: Path) -> None:
    [pair] = pairs(home)
    left, right = str(pair["left"]["iri"]), str(pair["right"]["iri"])
    review(home, "review", "--judge", left, right, "related", "--reason", "a daughter", "--by", "desk")
    [kept] = read_judgements(home / "judgements.csv")
    assert (kept.left, kept.right, kept.verdict, kept.by) == (left, right, "related", "desk")
    assert pairs(home) == []
    text = review(home, "review", "--judge", left, right, "realted", status=1)
    assert "the verdict 'realted' is none of same, different, related; did you mean related?" in text


def test_the_next_build_obeys_a_judgement_and_writes_why(home: Path) -> None:
    [pair] = pairs(home)
    left, right = str(pair["left"]["iri"]), str(pair["right"]["iri"])
    review(home, "review", "--judge", left, right, "same")
    review(home, "build", *NAMES, "--no-promote", "--processes", "1")
    [release] = (home / "releases").glob("[0-9]*")
    rows = [json.loads(line) for line in (release / "resolution.jsonl").read_text(encoding="utf-8").splitlines()]
    [row] = [row for row in rows if {row["left"], row["right"]} == {left, right}]
    assert (row["verdict"], row["by"], row["reasons"]) == ("same", "judgement", ["judged from the records"])


def test_help_says_what_to_do(home: Path) -> None:
    text = review(home, "review", "--help")
    for word in ("--list", "--json", "--judge", "same, different or related", "judgements.csv"):
        assert word in " ".join(text.split())

"""``kg check``: it goes as far as it can, says what it could not, and leaves no trace."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import pytest

from kg import resources
from kg.check import Section, run_checks
from kg.model import DEFAULT_BASE
from kg.sources import Source, read_source, registry
from kg.sources.fetch import fetch_from

pytestmark = pytest.mark.slow  # each case checks everything


def checks(sources: dict[str, Source], home: Path, names: int) -> dict[str, Section]:
    """Run the first checks: the last, which starts Java, is tested where it is at home."""
    found = run_checks(sources, home, DEFAULT_BASE)
    first = {section.name: section for section in islice(found, names)}
    found.close()  # type: ignore[attr-defined]  # it is a generator, and shall remove its directory now
    return first


def test_the_bundled_sources_pass_and_what_is_not_at_hand_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = checks(registry(), home, 9)
    assert {name: section.state for name, section in found.items()} == {
        "vocabulary": "passed",
        "examples": "passed",
        "build": "passed",
        "shapes": "passed",
        "words": "skipped",
        "terms in use": "passed",
        "resolution": "skipped",
        "reconciliation": "skipped",
        "pinned answers": "passed",
    }
    assert found["words"].summary == "12 of 42 spans proved against their document"
    assert found["words"].skipped == ("article-osai-2025.txt is not at hand; kg fetch --from DIR takes it",)
    assert not found["words"].fails(strict=False)
    assert found["words"].fails(strict=True)
    pins = len(list((resources.queries() / "competency").glob("*.seed.csv")))
    assert found["pinned answers"].summary == f"{pins} of {pins} queries answer as pinned"
    assert not home.exists(), "nothing is written to the home"


@pytest.mark.shared
def test_with_the_article_at_hand_every_span_is_proved(tmp_path: Path, shared: Path) -> None:
    fetch_from(registry()["economic-impact-2025"], [shared / "documents"], tmp_path)
    words = checks(registry(), tmp_path, 5)["words"]
    assert (words.state, words.summary) == ("passed", "42 of 42 spans proved against their document")


def test_sources_that_do_not_build_are_a_finding_with_the_reason(tmp_path: Path) -> None:
    copy = tmp_path / "curated"
    shutil.copytree(resources.curated(), copy)
    path = copy / "economic-impact-2025.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('value = "0.94"', 'value = "1.94"'), encoding="utf-8")
    sources = {definition.stem: read_source(definition) for definition in copy.glob("*.toml")}
    found = list(run_checks(sources, tmp_path / "home", DEFAULT_BASE))
    assert [(section.name, section.state) for section in found] == [
        ("vocabulary", "passed"),
        ("examples", "passed"),
        ("build", "failed"),
    ]
    (reason,) = found[-1].findings
    assert "economic-impact-2025.toml:" in str(reason)
    assert "1.94" in str(reason)
    assert found[-1].fails(strict=False)


def test_no_source_at_all_is_a_finding(tmp_path: Path) -> None:
    build = list(run_checks({}, tmp_path, DEFAULT_BASE))[-1]
    assert (build.name, build.state) == ("build", "failed")
    (reason,) = build.findings
    assert "no source has a snapshot" in reason.message
    told = build.as_json()
    assert (told["name"], told["state"], told["summary"]) == ("build", "failed", "the sources do not build")
    assert told["findings"] == [reason.as_json()]

"""``kg check``: it goes as far as it can, says what it could not, and leaves no trace."""

from __future__ import annotations

import shutil
from itertools import islice
from pathlib import Path

import pytest

from kg import resources
from kg.check import Finding, run_checks
from kg.model import DEFAULT_BASE
from kg.sources import Source, read_source, registry
from kg.sources.fetch import fetch_from


def checks(sources: dict[str, Source], home: Path, names: int) -> dict[str, Finding]:
    """Run the first checks: the last, which starts Java, is tested where it is at home."""
    found = run_checks(sources, home, DEFAULT_BASE)
    first = {finding.name: finding for finding in islice(found, names)}
    found.close()  # type: ignore[attr-defined]  # it is a generator, and shall remove its directory now
    return first


def test_the_bundled_sources_pass_and_what_is_not_at_hand_is_named(tmp_path: Path) -> None:
    home = tmp_path / "home"
    found = checks(registry(), home, 5)
    assert {name: finding.state for name, finding in found.items()} == {
        "vocabulary": "passed",
        "build": "passed",
        "shapes": "passed",
        "words": "skipped",
        "pinned answers": "passed",
    }
    assert found["words"].summary == "12 of 42 spans proved against their document"
    assert found["words"].details == ("article-osai-2025.txt is not at hand; kg fetch --from DIR takes it",)
    assert found["words"].skipped
    assert not found["words"].failed
    pins = len(list((resources.queries() / "competency").glob("*.seed.csv")))
    assert found["pinned answers"].summary == f"{pins} of {pins} queries answer as pinned"
    assert not home.exists(), "nothing is written to the home"


@pytest.mark.shared
def test_with_the_article_at_hand_every_span_is_proved(tmp_path: Path, shared: Path) -> None:
    fetch_from(registry()["economic-impact-2025"], [shared / "documents"], tmp_path)
    words = checks(registry(), tmp_path, 4)["words"]
    assert (words.state, words.summary) == ("passed", "42 of 42 spans proved against their document")


def test_sources_that_do_not_build_are_a_finding_with_the_reason(tmp_path: Path) -> None:
    copy = tmp_path / "curated"
    shutil.copytree(resources.curated(), copy)
    path = copy / "economic-impact-2025.toml"
    path.write_text(path.read_text(encoding="utf-8").replace('value = "0.94"', 'value = "1.94"'), encoding="utf-8")
    sources = {definition.stem: read_source(definition) for definition in copy.glob("*.toml")}
    found = list(run_checks(sources, tmp_path / "home", DEFAULT_BASE))
    assert [(finding.name, finding.state) for finding in found] == [("vocabulary", "passed"), ("build", "failed")]
    (reason,) = found[1].details
    assert "economic-impact-2025.toml:" in reason
    assert "1.94" in reason
    assert found[1].failed


def test_no_source_at_all_is_a_finding(tmp_path: Path) -> None:
    build = list(run_checks({}, tmp_path, DEFAULT_BASE))[-1]
    assert (build.name, build.state) == ("build", "failed")
    assert "no source has a snapshot" in build.details[0]
    assert build.as_json() == {
        "name": "build",
        "state": "failed",
        "summary": "the sources do not build",
        "details": list(build.details),
    }

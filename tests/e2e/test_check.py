"""Misuse, end to end: what is wrong with an ontology, a shape or curated data is told with file, line and mend."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from kg import resources
from kg.build import build
from kg.check import Section, markdown, run_checks
from kg.cli import main
from kg.errors import ModelError
from kg.model import DEFAULT_BASE
from kg.quality import Level, QualityFinding
from kg.release import Releases
from kg.sources import registry
from tests.conftest import CREATED
from tests.unit.test_quality import plant

pytestmark = pytest.mark.slow  # each case checks everything

ALONE = "pytorch-foundation-2022"  # a source that builds without the others

# Where it is planted, the text, the line of it that is told, and what is said there, by whom.
MISUSE: Mapping[str, tuple[str, str, int, str]] = {
    "shape": (
        "shapes/things.ttl",
        "osaish:PlantedShape a sh:NodeShape ;\n    sh:targetClass osai:Project ;\n    sh:minCuont 1 .",
        0,
        "osaish:PlantedShape: the component sh:minCuont is not supported; did you mean minCount",
    ),
    "axiom": (
        "osai.ttl",
        "osai:Agent rdfs:subClassOf [ a owl:Restriction ;\n"
        "    owl:onProperty osai:governs ;\n    owl:allValuesFrom osai:Project ] .",
        2,
        "owl:allValuesFrom",
    ),
    "definition": ("osai.ttl", "osai:Robot a owl:Class .", 0, "Robot has 0 of skos:definition; it needs exactly one"),
    "cycle": (
        "osai.ttl",
        "osai:Organization\n    rdfs:subClassOf osai:Foundation .",
        1,
        "Organization is below itself by rdfs:subClassOf, round Foundation, NonProfitOrganization, Organization",
    ),
}


def check(home: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(main, ["--home", str(home), "check", *words], env={"KG_HOME": None, "KG_BASE": None})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resources.ontology(), tmp_path / "ontology"))


def test_kg_check_tells_every_misuse_of_the_ontology_at_once(copy: Path, tmp_path: Path) -> None:
    expected = []
    for file, text, offset, says in MISUSE.values():
        expected.append((f"{Path(file).name}:{plant(copy / file, text) + offset}", says))
    status, text = check(tmp_path / "home", "--ontology", str(copy))
    assert status == 1
    assert "failed   vocabulary" in text
    for place, says in expected:
        assert re.search(rf"error: {re.escape(place)}: .*{re.escape(says)}.* \[[\w-]+\]", text), (place, says)
    assert "failed   build" in text
    assert re.search(r"kg: 3 of 3 checks failed\n", text)


@pytest.mark.parametrize("name", ["shape", "axiom"])
def test_a_build_stops_at_what_does_not_compile_with_its_line(name: str, copy: Path, tmp_path: Path) -> None:
    file, text, offset, says = MISUSE[name]
    line = plant(copy / file, text) + offset
    source = registry()[ALONE]
    snapshot = source.bundled()
    assert snapshot is not None
    releases = Releases(tmp_path / "home")
    with pytest.raises(ModelError, match=re.escape(says)) as stopped:
        build([(source, snapshot)], base=DEFAULT_BASE, releases=releases, created=CREATED, ontology=copy)
    assert str(stopped.value).startswith(f"{Path(file).name}:{line}: ")
    assert releases.current() is None


CURATED = """\
[source]
name = "planted"
title = "Planted"
loader = "standoff"
upstream = "ours"
licence = "CC0-1.0"
as-of = 2026-01-01
files = ["planted.toml"]

[document]
id = "doc/osai-2025"
type = "Report"
name = "Planted"

[[entity]]
id = "org/meta"
type = "Company"
name = "Meta"
wikidataID = "Q380"

[[entity]]
id = "org/amd"
type = "Compny"
name = "AMD"
"""


@pytest.mark.parametrize("command", ["check", "build"])
def test_an_undeclared_predicate_or_class_in_curated_data_is_told_with_its_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "planted.toml").write_text(CURATED)
    done = CliRunner().invoke(main, ["--home", str(tmp_path), command], env={"KG_HOME": None, "KG_BASE": None})
    assert done.exit_code == 1
    for line, name, says in (
        (15, "org/meta", "wikidataID"),
        (21, "org/amd", "'Compny' is no class of the ontology; did you mean Company?"),
    ):
        assert re.search(rf"planted\.toml:{line}: entity {name}: .*{re.escape(says)}", done.output), done.output
    assert not (tmp_path / "releases").exists() or not list((tmp_path / "releases").iterdir())


def test_a_broken_example_is_told_by_its_file(copy: Path, tmp_path: Path) -> None:
    path = copy / "examples" / "invalid" / "two-hosts.ttl"
    path.write_text(path.read_text(encoding="utf-8").replace("NoOverlappingHostsShape", "NoNameShape"), "utf-8")
    _, examples = first_two(copy, tmp_path)
    assert examples.state == "failed"
    assert {finding.place for finding in examples.findings} == {"invalid/two-hosts.ttl"}
    assert any("it breaks osaish:NoOverlappingHostsShape" in finding.message for finding in examples.findings)
    assert any("it does not break osaish:NoNameShape" in finding.message for finding in examples.findings)


def first_two(ontology: Path, home: Path) -> list[Section]:
    """Give the sections that need no build."""
    running = run_checks(registry(), home, DEFAULT_BASE, ontology=ontology)
    found = [next(running), next(running)]
    running.close()  # type: ignore[attr-defined]  # it is a generator
    return found


def test_the_bundled_ontology_passes_before_any_build(tmp_path: Path) -> None:
    vocabulary, examples = first_two(resources.ontology(), tmp_path)
    assert (vocabulary.name, vocabulary.state) == ("vocabulary", "passed")
    assert (examples.name, examples.state) == ("examples", "passed")
    conform, break_ = (len(list((resources.ontology() / "examples" / kind).iterdir())) for kind in ("valid", "invalid"))
    assert examples.summary == f"{conform} conform, {break_} break the shapes they name"


def test_json_has_every_finding_and_the_state_of_each_section(copy: Path, tmp_path: Path) -> None:
    line = plant(copy / "osai.ttl", "osai:Agent rdfs:label 'actor'@en .")
    plant(copy / "shapes" / "things.ttl", "osaish:PlantedShape a sh:NodeShape ; sh:targetClass osai:Project ; sh:x 1 .")
    status, text = check(tmp_path / "home", "--ontology", str(copy), "--json")
    assert status == 1
    report: dict[str, Any] = json.loads(text[: text.rindex("}") + 1])
    assert report["passed"] is False
    assert [(one["name"], one["state"]) for one in report["checks"]] == [
        ("vocabulary", "failed"),
        ("examples", "failed"),
        ("build", "failed"),
    ]
    assert {
        "check": "label-is-not-the-name",
        "level": "error",
        "subject": "Agent",
        "message": "Agent is labelled “actor”; the label is the name, split into words: write “agent”",
        "place": f"osai.ttl:{line}",
    } in report["checks"][0]["findings"]


SECTIONS = [
    Section("first", "all is well"),
    Section(
        "second",
        "1 error, 1 warning",
        (
            QualityFinding("a-check", Level.ERROR, "Agent", "Agent is | wrong; mend <it>", "osai.ttl:7"),
            QualityFinding("b-check", Level.WARN, "Agent", "Agent is odd; look at it"),
        ),
    ),
    Section("third", "half done", skipped=("a.txt is not at hand; fetch it",)),
]


def test_a_report_in_text_shows_errors_and_on_demand_everything() -> None:
    def lines(section: Section, *, everything: bool) -> str:
        return "\n".join(section.lines(everything=everything))

    assert lines(SECTIONS[0], everything=True) == "passed   first            all is well"
    assert lines(SECTIONS[1], everything=False) == (
        "failed   second           1 error, 1 warning\n"
        "         error: osai.ttl:7: Agent is | wrong; mend <it> [a-check]"
    )
    assert lines(SECTIONS[1], everything=True).endswith("\n         warning: Agent is odd; look at it [b-check]")
    assert lines(SECTIONS[2], everything=False) == (
        "skipped  third            half done\n         skipped: a.txt is not at hand; fetch it"
    )


def test_a_report_in_markdown_escapes_what_tables_cannot_hold() -> None:
    text = markdown(SECTIONS, strict=False)
    assert "1 of 3 sections failed, 1 could not run or not wholly." in text
    assert "| second | failed | 1 error, 1 warning |" in text
    assert r"| error | osai.ttl:7 | Agent is \| wrong; mend &lt;it> | a-check |" in text
    assert "| skipped |  | a.txt is not at hand; fetch it |  |" in text
    assert "## first" not in text


def test_a_strict_check_lets_nothing_be_skipped_and_no_check_fails_for_a_warning() -> None:
    assert [section.fails(strict=False) for section in SECTIONS] == [False, True, False]
    assert [section.fails(strict=True) for section in SECTIONS] == [False, True, True]
    only_warned = Section("fourth", "odd", (SECTIONS[1].findings[1],))
    assert (only_warned.state, only_warned.fails(strict=True)) == ("passed", False)

"""Sources of a user beside ours: RDF with words of others, a git history, and what `kg sources` says of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.e2e.conftest import run_kg
from tests.unit.test_git import Repository, at

pytestmark = pytest.mark.slow  # each case builds

DEFINITION = """\
[source]
name = "their-rdf"
title = "RDF of others"
loader = "rdf"
upstream = "derived: by hand"
licence = "CC0-1.0"
as-of = 2024-03-01
files = ["their.ttl"]

[settings]
vocabularies = ["https://words.example/"]
"""
TURTLE = """\
@prefix w: <https://words.example/> . @prefix x: <https://other.example/ns#> .
@prefix osai: <https://w3id.org/osai-kg/ontology#> .
<https://data.example/alder> a osai:OpenSourceAIProject, w:Tool ; osai:name "Alder" ;
    w:score 5 ; x:near [ w:score 6 ] .
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a release of two sources of a user."""
    folder = tmp_path_factory.mktemp("user")
    home = folder / "home"
    (home / "sources").mkdir(parents=True)
    (home / "sources" / "their-rdf.toml").write_text(DEFINITION)
    (home / "sources" / "their.ttl").write_text(TURTLE)
    repository = Repository(folder / "repository")
    for name in ("Ann", "Bob", "Cid"):
        repository.commit(name, at(name, "acorn.example.org"), "2024-01-05")
    words = (
        "fetch",
        f"git:{repository.folder}",
        "--project",
        "acorn",
        "--repository",
        "https://git.example.org/acorn/a",
    )
    assert run_kg(home, *words).returncode == 0
    done = run_kg(home, "build", "their-rdf", "git-acorn")
    assert done.returncode == 0, done.stderr
    return home


def asked(home: Path, query: str) -> list[str]:
    prefixes = "PREFIX osai: <https://w3id.org/osai-kg/ontology#> PREFIX w: <https://words.example/> "
    done = run_kg(home, "query", "-f", "csv", "-e", prefixes + query)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()[1:]


def test_words_of_others_stop_no_build_and_are_told_unless_declared(home: Path) -> None:
    assert asked(home, "SELECT ?score WHERE { ?s w:score ?score } ORDER BY ?score") == ["5", "6"]
    assert asked(home, "SELECT ?name WHERE { ?s a w:Tool ; osai:name ?name }") == ["Alder"]
    issues = [json.loads(line) for line in run_kg(home, "releases", "issues", "--json").stdout.splitlines()]
    assert [issue["kind"] for issue in issues] == ["undeclared-vocabulary"]
    assert "https://other.example/ns#" in issues[0]["message"]


def test_a_counted_history_is_observations_of_its_project(home: Path) -> None:
    rows = asked(
        home,
        "SELECT ?url ?month ?commits ?authors WHERE { ?o a osai:ContributionObservation ; osai:obsProject ?p ; "
        "osai:obsMonth ?month ; osai:commitCount ?commits ; osai:authorCount ?authors ; osai:evidenceGrade ?grade . "
        "?p osai:hasRepository/osai:repositoryUrl ?url }",
    )
    assert rows == ["https://git.example.org/acorn/a,2024-01,3,3"]


def test_sources_of_a_user_are_listed_with_the_records_of_the_last_release(home: Path) -> None:
    rows = {row["name"]: row for row in json.loads(run_kg(home, "sources", "--json").stdout)}
    theirs = rows["their-rdf"]
    assert (theirs["loader"], theirs["upstream"], theirs["licence"]) == ("rdf", "derived: by hand", "CC0-1.0")
    assert (theirs["records"], theirs["damage"]) == (2, None)
    assert re.fullmatch(r"[0-9a-f]{12}", theirs["snapshot"])
    assert rows["git-acorn"]["upstream"] == "git-history https://git.example.org/acorn/a"
    assert rows["ror"]["records"] is None
    assert (home / "snapshots" / "git-acorn" / "current").is_file()


def test_a_source_without_an_address_says_how_its_files_are_taken(home: Path) -> None:
    done = run_kg(home, "fetch", "their-rdf")
    assert done.returncode == 1
    assert "kg: their-rdf: its upstream is 'derived:', which is no address to fetch from" in done.stderr
    assert "kg fetch --from DIR" in done.stderr


def test_a_damaged_snapshot_is_listed_as_such(home: Path, tmp_path: Path) -> None:
    (tmp_path / "snapshots" / "ror").mkdir(parents=True)
    (tmp_path / "snapshots" / "ror" / "current").write_text("..")
    rows = {row["name"]: row for row in json.loads(run_kg(tmp_path, "sources", "--json").stdout)}
    assert "names no snapshot" in rows["ror"]["damage"]
    assert "damaged" in run_kg(tmp_path, "sources").stdout

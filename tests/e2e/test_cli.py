"""Every command as a stranger types it: what it prints, how it fails, and what it says to do then."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
import rdflib
from click.testing import CliRunner, Result

from kg import __version__
from kg.catalogue import Catalogue
from kg.cli import main
from kg.model import DEFAULT_BASE
from kg.release import ISSUES, Release, Releases
from kg.resources import queries
from kg.sources import registry
from tests.e2e.conftest import KG, Service, free_port, run_kg, serving

SMALL = {"KG_WORKERS": "1", "KG_SERVERS": "1"}  # as much of a service as a test needs
ALONE = "pytorch-foundation-2022"  # a source that builds without the others
OSAI = "PREFIX osai: <https://w3id.org/osai-kg/ontology#> PREFIX prov: <http://www.w3.org/ns/prov#> "


def said(done: subprocess.CompletedProcess[str], status: int = 0) -> str:
    """Give what a command printed, on both channels, after looking at its status. Nothing ever ends in a trace."""
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert done.returncode == status, text
    return text


def quick(home: Path, *words: str, status: int = 0) -> str:
    """Run a command in this process, where nothing of its process is looked at: it saves the start of Python."""
    done: Result = CliRunner().invoke(main, ["--home", str(home), *words], env={"KG_HOME": None, "KG_BASE": None})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == status, done.output
    return done.output


@pytest.fixture(scope="module")
def two(seed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two releases: the seed, which is current, and a small one that was built after it."""
    home = tmp_path_factory.mktemp("two") / "home"
    shutil.copytree(seed_home, home, symlinks=True)
    said(run_kg(home, "build", ALONE, "--no-promote"))
    return home


@pytest.fixture
def own(two: Path, tmp_path: Path) -> Path:
    """The same, to be changed by one test."""
    shutil.copytree(two, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def versions(home: Path) -> tuple[str, str]:
    """Give the seed release and the small one."""
    current = Releases(home).current()
    assert current is not None
    (other,) = (release.version for release in Releases(home) if release.version != current.version)
    return current.version, other


# ---- Help, and words that are not known ------------------------------------------------------------------------------


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    for name, command in sorted(group.commands.items()):
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


@pytest.mark.parametrize("words", [(), *commands(main)], ids=lambda words: " ".join(words) or "kg")
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_has_help(tmp_path: Path, words: tuple[str, ...], flag: str) -> None:
    text = quick(tmp_path, *words, flag)
    assert text.startswith("Usage: ")
    purpose = text.split("\n\n")[1]
    assert re.fullmatch(r"\s*[A-Z].*\.\s*", purpose, re.DOTALL), "it says in a sentence what it does"
    options = re.findall(r"^  (?:-\w, )?--[\w-]+.*(?:\n {6,}.*)*", text, re.MULTILINE)
    assert all(re.search(r"\s{2,}\S|\n", option) for option in options), "every option says what it is for"


def test_the_program_tells_its_version_and_what_it_can_do() -> None:
    done = subprocess.run([str(KG), "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == f"kg, version {__version__}\n"
    shown = subprocess.run([str(KG), "--help"], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r"^  ([a-z]+)  ", shown, re.MULTILINE)) == set(main.commands)
    assert "kg demo" in shown, "and where to start"


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (("bild",), 2, "No such command 'bild'; did you mean build?"),
        (("querry", "cq01"), 2, "did you mean query?"),
        (("releases", "promot"), 2, "No such command 'promot'; did you mean promote?"),
        (("serve", "--prot", "1"), 2, "--port"),
        (("serve", "--port", "70000"), 2, "is not in the range 0<=x<=65535"),
        (("serve", "--port", "http"), 2, "'http' is not a valid integer"),
        (("build", "--as-of", "yesterday"), 2, "'yesterday' does not match the format '%Y-%m-%d'"),
        (("build", "economic-impact"), 1, "no source 'economic-impact'; did you mean economic-impact-2025"),
        (("build", "zzz"), 1, "kg: there is no source 'zzz'; kg sources lists them"),
        (("fetch", "--from", "nowhere"), 2, "'nowhere' does not exist"),
        (("fetch",), 1, "say where the files are: kg fetch --from DIR"),
        (("query",), 2, "give the name of a catalogue query, a file, or -e TEXT; kg query --list shows the names"),
        (("query", "cq01", "-e", "ASK {}"), 2, "give the name of a catalogue query, a file, or -e TEXT"),
        (("query", "cq91"), 1, "kg: there is no query 'cq91'; did you mean "),
        (("query", "cq13-findings-by-sectr"), 1, "did you mean cq13-findings-by-sector"),
        (("query", "zzz"), 1, "there is no query 'zzz'; list them with `kg query --list`"),
        (("query", "nowhere.rq"), 1, "kg: nowhere.rq cannot be read: No such file or directory"),
        (("query", "cq13", "-p", "sektor=x"), 1, "has no parameter 'sektor'; it has: sector; did you mean sector?"),
        (("query", "cq13", "-p", "sector"), 2, "-p sector: write NAME=VALUE"),
        (("query", "cq13", "-p", "sector=a b"), 1, "sector"),
        (("query", "-e", "ASK {}", "-p", "a=b"), 2, "the text of -e has none"),
        (("query", "cq13", "-f", "turtle"), 2, "-f turtle does not fit a query whose answer is a table"),
        (("query", "-e", "DESCRIBE <urn:x>", "-f", "csv"), 2, "-f csv does not fit a query whose answer is a graph"),
        (("query", "cq13", "-f", "xlsx"), 2, "'xlsx' is not one of"),
        (("query", "cq13", "--release", "2099"), 1, "there is no release '2099'"),
        (("releases", "promote", "2099"), 1, "kg: there is no release '2099'; sealed are "),
        (("releases", "verify", "2099"), 1, "there is no release '2099'"),
        (("releases", "prune", "--keep", "-1"), 2, "-1 is not in the range"),
        (("serve", "--release", "2099", "--port", "0"), 1, "there is no release '2099'"),
        (("serve", "--host", "host.invalid", "--port", "0"), 1, "cannot listen on host.invalid port 0"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_mend(two: Path, words: tuple[str, ...], status: int, message: str) -> None:
    assert message in quick(two, *words, status=status)


@pytest.mark.parametrize(
    ("toml", "words", "message"),
    [
        ("second = 5", ("config",), "kg.toml: there is no setting 'second'; did you mean seconds?"),
        ("seconds = 0", ("query", "cq01"), "setting seconds from "),
        ("", ("--base", "nonsense", "config"), "setting base from --base: "),
    ],
)
def test_a_wrong_setting_stops_every_command(tmp_path: Path, toml: str, words: tuple[str, ...], message: str) -> None:
    (tmp_path / "kg.toml").write_text(toml)
    text = quick(tmp_path, *words, status=1)
    assert text.startswith("kg: ")
    assert message in text


# ---- Building and releases -------------------------------------------------------------------------------------------


def test_a_build_tells_what_it_made(two: Path) -> None:
    _, small = versions(two)
    text = quick(two, "build", ALONE, "--no-promote")
    assert re.search(r"^loaded +1 sources +\d+ quads", text, re.MULTILINE)
    assert re.search(rf"^release +{small} +sha256:[0-9a-f]{{12}}…$", text, re.MULTILINE)
    assert "as pinned" not in text, "no answer is pinned for one source alone"


def test_releases_are_listed(two: Path) -> None:
    seed, small = versions(two)
    rows = json.loads(quick(two, "releases", "list", "--json"))
    assert [(row["version"], row["current"]) for row in rows] == sorted([(seed, True), (small, False)])
    found = Releases(two).get(seed)
    (row,) = (row for row in rows if row["current"])
    counts = found.manifest.counts
    assert row["quads"] == counts["default_triples"] + counts["named_triples"]
    assert row["sha256"] == found.manifest.sha256
    table = quick(two, "releases")
    assert table == quick(two, "releases", "list")
    assert re.search(rf"^→ +{seed} ", table, re.MULTILINE)
    assert re.search(rf"^ +{small} ", table, re.MULTILINE)


def test_a_home_without_releases_says_what_to_do(tmp_path: Path) -> None:
    assert quick(tmp_path, "releases") == "no release is sealed yet; kg build makes one\n"
    assert json.loads(quick(tmp_path, "releases", "list", "--json")) == []
    for words in (("serve", "--port", "0"), ("query", "cq01"), ("releases", "verify"), ("releases", "issues")):
        text = quick(tmp_path, *words, status=1)
        assert text == f"kg: no release is sealed in {tmp_path}; kg build makes one, kg demo builds and serves it\n"


def test_promoting_and_rolling_back(own: Path) -> None:
    seed, small = versions(own)
    assert quick(own, "releases", "promote", small) == f"current is {small}\n"
    assert quick(own, "releases", "verify").startswith(f"{small} is as it was sealed: sha256:")
    assert quick(own, "releases", "promote", seed[:12]) == f"current is {seed}\n"
    assert quick(own, "releases", "verify").startswith(f"{seed} is as it was sealed")
    assert quick(own, "releases", "verify", small).startswith(f"{small} is as it was sealed")


def test_pruning_keeps_the_current_one(own: Path) -> None:
    seed, small = versions(own)
    assert quick(own, "releases", "prune") == "removed nothing\n"
    assert quick(own, "releases", "prune", "--keep", "0") == f"removed {small}\n"
    assert [row["version"] for row in json.loads(quick(own, "releases", "list", "--json"))] == [seed]


def test_a_release_that_was_tampered_with_is_not_served(own: Path) -> None:
    seed, _ = versions(own)
    with (own / "releases" / seed / ISSUES).open("a") as issues:
        issues.write("\n")
    for words in (("releases", "verify"), ("serve", "--port", "0")):
        text = quick(own, *words, status=1)
        assert text == (
            f"kg: release {seed}: {ISSUES} changed after it was sealed; build again or promote another one\n"
        )


def test_a_release_of_another_base_is_not_mixed_up(two: Path) -> None:
    text = quick(two, "--base", "https://example.org/kg/", "query", "cq01", status=1)
    assert f"was built with base {DEFAULT_BASE}, the setting is https://example.org/kg/" in text
    assert "set KG_BASE to the base of the release" in text


def test_issues_are_shown_with_their_place(two: Path) -> None:
    text = quick(two, "releases", "issues")
    assert re.match(
        r"economic-impact-2025: economic-impact-2025\.toml:\d+: article-osai-2025\.txt is not at hand", text
    )
    (issue,) = (json.loads(line) for line in quick(two, "releases", "issues", "--json").splitlines())
    assert (issue["source"], issue["kind"]) == ("economic-impact-2025", "words")


def test_sources_are_listed(two: Path) -> None:
    rows = json.loads(quick(two, "sources", "--json"))
    assert [row["name"] for row in rows] == list(registry())
    for row in rows:
        source = registry()[row["name"]]
        assert (row["title"], row["licence"], row["upstream"]) == (source.title, source.licence, source.upstream)
        assert row["as_of"] == str(source.as_of)
    article = next(row for row in rows if row["name"] == "economic-impact-2025")
    assert article["missing_documents"] == ["article-osai-2025.txt"]
    assert re.fullmatch(r"[0-9a-f]{12}", article["snapshot"])
    table = quick(two, "sources")
    assert all(name in table for name in registry())
    assert table.count("its words are not at hand") == sum(bool(row["missing_documents"]) for row in rows)


def test_settings_are_printed_with_where_each_is_from(own: Path) -> None:
    (own / "kg.toml").write_text("workers = 3\n")
    done = run_kg(own, "--base", "https://example.org/kg/", "config", "--json", KG_SECONDS="2.5")
    values: dict[str, Any] = json.loads(said(done))
    assert values["home"] == {"value": str(own), "from": "--home"}
    assert values["base"] == {"value": "https://example.org/kg/", "from": "--base"}
    assert values["seconds"] == {"value": 2.5, "from": "KG_SECONDS"}
    assert values["workers"] == {"value": 3, "from": str(own / "kg.toml")}
    assert values["servers"] == {"value": 2, "from": "default"}
    table = quick(own, "config")
    assert all(re.search(rf"^{name} ", table, re.MULTILINE) for name in values)


@pytest.mark.shared
def test_fetching_a_document_building_and_fetching_another(own: Path, shared: Path, tmp_path: Path) -> None:
    """The whole path of a reader who has the article, and of one whose copy was changed."""
    text = said(run_kg(own, "fetch", "--from", str(shared / "documents")))
    assert re.search(r"^economic-impact-2025 +new +1 files  sha256:[0-9a-f]{12}…$", text, re.MULTILINE)
    assert re.search(
        r"^economic-impact-2025 +unchanged", quick(own, "fetch", "--from", str(shared / "documents")), re.M
    )
    text = said(run_kg(own, "build"))
    assert "42 of 42 spans proved" in text
    assert "wait for their document" not in text
    current = Releases(own).current()
    assert current is not None

    changed = bytearray((shared / "documents" / "article-osai-2025.txt").read_bytes())
    changed[3500] ^= 1
    (tmp_path / "article-osai-2025.txt").write_bytes(changed)
    assert " new " in quick(own, "fetch", "economic-impact-2025", "--from", str(tmp_path))
    text = quick(own, "build", status=1)
    assert "kg: economic-impact-2025: article-osai-2025.txt: 1 of 30 spans are not the words" in text
    assert "finding/osai-2025-f20 (economic-impact-2025.toml:" in text
    assert Releases(own).current() == current


def test_a_directory_without_the_files_is_told(tmp_path: Path) -> None:
    text = quick(tmp_path, "fetch", "--from", str(tmp_path), status=1)
    assert re.search(r"^economic-impact-2025 +not there +article-osai-2025\.txt$", text, re.MULTILINE)
    assert f"kg: none of the files that sources want is in {tmp_path}" in text


# ---- Asking ----------------------------------------------------------------------------------------------------------


def test_a_query_is_asked_by_its_short_name_its_name_and_its_file(two: Path) -> None:
    by_name = quick(two, "query", "cq05")
    rows = list(csv.reader(io.StringIO(by_name)))
    assert len(rows) == 2
    assert rows[1][0] == f"{DEFAULT_BASE}id/project/pytorch"
    assert "PyTorch Foundation" in rows[1]
    assert quick(two, "query", "cq05-host-and-umbrella") == by_name
    assert quick(two, "query", str(queries() / "competency" / "cq05-host-and-umbrella.rq")) == by_name
    assert said(run_kg(two, "query", "cq05")) == by_name


def test_the_catalogue_is_listed_with_its_questions(two: Path) -> None:
    text = quick(two, "query", "--list")
    for query in Catalogue.read(queries()).group("competency"):
        assert re.search(rf"^{query.name} +{re.escape(query.summary)}$", text, re.MULTILINE)


def test_a_parameter_changes_the_answer(two: Path) -> None:
    """Findings 18 to 20 are of manufacturing, 21 to 23 of health. Source: ontology design, section 4."""

    def findings(*parameters: str) -> set[str]:
        words = [word for value in parameters for word in ("-p", f"sector=concept/sector/{value}")]
        return set(re.findall(r"osai-2025-(f\d+)", quick(two, "query", "cq13", *words)))

    manufacturing, health = {"f18", "f19", "f20"}, {"f21", "f22", "f23"}
    assert findings("C") == manufacturing
    assert findings("Q86") == health
    assert findings("C", "Q86") == manufacturing | health
    assert findings() >= manufacturing | health


COUNT = "SELECT (COUNT(*) AS ?n) WHERE { ?s ?p ?o }"


def test_a_text_is_asked(two: Path, seed_release: Release) -> None:
    triples = str(seed_release.manifest.counts["default_triples"])
    assert quick(two, "query", "-e", COUNT).split() == ["n", triples]
    assert triples in quick(two, "query", "-e", COUNT, "-f", "table")
    assert json.loads(quick(two, "query", "-e", COUNT, "-f", "json"))["results"]["bindings"][0]["n"]["value"] == triples
    assert f">{triples}</literal>" in quick(two, "query", "-e", COUNT, "-f", "xml")
    assert quick(two, "query", "-e", COUNT, "-f", "tsv").split() == ["?n", triples]


@pytest.mark.parametrize(
    ("media", "syntax"),
    [(None, "turtle"), ("turtle", "turtle"), ("ntriples", "nt"), ("rdfxml", "xml"), ("jsonld", "json-ld")],
)
@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated")  # rdflib's own parser of JSON-LD uses it
def test_a_graph_is_given_in_every_syntax(two: Path, media: str | None, syntax: str) -> None:
    text = quick(two, "query", "-e", "DESCRIBE <id/project/pytorch>", *(("-f", media) if media else ()))
    graph = rdflib.Graph().parse(data=text, format=syntax)
    assert graph.value(rdflib.URIRef(f"{DEFAULT_BASE}id/project/pytorch"), rdflib.RDFS.label)


@pytest.mark.parametrize(("pattern", "answer"), [("?s ?p ?o", "yes"), ("<urn:nowhere> ?p ?o", "no")])
def test_a_yes_or_no_question_is_answered_with_a_word(two: Path, pattern: str, answer: str) -> None:
    ask = f"ASK {{ {pattern} }}"
    assert quick(two, "query", "-e", ask) == f"{answer}\n"
    assert quick(two, "query", "-e", ask, "-f", "table") == f"{answer}\n"
    assert json.loads(quick(two, "query", "-e", ask, "-f", "json"))["boolean"] == (answer == "yes")


@pytest.mark.parametrize(
    ("text", "place"),
    [("SELECT * WHERE { ?s ?p }", "line 1, column "), ("SELECT *\nWHERE {\n  ?s osai:x ?o .\n}", "line 3, column "),
     ("SELECT 'x", "line 1, column "), ("ASK { ?s", "line 1, column ")],
)  # fmt: skip
def test_a_text_that_is_no_query_is_told_with_line_and_column(two: Path, text: str, place: str) -> None:
    assert quick(two, "query", "-e", text, status=1).startswith(f"kg: {place}")


def test_a_query_changes_nothing(two: Path) -> None:
    text = quick(two, "query", "-e", "INSERT DATA { <urn:a> <urn:b> <urn:c> }", status=1)
    assert text.startswith("kg: line 1, column 1: ")


def test_an_older_release_is_asked_by_name(two: Path) -> None:
    _, small = versions(two)
    triples = Releases(two).get(small).manifest.counts["default_triples"]
    assert quick(two, "query", "-e", COUNT, "--release", small).split() == ["n", str(triples)]


def test_a_reader_that_leaves_is_no_error(two: Path) -> None:
    command = [str(KG), "--home", str(two), "query", "-e", "SELECT * WHERE { GRAPH ?g { ?s ?p ?o } }"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode in (0, 1)


# ---- Checking --------------------------------------------------------------------------------------------------------


@pytest.mark.java
def test_a_check_says_what_it_proved_and_what_it_could_not(seed_home: Path) -> None:
    """Without the article's text and the sources of the sample, which a strict check does not let pass."""
    before = sorted(path.name for path in seed_home.rglob("*"))
    done = run_kg(seed_home, "check", "--json", "--strict")
    assert done.returncode == 1
    assert re.fullmatch(r"kg: 3 of \d+ checks failed\n", done.stderr)
    report = json.loads(done.stdout)
    assert report["passed"] is False
    states = {check["name"]: check["state"] for check in report["checks"]}
    assert {states.pop(name) for name in ("words", "resolution", "reconciliation")} == {"skipped"}
    assert set(states) >= {"vocabulary", "build", "pinned answers", "logic"}
    assert set(states.values()) == {"passed"}
    assert all(check["summary"] for check in report["checks"])
    assert sorted(path.name for path in seed_home.rglob("*")) == before, "what is served is not touched"


# ---- Serving ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_a_busy_port_is_told_before_any_work(two: Path, tmp_path: Path, command: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        text = quick(two if command == "serve" else tmp_path, command, "--port", str(port), status=1)
    assert text == (
        f"kg: cannot listen on 127.0.0.1 port {port}: Address already in use; "
        "choose another with --port (0 picks a free one)\n"
    )
    assert list(tmp_path.iterdir()) == []


FILES = {
    "a.ttl": "<id/a> <urn:p> 'ttl' .",
    "b.trig": "GRAPH <urn:g> { <id/b> <urn:p> 'trig' } <id/b> <urn:p> 'default' .",
    "c.nt": '<urn:c> <urn:p> "nt" .\n',
    "d.nq": '<urn:d> <urn:p> "nq" <urn:g> .\n',
    "e.rdf": '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:u="urn:">'
    '<rdf:Description rdf:about="urn:e"><u:p>rdf</u:p></rdf:Description></rdf:RDF>',
    "f.jsonld": '{"@id": "urn:f", "urn:p": "jsonld"}',
}


@pytest.fixture(scope="module")
def data_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Six files in six syntaxes, one of them by a link of another name, served without a release."""
    folder = tmp_path_factory.mktemp("data")
    for name, text in FILES.items():
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "a.ttl").rename(folder / "0123abcd")
    (folder / "a.ttl").symlink_to(folder / "0123abcd")
    words = [word for name in FILES for word in ("--data", str(folder / name))]
    with serving(folder / "no home", folder / "log", "serve", *words, env=SMALL) as service:
        yield service


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        (f"<{DEFAULT_BASE}id/a> <urn:p> ?v", ["ttl"]),
        (f"GRAPH <urn:g> {{ <{DEFAULT_BASE}id/b> <urn:p> ?v }}", ["trig"]),
        (f"<{DEFAULT_BASE}id/b> <urn:p> ?v", ["default"]),
        ("<urn:c> <urn:p> ?v", ["nt"]),
        ("GRAPH <urn:g> { <urn:d> <urn:p> ?v }", ["nq"]),
        ("<urn:e> <urn:p> ?v", ["rdf"]),
        ("<urn:f> <urn:p> ?v", ["jsonld"]),
        ("?s <urn:p> ?v", ["default", "jsonld", "nt", "rdf", "ttl"]),
    ],
)
def test_files_of_every_syntax_are_served_as_they_are(data_service: Service, pattern: str, values: list[str]) -> None:
    answer = data_service.ask(f"SELECT ?v WHERE {{ {pattern} }} ORDER BY ?v").json()
    assert [row["v"]["value"] for row in answer["results"]["bindings"]] == values


def test_data_without_a_release_has_its_pages(data_service: Service) -> None:
    with data_service.client(follow_redirects=True) as client:
        home = client.get("/", headers={"Accept": "text/html"})
        assert home.status_code == 200
        assert "urn:g" in home.text
        assert "without a release" in home.text
        assert client.get("/-/health").json() == {"release": None, "status": "ok"}
        page = client.get("/id/a", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "ttl" in page.text
        turtle = client.get("/id/b", headers={"Accept": "text/turtle"})
        assert (None, None, rdflib.Literal("default")) in rdflib.Graph().parse(data=turtle.text, format="turtle")


@pytest.mark.parametrize(
    ("name", "text", "place"),
    [
        ("broken.ttl", "<urn:a> <urn:b> 'x' .\n<urn:a> <urn:b> .\n", "broken.ttl:2:"),
        ("broken.trig", "GRAPH <urn:g> {\n<urn:a> <urn:b> }\n", "broken.trig:2:"),
        ("broken.nt", '<urn:a> <urn:b> "x" .\n<urn:a> <urn:b> "y .\n', "broken.nt:2:"),
        ("broken.nq", "<urn:a> <urn:b> <urn:c> <urn:d> <urn:e> .\n", "broken.nq:1:"),
        ("broken.rdf", "<rdf:RDF>\n<a></b>", "broken.rdf"),
        ("broken.jsonld", '{"@id": "urn:a",\n', "broken.jsonld"),
        ("table.csv", "a,b\n", "table.csv: unknown kind of file; its name must end in .ttl, .nt"),
    ],
)
def test_a_broken_file_is_named_with_its_line(tmp_path: Path, name: str, text: str, place: str) -> None:
    (tmp_path / name).write_text(text)
    done = quick(tmp_path, "query", "-e", "ASK {}", "--data", str(tmp_path / name), status=1)
    assert done.startswith(f"kg: {tmp_path}/{place}")
    assert len(done.splitlines()) == 1


def test_a_broken_file_is_not_served(tmp_path: Path) -> None:
    (tmp_path / "broken.ttl").write_text("<urn:a> <urn:b> 'x' .\n<urn:a> <urn:b> .\n")
    text = said(run_kg(tmp_path, "serve", "--port", "0", "--data", str(tmp_path / "broken.ttl")), 1)
    assert text.startswith(f"kg: {tmp_path}/broken.ttl:2:")
    assert len(text.splitlines()) == 1
    assert "does not exist" in quick(tmp_path, "serve", "--data", "nowhere.ttl", status=2)


def test_files_are_asked_without_a_server(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_text(FILES["a.ttl"])
    text = quick(tmp_path, "query", "-e", "SELECT ?s WHERE { ?s <urn:p> ?v }", "--data", str(tmp_path / "a.ttl"))
    assert text.split() == ["s", f"{DEFAULT_BASE}id/a"]


# ---- The first command -----------------------------------------------------------------------------------------------


def test_the_demo_builds_tells_and_serves_in_one_go(tmp_path: Path) -> None:
    """Every number it prints is asked for again, in other words, at the service it starts."""
    with serving(tmp_path / "home", tmp_path / "log", "demo", env=SMALL) as service:
        printed = (tmp_path / "log").read_text()

        def count(pattern: str) -> int:
            (row,) = service.ask(f"{OSAI} SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}").json()["results"]["bindings"]
            return int(row["n"]["value"])

        def members(kind: str) -> int:
            return count(
                f"{{ SELECT DISTINCT ?s WHERE {{ ?s a/<http://www.w3.org/2000/01/rdf-schema#subClassOf>* {kind} }} }}"
            )

        def told(pattern: str) -> list[int]:
            line = re.search(f"^{pattern}", printed, re.MULTILINE)
            assert line is not None, printed
            return [int(number.replace(",", "")) for number in line.groups()]

        graphs = f"GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), '{DEFAULT_BASE}graph/"
        read = count(f"{graphs}curated/'))") + count(f"{graphs}words/'))")
        assert told(r"loaded +([\d,]+) sources +([\d,]+) quads") == [
            sum(source.curated for source in registry().values()),
            read,
        ]
        spans = members("osai:TextSpan")
        proved = count("{ SELECT DISTINCT ?s WHERE { GRAPH ?g { ?s osai:exactQuote ?words } } }")
        assert told(r"checked +([\d,]+) findings +(\d+) of (\d+) spans proved; (\d+) wait for their document") == [
            members("osai:Finding"), proved, spans, spans - proved,
        ]  # fmt: skip
        assert told(r"resolved +([\d,]+) organizations +(\d+) projects?, (\d+) governance events?") == [
            members("osai:Organization"), members("osai:Project"), members("osai:GovernanceEvent"),
        ]  # fmt: skip
        assert told(r"reasoned +([\d,]+) inferred") == [count(f"{graphs}inferred/'))")]
        warnings = count(
            f"GRAPH <{DEFAULT_BASE}graph/report> {{ ?r <http://www.w3.org/ns/shacl#resultSeverity> "
            "<http://www.w3.org/ns/shacl#Warning> }"
        )
        issues = len(quick(tmp_path / "home", "releases", "issues", "--json").splitlines())
        assert told(r"validated +(\d+) violations +(\d+) warnings? .*?(\d+) issues? ") == [0, warnings, issues]
        pins = len(list((queries() / "competency").glob("*.seed.csv")))
        assert told(r"queries +(\d+) of (\d+) +answers as pinned") == [pins, pins]

        release = Releases(tmp_path / "home").current()
        assert release is not None
        assert re.search(
            rf"^release +{release.version} +sha256:{release.manifest.sha256[:12]}…$", printed, re.MULTILINE
        )
        assert f"{service.url}/   SPARQL at {service.url}/sparql" in printed
        with service.client() as client:
            home = client.get("/", headers={"Accept": "text/html"})
            assert home.status_code == 200
            assert home.headers["kg-release"] == release.version
            assert client.get("/-/health").json()["status"] == "ok"
            assert client.get("/queries/cq21.csv").status_code == 200


def test_the_port_zero_picks_a_free_one_and_says_which(seed_home: Path, tmp_path: Path) -> None:
    log = tmp_path / "log"
    taken = free_port()
    with log.open("w") as out:
        process = subprocess.Popen(
            [str(KG), "--home", str(seed_home), "serve", "--port", "0"],
            stdout=out, stderr=out, env={**os.environ, **SMALL},
        )  # fmt: skip
    try:
        address = None
        while address is None:
            assert process.poll() is None, log.read_text()
            time.sleep(0.05)  # what it prints gives no event to wait for
            address = re.search(r"serving +(http://127\.0\.0\.1:(\d+))/", log.read_text())
        assert address[2] not in ("0", "8000", str(taken))
        with httpx.Client(transport=httpx.HTTPTransport(retries=10), trust_env=False, timeout=30) as client:
            assert client.get(f"{address[1]}/-/health").status_code == 200
    finally:
        process.terminate()
        assert process.wait(20) == 0

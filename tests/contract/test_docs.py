"""The README keeps its word: what it names is there and answers, and what is there is named."""

from __future__ import annotations

import inspect
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient

from kg import errors
from kg.catalogue import Catalogue
from kg.cli import main
from kg.config import Config
from kg.errors import KgError
from kg.release import Release
from kg.resources import queries
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from kg.web.problems import _ERRORS, KINDS
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")


def table(header: str) -> list[list[str]]:
    """Give the cells of the table of the README whose first header cell is ``header``."""
    lines = README.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(f"| {header} |"))
    rows = []
    for line in lines[start + 2 :]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return rows


def commands(words: str) -> list[str]:
    """Give the commands of the README's blocks that begin so, without their comments, each on one line."""
    blocks = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
    text = "\n".join(blocks)
    found = re.findall(rf"^{words} (?:'[^']*'|[^'\n#])*", text, re.MULTILINE)
    return [one.strip() for one in found]


@pytest.fixture(scope="module")
def client(seed_release: Release, seed_store: OxigraphStore, seed_home: Path) -> FlaskClient:
    app = create_app(Config(home=seed_home), store=seed_store, release=seed_release)
    return app.test_client()


# ---- The two commands ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    ["python3 -m venv .uv && .uv/bin/pip install uv && .uv/bin/uv run kg demo", "sh tests/check.sh"],
)
def test_the_command_to_start_and_the_command_to_test_stand_alone(command: str) -> None:
    assert f"```sh\n{command}\n```" in README


def test_the_command_to_test_is_there() -> None:
    assert (ROOT / "tests" / "check.sh").read_text().startswith("#!/bin/sh\n")
    assert "sh tests/check.sh" in (ROOT / ".ci" / "run").read_text()


# ---- Settings and commands -------------------------------------------------------------------------------------------


def test_every_setting_is_named_with_its_default() -> None:
    rows = {cells[0].strip("`"): cells for cells in table("setting")}
    assert list(rows) == list(Config.model_fields)
    for name, field in Config.model_fields.items():
        told = rows[name][2].strip("`")
        if name == "home":
            assert "user" in told
        elif field.default in (None, "", ()):
            assert told == "none"
        else:
            expected = f"{field.default:g}" if isinstance(field.default, float) else str(field.default)
            assert told.replace(",", "") == (expected.lower() if isinstance(field.default, bool) else expected)
        assert len(rows[name][1]) > 5


def test_every_command_is_named_and_every_named_command_is_there() -> None:
    named = {name for row in table("command") for name in re.findall(r"`kg ([a-z]+)", row[0])}
    assert named == set(main.commands)


@pytest.mark.parametrize("command", commands("kg query"))
def test_an_example_of_a_query_runs(seed_home: Path, command: str) -> None:
    words = shlex.split(command)
    done = CliRunner().invoke(main, ["--home", str(seed_home), *words[1:]], env={"KG_HOME": None, "KG_BASE": None})
    assert done.exit_code == 0, done.output
    assert len(done.output.splitlines()) >= 2


def test_there_are_examples() -> None:
    assert len(commands("kg query")) >= 4
    assert len(commands("curl")) >= 4


# ---- Endpoints -------------------------------------------------------------------------------------------------------


# Those with a token are for a workspace: tests/contract/test_graph_store.py and test_update_http.py send the same.
@pytest.mark.parametrize("command", [command for command in commands("curl") if "Authorization" not in command])
def test_an_example_of_an_address_answers(client: FlaskClient, command: str) -> None:
    words = shlex.split(command)
    (address,) = (word for word in words if word.startswith("http://127.0.0.1:8000/"))
    headers = dict(
        words[at + 1].split(": ", 1) for at, word in enumerate(words) if word == "-H" and ": " in words[at + 1]
    )
    form = dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "--data-urlencode")
    path = urlsplit(address).path
    if form:
        response = client.post(path, data=form, headers=headers)
    else:
        response = client.get(path, headers=headers, follow_redirects="-L" in words)
    assert response.status_code == 200, response.text
    assert response.data
    if "Accept" in headers:
        assert response.mimetype == headers["Accept"]


# One address for each that the table of endpoints spells with a placeholder.
EXAMPLES = {
    "/queries/{name}": ["/queries/cq05", "/queries/cq05.json", "/queries/cq05.csv"],
    "/id/…": ["/id/project/pytorch"],
    "/concept/…": ["/concept/sector/C"],
    "/graph/…": ["/graph/ontology"],
    "/graphs?graph=…": ["/graphs?graph=https://w3id.org/osai-kg/graph/ontology", "/graphs?default"],
    "/page/…": ["/page/project/pytorch"],
    "/data/….ttl": [f"/data/project/pytorch.{suffix}" for suffix in ("ttl", "jsonld", "nt", "rdf")],
    "/why?s=…&p=…&o=…": [
        "/why?s=id/project/pytorch&p=currentHost&o=id/org/pytorch-foundation",
        "/why?s=id/project/pytorch&p=currentHost&o=id/org/pytorch-foundation&format=json",
        "/why?s=id/project/pytorch",
    ],
    "/lookup?key=…": ["/lookup?key=Meta", "/lookup?key=https://github.com/pytorch/pytorch"],
    "/search?q=…": ["/search?q=pytorch"],
    "/links?to=…&by=…": ["/links?to=id/project/pytorch&by=osai:concernsProject"],
    "/why-empty?query=…": ["/why-empty?query=ASK%7B%3Fs%20a%20%3Fo%7D"],
    "/explain?query=…": ["/explain?query=ASK%7B%3Fs%20a%20%3Fo%7D"],
}
NAMED = [path for row in table("endpoint") for cell in row for path in re.findall(r"`(/[^`]*)`", cell)]


@pytest.mark.parametrize("path", NAMED)
def test_every_endpoint_that_is_named_answers(client: FlaskClient, path: str) -> None:
    examples = EXAMPLES.get(path, [path])
    assert not [one for one in examples if set(one) & set("{…")], "an endpoint with a placeholder needs an example here"
    for example in examples:
        for accept in ("text/html,*/*;q=0.1", "*/*"):
            response = client.get(example, headers={"Accept": accept})
            root = path.split("/")[1].partition("?")[0]
            assert response.status_code == (303 if root in ("id", "concept", "graph") else 200), (
                example,
                response.text,
            )
            assert client.get(example, headers={"Accept": accept}, follow_redirects=True).status_code == 200


def test_every_endpoint_that_answers_is_named(client: FlaskClient) -> None:
    there = {rule.rule.split("/")[1].partition(".")[0] for rule in client.application.url_map.iter_rules()}
    named = {path.split("/")[1].partition("?")[0].partition(".")[0] for path in NAMED}
    # The style sheet is for pages; /problem/… is what a problem itself names; /ontology is what the terms resolve to.
    assert there - {"static", "problem", "ontology"} <= named
    assert "ontology#" in README


def test_every_kind_of_graph_is_named(seed_release: Release, seed_store: OxigraphStore) -> None:
    named = {name for row in table("graph") for name in re.findall(r"`graph/([a-z]+)", row[0])}
    rows = seed_store.rows("SELECT DISTINCT ?g WHERE { GRAPH ?g { } }", trusted=True)
    there = {str(row["g"]).removeprefix(f"{seed_release.manifest.base}graph/").split("/")[0] for row in rows}
    assert there <= named


def test_every_file_that_is_named_is_there() -> None:
    for path in re.findall(r"`((?:ontology|kg|queries|tests)/[\w./-]*|LICENSE[\w-]*)`", README):
        assert (ROOT / path).exists(), path


def test_every_question_that_is_named_is_there() -> None:
    catalogue = Catalogue.read(queries())
    for name in re.findall(r"\bcq\d\d\b", README):
        assert catalogue.get(name)


# ---- Errors ----------------------------------------------------------------------------------------------------------

# Raised while something is built, loaded or started: no client ever meets them.
NO_CLIENT = {
    "KgError", "StoreError", "ConfigError", "SourceError", "FetchError", "RecordError", "DriftError", "EvidenceError",
    "ModelError", "InconsistencyError", "LoadError", "ReleaseError",
}  # fmt: skip
EVERY_ERROR = {name: kind for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KgError)}


def test_every_error_is_either_the_builders_or_has_an_entry_for_clients() -> None:
    told = {kind.__name__ for kind, _ in _ERRORS}
    assert told | NO_CLIENT == set(EVERY_ERROR)
    assert not told & NO_CLIENT
    assert {name for _, name in _ERRORS} <= set(KINDS)


@pytest.mark.parametrize("kind", EVERY_ERROR.values(), ids=EVERY_ERROR)
def test_every_error_says_what_it_is(kind: type[KgError]) -> None:
    assert kind.__doc__
    assert kind.__name__.endswith("Error")


@pytest.mark.parametrize("name", KINDS)
def test_every_problem_has_a_page_that_says_how_to_mend_it(client: FlaskClient, name: str) -> None:
    page = client.get(f"/problem/{name}", headers={"Accept": "text/html"})
    assert page.status_code == 200
    for text in (KINDS[name].title, KINDS[name].how):
        assert text in page.text


# ---- What no file may hold -------------------------------------------------------------------------------------------

FORBIDDEN = {
    "a path of one machine": re.compile(r"(?<![\w.-])/(?:work|root)/|(?<![\w.-])/home/[a-z]\w*"),
    "the host of a registry": re.compile(r"\bpypi\.org|files\.pythonhosted|registry\.npmjs", re.IGNORECASE),
    "an e-mail address": re.compile(
        r"[\w.+-]+@(?!(?:[\w-]+\.)*example\.(?:org|com|net)\b)[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}\b"
    ),
}


def committed() -> Iterator[tuple[str, str]]:
    """Give the path and the text of every file that git holds."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout
    for path in listed.decode().split("\0"):
        place = ROOT / path
        if path and place.is_file():
            data = place.read_bytes()
            if b"\0" not in data:
                yield path, data.decode("utf-8")


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_committed_file_holds(what: str) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout: git does not say which files are committed")
    found = [
        f"{path}:{text.count(chr(10), 0, hit.start()) + 1}: {hit[0]}"
        for path, text in committed()
        for hit in FORBIDDEN[what].finditer(text)
    ]
    assert found == []


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("a path of one machine", "/".join(["", "work", "main"])),
        ("a path of one machine", "see " + "/".join(["", "root", ".cache"])),
        ("a path of one machine", '"' + "/".join(["", "home", "somebody"])),
        ("the host of a registry", "https://" + ".".join(["pypi", "org"]) + "/simple"),
        ("an e-mail address", "@".join(["somebody", "mail.example.edu"])),
    ],
)
def test_what_may_not_stand_in_a_file_would_be_seen(what: str, text: str) -> None:
    assert FORBIDDEN[what].search(text)


def test_what_may_stand_in_a_file_is_not_taken_for_it() -> None:
    harmless = '"x"@en . framework/root/a ../work/b somebody@example.org <urn:x>@ a@b homepage/home/me'
    assert not any(pattern.search(harmless) for pattern in FORBIDDEN.values())

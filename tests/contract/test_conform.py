"""Another engine with a release in it: our service before it, and whether its answers are those of the release."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from kg.catalogue import Catalogue
from kg.export import export
from kg.release import Release
from kg.resources import queries
from tests.conftest import IN_CI
from tests.e2e.conftest import KG, free_port, run_kg, serving

pytestmark = pytest.mark.slow  # it starts other stores

FORM = "application/x-www-form-urlencoded"


@contextmanager
def oxigraph(folder: Path, release: Release) -> Iterator[str]:
    """Start `oxigraph serve` over an export of the release; give the address of its query endpoint."""
    program = KG.parent / "oxigraph"
    if not program.exists():
        if IN_CI:
            pytest.fail("CI must have the oxigraph server: the package oxigraph of the group dev")
        pytest.skip("the package oxigraph, a SPARQL server, is not installed")
    made = export(release, folder / "export", packing="none", part=5000)
    files = [str(folder / "export" / str(file["name"])) for file in made.files]
    load = [str(program), "load", "-l", str(folder / "data"), "-f", *files]
    subprocess.run(load, check=True, capture_output=True)
    port = free_port()
    server = subprocess.Popen(
        [str(program), "serve", "-l", str(folder / "data"), "-b", f"127.0.0.1:{port}"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(server, port)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], port: int, seconds: float = 60) -> None:
    until, pause = time.monotonic() + seconds, threading.Event()
    while True:
        assert server.poll() is None, "the server ended before it listened"
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
            return
        assert time.monotonic() < until, "the server does not listen"
        pause.wait(0.05)


@pytest.fixture(scope="module")
def peer(seed_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with oxigraph(tmp_path_factory.mktemp("peer"), seed_release) as address:
        yield address


def pinned() -> int:
    catalogue = Catalogue.read(queries())
    return sum(catalogue.pin(query) is not None for query in catalogue)


def test_an_engine_that_holds_the_export_answers_as_the_release(seed_home: Path, peer: str) -> None:
    done = run_kg(seed_home, "conform", f"{peer}/query", "--json")
    told = json.loads(done.stdout)
    assert [one for one in told["queries"] if one["state"] != "same"] == []
    assert (done.returncode, told["same"], told["asked"]) == (0, pinned(), pinned())


def test_differences_are_told_and_fail(seed_home: Path, seed_release: Release, tmp_path: Path) -> None:
    with oxigraph(tmp_path, seed_release) as address:
        change = urllib.request.Request(
            f"{address}/update",
            data=b"DELETE { ?s <https://w3id.org/osai-kg/ontology#currentHost> ?o } "
            b"WHERE { ?s <https://w3id.org/osai-kg/ontology#currentHost> ?o }",
            headers={"Content-Type": "application/sparql-update"},
        )
        # oxigraph serve takes updates from anyone who reaches it: here only this test does.
        urllib.request.urlopen(change, timeout=10).close()
        done = run_kg(seed_home, "conform", f"{address}/query")
    assert done.returncode == 1
    assert "differs" in done.stdout
    assert "missing: " in done.stdout


def test_an_address_where_nobody_answers_fails_and_says_so(seed_home: Path) -> None:
    done = run_kg(seed_home, "conform", f"http://127.0.0.1:{free_port()}/query", "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["same"]) == (1, 0)
    assert {one["state"] for one in told["queries"]} == {"failed"}
    assert all("gave no answer" in one["error"] for one in told["queries"])


def test_the_whole_service_stands_before_another_engine(
    seed_home: Path, seed_release: Release, peer: str, tmp_path: Path
) -> None:
    words = ("serve", "--store", f"{peer}/query", "--release", seed_release.version)
    with serving(seed_home, tmp_path / "log", *words) as service, service.client() as client:
        health = client.get("/-/health").raise_for_status()
        assert health.json() == {"release": seed_release.version, "status": "ok"}
        page = client.get("/page/project/pytorch", headers={"Accept": "text/html"})
        assert page.status_code == 200
        assert "PyTorch" in page.text
        listed = client.get("/queries/cq05.csv").raise_for_status()
        assert len(listed.text.splitlines()) > 1
        first = client.post("/sparql", data={"query": "SELECT * { ?s ?p ?o } LIMIT 3"}, headers={"Accept": "text/csv"})
        assert (first.status_code, first.headers["kg-rows"], first.headers["kg-complete"]) == (200, "3", "true")
        refused = client.post("/sparql", data={"query": "SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }"})
        assert (refused.status_code, refused.json()["type"].rpartition("/")[2]) == (403, "service-refused")
        assert "kg_release_info{" in client.get("/-/metrics").text


def test_without_a_release_the_service_answers_what_the_engine_holds(
    seed_home: Path, peer: str, tmp_path: Path
) -> None:
    with serving(seed_home, tmp_path / "log", "serve", "--store", f"{peer}/query") as service:
        reply = service.ask("ASK { ?s ?p ?o }")
        assert reply.json()["boolean"] is True
        assert "kg-release" not in reply.headers
        assert "etag" not in reply.headers


# --- Virtuoso: Debian's virtuoso-opensource ---------------------------------------------------------------------------

INI = """
[Database]
DatabaseFile = {folder}/virtuoso.db
ErrorLogFile = {folder}/virtuoso.log
LockFile = {folder}/virtuoso.lck
TransactionFile = {folder}/virtuoso.trx
xa_persistent_file = {folder}/virtuoso.pxa
[TempDatabase]
DatabaseFile = {folder}/temp.db
TransactionFile = {folder}/temp.trx
[Parameters]
ServerPort = 127.0.0.1:{sql}
DirsAllowed = {folder}
NumberOfBuffers = 10000
LiteMode = 0
[HTTPServer]
ServerPort = 127.0.0.1:{http}
ServerRoot = {folder}
[SPARQL]
ResultSetMaxRows = 1000000
"""


@contextmanager
def virtuoso(folder: Path, release: Release) -> Iterator[str]:
    """Start Virtuoso in a directory of its own, on loopback, with the release; give the address of its endpoint."""
    program, client = shutil.which("virtuoso-t"), shutil.which("isql-vt")
    if program is None or client is None:
        pytest.skip("Virtuoso is not installed; Debian has it as virtuoso-opensource")
    sql, http = free_port(), free_port()
    (folder / "virtuoso.ini").write_text(INI.format(folder=folder, sql=sql, http=http))
    export(release, folder / "export", form="nt", packing="none", default_graph=DEFAULT)
    server = subprocess.Popen(
        [program, "+foreground", "+configfile", str(folder / "virtuoso.ini")],
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait(server, http)
        load = f"ld_dir('{folder}/export', '*.nt', 'urn:x:none'); rdf_loader_run(); checkpoint;"
        done = subprocess.run(
            [client, f"127.0.0.1:{sql}", "dba", "dba", f"exec={load}"],
            capture_output=True, text=True, timeout=300, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert "Error" not in done.stdout + done.stderr, done.stdout + done.stderr
        yield f"http://127.0.0.1:{http}/sparql"
    finally:
        server.kill()
        server.wait()


DEFAULT = "https://w3id.org/osai-kg/graph/default"


# Debian's 7.2.5. The rest of the pinned queries must be answered, and answered as the release does.
VIRTUOSO_FAILS = {"cq25": "it writes SQL for the query that its own compiler refuses (SQ074)"}
VIRTUOSO_SAME = 27


@pytest.fixture(scope="module")
def debian(seed_release: Release, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with virtuoso(tmp_path_factory.mktemp("virtuoso"), seed_release) as address:
        yield address


def test_the_service_stands_before_virtuoso(seed_home: Path, debian: str, tmp_path: Path) -> None:
    with serving(seed_home, tmp_path / "log", "serve", "--store", debian) as service:
        reply = service.ask(f"SELECT (COUNT(*) AS ?n) {{ GRAPH <{DEFAULT}> {{ ?s ?p ?o }} }}", "text/csv")
        assert reply.status_code == 200, reply.text
        assert int(reply.text.split()[-1]) > 1000


def test_what_virtuoso_answers_otherwise_is_told(seed_home: Path, debian: str) -> None:
    done = run_kg(seed_home, "conform", debian, "--default-graph", DEFAULT, "--json")
    told = json.loads(done.stdout)
    assert told["asked"] == pinned()
    states = {one["query"].partition("-")[0]: one["state"] for one in told["queries"]}
    assert {name for name, state in states.items() if state == "failed"} <= VIRTUOSO_FAILS.keys(), "|".join(
        one["error"] for one in told["queries"]
    )
    assert told["same"] >= VIRTUOSO_SAME, states

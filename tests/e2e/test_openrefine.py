"""A real OpenRefine, driven as its own pages drive it, reconciles a column against the service and extends it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from kg import search
from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, Server, live, make_release

pytestmark = [
    pytest.mark.slow,
    pytest.mark.openrefine,
    pytest.mark.skipif(
        shutil.which("openrefine") is None, reason="OpenRefine is not installed (Debian: apt-get install openrefine)"
    ),
]

DATA = """
<id/economy/no> a osai:Economy ; osai:name "Norway" .
<id/economy/pt> a osai:Economy ; osai:name "Portugal" .
<id/org/halvor> a osai:Organization ; osai:name "Halvor Tidal Compute AS" ; osai:inCountry <id/economy/no> ;
    osai:foundedYear 2011 ; osai:homepage "https://www.halvor.example/"^^xsd:anyURI .
<id/org/quill-no> a osai:Organization ; osai:name "Quill Institute" ; osai:inCountry <id/economy/no> .
<id/org/quill-pt> a osai:Organization ; osai:name "Quill Institute" ; osai:inCountry <id/economy/pt> ;
    osai:foundedYear 1999 .
"""
TABLE = "name,country\nHALVOR TIDAL COMPUTE,Norway\nQuill Institute,Portugal\nQuill Bakery,Portugal\n"
ENGINE = json.dumps({"facets": [], "mode": "row-based"})
_STARTS_WITHIN = 90.0


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("service")
    release = make_release(folder, extra=DATA)
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    with live(create_app(Config(home=folder), store=store, release=release)) as running:
        yield running
    store.close()


class Refine:
    """One running OpenRefine."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client

    def get(self, command: str, **parameters: str) -> Any:
        reply = self._client.get(f"/command/core/{command}", params=parameters)
        reply.raise_for_status()
        return reply.json()

    def post(self, command: str, *, project: str = "", files: Any = None, **form: str) -> httpx.Response:
        given = {"csrf_token": self.get("get-csrf-token")["token"]} | ({"project": project} if project else {})
        reply = self._client.post(f"/command/core/{command}", params=given, data=form, files=files)
        assert reply.status_code in (200, 302), reply.text
        return reply

    def run(self, command: str, project: str, **form: str) -> None:
        """Run a command that goes on in the background, until it is done."""
        told = self.post(command, project=project, **form).json()
        assert told["code"] in ("ok", "pending"), told
        until = time.monotonic() + 30
        while self.get("get-processes", project=project)["processes"]:
            assert time.monotonic() < until, "OpenRefine does not end its process"
            time.sleep(0.05)


@pytest.fixture(scope="module")
def refine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refine]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    folder = tmp_path_factory.mktemp("openrefine")
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                "openrefine",
                "-i",
                "127.0.0.1",
                "-p",
                str(port),
                "-d",
                str(folder / "data"),
                "-m",
                "512M",
                "-x",
                "refine.headless=true",
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            _wait(client, process, folder / "log")
            yield Refine(client)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)


def _wait(client: httpx.Client, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text(errors="replace")
        with contextlib.suppress(httpx.TransportError):
            if client.get("/command/core/get-version").status_code == 200:
                return
        time.sleep(0.2)
    pytest.fail("OpenRefine did not start")


def test_openrefine_reconciles_a_column_and_extends_it(server: Server, refine: Refine) -> None:
    service = f"http://{server.host}:{server.port}/reconcile"
    manifest = server.ask("/reconcile").json
    made = refine.post(
        "create-project-from-upload",
        files={"project-file": ("names.csv", TABLE.encode(), "text/csv")},
        **{
            "project-name": "names",
            "format": "text/line-based/*sv",
            "options": json.dumps({"separator": ",", "headerLines": 1}),
        },
    )
    project = httpx.URL(made.headers["location"]).params["project"]
    spaces = {name: manifest[name] for name in ("identifierSpace", "schemaSpace")}
    config = {
        "mode": "standard-service",
        "service": service,
        **spaces,
        "type": manifest["defaultTypes"][0],
        "autoMatch": True,
        "columnDetails": [{"column": "country", "propertyName": "in country", "propertyID": "inCountry"}],
        "limit": 0,
    }
    refine.run("reconcile", project, columnName="name", config=json.dumps(config), engine=ENGINE)
    assert matches(refine, project) == ["id/org/halvor", "id/org/quill-pt", None]

    extension = {
        "properties": [{"id": "foundedYear", "name": "founded year"}, {"id": "inCountry", "name": "in country"}]
    }
    refine.run(
        "extend-data",
        project,
        baseColumnName="name",
        endpoint=service,
        **spaces,
        extension=json.dumps(extension),
        columnInsertIndex="1",
        engine=ENGINE,
    )
    rows = refine.get("get-rows", project=project, start="0", limit="10")["rows"]
    table = [[cell["v"] if cell else None for cell in row["cells"]] for row in rows]
    assert table == [
        ["HALVOR TIDAL COMPUTE", "Norway", 2011, "Norway"],
        ["Quill Institute", "Portugal", 1999, "Portugal"],
        ["Quill Bakery", "Portugal"],
    ]


def matches(refine: Refine, project: str) -> list[str | None]:
    """Give the identifier that the first cell of each row was matched with."""
    told = refine.get("get-rows", project=project, start="0", limit="10")
    pool = told["pool"]["recons"]
    found: list[str | None] = []
    for row in told["rows"]:
        recon = pool[str(row["cells"][0]["r"])]
        found.append(recon["m"]["id"] if recon["j"] == "matched" else None)
    return found

"""Starts our service and its peers on loopback, on the same data, and stops what it started."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

SCRIPTS = Path(sys.executable).parent


@dataclass(frozen=True)
class Server:
    """One server under test. ``query`` is the path of its SPARQL endpoint."""

    name: str
    port: int
    query: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self.query}"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    server: Server, command: Sequence[str], log: Path, *, seconds: float, env: dict[str, str]
) -> Iterator[Server]:
    """Start a server, wait until it answers a query, and end it (with all that it started) afterwards."""
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, stdin=subprocess.DEVNULL, env={**os.environ, **env}, start_new_session=True
        )
        try:
            _wait(server, process, log, seconds)
            yield server
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(server: Server, process: subprocess.Popen[bytes], log: Path, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{server.name} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        with contextlib.suppress(OSError):
            ask(server.url, "ASK { ?s ?p ?o }")
            return
        time.sleep(0.1)  # a server that starts gives no event to wait for
    raise RuntimeError(f"{server.name} did not answer in {seconds} s:\n{log.read_text()[-2000:]}")


def ask(url: str, query: str, accept: str = "application/sparql-results+json") -> bytes:
    """Ask once, by GET, as every peer can be asked."""
    from urllib.parse import quote

    request = urllib.request.Request(f"{url}?query={quote(query)}", headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=60) as response:
        body: bytes = response.read()
        return body


@contextlib.contextmanager
def ours(data: Path, folder: Path) -> Iterator[Server]:
    server = Server("kg serve", free_port(), "/sparql")
    command = [str(SCRIPTS / "kg"), "serve", "--port", str(server.port), "--data", str(data)]
    with running(server, command, folder / "ours.log", seconds=120, env={"KG_HOME": str(folder / "home")}) as it:
        yield it


@contextlib.contextmanager
def oxigraph_disk(data: Path, folder: Path) -> Iterator[Server]:
    server = Server("oxigraph serve (disk)", free_port(), "/query")
    location = folder / "oxigraph"
    if not location.exists():
        load = [str(SCRIPTS / "oxigraph"), "load", "-l", str(location), "-f", str(data)]
        subprocess.run(load, check=True, capture_output=True)
    command = [str(SCRIPTS / "oxigraph"), "serve", "-l", str(location), "-b", f"127.0.0.1:{server.port}"]
    with running(server, command, folder / "disk.log", seconds=60, env={}) as it:
        yield it


@contextlib.contextmanager
def oxigraph_memory(data: Path, folder: Path) -> Iterator[Server]:
    server = Server("oxigraph serve (memory)", free_port(), "/query")
    command = [str(SCRIPTS / "oxigraph"), "serve", "-b", f"127.0.0.1:{server.port}"]
    with running(server, command, folder / "memory.log", seconds=60, env={}) as it:
        request = urllib.request.Request(
            f"http://127.0.0.1:{server.port}/store?default",
            data=data.read_bytes(),
            headers={"Content-Type": "application/n-triples"},
            method="PUT",
        )
        urllib.request.urlopen(request, timeout=600).close()
        yield it


_ENDPOINT = """
import sys, rdflib, uvicorn
from rdflib_endpoint import SparqlEndpoint
graph = rdflib.Graph()
graph.parse(sys.argv[1], format="nt")
uvicorn.run(SparqlEndpoint(graph=graph), host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""


@contextlib.contextmanager
def rdflib_endpoint(data: Path, folder: Path) -> Iterator[Server]:
    server = Server("rdflib-endpoint", free_port(), "/")
    command = [sys.executable, "-W", "ignore", "-c", _ENDPOINT, str(data), str(server.port)]
    with running(server, command, folder / "rdflib.log", seconds=600, env={}) as it:
        yield it


PEERS = (ours, oxigraph_disk, oxigraph_memory, rdflib_endpoint)

"""A real `kg serve` on loopback: keeper, query workers and HTTP processes as a user has them."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

KG = Path(sys.executable).parent / "kg"


@dataclass(frozen=True)
class Service:
    """One running service."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def client(self, **options: object) -> httpx.Client:
        return httpx.Client(base_url=self.url, timeout=60, trust_env=False, **options)  # type: ignore[arg-type]  # httpx's own options

    def ask(self, query: str, accept: str = "application/sparql-results+json") -> httpx.Response:
        with self.client() as client:
            return client.post("/sparql", data={"query": query}, headers={"Accept": accept})


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run_kg(home: Path, *words: str, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        [str(KG), "--home", str(home), *words],
        capture_output=True, text=True, timeout=300, env={**os.environ, **env}, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip


@contextlib.contextmanager
def serving(home: Path, log: Path, *words: str, env: Mapping[str, str] | None = None) -> Iterator[Service]:
    """Start ``kg … serve …`` (or another command that serves) and stop it as an operator would."""
    port = free_port()
    command: Sequence[str] = [str(KG), "--home", str(home), *(words or ("serve",)), "--port", str(port)]
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=out, text=True, stdin=subprocess.DEVNULL, env={**os.environ, **(env or {})}
        )
    service = Service(f"http://127.0.0.1:{port}", process, log)
    try:
        until = time.monotonic() + 120
        while True:
            assert process.poll() is None, f"it ended with {process.returncode}:\n{log.read_text()}"
            with contextlib.suppress(httpx.TransportError):
                httpx.get(service.url + "/-/health", timeout=10, trust_env=False)
                if "serving " in log.read_text():  # it is told once all workers answer, a moment after the first does
                    break
            assert time.monotonic() < until, f"it does not answer:\n{log.read_text()}"
            time.sleep(0.05)  # a service that starts gives no event to wait for
        yield service
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise


@pytest.fixture(scope="session")
def service(seed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The seed release, served. Queries have two seconds, so that tests of the deadline are short."""
    log = tmp_path_factory.mktemp("service") / "log"
    with serving(seed_home, log, env={"KG_SECONDS": "2", "KG_MEMORY": str(256 * 2**20)}) as it:
        yield it

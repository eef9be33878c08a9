"""A service goes over to another release, and nobody who asks meanwhile is refused, cut off or told of two at once."""

from __future__ import annotations

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import httpx
import pytest

from kg.release import Releases
from tests.contract.served import make_release
from tests.e2e.conftest import Service, serving

FIRST, SECOND = "2026-01-02-first", "2026-01-02-second"
MARK = "SELECT ?mark WHERE { <urn:x:release> <urn:x:is> ?mark }"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with two small releases that can be told apart by an answer."""
    releases = tmp_path / "home" / "releases"
    releases.mkdir(parents=True)
    for version in (FIRST, SECOND):
        made = make_release(tmp_path, version=version, extra=f'<urn:x:release> <urn:x:is> "{version}" .')
        made.path.rename(releases / version)
    Releases(tmp_path / "home").promote(FIRST)
    return tmp_path / "home"


def eventually(holds: Callable[[], bool], what: str, seconds: float = 60) -> None:
    until, pause = time.monotonic() + seconds, threading.Event()
    while not holds():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        pause.wait(0.05)


def served(service: Service) -> str:
    with service.client() as client:
        return client.get("/-/health").headers["KG-Release"]


def processes(parent: int) -> list[int]:
    """Give the processes that one process started and that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == parent and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


def _command(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")


def keepers(service: Service) -> list[int]:
    return [pid for pid in processes(service.process.pid) if "kg.store.workers" in _command(pid)]


def http_processes(service: Service) -> list[int]:
    """Give the processes that were forked from the first: they bear its command."""
    first = _command(service.process.pid)
    return [pid for pid in processes(service.process.pid) if _command(pid) == first]


class Client:
    """Asks on one connection until it is told to stop: kept answers, new ones and pages."""

    def __init__(self, service: Service, over: threading.Event) -> None:
        self.service, self.over = service, over
        self.faults: list[str] = []
        self.seen: list[str] = []
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def has_seen(self, version: str, start: int) -> bool:
        return version in self.seen[start:]

    def run(self) -> None:
        with self.service.client() as client:
            number = 0
            while not self.over.is_set():
                number += 1
                try:
                    kept = client.get("/sparql", params={"query": MARK}, headers={"Accept": "text/csv"})
                    new = client.post("/sparql", data={"query": f"{MARK} # {number}"}, headers={"Accept": "text/csv"})
                    page = client.get("/page/project/pytorch", headers={"Accept": "text/html"})
                except httpx.HTTPError as error:
                    self.faults.append(repr(error))
                    continue
                for reply in (kept, new, page):
                    if reply.status_code != 200:
                        self.faults.append(f"{reply.status_code} {reply.text[:200]}")
                for reply in (kept, new):
                    if reply.text.splitlines()[-1:] != [reply.headers["KG-Release"]]:
                        self.faults.append(f"said to be of {reply.headers['KG-Release']}: {reply.text}")
                self.seen.append(new.headers["KG-Release"])


@pytest.fixture
def clients() -> Iterator[Callable[[Service], list[Client]]]:
    over = threading.Event()
    started: list[Client] = []

    def start(service: Service) -> list[Client]:
        started.extend(Client(service, over) for _ in range(4))
        return started

    yield start
    over.set()
    for client in started:
        client.thread.join()


def test_no_request_fails_while_releases_are_promoted(
    home: Path, tmp_path: Path, clients: Callable[[Service], list[Client]]
) -> None:
    with serving(home, tmp_path / "log") as service:
        asking = clients(service)
        for version in (SECOND, FIRST, SECOND):
            Releases(home).promote(version)
            service.process.send_signal(signal.SIGHUP)
            begun = [len(client.seen) for client in asking]
            for client, start in zip(asking, begun, strict=True):
                eventually(partial(client.has_seen, version, start), f"{version} is served")
        assert [client.faults for client in asking] == [[], [], [], []]
        # The query workers of each release before end when the last answer of theirs has left.
        eventually(lambda: len(keepers(service)) == 1, "the keepers before are gone")
        assert [path.name for path in (home / "releases").glob(".serving-*")] != []
    assert list((home / "releases").glob(".serving-*")) == []


def test_another_current_release_is_noticed_without_a_signal(home: Path, tmp_path: Path) -> None:
    with serving(home, tmp_path / "log") as service:
        assert served(service) == FIRST
        Releases(home).promote(SECOND)
        eventually(lambda: served(service) == SECOND, "the other release is served")


def test_a_release_that_is_named_stays_whatever_is_promoted(home: Path, tmp_path: Path) -> None:
    with serving(home, tmp_path / "log", "serve", "--release", FIRST) as service:
        Releases(home).promote(SECOND)
        service.process.send_signal(signal.SIGHUP)
        with service.client() as client:
            for _ in range(20):
                assert client.get("/-/health").headers["KG-Release"] == FIRST


def test_a_release_that_is_damaged_is_not_served_and_what_is_served_stays(home: Path, tmp_path: Path) -> None:
    quads = home / "releases" / SECOND / "quads.nq.gz"
    whole = quads.read_bytes()
    quads.write_bytes(whole[:-9])
    with serving(home, tmp_path / "log") as service:
        Releases(home).promote(SECOND)
        service.process.send_signal(signal.SIGHUP)
        eventually(lambda: "cannot be served" in service.log.read_text(), "the log says so")
        assert "cannot be unpacked" in service.log.read_text()
        assert served(service) == FIRST
        quads.write_bytes(whole)  # mended: SIGHUP tries again
        service.process.send_signal(signal.SIGHUP)
        eventually(lambda: served(service) == SECOND, "the mended release is served")


def test_a_directory_of_a_release_that_is_removed_takes_nothing_from_the_service(home: Path, tmp_path: Path) -> None:
    with serving(home, tmp_path / "log", env={"KG_SERVERS": "1"}) as service:
        shutil.rmtree(home / "releases" / FIRST)
        (http,) = http_processes(service)
        os.kill(http, signal.SIGKILL)  # the next HTTP process begins without the directory too

        def answers() -> bool:
            try:
                return served(service) == FIRST
            except httpx.TransportError:
                return False

        eventually(answers, "the service answers again")
        assert service.ask(MARK, "text/csv").text.split() == ["mark", FIRST]
        Releases(home).promote(SECOND)
        eventually(lambda: served(service) == SECOND, "the next release is served")


def test_a_keeper_that_is_killed_is_replaced(home: Path, tmp_path: Path) -> None:
    with serving(home, tmp_path / "log") as service:
        (keeper,) = keepers(service)
        os.kill(keeper, signal.SIGKILL)
        eventually(lambda: service.ask(f"{MARK} # new", "text/csv").status_code == 200, "queries are answered again")
        (other,) = keepers(service)
        assert other != keeper

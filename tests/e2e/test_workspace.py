"""A workspace under fire: processes that are killed, disks that are full, readers beside writers, and its release.

`KG_KILLS` says how many kills the loop has: ten by default, two hundred for the full run.
"""

from __future__ import annotations

import contextlib
import os
import random
import resource
import signal
import sys
import threading
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from rdflib import BNode, URIRef

from kg.errors import ConfigError, QueueFullError, StorageFullError, StoreError, StoreUnavailableError, WorkerDiedError
from kg.model import DEFAULT_BASE
from kg.release import Releases
from kg.store import Limits
from kg.store.oxigraph import OxigraphStore
from kg.store.workers import Keeper
from kg.store.workspace import WorkspaceStore, keep
from tests.e2e.conftest import run_kg, serving

KILLS = int(os.environ.get("KG_KILLS") or 10)
LIMITS = Limits(seconds=10)
PARTS = 20  # triples of one write, in two graphs


def write(store: WorkspaceStore, number: int) -> None:
    """One write in two operations; it is there whole or not at all."""
    half = [" ".join(f"<a:{number}> <a:p> {part} ." for part in range(start, PARTS, 2)) for start in (0, 1)]
    store.update(f"INSERT DATA {{ {half[0]} }}; INSERT DATA {{ GRAPH <a:g> {{ {half[1]} }} }}", limits=LIMITS)


def written(store: WorkspaceStore) -> dict[int, int]:
    """How many triples of each write there are."""
    rows = store.rows(
        "SELECT ?s (COUNT(*) AS ?n) { { ?s <a:p> ?o } UNION { GRAPH <a:g> { ?s <a:p> ?o } } } GROUP BY ?s"
    )
    return {int(str(row["s"]).removeprefix("a:")): int(str(row["n"])) for row in rows}


def fell(keeper: Keeper, store: WorkspaceStore, *, whole: bool) -> None:
    """Kill the writer, or the keeper and so everything."""
    victim = keeper.pid if whole else store.status()["writer"]
    if victim is not None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(victim, signal.SIGKILL)


def test_what_was_acknowledged_survives_every_kill_and_nothing_is_in_part(tmp_path: Path) -> None:
    chance = random.Random(20261124)
    acknowledged: set[int] = set()
    refused: set[int] = set()
    number = 0
    for kill in range(KILLS):
        over = threading.Event()
        with keep(tmp_path / "workspace", workers=1) as keeper:
            store = WorkspaceStore(keeper.address)
            found = written(store)
            assert acknowledged <= found.keys(), f"lost after {kill} kills: {sorted(acknowledged - found.keys())}"
            assert not refused & found.keys(), "a write that was refused is there"
            assert set(found.values()) <= {PARTS}, "a write is there in part"

            def go_on(store: WorkspaceStore = store, over: threading.Event = over) -> None:
                nonlocal number
                while not over.is_set():
                    number += 1
                    try:
                        write(store, number)
                        acknowledged.add(number)
                    except (StoreUnavailableError, QueueFullError):
                        pass  # not acknowledged; there or not, but whole
                    except WorkerDiedError:
                        refused.add(number)

            writer = threading.Thread(target=go_on)
            writer.start()
            try:
                over.wait(chance.uniform(0, 0.3))  # a kill comes at any moment
                fell(keeper, store, whole=kill % 2 == 0)
                if kill % 2:
                    until = number + 2
                    for _ in range(1000):  # it goes on by itself
                        if number > until or over.wait(0.02):
                            break
                    assert number > until
            finally:
                over.set()
                if kill % 2 == 0:
                    keeper.close()
                writer.join()
    with keep(tmp_path / "workspace", workers=1) as keeper:
        found = written(WorkspaceStore(keeper.address))
    assert acknowledged <= found.keys()
    assert not refused & found.keys()
    assert set(found.values()) <= {PARTS}
    assert len(acknowledged) >= KILLS // 2


def test_readers_never_fail_and_never_see_less_while_writes_go_on(tmp_path: Path) -> None:
    failures: list[str] = []
    seen: list[int] = []
    over = threading.Event()
    with keep(tmp_path / "workspace", workers=2) as keeper:
        store = WorkspaceStore(keeper.address)

        def read() -> None:
            last = 0
            while not over.is_set():
                try:
                    found = written(store)
                except StoreError as error:
                    failures.append(f"{type(error).__name__}: {error}")
                    return
                if len(found) < last or not set(found.values()) <= {PARTS}:
                    failures.append(f"{len(found)} after {last}: {found}")
                last = len(found)
                seen.append(last)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        try:
            for number in range(20):
                write(store, number)
                assert len(written(store)) == number + 1, "a write that was acknowledged is not seen"
        finally:
            over.set()
            for reader in readers:
                reader.join()
    assert not failures
    assert len(seen) > 20


def test_writes_that_wait_together_share_a_copy(tmp_path: Path) -> None:
    with keep(tmp_path / "workspace", workers=1) as keeper:
        store = WorkspaceStore(keeper.address)
        first = int(str(store.version).rpartition("-")[2])
        threads = [threading.Thread(target=write, args=(store, number)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert written(store) == dict.fromkeys(range(40), PARTS)
        assert int(str(store.version).rpartition("-")[2]) - first < 40


@pytest.mark.skipif(sys.platform != "linux", reason="limits of another process are set on Linux only")
def test_a_full_disk_loses_nothing_and_the_service_goes_on_when_there_is_room(tmp_path: Path) -> None:
    with keep(tmp_path / "workspace", workers=1) as keeper:
        store = WorkspaceStore(keeper.address)
        write(store, 0)
        writer = store.status()["writer"]
        # No file may grow beyond this: what a full disk is to who writes, and to who would open the database to write.
        before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in (keeper.pid, writer)}
        for pid, (_, most) in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, most))
        with pytest.raises((StorageFullError, StoreUnavailableError, QueueFullError)):
            store.update("INSERT DATA { <a:1> <a:p> 0 }", limits=Limits(seconds=2))
        assert written(store) == {0: PARTS}, "queries are answered as before"
        resource.prlimit(keeper.pid, resource.RLIMIT_FSIZE, before[keeper.pid])
        write(store, 2)
        found = written(store)
        assert (found[0], found[2]) == (PARTS, PARTS)
        assert 1 not in found, "a write that was refused is there"


def test_queries_may_take_longer_than_commits_follow_each_other(tmp_path: Path) -> None:
    with keep(tmp_path / "workspace", workers=1) as keeper:
        store = WorkspaceStore(keeper.address)
        data = " ".join(f"<b:{number}> <b:p> {number} ." for number in range(120))
        store.update(f"INSERT DATA {{ {data} }}")
        slow = "SELECT (COUNT(*) AS ?n) { ?a <b:p> ?b . ?c <b:p> ?d . ?e <b:p> ?f FILTER(?b + ?d = ?f) }"
        answers: list[str] = []

        def ask() -> None:
            answers.extend(str(row["n"]) for row in store.rows(slow, limits=Limits(seconds=60)))

        askers = [threading.Thread(target=ask) for _ in range(4)]
        for asker in askers:
            asker.start()
        for number in range(8):
            write(store, number)
        for asker in askers:
            asker.join()
        # Pairs b + d below 120: the sum of 120, 119, ... 1.
        assert answers == [str(120 * 121 // 2)] * 4


@pytest.fixture
def filled(tmp_path: Path) -> Callable[[str], Path]:
    def fill(text: str) -> Path:
        with keep(tmp_path / "workspace", workers=1) as keeper:
            WorkspaceStore(keeper.address).update(text)
        return tmp_path / "workspace"

    return fill


def test_a_workspace_becomes_a_release(tmp_path: Path, filled: Callable[[str], Path]) -> None:
    workspace = filled("INSERT DATA { _:x <a:p> _:y . GRAPH <a:g> { _:x <a:q> 1 } }")
    releases = Releases(tmp_path / "home")
    options = {"base": DEFAULT_BASE, "as_of": date(2026, 1, 2), "created": datetime(2026, 1, 2, tzinfo=UTC)}
    sealed = releases.seal_workspace(workspace, **options)  # type: ignore[arg-type]  # as the signature says
    sealed.verify()
    assert sealed.version.startswith("2026-01-02-")
    assert sealed.manifest.counts == {"default_triples": 1, "named_triples": 1}
    store = OxigraphStore.load([(sealed.quads, None, None)])
    (row,) = store.rows("SELECT ?x ?y { ?x <a:p> ?y GRAPH <a:g> { ?x <a:q> 1 } }")
    assert not any(isinstance(term, BNode) for term in row.values())
    assert all(isinstance(term, URIRef) and term.startswith(f"{DEFAULT_BASE}id/genid/") for term in row.values())
    assert releases.seal_workspace(workspace, **options).manifest.sha256 == sealed.manifest.sha256  # type: ignore[arg-type]


def test_what_is_in_use_or_no_workspace_is_not_sealed(tmp_path: Path) -> None:
    assert "there is no workspace" in run_kg(tmp_path, "seal", str(tmp_path / "none")).stderr
    with keep(tmp_path / "workspace", workers=1):
        assert "in use" in run_kg(tmp_path, "seal", str(tmp_path / "workspace")).stderr
        with pytest.raises(StoreError, match="in use"):
            keep(tmp_path / "workspace", workers=1)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "file").touch()
    with pytest.raises(ConfigError, match="no workspace"):
        keep(tmp_path / "other")


@pytest.fixture
def served(tmp_path: Path) -> tuple[str, Path]:
    made = run_kg(tmp_path, "token", "tests", "write")
    tokens = tmp_path / "tokens"
    tokens.write_text(made.stdout)
    return made.stderr.strip(), tokens


def test_a_service_is_written_to_sealed_and_served(tmp_path: Path, served: tuple[str, Path]) -> None:
    token, tokens = served
    home, workspace = tmp_path / "home", tmp_path / "workspace"
    words = ("serve", "--writable", str(workspace), "--tokens", str(tokens))
    with serving(home, tmp_path / "log", *words) as service, service.client() as client:
        sent = client.put("/graphs/notes", content=b"<> <a:p> 1 .", headers={
            "Authorization": f"Bearer {token}", "Content-Type": "text/turtle"})  # fmt: skip
        assert sent.status_code == 201
        assert client.put("/graphs/notes", content=b"").status_code == 401
        assert len(service.ask("SELECT * { GRAPH ?g { ?s <a:p> ?o } }").json()["results"]["bindings"]) == 1
    assert token not in (tmp_path / "log").read_text()
    assert run_kg(home, "seal", str(workspace), "--promote").returncode == 0
    with serving(home, tmp_path / "log") as service, service.client() as client:
        reply = client.get("/graphs/notes", headers={"Accept": "application/n-triples"})
        name = f"<{DEFAULT_BASE}graphs/notes>"
        assert reply.text.startswith(f"{name} <a:p> ")
        assert client.put("/graphs/notes", content=b"").status_code == 405


def test_a_service_that_nobody_could_write_to_does_not_start(tmp_path: Path) -> None:
    refused = run_kg(tmp_path, "serve", "--writable", str(tmp_path / "workspace"), "--port", "0", KG_TOKEN="")
    assert refused.returncode == 1
    assert "nobody could write" in refused.stderr


def test_the_keeper_outlives_workers_that_end_while_copies_come(tmp_path: Path) -> None:
    over = threading.Event()
    chance = random.Random(7)
    with keep(tmp_path / "workspace", workers=3) as keeper:
        store = WorkspaceStore(keeper.address)

        def kill() -> None:
            while not over.wait(chance.uniform(0, 0.01)):
                for worker in chance.sample(store.status()["workers"], 1):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(worker, signal.SIGKILL)

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            for number in range(30):
                write(store, number)
        finally:
            over.set()
            killer.join()
        assert written(store) == dict.fromkeys(range(30), PARTS)
        assert store.status()["pid"] == keeper.pid

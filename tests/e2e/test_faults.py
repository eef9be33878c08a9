"""A service under faults from outside: nothing is lost, errors are clear, and it lives on.

Beside these: kills in a loop of updates and a full disk under a workspace (test_workspace.py), a release directory that
is removed and a keeper that is killed (test_reload.py), builds that are killed (test_crash.py).
"""

from __future__ import annotations

import ast
import os
import resource
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import serving
from tests.e2e.test_reload import eventually, http_processes, keepers, processes

LIGHT = "ASK { ?s ?p ?o }"
RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
# Some 30 MB of JSON: more than an asker keeps in memory, less than an answer may be.
LARGE = "SELECT * { ?a ?b ?c . ?d ?e ?f } LIMIT 60000"


def kill(pids: list[int]) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def problem(reply: httpx.Response) -> str:
    return str(reply.json()["type"].rpartition("/")[2])


def test_workers_killed_from_outside_cost_their_own_query_only(seed_home: Path, tmp_path: Path) -> None:
    with serving(seed_home, tmp_path / "log", env={"KG_SECONDS": "30"}) as service:
        (keeper,) = keepers(service)
        replies: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: replies.append(service.ask(RUNAWAY)))
        asking.start()
        eventually(lambda: any(_seconds(pid) > 0.2 for pid in processes(keeper)), "it runs")
        kill(processes(keeper))
        asking.join()
        (reply,) = replies
        assert (reply.status_code, problem(reply)) == (400, "query-ended")
        assert service.ask(LIGHT).json()["boolean"] is True
        eventually(lambda: len(processes(keeper)) == 8, "every worker was replaced")


def _seconds(pid: int) -> float:
    """Give the processor time of a process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_http_processes_killed_from_outside_are_replaced(seed_home: Path, tmp_path: Path) -> None:
    with serving(seed_home, tmp_path / "log") as service:
        before = http_processes(service)
        kill(before[:1])

        def answers() -> bool:
            with suppress(httpx.TransportError):
                return service.ask(LIGHT).status_code == 200
            return False

        eventually(lambda: len(set(http_processes(service)) - {before[0]}) == len(before), "there is another one")
        eventually(answers, "it answers")


@contextmanager
def small_files(most: int) -> Iterator[None]:
    """Let files of the processes that start meanwhile grow to ``most`` bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_without_room_for_a_large_answer_is_an_error_of_that_answer(seed_home: Path, tmp_path: Path) -> None:
    with ExitStack() as stack:
        # A path of pytest's own would be too long for a socket's address.
        spool = Path(stack.enter_context(TemporaryDirectory(prefix="kg-full-")))
        with small_files(5_000_000):
            service = stack.enter_context(
                serving(seed_home, tmp_path / "log", env={"KG_SECONDS": "30", "TMPDIR": str(spool)})
            )
        reply = service.ask(LARGE)
        assert (reply.status_code, problem(reply)) == (503, "store-unavailable")
        assert "cannot be kept" in service.log.read_text()  # the reason is the operator's to know
        assert "kept" not in reply.text
        assert list(spool.glob("**/answer-*")) == []
        assert service.ask(LIGHT).json()["boolean"] is True


def test_with_room_the_same_answer_is_whole(seed_home: Path, tmp_path: Path) -> None:
    with serving(seed_home, tmp_path / "log", env={"KG_SECONDS": "30"}) as service:
        reply = service.ask(LARGE)
        assert (reply.status_code, len(reply.json()["results"]["bindings"])) == (200, 60_000)


def test_a_stop_waits_for_the_query_that_runs(seed_home: Path, tmp_path: Path) -> None:
    with serving(seed_home, tmp_path / "log", env={"KG_SECONDS": "2"}) as service:
        replies: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: replies.append(service.ask(RUNAWAY)))
        asking.start()
        (keeper,) = keepers(service)
        eventually(lambda: any(_seconds(pid) > 0.2 for pid in processes(keeper)), "it runs")
        service.process.send_signal(signal.SIGTERM)
        asking.join()
        assert [reply.status_code for reply in replies] == [504]
        assert service.process.wait(20) == 0


# A clock that is set cannot be tried without setting this machine's. What waits or bounds uses the monotonic one.
@pytest.mark.parametrize("path", sorted((ROOT / "kg").glob("store/*.py")) + sorted((ROOT / "kg").glob("web/*.py")),
                         ids=lambda path: f"{path.parent.name}/{path.name}")  # fmt: skip
def test_nothing_that_serves_measures_by_a_clock_that_can_be_set(path: Path) -> None:
    read = [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in {("time", "time"), ("time", "time_ns"), ("datetime", "utcnow")}
    ]
    assert read == []

"""What a stranger may send, over real HTTP, to a real service: each gets a clear problem, and others do not notice."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from kg.store.workers import Keeper, WorkerStore
from tests.e2e.conftest import Service, serving

CROSS_PRODUCT = "SELECT (COUNT(*) AS ?n) WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i . ?j ?k ?l }"
LIGHT = "SELECT ?s WHERE { ?s ?p ?o } LIMIT 1"


def problem(response: httpx.Response) -> dict[str, object]:
    assert response.headers["content-type"].startswith("application/problem+json"), response.text
    body: dict[str, object] = response.json()
    assert body["status"] == response.status_code
    assert body["title"]
    assert body["detail"]
    text = response.text
    assert "Traceback" not in text
    assert ".py" not in text
    return body


def still_serves(service: Service) -> None:
    response = service.ask(LIGHT)
    assert response.status_code == 200
    assert len(response.json()["results"]["bindings"]) == 1


@pytest.mark.parametrize("opening", ["{", "(", "[ <urn:p> "])
def test_a_query_nested_5000_deep_is_refused_with_its_place(service: Service, opening: str) -> None:
    closing = {"{": "}", "(": ")", "[ <urn:p> ": "]"}[opening]
    inner = "FILTER" if opening == "(" else ""
    query = f"SELECT * WHERE {{ {inner} {opening * 5000} 1 {closing * 5000} }}"
    response = service.ask(query)
    assert response.status_code == 400
    body = problem(response)
    assert "deep" in str(body["detail"]) or "nest" in str(body["detail"])
    assert isinstance(body["line"], int)
    still_serves(service)


def test_a_cross_product_under_count_ends_at_its_deadline(service: Service) -> None:
    start = time.monotonic()
    response = service.ask(CROSS_PRODUCT)
    took = time.monotonic() - start
    assert response.status_code == 504
    assert "2 seconds" in str(problem(response)["detail"])
    assert took < 2 * 4, "the deadline of 2 s was missed by far"
    still_serves(service)


def test_a_query_that_eats_memory_is_stopped(service: Service) -> None:
    response = service.ask("SELECT (GROUP_CONCAT(CONCAT(STR(?a), STR(?d), STR(?g))) AS ?all) "
                           "WHERE { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }")  # fmt: skip
    assert response.status_code in (400, 503, 504)
    problem(response)
    still_serves(service)


def test_service_is_refused_and_reaches_nothing(service: Service) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(0.5)
        port = listener.getsockname()[1]
        for spelling in ("SERVICE", "service", "SERVICE SILENT", "SeRvIcE\n#x\n"):
            response = service.ask(f"SELECT * WHERE {{ {spelling} <http://127.0.0.1:{port}/> {{ ?s ?p ?o }} }}")
            assert response.status_code == 403
            assert "SERVICE" in str(problem(response)["detail"])
        with pytest.raises(TimeoutError):
            listener.accept()
    response = service.ask("SELECT * WHERE { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }")
    assert response.status_code == 403
    still_serves(service)


def test_service_reaches_nothing_with_the_guard_switched_off(seed_home: Path) -> None:
    from kg.errors import StoreError
    from kg.release import Releases
    from kg.store import JSON_RESULTS

    release = Releases(seed_home).current()
    assert release is not None
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        Keeper.start([(release.quads, None, None)], workers=1) as keeper,
    ):
        listener.settimeout(0.5)
        port = listener.getsockname()[1]
        store = WorkerStore(keeper.address, guarded=False)
        for address in (f"http://127.0.0.1:{port}/", "http://127.0.0.1:1/"):
            with (
                pytest.raises(StoreError),
                store.answer(f"SELECT * WHERE {{ SERVICE <{address}> {{ ?s ?p ?o }} }}", JSON_RESULTS),
            ):
                pass
        with pytest.raises(TimeoutError):
            listener.accept()
        with store.answer(LIGHT, JSON_RESULTS) as answer:
            assert answer.rows == 1


def test_fifty_clients_at_once_are_all_answered(service: Service) -> None:
    def one(number: int) -> int:
        return service.ask(f"SELECT ?s WHERE {{ ?s ?p ?o }} LIMIT {number + 1}").status_code

    with ThreadPoolExecutor(50) as pool:
        assert list(pool.map(one, range(50))) == [200] * 50


def test_fifty_clients_with_runaway_queries_each_get_a_problem(service: Service) -> None:
    with ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(lambda _: service.ask(CROSS_PRODUCT), range(50)))
    assert {response.status_code for response in responses} <= {503, 504}
    for response in responses:
        problem(response)
        if response.status_code == 503:
            assert int(response.headers["retry-after"]) >= 1
    still_serves(service)


def test_a_light_query_is_answered_beside_a_runaway_one(service: Service) -> None:
    runaway = threading.Thread(target=service.ask, args=(CROSS_PRODUCT,))
    runaway.start()
    try:
        start = time.monotonic()
        assert service.ask(LIGHT).status_code == 200
        assert time.monotonic() - start < 2, "the light query waited for the runaway one"
    finally:
        runaway.join()


def test_updates_change_nothing(service: Service) -> None:
    response = service.ask("INSERT DATA { <urn:a> <urn:b> <urn:c> }")
    assert response.status_code in (400, 403)
    problem(response)
    assert service.ask("ASK { <urn:a> <urn:b> <urn:c> }").json()["boolean"] is False


def test_the_whole_tree_of_processes_ends_with_the_command(seed_home: Path, tmp_path: Path) -> None:
    with serving(seed_home, tmp_path / "log") as service:
        tree = descendants(service.process.pid)
        assert len(tree) >= 4, "a keeper, its workers and the HTTP processes"
    assert not [pid for pid in tree if alive(pid)]


def test_killing_the_command_leaves_no_process(seed_home: Path, tmp_path: Path) -> None:
    with serving(seed_home, tmp_path / "log") as service:
        tree = descendants(service.process.pid)
        service.process.send_signal(signal.SIGKILL)
        service.process.wait()
        until = time.monotonic() + 20
        while (left := [pid for pid in tree if alive(pid)]) and time.monotonic() < until:
            time.sleep(0.05)  # their parent is gone, so nobody can wait for them
        assert not left


def descendants(pid: int) -> list[int]:
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    found = [pid]
    for parent in found:
        found += [child for child, its in parents.items() if its == parent]
    return found[1:]


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False

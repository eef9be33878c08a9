"""What operators see of a running service: counts over all its processes, and log lines with names of requests."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from kg.release import Release
from tests.e2e.conftest import Service, serving
from tests.e2e.test_reload import eventually, http_processes

RUNAWAY = "SELECT (COUNT(*) AS ?n) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"


@pytest.fixture(scope="module")
def service(seed_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    log = tmp_path_factory.mktemp("metrics") / "log"
    with serving(seed_home, log, env={"KG_LOG_FORMAT": "json", "KG_SECONDS": "1"}) as it:
        yield it


def total(service: Service, name: str, **labels: str) -> float:
    """Add up the samples of one name whose labels fit; -1 while no process answers."""
    try:
        with service.client() as client:
            text = client.get("/-/metrics").text
    except httpx.TransportError:
        return -1
    return sum(
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def lines(service: Service) -> list[dict[str, object]]:
    return [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]


def test_requests_are_counted_over_all_processes(service: Service) -> None:
    before = total(service, "kg_requests_total", endpoint="sparql", status="200")
    kept = total(service, "kg_requests_total", endpoint="sparql", kept="yes")
    sizes = total(service, "kg_answer_bytes_total", endpoint="sparql")
    sent = [service.ask("ASK { <urn:x:metrics> ?p ?o }") for _ in range(40)]  # each on a connection of its own
    eventually(lambda: total(service, "kg_requests_total", endpoint="sparql", status="200") == before + 40, "40 more")
    # Each of the two processes works it out once.
    assert kept + 38 <= total(service, "kg_requests_total", endpoint="sparql", kept="yes") <= kept + 39
    assert total(service, "kg_answer_bytes_total", endpoint="sparql") == sizes + sum(len(one.content) for one in sent)


def test_seconds_of_what_was_worked_out_are_a_histogram(service: Service) -> None:
    before = total(service, "kg_request_seconds_count", endpoint="sparql")
    for number in range(3):
        service.ask(f"ASK {{ <urn:x:seconds{number}> ?p ?o }}")
    assert total(service, "kg_request_seconds_count", endpoint="sparql") == before + 3
    assert total(service, "kg_request_seconds_bucket", endpoint="sparql", le="+Inf") == before + 3


@pytest.mark.parametrize(
    ("query", "problem", "rule"),
    [
        ("SELECT * { SERVICE <http://127.0.0.1:1/> { ?s ?p ?o } }", "service-refused", "service"),
        ("SELECT * {", "query-syntax", ""),
    ],
)
def test_refusals_are_counted_by_rule(service: Service, query: str, problem: str, rule: str) -> None:
    before = total(service, "kg_refusals_total", problem=problem, rule=rule)
    assert service.ask(query).status_code in (400, 403)
    assert total(service, "kg_refusals_total", problem=problem, rule=rule) == before + 1


def test_workers_that_ended_are_counted_by_cause(service: Service) -> None:
    before = total(service, "kg_worker_ends_total", cause="timeout")
    assert service.ask(RUNAWAY).status_code == 504
    eventually(lambda: total(service, "kg_worker_ends_total", cause="timeout") == before + 1, "one more")
    eventually(lambda: total(service, "kg_workers") == 8, "it was replaced")


def test_the_release_is_told_with_its_age(service: Service, seed_release: Release) -> None:
    assert total(service, "kg_release_info", version=seed_release.version, sha256=seed_release.manifest.sha256) == 1
    # The fixture says that it was made on 2026-01-02.
    assert total(service, "kg_release_age_seconds") >= 0


def test_addresses_of_strangers_make_no_new_series(service: Service) -> None:
    with service.client() as client:
        for number in range(5):
            client.get(f"/nowhere{number}")
            client.request(f"METHOD{number}", "/nowhere")
        text = client.get("/-/metrics").text
    assert "nowhere" not in text
    assert "METHOD" not in text


def test_what_a_process_counted_outlives_it(service: Service) -> None:
    service.ask("ASK { <urn:x:outlives> ?p ?o }")
    name = {"endpoint": "sparql", "status": "200", "kept": "no"}
    starts = total(service, "kg_http_process_starts_total")
    eventually(lambda: total(service, "kg_requests_total", **name) > 0, "it is counted")
    before = total(service, "kg_requests_total", **name)
    os.kill(http_processes(service)[0], signal.SIGKILL)
    eventually(lambda: total(service, "kg_http_process_starts_total") == starts + 1, "another one started")
    assert total(service, "kg_requests_total", **name) >= before
    assert total(service, "kg_queue_length") == 0


def test_a_name_that_a_client_gives_its_request_is_kept(service: Service) -> None:
    with service.client() as client:
        for path in ("/-/health", "/sparql?query=ASK%7B%7D", "/sparql?query=ASK%7B%7D", "/", "/nowhere"):
            assert client.get(path, headers={"X-Request-Id": "Mine_1.2-3"}).headers["X-Request-Id"] == "Mine_1.2-3"


@pytest.mark.parametrize("given", ["a b", "<x>", "é", "x" * 65, "", ".hidden", 'a"b'])
def test_a_name_that_is_none_is_replaced(service: Service, given: str) -> None:
    with service.client() as client:
        reply = client.get("/-/health", headers={b"X-Request-Id": given.encode()})
        assert reply.status_code == 200
        assert reply.headers.get_list("X-Request-Id") != [given]
        assert len(reply.headers["X-Request-Id"]) >= 12
        assert client.get("/-/health").headers["X-Request-Id"] != reply.headers["X-Request-Id"]


def test_the_log_knows_a_refused_request_by_its_name_and_holds_no_query(service: Service) -> None:
    with service.client() as client:
        name = {"X-Request-Id": "the-late-one"}
        query = "SELECT (COUNT(*) AS ?veryprivate) { ?a ?b ?c . ?d ?e ?f . ?g ?h ?i }"
        reply = client.post("/sparql", data={"query": query}, headers=name)
        assert (reply.status_code, reply.json()["request"]) == (504, "the-late-one")
    eventually(lambda: any(line.get("request") == "the-late-one" for line in lines(service)), "the log has its line")
    (line,) = [line for line in lines(service) if line.get("request") == "the-late-one"]
    assert (line["status"], line["problem"], line["path"]) == (504, "query-timeout", "/sparql")
    assert "veryprivate" not in service.log.read_text()

"""Our service beside its peers in one run: an entity look-up, a 3 ms query, 10,000 rows. Prints ratios.

The ratios are recorded, not asserted tightly: a budget fails only when clearly broken. ``KG_BENCH_TRIPLES`` sets the
size of the graph (1,000,000), ``KG_BENCH_SECONDS`` how long each figure is measured in each of three rounds.
"""

from __future__ import annotations

import contextlib
import json
import os
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.generate import generate, project
from tests.bench.load import Measured, drive
from tests.bench.servers import PEERS, Server, ask

pytestmark = pytest.mark.bench

TRIPLES = int(os.environ.get("KG_BENCH_TRIPLES", "1000000"))
SECONDS = int(os.environ.get("KG_BENCH_SECONDS", "4"))
ROUNDS = 3
CONNECTIONS = 8
PREFIX = "PREFIX osai: <https://w3id.org/osai-kg/ontology#> "


def workloads(projects: int) -> dict[str, list[str]]:
    step = max(projects // 997, 1)
    lookup = [f"SELECT ?p ?o WHERE {{ <{project(number)}> ?p ?o }}" for number in range(0, projects, step)]
    # About 3 ms on `oxigraph serve`: the projects of some hosts with their situations, grouped.
    grouped = [
        PREFIX + "SELECT ?role (COUNT(?project) AS ?n) (MIN(?start) AS ?first) WHERE { "
        f"VALUES ?host {{ {' '.join(f'<https://w3id.org/osai-kg/id/org/bench-{10 * turn + k}>' for k in range(12))} }} "
        "?project osai:currentHost ?host ; osai:hasSituation ?situation . "
        "?situation osai:stewardRole ?role ; osai:earliestStart ?start } GROUP BY ?role"
        for turn in range(20)
    ]
    rows = [
        PREFIX + f"SELECT ?project ?host WHERE {{ ?project osai:currentHost ?host }} LIMIT {n}"
        for n in (10_000, 10_001)
    ]
    return {"entity look-up": lookup, "3 ms query": grouped, "10,000 rows": rows}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int]:
    path = tmp_path_factory.mktemp("bench") / "bench.nt"
    return path, generate(path, TRIPLES)


@pytest.fixture(scope="module")
def servers(data: tuple[Path, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Server]]:
    folder = tmp_path_factory.mktemp("servers")
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(start(data[0], folder)) for start in PEERS]


def _same(answers: list[bytes]) -> bool:
    """Tell whether all servers gave as many solutions: a LIMIT without order may choose others."""
    tables = [json.loads(answer)["results"]["bindings"] for answer in answers]
    return len({len(table) for table in tables}) == 1


def test_ratios(servers: list[Server], data: tuple[Path, int], tmp_path: Path) -> None:
    figures: dict[str, dict[str, list[Measured]]] = {}
    for name, queries in workloads(data[1]).items():
        assert _same([ask(server.url, queries[0]) for server in servers]), f"{name}: the servers disagree"
        figures[name] = {server.name: [] for server in servers}
        for _ in range(ROUNDS):  # in turn, so that a slow moment of the machine meets all of them
            for server in servers:
                seconds = SECONDS if server.name != "rdflib-endpoint" else max(SECONDS // 2, 2)
                measured = drive(server.url, queries, connections=CONNECTIONS, seconds=seconds, folder=tmp_path)
                figures[name][server.name].append(measured)
    ratios: dict[tuple[str, str], float] = {}
    ours, *peers = (server.name for server in servers)
    for name, by_server in figures.items():
        for peer in peers:
            pairs = zip(by_server[ours], by_server[peer], strict=True)
            # A peer that finished nothing in its time is counted as one request, in our disfavour.
            ratios[name, peer] = statistics.median(
                mine.per_second / max(its.per_second, 1 / SECONDS) for mine, its in pairs
            )
    print(f"\n{TRIPLES:,} triples, {CONNECTIONS} connections, driver {figures['entity look-up'][ours][0].driver}")
    print(f"{'requests a second':18}" + "".join(f"{server.name:>26}" for server in servers))
    for name, by_server in figures.items():
        medians = [statistics.median(m.per_second for m in by_server[server.name]) for server in servers]
        print(f"{name:18}" + "".join(f"{median:26,.1f}" for median in medians))
    print(f"{'ours / theirs':18}{'':26}" + "".join(f"{peer:>26}" for peer in peers))
    for name in figures:
        print(f"{name:18}{'':26}" + "".join(f"{ratios[name, peer]:25.2f}x" for peer in peers))
    failures = {name: sum(m.failures for m in by_server[ours]) for name, by_server in figures.items()}
    assert not any(failures.values()), f"our service failed requests: {failures}"
    # Budgets at about half of what is aimed at: they fail when something broke, not when the machine is busy.
    disk = "oxigraph serve (disk)"
    assert ratios["entity look-up", disk] > 0.1
    assert ratios["3 ms query", disk] > 0.75
    assert ratios["10,000 rows", disk] > 1.2
    assert ratios["entity look-up", "rdflib-endpoint"] > 2

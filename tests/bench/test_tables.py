"""How long and in how much memory 20 million events become months. Prints figures; fails when clearly broken.

``KG_BENCH_EVENTS`` sets the number of events. Each way runs in a process of its own, and its peak of resident memory is
that of the whole process. The plain way holds a set of authors for each group, as one would write it without an engine.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

pytestmark = pytest.mark.bench

EVENTS = int(os.environ.get("KG_BENCH_EVENTS", "20000000"))
MEMORY = 512  # MB that DuckDB may use; the interpreter and the library itself take about 100 more

# Skewed like real histories: few projects and domains have most commits. Hashes stand for chance: the same every time.
GENERATE = """
COPY (
  SELECT 'project-' || CAST(floor(60 * pow(a, 3)) AS BIGINT) AS project,
    DATE '2012-01-01' + CAST(floor(3600 * sqrt(b)) AS INTEGER) AS committed_on,
    CASE WHEN c < 0.35 THEN '(webmail)' WHEN c < 0.45 THEN '(github-noreply)' WHEN c < 0.46 THEN NULL
      ELSE 'domain-' || author // 40 || '.example' END AS domain,
    author, CASE WHEN c < 0.9 THEN 'email' ELSE 'linked' END AS evidence, d < 0.03 AS bot, d > 0.9 AS internal
  FROM (
    SELECT hash(i) / 18446744073709551616.0 AS a, hash(i + {n}) / 18446744073709551616.0 AS b,
      hash(i + 2 * {n}) / 18446744073709551616.0 AS c, hash(i + 3 * {n}) / 18446744073709551616.0 AS d,
      CAST(floor(20000 * pow(hash(i + 4 * {n}) / 18446744073709551616.0, 4)) AS BIGINT) AS author
    FROM range({n}) AS events(i)
  )
) TO '{path}' (FORMAT parquet)
"""

ENGINE = """
import json, resource, sys, time
from pathlib import Path
from kg.sources.tables import EVENTS, Table, group_months, opened
began = time.perf_counter()
groups = commits = authors = 0
with opened("duckdb", memory=sys.argv[2] + "MB", threads=2, scratch=Path(sys.argv[1]).parent) as engine:
    for row in group_months(engine, Table.parquet(EVENTS, Path(sys.argv[1]))):
        groups, commits, authors = groups + 1, commits + row.commits, authors + row.authors
"""
PLAIN = """
import json, resource, sys, time
import duckdb
from collections import defaultdict
began = time.perf_counter()
users, cells = defaultdict(set), defaultdict(lambda: [0, set()])
connection = duckdb.connect(config={"memory_limit": "256MB"})
connection.execute("SET enable_progress_bar = false")
answer = connection.execute(
    "SELECT project, strftime(committed_on, '%Y-%m'), domain, author, evidence, bot FROM read_parquet(?)",
    [sys.argv[1]])
def events():
    while block := answer.fetchmany(100_000):
        yield from block
for project, month, domain, author, evidence, bot in events():
    if bot:
        domain, evidence = "(bot)", "bot"
    elif domain is None or domain.startswith("("):
        domain, evidence = domain or "(none)", "none"
    else:
        users[domain].add(author)
    cell = cells[project, month, domain, evidence]
    cell[0] += 1
    cell[1].add(author)
pooled = defaultdict(lambda: [0, set()])
for (project, month, domain, evidence), (number, who) in cells.items():
    if domain[0] != "(" and len(users[domain]) < 3:
        domain, evidence = "(small-domain)", "none"
    cell = pooled[project, month, domain, evidence]
    cell[0] += number
    cell[1] |= who
groups, commits = len(pooled), sum(number for number, _ in pooled.values())
authors = sum(len(who) for _, who in pooled.values())
"""
REPORT = """
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps([groups, commits, authors, time.perf_counter() - began, peak]))
"""


def run(way: str, path: Path) -> tuple[tuple[int, int, int], float, float]:
    """Give groups, commits and authors as one way counts them, its seconds, and the peak of its memory in MB."""
    done = subprocess.run(
        [sys.executable, "-c", way + REPORT, str(path), str(MEMORY)], check=True, stdout=subprocess.PIPE, text=True
    )
    groups, commits, authors, seconds, peak = json.loads(done.stdout)
    return (groups, commits, authors), seconds, peak


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("events") / "events.parquet"
    with duckdb.connect(config={"memory_limit": "1GB", "temp_directory": str(path.parent)}) as connection:
        connection.execute(GENERATE.format(n=EVENTS, path=path))
    return path


def test_twenty_million_events_in_bounded_memory(log: Path) -> None:
    found, seconds, peak = run(ENGINE, log)
    print(f"\n{EVENTS:,} events, {log.stat().st_size / 1e6:,.0f} MB of Parquet, {found[0]:,} groups")
    print(f"duckdb: {seconds:6.1f} s, {EVENTS / seconds:12,.0f} events a second, peak {peak:6,.0f} MB")
    assert found[1] == EVENTS
    assert peak < MEMORY + 256
    # The plain way takes its memory from the events: a tenth of them tells, without filling the machine.
    part = log.with_name("part.parquet")
    with duckdb.connect() as connection:
        connection.execute(f"COPY (FROM read_parquet('{log}') LIMIT {EVENTS // 10}) TO '{part}'")
    same, short, _ = run(ENGINE, part)
    plain, long, held = run(PLAIN, part)
    print(f"plain:  {long:6.1f} s for a tenth of them, peak {held:6,.0f} MB; duckdb {short:.1f} s")
    assert plain == same

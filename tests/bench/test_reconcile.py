"""How long a thousand messy names take over HTTP, as a person's tool sends them. Prints seconds; fails beyond five.

``KG_FULL_HOME`` names a home with a release of all sources. The names are drawn from its own index by a stated rule:
every so-many-th name that is no repository's, a quarter each as it is, in small letters without marks, with two letters
swapped, and without its last word. Each way is asked afresh: no name is in a cache.
"""

from __future__ import annotations

import http.client
import json
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest

from kg.release import Releases
from tests.e2e.conftest import Service, serving

pytestmark = pytest.mark.bench

NAMES = 1000
MOST = 5.0  # seconds, on two cores that nothing else uses
BATCH = 10  # names a request, as OpenRefine sends them


@pytest.fixture(scope="module")
def home() -> Path:
    kept = os.environ.get("KG_FULL_HOME")
    if not kept:
        pytest.skip("KG_FULL_HOME names no home with a release of all sources")
    return Path(kept)


@pytest.fixture(scope="module")
def service(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(home, tmp_path_factory.mktemp("reconcile") / "log") as service:
        yield service


def messy(home: Path, offset: int) -> list[str]:
    """Draw the names; another offset gives others."""
    release = Releases(home).current()
    assert release is not None
    index = sqlite3.connect(f"file:{release.path / 'search.sqlite'}?mode=ro", uri=True)
    names = [
        row[0] for row in index.execute("SELECT name FROM entity WHERE types NOT LIKE '%Repository%' ORDER BY iri")
    ]
    index.close()
    step = len(names) // NAMES
    drawn = [name for name in names[offset::step] if len(name) > 3][:NAMES]
    return [_slipped(name, number) for number, name in enumerate(drawn)]


def _slipped(name: str, number: int) -> str:
    if number % 4 == 1:
        return re.sub(r"[^\w ]", "", name).lower()
    if number % 4 == 2:
        return name[:2] + name[3] + name[2] + name[4:]
    if number % 4 == 3 and " " in name:
        return name.rpartition(" ")[0]
    return name


def asked(service: Service, names: Sequence[str], *, connections: int, batch: int) -> tuple[float, int]:
    """Reconcile the names; give the seconds and how many have a sure match."""
    parts = urlsplit(service.url)
    batches = [names[first : first + batch] for first in range(0, len(names), batch)]

    def send(mine: Sequence[Sequence[str]]) -> int:
        line = http.client.HTTPConnection(str(parts.hostname), int(str(parts.port)), timeout=60)
        sure = 0
        for some in mine:
            queries = {f"q{number}": {"query": name, "limit": 3} for number, name in enumerate(some)}
            body = urlencode({"queries": json.dumps(queries)})
            line.request("POST", "/reconcile", body, {"Content-Type": "application/x-www-form-urlencoded"})
            answer = line.getresponse()
            told = json.loads(answer.read())
            assert answer.status == 200, told
            assert len(told) == len(some)
            sure += sum(any(candidate["match"] for candidate in each["result"]) for each in told.values())
        line.close()
        return sure

    shares = [batches[number::connections] for number in range(connections)]
    begun = time.perf_counter()
    with ThreadPoolExecutor(connections) as pool:
        sure = sum(pool.map(send, shares))
    return time.perf_counter() - begun, sure


def test_a_thousand_names_take_less_than_five_seconds(service: Service, home: Path) -> None:
    ways = ((1, NAMES), (1, BATCH), (2, BATCH), (4, BATCH))
    told = []
    for offset, (connections, batch) in enumerate(ways):
        taken, sure = asked(service, messy(home, offset), connections=connections, batch=batch)
        told.append((connections, batch, taken, sure))
        print(
            f"\n{NAMES} names, {batch} a request, {connections} connection(s): {taken:.2f} s, "
            f"{taken / MOST:.2f} of what they may take; {sure} sure matches",
            end="",
        )
    worst = max(taken for *_, taken, _ in told)
    assert worst < MOST, told
    assert min(sure for *_, sure in told) > NAMES / 2, "the names are those of things that are there"

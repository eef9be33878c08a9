"""Every IRI of a release answers over HTTP, and every page behind them is sound, small, quick and leads somewhere.

On the seed release this is part of the suite. With ``KG_FULL_CRAWL=1`` and ``KG_FULL_HOME`` it is the release of all
sources that is crawled: some 185,000 IRIs, half an hour on two busy cores. What it met is left in
``tests/output/crawl-full.json``.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from kg import minted
from kg.release import Releases
from tests.conftest import ROOT
from tests.e2e.conftest import Service, serving
from tests.e2e.crawl import Found, Robot, ask_for_all, follow

pytestmark = pytest.mark.slow  # it reads every page

FULL = bool(os.environ.get("KG_FULL_CRAWL"))
SLOWEST = 150.0  # milliseconds a page may take at the median of its kind
TIMED = 15 if FULL else 3  # pages of each kind that are timed, one after the other
LINKS = 60 if FULL else 10  # links of each family that are asked for
# Pages of the hubs of the graph, and of the site: each is held to the same time, as what it is.
HUBS = (
    *("/", "/browse", "/browse/projects", "/browse/organizations", "/browse/sectors", "/queries", "/linksets"),
    *("/page/org/linux-foundation", "/page/org/meta", "/page/project/pytorch", "/ontology", "/releases"),
)


@pytest.fixture(scope="module")
def home(request: pytest.FixtureRequest) -> Path:
    if not FULL:
        return Path(request.getfixturevalue("seed_home"))
    kept = os.environ.get("KG_FULL_HOME")
    assert kept, "KG_FULL_CRAWL needs KG_FULL_HOME: a home with a release of all sources"
    return Path(kept)


@pytest.fixture(scope="module")
def served(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(home, tmp_path_factory.mktemp("crawl") / "log", env={"KG_WORKERS": "4"}) as service:
        yield service


@pytest.fixture(scope="module")
def paths(home: Path) -> Sequence[str]:
    release = Releases(home).current()
    assert release is not None
    return list(minted.read(release.path / minted.MINTED))


@pytest.fixture(scope="module")
def found(served: Service, paths: Sequence[str]) -> Found:
    begun = time.perf_counter()
    sampled = paths if FULL else random.Random(1).sample(paths, 120)
    found = ask_for_all(port_of(served), sampled, robots=3 if FULL else 1, most=LINKS)
    _leave("crawl", _told(found, begun))
    follow(port_of(served), found)
    _leave("crawl", _told(found, begun))
    assert found.asked == len(sampled)
    return found


def _told(found: Found, begun: float) -> dict[str, object]:
    return {
        "asked": found.asked,
        "pages": len(found.pages),
        "moved": found.moved,
        "seconds": round(time.perf_counter() - begun),
        "skeletons": len(found.skeletons),
        "faults": found.wrong,
        "counts": found.counts,
        "heaviest": dict(sorted(found.heaviest.items(), key=lambda pair: -pair[1][0])),
        "slowest": dict(sorted(found.slowest.items(), key=lambda pair: -pair[1][0])),
    }


def _leave(name: str, told: object) -> None:
    output = ROOT / "tests" / "output"
    output.mkdir(exist_ok=True)
    text = json.dumps(told, indent=1)
    (output / f"{name}-{'full' if FULL else 'seed'}.json").write_text(text, encoding="utf-8")


def port_of(service: Service) -> int:
    return int(str(urlsplit(service.url).port))


def test_every_iri_leads_to_a_page_that_is_sound_and_whose_links_lead_somewhere(found: Found) -> None:
    assert found.wrong == {}, json.dumps(found.wrong, indent=1)
    assert len(found.pages) >= found.asked - found.moved
    assert sum(count for name, count in found.counts.items() if name.startswith("links below")) > 100


def test_no_kind_of_page_is_slow_at_its_median(served: Service, paths: Sequence[str], found: Found) -> None:
    del found  # what is kept of the crawl does not count: each address is another one
    kinds: dict[str, list[str]] = defaultdict(list)
    for path in paths:
        kinds["/".join(path.split("/")[:2])].append(path)
    medians = {}
    with Robot(port_of(served)) as robot:
        for kind, members in sorted(kinds.items()):
            chosen = random.Random(2).sample(members, min(len(members), TIMED))
            medians[kind] = statistics.median(_taken(robot, f"/{path}") for path in chosen)
        for page in HUBS if FULL else HUBS[:4]:
            _taken(robot, page)  # lists are asked for once, by the first visitor
            medians[page] = statistics.median(_taken(robot, page) for _ in range(TIMED))
    _leave("times", medians)
    assert {page: median for page, median in medians.items() if median > SLOWEST} == {}


_asked = iter(range(10**9))


def _taken(robot: Robot, address: str) -> float:
    """Give the milliseconds until a page is there, from its IRI on, past what is kept."""
    begun = time.perf_counter()
    status, _, _, place = robot.get(f"{address}?timed={next(_asked)}")
    if status in (301, 303):
        robot.get(f"{place}?timed={next(_asked)}")
    return (time.perf_counter() - begun) * 1000

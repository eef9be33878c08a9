"""The release of all sources: what the READMEs of the shared data count, and catalogue answers found a second way.

The second way is the raw files: the standard library's csv and yaml, no loader, no resolution, no store. A pin
(``*.full.csv``) holds what it gives, so a pin that the release misses is a fault of the release.
"""

from __future__ import annotations

import csv
import fcntl
import gzip
import io
import os
import statistics
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
import yaml

from kg import resources
from kg.build import build, fitting_pins
from kg.catalogue import Catalogue, Query, compare
from kg.model import DEFAULT_BASE
from kg.release import Release, Releases
from kg.sources import registry
from kg.sources.fetch import fetch_from, snapshot_of
from kg.store import CSV_RESULTS
from kg.store.oxigraph import OxigraphStore
from tests.conftest import CREATED
from tests.contract.readme_figures import FIGURES, OVERVIEW, Figure, Held, accounted, known_of, numbers

pytestmark = [pytest.mark.shared, pytest.mark.slow]

CATALOGUE = Catalogue.read(resources.queries())
DATA_SETS = {figure.source for figure in FIGURES}


@pytest.fixture(scope="session")
def full_release(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release of all sources, built once for all workers of a run; ``KG_FULL_HOME`` may name a home with one."""
    kept = os.environ.get("KG_FULL_HOME")
    if kept:
        return max(Releases(Path(kept)), key=lambda release: release.manifest.created)
    root = tmp_path_factory.getbasetemp()
    home = (root.parent if os.environ.get("PYTEST_XDIST_WORKER") else root) / "full"
    home.mkdir(exist_ok=True)
    with (home / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        releases = Releases(home)
        if (made := releases.current()) is None:
            sources = registry()
            for source in sources.values():
                if source.documents or source.bundled() is None:
                    fetch_from(source, [shared / "data", shared / "documents"], home)
            chosen = [(source, found) for source in sources.values() if (found := snapshot_of(source, home))]
            assert "full" in fitting_pins(chosen), "the shared snapshots are those of queries/full-snapshots.csv"
            built = build(chosen, base=DEFAULT_BASE, releases=releases, created=CREATED, processes=2)
            releases.promote(built.release.version)
            made = built.release
    return made


@pytest.fixture(scope="session")
def full_store(full_release: Release) -> Iterator[OxigraphStore]:
    store = OxigraphStore.load([(full_release.quads, None, None)])
    yield store
    store.close()


def ask(store: OxigraphStore, text: str) -> bytes:
    with store.answer(text, CSV_RESULTS, trusted=True) as answer:
        return answer.read()


def number(store: OxigraphStore, query: str) -> int:
    """Give the one number that a query answers with; of nothing found, 0."""
    rows = ask(store, query).decode().splitlines()[1:]
    return int(float(rows[0])) if rows and rows[0] else 0


# ---- figures of the READMEs ----


@pytest.mark.parametrize("figure", [*FIGURES, *OVERVIEW], ids=str)
def test_each_figure_of_a_readme_is_counted_in_the_release(
    full_release: Release, full_store: OxigraphStore, shared: Path, figure: Figure
) -> None:
    """By queries, and by issues and values left out by name where the graph holds less than the README counts."""
    held = Held.of(figure.source, full_release, lambda query: number(full_store, query), shared)
    assert figure.counted(held) == figure.number


@pytest.mark.parametrize("name", sorted(DATA_SETS))
def test_no_number_of_a_readme_is_forgotten(shared: Path, name: str) -> None:
    """Each is a figure, or is listed as no count of records with the reason; as often as it stands there."""
    assert numbers((shared / "data" / name / "README.md").read_text(encoding="utf-8")) == accounted(name)


def test_each_data_set_has_figures(shared: Path) -> None:
    assert {path.parent.name for path in (shared / "data").glob("*/README.md")} == DATA_SETS


def test_no_number_of_the_overview_is_forgotten(shared: Path) -> None:
    lines = (shared / "data/README.md").read_text(encoding="utf-8").splitlines()
    rows = {line.split("|")[1].strip(): line for line in lines if line.startswith("|")}
    assert rows.keys() >= DATA_SETS
    assert {name: unknown for name in DATA_SETS if (unknown := set(numbers(rows[name])) - known_of(name))} == {}


# ---- catalogue answers ----


@pytest.mark.parametrize("query", list(CATALOGUE), ids=lambda query: query.name)
def test_the_release_answers_as_pinned(full_store: OxigraphStore, query: Query) -> None:
    """Where a question has no full pin, all other sources do not change what the bundled ones answer."""
    pin = next(pin for which in ("full", "words", "seed") if (pin := CATALOGUE.pin(query, which)))
    assert compare(pin, ask(full_store, query.text)) == []


def cells(name: str) -> list[dict[str, str]]:
    """The rows of a full pin."""
    pin = CATALOGUE.pin(CATALOGUE.get(name), "full")
    assert pin is not None
    return list(csv.DictReader(io.StringIO(pin.read_text(encoding="utf-8"))))


def monthly(shared: Path) -> Iterator[dict[str, str]]:
    with gzip.open(shared / "data/contributions/contributions_monthly.csv.gz", "rt", encoding="utf-8") as stream:
        yield from csv.DictReader(stream)


def domains_of(shared: Path, *organizations: str) -> set[str]:
    with (shared / "data/org-domains/domain_org.csv").open(encoding="utf-8", newline="") as stream:
        return {row["domain"] for row in csv.DictReader(stream) if row["organization"] in organizations}


def test_the_share_of_meta_in_pytorch_by_quarter(shared: Path) -> None:
    """74.4 % in the first quarter of 2021 and 60.7 % in the last of 2022."""
    its = domains_of(shared, "Meta")
    months: dict[str, set[str]] = defaultdict(set)
    commits: dict[str, int] = defaultdict(int)
    own: dict[str, int] = defaultdict(int)
    for row in monthly(shared):
        if row["project"] == "pytorch" and row["evidence"] != "bot":
            year, month = row["month"].split("-")
            quarter = f"{year}-Q{(int(month) + 2) // 3}"
            months[quarter].add(month)
            commits[quarter] += int(row["commits"])
            own[quarter] += int(row["commits"]) * (row["domain"] in its)
    pinned = {row["quarter"]: row for row in cells("share-of-commits-by-quarter")}
    assert {
        quarter: (int(row["months"]), int(row["commits"]), int(row["itsCommits"]), float(row["share"]))
        for quarter, row in pinned.items()
    } == {
        quarter: (len(months[quarter]), commits[quarter], own[quarter], round(own[quarter] / commits[quarter], 4))
        for quarter in months
    }
    assert (pinned["2021-Q1"]["share"], pinned["2022-Q4"]["share"]) == ("0.7439", "0.6067")


def test_the_time_from_acceptance_to_graduation_at_cncf(shared: Path) -> None:
    text = (shared / "data/cncf-landscape/landscape.yml").read_text(encoding="utf-8")
    found: dict[str, int] = {}
    for category in yaml.safe_load(text)["landscape"]:
        for subcategory in category["subcategories"]:
            for item in subcategory["items"] or ():
                extra = item.get("extra") or {}
                if extra.get("accepted") and extra.get("graduated"):
                    taken = date.fromisoformat(str(extra["graduated"])) - date.fromisoformat(str(extra["accepted"]))
                    found[item["name"]] = taken.days
    days = sorted(found.values())
    row = next(row for row in cells("time-to-graduation") if "Native" in row["name"])
    assert {key: float(row[key]) for key in ("projects", "shortest", "median", "longest")} == {
        "projects": len(days),
        "shortest": days[0],
        "median": statistics.median(days),
        "longest": days[-1],
    }
    assert abs(float(row["mean"]) - statistics.mean(days)) <= 0.5


def test_the_time_from_acceptance_to_graduation_at_lf_ai_and_data(shared: Path) -> None:
    """From what was observed alone; one project is there under five spellings."""
    first: dict[str, str] = {}
    graduated: dict[str, str] = {}
    with (shared / "data/governance-events/lfai_observed_transitions.csv").open(encoding="utf-8", newline="") as stream:
        for row in sorted(csv.DictReader(stream), key=lambda row: row["observed_date"]):
            project = row["item"].lower().replace("docarrary", "docarray")
            first.setdefault(project, row["observed_date"])
            if row["to_maturity"] == "graduated":
                graduated.setdefault(project, row["observed_date"])
    days = sorted((date.fromisoformat(graduated[name]) - date.fromisoformat(first[name])).days for name in graduated)
    row = next(row for row in cells("time-to-graduation") if row["name"].startswith("LF AI"))
    assert {key: float(row[key]) for key in ("projects", "atOnce", "shortest", "median", "mean", "longest")} == {
        "projects": len(days),
        "atOnce": days.count(0),
        "shortest": days[0],
        "median": statistics.median(days),
        "mean": round(statistics.mean(days)),
        "longest": days[-1],
    }


def share(part: int, whole: int) -> str:
    return str((Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP).normalize()) if whole else ""


def at(month: str) -> int:
    """The number of a month, counted through the years."""
    return int(month[:4]) * 12 + int(month[5:7])


def test_the_share_of_each_giver_before_and_after_its_donation(shared: Path) -> None:
    """Donations are those of projects.csv that have a date and companies as givers; the whole month is left out."""
    by_project = defaultdict(list)
    for row in monthly(shared):
        if row["evidence"] != "bot":
            by_project[row["project"]].append(row)
    expected = []
    with (shared / "data/contributions/projects.csv").open(encoding="utf-8", newline="") as stream:
        for project in csv.DictReader(stream):
            givers = project["from_org"]
            if project["event"] != "donation" or not project["event_date"] or "community" in givers:
                continue
            its, middle = domains_of(shared, *givers.split("; ")), at(project["event_date"])
            for evidence in ("email", "linked"):
                sides: list[str] = []
                for since, until in ((middle - 24, middle - 1), (middle + 1, middle + 24)):
                    side = [row for row in by_project[project["project"]] if since <= at(row["month"]) <= until]
                    own = [row for row in side if row["evidence"] == evidence and row["domain"] in its]
                    part, whole = (sum(int(row["commits"]) for row in rows) for rows in (own, side))
                    sides += [str(len({row["month"] for row in side})), str(part), share(part, whole)]
                expected.append((f"{DEFAULT_BASE}concept/evidence-grade/{evidence}", *sides))
    assert sorted(tuple(row.values())[4:] for row in cells("donor-share-by-evidence")) == sorted(
        (evidence, *(f"{float(cell):g}" if cell else "" for cell in sides)) for evidence, *sides in expected
    )

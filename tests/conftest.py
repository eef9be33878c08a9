"""What every suite shares: the data laid beside the checkout, and a built release of the bundled sources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import rdflib

from kg.build import Built, build
from kg.model import DEFAULT_BASE
from kg.release import Release, Releases
from kg.sources import registry
from kg.sources.fetch import fetch_from, snapshot_of
from kg.store.oxigraph import OxigraphStore

ROOT = Path(__file__).resolve().parent.parent
IN_CI = os.environ.get("CI", "").lower() in ("1", "true")
# A release does not depend on when it was made: this goes to its manifest only.
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def shared_directory() -> Path | None:
    """Give the directory of shared data sets and documents, or None on a clone that has none."""
    place = Path(os.environ.get("KG_SHARED") or ROOT.parent / "shared")
    return place if place.is_dir() else None


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("shared") and shared_directory() is None:
        if IN_CI:
            pytest.fail("CI must have the shared data beside the checkout, or named by KG_SHARED")
        pytest.skip("the shared data sets are not beside this checkout; KG_SHARED may name their directory")


@pytest.fixture(scope="session")
def shared() -> Path:
    place = shared_directory()
    assert place is not None, "mark the test with pytest.mark.shared"
    return place


def build_seed(home: Path, *, documents: Path | None = None, base: str = DEFAULT_BASE) -> Built:
    """Build every source that has a snapshot into ``home``, with the documents of a directory if one is given."""
    sources = registry()
    if documents is not None:
        for source in sources.values():
            if source.documents:
                fetch_from(source, [documents], home)
    chosen = [(source, snapshot) for source in sources.values() if (snapshot := snapshot_of(source, home))]
    releases = Releases(home)
    built = build(
        chosen, base=base, releases=releases, created=CREATED, pins=("words", "seed") if documents else ("seed",)
    )
    releases.promote(built.release.version)
    return built


@pytest.fixture(scope="session")
def seed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with one release of the bundled sources, without the article's text."""
    home = tmp_path_factory.mktemp("seed")
    build_seed(home)
    return home


@pytest.fixture(scope="session")
def seed_release(seed_home: Path) -> Release:
    release = Releases(seed_home).current()
    assert release is not None
    return release


@pytest.fixture(scope="session")
def seed_store(seed_release: Release) -> Iterator[OxigraphStore]:
    """The release of the bundled sources, in this process."""
    store = OxigraphStore.load([(seed_release.quads, None, None)])
    yield store
    store.close()


@pytest.fixture(scope="session")
def seed_dataset(seed_release: Release) -> rdflib.Dataset:
    """The same quads in rdflib, for its evaluator as a second opinion."""
    import gzip

    dataset = rdflib.Dataset()
    dataset.parse(data=gzip.decompress(seed_release.quads.read_bytes()), format="nquads")
    return dataset


@pytest.fixture(scope="session")
def words_home(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """A home with one release whose article was at hand."""
    home = tmp_path_factory.mktemp("words")
    build_seed(home, documents=shared / "documents")
    return home

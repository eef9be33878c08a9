"""Work that is done is not done again, and the bytes do not tell: incremental or clean, alone or in processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from kg import resources
from kg.build import Built, build
from kg.errors import DriftError
from kg.loading import LOAD, load_all
from kg.model import DEFAULT_BASE, Ledger, Mint, Snapshot
from kg.release import MANIFEST, Releases
from kg.sources import Source, read_source, registry
from kg.sources.fetch import snapshot_of
from tests.conftest import CREATED, ROOT

pytestmark = pytest.mark.slow  # each case builds several times

Chosen = Sequence[tuple[Source, Snapshot]]
MINT = Mint(DEFAULT_BASE, Ledger.read(resources.curated() / "ledger.csv"))


def bundled(home: Path) -> list[tuple[Source, Snapshot]]:
    return [
        (source, taken) for source in registry().values() if source.curated and (taken := snapshot_of(source, home))
    ]


def made(home: Path, chosen: Chosen, *, processes: int = 1) -> tuple[Built, list[str], list[str]]:
    """Build with a home's work; give what was built, the sources that were loaded, and the steps that were told."""
    ran: list[str] = []
    told: list[str] = []
    built = build(
        chosen, base=DEFAULT_BASE, releases=Releases(home), created=CREATED, work=home / "work", processes=processes,
        progress=lambda source, assertions, done: ran.append(source) if done else None,
        report=lambda event, values: told.append(event),
    )  # fmt: skip
    return built, sorted(ran), told


def same_bytes(one: Built, other: Built) -> None:
    names = {path.name for path in one.release.path.iterdir()}
    assert names == {path.name for path in other.release.path.iterdir()}
    for name in names - {MANIFEST}:
        assert (one.release.path / name).read_bytes() == (other.release.path / name).read_bytes(), name


def edited(folder: Path, source: Source) -> tuple[Source, Snapshot]:
    """Give a copy of a curated source in which a comment was added: other bytes, the same facts."""
    shutil.copytree(source.definition.parent, folder / "curated", dirs_exist_ok=True)
    copy = folder / "curated" / source.definition.name
    copy.write_text(copy.read_text(encoding="utf-8") + "\n# a comment\n", encoding="utf-8")
    changed = read_source(copy)
    taken = changed.bundled()
    assert taken is not None
    return changed, taken


def test_nothing_changed_is_nothing_done(tmp_path: Path) -> None:
    chosen = bundled(tmp_path)
    first, ran, _ = made(tmp_path, chosen)
    assert ran == sorted(source.name for source, _ in chosen)
    again, ran, told = made(tmp_path, chosen)
    assert (ran, told) == ([], ["unchanged"])
    assert again.release.version == first.release.version
    assert again.differences == first.differences
    assert again.warnings == first.warnings


def test_a_release_that_was_removed_is_made_again(tmp_path: Path) -> None:
    first, _, _ = made(tmp_path, bundled(tmp_path))
    version = first.release.version
    shutil.rmtree(first.release.path)
    again, ran, told = made(tmp_path, bundled(tmp_path))
    assert again.release.version == version
    assert ran == []
    assert "sealed" in told


def test_one_changed_source_is_the_only_one_loaded_and_the_bytes_are_those_of_a_clean_build(tmp_path: Path) -> None:
    home, clean = tmp_path / "home", tmp_path / "clean"
    chosen = bundled(home)
    made(home, chosen)
    changed = edited(tmp_path, chosen[3][0])
    later = [*chosen[:3], changed, *chosen[4:]]
    incremental, ran, _ = made(home, later)
    assert ran == [changed[0].name]
    whole, ran, _ = made(clean, later)
    assert len(ran) == len(chosen)
    same_bytes(incremental, whole)


def test_the_number_of_processes_changes_no_byte(tmp_path: Path) -> None:
    one, ran_one, _ = made(tmp_path / "one", bundled(tmp_path), processes=1)
    two, ran_two, _ = made(tmp_path / "two", bundled(tmp_path), processes=2)
    assert ran_one == ran_two
    same_bytes(one, two)


def test_without_a_work_directory_the_bytes_are_the_same(tmp_path: Path) -> None:
    chosen = bundled(tmp_path)
    kept, _, _ = made(tmp_path / "kept", chosen)
    alone = build(chosen, base=DEFAULT_BASE, releases=Releases(tmp_path / "alone"), created=CREATED)
    same_bytes(kept, alone)


def test_loads_that_ended_before_an_error_are_kept(tmp_path: Path) -> None:
    chosen = bundled(tmp_path)
    broken, _ = edited(tmp_path, chosen[2][0])
    text = broken.definition.read_text(encoding="utf-8")
    broken.definition.write_text(text.replace("[expect]", "[expect]\nFork = [7, 7]", 1), encoding="utf-8")
    bad = read_source(broken.definition)
    snapshot = bad.bundled()
    assert snapshot is not None
    with pytest.raises(DriftError, match="0 of class Fork, where 7 to 7 are expected"):
        made(tmp_path, [*chosen[:2], (bad, snapshot), *chosen[3:]], processes=2)
    assert not list((tmp_path / "releases").glob("*/manifest.json"))
    _, ran, _ = made(tmp_path, chosen)
    assert ran == [chosen[2][0].name]


# Loads with a loader that kills its process after some assertions: what a crash or a kill for want of memory leaves.
KILLED = """
import os, signal, sys
from pathlib import Path
from kg.sources import standoff
from tests.contract.test_incremental import MINT, bundled
from kg.loading import load_all

whole = standoff.load
def dying(source, snapshot, mint, issues):
    for number, said in enumerate(whole(source, snapshot, mint, issues)):
        if source.name == sys.argv[2] and number == 20:
            os.kill(os.getpid(), signal.SIGKILL)
        yield said
standoff.load = dying
load_all(bundled(Path(sys.argv[1])), MINT, Path(sys.argv[1]) / "work", code="x")
"""


def test_a_load_that_is_killed_leaves_nothing_half_and_the_rest_is_not_done_again(tmp_path: Path) -> None:
    chosen = bundled(tmp_path)
    victim = chosen[-1][0].name
    ended = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), victim], cwd=ROOT, env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    loads = tmp_path / "work" / "loads"
    assert not list(loads.glob(f"{victim}-*"))
    assert list(loads.glob(".making-*")), "it died in the middle"
    ran: list[str] = []
    found = load_all(
        chosen, MINT, tmp_path / "work", code="x", progress=lambda name, met, done: ran.append(name) if done else None
    )
    assert victim in ran
    assert {load.source.name for load in found if load.reused} == {source.name for source, _ in chosen} - set(ran)
    assert not list(loads.glob(".making-*"))
    assert all((load.path / LOAD).is_file() for load in found)

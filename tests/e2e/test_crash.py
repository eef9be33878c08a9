"""A build that is killed, at any step and at any time: what is served stands, and the next build succeeds."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from kg.release import MANIFEST, Releases
from tests.conftest import ROOT
from tests.e2e.conftest import KG

SOURCE = "pytorch-foundation-2022"  # it builds alone, so a build of it is short and no build of all

# Runs `kg build` in children that end themselves just before a given step: an event of Python's audit with a path that
# fits. One process for all, so that the modules are imported once.
CRASHER = """
import json, os, re, signal, sys
import kg.build, kg.check
from kg.cli import main

for line in sys.stdin:
    home, event, pattern = json.loads(line)
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(quiet, descriptor)

        def hook(name, args):
            if name == event and any(isinstance(arg, str) and re.search(pattern, arg) for arg in args):
                os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hook)
        try:
            main(["--home", home, "build", sys.argv[1]])
        except SystemExit as ended:
            os._exit(ended.code or 0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""

Crash = Callable[..., int]


@pytest.fixture(scope="module")
def build_until() -> Iterator[Crash]:
    """Build in a home until just before a step, give the exit status (-9 when the step was reached)."""
    process = subprocess.Popen(
        [sys.executable, "-c", CRASHER, SOURCE],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    asked, answered = process.stdin, process.stdout

    def run(home: Path, event: str = "", pattern: str = "") -> int:
        asked.write(json.dumps([str(home), event, pattern]) + "\n")
        asked.flush()
        return int(answered.readline())

    yield run
    process.communicate()


@pytest.fixture
def home(seed_home: Path, tmp_path: Path) -> Path:
    """A home of one's own in which the seed release is current."""
    shutil.copytree(seed_home, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def current(home: Path) -> str:
    release = Releases(home).current()
    assert release is not None
    release.verify()
    return release.version


def listed(home: Path) -> list[str]:
    """Give the releases that are there, each proved whole."""
    found = list(Releases(home))
    for release in found:
        release.verify()
    return [release.version for release in found]


def litter(home: Path) -> list[str]:
    return [path.name for path in (home / "releases").iterdir() if path.name.startswith(".")]


# The steps of a build and a promotion that touch the disk, in order: the event, the path, how many releases are there
# when it crashes just before, and whether the new one is current then. After those that leave most, a build follows.
SEALING = ("os.rename", r"/\.making-[^/]*$", 1, False)
PROMOTING = ("os.rename", r"/\.promote-.*/current$", 2, False)
PROMOTED = ("shutil.rmtree", r"/\.promote-", 2, True)
STEPS = [
    ("os.mkdir", r"/\.making-", 1, False),
    ("open", r"/\.making-.*/issues\.jsonl$", 1, False),
    ("open", r"/\.making-.*/quads\.nq\.gz\.part$", 1, False),
    ("os.rename", r"/quads\.nq\.gz\.part$", 1, False),
    ("open", r"/\.making-[^/]*/manifest\.json$", 1, False),
    SEALING,
    ("os.mkdir", r"/\.promote-", 2, False),
    ("os.symlink", r"/\.promote-.*/current$", 2, False),
    PROMOTING,
    PROMOTED,
]


@pytest.mark.slow
@pytest.mark.parametrize(("event", "path", "there", "promoted"), STEPS)
def test_a_build_killed_before_a_step_leaves_what_is_served(
    build_until: Crash, home: Path, event: str, path: str, there: int, promoted: bool
) -> None:
    earlier = current(home)
    assert build_until(home, event, path) == -signal.SIGKILL, "a build comes to this step"
    assert len(listed(home)) == there
    assert (current(home) != earlier) == promoted
    assert os.readlink(home / "releases" / "current") == current(home)

    if (event, path, there, promoted) in (SEALING, PROMOTING, PROMOTED):
        assert litter(home)
        assert build_until(home) == 0, "the next build succeeds"
        assert current(home) != earlier
        assert set(listed(home)) == {earlier, current(home)}
    else:
        with Releases(home).making():  # how the next build begins
            pass
    assert litter(home) == [], "what was left is removed"


def kg_build(home: Path) -> subprocess.Popen[bytes]:
    command = [str(KG), "--home", str(home), "build", SOURCE]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL)


def kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def test_builds_killed_at_any_time_leave_what_is_served(home: Path) -> None:
    earlier = current(home)
    chance = random.Random(20250521)
    for _ in range(2):
        process = kg_build(home)
        try:
            process.wait(chance.uniform(0.2, 2.0))
        except subprocess.TimeoutExpired:
            kill(process)
        assert current(home) in listed(home)
        assert earlier in listed(home)
        assert len(listed(home)) <= 2


def test_a_build_killed_while_it_makes_a_release_shows_none_of_it(home: Path) -> None:
    earlier = current(home)
    process = kg_build(home)
    until = time.monotonic() + 60
    while not any(name.startswith(".making-") for name in litter(home)):
        assert process.poll() is None
        assert time.monotonic() < until
    os.kill(process.pid, signal.SIGSTOP)
    stopped = litter(home)
    assert listed(home) == [earlier]
    kill(process)
    assert litter(home) == stopped
    assert listed(home) == [earlier] == [current(home)]
    assert not list((home / "releases").glob(f".making-*/{MANIFEST}"))

    done = kg_build(home)
    assert done.wait(60) == 0
    assert litter(home) == []
    assert current(home) != earlier

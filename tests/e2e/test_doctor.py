"""`kg doctor` names what is wrong with a home and a machine and how to mend it; broken settings do not stop it."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from kg.release import Releases
from tests.e2e.conftest import run_kg


@pytest.fixture
def home(seed_home: Path, tmp_path: Path) -> Path:
    shutil.copytree(seed_home, tmp_path / "home", symlinks=True)
    return tmp_path / "home"


def findings(home: Path, *words: str, status: int = 0) -> dict[str, dict[str, str]]:
    done = run_kg(home, "doctor", "--json", *words)
    assert done.returncode == status, done.stdout + done.stderr
    return {one["name"]: one for one in json.loads(done.stdout)}


def test_a_home_that_is_well(home: Path) -> None:
    found = findings(home)
    looked_at = {"python", "system", "settings", "home", "disk", "spool", "memory", "release", "sources", "port"}
    assert looked_at | {"java", "chromium"} == set(found)
    assert {name for name, one in found.items() if one["state"] == "broken"} == set()
    assert all(one["mend"] for one in found.values() if one["state"] != "ok")


def test_a_home_that_is_not_there_yet(tmp_path: Path) -> None:
    found = findings(tmp_path / "new")
    assert found["current"]["state"] == "note"
    assert "kg demo" in found["current"]["mend"]
    assert not (tmp_path / "new").exists()


def test_a_release_that_changed_is_named(home: Path) -> None:
    release = Releases(home).current()
    assert release is not None
    with release.quads.open("ab") as quads:
        quads.write(b"x")
    found = findings(home, status=1)["release"]
    assert (found["state"], "quads.nq.gz changed" in found["found"]) == ("broken", True)


def test_a_current_release_whose_directory_is_gone(home: Path) -> None:
    release = Releases(home).current()
    assert release is not None
    shutil.rmtree(release.path)
    found = findings(home, status=1)["current"]
    assert release.version in found["found"]
    assert "promote" in found["mend"]


def test_a_file_of_settings_that_is_broken_stops_neither_help_nor_doctor(home: Path) -> None:
    (home / "kg.toml").write_text("seconds = \n")
    for words in (["--help"], ["serve", "--help"], ["releases", "promote", "--help"]):
        done = run_kg(home, *words)
        assert (done.returncode, done.stdout.startswith("Usage: ")) == (0, True)
    found = findings(home, status=1)["settings"]
    assert "kg.toml" in found["found"]
    done = run_kg(home, "config")
    assert done.returncode == 1
    assert done.stderr.startswith("kg: ")
    assert "kg.toml" in done.stderr


def test_a_port_that_is_taken_is_named(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        found = findings(home, "--port", str(port))["port"]
    assert found["state"] == "note"
    assert str(port) in found["found"]


def test_people_read_lines(home: Path) -> None:
    done = run_kg(home, "doctor")
    assert done.returncode == 0
    assert any(line.startswith("ok       python") for line in done.stdout.splitlines())

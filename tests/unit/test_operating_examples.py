"""The examples for operators: systemd and a container builder know each line, and what they call is there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from configparser import RawConfigParser
from pathlib import Path

import click
import pytest

from kg.cli import main
from kg.config import Config
from tests.conftest import ROOT

EXAMPLES = ROOT / "kg" / "examples"
INSTRUCTIONS = {
    *("FROM", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "CMD", "WORKDIR", "ARG"),
    *("ENTRYPOINT", "LABEL", "SHELL", "ADD", "ONBUILD"),
}  # Source: Dockerfile reference


def unit() -> RawConfigParser:
    parser = RawConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]  # systemd's names have capitals
    parser.read(EXAMPLES / "osai-kg.service", encoding="utf-8")
    return parser


def instructions() -> list[tuple[str, str]]:
    """Give the instructions of the container file, continued lines joined."""
    text = (EXAMPLES / "Containerfile").read_text(encoding="utf-8")
    lines = re.sub(r"\\\n", " ", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE)).splitlines()
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in lines if line.strip()]


def check_command(words: list[str]) -> None:
    """Parse the words of a kg command as kg itself would, without running it."""
    assert Path(words[0]).name == "kg"
    command = main.commands[words[1]]
    context = command.make_context(words[1], list(words[2:]))
    assert isinstance(context, click.Context)


def test_the_unit_starts_stops_and_reloads_a_command_that_is_there() -> None:
    service = unit()["Service"]
    check_command(shlex.split(service["ExecStart"]))
    assert shlex.split(service["ExecReload"]) == ["/bin/kill", "-HUP", "$MAINPID"]
    # It tells systemd when it answers (sd_notify), and a stop waits for the queries that run.
    assert service["Type"] == "notify"
    assert int(service["TimeoutStopSec"]) > Config.model_fields["seconds"].default + 5
    names = {word.split("=")[0] for word in service["Environment"].split()}
    assert names <= {f"KG_{name.upper()}" for name in Config.model_fields}
    assert unit()["Install"]["WantedBy"] == "multi-user.target"


def test_systemd_finds_no_fault_in_the_unit(tmp_path: Path) -> None:
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed")
    text = (EXAMPLES / "osai-kg.service").read_text(encoding="utf-8")
    placed = tmp_path / "osai-kg.service"
    placed.write_text(text.replace("/opt/osai-kg/bin/kg", "/bin/true"))
    done = subprocess.run([program, "verify", "--man=no", str(placed)], capture_output=True, text=True, check=False)
    assert [line for line in done.stderr.splitlines() if "osai-kg.service" in line] == []


def test_the_container_runs_a_command_that_is_there_as_nobody_special() -> None:
    found = instructions()
    assert {name for name, _ in found} <= INSTRUCTIONS
    assert found[0][0] == "FROM"
    given = dict(found)
    check_command(json.loads(given["CMD"]))
    assert given["USER"] not in ("root", "0")
    names = {word.split("=")[0] for word in given["ENV"].split()}
    assert names <= {f"KG_{name.upper()}" for name in Config.model_fields}
    health = json.loads(given["HEALTHCHECK"].partition(" CMD ")[2])
    compile(health[2], "HEALTHCHECK", "exec")
    assert "/-/health" in health[2]


def test_every_setting_of_the_unit_is_one_that_it_knows() -> None:
    known = {"Unit", "Service", "Install"}
    assert set(unit().sections()) == known
    for section in known:
        for name in unit()[section]:
            assert re.fullmatch(r"[A-Z][A-Za-z]+", name), name

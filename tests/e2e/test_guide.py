"""The guide of the README, followed word for word: its files written, its commands run, its outputs compared."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.e2e.conftest import KG

pytestmark = pytest.mark.slow  # it follows the guide of the README


@dataclass(frozen=True)
class Block:
    """A fenced block of the guide: its language, its text, and the file that the words before it name."""

    language: str
    text: str
    file: str | None


def blocks() -> Iterator[Block]:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    section = re.search(r"^## Add a source in 30 minutes\n(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    assert section is not None
    for before, language, body in re.findall(r"([^\n]*)\n\n```(\w*)\n(.*?)^```$", section[1], re.MULTILINE | re.DOTALL):
        names = re.findall(r"`sources/([\w.-]+)`", before)
        yield Block(language, body, names[-1] if names else None)


def test_the_guide_has_what_it_promises() -> None:
    found = list(blocks())
    assert [block.file for block in found if block.file] == [
        "tree-tools.csv", "tree-tools.toml", "river_tools.py", "river-tools.json", "river-tools.toml",
    ]  # fmt: skip
    assert sum(block.language == "sh" for block in found) >= 5
    assert sum(block.language == "" for block in found) == 3, "what is printed"


def test_the_guide_works_as_it_is_written(tmp_path: Path) -> None:
    home = tmp_path / "osai-kg"
    environment = {
        "PATH": f"{KG.parent}:{os.environ['PATH']}", "HOME": str(tmp_path), "KG_HOME": str(home), "LC_ALL": "C.UTF-8",
    }  # fmt: skip
    printed = ""
    for block in blocks():
        if block.file:
            (home / "sources" / block.file).write_text(block.text, encoding="utf-8")
        elif block.language == "sh":
            done = subprocess.run(
                ["sh", "-eu", "-c", block.text],
                env=environment, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block.text}\n{done.stdout}{done.stderr}"
            assert "Traceback" not in done.stderr
            printed = done.stdout
        else:
            assert block.language == ""
            assert printed.endswith(block.text), f"{printed}\nis not what the guide says:\n{block.text}"
    assert (home / "sources" / "tree-tools.toml").is_file(), "the guide's own KG_HOME was used"


@pytest.mark.parametrize("language", ["toml", "csv", "python", "json"])
def test_every_file_of_the_guide_says_its_name_before_it(language: str) -> None:
    assert all(block.file for block in blocks() if block.language == language)

"""A build of the shared data beside ``oxigraph load`` of the quads that it made: time, memory, and what a change costs.

Every figure is a ratio within one run. Targets of the issue: at most four times the load, under 3 GB; unchanged under
three seconds (printed, not asserted); one small source changed at most 15 % of the whole.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from isal import igzip

from kg.release import Releases
from tests.conftest import ROOT

pytestmark = [pytest.mark.bench, pytest.mark.shared]

KG = [sys.executable, "-m", "kg.cli"]
MEASURED = """
import json, resource, subprocess, sys, time
began = time.monotonic()
status = subprocess.call(json.loads(sys.argv[1]), stdout=subprocess.DEVNULL)
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(json.dumps([status, time.monotonic() - began, peak]))
"""


def measured(command: list[str], home: Path) -> tuple[float, int]:
    """Run a command; give its wall seconds and the peak bytes of its largest process."""
    ended = subprocess.run(
        [sys.executable, "-c", MEASURED, json.dumps(command)],
        env={**os.environ, "KG_HOME": str(home)}, cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    status, seconds, peak = json.loads(ended.stdout)
    assert status == 0, ended.stderr
    return seconds, peak


def test_build_beside_load(tmp_path: Path, shared: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    fetch, _ = measured([*KG, "fetch", "--from", str(shared / "data"), "--from", str(shared / "documents")], home)
    whole, peak = measured([*KG, "build"], home)
    again, _ = measured([*KG, "build"], home)

    changed = tmp_path / "changed" / "openssf-landscape"
    changed.mkdir(parents=True)
    text = (shared / "data" / "openssf-landscape" / "landscape.yml").read_text(encoding="utf-8")
    (changed / "landscape.yml").write_text(text.rstrip("\n") + "\n# one byte more\n", encoding="utf-8")
    measured([*KG, "fetch", "openssf-landscape", "--from", str(tmp_path / "changed")], home)
    small, _ = measured([*KG, "build"], home)

    release = Releases(home).current()
    assert release is not None
    quads = tmp_path / "quads.nq"
    lines = 0
    with igzip.open(release.quads) as packed, quads.open("wb") as out:
        while block := packed.read(1 << 20):
            lines += block.count(b"\n")
            out.write(block)
    tool = shutil.which("oxigraph", path=str(Path(sys.executable).parent)) or "oxigraph"
    load, _ = measured([tool, "load", "--location", str(tmp_path / "db"), "--file", str(quads)], home)
    with capsys.disabled():
        print(
            f"\n{lines:,} quads: fetch {fetch:.1f} s, build {whole:.1f} s ({whole / load:.2f}x oxigraph load, "
            f"{load:.1f} s), peak {peak / 1e9:.2f} GB; unchanged {again:.2f} s; one small source changed {small:.1f} s "
            f"({small / whole:.0%} of the whole)"
        )
    assert peak < 3e9
    assert whole < 6 * load, "a budget fails only when clearly broken; the target is 4"

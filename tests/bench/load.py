"""Asks a server as fast as it answers, over a fixed number of connections, for a bounded time.

``wrk`` drives where it is installed (Debian's ``wrk``): it costs the two cores little. Elsewhere threads of Python do,
which flatters slow servers; the result says which it was.
"""

from __future__ import annotations

import http.client
import itertools
import shutil
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit

_SCRIPT = """
local paths = {}
for line in io.lines("%s") do paths[#paths + 1] = line end
local next = 0
local mark = "%s"
request = function()
  next = next + 1
  local path = paths[(next - 1) %% #paths + 1]
  if mark ~= "" then path = path .. mark .. next end
  return wrk.format("GET", path, {["Accept"] = "application/sparql-results+json"})
end
done = function(summary, latency)
  io.write(string.format("RESULT %%d %%d %%d %%d\\n", summary.requests, summary.duration,
    summary.errors.status + summary.errors.connect + summary.errors.read + summary.errors.timeout,
    latency:percentile(99)))
end
"""


@dataclass(frozen=True)
class Measured:
    """Requests a second, failures, and the 99th percentile of latency in milliseconds."""

    per_second: float
    failures: int
    p99: float
    driver: str


_marks = itertools.count(1)


def drive(
    url: str, queries: Sequence[str], *, connections: int, seconds: int, folder: Path, fresh: bool = False
) -> Measured:
    """Ask the queries in turn for ``seconds``.

    ``fresh`` ends each text with a comment of its own: no server has an answer to it at hand.
    """
    parts = urlsplit(url)
    paths = [f"{parts.path}?query={quote(query, safe='')}" for query in queries]
    mark = f"%0A%23{next(_marks)}-" if fresh else ""
    if shutil.which("wrk"):
        return _wrk(f"{parts.scheme}://{parts.netloc}", paths, connections, seconds, folder, mark)
    return _threads(parts.netloc, paths, connections, seconds, mark)


def _wrk(origin: str, paths: Sequence[str], connections: int, seconds: int, folder: Path, mark: str) -> Measured:
    listed = folder / "paths.txt"
    listed.write_text("\n".join(paths) + "\n")
    script = folder / "paths.lua"
    script.write_text(_SCRIPT % (listed, mark))
    done = subprocess.run(
        ["wrk", "-t", "1", "-c", str(connections), "-d", f"{seconds}s", "--timeout", "30s", "-s", str(script), origin],
        check=True, capture_output=True, text=True, timeout=seconds + 60,
    )  # fmt: skip
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, microseconds, failures, p99 = (int(word) for word in line.split()[1:])
    return Measured(requests / (microseconds / 1e6), failures, p99 / 1000, "wrk")


def _threads(netloc: str, paths: Sequence[str], connections: int, seconds: int, mark: str) -> Measured:
    until = time.monotonic() + seconds
    taken: list[float] = []
    failures = 0

    def one(offset: int) -> None:
        nonlocal failures
        connection = http.client.HTTPConnection(netloc, timeout=30)
        turn = offset
        while time.monotonic() < until:
            start = time.perf_counter()
            path = paths[turn % len(paths)] + (f"{mark}{turn}" if mark else "")
            connection.request("GET", path, headers={"Accept": "application/sparql-results+json"})
            response = connection.getresponse()
            response.read()
            taken.append(time.perf_counter() - start)
            failures += response.status != 200
            turn += connections
        connection.close()

    threads = [threading.Thread(target=one, args=(number,)) for number in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken.sort()
    return Measured(len(taken) / seconds, failures, 1000 * taken[int(len(taken) * 0.99)], "python threads")

"""``kg doctor``: what of this machine and this home works, what does not, and how to mend it.

Looks only; changes nothing and asks no other machine. What the service or a build needs is broken when it fails; what
only some commands need is a note.
"""

from __future__ import annotations

import os
import platform
import shutil
import socket
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from kg import sources
from kg.config import Config
from kg.errors import ConfigError, KgError
from kg.reasoning import java_executable
from kg.release import MANIFEST, Releases
from kg.sources.fetch import missing_documents, snapshot_of

_PYTHON = (3, 11)
_ROOM = 1 << 30  # bytes of disk below which a build or a spooled answer may fail
_QUAD = 340  # bytes of memory a quad takes in the engine (measured); the loading takes about as much again
_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. ``mend`` says why it matters and what to do, where there is something to do."""

    name: str
    state: Literal["ok", "note", "broken"]
    found: str
    mend: str = ""

    def as_json(self) -> dict[str, str]:
        """Give it as plain values."""
        return asdict(self)


def examine(config: Config | ConfigError, port: int) -> Iterator[Finding]:
    """Look at everything, one thing after the other. ``config`` may be the error that reading it ended with."""
    yield _python()
    yield _platform()
    if isinstance(config, ConfigError):
        yield Finding("settings", "broken", str(config), "Mend the value there; kg config shows where each is from.")
        return
    yield Finding("settings", "ok", f"kg.toml {'is read' if (config.home / 'kg.toml').is_file() else 'is not there'}")
    yield _home(config.home)
    yield _disk("disk", config.home)
    yield _disk("spool", Path(tempfile.gettempdir()))
    yield from _releases(config)
    yield from _snapshots(config.home)
    yield _port(port)
    yield _program("java", java_executable(), "kg check runs HermiT with it; install osai-kg[reason], or a Java.")
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    yield _program("chromium", browser, "Only tests of the pages use it; install chromium to run them.")


def _python() -> Finding:
    found = f"{platform.python_version()} at {sys.prefix}"
    if sys.version_info < _PYTHON:
        return Finding("python", "broken", found, f"Install Python {'.'.join(map(str, _PYTHON))} or later.")
    return Finding("python", "ok", found)


def _platform() -> Finding:
    found = f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors"
    if sys.platform != "linux":
        mend = "Limits on memory and the network of query workers are Linux's; serve strangers from Linux."
        return Finding("system", "note", found, mend)
    return Finding("system", "ok", found)


def _home(home: Path) -> Finding:
    nearest = next(path for path in (home, *home.parents) if path.exists())
    if not nearest.is_dir():
        return Finding("home", "broken", f"{nearest} is no directory", "Name a directory with KG_HOME or --home.")
    if not os.access(nearest, os.W_OK | os.X_OK):
        mend = "Builds write there; give this user the right to, or name another with KG_HOME."
        return Finding("home", "broken", f"{nearest} cannot be written to", mend)
    return Finding("home", "ok", str(home) if home.exists() else f"{home} (made by the first build)")


def _disk(name: str, place: Path) -> Finding:
    nearest = next(path for path in (place, *place.parents) if path.exists())
    free = shutil.disk_usage(nearest).free
    found = f"{free / 2**30:.1f} GiB free at {nearest}"
    if free < _ROOM:
        return Finding(name, "broken", found, "Large answers and builds need room; free some (kg releases prune).")
    return Finding(name, "ok", found)


def _releases(config: Config) -> Iterator[Finding]:
    releases = Releases(config.home)
    try:
        current = releases.current()
    except KgError as error:
        current = None
        yield Finding("current", "broken", str(error), "kg releases promote R makes another one current.")
    link = releases.root / "current"
    if link.is_symlink() and not link.exists():
        mend = "Its directory was removed; kg releases promote R makes another one current, kg build a new one."
        yield Finding("current", "broken", f"the current release {os.readlink(link)} is gone", mend)
    elif current is None and not link.is_symlink():
        yield Finding("current", "note", "no release is sealed yet", "kg demo or kg build makes one.")
    elif current is not None:
        if current.manifest.base != config.base:
            mend = "Build again, or set KG_BASE to the base of the release."
            yield Finding("base", "broken", f"the current release has {current.manifest.base}", mend)
        counts = current.manifest.counts
        quads = counts.get("default_triples", 0) + counts.get("named_triples", 0)
        yield _memory(quads)
    names = [path.name for path in sorted(releases.root.glob("*")) if (path / MANIFEST).is_file()]
    for name in names:
        if name == "current" or name.startswith("."):
            continue
        try:
            releases.get(name).verify()
        except KgError as error:
            state: Literal["note", "broken"] = "broken" if current and current.version == name else "note"
            yield Finding("release", state, str(error), "Remove its directory, and build or promote another one.")
        else:
            mark = " (current)" if current and current.version == name else ""
            yield Finding("release", "ok", f"{name} is as it was sealed{mark}")


def _memory(quads: int) -> Finding:
    needed = 2 * _QUAD * quads
    try:
        fields = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        free = int(fields["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return Finding("memory", "note", f"{quads:,} quads take about {needed / 2**20:,.0f} MiB to load")
    found = f"{free / 2**20:,.0f} MiB available; {quads:,} quads take about {needed / 2**20:,.0f} MiB to load"
    if free < needed:
        return Finding("memory", "broken", found, "Serve from a machine with more, or a store of its own: --store URL.")
    if free < 2 * needed:
        mend = "A service holds two releases while it goes over to another one; that may be too much here."
        return Finding("memory", "note", found, mend)
    return Finding("memory", "ok", found)


def _snapshots(home: Path) -> Iterator[Finding]:
    try:
        registry = sources.registry(home / "sources")
    except KgError as error:
        yield Finding("sources", "broken", str(error), "Mend the file that is named.")
        return
    there, lacking, silent = 0, [], []
    for source in registry.values():
        try:
            snapshot = snapshot_of(source, home)
        except KgError as error:
            yield Finding("snapshot", "broken", str(error), f"kg fetch {source.name} takes another one.")
            continue
        if snapshot is None:
            lacking.append(source.name)
            continue
        there += 1
        if missing_documents(source, snapshot):
            silent.append(source.name)
    mend = "kg fetch --from DIR takes them from where they are; a build goes without them." if lacking else ""
    words = f"; of {len(silent)} the document is not at hand" if silent else ""
    found = f"{there} of {len(registry)} sources have a snapshot{words}"
    yield Finding("sources", "note" if lacking else "ok", found, mend)


def _port(port: int) -> Finding:
    try:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
    except OSError as error:
        mend = "Another program listens there, perhaps this service; kg serve --port N takes another."
        return Finding("port", "note", f"{port} cannot be listened on: {error.strerror}", mend)
    return Finding("port", "ok", f"{port} is free")


def _program(name: str, path: str | None, use: str) -> Finding:
    return Finding(name, "ok", path) if path else Finding(name, "note", "not found", use)

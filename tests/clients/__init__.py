"""Clients of others that the tests drive: YASGUI and comunica, which npm fetches by the hashes of the lock file.

They are kept in ``node_modules`` here, outside of git, until the lock file changes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kg.web.assets import build

HERE = Path(__file__).resolve().parent
PACKAGES = HERE / "node_modules"
COMUNICA = PACKAGES / "comunica.js"
_STAMP = PACKAGES / ".made-of"
# What npm says when the registry cannot be reached; anything else, a wrong hash above all, is a failure.
_AWAY = (
    "EAI_AGAIN",
    "ECONNREFUSED",
    "ECONNRESET",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "ENOTFOUND",
    "ETIMEDOUT",
    "timed out",
)


def fetched() -> Path:
    """Give the directory of the packages, fetched where they are not there. Skips where npm reaches no registry."""
    lock = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    if not _STAMP.is_file() or _STAMP.read_text() != lock:
        try:
            build.fetch(HERE, "--ignore-scripts")
            # One script instead of thousands of files: for browsers, and quick to start in Node.
            entry = "@comunica/query-sparql/lib/index-browser.js"
            options = ("--format=iife", "--global-name=comunica", "--define:global=globalThis")
            build.esbuild(f"node_modules/{entry}", *options, f"--outfile={COMUNICA}", folder=HERE)
        except build.BundleError as error:
            if any(word in str(error) for word in _AWAY):
                pytest.skip(f"no registry of npm can be reached from here: {error}")
            raise
        _STAMP.write_text(lock)
    return PACKAGES

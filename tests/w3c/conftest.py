"""Prints how many tests of the W3C suite pass, by section, when a run ends."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

_KINDS = {"passed": "passed", "xfailed": "listed as failing", "failed": "failed", "error": "failed"}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for outcome, kind in _KINDS.items():
        for report in terminalreporter.stats.get(outcome, ()):
            for name, section in getattr(report, "user_properties", ()):
                if name == "W3C section":
                    counts[section][kind] += 1
    if not counts:
        return
    terminalreporter.section("W3C SPARQL 1.1 test suite, through HTTP")
    for section, found in sorted(counts.items()):
        rest = "".join(f", {count} {kind}" for kind, count in found.items() if kind != "passed")
        terminalreporter.line(f"{section:20} {found['passed']:3} of {found.total():3}{rest}")

"""Accessibility of a page in a browser, by axe-core, which the build of the query editor brings from npm."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from kg.web.assets import build

_SCRIPT = build.HERE / "node_modules" / "axe-core" / "axe.min.js"
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def violations(page: Page) -> list[str]:
    """Give what breaks WCAG 2.2 AA or good practice on the page as it is now: each rule with the elements."""
    if not _SCRIPT.is_file():
        pytest.fail("axe-core is not here; python -m kg.web.assets.build fetches it")
    page.evaluate(_SCRIPT.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(
        """rules => axe.run(document, { runOnly: rules }).then(({ violations }) =>
            violations.map(({ id, nodes }) => `${id}: ${nodes.map(node => node.html).join(' ')}`))""",
        _RULES,
    )
    return found

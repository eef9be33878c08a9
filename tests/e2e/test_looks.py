"""What the hubs of the graph look like to a reader: on a phone and a desk, in the light and the dark, and on paper.

Needs a home with a release of all sources in ``KG_FULL_HOME``. The pictures are left in ``tests/output``, to be looked
at by somebody.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browsing import chromium
from tests.conftest import ROOT
from tests.contract.axe import violations
from tests.e2e.conftest import Service, serving

OUTPUT = ROOT / "tests" / "output"
HOME = os.environ.get("KG_FULL_HOME")
PAGES = {
    "home": "/",
    "foundation": "/page/org/linux-foundation",
    "company": "/page/org/meta",
    "project": "/page/project/pytorch",
    "event": "/page/event/pytorch-transfer-2022",
    "finding": "/page/finding/osai-2025-f20",
    "person": "/page/person/frank-nagle",
    "sector": "/page/concept/sector/J",
    "ontology": "/ontology",
    "term": "/ontology/term/Project",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.browser,
    pytest.mark.skipif(not HOME, reason="KG_FULL_HOME names no home with a release of all sources"),
]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with serving(Path(str(HOME)), tmp_path_factory.mktemp("looks") / "log") as service:
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("name", PAGES)
def test_a_hub_fits_its_screen_and_is_accessible(
    service: Service, browser: Browser, name: str, width: int, scheme: str
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    try:
        page = context.new_page()
        page.goto(f"{service.url}{PAGES[name]}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        OUTPUT.mkdir(exist_ok=True)
        page.screenshot(path=OUTPUT / f"hub-{name}-{width}-{scheme}.png", full_page=True)
        assert violations(page) == []
    finally:
        context.close()


@pytest.mark.parametrize("name", PAGES)
def test_a_hub_is_printed_whole_and_without_what_is_for_screens(service: Service, browser: Browser, name: str) -> None:
    context = browser.new_context(viewport={"width": 794, "height": 1123}, color_scheme="dark")  # A4 at 96 dots an inch
    try:
        page = context.new_page()
        page.goto(f"{service.url}{PAGES[name]}")
        page.emulate_media(media="print", color_scheme="dark")
        OUTPUT.mkdir(exist_ok=True)
        page.screenshot(path=OUTPUT / f"hub-{name}-print.png", full_page=True)
        (OUTPUT / f"hub-{name}.pdf").write_bytes(page.pdf(format="A4", print_background=False))
        assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.locator("header nav").is_visible()
        wide = page.evaluate(
            "[...document.querySelectorAll('svg.picture, table')].filter("
            "  part => part.getClientRects().length && part.getBoundingClientRect().right > innerWidth + 1).length"
        )
        assert wide == 0, "a picture or a table is cut at the edge of the paper"
    finally:
        context.close()

"""What a real browser makes of the pages: on a phone, in the dark, without scripts, with nothing refused by policy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright

from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import Server, live, make_release

pytestmark = pytest.mark.browser

ASKED = "/sparql?query=SELECT%20*%20WHERE%20%7B%20%3Fs%20%3Fp%20%3Fo%20%7D"
PAGES = (
    "/",
    "/queries",
    "/queries/cq05",
    "/sparql",
    ASKED,
    "/ontology",
    "/ontology/dl",
    "/page/project/pytorch",
    "/page/finding/f20",
    "/no",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    release = make_release(tmp_path_factory.mktemp("releases"))
    store = OxigraphStore.load([(release.quads, None, None)])
    config = Config(home=tmp_path_factory.mktemp("home"))
    with live(create_app(config, store=store, release=release)) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    found = [path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))]
    if not found:
        if os.environ.get("CI"):
            pytest.fail("CI must have a Chromium")
        pytest.skip("there is no Chromium on this machine")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=found[0], args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_a_phone_and_breaks_no_policy(server: Server, browser: Browser, path: str, scheme: str) -> None:
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme="dark" if scheme == "dark" else "light"
    )
    try:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.on("requestfailed", lambda request: said.append(request.url))
        page.goto(f"http://{server.host}:{server.port}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, "the page scrolls sideways"
        assert [words for words in said if "404" not in words] == []
        paper, ink = page.evaluate("(s => [s.backgroundColor, s.color])(getComputedStyle(document.documentElement))")
        assert _contrast(paper, ink) >= 7
        link = page.evaluate("getComputedStyle(document.querySelector('main a, header a')).color")
        assert _contrast(paper, link) >= 4.5
    finally:
        context.close()


def test_asking_works_without_scripts_and_by_keyboard(server: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(f"http://{server.host}:{server.port}/sparql")
        page.get_by_label("Query in SPARQL 1.1").fill("ASK { ?s ?p ?o }")
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_url("**query=ASK**")
        assert page.locator(".figure").inner_text() == "yes"
    finally:
        context.close()


def test_the_first_stop_of_the_keyboard_skips_to_the_content(server: Server, browser: Browser) -> None:
    context = browser.new_context()
    try:
        page = context.new_page()
        page.goto(f"http://{server.host}:{server.port}/")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.getAttribute('href')") == "#content"
        assert page.evaluate("document.activeElement.getBoundingClientRect().left") >= 0
    finally:
        context.close()


def _contrast(one: str, other: str) -> float:
    """Give the contrast of two colours as ``rgb(r, g, b)``. Source: WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
        red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_as_the_guideline_does() -> None:
    assert _contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)

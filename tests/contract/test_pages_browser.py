"""What a real browser makes of the pages: on a phone, in the dark, without scripts, with nothing refused by policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog

from kg import search
from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.browsing import chromium
from tests.conftest import ROOT
from tests.contract.axe import violations
from tests.contract.served import BASE, Server, live, make_release
from tests.contract.test_pages_kinds import EXTRA

pytestmark = pytest.mark.browser

OUTPUT = ROOT / "tests" / "output"

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
    "/browse",
    "/browse/projects",
    "/browse/sectors",
    "/search?q=torch",
    "/compare?one=id/project/pytorch&other=id/project/marked",
    "/links?to=id/org/pytorch-foundation&by=osai:currentHost",
    "/no",
)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    release = make_release(tmp_path_factory.mktemp("releases"))
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    config = Config(home=tmp_path_factory.mktemp("home"))
    with live(create_app(config, store=store, release=release)) as server:
        yield server


@pytest.fixture(scope="module")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Serve one thing of each kind for each hostile label."""
    release = make_release(tmp_path_factory.mktemp("kinds"), extra=EXTRA)
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    with live(create_app(Config(home=tmp_path_factory.mktemp("home")), store=store, release=release)) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.slow
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


def test_a_reader_goes_from_search_to_the_words_without_scripts(server: Server, browser: Browser) -> None:
    """Home, search box, a thing, its finding, the marked words; at both widths, with pictures of the pages kept."""
    OUTPUT.mkdir(exist_ok=True)
    for width in (360, 1440):
        context = browser.new_context(java_script_enabled=False, viewport={"width": width, "height": 800})
        try:
            page = context.new_page()
            page.goto(f"http://{server.host}:{server.port}/")
            page.get_by_label("Search: a project").fill("pytorch")
            page.keyboard.press("Enter")
            page.wait_for_url("**/search?q=pytorch")
            page.get_by_role("main").get_by_role("link", name="PyTorch", exact=True).click()
            page.wait_for_url("**/page/project/pytorch")
            page.screenshot(path=OUTPUT / f"project-{width}.png", full_page=True)
            page.get_by_role("link", name="Browse").first.click()
            page.get_by_role("link", name="Findings").click()
            page.get_by_role("link", name="AI could add up to 290 billion.").click()
            assert page.locator("mark").first.inner_text() == "up to <b>$290 billion</b> in value"
            page.screenshot(path=OUTPUT / f"finding-{width}.png", full_page=True)
        finally:
            context.close()


def test_a_parameter_is_typed_into_a_form_and_the_address_keeps_it(server: Server, browser: Browser) -> None:
    context = browser.new_context(java_script_enabled=False)
    try:
        page = context.new_page()
        page.goto(f"http://{server.host}:{server.port}/queries/who-gives-to-a-project")
        page.get_by_label("project", exact=True).fill("nonsense")
        page.get_by_role("button", name="Ask again").click()
        page.wait_for_url("**project=nonsense")
        field = page.get_by_label("project", exact=True)
        assert field.get_attribute("aria-invalid") == "true"
        field.fill("id/project/marked")
        page.get_by_role("button", name="Ask again").click()
        page.wait_for_url("**project=id%2Fproject%2Fmarked")
        assert "no rows" in page.get_by_role("main").inner_text()
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


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize(
    "path",
    [
        *("/", "/browse", "/browse/projects", "/browse/sectors", "/search?q=crops", "/queries/who-gives-to-a-project"),
        *(f"/page/{kind}/h0" for kind in ("project", "org", "event", "model", "doc", "finding", "licence", "person")),
        *("/page/concept/sector/A", "/ontology/term/Project"),
        *("/page/org/fund0", "/compare?one=id/project/h0&other=id/project/pytorch", "/queries/cq05?project=nonsense"),
    ],
)
def test_pages_of_each_kind_are_accessible_and_run_nothing_of_their_labels(
    kinds: Server, browser: Browser, path: str, width: int
) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 800}, color_scheme="dark" if width == 360 else "light"
    )
    try:
        page = context.new_page()
        said: list[str] = []

        def dismissed(dialog: Dialog) -> None:
            said.append(dialog.message)
            dialog.dismiss()

        page.on("dialog", dismissed)
        page.on("request", lambda request: said.append(request.url) if kinds.host not in request.url else None)
        page.goto(f"http://{kinds.host}:{kinds.port}{path}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
        assert violations(page) == []
        assert said == [], "no label of the data is run, and no other host is asked"
        OUTPUT.mkdir(exist_ok=True)
        name = "".join(letter if letter.isalnum() else "-" for letter in path).strip("-") or "home"
        page.screenshot(path=OUTPUT / f"page-{name[:60]}-{width}.png", full_page=True)
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

"""The query editor in a real browser: completion, run, links to share, errors in place, on a phone and with a keyboard.

Screenshots are left in ``tests/output`` to be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from urllib.parse import quote, urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from kg import resources, search
from kg.catalogue import Catalogue
from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from kg.web.assets import build
from tests.browsing import chromium
from tests.conftest import IN_CI, ROOT
from tests.contract.axe import violations
from tests.contract.served import BASE, MARKUP, Server, live, make_release

pytestmark = pytest.mark.browser

OUTPUT = ROOT / "tests" / "output"
OSAI = f"PREFIX osai: <{BASE}ontology#>\n"
# Years and kinds for a chart, links for a map: invented, in our own terms.
EXTRA = "\n".join(
    [
        *(f'<id/org/o{n}> a osai:Organization ; osai:name "Organization {n}" .' for n in range(6)),
        *(
            f'<id/project/p{n}> a osai:Project ; osai:name "Project {n}" ; osai:currentHost <id/org/o{n % 6}> .'
            for n in range(24)
        ),
    ]
)
HOSTS = f"""{OSAI}SELECT ?host ?hostName (COUNT(?project) AS ?projects) WHERE {{
  ?project osai:currentHost ?host . ?host osai:name ?hostName
}}
GROUP BY ?host ?hostName ORDER BY DESC(?projects) ?hostName"""
YEARS = """SELECT ?year ?kind ?events WHERE {
  VALUES (?year ?kind ?events) { ("2020" "donation" 3) ("2021" "donation" 5) ("2020" "fork" 1) ("2021" "fork" 2) }
}"""
LINKS = OSAI + "SELECT ?project ?name ?host WHERE { ?project osai:currentHost ?host ; osai:name ?name }"
MARKED = OSAI + "SELECT ?p ?name ?home WHERE { ?p osai:homepage ?home ; osai:name ?name }"
EXAMPLE = f"#+ summary: Who hosts <b>what</b>?\nBASE <{BASE}>\n{LINKS}\nORDER BY ?project\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    release = make_release(tmp_path_factory.mktemp("releases"), extra=EXTRA)
    queries = tmp_path_factory.mktemp("queries")
    (queries / "competency").mkdir()
    (queries / "competency" / "hosts.rq").write_text(EXAMPLE, encoding="utf-8")
    (queries / "pages").symlink_to(resources.queries() / "pages")
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    config = Config(home=tmp_path_factory.mktemp("home"))
    catalogue = Catalogue.read(queries, base=config.base)
    with live(create_app(config, store=store, release=release, catalogue=catalogue)) as server:
        yield server


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if not (build.STATIC / build.SCRIPT).is_file():
        missing = "the editor is not bundled; python -m kg.web.assets.build bundles it"
        if IN_CI:
            pytest.fail(missing)
        pytest.skip(missing)
    with chromium() as browser:
        yield browser


@pytest.fixture
def open_page(server: Server, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open an address in a browser of its own. At the end nothing was refused by policy and no other host was asked."""
    contexts: list[BrowserContext] = []
    said: list[str] = []
    asked: list[str] = []

    def open_(path: str = "/sparql", *, width: int = 1440, dark: bool = False, scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
            permissions=["clipboard-read", "clipboard-write"],
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://{server.host}:{server.port}{path}")
        return page

    yield open_
    for context in contexts:
        context.close()
    # A refused query is a 400 and an absent service a 404, which the browser notes by itself.
    assert [words for words in said if "the server responded with a status of 40" not in words] == []
    assert {urlsplit(address).netloc for address in asked} == {f"{server.host}:{server.port}"}


def asking(query: str, view: str = "") -> str:
    return f"/sparql?query={quote(query)}{f'#view={view}' if view else ''}"


def write(page: Page, text: str) -> None:
    """Replace the text of the editor by typing."""
    page.get_by_role("textbox", name="Query in SPARQL 1.1").click()
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    page.keyboard.type(text)


def text_of(page: Page) -> str:
    return str(page.evaluate("document.querySelector('textarea').value"))


def test_terms_are_completed_with_their_prefix_and_the_query_runs(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "SELECT ?p WHERE { ?p a Proj")
    page.get_by_role("option", name="osai:Project").first.click()
    assert text_of(page).startswith(f"PREFIX osai: <{BASE}ontology#>\nSELECT ?p WHERE {{ ?p a osai:Project")
    page.keyboard.type(" ; host")
    page.get_by_role("option", name="osai:currentHost").click()
    assert text_of(page).count("PREFIX osai:") == 1
    page.keyboard.type(" ?host ")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("table")).to_contain_text("project/pytorch")
    assert page.get_by_role("link", name="project/pytorch", exact=True).get_attribute("href") == "/page/project/pytorch"
    expect(page.get_by_role("status")).to_contain_text("25 rows")
    expect(page.get_by_role("status")).to_contain_text("complete")
    assert "query=" in page.url


def test_the_class_and_the_variables_of_a_query_are_offered(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "SELECT * WHERE { ?project a ")
    page.keyboard.press("Control+Space")
    page.get_by_role("listbox").wait_for()
    offered = page.get_by_role("listbox").get_by_role("option").all_inner_texts()
    assert offered
    assert not any("osai:name" in text for text in offered), "no property where a class is wanted"
    page.keyboard.press("Escape")
    page.keyboard.type("osai:Project . ?p")
    expect(page.get_by_role("option", name="?project")).to_be_visible()


def test_a_thing_is_found_by_its_name(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, OSAI + "SELECT * WHERE { ?p osai:currentHost PyTorch")
    page.get_by_role("option", name="PyTorch Foundation").click()
    assert f"osai:currentHost <{BASE}id/org/pytorch-foundation>" in text_of(page)
    page.keyboard.press("Control+Enter")
    expect(page.locator("tbody")).to_have_text("project/pytorch")


def test_a_link_to_an_answer_shows_it_again_in_the_same_view(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "ASK { }")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".figure")).to_have_text("yes")
    page.get_by_role("button", name="JSON").click()
    page.get_by_role("button", name="Copy a link to this").click()
    expect(page.get_by_role("status")).to_contain_text("copied")
    link = urlsplit(str(page.evaluate("navigator.clipboard.readText()")))
    again = open_page(f"{link.path}?{link.query}#{link.fragment}")
    expect(again.locator("section pre")).to_contain_text('"boolean": true')
    assert text_of(again) == "ASK { }"


def test_back_leads_to_the_query_before(open_page: Callable[..., Page]) -> None:
    page = open_page(asking("ASK { }"))
    write(page, "SELECT (1 AS ?one) {}")
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("table")).to_contain_text("one")
    page.go_back()
    expect(page.locator(".figure")).to_have_text("yes")
    assert text_of(page) == "ASK { }"


def test_an_error_is_shown_at_its_line_and_column_with_the_mend(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "SELECT *\nWHER { ?s ?p ?o }")
    page.keyboard.press("Control+Enter")
    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("line 2, column 1")
    expect(alert).to_contain_text("WHERE")
    expect(page.locator(".cm-wrong")).to_have_text("WHER")
    page.get_by_role("button", name="Go to line 2, column 1").click()
    page.keyboard.type("#")
    assert text_of(page).splitlines()[1].startswith("#WHER")
    linked = open_page(asking("SELECT *\nWHER { ?s ?p ?o }"))
    expect(linked.locator(".cm-wrong")).to_have_text("WHER")
    expect(linked.get_by_role("alert")).to_contain_text("line 2, column 1")
    write(linked, "ASK { }")
    linked.keyboard.press("Control+Enter")
    expect(linked.locator(".figure")).to_have_text("yes")
    assert linked.get_by_role("alert").count() == 0, "what was mended is said no more"


def test_columns_are_counted_in_characters(open_page: Callable[..., Page]) -> None:
    page = open_page(asking('SELECT ("\U0001f600\U0001f600" AS ?a) WHER { }'))
    expect(page.locator(".cm-wrong")).to_have_text("WHER")


def test_an_answer_is_a_table_a_chart_or_json(open_page: Callable[..., Page]) -> None:
    page = open_page(asking(HOSTS, "chart"))
    bars = page.locator("svg.chart rect")
    expect(bars).to_have_count(7)  # six with four projects each, and the host of PyTorch
    expect(page.locator("svg.chart title").first).to_have_text("Organization 0: 4")
    page.get_by_role("button", name="Table").click()
    expect(page.locator("tbody tr")).to_have_count(7)
    assert page.url.endswith("ORDER+BY+DESC%28%3Fprojects%29+%3FhostName") or "#view" not in page.url
    page.get_by_role("button", name="JSON").click()
    expect(page.locator("section pre")).to_contain_text('"projects"')


def test_numbers_over_time_are_lines_one_for_each_kind(open_page: Callable[..., Page]) -> None:
    page = open_page(asking(YEARS, "chart"))
    expect(page.locator(".legend li")).to_have_text(["donation", "fork"])
    expect(page.locator("svg.chart circle")).to_have_count(4)
    page.get_by_label("by").select_option("")
    expect(page.locator(".legend")).to_have_count(0)


def test_things_in_a_row_are_linked_on_a_map(open_page: Callable[..., Page]) -> None:
    page = open_page(asking(LINKS, "map"))
    expect(page.locator("svg.links a")).to_have_count(25 + 7)
    expect(page.locator("svg.links path")).to_have_count(25)
    assert page.get_by_role("link", name="Project 3", exact=False).first.get_attribute("href") == "/page/project/p3"


def test_a_graph_is_shown_as_triples_and_as_a_map(open_page: Callable[..., Page]) -> None:
    page = open_page(asking(f"DESCRIBE <{BASE}id/project/p3>", "map"))
    expect(page.locator("svg.links text")).to_have_text(["Project 3", "org/o3"])
    page.get_by_role("button", name="Table").click()
    expect(page.locator("thead th")).to_have_text(["subject", "predicate", "object"])
    expect(page.locator("tbody tr")).to_have_count(3)


def test_examples_are_one_click_away(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.get_by_text("Examples: 1 question").click()
    page.get_by_role("button", name="Who hosts <b>what</b>?").click()
    expect(page.get_by_role("table")).to_contain_text("project/p3")
    assert "currentHost" in text_of(page)


def test_an_answer_too_large_to_show_is_offered_as_a_file(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "SELECT ?a ?b ?c WHERE { ?a ?p ?x . ?b ?q ?y . ?c a ?z } LIMIT 20001")
    page.keyboard.press("Control+Enter")
    answer = page.locator("section[aria-labelledby=answer]")
    expect(answer).to_contain_text("20,001 rows: more than is shown here")
    expect(answer.get_by_role("link")).to_have_text(["JSON", "XML", "CSV", "TSV"])
    expect(page.get_by_role("button", name="Run")).to_be_visible()


def test_an_empty_answer_says_that_nothing_fits(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "SELECT * WHERE { ?s <urn:nothing> ?o }")
    page.keyboard.press("Control+Enter")
    expect(page.locator("section[aria-labelledby=answer]")).to_contain_text("nothing in the graph fits")


def test_labels_are_text_and_only_addresses_of_the_web_are_links(open_page: Callable[..., Page]) -> None:
    for view in ("table", "map", "text"):
        page = open_page(asking(MARKED, view))
        if view == "table":
            page.get_by_role("button", name="Show it as").click()
            expect(page.get_by_role("table")).to_contain_text(MARKUP)
            expect(page.get_by_role("table")).to_contain_text("javascript:alert(2)")
        page.wait_for_selector("section[aria-labelledby=answer] [aria-pressed=true]")
        hrefs = page.eval_on_selector_all("main a", "links => links.map(a => a.getAttribute('href'))")
        assert not [href for href in hrefs if str(href).lower().startswith("javascript")]
        assert page.locator("main script, main b").count() == 0


def test_the_keyboard_enters_and_leaves_the_editor(open_page: Callable[..., Page]) -> None:
    page = open_page()
    page.get_by_role("textbox", name="Query in SPARQL 1.1").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "format"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Run"


def test_another_format_is_the_browsers_affair(open_page: Callable[..., Page]) -> None:
    page = open_page()
    write(page, "ASK { }")
    page.get_by_label("Answer as").select_option("json")
    with page.expect_response(lambda reply: "format=json" in reply.url) as reply:
        page.get_by_role("button", name="Run").click()
    assert reply.value.headers["content-type"] == "application/sparql-results+json"


def test_without_scripts_the_form_is_a_form(open_page: Callable[..., Page]) -> None:
    page = open_page(asking("SELECT (1 AS ?one) {}"), scripts=False)
    expect(page.get_by_label("Query in SPARQL 1.1")).to_be_visible()
    expect(page.get_by_role("table")).to_contain_text("one")
    assert page.locator(".code, .examples").count() == 0
    page.get_by_label("Query in SPARQL 1.1").fill("ASK { }")
    page.get_by_role("button", name="Run").click()
    expect(page.locator(".figure")).to_have_text("yes")


STATES = {
    "start": "/sparql",
    "table": asking(HOSTS),
    "chart": asking(HOSTS, "chart"),
    "lines": asking(YEARS, "chart"),
    "map": asking(LINKS, "map"),
    "json": asking(HOSTS, "text"),
    "error": asking("SELECT *\nWHER { ?s ?p ?o }"),
    "complete": "/sparql",
}


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 1440])
@pytest.mark.parametrize("state", STATES)
def test_the_editor_fits_and_is_accessible(open_page: Callable[..., Page], state: str, width: int) -> None:
    page = open_page(STATES[state], width=width, dark=width == 360)
    page.locator(".cm-content").wait_for()
    page.get_by_text("Examples:").wait_for()
    if state == "complete":
        write(page, "SELECT * WHERE { ?p a osai:")
        page.get_by_role("listbox").get_by_role("option").first.wait_for()
    elif state in ("chart", "lines", "map"):
        page.locator("section svg").first.wait_for()
    OUTPUT.mkdir(exist_ok=True)
    page.screenshot(path=OUTPUT / f"editor-{state}-{width}.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width, "the page scrolls sideways"
    assert violations(page) == []

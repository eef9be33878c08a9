"""A release whose every label attacks its reader, and addresses that do: what a browser and what programs make of it.

The label closes what a page may have open and opens an element of its own, ``x-canary``. A page is parsed as Chromium
parses it; the label is text where there is no such element or attribute. test_pages_kinds.py looks at each kind.
"""

from __future__ import annotations

import csv
import html
import io
import json
import re
from collections.abc import Iterator
from urllib.parse import quote, urljoin, urlsplit
from xml.etree import ElementTree

import pytest
import rdflib
from click.testing import CliRunner
from playwright.sync_api import Browser, Dialog, Page, expect

from kg import minted, search
from kg.cli import main
from kg.config import Config
from kg.release import MANIFEST, Release, Releases, read_release
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.browsing import chromium
from tests.contract.served import BASE, Reply, Server, live, make_release
from tests.contract.test_pages_kinds import EXTRA as KINDS
from tests.contract.test_pages_kinds import things_called

BROWSER = "text/html"
MOST = 120  # pages that are walked through
NAME = f"{BASE}ontology#name"
EVIL = (
    "'\"><x-canary x-canary='1'></title></textarea></script></style></svg>--><x-canary onload=alert(1)>]]>"
    "{{ 7*7 }}{% raw %}${7*7}%0d%0a\r\nSet-Cookie: canary=1\t=1+1"
)
LITERAL = rdflib.Literal(EVIL).n3().replace("\r", "\\r")
# U+0001 and U+FFFE are characters of RDF and not of XML.
UNSEEN = "a\x01b\ufffec\x1b[31m\u202ed"
EXTRA = f"""{KINDS}
{things_called(EVIL, 90)}
osai:Project rdfs:label {LITERAL}@en . osai:name rdfs:label {LITERAL} . <https://evil.example/p> rdfs:label {LITERAL} .
<id/project/h90> <https://evil.example/p> {LITERAL}, {LITERAL}@en, "x"^^<https://evil.example/d> ;
    dcterms:license <javascript:alert(1)> ; osai:homepage "data:text/html,<x-canary>"^^xsd:anyURI ;
    osai:alternateName {LITERAL} ; skos:altLabel {LITERAL} ; rdfs:comment {LITERAL} ; osai:replaced <id/project/a&b'c> .
<id/project/a&b'c> a osai:Project ; osai:name {LITERAL} .
<concept/sector/B> skos:inScheme <concept/sector> ; skos:prefLabel {LITERAL} ; skos:notation {LITERAL} .
<id/project/unseen> a osai:Project ; osai:name "a\\u0001b\\uFFFEc\\u001B[31m\\u202Ed" .
GRAPH <graph/evil/one> {{
  <id/project/h90> osai:name {LITERAL} . <graph/evil/one> rdfs:label {LITERAL} ; dcterms:title {LITERAL} .
}}
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    """A release in a home, of which the titles of sources attack too."""
    path = make_release(tmp_path_factory.mktemp("home") / "releases", extra=EXTRA).path
    manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
    for source in manifest["sources"]:
        source |= {"title": EVIL, "upstream": EVIL, "licence": EVIL}
    (path / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    return read_release(path)


@pytest.fixture(scope="module")
def server(release: Release) -> Iterator[Server]:
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    minted.leave(release.path, release.quads, BASE)
    with live(create_app(Config(home=release.path.parent.parent), store=store, release=release)) as server:
        yield server
    store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def parser(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


# Whatever stands in an element or attribute of the label's, runs, or leads to a script; and the text that is shown.
_READ = """text => {
    const page = new DOMParser().parseFromString(text, 'text/html')
    const wrong = [...page.querySelectorAll('*')].filter(element =>
        element.localName.includes('canary')
        || [...element.attributes].some(({ name, value }) =>
            name.includes('canary') || name.startsWith('on')
            || ['href', 'src', 'action'].includes(name) && /^\\s*(javascript|data|vbscript):/i.test(value)))
    return [wrong.map(element => element.cloneNode(false).outerHTML), page.documentElement.textContent]
}"""


def shown(parser: Page, reply: Reply, path: str) -> str:
    """Give the text of a page, in which nothing of the label's is markup, nor a header of the answer."""
    assert reply.status < 500, f"{path}: {reply.text[:500]}"
    assert "set-cookie" not in reply.headers, path
    if reply.type != "text/html":
        assert reply.headers["x-content-type-options"] == "nosniff", path
        return ""
    wrong, text = parser.evaluate(_READ, reply.text)
    assert wrong == [], path
    assert "49" not in text or "7*7" in text, f"{path}: a template was filled in"
    return str(text)


def links(server: Server, path: str, reply: Reply) -> Iterator[str]:
    here = f"http://{server.host}:{server.port}"
    for link in re.findall(r'\bhref="([^"]*)"', reply.text):
        parts = urlsplit(urljoin(here + path, html.unescape(link)))
        if f"{parts.scheme}://{parts.netloc}" == here:
            yield parts._replace(scheme="", netloc="", fragment="").geturl()


@pytest.mark.browser
def test_the_label_would_be_seen_where_it_is_markup(parser: Page) -> None:
    for page in (f"<title>{EVIL}", f"<textarea>{EVIL}", f"<p>{EVIL}", f'<p title="{EVIL}"', f"<p title='{EVIL}'"):
        assert parser.evaluate(_READ, f"<!doctype html>{page}")[0] != []
    assert parser.evaluate(_READ, f"<!doctype html><p>{html.escape(EVIL)}</p>")[0] == []


@pytest.mark.browser
def test_no_page_that_a_reader_comes_to_takes_a_label_for_markup(server: Server, parser: Page) -> None:
    """From the things with the label and from the home page, so many pages as there is time for."""
    kinds = ("project", "org", "event", "model", "licence", "doc", "finding")
    waiting = ["/", "/reconcile/preview?id=id/project/h90", "/lookup?key=id/project/h90", "/page/graph/evil/one"]
    waiting += [f"/page/{kind}/h90" for kind in kinds]
    seen, showing = set(waiting), 0
    for path in waiting:
        reply = server.ask(path, Accept=BROWSER)
        showing += "7*7" in shown(parser, reply, path)
        for link in links(server, path, reply):
            if link not in seen and len(waiting) < MOST:
                seen.add(link)
                waiting.append(link)
    assert len(waiting) == MOST
    assert showing > 40, "the label was met, and shown"


ADDRESSES = (
    *("/search?q={}", "/search?q=x&kind={}", "/browse/{}", "/browse/projects?q={}", "/browse/projects?{}=x"),
    *("/browse/projects?host={}", "/browse/projects?page={}", "/compare?one={}&other={}"),
    *("/links?to={}&by=osai:currentHost", "/links?to=id/project/h90&by={}", "/queries/{}", "/queries/cq05?{}=1"),
    *("/queries/cq05.{}", "/sparql?query={}", "/sparql?query=ASK%7B%7D&format={}"),
    *("/sparql?query=ASK%7B%7D&default-graph-uri={}", "/why-empty?query={}", "/explain?query={}", "/why?s={}"),
    *("/why-empty?query=SELECT%20*%20%7B?s%20?p%20%22{}%22%7D", "/why?s=id/project/h90&p={}&o={}", "/lookup?key={}"),
    *("/lookup?key=x&format={}", "/reconcile?queries={}", "/reconcile?callback={}", "/reconcile/preview?id={}"),
    *("/reconcile/view?id={}", "/reconcile/suggest/entity?prefix={}", "/reconcile/flyout/entity?id={}"),
    *("/reconcile/flyout/{}?id=x", "/{}", "/id/{}", "/id/project/{}", "/page/{}", "/page/project/{}"),
    *("/data/project/{}.ttl", "/concept/{}", "/graph/{}", "/ontology/{}", "/ontology.{}", "/releases/{}"),
    *("/problem/{}", "/static/{}", "/graphs?graph={}", "/graphs/{}", "/sitemap.xml?part={}", "/.well-known/{}"),
)


@pytest.mark.browser
@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
def test_no_page_takes_its_own_address_for_markup_or_a_header(server: Server, parser: Page, accept: str) -> None:
    for path in ADDRESSES:
        address = path.replace("{}", quote(EVIL, safe=""))
        reply = server.ask(address, Accept=accept)
        text = shown(parser, reply, path)
        assert accept != BROWSER or reply.type != "text/html" or reply.status < 400 or text, path
        assert all(value.isprintable() for value in reply.headers.values()), path


@pytest.mark.browser
def test_the_editor_shows_labels_as_text_in_answers_and_in_what_it_proposes(server: Server, browser: Browser) -> None:
    page = browser.new_page()
    page.set_default_timeout(10_000)
    said: list[str] = []

    def dismissed(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismissed)
    page.on("pageerror", lambda error: said.append(str(error)))
    here = f"http://{server.host}:{server.port}/sparql"
    foreign = page.locator("x-canary, [x-canary], [onload]")
    try:
        for form, view in (
            ("SELECT ?s ?name", "table"),
            ("SELECT ?s ?name", "map"),
            ("CONSTRUCT { ?s <urn:x:p> ?name }", "map"),
        ):
            query = f'{form} WHERE {{ ?s <{NAME}> ?name FILTER(CONTAINS(?name, "canary")) }}'
            page.goto(f"{here}?query={quote(query)}#view={view}")
            expect(page.locator("section[aria-labelledby=answer]")).to_contain_text("x-canary")
            expect(foreign).to_have_count(0)
        page.goto(here)
        page.get_by_role("textbox", name="Query in SPARQL 1.1").click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(f"SELECT * WHERE {{ ?s <{NAME}> canar")
        page.keyboard.type("y")
        expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text("<x-canary")
        expect(foreign).to_have_count(0)
        assert said == []
    finally:
        page.close()


# --- programs -------------------------------------------------------------------------------------------------------


@pytest.mark.filterwarnings("ignore:(ConjunctiveGraph|Dataset.default_context) is deprecated:DeprecationWarning")
@pytest.mark.parametrize(
    ("suffix", "format_"), [("ttl", "turtle"), ("nt", "nt"), ("rdf", "xml"), ("jsonld", "json-ld")]
)
def test_a_label_is_itself_in_every_format_of_a_description(server: Server, suffix: str, format_: str) -> None:
    graph = rdflib.Graph().parse(data=server.ask(f"/data/project/h90.{suffix}").body, format=format_)
    assert rdflib.Literal(EVIL) in set(graph.objects(rdflib.URIRef(f"{BASE}id/project/h90"), rdflib.URIRef(NAME)))


def asked(server: Server, name: str, format_: str) -> Reply:
    return server.ask(
        f"/sparql?format={format_}&query={quote(f'SELECT ?n {{ <{BASE}id/project/{name}> <{NAME}> ?n }}')}"
    )


def test_a_label_is_itself_in_every_format_of_an_answer(server: Server) -> None:
    assert asked(server, "h90", "json").json["results"]["bindings"] == [{"n": {"type": "literal", "value": EVIL}}]
    document = ElementTree.fromstring(asked(server, "h90", "xml").body)  # noqa: S314  (our own service's)
    assert [node.text for node in document.iter("{http://www.w3.org/2005/sparql-results#}literal")] == [EVIL]
    rows = list(csv.reader(io.StringIO(asked(server, "h90", "csv").text, newline="")))
    assert rows == [["n"], [EVIL]]
    head, row, rest = asked(server, "h90", "tsv").text.split("\n")
    assert (head, rest) == ("?n", "")
    assert rdflib.util.from_n3(row) == rdflib.Literal(EVIL)


def test_what_xml_cannot_hold_is_refused_in_xml_and_given_in_the_rest(server: Server) -> None:
    """Never a document that no reader of XML takes. Source: XML 1.0, section 2.2."""
    refused = asked(server, "unseen", "xml")
    assert (refused.status, refused.type) == (406, "application/problem+json")
    assert "a control character, which application/sparql-results+xml cannot hold" in refused.json["detail"]
    for media_type in refused.json["offered"]:
        assert asked(server, "unseen", quote(media_type)).status == 200
    assert server.ask("/data/project/unseen.rdf").status == 406
    assert asked(server, "unseen", "json").json["results"]["bindings"][0]["n"]["value"] == UNSEEN
    graph = rdflib.Graph().parse(data=server.ask("/data/project/unseen.ttl").body, format="turtle")
    assert rdflib.Literal(UNSEEN) in set(graph.objects())
    unnamed = "CONSTRUCT { <urn:x:s> <https://example.org/1> ?o } WHERE { BIND(1 AS ?o) }"
    assert server.ask(f"/sparql?format=rdf&query={quote(unnamed)}").status == 406
    assert server.ask(f"/sparql?format=ttl&query={quote(unnamed)}").status == 200


def test_lists_for_programs_hold_labels_as_values(server: Server) -> None:
    rows = list(csv.DictReader(io.StringIO(server.ask("/lookup?key=id/project/h90&format=csv").text, newline="")))
    assert EVIL in rows[0].values()
    assert server.ask("/lookup?key=id/project/h90&format=json").json
    found = server.ask(f"/reconcile/suggest/entity?prefix={quote(EVIL[:12])}").json
    assert EVIL in {one["name"] for one in found["result"]}
    addresses = ElementTree.fromstring(server.ask("/sitemap.xml?part=1").body)  # noqa: S314  (our own service's)
    assert any(str(node.text).endswith("/page/project/a&b'c") for node in addresses.iter())
    (block,) = re.findall(
        r'<script type="application/ld\+json">(.*?)</script>', server.ask("/", Accept=BROWSER).text, re.DOTALL
    )
    assert EVIL in json.loads(block)["isBasedOn"]


def test_a_terminal_obeys_no_label(release: Release) -> None:
    home = release.path.parent.parent
    Releases(home).promote(release.version)
    text = f"SELECT ?n {{ <{BASE}id/project/unseen> <{NAME}> ?n }}"
    said = CliRunner().invoke(main, ["--home", str(home), "query", "-e", text, "--format", "table"])
    assert said.exit_code == 0, said.output
    assert r"a\x01b" in said.output
    assert r"c\x1b[31m\u202ed" in said.output
    assert not set(said.output) & set("\x01\x1b\u202e")

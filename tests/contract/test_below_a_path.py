"""Behind a reverse proxy, below a path of another host: every address leads through the proxy, and no IRI changes."""

from __future__ import annotations

import contextlib
import http.client
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urljoin, urlsplit

import pytest
import rdflib
from playwright.sync_api import Browser, expect

from kg import search
from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.browsing import chromium
from tests.contract.served import BASE, Server, live, make_release

BELOW = "/open/kg"
BROWSER = "text/html"
_HOP = ("connection", "keep-alive", "transfer-encoding", "content-length")


@dataclass
class Proxy:
    """A reverse proxy that hands what is below a path to a service at its root, under the service's own host name."""

    address: str = ""
    server: Server = field(default_factory=lambda: Server("", 0))
    upstream: Server = field(default_factory=lambda: Server("", 0))
    beside: list[str] = field(default_factory=list)  # what was asked for that is not below the path


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _forward(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if not self.path.startswith(f"{BELOW}/"):
                proxy.beside.append(self.path)
                self.send_error(404)
                return
            line = http.client.HTTPConnection(proxy.upstream.host, proxy.upstream.port, timeout=30)
            sent = {name: value for name, value in self.headers.items() if name.lower() not in ("host", *_HOP)}
            line.request(self.command, self.path.removeprefix(BELOW), body=body or None, headers=sent)
            answer = line.getresponse()
            data = answer.read()
            self.send_response_only(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in _HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)
            line.close()

        do_GET = do_HEAD = do_POST = do_OPTIONS = _forward  # noqa: N815  (names that the standard library calls)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing: the tests do."""

    return Handler


@contextlib.contextmanager
def proxied(application_of: object) -> Iterator[Proxy]:
    """Serve what ``application_of`` makes for a public address, behind a proxy at that address."""
    proxy = Proxy()
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy)) as server:
        proxy.server = Server("127.0.0.1", server.server_port)
        proxy.address = f"http://127.0.0.1:{server.server_port}{BELOW}"
        assert callable(application_of)
        with live(application_of(proxy.address)) as proxy.upstream:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield proxy
            finally:
                server.shutdown()
                thread.join()


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Proxy]:
    release = make_release(tmp_path_factory.mktemp("releases"))
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    home = tmp_path_factory.mktemp("home")
    with proxied(lambda url: create_app(Config(home=home, public_url=url), store=store, release=release)) as proxy:
        yield proxy
    store.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


PAGES = (
    *("/", "/search?q=torch", "/browse", "/browse/projects", "/queries", "/queries/cq05", "/sparql", "/ontology"),
    *(
        "/page/project/pytorch",
        "/page/finding/f20",
        "/page/org/gr%C3%B6%C3%9Fe",
        "/lookup?key=PyTorch",
        "/links",
        "/releases",
    ),
    *(
        "/compare?one=id/project/pytorch&other=id/project/marked",
        "/sparql?query=SELECT%20*%20WHERE%20%7B?s%20?p%20?o%7D",
    ),
    *("/page/graph/curated/one", "/why-empty?query=SELECT%20*%20WHERE%20%7B?s%20%3Curn:no%3E%20?o%7D", "/nowhere"),
    *("/sparql?query=SELEC", "/reconcile/preview?id=id%2Fproject%2Fpytorch", "/page/project/pytorsh"),
)


def addresses(server: Server, path: str) -> Iterator[str]:
    """Give every address that a page leads to, loads or sends a form to, and those of its headers; resolved."""
    reply = server.ask(path, Accept=BROWSER)
    here = f"http://{server.host}:{server.port}{path}"
    assert reply.type == "text/html", path
    found = re.findall(r'\b(?:href|src|action)="([^"]*)"', reply.text)
    found += [part for link in reply.links for part in re.findall(r"<([^>]*)>", link)]
    found += [reply.headers[name] for name in ("location", "content-location") if name in reply.headers]
    for address in found:
        yield urljoin(here, address.replace("&amp;", "&").replace("&#39;", "'"))


def test_every_address_of_every_page_leads_through_the_proxy(proxy: Proxy) -> None:
    ours = f"{proxy.server.host}:{proxy.server.port}"
    found = {address for path in PAGES for address in addresses(proxy.server, BELOW + path)}
    local = {parts for address in found if (parts := urlsplit(address)).netloc == ours}
    assert len(local) > 100
    assert proxy.upstream.port not in {urlsplit(address).port for address in found}
    asked = {parts._replace(fragment="").geturl().split(ours, 1)[1] for parts in local}
    assert {path for path in asked if not path.startswith(f"{BELOW}/") and path != BELOW} == set()
    refused = {path.removeprefix(BELOW) for path in asked if proxy.server.ask(path).status >= 400}
    # Forms without their fields, and the pages above that are problems themselves.
    assert refused <= {"/links", "/lookup", "/search", "/compare", "/sparql?query=SELEC", "/nowhere", PAGES[-1]}


@pytest.mark.parametrize("path", ["/sitemap.xml", "/robots.txt", "/llms.txt", "/.well-known/void", "/reconcile"])
def test_what_programs_read_names_the_address_of_the_proxy(proxy: Proxy, path: str) -> None:
    reply = proxy.server.ask(BELOW + path)
    assert reply.status == 200
    assert proxy.address in reply.text
    assert f":{proxy.upstream.port}" not in reply.text


def test_an_iri_is_the_same_and_leads_to_the_same_triples(proxy: Proxy) -> None:
    for accept in ("text/turtle", "application/ld+json", BROWSER):
        sent = proxy.server.ask(f"{BELOW}/id/project/pytorch", Accept=accept)
        assert sent.status == 303
        assert sent.headers["location"].startswith((f"{BELOW}/", proxy.address))
    inside, outside = (
        rdflib.Graph().parse(data=server.ask(f"{root}/data/project/pytorch.nt").text, format="nt")
        for server, root in ((proxy.upstream, ""), (proxy.server, BELOW))
    )
    assert set(inside) == set(outside)
    assert (rdflib.URIRef(f"{BASE}id/project/pytorch"), None, None) in outside


def test_a_prefix_in_a_header_is_the_word_of_a_stranger(proxy: Proxy) -> None:
    """The public address is the operator's to say: it is not taken from what a request holds."""
    reply = proxy.server.ask(
        f"{BELOW}/page/project/pytorch",
        Accept=BROWSER,
        X_Forwarded_Prefix="/evil",
        X_Forwarded_Host="evil.example",
        X_Script_Name="/evil",
    )
    assert reply.status == 200
    assert "evil" not in reply.text


@pytest.mark.browser
def test_a_reader_walks_through_the_proxy(proxy: Proxy, browser: Browser) -> None:
    """Home, search, a thing, the editor with its completion, an answer and from it back to a thing."""
    context = browser.new_context()
    context.set_default_timeout(10_000)
    page = context.new_page()
    failed: list[str] = []
    page.on("response", lambda reply: failed.append(reply.url) if reply.status >= 400 else None)
    # A page that is left takes what it still loads with it.
    page.on("requestfailed", lambda one: failed.append(one.url) if "ABORTED" not in str(one.failure) else None)
    page.on("pageerror", lambda error: failed.append(str(error)))
    try:
        page.goto(f"{proxy.address}/")
        assert page.evaluate("[...document.styleSheets].every(sheet => sheet.cssRules.length > 0)")
        page.get_by_label("Search: a project").fill("pytorch")
        page.keyboard.press("Enter")
        page.get_by_role("main").get_by_role("link", name="PyTorch", exact=True).click()
        page.wait_for_url(f"{proxy.address}/page/project/pytorch")
        expect(page.get_by_text(f"{BASE}id/project/pytorch").first).to_be_visible()
        page.get_by_role("main").get_by_role("link", name="PyTorch Foundation").first.click()
        page.wait_for_url(f"{proxy.address}/page/org/pytorch-foundation")
        page.goto(f"{proxy.address}/sparql")
        text = page.get_by_role("textbox", name="Query in SPARQL 1.1")
        text.click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(
            f"PREFIX osai: <{BASE}ontology#> SELECT ?p WHERE {{ ?p osai:name 'PyTorch' . ?p osai:"
        )
        page.keyboard.type("nam")
        expect(page.get_by_role("listbox").get_by_role("option").first).to_contain_text("name")
        page.keyboard.press("Escape")
        page.keyboard.insert_text("e ?x }")
        page.keyboard.press("Control+Enter")
        answer = page.locator("section[aria-labelledby=answer]")
        answer.get_by_role("table").get_by_role("link").first.click()
        page.wait_for_url(f"{proxy.address}/page/project/pytorch")
        assert failed == []
        assert proxy.beside == [], "nothing was asked for beside the path"
    finally:
        context.close()

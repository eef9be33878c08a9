"""Clients of others over a real service: YASGUI and comunica from another origin, comunica in Node, curl, Python's.

npm fetches the first two where they are not there yet (``tests/clients``).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote, urlencode, urlsplit

import httpx
import pytest
import rdflib
from playwright.sync_api import Browser, Page, expect
from rdflib.compare import to_canonical_graph

from kg import minted
from kg.model import DEFAULT_BASE
from kg.release import Release
from kg.web.assets import build
from tests import clients
from tests.browsing import chromium, origin
from tests.e2e.conftest import KG, Service, free_port

pytestmark = pytest.mark.slow  # it starts clients of others

OSAI = f"PREFIX osai: <{DEFAULT_BASE}ontology#>\n"
PYTORCH = f"{DEFAULT_BASE}id/project/pytorch"
HOSTS = OSAI + "SELECT ?project ?host WHERE { ?project osai:currentHost/osai:name ?host }"
MISTAKEN = "SELECT *\nWHER { ?s ?p ?o }"
MISTAKE = "line 2, column 1: WHER is no keyword of SPARQL; did you mean WHERE?"

# What another organization knows of projects, in a store of its own.
USES = """
PREFIX : <https://example.org/uses#>
<https://w3id.org/osai-kg/id/project/pytorch> :usedBy "speech", "vision" .
<https://w3id.org/osai-kg/id/project/unheard-of> :usedBy "nobody" .
"""
JOIN = (
    OSAI
    + """PREFIX : <https://example.org/uses#>
SELECT ?team ?host WHERE { ?project :usedBy ?team ; osai:currentHost/osai:name ?host }"""
)
JOINED = [{"team": "speech", "host": "PyTorch Foundation"}, {"team": "vision", "host": "PyTorch Foundation"}]


@pytest.fixture(scope="module")
def strangers() -> Iterator[str]:
    """The address of another origin, which holds pages with YASGUI and with comunica."""
    clients.fetched()
    with origin(clients.HERE) as address:
        yield address


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    context.set_default_timeout(10_000)
    yield context.new_page()
    context.close()


@pytest.fixture(scope="module")
def uses(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The endpoint of another organization: `oxigraph serve` over data of its own."""
    folder, program, port = tmp_path_factory.mktemp("uses"), str(KG.with_name("oxigraph")), free_port()
    (folder / "uses.ttl").write_text(USES, encoding="utf-8")
    load = [program, "load", "--location", str(folder / "store"), "--file", str(folder / "uses.ttl")]
    subprocess.run(load, check=True, capture_output=True)
    serve = [program, "serve-read-only", "--location", str(folder / "store"), "--cors", "--bind", f"127.0.0.1:{port}"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(serve, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}/query"
    try:
        until = time.monotonic() + 30
        while True:
            with suppress(httpx.TransportError):
                httpx.get(address, trust_env=False)
                break
            assert process.poll() is None, (folder / "log").read_text()
            assert time.monotonic() < until, "oxigraph does not answer"
            time.sleep(0.05)  # a service that starts gives no event to wait for
        yield address
    finally:
        process.terminate()
        process.wait(20)


# --- YASGUI ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def yasgui(page: Page, strangers: str, service: Service) -> Callable[..., Callable[[str], None]]:
    """Open YASGUI of another origin on our service; what is given asks one query by its button."""

    def opened(method: str, **headers: str) -> Callable[[str], None]:
        asked = {"endpoint": f"{service.url}/sparql", "method": method, "headers": json.dumps(headers)}
        page.goto(f"{strangers}/yasgui.html?{urlencode(asked)}")

        def ask(query: str) -> None:
            page.evaluate("query => { editor.getTab().setQuery(query) }", query)
            page.get_by_role("button", name="Run query").click()

        return ask

    return opened


@pytest.mark.browser
@pytest.mark.parametrize(
    ("method", "headers"),
    [("GET", {}), ("POST", {}), ("GET", {"X-Requested-With": "YASGUI"}), ("POST", {"Authorization": "Bearer none"})],
    ids=["get", "post", "get-after-a-preflight", "post-after-a-preflight"],
)
def test_yasgui_of_another_origin_shows_answers_and_our_words_for_a_mistake(
    yasgui: Callable[..., Callable[[str], None]], page: Page, method: str, headers: dict[str, str]
) -> None:
    ask = yasgui(method, **headers)
    answer = page.locator(".yasr_results")
    with page.expect_response(lambda reply: urlsplit(reply.url).path == "/sparql") as asked:
        ask(HOSTS)
    assert asked.value.request.method == method
    assert {asked.value.request.headers.get(name.lower()) for name in headers} == set(headers.values())
    expect(answer).to_contain_text(PYTORCH)
    expect(answer).to_contain_text("PyTorch Foundation")
    ask(f"DESCRIBE <{PYTORCH}>")
    expect(answer).to_contain_text(f"{DEFAULT_BASE}ontology#currentHost")
    ask(MISTAKEN)
    expect(answer).to_contain_text(MISTAKE)
    ask("ASK { ?s ?p ?o }")
    expect(answer).to_contain_text("True")


# --- comunica -------------------------------------------------------------------------------------------------------


def test_comunica_joins_us_with_an_endpoint_that_knows_nothing_of_us(service: Service, uses: str) -> None:
    """In Node. What the sources are it finds by itself, from an address and what is answered there."""
    clients.fetched()
    node, _ = build.programs()
    asked = subprocess.run(
        [*node, "--no-deprecation", str(clients.HERE / "comunica.mjs"), JOIN, f"{service.url}/sparql", uses],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr[:2000]
    assert sorted(json.loads(asked.stdout), key=lambda row: row["team"]) == JOINED


@pytest.mark.browser
def test_comunica_joins_us_in_a_browser_from_another_origin(
    page: Page, strangers: str, service: Service, uses: str
) -> None:
    page.goto(f"{strangers}/comunica.html")
    rows = page.evaluate("([query, sources]) => ask(query, sources)", [JOIN, [f"{service.url}/sparql", uses]])
    assert sorted(rows, key=lambda row: row["team"]) == JOINED


@pytest.mark.browser
def test_comunica_follows_an_iri_to_its_description(page: Page, strangers: str, service: Service) -> None:
    """The IRI of a thing, at our host, is a source by itself: it leads to a description that can be queried."""
    page.goto(f"{strangers}/comunica.html")
    query = f"{OSAI}SELECT ?host WHERE {{ <{PYTORCH}> osai:currentHost/osai:name ?host }}"
    rows = page.evaluate("([query, sources]) => ask(query, sources)", [query, [f"{service.url}/id/project/pytorch"]])
    assert rows == [{"host": "PyTorch Foundation"}]


# --- curl -----------------------------------------------------------------------------------------------------------

FORMATS = {
    "text/turtle": "turtle",
    "application/n-triples": "nt",
    "application/rdf+xml": "xml",
    "application/ld+json": "json-ld",
    "text/html": "",
}


def curl(*words: str) -> str:
    """Run curl as a person would; without it the same words cannot be said."""
    if shutil.which("curl") is None:
        if os.environ.get("CI"):
            pytest.fail("CI must have curl")
        pytest.skip("there is no curl on this machine")
    done = subprocess.run(["curl", "-sS", "--noproxy", "*", *words], capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


@pytest.mark.filterwarnings("ignore:ConjunctiveGraph is deprecated:DeprecationWarning")  # rdflib's reader of JSON-LD
def test_curl_gets_one_thing_of_each_kind_as_the_same_graph_in_every_format(
    service: Service, seed_release: Release, tmp_path: Path
) -> None:
    """Each format is asked for by Accept from the IRI itself, redirects followed; HTML names the others."""
    kinds: dict[str, str] = {}
    for path in minted.read(seed_release.path / minted.MINTED):
        kinds.setdefault("/".join(path.split("/")[:2]), path)
    assert len(kinds) > 20
    # One run of curl for each format, over every address: each answer in a file of its own.
    for accept in FORMATS:
        folder = tmp_path / accept.replace("/", "-")
        folder.mkdir()
        words: list[str] = []
        for number, path in enumerate(kinds.values()):
            words += ["-o", str(folder / str(number)), f"{service.url}/{quote(path, safe='/:@!$&()*+,;=-._~')}"]
        told = curl(
            "-L", "--fail-with-body", "-H", f"Accept: {accept}", "-w", "%{http_code} %{content_type}\\n", *words
        )
        assert {line.partition(";")[0] for line in told.splitlines()} == {f"200 {accept}"}
    for number, path in enumerate(kinds.values()):
        graphs: dict[str, set[tuple[rdflib.term.Node, ...]]] = defaultdict(set)
        for accept, parser in FORMATS.items():
            text = (tmp_path / accept.replace("/", "-") / str(number)).read_text(encoding="utf-8")
            if parser:
                graphs[accept] = set(to_canonical_graph(rdflib.Graph().parse(data=text, format=parser)))
            else:
                assert all(f'type="{other}"' in text for other, parser in FORMATS.items() if parser), path
        first = graphs["application/n-triples"]
        assert first, path
        assert all(graph == first for graph in graphs.values()), path

"""Pages and descriptions over real HTTP: every IRI below the base answers, and what a reader meets there."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import rdflib
from rdflib import URIRef

from kg.catalogue import Catalogue
from kg.config import Config
from kg.errors import ReleaseError
from kg.release import Release
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, MARKUP, Reply, Server, live, make_release, read_page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OSAI = f"{BASE}ontology#"
PYTORCH = URIRef(f"{BASE}id/project/pytorch")
HOSTS = "tested-hosts"
FORMATS = {
    "ttl": ("text/turtle", "turtle"),
    "nt": ("application/n-triples", "nt"),
    "rdf": ("application/rdf+xml", "xml"),
    "jsonld": ("application/ld+json", None),  # rdflib's own parser warns of itself; read as JSON here
}

# A graph whose name holds an escape, a thing with a slash in its name, and more neighbours than one.
EXTRA = """
GRAPH <graph/a%2Fb/c> { <id/org/pytorch-foundation> osai:homepage <https://pytorch.example/> . }
<id/project/pytorches> a osai:Project ; osai:name "Another" .
"""

QUERY = f"""#+ summary: Which <hosts> have projects?
#+ description: Hosts & projects.
#+ tags: [host]
#+ params:
#+   project: {{type: iri, description: A project}}
BASE <{BASE}>
PREFIX osai: <{OSAI}>
SELECT ?project ?host WHERE {{
  VALUES ?project {{ <id/project/pytorch> }}
  ?project osai:currentHost ?host
}}
"""


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make_release(tmp_path_factory.mktemp("releases"), extra=EXTRA)


@pytest.fixture(scope="module")
def catalogue(tmp_path_factory: pytest.TempPathFactory) -> Catalogue:
    """The page queries of the product, and one public query of our own."""
    from kg import resources

    folder = tmp_path_factory.mktemp("queries")
    (folder / "competency").mkdir()
    (folder / "competency" / f"{HOSTS}.rq").write_text(QUERY, encoding="utf-8")
    (folder / "competency" / "asked.rq").write_text(
        f"#+ summary: Is there anything?\nBASE <{BASE}>\nASK {{ ?s ?p ?o }}\n", encoding="utf-8"
    )
    (folder / "pages").symlink_to(resources.queries() / "pages")
    return Catalogue.read(folder, base=BASE)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    return Config(home=tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def store(release: Release) -> Iterator[OxigraphStore]:
    store = OxigraphStore.load([(release.quads, None, None)])
    yield store
    store.close()


@pytest.fixture(scope="module")
def server(config: Config, store: OxigraphStore, release: Release, catalogue: Catalogue) -> Iterator[Server]:
    with live(create_app(config, store=store, release=release, catalogue=catalogue)) as server:
        yield server


def browse(server: Server, path: str) -> Reply:
    return server.ask(path, Accept=BROWSER)


# --- IRIs that answer -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("accept", "target"),
    [
        (BROWSER, "/page/project/pytorch"),
        ("*/*", "/page/project/pytorch"),
        ("text/turtle", "/data/project/pytorch.ttl"),
        ("application/ld+json", "/data/project/pytorch.jsonld"),
        ("application/json", "/data/project/pytorch.jsonld"),
        ("application/n-triples", "/data/project/pytorch.nt"),
        ("application/rdf+xml", "/data/project/pytorch.rdf"),
        ("text/turtle;q=0.5, application/n-triples", "/data/project/pytorch.nt"),
        ("text/html;q=0, text/turtle;q=0.1", "/data/project/pytorch.ttl"),
        ("image/png, text/turtle;q=0.2", "/data/project/pytorch.ttl"),
    ],
)
def test_a_thing_answers_303_to_what_is_accepted(server: Server, accept: str, target: str) -> None:
    reply = server.ask("/id/project/pytorch", Accept=accept)
    assert (reply.status, reply.headers["location"]) == (303, target)
    assert reply.headers["vary"] == "Accept"
    assert '</data/project/pytorch.ttl>; rel="describedby"; type="text/turtle"' in reply.links
    assert '</page/project/pytorch>; rel="alternate"; type="text/html"' in reply.links
    assert server.ask(target).status == 200


def test_a_thing_in_nothing_that_is_accepted_is_406_with_a_list(server: Server) -> None:
    reply = server.ask("/id/project/pytorch", Accept="image/png")
    assert (reply.status, reply.type) == (406, "application/problem+json")
    assert {"text/html", "text/turtle", "application/ld+json"} <= set(reply.json["offered"])


@pytest.mark.parametrize(
    ("path", "page"),
    [
        ("/concept/bound/at-most", "/page/concept/bound/at-most"),
        ("/graph/curated/one", "/page/graph/curated/one"),
        ("/id/doc/article/span/3424-3548", "/page/doc/article/span/3424-3548"),
        ("/id/org/gr%C3%B6%C3%9Fe", "/page/org/gr%C3%B6%C3%9Fe"),
        ("/graph/a%252Fb/c", "/page/graph/a%252Fb/c"),  # the escape of the IRI, itself escaped
        ("/id/repository/github.com/pytorch/pytorch.ttl", "/page/repository/github.com/pytorch/pytorch.ttl"),
    ],
)
def test_every_kind_of_iri_answers(server: Server, path: str, page: str) -> None:
    reply = browse(server, path)
    assert (reply.status, reply.headers["location"]) == (303, page)
    read_page(browse(server, page))
    data = server.ask(path, Accept="text/turtle").headers["location"]
    assert data == page.replace("/page/", "/data/") + ".ttl"
    assert server.ask(data).status == 200


@pytest.mark.parametrize(
    ("path", "successor"),
    [
        ("/id/project/old", "/id/project/pytorch"),
        ("/page/project/old", "/page/project/pytorch"),
        ("/data/project/old.nt", "/data/project/pytorch.nt"),
    ],
)
def test_what_was_replaced_answers_301_in_kind(server: Server, path: str, successor: str) -> None:
    for accept in (BROWSER, "text/turtle"):
        reply = server.ask(path, Accept=accept)
        assert (reply.status, reply.headers["location"]) == (301, successor)


@pytest.mark.parametrize("path", ["/id/project/pytorc", "/page/project/pytorc", "/data/project/pytorc.ttl"])
def test_what_is_not_in_the_graph_is_404_with_the_nearest_names(server: Server, path: str) -> None:
    reply = server.ask(path)
    assert (reply.status, reply.type) == (404, "application/problem+json")
    assert "did you mean id/project/pytorch or id/project/pytorches?" in reply.json["detail"]
    assert reply.json["nearest"] == ["/page/project/pytorch", "/page/project/pytorches"]
    page = read_page(browse(server, path))
    assert "/page/project/pytorch" in page.links


@pytest.mark.parametrize(
    "path",
    [
        "/id/project/%3Cscript%3E",
        "/id/project/a%20b",
        "/id/project/x%3E%20%7D%20%23",
        "/id/project/%22",
        "/id/project/%00",
        "/id/project/%FF",
        "/id/project/%EF%BF%BE",
        "/id/project/%5B",
        "/id/project/%25zz",
        "/id/..%2F..%2Fetc/passwd",
        "/page/../../kg/web/site.py",
        "/static/../site.py",
        "/static/%2e%2e/site.py",
        "/queries/..%2F..%2Fsecret.rq",
        "/id/",
        "/data/project/pytorch",
        "/data/project/pytorch.exe",
        "/nowhere",
        "/ontology/9.9.9",
        "/problem/nonsense",
    ],
)
def test_odd_addresses_are_404_and_nothing_else(server: Server, path: str) -> None:
    reply = server.ask(path)
    assert (reply.status, reply.type) == (404, "application/problem+json")
    assert reply.json["type"] == f"{BASE}problem/not-found"
    page = read_page(browse(server, path))
    assert "404" in page.text


# --- descriptions ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_description_holds_the_thing_and_labels(server: Server, suffix: str) -> None:
    media_type, parser = FORMATS[suffix]
    reply = server.ask(f"/data/project/pytorch.{suffix}")
    assert (reply.status, reply.type) == (200, media_type)
    assert f'<{PYTORCH}>; rel="describes"' in reply.links
    if parser is None:
        assert str(PYTORCH) in {node["@id"] for node in reply.json}
        return
    graph = rdflib.Graph().parse(data=reply.text, format=parser)
    host = URIRef(f"{BASE}id/org/pytorch-foundation")
    assert (PYTORCH, URIRef(f"{OSAI}currentHost"), host) in graph
    assert (host, URIRef(f"{OSAI}name"), rdflib.Literal("PyTorch Foundation")) in graph


def test_a_description_and_a_page_can_be_kept_and_asked_again(server: Server) -> None:
    for path in ("/data/project/pytorch.ttl", "/page/project/pytorch", "/", "/ontology", "/static/style.css"):
        first = server.ask(path)
        again = server.ask(path, If_None_Match=first.headers["etag"])
        assert (again.status, again.body) == (304, b"")
        assert again.headers["access-control-allow-origin"] == "*"
        assert server.ask(path, method="HEAD").headers["etag"] == first.headers["etag"]


# --- pages of things ------------------------------------------------------------------------------------------------


def test_a_page_shows_each_value_with_label_link_and_who_says_it(server: Server) -> None:
    reply = browse(server, "/page/project/pytorch")
    page = read_page(reply)
    assert str(PYTORCH) in page.text, "the IRI is shown unchanged"
    assert "PyTorch Foundation" in page.text
    assert {"/page/org/pytorch-foundation", "/page/graph/curated/one", "/page/graph/inferred/current-host"} <= set(
        page.links
    )
    assert "two/0123456789ab" in page.text, "two graphs say the name"
    rows = page.text[page.text.index("current host") if "current host" in page.text else 0 :]
    assert "inferred/current-host" in rows
    alternates = {(link["type"], link["href"]) for link in page.all("link") if link.get("rel") == "alternate"}
    assert alternates == {
        (media_type, f"/data/project/pytorch.{suffix}") for suffix, (media_type, _) in FORMATS.items()
    }


def test_a_page_names_the_query_behind_it(server: Server) -> None:
    page = read_page(browse(server, "/page/project/pytorch"))
    (query,) = [parse_qs(urlsplit(link).query)["query"][0] for link in page.links if "sparql?query=" in link]
    assert f"<{PYTORCH}>" in query
    assert read_page(browse(server, next(link for link in page.links if "sparql?query=" in link)))


def test_what_points_to_a_thing_is_on_its_page(server: Server) -> None:
    page = read_page(browse(server, "/page/org/pytorch-foundation"))
    assert "What points to it" in page.text
    assert "/page/project/pytorch" in page.links


def test_markup_in_data_is_text_on_every_page(server: Server) -> None:
    for path in ("/page/project/marked", f"/queries/{HOSTS}?project=id/project/marked"):
        page = read_page(browse(server, path))
        assert not [link for link in page.links if not link.startswith(("/", "#", "http://", "https://"))]
    page = read_page(browse(server, "/page/project/marked"))
    assert MARKUP in page.text
    assert "javascript:alert(1)" in page.text, "shown, and not a link"
    assert "https://example.org/" in page.links
    assert MARKUP in json.dumps(server.ask("/data/project/marked.jsonld").json, ensure_ascii=False).replace('\\"', '"')


def test_a_graph_page_leads_into_the_graph(server: Server) -> None:
    page = read_page(browse(server, "/page/graph/curated/one"))
    assert "This is a named graph" in page.text
    (look,) = [link for link in page.links if "GRAPH+%3Chttps" in link and "LIMIT" in link]
    assert "PyTorch" in read_page(browse(server, look)).text


# --- findings -------------------------------------------------------------------------------------------------------


def test_a_finding_shows_figure_statement_and_exact_words_with_their_place(server: Server) -> None:
    reply = browse(server, "/page/finding/f20")
    page = read_page(reply)
    for shown in (
        "AI could add up to 290 billion.",
        "up to $290B",
        "290,000,000,000 USD",
        "at most",
        "The article",
        "170 to 290 billion a year",
        "characters 3424 to 3548",
        "7fb19696",
    ):
        assert shown in page.text
    assert "<mark>up to &lt;b&gt;$290 billion&lt;/b&gt; in value</mark>" in reply.text
    assert "not at hand" not in page.text


def test_a_finding_without_words_says_so_and_how_to_get_them(server: Server) -> None:
    page = read_page(browse(server, "/page/finding/f21"))
    assert "The words are not at hand" in page.text
    assert "kg fetch --from DIR" in page.text
    assert "characters 10 to 20" in page.text
    assert not page.all("mark")


def test_a_finding_shows_its_chain_and_what_contradicts_it(server: Server) -> None:
    page = read_page(browse(server, "/page/finding/f20"))
    chain = page.text[page.text.index("Chain of attribution") :]
    assert chain.index("The article") < chain.index("The report"), "from the article back to the root"
    against = page.text[page.text.index("Contradicted by") :]
    assert "AI adds nothing." in against[:200]
    other = read_page(browse(server, "/page/finding/f21"))
    assert "AI could add up to 290 billion." in other.text[other.text.index("Contradicted by") :][:200]


# --- home, catalogue, ontology ----------------------------------------------------------------------------------------


def test_home_says_what_the_graph_holds(server: Server, release: Release) -> None:
    page = read_page(browse(server, "/"))
    for shown in (release.version, release.manifest.sha256, "2026-01-02", "Which <hosts> have projects?", "Source one"):
        assert shown in page.text
    assert "AI adds nothing." in page.text, "contested findings"
    assert {f"/queries/{HOSTS}", "/sparql", "/ontology", "/page/finding/f20"} <= set(page.links)
    counted = next(link for link in page.links if "ontology%23Project%3E" in link)
    listed = read_page(browse(server, counted))
    assert "3 rows" in listed.text  # pytorch, pytorches and marked
    assert {"/page/project/pytorch", "/page/project/pytorches", "/page/project/marked"} <= set(listed.links)


def test_the_catalogue_is_listed_for_people_and_programs(server: Server) -> None:
    page = read_page(browse(server, "/queries"))
    assert f"/queries/{HOSTS}" in page.links
    listed = server.ask("/queries", Accept="application/json")
    assert listed.headers["vary"] == "Accept, Accept-Encoding"
    assert [query["name"] for query in listed.json["queries"]] == ["asked", HOSTS]
    assert listed.json["queries"][1]["parameters"] == {"project": "A project"}
    assert "entity" not in listed.text, "queries of pages are no questions"


def test_a_query_page_shows_question_form_answer_and_text(server: Server) -> None:
    page = read_page(browse(server, f"/queries/{HOSTS}"))
    assert "Which <hosts> have projects?" in page.text
    assert "Hosts & projects." in page.text
    assert "1 row." in page.text
    assert "/page/org/pytorch-foundation" in page.links
    field = next(field for field in page.all("input") if field["name"] == "project")
    assert (field["type"], field["value"]) == ("text", "id/project/pytorch")
    assert "VALUES ?project" in page.text
    assert {f"/queries/{HOSTS}.json", f"/queries/{HOSTS}.csv"} <= set(page.links)


@pytest.mark.parametrize("value", ["id/project/pytorch", "/id/project/pytorch", str(PYTORCH), f"<{PYTORCH}>"])
def test_parameters_come_from_the_address(server: Server, value: str) -> None:
    reply = server.ask(f"/queries/{HOSTS}.csv?project={value.replace('#', '%23')}&project=id/project/pytorches")
    assert list(csv.reader(io.StringIO(reply.text))) == [
        ["project", "host"],
        [str(PYTORCH), f"{BASE}id/org/pytorch-foundation"],
    ]
    assert reply.headers["kg-rows"] == "1"
    assert server.ask(f"/queries/{HOSTS}.csv?project=id/project/pytorches").text.splitlines() == ["project,host"]


def test_an_empty_field_of_the_form_means_the_default(server: Server) -> None:
    assert "1 row." in read_page(browse(server, f"/queries/{HOSTS}?project=")).text


def test_a_query_answers_in_what_is_accepted_or_what_its_suffix_says(server: Server) -> None:
    by_suffix = server.ask(f"/queries/{HOSTS}.json", Accept="text/csv")
    by_accept = server.ask(f"/queries/{HOSTS}", Accept="application/sparql-results+json")
    assert by_suffix.type == by_accept.type == "application/sparql-results+json"
    assert by_suffix.body == by_accept.body
    assert server.ask(f"/queries/{HOSTS}", Accept="text/csv").type == "text/csv"
    assert server.ask(f"/queries/{HOSTS}", Accept="image/png").status == 406
    assert server.ask("/queries/asked.json").json["boolean"] is True
    assert server.ask("/queries/asked.csv").status == 404
    assert "yes" in read_page(browse(server, "/queries/asked")).text


def test_the_beginning_of_a_name_finds_a_query(server: Server) -> None:
    assert server.ask("/queries/tested.csv").status == 200


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        (f"/queries/{HOSTS}?project=42", 400, "project"),
        (f"/queries/{HOSTS}?project=javascript:alert(1)", 400, "no known prefix"),
        (f"/queries/{HOSTS}?projekt=id/project/pytorch", 400, "did you mean project?"),
        (f"/queries/{HOSTS}?project=https://x/%3E%20%7D%20%23", 400, "may not stand in an IRI"),
        ("/queries/tested-host", 200, ""),
        ("/queries/nonsense", 404, "there is no query"),
        ("/queries/entity", 404, "there is no query"),
        ("/queries/pages/entity", 404, ""),
    ],
)
def test_a_wrong_name_or_parameter_says_what_is_right(server: Server, path: str, status: int, said: str) -> None:
    reply = server.ask(path)
    assert reply.status == status
    assert said in reply.text


def test_the_type_of_a_problem_leads_to_an_explanation(server: Server) -> None:
    told = server.ask("/sparql?query=SELEC").json
    page = read_page(browse(server, "/" + told["type"].removeprefix(BASE)))
    assert told["title"] in page.text
    assert told["how"] in page.text


# --- health, methods, other ways to serve -----------------------------------------------------------------------------


def test_health_asks_something_whose_answer_is_known(server: Server, config: Config, release: Release) -> None:
    reply = server.ask("/-/health")
    assert (reply.status, reply.json) == (200, {"status": "ok", "release": release.version})
    assert reply.headers["cache-control"] == "no-store"
    empty = OxigraphStore.load([])
    with live(create_app(config, store=empty, release=release)) as wrong:
        assert wrong.ask("/-/health").status == 503
        empty.close()
        assert wrong.ask("/-/health").status == 503


@pytest.mark.parametrize("path", ["/", "/queries", "/id/project/pytorch", "/page/project/pytorch", "/-/health"])
def test_pages_take_get_and_head_only(server: Server, path: str) -> None:
    reply = server.ask(path, method="POST", body=b"")
    assert reply.status == 405
    assert set(reply.headers["allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    head, got = server.ask(path, method="HEAD"), server.ask(path)
    assert (head.status, head.body) == (got.status, b"")
    assert head.headers.get("content-length") == got.headers.get("content-length")
    options = server.ask(path, method="OPTIONS")
    assert options.headers["access-control-allow-origin"] == "*"
    assert "GET" in options.headers["access-control-allow-methods"]


def test_data_without_a_release_is_served_as_it_is(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "data.ttl"
    file.write_text("@prefix x: <http://x.example/> . x:a a x:Thing . x:b a x:Thing .", encoding="utf-8")
    with live(create_app(config, store=OxigraphStore.load([(file, None, None)]))) as server:
        page = read_page(browse(server, "/"))
        assert "without a release" in page.text
        assert "http://x.example/Thing" in page.text
        assert "Queries" in read_page(browse(server, "/queries")).text
        assert server.ask("/queries", Accept="application/json").json == {"queries": []}
        assert server.ask("/queries/cq05").status == 404
        assert server.ask("/-/health").json == {"status": "ok", "release": None}
        assert server.ask("/ontology", Accept=BROWSER).status == 200


def test_a_release_of_another_base_is_refused(config: Config, release: Release) -> None:
    other = config.model_copy(update={"base": "https://elsewhere.example/"})
    with pytest.raises(ReleaseError, match="elsewhere"):
        create_app(other, store=OxigraphStore.load([]), release=release)


def test_without_a_store_the_current_release_of_the_home_is_served(tmp_path: Path) -> None:
    home = Config(home=tmp_path)
    with pytest.raises(ReleaseError, match="kg build"):
        create_app(home)
    release = make_release(tmp_path / "releases")
    (tmp_path / "releases" / "current").symlink_to(release.version)
    with live(create_app(home)) as server:
        assert server.ask("/-/health").json["release"] == release.version


def test_no_page_asks_another_host_for_anything(server: Server) -> None:
    for path in ("/", "/queries", "/sparql", "/ontology", "/page/project/pytorch", "/page/finding/f20", "/nowhere"):
        page = read_page(browse(server, path))
        for tag, attributes in page.tags:
            described = attributes.get("type") == "application/ld+json"  # a description in the page asks for nothing
            if tag in ("link", "img", "form", "script") and not described:
                address = attributes.get("href") or attributes.get("src") or attributes.get("action") or ""
                assert address.startswith("/"), f"{path} asks {address}"
    css = server.ask("/static/style.css").text
    assert "url(" not in css
    assert "@import" not in css
    assert "prefers-color-scheme: dark" in css


def test_every_link_below_our_own_address_leads_somewhere(server: Server) -> None:
    """Follow the links of the site from its home, each once, as far as they go."""
    waiting, seen = ["/"], {"/"}
    while waiting and len(seen) < 300:
        path = waiting.pop()
        reply = browse(server, path)
        assert reply.status in (200, 301, 303), f"{path} is {reply.status}"
        found = read_page(reply).links if reply.type == "text/html" and reply.body else []
        for link in [*found, *([reply.headers["location"]] if "location" in reply.headers else [])]:
            address = link.partition("#")[0]
            if address.startswith("/") and address not in seen:
                seen.add(address)
                waiting.append(address)
    assert len(seen) > 30

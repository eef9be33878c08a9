"""The ontology over real HTTP: every term for people, every format for programs, versions that never change."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import shutil
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyoxigraph as ox
import pytest
import rdflib
from rdflib import RDF, RDFS, SKOS, Graph, URIRef
from rdflib.compare import isomorphic

from kg import resources
from kg.build import build
from kg.config import Config
from kg.model import DEFAULT_BASE
from kg.release import MANIFEST, Release, Releases
from kg.sources import registry
from kg.sources.fetch import snapshot_of
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.conftest import CREATED
from tests.contract.served import Page, Reply, Server, live, make_release, read_page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
ONTOLOGY = URIRef(f"{DEFAULT_BASE}ontology")
OSAI = f"{ONTOLOGY}#"
TYPES = {
    "ttl": "text/turtle",
    "nt": "application/n-triples",
    "rdf": "application/rdf+xml",
    "jsonld": "application/ld+json",
}
ADDRESSES = ("/ontology", "/ontology/0.2.0", "/ontology/dl", "/ontology/dl/0.2.0")
_READERS = {
    "text/turtle": ox.RdfFormat.TURTLE,
    "application/n-triples": ox.RdfFormat.N_TRIPLES,
    "application/rdf+xml": ox.RdfFormat.RDF_XML,
    "application/ld+json": ox.RdfFormat.JSON_LD,
}


@pytest.fixture(scope="module")
def core() -> Graph:
    return resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE)


@pytest.fixture(scope="module")
def module() -> Graph:
    return resources.read_turtle(resources.ontology() / "osai-dl.ttl", DEFAULT_BASE)


@pytest.fixture(scope="module")
def server(seed_home: Path, seed_release: Release, seed_store: OxigraphStore) -> Iterator[Server]:
    with live(create_app(Config(home=seed_home), store=seed_store, release=seed_release)) as server:
        yield server


@pytest.fixture(scope="module")
def reply(server: Server) -> Reply:
    return server.ask("/ontology", Accept=BROWSER)


@pytest.fixture(scope="module")
def page(reply: Reply) -> Page:
    return read_page(reply)


class _Terms(HTMLParser):
    """Collects the words of each article by its id."""

    def __init__(self) -> None:
        super().__init__()
        self.now: str | None = None
        self.words: defaultdict[str, list[str]] = defaultdict(list)
        self.links: defaultdict[str, list[str]] = defaultdict(list)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "article":
            self.now = given["id"]
        if self.now and tag in ("dt", "dd", "li", "p"):
            self.words[self.now].append(" ")
        if tag == "a" and self.now and given.get("href"):
            self.links[self.now].append(str(given["href"]))

    def handle_endtag(self, tag: str) -> None:
        self.now = None if tag == "article" else self.now

    def handle_data(self, data: str) -> None:
        if self.now:
            self.words[self.now].append(data)


@pytest.fixture(scope="module")
def articles(reply: Reply) -> _Terms:
    """What the page of all terms says of each."""
    parser = _Terms()
    parser.feed(reply.text)
    return parser


@pytest.fixture(scope="module")
def whole(server: Server, articles: _Terms) -> _Terms:
    """What the page of each term says of it."""
    parser = _Terms()
    for name in list(articles.words):
        (link,) = [link for link in articles.links[name] if "/term/" in link]
        told = server.ask(link, Accept=BROWSER)
        assert (told.status, link) == (200, f"/ontology/term/{name}")
        read_page(told)
        assert f'<{OSAI}{name}>; rel="describes"' in told.links
        parser.feed(told.text)
    return parser


def words(articles: _Terms, name: str) -> str:
    return " ".join("".join(articles.words[name]).split())


# --- for people -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["articles", "whole"])
def test_every_declared_term_stands_on_the_page_and_has_its_own_with_its_definition_and_nothing_else(
    where: str, core: Graph, request: pytest.FixtureRequest
) -> None:
    found: _Terms = request.getfixturevalue(where)
    declared = {str(term).removeprefix(OSAI): term for term in core.subjects(RDFS.isDefinedBy, ONTOLOGY)}
    assert len(declared) > 200
    assert set(found.words) == set(declared)
    for name, term in declared.items():
        told = words(found, name)
        assert told.startswith(f"{core.value(term, RDFS.label)} osai:{name} ")
        assert str(core.value(term, SKOS.definition)) in told
        for note in core.objects(term, SKOS.scopeNote):
            assert str(note) in told


def test_a_hash_iri_leads_to_its_term_and_every_link_inside_leads_somewhere(page: Page, core: Graph) -> None:
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    inside = {link[1:] for link in page.links if link.startswith("#")}
    assert inside <= ids
    assert {str(term).removeprefix(OSAI) for term in core.subjects(RDFS.isDefinedBy, ONTOLOGY)} <= ids & inside


def test_headings_go_down_one_step_at_a_time(page: Page) -> None:
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert all(below <= above + 1 for above, below in itertools.pairwise(levels))
    assert levels.count(3) > 200


def test_the_page_stays_light(reply: Reply) -> None:
    assert len(reply.body) < 200_000


def test_a_term_has_what_the_files_say_of_it(whole: _Terms) -> None:
    donation = words(whole, "Donation")
    assert (
        "In words Donation is exactly a transfer that has a company as from agent and has a foundation as to agent."
        in donation
    )
    assert "Queries cq09-donations" in donation
    assert "/queries/cq09-donations" in whole.links["Donation"]
    assert {f"/ontology#{name}" for name in ("Transfer", "Company", "Foundation", "fromAgent", "toAgent")} <= set(
        whole.links["Donation"]
    )
    assert "Elsewhere implies prov:wasDerivedFrom" in words(whole, "relays")
    assert "http://www.w3.org/ns/prov#wasDerivedFrom" in whole.links["relays"]
    finding = words(whole, "Finding")
    assert "about measure: exactly one; a measure" in finding
    assert "/page/concept/mode/survey" in whole.links["Finding"]
    assert "never both. DL" in finding
    assert "DL" not in donation
    assert "of finding: exactly one; a measure" in words(whole, "aboutMeasure")
    assert "Relates project → organization Implies ever stewarded by, under umbrella of" in words(whole, "currentHost")
    assert "Since 0.1.0" in donation


def test_the_diagram_shows_every_class_once_and_leads_to_its_section(reply: Reply, core: Graph) -> None:
    drawing = reply.text.partition("<svg")[2].partition("</svg>")[0]
    assert "<title" in drawing
    assert "<desc" in drawing
    named = re.findall(r'<a href="#(\w+)">', drawing)
    classes = [str(term) for term in core.subjects(RDF.type, rdflib.OWL.Class)]
    assert sorted(named) == sorted(term.removeprefix(OSAI) for term in classes if term.startswith(OSAI))


def test_pages_work_below_the_path_of_a_public_address(
    seed_home: Path, seed_release: Release, seed_store: OxigraphStore
) -> None:
    config = Config(home=seed_home, public_url="https://kg.example/osai")
    with live(create_app(config, store=seed_store, release=seed_release)) as mounted:
        page = read_page(mounted.ask("/ontology", Accept=BROWSER))
        assert "/osai/ontology/term/Donation" in page.links
        term = read_page(mounted.ask("/ontology/term/Donation", Accept=BROWSER))
        assert {"/osai/queries/cq09-donations", "/osai/ontology#Transfer"} <= set(term.links)
        assert not [link for link in page.links if link.startswith("/") and not link.startswith("/osai/")]
        told = mounted.ask("/ontology", Accept="text/turtle").links
        assert '</osai/ontology.nt>; rel="alternate"; type="application/n-triples"' in told


# --- what is counted --------------------------------------------------------------------------------------------------


# rdflib 7.6 warns of itself: its N-Quads reader uses a name that its Dataset has left behind.
@pytest.mark.filterwarnings(r"ignore:Dataset\.default_context is deprecated:DeprecationWarning")
def test_counts_are_those_of_the_quads_read_by_another_engine(
    seed_release: Release, seed_dataset: rdflib.Dataset
) -> None:
    default = {triple[:3] for triple in seed_dataset.default_graph}
    named = {quad[:3] for quad in seed_dataset.quads() if quad[3] is not None} - default
    statistics = json.loads((seed_release.path / "statistics.json").read_text(encoding="utf-8"))
    terms = json.loads((seed_release.path / "terms.json").read_text(encoding="utf-8"))["terms"]
    kinds = {term["iri"]: term["kind"] for term in terms}
    assert [use["iri"] for use in statistics["uses"]] == sorted(kinds)

    types, properties = (Counter(str(t[i]) for t in default if i == 1 or t[1] == RDF.type) for i in (2, 1))
    typed_elsewhere = {(s, o) for s, p, o in named if p == RDF.type}
    types_elsewhere = Counter(str(o) for _, o in typed_elsewhere)
    properties_elsewhere = Counter(str(p) for _, p, _ in named)
    for use in statistics["uses"]:
        iri, is_class = use["iri"], kinds[use["iri"]] == "class"
        assert use["count"] == (types if is_class else properties)[iri], iri
        assert use["elsewhere"] == (types_elsewhere if is_class else properties_elsewhere)[iri], iri
        if is_class:
            here = default if use["count"] else named
            smallest = sorted(str(s) for s, p, o in here if p == RDF.type and str(o) == iri)[:3]
            assert [example["iri"] for example in use["examples"]] == smallest, iri
    assert sum(use["count"] > 0 for use in statistics["uses"]) > 100
    assert any(use["elsewhere"] for use in statistics["uses"])


def test_the_page_shows_the_counts_the_instances_and_the_query_behind_them(
    articles: _Terms, whole: _Terms, server: Server, seed_release: Release
) -> None:
    uses = json.loads((seed_release.path / "statistics.json").read_text(encoding="utf-8"))["uses"]
    counted = {use["iri"].removeprefix(OSAI): use for use in uses}
    assert f"Instances {counted['Company']['count']}:" in words(whole, "Company")
    assert f"Instances {counted['Company']['count']} ·" in words(articles, "Company")
    assert "Instances none in this release" in words(articles, "SpinOut")
    assert f"{counted['Record']['elsewhere']} in named graphs only" in words(articles, "Record")
    for name in ("Company", "Record", "currentHost", "locator"):
        link = next(link for link in whole.links[name] if link.startswith("/sparql?query="))
        query = parse_qs(urlsplit(link).query)["query"][0]
        found = server.ask(link, Accept="application/sparql-results+json").json["results"]["bindings"]
        distinct = {json.dumps({key: row[key] for key in row if key != "graph"}, sort_keys=True) for row in found}
        assert len(distinct) == (counted[name]["count"] or counted[name]["elsewhere"]), query
    for name in ("Company", "Record"):
        for example in counted[name]["examples"]:
            link = next(link for link in whole.links[name] if link.startswith("/page/"))
            assert server.ask(link, Accept=BROWSER).status == 200
            assert example["text"] in words(whole, name)


# --- for programs -----------------------------------------------------------------------------------------------------


def read(reply: Reply) -> Graph:
    """Parse by the engine, which reads every format, and hand over as N-Triples."""
    dataset = list(ox.parse(reply.body, _READERS[reply.type], base_iri="http://127.0.0.1/elsewhere/"))
    assert len(dataset) > 10
    text = ox.serialize((quad.triple for quad in dataset), format=ox.RdfFormat.N_TRIPLES)
    return Graph().parse(data=text, format="nt")


@pytest.mark.parametrize("suffix", TYPES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_each_format_is_the_file(server: Server, core: Graph, module: Graph, address: str, suffix: str) -> None:
    expected = module if "dl" in address else core
    negotiated = server.ask(address, Accept=f"text/html;q=0.5, {TYPES[suffix]}, */*;q=0.1")
    assert (negotiated.status, negotiated.type) == (200, TYPES[suffix])
    assert negotiated.headers["vary"] == "Accept, Accept-Encoding"
    assert isomorphic(read(negotiated), expected)
    named = server.ask(f"{address}.{suffix}", Accept=BROWSER)
    assert (named.status, named.type, named.body) == (200, TYPES[suffix], negotiated.body)
    assert f'<{address}.{suffix}>; rel="alternate"; type="{TYPES[suffix]}"' in negotiated.links


@pytest.mark.parametrize("suffix", ["ttl", "nt", "rdf"])
def test_rdflib_reads_the_same(server: Server, core: Graph, suffix: str) -> None:
    reply = server.ask("/ontology", Accept=TYPES[suffix])
    assert isomorphic(Graph().parse(data=reply.body, format=TYPES[suffix]), core)


def test_turtle_is_the_file_byte_for_byte_after_its_base(server: Server) -> None:
    body = server.ask("/ontology/0.2.0", Accept="text/turtle").body
    assert body == b"@base <https://w3id.org/osai-kg/> .\n" + (resources.ontology() / "osai.ttl").read_bytes()


def test_an_unchanged_ontology_is_not_sent_again(server: Server) -> None:
    for accept in (BROWSER, "text/turtle"):
        tag = server.ask("/ontology", Accept=accept).headers["etag"]
        assert server.ask("/ontology", Accept=accept, If_None_Match=tag).status == 304
    assert server.ask("/ontology", Accept="image/png").status == 406


def test_the_module_has_a_page_of_its_axioms(server: Server) -> None:
    page = read_page(server.ask("/ontology/dl", Accept=BROWSER))
    assert "Every stewardship has an agent as steward." in page.text
    assert "Donation" not in page.text
    assert "/ontology#Stewardship" in page.links
    assert "/ontology#steward" in page.links


def test_a_page_names_its_files(page: Page) -> None:
    alternates = {(a["type"], a["href"]) for a in page.all("link") if a.get("rel") == "alternate"}
    assert alternates == {(media_type, f"/ontology/0.2.0.{suffix}") for suffix, media_type in TYPES.items()}


# --- versions ---------------------------------------------------------------------------------------------------------


def test_a_version_keeps_its_bytes_when_the_data_change(server: Server, seed_release: Release, tmp_path: Path) -> None:
    found = [(source, snapshot_of(source, tmp_path)) for source in registry().values() if source.bundled()]
    chosen = [(source, snapshot) for source, snapshot in found if snapshot is not None]
    releases = Releases(tmp_path)
    other = build(chosen, base=DEFAULT_BASE, releases=releases, created=CREATED, as_of=date(2026, 6, 1)).release
    assert other.manifest.sha256 != seed_release.manifest.sha256
    with live(create_app(Config(home=tmp_path), release=other, store=_store(other))) as changed:
        for address in ("/ontology/0.2.0", "/ontology/dl/0.2.0"):
            for suffix in TYPES:
                first, second = (asked.ask(f"{address}.{suffix}") for asked in (server, changed))
                assert hashlib.sha256(first.body).digest() == hashlib.sha256(second.body).digest()
                assert first.headers["etag"] == second.headers["etag"]


def _store(release: Release) -> OxigraphStore:
    return OxigraphStore.load([(release.quads, None, None)])


@pytest.mark.parametrize("path", ["/ontology/9.9.9", "/ontology/9.9.9.ttl", "/ontology/dl/9.9.9", "/ontology/a/b"])
def test_another_version_is_absent_and_the_known_ones_are_named(server: Server, path: str) -> None:
    reply = server.ask(path)
    assert reply.status == 404
    assert "versions here are 0.2.0" in reply.json["detail"]
    assert server.ask("/ontology.pdf").status == 404


@pytest.fixture
def two_versions(seed_home: Path, tmp_path: Path) -> Path:
    """A home whose current release has version 0.2.0, and an older release with a stable version 0.0.9 of its own."""
    shutil.copytree(seed_home / "releases", tmp_path / "releases", symlinks=True)
    current = Releases(tmp_path).current()
    assert current is not None
    older = tmp_path / "releases" / "2020-01-01-older"
    shutil.copytree(current.path, older)
    manifest = json.loads((older / MANIFEST).read_text(encoding="utf-8"))
    manifest |= {"version": older.name, "ontology": "0.0.9"}
    (older / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")
    terms = json.loads((older / "terms.json").read_text(encoding="utf-8"))
    terms |= {"version": "0.0.9", "status": "stable", "terms": terms["terms"][:5]}
    (older / "terms.json").write_text(json.dumps(terms), encoding="utf-8")
    (older / "osai.ttl").write_text(f"<{OSAI}Agent> a <{OSAI}Older> .\n", encoding="utf-8")
    return tmp_path


def test_a_version_of_an_older_release_is_served_from_there(two_versions: Path, seed_store: OxigraphStore) -> None:
    release = Releases(two_versions).current()
    with live(create_app(Config(home=two_versions), store=seed_store, release=release)) as server:
        older = server.ask("/ontology/0.0.9", Accept="text/turtle")
        assert older.body == (two_versions / "releases" / "2020-01-01-older" / "osai.ttl").read_bytes()
        assert older.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert server.ask("/ontology/0.2.0.ttl").headers["cache-control"] == "public, max-age=31536000, immutable"
        assert len(server.ask("/ontology/0.0.9.nt").text.splitlines()) == 1
        page = read_page(server.ask("/ontology/0.0.9", Accept=BROWSER))
        assert "This is version 0.0.9. Version 0.2.0 is the current one" in page.text
        assert len([attributes for tag, attributes in page.tags if tag == "article"]) == 5
        older_term = read_page(server.ask("/ontology/0.0.9/term/Agent", Accept=BROWSER))
        assert "/ontology/0.0.9#Agent" in older_term.links
        assert "did you mean Agent" in server.ask("/ontology/term/Agnt").json["detail"]
        assert "versions here are 0.0.9, 0.2.0" in server.ask("/ontology/0.3.0").json["detail"]
        assert server.ask("/ontology", Accept="text/turtle").body != older.body


def test_a_broken_release_beside_it_does_not_matter(two_versions: Path, seed_store: OxigraphStore) -> None:
    (two_versions / "releases" / "2020-01-01-older" / MANIFEST).write_text("{", encoding="utf-8")
    release = Releases(two_versions).current()
    with live(create_app(Config(home=two_versions), store=seed_store, release=release)) as server:
        assert server.ask("/ontology/0.2.0.ttl").status == 200
        assert server.ask("/ontology/0.0.9.ttl").status == 404


# --- data without documents -------------------------------------------------------------------------------------------


@pytest.fixture(params=["data", "release"])
def undocumented(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """Data without a release, and a release from before terms were documented in it."""
    sealed = make_release(tmp_path)
    release = sealed if request.param == "release" else None
    with live(create_app(Config(home=tmp_path), store=_store(sealed), release=release)) as server:
        yield server


def test_data_without_documents_are_documented_by_the_bundled_files(undocumented: Server, core: Graph) -> None:
    page = read_page(undocumented.ask("/ontology", Accept=BROWSER))
    declared = {str(term).removeprefix(OSAI) for term in core.subjects(RDFS.isDefinedBy, ONTOLOGY)}
    assert declared == {attributes["id"] for tag, attributes in page.tags if tag == "article"}
    assert "Nothing is counted here" in page.text
    assert "none in this release" not in page.text
    assert not [link for link in page.links if link.startswith("/sparql?")]
    assert isomorphic(read(undocumented.ask("/ontology/0.2.0", Accept="text/turtle")), core)


def test_links_to_pages_that_are_not_there_are_left_out(tmp_path: Path) -> None:
    with live(create_app(Config(home=tmp_path), store=_store(make_release(tmp_path)))) as server:
        page = read_page(server.ask("/ontology", Accept=BROWSER))
        assert not [link for link in page.links if link.startswith(("/queries/", "/page/"))]

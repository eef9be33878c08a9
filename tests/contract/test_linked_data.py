"""Linked data over real HTTP: IRIs that last, descriptions of the data set, linksets, downloads, what robots read."""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit
from xml.etree import ElementTree

import pytest
import rdflib
from rdflib import DCAT, DCTERMS, OWL, RDF, SH, SKOS, VOID, URIRef
from rdflib.compare import isomorphic

from kg import dumps, minted
from kg.config import Config
from kg.release import QUADS, Release, Releases
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, Server, live, make_release, read_page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
DATA = URIRef(f"{BASE}id/dataset/osai-kg")
SPDX = rdflib.Namespace("http://spdx.org/rdf/terms#")
SITEMAP = "{http://www.sitemaps.org/schemas/sitemap/0.9}"
# Every IRI is asked for where this is set; else so many of each kind.
FULL = bool(os.environ.get("KG_FULL_CRAWL"))
SAMPLED = 25


@pytest.fixture(scope="module")
def server(seed_home: Path, seed_store: OxigraphStore, seed_release: Release) -> Iterator[Server]:
    app = create_app(Config(home=seed_home), store=seed_store, release=seed_release)
    dumps.make(seed_release, seed_home)
    with live(app) as server:
        yield server


@pytest.fixture(scope="module")
def void(server: Server) -> rdflib.Graph:
    return rdflib.Graph().parse(data=server.ask("/.well-known/void").text, format="turtle")


def one(store: OxigraphStore, pattern: str, counted: str = "*") -> int:
    (row,) = store.rows(f"SELECT (COUNT({counted}) AS ?n) WHERE {{ {pattern} }}", trusted=True)
    return int(str(row["n"]))


# --- VoID -----------------------------------------------------------------------------------------------------------


def test_void_counts_what_the_store_counts(void: rdflib.Graph, seed_store: OxigraphStore) -> None:
    def said(subject: rdflib.term.Node, predicate: URIRef) -> int:
        (value,) = void.objects(subject, predicate)
        return int(str(value))

    assert said(DATA, VOID.triples) == one(seed_store, "?s ?p ?o") > 1000
    assert said(DATA, VOID.distinctSubjects) == one(seed_store, "?s ?p ?o", "DISTINCT ?s")
    assert said(DATA, VOID.distinctObjects) == one(seed_store, "?s ?p ?o", "DISTINCT ?o")
    assert said(DATA, VOID.entities) == one(seed_store, "?s a ?class", "DISTINCT ?s")
    assert said(DATA, VOID.classes) == one(seed_store, "?s a ?class", "DISTINCT ?class")
    assert said(DATA, VOID.properties) == one(seed_store, "?s ?p ?o", "DISTINCT ?p")
    classes = list(void.objects(DATA, VOID.classPartition))
    assert len(classes) == said(DATA, VOID.classes)
    nested = 0
    for part in classes:
        (of,) = void.objects(part, VOID["class"])
        assert said(part, VOID.entities) == one(seed_store, f"?s a <{of}>", "DISTINCT ?s"), of
        for within in list(void.objects(part, VOID.propertyPartition))[:4]:
            (by,) = void.objects(within, VOID.property)
            assert said(within, VOID.triples) == one(seed_store, f"?s a <{of}> ; <{by}> ?o"), (of, by)
            nested += 1
    assert nested > 100
    properties = list(void.objects(DATA, VOID.propertyPartition))
    assert len(properties) == said(DATA, VOID.properties)
    for part in properties:
        (by,) = void.objects(part, VOID.property)
        assert said(part, VOID.triples) == one(seed_store, f"?s <{by}> ?o"), by
        assert said(part, VOID.distinctSubjects) == one(seed_store, f"?s <{by}> ?o", "DISTINCT ?s"), by


def test_void_gives_the_size_of_every_named_graph_its_own_too(void: rdflib.Graph, seed_store: OxigraphStore) -> None:
    found = {
        str(row["g"]): int(str(row["n"]))
        for row in seed_store.rows("SELECT ?g (COUNT(*) AS ?n) { GRAPH ?g { ?s ?p ?o } } GROUP BY ?g", trusted=True)
    }
    assert f"{BASE}graph/void" in found
    for graph, size in found.items():
        assert [int(str(n)) for n in void.objects(URIRef(graph), VOID.triples)] == [size], graph


def test_void_says_where_things_are_and_no_host_stands_in_the_data(
    server: Server, void: rdflib.Graph, seed_release: Release
) -> None:
    (endpoint,) = void.objects(DATA, VOID.sparqlEndpoint)
    assert server.ask(urlsplit(str(endpoint)).path + "?query=ASK%7B%7D").status == 200
    assert "127.0.0.1" not in gzip.decompress(seed_release.quads.read_bytes()).decode()


@pytest.mark.parametrize("path", ["/.well-known/void", "/.well-known/sparql-examples", "/releases", "/shapes"])
def test_descriptions_are_the_same_graph_in_every_format(server: Server, path: str) -> None:
    first = rdflib.Graph().parse(data=server.ask(path, Accept="application/n-triples").text, format="nt")
    for accept, parser in (("text/turtle", "turtle"), ("application/rdf+xml", "xml")):
        reply = server.ask(path, Accept=accept)
        assert (reply.status, reply.type) == (200, accept)
        assert "Accept" in reply.headers["vary"]
        assert len(rdflib.Graph().parse(data=reply.text, format=parser)) == len(first)
    listed = server.ask(path, Accept="application/ld+json")
    assert listed.type == "application/ld+json"
    assert listed.json
    assert server.ask(path, Accept="image/png").status == 406


def test_the_formats_of_one_thing_are_isomorphic(server: Server) -> None:
    graphs = [
        rdflib.Graph().parse(data=server.ask(f"/data/project/pytorch.{suffix}").text, format=parser)
        for suffix, parser in (("ttl", "turtle"), ("nt", "nt"), ("rdf", "xml"))
    ]
    assert all(isomorphic(graphs[0], other) for other in graphs[1:])
    expanded = server.ask("/data/project/pytorch.jsonld").json
    assert {node["@id"] for node in expanded} == {str(subject) for subject in graphs[0].subjects()}


# --- examples -------------------------------------------------------------------------------------------------------


def test_every_example_says_where_to_ask_and_runs_there(server: Server) -> None:
    graph = rdflib.Graph().parse(data=server.ask("/.well-known/sparql-examples").text, format="turtle")
    examples = list(graph.subjects(RDF.type, SH.SPARQLExecutable))
    assert len(examples) >= 28
    for example in examples:
        (target,) = graph.objects(example, rdflib.SDO.target)
        texts = [text for form in (SH.select, SH.ask, SH.construct) for text in graph.objects(example, form)]
        assert len(texts) == 1
        assert list(graph.objects(example, rdflib.RDFS.comment))
        reply = server.ask(f"{urlsplit(str(target)).path}?query={quote(str(texts[0]))}", Accept="*/*")
        assert reply.status == 200, example


# --- releases -------------------------------------------------------------------------------------------------------


def test_each_distribution_can_be_had_and_has_its_hash_and_size(server: Server, seed_release: Release) -> None:
    graph = rdflib.Graph().parse(data=server.ask("/releases", Accept="text/turtle").text, format="turtle")
    (catalogue,) = graph.subjects(RDF.type, DCAT.Catalog)
    assert (catalogue, DCAT.dataset, DATA) in graph
    files = list(graph.objects(DATA, DCAT.distribution))
    endings = {str(file).partition(seed_release.version + ".")[2] for file in files}
    assert {f"{form}.{packed}" for form in ("nq", "trig", "ttl", "jsonld") for packed in ("gz", "zst")} <= endings
    for file in files:
        (address,) = graph.objects(file, DCAT.downloadURL)
        (checksum,) = graph.objects(file, SPDX.checksum)
        (size,) = graph.objects(file, DCAT.byteSize)
        reply = server.ask(urlsplit(str(address)).path)
        assert reply.status == 200
        assert hashlib.sha256(reply.body).hexdigest() == str(graph.value(checksum, SPDX.checksumValue)), file
        assert len(reply.body) == int(str(size))
        assert reply.headers["repr-digest"].startswith("sha-256=:")
        assert list(graph.objects(file, DCTERMS.license))
    path = f"/releases/{seed_release.version}/osai.ttl"
    again = server.ask(path, Range="bytes=0-9")
    assert (again.status, again.body) == (206, (seed_release.path / "osai.ttl").read_bytes()[:10])
    assert server.ask(path, If_None_Match=server.ask(path).headers["etag"]).status == 304
    page = read_page(server.ask("/releases", Accept=BROWSER))
    assert path in page.links


def test_dumps_hold_every_quad_but_words(seed_home: Path, seed_release: Release, seed_store: OxigraphStore) -> None:
    import zstandard

    made = {dump.name.partition(seed_release.version + ".")[2]: dump for dump in dumps.make(seed_release, seed_home)}
    folder = dumps.place(seed_home, seed_release.version)
    words = re.compile(f" <{BASE}graph/words/[^>]*> \\.$".encode())
    lines = gzip.decompress(seed_release.quads.read_bytes()).splitlines()
    expected = {line for line in lines if not words.search(line)}
    assert len(expected) < len(lines)
    packed = gzip.decompress((folder / made["nq.gz"].name).read_bytes())
    assert set(packed.splitlines()) == expected
    with (folder / made["nq.zst"].name).open("rb") as stream:
        assert zstandard.ZstdDecompressor().stream_reader(stream).read() == packed
    turtle = rdflib.Graph().parse(data=gzip.decompress((folder / made["ttl.gz"].name).read_bytes()), format="turtle")
    assert len(turtle) == one(seed_store, "?s ?p ?o")
    listed = json.loads(gzip.decompress((folder / made["jsonld.gz"].name).read_bytes()))
    assert listed


@pytest.mark.parametrize("name", ["manifest.json", "../current/osai.ttl", "search.sqlite", "%2e%2e/x", "nothing.nq.gz"])
def test_what_is_not_offered_is_404(server: Server, seed_release: Release, name: str) -> None:
    assert server.ask(f"/releases/{seed_release.version}/{name}").status == 404
    assert server.ask(f"/releases/2000-01-01-none/{QUADS}").status == 404


def test_quads_that_hold_words_of_others_are_not_offered(tmp_path: Path) -> None:
    release = make_release(tmp_path / "releases")  # its second source has a graph of words
    store = OxigraphStore.load([(release.quads, None, None)])
    with live(create_app(Config(home=tmp_path), store=store, release=release)) as server:
        assert server.ask(f"/releases/{release.version}/{QUADS}").status == 404
    store.close()


def test_the_citation_names_the_content_and_no_person(server: Server, seed_release: Release) -> None:
    import yaml

    told = yaml.safe_load(server.ask("/CITATION.cff").text)
    assert {"cff-version", "message", "title", "authors"} <= set(told)  # what the format requires
    assert told["identifiers"][0]["value"] == f"sha256:{seed_release.manifest.sha256}"
    assert str(told["date-released"]) == seed_release.manifest.as_of.isoformat()
    assert [set(author) for author in told["authors"]] == [{"name"}]


# --- linksets -------------------------------------------------------------------------------------------------------


def table(text: str) -> tuple[dict[str, str], list[dict[str, str]]]:
    """Read an SSSOM table: its prefixes and its rows."""
    head = [line[1:] for line in text.splitlines() if line.startswith("#")]
    prefixes = dict(re.findall(r'^  ([\w-]+): "(.*)"$', "\n".join(head), re.MULTILINE))
    body = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    return prefixes, list(csv.DictReader(io.StringIO(body), delimiter="\t"))


def expand(prefixes: dict[str, str], curie: str) -> str:
    prefix, _, local = curie.partition(":")
    return prefixes[prefix] + local


def check_linksets(server: Server, store: OxigraphStore) -> dict[str, list[tuple[str, str, str]]]:
    """Hold each linkset against its graph, its table and VoID; give the triples by name."""
    void = rdflib.Graph().parse(data=server.ask("/.well-known/void").text, format="turtle")
    listed = server.ask("/linksets", Accept="application/json").json["linksets"]
    found: dict[str, list[tuple[str, str, str]]] = {}
    for linkset in listed:
        name, graph = linkset["name"], linkset["graph"]
        stored = {
            (str(row["s"]), str(row["p"]), str(row["o"]))
            for row in store.rows(f"SELECT * {{ GRAPH <{graph}> {{ ?s ?p ?o }} }}", trusted=True)
        }
        text = server.ask(f"/linksets/{name}.sssom.tsv").text
        prefixes, rows = table(text)
        assert {
            tuple(expand(prefixes, row[column]) for column in ("subject_id", "predicate_id", "object_id"))
            for row in rows
        } == stored
        for row in rows:
            assert row["mapping_justification"].startswith("semapv:")
            assert 0 < float(row["confidence"]) <= 1
            assert re.fullmatch(r"\d{4}-\d\d-\d\d", row["mapping_date"])
            assert row["mapping_source"]
        assert linkset["links"] == len(stored)
        assert [int(str(n)) for n in void.objects(URIRef(graph), VOID.triples)] == [len(stored)]
        parts = [*void.objects(URIRef(graph), VOID.subset)] or [URIRef(graph)]
        sizes = {str(void.value(part, VOID.linkPredicate)): int(str(void.value(part, VOID.triples))) for part in parts}
        counted: dict[str, int] = defaultdict(int)
        for _, predicate, _ in stored:
            counted[predicate] += 1
        assert sizes == counted, "one linkset for each predicate, as VoID wants it"
        found[name] = sorted(stored)
    return found


def test_each_linkset_is_one_graph_one_table_and_counted(server: Server, seed_store: OxigraphStore) -> None:
    found = check_linksets(server, seed_store)
    assert {"wikidata", "schema-org", "prov-o", "spdx"} <= set(found)
    company = (f"{BASE}ontology#Company", str(SKOS.closeMatch), "https://schema.org/Corporation")
    assert company in found["schema-org"]
    assert read_page(server.ask("/linksets", Accept=BROWSER))
    assert server.ask("/linksets/nothing.sssom.tsv").status == 404
    assert server.ask("/linksets/..%2Fosai.ttl").status == 404


@pytest.fixture(scope="module")
def linked_home(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """A home with one release of the sources that are small and full of identifiers."""
    from kg.build import build
    from kg.sources import registry
    from kg.sources.fetch import fetch_from, snapshot_of
    from tests.conftest import CREATED

    home = tmp_path_factory.mktemp("linked")
    chosen = []
    for name in ("org-domains", "spdx-licenses", "country-codes", "sectors"):
        source = registry()[name]
        fetch_from(source, [shared / "data"], home)
        snapshot = snapshot_of(source, home)
        assert snapshot is not None
        chosen.append((source, snapshot))
    releases = Releases(home)
    releases.promote(build(chosen, base=BASE, releases=releases, created=CREATED).release.version)
    return home


@pytest.mark.shared
def test_links_say_identity_only_where_it_is_one_to_one(linked_home: Path, shared: Path) -> None:
    release = Releases(linked_home).current()
    assert release is not None
    store = OxigraphStore.load([(release.quads, None, None)])
    with live(create_app(Config(home=linked_home), store=store, release=release)) as server:
        found = check_linksets(server, store)
    for name in ("wikidata", "ror"):
        same = [(s, o) for s, p, o in found[name] if p == str(OWL.sameAs)]
        assert same
        assert len({s for s, _ in same}) == len({o for _, o in same}) == len(same)
    # A second way: the table of economies, row by row, names the Wikidata item of Germany.
    assert (f"{BASE}id/economy/de", str(OWL.sameAs), "http://www.wikidata.org/entity/Q183") in found["wikidata"]
    assert (f"{BASE}id/licence/mit", str(SKOS.exactMatch), "http://spdx.org/licenses/MIT") in found["spdx"]
    # ISIC: each code of the raw file is linked once, without the letter of its section; ours are below their section.
    isic = "https://unstats.un.org/classifications/ISIC/rev4/"
    content = json.loads((shared / "data" / "sectors" / "isic4_en.json").read_text(encoding="utf-8"))
    codes: list[str] = []
    for section in content["sections"]:
        codes.append(section["section"].upper())
        for division in section["divisions"]:
            codes.append(division["division"])
            for group in division["groups"]:
                codes += [group["group"], *(each["class"] for each in group["classes"])]
    exact = [(s, o) for s, p, o in found["isic"] if p == str(SKOS.exactMatch)]
    assert sorted(o for _, o in exact) == sorted(isic + code for code in codes)
    assert (f"{BASE}concept/sector/J6201", f"{isic}6201") in exact
    assert (f"{BASE}concept/sector/public-health", str(SKOS.broadMatch), f"{isic}Q") in found["isic"]
    # The branch that owns a company's domain is a neighbour of the company, and never the company.
    with (shared / "data" / "org-domains" / "domain_org.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    # By the raw table: what a company's row names in ROR is no identity of the company.
    branches = {
        f"https://ror.org/{row['ror'].rpartition('/')[2]}" for row in rows if row["ror"] and row["kind"] == "company"
    }
    assert branches
    close = [(s, o) for s, p, o in found["ror"] if p == str(SKOS.closeMatch)]
    assert {o for _, o in close} & branches
    assert not {o for _, o in close} & {o for _, p, o in found["ror"] if p == str(OWL.sameAs)}
    store.close()


# --- IRIs that last -------------------------------------------------------------------------------------------------

GONE = '<id/project/withdrawn> a osai:Project ; osai:name "Withdrawn" .'


@pytest.fixture
def two_releases(tmp_path: Path) -> Path:
    """A home where the current release lacks a project, a person and a graph of the one before."""
    for version, extra in (
        ("2026-01-01-first", GONE + ' GRAPH <graph/gone/1> { <id/person/ä> osai:name "Ä" . }'),
        ("2026-01-02-second", ""),
    ):
        release = make_release(tmp_path / "releases", version=version, extra=extra)
        minted.leave(release.path, release.quads, BASE)
    Releases(tmp_path).promote("2026-01-02-second")
    return tmp_path


def test_what_an_earlier_release_named_is_410_and_never_404(two_releases: Path) -> None:
    with live(create_app(Config(home=two_releases))) as server:
        for path in ("project/withdrawn", "person/%C3%A4"):
            for address in (f"/id/{path}", f"/page/{path}", f"/data/{path}.ttl"):
                reply = server.ask(address)
                assert (reply.status, reply.type) == (410, "application/problem+json"), address
                assert reply.json["type"] == f"{BASE}problem/gone"
                assert "410" in read_page(server.ask(address, Accept=BROWSER)).text
        assert server.ask("/graph/gone/1").status == 410
        assert server.ask("/id/project/withdrawm").status == 404
        assert server.ask("/id/project/pytorch").status == 303


def test_a_release_that_is_pruned_is_remembered(two_releases: Path) -> None:
    removed = Releases(two_releases).prune(0)
    assert removed == ["2026-01-01-first"]
    with live(create_app(Config(home=two_releases))) as server:
        assert server.ask("/id/project/withdrawn").status == 410
    # Going back is remembered too: nothing of the release that is left becomes unknown.
    third = make_release(two_releases / "releases", version="2026-01-03-third", extra=GONE)
    minted.leave(third.path, third.quads, BASE)
    Releases(two_releases).promote("2026-01-03-third")
    with live(create_app(Config(home=two_releases))) as server:
        assert server.ask("/id/project/withdrawn").status == 303


def test_a_slug_of_the_ledger_is_never_404(two_releases: Path) -> None:
    from kg import resources
    from kg.model import Ledger

    rows = Ledger.read(resources.curated() / "ledger.csv").rows
    with live(create_app(Config(home=two_releases))) as server:
        statuses = {server.ask(f"/id/{row.kind}/{row.slug}").status for row in rows}
    assert statuses <= {303, 301, 410}


def test_the_list_of_a_release_is_what_its_quads_name(seed_release: Release, seed_store: OxigraphStore) -> None:
    named: set[str] = set()
    for pattern in ("?t ?p ?o", "?s ?p ?t", "GRAPH ?t { ?s ?p ?o }", "GRAPH ?g { ?t ?p ?o }", "GRAPH ?g { ?s ?p ?t }"):
        for row in seed_store.rows(f"SELECT DISTINCT ?t {{ {pattern} }}", trusted=True):
            term = row["t"]
            if isinstance(term, URIRef) and str(term).startswith((f"{BASE}id/", f"{BASE}concept/", f"{BASE}graph/")):
                named.add(str(term)[len(BASE) :].partition("#")[0])
    listed = set(minted.read(seed_release.path / minted.MINTED))
    assert named - listed == set()
    assert listed - named == set()


# --- every IRI answers ----------------------------------------------------------------------------------------------


def iris(release: Release) -> dict[str, list[str]]:
    """Give the IRIs below the base that a release names, by kind; sampled unless all are asked for."""
    kinds: dict[str, list[str]] = defaultdict(list)
    for path in minted.read(release.path / minted.MINTED):
        kinds["/".join(path.split("/")[:2])].append(path)
    return {kind: paths if FULL else paths[:: max(len(paths) // SAMPLED, 1)] for kind, paths in kinds.items()}


def test_every_iri_of_the_release_answers_with_a_page_and_a_description(server: Server, seed_release: Release) -> None:
    crawled = 0
    for paths in iris(seed_release).values():
        for path in paths:
            address = f"/{quote(path, safe='/:@!$&()*+,;=-._~')}"
            sent = server.ask(address, Accept="text/turtle")
            assert sent.status in (303, 301), address
            if sent.status == 301:
                continue
            described = server.ask(sent.headers["location"])
            assert (described.status, described.type) == (200, "text/turtle"), address
            if not path.startswith("graph/"):
                assert int(described.headers["kg-rows"]) > 0, f"{address}: nothing is said of it"
            assert server.ask(address, Accept=BROWSER).status == 303
            crawled += 1
    assert crawled > 300
    for path in ("/ontology", "/ontology/dl", "/shapes", "/ontology/0.2.0"):
        assert server.ask(path).status == 200


@pytest.mark.parametrize("path", ["/id/project/pytorch", "/page/project/pytorch"])
def test_a_thing_is_signposted(server: Server, path: str) -> None:
    links = server.ask(path, Accept=BROWSER).links
    for expected in (
        '</data/project/pytorch.ttl>; rel="describedby"; type="text/turtle"',
        '</data/project/pytorch.jsonld>; rel="alternate"; type="application/ld+json"',
        f'<{BASE}id/project/pytorch>; rel="cite-as"',
        '<https://creativecommons.org/licenses/by/4.0/>; rel="license"',
    ):
        assert expected in links
    if path.startswith("/page/"):
        assert f'<{BASE}ontology#Project>; rel="type"' in links


def test_a_proxy_moves_addresses_and_no_iri(seed_home: Path, seed_store: OxigraphStore, seed_release: Release) -> None:
    outside = "https://data.example.org/kg"
    config = Config(home=seed_home, public_url=outside)
    with live(create_app(config, store=seed_store, release=seed_release)) as server:
        sent = server.ask("/id/project/pytorch", Accept="text/turtle")
        assert sent.headers["location"] == "/kg/data/project/pytorch.ttl"
        assert f'<{BASE}id/project/pytorch>; rel="cite-as"' in sent.links
        forged = server.ask("/id/project/pytorch", Accept="text/turtle", X_Forwarded_Prefix="/evil")
        assert forged.headers["location"] == "/kg/data/project/pytorch.ttl"
        told = server.ask("/.well-known/void").text
        assert f"<{outside}/sparql>" in told
        assert str(DATA) in told
        assert "127.0.0.1" not in told
        moved = server.ask("/data/project/pytorch.nt").body
    with live(create_app(Config(home=seed_home), store=seed_store, release=seed_release)) as server:
        assert sorted(server.ask("/data/project/pytorch.nt").body.splitlines()) == sorted(moved.splitlines())


# --- robots and people ----------------------------------------------------------------------------------------------


def read_sitemap(server: Server, address: str) -> ElementTree.Element:
    parts = urlsplit(address)
    return ElementTree.fromstring(server.ask(f"{parts.path}?{parts.query}").text)  # noqa: S314  (our own service's)


def test_the_sitemap_lists_pages_that_are_there(server: Server) -> None:
    robots = server.ask("/robots.txt").text
    (address,) = re.findall(r"^Sitemap: (\S+)$", robots, re.MULTILINE)
    index = read_sitemap(server, address)
    parts = [node.text or "" for node in index.iter(f"{SITEMAP}loc")]
    assert parts
    listed: list[str] = []
    for part in parts:
        found = [node.text or "" for node in read_sitemap(server, part).iter(f"{SITEMAP}loc")]
        assert 0 < len(found) <= 50_000
        listed += found
    assert len(listed) == len(set(listed)) > 300
    assert any(link.endswith("/page/project/pytorch") for link in listed)
    for link in listed[:40] + listed[40 :: 1 if FULL else 40]:
        assert server.ask(urlsplit(link).path, Accept=BROWSER).status == 200, link
    for no_part in (len(parts) + 1, 0, -1, "x"):
        assert server.ask(f"/sitemap.xml?part={no_part}").status == 404


def test_the_home_page_holds_the_data_set_for_search_engines(server: Server, seed_release: Release) -> None:
    reply = server.ask("/", Accept=BROWSER)
    (block,) = re.findall(r'<script type="application/ld\+json">(.*?)</script>', reply.text, re.DOTALL)
    told = json.loads(block)
    assert (told["@type"], told["@id"], told["version"]) == ("Dataset", str(DATA), seed_release.version)
    assert told["license"].startswith("https://creativecommons.org/")
    assert 50 <= len(told["description"]) <= 5000  # what indexers of data sets take
    for file in told["distribution"]:
        got = server.ask(urlsplit(file["contentUrl"]).path)
        assert hashlib.sha256(got.body).hexdigest() == file["sha256"]
    assert f'<{DATA}>; rel="cite-as"' in reply.links
    assert "script-src" not in reply.headers["content-security-policy"], "the block is data, and no script may run"


def test_llms_txt_leads_only_to_what_is_there(server: Server) -> None:
    text = server.ask("/llms.txt").text
    assert text.startswith("# ")
    links = re.findall(r"\]\((http[^)]+)\)", text)
    assert len(links) > 30
    for link in links:
        assert server.ask(urlsplit(link).path).status == 200, link


def test_without_a_release_there_is_nothing_to_describe_and_nothing_fails(tmp_path: Path) -> None:
    file = tmp_path / "data.ttl"
    file.write_text("<http://x.example/a> <http://x.example/b> 1 .", encoding="utf-8")
    with live(create_app(Config(home=tmp_path), store=OxigraphStore.load([(file, None, None)]))) as server:
        for path in ("/sitemap.xml", "/CITATION.cff", "/linksets/wikidata.ttl"):
            assert server.ask(path).status == 404
        for path in ("/robots.txt", "/llms.txt", "/.well-known/void", "/releases", "/linksets", "/"):
            assert server.ask(path, Accept="*/*").status == 200, path

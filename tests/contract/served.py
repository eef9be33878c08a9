"""What the tests of the web layer share: a small release written by hand, a live server, a strict reader of HTML."""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from werkzeug.serving import WSGIRequestHandler, make_server

from kg.release import FORMAT, MANIFEST, QUADS, LoadedSource, Manifest, Release, read_release
from kg.store.oxigraph import OxigraphWriter

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

BASE = "https://w3id.org/osai-kg/"
MARKUP = '<script>alert("1")</script> & \'<b>'

# One project, its host, a finding with two statements (one with its words at hand), and markup where text is expected.
TRIG = """
@base <https://w3id.org/osai-kg/> .
@prefix osai: <https://w3id.org/osai-kg/ontology#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
@prefix prov: <http://www.w3.org/ns/prov#> .
@prefix dcterms: <http://purl.org/dc/terms/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> .

<ontology> a owl:Ontology ; owl:versionInfo "0.1.0" .
osai:Project a owl:Class ; rdfs:label "project"@en ; skos:definition "Makes things."@en ; rdfs:isDefinedBy <ontology> .
osai:name a owl:DatatypeProperty ; rdfs:label "name"@en ; rdfs:isDefinedBy <ontology> .
osai:homepage rdfs:label "homepage"@en .
<id/project/pytorch> a osai:Project ; osai:name "PyTorch" ; osai:currentHost <id/org/pytorch-foundation> .
<id/org/pytorch-foundation> a osai:Organization ; osai:name "PyTorch Foundation" .
<id/org/größe> a osai:Organization ; osai:name "Größe" .
<id/project/marked> a osai:Project ; osai:name "<script>alert(\\"1\\")</script> & '<b>" ;
    osai:homepage "javascript:alert(1)"^^xsd:anyURI, <javascript:alert(2)>, "https://example.org/"^^xsd:anyURI .
<id/project/old> owl:deprecated true ; dcterms:isReplacedBy <id/project/pytorch> .
<id/repository/github.com/pytorch/pytorch.ttl> a osai:Repository ; osai:name "a name that ends like a file" .
<concept/bound/at-most> a skos:Concept ; skos:prefLabel "at most"@en .
<id/finding/f20> a osai:Finding, osai:MonetaryFinding ; osai:claim "AI could add up to 290 billion." ;
    osai:displayValue "up to $290B" ; osai:value 290000000000 ; osai:unitCode "USD" ;
    osai:boundKind <concept/bound/at-most> ;
    osai:contradicts <id/finding/f21> ; osai:expressedBy <id/statement/article-f20>, <id/statement/report-f20> .
<id/finding/f21> a osai:Finding ; osai:claim "AI adds nothing." ; osai:contradicts <id/finding/f20> ;
    osai:expressedBy <id/statement/article-f21> .
<id/statement/article-f20> a osai:Statement ; osai:inDocument <id/doc/article> ;
    osai:hasEvidence <id/doc/article/span/3424-3548> ;
    osai:relays <id/statement/report-f20> ; osai:correctedReading "170 to 290 billion a year" .
<id/statement/report-f20> a osai:Statement ; osai:inDocument <id/doc/report> .
<id/statement/article-f21> a osai:Statement ; osai:inDocument <id/doc/article> ;
    osai:hasEvidence <id/doc/article/span/10-20> .
<id/doc/article> osai:name "The article" ; osai:contentSha256 "7fb19696" .
<id/doc/report> osai:name "The report" .
<id/doc/article/span/3424-3548> osai:startOffset 3424 ; osai:endOffset 3548 .
<id/doc/article/span/10-20> osai:startOffset 10 ; osai:endOffset 20 .

GRAPH <graph/curated/one> {
  <id/project/pytorch> a osai:Project ; osai:name "PyTorch" .
  <id/org/pytorch-foundation> a osai:Organization ; osai:name "PyTorch Foundation" .
}
GRAPH <graph/two/0123456789ab> { <id/project/pytorch> osai:name "PyTorch" . }
GRAPH <graph/inferred/current-host> { <id/project/pytorch> osai:currentHost <id/org/pytorch-foundation> . }
GRAPH <graph/words/article> { <id/doc/article/span/3424-3548> osai:exactQuote "up to <b>$290 billion</b> in value" . }
"""

PYTORCH = f"<{BASE}id/project/pytorch>"
ONE, TWO = f"{BASE}graph/curated/one", f"{BASE}graph/two/0123456789ab"


def make_release(folder: Path, *, version: str = "2026-01-02-test", extra: str = "") -> Release:
    """Write a release as a build would leave it, from the quads above and ``extra`` in TriG."""
    path = folder / version
    path.mkdir(parents=True)
    trig = folder / f"{version}.trig"
    trig.write_text(TRIG + extra, encoding="utf-8")
    writer = OxigraphWriter()
    writer.load([(trig, None, None)])
    sha256 = writer.dump(path / QUADS)
    manifest = Manifest(
        format=FORMAT,
        version=version,
        base=BASE,
        as_of=date(2026, 1, 2),
        ontology="0.1.0",
        software="0",
        sha256=sha256,
        file_sha256={},
        counts={},
        inferred={},
        answers={},
        sources=(_source("one", ONE), _source("two", TWO, f"{BASE}graph/words/article")),
        created=datetime(2026, 1, 2, tzinfo=UTC),
    )
    (path / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    return read_release(path)


def _source(name: str, *graphs: str) -> LoadedSource:
    return LoadedSource(
        name=name,
        title=f"Source {name}",
        licence="CC-BY-4.0",
        upstream="written by hand",
        as_of=date(2026, 1, 2),
        sha256="0" * 64,
        files={},
        graphs=graphs,
        records=1,
        quads=1,
        issues=0,
    )


@dataclass(frozen=True)
class Reply:
    """One answer as it came over the wire. Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    links: tuple[str, ...] = ()

    @property
    def type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0]

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Server:
    """A live server on loopback."""

    host: str
    port: int

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        body: bytes | Iterator[bytes] | None = None,
        **headers: str,
    ) -> Reply:
        """Send one request; ``headers`` are named with underscores for hyphens. Redirects are not followed."""
        line = http.client.HTTPConnection(self.host, self.port, timeout=30)
        try:
            sent = {name.replace("_", "-"): value for name, value in headers.items()}
            line.request(method, path, body=body, headers=sent, encode_chunked=not isinstance(body, bytes))
            answer = line.getresponse()
            data = answer.read()
            return Reply(
                answer.status,
                {name.lower(): value for name, value in answer.getheaders()},
                data,
                tuple(answer.headers.get_all("Link", [])),
            )
        finally:
            line.close()


class _Quiet(WSGIRequestHandler):
    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: object) -> None:
        """Say nothing: the tests do."""


@contextlib.contextmanager
def live(application: WSGIApplication) -> Iterator[Server]:
    """Serve ``application`` over real HTTP as long as the context is open."""
    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=_Quiet)
    setattr(server, "daemon_threads", True)  # noqa: B010  (the type that make_server declares does not have it)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield Server("127.0.0.1", server.port)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})


class _Strict(HTMLParser):
    """Collects what a page says and refuses tags that do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"<{tag}> has an attribute twice: {names}"
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}> at {self.getpos()}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@dataclass(frozen=True)
class Page:
    """A page as its reader meets it."""

    text: str
    tags: tuple[tuple[str, Mapping[str, str | None]], ...]

    def all(self, tag: str) -> list[Mapping[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def links(self) -> list[str]:
        return [href for attributes in self.all("a") if (href := attributes.get("href"))]


def read_page(reply: Reply) -> Page:
    """Read a page strictly: tags nest, references to ids lead somewhere, and it has what a page owes its readers."""
    assert reply.headers["content-type"] == "text/html; charset=utf-8"
    assert reply.text.startswith("<!doctype html>")
    parser = _Strict()
    parser.feed(reply.text)
    parser.close()
    assert not parser.open, f"left open: {parser.open}"
    page = Page("".join(parser.words), tuple(parser.tags))
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids)), "an id stands twice"
    for _, attributes in page.tags:
        for name in ("for", "aria-labelledby", "aria-describedby"):
            for target in (attributes.get(name) or "").split():
                assert target in ids, f"{name}={attributes[name]} leads nowhere"
    assert page.all("html")[0]["lang"] == "en"
    assert [len(page.all(tag)) for tag in ("h1", "main", "header", "footer")] == [1, 1, 1, 1]
    head = list(itertools.takewhile(lambda tag: tag != "body", (tag for tag, _ in page.tags)))
    assert head.count("title") == 1  # a drawing has a title of its own
    assert any(attributes.get("name") == "viewport" for attributes in page.all("meta"))
    for script in page.all("script"):
        if script.get("type") == "application/ld+json":
            continue  # data that no browser runs
        assert str(script.get("src")).endswith("/static/editor.js"), "no page has a script but the query editor's"
        assert any(area.get("id") == "query" for area in page.all("textarea")), "the script is for the editor's page"
    assert not any(name.startswith("on") or name == "style" for _, attributes in page.tags for name in attributes)
    for field in (*page.all("input"), *page.all("textarea"), *page.all("select")):
        labelled = [label.get("for") for label in page.all("label")]
        assert field.get("aria-label") or field.get("id") in labelled, f"a field without label: {field}"
    return page

"""The data set as a whole: VoID and DCAT with distributions, downloads, linksets, examples, sitemap, how to cite.

What is counted stands in ``graph/void`` since the build; here it meets the address of the service, which no data holds.
Each file that is named is there: its hash is the one of the release's manifest. Large graphs are serialised once for
each state of the data.

Source: VoID, section 6.3 (/.well-known/void); DCAT 3; sitemaps.org 0.9; RFC 9309 (robots); RFC 8288 (Link); RFC 9530.
"""

from __future__ import annotations

import base64
import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from xml.sax.saxutils import escape

from flask import Blueprint, Response, request, send_file
from rdflib import RDF, SH, VOID, XSD, Graph, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS, SDO, Namespace

from kg import dumps, minted, resources
from kg.catalogue import Catalogue
from kg.errors import ReleaseError
from kg.release import QUADS, Manifest, Release, Releases
from kg.store import JSON_LD, N_QUADS, N_TRIPLES, RDF_XML, TRIG, TURTLE, Limits, Store
from kg.vocab import PREFIXES
from kg.web.negotiation import DESCRIPTIONS, HTML, JSON, content_type
from kg.web.problems import problem
from kg.web.site import Site, choose

TITLE = "Knowledge graph of open source AI"
SUMMARY = (
    "Projects, organizations, governance events, contributions and findings of open source AI, each statement with the "
    "record it was read from and each finding with the place in a document that says it."
)
LICENCE = "https://creativecommons.org/licenses/by/4.0/"
CITATION = "CITATION.cff"
LISTED = 50_000  # addresses in one part of a sitemap, as the protocol allows
SSSOM = ".sssom.tsv"

_SPDX = Namespace("http://spdx.org/rdf/terms#")
_DCAT3 = Namespace(PREFIXES["dcat"])  # rdflib knows DCAT 2
_MEDIA = "https://www.iana.org/assignments/media-types/"
_SERIALISERS = {TURTLE: "turtle", N_TRIPLES: "nt", RDF_XML: "xml", JSON_LD: "json-ld"}
_RDF_TYPES = (N_QUADS, TRIG, JSON_LD, TURTLE)
_FOR_EVER = "public, max-age=31536000, immutable"
# What a file of a release holds, by its ending: media type, how it is packed, and whether people are shown it.
_TYPES = {
    ".nq.gz": ("application/n-quads", "application/gzip"),
    ".nt.gz": (N_TRIPLES, "application/gzip"),
    ".txt.gz": ("text/plain", "application/gzip"),
    ".ttl": (TURTLE, None),
    ".json": (JSON, None),
    ".jsonl": ("application/jsonl", None),
    ".tsv": ("text/tab-separated-values", None),
    ".cff": ("application/yaml", None),
}
# Kinds of thing that nobody searches for: how a release was made, and nodes of lists and partitions.
_UNLISTED = re.compile(r"id/(?:node|record|snapshot|run|software|query)/|graph/")
_REPLACED = f"SELECT ?old WHERE {{ ?old <{DCTERMS.isReplacedBy}> ?new }}"
_ABOUT = "CONSTRUCT { ?s ?p ?o } WHERE { GRAPH <%s> { ?s ?p ?o } }"


@dataclass(frozen=True, slots=True)
class File:
    """One file to take away: where it lies, what its bytes are, what it holds and how it is packed."""

    path: Path
    sha256: str
    media_type: str
    packed: str | None


class DatasetPages:
    """Descriptions of what is served, and downloads of it and of the other releases of the same home."""

    def __init__(self, store: Store, site: Site, catalogue: Catalogue, home: Path, *, limits: Limits) -> None:
        self._store = store
        self._site = site
        self._catalogue = catalogue
        self._home = home
        self._releases = Releases(home)
        self._limits = limits
        self._serialised = lru_cache(maxsize=24)(self._serialise)
        self._listed = lru_cache(maxsize=1)(self._list)

    def blueprint(self) -> Blueprint:
        """Give the routes."""
        routes = Blueprint("dataset", __name__)
        for path, view in (
            ("/.well-known/void", self.void),
            ("/.well-known/sparql-examples", self.examples),
            ("/releases", self.releases),
            ("/releases/<version>/<name>", self.download),
            ("/linksets", self.linksets),
            ("/linksets/<name>", self.linkset),
            ("/shapes", self.shapes),
            ("/sitemap.xml", self.sitemap),
            ("/robots.txt", self.robots),
            ("/llms.txt", self.llms),
            (f"/{CITATION}", self.citation),
        ):
            routes.add_url_rule(path, view_func=view)
        routes.after_app_request(self._signpost)
        return routes

    # --- descriptions -----------------------------------------------------------------------------------------------

    def void(self) -> Response:
        """Describe the data set: counts, partitions, linksets, addresses and distributions."""
        return self._graph("void")

    def examples(self) -> Response:
        """Give the tested queries as data (sh:SPARQLExecutable), with the address to send them to."""
        return self._graph("examples")

    def shapes(self) -> Response:
        """Give what data must look like, as SHACL."""
        return self._graph("shapes")

    def releases(self) -> Response:
        """Give the catalogue of the releases: DCAT, or a page."""
        if choose(request.headers.get("Accept"), (HTML, *_SERIALISERS)) != HTML:
            return _unkept(self._graph("catalogue", html=True))
        found = [
            (release, [(name, f"{self._root()}/releases/{release.version}/{name}") for name in self._offered(release)])
            for release in self._sealed()
        ]
        return _unkept(_varying(self._html("releases.html", title="Releases", found=found)))

    def linksets(self) -> Response:
        """List the linksets with their sizes."""
        rows = self._store.rows(
            f"SELECT ?graph ?title ?n WHERE {{ GRAPH <{self._site.base}graph/void> {{ ?graph a <{VOID.Linkset}> ; "
            f"<{DCTERMS.title}> ?title ; <{VOID.triples}> ?n }} }} ORDER BY ?graph",
            limits=self._limits,
            trusted=True,
        )
        found = [
            {
                "name": str(row["graph"]).rpartition("/")[2],
                "title": str(row["title"]),
                "links": int(str(row["n"])),
                "graph": str(row["graph"]),
                "files": [
                    f"{self._root()}/linksets/{str(row['graph']).rpartition('/')[2]}{ending}"
                    for ending in (SSSOM, *(f".{suffix}" for suffix in DESCRIPTIONS))
                ],
            }
            for row in rows
        ]
        if choose(request.headers.get("Accept"), (HTML, JSON)) == JSON:
            return _varying(Response(json.dumps({"linksets": found}, ensure_ascii=False), content_type=JSON))
        return _varying(self._html("linksets.html", title="Links to other data", found=found))

    def linkset(self, name: str) -> Response:
        """Give the links to one target: the SSSOM table, or the triples in a format of RDF."""
        release = self._release()
        if name.endswith(SSSOM):
            file = f"links-{name}"
            if file in release.manifest.file_sha256:
                return self._file(_sealed_file(release, file))
        stem, _, suffix = name.rpartition(".")
        if suffix in DESCRIPTIONS and f"links-{stem}{SSSOM}" in release.manifest.file_sha256:
            text = _ABOUT % f"{self._site.base}graph/links/{stem}"
            with self._store.answer(text, DESCRIPTIONS[suffix], limits=self._limits, trusted=True) as answer:
                return Response(answer.read(), content_type=content_type(DESCRIPTIONS[suffix]))
        raise problem("not-found", f"there is no linkset {name!r}; {self._root()}/linksets lists them")

    def json_ld(self) -> str:
        """Give the data set in schema.org for the head of a page: nothing in it can end the element it stands in."""
        release = self._site.release
        if release is None:
            return ""
        address = self._site.address(request.environ)
        told = {
            "@context": "https://schema.org/",
            "@type": "Dataset",
            "@id": f"{self._site.base}id/dataset/osai-kg",
            "url": f"{address}/",
            "name": TITLE,
            "description": SUMMARY,
            "license": LICENCE,
            "version": release.version,
            "dateModified": release.manifest.as_of.isoformat(),
            "isAccessibleForFree": True,
            "keywords": ["open source", "artificial intelligence", "governance", "knowledge graph"],
            "includedInDataCatalog": {"@type": "DataCatalog", "url": f"{address}/releases"},
            "isBasedOn": sorted({source.title for source in release.manifest.sources}),
            "distribution": [
                {
                    "@type": "DataDownload",
                    "contentUrl": f"{address}/releases/{release.version}/{name}",
                    "encodingFormat": file.media_type,
                    "contentSize": f"{file.path.stat().st_size} B",
                    "sha256": file.sha256,
                }
                for name, file in self._offered(release).items()
                if file.media_type in _RDF_TYPES
            ],
        }
        return json.dumps(told, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")

    # --- downloads --------------------------------------------------------------------------------------------------

    def download(self, version: str, name: str) -> Response:
        """Give one file of a release, byte for byte as it was sealed."""
        release = next((release for release in self._sealed() if release.version == version), None)
        if release is None:
            raise problem("not-found", f"there is no release {version!r} here; {self._root()}/releases lists them")
        offered = self._offered(release)
        if name not in offered:
            raise problem("not-found", f"release {version} offers no {name!r}; it offers {', '.join(offered)}")
        response = self._file(offered[name])
        response.headers["Cache-Control"] = _FOR_EVER
        return response

    def _file(self, file: File) -> Response:
        if request.method == "HEAD" or request.if_none_match.contains(file.sha256):
            # No file is opened for an answer without a body.
            response = Response(status=304 if request.if_none_match.contains(file.sha256) else 200)
            response.content_type = file.packed or file.media_type
            if response.status_code == 200:
                response.content_length = file.path.stat().st_size
            response.set_etag(file.sha256)
        else:
            response = send_file(file.path, mimetype=file.packed or file.media_type, etag=file.sha256, max_age=0)
        response.headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(file.sha256)).decode()}:"
        return response

    def citation(self) -> Response:
        """Give how to cite the release, in the Citation File Format."""
        release = self._release()
        if CITATION not in release.manifest.file_sha256:
            raise problem("not-found", f"release {release.version} has no {CITATION}; build it again")
        return Response((release.path / CITATION).read_bytes(), content_type="text/plain; charset=utf-8")

    # --- for machines that read sites -------------------------------------------------------------------------------

    def sitemap(self) -> Response:
        """Give the index of the sitemap, or the part that the address asks for: pages of the site, then of things.

        Every part stands at the root, because a sitemap lists only what is below its own folder.
        """
        release, address = self._release(), self._site.address(request.environ)
        everything = self._listed(self._store.version)
        parts = range(1, (len(everything) - 1) // LISTED + 2)
        day = f"<lastmod>{release.manifest.as_of.isoformat()}</lastmod>"
        asked = request.args.get("part")
        if asked is None:
            places = (f"{address}/sitemap.xml?part={part}" for part in parts)
            return _xml("sitemapindex", (f"<sitemap><loc>{escape(place)}</loc>{day}</sitemap>" for place in places))
        if not (asked.isascii() and asked.isdigit() and int(asked) in parts):
            raise problem("not-found", f"the sitemap has no part {asked[:20]!r}; {self._root()}/sitemap.xml lists them")
        here = everything[(int(asked) - 1) * LISTED : int(asked) * LISTED]
        return _xml("urlset", (f"<url><loc>{escape(address + path)}</loc>{day}</url>" for path in here))

    def _list(self, version: str | None) -> tuple[str, ...]:
        del version  # the list is kept under it
        release, base = self._release(), self._site.base
        gone = {str(row["old"]) for row in self._store.rows(_REPLACED, limits=self._limits, trusted=True)}
        replaced = (
            f"SELECT ?old WHERE {{ GRAPH <{base}graph/links/replaced> {{ ?old <{DCTERMS.isReplacedBy}> ?new }} }}"
        )
        gone |= {str(row["old"]) for row in self._store.rows(replaced, limits=self._limits, trusted=True)}
        ours = ("/", "/ontology", "/queries", "/releases", "/linksets", "/sparql")
        asked = (f"/queries/{query.name}" for query in self._catalogue)
        things = (
            self._site.local(base + path, "") or ""
            for path in minted.read(release.path / minted.MINTED)
            if not _UNLISTED.match(path) and base + path not in gone
        )
        return (*ours, *asked, *things)

    def robots(self) -> Response:
        """Let robots read every page, but send no query for them."""
        address = self._site.address(request.environ)
        root = self._root()
        lines = [
            "User-agent: *",
            *(f"Disallow: {root}/{path}" for path in ("sparql?", "why", "lookup?", "reconcile", "update")),
            f"Allow: {root}/",
            "",
            f"Sitemap: {address}/sitemap.xml" if self._site.release else "",
        ]
        return _text("\n".join(lines).rstrip() + "\n")

    def llms(self) -> Response:
        """Tell a language model's tool what is here and how to ask: llms.txt."""
        address = self._site.address(request.environ)
        release = self._site.release
        lines = [
            f"# {TITLE}",
            "",
            f"> {SUMMARY}",
            "",
            f"Data IRIs begin with {self._site.base}; each path below it answers here, below {address}/, in HTML, "
            "Turtle, N-Triples, RDF/XML or JSON-LD by Accept.",
        ]
        if release:
            lines += [f"Release {release.version}, as of {release.manifest.as_of}. Cite the release with each answer."]
        lines += [
            "",
            "## Ask",
            "",
            f"- [SPARQL 1.1 endpoint]({address}/sparql): GET or POST query=…; answers in JSON, XML, CSV, TSV, Turtle",
            f"- [Tested queries]({address}/queries): each with parameters, as HTML, JSON or CSV",
            f"- [Tested queries as data]({address}/.well-known/sparql-examples): to learn the patterns from",
            f"- [Prefixes, terms with counts, examples]({address}/editor/words.json): one JSON document",
            "",
            "## Learn",
            "",
            f"- [Ontology]({address}/ontology.ttl): classes and properties with definitions",
            f"- [Shapes]({address}/shapes): what data must look like",
            f"- [VoID]({address}/.well-known/void): classes and properties in use, with counts",
            f"- [Linksets]({address}/linksets): Wikidata, ROR, SPDX and vocabularies, as SSSOM and RDF",
            f"- [Releases]({address}/releases): downloads with hashes",
            "",
            "## Tested queries",
            "",
            *(f"- [{query.summary}]({address}/queries/{query.name})" for query in (self._catalogue if release else ())),
        ]
        return _text("\n".join(lines).rstrip() + "\n", "text/markdown; charset=utf-8")

    # --- graphs -----------------------------------------------------------------------------------------------------

    def _graph(self, which: str, *, html: bool = False) -> Response:
        offers = (HTML, *_SERIALISERS) if html else tuple(_SERIALISERS)
        media_type = choose(request.headers.get("Accept"), offers)
        known = tuple(release.version for release in self._sealed())
        body = self._serialised(which, self._site.address(request.environ), media_type, self._store.version, known)
        return _varying(Response(body, content_type=content_type(media_type)))

    def _serialise(
        self, which: str, address: str, media_type: str, version: str | None, known: tuple[str, ...]
    ) -> bytes:
        del version, known  # the bytes are kept under them
        graph = Graph()
        for prefix, namespace in {**PREFIXES, "spdx": str(_SPDX)}.items():
            graph.bind(prefix, namespace)
        if which == "shapes":
            for path in resources.shape_files():
                graph += resources.read_turtle(path, self._site.base)
        elif which == "examples":
            self._copy(graph, "queries")
            for query in list(graph.subjects(RDF.type, SH.SPARQLExecutable)):
                graph.add((query, SDO.target, URIRef(f"{address}/sparql")))
        elif which == "void":
            self._copy(graph, "void")
            self._addressed(graph, address)
        else:
            self._catalogued(graph, address)
        return graph.serialize(format=_SERIALISERS[media_type], encoding="utf-8")

    def _copy(self, graph: Graph, name: str) -> None:
        text = _ABOUT % f"{self._site.base}graph/{name}"
        with self._store.answer(text, N_TRIPLES, limits=self._limits, trusted=True) as answer:
            graph.parse(data=answer.read(), format="nt")

    def _addressed(self, graph: Graph, address: str) -> None:
        """Add to the data set where it is: endpoint, look-up, dumps, distributions."""
        data = self._data()
        graph.add((data, VOID.sparqlEndpoint, URIRef(f"{address}/sparql")))
        graph.add((data, VOID.uriLookupEndpoint, URIRef(f"{address}/lookup?key=")))
        graph.add((data, DCAT.landingPage, URIRef(f"{address}/")))
        graph.add((data, DCTERMS.description, Literal(SUMMARY, lang="en")))
        for linkset in list(graph.subjects(VOID.linkPredicate, None)):
            part = str(linkset).removeprefix(f"{self._site.base}graph/links/")
            if "/" not in part:
                graph.add((linkset, VOID.dataDump, URIRef(f"{address}/linksets/{part}.nt")))
        release = self._site.release
        if release is not None:
            self._distributed(graph, address, data, release)
            for name, file in self._offered(release).items():
                if file.media_type == N_QUADS:
                    graph.add((data, VOID.dataDump, URIRef(f"{address}/releases/{release.version}/{name}")))

    def _catalogued(self, graph: Graph, address: str) -> None:
        """Write the catalogue: the data set, its versions with their files, and the service."""
        catalogue, service, data = URIRef(f"{address}/releases"), URIRef(f"{address}/sparql"), self._data()
        graph.add((catalogue, RDF.type, DCAT.Catalog))
        graph.add((catalogue, DCTERMS.title, Literal(f"{TITLE}: releases", lang="en")))
        graph.add((catalogue, DCTERMS.license, URIRef(LICENCE)))
        graph.add((catalogue, DCAT.dataset, data))
        graph.add((catalogue, DCAT.service, service))
        graph.add((service, RDF.type, DCAT.DataService))
        graph.add((service, DCTERMS.title, Literal("SPARQL 1.1 endpoint", lang="en")))
        graph.add((service, DCTERMS.conformsTo, URIRef("http://www.w3.org/TR/sparql11-protocol/")))
        graph.add((service, DCAT.endpointURL, service))
        graph.add((service, DCAT.servesDataset, data))
        graph.add((data, RDF.type, DCAT.Dataset))
        graph.add((data, DCTERMS.title, Literal(TITLE, lang="en")))
        graph.add((data, DCTERMS.description, Literal(SUMMARY, lang="en")))
        graph.add((data, DCTERMS.license, URIRef(LICENCE)))
        graph.add((data, DCAT.landingPage, URIRef(f"{address}/")))
        current = self._site.release
        for release in self._sealed():
            versioned = URIRef(f"{address}/releases/{release.version}/{QUADS}#dataset")
            graph.add((data, _DCAT3.hasVersion, versioned))
            graph.add((versioned, RDF.type, DCAT.Dataset))
            graph.add((versioned, DCTERMS.title, Literal(f"{TITLE}, release {release.version}", lang="en")))
            graph.add((versioned, DCTERMS.license, URIRef(LICENCE)))
            self._distributed(graph, address, versioned, release)
            if current is not None and release.version == current.version:
                graph.add((data, _DCAT3.hasCurrentVersion, versioned))
                self._distributed(graph, address, data, release)

    def _distributed(self, graph: Graph, address: str, data: URIRef, release: Release) -> None:
        graph.add((data, _DCAT3.version, Literal(release.version)))
        graph.add((data, DCTERMS.modified, Literal(release.manifest.as_of.isoformat(), datatype=XSD.date)))
        for name, offered in self._offered(release).items():
            file = URIRef(f"{address}/releases/{release.version}/{name}")
            checksum = URIRef(f"{file}#checksum")
            graph.add((data, DCAT.distribution, file))
            graph.add((file, RDF.type, DCAT.Distribution))
            graph.add((file, DCTERMS.title, Literal(name)))
            graph.add((file, DCTERMS.license, URIRef(LICENCE)))
            graph.add((file, DCAT.downloadURL, file))
            graph.add((file, DCAT.mediaType, URIRef(_MEDIA + offered.media_type)))
            if offered.packed:
                graph.add((file, DCAT.compressFormat, URIRef(_MEDIA + offered.packed)))
            size = offered.path.stat().st_size
            graph.add((file, DCAT.byteSize, Literal(size, datatype=XSD.nonNegativeInteger)))
            graph.add((file, _SPDX.checksum, checksum))
            graph.add((checksum, RDF.type, _SPDX.Checksum))
            graph.add((checksum, _SPDX.algorithm, _SPDX.checksumAlgorithm_sha256))
            graph.add((checksum, _SPDX.checksumValue, Literal(offered.sha256, datatype=XSD.hexBinary)))

    # --- what is there ----------------------------------------------------------------------------------------------

    def _sealed(self) -> list[Release]:
        """Give the releases of this base, the served one among them even where it stands in no home. Newest first."""
        found: dict[str, Release] = {}
        with contextlib.suppress(ReleaseError):  # a broken one stands in no other's way
            found = {each.version: each for each in self._releases if each.manifest.base == self._site.base}
        if self._site.release is not None:
            found.setdefault(self._site.release.version, self._site.release)
        return sorted(found.values(), key=lambda each: (each.manifest.created, each.version), reverse=True)

    def _offered(self, release: Release) -> Mapping[str, File]:
        """Give the files of a release that may be taken away, and the dumps that were made of it, by name.

        The quads are withheld where they hold words of documents, which are not ours to licence (ontology design,
        section 1, rule 10).
        """
        folder = dumps.place(self._home, release.version)
        made = {
            dump.name: File(folder / dump.name, dump.sha256, dump.media_type, dump.packed)
            for dump in dumps.read(self._home, release.version)
        }
        return made | {
            name: _sealed_file(release, name)
            for name in release.manifest.file_sha256
            if any(name.endswith(ending) for ending in _TYPES) and (name != QUADS or not _holds_words(release.manifest))
        }

    def _release(self) -> Release:
        if self._site.release is None:
            raise problem("not-found", "this service serves data without a release")
        return self._site.release

    def _data(self) -> URIRef:
        return URIRef(f"{self._site.base}id/dataset/osai-kg")

    def _signpost(self, response: Response) -> Response:
        """Say on the home page what it describes, and where that is for machines."""
        if request.path == "/" and response.status_code == 200 and self._site.release is not None:
            root = self._root()
            for target, rest in (
                (f"{root}/.well-known/void", f'rel="describedby"; type="{TURTLE}"'),
                (f"{root}/releases", f'rel="describedby"; type="{JSON_LD}"'),
                (self._data(), 'rel="cite-as"'),
                ("https://schema.org/Dataset", 'rel="type"'),
                (LICENCE, 'rel="license"'),
            ):
                response.headers.add("Link", f"<{target}>; {rest}")
        return response

    def _html(self, template: str, **context: object) -> Response:
        return Response(self._site.page(template, self._root(), **context), content_type=content_type(HTML))

    def _root(self) -> str:
        return self._site.root(request.environ)


def _sealed_file(release: Release, name: str) -> File:
    media_type, packed = next(types for ending, types in _TYPES.items() if name.endswith(ending))
    return File(release.path / name, release.manifest.file_sha256[name], media_type, packed)


def _holds_words(manifest: Manifest) -> bool:
    beginning = f"{manifest.base}graph/words/"
    return any(graph.startswith(beginning) for source in manifest.sources for graph in source.graphs)


def _xml(root: str, lines: Iterable[str]) -> Response:
    def text() -> Iterator[str]:
        yield f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">\n'
        for line in lines:
            yield f"{line}\n"
        yield f"</{root}>\n"

    return Response("".join(text()), content_type="application/xml; charset=utf-8")


def _text(body: str, media_type: str = "text/plain; charset=utf-8") -> Response:
    return Response(body, content_type=media_type)


def _unkept(response: Response) -> Response:
    # Releases are sealed and pruned while we run.
    response.headers["Cache-Control"] = "no-store"
    return response


def _varying(response: Response) -> Response:
    response.headers["Vary"] = "Accept"
    return response

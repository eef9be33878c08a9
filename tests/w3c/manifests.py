"""Reads the manifests of the W3C SPARQL 1.1 test suite into plain values.

Files are named as the suite's editors published them, below ``PUBLISHED``; so relative IRIs in data, queries and
expected results mean the same, whatever directory holds the copy. Entailment regimes are left out: the service offers
simple entailment only, as its description says. ``http-rdf-update`` is left out too: its manifest calls its tests
deprecated in favour of ``graph-store-protocol``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from rdflib import RDF, RDFS, Graph, Namespace, URIRef
from rdflib.collection import Collection
from rdflib.term import Node

PUBLISHED = "http://www.w3.org/2009/sparql/docs/tests/data-sparql11/"

MF = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-manifest#")
QT = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/test-query#")
UT = Namespace("http://www.w3.org/2009/sparql/tests/test-update#")
HT = Namespace("http://www.w3.org/2011/http#")
CNT = Namespace("http://www.w3.org/2011/content#")

_LEFT_OUT = frozenset(("entailment", "http-rdf-update"))


class Section(StrEnum):
    """What a test is counted under."""

    QUERY = "query evaluation"
    FORMATS = "result formats"
    UPDATE = "update evaluation"
    SYNTAX = "syntax"
    SERVICE = "service evaluation"
    PROTOCOL = "protocol"
    GRAPH_STORE = "graph store"
    DESCRIPTION = "service description"


@dataclass(frozen=True, slots=True)
class File:
    """One file of the suite, and the IRI it was published at."""

    path: Path
    iri: str

    def text(self) -> str:
        return self.path.read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Dataset:
    """What the store holds: files of the default graph, and of each named graph."""

    default: tuple[File, ...] = ()
    named: tuple[tuple[str, File], ...] = ()


EMPTY = Dataset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test of the suite."""

    iri: str
    folder: str
    name: str
    section: Section

    @property
    def label(self) -> str:
        """Give a short name that is unique in the suite."""
        return f"{self.folder}/{self.iri.rpartition('#')[2]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCase(Case):
    """A query over a dataset has this result. ``lax``: any cardinality from one up to the expected is right."""

    query: File
    data: Dataset
    result: File
    lax: bool = False
    services: tuple[tuple[str, File], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateCase(Case):
    """An update makes this dataset of that."""

    update: File
    before: Dataset
    after: Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class SyntaxCase(Case):
    """A text is a query or an update, or is none."""

    text: File
    is_update: bool
    valid: bool


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request, and what the suite expects of the answer: ``statuses`` are names as ``OK`` and ``StatusCode2xx``."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None
    statuses: frozenset[str]
    boolean: bool | None
    format: str | None
    answer_type: str | None
    answer_body: str | None
    location: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCase(Case):
    """Requests in a row have these answers."""

    data: Dataset
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DescriptionCase(Case):
    """The service describes itself; the manifest says how in words only."""


def read_suite(root: Path) -> Iterator[Case]:
    """Read every test in the order of the manifests below ``root``."""
    for path in sorted(root.glob("*/manifest*.ttl")):
        if path.parent.name not in _LEFT_OUT:
            yield from _Manifest(root, path).cases()


class _Manifest:
    def __init__(self, root: Path, path: Path) -> None:
        self.root = root
        self.folder = path.parent.name
        self.graph = Graph().parse(path, format="turtle", publicID=f"{PUBLISHED}{self.folder}/{path.name}")

    def cases(self) -> Iterator[Case]:
        for entries in self.graph.objects(None, MF.entries):
            for test in Collection(self.graph, entries):
                yield self.case(test)

    def case(self, test: Node) -> Case:
        kind = str(self.one(test, RDF.type)).rpartition("#")[2]
        action = self.graph.value(test, MF.action)
        common = {"iri": str(test), "folder": self.folder, "name": str(self.one(test, MF.name))}
        match kind:
            case "QueryEvaluationTest" | "CSVResultFormatTest":
                section = {
                    "csv-tsv-res": Section.FORMATS, "json-res": Section.FORMATS, "service": Section.SERVICE,
                }.get(self.folder, Section.QUERY)  # fmt: skip
                services = [
                    (str(self.one(service, QT.endpoint)), self.file(self.one(service, QT.data)))
                    for service in self.graph.objects(action, QT.serviceData)
                ]
                return QueryCase(
                    **common,
                    section=section,
                    query=self.file(self.one(action, QT.query)),
                    data=self.dataset(action, QT),
                    result=self.file(self.one(test, MF.result)),
                    lax=(test, MF.resultCardinality, MF.LaxCardinality) in self.graph,
                    services=tuple(services),
                )
            case "UpdateEvaluationTest":
                return UpdateCase(
                    **common,
                    section=Section.UPDATE,
                    update=self.file(self.one(action, UT.request)),
                    before=self.dataset(action, UT),
                    after=self.dataset(self.one(test, MF.result), UT),
                )
            case "ServiceDescriptionTest":
                return DescriptionCase(**common, section=Section.DESCRIPTION)
            case "ProtocolTest" | "GraphStoreProtocolTest":
                section = Section.PROTOCOL if kind == "ProtocolTest" else Section.GRAPH_STORE
                requests = Collection(self.graph, self.one(action, HT.requests))
                exchanges = tuple(map(self.exchange, requests))
                return HttpCase(**common, section=section, data=self.dataset(test, UT), exchanges=exchanges)
        if not kind.startswith(("Positive", "Negative")) or "Syntax" not in kind:
            raise ValueError(f"{test} is of a kind that is not known here: {kind}")
        text = self.file(action)
        return SyntaxCase(
            **common,
            section=Section.SYNTAX,
            text=text,
            is_update=text.path.suffix == ".ru",
            valid=kind.startswith("Positive"),
        )

    def exchange(self, request: Node) -> Exchange:
        response = self.one(request, HT.resp)
        statuses = frozenset(
            str(status).rpartition("#")[2] for status in self.graph.objects(response, MF.expectedStatus)
        )
        boolean = self.graph.value(response, MF.expectedBoolean)
        answer = self.content(response)
        return Exchange(
            method=str(self.one(request, HT.methodName)),
            path=str(self.one(request, HT.absolutePath)),
            headers=self.headers(request),
            body=self.content(request),
            statuses=statuses,
            boolean=None if boolean is None else str(boolean) == "true",
            format=self.text(response, MF.expectedFormat),
            answer_type=self.headers(response).get("content-type"),
            answer_body=None if answer is None else answer.decode(),
            location=self.text(response, MF.expectedLocation),
        )

    def headers(self, message: Node) -> dict[str, str]:
        found = self.graph.value(message, HT.headers)
        return {
            str(self.one(header, HT.fieldName)).lower(): str(self.one(header, HT.fieldValue))
            for header in (Collection(self.graph, found) if found else ())
        }

    def content(self, message: Node) -> bytes | None:
        body = self.graph.value(message, HT.body)
        if body is None:
            return None
        return str(self.one(body, CNT.chars)).encode(str(self.one(body, CNT.characterEncoding)))

    def dataset(self, node: Node | None, terms: Namespace) -> Dataset:
        default = sorted((self.file(data) for data in self.graph.objects(node, terms.data)), key=lambda file: file.iri)
        named = []
        for entry in self.graph.objects(node, terms.graphData):
            data = self.graph.value(entry, terms.graph)
            label = self.graph.value(entry, RDFS.label)
            file = self.file(entry if data is None else data)
            named.append((file.iri if label is None else str(label), file))
        return Dataset(tuple(default), tuple(sorted(named, key=lambda pair: pair[0])))

    def file(self, node: Node | None) -> File:
        if not isinstance(node, URIRef) or not node.startswith(PUBLISHED):
            raise ValueError(f"{node!r} names no file of the suite ({self.folder})")
        return File(self.root / node.removeprefix(PUBLISHED), str(node))

    def one(self, subject: Node | None, predicate: URIRef) -> Node:
        value = self.graph.value(subject, predicate)
        if value is None:
            raise ValueError(f"{subject} lacks {predicate} ({self.folder})")
        return value

    def text(self, subject: Node, predicate: URIRef) -> str | None:
        value = self.graph.value(subject, predicate)
        return None if value is None else str(value)

"""What is read, where it was read, what it says, and how that is spelled in RDF.

The only place where an entity IRI is made (``Mint``) and the only place that knows how evidence is spelled in quads
(``quads``). Knows no store, no source format, no clock.
"""

from __future__ import annotations

import csv
import hashlib
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias
from urllib.parse import quote, urlsplit

from rdflib import RDF, Literal, URIRef
from rdflib.namespace import PROV, XSD
from rdflib.term import Node

from kg.errors import ConfigError, FetchError, ModelError
from kg.vocab import OSAI

Quad: TypeAlias = tuple[Node, URIRef, Node, URIRef]  # subject, predicate, object, graph

# The default graph, where a graph name is asked for. Never written to a file: N-Quads leave the name out.
DEFAULT_GRAPH = URIRef("urn:x-rdflib:default")

DEFAULT_BASE = "https://w3id.org/osai-kg/"

# The kinds of thing that have an IRI below {base}id/. A closed list: a typing slip must not mint a new kind.
KINDS = frozenset(
    {
        "assessment",
        "body",
        "component",
        "dataset",
        "doc",
        "economy",
        "event",
        "exception",
        "finding",
        "licence",
        "measure",
        "model",
        "node",
        "obs",
        "org",
        "person",
        "population",
        "project",
        "query",
        "record",
        "repository",
        "run",
        "situation",
        "snapshot",
        "software",
        "statement",
        "study",
    }
)

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_LICENCE = re.compile(r"[a-z0-9]+(?:[.+-][a-z0-9]+)*\+?")  # an SPDX identifier in lower case
# Below the slug a few kinds have more: spans of a document, keys of an observation, host and path of a repository. No
# part is "." or "..": a client that resolves the IRI would ask for another one.
_PART = r"(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+"
_TAIL = re.compile(rf"{_PART}(?:/{_PART})*")
_PLAIN = re.compile(r"[A-Za-z0-9._/-]")
_NO_IRI = re.compile(r"[\s\x00-\x1f\x7f-\x9f\ud800-\udfff<>\"{}|\\^`]|%(?![0-9A-Fa-f]{2})")  # RFC 3987, section 2.2
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# N-Triples, section 2.4: what a literal escapes. Half a character is no text at all.
_ESCAPED = re.compile(r'["\\\n\r\ud800-\udfff]')
_ESCAPES = str.maketrans({'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r"})
_NO_TEXT = re.compile(r"[\ud800-\udfff]")
# Properties whose values are words of others: they stand in graph/words/{doc}, apart from what we may licence.
WORDS = frozenset({OSAI.exactQuote, OSAI.quotePrefix, OSAI.quoteSuffix})


def check_base(base: str) -> str:
    """Give ``base`` back if it can be the base of all data IRIs: absolute http(s), ending in a slash."""
    try:
        parts = urlsplit(base)
        _ = parts.port  # a ValueError if it is no number
    except ValueError as error:
        raise ConfigError(f"base IRI {base!r} is no address: {error}") from error
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise ConfigError(f"base IRI {base!r} must be an absolute http or https address without query or fragment")
    if not base.endswith("/"):
        raise ConfigError(f"base IRI {base!r} must end with a slash; write {base + '/'!r}")
    if _NO_IRI.search(base) or re.search(r"[\[\]]", parts.path):
        raise ConfigError(f"base IRI {base!r} holds a character that no IRI may hold")
    if {".", ".."} & set(parts.path.split("/")):
        raise ConfigError(f"base IRI {base!r} has '.' or '..' for a step; write the address that it leads to")
    return base


def slugify(name: str) -> str:
    """Turn a name into ASCII lower case words joined by hyphens.

    >>> slugify("Hôpital général & Co.")
    'hopital-general-co'
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


@dataclass(frozen=True, slots=True)
class File:
    """One file of a snapshot: its path inside the source, what its bytes are, and where they lie now."""

    path: str
    sha256: str
    size: int
    location: Path = field(compare=False)

    @classmethod
    def of(cls, path: str, location: Path) -> File:
        """Hash the file at ``location``. Streams; holds one block."""
        digest = hashlib.sha256()
        size = 0
        with location.open("rb") as stream:
            while block := stream.read(1 << 20):
                digest.update(block)
                size += len(block)
        return cls(path, digest.hexdigest(), size, location)

    def read(self) -> bytes:
        """Give the bytes, proved against the hash. Raises FetchError if they changed since the snapshot."""
        try:
            data = self.location.read_bytes()
        except OSError as error:
            raise FetchError(
                f"{self.path} of the snapshot cannot be read ({error.strerror}); fetch it again"
            ) from error
        if hashlib.sha256(data).hexdigest() != self.sha256:
            raise FetchError(f"{self.path} changed since its snapshot was taken; fetch it again")
        return data


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The bytes of a source as they were fetched: one or more files. Equal bytes make equal snapshots."""

    source: str
    files: tuple[File, ...]
    sha256: str
    curated: bool = False

    @classmethod
    def of(cls, source: str, files: Iterable[File], *, curated: bool = False) -> Snapshot:
        """Hash path and SHA-256 of each file, in order of path."""
        ordered = tuple(sorted(files, key=lambda file: file.path))
        digest = hashlib.sha256()
        for file in ordered:
            digest.update(f"{file.path}\0{file.sha256}\n".encode())
        return cls(source, ordered, digest.hexdigest(), curated)

    def file(self, path: str) -> File | None:
        """Give the file at ``path``, or None when this snapshot does not hold it."""
        return next((file for file in self.files if file.path == path), None)

    @property
    def sha12(self) -> str:
        """The short hash that stands in IRIs."""
        return self.sha256[:12]


@dataclass(frozen=True, slots=True)
class Evidence:
    """Where something was read: one record of a snapshot, by number (from 1, in file order) and by a locator.

    A locator is for people and begins with the path of the file: ``economic-impact-2025.toml:41``,
    ``landscape.yml#Speech[4].repo_url``. ``key`` and ``name`` are the source's own, as it spells them.
    """

    snapshot: Snapshot
    number: int
    locator: str
    key: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Assertion:
    """A triple and where it was read."""

    subject: URIRef
    predicate: URIRef
    object: URIRef | Literal
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """One slug that was minted from a name: never changed, never used again."""

    kind: str
    slug: str
    key: str
    since: str
    replaced_by: str = ""


class Ledger:
    """Slugs minted so far, read from a CSV file in git: kind, slug, key, since, replaced-by."""

    HEADER = ("kind", "slug", "key", "since", "replaced-by")

    def __init__(self, rows: Iterable[LedgerRow] = (), *, where: str = "ledger") -> None:
        self.rows = tuple(rows)
        self._by_key: dict[tuple[str, str], LedgerRow] = {}
        self._by_slug: dict[tuple[str, str], LedgerRow] = {}
        for number, row in enumerate(self.rows, start=2):
            if row.kind not in KINDS or not _SLUG.fullmatch(row.slug):
                raise ModelError(f"{where}:{number}: {row.kind}/{row.slug} is no kind and slug")
            if (row.kind, row.key) in self._by_key or (row.kind, row.slug) in self._by_slug:
                raise ModelError(f"{where}:{number}: {row.kind}/{row.slug} or its key {row.key!r} stands twice")
            self._by_key[row.kind, row.key] = row
            self._by_slug[row.kind, row.slug] = row

    @classmethod
    def read(cls, path: Path) -> Ledger:
        """Read the CSV file at ``path``. Raises ModelError with file and line on a row that does not fit."""
        with path.open(encoding="utf-8", newline="") as stream:
            reader = csv.reader(stream)
            if tuple(next(reader, ())) != cls.HEADER:
                raise ModelError(f"{path.name}:1: the header must be {','.join(cls.HEADER)}")
            rows = []
            for record in reader:
                if len(record) != len(cls.HEADER):
                    raise ModelError(f"{path.name}:{reader.line_num}: {len(record)} fields, not {len(cls.HEADER)}")
                rows.append(LedgerRow(*record))
        return cls(rows, where=path.name)

    @property
    def sha256(self) -> str:
        """The hash of the rows."""
        return hashlib.sha256(repr(self.rows).encode()).hexdigest()

    def slug(self, kind: str, key: str) -> str | None:
        """Give the slug minted for a key, or None when it is not listed."""
        row = self._by_key.get((kind, key))
        return row.slug if row else None

    def holds(self, kind: str, slug: str) -> bool:
        """Tell whether a slug was ever minted for this kind."""
        return (kind, slug) in self._by_slug


class Mint:
    """Makes every IRI below the base. Handed to loaders, so that none of them joins strings."""

    def __init__(self, base: str = DEFAULT_BASE, ledger: Ledger | None = None) -> None:
        self.base = check_base(base)
        self.ledger = ledger or Ledger()

    def iri(self, kind: str, key: str, name: str | None = None) -> URIRef:
        """Give the IRI of an entity that a source knows under ``key``.

        A key in the ledger has its slug there; any other gets the slug of its name and six hex digits of its key, so
        that namesakes never meet.
        """
        slug = self.ledger.slug(kind, key)
        if slug is None:
            mark = hashlib.sha256(key.encode()).hexdigest()[:6]
            slug = "-".join(part for part in (slugify(name or key)[:80].strip("-"), mark) if part)
        return self.id(kind, slug)

    def promised(self) -> frozenset[str]:
        """Give the IRIs of the ledger: their slugs were given out, never to change."""
        return frozenset(str(self.id(row.kind, row.slug)) for row in self.ledger.rows if not row.replaced_by)

    def id(self, kind: str, slug: str, *tail: str) -> URIRef:
        """Give ``{base}id/{kind}/{slug}[/tail…]`` for a slug that is already a stable key.

        Raises ModelError for an unknown kind or a slug that is not ``a-z0-9-`` (a repository's host and path, and the
        version in the name of a licence or an exception, hold dots; an observation's key may hold more after the slug).
        """
        if kind not in KINDS:
            raise ModelError(f"{kind!r} is no kind of entity; the kinds are {', '.join(sorted(KINDS))}")
        if kind == "repository":
            if not _TAIL.fullmatch("/".join((slug, *tail))):
                raise ModelError(f"{'/'.join((slug, *tail))!r} is no host and path of a repository")
        elif kind in ("licence", "exception"):
            if tail or not _LICENCE.fullmatch(slug):
                raise ModelError(f"{'/'.join((slug, *tail))!r} is no {kind}; write its SPDX identifier in lower case")
        elif not _SLUG.fullmatch(slug) or not all(_TAIL.fullmatch(part) for part in tail):
            raise ModelError(
                f"{kind}/{'/'.join((slug, *tail))!r} cannot be an IRI; a slug is lower case letters, digits and hyphens"
            )
        return URIRef(f"{self.base}id/{kind}/{'/'.join((slug, *tail))}")

    def concept(self, scheme: str, notation: str) -> URIRef:
        """Give ``{base}concept/{scheme}/{notation}``."""
        if not _SLUG.fullmatch(scheme) or not _TAIL.fullmatch(notation):
            raise ModelError(f"{scheme}/{notation} cannot be the IRI of a concept")
        return URIRef(f"{self.base}concept/{scheme}/{notation}")

    def scheme(self, scheme: str) -> URIRef:
        """Give ``{base}concept/{scheme}``: the scheme that concepts are in."""
        if not _SLUG.fullmatch(scheme):
            raise ModelError(f"{scheme!r} cannot be the IRI of a scheme of concepts")
        return URIRef(f"{self.base}concept/{scheme}")

    def span(self, doc: str, start: int, end: int) -> URIRef:
        """Give the IRI of the code points [start, end) of a document."""
        return self.id("doc", doc, "span", f"{start}-{end}")

    def graph(self, *parts: str) -> URIRef:
        """Give ``{base}graph/…``: a named graph."""
        return URIRef(f"{self.base}graph/{'/'.join(quote(part, safe='') for part in parts)}")

    def load_graph(self, snapshot: Snapshot) -> URIRef:
        """Give the named graph that one load writes."""
        if snapshot.curated:
            return self.graph("curated", snapshot.source)
        return self.graph(snapshot.source, snapshot.sha12)

    def record(self, evidence: Evidence) -> URIRef:
        """Give the IRI of the record that something was read from."""
        return self.id("record", evidence.snapshot.source, evidence.snapshot.sha12, str(evidence.number))

    def snapshot(self, snapshot: Snapshot, path: str = "") -> URIRef:
        """Give the IRI of the bytes that were read, or of one file of them.

        What an IRI's path or a client could take for something else is written as ``~`` and its UTF-8 bytes in
        hexadecimal, so that each file keeps an IRI of its own: ``a b+c.yml`` is ``a~20b~2Bc.yml``.
        """
        spelled = "".join(
            mark if _PLAIN.match(mark) else "".join(f"~{byte:02X}" for byte in mark.encode()) for mark in path
        )
        return self.id("snapshot", snapshot.sha12, *filter(None, [spelled]))


def words_graph(mint: Mint, span: URIRef) -> URIRef:
    """Give the graph for the words of a span: ``graph/words/{doc}``. Raises ModelError for anything but a span."""
    found = re.fullmatch(re.escape(mint.base) + r"id/doc/([a-z0-9-]+)/span/\d+-\d+", span)
    if not found:
        raise ModelError(f"<{span}> is no span of a document, so it can have no words")
    return mint.graph("words", found[1])


def quads(assertion: Assertion, mint: Mint) -> Iterator[Quad]:
    """Spell one assertion in RDF: the triple in its graph, and where it was read.

    Writes the triple to the graph of its load (to ``graph/words/{doc}`` when it is words of others), a
    ``prov:wasDerivedFrom`` from the subject to its record beside it, and the record to ``graph/provenance``. The same
    quad comes out once for each assertion that says it: the store keeps one.

    Source: ontology design, section 1, rules 7, 8 and 10; PROV-O.
    """
    evidence = assertion.evidence
    words = assertion.predicate in WORDS
    load = mint.load_graph(evidence.snapshot)
    graph = words_graph(mint, assertion.subject) if words else load
    record = mint.record(evidence)
    yield (assertion.subject, assertion.predicate, assertion.object, graph)
    yield (assertion.subject, PROV.wasDerivedFrom, record, load)
    yield from record_quads(evidence, mint)


def record_quads(evidence: Evidence, mint: Mint) -> Iterator[Quad]:
    """Describe a record in ``graph/provenance``: its snapshot, its place there, and the source's own key and name."""
    record = mint.record(evidence)
    graph = mint.graph("provenance")
    yield (record, RDF.type, OSAI.Record, graph)
    yield (record, PROV.wasDerivedFrom, mint.snapshot(evidence.snapshot), graph)
    yield (record, OSAI.locator, Literal(evidence.locator), graph)
    if evidence.key is not None:
        yield (record, OSAI.sourceKey, Literal(evidence.key), graph)
    if evidence.name is not None:
        yield (record, OSAI.sourceName, Literal(evidence.name), graph)


class Speller:
    """Spells the assertions of one load as N-Triples lines: what ``quads`` says, once each and without the store.

    Of each triple one line for the graph of the load (apart where it is a name, because fusion chooses among names), of
    words of others a line of N-Quads, and of each record its description for ``graph/provenance``. About 3 microseconds
    an assertion; holds the subjects and records seen.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self.iris: dict[str, str] = {}  # every IRI met, and how it is spelled
        self._derived: set[tuple[str, int]] = set()
        self._records: set[int] = set()
        self.triples: list[str] = []
        self.names: list[str] = []
        self.words: list[str] = []
        self.provenance: list[str] = []
        self.words_graphs: set[URIRef] = set()

    def add(self, said: Assertion) -> None:
        """Spell one assertion. Raises ModelError on a blank node and on what is no IRI or no text."""
        subject, evidence = said.subject, said.evidence
        here = self.iris.get(subject) or self.iri(subject)
        predicate = self.iris.get(said.predicate) or self.iri(said.predicate)
        line = f"{here} {predicate} {self.term(said.object)}"
        if said.predicate == OSAI.name:
            self.names.append(f"{line} .\n")
        elif said.predicate in WORDS:
            graph = words_graph(self._mint, subject)
            self.words_graphs.add(graph)
            self.words.append(f"{line} <{graph}> .\n")
        else:
            self.triples.append(f"{line} .\n")
        number = evidence.number
        if (subject, number) not in self._derived:
            self._derived.add((subject, number))
            self.triples.append(f"{here} <{PROV.wasDerivedFrom}> <{self._mint.record(evidence)}> .\n")
            if number not in self._records:
                self._records.add(number)
                for s, p, o, _ in record_quads(evidence, self._mint):
                    self.provenance.append(f"{self.term(s)} <{p}> {self.term(o)} .\n")

    @property
    def records(self) -> int:
        """How many records were read from."""
        return len(self._records)

    def iri(self, term: Node) -> str:
        """Spell an IRI. Raises ModelError when it is none, or not absolute."""
        if not isinstance(term, URIRef):
            raise ModelError(f"{term!r} stands where an IRI must stand; a release has no blank nodes, so mint one")
        if _NO_IRI.search(term) or not _SCHEME.match(term):
            raise ModelError(f"<{term}> is no absolute IRI")
        spelled = self.iris[term] = f"<{term}>"
        return spelled

    def term(self, term: Node) -> str:
        """Spell an IRI or a literal, with its lexical form."""
        if not isinstance(term, Literal):
            return self.iris.get(term) or self.iri(term)  # type: ignore[call-overload]
        text = str(term)
        if _ESCAPED.search(text):
            text = text.translate(_ESCAPES)
            if _NO_TEXT.search(text):
                raise ModelError(f"{text[:80]!r} holds half a character (a surrogate), so it is no text")
        if term.language:
            return f'"{text}"@{term.language}'
        if term.datatype and term.datatype != XSD.string:
            return f'"{text}"^^{self.iris.get(term.datatype) or self.iri(term.datatype)}'
        return f'"{text}"'


def load_quads(
    snapshot: Snapshot,
    mint: Mint,
    *,
    loader: str,
    metadata: Mapping[URIRef, Iterable[Node]],
    graphs: Iterable[URIRef],
) -> Iterator[Quad]:
    """Describe one load in ``graph/provenance``: what was read, by which loader, and the graphs it wrote.

    ``metadata`` holds what else is known of the snapshot (title, licence, upstream address, date). No clock: the times
    of the run stand in the manifest of the release.
    """
    graph = mint.graph("provenance")
    bytes_read = mint.snapshot(snapshot)
    activity = mint.id("run", f"load-{slugify(snapshot.source)}-{snapshot.sha12}")
    agent = mint.id("software", slugify(loader))
    yield (bytes_read, RDF.type, OSAI.Document, graph)
    yield (bytes_read, OSAI.name, Literal(f"snapshot {snapshot.sha12} of {snapshot.source}"), graph)
    yield (bytes_read, OSAI.contentSha256, Literal(snapshot.sha256), graph)
    for predicate, values in metadata.items():
        for value in values:
            yield (bytes_read, predicate, value, graph)
    for file in snapshot.files:
        member = mint.snapshot(snapshot, file.path)
        yield (bytes_read, OSAI.holdsFile, member, graph)
        yield (member, RDF.type, OSAI.Document, graph)
        yield (member, OSAI.name, Literal(file.path), graph)
        yield (member, OSAI.contentSha256, Literal(file.sha256), graph)
        yield (member, OSAI.byteSize, Literal(file.size, datatype=XSD.nonNegativeInteger), graph)
    yield (activity, RDF.type, OSAI.LoadActivity, graph)
    yield (activity, OSAI.name, Literal(f"load of {snapshot.source}"), graph)
    yield (activity, PROV.used, bytes_read, graph)
    yield (activity, PROV.wasAssociatedWith, agent, graph)
    yield (agent, RDF.type, OSAI.Software, graph)
    yield (agent, OSAI.name, Literal(loader), graph)
    for written in sorted(graphs):
        yield (activity, PROV.generated, written, graph)
        yield (written, PROV.wasGeneratedBy, activity, graph)

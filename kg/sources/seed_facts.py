"""The seed's statements beside the wording of their originals: what was checked, how it came out, where it was seen.

The table is a document of its own: its words are spans of it, by their offsets in the file. A row is an assessment of
what it checks (a statement of the article, an event, a document, a finding) on the dimension of agreement with the
original. Where the wording of the original expresses a finding of the graph, the row is also a statement of the table
that relays the original's. Which row is about what is ours to say, in ``[lookups.F01]`` and so on: ``about`` (kind and
slug), ``original`` (documents), ``expresses`` (findings) and ``relays`` (statements), with `` | `` between several.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping

from rdflib import DCTERMS, RDF, RDFS, Literal, URIRef
from rdflib.namespace import XSD

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source
from kg.sources.models import Triple, web_address
from kg.sources.reading import rows, text
from kg.sources.record import Record
from kg.vocab import OSAI

_DOC = "seed-facts"
_COLUMNS = ("id", "seed_wording", "original_wording", "where_seen", "status")


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield the table as a document, then an assessment, spans and where possible a statement for each row.

    A row that is about nothing in the graph is an issue of kind ``no-counterpart``; an address that is cut one of kind
    ``no-address``. Raises DriftError for a row whose cells are not where its file has them, and for an id that stands
    twice. References lead to the curated sources.
    """
    (path,) = source.files
    written = text(snapshot, path)
    lines = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", written))]
    document = mint.id("doc", _DOC)
    head = Evidence(snapshot, 1, f"{path}:1")
    file = snapshot.file(path)
    for triple in _document(document, file.sha256 if file else "", source):
        yield Assertion(*triple, head)
    met: set[str] = set()
    for number, (line, row) in enumerate(rows(snapshot, path, columns=_COLUMNS), start=2):
        locator = f"{path}:{line}"
        key = row["id"].strip()
        if not re.fullmatch(r"F\d+", key) or key in met:
            raise DriftError(f"{source.name}: {locator}: {key!r} is no id of a row, or stands twice")
        met.add(key)
        record = Record(row, Evidence(snapshot, number, locator, key=key), source, issues)
        record.take("id")
        places = _cells(written, lines[line - 1], row, f"{source.name}: {locator}")
        for triple in _row(record, key, places, written, source, mint):
            yield Assertion(*triple, record.evidence)
        record.close()


def _document(document: URIRef, sha256: str, source: Source) -> Iterator[Triple]:
    yield document, RDF.type, OSAI.Document
    yield document, OSAI.name, Literal(source.title)
    yield document, OSAI.contentSha256, Literal(sha256)
    yield document, DCTERMS.rights, Literal("short quotations of their authors; what is said about them is CC0-1.0")


def _cells(written: str, start: int, row: dict[str, str], where: str) -> dict[str, tuple[int, int]]:
    """Give begin and end of what each cell of a row holds, in code points of the file and without its quotes."""
    found: dict[str, tuple[int, int]] = {}
    for name, value in row.items():
        quoted = written[start : start + 1] == '"'
        raw = value.replace('"', '""') if quoted else value
        begin = start + quoted
        found[name] = begin, begin + len(raw)
        if written[slice(*found[name])] != raw:
            raise DriftError(f"{where}: the column {name!r} is not where the file has it; save it as plain CSV")
        start = begin + len(raw) + quoted + 1
    return found


def _row(
    record: Record, key: str, places: dict[str, tuple[int, int]], written: str, source: Source, mint: Mint
) -> Iterator[Triple]:
    """Say what one row says."""
    spans = {}
    for column in ("seed_wording", "original_wording"):
        if record.text(column):
            start, end = places[column]
            spans[column] = mint.span(_DOC, start, end)
            yield from _span(spans[column], start, end, written[start:end], mint)
    known = source.lookups.get(key, {})
    originals = [mint.id("doc", slug) for slug in _listed(known, "original")]
    status = record.lookup("status")
    if "about" in known:
        yield from _assessment(record, key, known["about"], status, originals, source, mint)
    else:
        record.take("where_seen")
        record.warn(
            f"the row is about nothing in the graph; add what it says to a curated source, and [lookups.{key}] here",
            kind="no-counterpart",
        )
    if "expresses" in known and "original_wording" in spans and status:
        statement = mint.id("statement", f"{_DOC}-{key.lower()}")
        yield statement, RDF.type, OSAI.Statement
        yield statement, OSAI.inDocument, mint.id("doc", _DOC)
        yield statement, OSAI.hasEvidence, spans["original_wording"]
        yield statement, OSAI.fidelity, mint.concept("fidelity", source.lookups["fidelity"][status])
        for finding in _listed(known, "expresses"):
            yield statement, OSAI.expresses, mint.id("finding", finding)
        for original in originals:
            yield statement, OSAI.attributesTo, original
        for relayed in _listed(known, "relays"):
            yield statement, OSAI.relays, mint.id("statement", relayed)


def _span(span: URIRef, start: int, end: int, words: str, mint: Mint) -> Iterator[Triple]:
    yield span, RDF.type, OSAI.TextSpan
    yield span, OSAI.inDocument, mint.id("doc", _DOC)
    yield span, OSAI.startOffset, Literal(start, datatype=XSD.nonNegativeInteger)
    yield span, OSAI.endOffset, Literal(end, datatype=XSD.nonNegativeInteger)
    yield span, OSAI.spanSha256, Literal(hashlib.sha256(words.encode()).hexdigest())
    yield span, OSAI.exactQuote, Literal(words)


def _assessment(
    record: Record,
    key: str,
    about: str,
    status: str | None,
    originals: list[URIRef],
    source: Source,
    mint: Mint,
) -> Iterator[Triple]:
    """Say how what a row checks stands to its original, and where that was seen. The table names no judge."""
    assessment = mint.id("assessment", f"{_DOC}-{key.lower()}")
    kind, _, slug = about.partition("/")
    yield assessment, RDF.type, OSAI.Assessment
    yield assessment, OSAI.assesses, mint.id(kind, slug)
    yield assessment, OSAI.assessedDimension, mint.concept("assessment-dimension", "original")
    yield assessment, OSAI.edition, Literal(source.as_of.isoformat())
    if status:
        yield assessment, OSAI.grade, Literal(status)
    for original in originals:
        yield assessment, DCTERMS.source, original
    for part in (record.text("where_seen") or "").split(";"):
        place = re.sub(r"\([^()]*\)", "", part).strip()
        page = web_address(f"https://{place}") if " " not in place and not place.endswith("...") else None
        if page is not None:
            yield assessment, RDFS.seeAlso, page
        elif place:
            record.warn(f"{place!r} is no whole address", kind="no-address", value=place)


def _listed(known: Mapping[str, str], name: str) -> list[str]:
    return [part for part in known.get(name, "").split(" | ") if part]

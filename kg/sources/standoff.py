"""Curated facts and findings: TOML that holds claims, offsets and hashes, and never the words it was read from.

A file describes what one document says (``[document]``). Its other tables are ``[[entity]]``, ``[[event]]``,
``[[situation]]``, ``[[finding]]`` and ``[[statement]]``; each entry has an ``id`` and a ``type`` (a class of the
ontology), and its other keys are the names of properties. The models below say which, and what their values are.

A reference is ``kind/slug`` (``org/meta``, ``repository/github.com/pytorch/pytorch``) or ``scheme/notation``
(``mode/survey``, ``sector/C26``). A slug that was made from a name must stand in ``ledger.csv``: that is what catches a
typing slip. Findings, statements and situations have slugs by rule:

- ``finding/osai-2025-f20``, ``…-f16a``: the gold standard's findings; ``…-x04``: its outside readings;
- ``statement/{document}-f20``: what that document says of finding 20 (``article``, ``guide`` and ``d3`` for short);
- ``situation/{project}-{role}-{agent}-{n}``; seats and affiliations have their body or person in place of the project.

A statement may say where it stands in its document: ``start`` and ``end`` (Unicode code points of the file decoded as
UTF-8, no line ending translated) and the SHA-256 of the span's UTF-8 bytes. Where the snapshot holds the document, each
span is proved against it and its words become assertions; where it does not, offsets and hashes stand without words.
"""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel
from rdflib import RDF, SKOS, Literal, URIRef
from rdflib.namespace import DCTERMS, PROV, XSD

from kg.errors import EvidenceError, FetchError, ModelError, nearest
from kg.model import KINDS, Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, edtf
from kg.vocab import OSAI

# The most characters of a document that stand before and after a quote. Source: ontology design, section 1, rule 10.
CONTEXT = 20

# Classes that follow from others: an entry that states one would hide the reason for it.
DEFINED = frozenset(
    {
        "BoundedFinding",
        "ComputedFinding",
        "ContestedFinding",
        "CurrentSituation",
        "Donation",
        "FoundationHostedProject",
        "GarbledStatement",
        "MultiVendorBody",
        "OpinionFinding",
        "ProjectionFinding",
        "SingleVendorProject",
        "SurveyFinding",
        "TransferredProject",
        "UmbrellaFoundation",
        "VendorNeutralProject",
    }
)

# Kinds of which a slug was made from a name, and therefore stands in the ledger.
NAMED = frozenset({"body", "doc", "event", "measure", "org", "person", "population", "project", "software", "study"})

SCHEMES = frozenset(
    {"bound", "direction", "fidelity", "maturity", "membership-level", "mode", "sector", "steward-role", "topic"}
)

_CLASSES = frozenset(name for name in OSAI.__annotations__ if name[0].isupper())
_HEADER = re.compile(r"\[\[?\s*([A-Za-z0-9_-]+)\s*\]\]?\s*(?:#.*)?")


# ---- What an entry may say -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Says:
    """How the values of a field are spelled in RDF; ``predicate`` None: the OSAI property of the field's own name."""

    datatype: URIRef | None = None  # None: the value is a reference
    predicate: URIRef | None = None


def _many(value: object) -> tuple[object, ...]:
    if value == []:
        raise ValueError("an empty list says nothing; leave the key out")
    return tuple(value) if isinstance(value, list) else (value,)


def _known_class(name: str) -> str:
    if name in DEFINED:
        raise ValueError(f"{name} follows from other facts and is never stated; state the class above it")
    if name not in _CLASSES:
        raise ValueError(f"{name!r} is no class of the ontology{nearest(name, _CLASSES)}")
    return name


def _date(text: str) -> str:
    edtf.bounds(text)
    return text


# Every property is a list in Python; in TOML a single value may stand for a list of one.
_Links = Annotated[tuple[str, ...], BeforeValidator(_many), _Says()]
_Link = Annotated[_Links, Field(max_length=1)]
_Texts = Annotated[tuple[str, ...], BeforeValidator(_many), _Says(XSD.string)]
_Text = Annotated[_Texts, Field(max_length=1)]
_Decimal = Annotated[str, Field(pattern=r"^[+-]?(\d+(\.\d+)?|\.\d+)$")]  # a string, so that 0.20 stays 0.20
_Number = Annotated[tuple[_Decimal, ...], BeforeValidator(_many), Field(max_length=1), _Says(XSD.decimal)]
_Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Class = Annotated[str, AfterValidator(_known_class)]
_Date = Annotated[str, AfterValidator(_date)]


class _Entry(BaseModel):
    """What all entries have."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, alias_generator=to_camel)

    id: str
    type: _Class
    note: Annotated[_Texts, _Says(XSD.string, SKOS.note)] = ()

    def dates(self) -> Iterator[tuple[URIRef, Literal]]:
        """Give the bounds in time, and the date's text."""
        yield from ()

    @property
    def label(self) -> str | None:
        """The name the document uses, for the record."""
        return next(iter(getattr(self, "name", ())), None)


class _Document(_Entry):
    """The document that the file describes. ``file`` and ``sha256``: the text, where one may be at hand."""

    name: _Text
    file: str | None = None
    sha256: _Hash | None = None
    date: _Date | None = None
    authored_by: _Links = ()
    published_by: _Links = ()
    commissioned_by: _Links = ()
    cites_document: _Links = ()
    language: Annotated[_Text, _Says(XSD.string, DCTERMS.language)] = ()
    rights: Annotated[_Text, _Says(XSD.string, DCTERMS.rights)] = ()
    homepage: Annotated[_Text, _Says(XSD.anyURI)] = ()

    @model_validator(mode="after")
    def _text_is_proved(self) -> _Document:
        if (self.file is None) != (self.sha256 is None):
            raise ValueError("file and sha256 go together: the hash proves the file")
        return self

    def dates(self) -> Iterator[tuple[URIRef, Literal]]:
        return edtf.happened(self.date) if self.date else super().dates()


class _Entity(_Entry):
    """An agent, a project, an artefact, a population or a measure, as the document names it."""

    name: _Text = ()
    alt_label: Annotated[_Texts, _Says(XSD.string, SKOS.altLabel)] = ()
    definition: Annotated[_Text, _Says(XSD.string, SKOS.definition)] = ()
    authored_by: _Links = ()
    published_by: _Links = ()
    commissioned_by: _Links = ()
    sub_organization_of: _Links = ()
    governs: _Links = ()
    has_seat: _Links = ()
    produces: _Links = ()
    has_repository: _Links = ()
    repository_url: Annotated[_Text, _Says(XSD.anyURI)] = ()
    sub_population_of: _Links = ()


class _Event(_Entry):
    """A happening: a governance event, a publishing or a study.

    ``date`` may be an interval that it lies in; ``until`` is the end of one that took longer.
    """

    name: _Text
    date: _Date | None = None
    until: _Date | None = None
    concerns_project: _Links = ()
    concerns_organization: _Links = ()
    from_agent: _Links = ()
    to_agent: _Links = ()
    has_participant: _Links = ()
    initiates: _Links = ()
    terminates: _Links = ()
    part_of_event: _Links = ()
    yields: _Links = ()
    makes_public: Annotated[_Links, _Says(predicate=PROV.used)] = ()

    @model_validator(mode="after")
    def _dates_agree(self) -> _Event:
        if self.until and not self.date:
            raise ValueError("until needs a date: when it began")
        list(self.dates())
        return self

    def dates(self) -> Iterator[tuple[URIRef, Literal]]:
        if self.until:
            return edtf.lasted(self.date, self.until)
        return edtf.happened(self.date) if self.date else super().dates()


class _Situation(_Entry):
    """A state of affairs, from ``since`` to ``until``; ``seen`` is when the document saw it, if not since when."""

    name: _Text = ()
    since: _Date | None = None
    until: _Date | None = None
    seen: _Date | None = None
    of_project: _Link = ()
    steward: _Link = ()
    steward_role: _Links = ()
    member: _Link = ()
    membership_in: _Link = ()
    membership_level: _Links = ()
    affiliated: _Link = ()
    affiliated_with: _Link = ()
    role_name: _Text = ()

    @model_validator(mode="after")
    def _dates_agree(self) -> _Situation:
        if self.since and self.seen:
            raise ValueError("seen is for a situation whose start is not known; since says it already")
        list(self.dates())
        return self

    def dates(self) -> Iterator[tuple[URIRef, Literal]]:
        return edtf.lasted(self.since, self.until, seen=self.seen)


class _Finding(_Entry):
    """A proposition in normal form. ``claim`` is in our own words; numbers are strings in canonical units."""

    claim: _Text
    about_measure: _Link
    over_population: _Links
    epistemic_mode: _Link
    value: _Number = ()
    lower_value: _Number = ()
    upper_value: _Number = ()
    unit_code: _Text = ()
    bound_kind: _Link = ()
    display_value: _Text = ()
    direction: _Link = ()
    compares_with: _Links = ()
    in_sector: _Links = ()
    about_thing: _Links = ()
    after_event: _Links = ()
    refines: _Links = ()
    supports: _Links = ()
    contradicts: _Links = ()
    bears_on: _Links = ()


class _Statement(_Entry):
    """What the document says, and where: ``start``, ``end`` and ``sha256`` of the span stand together or not at all."""

    type: _Class = "Statement"
    expresses: Annotated[_Links, Field(min_length=1)]
    fidelity: _Link
    start: Annotated[int, Field(ge=0)] | None = None
    end: Annotated[int, Field(ge=1)] | None = None
    sha256: _Hash | None = None
    corrected_reading: _Text = ()
    attributes_to: _Links = ()
    spoken_by: _Links = ()
    relays: _Links = ()

    @model_validator(mode="after")
    def _span_is_whole(self) -> _Statement:
        if len({self.start is None, self.end is None, self.sha256 is None}) > 1:
            raise ValueError("start, end and sha256 go together: the hash proves the span")
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"the span [{self.start}, {self.end}) is empty")
        if self.fidelity == ("fidelity/garbled",) and not (self.corrected_reading and self.note):
            raise ValueError("a garbled statement needs a correctedReading and a note that gives the ground for it")
        return self

    @property
    def span(self) -> tuple[int, int, str] | None:
        """Start, end and hash, where the statement says them."""
        if self.start is None or self.end is None or self.sha256 is None:
            return None
        return self.start, self.end, self.sha256


_TABLES: Mapping[str, type[_Entry]] = {
    "document": _Document,
    "entity": _Entity,
    "event": _Event,
    "situation": _Situation,
    "finding": _Finding,
    "statement": _Statement,
}
_NOT_OURS = frozenset({"source", "expect", "lookups"})  # read by kg.sources


_E_co = TypeVar("_E_co", bound=_Entry, covariant=True)


@dataclass(frozen=True, slots=True)
class _Row(Generic[_E_co]):
    """One entry and where it stands."""

    entry: _E_co
    evidence: Evidence

    @property
    def place(self) -> str:
        """File and line."""
        return self.evidence.locator


# ---- The loader ------------------------------------------------------------------------------------------------------


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield what the curated file says, in file order, and the words of its spans where the document is at hand.

    A missing document is an issue of kind ``words``. Raises EvidenceError when a span or the document is not what its
    hash says, naming each finding that was read there; ModelError with file and line for an unknown key, class or
    property, a value that does not fit, or a reference that is not in the ledger. Nothing is yielded before all is
    checked. Holds the file and the document in memory.

    Source: ontology design, sections 2.5 and 4; W3C Web Annotation, text position and text quote selectors.
    """
    rows = _read(source, snapshot)
    document = next(_Row(row.entry, row.evidence) for row in rows if isinstance(row.entry, _Document))
    text = _text(source, snapshot, document, rows, issues)
    found: list[Assertion] = []
    problems: list[str] = []
    for row in rows:
        try:
            found.extend(_assertions(row, document.entry, text, mint))
        except ModelError as error:
            problems.append(f"{row.place}: {row.entry.id}: {error}")
    if problems:
        raise ModelError("; ".join(problems))
    yield from found


def _read(source: Source, snapshot: Snapshot) -> list[_Row[_Entry]]:
    """Give the entries in file order, each with its line. Raises ModelError that names all that do not fit."""
    where = source.definition.name
    file = snapshot.file(where)
    if file is None:
        raise FetchError(f"the snapshot of {source.name} does not hold {where}; name it in the files of [source]")
    text = file.read().decode("utf-8")
    content: dict[str, Any] = tomllib.loads(text)
    problems = [
        f"{where}: the table {name!r} is unknown{nearest(name, _TABLES)}"
        for name in content
        if name not in _TABLES and name not in _NOT_OURS
    ]
    if not isinstance(content.get("document"), dict):
        problems.append(f"{where}: one table [document] must say what document the file describes")
    rows: list[_Row[_Entry]] = []
    for number, (kind, raw, line) in enumerate(_entries(content, text, where), start=1):
        locator = f"{where}:{line}"
        try:
            entry = _TABLES[kind].model_validate(raw)
        except ValidationError as error:
            name = raw.get("id", "it has no id")
            problems.extend(f"{locator}: {kind} {name}: {_complaint(kind, one)}" for one in error.errors())
            continue
        rows.append(_Row(entry, Evidence(snapshot, number, locator, key=entry.id, name=entry.label)))
    for name, times in Counter(row.entry.id for row in rows).items():
        if times > 1:
            places = ", ".join(row.place for row in rows if row.entry.id == name)
            problems.append(f"{places}: {name} stands {times} times; one entry says all that the document says of it")
    if problems:
        raise ModelError("; ".join(problems))
    return rows


def _entries(content: Mapping[str, Any], text: str, where: str) -> list[tuple[str, dict[str, Any], int]]:
    """Pair each entry with the line of its header. tomllib gives no positions, so the headers are counted."""
    lines: dict[str, list[int]] = {kind: [] for kind in _TABLES}
    for number, line in enumerate(text.splitlines(), start=1):
        header = _HEADER.fullmatch(line.strip())
        if header and header[1] in lines:
            lines[header[1]].append(number)
    paired: list[tuple[str, dict[str, Any], int]] = []
    for kind, numbers in lines.items():
        value = content.get(kind, [])
        entries = value if isinstance(value, list) else [value]
        if len(entries) != len(numbers) or not all(isinstance(entry, dict) for entry in entries):
            raise ModelError(
                f"{where}: {len(entries)} entries of {kind!r} but {len(numbers)} lines that open one; write each as a "
                f"table of its own, and begin no line of a text with [[{kind}]]"
            )
        paired.extend((kind, entry, number) for entry, number in zip(entries, numbers, strict=True))
    return sorted(paired, key=lambda item: item[2])


def _complaint(kind: str, error: Any) -> str:
    """Say what is wrong with one key of an entry; ``error`` is one of pydantic's ErrorDetails."""
    key = ".".join(str(part) for part in error["loc"] if not isinstance(part, int))
    if error["type"] == "extra_forbidden":
        known = {field.alias or name for name, field in _TABLES[kind].model_fields.items()}
        return f"the key {key!r} is unknown{nearest(key, known)}"
    if error["type"] == "missing":
        return f"the key {key!r} is missing"
    said = str(error["msg"]).removeprefix("Value error, ")
    return f"{key}: {said}" if key else said


# ---- The words -------------------------------------------------------------------------------------------------------


def _text(
    source: Source, snapshot: Snapshot, document: _Row[_Document], rows: Sequence[_Row[_Entry]], issues: Issues
) -> str | None:
    """Give the document's text, every span in it proved; None when it is not at hand."""
    path = document.entry.file
    quoting = [
        _Row(row.entry, row.evidence)
        for row in rows
        if isinstance(row.entry, _Statement) and row.entry.span is not None
    ]
    if path is None:
        if quoting:
            raise ModelError(f"{quoting[0].place}: {quoting[0].entry.id} has a span, but [document] names no file")
        return None
    if path not in source.documents:
        raise ModelError(f"{document.place}: {path!r} is not among the documents of [source]; add it there")
    file = snapshot.file(path)
    if file is None:
        issues.warn(
            f"{path} is not at hand, so {len(quoting)} spans stand without their words; "
            "kg fetch --from DIR takes it from a directory that holds it",
            locator=document.place,
            kind="words",
            document=path,
            spans=len(quoting),
        )
        return None
    # Bytes that are no UTF-8 stay one code point each, so that the spans which do hold are still told from the others.
    text = file.read().decode("utf-8", errors="surrogateescape")
    broken = [row for row in quoting if not _holds(row.entry, text)]
    if not broken and file.sha256 == document.entry.sha256:
        return text
    named = ", ".join(f"{' and '.join(row.entry.expresses)} ({row.place})" for row in broken or quoting)
    what = (
        f"{len(broken)} of {len(quoting)} spans are not the words that were read: {named}"
        if broken
        else f"every span holds, but the document is another; read in it: {named}"
    )
    raise EvidenceError(
        f"{source.name}: {path}: {what}; SHA-256 of the document is {file.sha256} and was {document.entry.sha256}; "
        "fetch the document that was read, or read this one and correct start, end and sha256"
    )


def _holds(statement: _Statement, text: str) -> bool:
    if statement.span is None:
        return True
    start, end, sha256 = statement.span
    words = text[start:end].encode("utf-8", errors="surrogateescape")
    return end <= len(text) and hashlib.sha256(words).hexdigest() == sha256


# ---- Into assertions -------------------------------------------------------------------------------------------------


def _assertions(row: _Row[_Entry], document: _Document, text: str | None, mint: Mint) -> Iterator[Assertion]:
    entry, evidence = row.entry, row.evidence
    subject = _iri(entry.id, mint)

    def say(predicate: URIRef, value: URIRef | Literal, of: URIRef = subject) -> Assertion:
        return Assertion(of, predicate, value, evidence)

    yield say(RDF.type, OSAI[entry.type])
    for predicate, datatype, value in _values(entry):
        if datatype is None:
            yield say(predicate, _iri(value, mint))
        else:
            yield say(predicate, _literal(value, datatype))
    for predicate, literal in entry.dates():
        yield say(predicate, literal)
    if isinstance(entry, _Document) and entry.sha256:
        yield say(OSAI.contentSha256, Literal(entry.sha256))
    if not isinstance(entry, _Statement):
        return
    home = _iri(document.id, mint)
    yield say(OSAI.inDocument, home)
    if entry.span:
        start, end, sha256 = entry.span
        span = mint.span(document.id.partition("/")[2], start, end)
        yield say(OSAI.hasEvidence, span)
        yield say(RDF.type, OSAI.TextSpan, span)
        yield say(OSAI.inDocument, home, span)
        yield say(OSAI.startOffset, Literal(start, datatype=XSD.nonNegativeInteger), span)
        yield say(OSAI.endOffset, Literal(end, datatype=XSD.nonNegativeInteger), span)
        yield say(OSAI.spanSha256, Literal(sha256), span)
        if text is not None:
            yield say(OSAI.exactQuote, Literal(text[start:end]), span)
            if start:
                yield say(OSAI.quotePrefix, Literal(text[max(0, start - CONTEXT) : start]), span)
            if end < len(text):
                yield say(OSAI.quoteSuffix, Literal(text[end : end + CONTEXT]), span)


def _values(entry: _Entry) -> Iterator[tuple[URIRef, URIRef | None, str]]:
    """Give predicate, datatype (None for a reference) and value of each property of an entry."""
    for name, field in type(entry).model_fields.items():
        says = [item for item in field.metadata if isinstance(item, _Says)]
        if says:
            predicate = says[-1].predicate or OSAI[field.alias or name]
            for value in getattr(entry, name):
                yield predicate, says[-1].datatype, value


def _literal(value: str, datatype: URIRef) -> Literal:
    # Plain strings carry no datatype: rdflib holds "x" and "x"^^xsd:string for two terms.
    return Literal(value) if datatype == XSD.string else Literal(value, datatype=datatype, normalize=False)


def _iri(reference: str, mint: Mint) -> URIRef:
    """Resolve ``kind/slug`` or ``scheme/notation``. Raises ModelError that says what may stand there."""
    kind, _, rest = reference.partition("/")
    if kind in SCHEMES and rest:
        return mint.concept(kind, rest)
    if kind not in KINDS or not rest:
        raise ModelError(
            f"{reference!r} is no reference: write kind/slug or scheme/notation{nearest(kind, KINDS | SCHEMES)}"
        )
    if kind in NAMED and not mint.ledger.holds(kind, rest):
        known = [row.slug for row in mint.ledger.rows if row.kind == kind]
        raise ModelError(
            f"{reference} is not in the ledger{nearest(rest, known)}; for a new one add the line "
            f"{kind},{rest},curated:{rest},VERSION, to ledger.csv"
        )
    return mint.id(kind, *rest.split("/"))

"""Reads any table by a mapping in the source's definition: CSV, TSV, JSON lines and Parquet, packed with gzip or not.

Each ``[[entity]]`` says what a row makes:

- ``kind``: the part of its IRI (``project``, ``org``, ``repository``, …); ``type``: its class in the ontology;
- ``key``: what identifies it: a canonical repository, ``homepage:…``, ``crunchbase:…``, or a name of the source's own;
  of a list the first that has a value. Or ``id``: the end of the IRI itself (``cncf``, ``apache-2.0``);
- ``name``; ``properties``, by their names in the ontology (``homepage``) or as ``prefix:name`` for those we borrow;
- ``date`` of an event, or ``since``, ``until`` and ``seen`` of a situation, as EDTF;
- ``file`` where the source has several; ``as`` where two entities of a row are of one kind.

A value is a template: text with ``{column}`` or ``{column|filter|filter:argument}``; a list holds several. It has no
value where a column in it is empty. ``@project`` is the entity of that kind (or ``as``) in the same row. A property
whose values are things takes ``kind/slug`` or ``scheme/notation`` besides. Filters:

- ``repository``, ``homepage``, ``host``, ``crunchbase``: an address in the spelling by which sources find each other;
- ``lookup:TABLE``: what ``[lookups.TABLE]`` says; ``country``: a two-letter code as its economy;
- ``date``: checked as EDTF; ``date:%d.%m.%Y`` turns another spelling into it; ``number``: without thousands separators;
- ``lower``, ``slug``, ``split:;``: several values in one field.

Every column is in a template, in ``[ignore]``, or an issue. ``[settings]`` may list the texts that stand for nothing
(``empty = ["n/a"]``). Rows are records. JSON lines may nest: ``{owner.name}``; a list there is several values.

Source: house rules, sentence 1; ontology design, section 1 (IRIs).
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from rdflib import OWL, RDF, RDFS, SKOS, XSD, Literal, URIRef
from rdflib.namespace import FOAF

from kg import resources
from kg.errors import DriftError, ModelError, SourceError, nearest
from kg.model import DEFAULT_BASE, KINDS, Assertion, Evidence, Mint, Snapshot, slugify
from kg.sources import Issues, Source, edtf, keys, reading
from kg.sources.iri import is_iri, is_web
from kg.sources.standoff import DEFINED, NAMED
from kg.sources.tables.parquet import parquet_rows
from kg.vocab import BORROWED, OSAI, PREFIXES

_CLASSES = frozenset(name for name in OSAI.__annotations__ if name[0].isupper()) - DEFINED
_PROPERTIES = frozenset(name for name in OSAI.__annotations__ if name[0].islower())
# Borrowed properties whose values are things and not texts.
_LINKS = frozenset(
    {
        *(OWL.sameAs, RDFS.seeAlso, FOAF.homepage, URIRef(PREFIXES["schema"] + "sameAs")),
        *(SKOS.exactMatch, SKOS.closeMatch, SKOS.broadMatch, SKOS.narrowMatch, SKOS.relatedMatch),
    }
)
_SHARED_KEYS = ("https://", "homepage:", "crunchbase:", "curated:")  # what other sources mint by too
_KNOWN_IDS = frozenset({"economy", "licence"})  # kinds whose slug is a code that the world agrees on


class _Entity(BaseModel):
    """One ``[[entity]]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    kind: str
    type: str
    as_: str | None = Field(default=None, alias="as")
    file: str | None = None
    key: str | list[str] = []
    id: str | None = None
    name: str | None = None
    date: str | None = None
    since: str | None = None
    until: str | None = None
    seen: str | None = None
    properties: dict[str, str | list[str]] = {}

    @property
    def label(self) -> str:
        return self.as_ or self.kind


class _Settings(BaseModel):
    """``[settings]``, and the entities."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    entity: list[Any] = []
    empty: tuple[str, ...] = ()


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield what each row of each file makes, in file order.

    Raises SourceError with file and line of the definition for an unknown key, class, property, column, filter or
    reference; DriftError with file and line for what is no table. A value that does not fit is an issue.
    """
    mapping = _Mapping(source, mint)
    number = itertools.count(1)
    names: dict[tuple[str, str], str] = {}
    for path in source.files:
        entities = mapping.of(path)
        columns, rows = _table(snapshot, path)
        used = mapping.check_columns(path, columns)
        left: Counter[str] = Counter()
        for place, values in rows:
            evidence = Evidence(snapshot, next(number), f"{path}{place}")
            row = _Row(values, evidence, source, issues, mapping.empty)
            for triple in _triples(entities, row, mint, names):
                yield Assertion(*triple, evidence)
            left.update(column for column in row.columns if column not in used)
        for column, times in left.items():
            if column in source.ignore:
                issues.ignore(column, times)
            else:
                issues.warn(
                    f"the column {column!r} with {times:,} values is neither mapped nor ignored; use it in an "
                    f"entity, or name it in [ignore] of {source.definition.name}",
                    locator=f"{path}:1",
                    kind="unknown-field",
                    field=column,
                    values=times,
                )


# ---- The mapping -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Slot:
    """A column in a template, and the filters that its text goes through: name and argument."""

    column: str
    filters: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Template:
    """Texts and slots in order; ``reference`` is the entity of the same row that it stands for instead."""

    text: str
    parts: tuple[str | _Slot, ...]
    reference: str | None = None

    @property
    def slots(self) -> Iterator[_Slot]:
        return (part for part in self.parts if isinstance(part, _Slot))


@dataclass(frozen=True, slots=True)
class _Property:
    """A property, and what its values are: things (``datatype`` None) or literals of a datatype."""

    predicate: URIRef
    datatype: URIRef | None
    borrowed: bool
    values: tuple[_Template, ...]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """One entity with its templates read and its terms checked."""

    label: str
    kind: str
    type: _Template
    keys: tuple[_Template, ...]
    id: _Template | None
    name: _Template | None
    dates: Mapping[str, _Template]
    properties: tuple[_Property, ...]

    @property
    def templates(self) -> Iterator[_Template]:
        yield self.type
        yield from self.keys
        yield from (template for template in (self.id, self.name) if template)
        yield from self.dates.values()
        for one in self.properties:
            yield from one.values


class _Mapping:
    """The entities of a definition, checked against the ontology; every complaint names the line."""

    def __init__(self, source: Source, mint: Mint) -> None:
        self._source = source
        self._mint = mint
        self._lines = source.definition.read_text(encoding="utf-8").splitlines()
        settings = source.settings_of(_Settings)
        self.empty = frozenset(settings.empty)
        headers = [
            at for at, line in enumerate(self._lines) if re.fullmatch(r"\[\[\s*entity\s*\]\]\s*(#.*)?", line.strip())
        ]
        if not settings.entity:
            raise SourceError(f"{source.definition.name}: no [[entity]] says what a row makes")
        self._entities: list[tuple[str, _Compiled]] = []
        self._at = 0  # the line of the entity that is being read
        begins = [headers[number] if number < len(headers) else 0 for number in range(len(settings.entity))]
        for at, raw in zip(begins, settings.entity, strict=True):
            self._at = at
            entity = self._read(raw)
            self._entities.append((self._file(entity), self._compile(entity)))
        for at, (path, compiled) in zip(begins, list(self._entities), strict=True):
            self._at = at
            self._check_references(compiled, [other.label for other in self.of(path)])

    def of(self, path: str) -> list[_Compiled]:
        """Give the entities that a row of a file makes."""
        return [entity for file, entity in self._entities if file == path]

    def check_columns(self, path: str, columns: Sequence[str]) -> frozenset[str]:
        """Give the columns that templates use. Raises SourceError for one that the file has not."""
        used = {}
        for entity in self.of(path):
            for template in entity.templates:
                used.update({slot.column: template for slot in template.slots})
        for column, template in used.items():
            if column not in columns and columns:
                raise self._wrong(f"{path} has no column {column!r}{nearest(column, columns)}", template.text)
        return frozenset(used)

    def _wrong(self, message: str, near: str) -> SourceError:
        """Give the error with the line, at or below the entity being read, that holds ``near``."""
        quoted = any(f'"{near}"' in line for line in self._lines)
        found = [at for at, line in enumerate(self._lines) if (f'"{near}"' if quoted else near) in line]
        at = next((at for at in found if at >= self._at), found[0] if found else self._at)
        return SourceError(f"{self._source.definition.name}:{at + 1}: {message}")

    def _read(self, raw: object) -> _Entity:
        try:
            return _Entity.model_validate(raw)
        except ValidationError as error:
            faults = error.errors()  # a key that is written wrong is missing too: tell what is there first
            first = next((fault for fault in faults if fault["type"] == "extra_forbidden"), faults[0])
            key = str(first["loc"][0]) if first["loc"] else "entity"
            if first["type"] == "extra_forbidden":
                known = [field.alias or name for name, field in _Entity.model_fields.items()]
                raise self._wrong(f"an entity has no key {key!r}{nearest(key, known)}", key) from error
            if first["type"] == "missing":
                raise self._wrong(f"the entity has no {key}", "[[") from error
            place = ".".join(str(part) for part in first["loc"])
            raise self._wrong(f"{place}: {first['msg']}", key) from error

    def _file(self, entity: _Entity) -> str:
        files = self._source.files
        if entity.file is None and len(files) != 1:
            raise self._wrong(f"say which file the entity is read from: file = one of {', '.join(files)}", "[[")
        path = entity.file or files[0]
        if path not in files:
            raise self._wrong(f"{path!r} is no file of [source]{nearest(path, files)}", path)
        return path

    def _compile(self, entity: _Entity) -> _Compiled:
        if entity.kind not in KINDS:
            raise self._wrong(f"{entity.kind!r} is no kind of entity{nearest(entity.kind, KINDS)}", entity.kind)
        kind_of = self._template(entity.type)
        if not list(kind_of.slots) and entity.type not in _CLASSES:
            follows = " that is stated; it follows from other facts" if entity.type in DEFINED else ""
            raise self._wrong(f"{entity.type!r} is no class{follows}{nearest(entity.type, _CLASSES)}", entity.type)
        alternatives = [entity.key] if isinstance(entity.key, str) else entity.key
        if bool(alternatives) == (entity.id is not None):
            raise self._wrong(f"the entity {entity.label!r} needs a key, or an id in its place", entity.kind)
        if entity.id is None and entity.kind in _KNOWN_IDS:
            raise self._wrong(f"{entity.kind} is known by its code: write id in place of key", entity.kind)
        if entity.name is None and entity.kind != "repository":
            raise self._wrong(f"the entity {entity.label!r} has no name; everything has one", entity.kind)
        moments = {name: text for name in ("date", "since", "until", "seen") if (text := getattr(entity, name))}
        if "date" in moments and len(moments) > 1:
            raise self._wrong("date is for an event; since, until and seen are for a situation", "date")
        return _Compiled(
            label=entity.label,
            kind=entity.kind,
            type=kind_of,
            keys=tuple(map(self._template, alternatives)),
            id=self._template(entity.id) if entity.id else None,
            name=self._template(entity.name) if entity.name else None,
            dates={name: self._template(text) for name, text in moments.items()},
            properties=tuple(self._property(name, values) for name, values in entity.properties.items()),
        )

    def _property(self, name: str, values: str | list[str]) -> _Property:
        prefix, colon, local = name.partition(":")
        if colon:
            predicate = URIRef(PREFIXES.get(prefix, "") + local)
            if predicate not in BORROWED or predicate == RDF.type:
                known = [
                    f"{short}:{term.removeprefix(long)}"
                    for short, long in PREFIXES.items()
                    for term in BORROWED
                    if term.startswith(long)
                ]
                raise self._wrong(f"{name!r} is no property that we borrow{nearest(name, known)}", name)
            datatype = None if predicate in _LINKS else XSD.string
        else:
            if name not in _PROPERTIES:
                raise self._wrong(f"{name!r} is no property of the ontology{nearest(name, _PROPERTIES)}", name)
            predicate, datatype = OSAI[name], _ranges()[name]
        templates = tuple(self._template(text) for text in ([values] if isinstance(values, str) else values))
        for template in templates:
            if template.reference and datatype is not None:
                raise self._wrong(f"{name} has texts for values, not things such as {template.text}", template.text)
            if datatype is None and not template.reference and not list(template.slots):
                self._check_thing(template.text, borrowed=bool(colon))
        return _Property(predicate, datatype, bool(colon), templates)

    def _check_thing(self, text: str, *, borrowed: bool) -> None:
        try:
            _thing(text, self._mint, borrowed=borrowed)
        except (ModelError, ValueError) as error:
            raise self._wrong(str(error), text) from error

    def _check_references(self, entity: _Compiled, labels: Sequence[str]) -> None:
        if labels.count(entity.label) > 1:
            raise self._wrong(f'two entities of a row are called {entity.label!r}; tell them apart: as = "…"', "[[")
        for template in entity.templates:
            if template.reference is not None and template.reference not in labels:
                said = f"no entity of the row is called {template.reference!r}{nearest(template.reference, labels)}"
                raise self._wrong(said, template.text)

    def _template(self, text: str) -> _Template:
        if found := re.fullmatch(r"@([a-z0-9_-]+)", text):
            return _Template(text, (), found[1])
        parts: list[str | _Slot] = []
        for plain, inside, stray in re.findall(r"((?:[^{}]|\{\{|\}\})+)|\{([^{}]+)\}|([{}])", text):
            if stray:
                raise self._wrong(f"{text!r} has a brace without its pair; write two for one that is text", text)
            parts.append(self._slot(inside, text) if inside else plain.replace("{{", "{").replace("}}", "}"))
        return _Template(text, tuple(parts))

    def _slot(self, inside: str, text: str) -> _Slot:
        column, *filters = inside.split("|")
        read = []
        for written in filters:
            name, colon, argument = written.strip().partition(":")
            if name not in _FILTERS:
                raise self._wrong(f"there is no filter {name!r}{nearest(name, _FILTERS)}", text)
            if name in _NEED_ARGUMENT and not argument:
                raise self._wrong(f"the filter {name} needs an argument: {_NEED_ARGUMENT[name]}", text)
            if colon and name not in _NEED_ARGUMENT and name != "date":
                raise self._wrong(f"the filter {name} takes no argument", text)
            if name == "lookup" and argument not in self._source.lookups:
                raise self._wrong(f"there is no [lookups.{argument}]{nearest(argument, self._source.lookups)}", text)
            read.append((name, argument))
        return _Slot(column.strip(), tuple(read))


@cache
def _ranges() -> Mapping[str, URIRef | None]:
    """Give the datatype of each of our properties, None for those whose values are things."""
    graph = resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE)
    return {
        name: None
        if (OSAI[name], RDF.type, OWL.ObjectProperty) in graph
        else URIRef(str(graph.value(OSAI[name], RDFS.range) or XSD.string))
        for name in _PROPERTIES
    }


@cache
def _schemes() -> frozenset[str]:
    """Give the names of the concept schemes, as they begin references."""
    files = (path.read_text(encoding="utf-8") for path in resources.vocabulary_files())
    return frozenset(name for text in files for name in re.findall(r"<concept/([a-z0-9-]+)", text))


# ---- Rows ------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Row:
    """The values of one row, and where what does not fit is told."""

    values: Mapping[str, Any]
    evidence: Evidence
    source: Source
    issues: Issues
    empty: frozenset[str]
    _said: set[tuple[str, str]] = field(default_factory=set)

    @property
    def columns(self) -> Iterator[str]:
        """The columns that hold something here."""
        return (column for column in self.values if self.texts(column))

    def texts(self, column: str) -> list[str]:
        """Give the texts in a column, none where it is empty."""
        value = self.values.get(column)
        items = value if isinstance(value, list) else [value]
        found = (_text(item) for item in items)
        return [text for text in found if text and text not in self.empty]

    def evaluate(self, template: _Template, *, tell: bool = True) -> list[str]:
        """Give the values of a template; none where a column is empty or a value does not fit, which is told."""
        choices: list[list[str]] = []
        for part in template.parts:
            if isinstance(part, str):
                choices.append([part])
                continue
            found = self.texts(part.column)
            for name, argument in part.filters:
                found = [text for before in found for text in self._filtered(name, argument, before, part.column, tell)]
            if not found:
                return []
            choices.append(found)
        return ["".join(combination) for combination in itertools.product(*choices)]

    def first(self, template: _Template | None) -> str | None:
        """Give the one value of a template."""
        found = self.evaluate(template) if template else []
        return found[0] if found else None

    def _filtered(self, name: str, argument: str, text: str, column: str, tell: bool) -> list[str]:
        found = self.source.lookups[argument].get(text) if name == "lookup" else _FILTERS[name](text, argument)
        if found is None and tell:
            if name == "lookup":
                where = f"[lookups.{argument}] of {self.source.definition.name}"
                self.warn(f"{column} is {text[:80]!r}, which {where} does not list", "unknown-value", column)
            else:
                self.warn(f"{column} is {text[:80]!r}, of which {name} makes nothing", "unmapped-value", column)
        if found is None or found == "":
            return []
        return found if isinstance(found, list) else [found]

    def warn(self, message: str, kind: str, column: str = "") -> None:
        """Keep an issue at this row, once for each message."""
        if (message, kind) not in self._said:
            self._said.add((message, kind))
            self.issues.warn(message, locator=self.evidence.locator, kind=kind, field=column)


def _text(value: object) -> str:
    """Give a value as text without blanks around it; nothing for none, and for what has fields."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping) or value is None:
        return ""
    return str(value).strip()


def _triples(
    entities: Sequence[_Compiled], row: _Row, mint: Mint, names: dict[tuple[str, str], str]
) -> Iterator[tuple[URIRef, URIRef, URIRef | Literal]]:
    """Give what one row says: its entities are minted first, so that each may refer to all others.

    ``names`` are the first names by kind and key: one key has one name in a source, and so one IRI.
    """
    made: dict[str, URIRef | None] = {}
    called: dict[str, tuple[str, str]] = {}  # the first name, and the one that this row has
    for entity in entities:
        key, first, name = _key(entity, row), None, row.first(entity.name)
        if key is not None and name is not None:
            first = names.setdefault((entity.kind, key), name)
            called[entity.label] = first, name
        made[entity.label] = _minted(entity, key, first, row, mint)
    for entity in entities:
        subject = made[entity.label]
        if subject is None:
            continue
        kind = row.first(entity.type)
        if kind not in _CLASSES:
            if kind:
                row.warn(f"{kind!r} is no class that is stated{nearest(kind, _CLASSES)}", "unknown-class")
            continue
        yield subject, RDF.type, OSAI[kind]
        if entity.kind == "repository":
            path = subject.removeprefix(f"{mint.base}id/repository/")
            yield subject, OSAI.repositoryUrl, Literal(f"https://{path}", datatype=XSD.anyURI)
        if entity.label in called:
            first, name = called[entity.label]
            yield subject, OSAI.name, Literal(first)
            if first != name:
                yield subject, SKOS.altLabel, Literal(name)
        for one in entity.properties:
            for value in _values(one, row, mint, made):
                yield subject, one.predicate, value
        if entity.dates:
            yield from _dated(entity, subject, row)


def _key(entity: _Compiled, row: _Row) -> str | None:
    """Give the key of an entity, or its id; None where the row has none, told where it has what might have been one."""
    if entity.id is not None:
        return row.first(entity.id)
    for template in entity.keys:
        found = row.evaluate(template, tell=len(entity.keys) == 1)
        if found and (entity.kind == "repository" or found[0].startswith(_SHARED_KEYS)):
            return found[0]
        if found:
            return f"{row.source.name}:{found[0]}"
    columns = {slot.column for template in entity.keys for slot in template.slots}
    if len(entity.keys) > 1 and any(row.texts(column) for column in columns):
        row.warn(f"none of the keys of {entity.label} fits, so the row makes none", "no-key")
    return None


def _minted(entity: _Compiled, key: str | None, name: str | None, row: _Row, mint: Mint) -> URIRef | None:
    """Give the IRI of an entity, None where the row makes none."""
    if key is None:
        return None
    try:
        if entity.id is not None:
            return mint.id(entity.kind, key.lower() if entity.kind in _KNOWN_IDS else key)
        if entity.kind == "repository":
            return mint.id("repository", *key.removeprefix("https://").split("/"))
    except ModelError as error:
        row.warn(str(error), "bad-key")
        return None
    if name is None:
        row.warn(f"the {entity.label} has no name here, so the row makes none", "no-name")
        return None
    return mint.iri(entity.kind, key, name)


def _values(one: _Property, row: _Row, mint: Mint, made: Mapping[str, URIRef | None]) -> Iterator[URIRef | Literal]:
    """Give the values of a property in one row."""
    for template in one.values:
        if template.reference is not None:
            found = made[template.reference]
            if found is not None:
                yield found
            continue
        for text in row.evaluate(template):
            try:
                if one.datatype is None:
                    yield _thing(text, mint, borrowed=one.borrowed)
                else:
                    yield _literal(text, one.datatype)
            except (ModelError, ValueError) as error:
                row.warn(str(error), "bad-value", next((slot.column for slot in template.slots), ""))


def _dated(entity: _Compiled, subject: URIRef, row: _Row) -> list[tuple[URIRef, URIRef, Literal]]:
    """Give what says when, which is nothing where the dates do not fit."""
    texts = {name: row.first(template) for name, template in entity.dates.items()}
    try:
        if "date" not in texts:
            pairs = edtf.lasted(texts.get("since"), texts.get("until"), seen=texts.get("seen"))
        elif texts["date"]:
            pairs = edtf.happened(texts["date"])
        else:
            pairs = iter(())
        return [(subject, predicate, value) for predicate, value in pairs]
    except ValueError as error:
        row.warn(str(error), "bad-date")
        return []


def _literal(text: str, datatype: URIRef) -> Literal:
    if datatype == XSD.string:
        return Literal(text)
    if datatype == XSD.anyURI and not is_web(text):
        raise ValueError(f"{text[:80]!r} is no web address")
    value = Literal(text, datatype=datatype, normalize=False)
    if value.ill_typed or (datatype == XSD.nonNegativeInteger and text.startswith("-")):
        raise ValueError(f"{text[:80]!r} is no {datatype.rpartition('#')[2]}")
    return value


def _thing(text: str, mint: Mint, *, borrowed: bool) -> URIRef:
    """Resolve ``kind/slug`` or ``scheme/notation``; an address of others where the property is borrowed."""
    if borrowed:
        if not is_iri(text):
            raise ValueError(f"{text[:80]!r} is no address")
        return URIRef(text)
    kind, _, rest = text.partition("/")
    if kind in KINDS and rest:
        if kind in NAMED and not mint.ledger.holds(kind, rest):
            known = [row.slug for row in mint.ledger.rows if row.kind == kind]
            raise ValueError(f"{text} is not in the ledger{nearest(rest, known)}; a thing of the row is @{kind}")
        return mint.id(kind, *rest.split("/"))
    if kind in _schemes() and rest:
        return mint.concept(kind, rest)
    raise ValueError(
        f"{text[:80]!r} is no thing: write @kind for one of the row, kind/slug or scheme/notation"
        f"{nearest(kind, KINDS | _schemes())}"
    )


# ---- Filters ---------------------------------------------------------------------------------------------------------


def _country(text: str, _: str) -> str | None:
    return f"economy/{text.lower()}" if re.fullmatch(r"[A-Za-z]{2}", text) else None


def _number(text: str, _: str) -> str | None:
    plain = re.sub(r"(?<=\d)[,\u00a0\u202f '](?=\d{3})", "", text)
    return plain if re.fullmatch(r"[+-]?\d+(\.\d+)?", plain) else None


def _date(text: str, form: str) -> str | None:
    try:
        if form:
            return datetime.strptime(text, form).replace(tzinfo=UTC).date().isoformat()
        edtf.bounds(text)
    except ValueError:
        return None
    return text


def _split(text: str, separator: str) -> list[str]:
    return [part.strip() for part in text.split(separator) if part.strip()]


# Each gives None for a text of which it makes nothing.
_FILTERS: Mapping[str, Callable[[str, str], str | list[str] | None]] = {
    "country": _country,
    "crunchbase": lambda text, _: keys.crunchbase(text),
    "date": _date,
    "homepage": lambda text, _: keys.homepage(text),
    "host": lambda text, _: keys.host(text),
    "lookup": lambda text, _: text,  # the row knows the tables
    "lower": lambda text, _: text.lower(),
    "number": _number,
    "repository": lambda text, _: keys.repository(text),
    "slug": lambda text, _: slugify(text) or None,
    "split": _split,
}
_NEED_ARGUMENT = {"lookup": "lookup:TABLE", "split": "split:;"}


# ---- Files -----------------------------------------------------------------------------------------------------------


def _table(snapshot: Snapshot, path: str) -> tuple[list[str], Iterator[tuple[str, Mapping[str, Any]]]]:
    """Give the columns of a file, and its rows, each with where it stands (``:12``)."""
    ending = path.removesuffix(".gz").rpartition(".")[2].lower()
    if ending in ("csv", "tsv"):
        rows = reading.rows(snapshot, path, delimiter="\t" if ending == "tsv" else ",")
        return _peeked((f":{line}", values) for line, values in rows)
    if ending in ("jsonl", "ndjson"):
        columns: dict[str, None] = {}
        for _, values in _json_rows(snapshot, path):
            columns |= dict.fromkeys(values)
        return list(columns), _json_rows(snapshot, path)
    if ending == "parquet" and path.endswith(".parquet"):
        file = snapshot.file(path)
        if file is None:
            raise DriftError(f"{snapshot.source}: {path} is not in the snapshot; fetch it again")
        found = parquet_rows(file, f"{snapshot.source}: {path}")
        return _peeked((f":{number}", _flat(values)) for number, values in enumerate(found, start=1))
    raise DriftError(
        f"{snapshot.source}: {path}: it is no table that can be read; the endings are .csv, .tsv, .jsonl, .parquet"
    )


def _peeked(
    rows: Iterator[tuple[str, Mapping[str, Any]]],
) -> tuple[list[str], Iterator[tuple[str, Mapping[str, Any]]]]:
    """Give the columns of the first row, and all rows."""
    first = next(rows, None)
    return ([], iter(())) if first is None else (list(first[1]), itertools.chain([first], rows))


def _json_rows(snapshot: Snapshot, path: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for line, value in reading.json_lines(snapshot, path):
        if not isinstance(value, dict):
            raise DriftError(f"{snapshot.source}: {path}:{line}: the line is no object but {str(value)[:40]!r}")
        yield f":{line}", _flat(value)


def _flat(values: Mapping[str, Any], under: str = "") -> dict[str, Any]:
    """Give nested fields by their path: ``owner.name``; ``links[].url`` gathers a field of each item of a list."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        path = f"{under}{key}"
        if isinstance(value, Mapping):
            found |= _flat(value, f"{path}.")
        elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
            for item in value:
                for below, text in (_flat(item, f"{path}[].") if isinstance(item, Mapping) else {path: item}).items():
                    found.setdefault(below, []).extend(text if isinstance(text, list) else [text])
        else:
            found[path] = value
    return found

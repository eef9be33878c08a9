"""Makes the index of names and keys of one release: rows of the default graph in, a SQLite file out.

The file holds tables and two FTS5 indexes without content (letters in threes, words). Same quads, same rows in the same
order; the same version of SQLite then writes the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rdflib import RDF, RDFS, URIRef
from rdflib.namespace import DCTERMS, SKOS

from kg.search.identifiers import KEY_PROPERTIES, Key, of_address, of_property
from kg.search.names import Form, Part, forms
from kg.store import TSV_RESULTS, Limits, Store
from kg.vocab import OSAI, PREFIXES

FILE = "search.sqlite"
ABOUT = "search.json"
FORMAT = 1

_SCHEMA = """
PRAGMA page_size = 4096;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA encoding = 'UTF-8';
CREATE TABLE class (id TEXT PRIMARY KEY, iri TEXT, name TEXT, broader TEXT, count INTEGER) WITHOUT ROWID;
CREATE TABLE property (id TEXT PRIMARY KEY, iri TEXT, name TEXT, count INTEGER) WITHOUT ROWID;
CREATE TABLE proposal (class TEXT, property TEXT, count INTEGER, PRIMARY KEY (class, property)) WITHOUT ROWID;
CREATE TABLE entity (id INTEGER PRIMARY KEY, iri TEXT, name TEXT, types TEXT, note TEXT, links INTEGER,
  national INTEGER);
CREATE TABLE label (id INTEGER PRIMARY KEY, entity INTEGER, alias INTEGER, part INTEGER, spelled TEXT,
  joined TEXT, ordered TEXT, core TEXT);
CREATE TABLE key (type TEXT, value TEXT, entity INTEGER, PRIMARY KEY (type, value, entity)) WITHOUT ROWID;
CREATE TABLE fact (entity INTEGER, property TEXT, object INTEGER, PRIMARY KEY (entity, property, object)) WITHOUT ROWID;
CREATE TABLE value (entity INTEGER, property TEXT, text TEXT, PRIMARY KEY (entity, property, text)) WITHOUT ROWID;
CREATE TABLE replaced (old TEXT PRIMARY KEY, new TEXT) WITHOUT ROWID;
CREATE TABLE word (word TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;
CREATE TABLE three (three TEXT PRIMARY KEY, count INTEGER) WITHOUT ROWID;
CREATE VIRTUAL TABLE letters USING fts5(joined, tokenize = 'trigram', content = '', columnsize = 0, detail = none);
CREATE VIRTUAL TABLE words USING fts5(spelled, tokenize = "unicode61 remove_diacritics 0 categories 'L* N* M* Co'",
  prefix = '1 2 3', content = '', columnsize = 0, detail = none);
"""
_INDEXES = """
CREATE UNIQUE INDEX entity_iri ON entity (iri);
CREATE INDEX label_joined ON label (joined);
CREATE INDEX label_ordered ON label (ordered) WHERE ordered IS NOT NULL;
CREATE INDEX label_core ON label (core) WHERE core IS NOT NULL;
CREATE INDEX label_entity ON label (entity);
CREATE INDEX key_entity ON key (entity);
CREATE INDEX fact_object ON fact (object, property);
"""

# An FTS5 table without content is given the number of the row and its text.
_CONTENTLESS = {"letters": "(rowid, joined)", "words": "(rowid, spelled)"}

# What an entity of the index may be: below {base}id/, but for what only carries others, and concepts.
_LEFT_OUT = frozenset({"node", "obs", "record", "run", "situation", "snapshot", "statement"})
_NAMES = (OSAI.name, SKOS.prefLabel, OSAI.claim)
_ALIASES = (SKOS.altLabel, SKOS.hiddenLabel, OSAI.displayValue)
# What tells things apart beside names and keys, which have tables of their own: literals, and other things.
_VALUES = (OSAI.foundedYear, OSAI.dateText, OSAI.modelType, OSAI.modelArchitecture)
_FACTS = (
    *(OSAI.currentHost, OSAI.everMemberOf, OSAI.everStewardedBy, OSAI.hasRepository, OSAI.inCountry, OSAI.inSector),
    *(OSAI.producedBy, OSAI.publishedBy, OSAI.releasedBy, OSAI.subOrganizationOf, OSAI.succeededBy),
    *(OSAI.underLicence, OSAI.underUmbrellaOf, OSAI.withinOrganization, DCTERMS.isPartOf, DCTERMS.subject),
    *(SKOS.broader, SKOS.inScheme),
)
_LIMITS = Limits(seconds=600, bytes=1 << 30, memory=1 << 33)
_LANGUAGES = ("en", "")
# A project with more repositories is called by none of them; and none is called by these.
_FEW_REPOSITORIES = 3
_SAY_NOTHING = frozenset({"community", "core", "docs", "documentation", "main", "project", "spec", "website"})
_ESCAPE = re.compile(r"\\(.)")
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r"}
_DIGESTED = 10_000  # rows hashed and written at a time


class _Term(NamedTuple):
    """One term of a row: its text and, of a literal with a language, which."""

    text: str
    language: str = ""


@dataclass(slots=True)
class _Entity:
    """What is gathered of one thing before it is written."""

    names: dict[URIRef, list[_Term]] = field(default_factory=lambda: defaultdict(list))
    aliases: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    keys: set[Key] = field(default_factory=set)
    facts: set[tuple[str, str]] = field(default_factory=set)
    values: set[tuple[str, str]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """The name it goes by: ours, else the preferred label in English, else the claim of a finding."""
        for predicate in _NAMES:
            said = sorted(self.names.get(predicate, ()), key=lambda one: (_rank(one.language), one.text))
            if said:
                return said[0].text
        return ""


def _rank(language: str) -> int:
    return _LANGUAGES.index(language) if language in _LANGUAGES else len(_LANGUAGES)


def _solutions(store: Store, query: str) -> Iterator[list[_Term]]:
    """Ask for rows in which every variable is bound. Reads TSV: a third of the time of terms as objects.

    Source: SPARQL 1.1 Query Results CSV and TSV Formats, section 4.
    """
    with store.answer(query, TSV_RESULTS, limits=_LIMITS, trusted=True) as answer:
        lines = answer.read().decode().split("\n")
    for line in lines[1:]:
        if line:
            yield [_term(cell) for cell in line.split("\t")]


def _term(cell: str) -> _Term:
    if cell.startswith("<"):
        return _Term(cell[1:-1])
    if not cell.startswith('"'):
        return _Term(cell)  # a number, spelled bare
    end = cell.rindex('"')
    text = cell[1:end]
    if "\\" in text:
        text = _ESCAPE.sub(lambda found: _ESCAPES.get(found[1], found[1]), text)
    tail = cell[end + 1 :]
    return _Term(text, tail[1:] if tail.startswith("@") else "")


def short(iri: str) -> str:
    """Give the identifier of a class or property: the name of a term of ours, a CURIE of another, else the IRI.

    >>> short("https://w3id.org/osai-kg/ontology#Project"), short("http://www.w3.org/2004/02/skos/core#Concept")
    ('Project', 'skos:Concept')
    """
    for prefix, namespace in PREFIXES.items():
        if iri.startswith(namespace) and len(iri) > len(namespace):
            rest = iri[len(namespace) :]
            return rest if prefix == "osai" else f"{prefix}:{rest}"
    return iri


def make(folder: Path, store: Store, *, base: str) -> Mapping[str, int]:
    """Write the index of a store into ``folder``: ``search.sqlite``, and ``search.json`` that says what it holds.

    ``search.json`` has the hash of the rows: it, not the bytes of the file, says whether two indexes are one, because
    the bytes depend on the version of SQLite too. Reads the default graph and ``graph/links/replaced``; holds names and
    keys in memory, about 2 kB an entity. Gives how many rows each table has.
    """
    tables = _Tables.read(store, base)
    path = folder / FILE
    path.unlink(missing_ok=True)
    digest, counts = hashlib.sha256(f"{FORMAT}".encode()), Counter[str]()
    database = sqlite3.connect(path, isolation_level=None)
    try:
        database.executescript(_SCHEMA)
        database.execute("BEGIN")
        for table, rows in tables.rows():
            columns = _CONTENTLESS.get(table, "")
            for some in _batches(rows):
                marks = ", ".join("?" * len(some[0]))
                database.executemany(f"INSERT INTO {table} {columns} VALUES ({marks})", some)  # noqa: S608  (ours)
                digest.update(f"{table} {some}".encode())
                counts[table] += len(some)
        database.execute("COMMIT")
        database.executescript(f"{_INDEXES} PRAGMA user_version = {FORMAT};")
        for table in ("letters", "words"):
            database.execute(f"INSERT INTO {table} ({table}) VALUES ('optimize')")  # noqa: S608
        database.execute("VACUUM")
    finally:
        database.close()
    about = {"format": FORMAT, "rows": dict(sorted(counts.items())), "sha256": digest.hexdigest()}
    (folder / ABOUT).write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return counts


def _batches(rows: Iterable[tuple[Any, ...]]) -> Iterator[list[tuple[Any, ...]]]:
    waiting = iter(rows)
    while some := list(islice(waiting, _DIGESTED)):
        yield some


class _Tables:
    """What is known of the things of one store, in rows."""

    def __init__(self, base: str) -> None:
        self.base = base
        self.entities: dict[str, _Entity] = {}
        self.classes: dict[str, set[str]] = {}
        self.term_names: dict[str, str] = {str(SKOS.Concept): "concept"}
        self.class_counts: Counter[str] = Counter()
        self.proposals: Counter[tuple[str, str]] = Counter()
        self.links: Counter[str] = Counter()
        self.replaced: dict[str, str] = {}

    @classmethod
    def read(cls, store: Store, base: str) -> _Tables:
        """Ask a store for all that the index holds."""
        tables = cls(base)
        tables._read_names(store)
        tables._read_ontology(store)
        tables._read_values(store)
        graph = f"{base}graph/links/replaced"
        for old, new in _solutions(store, f"SELECT ?s ?o {{ GRAPH <{graph}> {{ ?s <{DCTERMS.isReplacedBy}> ?o }} }}"):
            tables.replaced[old.text] = new.text
        return tables

    def _read_names(self, store: Store) -> None:
        for predicate in _NAMES:
            for thing, name in _solutions(store, f"SELECT ?s ?o {{ ?s <{predicate}> ?o }}"):
                if self._counts(thing.text):
                    self.entities.setdefault(thing.text, _Entity()).names[predicate].append(name)
        for predicate in _ALIASES:
            for thing, name in _solutions(store, f"SELECT ?s ?o {{ ?s <{predicate}> ?o }}"):
                if found := self.entities.get(thing.text):
                    found.aliases.add(name.text)
        # A repository goes by its address; names of its own are rare.
        for (thing,) in _solutions(store, f"SELECT ?s {{ ?s a <{OSAI.Repository}> }}"):
            if self._counts(thing.text):
                self.entities.setdefault(thing.text, _Entity())

    def _counts(self, iri: str) -> bool:
        if not iri.startswith(self.base):
            return False
        kind, _, rest = iri[len(self.base) :].partition("/")
        return kind == "concept" or (kind == "id" and rest.partition("/")[0] not in _LEFT_OUT and "/span/" not in rest)

    def _read_ontology(self, store: Store) -> None:
        for kind, upper in _solutions(store, f"SELECT ?s ?o {{ ?s <{RDFS.subClassOf}> ?o FILTER(isIRI(?o)) }}"):
            self.classes.setdefault(kind.text, set()).add(upper.text)
        labels = f"SELECT ?s ?o {{ GRAPH <{self.base}graph/ontology> {{ ?s <{RDFS.label}> ?o }} }}"
        for term, label in _solutions(store, labels):
            if label.language in _LANGUAGES:
                self.term_names[term.text] = label.text
        for thing, kind in _solutions(store, "SELECT ?s ?o { ?s a ?o }"):
            if found := self.entities.get(thing.text):
                found.types.add(kind.text)

    def _read_values(self, store: Store) -> None:
        read = {*map(str, (*_VALUES, *_FACTS)), *KEY_PROPERTIES}
        values, facts = set(map(str, _VALUES)), set(map(str, _FACTS))
        for predicate in sorted(read):
            for thing, value in _solutions(store, f"SELECT ?s ?o {{ ?s <{predicate}> ?o }}"):
                found = self.entities.get(thing.text)
                if found is None:
                    continue
                if predicate in facts and value.text in self.entities:
                    found.facts.add((predicate, value.text))
                elif predicate in values:
                    found.values.add((short(predicate), value.text))
                found.keys.update(of_property(predicate, value.text, base=self.base))
        for iri, held in self.entities.items():
            place = iri[len(self.base) :]
            if place.startswith("id/repository/"):
                held.keys.update(of_address(f"https://{place.removeprefix('id/repository/')}"))
        ids = f'FILTER(isIRI(?o) && STRSTARTS(STR(?o), "{self.base}"))'
        for thing, count in _solutions(store, f"SELECT ?o (COUNT(*) AS ?n) {{ ?s ?p ?o {ids} }} GROUP BY ?o"):
            if thing.text in self.entities:
                self.links[thing.text] = int(count.text)
        used = "SELECT ?t ?p (COUNT(DISTINCT ?s) AS ?n) { ?s a ?t ; ?p ?o } GROUP BY ?t ?p"
        mine = {kind for found in self.entities.values() for kind in found.types}
        for kind, name, count in _solutions(store, used):
            if kind.text in mine and name.text != str(RDF.type):
                self.proposals[kind.text, name.text] = int(count.text)

    # --- rows ---------------------------------------------------------------------------------------------------------

    def rows(self) -> Iterator[tuple[str, Iterable[tuple[Any, ...]]]]:
        """Give each table with its rows, in the one order that the file is written in."""
        numbers = {iri: number for number, iri in enumerate(sorted(self.entities), start=1)}
        leaves = {iri: self._leaves(found.types) for iri, found in self.entities.items()}
        for found in self.entities.values():
            self.class_counts.update(found.types)
        in_use = set(self.class_counts)
        yield (
            "class",
            [
                (short(iri), iri, self._term_name(iri), self._broader(iri, in_use), self.class_counts[iri])
                for iri in sorted(in_use, key=short)
            ],
        )
        most: Counter[str] = Counter()
        for (_, predicate), count in self.proposals.items():
            most[predicate] = max(most[predicate], count)
        yield (
            "property",
            [
                (short(iri), iri, self._term_name(iri), count)
                for iri, count in sorted(most.items(), key=lambda item: short(item[0]))
                if short(iri) != iri
            ],
        )
        yield (
            "proposal",
            [
                (short(kind), short(predicate), count)
                for (kind, predicate), count in sorted(self.proposals.items())
                if short(predicate) != predicate
            ],
        )
        yield (
            "entity",
            [
                (
                    number,
                    iri,
                    self.entities[iri].name or iri[len(self.base) :].removeprefix("id/repository/"),
                    " ".join(leaves[iri]),
                    self._note(iri, leaves[iri]),
                    self.links[iri],
                    int(self._is_national(self.entities[iri].name)),
                )
                for iri, number in numbers.items()
            ],
        )
        labels = list(self._labels(numbers))
        yield (
            "label",
            [
                (
                    at,
                    entity,
                    alias,
                    int(form.part),
                    form.spelled,
                    form.joined,
                    form.ordered if form.ordered != form.spelled else None,
                    core if (core := form.shortened) != form.joined else None,
                )
                for at, (entity, alias, form) in enumerate(labels, start=1)
            ],
        )
        yield (
            "key",
            sorted((key.type, key.value, numbers[iri]) for iri, found in self.entities.items() for key in found.keys),
        )
        yield (
            "fact",
            sorted(
                {
                    (numbers[iri], short(predicate), numbers[target])
                    for iri, found in self.entities.items()
                    for predicate, target in found.facts
                }
            ),
        )
        yield (
            "value",
            sorted(
                {
                    (numbers[iri], predicate, text)
                    for iri, found in self.entities.items()
                    for predicate, text in found.values
                }
            ),
        )
        yield "replaced", sorted(self.replaced.items())
        words: Counter[str] = Counter()
        threes: Counter[str] = Counter()
        for _, _, form in labels:
            words.update(set(form.words))
            threes.update({form.joined[at : at + 3] for at in range(len(form.joined) - 2)})
        yield "word", sorted(words.items())
        yield "three", sorted(threes.items())
        yield "letters", [(at, form.joined) for at, (_, _, form) in enumerate(labels, start=1)]
        yield "words", [(at, form.spelled) for at, (_, _, form) in enumerate(labels, start=1)]

    def _labels(self, numbers: Mapping[str, int]) -> Iterator[tuple[int, int, Form]]:
        """Give the forms of each thing's names, the name's before the aliases', no words twice."""
        for iri, number in numbers.items():
            found = self.entities[iri]
            others = {one.text for said in found.names.values() for one in said} | found.aliases
            seen: set[tuple[str, ...]] = set()
            if iri.startswith(f"{self.base}id/repository/"):
                continue  # found by address alone: its project has the name
            for alias, name in (
                (0, found.name),
                *((1, name) for name in sorted(others - {found.name})),
                *((2, name) for name in self._repository_names(iri)),
            ):
                said = forms(name)
                national = self._is_national(name)
                for form in said:
                    if form.words in seen or (form.part is Part.INSIDE and form.words in self._countries):
                        continue
                    seen.add(form.words)
                    yield number, alias, _further(form) if form.part is Part.OUTSIDE and national else form

    @cached_property
    def _countries(self) -> frozenset[tuple[str, ...]]:
        """The names of economies, whole and as far as an "of" ("United States of America"), in words."""
        economies = (found for iri, found in self.entities.items() if iri.startswith(f"{self.base}id/economy/"))
        said = [form.words for found in economies for name in (found.name, *found.aliases) for form in forms(name)]
        return frozenset(said) | {words[: words.index("of")] for words in said if "of" in words[1:]}

    def _is_national(self, name: str) -> bool:
        """Tell whether a country stands in brackets: ROR names its record of a company in one country so.

        Such a record is another thing than the company (judgements, rule 1).
        """
        return any(form.part is Part.INSIDE and form.words in self._countries for form in forms(name))

    def _repository_names(self, iri: str) -> list[str]:
        """Give what a project is called by its repository, alone and with the account, where it has but a few."""
        held = sorted(key.value for key in self.entities[iri].keys if key.type == "repository")
        if not iri.startswith(f"{self.base}id/project/") or len(held) > _FEW_REPOSITORIES:
            return []
        names = []
        for address in held:
            steps = address.split("/")
            if len(steps) == 3 and len(steps[2]) > 2 and steps[2] not in _SAY_NOTHING:
                names += [steps[2], f"{steps[1]} {steps[2]}"]
        return names

    def _leaves(self, types: set[str]) -> list[str]:
        """Give the narrowest classes of a thing by identifier."""
        above = {upper for kind in types for upper in self._above(kind)}
        return sorted(short(kind) for kind in types - above)

    def _above(self, kind: str) -> set[str]:
        found: set[str] = set()
        waiting = [kind]
        while waiting:
            for upper in self.classes.get(waiting.pop(), ()):
                if upper != kind and upper not in found:
                    found.add(upper)
                    waiting.append(upper)
        return found

    def _broader(self, iri: str, in_use: set[str]) -> str:
        """Give the classes directly above one, among those that have members, by identifier."""
        above = {upper for upper in self._above(iri) if upper in in_use}
        higher = {other for upper in above for other in self._above(upper)}
        return " ".join(sorted(short(upper) for upper in above - higher))

    def _term_name(self, iri: str) -> str:
        return self.term_names.get(iri) or _spaced(short(iri).rpartition(":")[2])

    def _note(self, iri: str, leaves: list[str]) -> str:
        """Say what tells a thing from its namesakes: kind, country, home page, founding year."""
        found = self.entities[iri]
        names = {short(kind): self._term_name(kind) for kind in found.types}
        said = [", ".join(names.get(kind, kind) for kind in leaves[:2])]
        countries = sorted(self.entities[to].name for predicate, to in found.facts if predicate == str(OSAI.inCountry))
        said += countries[:1]
        hosts = sorted({key.value.partition("/")[0] for key in found.keys if key.type == "homepage"})
        said += hosts[:1]
        said += [f"since {text}" for predicate, text in sorted(found.values) if predicate == "foundedYear"][:1]
        if iri.startswith(f"{self.base}concept/"):
            said += [f"{iri[len(self.base) :].split('/')[1]} {iri.rpartition('/')[2]}"]
        return " · ".join(part for part in said if part)


def _further(form: Form) -> Form:
    return Form(form.words, Part.INSIDE)


def _spaced(name: str) -> str:
    """Write a name in camel case as words.

    >>> _spaced("memberOf")
    'member of'
    """
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()

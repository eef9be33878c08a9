"""The index of names and keys of a release: search, look-up by any key, and candidates with a score and reasons.

Opened read-only beside the release; knows no HTTP and no store. ``making`` writes it, ``names`` holds the laws of
likeness, ``identifiers`` the spelling of keys.
"""

from __future__ import annotations

import math
import re
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from kg.errors import ReleaseError
from kg.search import identifiers
from kg.search.making import ABOUT, FILE, FORMAT, make, short
from kg.search.names import (
    SHARED,
    SURE,
    Form,
    Likeness,
    Part,
    forms,
    likeness,
    slip,
    slips_allowed,
    without_slipped_end,
)
from kg.vocab import PREFIXES

__all__ = ["ABOUT", "FILE", "Answer", "Candidate", "Hit", "Index", "Property", "Wanted", "make", "short"]

# A match stands this far before the next candidate, or it is none.
_MARGIN = 3.0
# A thing that a name is the name of is meant before one that is also called so, and that before its repository's.
_ALIAS = 3.0
# A key that more things share says nothing of any of them: the host of a forge, say.
_MOST_SHARED = 25
_FEW_REPOSITORIES = 3
# A word that this many names hold is meant as it is written.
_KNOWN = 3
_MOST_SHARING = 200  # labels that share a word, looked at for near misses
_PLACE = re.compile(r"(?:id|concept|graph|ontology)(?:/|#).+")


@dataclass(frozen=True, slots=True)
class Hit:
    """One thing that a search found. ``kind`` is its narrowest class by name, ``note`` tells it from namesakes."""

    iri: str
    name: str
    kind: str
    note: str
    score: float = 0.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One thing that may be meant: how surely, out of 100, and why. ``match`` only where it is sure."""

    iri: str
    name: str
    types: tuple[str, ...]
    note: str
    score: float
    why: str
    match: bool = False
    features: Mapping[str, float | bool] = field(default_factory=dict)

    def as_json(self) -> dict[str, object]:
        """Give the candidate as plain values."""
        return {
            "iri": self.iri,
            "name": self.name,
            "types": list(self.types),
            "description": self.note,
            "strength": self.score,
            "why": self.why,
            "sure": self.match,
        }


@dataclass(frozen=True, slots=True)
class Wanted:
    """A property that what is meant should have, and the values that would fit: texts, or IRIs of things."""

    property: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a key leads to. ``found`` is empty, one thing, or several that share the key; ``near`` is what else."""

    key: str
    found: tuple[Candidate, ...] = ()
    near: tuple[Candidate, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Give the answer as plain values."""
        return {
            "key": self.key,
            "found": [one.as_json() for one in self.found],
            "near": [one.as_json() for one in self.near],
        }


@dataclass(frozen=True, slots=True)
class Property:
    """A class or property of the graph: identifier, IRI, name, how many things have it, and what is above it."""

    id: str
    iri: str
    name: str
    count: int
    broader: tuple[str, ...] = ()


@dataclass(slots=True)
class _Found:
    """What is known of one candidate while a query is answered."""

    number: int
    likeness: Likeness
    alias: int  # 0: the name; 1: another name; 2: the name of a repository

    @property
    def worth(self) -> float:
        """The likeness, less for every step from the name itself."""
        return self.likeness.score - _ALIAS * self.alias


class Index:
    """The names and keys of one release. One connection for each thread; the file never changes."""

    def __init__(self, path: Path, *, base: str) -> None:
        self._address = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        self._base = base
        self._local = threading.local()
        self._connections: list[sqlite3.Connection] = []
        try:
            (version,) = self._one("PRAGMA user_version") or (0,)
        except sqlite3.Error as error:
            raise ReleaseError(f"{path.name} cannot be read ({error}); build the release again") from error
        if version != FORMAT:
            raise ReleaseError(
                f"{path.name} has format {version}, this version reads {FORMAT}; build the release again"
            )
        self.classes = {row[0]: Property(row[0], row[1], row[2], row[4], tuple(row[3].split()))
                        for row in self._all("SELECT id, iri, name, broader, count FROM class")}  # fmt: skip
        self.properties = {row[0]: Property(*row) for row in self._all("SELECT id, iri, name, count FROM property")}
        self._below: dict[str, frozenset[str]] = {}
        self._known = lru_cache(maxsize=4096)(self._ask_known)
        self._rarity = lru_cache(maxsize=65536)(self._ask_rarity)

    @classmethod
    def open(cls, path: Path, *, base: str) -> Index | None:
        """Open the index of a release, given its directory or the file itself; None where it has none.

        Raises ReleaseError where it is one that this version cannot read.
        """
        file = path / FILE if path.is_dir() else path
        return cls(file, base=base) if file.is_file() else None

    # --- search -------------------------------------------------------------------------------------------------------

    def search(self, text: str, kind: str | None = None, limit: int = 20, *, skip: int = 0) -> list[Hit]:
        """Find things by a key, a name, words of a name or the beginning of one, the likeliest first.

        ``kind`` is a class by identifier: its members alone.
        """
        kinds = self._members(kind) if kind else None
        ranked: dict[int, float] = {}
        for number, strength, _ in self._by_key(text):
            ranked[number] = 1000 + strength
        wanted = forms(text)
        named: dict[int, _Found] = {}
        for found in self._exact(wanted):
            _keep(named, found)
        for number, found in named.items():
            ranked.setdefault(number, 500 + found.worth)
        if wanted:
            letters = wanted[0].joined
            for number, links, spelled, alias in self._beginning(wanted[0].words):
                close = fuzz.ratio(letters, spelled.replace(" ", "")) / 100
                begins = 0.3 if spelled.startswith(wanted[0].spelled) else 0.0
                rank = 100 * (close + begins) + 6 * math.log1p(links) - 10 * alias
                ranked[number] = max(ranked.get(number, 0.0), rank)
            if len(ranked) < limit:
                for found in self._slips(wanted):
                    ranked[found.number] = max(ranked.get(found.number, -100.0), found.worth - 100)
        hits = []
        for number, iri, name, types, note, links in self._entities(ranked):
            leaves = types.split()
            if kinds is None or not kinds.isdisjoint(leaves):
                kind_name = self._kind(leaves)
                hits.append(Hit(iri, name, kind_name, note, round(ranked[number] + math.log1p(links) / 10, 3)))
        hits.sort(key=lambda hit: (-hit.score, hit.name, hit.iri))
        return hits[skip : skip + limit]

    def _kind(self, leaves: Sequence[str]) -> str:
        known = [self.classes[leaf] for leaf in leaves if leaf in self.classes]
        return min(known, key=lambda one: (-one.count, one.id)).name if known else ""

    # --- look-up ------------------------------------------------------------------------------------------------------

    def lookup(self, key: str, *, near: int = 5) -> Answer:
        """Find what a key means: an identifier, an address, a domain, a CURIE, one of our IRIs, or else a name.

        Where several things share the strongest key, all of them are found; a name finds only where it is a match.
        """
        text = " ".join(key.split())
        if not text:
            return Answer(key)
        keyed = self._by_key(text)
        if keyed:
            best = max(strength for _, strength, _ in keyed)
            answers = [(number, strength, why) for number, strength, why in keyed if strength == best]
            rest = [(number, strength, why) for number, strength, why in keyed if strength < best]
            if best < SURE:
                return Answer(key, (), tuple(self._candidates(keyed)[:near]))
            found = self._candidates(answers, match=len(answers) == 1)
            return Answer(key, tuple(found), tuple(self._candidates(rest)[:near]))
        if found_iri := self._term(text):
            return Answer(key, (found_iri,))
        by_name = self.candidates(text, limit=near + 1)
        sure = [one for one in by_name if one.match]
        return Answer(key, tuple(sure), tuple(one for one in by_name if not one.match)[:near])

    def _candidates(self, keyed: Iterable[tuple[int, float, str]], *, match: bool = False) -> list[Candidate]:
        by_number = {number: (strength, why) for number, strength, why in keyed}
        return [
            Candidate(iri, name, tuple(types.split()), note, by_number[number][0], by_number[number][1], match)
            for number, iri, name, types, note, _ in sorted(
                self._entities(by_number), key=lambda row: (-by_number[row[0]][0], -row[5], row[1])
            )
        ]

    def _term(self, text: str) -> Candidate | None:
        """Find a class or property by its IRI or CURIE."""
        iri = self._expanded(text)
        for kind, terms in (("class", self.classes), ("property", self.properties)):
            for term in terms.values():
                if term.iri == iri:
                    return Candidate(iri, term.name, (kind,), f"{term.count:,} uses", 100.0, "same IRI", match=True)
        return None

    def _expanded(self, text: str) -> str:
        """Give the IRI that a text is, spelled out, as a CURIE or as a path below the base."""
        text = text.strip().removeprefix("<").removesuffix(">")
        prefix, colon, rest = text.partition(":")
        if colon and prefix in PREFIXES and not rest.startswith("//"):
            return PREFIXES[prefix] + rest
        path = text.lstrip("/")
        for under in ("page/", "data/"):
            if path.startswith(under):
                path = path.removeprefix(under)
                path = path if path.startswith(("concept/", "graph/")) else f"id/{path}"
        return self._base + path if _PLACE.fullmatch(path) else text

    def _by_key(self, text: str) -> list[tuple[int, float, str]]:
        """Give the things with a key that the text may be: number, strength and why, each thing once, best first."""
        iri = self._expanded(text)
        if row := self._one("SELECT id FROM entity WHERE iri = ?", iri):
            return [(row[0], 100.0, "same IRI")]
        if (row := self._one("SELECT new FROM replaced WHERE old = ?", iri)) and (
            now := self._one("SELECT id FROM entity WHERE iri = ?", row[0])
        ):
            return [(now[0], 100.0, "the IRI was replaced by this one")]
        found: dict[int, tuple[float, str]] = {}
        for reading in identifiers.read(text):
            numbers = [row[0] for row in self._all("SELECT entity FROM key WHERE type = ? AND value = ?", *reading.key)]
            if len(numbers) > _MOST_SHARED:
                continue
            for number in numbers:
                strength = reading.strength
                if self._national(number):
                    strength -= 2 * _MARGIN  # the company itself before its record of a country, which has its keys
                if reading.key.type == "repository" and self._repositories(number) > _FEW_REPOSITORIES:
                    strength -= 2 * _MARGIN  # one of many: what has it alone is meant first
                if number not in found or found[number][0] < strength:
                    found[number] = (strength, reading.why)
        best = sorted(((number, *said) for number, said in found.items()), key=lambda row: (-row[1], row[0]))
        return self._whole_before_part(best)

    def _national(self, number: int) -> bool:
        row = self._one("SELECT national FROM entity WHERE id = ?", number)
        return bool(row and row[0])

    def _repositories(self, number: int) -> int:
        row = self._one("SELECT COUNT(*) FROM key WHERE entity = ? AND type = 'repository'", number)
        return int(row[0])

    def _whole_before_part(self, keyed: list[tuple[int, float, str]]) -> list[tuple[int, float, str]]:
        """Put what owns a repository before the repository itself, which has the same address."""
        if len(keyed) < 2:
            return keyed
        types = {row[0]: row[3].split() for row in self._entities([number for number, *_ in keyed])}
        owners = [row for row in keyed if "Repository" not in types[row[0]]]
        if not owners:
            return keyed
        parts = [(number, strength - 1, why) for number, strength, why in keyed if "Repository" in types[number]]
        return sorted([*owners, *parts], key=lambda row: (-row[1], row[0]))

    # --- candidates ---------------------------------------------------------------------------------------------------

    def candidates(
        self,
        query: str,
        *,
        types: Sequence[str] = (),
        wanted: Sequence[Wanted] = (),
        limit: int = 10,
        strict: bool = True,
    ) -> list[Candidate]:
        """Give what a name or key may mean, best first, and say whether the first is surely meant.

        ``types`` are classes by identifier: members of one of them come alone, or, where ``strict`` is false, before
        others. ``wanted`` are properties that agree or not: what disagrees falls behind and is no match.
        """
        found: dict[int, _Found] = {}
        text = " ".join(query.split())
        for number, strength, why in self._by_key(text) if text else ():
            found[number] = _Found(number, Likeness(strength, why), alias=0)
        names = forms(text)
        allowed = self._members_of(types) if types else None
        for one in self._exact(names):
            _keep(found, one)
        best = self._best(found.values(), allowed)
        if best < SURE and names:
            for one in self._slips(names):
                _keep(found, one)
        if len(found) < limit and names:
            for one in self._sharing(names, limit):
                found.setdefault(one.number, one)
        if not text and wanted:
            for number in self._having(wanted):
                found[number] = _Found(number, Likeness(SHARED, "has the properties"), alias=0)
        return self._judged(found, allowed, wanted, limit=limit, strict=strict, by_name=bool(text))

    def _best(self, found: Iterable[_Found], allowed: frozenset[str] | None) -> float:
        scored = {one.number: one.likeness.score for one in found}
        if allowed is None or not scored:
            return max(scored.values(), default=0.0)
        return max(
            (scored[row[0]] for row in self._entities(scored) if not allowed.isdisjoint(row[3].split())), default=0.0
        )

    def _judged(
        self,
        found: Mapping[int, _Found],
        allowed: frozenset[str] | None,
        wanted: Sequence[Wanted],
        *,
        limit: int,
        strict: bool,
        by_name: bool,
    ) -> list[Candidate]:
        meant = [self._meant(one) for one in wanted]
        rows = []
        for number, iri, name, leaves, note, links in self._entities(found):
            one = found[number]
            fits = allowed is None or not allowed.isdisjoint(leaves.split())
            if strict and not fits:
                continue
            score = one.worth - (0.0 if fits else 20.0)
            features: dict[str, float | bool] = {"name": round(one.likeness.score, 1), "links": links}
            if allowed is not None:
                features["type"] = fits
            agreed = [self._agrees(number, each, values) for each, values in zip(wanted, meant, strict=True)]
            for each, agrees in zip(wanted, agreed, strict=True):
                if agrees is not None:
                    features[each.property] = agrees
                    # What is said otherwise weighs more than what is said alike: few names are shared, many countries.
                    score = score + (100 - score) * 0.25 if agrees else score * 0.8
            sure = fits and one.likeness.score >= SURE and not any(agrees is False for agrees in agreed)
            if not by_name:
                sure = bool(agreed) and all(agrees is True for agrees in agreed)
            made = Candidate(iri, name, tuple(leaves.split()), note, round(score, 2), one.likeness.why, sure, features)
            rows.append((-made.score, -links, iri, made))
        rows.sort(key=lambda row: row[:3])
        ordered = [row[3] for row in rows[: max(limit, 2)]]
        second = ordered[1].score if len(ordered) > 1 else 0.0
        return [
            replace(one, match=one.match and at == 0 and one.score - second >= _MARGIN)
            for at, one in enumerate(ordered[:limit])
        ]

    def _exact(self, wanted: Sequence[Form]) -> Iterator[_Found]:
        """Give the things one of whose names equals a form: as spelled, as letters, as words or in its core."""
        for form in wanted:
            rows = self._all(
                "SELECT entity, alias, part, spelled FROM label WHERE joined IN (?, ?, ?) "
                "UNION SELECT entity, alias, part, spelled FROM label WHERE ordered = ? "
                "UNION SELECT entity, alias, part, spelled FROM label WHERE core IN (?, ?) LIMIT 500",
                # A label whose words are in order already, or that has no general word, keeps but its letters.
                *(form.joined, form.core, form.ordered.replace(" ", ""), form.ordered, form.joined, form.core),
            )
            for entity, alias, part, spelled in rows:
                found = likeness(form, Form(tuple(spelled.split()), Part(part)))
                if found:
                    yield _Found(entity, found, alias)

    def _slips(self, wanted: Sequence[Form]) -> Iterator[_Found]:
        """Give the things whose name is a form with slips of the pen.

        A slip touches at most four threes of letters, so of nine rare ones in a form with two slips one is unharmed.
        """
        for form in wanted:
            if meant := without_slipped_end(form, self._known):
                for one in self._exact([meant]):
                    yield replace(
                        one, likeness=Likeness(one.likeness.score - 12, "same name but for a slip at its end")
                    )
            letters = form.joined
            most = slips_allowed(letters)
            if not most:
                continue
            threes = sorted({letters[at : at + 3] for at in range(len(letters) - 2)})
            rare = sorted(filter(self._rarity, threes), key=lambda three: (self._rarity(three), three))
            chosen = rare[: 4 * most + 1]
            if not chosen:
                continue
            asked = " OR ".join('"{}"'.format(three.replace('"', '""')) for three in chosen)
            rows = self._all(
                "SELECT entity, alias, part, spelled, joined FROM label WHERE id IN "
                "(SELECT rowid FROM letters WHERE letters MATCH ?) AND length(joined) BETWEEN ? AND ?",
                *(asked, len(letters) - most, len(letters) + most),
            )
            close = process.extract(
                letters, [row[4] for row in rows], scorer=OSA.distance, score_cutoff=most, limit=None, processor=None
            )
            for _, _, at in close:
                entity, alias, part, spelled, _ = rows[at]
                found = slip(form, Form(tuple(spelled.split()), Part(part)), self._known)
                if found:
                    yield _Found(entity, found, alias)

    def _sharing(self, wanted: Sequence[Form], limit: int) -> list[_Found]:
        """Give the things whose names share the rarest words of the name: never matches."""
        whole = wanted[0]
        rare = sorted((count, word) for word in set(whole.words) if 0 < (count := self._count(word)) <= 2000)
        found: dict[int, _Found] = {}
        for _, word in rare[:3]:
            for entity, alias, spelled in self._all(
                "SELECT entity, alias, spelled FROM label WHERE id IN "
                "(SELECT rowid FROM words WHERE words MATCH ? LIMIT ?)",
                *(f'"{word}"', _MOST_SHARING),
            ):
                alike = fuzz.token_set_ratio(whole.spelled, spelled) * 0.4 + fuzz.ratio(whole.spelled, spelled) * 0.3
                one = _Found(entity, Likeness(min(alike, SHARED), "shares words"), alias)
                _keep(found, one)
        best = sorted(found.values(), key=lambda one: (-one.likeness.score, one.number))
        return [one for one in best[:limit] if one.likeness.score >= 30]

    def _beginning(self, words: Sequence[str]) -> list[tuple[int, int, str, int]]:
        """Give the labels that hold all words, the last of them as the beginning of one."""
        *whole, last = words
        asked = " ".join([*(f'"{word}"' for word in whole), f'"{last}" *'])
        return self._all(
            "SELECT label.entity, entity.links, label.spelled, label.alias FROM label JOIN entity ON entity.id = "
            "label.entity WHERE label.id IN (SELECT rowid FROM words WHERE words MATCH ?) "
            "ORDER BY entity.links DESC, entity.id LIMIT 400",
            asked,
        )

    # --- evidence -----------------------------------------------------------------------------------------------------

    def _meant(self, wanted: Wanted) -> tuple[frozenset[int], frozenset[str], frozenset[identifiers.Key]]:
        """Give what the values of a wanted property may be: things, texts and keys."""
        things: set[int] = set()
        keys: set[identifiers.Key] = set()
        for value in wanted.values:
            things.update(number for number, _, _ in self._by_key(value))
            things.update(one.number for one in self._exact(forms(value)) if one.likeness.score >= 95)
            if re.fullmatch(r"[A-Za-z]{2}", value):
                economy = f"{self._base}id/economy/{value.casefold()}"
                things.update(row[0] for row in self._all("SELECT id FROM entity WHERE iri = ?", economy))
            keys.update(reading.key for reading in identifiers.read(value) if reading.strength >= 85)
        return frozenset(things), frozenset(value.strip().casefold() for value in wanted.values), frozenset(keys)

    def _agrees(
        self,
        number: int,
        wanted: Wanted,
        meant: tuple[frozenset[int], frozenset[str], frozenset[identifiers.Key]],
    ) -> bool | None:
        """Tell whether a thing has one of the values; None where it says nothing of the property."""
        things, texts, keys = meant
        objects = {row[0] for row in self._all(
            "SELECT object FROM fact WHERE entity = ? AND property = ?", number, wanted.property)}  # fmt: skip
        if objects:
            return not objects.isdisjoint(things)
        said = {row[0].casefold() for row in self._all(
            "SELECT text FROM value WHERE entity = ? AND property = ?", number, wanted.property)}  # fmt: skip
        if said:
            return not said.isdisjoint(texts)
        kinds = {key.type for key in keys}
        held = {identifiers.Key(*row) for row in self._all("SELECT type, value FROM key WHERE entity = ?", number)
                if row[0] in kinds} if kinds else set()  # fmt: skip
        return not held.isdisjoint(keys) if held else None

    def _having(self, wanted: Sequence[Wanted]) -> set[int]:
        """Give the things that have all wanted values, for a query without a name."""
        having: set[int] | None = None
        for one in wanted:
            things, texts, keys = self._meant(one)
            mine: set[int] = set()
            for thing in things:
                rows = self._all("SELECT entity FROM fact WHERE property = ? AND object = ?", one.property, thing)
                mine.update(row[0] for row in rows)
            for text in texts:
                asked = "SELECT entity FROM value WHERE property = ? AND text = ? COLLATE NOCASE"
                mine.update(row[0] for row in self._all(asked, one.property, text))
            for key in keys:
                mine.update(row[0] for row in self._all("SELECT entity FROM key WHERE type = ? AND value = ?", *key))
            having = mine if having is None else having & mine
        return set(sorted(having or ())[:2000])

    # --- classes and properties ---------------------------------------------------------------------------------------

    def proposals(self, kind: str, limit: int = 50) -> list[Property]:
        """Give the properties that members of a class have, those that most have first."""
        rows = self._all(
            "SELECT property FROM proposal WHERE class = ? ORDER BY count DESC, property LIMIT ?", kind, limit
        )
        return [self.properties[row[0]] for row in rows if row[0] in self.properties]

    def identify(self, terms: Mapping[str, Property], text: str) -> str | None:
        """Give the identifier of a class or property that somebody wrote as identifier, CURIE or IRI."""
        text = text.strip()
        if text in terms:
            return text
        expanded = short(self._expanded(text))
        return expanded if expanded in terms else None

    def described(self, iri: str) -> Candidate | None:
        """Give what is known of one thing by its IRI, also where that was replaced, or by its path below the base."""
        keyed = self._by_key(self._expanded(iri))
        found = self._candidates([row for row in keyed if "IRI" in row[2]], match=True)
        return found[0] if found else None

    def letters_of(self, iri: str) -> set[str]:
        """Give the letters of all forms of a thing's names."""
        rows = self._all("SELECT joined FROM label WHERE entity = (SELECT id FROM entity WHERE iri = ?)", iri)
        return {row[0] for row in rows}

    def _members(self, kind: str) -> frozenset[str]:
        """Give the identifiers of a class and of all below it."""
        if kind not in self._below:
            below = {kind}
            grown = True
            while grown:
                more = {one.id for one in self.classes.values() if not below.isdisjoint(one.broader)} - below
                grown = bool(more)
                below |= more
            self._below[kind] = frozenset(below)
        return self._below[kind]

    def _members_of(self, kinds: Iterable[str]) -> frozenset[str]:
        return frozenset().union(*(self._members(kind) for kind in kinds))

    # --- rows ---------------------------------------------------------------------------------------------------------

    def _ask_known(self, word: str) -> bool:
        return self._count(word) >= _KNOWN

    def _count(self, word: str) -> int:
        row = self._one("SELECT count FROM word WHERE word = ?", word)
        return int(row[0]) if row else 0

    def _ask_rarity(self, three: str) -> int:
        row = self._one("SELECT count FROM three WHERE three = ?", three)
        return int(row[0]) if row else 0

    def _entities(self, numbers: Iterable[int]) -> list[Any]:
        wanted = list(numbers)
        rows: list[Any] = []
        for at in range(0, len(wanted), 500):
            some = wanted[at : at + 500]
            marks = ", ".join("?" * len(some))
            rows += self._all(f"SELECT id, iri, name, types, note, links FROM entity WHERE id IN ({marks})", *some)  # noqa: S608
        return rows

    def _all(self, text: str, *values: object) -> list[Any]:
        return self._connection().execute(text, values).fetchall()

    def _one(self, text: str, *values: object) -> Any:
        return self._connection().execute(text, values).fetchone()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            found = sqlite3.connect(self._address, uri=True, isolation_level=None, check_same_thread=False)
            found.execute("PRAGMA mmap_size = 268435456")
            self._local.connection = found
            self._connections.append(found)
        return found

    def close(self) -> None:
        """Close the connections of all threads. A second call does nothing."""
        while self._connections:
            self._connections.pop().close()

    def __del__(self) -> None:
        self.close()


def _keep(found: dict[int, _Found], one: _Found) -> None:
    """Keep the best of what is known of a candidate."""
    known = found.get(one.number)
    if known is None or one.worth > known.worth:
        found[one.number] = one

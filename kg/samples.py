"""How well names find what they mean: a labelled sample of messy names, asked of the index of a release.

The sample names records by source and key (``kg/judgements/README.md``); here it is found which thing of the release a
record became. Reads the provenance of a release through its store, and the index; changes nothing.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from rdflib.namespace import PROV

from kg.keys import plain_name
from kg.search import Index, Wanted
from kg.search.names import forms
from kg.store import Limits, Store
from kg.vocab import OSAI

NAMES = Path(__file__).parent / "judgements" / "sample-names.csv"
_LIMITS = Limits(seconds=600, bytes=1 << 30, memory=1 << 33)
_KINDS = {"Organization": "org", "Project": "project", "Model": "model"}


@dataclass(frozen=True, slots=True)
class Asked:
    """One name of the sample and what should come of it: ``places`` are all records of the thing, none for "none"."""

    id: str
    query: str
    type: str
    country: str
    places: tuple[tuple[str, str], ...]
    stratum: str
    label: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one name: "found", "missed", "wrong" (another thing), "false" (a match for nothing) or "none"."""

    asked: Asked
    verdict: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Measured:
    """Precision and recall over the names that a release can answer; ``left_out`` are those whose records it lacks."""

    outcomes: tuple[Outcome, ...]
    left_out: int

    def count(self, *verdicts: str) -> int:
        """Count the outcomes of some verdicts."""
        return sum(outcome.verdict in verdicts for outcome in self.outcomes)

    @property
    def precision(self) -> float:
        """The share of matches that are right."""
        matches = self.count("found", "wrong", "false")
        return self.count("found") / matches if matches else 1.0

    @property
    def recall(self) -> float:
        """The share of names that mean something here which found it."""
        meant = self.count("found", "wrong", "missed")
        return self.count("found") / meant if meant else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of precision and recall."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def read_names(path: Path = NAMES) -> tuple[Asked, ...]:
    """Read the sample."""
    with path.open(encoding="utf-8", newline="") as stream:
        return tuple(
            Asked(
                row["id"],
                row["query"],
                row["type"],
                row["country"],
                tuple(_places(row)),
                row["stratum"],
                row["label"],
            )
            for row in csv.DictReader(stream)
        )


def _places(row: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    if row["expected_source"]:
        yield row["expected_source"], row["expected_key"]
    for other in filter(None, row["also"].split(" | ")):
        source, _, key = other.partition(" ")
        yield source, key


class Denoted:
    """Which things of a release its records became."""

    def __init__(self, store: Store, index: Index, base: str) -> None:
        self._index, self._base = index, base
        self._by_key: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._by_place: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
        self._of_record: defaultdict[str, set[str]] = defaultdict(set)
        self._sources: dict[str, set[str]] = defaultdict(set)
        under = f"{base}id/record/"
        for row in _rows(store, f"SELECT DISTINCT ?s ?o {{ ?s <{PROV.wasDerivedFrom}> ?o }}"):
            thing, record = str(row["s"]), str(row["o"])
            if record.startswith(under) and thing.removeprefix(f"{base}id/").split("/")[0] in _KINDS.values():
                self._of_record[record].add(thing)
        for predicate, into in (
            (OSAI.sourceKey, self._by_key),
            (OSAI.sourceName, self._by_key),
            (OSAI.locator, self._by_place),
        ):
            for row in _rows(store, f"SELECT ?s ?o {{ GRAPH <{base}graph/provenance> {{ ?s <{predicate}> ?o }} }}"):
                record = str(row["s"])
                if record.startswith(under):
                    source = record[len(under) :].partition("/")[0]
                    into[source, str(row["o"])].add(record)
                    self._sources[source].add(record)

    def has(self, source: str) -> bool:
        """Tell whether the release holds a source at all."""
        return source in self._sources

    def things(self, source: str, key: str, kind: str) -> set[str]:
        """Give the things that a record of a source became: by its own key or place, else by the name in the key."""
        if source == "ror":
            found = self._index.described(f"id/org/ror-{key}")
            return {found.iri} if found else set()
        key, _, _ = key.partition("#2")
        path, _, name = key.rpartition("#") if "#" in key else ("", "", key)
        name = name if source != "governance-events" else name.partition("/")[2] or name
        records: set[str] = set()
        if source.endswith("-landscape"):
            place, _, item = key.rpartition("/")
            listed = self._by_key[source, item]
            records = {one for one in listed if any(
                one in found for (at, where), found in self._places(source, f"landscape.yml#{place}["))}  # fmt: skip
            records = records or listed
            name = item
        else:
            records = self._by_key[source, key] | self._by_key[source, name] | self._by_place[source, key]
            records |= self._by_place[source, path] if path else set()
            name = name.rpartition("/")[2] if key.startswith(("producer/", "org/", "from_org/")) else name
        things = {one for record in records for one in self._of_record[record] if f"/id/{kind}/" in one}
        wanted = {form.joined for form in forms(name)}
        named = {one for one in things if self._named(one) & wanted}
        if named or (things and len(things) <= 2):
            return named or things
        everywhere = {
            one for record in self._sources[source] for one in self._of_record[record] if f"/id/{kind}/" in one
        }
        return {one for one in everywhere if plain_name(name) and self._named(one) & wanted}

    def _places(self, source: str, begins: str) -> Iterable[tuple[tuple[str, str], set[str]]]:
        return ((at, found) for at, found in self._by_place.items() if at[0] == source and at[1].startswith(begins))

    def _named(self, iri: str) -> set[str]:
        return self._index.letters_of(iri)


def _rows(store: Store, query: str) -> Iterator[Mapping[str, object]]:
    return store.rows(query, limits=_LIMITS, trusted=True)


def measure(index: Index, denoted: Denoted, sample: Iterable[Asked]) -> Measured:
    """Ask every name that is not ambiguous, with its type and country as evidence, and judge the match."""
    outcomes, left_out = [], 0
    for asked in sample:
        if asked.label == "ambiguous":
            continue
        meant = {thing for source, key in asked.places for thing in denoted.things(source, key, _KINDS[asked.type])}
        if asked.label == "match" and not meant:
            left_out += 1
            continue
        wanted = (Wanted("inCountry", (asked.country,)),) if asked.country else ()
        found = index.candidates(asked.query, types=(asked.type,), wanted=wanted, limit=3)
        match = found[0] if found and found[0].match else None
        if match is None:
            verdict = "missed" if meant else "none"
        elif match.iri in meant:
            verdict = "found"
        else:
            verdict = "wrong" if meant else "false"
        shown = "; ".join(f"{one.name} <{one.iri.rpartition('/id/')[2]}> {one.score} {one.why}" for one in found[:2])
        outcomes.append(Outcome(asked, verdict, shown))
    return Measured(tuple(outcomes), left_out)

"""Measures what was merged on a labelled sample of pairs (``kg/judgements/sample-pairs.csv``)."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kg.resolution import Description


@dataclass(frozen=True, slots=True)
class Pair:
    """A labelled pair of the sample, and the IRIs of its records before merging; none where a record is not loaded."""

    id: str
    kind: str
    stratum: str
    label: str
    names: tuple[str, str]
    iris: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class Measured:
    """How well merging did over some pairs."""

    merged: int  # pairs that are one now and are labelled
    right: int  # of them, those labelled "same"
    same: int  # all that are labelled "same"
    skipped: int  # pairs of which a record is not loaded

    def __str__(self) -> str:
        counted = f"{self.right} of {self.merged} merged pairs right, of {self.same} that are the same"
        left_out = f"; {self.skipped} not loaded" if self.skipped else ""
        return f"precision {self.precision:.3f}, recall {self.recall:.3f}, F1 {self.f1:.3f} ({counted}{left_out})"

    @property
    def precision(self) -> float:
        """The share of merged pairs that are right; 1 where none is merged."""
        return self.right / self.merged if self.merged else 1.0

    @property
    def recall(self) -> float:
        """The share of the pairs that are the same that are merged; 1 where there are none."""
        return self.right / self.same if self.same else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of both."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


Spellings = Mapping[str, Mapping[str, Sequence[str]]]  # source -> name in it -> names or slugs that its loader gives


def read_pairs(path: Path, descriptions: Iterable[Description], spellings: Spellings | None = None) -> list[Pair]:
    """Read the sample and find the two records of each row among what was loaded.

    A record is found by its number, domain or file, or by its name in its source, of the place that its key names.
    ``spellings`` is what lookup tables of sources say of a name.
    """
    known: defaultdict[str, list[Description]] = defaultdict(list)
    for description in descriptions:
        if description.kind in ("org", "project", "model"):
            for value in _handles(description):
                known[f"{description.source} {value}"].append(description)
    with path.open(encoding="utf-8", newline="") as stream:
        return [_pair(row, known, spellings or {}) for row in csv.DictReader(stream)]


def _pair(row: Mapping[str, str], known: Mapping[str, list[Description]], spellings: Spellings) -> Pair:
    left, right = (
        _find(known, row["kind"], source, row[f"{side}_key"], row[f"{side}_name"], spellings.get(source, {}))
        for side in ("left", "right")
        for source in (row[f"{side}_source"],)
    )
    iris = (left, right) if left and right else None
    return Pair(row["id"], row["kind"], row["stratum"], row["label"], (row["left_name"], row["right_name"]), iris)


def _handles(description: Description) -> set[str]:
    return {
        *description.all("name"), *description.all("sourceName"), *description.all("altLabel"),
        *description.all("rorId"), *description.all("emailDomain"), *description.all("locator"),
        description.iri.rpartition("/")[2],
    }  # fmt: skip


def _find(
    known: Mapping[str, list[Description]],
    kind: str,
    source: str,
    key: str,
    name: str,
    spelt: Mapping[str, Sequence[str]],
) -> str | None:
    """Give the IRI of one record: the one of the right kind that stands where its key says."""
    place, _, last = key.partition("#")
    for handle in (key, name, last, key.rpartition("/")[2], *spelt.get(name, ())):
        found = [one for one in known.get(f"{source} {handle}", ()) if handle]
        fitting = [one for one in found if one.kind == kind] or found
        there = [
            one for one in fitting
            if any(_stands(locator, key, place) for locator in one.all("locator"))
        ] or fitting  # fmt: skip
        if there:
            return there[0].iri
    return None


def _stands(locator: str, key: str, place: str) -> bool:
    """Tell whether a locator is in the file or category that a key names."""
    file, _, rest = locator.partition("#")
    if rest:
        return key.startswith(f"{rest.rpartition('[')[0]}/")
    return file.partition(":")[0] == place


def measure(pairs: Iterable[Pair], replaced: Mapping[str, str]) -> Measured:
    """Count over all pairs that are labelled, but for those labelled "ambiguous"."""
    merged = right = same = skipped = 0
    for pair in pairs:
        if pair.label == "ambiguous":
            continue
        if pair.iris is None:
            skipped += 1
            continue
        one = are_one(pair, replaced)
        merged += one
        same += pair.label == "same"
        right += one and pair.label == "same"
    return Measured(merged, right, same, skipped)


def are_one(pair: Pair, replaced: Mapping[str, str]) -> bool:
    """Tell whether the two records of a pair have one IRI."""
    if pair.iris is None:
        return False
    left, right = (replaced.get(iri, iri) for iri in pair.iris)
    return left == right


def table(pairs: Sequence[Pair], replaced: Mapping[str, str], of: Callable[[Pair], str]) -> dict[str, Measured]:
    """Measure groups of pairs apart."""
    grouped: defaultdict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        grouped[of(pair)].append(pair)
    return {name: measure(some, replaced) for name, some in sorted(grouped.items())}


def spellings_of(lookups: Mapping[str, Mapping[str, str]]) -> dict[str, list[str]]:
    """Give what the lookup tables of one source say of each name: other names, or slugs."""
    found: defaultdict[str, list[str]] = defaultdict(list)
    for table in lookups.values():
        for name, value in table.items():
            found[name] += [value, *(table_.get(value, "") for table_ in lookups.values())]
    return {name: [value for value in values if value] for name, values in found.items()}


def half(pair: Pair) -> str:
    """Name the half of the sample, by the last digit of its id, that a pair is in: both should fare alike."""
    return f"half {int(pair.id[-1], 16) % 2 + 1}"

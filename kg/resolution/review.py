"""What a person should look at: pairs that no rule is sure of, each once, with what is known of both sides."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from kg.resolution import Description, Link, Resolution, Verdict

# What is shown of a description, in order, and how it is called.
_SHOWN: Mapping[str, str] = {
    "name": "name", "sourceName": "spelt", "altLabel": "also", "type": "kind", "homepage": "page",
    "hasRepository": "repository", "emailDomain": "mail", "sameAs": "elsewhere", "rorId": "ROR",
    "wikidataId": "Wikidata", "inCountry": "country", "subOrganizationOf": "part of", "locator": "read at",
}  # fmt: skip
_MANY = 4  # values of one property that are shown


@dataclass(frozen=True, slots=True)
class Side:
    """One of a pair: its IRI relative to the base, its sources, and what they say, by how it is called."""

    iri: str
    sources: tuple[str, ...]
    said: Mapping[str, tuple[str, ...]]

    @property
    def name(self) -> str:
        """The first name."""
        return next(iter(self.said.get("name", ())), self.iri)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A pair to be judged."""

    left: Side
    right: Side
    score: float
    reasons: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        """Give the candidate as plain values."""
        sides = {
            name: {"iri": side.iri, "sources": side.sources, **side.said}
            for name, side in (("left", self.left), ("right", self.right))
        }
        return {"score": self.score, "reasons": self.reasons, **sides}


def candidates(
    descriptions: Iterable[Description], resolution: Resolution, base: str, *, kind: str | None = None, about: str = ""
) -> list[Candidate]:
    """Give the open pairs, the likeliest first; of two things that several links could join, the strongest link.

    Things that are one by now, or of which another link says that they are two, are no candidates. ``kind`` is org,
    project or model; ``about`` is a part of a name of either side, in any case.
    """
    stays = resolution.replaced

    def pair(link: Link) -> frozenset[str]:
        return frozenset((stays.get(link.left, link.left), stays.get(link.right, link.right)))

    settled = {pair(link) for link in resolution.links if link.verdict in (Verdict.DIFFERENT, Verdict.RELATED)}
    best: dict[frozenset[str], Link] = {}
    for link in resolution.of(Verdict.OPEN):
        things = pair(link)
        if len(things) == 2 and things not in settled and (kind is None or f"id/{kind}/" in link.left):
            known = best.setdefault(things, link)
            best[things] = min(known, link, key=lambda one: (-one.score, one))
    wanted = {iri for link in best.values() for iri in (link.left, link.right)}
    known_of: defaultdict[str, list[Description]] = defaultdict(list)
    for description in descriptions:
        if description.iri in wanted:
            known_of[description.iri].append(description)
    found = [
        Candidate(
            _side(link.left, known_of[link.left], base),
            _side(link.right, known_of[link.right], base),
            link.score,
            link.reasons,
        )
        for link in sorted(best.values(), key=lambda one: (-one.score, one))
    ]
    text = about.casefold()
    return [
        one for one in found if any(text in name.casefold() for side in (one.left, one.right) for name in _names(side))
    ]


def _names(side: Side) -> Sequence[str]:
    return (*side.said.get("name", ()), *side.said.get("spelt", ()), *side.said.get("also", ()), side.iri)


def _side(iri: str, known: Sequence[Description], base: str) -> Side:
    said = {}
    for name, called in _SHOWN.items():
        values = dict.fromkeys(value for description in known for value in description.all(name))
        if values:
            said[called] = tuple(value.removeprefix(base).rpartition("ontology#")[2] for value in values)[:_MANY]
    return Side(iri.removeprefix(base), tuple(dict.fromkeys(one.source for one in known)), said)


def lines(candidate: Candidate, width: int = 100) -> list[str]:
    """Give a candidate as text: the reasons, then both sides beside each other."""
    left, right = candidate.left, candidate.right
    column = max(24, (width - 14) // 2)
    rows: list[tuple[str, str, str]] = [
        ("", left.iri, right.iri),
        ("source", ", ".join(left.sources), ", ".join(right.sources)),
    ]
    for called in _SHOWN.values():
        here, there = left.said.get(called, ()), right.said.get(called, ())
        for number in range(max(len(here), len(there))):
            one, other = (row[number] if number < len(row) else "" for row in (here, there))
            rows.append((called if number == 0 else "", one, other))
    text = [
        f"{candidate.score:.3f}  {reason}" if number == 0 else f"{'':7}{reason}"
        for number, reason in enumerate(candidate.reasons)
    ]
    text += [
        f"  {called:11} {_cut(one, column):{column}} {_cut(other, column)}".rstrip() for called, one, other in rows
    ]
    return text


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"

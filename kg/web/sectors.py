"""The tree of sectors: what is in each, and in all below it. Read once: a release never changes while it is served."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from kg.web.asking import Asking, string


@dataclass(frozen=True, slots=True)
class Sector:
    """One sector. ``count`` things are in it, ``total`` in it or below it; ``code`` is short for its label."""

    iri: str
    label: str
    code: str
    count: int
    total: int
    above: str | None
    below: tuple[str, ...]


class Sectors:
    """The sectors of the release that is served."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking

    @cached_property
    def all(self) -> dict[str, Sector]:
        """Give every sector by its IRI."""
        labels: dict[str, str] = {}
        codes: dict[str, str] = {}
        counts: dict[str, int] = {}
        above: dict[str, str] = {}
        for row in self._asking.ask("sectors"):
            sector = str(row["sector"])
            notation = string(row, "notation")
            label = string(row, "label") or sector
            # Sectors of ours have a word for their notation, which says no more than the label.
            labels.setdefault(sector, f"{notation} {label}" if notation and notation.isupper() else label)
            codes.setdefault(sector, notation or label)
            counts[sector] = int(str(row["count"]))
            if "above" in row:
                above.setdefault(sector, str(row["above"]))
        totals = dict(counts)
        for sector, count in counts.items():
            for over in _chain(sector, above) if count else ():
                totals[over] = totals.get(over, 0) + count
        below: dict[str, list[str]] = defaultdict(list)
        for sector in sorted(labels, key=lambda one: labels[one]):
            if sector in above:
                below[above[sector]].append(sector)
        return {
            sector: Sector(
                sector, label, codes[sector], counts[sector], totals[sector], above.get(sector), tuple(below[sector])
            )
            for sector, label in labels.items()
        }

    def tops(self) -> list[Sector]:
        """Give those that are part of none, by label."""
        found = [sector for sector in self.all.values() if sector.above is None or sector.above not in self.all]
        return sorted(found, key=lambda one: one.label)

    def below(self, sector: Sector) -> list[Sector]:
        """Give those right below one that something is in, by label."""
        return [one for one in (self.all[iri] for iri in sector.below) if one.total]

    def over(self, sector: Sector) -> list[Sector]:
        """Give those above one, the top first."""
        chain = _chain(sector.iri, {iri: one.above for iri, one in self.all.items() if one.above})
        return [self.all[iri] for iri in reversed(list(chain)) if iri in self.all]


def _chain(sector: str, above: dict[str, str]) -> Iterator[str]:
    """Give what is above a sector, the nearest first; a circle ends where it comes back."""
    seen = {sector}
    while (over := above.get(sector)) is not None and over not in seen:
        yield over
        seen.add(over)
        sector = over

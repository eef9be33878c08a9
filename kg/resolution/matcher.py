"""Proposes pairs: blocking by keys, a score with reasons, thresholds."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from kg.resolution import Description, Link, Verdict


def match(descriptions: Sequence[Description]) -> Iterator[Link]:
    """Propose links between descriptions of one kind from different sources."""
    by_repository: defaultdict[str, set[str]] = defaultdict(set)
    for found in descriptions:
        if found.kind == "project":
            for repository in found.all("hasRepository"):
                by_repository[repository].add(found.iri)
    for iris in by_repository.values():
        first, *others = sorted(iris)
        for other in others:
            yield Link.of(first, other, Verdict.SAME, 0.99, ("same repository",))

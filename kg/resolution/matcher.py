"""Proposes pairs: blocking by keys, evidence added up as in Fellegi and Sunter (1969), thresholds.

The bits of evidence (``evidence``) are added to those of the prior, and the sum is put on the scale from 0 to 1.

What pairs are looked at: those that share a key (an identifier, a domain, a repository, a name or short name, a page).
Keys that many share make no pairs. Records of one registry are never compared with each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import combinations

from kg.resolution import Description, Link, Verdict
from kg.resolution.evidence import COMPARERS, Census, Evidence
from kg.resolution.profile import Known, Profile, gather

# On the scale of the score. From SAME on a pair is merged without being asked; from OPEN on a person is asked.
SAME, OPEN = 0.97, 0.2
_PRIOR = -3.0  # bits: of the pairs that share a key, one in nine is of one thing
_RELATED = 3.0  # bits that speak for a relation, where names or sources tell two things apart
_CROWD = 40  # a key that more share makes no pairs


def match(descriptions: Sequence[Description]) -> Iterator[Link]:
    """Propose links between organizations, projects and models, in order of their IRIs.

    Yields "same" from the score of ``SAME`` on, "related" where the two are parts of one another, and "open" from
    ``OPEN`` on; no link for the rest. Deterministic, whatever the order of the descriptions. Cost: linear but for
    pairs within a key, of which there are some ten thousands.
    """
    for kind, compare in COMPARERS.items():
        known = gather(descriptions, kind)
        census = Census.of(known)
        for one, other in _pairs(known):
            left, right = known.profiles[one], known.profiles[other]
            if (link := judge(left, right, compare(left, right, census))) is not None:
                yield link


def judge(left: Profile, right: Profile, found: Sequence[Evidence]) -> Link | None:
    """Weigh the evidence of one pair; None where nothing worth a link is left.

    The score of a relation is that of the evidence for it alone: what tells the two apart does not speak against it.
    """
    reasons = [str(one) for one in sorted(found, key=lambda one: (-abs(one.weight), one.reason))]
    speaking_for = sum(one.weight for one in found if one.weight > 0)
    if any(one.apart for one in found):
        related = speaking_for >= _RELATED
        score = _score(speaking_for)
        return Link.of(left.iri, right.iri, Verdict.RELATED, score, reasons) if related else None
    score = _score(sum(one.weight for one in found))
    if score < OPEN:
        return None
    return Link.of(left.iri, right.iri, Verdict.SAME if score >= SAME else Verdict.OPEN, score, reasons)


def _score(bits: float) -> float:
    return 1.0 / (1.0 + math.exp2(-(_PRIOR + bits)))


# ---- Which pairs -----------------------------------------------------------------------------------------------------


def _pairs(known: Known) -> list[tuple[str, str]]:
    """Give each pair that shares a key once, in order; none of two curated things."""
    found: set[tuple[str, str]] = set()
    for key, holders in known.holders.items():
        theirs = known.registered.get(key, ())
        if len(holders) <= _CROWD:
            found.update((min(pair), max(pair)) for pair in combinations(holders, 2))
        if len(holders) <= _CROWD and len(theirs) <= _CROWD:
            found.update((min(one, other), max(one, other)) for one in holders for other in theirs)
    profiles = known.profiles
    return sorted((one, other) for one, other in found if not (profiles[one].curated and profiles[other].curated))

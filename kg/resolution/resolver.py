"""From descriptions to the IRI of each thing: rules, judgements above them, then what is derived from both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kg.resolution import Description, Groups, Link, Resolution, Verdict, replacements
from kg.resolution.derived import join_derived
from kg.resolution.matcher import match


def resolve(descriptions: Sequence[Description], judgements: Iterable[Link] = ()) -> Resolution:
    """Find which descriptions are of one thing, and choose the IRI that stays of each.

    A judgement wins over every rule: "different" keeps two apart however they score, also through others. The rules'
    merges are made in order of score, so that a weak one never stands in the way of a strong one. Same input, same
    output. Raises InconsistencyError when two curated IRIs would become one.
    """
    judged = sorted(judgements)
    proposed = sorted(match(descriptions), key=lambda link: (-link.score, link.left, link.right))
    known = {(link.left, link.right) for link in judged}
    groups = Groups()
    for link in judged:
        if link.verdict in (Verdict.DIFFERENT, Verdict.RELATED):
            groups.keep_apart(link.left, link.right)
    for link in (*judged, *proposed):
        if link.verdict is Verdict.SAME and (link.by == "judgement" or (link.left, link.right) not in known):
            groups.join(link.left, link.right)
    join_derived(descriptions, groups)
    kept = [link for link in proposed if (link.left, link.right) not in known]
    return Resolution(replacements(groups.groups(), descriptions), tuple(sorted((*judged, *kept))))

"""From descriptions to the IRI of each thing: rules, judgements above them, then what is derived from both."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from kg.resolution import Description, Groups, Link, Resolution, Verdict, replacements
from kg.resolution.derived import join_derived
from kg.resolution.matcher import match
from kg.resolution.profile import listed


def resolve(
    descriptions: Sequence[Description], judgements: Iterable[Link] = (), promised: Collection[str] = frozenset()
) -> Resolution:
    """Find which descriptions are of one thing, and choose the IRI that stays of each.

    A judgement wins over every rule: "different" and "related" keep two apart however they score, also through others.
    One of which a side is not described is left out. The rules' merges are made in order of score, so that a weak one
    never stands in the way of a strong one; one that would join what must stay apart is left open for a person.
    ``promised`` IRIs stay before others that are not curated. Same input, same output, whatever the order. Raises
    InconsistencyError when two curated IRIs would become one.
    """
    described = {description.iri for description in descriptions}
    judged = sorted(link for link in judgements if link.left in described and link.right in described)
    known = {(link.left, link.right) for link in judged}
    found = sorted(match(descriptions), key=lambda link: (-link.score, link.left, link.right))
    proposed = [link for link in found if (link.left, link.right) not in known]
    groups = Groups()
    for link in (*judged, *proposed):
        if link.verdict in (Verdict.DIFFERENT, Verdict.RELATED):
            groups.keep_apart(link.left, link.right)
    for link in judged:
        if link.verdict is Verdict.SAME:
            groups.join(link.left, link.right, judged=True)
    same = [link for link in proposed if link.verdict is Verdict.SAME]
    entries = listed(descriptions)
    for link in same:  # first what one list has twice: it counts as one entry of it from then on
        if not entries.get(link.left, set()).isdisjoint(entries.get(link.right, ())):
            groups.join(link.left, link.right)
    for iri, lists in sorted(entries.items()):
        for list_ in sorted(lists):
            groups.number(iri, list_, groups.find(iri))
    barred = {link for link in same if not groups.join(link.left, link.right)}
    join_derived(descriptions, groups)
    links = (
        replace(link, verdict=Verdict.OPEN, reasons=(_BARRED, *link.reasons)) if link in barred else link
        for link in proposed
    )
    return Resolution(replacements(groups.groups(), descriptions, promised), tuple(sorted((*judged, *links))))


_BARRED = "would join two that a list, a judgement or another link keeps apart"

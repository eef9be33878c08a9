"""Situations and events that are the same because what they are about is: keys that became equal by resolution.

A situation is its kind, its project or member, its role, level or stage, and its agent; an event is its kind, what it
concerns, and the foundation. Two sources that mint these from IRIs of their own mean one thing once those IRIs are one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set

from kg.resolution import Description, Groups

# The properties that make the key of a class, by local name; those in brackets may be absent.
_KEYS: Mapping[str, tuple[str, ...]] = {
    "Stewardship": ("ofProject", "steward", "stewardRole"),
    "Membership": ("member", "membershipIn"),
    "MaturityStanding": ("ofProject", "standsAt"),
    "Licensing": ("ofProject", "licensedUnder"),
    "Sponsorship": ("sponsor", "sponsored", "sponsorshipLevel"),
    "Acceptance": ("concernsProject", "concernsOrganization"),
    "Archival": ("concernsProject",),
}


def join_derived(descriptions: Iterable[Description], groups: Groups) -> None:
    """Join situations and events whose keys are equal under ``groups``, and events that start the same situation.

    A source that gives one thing two situations of the same key (a project that left and came back) keeps them apart:
    only IRIs of different sources are joined, in the order of their numbers. Two rounds are its fixpoint, because no
    situation's key holds a situation.
    """
    known = [found for found in descriptions if found.kind in ("situation", "event")]
    curated = {found.iri for found in known if found.curated}
    for things in _same_key(known, groups):
        _join_across_sources(things, groups, curated)
    started: defaultdict[str, list[Description]] = defaultdict(list)
    for found in known:
        if found.kind == "event" and {"Acceptance", "Transfer", "SpinOut"} & _types(found):
            for situation in found.all("initiates"):
                started[groups.find(situation)].append(found)
    for things in started.values():
        _join_across_sources(things, groups, curated)


def _same_key(known: Iterable[Description], groups: Groups) -> Iterable[list[Description]]:
    by_key: defaultdict[tuple[object, ...], list[Description]] = defaultdict(list)
    for found in known:
        for kind in sorted(_types(found) & set(_KEYS)):
            parts = tuple(tuple(sorted({groups.find(value) for value in found.all(name)})) for name in _KEYS[kind])
            if all(parts):
                by_key[kind, parts].append(found)
    return [things for things in by_key.values() if len(things) > 1]


def _join_across_sources(things: Iterable[Description], groups: Groups, curated: Set[str]) -> None:
    """Join what several sources say of one thing; two that are curated stay two, for the axioms to clash over."""
    by_source: defaultdict[str, list[Description]] = defaultdict(list)
    for thing in sorted(things, key=lambda found: (found.order, found.source, found.iri)):
        by_source[thing.source].append(thing)
    first, *others = by_source.values()
    for theirs in others:
        for one, other in zip(first, theirs, strict=False):
            if curated.isdisjoint(groups.members(one.iri)) or curated.isdisjoint(groups.members(other.iri)):
                groups.join(one.iri, other.iri)


def _types(found: Description) -> set[str]:
    return {value.rpartition("#")[2] for value in found.all("type")}

"""Which descriptions are of one thing: candidates scored by rules, judgements of people above them, one IRI for each.

Knows no source format and no store: descriptions in (what identifies a thing, as each source gives it), a map from IRIs
to the IRI that stays out. ``owl:sameAs`` is not made here: two IRIs of ours for one thing become one, and the other
answers with a redirect.

Three steps: ``matcher`` proposes pairs of organizations, projects and models with a score and reasons; ``judgements``
that a person made win over them; ``derived`` merges situations and events whose keys have become equal, because a
situation *is* its project, role and agent (ontology design, section 1, rule 9).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from kg.errors import InconsistencyError


@dataclass(frozen=True, slots=True)
class Description:
    """One thing as one source describes it.

    ``values`` holds texts and IRIs by the local name of the property that identifies: name, altLabel, homepage,
    hasRepository, rorId, wikidataId, emailDomain, sameAs, inCountry, type, ofProject, steward …
    """

    iri: str
    kind: str
    source: str
    order: int  # of the source in fusion: the lowest keeps its IRI
    curated: bool
    values: Mapping[str, Sequence[str]]

    def all(self, name: str) -> Sequence[str]:
        """Give the values of one property, none when there are none."""
        return self.values.get(name, ())

    @property
    def name(self) -> str:
        """The name that the source gives, or the end of the IRI."""
        return next(iter(self.all("name")), self.iri.rpartition("/")[2])


class Verdict(StrEnum):
    """What two descriptions are to each other."""

    SAME = "same"
    RELATED = "related"  # part of, subsidiary, national branch: two things that have to do with each other
    DIFFERENT = "different"
    OPEN = "open"  # a candidate that no rule is sure of: for ``kg review``


@dataclass(frozen=True, slots=True, order=True)
class Link:
    """What was found of a pair. ``left`` and ``right`` are IRIs in order of text."""

    left: str
    right: str
    verdict: Verdict
    score: float = 1.0
    reasons: tuple[str, ...] = ()
    by: str = "rule"  # or "judgement", "key"

    @classmethod
    def of(
        cls, one: str, other: str, verdict: Verdict, score: float = 1.0, reasons: Iterable[str] = (), by: str = "rule"
    ) -> Link:
        """Make a link of a pair in either order."""
        left, right = sorted((one, other))
        return cls(left, right, verdict, round(score, 3), tuple(reasons), by)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What stays: ``replaced`` maps each IRI that goes to the one that stays; ``links`` are all verdicts, sorted."""

    replaced: Mapping[str, str] = field(default_factory=dict)
    links: tuple[Link, ...] = ()

    def of(self, verdict: Verdict) -> tuple[Link, ...]:
        """Give the links of one verdict."""
        return tuple(link for link in self.links if link.verdict is verdict)


class Groups:
    """Descriptions that are one thing: a union-find that knows which IRIs must stay apart.

    Two are apart where that was said of them or of others of their groups, and where a list, of which each holds an
    entry, has them as two: ``number`` says which entry of a list an IRI is.
    """

    def __init__(self) -> None:
        self._parent: dict[str, str] = {}
        self._members: dict[str, set[str]] = {}
        self._apart: defaultdict[str, set[str]] = defaultdict(set)
        self._entries: defaultdict[str, dict[str, str]] = defaultdict(dict)  # representative -> list -> entry

    def number(self, iri: str, list_: str, entry: str) -> None:
        """Say that an IRI is one entry of a list: a group holds one entry of a list at most."""
        self._entries[self.find(iri)].setdefault(list_, entry)

    def keep_apart(self, one: str, other: str) -> None:
        """Never let the two become one."""
        self._apart[one].add(other)
        self._apart[other].add(one)

    def find(self, iri: str) -> str:
        """Give the representative of a group."""
        root = iri
        while (up := self._parent.get(root, root)) != root:
            root = up
        while (up := self._parent.get(iri, iri)) != root:
            self._parent[iri] = root
            iri = up
        return root

    def members(self, iri: str) -> set[str]:
        """Give all IRIs of the group of one."""
        root = self.find(iri)
        return self._members.get(root, {root})

    def join(self, one: str, other: str, *, judged: bool = False) -> bool:
        """Make two groups one, unless members of them must stay apart; tell whether they are one now.

        What a person judged joins two entries of a list as well.
        """
        left, right = self.find(one), self.find(other)
        if left == right:
            return True
        here, there = self.members(left), self.members(right)
        if any(not self._apart[iri].isdisjoint(there) for iri in here if iri in self._apart):
            return False
        entries, others = self._entries.get(left, {}), self._entries.get(right, {})
        if not judged and any(others.get(list_, entry) != entry for list_, entry in entries.items()):
            return False
        if len(here) < len(there):
            left, right, here, there = right, left, there, here
        if entries or others:
            self._entries[left] = {**entries, **others}
            self._entries.pop(right, None)
        self._parent[right] = left
        self._members[left] = here | there
        self._members.pop(right, None)
        return True

    def groups(self) -> list[set[str]]:
        """Give the groups of more than one."""
        return [members for members in self._members.values() if len(members) > 1]


def replacements(
    groups: Iterable[set[str]], descriptions: Iterable[Description], promised: Collection[str] = frozenset()
) -> dict[str, str]:
    """Choose the IRI that stays of each group: curated first, then promised, then by order of source, then by text.

    ``promised`` are IRIs that were given out to stay: those whose slugs stand in the ledger. Raises InconsistencyError
    when two curated IRIs would become one: that is ours to mend.
    """
    rank: dict[str, tuple[bool, bool, int, str]] = {}
    for found in descriptions:
        mine = (not found.curated, found.iri not in promised, found.order, found.iri)
        rank[found.iri] = min(rank.get(found.iri, mine), mine)
    chosen: dict[str, str] = {}
    for members in groups:
        known = sorted(members, key=lambda iri: rank.get(iri, (True, True, 1_000_000, iri)))
        curated = [iri for iri in known if iri in rank and not rank[iri][0]]
        if len(curated) > 1:
            raise InconsistencyError(
                f"<{curated[0]}> and <{curated[1]}> are both curated and were found to be one thing; merge them in the "
                "curated files, or judge them different in kg/judgements/judgements.csv"
            )
        chosen.update((iri, known[0]) for iri in known[1:])
    return chosen

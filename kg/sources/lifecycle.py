"""Spells what becomes of projects and members at foundations, so that every source that tells of it says it alike.

Two sources that tell of the same happening or situation mint the same IRI from the slugs of project, foundation and
stage; what each of them knows of its date stays in its own graph.

Source: ontology design, section 1 (situations, rule 9) and section 2.4.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from rdflib import RDF, Literal, URIRef

from kg.model import Mint, slugify
from kg.sources.edtf import happened, lasted
from kg.vocab import OSAI

STAGES = ("incubating", "graduated", "archived")  # what landscapes date after the acceptance, in order of the lifecycle

Triple: TypeAlias = tuple[URIRef, URIRef, URIRef | Literal]


@dataclass(frozen=True, slots=True)
class Party:
    """A project or an organization that takes part: its IRI and what its source calls it."""

    iri: URIRef
    name: str

    @property
    def slug(self) -> str:
        """The last step of the IRI, from which those of situations and events are made."""
        return self.iri.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class History:
    """What a source states of one project at one foundation.

    ``accepted`` is the day on which the foundation took it on, ``dated`` the stages with the day on which each began,
    in the order of the lifecycle, ``now`` its stage today, and ``archived`` the stage of a project put to rest.
    """

    accepted: str | None = None
    dated: tuple[tuple[str, str], ...] = ()
    now: str | None = None
    archived: str | None = None

    def faults(self) -> Iterator[str]:
        """Say what cannot be true together."""
        if not self.in_order:
            yield f"the dates of its stages are not in order: {', '.join(self._dates())}"
        elif self.dated and self.now and self.dated[-1][0] != self.now:
            yield f"it is said to stand at {self.now}, and its last dated stage is {self.dated[-1][0]}"

    @property
    def in_order(self) -> bool:
        """Tell whether each date is at or after the one before."""
        dates = self._dates()
        return dates == sorted(dates)

    def _dates(self) -> list[str]:
        return [date for _, date in (("", self.accepted), *self.dated) if date]


class Lifecycle:
    """Mints and describes acceptances, standings, hostings and memberships. Knows no source format.

    ``spell`` counts the times that the same thing happens to the same parties: a project that leaves and comes back has
    two hostings. Dates are EDTF; a method raises ValueError as ``kg.sources.edtf`` does.
    """

    def __init__(self, mint: Mint) -> None:
        self._mint = mint
        self._roles: dict[str, URIRef] = {}

    # ---- IRIs ----------------------------------------------------------------------------------------------------

    def acceptance(self, accepted: Party, foundation: Party) -> URIRef:
        """Give the event in which a foundation takes on a project or a fund."""
        return self._mint.id("event", f"{accepted.slug}-accepted-{foundation.slug}")

    def entry(self, project: Party, stage: str, spell: int = 1) -> URIRef:
        """Give the event in which a project comes to a stage, by the notation of the stage (``cncf-graduated``)."""
        return self._mint.id("event", _numbered(f"{project.slug}-enters-{stage}", spell))

    def departure(self, project: Party, foundation: Party, spell: int = 1) -> URIRef:
        """Give the event in which a project leaves the list of a foundation."""
        return self._mint.id("event", _numbered(f"{project.slug}-left-{foundation.slug}", spell))

    def join(self, member: Party, foundation: Party, spell: int = 1) -> URIRef:
        """Give the event in which an organization joins a foundation."""
        return self._mint.id("event", _numbered(f"{member.slug}-joined-{foundation.slug}", spell))

    def proposal(self, project: Party, foundation: Party) -> URIRef:
        """Give the event in which a foundation is asked to take on a project."""
        return self._mint.id("event", f"{project.slug}-proposed-to-{foundation.slug}")

    def hosting(self, project: Party, steward: Party, role: str = "legal-host", spell: int = 1) -> URIRef:
        """Give the situation in which somebody looks after a project in a role."""
        return self._mint.id("situation", f"{project.slug}-{role}-{steward.slug}-{spell}")

    def standing(self, project: Party, stage: str, spell: int = 1) -> URIRef:
        """Give the situation in which a project stands at a stage."""
        return self._mint.id("situation", f"{project.slug}-stands-at-{stage}-{spell}")

    def belonging(self, member: Party, foundation: Party, spell: int = 1) -> URIRef:
        """Give the situation in which an organization is a member of a foundation."""
        return self._mint.id("situation", f"{member.slug}-member-{foundation.slug}-{spell}")

    def stage(self, notation: str) -> URIRef:
        """Give the concept of a stage."""
        return self._mint.concept("maturity", notation)

    # ---- Happenings ----------------------------------------------------------------------------------------------

    def event(
        self,
        event: URIRef,
        kind: URIRef,
        name: str,
        date: str,
        evidence: str,
        *,
        about: Iterable[tuple[URIRef, URIRef]],
        initiates: Iterable[URIRef] = (),
        terminates: Iterable[URIRef] = (),
    ) -> Iterator[Triple]:
        """Describe an event: what it is about, its date, and the situations that begin and end with it.

        ``evidence`` is how its source knows of it: a concept of the scheme event-evidence.
        """
        dates = list(happened(date))
        yield event, RDF.type, kind
        yield event, OSAI.name, Literal(name)
        yield event, OSAI.knownBy, self._mint.concept("event-evidence", evidence)
        for predicate, value in about:
            yield event, predicate, value
        for predicate, when in dates:
            yield event, predicate, when
        for situation in initiates:
            yield event, OSAI.initiates, situation
        for situation in terminates:
            yield event, OSAI.terminates, situation

    def accepts(
        self, project: Party, foundation: Party, date: str, evidence: str, *, initiates: Iterable[URIRef]
    ) -> Iterator[Triple]:
        """Describe how a foundation takes on a project."""
        return self.event(
            self.acceptance(project, foundation),
            OSAI.Acceptance,
            f"{foundation.name} accepts {project.name}",
            date,
            evidence,
            about=_about(project, foundation),
            initiates=initiates,
        )

    def accepts_fund(self, fund: Party, foundation: Party, date: str, evidence: str) -> Iterator[Triple]:
        """Describe how a foundation takes on a fund that stands below it from then on."""
        return self.event(
            self.acceptance(fund, foundation),
            OSAI.Acceptance,
            f"{foundation.name} accepts {fund.name}",
            date,
            evidence,
            about=((OSAI.concernsOrganization, fund.iri), (OSAI.hasParticipant, foundation.iri)),
        )

    def enters(
        self,
        project: Party,
        foundation: Party,
        stage: str,
        date: str,
        evidence: str,
        *,
        left: str | None = None,
        archived: bool = False,
        spell: int = 1,
        initiates: Iterable[URIRef] = (),
        terminates: Iterable[URIRef] = (),
    ) -> Iterator[Triple]:
        """Describe how a project comes to a stage, from the stage ``left`` where that is known; an archival if told."""
        about = [*_about(project, foundation)]
        if not archived:
            about.append((OSAI.toStage, self.stage(stage)))
            if left is not None and left != stage:
                about.append((OSAI.fromStage, self.stage(left)))
        word = stage.rpartition("-")[2]
        name = f"{foundation.name} archives {project.name}" if archived else f"{project.name} enters the stage {word}"
        return self.event(
            self.entry(project, stage, spell),
            OSAI.Archival if archived else OSAI.MaturityChange,
            name if archived else f"{name} at {foundation.name}",
            date,
            evidence,
            about=about,
            initiates=(self.standing(project, stage, spell), *initiates),
            terminates=terminates,
        )

    def leaves(
        self,
        project: Party,
        foundation: Party,
        date: str,
        evidence: str,
        *,
        spell: int = 1,
        terminates: Iterable[URIRef] = (),
    ) -> Iterator[Triple]:
        """Describe how a project leaves the list of a foundation. Where it goes is another event, if a source says."""
        return self.event(
            self.departure(project, foundation, spell),
            OSAI.GovernanceEvent,
            f"{project.name} leaves the list of {foundation.name}",
            date,
            evidence,
            about=_about(project, foundation),
            terminates=terminates,
        )

    def joins(
        self, member: Party, foundation: Party, date: str, evidence: str, *, membership: URIRef, spell: int = 1
    ) -> Iterator[Triple]:
        """Describe how an organization joins a foundation."""
        return self.event(
            self.join(member, foundation, spell),
            OSAI.MembershipJoin,
            f"{member.name} joins {foundation.name}",
            date,
            evidence,
            about=((OSAI.concernsOrganization, foundation.iri), (OSAI.hasParticipant, member.iri)),
            initiates=(membership,),
        )

    def history(
        self, project: Party, foundation: Party, told: History, *, hosted: bool, seen: str
    ) -> Iterator[tuple[str, Triple]]:
        """Describe acceptance, hosting and stages, each triple with what tells it: ``accepted``, a stage, or ``now``.

        The stage before the first dated one is not known, so it is left out, and so are stages whose dates are not in
        order. ``seen`` is the day of a source that says what is so, and not since when.
        """
        dated = told.dated if told.in_order else ()
        begun = [self.hosting(project, foundation)]
        if hosted:
            for triple in self.hosts(project, foundation, start=told.accepted, seen=seen):
                yield "accepted" if told.accepted else "now", triple
        if told.now and not dated:
            begun.append(self.standing(project, told.now))
            for triple in self.stands(project, told.now, start=told.accepted, seen=seen):
                yield "accepted" if told.accepted else "now", triple
        if told.accepted:
            for triple in self.accepts(project, foundation, told.accepted, "stated", initiates=begun):
                yield "accepted", triple
        for index, (stage, date) in enumerate(dated):
            left = dated[index - 1][0] if index else None
            end = dated[index + 1][1] if index + 1 < len(dated) else None
            for triple in self.stands(project, stage, start=date, end=end):
                yield stage, triple
            for triple in self.enters(
                project,
                foundation,
                stage,
                date,
                "stated",
                left=left,
                archived=stage == told.archived,
                terminates=(self.standing(project, left),) if left else (),
            ):
                yield stage, triple

    # ---- Situations ----------------------------------------------------------------------------------------------

    def hosts(
        self,
        project: Party,
        steward: Party,
        role: str = "legal-host",
        *,
        start: str | None = None,
        end: str | None = None,
        seen: str | None = None,
        spell: int = 1,
    ) -> Iterator[Triple]:
        """Describe how somebody looks after a project in a role of the scheme steward-role."""
        situation = self.hosting(project, steward, role, spell)
        yield situation, RDF.type, OSAI.Stewardship
        yield situation, OSAI.ofProject, project.iri
        yield situation, OSAI.steward, steward.iri
        yield situation, OSAI.stewardRole, self._role(role)
        yield from _during(situation, start, end, seen)

    def stands(
        self,
        project: Party,
        stage: str,
        *,
        start: str | None = None,
        end: str | None = None,
        seen: str | None = None,
        spell: int = 1,
    ) -> Iterator[Triple]:
        """Describe how a project stands at a stage."""
        situation = self.standing(project, stage, spell)
        yield situation, RDF.type, OSAI.MaturityStanding
        yield situation, OSAI.ofProject, project.iri
        yield situation, OSAI.standsAt, self.stage(stage)
        yield from _during(situation, start, end, seen)

    def belongs(
        self,
        member: Party,
        foundation: Party,
        *,
        level: str | None = None,
        start: str | None = None,
        seen: str | None = None,
        spell: int = 1,
    ) -> Iterator[Triple]:
        """Describe how an organization is a member of a foundation, at a level of the scheme membership-level."""
        situation = self.belonging(member, foundation, spell)
        yield situation, RDF.type, OSAI.Membership
        yield situation, OSAI.member, member.iri
        yield situation, OSAI.membershipIn, foundation.iri
        if level:
            yield situation, OSAI.membershipLevel, self._mint.concept("membership-level", level)
        yield from _during(situation, start, None, seen)

    def licensed(self, project: Party, licence: str, *, seen: str) -> Iterator[Triple]:
        """Describe how a project is offered under a licence of the SPDX list, by its identifier."""
        situation = self._mint.id("situation", f"{project.slug}-licence-{slugify(licence)}-1")
        yield situation, RDF.type, OSAI.Licensing
        yield situation, OSAI.ofProject, project.iri
        yield situation, OSAI.licensedUnder, self._mint.id("licence", licence.lower())
        yield from _during(situation, None, None, seen)

    def _role(self, notation: str) -> URIRef:
        found = self._roles.get(notation)
        if found is None:
            found = self._roles[notation] = self._mint.concept("steward-role", notation)
        return found


def _about(project: Party, foundation: Party) -> Iterator[tuple[URIRef, URIRef]]:
    yield OSAI.concernsProject, project.iri
    yield OSAI.concernsOrganization, foundation.iri


def _during(situation: URIRef, start: str | None, end: str | None, seen: str | None) -> Iterator[Triple]:
    for predicate, value in lasted(start, end, seen=seen):
        yield situation, predicate, value


def _numbered(slug: str, spell: int) -> str:
    return slug if spell == 1 else f"{slug}-{spell}"

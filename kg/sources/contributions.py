"""Reads counts of commits by month: one observation for each row as it was counted, and how the projects changed hands.

Three tables make two cubes and their context:

- ``projects.csv``: each project with its repository, a slice of either cube, its part in a before-and-after study, and
  the transfer that the study is about, with the hosts before and after it;
- ``contributions_monthly.csv.gz``: project, month, group of contributors and grade of evidence; commits, authors and
  commits that landed through internal review. A group is a concept: an e-mail domain below ``domain``, or one of those
  that stand for no domain, so that what belongs to nobody known stays in sight;
- ``project_months.csv``: project and month, over the group ``all``. These have no grade of evidence, so a query that
  asks for the grade never counts a commit twice.

Whose a domain is, another source says; ``queries/rules/observation-organization.rq`` brings the two together. A month
without a row has no observation, which is not zero. Observations hang on their slice (``qb:observation``), from which
``qb:dataSet`` follows by the normal form of the Data Cube vocabulary: one quad each, not two.

Settings: ``organizations``, the givers, takers and keepers of projects by name, each with its ``kind`` (a class) and,
where it is in the ledger, its ``slug``. Graphs written: the load's. Cost: 227,000 assertions in half a second.

Source: ontology design, section 2.5 (contribution cube); README of the shared data set.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import count

from pydantic import BaseModel, ConfigDict
from rdflib import RDF, SKOS, Literal, URIRef
from rdflib.namespace import DCTERMS, QB, XSD

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, keys
from kg.sources.edtf import lasted
from kg.sources.lifecycle import Lifecycle, Party, Triple
from kg.sources.reading import rows
from kg.sources.record import Record
from kg.vocab import OSAI

PROJECTS, BY_GROUP, BY_MONTH = "projects.csv", "contributions_monthly.csv.gz", "project_months.csv"

_MONTH = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])")
_DOMAIN = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+")
_PARTS = re.compile(r";\s*(?![^()]*\))")  # between the parts of a field, not inside brackets that explain one
_LATER = re.compile(r"(?:moved to|joined) (?P<taker>.+?) (?P<date>\d{4}-\d{2}-\d{2}) \([^()]*\)")
_TOLD_ELSEWHERE = re.compile(
    r"(?:(?:graduated|incubating|proposal first committed) )?\d{4}-\d{2}-\d{2}(?: \([^()]*\))?|same move as \S+"
)


class _Organization(BaseModel):
    """What is known here of a giver, taker or keeper: its class, and its slug where it is in the ledger."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: str
    slug: str | None = None


class _Settings(BaseModel):
    """The ``[settings]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    organizations: Mapping[str, _Organization]


@dataclass(frozen=True, slots=True)
class _Cube:
    """One table of counts as a data set of the Data Cube vocabulary: its columns of counts and what each measures."""

    path: str
    slug: str
    name: str
    dimensions: tuple[URIRef, ...]
    measures: Mapping[str, URIRef]


_CUBES = (
    _Cube(
        BY_GROUP,
        "contributions-by-group",
        "Contributions by project, month and group of contributors",
        (OSAI.obsProject, OSAI.obsMonth, OSAI.obsContributorGroup, OSAI.evidenceGrade),
        {
            "commits": OSAI.commitCount,
            "authors": OSAI.authorCount,
            "phabricator_commits": OSAI.internallyLandedCommitCount,
        },
    ),
    _Cube(
        BY_MONTH,
        "contributions-by-month",
        "Contributions by project and month",
        (OSAI.obsProject, OSAI.obsMonth, OSAI.obsContributorGroup),
        {
            "commits": OSAI.commitCount,
            "authors": OSAI.authorCount,
            "new_authors": OSAI.newAuthorCount,
            "bot_commits": OSAI.botCommitCount,
            "phabricator_commits": OSAI.internallyLandedCommitCount,
        },
    ),
)


@dataclass(frozen=True, slots=True)
class _Move:
    """One change of hands: by whom, to whom, on what date and by what kind of evidence."""

    kind: URIRef
    givers: tuple[Party, ...]
    taker: Party
    date: str
    evidence: str


@dataclass(frozen=True, slots=True)
class _Project:
    """A project whose contributions are counted."""

    party: Party
    evidence: Evidence
    slices: Mapping[str, URIRef]  # of each cube, by its path
    commits: int | None  # of its whole history, as projects.csv says


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield projects, their transfers and slices, then the observations of both tables.

    Raises DriftError for a table that is none, a project or a cell that stands twice. A row that cannot be read, and a
    project whose commits do not add up to what its row says, is an issue.
    """
    numbers = count(1)
    projects: dict[str, _Project] = {}
    describe = _Projects(source, mint, issues)
    for line, values in rows(snapshot, PROJECTS, columns=("project", "repo", "group", "event", "event_date")):
        evidence = Evidence(snapshot, next(numbers), f"{PROJECTS}:{line}")
        if values["project"] in projects:
            raise DriftError(f"{source.name}: {evidence.locator}: the project {values['project']!r} stands twice")
        record = Record(values, evidence, source, issues)
        project, triples = describe.project(record)
        if project:
            projects[values["project"]] = project
        for triple in triples:
            yield Assertion(*triple, evidence)
        record.close()
    for cube in _CUBES:
        evidence = Evidence(snapshot, next(numbers), cube.path)
        for triple in _structure(cube, mint, projects.values()):
            yield Assertion(*triple, evidence)
        yield from _observations(source, snapshot, mint, issues, cube, projects, numbers)


# ---- Projects and how they changed hands -----------------------------------------------------------------------------


class _Projects:
    """Describes the rows of ``projects.csv``; each organization once."""

    def __init__(self, source: Source, mint: Mint, issues: Issues) -> None:
        self._source = source
        self._mint = mint
        self._issues = issues
        self._organizations = source.settings_of(_Settings).organizations
        self._life = Lifecycle(mint)
        self._parties: dict[str, Party] = {}
        self._met: set[str] = set()

    def project(self, record: Record) -> tuple[_Project | None, list[Triple]]:
        """Give a project with all that its row says; None where its repository cannot be read."""
        name, repo = record.text("project"), record.text("repo")
        address = keys.repository(repo if "://" in repo else f"https://github.com/{repo}") if repo else None
        if not name or not address:
            record.warn(f"the project {name!r} has no repository that can be read: {repo!r}", kind="no-repository")
            return None, []
        party = Party(self._mint.iri("project", address, name), name)
        repository = self._mint.id("repository", *address.removeprefix("https://").split("/"))
        commits = record.text("commits") or ""
        slices = {cube.path: self._mint.id("dataset", cube.slug, "slice", party.slug) for cube in _CUBES}
        project = _Project(
            party, record.evidence, slices, int(commits) if commits.isascii() and commits.isdigit() else None
        )
        return project, [
            (party.iri, RDF.type, OSAI.OpenSourceAIProject),
            (party.iri, OSAI.name, Literal(name)),
            (party.iri, OSAI.hasRepository, repository),
            (repository, RDF.type, OSAI.Repository),
            (repository, OSAI.repositoryUrl, Literal(address, datatype=XSD.anyURI)),
            *self._slices(record, project),
            *self._hands(record, party),
        ]

    def _slices(self, record: Record, project: _Project) -> Iterator[Triple]:
        """Describe the slices of a project: what history was counted, and its part in the study."""
        group, commit = record.lookup("group"), record.text("history_commit")
        first, last = record.text("first_commit"), record.text("last_commit")
        for cube in _CUBES:
            node = project.slices[cube.path]
            yield node, RDF.type, QB.Slice
            yield node, OSAI.name, Literal(f"{cube.name}: {project.party.name}")
            yield node, QB.sliceStructure, self._mint.id("dataset", cube.slug, "slice-key")
            yield node, DCTERMS.subject, project.party.iri
            if commit:
                yield node, OSAI.historyCommit, Literal(commit)
            if group:
                yield node, OSAI.studyGroup, self._mint.concept("study-group", group)
            try:
                for predicate, value in lasted(first, last):
                    yield node, predicate, value
            except ValueError as error:
                record.warn(str(error), kind="date")

    def _hands(self, record: Record, project: Party) -> Iterator[Triple]:
        """Describe who kept the project, who took it on, and every later move."""
        kind, evidence = record.lookup("event"), record.lookup("event_evidence")
        date = record.text("event_date")
        givers, takers = (self._named(record, field) for field in ("from_org", "to_org"))
        if kind is None:
            for keeper in givers:  # a control stays with whoever has it
                yield from self._described(keeper)
                yield from self._life.hosts(project, keeper, seen=self._source.as_of.isoformat())
            return
        if not date or not evidence or not takers:
            why = "no date" if not date else "no evidence that was verified" if not evidence else "no taker"
            record.warn(f"the {record.values['event']} of {project.name} has {why}, so it is left out", kind="no-event")
            return
        # An event that names its givers ends their keeping; of others the project is only known to be taken on.
        moves = [_Move(OSAI[kind] if givers else OSAI.Acceptance, tuple(givers), takers[0], date, evidence)]
        for taker, day in self._later(record):
            moves.append(_Move(OSAI.Transfer, (moves[-1].taker,), taker, day, "stated"))
        try:
            if moves[0].kind == OSAI.Transfer:
                for giver in givers:
                    yield from self._life.hosts(project, giver, end=date)
            for move, following in zip(moves, [*moves[1:], None], strict=True):
                yield from self._moves(project, move)
                yield from self._life.hosts(
                    project, move.taker, start=move.date, end=following.date if following else None
                )
        except ValueError as error:
            record.warn(str(error), kind="date")

    def _moves(self, project: Party, move: _Move) -> Iterator[Triple]:
        """Describe one event by which a project changes hands, and who takes part."""
        for party in (*move.givers, move.taker):
            yield from self._described(party)
        about = [(OSAI.concernsProject, project.iri), (OSAI.concernsOrganization, move.taker.iri)]
        name = f"{move.taker.name} accepts {project.name}"
        ended: list[URIRef] = []
        if move.kind == OSAI.Transfer:
            about += [(OSAI.fromAgent, giver.iri) for giver in move.givers]
            about.append((OSAI.toAgent, move.taker.iri))
            givers = " and ".join(giver.name for giver in move.givers)
            name = f"Transfer of {project.name} from {givers} to {move.taker.name}"
            ended = [self._life.hosting(project, giver) for giver in move.givers]
        else:
            about += [(OSAI.hasParticipant, giver.iri) for giver in move.givers]
        yield from self._life.event(
            self._life.acceptance(project, move.taker),
            move.kind,
            name,
            move.date,
            move.evidence,
            about=about,
            initiates=[self._life.hosting(project, move.taker)],
            terminates=ended,
        )

    def _later(self, record: Record) -> Iterator[tuple[Party, str]]:
        """Give each later move that ``other_dates`` tells of; its other dates stand in the sources that give them."""
        for said in filter(None, _PARTS.split(record.text("other_dates") or "")):
            if move := _LATER.fullmatch(said):
                if party := self._party(record, "other_dates", move["taker"]):
                    yield party, move["date"]
            elif _TOLD_ELSEWHERE.fullmatch(said):
                record.ignore("other_dates")
            else:
                record.warn(
                    f"other_dates says {said!r}, which is no date with a source", kind="unsure-date", value=said
                )

    def _named(self, record: Record, field: str) -> list[Party]:
        """Give the organizations that a field names, between semicolons."""
        named = (self._party(record, field, text) for text in _PARTS.split(record.text(field) or "") if text)
        return [party for party in named if party]

    def _party(self, record: Record, field: str, text: str) -> Party | None:
        """Give the organization that a text means; None where it names nobody in particular."""
        name = record.meaning(field, text, "organization")
        if not name:
            return None
        if name not in self._parties:
            slug = self._organizations[name].slug
            iri = self._mint.id("org", slug) if slug else self._mint.iri("org", f"{self._source.name}:{name}", name)
            self._parties[name] = Party(iri, name)
        return self._parties[name]

    def _described(self, party: Party) -> Iterator[Triple]:
        """Describe an organization the first time that it takes part."""
        if party.name not in self._met:
            self._met.add(party.name)
            yield party.iri, RDF.type, OSAI[self._organizations[party.name].kind]
            yield party.iri, OSAI.name, Literal(party.name)


# ---- Observations ----------------------------------------------------------------------------------------------------


def _structure(cube: _Cube, mint: Mint, projects: Iterable[_Project]) -> Iterator[Triple]:
    """Describe a cube: its components, the key of its slices, and its slices."""
    dataset, structure = mint.id("dataset", cube.slug), mint.id("dataset", cube.slug, "structure")
    key = mint.id("dataset", cube.slug, "slice-key")
    yield dataset, RDF.type, QB.DataSet
    yield dataset, RDF.type, OSAI.Dataset
    yield dataset, OSAI.name, Literal(cube.name)
    yield dataset, QB.structure, structure
    yield structure, RDF.type, QB.DataStructureDefinition
    components = [(QB.dimension, term) for term in cube.dimensions]
    components += [(QB.measure, term) for term in cube.measures.values()]
    components += [(QB.attribute, term) for term in (OSAI.obsOrganization, OSAI.historyCommit, OSAI.studyGroup)]
    for predicate, term in components:
        component = mint.id("dataset", cube.slug, "structure", term.removeprefix(str(OSAI)))
        yield structure, QB.component, component
        yield component, RDF.type, QB.ComponentSpecification
        yield component, predicate, term
        if term in (OSAI.historyCommit, OSAI.studyGroup):
            yield component, QB.componentAttachment, QB.Slice
    yield key, RDF.type, QB.SliceKey
    yield key, QB.componentProperty, OSAI.obsProject
    yield structure, QB.sliceKey, key
    for project in projects:
        yield dataset, QB.slice, project.slices[cube.path]


def _observations(
    source: Source,
    snapshot: Snapshot,
    mint: Mint,
    issues: Issues,
    cube: _Cube,
    projects: Mapping[str, _Project],
    numbers: Iterator[int],
) -> Iterator[Assertion]:
    """Yield one observation for each row of a table."""
    by_group = OSAI.evidenceGrade in cube.dimensions
    columns = ("project", "month", *(("domain", "evidence") if by_group else ()), *cube.measures)
    groups, counts = _Groups(source, mint), _Counts()
    grades = {spelled: mint.concept("evidence-grade", grade) for spelled, grade in source.lookups["evidence"].items()}
    months: dict[str, Literal] = {}
    totals: Counter[str] = Counter()
    seen: set[URIRef] = set()
    everybody = groups.all
    for line, row in rows(snapshot, cube.path, columns=columns):
        locator = f"{cube.path}:{line}"
        if not seen:
            _account(row.keys() - set(columns), source, issues, locator)
        try:
            project, month = projects[row["project"]], row["month"]
            if month not in months:
                months[month] = _month(month)
            group = groups[row["domain"]] if by_group else everybody
            grade = grades[row["evidence"]] if by_group else None
            values = [counts[row[column]] for column in cube.measures]
        except KeyError as error:
            issues.warn(
                f"{error.args[0]!r} is no project, month, domain, evidence or count that this table may hold",
                locator=locator,
                kind="unreadable-row",
                value=str(error.args[0])[:80],
            )
            continue
        node = mint.id("obs", project.party.slug, group.key, row["evidence"] if by_group else "all", month)
        if node in seen:
            raise DriftError(f"{source.name}: {locator}: the same project, month and group stood above; fetch it again")
        seen.add(node)
        totals[row["project"]] += int(row["commits"])
        evidence = Evidence(snapshot, next(numbers), locator)
        if not group.described:
            group.described = True
            for triple in groups.describe(group):
                yield Assertion(*triple, evidence)
        # In the slice because its project is: by the record of the project, so that the slice has one record.
        yield Assertion(project.slices[cube.path], QB.observation, node, project.evidence)
        yield Assertion(node, RDF.type, OSAI.ContributionObservation, evidence)
        yield Assertion(node, OSAI.obsProject, project.party.iri, evidence)
        yield Assertion(node, OSAI.obsMonth, months[month], evidence)
        yield Assertion(node, OSAI.obsContributorGroup, group.iri, evidence)
        if grade:
            yield Assertion(node, OSAI.evidenceGrade, grade, evidence)
        for measure, value in zip(cube.measures.values(), values, strict=True):
            yield Assertion(node, measure, value, evidence)
    for name, project in projects.items() if by_group else ():
        if project.commits != totals[name]:
            issues.warn(
                f"{cube.path} counts {totals[name]} commits of {name}, and its row here says {project.commits}",
                locator=project.evidence.locator,
                kind="totals-differ",
            )


def _month(text: str) -> Literal:
    if not _MONTH.fullmatch(text):
        raise KeyError(text)
    return Literal(text)


def _account(unknown: Iterable[str], source: Source, issues: Issues, locator: str) -> None:
    """Say once for a table which of its columns nobody reads."""
    for column in sorted(unknown):
        if column in source.ignore:
            issues.ignore(column)
        else:
            issues.warn(
                f"the column {column} is neither mapped nor ignored; map it, or name it in [ignore] of "
                f"{source.definition.name}",
                locator=locator,
                kind="unknown-field",
                field=column,
            )


class _Counts(dict[str, Literal]):
    """Whole numbers by their text; each literal is made once. A text that is no number is a KeyError."""

    def __missing__(self, text: str) -> Literal:
        if not (text.isascii() and text.isdigit()):
            raise KeyError(text)
        self[text] = Literal(str(int(text)), datatype=XSD.nonNegativeInteger, normalize=False)
        return self[text]


@dataclass(slots=True)
class _Group:
    """A group of contributors: its concept, its step in the IRI of an observation, and its domain if it is one."""

    iri: URIRef
    key: str
    domain: str | None
    described: bool


class _Groups(dict[str, _Group]):
    """Groups by what the table calls them. A text that is neither listed nor a domain is a KeyError."""

    def __init__(self, source: Source, mint: Mint) -> None:
        super().__init__()
        self._listed = source.lookups["domain"]
        self._mint = mint
        self._scheme = mint.scheme("contributor-group")
        self._broader = mint.concept("contributor-group", "domain")
        self.all = self._known("all")

    def __missing__(self, text: str) -> _Group:
        if notation := self._listed.get(text):
            self[text] = self._known(notation)
        elif _DOMAIN.fullmatch(text):
            self[text] = _Group(self._mint.concept("contributor-group", f"domain-{text}"), text, text, described=False)
        else:
            raise KeyError(text)
        return self[text]

    def _known(self, notation: str) -> _Group:
        return _Group(self._mint.concept("contributor-group", notation), notation, None, described=True)

    def describe(self, group: _Group) -> Iterator[Triple]:
        """Describe the concept of a domain."""
        yield group.iri, RDF.type, SKOS.Concept
        yield group.iri, SKOS.prefLabel, Literal(group.domain, lang="en")
        yield group.iri, SKOS.notation, Literal(f"domain-{group.domain}")
        yield group.iri, SKOS.definition, Literal(f"Authors whose address is below {group.domain}.", lang="en")
        yield group.iri, SKOS.inScheme, self._scheme
        yield group.iri, SKOS.broader, self._broader

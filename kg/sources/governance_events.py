"""Reads dated governance events: those that landscapes state, and those observed in the history of one landscape.

Stated events have the IRIs that ``kg.sources.landscape2`` gives them, so that both sources tell of the same happening.

Observed events are edits of a file. The day of an edit is a few days after the decision, sometimes more, and may lie
before the announcement: neither "on" nor "before" nor "after" it is true, so the date is approximate (EDTF ``~``) and
the event is marked as observed. The commit of the edit is the key of its record.

- An item that enters the list is taken on by the foundation: an acceptance, which begins a hosting and a standing.
- A change of stage is a change of maturity, or an archival.
- An item that leaves the list ends its standing and its hosting. Nothing says where it went, or if it was archived.
- An item that comes back is no second acceptance: it begins a second hosting and a second standing.
- An item that leaves while another with its repository enters at the same stage was renamed: no event.

Source: README of the data set governance-events, on how the tables were cut and what an observed date is.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date

from pydantic import BaseModel, ConfigDict
from rdflib import RDF, SKOS, Literal, URIRef
from rdflib.namespace import XSD

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, edtf, keys, reading
from kg.sources.landscape2 import project_key, project_keys
from kg.sources.lifecycle import STAGES, History, Lifecycle, Party, Triple
from kg.sources.record import Record
from kg.vocab import OSAI

STATED, OBSERVED = "landscape_stated_events.csv", "lfai_observed_transitions.csv"
_STATED_COLUMNS = (
    *("landscape", "project", "repo_url", "homepage_url", "event", "date", "evidence", "current_maturity", "slug"),
)
_OBSERVED_COLUMNS = ("observed_date", "item", "repo_url", "from_maturity", "to_maturity", "upstream_commit")
_RENAMED_WITHIN = 21  # days between the two edits of a renaming; the data set drops re-adding within as many


class _Foundation(BaseModel):
    """A foundation whose events are listed, by the slug of its IRI."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    stages: dict[str, str] = {}  # what the data set calls a stage -> notation of the concept


class Settings(BaseModel):
    """``[settings]`` of the source.

    ``observed`` is the foundation of which transitions were observed, one of ``foundations``.
    ``suffixes`` are bracketed words at the end of names that belong to the list. ``organizations`` are items of the
    landscape of the Linux Foundation that are no projects, with the slug of their IRI where it is fixed.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    observed: str
    foundations: dict[str, _Foundation]
    suffixes: tuple[str, ...] = ()
    organizations: dict[str, str] = {}


@dataclass(slots=True)
class _Row:
    """One row with its record; the project or the fund that it is about is found before any row is described."""

    record: Record
    text: Mapping[str, str]
    about: Party | None = None
    is_fund: bool = False
    number: int = 0
    said: list[Triple] = field(default_factory=list)


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Read both tables; about fifteen assertions a row. Raises DriftError when a table has other columns."""
    yield from _Events(source, snapshot, mint, issues).assertions()


class _Events:
    def __init__(self, source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> None:
        self._source, self._snapshot, self._mint, self._issues = source, snapshot, mint, issues
        self._settings = source.settings_of(Settings)
        self._lifecycle = Lifecycle(mint)
        self._seen = source.as_of.isoformat()
        self._suffix = re.compile(rf"\s*\((?:{'|'.join(map(re.escape, self._settings.suffixes))})\)$", re.IGNORECASE)
        self._foundations = {
            slug: Party(mint.id("org", slug), said.name) for slug, said in self._settings.foundations.items()
        }
        self._named: dict[URIRef, str] = {}
        self._count = 0

    def assertions(self) -> Iterator[Assertion]:
        stated = list(self._rows(STATED, _STATED_COLUMNS))
        observed = list(self._rows(OBSERVED, _OBSERVED_COLUMNS))
        self._read_stated(stated)
        self._read_observed(observed)
        for row in (*stated, *observed):
            for subject, predicate, value in row.said:
                yield Assertion(subject, predicate, value, row.record.evidence)
            row.record.close()

    def _rows(self, path: str, columns: tuple[str, ...]) -> Iterator[_Row]:
        for line, values in reading.rows(self._snapshot, path, columns=columns):
            self._count += 1
            key = values.get("upstream_commit") or values.get("slug") or None
            name = values.get("project") or values.get("item") or None
            evidence = Evidence(self._snapshot, self._count, f"{path}:{line}", key, name)
            yield _Row(Record(values, evidence, self._source, self._issues), values)
        if not self._count:
            raise DriftError(f"{self._source.name}: {path}: the table has no rows")

    # ---- Stated ----------------------------------------------------------------------------------------------------

    def _read_stated(self, rows: list[_Row]) -> None:
        by_landscape: dict[str, list[_Row]] = defaultdict(list)
        for row in rows:
            by_landscape[row.text["landscape"]].append(row)
        for landscape, listed in by_landscape.items():
            self._name(landscape, listed)
        together: dict[tuple[str, URIRef], list[_Row]] = defaultdict(list)
        for row in rows:
            foundation = row.record.lookup("landscape")
            word = row.record.lookup("event")
            for column in ("project", "slug", "current_maturity"):
                row.record.take(column)
            if row.about is None or foundation is None or word is None or not self._dated(row, "date"):
                self._take_all(row)
                continue
            row.said += self._introduce(row)
            together[foundation, row.about.iri].append(row)
        for (slug, _), told in together.items():
            self._tell(slug, told)

    def _name(self, landscape: str, rows: list[_Row]) -> None:
        """Find the project or fund of each row of one landscape, as the loader of that landscape finds it."""
        names = [self._plain(row.text["project"]) for row in rows]
        found = [project_key(row.text["repo_url"], row.text["homepage_url"]) for row in rows]
        projects = [
            (key, name) for key, name in zip(found, names, strict=True) if name not in self._settings.organizations
        ]
        owned = project_keys(projects)
        met: dict[str, Party] = {}
        for row, key, name in zip(rows, found, names, strict=True):
            if not name:
                row.record.warn("the row names no project; it is left out", kind="no-name")
            elif name in self._settings.organizations:
                row.is_fund = True
                row.about = self._fund(landscape, name)
            else:
                _, own = owned.get((key, keys.plain_name(name)), (None, False))
                known = key if key and own else f"{landscape}:{name}"
                row.about = met.setdefault(known, Party(self._mint.iri("project", known, name), name))

    def _fund(self, landscape: str, name: str) -> Party:
        """Give the organization that a landscape lists under a name; the loader of landscapes mints it alike."""
        slug = self._settings.organizations[name]
        key = f"{landscape}:{keys.plain_name(name)}"
        return Party(self._mint.id("org", slug) if slug else self._mint.iri("org", key, name), name)

    def _tell(self, slug: str, rows: list[_Row]) -> None:
        """Describe what one landscape states of one project; each triple goes to the row that tells it."""
        about, foundation = rows[0].about, self._foundations[slug]
        assert about is not None  # noqa: S101  # rows without one were left out
        stages = self._settings.foundations[slug].stages
        dates: dict[str, str] = {}
        by_word: dict[str, _Row] = {}
        for row in rows:
            word = row.text["event"]
            if dates.setdefault(word, row.text["date"]) != row.text["date"]:
                row.record.warn(f"a second date of the same event; the first is {dates[word]}", kind="two-dates")
            elif (first := by_word.setdefault(word, row)) is not row:
                row.record.warn(
                    f"the same event of the same project as at {first.record.evidence.locator}; it is told once",
                    kind="told-before",
                )
        accepted = dates.get("accepted")
        if rows[0].is_fund:
            if accepted:
                by_word["accepted"].said += self._lifecycle.accepts_fund(about, foundation, accepted, "stated")
            return
        dated = tuple((stages[word], dates[word]) for word in STAGES if word in dates and word in stages)
        now = rows[-1].text["current_maturity"]
        if now and now not in stages:
            rows[-1].record.warn(
                f"current_maturity is {now!r}, which is no stage of {foundation.name}", kind="unknown-value", value=now
            )
        told = History(accepted, dated, stages.get(now), stages.get("archived"))
        for fault in told.faults():
            rows[-1].record.warn(fault, kind="stages-disagree")
        words = {stages[word]: word for word in STAGES if word in stages}
        for teller, triple in self._lifecycle.history(
            about, foundation, told, hosted=accepted is not None, seen=self._seen
        ):
            by_word.get(words.get(teller, teller), rows[-1]).said.append(triple)

    # ---- Observed --------------------------------------------------------------------------------------------------

    def _read_observed(self, rows: list[_Row]) -> None:
        kept = []
        for row in rows:
            for column in ("from_maturity", "to_maturity"):
                row.record.lookup(column, "maturity")
            for column in ("item", "upstream_commit"):
                row.record.take(column)
            if self._dated(row, "observed_date") and row.text["item"]:
                kept.append(row)
            else:
                self._take_all(row)
        for same in _of_one_project(kept):
            self._follow(same)

    def _follow(self, rows: list[_Row]) -> None:
        """Walk through what was observed of one project, which may have had several names and repositories.

        The project has the name and the repository that it had last.
        """
        lifecycle, foundation = self._lifecycle, self._foundations[self._settings.observed]
        name, last = rows[-1].text["item"], rows[-1].text["repo_url"]
        key = project_key(last, last) or f"{self._source.name}:{name}"
        project = Party(self._mint.iri("project", key, name), name)
        renamed = _renamings(rows)
        moves = [row for row in rows if id(row) not in renamed]
        for row in rows:
            row.about = project
            row.said += self._introduce(row)
            if id(row) in renamed and not row.text["to_maturity"]:
                row.record.warn(f"{row.text['item']!r} was renamed {renamed[id(row)]!r}; no event", kind="renamed")
        spell, counts = 0, defaultdict[str, int](int)
        standing: tuple[str, int] | None = None
        for index, row in enumerate(moves):
            day = f"{row.text['observed_date']}~"
            left, came = self._stage(row.text["from_maturity"]), self._stage(row.text["to_maturity"])
            if (standing[0] if standing else None) != left:
                row.record.warn(
                    f"it leaves the stage {left or 'none'}, and stood at {standing[0] if standing else 'none'}",
                    kind="stages-disagree",
                )
            ended = (lifecycle.standing(project, *standing),) if standing else ()
            if came is None:
                hosting = lifecycle.hosting(project, foundation, spell=max(spell, 1))
                row.said += lifecycle.leaves(
                    project, foundation, day, "observed", spell=max(spell, 1), terminates=(*ended, hosting)
                )
                standing = None
                continue
            counts[came] += 1
            until = f"{moves[index + 1].text['observed_date']}~" if index + 1 < len(moves) else None
            begins: tuple[URIRef, ...] = ()
            if standing is None:
                spell += 1
                gone = next((each for each in moves[index + 1 :] if not each.text["to_maturity"]), None)
                end = f"{gone.text['observed_date']}~" if gone else None
                row.said += lifecycle.hosts(project, foundation, start=day, end=end, spell=spell)
                begins = (lifecycle.hosting(project, foundation, spell=spell),)
            standing = came, counts[came]
            row.said += lifecycle.stands(project, came, start=day, end=until, spell=counts[came])
            if spell == 1 and begins:
                begun = (*begins, lifecycle.standing(project, *standing))
                row.said += lifecycle.accepts(project, foundation, day, "observed", initiates=begun)
            else:
                row.said += lifecycle.enters(
                    project,
                    foundation,
                    came,
                    day,
                    "observed",
                    left=left,
                    archived=came == self._stage("archived"),
                    spell=counts[came],
                    initiates=begins,
                    terminates=ended,
                )

    def _stage(self, word: str) -> str | None:
        return self._source.lookups.get("maturity", {}).get(word) if word else None

    # ---- Both ------------------------------------------------------------------------------------------------------

    def _introduce(self, row: _Row) -> Iterator[Triple]:
        """Give what a row says of its project or fund itself: once its name, and its addresses."""
        about, record = row.about, row.record
        assert about is not None  # noqa: S101  # rows without one were left out
        repository = keys.repository(record.text("repo_url") or "")
        homepage = record.text("homepage_url")
        known = self._named.get(about.iri)
        if known is None:
            self._named[about.iri] = about.name
            kind = OSAI.OpenSourceProject if repository else OSAI.Project
            yield about.iri, RDF.type, OSAI.Organization if row.is_fund else kind
            yield about.iri, OSAI.name, Literal(about.name)
        called = self._plain(row.text.get("project") or row.text["item"])
        if called != (known or about.name):
            yield about.iri, SKOS.altLabel, Literal(called)
        if homepage and keys.homepage(homepage):
            yield about.iri, OSAI.homepage, _address(homepage)
        if repository and not row.is_fund:
            place = self._mint.id("repository", *repository.removeprefix("https://").split("/"))
            yield about.iri, OSAI.hasRepository, place
            yield place, RDF.type, OSAI.Repository
            yield place, OSAI.repositoryUrl, _address(repository)

    def _dated(self, row: _Row, column: str) -> bool:
        """Tell whether a row has a date; one that has none is an issue and is left out."""
        written = row.record.text(column) or ""
        evidence = row.record.lookup("evidence") if "evidence" in row.text else "observed"
        try:
            edtf.bounds(written)
            date.fromisoformat(written)
        except ValueError as error:
            row.record.warn(f"{column}: {error}; the row is left out", kind="no-date", field=column, value=written)
            return False
        return evidence is not None

    def _take_all(self, row: _Row) -> None:
        for column in row.text:
            row.record.take(column)

    def _plain(self, name: str) -> str:
        return (self._suffix.sub("", name.strip()) if self._settings.suffixes else name.strip()) or name.strip()


def _of_one_project(rows: Iterable[_Row]) -> list[list[_Row]]:
    """Group rows that share an item's name or a repository, over any number of steps; in order of the file."""
    groups: dict[str, list[_Row]] = {}
    for row in rows:
        address = row.text["repo_url"]
        marks = {f"name {row.text['item']}", f"repository {keys.repository(address) or address}"}
        joined: list[list[_Row]] = []
        for mark in sorted(marks):
            if mark in groups and not any(groups[mark] is each for each in joined):
                joined.append(groups[mark])
        merged = [*(each for group in joined for each in group), row]
        for mark, group in groups.items():
            if any(group is each for each in joined):
                groups[mark] = merged
        groups.update(dict.fromkeys(marks, merged))
    found: dict[int, list[_Row]] = {id(group): group for group in groups.values()}
    return [sorted(group, key=lambda row: row.record.evidence.number) for group in found.values()]


def _renamings(rows: list[_Row]) -> dict[int, str]:
    """Pair each row by which an item leaves with one by which another enters at the same stage, at about that time.

    Gives, for both rows of a pair (by identity), the new name.
    """
    found: dict[int, str] = {}
    for gone in (row for row in rows if not row.text["to_maturity"]):
        day = date.fromisoformat(gone.text["observed_date"])
        entering = [
            (abs((date.fromisoformat(row.text["observed_date"]) - day).days), row.record.evidence.number, row)
            for row in rows
            if not row.text["from_maturity"]
            and row.text["to_maturity"] == gone.text["from_maturity"]
            and row.text["item"] != gone.text["item"]
            and id(row) not in found
        ]
        distance, _, new = min(entering, key=lambda each: each[:2], default=(_RENAMED_WITHIN + 1, 0, gone))
        if distance <= _RENAMED_WITHIN:
            found[id(gone)] = found[id(new)] = new.text["item"]
    return found


def _address(text: str) -> Literal:
    return Literal(text, datatype=XSD.anyURI, normalize=False)

"""What the page of each kind of thing shows before its properties: the picture that suits it, and the tables behind it.

A view is a template and what it needs, made from a few page queries. A thing that has several kinds (a foundation that
is judged) gets each view that has something to show.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time
from urllib.parse import quote

from rdflib import SKOS, Literal
from rdflib.term import Node

from kg.vocab import OSAI
from kg.web import pictures
from kg.web.asking import Asking, Row, string
from kg.web.sectors import Sector, Sectors
from kg.web.terms import Cell, iri_cell

_SHOWN = 15  # rows of a table on a page; the rest is behind a link or in the query
_TOP_ORGANIZATIONS = 12

# Who gives commits, as a picture stacks them: from the ground up, the giver of the project first.
_GIVER, _COMPANIES, _FOUNDATIONS, _ACADEMIA, _OTHERS, _NOBODY = (
    "the giver",
    "other companies",
    "foundations and non-profits",
    "universities and research",
    "other organizations",
    "nobody known",
)
_SERIES = (_GIVER, _COMPANIES, _FOUNDATIONS, _ACADEMIA, _OTHERS, _NOBODY)
_KIND_OF = {
    str(OSAI.Company): _COMPANIES,
    str(OSAI.Foundation): _FOUNDATIONS,
    str(OSAI.NonProfitOrganization): _FOUNDATIONS,
    str(OSAI.AcademicInstitution): _ACADEMIA,
    str(OSAI.ResearchFacility): _ACADEMIA,
    str(OSAI.PublicBody): _OTHERS,
}


# What is told of a person, in this order.
_PERSON_PARTS = ("works for", "took part in", "wrote", "is credited with")
_SECTOR_GROUPS = (("Projects", OSAI.Project), ("Organizations", OSAI.Organization), ("Findings", OSAI.Finding))
_SECTOR_SHOWN = 50
_LONGEST_LABEL = 64  # characters of a label in a picture; the table beside it has the whole


@dataclass(frozen=True, slots=True)
class View:
    """One part of a page: which template shows it, what it needs, and the queries behind it."""

    template: str
    context: Mapping[str, object]
    queries: tuple[str, ...]


class Kinds:
    """The views of things over one store."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._sectors = Sectors(asking)
        self._views: dict[str, Callable[[str], View | None]] = {
            str(OSAI.Project): self._project,
            str(OSAI.Organization): self._organization,
            str(OSAI.GovernanceEvent): self._event,
            str(OSAI.Model): self._model,
            str(OSAI.Document): self._document,
            str(OSAI.Economy): self._economy,
            str(OSAI.Licence): self._licence,
            str(OSAI.Person): self._person,
            str(SKOS.Concept): self._sector,
        }

    def views(self, iri: str, types: frozenset[str]) -> list[View]:
        """Give the parts of the page of a thing that has these classes, those with something to show."""
        found = [view(iri) for kind, view in self._views.items() if kind in types]
        return [view for view in found if view is not None]

    # --- projects -----------------------------------------------------------------------------------------------------

    def _project(self, iri: str) -> View | None:
        situations = self._asking.ask("project-situations", project=iri)
        events = self._asking.ask("project-events", project=iri)
        moments = [moment for row in events if (moment := self._moment(row)) is not None]
        context = {
            "line": pictures.time_line(list(map(self._stretch, situations)), moments, today=self._today()),
            "situations": [
                {
                    "lane": string(row, "lane"),
                    "what": self._asking.shown(row, "what", "whatName"),
                    "since": _span_of_days(row, "earliestStart", "latestStart") or "unknown",
                    "until": _span_of_days(row, "earliestEnd", "latestEnd")
                    or ("unknown, it is over" if "endedBy" in row else "–"),
                    "situation": self._asking.shown(row, "situation"),
                }
                for row in situations
            ],
            "events": [(string(row, "date") or "undated", self._asking.shown(row, "event", "name")) for row in events],
        }
        contributions = self._contributions(iri, events)
        queries = ["project-situations", "project-events"]
        if contributions:
            queries += ["project-contributions", "project-contributors"]
        if not situations and not events and not contributions:
            return None
        texts = tuple(self._asking.text(name, project=iri) for name in queries)
        return View("kind-project.html", context | contributions, texts)

    def _stretch(self, row: Row) -> pictures.Stretch:
        what = self._asking.shown(row, "what", "whatName")
        begun = (_years(row.get("earliestStart")), _years(row.get("latestStart")))
        ended = (_years(row.get("earliestEnd")), _years(row.get("latestEnd")))
        return pictures.Stretch(
            lane=string(row, "lane") or "",
            label=what.text if what else "",
            href=what.href if what else None,
            begun=begun,
            ended=ended,
            open=ended == (None, None) and "endedBy" not in row,
        )

    def _moment(self, row: Row) -> pictures.Moment | None:
        at = _years(row.get("from")) or _years(row.get("to"))
        event = self._asking.shown(row, "event", "name")
        if at is None or event is None:
            return None
        date = string(row, "date")
        return pictures.Moment(f"{event.text} ({date})" if date else event.text, event.href, at)

    def _contributions(self, project: str, events: Sequence[Row]) -> dict[str, object]:
        """Give the picture and the tables of who gives commits to a project, or nothing where they are not counted."""
        counted = self._asking.ask("project-contributions", project=project)
        if not counted:
            return {}
        names: dict[str, str] = {}
        kinds: dict[str, str] = {}
        wholes: dict[str, set[str]] = defaultdict(set)
        for row in self._asking.ask("project-contributors", project=project):
            known = str(row["organization"])
            names.setdefault(known, string(row, "name") or self._asking.path(known))
            if "kind" in row:
                kinds.setdefault(known, _KIND_OF[str(row["kind"])])
            if "whole" in row:
                wholes[known].add(str(row["whole"]))
        givers = {str(row["giver"]) for row in events if "giver" in row}
        quarters: dict[str, Counter[str]] = defaultdict(Counter)
        totals: Counter[str | None] = Counter()
        for row in counted:
            organization = str(row["organization"]) if "organization" in row else None
            commits = int(str(row["commits"]))
            group = _NOBODY
            if organization:
                is_giver = not givers.isdisjoint({organization, *wholes[organization]})
                group = _GIVER if is_giver else kinds.get(organization, _OTHERS)
            quarters[str(row["quarter"])][group] += commits
            totals[organization] += commits
        whole = totals.total()
        giver_names = sorted({string(row, "giverName") or "" for row in events if "giver" in row} - {""})
        spelled = {_GIVER: f"{' and '.join(giver_names)} (the giver)"} if giver_names else {}
        series = [name for name in _SERIES if any(name in of for of in quarters.values())]
        shown = {quarter: {spelled.get(name, name): of[name] for name in series} for quarter, of in quarters.items()}
        moments = [
            moment for row in events if str(row.get("transfer")) == "true" and (moment := self._moment(row)) is not None
        ]
        labels = [spelled.get(name, name) for name in series]
        toned = [(label, _SERIES.index(name)) for label, name in zip(labels, series, strict=True)]
        return {
            "stack": pictures.stack(shown, toned, moments),
            "series": labels,
            "quarters": [(quarter, [shown[quarter][label] for label in labels]) for quarter in sorted(shown)],
            "givers": [
                (
                    iri_cell(organization, self._asking.link, names.get(organization)) if organization else None,
                    f"{commits:,}",
                    f"{commits / whole:.1%}",
                )
                for organization, commits in totals.most_common(_TOP_ORGANIZATIONS)
            ],
            "giver_count": sum(1 for organization in totals if organization),
        }

    # --- organizations ------------------------------------------------------------------------------------------------

    def _organization(self, iri: str) -> View | None:
        memberships = self._asking.ask("organization-memberships", organization=iri)
        levels = self._asking.ask("foundation-members", foundation=iri)
        projects = self._asking.ask("organization-projects", organization=iri)
        models = self._asking.ask("organization-models", organization=iri)
        judged = self._judged(iri)
        parts = {
            part: [(self._asking.shown(row, "project", "name"), _grouped(row.get("commits"))) for row in rows]
            for part, rows in itertools.groupby(projects, key=lambda row: str(row["part"]))
        }
        tables = list(self._memberships(memberships))
        if not (tables or levels or parts or models or judged):
            return None
        most = max((int(str(row["members"])) for row in levels), default=0)
        context = {
            "map": pictures.membership_map(
                [(one.text, one.href, level, inner) for one, level, inner, _ in tables if one is not None]
            ),
            "memberships": tables,
            "levels": [
                (
                    string(row, "level") or "no level stated",
                    f"{int(str(row['members'])):,}",
                    round(int(str(row["members"])) / most * 100),
                )
                for row in levels
            ],
            "members": f"{self._asking.root}/links?to={_quoted(self._asking.path(iri))}&by=osai:membershipIn",
            "hosted": f"{self._asking.root}/browse/projects?host={_quoted(self._asking.path(iri))}",
            "stewarded": f"{self._asking.root}/links?of={_quoted(self._asking.path(iri))}&by=osai:everStewardOf",
            "parts": {part: (rows[:_SHOWN], len(rows)) for part, rows in parts.items()},
            "models": [self._asking.shown(row, "model", "name") for row in models],
            "judged": judged,
        }
        names = ("organization-memberships", "organization-projects", "organization-models")
        texts = [self._asking.text(name, organization=iri) for name in names]
        return View("kind-organization.html", context, tuple(texts))

    def _memberships(self, rows: Sequence[Row]) -> Iterator[tuple[Cell | None, str, bool, str]]:
        """Give each membership once: the foundation, the level, whether it is a fund below the umbrella before it."""
        seen: dict[str, Row] = {}
        for row in rows:
            seen.setdefault(str(row["foundation"]), row)
        under: dict[str, list[str]] = defaultdict(list)
        for foundation, row in seen.items():
            umbrella = str(row.get("umbrella", ""))
            under[umbrella if umbrella in seen and umbrella != foundation else ""].append(foundation)

        def give(foundation: str, inner: bool) -> tuple[Cell | None, str, bool, str]:
            row = seen[foundation]
            since = string(row, "since")
            cell = self._asking.shown(row, "foundation", "name")
            return cell, string(row, "level") or "", inner, since[:10] if since else "unknown"

        for foundation in under.pop("", []):
            yield give(foundation, inner=False)
            for fund in under.pop(foundation, []):
                yield give(fund, inner=True)
        for funds in under.values():  # below each other
            for fund in funds:
                yield give(fund, inner=True)

    # --- judgements ---------------------------------------------------------------------------------------------------

    def _judged(self, iri: str) -> list[dict[str, object]]:
        """Give the grades of each judge and edition: how many of each, and aspect by aspect."""
        rows = self._asking.ask("assessments", thing=iri)
        judged: list[dict[str, object]] = []
        for (judge, edition), group in itertools.groupby(
            rows, key=lambda row: (string(row, "judge"), string(row, "edition"))
        ):
            grades = list(group)
            counts = Counter(str(row["grade"]) for row in grades)
            judged.append(
                {
                    "judge": self._asking.shown(grades[0], "judge", "judgeName") if judge else None,
                    "edition": edition,
                    "counts": [(grade, count) for grade, count in sorted(counts.items())],
                    "total": len(grades),
                    "grades": [(self._asking.shown(row, "aspect", "aspectName"), str(row["grade"])) for row in grades],
                }
            )
        return judged

    def _model(self, iri: str) -> View | None:
        judged = self._judged(iri)
        parts: dict[str, tuple[Cell | None, list[Cell]]] = {}
        kinds: dict[str, bool] = {}  # whether a licence is stated for any part of that kind
        for row in self._asking.ask("model-parts", model=iri):
            _, licences = parts.setdefault(str(row["part"]), (self._asking.shown(row, "part", "kindName"), []))
            licence = self._asking.shown(row, "licence", "licenceName") or (
                Cell(string(row, "licenceName") or "") if "licenceName" in row else None
            )
            if licence is not None and licence not in licences:
                licences.append(licence)
            kinds[str(row["kind"])] = kinds.get(str(row["kind"]), False) or licence is not None
        if not judged and not parts:
            return None
        texts = (self._asking.text("assessments", thing=iri), self._asking.text("model-parts", model=iri))
        context = {"judged": judged, "parts": list(parts.values()), "whole": self._whole(kinds)}
        return View("kind-model.html", context, texts)

    def _whole(self, listed: Mapping[str, bool]) -> list[tuple[Cell | None, str]]:
        """Give every part that a model may be released with, and how this one has it: the picture of its openness."""
        if not listed:
            return []
        state = {True: "licensed", False: "unlicensed", None: "absent"}
        return [
            (self._asking.shown(row, "kind", "name"), state[listed.get(str(row["kind"]))])
            for row in self._asking.ask("component-kinds")
        ]

    # --- events, documents, economies, licences -----------------------------------------------------------------------

    def _event(self, iri: str) -> View | None:
        parts: dict[str, list[tuple[Cell | None, str | None]]] = defaultdict(list)
        projects: list[str] = []
        for row in self._asking.ask("event", event=iri):
            shown = (self._asking.shown(row, "thing", "name"), string(row, "note"))
            if shown not in parts[str(row["part"])]:
                parts[str(row["part"])].append(shown)
            if str(row["part"]) == "project":
                projects.append(str(row["thing"]))
        dates = [
            (string(row, "date"), string(row, "source"), self._asking.shown(row, "graph"))
            for row in self._asking.ask("event-dates", event=iri)
        ]
        context: dict[str, object] = {
            "parts": dict(parts),
            "dates": dates,
            "differ": len({date for date, *_ in dates}) > 1,
        }
        texts = [self._asking.text(name, event=iri) for name in ("event", "event-dates")]
        if len(projects) == 1:
            events = [
                row for row in self._asking.ask("project-events", project=projects[0]) if str(row["event"]) == iri
            ]
            # Whatever changed hands or not, its own day is what the picture is about.
            events = [{**row, "transfer": Literal(True)} for row in events]
            contributions = self._contributions(projects[0], events)
            if contributions:
                context |= contributions
                texts.append(self._asking.text("project-contributions", project=projects[0]))
        return View("kind-event.html", context, tuple(texts))

    def _document(self, iri: str) -> View | None:
        sayings: dict[str, dict[str, object]] = {}
        for row in self._asking.ask("document-statements", document=iri):
            key = f"{row['statement']} {row.get('span')}"
            sayings.setdefault(
                key,
                {
                    "finding": self._asking.shown(row, "finding", "claim"),
                    "figure": string(row, "displayValue"),
                    "fidelity": (string(row, "fidelity") or "").rpartition("/")[2],
                    "place": (string(row, "start"), string(row, "end")) if "start" in row else None,
                    **{name: string(row, name) for name in ("before", "words", "after")},
                },
            )
        if not sayings:
            return None
        texts = (self._asking.text("document-statements", document=iri),)
        return View("kind-document.html", {"sayings": list(sayings.values())}, texts)

    def _economy(self, iri: str) -> View | None:
        series: dict[str, tuple[Cell | None, list[tuple[str, int]]]] = {}
        for row in self._asking.ask("economy", economy=iri):
            _, values = series.setdefault(str(row["measure"]), (self._asking.shown(row, "measure", "name"), []))
            values.append((str(row["period"]), int(str(row["count"]))))
        context = {
            "curves": [
                pictures.curve(cell.text, cell.href, values) for cell, values in series.values() if cell is not None
            ],
            "organizations": f"{self._asking.root}/links?to={_quoted(self._asking.path(iri))}&by=osai:inCountry",
        }
        return View("kind-economy.html", context, (self._asking.text("economy", economy=iri),))

    def _licence(self, iri: str) -> View | None:
        rows = self._asking.ask("licence", licence=iri)
        if not rows:
            return None
        groups = {"projects": [row for row in rows if str(row["isProject"]) == "true"]}
        groups["other artefacts"] = [row for row in rows if str(row["isProject"]) != "true"]
        context = {
            "groups": {
                name: [self._asking.shown(row, "thing", "name") for row in group] for name, group in groups.items()
            }
        }
        return View("kind-licence.html", context, (self._asking.text("licence", licence=iri),))

    # --- people, sectors ----------------------------------------------------------------------------------------------

    def _person(self, iri: str) -> View | None:
        rows = self._asking.ask("person", person=iri)
        if not rows:
            return None
        parts: dict[str, dict[str, dict[str, object]]] = {}
        for row in rows:
            found = parts.setdefault(str(row["part"]), {})
            one = found.setdefault(
                str(row.get("situation", row["thing"])),
                {
                    "thing": self._asking.shown(row, "thing", "name"),
                    "note": string(row, "note"),
                    "since": _span_of_days(row, "earliestStart", "latestStart"),
                    "until": _span_of_days(row, "earliestEnd", "latestEnd"),
                    "within": [],
                },
            )
            document = self._asking.shown(row, "in", "inName")
            if isinstance(one["within"], list) and document is not None and document not in one["within"]:
                one["within"].append(document)
        works = [self._stretch(_as_situation(row)) for row in rows if "situation" in row]
        spokes = [
            (_shortened(cell.text), cell.href, part, False)
            for part in _PERSON_PARTS
            for one in parts.get(part, {}).values()
            if isinstance(cell := one["thing"], Cell)
        ]
        context = {
            "line": pictures.time_line(works, [], today=self._today()),
            "map": pictures.membership_map(spokes),
            "parts": {part: list(parts[part].values()) for part in _PERSON_PARTS if part in parts},
        }
        return View("kind-person.html", context, (self._asking.text("person", person=iri),))

    def _sector(self, iri: str) -> View | None:
        """Give the place of a sector among the others and what is in it; nothing for a concept of another scheme."""
        if self._asking.site.release is None or not iri.startswith(f"{self._asking.base}concept/sector/"):
            return None
        sector = self._sectors.all.get(iri)
        if sector is None:
            return None
        over = self._sectors.over(sector)
        below = [self._sectors.all[one] for one in sector.below]
        rows = [(one, depth) for depth, one in enumerate([*over, sector])]
        rows += [(one, len(over) + 1) for one in below]
        groups: dict[str, dict[str, tuple[Cell | None, list[Cell]]]] = {}
        for row in self._asking.ask("sector-things", sector=iri):
            of_class = groups.setdefault(str(row["class"]), {})
            _, places = of_class.setdefault(str(row["thing"]), (self._asking.shown(row, "thing", "name"), []))
            place = self._sectors.all.get(str(row["in"]))
            if place is not None and place.iri != iri:
                places.append(iri_cell(place.iri, self._asking.link, place.code))
        context = {
            "tree": pictures.tree([self._drawn(one, depth, here=one.iri == iri) for one, depth in rows]),
            "rows": [
                (iri_cell(one.iri, self._asking.link, one.label), depth, f"{one.count:,}", f"{one.total:,}")
                for one, depth in rows
            ],
            "groups": [
                (title, list(groups[str(kind)].values())[:_SECTOR_SHOWN], len(groups[str(kind)]))
                for title, kind in _SECTOR_GROUPS
                if str(kind) in groups
            ],
        }
        return View("kind-sector.html", context, (self._asking.text("sector-things", sector=iri),))

    def _drawn(self, sector: Sector, depth: int, *, here: bool) -> tuple[str, str | None, int, int, bool]:
        return _shortened(sector.label), self._asking.link(sector.iri), depth, sector.total, here

    def _today(self) -> pictures.Years:
        release = self._asking.site.release
        if release is None:
            return pictures.years(datetime.now(UTC))
        return pictures.years(datetime.combine(release.manifest.as_of, time(), UTC))


def _years(term: Node | None) -> pictures.Years | None:
    return None if term is None else pictures.years(datetime.fromisoformat(str(term)))


def _span_of_days(row: Row, earliest: str, latest: str) -> str | None:
    """Say between which days something was, as far as they are known."""
    first, last = ((string(row, name) or "")[:10] for name in (earliest, latest))
    if not first and not last:
        return None
    if not first:
        return f"by {last}"
    if not last:
        return f"from {first}"
    return first if first == last else f"{first} to {last}"


def _as_situation(row: Row) -> Row:
    """Read a row of the query on a person as one on a project: in which lane, and what."""
    named = {"whatName": row["name"]} if "name" in row else {}
    return {**row, "lane": row["part"], "what": row["thing"], **named}


def _shortened(label: str) -> str:
    return label if len(label) <= _LONGEST_LABEL else f"{label[: _LONGEST_LABEL - 1].rstrip()}…"


def _grouped(term: Node | None) -> str | None:
    return None if term is None else f"{int(str(term)):,}"


def _quoted(text: str) -> str:
    return quote(text, safe="/:")

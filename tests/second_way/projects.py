"""What is one project among all lists, who accepts and hosts it when, and which fund is a part of which."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cached_property

from tests.second_way.giving import PROGRAMS
from tests.second_way.raw import CALLED, FOUNDATION, Item, Raw, letters, page, repository

AI_CATEGORIES = {
    "pytorch": {"Modeling", "Training", "Optimizations", "PyTorch Projects"},
    "lfai": {
        "Deep Learning", "Generative AI", "Machine Learning", "Model", "Natural Language Processing",
        "Reinforcement Learning", "Security & Privacy", "Trusted & Responsible AI",
    },
    "cncf": {"AI Agent", "AI Native Infra", "Data", "Inference", "Training", "Wasm / AI/Machine Learning"},
    "lf": {"Technology Sector / AI, ML, Data & Analytics"},
}  # fmt: skip
# Marks of a project that say that the foundation of the landscape hosts it. (That of PyTorch repeats marks of others.)
_LEVELS = {"archived", "graduated", "incubating", "incubation", "sandbox"}
STAGES: Mapping[str, set[str]] = {"pytorch": {"foundation"}, "lfai": _LEVELS, "cncf": _LEVELS, "lf": set()}
DAY = timedelta(days=1)  # how far an observed day may be off
RENAMED_WITHIN = timedelta(days=21)  # what leaves and comes back so soon was given another name
# Names that more than one project has: by the repository of one of them, what is meant.
NAMESAKES = {
    "github.com/didi/delta": "delta (language)", "github.com/delta-ml/delta": "delta (language)",
    "github.com/pytorch/ignite": "ignite (training)",
}  # fmt: skip
# Parts, forks and their like, which are listed with the repository or the page of the whole.
PARTS = {
    "Apache Camel K", "Concourse", "Jupyter Notebooks", "KrakenD", "Open Service Broker API", "OpenAPI",
    "Tekton Pipelines",
}  # fmt: skip
_SILENT = re.compile(r"\b(?:apache|project)\b", re.IGNORECASE)


@dataclass
class Entry:
    """What one row or item says of one project. Days are ISO dates, "" where nothing is said."""

    source: str
    name: str
    repository: str | None = None
    page: str = ""
    is_ai: bool = False
    accepted: dict[str, str] = field(default_factory=dict)  # foundation -> first possible day
    hosts: list[tuple[str, str, str]] = field(default_factory=list)  # who, since, until


Project = list[Entry]
Hosting = tuple[str, str, str]  # who, since when at the earliest, until when at the latest


class World(Raw):
    """The raw files, with what is one project, and what a part of what."""

    @cached_property
    def projects(self) -> list[Project]:
        return one_thing(entries(self))

    @cached_property
    def hosted(self) -> list[tuple[Project, list[Hosting]]]:
        """Give all projects, each with those who host it or hosted it."""
        return [(project, hostings(self, project)) for project in self.projects]

    @cached_property
    def observed(self) -> list[tuple[str, str | None, str, bool]]:
        """Give the changes in the list of LF AI & Data: item, repository, day, whether it is listed from then on."""
        return [
            (row["item"], repository(row["repo_url"]), row["observed_date"], bool(row["to_maturity"]))
            for row in self.table("governance-events/lfai_observed_transitions.csv")
        ]

    @cached_property
    def parts(self) -> dict[str, set[str]]:
        return parts(self)

    @cached_property
    def above(self) -> dict[str, set[str]]:
        """Give what each fund is a part of, at any distance."""
        found: dict[str, set[str]] = {}
        for name in self.parts:
            reached, todo = set[str](), [name]
            while todo:
                further = self.parts.get(todo.pop(), set()) - reached
                reached |= further
                todo += further
            found[name] = reached
        return found

    def are_apart(self, names: Iterable[str]) -> bool:
        """Tell whether two of these are no part of one another."""
        return any(
            one < other and one not in self.above.get(other, ()) and other not in self.above.get(one, ())
            for one in names
            for other in names
        )

    def is_foundation(self, name: str) -> bool:
        """Tell what is a foundation: a landscape's own, a fund by our judgement, or what the directory describes."""
        judged = self.umbrellas.get(name, "").startswith("Foundation")
        return judged or name in FOUNDATION.values() or name in self.described

    @cached_property
    def described(self) -> set[str]:
        names = {file["legalName"] for file in self.directory_files("foundations")}
        return {CALLED.get(name, name) for name in names} | {PROGRAMS["hyperledger"], PROGRAMS["openmainframe"]}


def one_thing(found: Iterable[Entry]) -> list[Project]:
    """Group entries into projects: by name, then by repository, then by page; never two that one source names apart.

    What is called a foundation has the repository and the page of the project that it serves, and is not the project;
    nor is a part of one that is listed with the repository of the whole. LF AI & Data renamed items, so what was
    observed may have several names.
    """
    entries = list(found)
    groups = {number: [number] for number in range(len(entries))}
    of = list(groups)

    def join(one: int, other: int) -> None:
        here, there = of[one], of[other]
        names: dict[str, set[str]] = defaultdict(set)
        for number in groups[here] + groups[there]:
            names[entries[number].source].add(letters(entries[number].name))
        if here != there and all(len(said) == 1 for source, said in names.items() if source != "observed"):
            for number in groups[there]:
                of[number] = here
            groups[here] += groups.pop(there)

    marks: tuple[Callable[[Entry], str | None], ...] = (
        name_mark,
        lambda entry: entry.repository,
        lambda entry: entry.page,
    )
    for mark in marks:
        alike: dict[str, list[int]] = defaultdict(list)
        for number, entry in enumerate(entries):
            is_part = entry.name.endswith("Foundation") or entry.name in PARTS
            if (said := mark(entry)) and (mark is name_mark or not is_part):
                for other in alike[said]:
                    join(other, number)
                alike[said].append(number)
    return [[entries[number] for number in sorted(group)] for group in groups.values()]


def name_mark(entry: Entry) -> str:
    """Give the letters of a name, without the words that many lists leave out; what is Apache's has no namesake."""
    bare = letters(_SILENT.sub("", entry.name.replace("Toolkit", "Toolbox")))
    is_apache = ".apache.org" in entry.page or (entry.repository or "").startswith("github.com/apache/")
    return NAMESAKES.get(entry.repository or "") or (f"apache {bare}" if is_apache else bare)


def entries(raw: Raw) -> Iterator[Entry]:
    """Read all that says who accepts or hosts which project, or that a project is about AI.

    Which items of the landscape of the Linux Foundation are organizations, and which of them projects too, is our
    judgement: it is taken from the settings of that source.
    """
    for item in raw.items:
        kind = raw.umbrellas.get(item.name, "project") if item.landscape == "lf" else "project"
        if item.is_project and "project" in kind:
            yield listed(item)
    for row in raw.table("governance-events/lfai_observed_transitions.csv"):
        day = date.fromisoformat(row["observed_date"])
        first = {FOUNDATION["lfai"]: (day - DAY).isoformat()} if row["to_maturity"] else {}
        yield Entry("observed", row["item"], repository(row["repo_url"]), accepted=first)
    for row in raw.table("contributions/projects.csv"):
        taker, given = CALLED.get(row["to_org"], row["to_org"]), row["event_date"]
        entry = Entry("contributions", row["project"], repository(f"https://github.com/{row['repo']}"), is_ai=True)
        if given:
            entry.accepted[taker] = given
            moved = re.search(r"moved to (.+) (\d{4}-\d\d-\d\d) \(", row["other_dates"])
            entry.hosts.append((taker, given, moved[2] if moved else ""))
            if moved:
                entry.hosts.append((CALLED.get(moved[1], moved[1]), moved[2], ""))
                entry.accepted[CALLED.get(moved[1], moved[1])] = moved[2]
        elif row["event"] == "" and "community" not in row["from_org"]:
            entry.hosts += [(keeper, "", "") for keeper in row["from_org"].split("; ") if keeper]
        yield entry
    receivers = {file["identifier"]: file["legalName"] for file in raw.directory_files("foundations")}
    for path in ("asf", "numfocus", "sfc", "spi"):
        for row in raw.table(f"foss-foundations/data/projects-{path}.csv"):
            name, website = receivers[row["parentOrganization"]], row["website"]
            hosts = [(CALLED.get(name, name), "", "")]
            yield Entry("directory", row["commonName"], repository(website), page(website), hosts=hosts)


def listed(item: Item) -> Entry:
    """Read one item of a landscape."""
    entry = Entry(item.landscape, item.name, item.repository, page(item.values.get("homepage_url")))
    places = {item.category, f"{item.category} / {item.subcategory}", *item.paths}
    places |= {path.partition(" / ")[0] for path in item.paths}
    entry.is_ai = bool(places & AI_CATEGORIES[item.landscape]) or item.extra.get("ai") is True
    accepted = str(item.extra.get("accepted") or "")[:10]
    if accepted:
        entry.accepted[FOUNDATION[item.landscape]] = accepted
    if accepted or item.values.get("project") in STAGES[item.landscape]:
        entry.hosts.append((FOUNDATION[item.landscape], accepted, ""))
    groups = [name for name in item.after("Project Group") if name != FOUNDATION["lf"]]
    entry.hosts += [(CALLED.get(name, name), "", "") for name in groups]
    return entry


def parts(raw: Raw) -> dict[str, set[str]]:
    """Give what each fund is directly a part of.

    A fund that is an item of its own says so by its ``Project Group``, and belongs to the Linux Foundation where it
    says nothing. What is named as a group but is no item is said to be a part of nothing.
    """
    direct: dict[str, set[str]] = defaultdict(set)
    for item in raw.items_of("lf"):
        if item.name in raw.umbrellas:
            name = CALLED.get(item.name, item.name)
            direct[name] |= {CALLED.get(above, above) for above in item.after("Project Group")} or {FOUNDATION["lf"]}
            direct[name] -= {name}
    for name in ("lfai", "cncf", "pytorch", "openssf"):
        direct[FOUNDATION[name]].add(FOUNDATION["lf"])
    return direct


def observed_spells(world: World, project: Project) -> Iterator[Hosting]:
    """Give the times for which LF AI & Data was seen to list a project, each bound a day wider.

    What leaves and comes back at one stage within three weeks, under another name of its repository, was renamed.
    """
    names = {(entry.name, entry.repository) for entry in project if entry.source == "observed"}
    days = sorted((day, stays) for item, address, day, stays in world.observed if names and (item, address) in names)
    since = ""
    for number, (text, stays) in enumerate(days):
        day = date.fromisoformat(text)
        others = [date.fromisoformat(other) for other, there in days[:number] + days[number + 1 :] if there]
        soon = any(abs(other - day) <= RENAMED_WITHIN for other in others)
        if stays and not since:
            since = (day - DAY).isoformat()
        elif not stays and since and not soon:
            yield FOUNDATION["lfai"], since, (day + DAY).isoformat()
            since = ""
    if since:
        yield FOUNDATION["lfai"], since, ""


def hostings(world: World, project: Project) -> list[Hosting]:
    """Give who hosts a project, since when at the earliest and until when at the latest, of all that is said.

    What is said of one host is one hosting, but for the spells that were observed: what others say is of the first.
    """
    found: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for who, since, until in observed_spells(world, project):
        found[who].append((since, until))
    for entry in project:
        for who, since, until in entry.hosts:
            told = found[who] or [(since, until)]
            first = told[0]
            told[0] = (min(filter(None, (first[0], since)), default=""), max(first[1], until))
            found[who] = told
    return [(who, *times) for who, told in found.items() for times in told]


def observed_acceptance(world: World, project: Project) -> list[tuple[str, str, str]]:
    """Give when a project was first seen in the list of LF AI & Data: the foundation, and the day that may be off."""
    seen = [(who, date.fromisoformat(since)) for who, since, _ in observed_spells(world, project)][:1]
    return [(who, since.isoformat(), (since + 2 * DAY).isoformat()) for who, since in seen]


def acceptances(world: World, project: Project) -> dict[str, tuple[str, str]]:
    """Give the first and the last day on which each foundation can have accepted a project, of all that is said.

    Of what was observed the first time counts.
    """
    said: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for entry in project:
        for foundation, day in entry.accepted.items():
            if entry.source != "observed":
                said[foundation].append((day, day))
    for foundation, first, last in observed_acceptance(world, project):
        said[foundation].append((first, last))
    return {who: (min(days)[0], max(day for _, day in days)) for who, days in said.items()}


def project_name(project: Project) -> str:
    """Give the name of the first source."""
    return "PyTorch" if project[0].repository == "github.com/pytorch/pytorch" else project[0].name

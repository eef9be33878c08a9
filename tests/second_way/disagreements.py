"""Where the sources disagree on a project, and what each of them says."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kg.catalogue import ANY
from tests.second_way.elsewhere import wikidata_of
from tests.second_way.hosting import PYTORCH_GIVEN, TRANSFER
from tests.second_way.projects import Entry, World, acceptances, observed_acceptance, project_name
from tests.second_way.raw import Row, letters, repository, title

ANNOUNCEMENT = "Announcement of the PyTorch Foundation, 12 September 2022"
LICENCES = {"Apache-2.0": "Apache License 2.0", "MIT": "MIT License"}  # those that both sources name, by the SPDX list
HOSTS = {"Internet Security Research Group (ISRG)": "Internet Security Research Group"}  # as a member of a foundation


def disagreements(world: World) -> Iterator[Row]:
    """The default kinds, one row for each value and source."""
    for kind in (on_a_date, on_a_host, on_a_licence, on_a_stage, on_a_founding_year):
        yield from kind(world)


def on_a_date(world: World) -> Iterator[Row]:
    """An acceptance of which two sources allow no day in common; each source of it has a row."""
    stated = title("governance-events")
    for project in world.projects:
        said: dict[str, list[tuple[str, str, str]]] = defaultdict(list)
        for entry in project:
            for foundation, day in entry.accepted.items():
                if entry.source != "observed":
                    said[foundation] += [(day, day, source) for source in sources_of(entry)]
        for foundation, first, last in observed_acceptance(world, project):
            said[foundation].append((first, last, stated))
        for told in said.values():
            if max(since for since, _, _ in told) > min(until for _, until, _ in told):
                known = project_name(project) == "PyTorch"
                event = TRANSFER if known else ANY
                for day, _, source in told + ([(PYTORCH_GIVEN[1], "", ANNOUNCEMENT)] if known else []):
                    yield "date", event, ANY, day, source


def sources_of(entry: Entry) -> list[str]:
    """Give the titles of the sources that say it: the stated events repeat what three landscapes say."""
    named = {"contributions": "contributions", "directory": "foss-foundations"}
    source = named.get(entry.source, f"{entry.source}-landscape")
    stated = entry.accepted and entry.source in ("cncf", "lf", "pytorch")
    return [title(source), *([title("governance-events")] if stated else [])]


def on_a_host(world: World) -> Iterator[Row]:
    """Hosts of today, be they foundations or not, of which neither is a part of the other; each source has a row."""
    for project, hostings in world.hosted:
        today = {who for who, _, until in hostings if not until}
        if world.are_apart(today):
            rows = set()
            for entry in project:
                for who, since, until in entry.hosts:
                    if who in today and not until:
                        sources = sources_of(entry)  # only what has a day is among the stated events
                        rows |= {(who, source) for source in (sources if since else sources[:1])}
            for who, source in rows:
                yield "host", ANY, project_name(project), HOSTS.get(who, who), source


def on_a_licence(world: World) -> Iterator[Row]:
    """The licence of the landscape of the Linux Foundation, and the one that a proposal to LF AI & Data names."""
    licensed = [item for item in world.items_of("lf") if item.values.get("license") in LICENCES]
    listed = {letters(item.name): item for item in licensed} | {item.repository: item for item in licensed}
    for row in world.table("lfai-proposals/proposals.csv"):
        address, proposed = repository(row["repository"]), row["licence_spdx_guess"]
        item = (listed.get(address) if address else None) or listed.get(letters(row["proposal"]))
        if item and proposed in LICENCES and proposed != item.values["license"]:
            yield "licence", ANY, item.name, LICENCES[item.values["license"]], title("lf-landscape")
            yield "licence", ANY, item.name, LICENCES[proposed], title("lfai-proposals")


def on_a_stage(world: World) -> Iterator[Row]:
    """A stage in the landscape of LF AI & Data that is not the last one that was observed there: there is none."""
    last = {
        letters(row["item"]): row["to_maturity"]
        for row in world.table("governance-events/lfai_observed_transitions.csv")
    }
    for item in world.items_of("lfai"):
        now = str(item.values.get("project", "")).replace("incubation", "incubating")
        observed = last.get(letters(item.name))
        if observed and now and observed != now:
            yield "maturity", ANY, item.name, now, title("lfai-landscape")


def on_a_founding_year(world: World) -> Iterator[Row]:
    """A year in the directory of foundations that is not the registry's: there is none. Wikidata tells what is one."""
    years = {
        file.get("wikidataId"): str(file.get("foundingDate") or "") for file in world.directory_files("foundations")
    }
    for record in world.registry:
        for wikidata in wikidata_of(record):
            if (year := years.get(wikidata)) and record["established"] and str(record["established"]) not in year:
                yield "founding year", ANY, wikidata, year, title("foss-foundations")


def disagreements_by_kind(world: World) -> Iterator[Row]:
    """How many things there are of each kind.

    How many have two names depends on what is merged of 40,000 organizations and is not found a second way: precision
    and recall of that are measured on labelled pairs.
    """
    yield "date", str(len({event for _, event, *_ in on_a_date(world)}))
    yield "host", str(len({name for _, _, name, *_ in on_a_host(world)}))
    yield "licence", str(len({name for _, _, name, *_ in on_a_licence(world)}))
    apart = 0
    for project in world.projects:
        days = acceptances(world, project)
        apart += any(
            above in world.above.get(fund, ()) and (days[fund][1] < days[above][0] or days[above][1] < days[fund][0])
            for fund in days
            for above in days
        )
    yield "date of acceptance", str(apart)
    yield "name", ANY

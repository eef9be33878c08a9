"""Which foundation accepts and hosts which project, since when, and from whom it came."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from kg.catalogue import ANY
from kg.model import DEFAULT_BASE
from tests.second_way.giving import PROGRAMS
from tests.second_way.projects import World, acceptances, project_name
from tests.second_way.raw import CALLED, FOUNDATION, Row, iri, pinned

TRANSFER = f"{DEFAULT_BASE}id/event/pytorch-transfer-2022"
# By the landscape of its foundation; by the announcement, the table of projects and the Linux Foundation.
PYTORCH_GIVEN = ("2022-09-07", "2022-09-12")
# Names that a fund has in an earlier list, as a member there.
RENAMED = {"Cloud Foundry Foundation (CFF)": "Cloud Foundry Foundation"}


def umbrella_foundations(world: World) -> Iterator[Row]:
    """CQ04: funds below funds, by the landscape of the Linux Foundation; Hyperledger by the directory."""
    pairs = {(fund, above) for fund, parts in world.parts.items() for above in parts}
    pairs |= {
        (PROGRAMS[program["identifier"]], FOUNDATION["lf"])
        for program in world.directory_files("sponsorships")
        if program.get("nonprofit") == "lf" and program["identifier"] in PROGRAMS
    }
    for fund, above in pairs:
        if world.is_foundation(fund) and world.is_foundation(above):
            yield iri(above), RENAMED.get(above, above), iri(fund), RENAMED.get(fund, fund)


def projects_by_governance(world: World) -> Iterator[Row]:
    """CQ06: a project has a current host where one of its hosts of today is below all others.

    That several companies have a seat in the board of the PyTorch Foundation stands in the curated sources alone.
    """
    for project, hostings in world.hosted:
        hosts = {who for who, _, until in hostings if not until}
        for host in hosts:
            if hosts - {host} <= world.above.get(host, set()):
                is_company = host not in world.above and not world.is_foundation(host)
                kind = "SingleVendorProject" if is_company else "FoundationHostedProject"
                if is_company or world.is_foundation(host):
                    yield f"{DEFAULT_BASE}ontology#{kind}", iri(project_name(project)), project_name(project)
    yield f"{DEFAULT_BASE}ontology#VendorNeutralProject", iri("PyTorch"), "PyTorch"


def stewards_ever(world: World) -> Iterator[Row]:
    """CQ07: of PyTorch, the default, who gave it, who took it, and whom a list names as the one behind it."""
    row = next(row for row in world.table("contributions/projects.csv") if row["project"] == "pytorch")
    for name in (row["from_org"], row["to_org"]):
        yield iri("PyTorch"), iri(name), name
    for item in world.items_of("lfai"):
        if item.repository == "github.com/pytorch/pytorch":
            # An organization that Crunchbase calls like the project; nobody says who that is.
            yield iri("PyTorch"), ANY, item.values["crunchbase"].rpartition("/")[2]


def donations(world: World) -> Iterator[Row]:
    """CQ09: what companies gave, by the table of projects, with the days that all sources allow for it."""
    rows = [
        row for row in world.table("contributions/projects.csv") if row["event"] == "donation" and row["event_date"]
    ]
    given = {row["project"]: row for row in rows if "community" not in row["from_org"]}
    for project in world.projects:
        for row in [given[entry.name] for entry in project if entry.source == "contributions" and entry.name in given]:
            taker = CALLED.get(row["to_org"], row["to_org"])
            since, until = acceptances(world, project)[taker]
            day = since if since == until else f"{since}/{until}"
            for giver in row["from_org"].split("; "):
                yield ANY, ANY, day, iri(project_name(project)), iri(giver), iri(taker)


def events_of_a_month(world: World) -> Iterator[Row]:
    """CQ10: September 2022, the default. No observed change of LF AI & Data is near that month.

    The gift of PyTorch is dated by three sources, on two days. The rest of what its own landscape dates is that gift.
    """
    month, pytorch = "2022-09-", FOUNDATION["pytorch"]
    told: set[tuple[str, str]] = set()
    for item in world.items_of("cncf", "lf"):
        name, foundation = item.name, FOUNDATION[item.landscape]
        told.add((f"{foundation} accepts {CALLED.get(name, name)}", str(item.extra.get("accepted"))[:10]))
        for stage in ("incubating", "graduated"):
            told.add((f"{name} enters the stage {stage} at {foundation}", str(item.extra.get(stage))[:10]))
        told.add((f"{name} joins {foundation}", str(item.values.get("joined"))[:10]))
    for row in world.table("lfai-proposals/proposals.csv"):
        told.add((f"{row['proposal']} is proposed to the LF AI & Data Foundation", row["first_committed"]))
    for row in world.table("contributions/projects.csv"):
        givers, name = row["from_org"].replace("; ", " and "), row["project"]
        if row["to_org"] == pytorch and name != "pytorch":
            accepted, given = f"{pytorch} accepts {name}", f"Transfer of {name} from {givers} to {pytorch}"
            told.add((accepted if givers == "community" else given, row["event_date"]))
    for what, day in told:
        if day.startswith(month):
            yield ANY, what, day, "day", "yes"
    yield f"{DEFAULT_BASE}id/event/pytorch-foundation-formation-2022", ANY, "2022-09-12", "day", "yes"
    yield TRANSFER, ANY, "/".join(PYTORCH_GIVEN), "other", "yes"


def events_the_article_states(world: World) -> Iterator[Row]:
    """CQ11: what the bundled sources answer, and which of the other sources say when and to whom PyTorch was given."""
    yield from pinned("cq11", "seed")
    for item in world.items_of("pytorch"):
        if item.name == "PyTorch" and item.extra:
            yield TRANSFER, "date", "leaves out", str(item.extra["accepted"]), "", world.graph("pytorch-landscape")
    for row in world.table("governance-events/landscape_stated_events.csv"):
        if (row["landscape"], row["project"]) == ("pytorch-landscape", "PyTorch"):
            yield TRANSFER, "date", "leaves out", row["date"], "", world.graph("governance-events")
    for row in world.table("contributions/projects.csv"):
        if row["project"] == "pytorch":
            graph = world.graph("contributions")
            yield TRANSFER, "date", "leaves out", row["event_date"], "", graph
            yield TRANSFER, "to", "leaves out", iri(row["to_org"]), row["to_org"], graph


def ai_projects_accepted_by_year(world: World) -> Iterator[Row]:
    """A project is about AI where one source says so; the first day of each foundation counts."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for project in world.projects:
        if any(entry.is_ai for entry in project):
            days: dict[str, str] = {}
            for entry in project:
                for foundation, day in entry.accepted.items():
                    days[foundation] = min(day, days.get(foundation, day))
            for foundation, day in days.items():
                found[day[:4], foundation] += 1
    for (year, foundation), number in found.items():
        yield year, iri(foundation), foundation, str(number)


def paths_through_foundations(world: World) -> Iterator[Row]:
    """Projects of which two hosts are foundations, and neither of them is a part of the other."""
    for project, hostings in world.hosted:
        found = [hosting for hosting in hostings if world.is_foundation(hosting[0])]
        if world.are_apart({who for who, _, _ in found}):
            for who, since, until in found:
                yield iri(project_name(project)), project_name(project), iri(who), who, since, until

"""Who gives commits, and who is a member of what: by domains of addresses, and by lists of members."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from functools import cache

from kg.model import DEFAULT_BASE
from tests.second_way.raw import CALLED, FOUNDATION, Raw, Row, curated, iri, plain, share

# Parts whose page, as a landscape gives it, is that of the whole: what its domain gives is the whole's. University
# College London is none, but org-domains took its domain for that of its campus in Australia, as ROR has it.
UNITS = (
    "Alibaba Cloud", "Amazon Web Services", "NXP Semiconductors Netherlands", "QuantumBlack",
    "Trustees of Boston University", "University College London", "Virginia Tech Research Contracting Services",
)  # fmt: skip
# Pages of parts: a sponsor that is named by one is not the whole.
UNIT_PAGES = ("azure.microsoft.com",)
# Names in org-domains of what a landscape names otherwise, on another page.
KNOWN_AS = {"QuantumBlack (McKinsey)": "QuantumBlack Labs"}
# Programs of sponsors whose payers are members, and whose list no landscape has: the fund as the landscape calls it.
PROGRAMS = {
    "aswf": "Academy Software Foundation (ASWF)",
    "cd": "Continuous Delivery Foundation (CDF)",
    "finos": "FINOS (The Fintech Open Source Foundation)",
    "graphql": "GraphQL Foundation",
    "hyperledger": "Hyperledger",
    "jsfoundation": "OpenJS Foundation",
    "lfenergy": "LF Energy (LFE)",
    "openmainframe": "Open Mainframe Project (OMP)",
    "openstack": "OpenInfra Foundation (OIF)",
}
IN_LANDSCAPES = ("cncf", "lf", "lfai", "openssf")  # programs whose members a landscape lists, and newer
GROUPS = {
    "(webmail)": "webmail", "(github-noreply)": "noreply", "(small-domain)": "small-domain", "(none)": "none",
    "(bot)": "bot",
}  # fmt: skip
_SCHOOL = re.compile(r"(?:^|\.)(?:edu|(?:ac|edu)\.[a-z]{2})$")


@cache
def called(raw: Raw, organization: str) -> str:
    """Give the name that counts for an organization of org-domains: that of the first landscape that has it.

    An item has it that has its name, or whose page is at one of its domains.
    """
    own, name = raw.domains_of[organization], plain(organization)
    alike = (
        item.name
        for item in raw.organizations
        if plain(item.name) == name or (item.host in own and not item.name.startswith(UNITS))
    )
    return curated(next(alike, KNOWN_AS.get(organization, organization)))


def who_gives_to_a_project(raw: Raw) -> Iterator[Row]:
    """PyTorch, the default: commits by organization, over all months and but for bots."""
    given: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for row, organization, commits in raw.commits():
        if row["project"] == "pytorch":
            given[organization].append((row["evidence"], row["month"], commits))
    everything = sum(commits for rows in given.values() for _, _, commits in rows)
    for organization, rows in given.items():
        by = {
            grade: sum(commits for evidence, _, commits in rows if evidence == grade) for grade in ("email", "linked")
        }
        whole, months = sum(commits for _, _, commits in rows), sorted(month for _, month, _ in rows)
        name = called(raw, organization) if organization else ""
        yield (
            *(iri("PyTorch"), iri(name) if name else "", name, str(whole)),
            *(str(by[grade] if name else 0) for grade in ("email", "linked")),
            *(months[0], months[-1], share(whole, everything)),
        )


def monthly_commits(raw: Raw) -> Iterator[Row]:
    """CQ24: PyTorch from September 2021 on, the default: each row as it was counted."""
    for row in raw.table("contributions/contributions_monthly.csv.gz"):
        if row["project"] == "pytorch" and "2021-09" <= row["month"] <= "2023-09":
            organization = raw.organization_of.get(row["domain"])
            name = called(raw, organization) if organization else ""
            group = GROUPS.get(row["domain"], f"domain-{row['domain']}")
            yield (
                *(iri("PyTorch"), row["month"], iri(name) if name else "", name),
                f"{DEFAULT_BASE}concept/contributor-group/{group}",
                f"{DEFAULT_BASE}concept/evidence-grade/{row['evidence']}",
                *(row["commits"], row["authors"]),
            )


def shares_before_and_after(raw: Raw) -> Iterator[Row]:
    """CQ25: the gift of PyTorch, the default, twelve months on either side; its own month is left out.

    A school is no company: org-domains calls all that it has from one of its sources a company.
    """
    kinds = {row["organization"]: row["kind"] for row in raw.table("org-domains/domain_org.csv")}
    given: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    months: list[set[str]] = [set(), set()]
    for row, organization, commits in raw.commits():
        if row["project"] == "pytorch":
            side = 0 if "2021-09" <= row["month"] < "2022-09" else 1 if "2022-09" < row["month"] <= "2023-09" else None
            if side is not None:
                who = "focal firm" if organization == "Meta" else "other companies"
                if not organization:
                    who = "no known organization"
                elif kinds[organization] != "company" or _SCHOOL.search(row["domain"]):
                    who = "other organizations"
                given[who][side] += commits
                months[side].add(row["month"])
    before, after = (sum(sides[side] for sides in given.values()) for side in (0, 1))
    for who, (earlier, later) in given.items():
        change = (Decimal(later) * before / (Decimal(earlier) * after) - 1).quantize(Decimal("0.0001"), ROUND_HALF_UP)
        yield (
            *(f"{DEFAULT_BASE}id/event/pytorch-transfer-2022", iri("PyTorch"), who),
            *(str(len(months[0])), str(earlier), share(earlier, before)),
            *(str(len(months[1])), str(later), share(later, after), str(change)),
        )


def members_that_give(raw: Raw) -> Iterator[Row]:
    """The PyTorch Foundation, the default: members by its own landscape and that of the Linux Foundation.

    A member has given what the domain of its page gives. Of the projects whose contributions are counted the foundation
    hosts those that were given to it, and DeepSpeed, which came to it later.
    """
    taken = [row for row in raw.table("contributions/projects.csv") if row["to_org"] == "PyTorch Foundation"]
    hosted = {"deepspeed", *(row["project"] for row in taken)}
    given: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row, organization, commits in raw.commits():
        if row["project"] in hosted:
            given[organization][row["project"]] += commits
    listed = [item for item in raw.items_of("pytorch") if item.is_member]
    listed += [item for item in raw.items_of("lf") if "PyTorch Foundation" in item.after("Project Membership")]
    met: set[str] = set()
    for item in listed:
        marks = {item.host, plain(item.name)}
        if not met & marks:
            first = next(other.name for other in raw.organizations if plain(other.name) == plain(item.name))
            name = curated(first)
            organization = "" if name.startswith(UNITS) else raw.organization_of.get(item.host, "-")
            projects = given[organization] if organization else {}
            commits = sum(projects.values())
            gives = "commits" if commits else "no commits known"
            yield iri("PyTorch Foundation"), iri(name), name, str(len(projects)), str(commits), gives
        met |= marks


def organizations_that_bridge_foundations(raw: Raw) -> Iterator[Row]:
    """Organizations in twenty foundations or more, the default; members of any, by their plain names.

    Of the programs of the directory of foundations those have members whose receiver is no charity (``nonprofit``);
    they name a member by the host of its page, which leads to the name that a landscape has for it.
    """
    foundations: dict[str, set[str]] = defaultdict(set)
    names: dict[str, str] = {}
    for item in raw.items:
        if item.is_member:
            first = names.setdefault(short(item.name), item.name)
            foundations[short(first)] |= {FOUNDATION[item.landscape]}
            foundations[short(first)] |= {CALLED.get(name, name) for name in item.after("Project Membership")}
    pages = {item.host: short(item.name) for item in reversed(raw.items) if item.is_member}
    for program in raw.directory_files("sponsorships"):
        identifier = program["identifier"]
        payers = raw.data / f"foss-foundations/data/sponsorships/{identifier}.json"
        if program.get("nonprofit") not in ("lf", "c6") or identifier in IN_LANDSCAPES or not payers.exists():
            continue
        for hosts in json.loads(payers.read_text(encoding="utf-8")).values():
            for page in hosts if isinstance(hosts, list) else ():
                if page not in UNIT_PAGES and (member := pages.get(page.removeprefix("www."))):
                    foundations[member].add(PROGRAMS.get(identifier, identifier))
    for member, found in foundations.items():
        if len(found) >= 20:
            name = curated(names[member])
            yield iri(name), name, str(len(found))


def short(name: str) -> str:
    """Give the plain name of an organization without the word that lists leave out of some."""
    return plain(name).removesuffix(" technologies")

"""The loader of landscapes: what an item becomes, what the READMEs warn of, and what a broken file does."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from rdflib import DCTERMS, RDF, SKOS, Literal, URIRef

from kg import resources
from kg.errors import DriftError, SourceError
from kg.model import Assertion, File, Ledger, Mint, Snapshot
from kg.sources import IssueList, Source, keys, read_source, registry
from kg.sources.landscape2 import project_keys
from kg.vocab import OSAI, PREFIXES

MINT = Mint("https://example.org/kg/", Ledger.read(resources.curated() / "ledger.csv"))
SAME_AS = URIRef(PREFIXES["schema"] + "sameAs")

DEFINITION = """
[source]
name = "reef-landscape"
title = "Landscape of the Reef Fund"
loader = "landscape2"
upstream = "ours"
licence = "CC0-1.0"
as-of = 2024-06-01
files = ["landscape.yml"]

[settings]
foundation = "reef-fund"
hosted = ["cncf-sandbox", "cncf-graduated", "cncf-archived"]
misspelt = ["sandbocks"]
suffixes = ["member", "hosting"]
owners = { ocean = "ocean-foundation" }

[settings.foundations]
reef-fund = { name = "Reef Fund", homepage = "https://reef.example/", within = "ocean-foundation" }
ocean-foundation = { name = "Ocean Foundation", homepage = "https://ocean.example/" }

[settings.known]
"The Ocean Foundation" = "ocean-foundation"

[settings.kinds]
"Fish" = "project"
"Fish / Clever" = "ai-project"
"Plants" = "ai-project"
"Members" = "member"
"Makers" = "organization"

[settings.paths]
"Group" = "host"
"Belongs" = "membership"
"Trade" = "sector"
"Office" = "nothing"

[settings.umbrellas]
"Kelp Fund" = "Foundation"
"Lagoon" = "Organization and project"

[lookups.project]
sandbox = "cncf-sandbox"
sandbocks = "cncf-sandbox"
incubating = "cncf-incubating"
graduated = "cncf-graduated"
archived = "cncf-archived"

[lookups.membership-level]
Gold = "gold"
Silver = "silver"
School = "academic"

[lookups.member-class]
School = "AcademicInstitution"

[lookups.license]
"MIT License" = "MIT"
"none yet" = ""

[lookups.sector]
"Boats" = "C30"
"All kinds" = ""

[lookups.topic]
"Fish / Small" = "data-management"
"Fish / Clever" = "machine-learning"
"Plants / Green" = "ai-agents retrieval"

[ignore]
logo = "marks of others"
"extra.slack_url" = "a chat"
"subcategories[].note" = "words of others"
"""


def definition(folder: Path, text: str = DEFINITION) -> Source:
    path = folder / "reef-landscape.toml"
    path.write_text(text, encoding="utf-8")
    return read_source(path)


def snapshot(folder: Path, content: str | bytes) -> Snapshot:
    path = folder / "landscape.yml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Snapshot.of("reef-landscape", [File.of("landscape.yml", path)])


class Read:
    """What the loader says of some items, given by category and subcategory."""

    def __init__(self, folder: Path, tree: dict[str, dict[str, list[dict[str, Any]]]], text: str = DEFINITION) -> None:
        content = yaml.safe_dump(
            {
                "landscape": [
                    {
                        "category": None,
                        "name": category,
                        "subcategories": [
                            {"subcategory": None, "name": name, "items": [{"item": None, **item} for item in items]}
                            for name, items in subcategories.items()
                        ],
                    }
                    for category, subcategories in tree.items()
                ]
            },
            sort_keys=False,
        )
        source = definition(folder, text)
        self.issues = IssueList(source.name)
        self.said = list(source.load()(source, snapshot(folder, content), MINT, self.issues))

    def of(self, subject: URIRef) -> dict[URIRef, set[Any]]:
        found: dict[URIRef, set[Any]] = defaultdict(set)
        for each in self.said:
            if each.subject == subject:
                found[each.predicate].add(each.object)
        return found

    def members(self, kind: URIRef) -> set[URIRef]:
        return {each.subject for each in self.said if each.predicate == RDF.type and each.object == kind}

    def called(self, name: str, kind: str = "") -> URIRef:
        [found] = {
            each.subject
            for each in self.said
            if each.predicate == OSAI.name and str(each.object) == name and f"/id/{kind}" in each.subject
        }
        return found

    def kinds(self) -> list[str]:
        return [issue.kind for issue in self.issues.issues]


def project(name: str = "Cod", **fields: Any) -> dict[str, Any]:
    slug = name.lower().replace(" ", "-")
    return {
        "name": name,
        "homepage_url": f"https://{slug}.example/",
        "repo_url": f"https://github.com/reef/{slug}",
        **fields,
    }


def member(name: str = "Net Works (member)", **fields: Any) -> dict[str, Any]:
    return {"name": name, "homepage_url": "https://www.networks.example/en", **fields}


def event(slug: str) -> URIRef:
    return MINT.id("event", slug)


def situation(slug: str) -> URIRef:
    return MINT.id("situation", slug)


def slug(iri: URIRef) -> str:
    return iri.rpartition("/")[2]


def concept(path: str) -> URIRef:
    return URIRef(f"{MINT.base}concept/{path}")


REEF, OCEAN = MINT.id("org", "reef-fund"), MINT.id("org", "ocean-foundation")


# ---- Projects --------------------------------------------------------------------------------------------------------


def test_a_project_has_its_name_addresses_licence_topic_and_repositories(tmp_path):
    item = project(
        license="MIT License",
        additional_repos=[{"repo_url": "https://github.com/Reef/Cod-Docs.git"}],
        extra={"lfx_slug": "cod-1", "slack_url": "https://chat.example/"},
        logo="cod.svg",
    )
    read = Read(tmp_path, {"Fish": {"Small": [item]}})
    cod = read.called("Cod")
    assert cod == MINT.iri("project", "https://github.com/reef/cod", "Cod")
    said = read.of(cod)
    assert said[RDF.type] == {OSAI.OpenSourceProject}
    assert said[DCTERMS.subject] == {concept("topic/data-management")}
    assert {str(each) for each in said[OSAI.homepage]} == {"https://cod.example/"}
    assert said[OSAI.hasRepository] == {
        MINT.id("repository", "github.com", "reef", "cod"),
        MINT.id("repository", "github.com", "reef", "cod-docs"),
    }
    licensing = read.of(situation(f"{slug(cod)}-licence-mit-1"))
    assert licensing[OSAI.licensedUnder] == {MINT.id("licence", "mit")}
    assert {each.evidence.key for each in read.said} == {"cod-1"}
    assert {each.evidence.locator for each in read.said} == {"landscape.yml#Fish/Small[1]"}
    assert read.issues.ignored == {"logo": 1, "extra.slack_url": 1}
    assert not read.issues.issues


@pytest.mark.parametrize(
    ("category", "subcategory", "fields", "kind"),
    [
        ("Fish", "Small", {}, OSAI.OpenSourceProject),
        ("Fish", "Clever", {}, OSAI.OpenSourceAIProject),
        ("Fish", "Small", {"extra": {"ai": True}}, OSAI.OpenSourceAIProject),
        ("Fish", "Small", {"second_path": ["Plants / Green"]}, OSAI.OpenSourceAIProject),
        ("Fish", "Clever", {"open_source": False}, OSAI.Project),
        ("Fish", "Clever", {"repo_url": None}, OSAI.Project),
    ],
)
def test_the_class_of_a_project_is_what_category_mark_and_repository_tell(
    tmp_path, category, subcategory, fields, kind
):
    read = Read(tmp_path, {category: {subcategory: [project(**fields)]}})
    assert read.of(read.called("Cod"))[RDF.type] == {kind}


def test_a_second_path_adds_a_category_and_no_entity(tmp_path):
    read = Read(
        tmp_path, {"Fish": {"Small": [project(second_path=["Plants / Green", "Trade / Boats", "Office / All"])]}}
    )
    cod = read.called("Cod")
    assert read.of(cod)[DCTERMS.subject] == {
        concept(f"topic/{each}") for each in ("data-management", "ai-agents", "retrieval")
    }
    assert read.of(cod)[OSAI.inSector] == {concept("sector/C30")}
    assert len({each.subject for each in read.said if "/id/project/" in each.subject}) == 1
    assert not read.issues.issues


def test_an_item_that_stands_twice_is_one_project(tmp_path):
    read = Read(
        tmp_path, {"Fish": {"Small": [project("Cod")], "Clever": [project("COD", homepage_url="https://c.example")]}}
    )
    cod = read.called("Cod")
    assert read.of(cod)[RDF.type] == {OSAI.OpenSourceAIProject}
    assert read.of(cod)[SKOS.altLabel] == {Literal("COD")}
    assert len(read.of(cod)[OSAI.homepage]) == 2


def test_two_dates_of_one_happening_are_an_issue_and_the_first_stays(tmp_path):
    items = [project(extra={"accepted": "2020-01-02"}), project(extra={"accepted": "2020-03-04"})]
    read = Read(tmp_path, {"Fish": {"Small": items}})
    assert read.kinds() == ["two-dates"]
    [acceptance] = read.members(OSAI.Acceptance)
    assert read.of(acceptance)[OSAI.dateText] == {Literal("2020-01-02")}


def test_projects_that_share_a_repository_stay_apart_and_the_shortest_name_has_it(tmp_path):
    shared = "https://github.com/reef/cod"
    read = Read(tmp_path, {"Fish": {"Small": [project("Cod Working Group", repo_url=shared), project("Cod")]}})
    assert read.called("Cod", "project") == MINT.iri("project", shared, "Cod")
    assert read.called("Cod Working Group", "project") == MINT.iri(
        "project", "reef-landscape:Cod Working Group", "Cod Working Group"
    )
    assert read.kinds() == ["shared-key"]


def test_who_has_a_shared_repository_does_not_depend_on_the_order():
    said = [("r", "Cod Working Group"), ("r", "Cod"), (None, "Eel"), ("s", "Ray")]
    assert project_keys(said) == project_keys(reversed(said))
    assert project_keys(said)["r", "cod"] == ("r", True)
    assert project_keys(said)["r", "cod working group"] == ("r", False)


def test_what_is_no_repository_or_homepage_is_an_issue_and_a_package_an_identifier(tmp_path):
    items = [
        project("Cod", repo_url="https://github.com/reef", homepage_url="pkg:pypi/cod"),
        project("Eel", homepage_url="see below"),
    ]
    read = Read(tmp_path, {"Fish": {"Small": items}})
    assert sorted(read.kinds()) == ["no-address", "no-repository"]
    assert read.of(read.called("Cod"))[DCTERMS.identifier] == {Literal("pkg:pypi/cod")}


# ---- What becomes of a project ---------------------------------------------------------------------------------------


def test_dated_stages_follow_one_another(tmp_path):
    dates = {"accepted": "2020-01-02", "incubating": "2021-03-04", "graduated": "2022-05-06"}
    read = Read(tmp_path, {"Fish": {"Small": [project(project="graduated", extra=dates)]}})
    cod = slug(read.called("Cod"))
    acceptance = read.of(event(f"{cod}-accepted-reef-fund"))
    assert acceptance[RDF.type] == {OSAI.Acceptance}
    assert acceptance[OSAI.concernsOrganization] == {REEF}
    assert acceptance[OSAI.dateText] == {Literal("2020-01-02")}
    assert acceptance[OSAI.knownBy] == {concept("event-evidence/stated")}
    hosting = situation(f"{cod}-legal-host-reef-fund-1")
    assert acceptance[OSAI.initiates] == {hosting}
    assert read.of(hosting)[OSAI.dateText] == {Literal("2020-01-02/..")}
    incubating = situation(f"{cod}-stands-at-cncf-incubating-1")
    assert read.of(incubating)[OSAI.dateText] == {Literal("2021-03-04/2022-05-06")}
    graduated = read.of(event(f"{cod}-enters-cncf-graduated"))
    assert graduated[RDF.type] == {OSAI.MaturityChange}
    assert graduated[OSAI.fromStage] == {concept("maturity/cncf-incubating")}
    assert graduated[OSAI.toStage] == {concept("maturity/cncf-graduated")}
    assert graduated[OSAI.terminates] == {incubating}
    # Which stage came before the first dated one is not said.
    assert not read.of(event(f"{cod}-enters-cncf-incubating"))[OSAI.fromStage]
    assert len(read.members(OSAI.MaturityStanding)) == 2


def test_a_stage_without_a_date_begins_with_the_acceptance_or_is_seen(tmp_path):
    items = [project("Cod", project="sandbox", extra={"accepted": "2020-01-02"}), project("Eel", project="sandbox")]
    read = Read(tmp_path, {"Fish": {"Small": items}})
    cod, eel = (situation(f"{slug(read.called(name))}-stands-at-cncf-sandbox-1") for name in ("Cod", "Eel"))
    assert read.of(cod)[OSAI.dateText] == {Literal("2020-01-02/..")}
    assert OSAI.dateText not in read.of(eel)
    assert OSAI.earliestStart not in read.of(eel)
    assert {str(each) for each in read.of(eel)[OSAI.latestStart]} == {"2024-06-01T23:59:59Z"}
    assert situation(f"{slug(read.called('Eel'))}-legal-host-reef-fund-1") in read.members(OSAI.Stewardship)


def test_an_archival_ends_the_standing_before_it_and_no_hosting(tmp_path):
    dates = {"accepted": "2020-01-02", "incubating": "2021-03-04", "archived": "2023-07-08"}
    read = Read(tmp_path, {"Fish": {"Small": [project(project="archived", extra=dates)]}})
    cod = slug(read.called("Cod"))
    [archival] = read.members(OSAI.Archival)
    assert read.of(archival)[OSAI.terminates] == {situation(f"{cod}-stands-at-cncf-incubating-1")}
    assert read.of(situation(f"{cod}-legal-host-reef-fund-1"))[OSAI.dateText] == {Literal("2020-01-02/..")}


@pytest.mark.parametrize(
    ("stage", "dates", "kind"),
    [
        ("graduated", {"accepted": "2022-01-01", "incubating": "2021-01-01"}, "stages-disagree"),
        ("sandbox", {"accepted": "2020-01-01", "incubating": "2021-01-01"}, "stages-disagree"),
        ("sandbox", {"accepted": "last spring"}, "no-date"),
        ("swimming", {"accepted": "2020-01-01"}, "unknown-value"),
        ("sandbocks", {"accepted": "2020-01-01"}, "misspelt"),
    ],
)
def test_what_cannot_be_true_of_stages_is_an_issue(tmp_path, stage, dates, kind):
    read = Read(tmp_path, {"Fish": {"Small": [project(project=stage, extra=dates)]}})
    assert read.kinds() == [kind]


def test_a_project_without_a_stage_has_the_one_for_unmarked_ones(tmp_path):
    text = DEFINITION.replace('misspelt = ["sandbocks"]', 'unmarked = "pytorch-ecosystem"')
    read = Read(tmp_path, {"Fish": {"Small": [project()]}}, text)
    [standing] = read.members(OSAI.MaturityStanding)
    assert read.of(standing)[OSAI.standsAt] == {concept("maturity/pytorch-ecosystem")}
    assert not read.members(OSAI.Stewardship)


# ---- Organizations ---------------------------------------------------------------------------------------------------


def test_a_member_has_a_membership_with_level_and_joining(tmp_path):
    item = member(joined="2021-02-03", crunchbase="https://www.crunchbase.com/organization/net-works")
    read = Read(tmp_path, {"Members": {"Gold": [item]}})
    works = read.called("Net Works")
    assert works == MINT.iri("org", "reef-landscape:net works", "Net Works")
    assert {str(each) for each in read.of(works)[SAME_AS]} == {"https://www.crunchbase.com/organization/net-works"}
    [membership] = read.members(OSAI.Membership)
    assert read.of(membership)[OSAI.member] == {works}
    assert read.of(membership)[OSAI.membershipIn] == {REEF}
    assert read.of(membership)[OSAI.membershipLevel] == {concept("membership-level/gold")}
    assert read.of(membership)[OSAI.dateText] == {Literal("2021-02-03/..")}
    [join] = read.members(OSAI.MembershipJoin)
    assert read.of(join)[OSAI.initiates] == {membership}
    assert {each.evidence.name for each in read.said} == {"Net Works (member)"}


def test_a_member_is_of_the_kind_that_its_tier_tells_and_belongs_to_what_its_paths_name(tmp_path):
    tree = {
        "Members": {"School": [member(second_path=["Belongs / Kelp Fund", "Belongs / The Ocean Foundation"])]},
        "Fish": {"Small": [project("Kelp Fund", repo_url=None, extra={"accepted": "2019-01-01"})]},
    }
    read = Read(tmp_path, tree)
    assert read.of(read.called("Net Works"))[RDF.type] == {OSAI.AcademicInstitution}
    joined = {next(iter(read.of(each)[OSAI.membershipIn])) for each in read.members(OSAI.Membership)}
    assert joined == {REEF, OCEAN, read.called("Kelp Fund", "org")}


def test_two_tiers_of_one_member_are_two_memberships(tmp_path):
    read = Read(tmp_path, {"Members": {"Gold": [member()], "Silver": [member()]}})
    assert len(read.members(OSAI.Membership)) == 2


def test_organizations_of_one_landscape_are_one_by_name_whatever_addresses_they_share(tmp_path):
    page = {"crunchbase": "https://www.crunchbase.com/organization/tide"}
    items = [
        {"name": "Surf", "homepage_url": "https://tide.example", **page},
        {"name": "Tide Corporation", "homepage_url": "https://tide.example", **page},
    ]
    makers = [{"name": "TIDE (hosting)", "homepage_url": "https://elsewhere.example", **page}]
    read = Read(tmp_path, {"Members": {"Gold": items}, "Makers": {"All": makers}})
    tide, surf = read.called("Tide Corporation"), read.called("Surf")
    assert tide != surf
    assert read.of(tide)[SKOS.altLabel] == {Literal("TIDE")}
    assert len(read.of(tide)[OSAI.homepage]) == 2
    assert {str(each) for each in read.of(surf)[SAME_AS]} == {"https://www.crunchbase.com/organization/tide"}
    assert read.kinds() == []


def test_a_member_that_is_not_named_in_public_has_no_address_of_its_own(tmp_path):
    items = [member("Hidden A", unnamed_organization=True), member("Hidden B", unnamed_organization=True)]
    read = Read(tmp_path, {"Members": {"Gold": items}})
    assert len(read.members(OSAI.Membership)) == 2
    assert not any(each.predicate == OSAI.homepage and "networks" in each.object for each in read.said)


def test_a_page_of_the_foundation_and_a_sector_without_meaning_are_counted_and_not_said(tmp_path):
    page = {"crunchbase": "https://www.crunchbase.com/organization/reef"}
    text = DEFINITION.replace("owners = {", 'owners = { reef = "reef-fund",')
    tree = {
        "Fish": {"Small": [project("Cod", project="graduated", second_path=["Trade / All kinds"], **page)]},
        "Members": {"Gold": [member(**page)]},
    }
    read = Read(tmp_path, tree, text)
    assert read.issues.ignored == {"crunchbase.of-foundation": 2, "sector.All kinds": 1}
    assert not read.issues.issues
    roles = set().union(*(read.of(each)[OSAI.stewardRole] for each in read.members(OSAI.Stewardship)))
    assert roles == {concept("steward-role/legal-host")}


def test_crunchbase_of_a_project_names_a_listed_owner_and_no_host(tmp_path):
    tree = {
        "Fish": {
            "Small": [
                project("Cod", crunchbase="https://www.crunchbase.com/organization/tide"),
                project("Eel", crunchbase="https://www.crunchbase.com/organization/net-works"),
                project("Ray", crunchbase="https://www.crunchbase.com/organization/ocean"),
                project("Sole", crunchbase="https://www.crunchbase.com/person/somebody"),
            ]
        },
        "Members": {"Gold": [member(crunchbase="https://www.crunchbase.com/organization/net-works")]},
    }
    read = Read(tmp_path, tree)
    owners = {
        next(iter(read.of(each)[OSAI.ofProject])): next(iter(read.of(each)[OSAI.steward]))
        for each in read.members(OSAI.Stewardship)
    }
    assert owners == {
        read.called("Cod"): read.called("tide"),
        read.called("Eel"): read.called("net-works"),  # that the member is meant is for resolution to say
        read.called("Ray"): OCEAN,
    }
    roles = set().union(*(read.of(each)[OSAI.stewardRole] for each in read.members(OSAI.Stewardship)))
    assert roles == {concept("steward-role/listed-owner")}
    assert read.kinds() == ["crunchbase"]


def test_a_fund_hosts_its_projects_and_is_taken_on_by_the_foundation(tmp_path):
    tree = {
        "Fish": {
            "Small": [
                project("Kelp Fund", extra={"accepted": "2019-01-01"}),
                project("Lagoon", extra={"accepted": "2018-01-01"}),
                project("Cod", extra={"accepted": "2020-01-02"}, second_path=["Group / Kelp Fund"]),
                project("Eel", second_path=["Group / Unheard Of"]),
            ]
        }
    }
    read = Read(tmp_path, tree)
    fund, cod = read.called("Kelp Fund", "org"), slug(read.called("Cod"))
    assert read.of(fund)[RDF.type] == {OSAI.Foundation}
    assert read.of(fund)[OSAI.subOrganizationOf] == {REEF}
    acceptance = read.of(event(f"{slug(fund)}-accepted-reef-fund"))
    assert acceptance[OSAI.concernsOrganization] == {fund}
    assert acceptance[OSAI.hasParticipant] == {REEF}
    # The date is the foundation's: since when the fund has hosted it is not said.
    assert OSAI.earliestStart in read.of(situation(f"{cod}-legal-host-reef-fund-1"))
    assert OSAI.earliestStart not in read.of(situation(f"{cod}-legal-host-{slug(fund)}-1"))
    # One that is a project too is two things of one name.
    assert read.called("Lagoon", "org")
    assert read.called("Lagoon", "project")
    assert len(read.members(OSAI.Acceptance)) == 3
    assert sorted(read.kinds()) == ["repository-of-organization", "unknown-value"]


# ---- What nobody foresaw ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tree", "kind"),
    [
        ({"Fish": {"Small": [project(colour="red")]}}, "unknown-field"),
        ({"Fish": {"Small": [project(extra={"colour": {"of": ["red"]}})]}}, "unknown-field"),
        ({"Fish": {"Small": [project(license="Fish Licence")]}}, "unknown-value"),
        ({"Fish": {"Small": [project(second_path=["Sand / Yellow"])]}}, "unknown-value"),
        ({"Fish": {"Small": [project(second_path=["Trade / Hats"])]}}, "unknown-value"),
        ({"Members": {"Gilded": [member()]}}, "unknown-value"),
        ({"Fish": {"Small": [project(joined="2020-01-01")]}}, "unknown-field"),
        ({"Fish": {"Small": [{"homepage_url": "https://x.example"}]}}, "no-name"),
        ({"Fish": {"Small": [project(homepage_url=["https://x.example"])]}}, "not-text"),
        ({"Fish": {"Small": [project(second_path=[7])]}}, "not-text"),
        ({"Fish": {"Small": [project(additional_repos=7)]}}, "unknown-field"),
        ({"Fish": {"Small": [project(additional_repos=[{"repo_url": 7}])]}}, "no-repository"),
        ({"Fish": {"Small": [project(extra=["x"])]}}, "unknown-field"),
    ],
)
def test_what_is_not_known_is_one_issue(tmp_path, tree, kind):
    read = Read(tmp_path, tree)
    assert read.kinds() == [kind]
    assert read.issues.issues[0].locator.startswith("landscape.yml#")


def test_an_unknown_category_is_read_as_projects_and_told(tmp_path):
    read = Read(tmp_path, {"Rocks": {"Hard": [project()]}})
    assert sorted(read.kinds()) == ["unknown-value", "unknown-value"]  # what it holds, and what it is about
    assert read.called("Cod", "project")


GOOD = "landscape:\n- name: Fish\n  subcategories:\n  - name: Small\n    items:\n    - name: Cod\n"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("", ""),
        ("landscape: cod\n", ""),
        ("landscape:\n- subcategories: []\n", ""),
        ("landscape:\n- name: Fish\n  subcategories: 7\n", "no list"),
        ("landscape:\n- name: Fish\n  subcategories:\n  - items: []\n", ""),
        (GOOD + "  - name: Small\n    items: []\n", "stands twice"),
        ("landscape:\n- name: Fish\n  subcategories:\n  - name: Small\n    items: cod\n", "no list"),
        (GOOD + '    - name: "Eel\n', ":8"),
        (GOOD + "      name: Eel\n", ":7"),
        (GOOD.encode() + b"    - name: \xff\n", ":7"),
        ("a: &a [1]\nlandscape: [*a, *a]\n", ":1"),
        ("landscape: " + "[" * 100 + "]" * 100, ":1"),
    ],
)
def test_a_file_that_is_no_landscape_stops_the_load_and_is_named(tmp_path, content, line):
    source = definition(tmp_path)
    with pytest.raises(DriftError, match=rf"reef-landscape: landscape\.yml.*{line}"):
        list(source.load()(source, snapshot(tmp_path, content), MINT, IssueList("x")))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("suffixes =", "sufixes =", r"\[settings\] sufixes: the key is unknown; did you mean"),
        ('"Fish" = "project"', '"Fish" = "prjct"', r"\[settings\] kinds Fish"),
        ('foundation = "reef-fund"', 'foundation = "reef"', r"\[settings\] foundation"),
    ],
)
def test_settings_that_do_not_fit_are_named(tmp_path, old, new, said):
    source = definition(tmp_path, DEFINITION.replace(old, new, 1))
    with pytest.raises(SourceError, match=rf"reef-landscape\.toml: {said}"):
        list(source.load()(source, snapshot(tmp_path, GOOD), MINT, IssueList("x")))


# ---- The five landscapes: figures of the READMEs, or counted in the files a second way ------------------------------


class Whole:
    def __init__(self, name: str, shared: Path) -> None:
        source = registry()[name]
        place = shared / "data" / name
        self.taken = Snapshot.of(name, [File.of(path, place / path) for path in source.files])
        self.issues = IssueList(name)
        self.said: list[Assertion] = list(source.load()(source, self.taken, MINT, self.issues))
        tree = yaml.load((place / "landscape.yml").read_bytes(), yaml.CBaseLoader)  # noqa: S506  # makes texts only
        self.items = [
            (category["name"], subcategory["name"], item)
            for category in tree["landscape"]
            for subcategory in category.get("subcategories") or ()
            for item in subcategory.get("items") or ()
        ]
        self.types: dict[URIRef, set[URIRef]] = defaultdict(set)
        for each in self.said:
            if each.predicate == RDF.type:
                self.types[URIRef(each.object)].add(each.subject)

    def count(self, *kinds: URIRef) -> int:
        return len(set().union(*(self.types[kind] for kind in kinds)))

    def by(self, kind: URIRef, predicate: URIRef) -> Counter[str]:
        """Count the members of a class by the last step of a value."""
        return Counter(
            str(each.object).rpartition("/")[2]
            for each in set(self.said_of(self.types[kind]))
            if each.predicate == predicate
        )

    def said_of(self, subjects: Iterable[URIRef]) -> list[Assertion]:
        return [each for each in self.said if each.subject in subjects]

    def locators(self) -> set[str]:
        return {each.evidence.locator for each in self.said}


@cache
def whole(name: str, shared: Path) -> Whole:
    return Whole(name, shared)


def values(found: Whole, kind: URIRef, predicate: URIRef) -> Counter[str]:
    pairs = {(each.subject, each.object) for each in found.said_of(found.types[kind]) if each.predicate == predicate}
    return Counter(str(value).rpartition("/")[2] for _, value in pairs)


PROJECTS = (OSAI.Project, OSAI.OpenSourceProject, OSAI.OpenSourceAIProject)


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "items"),
    [
        ("lfai-landscape", 472),
        ("pytorch-landscape", 188),
        ("lf-landscape", 3349),
        ("cncf-landscape", 2413),
        ("openssf-landscape", 172),
    ],
)
def test_every_item_is_a_record(shared, name, items):
    found = whole(name, shared)
    assert len(found.items) == items
    assert len(found.locators()) == items


@pytest.mark.shared
def test_lfai_has_the_totals_of_its_readme(shared):
    found = whole("lfai-landscape", shared)
    stages = values(found, OSAI.MaturityStanding, OSAI.standsAt)
    assert stages == {"lfai-sandbox": 22, "lfai-incubation": 24, "lfai-graduated": 13, "lfai-archived": 5}
    assert [issue.kind for issue in found.issues.issues].count("misspelt") == 1
    assert values(found, OSAI.Membership, OSAI.membershipLevel) == {"premier": 4, "general": 17, "associate": 43}
    hosting = {each for each in found.locators() if each.startswith("landscape.yml#Hosting Companies/")}
    assert len(hosting) == 40
    assert not [each for each in found.said if each.predicate == OSAI.knownBy], "the file holds no dates"
    # 445 links to Crunchbase: of members and companies their own, of projects the listed owner or the host.
    linked = [item for _, _, item in found.items if item.get("crunchbase") not in (None, "", "null")]
    assert len(linked) == 445
    assert values(found, OSAI.Stewardship, OSAI.stewardRole)["legal-host"] == 64


@pytest.mark.shared
def test_pytorch_has_the_totals_of_its_readme(shared):
    found = whole("pytorch-landscape", shared)
    stages = values(found, OSAI.MaturityStanding, OSAI.standsAt)
    assert stages == {"pytorch-hosted": 6, "pytorch-archived": 68, "pytorch-ecosystem": 137 - 68}
    levels = values(found, OSAI.Membership, OSAI.membershipLevel)
    assert levels == {"platinum": 13, "gold": 4, "silver": 8, "associate": 20}
    dates = {
        each.subject.rpartition("/")[2].partition("-")[0]: str(each.object)
        for each in found.said_of(found.types[OSAI.Acceptance])
        if each.predicate == OSAI.dateText
    }
    assert dates["pytorch"] == "2022-09-07"
    assert dates["ray"] == "2025-09-01"
    assert dates["vllm"] == dates["deepspeed"] == "2025-04-08"
    assert dates["helion"] == "2026-04-07"
    assert len(dates) == 6


@pytest.mark.shared
def test_lf_has_the_totals_of_its_readme(shared):
    found = whole("lf-landscape", shared)
    assert found.count(OSAI.Acceptance) == 1098
    edges = [path for _, _, item in found.items for path in item.get("second_path") or () if "Membership /" in path]
    assert len(edges) == found.count(OSAI.Membership) == 5108
    joined = {
        each.object for each in found.said_of(found.types[OSAI.Membership]) if each.predicate == OSAI.membershipIn
    }
    assert len(joined) == 69
    assert values(found, OSAI.Membership, OSAI.membershipIn)["pytorch-foundation"] == 48
    assert values(found, OSAI.Membership, OSAI.membershipIn)["lf-ai-data"] == 65
    levels = values(found, OSAI.Membership, OSAI.membershipLevel)
    assert levels == {"platinum": 13, "gold": 12, "silver": 1538, "associate": 688}  # 2,251 members
    # 201 in the sector of AI: projects, and funds that are none.
    learning = {
        each.subject
        for each in found.said
        if each.predicate == DCTERMS.subject and each.object == concept("topic/machine-learning")
    }
    both = {each for each in learning if "/id/org/" in each}
    names = {str(each.object) for each in found.said_of(learning) if each.predicate == OSAI.name}
    assert len(names) == 201
    assert len(learning - both) == found.count(OSAI.OpenSourceAIProject)
    assert values(found, OSAI.OpenSourceAIProject, OSAI.inSector).keys() <= {
        *("C29", "C26", "D", "K", "Q86", "J59", "M", "public-health", "J61"),
    }


@pytest.mark.shared
def test_cncf_has_the_totals_of_its_readme(shared):
    found = whole("cncf-landscape", shared)
    dated = Counter(
        word
        for _, _, item in found.items
        for word in ("accepted", "incubating", "graduated", "archived")
        if word in (item.get("extra") or {})
    )
    assert dated == {"accepted": 258, "incubating": 79, "graduated": 38, "archived": 28}
    assert found.count(OSAI.Acceptance) == 258 - 1  # one project stands twice, with one date
    assert found.count(OSAI.MaturityChange) == 79 + 38
    assert found.count(OSAI.Archival) == 28
    assert found.count(OSAI.Membership) == 722
    # The README says 720 dated members; 13 of these dates stand at items of other categories, each an issue.
    joined = [category for category, _, item in found.items if "joined" in item]
    assert len(joined) == 720
    assert found.count(OSAI.MembershipJoin) == joined.count("CNCF Members") == 707
    strays = [issue for issue in found.issues.issues if issue.context.get("field") == "joined"]
    assert len(strays) == 13
    dates = {
        each.subject.rpartition("/")[2]: str(each.object)
        for each in found.said
        if each.predicate == OSAI.dateText and "/id/event/kubeflow-" in each.subject
    }
    assert "2026-07-24" in {date for slug, date in dates.items() if slug.endswith("-enters-cncf-graduated")}


@pytest.mark.shared
def test_openssf_has_the_totals_of_its_readme(shared):
    found = whole("openssf-landscape", shared)
    assert values(found, OSAI.Membership, OSAI.membershipLevel) == {"premier": 14, "general": 77, "associate": 24}


@pytest.mark.shared
def test_a_repository_that_two_foundations_accepted_has_two_hosts(shared):
    """The disagreement is in the graph, not resolved by a loader (ontology design, section 1, rule 9)."""
    accepted: dict[str, set[str]] = defaultdict(set)
    hosts: dict[str, set[str]] = defaultdict(set)
    for name in ("lf-landscape", "cncf-landscape", "pytorch-landscape"):
        found = whole(name, shared)
        for _, _, item in found.items:
            if "accepted" in (item.get("extra") or {}) and (address := keys.repository(item.get("repo_url") or "")):
                accepted[address].add(name)
        steward = {each.subject: str(each.object) for each in found.said if each.predicate == OSAI.steward}
        dated = {each.subject for each in found.said if each.predicate == OSAI.earliestStart} & steward.keys()
        hosted = {
            each.object: steward[each.subject] for each in found.said_of(dated) if each.predicate == OSAI.ofProject
        }
        for each in found.said:
            if each.predicate == OSAI.hasRepository and each.subject in hosted:
                hosts["https://" + each.object.partition("/id/repository/")[2]].add(hosted[each.subject])
    twice = {address for address, lists in accepted.items() if len(lists) > 1}
    assert len(twice) == 181
    assert all(len(hosts[address]) > 1 for address in twice)


def test_the_table_of_organizations_is_the_same_for_events():
    landscape: Any = registry()["lf-landscape"].settings
    events: Any = registry()["governance-events"].settings
    alone = {name for name, kind in landscape["umbrellas"].items() if not kind.endswith("and project")}
    assert events["organizations"].keys() == alone
    known = {name: slug for name, slug in landscape["known"].items() if name in alone}
    assert {name: slug for name, slug in events["organizations"].items() if slug} == known


@pytest.mark.shared
def test_no_two_landscapes_spell_one_stated_event_apart(shared):
    place = shared / "data/governance-events"
    text = (place / "landscape_stated_events.csv").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    source = registry()["governance-events"]
    taken = Snapshot.of(source.name, [File.of(path, place / path) for path in source.files])
    events = {
        each.subject
        for each in source.load()(source, taken, MINT, IssueList("x"))
        if each.predicate == OSAI.knownBy and each.object == concept("event-evidence/stated")
    }
    here = {
        each.subject
        for name in {row["landscape"] for row in rows}
        for each in whole(name, shared).said
        if each.predicate == OSAI.knownBy and "-joined-" not in each.subject
    }
    assert events == here

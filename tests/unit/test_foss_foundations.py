"""The loader of the directory of foundations: who they are, whom they host, who pays them, and no person."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml
from rdflib import RDF, SKOS, Literal, URIRef
from rdflib.namespace import XSD

from kg.errors import DriftError
from kg.model import Assertion, File, Mint, Snapshot
from kg.sources import IssueList, registry
from kg.vocab import OSAI

SOURCE = registry()["foss-foundations"]
MINT = Mint("https://example.org/kg/")
TEAL = {
    "identifier": "teal",
    "commonName": "Teal",
    "legalName": "Teal Foundation, Inc.",
    "website": "https://www.teal.example/about",
    "foundingDate": "27 November 1997",
    "addressCountry": "UK",
    "wikidataId": "Q5",
    "nonprofitStatus": "charity",
    "boardSize": 7,
}
PROJECTS = "identifier,commonName,description,website,foundingDate,parentOrganization"


def front(values: dict[str, Any]) -> str:
    return f"---\n{yaml.safe_dump(values, allow_unicode=True)}---\n\nWords of others.\n"


def program(**fields: Any) -> dict[str, Any]:
    levels = {"first": {"name": "Gold", "amount": "100"}, "secondinkind": {"name": "Tools"}}
    return {"identifier": "teal", "commonName": "Teal", "nonprofit": "c3", "levels": levels} | fields


def snapshot(folder: Path, **files: str) -> Snapshot:
    """Write files whose names are given with ``__`` for a slash and ``_`` for the full stop before the ending."""
    kept = []
    for name, text in files.items():
        stem, _, ending = name.replace("__", "/").rpartition("_")
        path = f"{stem.replace('_', '-')}.{ending}"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8", errors="surrogateescape")
        kept.append(File.of(path, folder / path))
    return Snapshot.of(SOURCE.name, kept)


def load(of: Snapshot) -> tuple[list[Assertion], IssueList]:
    issues = IssueList(SOURCE.name)
    return list(SOURCE.load()(SOURCE, of, MINT, issues)), issues


def said(assertions: list[Assertion], iri: URIRef) -> set[tuple[URIRef, URIRef | Literal]]:
    return {(a.predicate, a.object) for a in assertions if a.subject == iri}


def of_type(assertions: list[Assertion], name: str) -> list[URIRef]:
    return [a.subject for a in assertions if (a.predicate, a.object) == (RDF.type, OSAI[name])]


def test_a_foundation_has_its_legal_name_its_year_and_its_country(tmp_path: Path) -> None:
    assertions, issues = load(snapshot(tmp_path, foundations__teal_md=front(TEAL)))
    assert said(assertions, MINT.iri("org", "homepage:teal.example", "Teal Foundation, Inc.")) == {
        (RDF.type, OSAI.Foundation),
        (OSAI.name, Literal("Teal Foundation, Inc.")),
        (SKOS.altLabel, Literal("Teal")),
        (OSAI.homepage, Literal("https://www.teal.example/about", datatype=XSD.anyURI)),
        (OSAI.foundedYear, Literal("1997", datatype=XSD.integer)),
        (OSAI.inCountry, MINT.id("economy", "gb")),
        (OSAI.wikidataId, Literal("Q5")),
    }
    assert issues.issues == []
    assert issues.ignored == {"nonprofitStatus": 1, "boardSize": 1}


@pytest.mark.parametrize(
    ("text", "year"),
    [(2012, "2012"), ("1999", "1999"), ("20190319", "2019"), ("2007-05-09", "2007"), ("04 february 2006", "2006")],
)
def test_founding_dates_are_read_as_years(tmp_path: Path, text: object, year: str) -> None:
    assertions, _ = load(snapshot(tmp_path, foundations__teal_md=front(TEAL | {"foundingDate": text})))
    assert [str(a.object) for a in assertions if a.predicate == OSAI.foundedYear] == [year]


@pytest.mark.parametrize(
    ("text", "bounds"),
    [
        ("2023", {(OSAI.earliestEnd, "2023-01-01T00:00:00Z"), (OSAI.latestEnd, "2023-12-31T23:59:59Z")}),
        ("2017 or earlier", {(OSAI.latestEnd, "2017-12-31T23:59:59Z")}),
    ],
)
def test_the_end_of_a_foundation_has_bounds(tmp_path: Path, text: str, bounds: set[tuple[URIRef, str]]) -> None:
    assertions, _ = load(snapshot(tmp_path, foundations__teal_md=front(TEAL | {"dissolutionDate": text})))
    assert {(a.predicate, str(a.object)) for a in assertions if a.predicate.endswith("End")} == bounds


def test_a_foundation_that_we_know_keeps_its_iri_and_holds_what_is_within_it(tmp_path: Path) -> None:
    lf, cncf = TEAL | {"identifier": "lf"}, TEAL | {"identifier": "cncf", "parentOrganization": "lf", "website": None}
    assertions, _ = load(snapshot(tmp_path, foundations__lf_md=front(lf), entities__cncf_md=front(cncf)))
    assert (OSAI.subOrganizationOf, MINT.id("org", "linux-foundation")) in said(assertions, MINT.id("org", "cncf"))


def test_two_foundations_with_one_web_page_stay_apart(tmp_path: Path) -> None:
    other = TEAL | {"identifier": "tealna", "legalName": "Teal North"}
    assertions, issues = load(snapshot(tmp_path, foundations__a_md=front(TEAL), foundations__b_md=front(other)))
    assert len(set(of_type(assertions, "Foundation"))) == 2
    assert [(found.kind, found.locator) for found in issues.issues] == [("shared-homepage", "foundations/b.md")]


def test_a_listed_project_is_hosted_at_the_latest_since_its_date(tmp_path: Path) -> None:
    rows = "\n".join(
        (
            PROJECTS,
            "reed,Reed,words,http://reed.example/,03/2012,teal",
            'sedge,Sedge,"words\nin lines",https://github.com/Teal/Sedge,,teal',
            "rush,Rush,,,2015,teal",
            "iris,Iris,,http://reed.example,2016,teal",
            "",
        )
    )
    assertions, issues = load(snapshot(tmp_path, foundations__teal_md=front(TEAL), data__projects_asf_csv=rows))
    teal = MINT.iri("org", "homepage:teal.example", "Teal Foundation, Inc.")
    reed = MINT.iri("project", "homepage:reed.example", "Reed")
    hosting = next(a.subject for a in assertions if (a.predicate, a.object) == (OSAI.ofProject, reed))
    assert said(assertions, hosting) == {
        (RDF.type, OSAI.Stewardship),
        (OSAI.ofProject, reed),
        (OSAI.steward, teal),
        (OSAI.stewardRole, MINT.concept("steward-role", "legal-host")),
        (OSAI.latestStart, Literal("2012-03-31T23:59:59Z", datatype=XSD.dateTime, normalize=False)),
    }
    assert MINT.iri("project", "https://github.com/teal/sedge", "Sedge") in of_type(assertions, "OpenSourceProject")
    store = MINT.id("repository", "github.com", "teal", "sedge")
    assert (OSAI.repositoryUrl, Literal("https://github.com/teal/sedge", datatype=XSD.anyURI)) in said(
        assertions, store
    )
    latest = sorted(str(a.object)[:10] for a in assertions if a.predicate == OSAI.latestStart)
    assert latest == ["2012-03-31", "2015-12-31", "2016-12-31", SOURCE.as_of.isoformat()]
    assert [a.evidence.locator for a in assertions if str(a.object) == "Rush"] == ["data/projects-asf.csv:5"]
    # One web page, another name: another project, whose key is not the page.
    assert len(set(of_type(assertions, "OpenSourceProject"))) == 4
    assert [(found.kind, found.locator) for found in issues.issues] == [("shared-homepage", "data/projects-asf.csv:6")]


def test_who_pays_a_charity_sponsors_it_at_a_rank(tmp_path: Path) -> None:
    payers = {"first": ["birch.example", "www.birch.example", "teal.example"], "secondinkind": ["birch.example"]}
    assertions, issues = load(
        snapshot(
            tmp_path,
            foundations__teal_md=front(TEAL),
            sponsorships__teal_md=front(program()),
            data__sponsorships__teal_json=json.dumps(payers | {"parseDate": "20240926"}),
        )
    )
    birch = MINT.iri("org", "homepage:birch.example", "birch.example")
    assert (OSAI.homepage, Literal("https://birch.example", datatype=XSD.anyURI)) in said(assertions, birch)
    found = {frozenset(said(assertions, iri)) for iri in of_type(assertions, "Sponsorship")}
    seen = Literal("2024-09-26T23:59:59Z", datatype=XSD.dateTime, normalize=False)
    teal = MINT.iri("org", "homepage:teal.example", "Teal Foundation, Inc.")
    assert found == {
        frozenset(
            {
                (RDF.type, OSAI.Sponsorship),
                (OSAI.sponsor, birch),
                (OSAI.sponsored, teal),
                (OSAI.sponsorshipLevel, MINT.concept("sponsorship-level", rank)),
                (OSAI.latestStart, seen),
            }
        )
        for rank in ("first", "second-in-kind")
    }
    assert [(found.kind, found.locator) for found in issues.issues] == [
        ("own-host", "data/sponsorships/teal.json#first")
    ]
    assert issues.ignored["sponsors.twice"] == 1


def test_who_pays_an_association_is_a_member_at_its_level(tmp_path: Path) -> None:
    assertions, _ = load(
        snapshot(
            tmp_path,
            foundations__teal_md=front(TEAL),
            sponsorships__teal_md=front(program(nonprofit="c6", levels={"first": {"name": "Gold"}})),
            data__sponsorships__teal_json=json.dumps({"first": ["birch.example"], "parseDate": "20240926"}),
        )
    )
    (membership,) = of_type(assertions, "Membership")
    assert (OSAI.membershipLevel, MINT.concept("membership-level", "gold")) in said(assertions, membership)
    assert not of_type(assertions, "Sponsorship")


def test_a_program_of_none_that_is_described_describes_its_receiver(tmp_path: Path) -> None:
    lf, spi = TEAL | {"identifier": "lf"}, TEAL | {"identifier": "spi", "website": "https://spi.example"}
    fund = program(identifier="reeds", commonName="Reeds Fund", nonprofit="lf", fiscalHost="lf", levels={})
    distribution = program(identifier="moss", commonName="Moss", fiscalHost="spi", levels={})
    assertions, _ = load(
        snapshot(
            tmp_path,
            foundations__lf_md=front(lf),
            foundations__spi_md=front(spi),
            sponsorships__reeds_md=front(fund),
            sponsorships__moss_md=front(distribution),
        )
    )
    reeds = MINT.iri("org", "foss-foundations:reeds", "Reeds Fund")
    assert said(assertions, reeds) == {
        (RDF.type, OSAI.Foundation),
        (OSAI.name, Literal("Reeds Fund")),
        (OSAI.subOrganizationOf, MINT.id("org", "linux-foundation")),
    }
    assert [str(a.object) for a in assertions if a.subject in of_type(assertions, "OpenSourceProject")][1:] == ["Moss"]


def test_who_is_named_by_no_host_is_counted_and_never_repeated(tmp_path: Path) -> None:
    payers = {"first": ["Robin Example", "a-profile", "/u/1", 7, "birch.example"], "parseDate": "20240926"}
    assertions, issues = load(
        snapshot(
            tmp_path,
            foundations__teal_md=front(TEAL),
            sponsorships__teal_md=front(program()),
            data__sponsorships__teal_json=json.dumps(payers),
        )
    )
    assert [found.message for found in issues.issues] == ["4 of 5 who pay are named by no host of a web page"]
    everything = repr(assertions) + repr(issues)
    assert "Robin" not in everything


def test_members_that_a_landscape_lists_are_counted(tmp_path: Path) -> None:
    assertions, issues = load(
        snapshot(
            tmp_path,
            foundations__lf_md=front(TEAL | {"identifier": "lf"}),
            sponsorships__lf_md=front(program(identifier="lf", nonprofit="lf", levels={})),
            data__sponsorships__lf_json=json.dumps({"first": ["a.example", "b.example"], "parseDate": "20240926"}),
        )
    )
    assert not of_type(assertions, "Membership")
    assert issues.ignored["sponsors.in-landscapes"] == 2


@pytest.mark.parametrize(
    ("changed", "kind"),
    [
        ({"colour": "red"}, "unknown-field"),
        ({"website": "teal"}, "address"),
        ({"wikidataId": "https://www.wikidata.org/wiki/Q5"}, "identifier"),
        ({"addressCountry": "England"}, "country"),
        ({"foundingDate": "founded in 1999, again in 2004"}, "date"),
        ({"dissolutionDate": "soon"}, "date"),
        ({"parentOrganization": "nobody"}, "reference"),
        ({"legalName": None}, "no-name"),
    ],
)
def test_what_is_not_mapped_of_a_foundation_is_an_issue(tmp_path: Path, changed: dict[str, Any], kind: str) -> None:
    _, issues = load(snapshot(tmp_path, foundations__teal_md=front(TEAL | changed)))
    assert [(found.kind, found.locator) for found in issues.issues] == [(kind, "foundations/teal.md")]


@pytest.mark.parametrize(
    ("page", "payers", "kind"),
    [
        (program(nonprofit="guild"), {}, "unknown-value"),
        (program(nonprofit="c6", levels={"first": {"name": "Copper"}}), {}, "unknown-value"),
        (program(levels={"first": {"name": "Gold", "colour": "red"}}), {}, "unknown-field"),
        (program(levels=["first"]), {}, "not-items"),
        (program(), {"ninth": ["birch.example"]}, "unknown-field"),
        (program(), {"error": "404"}, "not-read"),
        (program(identifier="other"), {}, "reference"),
    ],
)
def test_what_is_not_mapped_of_a_program_is_an_issue(
    tmp_path: Path, page: dict[str, Any], payers: dict[str, Any], kind: str
) -> None:
    of = snapshot(
        tmp_path,
        foundations__teal_md=front(TEAL),
        sponsorships__teal_md=front(page),
        data__sponsorships__teal_json=json.dumps(payers | {"parseDate": "20240926"}),
    )
    assert [found.kind for found in load(of)[1].issues] == [kind]


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("foundations__teal_md", "identifier: teal\n", ":1: the file does not begin with a line of ---"),
        ("foundations__teal_md", "---\nidentifier: teal\n", "no second line of --- closes"),
        ("foundations__teal_md", "---\na: &x [1]\nb: *x\n---\n", ":2: an alias points here"),
        ("foundations__teal_md", "---\na: 1\na: 2\n---\n", ":3: the key 'a' stands twice"),
        ("foundations__teal_md", "---\nname: \udce9\n---\n", ":2: byte 10 is not UTF-8"),
        ("data__sponsorships__teal_json", '{"first": [', ":1: "),
        ("data__sponsorships__teal_json", "[]", ":1: the file holds no names and lists"),
        ("data__sponsorships__teal_json", '{"parseDate": "today"}', ":1: parseDate is 'today'"),
        ("data__projects_asf_csv", "identifier\n", ":1: the column 'commonName' is missing"),
    ],
)
def test_a_file_of_another_form_stops_the_load(tmp_path: Path, name: str, text: str, why: str) -> None:
    with pytest.raises(DriftError) as raised:
        load(snapshot(tmp_path, sponsorships__x_md=front(program()), **{name: text}))
    assert why in str(raised.value)
    assert ("teal" in str(raised.value)) or ("projects-asf" in str(raised.value))


# ---- The real data ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared: Path) -> tuple[list[Assertion], IssueList]:
    place = shared / "data" / "foss-foundations"
    return load(Snapshot.of(SOURCE.name, [File.of(path, place / path) for path in SOURCE.files]))


@pytest.mark.shared
def test_all_foundations_of_the_directory_are_loaded(real: tuple[list[Assertion], IssueList]) -> None:
    assertions, _ = real
    where = {a.subject: a.evidence.locator for a in reversed(assertions) if a.object == OSAI.Foundation}
    folders = Counter(locator.partition("/")[0] for locator in where.values())
    # README: 87 foundations and one entity; nine funds of the Linux Foundation have a program and no file of their own.
    assert folders == {"foundations": 87, "entities": 1, "sponsorships": 9}
    numbers = {a.subject for a in assertions if a.predicate == OSAI.wikidataId}
    assert sum(where[iri].startswith("foundations/") for iri in numbers) == 70  # README
    assert {"linux-foundation", "apache-software-foundation", "numfocus", "cncf", "lf-ai-data", "openssf"} <= {
        iri.rpartition("/")[2] for iri in where
    }


@pytest.mark.shared
def test_all_listed_projects_have_a_host(real: tuple[list[Assertion], IssueList], shared: Path) -> None:
    listed: Counter[str] = Counter()
    for path in (shared / "data" / "foss-foundations" / "data").glob("projects-*.csv"):
        with path.open(encoding="utf-8", newline="") as stream:
            listed.update(row["parentOrganization"] for row in csv.DictReader(stream))
    hosts = Counter(str(a.object) for a in real[0] if a.predicate == OSAI.steward)
    assert sorted(hosts.values()) == sorted(listed.values())


@pytest.mark.shared
def test_every_host_that_pays_is_loaded_or_counted(real: tuple[list[Assertion], IssueList], shared: Path) -> None:
    assertions, issues = real
    entries = 0
    for path in (shared / "data" / "foss-foundations" / "data" / "sponsorships").glob("*.json"):
        lists = json.loads(path.read_text(encoding="utf-8"))
        if "orgs" not in lists:  # the directory's own sums
            entries += sum(len(found) for found in lists.values() if isinstance(found, list))
    mentions = sum(a.predicate in (OSAI.sponsor, OSAI.member) for a in assertions)
    left = sum(int(found.message.partition(" ")[0]) for found in issues.issues if found.kind == "no-host")
    own = sum(found.kind == "own-host" for found in issues.issues)
    ignored = issues.ignored["sponsors.in-landscapes"] + issues.ignored["sponsors.twice"]
    assert mentions + left + own + ignored == entries == 4_345


@pytest.mark.shared
def test_what_the_pages_repeat_is_what_the_lists_say(shared: Path) -> None:
    place = shared / "data" / "foss-foundations"
    repeated = 0
    for path in (place / "sponsorships").glob("*.md"):
        page = yaml.safe_load(path.read_text(encoding="utf-8").split("\n---")[0].removeprefix("---\n"))
        for key, level in page["levels"].items():
            if level.get("sponsors"):
                lists = json.loads((place / "data" / "sponsorships" / f"{path.stem}.json").read_text(encoding="utf-8"))
                repeated += 1
                assert level["sponsors"] == lists[key], (path.name, key)
    assert repeated > 10


def test_every_file_of_the_directory_is_listed_once() -> None:
    assert len(SOURCE.files) == len(set(SOURCE.files)) == 168

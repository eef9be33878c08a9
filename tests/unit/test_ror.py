"""The loader of the registry of research organizations: one organization for each record, nothing lost unsaid."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from rdflib import OWL, RDF, SKOS, XSD, Literal, URIRef
from rdflib.namespace import DCTERMS

from kg.errors import DriftError
from kg.model import Assertion, File, Mint, Snapshot, quads
from kg.sources import IssueList, registry
from kg.vocab import OSAI, PREFIXES

SOURCE = registry()["ror"]
MINT = Mint("https://example.org/kg/")
FILE = "ror_v2_records.jsonl.gz"
SAME_AS = URIRef(PREFIXES["schema"] + "sameAs")
A, B, C = ("https://ror.org/00aaaaa01", "https://ror.org/00bbbbb02", "https://ror.org/00ccccc03")


def record(id_: str, **fields: Any) -> dict[str, Any]:
    """Make a complete record of schema 2 of an invented organization."""
    return {
        "admin": {
            "created": {"date": "2020-01-01", "schema_version": "1.0"},
            "last_modified": {"date": "2024-05-06", "schema_version": "2.1"},
        },
        "domains": [],
        "established": None,
        "external_ids": [],
        "id": id_,
        "links": [],
        "locations": [],
        "names": [{"lang": "en", "types": ["ror_display", "label"], "value": f"Name of {id_[-9:]}"}],
        "relationships": [],
        "status": "active",
        "types": ["company"],
    } | fields


def snapshot(folder: Path, *records: Any) -> Snapshot:
    lines = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in records)
    (folder / FILE).write_bytes(gzip.compress(lines.encode()))
    return Snapshot.of("ror", [File.of(FILE, folder / FILE)])


def load(of: Snapshot) -> tuple[list[Assertion], IssueList]:
    issues = IssueList("ror")
    return list(SOURCE.load()(SOURCE, of, MINT, issues)), issues


def said(assertions: list[Assertion], id_: str) -> set[tuple[URIRef, URIRef | Literal]]:
    iri = MINT.id("org", f"ror-{id_[-9:]}")
    return {(a.predicate, a.object) for a in assertions if a.subject == iri}


def test_a_record_is_one_organization_with_all_that_is_mapped(tmp_path: Path) -> None:
    names = [
        {"lang": None, "types": ["acronym"], "value": "TF "},
        {"lang": "en", "types": ["ror_display", "label"], "value": "Teal Foundry"},
        {"lang": "fr", "types": ["label"], "value": "Fonderie sarcelle"},
        {"lang": "de", "types": ["alias", "label"], "value": "Teal Foundry"},
    ]
    place = {"geonames_id": 1, "geonames_details": {"country_code": "NA", "country_name": "Namibia", "lat": 1.0}}
    identifiers = [
        {"type": "wikidata", "preferred": "Q11", "all": ["Q10", "Q11"]},
        {"type": "grid", "preferred": "https://www.grid.ac/institutes/grid.12.3a", "all": ["grid.12.3a"]},
        {"type": "isni", "preferred": None, "all": ["0000 0001 2345 678X"]},
        {"type": "fundref", "preferred": None, "all": ["100", "200"]},
    ]
    links = [
        {"type": "website", "value": "https://teal.example"},
        {"type": "wikipedia", "value": "http://en.wikipedia.org/wiki/Teal"},
    ]
    one = record(
        A,
        names=names,
        locations=[place, place],
        external_ids=identifiers,
        links=links,
        domains=["teal.example"],
        established=1987,
    )
    assertions, issues = load(snapshot(tmp_path, one))
    assert said(assertions, A) == {
        (RDF.type, OSAI.Company),
        (OSAI.name, Literal("Teal Foundry")),
        (OSAI.rorId, Literal("00aaaaa01")),
        (SKOS.altLabel, Literal("TF")),
        (SKOS.altLabel, Literal("Fonderie sarcelle", lang="fr")),
        (OSAI.inCountry, MINT.id("economy", "na")),
        (OSAI.wikidataId, Literal("Q11")),
        (OSAI.gridId, Literal("grid.12.3a")),
        (OSAI.isni, Literal("000000012345678X")),
        (SAME_AS, URIRef("https://doi.org/10.13039/100")),
        (SAME_AS, URIRef("https://doi.org/10.13039/200")),
        (SAME_AS, URIRef("http://en.wikipedia.org/wiki/Teal")),
        (OSAI.homepage, Literal("https://teal.example", datatype=XSD.anyURI)),
        (OSAI.emailDomain, Literal("teal.example")),
        (OSAI.foundedYear, Literal("1987", datatype=XSD.integer)),
    }
    assert issues.issues == []
    # Preferred identifiers: Q10, and the spelling of GRID that is not preferred.
    assert issues.ignored["external_ids[].all"] == 2
    assert issues.ignored["locations[].geonames_details.country_name"] == 2
    assert {a.evidence.locator for a in assertions} == {f"{FILE}:1"}
    assert set(issues.ignored) <= set(SOURCE.ignore)


@pytest.mark.parametrize(
    ("types", "kinds", "issue"),
    [
        (["education", "funder"], {"AcademicInstitution"}, None),
        (["facility", "government"], {"ResearchFacility", "PublicBody"}, None),
        (["company", "nonprofit"], {"Company"}, "two-kinds"),
        (["government", "company", "healthcare"], {"PublicBody", "HealthcareProvider"}, "two-kinds"),
        (["archive"], {"Organization"}, None),
        (["other", "funder"], {"Organization"}, None),
        (["guild"], {"Organization"}, "unknown-value"),
    ],
)
def test_kinds_that_exclude_each_other_are_one(
    tmp_path: Path, types: list[str], kinds: set[str], issue: str | None
) -> None:
    assertions, issues = load(snapshot(tmp_path, record(A, types=types)))
    assert {a.object for a in assertions if a.predicate == RDF.type} == {OSAI[kind] for kind in kinds}
    assert [found.kind for found in issues.issues] == ([issue] if issue else [])


def relation(kind: str, id_: str) -> dict[str, str]:
    return {"type": kind, "id": id_, "label": "x"}


def test_a_relation_is_said_once_and_only_between_organizations_at_hand(tmp_path: Path) -> None:
    away = "https://ror.org/00zzzzz99"
    parent = record(A, relationships=[relation("child", B), relation("child", C), relation("child", away)])
    child = record(B, relationships=[relation("parent", A), relation("related", C), relation("parent", away)])
    assertions, issues = load(snapshot(tmp_path, parent, child, record(C)))
    # B names its parent itself; C does not, so the parent's record says it.
    assert (OSAI.subOrganizationOf, MINT.id("org", "ror-00aaaaa01")) in said(assertions, B)
    assert {v for p, v in said(assertions, A) if p == OSAI.hasSubOrganization} == {MINT.id("org", "ror-00ccccc03")}
    assert issues.ignored["relationships[].type.child"] == 1
    assert issues.ignored["relationships[].type.related"] == 1
    assert issues.ignored["relationships[].id"] == 2
    assert issues.issues == []


def test_what_is_part_of_its_own_part_is_an_issue(tmp_path: Path) -> None:
    one = record(A, relationships=[relation("child", B), relation("parent", B)])
    own = record(C, relationships=[relation("child", C), relation("predecessor", C)])
    assertions, issues = load(snapshot(tmp_path, one, record(B), own))
    assert not {a.predicate for a in assertions} & {OSAI.subOrganizationOf, OSAI.hasSubOrganization, OSAI.succeededBy}
    assert [found.kind for found in issues.issues] == ["circular"] * 4


def test_an_organization_that_ended_has_a_last_day_and_a_successor(tmp_path: Path) -> None:
    ended = record(A, status="inactive", relationships=[relation("successor", B)])
    next_ = record(B, relationships=[relation("predecessor", A), relation("predecessor", C)])
    assertions, issues = load(snapshot(tmp_path, ended, next_, record(C)))
    assert (OSAI.latestEnd, Literal("2024-05-06T23:59:59Z", datatype=XSD.dateTime, normalize=False)) in said(
        assertions, A
    )
    assert (OSAI.succeededBy, MINT.id("org", "ror-00bbbbb02")) in said(assertions, A)
    assert issues.ignored["relationships[].type.predecessor"] == 1
    assert [(found.kind, found.locator) for found in issues.issues] == [("one-sided", f"{FILE}:2")]


def test_an_identifier_that_was_taken_back_is_deprecated(tmp_path: Path) -> None:
    wrong = record(A, status="withdrawn", relationships=[relation("successor", B)])
    assertions, _ = load(snapshot(tmp_path, wrong, record(B)))
    assert {(OWL.deprecated, Literal(True)), (DCTERMS.isReplacedBy, MINT.id("org", "ror-00bbbbb02"))} <= said(
        assertions, A
    )


def test_an_economy_that_is_in_no_list_is_described_once(tmp_path: Path) -> None:
    place = {"geonames_details": {"country_code": "XK"}}
    assertions, _ = load(snapshot(tmp_path, record(A, locations=[place]), record(B, locations=[place])))
    here = MINT.id("economy", "xk")
    assert [(a.predicate, str(a.object)) for a in assertions if a.subject == here] == [
        (RDF.type, str(OSAI.Economy)),
        (OSAI.name, "Kosovo"),
    ]


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"colour": "red"}, "unknown-field"),
        ({"links": [{"type": "website", "value": "https://a.example", "since": 1}]}, "unknown-field"),
        ({"links": [{"type": "gopher", "value": "https://a.example"}]}, "unknown-value"),
        ({"links": [{"type": "website", "value": "a b"}]}, "address"),
        ({"links": "https://a.example"}, "not-items"),
        ({"domains": ["no domain"]}, "domain"),
        ({"domains": [7]}, "not-text"),
        ({"established": "long ago"}, "date"),
        ({"status": "sleeping"}, "unknown-value"),
        ({"names": []}, "no-name"),
        (
            {"names": [{"types": ["ror_display"], "value": "N"}, {"types": ["alias"], "lang": "?", "value": "M"}]},
            "language",
        ),
        ({"names": [{"types": ["ror_display"], "value": "N"}, {"types": ["motto"], "value": "M"}]}, "unknown-value"),
        ({"external_ids": [{"type": "grid", "preferred": "12", "all": ["12"]}]}, "identifier"),
        ({"external_ids": [{"type": "duns", "all": ["12"]}]}, "unknown-value"),
        ({"locations": [{"geonames_details": {"country_code": "Spain"}}]}, "country"),
        ({"id": "https://example.org/1"}, "identifier"),
    ],
)
def test_what_is_not_mapped_is_an_issue_with_its_line(tmp_path: Path, fields: dict[str, Any], kind: str) -> None:
    _, issues = load(snapshot(tmp_path, record(B), record(A) | fields))
    assert [(found.kind, found.locator) for found in issues.issues] == [(kind, f"{FILE}:2")]


@pytest.mark.parametrize(
    ("lines", "said_of_it"),
    [
        (['{"id": "https://ror.org/00aaaaa01"'], ":1: "),
        (["[1]"], ":1: the line is no record with an id"),
        ([record(A), record(B), record(A)], ":3: a second record of https://ror.org/00aaaaa01"),
        (['{"id": "a", "id": "b"}'], ":1: the name 'id' stands twice"),
        (["[" * 100_000], ":1: "),
    ],
)
def test_a_file_that_is_none_stops_the_load(tmp_path: Path, lines: list[Any], said_of_it: str) -> None:
    with pytest.raises(DriftError, match=FILE) as raised:
        load(snapshot(tmp_path, *lines))
    assert said_of_it in str(raised.value)


@pytest.mark.parametrize("damage", ["cut", "other"])
def test_a_damaged_archive_stops_the_load(tmp_path: Path, damage: str) -> None:
    snapshot(tmp_path, *(record(f"https://ror.org/00aaaa{number:03}") for number in range(100, 200)))
    whole = (tmp_path / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[:-200] if damage == "cut" else b"not gzip at all")
    with pytest.raises(DriftError, match=r"cut or damaged"):
        load(Snapshot.of("ror", [File.of(FILE, tmp_path / FILE)]))


# ---- The real data ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def real(shared: Path) -> tuple[list[Assertion], IssueList]:
    return load(Snapshot.of("ror", [File.of(FILE, shared / "data" / "ror" / FILE)]))


@pytest.fixture(scope="module")
def raw(shared: Path) -> list[dict[str, Any]]:
    with gzip.open(shared / "data" / "ror" / FILE, "rt", encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


@pytest.mark.slow
@pytest.mark.shared
def test_every_record_of_the_registry_is_loaded(real: tuple[list[Assertion], IssueList]) -> None:
    assertions, issues = real
    count = Counter(a.predicate for a in assertions)
    holders = {a.subject for a in assertions if a.predicate == OSAI.wikidataId}
    assert count[OSAI.rorId] == 35_990  # README
    assert len(holders) == 16_483  # README
    # README: 5,093 companies, of which two are public bodies too.
    assert sum(a.object == OSAI.Company for a in assertions) == 5_093 - 2
    assert Counter(found.kind for found in issues.issues) == {
        "circular": 7,
        "identifier": 1,
        "one-sided": 56,
        "two-kinds": 10,
    }


@pytest.mark.slow
@pytest.mark.shared
def test_each_list_is_carried_over_whole(real: tuple[list[Assertion], IssueList], raw: list[dict[str, Any]]) -> None:
    count = Counter(a.predicate for a in real[0])
    assert count[OSAI.emailDomain] == sum(len(one["domains"]) for one in raw)
    assert count[OSAI.foundedYear] == sum(one["established"] is not None for one in raw)
    assert count[OSAI.homepage] == sum(link["type"] == "website" for one in raw for link in one["links"])
    assert count[OWL.deprecated] == sum(one["status"] == "withdrawn" for one in raw)
    assert count[OSAI.latestEnd] == sum(one["status"] == "inactive" for one in raw)


@pytest.mark.slow
@pytest.mark.shared
def test_parents_are_those_that_either_side_names(
    real: tuple[list[Assertion], IssueList], raw: list[dict[str, Any]]
) -> None:
    known = {one["id"] for one in raw}
    told = {(one["id"], r["id"]) for one in raw for r in one["relationships"] if r["type"] == "parent"}
    told |= {(r["id"], one["id"]) for one in raw for r in one["relationships"] if r["type"] == "child"}
    expected = {(a, b) for a, b in told if a in known and b in known and a != b and (b, a) not in told}
    up = {(str(a.subject), str(a.object)) for a in real[0] if a.predicate == OSAI.subOrganizationOf}
    up |= {(str(a.object), str(a.subject)) for a in real[0] if a.predicate == OSAI.hasSubOrganization}
    prefix = MINT.base + "id/org/ror-"
    assert {
        (f"https://ror.org/{a.removeprefix(prefix)}", f"https://ror.org/{b.removeprefix(prefix)}") for a, b in up
    } == (expected)


@pytest.mark.slow
@pytest.mark.shared
def test_the_slice_beside_the_file_says_nothing_else(shared: Path, raw: list[dict[str, Any]]) -> None:
    by_id = {one["id"]: one for one in raw}
    slice_ = json.loads((shared / "data" / "ror" / "ror_slice.json").read_text(encoding="utf-8"))
    assert len(slice_) == 685
    assert all(by_id[one["id"]] == one for one in slice_)


@pytest.mark.slow
@pytest.mark.shared
def test_a_record_costs_some_fifteen_quads(real: tuple[list[Assertion], IssueList]) -> None:
    first = [a for a in real[0] if a.evidence.number <= 2_000]
    written = {quad for assertion in first for quad in quads(assertion, MINT)}
    assert len(written) / 2_000 < 17

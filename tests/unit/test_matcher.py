"""What two descriptions must share to be one: blocking, evidence for and against, and the laws of a score."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kg.resolution import Description, Link, Verdict
from kg.resolution.matcher import OPEN, SAME, match
from kg.resolution.names import Likeness, is_short_for, likeness
from kg.resolution.profile import Site, gather
from kg.resolution.resolver import resolve
from tests.unit.test_resolution import ONTOLOGY, described


def company(iri: str, name: str, source: str = "a", place: str = "", **values: Any) -> Description:
    order = 10 + ord(source[0])
    locator = place or f"{source}.yml#Members/Gold[{sum(map(ord, iri))}]"
    return described(f"id/org/{iri}", "org", source, order, name=name, locator=locator, **values)


def project(iri: str, name: str, source: str = "a", **values: Any) -> Description:
    locator = f"{source}.yml#Projects/All[{sum(map(ord, iri))}]"
    return described(f"id/project/{iri}", "project", source, 10 + ord(source[0]), name=name, locator=locator, **values)


def model(iri: str, name: str, source: str = "a", **values: Any) -> Description:
    return described(f"id/model/{iri}", "model", source, 10 + ord(source[0]), name=name, **values)


def record(number: str, name: str, kind: str = "AcademicInstitution", **values: Any) -> Description:
    """Make a record of a registry: each has a number of its own."""
    return described(
        f"id/org/ror-{number}", "org", "registry", 200, name=name, rorId=number, type=ONTOLOGY + kind, **values,
    )  # fmt: skip


def only(*known: Description) -> Link | None:
    found = list(match(known))
    assert len(found) <= 1
    return found[0] if found else None


def verdict(*known: Description) -> Verdict | None:
    found = only(*known)
    return found.verdict if found else None


# ---- Organizations ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Reef Works, Inc."}, {"name": "REEF WORKS"}),
        ({"name": "Reef", "homepage": "https://reef.example/en"}, {"name": "Reef Technologies", "homepage": "https://www.reef.example"}),
        ({"name": "Reef", "homepage": "https://reef.example"}, {"name": "Reef", "emailDomain": "reef.example"}),
        ({"name": "Reef AI"}, {"name": "Reef"}),
        ({"name": "Royal Eel Fund", "homepage": "https://eel.example"}, {"name": "REF", "homepage": "https://eel.example/"}),
        ({"name": "Tide (Surf)", "homepage": "https://tide.example"}, {"name": "Surf", "homepage": "https://tide.example"}),
        ({"name": "Reef Group", "homepage": "https://reef.example"}, {"name": "reef.example", "homepage": "https://reef.example"}),
        ({"name": "Alpha", "wikidataId": "Q7"}, {"name": "Alfa Mare", "wikidataId": "Q7"}),
    ],
)  # fmt: skip
def test_two_sources_mean_one_organization(one: dict[str, str], other: dict[str, str]) -> None:
    assert verdict(company("x", source="a", **one), company("y", source="b", **other)) is Verdict.SAME


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Surf", "sameAs": "https://www.crunchbase.com/organization/tide"},
         {"name": "Tide", "sameAs": "https://www.crunchbase.com/organization/tide"}),
        ({"name": "Surf", "homepage": "https://github.com/surf"}, {"name": "Tide", "homepage": "https://github.com/tide"}),
        ({"name": "Surf", "homepage": "https://sea.example"}, {"name": "Tide", "homepage": "https://sea.example"}),
        ({"name": "Reef", "wikidataId": "Q7"}, {"name": "Reef", "wikidataId": "Q8"}),
        ({"name": "Reef", "type": ONTOLOGY + "Company", "homepage": "https://a.example"},
         {"name": "Reef", "type": ONTOLOGY + "PublicBody", "homepage": "https://b.example"}),
    ],
)  # fmt: skip
def test_what_is_not_enough_to_merge_organizations(one: dict[str, str], other: dict[str, str]) -> None:
    assert verdict(company("x", source="a", **one), company("y", source="b", **other)) is not Verdict.SAME


def test_a_unit_on_the_site_of_the_whole_is_related() -> None:
    whole = company("x", "Reef", homepage="https://reef.example")
    unit = company("y", "Reef Cloud", "b", homepage="https://cloud.reef.example")
    assert verdict(whole, unit) is Verdict.RELATED
    assert verdict(whole, company("y", "Reef Labs", "b", homepage="https://reef.example/labs")) is Verdict.RELATED


def test_the_record_of_one_country_is_related_and_never_the_company() -> None:
    whole = company("x", "Reef", homepage="https://reef.example")
    branch = record("01", "Reef (Samoa)", "Company", homepage="https://reef.example")
    found = only(whole, branch)
    assert found is not None
    assert found.verdict is Verdict.RELATED
    assert any("one country" in reason for reason in found.reasons)


def test_a_university_of_a_registry_is_itself_where_the_address_agrees() -> None:
    here = record("01", "Coral University", homepage="https://www.coral.example")
    there = record("02", "Coral University", homepage="https://coral.other.example")
    found = list(match([company("x", "Coral University", homepage="https://coral.example/"), here, there]))
    assert {(link.right, link.verdict) for link in found if link.verdict is Verdict.SAME} == {
        ("id/org/x", Verdict.SAME)
    }
    assert [link.left for link in found if link.verdict is Verdict.SAME] == ["id/org/ror-01"]


def test_records_of_a_registry_are_never_compared_with_each_other() -> None:
    records = [record(f"0{n}", "Ministry of Fish", homepage="https://fish.example") for n in range(5)]
    assert list(match(records)) == []


def test_one_word_that_is_also_in_a_registry_is_left_to_a_person() -> None:
    assert verdict(company("x", "Echo"), record("01", "ECHO", "NonProfitOrganization")) is Verdict.OPEN


def test_a_site_that_many_share_says_nothing() -> None:
    names = ("Cod", "Eel", "Ray", "Sole", "Hake", "Carp", "Tuna", "Bass", "Pike", "Perch", "Shad", "Smelt")
    crowd = [company(f"m{n}", name, "b", homepage="https://harbour.example") for n, name in enumerate(names)]
    found = list(match([*crowd, company("x", "Cod and Chips", homepage="https://harbour.example")]))
    assert not [link for link in found if link.verdict is Verdict.SAME]


# ---- Projects and models ---------------------------------------------------------------------------------------------


def repository(path: str) -> str:
    return f"https://example.org/kg/id/repository/github.com/{path}"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"name": "Cod", "hasRepository": repository("reef/cod")},
         {"name": "cod", "hasRepository": repository("cod-io/cod")}),
        ({"name": "reef-cod", "hasRepository": repository("reef/cod")},
         {"name": "ReefCod", "hasRepository": repository("reef/cod")}),
        ({"name": "Deep Net Fishing (DNF)", "hasRepository": repository("dnf/net")},
         {"name": "dnf", "hasRepository": repository("dnf/net")}),
        ({"name": "Apache Cod", "homepage": "https://cod.example"}, {"name": "Cod", "homepage": "https://cod.example"}),
        ({"name": "Long Line Cod"}, {"name": "Long Line COD Project"}),
    ],
)  # fmt: skip
def test_two_sources_mean_one_project(one: dict[str, str], other: dict[str, str]) -> None:
    assert verdict(project("x", source="a", **one), project("y", source="b", **other)) is Verdict.SAME


def test_a_place_of_its_own_below_a_domain_that_many_share_is_an_address() -> None:
    """As a foundation gives one to each of its projects."""
    names = ("Eel", "Ray", "Sole", "Hake", "Carp", "Tuna", "Bass", "Pike", "Perch", "Shad", "Smelt", "Dace")
    crowd = [project(f"m{n}", name, "c", homepage=f"https://{name}.harbour.example") for n, name in enumerate(names)]
    verdicts = {}
    for site in ("cod.harbour.example", "cod-and-chips.example"):
        one = project("x", "Apache Cod", "a", homepage="https://cod.harbour.example")
        other = project("y", "Cod", "b", homepage=f"https://{site}")
        verdicts[site] = {link.verdict for link in match([*crowd, one, other])}
    assert verdicts == {"cod.harbour.example": {Verdict.SAME}, "cod-and-chips.example": {Verdict.OPEN}}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Cod", "Cod Working Group"), ("Reef", "Reef client for Python"), ("Coral", "Anemone"),
        ("Interop Shells", "trustmark"),
    ],
)  # fmt: skip
def test_a_shared_repository_alone_merges_no_part_with_its_whole(one: str, other: str) -> None:
    shared = {"hasRepository": repository("reef/reef-main")}
    assert verdict(project("x", one, "a", **shared), project("y", other, "b", **shared)) is not Verdict.SAME


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ("Squid-7B", "Squid 7B", Verdict.SAME),
        ("Squid-7B", "Squid-13B", None),
        ("Squid-7B", "Squid-7B-Chat", None),
        ("Squid-7B-v0.1", "Squid-7B-v0.2", None),
    ],
)
def test_a_model_is_one_released_thing(one: str, other: str, expected: Verdict | None) -> None:
    assert verdict(model("x", one, "a"), model("y", other, "b")) is expected


def test_the_page_of_a_model_says_the_size_that_a_name_leaves_out() -> None:
    page = "https://huggingface.co/reef/squid-7b"
    assert verdict(model("x", "Squid", "a", sameAs=page), model("y", "Squid-7B", "b")) is Verdict.SAME


# ---- Laws ------------------------------------------------------------------------------------------------------------

_names = st.sampled_from(
    ["Reef", "Reef AI", "Reef Cloud", "Tide", "Royal Eel Fund", "REF", "reef.example", "Tide (Reef)"]
)
_values = st.fixed_dictionaries(
    {"name": _names},
    optional={
        "homepage": st.sampled_from(["https://reef.example", "https://cloud.reef.example", "https://tide.example/a"]),
        "emailDomain": st.sampled_from(["reef.example", "tide.example"]),
        "sameAs": st.sampled_from(["https://www.crunchbase.com/organization/reef"]),
        "wikidataId": st.sampled_from(["Q1", "Q2"]),
    },
)


@given(st.lists(_values, min_size=2, max_size=7), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_neither_links_nor_merges_depend_on_the_order(said: list[dict[str, str]], chance: random.Random) -> None:
    known = [company(f"n{n}", source="abcdefg"[n], **values) for n, values in enumerate(said)]
    shuffled = known.copy()
    chance.shuffle(shuffled)
    assert list(match(known)) == list(match(shuffled))
    assert resolve(known) == resolve(shuffled)


@given(_values, _values)
@settings(max_examples=100, deadline=None)
def test_a_score_is_the_same_from_both_sides(one: dict[str, str], other: dict[str, str]) -> None:
    here = only(company("x", source="a", **one), company("y", source="b", **other))
    there = only(company("y", source="a", **one), company("x", source="b", **other))
    assert (here and (here.score, here.verdict, here.reasons)) == (
        there and (there.score, there.verdict, there.reasons)
    )


@given(_values, _values)
@settings(max_examples=100, deadline=None)
def test_an_identifier_in_common_never_lowers_a_score(one: dict[str, str], other: dict[str, str]) -> None:
    pair = (company("x", source="a", **one), company("y", source="b", **other))
    more = tuple(
        Description(each.iri, each.kind, each.source, each.order, each.curated, {**each.values, "gridId": ["grid.1.a"]})
        for each in pair
    )
    before, after = (0.0 if found is None else found.score for found in (only(*pair), only(*more)))
    assert after >= before


@given(st.lists(_values, min_size=2, max_size=8))
@settings(max_examples=60, deadline=None)
def test_what_one_list_has_as_two_is_never_made_one_by_a_third(said: list[dict[str, str]]) -> None:
    """Unless a rule found the two themselves to be one, in spite of the list."""
    known = [company(f"n{n}", source="ab"[n % 2], **values) for n, values in enumerate(said)]
    found = resolve(known)
    one_list = [each.iri for each in known if each.source == "a"]
    direct = {(link.left, link.right) for link in match(known) if link.verdict is Verdict.SAME}
    stays = {iri: found.replaced.get(iri, iri) for iri in one_list}
    groups = {iri: {other for other in one_list if stays[other] == stays[iri]} for iri in one_list}
    for iri, together in groups.items():
        assert len(together) == 1 or any(iri in pair and set(pair) <= together for pair in direct)


def test_every_link_says_why() -> None:
    found = only(
        company("x", "Reef", homepage="https://reef.example"),
        company("y", "Reef", "b", homepage="https://reef.example"),
    )
    assert found is not None
    assert found.reasons == ("same name, Reef (+9.0)", "same site, reef.example (+7.0)")
    assert OPEN < SAME <= found.score <= 1


def test_a_merge_that_a_list_forbids_is_left_open() -> None:
    known = [
        company("x", "Tide", homepage="https://tide.example"),
        company("z", "Surf", homepage="https://surf.example"),
        company("y", "Tide (Surf)", "b", homepage=["https://tide.example", "https://surf.example"]),
    ]
    found = resolve(known)
    assert len(found.replaced) == 1
    [link] = found.of(Verdict.OPEN)
    assert "keeps apart" in link.reasons[0]


# ---- Names and addresses ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "how"),
    [
        ("Reef, Inc.", "REEF", Likeness.EQUAL),
        ("Coral Artificial Intelligence", "Coral AI", Likeness.EQUAL),
        ("Reef AI", "Reef", Likeness.SILENT),
        ("Reef Holdings", "Reef", Likeness.LOOSE),
        ("National Eel Trust", "NET", Likeness.ACRONYM),
        ("Coral National Laboratory", "Coral National Labs", Likeness.EQUAL),
        ("Anemone", "Annemone", Likeness.SIMILAR),
        ("Reef", "Reef Cloud", Likeness.PART),
        ("Reef", "Reef of Samoa", Likeness.LONGER),
        ("Reef 2", "Reef 3", Likeness.UNLIKE),
        ("Reef", "Tide", Likeness.UNLIKE),
    ],
)
def test_how_names_are_alike(one: str, other: str, how: Likeness) -> None:
    assert likeness(one, other)[0] is how
    assert likeness(other, one)[0] is how


def test_an_acronym_has_no_letter_of_its_own() -> None:
    assert is_short_for("cf360", "Coral Fairness 360")
    assert not is_short_for("cfx", "Coral Fairness 360")
    assert not is_short_for("Reef", "Reef")


@pytest.mark.parametrize(
    ("address", "site"),
    [
        ("https://www.reef.example/en-us", Site("reef.example")),
        ("http://en.reef.example/index.html", Site("reef.example")),
        ("https://cloud.reef.example/", Site("reef.example", "cloud")),
        ("https://reef.ac.uk/school", Site("reef.ac.uk", "school")),
        ("https://github.com/Reef/", Site("github.com/reef")),
        ("https://reef.github.io/cod/", Site("reef.github.io", "cod")),
    ],
)
def test_a_site_is_the_registered_domain_and_the_place_below(address: str, site: Site) -> None:
    assert Site.of(address) == site


def test_only_records_that_share_a_key_are_looked_at() -> None:
    records = [record(f"{n:02}", f"Institute {n}", homepage=f"https://i{n}.example") for n in range(50)]
    known = gather([company("x", "Institute 7"), *records], "org")
    assert set(known.profiles) == {"id/org/x", "id/org/ror-07"}

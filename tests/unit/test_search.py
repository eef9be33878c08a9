"""The laws by which names are alike, the spelling of keys, and an index that is the same for the same quads."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg import search
from kg.errors import ReleaseError
from kg.release import SEARCH
from kg.search import Index, Wanted
from kg.search.identifiers import Key, of_address, of_property, read
from kg.search.names import SHARED, SURE, Form, Part, forms, likeness, slip, slips_allowed, without_slipped_end
from kg.store.oxigraph import OxigraphStore, OxigraphWriter
from kg.vocab import OSAI

BASE = "https://example.org/kg/"
NAMES = st.text(st.characters(categories=("L", "N", "Z", "P", "M")), max_size=40)


def never(word: str) -> bool:
    return False


def best(left: str, right: str) -> float:
    """What two names are worth by what is equal, over all their forms."""
    found = (likeness(one, other) for one in forms(left) for other in forms(right))
    return max((one.score for one in found if one), default=0.0)


# --- likeness ---------------------------------------------------------------------------------------------------------


@given(NAMES)
def test_a_name_is_most_like_itself(name: str) -> None:
    if forms(name):
        assert best(name, name) == 100


@given(NAMES, NAMES)
def test_the_whole_likeness_does_not_depend_on_the_side(left: str, right: str) -> None:
    wholes = forms(left)[:1], forms(right)[:1]
    if all(wholes):
        one, other = wholes[0][0], wholes[1][0]
        there, back = likeness(one, other), likeness(other, one)
        assert (there is None) == (back is None)


@given(NAMES)
def test_case_never_matters(name: str) -> None:
    assert [form.words for form in forms(name)] == [form.words for form in forms(name.casefold())] or not name.isascii()


def test_likeness_falls_with_what_differs() -> None:
    name = "Halvor Tidal Compute"
    ranked = [
        best(name, other)
        for other in (
            "HALVOR tidal compute, Inc.",
            "HalvorTidal Compute",
            "Compute, Halvor Tidal",
            "Halvor Tidal Compute Foundation",
            "Halvor Tidal Bakery",
        )
    ]
    assert ranked == sorted(ranked, reverse=True)
    assert len(set(ranked)) == 5
    assert ranked[-2] >= SURE > ranked[-1]
    assert SHARED < SURE


def test_each_bracket_taken_off_costs_on_either_side() -> None:
    assert best("Owl (OWL)", "Owl (OWL)") > best("Owl", "Owl (Oak)") > best("Oak", "Owl (Oak)")
    assert best("Owl (Oak)", "Owl") == best("Owl", "Owl (Oak)")


def test_a_role_behind_a_member_costs_nothing() -> None:
    assert best("Halvor (member)", "Halvor") == best("Halvor", "Halvor(hosting)") == 100


def test_the_word_that_people_leave_out_is_not_one_they_add() -> None:
    assert best("Ostrelle", "Ostrelle AI") >= SURE
    assert best("Ostrelle AI", "Ostrelle") < SURE


# --- slips ------------------------------------------------------------------------------------------------------------


def slipped(left: str, right: str, known: object = never) -> bool:
    return slip(forms(left)[0], forms(right)[0], known) is not None  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("typed", "meant"), [("Ostrele", "Ostrelle"), ("Otsrelle", "Ostrelle"), ("Ostrellle Sytems", "Ostrelle Systems")]
)
def test_slips_of_the_pen_are_seen_through(typed: str, meant: str) -> None:
    assert slipped(typed, meant)


@pytest.mark.parametrize(
    ("typed", "other"),
    [
        ("Owls", "Owl"),  # too short to tell
        ("Astrelle", "Ostrelle"),  # the first letter
        ("Owlet-7B", "Owlet-8B"),  # a figure
        ("Owlet 70B", "Owlet 7B"),
        ("Ostrelle Works", "Ostrelle"),  # more than letters
    ],
)
def test_what_is_another_name_is_no_slip(typed: str, other: str) -> None:
    assert not slipped(typed, other)


def test_a_known_word_is_meant_as_it_is_written() -> None:
    assert slipped("Quill Housing Trust", "Quill Mousing Trust")
    assert not slipped("Quill Housing Trust", "Quill Mousing Trust", {"housing", "mousing"}.__contains__)


@given(st.text("abcdefgh", min_size=8, max_size=20), st.data())
def test_one_slip_in_a_long_name_is_always_seen(letters: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(1, len(letters) - 1))
    assert slip(Form((letters[:at] + "z" + letters[at:],)), Form((letters,)), never)
    assert slips_allowed(letters) == 2


def test_a_slip_in_a_general_last_word_leaves_the_name() -> None:
    meant = without_slipped_end(forms("Ostrelle Fuondation")[0], never)
    assert meant is not None
    assert meant.words == ("ostrelle",)
    assert without_slipped_end(forms("Ostrelle Fountain")[0], {"fountain"}.__contains__) is None


# --- keys -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("https://ror.org/0abc12345", Key("ror", "0abc12345")),
        ("http://www.wikidata.org/entity/q42", Key("wikidata", "Q42")),
        ("https://doi.org/10.1000/ABC", Key("doi", "10.1000/abc")),
        ("https://github.com/A/B/issues", Key("repository", "github.com/a/b")),
        ("https://crunchbase.com/organization/owl", Key("crunchbase", "owl")),
    ],
)
def test_an_address_that_is_an_identifier_is_that_alone(address: str, key: Key) -> None:
    assert list(of_address(address)) == [key]


@given(st.text(max_size=60))
def test_any_text_can_be_read_as_a_key(text: str) -> None:
    for reading in read(text):
        assert 0 < reading.strength <= 100
        assert reading.key.value == reading.key.value.casefold() or reading.key.type in ("wikidata", "isni")


@pytest.mark.parametrize("text", ["someone.private@owl.example.org", "mailto:someone.private@owl.example.org"])
def test_of_an_e_mail_address_only_the_domain_is_read(text: str) -> None:
    assert all("private" not in reading.key.value for reading in read(text))
    assert read(text)[0].key == Key("domain", "owl.example.org")


def test_what_data_hold_and_what_people_type_meet_in_one_spelling() -> None:
    for predicate, value, typed in (
        (OSAI.isni, "0000000123456789", "0000 0001 2345 6789"),
        (OSAI.spdxId, "OWL-1.0+", "owl-1.0+"),
        (OSAI.hasRepository, f"{BASE}id/repository/github.com/owl/net", "https://github.com/Owl/Net.git"),
        (OSAI.homepage, "http://www.owl.example.org/en/", "https://owl.example.org/en"),
        (OSAI.emailDomain, "owl.example.org", "a@owl.example.org"),
    ):
        held = set(of_property(str(predicate), value, base=BASE))
        assert held & {reading.key for reading in read(typed)}, typed


# --- the index --------------------------------------------------------------------------------------------------------

TURTLE = f"""
@base <{BASE}> . @prefix osai: <{OSAI._NS}> . @prefix skos: <http://www.w3.org/2004/02/skos/core#> .
<id/org/big> a osai:Organization ; osai:name "Quill Works" .
<id/org/small> a osai:Organization ; osai:name "Quill Works" .
<id/org/alias> a osai:Organization ; osai:name "Ostrelle Systems" ; skos:altLabel "Thornapple" .
<id/org/named> a osai:Organization ; osai:name "Thornapple" .
<id/org/national> a osai:Organization ; osai:name "Lumen (Portugal)" .
<id/org/lumen> a osai:Organization ; osai:name "Lumen (LMN)" .
<id/economy/pt> a osai:Economy ; osai:name "Portugal" .
<id/project/a> a osai:Project ; osai:name "Alone" ; osai:hasRepository <id/repository/github.com/o/one> .
<id/project/m> a osai:Project ; osai:name "Many" ; osai:currentHost <id/org/big> ; osai:hasRepository
  <id/repository/github.com/o/one>, <id/repository/github.com/o/two>, <id/repository/github.com/o/three>,
  <id/repository/github.com/o/four> .
<id/project/n> a osai:Project ; osai:name "Other" ; osai:currentHost <id/org/big> .
"""


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> OxigraphStore:
    path = tmp_path_factory.mktemp("search") / "data.ttl"
    path.write_text(TURTLE, encoding="utf-8")
    writer = OxigraphWriter()
    writer.load([(path, BASE, None)])
    return writer.store()


@pytest.fixture(scope="module")
def index(store: OxigraphStore, tmp_path_factory: pytest.TempPathFactory) -> Index:
    folder = tmp_path_factory.mktemp("index")
    search.make(folder, store, base=BASE)
    found = Index.open(folder, base=BASE)
    assert found is not None
    return found


def test_two_indexes_of_one_store_are_equal_byte_by_byte(store: OxigraphStore, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        search.make(tmp_path / name, store, base=BASE)
    for file in (search.FILE, search.ABOUT):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_the_release_knows_the_file_that_is_packing(tmp_path: Path) -> None:
    assert search.FILE == SEARCH


def test_more_links_come_first_among_namesakes_and_neither_is_a_match(index: Index) -> None:
    found = index.candidates("Quill Works", types=["Organization"])
    assert [one.iri.rpartition("/")[2] for one in found[:2]] == ["big", "small"]
    assert not any(one.match for one in found)


def test_the_thing_of_the_name_is_meant_before_one_with_the_alias(index: Index) -> None:
    found = index.candidates("Thornapple")
    assert (found[0].iri, found[0].match) == (f"{BASE}id/org/named", True)
    assert found[1].iri == f"{BASE}id/org/alias"


def test_a_national_record_is_not_the_company(index: Index) -> None:
    assert index.candidates("Lumen")[0].iri == f"{BASE}id/org/lumen"
    assert not any(one.match for one in index.candidates("Portugal", types=["Organization"]))


def test_who_has_a_repository_alone_is_meant_before_one_of_many(index: Index) -> None:
    answer = index.lookup("https://github.com/o/one")
    assert [(one.iri, one.match) for one in answer.found] == [(f"{BASE}id/project/a", True)]
    assert f"{BASE}id/project/m" in {one.iri for one in answer.near}


def test_properties_agree_disagree_or_are_silent(index: Index) -> None:
    wanted = (Wanted("currentHost", ("Quill Works",)),)
    agrees = index.candidates("Many", wanted=wanted)[0]
    silent = index.candidates("Alone", wanted=wanted)[0]
    differs = index.candidates("Other", wanted=(Wanted("currentHost", ("Ostrelle Systems",)),))[0]
    assert (agrees.match, silent.match, differs.match) == (True, True, False)
    assert differs.score < silent.score
    assert "currentHost" not in silent.features


def test_search_finds_by_beginnings_and_keeps_to_a_kind(index: Index) -> None:
    assert {hit.iri for hit in index.search("qui")} == {f"{BASE}id/org/big", f"{BASE}id/org/small"}
    assert index.search("qui", kind="Project") == []
    assert index.search("Thornaple")[0].name == "Thornapple"
    assert index.search("") == []
    assert len(index.search("quill", limit=1)) == 1


@given(st.text(max_size=60))
def test_no_text_breaks_the_index(index: Index, text: str) -> None:
    index.search(text)
    index.lookup(text)
    index.candidates(text, types=["Project"], wanted=(Wanted("currentHost", (text,)),))


def test_an_index_of_another_make_is_refused_and_none_is_none(tmp_path: Path) -> None:
    assert Index.open(tmp_path, base=BASE) is None
    file = tmp_path / search.FILE
    database = sqlite3.connect(file)
    database.execute("PRAGMA user_version = 999")
    database.close()
    with pytest.raises(ReleaseError, match="format 999"):
        Index.open(tmp_path, base=BASE)
    file.write_bytes(b"no database at all, but long enough to look like something" * 20)
    with pytest.raises(ReleaseError, match="build the release again"):
        Index.open(tmp_path, base=BASE)


def test_parts_are_steps_from_the_whole() -> None:
    assert [int(part) for part in Part] == [0, 1, 2]

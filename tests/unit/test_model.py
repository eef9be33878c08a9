"""Minting, snapshots, and how evidence is spelled in quads."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from pathlib import Path

import pyoxigraph
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import RDF, Literal, URIRef
from rdflib.namespace import DCTERMS, PROV, XSD

from kg.errors import ConfigError, FetchError, ModelError
from kg.model import (
    KINDS,
    WORDS,
    Assertion,
    Evidence,
    File,
    Ledger,
    LedgerRow,
    Mint,
    Snapshot,
    check_base,
    load_quads,
    quads,
    record_quads,
    slugify,
    words_graph,
)
from kg.vocab import OSAI

BASE = "https://example.org/kg/"
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
ROW = LedgerRow("org", "meta", "curated:meta", "0.1.0")
MINT = Mint(BASE, Ledger([ROW]))

plain_kinds = st.sampled_from(sorted(KINDS - {"repository", "licence"}))
slugs = st.from_regex(SLUG, fullmatch=True)


def resolved(reference: str, base: str) -> str:
    """Resolve as RFC 3986 has it, by the parser of another engine."""
    (quad,) = pyoxigraph.parse(f"<{reference}> a <urn:x> .", pyoxigraph.RdfFormat.TURTLE, base_iri=base)
    return str(quad.subject.value)


# ---- Names to slugs --------------------------------------------------------------------------------------------------


@given(st.text())
def test_a_slug_is_nothing_or_ascii_words_joined_by_hyphens(name: str) -> None:
    slug = slugify(name)
    assert slug == "" or SLUG.fullmatch(slug)


@given(st.text())
def test_the_slug_of_a_slug_is_itself(name: str) -> None:
    assert slugify(slugify(name)) == slugify(name)


@given(st.text(alphabet="abc XYZ09.-_"), st.text(alphabet=" .-_/&"))
def test_case_and_what_stands_between_words_do_not_count(name: str, around: str) -> None:
    assert slugify(around + name.upper() + around) == slugify(name.lower())


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("The Linux Foundation", "the-linux-foundation"),
        ("Wörter & Zeichen, GmbH", "worter-zeichen-gmbh"),
        ("Straße", "strae"),  # what has no ASCII decomposition is left out
        ("PyTorch/XLA", "pytorch-xla"),
        ("ﬁne", "fine"),  # a ligature
        ("北京", ""),
        ("--", ""),
    ],
)
def test_slugs_by_hand(name: str, slug: str) -> None:
    assert slugify(name) == slug


# ---- Minting ---------------------------------------------------------------------------------------------------------


def test_a_key_in_the_ledger_has_its_slug_whatever_its_name() -> None:
    assert MINT.iri("org", "curated:meta", "Facebook") == URIRef(f"{BASE}id/org/meta")
    assert MINT.iri("org", "curated:meta") == URIRef(f"{BASE}id/org/meta")


def test_the_ledger_speaks_of_one_kind() -> None:
    assert MINT.iri("project", "curated:meta", "Meta") != URIRef(f"{BASE}id/project/meta")


def test_a_key_that_is_not_listed_gets_slug_and_six_hex_digits_of_its_key() -> None:
    mark = hashlib.sha256(b"landscape:42").hexdigest()[:6]
    assert MINT.iri("org", "landscape:42", "Acme, Inc.") == URIRef(f"{BASE}id/org/acme-inc-{mark}")
    assert MINT.iri("org", "landscape:42") == URIRef(f"{BASE}id/org/landscape-42-{mark}")
    assert MINT.iri("org", "landscape:42", "北京") == URIRef(f"{BASE}id/org/{mark}")


@given(plain_kinds, st.text(), st.none() | st.text(max_size=200))
def test_every_key_and_name_gives_a_valid_iri_below_the_base_and_always_the_same(
    kind: str, key: str, name: str | None
) -> None:
    iri = MINT.iri(kind, key, name)
    assert iri == Mint(BASE, Ledger([ROW])).iri(kind, key, name)
    slug = iri.removeprefix(f"{BASE}id/{kind}/")
    assert SLUG.fullmatch(slug)
    assert len(slug) <= 80 + 7
    pyoxigraph.NamedNode(iri)


@given(st.lists(st.text(), min_size=2, max_size=6, unique=True), st.text(), plain_kinds)
def test_namesakes_never_meet(keys: list[str], name: str, kind: str) -> None:
    assert len({MINT.iri(kind, key, name) for key in keys}) == len(keys)


@pytest.mark.parametrize("kind", ["organisation", "Org", "", "org/", "../id/org"])
def test_an_unknown_kind_is_refused_and_the_kinds_are_listed(kind: str) -> None:
    with pytest.raises(ModelError, match=r"is no kind of entity; the kinds are assessment, body"):
        MINT.id(kind, "meta")


@pytest.mark.parametrize(
    "slug", ["", "Meta", "meta_inc", "-meta", "meta-", "me--ta", "größe", "a b", "a/b", "..", "a\n"]
)
def test_what_is_no_slug_is_refused(slug: str) -> None:
    with pytest.raises(ModelError, match="a slug is lower case letters, digits and hyphens"):
        MINT.id("org", slug)


@pytest.mark.parametrize("tail", ["", "a b", "a?b", "a#b", "..", "a/../b", ".", "é", "/a", "a/", "a\n"])
def test_what_stands_below_a_slug_is_checked(tail: str) -> None:
    with pytest.raises(ModelError, match="cannot be an IRI"):
        MINT.id("obs", "pytorch", tail)


@pytest.mark.parametrize(
    ("kind", "parts"),
    [("repository", ("..", "x")), ("repository", ("github.com", "..", "..")), ("repository", ("a b",)),
     ("licence", ("Apache-2.0",)), ("licence", ("mit", "x")), ("licence", ("../mit",)), ("licence", ("mit/",))],
)  # fmt: skip
def test_a_repository_and_a_licence_have_rules_of_their_own(kind: str, parts: tuple[str, ...]) -> None:
    with pytest.raises(ModelError):
        MINT.id(kind, *parts)


@given(
    st.sampled_from(sorted(KINDS)),
    st.text(alphabet="aA0.-_~/ ?#", max_size=12),
    st.lists(st.text(alphabet="aZ9.-_~/?#", max_size=6), max_size=3),
)
def test_an_iri_that_is_given_is_the_one_a_client_asks_for(kind: str, slug: str, tail: list[str]) -> None:
    """No step is "." or "..", no part is a query or a fragment: resolving against the base changes nothing."""
    try:
        iri = MINT.id(kind, slug, *tail)
    except ModelError:
        return
    assert str(iri) == f"{BASE}id/{kind}/{'/'.join((slug, *tail))}"
    assert resolved(iri.removeprefix(BASE), BASE) == str(iri)
    assert not set("?#") & set(iri)


def test_iris_by_hand() -> None:
    assert MINT.id("repository", "github.com", "pytorch", "pytorch") == URIRef(
        f"{BASE}id/repository/github.com/pytorch/pytorch"
    )
    assert MINT.id("licence", "apache-2.0") == URIRef(f"{BASE}id/licence/apache-2.0")
    assert MINT.id("licence", "gpl-2.0+") == URIRef(f"{BASE}id/licence/gpl-2.0+")
    assert MINT.concept("sector", "C26") == URIRef(f"{BASE}concept/sector/C26")
    assert MINT.span("article", 3424, 3548) == URIRef(f"{BASE}id/doc/article/span/3424-3548")
    assert MINT.graph("curated", "a b/c") == URIRef(f"{BASE}graph/curated/a%20b%2Fc")


@pytest.mark.parametrize(("scheme", "notation"), [("Sector", "C"), ("sector", "C 26"), ("sector", ".."), ("", "C")])
def test_a_concept_that_cannot_be_an_iri_is_refused(scheme: str, notation: str) -> None:
    with pytest.raises(ModelError, match="cannot be the IRI of a concept"):
        MINT.concept(scheme, notation)


def test_the_graph_of_a_load_carries_its_hash_unless_it_is_curated() -> None:
    loaded = Snapshot.of("landscape", [])
    curated = Snapshot.of("technewsday-2025", [], curated=True)
    assert MINT.load_graph(loaded) == URIRef(f"{BASE}graph/landscape/{loaded.sha256[:12]}")
    assert MINT.load_graph(curated) == URIRef(f"{BASE}graph/curated/technewsday-2025")


# ---- The base --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "base", [BASE, "http://127.0.0.1:8000/", "https://x/", "https://größe.example/ü/", "HTTP://X/"]
)
def test_an_absolute_address_that_ends_in_a_slash_can_be_the_base(base: str) -> None:
    assert check_base(base) == base
    pyoxigraph.NamedNode(base)


@pytest.mark.parametrize(
    ("base", "said"),
    [
        ("", "absolute http or https"),
        ("//x/", "absolute http or https"),
        ("ftp://x/", "absolute http or https"),
        ("urn:x:/", "absolute http or https"),
        ("http:///", "absolute http or https"),
        ("https://x/?q=/", "without query or fragment"),
        ("https://x/#/", "without query or fragment"),
        ("https://x", "write 'https://x/'"),
        ("https://x/a", "write 'https://x/a/'"),
        ("https://x/a b/", "a character that no IRI may hold"),
        ("https://x/<a>/", "a character that no IRI may hold"),
        ("https://x/\x01/", "a character that no IRI may hold"),
        ("https://x/%zz/", "a character that no IRI may hold"),
        ("https://x/\ud800/", "a character that no IRI may hold"),
        ("https://x/a/../", "for a step"),
        ("https://[/", "is no address"),
        ("https://x:port/", "is no address"),
    ],
)
def test_what_cannot_be_the_base_is_told_with_the_mend(base: str, said: str) -> None:
    with pytest.raises(ConfigError) as refused:
        Mint(base)
    assert said in str(refused.value)


@given(st.text(alphabet='ab/.%0~:@[]{}|\\^`"<> ?#é\x00\x7f\u200b-', max_size=12))
def test_a_base_that_is_taken_gives_valid_iris(rest: str) -> None:
    try:
        mint = Mint(f"https://example.org/{rest}/")
    except ConfigError:
        return
    assert resolved("id/org/meta", mint.base) == str(mint.id("org", "meta"))


# ---- The ledger ------------------------------------------------------------------------------------------------------

HEADER = "kind,slug,key,since,replaced-by\n"


def ledger(tmp_path: Path, text: str) -> Ledger:
    (tmp_path / "ledger.csv").write_text(text, encoding="utf-8")
    return Ledger.read(tmp_path / "ledger.csv")


def test_a_ledger_is_read(tmp_path: Path) -> None:
    found = ledger(tmp_path, HEADER + 'org,meta,curated:meta,0.1.0,\norg,amd,"curated:amd, inc",0.2.0,amd-2\n')
    assert found.rows == (ROW, LedgerRow("org", "amd", "curated:amd, inc", "0.2.0", "amd-2"))
    assert found.slug("org", "curated:amd, inc") == "amd"
    assert found.slug("project", "curated:meta") is None
    assert found.holds("org", "meta")
    assert not found.holds("project", "meta")


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("org,meta,a,0.1.0,\norg,meta,b,0.1.0,\n", r"ledger\.csv:3: org/meta or its key 'b' stands twice"),
        ("org,meta,a,0.1.0,\norg,facebook,a,0.1.0,\n", r"ledger\.csv:3: org/facebook or its key 'a' stands twice"),
        ("org,meta,a,0.1.0,\norgg,x,b,0.1.0,\n", r"ledger\.csv:3: orgg/x is no kind and slug"),
        ("org,Meta,a,0.1.0,\n", r"ledger\.csv:2: org/Meta is no kind and slug"),
        ("org,meta,a,0.1.0,\n\norg,amd,b,0.1.0,\n", r"ledger\.csv:3: 0 fields, not 5"),
        ("org,meta,a,0.1.0\n", r"ledger\.csv:2: 4 fields, not 5"),
    ],
)
def test_a_row_that_does_not_fit_is_named_with_file_and_line(tmp_path: Path, rows: str, said: str) -> None:
    with pytest.raises(ModelError, match=said):
        ledger(tmp_path, HEADER + rows)


@pytest.mark.parametrize("text", ["", "kind,slug\n", "org,meta,a,0.1.0,\n"])
def test_a_ledger_begins_with_its_header(tmp_path: Path, text: str) -> None:
    with pytest.raises(ModelError, match=r"ledger\.csv:1: the header must be kind,slug,key,since,replaced-by"):
        ledger(tmp_path, text)


def test_one_slug_may_stand_for_two_kinds(tmp_path: Path) -> None:
    found = ledger(tmp_path, HEADER + "org,pytorch,a,0.1.0,\nproject,pytorch,a,0.1.0,\n")
    assert found.slug("org", "a") == found.slug("project", "a") == "pytorch"


# ---- Files and snapshots ---------------------------------------------------------------------------------------------


def test_a_file_is_hashed_as_its_bytes_are(tmp_path: Path) -> None:
    data = b"\r\n\x00\xff" * 300_000  # more than one block
    (tmp_path / "a").write_bytes(data)
    file = File.of("a", tmp_path / "a")
    assert (file.path, file.sha256, file.size) == ("a", hashlib.sha256(data).hexdigest(), len(data))
    assert file.read() == data


def test_bytes_that_changed_since_the_snapshot_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"one")
    file = File.of("page.txt", tmp_path / "a")
    (tmp_path / "a").write_bytes(b"two")
    with pytest.raises(FetchError, match=r"page\.txt changed since its snapshot was taken"):
        file.read()
    (tmp_path / "a").unlink()
    with pytest.raises(FetchError, match=r"page\.txt of the snapshot cannot be read \(No such file"):
        file.read()


def test_where_a_file_lies_is_no_part_of_what_it_is(tmp_path: Path) -> None:
    for name in ("here", "there"):
        (tmp_path / name).write_bytes(b"same")
    here, there = File.of("a", tmp_path / "here"), File.of("a", tmp_path / "there")
    assert here == there
    assert Snapshot.of("s", [here]) == Snapshot.of("s", [there])


def held(contents: dict[str, bytes]) -> list[File]:
    return [File(path, hashlib.sha256(data).hexdigest(), len(data), Path(path)) for path, data in contents.items()]


contents = st.dictionaries(st.text(alphabet="abc/.", min_size=1, max_size=6), st.binary(max_size=4), max_size=5)


@given(contents.flatmap(lambda made: st.tuples(st.just(made), st.permutations(list(made)))))
def test_the_order_of_files_does_not_count(made: tuple[dict[str, bytes], list[str]]) -> None:
    files, order = made
    assert Snapshot.of("s", held(files)) == Snapshot.of("s", held({path: files[path] for path in order}))


@given(contents, contents)
def test_snapshots_are_equal_where_their_paths_and_bytes_are(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    same = Snapshot.of("s", held(one)).sha256 == Snapshot.of("s", held(other)).sha256
    assert same == (one == other)


def test_the_path_of_a_file_counts() -> None:
    one, other = Snapshot.of("s", held({"a": b"x"})), Snapshot.of("s", held({"b": b"x"}))
    assert one.sha256 != other.sha256
    assert one.file("a") == held({"a": b"x"})[0]
    assert one.file("b") is None
    assert one.sha12 == one.sha256[:12]


def test_the_hash_of_a_snapshot_by_hand() -> None:
    inner = {name: hashlib.sha256(data).hexdigest() for name, data in (("a", b"1"), ("b", b"2"))}
    by_hand = hashlib.sha256(f"a\0{inner['a']}\nb\0{inner['b']}\n".encode()).hexdigest()
    assert Snapshot.of("any", held({"b": b"2", "a": b"1"})).sha256 == by_hand


# ---- Assertions to quads ---------------------------------------------------------------------------------------------

SNAPSHOT = Snapshot.of("technewsday-2025", held({"technewsday-2025.toml": b"x"}), curated=True)
EVIDENCE = Evidence(SNAPSHOT, 7, "technewsday-2025.toml:41", key="org/meta", name="Meta Inc.")
RECORD = URIRef(f"{BASE}id/record/technewsday-2025/{SNAPSHOT.sha12}/7")
LOAD = URIRef(f"{BASE}graph/curated/technewsday-2025")
PROVENANCE = URIRef(f"{BASE}graph/provenance")
META = URIRef(f"{BASE}id/org/meta")
SPAN = MINT.span("article", 10, 20)
DESCRIBED = {
    (RECORD, RDF.type, OSAI.Record, PROVENANCE),
    (RECORD, PROV.wasDerivedFrom, URIRef(f"{BASE}id/snapshot/{SNAPSHOT.sha12}"), PROVENANCE),
    (RECORD, OSAI.locator, Literal("technewsday-2025.toml:41"), PROVENANCE),
    (RECORD, OSAI.sourceKey, Literal("org/meta"), PROVENANCE),
    (RECORD, OSAI.sourceName, Literal("Meta Inc."), PROVENANCE),
}


def test_an_assertion_is_its_triple_the_link_to_its_record_and_the_record() -> None:
    spelled = set(quads(Assertion(META, OSAI.name, Literal("Meta"), EVIDENCE), MINT))
    assert (
        spelled
        == {
            (META, OSAI.name, Literal("Meta"), LOAD),
            (META, PROV.wasDerivedFrom, RECORD, LOAD),
        }
        | DESCRIBED
    )


@pytest.mark.parametrize("predicate", sorted(WORDS))
def test_words_of_others_go_to_the_graph_of_their_document_and_their_record_does_not(predicate: URIRef) -> None:
    spelled = set(quads(Assertion(SPAN, predicate, Literal("words"), EVIDENCE), MINT))
    assert (
        spelled
        == {
            (SPAN, predicate, Literal("words"), URIRef(f"{BASE}graph/words/article")),
            (SPAN, PROV.wasDerivedFrom, RECORD, LOAD),
        }
        | DESCRIBED
    )


@pytest.mark.parametrize(
    "subject",
    [META, MINT.id("doc", "article"), URIRef("https://w3id.org/osai-kg/id/doc/a/span/1-2")],
)
def test_only_a_span_of_ours_can_have_words(subject: URIRef) -> None:
    with pytest.raises(ModelError, match="is no span of a document"):
        list(quads(Assertion(subject, OSAI.exactQuote, Literal("words"), EVIDENCE), MINT))
    with pytest.raises(ModelError):
        words_graph(MINT, subject)


def test_a_record_without_key_and_name_says_neither() -> None:
    spelled = {predicate for _, predicate, _, _ in record_quads(Evidence(SNAPSHOT, 7, "x:1"), MINT)}
    assert spelled == {RDF.type, PROV.wasDerivedFrom, OSAI.locator}


def test_an_empty_key_is_still_a_key() -> None:
    spelled = {predicate for _, predicate, _, _ in record_quads(Evidence(SNAPSHOT, 7, "x:1", key="", name=""), MINT)}
    assert spelled >= {OSAI.sourceKey, OSAI.sourceName}


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(slugs, st.text(max_size=20), st.integers(1, 10**6))
def test_every_quad_of_an_assertion_is_an_iri_but_for_values(slug: str, value: str, number: int) -> None:
    evidence = Evidence(SNAPSHOT, number, "x:1")
    for subject, predicate, object_, graph in quads(
        Assertion(MINT.id("org", slug), OSAI.name, Literal(value), evidence), MINT
    ):
        assert all(isinstance(term, URIRef) for term in (subject, predicate, graph))
        assert isinstance(object_, URIRef | Literal)


# ---- Loads -----------------------------------------------------------------------------------------------------------


def test_a_load_says_what_was_read_by_whom_and_what_it_wrote_and_has_no_clock() -> None:
    title = Literal("Tech News Day")
    spelled = list(
        load_quads(SNAPSHOT, MINT, loader="osai-kg standoff 0.1.0", metadata={DCTERMS.title: [title]}, graphs=[LOAD])
    )
    assert spelled == list(
        load_quads(SNAPSHOT, MINT, loader="osai-kg standoff 0.1.0", metadata={DCTERMS.title: [title]}, graphs=[LOAD])
    )
    assert {graph for *_, graph in spelled} == {PROVENANCE}
    assert max(Counter(spelled).values()) == 1
    said = {(subject, predicate, object_) for subject, predicate, object_, _ in spelled}
    bytes_read = URIRef(f"{BASE}id/snapshot/{SNAPSHOT.sha12}")
    member = URIRef(f"{bytes_read}/technewsday-2025.toml")
    run = URIRef(f"{BASE}id/run/load-technewsday-2025-{SNAPSHOT.sha12}")
    agent = URIRef(f"{BASE}id/software/osai-kg-standoff-0-1-0")
    assert said >= {
        (bytes_read, OSAI.contentSha256, Literal(SNAPSHOT.sha256)),
        (bytes_read, DCTERMS.title, title),
        (bytes_read, OSAI.holdsFile, member),
        (member, OSAI.contentSha256, Literal(hashlib.sha256(b"x").hexdigest())),
        (member, OSAI.byteSize, Literal(1, datatype=XSD.nonNegativeInteger)),
        (run, RDF.type, OSAI.LoadActivity),
        (run, PROV.used, bytes_read),
        (run, PROV.generated, LOAD),
        (LOAD, PROV.wasGeneratedBy, run),
        (run, PROV.wasAssociatedWith, agent),
        (agent, OSAI.name, Literal("osai-kg standoff 0.1.0")),
    }
    times = {XSD.dateTime, XSD.date, XSD.time, XSD.dateTimeStamp}
    assert not [value for *_, value, _ in spelled if isinstance(value, Literal) and value.datatype in times]
    assert not [predicate for _, predicate, _ in said if "Time" in predicate]

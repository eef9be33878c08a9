"""Taking queries apart, and saying why they have no rows, over a few triples written here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from kg import diagnosis
from kg.diagnosis import Diagnosis, Terms, declare, diagnose, explain, take_apart
from kg.errors import QueryRefusedError, QuerySyntaxError
from kg.store import Limits, Scope
from kg.store.oxigraph import OxigraphStore

BASE = "https://kg.test/"
NAMES = "PREFIX : <https://kg.test/terms#>\n"
TRIG = """
@base <https://kg.test/> .
@prefix : <terms#> .
<id/ship/argo> a :Ship ; :name "Argo" ; :motto "Forth"@en ; :length 30 ; :master <id/person/jason> .
<id/ship/kon> a :Ship ; :name "Kon" .
<id/person/jason> a :Person ; :name "Jason" .
<graph/log> { <id/ship/argo> :logged "once" . }
"""
TERMS = Terms(
    classes={f"{BASE}terms#Ship": 2, f"{BASE}terms#Shop": 0, "http://other.test/Ship": 1},
    properties={f"{BASE}terms#name": 3, f"{BASE}terms#length": 1, f"{BASE}terms#sank": 0},
)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OxigraphStore]:
    path = tmp_path_factory.mktemp("diagnosis") / "ships.trig"
    path.write_text(TRIG, encoding="utf-8")
    held = OxigraphStore.load([(path, None, None)])
    yield held
    held.close()


def why(store: OxigraphStore, query: str, scope: Scope | None = None) -> Diagnosis:
    return diagnose(
        store,
        NAMES + query,
        base=BASE,
        limits=Limits(),
        terms=TERMS,
        near=lambda iri: [f"{BASE}id/ship/argo"] if "arg" in iri else [],
        **({"scope": scope} if scope else {}),
    )


def kinds(found: Diagnosis) -> list[str]:
    return [reason.kind for reason in found.reasons]


def steps(query: str) -> Sequence[str]:
    parts = take_apart(NAMES + query, base=BASE)
    assert parts is not None
    return [step.text for step in parts.steps]


# --- taking apart ---


def test_steps_stand_in_the_order_of_the_text_and_hold_what_every_row_must_match() -> None:
    query = """SELECT * {
      VALUES ?s { <id/ship/argo> UNDEF } ?s a :Ship ; :name "x"@en .
      OPTIONAL { ?s :length ?l } FILTER (?l > 3) MINUS { ?s :sank ?when }
      GRAPH ?g { ?s :logged 1 } { ?s :master ?m } { ?s :a ?x } UNION { ?s :b ?x } }"""
    ship = "<https://kg.test/terms#{}>".format
    assert steps(query) == [
        "VALUES (?s) { (<https://kg.test/id/ship/argo>) (UNDEF) }",
        f"?s a {ship('Ship')} .",
        f'?s {ship("name")} "x"@en .',
        f"GRAPH ?g {{ ?s {ship('logged')} 1 }} .",
        f"?s {ship('master')} ?m .",
        f"{{ ?s {ship('a')} ?x . }} UNION {{ ?s {ship('b')} ?x . }}",
    ]


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("^:p", "^(P)"),
        ("(:p/:q)+", "(P/Q)+"),
        ("(:p*)?", "((P)*)?"),
        ("(:p|:q)/:p", "(P|Q)/P"),
        ("!(:p|:q)", "!(P|Q)"),
    ],
)
def test_a_path_is_written_so_that_it_means_the_same(path: str, written: str) -> None:
    spelled = written.replace("P", f"<{BASE}terms#p>").replace("Q", f"<{BASE}terms#q>")
    assert steps(f"ASK {{ ?s {path} ?o }}") == [f"?s {spelled} ?o ."]


def test_a_collection_and_a_blank_node_share_their_variables_between_steps(store: OxigraphStore) -> None:
    one, two = steps("ASK { [ :name 'Argo' ; :length 30 ] }")
    assert one.split()[0] == two.split()[0]
    assert why(store, "ASK { [ :name 'Argo' ; :length 30 ] }").reasons == ()


@pytest.mark.parametrize(
    "query", ["ASK { ?s ?p ?o }" + " " * diagnosis.LONGEST, "ASK { << ?s ?p ?o >> ?q ?r }", "ASK { ?s !(a|^a) ?o }"]
)
def test_what_the_parser_cannot_read_has_no_parts(query: str) -> None:
    assert take_apart(query, base=BASE) is None


# --- prefixes ---


def test_well_known_prefixes_are_declared_and_named_in_order() -> None:
    text, added = declare("SELECT * {\n ?s a skos:Concept ; rdfs:label ?l }", base=BASE)
    assert added == ("skos", "rdfs")
    assert text.startswith(
        "PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>\nPREFIX skos: <http://www.w3.org/2004/"
    )


@pytest.mark.parametrize("query", ["ASK { ?s nope:x ?o }", "ASK { ?s ?p }}", "ASK { ?s skos:prefLabel ?o "])
def test_any_other_fault_is_raised(query: str) -> None:
    with pytest.raises(QuerySyntaxError):
        declare(query, base=BASE)


def test_a_missing_prefix_is_the_first_reason_and_the_rest_is_said_as_if_it_were_declared(store: OxigraphStore) -> None:
    found = why(store, "ASK { ?s rdfs:label 'Argo' ; :name ?n }")
    assert found.summary == "The prefix rdfs: is not declared; add PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>"
    assert kinds(found) == ["missing-prefix", "unknown-term", "pattern-without-match"]


# --- reasons ---


def test_the_first_pattern_without_a_match_is_named(store: OxigraphStore) -> None:
    found = why(store, "SELECT * { ?s a :Ship ; :length 31 ; :name ?n }")
    assert kinds(found) == ["pattern-without-match"]
    assert found.summary == "Nothing matches ?s <terms#length> 31."
    assert found.reasons[0].pattern == "?s <terms#length> 31"


def test_a_pattern_that_matches_only_on_its_own_says_so(store: OxigraphStore) -> None:
    found = why(store, "SELECT * { ?s a :Person ; :length ?l }")
    assert found.summary == "?s <terms#length> ?l has matches, but none together with what stands before it."


@pytest.mark.parametrize(
    ("query", "term", "nearest"),
    [
        ("ASK { ?s a :Shipp }", "<terms#Shipp>", ("http://other.test/Ship", f"{BASE}terms#Shop")),
        ("ASK { ?s :nam ?o }", "<terms#nam>", (f"{BASE}terms#name",)),
        ("ASK { ?s :master/:lenght ?o }", "<terms#lenght>", (f"{BASE}terms#length",)),
    ],
)
def test_an_unknown_term_has_the_nearest_known_of_its_role(
    store: OxigraphStore, query: str, term: str, nearest: tuple[str, ...]
) -> None:
    reason = why(store, query).reasons[0]
    assert (reason.kind, reason.term) == ("unknown-term", term)
    assert set(nearest) <= set(reason.nearest)


def test_a_known_term_that_nothing_uses_is_told_from_an_unknown_one(store: OxigraphStore) -> None:
    assert "property of the ontology that nothing here uses" in why(store, "ASK { ?s :sank ?o }").summary


def test_a_term_used_in_a_named_graph_alone_is_known(store: OxigraphStore) -> None:
    assert kinds(why(store, "ASK { ?s :logged ?o }")) == ["pattern-without-match"]
    assert why(store, "ASK { GRAPH ?g { ?s :logged ?o } }").reasons == ()


def test_an_iri_below_the_base_that_names_nothing_has_what_was_perhaps_meant(store: OxigraphStore) -> None:
    reason = why(store, "SELECT * { <id/ship/arg> :name ?n }").reasons[0]
    assert (reason.kind, reason.term) == ("unknown-entity", "<id/ship/arg>")
    assert reason.nearest == (f"{BASE}id/ship/argo",)


@pytest.mark.parametrize(
    ("query", "kind", "term"),
    [
        ('ASK { ?s :name "Argo"@en }', "literal-language", '"Argo"'),
        ('ASK { ?s :motto "Forth" }', "literal-language", '"Forth"@en'),
        ('ASK { ?s :length "30" }', "literal-datatype", "30"),
        ('ASK { ?s :name "ARGO" }', "literal-case", '"Argo"'),
    ],
)
def test_a_literal_that_is_there_otherwise_is_shown_as_it_is(
    store: OxigraphStore, query: str, kind: str, term: str
) -> None:
    reason = why(store, query).reasons[0]
    assert (reason.kind, reason.term) == (kind, term)


def test_what_is_left_when_all_patterns_match_is_what_narrows(store: OxigraphStore) -> None:
    found = why(store, "SELECT * { ?s :length ?l FILTER(?l > 99) MINUS { ?s :sank ?w } } OFFSET 4")
    assert kinds(found) == ["narrowed"]
    assert found.summary == "All triple patterns match together; what leaves no row is FILTER, MINUS, LIMIT or OFFSET."


def test_a_query_with_rows_has_no_reason(store: OxigraphStore) -> None:
    for query in ("SELECT * { ?s :length ?l FILTER(?l > 3) }", "ASK { { ?s :nope ?o } UNION { ?s :name ?o } }"):
        assert why(store, query).reasons == ()


def test_questions_are_asked_of_the_dataset_of_the_query(store: OxigraphStore) -> None:
    from_clause = "SELECT * FROM <graph/log> { ?s :logged ?o . ?s :name ?n }"
    assert why(store, from_clause).reasons[0].pattern == "?s <terms#name> ?n"


def test_a_diagnosis_without_time_says_that_it_is_not_whole(
    store: OxigraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(diagnosis, "SECONDS", 0.0)
    found = why(store, "ASK { ?s :nope ?o }")
    assert (kinds(found), found.whole) == (["unfinished"], False)


def test_the_guard_stays_on(store: OxigraphStore) -> None:
    with pytest.raises(QueryRefusedError):
        why(store, "ASK { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }")


def test_a_query_without_parts_is_asked_itself(store: OxigraphStore) -> None:
    assert kinds(why(store, "SELECT * { ?s !(:name|^:name) 31 }")) == ["unread"]
    assert why(store, "SELECT * { ?s !(:name|^:name) 30 }").reasons == ()
    with pytest.raises(QuerySyntaxError):
        why(store, "SELECT")


# --- explaining ---


@pytest.mark.parametrize(
    ("pattern", "estimate"),
    [
        ("?s a :Ship", 2),
        ("?s :name ?n", 3),
        ("?s :sank ?n", 0),
        ("<id/ship/argo> :name 'Argo'", 1),
        ("?s :unheard ?n", None),
        ("?s :name/:name ?n", None),
        ("?s ?p ?o", None),
        ("GRAPH ?g { ?s :name ?n }", None),
    ],
)
def test_an_estimate_is_what_one_pattern_has_at_most(pattern: str, estimate: int | None) -> None:
    told = explain(f"{NAMES} ASK {{ {pattern} }}", base=BASE, terms=TERMS)
    assert [rows for _, rows in told.patterns or ()] == [estimate]


def test_no_pattern_has_more_rows_than_its_estimate(store: OxigraphStore) -> None:
    for pattern in ("?s a :Ship", "?s :name ?n", "?s :sank ?n", "?s :length ?n"):
        ((_, most),) = explain(f"{NAMES} ASK {{ {pattern} }}", base=BASE, terms=TERMS).patterns or ()
        assert most is not None
        assert len(list(store.rows(f"{NAMES} SELECT * {{ {pattern} }}", base=BASE))) <= most


def test_counts_stand_beside_the_limits_of_the_guard() -> None:
    query = "ASK { { { ?s ?p ?o FILTER(?o = 1 || ?o = 2) } } }"
    told = explain(query, base=BASE, terms=TERMS)
    assert told.counts["bytes"] == (len(query), 1_000_000)
    assert told.counts["depth"] == (4, 100)
    assert told.left_out == ("FILTER",)
    assert "service" not in told.counts


def test_what_cannot_be_taken_apart_has_counts_alone() -> None:
    told = explain("ASK { ?s !(^a) ?o }", base=BASE, terms=TERMS)
    assert told.as_json()["patterns"] is None
    assert told.counts["depth"] == (2, 100)


# --- texts of strangers ---


def test_a_literal_that_is_no_number_is_written_as_text_and_not_logged(
    store: OxigraphStore, caplog: pytest.LogCaptureFixture
) -> None:
    integer = "<http://www.w3.org/2001/XMLSchema#integer>"
    assert steps(f"ASK {{ ?s :length '1 }} #'^^{integer} }}") == [f'?s <{BASE}terms#length> "1 }} #"^^{integer} .']
    assert kinds(why(store, f"ASK {{ ?s :length 'secret'^^{integer} }}")) == ["pattern-without-match"]
    assert not caplog.records


def test_nothing_to_describe_is_said(store: OxigraphStore) -> None:
    assert kinds(why(store, "DESCRIBE <id/ship/none>")) == ["narrowed"]
    assert why(store, "DESCRIBE <id/ship/argo>").reasons == ()

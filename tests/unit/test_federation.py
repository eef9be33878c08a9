"""What the guard says of each SERVICE, and what the engine gets in its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kg.errors import QueryRefusedError, QuerySyntaxError
from kg.store import JSON_RESULTS, Limits, guard
from kg.store.federation import Bounds, Federation
from kg.store.oxigraph import OxigraphStore

A, B = "http://a.example/sparql", "http://b.example/sparql"
LISTED = guard.allowing(frozenset({A, B}))


class Told:
    """A relay that gives prepared solutions, and remembers what it was asked."""

    def __init__(self, *rows: dict[str, Any], names: tuple[str, ...] = ("s", "v")) -> None:
        self.body = json.dumps({"head": {"vars": names}, "results": {"bindings": rows}}).encode()
        self.asked: list[tuple[str, str]] = []

    def __call__(self, endpoint: str, query: str, *, base: str | None, limits: Limits) -> bytes:
        del base, limits
        self.asked.append((endpoint, query))
        return self.body


def uri(value: str) -> dict[str, str]:
    return {"type": "uri", "value": value}


def blank(label: str) -> dict[str, str]:
    return {"type": "bnode", "value": label}


def store(folder: Path, relay: Told, turtle: str = "", bounds: Bounds | None = None) -> OxigraphStore:
    path = folder / "data.ttl"
    path.write_text(turtle, encoding="utf-8")
    return OxigraphStore.load([(path, None, None)], federation=Federation([A, B], relay, bounds=bounds))


def rows(engine: OxigraphStore, query: str) -> list[dict[str, str]]:
    return [{name: str(term) for name, term in row.items()} for row in engine.rows(query)]


@pytest.mark.parametrize(
    ("query", "calls"),
    [
        ("SELECT * { ?s ?p ?o }", []),
        (f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o }} }}", [(A, False, " ?s ?p ?o ")]),
        (f"ASK{{serviceSILENT<{A}>{{}}}}", [(A, True, "")]),
        (f"PREFIX e: <{A}> PREFIX SILENTe: <{B}> ASK {{ SERVICE SILENTe: {{ }} }}", [(A, True, " ")]),
        (f"PREFIX SERVICEe: <{B}> PREFIX e: <{A}> ASK {{ SERVICEe: {{ }} }}", [(A, False, " ")]),
        (
            f"SELECT * {{ SERVICE <{A}> {{ ?s ?p '}}' }} OPTIONAL {{ SERVICE <{B}> {{ # }}\n}} }} }}",
            [(A, False, " ?s ?p '}' "), (B, False, " # }\n")],
        ),
        (
            f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o SERVICE SILENT <{B}> {{ ?s ?q ?r }} }} }}",
            [(A, False, f" ?s ?p ?o SERVICE SILENT <{B}> {{ ?s ?q ?r }} ")],
        ),
        (f"SELECT * {{ {{ SELECT * {{ SERVICE <{A}> {{ {{}} }} }} }} }}", [(A, False, " {} ")]),
        (f"ASK {{ FILTER NOT EXISTS {{ SERVICE <{A}> {{ ?s ?p ?o }} }} }}", [(A, False, " ?s ?p ?o ")]),
    ],
)
def test_each_service_in_no_other_is_found_with_its_group(query: str, calls: list[tuple[str, bool, str]]) -> None:
    found = guard.check(query, budget=LISTED).calls
    assert [(call.target, call.silent, query[slice(*call.group)]) for call in found] == calls
    assert all(query[call.start : call.start + 7].upper() == "SERVICE" for call in found)
    assert all(query[call.end - 1] == "}" for call in found)


@pytest.mark.parametrize(
    "query",
    [
        f"SELECT * {{}} SERVICE <{A}> {{ ?s ?p ?o }}",
        f"SELECT * {{ SERVICE <{A}> ?s ?p {{ ?o ?q ?r }} }}",
        f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o }} UNION {{ ?s ?p ?o }} }}",
        f"SELECT * {{ ?s ?p ?o . SERVICE <{A}> {{ ?s ?p ?o }} BIND(1 AS ?s) }}",
        f"CONSTRUCT {{ SERVICE <{A}> {{ ?s ?p ?o }} }} {{ ?s ?p ?o }}",
        f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o }} FILTER(?s ?p) }}",
        f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?o }} BIND(1 AS ?s) }}",
        f"SELECT * {{ SERVICE SERVICE <{A}> {{ ?s ?p ?o }} }}",
    ],
)
def test_what_is_no_sparql_stays_none_when_services_are_answered(query: str, tmp_path: Path) -> None:
    """The engine itself says so of the text as it was written; it may not become valid by what takes its place."""
    with pytest.raises(QuerySyntaxError) as caught:
        rows(store(tmp_path, Told(names=("s",))), query)
    assert caught.value.line in (1, None)


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * { SERVICE ?e { ?s ?p ?o } }",
        "SELECT * { # ?e\n SERVICE ?e { ?s ?p ?o } }",
        "SELECT * { ?x ?y ?e FILTER(?x > 1) SERVICE ?e { ?s ?p ?o } }",
        "SELECT * { ?x ?y ?e OPTIONAL { SERVICE ?e { ?s ?p ?o } } }",
        "SELECT * { ?x ?y ?e { SERVICE ?e { ?s ?p ?o } } }",
        "SELECT * { GRAPH ?g { ?x ?y ?e SERVICE ?e { ?s ?p ?o } } }",
        "SELECT * FROM <http://g.example/> { ?x ?y ?e SERVICE ?e { ?s ?p ?o } }",
        f"SELECT * {{ SERVICE <{A}> {{ ?x ?y ?e SERVICE ?e {{ ?s ?p ?o }} }} }}",
    ],
)
def test_a_variable_that_cannot_be_asked_for_before_is_refused(query: str) -> None:
    with pytest.raises(QueryRefusedError) as caught:
        guard.check(query, budget=LISTED)
    assert caught.value.rule == "service"


def test_equal_questions_are_asked_once_and_different_ones_apart(tmp_path: Path) -> None:
    relay = Told({"s": uri("urn:a"), "v": uri("urn:b")})
    query = f"PREFIX e: <urn:e:> SELECT * {{ SERVICE <{A}> {{ ?s e:p ?v }} SERVICE <{A}> {{ ?s e:p ?v }} SERVICE <{B}> {{ ?s e:p ?v }} }}"  # noqa: E501
    assert rows(store(tmp_path, relay), query) == [{"s": "urn:a", "v": "urn:b"}]
    sent = "PREFIX e: <urn:e:>\nSELECT * { ?s e:p ?v \n}"
    assert relay.asked == [(A, sent), (B, sent)]


def test_blank_nodes_are_equal_within_an_answer_and_nobody_elses(tmp_path: Path) -> None:
    relay = Told({"s": blank("b0"), "v": blank("b0")}, {"s": blank("b0"), "v": blank("b1")})
    engine = store(tmp_path, relay, "_:b0 <urn:p> 1 .")
    whole = rows(engine, f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?v }} }}")
    assert len({row["s"] for row in whole}) == 1
    assert len({row["v"] for row in whole}) == 2
    assert len(rows(engine, f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?v }} FILTER(?s = ?v) }}")) == 1
    assert len(rows(engine, f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?v }} FILTER(isBlank(?v)) }}")) == 2
    # Another endpoint's blank nodes are others, whatever they are called; so are our own.
    assert rows(engine, f"SELECT * {{ SERVICE <{A}> {{ ?s ?p ?v }} SERVICE <{B}> {{ ?s ?p ?v }} }}") == []
    assert rows(engine, f"SELECT * {{ ?s <urn:p> ?o SERVICE <{A}> {{ ?s ?p ?v }} }}") == []


def test_rows_that_lack_a_variable_join_with_every_value_of_it(tmp_path: Path) -> None:
    relay = Told({"v": uri("urn:1")}, {"s": uri("urn:a"), "v": blank("x")}, {})
    engine = store(tmp_path, relay, "<urn:a> <urn:p> 1 . <urn:b> <urn:p> 1 .")
    found = rows(engine, f"SELECT ?s ?v {{ ?s <urn:p> 1 SERVICE <{A}> {{ ?s ?p ?v }} }}")
    assert sorted((row["s"], "v" in row) for row in found) == [
        ("urn:a", False), ("urn:a", True), ("urn:a", True), ("urn:b", False), ("urn:b", True),
    ]  # fmt: skip


def test_what_another_computes_is_left_as_it_is_written(tmp_path: Path) -> None:
    """GROUP_CONCAT is rewritten for our engine only."""
    relay = Told({"s": uri("urn:a"), "v": {"type": "literal", "value": "b", "xml:lang": "en"}})
    inner = "SELECT ?s (GROUP_CONCAT(?x) AS ?v) { ?s ?p ?x } GROUP BY ?s"
    outer = f"SELECT (GROUP_CONCAT(?v) AS ?all) {{ SERVICE <{A}> {{ {inner} }} }}"
    assert rows(store(tmp_path, relay), outer) == [{"all": "b"}]
    assert relay.asked[0][1] == f"\nSELECT * {{ {inner} \n}}"


def test_solutions_without_variables_count(tmp_path: Path) -> None:
    told: tuple[list[dict[str, str]], ...] = ([], [{}], [{}, {}])
    for expected, given in enumerate(told):
        engine = store(tmp_path, Told(*given, names=()), "<urn:a> <urn:p> 1 .")
        query = f"SELECT * {{ ?s ?p ?o SERVICE <{A}> {{ <urn:x> <urn:y> <urn:z> }} }}"
        assert len(rows(engine, query)) == expected


def test_a_variable_calls_what_our_data_name_and_no_more(tmp_path: Path) -> None:
    relay = Told({"s": uri("urn:a"), "v": uri("urn:b")})
    engine = store(tmp_path, relay, f"<urn:x> <urn:at> <{B}>, <{B}> . <urn:y> <urn:never> <{A}> ; <urn:z> 3 .")
    assert rows(engine, "SELECT * { ?x <urn:at> ?e SERVICE ?e { ?s ?p ?v } }") == [
        {"x": "urn:x", "e": B, "s": "urn:a", "v": "urn:b"}
    ]
    assert [endpoint for endpoint, _ in relay.asked] == [B]
    with pytest.raises(QueryRefusedError) as caught:
        rows(engine, "SELECT * { ?x ?p ?e SERVICE ?e { ?s ?q ?v } FILTER(false) }")
    assert caught.value.rule == "service", "3 is no address of the list"


def test_an_address_in_the_data_that_is_not_listed_is_not_called(tmp_path: Path) -> None:
    relay = Told()
    for value in ("<http://evil.example/>", f'"{A}"', "[]", f"<{A}/>"):
        engine = store(tmp_path, relay, f"<urn:x> <urn:at> {value} .")
        with pytest.raises(QueryRefusedError, match="not on the list"):
            rows(engine, "SELECT * { ?x <urn:at> ?e SERVICE SILENT ?e { ?s ?p ?v } }")
    assert not relay.asked


def test_fifty_thousand_rows_take_part_in_a_join(tmp_path: Path) -> None:
    relay = Told(*({"s": uri(f"urn:{number}"), "v": uri("urn:b")} for number in range(50_000)))
    engine = store(tmp_path, relay, "<urn:49999> <urn:p> 1 . <urn:50000> <urn:p> 1 .")
    with engine.answer(f"SELECT ?s {{ ?s <urn:p> 1 SERVICE <{A}> {{ ?s ?p ?v }} }}", JSON_RESULTS) as answer:
        assert answer.rows == 1
        assert answer.called == (A,)
        assert answer.failed == ()

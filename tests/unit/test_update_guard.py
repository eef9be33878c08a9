"""What the guard reads in an update: limits, LOAD and SERVICE, and where a dataset of the request belongs."""

from __future__ import annotations

import pyoxigraph as ox
import pytest
from rdflib import URIRef

from kg.errors import QueryRefusedError, QuerySyntaxError
from kg.store import EVERYTHING, Scope
from kg.store.guard import UPDATE, Budget, check_update

G, H = "http://example.org/g", "http://example.org/h"

VALID = [
    "",
    "INSERT DATA { <http://example.org/a> <http://example.org/b> 1 }",
    "INSERTDATA{<http://example.org/a> <http://example.org/b> 1}",
    f"INSERT DATA {{ GRAPH <{G}> {{ <http://example.org/a> <http://example.org/b> 'LOAD <x>' }} }}",
    "DELETE WHERE { ?s ?p ?o }",
    "DELETE { ?s ?p ?o } INSERT { ?s ?p 1 } WHERE { ?s ?p ?o FILTER(?o < 3 && ?o > 1) }",
    f"WITH <{G}> DELETE {{ ?s ?p ?o }} WHERE {{ ?s ?p ?o }}",
    f"PREFIX ex: <http://example.org/> INSERT {{ ex:a ex:b ?o }} USING <{G}> USING NAMED ex:g WHERE {{ ?s ?p ?o }}",
    f"CLEAR ALL; DROP SILENT GRAPH <{G}>; CREATE GRAPH <{G}>; ADD <{G}> TO DEFAULT; MOVE DEFAULT TO <{H}>",
    f"COPY <{H}> TO <{G}>; COPY SILENT DEFAULT TO <{G}>",
    "CLEAR DEFAULT;\nPREFIX ex: <http://example.org/> INSERT DATA { ex:a ex:b ex:c };",
    "INSERT { ?s ?p ?n } WHERE { { SELECT ?s ?p (COUNT(*) AS ?n) WHERE { ?s ?p ?o } GROUP BY ?s ?p } }",
    "CLEAR ALL # ; LOAD <http://example.org/>",
]  # fmt: skip


@pytest.mark.parametrize("text", VALID)
def test_what_the_engine_takes_the_guard_takes(text: str) -> None:
    reading = check_update(text)
    store = ox.Store()
    store.update(f"CREATE SILENT GRAPH <{G}>; CREATE SILENT GRAPH <{H}>")
    try:
        store.update(reading.rewritten(text, EVERYTHING), prefixes=dict(reading.prefixes))
    except RuntimeError as error:
        assert "already exists" in str(error)  # noqa: PT017  (it was parsed)


@pytest.mark.parametrize(
    "text",
    [
        "LOAD <http://example.org/>",
        "PREFIX SILENT: <http://example.org/> LOAD SILENT:x",
        "LOAD SILENT <http://example.org/>; LOAD <http://example.org/>",
        "CLEAR ALL; LOAD <http://example.org/>",
        "CLEAR ALL;#\nLOAD<http://example.org/>",
        "PREFIX e: <http://example.org/> LOADe:x",
        "PREFIX e: <http://example.org/> PREFIX LOADe: <http://example.org/> LOADe:x",
        "PREFIX e: <http://example.org/> LOAD SILENT e:x",
    ],
)
def test_load_is_refused_in_any_spelling(text: str) -> None:
    with pytest.raises((QueryRefusedError, QuerySyntaxError)) as told:
        check_update(text)
    assert "LOAD" in str(told.value)


@pytest.mark.parametrize(
    ("text", "rewritten"),
    [
        ("LOAD SILENT <http://example.org/>", "LOAD SILENT <kg:closed>          "),  # what follows keeps its place
        (
            "load#\nsilent<x> into graph <http://example.org/g>",
            "load#\nsilent<kg:closed> into graph <http://example.org/g>",
        ),
        ("CLEAR ALL;LOADSILENT<http://example.org/>;DROP ALL", "CLEAR ALL;LOADSILENT<kg:closed>          ;DROP ALL"),
    ],
)
def test_load_silent_names_what_nobody_fetches(text: str, rewritten: str) -> None:
    """Silent means that a LOAD that fails changes nothing and is no error."""
    assert check_update(text, base=f"{G}/").rewritten(text, EVERYTHING) == rewritten
    store = ox.Store()
    store.update(rewritten)
    assert len(store) == 0


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("LOAD ;", (1, 1)),
        ("LOAD SILENT", (1, 1)),
        (f"CREATE GRAPH <{G}>\nLOAD <{G}>", (2, 1)),
        (f"LOAD <{G}>;\n;", (2, 1)),
        (f"CLEAR ALL; # none\n ; LOAD <{G}>", (2, 2)),
        (f"LOAD <{G}>; INSERT DATA {{", (1, len(G) + 22)),
    ],
)
def test_what_is_no_update_is_told_before_a_load_is_refused(text: str, place: tuple[int, int]) -> None:
    with pytest.raises(QuerySyntaxError) as told:
        check_update(text)
    assert (told.value.line, told.value.column) == place


@pytest.mark.parametrize(
    "text",
    [
        "INSERT { ?s ?p ?o } WHERE { SERVICE <http://example.org/> { ?s ?p ?o } }",
        "DELETE WHERE { ?s ?p ?o }; INSERT { ?s ?p ?o } WHERE { SERVICE SILENT ?x { ?s ?p ?o } }",
        "PREFIX e: <http://example.org/> INSERT {} WHERE { SERVICEe:x { ?s ?p ?o } }",
    ],
)
def test_service_is_refused(text: str) -> None:
    with pytest.raises(QueryRefusedError) as told:
        check_update(text)
    assert told.value.rule == "service"


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [("CLEAR XYZ", 1, 7), ("CLEAR ALL;\n  SELECT * {}", 2, 3), ("INSERT DATA {\n <http://example.org/a>", 1, 13)],
)
def test_what_is_no_update_is_told_with_its_place(text: str, line: int, column: int) -> None:
    with pytest.raises(QuerySyntaxError) as told:
        check_update(text)
    assert (told.value.line, told.value.column) == (line, column)


def test_data_may_be_long_and_patterns_may_not() -> None:
    triples = " ".join(f"<http://example.org/{n}> <http://example.org/p> {n} ." for n in range(1000))
    check_update(f"INSERT DATA {{ {triples} }}")
    check_update(f"INSERT DATA {{ GRAPH <{G}> {{ {triples} }} }}")
    check_update(f"DELETE DATA {{ GRAPH <{G}> {{ {triples} }} GRAPH <{H}> {{ {triples} }} }}")
    with pytest.raises(QueryRefusedError) as told:
        check_update(f"DELETE WHERE {{ {triples} }}")
    assert (told.value.rule, told.value.limit) == ("patterns", UPDATE.patterns)


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("operations", ";".join(["CLEAR ALL"] * 6)),
        ("depth", "INSERT DATA { <a:a> <a:a> " + "[ <a:a> " * 6 + "1" + " ]" * 6 + " }"),
        ("bytes", "CLEAR ALL # " + "x" * 1000),
        ("tokens", "CLEAR ALL ;" * 40),
    ],
)
def test_each_limit_has_its_rule(rule: str, text: str) -> None:
    budget = Budget(operations=5 if rule == "operations" else 1000, depth=5, bytes=500, tokens=100)
    with pytest.raises(QueryRefusedError) as told:
        check_update(text, budget=budget)
    assert told.value.rule == rule


def test_no_dataset_changes_no_text() -> None:
    text = "DELETE WHERE { ?s ?p ?o }"
    assert check_update(text).rewritten(text, EVERYTHING) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        # G holds 1, H holds 2, the default graph 3. What is deleted is what the pattern finds, from the default graph.
        ("DELETE { ?s ?p ?o } WHERE { ?s ?p ?o }", {"default": [], G: [1], H: [2]}),
        ("DELETE WHERE { ?s ?p ?o }", {"default": [], G: [1], H: [2]}),
        ("DELETE WHERE { ?s ?p ?o }; CLEAR GRAPH <http://example.org/h>", {"default": [], G: [1], H: []}),
        (
            "INSERT { ?s ?p 9 } WHERE { ?s ?p 1 }; # WHERE\nINSERT { ?s ?p 8 } WHERE { ?s ?p 2 }",
            {"default": [1, 9], G: [1], H: [2]},
        ),
    ],
)
def test_the_dataset_of_the_request_is_that_of_every_where(text: str, left: dict[str, list[int]]) -> None:
    store = ox.Store()
    store.update(f"INSERT DATA {{ <a:a> <a:p> 1 . GRAPH <{G}> {{ <a:a> <a:p> 1 }} GRAPH <{H}> {{ <a:a> <a:p> 2 }} }}")
    store.update(check_update(text).rewritten(text, Scope(default=frozenset({URIRef(G)}), named=frozenset())))
    graphs: dict[str, ox.DefaultGraph | ox.NamedNode] = {
        "default": ox.DefaultGraph(),
        G: ox.NamedNode(G),
        H: ox.NamedNode(H),
    }
    found = {
        name: sorted(int(str(quad.object).split('"')[1]) for quad in store.quads_for_pattern(None, None, None, graph))
        for name, graph in graphs.items()
    }
    assert found == left


@pytest.mark.parametrize(
    "text",
    [
        f"WITH <{G}> DELETE {{ ?s ?p ?o }} WHERE {{ ?s ?p ?o }}",
        f"INSERT {{ ?s ?p ?o }} USING <{G}> WHERE {{ ?s ?p ?o }}",
        f"PREFIX ex: <{G}> WITHex: DELETE {{ ?s ?p ?o }} WHERE {{ ?s ?p ?o }}",
    ],
)
def test_a_dataset_in_text_and_request_is_refused(text: str) -> None:
    with pytest.raises(QueryRefusedError) as told:
        check_update(text).rewritten(text, Scope(default=frozenset({URIRef(G)})))
    assert told.value.rule == "dataset"


@pytest.mark.parametrize("graph", ["relative", "http://example.org/> { } } ; CLEAR ALL #", ""])
def test_a_graph_that_is_no_iri_never_reaches_the_text(graph: str) -> None:
    text = "DELETE WHERE { ?s ?p ?o }"
    with pytest.raises(QueryRefusedError) as told:
        check_update(text).rewritten(text, Scope(named=frozenset({URIRef(graph)})))
    assert told.value.rule == "dataset"


def test_a_prologue_between_operations_goes_to_the_front() -> None:
    text = (
        "PREFIX a: <http://example.org/> INSERT DATA { a:x a:p 1 };\n# more\nPREFIX b: <http://example.org/b/>\n"
        "PREFIX a: <http://example.org/> INSERT DATA { a:x b:p 2 }; PREFIX c: <http://example.org/c/> CLEAR GRAPH c:x"
    )
    reading = check_update(text)
    assert reading.prefixes == {"b": "http://example.org/b/", "c": "http://example.org/c/"}
    rewritten = reading.rewritten(text, EVERYTHING)
    assert [len(line) for line in rewritten.split("\n")] == [len(line) for line in text.split("\n")]
    store = ox.Store()
    store.update(rewritten.replace("CLEAR", "CREATE"), prefixes=dict(reading.prefixes))
    assert {quad.predicate.value for quad in store} == {"http://example.org/p", "http://example.org/b/p"}


@pytest.mark.parametrize(
    "second", ["PREFIX a: <http://example.org/other/> CLEAR GRAPH a:x", "BASE <http://example.org/> CLEAR GRAPH <x>"]
)
def test_a_prologue_that_changes_a_meaning_stays(second: str) -> None:
    text = f"PREFIX a: <http://example.org/> CLEAR GRAPH a:x; {second}"
    reading = check_update(text)
    assert (reading.rewritten(text, EVERYTHING), reading.prefixes) == (text, {})

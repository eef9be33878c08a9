"""Why a query has no rows, and what it asks, over HTTP, on the release of the bundled sources."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner

from kg.cli import main
from kg.config import Config
from kg.model import DEFAULT_BASE
from kg.release import Release
from kg.store.oxigraph import OxigraphStore
from kg.vocab import OSAI
from kg.web import create_app
from tests.contract.served import Reply, Server, live, read_page

OURS = f"PREFIX osai: <{DEFAULT_BASE}ontology#>\n"
MISSPELT = OURS + "SELECT ?n WHERE { <id/project/pytroch> a osai:Projekt ; osai:name ?n }"
TAGGED = OURS + 'SELECT ?p WHERE { ?p a osai:Project ; osai:name "PyTorch"@en }'
BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"


@pytest.fixture(scope="module")
def server(seed_home: Path, seed_store: OxigraphStore, seed_release: Release) -> Iterator[Server]:
    with live(create_app(Config(home=seed_home), store=seed_store, release=seed_release)) as server:
        yield server


def why(server: Server, query: str, accept: str = "application/json", **more: str) -> Reply:
    return server.ask(f"/why-empty?{urlencode({'query': query} | more)}", Accept=accept)


def test_misspelt_terms_and_things_come_with_what_was_meant(server: Server) -> None:
    reply = why(server, MISSPELT)
    assert (reply.status, reply.type) == (200, "application/json")
    by_kind = {reason["kind"]: reason for reason in reply.json["reasons"]}
    assert by_kind["unknown-term"]["nearest"] == [str(OSAI.Project)]
    assert by_kind["unknown-term"]["term"] == "osai:Projekt"
    assert by_kind["unknown-entity"]["nearest"][0] == f"{DEFAULT_BASE}id/project/pytorch"
    assert by_kind["pattern-without-match"]["pattern"] == "<id/project/pytroch> a osai:Projekt"
    assert reply.json["summary"] == reply.json["reasons"][0]["detail"]


def test_what_is_proposed_has_rows(server: Server) -> None:
    reason = why(server, TAGGED).json["reasons"][0]
    assert reason["kind"] == "literal-language"
    mended = TAGGED.replace('"PyTorch"@en', reason["term"])
    answer = server.ask(f"/sparql?{urlencode({'query': mended})}", Accept="text/csv")
    assert answer.text.splitlines()[1:] == [f"{DEFAULT_BASE}id/project/pytorch"]


def test_a_form_is_asked_as_an_address_is(server: Server) -> None:
    form = urlencode({"query": TAGGED}).encode()
    posted = server.ask(
        "/why-empty", method="POST", body=form, Content_Type="application/x-www-form-urlencoded", Accept="*/*"
    )
    assert posted.json == why(server, TAGGED).json


def test_the_dataset_is_that_of_the_query(server: Server) -> None:
    query = OURS + "SELECT ?p WHERE { ?p a osai:Project }"
    assert why(server, query).json["reasons"] == []
    nowhere = {"default-graph-uri": f"{DEFAULT_BASE}graph/queries"}
    assert [one["kind"] for one in why(server, query, **nowhere).json["reasons"]] == ["pattern-without-match"]


def test_a_browser_gets_a_page_that_leads_on(server: Server) -> None:
    page = read_page(why(server, MISSPELT, accept=BROWSER))
    assert "There is no class osai:Projekt here" in page.text
    assert "/page/project/pytorch" in page.links
    assert any(link.startswith("/sparql?query=") for link in page.links)


def test_markup_in_a_query_stays_text(server: Server) -> None:
    page = why(server, OURS + "SELECT * { ?s osai:name '<script>alert(1)</script>' }", accept=BROWSER)
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;alert" in page.text


def test_an_empty_answer_leads_to_its_reasons_and_another_does_not(server: Server) -> None:
    empty = server.ask(f"/sparql?{urlencode({'query': TAGGED})}", Accept="application/sparql-results+json")
    (link,) = [one for one in empty.links if 'rel="help"' in one]
    address = link.partition(">")[0].removeprefix("<")
    assert server.ask(address, Accept="application/json").json["reasons"][0]["kind"] == "literal-language"
    for query in (OURS + "SELECT ?p { ?p a osai:Project } LIMIT 1", OURS + "ASK { ?p a osai:Projekt }"):
        full = server.ask(f"/sparql?{urlencode({'query': query})}", Accept="application/sparql-results+json")
        assert not [one for one in full.links if "help" in one]


def test_an_empty_page_leads_to_its_reasons(server: Server) -> None:
    page = read_page(server.ask(f"/sparql?{urlencode({'query': TAGGED})}", Accept=BROWSER))
    assert any(link.startswith("/why-empty?query=") for link in page.links)


def test_a_query_too_long_for_a_header_has_no_link(server: Server) -> None:
    long = server.ask(f"/sparql?{urlencode({'query': TAGGED + '#' * 4000})}", Accept="text/csv")
    assert (long.status, long.headers["kg-rows"], long.links) == (200, "0", ())


@pytest.mark.parametrize(
    ("address", "status", "type_"),
    [
        ("/why-empty", 400, "bad-parameter"),
        ("/why-empty?query=SELECT", 400, "query-syntax"),
        (
            "/why-empty?" + urlencode({"query": "ASK { SERVICE <http://127.0.0.1/> { ?s ?p ?o } }"}),
            403,
            "service-refused",
        ),
        ("/why-empty?" + urlencode({"query": TAGGED, "format": "csv"}), 400, "bad-parameter"),
    ],
)
def test_what_cannot_be_diagnosed_is_a_problem(server: Server, address: str, status: int, type_: str) -> None:
    reply = server.ask(address, Accept="application/json")
    assert (reply.status, reply.json["type"].rpartition("/")[2]) == (status, type_)


def test_an_explanation_holds_the_counts_of_the_release_against_the_patterns(
    server: Server, seed_store: OxigraphStore, seed_release: Release
) -> None:
    query = OURS + "SELECT * WHERE { ?p a osai:Project ; osai:name ?n }"
    told = server.ask(f"/explain?{urlencode({'query': query})}", Accept="application/json").json
    assert told["release"] == seed_release.version
    assert [one["pattern"] for one in told["patterns"]] == ["?p a osai:Project", "?p osai:name ?n"]
    for one in told["patterns"]:
        counted = f"{OURS} SELECT (COUNT(*) AS ?n) WHERE {{ {one['pattern']} }}"
        (row,) = seed_store.rows(counted)
        assert one["estimate"] >= int(str(row["n"])) > 0
    assert told["counts"]["depth"] == {"found": 1, "limit": 100}
    assert "upper bounds" in told["note"]


def test_an_explanation_gives_the_plan_as_the_algebra_has_it(server: Server) -> None:
    """By hand, from SPARQL 1.1 Query, section 18.2: modifiers outermost, OPTIONAL and FILTER around the patterns."""
    query = OURS + (
        "SELECT ?h (COUNT(?p) AS ?n) WHERE { ?p a osai:Project ; osai:currentHost ?h "
        "OPTIONAL { GRAPH ?g { ?h osai:homepage ?at } } FILTER(?h != ?p) } GROUP BY ?h ORDER BY ?n LIMIT 7"
    )
    told = server.ask(f"/explain?{urlencode({'query': query})}", Accept="application/json").json

    def spine(one: dict[str, Any]) -> list[str]:
        return [
            f"{one['operator']} {one.get('detail', '')}".strip(),
            *(w for p in one.get("parts", ()) for w in spine(p)),
        ]

    assert spine(told["plan"]) == [
        *("slice limit 7", "project ?h ?n", "order ?n", "bind ?n", "group ?h", "filter ?h ?p", "optional", "patterns"),
        *("pattern ?p a osai:Project", "pattern ?p osai:currentHost ?h", "pattern GRAPH ?g { ?h osai:homepage ?at }"),
    ]
    page = server.ask(f"/explain?{urlencode({'query': query})}", Accept="text/html")
    assert page.headers["content-type"].startswith("text/html")
    assert "<code>?p osai:currentHost ?h</code>" in page.text
    assert "limit 7" in page.text


def test_a_query_that_is_too_long_for_a_plan_has_none_and_its_counts(server: Server) -> None:
    query = f"ASK {{ ?s ?p '{'x' * 9_000}' }}"
    told = server.ask(f"/explain?{urlencode({'query': query})}", Accept="application/json").json
    assert told["plan"] is None
    assert told["counts"]["bytes"]["found"] > 9_000
    assert "too long" in server.ask(f"/explain?{urlencode({'query': query})}&format=html").text


def test_an_explanation_wants_a_query_and_one_of_two_formats(server: Server) -> None:
    assert server.ask("/explain?query=ASK%7B%7D&format=csv").status == 400
    assert server.ask("/explain").status == 400


def test_the_command_says_the_same_as_the_address(server: Server, seed_home: Path) -> None:
    query = OURS + "ASK { ?p a osai:Project }"
    ran = CliRunner().invoke(main, ["--home", str(seed_home), "explain", query, "--json"], catch_exceptions=False)
    assert json.loads(ran.stdout) == server.ask(f"/explain?{urlencode({'query': query})}").json
    table = CliRunner().invoke(main, ["--home", str(seed_home), "explain", "cq05"], catch_exceptions=False)
    assert "osai:currentHost" in table.stdout

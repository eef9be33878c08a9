"""What the query editor is given over HTTP: its words, its script, its policy; and the page without a script."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kg.config import Config
from kg.release import Release
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, Server, live, make_release, read_page

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
OSAI = f"{BASE}ontology#"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    release = make_release(tmp_path_factory.mktemp("releases"))
    store = OxigraphStore.load([(release.quads, None, None)])
    with live(create_app(Config(home=tmp_path_factory.mktemp("home")), store=store, release=release)) as server:
        yield server


def test_words_hold_the_terms_of_the_release_with_label_definition_and_use(
    seed_release: Release, seed_store: OxigraphStore, tmp_path: Path
) -> None:
    with live(create_app(Config(home=tmp_path), store=seed_store, release=seed_release)) as server:
        reply = server.ask("/editor/words.json")
    assert reply.type == "application/json"
    assert reply.json["prefixes"]["osai"] == OSAI
    terms = {term["iri"]: term for term in reply.json["terms"]}
    project, host = terms[f"{OSAI}Project"], terms[f"{OSAI}currentHost"]
    assert (project["kind"], project["label"]) == ("class", "project")
    assert (host["kind"], host["label"]) == ("property", "current host")
    asked = next(
        iter(
            seed_store.rows(
                f"SELECT (COUNT(*) AS ?n) WHERE {{ ?thing a <{OSAI}Project> }}", limits=Config().limits, base=BASE
            )
        )
    )
    assert project["count"] == int(str(asked["n"]))
    assert project["definition"]
    assert terms["http://www.w3.org/2004/02/skos/core#prefLabel"]["kind"] == "property"
    assert len(reply.json["examples"]) > 20
    assert all(example["summary"] and "WHERE" in example["text"] for example in reply.json["examples"])


def test_words_of_data_without_a_release_are_the_terms_that_it_uses(tmp_path: Path) -> None:
    file = tmp_path / "data.ttl"
    file.write_text("@prefix x: <http://x.example/> . x:a a x:Thing ; x:likesTea x:b .", encoding="utf-8")
    with live(create_app(Config(home=tmp_path), store=OxigraphStore.load([(file, None, None)]))) as server:
        words = server.ask("/editor/words.json").json
    assert words["examples"] == []
    used = {(term["iri"], term["kind"], term["label"], term["count"]) for term in words["terms"]}
    assert ("http://x.example/Thing", "class", "thing", 1) in used
    assert ("http://x.example/likesTea", "property", "likes tea", 1) in used


@pytest.mark.parametrize("path", ["/sparql", "/sparql?query=ASK%20%7B%7D", "/sparql?query=SELEC"])
def test_the_policy_of_the_editor_takes_our_script_and_nothing_inline(server: Server, path: str) -> None:
    policy = server.ask(path, Accept=BROWSER).headers["content-security-policy"]
    given = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert given["script-src"] == given["connect-src"] == given["style-src"] == "'self'"
    assert given["default-src"] == "'none'"
    assert given["require-trusted-types-for"] == "'script'"
    assert "unsafe" not in policy


@pytest.mark.parametrize("path", ["/", "/queries", "/queries/cq05", "/page/project/pytorch", "/ontology", "/nowhere"])
def test_no_other_page_may_run_a_script(server: Server, path: str) -> None:
    reply = server.ask(path, Accept=BROWSER)
    assert "script-src" not in reply.headers["content-security-policy"]
    assert "default-src 'none'" in reply.headers["content-security-policy"]
    assert not [one for one in read_page(reply).all("script") if one.get("type") != "application/ld+json"], "data may"


def test_a_refused_query_keeps_its_text_and_its_place(server: Server) -> None:
    page = read_page(server.ask("/sparql?query=SELECT%20*%0AWHER%20%7B%7D", Accept=BROWSER))
    (form,) = [form for form in page.all("form") if form.get("action") != "/search"]
    assert (form["data-line"], form["data-column"]) == ("2", "1")
    assert "WHER {}" in page.text


def test_without_a_bundle_the_editor_is_a_text_box(tmp_path: Path) -> None:
    release = make_release(tmp_path / "releases")
    store = OxigraphStore.load([(release.quads, None, None)])
    app = create_app(Config(home=tmp_path), store=store, release=release)
    app.jinja_env.globals["editor_script"] = None  # as create_app leaves it where the build could not bundle
    with live(app) as server:
        page = read_page(server.ask("/sparql", Accept=BROWSER))
        assert not page.all("script")
        assert [area["name"] for area in page.all("textarea")] == ["query"]
        assert "yes" in read_page(server.ask("/sparql?query=ASK%20%7B%7D", Accept=BROWSER)).text

"""The first page: what the graph holds and what sources disagree in, from answers that a release keeps or the store."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from kg import answers, resources
from kg.catalogue import Catalogue
from kg.config import Config
from kg.errors import ReleaseError
from kg.release import Release, read_release
from kg.store import DEFAULT_LIMITS, JSON_RESULTS
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, Server, live, make_release, read_page

BROWSER = "text/html"
# Two sources: one says a host and a licence, the other says others; a third thing is told of in one way.
EXTRA = """
@prefix prov: <http://www.w3.org/ns/prov#> .
<concept/steward-role/legal-host> skos:prefLabel "legal host"@en .
<id/org/one> a osai:Organization ; osai:name "One" .
<id/org/other> a osai:Organization ; osai:name "Other" .
<id/licence/a> a osai:Licence ; osai:name "Licence A" .
<id/licence/b> a osai:Licence ; osai:name "Licence <b>" .
<id/situation/s1> osai:ofProject <id/project/pytorch> ; osai:steward <id/org/one> ;
    osai:stewardRole <concept/steward-role/legal-host> .
<id/situation/s2> osai:ofProject <id/project/pytorch> ; osai:steward <id/org/other> ;
    osai:stewardRole <concept/steward-role/legal-host> .
GRAPH <graph/one/1> {
  <id/situation/s1> osai:ofProject <id/project/pytorch> ; osai:steward <id/org/one> ;
    osai:stewardRole <concept/steward-role/legal-host> .
  <id/situation/l1> osai:ofProject <id/project/marked> ; osai:licensedUnder <id/licence/a> .
}
GRAPH <graph/other/1> {
  <id/situation/s2> osai:ofProject <id/project/pytorch> ; osai:steward <id/org/other> ;
    osai:stewardRole <concept/steward-role/legal-host> .
  <id/situation/l2> osai:ofProject <id/project/marked> ; osai:licensedUnder <id/licence/b> .
}
GRAPH <graph/provenance> {
  <id/run/1> a osai:LoadActivity ; prov:generated <graph/one/1> ; prov:used <id/snapshot/1> .
  <id/run/2> a osai:LoadActivity ; prov:generated <graph/other/1> ; prov:used <id/snapshot/2> .
  <id/snapshot/1> dcterms:title "The first source" .
  <id/snapshot/2> dcterms:title "The second source" .
}
"""
CATALOGUE = Catalogue.read(resources.queries(), base=BASE)


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make_release(tmp_path_factory.mktemp("releases"), extra=EXTRA)


@pytest.fixture(scope="module")
def store(release: Release) -> Iterator[OxigraphStore]:
    store = OxigraphStore.load([(release.quads, None, None)])
    yield store
    store.close()


@pytest.fixture(scope="module")
def kept(release: Release, store: OxigraphStore, tmp_path_factory: pytest.TempPathFactory) -> Release:
    """The same release with the answers that a build leaves."""
    folder = tmp_path_factory.mktemp("kept") / release.version
    shutil.copytree(release.path, folder)
    answers.leave(folder, store, CATALOGUE, limits=DEFAULT_LIMITS)
    return read_release(folder)


@pytest.fixture(scope="module", params=["asked", "kept"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, store: OxigraphStore
) -> Iterator[Server]:
    release: Release = request.getfixturevalue("kept" if request.param == "kept" else "release")
    with live(create_app(Config(home=tmp_path_factory.mktemp("home")), store=store, release=release)) as server:
        yield server


def test_each_kind_of_disagreement_has_its_number_which_leads_to_its_rows(server: Server) -> None:
    page = read_page(server.ask("/", Accept=BROWSER))
    part = page.text[page.text.index("What sources disagree in today") : page.text.index("Questions it answers")]
    told = " ".join(part.split())
    for kind, count in (("date", "none"), ("maturity", "none"), ("licence", "1"), ("host", "1"), ("name", "none")):
        assert f"{kind}{count} " in f"{told} ", kind
    assert "PyTorch: One against Other" in told
    assert "Licence A against Licence <b>" in told, "what is said is text"
    assert "As of 2026-01-02" in told
    for kind, values in (("host", ("One", "Other")), ("licence", ("Licence A", "Licence <b>"))):
        listed = read_page(server.ask(f"/queries/disagreements?kind={kind}", Accept=BROWSER))
        assert f"/queries/disagreements?kind={kind}" in page.links
        assert all(value in listed.text for value in (*values, "The first source", "The second source"))
        assert "2 rows" in listed.text


def test_every_number_of_the_page_leads_to_a_query_that_gives_it(server: Server) -> None:
    page = read_page(server.ask("/", Accept=BROWSER))
    queries = [link for link in page.links if link.startswith("/sparql?query=")]
    assert len(queries) > 3
    for link in queries:
        assert server.ask(link, Accept=BROWSER).status == 200


def test_kept_answers_are_those_of_the_store(kept: Release, store: OxigraphStore) -> None:
    found = answers.read_answers(kept.path)
    queries = list(answers.kept(CATALOGUE))
    assert len(found) == len(queries) > 35
    for query in queries:
        with store.answer(query.text, JSON_RESULTS, trusted=True) as answer:
            given = found.get(query.text)
            assert given is not None
            assert json.loads(given) == json.loads(answer.read()), query.name
    assert found.get(queries[0].text + " ") is None, "another text is another question"


def test_a_page_shows_what_the_release_keeps_and_asks_nothing(kept: Release, tmp_path: Path) -> None:
    """Over no data at all: what the pages say comes from the file."""
    empty = OxigraphStore.load([])
    with live(create_app(Config(home=tmp_path), store=empty, release=kept)) as server:
        assert re.search(r"PyTorch:\s+One", read_page(server.ask("/", Accept=BROWSER)).text)
        assert "2 rows" in read_page(server.ask("/queries/disagreements-by-kind", Accept=BROWSER)).text
        assert server.ask("/queries/disagreements-by-kind.csv").text.splitlines() == ["kind,things"]
    empty.close()


def test_a_broken_file_is_said_with_its_remedy(kept: Release, tmp_path: Path) -> None:
    assert len(answers.read_answers(tmp_path)) == 0
    (tmp_path / answers.ANSWERS).write_text('{"answers": [1]}', encoding="utf-8")
    with pytest.raises(ReleaseError, match="build it again"):
        answers.read_answers(tmp_path)


def test_equal_data_give_equal_bytes(kept: Release, store: OxigraphStore, tmp_path: Path) -> None:
    answers.leave(tmp_path, store, CATALOGUE, limits=DEFAULT_LIMITS)
    assert (tmp_path / answers.ANSWERS).read_bytes() == (kept.path / answers.ANSWERS).read_bytes()


def test_a_long_answer_has_pages_that_name_their_neighbours(
    store: OxigraphStore, release: Release, tmp_path: Path
) -> None:
    """Every row is on one page and none is cut."""
    folder = tmp_path / "queries"
    (folder / "catalogue").mkdir(parents=True)
    (folder / "pages").symlink_to(resources.queries() / "pages")
    (folder / "catalogue" / "numbers.rq").write_text(
        f"#+ summary: Which numbers are there?\nBASE <{BASE}>\nSELECT ?n WHERE {{ VALUES (?n) {{ "
        + " ".join(f'("row {number}")' for number in range(450))
        + " } }\nORDER BY ?n\n",
        encoding="utf-8",
    )
    catalogue = Catalogue.read(folder, base=BASE)
    app = create_app(Config(home=tmp_path), store=store, release=release, catalogue=catalogue)
    with live(app) as server:
        found: list[str] = []
        path = "/queries/numbers"
        while path:
            reply = server.ask(path, Accept=BROWSER)
            page = read_page(reply)
            found += re.findall(r"<td><span>(row \d+)</span></td>", reply.text)
            following = [link["href"] for link in page.all("link") if link.get("rel") == "next"]
            path = str(following[0]) if following else ""
        assert len(found) == len(set(found)) == 450
        assert "of which 401 to 450 are shown" in page.text
        for wrong in ("4", "0", "x"):
            assert server.ask(f"/queries/numbers?page={wrong}", Accept=BROWSER).status == 404

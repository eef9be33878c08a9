"""What the page of each kind of thing shows, search, lists and comparing: over real HTTP, with hostile labels."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

import pytest

from kg import search
from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from kg.web.pictures import Moment, Stretch, quarter_years, stack, time_line, tree
from tests.contract.served import BASE, MARKUP, Page, Reply, Server, live, make_release, read_page

BROWSER = "text/html"
HOSTILE = (
    MARKUP,
    "{{ 123457 * 1000003 }}{% raw %}",
    "</title><svg onload=alert(1)>",
    "a\r\nSet-Cookie: x=1",
    "' onmouseover='alert(1)",
    "</script><img src=x onerror=alert(1)>",
    "javascript:alert(1)",
)


def _literal(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n") + '"'


def things_called(label: str, number: int) -> str:
    """Describe one thing of each kind in TriG, all called ``label``."""
    name, n = _literal(label), number
    return f"""
<id/project/h{n}> a osai:Project, osai:OpenSourceAIProject ; osai:name {name} ; osai:currentHost <id/org/h{n}> ;
    osai:inSector <concept/sector/A> ; osai:underLicence <id/licence/h{n}> .
<id/org/h{n}> a osai:Organization, osai:Company ; osai:name {name} .
<id/org/fund{n}> a osai:Organization, osai:Foundation ; osai:name {name} .
<id/situation/h{n}> a osai:Stewardship ; osai:ofProject <id/project/h{n}> ; osai:steward <id/org/h{n}> ;
    osai:stewardRole <concept/steward-role/legal-host> ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime ;
    osai:earliestEnd "2021-06-01T00:00:00Z"^^xsd:dateTime ; osai:latestEnd "2021-06-30T00:00:00Z"^^xsd:dateTime ;
    osai:terminatedBy <id/event/h{n}> .
<id/event/h{n}> a osai:GovernanceEvent, osai:Transfer, osai:Donation ; osai:name {name} ; osai:dateText {name} ;
    osai:concernsProject <id/project/h{n}> ; osai:fromAgent <id/org/h{n}> ; osai:toAgent <id/org/fund{n}> ;
    osai:earliestStart "2021-06-01T00:00:00Z"^^xsd:dateTime ; osai:latestStart "2021-06-30T00:00:00Z"^^xsd:dateTime .
<id/obs/h{n}/one> a osai:ContributionObservation ; osai:obsProject <id/project/h{n}> ; osai:obsMonth "2021-02" ;
    osai:obsOrganization <id/org/h{n}> ; osai:evidenceGrade <concept/evidence-grade/email> ; osai:commitCount 30 .
<id/obs/h{n}/two> a osai:ContributionObservation ; osai:obsProject <id/project/h{n}> ; osai:obsMonth "2021-08" ;
    osai:evidenceGrade <concept/evidence-grade/none> ; osai:commitCount 10 .
<id/obs/h{n}/bots> a osai:ContributionObservation ; osai:obsProject <id/project/h{n}> ; osai:obsMonth "2021-08" ;
    osai:evidenceGrade <concept/evidence-grade/bot> ; osai:commitCount 999 .
<id/situation/m{n}> a osai:Membership ; osai:member <id/org/h{n}> ; osai:membershipIn <id/org/fund{n}> ;
    osai:membershipLevel <concept/membership-level/h{n}> .
<concept/membership-level/h{n}> skos:prefLabel {name} .
<id/model/h{n}> a osai:Model ; osai:name {name} ; osai:releasedBy <id/org/h{n}> ;
    osai:hasComponent <id/component/h{n}> .
<id/component/h{n}> osai:componentKind <concept/model-component/h{n}> .
<concept/model-component/h{n}> skos:inScheme <concept/model-component> ; skos:prefLabel {name} .
<id/person/h{n}> a osai:Person ; osai:name {name} .
<id/situation/p{n}> a osai:Affiliation ; osai:affiliated <id/person/h{n}> ; osai:affiliatedWith <id/org/h{n}> ;
    osai:roleName {name} ; osai:latestStart "2020-01-01T00:00:00Z"^^xsd:dateTime .
<id/study/h{n}> osai:hasParticipant <id/person/h{n}> ; osai:name {name} .
<id/assessment/h{n}> a osai:Assessment ; osai:assesses <id/model/h{n}> ; osai:judgedBy <id/org/fund{n}> ;
    osai:assessedDimension <concept/model-component/h{n}> ; osai:grade {name} .
<id/licence/h{n}> a osai:Licence ; osai:name {name} ; osai:spdxId {name} .
<id/doc/h{n}> a osai:Document ; osai:name {name} ; osai:authoredBy <id/person/h{n}> .
<id/statement/h{n}> a osai:Statement ; osai:spokenBy <id/person/h{n}> ; osai:inDocument <id/doc/h{n}> ;
    osai:expresses <id/finding/h{n}> ;
    osai:hasEvidence <id/doc/h{n}/span/1-9> .
<id/finding/h{n}> a osai:Finding ; osai:claim {name} ; osai:displayValue {name} ; osai:expressedBy <id/statement/h{n}> .
<id/doc/h{n}/span/1-9> osai:startOffset 1 ; osai:endOffset 9 .
GRAPH <graph/words/h{n}> {{
  <id/doc/h{n}/span/1-9> osai:exactQuote {name} ; osai:quotePrefix {name} ; osai:quoteSuffix {name} .
}}
"""


EXTRA = """
<concept/steward-role/legal-host> skos:prefLabel "legal host"@en .
<concept/sector/A> a skos:Concept ; skos:inScheme <concept/sector> ; skos:prefLabel "Farming"@en ; skos:notation "A" .
<concept/sector/A01> a skos:Concept ; skos:inScheme <concept/sector> ; skos:prefLabel "Crops"@en ; skos:notation "A01" ;
    skos:broader <concept/sector/A> .
<id/project/crops> a osai:Project ; osai:name "Crops" ; osai:inSector <concept/sector/A01> .
""" + "".join(things_called(label, number) for number, label in enumerate(HOSTILE))
# More things of one kind than a page lists, and more that point to one thing than its page lists.
EXTRA += "".join(
    f'<id/project/many-{number:03}> a osai:Project ; osai:name "Many {number:03}" ; osai:currentHost <id/org/many> .\n'
    for number in range(230)
)
EXTRA += '<id/org/many> a osai:Organization ; osai:name "Host of many" .\n'


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    release = make_release(tmp_path_factory.mktemp("releases"), extra=EXTRA)
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    with live(create_app(Config(home=tmp_path_factory.mktemp("home")), store=store, release=release)) as server:
        yield server
    store.close()


def browse(server: Server, path: str) -> Reply:
    return server.ask(path, Accept=BROWSER)


def shown(server: Server, path: str) -> Page:
    reply = browse(server, path)
    assert reply.status == 200, f"{path}: {reply.status}\n{reply.text[:2000]}"
    return read_page(reply)


# --- text stays text ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", range(len(HOSTILE)))
@pytest.mark.parametrize("kind", ["project", "org", "event", "model", "licence", "doc", "finding", "person"])
def test_a_hostile_label_is_text_on_the_page_of_each_kind(server: Server, kind: str, number: int) -> None:
    reply = browse(server, f"/page/{kind}/h{number}")
    assert "set-cookie" not in reply.headers
    page = shown(server, f"/page/{kind}/h{number}")
    spelled = HOSTILE[number].replace("\r\n", "\n")
    assert spelled in page.text.replace("\r\n", "\n").replace("\r", "\n"), "shown as it is"
    assert not page.all("img")
    assert not [link for link in page.links if link.lower().startswith("javascript:")]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "path",
    [
        "/search?q={}",
        "/browse/projects?q={}",
        "/browse/projects?host={}",
        "/compare?one={}&other=id/project/pytorch",
        "/links?to={}&by=osai:currentHost",
        "/browse/{}",
        "/queries/who-gives-to-a-project?project={}",
    ],
)
def test_a_hostile_address_is_text_on_the_page_that_answers_it(server: Server, path: str, text: str) -> None:
    reply = browse(server, path.format(quote(text, safe="")))
    assert reply.status in (200, 400, 404)
    assert "set-cookie" not in reply.headers
    page = read_page(reply)
    assert str(123457 * 1000003) not in page.text, "a template ran"
    assert not page.all("img")


@pytest.mark.parametrize("kind", ["projects", "organizations", "events", "models", "findings", "documents", "licences"])
def test_lists_show_hostile_labels_as_text(server: Server, kind: str) -> None:
    page = shown(server, f"/browse/{kind}?q=script")
    assert "<script>" in page.text or "</script>" in page.text


# --- pictures and tables --------------------------------------------------------------------------------------------


def test_a_project_shows_its_time_line_and_who_gives_commits(server: Server) -> None:
    page = shown(server, "/page/project/h1")
    labels = [tag.get("aria-label") or "" for tag in page.all("svg")]
    assert any("Time line of stewardship" in label for label in labels)
    assert any("Commits by quarter" in label for label in labels)
    assert "by 2020-01-01" in page.text
    assert "2021-06-01 to 2021-06-30" in page.text
    assert "75.0%" in page.text, "30 of 40: commits of bots are left out"
    assert "999" not in page.text


def test_every_picture_has_a_name_and_a_table_that_says_the_same(server: Server) -> None:
    for path in (
        *("/page/project/h1", "/page/org/h1", "/page/event/h1", "/page/person/h1"),
        *("/page/concept/sector/A", "/page/concept/sector/A01"),
    ):
        page = shown(server, path)
        for picture in page.all("svg"):
            assert picture.get("aria-hidden") == "true" or picture.get("aria-label"), f"{path}: {picture}"
        assert "The same as a table" in page.text


def test_an_organization_shows_members_memberships_projects_and_models(server: Server) -> None:
    page = shown(server, "/page/org/h1")
    for title in ("What it is a member of", "Projects it hosts", "Projects it gives commits to", "Models it released"):
        assert title in page.text
    assert {"/page/org/fund1", "/page/project/h1", "/page/model/h1"} <= set(page.links)
    assert "Members by level" in shown(server, "/page/org/fund1").text


def test_a_person_shows_for_whom_they_work_and_what_they_wrote_and_said(server: Server) -> None:
    page = shown(server, "/page/person/h1")
    labels = [tag.get("aria-label") or "" for tag in page.all("svg")]
    assert any(label.startswith("Time line of affiliations") for label in labels)
    for part in ("Works for", "Took part in", "Wrote", "Is credited with"):
        assert part in page.text
    assert {"/page/org/h1", "/page/study/h1", "/page/doc/h1", "/page/finding/h1"} <= set(page.links)
    assert "by 2020-01-01" in page.text


def test_a_sector_shows_its_place_in_the_tree_and_what_is_in_it(server: Server) -> None:
    page = shown(server, "/page/concept/sector/A")
    told = " ".join(page.text.split())
    # By the data above: a project for each hostile label in A, and one in A01 below it.
    assert f"A Farming{len(HOSTILE)}{len(HOSTILE) + 1} A01 Crops11" in told, "in it, and with what is below it"
    assert {"/page/concept/sector/A01", "/page/project/h0", "/page/project/crops", "/browse/sectors"} <= set(page.links)
    below = shown(server, "/page/concept/sector/A01")
    assert {"/page/concept/sector/A", "/page/project/crops"} <= set(below.links)
    assert "/page/project/h0" not in below.links
    assert "Where it stands" not in shown(server, "/page/concept/bound/at-most").text, "no sector"


def test_a_model_shows_each_part_it_may_be_released_with(server: Server) -> None:
    page = shown(server, "/page/model/h1")
    classes = [tag.get("class") or "" for tag in page.all("li")]
    tiles = [name for name in classes if name.startswith("tile-")]
    assert sorted(tiles) == ["tile-absent"] * (len(HOSTILE) - 1) + ["tile-unlicensed"]
    assert "released, no licence stated" in page.text


def test_trees_stand_below_what_they_are_part_of() -> None:
    drawn = tree([("top", "/t", 0, 10, False), ("here", None, 1, 5, True), ("below", "/b", 2, 0, False)])
    assert drawn is not None
    top, here, below = drawn.branches
    assert top.x < here.x < below.x
    assert top.y < here.y < below.y
    assert (top.bar, here.bar, below.bar) == (160, 80, 0)
    assert len(drawn.lines) == 2
    assert tree([("alone", None, 0, 1, True)]) is None


def test_an_event_shows_what_changed_and_who_dates_it(server: Server) -> None:
    page = shown(server, "/page/event/h1")
    for title in ("Given by", "Given to", "What changed"):
        assert title in page.text
    assert "Stage before" not in page.text, "what is not known has no row"


def test_a_document_shows_the_words_of_each_finding_marked(server: Server) -> None:
    reply = browse(server, "/page/doc/h0")
    assert "<mark>&lt;script&gt;" in reply.text
    assert "/page/finding/h0" in read_page(reply).links


def test_what_is_possible_and_what_is_certain_are_drawn_apart() -> None:
    stretch = Stretch("legal host", "Meta", None, (2020.0, 2021.0), (None, None), open=True)
    line = time_line([stretch], [Moment("moved", None, 2022.0)], today=2024.0)
    assert line is not None
    (bar,) = line.bars
    assert bar.from_x < bar.x < bar.right == bar.to_x
    assert bar.x < line.marks[0].at < bar.right
    assert time_line([], [], today=2024.0) is None


def test_bars_are_stacked_without_gaps_and_as_high_as_their_counts() -> None:
    drawn = stack({"2021-Q1": {"a": 30, "b": 10}, "2021-Q3": {"a": 20}}, [("a", 0), ("b", 5)], [])
    assert drawn is not None
    low, high, later = drawn.blocks
    assert low.y + low.height == pytest.approx(drawn.floor, abs=0.11)
    assert high.y + high.height == pytest.approx(low.y, abs=0.11)
    assert low.height == pytest.approx(3 * high.height, rel=0.01)
    assert later.x - low.x == 2 * (low.width + 1), "the quarter without data keeps its place"
    assert quarter_years("2021-Q3") == 2021.5


# --- lists ------------------------------------------------------------------------------------------------------------


def test_a_long_list_has_pages_that_name_their_neighbours(server: Server) -> None:
    seen: list[str] = []
    path, pages = "/browse/projects?host=id/org/many", 0
    while path:
        page = shown(server, path)
        pages += 1
        seen += [link for link in page.links if link.startswith("/page/project/many-")]
        following = [link["href"] for link in page.all("link") if link.get("rel") == "next"]
        path = str(following[0]) if following else ""
    assert pages == 3
    assert len(seen) == len(set(seen)) == 230
    assert browse(server, "/browse/projects?page=99").status == 404
    assert browse(server, "/browse/projects?page=x").status == 404


def test_facets_narrow_and_count_what_would_be_left(server: Server) -> None:
    page = shown(server, "/browse/projects?host=id/org/many&q=Many+01")
    fitting = sum("01" in f"{number:03}" for number in range(230))
    assert f"{fitting} projects" in page.text
    assert browse(server, "/browse/projects?hots=x").status == 400
    assert "did you mean host?" in browse(server, "/browse/projects?hots=x").text
    assert "did you mean projects?" in browse(server, "/browse/project").text


def test_what_a_page_does_not_list_is_one_link_away(server: Server) -> None:
    page = shown(server, "/page/org/many")
    assert "230" in page.text
    (path,) = [link for link in page.links if link.startswith("/links?to=id/org/many&by=")]
    first = shown(server, path)
    assert len([link for link in first.links if "/page/project/many-" in link]) == 100
    assert "OFFSET 200" not in first.text
    assert len([link for link in shown(server, f"{path}&page=3").links if "/page/project/many-" in link]) == 30


def test_sectors_are_a_tree_with_counts_of_what_is_below(server: Server) -> None:
    page = shown(server, "/browse/sectors")
    assert page.text.index("Farming") < page.text.index("Crops")
    assert f"{len(HOSTILE) + 1} with what is below" in page.text


# --- search and compare -----------------------------------------------------------------------------------------------


def test_search_finds_by_name_and_narrows_by_kind(server: Server) -> None:
    page = shown(server, "/search?q=pytorch")
    assert "/page/project/pytorch" in page.links
    only = shown(server, "/search?q=pytorch&kind=Organization")
    assert "/page/project/pytorch" not in only.links
    assert "/page/org/pytorch-foundation" in only.links
    assert "Nothing is called" in shown(server, "/search?q=qqqqqqqqqq").text
    assert browse(server, "/search?q=x&kind=Nonsense").status == 400


def test_two_things_stand_side_by_side(server: Server) -> None:
    page = shown(server, "/compare?one=PyTorch&other=id/project/many-001")
    assert {"/page/org/pytorch-foundation", "/page/org/many"} <= set(page.links)
    assert "both" in page.text
    wrong = shown(server, "/compare?one=id/project/nothing&other=id/project/pytorch")
    assert "is not in the graph" in wrong.text


# --- forms ----------------------------------------------------------------------------------------------------------


def test_a_wrong_value_is_told_beside_its_field_and_kept(server: Server) -> None:
    reply = browse(server, "/queries/who-gives-to-a-project?project=nonsense")
    assert reply.status == 400
    page = read_page(reply)
    field = next(field for field in page.all("input") if field["name"] == "project")
    assert (field["value"], field["aria-invalid"]) == ("nonsense", "true")
    assert "wrong-project" in str(field["aria-describedby"])
    assert "'nonsense' is none of these" in page.text
    assert server.ask("/queries/who-gives-to-a-project.csv?project=nonsense").status == 400


def test_a_field_proposes_what_there_is_and_numbers_are_typed(server: Server) -> None:
    page = shown(server, "/queries/who-gives-to-a-project")
    field = next(field for field in page.all("input") if field["name"] == "project")
    assert field["list"] == "choices-project"
    assert "id/project/h1" in [option.get("value") for option in page.all("option")]
    number = shown(server, "/queries/organizations-that-bridge-foundations")
    assert [field["type"] for field in number.all("input") if field["name"] == "least"] == ["number"]


def test_each_page_leads_to_the_queries_behind_it(server: Server) -> None:
    for path in (
        "/browse/projects",
        "/browse/sectors",
        "/links?to=id/org/many&by=osai:currentHost",
        "/page/event/h1",
        "/",
    ):
        links = [link for link in shown(server, path).links if re.match(r"/sparql\?query=", link)]
        assert links, path
        assert browse(server, links[-1]).status == 200

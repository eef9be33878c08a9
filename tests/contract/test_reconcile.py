"""The Reconciliation Service API 0.2 over real HTTP: every answer has the shape that the specification gives it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import pytest
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter

from kg import search
from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, Server, live, make_release

# Invented organizations and projects: a pair of namesakes in two countries, an alias, a repository, markup in a name.
DATA = """
<ontology#Company> <http://www.w3.org/2000/01/rdf-schema#subClassOf> <ontology#Organization> .
<id/economy/no> a osai:Economy ; osai:name "Norway" .
<id/economy/pt> a osai:Economy ; osai:name "Portugal" .
<id/org/halvor> a osai:Organization, osai:Company ; osai:name "Halvor Tidal Compute AS" ;
    skos:altLabel "HTC Compute" ; osai:inCountry <id/economy/no> ;
    osai:homepage "https://www.halvor.example.org/"^^xsd:anyURI ;
    osai:wikidataId "Q99887766" ; osai:emailDomain "halvor.example.org" ; osai:foundedYear 2011 .
<id/org/quill-no> a osai:Organization ; osai:name "Quill Institute" ; osai:inCountry <id/economy/no> .
<id/org/quill-pt> a osai:Organization ; osai:name "Quill Institute" ; osai:inCountry <id/economy/pt> .
<id/org/hostile> a osai:Organization ; osai:name "<img src=x onerror=alert(1)> {{7*7}} Ltd" .
<id/project/owlnet> a osai:Project ; osai:name "OwlNet" ; osai:currentHost <id/org/halvor> ;
    osai:hasRepository <id/repository/github.com/halvor/owl-net> ;
    osai:earliestStart "2020-02-03T00:00:00Z"^^xsd:dateTime .
<id/repository/github.com/halvor/owl-net> a osai:Repository .
GRAPH <graph/ontology> { osai:Organization rdfs:label "organization"@en . osai:Company rdfs:label "company"@en .
  osai:inCountry rdfs:label "in country"@en . osai:currentHost rdfs:label "current host"@en . }
GRAPH <graph/links/replaced> { <id/org/halvor-old> dcterms:isReplacedBy <id/org/halvor> . }
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("reconcile")
    release = make_release(folder, extra=DATA)
    store = OxigraphStore.load([(release.quads, None, None)])
    search.make(release.path, store, base=BASE)
    app = create_app(Config(home=folder), store=store, release=release)
    with live(app) as running:
        yield running
    store.close()


# --- shapes, written from the text of the specification ---------------------------------------------------------------


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


Text = Annotated[str, StringConstraints(min_length=1)]
Address = Annotated[str, StringConstraints(pattern=r"^https?://")]
Template = Annotated[str, StringConstraints(pattern=r"^https?://.*\{\{id\}\}")]


class Named(Strict):  # section 2.2 and 2.3
    id: Text
    name: Text


class Type(Named):
    broader: list[Named] = []


class View(Strict):
    url: Template


class Preview(View):
    width: int
    height: int


class Suggest(Strict):
    service_url: Address
    service_path: Text
    flyout_service_url: Address
    flyout_service_path: Annotated[str, StringConstraints(pattern=r"\$\{id\}")]


class Suggests(Strict):
    entity: Suggest
    property: Suggest
    type: Suggest


class Place(Strict):
    service_url: Address
    service_path: Text


class Choice(Strict):
    value: str
    name: str


class Setting(Strict):
    name: Text
    label: Text
    type: Annotated[str, StringConstraints(pattern="^(number|text|checkbox|select)$")]
    default: int | float | str | bool
    help_text: str = ""
    choices: list[Choice] = []


class Extend(Strict):
    propose_properties: Place
    property_settings: list[Setting]


class Manifest(Strict):  # section 3.1
    versions: list[str]
    name: Text
    identifierSpace: Address  # noqa: N815
    schemaSpace: Address  # noqa: N815
    defaultTypes: list[Type]  # noqa: N815
    documentation: Address
    logo: Address
    serviceVersion: Text  # noqa: N815
    view: View
    preview: Preview
    suggest: Suggests
    extend: Extend
    batchSize: int  # noqa: N815


class Feature(Strict):
    id: Text
    value: bool | float | int


class Candidate(Strict):  # section 4.2
    id: Text
    name: Text
    description: str
    type: list[Type]
    score: float
    features: list[Feature]
    match: bool


class Result(Strict):
    result: list[Candidate]


Results = TypeAdapter(dict[str, Result])


class Suggested(Strict):  # section 6.3
    id: Text
    name: Text
    description: str
    notable: list[Type] = []


class Suggestions(Strict):
    result: list[Suggested]


class Proposals(Strict):  # section 7.2
    type: str
    limit: int
    properties: list[Named]


class TextCell(Strict):  # section 7.4: a cell has exactly one of these
    str: str


class IntCell(Strict):
    int: int


class FloatCell(Strict):
    float: float


class DateCell(Strict):
    date: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(Z|[+-]\d\d:\d\d)?$")]


class Extension(Strict):
    meta: list[Named]
    rows: dict[str, dict[str, list[Named | TextCell | IntCell | FloatCell | DateCell]]]


# --- asking -----------------------------------------------------------------------------------------------------------


def form(**fields: object) -> bytes:
    return urlencode(
        {name: value if isinstance(value, str) else json.dumps(value) for name, value in fields.items()}
    ).encode()


def post(server: Server, **fields: object) -> Any:
    return server.ask(
        "/reconcile", method="POST", body=form(**fields), Content_Type="application/x-www-form-urlencoded"
    )


def queries(server: Server, **asked: dict[str, object]) -> dict[str, Result]:
    reply = post(server, queries=asked)
    assert reply.status == 200, reply.text
    return Results.validate_json(reply.body)


def one(server: Server, text: str, **more: object) -> list[Candidate]:
    return queries(server, q={"query": text, **more})["q"].result


# --- section 3: the service -------------------------------------------------------------------------------------------


def test_the_manifest_is_whole_and_its_addresses_answer(server: Server) -> None:
    reply = server.ask("/reconcile")
    assert (reply.status, reply.type) == (200, "application/json")
    manifest = Manifest.model_validate_json(reply.body)
    assert "0.2" in manifest.versions
    assert manifest.identifierSpace == BASE
    here = f"http://{server.host}:{server.port}"
    assert manifest.suggest.entity.service_url.startswith(here)
    for address in (
        manifest.view.url.replace("{{id}}", quote("id/org/halvor", safe="")),
        manifest.preview.url.replace("{{id}}", quote("id/org/halvor", safe="")),
        f"{manifest.suggest.entity.service_url}{manifest.suggest.entity.service_path}?prefix=ha",
        f"{manifest.suggest.type.service_url}{manifest.suggest.type.service_path}?prefix=org",
        f"{manifest.extend.propose_properties.service_url}{manifest.extend.propose_properties.service_path}?type=Organization",
        manifest.logo,
    ):
        assert server.ask(address.removeprefix(here)).status in (200, 303), address


def test_every_address_lets_other_origins_in(server: Server) -> None:
    for path in (
        "/reconcile",
        "/reconcile/suggest/entity?prefix=q",
        "/reconcile/preview?id=id%2Forg%2Fhalvor",
        "/reconcile?queries=%7B%7D",
    ):
        assert server.ask(path, Origin="https://elsewhere.example").headers["access-control-allow-origin"] == "*"


def test_jsonp_calls_the_named_function_and_no_other_text(server: Server) -> None:
    reply = server.ask("/reconcile?callback=jQuery_1.done")
    assert reply.type == "text/javascript"
    assert reply.text.startswith("/**/jQuery_1.done({")
    assert reply.text.endswith("});")
    for wrong in ("alert(1)//", "a;b", "a b", "", "é", "a" * 200, "<script>"):
        assert server.ask(f"/reconcile?{urlencode({'callback': wrong})}").status == 400, wrong


# --- section 4: queries -----------------------------------------------------------------------------------------------


def test_a_batch_is_answered_by_post_and_by_get_alike(server: Server) -> None:
    batch = {"a": {"query": "Halvor Tidal Compute"}, "b": {"query": "OwlNet", "type": "Project", "limit": 1}}
    posted = post(server, queries=batch)
    got = server.ask(f"/reconcile?{urlencode({'queries': json.dumps(batch)})}")
    assert posted.json == got.json
    found = Results.validate_json(posted.body)
    assert {name: answer.result[0].id for name, answer in found.items()} == {
        "a": "id/org/halvor",
        "b": "id/project/owlnet",
    }
    assert all(answer.result[0].match for answer in found.values())


@pytest.mark.parametrize(
    "text",
    [
        "Halvor Tidal Compute",
        "HALVOR TIDAL COMPUTE A.S.",
        "Halvor Tidal Compute (member)",
        "Compute, Halvor Tidal",
        "HalvorTidal Compute",
        "Halvor Tidla Compute",
        "HTC Compute",
        "https://halvor.example.org",
        "Q99887766",
        "id/org/halvor",
        f"{BASE}id/org/halvor",
        f"{BASE}id/org/halvor-old",
    ],
)
def test_one_thing_is_a_match_by_name_alias_slip_key_and_iri(server: Server, text: str) -> None:
    best = one(server, text)[0]
    assert (best.id, best.match) == ("id/org/halvor", True)


@pytest.mark.parametrize("text", ["Halvor Tidal Bakery", "Halvor", "Salvor Tidal Compute", "Zzyx", "Owl"])
def test_what_is_not_sure_is_no_match(server: Server, text: str) -> None:
    assert not any(found.match for found in one(server, text))


def test_namesakes_are_no_match_until_a_property_tells_them_apart(server: Server) -> None:
    both = one(server, "Quill Institute")
    assert {found.id for found in both[:2]} == {"id/org/quill-no", "id/org/quill-pt"}
    assert not any(found.match for found in both)
    for value in ("Portugal", "PT", {"id": "id/economy/pt", "name": "Portugal"}, ["Portugal", "x"]):
        found = one(server, "Quill Institute", properties=[{"pid": "inCountry", "v": value}])
        assert (found[0].id, found[0].match) == ("id/org/quill-pt", True), value
        assert Feature(id="inCountry", value=True) in found[0].features


def test_properties_alone_are_a_query(server: Server) -> None:
    found = queries(server, q={"properties": [{"pid": "osai:currentHost", "v": {"id": "id/org/halvor"}}]})["q"].result
    assert [(candidate.id, candidate.match) for candidate in found] == [("id/project/owlnet", True)]


def test_types_narrow_and_their_subclasses_count(server: Server) -> None:
    assert one(server, "Halvor Tidal Compute", type="Organization")[0].match
    projects = one(server, "Halvor Tidal Compute", type=["Project"])
    assert all(kind.id == "Project" for found in projects for kind in found.type)
    assert not any(found.match for found in projects)
    others = one(server, "Halvor Tidal Compute", type="Project", type_strict="should")
    assert ("id/org/halvor", False) in {(found.id, found.match) for found in others}


def test_candidates_come_best_first_and_no_more_than_asked(server: Server) -> None:
    found = one(server, "Institute Quill", limit=1)
    assert len(found) == 1
    scores = [candidate.score for candidate in one(server, "Quill Institute")]
    assert scores == sorted(scores, reverse=True)
    assert not found[0].match, "a limit must not hide the namesake that makes it unsure"


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"q": {}}, "query"),
        ({"q": {"query": "x", "limit": 0}}, "limit"),
        ({"q": {"query": "x", "type": "Projekt"}}, "did you mean Project"),
        ({"q": {"query": "x", "types": "Project"}}, "did you mean type"),
        ({"q": {"query": "x", "properties": [{"pid": "inContry", "v": 1}]}}, "did you mean inCountry"),
        ({"q": {"query": "x", "type_strict": "maybe"}}, "any, all, should"),
        ([], "object"),
    ],
)
def test_what_cannot_be_read_is_a_problem_that_says_how_to_mend_it(server: Server, asked: object, names: str) -> None:
    reply = post(server, queries=asked)
    assert (reply.status, reply.type) == (400, "application/problem+json")
    assert names in reply.json["detail"]


def test_a_batch_over_the_cap_is_refused_with_413(server: Server) -> None:
    reply = post(server, queries={str(n): {"query": "x"} for n in range(1001)})
    assert reply.status == 413
    assert "1,000" in reply.json["detail"]


def test_text_that_is_no_json_is_a_problem(server: Server) -> None:
    assert post(server, queries="{").status == 400
    assert post(server, nothing="x").status == 400
    assert post(server, queries="[" * 100_000).status == 400


# --- sections 5 and 6: previews and suggestions -----------------------------------------------------------------------


def test_a_preview_is_a_page_that_may_stand_in_a_frame_and_shows_names_as_text(server: Server) -> None:
    reply = server.ask("/reconcile/preview?id=id%2Forg%2Fhostile")
    assert (reply.status, reply.type) == (200, "text/html")
    assert "frame-ancestors *" in reply.headers["content-security-policy"]
    assert "<img" not in reply.text
    assert "&lt;img src=x onerror=alert(1)&gt; {{7*7}}" in reply.text
    assert server.ask("/reconcile/preview?id=id%2Forg%2Fnobody").status == 404


def test_a_view_leads_to_the_page_of_the_thing(server: Server) -> None:
    reply = server.ask("/reconcile/view?id=id%2Forg%2Fhalvor")
    assert (reply.status, reply.headers["location"]) == (303, "/page/org/halvor")


@pytest.mark.parametrize("prefix", ["Hal", "halvor ti", "Tidal", "HTC", "id/org/halvor"])
def test_entities_are_suggested_by_beginnings_aliases_and_identifier(server: Server, prefix: str) -> None:
    found = Suggestions.model_validate_json(server.ask(f"/reconcile/suggest/entity?prefix={quote(prefix)}").body)
    assert found.result[0].id == "id/org/halvor"


def test_suggestions_go_on_from_a_cursor(server: Server) -> None:
    whole = server.ask("/reconcile/suggest/property?prefix=").json["result"]
    rest = server.ask("/reconcile/suggest/property?prefix=&cursor=2").json["result"]
    assert rest[: len(whole) - 2] == whole[2:]
    assert server.ask("/reconcile/suggest/property?prefix=&cursor=x").status == 400


def test_types_and_properties_are_suggested(server: Server) -> None:
    kinds = Suggestions.model_validate_json(server.ask("/reconcile/suggest/type?prefix=org").body)
    assert "Organization" in {found.id for found in kinds.result}
    properties = Suggestions.model_validate_json(server.ask("/reconcile/suggest/property?prefix=country").body)
    assert [found.id for found in properties.result] == ["inCountry"]
    assert server.ask("/reconcile/suggest/nonsense?prefix=a").status == 404


@pytest.mark.parametrize(
    "kind_and_id", ["entity?id=id%2Forg%2Fhostile", "type?id=Organization", "property?id=inCountry"]
)
def test_a_flyout_gives_html_in_which_names_are_text(server: Server, kind_and_id: str) -> None:
    told = server.ask(f"/reconcile/flyout/{kind_and_id}").json
    assert set(told) == {"id", "html"}
    assert "<img" not in told["html"]


# --- section 7: data extension ----------------------------------------------------------------------------------------


def test_properties_of_a_type_are_proposed(server: Server) -> None:
    found = Proposals.model_validate_json(server.ask("/reconcile/properties?type=Organization&limit=20").body)
    assert {"inCountry", "homepage"} <= {one.id for one in found.properties}
    assert server.ask("/reconcile/properties?type=Nonsense").json["properties"] == []


def test_values_are_given_in_the_type_they_have(server: Server) -> None:
    reply = post(
        server,
        extend={
            "ids": ["id/org/halvor", "id/project/owlnet", "id/org/nobody"],
            "properties": [
                {"id": name} for name in ("inCountry", "foundedYear", "homepage", "earliestStart", "currentHost")
            ],
        },
    )
    assert reply.status == 200, reply.text
    Extension.model_validate_json(reply.body)
    rows = reply.json["rows"]
    assert rows["id/org/halvor"] == {
        "inCountry": [{"id": "id/economy/no", "name": "Norway"}],
        "foundedYear": [{"int": 2011}],
        "homepage": [{"str": "https://www.halvor.example.org/"}],
        "earliestStart": [],
        "currentHost": [],
    }
    assert rows["id/project/owlnet"]["earliestStart"] == [{"date": "2020-02-03T00:00:00Z"}]
    assert rows["id/project/owlnet"]["currentHost"] == [{"id": "id/org/halvor", "name": "Halvor Tidal Compute AS"}]
    assert not any(rows["id/org/nobody"].values())


def test_settings_limit_values_and_give_iris(server: Server) -> None:
    asked = {
        "ids": ["id/org/halvor"],
        "properties": [{"id": "inCountry", "settings": {"limit": "1", "content": "iri"}}],
    }
    assert post(server, extend=asked).json["rows"]["id/org/halvor"]["inCountry"] == [{"str": f"{BASE}id/economy/no"}]
    asked["properties"] = [{"id": "inCountry", "settings": {"limit": "many"}}]
    assert post(server, extend=asked).status == 400


def test_too_many_things_or_unknown_properties_are_problems(server: Server) -> None:
    assert post(server, extend={"ids": ["x"] * 1001, "properties": [{"id": "name"}]}).status == 413
    reply = post(server, extend={"ids": ["x"], "properties": [{"id": "homepag"}]})
    assert (reply.status, "did you mean homepage" in reply.json["detail"]) == (400, True)


# --- a release without an index ---------------------------------------------------------------------------------------


def test_a_release_of_an_older_make_serves_the_rest(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    with live(create_app(Config(home=tmp_path), release=release)) as running:
        assert running.ask("/reconcile").status == 404
        assert running.ask("/-/health").status == 200

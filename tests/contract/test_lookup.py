"""Look-up by any key, over real HTTP and from the command line."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest
from click.testing import CliRunner

from kg import search
from kg.cli import main
from kg.config import Config
from kg.release import Release, Releases
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from tests.contract.served import BASE, Reply, Server, live, make_release, read_page

DATA = """
<id/org/halvor> a osai:Organization ; osai:name "Halvor Tidal Compute AS" ; osai:rorId "0abc12345" ;
    osai:wikidataId "Q99887766" ; osai:gridId "grid.99887.7" ; osai:isni "0000000123456789" ;
    osai:emailDomain "halvor.example.org" ; osai:homepage "https://www.halvor.example.org/en/"^^xsd:anyURI .
<id/org/quill> a osai:Organization ; osai:name "Quill Works" ; osai:homepage "https://quill.example.org"^^xsd:anyURI .
<id/project/owlnet> a osai:Project ; osai:name "OwlNet" ;
    osai:homepage "https://owlnet.example.org/"^^xsd:anyURI ;
    osai:hasRepository <id/repository/github.com/halvor/owl-net> .
<id/repository/github.com/halvor/owl-net> a osai:Repository .
<id/licence/owl-1.0> a osai:Licence ; osai:name "Owl License 1.0" ; osai:spdxId "OWL-1.0" .
<id/doc/owls> a osai:Document ; osai:name "On owls" ; osai:homepage "https://doi.org/10.12345/Owls.7"^^xsd:anyURI .
<concept/sector/Z99> a skos:Concept ; skos:prefLabel "Owl keeping"@en ; skos:notation "Z99" .
<id/org/marked> a osai:Organization ; osai:name "<script>alert(1)</script> {{7*7}}" .
GRAPH <graph/links/replaced> { <id/org/halvor-old> dcterms:isReplacedBy <id/org/halvor> . }
"""
EXACT = {
    "https://github.com/Halvor/Owl-Net": "id/project/owlnet",
    "@".join(["git", "github.com:halvor/owl-net.git"]): "id/project/owlnet",
    "https://github.com/halvor/owl-net/tree/main/docs": "id/project/owlnet",
    "halvor/owl-net": "id/project/owlnet",
    "https://owlnet.example.org": "id/project/owlnet",
    "https://www.halvor.example.org/en": "id/org/halvor",
    "https://ror.org/0abc12345": "id/org/halvor",
    "0abc12345": "id/org/halvor",
    "ror:0abc12345": "id/org/halvor",
    "https://www.wikidata.org/wiki/Q99887766": "id/org/halvor",
    "http://www.wikidata.org/entity/Q99887766": "id/org/halvor",
    "wd:Q99887766": "id/org/halvor",
    "Q99887766": "id/org/halvor",
    "grid.99887.7": "id/org/halvor",
    "0000 0001 2345 6789": "id/org/halvor",
    "https://isni.org/isni/0000000123456789": "id/org/halvor",
    "halvor.example.org": "id/org/halvor",
    "somebody@halvor.example.org": "id/org/halvor",
    "mailto:somebody@Mail.Halvor.example.org": "id/org/halvor",
    "OWL-1.0": "id/licence/owl-1.0",
    "spdx:owl-1.0": "id/licence/owl-1.0",
    "https://spdx.org/licenses/OWL-1.0.html": "id/licence/owl-1.0",
    "https://doi.org/10.12345/owls.7": "id/doc/owls",
    "doi:10.12345/OWLS.7": "id/doc/owls",
    "10.12345/owls.7": "id/doc/owls",
    "isic:Z99": "concept/sector/Z99",
    "Z99": "concept/sector/Z99",
    f"{BASE}id/org/halvor": "id/org/halvor",
    "id/org/halvor": "id/org/halvor",
    "/page/org/halvor": "id/org/halvor",
    f"{BASE}id/org/halvor-old": "id/org/halvor",
    "osai:Organization": "ontology#Organization",
    "Halvor Tidal Compute": "id/org/halvor",
    "owl net": "id/project/owlnet",
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    home = tmp_path_factory.mktemp("lookup")
    made = make_release(home / "releases", extra=DATA)
    store = OxigraphStore.load([(made.quads, None, None)])
    search.make(made.path, store, base=BASE)
    store.close()
    Releases(home).promote(made.version)
    return made


@pytest.fixture(scope="module")
def server(release: Release) -> Iterator[Server]:
    with live(create_app(Config(home=release.path.parents[1]), release=release)) as running:
        yield running


def get(server: Server, key: str, **headers: str) -> Reply:
    headers.setdefault("Accept", "application/json")
    return server.ask(f"/lookup?{urlencode({'key': key})}", method="GET", body=None, **headers)


@pytest.mark.parametrize(("key", "thing"), EXACT.items())
def test_every_kind_of_key_leads_to_its_thing(server: Server, key: str, thing: str) -> None:
    (result,) = get(server, key).json["results"]
    assert result["key"] == key
    (found,) = result["found"]
    assert found["iri"] == BASE + thing
    assert found["sure"] is True
    assert found["why"]
    assert 0 < found["strength"] <= 100


def test_a_stronger_key_has_more_strength(server: Server) -> None:
    strength = [get(server, key).json["results"][0]["found"][0]["strength"] for key in (
        "https://ror.org/0abc12345", "somebody@halvor.example.org", "somebody@mail.halvor.example.org")]  # fmt: skip
    assert strength == sorted(strength, reverse=True)
    assert len(set(strength)) == 3


@pytest.mark.parametrize("key", ["Quill Wonders", "owls", "Halvor Bakery", "https://github.com/halvor/other-net"])
def test_what_finds_nothing_surely_gives_near_misses_or_nothing(server: Server, key: str) -> None:
    (result,) = get(server, key).json["results"]
    assert result["found"] == []
    assert all(not near["sure"] for near in result["near"])


def test_near_misses_share_words(server: Server) -> None:
    (result,) = get(server, "Quill Wonders").json["results"]
    assert result["near"][0]["iri"] == f"{BASE}id/org/quill"


def bulk(server: Server, body: bytes, kind: str, accept: str = "application/json") -> Reply:
    return server.ask("/lookup", method="POST", body=body, Content_Type=kind, Accept=accept)


def test_many_keys_are_looked_up_in_order_from_every_kind_of_body(server: Server) -> None:
    keys = ["Q99887766", "nobody at all", "OwlNet"]
    text = "\n".join(keys).encode()
    table = io.StringIO()
    csv.writer(table).writerows([("name", "key"), *(("x", key) for key in keys)])
    replies = [
        bulk(server, json.dumps(keys).encode(), "application/json"),
        bulk(server, json.dumps({"keys": keys}).encode(), "application/json"),
        bulk(server, text, "text/plain; charset=utf-8"),
        bulk(server, table.getvalue().encode(), "text/csv"),
        bulk(server, urlencode({"key": "\n".join(keys)}).encode(), "application/x-www-form-urlencoded"),
    ]
    for reply in replies:
        assert reply.status == 200, reply.text
        assert [result["key"] for result in reply.json["results"]] == keys
        assert [bool(result["found"]) for result in reply.json["results"]] == [True, False, True]
    assert len({reply.body for reply in replies}) == 1


def test_the_answer_comes_as_csv_too(server: Server) -> None:
    reply = bulk(server, b"Q99887766\nnobody at all", "text/plain", "text/csv")
    assert reply.type == "text/csv"
    rows = list(csv.DictReader(io.StringIO(reply.text)))
    assert [(row["key"], row["iri"], row["found"]) for row in rows] == [
        ("Q99887766", f"{BASE}id/org/halvor", "1"),
        ("nobody at all", "", "0"),
    ]


def test_a_thousand_keys_are_the_most(server: Server) -> None:
    assert bulk(server, json.dumps(["x"] * 1000).encode(), "application/json").status == 200
    reply = bulk(server, json.dumps(["x"] * 1001).encode(), "application/json")
    assert (reply.status, "1,000" in reply.json["detail"]) == (413, True)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"keys": [1]}', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b"\xff", "text/plain", 400),
        (b"x", "application/pdf", 415),
        (json.dumps(["x" * 3000]).encode(), "application/json", 400),
    ],
)
def test_what_cannot_be_read_is_a_problem(server: Server, body: bytes, kind: str, status: int) -> None:
    reply = bulk(server, body, kind)
    assert (reply.status, reply.type) == (status, "application/problem+json")


def test_without_a_key_programs_get_a_problem_and_people_a_form(server: Server) -> None:
    assert server.ask("/lookup", Accept="application/json").status == 400
    page = read_page(server.ask("/lookup", Accept="text/html"))
    assert "key" in [field["name"] for field in page.all("input")]


@pytest.mark.parametrize(
    "key", ['"><script>alert(1)</script>', "<script>alert(1)</script> {{7*7}}", "a\r\nSet-Cookie: b"]
)
def test_the_page_shows_keys_and_names_as_text(server: Server, key: str) -> None:
    reply = get(server, key, Accept="text/html")
    page = read_page(reply)
    assert "script" not in {name for name, _ in page.tags}
    assert "set-cookie" not in reply.headers
    assert " ".join(key.split()) in " ".join(page.text.split())


def test_the_address_of_a_person_is_not_kept(server: Server) -> None:
    assert get(server, "somebody@halvor.example.org").headers["cache-control"] == "no-store"
    assert get(server, "halvor.example.org").headers["cache-control"] == "no-cache"


def test_the_format_may_stand_in_the_address(server: Server) -> None:
    assert server.ask(f"/lookup?format=csv&key={quote('OwlNet')}").type == "text/csv"
    assert server.ask("/lookup?format=xml&key=a").status == 400


# --- from the command line --------------------------------------------------------------------------------------------


def run(release: Release, *arguments: str, stdin: str = "") -> tuple[int, str]:
    result = CliRunner().invoke(main, ["--home", str(release.path.parents[1]), "lookup", *arguments], input=stdin)
    return result.exit_code, result.output


def test_the_command_finds_what_the_service_finds(release: Release, server: Server) -> None:
    code, out = run(release, "--json", "Q99887766", "owl net")
    told = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert told == [get(server, key).json["results"][0] for key in ("Q99887766", "owl net")]


def test_the_command_reads_keys_from_stdin_and_says_when_one_finds_nothing(release: Release) -> None:
    code, out = run(release, "-", stdin="OwlNet\n\nnobody at all\n")
    assert code == 1
    assert "id/project/owlnet" in out
    assert "nothing" in out


def test_a_release_without_an_index_says_what_to_do(tmp_path: Path) -> None:
    made = make_release(tmp_path / "releases")
    Releases(tmp_path).promote(made.version)
    code, out = run(made, "x")
    assert code == 1
    assert "kg build" in out

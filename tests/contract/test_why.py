"""Why is this here? Every inferred triple of the seed release, from the command line, over HTTP and on pages."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from click.testing import CliRunner, Result
from rdflib import RDF
from rdflib.term import Literal, Node, URIRef

from kg import resources
from kg.build import Built, build
from kg.cli import main
from kg.config import Config
from kg.errors import InconsistencyError, ReleaseError
from kg.model import DEFAULT_BASE, Snapshot
from kg.release import RULES, Release, Releases, read_release
from kg.rule import Rule, Triple, fill, match
from kg.sources import Source, read_source
from kg.store.oxigraph import OxigraphStore
from kg.vocab import OSAI
from kg.web import create_app
from kg.why import Explainer, Proof
from kg.why.words import in_n_triples
from tests.conftest import CREATED
from tests.contract.served import Reply, Server, live, make_release, read_page

BROWSER = "text/html,application/xhtml+xml,*/*;q=0.8"
INFERRED = f"{DEFAULT_BASE}graph/inferred/"
HOST = ("id/project/pytorch", "osai:currentHost", "id/org/pytorch-foundation")
SAMPLE = 50


def thing(path: str) -> URIRef:
    return URIRef(f"{DEFAULT_BASE}id/{path}")


@pytest.fixture(scope="module")
def lines(seed_release: Release) -> frozenset[str]:
    """The release as text: what stands in a graph is looked up by spelling its line."""
    return frozenset(gzip.decompress(seed_release.quads.read_bytes()).decode().splitlines())


@pytest.fixture(scope="module")
def inferred(lines: frozenset[str]) -> list[str]:
    """The lines of inferred triples: three terms in N-Triples, and the graph of their rule."""
    return sorted(line for line in lines if re.search(f" <{re.escape(INFERRED)}[^<>]*> \\.$", line))


@pytest.fixture(scope="module")
def explainer(seed_release: Release, seed_store: OxigraphStore) -> Explainer:
    return Explainer(
        lambda query: seed_store.rows(query, trusted=True), seed_release.rules(), seed_release.manifest.base
    )


@pytest.fixture(scope="module")
def server(seed_home: Path, seed_store: OxigraphStore, seed_release: Release) -> Iterator[Server]:
    with live(create_app(Config(home=seed_home), store=seed_store, release=seed_release)) as server:
        yield server


def terms(line: str) -> tuple[str, str, str, str]:
    """Split a line of N-Quads that names a graph. Only the object may hold a space."""
    subject, predicate, rest = line.removesuffix(" .").split(" ", 2)
    object_, graph = rest.rsplit(" ", 1)
    return subject, predicate, object_, graph


def asked(explainer: Explainer, line: str) -> Triple:
    subject, predicate, object_, _ = terms(line)
    return (explainer.subject(subject), explainer.predicate(predicate), explainer.object(object_))


def stands(lines: frozenset[str], triple: Iterable[str], graph: str) -> bool:
    return f"{' '.join(triple)} <{graph}> ." in lines


def why(server: Server, *texts: str, accept: str = "application/json", **more: str) -> Reply:
    return server.ask(f"/why?{urlencode(dict(zip('spo', texts, strict=False)) | more)}", Accept=accept)


def is_well_founded(proof: Proof, above: tuple[Triple, ...] = ()) -> bool:
    return proof.triple not in above and all(is_well_founded(part, (*above, proof.triple)) for part in proof.premises)


def follows(rule: Rule, triple: Triple, premises: Iterable[Triple]) -> bool:
    """Tell whether a rule makes a triple of these premises: they match its body under one set of bindings."""
    found: list[Mapping[Any, Node]] = [bound] if (bound := match(rule.head, triple)) is not None else []
    for pattern in rule.body:
        found = [
            {**bindings, **more}
            for bindings in found
            for premise in premises
            if (more := match(fill(pattern, bindings), premise)) is not None
        ]
    return bool(found)


def opens(locator: str) -> str:
    """Give the line of a curated file that a locator names."""
    name, _, number = locator.rpartition(":")
    return (resources.curated() / name).read_text(encoding="utf-8").splitlines()[int(number) - 1]


# --- every inferred triple of the gold data's release ---------------------------------------------------------------


def test_every_inferred_triple_is_proved_from_what_the_files_assert(
    explainer: Explainer, lines: frozenset[str], inferred: list[str], seed_release: Release
) -> None:
    assert len(inferred) == seed_release.manifest.counts["inferred"] > 1000
    records = set()
    for line in inferred:
        proof = explainer.proof(asked(explainer, line))
        made_by = terms(line)[3]
        assert proof.rule is not None, line
        assert f"<{proof.rule.graph}>" == made_by
        assert is_well_founded(proof), line
        for step in proof.steps():
            spelled = tuple(map(in_n_triples, step.triple))
            if step.rule is not None:
                assert follows(step.rule, step.triple, [premise.triple for premise in step.premises])
                assert stands(lines, spelled, step.rule.graph)
                continue
            assert step.places, f"nobody says {spelled}"
            for place in step.places:
                assert not place.graph.startswith(INFERRED)
                assert stands(lines, spelled, place.graph)
                assert place.records, f"{spelled} in {place.graph} leads to no record"
                for record in place.records:
                    records.add((place.graph, step.triple[0], record))
    for graph, subject, record in records:
        spelled = (f"<{subject}>", "<http://www.w3.org/ns/prov#wasDerivedFrom>", f"<{record.iri}>")
        assert stands(lines, spelled, graph)
        assert record.locator is not None
        assert re.fullmatch(r"\[\[?(document|entity|event|situation|finding|statement)\]?\]", opens(record.locator))
        loaded = next(one for one in seed_release.manifest.sources if str(graph) in one.graphs)
        assert (record.sha256, record.source) == (loaded.sha256, loaded.title)


def test_the_words_of_every_proof_name_its_rules_and_places(explainer: Explainer, inferred: list[str]) -> None:
    for line in random.Random(7).sample(inferred, SAMPLE):
        proof = explainer.proof(asked(explainer, line))
        said = "\n".join(explainer.words(proof).lines(proof))
        for step in proof.steps():
            if step.rule is not None:
                assert f"by rule {step.rule.name}: {step.rule.axiom}" in said
            for place in step.places:
                for record in place.records:
                    assert record.locator is not None
                    assert record.locator in said


# --- the command line -----------------------------------------------------------------------------------------------


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["--home", str(home), "why", *arguments], catch_exceptions=False)


def test_a_current_host_is_proved_on_the_command_line(seed_home: Path) -> None:
    result = run(seed_home, "id/project/pytorch", "currentHost", "org/pytorch-foundation")
    assert result.exit_code == 0
    said = result.stdout.splitlines()
    assert said[0] == "PyTorch has current host PyTorch Foundation"
    assert said[1].startswith("  by rule current-host: A project's current host is")
    situation = "‘PyTorch Foundation as legal host of PyTorch’"
    assert [line.strip() for line in said if line.lstrip().startswith(situation)] == [
        f"{situation} is a current situation",
        f"{situation} is a stewardship",
        f"{situation} has latest start 2022-09-12T23:59:59Z",
        f"{situation} is of project PyTorch",
        f"{situation} has steward PyTorch Foundation",
        f"{situation} has steward role legal host",
    ]
    read = place("pytorch-foundation-2022", "situation/pytorch-legal-host-pytorch-foundation-1")
    places = {one.strip() for one in said if "asserted in" in one}
    assert places == {f"asserted in graph/curated/pytorch-foundation-2022, {read}"}
    assert any(
        re.fullmatch(
            r"graph/curated/pytorch-foundation-2022  snapshot [0-9a-f]{12}  "
            r"Announcement of the PyTorch Foundation, 12 September 2022",
            one,
        )
        for one in said
    )


def test_an_asserted_triple_says_where(seed_home: Path) -> None:
    result = run(seed_home, "org/meta", "a", "Company")
    said = result.stdout.splitlines()
    assert said[0] == "Meta is a company"
    assert {line.split(",")[0].strip() for line in said if "asserted in" in line} == {
        "asserted in graph/curated/economic-impact-2025",
        "asserted in graph/curated/lf-report-2025",
        "asserted in graph/curated/meta-newsroom-2025-05-21",
        "asserted in graph/curated/pytorch-foundation-2022",
    }
    assert "by rule" not in result.stdout


def test_json_on_the_command_line_is_what_the_service_gives(seed_home: Path, server: Server) -> None:
    result = run(seed_home, "--json", *HOST)
    assert json.loads(result.stdout) == why(server, *HOST).json


def test_a_literal_is_asked_for_as_n_triples_spell_it(seed_home: Path) -> None:
    result = run(seed_home, "project/pytorch", "rdfs:label", '"PyTorch"')
    assert result.stdout.startswith("PyTorch has label “PyTorch”\n  by rule sub-property-name-label:")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("project/pytorch", "currentHost", "org/meta"),
            "kg: id/project/pytorch osai:currentHost id/org/meta is not in the release; "
            "osai:currentHost of id/project/pytorch is id/org/pytorch-foundation",
        ),
        (("org/meta", "currentHost", "org/meta"), "what is said of id/org/meta: "),
        (("org/mta", "a", "Company"), "nothing is said of id/org/mta; did you mean id/org/meta"),
        (("project/pytorch", "curentHost", "org/meta"), "did you mean currentHost?"),
        (("project/pytorch", "name", "PyTorch"), "'PyTorch' is no IRI"),
        (("http://[x", "a", "Company"), "cannot stand in a graph"),
        (("concept/mode/survey",), "nothing was inferred about concept/mode/survey; what is said of"),
    ],
)
def test_what_is_not_there_ends_with_1_and_what_is_near(seed_home: Path, arguments: tuple[str, ...], said: str) -> None:
    result = run(seed_home, *arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_what_was_inferred_about_a_subject_is_listed(seed_home: Path, inferred: list[str]) -> None:
    about = [line for line in inferred if line.startswith(f"<{thing('project/pytorch')}> ")]
    listed = json.loads(run(seed_home, "--json", "project/pytorch").stdout)["inferred"]
    assert len(listed) == len(about) > 20
    assert {one["rule"]["graph"] for one in listed} == {terms(line)[3][1:-1] for line in about}
    hosts = json.loads(run(seed_home, "--json", "project/pytorch", "currentHost").stdout)["inferred"]
    assert [one["sentence"] for one in hosts] == ["PyTorch has current host PyTorch Foundation"]
    table = run(seed_home, "project/pytorch", "currentHost").stdout
    assert re.search(
        r"PyTorch has current host PyTorch Foundation +current-host +osai:currentHost +id/org/pytorch-found", table
    )


def test_a_release_without_rules_says_so(seed_home: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    shutil.copytree(seed_home, home, symlinks=True)
    release = Releases(home).current()
    assert release is not None
    (release.path / RULES).unlink()
    result = run(home, *HOST)
    assert result.exit_code == 1
    assert "does not hold the rules it was built with" in result.stderr


# --- the service ----------------------------------------------------------------------------------------------------


def leaves(proof: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if proof["rule"] is None:
        yield proof
    for premise in proof["premises"]:
        yield from leaves(premise)


def n_triples(term: Mapping[str, str]) -> str:
    if term["type"] == "uri":
        return f"<{term['value']}>"
    datatype = URIRef(term["datatype"]) if "datatype" in term else None
    return in_n_triples(Literal(term["value"], lang=term.get("xml:lang"), datatype=datatype, normalize=False))


def test_the_service_proves_what_was_inferred(server: Server, lines: frozenset[str], inferred: list[str]) -> None:
    for line in random.Random(20).sample(inferred, SAMPLE):
        subject, predicate, object_, graph = terms(line)
        reply = why(server, subject, predicate, object_)
        assert (reply.status, reply.type, reply.headers["vary"]) == (200, "application/json", "Accept, Accept-Encoding")
        proof = reply.json["proof"]
        assert [n_triples(proof["triple"][part]) for part in ("subject", "predicate", "object")] == [
            subject,
            predicate,
            object_,
        ]
        assert f"<{proof['rule']['graph']}>" == graph
        for leaf in leaves(proof):
            spelled = [n_triples(leaf["triple"][part]) for part in ("subject", "predicate", "object")]
            assert leaf["places"]
            for place in leaf["places"]:
                assert stands(lines, spelled, place["graph"])
                assert all(record["locator"] and record["snapshot"] for record in place["records"])


def test_a_proof_is_a_page_whose_links_lead_somewhere(server: Server) -> None:
    page = read_page(why(server, "project/pytorch", "a", "VendorNeutralProject", accept=BROWSER))
    assert "PyTorch is a vendor-neutral project" in page.text
    assert "by rule definition-vendor-neutral-project: If X is a foundation-hosted project" in page.text
    assert "pytorch-foundation-2022.toml:" in page.text
    ids = {attributes["id"] for _, attributes in page.tags if "id" in attributes}
    inside = {href for href in page.links if href.startswith("#")}
    assert {href[1:] for href in inside} <= ids
    assert "#step-1.1.1.1" in inside  # the current host is proved once, and needed again for what it makes of PyTorch
    followed = {href.partition("#")[0] for href in page.links if href.startswith("/")}
    assert {"/page/project/pytorch", "/page/org/pytorch-foundation", "/page/graph/inferred/current-host"} <= followed
    for href in sorted(followed):
        assert server.ask(href, Accept=BROWSER).status == 200, href


def test_pages_of_proofs_are_well_formed(server: Server, inferred: list[str]) -> None:
    for line in random.Random(3).sample(inferred, 12):
        subject, predicate, object_, _ = terms(line)
        reply = why(server, subject, predicate, object_, accept=BROWSER)
        assert reply.status == 200
        read_page(reply)


def test_a_subject_alone_is_a_list(server: Server) -> None:
    page = read_page(why(server, "project/pytorch", accept=BROWSER))
    assert "PyTorch has current host PyTorch Foundation" in page.text
    href = "/why?s=id/project/pytorch&p=osai:currentHost&o=id/org/pytorch-foundation"
    assert href in page.links
    assert server.ask(href).status == 200
    as_json = why(server, "project/pytorch", "currentHost").json
    assert [one["rule"]["name"] for one in as_json["inferred"]] == ["current-host"]


def test_nothing_asked_is_a_form(server: Server) -> None:
    page = read_page(why(server, accept=BROWSER))
    assert [field["name"] for field in page.all("input")][-3:] == ["s", "p", "o"], "behind the search of every page"
    assert why(server).status == 400


def test_format_goes_before_accept(server: Server) -> None:
    assert why(server, *HOST, accept=BROWSER, format="json").type == "application/json"
    assert why(server, *HOST, format="html").type == "text/html"
    assert why(server, *HOST, accept="image/png").status == 406


def test_what_is_not_there_is_a_404_with_what_is_near(server: Server) -> None:
    reply = why(server, "project/pytorch", "currentHost", "org/meta")
    assert (reply.status, reply.type) == (404, "application/problem+json")
    assert reply.json["nearest"] == ["/why?s=id/project/pytorch&p=osai:currentHost&o=id/org/pytorch-foundation"]
    assert why(server, "org/nobody", "currentHost", "org/meta").status == 404
    page = read_page(why(server, "project/pytorch", "currentHost", "org/meta", accept=BROWSER))
    assert reply.json["nearest"][0] in page.links


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/why?s=x", "'x' is no IRI"),
        ("/why?s=id/org/meta&s=id/org/amd&p=a&o=Company", "s is given 2 times"),
        ("/why?s=id/org/meta&o=Company", "o needs p beside it"),
        ("/why?p=a", "p needs s beside it"),
        ("/why?s=id/org/meta&q=a", "'q' is no parameter here; they are s, p, o, format"),
        ("/why?s=id/org/meta&format=ttl", "format is one of html, json"),
        ("/why?s=id/org/meta&p=a&o=%22open", "is no literal"),
        ("/why?s=http://%5Bx&p=a&o=Company", "cannot stand in a graph"),
        ("/why?s=id/org/meta%3E%20%3Fp%20%3Fo&p=a&o=Company", "may not stand in an IRI"),
        ("/why?s=id/org/meta&p=a&o=%22%5Cud800%22", "half of a surrogate pair"),
    ],
)
def test_what_cannot_be_read_is_a_400_that_names_it(server: Server, address: str, said: str) -> None:
    reply = server.ask(address, Accept="application/json")
    assert (reply.status, reply.json["type"].rpartition("/")[2]) == (400, "bad-parameter")
    assert said in reply.json["detail"]


def test_only_inferred_values_of_a_page_have_a_why(server: Server, inferred: list[str]) -> None:
    page = read_page(server.ask("/page/project/pytorch", Accept=BROWSER))
    links = [href for href in page.links if href.startswith("/why?")]
    about = [line for line in inferred if line.startswith(f"<{thing('project/pytorch')}> ")]
    assert len(links) == len(set(links)) == len(about)
    assert "/why?s=id/project/pytorch&p=osai:currentHost&o=id/org/pytorch-foundation" in links
    assert not any("osai:name" in href for href in links)
    for href in links:
        assert server.ask(href, Accept="application/json").status == 200, href


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("current-host", "A project's current host is the one organization that is its legal host"),
        ("subclass-foundation-non-profit-organization", "Every foundation is a non-profit organization."),
        ("possible-host", "none of them in this release"),
    ],
)
def test_the_page_of_a_rule_says_it_in_words(server: Server, rule: str, said: str) -> None:
    page = read_page(server.ask(f"/page/graph/inferred/{rule}", Accept=BROWSER))
    assert said in page.text


def test_a_graph_that_is_no_rule_has_none(server: Server) -> None:
    page = read_page(server.ask("/page/graph/curated/d3-account", Accept=BROWSER))
    assert "A rule:" not in page.text


def test_without_rules_the_service_says_why_it_cannot(tmp_path: Path) -> None:
    release = make_release(tmp_path)
    store = OxigraphStore.load([(release.quads, None, None)])
    with live(create_app(Config(home=tmp_path), store=store, release=release)) as server:
        reply = why(server, *HOST)
        assert reply.status == 404
        assert "does not hold the rules it was built with" in reply.json["detail"]
        page = read_page(server.ask("/page/project/pytorch", Accept=BROWSER))
        assert not any("/why" in href for href in page.links)
    store.close()


def test_data_without_a_release_says_why_it_cannot(tmp_path: Path, seed_release: Release) -> None:
    store = OxigraphStore.load([(seed_release.quads, None, None)])
    with live(create_app(Config(home=tmp_path), store=store)) as server:
        reply = why(server, *HOST)
        assert reply.status == 404
        assert "data without a release" in reply.json["detail"]
    store.close()


def test_a_proof_has_no_more_time_than_a_query(
    seed_home: Path, seed_store: OxigraphStore, seed_release: Release
) -> None:
    config = Config(home=seed_home, seconds=1e-6)
    with live(create_app(config, store=seed_store, release=seed_release)) as server:
        reply = why(server, *HOST)
    assert (reply.status, reply.json["type"].rpartition("/")[2]) == (504, "query-timeout")


def test_rules_that_are_something_else_stop_the_service(seed_release: Release, tmp_path: Path) -> None:
    copy = tmp_path / seed_release.version
    shutil.copytree(seed_release.path, copy)
    (copy / RULES).write_text('{"no": "rules"}', encoding="utf-8")
    with pytest.raises(ReleaseError, match="build the release again"):
        read_release(copy).rules()


# --- contradictions -------------------------------------------------------------------------------------------------

PLANTED = """
[source]
name = "planted"
title = "Planted"
loader = "standoff"
upstream = "ours: planted by a test"
licence = "CC-BY-4.0"
as-of = 2024-01-01
{files}
[document]
id = "doc/lf-report-2025"
type = "Report"
name = "A report"

"""


def planted(folder: Path, table: str, *, curated: bool = True) -> list[tuple[Source, Snapshot]]:
    """Give every curated source, and one more that holds ``table``."""
    copy = folder / "curated"
    shutil.copytree(resources.curated(), copy)
    extra = copy if curated else folder / "bulk"
    extra.mkdir(exist_ok=True)
    text = PLANTED.format(files="" if curated else 'files = ["planted.toml"]\n')
    (extra / "planted.toml").write_text(text + table, encoding="utf-8")
    chosen = []
    for definition in sorted({*copy.glob("*.toml"), extra / "planted.toml"}):
        source = read_source(definition)
        snapshot = source.bundled()
        assert snapshot is not None
        chosen.append((source, snapshot))
    return chosen


def make(folder: Path, chosen: list[tuple[Source, Snapshot]], **more: Callable[..., None]) -> Built:
    return build(chosen, base=DEFAULT_BASE, releases=Releases(folder / "home"), created=CREATED, **more)  # type: ignore[arg-type]  # mypy takes the one keyword for each


def refused(folder: Path, table: str) -> list[str]:
    with pytest.raises(InconsistencyError, match="nothing was sealed") as stopped:
        make(folder, planted(folder, table))
    assert Releases(folder / "home").current() is None
    return str(stopped.value).splitlines()


def place(source: str, slug: str, folder: Path | None = None) -> str:
    """Give file and line of an entry: the line that opens its table, just above its id, counted from 1."""
    text = ((folder or resources.curated()) / f"{source}.toml").read_text(encoding="utf-8")
    return f"{source}.toml:{text.splitlines().index(f'id = {chr(34)}{slug}{chr(34)}')}"


META_A_FOUNDATION = '[[entity]]\nid = "org/meta"\ntype = "Foundation"\nname = "Meta"\n'


def test_meta_as_a_foundation_too_is_explained_by_the_two_types(tmp_path: Path) -> None:
    said = refused(tmp_path, META_A_FOUNDATION)
    companies = [
        place(name, "org/meta")
        for name in ("economic-impact-2025", "lf-report-2025", "meta-newsroom-2025-05-21", "pytorch-foundation-2022")
    ]
    start = next(number for number, line in enumerate(said) if "[disjoint-company-and-3-others]" in line)
    assert said[start].startswith(f"  Meta ({thing('org/meta')}): Nothing is two of these: company, non-profit")
    assert set(said[start + 1 : start + 4]) == {
        f"    {', '.join(companies)}: Meta is a company",
        f"    {place('planted', 'org/meta', tmp_path / 'curated')}: Meta is a foundation",
        "    Every foundation is a non-profit organization. [subclass-foundation-non-profit-organization]",
    }
    assert not said[start + 4 :] or not said[start + 4].startswith("    ")
    assert len([line for line in said if line.startswith("  Meta (")]) == 1


def test_a_second_steward_of_one_situation_is_explained_by_the_two_values(tmp_path: Path) -> None:
    slug = "situation/pytorch-legal-host-pytorch-foundation-1"
    said = refused(
        tmp_path,
        f'[[situation]]\nid = "{slug}"\ntype = "Stewardship"\nname = "PyTorch Foundation as legal host of PyTorch"\n'
        'ofProject = "project/pytorch"\nsteward = "org/meta"\nstewardRole = "steward-role/legal-host"\n',
    )
    start = next(number for number, line in enumerate(said) if "[functional-steward]" in line)
    name = "‘PyTorch Foundation as legal host of PyTorch’"
    assert set(said[start + 1 : start + 3]) == {
        f"    {place('pytorch-foundation-2022', slug)}: {name} has steward PyTorch Foundation",
        f"    {place('planted', slug, tmp_path / 'curated')}: {name} has steward Meta",
    }
    assert not said[start + 3].startswith("    ")


def test_a_second_current_legal_host_is_named_with_the_first_and_their_places(tmp_path: Path) -> None:
    second = "situation/pytorch-legal-host-meta-2"
    said = refused(
        tmp_path,
        f'[[situation]]\nid = "{second}"\ntype = "Stewardship"\nname = "Meta as legal host of PyTorch, again"\n'
        'ofProject = "project/pytorch"\nsteward = "org/meta"\nstewardRole = "steward-role/legal-host"\n'
        'since = "2023-01-01"\n',
    )
    first = "situation/pytorch-legal-host-pytorch-foundation-1"
    places = {place("pytorch-foundation-2022", first), place("planted", second, tmp_path / "curated")}
    assert {line.split(": ")[0].strip() for line in said[1:]} == places
    assert all(first in line and second in line for line in said[1:])


def test_a_contradiction_is_argued_by_the_shortest_way(tmp_path: Path) -> None:
    """Meta is an agent by its seat on a board too; that PyTorch passed from it says so in one step."""
    slug = "event/pytorch-transfer-2022"
    said = refused(tmp_path, f'[[event]]\nid = "{slug}"\ntype = "Transfer"\nname = "X"\npartOfEvent = "org/meta"\n')
    start = next(number for number, line in enumerate(said) if "[disjoint-agent-and-6-others]" in line)
    premises = [line.strip() for line in said[start + 1 :] if line.startswith("    ")]
    assert {premise.rpartition(": ")[2] for premise in premises if ".toml:" in premise} == {
        "‘Transfer of PyTorch from Meta to the PyTorch Foundation’ is from agent Meta",
        "‘Transfer of PyTorch from Meta to the PyTorch Foundation’ is part of event Meta",
    }
    assert {premise.rpartition(" ")[2] for premise in premises if ".toml:" not in premise} == {
        "[range-from-agent-agent]",
        "[range-part-of-event-happening]",
    }


def test_all_contradictions_are_counted_and_the_first_five_explained(tmp_path: Path) -> None:
    both = {"meta": "Foundation", "amd": "Foundation", "nvidia": "Foundation", "linux-foundation": "Company"}
    both |= {"pytorch-foundation": "Company", "aws": "Person", "google-cloud": "Person"}
    said = refused(
        tmp_path,
        "".join(f'[[entity]]\nid = "org/{slug}"\ntype = "{kind}"\nname = "X"\n\n' for slug, kind in both.items()),
    )
    focused = [number for number, line in enumerate(said) if "[disjoint-" in line]
    assert len(focused) >= len(both)
    explained = [number for number in focused if said[number + 1 : number + 2] and said[number + 1][:4] == "    "]
    assert explained == focused[:5]
    count = re.match(r"(\d+) rules are broken", said[0])
    assert count is not None
    assert int(count[1]) >= len(focused)


def test_sources_that_contradict_each_other_do_not_stop_the_build(tmp_path: Path) -> None:
    """A load graph says what curated ones deny, that Meta is a happening: the release keeps both and warns of it."""
    told: list[str] = []
    slug = "event/pytorch-foundation-formation-2022"
    chosen = planted(
        tmp_path,
        f'[[event]]\nid = "{slug}"\ntype = "FoundationFormation"\nname = "X"\npartOfEvent = "org/meta"\n',
        curated=False,
    )
    built = make(tmp_path, chosen, report=lambda event, values: told.append(event))
    warnings = [one for one in built.warnings if one.rule == "disjoint-agent-and-6-others"]
    assert [one.focus for one in warnings] == [f"Meta ({thing('org/meta')})"]
    assert (
        f"{place('planted', slug, tmp_path / 'bulk')}: ‘Formation of the PyTorch Foundation’ is part of event Meta"
        in warnings[0].premises
    )
    assert "contradicted" in told


def test_of_classes_that_exclude_each_other_a_load_graph_yields_to_a_curated_one(tmp_path: Path) -> None:
    slug = "event/pytorch-foundation-formation-2022"
    chosen = planted(tmp_path, f'[[event]]\nid = "{slug}"\ntype = "Fork"\nname = "X"\n', curated=False)
    built = make(tmp_path, chosen)
    assert not [one for one in built.warnings if one.rule.startswith("disjoint-")]
    store = OxigraphStore.load([(built.release.quads, None, None)])
    graphs = [
        str(row["g"]) for row in store.rows(f"SELECT ?g WHERE {{ GRAPH ?g {{ <{thing(slug)}> a <{OSAI.Fork}> }} }}")
    ]
    assert len(graphs) == 1, "its own graph keeps what it says"
    assert not list(store.rows(f"SELECT * WHERE {{ <{thing(slug)}> a <{OSAI.Fork}> }}"))


def test_a_rule_graph_holds_what_its_rule_makes(seed_release: Release) -> None:
    rules = {str(rule.graph): rule for rule in seed_release.rules()}
    assert set(seed_release.manifest.inferred) <= {rule.name for rule in rules.values()}
    assert rules[f"{INFERRED}current-host"].head[1] == OSAI.currentHost
    assert rules[f"{INFERRED}current-situation"].head[1:] == (RDF.type, OSAI.CurrentSituation)

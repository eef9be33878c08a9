"""What reaches the default graph when sources disagree: expected answers are of ontology design, section 1, rule 9."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdflib import XSD, Graph, Literal, URIRef

from kg.fusion import fuse_bounds, fuse_kinds, fuse_names
from kg.model import DEFAULT_GRAPH
from kg.store.oxigraph import OxigraphWriter
from kg.vocab import OSAI

BASE = "https://example.org/kg/"
NAME, ALT = f"<{OSAI.name}>", "<http://www.w3.org/2004/02/skos/core#altLabel>"


def test_the_first_source_names_and_others_add_other_names(tmp_path: Path) -> None:
    texts = (
        f'<x:a> {NAME} "PyTorch" .\n',
        f'<x:a> {NAME} "Pytorch" .\n<x:b> {NAME} "B> <c" .\n<x:a> {NAME} "PyTorch" .\n',
    )
    files = []
    for number, text in enumerate(texts):
        files.append(tmp_path / f"{number}.nt")
        files[-1].write_text(text, encoding="utf-8")
    fuse_names(files, tmp_path / "out.nt")
    assert (tmp_path / "out.nt").read_text(encoding="utf-8").splitlines() == [
        f'<x:a> {NAME} "PyTorch" .', f'<x:a> {ALT} "Pytorch" .', f'<x:b> {NAME} "B> <c" .',
    ]  # fmt: skip


def test_a_permalink_names_an_organization_only_where_no_source_says_more(tmp_path: Path) -> None:
    one, other = f"<{BASE}id/org/red-hat>", f"<{BASE}id/org/lone>"
    (tmp_path / "0.nt").write_text(f'{one} {NAME} "red-hat" .\n{other} {NAME} "lone" .\n', encoding="utf-8")
    (tmp_path / "1.nt").write_text(f'{one} {NAME} "Red Hat" .\n', encoding="utf-8")
    fuse_names([tmp_path / "0.nt", tmp_path / "1.nt"], tmp_path / "out.nt")
    assert (tmp_path / "out.nt").read_text(encoding="utf-8").splitlines() == [
        f'{one} {NAME} "Red Hat" .', f'{one} {ALT} "red-hat" .', f'{other} {NAME} "lone" .',
    ]  # fmt: skip


def moment(text: str) -> Literal:
    return Literal(text, datatype=XSD.dateTime, normalize=False)


def dated(writer: OxigraphWriter, subject: str, start: tuple[str, str], text: str, source: str = "g:one") -> None:
    thing = URIRef(subject)
    said = [
        (OSAI.earliestStart, moment(start[0])),
        (OSAI.latestStart, moment(start[1])),
        (OSAI.dateText, Literal(text)),
    ]
    writer.add(
        [(thing, predicate, value, graph) for predicate, value in said for graph in (URIRef(source), DEFAULT_GRAPH)]
    )


GRAPHS = ["g:one", "g:two"]


def said(writer: OxigraphWriter, subject: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for row in writer.rows(f"SELECT ?p ?o WHERE {{ <{subject}> ?p ?o }}"):
        found.setdefault(str(row["p"]).rpartition("#")[2], set()).add(str(row["o"]))
    return found


def test_two_dates_of_an_event_become_their_hull() -> None:
    """PyTorch: 7 September 2022 in one source, 12 September in another."""
    writer = OxigraphWriter()
    event = f"{BASE}id/event/pytorch-accepted"
    dated(writer, event, ("2022-09-07T00:00:00Z", "2022-09-07T23:59:59Z"), "2022-09-07")
    dated(writer, event, ("2022-09-12T00:00:00Z", "2022-09-12T23:59:59Z"), "2022-09-12", "g:two")
    assert fuse_bounds(writer, GRAPHS) == 1
    assert said(writer, event) == {
        "earliestStart": {"2022-09-07T00:00:00Z"},
        "latestStart": {"2022-09-12T23:59:59Z"},
        "dateText": {"2022-09-07/2022-09-12"},
    }


def test_a_month_and_a_day_in_it_become_the_month() -> None:
    writer = OxigraphWriter()
    event = f"{BASE}id/event/e"
    dated(writer, event, ("2022-09-01T00:00:00Z", "2022-09-30T23:59:59Z"), "2022-09")
    dated(writer, event, ("2022-09-12T00:00:00Z", "2022-09-12T23:59:59Z"), "2022-09-12", "g:two")
    fuse_bounds(writer, GRAPHS)
    assert said(writer, event)["dateText"] == {"2022-09"}


def test_a_situation_keeps_the_form_of_an_interval() -> None:
    writer = OxigraphWriter()
    hosted = f"{BASE}id/situation/s-1"
    dated(writer, hosted, ("2022-09-07T00:00:00Z", "2022-09-07T23:59:59Z"), "2022-09-07/..")
    dated(writer, hosted, ("2022-09-12T00:00:00Z", "2022-09-12T23:59:59Z"), "2022-09-12/..", "g:two")
    fuse_bounds(writer, GRAPHS)
    assert said(writer, hosted)["dateText"] == {"2022-09-07/.."}


def test_a_source_that_only_saw_it_hold_widens_no_date() -> None:
    """One list dates the standing, another without dates shows it on its own day."""
    writer = OxigraphWriter()
    stands = f"{BASE}id/situation/s-1"
    dated(writer, stands, ("2020-02-01T00:00:00Z", "2020-02-01T23:59:59Z"), "2020-02-01/..")
    seen = (URIRef(stands), OSAI.latestStart, moment("2026-08-14T23:59:59Z"))
    writer.add([(*seen, URIRef("g:two")), (*seen, DEFAULT_GRAPH)])
    assert fuse_bounds(writer, GRAPHS) == 1
    assert said(writer, stands) == {
        "earliestStart": {"2020-02-01T00:00:00Z"},
        "latestStart": {"2020-02-01T23:59:59Z"},
        "dateText": {"2020-02-01/.."},
    }


def test_what_sources_agree_on_is_left_as_it_is() -> None:
    writer = OxigraphWriter()
    dated(writer, f"{BASE}id/event/e", ("2022-09-07T00:00:00Z", "2022-09-07T23:59:59Z"), "2022-09-07")
    assert fuse_bounds(writer, GRAPHS) == 0


CORE = Graph().parse(
    data=f"""
    @prefix osai: <{OSAI._NS}> . @prefix owl: <http://www.w3.org/2002/07/owl#> .
    @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
    [] a owl:AllDisjointClasses ; owl:members ( osai:Company osai:NonProfitOrganization ) .
    osai:Foundation rdfs:subClassOf osai:NonProfitOrganization .
    """,
    format="turtle",
)
COMPANY, FOUNDATION = OSAI.Company, OSAI.Foundation


@pytest.mark.parametrize(
    ("order", "curated", "left"),
    [
        (["g:one", "g:two"], [], {"Company"}),
        (["g:two", "g:one"], [], {"Foundation"}),
        (["g:one", "g:two"], ["g:one", "g:two"], {"Company", "Foundation"}),  # ours to mend: a clash
        (["g:one", "g:two"], ["g:two"], {"Foundation"}),
    ],
)
def test_of_kinds_that_exclude_each_other_the_first_source_decides(
    order: list[str], curated: list[str], left: set[str]
) -> None:
    writer = OxigraphWriter()
    thing, kind = URIRef("x:meta"), URIRef("http://www.w3.org/1999/02/22-rdf-syntax-ns#type")
    for graph, said_kind in (("g:one", COMPANY), ("g:two", FOUNDATION)):
        writer.add([(thing, kind, said_kind, URIRef(graph)), (thing, kind, said_kind, DEFAULT_GRAPH)])
    fuse_kinds(writer, CORE, order, curated)
    assert {value.rpartition("#")[2] for value in said(writer, "x:meta")["type"]} == left
    assert len(list(writer.rows("SELECT ?g WHERE { GRAPH ?g { <x:meta> a ?t } }"))) == 2, "graphs keep what they say"

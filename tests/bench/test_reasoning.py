"""How long the rules take over many projects, beside their peers, and a proof in their midst.

Prints figures; fails when clearly broken. ``KG_BENCH_SIZES`` sets the sizes of the graphs that peers share (100000 and
1000000 triples); owlrl runs on those up to 100,000, where it takes minutes.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from rdflib import OWL, RDF, RDFS, XSD, Graph, URIRef

from kg.reasoning import materialise
from kg.why import explain
from tests.bench.generate import generate_governance
from tests.bench.peers import measure, table
from tests.reasoning_world import BASE, World, core, triple, turtle

pytestmark = pytest.mark.bench

SIZES = [int(size) for size in os.environ.get("KG_BENCH_SIZES", "100000,1000000").split(",")]
PROJECTS = int(os.environ.get("KG_BENCH_PROJECTS", "2000"))


def project(number: int) -> str:
    """A project that one of many firms gave to one of many funds, each fund part of another."""
    firm, fund = number % 97, 1 + number % 89
    role = "osai:stewardRole <concept/steward-role/legal-host>"
    return f"""
    <id/org/firm-{firm}> a osai:Company . <id/org/fund-{fund}> a osai:Foundation ;
        osai:subOrganizationOf <id/org/fund-{fund // 2}> .
    <p{number}> a osai:OpenSourceAIProject ; osai:hasRepository <r{number}> .
    <e{number}> a osai:Transfer ; osai:concernsProject <p{number}> ; osai:fromAgent <id/org/firm-{firm}> ;
        osai:toAgent <id/org/fund-{fund}> ; osai:terminates <s{number}> ; osai:initiates <t{number}> .
    <s{number}> a osai:Stewardship ; osai:ofProject <p{number}> ; osai:steward <id/org/firm-{firm}> ; {role} ;
        osai:latestStart "2016-01-01T00:00:00Z"^^xsd:dateTime ; osai:latestEnd "2022-09-12T23:59:59Z"^^xsd:dateTime .
    <t{number}> a osai:Stewardship ; osai:ofProject <p{number}> ; osai:steward <id/org/fund-{fund}> ; {role} ;
        osai:latestStart "2022-09-12T23:59:59Z"^^xsd:dateTime .
    """


def test_rules_over_many_projects(capsys):
    world = World.at(
        "2025-11-23", turtle("<id/org/fund-0> a osai:Foundation ." + "".join(map(project, range(PROJECTS))))
    )
    before = world.writer.count(None)
    start = time.perf_counter()
    made = world.reason()
    seconds = time.perf_counter() - start

    start = time.perf_counter()
    again = materialise(world.writer, world.rules, base=BASE)
    nothing_new = time.perf_counter() - start

    start = time.perf_counter()
    proof = explain(world.writer.rows, world.rules, triple("<p88> osai:underUmbrellaOf <id/org/fund-0>"))
    to_explain = time.perf_counter() - start

    with capsys.disabled():
        print(
            f"\n{PROJECTS:,} projects, {before:,} triples: {made.total:,} inferred in {seconds:.2f} s "
            f"({1e6 * seconds / made.total:.0f} µs each), {made.updates} updates for {len(world.rules)} rules; "
            f"again {nothing_new:.2f} s; one proof of {len(list(proof.steps()))} steps {1000 * to_explain:.0f} ms"
        )
    assert again.total == 0
    assert made.updates < 2 * len(world.rules)
    # About 20 µs and 10 ms here. Rules that look at every host for each project take minutes.
    assert seconds < 200e-6 * made.total + 5
    assert to_explain < 2


def known_to_all() -> Graph:
    """Give those axioms of the core that all three reasoners follow: no chains and no definitions."""
    whole, shared = core(), Graph()
    for predicate in (RDFS.subClassOf, RDFS.subPropertyOf, RDFS.domain, RDFS.range, OWL.inverseOf):
        for s, o in whole.subject_objects(predicate):
            if isinstance(s, URIRef) and isinstance(o, URIRef) and not o.startswith(str(XSD)) and o != RDFS.label:
                shared.add((s, predicate, o))
    for kind in (OWL.Class, OWL.ObjectProperty, OWL.SymmetricProperty, OWL.TransitiveProperty):
        shared += ((s, RDF.type, kind) for s in whole.subjects(RDF.type, kind) if isinstance(s, URIRef))
    return shared


@pytest.mark.parametrize("size", SIZES)
def test_beside_peers(size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, ontology = tmp_path / "data.nt", tmp_path / "shared.ttl"
    generate_governance(data, size)
    (tmp_path / "data.ttl").symlink_to(data)  # reasonable knows a format by the end of the name
    known_to_all().serialize(ontology)
    engines = ["kg rules", "reasonable", *(["owlrl"] if size <= 100_000 else [])]
    ours, *peers = runs = [measure(engine, data, ontology) for engine in engines]
    with capsys.disabled():
        print(table(f"materialisation, {size:,} triples", runs))
    assert ours.found > size / 2
    assert [(peer.engine, peer.found, peer.fingerprint) for peer in peers] == [
        (peer.engine, ours.found, ours.fingerprint) for peer in peers
    ]
    # Half of what is aimed at: 50 times owlrl, and no slower than reasonable.
    for peer in peers:
        assert peer.seconds / ours.seconds > {"owlrl": 25, "reasonable": 0.5}[peer.engine]

"""How long our shapes take over a large graph, beside their peers. Prints figures; fails when clearly broken.

``KG_BENCH_SIZES`` sets the sizes of the graphs (100000 and 1000000 triples). pyshacl runs on those up to 100,000;
pyrudof needs about 12 kB for each triple, and is left out where the machine has not that much.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from rdflib import RDF, RDFS, SH, SKOS, BNode, Graph, URIRef
from rdflib.term import Node

from kg import resources
from kg.validation import SHAPES, read_shapes
from tests.bench.generate import BASE, generate
from tests.bench.peers import measure, table

pytestmark = pytest.mark.bench

SIZES = [int(size) for size in os.environ.get("KG_BENCH_SIZES", "100000,1000000").split(",")]
PYRUDOF_BYTES = 12_000  # for each triple


def known_to_all() -> Graph:
    """Give our shapes without what a peer does not read: SPARQL, other graphs than the default one, our severities."""
    shapes, _ = read_shapes(BASE)

    def cut(node: Node) -> None:
        for predicate, value in list(shapes.predicate_objects(node)):
            shapes.remove((node, predicate, value))
            if isinstance(value, BNode):
                cut(value)

    for shape in set(shapes.subjects(SHAPES.overGraph)):
        cut(shape)
    for shape, constraint in list(shapes.subject_objects(SH.sparql)):
        shapes.remove((shape, SH.sparql, constraint))
        cut(constraint)
    shapes.remove((None, SHAPES.severityElsewhere, None))
    return shapes


def surroundings() -> Graph:
    """Give the class hierarchy and the schemes, which shapes lean on, without class expressions: no blank nodes."""
    found = Graph()
    for path in resources.vocabulary_files():
        graph = resources.read_turtle(path, BASE)
        for kind in (SKOS.Concept, SKOS.ConceptScheme):
            for subject in graph.subjects(RDF.type, kind):
                found += graph.triples((subject, None, None))
        hierarchy = ((s, RDFS.subClassOf, o) for s, o in graph.subject_objects(RDFS.subClassOf))
        found += (triple for triple in hierarchy if isinstance(triple[2], URIRef))
    return found


def has_memory(size: int) -> bool:
    return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") > 1.3 * size * PYRUDOF_BYTES


@pytest.mark.parametrize("size", SIZES)
def test_beside_peers(size: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, shapes = tmp_path / "data.nt", tmp_path / "shapes.ttl"
    generate(data, size)
    with data.open("ab") as out:
        out.write(surroundings().serialize(format="nt", encoding="utf-8"))
    known_to_all().serialize(shapes)
    engines = ["kg shapes", *(["pyrudof"] if has_memory(size) else []), *(["pyshacl"] if size <= 100_000 else [])]
    ours, *peers = runs = [measure(engine, data, shapes) for engine in engines]
    with capsys.disabled():
        print(table(f"validation, {size:,} triples", runs))
    # Some observations have more authors than commits: about one in fifty, as the generator draws them.
    assert 0 < ours.found < size / 500
    assert [(peer.engine, peer.found, peer.fingerprint) for peer in peers] == [
        (peer.engine, ours.found, ours.fingerprint) for peer in peers
    ]
    # Half of what is aimed at: 10 times pyshacl, 5 times pyrudof, and half a gigabyte at a million triples.
    for peer in peers:
        assert peer.seconds / ours.seconds > {"pyshacl": 5, "pyrudof": 2.5}[peer.engine]
    assert ours.peak < 150 + 700 * size / 1_000_000

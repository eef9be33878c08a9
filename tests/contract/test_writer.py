"""Making a release: what goes in comes out, sorted, the same bytes every time."""

from __future__ import annotations

import gzip
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDF, XSD, BNode, Literal, URIRef
from rdflib.term import Node

from kg.errors import InconsistencyError, LoadError, ModelError, QuerySyntaxError
from kg.model import DEFAULT_GRAPH, Quad
from kg.store import oxigraph
from kg.store.oxigraph import OxigraphStore, OxigraphWriter

EX = "http://example.org/"
S, P, G = URIRef(EX + "s"), URIRef(EX + "p"), URIRef(EX + "g")
QUADS: list[Quad] = [
    (S, P, Literal('é "quoted"\nline \\', lang="en"), G),
    (S, P, Literal("2024-01-01", datatype=XSD.date), DEFAULT_GRAPH),
    (S, RDF.type, URIRef(EX + "Thing"), DEFAULT_GRAPH),
    (S, P, Literal("plain _:b . # text"), URIRef(EX + "f")),
]
# Written by hand, in the order of their bytes.
LINES = (
    '<http://example.org/s> <http://example.org/p> "2024-01-01"^^<http://www.w3.org/2001/XMLSchema#date> .\n'
    '<http://example.org/s> <http://example.org/p> "plain _:b . # text" <http://example.org/f> .\n'
    '<http://example.org/s> <http://example.org/p> "é \\"quoted\\"\\nline \\\\"@en <http://example.org/g> .\n'
    "<http://example.org/s> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <http://example.org/Thing> .\n"
).encode()


def written(quads: list[Quad]) -> OxigraphWriter:
    writer = OxigraphWriter()
    assert writer.add(quads) == len(quads)
    return writer


def test_dump(tmp_path: Path) -> None:
    path = tmp_path / "quads.nq"
    digest = written(QUADS).dump(path)
    assert path.read_bytes() == LINES
    assert digest == hashlib.sha256(LINES).hexdigest()
    assert list(tmp_path.iterdir()) == [path]


def test_dump_gzipped_has_the_digest_of_its_text(tmp_path: Path) -> None:
    path = tmp_path / "quads.nq.gz"
    assert written(QUADS).dump(path) == hashlib.sha256(LINES).hexdigest()
    assert gzip.decompress(path.read_bytes()) == LINES


def test_same_quads_same_bytes(tmp_path: Path) -> None:
    shuffled = [*QUADS, *QUADS]
    random.Random(7).shuffle(shuffled)
    first, second = tmp_path / "a.nq.gz", tmp_path / "elsewhere.nq.gz"
    written(QUADS).dump(first)
    written(shuffled).dump(second)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("run", [1, 7, 50, 100, 1000])
def test_sorting_in_runs_is_sorting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: int) -> None:
    monkeypatch.setattr(oxigraph, "_RUN", run)
    numbers = [(S, P, Literal(f"{number:03}"), G) for number in range(100)]
    path = tmp_path / "quads.nq"
    written([(s, p, o, g) for s, p, o, g in numbers]).dump(path)
    assert path.read_text() == "".join(f'<{S}> <{P}> "{number:03}" <{G}> .\n' for number in range(100))
    assert list(tmp_path.iterdir()) == [path]


def test_an_empty_release(tmp_path: Path) -> None:
    path = tmp_path / "quads.nq"
    assert OxigraphWriter().dump(path) == hashlib.sha256(b"").hexdigest()
    assert path.read_bytes() == b""


def test_a_blank_node_stops_the_dump_and_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "quads.nq"
    writer = written(QUADS)
    writer.dump(path)
    for place in ("[] <urn:p> 1", "<urn:s> <urn:p> []", "GRAPH <urn:g> { <urn:s> <urn:p> [] }"):
        writer.update(f"INSERT DATA {{ {place} }}")
        with pytest.raises(InconsistencyError, match="blank node"):
            writer.dump(path)
        writer.update("DELETE WHERE { ?s <urn:p> ?o } ; DELETE WHERE { GRAPH <urn:g> { ?s <urn:p> ?o } }")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_bytes() == LINES


@pytest.mark.parametrize(
    ("quad", "message"),
    [
        ((BNode("b"), P, S, G), "blank node"),
        ((S, P, BNode("b"), G), "blank node"),
        ((S, P, S, BNode("b")), "blank node"),
        ((Literal("s"), P, S, G), "IRI must stand"),
        ((S, Literal("p"), S, G), "IRI must stand"),
        ((S, P, URIRef("relative"), G), "no absolute IRI"),
        ((S, P, URIRef("http://example.org/a b"), G), "no absolute IRI"),
        ((S, P, Literal("x", datatype=URIRef("relative")), G), "no absolute IRI"),
    ],
)
def test_what_is_no_quad_is_refused_and_nothing_is_added(quad: Quad, message: str) -> None:
    writer = OxigraphWriter()
    with pytest.raises(ModelError, match=message):
        writer.add([QUADS[0], quad])
    assert writer.count(G) == 0


def test_count(tmp_path: Path) -> None:
    writer = written(QUADS)
    assert [writer.count(None), writer.count(DEFAULT_GRAPH), writer.count(G), writer.count(URIRef(EX + "none"))] == [
        2,
        2,
        1,
        0,
    ]


def test_update_and_rows() -> None:
    writer = written(QUADS)
    writer.update(f"INSERT {{ GRAPH <{EX}made> {{ ?s a <{EX}Seen> }} }} WHERE {{ ?s a <{EX}Thing> }}")
    rows = list(
        writer.rows(
            f"SELECT ?s ?none WHERE {{ GRAPH <{EX}made> {{ ?s a <{EX}Seen> OPTIONAL {{ ?s <urn:no> ?none }} }} }}"
        )
    )
    assert rows == [{"s": S}]
    with pytest.raises(QuerySyntaxError):
        writer.update("INSERT {")
    with pytest.raises(ValueError, match="SELECT"):
        writer.rows("ASK {}")


def test_what_is_written_can_be_read_at_once() -> None:
    writer = written(QUADS)
    store = writer.store()
    assert [row["o"] for row in store.rows(f"SELECT ?o WHERE {{ GRAPH <{G}> {{ ?s ?p ?o }} }}")] == [QUADS[0][2]]


texts = st.text(st.characters(codec="utf-8"), max_size=20)
objects: st.SearchStrategy[Node] = st.one_of(
    texts.map(Literal),
    st.tuples(texts, st.sampled_from(["en", "pt-br"])).map(lambda pair: Literal(pair[0], lang=pair[1])),
    texts.map(lambda text: Literal(text, datatype=URIRef(EX + "type"), normalize=False)),
    st.sampled_from([S, P, G]),
)
quads = st.lists(
    st.tuples(st.sampled_from([S, G]), st.just(P), objects, st.sampled_from([G, DEFAULT_GRAPH])), max_size=8
)


@given(quads)
def test_terms_survive_writing_dumping_and_loading(made: list[Quad]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "quads.nq"
        written(made).dump(path)
        assert path.read_bytes().splitlines(keepends=True) == sorted(path.read_bytes().splitlines(keepends=True))
        store = OxigraphStore.load([(path, None, None)])
    assert set(everything(store)) == set(made)


def everything(store: OxigraphStore) -> Iterator[tuple[Node, ...]]:
    for row in store.rows("SELECT * WHERE { { ?s ?p ?o } UNION { GRAPH ?g { ?s ?p ?o } } }"):
        yield row["s"], row["p"], row["o"], row.get("g", DEFAULT_GRAPH)


# --- loading files ---

TURTLE_TEXT = f"<s> <{P}> <{EX}o> ."
SYNTAXES = {
    "data.ttl": TURTLE_TEXT,
    "data.trig": TURTLE_TEXT,
    "data.nt": f"<{S}> <{P}> <{EX}o> .",
    "data.nq": f"<{S}> <{P}> <{EX}o> .",
    "data.jsonld": f'{{"@id": "s", "{P}": {{"@id": "o"}}}}',
    "data.rdf": (
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:ex="http://example.org/">'
        '<rdf:Description rdf:about="s"><ex:p rdf:resource="o"/></rdf:Description></rdf:RDF>'
    ),
}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("name", SYNTAXES)
def test_every_syntax_loads_by_its_extension(tmp_path: Path, name: str, packed: bool) -> None:
    path = tmp_path / (name + ".gz" if packed else name)
    text = SYNTAXES[name].encode()
    path.write_bytes(gzip.compress(text) if packed else text)
    assert list(everything(OxigraphStore.load([(path, EX, None)]))) == [(S, P, URIRef(EX + "o"), DEFAULT_GRAPH)]


def test_triples_load_into_the_graph_they_are_given(tmp_path: Path) -> None:
    path = tmp_path / "data.ttl"
    path.write_text(TURTLE_TEXT)
    writer = OxigraphWriter()
    writer.load([(path, EX, G), (path, EX, None)])
    assert (writer.count(G), writer.count(None)) == (1, 1)


def test_quads_name_their_own_graphs(tmp_path: Path) -> None:
    path = tmp_path / "data.nq"
    path.write_text(SYNTAXES["data.nq"])
    with pytest.raises(LoadError, match="its own graphs"):
        OxigraphStore.load([(path, None, G)])


def test_an_error_says_file_line_and_column(tmp_path: Path) -> None:
    path = tmp_path / "data.nq"
    path.write_text(f"<{S}> <{P}> <{S}> .\n<{S}> <{P}> .\n")
    with pytest.raises(LoadError) as caught:
        OxigraphStore.load([(path, None, None)])
    assert caught.value.line == 2
    assert str(caught.value).startswith(f"{path}:2:")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("data.jsonld", '{"@context": "http://127.0.0.1:9/context", "@id": "http://a/", "http://b/": "c"}'),
        (
            "data.rdf",
            '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
            '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="http://a/">'
            "<rdf:value>&x;</rdf:value></rdf:Description></rdf:RDF>",
        ),
    ],
)
def test_loading_follows_no_reference(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(LoadError):
        OxigraphStore.load([(path, None, None)])

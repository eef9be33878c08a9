"""An export holds the release, the whole release but the words, and nothing else; other engines read it."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import pyoxigraph
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import ConfigError
from kg.export import export, split
from kg.release import Release
from tests.contract.served import BASE, make_release

FORMATS = {
    "nq": pyoxigraph.RdfFormat.N_QUADS,
    "nt": pyoxigraph.RdfFormat.N_TRIPLES,
    "ttl": pyoxigraph.RdfFormat.TURTLE,
}


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return make_release(
        tmp_path_factory.mktemp("releases"),
        extra='<urn:x:s> <urn:x:p> "a <b> \\"c\\" . <d>"@en, "1"^^<urn:x:t> .\n'
        '<urn:x:g> { <urn:x:s> <urn:x:p> "x <y>" . }',
    )


def lines_of(release: Release) -> list[bytes]:
    return gzip.decompress(release.quads.read_bytes()).splitlines(keepends=True)


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    return zstandard.ZstdDecompressor().decompressobj().decompress(data) if path.suffix == ".zst" else data


def quads(contents: Iterable[bytes], form: str) -> set[pyoxigraph.Quad]:
    return {quad for content in contents for quad in pyoxigraph.parse(content, FORMATS[form])}


@pytest.mark.parametrize("packing", ["gz", "zst", "none"])
def test_the_parts_one_after_the_other_are_the_release_without_words(
    release: Release, tmp_path: Path, packing: str
) -> None:
    made = export(release, tmp_path / "out", packing=packing, part=7)  # type: ignore[arg-type]  # each of its words
    parts = [unpacked(tmp_path / "out" / str(file["name"])) for file in made.files]
    words = f"<{BASE}graph/words/".encode()
    assert b"".join(parts) == b"".join(line for line in lines_of(release) if words not in line)
    assert {len(part.splitlines()) for part in parts[:-1]} == {7}
    manifest = json.loads((tmp_path / "out" / "export.json").read_text())
    assert manifest["quads"] == sum(file["quads"] for file in manifest["files"]) == len(b"".join(parts).splitlines())
    assert sum(manifest["graphs"].values()) == manifest["quads"]
    assert (manifest["release"], manifest["sha256"]) == (release.version, release.manifest.sha256)
    for file, part in zip(manifest["files"], parts, strict=True):
        data = (tmp_path / "out" / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert file["content_sha256"] == hashlib.sha256(part).hexdigest()


def test_with_words_it_is_the_release_byte_for_byte(release: Release, tmp_path: Path) -> None:
    made = export(release, tmp_path / "out", packing="none", words=True)
    (file,) = made.files
    assert (tmp_path / "out" / str(file["name"])).read_bytes() == b"".join(lines_of(release))
    assert file["content_sha256"] == hashlib.sha256(b"".join(lines_of(release))).hexdigest()


@pytest.mark.parametrize("form", ["nt", "ttl"])
def test_triples_have_files_for_each_graph_and_its_name_beside_them(
    release: Release, tmp_path: Path, form: str
) -> None:
    made = export(release, tmp_path / "out", form=form, packing="none", part=5, words=True)  # type: ignore[arg-type]
    found = set()
    for file in made.files:
        path = tmp_path / "out" / str(file["name"])
        beside = Path(f"{path}.graph")
        assert beside.exists() is (file["graph"] is not None)
        graph: pyoxigraph.NamedNode | pyoxigraph.DefaultGraph = pyoxigraph.DefaultGraph()
        if file["graph"] is not None:
            assert beside.read_text() == f"{file['graph']}\n"
            graph = pyoxigraph.NamedNode(str(file["graph"]))
        triples = [quad.triple for quad in pyoxigraph.parse(path.read_bytes(), FORMATS[form])]
        assert len(triples) == int(str(file["quads"])) <= 5
        found |= {pyoxigraph.Quad(one.subject, one.predicate, one.object, graph) for one in triples}
    assert found == quads([b"".join(lines_of(release))], "nq")


def test_graphs_are_chosen_by_name_and_by_what_they_lie_below(release: Release, tmp_path: Path) -> None:
    chosen = export(release, tmp_path / "a", graphs=["graph/curated/", f"{BASE}graph/two/0123456789ab", "urn:x:g"])
    assert set(chosen.graphs) == {f"{BASE}graph/curated/one", f"{BASE}graph/two/0123456789ab", "urn:x:g"}
    default = export(release, tmp_path / "b", graphs=["default"])
    assert default.graphs == {"default": sum(split(line)[1] == "" for line in lines_of(release))}
    with pytest.raises(ConfigError, match="has no graph graph/three"):
        export(release, tmp_path / "c", graphs=["graph/three", "default"])
    assert list((tmp_path / "c").iterdir()) == []


def test_the_default_graph_takes_a_name_where_an_engine_needs_one(release: Release, tmp_path: Path) -> None:
    made = export(release, tmp_path / "out", packing="none", default_graph="urn:x:default", graphs=["default"])
    (file,) = made.files
    written = quads([(tmp_path / "out" / str(file["name"])).read_bytes()], "nq")
    assert {quad.graph_name for quad in written} == {pyoxigraph.NamedNode("urn:x:default")}
    assert len(written) == made.quads == made.graphs["default"]


def test_the_same_release_gives_the_same_bytes(release: Release, tmp_path: Path) -> None:
    one, two = (export(release, tmp_path / name, part=9) for name in ("one", "two"))
    assert one == two


def test_a_directory_in_use_is_left_alone(release: Release, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("kept")
    with pytest.raises(ConfigError, match="not empty"):
        export(release, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


_IRI = st.text("abcé/", max_size=4).map(lambda end: pyoxigraph.NamedNode(f"urn:x:{end}"))
_LITERAL = st.builds(
    lambda text, kind: {
        "plain": pyoxigraph.Literal(text),
        "tagged": pyoxigraph.Literal(text, language="en"),
        "typed": pyoxigraph.Literal(text, datatype=pyoxigraph.NamedNode("urn:x:type")),
    }[kind],
    st.text('ab <>"\\.\n^@', max_size=12),
    st.sampled_from(["plain", "tagged", "typed"]),
)


@given(_IRI, _IRI, _IRI | _LITERAL, st.none() | _IRI)
def test_a_line_is_cut_where_its_graph_begins(
    subject: pyoxigraph.NamedNode,
    predicate: pyoxigraph.NamedNode,
    value: pyoxigraph.NamedNode | pyoxigraph.Literal,
    graph: pyoxigraph.NamedNode | None,
) -> None:
    triple = pyoxigraph.serialize([pyoxigraph.Triple(subject, predicate, value)], format=FORMATS["nt"])
    quad = pyoxigraph.Quad(subject, predicate, value, graph)
    line = pyoxigraph.serialize([quad], format=FORMATS["nq"])
    assert triple is not None
    assert line is not None
    assert split(line) == (triple.removesuffix(b" .\n"), graph.value if graph else "")

"""What is bundled is found, and a file that is no Turtle is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdflib import OWL, RDFS, Literal, URIRef
from rdflib.term import Node

from kg import resources
from kg.errors import ConfigError, ModelError

BASE = "https://example.org/kg/"


def test_what_is_bundled_is_there() -> None:
    assert (resources.ontology() / "osai.ttl").is_file()
    assert (resources.queries() / "competency").is_dir()
    assert (resources.curated() / "ledger.csv").is_file()


def test_what_is_missing_is_told_with_the_mend() -> None:
    with pytest.raises(
        ConfigError, match=r"the bundled directory 'nowhere' is missing from .*; install the package again"
    ):
        resources.directory("nowhere")


def test_the_vocabulary_is_the_core_and_every_scheme_in_order() -> None:
    names = [path.name for path in resources.vocabulary_files()]
    schemes = sorted(path.name for path in (resources.ontology() / "schemes").iterdir())
    assert names == ["osai.ttl", *schemes]


def test_relative_iris_stand_below_the_base(tmp_path: Path) -> None:
    (tmp_path / "a.ttl").write_text("<id/org/meta> a <concept/x> .")
    assert set(resources.read_turtle(tmp_path / "a.ttl", BASE).subjects()) == {URIRef(f"{BASE}id/org/meta")}


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (b"<a> <b> .\n", 1),
        (b'<a> a <b> .\n\n<a> a "x .\n', 3),
        (b"<a> a <b> .\nx:y a <b> .\n", 2),
        (b"<a> a <b>\n", None),
    ],
)
def test_what_is_no_turtle_is_named_with_file_and_line(tmp_path: Path, text: bytes, line: int | None) -> None:
    (tmp_path / "broken.ttl").write_bytes(text)
    with pytest.raises(ModelError) as refused:
        resources.read_turtle(tmp_path / "broken.ttl", BASE)
    place = r"broken.ttl:" + (f"{line}: not Turtle: " if line else "")
    assert str(refused.value).startswith(place)
    assert "\n" not in str(refused.value)


def test_bytes_that_are_not_utf_8_are_told(tmp_path: Path) -> None:
    (tmp_path / "broken.ttl").write_bytes(b'<a> <b> "\xff" .')
    with pytest.raises(ModelError, match=r"broken\.ttl: not Turtle"):
        resources.read_turtle(tmp_path / "broken.ttl", BASE)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gone\.ttl cannot be read: No such file or directory"):
        resources.read_turtle(tmp_path / "gone.ttl", BASE)


TURTLE = """\
@prefix : <https://example.org/kg/t#> . @prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix owl: <http://www.w3.org/2002/07/owl#> .
# :Agent comes first

:Agent a owl:Class ;
    rdfs:label "agent, not :Other"@en ;
    rdfs:subClassOf :Thing .
<id/org/meta>
    a :Agent .
[] a owl:AllDisjointClasses ; owl:members ( :A :B ) .
[] a owl:AllDisjointClasses ; owl:members
    ( :C :D ) .
:Agent
    rdfs:subClassOf :Being .
"""


@pytest.mark.parametrize(
    ("term", "near", "line"),
    [
        ("t#Agent", (), 5),
        ("t#Agent", (RDFS.subClassOf,), 7),
        ("t#Agent", (URIRef(f"{BASE}t#Being"),), 14),
        ("t#Agent", (RDFS.subClassOf, URIRef(f"{BASE}t#Being")), 14),
        ("t#Agent", (URIRef(f"{BASE}t#Nowhere"),), 5),
        ("id/org/meta", (), 8),
        ("t#Thing", (), 7),  # it begins no statement
        ("t#Other", (), None),  # only a string and a comment name it
        ("t#Agent", (Literal("agent, not :Other"), RDFS.subClassOf), 6),
        ("t#Agent", (Literal("nobody"), RDFS.subClassOf), 7),
        (None, (OWL.AllDisjointClasses, URIRef(f"{BASE}t#C"), URIRef(f"{BASE}t#D")), 11),
        (None, (OWL.AllDisjointClasses, URIRef(f"{BASE}t#A")), 10),
    ],
)
def test_a_term_is_found_where_it_says_something(
    tmp_path: Path, term: str | None, near: tuple[Node, ...], line: int | None
) -> None:
    (tmp_path / "small.ttl").write_text(TURTLE)
    place = resources.Places([tmp_path / "small.ttl"], BASE)(None if term is None else URIRef(BASE + term), *near)
    assert place == (None if line is None else f"small.ttl:{line}")


def test_every_term_of_the_ontology_has_its_place() -> None:
    files = resources.vocabulary_files()
    places = resources.Places(files, BASE)
    for path in files:
        for subject in set(resources.read_turtle(path, BASE).subjects()):
            if isinstance(subject, URIRef):
                place = places(subject)
                assert place is not None, subject
                assert place.startswith(f"{path.name}:") or "#" not in subject

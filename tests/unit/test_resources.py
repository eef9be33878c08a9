"""What is bundled is found, and a file that is no Turtle is named with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from rdflib import URIRef

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

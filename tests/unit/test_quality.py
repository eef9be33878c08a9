"""The report of the quality bar: what is planted in a copy of the ontology is found, with level, file and line.

The checks of the core alone are tested, one deliberate error each, in ``test_ontology.py``.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from kg import quality, resources
from kg.model import DEFAULT_BASE
from kg.quality import Level, QualityFinding

pytestmark = pytest.mark.slow  # each case checks a whole copy of the ontology


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The bundled ontology, to be spoilt."""
    return Path(shutil.copytree(resources.ontology(), tmp_path / "ontology"))


def plant(file: Path, text: str) -> int:
    """Add text to the end of a file; give the line that it begins at."""
    before = file.read_text(encoding="utf-8")
    assert before.endswith("\n")
    file.write_text(before + text + "\n", encoding="utf-8")
    return before.count("\n") + 1


def replace(file: Path, old: str, new: str) -> int:
    """Replace what stands once in a file; give its line."""
    before = file.read_text(encoding="utf-8")
    assert before.count(old) == 1
    file.write_text(before.replace(old, new), encoding="utf-8")
    return before[: before.index(old)].count("\n") + 1


def found(root: Path, check: str) -> list[QualityFinding]:
    return [one for one in quality.findings(DEFAULT_BASE, root=root) if one.check == check]


def test_the_bundled_ontology_has_no_error() -> None:
    assert [str(one) for one in quality.findings(DEFAULT_BASE) if one.level == Level.ERROR] == []


def test_a_copy_is_judged_as_the_original(copy: Path) -> None:
    assert quality.findings(DEFAULT_BASE, root=copy) == quality.findings(DEFAULT_BASE)


def test_the_base_of_the_data_changes_nothing() -> None:
    assert quality.findings("https://kg.example/data/") == quality.findings(DEFAULT_BASE)


def test_what_cannot_be_checked_offline_is_a_note() -> None:
    notes = [one for one in quality.findings(DEFAULT_BASE) if one.level == Level.INFO]
    assert {one.check for one in notes} == {"PURL1", "FIND2", "FIND3"}
    assert all("is not registered yet" in one.message for one in notes)


# What is added to the end of a file, and what is found there: the check, the line counted from the one that the text
# begins at, the level, and words of the message.
PLANTED = {
    "a term without definition": (
        "osai.ttl",
        "osai:Robot a owl:Class ;\n    rdfs:subClassOf osai:Agent ;\n    rdfs:label 'robot'@en .",
        ("label-and-definition-missing-or-double", 0, Level.ERROR, "Robot has 0 of skos:definition"),
    ),
    "a cycle of subclasses": (
        "osai.ttl",
        "osai:Organization\n    rdfs:subClassOf osai:Foundation .",
        (
            "hierarchy-goes-round",
            1,
            Level.ERROR,
            "Organization is below itself by rdfs:subClassOf, round Foundation, NonP",
        ),
    ),
    "an axiom outside of the profile": (
        "osai.ttl",
        "osai:Agent rdfs:subClassOf [ a owl:Restriction ;\n"
        "    owl:onProperty osai:governs ;\n    owl:allValuesFrom osai:Project ] .",
        ("construct-not-in-the-core", 2, Level.ERROR, "allValuesFrom is used in the core"),
    ),
    "a class that nothing shows": (
        "osai.ttl",
        "osai:Robot a owl:Class ; rdfs:subClassOf osai:Agent .",
        ("example-missing", 0, Level.WARN, "Robot has no example"),
    ),
    "a term that code cannot name": (
        "osai.ttl",
        "osai:Robot a owl:Class .",
        ("vocabulary-differs", 0, Level.ERROR, "Robot is not in kg/vocab.py"),
    ),
    "an inverse without a question": (
        "osai.ttl",
        "osai:expressedBy owl:inverseOf osai:saidIn .",
        ("inverse-without-question", 0, Level.WARN, "saidIn is one of an inverse pair"),
    ),
    "a composite property that the module counts": (
        "osai-dl.ttl",
        "osai:GoverningBody rdfs:subClassOf [ a owl:Restriction ; owl:onProperty osai:everSeatHolder ;\n"
        '    owl:minCardinality "2"^^xsd:nonNegativeInteger ] .',
        ("not-simple-where-it-must-be", None, Level.ERROR, "everSeatHolder is implied by a chain"),
    ),
    "a term of the module that nothing declares": (
        "osai-dl.ttl",
        "osai:Organization rdfs:subClassOf\n    osai:Agnet .",
        ("not-declared", 1, Level.ERROR, "Agnet is used but not declared; did you mean Agent"),
    ),
    "a shape over a property that nothing declares": (
        "shapes/things.ttl",
        "osaish:PlantedShape a sh:NodeShape ;\n    sh:targetClass osai:Project ;\n    sh:property [\n"
        "        sh:path osai:hasRepositroy ;\n        sh:maxCount 9 ] .",
        ("not-declared", 3, Level.ERROR, "hasRepositroy is used but not declared; did you mean hasRepository"),
    ),
    "a shape whose query names what nothing declares": (
        "shapes/things.ttl",
        "osaish:PlantedShape a sh:NodeShape ; sh:targetClass osai:Project ;\n    sh:sparql [ sh:select '''\n"
        "SELECT $this WHERE {\n    $this osai:hasNome ?x }''' ] .",
        ("not-declared", 3, Level.ERROR, "hasNome is used but not declared; did you mean has"),
    ),
    "a shape with an unknown component": (
        "shapes/things.ttl",
        "osaish:PlantedShape a sh:NodeShape ;\n    sh:targetClass osai:Project ;\n    sh:minCuont 1 .",
        ("shape-does-not-compile", 0, Level.ERROR, "the component sh:minCuont is not supported; did you mean"),
    ),
    "an example of a term that nothing declares": (
        "examples/valid/project.ttl",
        "<id/project/planted> a osai:Projekt .",
        ("not-declared", 0, Level.ERROR, "Projekt is used but not declared; did you mean Project"),
    ),
    "a mapping without evidence": (
        "align/foaf.ttl",
        "osai:Endeavour skos:closeMatch foaf:Project .",
        ("alignment-without-evidence", 0, Level.ERROR, "Endeavour skos:closeMatch http://xmlns.com/foaf/0.1/Project"),
    ),
    "evidence without a mapping": (
        "align/evidence.csv",
        "osai:Endeavour,skos:closeMatch,http://example.org/X,rdflib 7.6.0: x.py,2026-11-23",
        ("alignment-without-evidence", 0, Level.ERROR, "has evidence and no mapping"),
    ),
    "evidence of nothing": (
        "align/evidence.csv",
        "Endeavour,skos:closeMatch,http://example.org/X,rdflib 7.6.0: x.py,2026-11-23",
        ("alignment-without-evidence", 0, Level.ERROR, "is no term and relation"),
    ),
    "a concept without a definition": (
        "schemes/mode.ttl",
        "<concept/mode/guess> a skos:Concept ; skos:prefLabel 'guess'@en ; skos:notation 'guess' ;\n"
        "    skos:inScheme <concept/mode> ; skos:topConceptOf <concept/mode> .",
        ("concept-unfit", 0, Level.ERROR, "concept/mode/guess needs exactly one skos:definition; it has 0"),
    ),
    "concepts below one another": (
        "schemes/mode.ttl",
        "<concept/mode/survey>\n    skos:broader <concept/mode/empirical> .\n"
        "<concept/mode/empirical>\n    skos:broader <concept/mode/survey> .",
        ("hierarchy-goes-round", 3, Level.ERROR, "concept/mode/empirical is below itself by skos:broader"),
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_is_found_with_its_line(name: str, copy: Path) -> None:
    file, text, (check, offset, level, says) = PLANTED[name]
    path = copy / file
    if path.name == "foaf.ttl" and "@prefix foaf:" not in path.read_text(encoding="utf-8"):
        pytest.fail("the planted mapping needs the prefix foaf")
    line = plant(path, text)
    told = [one for one in found(copy, check) if re.search(rf"\b{re.escape(says)}", one.message)]
    assert [one.level for one in told] == [level]
    (place,) = (one.place for one in told)
    if offset is not None:
        assert place == f"{path.name}:{line + offset}"
    else:  # it is told of the term, which stands elsewhere
        assert re.fullmatch(r"osai\.ttl:\d+", place or "")


# What is put in place of what stands in a file.
CHANGED = {
    "a header of another version": (
        "osai.ttl",
        'owl:versionInfo "0.2.0"',
        'owl:versionInfo "0.3.0"',
        ("header", "owl:versionInfo of the header is 0.3.0, not 0.2.0; write that"),
    ),
    "a change log of another version": (
        "CHANGELOG.md",
        "## 0.2.0",
        "## 0.3.0",
        ("change-log", "there is no section ## 0.2.0; add it"),
    ),
    "a table of evidence with other columns": (
        "align/evidence.csv",
        "term,relation,target,seen_in,date",
        "term,relation,target,seen",
        ("alignment-without-evidence", "the first line must be term,relation,target,seen_in,date; write it"),
    ),
}


@pytest.mark.parametrize("name", CHANGED)
def test_what_is_changed_is_found(name: str, copy: Path) -> None:
    file, old, new, (check, message) = CHANGED[name]
    line = replace(copy / file, old, new)
    (one,) = found(copy, check)
    assert (one.level, one.message) == (Level.ERROR, message)
    assert one.place == ("CHANGELOG.md" if check == "change-log" else f"{Path(file).name}:{line}")


def test_a_module_of_another_version_is_found(copy: Path) -> None:
    replace(copy / "osai-dl.ttl", 'owl:versionInfo "0.2.0"', 'owl:versionInfo "0.0.9"')
    (one,) = found(copy, "version-differs")
    assert one.message == "the versions differ: osai.ttl 0.2.0, osai-dl.ttl 0.0.9; write one"
    assert (one.place or "").startswith("osai-dl.ttl:")


def test_a_deprecated_term_that_the_change_log_does_not_name_is_found(copy: Path) -> None:
    plant(copy / "osai.ttl", "osai:dependsOn owl:deprecated true .")
    log = copy / "CHANGELOG.md"
    log.write_text(log.read_text(encoding="utf-8").replace("dependsOn", "…"), encoding="utf-8")
    assert [one.subject for one in found(copy, "change-log")] == ["dependsOn"]


def test_a_file_that_is_no_turtle_is_one_finding_and_the_rest_is_checked(copy: Path) -> None:
    line = plant(copy / "schemes" / "mode.ttl", "<concept/mode/x> a skos:Concept ; ; skos:notation .")
    plant(copy / "osai.ttl", "osai:Robot a owl:Class .")
    (broken,) = found(copy, "file-is-not-turtle")
    assert broken.place == f"mode.ttl:{line}"
    assert "not Turtle" in broken.message
    assert found(copy, "vocabulary-differs")


@pytest.mark.parametrize("name", ["osai.ttl", "align/evidence.csv", "CHANGELOG.md"])
def test_a_file_that_is_missing_is_told(copy: Path, name: str) -> None:
    (copy / name).unlink()
    errors = [one for one in quality.findings(DEFAULT_BASE, root=copy) if one.level == Level.ERROR]
    assert any(Path(name).name in (one.place or "") for one in errors)


def test_the_gravest_findings_come_first(copy: Path) -> None:
    plant(copy / "osai.ttl", "osai:Robot a owl:Class .")
    levels = [one.level for one in quality.findings(DEFAULT_BASE, root=copy)]
    assert levels == sorted(levels, key=list(Level).index)
    assert set(levels) == set(Level)


def test_terms_that_nothing_uses_are_warned_of(copy: Path) -> None:
    """A new leaf is unused until data, a query, a shape, an example or an axiom of another term names it."""
    line = plant(copy / "osai.ttl", "osai:Robot a owl:Class ; rdfs:subClassOf osai:Agent .")
    robot = f"{quality.NAMESPACE}Robot"

    def told(*held: str) -> list[str | None]:
        return [one.place for one in quality.unused(DEFAULT_BASE, set(held), root=copy) if one.subject == "Robot"]

    assert told() == [f"osai.ttl:{line}"]
    assert told(robot) == []
    plant(copy / "examples" / "valid" / "person.ttl", "<id/person/planted> a osai:Robot .")
    assert told() == []


def test_a_finding_says_place_message_and_check() -> None:
    one = QualityFinding("name-unfit", Level.ERROR, "isPartOf", "isPartOf is an “is” relation; rename it", "osai.ttl:9")
    assert str(one) == "osai.ttl:9: isPartOf is an “is” relation; rename it [name-unfit]"
    assert one.as_json() == {
        "check": "name-unfit",
        "level": "error",
        "subject": "isPartOf",
        "message": "isPartOf is an “is” relation; rename it",
        "place": "osai.ttl:9",
    }

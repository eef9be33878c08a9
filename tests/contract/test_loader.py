"""What every loader promises, run over every source that is registered."""

from __future__ import annotations

import re
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pyoxigraph
import pytest
import rdflib
from rdflib import OWL, RDF, Literal, URIRef

from kg import resources
from kg.errors import ModelError
from kg.model import Assertion, File, Ledger, Mint, Quad, Snapshot, load_quads, quads
from kg.sources import Issue, IssueList, Source, read_source, registry
from kg.vocab import BORROWED, OSAI, PREFIXES
from tests.conftest import shared_directory

SOURCES = registry()
BASE = "https://example.org/kg/"
MINT = Mint(BASE, Ledger.read(resources.curated() / "ledger.csv"))
ONTOLOGY = resources.read_turtle(resources.ontology() / "osai.ttl", BASE)
PROPERTIES = {
    term
    for kind in (OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty)
    for term in ONTOLOGY.subjects(RDF.type, kind)
}
CLASSES = set(ONTOLOGY.subjects(RDF.type, OWL.Class))
CONCEPTS = {
    URIRef(str(subject))
    for path in resources.vocabulary_files()
    for kind in (rdflib.SKOS.Concept, rdflib.SKOS.ConceptScheme)
    for subject in resources.read_turtle(path, BASE).subjects(RDF.type, kind)
}
# What may lead to an address of others: the same thing there, or more about it.
PAGES = frozenset({rdflib.RDFS.seeAlso, URIRef(PREFIXES["schema"] + "sameAs")})
# Cubes and catalogues are described with classes of others, and a cube names the terms that it is made of.
CUBE = PREFIXES["qb"]
BORROWED_CLASSES = (PREFIXES["skos"] + "Concept", CUBE, PREFIXES["dcat"])
TABLES = ("document", "entity", "event", "situation", "finding", "statement")

E_MAIL = re.compile(r"[\w.+-]+@[\w-]+\.\w")
LOGIN = re.compile(r"(?<![\w/.])@[A-Za-z0-9][\w-]+")


def at_hand(source: Source) -> Snapshot:
    """Give what is bundled, with the documents that lie beside the checkout, or else the shared data set."""
    bundled, shared = source.bundled(), shared_directory()
    if bundled is None:
        if shared is None:
            pytest.skip("the shared data sets are not beside this checkout; KG_SHARED may name their directory")
        place = shared / "data" / source.name
        return Snapshot.of(source.name, [File.of(path, place / path) for path in source.files])
    outside = [
        File.of(path, shared / "documents" / path)
        for path in source.documents
        if bundled.file(path) is None and shared is not None and (shared / "documents" / path).is_file()
    ]
    return Snapshot.of(source.name, [*bundled.files, *outside], curated=source.curated)


def run(source: Source, snapshot: Snapshot) -> tuple[list[Assertion], list[Issue]]:
    issues = IssueList(source.name)
    return list(source.load()(source, snapshot, MINT, issues)), issues.issues


class Loaded:
    """One source, loaded once for all tests of this module."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.snapshot = at_hand(source)
        self.assertions, self.issues = run(source, self.snapshot)

    def quads(self) -> Iterator[Quad]:
        """Give all that a build writes of this source."""
        for assertion in self.assertions:
            yield from quads(assertion, MINT)
        yield from load_quads(self.snapshot, MINT, loader="x", metadata={}, graphs=[MINT.load_graph(self.snapshot)])


LARGE = {"ror"}  # its files take ten seconds to read


@pytest.fixture(
    scope="module",
    params=[pytest.param(s, id=name, marks=[pytest.mark.slow] * (name in LARGE)) for name, s in SOURCES.items()],
)
def loaded(request: pytest.FixtureRequest) -> Loaded:
    return Loaded(request.param)


@pytest.fixture
def again(loaded: Loaded) -> Loaded:
    """A source to load a second time: not the largest, whose bytes tests of the whole build compare."""
    if len(loaded.assertions) > 100_000:
        pytest.skip("too large to be loaded again here: tests of the whole build compare its bytes")
    return loaded


def test_it_says_something(loaded: Loaded) -> None:
    assert loaded.assertions


def test_it_says_the_same_twice(again: Loaded) -> None:
    assert run(again.source, again.snapshot) == (again.assertions, again.issues)


def test_where_the_files_lie_does_not_count(again: Loaded, tmp_path: Path) -> None:
    files = []
    for file in again.snapshot.files:
        (tmp_path / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file.location, tmp_path / file.path)
        files.append(File.of(file.path, tmp_path / file.path))
    moved = Snapshot.of(again.source.name, files, curated=again.source.curated)
    assert run(again.source, moved) == (again.assertions, again.issues)


def test_no_iri_depends_on_the_base(again: Loaded) -> None:
    elsewhere = Mint("http://127.0.0.1:8000/", MINT.ledger)
    moved = again.source.load()(again.source, again.snapshot, elsewhere, IssueList("x"))
    for here, there in zip(again.assertions, moved, strict=True):
        assert there.subject.replace(elsewhere.base, BASE) == str(here.subject)
        assert there.predicate == here.predicate
        if isinstance(here.object, URIRef):
            assert there.object.replace(elsewhere.base, BASE) == str(here.object)
        else:
            assert there.object == here.object


def test_every_iri_is_valid_and_ours_to_give(loaded: Loaded) -> None:
    minted = {said.subject for said in loaded.assertions if said.object == rdflib.SKOS.Concept}
    for said in loaded.assertions:
        for term in (said.subject, said.predicate, said.object):
            if isinstance(term, URIRef):
                pyoxigraph.NamedNode(term)
        assert str(said.subject).startswith((f"{BASE}id/", f"{BASE}concept/")), said
        if said.predicate.startswith(CUBE) and (said.object in PROPERTIES or str(said.object).startswith(CUBE)):
            continue
        if isinstance(said.object, URIRef) and said.predicate not in {RDF.type, *PAGES}:
            assert said.object.startswith(f"{BASE}id/") or said.object in CONCEPTS or said.object in minted, said


def test_every_predicate_and_class_is_of_a_known_vocabulary(loaded: Loaded) -> None:
    for said in loaded.assertions:
        assert said.predicate in PROPERTIES | BORROWED, said
        if said.predicate == RDF.type:
            assert said.object in CLASSES or str(said.object).startswith(BORROWED_CLASSES), said


def test_no_term_is_a_blank_node_and_every_value_fits_its_datatype(loaded: Loaded) -> None:
    for said in loaded.assertions:
        assert type(said.subject) is type(said.predicate) is URIRef
        assert type(said.object) in (URIRef, Literal)
        if isinstance(said.object, Literal):
            assert not said.object.ill_typed, said


def test_every_assertion_says_where_it_was_read(loaded: Loaded) -> None:
    places: dict[int, set[str]] = defaultdict(set)
    for said in loaded.assertions:
        assert said.evidence.snapshot == loaded.snapshot
        path = re.split(r"[:#]", said.evidence.locator)[0]
        assert loaded.snapshot.file(path) is not None, said
        places[said.evidence.number].add(said.evidence.locator)
    assert {len(found) for found in places.values()} == {1}, "one record, one place"
    assert len({place for found in places.values() for place in found}) == len(places), "one place, one record"
    assert set(places) == set(range(1, len(places) + 1)), "records are numbered from 1 in file order"


def test_the_line_of_a_locator_opens_the_entry_it_speaks_of(loaded: Loaded) -> None:
    if loaded.source.loader != "standoff":
        pytest.skip("locators of other loaders have their own form")
    lines = loaded.source.definition.read_text(encoding="utf-8").splitlines()
    for said in loaded.assertions:
        path, _, number = said.evidence.locator.partition(":")
        assert path == f"{loaded.source.name}.toml"
        opening = lines[int(number) - 1]
        assert opening.strip("[] ") in TABLES
        entry = "\n".join(lines[int(number) :]).partition("\n[")[0]
        assert f'id = "{said.evidence.key}"' in entry


@pytest.mark.slow
def test_no_value_is_the_address_or_the_login_of_a_person(loaded: Loaded) -> None:
    for quad in loaded.quads():
        for term in quad:
            if isinstance(term, Literal):
                assert not E_MAIL.search(term), quad
                assert not LOGIN.search(term), quad


def test_addresses_and_logins_would_be_seen() -> None:
    assert all(E_MAIL.search(text) for text in ("a.b@example.org", "mail to <x+y@mail.example.org>"))
    assert all(LOGIN.search(text) for text in ("@octocat", "thanks to @octo-cat, who", "(@octocat)"))
    assert not any(pattern.search("up to $290B @ 2025, 3.5x") for pattern in (E_MAIL, LOGIN))


def test_totals_are_what_the_source_expects(loaded: Loaded) -> None:
    members: dict[str, set[URIRef]] = defaultdict(set)
    for said in loaded.assertions:
        if said.predicate == RDF.type:
            members[str(said.object)].add(said.subject)
    for kind, (least, most) in loaded.source.expect.items():
        term = rdflib.SKOS.Concept if kind == "Concept" else OSAI[kind]
        assert least <= len(members[str(term)]) <= most, kind


def test_every_issue_says_where_and_what(loaded: Loaded) -> None:
    for issue in loaded.issues:
        assert issue.source == loaded.source.name
        assert issue.message
        assert loaded.snapshot.file(re.split(r"[:#]", issue.locator)[0]) is not None


# ---- A field that nobody reads ---------------------------------------------------------------------------------------

OPENINGS = [
    pytest.param(source, table, id=f"{source.name}-{table}")
    for source in SOURCES.values()
    if source.loader == "standoff"
    for table in TABLES
    if re.search(rf"^\[\[?{table}\]", source.definition.read_text(encoding="utf-8"), re.MULTILINE)
]


@pytest.mark.parametrize(("source", "table"), OPENINGS)
def test_an_unknown_field_stops_the_load_and_is_named_with_file_and_line(
    source: Source, table: str, tmp_path: Path
) -> None:
    folder = tmp_path / "curated"
    shutil.copytree(source.definition.parent, folder)
    copy = folder / source.definition.name
    text = copy.read_text(encoding="utf-8")
    opening = re.search(rf"^\[\[?{table}\]\]?\n", text, re.MULTILINE)
    assert opening is not None
    copy.write_text(text[: opening.end()] + 'colour = "red"\n' + text[opening.end() :], encoding="utf-8")
    changed = read_source(copy)
    snapshot = changed.bundled()
    assert snapshot is not None
    line = text[: opening.start()].count("\n") + 1
    with pytest.raises(ModelError, match=rf"^{copy.name}:{line}: {table} .*: the key 'colour' is unknown"):
        run(changed, snapshot)

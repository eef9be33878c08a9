"""What the lines of a load say, against the quads that define how evidence is spelled."""

from __future__ import annotations

from pathlib import Path

import pyoxigraph as ox
import pytest
import rdflib
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import XSD, BNode, Literal, URIRef

from kg.errors import ModelError
from kg.model import Assertion, Evidence, Mint, Snapshot, Speller, quads
from kg.vocab import OSAI

MINT = Mint("https://example.org/kg/")
SNAPSHOT = Snapshot("made", (), "ab" * 32)
SPAN = MINT.span("paper", 3, 9)

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30)
values = st.one_of(
    st.sampled_from([URIRef("https://example.org/thing"), MINT.id("org", "acme")]),
    texts.map(Literal),
    texts.map(lambda text: Literal(text, lang="en")),
    st.integers().map(lambda n: Literal(str(n), datatype=XSD.integer, normalize=False)),
)
said = st.builds(
    Assertion,
    st.sampled_from([MINT.id("org", "acme"), MINT.id("project", "tool"), SPAN]),
    st.sampled_from([OSAI.name, OSAI.homepage, OSAI.emailDomain]),
    values,
    st.builds(Evidence, st.just(SNAPSHOT), st.integers(1, 3), st.just("a.csv:1"), st.none() | texts, st.none() | texts),
)


def spelled(assertions: list[Assertion]) -> set[ox.Quad]:
    """Read the lines back with the engine's parser."""
    speller = Speller(MINT)
    for one in assertions:
        speller.add(one)
    graphs = (
        (MINT.load_graph(SNAPSHOT), [*speller.triples, *speller.names]),
        (MINT.graph("provenance"), speller.provenance),
    )
    lines = [f"{line[:-2]}<{graph}> .\n" for graph, found in graphs for line in found]
    return set(ox.parse("".join((*lines, *speller.words)), ox.RdfFormat.N_QUADS))


def engine(term: rdflib.term.Node) -> ox.NamedNode | ox.Literal:
    if not isinstance(term, Literal):
        return ox.NamedNode(str(term))
    if term.language:
        return ox.Literal(str(term), language=term.language)
    return ox.Literal(str(term), datatype=ox.NamedNode(str(term.datatype or XSD.string)))


@given(st.lists(said, max_size=8))
@settings(max_examples=60, deadline=None)
def test_lines_say_what_the_quads_say(assertions: list[Assertion]) -> None:
    one_record_one_place = {found.evidence.number: found.evidence for found in assertions}
    same = [
        Assertion(found.subject, found.predicate, found.object, one_record_one_place[found.evidence.number])
        for found in assertions
    ]
    assert spelled(same) == {
        ox.Quad(ox.NamedNode(str(s)), ox.NamedNode(str(p)), engine(o), ox.NamedNode(str(g)))
        for found in same
        for s, p, o, g in quads(found, MINT)
    }


def test_words_of_others_stand_apart() -> None:
    speller = Speller(MINT)
    speller.add(Assertion(SPAN, OSAI.exactQuote, Literal('said "so"'), Evidence(SNAPSHOT, 1, "a.txt")))
    assert speller.words == [
        f'<{SPAN}> <{OSAI.exactQuote}> "said \\"so\\"" <https://example.org/kg/graph/words/paper> .\n'
    ]
    assert speller.words_graphs == {URIRef("https://example.org/kg/graph/words/paper")}


def test_a_record_is_described_once_and_a_subject_points_to_it_once() -> None:
    speller = Speller(MINT)
    for name in ("A", "B"):
        speller.add(Assertion(MINT.id("org", "acme"), OSAI.name, Literal(name), Evidence(SNAPSHOT, 1, "a.csv:2")))
    assert speller.records == 1
    assert len(speller.triples) == 1
    assert len(speller.provenance) == 3
    assert len(speller.names) == 2


@pytest.mark.parametrize(
    ("term", "message"),
    [
        (BNode("b"), "a release has no blank nodes"),
        (URIRef("https://example.org/a b"), "is no absolute IRI"),
        (URIRef("relative"), "is no absolute IRI"),
        (URIRef("https://example.org/> <https://example.org/x"), "is no absolute IRI"),
        (Literal("half \ud800"), "half a character"),
    ],
)
def test_what_no_release_may_hold_is_refused(term: rdflib.term.Node, message: str, tmp_path: Path) -> None:
    said = Assertion(MINT.id("org", "acme"), OSAI.homepage, term, Evidence(SNAPSHOT, 1, "a.csv:2"))  # type: ignore[arg-type]
    with pytest.raises(ModelError, match=message):
        Speller(MINT).add(said)

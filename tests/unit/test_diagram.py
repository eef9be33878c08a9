"""The class diagram: every class once, nothing on top of anything else, lines from each class to those below it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from kg.documentation import Named, Term
from kg.web.diagram import COLUMNS, Diagram, draw

LABELS = st.text("abcdefghij klmnop", min_size=1, max_size=30)


def term(number: int, label: str, above: list[int], top: int) -> Term:
    return Term(
        iri=f"urn:{number}",
        name=f"C{number}",
        kind="class",
        family=f"C{top}",
        label=label,
        definition="",
        notes=(),
        above=tuple(Named(f"urn:{other}", f"label {other}") for other in above),
        below=(),
        defined=False,
        domain=None,
        range=None,
        characteristics=(),
        inverse=None,
        axioms=(),
        subject_of=(),
        object_of=(),
        constraints=(),
        mappings=(),
        queries=(),
        deprecated=False,
        replaced_by=None,
        since="",
        history=(),
    )


@st.composite
def forests(draw_from: st.DrawFn) -> list[Term]:
    """Trees depth first: each class stands below one that is on the way to the last."""
    found: list[Term] = []
    for _ in range(draw_from(st.integers(1, 7))):
        top = len(found)
        path = [top]
        found.append(term(top, draw_from(LABELS), [], top))
        for _ in range(draw_from(st.integers(0, 8))):
            del path[draw_from(st.integers(1, len(path))) :]
            number = len(found)
            found.append(term(number, draw_from(LABELS), [path[-1]], top))
            path.append(number)
    return found


def drawn(terms: list[Term]) -> Diagram:
    return draw(terms, {one.iri: 1234 for one in terms})


@given(forests())
def test_every_class_is_drawn_once_and_nothing_overlaps(terms: list[Term]) -> None:
    diagram = drawn(terms)
    assert [box.name for box in diagram.boxes] == [one.name for one in terms]
    for box in diagram.boxes:
        assert box.x >= 5
        assert box.x + box.width <= diagram.width
        assert 11 <= box.y <= diagram.height - 11
    for number, one in enumerate(diagram.boxes):
        for other in diagram.boxes[number + 1 :]:
            apart = one.x + one.width < other.x or other.x + other.width < one.x or abs(one.y - other.y) >= 22
            assert apart, f"{one.name} and {other.name} overlap"


@given(forests())
def test_a_line_leads_from_each_class_to_those_below_it(terms: list[Term]) -> None:
    diagram = drawn(terms)
    at = {one.iri: box for one, box in zip(terms, diagram.boxes, strict=True)}
    expected = {(at[one.above[0].iri].x, at[one.iri].y, at[one.iri].x - 5) for one in terms if one.above}
    found = {
        tuple(map(int, step)) for line in diagram.lines for step in re.findall(r"M(\d+) (\d+)H(\d+)", line)
    }  # across, at the height of the lower class
    assert found == expected
    assert len(diagram.lines) == len({one.above[0].iri for one in terms if one.above})


@given(forests())
def test_trees_keep_their_order_down_and_then_across(terms: list[Term]) -> None:
    tops = [box for box in drawn(terms).boxes if box.top]
    assert len({box.x for box in tops}) == min(COLUMNS, len(tops))
    assert [(box.x, box.y) for box in tops] == sorted((box.x, box.y) for box in tops)


def test_a_class_below_two_says_the_other() -> None:
    diagram = drawn([term(0, "a", [], 0), term(1, "b", [0], 0), term(2, "c", [0, 1], 0)])
    assert [box.label for box in diagram.boxes] == ["a", "b", "c (also label 1)"]


def test_nothing_to_draw_is_an_empty_diagram() -> None:
    assert draw([], {}) == Diagram(0, 0, (), ())

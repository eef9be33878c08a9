"""The class diagram: one indented tree below each top, packed into columns. Positions only; the template draws them."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kg.documentation import Term

COLUMNS = 3
_ROW, _INDENT, _GAP, _MARGIN = 22, 18, 16, 12  # user units, which are pixels where nothing is scaled
_CHARACTER = 7.2  # width of one in the label's font: a little more than the average, so that nothing overlaps
_MARK = 12  # from the mark of a class to its label


@dataclass(frozen=True, slots=True)
class Box:
    """One class where it is drawn: the middle of its mark, and how much room mark and label take to the right."""

    name: str
    label: str
    x: int
    y: int
    width: int
    top: bool
    defined: bool
    count: int | None = None  # of instances, where counts are known


@dataclass(frozen=True, slots=True)
class Diagram:
    """A drawing: boxes, and for each class with subclasses the path of lines to them."""

    width: int
    height: int
    boxes: tuple[Box, ...]
    lines: tuple[str, ...]


def draw(classes: Sequence[Term], counts: Mapping[str, int]) -> Diagram:
    """Lay out the classes, which come depth first as the documentation has them. ``counts`` is by IRI.

    A class below two others stands with the first; its label names the other, so that nothing is left out.
    """
    trees = [list(tree) for _, tree in itertools.groupby(classes, key=lambda term: term.family)]
    boxes: list[Box] = []
    lines: list[str] = []
    left, height = 0, 0
    for column in _columns(trees):
        top, right = _MARGIN, left
        for tree in column:
            placed = list(_place(tree, counts, left + _MARGIN, top + _ROW // 2))
            boxes += placed
            lines += _lines(tree, placed)
            top += len(tree) * _ROW + _GAP
            right = max(right, *(box.x + box.width for box in placed))
        left, height = right + _MARGIN, max(height, top - _GAP + _MARGIN)
    return Diagram(left, height, tuple(boxes), tuple(lines))


def _columns(trees: Sequence[list[Term]]) -> list[Sequence[list[Term]]]:
    """Cut the trees, in their order, into columns so that the longest is as short as it can be."""

    def cut(at: Sequence[int]) -> list[Sequence[list[Term]]]:
        return [trees[start:end] for start, end in itertools.pairwise((0, *at, len(trees)))]

    def longest(columns: Sequence[Sequence[list[Term]]]) -> int:
        return max(sum(len(tree) * _ROW + _GAP for tree in column) for column in columns)

    number = min(COLUMNS, len(trees))
    return min(map(cut, itertools.combinations(range(1, len(trees)), number - 1)), key=longest) if trees else []


def _place(tree: Sequence[Term], counts: Mapping[str, int], x: int, y: int) -> Iterator[Box]:
    depth: dict[str, int] = {}
    for row, term in enumerate(tree):
        parents = [named.iri for named in term.above if named.iri in depth]
        depth[term.iri] = depth[parents[0]] + 1 if parents else 0
        others = [named.text for named in term.above if named.iri not in parents[:1]]
        label = f"{term.label} (also {', '.join(others)})" if others else term.label
        count = counts.get(term.iri)
        shown = label if count is None else f"{label} {count:,}"
        yield Box(
            name=term.name,
            label=label,
            x=x + depth[term.iri] * _INDENT,
            y=y + row * _ROW,
            width=_MARK + round(len(shown) * _CHARACTER),
            top=not term.above,
            defined=term.defined,
            count=count,
        )


def _lines(tree: Sequence[Term], boxes: Sequence[Box]) -> Iterator[str]:
    """Give one path for each class with subclasses: down from its mark, and across to each of theirs."""
    where = {term.iri: box for term, box in zip(tree, boxes, strict=True)}
    below: dict[str, list[Box]] = {}
    for term, box in zip(tree, boxes, strict=True):
        parents = [named.iri for named in term.above if named.iri in where]
        if parents:
            below.setdefault(parents[0], []).append(box)
    for iri, children in below.items():
        start = where[iri]
        across = "".join(f"M{start.x} {child.y}H{child.x - 5}" for child in children)
        yield f"M{start.x} {start.y + 5}V{children[-1].y}{across}"

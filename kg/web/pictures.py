"""The pictures of entity pages: time lines, stacked bars, curves and maps. Positions only; the templates draw them.

Units are user units of an SVG that is shown as wide as it is laid out, so one unit is one pixel of CSS. Every picture
stands beside a table that says the same.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

WIDTH = 880
TONES = 6  # how many colours the style sheet has for series
_CHARACTER = 6.6  # width of one in the font of the labels: a little more than the average
_ROW, _LANE_GAP, _TOP, _AXIS = 34, 12, 8, 26
_STACK_HEIGHT, _STACK_LEFT = 220, 56
_MAP_ROW = 26
_MOST_TICKS = 12

Years = float  # a time as a year with a fraction: 2022.5 is the middle of 2022


@dataclass(frozen=True, slots=True)
class Stretch:
    """One situation to draw: who or what, in which lane, and the bounds of its beginning and its end.

    ``begun`` and ``ended`` are (earliest, latest); None where nothing is known. ``open`` says that no end is known.
    """

    lane: str
    label: str
    href: str | None
    begun: tuple[Years | None, Years | None]
    ended: tuple[Years | None, Years | None]
    open: bool


@dataclass(frozen=True, slots=True)
class Moment:
    """One event to draw: its label, its address here and when it was."""

    label: str
    href: str | None
    at: Years


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch where it is drawn. ``from_x`` to ``x`` and ``right`` to ``to_x`` are possible, not certain."""

    label: str
    href: str | None
    from_x: int
    x: int
    right: int
    to_x: int
    y: int
    tone: int
    label_x: int
    anchor: str
    open: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """A mark of an axis."""

    label: str
    at: int


@dataclass(frozen=True, slots=True)
class Mark:
    """An event where it is drawn."""

    label: str
    href: str | None
    at: int


@dataclass(frozen=True, slots=True)
class TimeLine:
    """A drawn time line: lanes with their heads, bars, a line for each event, and an axis of years."""

    width: int
    height: int
    heads: tuple[tuple[str, int], ...]
    bars: tuple[Bar, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """One part of a stacked bar."""

    x: int
    y: float
    width: int
    height: float
    tone: int
    title: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Drawn stacked bars, with the events that fall among them."""

    width: int
    height: int
    left: int
    floor: int
    blocks: tuple[Block, ...]
    marks: tuple[Mark, ...]
    ticks: tuple[Tick, ...]
    levels: tuple[Tick, ...]
    series: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """One drawn series of counts: the points of a line, its ends in words, and its highest value."""

    label: str
    href: str | None
    points: str
    first: str
    last: str
    highest: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Spoke:
    """One organization of a map of memberships, and the curve that leads to it."""

    label: str
    href: str | None
    note: str
    y: int
    path: str
    inner: bool
    tone: int


@dataclass(frozen=True, slots=True)
class Map:
    """A drawn map of memberships: the member to the left, what it belongs to on the right."""

    width: int
    height: int
    middle: int
    spokes: tuple[Spoke, ...]


@dataclass(frozen=True, slots=True)
class Branch:
    """One row of a drawn tree: how deep it stands, and a bar as long as its count."""

    label: str
    href: str | None
    x: int
    y: int
    count: str
    bar: int
    here: bool


@dataclass(frozen=True, slots=True)
class Tree:
    """A drawn tree: rows from the top down, the lines between them, and where its bars begin."""

    width: int
    height: int
    floor: int
    branches: tuple[Branch, ...]
    lines: tuple[str, ...]


def years(when: datetime) -> Years:
    """Give a time as a year with a fraction.

    >>> years(datetime(2022, 7, 2))
    2022.4986301369863
    """
    first = datetime(when.year, 1, 1, tzinfo=when.tzinfo)
    whole = datetime(when.year + 1, 1, 1, tzinfo=when.tzinfo) - first
    return when.year + (when - first) / whole


def quarter_years(quarter: str) -> Years:
    """Give the beginning of a quarter such as ``2022-Q3`` as a year with a fraction.

    >>> quarter_years("2022-Q3")
    2022.5
    """
    return int(quarter[:4]) + (int(quarter[-1]) - 1) / 4


def time_line(stretches: Sequence[Stretch], moments: Sequence[Moment], *, today: Years) -> TimeLine | None:
    """Lay out situations by lane, in the order given; None where no time at all is known."""
    known = [at for one in stretches for at in (*one.begun, *one.ended) if at is not None]
    known += [moment.at for moment in moments]
    if not known:
        return None
    last = max(*known, today)
    first = min(*known, last - 1)
    first -= (last - first) / 8  # room for what was before the first known day

    def across(at: Years) -> int:
        return round(8 + (at - first) / (last - first) * (WIDTH - 32))

    bars: list[Bar] = []
    heads: list[tuple[str, int]] = []
    top = _TOP
    tones: dict[str, int] = {}
    for lane, group in itertools.groupby(stretches, key=lambda one: one.lane):
        heads.append((lane, top + 12))
        top += 16
        for one in group:
            sure_from, sure_to = one.begun[1], one.ended[0]
            from_x = across(one.begun[0] if one.begun[0] is not None else first)
            x = across(sure_from if sure_from is not None else (one.begun[0] if one.begun[0] is not None else first))
            to_x = across(last if one.open else (one.ended[1] if one.ended[1] is not None else last))
            right = across(last) if one.open else across(sure_to) if sure_to is not None else to_x
            left_x = min(from_x, x)
            right, to_x = max(right, x + 2), max(to_x, right, x + 2)
            width = round(len(one.label) * _CHARACTER)
            fits = x + width < WIDTH - 8
            bars.append(
                Bar(
                    label=one.label,
                    href=one.href,
                    from_x=left_x,
                    x=x,
                    right=right,
                    to_x=to_x,
                    y=top,
                    tone=tones.setdefault(one.label, len(tones) % TONES),
                    label_x=x if fits else WIDTH - 8,
                    anchor="start" if fits else "end",
                    open=one.open,
                )
            )
            top += _ROW
        top += _LANE_GAP
    return TimeLine(
        width=WIDTH,
        height=top + _AXIS,
        heads=tuple(heads),
        bars=tuple(bars),
        marks=tuple(Mark(moment.label, moment.href, across(moment.at)) for moment in moments),
        ticks=_year_ticks(first, last, across),
    )


def _year_ticks(first: Years, last: Years, across: object) -> tuple[Tick, ...]:
    assert callable(across)  # noqa: S101  (a local function of the caller)
    begin, end = int(first) + 1, int(last)
    step = next(step for step in (1, 2, 5, 10, 25, 50, 100) if (end - begin) / step <= _MOST_TICKS)
    return tuple(Tick(str(year), across(year)) for year in range(begin, end + 1) if year % step == 0)


def stack(
    counts: Mapping[str, Mapping[str, int]], series: Sequence[tuple[str, int]], moments: Sequence[Moment]
) -> Stack | None:
    """Lay out bars of counts by quarter, stacked in the order of ``series``; None where there is nothing to draw.

    ``counts`` maps a quarter (``2022-Q3``) to the count of each series, which comes with the number of its colour.
    """
    if not counts:
        return None
    begin, end = quarter_years(min(counts)), quarter_years(max(counts)) + 0.25
    slots = round((end - begin) * 4)
    step = min(max((WIDTH - _STACK_LEFT - 24) // slots, 3), 40)
    highest = max(sum(of.values()) for of in counts.values()) or 1
    floor = _STACK_HEIGHT + _TOP
    blocks = []
    for quarter, of in sorted(counts.items()):
        x = _STACK_LEFT + round((quarter_years(quarter) - begin) * 4) * step
        y = float(floor)
        for name, tone in series:
            count = of.get(name, 0)
            if count:
                height = count / highest * _STACK_HEIGHT
                y -= height
                title = f"{quarter}, {name}: {count:,}"
                blocks.append(Block(x, round(y, 1), step - 1, round(height, 1), tone, title))

    def across(at: Years) -> int:
        return _STACK_LEFT + round((at - begin) * 4 * step)

    levels = tuple(
        Tick(f"{level:,}", round(floor - level / highest * _STACK_HEIGHT)) for level in _round_levels(highest)
    )
    return Stack(
        width=_STACK_LEFT + slots * step + 24,
        height=floor + _AXIS,
        left=_STACK_LEFT,
        floor=floor,
        blocks=tuple(blocks),
        marks=tuple(Mark(one.label, one.href, across(one.at)) for one in moments if begin <= one.at <= end),
        ticks=_year_ticks(begin - 0.01, end, across),
        levels=levels,
        series=tuple(series),
    )


def _round_levels(highest: int) -> list[int]:
    """Give about four round numbers up to ``highest``.

    >>> _round_levels(7200)
    [0, 2000, 4000, 6000]
    """
    size = 1
    while True:
        for step in (1, 2, 5):
            if highest / (step * size) <= 4:
                return list(range(0, highest + 1, step * size))
        size *= 10


def curve(label: str, href: str | None, values: Sequence[tuple[str, int]]) -> Curve:
    """Lay out one series of counts in the order given, from zero up."""
    width, height = 260, 70
    highest = max(count for _, count in values) or 1
    step = (width - 8) / max(len(values) - 1, 1)
    points = " ".join(
        f"{4 + number * step:.1f},{4 + (height - 8) * (1 - count / highest):.1f}"
        for number, (_, count) in enumerate(values)
    )
    (first, at_first), (last, at_last) = values[0], values[-1]
    return Curve(label, href, points, f"{first}: {at_first:,}", f"{last}: {at_last:,}", f"{highest:,}", width, height)


def membership_map(entries: Sequence[tuple[str, str | None, str, bool]]) -> Map | None:
    """Lay out memberships, each (name, address, level, whether it stands below the one before); None without any."""
    if not entries:
        return None
    height = len(entries) * _MAP_ROW + 2 * _TOP
    middle = height // 2
    tones: dict[str, int] = {}
    spokes = []
    for number, (label, href, note, inner) in enumerate(entries):
        y = _TOP + number * _MAP_ROW + _MAP_ROW // 2
        x = 250 if inner else 226
        path = f"M 14 {middle} C 120 {middle}, 120 {y}, {x} {y}"
        tone = tones.setdefault(note, len(tones) % TONES)
        spokes.append(Spoke(label, href, note, y, path, inner, tone))
    # As wide as its longest label: a picture that is wider than the page is scrolled, none is cut.
    widest = max(270 + round((len(spoke.label) + len(spoke.note) + 1) * _CHARACTER) for spoke in spokes)
    return Map(max(widest, 400), height, middle, tuple(spokes))


def tree(rows: Sequence[tuple[str, str | None, int, int, bool]]) -> Tree | None:
    """Lay out (label, address, depth, count, whether it is the one of the page); None where there is only one row.

    Rows are in the order of a walk: each stands below the nearest row before it that is less deep.
    """
    if len(rows) < 2:
        return None
    step, gap = 18, 24
    widest = max(round(len(label) * _CHARACTER) + depth * step for label, _, depth, *_ in rows)
    floor = min(max(widest + 32, 220), 560)
    most = max(count for *_, count, _ in rows) or 1
    branches: list[Branch] = []
    lines: list[str] = []
    above: dict[int, int] = {}
    for number, (label, href, depth, count, here) in enumerate(rows):
        x, y = 10 + depth * step, _TOP + number * gap + gap // 2
        if depth and depth - 1 in above:
            lines.append(f"M {10 + (depth - 1) * step} {above[depth - 1] + 5} V {y} H {x - 5}")
        above[depth] = y
        branches.append(Branch(label, href, x, y, f"{count:,}", round(count / most * 160), here))
    return Tree(floor + 220, len(rows) * gap + 2 * _TOP, floor, tuple(branches), tuple(lines))

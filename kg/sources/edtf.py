"""Dates as sources give them (EDTF level 1) and the four bounds that stand for them in the graph.

A source gives a day, a month, "about 2022" or a week; OWL and SPARQL compare instants. So each date becomes the first
and the last instant that it can mean, in UTC, and keeps its text in ``osai:dateText``.

Source: Extended Date/Time Format (ISO 8601-2:2019, annex A), levels 0 and 1; ontology design, section 2.4.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from rdflib import Literal, URIRef
from rdflib.namespace import XSD

from kg.vocab import OSAI

_DATE = re.compile(r"(\d{4}|\d{3}X|\d{2}XX)(?:-(\d{2}|XX)(?:-(\d{2}|XX))?)?([~?%])?")
_OPEN = ("", "..")  # an end that is not known, and one that is open
_HELP = "write 2022-09-12, 2022-09, 2022, 2022~ or an interval such as 2022-09-12/2022-09-30"


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first and the last instant that a date can mean, as lexical xsd:dateTime in UTC; None where unbounded."""

    earliest: str | None
    latest: str | None


def bounds(text: str) -> Bounds:
    """Give the instants that an EDTF text covers, to the second.

    An interval covers all from its first date to its last; an open (``..``) or unknown (empty) side gives None. A date
    that is uncertain or approximate (``?``, ``~``, ``%``) is widened by one unit of its precision on either side: EDTF
    itself leaves the width open. Seasons, times of day, years beyond four digits and level 2 are refused.

    Raises ValueError that says what is wrong and what may stand there.

    >>> bounds("2022-09")
    Bounds(earliest='2022-09-01T00:00:00Z', latest='2022-09-30T23:59:59Z')
    >>> bounds("2022~").earliest
    '2021-01-01T00:00:00Z'
    """
    parts = text.split("/")
    if len(parts) == 1:
        first, last = _days(text, text)
        return Bounds(_start(first), _end(last))
    if len(parts) != 2 or all(part in _OPEN for part in parts):
        raise ValueError(f"{text!r} is no date of EDTF level 1; {_HELP}")
    begin = None if parts[0] in _OPEN else _days(parts[0], text)
    end = None if parts[1] in _OPEN else _days(parts[1], text)
    if begin and end and begin[0] > end[1]:
        raise ValueError(f"the interval {text!r} ends before it begins")
    return Bounds(_start(begin[0]) if begin else None, _end(end[1]) if end else None)


def happened(text: str) -> Iterator[tuple[URIRef, Literal]]:
    """Give what is said of a happening or a document dated ``text``: the bounds of its start, and the text.

    An interval means "at some instant in it", not "all through it". Raises ValueError as ``bounds`` does.
    """
    yield from _bound(OSAI.earliestStart, OSAI.latestStart, bounds(text))
    yield OSAI.dateText, Literal(text)


def lasted(start: str | None, end: str | None, *, seen: str | None = None) -> Iterator[tuple[URIRef, Literal]]:
    """Give what is said of a situation: the bounds of its start and its end, and the interval as text.

    ``seen`` is a date at which a source saw the situation hold, where it does not say since when: it began at the
    latest then. No end: none is known. Raises ValueError as ``bounds`` does, and when the end is before the start.
    """
    begin = bounds(start) if start else Bounds(None, bounds(seen).latest if seen else None)
    until = bounds(end) if end else Bounds(None, None)
    if begin.earliest and until.latest and begin.earliest > until.latest:
        raise ValueError(f"it ends ({end}) before it begins ({start})")
    yield from _bound(OSAI.earliestStart, OSAI.latestStart, begin)
    yield from _bound(OSAI.earliestEnd, OSAI.latestEnd, until)
    if start or end:
        yield OSAI.dateText, Literal(f"{start or ''}/{end or '..'}")


def instant(text: str) -> Literal:
    """Give a lexical xsd:dateTime as a literal that keeps its spelling (rdflib would write ``+00:00``)."""
    return Literal(text, datatype=XSD.dateTime, normalize=False)


def spell(earliest: str, latest: str) -> str:
    """Give the shortest EDTF text that covers from ``earliest`` to ``latest``, both lexical xsd:dateTime in UTC.

    The inverse of ``bounds``: for the hull of several dates.

    >>> spell("2022-09-01T00:00:00Z", "2022-09-30T23:59:59Z"), spell("2022-09-07T00:00:00Z", "2022-09-12T23:59:59Z")
    ('2022-09', '2022-09-07/2022-09-12')
    """
    first, last = _day(earliest), _day(latest)
    if last < first:
        raise ValueError(f"{latest} is before {earliest}")
    for text in (f"{first.year:04}", f"{first.year:04}-{first.month:02}", first.isoformat()):
        if _days(text, text) == (first, last):
            return text
    return f"{first.isoformat()}/{last.isoformat()}"


def _bound(low: URIRef, high: URIRef, found: Bounds) -> Iterator[tuple[URIRef, Literal]]:
    if found.earliest:
        yield low, instant(found.earliest)
    if found.latest:
        yield high, instant(found.latest)


def _day(text: str) -> date:
    return datetime.fromisoformat(text).astimezone(UTC).date()


def _start(day: date) -> str:
    return f"{day.isoformat()}T00:00:00Z"


def _end(day: date) -> str:
    return f"{day.isoformat()}T23:59:59Z"


def _days(part: str, whole: str) -> tuple[date, date]:
    """Give the first and the last day that one date can mean."""
    found = _DATE.fullmatch(part)
    if not found:
        raise ValueError(f"{whole!r} is no date of EDTF level 1; {_HELP}")
    year, month, day, mark = found.groups()
    try:
        years = int(year.replace("X", "0")), int(year.replace("X", "9"))
        if month is None or month == "XX" or years[0] != years[1]:
            if (month or "XX") != "XX" or (day or "XX") != "XX":
                raise ValueError("unspecified digits are followed by specified ones")
            first, last = date(years[0], 1, 1), date(years[1], 12, 31)
            return (_shift(first, -12), _shift_end(last, 12)) if mark else (first, last)
        if day is None or day == "XX":
            first = date(years[0], int(month), 1)
            last = date(years[0], int(month), calendar.monthrange(years[0], int(month))[1])
            return (_shift(first, -1), _shift_end(last, 1)) if mark else (first, last)
        exact, around = date(years[0], int(month), int(day)), timedelta(days=1 if mark else 0)
        return exact - around, exact + around
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{whole!r} is no date ({error}); {_HELP}") from error


def _shift(first: date, months: int) -> date:
    """Give the first day of the month that is ``months`` away."""
    count = first.year * 12 + first.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


def _shift_end(last: date, months: int) -> date:
    """Give the last day of the month that is ``months`` away."""
    return _shift(last.replace(day=1), months + 1) - timedelta(days=1)

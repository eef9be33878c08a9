"""Judgements of people on pairs, kept as rows of a CSV file that anyone can read, edit and review.

Columns: ``left`` and ``right``, IRIs relative to the base as they were minted before merging (``id/org/meta``), so that
they hold whatever merges; ``verdict``, one of same, different and related; ``reason``, why, in a few words; ``by``, who
judged, as a role and never as a person; ``date``. Rows are kept sorted, so that two people's work merges by lines.
"""

from __future__ import annotations

import csv
import datetime
import io
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kg.errors import ModelError, nearest
from kg.resolution import Link, Verdict

FILE = "judgements.csv"
HEADER = ("left", "right", "verdict", "reason", "by", "date")
VERDICTS = (Verdict.SAME, Verdict.DIFFERENT, Verdict.RELATED)
_KEY = re.compile(r"id/(?:org|project|model)/[a-z0-9-]+")


@dataclass(frozen=True, slots=True, order=True)
class Judgement:
    """What a person judged of a pair; ``left`` and ``right`` are relative to the base, in order of text."""

    left: str
    right: str
    verdict: Verdict
    reason: str
    by: str
    date: datetime.date

    @classmethod
    def of(cls, one: str, other: str, verdict: Verdict, reason: str, by: str, day: datetime.date) -> Judgement:
        """Make a judgement of a pair in either order."""
        left, right = sorted((one, other))
        return cls(left, right, verdict, reason, by, day)

    def link(self, base: str) -> Link:
        """Give the link that it makes between two IRIs."""
        return Link.of(base + self.left, base + self.right, self.verdict, 1.0, (self.reason,), "judgement")


def read_judgements(path: Path) -> list[Judgement]:
    """Read a file of judgements; none where there is no file.

    Raises ModelError with file and line for a row that does not fit, and for a pair that is judged twice.
    """
    if not path.is_file():
        return []
    found: dict[tuple[str, str], Judgement] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.reader(stream)
        if tuple(next(reader, ())) != HEADER:
            raise ModelError(f"{path.name}:1: the header must be {','.join(HEADER)}")
        for row in reader:
            where = f"{path.name}:{reader.line_num}"
            judgement = parse(row, where)
            pair = judgement.left, judgement.right
            if pair in found:
                raise ModelError(f"{where}: {pair[0]} and {pair[1]} are judged twice; keep one of the rows")
            found[pair] = judgement
    return sorted(found.values())


def parse(row: Sequence[str], where: str) -> Judgement:
    """Read one row of the file, in the order of ``HEADER``. Raises ModelError, which begins with ``where``."""
    if len(row) != len(HEADER):
        raise ModelError(f"{where}: {len(row)} fields, not the {len(HEADER)} of {','.join(HEADER)}")
    left, right, verdict, reason, by, day = (text.strip() for text in row)
    for key in (left, right):
        if not _KEY.fullmatch(key):
            raise ModelError(f"{where}: {key!r} is no IRI relative to the base, such as id/org/meta")
    if left == right or left.split("/")[1] != right.split("/")[1]:
        raise ModelError(f"{where}: {left} and {right} are not two things of one kind")
    if verdict not in VERDICTS:
        raise ModelError(
            f"{where}: the verdict {verdict!r} is none of {', '.join(VERDICTS)}{nearest(verdict, VERDICTS)}"
        )
    try:
        return Judgement.of(left, right, Verdict(verdict), reason, by, datetime.date.fromisoformat(day))
    except ValueError as error:
        raise ModelError(f"{where}: the date {day!r} is no day such as 2026-11-24") from error


def links(paths: Iterable[Path], base: str) -> list[Link]:
    """Read several files; of a pair that two have judged, the later file's judgement holds."""
    found = {(each.left, each.right): each for path in paths for each in read_judgements(path)}
    return sorted(each.link(base) for each in found.values())


def record(path: Path, judgement: Judgement) -> None:
    """Add a judgement to a file, in place of an earlier one on the pair. The file changes in one rename."""
    kept = [each for each in read_judgements(path) if (each.left, each.right) != (judgement.left, judgement.right)]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for each in sorted([*kept, judgement]):
        writer.writerow((each.left, each.right, each.verdict, each.reason, each.by, each.date.isoformat()))
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_text(text.getvalue(), encoding="utf-8")
    part.replace(path)

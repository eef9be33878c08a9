"""Aggregates tables that are too large to become triples row by row, by SQL that DuckDB and Spark both speak.

The door to both engines. ``opened`` gives one; ``Engine.select`` runs one SQL text over named tables:

    with opened("duckdb", memory="1GB") as engine:
        months = list(group_months(engine, Table.parquet(EVENTS, *files), known={"example.org"}))

**Events.** What the two expressions here read is a table of raw contributions, one row for each commit (``EVENTS``):

- ``project`` text: the key of the project, never empty;
- ``committed_on`` date: the committer's own date, as ``git log --date=short`` gives ``%cd``. A date, not an instant: an
  instant would fall into other months by the time zone of whoever counts;
- ``domain`` text: registrable domain of the author's address in lower case, or what stands for none: ``(webmail)``,
  ``(github-noreply)``, ``(none)`` (also for null);
- ``author`` 64-bit integer: the same number for the same author, and of no use to find out who it is. Null counts as a
  commit of nobody;
- ``evidence`` text: ``email`` or ``linked`` where ``domain`` is one of an organization;
- ``bot`` and ``internal`` boolean: committed by a program; landed through a company's internal review. Null is false.

**Groups.** A domain is shown where at least ``MIN_AUTHORS`` different authors use it over all events, or where it is
``known`` to be an organization's. All others become ``(small-domain)``, so that a personal domain identifies nobody.
Bots are the group ``(bot)``. What stands in brackets has the evidence ``none`` (``bot`` for bots).

**Equal results.** Both engines give the same rows in the same order: whole numbers only, text in order of bytes, no
floats, no time zones, ties broken by complete keys.

**Cost.** Distinct authors are counted by grouping twice, never by ``count(DISTINCT)``, whose sets cannot leave memory.
DuckDB writes what does not fit to a temporary folder: held to 512 MB, the process peaks at some 620 MB over 20 million
events (tests/bench/test_tables.py). Spark hands over all rows at once, so there an answer must fit in memory.
"""

from __future__ import annotations

import csv
import re
import tempfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from kg.errors import ConfigError, DriftError, FetchError
from kg.model import File, Snapshot

EVENTS: Mapping[str, str] = {
    "project": "STRING",
    "committed_on": "DATE",
    "domain": "STRING",
    "author": "BIGINT",
    "evidence": "STRING",
    "bot": "BOOLEAN",
    "internal": "BOOLEAN",
}
MIN_AUTHORS = 3  # of a domain that is shown; the README of the shared contributions


@dataclass(frozen=True, slots=True)
class Table:
    """Files of one table: their format, and their columns in order with the type of each, as both engines name it."""

    files: tuple[Path, ...]
    columns: Mapping[str, str]
    format: Literal["csv", "parquet"]

    @classmethod
    def csv(cls, columns: Mapping[str, str], *files: Path) -> Table:
        """Name CSV files with a header; an empty field without quotes is null."""
        return cls(files, columns, "csv")

    @classmethod
    def parquet(cls, columns: Mapping[str, str], *files: Path) -> Table:
        """Name Parquet files."""
        return cls(files, columns, "parquet")


_ENGINES = {"duckdb": "on_duckdb", "spark": "on_spark"}  # a module each, so that neither library is loaded unasked
Values = Collection[str]  # a table of one text column named "value"


class Engine(Protocol):
    """Something that answers SQL over tables."""

    def select(self, sql: str, tables: Mapping[str, Table | Values]) -> Iterator[tuple[Any, ...]]:
        """Give the rows of one SELECT, a block at a time. One answer at a time: the next question ends it.

        ``tables`` are the names that the text may use. Raises DriftError when a file is not the table it is said to be.
        """
        ...


@contextmanager
def opened(
    engine: str = "duckdb", *, memory: str = "1GB", threads: int = 2, scratch: Path | None = None
) -> Iterator[Engine]:
    """Open an engine: ``duckdb``, or ``spark`` where the extra ``kg[spark]`` is installed.

    ``memory`` bounds what DuckDB holds, and is the heap of Spark's Java; what does not fit is written to a folder
    below ``scratch`` (by default the system's), which is gone afterwards. Neither engine opens a connection beyond
    loopback. Raises ConfigError for another name, an amount that is no amount, or an engine that is not installed.
    """
    if not re.fullmatch(r"[1-9]\d*[MG]B", memory):
        raise ConfigError(f"{memory!r} is no amount of memory; write 512MB or 2GB")
    if engine not in _ENGINES:
        raise ConfigError(f"there is no engine {engine!r}; the engines are {' and '.join(_ENGINES)}")
    try:
        opener = import_module(f"{__name__}.{_ENGINES[engine]}").opened
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"{error.name} is not installed, which the engine {engine} needs; install kg[spark] or use duckdb"
        ) from error
    with (
        tempfile.TemporaryDirectory(prefix="kg-tables-", dir=scratch) as folder,
        opener(memory, threads, Path(folder)) as found,
    ):
        yield found


# ---- The expressions -------------------------------------------------------------------------------------------------


class GroupMonth(NamedTuple):
    """What one group of contributors did for one project in one month. Commits may be summed, authors never."""

    project: str
    month: str  # YYYY-MM
    domain: str  # or what stands for none, in brackets
    evidence: str  # email, linked, none or bot
    commits: int
    authors: int
    internal: int


class ProjectMonth(NamedTuple):
    """What all contributors did for one project in one month. Only ``bot_commits`` and ``internal`` count bots."""

    project: str
    month: str
    commits: int
    authors: int
    new_authors: int  # whose first month in this project it is
    bot_commits: int
    internal: int


_MONTH = "substr(CAST({0} AS STRING), 1, 4) || '-' || substr(CAST({0} AS STRING), 5, 2)"

GROUP_MONTHS = f"""
WITH per_author AS (
  SELECT project, year(committed_on) * 100 + month(committed_on) AS month, author,
    CASE WHEN bot THEN '(bot)' ELSE coalesce(domain, '(none)') END AS domain,
    CASE WHEN bot THEN 'bot' WHEN domain IS NULL OR domain LIKE '(%' THEN 'none' ELSE evidence END AS evidence,
    count(*) AS commits, sum(CASE WHEN internal THEN 1 ELSE 0 END) AS internal
  FROM events
  GROUP BY 1, 2, 3, 4, 5
), users AS (
  SELECT DISTINCT domain, author FROM per_author WHERE domain NOT LIKE '(%' AND author IS NOT NULL
), shown AS (
  SELECT domain FROM users GROUP BY domain HAVING count(*) >= {MIN_AUTHORS}
  UNION
  SELECT value AS domain FROM known
), pooled AS (
  SELECT project, month, author,
    CASE WHEN a.domain LIKE '(%' OR s.domain IS NOT NULL THEN a.domain ELSE '(small-domain)' END AS domain,
    CASE WHEN a.domain LIKE '(%' OR s.domain IS NOT NULL THEN evidence ELSE 'none' END AS evidence,
    sum(commits) AS commits, sum(internal) AS internal
  FROM per_author AS a LEFT JOIN shown AS s ON a.domain = s.domain
  GROUP BY 1, 2, 3, 4, 5
)
SELECT project, {_MONTH.format("month")} AS month, domain, evidence,
  CAST(sum(commits) AS BIGINT) AS commits, count(author) AS authors, CAST(sum(internal) AS BIGINT) AS internal
FROM pooled
GROUP BY project, pooled.month, domain, evidence
ORDER BY project NULLS FIRST, pooled.month NULLS FIRST, domain NULLS FIRST, evidence NULLS FIRST
"""  # noqa: S608  only our own constants are put in

PROJECT_MONTHS = f"""
WITH per_author AS (
  SELECT project, year(committed_on) * 100 + month(committed_on) AS month, author, coalesce(bot, false) AS bot,
    count(*) AS commits, sum(CASE WHEN internal THEN 1 ELSE 0 END) AS internal
  FROM events
  GROUP BY 1, 2, 3, 4
), arrivals AS (
  SELECT project, month, count(*) AS new_authors
  FROM (
    SELECT project, author, min(month) AS month FROM per_author WHERE NOT bot AND author IS NOT NULL GROUP BY 1, 2
  ) AS first_months
  GROUP BY 1, 2
), months AS (
  SELECT project, month,
    sum(CASE WHEN bot THEN 0 ELSE commits END) AS commits, count(CASE WHEN bot THEN NULL ELSE author END) AS authors,
    sum(CASE WHEN bot THEN commits ELSE 0 END) AS bot_commits, sum(internal) AS internal
  FROM per_author
  GROUP BY 1, 2
)
SELECT m.project, {_MONTH.format("m.month")} AS month, CAST(m.commits AS BIGINT) AS commits, m.authors,
  coalesce(a.new_authors, 0) AS new_authors, CAST(m.bot_commits AS BIGINT) AS bot_commits,
  CAST(m.internal AS BIGINT) AS internal
FROM months AS m LEFT JOIN arrivals AS a ON m.project = a.project AND m.month = a.month
ORDER BY m.project NULLS FIRST, m.month NULLS FIRST
"""  # noqa: S608  only our own constants are put in


def group_months(engine: Engine, events: Table, *, known: Values = ()) -> Iterator[GroupMonth]:
    """Count commits, authors and internally landed commits by project, month, group and evidence, in that order.

    ``known`` are domains of organizations, which are shown however few use them. Raises DriftError when an event has no
    project, date or evidence.
    """
    for row in engine.select(GROUP_MONTHS, {"events": events, "known": known}):
        yield GroupMonth(*_complete(row, 4))


def project_months(engine: Engine, events: Table) -> Iterator[ProjectMonth]:
    """Count commits and authors without bots, first-time authors, and commits of bots, by project and month.

    Raises DriftError when an event has no project or date.
    """
    for row in engine.select(PROJECT_MONTHS, {"events": events}):
        yield ProjectMonth(*_complete(row, 2))


def _complete(row: tuple[Any, ...], keys: int) -> tuple[Any, ...]:
    if None in row[:keys]:
        missing = ("project", "committed_on", "domain", "evidence")[row.index(None)]
        raise DriftError(f"events without {missing} (of {row[0]!r}, {row[1]}); every event must have one")
    return row


def located(snapshot: Snapshot, path: str) -> Path:
    """Give where a file of a snapshot lies, its bytes proved block by block: an engine reads the file itself.

    Raises DriftError when the snapshot has no such file, FetchError when the bytes changed since it was taken.
    """
    file = snapshot.file(path)
    if file is None:
        raise DriftError(f"{snapshot.source}: {path} is not in the snapshot; fetch it again")
    if File.of(path, file.location) != file:
        raise FetchError(f"{path} changed since its snapshot was taken; fetch it again")
    return file.location


def check_headers(table: Table) -> None:
    """Raise DriftError unless each CSV file begins with the columns of its table: engines go by position alone."""
    for file in table.files if table.format == "csv" else ():
        with file.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
            header = next(csv.reader(lines), [])
        if header != list(table.columns):
            wanted = ", ".join(table.columns)
            raise DriftError(f"{file.name}:1: the columns are {', '.join(header) or 'none'}; they must be {wanted}")


def drift(tables: Mapping[str, Table | Values], said: object) -> DriftError:
    """Give the error that names the files of the tables and says in one line what an engine found wrong with them."""
    names = ", ".join(file.name for table in tables.values() if isinstance(table, Table) for file in table.files)
    return DriftError(f"{names}: {str(said).strip().partition(chr(10))[0]}; mend the file or fetch it again")

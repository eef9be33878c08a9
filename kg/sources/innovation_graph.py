"""Aggregates the GitHub Innovation Graph: counts by economy and quarter, where an AI topic has pushers.

The six tables stay tables: the graph describes each of them (``dcat:Distribution``: columns, rows, bytes), and holds
only what is read from them for economies and quarters with a pusher to an AI topic:

- the totals of ``developers.csv``, ``git_pushes.csv``, ``organizations.csv`` and ``repositories.csv``;
- ``topics.csv`` by group of topics and ``licenses.csv`` by group of licences. A sum of pushers counts who pushes to two
  topics of a group twice, and leaves out what the source suppresses (fewer than 100); its measure says so.

A record is all rows of one table that count in one economy. ``EU`` is an economy beside its members, so sums over all
economies count those members twice.

Settings: ``totals`` (table to measure), ``topics`` and ``licences`` (group to its members), ``cells`` (the group of
topics whose quarters are taken) and ``measures`` (each measure's name and definition). Graphs written: the load's.
Memory: bounded by the engine (``MEMORY``), whatever the tables hold.

Source: README of the shared data set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict
from rdflib import RDF, SKOS, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS, XSD

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source
from kg.sources.lifecycle import Triple
from kg.sources.tables import Engine, Table, Values, located, opened
from kg.vocab import OSAI

MEMORY: Final = "256MB"
TOPICS: Final = "topics.csv"
LICENCES: Final = "licenses.csv"

_CELL: Final = {"iso2_code": "STRING", "year": "BIGINT", "quarter": "BIGINT"}
_COLUMNS: Final[Mapping[str, Mapping[str, str]]] = {
    "developers.csv": {"developers": "BIGINT", **_CELL},
    "git_pushes.csv": {"git_pushes": "BIGINT", **_CELL},
    LICENCES: {"num_pushers": "BIGINT", "spdx_license": "STRING", **_CELL},
    "organizations.csv": {"organizations": "BIGINT", **_CELL},
    "repositories.csv": {"repositories": "BIGINT", **_CELL},
    TOPICS: {"num_pushers": "BIGINT", "topic": "STRING", **_CELL},
}
_NAMED: Final = {TOPICS: "topic", LICENCES: "spdx_license"}  # the column that groups are made of

# All that is counted of one table: {column} by {group}, where members of groups stand as "group member" in ``members``.
_CELLS: Final = """
WITH cells AS (
  SELECT DISTINCT iso2_code, year, quarter FROM topics
  WHERE topic IN (SELECT split_part(value, ' ', 2) FROM taken)
)
"""
_TOTALS: Final = """
SELECT t.iso2_code, t.year, t.quarter, '{measure}' AS measure, t.{column} AS n
FROM counted AS t JOIN cells AS c ON t.iso2_code = c.iso2_code AND t.year = c.year AND t.quarter = c.quarter
ORDER BY 1, 2, 3
"""
_SUMS: Final = """
SELECT t.iso2_code, t.year, t.quarter, split_part(m.value, ' ', 1) AS measure, CAST(sum(t.num_pushers) AS BIGINT) AS n
FROM counted AS t JOIN members AS m ON t.{column} = split_part(m.value, ' ', 2)
  JOIN cells AS c ON t.iso2_code = c.iso2_code AND t.year = c.year AND t.quarter = c.quarter
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
"""
# A member may be in several groups; its rows are kept once.
_KEPT: Final = """
SELECT count(*)
FROM counted AS t JOIN cells AS c ON t.iso2_code = c.iso2_code AND t.year = c.year AND t.quarter = c.quarter
WHERE {column} IN ({members})
"""
_MEMBERS: Final = "SELECT split_part(value, ' ', 2) FROM members"
_UNKNOWN: Final = """
SELECT spdx_license, count(*) FROM counted
WHERE spdx_license NOT IN (SELECT split_part(value, ' ', 2) FROM members)
GROUP BY 1 ORDER BY 1
"""
_FAULTY: Final = """
SELECT count(*), count(CASE WHEN {whole} OR {number} < 0 OR quarter NOT BETWEEN 1 AND 4
  OR year NOT BETWEEN 2000 AND 2999 OR length(iso2_code) <> 2
  OR translate(iso2_code, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', '') <> '' THEN 1 END)
FROM counted
"""
_TWICE: Final = "SELECT {key} FROM counted GROUP BY {key} HAVING count(*) > 1 ORDER BY {key} LIMIT 1"


class _Measure(BaseModel):
    """What one count means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    definition: str


class _Settings(BaseModel):
    """The ``[settings]`` table."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cells: str
    totals: Mapping[str, str]
    topics: Mapping[str, tuple[str, ...]]
    licences: Mapping[str, tuple[str, ...]]
    measures: Mapping[str, _Measure]


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield the description of the tables, then the observations of each, by economy, quarter and measure.

    Raises DriftError when a table is none, has two rows of one key, or counts below zero. A licence in no group is an
    issue; rows that enter no observation are counted as ignored under the name of their table.
    """
    settings = source.settings_of(_Settings)
    tables = {path: Table.csv(_COLUMNS[path], located(snapshot, path)) for path in source.files}
    numbers = count(1)
    described: set[URIRef] = set()
    with opened("duckdb", memory=MEMORY, threads=1) as engine:
        sizes = {path: _rows(engine, path, table) for path, table in tables.items()}
        for path, size in sizes.items():
            evidence = Evidence(snapshot, next(numbers), path)
            for triple in _distribution(source, snapshot, mint, path, size):
                yield Assertion(*triple, evidence)
            if path == LICENCES:
                _unknown_licences(engine, source, settings, tables[path], issues)
            records: dict[str, Evidence] = {}
            questions = _questions(settings, tables, path)
            for code, year, quarter, measure, number in engine.select(*questions.counts):
                if code not in records:
                    records[code] = Evidence(snapshot, next(numbers), f"{path}#iso2_code={code}")
                evidence = records[code]
                economy, term = mint.id("economy", code.lower()), mint.id("measure", measure)
                for subject, triples in (
                    (economy, _union(economy, code)),
                    (term, _measure(term, settings.measures[measure])),
                ):
                    if subject not in described:
                        described.add(subject)
                        for triple in triples:
                            yield Assertion(*triple, evidence)
                node = mint.id("obs", code.lower(), measure, f"{year}-q{quarter}")
                yield Assertion(node, RDF.type, OSAI.EconomyObservation, evidence)
                yield Assertion(node, OSAI.obsEconomy, economy, evidence)
                yield Assertion(node, OSAI.obsMeasure, term, evidence)
                yield Assertion(node, OSAI.obsPeriod, Literal(f"{year}-Q{quarter}"), evidence)
                value = Literal(str(number), datatype=XSD.nonNegativeInteger, normalize=False)
                yield Assertion(node, OSAI.obsCount, value, evidence)
            ((kept,),) = engine.select(*questions.kept)
            issues.ignore(path, size - kept)


# ---- What the tables hold --------------------------------------------------------------------------------------------


def _rows(engine: Engine, path: str, table: Table) -> int:
    """Count the rows of a table, and prove that each has a whole key of its own and no count below zero."""
    key = ", ".join(list(table.columns)[1:])
    number = next(iter(table.columns))
    whole = " OR ".join(f"{name} IS NULL" for name in table.columns)
    names: Mapping[str, Table | Values] = {"counted": table}
    ((size, faulty),) = engine.select(_FAULTY.format(whole=whole, number=number), names)
    if faulty:
        raise DriftError(f"{path}: {faulty} rows lack a value, or have one that cannot be; fetch the table again")
    twice = next(engine.select(_TWICE.format(key=key), names), None)
    if twice:
        raise DriftError(f"{path}: {' '.join(map(str, twice))} stands twice; fetch the table again")
    return int(size)


class _Questions(NamedTuple):
    """What is asked of one table: its counts (economy, year, quarter, measure, count), and how many rows they read."""

    counts: tuple[str, Mapping[str, Table | Values]]
    kept: tuple[str, Mapping[str, Table | Values]]


def _questions(settings: _Settings, tables: Mapping[str, Table], path: str) -> _Questions:
    """Spell the questions for one table."""
    named: dict[str, Table | Values] = {
        "topics": tables[TOPICS],
        "counted": tables[path],
        "taken": _members(settings.topics, settings.cells),
    }
    if path not in _NAMED:
        sql = _TOTALS.format(column=next(iter(_COLUMNS[path])), measure=settings.totals[path])
        return _Questions((_CELLS + sql, named), (_CELLS + _KEPT.format(column="1", members="1"), named))
    named["members"] = _members(settings.topics if path == TOPICS else settings.licences)
    column = _NAMED[path]
    kept = _KEPT.format(column=f"t.{column}", members=_MEMBERS)
    return _Questions((_CELLS + _SUMS.format(column=column), named), (_CELLS + kept, named))


def _members(groups: Mapping[str, tuple[str, ...]], *wanted: str) -> list[str]:
    """Spell which member is in which group, for the expressions above."""
    return [f"{group} {member}" for group in wanted or groups for member in groups[group]]


def _unknown_licences(engine: Engine, source: Source, settings: _Settings, table: Table, issues: Issues) -> None:
    """Report each licence that no group holds: its pushers would be in no count."""
    for licence, number in engine.select(_UNKNOWN, {"counted": table, "members": _members(settings.licences)}):
        issues.warn(
            f"the licence {licence!r} ({number} rows) is in no group of [settings.licences]; add it in "
            f"{source.definition.name}",
            locator=LICENCES,
            kind="unknown-value",
            value=licence,
        )


# ---- How it is said --------------------------------------------------------------------------------------------------


def _distribution(source: Source, snapshot: Snapshot, mint: Mint, path: str, size: int) -> Iterator[Triple]:
    """Describe one table. Its hash and size stand at the file of the snapshot that it is."""
    dataset = mint.id("dataset", source.name)
    name = path.removesuffix(".csv")
    node = mint.id("dataset", source.name, name)
    if path == source.files[0]:
        yield dataset, RDF.type, OSAI.Dataset
        yield dataset, OSAI.name, Literal(source.title)
    yield dataset, DCAT.distribution, node
    yield node, RDF.type, DCAT.Distribution
    yield node, OSAI.name, Literal(f"{source.title}: {name.replace('_', ' ')}")
    yield node, DCAT.mediaType, Literal("text/csv")
    yield node, DCTERMS.source, mint.id("snapshot", snapshot.sha12, path)
    yield node, OSAI.rowCount, Literal(str(size), datatype=XSD.nonNegativeInteger, normalize=False)
    for column in _COLUMNS[path]:
        yield node, OSAI.columnName, Literal(column)


def _union(economy: URIRef, code: str) -> Iterator[Triple]:
    """Describe the one economy that ISO 3166 has no country for; another source describes the countries."""
    if code == "EU":
        yield economy, RDF.type, OSAI.Economy
        yield economy, OSAI.name, Literal("European Union")


def _measure(term: URIRef, measure: _Measure) -> Iterator[Triple]:
    yield term, RDF.type, OSAI.Measure
    yield term, OSAI.name, Literal(measure.name)
    yield term, SKOS.definition, Literal(measure.definition, lang="en")

"""Aggregation of tables: by hand, by plain Python over random events, and by two engines with equal answers."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.errors import ConfigError, DriftError, FetchError
from kg.model import File, Snapshot
from kg.sources.tables import (
    EVENTS,
    MIN_AUTHORS,
    Engine,
    GroupMonth,
    ProjectMonth,
    Table,
    group_months,
    located,
    opened,
    project_months,
)


class Event(NamedTuple):
    """One row of the table of events."""

    project: str | None
    committed_on: str | None
    domain: str | None
    author: int | None
    evidence: str | None
    bot: bool | None = False
    internal: bool | None = False


def written(path: Path, events: Sequence[Event]) -> Table:
    """Write events as a CSV file; what is None is an empty field."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(EVENTS)
        rows.writerows(
            [str(value).lower() if isinstance(value, bool) else value for value in event] for event in events
        )
    return Table.csv(EVENTS, path)


@pytest.fixture(scope="module")
def duckdb() -> Iterator[Engine]:
    with opened("duckdb", memory="256MB", threads=1) as engine:
        yield engine


# ---- By hand ---------------------------------------------------------------------------------------------------------


def test_commits_and_authors_are_counted_by_month_group_and_evidence(duckdb: Engine, tmp_path: Path) -> None:
    events = [
        Event("p", "2022-01-31", "a.example", 1, "email"),
        Event("p", "2022-01-01", "a.example", 1, "email", internal=True),
        Event("p", "2022-01-15", "a.example", 2, "linked"),
        Event("p", "2022-02-01", "a.example", 3, "email"),
        Event("q", "2022-02-28", "(webmail)", 1, "none"),
    ]
    assert list(group_months(duckdb, written(tmp_path / "e.csv", events))) == [
        GroupMonth("p", "2022-01", "a.example", "email", 2, 1, 1),
        GroupMonth("p", "2022-01", "a.example", "linked", 1, 1, 0),
        GroupMonth("p", "2022-02", "a.example", "email", 1, 1, 0),
        GroupMonth("q", "2022-02", "(webmail)", "none", 1, 1, 0),
    ]


def test_a_domain_of_few_authors_is_pooled_unless_it_is_known(duckdb: Engine, tmp_path: Path) -> None:
    few = [
        Event("p", "2022-01-01", domain, author, "email") for domain in ("x.example", "y.example") for author in (1, 2)
    ]
    table = written(tmp_path / "e.csv", few)
    # Authors of both domains are two people: a pool counts each once.
    assert list(group_months(duckdb, table)) == [GroupMonth("p", "2022-01", "(small-domain)", "none", 4, 2, 0)]
    assert [row.domain for row in group_months(duckdb, table, known=["x.example"])] == ["(small-domain)", "x.example"]


def test_authors_of_a_domain_are_counted_over_all_projects_and_months(duckdb: Engine, tmp_path: Path) -> None:
    events = [Event(f"p{n}", f"2022-0{n}-01", "x.example", n, "email") for n in range(1, MIN_AUTHORS + 1)]
    assert {row.domain for row in group_months(duckdb, written(tmp_path / "e.csv", events))} == {"x.example"}
    again = [event._replace(author=1) for event in events]
    assert {row.domain for row in group_months(duckdb, written(tmp_path / "f.csv", again))} == {"(small-domain)"}


def test_bots_count_apart_and_make_no_domain_known(duckdb: Engine, tmp_path: Path) -> None:
    events = [Event("p", "2022-01-01", "x.example", n, "email", bot=True) for n in range(9)]
    events.append(Event("p", "2022-01-01", "x.example", 1, "email"))
    table = written(tmp_path / "e.csv", events)
    assert list(group_months(duckdb, table)) == [
        GroupMonth("p", "2022-01", "(bot)", "bot", 9, 9, 0),
        GroupMonth("p", "2022-01", "(small-domain)", "none", 1, 1, 0),
    ]
    assert list(project_months(duckdb, table)) == [ProjectMonth("p", "2022-01", 1, 1, 1, 9, 0)]


def test_an_author_is_new_once_for_each_project(duckdb: Engine, tmp_path: Path) -> None:
    events = [
        Event("p", "2022-01-31", None, 1, None),
        Event("p", "2022-02-01", None, 1, None),
        Event("p", "2022-02-01", None, 2, None),
        Event("q", "2022-02-01", None, 1, None),
        Event("p", "2022-02-02", None, None, None),
    ]
    assert list(project_months(duckdb, written(tmp_path / "e.csv", events))) == [
        ProjectMonth("p", "2022-01", 1, 1, 1, 0, 0),
        ProjectMonth("p", "2022-02", 3, 2, 1, 0, 0),
        ProjectMonth("q", "2022-02", 1, 1, 1, 0, 0),
    ]


def test_nothing_is_counted_of_no_events(duckdb: Engine, tmp_path: Path) -> None:
    table = written(tmp_path / "e.csv", [])
    assert list(group_months(duckdb, table)) == []
    assert list(project_months(duckdb, table)) == []


@pytest.mark.parametrize(
    ("event", "missing"),
    [
        (Event(None, "2022-01-01", "(webmail)", 1, "none"), "project"),
        (Event("p", None, "(webmail)", 1, "none"), "committed_on"),
    ],
)
def test_an_event_without_project_or_date_is_drift(duckdb: Engine, tmp_path: Path, event: Event, missing: str) -> None:
    table = written(tmp_path / "e.csv", [event])
    with pytest.raises(DriftError, match=f"events without {missing}"):
        list(group_months(duckdb, table))
    with pytest.raises(DriftError, match=f"events without {missing}"):
        list(project_months(duckdb, table))


# ---- Files of strangers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", r"t\.csv:1: the columns are none; they must be a, b"),
        (b"b,a\n1,2\n", r"t\.csv:1: the columns are b, a"),
        (b"a,b,c\n1,2,3\n", r"t\.csv:1: the columns are a, b, c"),
        (b"a,b\n1,2,3\n", r"t\.csv: .*Line: 2"),
        (b"a,b\n1\n", r"t\.csv: .*Line: 2"),
        (b"a,b\n1,x\nx,y\n", r"t\.csv: .*Line: 3"),
        (b'a,b\n1,x\n2,"y\n', r"t\.csv: .*Line: 3"),
        (b"a,b\n1,\xff\n", r"t\.csv: .*Line: 2"),
    ],
)
def test_a_file_that_is_no_such_table_is_drift_with_its_line(
    duckdb: Engine, tmp_path: Path, text: bytes, said: str
) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(text)
    with pytest.raises(DriftError, match=said):
        list(duckdb.select("SELECT * FROM t", {"t": Table.csv({"a": "BIGINT", "b": "STRING"}, path)}))


def test_quotes_breaks_and_nulls_are_read_as_csv_has_them(duckdb: Engine, tmp_path: Path) -> None:
    path = tmp_path / "it's.csv"
    path.write_bytes(b'\xef\xbb\xbfa,b\r\n1,"x, ""y""\nz"\r\n2,\r\n3,""\r\n')
    table = Table.csv({"a": "BIGINT", "b": "STRING"}, path)
    assert list(duckdb.select("SELECT a, b FROM t ORDER BY a", {"t": table})) == [(1, 'x, "y"\nz'), (2, None), (3, "")]


def test_a_file_is_proved_before_an_engine_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a\n1\n", encoding="utf-8")
    snapshot = Snapshot.of("s", [File.of("t.csv", path)])
    assert located(snapshot, "t.csv") == path
    with pytest.raises(DriftError, match=r"u\.csv is not in the snapshot"):
        located(snapshot, "u.csv")
    path.write_text("a\n2\n", encoding="utf-8")
    with pytest.raises(FetchError, match="changed since"):
        located(snapshot, "t.csv")


@pytest.mark.parametrize(
    ("engine", "memory", "said"),
    [("dukdb", "1GB", "no engine 'dukdb'"), ("duckdb", "1 gig", "no amount of memory"), ("duckdb", "0MB", "no amount")],
)
def test_an_engine_that_cannot_be_opened_says_why(engine: str, memory: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said), opened(engine, memory=memory):
        pass


def test_nothing_stays_in_the_scratch_folder(tmp_path: Path) -> None:
    with opened("duckdb", memory="64MB", scratch=tmp_path) as engine:
        assert list(engine.select("SELECT 1", {})) == [(1,)]
    assert list(tmp_path.iterdir()) == []


# ---- A second way ----------------------------------------------------------------------------------------------------


def plainly(events: Sequence[Event], known: Sequence[str]) -> tuple[list[GroupMonth], list[ProjectMonth]]:
    """Count in plain Python, event by event."""
    users: dict[str, set[int]] = defaultdict(set)
    for event in events:
        if event.domain and not event.bot and not event.domain.startswith("(") and event.author is not None:
            users[event.domain].add(event.author)
    shown = {domain for domain, authors in users.items() if len(authors) >= MIN_AUTHORS} | set(known)
    groups: dict[tuple[str, ...], list[Event]] = defaultdict(list)
    months: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for event in events:
        assert event.project is not None
        assert event.committed_on is not None
        month = event.committed_on[:7]
        months[event.project, month].append(event)
        if event.bot:
            group = "(bot)", "bot"
        elif not event.domain:
            group = "(none)", "none"
        elif event.domain.startswith("("):
            group = event.domain, "none"
        else:
            group = (event.domain, event.evidence or "") if event.domain in shown else ("(small-domain)", "none")
        groups[event.project, month, *group].append(event)

    def authors(of: Sequence[Event]) -> set[int]:
        return {event.author for event in of if event.author is not None}

    first: dict[tuple[str, int], str] = {}
    for (project, month), of in sorted(months.items()):
        for author in authors([event for event in of if not event.bot]):
            first.setdefault((project, author), month)
    by_group = [
        GroupMonth(*key, len(of), len(authors(of)), sum(bool(event.internal) for event in of))  # type: ignore[arg-type,call-arg]  # four texts
        for key, of in sorted(groups.items(), key=lambda item: [text.encode() for text in item[0]])
    ]
    by_month = []
    for (project, month), of in sorted(months.items(), key=lambda item: [text.encode() for text in item[0]]):
        people = [event for event in of if not event.bot]
        new = sum(when == month for (where, _), when in first.items() if where == project)
        internal = sum(bool(event.internal) for event in of)
        by_month.append(
            ProjectMonth(project, month, len(people), len(authors(people)), new, len(of) - len(people), internal)
        )
    return by_group, by_month


DOMAINS = ("a.example", "b.example", "ü.example", "Z.example", "(webmail)", "(github-noreply)", None)
DAYS = ("2019-12-31", "2020-01-01", "2020-01-31", "2020-02-01", "2020-02-29", "2020-03-01")
EVENT = st.builds(
    Event,
    st.sampled_from(("p", "P", "é", "p-2")),
    st.sampled_from(DAYS),
    st.sampled_from(DOMAINS),
    st.sampled_from((None, -(2**63), -1, 0, 1, 2, 3, 2**63 - 1)),
    st.sampled_from(("email", "linked")),
    st.sampled_from((True, False, False, None)),
    st.sampled_from((True, False, None)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENT, max_size=60), st.sets(st.sampled_from(("a.example", "b.example", "unused.example"))))
def test_any_events_are_counted_as_by_hand(
    duckdb: Engine, tmp_path: Path, events: list[Event], known: set[str]
) -> None:
    table = written(tmp_path / "e.csv", events)
    by_group, by_month = plainly(events, sorted(known))
    assert list(group_months(duckdb, table, known=known)) == by_group
    assert list(project_months(duckdb, table)) == by_month


def random_events(number: int) -> list[Event]:
    """Events with ties, nulls and the borders of months, always the same ones."""
    chance = random.Random(20220912)
    day = date(2019, 12, 1)
    return [
        Event(
            chance.choice(("p", "P", "é", "p-2")),
            (day + timedelta(days=chance.randrange(400))).isoformat(),
            chance.choice((*DOMAINS, *(f"d{n}.example" for n in range(40)))),
            chance.choice((None, -(2**63), 2**63 - 1, *range(90))),
            chance.choice(("email", "linked")),
            chance.choice((True, False, False, False, None)),
            chance.choice((True, False, None)),
        )
        for _ in range(number)
    ]


@pytest.mark.java
@pytest.mark.slow
def test_spark_answers_as_duckdb_and_plain_python_do(duckdb: Engine, tmp_path: Path) -> None:
    """One text, two engines, CSV and Parquet: rows, order and types are equal."""
    pytest.importorskip("pyspark")
    events = random_events(3_000)
    table = written(tmp_path / "e.csv", events)
    import duckdb as library

    library.execute(
        f"COPY (SELECT * FROM read_csv('{table.files[0]}', columns = {dict(EVENTS)!r}, header = true, nullstr = '')) "  # noqa: S608  a path of ours
        f"TO '{tmp_path / 'e.parquet'}'"
    )
    packed = Table.parquet(EVENTS, tmp_path / "e.parquet")
    empty = written(tmp_path / "empty.csv", [])
    known = ["d3.example", "unused.example"]

    def answers(engine: Engine) -> list[list[Any]]:
        return [
            answer
            for place in (table, packed, empty)
            for answer in (list(group_months(engine, place, known=known)), list(project_months(engine, place)))
        ]

    by_group, by_month = plainly(events, known)
    assert answers(duckdb) == [by_group, by_month] * 2 + [[], []]
    with opened("spark", memory="512MB") as spark:
        assert answers(spark) == [by_group, by_month] * 2 + [[], []]
        broken = tmp_path / "broken.csv"
        broken.write_text("a,b\nx,y\n", encoding="utf-8")
        with pytest.raises(DriftError, match=r"broken\.csv"):
            list(spark.select("SELECT * FROM t", {"t": Table.csv({"a": "BIGINT", "b": "STRING"}, broken)}))
        with pytest.raises(DriftError, match=r"broken\.csv:1: the columns are a, b"):
            list(spark.select("SELECT * FROM t", {"t": Table.csv({"b": "STRING", "a": "STRING"}, broken)}))

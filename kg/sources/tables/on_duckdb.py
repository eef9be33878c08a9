"""Aggregates tables in this process with DuckDB, which writes to a folder what its memory does not hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb

from kg.sources.tables import Engine, Table, Values, check_headers, drift

# As RFC 4180 has it; only an empty field without quotes is null.
_CSV = (
    "auto_detect = false, header = true, strict_mode = true, delim = ',', quote = '\"', escape = '\"', nullstr = '', "
    "allow_quoted_nulls = false"
)
_BLOCK = 10_000  # rows handed over at a time


class _DuckDB:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def select(self, sql: str, tables: Mapping[str, Table | Values]) -> Iterator[tuple[Any, ...]]:
        try:
            for name, table in tables.items():
                if isinstance(table, Table):
                    check_headers(table)
                    self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {name} AS {_read(table)}")
                else:
                    self._connection.execute(
                        f"CREATE OR REPLACE TEMP TABLE {name} AS SELECT unnest($1::STRING[]) AS value", [sorted(table)]
                    )
            answer = self._connection.execute(sql)
            while block := answer.fetchmany(_BLOCK):
                yield from block
        except duckdb.Error as error:
            raise drift(tables, error) from error


@contextmanager
def opened(memory: str, threads: int, folder: Path) -> Iterator[Engine]:
    """Open a database in memory that reads files, fetches no extension and ends with the block."""
    settings: dict[str, Any] = {
        "memory_limit": memory,
        "threads": threads,
        "temp_directory": str(folder),
        "preserve_insertion_order": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
    }
    with duckdb.connect(":memory:", config=settings) as connection:
        connection.execute("SET enable_progress_bar = false")  # it would draw on standard output
        yield _DuckDB(connection)


def _read(table: Table) -> str:
    """Give the SELECT that reads a table, each column under its name and cast to its type."""
    files = f"[{', '.join(_quoted(str(file)) for file in table.files)}]"
    if table.format == "parquet":
        source = f"read_parquet({files})"
    else:
        types = ", ".join(f"{_quoted(name)}: {_quoted(kind)}" for name, kind in table.columns.items())
        source = f"read_csv({files}, columns = {{{types}}}, {_CSV})"
    columns = ", ".join(f"CAST({name} AS {kind}) AS {name}" for name, kind in table.columns.items())
    return f"SELECT {columns} FROM {source}"  # noqa: S608  names are ours, paths are quoted


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"

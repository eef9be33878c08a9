"""Reads the rows of Parquet files, in their order, with DuckDB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import duckdb

from kg.errors import DriftError, FetchError
from kg.model import File

_BLOCK = 10_000  # rows handed over at a time
_SETTINGS: dict[str, Any] = {
    "memory_limit": "1GB",
    "threads": 1,
    "preserve_insertion_order": True,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def parquet_rows(file: File, where: str) -> Iterator[dict[str, Any]]:
    """Give each row by the names of its columns, with values as Python has them. Streams by blocks.

    Raises DriftError, which begins with ``where``, for what is no Parquet or holds a column twice; FetchError when the
    bytes changed since the snapshot.
    """
    if File.of(file.path, file.location).sha256 != file.sha256:
        raise FetchError(f"{file.path} changed since its snapshot was taken; fetch it again")
    try:
        with duckdb.connect(":memory:", config=_SETTINGS) as connection:
            answer = connection.execute("SELECT * FROM read_parquet($1)", [str(file.location)])
            columns = [column[0] for column in answer.description or ()]
            if len(set(columns)) != len(columns):
                raise DriftError(f"{where}: a column stands twice; there are {', '.join(columns)}")
            while block := answer.fetchmany(_BLOCK):
                for row in block:
                    yield dict(zip(columns, row, strict=True))
    except duckdb.Error as error:
        raise DriftError(
            f"{where}: {str(error).strip().partition(chr(10))[0]}; mend the file or fetch it again"
        ) from error

"""Answers to the questions of the catalogue as they stand, worked out when a release is made: pages show them at once.

Some of them read the whole graph for seconds. An answer is known by the text it answers, so a query that was changed
since, or that carries other values, is asked. Knows no page.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from kg.catalogue import PUBLIC, Catalogue, Query
from kg.errors import AnswerTooLargeError, ReleaseError
from kg.store import JSON_RESULTS, Form, Limits, Store

# In a release: for each query its name, the hash of its text, and its answer in SPARQL 1.1 Query Results JSON.
ANSWERS = "answers.json"
MOST = 2_000_000  # bytes of one answer; a longer one is asked for when somebody wants it
_HOME = "home"  # the tag of queries that the first page asks


class Answers:
    """Answers of one release, by the text of the query."""

    def __init__(self, found: Mapping[str, bytes] | None = None) -> None:
        self._found = dict(found or {})  # hash of the text -> SPARQL JSON

    def __len__(self) -> int:
        return len(self._found)

    def get(self, text: str) -> bytes | None:
        """Give the whole answer to a query as SPARQL JSON, or None where it is not at hand."""
        return self._found.get(_mark(text)) if self._found else None


def kept(catalogue: Catalogue) -> Iterator[Query]:
    """Give the queries whose answers a release keeps: all that people are shown, and those of the first page."""
    for query in sorted(catalogue, key=lambda query: query.name):
        if query.form is not Form.GRAPH and query.group in PUBLIC:
            yield query
    yield from (query for query in catalogue.group("pages") if _HOME in query.tags)


def leave(folder: Path, store: Store, catalogue: Catalogue, *, limits: Limits) -> None:
    """Ask the queries, and write what they answer into a directory that becomes a release.

    Several at a time, for the engine frees the interpreter: some seven seconds of processor time for three million
    quads. Equal quads and queries give equal bytes: queries order their rows.
    """

    def ask(query: Query) -> bytes | None:
        try:
            with store.answer(query.text, JSON_RESULTS, limits=limits, trusted=True) as answer:
                body = answer.read()
        except AnswerTooLargeError:
            return None
        return body if len(body) <= MOST else None

    queries = tuple(kept(catalogue))
    with ThreadPoolExecutor(os.cpu_count()) as beside:
        bodies = beside.map(ask, queries)
    told = {
        query.name: {"sha256": _mark(query.text), "answer": json.loads(body)}
        for query, body in zip(queries, bodies, strict=True)
        if body is not None
    }
    text = json.dumps({"answers": told}, ensure_ascii=False, separators=(",", ":"))
    (folder / ANSWERS).write_text(text + "\n", encoding="utf-8")


def read_answers(folder: Path) -> Answers:
    """Read what ``leave`` wrote; no answers where there is nothing. Raises ReleaseError when it is broken."""
    try:
        told = json.loads((folder / ANSWERS).read_bytes())
        found = {
            each["sha256"]: json.dumps(each["answer"], ensure_ascii=False).encode() for each in told["answers"].values()
        }
    except FileNotFoundError:
        return Answers()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"{ANSWERS} of release {folder.name} cannot be read: {error}; build it again") from error
    return Answers(found)


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

"""``kg conform URL``: whether another engine that holds a release answers our questions as the release does.

Each query of the catalogue that has a pinned answer is asked there and, for what is expected, of the release in this
process. Answers are compared as pins are: columns in order, rows as a multiset, numbers by value.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rdflib.term import URIRef

from kg.catalogue import Catalogue, compare
from kg.errors import StoreError
from kg.store import CSV_RESULTS, EVERYTHING, Limits, Scope, Store

_GRAPHS = "SELECT ?graph WHERE { GRAPH ?graph { } }"


@dataclass(frozen=True, slots=True)
class Compared:
    """One question: how its answer there differs, or why there was none."""

    query: str
    differences: Sequence[str] = ()
    error: str = ""

    @property
    def state(self) -> str:
        """Tell "same", "differs" or "failed"."""
        return "failed" if self.error else "differs" if self.differences else "same"

    def as_json(self) -> dict[str, object]:
        """Give it as plain values."""
        return {"query": self.query, "state": self.state, "differences": [*self.differences], "error": self.error}


def scope_of(here: Store, default_graph: str | None) -> Scope:
    """Give the dataset to ask there: the engine's own, or one whose default graph stands under a name.

    Then every other graph of the release is named, because the protocol knows no other way to keep them.
    """
    if default_graph is None:
        return EVERYTHING
    named = frozenset(URIRef(str(row["graph"])) for row in here.rows(_GRAPHS, trusted=True))
    return Scope(default=frozenset({URIRef(default_graph)}), named=named - {URIRef(default_graph)})


def conform(
    here: Store, there: Store, catalogue: Catalogue, *, limits: Limits, default_graph: str | None = None
) -> Iterator[Compared]:
    """Ask both stores every pinned query, and tell how the answers of ``there`` differ from those of ``here``."""
    scope = scope_of(here, default_graph)
    with tempfile.TemporaryDirectory(prefix="kg-conform-") as folder:
        for query in catalogue:
            if catalogue.pin(query) is None:
                continue
            expected = Path(folder) / "expected.csv"
            with here.answer(query.text, CSV_RESULTS, limits=limits, trusted=True) as answer:
                expected.write_bytes(answer.read())
            try:
                with there.answer(query.text, CSV_RESULTS, limits=limits, scope=scope, trusted=True) as answer:
                    given = answer.read()
            except StoreError as error:
                yield Compared(query.name, error=str(error))
            else:
                yield Compared(query.name, compare(expected, given, base=catalogue.base))

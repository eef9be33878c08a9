"""The ports of the store: what reading a release and making one promise, whatever stands behind them.

Adapters: ``oxigraph`` (embedded, in this process), ``workers`` (embedded, in killable processes) and ``remote`` (any
SPARQL 1.1 endpoint). One contract suite, ``tests/contract/test_store.py``, runs over all of them. Nothing here knows
a source, a page or HTTP.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, runtime_checkable

from rdflib.term import Node, URIRef

from kg.model import Quad

JSON_RESULTS = "application/sparql-results+json"
XML_RESULTS = "application/sparql-results+xml"
CSV_RESULTS = "text/csv"
TSV_RESULTS = "text/tab-separated-values"
TURTLE = "text/turtle"
N_TRIPLES = "application/n-triples"
RDF_XML = "application/rdf+xml"
JSON_LD = "application/ld+json"
TRIG = "application/trig"
N_QUADS = "application/n-quads"

RESULT_TYPES = (JSON_RESULTS, XML_RESULTS, CSV_RESULTS, TSV_RESULTS)
GRAPH_TYPES = (TURTLE, N_TRIPLES, RDF_XML, JSON_LD, TRIG, N_QUADS)


class Form(StrEnum):
    """What kind of answer a query asks for."""

    SELECT = "select"
    ASK = "ask"
    GRAPH = "graph"  # CONSTRUCT and DESCRIBE


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one query may use. ``seconds`` of wall time, ``bytes`` of answer, ``memory`` bytes beyond the data."""

    seconds: float = 10.0
    bytes: int = 50_000_000
    memory: int = 1_073_741_824


DEFAULT_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """The RDF dataset of a query, as ``default-graph-uri`` and ``named-graph-uri`` give it.

    Both None: the store's own dataset, or what the query's FROM clauses say. Where either is given, the dataset is
    exactly these graphs and FROM is ignored (SPARQL 1.1 Protocol, section 2.1.4). ``default`` merges its graphs.
    """

    default: frozenset[URIRef] | None = None
    named: frozenset[URIRef] | None = None


EVERYTHING = Scope()


@dataclass(frozen=True, slots=True)
class Answer:
    """One finished answer, complete and serialised. ``body`` is a file only when the answer is large.

    ``rows`` counts solutions, or triples of a graph; 1 for ASK. ``called`` are the endpoints that its SERVICEs asked,
    and ``failed`` those of them that did not answer one that is SILENT.
    """

    media_type: str
    body: bytes | Path
    rows: int
    called: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def read(self) -> bytes:
        """Give the whole body as bytes, from memory or from the spool file."""
        return self.body if isinstance(self.body, bytes) else self.body.read_bytes()


@runtime_checkable
class Store(Protocol):
    """Reading one set of quads."""

    services: frozenset[str] = frozenset()  # the IRIs that SERVICE may name; none: it is closed

    @property
    def version(self) -> str | None:
        """Name the state of the data: another one after each commit. None where the data never changes.

        Cheap enough to ask for each request. An answer asked for after reading it is of this state or a later one.
        """
        return None

    def answer(
        self,
        query: str,
        media_type: str,
        *,
        limits: Limits = ...,
        base: str | None = None,
        scope: Scope = ...,
        trusted: bool = False,
    ) -> AbstractContextManager[Answer]:
        """Run ``query`` and hold its complete answer in ``media_type`` while the context is open.

        ``trusted`` skips the guard (catalogue and pages), never the deadline of a worker. Raises QuerySyntaxError,
        QueryRefusedError, QueryTimeoutError, QueryMemoryError, WorkerDiedError, QueueFullError, AnswerTooLargeError,
        UnwritableError or StoreUnavailableError. A media type that does not fit the query's form is a ValueError: a bug
        of the caller.
        """
        ...

    def rows(
        self,
        query: str,
        *,
        limits: Limits = ...,
        base: str | None = None,
        scope: Scope = ...,
        trusted: bool = False,
    ) -> Iterator[Mapping[str, Node]]:
        """Run a SELECT and give its solutions in order; unbound variables are absent from a mapping."""
        ...

    def close(self) -> None:
        """Free what the store holds. A second call does nothing."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """One write that was made. ``version`` names a state of the data that holds it; ``created``: the graph is new."""

    version: str
    created: bool = False


Condition: TypeAlias = Literal["exists", "absent"] | None  # what a graph must be for a write to be made


@runtime_checkable
class Workspace(Store, Protocol):
    """A store that can be written to. Writes are atomic; durable, and visible to the next query, when they return.

    A graph of None is the default graph, which always exists. Each write raises what ``Store.answer`` raises, and
    StorageFullError; where it raises anything but StoreUnavailableError, nothing was changed.
    """

    def update(self, text: str, *, limits: Limits = ..., base: str | None = None, scope: Scope = ...) -> Commit:
        """Run a SPARQL update. ``scope`` is the dataset of its WHERE clauses (SPARQL 1.1 Protocol, section 2.2.3).

        Raises UpdateFailedError where a graph is absent or in the way and the update does not say SILENT.
        """
        ...

    def put(
        self, graph: URIRef | None, triples: Iterable[bytes], *, limits: Limits = ..., condition: Condition = None
    ) -> Commit:
        """Make ``graph`` hold exactly these triples (N-Triples, as ``parse`` gives them). Raises ConditionError."""
        ...

    def post(
        self, graph: URIRef | None, triples: Iterable[bytes], *, limits: Limits = ..., condition: Condition = None
    ) -> Commit:
        """Add these triples to ``graph``, which is made where there is none. Raises ConditionError."""
        ...

    def delete(self, graph: URIRef | None, *, limits: Limits = ..., condition: Condition = None) -> Commit:
        """Remove ``graph``, or empty the default graph. Raises GraphAbsentError and ConditionError."""
        ...

    def parse(self, document: bytes, media_type: str, *, base: str, limits: Limits = ...) -> bytes:
        """Read a stranger's RDF, in a process that may fall, as N-Triples whose blank nodes are its own.

        Raises RdfSyntaxError for what is no RDF 1.1 or names graphs.
        """
        ...


class Writer(Protocol):
    """Making one release: quads in, rules run, sorted N-Quads out."""

    def add(self, quads: Iterable[Quad]) -> int:
        """Add quads (a graph of ``DEFAULT_GRAPH`` is the default graph); give how many were new or repeated."""
        ...

    def update(self, text: str) -> None:
        """Run a SPARQL update that we wrote ourselves."""
        ...

    def count(self, graph: URIRef | None) -> int:
        """Count the triples of one named graph, or of the default graph when None."""
        ...

    def rows(self, query: str) -> Iterator[Mapping[str, Node]]:
        """Run a SELECT that we wrote ourselves."""
        ...

    def dump(self, path: Path) -> str:
        """Write every quad as sorted N-Quads, with no blank node; give the SHA-256 of those bytes, in hex.

        Raises InconsistencyError if a blank node is found.
        """
        ...

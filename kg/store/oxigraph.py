"""The embedded store: the only door to pyoxigraph.

``OxigraphStore`` answers in this process and ``OxigraphWriter`` makes a release. ``evaluate`` is one query from text to
finished bytes; the query workers share it. The engine has no deadline, no memory limit and no switch against SERVICE,
and a deeply nested text ends its process: strangers' queries belong to ``kg.store.workers``.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import os
import re
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import IO, Any, NoReturn, cast

import pyoxigraph as ox
from isal import igzip
from rdflib import XSD
from rdflib.term import BNode, Literal, Node, URIRef

from kg.errors import (
    AnswerTooLargeError,
    InconsistencyError,
    LoadError,
    ModelError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    RdfSyntaxError,
    StorageFullError,
    StoreError,
    StoreUnavailableError,
    UnwritableError,
    UpdateFailedError,
)
from kg.model import DEFAULT_GRAPH, Quad
from kg.store import (
    CSV_RESULTS,
    DEFAULT_LIMITS,
    EVERYTHING,
    GRAPH_TYPES,
    JSON_LD,
    JSON_RESULTS,
    N_QUADS,
    N_TRIPLES,
    RDF_XML,
    RESULT_TYPES,
    TRIG,
    TSV_RESULTS,
    TURTLE,
    XML_RESULTS,
    Answer,
    Limits,
    Scope,
    Store,
    Writer,
    guard,
    results,
)
from kg.store.federation import Federation, answered
from kg.store.guard import BLANK
from kg.vocab import PREFIXES

_RESULT_FORMATS = {
    JSON_RESULTS: ox.QueryResultsFormat.JSON,
    XML_RESULTS: ox.QueryResultsFormat.XML,
    CSV_RESULTS: ox.QueryResultsFormat.CSV,
    TSV_RESULTS: ox.QueryResultsFormat.TSV,
}
_GRAPH_FORMATS = {
    TURTLE: ox.RdfFormat.TURTLE,
    N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    RDF_XML: ox.RdfFormat.RDF_XML,
    JSON_LD: ox.RdfFormat.JSON_LD,
    TRIG: ox.RdfFormat.TRIG,
    N_QUADS: ox.RdfFormat.N_QUADS,
}
_EXTENSIONS = {
    ".ttl": ox.RdfFormat.TURTLE,
    ".nt": ox.RdfFormat.N_TRIPLES,
    ".rdf": ox.RdfFormat.RDF_XML,
    ".owl": ox.RdfFormat.RDF_XML,
    ".xml": ox.RdfFormat.RDF_XML,
    ".jsonld": ox.RdfFormat.JSON_LD,
    ".trig": ox.RdfFormat.TRIG,
    ".nq": ox.RdfFormat.N_QUADS,
}
_RUN = 4_000_000  # lines sorted at once, about a gigabyte, when a release is dumped

File = tuple[Path, str | None, URIRef | None]  # path, base IRI, graph for triples (None: the default graph)

# --- terms ----------------------------------------------------------------------------------------------------------


def _iri(term: Node) -> ox.NamedNode:
    """Turn an rdflib IRI into the engine's. Raises ModelError on anything else and on an IRI that is none."""
    if isinstance(term, BNode):
        raise ModelError(f"blank node {term.n3()} cannot be stored: a release has none; mint an IRI for it")
    if not isinstance(term, URIRef):
        raise ModelError(f"{term!r} stands where an IRI must stand")
    try:
        return ox.NamedNode(term)
    except ValueError as error:
        raise ModelError(f"<{term}> is no absolute IRI: {error}") from error


def _to_engine(term: Node) -> ox.NamedNode | ox.Literal:
    """Turn an rdflib IRI or literal into the engine's. Raises ModelError on a blank node and on an invalid term."""
    if not isinstance(term, Literal):
        return _iri(term)
    if not term.language:
        return ox.Literal(str(term), datatype=_iri(term.datatype) if term.datatype else None)
    try:
        return ox.Literal(str(term), language=term.language)
    except ValueError as error:
        raise ModelError(f"{term!r} has no valid language tag: {error}") from error


def _from_engine(term: object) -> Node:
    """Turn an engine's term into rdflib's, with its lexical form. Raises StoreError on a term of RDF 1.2."""
    if isinstance(term, ox.NamedNode):
        return URIRef(term.value)
    if isinstance(term, ox.Literal) and term.direction is None:
        if term.language:
            return Literal(term.value, lang=term.language)
        datatype = URIRef(term.datatype.value)
        # rdflib spells a simple literal without its datatype; so do JSON results.
        return Literal(term.value, datatype=None if datatype == XSD.string else datatype, normalize=False)
    if isinstance(term, ox.BlankNode):
        return BNode(term.value)
    raise StoreError(f"a result holds a term that RDF 1.1 does not have: {str(term)[:200]}; leave it out")


def _graph(name: URIRef | None) -> ox.NamedNode | ox.DefaultGraph:
    return ox.DefaultGraph() if name is None or name == DEFAULT_GRAPH else _iri(name)


# --- loading --------------------------------------------------------------------------------------------------------


def load(files: Iterable[File], into: ox.Store | None = None) -> ox.Store:
    """Load RDF files into a store in memory, the syntax by the file's extension (``.gz`` after it is unpacked).

    A file's base is its second part, its graph the third; TriG and N-Quads name their own graphs. Starts no
    thread. Raises LoadError with file and line.
    """
    store = ox.Store() if into is None else into
    for path, base, graph in files:
        syntax = _EXTENSIONS.get(Path(path.name.removesuffix(".gz")).suffix.lower())
        if syntax is None:
            known = ", ".join(_EXTENSIONS)
            raise LoadError(f"unknown kind of file; its name must end in {known}, or one of these and .gz", path=path)
        if graph is not None and syntax.supports_datasets:
            raise LoadError("the file names its own graphs; give no graph for it", path=path)
        try:
            with cast("IO[bytes]", igzip.open(path) if path.suffix == ".gz" else path.open("rb")) as stream:
                store.load(stream, syntax, base_iri=base, to_graph=_graph(graph))
        except SyntaxError as error:
            raise LoadError(error.msg, path=path, line=error.lineno, column=error.offset) from error
        except (OSError, EOFError) as error:
            raise LoadError(str(getattr(error, "strerror", None) or error), path=path) from error
        except ValueError as error:
            raise LoadError(str(error), path=path) from error
    return store


# --- one query, from text to bytes ----------------------------------------------------------------------------------


class _Buffer:
    """Collects what the engine writes, and stops it at the cap or past the deadline."""

    def __init__(self, limits: Limits, until: float) -> None:
        self._limits = limits
        self._until = until
        self._room = limits.bytes
        self._chunks: list[bytes] = []

    def write(self, chunk: bytes) -> int:
        self._room -= len(chunk)
        if self._room < 0:
            raise AnswerTooLargeError(self._limits.bytes)
        if time.monotonic() > self._until:
            raise QueryTimeoutError(self._limits.seconds)
        self._chunks.append(chunk)
        return len(chunk)

    def flush(self) -> None:
        """Do nothing: the engine expects a file."""

    def value(self) -> bytes:
        return b"".join(self._chunks)


_NOTHING = ox.Store()
_Function = Callable[..., ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple | None]


@lru_cache(maxsize=1024)
def _is_builtin(function: ox.NamedNode) -> bool:
    """Tell whether the engine has this function itself; one that is passed as custom would hide it."""
    try:
        _NOTHING.query(f"ASK {{ FILTER({function}()) }}")
    except RuntimeError as error:
        return "is not supported" not in str(error)
    return True


def _no_value(*_: object) -> None:
    """Stand for an unknown function: no value, which is an expression error (SPARQL 1.1 Query, section 17.6)."""


def _unknown(functions: Iterable[str]) -> dict[ox.NamedNode, _Function] | None:
    """Give a function without value for each of these that the engine does not know."""
    unknown: dict[ox.NamedNode, _Function] = {}
    for function in functions:
        with contextlib.suppress(ValueError):  # no IRI: the engine will say so
            name = ox.NamedNode(function)
            if function == BLANK:
                unknown[name] = _blank_node
            elif not _is_builtin(name):
                unknown[name] = _no_value
    return unknown or None


def _blank_node(value: ox.NamedNode | ox.BlankNode | ox.Literal | ox.Triple) -> Any:
    """Turn the IRI that stands for a blank node of another endpoint back into one; leave any other term as it is."""
    label = value.value.removeprefix(f"{BLANK}:") if isinstance(value, ox.NamedNode) else ""
    return ox.BlankNode(label) if isinstance(value, ox.NamedNode) and label != value.value else value


def _prepare(
    store: ox.Store, query: str, *, base: str | None = None, scope: Scope = EVERYTHING, functions: Iterable[str] = ()
) -> ox.QuerySolutions | ox.QueryBoolean | ox.QueryTriples:
    default: list[ox.NamedNode | ox.BlankNode | ox.DefaultGraph] | None = None
    named: list[ox.NamedNode | ox.BlankNode] | None = None
    if scope != EVERYTHING:
        # Both or none: with one alone, the engine takes the other from FROM.
        try:
            default = [ox.NamedNode(graph) for graph in scope.default or ()]
            named = [ox.NamedNode(graph) for graph in scope.named or ()]
        except ValueError as error:
            raise QueryRefusedError(f"a graph of the dataset is no absolute IRI: {error}", rule="dataset") from error
    try:
        return store.query(
            query,
            base_iri=base,
            default_graph=default,
            named_graphs=named,
            custom_functions=_unknown(functions),
        )
    except (SyntaxError, RuntimeError, OSError, ValueError) as error:
        _raise(error)


def evaluate(
    store: ox.Store,
    query: str,
    media_type: str,
    *,
    limits: Limits,
    base: str | None = None,
    scope: Scope = EVERYTHING,
    functions: Iterable[str] = (),
) -> Answer:
    """Run one query and give its complete answer, or raise; never part of it.

    ``functions`` are the IRIs the query calls; those that the engine does not know have no value. The deadline is
    looked at as the answer's bytes flow, so a long sort or aggregate outlives it here: only a process can be stopped.
    Raises QuerySyntaxError, AnswerTooLargeError, QueryTimeoutError, UnwritableError, StoreError, and ValueError for a
    media type that does not fit the form.
    """
    buffer = _Buffer(limits, time.monotonic() + limits.seconds)
    found = _prepare(store, query, base=base, scope=scope, functions=functions)
    offers = GRAPH_TYPES if isinstance(found, ox.QueryTriples) else RESULT_TYPES
    if media_type not in offers:
        raise ValueError(f"{media_type!r} does not fit the query; it can be answered as {', '.join(offers)}")
    rows = 1
    try:
        if isinstance(found, ox.QueryTriples):
            rows = 0

            def counted() -> Iterator[ox.Triple]:
                nonlocal rows
                for triple in found:
                    rows += 1
                    yield triple

            ox.serialize(counted(), cast("IO[bytes]", buffer), _GRAPH_FORMATS[media_type], prefixes=PREFIXES)
        else:
            found.serialize(cast("IO[bytes]", buffer), _RESULT_FORMATS[media_type])
    except (SyntaxError, RuntimeError, OSError, ValueError) as error:
        _raise(error)
    body = buffer.value()
    if media_type in (XML_RESULTS, RDF_XML):
        body = _well_formed(body, media_type)
    return Answer(media_type, body, results.count(body, media_type) if isinstance(found, ox.QuerySolutions) else rows)


# Characters of strings that XML 1.0 has no way to write (section 2.2), beside U+FFFE and U+FFFF.
_NOT_XML = bytes([*range(9), 11, 12, *range(14, 32)])
_NONCHARACTERS = ("\ufffe".encode(), "\uffff".encode())


def _well_formed(body: bytes, media_type: str) -> bytes:
    """Mend XML that the engine wrote; about 2 ms a megabyte. Raises UnwritableError where XML has no way to say it.

    The engine escapes no carriage return, which every reader of XML takes for a line feed; it writes characters that no
    reader takes; and for a predicate that ends in no XML name it writes an element without one.
    """
    offered = (TURTLE, JSON_LD) if media_type == RDF_XML else (JSON_RESULTS, TSV_RESULTS)
    if len(body.translate(None, _NOT_XML)) < len(body) or any(one in body for one in _NONCHARACTERS):
        raise UnwritableError("a control character", media_type, offered)
    if media_type == RDF_XML and b"<oxprefix: " in body:
        raise UnwritableError("a predicate whose IRI does not end in an XML name", media_type, offered)
    return body.replace(b"\r", b"&#13;") if b"\r" in body else body


_PLACE = re.compile(r"error at (\d+):(\d+): (.*)", re.DOTALL)
_CLASSES = re.compile(r"\[(?:'|\^|_)[^]]*\](?:, )?")  # classes of characters say nothing to an asker


def _raise(error: Exception) -> NoReturn:
    """Turn an exception of the engine into ours."""
    message = " ".join(str(error).split())
    if isinstance(error, OSError):
        raise StoreError(f"the engine could not evaluate the query: {message}") from error
    place = _PLACE.fullmatch(str(error))
    if place is None:
        raise QuerySyntaxError(message) from error
    line, column, expected = place.groups()
    expected = " ".join(_CLASSES.sub("", expected).split()).removesuffix(",")
    if expected == "expected IRI parsing failed":
        expected = "an IRI that is relative, without a BASE to resolve it, or that holds what no IRI may hold"
    if len(expected) > 200:
        expected = expected[:200] + " …"
    # It tells the farthest place it came to, which may be just behind the fault.
    message = f"this is no SPARQL here, or just before (the engine {expected})" if "expected " in expected else expected
    raise QuerySyntaxError(message, line=int(line), column=int(column)) from error


# --- writing ------------------------------------------------------------------------------------------------------

# What a graph can be sent in. TriG and N-Quads name graphs of their own.
_DOCUMENTS = {
    TURTLE: ox.RdfFormat.TURTLE,
    N_TRIPLES: ox.RdfFormat.N_TRIPLES,
    RDF_XML: ox.RdfFormat.RDF_XML,
    JSON_LD: ox.RdfFormat.JSON_LD,
}
DOCUMENT_TYPES = tuple(_DOCUMENTS)
_DOCUMENT_PLACE = re.compile(r"^Parser error (?:at|between) line .*?: ")


def read_directory(path: Path) -> ox.Store:
    """Open a database directory that nobody writes to. Starts threads: never before a fork. Raises StoreError."""
    try:
        return ox.Store.read_only(str(path))
    except OSError as error:
        raise StoreError(f"the database {path} cannot be opened: {error}") from error


def triples_of(document: bytes, media_type: str, *, base: str, limits: Limits) -> Answer:
    """Read one graph from RDF that somebody sent, as N-Triples with blank nodes that no other document has.

    Deep JSON-LD or RDF/XML ends the process: strangers' documents belong to ``kg.store.workers``. Raises
    RdfSyntaxError, AnswerTooLargeError, QueryTimeoutError, and ValueError for a type that is not in DOCUMENT_TYPES.
    """
    syntax = _DOCUMENTS.get(media_type)
    if syntax is None:
        raise ValueError(f"{media_type!r} is no format of a graph; those are {', '.join(_DOCUMENTS)}")
    count = 0

    def triples() -> Iterator[ox.Triple]:
        nonlocal count
        for quad in ox.parse(document, syntax, base_iri=base, rename_blank_nodes=True):
            count += 1
            if not isinstance(quad.graph_name, ox.DefaultGraph):
                raise RdfSyntaxError(f"the document names the graph {quad.graph_name}; send the triples of one graph")
            value = quad.object
            if isinstance(value, ox.Triple) or (isinstance(value, ox.Literal) and value.direction is not None):
                raise RdfSyntaxError(f"the document holds a term that RDF 1.1 does not have: {str(value)[:200]}")
            yield quad.triple

    buffer = _Buffer(limits, time.monotonic() + limits.seconds)
    try:
        ox.serialize(triples(), cast("IO[bytes]", buffer), ox.RdfFormat.N_TRIPLES)
    except SyntaxError as error:
        place = (error.lineno, error.offset) if error.lineno else (None, None)
        said = _DOCUMENT_PLACE.sub("", error.msg)
        raise RdfSyntaxError(f"this is no {syntax.name}: {said}", line=place[0], column=place[1]) from error
    except ValueError as error:
        raise RdfSyntaxError(str(error)) from error
    return Answer(N_TRIPLES, buffer.value(), count)


class LiveDirectory:
    """The database directory that one process alone writes to. Raises StoreError when another has it open.

    A process that was killed may hold it for a moment yet, so the lock is waited for: ``seconds`` at most.
    """

    def __init__(self, path: Path, *, seconds: float = 2.0) -> None:
        until = time.monotonic() + seconds
        while True:
            try:
                self._engine = ox.Store(str(path))
            except OSError as error:
                if "lock" not in str(error).lower():
                    raise StoreError(f"the database {path} cannot be opened: {error}") from error
                if time.monotonic() > until:
                    raise StoreError(
                        f"{path.parent} is in use: another service writes to it; stop that first"
                    ) from error
                time.sleep(0.02)
            else:
                return

    def holds(self, graph: URIRef | None) -> bool:
        """Tell whether there is a graph of this name, with or without triples. The default graph is always there."""
        return graph is None or self._engine.contains_named_graph(_iri(graph))

    def graphs(self, beginning: str) -> list[str]:
        """Give the names of the graphs that begin so. Reads all names."""
        names = (graph.value for graph in self._engine.named_graphs() if isinstance(graph, ox.NamedNode))
        return [name for name in names if name.startswith(beginning)]

    def update(
        self,
        text: str,
        *,
        base: str | None = None,
        functions: Iterable[str] = (),
        prefixes: Mapping[str, str] | None = None,
    ) -> None:
        """Run one update as one transaction. Raises QuerySyntaxError, UpdateFailedError or StorageFullError."""
        try:
            self._engine.update(
                text, base_iri=base, prefixes=dict(prefixes or {}), custom_functions=_unknown(functions)
            )
        except RuntimeError as error:
            raise UpdateFailedError(" ".join(str(error).split())) from error
        except OSError as error:
            raise StorageFullError(f"the write could not reach the disk: {error}") from error
        except (SyntaxError, ValueError) as error:
            _raise(error)

    def copy(self, writer: OxigraphWriter, name: Callable[[str, str], str]) -> None:
        """Add every quad to what becomes a release, each blank node as the IRI ``name(hash, canonical label)``.

        The hash is of all quads with blank nodes, in canonical form; those are held in memory.
        Source: RDF Dataset Canonicalization (RDFC-1.0), section 4.
        """
        blank = ox.Dataset()

        def ground() -> Iterator[ox.Quad]:
            for quad in self._engine:
                if any(isinstance(term, ox.BlankNode) for term in quad):
                    blank.add(quad)
                else:
                    yield quad

        writer.extend(ground())
        blank.canonicalize(ox.CanonicalizationAlgorithm.RDFC_1_0)
        lines = sorted(map(str, blank))
        digest = hashlib.sha256("\n".join(lines).encode()).hexdigest()

        def named(term: Any) -> Any:
            return ox.NamedNode(name(digest, term.value)) if isinstance(term, ox.BlankNode) else term

        writer.extend(ox.Quad(named(s), p, named(o), named(g)) for s, p, o, g in blank)

    def publish(self, path: Path) -> None:
        """Bring every write to the disk, and make ``path`` a copy of this moment that is never written to.

        The copy shares its files with this directory by hard links. Raises StorageFullError.
        """
        try:
            self._engine.flush()
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine.backup(str(path))
        except OSError as error:
            raise StorageFullError(f"the write could not reach the disk: {error}") from error


# --- adapters -------------------------------------------------------------------------------------------------------


class OxigraphStore(Store):
    """A loaded set of quads that answers in this process: for builds, tests and one's own queries.

    The guard reads what is not ``trusted``. Named gaps beside the workers: the deadline holds for answers that flow,
    not while the engine sorts or aggregates, and memory has no limit.
    """

    def __init__(self, engine: ox.Store, *, federation: Federation | None = None) -> None:
        self._engine: ox.Store | None = engine
        self._federation = federation
        self.services = federation.services if federation else frozenset()

    @classmethod
    def load(cls, files: Iterable[File], *, federation: Federation | None = None) -> OxigraphStore:
        """Load RDF files (see ``load``) into memory, about 340 bytes a quad. Raises LoadError with file and line."""
        return cls(load(files), federation=federation)

    @contextlib.contextmanager
    def answer(
        self,
        query: str,
        media_type: str,
        *,
        limits: Limits = DEFAULT_LIMITS,
        base: str | None = None,
        scope: Scope = EVERYTHING,
        trusted: bool = False,
    ) -> Iterator[Answer]:
        """Run ``query``; see ``Store.answer``."""
        yield self._answer(query, media_type, limits=limits, base=base, scope=scope, trusted=trusted)

    def rows(
        self,
        query: str,
        *,
        limits: Limits = DEFAULT_LIMITS,
        base: str | None = None,
        scope: Scope = EVERYTHING,
        trusted: bool = False,
    ) -> Iterator[Mapping[str, Node]]:
        """Run a SELECT; see ``Store.rows``."""
        answer = self._answer(query, JSON_RESULTS, limits=limits, base=base, scope=scope, trusted=trusted)
        return results.solutions(answer.read())

    def close(self) -> None:
        """Let the data go."""
        self._engine = None

    def _answer(
        self, query: str, media_type: str, *, limits: Limits, base: str | None, scope: Scope, trusted: bool
    ) -> Answer:
        engine = self._engine
        if engine is None:
            raise StoreUnavailableError("the store is closed")
        if trusted:
            return evaluate(engine, query, media_type, limits=limits, base=base, scope=scope)
        reading = guard.check(query, base=base, budget=guard.allowing(self.services))
        functions = reading.called

        def ask(text: str, media_type: str, limits: Limits) -> Answer:
            return evaluate(engine, text, media_type, limits=limits, base=base, scope=scope, functions=functions)

        return answered(
            reading, query, ask, media_type=media_type, federation=self._federation, base=base, limits=limits
        )


class OxigraphWriter(Writer):
    """Makes one release in memory, about 340 bytes a quad."""

    def __init__(self) -> None:
        self._engine = ox.Store()

    def add(self, quads: Iterable[Quad]) -> int:
        """Add quads, all or none; give how many there were. Raises ModelError on a blank node or an invalid term."""
        added = 0

        def converted() -> Iterator[ox.Quad]:
            nonlocal added
            for subject, predicate, object_, graph in quads:
                added += 1
                yield ox.Quad(_iri(subject), _iri(predicate), _to_engine(object_), _graph(graph))

        self._engine.extend(converted())
        return added

    def extend(self, quads: Iterable[ox.Quad]) -> None:
        """Add quads of the engine's own."""
        self._engine.extend(quads)

    def load(self, files: Iterable[File]) -> None:
        """Add whole RDF files; see ``load``."""
        load(files, self._engine)

    def update(self, text: str) -> None:
        """Run a SPARQL update that we wrote ourselves, in one transaction."""
        try:
            self._engine.update(text)
        except (SyntaxError, RuntimeError, OSError, ValueError) as error:
            _raise(error)

    def count(self, graph: URIRef | None) -> int:
        """Count the triples of one named graph, or of the default graph when None. Scans the graph."""
        name = _graph(graph)
        pattern = "?s ?p ?o" if isinstance(name, ox.DefaultGraph) else f"GRAPH {name} {{ ?s ?p ?o }}"
        (row,) = self.rows(f"SELECT (COUNT(*) AS ?n) WHERE {{ {pattern} }}")
        return int(str(row["n"]))

    def rows(self, query: str) -> Iterator[Mapping[str, Node]]:
        """Run a SELECT that we wrote ourselves; streams."""
        found = _prepare(self._engine, query)
        if not isinstance(found, ox.QuerySolutions):
            raise ValueError("rows need a SELECT")  # noqa: TRY004 (the text is wrong, not a type)
        return self._stream(found)

    @staticmethod
    def _stream(found: ox.QuerySolutions) -> Iterator[Mapping[str, Node]]:
        names = [variable.value for variable in found.variables]
        for solution in found:
            yield {name: _from_engine(term) for name, term in zip(names, solution, strict=True) if term is not None}

    def store(self) -> OxigraphStore:
        """Give the same quads for reading; later additions are seen."""
        return OxigraphStore(self._engine)

    def dump(self, path: Path) -> str:
        """Write every quad as N-Quads sorted by byte, gzipped if ``path`` ends in ``.gz``; give the text's SHA-256.

        Same quads, same bytes. The file appears whole or not at all. Sorts in runs of a million lines on disk beside
        ``path``. Raises InconsistencyError if a blank node is found.
        """
        digest = hashlib.sha256()
        part = path.with_name(f"{path.name}.part")
        try:
            with tempfile.TemporaryDirectory(dir=path.parent) as directory, part.open("wb") as raw:
                with contextlib.ExitStack() as stack:
                    # Ten times as fast as zlib for a fifth more bytes; no name and no time in the header.
                    packed = path.suffix == ".gz"
                    out = stack.enter_context(igzip.IGzipFile("", "wb", 2, raw, mtime=0)) if packed else raw
                    for block in _blocks(self._sorted_lines(Path(directory), stack)):
                        digest.update(block)
                        out.write(block)
                raw.flush()
                os.fsync(raw.fileno())
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
        return digest.hexdigest()

    def _sorted_lines(self, directory: Path, stack: contextlib.ExitStack) -> Iterator[bytes]:
        whole = directory / "unsorted.nq"
        self._engine.dump(whole, ox.RdfFormat.N_QUADS)
        runs: list[Iterable[bytes]] = []
        with whole.open("rb") as stream:
            while lines := list(islice(stream, _RUN)):
                for line in lines:
                    if b"_:" in line:
                        _refuse_blank_nodes(line)
                lines.sort()
                if len(lines) < _RUN and not runs:
                    return iter(lines)
                run = directory / f"{len(runs)}.nq"
                with run.open("wb") as out:
                    out.writelines(lines)
                runs.append(stack.enter_context(run.open("rb")))
        return heapq.merge(*runs)


def _blocks(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Join lines into blocks, so that hashing and compressing are called thousands of times, not millions."""
    while block := b"".join(islice(lines, 10_000)):
        yield block


def _refuse_blank_nodes(line: bytes) -> None:
    for quad in ox.parse(line, ox.RdfFormat.N_QUADS):
        if any(isinstance(term, ox.BlankNode) for term in quad):
            raise InconsistencyError(f"a release has no blank nodes, but this quad has: {str(quad)[:300]}")

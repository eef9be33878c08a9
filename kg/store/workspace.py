"""A set of quads that can be written to: one process writes, the query workers answer from copies that never change.

The keeper of ``kg.store.workers`` runs here as well, over a directory::

    live/        the database; the **writer**, and no other process, has it open
    published/   copies of it, one for each state that somebody may still be asking

A write is one transaction. It is acknowledged when everything before and in it is on the disk, a copy holds it (its
files are hard links, so it costs milliseconds), and the address for queries leads to workers over it. Writes that wait
together share one copy. A write that passes its deadline or its memory ends the writer; the database rolls back,
and the next writer begins by publishing what was made before. Readers never wait: they are never in the live database.

An asker is told the truth whatever ends the writer. The writer says "made" after each transaction; and a transaction
leaves a mark in the database, taken away at once, by which the writer after a fall knows whether the last one was made.
No copy holds a mark.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import shutil
import signal
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

from rdflib.term import URIRef

from kg.errors import (
    ConditionError,
    ConfigError,
    GraphAbsentError,
    KgError,
    QueryMemoryError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueueFullError,
    StorageFullError,
    StoreUnavailableError,
    WorkerDiedError,
)
from kg.store import DEFAULT_LIMITS, EVERYTHING, Commit, Condition, Limits, Scope, Workspace, guard
from kg.store.federation import Federation
from kg.store.oxigraph import LiveDirectory, OxigraphWriter
from kg.store.workers import (
    HEAD,
    REQUEST,
    TOKEN,
    TRIES,
    Hung,
    Keeper,
    Reader,
    WorkerStore,
    address_space,
    close_network,
    join_queue,
    main,
    message,
    pack,
    unpack,
)

LIVE, PUBLISHED = "live", "published"

_READY, _MADE, _REFUSED = b"?", b"+", b"-"  # what the writer says: send the write; it is made; it is not
_BURST = 64  # writes that share one copy at most
_GATHER = 0.02  # seconds after which no further write joins them
_PATIENCE = 5.0  # seconds an asker may take to send what it announced
_RECOVERY = 60.0  # seconds an asker waits for the next writer, when the one before ended in its write
_MARK = "urn:kg:write:"


# --- the writer -----------------------------------------------------------------------------------------------------


def write(workspace: Path, listener: socket.socket, keeper: socket.socket, slot: memoryview) -> NoReturn:
    """Write as long as the keeper lives. Raises StoreError when the database cannot be opened or written."""
    live = LiveDirectory(workspace / LIVE)
    _Writer(live, workspace / PUBLISHED, listener, keeper, slot).run()


class _Writer:
    def __init__(
        self, live: LiveDirectory, published: Path, listener: socket.socket, keeper: socket.socket, slot: memoryview
    ) -> None:
        self._live = live
        self._published = published / str(os.getppid())
        self._listener = listener
        self._keeper = keeper
        self._slot = slot
        # We hold the lock of the database: what other keepers published, nobody reads.
        if published.is_dir():
            for path in published.iterdir():
                if path != self._published:
                    shutil.rmtree(path, ignore_errors=True)
        close_network()
        self._size = address_space()

    def run(self) -> NoReturn:
        marks = self._live.graphs(_MARK)
        for mark in marks:
            self._live.update(f"DROP SILENT GRAPH <{mark}>")
        self._publish(made=marks[0].removeprefix(_MARK) if marks else "")
        self._listener.setblocking(False)
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            while True:
                selector.select()
                self._burst()

    def _burst(self) -> None:
        """Make the writes that wait, publish them together, and only then tell who asked."""
        made: list[tuple[socket.socket, bool]] = []
        until = time.monotonic() + _GATHER
        try:
            while len(made) < _BURST and (not made or time.monotonic() < until):
                try:
                    line, _ = self._listener.accept()
                except BlockingIOError:
                    break
                line.settimeout(_PATIENCE)
                created = None
                with contextlib.suppress(OSError, Hung):  # an asker who went away wants no answer
                    created = self._take(line)
                if created is None:
                    line.close()
                else:
                    made.append((line, created))
            if made:
                version = self._publish()
                for line, created in made:
                    text = json.dumps({"version": version, "created": created}).encode()
                    with contextlib.suppress(OSError):
                        line.sendall(HEAD.pack(0, 0, len(text)) + text)
        finally:
            for line, _ in made:
                line.close()

    def _take(self, line: socket.socket) -> bool | None:
        """Make one write; tell whether its graph is new, or None when nothing was changed.

        The asker sends its write when we are ready for it: one who left the queue has asked for nothing.
        """
        line.sendall(_READY + os.getpid().to_bytes(4, "big"))
        reader = Reader(line)
        token, length, _ = REQUEST.unpack(reader.exactly(REQUEST.size))
        request = json.loads(reader.exactly(length))
        text = reader.exactly(request["bytes"]).decode()
        limits = Limits(**request["limits"])
        self._slot[:] = token
        try:
            with self._limited(limits):
                created = self._make(token.hex(), request, text)
        except MemoryError:
            _refuse(line, QueryMemoryError(limits.memory))
            return None
        except StorageFullError as error:
            _refuse(line, error)
            raise  # the database takes no more writes until it is opened again
        except (KgError, ValueError) as error:
            _refuse(line, error)
            return None
        with contextlib.suppress(OSError):
            line.sendall(_MADE)
        self._live.update(f"DROP SILENT GRAPH <{_MARK}{token.hex()}>")
        return created

    @contextlib.contextmanager
    def _limited(self, limits: Limits) -> Iterator[None]:
        """Hold these limits while a write is made. As in the workers, the kernel ends this process at the deadline."""
        if self._size:
            resource.setrlimit(resource.RLIMIT_AS, (self._size + limits.memory, resource.RLIM_INFINITY))
        signal.setitimer(signal.ITIMER_REAL, limits.seconds)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    def _make(self, token: str, request: Mapping[str, Any], text: str) -> bool:
        verb = request["verb"]
        if verb == "update":
            self._run(token, text, base=request["base"], functions=request["functions"], prefixes=request["prefixes"])
            return False
        graph = None if request["graph"] is None else URIRef(request["graph"])
        there = self._live.holds(graph)
        name = "the default graph" if graph is None else f"<{graph}>"
        if request["condition"] == "absent" and there:
            raise ConditionError(f"there is {name} already; nothing was changed")
        if request["condition"] == "exists" and not there:
            raise ConditionError(f"there is no graph {name}; nothing was changed")
        if verb == "delete":
            if not there:
                raise GraphAbsentError(graph)
            self._run(token, "CLEAR DEFAULT" if graph is None else f"DROP GRAPH <{graph}>")
            return False
        steps = []
        if verb == "put" and there:
            steps.append("CLEAR DEFAULT" if graph is None else f"CLEAR GRAPH <{graph}>")
        if not there:
            steps.append(f"CREATE GRAPH <{graph}>")
        if text:
            steps.append(
                f"INSERT DATA {{ {text} }}" if graph is None else f"INSERT DATA {{ GRAPH <{graph}> {{ {text} }} }}"
            )
        self._run(token, ";\n".join(steps))
        return not there

    def _run(self, token: str, text: str, **options: Any) -> None:
        """Run one update, and in the same transaction leave the mark of it."""
        mark = f"INSERT DATA {{ GRAPH <{_MARK}{token}> {{ <{_MARK}> <{_MARK}> <{_MARK}> }} }}"
        try:
            self._live.update(f"{text}\n;{mark}" if text else mark, **options)
        except QuerySyntaxError:
            # The fault is in the text, and its place is told without ours; or it ends in a semicolon.
            self._live.update(text, **options)

    def _publish(self, *, made: str = "") -> str:
        """Bring all to the disk, hand a copy to the keeper, and wait until queries are answered from it."""
        path = self._published / f"{os.getpid()}-{time.monotonic_ns()}"
        self._live.publish(path)
        self._keeper.sendall(json.dumps({"directory": str(path), "writer": os.getpid(), "made": made}).encode())
        told = self._keeper.recv(4096)
        if not told:
            os._exit(0)  # the keeper is gone
        return cast("str", json.loads(told)["version"])


def _refuse(line: socket.socket, error: KgError | ValueError) -> None:
    text = json.dumps(pack(error)).encode()
    with contextlib.suppress(OSError):  # who went away wants no answer
        line.sendall(_REFUSED + HEAD.pack(len(text), 0, 0) + text)


# --- the asker's side -----------------------------------------------------------------------------------------------


def keep(workspace: Path, *, workers: int | None = None, queue: int = 64, seconds: float = 600.0) -> Keeper:
    """Start a keeper over a workspace, which is made where the directory is empty or absent.

    See ``Keeper.start``. Raises ConfigError where the directory holds something else, and StoreError when another
    service has it open.
    """
    try:
        if workspace.is_dir() and any(workspace.iterdir()) and not (workspace / LIVE).is_dir():
            raise ConfigError(
                f"{workspace} holds something that is no workspace; name an empty directory, or a new one"
            )
        workspace.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"{workspace} cannot be a workspace: {error.strerror}") from error
    settings = {"workspace": str(workspace.absolute())}
    return Keeper.run("kg.store.workspace", settings, workers=workers, queue=queue, seconds=seconds)


def collect(workspace: Path, base: str) -> OxigraphWriter:
    """Read everything a workspace holds, in memory, blank nodes as IRIs below ``base``: what a release is made from.

    Raises StoreError while a service has it open, and ConfigError where there is none.
    """
    if not (workspace / LIVE).is_dir():
        raise ConfigError(f"there is no workspace at {workspace}; kg serve --writable makes one")
    writer = OxigraphWriter()
    LiveDirectory(workspace / LIVE).copy(writer, lambda digest, label: f"{base}id/genid/{digest[:16]}/{label}")
    return writer


class WorkspaceStore(WorkerStore, Workspace):
    """Asks the workers and the writer of a keeper that ``keep`` started. Any thread of any process may share it.

    A write waits for its turn at most as long as it may run; then, and at once when the queue is full, QueueFullError.
    """

    def __init__(self, address: Path, *, federation: Federation | None = None) -> None:
        super().__init__(address, federation=federation)
        self._writes = str(address / "writes")

    def update(
        self, text: str, *, limits: Limits = DEFAULT_LIMITS, base: str | None = None, scope: Scope = EVERYTHING
    ) -> Commit:
        """Run a SPARQL update; see ``Workspace.update``."""
        reading = guard.check_update(text, base=base)
        request = {
            "verb": "update",
            "base": base,
            "functions": sorted(reading.functions),
            "prefixes": dict(reading.prefixes),
        }
        return self._ask_writer(request, reading.rewritten(text, scope).encode(), limits)

    def put(
        self,
        graph: URIRef | None,
        triples: Iterable[bytes],
        *,
        limits: Limits = DEFAULT_LIMITS,
        condition: Condition = None,
    ) -> Commit:
        """Make a graph hold exactly these triples; see ``Workspace.put``."""
        return self._ask_writer({"verb": "put", **_named(graph, condition)}, b"".join(triples), limits)

    def post(
        self,
        graph: URIRef | None,
        triples: Iterable[bytes],
        *,
        limits: Limits = DEFAULT_LIMITS,
        condition: Condition = None,
    ) -> Commit:
        """Add triples to a graph; see ``Workspace.post``."""
        return self._ask_writer({"verb": "post", **_named(graph, condition)}, b"".join(triples), limits)

    def delete(self, graph: URIRef | None, *, limits: Limits = DEFAULT_LIMITS, condition: Condition = None) -> Commit:
        """Remove a graph; see ``Workspace.delete``."""
        return self._ask_writer({"verb": "delete", **_named(graph, condition)}, b"", limits)

    def parse(self, document: bytes, media_type: str, *, base: str, limits: Limits = DEFAULT_LIMITS) -> bytes:
        """Read a stranger's RDF in a query worker; see ``Workspace.parse``."""
        with self._parsed(document, media_type, base=base, limits=limits) as answer:
            return answer.read()

    def _ask_writer(self, request: Mapping[str, object], text: bytes, limits: Limits) -> Commit:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        request = {**request, "bytes": len(text)}
        for _ in range(TRIES):
            token, writer, made = os.urandom(TOKEN), 0, False
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                reader = Reader(line)
                try:
                    join_queue(line, self._writes)
                    line.settimeout(limits.seconds)
                    if reader.exactly(1) != _READY:
                        raise Hung
                    writer = int.from_bytes(reader.exactly(4), "big")
                    line.settimeout(limits.seconds + _RECOVERY)  # the writer ends itself when late
                    # In one: the writer may have answered and gone before a second call, if only of no bytes.
                    line.sendall(message(token, request, limits) + text)
                    made = reader.exactly(1) == _MADE
                    error, _rows, length = HEAD.unpack(reader.exactly(HEAD.size))
                    if error:
                        raise unpack(json.loads(reader.exactly(error)))
                    return Commit(**json.loads(reader.exactly(length)))
                except TimeoutError:
                    if not writer:
                        raise QueueFullError from None
                    raise StoreUnavailableError("the writer does not answer; look before you write again") from None
                except (ConnectionError, Hung):
                    if not writer:
                        continue
            if (commit := self._settled(token, writer, limits, made=made)) is not None:
                return commit
        raise StoreUnavailableError("writer after writer ended before it took the write; try again")

    def _settled(self, token: bytes, writer: int, limits: Limits, *, made: bool) -> Commit | None:
        """Find out what became of a write whose writer ended: made, refused for the reason it ended, or never begun."""
        fate = {"cause": "none", "reason": ""} if made else self._consult(ask="fate", token=token.hex())
        if fate["cause"] == "none" and not made:
            return None
        told = self._consult(seconds=_RECOVERY, ask="settled", token=token.hex(), writer=writer)
        if made or told["made"]:
            # Whether its graph was new, nobody knows any more.
            return Commit(version=told["version"])
        match fate["cause"]:
            case "timeout":
                raise QueryTimeoutError(limits.seconds)
            case "memory":
                raise QueryMemoryError(limits.memory)
            case _:
                raise WorkerDiedError(fate["reason"])


def _named(graph: URIRef | None, condition: Condition) -> dict[str, object]:
    return {"graph": graph, "condition": condition}


if __name__ == "__main__":
    main(write)

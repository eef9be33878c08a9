"""Killable query processes over one set of quads, and the store that asks them.

The engine cannot be told to stop, to use less memory or to keep away from the network, and some texts end the process
that parses them. So strangers' queries run in processes that the kernel stops::

    parent ── lifeline ── keeper ── fork ── worker, worker, …      all workers block in accept() on one socket
                            │ control                │ queries
    any thread of any process: WorkerStore ──────────┘             its backlog is the queue, first come first served

The **keeper** loads the release, has one thread and only forks, reaps, replaces and tells how a worker ended. Over a
workspace (``kg.store.workspace``) it holds no data: each worker opens a copy of the database that nobody writes to, and
the keeper forks one process more, the **writer**. For each new copy it forks a **generation** of workers with a socket
of their own, and moves the address there once one of them has opened the copy; workers of the generation before answer
what still waits at their socket, and leave. The copy goes with the last of them. A
**worker** runs one query at a time, serialises the whole answer and only then sends it. Walls of a worker, set by the
kernel and not by our code: an interval timer whose signal ends it at the deadline; an address space limit; no further
file descriptor than the asker's connection, so no socket and no file while a query runs; no thread, no child process,
no core file; it dies with the keeper, and the keeper with its parent. Where there is no Linux, an orphan notices only
after its query, and the address space limit may not hold.

RDF that strangers send is read in these workers too. Messages are JSON behind a length, the answer's bytes follow;
nothing is unpickled. Each query has a token.
Before a worker begins, it writes the token into memory it shares with the keeper: so the keeper can tell an asker who
waits in vain whether its query runs, and how the worker that ran it ended. An asker whose answer comes needs neither.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import gc
import json
import logging
import math
import mmap
import os
import resource
import secrets
import select
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self, TypeAlias, cast

from rdflib.term import Node, URIRef

from kg.errors import (
    AnswerTooLargeError,
    ConditionError,
    ConfigError,
    GraphAbsentError,
    KgError,
    LoadError,
    ModelError,
    QueryMemoryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueueFullError,
    RdfSyntaxError,
    StorageFullError,
    StoreError,
    StoreUnavailableError,
    UpdateFailedError,
    WorkerDiedError,
)
from kg.processes import end_with
from kg.store import DEFAULT_LIMITS, EVERYTHING, JSON_RESULTS, Answer, Limits, Scope, Store, guard, results
from kg.store.federation import Federation, answered
from kg.store.oxigraph import File, evaluate, load, read_directory, triples_of

log = logging.getLogger("kg.store.workers")  # also where this module is the program

_SPOOL_FROM = 8_000_000  # bytes of an answer beyond which the asker keeps it in a file
# What a worker may have open: standard streams, listener, bell, on Linux the wait for them, and one asker's connection.
_DESCRIPTORS = 7 if sys.platform == "linux" else 6
_LISTENER, _BELL = 3, 4  # where a worker finds them
_PATIENCE = 30.0  # seconds a worker lets an asker take to send its request or to fetch its answer
_SOON = 0.1  # seconds after which a query is a long one: it goes on behind whatever is short
_LONG = 10  # niceness of long queries
_SLACK = 0.05  # seconds beyond the deadline after which an asker waits no more, and has a silent worker killed
TRIES = 3  # workers in a row that may end before they take a query
_RETIRE = 256 * 2**20  # bytes a worker may have grown; then it makes room for a fresh one, between queries

_REST = 1.0  # seconds before the next writer, after one that ended before it published anything
_GENERATIONS = 4  # how many times the workers there may be, those that still answer from an earlier state with them
TOKEN = 16  # bytes
REQUEST = struct.Struct(f"!{TOKEN}sId")  # token, length of the JSON, when it was asked (monotonic seconds)
HEAD = struct.Struct("!IQQ")  # of an answer: length of its error in JSON (0: none), rows, length of its body
_CHUNK = 1 << 16  # bytes read at once
_HURRY = 0.05  # seconds in the queue after which a worker looks whether the asker is still there

# --- errors on the wire ---------------------------------------------------------------------------------------------

_ERRORS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        AnswerTooLargeError,
        ConditionError,
        ConfigError,
        GraphAbsentError,
        LoadError,
        ModelError,
        QueryMemoryError,
        QueryRefusedError,
        QuerySyntaxError,
        QueryTimeoutError,
        RdfSyntaxError,
        StorageFullError,
        StoreError,
        UpdateFailedError,
        ValueError,
    )
}


def pack(error: KgError | ValueError) -> dict[str, Any]:
    """Give an error as values of JSON."""
    name = type(error).__name__
    if name in _ERRORS:
        return {"error": name, "args": error.args, "state": error.__dict__}
    return {"error": "StoreError" if isinstance(error, KgError) else "ValueError", "args": [str(error)], "state": {}}


def unpack(packed: Mapping[str, Any]) -> Exception:
    """Give the error that ``pack`` packed."""
    kind = _ERRORS[packed["error"]]
    error = kind.__new__(kind)
    error.args = tuple(packed["args"])
    error.__dict__.update(packed["state"])
    return error


class Hung(Exception):  # noqa: N818 (an event between two functions, not an error)
    """The other side closed the line."""


class Reader:
    """Reads a connection in as few calls as its messages come in: mostly one."""

    __slots__ = ("_held", "_line")

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._held = b""

    def first(self) -> None:
        """Wait for the first bytes. Raises TimeoutError, or Hung where none will come."""
        self._held = self._line.recv(_CHUNK)
        if not self._held:
            raise Hung

    def holds(self, length: int) -> bool:
        """Tell whether the next ``length`` bytes are there."""
        return len(self._held) >= length

    def exactly(self, length: int) -> bytes:
        """Give the next ``length`` bytes, or raise Hung when the other side ended before."""
        held = self._held
        if len(held) < length <= _CHUNK:
            while len(held) < length:
                more = self._line.recv(_CHUNK)
                if not more:
                    raise Hung
                held += more
        if len(held) >= length:
            self._held = held[length:]
            return held[:length]
        whole = bytearray(length)  # a large body goes to its place at once, not through copies that grow
        with memoryview(whole) as view:
            view[: len(held)] = held
            filled = len(held)
            while filled < length:
                count = self._line.recv_into(view[filled:])
                if not count:
                    raise Hung
                filled += count
        self._held = b""
        return bytes(whole)


def message(token: bytes, request: Mapping[str, object], limits: Limits) -> bytes:
    """Write one request, for a worker or the writer."""
    said = {"seconds": limits.seconds, "bytes": limits.bytes, "memory": limits.memory}
    text = json.dumps({**request, "limits": said}).encode()
    return REQUEST.pack(token, len(text), time.monotonic()) + text


# --- worker ---------------------------------------------------------------------------------------------------------


def _become_child(descriptors: Sequence[int], keeper: int) -> None:
    """Be a process of its own, after the fork: keep these descriptors, in order from 0, and end with the keeper."""
    end_with(keeper)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # where memory runs out, the system shall end a worker, not the keeper
            Path("/proc/self/oom_score_adj").write_text("500")
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for target, source in enumerate(descriptors):  # the keeper's own are above these, so none is overwritten
        os.dup2(source, target)
    os.closerange(len(descriptors), os.sysconf("SC_OPEN_MAX"))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _open(directory: Path | None, engine: Any) -> Any:
    """Put up the walls of a worker, and give what it answers from: ``engine``, or the database in ``directory``.

    Leaves room for one connection, and for those files of the database that the engine opens when it needs them.
    """
    most = _DESCRIPTORS
    if directory is not None:
        engine = read_directory(directory)
        close_network()
        used = max((int(name) for name in os.listdir("/dev/fd")), default=0)
        most = used + 2 + sum(1 for _ in directory.glob("*.sst"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    return engine


# Numbers of the system call socket(), by machine and by how its kernel calls the architecture.
_SOCKET_CALLS = {"x86_64": (0xC000003E, 41), "aarch64": (0xC00000B7, 198)}


def close_network() -> None:
    """Make this process unable to open another socket, where the system can do that; connections it has stay.

    A process that holds a database must be able to open files, so a limit on descriptors is no wall against SERVICE and
    LOAD there. Source: seccomp(2).
    """
    architecture, call = _SOCKET_CALLS.get(os.uname().machine, (0, 0))
    if sys.platform != "linux" or not call:
        return
    load, equal, give = 0x20, 0x15, 0x06  # BPF_LD+W+ABS, BPF_JMP+JEQ+K, BPF_RET+K
    allow, deny = 0x7FFF0000, 0x00050000 | errno.EACCES
    steps = ((load, 0, 0, 4), (equal, 0, 3, architecture), (load, 0, 0, 0), (equal, 0, 1, call), (give, 0, 0, deny),
             (give, 0, 0, allow))  # fmt: skip
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *step) for step in steps))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(steps), ctypes.addressof(code)))
    libc = ctypes.CDLL(None, use_errno=True)
    pr_set_no_new_privs, pr_set_seccomp, filter_mode = 38, 22, 2
    if libc.prctl(pr_set_no_new_privs, 1, 0, 0, 0) or libc.prctl(pr_set_seccomp, filter_mode, program, 0, 0):
        log.warning("the kernel takes no system call filter (%s)", os.strerror(ctypes.get_errno()))


def address_space() -> int:
    """Tell the bytes of address space in use, or 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _serve(engine: Any, slot: memoryview, size: int, keeper: int) -> NoReturn:
    """Answer queries, one after the other, until grown too large or until the bell rings and no query waits.

    ``slot`` is where the keeper reads which query runs, ``size`` the address space that does not count.
    """
    listener, bell = socket.socket(fileno=_LISTENER), socket.socket(fileno=_BELL)
    listener.setblocking(False)
    idle: select.epoll | None = None
    if sys.platform == "linux":
        # A plain accept() wakes whoever waits longest; this wakes whoever waits shortest, whose caches are warm.
        idle = select.epoll()
        idle.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        idle.register(bell, select.EPOLLIN)
    with contextlib.suppress(OSError):  # it rang already
        bell.send(b"!")  # ready
    unit = 1 if sys.platform == "darwin" else 1024
    large = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit + _RETIRE
    memory = -1
    usual = os.getpriority(os.PRIO_PROCESS, 0)
    line: socket.socket | None = None  # of the last asker, who may ask again
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit < large:
        if idle is not None:
            ready = {number for number, _ in idle.poll()}
        else:
            found = select.select([listener, bell] if line is None else [listener, bell, line], [], [], 2)[0]
            ready = {each.fileno() for each in found}
            if os.getppid() != keeper:
                ready.add(_BELL)
        if line is None or ready != {line.fileno()}:
            if line is not None:
                line.close()  # who waits in the queue goes first; who asked before will join it
            line = None
            try:
                line, _ = listener.accept()
            except BlockingIOError:
                if _BELL in ready:
                    break  # and no query waits
                continue  # another was quicker
            if idle is not None:
                idle.register(line, select.EPOLLIN)
        kept, line = line, None
        # An asker who went away gets nothing, and is not heard again.
        with contextlib.suppress(OSError, Hung), _disarmed(kept):
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
            reader = Reader(kept)
            token, length, asked = REQUEST.unpack(reader.exactly(REQUEST.size))
            request = json.loads(reader.exactly(length))
            limits = Limits(**request["limits"])
            document = reader.exactly(request["document"]) if "document" in request else None
            if time.monotonic() - asked > _HURRY:
                with contextlib.suppress(BlockingIOError):
                    kept.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                    raise Hung  # the asker has left the queue
            slot[:] = token
            if size and memory != limits.memory:
                memory = limits.memory
                resource.setrlimit(resource.RLIMIT_AS, (size + memory, resource.RLIM_INFINITY))
            # The signal's default action is the end of this process. Nothing of ours runs then, so nothing can fail.
            signal.setitimer(signal.ITIMER_REAL, limits.seconds)
            text, rows, body = b"", 0, b""
            try:
                if document is None:
                    answer = evaluate(
                        engine,
                        request["query"],
                        request["media_type"],
                        limits=limits,
                        base=request["base"],
                        scope=Scope(default=_graphs(request["default"]), named=_graphs(request["named"])),
                        functions=request["functions"],
                    )
                else:
                    answer = triples_of(document, request["media_type"], base=request["base"], limits=limits)
                rows, body = answer.rows, answer.read()
            except MemoryError:
                text = json.dumps(pack(QueryMemoryError(limits.memory))).encode()
            except (KgError, ValueError) as error:
                text = json.dumps(pack(error)).encode()
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
            head = HEAD.pack(len(text), rows, len(body)) + text
            if len(body) < _CHUNK:
                kept.sendall(head + body)  # each message wakes the asker, which costs more than the copy
            else:
                kept.sendall(head)
                kept.sendall(body)
            line = kept
        if os.getpriority(os.PRIO_PROCESS, 0) != usual:
            try:
                os.setpriority(os.PRIO_PROCESS, 0, usual)
            except PermissionError:  # only the keeper's next child begins again as the keeper is
                break
    os._exit(0)


class _disarmed:  # noqa: N801 (used as a context, like those of contextlib, and cheaper)
    """Switches the timer off at the end, and closes the line where something went wrong."""

    __slots__ = ("_line",)

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if kind is not None:
            self._line.close()


def _graphs(names: list[str] | None) -> frozenset[URIRef] | None:
    return None if names is None else frozenset(map(URIRef, names))


# --- keeper ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True, eq=False)
class _Generation:
    """The workers over one state of the data. ``directory`` is the database they open; None: what the keeper loaded."""

    listener: socket.socket
    bell: socket.socket  # the keeper's end: closing it tells the workers to leave
    rope: socket.socket  # the workers' end
    directory: Path | None = None
    workers: set[int] = field(default_factory=set)


@dataclass(slots=True)
class _Worker:
    pid: int
    generation: _Generation | None  # None: the writer
    slot: memoryview  # the token of the query it runs or ran last
    errors: int  # our end of its stderr
    tail: bytearray = field(default_factory=bytearray)
    doomed: bool = False  # killed on an asker's word, past the deadline


@dataclass(slots=True, eq=False)
class _Copy:
    """A copy of the database that the writer wants answered from."""

    generation: _Generation
    line: socket.socket  # the writer's, which waits for word
    writer: int
    made: bytes  # the write that the writer before had made when it ended without word; empty: none


# Writes to a workspace as long as it lives: its directory, its socket, the line to the keeper, and where the keeper
# reads which write runs.
Write: TypeAlias = Callable[[Path, socket.socket, socket.socket, memoryview], NoReturn]


class _Keeper:
    """The process that holds the data and its workers. One thread, one loop, no blocking call but select.

    Either ``engine`` holds the data, or ``write`` keeps it in ``workspace`` and publishes copies of it.
    """

    def __init__(
        self,
        engine: Any,
        directory: Path,
        *,
        workers: int,
        queue: int,
        parent: int,
        workspace: Path | None = None,
        write: Write | None = None,
    ) -> None:
        self._engine = engine
        self._quads = 0 if engine is None else len(engine)
        self._directory = directory
        self._wanted = workers
        self._queue = queue
        self._workspace = workspace
        self._write = write
        self._writer: int | None = None
        self._rest = 0.0  # until when no writer is forked
        self._workers: dict[int, _Worker] = {}
        # Workers of earlier generations may be busy yet when the next begins.
        shared = memoryview(Slots.make(directory, workers * _GENERATIONS + 1))
        self._slots = [shared[start : start + TOKEN] for start in range(0, len(shared), TOKEN)]
        self._current: _Generation | None = None
        self._coming: _Copy | None = None
        self._leaving: list[_Generation] = []
        self._settling: list[tuple[socket.socket, bytes]] = []
        self._publisher: int | None = None  # the writer whose copy is current
        self._fates: OrderedDict[bytes, dict[str, str]] = OrderedDict()
        self._endings: Counter[str] = Counter()
        self._waiting: dict[int, list[socket.socket]] = {}
        self._size = address_space()
        self._null = os.open(os.devnull, os.O_RDWR)
        self._control = _listen(directory / "control", 128)
        self._control.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._running = True
        wake, wakeup = socket.socketpair()
        wake.setblocking(False)
        wakeup.setblocking(False)
        self._wake = wake
        self._wakeup = wakeup
        signal.set_wakeup_fd(wakeup.fileno())
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self._selector.register(wake, selectors.EVENT_READ, self._on_signal)
        self._selector.register(0, selectors.EVENT_READ, self._on_lifeline)
        self._selector.register(self._control, selectors.EVENT_READ, self._on_visitor)
        if sys.platform == "linux":
            # The lifeline is also held by what the parent forks; those may outlive it.
            self._selector.register(os.pidfd_open(parent), selectors.EVENT_READ, self._stop)
            self._running = os.getppid() == parent
        self._state = State.make(directory) if write is not None else None
        self._writes = _listen(directory / "writes", queue) if write is not None else None
        if engine is not None:
            self._current = self._generation(None, directory / "queries")

    def run(self, ready: Callable[[int], None]) -> None:
        """Keep the workers until the lifeline ends; ``ready`` is called once they are there.

        Raises StoreError when the writer ends before it published anything.
        """
        told = False
        try:
            while self._running:
                self._replenish()
                if self._current is not None and not told:
                    told = True
                    ready(self._quads)
                for key, _ in self._selector.select(None if self._complete() else 1):
                    key.data()
        finally:
            for worker in self._workers.values():
                os.kill(worker.pid, signal.SIGKILL)
            for pid in self._workers:
                os.waitpid(pid, 0)
            shutil.rmtree(self._directory, ignore_errors=True)
            for generation in (*self._serving(), *self._leaving):
                if generation.directory is not None:
                    shutil.rmtree(generation.directory, ignore_errors=True)

    def _serving(self) -> list[_Generation]:
        """Give the generations that are to have all their workers."""
        found = [] if self._current is None else [self._current]
        return found if self._coming is None else [*found, self._coming.generation]

    def _complete(self) -> bool:
        if self._write is not None and self._writer is None:
            return False
        return all(len(generation.workers) == self._wanted for generation in self._serving())

    def _replenish(self) -> None:
        """Fork the processes that are missing; what cannot be had now is tried again in a second."""
        try:
            if self._write is not None and self._writer is None and time.monotonic() >= self._rest:
                self._spawn_writer()
            kept = int(self._write is not None and self._writer is None)  # a place for the writer
            for generation in self._serving():
                while len(self._slots) > kept and len(generation.workers) < self._wanted:
                    self._spawn_worker(generation)
        except OSError as error:
            log.error("no new process: %s", error.strerror)  # noqa: TRY400 (an event, not a defect)

    def _generation(self, directory: Path | None, address: Path) -> _Generation:
        listener = _listen(address, self._queue)
        bell, rope = socket.socketpair()
        bell.setblocking(False)
        generation = _Generation(listener, bell, rope, directory)
        self._selector.register(bell, selectors.EVENT_READ, lambda: self._on_ready(generation))
        return generation

    def _spawn_worker(self, generation: _Generation) -> None:
        def work(slot: memoryview, keeper: int) -> None:
            engine = _open(generation.directory, self._engine)
            size = self._size if generation.directory is None else address_space()
            _serve(engine, slot, size, keeper)

        generation.workers.add(self._spawn(generation, generation.listener, generation.rope, work))

    def _spawn_writer(self) -> None:
        assert self._write is not None and self._writes is not None and self._workspace is not None  # noqa: S101, PT018
        ours, theirs = socket.socketpair()
        write, workspace = self._write, self._workspace

        def work(slot: memoryview, keeper: int) -> None:
            del keeper
            write(workspace, socket.socket(fileno=_LISTENER), socket.socket(fileno=_BELL), slot)

        with theirs:
            self._writer = self._spawn(None, self._writes, theirs, work)
        self._selector.register(ours, selectors.EVENT_READ, lambda: self._on_copy(ours))

    def _spawn(
        self,
        generation: _Generation | None,
        listener: socket.socket,
        line: socket.socket,
        work: Callable[[memoryview, int], None],
    ) -> int:
        """Fork a process that does ``work``, and watch what it writes to its stderr."""
        reader, writer = os.pipe()
        keeper = os.getpid()
        slot = self._slots.pop()
        slot[:] = bytes(TOKEN)
        try:
            pid = os.fork()
        except OSError:
            self._slots.append(slot)
            os.close(reader)
            os.close(writer)
            raise
        if pid == 0:
            try:
                _become_child((self._null, writer, writer, listener.fileno(), line.fileno()), keeper)
                work(slot, keeper)
            except KgError as error:
                sys.stderr.write(f"{error}\n")
            except BaseException:  # noqa: BLE001 (the engine's panics are such; the keeper reads how it ended)
                traceback.print_exc()
            finally:
                os._exit(1)  # never back into the keeper's loop
        os.close(writer)
        os.set_blocking(reader, False)
        worker = _Worker(pid, generation, slot, reader)
        self._workers[pid] = worker
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._on_words(worker))
        return pid

    # --- generations ---

    def _on_copy(self, line: socket.socket) -> None:
        """Take word of a new copy from the writer, in one line of JSON, or that the writer is gone."""
        words = b""
        with contextlib.suppress(ConnectionError):  # it was killed before it read our word
            words = line.recv(_CHUNK)
        if not words:
            self._selector.unregister(line)
            line.close()
            return
        told = json.loads(words)
        if self._coming is not None:  # from a writer that ended since
            before, self._coming = self._coming.generation, None
            self._leaving.append(before)
            self._dismiss(before)
        directory = Path(told["directory"])
        if told["writer"] != self._publisher:  # the writer before may have left copies that nobody asks
            asked = {generation.directory for generation in (*self._serving(), *self._leaving)}
            for path in directory.parent.iterdir():
                if path != directory and path not in asked:
                    shutil.rmtree(path, ignore_errors=True)
        # A socket's address must be short, and moves once the first worker is there.
        generation = self._generation(directory, self._directory / "coming")
        self._coming = _Copy(generation, line, told["writer"], bytes.fromhex(told["made"]))

    def _on_ready(self, generation: _Generation) -> None:
        """Take word that a worker of ``generation`` is there: with the first of them its time begins."""
        if generation not in self._serving():  # dismissed in this round of the loop
            return
        with contextlib.suppress(BlockingIOError):
            generation.bell.recv(64)
        if self._coming is None or self._coming.generation is not generation:
            return
        before, copy = self._current, self._coming
        self._current, self._coming, self._rest, self._publisher = generation, None, 0.0, copy.writer
        if copy.made:
            self._fates[copy.made] = {"cause": "made", "reason": "it was made before its process ended"}
        os.replace(self._directory / "coming", self._directory / "queries")
        assert self._state is not None  # noqa: S101 (there are copies in a workspace only)
        self._state.next()  # only now: who read the state before asks this generation or the one before
        with contextlib.suppress(OSError):
            copy.line.sendall(json.dumps({"version": self._state.version()}).encode())
        for visitor, token in self._settling:
            self._settle(visitor, token)
        self._settling.clear()
        if before is not None:
            self._leaving.append(before)
            self._dismiss(before)

    def _dismiss(self, generation: _Generation) -> None:
        """Tell the workers of a generation to leave when nobody waits at their socket."""
        self._selector.unregister(generation.bell)
        generation.bell.close()
        self._sweep(generation)

    def _settle(self, visitor: socket.socket, token: bytes) -> None:
        assert self._state is not None  # noqa: S101 (only the writer's askers come here)
        made = self._fates.get(token, {}).get("cause") == "made"
        self._reply(visitor, {"version": self._state.version(), "made": made})

    def _sweep(self, generation: _Generation) -> None:
        """Let go of a generation whose last worker left. Who still waits at its socket asks again, at the next."""
        if generation.workers:
            return
        if generation in self._leaving:
            self._leaving.remove(generation)
        elif self._coming is not None and self._coming.generation is generation:
            log.error("no worker could open the copy %s", generation.directory)
            self._selector.unregister(generation.bell)
            generation.bell.close()
            if self._writer is not None:
                os.kill(self._writer, signal.SIGKILL)  # the next one publishes anew
            self._coming = None
        else:
            return  # the current one, which gets new workers
        generation.listener.close()
        generation.rope.close()
        if generation.directory is not None:
            shutil.rmtree(generation.directory, ignore_errors=True)

    def _stop(self) -> None:
        self._running = False

    def _on_lifeline(self) -> None:
        if not os.read(0, 4096):
            self._stop()

    def _on_signal(self) -> None:
        numbers = self._wake.recv(4096)
        if signal.SIGTERM in numbers or signal.SIGINT in numbers:
            self._stop()
        self._reap()

    def _on_words(self, worker: _Worker) -> bool:
        """Keep the end of what a worker wrote to its stderr; tell whether there was anything."""
        if self._workers.get(worker.pid) is not worker:  # reaped in this round of the loop
            return False
        try:
            words = os.read(worker.errors, 65536)
        except BlockingIOError:
            return False
        if not words:
            with contextlib.suppress(KeyError):
                self._selector.unregister(worker.errors)
        worker.tail += words
        del worker.tail[:-4096]
        return bool(words)

    def _reap(self) -> None:
        for worker in list(self._workers.values()):
            pid, status = os.waitpid(worker.pid, os.WNOHANG)
            if not pid:
                continue
            while self._on_words(worker):
                pass
            with contextlib.suppress(KeyError):
                self._selector.unregister(worker.errors)
            os.close(worker.errors)
            del self._workers[pid]
            fate = _fate(worker, os.waitstatus_to_exitcode(status))
            if worker.generation is None:
                self._writer = None
                self._rest = 0.0 if pid == self._publisher else time.monotonic() + _REST
                if self._current is None and self._coming is None:
                    words = " ".join(worker.tail.decode(errors="replace").split())
                    raise StoreError(words[-1000:] or f"the writer of the workspace ended: {fate['reason']}")
            else:
                worker.generation.workers.discard(pid)
                self._sweep(worker.generation)
            self._endings[fate["cause"]] += 1
            self._fates[bytes(worker.slot)] = fate
            self._slots.append(worker.slot)
            while len(self._fates) > 1000:
                self._fates.popitem(last=False)
            level = logging.INFO if fate["cause"] in ("retired", "timeout") else logging.WARNING
            what = "writer" if worker.generation is None else "query worker"
            log.log(level, "%s %d ended: %s", what, pid, fate["reason"])
            for visitor in self._waiting.pop(pid, []):
                self._reply(visitor, fate)

    def _on_visitor(self) -> None:
        with contextlib.suppress(BlockingIOError):
            visitor, _ = self._control.accept()
            visitor.setblocking(False)
            self._selector.register(visitor, selectors.EVENT_READ, lambda: self._on_question(visitor))

    def _on_question(self, visitor: socket.socket) -> None:
        """Answer one question; it is small and ours, so it comes in one piece."""
        self._selector.unregister(visitor)
        try:
            question = json.loads(visitor.recv(4096))
            token = bytes.fromhex(question.get("token", ""))
        except (OSError, ValueError, AttributeError, TypeError):
            visitor.close()
            return
        self._reap()
        worker = next((worker for worker in self._workers.values() if worker.slot == token), None)
        match question.get("ask"):
            case "status":
                workers = sorted(self._workers.keys() - {self._writer})
                status = {"pid": os.getpid(), "quads": self._quads, "workers": workers, "writer": self._writer}
                self._reply(visitor, {**status, "ended": dict(self._endings)})
            case "settled":
                # When the next writer is up, what this one made is published, and whether it made its last is known.
                if question.get("writer") in (self._publisher, self._writer):
                    self._settling.append((visitor, token))
                else:
                    self._settle(visitor, token)
            case "long":
                visitor.close()
                if worker is not None:
                    with contextlib.suppress(OSError):
                        os.setpriority(os.PRIO_PROCESS, worker.pid, _LONG)
            case "fate" | "kill" as ask:
                if worker is None:
                    self._reply(visitor, self._fates.get(token, {"cause": "none", "reason": "it never began"}))
                    return
                if ask == "kill":
                    worker.doomed = True
                    os.kill(worker.pid, signal.SIGKILL)
                    if worker.generation is not None:  # it is replaced now, however long its end takes
                        worker.generation.workers.discard(worker.pid)
                self._waiting.setdefault(worker.pid, []).append(visitor)  # it is ending
            case _:
                visitor.close()

    @staticmethod
    def _reply(visitor: socket.socket, answer: Mapping[str, object]) -> None:
        with visitor, contextlib.suppress(OSError):
            visitor.sendall(json.dumps(answer).encode())


def _fate(worker: _Worker, code: int) -> dict[str, str]:
    """Tell how a worker ended: ``cause`` for programs, ``reason`` for people."""
    words = " ".join(worker.tail.decode(errors="replace").split())[-300:]
    if code == 0:
        return {"cause": "retired", "reason": "it had grown and made room"}
    if worker.doomed or code == -signal.SIGALRM:
        return {"cause": "timeout", "reason": "the deadline"}
    if code == -signal.SIGABRT and "memory allocation" in words:
        return {"cause": "memory", "reason": words}
    names = {-number: number.name for number in signal.Signals}
    how = names.get(code) or (f"signal {-code}" if code < 0 else f"exit status {code}")
    return {"cause": "died", "reason": f"{how} ({words})" if words else how}


class Slots:
    """Which query each worker runs or ran last, in memory that every process of the service reads."""

    _NAME = "slots"

    def __init__(self, shared: mmap.mmap) -> None:
        self._shared = shared

    @classmethod
    def make(cls, directory: Path, number: int) -> mmap.mmap:
        """Make the memory in the keeper's directory; give it for writing."""
        path = directory / cls._NAME
        path.write_bytes(bytes(number * TOKEN))
        with path.open("r+b") as file:
            return mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED)

    @classmethod
    def find(cls, directory: Path) -> Slots:
        """Read the memory of a keeper. Raises StoreUnavailableError where it is gone."""
        try:
            with (directory / cls._NAME).open("rb") as file:
                return cls(mmap.mmap(file.fileno(), 0, mmap.MAP_SHARED, mmap.PROT_READ))
        except OSError as error:
            raise StoreUnavailableError("the keeper of the query workers is gone; start the service again") from error

    def begun(self, token: bytes) -> bool:
        """Tell whether a worker took the query with this token."""
        return self._shared.find(token) >= 0


class State:
    """The state of a workspace's data, in memory that every process of the service reads: a session and a number."""

    _FORM = struct.Struct("!QQ")
    _NAME = "state"

    def __init__(self, shared: mmap.mmap) -> None:
        self._shared = shared

    @classmethod
    def make(cls, directory: Path) -> State:
        """Begin a session in the keeper's directory."""
        path = directory / cls._NAME
        path.write_bytes(cls._FORM.pack(secrets.randbits(64), 0))
        return cls._map(path, mmap.PROT_READ | mmap.PROT_WRITE)

    @classmethod
    def find(cls, directory: Path) -> State | None:
        """Read the state that a keeper holds, or give None where its data never changes."""
        try:
            return cls._map(directory / cls._NAME, mmap.PROT_READ)
        except FileNotFoundError:
            return None

    @classmethod
    def _map(cls, path: Path, protection: int) -> State:
        with path.open("r+b" if protection & mmap.PROT_WRITE else "rb") as file:
            return cls(mmap.mmap(file.fileno(), cls._FORM.size, mmap.MAP_SHARED, protection))

    def next(self) -> None:
        """Go on to the next state. Only the keeper does."""
        session, number = self._FORM.unpack(self._shared[:])
        self._FORM.pack_into(self._shared, 0, session, number + 1)

    def version(self) -> str:
        """Name the state. A name that is read while it changes may be one that no state has, which does no harm."""
        session, number = self._FORM.unpack(self._shared[:])
        return f"{session:016x}-{number}"


def _listen(path: Path, backlog: int) -> socket.socket:
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    listener.listen(backlog)
    return listener


def _threads() -> int:
    """Count the threads of this process: those of the engine too, where the system lists them."""
    try:
        return len(os.listdir("/proc/self/task"))
    except OSError:
        return threading.active_count()


def main(write: Write | None = None) -> None:
    """Be a keeper: settings as one line of JSON on stdin, which stays open; one line on stdout when ready or broken.

    With ``write``, the settings name a workspace; without it, files to load.
    """
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
    settings = json.loads(sys.stdin.buffer.raw.readline())  # type: ignore[union-attr]
    directory = Path(settings["directory"])

    def say(words: Mapping[str, object]) -> None:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
        os.dup2(2, 1)

    told = False

    def ready(quads: int) -> None:
        nonlocal told
        told = True
        say({"quads": quads})

    try:
        keeper = _Keeper(
            None if write is not None else _loaded(settings["files"]),
            directory,
            workers=settings["workers"],
            queue=settings["queue"],
            parent=settings["parent"],
            workspace=Path(settings["workspace"]) if write is not None else None,
            write=write,
        )
        gc.collect()
        gc.freeze()  # the collector would write to every page it shares with its children
        keeper.run(ready)
    except (KgError, OSError) as error:
        if told:
            raise
        shutil.rmtree(directory, ignore_errors=True)
        say(pack(error if isinstance(error, KgError) else StoreError(str(error))))
        sys.exit(1)


def _loaded(named: Iterable[Sequence[str | None]]) -> Any:
    """Load files in a thread that is over before the first fork: the engine's random numbers belong to a thread.

    Were they drawn in this one, for a blank node say, all workers would go on with the same numbers: UUID() too.
    """
    files = [(Path(cast("str", path)), base, None if graph is None else URIRef(graph)) for path, base, graph in named]
    with ThreadPoolExecutor(1) as loader:
        engine = loader.submit(load, files).result()
    until = time.monotonic() + 2
    while _threads() != 1 and time.monotonic() < until:  # a joined thread takes a moment to leave the system's list
        time.sleep(0.001)
    if _threads() != 1:
        raise StoreError("the engine started threads while it loaded; a process with threads must not be forked")
    return engine


# --- the parent's and the asker's side ------------------------------------------------------------------------------


class Keeper:
    """A running keeper, seen from the process that started it. Use it as a context, or close it."""

    def __init__(self, process: subprocess.Popen[bytes], address: Path, quads: int) -> None:
        self._process = process
        self.address = address
        self.quads = quads

    @classmethod
    def start(
        cls, files: Iterable[File], *, workers: int | None = None, queue: int = 64, seconds: float = 600.0
    ) -> Self:
        """Start a keeper over RDF files (path, base IRI, graph for triples) and wait until it has loaded them.

        ``workers`` is by default two more than there are cores, so that one can be replaced while others work;
        ``queue`` is how many askers may wait; ``seconds`` bounds the loading. It ends with this process, however that
        ends (off Linux, when no forked child of this process is left either). Raises LoadError, or
        StoreUnavailableError when it does not come up.
        """
        listed = [(str(path.absolute()), base, graph) for path, base, graph in files]
        return cls.run(__name__, {"files": listed}, workers=workers, queue=queue, seconds=seconds)

    @classmethod
    def run(
        cls, module: str, what: Mapping[str, object], *, workers: int | None, queue: int, seconds: float = 600.0
    ) -> Self:
        """Start ``module`` as a keeper over what the settings ``what`` name; see ``start`` for the rest."""
        address = Path(tempfile.mkdtemp(prefix="kg-"))  # mode 0700: who may not enter cannot ask
        if len(os.fsencode(address / "queries")) > 100:
            address.rmdir()
            raise ConfigError(f"{address} is too long for a socket's address; set TMPDIR to a shorter path")
        settings = {
            "directory": str(address),
            "workers": workers or (os.cpu_count() or 1) + 2,
            "queue": queue,
            "parent": os.getpid(),
            **what,
        }
        # The keeper runs this very package, wherever it lies.
        root = str(Path(__file__).resolve().parents[2])
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": search},
            start_new_session=True,  # an interrupt from the keyboard is the parent's to handle
        )
        lifeline, voice = cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)
        keeper = cls(process, address, 0)
        try:
            with contextlib.suppress(BrokenPipeError):
                lifeline.write(json.dumps(settings).encode() + b"\n")
                lifeline.flush()
            with selectors.DefaultSelector() as selector:
                selector.register(voice, selectors.EVENT_READ)
                if not selector.select(seconds):
                    raise StoreUnavailableError(f"the data was not loaded within {seconds:g} s")
            words = voice.readline()
            if not words:
                raise StoreUnavailableError(f"the keeper of the query workers ended with status {process.wait()}")
            told = json.loads(words)
            if "error" in told:
                raise unpack(told)
        except BaseException:
            keeper.close()
            raise
        keeper.quads = told["quads"]
        return keeper

    @property
    def pid(self) -> int:
        """The keeper's process."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Tell whether the keeper is gone, by whatever cause."""
        return self._process.poll() is not None

    def store(self, *, federation: Federation | None = None) -> WorkerStore:
        """Give a store that asks these workers."""
        return WorkerStore(self.address, federation=federation)

    def close(self) -> None:
        """End the keeper and its workers, and remove their directory. Queries that run get StoreUnavailableError."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        process.terminate()  # processes that this one forked may hold the lifeline too
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(self.address, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def join_queue(line: socket.socket, address: str) -> None:
    """Connect to who answers at an address, without waiting for room: QueueFullError. Leaves the line non-blocking."""
    line.setblocking(False)
    try:
        line.connect(address)
    except BlockingIOError as error:  # the backlog is full
        raise QueueFullError from error
    except ConnectionRefusedError:
        raise  # the address moved to the next state of the data just now
    except OSError as error:
        raise StoreUnavailableError("the query workers are gone; start the service again") from error


class _Line:
    """A connection to one worker. It is kept after an answer: who asks again finds caches warm and nothing to open.

    ``version`` is the state of the data when it was made, so the worker answers from that or a later one. The kernel
    keeps the time (SO_RCVTIMEO), which saves two system calls for each call of ours.
    """

    __slots__ = ("_fresh", "_line", "_patience", "reader", "version")
    _TIME = struct.Struct("ll")

    def __init__(self, version: str | None) -> None:
        self._line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._patience = 0.0
        self.reader = Reader(self._line)
        self.version = version
        self._fresh = True

    def patience(self, seconds: float) -> None:
        """Set how long a read or write may take until it raises BlockingIOError."""
        if seconds != self._patience:
            self._patience = seconds
            whole = int(seconds)
            time_ = self._TIME.pack(whole, int((seconds - whole) * 1e6))
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, time_)
            self._line.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, time_)

    def open(self) -> bool:
        """Tell whether the worker still waits for us: it leaves for whoever is in the queue, or when it has grown."""
        try:
            return not self._line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:
            return False

    def ask(self, address: str, message: bytes, document: bytes, limits: Limits) -> None:
        """Send one request; the first time, to whichever worker takes it."""
        if self._fresh:
            self._fresh = False
            join_queue(self._line, address)
            self._line.setblocking(True)
        soon = _SOON if limits.seconds > _SOON else limits.seconds + _SLACK
        self.patience(limits.seconds if document else soon)
        try:
            self._line.sendall(message)
            if document:
                self._line.sendall(document)
                self.patience(soon)
        except BlockingIOError as error:
            raise QueueFullError(math.ceil(limits.seconds)) from error

    def close(self) -> None:
        """End it."""
        self._line.close()

    __del__ = close  # a store that nobody closed leaves none open


class WorkerStore(Store):
    """Asks the workers of a keeper. Any thread may share it; each query has a worker of its own.

    A query waits for a worker at most as long as it may run; then, and at once when the queue is full, QueueFullError.
    ``guarded=False`` leaves the guard out, for tests of the walls behind it.
    """

    def __init__(self, address: Path, *, guarded: bool = True, federation: Federation | None = None) -> None:
        self._address = address
        self._federation = federation
        self.services = federation.services if federation else frozenset()
        self._queries = str(address / "queries")
        self._guarded = guarded
        self._closed = False
        self._state = State.find(address)
        self._slots = Slots.find(address)
        self._lines: deque[_Line] = deque()  # to workers that wait; the last one is the warmest

    @property
    def version(self) -> str | None:
        """The state of a workspace's data; None where it never changes."""
        return None if self._state is None else self._state.version()

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
        """Run ``query``; see ``Store.answer``. A body of more than a megabyte is a file, removed with the context."""
        answer = self._ask(query, media_type, limits=limits, base=base, scope=scope, trusted=trusted)
        try:
            yield answer
        finally:
            if isinstance(answer.body, Path):
                answer.body.unlink(missing_ok=True)

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
        with self.answer(query, JSON_RESULTS, limits=limits, base=base, scope=scope, trusted=trusted) as answer:
            return results.solutions(answer.body)

    def status(self) -> Mapping[str, Any]:
        """Tell how the keeper does: ``pid``, ``quads``, ``workers`` (their pids), ``ended`` (a count for each cause).

        Raises StoreUnavailableError when it is gone.
        """
        return self._consult(ask="status")

    def close(self) -> None:
        """Ask no more. The keeper is its starter's to close."""
        self._closed = True
        while self._lines:
            self._lines.pop().close()

    def _ask(
        self, query: str, media_type: str, *, limits: Limits, base: str | None, scope: Scope, trusted: bool
    ) -> Answer:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        if not 0 < limits.seconds < 1e6:
            raise ValueError(f"a deadline of {limits.seconds} seconds is none")  # zero would switch the timer off
        reading = (
            None
            if trusted or not self._guarded
            else guard.check(query, base=base, budget=guard.allowing(self.services))
        )
        request = {
            "base": base,
            "default": None if scope.default is None else sorted(scope.default),
            "named": None if scope.named is None else sorted(scope.named),
            "functions": () if reading is None else tuple(reading.called),
        }

        def ask(text: str, media_type: str, limits: Limits) -> Answer:
            return self._have({**request, "query": text, "media_type": media_type}, b"", limits)

        if reading is None:
            return ask(query, media_type, limits)
        return answered(
            reading, query, ask, media_type=media_type, federation=self._federation, base=base, limits=limits
        )

    @contextlib.contextmanager
    def _parsed(self, document: bytes, media_type: str, *, base: str, limits: Limits) -> Iterator[Answer]:
        """Have a worker read RDF that somebody sent; see ``triples_of``."""
        request = {"media_type": media_type, "base": base, "document": len(document)}
        answer = self._have(request, document, limits)
        try:
            yield answer
        finally:
            if isinstance(answer.body, Path):
                answer.body.unlink(missing_ok=True)

    def _have(self, request: Mapping[str, object], document: bytes, limits: Limits) -> Answer:
        """Have a worker do what ``request`` says, with the bytes that follow it."""
        media_type = cast("str", request["media_type"])
        version = self.version
        tries = 0
        while tries < TRIES:
            token = os.urandom(TOKEN)
            line = self._kept(version)
            if line is None:
                line = _Line(version)
                tries += 1
            try:
                line.ask(self._queries, message(token, request, limits), document, limits)
                reader = self._first(token, line, limits)
                error, rows, length = HEAD.unpack(reader.exactly(HEAD.size))
                if not reader.holds(error + length):
                    line.patience(_PATIENCE)
                body = reader.exactly(error) if error else self._body(reader, length)
            except (ConnectionError, Hung):
                line.close()
                fate = self._consult(ask="fate", token=token.hex())
            except BlockingIOError:  # an answer that began and does not go on
                line.close()
                self._tell(ask="kill", token=token.hex())
                raise QueryTimeoutError(limits.seconds) from None
            except BaseException:
                line.close()
                raise
            else:
                self._lines.append(line)
                if error:
                    raise unpack(json.loads(cast("bytes", body)))
                return Answer(media_type, body, rows)
            match fate["cause"]:
                case "timeout":
                    raise QueryTimeoutError(limits.seconds)
                case "memory":
                    raise QueryMemoryError(limits.memory)
                case "none":  # its worker ended before it took the query: ask the next
                    continue
                case _:
                    raise WorkerDiedError(fate["reason"])
        raise StoreUnavailableError("worker after worker ended before it took the query; try again")

    def _first(self, token: bytes, line: _Line, limits: Limits) -> Reader:
        """Give the answer from its first bytes on. The worker's own timer ends late queries; this is for who waits.

        What takes long goes on at a lower priority, so that it delays nothing short. A process that the kernel ends may
        take a second to free its memory, so nobody waits for its end.
        """
        with contextlib.suppress(BlockingIOError):
            line.reader.first()
            return line.reader
        if limits.seconds > _SOON:
            self._tell(ask="long", token=token.hex())
            line.patience(limits.seconds - _SOON + _SLACK)
            with contextlib.suppress(BlockingIOError):
                line.reader.first()
                return line.reader
        if not self._slots.begun(token):
            raise QueueFullError(math.ceil(limits.seconds))
        self._tell(ask="kill", token=token.hex())
        raise QueryTimeoutError(limits.seconds)

    def _kept(self, version: str | None) -> _Line | None:
        """Give a line to a worker that waits, the one that answered last; None where there is none."""
        while True:
            try:
                line = self._lines.pop()
            except IndexError:
                return None
            if line.version == version and line.open():
                return line
            line.close()

    def _body(self, reader: Reader, length: int) -> bytes | Path:
        if length <= _SPOOL_FROM:
            return reader.exactly(length)
        try:
            handle, name = tempfile.mkstemp(prefix="answer-", dir=self._address)  # the keeper clears up if we cannot
        except OSError as error:
            raise StoreUnavailableError(f"no answer can be kept in {self._address}: {error.strerror}") from error
        path = Path(name)
        try:
            with open(handle, "wb") as spool:
                while length:
                    block = reader.exactly(min(length, 1 << 18))
                    spool.write(block)
                    length -= len(block)
        except BaseException as error:
            path.unlink(missing_ok=True)
            if isinstance(error, OSError) and not isinstance(error, ConnectionError):
                raise StoreUnavailableError(f"the answer cannot be kept: {error.strerror}") from error
            raise
        return path

    def _tell(self, **words: object) -> None:
        """Say something to the keeper, and do not wait for its answer."""
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
            line.settimeout(1)
            line.connect(str(self._address / "control"))
            line.sendall(json.dumps(words).encode())

    def _consult(self, *, seconds: float = 5.0, **question: object) -> Mapping[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(seconds)
                line.connect(str(self._address / "control"))
                line.sendall(json.dumps(question).encode())
                text = b""
                while block := line.recv(65536):
                    text += block
            told: Mapping[str, Any] = json.loads(text)
        except (OSError, ValueError) as error:
            raise StoreUnavailableError("the keeper of the query workers is gone; start the service again") from error
        return told


if __name__ == "__main__":
    main()

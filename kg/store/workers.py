"""Killable query processes over one loaded release, and the store that asks them.

The engine cannot be told to stop, to use less memory or to keep away from the network, and some texts end the process
that parses them. So strangers' queries run in processes that the kernel stops::

    parent ── lifeline ── keeper ── fork ── worker, worker, …      all workers block in accept() on one socket
                            │ control                │ queries
    any thread of any process: WorkerStore ──────────┘             its backlog is the queue, first come first served

The **keeper** loads the release, has one thread and only forks, reaps, replaces and tells how a worker ended. A
**worker** runs one query at a time, serialises the whole answer and only then sends it. Walls of a worker, set by the
kernel and not by our code: an interval timer whose signal ends it at the deadline; an address space limit; no further
file descriptor than the asker's connection, so no socket and no file while a query runs; no thread, no child process,
no core file; it dies with the keeper, and the keeper with its parent. Where there is no Linux, an orphan notices only
after its query, and the address space limit may not hold.

Messages are JSON behind a length, the answer's bytes follow; nothing is unpickled. Each query has a token.
Before a worker begins, it writes the token into memory it shares with the keeper: so the keeper can tell an asker who
waits in vain whether its query runs, and how the worker that ran it ended. An asker whose answer comes needs neither.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import logging
import math
import mmap
import os
import resource
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
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, NoReturn, Self, cast

from rdflib.term import Node, URIRef

from kg.errors import (
    AnswerTooLargeError,
    ConfigError,
    KgError,
    LoadError,
    ModelError,
    QueryMemoryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QueueFullError,
    StoreError,
    StoreUnavailableError,
    WorkerDiedError,
)
from kg.store import DEFAULT_LIMITS, EVERYTHING, JSON_RESULTS, Answer, Limits, Scope, Store, guard, results
from kg.store.oxigraph import File, evaluate, load

log = logging.getLogger("kg.store.workers")  # also where this module is the program

_SPOOL_FROM = 8_000_000  # bytes of an answer beyond which the asker keeps it in a file
# What a worker may have open: standard streams, listener, on Linux the wait for it, and one asker's connection.
_DESCRIPTORS = 6 if sys.platform == "linux" else 5
_PATIENCE = 30.0  # seconds a worker lets an asker take to send its request or to fetch its answer
_SLACK = 0.1  # seconds beyond the deadline until an asker without an answer asks whether its query runs at all
_GRACE = 1.0  # seconds beyond the deadline until the asker has a silent worker killed
_TRIES = 3  # workers in a row that may end before they take a query
_RETIRE = 256 * 2**20  # bytes a worker may have grown; then it makes room for a fresh one, between queries

_TOKEN = 16  # bytes
_REQUEST = struct.Struct(f"!{_TOKEN}sId")  # token, length of the JSON, when it was asked (monotonic seconds)
_HEAD = struct.Struct("!IQQ")  # of an answer: length of its error in JSON (0: none), rows, length of its body
_CHUNK = 1 << 16  # bytes read at once
_HURRY = 0.05  # seconds in the queue after which a worker looks whether the asker is still there

# --- errors on the wire ---------------------------------------------------------------------------------------------

_ERRORS: dict[str, type[Exception]] = {
    kind.__name__: kind
    for kind in (
        AnswerTooLargeError,
        ConfigError,
        LoadError,
        ModelError,
        QueryMemoryError,
        QueryRefusedError,
        QuerySyntaxError,
        QueryTimeoutError,
        StoreError,
        ValueError,
    )
}


def _pack(error: KgError | ValueError) -> dict[str, Any]:
    name = type(error).__name__
    if name in _ERRORS:
        return {"error": name, "args": error.args, "state": error.__dict__}
    return {"error": "StoreError" if isinstance(error, KgError) else "ValueError", "args": [str(error)], "state": {}}


def _unpack(packed: Mapping[str, Any]) -> Exception:
    kind = _ERRORS[packed["error"]]
    error = kind.__new__(kind)
    error.args = tuple(packed["args"])
    error.__dict__.update(packed["state"])
    return error


class _Hung(Exception):  # noqa: N818 (an event between two functions, not an error)
    """The other side closed the line."""


class _Reader:
    """Reads a connection in as few calls as its messages come in: mostly one."""

    __slots__ = ("_held", "_line")

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._held = b""

    def first(self) -> None:
        """Wait for the first bytes. Raises TimeoutError, or _Hung where none will come."""
        self._held = self._line.recv(_CHUNK)
        if not self._held:
            raise _Hung

    def exactly(self, length: int) -> bytes:
        """Give the next ``length`` bytes, or raise _Hung when the other side ended before."""
        held = self._held
        if len(held) < length <= _CHUNK:
            while len(held) < length:
                more = self._line.recv(_CHUNK)
                if not more:
                    raise _Hung
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
                    raise _Hung
                filled += count
        self._held = b""
        return bytes(whole)


# --- worker ---------------------------------------------------------------------------------------------------------


def _become_worker(listener: int, null: int, errors: int, keeper: int) -> None:
    """Put up the walls; called once, in the child, after the fork. Leaves room for one connection only."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if os.getppid() != keeper:
            os._exit(0)
        with contextlib.suppress(OSError):  # where memory runs out, the system shall end a worker, not the keeper
            Path("/proc/self/oom_score_adj").write_text("500")
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    for source, target in ((null, 0), (errors, 1), (errors, 2), (listener, 3)):
        os.dup2(source, target)
    os.closerange(4, os.sysconf("SC_OPEN_MAX"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_DESCRIPTORS, _DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))


def _address_space() -> int:
    """Tell the bytes of address space in use, or 0 where the system does not say."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _serve(engine: Any, slot: memoryview, size: int, keeper: int) -> NoReturn:
    """Answer queries, one after the other, until grown too large.

    ``slot`` is where the keeper reads which query runs, ``size`` the address space at the fork.
    """
    listener = socket.socket(fileno=3)
    idle: select.epoll | None = None
    if sys.platform == "linux":
        # A plain accept() wakes whoever waits longest; this wakes whoever waits shortest, whose caches are warm.
        idle = select.epoll()
        idle.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
        listener.setblocking(False)
    else:
        listener.settimeout(2)
    unit = 1 if sys.platform == "darwin" else 1024
    large = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit + _RETIRE
    memory = -1
    while resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit < large:
        if idle is not None:
            idle.poll()
        try:
            line, _ = listener.accept()
        except BlockingIOError:
            continue  # another was quicker
        except TimeoutError:
            if os.getppid() != keeper:
                break
            continue
        # An asker who went away gets nothing.
        with _disarmed(), line, contextlib.suppress(OSError, _Hung):
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
            reader = _Reader(line)
            token, length, asked = _REQUEST.unpack(reader.exactly(_REQUEST.size))
            request = json.loads(reader.exactly(length))
            limits = Limits(**request["limits"])
            if time.monotonic() - asked > _HURRY:
                with contextlib.suppress(BlockingIOError):
                    line.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
                    continue  # the asker has left the queue
            slot[:] = token
            if size and memory != limits.memory:
                memory = limits.memory
                resource.setrlimit(resource.RLIMIT_AS, (size + memory, resource.RLIM_INFINITY))
            # The signal's default action is the end of this process. Nothing of ours runs then, so nothing can fail.
            signal.setitimer(signal.ITIMER_REAL, limits.seconds)
            text, rows, body = b"", 0, b""
            try:
                answer = evaluate(
                    engine,
                    request["query"],
                    request["media_type"],
                    limits=limits,
                    base=request["base"],
                    scope=Scope(default=_graphs(request["default"]), named=_graphs(request["named"])),
                    functions=request["functions"],
                )
                rows, body = answer.rows, answer.read()
            except MemoryError:
                text = json.dumps(_pack(QueryMemoryError(limits.memory))).encode()
            except (KgError, ValueError) as error:
                text = json.dumps(_pack(error)).encode()
            signal.setitimer(signal.ITIMER_REAL, _PATIENCE)
            head = _HEAD.pack(len(text), rows, len(body)) + text
            if len(body) < _CHUNK:
                line.sendall(head + body)  # each message wakes the asker, which costs more than the copy
            else:
                line.sendall(head)
                line.sendall(body)
    os._exit(0)


class _disarmed:  # noqa: N801 (used as a context, like those of contextlib, and cheaper)
    """Switches the timer off at the end."""

    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _graphs(names: list[str] | None) -> frozenset[URIRef] | None:
    return None if names is None else frozenset(map(URIRef, names))


# --- keeper ---------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Worker:
    pid: int
    slot: memoryview  # the token of the query it runs or ran last
    errors: int  # our end of its stderr
    tail: bytearray = field(default_factory=bytearray)
    doomed: bool = False  # killed on an asker's word, past the deadline


class _Keeper:
    """The process that holds the release and its workers. One thread, one loop, no blocking call but select."""

    def __init__(self, engine: Any, directory: Path, *, workers: int, queue: int, parent: int) -> None:
        self._engine = engine
        self._quads = len(engine)
        self._directory = directory
        self._wanted = workers
        self._workers: dict[int, _Worker] = {}
        shared = memoryview(mmap.mmap(-1, workers * _TOKEN))
        self._slots = [shared[start : start + _TOKEN] for start in range(0, len(shared), _TOKEN)]
        self._fates: OrderedDict[bytes, dict[str, str]] = OrderedDict()
        self._endings: Counter[str] = Counter()
        self._waiting: dict[int, list[socket.socket]] = {}
        self._size = _address_space()
        self._null = os.open(os.devnull, os.O_RDWR)
        self._queries = _listen(directory / "queries", queue)
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

    def run(self, ready: Any) -> None:
        """Keep the workers until the lifeline ends; ``ready`` is called once they are there."""
        try:
            self._replenish()
            ready(self._quads)
            while self._running:
                for key, _ in self._selector.select(None if len(self._workers) == self._wanted else 1):
                    key.data()
                self._replenish()
        finally:
            for worker in self._workers.values():
                os.kill(worker.pid, signal.SIGKILL)
            for pid in self._workers:
                os.waitpid(pid, 0)
            shutil.rmtree(self._directory, ignore_errors=True)

    def _replenish(self) -> None:
        """Fork the workers that are missing; what cannot be had now is tried again in a second."""
        try:
            while self._running and len(self._workers) < self._wanted:
                self._spawn()
        except OSError as error:
            log.error("no new query worker: %s", error.strerror)  # noqa: TRY400 (an event, not a defect)

    def _spawn(self) -> None:
        reader, writer = os.pipe()
        keeper = os.getpid()
        slot = self._slots.pop()
        slot[:] = bytes(_TOKEN)
        try:
            pid = os.fork()
        except OSError:
            self._slots.append(slot)
            os.close(reader)
            os.close(writer)
            raise
        if pid == 0:
            try:
                _become_worker(self._queries.fileno(), self._null, writer, keeper)
                _serve(self._engine, slot, self._size, keeper)
            except BaseException:  # noqa: BLE001 (the engine's panics are such; the keeper reads how it ended)
                traceback.print_exc()
            finally:
                os._exit(1)  # never back into the keeper's loop
        os.close(writer)
        os.set_blocking(reader, False)
        worker = _Worker(pid, slot, reader)
        self._workers[pid] = worker
        self._selector.register(reader, selectors.EVENT_READ, lambda: self._on_words(worker))

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
            self._endings[fate["cause"]] += 1
            self._fates[bytes(worker.slot)] = fate
            self._slots.append(worker.slot)
            while len(self._fates) > 1000:
                self._fates.popitem(last=False)
            level = logging.INFO if fate["cause"] in ("retired", "timeout") else logging.WARNING
            log.log(level, "query worker %d ended: %s", pid, fate["reason"])
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
                status = {"pid": os.getpid(), "quads": self._quads, "workers": sorted(self._workers)}
                self._reply(visitor, {**status, "ended": dict(self._endings)})
            case "running":
                self._reply(visitor, {"running": worker is not None})
            case "fate" | "kill" as ask:
                if worker is None:
                    self._reply(visitor, self._fates.get(token, {"cause": "none", "reason": "it never began"}))
                    return
                if ask == "kill":
                    worker.doomed = True
                    os.kill(worker.pid, signal.SIGKILL)
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


def _listen(path: Path, backlog: int) -> socket.socket:
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


def _main() -> None:
    """Be a keeper: settings as one line of JSON on stdin, which stays open; one line on stdout when ready or broken."""
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
    settings = json.loads(sys.stdin.buffer.raw.readline())  # type: ignore[union-attr]
    directory = Path(settings["directory"])

    def say(words: Mapping[str, object]) -> None:
        sys.stdout.write(json.dumps(words) + "\n")
        sys.stdout.flush()
        os.dup2(2, 1)

    files = [(Path(path), base, None if graph is None else URIRef(graph)) for path, base, graph in settings["files"]]
    try:
        # Loaded in a thread that is over before the first fork: the engine's random numbers belong to a thread. Were
        # they drawn in this one, for a blank node say, all workers would go on with the same numbers: UUID() too.
        with ThreadPoolExecutor(1) as loader:
            engine = loader.submit(load, files).result()
        until = time.monotonic() + 2
        while _threads() != 1 and time.monotonic() < until:  # a joined thread takes a moment to leave the system's list
            time.sleep(0.001)
        if _threads() != 1:
            raise StoreError("the engine started threads while it loaded; a process with threads must not be forked")
        keeper = _Keeper(
            engine, directory, workers=settings["workers"], queue=settings["queue"], parent=settings["parent"]
        )
        gc.collect()
        gc.freeze()  # the collector would write to every page it shares with its children
    except (KgError, OSError) as error:
        shutil.rmtree(directory, ignore_errors=True)
        say(_pack(error if isinstance(error, KgError) else StoreError(str(error))))
        sys.exit(1)
    keeper.run(lambda quads: say({"quads": quads}))


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
    ) -> Keeper:
        """Start a keeper over RDF files (path, base IRI, graph for triples) and wait until it has loaded them.

        ``workers`` is by default two more than there are cores, so that one can be replaced while others work;
        ``queue`` is how many askers may wait; ``seconds`` bounds the loading. It ends with this process, however that
        ends (off Linux, when no forked child of this process is left either). Raises LoadError, or
        StoreUnavailableError when it does not come up.
        """
        address = Path(tempfile.mkdtemp(prefix="kg-"))  # mode 0700: who may not enter cannot ask
        if len(os.fsencode(address / "queries")) > 100:
            address.rmdir()
            raise ConfigError(f"{address} is too long for a socket's address; set TMPDIR to a shorter path")
        settings = {
            "directory": str(address),
            "files": [(str(path.absolute()), base, graph) for path, base, graph in files],
            "workers": workers or (os.cpu_count() or 1) + 2,
            "queue": queue,
            "parent": os.getpid(),
        }
        # The keeper runs this very package, wherever it lies.
        root = str(Path(__file__).resolve().parents[2])
        search = os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))
        process = subprocess.Popen(  # noqa: S603 (our own module)
            [sys.executable, "-P", "-m", __name__],
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
                raise _unpack(told)
        except BaseException:
            keeper.close()
            raise
        keeper.quads = told["quads"]
        return keeper

    @property
    def pid(self) -> int:
        """The keeper's process."""
        return self._process.pid

    def store(self) -> WorkerStore:
        """Give a store that asks these workers."""
        return WorkerStore(self.address)

    def close(self) -> None:
        """End the keeper and its workers, and remove their directory. Queries that run get StoreUnavailableError."""
        process = self._process
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
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


class WorkerStore(Store):
    """Asks the workers of a keeper: one connection for each query, so any thread of any process may share it.

    A query waits for a worker at most as long as it may run; then, and at once when the queue is full, QueueFullError.
    ``guarded=False`` leaves the guard out, for tests of the walls behind it.
    """

    def __init__(self, address: Path, *, guarded: bool = True) -> None:
        self._address = address
        self._queries = str(address / "queries")
        self._guarded = guarded
        self._closed = False

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

    def _ask(
        self, query: str, media_type: str, *, limits: Limits, base: str | None, scope: Scope, trusted: bool
    ) -> Answer:
        if self._closed:
            raise StoreUnavailableError("the store is closed")
        if not 0 < limits.seconds < 1e6:
            raise ValueError(f"a deadline of {limits.seconds} seconds is none")  # zero would switch the timer off
        functions = () if trusted or not self._guarded else tuple(guard.check(query, base=base).functions)
        request = json.dumps(
            {
                "query": query,
                "media_type": media_type,
                "base": base,
                "default": None if scope.default is None else sorted(scope.default),
                "named": None if scope.named is None else sorted(scope.named),
                "limits": {"seconds": limits.seconds, "bytes": limits.bytes, "memory": limits.memory},
                "functions": functions,
            }
        ).encode()
        for _ in range(_TRIES):
            token = os.urandom(_TOKEN)
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                reader = _Reader(line)
                try:
                    self._queue(_REQUEST.pack(token, len(request), time.monotonic()) + request, line, limits)
                    self._wait(token, line, reader, limits)
                    line.settimeout(_PATIENCE)
                    error, rows, length = _HEAD.unpack(reader.exactly(_HEAD.size))
                    if error:
                        raise _unpack(json.loads(reader.exactly(error)))
                    return Answer(media_type, self._body(reader, length), rows)
                except TimeoutError:
                    self._consult(ask="kill", token=token.hex())
                    raise QueryTimeoutError(limits.seconds) from None
                except (ConnectionError, _Hung):
                    fate = self._consult(ask="fate", token=token.hex())
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

    def _queue(self, request: bytes, line: socket.socket, limits: Limits) -> None:
        line.settimeout(limits.seconds)
        try:
            line.connect(self._queries)
        except BlockingIOError as error:  # the backlog is full
            raise QueueFullError from error
        except OSError as error:
            raise StoreUnavailableError("the query workers are gone; start the service again") from error
        try:
            line.sendall(request)
        except TimeoutError as error:
            raise QueueFullError(math.ceil(limits.seconds)) from error

    def _wait(self, token: bytes, line: socket.socket, reader: _Reader, limits: Limits) -> None:
        """Return when an answer begins. The worker's own timer ends late queries; this is for a silent one."""
        line.settimeout(limits.seconds + _SLACK)
        with contextlib.suppress(TimeoutError):
            return reader.first()
        if not self._consult(ask="running", token=token.hex())["running"]:
            line.settimeout(0)
            try:  # it may have ended while we asked
                return reader.first()
            except BlockingIOError:
                raise QueueFullError(math.ceil(limits.seconds)) from None
        line.settimeout(limits.seconds + _GRACE)
        with contextlib.suppress(TimeoutError):
            return reader.first()
        self._consult(ask="kill", token=token.hex())
        raise QueryTimeoutError(limits.seconds)

    def _body(self, reader: _Reader, length: int) -> bytes | Path:
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

    def _consult(self, **question: object) -> Mapping[str, Any]:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
                line.settimeout(5)
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
    _main()

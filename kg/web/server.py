"""``kg serve``: starts the HTTP processes, and keeps what they serve up to date without a request that fails.

What is served is a **supply**: the current release, one release, files, a workspace, or somebody else's store. The
first process opens it and posts it as an offer (``kg.web.live``); a thread of it then looks, every two seconds and on
SIGHUP, whether another release is current or the keeper of the query workers has ended. Either way it opens the supply
anew *beside* what is served, posts that, and closes the old one when no HTTP process uses it any more. For that time
two releases are in memory. What cannot be opened is logged, and what is served stays.

All waiting is by the monotonic clock: a clock that is set does nothing to it.
"""

from __future__ import annotations

import http.client
import json
import logging
import math
import os
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.mp import MPServer

from kg import telemetry
from kg.config import Config
from kg.errors import KgError
from kg.processes import end_with
from kg.release import Release, Releases, read_release
from kg.store.federation import Federation
from kg.store.relay import Relay
from kg.store.remote import RemoteStore
from kg.store.workers import Keeper, WorkerStore
from kg.store.workspace import WorkspaceStore, keep
from kg.web.live import Board, Live, Offer
from kg.web.tokens import Tokens

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# How the HTTP processes learn what to serve: one JSON object, set for the processes that are started here.
SERVICE_VARIABLE = "KG_SERVICE"
TOKEN_VARIABLE = "KG_TOKEN"  # noqa: S105 (where it stands, not what it is)
LOOK = 2.0  # seconds between looks for another current release
_ACCEPTS = 0.05  # seconds between looks whether the port answers
# Threads of an HTTP process beyond its seats: for kept answers, refusals and health when every seat is taken.
_SPARE_THREADS = 32

log = telemetry.logger("web.server")


# --- what is served -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened:
    """A supply that was opened. ``name`` says which one it is; where another is wanted, that one is to be served."""

    kind: str
    store: str
    name: str = ""
    release: Release | None = None
    keeper: Keeper | None = None


class Supply(Protocol):
    """Something that can be served."""

    def wanted(self) -> str:
        """Name what should be served now. Cheap: asked every two seconds."""
        ...

    def open(self, held: ExitStack) -> Opened:
        """Open it; ``held`` closes it. Raises KgError."""
        ...


@dataclass(frozen=True, slots=True)
class ReleaseSupply:
    """A release. ``find`` gives it, and ``follow`` says that it is whichever is current."""

    config: Config
    find: Callable[[], Release]
    follow: bool

    def wanted(self) -> str:
        """Give the name that ``current`` leads to, or nothing where there is none at the moment."""
        link = Releases(self.config.home).root / "current"
        with suppress(OSError):
            return os.readlink(link) if self.follow else ""
        return ""

    def open(self, held: ExitStack) -> Opened:
        """Prove the release against its manifest, and load it."""
        release = self.find()
        release.verify()
        config = self.config
        keeper = held.enter_context(
            Keeper.start([(release.quads, config.base, None)], workers=config.workers, queue=config.queue)
        )
        linked = held.enter_context(Releases(config.home).held(release))
        return Opened("workers", str(keeper.address), release.path.name, linked, keeper)


@dataclass(frozen=True, slots=True)
class FilesSupply:
    """RDF files, as they are."""

    config: Config
    files: Sequence[Path]

    def wanted(self) -> str:
        """Give nothing: files are read once."""
        return ""

    def open(self, held: ExitStack) -> Opened:
        """Load the files."""
        config = self.config
        named = [(file.absolute(), config.base, None) for file in self.files]  # absolute: a link keeps its extension
        keeper = held.enter_context(Keeper.start(named, workers=config.workers, queue=config.queue))
        return Opened("workers", str(keeper.address), keeper=keeper)


@dataclass(frozen=True, slots=True)
class WorkspaceSupply:
    """A workspace, which can be written to."""

    config: Config
    workspace: Path

    def wanted(self) -> str:
        """Give nothing: there is one."""
        return ""

    def open(self, held: ExitStack) -> Opened:
        """Open the workspace, and make it where there is none."""
        keeper = held.enter_context(keep(self.workspace, workers=self.config.workers, queue=self.config.queue))
        return Opened("workspace", str(keeper.address), keeper=keeper)


@dataclass(frozen=True, slots=True)
class RemoteSupply:
    """A SPARQL 1.1 endpoint of somebody else. ``find`` gives the release that it is said to hold, if any."""

    url: str
    find: Callable[[], Release] | None = None

    def wanted(self) -> str:
        """Give nothing: what the endpoint holds is its own affair."""
        return ""

    def open(self, held: ExitStack) -> Opened:
        """Check the address; whether it answers is for health to say."""
        held.callback(RemoteStore(self.url).close)
        return Opened("remote", self.url, release=self.find() if self.find else None)


# --- the first process ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Generation:
    offer: Offer
    opened: Opened
    held: ExitStack


class Succession:
    """What is served, one generation after the other. Used by one thread at a time."""

    def __init__(self, supply: Supply, board: Board) -> None:
        self._supply = supply
        self._board = board
        self._number = 0
        self._leaving: list[_Generation] = []
        self._refused = ""  # what was wanted and could not be opened
        self._current = self._begin()

    def look(self, *, again: bool = False) -> None:
        """Do what there is to do. ``again`` tries once more what could not be opened."""
        for generation in [*self._leaving]:
            if self._board.over(generation.offer):
                self._leaving.remove(generation)
                generation.held.close()
                log.info("generation left", number=generation.offer.number, what=generation.opened.name)
        keeper, wanted = self._current.opened.keeper, self._supply.wanted()
        ended = keeper is not None and keeper.ended
        other = bool(wanted) and wanted != self._current.opened.name
        if ended:
            log.error("the keeper of the query workers ended; another one is started")
        elif not other or (wanted == self._refused and not again):
            return
        try:
            generation = self._begin()
        except KgError as error:
            self._refused = wanted
            log.error("cannot be served; what is served stays", what=wanted, why=str(error))  # noqa: TRY400 (no defect)
            return
        self._refused = ""
        self._leaving.append(self._current)
        self._current = generation
        log.info("generation begins", number=generation.offer.number, what=generation.opened.name)

    def close(self) -> None:
        """Close every generation."""
        for generation in (*self._leaving, self._current):
            generation.held.close()

    def _begin(self) -> _Generation:
        with ExitStack() as held:
            opened = self._supply.open(held)
            self._number += 1
            release = str(opened.release.path) if opened.release else None
            offer = Offer(self._number, opened.kind, opened.store, release)
            self._board.post(offer)
            return _Generation(offer, opened, held.pop_all())
        raise AssertionError  # what is raised inside is never swallowed


class _Server(MPServer):
    """granian, which does not start its processes anew on SIGHUP: ours go over to another release as they are."""

    on_hangup: Callable[[], None]
    on_forked: Callable[[], None]

    def startup(self, *given: Any, **named: Any) -> None:
        """Start the HTTP processes, then our thread: one that runs while others are forked leaves its locks in them."""
        super().startup(*given, **named)  # type: ignore[no-untyped-call]
        self.on_forked()

    def signal_handler_reload(self, *_: object, **__: object) -> None:
        """Look for another release now."""
        self.on_hangup()


@dataclass(slots=True)
class _Watch:
    """The thread beside the server."""

    succession: Succession
    address: tuple[str, int]
    announce: Callable[[], None]
    hangup: threading.Event = field(default_factory=threading.Event)
    over: bool = False

    def run(self) -> None:
        """Say when the port answers; from then on look for what there is to do."""
        while not (self.over or _answers(*self.address)):
            self.hangup.wait(_ACCEPTS)
        if self.over:
            return
        self.announce()
        _tell_manager("READY=1")
        while not self.over:
            again = self.hangup.wait(LOOK)
            self.hangup.clear()
            try:
                if not self.over:
                    self.succession.look(again=again)
            except Exception:  # this thread must live as long as the service
                log.exception("the look for another release failed")


def serve(
    supply: Supply,
    config: Config,
    host: str,
    port: int,
    *,
    announce: Callable[[str], None],
    tokens: Path | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM; ``announce`` is called with our address when it answers. Raises KgError."""
    telemetry.configure(config.log_format)
    for iri in config.services:
        RemoteStore(iri).close()  # checks the address
    if port == 0:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            probe.bind((host, 0))
            port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="kg-serve-") as folder, _succession(supply, Path(folder)) as succession:
        counted = Path(folder) / "metrics"
        counted.mkdir()
        # Before any process imports the module that counts: its library reads the variable then.
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(counted)
        service = {
            "board": folder,
            "tokens": str(tokens.absolute()) if tokens else None,
            "config": config.model_dump(mode="json"),
            "parent": os.getpid(),
        }
        os.environ[SERVICE_VARIABLE] = json.dumps(service)
        address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        watch = _Watch(succession, (_reachable(host), port), lambda: announce(address))
        server = _Server(
            "kg.web.server:application",
            address=host,
            port=port,
            interface=Interfaces.WSGI,
            factory=True,
            workers=config.servers,
            blocking_threads=config.queue // config.servers + _SPARE_THREADS,
            respawn_failed_workers=True,
            workers_kill_timeout=math.ceil(config.seconds) + 5,  # a query that runs may end; what hangs may not
            log_level=LogLevels.warning,
        )
        server.on_hangup = watch.hangup.set
        signal.signal(signal.SIGHUP, lambda *_: watch.hangup.set())
        thread = threading.Thread(target=watch.run, name="watch", daemon=True)
        server.on_forked = thread.start
        # How many requests run at once is for our queue to say, not for the number of threads that may wait in it.
        logging.getLogger("_granian").addFilter(lambda record: "Python threads" not in record.getMessage())
        try:
            server.serve()
        finally:
            _tell_manager("STOPPING=1")
            watch.over = True
            watch.hangup.set()
            if thread.ident is not None:
                thread.join()


@contextmanager
def _succession(supply: Supply, folder: Path) -> Iterator[Succession]:
    succession = Succession(supply, Board(folder))
    try:
        yield succession
    finally:
        succession.close()


def _reachable(host: str) -> str:
    """Give an address at which a process on this machine reaches one that listens on ``host``."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 (told apart, not bound)


def _answers(host: str, port: int) -> bool:
    """Tell whether the service answers, with whatever status."""
    line = http.client.HTTPConnection(host, port, timeout=30)
    try:
        line.request("GET", "/-/health")
        return bool(line.getresponse().status)
    except (OSError, http.client.HTTPException):
        return False
    finally:
        line.close()


def _tell_manager(words: str) -> None:
    """Tell systemd how we do, where it started us. Source: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address:
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as line:
            line.connect(f"\0{address[1:]}" if address.startswith("@") else address)
            line.sendall(words.encode())


# --- an HTTP process ------------------------------------------------------------------------------------------------


def application() -> WSGIApplication:
    """Make the WSGI application of one HTTP process, from what ``serve`` put into the environment."""
    service = json.loads(os.environ[SERVICE_VARIABLE])
    _live_and_die_with(service["parent"])  # before anything that takes a while

    from kg.web import create_app, metrics  # noqa: PLC0415 (counting reads the environment when it is imported)

    config = Config(**service["config"])
    telemetry.configure(config.log_format)
    tokens = Tokens.read(Path(service["tokens"]) if service["tokens"] else None, os.environ.get(TOKEN_VARIABLE) or None)

    federation = Federation(config.services, Relay()) if config.services else None

    def make(offer: Offer) -> WSGIApplication:
        release = read_release(Path(offer.release)) if offer.release else None
        match offer.kind:
            case "workspace":
                return create_app(config, store=WorkspaceStore(Path(offer.store), federation=federation), tokens=tokens)
            case "remote":
                store = RemoteStore(offer.store, base=config.base, federation=federation)
                return create_app(config, store=store, release=release, tokens=tokens)
            case _:
                workers = WorkerStore(Path(offer.store), federation=federation)
                return create_app(config, store=workers, release=release, tokens=tokens)

    metrics.started()
    return Live(Board(Path(service["board"])), make, metrics.flush)


def _live_and_die_with(parent: int) -> None:
    """Make an HTTP process end with the one that started it.

    Until the server has put up its own handlers, a forked process has those of its parent, which would swallow the
    signal to stop. And when the parent is killed, nobody sends that signal: the kernel does.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # the first process looks for another release
    end_with(parent)

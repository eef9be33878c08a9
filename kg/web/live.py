"""One HTTP process through the generations of what is served: it goes over to the next without refusing a request.

The process that was started as ``kg serve`` posts on a **board**, a directory, what is to be served: an **offer**. Each
HTTP process makes the application of an offer in a thread beside the requests, hands every request that comes from then
on to it, and lets the one before go when the last request that it was given is answered. No connection is closed.

While a process uses an offer it holds a lock on a file of the board, which the kernel frees however the process ends.
So the board knows when nobody uses an offer any more, and its query workers may end.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kg import telemetry

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LOOK = 0.25  # seconds between looks at the board

log = telemetry.logger("web.live")


@dataclass(frozen=True, slots=True)
class Offer:
    """What is to be served: a store by its address (a directory of sockets, or a URL), and a release if it is one."""

    number: int
    kind: str  # workers, workspace or remote
    store: str
    release: str | None = None  # a directory


class Board:
    """The directory on which offers are posted, one at a time."""

    def __init__(self, directory: Path) -> None:
        self._offer = directory / "offer.json"
        self._directory = directory

    def post(self, offer: Offer) -> None:
        """Put up an offer in place of the last."""
        self._lease(offer.number).touch()
        made = self._directory / "offer.part"
        made.write_text(json.dumps(asdict(offer)), encoding="utf-8")
        os.replace(made, self._offer)

    def read(self) -> Offer:
        """Give the offer that is up."""
        return Offer(**json.loads(self._offer.read_text(encoding="utf-8")))

    def hold(self) -> tuple[Offer, int]:
        """Give the offer that is up, and the descriptor of a lock on it; closing it lets the offer go."""
        while True:
            offer = self.read()
            try:
                lease = os.open(self._lease(offer.number), os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue  # another one was put up, and this one is over
            fcntl.flock(lease, fcntl.LOCK_SH)
            if self.read() == offer:
                return offer, lease
            os.close(lease)

    def over(self, offer: Offer) -> bool:
        """Tell whether nobody holds an offer that is not up any more, and nobody will."""
        path = self._lease(offer.number)
        with path.open("rb") as lease:
            try:
                fcntl.flock(lease, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            path.unlink()
            return True

    def _lease(self, number: int) -> Path:
        return self._directory / f"{number}.lease"


@dataclass(slots=True, eq=False)
class _Turn:
    """The application of one offer, and how many requests are in it."""

    offer: Offer
    application: WSGIApplication
    lease: int
    running: int = 0
    past: bool = False

    def end(self) -> None:
        """Let the offer go when it is past and its last request is answered. Called under the lock of the process."""
        if self.past and not self.running and self.lease >= 0:
            os.close(self.lease)
            self.lease = -1


class Live:
    """The WSGI application of one HTTP process, whatever is being served.

    ``make`` makes the application of an offer; ``tick`` is called with each look at the board. An answer is whole when
    an application returns it, in memory or in a file that it holds open, so nothing of an offer is needed afterwards.
    """

    def __init__(self, board: Board, make: Callable[[Offer], WSGIApplication], tick: Callable[[], object]) -> None:
        self._board = board
        self._make = make
        self._tick = tick
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._refused = -1  # number of an offer that could not be made
        self._turn = self._take()
        self._thread = threading.Thread(target=self._follow, name="live", daemon=True)
        self._thread.start()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request from what is served when it comes."""
        with self._lock:
            turn = self._turn
            turn.running += 1
        try:
            return turn.application(environ, start_response)
        finally:
            with self._lock:
                turn.running -= 1
                turn.end()

    def close(self) -> None:
        """Follow the board no more."""
        self._stop.set()
        self._thread.join()

    def _take(self) -> _Turn:
        offer, lease = self._board.hold()
        try:
            return _Turn(offer, self._make(offer), lease)
        except BaseException:
            os.close(lease)
            raise

    def _follow(self) -> None:
        while not self._stop.wait(LOOK):
            try:
                self._tick()
                number = self._board.read().number
                if number not in (self._turn.offer.number, self._refused):
                    self._change(number)
            except FileNotFoundError:
                return  # the service ends
            except Exception:  # a thread that ends would leave this process on old data for ever
                log.exception("the board cannot be followed")

    def _change(self, number: int) -> None:
        try:
            turn = self._take()
        except Exception:
            self._refused = number
            log.exception("what is offered cannot be served; the one before stays", offer=number)
            return
        with self._lock:
            before, self._turn = self._turn, turn
            before.past = True
            before.end()

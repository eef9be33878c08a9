"""Who may ask next: a bounded, fair queue before the query workers, so that one client cannot starve the others.

``FairQueue`` is the law, without threads and without time; ``Admission`` makes threads wait by it. Each HTTP process
has its own: the kernel spreads connections over the processes, and each hands out its share of the workers, so nothing
is shared that a killed process could leave locked. What a process admits finds a worker idle: the kernel's queue behind
it stays empty.
"""

from __future__ import annotations

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from types import TracebackType
from typing import Generic, Self, TypeVar

from kg.errors import QueueFullError
from kg.web.problems import problem

Client = TypeVar("Client", bound=Hashable)
Ticket = TypeVar("Ticket")

_MOMENT = 0.05  # seconds; a turn that is over by then was a quick one
_TRUSTED = 16  # quick turns in a row after which a client may have more of them at once
_REMEMBERED = 10_000  # clients whose quick turns are counted


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What one HTTP process admits: ``running`` queries at once and ``seats`` for all that it holds, running or not.

    The ``client_`` numbers are what one client may have of each. ``client_running`` below ``running`` keeps a worker
    free for everybody else. ``client_slow`` is what a client may run that is not known for quick queries: one for each
    processor is all that it gains from, more would only take turns with everybody else's; and one, so that its own
    light query does not wait for its runaway ones.
    """

    running: int
    client_running: int
    client_slow: int
    seats: int
    client_seats: int

    @classmethod
    def share(cls, *, processes: int, workers: int, cores: int, queue: int, client_queue: int) -> Bounds:
        """Give each of ``processes`` its share of ``workers``, ``cores`` and of the queue.

        One client runs at most one query less than there are workers, over all processes (unless that left it none).
        """
        client_running = max((workers - 1) // processes, 1)
        return cls(
            running=max(workers // processes, 1),
            client_running=client_running,
            client_slow=min(client_running, cores // processes + 1),
            seats=max(queue // processes, 1),
            client_seats=max(min(client_queue, queue) // processes, 1),
        )


class FairQueue(Generic[Client, Ticket]):
    """Turns in rounds: each client that waits gets one before any gets a second.

    A client at its own bound is passed over and keeps its place in the round. So whoever waits below its bound, waits
    for at most one turn of each client that was waiting when it came. No turn is free while somebody may take it.

    The bound is ``client_slow``, and ``client_running`` as long as the last turns of the client were quick.
    """

    def __init__(self, running: int, client_running: int, client_slow: int) -> None:
        self._free = running
        self._client_running = client_running
        self._client_slow = client_slow
        self._quick: dict[Client, int] = {}  # turns in a row
        self._running: Counter[Client] = Counter()
        self._waiting: dict[Client, deque[Ticket]] = {}  # in the order of the round

    def join(self, client: Client, ticket: Ticket) -> bool:
        """Take a turn at once and give True, or wait in line and give False."""
        # When a turn is free, those who wait are at their bound: nobody is overtaken.
        if self._free and self._may(client):
            self._take(client)
            return True
        self._waiting.setdefault(client, deque()).append(ticket)
        return False

    def leave(self, client: Client, *, quick: bool) -> Iterator[Ticket]:
        """Give a turn back; give the tickets of those who have a turn now."""
        self._free += 1
        self._running[client] -= 1
        if not self._running[client]:
            del self._running[client]
        if not quick:
            self._quick.pop(client, None)
        elif (count := self._quick.get(client, 0)) < _TRUSTED:
            if len(self._quick) >= _REMEMBERED:
                self._quick.clear()
            self._quick[client] = count + 1
        while self._free and (ticket := self._next()) is not None:
            yield ticket

    def _next(self) -> Ticket | None:
        for other, tickets in self._waiting.items():
            if self._may(other):
                ticket = tickets.popleft()
                del self._waiting[other]
                if tickets:
                    self._waiting[other] = tickets  # behind all others
                self._take(other)
                return ticket
        return None

    def withdraw(self, client: Client, ticket: Ticket) -> bool:
        """Wait no more; False where the ticket has its turn already."""
        tickets = self._waiting.get(client)
        if tickets is None or ticket not in tickets:
            return False
        tickets.remove(ticket)
        if not tickets:
            del self._waiting[client]
        return True

    def waiting(self, client: Client) -> int:
        """Count the tickets of one client that wait."""
        return len(self._waiting.get(client, ()))

    def __len__(self) -> int:
        """Count the tickets that wait."""
        return sum(map(len, self._waiting.values()))

    def _may(self, client: Client) -> bool:
        running = self._running.get(client, 0)
        return running < self._client_slow or (
            running < self._client_running and self._quick.get(client, 0) >= _TRUSTED
        )

    def _take(self, client: Client) -> None:
        self._free -= 1
        self._running[client] += 1


class Admission:
    """Gives each request a seat, or refuses it, and each query a turn. For threads.

    A seat is held from the first byte of a request that is read to the last of its answer that is written, so a client
    that is slow pays with its own seats. Turns are for what asks the query workers.
    """

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._lock = threading.Lock()
        self._queue: FairQueue[str, threading.Lock] = FairQueue(
            bounds.running, bounds.client_running, bounds.client_slow
        )
        self._seats: dict[str, int] = {}
        self._seated = 0
        self._turn = 0.05  # seconds a turn takes, as a moving mean: what Retry-After is guessed from
        self.refused: Counter[int] = Counter()  # by status

    @property
    def seated(self) -> int:
        """How many requests are held at the moment."""
        return self._seated

    @property
    def waiting(self) -> int:
        """How many of them wait for their turn."""
        with self._lock:
            return len(self._queue)

    def seat(self, client: str) -> Seat:
        """Give a seat, or raise: Problem (429) where this client has all of its own, QueueFullError where none is left.

        Both name seconds after which to try again.
        """
        with self._lock:
            taken = self._seats.get(client, 0)
            if taken >= self._bounds.client_seats:
                self.refused[429] += 1
                seconds = self._guess(self._queue.waiting(client), self._bounds.client_slow)
                raise problem(
                    "too-many-requests",
                    f"{taken} requests of yours wait or run here; try again in {seconds} s",
                    headers=(("Retry-After", str(seconds)),),
                    limit=self._bounds.client_seats,
                    retry_after=seconds,
                )
            if self._seated >= self._bounds.seats:
                self.refused[503] += 1
                raise QueueFullError(self._guess(self._seated, self._bounds.running))
            self._seats[client] = taken + 1
            self._seated += 1
        return Seat(self, client)

    def _guess(self, waiting: int, at_once: int) -> int:
        return max(1, min(60, math.ceil(waiting * self._turn / at_once)))

    def _stand_up(self, client: str) -> None:
        with self._lock:
            self._seated -= 1
            left = self._seats[client] - 1
            if left:
                self._seats[client] = left
            else:
                del self._seats[client]

    def _begin(self, client: str, patience: float) -> None:
        ticket = threading.Lock()
        with self._lock:
            if self._queue.join(client, ticket):
                return
            ticket.acquire()
        if ticket.acquire(timeout=patience):
            return
        with self._lock:
            if not self._queue.withdraw(client, ticket):
                return  # the turn came in the last moment
            self.refused[503] += 1
        raise QueueFullError(math.ceil(patience))

    def _end(self, client: str, seconds: float) -> None:
        with self._lock:
            self._turn += (seconds - self._turn) / 16
            for ticket in self._queue.leave(client, quick=seconds < _MOMENT):
                ticket.release()


class Seat:
    """One request that was let in. Use it as a context; ``keep`` leaves it taken until ``release``."""

    __slots__ = ("_admission", "_client", "_kept", "_taken")

    def __init__(self, admission: Admission, client: str) -> None:
        self._admission = admission
        self._client = client
        self._taken = True
        self._kept = False

    def turn(self, patience: float) -> Turn:
        """Give the context in which this request may ask the workers; waits for it at most ``patience`` seconds.

        Raises QueueFullError (503) when they are over.
        """
        return Turn(self._admission, self._client, patience)

    def keep(self) -> Self:
        """Outlive the context: an answer that is sent from a file has not left when it is begun."""
        self._kept = True
        return self

    def release(self) -> None:
        """Give the seat back. A second call does nothing."""
        if self._taken:
            self._taken = False
            self._admission._stand_up(self._client)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None or not self._kept:
            self.release()


class Turn:
    """The context of a query that runs."""

    __slots__ = ("_admission", "_began", "_client", "_patience")

    def __init__(self, admission: Admission, client: str, patience: float) -> None:
        self._admission = admission
        self._client = client
        self._patience = patience

    def __enter__(self) -> None:
        self._admission._begin(self._client, self._patience)
        self._began = time.monotonic()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission._end(self._client, time.monotonic() - self._began)


def client_of(peer: str, forwarded: str | None, proxies: Iterable[str]) -> str:
    """Name the client of a request: its address, or the network of an IPv6 address, which one subscriber has whole.

    ``forwarded`` is X-Forwarded-For. It counts only where ``peer`` is one of our ``proxies``, and then the last address
    counts that is none of them: what stands before it, the client may have written itself.

    >>> client_of("10.0.0.1", "6.6.6.6, 203.0.113.9, 10.0.0.2", {"10.0.0.1", "10.0.0.2"})
    '203.0.113.9'
    """
    name = peer
    if forwarded and peer in proxies:
        for hop in reversed(forwarded.split(",")):
            name = hop.strip()
            if name not in proxies:
                break
    if ":" not in name:
        return name[:64]
    try:
        address = ip_address(name.strip("[]").partition("%")[0])
    except ValueError:
        return name[:64]
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(IPv6Address(int(address) >> 64 << 64))

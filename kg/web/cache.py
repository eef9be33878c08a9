"""Finished answers by the request that asks for them, bounded in bytes; equal requests at one time share one answer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

Key: TypeAlias = tuple[str, ...]  # all that may decide an answer
Value = TypeVar("Value")

_OVERHEAD = 3_000  # bytes of an entry beside its texts: headers, containers, numbers; measured


@dataclass(slots=True)
class Kept:
    """One finished answer, as it is sent."""

    status: str
    headers: list[tuple[str, str]]
    body: bytes
    used: bool = field(default=False)  # since room was last made


class Flight(Generic[Value]):
    """One answer on its way. Those who wait for it get what the first one got, or None where it is not for sharing."""

    __slots__ = ("_landed", "_value")

    def __init__(self) -> None:
        self._value: Value | None = None
        self._landed = threading.Lock()  # held until the answer is there; an Event costs ten times as much to make
        self._landed.acquire()

    def land(self, value: Value | None) -> None:
        """Hand over the answer. Called once, whatever happens, by the one who brought it."""
        self._value = value
        self._landed.release()

    def wait(self, seconds: float) -> Value | None:
        """Wait for the answer, and give None when it does not come in time."""
        if self._landed.acquire(timeout=seconds):
            self._landed.release()  # for the next who waits
        return self._value


class AnswerCache:
    """At most ``most`` bytes of answers to one state of the data; another ``version`` empties it.

    What was asked for since the last round stays when room is made (second chance): a hit costs a look-up in a
    dictionary and no lock. For threads.
    """

    def __init__(self, most: int, version: Callable[[], Hashable]) -> None:
        self._most = most
        self._version_now = version
        self._version: Hashable = version()
        self._entries: OrderedDict[Key, Kept] = OrderedDict()
        self._lock = threading.Lock()
        self.bytes = 0
        self.hits = 0  # near enough: threads may count over each other

    def __len__(self) -> int:
        return len(self._entries)

    def version(self) -> Hashable:
        """Give the name of the state of the data now. Empties the cache where it is another than at the last call."""
        now = self._version_now()
        if now != self._version:
            with self._lock:
                self._version = now
                self._entries = OrderedDict()
                self.bytes = 0
        return now

    def get(self, key: Key) -> Kept | None:
        """Give the answer to a request. Call ``version`` before."""
        kept = self._entries.get(key)
        if kept is None:
            return None
        kept.used = True
        self.hits += 1
        return kept

    def put(self, key: Key, kept: Kept, version: Hashable) -> None:
        """Keep an answer that was worked out on the data of ``version``, unless that is over.

        An answer of more than an eighth of the room is not kept: it would push out too many others.
        """
        size = _size(key, kept)
        if size > self._most // 8:
            return
        with self._lock:
            if version != self._version or key in self._entries:
                return
            self._entries[key] = kept
            self.bytes += size
            while self.bytes > self._most:
                oldest, entry = self._entries.popitem(last=False)
                if entry.used:
                    entry.used = False
                    self._entries[oldest] = entry
                else:
                    self.bytes -= _size(oldest, entry)


def _size(key: Key, kept: Kept) -> int:
    return _OVERHEAD + len(kept.body) + sum(map(len, key))

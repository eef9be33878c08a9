"""Fair turns: the law of the queue for any order of events, and how threads wait by it."""

from __future__ import annotations

import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.errors import QueueFullError
from kg.web.admission import Admission, Bounds, FairQueue, client_of
from kg.web.problems import Problem

CLIENTS = st.sampled_from("abcde")
# What happens next: a client asks, or the query that began as the n-th of those that run ends, quick or not.
EVENTS = st.lists(st.one_of(CLIENTS, st.tuples(st.integers(0, 9), st.booleans())), max_size=120)


@given(EVENTS, st.integers(1, 5), st.integers(1, 4), st.integers(1, 3))
def test_the_law_of_the_queue(events: list[str | tuple[int, bool]], running: int, most: int, slow: int) -> None:
    slow = min(slow, most)
    queue: FairQueue[str, tuple[str, int]] = FairQueue(running, most, slow)
    now: list[tuple[str, int]] = []  # who runs
    line: list[tuple[str, int]] = []  # who waits, as they came
    others: dict[tuple[str, int], Counter[str]] = {}  # turns of others while a ticket was its client's first in line

    def begins(ticket: tuple[str, int]) -> None:
        client = ticket[0]
        assert ticket == next(one for one in line if one[0] == client), "a client's own requests keep their order"
        line.remove(ticket)
        now.append(ticket)
        del others[ticket]
        for waiting, turns in others.items():
            if waiting[0] != client and queue._may(waiting[0]):
                turns[client] += 1
                assert turns[client] <= 1, f"{client} had two turns while {waiting[0]} waited below its bound"
        first = next((one for one in line if one[0] == client), None)
        if first is not None:
            others[first] = Counter()

    for number, event in enumerate(events):
        if isinstance(event, str):
            ticket = (event, number)
            if queue.join(event, ticket):
                now.append(ticket)
            else:
                line.append(ticket)
                if all(one[0] != event for one in line[:-1]):
                    others[ticket] = Counter()
        elif now:
            place, quick = event
            client, _ = now.pop(place % len(now))
            if not quick:  # its bound may just have shrunk: what others had meanwhile counts from here
                for waiting in others:
                    if waiting[0] == client:
                        others[waiting] = Counter()
            for ticket in queue.leave(client, quick=quick):
                begins(ticket)
        assert len(now) <= running
        held = Counter(client for client, _ in now)
        assert all(count <= most for count in held.values())
        idle = running - len(now)
        assert not (idle and any(held[client] < slow for client, _ in line)), "a free turn beside one who may take it"
        assert {client: queue.waiting(client) for client in "abcde" if queue.waiting(client)} == Counter(
            client for client, _ in line
        )


def test_two_clients_take_turns_whatever_one_has_in_line() -> None:
    queue: FairQueue[str, str] = FairQueue(1, 1, 1)
    assert queue.join("greedy", "g0")
    for number in range(1, 50):
        assert not queue.join("greedy", f"g{number}")
    assert not queue.join("modest", "m0")
    assert list(queue.leave("greedy", quick=False)) == ["g1"], "it came first"
    assert list(queue.leave("greedy", quick=False)) == ["m0"]
    assert list(queue.leave("modest", quick=False)) == ["g2"]


def test_a_turn_is_free_for_others_however_much_one_client_asks() -> None:
    queue: FairQueue[str, str] = FairQueue(3, 2, 1)
    assert queue.join("greedy", "g0")
    assert not queue.join("greedy", "g1")
    assert queue.join("modest", "m0")


def test_quick_turns_earn_a_client_more_at_once_and_a_slow_one_ends_it() -> None:
    queue: FairQueue[str, str] = FairQueue(3, 2, 1)
    for _ in range(16):
        assert queue.join("a", "first")
        assert not list(queue.leave("a", quick=True))
    assert queue.join("a", "first")
    assert queue.join("a", "second")
    assert not queue.join("a", "third"), "one turn is left for others"
    assert not list(queue.leave("a", quick=False)), "it has its one of the slow"
    assert list(queue.leave("a", quick=False)) == ["third"]


def test_who_leaves_the_line_is_passed_over() -> None:
    queue: FairQueue[str, str] = FairQueue(1, 1, 1)
    queue.join("a", "a0")
    queue.join("b", "b0")
    queue.join("c", "c0")
    assert queue.withdraw("b", "b0")
    assert not queue.withdraw("b", "b0")
    assert list(queue.leave("a", quick=True)) == ["c0"]
    assert not queue.withdraw("c", "c0"), "it has its turn"


def bounds(**changed: int) -> Bounds:
    usual = {"running": 2, "client_running": 1, "client_slow": 1, "seats": 4, "client_seats": 3}
    return Bounds(**(usual | changed))


def test_seats_are_bounded_for_each_client_and_for_all() -> None:
    admission = Admission(bounds())
    mine = [admission.seat("me") for _ in range(3)]
    with pytest.raises(Problem) as refused:
        admission.seat("me")
    assert refused.value.kind.status == 429
    assert int(dict(refused.value.headers)["Retry-After"]) >= 1
    with admission.seat("you"), pytest.raises(QueueFullError) as full:
        admission.seat("someone")
    assert full.value.retry_after >= 1
    mine[0].release()
    mine[0].release()
    assert admission.seated == 2, "a second release does nothing"
    with admission.seat("me"):
        assert admission.seated == 3
    assert admission.refused == {429: 1, 503: 1}


def test_who_waits_too_long_for_a_turn_is_refused_and_takes_none() -> None:
    admission = Admission(bounds())
    with admission.seat("me") as first, admission.seat("me") as second:
        with first.turn(1), pytest.raises(QueueFullError), second.turn(0.001):
            pass
        with second.turn(0):
            pass


def test_a_seat_that_is_kept_outlives_its_context() -> None:
    admission = Admission(bounds())
    with admission.seat("me") as seat:
        seat.keep()
    assert admission.seated == 1
    seat.release()
    assert admission.seated == 0


def test_threads_take_turns() -> None:
    admission = Admission(bounds(running=1, seats=60, client_seats=30))
    order: list[str] = []
    inside = threading.Semaphore(1)

    def ask(client: str) -> None:
        with admission.seat(client) as seat, seat.turn(30):
            assert inside.acquire(blocking=False), "two at once"
            order.append(client)
            inside.release()

    threads = [threading.Thread(target=ask, args=(client,)) for client in "ab" * 25]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert Counter(order) == {"a": 25, "b": 25}
    assert admission.seated == 0


def test_each_process_has_its_share_and_a_worker_stays_free() -> None:
    share = Bounds.share(processes=2, workers=8, cores=2, queue=256, client_queue=192)
    assert share == Bounds(running=4, client_running=3, client_slow=2, seats=128, client_seats=96)
    assert 2 * share.client_running < 8
    smallest = Bounds.share(processes=4, workers=1, cores=1, queue=1, client_queue=9)
    assert smallest == Bounds(running=1, client_running=1, client_slow=1, seats=1, client_seats=1)


@pytest.mark.parametrize(
    ("peer", "forwarded", "proxies", "client"),
    [
        ("203.0.113.9", None, set(), "203.0.113.9"),
        ("203.0.113.9", "198.51.100.1", set(), "203.0.113.9"),  # nobody trusts it
        ("10.0.0.1", "198.51.100.1", {"10.0.0.1"}, "198.51.100.1"),
        ("10.0.0.1", "6.6.6.6, 198.51.100.1", {"10.0.0.1"}, "198.51.100.1"),  # the client wrote the first itself
        ("10.0.0.1", "198.51.100.1, 10.0.0.2", {"10.0.0.1", "10.0.0.2"}, "198.51.100.1"),
        ("10.0.0.1", "", {"10.0.0.1"}, "10.0.0.1"),
        ("10.0.0.1", "10.0.0.1", {"10.0.0.1"}, "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", None, set(), "2001:db8:1:2::"),  # a subscriber has the whole network
        ("2001:db8:1:2:ffff::1", None, set(), "2001:db8:1:2::"),
        ("::ffff:203.0.113.9", None, set(), "203.0.113.9"),
        ("fe80::1%eth0", None, set(), "fe80::"),
        ("::not an address", None, set(), "::not an address"),
        ("", None, set(), ""),
    ],
)
def test_a_client_is_its_address(peer: str, forwarded: str | None, proxies: set[str], client: str) -> None:
    assert client_of(peer, forwarded, proxies) == client


@given(st.text(max_size=300), st.text(max_size=300))
def test_any_header_names_some_short_client(peer: str, forwarded: str) -> None:
    assert len(client_of(peer, forwarded, {peer})) <= 64

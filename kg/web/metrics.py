"""What the service counts, for Prometheus, and the identifier that each request carries.

Every HTTP process counts in files below ``PROMETHEUS_MULTIPROC_DIR``, which the server sets before this module is
imported; any of them adds up all, so it does not matter which one is scraped, and what a process that is killed had
counted stays. Where the variable is not set (tests, one's own use of ``create_app``), this process counts for itself.

A kept answer costs a few microseconds in all, so requests are first counted in memory and go to the files with
``flush``, which the server calls several times a second, and which a scrape calls too.
"""

from __future__ import annotations

import itertools
import os
import re
import secrets
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from kg import telemetry
from kg.errors import StoreError
from kg.web.problems import REQUEST_ID
from kg.web.site import KEPT, REQUEST, STARTED

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from kg.release import Release
    from kg.store import Store
    from kg.web.front import Front

DIRECTORY_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"  # named by prometheus_client, which reads it when it is imported

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
# Addresses by their first segment; what is none of ours is counted as one, so that strangers make no new series.
_ENDPOINTS = frozenset(
    {"sparql", "update", "graphs", "queries", "id", "concept", "graph", "page", "data", "why", "ontology", "problem"}
    | {"home", "-", "static", "reconcile", "lookup", "releases", "llms.txt", ".well-known", "explain", "editor.json"}
)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})

_REGISTRY = CollectorRegistry()
_REQUESTS = Counter(
    "kg_requests",
    "Requests answered; kept=yes came from the cache of finished answers",
    ["endpoint", "method", "status", "kept"],
    registry=_REGISTRY,
)
_BYTES = Counter("kg_answer_bytes", "Bytes of the bodies of answers", ["endpoint"], registry=_REGISTRY)
_SECONDS = Histogram(
    "kg_request_seconds",
    "Seconds from a request to its whole answer, kept answers left out",
    ["endpoint"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    registry=_REGISTRY,
)
_REFUSALS = Counter(
    "kg_refusals", "Requests refused, by type of problem and by the rule of the guard", ["problem", "rule"],
    registry=_REGISTRY,
)  # fmt: skip


def _gauge(name: str, what: str) -> Gauge:
    return Gauge(name, what, registry=_REGISTRY, multiprocess_mode="livesum")


_SEATED = _gauge("kg_requests_in_progress", "Requests that wait for a worker, run or are being sent")
_WAITING = _gauge("kg_queue_length", "Requests that wait for their turn at the query workers")
_CACHE = _gauge("kg_cache_bytes", "Memory of finished answers")
_STARTS = Counter("kg_http_process_starts", "HTTP processes started since the service was", registry=_REGISTRY)

_fronts: weakref.WeakSet[Front] = weakref.WeakSet()
_lock = threading.Lock()
_tally: dict[tuple[str, str, str, str], list[int]] = {}  # endpoint, method, status, kept -> requests, bytes


def refused(name: str, rule: str) -> None:
    """Count a request that was refused, by the type of its problem and by the guard's rule where it was one."""
    _REFUSALS.labels(name, rule).inc()


def started() -> None:
    """Count the start of an HTTP process."""
    _STARTS.inc()


def flush() -> None:
    """Bring what was counted in memory to where every process reads it."""
    global _tally  # swapped whole, so that nobody waits for the files
    with _lock:
        counted, _tally = _tally, {}
    for (endpoint, method, status, kept), (requests, size) in counted.items():
        _REQUESTS.labels(endpoint, method, status, kept).inc(requests)
        _BYTES.labels(endpoint).inc(size)
    fronts = [*_fronts]
    _SEATED.set(sum(front.admission.seated for front in fronts))
    _WAITING.set(sum(front.admission.waiting for front in fronts))
    _CACHE.set(sum(front.cache.bytes for front in fronts))


class Observed:
    """A WSGI application that names each request and counts what became of it.

    A client's ``X-Request-Id`` is taken over where it is a word of at most 64 letters, digits, dots, hyphens and
    underscores; any other request gets an identifier of its own. It is in the answer, in a problem and in every line of
    the log about it. ``front`` is counted; ``service`` is what stands around it, where something does.
    """

    def __init__(self, front: Front, service: WSGIApplication | None = None) -> None:
        self._service = service or front
        _fronts.add(front)
        self._prefix = secrets.token_hex(5)
        self._numbers = itertools.count(1)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        given = environ.get("HTTP_X_REQUEST_ID", "")
        name = given if given and _ID.fullmatch(given) else f"{self._prefix}-{next(self._numbers):x}"
        environ[REQUEST] = name
        said: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            said[:] = (status, headers)
            return start_response(status, [*headers, (REQUEST_ID, name)], *rest)

        body = self._service(environ, start)
        self._count(environ, said, body)
        return body

    def _count(self, environ: WSGIEnvironment, said: list[Any], body: Iterable[bytes]) -> None:
        if not said:  # an application may start with its first bytes; ours never does
            return
        status, headers = said
        first = str(environ.get("PATH_INFO", ""))[1:].partition("/")[0] or "home"
        endpoint = first if first in _ENDPOINTS else "other"
        method = environ["REQUEST_METHOD"] if environ["REQUEST_METHOD"] in _METHODS else "other"
        if isinstance(body, list):
            size = sum(map(len, body))
        else:
            size = next((int(value) for header, value in headers if header.lower() == "content-length"), 0)
        kept = KEPT in environ
        key = (endpoint, method, status[:3], "yes" if kept else "no")
        with _lock:
            counted = _tally.setdefault(key, [0, 0])
            counted[0] += 1
            counted[1] += size
        if not kept:
            _SECONDS.labels(endpoint).observe(time.perf_counter() - environ[STARTED])


def exposition(store: Store, release: Release | None) -> bytes:
    """Write what all processes counted, with the state of the release and of the query workers, as Prometheus reads it.

    Source: Prometheus text exposition format 0.0.4.
    """
    flush()
    registry = CollectorRegistry()
    directory = os.environ.get(DIRECTORY_VARIABLE)
    if directory is None:
        registry.register(_Collected(_REGISTRY.collect))
    else:
        _bury(Path(directory))
        MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
    registry.register(_Collected(lambda: _state(store, release)))
    return generate_latest(registry)


class _Collected:
    """A collector of what a function gives."""

    def __init__(self, collect: Callable[[], Iterable[Metric]]) -> None:
        self.collect = collect


def _bury(directory: Path) -> None:
    """Take the gauges of processes that ended out of the sums."""
    for path in directory.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdigit() and not Path(f"/proc/{pid}").exists() and Path("/proc/self").exists():
            mark_process_dead(int(pid), str(directory))  # type: ignore[no-untyped-call]


def _state(store: Store, release: Release | None) -> Iterator[Metric]:
    if release is not None:
        info = GaugeMetricFamily("kg_release_info", "The release that is served", labels=["version", "sha256"])
        info.add_metric([release.version, release.manifest.sha256], 1)
        yield info
        age = (datetime.now(UTC) - release.manifest.created).total_seconds()
        yield GaugeMetricFamily("kg_release_age_seconds", "Seconds since the release was made", value=max(age, 0))
    status: Callable[[], Mapping[str, Any]] | None = getattr(store, "status", None)
    if status is None:
        return
    try:
        told = status()
    except StoreError as error:
        telemetry.logger("web").warning("no status of the query workers", why=str(error))
        yield GaugeMetricFamily("kg_workers", "Query workers that live", value=0)
        return
    yield GaugeMetricFamily("kg_workers", "Query workers that live", value=len(told["workers"]))
    ends = CounterMetricFamily(
        "kg_worker_ends", "Query workers that ended and were replaced, by cause", labels=["cause"]
    )
    for cause in ("retired", "timeout", "memory", "died"):
        ends.add_metric([cause], told["ended"].get(cause, 0))
    yield ends

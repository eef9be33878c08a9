"""The one way out for SERVICE: to listed addresses, checked when they are connected to, with nothing of the client's.

A name is resolved once for each call. Addresses that are not of the public internet are closed, however they are
written, unless the listed IRI names them itself (an address in digits, or ``localhost``); what was checked is connected
to, so a name that changes its mind in between changes nothing. The rest is ``RemoteStore``'s: no redirect, no proxy, a
deadline for the exchange as a whole, a cap on its bytes. No cookie is kept, no credential sent.
"""

from __future__ import annotations

import ipaddress
import math
import queue
import socket
import threading
from collections.abc import Callable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeAlias

import httpx

from kg import __version__
from kg.errors import QueueFullError, StoreUnavailableError
from kg.store import JSON_RESULTS, Limits
from kg.store.remote import RemoteStore

Resolve: TypeAlias = Callable[[str, int], Sequence[str]]  # name and port to addresses
_Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

CONNECTIONS = 8  # at once, in one HTTP process

_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # an IPv4 address behind a translator; RFC 6052


class Relay:
    """Asks listed endpoints. Safe to share between threads; at most ``connections`` at a time."""

    def __init__(self, *, resolve: Resolve | None = None, connections: int = CONNECTIONS) -> None:
        self._client = httpx.Client(
            transport=_Checked(resolve or resolve_by_system),
            headers={"User-Agent": f"kg/{__version__}"},
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            trust_env=False,
        )
        self._room = threading.BoundedSemaphore(connections)

    def __call__(self, endpoint: str, query: str, *, base: str | None, limits: Limits) -> bytes:
        """Ask ``endpoint`` a SELECT; give its answer in JSON results, complete.

        Raises what ``Store.answer`` raises, StoreUnavailableError where the address is closed here too.
        """
        if not self._room.acquire(timeout=limits.seconds):
            raise QueueFullError(math.ceil(limits.seconds))
        try:
            # Not to be closed: the client is everybody's.
            with RemoteStore(endpoint, base=base, client=self._client).answer(
                query, JSON_RESULTS, limits=limits, trusted=True
            ) as answer:
                return answer.read()
        finally:
            self._room.release()


class _Checked(httpx.HTTPTransport):
    """Connects to addresses that were checked, whatever a name leads to a moment later."""

    def __init__(self, resolve: Resolve) -> None:
        # What the environment may say is which authorities are trusted (SSL_CERT_FILE); no proxy is taken from it here.
        super().__init__(trust_env=True, limits=httpx.Limits(max_keepalive_connections=0))
        self._resolve = resolve

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request to the first address of its host that is open and takes the connection."""
        name = request.url.raw_host.decode()
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        seconds = float(request.extensions["timeout"]["connect"])
        literal = _literal(name)
        found = [literal] if literal else map(_literal, _within(seconds, self._resolve, name, port))
        opened = [address for address in found if address is not None and is_open(name, address)]
        if not opened:
            # Where the name leads is not the asker's to know.
            raise StoreUnavailableError("its name leads to no address that may be called from here")
        extensions = {**request.extensions, "sni_hostname": name}
        refused: httpx.ConnectError | None = None
        for address in opened:
            sent = httpx.Request(
                request.method,
                request.url.copy_with(host=str(address)),
                headers=request.headers,  # Host is that of the name
                stream=request.stream,
                extensions=extensions,
            )
            try:
                return super().handle_request(sent)
            except httpx.ConnectError as error:
                refused = error
        assert refused is not None  # noqa: S101 (there is an address, and it was tried)
        raise refused


def is_open(name: str, address: _Address) -> bool:
    """Tell whether an address may be connected to for an endpoint that is listed under ``name``."""
    if name in ("localhost", "localhost.") or name.endswith((".localhost", ".localhost.")):
        return address.is_loopback
    if address == _literal(name):
        return True
    inner: _Address = address
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            inner = address.ipv4_mapped
        elif address in _TRANSLATED:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        elif address.sixtofour is not None or address.teredo is not None or address.is_site_local:
            return False
    return inner.is_global and not (inner.is_multicast or inner.is_reserved or inner.is_unspecified)


def _literal(host: str) -> _Address | None:
    """Read an address in digits; None for a name, and for spellings that only systems understand."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def resolve_by_system(name: str, port: int) -> list[str]:
    """Ask the system for the addresses of a name."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def _within(seconds: float, resolve: Resolve, name: str, port: int) -> Sequence[str]:
    """Resolve a name in a thread of its own, because nothing can stop the system while it looks."""
    told: queue.SimpleQueue[Sequence[str] | Exception] = queue.SimpleQueue()

    def look() -> None:
        try:
            told.put(resolve(name, port))
        except Exception as error:  # noqa: BLE001 (handed over to who waits)
            told.put(error)

    threading.Thread(target=look, name="resolve", daemon=True).start()
    try:
        found = told.get(timeout=seconds)
    except queue.Empty:
        raise httpx.ConnectTimeout(f"{name} was not found in time") from None
    if isinstance(found, Exception):
        raise httpx.ConnectError(f"{name} has no address") from found
    return found

"""The endpoints that the suite's SERVICE tests call, hosted on loopback by services of ours that know each other."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from kg.config import Config
from kg.store.federation import Federation
from kg.store.oxigraph import OxigraphStore
from kg.store.relay import Relay
from kg.web import create_app
from tests.bench.servers import free_port
from tests.contract.served import live
from tests.w3c.manifests import File

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_HOSTED = ("http://example.org/sparql", "http://example1.org/sparql", "http://example2.org/sparql")
_SILENT = "http://invalid.endpoint.org/sparql"  # where the suite means nobody to answer


class _Host:
    """A WSGI application that is another one for each test."""

    def __init__(self) -> None:
        self.serving: WSGIApplication | None = None

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if self.serving is None:
            start_response("404 Not Found", [])
            return []
        return self.serving(environ, start_response)


class Endpoints:
    """Where the suite's endpoints are, and what they hold."""

    def __init__(self, addresses: Mapping[str, str], hosts: Mapping[str, _Host], folder: Path) -> None:
        self.addresses = addresses
        self._hosts = hosts
        self._folder = folder

    def hold(self, services: Sequence[tuple[str, File]]) -> None:
        """Make these endpoints hold these files, and the others gone."""
        files = dict(services)
        for iri, host in self._hosts.items():
            host.serving = self._app(files[iri]) if iri in files else None

    def moved(self, text: str) -> str:
        """Give a text of the suite with the endpoints where they are here."""
        for iri, address in self.addresses.items():
            text = text.replace(iri, address)
        return text

    def _app(self, file: File) -> WSGIApplication:
        federation = Federation(self.addresses.values(), Relay())
        store = OxigraphStore.load([(file.path, file.iri, None)], federation=federation)
        return create_app(Config(home=self._folder, servers=1), store=store)


@contextlib.contextmanager
def hosted(folder: Path) -> Iterator[Endpoints]:
    """Host the endpoints of the suite as long as the context is open."""
    with contextlib.ExitStack() as stack:
        hosts = {iri: _Host() for iri in _HOSTED}
        servers = {iri: stack.enter_context(live(host)) for iri, host in hosts.items()}
        addresses = {iri: f"http://127.0.0.1:{server.port}/sparql" for iri, server in servers.items()}
        yield Endpoints({**addresses, _SILENT: f"http://127.0.0.1:{free_port()}/sparql"}, hosts, folder)

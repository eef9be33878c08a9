"""What the tests of a writable service share: one over real HTTP, with a keeper, its workers and its writer."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode

import rdflib
from rdflib.compare import isomorphic

from kg.config import Config
from kg.store.workspace import WorkspaceStore, keep
from kg.web import create_app
from kg.web.tokens import Tokens
from tests.contract.served import Reply, Server, live

WRITER, READER, ADMIN = "the-writer-of-tests", "the-reader-of-tests", "the-admin-of-the-tests"
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True)
class Writable:
    """A live writable service."""

    server: Server
    store: WorkspaceStore

    def ask(self, path: str, *, method: str = "GET", body: bytes | str | None = None, **headers: str) -> Reply:
        """Send one request as a writer, unless ``Authorization`` says otherwise; an empty one sends none."""
        sent = {"Authorization": f"Bearer {WRITER}", **headers}
        data = body.encode() if isinstance(body, str) else body
        return self.server.ask(path, method=method, body=data, **{name: value for name, value in sent.items() if value})

    def update(self, text: str, **parameters: str | list[str]) -> Reply:
        query = f"?{urlencode(parameters, doseq=True)}" if parameters else ""
        return self.ask(f"/update{query}", method="POST", body=text, Content_Type="application/sparql-update")

    def yes(self, query: str) -> bool:
        """Ask a yes or no over HTTP."""
        reply = self.server.ask(f"/sparql?{urlencode({'query': query})}", Accept="application/sparql-results+json")
        assert reply.status == 200, reply.text
        return bool(reply.json["boolean"])


@contextlib.contextmanager
def writable(directory: Path, **settings: object) -> Iterator[Writable]:
    """Serve a workspace that tests may write to."""
    lines = [
        f"{name} {right} {hashlib.sha256(token.encode()).hexdigest()}"
        for name, right, token in (("writer", "write", WRITER), ("reader", "read", READER))
    ]
    file = directory / "tokens"
    file.write_text("\n".join(lines))
    config = Config.model_validate({"home": directory / "home", "write_deadline": 5.0, **settings})
    with keep(directory / "workspace", workers=2) as keeper:
        store = WorkspaceStore(keeper.address)
        with live(create_app(config, store=store, tokens=Tokens.read(file, ADMIN))) as server:
            yield Writable(server, store)


def same_graph(reply: Reply, turtle: str) -> bool:
    """Tell whether an answer in Turtle is this graph."""
    assert (reply.status, reply.headers["content-type"]) == (200, "text/turtle; charset=utf-8"), reply.text
    return isomorphic(rdflib.Graph().parse(data=reply.body, format="turtle"), rdflib.Graph().parse(data=turtle))

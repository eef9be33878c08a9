"""A private service answers only who has a token with the right to read; any other answers everybody."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner

from kg.cli import main
from kg.config import Config
from kg.store.oxigraph import OxigraphStore
from kg.web import create_app
from kg.web.tokens import Tokens
from tests.contract.served import Server, live, make_release

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

READER, WRITER = "the-reader-of-tests", "the-writer-of-tests"
PATHS = (
    "/", "/sparql", "/sparql?query=ASK%7B%7D", "/graphs?default", "/queries", "/search?q=torch", "/-/metrics",
    "/static/style.css", "/page/id/project/pytorch", "/data/id/project/pytorch.ttl", "/.well-known/void", "/nothing",
)  # fmt: skip


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    """One private service and one that is open, over one release."""
    folder = tmp_path_factory.mktemp("private")
    file = folder / "tokens"
    rights = (("reader", "read", READER), ("writer", "write", WRITER))
    lines = (f"{name} {right} {hashlib.sha256(token.encode()).hexdigest()}" for name, right, token in rights)
    file.write_text("\n".join(lines))
    release = make_release(folder)
    store = OxigraphStore.load([(release.quads, None, None)])

    def app(*, private: bool) -> WSGIApplication:
        config = Config(home=folder / "home", servers=1, private=private)
        return create_app(config, store=store, release=release, tokens=Tokens.read(file, None))

    with live(app(private=True)) as private, live(app(private=False)) as opened:
        yield private, opened


@pytest.mark.parametrize("path", PATHS)
def test_every_address_asks_for_a_token(servers: tuple[Server, Server], path: str) -> None:
    private, opened = servers
    refused = private.ask(path)
    assert refused.status == 401
    assert refused.headers["www-authenticate"] == 'Bearer realm="kg"'
    assert "PyTorch" not in refused.text
    assert private.ask(path, Authorization="Bearer somebody-elses-token").status == 401
    for token in (READER, WRITER):
        assert private.ask(path, Authorization=f"Bearer {token}").status == opened.ask(path).status


def test_an_answer_that_is_kept_is_for_readers_only_too(servers: tuple[Server, Server]) -> None:
    private, _ = servers
    path = "/sparql?query=SELECT%20*%20%7B%20%3Fs%20%3Fp%20%3Fo%20%7D%20LIMIT%203"
    for _ in range(2):
        assert private.ask(path, Authorization=f"Bearer {READER}").status == 200
    assert private.ask(path).status == 401
    tag = private.ask(path, Authorization=f"Bearer {READER}").headers["etag"]
    assert private.ask(path, If_None_Match=tag).status == 401


def test_health_and_what_a_browser_asks_before_stay_open(servers: tuple[Server, Server]) -> None:
    private, _ = servers
    health = private.ask("/-/health")
    assert health.status in (200, 503)
    assert private.ask("/sparql", method="OPTIONS", Origin="https://else.example").status == 204


@pytest.mark.parametrize("words", [["--private"], ["--private", "--release", "current"]])
def test_a_service_that_nobody_could_read_does_not_start(tmp_path: Path, words: list[str]) -> None:
    done = CliRunner().invoke(main, ["--home", str(tmp_path), "serve", "--port", "0", *words], env={"KG_TOKEN": None})
    assert done.exit_code == 1
    assert "nobody could" in done.output


def test_tokens_without_anything_to_ask_them_for_are_a_mistake(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text("")
    done = CliRunner().invoke(main, ["--home", str(tmp_path), "serve", "--port", "0", "--tokens", str(file)])
    assert done.exit_code == 1
    assert "--private" in done.output

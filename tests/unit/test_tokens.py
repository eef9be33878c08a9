"""Bearer tokens: what a line means, who may do what, and what a wrong file or a wrong header is told."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from kg.errors import ConfigError
from kg.web.problems import Problem
from kg.web.tokens import Right, Tokens, make_token

SECRET = "a-secret-of-the-tests"  # noqa: S105  (of the tests)
LINE = f"loader write {hashlib.sha256(SECRET.encode()).hexdigest()}"


@pytest.fixture
def tokens(tmp_path: Path) -> Tokens:
    file = tmp_path / "tokens"
    file.write_text(f"# who may write\n\n{LINE}\nreader read {hashlib.sha256(b'another-secret-here').hexdigest()}\n")
    return Tokens.read(file, "the-admin-of-the-tests")


@pytest.mark.parametrize(
    ("token", "rights"),
    [
        (SECRET, {Right.READ, Right.WRITE}),
        ("another-secret-here", {Right.READ}),
        ("the-admin-of-the-tests", set(Right)),
        (SECRET + "x", set()),
        ("", set()),
        (LINE.split()[2], set()),  # the hash itself opens nothing
    ],
)
def test_a_token_has_its_rights_and_those_they_include(tokens: Tokens, token: str, rights: set[Right]) -> None:
    assert tokens.rights(token) == rights


def test_a_made_token_is_known_by_its_line_only(tmp_path: Path) -> None:
    token, line = make_token("nightly", ["write"])
    file = tmp_path / "tokens"
    file.write_text(line)
    assert token not in line
    assert len(token) >= 43, "256 bits in base64"
    assert Right.WRITE in Tokens.read(file, None).rights(token)
    assert make_token("nightly", ["write"])[0] != token


@pytest.mark.parametrize(
    ("header", "status", "challenge"),
    [
        (None, 401, 'Bearer realm="kg"'),
        ("Basic dXNlcjpwYXNz", 401, 'Bearer realm="kg", error="invalid_token"'),
        ("Bearer", 401, 'Bearer realm="kg", error="invalid_token"'),
        ("Bearer wrong-token-entirely", 401, 'Bearer realm="kg", error="invalid_token"'),
        ("Bearer another-secret-here", 403, 'Bearer realm="kg", error="insufficient_scope", scope="write"'),
    ],
)
def test_who_may_not_is_told_why(tokens: Tokens, header: str | None, status: int, challenge: str) -> None:
    environ = {} if header is None else {"HTTP_AUTHORIZATION": header}
    with pytest.raises(Problem) as told:
        tokens.demand(environ, Right.WRITE)
    assert told.value.kind.status == status
    assert dict(told.value.headers)["WWW-Authenticate"] == challenge


@pytest.mark.parametrize("header", [f"Bearer {SECRET}", f"bearer   {SECRET} "])
def test_the_scheme_is_read_in_any_case(tokens: Tokens, header: str) -> None:
    tokens.demand({"HTTP_AUTHORIZATION": header}, Right.WRITE)


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("loader write", "a name, rights"),
        (f"loader writ {'0' * 64}", "did you mean write"),
        (f"loader write {'0' * 63}", "a name, rights"),
        (f"loader write {'0' * 64} more", "a name, rights"),
    ],
)
def test_a_wrong_line_is_named(tmp_path: Path, line: str, why: str) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{LINE}\n{line}\n")
    with pytest.raises(ConfigError, match=why) as told:
        Tokens.read(file, None)
    assert f"{file}:2:" in str(told.value)
    assert "0000" not in str(told.value), "a message shows no hash"


def test_a_short_admin_token_is_refused() -> None:
    with pytest.raises(ConfigError, match="KG_TOKEN"):
        Tokens.read(None, "secret")

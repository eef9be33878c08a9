"""Who may do what: bearer tokens, known by their hashes only.

A file of tokens has one line for each: a name for the operator, its rights with commas between them, and the SHA-256 of
the token in hex; ``kg token`` writes such lines. A token is 256 random bits, so a plain hash of it tells nothing and no
slow one is needed. Tokens never stand in addresses, logs or answers.

Source: RFC 6750, section 2.1.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from kg.errors import ConfigError, nearest
from kg.web.problems import Problem, problem
from kg.web.site import STARTED

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from kg.web.site import Reply

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{64}")
_SHORTEST = 16  # characters of a token that an operator chose


class Right(StrEnum):
    """What a token may do. Who may write may read; an admin may do everything.

    Reading asks for a token only where the service is private.
    """

    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


_INCLUDED = {
    Right.READ: frozenset({Right.READ}),
    Right.WRITE: frozenset({Right.READ, Right.WRITE}),
    Right.ADMIN: frozenset(Right),
}


@dataclass(frozen=True, slots=True)
class Token:
    """One token as it is known here."""

    name: str
    rights: frozenset[Right]
    digest: bytes


@dataclass(frozen=True, slots=True)
class Tokens:
    """All tokens of a service."""

    known: tuple[Token, ...] = ()

    @classmethod
    def read(cls, file: Path | None, admin: str | None) -> Tokens:
        """Read a file of tokens; ``admin`` is one more, as it is sent. Raises ConfigError with the file's line."""
        known = []
        if file is not None:
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error
            for number, line in enumerate(lines, 1):
                if line.strip() and not line.lstrip().startswith("#"):
                    try:
                        known.append(_parse(line))
                    except ValueError as error:
                        raise ConfigError(f"{file}:{number}: {error}; kg token makes a line") from error
        if admin is not None:
            if len(admin) < _SHORTEST or not _BEARER.fullmatch(f"bearer {admin}"):
                raise ConfigError(
                    f"KG_TOKEN must be {_SHORTEST} or more letters, digits or signs of - . _ ~ + /; kg token makes one"
                )
            known.append(Token("KG_TOKEN", frozenset(Right), _digest(admin)))
        return cls(tuple(known))

    def rights(self, token: str) -> frozenset[Right]:
        """Give the rights of a token; none for one that is unknown. Compares with all of them in constant time."""
        digest, found = _digest(token), frozenset[Right]()
        for known in self.known:
            if hmac.compare_digest(known.digest, digest):
                found |= known.rights
        return found

    def demand(self, environ: WSGIEnvironment, right: Right) -> None:
        """Raise Problem where the request has not this right: 401 without a valid token, 403 with another's rights."""
        said = environ.get("HTTP_AUTHORIZATION", "")
        if not said:
            raise problem(
                "unauthorized",
                f"this needs a token with the right to {right}",
                headers=(("WWW-Authenticate", 'Bearer realm="kg"'),),
            )
        sent = _BEARER.fullmatch(said)
        rights = self.rights(sent[1]) if sent else frozenset()
        if not rights:
            raise problem(
                "unauthorized",
                "the token is not known here" if sent else "Authorization holds no bearer token",
                headers=(("WWW-Authenticate", 'Bearer realm="kg", error="invalid_token"'),),
            )
        if right not in rights:
            challenge = f'Bearer realm="kg", error="insufficient_scope", scope="{right}"'
            raise problem(
                "forbidden", f"the token has not the right to {right}", headers=(("WWW-Authenticate", challenge),)
            )


class Private:
    """A WSGI application around the service's: every request needs a token with the right to read.

    Open stay whether the service is well, which tells no data, and what a browser asks before it may send a token.
    ``refuse`` turns an error into a reply.
    """

    def __init__(
        self, service: WSGIApplication, tokens: Tokens, refuse: Callable[[Exception, WSGIEnvironment], Reply]
    ) -> None:
        self._service = service
        self._tokens = tokens
        self._refuse = refuse

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request."""
        if environ["REQUEST_METHOD"] != "OPTIONS" and environ.get("PATH_INFO", "") != "/-/health":
            environ[STARTED] = time.perf_counter()
            try:
                self._tokens.demand(environ, Right.READ)
            except Problem as error:
                status, headers, body = self._refuse(error, environ)
                start_response(status, headers)
                return body
        return self._service(environ, start_response)


def make_token(name: str, rights: Iterable[str]) -> tuple[str, str]:
    """Make a new token: what is sent, and the line for the file. Raises ValueError on a wrong name or right."""
    token = secrets.token_urlsafe(32)
    line = f"{name} {','.join(rights)} {_digest(token).hex()}"
    _parse(line)
    return token, line


def _parse(line: str) -> Token:
    words = line.split()
    if len(words) != 3 or not _HASH.fullmatch(words[2]):
        raise ValueError("a line is a name, rights with commas between them, and a SHA-256 in hex")
    rights: frozenset[Right] = frozenset()
    for word in words[1].split(","):
        if word not in list(Right):
            raise ValueError(f"{word!r} is no right; those are {', '.join(Right)}{nearest(word, list(Right))}")
        rights |= _INCLUDED[Right(word)]
    return Token(words[0], rights, bytes.fromhex(words[2]))


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

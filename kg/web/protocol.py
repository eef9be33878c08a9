"""Reading requests from their raw bytes: the rules of the SPARQL protocols are about them.

Twice-given parameters are kept, what is not UTF-8 is refused, never replaced. Knows no framework and no store.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from kg.web.problems import problem

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

FORM = "application/x-www-form-urlencoded"

_NOT_UTF8 = "the {} holds bytes that are not UTF-8"
_CHARSET = re.compile(r";?\s*charset\s*=\s*\"?([\w-]+)", re.IGNORECASE)
_FIELDS = 1000  # more parameters than any dataset has graphs worth naming in an address


def fields(encoded: bytes, where: str) -> dict[str, list[str]]:
    """Decode ``application/x-www-form-urlencoded``, once. ``where`` names it in problems (400)."""
    text = utf8(encoded, where)
    if not text:
        return {}
    found: dict[str, list[str]] = {}
    try:
        for name, value in parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=_FIELDS):
            found.setdefault(name, []).append(value)
    except UnicodeDecodeError as error:
        raise problem("bad-encoding", _NOT_UTF8.format(where)) from error
    except ValueError as error:
        raise problem("bad-request", f"the {where} holds more than {_FIELDS} parameters", limit=_FIELDS) from error
    return found


def address_fields(environ: WSGIEnvironment) -> dict[str, list[str]]:
    """Decode the parameters of the address."""
    return fields(environ.get("QUERY_STRING", "").encode("latin-1"), "address")


def single(found: dict[str, list[str]], name: str) -> str | None:
    """Give the only value of a parameter, or None where it is not given. Raises Problem (400) when given twice."""
    values = found.get(name, ())
    if len(values) > 1:
        raise problem("bad-parameter", f"{name} is given more than once; send it once", parameter=name)
    return values[0] if values else None


def utf8(data: bytes, where: str) -> str:
    """Decode text, or raise Problem (400) with the place of the first byte that is not UTF-8."""
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise problem("bad-encoding", f"{_NOT_UTF8.format(where)}, at byte {error.start}", byte=error.start) from error


def declared(content_type: str) -> tuple[str, str]:
    """Give the media type and the charset that a ``Content-Type`` says, in lower case; empty where not said.

    >>> declared('text/turtle; charset="UTF-8"')
    ('text/turtle', 'utf-8')
    """
    media_type, _, parameters = content_type.partition(";")
    charset = _CHARSET.search(parameters)
    return media_type.strip().lower(), charset[1].lower() if charset else ""


def check_charset(charset: str) -> None:
    """Raise Problem (415) for a charset that is not read."""
    if charset not in ("", "utf-8", "utf8", "us-ascii"):
        raise problem("unsupported-media-type", f"charset {charset} is not read here; send UTF-8", accepted=["utf-8"])

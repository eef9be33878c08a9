"""Tells what is an absolute IRI, so that nothing a stranger wrote stops a build when the graph refuses it."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

_CHAR = r"A-Za-z0-9._~!$&'()*+,;=:@\u00a0-\ud7ff\uf900-\ufdcf\ufdf0-\uffef\U00010000-\U0001fffd-"
_IRI = re.compile(
    rf"[A-Za-z][A-Za-z0-9+.-]*:(?://(?P<authority>(?:[{_CHAR}\[\]]|%[0-9A-Fa-f]{{2}})*))?"
    rf"(?P<path>(?:[{_CHAR}/]|%[0-9A-Fa-f]{{2}})*)"
    rf"(?:\?(?:[{_CHAR}/?]|%[0-9A-Fa-f]{{2}})*)?(?:\#(?:[{_CHAR}/?]|%[0-9A-Fa-f]{{2}})*)?"
)


@lru_cache(maxsize=1 << 16)
def is_iri(text: str) -> bool:
    """Tell whether a text is an absolute IRI. Source: RFC 3987, section 2.2.

    >>> is_iri("https://example.org/a#b"), is_iri("example.org/a"), is_iri("https://example.org/a b")
    (True, False, False)
    """
    found = _IRI.fullmatch(text)
    if not found:
        return False
    authority = found["authority"]
    if authority is None:
        return not found["path"].startswith("//")
    host = authority.rpartition("@")[2]
    if bracketed := re.fullmatch(r"\[([0-9A-Fa-f:.]+)\](?::\d*)?", host):
        try:
            IPv6Address(bracketed[1])
        except AddressValueError:
            return False
        return True
    return re.fullmatch(r"[^:\[\]@]*(?::\d*)?", host) is not None and "[" not in authority


def is_web(text: str) -> bool:
    """Tell whether a text is an http or https address with a host.

    >>> is_web("https://example.org"), is_web("mailto:x"), is_web("https:///x")
    (True, False, False)
    """
    return re.match(r"https?://[^/?#]", text) is not None and is_iri(text)

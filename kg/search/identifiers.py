"""What a key is: identifiers, addresses and domains in one spelling, as data hold them and as people write them.

Pure functions of text. ``of_property`` says which keys a value of the graph gives; ``read`` what somebody who typed a
key may mean, the likeliest first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import unquote, urlsplit

from rdflib import OWL
from rdflib.namespace import DCTERMS, SKOS

from kg.keys import crunchbase, homepage, hub_model, repository
from kg.vocab import OSAI, PREFIXES


class Key(NamedTuple):
    """A kind of identifier and its value in one spelling."""

    type: str
    value: str


class Reading(NamedTuple):
    """One way to read what was typed. ``strength`` is out of 100: what equality with the key of a thing is worth."""

    key: Key
    strength: float
    why: str


_ROR = re.compile(r"0[a-hj-km-np-tv-z0-9]{6}[0-9]{2}")
_WIKIDATA = re.compile(r"[Qq][1-9][0-9]*")
_GRID = re.compile(r"grid\.[0-9]+\.[0-9a-f]+", re.IGNORECASE)
_ISNI = re.compile(r"[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{4}[ -]?[0-9]{3}[0-9Xx]")
_DOI = re.compile(r"10\.[0-9]{4,9}/\S+")
_SPDX = re.compile(r"[A-Za-z0-9.+-]+")
_PURL = re.compile(r"pkg:[A-Za-z0-9.+-]+/\S+")
_EMAIL = re.compile(r"(?:mailto:)?[^\s@<>]+@([^\s@<>]+)", re.IGNORECASE)
_DOMAIN = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]", re.IGNORECASE)
_ACCOUNT = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+", re.ASCII)
_SCHEMED = re.compile(r"(?:https?|git|ssh)://|git@[^:/\s]+[:/]", re.IGNORECASE)

# Where the pages of an identifier stand: host, what the path begins with, and the kind of the rest.
_PAGES = (
    ("ror.org", "", "ror", _ROR),
    ("wikidata.org", "wiki/", "wikidata", _WIKIDATA),
    ("wikidata.org", "entity/", "wikidata", _WIKIDATA),
    ("grid.ac", "institutes/", "grid", _GRID),
    ("isni.org", "isni/", "isni", _ISNI),
    ("isni.org", "", "isni", _ISNI),
    ("spdx.org", "licenses/", "spdx", _SPDX),
    ("doi.org", "", "doi", _DOI),
    ("dx.doi.org", "", "doi", _DOI),
)
# How an identifier is written with its kind before it.
_PREFIXED = {
    "ror": ("ror", _ROR),
    "wd": ("wikidata", _WIKIDATA),
    "wikidata": ("wikidata", _WIKIDATA),
    "grid": ("grid", _GRID),
    "isni": ("isni", _ISNI),
    "spdx": ("spdx", _SPDX),
    "doi": ("doi", _DOI),
    "isic": ("notation", _SPDX),
    "notation": ("notation", _SPDX),
    "crunchbase": ("crunchbase", _SPDX),
    "domain": ("domain", _DOMAIN),
}
_TITLES = {
    "ror": "ROR identifier",
    "wikidata": "Wikidata identifier",
    "grid": "GRID identifier",
    "isni": "ISNI",
    "spdx": "SPDX identifier",
    "doi": "DOI",
    "notation": "notation of a concept",
    "crunchbase": "Crunchbase page",
    "domain": "e-mail domain",
    "identifier": "package address",
}
# Which kind of identifier the value of a property is.
_PROPERTIES = {
    str(OSAI.rorId): "ror",
    str(OSAI.wikidataId): "wikidata",
    str(OSAI.gridId): "grid",
    str(OSAI.isni): "isni",
    str(OSAI.spdxId): "spdx",
    str(OSAI.emailDomain): "domain",
    str(SKOS.notation): "notation",
}
_ADDRESSES = frozenset(
    {
        *(str(OSAI.homepage), str(OSAI.repositoryUrl), str(OSAI.modelRepository), str(OSAI.hasRepository)),
        *(str(OWL.sameAs), f"{PREFIXES['schema']}sameAs", str(SKOS.exactMatch), str(DCTERMS.identifier)),
    }
)
# Every property whose values are keys.
KEY_PROPERTIES = frozenset(_PROPERTIES) | _ADDRESSES


def _spelled(kind: str, text: str) -> str:
    """Give an identifier in the one spelling of its kind."""
    if kind == "isni":
        return re.sub(r"[ -]", "", text).upper()
    if kind == "wikidata":
        return text.upper()
    return unquote(text).casefold() if kind == "doi" else text.casefold()


def of_property(predicate: str, text: str, *, base: str) -> Iterator[Key]:
    """Give the keys that a value of a property makes: none for what is no key."""
    if kind := _PROPERTIES.get(predicate):
        yield Key(kind, _spelled(kind, text))
    elif predicate in _ADDRESSES:
        under = f"{base}id/repository/"
        if text.startswith(under):
            text = f"https://{text[len(under) :]}"
        elif text.startswith(base):
            return
        if _PURL.fullmatch(text):
            yield Key("identifier", text.casefold())
        else:
            yield from of_address(text)


def of_address(address: str) -> Iterator[Key]:
    """Give the keys that a web address is: of an identifier, a repository, a page and its host.

    >>> list(of_address("https://www.Example.org/"))
    [Key(type='homepage', value='example.org'), Key(type='host', value='example.org')]
    >>> list(of_address("https://github.com/PyTorch/PyTorch.git"))
    [Key(type='repository', value='github.com/pytorch/pytorch')]
    """
    if found := _identifier(address):
        yield found
        return
    if link := crunchbase(address):
        yield Key("crunchbase", link)
        return
    page = homepage(address)
    if forge := repository(address):
        place = forge.removeprefix("https://").casefold()
        if not page or place.count("/") > 1 or _on_forge(place):
            yield Key("repository", place)
            return
    if page:
        page = page.casefold()
        yield Key("homepage", page)
        host, _, path = page.partition("/")
        yield Key("site" if path else "host", host)


def _on_forge(place: str) -> bool:
    return place.partition("/")[0].split(".")[0] in ("github", "gitlab", "gitee", "codeberg", "bitbucket", "git")


def _identifier(address: str) -> Key | None:
    """Give the identifier whose page an address is."""
    try:
        parts = urlsplit(address.strip())
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https"):
        return None
    path = unquote(parts.path).strip("/").removesuffix(".html")
    for at, begins, kind, pattern in _PAGES:
        if host == at and path.startswith(begins) and pattern.fullmatch(path[len(begins) :]):
            return Key(kind, _spelled(kind, path[len(begins) :]))
    return None


def read(text: str) -> list[Reading]:
    """Give what a typed key may mean, the likeliest first; nothing where it can only be a name.

    Of an e-mail address nothing but its domain is looked at.

    >>> [(one.key.type, one.key.value) for one in read("Q95")]
    [('wikidata', 'Q95'), ('spdx', 'q95'), ('notation', 'q95')]
    """
    text = text.strip().removeprefix("<").removesuffix(">").strip()
    if _SCHEMED.match(text):
        return _of_typed_address(text)
    if found := _EMAIL.fullmatch(text):
        return _domains(found[1], "e-mail domain")
    prefix, colon, rest = text.partition(":")
    if colon and prefix.casefold() in _PREFIXED:
        kind, pattern = _PREFIXED[prefix.casefold()]
        rest = rest.strip()
        if pattern.fullmatch(rest):
            return [Reading(Key(kind, _spelled(kind, rest)), 100, f"same {_TITLES[kind]}")]
    if _PURL.fullmatch(text):
        return [Reading(Key("identifier", text.casefold()), 100, f"same {_TITLES['identifier']}")]
    found_readings = [
        Reading(Key(kind, _spelled(kind, text)), 100, f"same {_TITLES[kind]}")
        for kind, pattern in (
            ("ror", _ROR),
            ("wikidata", _WIKIDATA),
            ("grid", _GRID),
            ("isni", _ISNI),
            ("doi", _DOI),
        )
        if pattern.fullmatch(text)
    ]
    if _SPDX.fullmatch(text):
        found_readings += [
            Reading(Key("spdx", text.casefold()), 97, f"same {_TITLES['spdx']}"),
            Reading(Key("notation", text.casefold()), 90, f"same {_TITLES['notation']}"),
        ]
    if _DOMAIN.fullmatch(text):
        found_readings += _domains(text, "domain")
    elif _ACCOUNT.fullmatch(text) and "." not in text.partition("/")[0]:
        readings = [Key("repository", f"github.com/{text}".casefold())]
        if model := hub_model(text):
            readings.append(Key("repository", model.removeprefix("https://").casefold()))
        found_readings += [Reading(key, 96, "same account and repository") for key in readings]
    elif "/" in text and _DOMAIN.fullmatch(text.partition("/")[0]):
        found_readings += _of_typed_address(f"https://{text}")
    return found_readings


def _of_typed_address(address: str) -> list[Reading]:
    found: list[Reading] = []
    for key in of_address(address):
        if key.type in ("host", "site"):
            found += _domains(key.value, "host", 85 if key.type == "host" else 72)
        elif key.type == "repository":
            found.append(Reading(key, 100, "same repository"))
        elif key.type == "homepage":
            found.append(Reading(key, 98, "same home page"))
        else:
            found.append(Reading(key, 100, f"same {_TITLES[key.type]}"))
    forge = repository(address)
    if forge and not any(one.key.type == "repository" for one in found):
        found.insert(0, Reading(Key("repository", forge.removeprefix("https://").casefold()), 100, "same repository"))
    return found


def _domains(host: str, title: str, strength: float = 95) -> list[Reading]:
    """Read a host as the domain of a thing, then as one below the domain of a thing."""
    host = host.casefold().rstrip(".").removeprefix("www.")
    found: list[Reading] = []
    while host.count("."):
        at = "same" if not found else "below the same"
        found += [
            Reading(Key("domain", host), strength, f"{at} {title}"),
            Reading(Key("host", host), strength - 2, f"{at} {title} as a home page"),
            Reading(Key("site", host), min(strength - 10, 74), f"{at} {title} as a page"),
        ]
        host = host.partition(".")[2]
        strength = min(strength - 8, 80)
    return found

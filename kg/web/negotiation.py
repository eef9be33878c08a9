"""Accept -> media type: the choice, and the tables of what each kind of answer is offered in.

Knows no store and no request; the caller says what happens when nothing fits (a 406, or a sensible default).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from kg.store import (
    CSV_RESULTS,
    JSON_LD,
    JSON_RESULTS,
    N_QUADS,
    N_TRIPLES,
    RDF_XML,
    TRIG,
    TSV_RESULTS,
    TURTLE,
    XML_RESULTS,
    Form,
)

HTML = "text/html"
JSON = "application/json"
PROBLEM = "application/problem+json"

# A longer Accept is read as well, but not remembered: the memory of this cache must have an end.
_REMEMBERED = 400


@dataclass(frozen=True, slots=True)
class Offers:
    """What one kind of answer is offered in. The first type is the default.

    ``types`` maps a media type that a client may name to the one that the store writes: the bytes are the same, the
    name in ``Content-Type`` is the one that was asked for. ``names`` are the short forms for ``?format=`` and suffixes.
    """

    types: Mapping[str, str]
    names: Mapping[str, str]
    all: tuple[str, ...] = field(init=False)  # the types and, last, a page for readers

    def __post_init__(self) -> None:
        object.__setattr__(self, "all", (*self.types, HTML))

    @property
    def default(self) -> str:
        """The type for a client that asks for nothing in particular."""
        return self.all[0]

    def named(self, wanted: str) -> str | None:
        """Give the first type that ``format`` names, by its short form or as a media type; None where none is offered.

        Commas part what is named: SPARQLWrapper sends both forms, some of them as a list. A plus that was sent
        unescaped arrives as a blank.
        """
        for name in wanted.lower().split(","):
            spelled = name.strip().replace(" ", "+")
            found = self.names.get(spelled) or (spelled if spelled in self.all else None)
            if found is not None:
                return found
        return None


_RESULTS = Offers(
    types={
        JSON_RESULTS: JSON_RESULTS,
        XML_RESULTS: XML_RESULTS,
        CSV_RESULTS: CSV_RESULTS,
        TSV_RESULTS: TSV_RESULTS,
        JSON: JSON_RESULTS,
        "application/xml": XML_RESULTS,
        "text/xml": XML_RESULTS,
    },
    names={
        "json": JSON_RESULTS,
        "srj": JSON_RESULTS,
        "xml": XML_RESULTS,
        "srx": XML_RESULTS,
        "csv": CSV_RESULTS,
        "tsv": TSV_RESULTS,
        "html": HTML,
    },
)

# The recommendation defines CSV and TSV for solutions only: a yes or no has neither.
_ANSWERS = Offers(
    types={name: to for name, to in _RESULTS.types.items() if to not in (CSV_RESULTS, TSV_RESULTS)},
    names={name: to for name, to in _RESULTS.names.items() if to not in (CSV_RESULTS, TSV_RESULTS)},
)

_GRAPHS = Offers(
    types={
        TURTLE: TURTLE,
        N_TRIPLES: N_TRIPLES,
        RDF_XML: RDF_XML,
        JSON_LD: JSON_LD,
        TRIG: TRIG,
        N_QUADS: N_QUADS,
        "application/xml": RDF_XML,
        "text/xml": RDF_XML,
        JSON: JSON_LD,
        "text/plain": N_TRIPLES,
    },
    names={
        "ttl": TURTLE,
        "turtle": TURTLE,
        "n3": TURTLE,  # which is a part of it
        "nt": N_TRIPLES,
        "rdf": RDF_XML,
        "xml": RDF_XML,
        "jsonld": JSON_LD,
        "json-ld": JSON_LD,
        "json": JSON_LD,
        "trig": TRIG,
        "nq": N_QUADS,
        "html": HTML,
    },
)

OFFERS: Mapping[Form, Offers] = {Form.SELECT: _RESULTS, Form.ASK: _ANSWERS, Form.GRAPH: _GRAPHS}

# What a page offers beside itself, in order.
DOWNLOADS: Mapping[Form, tuple[str, ...]] = {
    Form.SELECT: ("json", "xml", "csv", "tsv"),
    Form.ASK: ("json", "xml"),
    Form.GRAPH: ("ttl", "nt", "rdf", "jsonld", "trig", "nq"),
}

# A description of one thing, by the suffix of its address below /data.
DESCRIPTIONS: Mapping[str, str] = {"ttl": TURTLE, "jsonld": JSON_LD, "nt": N_TRIPLES, "rdf": RDF_XML}


def negotiate(accept: str | None, offers: Sequence[str]) -> str | None:
    """Choose the media type to answer with, or None when nothing fits (406).

    The quality of an offer is that of the most specific range that names it; the highest quality wins, and ties go to
    the earlier offer. Parameters of a range other than q are ignored, so ``text/csv;header=present`` accepts CSV.
    Without the header everything fits.

    Source: RFC 9110, section 12.5.1; SPARQL 1.1 Protocol, section 2.1.

    >>> negotiate("*/*, text/csv;q=0", ["text/csv", "application/json"])
    'application/json'
    """
    if not accept:
        return offers[0]
    if len(accept) > _REMEMBERED:
        return _choose(accept, tuple(offers))
    return _remembered(accept, tuple(offers))


def content_type(media_type: str) -> str:
    """Give the value of ``Content-Type``: text says that it is UTF-8, the other types have it by definition."""
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def _choose(accept: str, offers: tuple[str, ...]) -> str | None:
    # Werkzeug compares the parameters of a range too, and then "text/csv;header=present" names no offer.
    ranges = parse_accept_header(accept, MIMEAccept)
    plain = MIMEAccept((name.split(";")[0].strip(), quality) for name, quality in ranges)
    best = max(offers, key=plain.quality)
    return best if plain.quality(best) > 0 else None


_remembered = lru_cache(maxsize=512)(_choose)

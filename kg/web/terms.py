"""How an RDF term looks on a page: its text, where it leads, and what kind it is. Plain values for the templates.

Text stays text: escaping is the templates' affair, and an address becomes a link only when it is http or https.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from rdflib import BNode, Literal, URIRef
from rdflib.term import Node

from kg.vocab import PREFIXES

Link = Callable[[str], str | None]  # IRI -> its address here, or None

_XSD = PREFIXES["xsd"]
# Longest first, so that a namespace inside another one wins.
_NAMESPACES = sorted(PREFIXES.items(), key=lambda pair: -len(pair[1]))


@dataclass(frozen=True, slots=True)
class Cell:
    """One term on a page. ``iri`` is shown unchanged beside a label; ``href`` is where a click leads."""

    text: str
    iri: str | None = None
    href: str | None = None
    lang: str | None = None
    datatype: str | None = None
    local: bool = False


def short(iri: str) -> str:
    """Give the CURIE of an IRI with a known prefix, else the IRI.

    >>> short("http://www.w3.org/2004/02/skos/core#Concept")
    'skos:Concept'
    """
    for prefix, namespace in _NAMESPACES:
        if iri.startswith(namespace):
            rest = iri[len(namespace) :]
            if rest and "/" not in rest and "#" not in rest:
                return f"{prefix}:{rest}"
    return iri


def cell(term: Node, link: Link, label: str | None = None) -> Cell:
    """Present a term; ``label`` is its name where one is known."""
    if isinstance(term, URIRef):
        return iri_cell(str(term), link, label)
    if isinstance(term, Literal):
        datatype = str(term.datatype) if term.datatype else None
        return _literal(str(term), term.language, datatype, link)
    return Cell(text=f"_:{term}" if isinstance(term, BNode) else str(term))


def iri_cell(iri: str, link: Link, label: str | None = None) -> Cell:
    """Present an IRI."""
    here = link(iri)
    return Cell(text=label or short(iri), iri=iri, href=here or web_address(iri), local=here is not None)


def web_address(text: str) -> str | None:
    """Give ``text`` back when it is an address that a page may link to, else None (``javascript:`` and its kin)."""
    return text if text.lower().startswith(("https://", "http://")) else None


def _literal(text: str, language: str | None, datatype: str | None, link: Link) -> Cell:
    if datatype == f"{_XSD}anyURI":
        here = link(text)
        return Cell(text=text, href=here or web_address(text), local=here is not None)
    shown = None if datatype in (None, f"{_XSD}string") else short(datatype)
    return Cell(text=text, lang=language, datatype=shown)


def solutions(body: bytes, link: Link, most: int, *, skip: int = 0) -> dict[str, object]:
    """Read an answer in SPARQL JSON for a page: columns and at most ``most`` rows of cells, or a yes or no.

    ``skip`` rows stand on pages before this one, ``more`` on those behind it.
    """
    answer: Mapping[str, Any] = json.loads(body)
    if "boolean" in answer:
        return {"boolean": answer["boolean"]}
    columns = answer["head"].get("vars", [])
    bindings = answer["results"]["bindings"]
    shown = bindings[skip : skip + most]
    table = [[_binding(row.get(name), link) for name in columns] for row in shown]
    more = max(len(bindings) - skip - most, 0)
    return {"columns": columns, "table": table, "rows": len(bindings), "skipped": skip, "more": more}


def _binding(value: Mapping[str, Any] | None, link: Link) -> Cell | None:
    if value is None:
        return None
    if value["type"] == "uri":
        return iri_cell(value["value"], link)
    if value["type"] == "bnode":
        return Cell(text=f"_:{value['value']}")
    if value["type"] == "triple":
        return Cell(text=json.dumps(value["value"], ensure_ascii=False))
    return _literal(value["value"], value.get("xml:lang"), value.get("datatype"), link)

"""SPARQL results as they travel, and RDF terms as rdflib has them: JSON results in, solutions out.

Shared by the adapters whose answers come back as bytes (workers and remote). Knows no engine and no transport.
Source: SPARQL 1.1 Query Results JSON Format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rdflib.term import BNode, Literal, Node, URIRef

from kg.errors import StoreError
from kg.store import CSV_RESULTS, JSON_RESULTS, TSV_RESULTS, XML_RESULTS


def term(value: Mapping[str, Any]) -> Node:
    """Turn one RDF term of the JSON format into rdflib's. Lexical forms stay as they are; language tags are lower case.

    >>> term({"type": "literal", "value": "2", "datatype": "http://www.w3.org/2001/XMLSchema#integer"}).toPython()
    2
    """
    match value:
        case {"type": "uri", "value": str(text)}:
            return URIRef(text)
        case {"type": "bnode", "value": str(text)}:
            return BNode(text)
        case {"type": "literal" | "typed-literal", "value": str(text)} if "its:dir" not in value:
            language = value.get("xml:lang")
            datatype = None if language else value.get("datatype")
            return Literal(text, lang=language, datatype=datatype, normalize=False)
    raise StoreError(f"a result holds a term that RDF 1.1 does not have: {json.dumps(value)[:200]}; leave it out")


def solutions(body: bytes | Path) -> Iterator[dict[str, Node]]:
    """Give the solutions of a SELECT from its JSON results, in order; unbound variables are absent.

    Holds the parsed document. Raises StoreError when the bytes are no JSON results, ValueError when they answer ASK.
    """
    text = body if isinstance(body, bytes) else body.read_bytes()
    try:
        document = json.loads(text)
        bindings = document["results"]["bindings"] if "boolean" not in document else None
    except (ValueError, KeyError, TypeError) as error:
        raise StoreError("the answer is no SPARQL result in JSON") from error
    if bindings is None:
        raise ValueError("rows need a SELECT, and this is an ASK")
    return ({name: term(value) for name, value in binding.items()} for binding in bindings)


# Where one row ends and the next begins in JSON without white space. A quote inside a string is escaped, so the quote
# matched here is structural: it opens a variable's name, unless it closes a string that ends in `},{`, and then "," or
# "}" follows. A row without any binding cannot be told from a string's content this way; it is captured.
_NEXT_ROW = re.compile(rb'\},\{(?:"(?![,}])|(\}))')


def count(body: bytes, media_type: str) -> int:
    """Count the solutions in the serialised answer of a SELECT, as the embedded engine writes it, from its bytes.

    Counting while the engine writes would cost a Python call for each row; this costs a tenth of writing them.
    """
    if media_type == XML_RESULTS:
        return body.count(b"<result>")  # text has < escaped
    if media_type == TSV_RESULTS:
        return body.count(b"\n") - 1  # line feeds in literals are escaped
    if media_type == CSV_RESULTS:
        outside = body.split(b'"')[::2] if b'"' in body else [body]
        return sum(piece.count(b"\n") for piece in outside) - 1
    if media_type != JSON_RESULTS:
        raise ValueError(f"{media_type} is no format of SPARQL results")
    start = body.index(b'"bindings":[') + len(b'"bindings":[')
    if body.startswith(b"]", start):
        return 0
    borders = _NEXT_ROW.findall(body, start)
    if body.startswith(b"{}", start) or b"}" in borders:
        return len(json.loads(body)["results"]["bindings"])
    return len(borders) + 1

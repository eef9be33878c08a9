"""Reads results of queries in every format of SPARQL 1.1, and tells whether two are the same.

Written apart from the service and its engine, on the standard library and rdflib's terms, so that a fault in a writer
is not hidden by the same fault in a reader. Numbers and booleans are compared by value and datatype, because the suite
leaves their spelling open (its results say ``2.0`` where a service may say ``2``), but for CSV, which has no types. All
other terms are compared by their spelling.
"""

from __future__ import annotations

import contextlib
import csv
import decimal
import io
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import rdflib
from rdflib import RDF, XSD, BNode, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic
from rdflib.term import Node

JSON, XML = "application/sparql-results+json", "application/sparql-results+xml"
CSV, TSV = "text/csv", "text/tab-separated-values"
TURTLE, RDF_XML, N_TRIPLES = "text/turtle", "application/rdf+xml", "application/n-triples"
# Triples of the default graph look the same in N-Quads as in N-Triples.
SYNTAXES = {
    TURTLE: "turtle", RDF_XML: "xml", N_TRIPLES: "nt", "application/n-quads": "nt", "application/ld+json": "json-ld"
}  # fmt: skip

_RS = Namespace("http://www.w3.org/2001/sw/DataAccess/tests/result-set#")
_SRX = "{http://www.w3.org/2005/sparql-results#}"
_LANG = "{http://www.w3.org/XML/1998/namespace}lang"

Row: TypeAlias = tuple[Node | None, ...]


@dataclass(frozen=True, slots=True)
class Solutions:
    """The solutions of a SELECT; a term that is unbound is None."""

    names: tuple[str, ...]
    rows: tuple[Row, ...]


Result: TypeAlias = Solutions | bool | Graph


# --- reading --------------------------------------------------------------------------------------------------------


def read_graph(text: str, media_type: str, base: str) -> Graph:
    """Read a graph, each literal as it is spelled. Raises what rdflib raises on text that is none."""
    with _as_spelled():
        return Graph().parse(data=text, format=SYNTAXES[media_type], publicID=base)


def read_result(text: str, media_type: str, base: str) -> Result:
    """Read a result in the format of ``media_type``. Raises ValueError, KeyError or ParseError on text that is none."""
    match media_type:
        case "application/sparql-results+json":
            return _read_json(text)
        case "application/sparql-results+xml":
            return _read_xml(text)
        case "text/csv":
            return _read_csv(text)
        case "text/tab-separated-values":
            return _read_tsv(text)
    graph = by_value(read_graph(text, media_type, base))
    found = graph.value(None, RDF.type, _RS.ResultSet)
    return graph if found is None else _read_result_graph(graph, found)


@contextlib.contextmanager
def _as_spelled() -> Iterator[None]:
    """Keep rdflib from spelling literals its own way."""
    before, rdflib.NORMALIZE_LITERALS = rdflib.NORMALIZE_LITERALS, False
    try:
        yield
    finally:
        rdflib.NORMALIZE_LITERALS = before


def _literal(text: str, datatype: str | None = None, language: str | None = None) -> Literal:
    if language:
        return Literal(text, lang=language)
    if datatype is None or datatype == str(XSD.string):
        return Literal(text)
    return Literal(_value(text, datatype.removeprefix(str(XSD))), datatype=URIRef(datatype), normalize=False)


def _value(text: str, kind: str) -> str:
    """Spell a number or a boolean in one way for each value; leave anything else, and what is no value, as it is."""
    with contextlib.suppress(ValueError, decimal.InvalidOperation):
        match kind:
            case "double" | "float":
                return repr(float(text))
            case "decimal":
                return f"{decimal.Decimal(text).normalize() + 0:f}"
            case "integer":
                return str(int(text))
            case "boolean":
                return {"1": "true", "0": "false"}.get(text, text)
    return text


def by_value(graph: Graph) -> Graph:
    """Give the same graph with numbers and booleans spelled in one way for each value."""
    spelled = Graph()
    for subject, predicate, object_ in graph:
        spelled.add((subject, predicate, _term_by_value(object_)))
    return spelled


def _term_by_value(term: Node) -> Node:
    return _literal(str(term), term.datatype, term.language) if isinstance(term, Literal) else term


def _read_json(text: str) -> Solutions | bool:
    document = json.loads(text)
    if "boolean" in document:
        return bool(document["boolean"])
    names = tuple(document["head"]["vars"])
    rows = [tuple(_json_term(row.get(name)) for name in names) for row in document["results"]["bindings"]]
    return Solutions(names, tuple(rows))


def _json_term(term: Mapping[str, str] | None) -> Node | None:
    if term is None:
        return None
    match term["type"]:
        case "uri":
            return URIRef(term["value"])
        case "bnode":
            return BNode(term["value"])
        case "literal" | "typed-literal":
            return _literal(term["value"], term.get("datatype"), term.get("xml:lang"))
    raise ValueError(f"no term of SPARQL 1.1 JSON results: {term}")


def _read_xml(text: str) -> Solutions | bool:
    document = ET.fromstring(text)  # noqa: S314 (from the suite, and from servers that the tests started)
    boolean = document.find(f"{_SRX}boolean")
    if boolean is not None:
        return (boolean.text or "").strip() == "true"
    names = tuple(variable.attrib["name"] for variable in document.iterfind(f"{_SRX}head/{_SRX}variable"))
    rows = []
    for result in document.iterfind(f"{_SRX}results/{_SRX}result"):
        found = {binding.attrib["name"]: _xml_term(binding[0]) for binding in result}
        if not found.keys() <= set(names):
            raise ValueError(f"variables that the head does not name: {sorted(found.keys() - set(names))}")
        rows.append(tuple(map(found.get, names)))
    return Solutions(names, tuple(rows))


def _xml_term(element: ET.Element) -> Node:
    text = element.text or ""
    match element.tag.removeprefix(_SRX):
        case "uri":
            return URIRef(text)
        case "bnode":
            return BNode(text)
        case "literal":
            return _literal(text, element.get("datatype"), element.get(_LANG))
    raise ValueError(f"no term of SPARQL 1.1 XML results: {element.tag}")


def _read_csv(text: str) -> Solutions:
    """Read a table without types: what is no blank node is a string, and an empty cell may be unbound."""
    names, *rows = csv.reader(io.StringIO(text, newline=""))
    return Solutions(
        tuple(names),
        tuple(tuple(BNode(cell[2:]) if cell.startswith("_:") else _literal(cell) for cell in row) for row in rows),
    )


_TSV_TERM = re.compile(
    r"""<(?P<iri>[^>]*)>|_:(?P<blank>\S+)
    |"(?P<text>(?:[^"\\]|\\.)*)"(?:@(?P<language>[A-Za-z0-9-]+)|\^\^<(?P<datatype>[^>]*)>)?
    |(?P<double>[-+]?(?:\d+\.?\d*|\.\d+)[eE][-+]?\d+)|(?P<decimal>[-+]?\d*\.\d+)|(?P<integer>[-+]?\d+)
    |(?P<boolean>true|false)""",
    re.VERBOSE,
)
_ESCAPES = {"t": "\t", "n": "\n", "r": "\r", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}


def _read_tsv(text: str) -> Solutions:
    head, *lines = text.removesuffix("\n").split("\n")
    names = tuple(name.removeprefix("?") for name in head.split("\t")) if head else ()
    return Solutions(names, tuple(tuple(map(_tsv_term, line.split("\t"))) for line in lines))


def _tsv_term(cell: str) -> Node | None:
    if not cell:
        return None
    found = _TSV_TERM.fullmatch(cell)
    if found is None:
        raise ValueError(f"no term of SPARQL 1.1 TSV results: {cell}")
    if found["iri"] is not None:
        return URIRef(found["iri"])
    if found["blank"] is not None:
        return BNode(found["blank"])
    if found["text"] is not None:
        plain = re.sub(r"\\(.)", lambda escape: _ESCAPES[escape[1]], found["text"])
        return _literal(plain, found["datatype"], found["language"])
    return _literal(cell, str(XSD[str(found.lastgroup)]))


def _read_result_graph(graph: Graph, node: Node) -> Solutions | bool:
    """Read a result set that is written as a graph, in the vocabulary of the first test suite."""
    boolean = graph.value(node, _RS.boolean)
    if boolean is not None:
        return str(boolean) == "true"
    names = tuple(sorted(str(name) for name in graph.objects(node, _RS.resultVariable)))
    rows = []
    for solution in graph.objects(node, _RS.solution):
        found = {
            str(graph.value(binding, _RS.variable)): graph.value(binding, _RS.value)
            for binding in graph.objects(solution, _RS.binding)
        }
        rows.append(tuple(map(found.get, names)))
    return Solutions(names, tuple(rows))


# --- comparing ------------------------------------------------------------------------------------------------------


def difference(expected: Result, given: Result, *, ordered: bool = False, lax: bool = False) -> str | None:
    """Say how ``given`` differs, or None where it is the same but for the names of blank nodes.

    ``ordered``: the order of solutions counts. ``lax``: each solution that is expected comes at least once, and at most
    as often as expected.
    """
    if isinstance(expected, Solutions) and isinstance(given, Solutions):
        return _solutions_differ(expected, given, ordered=ordered, lax=lax)
    if isinstance(expected, Graph) and isinstance(given, Graph):
        return None if isomorphic(expected, given) else _told(_lines(expected), _lines(given))
    if type(expected) is not type(given):
        return f"expected {type(expected).__name__}, given {type(given).__name__}"
    return None if expected == given else f"expected {expected}, given {given}"


def _solutions_differ(expected: Solutions, given: Solutions, *, ordered: bool, lax: bool) -> str | None:
    if set(expected.names) != set(given.names):
        return f"expected the variables {sorted(expected.names)}, given {sorted(given.names)}"
    places = [given.names.index(name) for name in expected.names]
    wanted = list(expected.rows)
    found = [tuple(row[place] for place in places) for row in given.rows]
    if lax:
        if set(found) == set(wanted) and Counter(found) <= Counter(wanted):
            return None
    elif len(found) == len(wanted):
        if ordered:
            names: dict[Node, Node] | None = {}
            for left, right in zip(wanted, found, strict=True):
                names = names if names is None else _matched(left, right, names)
            if names is not None:
                return None
        else:
            plain = Counter(row for row in wanted if not _blank(row)), Counter(row for row in found if not _blank(row))
            blank = [row for row in wanted if _blank(row)], [row for row in found if _blank(row)]
            if plain[0] == plain[1] and _pair(*blank, {}):
                return None
    return _told([str(row) for row in map(_shown, wanted)], [str(row) for row in map(_shown, found)])


def _blank(row: Row) -> bool:
    return any(isinstance(term, BNode) for term in row)


def _pair(wanted: Sequence[Row], found: Sequence[Row], names: dict[Node, Node]) -> bool:
    """Tell whether the rows can be paired so that blank nodes correspond one to one, given those that do already."""
    if not wanted:
        return not found
    for place, row in enumerate(found):
        more = _matched(wanted[0], row, names)
        if more is not None and _pair(wanted[1:], [*found[:place], *found[place + 1 :]], more):
            return True
    return False


def _matched(left: Row, right: Row, names: dict[Node, Node]) -> dict[Node, Node] | None:
    names = dict(names)
    for wanted, given in zip(left, right, strict=True):
        if isinstance(wanted, BNode) and isinstance(given, BNode):
            if names.setdefault(wanted, given) != given or list(names.values()).count(given) > 1:
                return None
        elif wanted != given:
            return None
    return names


def _shown(row: Row) -> str:
    return "  ".join("UNDEF" if term is None else term.n3() for term in row)


def _lines(graph: Graph) -> list[str]:
    return [" ".join(term.n3() for term in triple) for triple in graph]


def _told(wanted: Sequence[str], found: Sequence[str]) -> str:
    missing = [*(Counter(wanted) - Counter(found)).elements()][:5]
    unwanted = [*(Counter(found) - Counter(wanted)).elements()][:5]
    return f"{len(wanted)} expected, {len(found)} given; missing {missing}, unexpected {unwanted}"

"""Reads shapes: the files of ``ontology/shapes``, property paths, lists, and the place of a shape in its file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path as FilePath
from typing import Literal, TypeAlias
from urllib.parse import urljoin, urlsplit

from rdflib import RDF, SH, XSD, Graph, Namespace, URIRef
from rdflib import paths as sparql_paths
from rdflib.term import Literal as RdfLiteral
from rdflib.term import Node

from kg import resources
from kg.errors import ModelError
from kg.vocab import PREFIXES

# Names of our shapes, and of the two properties that only our compiler reads: ``overGraph`` (the shape is asked of that
# named graph) and ``severityElsewhere`` (its severity where no curated graph is concerned).
SHAPES = Namespace("https://w3id.org/osai-kg/shapes#")

_PREFIXES = {**PREFIXES, "osaish": str(SHAPES)}

Path: TypeAlias = URIRef | sparql_paths.Path
PathMod: TypeAlias = Literal["*", "+", "?"]

_REPEATED: Mapping[Node, PathMod] = {SH.zeroOrMorePath: "*", SH.oneOrMorePath: "+", SH.zeroOrOnePath: "?"}
_IRI = re.compile(r"[^\x00-\x20<>\"{}|^`\\]+")


def read_shapes(base: str, files: Iterable[FilePath] | None = None) -> tuple[Graph, Mapping[Node, str]]:
    """Parse shapes files, by default all of ``ontology/shapes``, and tell where each named shape stands (file:line).

    Relative IRIs are taken below ``base``, and so are relative namespaces of ``sh:declare``, which Turtle leaves as
    they are because they are literals: what comes out is standard SHACL. Raises ModelError with file and line.
    """
    whole = Graph()
    places: dict[Node, str] = {}
    for path in resources.shape_files() if files is None else files:
        graph = resources.read_turtle(path, base)
        prefixes = {prefix: str(namespace) for prefix, namespace in graph.namespaces()}
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if (found := re.match(r"([\w-]*):([\w-]+)\s", line)) and found[1] in prefixes:
                places.setdefault(URIRef(prefixes[found[1]] + found[2]), f"{path.name}:{number}")
        for subject, relative in list(graph.subject_objects(SH.namespace)):
            if not urlsplit(str(relative)).scheme:
                graph.set((subject, SH.namespace, RdfLiteral(urljoin(base, str(relative)), datatype=XSD.anyURI)))
        for prefix, namespace in prefixes.items():
            whole.bind(prefix, namespace)
        whole += graph
    return whole, places


def items(shapes: Graph, head: Node, *, what: str) -> list[Node]:
    """Give the members of an RDF list. Raises ModelError where the list is broken or turns back on itself."""
    found: list[Node] = []
    seen: set[Node] = set()
    while head != RDF.nil:
        first, rest = list(shapes.objects(head, RDF.first)), list(shapes.objects(head, RDF.rest))
        if head in seen or len(first) != 1 or len(rest) != 1:
            raise ModelError(f"{what} needs a list, written ( … )")
        seen.add(head)
        found.append(first[0])
        head = rest[0]
    return found


def read_path(shapes: Graph, node: Node, *, what: str) -> Path:
    """Read a property path. Raises ModelError for what is none.

    Source: SHACL, section 2.3.1.
    """
    if isinstance(node, URIRef) and node != RDF.nil:
        return node
    if (node, RDF.first, None) in shapes:
        parts = [read_path(shapes, part, what=what) for part in items(shapes, node, what=what)]
        if len(parts) > 1:
            return sparql_paths.SequencePath(*parts)
    said = list(shapes.predicate_objects(node))
    if len(said) == 1:
        ((kind, inner),) = said
        if kind == SH.inversePath:
            return sparql_paths.InvPath(read_path(shapes, inner, what=what))
        if kind == SH.alternativePath:
            return sparql_paths.AlternativePath(
                *(read_path(shapes, part, what=what) for part in items(shapes, inner, what=what))
            )
        if kind in _REPEATED:
            return sparql_paths.MulPath(read_path(shapes, inner, what=what), _REPEATED[kind])
    raise ModelError(f"{what}: sh:path is no property path")


def spell_path(path: Path) -> str:
    """Spell a path in SPARQL, with every parenthesis."""
    match path:
        case URIRef():
            return term(path)
        case sparql_paths.InvPath(arg=arg):
            return f"^({spell_path(arg)})"
        case sparql_paths.SequencePath(args=args):
            return "/".join(f"({spell_path(arg)})" for arg in args)
        case sparql_paths.AlternativePath(args=args):
            return "|".join(f"({spell_path(arg)})" for arg in args)
        case sparql_paths.MulPath(path=inner, mod=mod):
            return f"({spell_path(inner)}){mod}"
    raise TypeError(f"{path!r} is no path")


def may_be_empty(path: Path) -> bool:
    """Tell whether a path leads from a node to itself, whatever the data say."""
    match path:
        case sparql_paths.InvPath(arg=arg):
            return may_be_empty(arg)
        case sparql_paths.SequencePath(args=args):
            return all(may_be_empty(arg) for arg in args)
        case sparql_paths.AlternativePath(args=args):
            return any(may_be_empty(arg) for arg in args)
        case sparql_paths.MulPath(path=inner, mod=mod):
            return mod != "+" or may_be_empty(inner)
    return False


def term(node: Node) -> str:
    """Spell an IRI or a literal in SPARQL. Raises ModelError for a blank node and for what cannot be an IRI."""
    if isinstance(node, URIRef) and _IRI.fullmatch(node):
        return f"<{node}>"
    if isinstance(node, RdfLiteral):
        return node.n3()
    raise ModelError(f"{node!r} cannot stand in a query; an IRI or a literal can")


def short(node: Node | Path, base: str | None = None) -> str:
    """Spell a node or a path for people: with the prefixes that our queries share, or relative to ``base``."""
    if isinstance(node, sparql_paths.Path):
        return re.sub(r"<([^>]*)>", lambda found: short(URIRef(found[1])), spell_path(node))
    if isinstance(node, URIRef):
        for prefix, start in _PREFIXES.items():
            if node.startswith(start) and re.fullmatch(r"[\w-]+", node[len(start) :]):
                return f"{prefix}:{node[len(start) :]}"
        return node.removeprefix(base) if base and node.startswith(base) else f"<{node}>"
    return str(node)

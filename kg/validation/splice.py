"""Turns the SELECT of a SHACL-SPARQL constraint, written for one focus node, into one query for all of them.

SHACL runs such a query once for each focus node, with ``$this`` bound before it starts. Here the pattern of the target
is set at the head of its WHERE clause instead. Both give the same rows wherever ``$this`` is bound in each group whose
FILTER or BIND reads it; a text where it is not is refused, since it would find nothing and say so to nobody.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache

from rdflib.plugins.sparql.algebra import translateQuery
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Node, Variable

from kg.errors import ModelError

_TOKEN = re.compile(
    r'(?P<string>"""(?:[^"\\]|\\.|"(?!""))*"""|\'\'\'(?:[^\'\\]|\\.|\'(?!\'\'))*\'\'\'|"(?:[^"\\\n\r]|\\.)*"|\'(?:[^\'\\\n\r]|\\.)*\')'
    r"|(?P<iri><[^\x00-\x20<>\"{}|^`\\]*>)|(?P<comment>\#[^\n\r]*)|(?P<variable>[$?]\w+)"
    r"|(?P<word>(?:[\w-]*:)?[\w-]+)|(?P<mark>[{}()])|(?P<other>.)",
    re.DOTALL,
)
# SHACL gives the first three no meaning beside pre-bound variables (section 5.2.1); the others would cut the answer for
# all focus nodes together where SHACL cuts it for each.
_REFUSED = {"MINUS", "SERVICE", "VALUES", "LIMIT", "OFFSET"}
_AGGREGATES = {"GROUP", "COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"}
_THIS = Variable("this")


def splice(
    select: str,
    prologue: str,
    targets: Callable[[str], str],
    *,
    path: str | None = None,
    dataset: str = "",
    what: str,
) -> str:
    """Give the query for all focus nodes.

    ``targets`` spells the pattern that binds a variable to the focus nodes; ``path`` stands for ``$PATH``; ``dataset``
    is a FROM clause or nothing. Raises ModelError, which begins with ``what``, when the text is no SELECT, does not
    give ``$this``, holds what SHACL forbids, or reads ``$this`` where nothing binds it.

    Source: SHACL, sections 5.2.1 and 5.3.
    """
    tokens = [(found.lastgroup or "other", found[0]) for found in _TOKEN.finditer(select)]
    words = {text.upper() for kind, text in tokens if kind == "word"}
    if refused := words & _REFUSED:
        raise ModelError(
            f"{what}: {' and '.join(sorted(refused))} may not stand in a constraint; write it with FILTER and EXISTS"
        )
    pieces: list[str] = []
    head: int | None = None  # the piece before which a FROM clause may stand
    depth = 0
    opened = False
    for kind, text in tokens:
        piece = text
        if kind == "variable":
            name = text[1:]
            if name in ("currentShape", "shapesGraph"):
                raise ModelError(f"{what}: ${name} is not supported; write the values into the constraint")
            if name == "PATH":
                if path is None:
                    raise ModelError(f"{what}: $PATH stands for the path of a property shape, and this shape has none")
                piece = path
            elif name == "this":
                piece = "?this"
        elif kind == "mark" and not opened:
            depth += {"(": 1, ")": -1}.get(text, 0)
            if text == "{" and depth == 0:
                opened = True
                head = len(pieces) if head is None else head
                body = targets("?this")
                # Repeated focus nodes are harmless in the answer of a plain query, and wrong below an aggregate.
                piece = f"{{ {{ SELECT DISTINCT ?this WHERE {{ {body} }} }}" if words & _AGGREGATES else f"{{ {body}"
        elif kind == "word" and not opened and depth == 0 and text.upper() == "WHERE":
            head = len(pieces)
        pieces.append(piece)
    if head is not None and dataset:
        pieces.insert(head, f"{dataset} ")
    query = prologue + "".join(pieces)
    _prove(query, what)
    return query


@lru_cache(maxsize=512)  # shapes are compiled more than once in a process, and the parser takes tens of milliseconds
def _prove(query: str, what: str) -> None:
    """Raise ModelError where the query is no SELECT, or where its ``?this`` may be unbound."""
    try:
        algebra = translateQuery(parseQuery(query)).algebra
    except Exception as error:  # rdflib's parser has no common base for what it raises
        raise ModelError(f"{what}: sh:select is no SPARQL query: {' '.join(str(error).split())[:300]}") from error
    if algebra.name != "SelectQuery":
        raise ModelError(f"{what}: sh:select must be a SELECT query")
    if _THIS not in algebra.PV:
        raise ModelError(f"{what}: sh:select must give $this")
    for node in _scopes(algebra.p):
        parts = [node[part] for part in ("p", "p1", "p2") if part in node]
        read = _variables(node.expr) if "expr" in node else set()
        bound = set().union(*(part._vars for part in parts))
        if node.name == "LeftJoin":  # what an OPTIONAL binds is not bound for sure
            read, bound = read | node.p2._vars, set(node.p1._vars)
        if node.name in ("Filter", "Extend", "LeftJoin") and _THIS in read and _THIS not in bound:
            raise ModelError(
                f"{what}: $this is read by a FILTER, BIND or OPTIONAL of a group in which no pattern binds it; "
                "bind it there, or move the expression to the outer group"
            )
        if node.name == "Project" and node is not algebra.p and _THIS in node.p._vars and _THIS not in node.PV:
            raise ModelError(f"{what}: a sub-select uses $this and does not give it; add it to its SELECT")


def _scopes(node: object) -> Iterator[CompValue]:
    """Walk the groups of a query, not the inside of expressions: there EXISTS sees what its group has bound."""
    if isinstance(node, CompValue):
        yield node
        for key, child in node.items():
            if key != "expr":
                yield from _scopes(child)
    elif isinstance(node, (list, tuple)):
        for child in node:
            yield from _scopes(child)


def _variables(node: object) -> set[Node]:
    if isinstance(node, Variable):
        return {node}
    if isinstance(node, CompValue):
        return set().union(*(_variables(child) for child in node.values()))
    if isinstance(node, (list, tuple, set)):
        return set().union(*(_variables(child) for child in node))
    return set()

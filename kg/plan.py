"""How a query is put together: its operators from the outermost to the triple patterns, as SPARQL defines them.

The engine chooses the order of joins itself and tells nobody, so this is what it is given, not what it makes of it.

Source: SPARQL 1.1 Query, section 18.2 (translation to the SPARQL algebra).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rdflib.plugins.sparql.algebra import translateQuery
from rdflib.plugins.sparql.parser import parseQuery
from rdflib.plugins.sparql.parserutils import CompValue
from rdflib.term import Node, Variable

Triple = tuple[Node, Any, Node]
Leaf = Callable[[Triple, Node | None], "Operator"]  # a triple pattern, and the graph it is asked of


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator. ``estimate`` is an upper bound of its rows, where one is known."""

    name: str
    detail: str = ""
    estimate: int | None = None
    parts: tuple[Operator, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Give it as values of JSON."""
        return {
            "operator": self.name,
            **({"detail": self.detail} if self.detail else {}),
            **({"estimate": self.estimate} if self.estimate is not None else {}),
            **({"parts": [part.as_json() for part in self.parts]} if self.parts else {}),
        }

    def lines(self, depth: int = 0) -> Iterator[tuple[int, Operator]]:
        """Give the operators from the top, each with its depth."""
        yield depth, self
        for part in self.parts:
            yield from part.lines(depth + 1)


# What the algebra calls an operator, and what its readers do. Those that only hold others are left out.
_NAMES: Mapping[str, str] = {
    "SelectQuery": "", "AskQuery": "", "ConstructQuery": "", "DescribeQuery": "", "Project": "project",
    "Distinct": "distinct", "Reduced": "reduced", "OrderBy": "order", "Slice": "slice", "Extend": "bind",
    "Filter": "filter", "LeftJoin": "optional", "Join": "join", "Union": "union", "Minus": "minus", "Graph": "graph",
    "Group": "group", "AggregateJoin": "", "ToMultiSet": "", "ServiceGraphPattern": "service",
    "BGP": "patterns",
}  # fmt: skip


_OF_A_GROUP = "__agg_"  # how the algebra names what a group gives


def plan_of(query: str, *, base: str, leaf: Leaf) -> Operator:
    """Read the plan of a query that the guard has read. Raises whatever the parser raises: it knows SPARQL 1.1 alone.

    ``leaf`` makes an operator of a triple pattern.
    """
    plans = _plans(translateQuery(parseQuery(query), base).algebra, None, leaf)
    return plans[0] if plans else Operator("nothing", "one row without a value")


def _plans(node: object, graph: Node | None, leaf: Leaf) -> tuple[Operator, ...]:
    if not isinstance(node, CompValue):
        return ()
    if node.name == "BGP":
        triples = tuple(leaf(triple, graph) for triple in node.triples)
        return triples if len(triples) == 1 else (Operator("patterns", parts=triples),) if triples else ()
    below = node.term if node.name == "Graph" else graph
    parts = tuple(part for key in ("p", "p1", "p2") if key in node for part in _plans(node[key], below, leaf))
    name = _NAMES.get(node.name, node.name)
    if name in ("", "graph") or (name == "join" and len(parts) == 1):  # graphs stand with their patterns
        return parts if len(parts) == 1 else (Operator("join", parts=parts),) if parts else ()
    if name == "bind" and (node.expr, node.var) in _given_back(node.p):
        return parts
    if name == "slice":
        return (Operator(name, _slice(node), node.length, parts),)
    return (Operator(name, _detail(node), None, parts),)


def _given_back(node: object) -> Iterator[tuple[Variable, Variable]]:
    """Find the variables of a group that keep their name: the algebra samples each, and binds the name again."""
    if isinstance(node, CompValue):
        for one in node.get("A") or () if node.name == "AggregateJoin" else ():
            if one.name == "Aggregate_Sample":
                yield one.res, one.vars
        if node.name in ("Extend", "Filter"):
            yield from _given_back(node.p)


def _slice(node: CompValue) -> str:
    said = [f"limit {node.length:,}"] if node.length is not None else []
    return ", ".join([*said, *([f"offset {node.start:,}"] if node.start else [])])


def _detail(node: CompValue) -> str:
    """Say which variables an operator is about."""
    match node.name:
        case "Project":
            return _named(node.PV)
        case "Extend":
            return _named([node.var])
        case "Group":
            return _named(_variables(node.expr))
        case "Filter" | "LeftJoin":
            return _named(_variables(node.expr))
        case "OrderBy":
            return _named(_variables([condition.expr for condition in node.expr]))
        case "ServiceGraphPattern":
            return node.term.n3()  # type: ignore[no-any-return]
        case _:
            return ""


def _named(variables: Iterable[Variable]) -> str:
    return " ".join(f"?{name}" for name in dict.fromkeys(variables) if not name.startswith(_OF_A_GROUP))


def _variables(node: object) -> Iterator[Variable]:
    """Give the variables of an expression in the order in which they stand there, of its EXISTS too."""
    if isinstance(node, Variable):
        yield node
    elif isinstance(node, CompValue):
        for child in node.values():
            yield from _variables(child)
    elif isinstance(node, list | tuple):
        for child in node:
            yield from _variables(child)

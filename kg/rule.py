"""Rules and clashes as data: triple patterns from which every query text is generated.

The compiler (``kg.reasoning``) makes them from axioms, the build runs them, a release keeps them as ``rules.json``, and
``kg.why`` reads them back to prove a triple. Knows no store and no ontology.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from rdflib.term import Literal, Node, URIRef, Variable

from kg.errors import ReleaseError

Pattern: TypeAlias = tuple[Node, Node, Node]  # IRIs, literals and variables
Triple: TypeAlias = tuple[URIRef, URIRef, URIRef | Literal]
Bindings: TypeAlias = Mapping[Variable, Node]

AS_OF = "as-of"  # the kind of a rule that reads intervals; every other kind comes from an axiom


def match(pattern: Pattern, triple: Pattern) -> dict[Variable, Node] | None:
    """Give the bindings under which ``pattern`` is ``triple``, or None. Pure; a repeated variable must agree.

    >>> match((Variable("x"), URIRef("p:p"), Variable("x")), (URIRef("i:a"), URIRef("p:p"), URIRef("i:b"))) is None
    True
    """
    bound: dict[Variable, Node] = {}
    for part, term in zip(pattern, triple, strict=True):
        if isinstance(part, Variable):
            if bound.setdefault(part, term) != term:
                return None
        elif part != term:
            return None
    return bound


def fill(pattern: Pattern, bindings: Bindings) -> Pattern:
    """Put the bindings into a pattern; what is not bound stays a variable."""
    s, p, o = (bindings.get(part, part) if isinstance(part, Variable) else part for part in pattern)
    return (s, p, o)


def variables(patterns: Iterable[Pattern]) -> tuple[Variable, ...]:
    """Give the variables of some patterns, each once, in order of appearance."""
    return tuple(dict.fromkeys(part for pattern in patterns for part in pattern if isinstance(part, Variable)))


def spell(patterns: Iterable[Pattern]) -> str:
    """Spell patterns in SPARQL, with full IRIs, so that the text needs no prefix and no base."""
    return " ".join(f"{s.n3()} {p.n3()} {o.n3()} ." for s, p, o in patterns)


@dataclass(frozen=True, slots=True)
class Rule:
    """What follows from what: one head, true of the default graph where the body matches it.

    ``name`` is a stable slug and the last part of ``graph``, where the rule's triples go besides the default graph.
    ``axiom`` says the rule in words. ``where`` is the SPARQL group (without braces) of an as-of rule, whose conditions
    are more than patterns, and ``prologue`` its prefixes and base; ``body`` then holds its positive patterns, the
    premises worth naming. Both are empty for a rule from an axiom: the body is all there is.
    """

    name: str
    kind: str
    axiom: str
    graph: URIRef
    head: Pattern
    body: tuple[Pattern, ...]
    where: str = ""
    prologue: str = ""

    @property
    def update(self) -> str:
        """The SPARQL update that writes what follows, and is not yet there, to ``graph`` and the default graph.

        Matches the default graph only. A literal as subject makes no triple, and SPARQL leaves it out (SPARQL 1.1
        Update, section 3.1.3). MINUS rather than NOT EXISTS: what is there already is gathered once, where a look-up
        for each match walks all the triples of a hub (a firm of a thousand projects). A fifth faster on a million.
        """
        head = spell([self.head])
        return (
            f"{self.prologue}INSERT {{ GRAPH {self.graph.n3()} {{ {head} }} {head} }}\n"
            f"WHERE {{ {self.where or spell(self.body)}\nMINUS {{ {head} }} }}"
        )

    def premises(self, triple: Triple, *, limit: int) -> str | None:
        """Give the query for the ways this rule makes ``triple``, or None when its head can never be that.

        The rows bind the variables of head and body, in a fixed order. Cost is that of the body with the head bound.
        """
        bound = match(self.head, triple)
        if bound is None:
            return None
        names = " ".join(variable.n3() for variable in bound)
        terms = " ".join(term.n3() for term in bound.values())
        values = f"VALUES ({names}) {{ ({terms}) }} " if bound else ""
        wanted = " ".join(variable.n3() for variable in variables([self.head, *self.body]))
        return (
            f"{self.prologue}SELECT DISTINCT {wanted or '*'} WHERE {{ {values}{self.where}\n{spell(self.body)} }}"
            f"{f' ORDER BY {wanted}' if wanted else ''} LIMIT {limit}"
        )


@dataclass(frozen=True, slots=True)
class Clash:
    """What must never be: patterns that no individual may match together.

    ``query`` gives a row for each offence: ``?focus`` is the individual, the other variables are those of ``body``.
    """

    name: str
    kind: str
    axiom: str
    body: tuple[Pattern, ...]
    condition: str = ""  # SPARQL that stands beside the body: VALUES and FILTER

    @property
    def query(self) -> str:
        """The SELECT over the default graph, in a fixed order."""
        wanted = " ".join(variable.n3() for variable in variables(self.body))
        return f"SELECT DISTINCT {wanted} WHERE {{ {self.condition} {spell(self.body)} }} ORDER BY {wanted}"

    def offence(self, row: Mapping[str, Node]) -> tuple[Triple, ...]:
        """Give the triples of one row of ``query``: together they cannot be."""
        bindings = {Variable(name): term for name, term in row.items()}
        return tuple(fill(pattern, bindings) for pattern in self.body)  # type: ignore[misc]  # a row binds every variable


# --- rules.json ---------------------------------------------------------------------------------------------------


def dump_rules(rules: Iterable[Rule]) -> str:
    """Spell rules as JSON: one object a line, in the order given, so that a change shows as a line of a diff."""
    lines = (json.dumps(_rule_to_json(rule), ensure_ascii=False) for rule in rules)
    return "[\n" + ",\n".join(lines) + "\n]\n"


def load_rules(text: str) -> tuple[Rule, ...]:
    """Read what ``dump_rules`` wrote. Raises ReleaseError when it is something else."""
    try:
        return tuple(_rule_from_json(entry) for entry in json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ReleaseError(f"the release's rules cannot be read ({error!r}); build the release again") from error


def _rule_to_json(rule: Rule) -> dict[str, Any]:
    found: dict[str, Any] = {
        "name": rule.name,
        "kind": rule.kind,
        "axiom": rule.axiom,
        "graph": str(rule.graph),
        "head": list(_pattern_to_json(rule.head)),
        "body": [list(_pattern_to_json(pattern)) for pattern in rule.body],
    }
    if rule.where:
        found |= {"where": rule.where, "prologue": rule.prologue}
    return found


def _rule_from_json(entry: Mapping[str, Any]) -> Rule:
    return Rule(
        name=entry["name"],
        kind=entry["kind"],
        axiom=entry["axiom"],
        graph=URIRef(entry["graph"]),
        head=_pattern_from_json(entry["head"]),
        body=tuple(_pattern_from_json(pattern) for pattern in entry["body"]),
        where=entry.get("where", ""),
        prologue=entry.get("prologue", ""),
    )


def _pattern_to_json(pattern: Pattern) -> Iterator[dict[str, str]]:
    for term in pattern:
        if isinstance(term, Variable):
            yield {"variable": str(term)}
        elif isinstance(term, Literal):
            kind = {"language": term.language} if term.language else {"datatype": str(term.datatype or "")}
            yield {"literal": str(term), **kind}
        else:
            yield {"iri": str(term)}


def _pattern_from_json(entry: list[dict[str, str]]) -> Pattern:
    s, p, o = (_term_from_json(term) for term in entry)
    return (s, p, o)


def _term_from_json(term: Mapping[str, str]) -> Node:
    if "variable" in term:
        return Variable(term["variable"])
    if "iri" in term:
        return URIRef(term["iri"])
    datatype = URIRef(term["datatype"]) if term.get("datatype") else None
    return Literal(term["literal"], lang=term.get("language"), datatype=datatype, normalize=False)

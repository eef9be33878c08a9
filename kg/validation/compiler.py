"""Compiles SHACL into SPARQL: one SELECT for each constraint of each shape that has a target.

Every query is plain SPARQL 1.1, written for what the embedded engine does well. Measured there on a million triples: a
correlated EXISTS is an index look-up that holds nothing in memory, so conformance is an expression; MINUS is twice as
fast where many focus nodes share the other side (members of a class, a long list), so those use it; grouping holds
every group, so it counts the values of one predicate and nothing larger. The engine keeps every kind of integer as
``xsd:integer``, so the datatypes below it are told by range.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from rdflib import OWL, RDF, RDFS, SH, XSD, Graph, Literal, URIRef
from rdflib.term import BNode, Node

from kg.errors import ModelError, nearest
from kg.validation.shapes import SHAPES, Path, items, may_be_empty, read_path, short, spell_path, term
from kg.validation.splice import splice
from kg.vocab import PREFIXES

Pattern: TypeAlias = Callable[[str], str]  # a variable -> SPARQL: a group that binds it, or an expression that tests it


@dataclass(frozen=True, slots=True)
class Check:
    """One constraint of one shape, as a query.

    ``query`` gives a row for each violation: ``?this`` is the focus node, ``?value`` the value at fault where there is
    one, ``?path`` its predicate where the shape fixes none; the others may stand in ``message``. ``elsewhere`` is the
    severity where no curated graph is concerned; None: the same.
    """

    shape: URIRef  # for a shape without a name, the nearest named shape around it
    path: Path | None
    component: URIRef
    severity: URIRef
    message: str
    query: str
    elsewhere: URIRef | None = None


@dataclass(frozen=True, slots=True)
class _Constraint:
    """``ok`` is true of a focus node that conforms. ``faults`` are groups that find what is at fault, given a focus.

    ``gives`` is what those select beside the focus node.
    """

    component: URIRef
    says: str
    ok: Pattern
    faults: Callable[[str], Sequence[str]]
    gives: str = ""


_SH = PREFIXES["sh"]
_TARGETS = (SH.targetClass, SH.targetNode, SH.targetSubjectsOf, SH.targetObjectsOf)
_LISTS_OF_SHAPES = (SH["and"], SH["or"], SH.xone)
_BESIDE = frozenset(
    {SH.path, SH.property, SH.sparql, SH.deactivated, SH.message, SH.severity, SH.name, SH.description, SH.order}
    | {SH.group, SH.defaultValue, SH.flags, SH.ignoredProperties, SH.qualifiedValueShapesDisjoint, *_TARGETS}
)
_NODE_KINDS = {
    SH.IRI: ("isIRI",),
    SH.Literal: ("isLiteral",),
    SH.BlankNode: ("isBlank",),
    SH.BlankNodeOrIRI: ("isBlank", "isIRI"),
    SH.BlankNodeOrLiteral: ("isBlank", "isLiteral"),
    SH.IRIOrLiteral: ("isIRI", "isLiteral"),
}
_NUMBERS = frozenset({XSD.integer, XSD.decimal, XSD.float, XSD.double})
_CAST = frozenset(
    {XSD.boolean, XSD.dateTime, XSD.date, XSD.time, XSD.gYear, XSD.gYearMonth, XSD.gMonth, XSD.gMonthDay, XSD.gDay}
    | {XSD.duration, XSD.yearMonthDuration, XSD.dayTimeDuration}
)
_INTEGERS: Mapping[URIRef, tuple[int | None, int | None]] = {
    XSD.nonNegativeInteger: (0, None),
    XSD.positiveInteger: (1, None),
    XSD.nonPositiveInteger: (None, 0),
    XSD.negativeInteger: (None, -1),
    XSD.byte: (-(2**7), 2**7 - 1),
    XSD.short: (-(2**15), 2**15 - 1),
    XSD.int: (-(2**31), 2**31 - 1),
    XSD.long: (-(2**63), 2**63 - 1),
    XSD.unsignedByte: (0, 2**8 - 1),
    XSD.unsignedShort: (0, 2**16 - 1),
    XSD.unsignedInt: (0, 2**32 - 1),
    XSD.unsignedLong: (0, 2**64 - 1),
}
_LONG = 8  # members from which a list is quicker as a set than as a chain of comparisons
_FEW = 3  # values up to which counting is a join; above, a grouping
# XPath's regular expressions have no look-around, and the engine's have no references back.
_NO_REGEX = re.compile(r"(?<!\\)(?:\\\\)*(\(\?(?:[=!]|<[=!])|\\[1-9])")


def checks(shapes: Graph, *, base: str, places: Mapping[Node, str] | None = None) -> tuple[Check, ...]:
    """Compile every shape that has a target.

    ``base`` resolves relative IRIs in the texts of SPARQL constraints; with ``places`` (see ``read_shapes``) errors
    name file and line. The queries read the default graph, or the graph that ``osaish:overGraph`` names, and widen
    classes by ``rdfs:subClassOf*`` found there. Raises ModelError for a component that is not supported, a shape that
    is malformed, and one that comes back to itself: nothing is skipped in silence.

    Source: SHACL (W3C Recommendation of 20 July 2017), sections 2 to 5.
    """
    found = _Compiler(shapes, base, places or {}).run()
    return tuple(sorted(found, key=lambda c: (c.shape, spell_path(c.path) if c.path else "", c.component, c.query)))


class _Compiler:
    def __init__(self, shapes: Graph, base: str, places: Mapping[Node, str]) -> None:
        self.shapes = shapes
        self.base = base
        self.places = places
        self.within: list[Node] = []  # the shapes being compiled, outermost first
        self.listed: list[str] = []  # the nodes that the shape with the target lists by name
        self.numbers = itertools.count(1)
        self.single: dict[URIRef, Callable[[Node, Path | None, Node], _Constraint]] = {
            SH["class"]: self._class,
            SH.datatype: self._datatype,
            SH.nodeKind: self._node_kind,
            SH.minCount: self._min_count,
            SH.maxCount: self._max_count,
            SH.minExclusive: self._range(">", "MinExclusive", "more than"),
            SH.minInclusive: self._range(">=", "MinInclusive", "at least"),
            SH.maxExclusive: self._range("<", "MaxExclusive", "less than"),
            SH.maxInclusive: self._range("<=", "MaxInclusive", "at most"),
            SH.minLength: self._length(">=", "MinLength", "at least"),
            SH.maxLength: self._length("<=", "MaxLength", "at most"),
            SH.pattern: self._pattern,
            SH.languageIn: self._language_in,
            SH.uniqueLang: self._unique_lang,
            SH.equals: self._equals,
            SH.disjoint: self._disjoint,
            SH.lessThan: self._less_than("<", "LessThan", "less than"),
            SH.lessThanOrEquals: self._less_than("<=", "LessThanOrEquals", "at most"),
            SH["not"]: self._not,
            SH["and"]: self._logical("And", " && ".join, "must conform to every shape of a list"),
            SH["or"]: self._logical("Or", " || ".join, "must conform to one shape of a list"),
            SH.xone: self._logical("Xone", _exactly_one, "must conform to exactly one shape of a list"),
            SH.node: self._node,
            SH.qualifiedMinCount: self._qualified("Min"),
            SH.qualifiedMaxCount: self._qualified("Max"),
            SH.closed: self._closed,
            SH.hasValue: self._has_value,
            SH["in"]: self._in,
        }

    # ---- From shapes to checks ---------------------------------------------------------------------------------------

    def run(self) -> Iterator[Check]:
        known = self._all()
        for shape in known:
            self._refuse_unknown(shape)
        for shape in known:
            self.listed = [term(node) for node in sorted(self.shapes.objects(shape, SH.targetNode), key=str)]
            if (focus := self._targets(shape)) is not None:
                yield from self._checks(shape, focus, self._named(shape, None), self._iri(shape, SHAPES.overGraph))

    def _all(self) -> list[Node]:
        """Give every shape of the graph, in a fixed order."""
        g = self.shapes
        found = {s for kind in (SH.NodeShape, SH.PropertyShape) for s in g.subjects(RDF.type, kind)}
        found.update(s for predicate in _TARGETS for s in g.subjects(predicate))
        queue = list(found)
        while queue:
            shape = queue.pop()
            inner = {o for p in (SH.node, SH.property, SH["not"], SH.qualifiedValueShape) for o in g.objects(shape, p)}
            for p in _LISTS_OF_SHAPES:
                for head in g.objects(shape, p):
                    inner.update(items(g, head, what=self._where(shape)))
            queue.extend(inner - found)
            found |= inner
        return sorted(found, key=self._order)

    def _refuse_unknown(self, shape: Node) -> None:
        g = self.shapes
        known = _BESIDE | self.single.keys() | {SH.qualifiedValueShape}
        for predicate in set(g.predicates(shape)):
            name = str(predicate).removeprefix(_SH)
            if str(predicate).startswith(_SH) and predicate not in known:
                hint = nearest(name, (str(one).removeprefix(_SH) for one in known))
                raise ModelError(f"{self._where(shape)}: the component sh:{name} is not supported{hint}")
            if any((parameter, SH.path, predicate) in g for parameter in g.objects(None, SH.parameter)):
                raise ModelError(
                    f"{self._where(shape)}: {predicate} is a parameter of a component that these shapes define "
                    "(sh:ConstraintComponent), which is not supported; write the constraint as sh:sparql"
                )

    def _targets(self, shape: Node) -> Pattern | None:
        classes = self._iris(shape, SH.targetClass)
        if isinstance(shape, URIRef) and {RDFS.Class, OWL.Class} & set(self.shapes.objects(shape, RDF.type)):
            classes.append(shape)  # an implicit target: the shape is itself a class
        found = [self._instance_of(term(kind)) for kind in classes]
        if nodes := " ".join(self.listed):
            found.append(lambda v: f"VALUES {v} {{ {nodes} }}")
        found += [self._step_from(predicate) for predicate in self._iris(shape, SH.targetSubjectsOf)]
        found += [self._step_to(predicate) for predicate in self._iris(shape, SH.targetObjectsOf)]
        if len(found) > 1:
            return lambda v: " UNION ".join(f"{{ {one(v)} }}" for one in found)
        return found[0] if found else None

    def _instance_of(self, kind: str) -> Pattern:
        def pattern(v: str) -> str:
            own = self._fresh()
            return f"{v} {term(RDF.type)} {own} . {own} {term(RDFS.subClassOf)}* {kind} ."

        return pattern

    def _step_from(self, predicate: URIRef) -> Pattern:
        return lambda v: f"{v} {term(predicate)} {self._fresh()} ."

    def _step_to(self, predicate: URIRef) -> Pattern:
        return lambda v: f"{self._fresh()} {term(predicate)} {v} ."

    def _checks(self, shape: Node, focus: Pattern, name: URIRef, graph: URIRef | None) -> Iterator[Check]:
        """Compile a shape whose focus nodes ``focus`` binds, and the property shapes inside it."""
        if self._deactivated(shape):
            return
        with self._inside(shape):
            path = self._path(shape)
            dataset = f"FROM {term(graph)}" if graph else ""
            says = self._message(shape)
            severity = self._iri(shape, SH.severity) or SH.Violation
            elsewhere = self._iri(shape, SHAPES.severityElsewhere)
            for constraint in self._constraints(shape, path):
                self.numbers = itertools.count(1)
                groups = [f"{focus('?this')} {fault}" for fault in constraint.faults("?this")]
                body = groups[0] if len(groups) == 1 else " UNION ".join(f"{{ {group} }}" for group in groups)
                query = " ".join(
                    filter(None, ("SELECT DISTINCT ?this", constraint.gives, dataset, f"WHERE {{ {body} }}"))
                )
                yield Check(name, path, constraint.component, severity, says or constraint.says, query, elsewhere)
            for node in sorted(self.shapes.objects(shape, SH.sparql), key=self._order):
                if not self._deactivated(node):
                    self.numbers = itertools.count(1)
                    query = self._sparql(shape, node, path, focus, dataset)
                    message = self._message(node) or says or "breaks a rule that is written as SPARQL"
                    yield Check(name, path, SH.SPARQLConstraintComponent, severity, message, query, elsewhere)
            for inner in sorted(self.shapes.objects(shape, SH.property), key=self._order):
                values = self._walk(focus, path) if path else focus
                yield from self._checks(inner, values, self._named(inner, name), graph)

    def _walk(self, focus: Pattern, path: Path) -> Pattern:
        def pattern(v: str) -> str:
            start = self._fresh()
            return f"{focus(start)} {self._step(start, path, v)}"

        return pattern

    def _step(self, v: str, path: Path, w: str) -> str:
        """Spell the step from a focus node to a value node.

        SPARQL lets a variable of an empty step be terms of the graph only, SHACL any focus node: a target node that the
        data do not hold has itself for a value.
        """
        step = f"{v} {spell_path(path)} {w} ."
        if not self.listed or not may_be_empty(path):
            return step
        pairs = " ".join(f"({node} {node})" for node in self.listed)
        return f"{{ {step} }} UNION {{ VALUES ({v} {w}) {{ {pairs} }} }}"

    def _constraints(self, shape: Node, path: Path | None) -> Iterator[_Constraint]:
        for parameter, compile_one in self.single.items():
            for value in sorted(self.shapes.objects(shape, parameter), key=self._order):
                yield compile_one(shape, path, value)

    def _conforms(self, shape: Node, v: str) -> str:
        """Spell as an expression that ``v`` conforms to a shape. It never has an error for its value."""
        if self._deactivated(shape):
            return "true"
        if (shape, SH.sparql, None) in self.shapes:
            raise ModelError(
                f"{self._where(shape)}: a shape with sh:sparql cannot stand inside sh:node, sh:not, sh:and, sh:or, "
                "sh:xone or sh:qualifiedValueShape; give it a target of its own"
            )
        with self._inside(shape):
            path = self._path(shape)
            parts = [constraint.ok(v) for constraint in self._constraints(shape, path)]
            inner = sorted(self.shapes.objects(shape, SH.property), key=self._order)
            parts += [self._every(path, v, partial(self._conforms, one)) for one in inner]
            return f"({' && '.join(parts)})" if parts else "true"

    # ---- Forms of constraint -----------------------------------------------------------------------------------------

    def _every(self, path: Path | None, v: str, good: Pattern) -> str:
        """Spell that every value node of ``v`` is good."""
        if path is None:
            return good(v)
        w = self._fresh()
        return f"NOT EXISTS {{ {self._step(v, path, w)} FILTER(!{good(w)}) }}"

    def _each(
        self, component: str, says: str, path: Path | None, good: Pattern, members: Pattern | None = None
    ) -> _Constraint:
        """Make a constraint on each value node by itself. ``members`` is a group that binds all good values."""

        def faults(v: str) -> Sequence[str]:
            w, step = ("?value", f"{self._step(v, path, '?value')} ") if path else (v, "")
            return [f"{step}MINUS {{ {members(w)} }}" if members else f"{step}FILTER(!{good(w)})"]

        gives = "?value" if path else "(?this AS ?value)"
        return _Constraint(_component(component), says, lambda v: self._every(path, v, good), faults, gives)

    def _whole(self, component: str, says: str, ok: Pattern) -> _Constraint:
        """Make a constraint on the value nodes together, where no single value is at fault."""
        return _Constraint(_component(component), says, ok, lambda v: [f"FILTER(!{ok(v)})"])

    def _found(
        self, component: str, says: str, faults: Callable[[str, str], Sequence[str]], gives: str = "?value"
    ) -> _Constraint:
        """Make a constraint from groups that bind the value at fault."""

        def ok(v: str) -> str:
            return "(" + " && ".join(f"NOT EXISTS {{ {fault} }}" for fault in faults(v, self._fresh())) + ")"

        return _Constraint(_component(component), says, ok, lambda v: faults(v, "?value"), gives)

    def _at_least(self, path: Path, v: str, count: int, good: Pattern | None = None) -> str:
        """Spell that ``v`` has ``count`` different values, of those that are good."""
        if count <= 0:
            return "true"
        if count > _FEW:
            w = self._fresh()
            kept = f" FILTER({good(w)})" if good else ""
            return (
                f"EXISTS {{ SELECT {v} WHERE {{ {self._step(v, path, w)}{kept} }} "
                f"GROUP BY {v} HAVING(COUNT(DISTINCT {w}) >= {count}) }}"
            )
        values = [self._fresh() for _ in range(count)]
        tests = [f"!sameTerm({a}, {b})" for a, b in itertools.combinations(values, 2)]
        tests += [good(w) for w in values] if good else []
        kept = f" FILTER({' && '.join(tests)})" if tests else ""
        return f"EXISTS {{ {' '.join(self._step(v, path, w) for w in values)}{kept} }}"

    # ---- Components (SHACL, section 4) -------------------------------------------------------------------------------

    def _class(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        member = self._instance_of(term(value))
        says = f"must be of class {short(value)}"
        return self._each("Class", says, path, lambda w: f"EXISTS {{ {member(w)} }}", member)

    def _datatype(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        def good(w: str) -> str:
            tests = [f"datatype({w}) = {term(value)}"]
            if value in _INTEGERS:
                least, most = _INTEGERS[URIRef(str(value))]
                tests = [f"datatype({w}) IN ({term(XSD.integer)}, {term(value)})", f"isNumeric({w})"]
                tests += [f"{w} >= {least}"] if least is not None else []
                tests += [f"{w} <= {most}"] if most is not None else []
            elif value in _NUMBERS:
                tests.append(f"isNumeric({w})")  # an ill-formed number is none
            elif value in _CAST:
                tests.append(f"STRLEN(STR({term(value)}(STR({w})))) > 0")  # an ill-formed value cannot be cast
            return f"COALESCE({' && '.join(tests)}, false)"

        return self._each("Datatype", f"must be a literal of datatype {short(value)}", path, good)

    def _node_kind(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        kinds = _NODE_KINDS.get(URIRef(str(value)))
        if kinds is None:
            raise ModelError(f"{self._where(shape)}: sh:nodeKind {value} is no kind of node")
        return self._each(
            "NodeKind",
            f"must be of kind {short(value)}",
            path,
            lambda w: f"({' || '.join(f'{kind}({w})' for kind in kinds)})",
        )

    def _min_count(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        count, step = self._count(shape, value), self._needs_path(shape, path, "sh:minCount")
        says = f"must have at least {count} of {short(step)}"
        return self._whole("MinCount", says, lambda v: self._at_least(step, v, count))

    def _max_count(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        count, step = self._count(shape, value), self._needs_path(shape, path, "sh:maxCount")
        says = f"must have at most {count} of {short(step)}"
        whole = self._whole("MaxCount", says, lambda v: f"(!{self._at_least(step, v, count + 1)})")
        if count == 0 or not isinstance(step, URIRef):
            return whole

        def faults(v: str) -> Sequence[str]:
            # Counting the triples of the predicate once is three times as fast as looking at each focus node twice.
            having = f"GROUP BY {v} HAVING(COUNT(*) > {count})"
            return [f"{{ SELECT {v} WHERE {{ {v} {term(step)} {self._fresh()} . }} {having} }}"]

        return replace(whole, faults=faults)

    def _range(self, operator: str, component: str, words: str) -> Callable[[Node, Path | None, Node], _Constraint]:
        def compile_one(shape: Node, path: Path | None, value: Node) -> _Constraint:
            bound = term(value)
            says = f"must be {words} {short(value)}"
            return self._each(component, says, path, lambda w: f"COALESCE({w} {operator} {bound}, false)")

        return compile_one

    def _length(self, operator: str, component: str, words: str) -> Callable[[Node, Path | None, Node], _Constraint]:
        def compile_one(shape: Node, path: Path | None, value: Node) -> _Constraint:
            count = self._count(shape, value)
            says = f"must have {words} {count} characters"
            return self._each(component, says, path, lambda w: f"COALESCE(STRLEN(STR({w})) {operator} {count}, false)")

        return compile_one

    def _pattern(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        if found := _NO_REGEX.search(str(value)):
            raise ModelError(
                f"{self._where(shape)}: sh:pattern {str(value)!r}: {found[1]} is not supported by the store"
            )
        flags = self._one(shape, SH.flags)
        arguments = f"{term(Literal(str(value)))}, {term(Literal(str(flags or '')))}"
        return self._each(
            "Pattern", f"must match {value}", path, lambda w: f"COALESCE(REGEX(STR({w}), {arguments}), false)"
        )

    def _language_in(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        ranges = [str(one) for one in items(self.shapes, value, what=self._where(shape))]
        return self._each(
            "LanguageIn",
            f"must be in one of the languages {', '.join(ranges)}",
            path,
            lambda w: (
                f"COALESCE({' || '.join(f'LANGMATCHES(LANG({w}), {term(Literal(one))})' for one in ranges)}, false)"
            ),
        )

    def _unique_lang(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        step = self._needs_path(shape, path, "sh:uniqueLang")

        def faults(v: str, w: str) -> Sequence[str]:
            if not self._is_true(value):
                return ["FILTER(false)"]
            other = self._fresh()
            return [
                f"{self._step(v, step, w)} {self._step(v, step, other)} "
                f'FILTER(LANG({w}) != "" && LCASE(LANG({w})) = LCASE(LANG({other})) && !sameTerm({w}, {other}))'
            ]

        says = "must have no two values in one language"
        return self._found("UniqueLang", says, faults, "(LCASE(LANG(?value)) AS ?language)")

    def _equals(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        other = term(value)

        def faults(v: str, w: str) -> Sequence[str]:
            if path is None:
                return [
                    f"FILTER NOT EXISTS {{ {v} {other} {v} }} BIND({v} AS {w})",
                    f"{v} {other} {w} . FILTER(!sameTerm({v}, {w}))",
                ]
            step = self._step(v, path, w)
            return [
                f"{step} FILTER NOT EXISTS {{ {v} {other} {w} }}",
                f"{v} {other} {w} . FILTER NOT EXISTS {{ {step} }}",
            ]

        return self._found("Equals", f"must have the same values for {short(value)}", faults)

    def _disjoint(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        other = term(value)

        def faults(v: str, w: str) -> Sequence[str]:
            if path is None:
                return [f"{v} {other} {w} . FILTER(sameTerm({v}, {w}))"]
            return [f"{self._step(v, path, w)} {v} {other} {w} ."]

        return self._found("Disjoint", f"must share no value with {short(value)}", faults)

    def _less_than(self, operator: str, component: str, words: str) -> Callable[[Node, Path | None, Node], _Constraint]:
        def compile_one(shape: Node, path: Path | None, value: Node) -> _Constraint:
            step = self._needs_path(shape, path, f"sh:{component[0].lower()}{component[1:]}")

            def faults(v: str, w: str) -> Sequence[str]:
                other = self._fresh()
                test = f"COALESCE({w} {operator} {other}, false)"
                return [f"{self._step(v, step, w)} {v} {term(value)} {other} . FILTER(!{test})"]

            return self._found(component, f"must be {words} each value of {short(value)}", faults)

        return compile_one

    def _not(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        return self._each(
            "Not", f"must not conform to {self._called(value)}", path, lambda w: f"(!{self._conforms(value, w)})"
        )

    def _logical(
        self, component: str, join: Callable[[list[str]], str], says: str
    ) -> Callable[[Node, Path | None, Node], _Constraint]:
        def compile_one(shape: Node, path: Path | None, value: Node) -> _Constraint:
            members = items(self.shapes, value, what=self._where(shape))
            if not members:
                raise ModelError(f"{self._where(shape)}: sh:{component.lower()} needs at least one shape")
            return self._each(
                component, says, path, lambda w: f"({join([self._conforms(member, w) for member in members])})"
            )

        return compile_one

    def _node(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        return self._each("Node", f"must conform to {self._called(value)}", path, lambda w: self._conforms(value, w))

    def _qualified(self, side: str) -> Callable[[Node, Path | None, Node], _Constraint]:
        def compile_one(shape: Node, path: Path | None, value: Node) -> _Constraint:
            count = self._count(shape, value)
            step = self._needs_path(shape, path, f"sh:qualified{side}Count")
            qualified = self._one(shape, SH.qualifiedValueShape)
            if qualified is None:
                raise ModelError(f"{self._where(shape)}: sh:qualified{side}Count needs sh:qualifiedValueShape")
            siblings = self._siblings(shape, qualified)

            def good(w: str) -> str:
                return " && ".join(
                    [self._conforms(qualified, w), *(f"(!{self._conforms(one, w)})" for one in siblings)]
                )

            limit = "at least" if side == "Min" else "at most"
            says = f"must have {limit} {count} of {short(step)} that conform to {self._called(qualified)}"
            return self._whole(
                f"Qualified{side}Count",
                says,
                (lambda v: self._at_least(step, v, count, good))
                if side == "Min"
                else (lambda v: f"(!{self._at_least(step, v, count + 1, good)})"),
            )

        return compile_one

    def _siblings(self, shape: Node, qualified: Node) -> list[Node]:
        """Give the qualified shapes beside this one (SHACL, section 4.7.3), if its values must not conform to them."""
        if not self._is_true(self._one(shape, SH.qualifiedValueShapesDisjoint)):
            return []
        g = self.shapes
        beside = {p for parent in g.subjects(SH.property, shape) for p in g.objects(parent, SH.property)}
        found = {q for p in beside for q in g.objects(p, SH.qualifiedValueShape)}
        return sorted(found - {qualified}, key=self._order)

    def _closed(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        if path is not None:
            raise ModelError(f"{self._where(shape)}: sh:closed stands on node shapes only")
        inner = self.shapes.objects(shape, SH.property)
        allowed = {found for one in inner if isinstance(found := self._path(one), URIRef)}
        if (ignored := self._one(shape, SH.ignoredProperties)) is not None:
            allowed.update(URIRef(str(one)) for one in items(self.shapes, ignored, what=self._where(shape)))
        listed = ", ".join(term(one) for one in sorted(allowed))

        def faults(v: str, w: str) -> Sequence[str]:
            predicate = "?path" if w == "?value" else self._fresh()
            return [
                f"{v} {predicate} {w} . FILTER({predicate} NOT IN ({listed}))"
                if self._is_true(value)
                else "FILTER(false)"
            ]

        return self._found("Closed", "has a property that its shape does not allow", faults, "?path ?value")

    def _has_value(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        wanted = term(value)
        says = f"must have the value {short(value)}"
        if path is None:
            only = self._each("HasValue", says, None, lambda w: f"sameTerm({w}, {wanted})")
            return _Constraint(only.component, says, only.ok, only.faults)

        def ok(v: str) -> str:
            if isinstance(path, URIRef):
                return f"EXISTS {{ {v} {term(path)} {wanted} }}"
            w = self._fresh()
            return f"EXISTS {{ {self._step(v, path, w)} FILTER(sameTerm({w}, {wanted})) }}"

        return self._whole("HasValue", says, ok)

    def _in(self, shape: Node, path: Path | None, value: Node) -> _Constraint:
        members = [term(one) for one in items(self.shapes, value, what=self._where(shape))]

        def good(w: str) -> str:
            return "(" + (" || ".join(f"sameTerm({w}, {member})" for member in members) or "false") + ")"

        def listed(w: str) -> str:
            return f"VALUES {w} {{ {' '.join(members)} }}"

        says = "must be one of a list"
        return self._each("In", says, path, good, listed if len(members) > _LONG else None)

    def _sparql(self, shape: Node, constraint: Node, path: Path | None, focus: Pattern, dataset: str) -> str:
        """Compile a constraint that is written as SPARQL (SHACL, section 5)."""
        where = self._where(shape)
        select = self._one(constraint, SH.select)
        if select is None:
            raise ModelError(
                f"{where}: sh:sparql needs one sh:select; sh:ask is for components, which are not supported"
            )
        declared = [
            (str(self._one(declaration, SH.prefix)), str(self._one(declaration, SH.namespace)))
            for owner in self.shapes.objects(constraint, SH.prefixes)
            for declaration in self._declarations(owner)
        ]
        prologue = f"BASE {term(URIRef(self.base))}\n"
        prologue += "".join(f"PREFIX {prefix}: <{namespace}>\n" for prefix, namespace in sorted(set(declared)))
        return splice(
            str(select), prologue, focus, path=spell_path(path) if path else None, dataset=dataset, what=where
        )

    def _declarations(self, owner: Node) -> Iterator[Node]:
        for one in {owner, *self.shapes.transitive_objects(owner, OWL.imports)}:
            yield from self.shapes.objects(one, SH.declare)

    # ---- Reading -----------------------------------------------------------------------------------------------------

    def _fresh(self) -> str:
        return f"?_{next(self.numbers)}"  # a name that nobody gives to a variable of their own

    def _path(self, shape: Node) -> Path | None:
        node = self._one(shape, SH.path)
        return None if node is None else read_path(self.shapes, node, what=self._where(shape))

    def _one(self, subject: Node, predicate: URIRef) -> Node | None:
        found = sorted(self.shapes.objects(subject, predicate), key=str)
        if len(found) > 1:
            raise ModelError(f"{self._where(subject)}: {short(predicate)} stands {len(found)} times; once is allowed")
        return found[0] if found else None

    def _iri(self, subject: Node, predicate: URIRef) -> URIRef | None:
        found = self._one(subject, predicate)
        if found is None or isinstance(found, URIRef):
            return found
        raise ModelError(f"{self._where(subject)}: {short(predicate)} must be an IRI")

    def _iris(self, subject: Node, predicate: URIRef) -> list[URIRef]:
        found = set(self.shapes.objects(subject, predicate))
        if not all(isinstance(one, URIRef) for one in found):
            raise ModelError(f"{self._where(subject)}: {short(predicate)} must be an IRI")
        return sorted(URIRef(str(one)) for one in found)

    def _count(self, shape: Node, value: Node) -> int:
        if isinstance(value, Literal) and isinstance(value.value, int) and value.value >= 0:
            return int(value.value)
        raise ModelError(f"{self._where(shape)}: {value!r} is no count; write a whole number from 0")

    def _needs_path(self, shape: Node, path: Path | None, parameter: str) -> Path:
        if path is None:
            raise ModelError(f"{self._where(shape)}: {parameter} needs sh:path")
        return path

    def _message(self, subject: Node) -> str | None:
        """Give sh:message, in English before other languages."""
        found = [one for one in self.shapes.objects(subject, SH.message) if isinstance(one, Literal)]
        found.sort(key=lambda one: (one.language not in (None, "en"), str(one)))
        return str(found[0]) if found else None

    def _deactivated(self, shape: Node) -> bool:
        return self._is_true(self._one(shape, SH.deactivated))

    @staticmethod
    def _is_true(value: Node | None) -> bool:
        return isinstance(value, Literal) and value.value is True

    def _named(self, shape: Node, around: URIRef | None) -> URIRef:
        if isinstance(shape, URIRef):
            return shape
        if around is None:
            raise ModelError(
                f"{self._where(shape)}: a shape with a target needs an IRI, so that a report can point to it"
            )
        return around

    def _where(self, shape: Node) -> str:
        """Name a shape for people: file and line where known, and the nearest name around it."""
        node: Node | None = shape
        for _ in range(50):
            if isinstance(node, URIRef) or node is None:
                break
            node = next((s for s, p in self.shapes.subject_predicates(node)), None)
        name = self._called(node) if node is not None else "a shape without a name"
        place = self.places.get(node) if node is not None else None
        inside = "" if node == shape else ", inside"
        return f"{place + ': ' if place else ''}{name}{inside}"

    def _called(self, shape: Node) -> str:
        return short(shape) if isinstance(shape, URIRef) else "a shape inside it"

    def _order(self, node: Node, depth: int = 0) -> str:
        """Spell a node so that the order of blank ones is that of what they say, not of their labels."""
        if not isinstance(node, BNode):
            return f"{type(node).__name__} {node}"
        if depth > 20:  # a cycle, or nothing that a person wrote
            return ""
        said = (f"{p} {self._order(o, depth + 1)}" for p, o in self.shapes.predicate_objects(node))
        return f"[{'; '.join(sorted(said))}]"

    @contextmanager
    def _inside(self, shape: Node) -> Iterator[None]:
        if shape in self.within:
            raise ModelError(f"{self._where(shape)}: the shape comes back to itself, which SHACL leaves undefined")
        self.within.append(shape)
        try:
            yield
        finally:
            self.within.pop()


def _component(name: str) -> URIRef:
    return URIRef(f"{_SH}{name}ConstraintComponent")


def _exactly_one(tests: list[str]) -> str:
    return " + ".join(f"IF({test}, 1, 0)" for test in tests) + " = 1"

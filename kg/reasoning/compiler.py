"""Turns the OWL axioms of the core ontology into rules and clashes. Pure: a graph in, query texts as data out.

Knows exactly the constructs that the ontology uses; any other stops the build, because an axiom that nothing follows is
worse than none. What is compiled is the sound half that OWL 2 RL's rules have: from an existential or a union on the
right-hand side nothing follows for named things, so a definition compiles to "whatever is so belongs to the class", and
to those parts of the converse that name something. (Two definitions that mention the same existential are not compared:
membership in the one without its witness does not lead to the other.)

Source: OWL 2 Web Ontology Language Profiles, section 4.3; OWL 2 Mapping to RDF Graphs.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from rdflib import OWL, RDF, RDFS, XSD, Graph
from rdflib.collection import Collection
from rdflib.term import BNode, Literal, Node, URIRef, Variable

from kg.errors import ModelError
from kg.model import slugify
from kg.rule import Clash, Pattern, Rule, fill, spell, variables
from kg.vocab import PREFIXES

# Where a term says something of others (``kg.resources.Places``), as "osai.ttl:361"; None when that is not known.
Locator = Callable[..., str | None]

# What the compiler knows of RDF, RDFS and OWL. Everything else of these vocabularies stops the build.
_TYPES = frozenset(
    {
        *(OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty, OWL.NamedIndividual),
        *(OWL.Ontology, OWL.Restriction, RDFS.Datatype, RDF.List, RDF.Property),
        OWL.Axiom,  # says something about an axiom; it is none
        *(OWL.SymmetricProperty, OWL.TransitiveProperty),
        *(OWL.FunctionalProperty, OWL.AsymmetricProperty, OWL.IrreflexiveProperty, OWL.AllDisjointClasses),
    }
)
_PREDICATES = frozenset(
    {
        RDF.type,
        *(RDFS.label, RDFS.comment, RDFS.seeAlso, RDFS.isDefinedBy),
        *(OWL.versionInfo, OWL.versionIRI, OWL.priorVersion, OWL.backwardCompatibleWith, OWL.incompatibleWith),
        *(OWL.deprecated, OWL.imports, OWL.annotatedSource, OWL.annotatedProperty, OWL.annotatedTarget),
        *(RDFS.subClassOf, OWL.equivalentClass, RDFS.subPropertyOf, OWL.equivalentProperty, OWL.inverseOf),
        *(RDFS.domain, RDFS.range, OWL.propertyChainAxiom, OWL.disjointWith, OWL.members),
        *(OWL.intersectionOf, OWL.unionOf, OWL.onProperty, OWL.someValuesFrom, OWL.hasValue, RDF.first, RDF.rest),
    }
)
_LOGIC = (str(OWL), str(RDFS), str(RDF))
_EXPRESSIONS = (
    {OWL.intersectionOf},
    {OWL.unionOf},
    {OWL.onProperty, OWL.someValuesFrom},
    {OWL.onProperty, OWL.hasValue},
)
_WHOLE_STATEMENTS = frozenset({OWL.Axiom, OWL.AllDisjointClasses})  # types of blank nodes that nothing points to

_X, _Y, _Z = Variable("x"), Variable("y"), Variable("z")
_FOCUS = Variable("focus")  # the offending individual of a clash


def rules(ontology: Graph, *, base: str, locate: Locator | None = None) -> tuple[Rule, ...]:
    """Compile every axiom from which something follows. Deterministic: ordered and named by what the axioms say.

    ``base`` places the rules' graphs, ``{base}graph/inferred/{name}``. Raises ModelError for an axiom or a construct
    that is not known, naming both and, with ``locate``, file and line.
    """
    return tuple(_Compiler(ontology, base, locate).rules())


def clashes(ontology: Graph, *, base: str, locate: Locator | None = None) -> tuple[Clash, ...]:
    """Compile what must never be: disjoint classes, functional, asymmetric and irreflexive properties.

    Different IRIs are different things (unique names); literals are compared by value. Raises ModelError as ``rules``.
    """
    return tuple(_Compiler(ontology, base, locate).clashes())


@dataclass(frozen=True, slots=True)
class _Case:
    """One way to belong to a class expression: patterns about the variable it was asked for.

    ``choices`` names the members of unions that were taken, so that the rules of a union have telling names.
    """

    patterns: tuple[Pattern, ...]
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Axiom:
    """Where in the ontology we are, for messages."""

    subject: Node
    predicate: URIRef

    def __str__(self) -> str:
        return f"{_curie(self.subject)} {_curie(self.predicate)}"


class _Compiler:
    def __init__(self, ontology: Graph, base: str, locate: Locator | None) -> None:
        self._graph = ontology
        self._base = base
        self._locate: Locator = locate or (lambda term, *near: None)
        self._fresh = (Variable(f"v{number}") for number in itertools.count())
        self._refuse_unknown()

    # --- what follows ---------------------------------------------------------------------------------------------

    def rules(self) -> Iterator[Rule]:
        names: set[str] = set()
        seen: set[tuple[Pattern, tuple[Pattern, ...]]] = set()
        for family in self._families():
            for rule in sorted(map(_renamed, family), key=lambda rule: (rule.name, spell((rule.head, *rule.body)))):
                # A part of a definition often says again what a subclass axiom says: the first in order is kept.
                if rule.head in rule.body or (rule.head, rule.body) in seen:
                    continue
                seen.add((rule.head, rule.body))
                name = _unique(rule.name, names)
                yield replace(
                    rule, name=name, axiom=self._sentence(rule), graph=URIRef(f"{self._base}graph/inferred/{name}")
                )

    def _families(self) -> Iterator[Iterator[Rule]]:
        yield self._subclasses()
        yield self._definitions()
        yield self._subproperties()
        yield self._inverses()
        yield self._symmetric_and_transitive()
        yield self._chains()
        yield self._domains_and_ranges()

    def _subclasses(self) -> Iterator[Rule]:
        for sub, super_, axiom in self._axioms(RDFS.subClassOf):
            heads = self._consequences(super_, _X, axiom)
            if heads is None:
                raise self._unknown(
                    axiom, "a superclass that is a union or an existential, from which nothing follows for named things"
                )
            named = _word(sub) if isinstance(sub, URIRef) else "expression"
            for head in heads:
                for case in self._cases(sub, _X, axiom):
                    yield _rule("subclass", [named, *case.choices, *_words(head)], head, case.patterns)

    def _definitions(self) -> Iterator[Rule]:
        for term, expression, axiom in self._axioms(OWL.equivalentClass):
            if isinstance(term, BNode):
                raise self._unknown(axiom, "a definition of something that has no name")
            itself = (_X, RDF.type, term)
            for case in self._cases(expression, _X, axiom):
                yield _rule("definition", [_word(term), *case.choices], itself, case.patterns)
            for head in self._consequences(expression, _X, axiom, definition=True) or ():
                yield _rule("definition", [_word(term), "implies", *_words(head)], head, (itself,))

    def _subproperties(self) -> Iterator[Rule]:
        for sub, super_, axiom in self._axioms(RDFS.subPropertyOf):
            head, body = self._edge(super_, _X, _Y, axiom), self._edge(sub, _X, _Y, axiom)
            yield _rule("sub-property", [_word(body[1]), _word(head[1])], head, (body,))
        for one, other, axiom in self._axioms(OWL.equivalentProperty):
            for a, b in ((one, other), (other, one)):
                head, body = self._edge(a, _X, _Y, axiom), self._edge(b, _X, _Y, axiom)
                yield _rule("sub-property", [_word(body[1]), _word(head[1])], head, (body,))

    def _inverses(self) -> Iterator[Rule]:
        for one, other, axiom in self._axioms(OWL.inverseOf):
            if isinstance(one, BNode):
                continue  # a property expression, [ owl:inverseOf p ]: read where it is used
            for a, b in ((one, other), (other, one)):
                head, body = self._edge(b, _Y, _X, axiom), self._edge(a, _X, _Y, axiom)
                yield _rule("inverse", [_word(body[1]), _word(head[1])], head, (body,))

    def _symmetric_and_transitive(self) -> Iterator[Rule]:
        for term, _ in self._marked(OWL.SymmetricProperty):
            yield _rule("symmetric", [_word(term)], (_Y, term, _X), ((_X, term, _Y),))
        for term, _ in self._marked(OWL.TransitiveProperty):
            yield _rule("transitive", [_word(term)], (_X, term, _Z), ((_X, term, _Y), (_Y, term, _Z)))

    def _chains(self) -> Iterator[Rule]:
        for term, first, axiom in self._axioms(OWL.propertyChainAxiom):
            steps = self._members(first, axiom)
            if len(steps) < 2:
                raise self._unknown(axiom, "a chain of fewer than two properties")
            stops = [_X, *itertools.islice(self._fresh, len(steps))]
            body = tuple(
                self._edge(step, start, end, axiom)
                for step, (start, end) in zip(steps, itertools.pairwise(stops), strict=True)
            )
            head = self._edge(term, _X, stops[-1], axiom)
            yield _rule("chain", [_word(head[1])], head, body)

    def _domains_and_ranges(self) -> Iterator[Rule]:
        for term, class_, axiom in self._axioms(RDFS.domain):
            yield from self._typed("domain", term, class_, _X, axiom)
        for term, class_, axiom in self._axioms(RDFS.range):
            if self._is_datatype(class_):
                if self._is(term, OWL.ObjectProperty):
                    raise self._unknown(axiom, f"an object property whose values are of datatype {_curie(class_)}")
                continue  # shapes check datatypes; nothing follows from them
            if self._is(term, OWL.DatatypeProperty):
                raise self._unknown(axiom, f"a data property whose values are of class {_curie(class_)}")
            yield from self._typed("range", term, class_, _Y, axiom)

    def _typed(self, kind: str, term: Node, class_: Node, end: Variable, axiom: _Axiom) -> Iterator[Rule]:
        body = self._edge(term, _X, _Y, axiom)
        heads = self._consequences(class_, end, axiom)
        if heads is None:
            raise self._unknown(axiom, "a union or an existential, from which nothing follows for named things")
        for head in heads:
            yield _rule(kind, [_word(body[1]), *_words(head)], head, (body,))

    # --- class and property expressions -----------------------------------------------------------------------------

    def _cases(self, expression: Node, of: Node, axiom: _Axiom) -> list[_Case]:
        """Give every way in which ``of`` is seen to belong to a class expression: its disjunctive normal form."""
        if isinstance(expression, URIRef):
            if expression == OWL.Thing:
                return [_Case(())]
            self._refuse_builtin(expression, axiom)
            return [_Case(((of, RDF.type, expression),))]
        parts = self._parts(expression, axiom)
        if OWL.intersectionOf in parts:
            members = self._members(parts[OWL.intersectionOf], axiom)
            ways = itertools.product(*(self._cases(member, of, axiom) for member in members))
            return [
                _Case(
                    tuple(dict.fromkeys(itertools.chain.from_iterable(case.patterns for case in way))),
                    tuple(itertools.chain.from_iterable(case.choices for case in way)),
                )
                for way in ways
            ]
        if OWL.unionOf in parts:
            return [
                _Case(case.patterns, (self._choice(member), *case.choices))
                for member in self._members(parts[OWL.unionOf], axiom)
                for case in self._cases(member, of, axiom)
            ]
        if OWL.hasValue in parts:
            return [_Case((self._edge(parts[OWL.onProperty], of, parts[OWL.hasValue], axiom),))]
        witness = next(self._fresh)
        edge = self._edge(parts[OWL.onProperty], of, witness, axiom)
        return [
            _Case((edge, *case.patterns), case.choices)
            for case in self._cases(parts[OWL.someValuesFrom], witness, axiom)
        ]

    def _consequences(
        self, expression: Node, of: Node, axiom: _Axiom, *, definition: bool = False
    ) -> list[Pattern] | None:
        """Give what is true of a named thing because it belongs to a class expression.

        None where it is a union or an existential, which say something, but of nobody by name. Inside the
        intersection of a definition such a part is passed over, because its other half is a rule; elsewhere it makes
        the whole None.
        """
        if isinstance(expression, URIRef):
            if expression == OWL.Thing:
                return []
            self._refuse_builtin(expression, axiom)
            return [(of, RDF.type, expression)]
        parts = self._parts(expression, axiom)
        if OWL.hasValue in parts:
            return [self._edge(parts[OWL.onProperty], of, parts[OWL.hasValue], axiom)]
        if OWL.intersectionOf not in parts:
            return None
        found = [
            self._consequences(member, of, axiom, definition=definition)
            for member in self._members(parts[OWL.intersectionOf], axiom)
        ]
        if not definition and None in found:
            return None
        return list(itertools.chain.from_iterable(part or () for part in found))

    def _parts(self, expression: Node, axiom: _Axiom) -> dict[URIRef, Node]:
        """Read one anonymous class expression. Raises ModelError when it is none of the four that we know."""
        if not isinstance(expression, BNode):
            raise self._unknown(axiom, f"{_curie(expression)} where a class is expected")
        found = sorted(
            (p, o)
            for p, o in self._graph.predicate_objects(expression)
            if p not in (RDF.type, RDFS.subClassOf)  # the second is an axiom about the expression, not a part of it
        )
        parts = dict(found)
        if parts.keys() not in _EXPRESSIONS or len(parts) != len(found):
            named = ", ".join(_curie(predicate) for predicate, _ in found) or "nothing"
            raise self._unknown(axiom, f"a class expression made of {named}")
        return parts  # type: ignore[return-value]  # rdflib types predicates as Node

    def _edge(self, expression: Node, start: Node, end: Node, axiom: _Axiom) -> Pattern:
        """Spell a property expression, a name or [ owl:inverseOf name ], as a pattern."""
        if isinstance(expression, URIRef):
            return (start, expression, end)
        inverse = self._graph.value(expression, OWL.inverseOf)
        if not isinstance(inverse, URIRef):
            raise self._unknown(axiom, "a property expression that is neither a name nor the inverse of one")
        return (end, inverse, start)

    def _choice(self, member: Node) -> str:
        """Name a member of a union: the class, or the value that a restriction asks for."""
        if isinstance(member, URIRef):
            return _word(member)
        value = self._graph.value(member, OWL.hasValue) or self._graph.value(member, OWL.someValuesFrom)
        return _word(value) if isinstance(value, URIRef | Literal) else ""

    def _members(self, first: Node, axiom: _Axiom) -> list[Node]:
        try:
            members = list(Collection(self._graph, first))
        except ValueError as error:
            raise self._unknown(axiom, f"a list that cannot be read ({error})") from error
        if not members:
            raise self._unknown(axiom, "an empty list")
        return members

    # --- what must never be -----------------------------------------------------------------------------------------

    def clashes(self) -> Iterator[Clash]:
        names: set[str] = set()
        for family in (self._disjoint(), self._functional(), self._asymmetric(), self._irreflexive()):
            for clash in sorted(family, key=lambda clash: (clash.name, clash.query)):
                yield replace(clash, name=_unique(clash.name, names))

    def _disjoint(self) -> Iterator[Clash]:
        sets: list[tuple[tuple[Node, ...], _Axiom]] = [
            ((one, other), axiom) for one, other, axiom in self._axioms(OWL.disjointWith)
        ]
        for node in self._graph.subjects(RDF.type, OWL.AllDisjointClasses):
            axiom = _Axiom(node, OWL.AllDisjointClasses)
            sets.append((tuple(self._members(self._graph.value(node, OWL.members) or RDF.nil, axiom)), axiom))
        for classes, axiom in sets:
            if unnamed := [class_ for class_ in classes if not isinstance(class_, URIRef)]:
                raise self._unknown(axiom, f"disjointness of {len(unnamed)} classes that have no name")
            if len(classes) < 2:
                raise self._unknown(axiom, "disjointness of fewer than two classes")
            labels = [self._label(class_) for class_ in classes]
            if len(classes) == 2:
                body: tuple[Pattern, ...] = tuple((_FOCUS, RDF.type, class_) for class_ in classes)
                sentence = f"Nothing is both {_article(labels[0])} and {_article(labels[1])}."
                yield Clash(_slug("disjoint", *map(_word, classes)), "disjoint", sentence, body)
                continue
            one, other = Variable("class"), Variable("otherClass")
            among = " ".join(class_.n3() for class_ in sorted(classes, key=str))
            yield Clash(
                name=_slug("disjoint", _word(classes[0]), "and", str(len(classes) - 1), "others"),
                kind="disjoint",
                axiom=f"Nothing is two of these: {', '.join(labels)}.",
                body=((_FOCUS, RDF.type, one), (_FOCUS, RDF.type, other)),
                condition=f"VALUES ?class {{ {among} }} VALUES ?otherClass {{ {among} }} "
                "FILTER(STR(?class) < STR(?otherClass))",
            )

    def _functional(self) -> Iterator[Clash]:
        one, other = Variable("value"), Variable("otherValue")
        for term, _ in self._marked(OWL.FunctionalProperty):
            # Each pair once; literals of types that SPARQL cannot compare differ when they are different terms.
            differ = (
                "COALESCE(?value != ?otherValue, !sameTerm(?value, ?otherValue)) && STR(?value) <= STR(?otherValue)"
                if self._is(term, OWL.DatatypeProperty)
                else "STR(?value) < STR(?otherValue)"
            )
            yield Clash(
                name=_slug("functional", _word(term)),
                kind="functional",
                axiom=f"Nothing has two different values of ‘{self._label(term)}’.",
                body=((_FOCUS, term, one), (_FOCUS, term, other)),
                condition=f"FILTER({differ})",
            )

    def _asymmetric(self) -> Iterator[Clash]:
        other = Variable("other")
        for term, _ in self._marked(OWL.AsymmetricProperty):
            yield Clash(
                name=_slug("asymmetric", _word(term)),
                kind="asymmetric",
                axiom=f"‘{self._label(term)}’ never holds both ways.",
                body=((_FOCUS, term, other), (other, term, _FOCUS)),
                condition="FILTER(STR(?focus) <= STR(?other))",
            )

    def _irreflexive(self) -> Iterator[Clash]:
        for term, _ in self._marked(OWL.IrreflexiveProperty):
            sentence = f"‘{self._label(term)}’ never holds between a thing and itself."
            yield Clash(_slug("irreflexive", _word(term)), "irreflexive", sentence, ((_FOCUS, term, _FOCUS),))

    # --- reading the ontology ---------------------------------------------------------------------------------------

    def _axioms(self, predicate: URIRef) -> Iterator[tuple[Node, Node, _Axiom]]:
        for subject, object_ in self._graph.subject_objects(predicate):
            yield subject, object_, _Axiom(subject, predicate)

    def _marked(self, mark: URIRef) -> Iterator[tuple[URIRef, _Axiom]]:
        for subject in self._graph.subjects(RDF.type, mark):
            if not isinstance(subject, URIRef):
                raise self._unknown(_Axiom(subject, RDF.type), f"{_curie(mark)} of a property that has no name")
            yield subject, _Axiom(subject, RDF.type)

    def _is(self, term: Node, type_: URIRef) -> bool:
        return (term, RDF.type, type_) in self._graph

    def _is_datatype(self, term: Node) -> bool:
        return (
            term in (RDFS.Literal, RDF.langString)
            or (isinstance(term, URIRef) and term.startswith(str(XSD)))
            or self._is(term, RDFS.Datatype)
        )

    def _refuse_unknown(self) -> None:
        """Stop at the first construct, in order of its terms, that neither rules nor clashes would read."""
        pointed_at = set(self._graph.objects())
        for s, p, o in sorted(self._graph, key=lambda triple: tuple(map(str, triple))):
            axiom = _Axiom(s, p)  # type: ignore[arg-type]  # rdflib types predicates as Node
            if str(p).startswith(_LOGIC) and p not in _PREDICATES:
                raise self._unknown(axiom, _curie(p), p)
            if p == RDF.type and str(o).startswith(_LOGIC) and o not in _TYPES:
                raise self._unknown(axiom, _curie(o), o)
            if p in (OWL.intersectionOf, OWL.unionOf) and not isinstance(s, BNode):
                raise self._unknown(axiom, f"{_curie(p)} of a named class (owl:equivalentClass says it)")
            if isinstance(s, BNode) and s not in pointed_at:
                types = set(self._graph.objects(s, RDF.type))
                if not types & _WHOLE_STATEMENTS and (s, RDFS.subClassOf, None) not in self._graph:
                    named = ", ".join(sorted(map(_curie, types))) or _curie(p)
                    raise self._unknown(axiom, f"a blank node that no axiom reaches ({named})")

    def _refuse_builtin(self, class_: URIRef, axiom: _Axiom) -> None:
        if str(class_).startswith(_LOGIC) or self._is_datatype(class_):
            raise self._unknown(axiom, f"{_curie(class_)} where a class of things is expected")

    def _unknown(self, axiom: _Axiom, what: str, *near: Node) -> ModelError:
        owner, within = self._owner(axiom.subject)
        place = self._locate(owner, *near, axiom.predicate, *within)
        inside = f" inside {_curie(owner)}" if owner not in (None, axiom.subject) else ""
        return ModelError(
            f"{f'{place}: ' if place else ''}{axiom}{inside}: the rule compiler does not know what to do with {what}; "
            "an axiom for HermiT alone belongs in osai-dl.ttl, any other has to be taught to kg.reasoning.compiler"
        )

    def _owner(self, node: Node) -> tuple[Node | None, list[URIRef]]:
        """Give the name that a node stands under; without one, the names that stand under the node."""
        seen = {node}
        while not isinstance(node, URIRef):
            above = sorted(set(self._graph.subjects(None, node)) - seen, key=str)
            if not above:
                below, waiting = set(), {node}
                while waiting:
                    below |= waiting
                    waiting = {o for one in waiting if isinstance(one, BNode) for o in self._graph.objects(one)} - below
                return None, sorted(one for one in below if isinstance(one, URIRef))
            node = above[0]
            seen.add(node)
        return node, []

    # --- words ------------------------------------------------------------------------------------------------------

    def _label(self, term: Node) -> str:
        labels = sorted(
            self._graph.objects(term, RDFS.label),
            key=lambda label: (getattr(label, "language", None) not in ("en", None), str(label)),
        )
        return str(labels[0]) if labels else _spaced(_split(str(term))[1])

    def _sentence(self, rule: Rule) -> str:
        """Say a rule in words made of labels. Variables are called X, Y, Z in order."""
        subject, predicate, class_ = rule.head
        if predicate == RDF.type and [(s, p) for s, p, _ in rule.body] == [(subject, RDF.type)]:
            return f"Every {self._label(rule.body[0][2])} is {_article(self._label(class_))}."
        called = dict(zip(variables((*rule.body, rule.head)), ("X", "Y", "Z", "U", "V", "W", *_more()), strict=False))

        def clause(pattern: Pattern) -> str:
            s, p, o = (called[part] if isinstance(part, Variable) else part for part in pattern)
            who = s if isinstance(s, str) and not isinstance(s, URIRef) else self._label(s)
            if p == RDF.type:
                return f"{who} is {_article(self._label(o))}"  # type: ignore[arg-type]  # a class is no variable here
            what = o if isinstance(o, str) and not isinstance(o, URIRef | Literal) else self._label(o)
            return f"{who} ‘{self._label(p)}’ {what}"  # type: ignore[arg-type]  # nor is a property

        *rest, last = map(clause, rule.body)
        condition = f"{', '.join(rest)} and {last}" if rest else last
        return f"If {condition}, then {clause(rule.head)}."


def _more() -> Iterator[str]:
    return (f"X{number}" for number in range(1, 100))


def _rule(kind: str, words: Iterable[str], head: Pattern, body: tuple[Pattern, ...]) -> Rule:
    """Make a rule that still lacks its unique name, graph and sentence."""
    return Rule(name=_slug(kind, *words), kind=kind, axiom="", graph=URIRef(""), head=head, body=body)


def _renamed(rule: Rule) -> Rule:
    """Call the variables x, y, z, v1, … in order of appearance, so that equal rules are equal."""
    names = (_X, _Y, _Z, *(Variable(f"v{number}") for number in range(1, 100)))
    renaming = dict(zip(variables((*rule.body, rule.head)), names, strict=False))
    return replace(rule, head=fill(rule.head, renaming), body=tuple(fill(pattern, renaming) for pattern in rule.body))


def _unique(name: str, names: set[str]) -> str:
    candidates = itertools.chain([name], (f"{name}-{number}" for number in itertools.count(2)))
    chosen = next(candidate for candidate in candidates if candidate not in names)
    names.add(chosen)
    return chosen


def _split(iri: str) -> tuple[str, str]:
    cut = max(iri.rfind("#"), iri.rfind("/"), iri.rfind(":")) + 1
    return iri[:cut], iri[cut:]


def _curie(term: Node) -> str:
    if isinstance(term, BNode):
        return "[]"
    namespace, local = _split(str(term))
    prefix = {iri: prefix for prefix, iri in PREFIXES.items()}.get(namespace)
    return f"{prefix}:{local}" if prefix else term.n3()


def _spaced(name: str) -> str:
    """Split a local name into words: "underUmbrellaOf" becomes "under umbrella of"."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[-_]+", " ", name).lower()


def _word(term: Node) -> str:
    return slugify(_spaced(_split(str(term))[1] or str(term)))


def _words(head: Pattern) -> list[str]:
    """Name a head: its class; or its property and, where that is fixed, the value."""
    _, predicate, object_ = head
    if predicate == RDF.type:
        return [_word(object_)]
    return [_word(predicate), *([] if isinstance(object_, Variable) else [_word(object_)])]


def _slug(*words: str) -> str:
    return "-".join(word for word in words if word)


def _article(noun: str) -> str:
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"

r"""What an untrusted query may be, decided on its tokens before the engine sees the text.

The guard is a courtesy with good messages, not the wall: the wall is a worker that can open no socket and no file and
is killed when late. It reads text as the embedded engine does, and where the engine departs from the SPARQL grammar the
guard follows the engine, because a guard that reads something else can be walked around:

- Keywords need no space after them: ``SERVICESILENT``, ``ASKWHERE``, and ``SERVICEex:a`` where no prefix is called so.
- ``<`` after an operand inside an expression is less-than, even when the text up to the next ``>`` looks like an IRI.
- A local name holds dots in one place only: ``ex:a.b.SERVICE`` ends after ``b``.
- A prefixed name whose IRI would be invalid is read as the prefix alone, and what follows as further tokens.
- ``\u0041`` means a character inside strings and IRIs, and nothing elsewhere.

The parser of the engine recurses, and tries some alternatives twice, so that nesting costs two to the power of the
depth; its planner takes about the fourth power of the number of joins. The limits of ``Budget`` stay well below where
it falls. Knows no store, no HTTP, no clock.

Source: SPARQL 1.1 Query Language, section 19; the grammar of spargebra 0.4.8, which pyoxigraph 0.5.13 carries.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import Final, NoReturn, TypeAlias, TypeVar

from pyoxigraph import NamedNode

from kg.errors import QueryRefusedError, QuerySyntaxError, nearest
from kg.store import EVERYTHING, Form, Scope

_T = TypeVar("_T")

# The function that makes blank nodes, and how the IRIs begin that it makes them of (``kg.store.federation``).
BLANK: Final = "kg:blank"

# --- What the engine's tokens look like ------------------------------------------------------------------------------

# PN_CHARS_BASE without the planes above U+FFFF: the engine leaves them out.
_BASE = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c\u200d\u2070-\u218f"
    "\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd"
)
_MORE = "0-9\u00b7\u0300-\u036f\u203f\u2040"
_HEX = "[0-9A-Fa-f]"
_SPACE = r"(?:[ \t\r\n]++|\#[^\r\n]*+)*+"
_PREFIX = rf"[{_BASE}][-_{_BASE}{_MORE}]*+(?:\.++[-_{_BASE}{_MORE}]++)*+"
_ESCAPED = rf"%{_HEX}{{2}}|\\[-_~.!$&'()*+,;=/?\#@%]"
_LOCAL = (
    rf"(?:[_:0-9{_BASE}]|{_ESCAPED})(?:[-_:{_BASE}{_MORE}]|{_ESCAPED})*+"
    rf"(?:\.++(?:[-_:{_BASE}{_MORE}]|{_ESCAPED})++)?+"
)
# An escape that names no character (a surrogate, or beyond U+10FFFF) makes the engine give the string up.
_ESCAPE = (
    rf"\\(?:[tbnrf\\\"']|u(?![Dd][89A-Fa-f]){_HEX}{{4}}"
    rf"|U(?:0000(?![Dd][89A-Fa-f])|000[1-9A-Fa-f]|0010){_HEX}{{4}})"
)
# Inside an IRI the engine also takes a plus sign for the first digit of an escape.
_IRI = r"""<(?:[^\x00-\x20<>"{}|^`\\]|\\u[+0-9A-Fa-f][0-9A-Fa-f]{3}|\\U[+0-9A-Fa-f][0-9A-Fa-f]{7})*+>"""
_SHORT = rf"""'(?:[^'\\\r\n]|{_ESCAPE})*+'|"(?:[^"\\\r\n]|{_ESCAPE})*+\""""
_STRING = rf"""'''(?:'{{0,2}}+(?:[^'\\]|{_ESCAPE}))*+'''|\"""(?:"{{0,2}}+(?:[^"\\]|{_ESCAPE}))*+\"""|{_SHORT}"""
# The first is a full stop and a number, or no query.
_NUMBER = (
    rf"\.[0-9]++\.[0-9]*+[eE][-+]?[0-9]++(?![-_.:{_BASE}{_MORE}])"
    r"|(?:[0-9]++(?:\.[0-9]*+)?|\.[0-9]++)[eE][-+]?[0-9]++|[0-9]*+\.[0-9]++|[0-9]++"
)
_PUNCTUATION = r"<<\(|\)>>|\{\||\|\}|<<|>>|\|\||&&|\^\^|[<>!]=|[{}()\[\].;,=<>!^|/*+~?-]"

_VARIABLE_KIND, _NAME_KIND, _COLON_KIND, _IRI_KIND, _STRING_KIND = 1, 2, 3, 4, 5
_NUMBER_KIND, _PUNCTUATION_KIND, _LANGUAGE_KIND, _BLANK_KIND, _END_KIND = 6, 7, 8, 9, 10


def _scanner(name: str) -> re.Pattern[str]:
    return re.compile(
        rf"{_SPACE}(?:([?$][_{_BASE}0-9][_{_BASE}{_MORE}]*+)|{name}|({_IRI})|({_STRING})|({_NUMBER})|"
        rf"({_PUNCTUATION})|(@[a-zA-Z]++(?:-[a-zA-Z0-9]++)*+(?:--[a-zA-Z]++)?+)|"
        rf"(_:[_{_BASE}0-9][-_{_BASE}{_MORE}]*+(?:\.++[-_{_BASE}{_MORE}]++)*+)|(\Z))"
    )


_TOKEN = _scanner(rf"(?=[:{_BASE}])({_PREFIX})?+(:(?:{_LOCAL})?+)?+").match
# In a run such as ``true.a.b`` that ends in no colon only words are left; looking for a colon again from each of them
# would cost the square of the run.
_WORD_TOKEN = _scanner(r"([A-Za-z][A-Za-z0-9_]*+)((?!))?+").match
_PROLOGUE_WORDS = {"BASE": "BASE <iri>", "PREFIX": "PREFIX name: <iri>", "VERSION": 'VERSION "1.2"'}
_PROLOGUE = re.compile(
    rf"{_SPACE}(?:BASE{_SPACE}({_IRI})|PREFIX{_SPACE}((?:{_PREFIX})?+):{_SPACE}({_IRI})|VERSION{_SPACE}(?:{_SHORT}))",
    re.IGNORECASE | re.ASCII,
).match
_FORM = re.compile(rf"{_SPACE}(SELECT|CONSTRUCT|DESCRIBE|ASK)", re.IGNORECASE | re.ASCII).match
_FIRST = re.compile(rf"{_SPACE}([A-Za-z]*+)").match
_UPDATE = re.compile(
    "(?:INSERT|DELETE|LOAD|CLEAR|DROP|CREATE|ADD|MOVE|COPY|WITH)(?:DATA|WHERE|SILENT)?", re.IGNORECASE
).fullmatch
_LOAD_SILENT = re.compile(rf"(?i:LOAD){_SPACE}(?i:SILENT){_SPACE}({_IRI})").match
_CLOSED_ADDRESS = "<kg:closed>"  # no scheme that the engine fetches: it fails before it looks for an address
_LOAD_BARE = re.compile(rf"(?i:LOAD){_SPACE}(?:(?i:SILENT){_SPACE})?(?:;|\Z)").match
_BLANK = re.compile(_SPACE).fullmatch
_GROUP_FOLLOWS = re.compile(rf"{_SPACE}\{{").match
_PIECE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_names = re.compile(r"\w+").findall
_FUNCTIONS = frozenset(
    _names("""
    ABS ADJUST AVG BNODE BOUND CEIL COALESCE CONCAT CONTAINS COUNT DATATYPE DAY ENCODE_FOR_URI FLOOR GROUP_CONCAT
    HASLANG HASLANGDIR HOURS IF IRI ISBLANK ISIRI ISLITERAL ISNUMERIC ISTRIPLE ISURI LANG LANGDIR LANGMATCHES LCASE MAX
    MD5 MIN MINUTES MONTH NOW OBJECT PREDICATE RAND REGEX REPLACE ROUND SAMETERM SAMPLE SECONDS SHA1 SHA256 SHA384
    SHA512 STR STRAFTER STRBEFORE STRDT STRENDS STRLANG STRLANGDIR STRLEN STRSTARTS STRUUID SUBJECT SUBSTR SUM TIMEZONE
    TRIPLE TZ UCASE URI UUID YEAR
    """)
)
_TERMS = frozenset(("A", "TRUE", "FALSE", "UNDEF"))
_KEYWORDS = frozenset(
    _names("""
    AS ASC BIND BY DESC DISTINCT EXISTS FILTER FROM GRAPH GROUP HAVING IN LATERAL LIMIT MINUS NAMED NOT OFFSET OPTIONAL
    ORDER REDUCED SELECT SEPARATOR SERVICE SILENT UNION VALUES WHERE
    """)
).union(_FUNCTIONS, _TERMS)
_UPDATE_KEYWORDS = _KEYWORDS.union(
    _names("""
    ADD ALL CLEAR COPY CREATE DATA DEFAULT DELETE DROP INSERT INTO LOAD MOVE TO USING WITH
    """)
)
_LONGEST = max(map(len, _UPDATE_KEYWORDS))
# Nobody writes keywords without spaces for long, and telling them apart costs more than reading them.
_WORD, _GLUED, _RESTARTS = 64, 200, 10
_VOLATILE = frozenset(("NOW", "RAND", "UUID", "STRUUID", "BNODE"))
# The engine parses the arguments of these once for each of two alternatives.
_TWICE = frozenset(("SUBSTR", "REGEX", "REPLACE", "GROUP_CONCAT"))
# After these, expressions in brackets follow until another clause begins.
_CLAUSES = frozenset(("SELECT", "BY", "HAVING"))
_ENDS = frozenset(("WHERE", "VALUES", "LIMIT", "OFFSET", "FROM", "NAMED"))
_NEUTRAL = _TERMS | {"DISTINCT", "REDUCED", "ASC", "DESC", "AS"}
# A group after these is planned apart from the one around; this is what it adds to the patterns joined there.
_APART = MappingProxyType({"UNION": 0, "EXISTS": 0, "MINUS": 1, "SERVICE": 1})

_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
# Below such a prefix a plain local name can make no invalid IRI: scheme and host are complete.
_CLOSED = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*[/?#]").match
_PLAIN = re.compile(r"[A-Za-z0-9_.:-]*").fullmatch
_REFERENCE = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?", re.DOTALL).fullmatch


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How large and how deep an untrusted query may be, and which services it may call.

    Each number stays well below what the engine was measured to bear (pyoxigraph 0.5.13, two cores, an empty store).
    """

    bytes: int = 1_000_000
    tokens: int = 250_000
    depth: int = 100  # brackets of any kind; the engine dies at 1,000 nested function calls, at 5,000 groups
    retries: int = 10  # nesting that the engine parses twice a level: 1 ms at 8, 2 s at 20, hours at 40
    operators: int = 500  # in one expression with all it nests: 0.4 s at 1,000, over 4 s at 5,000
    steps: int = 100  # of one property path: 0.25 s at 200, over 4 s at 1,000
    patterns: int = 100  # joined in one group: 0.5 s at 100, over 4 s at 200
    items: int = 50  # of one collection, each of which is two patterns: 0.04 s at 50, 2.5 s at 200
    branches: int = 500  # parts of one group or clause: 0.4 s at 1,000, the engine dies at 5,000
    choices: int = 500  # of one IN, which costs rows times items; VALUES is a join
    operations: int = 10_000  # of one update
    service: frozenset[str] = frozenset()  # IRIs that SERVICE may name, as they are after escapes, prefix and BASE


DEFAULT: Final = Budget()


@lru_cache(maxsize=16)
def allowing(services: frozenset[str]) -> Budget:
    """Give the usual budget, with these IRIs for SERVICE."""
    return replace(DEFAULT, service=services)


# INSERT DATA is long by nature, and who may write has a name.
UPDATE: Final = Budget(bytes=20_000_000, tokens=5_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceCall:
    """One SERVICE that stands in no other: where it begins and ends, and the group between its braces.

    ``target`` is as in ``Reading.services``. For a variable, ``bound_by`` is where the pattern is that binds it: from
    the brace of the outermost group to this SERVICE.
    """

    target: str
    silent: bool
    start: int
    end: int
    group: tuple[int, int]
    bound_by: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What the guard saw in one query text.

    ``functions`` are the absolute IRIs called as functions, the engine's own casts among them (it may hold a few that
    only look like calls). ``services`` are the targets of SERVICE: an IRI, a variable with its question mark, or the
    text as it stands where it cannot be resolved; ``calls`` are those that this service has to answer, in order.
    ``concats`` are where each GROUP_CONCAT begins and ends, ``prologue`` where the form's keyword begins. Counts are
    named as the limits of ``Budget``.
    """

    form: Form
    functions: frozenset[str] = frozenset()
    services: frozenset[str] = frozenset()
    calls: tuple[ServiceCall, ...] = ()
    prologue: int = 0
    volatile: bool = False  # NOW, RAND, UUID, STRUUID or BNODE: two runs may differ
    dataset: bool = False  # FROM is used
    bytes: int = 0
    tokens: int = 0
    depth: int = 0
    retries: int = 0
    operators: int = 0
    steps: int = 0
    patterns: int = 0
    items: int = 0
    branches: int = 0
    choices: int = 0
    concats: tuple[tuple[int, int], ...] = ()

    @property
    def called(self) -> frozenset[str]:
        """The functions that the embedded engine is told of: those of the text, and ours where it has a SERVICE."""
        return self.functions | {BLANK} if self.calls else self.functions

    def rewritten(self, text: str, answers: Sequence[str] = ()) -> str:
        """Give the text as the embedded engine is to have it: with what it gets wrong said so that it gets it right.

        Its GROUP_CONCAT keeps a language tag that all values share. The separator has none, so the result has none
        (SPARQL 1.1 Query, sections 17.4.3.12 and 18.5.1.7). ``answers`` are patterns that stand for ``calls``.
        """
        if not self.concats and not answers:
            return text
        return self.part(text, 0, len(text), answers)

    def part(self, text: str, start: int, end: int, answers: Sequence[str]) -> str:
        """Give what ``rewritten`` makes of the text from ``start`` to ``end``."""
        edits: list[_Edit] = [(call.start, call.end, answer) for call, answer in zip(self.calls, answers, strict=False)]
        # What another endpoint computes is not for this engine.
        own = [concat for concat in self.concats if not any(begin < concat[0] < over for begin, over, _ in edits)]
        edits += _without_language(own)
        moved = [(begin - start, over - start, new) for begin, over, new in edits if start <= begin and over <= end]
        return _edited(text[start:end], moved)

    def answered(self, query: str, ask: Callable[[str], _T], answers: Sequence[str] = ()) -> _T:
        """Ask the engine for ``rewritten``; where that is no SPARQL, ask as it was written, for the fault's place.

        A SERVICE that was answered is an empty table then: the engine never sees it, and that is no answer.
        """
        text = self.rewritten(query, answers)
        try:
            return ask(text)
        except QuerySyntaxError as error:
            if text == query:
                raise
            fault = error
        if not answers:
            return ask(query)
        ask(_edited(query, [(call.start, call.end, _empty(query, call)) for call in self.calls]))
        raise fault


def _empty(text: str, call: ServiceCall) -> str:
    """Give an empty table that is as long as a SERVICE, so that what follows keeps its place."""
    letters = iter("VALUES(){}")
    return re.sub(r"[^\n]", lambda _: next(letters, " "), text[call.start : call.end])


_Edit: TypeAlias = tuple[int, int, str]  # what to write instead of the text from here to there


def _without_language(calls: Iterable[tuple[int, int]]) -> Iterator[_Edit]:
    for start, end in calls:
        yield start, start, "STR("
        yield end, end, ")"


def _edited(text: str, edits: Iterable[_Edit]) -> str:
    pieces, position = [], 0
    for start, end, instead in sorted(edits):
        pieces += [text[position:start], instead]
        position = end
    return "".join((*pieces, text[position:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReading:
    """What the guard saw in one update text. ``functions`` as in ``Reading``.

    The engine reads a prologue before the first operation only. ``prologues`` are the places of those between
    operations that could as well stand there, and ``prefixes`` what they declare; one that declares a prefix anew or
    changes the base is not among them, and the engine will refuse it. ``wheres`` are the places of the WHERE keywords
    that a dataset of the request must stand before, each with what must stand before that: nothing, or the template of
    a DELETE WHERE, which is its pattern again. ``loads`` are the places of the IRIs that LOAD SILENT names, ``concats``
    those of each GROUP_CONCAT.
    """

    functions: frozenset[str] = frozenset()
    dataset: bool = False  # USING or WITH is used
    operations: int = 0
    wheres: tuple[tuple[int, str], ...] = ()
    prologues: tuple[tuple[int, int], ...] = ()
    prefixes: Mapping[str, str] = field(default_factory=dict)
    loads: tuple[tuple[int, int], ...] = ()
    concats: tuple[tuple[int, int], ...] = ()

    def rewritten(self, text: str, scope: Scope) -> str:
        """Give the text as the engine is to have it, beside ``prefixes``.

        It is without the prologues between operations, and has the dataset of the request in every operation with a
        WHERE. LOAD SILENT names what cannot be fetched: it does nothing and succeeds, as the standard has it for a LOAD
        that fails (SPARQL 1.1 Update, section 3.1.4). GROUP_CONCAT is as in ``Reading.rewritten``. Raises
        QueryRefusedError (rule "dataset") where the text says USING or WITH itself, or a graph is no IRI.
        Source: SPARQL 1.1 Protocol, section 2.2.3.
        """
        edits = list(_without_language(self.concats))
        # What follows keeps its place.
        edits += [(start, end, _CLOSED_ADDRESS.ljust(end - start)) for start, end in self.loads]
        edits += [(start, end, re.sub(r"[^\n]", " ", text[start:end])) for start, end in self.prologues]
        if scope != EVERYTHING:
            using = self._using(scope)
            edits += [(place, place, f"{template} {using} ") for place, template in self.wheres]
        return _edited(text, edits)

    def _using(self, scope: Scope) -> str:
        """Write a dataset as USING clauses. Raises as ``rewritten``."""
        if self.dataset:
            raise QueryRefusedError(
                "the request names graphs (using-graph-uri, using-named-graph-uri) and the update has USING or WITH; "
                "say it in one of the two places",
                rule="dataset",
            )
        clauses = [f"USING <{graph}>" for graph in sorted(scope.default or ())]
        clauses += [f"USING NAMED <{graph}>" for graph in sorted(scope.named or ())]
        for graph in (*(scope.default or ()), *(scope.named or ())):
            if not is_iri(graph):
                raise QueryRefusedError(f"<{graph[:200]}> is no absolute IRI, so no graph", rule="dataset")
        return " ".join(clauses)


_ADVICE: Final = MappingProxyType(
    {
        "operations": ("the update has more than {limit:,} operations", "send several updates"),
        "bytes": ("the query has {found:,} bytes, and {limit:,} are allowed", "ask for less at once"),
        "tokens": ("the query has more than {limit:,} words and signs", "ask for less at once"),
        "depth": ("brackets nest more than {limit:,} deep here", "flatten the query"),
        "retries": (
            "SUBSTR, REGEX, REPLACE, GROUP_CONCAT, !( … ) or annotations nest more than {limit:,} deep here",
            "compute the inner parts with BIND first",
        ),
        "operators": (
            "one expression has more than {limit:,} operators",
            "write alternatives as VALUES, or split the expression with BIND",
        ),
        "steps": ("one property path has more than {limit:,} steps", "write it with variables, or use * and +"),
        "patterns": (
            "this group joins {found:,} patterns, and {limit:,} are allowed",
            "split it with sub-SELECTs, or ask several queries",
        ),
        "items": (
            "one collection ( … ) has more than {limit:,} items, each of which is two patterns",
            "use VALUES for alternatives, or rdf:rest*/rdf:first",
        ),
        "branches": (
            "one group or clause has more than {limit:,} parts (FILTER, BIND, OPTIONAL, UNION, groups, columns)",
            "write alternatives as VALUES, or ask several queries",
        ),
        "choices": (
            "IN has more than {limit:,} items, and each is compared with each row",
            "write VALUES ?x { … } instead, which is a join",
        ),
    }
)


def read(query: str, *, base: str | None = None) -> Reading:
    """Read a query without judging it.

    Raises QuerySyntaxError with line and column for what is no token, no keyword, no pair of brackets, no query form or
    no declared prefix, and QueryRefusedError for an update (rule "update"), an escape outside strings and IRIs (rule
    "escape") and a text that can be read in two ways (rule "ambiguous"). Costs about a microsecond a token.
    """
    return _Pass(query, base, None).reading()


def check(query: str, *, base: str | None = None, budget: Budget = DEFAULT) -> Reading:
    """Read a query and hold it against ``budget``.

    Raises what ``read`` raises, and QueryRefusedError with rule, line, column, limit and found for the first limit that
    is passed and for a SERVICE that is not on the list (rule "service"). Stops reading there. A short text that was
    checked just before is not read again: the protocol and the store each ask for it.
    """
    return (_checked if len(query) <= _KEPT else _checked.__wrapped__)(query, base, budget)


def check_update(update: str, *, base: str | None = None, budget: Budget = UPDATE) -> UpdateReading:
    """Read an update and hold it against ``budget``, as ``check`` does with a query.

    Refuses LOAD (rule "load") unless it is SILENT and names an IRI as such, which then loads nothing; no budget allows
    one. Refuses SERVICE as in queries. Raises QuerySyntaxError for a query.
    """
    return _UpdatePass(update, base, budget).update()


_KEPT = 10_000  # characters of a text that is kept; 64 of them cost less than a megabyte


@lru_cache(maxsize=64)
def _checked(query: str, base: str | None, budget: Budget) -> Reading:
    return _Pass(query, base, budget).reading()


class _Level:
    """One open bracket: what kind it is and what was counted in it."""

    __slots__ = (
        "branches", "choices", "concat", "expects", "filters", "fresh", "items", "kind", "last", "operators",
        "patterns", "retries", "start", "steps", "weight",
    )  # fmt: skip

    def __init__(self, kind: str, start: int, *, retries: int, weight: int | None = None) -> None:
        self.kind = kind
        self.start = start
        self.retries = retries  # brackets around that the engine parses twice
        self.weight = weight  # what this group adds to the patterns of the one around; None: all it has
        self.expects = 0  # is the next "(" an expression? 0 no, 1 yes, 2 yes and those after it
        self.fresh = True  # does the next term begin a pattern?
        self.last = 0  # patterns of the group just closed, in case UNION follows
        self.concat: int | None = None  # where the GROUP_CONCAT stands whose values these are
        self.filters = False  # has FILTER been seen in this group?
        self.branches = self.choices = self.items = self.operators = self.patterns = self.steps = 0


# Kinds of level. What a "(" is decides what "<" means in it: in an expression, after an operand, it is less-than.
_TOP, _GROUP, _EXPRESSION, _LIST, _ROW, _DATA, _UNSURE = "top", "{", "(", "list", "row", "data", "?("
_BRACKET, _TRIPLE, _TERM, _ANNOTATION = "[", "<<", "<<(", "{|"
_PATTERNED = frozenset((_GROUP, _BRACKET, _ANNOTATION))
_CLOSER = MappingProxyType(
    {
        _GROUP: "}", _DATA: "}", _EXPRESSION: ")", _LIST: ")", _ROW: ")", _UNSURE: ")", _BRACKET: "]", _TRIPLE: ">>",
        _TERM: ")>>", _ANNOTATION: "|}",
    }
)  # fmt: skip


class _Call:
    """A SERVICE that is being read; ``level`` is its group, once that has begun."""

    __slots__ = ("bound_by", "level", "silent", "start", "target")

    def __init__(self, start: int) -> None:
        self.start = start
        self.silent = False
        self.target = ""
        self.level: _Level | None = None
        self.bound_by: tuple[int, int] | None = None

    def whole(self, end: int) -> ServiceCall:
        """Give it, its group being closed by the brace at ``end``."""
        assert self.level is not None  # noqa: S101 - called when the level ends
        return ServiceCall(
            target=self.target,
            silent=self.silent,
            start=self.start,
            end=end + 1,
            group=(self.level.start + 1, end),
            bound_by=self.bound_by,
        )


class _Pass:
    """One pass over one text. A new one for each query."""

    vocabulary = _KEYWORDS

    def __init__(self, query: str, base: str | None, budget: Budget | None) -> None:
        self.query = query
        self.base = base
        self.budget = budget
        self.prefixes: dict[str, str] = {}
        self.most: dict[str, int] = {}
        self.functions: set[str] = set()
        self.services: set[str] = set()
        self.volatile = self.dataset = False
        self.word = ""  # the last keyword
        self.word_at = 0  # where it stands
        self.concats: list[tuple[int, int]] = []
        self.glued = 0  # words that were several keywords
        self.target = False  # does the target of a SERVICE follow?
        self.serving: _Call | None = None  # the SERVICE that we are at or in, the outermost
        self.calls: list[ServiceCall] = []
        self.levels: list[_Level] = []
        self.level = _Level(_TOP, 0, retries=0)

    # --- errors ---

    def place(self, offset: int) -> tuple[int, int]:
        before = self.query[:offset]
        return before.count("\n") + 1, offset - before.rfind("\n")

    def wrong(self, message: str, offset: int) -> NoReturn:
        line, column = self.place(offset)
        raise QuerySyntaxError(message, line=line, column=column)

    def refuse(self, rule: str, message: str, offset: int) -> NoReturn:
        line, column = self.place(offset)
        raise QueryRefusedError(message, rule=rule, line=line, column=column)

    def count(self, rule: str, found: int, offset: int) -> None:
        """Keep the most seen of ``rule``; refuse when it passes the budget."""
        if found > self.most.get(rule, 0):
            self.most[rule] = found
            if self.budget is not None and found > (limit := getattr(self.budget, rule)):
                what, mend = _ADVICE[rule]
                line, column = self.place(offset)
                raise QueryRefusedError(
                    f"{what.format(found=found, limit=limit)}; {mend}",
                    rule=rule, line=line, column=column, limit=limit, found=found,
                )  # fmt: skip

    # --- the whole ---

    def reading(self) -> Reading:
        self.measure()
        position = self.prologue()
        found = _FORM(self.query, position)
        if found is None:
            self.no_form(position)
        form = found[1].upper()
        if form == "SELECT":
            self.level.expects = 2
        self.word = form
        tokens = self.body(found.end())
        self.most["tokens"] = tokens
        return Reading(
            form=Form.SELECT if form == "SELECT" else Form.ASK if form == "ASK" else Form.GRAPH,
            functions=frozenset(self.functions),
            services=frozenset(self.services),
            calls=tuple(self.calls),
            prologue=position,
            volatile=self.volatile,
            dataset=self.dataset,
            concats=tuple(self.concats),
            **self.most,
        )

    def measure(self) -> None:
        try:
            size = len(self.query.encode())
        except UnicodeEncodeError as error:
            self.wrong("the text holds half of a surrogate pair, which is no character", error.start)
        self.count("bytes", size, 0)

    def prologue(self, position: int = 0) -> int:
        """Read BASE, PREFIX and VERSION; give where they end."""
        while found := _PROLOGUE(self.query, position):
            base, prefix, iri = found.groups()
            if base is not None:
                self.base = self.absolute(base[1:-1], found.start(1), "BASE")
            elif iri is not None:
                self.prefixes[prefix] = self.absolute(iri[1:-1], found.start(3), f"PREFIX {prefix}:")
            position = found.end()
        return position

    def absolute(self, reference: str, offset: int, what: str) -> str:
        iri = resolve(_unescape(reference), self.base)
        if not _SCHEME.match(iri):
            self.wrong(
                f"{what} names the relative IRI <{iri}>, and there is no base to resolve it; write it whole", offset
            )
        return iri

    def no_form(self, position: int) -> NoReturn:
        found = _FIRST(self.query, position)
        assert found is not None  # noqa: S101 - every part of the expression may be empty
        word, offset = found[1], found.start(1)
        if _UPDATE(word):
            self.refuse("update", f"{word.upper()} changes data, and this endpoint only answers queries", offset)
        if not word and offset == len(self.query):
            self.wrong("the query is empty; write SELECT, ASK, CONSTRUCT or DESCRIBE", offset)
        if shape := _PROLOGUE_WORDS.get(word.upper()):
            self.wrong(f"this {word.upper()} line is not complete; write {shape}", offset)
        if not word or self.query.startswith("\\", offset + len(word)):
            self.no_token(offset + len(word))
        hint = nearest(word.upper(), ("SELECT", "ASK", "CONSTRUCT", "DESCRIBE", "PREFIX", "BASE"))
        self.wrong(f"a query begins with SELECT, ASK, CONSTRUCT or DESCRIBE, not with {word[:40]}{hint}", offset)

    def no_token(self, offset: int) -> NoReturn:
        """Say why no token begins at ``offset``."""
        sign = self.query[offset]
        if sign == "\\":
            if self.query[offset + 1 : offset + 2] in ("u", "U"):
                self.refuse(
                    "escape",
                    "an escape such as \\u0041 is read inside strings and IRIs only; write the character itself",
                    offset,
                )
            self.wrong("a backslash stands outside a string, an IRI and a name", offset)
        if sign in "\"'":
            self.wrong(
                "this string has no end on its line, or one of its escapes is unknown; "
                "known are \\t \\b \\n \\r \\f \\\\ \\\" \\' \\uXXXX \\UXXXXXXXX",
                offset,
            )
        if sign == "<":
            self.wrong('this is neither an IRI (which holds no space and none of <>"{}|^`\\) nor a comparison', offset)
        if sign == "\ufeff":
            self.wrong("the text begins with a byte order mark; leave it out", offset)
        self.wrong(f"the character {sign!r} (U+{ord(sign):04X}) begins nothing in SPARQL", offset)

    def body(self, position: int) -> int:
        """Read every token after the form's keyword; give how many there were."""
        query, levels = self.query, self.levels
        most = self.budget.tokens if self.budget is not None else None
        tokens = restarts = 0
        bare = 0  # up to here are words only, because the colon at the end of the run is no prefix's or is missing
        limit = len(query)  # and no word goes beyond this
        operand = banged = False  # after a term; after "!" in an expression
        called: re.Match[str] | None = None  # the IRI or prefixed name just read, in case "(" follows
        named = ""  # the keyword, when it was the token just before
        while True:
            found = _TOKEN(query, position) if position >= bare else _WORD_TOKEN(query, position, limit)
            if found is None:
                space = _FIRST(query, position)
                assert space is not None  # noqa: S101 - every part of the expression may be empty
                self.no_token(space.start(1))
            kind = found.lastindex
            assert kind is not None  # noqa: S101 - every alternative is a group
            start, position = found.start(kind), found.end()
            level = self.level
            tokens += 1
            if most is not None and tokens > most:
                self.count("tokens", tokens, start)

            if kind == _NAME_KIND:
                text = found[2]
                stop = _PIECE.match(text)
                if stop is None:
                    self.wrong(f"{text[:40]} is no keyword of SPARQL", start)
                if (end := start + self.words(stop[0], start)) < position:
                    # Not one word: perhaps ``true.SERVICE`` or ``a1.5``, which the engine reads as several tokens.
                    if position > bare:
                        bare, limit = position, len(query)
                    position = end
                named = self.word
                if named in _TERMS:
                    self.term(operand=operand, start=start)
                called, operand = None, named in _TERMS
                continue

            if kind in (_COLON_KIND, _IRI_KIND):
                if kind == _COLON_KIND:
                    prefix = found[2] or ""
                    start -= len(prefix)
                    if prefix not in self.prefixes:
                        bare = limit = start + len(self.undeclared(prefix, start))
                        position = start
                        continue
                    if self.iri_of(found) is None:
                        # The engine takes the prefix alone and reads on behind its colon.
                        position = found.start(3) + 1
                        restarts += 1
                        if restarts > _RESTARTS:
                            self.refuse(
                                "ambiguous", f"too many names with {prefix}: are no valid IRI; mend them", start
                            )
                    if levels and named != "GRAPH" and "SERVICE" in prefix.upper() and not self.target:
                        self.perhaps_service(found, start, position)
                elif operand and level.kind == _EXPRESSION:
                    position = start + (2 if query.startswith("<=", start) else 1)
                    level.operators += 1
                    called, operand, banged, named = None, False, False, ""
                    continue
                elif operand and level.kind == _UNSURE:
                    message = "this can be an IRI or less-than; write a space after < and after the keyword before ("
                    self.refuse("ambiguous", message, start)
                if self.target:
                    self.serve(found, start)
                elif not levels:
                    self.at_top(found[2] or "", start)
                self.term(operand=operand, start=start)
                called, operand, named = found, True, ""
                continue

            if kind == _VARIABLE_KIND:
                if self.target:
                    self.serve(found, start)
                self.term(operand=operand, start=start)
                called, operand, banged, named = None, True, False, ""
                continue

            if kind != _PUNCTUATION_KIND:
                if kind == _END_KIND:
                    break
                if kind != _LANGUAGE_KIND:
                    self.term(operand=operand, start=start)
                called, operand, banged, named = None, True, False, ""
                continue

            sign = found[7]
            if sign in ("<<", "<<(") and operand and level.kind in (_EXPRESSION, _UNSURE):
                sign, position = "<", start + 1
            elif (sign == ")>>" and level.kind != _TERM) or (sign == ">>" and level.kind != _TRIPLE):
                sign, position = sign[0], start + 1
            elif sign == "|}" and level.kind != _ANNOTATION:
                sign, position = "|", start + 1

            if sign == "(":
                self.open_round(called, named, start, banged=banged, operand=operand)
                operand = banged = False
            elif sign == "{":
                self.open_curly(start, banged=banged)
                operand = banged = False
            elif sign in ("[", "<<", "<<(", "{|"):
                if sign == "[":
                    self.term(operand=operand, start=start)
                if sign == "{|":
                    level.patterns += 1
                self.push(_Level(sign, start, retries=level.retries + (sign == "{|")), start)
                operand = banged = False
            elif sign in (")", "}", "]", ">>", ")>>", "|}"):
                self.close(sign, start)
                operand, banged = True, False
            elif sign in (".", ";", ","):
                level.fresh = True
                level.steps = 0
                if sign == ";" and not levels:
                    position = self.next_operation(start, position)
                if sign == "," and level.choices:
                    level.choices += 1
                    self.count("choices", level.choices, start)
                operand = banged = False
            else:
                expression = level.kind in (_EXPRESSION, _UNSURE)
                if sign[0] == "<" and not (expression and operand):
                    self.no_token(start)
                if expression:
                    level.operators += sign != "^^"
                    self.count("operators", level.operators, start)
                    banged = sign == "!"
                elif levels:
                    level.steps += sign not in ("~", "^^")
                    level.patterns += sign in ("/", "~")
                    self.count("steps", level.steps, start)
                operand = False
            called, named = None, ""

        if levels:
            self.wrong(f"this {_opener(self.level)} is never closed; add {_CLOSER[self.level.kind]}", self.level.start)
        return tokens

    def next_operation(self, start: int, position: int) -> int:
        """Go on behind a semicolon outside all brackets. A query has none; the engine will say so."""
        del start
        return position

    def is_blank(self, start: int, end: int) -> bool:
        """Tell whether only spaces and comments stand here."""
        return _BLANK(self.query, start, end) is not None

    # --- terms and words ---

    def term(self, *, operand: bool, start: int) -> None:
        """Count what a term adds: a pattern where one begins, two for each further item of a collection."""
        level = self.level
        if level.kind in _PATTERNED:
            if level.fresh:
                level.fresh = False
                level.patterns += 1
        elif level.kind == _LIST and operand:
            level.items += 1
            level.patterns += 2
            self.count("items", level.items + 1, start)

    def at_top(self, prefix: str, start: int) -> None:
        """Take an IRI outside all brackets: something to describe, a graph, a function of ORDER BY."""
        self.level.branches += 1
        self.count("branches", self.level.branches, start)
        if prefix[:4].upper() == "FROM" and self.heads(prefix):
            self.dataset = True

    def words(self, text: str, start: int) -> int:
        """Take a word, which may be several keywords without a space between them; give how much of it they are."""
        word = text.upper()
        if word in self.vocabulary:
            self.keyword(word, start)
            return len(text)
        keywords, end = _keywords(word, self.vocabulary)
        if not keywords:
            if self.query.startswith("\\", start + len(text)):
                self.no_token(start + len(text))
            self.unknown_word(text, word, start)
        self.glued += 1
        if self.glued > _GLUED:
            self.refuse("ambiguous", "keywords stand side by side again and again; write spaces between them", start)
        place = start
        for keyword in keywords:
            self.keyword(keyword, place)
            place += len(keyword)
        return end

    def unknown_word(self, text: str, word: str, start: int) -> NoReturn:
        """Say why ``text``, in upper case ``word``, stands for nothing here."""
        if word in _PROLOGUE_WORDS:
            self.wrong(f"{word} lines stand before SELECT, ASK, CONSTRUCT or DESCRIBE; move this one up", start)
        if word in ("ASK", "CONSTRUCT", "DESCRIBE"):
            self.wrong(f"a second query begins here with {word}; ask one at a time", start)
        if _UPDATE(word):
            self.refuse("update", f"{word} changes data, and this endpoint only answers queries", start)
        self.wrong(f"{text[:40]} is no keyword of SPARQL{nearest(word[:40], self.vocabulary)}", start)

    def keyword(self, word: str, start: int) -> None:
        level = self.level
        if self.target and word != "SILENT":
            self.target = False
        if word == "SERVICE":
            self.target = True
            if self.serving is None or self.serving.level is None:  # in another SERVICE it is the other's to call
                self.serving = _Call(start) if level.kind == _GROUP else None
        elif word == "SILENT" and (call := self.coming()):
            call.silent = True
        elif word == "FILTER":
            level.filters = True
        elif word == "UNION":
            # The group before was counted as joined; it is one side of a union, which is planned apart.
            level.patterns -= max(level.last - 2, 0)  # two for the union as a whole
            level.last = 0
        elif word == "FROM":
            self.dataset = True
        elif word in _VOLATILE:
            self.volatile = True
        elif word == "SELECT":
            level.weight = 1
        if level.kind in (_GROUP, _TOP):
            if word in _CLAUSES:
                level.expects = 2
            elif word in _ENDS:
                level.expects = 0
            elif word not in _NEUTRAL and not level.expects:
                level.expects = 1
        self.word, self.word_at = word, start

    def heads(self, prefix: str) -> list[str]:
        """Give what of a prefix can be keywords before another prefix, as ``GRAPH`` in ``GRAPHex:``; shortest first."""
        return [
            prefix[:end]
            for end in range(1, min(len(prefix), _WORD) + 1)
            if (prefix[end:] in self.prefixes or prefix[end:] == "_")
            and all(_keywords(piece.upper(), self.vocabulary)[0] for piece in _PIECE.findall(prefix[:end]))
        ]

    def undeclared(self, prefix: str, start: int) -> str:
        """Give the keywords at the beginning of a prefix that is not declared; without any it is an error."""
        heads = self.heads(prefix)
        if len(heads) > 1:
            self.refuse("ambiguous", f"{prefix}: can be read in several ways; write a space after the keyword", start)
        if not heads:
            known = ", ".join(f"{name}:" for name in sorted(self.prefixes)[:20]) or "none"
            hint = nearest(prefix[:60], self.prefixes)
            message = f"the prefix {prefix[:60]}: is not declared{hint}; add PREFIX {prefix[:60]}: <…>"
            self.wrong(f"{message} (declared: {known})", start)
        return heads[0]

    # --- names ---

    def iri_of(self, found: re.Match[str], skip: int = 0) -> str | None:
        """Give the IRI of a token that is an IRI or a prefixed name, or None if it is no valid IRI.

        ``skip`` characters at the beginning of the prefix are keywords.
        """
        if found.lastindex == _IRI_KIND:
            return resolve(_unescape(found[4][1:-1]), self.base)
        namespace = self.prefixes[(found[2] or "")[skip:]]
        local = found[3][1:]
        if _PLAIN(local) and _CLOSED(namespace):
            return namespace + local
        iri = namespace + local.replace("\\", "")
        return iri if _valid(iri) else None

    def serve(self, found: re.Match[str], start: int) -> None:
        """Take the target of a SERVICE."""
        self.target = False
        target: str | None
        if found.lastindex == _VARIABLE_KIND:
            target = f"?{found[1][1:]}"
        else:
            prefix = found[2] or ""
            silent = prefix[:6].upper() == "SILENT" and prefix[6:] in self.prefixes
            target = self.iri_of(found, skip=6 if silent else 0)
            if silent and (call := self.coming()):
                call.silent = True
        variable = found.lastindex == _VARIABLE_KIND
        if call := self.coming():
            call.target = target if target and (variable or _SCHEME.match(target)) else ""
            if not _GROUP_FOLLOWS(self.query, found.end()):  # no SPARQL, as the engine will say
                self.serving = None
        self.add_service(target or found[0].strip(), start, variable=variable)

    def bind_service(self, call: _Call) -> None:
        """Find what binds the variable of a SERVICE; refuse where that cannot be asked before and by itself."""
        level = self.level
        before = (level.start, call.start)
        alone = len(self.levels) == 1 and not level.filters and not self.dataset
        if alone and not self.is_blank(level.start + 1, call.start):
            call.bound_by = before
        elif self.budget is not None:
            self.refuse(
                "service",
                f"SERVICE {call.target} stands where it cannot be known before which addresses it calls; write it in "
                "the outermost group, after what binds the variable, before any FILTER of that group, in a query "
                "without FROM; or name the address",
                call.start,
            )

    def coming(self) -> _Call | None:
        """Give the SERVICE whose keyword was read and whose group was not, where this service is to answer it."""
        return self.serving if self.serving is not None and self.serving.level is None else None

    def perhaps_service(self, found: re.Match[str], start: int, end: int) -> None:
        """Take ``SERVICEex:a {`` where both ``SERVICEex`` and ``ex`` are prefixes: before a group it is a SERVICE."""
        heads = [head for head in self.heads(found[2]) if "SERVICE" in head.upper()]
        if heads and _GROUP_FOLLOWS(self.query, end):
            head, target = heads[-1], self.iri_of(found, skip=len(heads[-1]))
            if (self.serving is None or self.serving.level is None) and self.level.kind == _GROUP:
                self.serving = _Call(start + head.upper().rindex("SERVICE"))
                self.serving.silent = head.upper().endswith("SILENT")
                self.serving.target = target or ""
            self.add_service(target or found[0].strip(), start)

    def add_service(self, target: str, start: int, *, variable: bool = False) -> None:
        self.services.add(target)
        if self.budget is None or target in self.budget.service:
            return
        opened = self.budget.service
        if variable:
            message = (
                f"SERVICE {target} would call whatever address the data holds; this endpoint calls none by a variable"
            )
            if opened:
                if self.coming():
                    return  # whether it is bound to addresses of the list is seen when its group is there
                message = f"SERVICE {target} stands in another SERVICE; name the address there"
        elif opened:
            message = f"SERVICE <{target[:200]}> is not on the list of this endpoint ({', '.join(sorted(opened))})"
        else:
            message = (
                f"SERVICE <{target[:200]}> is not allowed: this endpoint calls no other unless its operator lists it "
                "(kg serve --service IRI)"
            )
        self.refuse("service", f"{message}; ask the other endpoint yourself and join with VALUES", start)

    def call(self, found: re.Match[str]) -> None:
        """Take an IRI before a bracket of an expression: a function."""
        names = [self.iri_of(found)]
        if found[2]:
            names += (self.iri_of(found, skip=len(head)) for head in self.heads(found[2]) if not head.endswith("_"))
        self.functions.update(name for name in names if name is not None and _valid(name))

    # --- brackets ---

    def push(self, level: _Level, start: int) -> None:
        self.levels.append(self.level)
        self.level = level
        self.count("depth", len(self.levels), start)
        self.count("retries", level.retries, start)

    def part(self, start: int) -> None:
        self.level.branches += 1
        self.count("branches", self.level.branches, start)

    def open_round(self, called: re.Match[str] | None, named: str, start: int, *, banged: bool, operand: bool) -> None:
        """Open "(" and decide what it is: an expression, a row of VALUES, or a collection or path."""
        level = self.level
        retries = level.retries + banged + (named in _TWICE)
        if level.kind == _EXPRESSION:
            kind = _EXPRESSION
        elif level.kind in (_GROUP, _TOP):
            if self.word == "VALUES" and not level.expects:
                kind = _ROW
            elif level.expects:
                kind = _EXPRESSION
                level.expects = 0 if level.expects == 1 else 2
                retries += called is not None
                self.part(start)
            elif called is not None and called[2] and self.heads(called[2]):
                kind = _UNSURE
            else:
                kind = _LIST
        elif level.kind == _DATA:
            kind = _ROW
        else:
            kind = _UNSURE if level.kind == _UNSURE else _LIST
        if called is not None and kind in (_EXPRESSION, _UNSURE):
            self.call(called)
        if kind == _LIST:
            self.term(operand=operand, start=start)
        inner = _Level(kind, start, retries=retries)
        inner.choices = int(named == "IN")
        if named == "GROUP_CONCAT":
            inner.concat = self.word_at
        self.push(inner, start)

    def is_data(self) -> bool:
        """Tell whether the group that begins now is a template or data: neither joined nor planned."""
        return self.word in ("VALUES", "CONSTRUCT")

    def open_curly(self, start: int, *, banged: bool) -> None:
        level = self.level
        data = self.is_data()
        if level.kind in (_GROUP, _TOP):
            self.part(start)
            if not (self.word == "EXISTS" and level.expects == 2):
                level.expects = 0
        self.target = False
        inner = _Level(_DATA if data else _GROUP, start, retries=level.retries + banged, weight=_APART.get(self.word))
        if (call := self.coming()) and call.target:
            call.level = inner
            if call.target.startswith("?"):
                self.bind_service(call)
        self.push(inner, start)
        self.word = ""

    def close(self, sign: str, start: int) -> None:
        """Close the innermost bracket and hand what it counted to the one around it."""
        level = self.level
        if not self.levels:
            self.wrong(f"this {sign} closes nothing; take it away", start)
        if _CLOSER[level.kind] != sign:
            line, column = self.place(level.start)
            self.wrong(
                f"this {sign} does not close the {_opener(level)} of line {line}, column {column}; "
                f"that wants {_CLOSER[level.kind]}",
                start,
            )
        if level.concat is not None:
            self.concats.append((level.concat, start + 1))
        outer = self.level = self.levels.pop()
        if level.kind == _GROUP:
            self.count("patterns", level.patterns, level.start)
            outer.last = 0
            if outer.kind == _GROUP:
                outer.last = level.patterns + 1 if level.weight is None else level.weight
                outer.patterns += outer.last
            outer.fresh = True
            self.word = ""
            if self.serving is not None and self.serving.level is level:
                self.calls.append(self.serving.whole(start))
                self.serving = None
        elif level.kind in (_EXPRESSION, _UNSURE):
            if outer.kind in (_EXPRESSION, _UNSURE):
                outer.operators += level.operators
                self.count("operators", outer.operators, start)
            else:
                outer.fresh = True
        elif level.kind == _DATA:
            outer.fresh = True
            self.word = ""
        elif level.kind != _ROW:
            outer.patterns += level.patterns
            outer.steps += level.steps
            self.count("steps", outer.steps, start)


class _UpdatePass(_Pass):
    """One pass over one update: operations between semicolons, each with a prologue of its own."""

    vocabulary = _UPDATE_KEYWORDS

    def __init__(self, update: str, base: str | None, budget: Budget | None) -> None:
        super().__init__(update, base, budget)
        self.operations = 1
        self.wheres: list[tuple[int, str]] = []
        self.prologues: list[tuple[int, int]] = []
        self.loads: list[tuple[int, int]] = []
        self.load: int | None = None  # where the first LOAD stands that is to be refused
        self.begins = 0  # where the text of the operation begins
        self.later: dict[str, str] = {}
        self.doubled: int | None = None  # where the WHERE of a DELETE WHERE stands, until its pattern ends

    def update(self) -> UpdateReading:
        self.measure()
        self.body(self.operation(self.prologue()))
        if self.load is not None:  # only now: what is no SPARQL is told first
            self.refuse("load", "LOAD would fetch from another address; send the data to /graphs yourself", self.load)
        return UpdateReading(
            prologues=tuple(self.prologues),
            prefixes=self.later,
            functions=frozenset(self.functions),
            dataset=self.dataset,
            operations=self.operations,
            wheres=tuple(self.wheres),
            loads=tuple(self.loads),
            concats=tuple(self.concats),
        )

    def next_operation(self, start: int, position: int) -> int:
        if self.is_blank(self.begins, start):
            self.wrong("an operation is missing before this semicolon; take it away", start)
        self.operations += 1
        self.count("operations", self.operations, start)
        self.level = _Level(_TOP, position, retries=0)
        self.word = ""
        base, declared = self.base, dict(self.prefixes)
        end = self.prologue(position)
        changed = {name: iri for name, iri in self.prefixes.items() if declared.get(name) != iri}
        if end > position and self.base == base and not changed.keys() & declared.keys():
            self.prologues.append((position, end))
            self.later |= changed
        return self.operation(end)

    def operation(self, position: int) -> int:
        if found := _FORM(self.query, position):
            self.wrong(f"{found[1].upper()} begins a query, and this endpoint takes updates", found.start(1))
        self.begins = position
        return position

    def unknown_word(self, text: str, word: str, start: int) -> NoReturn:
        if word in _PROLOGUE_WORDS:
            self.wrong(f"{word} lines stand before the operation they are for; move this one up", start)
        self.wrong(f"{text[:40]} is no keyword of SPARQL Update{nearest(word[:40], self.vocabulary)}", start)

    def keyword(self, word: str, start: int) -> None:
        before = self.word
        super().keyword(word, start)
        if self.levels:
            return
        if word == "LOAD":
            self.take_load(start)
        if word in ("WITH", "USING"):
            self.dataset = True
        elif word == "WHERE" and before == "DELETE":
            self.doubled = start
        elif word == "WHERE":
            self.wheres.append((start, ""))

    def take_load(self, start: int) -> None:
        """Take a LOAD: one that is SILENT is to fail in silence, any other is refused when all has been read."""
        if not self.is_blank(self.begins, start):
            self.wrong("LOAD begins an operation; write a semicolon after the one before", start)
        if _LOAD_BARE(self.query, start):
            self.wrong("LOAD names no address; write LOAD <iri>", start)
        if found := _LOAD_SILENT(self.query, start):
            self.loads.append(found.span(1))
        elif self.load is None:
            self.load = start

    def at_top(self, prefix: str, start: int) -> None:
        super().at_top(prefix, start)
        if prefix[:5].upper() in ("WITH", "USING") and self.heads(prefix):
            self.dataset = True
        if prefix[:4].upper() == "LOAD" and self.heads(prefix):
            self.take_load(start)

    def is_data(self) -> bool:
        if self.levels:
            return self.word == "VALUES" or self.level.kind == _DATA
        return self.word in ("DATA", "INSERT", "DELETE")

    def close(self, sign: str, start: int) -> None:
        opened = self.level.start
        super().close(sign, start)
        if self.doubled is not None and not self.levels:
            self.wheres.append((self.doubled, self.query[opened : start + 1]))
            self.doubled = None


def _opener(level: _Level) -> str:
    return {_LIST: "(", _ROW: "(", _UNSURE: "(", _DATA: "{"}.get(level.kind, level.kind)


@lru_cache(maxsize=4096)
def _keywords(word: str, vocabulary: frozenset[str] = _KEYWORDS) -> tuple[tuple[str, ...], int]:
    """Split an upper case word into keywords, up to its end or a number; give them and where that is.

    The engine asks for no space between keywords, nor before a number. Of several ways the one with the longest first
    keyword is taken. No keywords when it cannot be done.

    >>> _keywords("SERVICESILENT")
    (('SERVICE', 'SILENT'), 13)
    >>> _keywords("LIMIT10")
    (('LIMIT',), 5)
    """
    if len(word) > _WORD:
        return ((), 0)
    # From the back: how to read what begins at each place, or None.
    ways: list[tuple[tuple[str, ...], int] | None] = [None] * len(word)
    ways.append(((), len(word)))
    for i in range(len(word) - 1, -1, -1):
        for j in range(min(len(word), i + _LONGEST), i, -1):
            if word[i:j] in vocabulary and (rest := ways[j]):
                ways[i] = ((word[i:j], *rest[0]), rest[1])
                break
        else:
            if word[i].isdecimal():
                ways[i] = ((), i)
    return ways[0] or ((), 0)


def is_iri(text: str) -> bool:
    """Tell whether ``text`` is an absolute IRI that the engine takes, and nothing beside it."""
    return bool(_SCHEME.match(text)) and _valid(text)


def _valid(iri: str) -> bool:
    try:
        NamedNode(iri)
    except ValueError:
        return False
    return True


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text

    def character(found: re.Match[str]) -> str:
        code = int(found[0][2:], 16)
        return chr(code) if code < 0x110000 else "\ufffd"

    return re.sub(r"\\u[+0-9A-Fa-f]{4}|\\U[+0-9A-Fa-f]{8}", character, text)


def resolve(reference: str, base: str | None) -> str:
    """Resolve an IRI reference against an absolute base; without one, give it back.

    Like the engine it leaves the path of a reference with scheme or host as it is, dots and all.

    Source: RFC 3986, section 5.2.

    >>> resolve("../b?x", "http://a.example/c/d/e")
    'http://a.example/c/b?x'
    """
    if base is None:
        return reference
    found, ground = _REFERENCE(reference), _REFERENCE(base)
    assert found is not None  # noqa: S101 - the expression matches every text
    assert ground is not None  # noqa: S101 - the expression matches every text
    scheme, authority, path, query, fragment = found.groups()
    if scheme is None:
        scheme = ground[1]
        if authority is None:
            authority = ground[2]
            if not path:
                path = ground[3]
                query = query if query is not None else ground[4]
            elif path.startswith("/"):
                path = _without_dots(path)
            else:
                parent = "/" if authority is not None and not ground[3] else ground[3][: ground[3].rfind("/") + 1]
                path = _without_dots(parent + path)
    return "".join(
        (
            f"{scheme}:" if scheme is not None else "",
            f"//{authority}" if authority is not None else "",
            path,
            f"?{query}" if query is not None else "",
            f"#{fragment}" if fragment is not None else "",
        )
    )


def _without_dots(path: str) -> str:
    """Apply remove_dot_segments. Source: RFC 3986, section 5.2.4."""
    kept: list[str] = []
    segments = path.split("/")
    for number, segment in enumerate(segments):
        last = number == len(segments) - 1
        if segment == "..":
            if len(kept) > 1 or (kept and kept[0]):
                kept.pop()
            if last:
                kept.append("")
        elif segment == ".":
            if last:
                kept.append("")
        else:
            kept.append(segment)
    return "/".join(kept)

"""The query catalogue: files of ``queries/`` as objects that know their question, parameters and pinned answer.

A query file runs as it stands in any SPARQL 1.1 tool. What this module adds is read from two conventions only: header
lines that begin with ``#+`` (YAML), and a ``VALUES ?name { … }`` block for each parameter, whose terms are the default.
Values go into a query as RDF terms, never as text. Hides how query files are read; knows no HTTP and runs no query.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from types import MappingProxyType

import yaml
from rdflib import RDF, RDFS, XSD, Literal, URIRef
from rdflib.namespace import SDO, SH
from rdflib.term import Node

from kg.errors import CatalogueError, StoreError, nearest
from kg.model import DEFAULT_BASE, Mint, Quad, check_base
from kg.store import Form, guard
from kg.vocab import PREFIXES

GROUPS = ("competency", "catalogue", "pages", "violations")
PUBLIC = ("competency", "catalogue")  # the groups that people are shown and answers are pinned for
ANY = "*"  # in a pinned answer: any value

_KEYS = ("summary", "description", "tags", "params")
_PARAMETER_KEYS = ("type", "description")
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_VARIABLE = re.compile(r"[a-z][a-zA-Z0-9_]*")

# Lexical forms by type of parameter (XML Schema 1.1 part 2). Python's own readers take more: int("1_0"), "infinity".
_NUMBER = r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)"
_DAY = r"\d{4}-\d\d-\d\d"
_LEXICAL = {
    "iri": "",
    "string": "",
    "boolean": r"true|false",
    "integer": r"[+-]?\d+",
    "decimal": _NUMBER,
    "double": _NUMBER + r"(?:[eE][+-]?\d+)?",
    "date": _DAY,
    "dateTime": _DAY + r"T\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)?",
}
_EXAMPLES = {
    "boolean": "true or false",
    "integer": "for instance 12",
    "decimal": "for instance 0.25",
    "double": "for instance 2.5e3",
    "date": "for instance 2022-09-12",
    "dateTime": "for instance 2022-09-12T00:00:00Z",
}

# SPARQL 1.1, rule 139 (IRIREF): what may not stand between < and >.
_NOT_IN_IRI = re.compile(r"[\x00-\x20<>\"{}|\\^`]")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# Roots of paths below the base that name things (ontology design, section 1).
_ROOTS = ("id", "concept", "graph", "ontology")

_STRING = r'"(?:[^"\\\n\r]|\\.)*"' + r"|'(?:[^'\\\n\r]|\\.)*'"
# A data block for one variable in its short form. The long form, VALUES (?x) { (…) }, is for constants, not parameters.
_VALUES = re.compile(
    r"\bVALUES\s+\?(?P<name>\w+)\s*\{(?P<terms>(?:<[^<>\n]*>|" + _STRING + r"|[^{}<>\"'#])*)\}", re.IGNORECASE
)
_BASE = re.compile(r"^BASE[ \t]*<[^<>\s]*>", re.IGNORECASE | re.MULTILINE)
_PREFIX = re.compile(r"^PREFIX[ \t]+(?P<prefix>[^\s:]*):[ \t]*<(?P<namespace>[^<>\s]*)>", re.IGNORECASE | re.MULTILINE)
_TERM = re.compile(
    r"""(?:
    <(?P<iri>[^<>\s]*)>
    | (?P<string>"[^"\\]*"|'[^'\\]*')(?:\^\^(?:<(?P<type>[^<>\s]*)>|(?P<typeprefix>[\w-]*):(?P<typelocal>\w+)))?
    | (?P<boolean>true|false)\b
    | (?P<prefix>[A-Za-z][\w-]*):(?P<local>[\w-]*)
    | (?P<double>[+-]?[\d.]+[eE][+-]?\d+) | (?P<decimal>[+-]?\d*\.\d+) | (?P<integer>[+-]?\d+)
    )\s*""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class Parameter:
    """One thing that a query can be asked for. ``default`` is what the file holds, with the base applied."""

    name: str
    type: str
    description: str
    default: tuple[Node, ...]

    def check(self, value: Node) -> Node:
        """Give ``value`` back if it is a term of this parameter's type that SPARQL can spell; else CatalogueError."""
        if self.type == "iri":
            if not isinstance(value, URIRef):
                raise CatalogueError(f"parameter {self.name} takes an IRI, not {value!r}")
            bad = _NOT_IN_IRI.search(value)
            if bad:
                raise CatalogueError(
                    f"parameter {self.name}: {bad[0]!r} may not stand in an IRI, as it does in {str(value)!r}"
                )
            if not _SCHEME.match(value):
                raise CatalogueError(f"parameter {self.name} takes an absolute IRI; {str(value)!r} has no scheme")
            _encodable(self.name, value)
            return value
        if not isinstance(value, Literal):
            raise CatalogueError(f"parameter {self.name} takes a literal of type {self.type}, not {value!r}")
        datatype = value.datatype or XSD.string
        if value.language or datatype != XSD[self.type]:
            found = f"a string in language {value.language}" if value.language else f"a literal of type {datatype}"
            raise CatalogueError(f"parameter {self.name} takes xsd:{self.type}, not {found}")
        if self.type == "string":
            _encodable(self.name, value)
        elif not _lexical(self.type, str(value)):
            raise CatalogueError(
                f"parameter {self.name} takes xsd:{self.type} ({_EXAMPLES[self.type]}), not {str(value)!r}"
            )
        return value

    def parse(self, text: str, *, base: str) -> Node:
        """Read a value from a URL or a command line: an IRI, a CURIE, a path below ``base``; or a lexical form."""
        if self.type == "iri":
            return self.check(URIRef(self._absolute(text.strip(), base)))
        return self.check(Literal(text, datatype=None if self.type == "string" else XSD[self.type], normalize=False))

    def _absolute(self, text: str, base: str) -> str:
        text = text.removeprefix("<").removesuffix(">")
        scheme = _SCHEME.match(text)
        if scheme:
            prefix, rest = scheme[1], text[scheme.end() :]
            if prefix in PREFIXES and not rest.startswith("//"):
                return PREFIXES[prefix] + rest
            if rest.startswith("//") or prefix == "urn":
                return text
            raise CatalogueError(
                f"parameter {self.name}: {prefix!r} in {text!r} is no known prefix; "
                f"known are {', '.join(sorted(PREFIXES))}"
            )
        path = text.removeprefix("/")
        if path.split("/")[0] not in _ROOTS:
            raise CatalogueError(
                f"parameter {self.name} takes an IRI: whole (https://…), short (osai:Project) or as a path "
                f"below {base} (id/project/pytorch); {text!r} is none of these"
            )
        return base + path


@dataclass(frozen=True, slots=True)
class Query:
    """One file of the catalogue. ``text`` is the file's, header included, with ``base`` in its BASE line."""

    name: str
    group: str
    summary: str
    text: str
    form: Form
    parameters: Mapping[str, Parameter]
    tags: frozenset[str]
    path: Path
    base: str
    description: str = ""

    def bind(self, **values: Sequence[Node]) -> str:
        """Give the text with the terms of the named parameters in place of the defaults.

        Each sequence holds one or more terms; the query answers for all of them. Raises CatalogueError for an unknown
        parameter, no term at all, or a term that is not of the parameter's type.

        >>> from kg import resources
        >>> query = Catalogue.read(resources.queries()).get("entity")
        >>> "{ <urn:x> }" in query.bind(entity=[URIRef("urn:x")])
        True
        """
        rendered = {}
        for name, terms in values.items():
            parameter = self._parameter(name)
            if not terms:
                raise CatalogueError(f"parameter {name} of {self.name} needs at least one value")
            rendered[name] = " ".join(_render(parameter.check(term)) for term in terms)

        def swap(block: re.Match[str]) -> str:
            name = block["name"]
            return f"VALUES ?{name} {{ {rendered[name]} }}" if name in rendered else block[0]

        return _VALUES.sub(swap, self.text)

    def parse(self, name: str, text: str) -> Node:
        """Turn text from a URL or a command line into a term of the parameter ``name``.

        An IRI may be whole, a CURIE with a prefix of ``kg.vocab``, or a path below the base (``id/project/pytorch``).
        """
        return self._parameter(name).parse(text, base=self.base)

    def _parameter(self, name: str) -> Parameter:
        found = self.parameters.get(name)
        if found is None:
            allowed = ", ".join(self.parameters) or "none"
            raise CatalogueError(
                f"{self.name} has no parameter {name!r}; it has: {allowed}{nearest(name, self.parameters)}"
            )
        return found


class Catalogue:
    """The queries of one directory. Iteration gives the public ones, in order."""

    def __init__(self, queries: Sequence[Query], *, base: str = DEFAULT_BASE) -> None:
        self.base = base
        self._queries = {query.name: query for query in queries}

    @classmethod
    def read(cls, directory: Path, *, base: str = DEFAULT_BASE) -> Catalogue:
        """Read ``{group}/*.rq`` for each of GROUPS below ``directory``. Raises CatalogueError with file and line."""
        check_base(base)
        queries: dict[str, Query] = {}
        for group in GROUPS:
            for path in sorted((directory / group).glob("*.rq"), key=lambda path: path.stem):
                query = _read(path, group, base)
                if query.name in queries:
                    raise CatalogueError(
                        f"{group}/{path.name}: there is a query {query.name} in {queries[query.name].group} too"
                    )
                queries[query.name] = query
        if not queries:
            raise CatalogueError(f"no query file in {', '.join(GROUPS)} below {directory.name}")
        return cls(tuple(queries.values()), base=base)

    def __iter__(self) -> Iterator[Query]:
        return iter([query for group in PUBLIC for query in self.group(group)])

    def __len__(self) -> int:
        return sum(len(self.group(group)) for group in PUBLIC)

    def group(self, name: str) -> tuple[Query, ...]:
        """Give the queries of one group, of those that GROUPS names, in order."""
        if name not in GROUPS:
            raise CatalogueError(f"{name!r} is no group of queries; groups are {', '.join(GROUPS)}")
        return tuple(query for query in self._queries.values() if query.group == name)

    def get(self, name: str) -> Query:
        """Find a query by its name, by ``group/name``, or by the beginning of its name when only one begins so."""
        group, _, stem = name.rpartition("/")
        pool = self._queries if not group else {query.name: query for query in self.group(group)}
        if stem in pool:
            return pool[stem]
        begun = [query for query in pool.values() if stem and query.name.startswith(stem)]
        if len(begun) == 1:
            return begun[0]
        if begun:
            raise CatalogueError(
                f"{name!r} could be {', '.join(query.name for query in begun)}; write more of the name"
            )
        short = {known.partition("-")[0]: known for known in pool}
        hint = nearest(stem, [*pool, *short])
        raise CatalogueError(f"there is no query {name!r}{hint or '; list them with `kg query --list`'}")

    def public(self, name: str) -> Query:
        """Find a query that people are shown, as ``get`` does. Raises CatalogueError for any other."""
        return Catalogue(tuple(self), base=self.base).get(name)

    def pin(self, query: Query, which: str = "seed") -> Path | None:
        """Give the file that holds the expected answer (``cqNN-slug.seed.csv``), or None when none is pinned."""
        path = query.path.with_suffix(f".{which}.csv")
        return path if path.is_file() else None


def compare(pinned: Path, answer: bytes, *, base: str = DEFAULT_BASE) -> list[str]:
    """Tell in words how an answer in CSV differs from the pinned one; an empty list when it does not.

    Columns are compared in order, rows as a multiset. A number is compared by value (CSV says nothing of its type).
    Pins are written with the default base; IRIs of the answer below ``base`` are compared as if they were below that.
    A pinned cell ``*`` stands for any value but an empty one: a wording or a hash that changes without the answer being
    another.

    Source: SPARQL 1.1 Query Results CSV and TSV Formats, section 3.
    """
    expected, found = _table(pinned.read_text(encoding="utf-8")), _table(answer.decode("utf-8"))
    if not expected:
        return [f"{pinned.name} is empty; it needs at least a header row"]
    if not found or expected[0] != found[0]:
        return [f"columns are {', '.join(found[0]) if found else 'missing'}, not {', '.join(expected[0])}"]
    header = expected[0]
    ragged = [number for number, row in enumerate(expected, start=1) if len(row) != len(header)]
    if ragged:
        return [
            f"{pinned.name}: row {ragged[0]} has {len(expected[ragged[0] - 1])} cells, the header has {len(header)}"
        ]
    wanted = [tuple(map(_by_value, row)) for row in expected[1:]]
    given = Counter(tuple(_by_value(_rebase(cell, base)) for cell in row) for row in found[1:])
    missing, alike = [], dict[tuple[int, ...], dict[tuple[str, ...], list[tuple[str, ...]]]]()
    for row in sorted(wanted, key=lambda row: row.count(ANY)):  # the more a row says, the earlier it takes its match
        said = tuple(number for number, cell in enumerate(row) if cell != ANY)
        if said not in alike:
            alike[said] = _by_cells(sorted(given), said)
        near = alike[said].get(tuple(row[number] for number in said), ())
        match = row if given[row] else next((other for other in near if given[other] and _fits(row, other)), None)
        if match is None:
            missing.append(row)
        else:
            given[match] -= 1
    given += Counter()  # drops what is used up
    words = [f"missing: {_row(header, row)}" for row in sorted(missing)]
    words += [f"not expected: {_row(header, row)}" for row in sorted(given.elements())]
    return words


def _by_cells(rows: Iterable[tuple[str, ...]], said: Sequence[int]) -> dict[tuple[str, ...], list[tuple[str, ...]]]:
    """Group rows by the cells that a pinned row says, so that each is held against few."""
    found: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for row in rows:
        found.setdefault(tuple(row[number] for number in said), []).append(row)
    return found


def _fits(pinned: Sequence[str], given: Sequence[str]) -> bool:
    """Tell whether a row is as pinned, where ``*`` stands for any value but an empty one."""
    return all(bool(cell) if wanted == ANY else cell == wanted for wanted, cell in zip(pinned, given, strict=True))


def catalogue_graph(catalogue: Catalogue) -> Iterator[Quad]:
    """Spell the public queries as data in ``graph/queries``, one IRI for each: ``id/query/{name}``.

    No endpoint is named, since host names never enter data, and no node is blank: the prefixes node is an IRI.

    Source: SHACL section 5.2.1 and the SIB examples vocabulary (sh:SPARQLExecutable); ontology design, section 6.
    """
    mint = Mint(catalogue.base)
    graph = mint.graph("queries")
    prefixes = mint.id("node", "query-prefixes")
    for prefix, namespace in sorted(PREFIXES.items()):
        declaration = mint.id("node", "query-prefixes", prefix)
        yield (prefixes, SH.declare, declaration, graph)
        yield (declaration, SH.prefix, Literal(prefix), graph)
        yield (declaration, SH.namespace, Literal(namespace, datatype=XSD.anyURI), graph)
    verbs = {
        Form.SELECT: (SH.SPARQLSelectExecutable, SH.select),
        Form.ASK: (SH.SPARQLAskExecutable, SH.ask),
        Form.GRAPH: (SH.SPARQLConstructExecutable, SH.construct),
    }
    for query in catalogue:
        node = mint.id("query", query.name)
        kind, predicate = verbs[query.form]
        yield (node, RDF.type, SH.SPARQLExecutable, graph)
        yield (node, RDF.type, kind, graph)
        yield (node, RDFS.label, Literal(query.name), graph)
        yield (node, RDFS.comment, Literal(query.summary, lang="en"), graph)
        yield (node, SH.prefixes, prefixes, graph)
        yield (node, predicate, Literal(query.text), graph)
        for tag in sorted(query.tags):
            yield (node, SDO.keywords, Literal(tag), graph)


def _read(path: Path, group: str, base: str) -> Query:
    where = f"{group}/{path.name}"
    text = path.read_text(encoding="utf-8")
    if not _NAME.fullmatch(path.stem):
        raise CatalogueError(f"{where}: a name is lower case letters, digits and hyphens")
    header = _header(where, text)
    summary = header.get("summary")
    if not isinstance(summary, str) or not summary.strip():
        raise CatalogueError(f"{where}:1: the header needs a summary, the question in words: #+ summary: …")
    description = header.get("description", "")
    tags = header.get("tags", [])
    if not isinstance(description, str):
        raise CatalogueError(f"{where}:1: description must be text")
    if not isinstance(tags, list) or not all(isinstance(tag, str) for tag in tags):
        raise CatalogueError(f"{where}:1: tags must be a list of words: #+ tags: [project, sector]")
    bases = list(_BASE.finditer(text))
    if len(bases) != 1:
        raise CatalogueError(f"{where}:1: a query has exactly one line BASE <{DEFAULT_BASE}>, here are {len(bases)}")
    text = text[: bases[0].start()] + f"BASE <{base}>" + text[bases[0].end() :]
    return Query(
        name=path.stem,
        group=group,
        summary=summary.strip(),
        text=text,
        form=_form(where, text, base),
        parameters=MappingProxyType(_parameters(where, text, header.get("params", {}), base)),
        tags=frozenset(tags),
        path=path,
        base=base,
        description=description.strip(),
    )


def _header(where: str, text: str) -> dict[str, object]:
    lines = []
    for line in text.splitlines():
        if not line.startswith("#+"):
            break
        lines.append(line[2:].removeprefix(" "))
    source = "\n".join(lines)
    try:
        node = yaml.compose(source, Loader=yaml.SafeLoader)
        if not isinstance(node, yaml.MappingNode):
            raise CatalogueError(f"{where}:1: a query file begins with header lines: #+ summary: …")
        seen = set()
        for key, _ in node.value:
            place = f"{where}:{key.start_mark.line + 1}"
            if key.value not in _KEYS:
                raise CatalogueError(
                    f"{place}: {key.value!r} is no key of a header; keys are {', '.join(_KEYS)}"
                    f"{nearest(str(key.value), _KEYS)}"
                )
            if key.value in seen:
                raise CatalogueError(f"{place}: {key.value} stands twice")
            seen.add(key.value)
        loaded: dict[str, object] = yaml.safe_load(source)
    except yaml.MarkedYAMLError as error:
        number = error.problem_mark.line + 1 if error.problem_mark else 1
        raise CatalogueError(f"{where}:{number}: the header is no YAML: {error.problem}") from error
    return loaded


def _form(where: str, text: str, base: str) -> Form:
    try:
        return guard.read(text, base=base).form
    except StoreError as error:
        raise CatalogueError(f"{where}: {error}") from error


def _parameters(where: str, text: str, declared: object, base: str) -> dict[str, Parameter]:
    """Read the parameters, each with its default from its VALUES blocks (all blocks of one parameter must agree)."""
    if not isinstance(declared, dict):
        raise CatalogueError(f"{where}:1: params must map names to {{type: …, description: …}}")
    defaults: dict[str, str] = {}
    for block in _VALUES.finditer(text):
        place = f"{where}:{text.count(chr(10), 0, block.start()) + 1}"
        name, terms = block["name"], block["terms"].strip()
        if name not in declared:
            raise CatalogueError(
                f"{place}: VALUES ?{name} {{ … }} is no parameter of the header; declare it, "
                f"or write constants as VALUES (?{name}) {{ (…) }}"
            )
        if defaults.setdefault(name, terms) != terms:
            raise CatalogueError(f"{place}: the VALUES blocks of parameter {name} hold different terms")
    parameters = {}
    for name, about in declared.items():
        if not isinstance(name, str) or not _VARIABLE.fullmatch(name):
            raise CatalogueError(f"{where}:1: {name!r} is no name of a parameter")
        if not isinstance(about, dict) or set(about) != set(_PARAMETER_KEYS):
            raise CatalogueError(f"{where}:1: parameter {name} needs exactly {' and '.join(_PARAMETER_KEYS)}")
        if about["type"] not in _LEXICAL:
            raise CatalogueError(
                f"{where}:1: parameter {name}: {about['type']!r} is no type; types are {', '.join(_LEXICAL)}"
            )
        if not defaults.get(name):
            raise CatalogueError(
                f"{where}:1: parameter {name} needs VALUES ?{name} {{ … }} with a default in the query"
            )
        try:
            parameter = Parameter(name, about["type"], str(about["description"]), _terms(text, defaults[name], base))
            for term in parameter.default:
                parameter.check(term)
        except CatalogueError as error:
            raise CatalogueError(f"{where}: {error}") from error
        parameters[name] = parameter
    return parameters


def _terms(text: str, terms: str, base: str) -> tuple[Node, ...]:
    """Read the terms of a data block, lexical forms kept. No default needs escapes or UNDEF: they are refused."""
    prefixes = {match["prefix"]: guard.resolve(match["namespace"], base) for match in _PREFIX.finditer(text)}
    found: list[Node] = []
    position = 0
    while position < len(terms):
        term = _TERM.match(terms, position)
        if not term:
            raise CatalogueError(f"{terms[position:]!r} is no IRI, plain or typed string, number or boolean")
        position = term.end()
        if term["iri"] is not None:
            found.append(URIRef(guard.resolve(term["iri"], base)))
        elif term["prefix"] is not None:
            found.append(URIRef(_expand(prefixes, term["prefix"], term["local"])))
        elif term["string"] is not None:
            datatype = None
            if term["type"] is not None:
                datatype = URIRef(guard.resolve(term["type"], base))
            elif term["typeprefix"] is not None:
                datatype = URIRef(_expand(prefixes, term["typeprefix"], term["typelocal"]))
            found.append(Literal(term["string"][1:-1], datatype=datatype, normalize=False))
        else:
            found.append(Literal(term[0].strip(), datatype=XSD[str(term.lastgroup)], normalize=False))
    return tuple(found)


def _expand(prefixes: Mapping[str, str], prefix: str, local: str) -> str:
    if prefix not in prefixes:
        raise CatalogueError(f"{prefix}:{local} needs PREFIX {prefix}: on a line of its own")
    return prefixes[prefix] + local


def _lexical(kind: str, text: str) -> bool:
    """Tell whether ``text`` is a lexical form of the type: the pattern first, then the calendar."""
    if not re.fullmatch(_LEXICAL[kind], text, re.ASCII):
        return False
    try:
        if kind == "date":
            date.fromisoformat(text)
        elif kind == "dateTime":
            datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def _encodable(name: str, value: str) -> None:
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise CatalogueError(f"parameter {name}: half of a surrogate pair is no character") from error


def _render(term: Node) -> str:
    """Write a checked term in SPARQL.

    A letter u after a backslash is itself written as an escape: the standard lets an engine decode code point escapes
    before it looks for strings, and a value that spells such an escape must survive that (SPARQL 1.1, section 19.2).
    """
    if isinstance(term, URIRef):
        return f"<{term}>"
    assert isinstance(term, Literal)  # noqa: S101  (Parameter.check let nothing else through)
    escaped = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r"}
    text = "".join(escaped.get(character, character) for character in term)
    text = text.replace("\\\\u", "\\\\\\u0075").replace("\\\\U", "\\\\\\u0055")
    return f'"{text}"' if term.datatype in (None, XSD.string) else f'"{text}"^^<{term.datatype}>'


def _table(text: str) -> list[list[str]]:
    # A blank line is a row of one column without a value.
    return [row or [""] for row in csv.reader(io.StringIO(text, newline=""))]


def _rebase(cell: str, base: str) -> str:
    return DEFAULT_BASE + cell[len(base) :] if base != DEFAULT_BASE and cell.startswith(base) else cell


def _by_value(cell: str) -> str:
    return str(Decimal(cell).normalize()) if re.fullmatch(_LEXICAL["double"], cell, re.ASCII) else cell


def _row(header: Sequence[str], row: Sequence[str]) -> str:
    return ", ".join(f"{name}={cell or '(empty)'}" for name, cell in zip(header, row, strict=True))

"""Reads RDF of strangers: Turtle, TriG, N-Triples, N-Quads, RDF/XML and JSON-LD, packed with gzip or not.

Every statement goes to the graph of the load as it is; the names of graphs inside a file are counted in an issue. A
blank node becomes ``id/node/{source}-{sha12}/{file}/…``: by its label in N-Triples and N-Quads, by its place in the
file elsewhere. A subject is a record: its lines together in N-Triples and N-Quads, all the file says of it elsewhere.

Terms of other vocabularies are kept too. The namespace of each is written as ``void:vocabulary`` of the snapshot, which
is how the queries that look for undeclared terms know that it was meant; one that ``[settings]`` does not list is an
issue as well. A term that our own vocabulary lacks is a slip of the pen: an issue, and its statements are left out.

Settings: ``vocabularies``, the namespaces of others that the files use; ``base``, against which relative IRIs are
resolved (the source's web address, or the file's own IRI); ``format``, where the name of a file does not tell.

Nothing is fetched: a JSON-LD context that stands elsewhere is refused, XML entities are refused. N-Triples and N-Quads
stream, about 100,000 statements a second; files of other formats are held in memory and may have ``MAX_PARSED`` bytes.

Source: RDF 1.1 Concepts; N-Quads, section 4; RFC 3986, section 5.1; VoID, section 4.3.
"""

from __future__ import annotations

import logging
import re
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import count
from typing import Any, TypeAlias
from typing import Literal as OneOf
from urllib.parse import quote
from xml.parsers import expat

import rdflib
from pydantic import BaseModel, ConfigDict, field_validator
from rdflib import RDF, Literal, URIRef
from rdflib.namespace import DCAT, PROV, QB, SH, SKOS, VOID
from rdflib.plugins.parsers.jsonld import to_rdf
from rdflib.plugins.stores.memory import Memory
from rdflib.term import BNode, Node

from kg.errors import DriftError, nearest
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, reading
from kg.sources.iri import is_iri
from kg.vocab import BORROWED, OSAI

MAX_PARSED = 128 << 20  # bytes of a file that is held in memory
MAX_DEPTH = 200  # of nested JSON-LD
MAX_BAD_LINES = 100  # of a file of lines: more, and it is no such file

_Format: TypeAlias = OneOf["turtle", "trig", "nt", "nquads", "xml", "json-ld"]
_FORMATS: dict[str, _Format] = {
    "ttl": "turtle",
    "trig": "trig",
    "nt": "nt",
    "nq": "nquads",
    "rdf": "xml",
    "xml": "xml",
    "owl": "xml",
    "jsonld": "json-ld",
    "json": "json-ld",
}
_OURS = frozenset(OSAI.__annotations__)
# The namespaces whose terms need not be declared; the violation queries let them pass too.
_KNOWN = tuple(map(str, (PROV, VOID, DCAT, QB._NS, SH._NS, SKOS._NS)))
_ALWAYS_CLASSES = tuple(map(str, (PROV, DCAT, QB._NS, SKOS._NS)))

Statement: TypeAlias = tuple[Node, Node, Node]


class Settings(BaseModel):
    """``[settings]`` of the source; all may be left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocabularies: tuple[str, ...] = ()
    base: str | None = None
    format: _Format | None = None

    @field_validator("vocabularies", "base")
    @classmethod
    def _iris(cls, found: Any) -> Any:
        for iri in (found,) if isinstance(found, str) else found or ():
            if not is_iri(iri):
                raise ValueError(f"{iri!r} is no absolute IRI")
        return found


@dataclass(slots=True)
class _Tally:
    """What is said once for many places: how often, and where first."""

    times: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, kind: str, what: str, locator: str) -> None:
        self.times[kind, what] += 1
        self.first.setdefault((kind, what), locator)


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield each statement of each file in order, and ``void:vocabulary`` at the first use of a namespace of others.

    Statements that the graph cannot hold (a term that is no IRI, a language that is none, a term missing from our
    vocabulary) are left out and counted in issues. Raises DriftError with file and line for what is no RDF of its
    format, asks for something to be fetched or is made to exhaust the reader.
    """
    settings = source.settings_of(Settings)
    tally = _Tally()
    numbers = count(1)
    met: set[str] = set()
    for index, path in enumerate(source.files):
        names = _Nodes(mint, f"{source.name}-{snapshot.sha12}", index)
        form = settings.format or _FORMATS.get(path.removesuffix(".gz").rpartition(".")[2].lower())
        if form is None:
            endings = ", ".join(f".{ending}" for ending in _FORMATS)
            raise DriftError(
                f"{source.name}: {path}: its name does not tell which format of RDF it is; the endings are {endings}, "
                'or write format = "turtle" into [settings]'
            )
        if form in ("nt", "nquads"):
            found = _lines(snapshot, path, numbers, tally)
        else:
            found = _parsed(snapshot, path, form, settings.base or _base(source, snapshot, path, mint), numbers, tally)
        for (subject, predicate, value), evidence in found:
            triple = _checked(subject, predicate, value, names, tally, evidence.locator)
            if triple is None:
                continue
            for term in (triple[1], triple[2]) if triple[1] == RDF.type else (triple[1],):
                namespace = _foreign(str(term), is_class=term is not triple[1])
                if namespace is None:
                    continue
                if namespace not in met:
                    met.add(namespace)
                    yield Assertion(mint.snapshot(snapshot), VOID.vocabulary, URIRef(namespace), evidence)
                if not namespace.startswith(settings.vocabularies):
                    tally.add("undeclared-vocabulary", namespace, evidence.locator)
            yield Assertion(*triple, evidence)
    _tell(tally, source, issues)


_LANGUAGE = re.compile(
    r"[A-Za-z]{2,8}(?:-[A-Za-z]{4})?(?:-(?:[A-Za-z]{2}|\d{3}))?(?:-(?:[A-Za-z0-9]{5,8}|\d[A-Za-z0-9]{3}))*"
)


# ---- Terms -----------------------------------------------------------------------------------------------------------


class _Nodes:
    """Names the blank nodes of one file."""

    def __init__(self, mint: Mint, slug: str, index: int) -> None:
        self._mint, self._slug, self._index = mint, slug, str(index)

    def __call__(self, node: BNode) -> URIRef:
        plain = re.fullmatch(r"[A-Za-z0-9_-]+", node)
        return self._mint.id("node", self._slug, self._index, f"b-{node}" if plain else f"x-{node.encode().hex()}")


def _checked(
    subject: Node, predicate: Node, value: Node, nodes: _Nodes, tally: _Tally, locator: str
) -> tuple[URIRef, URIRef, URIRef | Literal] | None:
    """Give a statement whose terms the graph can hold, None with what is wrong in ``tally`` for any other."""
    if isinstance(subject, BNode):
        subject = nodes(subject)
    if isinstance(value, BNode):
        value = nodes(value)
    for term in (subject, predicate, value.datatype if isinstance(value, Literal) else value):
        if term is not None and not (isinstance(term, URIRef) and is_iri(term)):
            tally.add("bad-term", f"<{str(term)[:200]}> is no absolute IRI", locator)
            return None
    if isinstance(value, Literal):
        if value.language and not _LANGUAGE.fullmatch(value.language):
            tally.add("bad-term", f"{value.language[:80]!r} is no tag of a language", locator)
            return None
        if _SURROGATE.search(value):
            tally.add("bad-term", "a text holds half of a character (a lone surrogate)", locator)
            return None
    for term in (predicate, value) if predicate == RDF.type else (predicate,):
        if term.startswith(str(OSAI._NS)) and (name := term.removeprefix(str(OSAI._NS))) not in _OURS:  # type: ignore[attr-defined]  # an IRI, as was seen above
            said = f"osai:{name[:80]} is no term of the ontology, so its statements are left out{nearest(name, _OURS)}"
            tally.add("unknown-term", said, locator)
            return None
    return subject, predicate, value  # type: ignore[return-value]  # IRIs, as was seen above


_SURROGATE = re.compile("[\ud800-\udfff]")


@lru_cache(maxsize=1 << 12)
def _foreign(term: str, *, is_class: bool) -> str | None:
    """Give the namespace of a term of others, None for ours, borrowed ones and those that need no declaration."""
    if term.startswith((str(OSAI._NS), *(_ALWAYS_CLASSES if is_class else _KNOWN))) or URIRef(term) in BORROWED:
        return None
    return term[: max(term.rfind("#"), term.rfind("/"), term.rfind(":")) + 1]


def _tell(tally: _Tally, source: Source, issues: Issues) -> None:
    for (kind, what), times in tally.times.items():
        counted = f" ({times:,} times)" if times > 1 else ""
        message = {
            "undeclared-vocabulary": f"terms of <{what}> are kept, though [settings] vocabularies of "
            f"{source.definition.name} does not list it; add it there if it is meant",
            "graph-name": f"what stands in the graph {what} goes to the graph of the load with all else",
            "bad-line": f"the line is no statement: {what}",
            "bad-term": f"{what}, so its statement is left out",
        }.get(kind, what)
        issues.warn(message + counted, locator=tally.first[kind, what], kind=kind, times=times)


def _base(source: Source, snapshot: Snapshot, path: str, mint: Mint) -> str:
    """Give what relative IRIs of a file are resolved against."""
    if is_iri(source.upstream) and source.upstream.startswith(("https://", "http://")):
        return source.upstream
    return f"{mint.snapshot(snapshot)}/{quote(path)}"


# ---- Lines: N-Triples and N-Quads ------------------------------------------------------------------------------------

_IRIREF = r'<([^\x00-\x20<>"{}|^`]*)>'
_BLANK = r"_:([^\s<>\"'\\.,;()\[\]{}#](?:[^\s<>\"'\\,;()\[\]{}#]*[^\s<>\"'\\.,;()\[\]{}#])?)"
_LINE = re.compile(
    rf"[ \t]*(?:{_IRIREF}|{_BLANK})[ \t]*{_IRIREF}[ \t]*"
    rf'(?:{_IRIREF}|{_BLANK}|"((?:[^"\\\n\r]|\\.)*)"(?:\^\^{_IRIREF}|@([A-Za-z]+(?:-[A-Za-z0-9]+)*))?)'
    rf"[ \t]*(?:{_IRIREF}|{_BLANK})?[ \t]*\.[ \t]*(?:#.*)?"
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.DOTALL)
_ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_EMPTY = re.compile(r"[ \t]*(?:#.*)?")


def _lines(
    snapshot: Snapshot, path: str, numbers: Iterator[int], tally: _Tally
) -> Iterator[tuple[Statement, Evidence]]:
    """Read N-Triples or N-Quads as a stream: lines that follow each other with the same subject are a record."""
    last, evidence, bad = None, None, 0
    term = lru_cache(maxsize=1 << 12)(_iri)  # predicates, classes and subjects come again and again
    for number, line in reading.lines(snapshot, path):
        found = _LINE.fullmatch(line)
        try:
            if found is None:
                if _EMPTY.fullmatch(line):
                    continue
                raise ValueError(line.strip()[:60])
            s_iri, s_blank, p_iri, o_iri, o_blank, text, datatype, language, g_iri, g_blank = found.groups()
            subject = BNode(s_blank) if s_iri is None else term(s_iri)
            predicate = term(p_iri)
            value: Node
            if text is not None:
                text = _unescaped(text)
                if datatype is None:
                    value = Literal(text, lang=language)
                else:
                    kind = term(datatype)
                    value = (
                        Literal(text) if kind == rdflib.XSD.string else Literal(text, datatype=kind, normalize=False)
                    )
            else:
                value = BNode(o_blank) if o_iri is None else term(o_iri)
        except ValueError as error:
            bad += 1
            if bad > MAX_BAD_LINES:
                raise DriftError(
                    f"{snapshot.source}: {path}:{number}: more than {MAX_BAD_LINES} lines are no statement; is it "
                    "N-Triples or N-Quads?"
                ) from error
            tally.add("bad-line", str(error), f"{path}:{number}")
            continue
        if evidence is None or subject != last:
            last, evidence = subject, Evidence(snapshot, next(numbers), f"{path}:{number}")
        if g_iri is not None or g_blank is not None:
            tally.add("graph-name", f"<{g_iri}>" if g_iri is not None else f"_:{g_blank}", f"{path}:{number}")
        yield (subject, predicate, value), evidence


def _iri(text: str) -> URIRef:
    return URIRef(_unescaped(text))


def _unescaped(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(found: re.Match[str]) -> str:
    short, long, single = found.groups()
    if single is not None:
        if single not in _ESCAPED:
            raise ValueError(f"\\{single} is no escape")
        return _ESCAPED[single]
    return chr(int(short or long, 16))  # a ValueError beyond Unicode


# ---- Files held in memory --------------------------------------------------------------------------------------------


class _Recorder(Memory):
    """A store that keeps the statements in the order in which a parser gives them, and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[tuple[Statement, str]] = []

    def add(self, triple: Statement, context: Any, quoted: bool = False) -> None:
        """Keep one statement and the name of its graph."""
        self.kept.append((triple, str(context.identifier)))


def _parsed(
    snapshot: Snapshot, path: str, form: _Format, base: str, numbers: Iterator[int], tally: _Tally
) -> Iterator[tuple[Statement, Evidence]]:
    """Parse a file as a whole; all that it says of one subject is a record. Holds the file and its statements."""
    where = f"{snapshot.source}: {path}"
    data = reading.content(snapshot, path)
    if len(data) > MAX_PARSED:
        raise DriftError(
            f"{where}: it has {len(data):,} bytes; this format may have {MAX_PARSED:,}, so write it as N-Triples, "
            "which are read as a stream"
        )
    recorder = _Recorder()
    dataset = rdflib.Dataset(store=recorder)
    own = str(dataset.default_graph.identifier)
    try:
        with _literals_as_written():
            if form == "json-ld":
                document = reading.json_document(snapshot, path)
                _check_json(document, where)
                to_rdf(document, dataset, base=base)
            else:
                if form == "xml":
                    _check_xml(data, where)
                target = dataset if form == "trig" else dataset.default_graph
                target.parse(data=data, format=form, publicID=base)
    except RecursionError as error:
        raise DriftError(f"{where}: it is nested too deep to be read") from error
    except DriftError:
        raise
    except Exception as error:  # rdflib's parsers have no common base for what they raise
        line = re.search(r"at line (\d+)|:(\d+):\d+: ", str(error))
        place = f"{where}:{line[1] or line[2]}" if line else where
        why = " ".join(str(error).split())[:200]
        raise DriftError(f"{place}: it is no {form}: {why or type(error).__name__}; mend the file") from error
    return _by_subject(recorder.kept, snapshot, path, {own, base}, numbers, tally)


def _by_subject(
    kept: Iterable[tuple[Statement, str]],
    snapshot: Snapshot,
    path: str,
    unnamed: set[str],
    numbers: Iterator[int],
    tally: _Tally,
) -> Iterator[tuple[Statement, Evidence]]:
    """Give each statement with its record; blank nodes are called by the order in which they are met."""
    names: dict[Node, BNode] = {}
    records: dict[Node, Evidence] = {}
    for statement, graph in kept:
        subject, predicate, value = (
            names.setdefault(term, BNode(str(len(names)))) if isinstance(term, BNode) else term for term in statement
        )
        if subject not in records:
            shown = f"_:{subject}" if isinstance(subject, BNode) else f"<{subject}>"
            records[subject] = Evidence(snapshot, next(numbers), f"{path}#{shown}")
        if graph not in unnamed:
            tally.add("graph-name", f"<{graph}>", records[subject].locator)
        yield (subject, predicate, value), records[subject]


@contextmanager
def _literals_as_written() -> Iterator[None]:
    """Let rdflib keep the spelling of literals, and say nothing of those it cannot convert, nor of its own changes."""
    normalize, log = rdflib.NORMALIZE_LITERALS, logging.getLogger("rdflib.term")
    level = log.level
    rdflib.NORMALIZE_LITERALS = False
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # rdflib 7.6 warns of what its own parsers call
            yield
    finally:
        rdflib.NORMALIZE_LITERALS = normalize
        log.setLevel(level)


def _check_xml(data: bytes, where: str) -> None:
    """Refuse entities: a few lines of them make gigabytes, and others name files of this machine."""
    parser = expat.ParserCreate()

    def refuse(name: str, *_: object) -> None:
        raise DriftError(
            f"{where}:{parser.CurrentLineNumber}: it declares the entity {name!r}, and XML entities are not read; "
            "write it as Turtle or N-Triples with a program of your own"
        )

    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise DriftError(f"{where}:{error.lineno}: it is no XML: {expat.ErrorString(error.code)}") from error


def _check_json(document: Any, where: str) -> None:
    """Refuse contexts that would have to be fetched, and nesting beyond ``MAX_DEPTH``."""
    waiting = [(document, 0)]
    while waiting:
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            raise DriftError(f"{where}: it is nested deeper than {MAX_DEPTH}")
        if isinstance(value, dict):
            contexts = value.get("@context", ())
            for context in (contexts,) if isinstance(contexts, str) else contexts if isinstance(contexts, list) else ():
                if isinstance(context, str):
                    raise DriftError(
                        f"{where}: its context is {context[:200]!r}, which would have to be fetched; put what stands "
                        "there into the file in its place"
                    )
            if "@import" in value:
                raise DriftError(f"{where}: @import would have to be fetched; put what stands there into the context")
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, list):
            waiting += [(item, depth + 1) for item in value]

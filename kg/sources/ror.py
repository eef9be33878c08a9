"""Research Organization Registry: one organization for each record, with its names, identifiers, seat and parents.

A record of schema 2 has lists of names, links, locations, identifiers and relationships. The registry's types are not
exclusive: a facility or a healthcare provider keeps its legal kind beside it; where a record has two legal kinds, which
are disjoint here, the first of ``_LEGAL`` is taken and the other is an issue of kind ``two-kinds``.

Relations are kept where both organizations have a record in the snapshot. What a child's own record says of its parent
is not said again from the parent's side.

Cost: the file is parsed twice, so that no more than one record and the pairs of the relations are held.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict
from rdflib import OWL, RDF, SKOS, XSD, Literal, URIRef
from rdflib.namespace import DCTERMS

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, edtf, reading
from kg.sources.record import Record
from kg.vocab import OSAI, PREFIXES

FILE: Final = "ror_v2_records.jsonl.gz"

# Kinds that exclude each other, in the order in which one is taken: the narrower charter first.
_LEGAL: Final = ("AcademicInstitution", "PublicBody", "Company", "NonProfitOrganization")
# Pairs of organizations, by ROR identifier.
_Pairs = frozenset[tuple[str, str]]

_SAME_AS: Final = URIRef(PREFIXES["schema"] + "sameAs")
_ID = re.compile(r"https://ror\.org/(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_ADDRESS = re.compile(r"https?://[^\s<>\"{}|\\^`\x00-\x20]+")
_FUNDREF: Final = "https://doi.org/10.13039/"

# Of each scheme of identifiers: what is taken off the text, and what the rest must be.
_IDENTIFIERS: Final[Mapping[str, tuple[re.Pattern[str], re.Pattern[str]]]] = {
    "wikidataId": (re.compile(""), re.compile(r"Q[1-9][0-9]*")),
    "gridId": (re.compile(r"^https?://(www\.)?grid\.ac/institutes/"), re.compile(r"grid\.[0-9]+\.[0-9a-f]+")),
    "isni": (re.compile(" "), re.compile(r"[0-9]{15}[0-9X]")),
    "fundref": (re.compile(""), re.compile(r"[0-9]+")),
}


class _Settings(BaseModel):
    """Names of the economies that no other source describes, by the registry's code."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    economies: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Relations:
    """Who has a record, and which relations the snapshot holds: (child, parent) and (ended, successor)."""

    known: frozenset[str]
    parents: _Pairs  # as the child says
    children: _Pairs  # as the parent says
    successors: _Pairs

    @classmethod
    def of(cls, snapshot: Snapshot) -> _Relations:
        """Read the relations alone; what is wrong with a record is reported when it is loaded."""
        known: set[str] = set()
        pairs: dict[object, set[tuple[str, str]]] = {"parent": set(), "child": set(), "successor": set()}
        for number, values in reading.json_lines(snapshot, FILE):
            here = values.get("id") if isinstance(values, dict) else None
            if not isinstance(here, str):
                raise DriftError(f"{snapshot.source}: {FILE}:{number}: the line is no record with an id")
            if here in known:
                raise DriftError(f"{snapshot.source}: {FILE}:{number}: a second record of {here}")
            known.add(here)
            relations = values.get("relationships")
            for relation in relations if isinstance(relations, list) else ():
                if isinstance(relation, dict) and (found := pairs.get(relation.get("type"))) is not None:
                    there = str(relation.get("id"))
                    found.add((there, here) if relation["type"] == "child" else (here, there))
        return cls(frozenset(known), *(frozenset(pairs[name]) for name in ("parent", "child", "successor")))

    def is_circular(self, child: str, parent: str) -> bool:
        """Tell whether the parent is also said to be part of the child, or the two are one."""
        return child == parent or (parent, child) in self.parents or (parent, child) in self.children


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield the assertions of each record, in order of the file. Raises DriftError for a line without an id."""
    loading = _Loading(source, mint, _Relations.of(snapshot))
    for number, (line, values) in enumerate(reading.json_lines(snapshot, FILE), start=1):
        yield from loading.organization(Record(values, Evidence(snapshot, number, f"{FILE}:{line}"), source, issues))


class _Loading:
    """One load: the IRIs met so far, and what its records are read by."""

    def __init__(self, source: Source, mint: Mint, relations: _Relations) -> None:
        self._extra_economies = dict(source.settings_of(_Settings).economies)
        self._mint = mint
        self._relations = relations
        self._economies: dict[str, URIRef] = {}

    def organization(self, record: Record) -> Iterator[Assertion]:
        """Give all that one record says."""
        id_ = str(record.take("id"))
        found = _ID.fullmatch(id_)
        if not found:
            record.warn(f"id is {id_!r}, which is no ROR identifier; the record is left out", kind="identifier")
            return
        iri = self._mint.id("org", f"ror-{found[1]}")
        evidence = record.evidence
        yield Assertion(iri, OSAI.rorId, Literal(found[1]), evidence)
        for predicate, value in self._own(record):
            yield Assertion(iri, predicate, value, evidence)
        for code in self._countries(record):
            yield Assertion(iri, OSAI.inCountry, self._economy(code), evidence)
            if (name := self._extra_economies.pop(code, None)) is not None:
                yield Assertion(self._economy(code), RDF.type, OSAI.Economy, evidence)
                yield Assertion(self._economy(code), OSAI.name, Literal(name), evidence)
        for predicate, there in self._related(record, id_):
            if other := _ID.fullmatch(there):  # else its record is an issue and left out
                yield Assertion(iri, predicate, self._mint.id("org", f"ror-{other[1]}"), evidence)
        record.close()

    def _own(self, record: Record) -> Iterator[tuple[URIRef, URIRef | Literal]]:
        """Give what stands in the record and names no other organization."""
        for kind in self._kinds(record):
            yield RDF.type, kind
        yield from _names(record)
        for domain in record.texts("domains"):
            if _DOMAIN.fullmatch(domain):
                yield OSAI.emailDomain, Literal(domain)
            else:
                record.warn(f"domains holds {domain!r}, which is no domain", kind="domain")
        yield from _links(record)
        yield from _identifiers(record)
        if (year := record.text("established")) is not None:
            if re.fullmatch(r"[0-9]{3,4}", year):
                yield OSAI.foundedYear, Literal(year, datatype=XSD.integer, normalize=False)
            else:
                record.warn(f"established is {year!r}, which is no year", kind="date")
        yield from self._status(record)

    def _kinds(self, record: Record) -> list[URIRef]:
        kinds = []
        for text in record.texts("types"):
            kind = record.meaning("types", text)
            if kind:
                kinds.append(kind)
            elif kind == "":
                record.ignore(f"types.{text}")
        legal = [kind for kind in _LEGAL if kind in kinds]
        if len(legal) > 1:
            record.warn(f"is both {legal[0]} and {' and '.join(legal[1:])}; the first is taken", kind="two-kinds")
        kept = [kind for kind in kinds if kind not in legal[1:]]
        return [OSAI[kind] for kind in kept] or [OSAI.Organization]

    def _status(self, record: Record) -> Iterator[tuple[URIRef, Literal]]:
        """Give the end of an organization that ceased: at the latest when the record was last changed."""
        status = record.lookup("status")
        if status == "deprecated":
            yield OWL.deprecated, Literal(True)
        elif status == "ended":
            changed = record.text("admin.last_modified.date")
            try:
                ended = edtf.bounds(changed or "").latest
            except ValueError as error:
                record.warn(f"admin.last_modified.date: {error}", kind="date")
            else:
                if ended is not None:
                    yield OSAI.latestEnd, edtf.instant(ended)

    def _countries(self, record: Record) -> list[str]:
        codes = []
        for place in record.items("locations"):
            code = place.text("geonames_details.country_code")
            if code is not None and re.fullmatch("[A-Z]{2}", code):
                codes += [code] if code not in codes else []
            elif code is not None:
                record.warn(f"country_code is {code!r}, which is no code of ISO 3166", kind="country")
            place.close()
        return codes

    def _economy(self, code: str) -> URIRef:
        found = self._economies.get(code)
        if found is None:
            found = self._economies[code] = self._mint.id("economy", code.lower())
        return found

    def _related(self, record: Record, here: str) -> Iterator[tuple[URIRef, str]]:
        """Give the organizations that the record relates to, by ROR address, each relation from one side only."""
        relations = self._relations
        for item in record.items("relationships"):
            kind, there = item.lookup("type"), item.text("id")
            item.close()
            if kind is None or there is None:
                continue
            if kind == "":
                record.ignore("relationships[].type.related")
            elif there not in relations.known:
                record.ignore("relationships[].id")
            elif kind in ("subOrganizationOf", "hasSubOrganization"):
                pair = (here, there) if kind == "subOrganizationOf" else (there, here)
                if relations.is_circular(*pair):
                    record.warn(f"{pair[0]} and {pair[1]} are each part of the other; left out", kind="circular")
                elif kind == "hasSubOrganization" and pair in relations.parents:
                    record.ignore("relationships[].type.child")
                else:
                    yield OSAI[kind], there
            elif here == there:
                record.warn(f"{here} is its own {item.take('type')}; left out", kind="circular")
            elif kind == "succeededBy":
                withdrawn = record.values.get("status") == "withdrawn"
                yield (DCTERMS.isReplacedBy if withdrawn else OSAI.succeededBy), there
            elif (there, here) in relations.successors:
                record.ignore("relationships[].type.predecessor")
            else:
                record.warn(f"{there} is its predecessor, but that one names no successor", kind="one-sided")


def _names(record: Record) -> Iterator[tuple[URIRef, Literal]]:
    """Give the name that the registry shows, and the others with their language."""
    shown: str | None = None
    others: dict[Literal, None] = {}
    for item in record.items("names"):
        name = item.text("value")
        uses = {item.meaning("types", text) for text in item.texts("types")}
        if name is not None and "name" in uses and shown is None:
            shown = name
        elif name is not None and uses - {None}:
            language = item.text("lang")
            if language is not None and not _LANGUAGE.fullmatch(language):
                record.warn(
                    f"the language of {name!r} is {language!r}, which is no code of a language", kind="language"
                )
                language = None
            others[Literal(name, lang=language)] = None
        item.close()
    if shown is None:
        record.warn("has no name that is shown (ror_display)", kind="no-name")
        return
    yield OSAI.name, Literal(shown)
    for other in others:
        if str(other) != shown:
            yield SKOS.altLabel, other


def _links(record: Record) -> Iterator[tuple[URIRef, URIRef | Literal]]:
    for item in record.items("links"):
        use, address = item.lookup("type"), item.text("value")
        item.close()
        if use is None or address is None:
            continue
        if not _ADDRESS.fullmatch(address):
            record.warn(f"the link {address!r} is no web address", kind="address")
        elif use == "sameAs":
            yield _SAME_AS, URIRef(address)
        else:
            yield OSAI.homepage, Literal(address, datatype=XSD.anyURI, normalize=False)


def _identifiers(record: Record) -> Iterator[tuple[URIRef, URIRef | Literal]]:
    """Give the identifier that the registry prefers in each scheme, all of them where it prefers none."""
    for item in record.items("external_ids"):
        scheme, preferred, every = item.lookup("type"), item.text("preferred"), item.texts("all")
        item.close()
        if scheme is None:
            continue
        if preferred is not None:
            record.ignore("external_ids[].all", len([other for other in every if other != preferred]))
        prefix, form = _IDENTIFIERS[scheme]
        for text in [preferred] if preferred is not None else every:
            identifier = prefix.sub("", text)
            if not form.fullmatch(identifier):
                record.warn(f"{text!r} is no identifier of the scheme {item.take('type')}", kind="identifier")
            elif scheme == "fundref":
                yield _SAME_AS, URIRef(_FUNDREF + identifier)
            else:
                yield OSAI[scheme], Literal(identifier)

"""E-mail domains of organizations: one row for a domain, one organization for a name.

The domains join contributions with organizations. A row of a company that gives a ROR identifier may mean the branch of
one country that owns the domain: the company is a close match of that branch and never the same. Organizations of other
kinds have no such branches: the identifier is theirs. A Wikidata identifier goes with the ROR identifier, but in rows
of ours, where it was checked.

All rows of one organization say the same of it but for its domains, so each value is given where it first stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from pydantic import BaseModel, ConfigDict
from rdflib import RDF, SKOS, Literal, URIRef

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, keys, reading
from kg.sources.record import Record
from kg.vocab import OSAI

FILE: Final = "domain_org.csv"

_COLUMNS: Final = ("domain", "organization", "kind", "role", "source", "wikidata", "ror")
_DOMAIN = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
# What a country gives out names below, so that nobody's address ends in it alone.
_SUFFIX = re.compile(r"(ac|co|com|edu|gob|gov|go|mil|ne|net|or|org)\.[a-z]{2}")
_SCHOOL = re.compile(r"(^|\.)(edu|(ac|edu)\.[a-z]{2})$")
_ROR = re.compile(r"https://ror\.org/(0[a-hj-km-np-tv-z0-9]{6}[0-9]{2})")
_WIKIDATA = re.compile(r"Q[1-9][0-9]*")


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield what each row adds to its organization, in order of the file.

    Raises DriftError when a column is missing or a domain stands twice.
    """
    loading = _Loading(source, mint)
    lines: dict[str, int] = {}
    for number, (line, row) in enumerate(reading.rows(snapshot, FILE, columns=_COLUMNS), start=1):
        evidence = Evidence(snapshot, number, f"{FILE}:{line}", key=row["domain"])
        record = Record(row, evidence, source, issues)
        if (first := lines.setdefault(row["domain"], line)) != line:
            raise DriftError(
                f"{source.name}: {FILE}:{line}: a second row of {row['domain']}; the first is line {first}"
            )
        said = False
        for subject, predicate, value in loading.row(record):
            said = True
            yield Assertion(subject, predicate, value, evidence)
        record.close()
        if not said:
            record.warn("the row says nothing", kind="empty")


class _Settings(BaseModel):
    """What we know of organizations by the names that the file gives them."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))

    curated: Mapping[str, str]  # slugs of ours
    not_a_company: Mapping[str, str]  # classes


class _Loading:
    """One load: which organizations were named, and as what."""

    def __init__(self, source: Source, mint: Mint) -> None:
        settings = source.settings_of(_Settings)
        self._curated = settings.curated
        self._not_companies = settings.not_a_company
        self._mint = mint
        self._names: dict[str, str] = {}  # by key
        self._kinds: dict[URIRef, str] = {}
        self._said: set[tuple[URIRef, URIRef, URIRef | Literal]] = set()

    def row(self, record: Record) -> Iterator[tuple[URIRef, URIRef, URIRef | Literal]]:
        """Give what one row says that no earlier one said."""
        name = record.text("organization")
        if name is None:
            record.warn("the row names no organization", kind="no-name")
            return
        key = f"org-domains:{keys.plain_name(name)}"
        known = self._names.setdefault(key, name)
        slug = self._curated.get(known)
        organization = self._mint.id("org", slug) if slug else self._mint.iri("org", key, known)
        kind = self._kind(record, organization, name)
        about: list[tuple[URIRef, URIRef | Literal]] = [
            (RDF.type, OSAI[kind]),
            (OSAI.name, Literal(known)),
            *([(SKOS.altLabel, Literal(name))] if name != known else []),
            *self._roles(record, kind),
            *_domain(record),
            *self._elsewhere(record, kind),
        ]
        for predicate, value in about:
            if (said := (organization, predicate, value)) not in self._said:
                self._said.add(said)
                yield said

    def _kind(self, record: Record, organization: URIRef, name: str) -> str:
        """Give the kind of the first row of an organization, whatever later rows call it."""
        kind = record.lookup("kind") or "Organization"
        if kind == "Company":
            school = _SCHOOL.search(record.values["domain"]) and name not in self._curated
            kind = self._not_companies.get(name) or ("AcademicInstitution" if school else kind)
        first = self._kinds.setdefault(organization, kind)
        if first != kind:
            record.warn(f"{name} is {kind} here and {first} in an earlier row; the first is taken", kind="two-kinds")
        return first

    def _roles(self, record: Record, kind: str) -> Iterator[tuple[URIRef, URIRef]]:
        roles = record.lookup("role")
        if roles is None:
            return
        if roles == "":
            record.ignore(f"role.{record.text('role')}")
        elif roles == "academic" and kind == "Company":
            record.warn("a company has the role of an academic contributor; the role is left out", kind="role")
        else:
            for role in roles.split():
                yield OSAI.contributorRole, self._mint.concept("contributor-role", role)

    def _elsewhere(self, record: Record, kind: str) -> Iterator[tuple[URIRef, URIRef | Literal]]:
        """Give the organization in ROR and Wikidata: itself, or a close match where it is the branch of a company."""
        itself, whose = kind not in ("Company", "Organization"), record.lookup("source")
        if whose:
            record.ignore(f"source.{record.text('source')}")
        ror, wikidata = record.text("ror"), record.text("wikidata")
        if ror is not None:
            found = _ROR.fullmatch(ror)
            if not found:
                record.warn(f"ror is {ror!r}, which is no address of ROR", kind="identifier")
            elif itself:
                yield OSAI.rorId, Literal(found[1])
            else:
                yield SKOS.closeMatch, self._mint.id("org", f"ror-{found[1]}")
        if wikidata is None:
            return
        if not _WIKIDATA.fullmatch(wikidata):
            record.warn(f"wikidata is {wikidata!r}, which is no number of Wikidata", kind="identifier")
        elif itself or whose == "ours":
            yield OSAI.wikidataId, Literal(wikidata)
        else:
            record.ignore("wikidata")


def _domain(record: Record) -> Iterator[tuple[URIRef, Literal]]:
    domain = record.text("domain")
    if domain is None or not _DOMAIN.fullmatch(domain):
        record.warn(f"domain is {domain!r}, which is no domain in lower case", kind="domain")
    elif _SUFFIX.fullmatch(domain):
        record.warn(f"everybody may have a name below {domain}; it is of no one organization", kind="public-suffix")
    else:
        yield OSAI.emailDomain, Literal(domain)

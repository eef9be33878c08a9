"""Directory of free software foundations: foundations, who pays them at which level, and the projects that some host.

Four kinds of file, read in this order: ``foundations`` and ``entities`` (one organization each),
``data/projects-*.csv``, ``sponsorships`` (the levels of one program) and ``data/sponsorships`` (hosts of those who pay,
by level).

Who pays is known by the host of a web page and by nothing else: an organization named by its host, until another source
names it better. What is no host (names of people are among them) is counted and never kept. Whether the payer is a
member or a sponsor follows from the legal form of the receiver.

Officers are not in these files; free text is not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from pydantic import BaseModel, ConfigDict
from rdflib import RDF, SKOS, XSD, Literal, URIRef

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, edtf, keys, reading
from kg.sources.lifecycle import Lifecycle, Party, Triple
from kg.sources.record import Record
from kg.vocab import OSAI

_PROJECTS: Final = ("identifier", "commonName", "website", "foundingDate", "parentOrganization")
_HOST = re.compile(r"(?:www\.)?((?:[a-z0-9-]+\.)+[a-z]{2,})")
# 2012, 2007-05-09, 20190319, 27 November 1997
_YEAR = re.compile(r"(\d{4})(?:-\d\d-\d\d|\d{4})?|\d{1,2} [A-Za-z]{3,9} (\d{4})")


class _Settings(BaseModel):
    """What we know of the directory's identifiers."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=lambda name: name.replace("_", "-"))

    programs: Mapping[str, str]
    in_landscapes: frozenset[str]
    lost_websites: frozenset[str]
    curated: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Program:
    """One sponsorship program: who receives, whether payers become members, and what its levels are called."""

    receiver: Party
    members: bool
    levels: Mapping[str, str | None]  # key of the level -> level of membership


@dataclass(frozen=True, slots=True)
class _Receiver:
    """Whom a program is of, and what is said of it where no other file describes it."""

    party: Party
    described: Iterable[Triple]


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield what the files say, each kind in order of path. Raises DriftError when a file is cut or of another form."""
    loading = _Loading(source, snapshot, mint, issues)
    paths = [file.path for file in snapshot.files]
    for folder in ("foundations/", "entities/"):
        for path in paths:
            if path.startswith(folder):
                yield from loading.organization(path)
    for path in paths:
        if path.startswith("data/projects-"):
            yield from loading.projects(path)
    for path in paths:
        if path.startswith("sponsorships/"):
            yield from loading.program(path)
    for path in paths:
        if path.startswith("data/sponsorships/"):
            yield from loading.payers(path)


class _Loading:
    """One load: who was met so far, by the directory's identifiers."""

    def __init__(self, source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> None:
        self._source = source
        self._snapshot = snapshot
        self._mint = mint
        self._issues = issues
        self._settings = source.settings_of(_Settings)
        self._lifecycle = Lifecycle(mint)
        self._seen = source.as_of.isoformat()
        self._records = 0
        self._foundations: dict[str, Party] = {}
        self._hosts: dict[str, str] = {}  # of foundations: host -> identifier
        self._projects: dict[tuple[str, str], Party] = {}  # by host and identifier, and by host and name
        self._project_names: dict[str, str] = {}  # by key
        self._programs: dict[str, _Program] = {}

    # ---- Foundations -----------------------------------------------------------------------------------------------

    def organization(self, path: str) -> Iterator[Assertion]:
        """Give what one file says of a foundation, or of an organization within one."""
        record = self._record(reading.front_matter(self._snapshot, path), path)
        identifier, name = record.text("identifier"), record.text("legalName")
        if identifier is None or name is None:
            record.warn("the file gives no identifier or no legalName; it is left out", kind="no-name")
            return
        website = self._website(record, identifier)
        party = self._foundation(record, identifier, name, website)
        yield from self._said(record, self._about(record, party, website))
        record.close()

    def _foundation(self, record: Record, identifier: str, name: str, website: str | None) -> Party:
        """Mint a foundation by our slug, the host of its web page or its identifier, and remember it."""
        if identifier in self._foundations:
            raise DriftError(f"{self._source.name}: {record.evidence.locator}: {identifier} is described twice")
        slug, host = self._settings.curated.get(identifier), keys.host(website or "")
        key = f"{self._source.name}:{identifier}"
        if host is not None:
            first = self._hosts.setdefault(host, identifier)
            if first == identifier:
                key = f"homepage:{host}"
            else:
                record.warn(f"{identifier} has the web page of {first}; the two stay apart", kind="shared-homepage")
        party = Party(self._mint.id("org", slug) if slug else self._mint.iri("org", key, name), name)
        self._foundations[identifier] = party
        return party

    def _website(self, record: Record, identifier: str) -> str | None:
        website = record.text("website")
        if identifier in self._settings.lost_websites:
            record.ignore("website")
            return None
        if website is not None and keys.homepage(website) is None:
            record.warn(f"website is {website!r}, which is no web address", kind="address")
            return None
        return website

    def _about(self, record: Record, party: Party, website: str | None) -> Iterator[Triple]:
        here = party.iri
        yield here, RDF.type, OSAI.Foundation
        yield here, OSAI.name, Literal(party.name)
        if (short := record.text("commonName")) is not None and short != party.name:
            yield here, SKOS.altLabel, Literal(short)
        if website is not None:
            yield here, OSAI.homepage, Literal(website, datatype=XSD.anyURI, normalize=False)
        if (wikidata := record.text("wikidataId")) is not None:
            if re.fullmatch("Q[1-9][0-9]*", wikidata):
                yield here, OSAI.wikidataId, Literal(wikidata)
            else:
                record.warn(f"wikidataId is {wikidata!r}, which is no number of Wikidata", kind="identifier")
        if (country := record.text("addressCountry")) is not None:
            code = self._source.lookups["addressCountry"].get(country, country)
            if re.fullmatch("[A-Z]{2}", code):
                yield here, OSAI.inCountry, self._mint.id("economy", code.lower())
            else:
                record.warn(f"addressCountry is {country!r}, which is no code of ISO 3166", kind="country")
        yield from _founded(record, here)
        yield from _dissolved(record, here)
        if (parent := record.text("parentOrganization")) is not None:
            above = self._foundations.get(parent)
            if above is None:
                record.warn(f"parentOrganization is {parent!r}, which no file describes", kind="reference")
            else:
                yield here, OSAI.subOrganizationOf, above.iri

    # ---- Projects --------------------------------------------------------------------------------------------------

    def projects(self, path: str) -> Iterator[Assertion]:
        """Give the projects of one list, each with its host."""
        for line, row in reading.rows(self._snapshot, path, columns=_PROJECTS):
            record = self._record(row, f"{path}:{line}")
            name, identifier, parent = (
                record.text(field) for field in ("commonName", "identifier", "parentOrganization")
            )
            host = self._foundations.get(parent or "")
            if name is None or identifier is None or parent is None or host is None:
                record.warn(f"the row names no project, or a host that no file describes ({parent})", kind="reference")
                continue
            yield from self._said(record, self._project(record, name, identifier, parent, host))
            record.close()

    def _project(self, record: Record, name: str, identifier: str, parent: str, host: Party) -> Iterator[Triple]:
        website = record.text("website")
        page, repository = keys.homepage(website or ""), keys.repository(website or "") if _on_forge(website) else None
        if website is not None and page is None:
            record.warn(f"website is {website!r}, which is no web address", kind="address")
        key = repository or (f"homepage:{page}" if page else f"{self._source.name}:{parent}/{identifier}")
        if (first := self._project_names.setdefault(key, name)) != name:
            record.warn(f"{name} has the web page of {first}; the two stay apart", kind="shared-homepage")
            key = f"{self._source.name}:{parent}/{identifier}"
        iri = self._mint.iri("project", key, name)
        party = Party(iri, name)
        self._projects[parent, identifier] = self._projects[parent, name] = party
        yield iri, RDF.type, OSAI.OpenSourceProject
        yield iri, OSAI.name, Literal(name)
        if website is not None and page is not None:
            yield iri, OSAI.homepage, Literal(website, datatype=XSD.anyURI, normalize=False)
        if repository is not None:
            store = self._mint.id("repository", *repository.removeprefix("https://").split("/"))
            yield iri, OSAI.hasRepository, store
            yield store, RDF.type, OSAI.Repository
            yield store, OSAI.repositoryUrl, Literal(repository, datatype=XSD.anyURI, normalize=False)
        yield from self._lifecycle.hosts(party, host, seen=_month(record) or self._seen)

    # ---- Those who pay ---------------------------------------------------------------------------------------------

    def program(self, path: str) -> Iterator[Assertion]:
        """Read one program; give its receiver where no other file describes it."""
        record = self._record(reading.front_matter(self._snapshot, path), path)
        identifier, name = record.text("identifier"), record.text("commonName")
        if identifier is None or name is None:
            record.warn("the file gives no identifier or no commonName; it is left out", kind="no-name")
            return
        members = record.lookup("nonprofit") == "member"
        levels = {}
        for key, level in record.entries("levels"):
            named = (level.text("name") or "").lower()
            levels[key] = level.meaning("name", named) if members else None
            level.close()
        receiver = self._receiver(record, identifier, name)
        yield from self._said(record, receiver.described)
        self._programs[identifier] = _Program(receiver.party, members, levels)
        record.close()

    def _receiver(self, record: Record, identifier: str, name: str) -> _Receiver:
        """Find whom a program is of: a foundation, a project that one hosts, or else what the page itself names."""
        above = record.text("fiscalHost")
        known = self._foundations.get(self._settings.programs.get(identifier, identifier))
        known = known or self._projects.get((above or "", identifier)) or self._projects.get((above or "", name))
        if known is not None:
            return _Receiver(known, ())
        host = self._foundations.get(above or "")
        slug = self._settings.curated.get(identifier)
        key = f"{self._source.name}:{identifier}"
        if record.values.get("nonprofit") == "lf" or host is None:
            party = Party(self._mint.id("org", slug) if slug else self._mint.iri("org", key, name), name)
            described: list[Triple] = [(party.iri, RDF.type, OSAI.Foundation), (party.iri, OSAI.name, Literal(name))]
            if host is not None:
                described.append((party.iri, OSAI.subOrganizationOf, host.iri))
            self._foundations[identifier] = party
        else:
            party = Party(self._mint.iri("project", key, name), name)
            described = [(party.iri, RDF.type, OSAI.OpenSourceProject), (party.iri, OSAI.name, Literal(name))]
            described += self._lifecycle.hosts(party, host, seen=self._seen)
        return _Receiver(party, described)

    def payers(self, path: str) -> Iterator[Assertion]:
        """Give those who pay in one program, level by level: the list as the directory read it on one day."""
        lists = reading.json_document(self._snapshot, path)
        if not isinstance(lists, dict):
            raise DriftError(f"{self._source.name}: {path}:1: the file holds no names and lists")
        whole = self._record(lists, path)
        identifier = path.rpartition("/")[2].removesuffix(".json")
        program, day = self._programs.get(identifier), _day(whole)
        if program is None:
            whole.warn(f"no page describes the program {identifier}", kind="reference")
            return
        if whole.take("error"):
            whole.warn("the directory could not read the list of this program", kind="not-read")
        for key in self._source.lookups["levels"]:
            level = self._record(lists, f"{path}#{key}")
            payers = self._listed(level, whole.take(key))
            if identifier in self._settings.in_landscapes:
                level.ignore("sponsors.in-landscapes", len(payers))
            elif payers:
                yield from self._said(level, self._pays(level, program, key, payers, day))
        whole.close()

    def _listed(self, level: Record, found: object) -> list[str]:
        """Give the hosts of one list once each. What is none may be a person's name: it is counted and not repeated."""
        entries = found if isinstance(found, list) else []
        hosts = [match[1] for entry in entries if isinstance(entry, str) and (match := _HOST.fullmatch(entry))]
        if others := len(entries) - len(hosts) + (found is not None and not isinstance(found, list)):
            level.warn(f"{others} of {len(entries)} who pay are named by no host of a web page", kind="no-host")
        level.ignore("sponsors.twice", len(hosts) - len(set(hosts)))
        return list(dict.fromkeys(hosts))

    def _pays(self, level: Record, program: _Program, key: str, payers: list[str], day: str) -> Iterator[Triple]:
        receiver = program.receiver
        for host in payers:
            if self._owner(host) == receiver:
                level.warn(f"{host} is the receiver's own page; left out", kind="own-host")
                continue
            payer = Party(self._mint.iri("org", f"homepage:{host}", host), host)
            yield payer.iri, RDF.type, OSAI.Organization
            yield payer.iri, OSAI.name, Literal(host)
            yield payer.iri, OSAI.homepage, Literal(f"https://{host}", datatype=XSD.anyURI, normalize=False)
            if program.members:
                yield from self._lifecycle.belongs(payer, receiver, level=program.levels.get(key), seen=day)
            else:
                rank = self._source.lookups["levels"][key]
                situation = self._mint.id("situation", f"{payer.slug}-sponsors-{receiver.slug}-{rank}-1")
                yield situation, RDF.type, OSAI.Sponsorship
                yield situation, OSAI.sponsor, payer.iri
                yield situation, OSAI.sponsored, receiver.iri
                yield situation, OSAI.sponsorshipLevel, self._mint.concept("sponsorship-level", rank)
                for predicate, value in edtf.lasted(None, None, seen=day):
                    yield situation, predicate, value

    def _owner(self, host: str) -> Party | None:
        """Give the foundation whose web page is at a host or at one above it."""
        labels = host.split(".")
        above = (".".join(labels[first:]) for first in range(len(labels) - 1))
        return next((self._foundations[self._hosts[name]] for name in above if name in self._hosts), None)

    # ---- Records ---------------------------------------------------------------------------------------------------

    def _record(self, values: Mapping[str, object], locator: str) -> Record:
        """Make the next record. One that says nothing gives its number to the one after it."""
        return Record(values, Evidence(self._snapshot, self._records + 1, locator), self._source, self._issues)

    def _said(self, record: Record, triples: Iterable[Triple]) -> Iterator[Assertion]:
        number = record.evidence.number
        for subject, predicate, value in triples:
            self._records = number
            yield Assertion(subject, predicate, value, record.evidence)


def _founded(record: Record, here: URIRef) -> Iterator[Triple]:
    if (text := record.text("foundingDate")) is not None:
        if found := _YEAR.fullmatch(text):
            year = found[1] or found[2]
            yield here, OSAI.foundedYear, Literal(year, datatype=XSD.integer, normalize=False)
        else:
            record.warn(f"foundingDate {text[:60]!r} gives no single year", kind="date")


def _dissolved(record: Record, here: URIRef) -> Iterator[Triple]:
    """Give the bounds of the end: of a year, or of some time until then."""
    if (text := record.text("dissolutionDate")) is None:
        return
    found = re.fullmatch(r"(\d{4})( or earlier)?", text)
    if not found:
        record.warn(f"dissolutionDate is {text!r}, which is no year", kind="date")
        return
    for predicate, value in edtf.lasted(None, found[1]):
        if predicate == OSAI.latestEnd or (predicate == OSAI.earliestEnd and not found[2]):
            yield here, predicate, value


def _on_forge(website: str | None) -> bool:
    return keys.host(website or "") in ("github.com", "gitlab.com")


def _month(record: Record) -> str | None:
    """Give the month or year at which a project was with its host, None where its list gives none or several."""
    text = record.text("foundingDate")
    if text is None:
        return None
    if found := re.fullmatch(r"(?:(\d\d)/)?(\d{4})", text):
        return f"{found[2]}-{found[1]}" if found[1] else found[2]
    record.warn(f"foundingDate {text[:60]!r} gives no single month", kind="date")
    return None


def _day(record: Record) -> str:
    text = record.text("parseDate") or ""
    if not re.fullmatch(r"\d{8}", text):
        raise DriftError(f"{record.evidence.locator}:1: parseDate is {text!r}, which is no day (YYYYMMDD)")
    return f"{text[:4]}-{text[4:6]}-{text[6:]}"

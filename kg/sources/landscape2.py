"""Reads a landscape: the YAML file in which a foundation lists projects and members (the format of landscape2).

An item says what it is by the category it stands in; what a category, a tier, a word for a maturity or the first step
of a ``second_path`` means in one landscape stands in ``[settings]`` and ``[lookups]`` of its source. What is common to
all is read here:

- ``extra.accepted`` is the day on which the landscape's foundation took the project on: a stewardship as legal host
  begins. ``extra.incubating``, ``graduated`` and ``archived`` begin standings; each ends the one before.
- ``project`` without a date is a standing seen on the day of the landscape, without a beginning.
- ``crunchbase`` of a member names the member. On a project it names an organization behind the project and does not say
  what that one does for it, so it becomes a stewardship as *listed owner*, which makes nobody a host.
- A sector or topic of a ``second_path`` that ``[lookups]`` give no meaning is counted as ignored, under its own name.
- A fund that is itself an item and takes projects or members is an organization; ``second_path`` says which projects it
  hosts, without a date: ``extra.accepted`` of the landscape of the Linux Foundation is older than many a fund.

An item that stands in the file twice, or in several categories by ``second_path``, is one entity.

Source: github.com/cncf/landscape2, its documentation of the data file; the READMEs of the five data sets.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from typing import Literal as OneOf

from pydantic import BaseModel, ConfigDict, Field
from rdflib import DCTERMS, RDF, SKOS, Literal, URIRef
from rdflib.namespace import XSD

from kg.errors import DriftError, SourceError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, edtf, keys, reading
from kg.sources.lifecycle import STAGES, History, Lifecycle, Party, Triple
from kg.sources.models import licence as licence_of
from kg.sources.record import Record
from kg.vocab import OSAI, PREFIXES

SAME_AS = URIRef(PREFIXES["schema"] + "sameAs")
# Fields that key an item in the systems of its foundation.
_KEYS = ("extra.lfx_slug", "extra.annotations.slug", "slug")
# What [ignore] calls a ``crunchbase`` of ``[settings.owners]``, where the hosting or the name says who that is.
_FOUNDATION_PAGE = "crunchbase.of-foundation"

_Kind = OneOf["ai-project", "project", "member", "organization"]
_Meaning = OneOf["category", "sector", "topic", "host", "membership", "nothing"]
_Umbrella = OneOf["Foundation", "Organization", "Foundation and project", "Organization and project"]


class _Foundation(BaseModel):
    """A foundation that the landscape is about, by the slug of its IRI."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    homepage: str
    within: str | None = None


class Settings(BaseModel):
    """``[settings]`` of a landscape: what is true of this one alone.

    ``foundation`` is the slug of the foundation that lists, one of ``foundations``. ``kinds`` says what the items of a
    category, or of ``Category / Subcategory``, are. Items at a stage of ``hosted`` are hosted by the foundation;
    ``unmarked`` is the stage of a project for which the file gives none; words of ``misspelt`` stand for the stage they
    are listed with and are reported. ``suffixes`` are bracketed words at the end of names that belong to the list, not
    to the name. ``owners`` are foundations by the Crunchbase permalink that the file uses for them, ``known`` by the
    name. ``paths`` says what the first step of a ``second_path`` means. ``umbrellas`` are the items that are
    organizations to which projects or members belong, and whether they are a project too.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    foundation: str
    foundations: dict[str, _Foundation]
    kinds: dict[str, _Kind]
    hosted: tuple[str, ...] = ()
    unmarked: str | None = None
    misspelt: tuple[str, ...] = ()
    suffixes: tuple[str, ...] = ()
    owners: dict[str, str] = Field(default_factory=dict)
    known: dict[str, str] = Field(default_factory=dict)
    paths: dict[str, _Meaning] = Field(default_factory=dict)
    umbrellas: dict[str, _Umbrella] = Field(default_factory=dict)


@dataclass(slots=True)
class _Place:
    """A subcategory, and what standing in it means."""

    category: str
    subcategory: str
    kind: _Kind

    @property
    def path(self) -> str:
        return f"{self.category} / {self.subcategory}"


@dataclass(slots=True)
class _Entity:
    """What one or more items describe."""

    party: Party
    kind: URIRef
    described: bool = False
    permalink: str | None = None  # of Crunchbase, where it is this organization's own


@dataclass(slots=True)
class _Item:
    """One item as it stands in the file."""

    number: int
    locator: str
    place: _Place
    values: Mapping[str, Any]
    name: str  # without suffix
    project: _Entity | None = None
    organization: _Entity | None = None
    paths: list[tuple[_Meaning, str]] = field(default_factory=list)


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Read one landscape: about ten assertions an item.

    Holds the whole file, because any item may name the owner of another.

    Raises DriftError when the file is no landscape, SourceError when ``[settings]`` do not fit.
    """
    yield from _Landscape(source, snapshot, mint, issues).assertions()


class _Landscape:
    def __init__(self, source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> None:
        self._source, self._snapshot, self._mint, self._issues = source, snapshot, mint, issues
        self._settings = source.settings_of(Settings)
        self._lifecycle = Lifecycle(mint)
        self._seen = source.as_of.isoformat()
        self._suffix = re.compile(rf"\s*\((?:{'|'.join(map(re.escape, self._settings.suffixes))})\)$", re.IGNORECASE)
        self._foundations = {
            slug: _Entity(Party(mint.id("org", slug), said.name), OSAI.Foundation)
            for slug, said in self._settings.foundations.items()
        }
        try:
            self._foundation = self._foundations[self._settings.foundation]
        except KeyError as error:
            raise SourceError(f"{source.definition.name}: [settings] foundation is none of foundations") from error
        self._organizations = {
            keys.plain_name(said.name): self._foundations[slug] for slug, said in self._settings.foundations.items()
        }
        self._owners: dict[str, _Entity] = {}
        self._umbrellas: dict[str, _Entity] = {}
        self._projects_by_name: dict[str, _Entity] = {}
        self._spells: dict[tuple[URIRef, URIRef], list[tuple[str | None, str | None]]] = defaultdict(list)
        self._dates: dict[tuple[URIRef, str], str] = {}
        self._levels_by_place: dict[str, str | None] = {}
        self._topics: dict[str, tuple[URIRef, ...]] = {}
        self._licences: set[str] = set()

    def assertions(self) -> Iterator[Assertion]:
        items = list(self._items())
        self._name_organizations(items)
        self._name_projects(items)
        for item in items:
            entity = item.project or item.organization
            known = entity.party.name if entity else None
            evidence = Evidence(
                self._snapshot,
                item.number,
                item.locator,
                _key(item.values),
                item.values["name"] if item.values["name"] != known else None,
            )
            record = Record(item.values, evidence, self._source, self._issues)
            for subject, predicate, value in self._describe(item, record):
                yield Assertion(subject, predicate, value, evidence)
            record.close()

    # ---- The file ------------------------------------------------------------------------------------------------

    def _items(self) -> Iterator[_Item]:
        """Give each item with its place. An item that cannot be read is an issue."""
        path = self._source.files[0]
        found = reading.yaml_document(self._snapshot, path)
        number = 0
        for place, items, locator in self._places(found, path):
            for index, values in enumerate(items, start=1):
                here = f"{locator}[{index}]"
                if (
                    not isinstance(values, dict)
                    or not isinstance(values.get("name"), str)
                    or not values["name"].strip()
                ):
                    self._issues.warn("the item has no name; it is left out", locator=here, kind="no-name")
                    continue
                number += 1
                item = _Item(number, here, place, values, self._plain(values["name"]))
                item.paths = self._second_paths(item)
                yield item

    def _places(self, found: Any, path: str) -> Iterator[tuple[_Place, list[Any], str]]:
        where = f"{self._source.name}: {path}"
        if not isinstance(found, dict) or not isinstance(found.get("landscape"), list):
            raise DriftError(f"{where}: there is no list of categories under landscape; it is no file of landscape2")
        self._unread(found, ("landscape",), "", path)
        met: set[str] = set()
        for category in found["landscape"]:
            if not isinstance(category, dict) or not isinstance(category.get("name"), str):
                raise DriftError(f"{where}: a category under landscape has no name")
            self._unread(category, ("category", "name", "subcategories"), "", f"{path}#{category['name']}")
            subcategories = category.get("subcategories") or []
            if not isinstance(subcategories, list):
                raise DriftError(f"{where}: the subcategories of {category['name']!r} are no list")
            for subcategory in subcategories:
                if not isinstance(subcategory, dict) or not isinstance(subcategory.get("name"), str):
                    raise DriftError(f"{where}: a subcategory of {category['name']!r} has no name")
                locator = f"{path}#{category['name']}/{subcategory['name']}"
                if locator in met:
                    raise DriftError(
                        f"{where}: the subcategory {category['name']} / {subcategory['name']} stands twice"
                    )
                met.add(locator)
                self._unread(subcategory, ("subcategory", "name", "items"), "subcategories[].", locator)
                items = subcategory.get("items") or []
                if not isinstance(items, list):
                    raise DriftError(f"{where}: the items of {category['name']} / {subcategory['name']} are no list")
                yield (
                    _Place(category["name"], subcategory["name"], self._kind(category, subcategory, locator)),
                    items,
                    locator,
                )

    def _kind(self, category: Mapping[str, Any], subcategory: Mapping[str, Any], locator: str) -> _Kind:
        kinds = self._settings.kinds
        found = kinds.get(f"{category['name']} / {subcategory['name']}") or kinds.get(category["name"])
        if found is None:
            self._issues.warn(
                f"[settings.kinds] of {self._source.definition.name} does not say what the category "
                f"{category['name']!r} holds; its items are read as projects",
                locator=locator,
                kind="unknown-value",
                field="category",
                value=category["name"],
            )
        return found or "project"

    def _unread(self, values: Mapping[str, Any], known: Iterable[str], prefix: str, locator: str) -> None:
        """Account for the fields of a category or subcategory that say something we do not read."""
        for name in (name for name, value in values.items() if name not in known and value not in (None, "", [], {})):
            if prefix + name in self._source.ignore:
                self._issues.ignore(prefix + name)
            else:
                self._issues.warn(
                    f"the field {prefix}{name} is neither mapped nor ignored; map it, or name it in [ignore] of "
                    f"{self._source.definition.name}",
                    locator=locator,
                    kind="unknown-field",
                    field=prefix + name,
                )

    def _second_paths(self, item: _Item) -> list[tuple[_Meaning, str]]:
        """Give what each ``second_path`` means, and where it leads."""
        found: list[tuple[_Meaning, str]] = []
        said = item.values.get("second_path")
        for path in said if isinstance(said, list) else [said] if said else ():
            if not isinstance(path, str):
                continue  # the record reports it
            first, _, rest = path.partition(" / ")
            meaning = self._settings.paths.get(first)
            if meaning is None and self._settings.kinds.keys() & {first, path}:
                meaning = "category"
            if meaning is None or not rest:
                self._issues.warn(
                    f"the second_path {path!r} is none that [settings.paths] or [settings.kinds] of "
                    f"{self._source.definition.name} know",
                    locator=item.locator,
                    kind="unknown-value",
                    field="second_path",
                    value=path,
                )
                continue
            target = path if meaning in ("category", "topic") else rest
            found.append((meaning, target))
            if meaning in ("sector", "topic") and self._source.lookups.get(meaning, {}).get(target) == "":
                self._issues.ignore(f"{meaning}.{target}")
        return found

    def _plain(self, name: str) -> str:
        return (self._suffix.sub("", name.strip()) if self._settings.suffixes else name.strip()) or name.strip()

    # ---- What is one thing -----------------------------------------------------------------------------------------

    def _name_organizations(self, items: Iterable[_Item]) -> None:
        """Give each member, company and umbrella an entity: one for each plain name.

        Addresses do not count here: members give those of their parents and funds. Resolution weighs them.
        """
        for item in items:
            umbrella = self._settings.umbrellas.get(item.name) if item.place.kind.endswith("project") else None
            if umbrella:
                kind = _class(umbrella)
                item.organization = self._umbrellas[item.name] = self._umbrella(item, kind)
            elif not item.place.kind.endswith("project"):
                item.organization = self._organization(item)

    def _umbrella(self, item: _Item, kind: URIRef) -> _Entity:
        slug = self._settings.known.get(item.name)
        if slug is not None:
            return self._foundations[slug]
        return self._organization_called(item.name, kind, None)

    def _organization(self, item: _Item) -> _Entity:
        kind = OSAI.Organization
        if item.place.kind == "member":
            said = self._source.lookups.get("member-class", {}).get(item.place.subcategory)
            kind = _class(said) if said else kind
        permalink = keys.crunchbase(str(item.values.get("crunchbase") or ""))
        if item.values.get("unnamed_organization") is True:  # its addresses are those of the foundation
            permalink = None
        elif permalink in self._settings.owners:
            return self._foundations[self._settings.owners[permalink]]
        return self._organization_called(item.name, kind, permalink)

    def _organization_called(self, name: str, kind: URIRef, permalink: str | None) -> _Entity:
        """Give the organization that this landscape lists under a name, whatever its case, accents or legal form."""
        plain = keys.plain_name(name)
        entity = self._organizations.get(plain)
        if entity is None:
            iri = self._mint.iri("org", f"{self._source.name}:{plain}", name)
            entity = self._organizations[plain] = _Entity(Party(iri, name), kind)
        entity.kind = kind if entity.kind == OSAI.Organization else entity.kind
        entity.permalink = entity.permalink or permalink
        return entity

    def _name_projects(self, items: Iterable[_Item]) -> None:
        """Give each project an entity; where projects share a repository, ``project_keys`` says whose it is."""
        projects = [
            item
            for item in items
            if item.place.kind.endswith("project")
            and self._settings.umbrellas.get(item.name, "and project").endswith("and project")
        ]
        named = project_keys((_project_key(item.values), item.name) for item in projects)
        entities: dict[str, _Entity] = {}
        for item in projects:
            wanted, own = named.get((_project_key(item.values), keys.plain_name(item.name)), (None, True))
            key = wanted if wanted and own else f"{self._source.name}:{item.name}"
            if wanted and not own:
                self._issues.warn(
                    f"{item.name!r} shares {wanted} with another project; they are kept apart",
                    locator=item.locator,
                    kind="shared-key",
                    key=wanted,
                )
            kind = _kind_of(item, ai=self._is_ai(item))
            entity = entities.get(key)
            if entity is None:
                entity = entities[key] = _Entity(Party(self._mint.iri("project", key, item.name), item.name), kind)
            entity.kind = max(entity.kind, kind, key=_KINDS.index)
            item.project = entity
            self._projects_by_name.setdefault(item.name, entity)

    def _is_ai(self, item: _Item) -> bool:
        """Tell whether the landscape says that a project is about AI: by category, by topic, or by a mark."""
        if item.place.kind == "ai-project":
            return True
        extra = item.values.get("extra")
        if isinstance(extra, Mapping) and extra.get("ai") is True:
            return True
        kinds = self._settings.kinds
        return any(
            (kinds.get(path) or kinds.get(path.partition(" / ")[0])) == "ai-project"
            for meaning, path in item.paths
            if meaning in ("category", "topic")
        )

    # ---- What an item says -----------------------------------------------------------------------------------------

    def _describe(self, item: _Item, record: Record) -> Iterator[Triple]:
        for path in ("name", *_KEYS):
            record.take(path)
        record.texts("second_path")
        for slug in {self._settings.foundation} if item.number == 1 else ():
            yield from self._describe_foundation(slug)
        if item.organization is not None:
            yield from self._describe_organization(item, item.organization, record)
        if item.project is not None:
            yield from self._describe_project(item, item.project, record)

    def _describe_foundation(self, slug: str) -> Iterator[Triple]:
        entity, said = self._foundations[slug], self._settings.foundations[slug]
        if entity.described:
            return
        entity.described = True
        yield entity.party.iri, RDF.type, OSAI.Foundation
        yield entity.party.iri, OSAI.name, Literal(said.name)
        yield entity.party.iri, OSAI.homepage, _address(said.homepage)
        if said.within:
            yield entity.party.iri, OSAI.subOrganizationOf, self._mint.id("org", said.within)
            yield from self._describe_foundation(said.within)

    def _described(self, entity: _Entity) -> Iterator[Triple]:
        """Describe an organization that is only referred to, once."""
        if entity.described:
            return
        slug = entity.party.slug
        if slug in self._foundations:
            yield from self._describe_foundation(slug)
            return
        entity.described = True
        yield entity.party.iri, RDF.type, entity.kind
        yield entity.party.iri, OSAI.name, Literal(entity.party.name)
        if entity.permalink:
            yield entity.party.iri, SAME_AS, _crunchbase(entity.permalink)

    def _describe_organization(self, item: _Item, entity: _Entity, record: Record) -> Iterator[Triple]:
        iri = entity.party.iri
        yield from self._described(entity)
        yield from self._named(iri, entity, item.name)
        homepage = list(self._homepage(iri, record))
        if record.take("unnamed_organization") is not True:
            yield from homepage
        umbrella = item.place.kind.endswith("project")
        address = record.text("crunchbase")
        permalink = keys.crunchbase(address) if address else None
        if not umbrella and address and not permalink:
            record.warn(f"crunchbase is {address!r}, which is no organization's address there", kind="crunchbase")
        if permalink in self._settings.owners and item.project is None:
            record.ignore(_FOUNDATION_PAGE)
        called = None if isinstance(record.values.get("organization"), str) else record.text("organization.name")
        if called:
            yield from self._named(iri, entity, called)
        if umbrella:
            yield from self._describe_umbrella(item, entity, record)
        if item.place.kind == "member":
            yield from self._describe_member(item, entity, record)

    def _describe_umbrella(self, item: _Item, entity: _Entity, record: Record) -> Iterator[Triple]:
        iri = entity.party.iri
        above = [name for meaning, name in item.paths if meaning == "host"]
        for name in above or [""]:
            host = self._umbrella_called(name) if name else self._foundation
            if host.party.iri != iri:
                yield from self._described(host)
                yield iri, OSAI.subOrganizationOf, host.party.iri
        yield from self._subjects(item, iri)
        date = self._date(record, "extra.accepted")
        if item.project is not None:
            return  # the date and the repository are the project's
        if date and iri != self._foundation.party.iri:
            yield from self._lifecycle.accepts_fund(entity.party, self._foundation.party, date, "stated")
        if address := record.text("repo_url"):
            record.warn(
                f"{item.name!r} is an organization, so its repository {address} belongs to no project here",
                kind="repository-of-organization",
                value=address,
            )
        record.take("additional_repos[].repo_url")
        record.take("license")

    def _describe_member(self, item: _Item, entity: _Entity, record: Record) -> Iterator[Triple]:
        date = self._date(record, "joined")
        yield from self._membership(entity.party, self._foundation, self._level(item), date)
        for meaning, name in item.paths:
            if meaning == "membership":
                joined = self._umbrella_called(name)
                if joined is not self._foundation:
                    yield from self._described(joined)
                    yield from self._membership(entity.party, joined, None, None)

    def _membership(self, member: Party, joined: _Entity, level: str | None, date: str | None) -> Iterator[Triple]:
        """Describe one membership; a second one at another level or since another day is a situation of its own."""
        spells = self._spells[member.iri, joined.party.iri]
        if (level, date) not in spells:
            spells.append((level, date))
        spell = spells.index((level, date)) + 1
        yield from self._lifecycle.belongs(member, joined.party, level=level, start=date, seen=self._seen, spell=spell)
        if date:
            situation = self._lifecycle.belonging(member, joined.party, spell)
            yield from self._lifecycle.joins(member, joined.party, date, "stated", membership=situation, spell=spell)

    def _level(self, item: _Item) -> str | None:
        """Give the level that a tier of members is, by ``[lookups.membership-level]``; an unknown tier is one issue."""
        tier = item.place.path
        if tier not in self._levels_by_place:
            self._levels_by_place[tier] = self._listed("membership-level", item.place.subcategory, item.locator)
        return self._levels_by_place[tier]

    def _describe_project(self, item: _Item, entity: _Entity, record: Record) -> Iterator[Triple]:
        party = entity.party
        if not entity.described:
            entity.described = True
            yield party.iri, RDF.type, entity.kind
            yield party.iri, OSAI.name, Literal(party.name)
        yield from self._named(party.iri, entity, item.name)
        yield from self._homepage(party.iri, record)
        yield from self._repositories(party.iri, record)
        yield from self._subjects(item, party.iri)
        record.take("extra.ai")
        record.take("open_source")
        licence = record.lookup("license")
        if licence:
            if licence not in self._licences:
                self._licences.add(licence)
                yield from licence_of(self._mint, licence)
            yield from self._lifecycle.licensed(party, licence, seen=self._seen)
        parent = record.text("extra.parent_project")
        if parent in self._projects_by_name:
            yield party.iri, DCTERMS.isPartOf, self._projects_by_name[parent].party.iri
        elif parent:
            record.warn(f"extra.parent_project is {parent!r}, which no item is called", kind="unknown-value")
        yield from self._history(item, entity, record)
        yield from self._owner(item, party, record)

    def _history(self, item: _Item, entity: _Entity, record: Record) -> Iterator[Triple]:
        """Describe who hosts a project and how it came through the stages of the foundation's lifecycle."""
        party, foundation, lifecycle = entity.party, self._foundation.party, self._lifecycle
        accepted = self._date(record, "extra.accepted")
        dated = [
            (stage, date)
            for word in STAGES
            if (date := self._date(record, f"extra.{word}"))
            and (stage := self._listed("project", word, record.evidence.locator))
        ]
        now = record.lookup("project")
        if record.values.get("project") in self._settings.misspelt:
            record.warn(f"project is {record.values['project']!r}, which is misspelt; read as {now}", kind="misspelt")
        if now is None and not accepted and not record.values.get("project"):
            now = self._settings.unmarked
        hosted = bool(accepted) or now in self._settings.hosted
        told = History(accepted, tuple(dated), now, self._source.lookups.get("project", {}).get("archived"))
        for fault in told.faults():
            record.warn(fault, kind="stages-disagree")
        for what, date in (("accepted", accepted), *dated):
            if date and self._dates.setdefault((party.iri, what), date) != date:
                first = self._dates[party.iri, what]
                record.warn(f"{what} is {date}, and {first} at another item of the project", kind="two-dates")
                return
        for _, triple in lifecycle.history(party, foundation, told, hosted=hosted, seen=self._seen):
            yield triple
        for meaning, name in item.paths:
            if meaning == "host" and (host := self._umbrella_called(name)) is not self._foundation:
                yield from self._described(host)
                yield from lifecycle.hosts(party, host.party, seen=self._seen)

    def _owner(self, item: _Item, project: Party, record: Record) -> Iterator[Triple]:
        """Describe the organization that a directory names as the one behind a project."""
        address = record.text("crunchbase")
        called = None if isinstance(record.values.get("organization"), str) else record.text("organization.name")
        permalink = keys.crunchbase(address) if address else None
        if address and not permalink:
            record.warn(f"crunchbase is {address!r}, which is no organization's address there", kind="crunchbase")
        if permalink in self._settings.owners:
            owner = self._foundations[self._settings.owners[permalink]]
        elif permalink:
            owner = self._owner_at(permalink, called or permalink)
        elif called:
            owner = self._organization_called(called, OSAI.Organization, None)
        else:
            return
        if owner is self._foundation and (item.values.get("project") or _extra(item.values, "accepted")):
            if permalink:  # it is the legal host, which says more
                record.ignore(_FOUNDATION_PAGE)
            return
        yield from self._described(owner)
        yield from self._lifecycle.hosts(project, owner.party, "listed-owner", seen=self._seen)

    def _owner_at(self, permalink: str, name: str) -> _Entity:
        """Give the organization that has a page at Crunchbase; which member that is, if any, is for resolution."""
        entity = self._owners.get(permalink)
        if entity is None:
            iri = self._mint.iri("org", f"crunchbase:{permalink}", name)
            entity = self._owners[permalink] = _Entity(Party(iri, name), OSAI.Organization, permalink=permalink)
        return entity

    # ---- Fields ----------------------------------------------------------------------------------------------------

    def _umbrella_called(self, name: str) -> _Entity:
        """Give the organization that a ``second_path`` names; one that is no item is known by its name alone."""
        slug = self._settings.known.get(name)
        if slug is not None:
            return self._foundations[slug]
        if name not in self._umbrellas:
            kind = _class(self._settings.umbrellas.get(name, "Organization"))
            self._umbrellas[name] = self._organization_called(name, kind, None)
            if name not in self._settings.umbrellas:
                self._issues.warn(
                    f"[settings.umbrellas] of {self._source.definition.name} does not say what {name!r} is",
                    locator=self._source.files[0],
                    kind="unknown-value",
                    field="second_path",
                    value=name,
                )
        return self._umbrellas[name]

    def _named(self, iri: URIRef, entity: _Entity, name: str) -> Iterator[Triple]:
        if name != entity.party.name:
            yield iri, SKOS.altLabel, Literal(name)

    def _homepage(self, iri: URIRef, record: Record) -> Iterator[Triple]:
        address = record.text("homepage_url")
        if address is None:
            return
        if keys.homepage(address):
            yield iri, OSAI.homepage, _address(address)
        elif address.startswith("pkg:"):
            yield iri, DCTERMS.identifier, Literal(address)  # the package URL of what the project publishes
        else:
            record.warn(f"homepage_url is {address!r}, which is no web address", kind="no-address", value=address)

    def _repositories(self, iri: URIRef, record: Record) -> Iterator[Triple]:
        addresses = [record.text("repo_url")]
        record.take("additional_repos[].repo_url")
        others = record.values.get("additional_repos")
        listed = others if isinstance(others, list) else ()
        addresses += [each.get("repo_url") for each in listed if isinstance(each, Mapping)]
        for address in dict.fromkeys(str(each) for each in addresses if each):
            found = keys.repository(address)
            if found:
                repository = self._mint.id("repository", *found.removeprefix("https://").split("/"))
                yield iri, OSAI.hasRepository, repository
                yield repository, RDF.type, OSAI.Repository
                yield repository, OSAI.repositoryUrl, _address(found)
            else:
                record.warn(f"{address!r} is the address of no repository", kind="no-repository", value=address)

    def _subjects(self, item: _Item, iri: URIRef) -> Iterator[Triple]:
        """Give the topics and sectors of the categories that an item stands in."""
        for meaning, path in (("category", item.place.path), *item.paths):
            if meaning in ("category", "topic", "sector"):
                table = "sector" if meaning == "sector" else "topic"
                if (concepts := self._topics.get(path)) is None:
                    said = self._listed(table, path, item.locator)
                    concepts = tuple(self._mint.concept(table, each) for each in (said or "").split())
                    self._topics[path] = concepts
                for concept in concepts:
                    yield iri, OSAI.inSector if table == "sector" else DCTERMS.subject, concept

    def _listed(self, table: str, value: str, locator: str) -> str | None:
        """Look a value up that is no field of a record. An unlisted one is an issue; an empty meaning gives None."""
        known = self._source.lookups.get(table, {})
        if value not in known:
            self._issues.warn(
                f"{value!r} is not listed in [lookups.{table}] of {self._source.definition.name}",
                locator=locator,
                kind="unknown-value",
                field=table,
                value=value,
            )
        return known.get(value) or None

    def _date(self, record: Record, path: str) -> str | None:
        """Take a date; what is none is an issue."""
        found = record.text(path)
        if found is None:
            return None
        try:
            edtf.bounds(found)
        except ValueError as error:
            record.warn(f"{path}: {error}", kind="no-date", field=path, value=found)
            return None
        return found


_KINDS = [OSAI.Project, OSAI.OpenSourceProject, OSAI.OpenSourceAIProject]  # the last says most


def _kind_of(item: _Item, *, ai: bool) -> URIRef:
    """Give the class of a project. Without a repository, or marked as closed, nothing says that it is open source."""
    if item.values.get("open_source") is False:
        return OSAI.Project
    hosted = item.values.get("project") or _extra(item.values, "accepted")
    if not (item.values.get("repo_url") or hosted):
        return OSAI.Project
    if ai:
        return OSAI.OpenSourceAIProject
    return OSAI.OpenSourceProject if item.values.get("repo_url") else OSAI.Project


def _class(said: str) -> URIRef:
    """Give the class that the first word names."""
    return OSAI[said.partition(" ")[0]]


def _extra(values: Mapping[str, Any], name: str) -> Any:
    extra = values.get("extra")
    return extra.get(name) if isinstance(extra, Mapping) else None


def _project_key(values: Mapping[str, Any]) -> str | None:
    return project_key(str(values.get("repo_url") or ""), str(values.get("homepage_url") or ""))


def project_key(repository: str, homepage: str) -> str | None:
    """Give the key of a project by its repository, or by its homepage where it has none; None where it has neither."""
    found = keys.repository(repository)
    if found:
        return found
    page = keys.homepage(homepage)
    return f"homepage:{page}" if page else None


def project_keys(said: Iterable[tuple[str | None, str]]) -> dict[tuple[str | None, str], tuple[str, bool]]:
    """Tell which of the projects that share a key has it, for pairs of key and name.

    Gives for each key and plain name the key and whether it is this project's own: that of the shortest name. The order
    of the pairs does not count.
    """
    names: dict[str, set[str]] = defaultdict(set)
    for key, name in said:
        if key:
            names[key].add(keys.plain_name(name))
    return {
        (key, name): (key, name == min(sharing, key=lambda each: (len(each), each)))
        for key, sharing in names.items()
        for name in sharing
    }


def _key(values: Mapping[str, Any]) -> str | None:
    """Give the key of an item in the foundation's own systems, where the landscape has it."""
    for path in _KEYS:
        found: Any = values
        for step in path.split("."):
            found = found.get(step) if isinstance(found, Mapping) else None
        if isinstance(found, str) and found:
            return found
    return None


def _address(text: str) -> Literal:
    return Literal(text, datatype=XSD.anyURI, normalize=False)


def _crunchbase(permalink: str) -> Literal:
    return _address(f"https://www.crunchbase.com/organization/{permalink}")

"""What is compared of a thing: names, addresses and identifiers in one spelling, from all that share its IRI."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from kg import keys
from kg.resolution import Description
from kg.resolution.names import compact, core, further, project_core

# Identifiers of which a thing has at most one, by the scheme that gives them out.
SCHEMES = ("rorId", "wikidataId", "gridId", "isni")
# Hosts where the first step of a path names an account, so that the host alone names nobody but its owner.
_ACCOUNTS = frozenset(
    {
        "bitbucket.org", "codeberg.org", "facebook.com", "gitee.com", "github.com", "gitlab.com",
        "huggingface.co", "instagram.com", "linkedin.com", "medium.com", "sites.google.com", "t.me",
        "twitter.com", "x.com", "youtube.com",
    }
)  # fmt: skip
# Suffixes below which everybody may have a site: what stands before them is a name of its own.
_LENT = frozenset(
    {
        "blogspot.com", "carrd.co", "gitbook.io", "github.io", "gitlab.io", "herokuapp.com", "netlify.app",
        "notion.site", "pages.dev", "readthedocs.io", "readthedocs.org", "substack.com", "vercel.app",
        "web.app", "wordpress.com",
    }
)  # fmt: skip
_SECOND = frozenset(
    {
        "ac", "co", "com", "edu", "gob", "gov", "go", "gouv", "info", "mil", "ne", "net", "nic", "or", "org",
        "res",
    }
)  # fmt: skip
# Steps of a path, and labels of a host, that choose a language, a country or the front page.
_FRONT = re.compile(
    r"(?:[a-z]{2}(?:[-_][a-z]{2,4})?|intl|global|index(?:\.\w+)?|home(?:page)?|default\.\w+|main|about)"
)
_PLACE = re.compile(r"(?:[a-z]{2}|intl|global|m|open|web|www\d?|home|portal|corporate|about)")
_BRANCH = re.compile(r"^(.*\S) \(([^()]+)\)$")
_NUMBER = re.compile(r"\[\d+\]$|:\d+$")
_OFTEN = 0.1  # the share of things with several entries from which on a file is no list of them


@dataclass(frozen=True, slots=True)
class Site:
    """A web address of an organization or project: the domain that was registered, and the place below it if any."""

    domain: str
    place: str = ""  # "" for the front page

    @classmethod
    def of(cls, address: str) -> Site | None:
        """Read an address, without language or country; None for no web address."""
        page = keys.homepage(address)
        return _site(page) if page else None


@lru_cache(maxsize=1 << 16)
def _site(page: str) -> Site:
    host, _, path = page.partition("/")
    steps = [step.lower() for step in path.split("/") if step]
    if host in _ACCOUNTS and steps:
        host = f"{host}/{steps.pop(0)}"
        return Site(host, "/".join(steps))
    domain = registrable(host)
    below = host[: -len(domain)].rstrip(".")
    while steps and _FRONT.fullmatch(steps[0]):
        steps.pop(0)
    places = [] if not below or _PLACE.fullmatch(below) else [below]
    return Site(domain, "/".join([*places, *steps]))


@lru_cache(maxsize=1 << 16)
def registrable(host: str) -> str:
    """Give the part of a host that was registered, by the usual forms of suffixes; no list of them is kept.

    >>> registrable("aws.amazon.com"), registrable("ornl.gov.uk"), registrable("a.b.ac.jp"), registrable("x.github.io")
    ('amazon.com', 'ornl.gov.uk', 'b.ac.jp', 'x.github.io')
    """
    labels = host.lower().split(".")
    if len(labels) <= 2:
        return host.lower()
    last = ".".join(labels[-2:])
    wide = last in _LENT or (len(labels[-1]) == 2 and labels[-2] in _SECOND)
    return ".".join(labels[-3:] if wide else labels[-2:])


@dataclass(slots=True)
class Profile:
    """One IRI, and all that is said of it by name, address and identifier."""

    iri: str
    kind: str
    curated: bool = False
    registered: bool = False  # the record of a registry, which has each organization once
    sources: set[str] = field(default_factory=set)
    lists: set[str] = field(default_factory=set)  # where each thing is listed once
    names: list[str] = field(default_factory=list)  # as sources call it
    others: list[str] = field(default_factory=list)  # further names, acronyms, what stands in brackets
    sites: set[Site] = field(default_factory=set)
    domains: set[str] = field(default_factory=set)  # that it has for certain: of front pages and of mail
    repositories: set[str] = field(default_factory=set)  # host/account/name
    permalinks: set[str] = field(default_factory=set)  # of Crunchbase
    pages: set[str] = field(default_factory=set)  # other pages that are about it: of a model, its hub page
    identifiers: dict[str, set[str]] = field(default_factory=dict)
    countries: set[str] = field(default_factory=set)
    types: set[str] = field(default_factory=set)
    parents: set[str] = field(default_factory=set)
    close: set[str] = field(default_factory=set)

    @property
    def branch(self) -> str | None:
        """The name of the company of whose branch in one country this is the record of a registry."""
        found = _BRANCH.match(self.names[0]) if self.registered and self.names and "Company" in self.types else None
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class Known:
    """The things of one kind that may be of one with another, and who holds which key."""

    profiles: Mapping[str, Profile]  # by IRI, in order; of a registry's records those that share a key with others
    holders: Mapping[str, Sequence[str]]  # key -> IRIs that are no registry's, in order
    registered: Mapping[str, Sequence[str]]  # key -> IRIs of a registry
    namesakes: Mapping[str, int]  # compact name -> records of a registry that have it


def gather(descriptions: Iterable[Description], kind: str) -> Known:
    """Put together what is said of each IRI of a kind, and index it by keys.

    A registry has tens of thousands of records of which most are of nothing else that is known: each is looked at only
    as far as its keys.
    """
    wanted = sorted(
        (description for description in descriptions if description.kind == kind),
        key=lambda one: (one.order, one.source, one.iri),
    )
    lists, registries = listed(wanted), _registries(wanted)
    found: dict[str, Profile] = {}
    held: dict[str, list[str]] = {}

    def add(description: Description) -> None:
        mine = found.get(description.iri)
        if mine is None:
            mine = found[description.iri] = Profile(description.iri, kind, lists=lists.get(description.iri, set()))
        mine.registered = mine.registered or description.source in registries
        _add(mine, description)

    waiting = []
    for description in wanted:
        if description.source in registries:
            waiting.append(description)
        else:
            add(description)
    for iri, profile in sorted(found.items()):
        for key in block_keys(profile):
            held.setdefault(key, []).append(iri)
    namesakes: Counter[str] = Counter()
    for description in waiting:
        names = {compact(name) for name in description.all("name")}
        namesakes.update(name for name in names if f"name:{name}" in held)
        if description.iri in found or any(key in held for key in _record_keys(description, names)):
            add(description)
    holders: dict[str, list[str]] = {}
    registered: defaultdict[str, list[str]] = defaultdict(list)
    for key, iris in held.items():
        if others := [iri for iri in iris if not found[iri].registered]:
            holders[key] = others
    for iri, profile in sorted(found.items()):
        if profile.registered:
            for key in block_keys(profile) & holders.keys():
                registered[key].append(iri)
    return Known(dict(sorted(found.items())), holders, registered, namesakes)


def block_keys(profile: Profile) -> set[str]:
    """Give the keys by which a thing is compared with others: at least one must be shared."""
    found = {f"{scheme}:{value}" for scheme, values in profile.identifiers.items() for value in values}
    found.update(f"domain:{site.domain}" for site in profile.sites)
    found.update(f"domain:{registrable(domain)}" for domain in profile.domains)
    found.update(f"repository:{address}" for address in profile.repositories)
    found.update(f"permalink:{permalink}" for permalink in profile.permalinks)
    found.update(f"name:{compact(name)}" for name in (*profile.names, *profile.others))
    if not profile.registered:
        found.update(f"name:{core(name)}" for name in profile.names)
        found.update(f"name:{compact(label)}" for label in profile.permalinks)
    if profile.kind == "project":
        found.update(f"name:{compact(address.rpartition('/')[2])}" for address in profile.repositories)
        found.update(f"name:{project_core(name)}" for name in profile.names)
    if profile.kind == "model":
        found.update(f"page:{page}" for page in profile.pages)
        found.update(f"name:{compact(page.rpartition('/')[2])}" for page in profile.pages)
    found.discard("name:")
    return found


def _record_keys(description: Description, names: Iterable[str]) -> Iterator[str]:
    """Give the keys of a registry's record, the cheap ones first."""
    for scheme in SCHEMES:
        for value in description.all(scheme):
            yield f"{scheme}:{value}"
    for domain in description.all("emailDomain"):
        yield f"domain:{registrable(domain)}"
    for address in description.all("homepage"):
        host = address.partition("//")[2].partition("/")[0].lower()
        yield f"domain:{registrable(host.removeprefix('www.'))}"
    for name in names:
        yield f"name:{name}"
    for name in description.all("altLabel"):
        yield f"name:{compact(name)}"


def _registries(descriptions: Iterable[Description]) -> set[str]:
    """Give the sources that give each thing a number of their own: nearly all that they describe have one."""
    every, numbered = Counter[str](), Counter[str]()
    for description in descriptions:
        every[description.source] += 1
        numbered[description.source] += "rorId" in description.values
    return {source for source, times in every.items() if numbered[source] > 0.9 * times}


def _add(mine: Profile, description: Description) -> None:
    values: Mapping[str, Sequence[str]] = description.values
    mine.curated = mine.curated or description.curated
    mine.sources.add(description.source)
    for name in values.get("name", ()):
        if name not in mine.names:
            mine.names.append(name)
        if "(" in name or "（" in name or " aka " in name:
            mine.others += (other for other in further(name) if other not in mine.others)
    mine.others += (name for name in values.get("altLabel", ()) if name not in mine.others and name not in mine.names)
    for address in values.get("homepage", ()):
        if site := Site.of(address):
            mine.sites.add(site)
            if not site.place:
                mine.domains.add(site.domain)
    for domain in values.get("emailDomain", ()):
        site = _site(domain)
        mine.sites.add(site)
        mine.domains.add(domain if site.place else site.domain)
    for address in values.get("sameAs", ()):
        if permalink := keys.crunchbase(address):
            mine.permalinks.add(permalink)
        elif page := keys.homepage(address):
            mine.pages.add(page.lower())
    mine.repositories.update(address.partition("/id/repository/")[2] for address in values.get("hasRepository", ()))
    for scheme in SCHEMES:
        if scheme in values:
            mine.identifiers.setdefault(scheme, set()).update(values[scheme])
    mine.countries.update(values.get("inCountry", ()))
    mine.types.update(value.rpartition("#")[2] for value in values.get("type", ()))
    mine.parents.update(values.get("subOrganizationOf", ()))
    mine.close.update(values.get("closeMatch", ()))


def listed(descriptions: Iterable[Description]) -> dict[str, set[str]]:
    """Give the lists in which each IRI stands that has a name: one list has one thing once.

    The curated files are one list together, and so is each file or category of another source, but for those in which
    many things stand more than once: they list something else, such as events.
    """
    places: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for description in descriptions:
        for locator in description.values.get("locator", ()):
            list_ = f"{description.source} {_NUMBER.sub('', locator).partition('/')[0]}"
            places["curated" if description.curated else list_][description.iri] += 1
    found: defaultdict[str, set[str]] = defaultdict(set)
    for list_, counted in places.items():
        if list_ == "curated" or sum(times > 1 for times in counted.values()) <= _OFTEN * len(counted):
            for iri in counted:
                found[iri].add(list_)
    return found

"""What speaks for and against two descriptions being of one thing, in bits.

A piece of evidence weighs as many bits as it makes more likely that the two are one; what speaks against weighs less
than nothing. Weights were set by judgement, from what kinds of source there are, and hold for all pairs: none names a
thing. Every comparison is symmetric.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kg.resolution.names import Likeness, compact, core, is_short_for, likeness, names_a_part, words
from kg.resolution.profile import SCHEMES, Known, Profile, registrable

_SHORT = 4  # letters of a further name that may stand for many
_FEW = 4  # names that may share an address before it weighs less

# Kinds of organization that exclude each other.
_EXCLUSIVE = (
    {"Company"}, {"AcademicInstitution"}, {"PublicBody"}, {"NonProfitOrganization", "Foundation", "StandardsBody"},
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Evidence:
    """One reason for or against, in bits."""

    reason: str
    weight: float
    apart: bool = False  # says that the two have to do with each other and are two

    def __str__(self) -> str:
        return f"{self.reason} ({self.weight:+.1f})"


@dataclass(frozen=True, slots=True)
class Census:
    """What is known of one kind, and how many different names share a domain, a repository or a page."""

    known: Known
    crowd: Mapping[str, int]

    @classmethod
    def of(cls, known: Known) -> Census:
        """Count the names that share an address."""
        called: defaultdict[str, set[str]] = defaultdict(set)
        for profile in known.profiles.values():
            first = core(profile.names[0]) if profile.names else profile.iri
            for site in profile.sites:
                called[site.domain].add(first)
            for shared in (*profile.repositories, *profile.permalinks, *profile.pages):
                called[shared].add(first)
        return cls(known, {key: len(different) for key, different in called.items()})

    def discount(self, key: str) -> float:
        """Give the part of its weight that a shared domain, repository or page has, by how many names share it."""
        names = self.crowd.get(key, 1)
        return 1.0 if names <= _FEW else max(0.0, 1.0 - (names - _FEW) / 8)


# ---- Organizations ---------------------------------------------------------------------------------------------------


def _organizations(one: Profile, other: Profile, census: Census) -> list[Evidence]:
    found = [*_identifiers(one, other), *_places(one, other, census)]
    below = any("places of one domain" in evidence.reason for evidence in found)
    near = sum(evidence.weight for evidence in found) >= 3
    found += _called(one, other, census, near=near, below=below)
    found += _listed(one, other)
    shared = one.permalinks & other.permalinks
    if shared:
        own = min((page for page in shared if all(_is_named(each, page) for each in (one, other))), default=None)
        weight, whose = (4.0, "named as both") if own else (1.5, "which proves little")
        found.append(Evidence(f"one Crunchbase page, {own or min(shared)}, {whose}", weight))
    elif not (one.sites & other.sites or one.registered or other.registered) and _carry(one) and _carry(other):
        found.append(Evidence("each has its name in its address", 1.5))
    if any(
        one.types & kind and other.types & against
        for kind in _EXCLUSIVE
        for against in _EXCLUSIVE
        if kind is not against
    ):
        found.append(Evidence("kinds that exclude each other", -3.0))
    if one.countries and other.countries and not one.countries & other.countries:
        found.append(Evidence("other countries", -5.0))
    if one.iri in other.parents or other.iri in one.parents:
        found.append(Evidence("one is said to be a part of the other", -6.0, apart=True))
    if one.iri in other.close or other.iri in one.close:
        found.append(Evidence("a source says that they match closely", 2.0, apart=True))
    return found


def _is_named(profile: Profile, label: str) -> bool:
    """Tell whether a thing's name is a label of an address."""
    return compact(label) in {form for name in profile.names for form in (compact(name), core(name))}


def _carry(profile: Profile) -> bool:
    """Tell whether one of a thing's domains is named after it."""
    labels = {label for domain in profile.domains for label in domain.split(".")}
    forms = {form for name in profile.names for form in (compact(name), core(name))}
    return any(form in labels or (len(form) >= 4 and any(label.startswith(form) for label in labels)) for form in forms)


def _identifiers(one: Profile, other: Profile) -> Iterator[Evidence]:
    for scheme in SCHEMES:
        here, there = one.identifiers.get(scheme), other.identifiers.get(scheme)
        if here and there:
            if common := here & there:
                yield Evidence(f"same {scheme}, {min(common)}", 15.0)
            else:
                yield Evidence(f"different {scheme}", -8.0)


def _places(one: Profile, other: Profile, census: Census) -> Iterator[Evidence]:
    """Compare addresses; the strongest thing in common counts, or that there is none."""
    if not one.sites or not other.sites:
        return
    if common := one.sites & other.sites:
        site = min(common, key=lambda site: (-census.discount(site.domain), bool(site.place), site.domain, site.place))
        place = f"{site.domain}/{site.place}" if site.place else site.domain
        yield Evidence(f"same site, {place}", 7.0 * census.discount(site.domain))
        return
    if domains := {site.domain for site in one.sites} & {site.domain for site in other.sites}:
        domain = min(domains)
        yield Evidence(f"places of one domain, {domain}", 2.0 * census.discount(domain))
    else:
        yield Evidence("no address in common", -4.0 if one.registered or other.registered else -1.5)


def _called(one: Profile, other: Profile, census: Census, *, near: bool, below: bool) -> Iterator[Evidence]:
    """Compare names. ``near`` says that addresses or identifiers agree, ``below`` that one stands below the other."""
    name = one.branch or other.branch
    if name is not None:
        whole = other if one.branch else one
        close = any(likeness(name, called)[0] in _CLOSE for called in whole.names)
        yield Evidence("a registry's record of one country", 4.0 if close else -4.0, apart=True)
        return
    how, said, pair = _best(one.names, other.names)
    if how is Likeness.EQUAL:
        yield Evidence(f"same name, {min(pair)}", _rarity(min(pair), census, one, other))
        return
    if alias := _alias(one, other):
        short = len(compact(alias)) <= _SHORT
        yield Evidence(f"one is also called {alias}", 3.0 if short else _rarity(alias, census, one, other) - 2.0)
        return
    if how is Likeness.PART or (how is Likeness.SILENT and below and names_a_part(said)):
        yield Evidence(f"a part by its name: {said}", 1.0, apart=True)
        return
    if any(_is_address(each) for each in (one, other)):
        yield from _address_names(one, other, census, near=near)
        return
    if how is Likeness.UNLIKE and (label := _label(one, other)):
        yield Evidence(f"one's name is the domain of the other, {label}", 2.5)
        return
    weights = {
        Likeness.SILENT: 8.5 if not near else 4.0, Likeness.LOOSE: 2.0, Likeness.ACRONYM: 2.5, Likeness.SIMILAR: 3.0,
        Likeness.LONGER: 0.0,
    }  # fmt: skip
    if how in weights:
        yield Evidence(f"names {how.value}{f', {said}' if said else ''}", weights[how])
    else:
        yield Evidence("names unlike", -6.0)


def _address_names(one: Profile, other: Profile, census: Census, *, near: bool) -> Iterator[Evidence]:
    """Compare names of which one is an address and no name: it says what the address says, and little more."""
    alone = any(census.crowd.get(site.domain, 0) <= 2 for each in (one, other) for site in each.sites)
    labels = [{name.partition(".")[0] for name in each.names} if _is_address(each) else set() for each in (one, other)]
    if not near:
        yield Evidence("a name that is no more than an address", -3.0)
    elif any(_is_named(theirs, label) for theirs, own in ((one, labels[1]), (other, labels[0])) for label in own):
        yield Evidence("a name that is an address made of the other name", 4.0)
    else:
        yield Evidence("a name that is no more than an address", 1.5 if alone else -2.0)


_CLOSE = frozenset({Likeness.EQUAL, Likeness.SILENT, Likeness.LOOSE, Likeness.ACRONYM, Likeness.SIMILAR})
_ORDER = {how: number for number, how in enumerate(Likeness)}


def _best(
    here: Sequence[str], there: Sequence[str], *, projects: bool = False
) -> tuple[Likeness, str, tuple[str, str]]:
    compared = ((*likeness(one, other, projects=projects), (one, other)) for one in here for other in there)
    return min(
        compared,
        key=lambda found: (_ORDER[found[0]], found[1], sorted(found[2])),
        default=(Likeness.UNLIKE, "", ("", "")),
    )


def _alias(one: Profile, other: Profile) -> str | None:
    """Give a further name of one that is a name of the other, or of both; the longest says most."""
    found: set[str] = set()
    for mine, theirs in ((one, other), (other, one)):
        called = {form for name in theirs.names for form in (compact(name), core(name))}
        further = {compact(name) for name in theirs.others}
        for name in mine.others:
            plain = compact(name)
            if plain in called or (plain in further and len(plain) > _SHORT + 1):
                found.add(name)
    return max(found, key=lambda name: (len(compact(name)), name), default=None)


def _label(one: Profile, other: Profile) -> str | None:
    """Give the domain of both that is the name of one and stands in the other's, if spelt otherwise."""
    for mine, theirs in ((one, other), (other, one)):
        shared = {site.domain for site in mine.sites} & theirs.domains
        labels = {domain.partition(".")[0].replace("-", ""): domain for domain in sorted(shared)}
        for name in mine.names:
            label = compact(name) if compact(name) in labels else core(name)
            if label in labels and any(label in compact(called) for called in theirs.names):
                return labels[label]
    return None


def _rarity(name: str, census: Census, one: Profile, other: Profile) -> float:
    """Weigh an equal name: long names are rarely shared, and a name that many have says little."""
    weight = 9.0 + _length(name)
    if one.registered or other.registered:
        weight -= 2.0 * max(census.known.namesakes.get(compact(name), 0) - 1, 0) + (
            2.5 if len(words(name)) == 1 else 0.0
        )
    return max(weight, 1.0)


def _length(name: str) -> float:
    """Give what the words of a name after the first add to the weight of its being equal."""
    return min(2.0, 0.75 * (len(words(name)) - 1))


def _listed(one: Profile, other: Profile) -> Iterator[Evidence]:
    if {compact(name) for name in one.names} & {compact(name) for name in other.names}:
        if one.lists & other.lists:
            yield Evidence("one list has the name twice", -5.0)
    elif any(_is_permalink(each) for each in (one, other)):
        return  # a label of an address is no name that the source has chosen
    elif one.lists & other.lists:
        yield Evidence("one list has both under different names", -6.0)
    elif one.sources & other.sources:
        yield Evidence("one source has both under different names", -1.5)


def _is_address(profile: Profile) -> bool:
    """Tell whether a thing's only name is the host of its address."""
    domains = {site.domain for site in profile.sites}
    return all("." in name and " " not in name and registrable(name) in domains for name in profile.names)


def _is_permalink(profile: Profile) -> bool:
    return all(name in profile.permalinks for name in profile.names)


# ---- Projects --------------------------------------------------------------------------------------------------------


def _projects(one: Profile, other: Profile, census: Census) -> list[Evidence]:
    found = []
    common = one.repositories & other.repositories
    if common:
        address = min(common, key=lambda address: (-census.discount(address), address))
        found.append(Evidence(f"same repository, {address}", 7.0 * census.discount(address)))
    elif {address.rpartition("/")[2] for address in one.repositories} & {
        address.rpartition("/")[2] for address in other.repositories
    }:
        found.append(Evidence("repositories of one name at two accounts", 2.0))
    elif one.repositories and other.repositories:
        found.append(Evidence("no repository in common", -1.0))
    sites = one.sites & other.sites
    if sites and not common:
        site = min(sites, key=lambda site: (-census.discount(site.domain), bool(site.place), site.domain, site.place))
        # Many projects share the domain of their foundation, but not the place below it.
        weight = max(5.0 * census.discount(site.domain), 1.5 if site.place else 0.0)
        found.append(Evidence(f"same site, {site.domain}", weight))
    elif not common and {s.domain for s in one.sites} & {s.domain for s in other.sites}:
        found.append(Evidence("places of one domain", 1.0))
    found += _project_names(one, other, common)
    found += _listed(one, other)
    return found


def _project_names(one: Profile, other: Profile, common: set[str]) -> Iterator[Evidence]:
    how, said, pair = _best(one.names, other.names, projects=True)
    if how is Likeness.EQUAL:
        yield Evidence(f"same name, {min(pair)}", 9.5 + _length(min(pair)))
        return
    if alias := _alias(one, other):
        yield Evidence(f"one is also called {alias}", 3.0)
        return
    for address in sorted(common):
        if all(any(_is_named_after(name, address) for name in each.names) for each in (one, other)):
            yield Evidence("both are called as their repository", 4.0)
            return
    weights = {
        Likeness.SILENT: 7.5 + _length(min(pair, key=len)), Likeness.ACRONYM: 2.5, Likeness.SIMILAR: 3.5,
        Likeness.LONGER: -1.0,
    }  # fmt: skip
    if how is Likeness.PART:
        yield Evidence(f"a part by its name: {said}", 1.0, apart=True)
    elif how in weights:
        yield Evidence(f"names {how.value}{f', {said}' if said else ''}", weights[how])
    else:
        yield Evidence("names unlike", -5.0)


def _is_named_after(name: str, address: str) -> bool:
    """Tell whether a name is that of a repository, alone or after its account's."""
    *_, account, repository = address.split("/")
    plain, last = compact(name), compact(repository)
    return plain in (last, compact(f"{account}{repository}")) or (
        len(last) >= 2 and plain.endswith(last) and len(plain) - len(last) <= len(account)
        and plain[: len(plain) - len(last)] in compact(account)
    ) or is_short_for(repository, name)  # fmt: skip


# ---- Models ----------------------------------------------------------------------------------------------------------


def _models(one: Profile, other: Profile, census: Census) -> list[Evidence]:
    found = []
    if common := one.pages & other.pages:
        found.append(Evidence(f"same page, {min(common)}", 5.0 * census.discount(min(common))))
    elif one.pages and other.pages:
        found.append(Evidence("no page in common", -3.0))
    here, there = (_model_words(each.names[0] if each.names else each.iri) for each in (one, other))
    more = here ^ there
    if not more:
        found.append(Evidence("same name", 9.0))
    else:
        numbers = {word for word in more if any(map(str.isdigit, word))}
        one_sided = not (here & numbers) or not (there & numbers)
        if more - numbers:
            found.append(Evidence(f"names differ in {' '.join(sorted(more - numbers))}", -8.0, apart=True))
        elif one_sided and _page_says(one, there) | _page_says(other, here):
            found.append(Evidence("the page of one has the name of the other", 9.0))
        elif one_sided and common:
            found.append(Evidence(f"one name leaves out {' '.join(sorted(numbers))}", 4.0))
        elif one_sided:
            found.append(Evidence(f"one name leaves out {' '.join(sorted(numbers))}", 0.0))
        else:
            found.append(Evidence(f"another size or version: {' '.join(sorted(numbers))}", -10.0, apart=True))
    return found


def _page_says(profile: Profile, wanted: frozenset[str]) -> bool:
    return any(_model_words(page.rpartition("/")[2]) == wanted for page in profile.pages)


def _model_words(name: str) -> frozenset[str]:
    """Give the words of a model's name, letters and numbers apart, sizes and versions as they are."""
    text = name.casefold().replace("+", " plus ")
    found = []
    for word in text.replace("-", " ").replace("_", " ").replace("(", " ").replace(")", " ").split():
        letters = word.rstrip("0123456789.")
        if letters and letters not in (word, "v"):
            found += [letters, word[len(letters) :]]
        else:
            found.append(word)
    return frozenset(found)


COMPARERS: Mapping[str, Callable[[Profile, Profile, Census], list[Evidence]]] = {
    "org": _organizations,
    "project": _projects,
    "model": _models,
}

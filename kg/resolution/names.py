"""How two names are alike: equal, short for one another, one with a word more, or unlike. Pure functions of text."""

from __future__ import annotations

import re
from enum import StrEnum
from functools import lru_cache

from rapidfuzz.fuzz import ratio, token_sort_ratio

from kg import keys

# Words that a name goes with or without: they tell no two organizations apart when an address says that they are one.
_LOOSE = frozenset(
    {
        "aisbl", "asbl", "association", "communications", "consortium", "corporation", "electronics", "ev",
        "foundation", "fund", "gaming", "global", "group", "holding", "holdings", "information",
        "international", "networks", "platform", "platforms", "project", "services", "software", "solutions",
        "system", "systems", "tech", "technologies", "technology",
    }
)  # fmt: skip
# Of them and besides, what is left out in speech so often that nothing else need say that the two are one.
_SILENT = frozenset(
    {
        "ai", "com", "corp", "io", "labs", "org", "platforms", "private", "project", "software",
    }
)  # fmt: skip
# What a part of an organization adds to the name of the whole.
_PARTS = frozenset(
    {
        "academy", "africa", "america", "americas", "apac", "asia", "azure", "bank", "branch", "campus",
        "capital", "center", "centre", "chapter", "clinic", "cloud", "college", "consulting", "data",
        "deepmind", "department", "digital", "east", "division", "emea", "energy", "europe", "european",
        "faculty", "federal", "financial", "gmbh", "health", "hospital", "initiative", "institut",
        "institute", "japan", "lab", "laboratories", "laboratory", "labs", "latin", "library", "media",
        "mobile", "network", "north", "office", "press", "programme", "program", "research", "school",
        "section", "security", "south", "studio", "studios", "unit", "university", "ventures", "web", "west",
    }
)  # fmt: skip
# What a part of a project, or something that goes with it, adds to its name.
_COMPONENTS = frozenset(
    {
        "agent", "api", "bindings", "bootstrap", "certified", "client", "clients", "cli", "committee",
        "components", "connector", "core", "council", "dashboard", "driver", "exporter", "extension",
        "extensions", "foundation", "framework", "fund", "gateway", "group", "interest", "js", "json", "labs",
        "library", "notebook", "notebooks", "net", "operator", "phase", "pipelines", "plugin", "plugins",
        "python", "rust", "sdk", "server", "sig", "spec", "specification", "special", "ui", "wg", "working",
    }
)  # fmt: skip
# What goes with the name of a project or not.
_PROJECT_SILENT = frozenset({"apache", "incubator", "project", "proposal", "toolkit"})
_VARIANTS = {
    "laboratories": "laboratory", "lab": "laboratory", "labs": "laboratory", "univ": "university", "natl": "national",
    "inst": "institute", "centre": "center", "toolbox": "toolkit",
}  # fmt: skip
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])|[\W_]+|(?<=[A-Za-z])(?=\d)")
_BRACKET = re.compile(r"[(（]([^()（）]+)[)）]")
_ALSO = re.compile(r"\baka\b|\bformerly\b|\bf/k/a\b|\balso known as\b", re.IGNORECASE)


class Likeness(StrEnum):
    """How two names are alike, the strongest first."""

    EQUAL = "equal"
    SILENT = "equal but for a word that is left out in speech"
    LOOSE = "equal but for a general word"
    ACRONYM = "one is short for the other"
    SIMILAR = "spelt alike"
    PART = "one adds a word for a part"
    LONGER = "one adds words"
    UNLIKE = "unlike"


def compact(name: str) -> str:
    """Give a plain name without blanks: what is left to compare when words are joined or taken apart.

    >>> compact("Hugging Face, Inc."), compact("HuggingFace")
    ('huggingface', 'huggingface')
    """
    return keys.plain_name(name).replace("artificial intelligence", "ai").replace(" ", "")


@lru_cache(maxsize=1 << 16)
def words(name: str) -> tuple[str, ...]:
    """Give the words of a plain name, common variants in one spelling."""
    plain = keys.plain_name(name.replace("_", " ")).replace("artificial intelligence", "ai")
    return tuple(_VARIANTS.get(word, word) for word in plain.split())


@lru_cache(maxsize=1 << 16)
def core(name: str) -> str:
    """Give a plain name without the words that a name goes with or without, joined."""
    plain = keys.plain_name(name.replace("_", " ")).split()
    kept = [word for word in plain if word not in _LOOSE and word not in _SILENT] or plain
    return "".join(kept)


def project_core(name: str) -> str:
    """Give the plain name of a project without the words that it goes with or without, joined."""
    plain = words(name)
    return "".join([word for word in plain if word not in _PROJECT_SILENT] or plain)


@lru_cache(maxsize=1 << 16)
def further(name: str) -> tuple[str, ...]:
    """Give what stands in the brackets of a name or after "aka", which is another name or a remark.

    >>> further("Elastic Deep Learning (EDL)")
    ('EDL',)
    """
    found = [text.strip() for text in _BRACKET.findall(name)]
    bare = _BRACKET.sub(" ", name)
    if _ALSO.search(bare):
        found += [part.strip() for part in _ALSO.split(bare)]
    return tuple(text for text in found if text)


@lru_cache(maxsize=1 << 16)
def _pattern(name: str) -> re.Pattern[str]:
    """Match what is made of the first letters of a name's words, each or whole."""
    plain = _BRACKET.sub(" ", name)
    parts = [part.casefold() for part in _CAMEL.split(plain) if part]
    optional = {"of", "the", "for", "and", "in", "de", "project", "inc", "corporation", "toolkit", "toolbox"}
    spelled = (f"(?:{re.escape(part)}|{re.escape(part[0])}){'?' if part in optional else ''}" for part in parts[:10])
    return re.compile("".join(spelled))


def is_short_for(short: str, name: str) -> bool:
    """Tell whether a text is made of first letters of another's words, some of them whole; no word of its own.

    >>> is_short_for("aif360", "AI Fairness 360"), is_short_for("IBM", "International Business Machines")
    (True, True)
    """
    text = re.sub(r"[\W_]+", "", short).casefold()
    plain = re.sub(r"[\W_]+", "", _BRACKET.sub(" ", name)).casefold()
    if not 2 <= len(text) <= 16 or len(plain) < len(text) + 3 or len(_CAMEL.split(name)) < 2:
        return False
    return text[0] == plain[0] and _pattern(name).fullmatch(text) is not None


@lru_cache(maxsize=1 << 16)
def likeness(one: str, other: str, *, projects: bool = False) -> tuple[Likeness, str]:
    """Compare two names; give how they are alike and, where one has words more, which. Symmetric."""
    if one > other:
        one, other = other, one
    left, right = words(one), words(other)
    if "".join(left) == "".join(right):
        return Likeness.EQUAL, ""
    here, there = set(left), set(right)
    more = (here - there) | (there - here)
    said = " ".join(sorted(more))
    if here < there or there < here or (not projects and core(one) == core(other)):
        raw = set(keys.plain_name(one).split()) ^ set(keys.plain_name(other).split())
        if raw <= _SILENT:
            return Likeness.SILENT, said
        if not projects and raw <= _LOOSE | _SILENT:
            return Likeness.LOOSE, said
        if projects and raw <= _PROJECT_SILENT:
            return Likeness.SILENT, said
        if raw & (_COMPONENTS if projects else _PARTS):
            return Likeness.PART, said
        if here < there or there < here:
            return Likeness.LONGER, said
    if is_short_for(one, other) or is_short_for(other, one):
        return Likeness.ACRONYM, ""
    plain = " ".join(left), " ".join(right)
    if any(any(map(str.isdigit, word)) for word in more):
        return Likeness.UNLIKE, said  # numbers tell things apart, however alike the rest is
    alike = max(ratio(*plain), token_sort_ratio(*plain))
    if alike >= 92 or (alike >= 86 and min(map(len, plain)) >= 12):
        return Likeness.SIMILAR, f"{alike:.0f} per cent"
    return Likeness.UNLIKE, said


def names_a_part(said: str) -> bool:
    """Tell whether the words that one name has more are among those for parts of an organization."""
    return not _PARTS.isdisjoint(said.split())

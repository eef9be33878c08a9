"""Keys that identify a thing across sources: addresses and names in one spelling.

Loaders mint entities by these keys, resolution compares by them. Pure functions of text; nothing is looked up.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote, urlsplit

# Hosts where the first steps of a path name an account and a repository, and what follows is a place inside it.
_FORGES = frozenset({"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "gitee.com", "huggingface.co"})
# What GitHub puts before an account's name on pages of its own, where the account of a repository would stand.
_NO_ACCOUNTS = frozenset({"apps", "collections", "organizations", "orgs", "sponsors", "topics", "users"})
# Where huggingface keeps what is no model: the step before account and name.
_HUB_KINDS = frozenset({"datasets", "spaces"})
# What else stands there where a model has its account.
_HUB_PAGES = _HUB_KINDS | {"api", "blog", "collections", "docs", "models", "organizations", "papers", "posts", "tasks"}
# What follows the name of a company in its country.
_LEGAL_FORMS = frozenset(
    {
        *(
            "ab",
            "ag",
            "as",
            "asa",
            "bv",
            "gmbh",
            "kg",
            "kk",
            "nv",
            "oy",
            "oyj",
            "sa",
            "sarl",
            "sas",
            "se",
            "spa",
            "srl",
        ),
        *("co", "company", "corp", "corporation", "inc", "incorporated", "limited", "llc", "llp", "lp", "ltd", "plc"),
        *("pte", "pty", "pvt"),
    }
)
_BRACKETS = re.compile(r"\([^()]*\)")
_INITIALS = re.compile(r"(?<=\b\w)\.(?=\w\b)")
_WORD = re.compile(r"\w+")


def repository(address: str) -> str | None:
    """Give the canonical address of a repository: lower-case host, no ``www``, ``.git``, query or trailing slash.

    The path keeps its case (a host may tell cases apart), except on GitHub, which does not. On a forge only account
    and name are kept. None where ``address`` names no repository (an account alone, no path, no http or git address).

    >>> repository("git" "@github.com:PyTorch/PyTorch.git"), repository("http://www.github.com/a/b/tree/main#readme")
    ('https://github.com/pytorch/pytorch', 'https://github.com/a/b')
    """
    text = address.strip()
    if found := re.fullmatch(r"(?:ssh://)?git@([^:/\s]+)[:/](.+)", text):
        text = f"https://{found[1]}/{found[2]}"
    try:
        parts = urlsplit(text)
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https", "git", "ssh") or "." not in host:
        return None
    steps = [step for step in unquote(parts.path).split("/") if step]
    if host in _FORGES:
        wanted = 3 if host == "huggingface.co" and steps[:1] and steps[0] in _HUB_KINDS else 2
        if len(steps) < wanted or (host == "github.com" and steps[0].lower() in _NO_ACCOUNTS):
            return None
        steps = steps[: steps.index("-")] if host == "gitlab.com" and "-" in steps[wanted:] else steps
        steps = steps if host == "gitlab.com" else steps[:wanted]
    if not steps:
        return None
    steps[-1] = steps[-1].removesuffix(".git")
    path = "/".join(steps)
    if not re.fullmatch(r"(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]+)*", path):
        return None
    return f"https://{host}/{path.lower() if host == 'github.com' else path}"


def hub_model(address: str) -> str | None:
    """Give the address of a model on huggingface, from any page of it or from its bare ``account/name``.

    None for data sets, collections, papers and whatever else is there.

    >>> hub_model("https://huggingface.co/acme/owl-7b/tree/main"), hub_model("acme/owl-7b"), hub_model("owl-7b")
    ('https://huggingface.co/acme/owl-7b', 'https://huggingface.co/acme/owl-7b', None)
    """
    text = address.strip()
    if re.fullmatch(r"[\w.-]+/[\w.-]+", text, re.ASCII):
        text = f"https://huggingface.co/{text}"
    found = repository(text) or ""
    at_hub = found.startswith("https://huggingface.co/")
    return found if at_hub and found.split("/")[3] not in _HUB_PAGES else None


def homepage(address: str) -> str | None:
    """Give host and path of a web address without scheme, ``www``, query or trailing slash; None for no web address.

    >>> homepage("http://www.Example.org/en/"), homepage("mailto:x")
    ('example.org/en', None)
    """
    try:
        parts = urlsplit(address.strip())
        host = (parts.hostname or "").removeprefix("www.")
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "." not in host:
        return None
    return f"{host}{parts.path.rstrip('/')}"


def host(address: str) -> str | None:
    """Give the host of a web address in lower case without ``www``; None for no web address.

    >>> host("https://www.Example.org:8443/a")
    'example.org'
    """
    page = homepage(address)
    return page.partition("/")[0] if page else None


def crunchbase(address: str) -> str | None:
    """Give the permalink of an organization's Crunchbase address; None for any other.

    >>> crunchbase("https://www.crunchbase.com/organization/linux-foundation/")
    'linux-foundation'
    """
    page = homepage(address)
    found = re.fullmatch(r"crunchbase\.com/organization/([a-z0-9_-]+)(?:/.*)?", page or "", re.IGNORECASE)
    return found[1].lower() if found else None


def plain_name(name: str) -> str:
    """Give a name for comparison: no accents, case, punctuation, bracketed additions or legal form at its end.

    >>> plain_name("Amazon Web Services, Inc. (member)"), plain_name("Société Générale S.A.")
    ('amazon web services', 'societe generale')
    """
    text = name
    if not name.isascii():
        text = "".join(mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    text = text.casefold()
    if "(" in text:
        without = _BRACKETS.sub(" ", text)
        text = without if without.strip() else text
    text = text.replace("&", " and ")
    if "." in text:
        text = _INITIALS.sub("", text)  # S.A. is one word
    words = _WORD.findall(text)
    while len(words) > 1 and words[-1] in _LEGAL_FORMS:
        words.pop()
    return " ".join(words[1:] if len(words) > 1 and words[0] == "the" else words)

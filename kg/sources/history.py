"""Counts the commits of a history by month and organization, and keeps no person and no address.

The tables are those of the shared data set of contributions, by its rules, so one loader reads both:

- the month is the committer's, merges are left out;
- an organization is the registrable domain of the author's address (evidence ``email``); for web-mail and noreply
  addresses it is the domain that the same author name used in the same project at the nearest time within
  ``LINK_DAYS`` (evidence ``linked``), and a group in brackets where there is none;
- programs are apart, by their names;
- a domain is shown where three authors use it or an organization is known by it; the others are pooled
  (``kg.sources.tables``).

An author is a 64-bit number made of the name with a key that is drawn for each run and forgotten with it. Numbers
stand in memory and in a scratch file that is gone when the tables are written; names and addresses are never written.
Memory: about 20 bytes for each commit, and one entry for each author and each domain.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import blake2b
from ipaddress import ip_address
from pathlib import Path

from kg.sources.contributions import BY_GROUP, BY_MONTH, PROJECTS
from kg.sources.git import Commit
from kg.sources.tables import EVENTS, Table, group_months, opened, project_months

LINK_DAYS = 365
FIRST_DAY = date(1970, 1, 2)  # what is dated before has no date: git counts seconds from the day before

WEBMAIL, NOREPLY, NONE = "(webmail)", "(github-noreply)", "(none)"

# Second levels under which a country lets organizations register, and top levels that no organization can have.
_SECOND_LEVELS = frozenset(
    {"ac", "co", "com", "edu", "go", "gob", "gov", "gv", "mil", "ne", "net", "nom", "or", "org", "res"}
)
_LOCAL = frozenset(
    {
        *("arpa", "box", "corp", "example", "home", "internal", "intranet", "invalid", "lan", "local", "localdomain"),
        *("localhost", "private", "test", "workgroup"),
    }
)
_WEBMAIL = frozenset(
    {
        *("126.com", "139.com", "163.com", "189.cn", "21cn.com", "aol.com", "att.net", "comcast.net", "daum.net"),
        *("disroot.org", "duck.com", "fastmail.com", "fastmail.fm", "foxmail.com", "free.fr", "gmail.com"),
        *("googlemail.com", "hanmail.net", "hey.com", "icloud.com", "laposte.net", "mac.com", "mail.com", "mail.ru"),
        *("mailbox.org", "me.com", "msn.com", "naver.com", "orange.fr", "pm.me", "posteo.de", "posteo.net"),
        *("proton.me", "protonmail.ch", "protonmail.com", "qq.com", "rambler.ru", "rediffmail.com", "riseup.net"),
        *("rocketmail.com", "sina.cn", "sina.com", "sohu.com", "t-online.de", "tutanota.com", "tutanota.de"),
        *("tuta.io", "vip.qq.com", "wanadoo.fr", "web.de", "wp.pl", "ya.ru", "yeah.net", "ymail.com", "zoho.com"),
    }
)
# Providers that are at home in many countries: hotmail.co.uk, yahoo.fr.
_WEBMAIL_NAMES = frozenset({"gmx", "hotmail", "live", "outlook", "yahoo", "yandex"})
_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
_BOT = re.compile(
    r"\[bot\]$|(?:^|[\s._-])(?:ro)?bot$|^(?:dependabot|renovate|greenkeeper|mergify|pyup|snyk|codecov|travis|jenkins)\b"
    r"|^(?:github[ -]actions?|pre-commit[ -]ci|copybara|pytorchmergebot|semantic-release)\b"
)
_IS_BOT, _IS_INTERNAL, _IS_NOBODY = 1, 2, 4


@dataclass(frozen=True, slots=True)
class Counted:
    """What was counted: commits, how many were left out for a date that cannot be, and the first and last day."""

    commits: int
    undated: int
    first: date
    last: date


class Events:
    """The commits of one project as numbers, column by column."""

    def __init__(self, commits: Iterable[Commit], *, key: bytes, today: date) -> None:
        """Read a history. Streams the commits; ``key`` makes numbers of names, ``today`` bounds what can be a date."""
        self.undated = 0
        self.domains: list[str] = []
        self._days, self._authors = array("l"), array("q")
        self._domains, self._flags = array("l"), array("b")
        numbers: dict[str, int] = {}
        groups: dict[bytes, str] = {}  # what stands after the @ -> registrable domain or group
        latest = today.toordinal() + 1  # somewhere it is tomorrow already
        for commit in commits:
            day = _ordinal(commit.day)
            if not FIRST_DAY.toordinal() <= day <= latest:
                self.undated += 1
                continue
            host = commit.address.rpartition(b"@")[2] if b"@" in commit.address else b""
            if (group := groups.get(host)) is None:
                group = groups[host] = group_of(host)
            name = commit.author.decode("utf-8", "replace").strip().casefold()
            flags = _IS_INTERNAL * commit.internal
            if _BOT.search(name) or b"[bot]@" in commit.address:
                flags |= _IS_BOT
            if not name:
                flags |= _IS_NOBODY
            self._days.append(day)
            self._authors.append(
                int.from_bytes(blake2b(name.encode(), digest_size=8, key=key).digest(), "big", signed=True)
            )
            self._domains.append(numbers.setdefault(group, len(numbers)))
            self._flags.append(flags)
        self.domains = list(numbers)

    def __len__(self) -> int:
        return len(self._days)

    @property
    def span(self) -> tuple[date, date]:
        """The first and the last day."""
        return date.fromordinal(min(self._days)), date.fromordinal(max(self._days))

    def rows(self, project: str) -> Iterator[tuple[str, str, str, int | str, str, str, str]]:
        """Give one row of ``EVENTS`` for each commit, in the order read."""
        uses = self._uses()
        shown: dict[int, str] = {}
        for day, author, number, flags in zip(self._days, self._authors, self._domains, self._flags, strict=True):
            domain = self.domains[number]
            evidence = "email"
            linkable = domain in _LINKABLE and not flags & (_IS_BOT | _IS_NOBODY)
            if linkable and (used := _nearest(uses.get(author, ()), day, self.domains)) is not None:
                domain, evidence = used, "linked"
            if day not in shown:
                shown[day] = date.fromordinal(day).isoformat()
            yield (
                project,
                shown[day],
                _GROUP_SHOWN.get(domain, domain),
                "" if flags & _IS_NOBODY else author,
                "none" if domain.startswith("(") else evidence,
                "true" if flags & _IS_BOT else "false",
                "true" if flags & _IS_INTERNAL else "false",
            )

    def _uses(self) -> dict[int, Sequence[int]]:
        """Give, for each author, when which domain of an organization was used: day and domain packed, sorted."""
        organizations = [not domain.startswith("(") for domain in self.domains]
        met: dict[int, array[int]] = {}
        for day, author, number, flags in zip(self._days, self._authors, self._domains, self._flags, strict=True):
            if organizations[number] and not flags & (_IS_BOT | _IS_NOBODY):
                packed = day << _BITS | number
                found = met.setdefault(author, array("q"))
                if not found or found[-1] != packed:
                    found.append(packed)
        return {author: sorted(set(found)) for author, found in met.items()}


_BITS = 32  # of a domain's number beside its day
# A noreply address of another host than GitHub's is linked as GitHub's is, and shown as no address.
_OTHER_NOREPLY = "(other-noreply)"
_LINKABLE = frozenset({WEBMAIL, NOREPLY, _OTHER_NOREPLY})
_GROUP_SHOWN = {_OTHER_NOREPLY: NONE}


def count(commits: Iterable[Commit], *, key: bytes, today: date) -> Events:
    """Read a history into numbers. Raises ValueError when it holds no commit with a date."""
    found = Events(commits, key=key, today=today)
    if not len(found):
        raise ValueError(f"it holds no commit with a date that can be ({found.undated:,} without)")
    return found


def write_tables(
    events: Events, folder: Path, *, project: str, repository: str, commit: str, known: Collection[str], scratch: Path
) -> Counted:
    """Write the three tables of a project to ``folder``; equal histories give equal bytes.

    ``repository`` is its address, ``commit`` where the history was read from, ``known`` the domains of organizations,
    ``scratch`` a folder for what does not fit in memory. Raises DriftError as ``kg.sources.tables`` does.
    """
    place = scratch / "events.csv"
    with place.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(EVENTS)
        writer.writerows(events.rows(project))
    try:
        with opened("duckdb", memory="512MB", scratch=scratch) as engine:
            table = Table.csv(EVENTS, place)
            _write(
                folder / BY_GROUP,
                ("project", "month", "domain", "evidence", "commits", "authors", "phabricator_commits"),
                group_months(engine, table, known=known),
            )
            _write(
                folder / BY_MONTH,
                ("project", "month", "commits", "authors", "new_authors", "bot_commits", "phabricator_commits"),
                project_months(engine, table),
            )
    finally:
        place.unlink()
    first, last = events.span
    row = (project, repository, "", "", "", "", "", "", "", first, last, len(events), "", commit)
    _write(
        folder / PROJECTS,
        (
            *("project", "repo", "group", "event", "event_date", "other_dates", "from_org", "to_org"),
            *("event_evidence", "first_commit", "last_commit", "commits", "history_from", "history_commit"),
        ),
        [row],
    )
    return Counted(len(events), events.undated, first, last)


def group_of(host: bytes) -> str:
    """Give the registrable domain that an address's host belongs to, or the group in brackets of one that has none.

    A rule of thumb stands for the public list of suffixes: under a country's top level, a second level that is a usual
    word for a kind of organization is a suffix too.

    >>> group_of(b"lists.Example.co.uk"), group_of(b"mail.example.org"), group_of(b"yahoo.fr"), group_of(b"box.local")
    ('example.co.uk', 'example.org', '(webmail)', '(none)')
    """
    name = host.decode("ascii", "replace").strip(" <>\"'.").lower()
    if name.endswith("noreply.github.com"):
        return NOREPLY
    labels = name.split(".")
    if len(name) > 253 or len(labels) < 2 or labels[-1] in _LOCAL or not all(map(_NAME.fullmatch, labels)):
        return NONE
    if _is_number(name) or labels[-1].isdigit():
        return NONE
    if any(label in ("noreply", "no-reply") for label in labels[:-1]):
        return _OTHER_NOREPLY
    long = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVELS
    kept = labels[-3:] if long else labels[-2:]
    if kept[0] in _WEBMAIL_NAMES or ".".join(kept) in _WEBMAIL or name in _WEBMAIL:
        return WEBMAIL
    return ".".join(kept)


def _is_number(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _ordinal(text: str) -> int:
    """Give the number of a day, 0 for what is none."""
    try:
        return date.fromisoformat(text).toordinal()
    except ValueError:
        return 0


def _nearest(uses: Sequence[int], day: int, domains: Sequence[str]) -> str | None:
    """Give the domain used at the nearest day within ``LINK_DAYS``; of equals the earlier, then by name."""
    if not uses:
        return None
    place = bisect_left(uses, day << _BITS)
    near = {use >> _BITS for use in (*uses[max(0, place - 1) : place], *uses[place : place + 1])}
    best = min(near, key=lambda other: (abs(other - day), other))
    if abs(best - day) > LINK_DAYS:
        return None
    start, end = bisect_left(uses, best << _BITS), bisect_left(uses, (best + 1) << _BITS)
    return min(domains[use & ((1 << _BITS) - 1)] for use in uses[start:end])


def _write(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a table, packed where its name says so, without the time of day that packing would keep."""
    with path.open("wb") as file:
        packed = gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) if path.suffix == ".gz" else file
        with io.TextIOWrapper(packed, encoding="utf-8", newline="") as text:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(header)
            writer.writerows(rows)

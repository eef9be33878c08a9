"""Asks a running service for every IRI of its release, and says what a robot would: statuses, sizes, times, dead links.

Each IRI below the base is asked for once as a browser asks, and where that leads. Each page is held to its size. Its
HTML is read by the standard's own algorithm (a parser that counts errors), once for each distinct *skeleton*: a page
without its texts and the values of its attributes, so that a label that breaks out of its place is another skeleton.

Links to pages are looked up among what was crawled, and asked for where they are none of it. Other links are far more
(each page has its query, its formats, its lists), so of each family (``Family``) so many are asked for, spread by a
hash over all that were met.
"""

from __future__ import annotations

import hashlib
import heapq
import html
import http.client
import multiprocessing
import re
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeAlias
from urllib.parse import parse_qsl, quote, unquote, urlsplit

import html5rdf

HEAVIEST = 200_000  # bytes a page may have before it is coded
_KEPT = 5  # pages that a report names where many have one fault
_SAFE = "/:@!$&()*+,;=-._~"
_HREF = re.compile(rb'\shref="([^"]*)"')
_ANCHOR = re.compile(rb'\sid="([^"]*)"')
# What does not make a skeleton: texts, and values of attributes other than id.
_FILLING = re.compile(rb'(?<!\sid)="[^"]*"|(?<=>)[^<]+')
_BROWSER = {"Accept": "text/html,application/xhtml+xml;q=0.9"}

Family: TypeAlias = tuple[str, ...]  # first segment, kind or ending, names of parameters


@dataclass
class Found:
    """What one part of a crawl met. ``most`` links of each family are kept, to be asked for."""

    most: int
    asked: int = 0
    moved: int = 0
    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    counts: Counter[str] = field(default_factory=Counter)
    heaviest: dict[str, tuple[int, str]] = field(default_factory=dict)  # by kind: bytes, address
    slowest: dict[str, tuple[float, str]] = field(default_factory=dict)  # by kind: milliseconds, address
    skeletons: dict[bytes, str] = field(default_factory=dict)  # hash -> an address that has it
    pages: set[str] = field(default_factory=set)  # addresses that answered with a page
    linked: dict[str, str] = field(default_factory=dict)  # links to pages -> where one stands
    others: dict[Family, list[tuple[int, str, str]]] = field(default_factory=lambda: defaultdict(list))
    anchors: dict[str, set[str]] = field(default_factory=dict)  # of the pages that have the terms

    def blame(self, fault: str, address: str) -> None:
        """Note a fault; the first few addresses that have it are kept."""
        self.counts[fault] += 1
        if len(self.wrong[fault]) < _KEPT:
            self.wrong[fault].append(address)

    def add(self, other: Found) -> None:
        """Take in what another part met."""
        self.asked += other.asked
        self.moved += other.moved
        self.counts += other.counts
        for fault, addresses in other.wrong.items():
            self.wrong[fault] = (self.wrong[fault] + addresses)[:_KEPT]
        for kind, heavy in other.heaviest.items():
            self.heaviest[kind] = max(self.heaviest.get(kind, (0, "")), heavy)
        for kind, slow in other.slowest.items():
            self.slowest[kind] = max(self.slowest.get(kind, (0.0, "")), slow)
        self.skeletons = {**other.skeletons, **self.skeletons}
        self.pages |= other.pages
        self.linked = {**other.linked, **self.linked}
        self.anchors |= other.anchors
        for family, links in other.others.items():
            self.others[family] = heapq.nsmallest(self.most, set(self.others[family]) | set(links))


class Robot:
    """Reads pages over one kept connection."""

    def __init__(self, port: int, found: Found | None = None) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
        self.found = found if found is not None else Found(0)

    def __enter__(self) -> Robot:
        return self

    def __exit__(self, *_: object) -> None:
        self._line.close()

    def get(self, address: str, accept: dict[str, str] = _BROWSER) -> tuple[int, str, bytes, str]:
        """Give status, type, body and where it sends on."""
        self._line.request("GET", address, headers=accept)
        answer = self._line.getresponse()
        body = answer.read()
        media_type = (answer.getheader("Content-Type") or "").partition(";")[0]
        return answer.status, media_type, body, answer.getheader("Location") or ""

    def thing(self, path: str) -> None:
        """Ask for an IRI by its path below the base, and go where it sends on."""
        address = "/" + quote(path, safe=_SAFE)
        self.found.asked += 1
        status, _, _, place = self.get(address)
        if status == 301:
            self.found.moved += 1
        elif status != 303:
            self.found.blame(f"an IRI answers {status}", address)
        else:
            self.page(place, "/".join(path.split("/")[:2]))

    def page(self, address: str, kind: str) -> None:
        """Read a page: its status, size, time, skeleton and links."""
        found = self.found
        begun = time.perf_counter()
        status, media_type, body, _ = self.get(address)
        taken = (time.perf_counter() - begun) * 1000
        if (status, media_type) != (200, "text/html"):
            found.blame(f"a page answers {status} {media_type}", address)
            return
        found.pages.add(address)
        if len(body) > HEAVIEST:
            found.blame(f"a page of more than {HEAVIEST:,} bytes", f"{address} ({len(body):,})")
        found.heaviest[kind] = max(found.heaviest.get(kind, (0, "")), (len(body), address))
        found.slowest[kind] = max(found.slowest.get(kind, (0.0, "")), (taken, address))
        skeleton = hashlib.blake2b(_FILLING.sub(b"", body), digest_size=8).digest()
        found.skeletons.setdefault(skeleton, address)
        if address.startswith("/ontology"):
            found.anchors[address] = {html.unescape(name.decode()) for name in _ANCHOR.findall(body)}
        for raw in set(_HREF.findall(body)):
            self._link(html.unescape(raw.decode()), address)

    def _link(self, href: str, address: str) -> None:
        parts = urlsplit(href)
        if parts.scheme or parts.netloc or not href.startswith("/"):
            if not (parts.scheme in ("http", "https") or href.startswith("#")):
                self.found.blame("a link to a scheme that is none of the web", f"{address}: {href}")
            return
        if parts.path.startswith("/page/") and not parts.query:
            self.found.linked.setdefault(parts.path, address)
            return
        if parts.fragment and parts.path.startswith("/ontology"):
            self.found.linked.setdefault(href, address)
            return
        place = parts.path + (f"?{parts.query}" if parts.query else "")
        keep = self.found.others[family_of(place)]
        # Spread over all that is met by a hash, so that the same links are asked for in every crawl.
        mark = int.from_bytes(hashlib.blake2b(place.encode(), digest_size=8).digest())
        most = self.found.most
        if (len(keep) < most or mark < keep[-1][0]) and all(mark != known for known, *_ in keep):
            keep.append((mark, place, address))
            keep.sort()
            del keep[most:]


def family_of(address: str) -> Family:
    """Give what kind of link an address is: lists by facets are one family each, whatever the facets.

    >>> family_of("/links?to=id/org/x&by=osai:member")
    ('links', '', 'by', 'to')
    >>> family_of("/data/project/pytorch.ttl")
    ('data', 'project.ttl')
    """
    parts = urlsplit(address)
    first, _, rest = parts.path.strip("/").partition("/")
    if first == "browse":
        return (first, rest)
    kind = rest.partition("/")[0] if first in ("data", "ontology") else rest
    ending = "." + rest.rpartition(".")[2] if first == "data" else ""
    return (first, kind + ending, *sorted({name for name, _ in parse_qsl(parts.query)}))


def _crawl_part(port: int, paths: Sequence[str], most: int) -> Found:
    with Robot(port, Found(most)) as robot:
        for path in paths:
            robot.thing(path)
    return robot.found


def ask_for_all(port: int, paths: Sequence[str], *, robots: int, most: int) -> Found:
    """Ask for every IRI, with so many robots at a time. ``paths`` are below the base; ``most`` is that of Found."""
    found = Found(most)
    size = max(min(len(paths) // (robots * 8), 2000), 1)
    parts = [paths[first:last] for first, last in pairwise([*range(0, len(paths), size), len(paths)])]
    with multiprocessing.get_context("spawn").Pool(robots) as pool:
        for part in [pool.apply_async(_crawl_part, (port, part, most)) for part in parts]:
            found.add(part.get())
    return found


def follow(port: int, found: Found) -> None:
    """Ask for what the pages found, and those of the site, link to; read one page of each skeleton."""
    with Robot(port, found) as robot:
        _site(robot)
        _linked(robot)
        _skeletons(robot, found)


def _site(robot: Robot) -> None:
    """Read the pages that are of no one thing, from the home page on, as far as there is one of each family."""
    robot.page("/", "the site")
    for page in ("/ontology", "/ontology/dl", "/search?q=linux", "/compare?one=PyTorch&other=TensorFlow"):
        robot.page(page, "the site")
    seen: set[str] = set()
    asked: Counter[Family] = Counter()
    while True:
        waiting = {
            address: where
            for family, links in robot.found.others.items()
            for _, address, where in links
            if address not in seen and asked[family] < 2 * robot.found.most
        }
        if not waiting:
            return
        for address, where in waiting.items():
            seen.add(address)
            asked[family_of(address)] += 1
            status, media_type, body, _ = robot.get(address, {"Accept": "text/html, */*;q=0.5"})
            robot.found.counts[f"links below /{family_of(address)[0]}"] += 1
            if status not in (200, 301, 303):
                robot.found.blame(f"a link answers {status}", f"{where}: {address}")
            elif media_type == "text/html" and not body.startswith(b"<!doctype html>"):
                robot.found.blame("a page that is no document", address)
            elif media_type == "text/html" and urlsplit(address).path.split("/")[1] in _PAGES:
                robot.page(address, f"/{urlsplit(address).path.split('/')[1]}")


_PAGES = ("browse", "queries", "links", "linksets", "releases", "ontology", "search", "compare", "why", "sparql")


def _linked(robot: Robot) -> None:
    found = robot.found
    for link, where in found.linked.items():
        parts = urlsplit(link)
        if parts.path.startswith("/ontology"):
            if parts.path not in found.anchors:
                robot.page(parts.path, "the site")
            if unquote(parts.fragment) not in found.anchors.get(parts.path, ()):
                found.blame("a link to a term that is not there", f"{where}: {link}")
        elif link not in found.pages:
            status, *_ = robot.get(link)
            if status not in (200, 301):
                found.blame(f"a link to a page that answers {status}", f"{where}: {link}")


def _skeletons(robot: Robot, found: Found) -> None:
    for address in found.skeletons.values():
        _, _, body, _ = robot.get(address)
        for fault in faults_of(body):
            found.blame(f"HTML: {fault}", address)


def faults_of(body: bytes) -> Iterable[str]:
    """Give the errors of a document by the parsing algorithm of the HTML standard, and ids that stand twice."""
    parser = html5rdf.HTMLParser(namespaceHTMLElements=False)
    parser.parse(body)
    yield from sorted({code for _, code, _ in parser.errors})
    ids = Counter(_ANCHOR.findall(body))
    yield from (f"the id {name.decode()} stands twice" for name, count in ids.items() if count > 1)

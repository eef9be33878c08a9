"""Draw the samples that entity resolution and reconciliation are measured on from the shared data, by a seeded rule.

``python -m tests.tools.draw_samples DIRECTORY`` reads the shared data sets below ``DIRECTORY`` and writes
``kg/judgements/sample-pairs.csv`` and ``sample-names.csv`` anew: the rows are those the rule draws, labels and reasons
are kept for rows that were there before and are empty for new ones. ``kg/judgements/README.md`` states the rule and
what the labels mean. The normalisation here is the draw's own and must stay as it is: were it that of the matcher, a
change of the matcher would change what it is measured on.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import random
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import combinations
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from rapidfuzz import fuzz, process

JUDGEMENTS = Path(__file__).resolve().parents[2] / "kg" / "judgements"
SEED = 20261124
LANDSCAPES = ("pytorch", "lfai", "lf", "cncf", "openssf")
# Hosts that serve pages of many owners: sharing one says nothing.
COMMON_HOSTS = frozenset(
    {"github.com", "gitlab.com", "huggingface.co", "linkedin.com", "sites.google.com", "medium.com"}
)
FORGES = frozenset({"github.com", "gitlab.com", "huggingface.co", "gitee.com", "gitcode.com"})
LEGAL_FORMS = frozenset(
    {
        *("ab", "ag", "as", "bv", "co", "company", "corp", "corporation", "gmbh", "inc", "kk", "limited", "llc", "lp"),
        *("ltd", "nv", "oy", "plc", "pte", "pty", "sa", "sarl", "sas", "se", "spa", "srl"),
    }
)
KINDS = ("org", "project", "model")
MOST_IN_BLOCK = 50
LEAST_SIMILAR = 85
# Accounts on forges that are known to be of organizations; any other may be that of a person and is left out.
ORGANIZATION_ACCOUNTS = frozenset({"facebookresearch", "thudm", "bigscience-workshop", "togethercomputer"})
# Drawn pairs that are dropped: their repository stands below the account of a person.
DROPPED = frozenset({("cncf-landscape", "Provisioning/Automation & Configuration/kubectl-mcp-server")})
BY_HAND = ("named", "none-invented", "none-near", "none-absent")
PAIR_COLUMNS = (
    *("id", "kind", "left_source", "left_key", "left_name", "left_homepage_or_repo"),
    *("right_source", "right_key", "right_name", "right_homepage_or_repo", "stratum", "label", "reason"),
)
NAME_COLUMNS = (
    *("id", "query", "type", "country", "expected_source", "expected_key", "expected_name", "also"),
    *("stratum", "label", "note"),
)

Place = tuple[str, str]
"""A source and a key in it."""


@dataclass(frozen=True)
class Record:
    """One organization, project or model as one source gives it; the key finds it again in that source."""

    source: str
    key: str
    kind: str
    name: str
    address: str = ""
    addresses: tuple[str, ...] = ()
    country: str = ""
    aliases: tuple[tuple[str, str], ...] = ()
    """Further names with their sort: alias, acronym or the language of a translation (ROR only)."""
    small: bool = True
    """Whether the record stands outside of ROR or in its small slice."""
    drawn: bool = True
    """Whether a rule may draw it; otherwise it may be chosen by hand only."""

    @property
    def place(self) -> Place:
        return self.source, self.key


Pair = tuple[Record, Record]


def plain(name: str) -> str:
    """Give a name without accents, case, punctuation, legal form and a bracketed role such as "(member)"."""
    text = unicodedata.normalize("NFKD", re.sub(r"\((?:member|supporter|hosting)\)", " ", name))
    words = re.findall(r"\w+", "".join(mark for mark in text if not unicodedata.combining(mark)).casefold())
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    return " ".join(words)


def place_of(address: str) -> tuple[str, str] | None:
    """Give host and first two steps of the path of a web address; None where it is none."""
    try:
        parts = urlsplit(address.strip())
    except ValueError:
        return None
    host = (parts.hostname or "").removeprefix("www.")
    if "." not in host or parts.scheme not in ("http", "https"):
        return None
    steps = [step.removesuffix(".git").lower() for step in parts.path.split("/") if step]
    return host, "/".join(steps[:2])


def marks_of(record: Record) -> set[str]:
    """Give what a record shares with others of the same thing: hosts, repositories and Crunchbase pages."""
    marks = set()
    for address in record.addresses:
        found = place_of(address)
        if found is None:
            continue
        host, path = found
        if host in FORGES and path.count("/") == 1:
            marks.add(f"{host}/{path}")
        elif host == "crunchbase.com":
            marks.add(f"crunchbase/{path}")
        elif host not in COMMON_HOSTS:
            marks.add(host)
    return marks


# ---------------------------------------------------------------------------------------------- the sources


def _yaml(text: str) -> Any:
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)


def _landscape(directory: Path, short: str) -> Iterator[Record]:
    source = f"{short}-landscape"
    landscape = _yaml((directory / source / "landscape.yml").read_text("utf-8"))["landscape"]
    seen: Counter[str] = Counter()
    for category in landscape:
        for part in category["subcategories"]:
            organizations = category["name"].endswith(("Members", "Member Company", "Hosting Companies"))
            for item in part.get("items") or []:
                key = f"{category['name']}/{part['name']}/{item['name']}"
                seen[key] += 1
                key = key if seen[key] == 1 else f"{key}#{seen[key]}"
                home, repository, page = (item.get(name) or "" for name in ("homepage_url", "repo_url", "crunchbase"))
                if organizations:
                    yield Record(source, key, "org", item["name"], home, (home, page))
                elif repository or short == "lf":
                    yield Record(source, key, "project", item["name"], repository or home, (home, repository))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def _ror(directory: Path) -> Iterator[Record]:
    in_slice = {record["id"] for record in json.loads((directory / "ror" / "ror_slice.json").read_text("utf-8"))}
    with gzip.open(directory / "ror" / "ror_v2_records.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            found = json.loads(line)
            if found["status"] != "active":
                continue
            shown = next(name["value"] for name in found["names"] if "ror_display" in name["types"])
            addresses = [link["value"] for link in found["links"] if link["type"] == "website"]
            aliases = []
            for name in found["names"]:
                sort = next((sort for sort in ("acronym", "alias") if sort in name["types"]), name["lang"])
                if name["value"] != shown and sort:
                    aliases.append((sort, name["value"]))
            yield Record(
                "ror",
                found["id"].rpartition("/")[2],
                "org",
                shown,
                addresses[0] if addresses else "",
                (*addresses, *(f"https://{domain}" for domain in found["domains"])),
                found["locations"][0]["geonames_details"]["country_code"],
                tuple(sorted(aliases)),
                found["id"] in in_slice,
            )


def _front_matter(path: Path) -> dict[str, Any]:
    matter: dict[str, Any] = _yaml(path.read_text("utf-8").split("---")[1])
    return matter


def _foundations(directory: Path) -> Iterator[Record]:
    for folder in ("foundations", "entities"):
        for path in sorted((directory / "foss-foundations" / folder).glob("*.md")):
            matter = _front_matter(path)
            home = matter.get("website") or ""
            yield Record("foss-foundations", f"{folder}/{path.name}", "org", matter["commonName"], home, (home,))
    for name in ("asf", "numfocus", "sfc", "spi"):
        for row in _rows(directory / "foss-foundations" / "data" / f"projects-{name}.csv"):
            key = f"data/projects-{name}.csv#{row['identifier']}"
            yield Record("foss-foundations", key, "project", row["commonName"], row["website"], (row["website"],))


def _events(directory: Path) -> Iterator[Record]:
    folder, source = directory / "governance-events", "governance-events"
    seen: set[str] = set()
    for row in _rows(folder / "landscape_stated_events.csv"):
        key = f"landscape_stated_events.csv#{row['landscape']}/{row['project']}"
        if key not in seen:
            seen.add(key)
            addresses = (row["repo_url"], row["homepage_url"])
            yield Record(source, key, "project", row["project"], row["repo_url"] or row["homepage_url"], addresses)
    for row in _rows(folder / "lfai_observed_transitions.csv"):
        key = f"lfai_observed_transitions.csv#{row['item']}"
        if key not in seen:
            seen.add(key)
            yield Record(source, key, "project", row["item"], row["repo_url"], (row["repo_url"],))


def _contributions(directory: Path) -> Iterator[Record]:
    donors: set[str] = set()
    for row in _rows(directory / "contributions" / "projects.csv"):
        repository = f"https://github.com/{row['repo']}"
        yield Record("contributions", row["project"], "project", row["project"], repository, (repository,))
        donors |= {donor.strip() for donor in row["from_org"].split(";") if "(" not in row["from_org"]}
    for donor in sorted(donors - {"", "community"}):
        yield Record("contributions", f"from_org/{donor}", "org", donor)


def _proposals(directory: Path) -> Iterator[Record]:
    for row in _rows(directory / "lfai-proposals" / "proposals.csv"):
        repository = row["repository"]
        yield Record("lfai-proposals", row["proposal"], "project", row["proposal"], repository, (repository,))


def _several(name: str) -> bool:
    return bool(re.search(r",| and |&|\+|/", name))


def _models(directory: Path) -> Iterator[Record]:
    producers: set[str] = set()
    for path in sorted((directory / "model-openness" / "models").glob("*.yml")):
        release = _yaml(path.read_text("utf-8"))["release"]
        addresses = tuple(str(release.get(name) or "") for name in ("huggingface", "repository"))
        address = next((found.split()[0] for found in addresses if place_of(found)), "")
        yield Record("model-openness", f"models/{path.name}", "model", str(release["name"]), address, addresses)
        producers.add(str(release.get("producer") or "").strip())
    for producer in sorted(producers - {""}):
        if not _several(producer):
            yield Record("model-openness", f"producer/{producer}", "org", producer)


def _index(directory: Path) -> Iterator[Record]:
    organizations: dict[str, tuple[str, bool]] = {}
    for path in sorted((directory / "open-genai-index" / "projects").glob("*.yaml")):
        found = _yaml(path.read_text("utf-8"))
        project, org = found["project"], found["org"]
        host, account = place_of(str(org["link"] or "")) or ("", "")
        own_site = bool(host) and host not in FORGES
        if project["name"] and (own_site or account in ORGANIZATION_ACCOUNTS):
            key, name = f"projects/{path.name}", str(project["name"]).strip()
            address = str(project["link"] or "")
            yield Record("open-genai-index", key, "model", name, address, (address,), drawn=own_site)
            if not _several(org["name"]) and not host.endswith(".github.io"):
                organizations.setdefault(org["name"].strip(), (str(org["link"]), own_site))
    for name, (link, own_site) in sorted(organizations.items()):
        yield Record("open-genai-index", f"org/{name}", "org", name, link, (link,), drawn=own_site)


def _index_of_transparency(directory: Path) -> Iterator[Record]:
    for edition in ("Dec2025_scores.csv", "May2024_scores.csv"):
        with (directory / "fmti" / edition).open(encoding="utf-8", newline="") as text:
            for name in next(csv.reader(text))[1:]:
                yield Record("fmti", f"{edition}#{name}", "org", name)


def _domains(directory: Path) -> Iterator[Record]:
    for row in _rows(directory / "org-domains" / "domain_org.csv"):
        address = f"https://{row['domain']}"
        yield Record("org-domains", row["domain"], "org", row["organization"], address, (address,))


@cache
def records(directory: Path) -> tuple[Record, ...]:
    """Give every organization, project and model of the sources, each once, in the order of the sources."""
    found: list[Record] = []
    for short in LANDSCAPES:
        found += _landscape(directory, short)
    for reader in (_domains, _ror, _foundations, _events, _contributions, _proposals, _models, _index):
        found += reader(directory)
    found += _index_of_transparency(directory)
    return tuple({record.place: record for record in found}.values())


# ---------------------------------------------------------------------------------------------- candidate pairs


def _fit(left: Record, right: Record) -> bool:
    """Whether a pair may be drawn: not two records of the large ROR file, nor an event and the item it repeats."""
    if left.place == right.place or not (left.small or right.small):
        return False
    for one, other in ((left, right), (right, left)):
        if one.source == "governance-events" and one.key.startswith(f"landscape_stated_events.csv#{other.source}/"):
            return False
    return True


def _blocks(found: Sequence[Record], keys: Callable[[Record], Iterable[str]]) -> Iterator[Pair]:
    """Give the pairs of records that share a key, without keys that more than ``MOST_IN_BLOCK`` records carry."""
    blocks: dict[str, list[Record]] = defaultdict(list)
    for record in found:
        for key in sorted(set(keys(record))):
            blocks[key].append(record)
    for block in blocks.values():
        if len(block) <= MOST_IN_BLOCK:
            yield from combinations(block, 2)


def _similar(found: Sequence[Record], names: Mapping[Place, str]) -> Iterator[Pair]:
    """Give the pairs of records whose plain names begin alike and are at least ``LEAST_SIMILAR`` per cent alike."""
    blocks: dict[str, list[Record]] = defaultdict(list)
    for record in found:
        if len(names[record.place]) >= 5:
            blocks[names[record.place][:4]].append(record)
    for block in blocks.values():
        choices = {place: names[record.place] for place, record in enumerate(block)}
        for left in block:
            if left.small:
                name = names[left.place]
                alike = process.extract_iter(name, choices, scorer=fuzz.ratio, score_cutoff=LEAST_SIMILAR)
                yield from ((left, block[place]) for _, _, place in alike)


def _namesakes(found: Sequence[Record], names: Mapping[Place, str]) -> Iterator[Pair]:
    """Give the pairs of ROR records of different countries whose plain names are equal."""
    registered = [record for record in found if record.source == "ror"]
    for one, other in _blocks(registered, lambda record: [names[record.place]]):
        if one.country != other.country:
            left, right = sorted((one, other), key=lambda record: record.place)
            yield left, right


@cache
def candidates(directory: Path) -> dict[tuple[str, str], list[Pair]]:
    """Give the candidate pairs by stratum and kind; each pair stands in the first stratum that it fits."""
    strata: dict[tuple[str, str], list[Pair]] = {}
    for kind in KINDS:
        found = [record for record in records(directory) if record.kind == kind and record.drawn]
        strata |= {(stratum, kind): pairs for stratum, pairs in _strata(found).items()}
    return strata


def _strata(found: Sequence[Record]) -> dict[str, list[Pair]]:
    names = {record.place: plain(record.name) for record in found}
    marks = {record.place: marks_of(record) for record in found}
    same_name = [pair for pair in _blocks(found, lambda r: [names[r.place]]) if pair[0].source != pair[1].source]
    pools: dict[str, Iterable[Pair]] = {
        "same-name-same-address": [(a, b) for a, b in same_name if marks[a.place] & marks[b.place]],
        "same-name-other-address": same_name,
        "shared-address": _blocks(found, lambda r: marks[r.place]),
        "similar-name": _similar(found, names),
        "shared-token": _blocks(found, lambda r: [word for word in names[r.place].split() if len(word) > 2]),
    }
    strata = {"namesakes": list(_namesakes(found, names))}
    taken: set[tuple[Place, Place]] = set()
    for stratum, pool in pools.items():
        kept: dict[tuple[Place, Place], Pair] = {}
        for one, other in pool:
            left, right = sorted((one, other), key=lambda record: record.place)
            alike = names[left.place] == names[right.place]
            if _fit(left, right) and (left.place, right.place) not in taken and alike == ("same-name" in stratum):
                kept[left.place, right.place] = (left, right)
        taken |= kept.keys()
        strata[stratum] = [kept[places] for places in sorted(kept)]
    return strata


QUOTAS = {
    ("same-name-same-address", "org"): 30,
    ("same-name-same-address", "project"): 24,
    ("same-name-same-address", "model"): 4,
    ("same-name-other-address", "org"): 26,
    ("same-name-other-address", "project"): 22,
    ("same-name-other-address", "model"): 4,
    ("shared-address", "org"): 40,
    ("shared-address", "project"): 34,
    ("shared-address", "model"): 10,
    ("similar-name", "org"): 30,
    ("similar-name", "project"): 18,
    ("similar-name", "model"): 8,
    ("shared-token", "org"): 26,
    ("shared-token", "project"): 18,
    ("shared-token", "model"): 6,
    ("namesakes", "org"): 10,
}
RANDOM = {"org": 14, "project": 10, "model": 4}


def _draw(pairs: Sequence[Pair], quota: int, chance: random.Random) -> list[Pair]:
    """Draw pairs without replacement: in turn one from all that are left, one from the next couple of sources.

    The second half lets small sources speak. A record is drawn at most twice, so a quota may remain unfilled.
    """
    order = chance.sample(pairs, len(pairs))
    couples: dict[tuple[str, str], list[Pair]] = defaultdict(list)
    for left, right in order:
        couples[left.source, right.source].append((left, right))
    turns = chance.sample(sorted(couples), len(couples))
    rounds = (pair for depth in range(len(order)) for turn in turns for pair in couples[turn][depth : depth + 1])
    streams = (iter(order), rounds)
    used: Counter[Place] = Counter()
    drawn: list[Pair] = []
    while len(drawn) < quota:
        fresh = (pair for pair in streams[len(drawn) % 2] if pair not in drawn and max(used[r.place] for r in pair) < 2)
        pair = next(fresh, None)
        if pair is None:
            break
        drawn.append(pair)
        used.update(record.place for record in pair)
    return drawn


def _draw_anything(found: Sequence[Record], quota: int, chance: random.Random) -> list[Pair]:
    """Draw pairs of any records of a kind: a source first, then a record of it, for either side."""
    by_source: dict[str, list[Record]] = defaultdict(list)
    for record in found:
        by_source[record.source].append(record)
    drawn: list[Pair] = []
    while len(drawn) < quota:
        one, other = (chance.choice(by_source[chance.choice(sorted(by_source))]) for _ in range(2))
        left, right = sorted((one, other), key=lambda record: record.place)
        if left != right and (left, right) not in drawn:
            drawn.append((left, right))
    return drawn


def draw_pairs(directory: Path) -> list[dict[str, str]]:
    """Give the rows that the rule draws, without label and reason."""
    drawn: dict[tuple[Place, Place], dict[str, str]] = {}
    pools = candidates(directory)
    for (stratum, kind), quota in QUOTAS.items():
        for pair in _draw(pools[stratum, kind], quota, random.Random(f"{SEED} {stratum} {kind}")):
            drawn.setdefault((pair[0].place, pair[1].place), _pair_row(stratum, *pair))
    for kind, quota in RANDOM.items():
        found = [record for record in records(directory) if record.kind == kind and record.drawn]
        for pair in _draw_anything(found, quota, random.Random(f"{SEED} random {kind}")):
            drawn.setdefault((pair[0].place, pair[1].place), _pair_row("random", *pair))
    return [row for places, row in drawn.items() if not DROPPED & set(places)]


def _pair_row(stratum: str, left: Record, right: Record) -> dict[str, str]:
    row = {"id": "", "kind": left.kind}
    for side, record in (("left", left), ("right", right)):
        row[f"{side}_source"], row[f"{side}_key"], row[f"{side}_name"] = record.source, record.key, record.name
        row[f"{side}_homepage_or_repo"] = record.address
    row["id"] = "p-" + sha256("\n".join([*left.place, *right.place]).encode()).hexdigest()[:8]
    return row | {"stratum": stratum}


# ---------------------------------------------------------------------------------------------- messy names

TYPES = {"org": "Organization", "project": "Project", "model": "Model"}
LEGAL_ENDINGS = (", Inc.", " Inc", " Ltd.", " Co., Ltd.", " LLC", " GmbH", " Corporation", " S.A.")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
Mess = Callable[[Record, random.Random], str]
"""Give a query for a record, empty where the change does not fit its name."""


def _shown(record: Record) -> str:
    """Give the name without a bracketed role: what a person would write."""
    return re.sub(r"\s*\((?:member|supporter|hosting)\)", "", record.name).strip()


def _legal_form(record: Record, chance: random.Random) -> str:
    words = name = _shown(record)
    while (cut := re.fullmatch(r"(.+?),?\s+([\w.]+)", words)) and plain(cut[2]).replace(" ", "") in LEGAL_FORMS:
        words = cut[1]
    if words != name:
        return words
    return (
        name + chance.choice(LEGAL_ENDINGS)
        if re.search(r"/(?:Platinum|Gold|Silver|Premier|General)/", record.key)
        else ""
    )


def _role(record: Record, chance: random.Random) -> str:
    return record.name + chance.choice((" (member)", " (hosting)", " (supporter)")) if "(" not in record.name else ""


def _case(record: Record, chance: random.Random) -> str:
    name = _shown(record)
    changed = chance.choice((name.upper(), name.lower()))
    return changed if changed != name else name.swapcase()


def _no_accents(record: Record, chance: random.Random) -> str:
    name = _shown(record)
    text = "".join(mark for mark in unicodedata.normalize("NFKD", name) if not unicodedata.combining(mark))
    return text if text != name and text.isascii() else ""


def _edits(count: int, shortest: int) -> Mess:
    """Give a change by ``count`` random edits of letters, none at the first place."""

    def mess(record: Record, chance: random.Random) -> str:
        name = _shown(record)
        if sum(mark.isalpha() for mark in name) < shortest:
            return ""
        changed = name
        for _ in range(count):
            places = [place for place in range(1, len(changed)) if changed[place].isalpha()]
            place, letter = chance.choice(places), chance.choice(LETTERS)
            before, here, after = changed[:place], changed[place], changed[place + 1 :]
            after_next = after[:1] + here + after[1:]
            changed = before + chance.choice((after, here + here + after, letter + after, after_next))
        return changed if plain(changed) != plain(name) else ""

    return mess


def _word_order(record: Record, chance: random.Random) -> str:
    words = _shown(record).split()
    return f"{words[-1]}, {' '.join(words[:-1])}" if len(words) > 1 and "," not in record.name else ""


def _further_name(*sorts: str) -> Mess:
    """Give a name that ROR has beside the one it shows; no sort given means a name in another language than English."""

    def mess(record: Record, chance: random.Random) -> str:
        found = [
            name
            for sort, name in record.aliases
            if (sort in sorts if sorts else len(sort) == 2 and sort != "en") and len(name) > 2
        ]
        return chance.choice(found) if found else ""

    return mess


def _ampersand(record: Record, chance: random.Random) -> str:
    name = _shown(record)
    return name.replace(" & ", " and ") if " & " in name else name.replace(" and ", " & ") if " and " in name else ""


def _bracket(record: Record, chance: random.Random) -> str:
    found = re.fullmatch(r"(.+?)\s*\(([^()]+)\)", _shown(record))
    return chance.choice(found.groups()) if found and len(found[2]) > 2 else ""


def _repository(record: Record, chance: random.Random) -> str:
    found = [place_of(address) for address in record.addresses]
    return next((path for host, path in filter(None, found) if host in FORGES and path.count("/") == 1), "")


def _spacing(record: Record, chance: random.Random) -> str:
    name = _shown(record)
    apart = re.sub(r"(?<=[a-z])(?=[A-Z])|[-_]", " ", name)
    return apart if apart != name else re.sub(r"\s", chance.choice(("", "-")), name) if " " in name else ""


# Stratum: kinds, the change, how many are drawn.
MESSES: dict[str, tuple[tuple[str, ...], Mess, int]] = {
    "legal-form": (("org",), _legal_form, 18),
    "role": (("org",), _role, 8),
    "case": (("org", "project"), _case, 18),
    "accents": (("org",), _no_accents, 12),
    "one-edit": (("org", "project", "model"), _edits(1, 6), 30),
    "two-edits": (("org", "project"), _edits(2, 10), 20),
    "word-order": (("org", "project"), _word_order, 12),
    "acronym": (("org",), _further_name("acronym"), 12),
    "alias": (("org",), _further_name("alias"), 12),
    "translation": (("org",), _further_name(), 12),
    "ampersand": (("org", "project"), _ampersand, 10),
    "bracket": (("org", "project"), _bracket, 12),
    "repository": (("project",), _repository, 12),
    "spacing": (("project", "model"), _spacing, 12),
}
OTHER_SOURCE = 45


def _name_row(stratum: str, query: str, expected: Record, also: Iterable[Place]) -> dict[str, str]:
    hint = expected.country if stratum in ("acronym", "alias", "translation") else ""
    row = {"id": "n-" + sha256("\n".join([query, *expected.place]).encode()).hexdigest()[:8], "query": query}
    row |= {"type": TYPES[expected.kind], "country": hint}
    row |= {"expected_source": expected.source, "expected_key": expected.key, "expected_name": expected.name}
    return row | {"also": " | ".join(f"{source} {key}" for source, key in also), "stratum": stratum}


def _same_things(directory: Path, pairs: Sequence[dict[str, str]]) -> dict[Place, set[Place]]:
    """Give for a record all that are known to be the same, and what follows from that.

    Known by a label, by name and address, by name where one of the sources has no addresses, as rows of org-domains
    that name one organization, and as an event and the item that it repeats.
    """
    pools = candidates(directory)
    label = {((r["left_source"], r["left_key"]), (r["right_source"], r["right_key"])): r["label"] for r in pairs}
    same = [places for places, given in label.items() if given == "same"]
    for kind in ("org", "project"):
        alike = pools["same-name-same-address", kind] + [
            pair for pair in pools["same-name-other-address", kind] if not all(record.address for record in pair)
        ]
        same += [(a.place, b.place) for a, b in alike if label.get((a.place, b.place), "same") == "same"]
    named: dict[tuple[str, str], Place] = {}
    for record in records(directory):
        if record.source == "org-domains":
            same.append((named.setdefault((record.source, record.name), record.place), record.place))
        elif record.kind == "project" and record.source.endswith("-landscape"):
            named[record.source, record.name] = record.place
    for record in records(directory):
        table, _, row = record.key.partition("#")
        landscape, _, name = row.partition("/")
        if table == "landscape_stated_events.csv" and (landscape, name) in named:
            same.append((named[landscape, name], record.place))
    groups: dict[Place, set[Place]] = {}
    for one, other in same:
        joined = groups.get(one, {one}) | groups.get(other, {other})
        groups |= dict.fromkeys(joined, joined)
    return groups


def draw_names(directory: Path, pairs: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Give the rows that the rule draws; those of ``other-source`` from the pairs that are labelled as the same."""
    by_place = {record.place: record for record in records(directory)}
    groups = _same_things(directory, pairs)
    rows = []

    def row_of(stratum: str, query: str, record: Record) -> dict[str, str]:
        return _name_row(stratum, query, record, sorted(groups.get(record.place, set()) - {record.place}))

    labelled = [row for row in pairs if row["label"] == "same"]
    differing = [row for row in labelled if row["left_name"].casefold() != row["right_name"].casefold()]
    # By hash, so that a further labelled pair leaves the others where they are.
    for row in sorted(differing, key=lambda row: _rank(row["id"]))[:OTHER_SOURCE]:
        asked, expected = random.Random(f"{SEED} {row['id']}").sample(("left", "right"), 2)
        record = by_place[row[f"{expected}_source"], row[f"{expected}_key"]]
        rows.append(row_of("other-source", row[f"{asked}_name"], record))

    carriers: dict[str, set[Place]] = defaultdict(set)
    for record in by_place.values():
        for name in (record.name, *(name for _, name in record.aliases)):
            carriers[plain(name)].add(record.place)
    for stratum, (kinds, mess, quota) in MESSES.items():
        chance = random.Random(f"{SEED} {stratum}")
        by_source: dict[str, list[Record]] = defaultdict(list)
        for record in by_place.values():
            if record.kind in kinds and record.small and record.drawn and not _unfit(record):
                by_source[record.source].append(record)
        order = {source: chance.sample(found, len(found)) for source, found in sorted(by_source.items())}
        drawn: dict[Place, dict[str, str]] = {}
        while len(drawn) < quota and any(order.values()):
            record = order[chance.choice([source for source, left in order.items() if left])].pop()
            query = mess(record, chance)
            things = groups.get(record.place, {record.place})
            if query and carriers[plain(query)] <= things and drawn.keys().isdisjoint(things):
                drawn[record.place] = row_of(stratum, query, record)
        rows += drawn.values()
    distinct: dict[tuple[str, str], dict[str, str]] = {}
    for row in rows:
        distinct.setdefault((row["query"], row["type"]), row)
    return list(distinct.values())


def _rank(identifier: str) -> str:
    return sha256(f"{SEED} {identifier}".encode()).hexdigest()


def _unfit(record: Record) -> bool:
    """Whether a record has no name that a person would write: national ROR records, pseudonyms, sentences."""
    national = record.source == "ror" and record.name.endswith(")")
    return national or "Non-Public" in record.name or record.source == "governance-events" or len(record.name) > 60


# ---------------------------------------------------------------------------------------------- the files


def read_rows(path: Path) -> list[dict[str, str]]:
    """Give the rows of a sample, none where the file is not there yet."""
    return list(_rows(path)) if path.exists() else []


def _write(path: Path, columns: Sequence[str], rows: Iterable[dict[str, str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def pairs_as_drawn(directory: Path, before: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Give the rows of the pairs: those that the rule draws, then those chosen by hand, with what ``before`` says."""
    by_place = {record.place: record for record in records(directory)}
    rows = draw_pairs(directory)
    for row in before:
        if row["stratum"] in BY_HAND:
            left, right = (by_place[row[f"{side}_source"], row[f"{side}_key"]] for side in ("left", "right"))
            rows.append(_pair_row(row["stratum"], left, right) | {"kind": row["kind"]})
    judged = {row["id"]: {"label": row["label"], "reason": row["reason"]} for row in before}
    return [row | judged.get(row["id"], {}) for row in rows]


def names_as_drawn(
    directory: Path, before: Sequence[dict[str, str]], pairs: Sequence[dict[str, str]]
) -> list[dict[str, str]]:
    """Give the rows of the names: those that the rule draws, then those made by hand, with what ``before`` says."""
    judged = {row["id"]: {"label": row["label"], "note": row["note"]} for row in before}
    drawn = [row | judged.get(row["id"], {}) for row in draw_names(directory, pairs)]
    return drawn + [row for row in before if row["stratum"] in BY_HAND]


def main() -> None:
    parser = argparse.ArgumentParser(description="Draw the labelled samples anew; labels given before are kept.")
    parser.add_argument("directory", type=Path, help="the directory of the shared data sets")
    directory = parser.parse_args().directory
    pairs_file, names_file = JUDGEMENTS / "sample-pairs.csv", JUDGEMENTS / "sample-names.csv"
    pairs = pairs_as_drawn(directory, read_rows(pairs_file))
    _write(pairs_file, PAIR_COLUMNS, pairs)
    _write(names_file, NAME_COLUMNS, names_as_drawn(directory, read_rows(names_file), pairs))
    for (stratum, kind), pool in candidates(directory).items():
        print(f"{stratum} {kind}: {len(pool)} candidate pairs")


if __name__ == "__main__":
    main()

"""The files of the sources as they lie in the shared data, and names and addresses in one spelling."""

from __future__ import annotations

import csv
import gzip
import json
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal
from functools import cache, cached_property
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from kg import resources
from kg.catalogue import ANY, Catalogue
from kg.model import DEFAULT_BASE

Row = tuple[str, ...]

LANDSCAPES = ("pytorch", "lfai", "cncf", "lf", "openssf")  # in order: of the names of a thing the first one counts
FOUNDATION = {
    "pytorch": "PyTorch Foundation",
    "lfai": "LF AI & Data Foundation",
    "cncf": "Cloud Native Computing Foundation",
    "lf": "The Linux Foundation",
    "openssf": "Open Source Security Foundation",
}
# What files call the same foundations.
CALLED = {
    "CNCF": FOUNDATION["cncf"],
    "Cloud Native Computing Foundation (CNCF)": FOUNDATION["cncf"],
    "LF AI & Data": FOUNDATION["lfai"],
    "Linux Foundation": FOUNDATION["lf"],
    "NumFOCUS, Inc.": "NumFOCUS",
    "Open Source Security Foundation (OpenSSF)": FOUNDATION["openssf"],
}
# Things that the ledger of IRIs names, by the name that the curated sources give them.
KNOWN = {
    "AMD": "id/org/amd",
    "Amazon": "id/org/amazon",
    "Amazon Web Services": "id/org/aws",
    "Apache Software Foundation": "id/org/apache-software-foundation",
    "Cloud Native Computing Foundation": "id/org/cncf",
    "Georgia Institute of Technology": "id/org/georgia-tech",
    "Google": "id/org/google",
    "LF AI & Data Foundation": "id/org/lf-ai-data",
    "McKinsey & Company": "id/org/mckinsey",
    "Meta": "id/org/meta",
    "Microsoft": "id/org/microsoft",
    "NVIDIA": "id/org/nvidia",
    "NumFOCUS": "id/org/numfocus",
    "Open Source Security Foundation": "id/org/openssf",
    "PyTorch": "id/project/pytorch",
    "PyTorch Foundation": "id/org/pytorch-foundation",
    "The Linux Foundation": "id/org/linux-foundation",
}
# Names in landscapes of what the curated sources name.
CURATED = {
    "advanced micro devices": "AMD",
    "amazon web services": "Amazon Web Services",
    "google": "Google",
    "meta platforms": "Meta",
    "microsoft": "Microsoft",
    "nvidia": "NVIDIA",
}

_SUFFIX = re.compile(r"\s*\((?:member|hosting|supporter|contributor|KCSP|KCNTP|Wasm)\)$", re.IGNORECASE)
_LEGAL = re.compile(
    r"\b(?:ag|co|company|corp|corporation|gmbh|inc|incorporated|international|limited|llc|ltd|plc|private|sa|sas|se)\b"
)


@dataclass(frozen=True)
class Item:
    """One item of a landscape, named without what the list puts behind the names."""

    landscape: str
    category: str
    subcategory: str
    name: str
    values: Mapping[str, Any] = field(repr=False)

    @property
    def paths(self) -> list[str]:
        found = self.values.get("second_path") or []
        return [found] if isinstance(found, str) else found

    def after(self, first: str) -> list[str]:
        """Give what stands behind the first step of a ``second_path``."""
        return [path.removeprefix(f"{first} / ") for path in self.paths if path.startswith(f"{first} / ")]

    @property
    def extra(self) -> Mapping[str, Any]:
        return self.values.get("extra") or {}

    @property
    def is_member(self) -> bool:
        return "Member" in self.category

    @property
    def is_project(self) -> bool:
        return (
            not self.is_member and not self.category.startswith(("Special", "Hosting")) and self.landscape != "openssf"
        )

    @property
    def repository(self) -> str | None:
        return repository(self.values.get("repo_url"))

    @property
    def host(self) -> str:
        return host(self.values.get("homepage_url"))


class Raw:
    """The shared data. Reads each file once."""

    def __init__(self, shared: Path) -> None:
        self.data = shared / "data"
        self._tables: dict[str, list[dict[str, str]]] = {}

    def table(self, path: str) -> list[dict[str, str]]:
        """Read a CSV file, which may be packed."""
        if path not in self._tables:
            packed = path.endswith(".gz")
            with (gzip.open if packed else open)(self.data / path, "rt", encoding="utf-8", newline="") as stream:
                self._tables[path] = list(csv.DictReader(stream))
        return self._tables[path]

    def documents(self, folder: str, pattern: str) -> Iterator[tuple[str, Any]]:
        """Read the YAML files of a folder, each with its stem; of one with front matter, that alone."""
        for path in sorted((self.data / folder).glob(pattern)):
            text = path.read_text(encoding="utf-8")
            head = text.split("\n---", 1)[0].removeprefix("---") if path.suffix == ".md" else text
            yield path.stem, yaml.load(head, Loader=yaml.CSafeLoader)

    def directory_files(self, folder: str) -> Iterator[dict[str, Any]]:
        """Read the files of one folder of the directory of foundations."""
        for _, found in self.documents(f"foss-foundations/{folder}", "*.md"):
            yield found

    @cached_property
    def items(self) -> list[Item]:
        """Give the items of all landscapes, in order of the landscapes and of each file."""
        found = []
        for name in LANDSCAPES:
            for _, document in self.documents(f"{name}-landscape", "landscape.yml"):
                for category in document["landscape"]:
                    for subcategory in category["subcategories"]:
                        for values in subcategory["items"] or ():
                            bare = _SUFFIX.sub("", values["name"].strip())
                            found.append(Item(name, category["name"], subcategory["name"], bare, values))
        return found

    def items_of(self, *landscapes: str) -> list[Item]:
        return [item for item in self.items if item.landscape in landscapes]

    @cached_property
    def organizations(self) -> list[Item]:
        return [item for item in self.items if not item.is_project]

    @cached_property
    def organization_of(self) -> dict[str, str]:
        """Give the organization that org-domains names for each domain."""
        return {row["domain"]: row["organization"] for row in self.table("org-domains/domain_org.csv")}

    @cached_property
    def domains_of(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for domain, organization in self.organization_of.items():
            found[organization].add(domain)
        return found

    @cached_property
    def registry(self) -> list[dict[str, Any]]:
        """Give the records of ROR."""
        with gzip.open(self.data / "ror/ror_v2_records.jsonl.gz", "rt", encoding="utf-8") as stream:
            return [json.loads(line) for line in stream]

    @cached_property
    def umbrellas(self) -> dict[str, str]:
        """Give our judgement which items of the Linux Foundation are organizations, and which are projects too."""
        return dict(_definition("lf-landscape")["settings"]["umbrellas"])

    @cached_property
    def snapshots(self) -> dict[str, str]:
        """Give the hashes of the snapshots that full pins are of, by source."""
        with (resources.queries() / "full-snapshots.csv").open(encoding="utf-8", newline="") as stream:
            return {row["source"]: row["sha256"] for row in csv.DictReader(stream)}

    def graph(self, source: str) -> str:
        return f"{DEFAULT_BASE}graph/{source}/{self.snapshots[source][:12]}"

    def commits(self) -> Iterator[tuple[dict[str, str], str, int]]:
        """Give the rows of contributions but those of bots, each with the organization and the number of commits."""
        for row in self.table("contributions/contributions_monthly.csv.gz"):
            if row["evidence"] != "bot":
                yield row, self.organization_of.get(row["domain"], ""), int(row["commits"])


def pinned(query: str, which: str) -> list[Row]:
    """Give the rows of a pin, for instance of one that was written by hand for the bundled sources."""
    catalogue = Catalogue.read(resources.queries())
    pin = catalogue.pin(catalogue.get(query), which)
    assert pin is not None, f"{query} has no pin of {which}"
    with pin.open(encoding="utf-8", newline="") as stream:
        return [tuple(row) for row in csv.reader(stream)][1:]


def variables(query: str) -> Row:
    """Give the variables that a query selects, in order."""
    found = re.search(r"^SELECT (?:DISTINCT )?(.*?)\s+WHERE", query, re.MULTILINE | re.DOTALL)
    assert found is not None
    return tuple(re.findall(r"\?(\w+)", re.sub(r"\(.*? AS (\?\w+)\)", r"\1", found[1])))


def title(source: str) -> str:
    """Give what answers call a source."""
    return str(_definition(source)["source"]["title"])


@cache
def _definition(source: str) -> Mapping[str, Any]:
    return tomllib.loads((resources.curated().parent / f"{source}.toml").read_text(encoding="utf-8"))


def repository(address: str | None) -> str | None:
    """Give host, account and name of a repository."""
    forge = r"https?://(?:www\.)?(github\.com|gitlab\.com|huggingface\.co)/([^/\s]+)/([^/\s?#]+)"
    found = re.match(forge, address or "")
    if not found or found[2] in ("orgs", "apps"):
        return None
    return "/".join(found.groups()).lower().removesuffix(".git")


def host(address: str | None) -> str:
    return (urlsplit(address or "").hostname or "").removeprefix("www.")


def page(address: str | None) -> str:
    """Give host and path of a page that is no place on a forge."""
    found = f"{host(address)}{urlsplit(address or '').path.rstrip('/')}"
    return "" if found.startswith(("github.com", "gitlab.com", "huggingface.co")) else found


@cache
def plain(name: str) -> str:
    """Give a name in lower case, without punctuation, brackets at its end and legal form."""
    bare = re.sub(r"\([^()]*\)\s*$", "", name).casefold() or name.casefold()
    return " ".join(_LEGAL.sub(" ", re.sub(r"[.,]", "", bare.replace("&", " and "))).split())


def letters(name: str) -> str:
    """Give a name in lower case, its letters and numbers alone."""
    return re.sub(r"[\W_]+", "", name).casefold()


def iri(name: str) -> str:
    """Give the IRI that the ledger has for a name, or any."""
    return DEFAULT_BASE + KNOWN[name] if name in KNOWN else ANY


def curated(name: str) -> str:
    """Give the name that the curated sources have for what a landscape names."""
    return CURATED.get(plain(name), name)


def share(part: int, whole: int) -> str:
    """Give a share of the whole to four places."""
    return str((Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP))

"""Countries and territories: one economy for each row, with its codes, its names in six languages and its regions.

A region of the United Nations (M49) is a population that economies and smaller regions are part of. It is described
where the first economy of it stands, so that each region has one record.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from rdflib import RDF, SKOS, Literal, URIRef

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, reading
from kg.sources.record import Record
from kg.vocab import OSAI

FILE: Final = "country-codes.csv"

_ISO2: Final = "ISO3166-1-Alpha-2"
_ISO3: Final = "ISO3166-1-Alpha-3"
_SHOWN: Final = "CLDR display name"
# Columns with a name, and the language of it.
_NAMES: Final = {
    "official_name_en": "en",
    "official_name_fr": "fr",
    "official_name_es": "es",
    "official_name_ru": "ru",
    "official_name_ar": "ar",
    "official_name_cn": "zh",
}
# Regions of the United Nations from the smallest to the largest.
_REGIONS: Final = ("Intermediate Region", "Sub-region", "Region")
_COLUMNS: Final = (_ISO2, _ISO3, "M49", _SHOWN, *_NAMES, *(f"{region} Code" for region in _REGIONS), "wikidata_id")
_WIKIDATA = re.compile(r"https?://www\.wikidata\.org/(?:wiki|entity)/(Q[1-9][0-9]*)")


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield each economy in order of the file, and each region with its first economy.

    Raises DriftError when a column is missing or two rows have one code.
    """
    described: set[URIRef] = set()
    lines: dict[str, int] = {}
    for number, (line, row) in enumerate(reading.rows(snapshot, FILE, columns=_COLUMNS), start=1):
        record = Record(row, Evidence(snapshot, number, f"{FILE}:{line}"), source, issues)
        code = record.text(_ISO2) or ""
        if not re.fullmatch("[A-Z]{2}", code):
            record.warn(f"{_ISO2} is {code!r}, which is no code of a country; the row is left out", kind="code")
            continue
        if (first := lines.setdefault(code, line)) != line:
            raise DriftError(f"{source.name}: {FILE}:{line}: a second row of {code}; the first is line {first}")
        for subject, predicate, value in _economy(record, mint.id("economy", code.lower()), code, mint, described):
            yield Assertion(subject, predicate, value, record.evidence)
        record.close()


def _economy(
    record: Record, economy: URIRef, code: str, mint: Mint, described: set[URIRef]
) -> Iterator[tuple[URIRef, URIRef, URIRef | Literal]]:
    yield economy, RDF.type, OSAI.Economy
    name = record.text(_SHOWN)
    if name is None:
        record.warn(f"{code} has no {_SHOWN}, so it is named by its code", kind="no-name")
    short = None
    if name is not None and re.fullmatch("[A-Z.]{2,4}", name) and (full := record.text("official_name_en")) is not None:
        name, short = full, name  # the list shows two countries by letters alone
    yield economy, OSAI.name, Literal(name or code)
    if short is not None:
        yield economy, SKOS.altLabel, Literal(short, lang="en")
    for column, language in _NAMES.items():
        other = record.text(column)
        if other is not None and other != name:
            yield economy, SKOS.altLabel, Literal(other, lang=language)
    for notation in (code, record.text(_ISO3), _m49(record, "M49")):
        if notation is not None:
            yield economy, SKOS.notation, Literal(notation)
    if (address := record.text("wikidata_id")) is not None:
        if found := _WIKIDATA.fullmatch(address):
            yield economy, OSAI.wikidataId, Literal(found[1])
        else:
            record.warn(f"wikidata_id is {address!r}, which is no address of Wikidata", kind="identifier")
    yield from _regions(record, economy, mint, described)


def _regions(
    record: Record, economy: URIRef, mint: Mint, described: set[URIRef]
) -> Iterator[tuple[URIRef, URIRef, URIRef | Literal]]:
    """Give the chain of regions above an economy, as far as no earlier row gave it. ``described``: those given."""
    part = economy
    for kind in _REGIONS:
        code, name = _m49(record, f"{kind} Code"), record.text(f"{kind} Name")
        if code is None or name is None:
            continue
        region = mint.id("population", f"m49-{code}")
        if part not in described:
            yield part, OSAI.subPopulationOf, region
            described.add(part)
        if region not in described:
            yield region, RDF.type, OSAI.Population
            yield region, OSAI.name, Literal(name)
        part = region
    described.add(part)


def _m49(record: Record, column: str) -> str | None:
    """Take a code of the United Nations, with its three digits."""
    code = record.text(column)
    if code is not None and not re.fullmatch("[0-9]{1,3}", code):
        record.warn(f"{column} is {code!r}, which is no number of three digits", kind="code")
        return None
    return code.zfill(3) if code is not None else None

"""The SPDX licence list: licences and exceptions with their names, who approves them, and where their texts are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rdflib import DCTERMS, RDF, RDFS, Literal, URIRef
from rdflib.namespace import XSD

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source
from kg.sources.models import Triple, web_address
from kg.sources.reading import json_document
from kg.sources.record import Record
from kg.vocab import OSAI

_FLAGS = {"isOsiApproved": OSAI.osiApproved, "isFsfLibre": OSAI.fsfLibre, "isDeprecatedLicenseId": OSAI.spdxDeprecated}


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield licences and then exceptions, in order of the files: one record for each.

    Raises DriftError where a file has no list, or an identifier stands twice in it whatever its case.
    """
    number = 0
    for path, items, key, kind in (
        ("licenses.json", "licenses", "licenseId", "licence"),
        ("exceptions.json", "exceptions", "licenseExceptionId", "exception"),
    ):
        content = json_document(snapshot, path)
        found = content.get(items) if isinstance(content, dict) else None
        if not isinstance(found, list):
            raise DriftError(f"{source.name}: {path}: there is no list {items!r}; fetch the file again")
        met: set[str] = set()
        for index, item in enumerate(found):
            locator = f"{path}#{items}[{index}]"
            identifier = item.get(key) if isinstance(item, dict) else None
            if not isinstance(identifier, str):
                issues.warn(f"the item has no {key}", locator=locator, kind="no-key")
                continue
            if identifier.lower() in met:
                raise DriftError(f"{source.name}: {locator}: {identifier} stands twice; fetch the file again")
            met.add(identifier.lower())
            number += 1
            evidence = Evidence(snapshot, number, locator, key=identifier)
            record = Record(item, evidence, source, issues)
            for triple in _entry(record, kind, identifier, mint):
                yield Assertion(*triple, evidence)
            record.take(key)
            record.close()


def _entry(record: Record, kind: str, identifier: str, mint: Mint) -> Iterator[Triple]:
    """Describe one licence or exception."""
    iri = mint.id(kind, identifier.lower())
    if kind == "licence":
        yield iri, RDF.type, OSAI.Licence
        yield iri, OSAI.spdxId, Literal(identifier)
    else:
        yield iri, RDF.type, OSAI.LicenceException
        yield iri, DCTERMS.identifier, Literal(identifier)
    yield iri, OSAI.name, Literal(record.text("name") or identifier)
    for field, flag in _FLAGS.items():
        value: Any = record.take(field)
        if isinstance(value, bool):
            yield iri, flag, Literal("true" if value else "false", datatype=XSD.boolean, normalize=False)
        elif value is not None:
            record.warn(f"{field} is {value!r}, neither true nor false", kind="not-boolean", field=field)
    for text in dict.fromkeys([*record.texts("reference"), *record.texts("seeAlso")]):
        page = _address(text)
        if page is None:
            record.warn(f"{text!r} is no web address", kind="no-address", value=text)
        else:
            yield iri, RDFS.seeAlso, page


def _address(text: str) -> URIRef | None:
    """Give an address as it stands: of a page, or of a file on an FTP server, where the text of an old licence is."""
    found = web_address(text.replace("ftp://", "https://", 1))
    return URIRef(text) if found is not None and " " not in text else None

"""The Model Openness Tool of LF AI & Data: one YAML file for each model, with the parts of its release.

A model is keyed by its address on huggingface. Where several files give the same, it is of the file that has its name:
a field that was copied and forgotten must not make two models one. Of a part the kind and the licence are read: its
own, or else that of its class (code, data, document). Descriptions of kinds are the framework's and the same in every
file: they are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from rdflib import DCTERMS, OWL, RDF, RDFS, Literal, URIRef
from rdflib.namespace import XSD, Namespace

from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, keys
from kg.sources.models import ModelTerms, Triple, web_address
from kg.sources.reading import yaml_document
from kg.sources.record import Record
from kg.vocab import OSAI, PREFIXES

_SAME_AS = Namespace(PREFIXES["schema"]).sameAs


@dataclass(frozen=True, slots=True)
class _Model:
    """One file: what it holds, and what the model is called."""

    path: str
    content: Mapping[str, Any]
    name: str
    iri: URIRef
    hub: str | None  # its address on huggingface, where it is of this model alone

    def component(self, mint: Mint, kind: str) -> URIRef:
        """Give the IRI of its part of a kind."""
        return mint.id("component", f"{self.iri.rpartition('/')[2]}-{kind}")


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a release: its fields, its kind, and the class whose licence it has where it names none."""

    record: Record
    kind: str
    group: str


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield models, their parts, their producers and the licences of all of them, in order of file.

    One record for each model and one for each part. A part whose licence says that it is not included is an issue of
    kind ``component-not-included`` and no part; a huggingface address that is of another file is an issue of kind
    ``shared-address``. Raises DriftError for a file that is no YAML. Holds all files in memory (1 MB).
    """
    terms = ModelTerms(source, mint)
    models = _models(source, snapshot, mint, issues)
    by_name: dict[str, list[URIRef]] = {}
    for model in models:
        by_name.setdefault(keys.plain_name(model.name), []).append(model.iri)
    number = 0
    for model in models:
        number += 1
        evidence = Evidence(snapshot, number, model.path, key=PurePosixPath(model.path).stem)
        record = Record(model.content, evidence, source, issues)
        parts = _parts(model, record, number, snapshot, source, issues)
        for said in _about(model, parts, record, terms, by_name, mint, source):
            yield Assertion(*said, evidence)
        of_class = {
            name: (record.text(f"release.license.{name}.name"), record.text(f"release.license.{name}.path"))
            for name in ("code", "data", "document")
        }
        record.close()
        for part in parts:
            for said in _part_of(model, part, of_class, terms, mint):
                yield Assertion(*said, part.record.evidence)
        number += len(parts)


def _models(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> list[_Model]:
    """Read all files; name and key each model."""
    read: list[tuple[str, Mapping[str, Any], str, str | None]] = []
    for file in snapshot.files:
        if file.path in source.ignore:
            issues.ignore(file.path)
            continue
        content = yaml_document(snapshot, file.path)
        release = content.get("release") if isinstance(content, dict) else None
        release = release if isinstance(release, dict) else {}
        name = release.get("name")
        if not isinstance(name, str) or not name.strip():
            issues.warn("the file names no model: release.name is missing", locator=file.path, kind="no-model")
            continue
        address = release.get("huggingface")
        read.append((file.path, content, name.strip(), _hub(address) if isinstance(address, str) else None))
    givers: dict[str, list[str]] = {}
    for path, _, _, hub in read:
        if hub:
            givers.setdefault(hub, []).append(path)
    owner = {hub: _owner(hub, paths) for hub, paths in givers.items()}
    found = []
    for path, content, name, hub in read:
        own = hub if hub and owner[hub] == path else None
        if hub and not own:
            issues.warn(
                f"{len(givers[hub])} files give {hub}, which is not this model's by the name of the file",
                locator=path,
                kind="shared-address",
                value=hub,
            )
        key, called = (own, own.rpartition("/")[2]) if own else (f"{source.name}:{PurePosixPath(path).stem}", name)
        found.append(_Model(path, content, name, mint.iri("model", key, called), own))
    return found


def _owner(hub: str, paths: list[str]) -> str | None:
    """Tell which of the files that give an address has its name; the only one has it in any case."""
    called = [path for path in paths if PurePosixPath(path).stem.casefold() == hub.rpartition("/")[2].casefold()]
    return (called or paths)[0] if len(called or paths) == 1 else None


def _hub(address: str) -> str | None:
    """Give the huggingface address that a text begins with."""
    return keys.hub_model(address.strip().partition(" ")[0])


def _about(
    model: _Model,
    parts: list[_Part],
    record: Record,
    terms: ModelTerms,
    by_name: Mapping[str, list[URIRef]],
    mint: Mint,
    source: Source,
) -> Iterator[Triple]:
    """Say what a file says of its model itself."""
    iri = model.iri
    yield iri, RDF.type, OSAI.Model
    yield iri, OSAI.name, Literal(model.name)
    record.take("release.name")
    if version := record.text("release.version"):
        yield iri, OWL.versionInfo, Literal(version)
    if date := record.text("release.date"):
        yield iri, DCTERMS.date, Literal(date)
    if kind := record.lookup("release.type"):
        yield iri, OSAI.modelType, mint.concept("model-type", kind)
    if way := record.lookup("release.architecture"):
        yield iri, OSAI.modelArchitecture, mint.concept("model-architecture", way)
    if origin := record.text("release.origin"):
        if not source.lookups.get("licence", {}).get(origin, "LicenseRef").startswith("LicenseRef"):
            record.warn(f"release.origin is {origin!r}, which is a licence", kind="misplaced-value", value=origin)
        else:
            yield iri, OSAI.originName, Literal(origin)
            origins = [one for one in by_name.get(keys.plain_name(origin), ()) if one != iri]
            if len(origins) == 1:
                yield iri, OSAI.derivedFromModel, origins[0]
    yield from terms.released(record, iri, "release.producer")
    yield from _places(model, record, mint)
    yield from terms.licensed(
        record, iri, record.text("release.license.distribution.name"), record.text("release.license.distribution.path")
    )
    for part in parts:
        yield iri, OSAI.hasComponent, model.component(mint, part.kind)


def _places(model: _Model, record: Record, mint: Mint) -> Iterator[Triple]:
    """Say where a model and its code are on the web."""
    if hub := record.text("release.huggingface"):
        found = _hub(hub)
        if found is None:
            record.warn(f"{hub!r} is no address of a model on huggingface", kind="no-address", value=hub)
        else:
            yield model.iri, _SAME_AS if model.hub else RDFS.seeAlso, URIRef(found)
    if address := record.text("release.repository"):
        canonical = keys.repository(address.partition(" ")[0].rstrip(":"))
        if canonical is None:
            record.warn(f"{address!r} is no address of a repository", kind="no-address", value=address)
        else:
            repository = mint.id("repository", *canonical.removeprefix("https://").split("/"))
            yield model.iri, OSAI.modelRepository, repository
            yield repository, RDF.type, OSAI.Repository
            yield repository, OSAI.repositoryUrl, Literal(canonical, datatype=XSD.anyURI, normalize=False)


def _parts(
    model: _Model, record: Record, before: int, snapshot: Snapshot, source: Source, issues: Issues
) -> list[_Part]:
    """Give the parts that a file lists, numbered on from the record ``before``; an issue for what is none."""
    found: list[_Part] = []
    items = record.take("release.components") or []
    for index, item in enumerate(items if isinstance(items, list) else [items]):
        locator = f"{model.path}#release.components[{index}]"
        if not isinstance(item, dict):
            issues.warn(f"a part is {item!r}, which holds no fields", locator=locator, kind="not-items")
            continue
        evidence = Evidence(snapshot, before + len(found) + 1, locator)
        part = Record(item, evidence, source, issues, under="release.components[].")
        listed, text = part.lookup("name"), part.text("license")
        if listed is None:
            continue
        group, _, kind = listed.partition("/")
        if text in source.lookups.get("absent", {}):
            part.warn(
                f"{part.text('name')} is listed, and its licence is {text!r}: it is no part of the release",
                kind="component-not-included",
            )
        elif any(one.kind == kind for one in found):
            part.warn(f"{part.text('name')} is listed twice; the first counts", kind="component-twice")
        else:
            found.append(_Part(part, kind, group))
    return found


def _part_of(
    model: _Model,
    part: _Part,
    of_class: Mapping[str, tuple[str | None, str | None]],
    terms: ModelTerms,
    mint: Mint,
) -> Iterator[Triple]:
    """Say what a file says of one part."""
    component, record = model.component(mint, part.kind), part.record
    yield component, RDF.type, OSAI.ModelComponent
    yield component, OSAI.name, Literal(f"{record.text('name')} of {model.name}")
    yield component, OSAI.componentKind, mint.concept("model-component", part.kind)
    if place := record.text("component_path"):
        page = web_address(place)
        if page is None:
            record.warn(f"component_path is {place!r}, which is no web address", kind="no-address", value=place)
        else:
            yield component, RDFS.seeAlso, page
    text, address = record.text("license"), record.text("license_path")
    if text is None:
        text, inherited = of_class[part.group]
        address = address or inherited
    yield from terms.licensed(record, component, text, address)
    record.close()

"""The European Open Source AI Index, before: Opening up ChatGPT. One YAML file for each model, graded on 14 dimensions.

A grade is an assessment of its judge, with the page that the judge points to. What the judge writes beside it is words
of others and is left out. A model is keyed by its address on huggingface where it has one, so that it meets the same
model in other sources.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from rdflib import RDF, RDFS, Literal, URIRef
from rdflib.namespace import Namespace

from kg.model import Assertion, Evidence, Mint, Snapshot
from kg.sources import Issues, Source, keys
from kg.sources.models import ModelTerms, Triple, web_address
from kg.sources.reading import yaml_document
from kg.sources.record import Record
from kg.vocab import OSAI, PREFIXES

_SAME_AS = Namespace(PREFIXES["schema"]).sameAs


@dataclass(frozen=True, slots=True)
class _Judge:
    """Who grades, and in which edition."""

    iri: URIRef
    name: str
    ror: str
    edition: str


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield models, who releases them, their licences and their grades, in order of file: one record for each file.

    The judge is ``[lookups.judge]``. Files that ``[ignore]`` names are counted and left out. Raises DriftError for a
    file that is no YAML.
    """
    terms = ModelTerms(source, mint)
    said = source.lookups["judge"]
    judge = _Judge(mint.id("org", f"ror-{said['ror']}"), said["name"], said["ror"], said["edition"])
    number = 0
    for file in snapshot.files:
        if file.path in source.ignore:
            issues.ignore(file.path)
            continue
        content = yaml_document(snapshot, file.path)
        if not isinstance(content, dict) or not isinstance(content.get("project"), dict):
            issues.warn("the file describes no model: project is missing", locator=file.path, kind="no-model")
            continue
        number += 1
        stem = PurePosixPath(file.path).stem
        evidence = Evidence(snapshot, number, file.path, key=stem)
        record = Record(content, evidence, source, issues)
        if number == 1:
            for triple in _described(judge):
                yield Assertion(*triple, evidence)
        for triple in _model(record, stem, judge, source, mint, terms):
            yield Assertion(*triple, evidence)
        record.close()


def _described(judge: _Judge) -> Iterator[Triple]:
    yield judge.iri, RDF.type, OSAI.AcademicInstitution
    yield judge.iri, OSAI.name, Literal(judge.name)
    yield judge.iri, OSAI.rorId, Literal(judge.ror)


def _model(record: Record, stem: str, judge: _Judge, source: Source, mint: Mint, terms: ModelTerms) -> Iterator[Triple]:
    """Say what a file says of one model."""
    name = record.text("project.name")
    if name is None:
        record.warn(f"the model has no name; it is called {stem!r}, after its file", kind="no-name")
    link = record.text("project.link")
    page = web_address(link) if link else None
    if link and page is None:
        record.warn(f"{link!r} is no web address", kind="no-address", value=link)
    hub = keys.hub_model(str(page)) if page else None
    model = mint.iri("model", hub, hub.rpartition("/")[2]) if hub else mint.iri("model", f"{source.name}:{stem}", name)
    yield model, RDF.type, OSAI.Model
    yield model, OSAI.name, Literal(name or stem)
    if hub:
        yield model, _SAME_AS, URIRef(hub)
    elif page:
        yield model, RDFS.seeAlso, page
    if origin := record.text("project.llmbase"):
        yield model, OSAI.originName, Literal(origin)
    yield from terms.released(record, model, "org.name")
    yield from terms.licensed(record, model, record.text("project.license"))
    for field, dimension in source.lookups["dimension"].items():
        grade, link = record.lookup(f"{field}.class", "grade"), record.text(f"{field}.link")
        evidence = _page(link) if link else None
        if link and evidence is None:
            record.warn(f"{field}.link is {link!r}, which is no address", kind="no-address", value=link)
        if grade:
            yield from _assessed(model, dimension, grade, evidence, judge, mint)


def _assessed(
    model: URIRef, dimension: str, grade: str, page: URIRef | None, judge: _Judge, mint: Mint
) -> Iterator[Triple]:
    """Say how the judge grades a model on one dimension."""
    slug = model.rpartition("/")[2]
    assessment = mint.id("assessment", f"osai-index-{judge.edition}-{slug}-{dimension}")
    yield assessment, RDF.type, OSAI.Assessment
    yield assessment, OSAI.assesses, model
    yield assessment, OSAI.assessedDimension, mint.concept("assessment-dimension", dimension)
    yield assessment, OSAI.grade, Literal(grade)
    yield assessment, OSAI.judgedBy, judge.iri
    yield assessment, OSAI.edition, Literal(judge.edition)
    if page is not None:
        yield assessment, RDFS.seeAlso, page


def _page(link: str) -> URIRef | None:
    """Give the address of evidence: of a page, or of a package (``pkg:pypi/name``)."""
    return URIRef(link) if link.startswith("pkg:") and " " not in link else web_address(link)

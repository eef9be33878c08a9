"""Reads the proposals of projects to a foundation, as a program extracted them from the texts.

A proposal is an event: on the day of its first commit the foundation was asked to take a project on. What it asks for
and under which licence it says the project is were found by regular expressions, and nobody checked them: the event is
marked as extracted, and the licence stays a statement of the text instead of a licensing in force. The text itself is
cited by path and commit and not loaded, because it lists people.

Source: README of the data set lfai-proposals.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict
from rdflib import DCTERMS, RDF, Literal, URIRef
from rdflib.namespace import XSD

from kg.errors import SourceError
from kg.model import Assertion, Evidence, Mint, Snapshot, slugify
from kg.sources import Issues, Source, edtf, keys, reading
from kg.sources.lifecycle import Lifecycle, Party, Triple
from kg.sources.models import licence as licence_of
from kg.sources.record import Record
from kg.vocab import OSAI

_COLUMNS = ("proposal", "first_committed", "level_requested", "licence_spdx_guess", "repository", "upstream_path")
_UPSTREAM = re.compile(r"git (https://\S+?)@([0-9a-f]{40})")


class Settings(BaseModel):
    """``[settings]`` of the source: the foundation that is asked, and what ends the names of files, not of projects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    foundation: str
    foundation_name: str
    endings: tuple[str, ...] = ()


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Read the table; about fifteen assertions a row.

    Raises DriftError when the table has other columns, SourceError when the upstream of the source is no commit.
    """
    settings = source.settings_of(Settings)
    upstream = _UPSTREAM.fullmatch(source.upstream)
    if upstream is None:
        raise SourceError(f"{source.definition.name}: [source] upstream must be 'git {{address}}@{{commit}}'")
    texts = f"{upstream[1]}/blob/{upstream[2]}/"
    foundation = Party(mint.id("org", settings.foundation), settings.foundation_name)
    introduced: set[URIRef] = set()  # projects and licences
    path = source.files[0]
    for number, (line, values) in enumerate(reading.rows(snapshot, path, columns=_COLUMNS), start=1):
        evidence = Evidence(snapshot, number, f"{path}:{line}", values["upstream_path"] or None, values["proposal"])
        record = Record(values, evidence, source, issues)
        for subject, predicate, value in _proposal(record, settings, mint, foundation, texts, introduced):
            yield Assertion(subject, predicate, value, evidence)
        record.close()


def _proposal(
    record: Record, settings: Settings, mint: Mint, foundation: Party, texts: str, introduced: set[URIRef]
) -> Iterator[Triple]:
    written = record.text("proposal")
    day = record.text("first_committed") or ""
    try:
        edtf.bounds(day)
    except ValueError as error:
        record.warn(f"first_committed: {error}; the proposal has no event", kind="no-date", value=day)
        day = ""
    if written is None:
        record.warn("the row names no proposal; it is left out", kind="no-name")
        written = "unnamed"
    name = next((written.removesuffix(end) for end in settings.endings if written.endswith(end)), written)
    address = record.text("repository")
    repository = keys.repository(address) if address else None
    if address and not repository:
        record.warn(f"{address!r} is the address of no repository", kind="no-repository", value=address)
    project = Party(mint.iri("project", repository or f"{record.evidence.snapshot.source}:{written}", name), name)
    if project.iri not in introduced:
        introduced.add(project.iri)
        yield project.iri, RDF.type, OSAI.OpenSourceProject if repository else OSAI.Project
        yield project.iri, OSAI.name, Literal(name)
    if repository:
        place = mint.id("repository", *repository.removeprefix("https://").split("/"))
        yield project.iri, OSAI.hasRepository, place
        yield place, RDF.type, OSAI.Repository
        yield place, OSAI.repositoryUrl, _address(repository)
    text = mint.id("doc", f"{slugify(record.evidence.snapshot.source)}-{slugify(written)}")
    at = record.text("upstream_path")
    yield text, RDF.type, OSAI.Document
    yield text, OSAI.name, Literal(f"Proposal of {name} to the {foundation.name}")
    if at:
        yield text, OSAI.homepage, _address(texts + quote(at))
    asked = record.lookup("level_requested")
    guess = record.lookup("licence_spdx_guess")
    named = record.text("licence_text")
    if named and not guess:
        record.warn(f"the licence {named!r} is none that could be identified", kind="no-licence", value=named)
    licence = mint.id("licence", guess.lower()) if guess else None
    if guess and licence and licence not in introduced:
        introduced.add(licence)
        yield from licence_of(mint, guess)
    if day:
        lifecycle = Lifecycle(mint)
        event = lifecycle.proposal(project, foundation)
        about = [
            (OSAI.concernsProject, project.iri),
            (OSAI.concernsOrganization, foundation.iri),
            (DCTERMS.source, text),
        ]
        if asked:
            about.append((OSAI.requestedStage, lifecycle.stage(asked)))
        if licence:
            about.append((OSAI.statedLicence, licence))
        name = f"{project.name} is proposed to the {foundation.name}"
        yield from lifecycle.event(event, OSAI.ProjectProposal, name, day, "extracted", about=about)


def _address(text: str) -> Literal:
    return Literal(text, datatype=XSD.anyURI, normalize=False)

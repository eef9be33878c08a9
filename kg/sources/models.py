"""Spells what sources say of models alike: who releases them, under which terms, and where they are on the web.

Three lookup tables of a source are read here. ``[lookups.producer]`` says of each producer's text which organizations
it names, with `` | `` between them; one that is not listed is not loaded, because it may be a person.
``[lookups.licence]`` gives the identifiers of each licence text in the same way: of the SPDX list, or
``LicenseRef-…`` for one of ``UNLISTED``. An empty one says that no licence is named. ``[lookups.curated]`` names the
organizations that have a slug of their own in the ledger.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from rdflib import RDF, RDFS, Literal, URIRef

from kg.errors import SourceError
from kg.model import Mint, slugify
from kg.sources import Source
from kg.sources.edtf import lasted
from kg.sources.keys import homepage
from kg.sources.record import Record
from kg.vocab import OSAI

Triple: TypeAlias = tuple[URIRef, URIRef, URIRef | Literal]

# Licences of models that the SPDX list (3.27.0) does not hold, and what they call themselves.
UNLISTED: Mapping[str, str] = {
    "LicenseRef-AI-Sweden-LLM": "AI Sweden's LLM AI Model License Agreement",
    "LicenseRef-AI2-ImpACT": "AI2 ImpACT License",
    "LicenseRef-Apple-sample-code": "Apple Sample Code License",
    "LicenseRef-arXiv-nonexclusive-distrib-1.0": "arXiv.org perpetual, non-exclusive license 1.0",
    "LicenseRef-Aquila": "BAAI Aquila Model License Agreement",
    "LicenseRef-Baichuan-7B": "Baichuan-7B License",
    "LicenseRef-BigCode-OpenRAIL-M-v1": "BigCode OpenRAIL-M v1 License Agreement",
    "LicenseRef-BigScience-BLOOM-RAIL-1.0": "BigScience BLOOM RAIL 1.0",
    "LicenseRef-C4AI-acceptable-use": "C4AI Acceptable Use Policy",
    "LicenseRef-ChatGLM-6B": "ChatGLM-6B License",
    "LicenseRef-ChatGLM2-6B": "ChatGLM2-6B License",
    "LicenseRef-ChatGLM3-6B": "ChatGLM3-6B License",
    "LicenseRef-CodeFuse-Community": "CodeFuse Community License",
    "LicenseRef-Databricks-Open-Model": "Databricks Open Model License",
    "LicenseRef-DeepSeek": "DeepSeek License Agreement",
    "LicenseRef-DialoGPT-evaluation": "Dialogue Model and Data Evaluation License Agreement",
    "LicenseRef-Falcon-180B-TII-1.0": "Falcon-180B TII License 1.0",
    "LicenseRef-Gemma": "Gemma Terms of Use",
    "LicenseRef-Llama": "LLaMA License Agreement",
    "LicenseRef-Llama-2": "Llama 2 Community License",
    "LicenseRef-Llama-3": "Meta Llama 3 Community License Agreement",
    "LicenseRef-Llama-3.1": "Llama 3.1 Community License Agreement",
    "LicenseRef-Llama-3.2": "Llama 3.2 Community License Agreement",
    "LicenseRef-Microsoft-Research": "Microsoft Research License",
    "LicenseRef-NVIDIA-Open-Model": "NVIDIA Open Model License",
    "LicenseRef-OpenRAIL": "OpenRAIL, version not stated",
    "LicenseRef-Qwen": "Qwen License Agreement",
    "LicenseRef-Qwen-research": "Qwen Research License Agreement",
    "LicenseRef-Stable-Beluga-NC": "Stable Beluga Non-Commercial Community License",
    "LicenseRef-TeleChat": "TeleChat Community License Agreement",
    "LicenseRef-Yi-2.1": "Yi Series Models Community License Agreement 2.1",
}


def web_address(text: str) -> URIRef | None:
    """Give the web address that a text is or begins with; None where it begins with none.

    >>> str(web_address("https://example.org/a - a page"))
    'https://example.org/a'
    """
    first = text.strip().partition(" ")[0]
    return URIRef(first) if homepage(first) and not re.search(r"[\"<>\\^`{|}]", first) else None


def licence(mint: Mint, identifier: str) -> Iterator[Triple]:
    """Describe a licence by its SPDX identifier or its key in ``UNLISTED``. Raises SourceError for any other."""
    iri = mint.id("licence", identifier.lower())
    yield iri, RDF.type, OSAI.Licence
    if not identifier.startswith("LicenseRef-"):
        yield iri, OSAI.name, Literal(identifier)
        yield iri, OSAI.spdxId, Literal(identifier)
    elif identifier in UNLISTED:
        yield iri, OSAI.name, Literal(UNLISTED[identifier])
    else:
        raise SourceError(f"{identifier} is no licence of kg.sources.models.UNLISTED; add it there with its name")


class ModelTerms:
    """Describes who releases models and under which licences, for one load. Keeps what it has described already."""

    def __init__(self, source: Source, mint: Mint) -> None:
        self._source = source
        self._mint = mint
        self._licences: set[str] = set()
        self._organizations: set[URIRef] = set()
        # What holds when a source is seen and does not say since when.
        self._seen = list(lasted(None, None, seen=source.as_of.isoformat()))

    def organization(self, name: str, kind: URIRef = OSAI.Organization) -> URIRef:
        """Give the IRI of an organization that the source knows by name only."""
        slug = self._source.lookups.get("curated", {}).get(name)
        return self._mint.id("org", slug) if slug else self._mint.iri("org", f"{self._source.name}:{name}", name)

    def released(self, record: Record, model: URIRef, path: str) -> Iterator[Triple]:
        """Say which organizations release a model; an issue of kind ``unknown-producer`` where they are not listed."""
        text = record.text(path)
        if text is None:
            return
        named = self._source.lookups.get("producer", {}).get(text)
        if named is None:
            record.warn(  # without the text, which may be the name of a person
                f"{path} is not in [lookups.producer] of {self._source.definition.name}, so it is not loaded; "
                "list it there if it is an organization",
                kind="unknown-producer",
                field=path,
            )
        for name in filter(None, (named or "").split(" | ")):
            agent = self.organization(name)
            yield model, OSAI.releasedBy, agent
            if agent not in self._organizations:
                self._organizations.add(agent)
                yield agent, RDF.type, OSAI.Organization
                yield agent, OSAI.name, Literal(name)

    def licensed(self, record: Record, thing: URIRef, text: str | None, address: str | None = None) -> Iterator[Triple]:
        """Say under which licences an artefact is, each in a situation of its own, and where their text is.

        A text that is not listed is an issue of kind ``unmapped-licence``, and stands as ``osai:licenceName`` only.
        """
        page = web_address(address) if address else None
        if address and page is None:
            record.warn(f"{address!r} is no web address of a licence", kind="no-address", value=address)
        if text is None:
            return
        listed = self._source.lookups.get("licence", {}).get(text)
        if listed is None:
            record.warn(
                f"the licence {text!r} is not in [lookups.licence] of {self._source.definition.name}",
                kind="unmapped-licence",
                value=text,
            )
        if listed != text:
            yield thing, OSAI.licenceName, Literal(text)
        for identifier in filter(None, (listed or "").split(" | ")):
            if identifier not in self._licences:
                self._licences.add(identifier)
                yield from licence(self._mint, identifier)
            slug = f"{thing.rpartition('/')[2]}-licence-{slugify(identifier.replace('+', ' plus'))}-1"
            situation = self._mint.id("situation", slug)
            yield situation, RDF.type, OSAI.Licensing
            yield situation, OSAI.ofArtefact, thing
            yield situation, OSAI.licensedUnder, self._mint.id("licence", identifier.lower())
            for predicate, when in self._seen:
                yield situation, predicate, when
            if page is not None:
                yield situation, RDFS.seeAlso, page

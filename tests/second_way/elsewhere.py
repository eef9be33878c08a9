"""Identifiers of other registers, judgements of models, and the files that were read with their hashes."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from kg.catalogue import ANY
from kg.model import DEFAULT_BASE
from tests.second_way.giving import called
from tests.second_way.raw import KNOWN, Raw, Row, iri, letters, pinned

# Fields of the index, what they ask for, and the component of the other judge that this is.
ASPECTS = {
    "opencode": ("training code", "training code"),
    "llmdata": ("base model data", "datasets"),
    "llmweights": ("base model weights", "model parameters (final)"),
    "rldata": ("end model data", "datasets"),
    "rlweights": ("end model weights", "model parameters (final)"),
    "architecture": ("architecture", "model architecture"),
    "preprint": ("preprint", "technical report"),
    "paper": ("paper", "research paper"),
    "modelcard": ("model card", "model card"),
    "datasheet": ("data sheet", "data card"),
}
JUDGE = f"{DEFAULT_BASE}id/org/ror-016xsfp80"  # the university of the authors of the index, by its number in ROR
BASE_MODEL = ("llmdata", "llmweights")
# What lies in the folders of the data and is not read.
NOT_READ = {
    "README.md", "datapackage.json", "ror_slice.json", "lf_map.json", "foundations-schema.json",
    "org-funding.json", "sponsor-counts.json", "sponsorship-levels.json", "sponsorships-schema.json",
}  # fmt: skip


def models_judged_differently(raw: Raw) -> Iterator[Row]:
    """Grades of the index that the lists of components speak against.

    The grades of a tuned model are held against the listed model with its page, or whose page ends in its name; those
    of its base model against every other listed model that has the base model's name.
    """
    listed = [document["release"] for _, document in raw.documents("model-openness/models", "*.yml")]
    pages = [hub_page(model.get("huggingface")) for model in listed]
    for stem, graded in raw.documents("open-genai-index/projects", "*.yaml"):
        if stem == "A_sample":
            continue
        name, own_page = graded["project"]["name"] or stem, hub_page(graded["project"].get("link"))
        own = [
            model
            for model, page in zip(listed, pages, strict=True)
            if page and (page == own_page or letters(page.partition("/")[2]) == letters(name))
        ]
        base = letters(str(graded["project"].get("llmbase") or ""))
        bases = [model for model in listed if base and letters(model["name"]) == base and model not in own]
        for aspect, (what, part) in ASPECTS.items():
            for model in bases if aspect in BASE_MODEL else own[:1]:
                grade = (graded.get(aspect) or {}).get("class")
                released = {each["name"].casefold() for each in model["components"] if is_included(each)}
                has = part in released
                if (grade == "open" and not has) or (grade == "closed" and has):
                    yield ANY, model["name"], ANY, what, JUDGE, grade, part, str(has).lower()


def is_included(component: Mapping[str, Any]) -> bool:
    """Tell whether a component is released: some are listed with a licence that says that they are not included."""
    return "not included" not in str(component.get("license"))


def hub_page(address: str | None) -> str:
    """Give account and name of a model at its hub, where some addresses lack the host."""
    model = r"(?:https?://huggingface\.co/)?(?!https?:|datasets|collections|spaces)([^/\s]+/[^/\s?#]+)"
    found = re.match(model, address or "")
    return found[1].casefold() if found else ""


def graphs_loads_and_hashes(raw: Raw) -> Iterator[Row]:
    """CQ23: each file with its hash; the graphs have the hashes of the snapshots that the pins are of."""
    yield from pinned("cq23", "words")
    for source in raw.snapshots:
        for path in sorted((raw.data / source).rglob("*")):
            if path.is_file() and path.name not in NOT_READ:
                file, hashed = str(path.relative_to(raw.data / source)), hashlib.sha256(path.read_bytes()).hexdigest()
                document = f"{DEFAULT_BASE}id/doc/{source}" if source == "seed-facts" else ""
                yield (
                    raw.graph(source),
                    ANY,
                    f"{DEFAULT_BASE}id/snapshot/{raw.snapshots[source][:12]}",
                    file,
                    hashed,
                    document,
                )
                if document:  # its wording is words of others
                    yield (
                        f"{DEFAULT_BASE}graph/words/{source}",
                        ANY,
                        f"{DEFAULT_BASE}id/snapshot/{raw.snapshots[source][:12]}",
                        file,
                        hashed,
                        document,
                    )


def wikidata_of(record: Mapping[str, Any]) -> list[str]:
    """Give the number that the registry prefers, or all where it prefers none: others are of what became a part."""
    found = [each for each in record["external_ids"] if each["type"] == "wikidata"]
    return [number for each in found for number in ([each["preferred"]] if each.get("preferred") else each["all"])]


def identifiers_elsewhere(raw: Raw) -> Iterator[Row]:
    """CQ27: identifiers of Wikidata and ROR that two entities or more hold, the default.

    Two records of the registry share one of Wikidata; or a company of org-domains shares it with the branch that the
    registry has, under a name with the country or the legal form: those are close, not the same. No two share a
    number of ROR.
    """
    holders: dict[str, dict[str, str]] = defaultdict(dict)  # identifier -> IRI -> name
    for record in raw.registry:
        number = record["id"].rpartition("/")[2]
        name = next(name["value"] for name in record["names"] if "ror_display" in name["types"])
        for wikidata in wikidata_of(record):
            holders[wikidata][f"{DEFAULT_BASE}id/org/ror-{number}"] = name
    for row in raw.table("org-domains/domain_org.csv"):
        if row["wikidata"] and row["kind"] == "company" and row["source"] == "curated":
            name = called(raw, row["organization"])
            holders[row["wikidata"]][iri(name) if name in KNOWN else f"{ANY} {name}"] = name
    for wikidata, found in holders.items():
        if len(found) > 1:
            for entity, name in found.items():
                yield (
                    *(f"{DEFAULT_BASE}ontology#wikidataId", wikidata, str(len(found)), entity.split(" ")[0], name),
                    f"{DEFAULT_BASE}ontology#Organization",
                )

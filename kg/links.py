"""Linksets: what our things and terms are in other data sets, as triples with a void:Linkset and as SSSOM tables.

Nothing is matched here. A link is what a source says (an identifier, a branch of a company) or what a person wrote
(``ontology/align``); this module decides how much of it may be said, spells it, and counts it. Each target has one
named graph, ``graph/links/{name}``, and one table. No rule ever reads these graphs: the default graph has none of it.

Source: VoID, section 5 (linksets); SSSOM 1.0 (TSV); ontology design, section 1, rule 5, and section 6.
"""

from __future__ import annotations

import csv
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from rdflib import OWL, RDF, SKOS, VOID, Literal, URIRef
from rdflib.namespace import DCTERMS
from rdflib.term import Node

from kg import __version__, resources
from kg.model import Mint, Quad
from kg.release import LoadedSource
from kg.vocab import OSAI, PREFIXES

Rows: TypeAlias = Callable[[str], Iterable[Mapping[str, Node]]]

SUFFIX = ".sssom.tsv"
LICENCE = URIRef("https://creativecommons.org/licenses/by/4.0/")

_SEMAPV = "https://w3id.org/semapv/vocab/"
_CURATED = "semapv:ManualMappingCuration"  # a person wrote it: our alignments
_STATED = "semapv:BackgroundKnowledgeBasedMatching"  # a register or another source gives the identifier

# How sure a link is. The figures order links by what stands behind them; they are no measured frequencies.
_SEVERAL_SAY_SO, _ONE_SAYS_SO, _SHARED, _BRANCH = 0.99, 0.95, 0.5, 0.7
_IMPLIED, _NEIGHBOUR = 0.95, 0.8
_LEVEL_SEEN, _LEVEL_UNSEEN = 0.95, 0.9  # of codes whose level's IRIs were seen, and of the others

# A sector as ISIC codes it: the letter of its section, and below that the digits that ISIC itself uses.
_SECTOR_CODE = re.compile(r"(?P<section>[A-U])(?P<digits>\d{2,4})?")

_COLUMNS = (
    *("subject_id", "subject_label", "predicate_id", "object_id", "mapping_justification", "confidence"),
    *("subject_source", "object_source", "mapping_source", "mapping_date", "comment"),
)


@dataclass(frozen=True, slots=True)
class Target:
    """Another data set: its name in graph and file, its title, where its IRIs stand, and what leads to them.

    ``identity`` is what an unshared identifier says: that both IRIs name one individual, or no more than that the
    entries match.
    """

    name: str
    title: str
    space: str
    identifier: URIRef | None = None
    identity: URIRef = SKOS.exactMatch


REGISTERS = (
    Target("wikidata", "Wikidata", "http://www.wikidata.org/entity/", OSAI.wikidataId, OWL.sameAs),
    Target("ror", "Research Organization Registry", "https://ror.org/", OSAI.rorId, OWL.sameAs),
    Target("isni", "International Standard Name Identifier", "https://isni.org/isni/", OSAI.isni),
    Target("grid", "Global Research Identifier Database", "http://www.grid.ac/institutes/", OSAI.gridId),
    Target("spdx", "SPDX License List", "http://spdx.org/licenses/", OSAI.spdxId),
)
# The classification as the statistics office of the UN and those who map to it name its codes: the scheme and a class
# were seen in public repositories (sentier_glossary on PyPI names the scheme, Eurostat's links from NACE a class).
ISIC = Target("isic", "ISIC Rev. 4", "https://unstats.un.org/classifications/ISIC/rev4/")
_TITLES = {
    "core-public-event": "Core Public Event Vocabulary",
    "dcat": "DCAT",
    "dcterms": "DCMI Metadata Terms",
    "dingo": "DINGO",
    "doap": "DOAP",
    "foaf": "FOAF",
    "gufo": "gUFO",
    "mls": "ML-Schema",
    "oa": "Web Annotation Vocabulary",
    "obo": "OBO: IAO and SEPIO",
    "org": "Organization Ontology",
    "prov-o": "PROV-O",
    "qb": "RDF Data Cube Vocabulary",
    "qudt": "QUDT",
    "schema-org": "schema.org",
    "spar": "SPAR ontologies",
    "time": "OWL-Time",
}


@dataclass(frozen=True, slots=True)
class Mapped:
    """One link and what stands behind it. ``sources`` are the graphs that say it, ``date`` is theirs, not a clock's."""

    subject: URIRef
    predicate: URIRef
    object: URIRef
    label: str
    justification: str
    confidence: float
    sources: tuple[str, ...]
    date: str
    comment: str = ""


@dataclass(frozen=True, slots=True)
class Linkset:
    """All links to one target, sorted by subject and object."""

    target: Target
    links: tuple[Mapped, ...]
    prefixes: Mapping[str, str]

    def graph(self, mint: Mint) -> URIRef:
        """Give the named graph of the links."""
        return mint.graph("links", self.target.name)

    @property
    def file(self) -> str:
        """Give the name of the table in a release."""
        return f"links-{self.target.name}{SUFFIX}"


def linksets(ask: Rows, mint: Mint, sources: Sequence[LoadedSource], root: Path) -> list[Linkset]:
    """Gather the links to every target, by name. Reads load graphs, the default graph, and ``align`` below ``root``.

    A target without a link is left out. About a second for 70,000 identifiers.
    """
    dates = {graph: source.as_of.isoformat() for source in sources for graph in source.graphs}
    found: dict[str, tuple[Target, list[Mapped], dict[str, str]]] = {}
    for target in REGISTERS:
        prefix = "wd" if target.name == "wikidata" else target.name
        found[target.name] = (target, list(_identified(ask, mint, target, dates)), {prefix: target.space})
    found["ror"][1].extend(_branches(ask, mint, dates))
    found[ISIC.name] = (ISIC, list(_sectors(ask, mint, dates)), {ISIC.name: ISIC.space})
    evidence = _evidence(root)
    for path in resources.alignment_files(root):
        graph = resources.read_turtle(path, mint.base)
        prefixes = {prefix: str(space) for prefix, space in graph.namespaces() if prefix}
        default = Target(path.stem, _TITLES.get(path.stem, path.stem), "")
        _, links, known = found.setdefault(path.stem, (default, [], {}))
        for s, p, o in graph:
            links.append(_aligned(URIRef(str(s)), URIRef(str(p)), URIRef(str(o)), mint, evidence))
            known.update(
                (name, space) for name, space in prefixes.items() if str(o).startswith(space) and space not in known
            )
    return [
        Linkset(target, tuple(sorted(set(links), key=lambda link: (link.subject, link.object, link.predicate))), known)
        for _, (target, links, known) in sorted(found.items())
        if links
    ]


def quads(sets: Iterable[Linkset], mint: Mint, dataset: URIRef) -> Iterator[Quad]:
    """Spell the links in their graphs, and describe each linkset in ``graph/void`` with its counts.

    VoID gives a linkset one predicate, so a graph with several is described as one whole and its parts.
    """
    void = mint.graph("void")
    for linkset in sets:
        graph, target = linkset.graph(mint), mint.id("node", "linked", linkset.target.name)
        for link in linkset.links:
            yield (link.subject, link.predicate, link.object, graph)
        triples = {(link.subject, link.predicate, link.object) for link in linkset.links}
        yield (target, RDF.type, VOID.Dataset, void)
        yield (target, DCTERMS.title, Literal(linkset.target.title, lang="en"), void)
        for space in sorted(set(linkset.prefixes.values())):
            yield (target, VOID.uriSpace, Literal(space), void)
        parts = Counter(predicate for _, predicate, _ in triples)
        yield (dataset, VOID.subset, graph, void)
        yield (graph, DCTERMS.title, Literal(f"Links to {linkset.target.title}", lang="en"), void)
        yield from _described(graph, dataset, target, len(triples), void)
        for predicate, count in sorted(parts.items()):
            part = graph
            if len(parts) > 1:
                part = mint.id("node", "linkset", linkset.target.name, predicate.rpartition("#")[2].rpartition("/")[2])
                yield (graph, VOID.subset, part, void)
                yield from _described(part, dataset, target, count, void)
            yield (part, VOID.linkPredicate, predicate, void)


def write_tables(folder: Path, sets: Iterable[Linkset], mint: Mint) -> None:
    """Write one SSSOM table for each linkset into ``folder``. Equal links give equal bytes.

    Source: SSSOM 1.0, section on TSV: metadata as YAML in comment lines, then the table.
    """
    for linkset in sets:
        prefixes = {
            "kg": mint.base,
            "osai": PREFIXES["osai"],
            "owl": PREFIXES["owl"],
            "rdf": PREFIXES["rdf"],
            "rdfs": PREFIXES["rdfs"],
            "semapv": _SEMAPV,
            "skos": PREFIXES["skos"],
            **linkset.prefixes,
        }
        spaces = sorted(prefixes.items(), key=lambda pair: -len(pair[1]))
        with (folder / linkset.file).open("w", encoding="utf-8", newline="") as stream:
            stream.write(f"#mapping_set_id: {linkset.graph(mint)}\n")
            stream.write(
                f'#mapping_set_title: "Links of the knowledge graph of open source AI to {linkset.target.title}"\n'
            )
            stream.write(
                f"#license: {LICENCE}\n#mapping_tool: osai-kg\n#mapping_tool_version: {__version__}\n#curie_map:\n"
            )
            stream.writelines(f'#  {prefix}: "{space}"\n' for prefix, space in sorted(prefixes.items()))
            table = csv.writer(stream, delimiter="\t", lineterminator="\n")
            table.writerow(_COLUMNS)
            for link in linkset.links:
                table.writerow(
                    (
                        _curie(link.subject, spaces),
                        " ".join(link.label.split()),
                        _curie(link.predicate, spaces),
                        _curie(link.object, spaces),
                        link.justification,
                        link.confidence,
                        "kg:ontology" if link.subject.startswith(PREFIXES["osai"]) else "kg:id/dataset/osai-kg",
                        f"kg:id/node/linked/{linkset.target.name}",
                        "|".join(_curie(source, spaces) for source in link.sources),
                        link.date,
                        link.comment,
                    )
                )


def _described(part: URIRef, dataset: URIRef, target: URIRef, count: int, void: URIRef) -> Iterator[Quad]:
    yield (part, RDF.type, VOID.Linkset, void)
    yield (part, VOID.subjectsTarget, dataset, void)
    yield (part, VOID.objectsTarget, target, void)
    yield (part, VOID.triples, Literal(count), void)
    yield (part, DCTERMS.license, LICENCE, void)


def _identified(ask: Rows, mint: Mint, target: Target, dates: Mapping[str, str]) -> Iterator[Mapped]:
    """Give a link for each identifier: identity only where it is one to one, for two things cannot both be a third."""
    named = {
        str(row["thing"]): str(row["name"])
        for row in ask(f"SELECT ?thing ?name WHERE {{ ?thing <{target.identifier}> ?id ; <{OSAI.name}> ?name }}")
    }
    said: dict[tuple[str, str], set[str]] = defaultdict(set)
    for row in ask(f"SELECT ?thing ?id ?graph WHERE {{ GRAPH ?graph {{ ?thing <{target.identifier}> ?id }} }}"):
        if str(row["graph"]) in dates:
            said[str(row["thing"]), str(row["id"])].add(str(row["graph"]))
    of_thing = Counter(thing for thing, _ in said)
    of_value = Counter(value for _, value in said)
    for (thing, value), graphs in said.items():
        alone = of_thing[thing] == of_value[value] == 1
        comment = ""
        if of_thing[thing] > 1:
            comment = f"one of {of_thing[thing]} identifiers that sources give for it"
        elif of_value[value] > 1:
            comment = f"an identifier that {of_value[value]} things here share"
        sure = _SHARED if not alone else _SEVERAL_SAY_SO if len(graphs) > 1 else _ONE_SAYS_SO
        yield Mapped(
            URIRef(thing),
            target.identity if alone else SKOS.closeMatch,
            URIRef(target.space + value),
            named.get(thing, ""),
            _STATED,
            sure,
            tuple(sorted(graphs)),
            max(dates[graph] for graph in graphs),
            comment,
        )


def _branches(ask: Rows, mint: Mint, dates: Mapping[str, str]) -> Iterator[Mapped]:
    """Give a close match with ROR for a company whose domain a branch in one country is registered with."""
    ours = f"{mint.base}id/org/ror-"
    asked = (
        f"SELECT ?thing ?name ?branch ?id ?graph WHERE {{ GRAPH ?graph {{ ?thing <{SKOS.closeMatch}> ?branch }} "
        f'FILTER(STRSTARTS(STR(?branch), "{mint.base}id/org/")) '
        f"OPTIONAL {{ ?branch <{OSAI.rorId}> ?id }} OPTIONAL {{ ?thing <{OSAI.name}> ?name }} }}"
    )
    for row in ask(asked):
        graph, branch = str(row["graph"]), str(row["branch"])
        key = str(row["id"]) if "id" in row else branch.removeprefix(ours) if branch.startswith(ours) else None
        if key is not None and graph in dates:
            yield Mapped(
                URIRef(str(row["thing"])),
                SKOS.closeMatch,
                URIRef(f"https://ror.org/{key}"),
                str(row.get("name", "")),
                _STATED,
                _BRANCH,
                (graph,),
                dates[graph],
                "a branch or namesake of it in one country",
            )


def _sectors(ask: Rows, mint: Mint, dates: Mapping[str, str]) -> Iterator[Mapped]:
    """Give a link for each sector that a source codes by ISIC, and for each of ours that is part of one of those."""
    codes: dict[str, str] = {}
    said: dict[str, set[str]] = defaultdict(set)
    labels: dict[str, str] = {}
    scheme = mint.scheme("sector")
    asked = (
        f"SELECT ?sector ?code ?label ?graph WHERE {{ GRAPH ?graph {{ ?sector <{SKOS.inScheme}> <{scheme}> ; "
        f"<{SKOS.notation}> ?code ; <{SKOS.prefLabel}> ?label }} }}"
    )
    for row in ask(asked):
        graph, code = str(row["graph"]), _SECTOR_CODE.fullmatch(str(row["code"]))
        if graph in dates and code is not None:
            sector = str(row["sector"])
            codes[sector] = code["digits"] or code["section"]
            labels[sector] = str(row["label"])
            said[sector].add(graph)
    for sector, code_of in codes.items():
        seen = len(code_of) == len("0000")
        yield Mapped(
            URIRef(sector),
            SKOS.exactMatch,
            URIRef(ISIC.space + code_of),
            labels[sector],
            _STATED,
            _LEVEL_SEEN if seen else _LEVEL_UNSEEN,
            tuple(sorted(said[sector])),
            max(dates[graph] for graph in said[sector]),
            "" if seen else "the form of the IRI was seen for classes only",
        )
    asked = (
        f"SELECT ?sector ?above ?label WHERE {{ ?sector <{SKOS.inScheme}> <{scheme}> ; "
        f"<{SKOS.broadMatch}> ?above ; <{SKOS.prefLabel}> ?label }}"
    )
    for row in ask(asked):
        if (above := str(row["above"])) in codes:
            yield Mapped(
                URIRef(str(row["sector"])),
                SKOS.broadMatch,
                URIRef(ISIC.space + codes[above]),
                str(row["label"]),
                _CURATED,
                _NEIGHBOUR,
                (str(mint.graph("ontology")),),
                max(dates[graph] for graph in said[above]),
                f"a sector of ours, part of {above.rpartition('/')[2]}",
            )


def _aligned(
    subject: URIRef,
    predicate: URIRef,
    target: URIRef,
    mint: Mint,
    evidence: Mapping[tuple[str, str, str], tuple[str, str]],
) -> Mapped:
    local = subject.rpartition("#")[2]
    seen, date = evidence.get((f"osai:{local}", _curie(predicate, _WRITTEN), str(target)), ("", ""))
    return Mapped(
        subject,
        predicate,
        target,
        local,
        _CURATED,
        _NEIGHBOUR if predicate == SKOS.closeMatch else _IMPLIED,
        (str(mint.graph("align")),),
        date,
        f"seen in {seen}" if seen else "",
    )


def _evidence(root: Path) -> dict[tuple[str, str, str], tuple[str, str]]:
    """Read where and when each target of an alignment was seen in its vocabulary."""
    path = root / "align" / "evidence.csv"
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8", newline="") as stream:
        return {
            (row["term"], row["relation"], row["target"]): (row["seen_in"], row["date"])
            for row in csv.DictReader(stream)
        }


_WRITTEN = sorted(PREFIXES.items(), key=lambda pair: -len(pair[1]))


def _curie(iri: str, spaces: Iterable[tuple[str, str]]) -> str:
    """Shorten an IRI by the longest namespace that fits. ``spaces`` are prefixes with theirs, longest first."""
    return next((f"{prefix}:{iri[len(space) :]}" for prefix, space in spaces if iri.startswith(space)), iri)

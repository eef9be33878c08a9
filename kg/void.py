"""The data set described as data: ``graph/void``, with the size of every graph, class and property.

Each number is a count of the release it stands in, so whoever asks for it gets the same. Partitions follow SIB: of the
whole by class and by property, and of each class by property, which is what completion and federation ask for. Nodes
have IRIs, since a release has no blank nodes, and no host name: addresses are added by the service that has one.

Source: VoID, sections 4.3 (partitions) and 4.6 (statistics); DCAT 3; ontology design, section 1, rules 1 and 7.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import date

from rdflib import RDF, VOID, XSD, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS
from rdflib.term import Node

from kg.model import Mint
from kg.release import LoadedSource
from kg.store import Writer
from kg.vocab import ONTOLOGY, OSAI, PREFIXES

TITLE = "Knowledge graph of open source AI"
CITATION = "CITATION.cff"
LICENCE = URIRef("https://creativecommons.org/licenses/by/4.0/")

_GRAPHS = "SELECT ?graph (COUNT(*) AS ?n) WHERE { GRAPH ?graph { ?s ?p ?o } } GROUP BY ?graph"
_DISTINCT = (
    "SELECT (COUNT(*) AS ?triples) (COUNT(DISTINCT ?s) AS ?subjects) (COUNT(DISTINCT ?o) AS ?objects) "
    "WHERE { ?s ?p ?o }"
)
_ENTITIES = "SELECT (COUNT(DISTINCT ?s) AS ?n) WHERE { ?s a ?class }"
_CLASSES = "SELECT ?class (COUNT(*) AS ?n) WHERE { ?s a ?class } GROUP BY ?class"
_PROPERTIES = (
    "SELECT ?property (COUNT(*) AS ?n) (COUNT(DISTINCT ?s) AS ?subjects) (COUNT(DISTINCT ?o) AS ?objects) "
    "WHERE { ?s ?property ?o } GROUP BY ?property"
)
_BOTH = "SELECT ?class ?property (COUNT(*) AS ?n) WHERE { ?s a ?class ; ?property ?o } GROUP BY ?class ?property"


def write(writer: Writer, mint: Mint, sources: Sequence[LoadedSource], *, as_of: date, ontology: str) -> None:
    """Describe what ``writer`` holds in ``graph/void``. Nothing may be written after it: it counts itself too.

    Five queries over the whole default graph: about eight seconds for a million triples.
    """
    graph = mint.graph("void")
    made = [*_whole(writer, mint, sources, as_of, ontology), *_graphs(writer, mint)]
    writer.add((s, p, o, graph) for s, p, o in made)
    writer.add([(graph, RDF.type, VOID.Dataset, graph)])
    writer.add([(graph, VOID.triples, Literal(writer.count(graph) + 1), graph)])


def citation(base: str, *, as_of: date, sha256: str) -> str:
    """Give how to cite a release, in the Citation File Format 1.2. No person and no time of the build stands in it.

    A release's own name depends on this text, so the version is the date and the hash of the quads.
    """
    return "\n".join(
        (
            "cff-version: 1.2.0",
            "message: Please cite the release that an answer came from.",
            "type: dataset",
            f'title: "{TITLE}"',
            "authors:",
            '  - name: "The osai-kg project"',
            f'version: "{as_of.isoformat()}+sha256.{sha256[:8]}"',
            f"date-released: {as_of.isoformat()}",
            "license: CC-BY-4.0",
            f'url: "{base}"',
            "identifiers:",
            "  - type: other",
            f'    value: "sha256:{sha256}"',
            "    description: of the sorted N-Quads",
            "keywords:",
            "  - open source",
            "  - artificial intelligence",
            "  - governance",
            "  - knowledge graph",
            "",
        )
    )


def _whole(
    writer: Writer, mint: Mint, sources: Sequence[LoadedSource], as_of: date, ontology: str
) -> Iterator[tuple[Node, URIRef, Node]]:
    data = mint.id("dataset", "osai-kg")
    yield (data, RDF.type, VOID.Dataset)
    yield (data, RDF.type, DCAT.Dataset)
    yield (data, DCTERMS.title, Literal(TITLE, lang="en"))
    yield (data, DCTERMS.license, LICENCE)
    yield (data, VOID.uriSpace, Literal(mint.base))
    yield (data, VOID.vocabulary, ONTOLOGY)
    yield (data, OSAI.ontologyVersion, Literal(ontology))
    instant = f"{as_of.isoformat()}T23:59:59Z"
    yield (data, OSAI.asOf, Literal(instant, datatype=XSD.dateTime, normalize=False))
    for source in sources:
        for name in source.graphs:
            yield (data, DCTERMS.hasPart, URIRef(name))
    align = mint.graph("align")
    yield (data, DCTERMS.hasPart, align)
    yield (align, DCTERMS.title, Literal("How the terms match those of other vocabularies", lang="en"))
    (sizes,) = writer.rows(_DISTINCT)
    (entities,) = writer.rows(_ENTITIES)
    classes, properties = [*writer.rows(_CLASSES)], [*writer.rows(_PROPERTIES)]
    yield (data, VOID.triples, _number(sizes["triples"]))
    yield (data, VOID.distinctSubjects, _number(sizes["subjects"]))
    yield (data, VOID.distinctObjects, _number(sizes["objects"]))
    yield (data, VOID.entities, _number(entities["n"]))
    yield (data, VOID.classes, Literal(len(classes)))
    yield (data, VOID.properties, Literal(len(properties)))
    inside: dict[Node, list[Mapping[str, Node]]] = defaultdict(list)
    for row in writer.rows(_BOTH):
        inside[row["class"]].append(row)
    for row in classes:
        part = mint.id("node", "class", _name(row["class"]))
        yield (data, VOID.classPartition, part)
        yield (part, VOID["class"], row["class"])
        yield (part, VOID.entities, _number(row["n"]))
        for used in inside[row["class"]]:
            within = mint.id("node", "class", _name(row["class"]), _name(used["property"]))
            yield (part, VOID.propertyPartition, within)
            yield (within, VOID.property, used["property"])
            yield (within, VOID.triples, _number(used["n"]))
    for row in properties:
        part = mint.id("node", "property", _name(row["property"]))
        yield (data, VOID.propertyPartition, part)
        yield (part, VOID.property, row["property"])
        yield (part, VOID.triples, _number(row["n"]))
        yield (part, VOID.distinctSubjects, _number(row["subjects"]))
        yield (part, VOID.distinctObjects, _number(row["objects"]))


def _graphs(writer: Writer, mint: Mint) -> Iterator[tuple[Node, URIRef, Node]]:
    """Give the size of each named graph but of this one. What a linkset has said of itself already is said again."""
    own = mint.graph("void")
    for row in writer.rows(_GRAPHS):
        if row["graph"] != own:
            yield (row["graph"], RDF.type, VOID.Dataset)
            yield (row["graph"], VOID.triples, _number(row["n"]))


def _number(counted: Node) -> Literal:
    return Literal(int(str(counted)))


_SPACES = sorted(PREFIXES.items(), key=lambda pair: -len(pair[1]))


def _name(iri: Node) -> str:
    """Name a term in the IRI of its partition: prefix and local name, or the end of the IRI and a mark of the whole."""
    for prefix, space in _SPACES:
        local = str(iri).removeprefix(space)
        if local != str(iri) and local.replace("-", "").replace("_", "").isalnum() and local.isascii():
            return f"{prefix}.{local}"
    return f"other.{hashlib.sha256(str(iri).encode()).hexdigest()[:12]}"

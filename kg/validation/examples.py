"""The examples of the ontology: each valid one conforms, each invalid one breaks exactly the shapes that it names.

An example is a Turtle file in ``examples/valid`` or ``examples/invalid``. A line ``# expects: osaish:NameShape, …`` of
an invalid one names every shape that it breaks. A line ``# graph: graph/provenance`` puts an example into that named
graph besides the default graph.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path as FilePath

from rdflib import RDF, RDFS, Graph, URIRef
from rdflib.namespace import SKOS
from rdflib.term import Node

from kg import resources
from kg.validation.report import Report
from kg.validation.shapes import SHAPES, short


@dataclass(frozen=True, slots=True)
class Example:
    """One example, parsed. ``expects`` are the shapes it breaks, empty for a valid one."""

    path: FilePath
    graph: Graph
    expects: frozenset[URIRef]
    named: URIRef | None

    @property
    def name(self) -> str:
        """Its name, as in the file's."""
        return self.path.stem

    @property
    def valid(self) -> bool:
        """It must conform."""
        return self.path.parent.name == "valid"


def read_examples(base: str, root: FilePath | None = None) -> tuple[Example, ...]:
    """Read every example of the ontology in ``root``, in order. Raises ModelError with file and line."""
    directory = (root or resources.ontology()) / "examples"
    return tuple(_read(path, base) for path in sorted(directory.glob("*/*.ttl")))


def _read(path: FilePath, base: str) -> Example:
    text = path.read_text(encoding="utf-8")
    expects = re.findall(r"osaish:(\w+)", " ".join(re.findall(r"^# expects: (.*)$", text, re.MULTILINE)))
    named = re.search(r"^# graph: (\S+)$", text, re.MULTILINE)
    return Example(
        path,
        resources.read_turtle(path, base),
        frozenset(SHAPES[name] for name in expects),
        URIRef(base + named[1]) if named else None,
    )


def surroundings(data: Graph, vocabulary: Graph) -> Graph:
    """Give what data lean on: the class hierarchy, and what the schemes say of the concepts that are named.

    An example is judged with these beside it, not with the whole vocabulary, in which shapes of schemes would find
    the same things over and over.
    """
    found = Graph()
    found += ((s, RDFS.subClassOf, o) for s, o in vocabulary.subject_objects(RDFS.subClassOf) if isinstance(o, URIRef))
    queue: set[Node] = {node for triple in data for node in triple if isinstance(node, URIRef)}
    while queue:
        node = queue.pop()
        if (node, RDF.type, SKOS.Concept) in vocabulary or (node, RDF.type, SKOS.ConceptScheme) in vocabulary:
            about = {triple for triple in vocabulary.triples((node, None, None)) if triple not in found}
            found += about
            queue |= {o for _, p, o in about if p in (SKOS.broader, SKOS.inScheme, SKOS.broadMatch, SKOS.relatedMatch)}
    return found


def misjudged(example: Example, report: Report) -> Iterator[str]:
    """Say where a report over one example is not what the example is for, and how to mend it."""
    if not example.valid and not example.expects:
        yield "it names no shape that it breaks; add a line # expects: osaish:…"
        return
    broken = {violation.shape for violation in report.violations}
    for shape in sorted(broken - example.expects):
        (violation, *_) = (one for one in report.violations if one.shape == shape)
        why = f"{short(violation.focus, report.base)} {violation.message}"
        mend = "mend it" if example.valid else "mend it, or add the shape to # expects:"
        yield f"it breaks {short(shape)}: {why}; {mend}"
    for shape in sorted(example.expects - broken):
        yield f"it does not break {short(shape)}, which it is for; mend the example or the shape"

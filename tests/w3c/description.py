"""What the SPARQL 1.1 Service Description asks of a description, test by test of the suite.

The suite gives its three tests in words. "Conforms to schema" is read as section 3 of the specification: every term of
the vocabulary is one that it defines, and each property stands between what it says it stands between.
"""

from __future__ import annotations

from collections.abc import Iterator

from rdflib import RDF, Graph, Literal, Namespace, URIRef
from rdflib.term import Node

SD = Namespace("http://www.w3.org/ns/sparql-service-description#")

_CLASSES = frozenset(
    ("Service", "Language", "Function", "Aggregate", "EntailmentRegime", "EntailmentProfile", "GraphCollection",
     "Dataset", "Graph", "NamedGraph", "Feature")
)  # fmt: skip
# Instances that the specification names, by class.
_INSTANCES = {
    "Language": frozenset(("SPARQL10Query", "SPARQL11Query", "SPARQL11Update")),
    "Feature": frozenset(
        ("DereferencesURIs", "UnionDefaultGraph", "RequiresDataset", "EmptyGraphs", "BasicFederatedQuery")
    ),
}
_RESOURCE = ""  # anything with an IRI, and no class that a description must say
# Property: the class it is of, the class of its values, and whether it may stand once only.
_PROPERTIES = {
    "endpoint": ("Service", _RESOURCE, True),
    "feature": ("Service", "Feature", False),
    "defaultEntailmentRegime": ("Service", _RESOURCE, True),
    "supportedEntailmentProfile": ("NamedGraph", _RESOURCE, False),
    "defaultSupportedEntailmentProfile": ("Service", _RESOURCE, True),
    "entailmentRegime": ("NamedGraph", _RESOURCE, True),
    "extensionFunction": ("Service", "Function", False),
    "extensionAggregate": ("Service", "Aggregate", False),
    "languageExtension": ("Service", _RESOURCE, False),
    "supportedLanguage": ("Service", "Language", False),
    "propertyFeature": ("Service", _RESOURCE, False),
    "inputFormat": ("Service", _RESOURCE, False),
    "resultFormat": ("Service", _RESOURCE, False),
    "defaultDataset": ("Service", "Dataset", True),
    "availableGraphs": ("Service", "GraphCollection", True),
    "defaultGraph": ("Dataset", "Graph", True),
    "namedGraph": ("GraphCollection", "NamedGraph", False),
    "name": ("NamedGraph", _RESOURCE, True),
    "graph": ("NamedGraph", "Graph", True),
}
_ABOVE = {"Dataset": "GraphCollection", "Aggregate": "Function"}


def faults(graph: Graph, endpoint: URIRef, test: str) -> list[str]:
    """Say what a description lacks for one test of the suite; nothing where it passes."""
    match test:
        case "returns-rdf":
            return [] if len(graph) else ["the description holds no triple"]
        case "has-endpoint-triple":
            named = set(graph.objects(None, SD.endpoint))
            return [] if endpoint in named else [f"no sd:endpoint is <{endpoint}>; there are {sorted(map(str, named))}"]
        case "conforms-to-schema":
            return list(_schema(graph))
    raise ValueError(f"{test} is no test of service descriptions that is known here")


def _schema(graph: Graph) -> Iterator[str]:
    if not set(graph.subjects(RDF.type, SD.Service)):
        yield "nothing is a sd:Service"
    for service in graph.subjects(RDF.type, SD.Service):
        if (service, SD.endpoint, None) not in graph:
            yield f"{service} has no sd:endpoint"
    for subject, predicate, value in graph:
        if predicate == RDF.type and _name(value) not in (None, *_CLASSES):
            yield f"sd:{_name(value)} is no class"
        name = _name(predicate)
        if name is None:
            continue
        if name not in _PROPERTIES:
            yield f"sd:{name} is no property"
            continue
        domain, range_, once = _PROPERTIES[name]
        if not _is_a(graph, subject, domain):
            yield f"sd:{name} is of a sd:{domain}, and {subject} is none"
        if isinstance(value, Literal):
            yield f"sd:{name} has a literal"
        elif range_ and not _is_a(graph, value, range_):
            yield f"a value of sd:{name} is a sd:{range_}, and {value} is none"
        if once and len(set(graph.objects(subject, predicate))) > 1:
            yield f"{subject} has sd:{name} twice"


def _is_a(graph: Graph, node: Node, kind: str) -> bool:
    if _name(node) in _INSTANCES.get(kind, ()):
        return True
    types = {_name(type_) for type_ in graph.objects(node, RDF.type)}
    return kind in types | {_ABOVE.get(type_ or "") for type_ in types}


def _name(node: Node) -> str | None:
    return str(node).removeprefix(SD) if str(node).startswith(SD) else None

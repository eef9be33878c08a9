"""``kg check``: what can be proved of the sources, the vocabulary and a build of them, without touching what is served.

Each check ends passed, failed or skipped, says what it looked at, and names what it could not. A build goes to a
directory that is thrown away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rdflib import RDF, RDFS, Graph, URIRef
from rdflib.namespace import OWL, SKOS

from kg import resources
from kg.build import Built, build, fitting_pins
from kg.errors import KgError
from kg.reasoning import classify, java_executable, project_for_dl
from kg.release import Releases
from kg.sources import Source
from kg.sources.fetch import snapshot_of
from kg.store.oxigraph import OxigraphStore
from kg.vocab import OSAI


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. ``details`` are lines, each of which says what to mend."""

    name: str
    state: str  # "passed", "failed" or "skipped"
    summary: str
    details: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        """The check ran and found something wrong."""
        return self.state == "failed"

    @property
    def skipped(self) -> bool:
        """The check could not run, or not wholly, on this machine."""
        return self.state == "skipped"

    def as_json(self) -> dict[str, object]:
        """Give the finding as plain values."""
        return {"name": self.name, "state": self.state, "summary": self.summary, "details": list(self.details)}


def run_checks(sources: Mapping[str, Source], home: Path, base: str) -> Iterator[Finding]:
    """Run every check, cheapest first. Reads snapshots in ``home``; writes nothing there."""
    yield _guarded("vocabulary", lambda: _vocabulary(base))
    with tempfile.TemporaryDirectory(prefix="kg-check-") as scratch:
        try:
            built = _build(sources, home, base, Path(scratch))
        except KgError as error:
            yield Finding("build", "failed", "the sources do not build", (str(error),))
            return
        manifest = built.release.manifest
        quads = manifest.counts["default_triples"] + manifest.counts["named_triples"]
        yield Finding("build", "passed", f"{len(manifest.sources)} sources, {quads:,} quads, no rule broken")
        yield Finding("shapes", "passed", f"0 violations, {len(built.warnings)} warnings", tuple(built.warnings))
        yield _words(built)
        yield _pins(built)
        yield _guarded("logic", lambda: _logic(built, base))


def _guarded(name: str, check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except KgError as error:
        return Finding(name, "failed", "it stops with an error", (str(error),))


def _build(sources: Mapping[str, Source], home: Path, base: str, scratch: Path) -> Built:
    chosen = [(source, snapshot) for source in sources.values() if (snapshot := snapshot_of(source, home))]
    return build(
        chosen,
        base=base,
        releases=Releases(scratch),
        created=datetime.now(UTC).replace(microsecond=0),
        pins=fitting_pins(chosen),
    )


def _vocabulary(base: str) -> Finding:
    """Every term has one English label and one definition; every file parses; ``kg.vocab`` is the ontology."""
    wrong: list[str] = []
    terms = 0
    for path in resources.vocabulary_files():
        graph = resources.read_turtle(path, base)
        for term in sorted(_terms(graph)):
            terms += 1
            labels = [*graph.objects(term, RDFS.label), *graph.objects(term, SKOS.prefLabel)]
            if sum(getattr(label, "language", None) == "en" for label in labels) != 1:
                wrong.append(f"{path.name}: <{term}> needs exactly one English label")
            if len(list(graph.objects(term, SKOS.definition))) != 1:
                wrong.append(f"{path.name}: <{term}> needs exactly one skos:definition")
    declared = _terms(resources.read_turtle(resources.ontology() / "osai.ttl", base))
    listed = {OSAI[name] for name in OSAI.__annotations__ if not name.startswith("_")}
    wrong += [f"osai.ttl: <{term}> is not in kg/vocab.py" for term in sorted(declared - listed)]
    wrong += [f"kg/vocab.py: <{term}> is not declared in osai.ttl" for term in sorted(listed - declared)]
    state = "failed" if wrong else "passed"
    return Finding("vocabulary", state, f"{terms} terms and concepts, {len(wrong)} to mend", tuple(wrong))


def _terms(graph: Graph) -> set[URIRef]:
    """Give our terms and concepts that a file declares; foreign ones are only repeated there."""
    kinds = (OWL.Class, OWL.ObjectProperty, OWL.DatatypeProperty, OWL.AnnotationProperty, SKOS.Concept)
    declared = {term for kind in kinds for term in graph.subjects(RDF.type, kind) if isinstance(term, URIRef)}
    return {term for term in declared if term in OSAI or (term, RDF.type, SKOS.Concept) in graph}


def _words(built: Built) -> Finding:
    """Each span whose document is at hand was proved by the build; the others wait."""
    counts = built.release.manifest.counts
    missing = sorted({path for source in built.release.manifest.sources for path in source.missing_documents})
    summary = f"{counts['spans_with_words']} of {counts['spans']} spans proved against their document"
    if not missing:
        return Finding("words", "passed", summary)
    return Finding(
        "words", "skipped", summary, tuple(f"{path} is not at hand; kg fetch --from DIR takes it" for path in missing)
    )


def _pins(built: Built) -> Finding:
    """Compare the answers of the catalogue with their pins."""
    if not built.differences:
        return Finding("pinned answers", "skipped", "the sources loaded are not those that answers are pinned for")
    wrong = tuple(f"{name}: {what}" for name, found in built.differences.items() for what in found)
    good = sum(not found for found in built.differences.values())
    state = "failed" if wrong else "passed"
    return Finding("pinned answers", state, f"{good} of {len(built.differences)} queries answer as pinned", wrong)


def _logic(built: Built, base: str) -> Finding:
    """HermiT finds ontology and curated data consistent, and no class that nothing can be in."""
    java = java_executable()
    if java is None:
        return Finding("logic", "skipped", "HermiT needs Java: install osai-kg[reason], which brings one")
    ontology = Graph()
    for name in ("osai.ttl", "osai-dl.ttl"):
        ontology += resources.read_turtle(resources.ontology() / name, base)
    store = OxigraphStore.load([(built.release.quads, None, None)])
    try:
        data = project_for_dl(lambda query: store.rows(query, trusted=True), ontology, base=base)
    finally:
        store.close()
    verdict = classify(ontology, data, java=java)
    if not verdict.consistent:
        return Finding("logic", "failed", "HermiT finds a contradiction", ("ontology and curated data contradict",))
    unsatisfiable = tuple(f"<{term}> can have no member" for term in sorted(map(str, verdict.unsatisfiable)))
    state = "failed" if unsatisfiable else "passed"
    return Finding("logic", state, f"HermiT: consistent, {len(verdict.types):,} types", unsatisfiable)

"""``kg check``: what can be proved of the ontology, the sources and a build of them, without touching what is served.

Each section ends passed, failed or skipped, says what it looked at, and names what it could not. Its findings say how
to mend them: an error fails the section, warnings and notes never do. A build goes to a directory that is thrown away.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rdflib import Graph, URIRef

from kg import quality, resources
from kg.build import Built, Violation, build, fitting_pins, judgement_files, resolve_sources
from kg.documentation import read_statistics
from kg.errors import KgError
from kg.model import DEFAULT_GRAPH, Snapshot
from kg.quality import Level, QualityFinding
from kg.reasoning import classify, java_executable, project_for_dl
from kg.release import Releases
from kg.resolution import sample
from kg.samples import Denoted, measure, read_names
from kg.search import Index
from kg.sources import Source
from kg.sources.fetch import snapshot_of
from kg.store.oxigraph import OxigraphStore, OxigraphWriter
from kg.validation import checks as compile_shapes
from kg.validation import misjudged, read_examples, read_shapes, surroundings, validate

# What merging must reach on the labelled sample, and of how many pairs it must be known to be held to it.
_PRECISION, _RECALL, _ENOUGH = 0.99, 0.90, 100
_WORK = "work"  # below the scratch directory: loads, which two sections need


# What reconciliation must reach on the labelled names, and of how many a release must hold the things to say so.
_LEAST_F1, _FEWEST_NAMES = 0.95, 100


@dataclass(frozen=True, slots=True)
class Section:
    """What one part of the check found. ``skipped`` is what it could not do on this machine, and how it could."""

    name: str
    summary: str
    findings: tuple[QualityFinding, ...] = ()
    skipped: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """Tell "failed" (it found an error), "skipped" (it could not run, or not wholly) or "passed"."""
        if any(finding.level == Level.ERROR for finding in self.findings):
            return "failed"
        return "skipped" if self.skipped else "passed"

    def fails(self, *, strict: bool) -> bool:
        """Tell whether the section fails the check; a strict one lets nothing be skipped."""
        return self.state == "failed" or (strict and bool(self.skipped))

    def lines(self, *, everything: bool) -> Iterator[str]:
        """Give the section as text: a line that sums up, then errors and what was skipped, or every finding."""
        yield f"{self.state:8} {self.name:16} {self.summary}"
        for finding in self.findings:
            if everything or finding.level == Level.ERROR:
                yield f"{'':8} {finding.level}: {finding}"
        for what in self.skipped:
            yield f"{'':8} skipped: {what}"

    def as_json(self) -> dict[str, object]:
        """Give the section as plain values."""
        return {
            "name": self.name,
            "state": self.state,
            "summary": self.summary,
            "findings": [finding.as_json() for finding in self.findings],
            "skipped": list(self.skipped),
        }


def markdown(sections: Sequence[Section], *, strict: bool) -> str:
    """Spell the whole report as Markdown: a table of the sections, and a table of findings for each that has any."""
    failed = sum(section.fails(strict=strict) for section in sections)
    skipped = sum(section.state == "skipped" for section in sections)
    verdict = f"{failed} of {len(sections)} sections failed, {skipped} could not run or not wholly."
    lines = ["# Check", "", verdict, "", "| section | state | summary |", "|---|---|---|"]
    lines += [_row(section.name, section.state, section.summary) for section in sections]
    for section in sections:
        if section.findings or section.skipped:
            lines += [
                "",
                f"## {section.name}",
                "",
                "| level | place | what, and how to mend it | check |",
                "|---|---|---|---|",
            ]
            lines += [_row(one.level, one.place or "", one.message, one.check) for one in section.findings]
            lines += [_row("skipped", "", what, "") for what in section.skipped]
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    plain = (" ".join(cell.split()).replace("|", "\\|").replace("<", "&lt;") for cell in cells)
    return f"| {' | '.join(plain)} |"


def run_checks(
    sources: Mapping[str, Source], home: Path, base: str, *, ontology: Path | None = None
) -> Iterator[Section]:
    """Run every section, cheapest first. Reads snapshots in ``home``; writes nothing there.

    ``ontology`` is the directory of another copy of the ontology than the bundled one.
    """
    root = ontology or resources.ontology()
    yield _guarded("vocabulary", lambda: _vocabulary(base, root))
    yield _guarded("examples", lambda: _examples(base, root))
    with tempfile.TemporaryDirectory(prefix="kg-check-") as scratch:
        try:
            built = _build(sources, home, base, root, Path(scratch))
        except KgError as error:
            yield Section("build", "the sources do not build", (_error("build", error),))
            return
        manifest = built.release.manifest
        quads = manifest.counts["default_triples"] + manifest.counts["named_triples"]
        yield Section("build", f"{len(manifest.sources)} sources, {quads:,} quads, no rule broken")
        warnings = tuple(_warning(one, base) for one in built.warnings)
        yield Section("shapes", f"0 violations, {len(warnings)} warnings", warnings)
        yield _words(built)
        yield _guarded("terms in use", lambda: _use(built, base, root))
        yield _guarded("resolution", lambda: _resolution(sources, home, base, Path(scratch)))
        yield _guarded("reconciliation", lambda: _reconciliation(built, base))
        yield _pins(built)
        yield _guarded("logic", lambda: _logic(built, base, root))


def _warning(found: Violation, base: str) -> QualityFinding:
    """Spell what shapes warn of as one sentence that begins with the thing, and a contradiction with its premises."""
    colon = ":" if found.message[:1].isupper() else ""
    said = f"{found.focus.removeprefix(base)}{colon} {found.message}"
    return QualityFinding(found.rule, Level.WARN, found.focus, "; ".join((said, *found.premises)), found.locator)


def _error(name: str, error: KgError) -> QualityFinding:
    return QualityFinding(name, Level.ERROR, "", str(error))


def _guarded(name: str, check: Callable[[], Section]) -> Section:
    try:
        return check()
    except KgError as error:
        return Section(name, "it stops with an error", (_error(name, error),))


def _chosen(sources: Mapping[str, Source], home: Path) -> list[tuple[Source, Snapshot]]:
    return [(source, snapshot) for source in sources.values() if (snapshot := snapshot_of(source, home))]


def _build(sources: Mapping[str, Source], home: Path, base: str, root: Path, scratch: Path) -> Built:
    chosen = _chosen(sources, home)
    return build(
        chosen,
        base=base,
        releases=Releases(scratch),
        created=datetime.now(UTC).replace(microsecond=0),
        pins=fitting_pins(chosen),
        ontology=root,
        work=scratch / _WORK,
    )


def _counted(findings: Iterable[QualityFinding]) -> str:
    levels = [finding.level for finding in findings]
    return ", ".join(f"{levels.count(level)} {level}{'' if levels.count(level) == 1 else 's'}" for level in Level)


def _vocabulary(base: str, root: Path) -> Section:
    """Hold the files of the ontology against the quality bar."""
    found = tuple(quality.findings(base, root=root))
    return Section("vocabulary", _counted(found), found)


def _examples(base: str, root: Path) -> Section:
    """Every valid example conforms, every invalid one breaks exactly the shapes that it names."""
    shapes, places = read_shapes(base, resources.shape_files(root))
    checks = compile_shapes(shapes, base=base, places=places)
    vocabulary = Graph()
    for path in resources.vocabulary_files(root):
        vocabulary += resources.read_turtle(path, base)
    examples = read_examples(base, root)
    found = []
    for example in examples:
        writer = OxigraphWriter()
        writer.load((example.path, base, graph) for graph in (None, example.named) if graph or graph is None)
        around = surroundings(example.graph, vocabulary)
        writer.add((s, URIRef(str(p)), o, DEFAULT_GRAPH) for s, p, o in around)
        place = f"{example.path.parent.name}/{example.path.name}"
        found += [
            QualityFinding("example", Level.ERROR, example.name, message, place)
            for message in misjudged(example, validate(writer.rows, checks, base=base))
        ]
    valid = sum(example.valid for example in examples)
    summary = f"{valid} conform, {len(examples) - valid} break the shapes they name"
    return Section(
        "examples", f"of those that should {summary}: {len(found)} faults" if found else summary, tuple(found)
    )


def _words(built: Built) -> Section:
    """Each span whose document is at hand was proved by the build; the others wait."""
    counts = built.release.manifest.counts
    missing = sorted({path for source in built.release.manifest.sources for path in source.missing_documents})
    summary = f"{counts['spans_with_words']} of {counts['spans']} spans proved against their document"
    waiting = tuple(f"{path} is not at hand; kg fetch --from DIR takes it" for path in missing)
    return Section("words", summary, skipped=waiting)


def _use(built: Built, base: str, root: Path) -> Section:
    """Every term stands in an axiom of another, in a shape, a query, an example or the data that were built."""
    statistics = read_statistics(built.release.path)
    uses = statistics.uses if statistics else ()
    found = tuple(quality.unused(base, {use.iri for use in uses if use.count or use.elsewhere}, root=root))
    return Section("terms in use", f"{len(uses) - len(found)} of {len(uses)} terms are used", found)


def _resolution(sources: Mapping[str, Source], home: Path, base: str, scratch: Path) -> Section:
    """Measure what the rules merge, without any judgement, on the labelled sample; pairs not loaded are not counted."""
    described, found = resolve_sources(_chosen(sources, home), base=base, work=scratch / _WORK)
    path = judgement_files()[0].with_name("sample-pairs.csv")
    spelt = {source.name: sample.spellings_of(source.lookups) for source in sources.values()}
    pairs = sample.read_pairs(path, described, spelt)
    whole = sample.measure(pairs, found.replaced)
    if not whole.same:
        why = "no pair of the labelled sample is loaded; kg fetch takes the sources that it is drawn from"
        return Section("resolution", "not measured", skipped=(why,))
    findings = [
        QualityFinding(
            "resolution", Level.WARN, pair.id, f"{pair.names[0]} and {pair.names[1]} are {pair.label} and merged"
        )
        for pair in pairs
        if pair.label in ("related", "different") and sample.are_one(pair, found.replaced)
    ]
    for of in (lambda pair: pair.kind, lambda pair: f"{pair.kind}, {pair.stratum}", sample.half):
        findings += [
            QualityFinding("resolution", Level.INFO, name, f"{name}: {measured}")
            for name, measured in sample.table(pairs, found.replaced, of).items()
            if measured.same or measured.merged
        ]
    for name, reached, wanted in (("precision", whole.precision, _PRECISION), ("recall", whole.recall, _RECALL)):
        if reached < wanted and whole.same >= _ENOUGH:
            why = f"{name} of merging is {reached:.3f}, less than {wanted}; mend the rules of kg/resolution/matcher.py"
            findings.append(QualityFinding("resolution", Level.ERROR, name, why))
    return Section("resolution", str(whole), tuple(findings))


def _reconciliation(built: Built, base: str) -> Section:
    """Messy names of the labelled sample find what they mean: F1 at least 0.95 where a hundred can be asked."""
    index = Index.open(built.release.path, base=base)
    if index is None:
        return Section("reconciliation", "the release has no index", skipped=("kg build makes one",))
    store = OxigraphStore.load([(built.release.quads, None, None)])
    try:
        measured = measure(index, Denoted(store, index, base), read_names())
    finally:
        store.close()
    asked = len(measured.outcomes) - measured.count("none", "false")
    summary = (
        f"precision {measured.precision:.3f}, recall {measured.recall:.3f}, F1 {measured.f1:.3f} over "
        f"{len(measured.outcomes)} names; {measured.left_out} mean what no loaded source has"
    )
    if asked < _FEWEST_NAMES:
        why = f"{asked} of the names mean something of the loaded sources; {_FEWEST_NAMES} are needed to judge"
        return Section("reconciliation", summary, skipped=(why,))
    wrong = [
        QualityFinding(
            "reconciliation",
            Level.WARN,
            outcome.asked.query,
            f"{outcome.asked.query!r} ({outcome.asked.stratum}) {outcome.verdict}: {outcome.answer or 'no candidate'}",
            f"sample-names.csv#{outcome.asked.id}",
        )
        for outcome in measured.outcomes
        if outcome.verdict not in ("found", "none")
    ]
    if measured.f1 < _LEAST_F1:
        why = f"F1 is {measured.f1:.3f}, at least {_LEAST_F1} is wanted; kg check --list shows the names"
        wrong.insert(0, QualityFinding("reconciliation", Level.ERROR, "", why))
    return Section("reconciliation", summary, tuple(wrong))


def _pins(built: Built) -> Section:
    """Compare the answers of the catalogue with their pins."""
    if not built.differences:
        why = "the sources loaded are not those that answers are pinned for"
        return Section("pinned answers", "none compared", skipped=(why,))
    wrong = tuple(
        QualityFinding("pinned-answer", Level.ERROR, name, f"{name}: {what}")
        for name, found in built.differences.items()
        for what in found
    )
    good = sum(not found for found in built.differences.values())
    return Section("pinned answers", f"{good} of {len(built.differences)} queries answer as pinned", wrong)


def _logic(built: Built, base: str, root: Path) -> Section:
    """HermiT finds ontology and curated data consistent, and no class that nothing can be in."""
    java = java_executable()
    if java is None:
        why = "HermiT needs Java: install osai-kg[reason], which brings one"
        return Section("logic", "not asked", skipped=(why,))
    ontology = Graph()
    for name in (quality.CORE, quality.MODULE):
        ontology += resources.read_turtle(root / name, base)
    store = OxigraphStore.load([(built.release.quads, None, None)])
    try:
        data = project_for_dl(lambda query: store.rows(query, trusted=True), ontology, base=base)
    finally:
        store.close()
    verdict = classify(ontology, data, java=java)
    if not verdict.consistent:
        why = "ontology and curated data contradict each other; take out what was added last, and ask again"
        return Section("logic", "HermiT finds a contradiction", (QualityFinding("logic", Level.ERROR, "", why),))
    locate = resources.Places([root / quality.CORE], base)
    unsatisfiable = tuple(
        QualityFinding(
            "logic",
            Level.ERROR,
            quality.short(term),
            f"{quality.short(term)} can have no member; its axioms exclude one another: take out the one that is wrong",
            locate(term),
        )
        for term in sorted(verdict.unsatisfiable)
    )
    return Section("logic", f"HermiT: consistent, {len(verdict.types):,} types", unsatisfiable)

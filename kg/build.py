"""The pipeline: snapshots in, one sealed release out.

Order: loads → resolution → quads under resolved IRIs → fusion into the default graph → shapes → as-of rules → axioms to
their fixpoint → clashes and violation queries → VoID, catalogue → content hash → pinned answers → seal. Nothing of it
touches the previous release; the caller promotes.

The default graph holds each asserted triple of the load and curated graphs once, what was inferred, and the ontology
with its schemes. Provenance, alignments, queries, VoID and words stand in graphs of their own and not in it.
"""

from __future__ import annotations

import csv
import dataclasses
import hashlib
import json
import multiprocessing
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from rdflib import OWL, SKOS, Literal, URIRef
from rdflib.namespace import DCTERMS, SH
from rdflib.term import Node

from kg import __version__, answers, documentation, links, minted, resources, search, void
from kg.catalogue import Catalogue, catalogue_graph, compare
from kg.errors import DriftError, InconsistencyError, KgError, LoadError, ModelError, ReleaseError
from kg.fusion import fuse_bounds, fuse_kinds, fuse_names
from kg.loading import (
    NAMES,
    RECORDS,
    TRIPLES,
    WORDS,
    Load,
    Progress,
    code_hash,
    descriptions,
    load_all,
    load_key,
    renamed,
)
from kg.model import DEFAULT_GRAPH, Ledger, Mint, Quad, Snapshot, load_quads
from kg.processes import end_with
from kg.reasoning import as_of_rules, clashes, materialise, rules
from kg.release import FORMAT, ISSUES, QUADS, RULES, LoadedSource, Manifest, Release, Releases, version_name
from kg.resolution import Description, Link, Resolution, Verdict
from kg.resolution.judgements import FILE as JUDGEMENTS
from kg.resolution.judgements import links as judged_links
from kg.resolution.resolver import resolve
from kg.rule import Clash, Rule, dump_rules
from kg.sources import Source, registry
from kg.sources.fetch import missing_documents
from kg.store import CSV_RESULTS, Limits
from kg.store.canonical import skolemised
from kg.store.oxigraph import File, OxigraphStore, OxigraphWriter
from kg.validation import Report as ValidationReport
from kg.validation import Violation as Misshapen
from kg.validation import checks, read_shapes, validate
from kg.vocab import ONTOLOGY, OSAI
from kg.why import Words, explain_clash

# Of what breaks rules, so much is shown: lines, and of them contradictions with their premises.
_SHOWN, _EXPLAINED = 20, 5

# Beside the quads of a release: each link that resolution found, a line of JSON.
RESOLUTION = "resolution.jsonl"

# What the build may take for one of its own queries: generous, because nobody waits for it at a page.
_LIMITS = Limits(seconds=600, bytes=1 << 30, memory=1 << 33)

Report = Callable[[str, Mapping[str, object]], None]
Ask = Callable[[str], Iterator[Mapping[str, Node]]]


@dataclass(frozen=True, slots=True)
class Violation:
    """One row of a violation query or clash: what breaks which rule, and where it was read if that is known.

    ``premises`` are the lines of a clash: the least that leads to it, each asserted triple with where it was read.
    """

    rule: str
    message: str
    focus: str
    locator: str | None = None
    premises: tuple[str, ...] = ()

    def __str__(self) -> str:
        place = f"{self.locator}: " if self.locator else ""
        return f"{place}{self.focus}: {self.message} [{self.rule}]"


@dataclass(frozen=True, slots=True)
class Built:
    """What a build made: the release, and what it took."""

    release: Release
    seconds: Mapping[str, float]
    differences: Mapping[str, Sequence[str]]  # catalogue query -> how its answer differs from the pin
    warnings: Sequence[Violation] = ()  # of the shapes, and of sources that contradict each other


@dataclass(slots=True)
class _Clock:
    """Wall seconds by step, kept for the manifest, which is not hashed."""

    seconds: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.perf_counter)

    def step(self, name: str) -> float:
        now = time.perf_counter()
        self.seconds[name] = round(now - self._since, 3)
        self._since = now
        return self.seconds[name]


def build(
    chosen: Iterable[tuple[Source, Snapshot]],
    *,
    base: str,
    releases: Releases,
    created: datetime,
    as_of: date | None = None,
    pins: Sequence[str] = (),
    ontology: Path | None = None,
    work: Path | None = None,
    judgements: Path | None = None,
    processes: int = 1,
    progress: Progress = lambda source, assertions, done: None,
    report: Report = lambda event, values: None,
) -> Built:
    """Make and seal one release from snapshots; the caller promotes it.

    ``as_of`` is the date that "current" means; by default the latest date of the sources. ``pins`` names
    the sets of pinned answers to compare with, the first that a query has ("seed" when the bundled sources are loaded,
    "words" before it when the article was at hand). ``ontology`` is the directory of another copy of the ontology than
    the bundled one. ``judgements`` is a file of judgements on pairs besides the bundled one; of a pair that both judge,
    its judgement holds. ``created`` goes to the manifest only. Same snapshots, same code and same date give the same
    bytes.

    ``work`` is a directory that outlives the build: loads that are there are not run again, and a build of which
    nothing changed gives the release that it made before. Without it, all is done anew. ``processes`` load at the same
    time; neither it nor ``work`` changes a byte. Holds the whole graph in memory, about 340 bytes a quad.

    Raises DriftError (bytes or totals are not what a source says), ModelError (an unknown term, a bad IRI; an axiom or
    a shape that does not compile, with file and line), InconsistencyError (a clash, or a broken rule): nothing is
    sealed then.
    """
    loads = sorted(chosen, key=lambda pair: (pair[0].order, pair[0].name))
    if not loads:
        raise DriftError("no source has a snapshot, so there is nothing to build; kg fetch takes snapshots")
    as_of = as_of or max(source.as_of for source, _ in loads)
    mint = Mint(base, Ledger.read(resources.curated() / "ledger.csv"))
    root = ontology or resources.ontology()
    code = code_hash(Path(__file__).parent, *_READING)
    judged = judged_links(judgement_files(judgements), base)
    key = _build_key(loads, mint, as_of, pins, root, judged)
    if work is not None and (made := _made_before(work, key, releases)):
        releases.sweep()
        report("unchanged", {"release": made.release.version})
        return made
    with releases.making() as folder:
        built = _make(
            folder,
            [*loads],
            mint,
            as_of=as_of,
            pins=pins,
            root=root,
            releases=releases,
            created=created,
            report=report,
            judged=judged,
            load=lambda: load_all(
                loads, mint, work or folder / "work", code=code, processes=processes, progress=progress
            ),
            work=work or folder / "work",
        )
    if work is not None:
        _remember(work, key, built)
    return built


def _make(
    folder: Path,
    chosen: Sequence[tuple[Source, Snapshot]],
    mint: Mint,
    *,
    as_of: date,
    pins: Sequence[str],
    root: Path,
    releases: Releases,
    created: datetime,
    report: Report,
    judged: Sequence[Link],
    load: Callable[[], list[Load]],
    work: Path,
) -> Built:
    """Go through the order of a build, in a directory that becomes the release."""
    base = mint.base
    clock = _Clock()
    loads = load()
    _write_issues(folder / ISSUES, loads)
    for done in loads:
        report(
            "source",
            {"source": done.source.name, "records": done.report.records, "issues": len(done.report.issues)},
        )
    report("loaded", {"sources": len(loads), "seconds": clock.step("load")})

    found = [description for done in loads for description in descriptions(done)]
    resolution = resolve(found, judged, mint.promised())
    _write_links(folder / RESOLUTION, resolution, base)
    report("resolved", {"merged": len(resolution.replaced), "seconds": clock.step("resolve")})

    writer = OxigraphWriter()
    paths = [renamed(done, resolution.replaced, work, base) for done in loads]
    chosen_names = folder / "names.nt"
    fuse_names((path / NAMES for path in paths), chosen_names)
    default: list[File] = [(path / TRIPLES, None, None) for path in paths]
    named = [
        file
        for done, path in zip(loads, paths, strict=True)
        for file in (
            (path / TRIPLES, None, mint.load_graph(done.snapshot)),
            (path / NAMES, None, mint.load_graph(done.snapshot)),
            (path / WORDS, None, None),
            (path / RECORDS, None, mint.graph("provenance")),
        )
    ]
    try:
        writer.load([(chosen_names, None, None), *default, *named])
        chosen_names.unlink()
    except LoadError as error:
        raise ModelError(f"a loader made what no release may hold: {error}") from error
    sources = tuple(_loaded(writer, done, mint) for done in loads)
    writer.add(_replaced_quads(resolution, mint))
    writer.add(_related_quads(resolution, mint))
    vocabulary = _add_vocabulary(writer, mint, root)
    writer.add(_alignment_quads(mint, root))
    core = resources.read_turtle(root / "osai.ttl", base)
    graphs = [str(mint.load_graph(done.snapshot)) for done in loads]
    curated = [graph for graph, done in zip(graphs, loads, strict=True) if done.snapshot.curated]
    fused = {"dates": fuse_bounds(writer, graphs), "kinds": fuse_kinds(writer, core, graphs, curated)}
    report("fused", {**fused, "seconds": clock.step("fuse")})

    shapes = _validate(writer, base, root)  # before the rules: after range inference some shapes could not fail
    report("validated", {"warnings": len(shapes.violations), "seconds": clock.step("shapes")})

    locate = resources.Places([root / "osai.ttl"], base)
    instant = datetime(as_of.year, as_of.month, as_of.day, 23, 59, 59, tzinfo=UTC)
    at_date = as_of_rules(resources.queries() / "rules", base=base, as_of=instant)
    compiled = rules(core, base=base, locate=locate)
    made = materialise(writer, (*at_date, *compiled), base=base)
    report("reasoned", {"rules": len(made.counts), "seconds": clock.step("reason")})

    catalogue = Catalogue.read(resources.queries(), base=base)
    forbidden = clashes(core, base=base, locate=locate)
    contradictions = tuple(_contradictions(writer, forbidden, (*at_date, *compiled), base))
    # All that is wrong is told at once, first what explains the rest.
    stopping = [violation for violation, ours in contradictions if ours]
    wrong = [*_misshapen(shapes.of(SH.Violation)), *_violations(writer, catalogue)]
    ours = _curated(writer, base, [violation.focus for violation in wrong])
    _stop_on([*stopping, *(violation for violation in wrong if violation.focus in ours)])
    disagreements = [violation for violation, ours in contradictions if not ours]
    others = [violation for violation in wrong if violation.focus not in ours]
    if disagreements or others:
        report("contradicted", {"warnings": len(disagreements) + len(others)})
    report("validated", {"seconds": clock.step("validate")})

    # Nothing is added to the default graph any more: a child indexes what it shares with us, while we go on.
    with _beside(_index, folder, writer.store(), base):
        writer.add((s, URIRef(str(p)), o, mint.graph("report")) for s, p, o in shapes.graph())
        writer.add(catalogue_graph(catalogue))
        linked = links.linksets(writer.rows, mint, sources, root)
        writer.add(links.quads(linked, mint, mint.id("dataset", "osai-kg")))
        links.write_tables(folder, linked, mint)
        void.write(writer, mint, sources, as_of=as_of, ontology=vocabulary)
        (folder / RULES).write_text(dump_rules((*at_date, *compiled)), encoding="utf-8")
        terms = documentation.describe(
            documentation.Files.bundled(base, root), queries={query.name: query.text for query in catalogue}, base=base
        )
        documentation.leave(folder, terms, base=base, root=root)
        same = (kept.path for kept in releases if (kept.manifest.ontology, kept.manifest.base) == (vocabulary, base))
        documentation.keep_version(folder, terms, same)

        report("described", {"seconds": clock.step("describe")})
        store = writer.store()
        with ThreadPoolExecutor(1) as beside:
            dumped = beside.submit(writer.dump, folder / QUADS)
            differences = dict(_compare(store, catalogue, pins))
            counts = _counts(store, base)
            documentation.leave_statistics(folder, documentation.count(store, terms, limits=_LIMITS))
            answers.leave(folder, store, catalogue, limits=_LIMITS)
            report("asked", {"seconds": clock.step("ask")})
            sha256 = dumped.result()
    report("indexed", {"seconds": clock.step("index")})
    minted.leave(folder, folder / QUADS, base)
    (folder / void.CITATION).write_text(void.citation(base, as_of=as_of, sha256=sha256), encoding="utf-8")
    report("sealed", {"seconds": clock.step("write")})
    if work.parent == folder:
        shutil.rmtree(work)
    files = {path.name: _sha256(path) for path in sorted(folder.iterdir())}
    manifest = Manifest(
        format=FORMAT,
        version=version_name(as_of, sha256, files),
        base=base,
        as_of=as_of,
        ontology=vocabulary,
        software=__version__,
        sha256=sha256,
        file_sha256=files,
        counts=counts,
        inferred={name: count for name, count in sorted(made.counts.items()) if count},
        answers={
            "pinned": len(differences),
            "as_pinned": sum(not found for found in differences.values()),
        },
        sources=sources,
        created=created,
        seconds=clock.seconds,
    )
    warnings = (
        *_misshapen(found for found in shapes.violations if found.severity != SH.Violation),
        *others,
        *disagreements,
    )
    return Built(releases.seal(folder, manifest), clock.seconds, differences, warnings)


@contextmanager
def _beside(work: Callable[..., None], *given: object) -> Iterator[None]:
    """Have a forked process do ``work`` meanwhile: it is done when the block ends, and ends with the build.

    Raises ModelError when it was not done; what the process said of it stands on its stderr.
    """
    child = multiprocessing.get_context("fork").Process(target=work, args=(*given, os.getpid()), daemon=True)
    child.start()
    try:
        yield
        child.join()
    finally:
        child.kill()
        child.join()
    if child.exitcode != 0:
        raise ModelError(f"the index of names was not made: its process ended with {child.exitcode}, see above")


def _index(folder: Path, store: OxigraphStore, base: str, parent: int) -> None:
    """Make the index of names, in a process of its own."""
    end_with(parent)
    search.make(folder, store, base=base)


# What reads snapshots and spells what they say: a change there makes every load new.
_READING = ("keys.py", "model.py", "vocab.py", "loading.py", "sources")


def _build_key(
    chosen: Sequence[tuple[Source, Snapshot]],
    mint: Mint,
    as_of: date,
    pins: Sequence[str],
    root: Path,
    judged: Sequence[Link],
) -> str:
    """Give the hash of all that a release depends on: snapshots and their definitions, code, ontology, queries."""
    here = Path(__file__).parent
    code = code_hash(here, ".")
    digest = hashlib.sha256(f"{code}\n{mint.base}\n{as_of}\n{pins}\n{judged}".encode())
    for source, snapshot in chosen:
        digest.update(load_key(source, snapshot, mint, code).encode())
    for top in (root, resources.queries()):
        for path in sorted(path for path in top.rglob("*") if path.is_file()):
            digest.update(f"\n{path.relative_to(top)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _made_before(work: Path, key: str, releases: Releases) -> Built | None:
    """Give the release that a build with this key made, if it is still there."""
    try:
        row = json.loads((work / "builds" / f"{key}.json").read_bytes())
        release = releases.get(row["release"])
    except (OSError, ValueError, KeyError, ReleaseError):
        return None
    warnings = tuple(Violation(**{**found, "premises": tuple(found["premises"])}) for found in row["warnings"])
    return Built(release, {}, row["differences"], warnings)


def _remember(work: Path, key: str, built: Built) -> None:
    folder = work / "builds"
    folder.mkdir(parents=True, exist_ok=True)
    row = {
        "release": built.release.version,
        "differences": built.differences,
        "warnings": [dataclasses.asdict(found) for found in built.warnings],
    }
    part = folder / f".{key}.{os.getpid()}"
    part.write_text(json.dumps(row), encoding="utf-8")
    part.replace(folder / f"{key}.json")


def _loaded(writer: OxigraphWriter, done: Load, mint: Mint) -> LoadedSource:
    """Describe a load in ``graph/provenance``, and give its line of the manifest."""
    source, snapshot = done.source, done.snapshot
    metadata: dict[URIRef, list[Node]] = {
        DCTERMS.title: [Literal(source.title)],
        DCTERMS.license: [Literal(source.licence)],
        DCTERMS.source: [Literal(source.upstream)],
        OSAI.dateText: [Literal(source.as_of.isoformat())],
    }
    graphs = [URIRef(graph) for graph in done.report.graphs]
    writer.add(
        load_quads(snapshot, mint, loader=f"osai-kg {source.loader} {__version__}", metadata=metadata, graphs=graphs)
    )
    return LoadedSource(
        name=source.name,
        title=source.title,
        licence=source.licence,
        upstream=source.upstream,
        as_of=source.as_of,
        sha256=snapshot.sha256,
        files={file.path: file.sha256 for file in snapshot.files},
        missing_documents=missing_documents(source, snapshot),
        graphs=done.report.graphs,
        records=done.report.records,
        quads=sum(writer.count(graph) for graph in graphs),
        issues=len(done.report.issues),
        ignored=done.report.ignored,
    )


def _replaced_quads(resolution: Resolution, mint: Mint) -> Iterator[Quad]:
    """Say in ``graph/links/replaced`` which IRIs went, and which one stays: they are never used again."""
    graph = mint.graph("links", "replaced")
    for old, new in sorted(resolution.replaced.items()):
        yield (URIRef(old), DCTERMS.isReplacedBy, URIRef(new), graph)
        yield (URIRef(old), OWL.deprecated, Literal(True), graph)


def _related_quads(resolution: Resolution, mint: Mint) -> Iterator[Quad]:
    """Say in ``graph/links/related`` which two things have to do with each other and are two, each pair once."""
    graph = mint.graph("links", "related")
    stays = resolution.replaced
    pairs = {
        tuple(sorted((stays.get(link.left, link.left), stays.get(link.right, link.right))))
        for link in resolution.of(Verdict.RELATED)
    }
    for left, right in sorted(pairs):
        yield (URIRef(left), SKOS.closeMatch, URIRef(right), graph)


def _write_links(path: Path, resolution: Resolution, base: str) -> None:
    """Write every verdict with its score and reasons, a line each, by the IRIs that were minted before merging."""
    with path.open("w", encoding="utf-8") as stream:
        for link in resolution.links:
            row = {
                "left": link.left.removeprefix(base),
                "right": link.right.removeprefix(base),
                "verdict": link.verdict,
                "score": link.score,
                "by": link.by,
                "reasons": link.reasons,
            }
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def judgement_files(own: Path | None = None) -> tuple[Path, ...]:
    """Give the files of judgements in the order in which they are read: the bundled one, then the user's own."""
    bundled = Path(__file__).parent / "judgements" / JUDGEMENTS
    return (bundled, own) if own else (bundled,)


def resolve_sources(
    chosen: Iterable[tuple[Source, Snapshot]],
    *,
    base: str,
    work: Path,
    judgements: Sequence[Path] = (),
    processes: int = 1,
    progress: Progress = lambda source, assertions, done: None,
) -> tuple[list[Description], Resolution]:
    """Load sources and resolve what they describe, as a build does, and no more: for whoever looks at the links.

    Loads that are in ``work`` are not run again. ``judgements`` are the files that count; none for the rules alone.
    """
    mint = Mint(base, Ledger.read(resources.curated() / "ledger.csv"))
    judged = judged_links(judgements, base)
    code = code_hash(Path(__file__).parent, *_READING)
    ordered = sorted(chosen, key=lambda pair: (pair[0].order, pair[0].name))
    loads = load_all(ordered, mint, work, code=code, processes=processes, progress=progress)
    found = [description for done in loads for description in descriptions(done)]
    return found, resolve(found, judged, mint.promised())


def _curated(writer: OxigraphWriter, base: str, focuses: Sequence[str]) -> set[str]:
    """Give those of some things that are ours to mend: described in a curated graph, or in no load graph at all."""
    ours: set[str] = set()
    for focus in sorted(set(focuses)):
        asked = f"SELECT DISTINCT ?g WHERE {{ GRAPH ?g {{ <{focus}> ?p ?o }} }}" if ":" in focus else None
        try:
            graphs = [str(row["g"]) for row in writer.rows(asked)] if asked else []
        except KgError:
            graphs = []
        loaded = [graph for graph in graphs if graph.startswith(f"{base}graph/")]
        if not loaded or any(graph.startswith(f"{base}graph/curated/") for graph in loaded):
            ours.add(focus)
    return ours


def _write_issues(path: Path, loads: Iterable[Load]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for done in loads:
            for row in done.report.issues:
                line = {"source": done.source.name, **row}
                stream.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")


def _add_vocabulary(writer: OxigraphWriter, mint: Mint, root: Path) -> str:
    """Write the ontology and its schemes to ``graph/ontology`` and the default graph; give the ontology's version.

    Blank nodes of class expressions become ``id/node/{file}/{label}`` (RDFC-1.0), so equal files give equal bytes.
    """
    version = ""
    for path in resources.vocabulary_files(root):
        graph = resources.read_turtle(path, mint.base)
        version = version or str(graph.value(ONTOLOGY, URIRef("http://www.w3.org/2002/07/owl#versionInfo")))
        stem = path.stem
        named = mint.graph("ontology")
        triples = list(skolemised(graph, lambda label, stem=stem: mint.id("node", stem, label)))  # type: ignore[misc]
        writer.add((s, p, o, target) for s, p, o in triples for target in (named, DEFAULT_GRAPH))
    return version


def _alignment_quads(mint: Mint, root: Path) -> Iterator[Quad]:
    """Write how our terms match those of others to ``graph/align`` only: nothing is to follow from it here."""
    named = mint.graph("align")
    for path in resources.alignment_files(root):
        for s, p, o in resources.read_turtle(path, mint.base):
            yield (s, URIRef(str(p)), o, named)


def _validate(writer: OxigraphWriter, base: str, root: Path) -> ValidationReport:
    """Hold the fused asserted data against the shapes."""
    shapes, places = read_shapes(base, resources.shape_files(root))
    compiled = checks(shapes, base=base, places=places)
    return validate(_together(writer, [check.query for check in compiled]), compiled, base=base)


def _together(writer: OxigraphWriter, queries: Iterable[str]) -> Ask:
    """Ask queries on all cores at once, as the engine holds no lock of the interpreter; give what answers them.

    Holds all rows in memory: for checks, whose answers are short.
    """
    texts = list(dict.fromkeys(queries))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        rows = dict(zip(texts, pool.map(lambda text: list(writer.rows(text)), texts), strict=True))
    return lambda text: iter(rows[text]) if text in rows else writer.rows(text)


def _misshapen(results: Iterable[Misshapen]) -> Iterator[Violation]:
    """Give what shapes found, as a broken rule."""
    for found in results:
        shape = str(found.shape).rpartition("#")[2]
        yield Violation(shape, found.message, str(found.focus), found.locator)


def _violations(writer: OxigraphWriter, catalogue: Catalogue) -> Iterator[Violation]:
    """Ask every violation query; each row is a failure."""
    asked = catalogue.group("violations")
    ask = _together(writer, (query.text for query in asked))
    for query in asked:
        for row in ask(query.text):
            yield Violation(
                query.name,
                str(row.get("message", query.summary)),
                str(row.get("focus", "")),
                str(row["locator"]) if "locator" in row else None,
            )


def _contradictions(
    writer: OxigraphWriter, checks: Iterable[Clash], rules: Sequence[Rule], base: str
) -> Iterator[tuple[Violation, bool]]:
    """Ask every clash query and explain each row: the least that leads to it, and whether all of that is curated.

    A contradiction among curated graphs is ours to mend; sources that contradict each other are data. What no named
    graph holds counts as ours. Costs tens of milliseconds for each row.

    Source: ontology design, section 1, rule 9.
    """
    ours = (f"{base}graph/curated/", f"{base}graph/ontology")
    clashing = list(checks)
    ask = _together(writer, (check.query for check in clashing))
    for check in clashing:
        for row in ask(check.query):
            try:
                found = explain_clash(writer.rows, rules, check, row)
            except InconsistencyError:  # a rule that asks for what is not there may not find its premises again
                named = ", ".join(f"{name} {value}" for name, value in sorted(row.items()))
                yield Violation(check.name, f"{check.axiom} {named}", str(row["focus"])), True
                continue
            words = Words.of(writer.rows, base, *found.proofs)
            focus = row["focus"]
            yield (
                Violation(
                    check.name,
                    check.axiom,
                    f"{words.name(focus)} ({focus})",
                    premises=tuple(words.offence(found)),
                ),
                all(
                    not step.places or any(str(place.graph).startswith(ours) for place in step.places)
                    for step in found.asserted
                ),
            )


def _stop_on(violations: Iterable[Violation]) -> None:
    found = list(violations)
    if found:
        lines = []
        for number, violation in enumerate(found[:_SHOWN]):
            premises = violation.premises if number < _EXPLAINED else ()
            lines += [f"\n  {violation}", *(f"\n    {premise}" for premise in premises)]
        rest = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise InconsistencyError(f"{len(found)} rules are broken, so nothing was sealed:{''.join(lines)}{rest}")


def fitting_pins(chosen: Sequence[tuple[Source, Snapshot]]) -> tuple[str, ...]:
    """Give the sets of pinned answers that fit what is loaded, the most special first; none where nothing is pinned.

    "seed" is pinned for exactly the bundled sources, "words" for these with the text of their documents, and "full" for
    these with the text and exactly the snapshots that ``queries/full-snapshots.csv`` names; a question that has no full
    pin is one that the other sources do not change. A source of the user's own fits no pin, wherever its files are.
    """
    bundled = {source.name for source in registry().values() if source.bundled() is not None}
    loaded = {source.name: snapshot.sha256 for source, snapshot in chosen}
    if not bundled <= loaded.keys():
        return ()
    fetched = {name: sha256 for name, sha256 in loaded.items() if name not in bundled}
    with (resources.queries() / "full-snapshots.csv").open(encoding="utf-8", newline="") as stream:
        full = {row["source"]: row["sha256"] for row in csv.DictReader(stream)}
    without_words = any(missing_documents(*pair) for pair in chosen)
    if fetched:
        return ("full", "words", "seed") if fetched == full and not without_words else ()
    return ("seed",) if without_words else ("words", "seed")


def _compare(store: OxigraphStore, catalogue: Catalogue, pins: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Compare each pinned catalogue query's answer with its pin, the pinned file being written by hand."""
    for query in catalogue:
        pinned = next((path for which in pins if (path := catalogue.pin(query, which))), None)
        if pinned is not None:
            with store.answer(query.text, CSV_RESULTS, limits=_LIMITS, trusted=True) as answer:
                yield query.name, compare(pinned, answer.read(), base=catalogue.base)


def _counts(store: OxigraphStore, base: str) -> dict[str, int]:
    """Count what people ask for first."""
    counted = Counter[str]()
    for name, pattern in COUNTS.items():
        query = f"PREFIX osai: <{OSAI._NS}> SELECT (COUNT(*) AS ?n) WHERE {{ {pattern.replace('{base}', base)} }}"
        for row in store.rows(query, limits=_LIMITS, trusted=True):
            counted[name] = int(str(row["n"]))
    return dict(counted)


# What the summary and the manifest say, each counted in the sealed release.
COUNTS: Mapping[str, str] = {
    "default_triples": "?s ?p ?o",
    "named_triples": "GRAPH ?g { ?s ?p ?o }",
    "loads": "{ SELECT DISTINCT ?load WHERE { GRAPH <{base}graph/provenance> { ?load a osai:LoadActivity } } }",
    "loaded": "GRAPH ?g { ?s ?p ?o } FILTER(STRSTARTS(STR(?g), '{base}graph/')) "
    "GRAPH <{base}graph/provenance> { ?load a osai:LoadActivity ; "
    "<http://www.w3.org/ns/prov#generated> ?g }",
    "inferred": "GRAPH ?g { ?s ?p ?o } FILTER(STRSTARTS(STR(?g), '{base}graph/inferred/'))",
    "findings": "{ SELECT DISTINCT ?f WHERE { ?f a osai:Finding } }",
    "statements": "{ SELECT DISTINCT ?s WHERE { ?s a osai:Statement } }",
    "spans": "{ SELECT DISTINCT ?s WHERE { ?s a osai:TextSpan } }",
    "spans_with_words": "{ SELECT DISTINCT ?s WHERE { GRAPH ?g { ?s osai:exactQuote ?q } } }",
    "organizations": "{ SELECT DISTINCT ?s WHERE { ?s a osai:Organization } }",
    "projects": "{ SELECT DISTINCT ?s WHERE { ?s a osai:Project } }",
    "governance_events": "{ SELECT DISTINCT ?s WHERE { ?s a osai:GovernanceEvent } }",
    "documents": "{ SELECT DISTINCT ?s WHERE { ?s a osai:Document } }",
    "warnings": "GRAPH <{base}graph/report> { ?r <http://www.w3.org/ns/shacl#resultSeverity> "
    "<http://www.w3.org/ns/shacl#Warning> }",
    "people": "{ SELECT DISTINCT ?s WHERE { ?s a osai:Person } }",
}


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()

"""The pipeline: snapshots in, one sealed release out.

Order: loads → quads under resolved IRIs → fusion into the default graph → shapes → as-of rules → axioms to their
fixpoint → clashes and violation queries → VoID, catalogue → content hash → pinned answers → seal. Nothing of it touches
the previous release; the caller promotes.

The default graph holds each asserted triple of the load and curated graphs once, what was inferred, and the ontology
with its schemes. Provenance, alignments, queries, VoID and words stand in graphs of their own and not in it.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

from rdflib import RDF, XSD, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS, SH, SKOS, VOID
from rdflib.term import Node

from kg import __version__, documentation, resources
from kg.catalogue import Catalogue, catalogue_graph, compare
from kg.errors import DriftError, InconsistencyError
from kg.model import DEFAULT_GRAPH, Assertion, Ledger, Mint, Quad, Snapshot, load_quads, quads
from kg.reasoning import as_of_rules, clashes, materialise, rules
from kg.release import FORMAT, ISSUES, QUADS, RULES, LoadedSource, Manifest, Release, Releases, version_name
from kg.rule import Clash, Rule, dump_rules
from kg.sources import IssueList, Source
from kg.sources.fetch import missing_documents
from kg.store import CSV_RESULTS, Limits
from kg.store.canonical import skolemised
from kg.store.oxigraph import OxigraphStore, OxigraphWriter
from kg.validation import Report as ValidationReport
from kg.validation import Violation as Misshapen
from kg.validation import checks, read_shapes, validate
from kg.vocab import ONTOLOGY, OSAI
from kg.why import Words, explain_clash

# Of what breaks rules, so much is shown: lines, and of them contradictions with their premises.
_SHOWN, _EXPLAINED = 20, 5

# What the build may take for one of its own queries: generous, because nobody waits for it at a page.
_LIMITS = Limits(seconds=600, bytes=1 << 30, memory=1 << 33)

Report = Callable[[str, Mapping[str, object]], None]


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
    report: Report = lambda event, values: None,
) -> Built:
    """Make and seal one release from snapshots; the caller promotes it.

    ``as_of`` is the date that "current" means; by default the latest date of the sources. ``pins`` names
    the sets of pinned answers to compare with, the first that a query has ("seed" when the bundled sources are loaded,
    "words" before it when the article was at hand). ``ontology`` is the directory of another copy of the ontology than
    the bundled one. ``created`` goes to the manifest only. Same snapshots, same code and same date give the same bytes.
    Holds the whole graph in memory.

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
    clock = _Clock()
    with releases.making() as folder:
        writer = OxigraphWriter()
        loaded = [_load(writer, source, snapshot, mint, report) for source, snapshot in loads]
        _write_issues(folder / ISSUES, (issues for _, issues in loaded))
        sources = tuple(entry for entry, _ in loaded)
        report("loaded", {"sources": len(sources), "seconds": clock.step("load")})

        vocabulary = _add_vocabulary(writer, mint, root)
        writer.add(_alignment_quads(mint, root))
        _fuse(writer, mint, [graph for entry in sources for graph in entry.graphs])
        report("fused", {"seconds": clock.step("fuse")})

        shapes = _validate(writer, base, root)  # before the rules: after range inference some shapes could not fail
        report("validated", {"warnings": len(shapes.violations), "seconds": clock.step("shapes")})

        core = resources.read_turtle(root / "osai.ttl", base)
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
        _stop_on([*stopping, *_misshapen(shapes.of(SH.Violation)), *_violations(writer, catalogue)])
        disagreements = [violation for violation, ours in contradictions if not ours]
        if disagreements:
            report("contradicted", {"warnings": len(disagreements)})
        report("validated", {"seconds": clock.step("validate")})

        writer.add((s, URIRef(str(p)), o, mint.graph("report")) for s, p, o in shapes.graph())
        writer.add(catalogue_graph(catalogue))
        writer.add(_dataset_quads(mint, sources, as_of, vocabulary, writer))
        (folder / RULES).write_text(dump_rules((*at_date, *compiled)), encoding="utf-8")
        terms = documentation.describe(
            documentation.Files.bundled(base, root), queries={query.name: query.text for query in catalogue}, base=base
        )
        documentation.leave(folder, terms, base=base, root=root)
        same = (kept.path for kept in releases if (kept.manifest.ontology, kept.manifest.base) == (vocabulary, base))
        documentation.keep_version(folder, terms, same)

        sha256 = writer.dump(folder / QUADS)
        report("sealed", {"seconds": clock.step("write")})
        store = OxigraphStore.load([(folder / QUADS, None, None)])
        try:
            differences = dict(_compare(store, catalogue, pins))
            counts = _counts(store, base)
            documentation.leave_statistics(folder, documentation.count(store, terms, limits=_LIMITS))
        finally:
            store.close()
        report("asked", {"seconds": clock.step("ask")})
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
        warnings = (*_misshapen(shapes.violations), *disagreements)
        return Built(releases.seal(folder, manifest), clock.seconds, differences, warnings)


def _load(
    writer: OxigraphWriter, source: Source, snapshot: Snapshot, mint: Mint, report: Report
) -> tuple[LoadedSource, IssueList]:
    """Run one loader into the writer and check its totals. Streams the assertions."""
    issues = IssueList(source.name)
    graphs: set[URIRef] = {mint.load_graph(snapshot)}
    members: dict[URIRef, set[URIRef]] = {}
    records: set[int] = set()
    written = 0

    def spelled() -> Iterator[Quad]:
        nonlocal written
        for assertion in source.load()(source, snapshot, mint, issues):
            records.add(assertion.evidence.number)
            _count(assertion, members)
            for quad in quads(assertion, mint):
                if quad[3] != provenance:
                    graphs.add(quad[3])
                written += 1
                yield quad

    provenance = mint.graph("provenance")
    writer.add(spelled())
    found = {str(kind).rpartition("#")[2]: len(things) for kind, things in members.items()}
    for kind, (least, most) in source.expect.items():
        if not least <= found.get(kind, 0) <= most:
            raise DriftError(
                f"{source.name}: {found.get(kind, 0)} of class {kind}, where {least} to {most} are expected; look at "
                f"what changed in the source, then mend the loader or [expect] in {source.definition.name}"
            )
    metadata: dict[URIRef, list[Node]] = {
        DCTERMS.title: [Literal(source.title)],
        DCTERMS.license: [Literal(source.licence)],
        DCTERMS.source: [Literal(source.upstream)],
        OSAI.dateText: [Literal(source.as_of.isoformat())],
    }
    writer.add(
        load_quads(
            snapshot, mint, loader=f"osai-kg {source.loader} {__version__}", metadata=metadata, graphs=sorted(graphs)
        )
    )
    report("source", {"source": source.name, "records": len(records), "issues": len(issues.issues)})
    entry = LoadedSource(
        name=source.name,
        title=source.title,
        licence=source.licence,
        upstream=source.upstream,
        as_of=source.as_of,
        sha256=snapshot.sha256,
        files={file.path: file.sha256 for file in snapshot.files},
        missing_documents=missing_documents(source, snapshot),
        graphs=tuple(sorted(graphs)),
        records=len(records),
        quads=sum(writer.count(graph) for graph in graphs),
        issues=len(issues.issues),
    )
    return entry, issues


def _count(assertion: Assertion, members: dict[URIRef, set[URIRef]]) -> None:
    if assertion.predicate == RDF.type and isinstance(assertion.object, URIRef):
        members.setdefault(assertion.object, set()).add(assertion.subject)


def _write_issues(path: Path, lists: Iterable[IssueList]) -> None:
    with path.open("w", encoding="utf-8") as stream:
        for issues in lists:
            for issue in issues.issues:
                row = {
                    "source": issue.source,
                    "kind": issue.kind,
                    "locator": issue.locator,
                    "message": issue.message,
                    "context": {key: str(value) for key, value in issue.context.items()},
                }
                stream.write(json.dumps(row, ensure_ascii=False, sort_keys=True) + "\n")


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


def _fuse(writer: OxigraphWriter, mint: Mint, graphs: Sequence[str]) -> None:
    """Merge the load and curated graphs into the default graph. ``graphs`` are in order of fusion.

    The first source in order names a thing; its other names become ``skos:altLabel``. Every other value is kept as it
    is: what sources disagree on stays visible, and what must be one is checked afterwards.

    Source: ontology design, section 1, rule 9.
    """
    words = str(mint.graph("words")) + "/"
    for graph in graphs:
        if graph.startswith(words):
            continue
        writer.update(
            f"INSERT {{ ?s <{SKOS.altLabel}> ?name }} WHERE {{ GRAPH <{graph}> {{ ?s <{OSAI.name}> ?name }} "
            f"?s <{OSAI.name}> ?first FILTER(?first != ?name) }}"
        )
        writer.update(
            f"INSERT {{ ?s <{OSAI.name}> ?name }} WHERE {{ GRAPH <{graph}> {{ ?s <{OSAI.name}> ?name }} "
            f"MINUS {{ ?s <{OSAI.name}> ?first }} }}"
        )
        writer.update(f"INSERT {{ ?s ?p ?o }} WHERE {{ GRAPH <{graph}> {{ ?s ?p ?o }} FILTER(?p != <{OSAI.name}>) }}")


def _validate(writer: OxigraphWriter, base: str, root: Path) -> ValidationReport:
    """Hold the fused asserted data against the shapes."""
    shapes, places = read_shapes(base, resources.shape_files(root))
    return validate(writer.rows, checks(shapes, base=base, places=places), base=base)


def _misshapen(results: Iterable[Misshapen]) -> Iterator[Violation]:
    """Give what shapes found, as a broken rule."""
    for found in results:
        shape = str(found.shape).rpartition("#")[2]
        yield Violation(shape, found.message, str(found.focus), found.locator)


def _violations(writer: OxigraphWriter, catalogue: Catalogue) -> Iterator[Violation]:
    """Ask every violation query; each row is a failure."""
    for query in catalogue.group("violations"):
        for row in writer.rows(query.text):
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
    for check in checks:
        for row in list(writer.rows(check.query)):
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


def _dataset_quads(
    mint: Mint, sources: Sequence[LoadedSource], as_of: date, ontology: str, writer: OxigraphWriter
) -> Iterator[Quad]:
    """Describe the data set in ``graph/void``: base, as-of date, ontology version, graphs, size."""
    graph = mint.graph("void")
    data = mint.id("dataset", "osai-kg")
    yield (data, RDF.type, VOID.Dataset, graph)
    yield (data, RDF.type, DCAT.Dataset, graph)
    yield (data, DCTERMS.title, Literal("Knowledge graph of open source AI", lang="en"), graph)
    yield (data, DCTERMS.license, URIRef("https://creativecommons.org/licenses/by/4.0/"), graph)
    yield (data, VOID.uriSpace, Literal(mint.base), graph)
    yield (data, VOID.vocabulary, ONTOLOGY, graph)
    yield (data, VOID.triples, Literal(writer.count(None)), graph)
    yield (data, OSAI.ontologyVersion, Literal(ontology), graph)
    instant = f"{as_of.isoformat()}T23:59:59Z"
    yield (data, OSAI.asOf, Literal(instant, datatype=XSD.dateTime, normalize=False), graph)
    for source in sources:
        for name in source.graphs:
            yield (data, DCTERMS.hasPart, URIRef(name), graph)
    align = mint.graph("align")
    yield (data, DCTERMS.hasPart, align, graph)
    yield (align, RDF.type, VOID.Dataset, graph)
    yield (align, DCTERMS.title, Literal("How the terms match those of other vocabularies", lang="en"), graph)
    yield (align, VOID.triples, Literal(writer.count(align)), graph)


def fitting_pins(chosen: Sequence[tuple[Source, Snapshot]]) -> tuple[str, ...]:
    """Give the sets of pinned answers that fit: only the bundled sources have any, with their words or without."""
    if any(source.bundled() is None for source, _ in chosen):
        return ()
    return ("seed",) if any(missing_documents(*pair) for pair in chosen) else ("words", "seed")


def _compare(store: OxigraphStore, catalogue: Catalogue, pins: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Compare each pinned catalogue query's answer with its pin, the pinned file being written by hand."""
    for query in catalogue.group("competency"):
        pinned = next((path for which in pins if (path := catalogue.pin(query, which))), None)
        if pinned is not None:
            with store.answer(query.text, CSV_RESULTS, limits=_LIMITS, trusted=True) as answer:
                yield query.name, compare(pinned, answer.read(), base=catalogue.base)


def _counts(store: OxigraphStore, base: str) -> dict[str, int]:
    """Count what people ask for first, from the sealed quads themselves."""
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

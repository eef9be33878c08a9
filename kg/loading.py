"""Loads one source into files: its loader's assertions, spelled, with what resolution needs to know of them.

The work of a load is named by all that it depends on: the bytes of the snapshot, the source's definition, the code that
read it, the base and the ledger. Work that is there is not done again, whoever did it and however the build that wanted
it ended; it appears whole or not at all. Loads do not know each other, so they run in as many processes as there are.

In ``work/loads/{source}-{key}/``::

    triples.nt      the graph of the load, but names (fusion chooses among those)
    names.nt        its names
    words.nq        words of others, in graph/words/{doc}
    records.nt      the records, for graph/provenance
    identity.jsonl  each thing that another source may know too, with what identifies it
    mentions.txt    each IRI of such a thing that stands in the files
    load.json       totals, issues, and how often each ignored field was met
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict
from rdflib import RDF, URIRef

from kg.errors import DriftError
from kg.model import Assertion, Mint, Snapshot, Speller
from kg.resolution import Description
from kg.sources import Issue, IssueList, Source
from kg.vocab import OSAI, PREFIXES

TRIPLES, NAMES, WORDS, RECORDS = "triples.nt", "names.nt", "words.nq", "records.nt"
IDENTITY, MENTIONS, LOAD = "identity.jsonl", "mentions.txt", "load.json"

# Kinds of thing that two sources may both know, so that one IRI must be chosen.
SHARED_KINDS = ("org", "project", "model", "body", "situation", "event")

# Those of them that a person knows by name: the record is kept, for whoever looks at both sides of a candidate.
NAMED_KINDS = ("org", "project", "model")
LOCATOR, SOURCE_NAME = "locator", "sourceName"  # of records, beside the properties that identify

# What tells that two descriptions are of one thing: properties that identify it, or that its kind is keyed by.
IDENTIFYING: Mapping[URIRef, str] = {
    RDF.type: "type",
    OSAI.name: "name",
    URIRef(PREFIXES["skos"] + "altLabel"): "altLabel",
    URIRef(PREFIXES["schema"] + "sameAs"): "sameAs",
    URIRef(PREFIXES["skos"] + "closeMatch"): "closeMatch",
    **{
        OSAI[name]: name
        for name in (
            *("homepage", "hasRepository", "rorId", "wikidataId", "gridId", "isni", "emailDomain", "inCountry"),
            *("subOrganizationOf", "ofProject", "steward", "stewardRole", "member", "membershipIn", "membershipLevel"),
            *("standsAt", "licensedUnder", "concernsProject", "concernsOrganization", "fromAgent", "toAgent"),
            *("toStage", "initiates", "earliestStart", "latestStart", "sponsor", "sponsored", "sponsorshipLevel"),
        )
    },
}

_TICK = 5_000  # assertions between two looks at the clock of progress


class LoadReport(BaseModel):
    """What one load yielded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    assertions: int
    records: int
    graphs: tuple[str, ...]
    classes: Mapping[str, int]  # local name of a class -> entities
    ignored: Mapping[str, int]
    issues: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Load:
    """The finished load of one source."""

    source: Source
    snapshot: Snapshot
    key: str
    path: Path
    report: LoadReport
    reused: bool

    def issues(self) -> Iterator[Issue]:
        """Give the issues in the order met."""
        for row in self.report.issues:
            yield Issue(self.source.name, **row)


Progress = Callable[[str, int, bool], None]  # source, assertions so far, done


def load_all(
    chosen: Sequence[tuple[Source, Snapshot]],
    mint: Mint,
    work: Path,
    *,
    code: str,
    processes: int = 1,
    progress: Progress = lambda source, assertions, done: None,
) -> list[Load]:
    """Load each source that is not loaded yet, in ``processes`` processes; give all in the order of ``chosen``.

    ``code`` is the hash of the code that reads and spells (``code_hash``). The largest snapshots begin first. Raises
    what a loader raises; loads that ended before are kept.
    """
    root = work / "loads"
    root.mkdir(parents=True, exist_ok=True)
    _sweep(root)
    jobs = [(source, snapshot, load_key(source, snapshot, mint, code)) for source, snapshot in chosen]
    places = [root / f"{source.name}-{key[:16]}" for source, _, key in jobs]
    waiting = [number for number, place in enumerate(places) if not (place / LOAD).is_file()]
    waiting.sort(key=lambda number: (-sum(file.size for file in jobs[number][1].files), number))
    if processes > 1 and len(waiting) > 1:
        _in_processes([(jobs[number], places[number]) for number in waiting], mint, processes, progress)
    else:
        for number in waiting:
            source, snapshot, _ = jobs[number]
            _load(source, snapshot, mint, places[number], lambda met, name=source.name: progress(name, met, False))  # type: ignore[misc]
            progress(source.name, _report(places[number]).assertions, True)
    fresh = set(waiting)
    return [
        Load(source, snapshot, key, place, _checked(source, _report(place)), number not in fresh)
        for number, ((source, snapshot, key), place) in enumerate(zip(jobs, places, strict=True))
    ]


def load_key(source: Source, snapshot: Snapshot, mint: Mint, code: str) -> str:
    """Give the hash of all that a load depends on."""
    digest = hashlib.sha256(code.encode())
    loader = source.loader_file()
    for part in (snapshot.sha256, snapshot.curated, mint.base, mint.ledger.sha256, source.name):
        digest.update(f"\n{part}".encode())
    digest.update(source.definition.read_bytes())
    digest.update(loader.read_bytes() if loader else b"")
    return digest.hexdigest()


def code_hash(root: Path, *packages: str) -> str:
    """Hash the Python files of ``root`` or of some folders below it: their paths and bytes."""
    digest = hashlib.sha256(sys.version.encode())
    for package in packages:
        top = root / package
        for path in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            digest.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _checked(source: Source, report: LoadReport) -> LoadReport:
    """Hold the totals against ``[expect]``. Raises DriftError."""
    for kind, (least, most) in source.expect.items():
        found = report.classes.get(kind, 0)
        if not least <= found <= most:
            raise DriftError(
                f"{source.name}: {found} of class {kind}, where {least} to {most} are expected; look at "
                f"what changed in the source, then mend the loader or [expect] in {source.definition.name}"
            )
    return report


def _report(place: Path) -> LoadReport:
    return LoadReport.model_validate_json((place / LOAD).read_bytes())


def _load(source: Source, snapshot: Snapshot, mint: Mint, place: Path, tick: Callable[[int], None]) -> None:
    """Run one loader and leave its work at ``place``, in one rename. Streams: holds names of subjects, not triples."""
    issues = IssueList(source.name)
    spell = Speller(mint)
    members: defaultdict[str, set[str]] = defaultdict(set)
    known = _Identities(mint)
    count = 0
    making = Path(tempfile.mkdtemp(prefix=f".making-{os.getpid()}-", dir=place.parent))
    try:
        with contextlib.ExitStack() as stack:
            outs = [
                (stack.enter_context((making / name).open("w", encoding="utf-8", newline="\n")), lines)
                for name, lines in (
                    (TRIPLES, spell.triples), (NAMES, spell.names), (WORDS, spell.words), (RECORDS, spell.provenance),
                )
            ]  # fmt: skip
            for count, said in enumerate(source.load()(source, snapshot, mint, issues), start=1):
                spell.add(said)
                if said.predicate == RDF.type:
                    members[str(said.object).rpartition("#")[2]].add(said.subject)
                known.see(said)
                if count % _TICK == 0:
                    for out, lines in outs:
                        out.writelines(lines)
                        lines.clear()
                    tick(count)
            for out, lines in outs:
                out.writelines(lines)
        known.write(making / IDENTITY)
        mentioned = sorted(iri for iri in map(str, spell.iris) if iri.startswith(known.prefixes))
        (making / MENTIONS).write_text("".join(f"{iri}\n" for iri in mentioned), encoding="utf-8")
        report = LoadReport(
            assertions=count,
            records=spell.records,
            graphs=tuple(sorted({str(mint.load_graph(snapshot)), *map(str, spell.words_graphs)})),
            classes={kind: len(things) for kind, things in sorted(members.items())},
            ignored=dict(sorted(issues.ignored.items())),
            issues=tuple(
                {
                    "kind": issue.kind,
                    "locator": issue.locator,
                    "message": issue.message,
                    "context": {key: str(value) for key, value in issue.context.items()},
                }
                for issue in issues.issues
            ),
        )
        (making / LOAD).write_text(report.model_dump_json() + "\n", encoding="utf-8")
        with contextlib.suppress(OSError):  # another build did the same work in the meantime
            making.rename(place)
    finally:
        shutil.rmtree(making, ignore_errors=True)


class _Identities:
    """Collects what identifies each thing of a kind that sources share."""

    def __init__(self, mint: Mint) -> None:
        self.prefixes = tuple(f"{mint.base}id/{kind}/" for kind in SHARED_KINDS)
        self._named = tuple(f"{mint.base}id/{kind}/" for kind in NAMED_KINDS)
        self._met: dict[str, dict[str, list[str]]] = {}

    def see(self, said: Assertion) -> None:
        subject = str(said.subject)  # rdflib's own startswith takes no tuple, and does not say so
        if not subject.startswith(self.prefixes):
            return
        if name := IDENTIFYING.get(said.predicate):
            self._keep(subject, name, str(said.object))
        if subject.startswith(self._named):
            self._keep(subject, LOCATOR, said.evidence.locator)
            if said.evidence.name:
                self._keep(subject, SOURCE_NAME, said.evidence.name)

    def _keep(self, subject: str, name: str, value: str) -> None:
        values = self._met.setdefault(subject, {}).setdefault(name, [])
        if value not in values:
            values.append(value)

    def write(self, path: Path) -> None:
        with path.open("w", encoding="utf-8", newline="\n") as out:
            for iri, values in sorted(self._met.items()):
                out.write(json.dumps({"iri": iri, **dict(sorted(values.items()))}, ensure_ascii=False) + "\n")


def descriptions(load: Load) -> Iterator[Description]:
    """Give what identifies each thing of one load that another source may know too."""
    with (load.path / IDENTITY).open(encoding="utf-8") as stream:
        for line in stream:
            values = json.loads(line)
            iri = values.pop("iri")
            kind = iri.partition("/id/")[2].partition("/")[0]
            yield Description(iri, kind, load.source.name, load.source.order, load.snapshot.curated, values)


def renamed(load: Load, replaced: Mapping[str, str], work: Path, base: str) -> Path:
    """Give the directory of a load in which each IRI that is replaced is the one that stays.

    That of the load itself where it mentions none; otherwise one of its own, made once for these replacements. Reads
    and writes the text, some hundred megabytes a second.
    """
    here = (load.path / MENTIONS).read_text(encoding="utf-8").split("\n")
    wanted = {iri: replaced[iri] for iri in here if iri in replaced}
    if not wanted:
        return load.path
    digest = hashlib.sha256(f"{load.key}{sorted(wanted.items())}".encode()).hexdigest()
    target = work / "renamed" / f"{load.source.name}-{digest[:16]}"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    spelled = {f"<{old}>".encode(): f"<{new}>".encode() for old, new in wanted.items()}
    pattern = re.compile(rf"<{re.escape(base)}id/(?:{'|'.join(SHARED_KINDS)})/[^>]*>".encode())
    making = Path(tempfile.mkdtemp(prefix=f".making-{os.getpid()}-", dir=target.parent))
    try:
        for name in (TRIPLES, NAMES):
            text = (load.path / name).read_bytes()
            (making / name).write_bytes(pattern.sub(lambda found: spelled.get(found[0], found[0]), text))
        for name in (WORDS, RECORDS):
            os.link(load.path / name, making / name)
        with contextlib.suppress(OSError):  # another build did the same work in the meantime
            making.rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return target


# ---- Processes -------------------------------------------------------------------------------------------------------

_met: Any = None  # in a child: assertions of each job so far, shared with the parent (an Array has no public type)


def _child(counters: Any) -> None:
    global _met  # noqa: PLW0603 (how a pool hands shared memory to its processes)
    _met = counters


def _run(number: int, source: Source, snapshot: Snapshot, mint: Mint, place: Path) -> None:
    def tick(count: int) -> None:
        _met[number] = count

    _load(source, snapshot, mint, place, tick)


def _in_processes(
    jobs: Sequence[tuple[tuple[Source, Snapshot, str], Path]], mint: Mint, processes: int, progress: Progress
) -> None:
    """Run loads in forked processes and tell how far each is. The first error stops those that have not begun."""
    context = multiprocessing.get_context("fork")  # loaders of users' own are known to this process only
    counters = context.Array("Q", len(jobs), lock=False)
    with ProcessPoolExecutor(processes, context, initializer=_child, initargs=(counters,)) as pool:
        running: dict[Future[None], tuple[int, str]] = {
            pool.submit(_run, number, source, snapshot, mint, place): (number, source.name)
            for number, ((source, snapshot, _), place) in enumerate(jobs)
        }
        places = {number: place for number, (_, place) in enumerate(jobs)}
        while running:
            done, _ = wait(running, timeout=0.1, return_when=FIRST_COMPLETED)
            for future in done:
                number, name = running.pop(future)
                if error := future.exception():
                    pool.shutdown(cancel_futures=True)
                    raise error
                progress(name, _report(places[number]).assertions, True)
            for number, name in running.values():
                if counters[number]:
                    progress(name, counters[number], False)


def _sweep(root: Path) -> None:
    """Remove what loads left that did not end, once their process is gone."""
    for path in root.glob(".making-*"):
        pid = path.name.split("-")[1]
        try:
            os.kill(int(pid), 0)
        except (ProcessLookupError, ValueError):
            shutil.rmtree(path, ignore_errors=True)
        except PermissionError:
            continue


def prune(work: Path, keep: Sequence[Load]) -> None:
    """Remove the work of snapshots that no build asked for in a week, but never that of ``keep``."""
    kept = {load.path.name for load in keep}
    for path in (work / "loads").iterdir():
        if path.name not in kept and time.time() - path.stat().st_mtime > 7 * 86_400:
            shutil.rmtree(path, ignore_errors=True)


def tables(loads: Sequence[Load]) -> tuple[Mapping[tuple[str, str], int], Mapping[tuple[str, str], int]]:
    """Count issues by source and kind, and ignored values by source and field."""
    issues = Counter((load.source.name, str(row["kind"])) for load in loads for row in load.report.issues)
    ignored = {(load.source.name, field): n for load in loads for field, n in load.report.ignored.items()}
    return dict(sorted(issues.items())), ignored

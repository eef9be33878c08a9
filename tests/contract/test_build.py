"""The build: same inputs give the same bytes, the default graph holds what it promises, and what is wrong stops it.

Releases are read as text here, line by line, so that what one engine wrote is not proved by the same engine.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import ModuleType

import pyoxigraph
import pytest
from rdflib import BNode, Literal, URIRef
from rdflib.term import Node

from kg import resources
from kg.build import Built, build, fitting_pins
from kg.errors import DriftError, EvidenceError, InconsistencyError, KgError, ModelError
from kg.model import DEFAULT_BASE, Assertion, Evidence, Mint, Snapshot
from kg.release import ISSUES, MANIFEST, QUADS, RULES, Release, Releases, version_name
from kg.sources import Issues, Source, read_source, registry
from kg.sources.fetch import fetch_from, snapshot_of
from kg.vocab import OSAI
from tests.conftest import CREATED, ROOT, build_seed

ARTICLE = "article-osai-2025"
A = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
NAME = f"<{OSAI.name}>"
ALT_LABEL = "<http://www.w3.org/2004/02/skos/core#altLabel>"
CURRENT = f"<{OSAI.CurrentSituation}>"
Chosen = list[tuple[Source, Snapshot]]
Triple = tuple[str, str, str]

# Canonical N-Quads without a blank node. Source: RDF 1.1 N-Quads, section 4.
LINE = re.compile(
    r'(<[^<>"{}|^`\\\x00-\x20]+>) (<[^<>"{}|^`\\\x00-\x20]+>) '
    r'(<[^<>"{}|^`\\\x00-\x20]+>|"(?:[^"\\\n\r]|\\[tbnrf"\\]|\\u[0-9A-F]{4})*"(?:@[A-Za-z0-9-]+|\^\^<[^<>]+>)?)'
    r"(?: (<[^<>]+>))? \."
)


@dataclass(frozen=True)
class Text:
    """A release as its text says it: triples by graph, the default graph under ''."""

    graphs: Mapping[str, frozenset[Triple]]

    @classmethod
    def of(cls, release: Release) -> Text:
        graphs: dict[str, set[Triple]] = defaultdict(set)
        for line in gzip.decompress(release.quads.read_bytes()).decode("utf-8").removesuffix("\n").split("\n"):
            found = LINE.fullmatch(line)
            assert found is not None, line
            subject, predicate, object_, graph = found.groups()
            graphs[(graph or "").strip("<>")].add((subject, predicate, object_))
        return cls({name: frozenset(triples) for name, triples in graphs.items()})

    @property
    def default(self) -> frozenset[Triple]:
        return self.graphs[""]

    def below(self, prefix: str) -> set[Triple]:
        return {triple for name, triples in self.graphs.items() if name.startswith(prefix) for triple in triples}

    def members(self, kind: URIRef) -> set[str]:
        return {subject for subject, predicate, object_ in self.default if predicate == A and object_ == f"<{kind}>"}


def thing(path: str, base: str = DEFAULT_BASE) -> str:
    return f"<{base}{path}>"


def everything(home: Path) -> Chosen:
    return [(source, found) for source in registry().values() if (found := snapshot_of(source, home))]


def make(home: Path, chosen: Iterable[tuple[Source, Snapshot]], *, as_of: date | None = None) -> Built:
    return build(chosen, base=DEFAULT_BASE, releases=Releases(home), created=CREATED, as_of=as_of)


@pytest.fixture(scope="module")
def text(seed_release: Release) -> Text:
    return Text.of(seed_release)


@pytest.fixture
def served(seed_home: Path, tmp_path: Path) -> Path:
    """A home of one's own in which the seed release is current."""
    home = tmp_path / "served"
    shutil.copytree(seed_home, home, symlinks=True)
    return home


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def refused(home: Path, chosen: Chosen, error: type[KgError]) -> str:
    """Build what must not be built, see that nothing of it is left and the current release stands, give the message."""
    before = tree(home / "releases")
    with pytest.raises(error) as stopped:
        make(home, chosen)
    assert tree(home / "releases") == before
    assert not [path.name for path in (home / "releases").iterdir() if path.name.startswith(".")]
    current = Releases(home).current()
    assert current is not None
    current.verify()
    return str(stopped.value)


# ---- Same inputs, same bytes -----------------------------------------------------------------------------------------


def test_the_same_inputs_give_the_same_bytes_in_another_place_order_and_time(
    seed_release: Release, tmp_path: Path
) -> None:
    later = datetime(2031, 7, 8, 9, 10, 11, tzinfo=UTC)
    home = tmp_path / "a home" / "of another name"
    told: list[str] = []
    built = build(
        reversed(everything(home)), base=DEFAULT_BASE, releases=Releases(home), created=later, pins=("seed",),
        report=lambda event, values: told.append(event),
    ).release  # fmt: skip
    assert built.version == seed_release.version
    assert built.manifest.created == later
    for path in seed_release.path.iterdir():
        if path.name != MANIFEST:
            assert (built.path / path.name).read_bytes() == path.read_bytes(), path.name
    clockless = {"created", "seconds"}
    assert built.manifest.model_dump(exclude=clockless) == seed_release.manifest.model_dump(exclude=clockless)

    loads = len(built.manifest.sources)
    assert told[: loads + 3] == ["source"] * loads + ["loaded", "resolved", "fused"], "steps are told as they end"
    assert [event for event in told if event in ("reasoned", "asked", "sealed")] == ["reasoned", "asked", "sealed"]


def test_the_same_inputs_give_the_same_bytes_in_another_process(seed_release: Release, tmp_path: Path) -> None:
    """Hashes of strings, the time zone, the language and the working directory are different there."""
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "4711",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-m", "kg.cli", "--home", str(tmp_path / "home"), "build"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    built = Releases(tmp_path / "home").current()
    assert built is not None
    for path in seed_release.path.iterdir():
        if path.name != MANIFEST:
            assert (built.path / path.name).read_bytes() == path.read_bytes(), path.name


def test_lines_are_sorted_and_none_stands_twice(seed_release: Release) -> None:
    data = gzip.decompress(seed_release.quads.read_bytes())
    lines = data.removesuffix(b"\n").split(b"\n")
    assert lines == sorted(set(lines))
    assert data.endswith(b"\n")
    assert hashlib.sha256(data).hexdigest() == seed_release.manifest.sha256


def test_neither_the_time_nor_the_place_of_the_build_is_in_the_bytes(seed_release: Release) -> None:
    for path in seed_release.path.iterdir():
        if path.name != MANIFEST:
            data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
            assert str(CREATED.date()).encode() not in data, path.name
            assert os.fsencode(ROOT) not in data, path.name


def canonical(release: Release, base: str) -> set[str]:
    """Give the quads with ``base`` for the usual one and without the labels of nodes that were blank."""
    data = gzip.decompress(release.quads.read_bytes()).decode("utf-8").replace(base, DEFAULT_BASE)
    nodes = re.compile(rf"<{re.escape(DEFAULT_BASE)}id/node/([\w-]+)/(\w+)>")
    blank, count = nodes.subn(lambda found: f"_:{found[1].replace('-', '')}{found[2]}", data)
    assert count
    dataset = pyoxigraph.Dataset(pyoxigraph.parse(blank, pyoxigraph.RdfFormat.N_QUADS))
    dataset.canonicalize(pyoxigraph.CanonicalizationAlgorithm.RDFC_1_0)
    return {str(quad) for quad in dataset}


def test_another_base_gives_the_same_graph_below_it(seed_release: Release, tmp_path: Path) -> None:
    base = "http://127.0.0.1:8765/graph-of-ours/"
    built = build_seed(tmp_path, base=base)
    assert {name: found for name, found in built.differences.items() if found} == {}
    release = built.release
    assert release.manifest.base == base
    assert release.manifest.counts == seed_release.manifest.counts
    assert canonical(release, base) == canonical(seed_release, DEFAULT_BASE)
    for triples in Text.of(release).graphs.values():
        for triple in triples:
            for term in triple:
                assert not re.match(rf"<{re.escape(DEFAULT_BASE)}(id|concept|graph)/", term), term


# ---- What stands in which graph --------------------------------------------------------------------------------------


def test_the_graphs_are_those_of_the_design(text: Text, seed_release: Release) -> None:
    fixed = {f"{DEFAULT_BASE}graph/{name}" for name in ("provenance", "ontology", "align", "queries", "void", "report")}
    loads = {graph for source in seed_release.manifest.sources for graph in source.graphs}
    inferred = {f"{DEFAULT_BASE}graph/inferred/{rule}" for rule in seed_release.manifest.inferred}
    align = Path(__file__).resolve().parents[2] / "ontology" / "align"
    linked = {f"{DEFAULT_BASE}graph/links/{path.stem}" for path in align.glob("*.ttl")}
    assert set(text.graphs) == {""} | fixed | loads | inferred | linked
    assert loads == {
        *(f"{DEFAULT_BASE}graph/curated/{source.name}" for source in registry().values() if source.curated),
        f"{DEFAULT_BASE}graph/words/garbled-sentences",
    }


def test_the_default_graph_is_what_was_asserted_what_was_inferred_and_the_ontology(
    text: Text, seed_release: Release
) -> None:
    asserted: set[Triple] = set()
    alternatives: set[Triple] = set()
    first_names: dict[str, str] = {}
    for source in seed_release.manifest.sources:  # in order of fusion
        for graph in source.graphs:
            if not graph.startswith(f"{DEFAULT_BASE}graph/words/"):
                for subject, predicate, object_ in text.graphs[graph]:
                    if predicate == NAME and first_names.setdefault(subject, object_) != object_:
                        alternatives.add((subject, ALT_LABEL, object_))
                    else:
                        asserted.add((subject, predicate, object_))
    inferred = text.below(f"{DEFAULT_BASE}graph/inferred/")
    ontology = text.graphs[f"{DEFAULT_BASE}graph/ontology"]
    assert text.default == asserted | alternatives | inferred | ontology
    assert (thing("id/person/cailean-osborne"), ALT_LABEL, '"Cailen Osborne"') in alternatives
    assert first_names[thing("id/project/pytorch")] == '"PyTorch"'


def test_what_is_inferred_was_not_asserted_and_is_inferred_by_one_rule(text: Text, seed_release: Release) -> None:
    by_rule = {
        name.removeprefix(f"{DEFAULT_BASE}graph/inferred/"): triples
        for name, triples in text.graphs.items()
        if name.startswith(f"{DEFAULT_BASE}graph/inferred/")
    }
    assert {rule: len(triples) for rule, triples in by_rule.items()} == seed_release.manifest.inferred
    times = Counter(triple for triples in by_rule.values() for triple in triples)
    assert max(times.values()) == 1
    said = text.below(f"{DEFAULT_BASE}graph/curated/") | text.graphs[f"{DEFAULT_BASE}graph/ontology"]
    assert not said & set(times)


def test_provenance_queries_and_words_stay_out_of_the_default_graph(text: Text) -> None:
    apart = text.below(f"{DEFAULT_BASE}graph/words/")
    for name in ("provenance", "align", "queries", "void", "report"):
        apart |= text.graphs[f"{DEFAULT_BASE}graph/{name}"]
    assert not apart & text.default


def test_the_data_set_says_what_it_is(text: Text, seed_release: Release) -> None:
    void = text.graphs[f"{DEFAULT_BASE}graph/void"]
    data = thing("id/dataset/osai-kg")
    integer = "<http://www.w3.org/2001/XMLSchema#integer>"
    assert (data, "<http://rdfs.org/ns/void#uriSpace>", f'"{DEFAULT_BASE}"') in void
    assert (data, "<http://rdfs.org/ns/void#triples>", f'"{len(text.default)}"^^{integer}') in void
    instant = '"2025-11-23T23:59:59Z"^^<http://www.w3.org/2001/XMLSchema#dateTime>'
    assert (data, f"<{OSAI.asOf}>", instant) in void
    parts = {object_ for _, predicate, object_ in void if predicate == "<http://purl.org/dc/terms/hasPart>"}
    loads = {graph for source in seed_release.manifest.sources for graph in source.graphs}
    assert parts == {f"<{graph}>" for graph in loads | {f"{DEFAULT_BASE}graph/align"}}


# ---- The manifest ----------------------------------------------------------------------------------------------------


def test_the_counts_of_the_manifest_are_those_of_the_text(text: Text, seed_release: Release) -> None:
    named = {name: triples for name, triples in text.graphs.items() if name}
    provenance = named[f"{DEFAULT_BASE}graph/provenance"]
    runs = {s for s, p, o in provenance if (p, o) == (A, f"<{OSAI.LoadActivity}>")}
    written = {o.strip("<>") for s, p, o in provenance if s in runs and p == "<http://www.w3.org/ns/prov#generated>"}
    quoted = {s for triples in named.values() for s, p, _ in triples if p == f"<{OSAI.exactQuote}>"}
    assert seed_release.manifest.counts == {
        "default_triples": len(text.default),
        "named_triples": sum(len(triples) for triples in named.values()),
        "loads": len(runs),
        "loaded": sum(len(named[graph]) for graph in written),
        "inferred": sum(len(triples) for name, triples in named.items() if "/graph/inferred/" in name),
        "findings": len(text.members(OSAI.Finding)),
        "statements": len(text.members(OSAI.Statement)),
        "spans": len(text.members(OSAI.TextSpan)),
        "spans_with_words": len(quoted),
        "organizations": len(text.members(OSAI.Organization)),
        "projects": len(text.members(OSAI.Project)),
        "governance_events": len(text.members(OSAI.GovernanceEvent)),
        "documents": len(text.members(OSAI.Document)),
        "people": len(text.members(OSAI.Person)),
        "warnings": sum(
            object_ == "<http://www.w3.org/ns/shacl#Warning>" for _, _, object_ in named[f"{DEFAULT_BASE}graph/report"]
        ),
    }
    assert sum(seed_release.manifest.inferred.values()) == seed_release.manifest.counts["inferred"]


def test_the_counts_that_the_design_gives(seed_release: Release) -> None:
    """30 statements of the article, 12 of the guide; 34 findings of the article and those read elsewhere."""
    counts = seed_release.manifest.counts
    assert (counts["loads"], counts["spans"], counts["spans_with_words"]) == (
        sum(source.curated for source in registry().values()),
        42,
        12,
    )
    assert counts["projects"] == 1
    assert counts["findings"] >= 34


def test_each_source_of_the_manifest_is_what_was_read(text: Text, seed_release: Release) -> None:
    sources = {name: source for name, source in registry().items() if source.curated}
    assert [entry.name for entry in seed_release.manifest.sources] == list(sources)
    records = Counter(
        subject.split("/id/record/")[1].split("/")[0]
        for subject, predicate, object_ in text.graphs[f"{DEFAULT_BASE}graph/provenance"]
        if (predicate, object_) == (A, f"<{OSAI.Record}>")
    )
    issues = Counter(str(issue["source"]) for issue in seed_release.issues())
    for entry in seed_release.manifest.sources:
        source = sources[entry.name]
        assert (entry.title, entry.licence, entry.upstream, entry.as_of) == (
            source.title, source.licence, source.upstream, source.as_of,
        )  # fmt: skip
        for path, sha256 in entry.files.items():
            assert hashlib.sha256((source.definition.parent / path).read_bytes()).hexdigest() == sha256
        assert entry.quads == sum(len(text.graphs[graph]) for graph in entry.graphs)
        assert entry.records == records[entry.name]
        assert entry.issues == issues[entry.name]
        assert entry.missing_documents == ((f"{ARTICLE}.txt",) if entry.name == "economic-impact-2025" else ())


def test_every_file_of_the_release_has_its_hash(seed_release: Release) -> None:
    hashes = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in seed_release.path.iterdir()
        if path.name != MANIFEST
    }
    assert seed_release.manifest.file_sha256 == hashes
    assert {QUADS, ISSUES, "rules.json"} <= set(hashes)


def test_a_release_is_named_by_its_date_and_its_content(seed_release: Release) -> None:
    manifest = seed_release.manifest
    assert manifest.as_of == max(source.as_of for source in registry().values() if source.curated)
    name = version_name(manifest.as_of, manifest.sha256, manifest.file_sha256)
    assert manifest.version == name
    assert name.startswith(f"{manifest.as_of}-")
    files = dict(manifest.file_sha256)
    assert version_name(manifest.as_of, manifest.sha256, files | {QUADS: "0" * 64}) == name, "packing is no content"
    assert version_name(manifest.as_of, manifest.sha256, files | {RULES: "0" * 64}) != name
    assert version_name(manifest.as_of, "0" * 64, files) != name


def test_pinned_answers_are_compared_and_counted(seed_release: Release) -> None:
    pins = len(list((resources.queries() / "competency").glob("*.seed.csv")))
    assert seed_release.manifest.answers == {"pinned": pins, "as_pinned": pins}


def test_which_pins_fit_is_known_from_what_is_loaded(tmp_path: Path) -> None:
    chosen = everything(tmp_path)
    assert fitting_pins(chosen) == ("seed",)
    held = [(source, found) for source, found in chosen if source.name != "economic-impact-2025"]
    assert fitting_pins(held) == (), "a bundled source lacks"
    added = plugged(tmp_path, "planted")
    assert fitting_pins([*chosen, added]) == (), "a source of the user's own is not bundled, though its files are there"


@pytest.mark.shared
def test_the_text_of_the_documents_fits_pins_of_its_own(words_home: Path) -> None:
    chosen = [(source, found) for source in registry().values() if (found := snapshot_of(source, words_home))]
    assert fitting_pins(chosen) == ("words", "seed")


# ---- What "current" means --------------------------------------------------------------------------------------------

# By hand, from pytorch-foundation-2022.toml and the affiliations: the PyTorch Foundation hosts PyTorch, and six members
# have seats, from 12 September 2022; Meta hosted it until then, since when is not known, so its stewardship is never
# certain and only a possibility; two affiliations were seen in September 2024, three more in May 2025.
FOUNDATION, META = thing("id/org/pytorch-foundation"), thing("id/org/meta")


@pytest.mark.parametrize(
    ("as_of", "host", "possible", "situations"),
    [
        (date(2022, 1, 1), None, META, 0),
        (date(2022, 9, 11), None, META, 0),
        (date(2022, 9, 12), FOUNDATION, None, 7),
        (date(2024, 9, 30), FOUNDATION, None, 9),
        (date(2025, 11, 23), FOUNDATION, None, 12),  # the latest date of the sources: what is meant without a date
    ],
)
def test_what_is_current_depends_on_the_as_of_date(
    seed_release: Release, tmp_path: Path, as_of: date, host: str | None, possible: str | None, situations: int
) -> None:
    usual = as_of == seed_release.manifest.as_of
    release = seed_release if usual else make(tmp_path, everything(tmp_path), as_of=as_of).release
    text = Text.of(release)
    pytorch = thing("id/project/pytorch")

    def values(predicate: URIRef) -> set[str]:
        return {o for s, p, o in text.default if (s, p) == (pytorch, f"<{predicate}>")}

    assert values(OSAI.currentHost) == ({host} if host else set())
    assert values(OSAI.possibleHost) == ({possible} if possible else set())
    assert len(text.members(OSAI.CurrentSituation)) == situations
    assert (pytorch in text.members(OSAI.FoundationHostedProject)) == (host == FOUNDATION)
    assert release.manifest.as_of == as_of
    assert release.version.startswith(f"{as_of}-")


# ---- Words -----------------------------------------------------------------------------------------------------------


def unescaped(literal: str) -> str:
    """Read a plain literal of N-Quads."""
    return str(json.loads(literal))


@pytest.mark.shared
def test_with_the_article_at_hand_each_span_has_its_words(words_home: Path, shared: Path, text: Text) -> None:
    release = Releases(words_home).current()
    assert release is not None
    words = Text.of(release).graphs[f"{DEFAULT_BASE}graph/words/{ARTICLE}"]
    document = (shared / "documents" / f"{ARTICLE}.txt").read_bytes().decode("utf-8")
    quotes = {s: unescaped(o) for s, p, o in words if p == f"<{OSAI.exactQuote}>"}
    assert len(quotes) == 30
    for span, quote in quotes.items():
        found = re.fullmatch(rf"<{re.escape(DEFAULT_BASE)}id/doc/{ARTICLE}/span/(\d+)-(\d+)>", span)
        assert found is not None
        start, end = int(found[1]), int(found[2])
        assert quote == document[start:end]
        around = {p: unescaped(o) for s, p, o in words if s == span and p != f"<{OSAI.exactQuote}>"}
        assert around == {
            f"<{OSAI.quotePrefix}>": document[start - 20 : start],
            f"<{OSAI.quoteSuffix}>": document[end : end + 20],
        }
    assert release.manifest.counts["spans_with_words"] == 42
    assert release.manifest.answers["pinned"] == release.manifest.answers["as_pinned"] > 0
    assert not list(release.issues())


@pytest.mark.shared
def test_the_words_are_all_that_the_article_adds(words_home: Path, text: Text) -> None:
    """The findings do not depend on whether the document is at hand."""
    release = Releases(words_home).current()
    assert release is not None
    full = Text.of(release)
    assert set(full.graphs) - set(text.graphs) == {f"{DEFAULT_BASE}graph/words/{ARTICLE}"}

    def stable(triples: Iterable[Triple]) -> set[Triple]:
        """Leave out the records: their IRIs name the bytes that were read."""
        return {triple for triple in triples if not any("/id/record/" in term for term in triple)}

    assert stable(full.default) == stable(text.default)


def test_without_the_article_there_are_none_of_its_words(text: Text, seed_release: Release) -> None:
    assert f"{DEFAULT_BASE}graph/words/{ARTICLE}" not in text.graphs
    quotes = {s for triples in text.graphs.values() for s, p, _ in triples if p == f"<{OSAI.exactQuote}>"}
    assert quotes
    assert all(span.startswith(f"<{DEFAULT_BASE}id/doc/garbled-sentences/span/") for span in quotes)
    (issue,) = seed_release.issues()
    assert (issue["kind"], issue["source"]) == ("words", "economic-impact-2025")
    assert str(issue["locator"]).startswith("economic-impact-2025.toml:")


def in_f20(data: bytes) -> int:
    """Give a byte in the span of finding 20: code points 3424 to 3548 (ontology design, section 4)."""
    return len(data.decode("utf-8")[:3450].encode("utf-8"))


Spoil = Callable[[bytes], bytes]
SPOILED: dict[str, tuple[Spoil, str]] = {
    "a letter of F20": (
        lambda data: data[: in_f20(data)] + bytes([data[in_f20(data)] ^ 1]) + data[in_f20(data) + 1 :],
        r"1 of 30 spans are not the words that were read: finding/osai-2025-f20 \(economic-impact-2025\.toml:\d+\);",
    ),
    "a letter between spans": (
        lambda data: b"X" + data[1:],
        r"every span holds, but the document is another; read in it: finding/osai-2025-f01 ",
    ),
    "the end is missing": (
        lambda data: data[:-100],
        r"every span holds, but the document is another|finding/osai-2025-f30",
    ),
    "half of it is missing": (
        lambda data: data[: len(data) // 2],
        r"1\d of 30 spans are not the words that were read: .*finding/osai-2025-f20 ",
    ),
    "not UTF-8": (
        lambda data: data[: in_f20(data)] + b"\xff" + data[in_f20(data) + 1 :],
        r"1 of 30 spans are not the words that were read: finding/osai-2025-f20 ",
    ),
    "one byte more at the front": (lambda data: b" " + data, r"30 of 30 spans are not .*finding/osai-2025-f20 "),
    "line endings translated": (lambda data: data.replace(b"\n", b"\r\n"), r"finding/osai-2025-f20 "),
    "empty": (lambda data: b"", r"30 of 30 spans are not"),
}


@pytest.mark.shared
@pytest.mark.parametrize("how", SPOILED)
def test_a_document_that_is_another_stops_the_build_and_names_the_findings(
    served: Path, shared: Path, tmp_path: Path, how: str
) -> None:
    spoil, said = SPOILED[how]
    data = (shared / "documents" / f"{ARTICLE}.txt").read_bytes()
    changed = spoil(data)
    assert changed != data
    (tmp_path / f"{ARTICLE}.txt").write_bytes(changed)
    source = registry()["economic-impact-2025"]
    fetch_from(source, [tmp_path], served)
    message = refused(served, everything(served), EvidenceError)
    assert message.startswith(f"economic-impact-2025: {ARTICLE}.txt: ")
    assert re.search(said, message)
    assert hashlib.sha256(changed).hexdigest() in message


# ---- What stops a build ----------------------------------------------------------------------------------------------


def edited(folder: Path, name: str, old: str, new: str, *, times: int = 1) -> Chosen:
    """Give every curated source from a copy in which one text is changed."""
    copy = folder / "curated"
    shutil.copytree(resources.curated(), copy)
    path = copy / f"{name}.toml"
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == times
    path.write_text(text.replace(old, new), encoding="utf-8")
    chosen: Chosen = []
    for definition in sorted(copy.glob("*.toml")):
        source = read_source(definition)
        snapshot = source.bundled()
        assert snapshot is not None
        chosen.append((source, snapshot))
    return chosen


def line_of(chosen: Chosen, name: str, text: str) -> int:
    definition = next(source.definition for source, _ in chosen if source.name == name)
    return definition.read_text(encoding="utf-8").splitlines().index(text)


def test_a_broken_rule_stops_the_build_with_its_place(served: Path, tmp_path: Path) -> None:
    chosen = edited(tmp_path, "economic-impact-2025", 'value = "0.94"', 'value = "1.94"')
    line = line_of(chosen, "economic-impact-2025", 'id = "finding/osai-2025-f01"')
    message = refused(served, chosen, InconsistencyError)
    assert "broken, so nothing was sealed:" in message
    assert f"\n  economic-impact-2025.toml:{line}: {DEFAULT_BASE}id/finding/osai-2025-f01: " in message
    assert "1.94" in message


def test_a_broken_rule_of_many_steps_stops_the_build(served: Path, tmp_path: Path) -> None:
    """Meta hosts PyTorch until 2023, the foundation from 2022: no single record is wrong."""
    chosen = edited(tmp_path, "pytorch-foundation-2022", 'until = "2022-09-12"', 'since = "2017"\nuntil = "2023"')
    message = refused(served, chosen, InconsistencyError)
    assert "[hosts-overlap]" in message
    assert "pytorch-foundation-2022.toml:" in message


def test_a_clash_stops_the_build(served: Path, tmp_path: Path) -> None:
    """One source has Meta for a company, another for a foundation: the ontology holds that nothing is both."""
    chosen = edited(
        tmp_path, "lf-report-2025", 'id = "org/meta"\ntype = "Company"', 'id = "org/meta"\ntype = "Foundation"'
    )
    message = refused(served, chosen, InconsistencyError)
    assert "broken, so nothing was sealed:" in message
    assert f"{DEFAULT_BASE}id/org/meta" in message
    for source in ("lf-report-2025", "pytorch-foundation-2022"):
        assert f"{source}.toml:" in message, "both sides are named with their place"


def test_totals_outside_their_bounds_stop_the_build(served: Path, tmp_path: Path) -> None:
    chosen = edited(tmp_path, "economic-impact-2025", "Statement = [30, 30]", "Statement = [31, 40]")
    message = refused(served, chosen, DriftError)
    assert message.startswith("economic-impact-2025: 30 of class Statement, where 31 to 40 are expected")
    assert "[expect] in economic-impact-2025.toml" in message


def test_totals_on_their_bounds_do_not(tmp_path: Path) -> None:
    chosen = edited(tmp_path, "economic-impact-2025", "Statement = [30, 30]", "Statement = [0, 30]\nTransfer = [1, 9]")
    assert make(tmp_path / "home", chosen).release.manifest.counts["spans"] == 42


def test_a_class_that_has_no_member_any_more_is_a_drift(served: Path, tmp_path: Path) -> None:
    chosen = edited(tmp_path, "economic-impact-2025", "Statement = [30, 30]", "Statement = [30, 30]\nModel = [1, 9]")
    assert "0 of class Model, where 1 to 9 are expected" in refused(served, chosen, DriftError)


def test_a_key_that_nobody_reads_stops_the_build(served: Path, tmp_path: Path) -> None:
    chosen = edited(tmp_path, "economic-impact-2025", 'value = "0.94"', 'valeu = "0.94"')
    message = refused(served, chosen, ModelError)
    assert re.search(r"economic-impact-2025\.toml:\d+: finding .*'valeu' is unknown; did you mean value", message)


def test_a_build_of_nothing_is_refused(served: Path) -> None:
    assert "no source has a snapshot" in refused(served, [], DriftError)


# ---- Sources of one's own --------------------------------------------------------------------------------------------

Say = Callable[[Mint, Evidence], Iterator[tuple[URIRef, URIRef, Node]]]


def plugged(folder: Path, name: str, *, order: int = 200) -> tuple[Source, Snapshot]:
    """Give a source that is no curated one, with a loader of the same name."""
    loader = name.replace("-", "_")
    (folder / f"{name}.toml").write_text(
        f'[source]\nname = "{name}"\ntitle = "{name}"\nloader = "{loader}"\nupstream = "ours"\nlicence = "CC0-1.0"\n'
        f'as-of = 2025-01-01\nfiles = ["{name}.txt"]\norder = {order}\n'
    )
    (folder / f"{name}.txt").write_text(name)
    source = read_source(folder / f"{name}.toml")
    snapshot = source.bundled()
    assert snapshot is not None
    return source, snapshot


@pytest.fixture
def plug(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Source, Snapshot]]:
    """Register a source whose loader says what a function gives."""

    def run(say: Say, *, name: str = "planted", order: int = 200, warn: str = "") -> tuple[Source, Snapshot]:
        def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
            evidence = Evidence(snapshot, 1, f"{source.name}.txt:1")
            if warn:
                issues.warn(warn, locator=evidence.locator, kind="record", value=5)
            for subject, predicate, object_ in say(mint, evidence):
                yield Assertion(subject, predicate, object_, evidence)  # type: ignore[arg-type]  # some are wrong on purpose

        module = ModuleType(f"kg.sources.{name.replace('-', '_')}")
        vars(module)["load"] = load
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return plugged(tmp_path, name, order=order)

    return run


def naming(name: str) -> Say:
    def say(mint: Mint, evidence: Evidence) -> Iterator[tuple[URIRef, URIRef, Node]]:
        meta = mint.id("org", "meta")
        yield meta, URIRef(A.strip("<>")), OSAI.Company
        yield meta, OSAI.name, Literal(name)

    return say


Plug = Callable[..., tuple[Source, Snapshot]]


def test_the_first_source_names_a_thing_and_the_names_of_others_are_kept(tmp_path: Path, plug: Plug) -> None:
    first = plug(naming("Facebook"), name="early", order=1)
    last = plug(naming("Meta Platforms"), name="late", warn="odd Größe")
    release = make(tmp_path / "home", [*everything(tmp_path), last, first]).release
    text = Text.of(release)
    assert {o for s, p, o in text.default if (s, p) == (META, NAME)} == {'"Facebook"'}
    others = {o for s, p, o in text.default if (s, p) == (META, ALT_LABEL)}
    assert others == {'"Meta"', '"Meta Platforms"'}
    for source, snapshot in (first, last):
        graph = f"{DEFAULT_BASE}graph/{source.name}/{snapshot.sha12}"
        assert {o for s, p, o in text.graphs[graph] if p == NAME} == {
            '"Facebook"' if source.name == "early" else '"Meta Platforms"'
        }, "each graph says what its source says"

    (issue,) = [issue for issue in release.issues() if issue["source"] == "late"]
    assert issue == {
        "source": "late",
        "kind": "record",
        "locator": "late.txt:1",
        "message": "odd Größe",
        "context": {"value": "5"},
    }, "an issue stops nothing and stands in the release"
    assert {entry.name: entry.issues for entry in release.manifest.sources if entry.name in ("early", "late")} == {
        "early": 0,
        "late": 1,
    }


def test_a_term_of_no_known_vocabulary_stops_the_build(served: Path, tmp_path: Path, plug: Plug) -> None:
    def say(mint: Mint, evidence: Evidence) -> Iterator[tuple[URIRef, URIRef, Node]]:
        yield mint.id("org", "meta"), URIRef("https://example.org/colour"), Literal("blue")
        yield mint.id("org", "meta"), URIRef(A.strip("<>")), URIRef("https://example.org/Giant")

    message = refused(served, [*everything(tmp_path), plug(say)], InconsistencyError)
    assert "https://example.org/colour: it is a property of no known vocabulary [undeclared-predicate]" in message
    assert "https://example.org/Giant: it is a class of no known vocabulary [undeclared-class]" in message


@pytest.mark.parametrize(
    "term",
    [BNode("x"), URIRef("https://example.org/not an iri"), URIRef("relative")],
    ids=["blank node", "spaces", "relative"],
)
def test_a_term_that_no_release_may_hold_stops_the_build(served: Path, tmp_path: Path, plug: Plug, term: Node) -> None:
    def say(mint: Mint, evidence: Evidence) -> Iterator[tuple[URIRef, URIRef, Node]]:
        yield mint.id("org", "meta"), OSAI.aboutThing, term

    refused(served, [*everything(tmp_path), plug(say)], ModelError)


def test_a_loader_that_stumbles_leaves_nothing(served: Path, tmp_path: Path, plug: Plug) -> None:
    def say(mint: Mint, evidence: Evidence) -> Iterator[tuple[URIRef, URIRef, Node]]:
        yield mint.id("org", "meta"), OSAI.name, Literal("Meta")
        raise DriftError("planted: the columns are others")

    assert "the columns are others" in refused(served, [*everything(tmp_path), plug(say)], DriftError)

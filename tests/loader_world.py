"""Runs one loader over files that a test writes, with the definition that ships or a changed copy of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from rdflib import RDF, Literal, URIRef

from kg import resources
from kg.model import Assertion, File, Ledger, Mint, Snapshot
from kg.sources import Issue, IssueList, read_source
from kg.vocab import OSAI

BASE = "https://example.org/kg/"
MINT = Mint(BASE, Ledger.read(resources.curated() / "ledger.csv"))


class Reading:
    """What a loader says of some files. IRIs are shown below the base, literals as they are."""

    def __init__(self, source: str, folder: Path, files: Mapping[str, str | bytes]) -> None:
        definition = resources.curated().parent / f"{source}.toml"
        self.source = read_source(definition)
        kept = []
        for path, content in files.items():
            place = folder / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content if isinstance(content, bytes) else content.encode())
            kept.append(File.of(path, place))
        self.snapshot = Snapshot.of(source, kept)
        self._run()

    @classmethod
    def shared(cls, source: str, shared: Path) -> Reading:
        """Read the shared data set of a source."""
        found = cls.__new__(cls)
        found.source = read_source(resources.curated().parent / f"{source}.toml")
        place = shared / "data" / source
        found.snapshot = Snapshot.of(source, [File.of(path, place / path) for path in found.source.files])
        found._run()
        return found

    def _run(self) -> None:
        kept = IssueList(self.source.name)
        self.assertions: list[Assertion] = list(self.source.load()(self.source, self.snapshot, MINT, kept))
        self.issues: list[Issue] = kept.issues
        self.ignored = kept.ignored
        self._about: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for said in self.assertions:
            self._about[short(said.subject)].append((short(said.predicate), short(said.object)))

    def about(self, thing: str) -> dict[str, set[str]]:
        """Give what is said of a thing, by property."""
        found: dict[str, set[str]] = defaultdict(set)
        for predicate, value in self._about[thing]:
            found[predicate].add(value)
        return dict(found)

    def things(self, kind: str) -> set[str]:
        """Give the things of a class of the ontology."""
        wanted = URIRef(f"{OSAI._NS}{kind}")
        return {short(said.subject) for said in self.assertions if said.predicate == RDF.type and said.object == wanted}

    def named(self, name: str) -> str:
        """Give the only thing of a name."""
        (found,) = {thing for thing, pairs in self._about.items() if ("name", name) in pairs}
        return found

    def kinds_of_issue(self) -> list[str]:
        """Give the kind of each issue, in order."""
        return [issue.kind for issue in self.issues]


def short(term: URIRef | Literal) -> str:
    """Show an IRI without the base or its namespace, a literal as it is."""
    text = str(term)
    if not isinstance(term, URIRef):
        return text
    if text.startswith(BASE):
        return text.removeprefix(BASE).removeprefix("id/")
    return text.rpartition("#")[2] if "#" in text else text.rpartition("/")[2] if "purl.org" in text else text

"""The loader of proposals: what a row becomes, and how it shows that a program read it."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest
from rdflib import DCTERMS, RDF, Literal, URIRef

from kg import resources
from kg.errors import DriftError, SourceError
from kg.model import Assertion, File, Ledger, Mint, Snapshot
from kg.sources import IssueList, read_source, registry
from kg.vocab import OSAI

MINT = Mint("https://example.org/kg/", Ledger.read(resources.curated() / "ledger.csv"))
COMMIT = "0123456789abcdef0123456789abcdef01234567"

DEFINITION = f"""
[source]
name = "reef-proposals"
title = "Proposals to the Reef Fund"
loader = "proposals"
upstream = "git https://github.com/reef/proposals@{COMMIT}"
licence = "CC-BY-3.0"
as-of = 2024-06-01
files = ["proposals.csv"]

[settings]
foundation = "reef-fund"
foundation_name = "Reef Fund"
endings = ["_proposal"]

[lookups.level_requested]
sandbox = "lfai-sandbox"

[lookups.licence_spdx_guess]
"MIT" = "MIT"

[ignore]
characters = "the length of a text that is not loaded"
"""
HEADER = "proposal,first_committed,level_requested,licence_text,licence_spdx_guess,repository,upstream_path,characters"
COD = MINT.iri("project", "https://github.com/reef/cod", "cod")
EVENT = MINT.id("event", f"{COD.rpartition('/')[2]}-proposed-to-reef-fund")


def row(**fields: str) -> str:
    values = {
        "proposal": "cod",
        "day": "2020-01-02",
        "level": "sandbox",
        "text": "the MIT one",
        "guess": "MIT",
        "repository": "https://github.com/Reef/Cod.git",
        "path": "proposals/cod fish.md",
        "characters": "12",
    }
    return ",".join((values | fields).values())


class Read:
    def __init__(self, folder: Path, *rows: str, header: str = HEADER, text: str = DEFINITION) -> None:
        (folder / "reef-proposals.toml").write_text(text, encoding="utf-8")
        source = read_source(folder / "reef-proposals.toml")
        (folder / "proposals.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
        taken = Snapshot.of("reef-proposals", [File.of("proposals.csv", folder / "proposals.csv")])
        self.issues = IssueList("reef-proposals")
        self.said: list[Assertion] = list(source.load()(source, taken, MINT, self.issues))

    def of(self, subject: URIRef) -> dict[URIRef, set[Any]]:
        found: dict[URIRef, set[Any]] = defaultdict(set)
        for each in self.said:
            if each.subject == subject:
                found[each.predicate].add(each.object)
        return found

    def kinds(self) -> list[str]:
        return [issue.kind for issue in self.issues.issues]


def test_a_proposal_is_an_event_that_shows_that_a_program_read_it(tmp_path):
    read = Read(tmp_path, row())
    event = read.of(EVENT)
    assert event[RDF.type] == {OSAI.ProjectProposal}
    assert event[OSAI.concernsProject] == {COD}
    assert event[OSAI.concernsOrganization] == {MINT.id("org", "reef-fund")}
    assert event[OSAI.knownBy] == {MINT.concept("event-evidence", "extracted")}
    assert event[OSAI.requestedStage] == {MINT.concept("maturity", "lfai-sandbox")}
    assert event[OSAI.statedLicence] == {MINT.id("licence", "mit")}
    assert event[OSAI.dateText] == {Literal("2020-01-02")}
    assert not any(each.object == OSAI.Licensing for each in read.said), "a guess puts no licence in force"
    assert read.issues.ignored == {"characters": 1}
    assert not read.issues.issues


def test_the_text_is_cited_by_path_and_commit(tmp_path):
    read = Read(tmp_path, row())
    [text] = read.of(EVENT)[DCTERMS.source]
    assert read.of(text)[RDF.type] == {OSAI.Document}
    [address] = read.of(text)[OSAI.homepage]
    assert str(address) == f"https://github.com/reef/proposals/blob/{COMMIT}/proposals/cod%20fish.md"


def test_the_ending_of_a_file_is_no_part_of_the_name(tmp_path):
    read = Read(tmp_path, row(proposal="cod_proposal"))
    assert read.of(COD)[OSAI.name] == {Literal("cod")}


def test_what_was_not_found_is_not_said(tmp_path):
    read = Read(tmp_path, row(level="", text="", guess="", repository=""))
    [event] = {each.subject for each in read.said if each.object == OSAI.ProjectProposal}
    assert OSAI.requestedStage not in read.of(event)
    assert OSAI.statedLicence not in read.of(event)
    assert not read.issues.issues


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"repository": "https://github.com/reef"}, "no-repository"),
        ({"repository": "https://github.com/orgs/reef"}, "no-repository"),
        ({"guess": ""}, "no-licence"),
        ({"level": "swimming"}, "unknown-value"),
        ({"day": "soon"}, "no-date"),
        ({"proposal": ""}, "no-name"),
    ],
)
def test_what_cannot_be_read_is_one_issue(tmp_path, fields, kind):
    read = Read(tmp_path, row(**fields))
    assert read.kinds() == [kind]
    assert read.issues.issues[0].locator == "proposals.csv:2"


def test_a_column_that_nobody_knows_is_an_issue(tmp_path):
    assert Read(tmp_path, row() + ",red", header=HEADER + ",colour").kinds() == ["unknown-field"]


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (HEADER.replace("proposal,", "name,", 1), [], r"proposals\.csv:1: the column 'proposal' is missing"),
        (HEADER, ["cod,2020"], r"proposals\.csv:2: 2 fields"),
        (HEADER, ['"cod'], r"proposals\.csv:.*cut"),
    ],
)
def test_a_table_of_another_form_stops_the_load(tmp_path, header, rows, said):
    with pytest.raises(DriftError, match=said):
        Read(tmp_path, *rows, header=header)


def test_an_upstream_without_a_commit_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"reef-proposals\.toml: \[source\] upstream"):
        Read(tmp_path, row(), text=DEFINITION.replace(f"@{COMMIT}", ""))


@pytest.mark.shared
def test_the_totals_are_those_of_the_readme(shared):
    place = shared / "data/lfai-proposals"
    rows = list(csv.DictReader(io.StringIO((place / "proposals.csv").read_text(encoding="utf-8"))))
    source = registry()["lfai-proposals"]
    taken = Snapshot.of(source.name, [File.of("proposals.csv", place / "proposals.csv")])
    issues = IssueList(source.name)
    said = list(source.load()(source, taken, MINT, issues))
    counts = Counter(each.predicate for each in said)
    assert len(rows) == 59
    assert counts[OSAI.requestedStage] == 59
    # The README counts 55 licences named: those of which the identifier was guessed.
    assert counts[OSAI.statedLicence] == sum(bool(row["licence_spdx_guess"]) for row in rows) == 55
    assert sum(bool(row["repository"]) for row in rows) == 54
    found = Counter(issue.kind for issue in issues.issues)
    assert counts[OSAI.hasRepository] + found["no-repository"] == 54
    assert found.keys() <= {"no-repository", "no-licence"}

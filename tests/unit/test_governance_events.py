"""The loader of governance events: stated ones, and what is read in the edits of a list."""

from __future__ import annotations

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rdflib import RDF, SKOS, Literal, URIRef

from kg import resources
from kg.errors import DriftError
from kg.model import Assertion, File, Ledger, Mint, Snapshot
from kg.sources import IssueList, keys, read_source, registry
from kg.vocab import OSAI

MINT = Mint("https://example.org/kg/", Ledger.read(resources.curated() / "ledger.csv"))
STATED, OBSERVED = "landscape_stated_events.csv", "lfai_observed_transitions.csv"

DEFINITION = """
[source]
name = "reef-events"
title = "Events of reefs"
loader = "governance_events"
upstream = "ours"
licence = "CC0-1.0"
as-of = 2024-06-01
files = ["landscape_stated_events.csv", "lfai_observed_transitions.csv"]

[settings]
observed = "atoll"

[settings.foundations.reef]
name = "Reef Foundation"
stages = { sandbox = "cncf-sandbox", incubating = "cncf-incubating", archived = "cncf-archived" }

[settings.foundations.atoll]
name = "Atoll Foundation"

[settings.organizations]
"Kelp Fund" = ""
"Sand Fund" = "sand"

[lookups.landscape]
reef-landscape = "reef"

[lookups.event]
accepted = "accepted"
incubating = "incubating"
archived = "archived"

[lookups.evidence]
stated = "stated"

[lookups.maturity]
sandbox = "lfai-sandbox"
incubating = "lfai-incubation"
archived = "lfai-archived"
"""

STATED_HEADER = "landscape,project,repo_url,homepage_url,event,date,evidence,current_maturity,slug"
OBSERVED_HEADER = "observed_date,item,repo_url,from_maturity,to_maturity,upstream_commit"
COD = "https://github.com/reef/cod"


def stated(project: str = "Cod", event: str = "accepted", date: str = "2020-01-02", **fields: str) -> str:
    row = {"landscape": "reef-landscape", "repo": COD, "home": "https://cod.example", "evidence": "stated", "now": ""}
    row |= fields
    return ",".join(
        (row["landscape"], project, row["repo"], row["home"], event, date, row["evidence"], row["now"], "cod-1")
    )


def observed(date: str, left: str, came: str, item: str = "Cod", repository: str = COD) -> str:
    return ",".join((date, item, repository, left, came, date.replace("-", "") + "c0ffee"))


ONE_STATED, ONE_OBSERVED = (
    stated("Whale", repo="https://github.com/reef/whale"),
    observed("2019-01-01", "", "sandbox", "Eel", ""),
)


class Read:
    def __init__(
        self, folder: Path, first: list[str], second: list[str], *, headers: tuple[str, str] | None = None
    ) -> None:
        (folder / "reef-events.toml").write_text(DEFINITION, encoding="utf-8")
        source = read_source(folder / "reef-events.toml")
        one, two = headers or (STATED_HEADER, OBSERVED_HEADER)
        (folder / STATED).write_text("\n".join([one, *first]) + "\n", encoding="utf-8")
        (folder / OBSERVED).write_text("\n".join([two, *second]) + "\n", encoding="utf-8")
        taken = Snapshot.of("reef-events", [File.of(path, folder / path) for path in source.files])
        self.issues = IssueList("reef-events")
        self.said: list[Assertion] = list(source.load()(source, taken, MINT, self.issues))

    def of(self, slug: str) -> dict[URIRef, set[Any]]:
        found: dict[URIRef, set[Any]] = defaultdict(set)
        for each in self.said:
            if each.subject.endswith(f"/{slug}"):
                found[each.predicate].add(each.object)
        return found

    def text(self, slug: str) -> str:
        [found] = self.of(slug)[OSAI.dateText]
        return str(found)

    def slugs(self, kind: URIRef) -> set[str]:
        return {
            each.subject.rpartition("/")[2] for each in self.said if each.predicate == RDF.type and each.object == kind
        }

    def kinds(self) -> list[str]:
        return [issue.kind for issue in self.issues.issues]


def cod(name: str = "Cod", key: str = COD) -> str:
    return MINT.iri("project", key, name).rpartition("/")[2]


# ---- Stated ----------------------------------------------------------------------------------------------------------


def test_stated_events_of_one_project_make_its_history_and_each_names_its_row(tmp_path):
    rows = [stated(now="archived"), stated(event="incubating", date="2021-03-04", now="archived")]
    rows.append(stated(event="archived", date="2022-05-06", now="archived"))
    read = Read(tmp_path, rows, [ONE_OBSERVED])
    assert read.text(f"{cod()}-accepted-reef") == "2020-01-02"
    assert read.text(f"{cod()}-legal-host-reef-1") == "2020-01-02/.."
    assert read.text(f"{cod()}-stands-at-cncf-incubating-1") == "2021-03-04/2022-05-06"
    assert read.of(f"{cod()}-enters-cncf-archived")[RDF.type] == {OSAI.Archival}
    places = {
        each.subject.rpartition("/")[2]: (each.evidence.locator, each.evidence.key)
        for each in read.said
        if each.predicate == OSAI.knownBy
    }
    assert places[f"{cod()}-accepted-reef"] == (f"{STATED}:2", "cod-1")
    assert places[f"{cod()}-enters-cncf-archived"] == (f"{STATED}:4", "cod-1")
    assert not read.issues.issues


def test_an_acceptance_alone_begins_the_stage_of_today(tmp_path):
    read = Read(tmp_path, [stated(now="sandbox")], [ONE_OBSERVED])
    assert read.text(f"{cod()}-stands-at-cncf-sandbox-1") == "2020-01-02/.."


def test_an_organization_is_taken_on_as_a_fund(tmp_path):
    rows = [stated("Kelp Fund", home="https://kelp.example"), stated("Sand Fund", home="https://kelp.example")]
    read = Read(tmp_path, rows, [ONE_OBSERVED])
    kelp = MINT.iri("org", "reef-landscape:kelp fund", "Kelp Fund")
    acceptance = read.of(f"{kelp.rpartition('/')[2]}-accepted-reef")
    assert acceptance[OSAI.concernsOrganization] == {kelp}
    assert "sand-accepted-reef" in read.slugs(OSAI.Acceptance)
    assert not any("/id/project/" in each.subject and "fund" in each.subject for each in read.said)


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (stated(date="soon"), "no-date"),
        (stated(date="2020-13-01"), "no-date"),
        (stated(event="swum"), "unknown-value"),
        (stated(landscape="sand-landscape"), "unknown-value"),
        (stated(evidence="rumoured"), "unknown-value"),
        (stated(now="swimming"), "unknown-value"),
        (stated(""), "no-name"),
    ],
)
def test_a_row_that_cannot_be_read_is_one_issue(tmp_path, row, kind):
    read = Read(tmp_path, [ONE_STATED, row], [ONE_OBSERVED])
    assert read.kinds() == [kind]
    assert read.issues.issues[0].locator == f"{STATED}:3"


def test_a_second_date_of_one_event_is_an_issue(tmp_path):
    read = Read(tmp_path, [stated(), stated(date="2020-02-02")], [ONE_OBSERVED])
    assert read.kinds() == ["two-dates"]
    assert read.text(f"{cod()}-accepted-reef") == "2020-01-02"


def test_an_event_that_stands_twice_is_told_once_and_an_issue(tmp_path):
    read = Read(tmp_path, [stated(), stated()], [ONE_OBSERVED])
    assert [(issue.kind, issue.locator) for issue in read.issues.issues] == [("told-before", f"{STATED}:3")]
    assert read.text(f"{cod()}-accepted-reef") == "2020-01-02"


# ---- Observed --------------------------------------------------------------------------------------------------------


def test_entering_the_list_is_an_acceptance_of_about_that_day_and_its_commit_is_the_key(tmp_path):
    read = Read(tmp_path, [ONE_STATED], [observed("2021-03-04", "", "sandbox")])
    acceptance = read.of(f"{cod()}-accepted-atoll")
    assert acceptance[OSAI.dateText] == {Literal("2021-03-04~")}
    assert {str(each) for each in acceptance[OSAI.earliestStart]} == {"2021-03-03T00:00:00Z"}
    assert {str(each).rpartition("/")[2] for each in acceptance[OSAI.knownBy]} == {"observed"}
    assert {str(each).rpartition("/")[2] for each in acceptance[OSAI.initiates]} == {
        f"{cod()}-legal-host-atoll-1",
        f"{cod()}-stands-at-lfai-sandbox-1",
    }
    assert {each.evidence.key for each in read.said if each.evidence.locator == f"{OBSERVED}:2"} == {"20210304c0ffee"}


def test_a_move_ends_one_standing_and_begins_the_next_and_leaving_ends_hosting_too(tmp_path):
    rows = [observed("2021-01-01", "", "sandbox"), observed("2022-02-02", "sandbox", "incubating")]
    rows.append(observed("2023-03-03", "incubating", ""))
    read = Read(tmp_path, [ONE_STATED], rows)
    assert read.text(f"{cod()}-stands-at-lfai-sandbox-1") == "2021-01-01~/2022-02-02~"
    assert read.text(f"{cod()}-stands-at-lfai-incubation-1") == "2022-02-02~/2023-03-03~"
    assert read.text(f"{cod()}-legal-host-atoll-1") == "2021-01-01~/2023-03-03~"
    move = read.of(f"{cod()}-enters-lfai-incubation")
    assert {str(each).rpartition("/")[2] for each in move[OSAI.fromStage]} == {"lfai-sandbox"}
    leaving = read.of(f"{cod()}-left-atoll")
    assert leaving[RDF.type] == {OSAI.GovernanceEvent}
    assert {str(each).rpartition("/")[2] for each in leaving[OSAI.terminates]} == {
        f"{cod()}-stands-at-lfai-incubation-1",
        f"{cod()}-legal-host-atoll-1",
    }


def test_coming_back_is_a_second_hosting_and_no_second_acceptance(tmp_path):
    rows = [observed("2021-01-01", "", "sandbox"), observed("2021-05-05", "sandbox", "")]
    rows.append(observed("2022-02-02", "", "sandbox"))
    read = Read(tmp_path, [ONE_STATED], rows)
    assert len([each for each in read.slugs(OSAI.Acceptance) if each.startswith(cod())]) == 1
    assert read.text(f"{cod()}-legal-host-atoll-1") == "2021-01-01~/2021-05-05~"
    assert read.text(f"{cod()}-legal-host-atoll-2") == "2022-02-02~/.."
    assert read.of(f"{cod()}-enters-lfai-sandbox-2")[RDF.type] == {OSAI.MaturityChange}


@pytest.mark.parametrize("order", [(1, 2), (2, 1)], ids=["new first", "old first"])
def test_a_renamed_item_is_one_project_without_an_event(tmp_path, order):
    rows = [observed("2021-01-01", "", "sandbox", "Codd")]
    swap = [observed("2021-01-20", "", "sandbox", "Cod"), observed("2021-01-22", "sandbox", "", "Codd")]
    rows += [swap[index - 1] for index in order] + [observed("2022-01-01", "sandbox", "incubating", "Cod")]
    read = Read(tmp_path, [ONE_STATED], rows)
    project = read.of(cod())
    assert project[OSAI.name] == {Literal("Cod")}
    assert project[SKOS.altLabel] == {Literal("Codd")}
    assert read.text(f"{cod()}-stands-at-lfai-sandbox-1") == "2021-01-01~/2022-01-01~"
    assert read.kinds() == ["renamed"]
    assert not read.slugs(OSAI.GovernanceEvent)


def test_a_project_keeps_one_iri_when_its_repository_moves(tmp_path):
    rows = [observed("2021-01-01", "", "sandbox", repository="https://github.com/old/cod")]
    rows.append(observed("2022-01-01", "sandbox", "archived"))
    read = Read(tmp_path, [ONE_STATED], rows)
    assert len(read.of(cod())[OSAI.hasRepository]) == 2
    assert read.of(f"{cod()}-enters-lfai-archived")[RDF.type] == {OSAI.Archival}


def test_a_move_from_a_stage_where_it_did_not_stand_is_an_issue(tmp_path):
    read = Read(tmp_path, [ONE_STATED], [observed("2021-01-01", "incubating", "archived")])
    assert read.kinds() == ["stages-disagree"]


@pytest.mark.parametrize(
    ("header", "rows", "said"),
    [
        (OBSERVED_HEADER.replace("item", "name"), [], f"{OBSERVED}:1: the column 'item' is missing"),
        (OBSERVED_HEADER, ["2021-01-01,Cod"], f"{OBSERVED}:2: 2 fields"),
        (OBSERVED_HEADER, ['2021-01-01,"Cod,,,,'], f"{OBSERVED}:.*cut"),
        (OBSERVED_HEADER + ",item", [], f"{OBSERVED}:1: the column 'item' stands twice"),
        (OBSERVED_HEADER, ["2021-01-01," + "x" * (1 << 21) + ",,,,"], f"{OBSERVED}:.*field larger"),
    ],
)
def test_a_table_of_another_form_stops_the_load(tmp_path, header, rows, said):
    with pytest.raises(DriftError, match=said):
        Read(tmp_path, [ONE_STATED], rows, headers=(STATED_HEADER, header))


def test_a_column_that_nobody_knows_is_an_issue(tmp_path):
    row = observed("2021-01-01", "", "sandbox") + ",red"
    read = Read(tmp_path, [ONE_STATED], [row], headers=(STATED_HEADER, OBSERVED_HEADER + ",colour"))
    assert read.kinds() == ["unknown-field"]


# ---- The data set ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def events(shared: Path) -> tuple[list[Assertion], IssueList]:
    place = shared / "data/governance-events"
    source = registry()["governance-events"]
    taken = Snapshot.of(source.name, [File.of(path, place / path) for path in source.files])
    issues = IssueList(source.name)
    return list(source.load()(source, taken, MINT, issues)), issues


def of_kind(said: list[Assertion], kind: URIRef, evidence: str) -> set[URIRef]:
    known = {each.subject for each in said if each.predicate == OSAI.knownBy and each.object.endswith(f"/{evidence}")}
    return {each.subject for each in said if each.predicate == RDF.type and each.object == kind} & known


@pytest.mark.shared
def test_the_totals_are_those_of_the_readme(events, shared):
    said, _ = events
    text = (shared / f"data/governance-events/{STATED}").read_text(encoding="utf-8")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == 1507
    assert Counter(row["event"] for row in rows) == {
        "accepted": 1362,
        "incubating": 79,
        "graduated": 38,
        "archived": 28,
    }
    assert len({each.evidence.number for each in said}) == 1507 + 127
    assert len(of_kind(said, OSAI.Acceptance, "stated")) == 1362 - 1  # one project stands twice, with one date
    assert len(of_kind(said, OSAI.MaturityChange, "stated")) == 79 + 38
    assert len(of_kind(said, OSAI.Archival, "stated")) == 28


@pytest.mark.shared
def test_no_repository_at_two_foundations_is_lost_by_its_canonical_address(shared):
    """The 204 of the ontology design, section 1, rule 9, and the 89 with two dates: addresses in lower case.

    180 are accepted by two landscapes, and 24 more by one that states it and by LF AI & Data, where it was observed.
    The canonical address joins one more, which one of its two landscapes gives with http and the other with https.
    """

    def at_two(canonical: Callable[[str], str | None]) -> tuple[set[str], set[str], set[str]]:
        """Give those at two landscapes, those of them with two dates, and those at two foundations."""
        dates: dict[str, dict[str, str]] = defaultdict(dict)
        for file, event in ((STATED, "accepted"), (OBSERVED, None)):
            for row in csv.DictReader(io.StringIO((shared / f"data/governance-events/{file}").read_text("utf-8"))):
                if (address := canonical(row["repo_url"])) and row.get("event") == event:
                    dates[address].setdefault(row.get("landscape", "observed"), row.get("date", ""))
        stated = {at: {k: v for k, v in said.items() if k != "observed"} for at, said in dates.items()}
        both = {at for at, said in stated.items() if len(said) > 1}
        return (
            both,
            {at for at in both if len(set(stated[at].values())) > 1},
            {at for at in dates if len(dates[at]) > 1},
        )

    in_lower_case, ours = (at_two(way) for way in (lambda address: address.lower().rstrip("/"), keys.repository))
    assert [len(found) for found in in_lower_case] == [180, 89, 204]
    assert [len(found) for found in ours] == [181, 90, 205]
    assert {keys.repository(address) for address in in_lower_case[2]} < ours[2]


@pytest.mark.shared
def test_every_observed_row_is_an_event_or_half_of_a_renaming(events):
    said, issues = events
    renamed = [issue for issue in issues.issues if issue.kind == "renamed"]
    assert len(renamed) == 7
    kinds = (OSAI.Acceptance, OSAI.MaturityChange, OSAI.Archival, OSAI.GovernanceEvent)
    assert sum(len(of_kind(said, kind, "observed")) for kind in kinds) == 127 - 2 * 7
    assert [issue.locator for issue in issues.issues if issue.kind != "renamed"] == [f"{STATED}:753"]


@pytest.mark.shared
@pytest.mark.parametrize(
    ("project", "dates"),
    [
        ("kserve", {"lf-ai-data": "2021-11-19~", "linux-foundation": "2022-01-14", "cncf": "2025-09-29"}),
        ("vllm", {"lf-ai-data": "2024-07-13~", "linux-foundation": "2024-10-17", "pytorch-foundation": "2025-04-08"}),
        (
            "deepspeed",
            {"lf-ai-data": "2024-11-15~", "linux-foundation": "2024-11-22", "pytorch-foundation": "2025-04-08"},
        ),
        # The README gives 2019-11-14 for ONNX; its table has the edit of 2019-11-08.
        ("onnx", {"lf-ai-data": "2019-11-08~", "linux-foundation": "2020-04-03"}),
        ("ray", {"pytorch-foundation": "2025-09-01", "linux-foundation": "2025-10-13"}),
        ("pytorch", {"pytorch-foundation": "2022-09-07"}),
        ("pytorch-foundation", {"linux-foundation": "2022-09-12"}),
    ],
)
def test_the_conflicts_that_the_readme_names_are_all_there(events, project, dates):
    said, _ = events
    found = {}
    for each in said:
        slug = each.subject.rpartition("/")[2]
        named, accepted, foundation = slug.partition("-accepted-")
        plain = named if named == "pytorch-foundation" else named.rpartition("-")[0]  # others end in six digits
        if accepted and plain == project and each.predicate == OSAI.dateText:
            found[foundation] = str(each.object)
    assert found == dates

"""The loader of contributions: what each row becomes, the odd things its tables hold, and the real totals."""

from __future__ import annotations

import csv
import gzip
from collections import Counter
from pathlib import Path

import pytest
from rdflib import RDF, SKOS, Literal, URIRef
from rdflib.namespace import DCTERMS, QB, XSD

from kg import resources
from kg.errors import DriftError
from kg.model import Assertion, File, Ledger, Mint, Snapshot
from kg.sources import IssueList, Source, registry
from kg.vocab import OSAI

SOURCE = registry()["contributions"]
MINT = Mint("https://example.org/kg/", Ledger.read(resources.curated() / "ledger.csv"))

HEADER = (
    "project,repo,group,event,event_date,other_dates,from_org,to_org,event_evidence,first_commit,last_commit,commits,"
    "history_from,history_commit"
)
COMMIT = "0123456789abcdef0123456789abcdef01234567"
MOVED = (
    "alpha,acme/Alpha,treated,donation,2020-02-10,,Meta; Microsoft,LF AI & Data,"
    f"lfai observed,2019-01-02,2021-03-04,12,acme/Alpha,{COMMIT}"
)
KEPT = f"beta,acme/beta,control,,,,Google,,,2019-01-02,2021-03-04,0,acme/beta,{COMMIT}"
GROUPS = "project,month,domain,evidence,commits,authors,phabricator_commits"
MONTHS = "project,month,commits,authors,new_authors,bot_commits,phabricator_commits"
SOME = ("alpha,2020-01,fb.com,email,7,2,3", "alpha,2020-01,(webmail),none,5,4,0")


def snapshot(
    folder: Path,
    projects: tuple[str, ...] = (MOVED, KEPT),
    groups: tuple[str, ...] = SOME,
    months: tuple[str, ...] = (),
    *,
    headers: tuple[str, str, str] = (HEADER, GROUPS, MONTHS),
) -> Snapshot:
    """Write the three tables and take a snapshot of them."""
    texts = [
        "\n".join([header, *rows, ""]).encode()
        for header, rows in zip(headers, (projects, groups, months), strict=True)
    ]
    (folder / "projects.csv").write_bytes(texts[0])
    (folder / "contributions_monthly.csv.gz").write_bytes(gzip.compress(texts[1], mtime=0))
    (folder / "project_months.csv").write_bytes(texts[2])
    return taken(folder)


def taken(folder: Path) -> Snapshot:
    return Snapshot.of(SOURCE.name, [File.of(path, folder / path) for path in SOURCE.files])


def load(of: Snapshot, source: Source = SOURCE) -> tuple[list[Assertion], IssueList]:
    issues = IssueList(source.name)
    return list(source.load()(source, of, MINT, issues)), issues


def said(assertions: list[Assertion], subject: str) -> set[tuple[URIRef, URIRef | Literal]]:
    """What is said of one thing, by its IRI below ``id/``."""
    return {(a.predicate, a.object) for a in assertions if a.subject == URIRef(f"{MINT.base}id/{subject}")}


def values(assertions: list[Assertion], subject: str, predicate: URIRef) -> set[str]:
    return {
        str(value).removeprefix(f"{MINT.base}id/") for name, value in said(assertions, subject) if name == predicate
    }


def whole(number: int) -> Literal:
    return Literal(str(number), datatype=XSD.nonNegativeInteger, normalize=False)


ALPHA = str(MINT.iri("project", "https://github.com/acme/alpha", "alpha")).rpartition("/")[2]
BETA = str(MINT.iri("project", "https://github.com/acme/beta", "beta")).rpartition("/")[2]


# ---- Observations ----------------------------------------------------------------------------------------------------


def test_a_row_is_one_observation_with_its_dimensions_and_measures(tmp_path: Path) -> None:
    assertions, issues = load(snapshot(tmp_path))
    assert said(assertions, f"obs/{ALPHA}/fb.com/email/2020-01") == {
        (RDF.type, OSAI.ContributionObservation),
        (OSAI.obsProject, MINT.id("project", ALPHA)),
        (OSAI.obsMonth, Literal("2020-01")),
        (OSAI.obsContributorGroup, MINT.concept("contributor-group", "domain-fb.com")),
        (OSAI.evidenceGrade, MINT.concept("evidence-grade", "email")),
        (OSAI.commitCount, whole(7)),
        (OSAI.authorCount, whole(2)),
        (OSAI.internallyLandedCommitCount, whole(3)),
    }
    assert issues.issues == []


def test_what_belongs_to_no_domain_keeps_a_group_of_its_own(tmp_path: Path) -> None:
    rows = [f"alpha,2020-01,({name}),{grade},3,1,0" for name, grade in
            (("webmail", "none"), ("github-noreply", "none"), ("small-domain", "none"), ("bot", "bot"))]  # fmt: skip
    assertions, _ = load(snapshot(tmp_path, groups=tuple(rows)))
    found = {str(a.object).rpartition("/")[2] for a in assertions if a.predicate == OSAI.obsContributorGroup}
    assert found == {"webmail", "noreply", "small-domain", "bot"}
    assert not [a for a in assertions if a.predicate == OSAI.obsOrganization]


def test_a_domain_is_a_concept_that_is_described_once(tmp_path: Path) -> None:
    rows = ("alpha,2020-01,fb.com,email,6,2,0", "alpha,2020-02,fb.com,linked,6,2,0")
    assertions, _ = load(snapshot(tmp_path, groups=rows))
    concept = MINT.concept("contributor-group", "domain-fb.com")
    described = [a for a in assertions if a.subject == concept]
    assert len({a.evidence.locator for a in described}) == 1
    assert (SKOS.broader, MINT.concept("contributor-group", "domain")) in {(a.predicate, a.object) for a in described}


def test_counts_of_whole_projects_are_of_all_contributors_and_have_no_grade(tmp_path: Path) -> None:
    assertions, _ = load(snapshot(tmp_path, months=("alpha,2020-01,0,0,0,4,1",)))
    observation = said(assertions, f"obs/{ALPHA}/all/all/2020-01")
    assert (OSAI.obsContributorGroup, MINT.concept("contributor-group", "all")) in observation
    assert (OSAI.commitCount, whole(0)) in observation  # a zero that is known
    assert (OSAI.newAuthorCount, whole(0)) in observation
    assert (OSAI.botCommitCount, whole(4)) in observation
    assert OSAI.evidenceGrade not in {predicate for predicate, _ in observation}


def test_a_month_without_a_row_has_no_observation(tmp_path: Path) -> None:
    rows = ("alpha,2020-01,fb.com,email,6,2,0", "alpha,2020-03,fb.com,email,6,2,0")
    assertions, _ = load(snapshot(tmp_path, groups=rows))
    assert {str(a.object) for a in assertions if a.predicate == OSAI.obsMonth} == {"2020-01", "2020-03"}


def test_each_project_has_a_slice_with_its_history_and_its_part_in_the_study(tmp_path: Path) -> None:
    assertions, _ = load(snapshot(tmp_path))
    node = f"dataset/contributions-by-group/slice/{ALPHA}"
    about = said(assertions, node)
    assert {(OSAI.historyCommit, Literal(COMMIT)), (OSAI.dateText, Literal("2019-01-02/2021-03-04"))} <= about
    assert (OSAI.studyGroup, MINT.concept("study-group", "treated")) in about
    assert (DCTERMS.subject, MINT.id("project", ALPHA)) in about
    assert len(values(assertions, node, QB.observation)) == 2
    assert len({a.evidence.number for a in assertions if a.subject == URIRef(f"{MINT.base}id/{node}")}) == 1


# ---- Projects and events ---------------------------------------------------------------------------------------------


def test_a_donation_of_two_givers_ends_two_hostings_and_begins_one(tmp_path: Path) -> None:
    assertions, _ = load(snapshot(tmp_path))
    event = f"event/{ALPHA}-accepted-lf-ai-data"
    assert values(assertions, event, RDF.type) == {str(OSAI.Transfer)}
    assert values(assertions, event, OSAI.fromAgent) == {"org/meta", "org/microsoft"}
    assert values(assertions, event, OSAI.toAgent) == {"org/lf-ai-data"}
    before = {f"situation/{ALPHA}-legal-host-{giver}-1" for giver in ("meta", "microsoft")}
    after = f"situation/{ALPHA}-legal-host-lf-ai-data-1"
    assert values(assertions, event, OSAI.terminates) == before
    assert values(assertions, event, OSAI.initiates) == {after}
    for situation in before:
        assert values(assertions, situation, OSAI.dateText) == {"/2020-02-10"}
    assert values(assertions, after, OSAI.dateText) == {"2020-02-10/.."}


def test_a_later_move_ends_the_hosting_before_it(tmp_path: Path) -> None:
    moved = MOVED.replace(
        ",,Meta; Microsoft", ",moved to PyTorch Foundation 2020-12-24 (some-landscape); graduated 2020-05-05,Meta"
    )
    assertions, issues = load(snapshot(tmp_path, (moved,)))
    assert values(assertions, f"situation/{ALPHA}-legal-host-lf-ai-data-1", OSAI.dateText) == {"2020-02-10/2020-12-24"}
    assert values(assertions, f"situation/{ALPHA}-legal-host-pytorch-foundation-1", OSAI.dateText) == {"2020-12-24/.."}
    second = f"event/{ALPHA}-accepted-pytorch-foundation"
    assert values(assertions, second, OSAI.fromAgent) == {"org/lf-ai-data"}
    assert values(assertions, second, OSAI.terminates) == {f"situation/{ALPHA}-legal-host-lf-ai-data-1"}
    assert issues.ignored["other_dates"] == 1
    assert issues.issues == []


def test_brackets_after_a_name_are_no_givers(tmp_path: Path) -> None:
    name = "KubeFlow community (Google; IBM; Bloomberg; NVIDIA; Seldon)"
    assertions, issues = load(snapshot(tmp_path, (MOVED.replace("Meta; Microsoft", name),)))
    (giver,) = values(assertions, f"event/{ALPHA}-accepted-lf-ai-data", OSAI.fromAgent)
    assert giver.startswith("org/kubeflow-community-")
    assert issues.issues == []


def test_an_event_whose_giver_is_nobody_in_particular_is_an_acceptance(tmp_path: Path) -> None:
    assertions, issues = load(snapshot(tmp_path, (MOVED.replace("Meta; Microsoft", "community"),)))
    event = f"event/{ALPHA}-accepted-lf-ai-data"
    assert values(assertions, event, RDF.type) == {str(OSAI.Acceptance)}
    assert values(assertions, event, OSAI.terminates) == set()
    assert issues.issues == []


def test_a_control_stays_with_its_host(tmp_path: Path) -> None:
    assertions, _ = load(snapshot(tmp_path))
    situation = f"situation/{BETA}-legal-host-google-1"
    assert values(assertions, situation, OSAI.steward) == {"org/google"}
    assert values(assertions, situation, OSAI.latestStart) == {f"{SOURCE.as_of}T23:59:59Z"}
    assert values(assertions, situation, OSAI.latestEnd) == set()


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        (MOVED.replace("2020-02-10", ""), "no-event"),
        (MOVED.replace("lfai observed", "unverified"), "no-event"),
        (MOVED.replace("2020-02-10", "2020-02-31"), "date"),
        (MOVED.replace("Meta; Microsoft", "Nobody Inc"), "unknown-value"),
        (MOVED.replace("donation", "theft"), "unknown-value"),
        (MOVED.replace(",treated,", ",new,"), "unknown-value"),
        (MOVED.replace("acme/Alpha", "acme", 1), "no-repository"),
        (MOVED.replace(",12,", ",13,"), "totals-differ"),
        (MOVED.replace(",,Meta", ",some day,Meta"), "unsure-date"),
    ],
)
def test_what_cannot_be_mapped_is_an_issue_at_its_row(tmp_path: Path, row: str, kind: str) -> None:
    groups = () if kind == "no-repository" else SOME
    _, issues = load(snapshot(tmp_path, (row,), groups))
    assert {(issue.kind, issue.locator) for issue in issues.issues} >= {(kind, "projects.csv:2")}


# ---- Files of strangers ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        "gamma,2020-01,fb.com,email,1,1,0",
        "alpha,2020-13,fb.com,email,1,1,0",
        "alpha,2020-01,(unknown),none,1,1,0",
        "alpha,2020-01,no domain,email,1,1,0",
        "alpha,2020-01,fb.com,hearsay,1,1,0",
        "alpha,2020-01,fb.com,email,-1,1,0",
        "alpha,2020-01,fb.com,email,1.5,1,0",
        "alpha,2020-01,fb.com,email,,1,0",
    ],
)
def test_a_row_that_cannot_be_read_is_an_issue_and_the_others_stand(tmp_path: Path, row: str) -> None:
    assertions, issues = load(snapshot(tmp_path, groups=(row, *SOME)))
    assert [(issue.kind, issue.locator) for issue in issues.issues] == [
        ("unreadable-row", "contributions_monthly.csv.gz:2")
    ]
    assert sum(a.predicate == OSAI.obsMonth for a in assertions) == 2
    assert {a.evidence.number for a in assertions} == set(range(1, max(a.evidence.number for a in assertions) + 1))


def test_a_column_that_nobody_reads_is_one_issue(tmp_path: Path) -> None:
    rows = tuple(f"{row},x" for row in SOME)
    _, issues = load(snapshot(tmp_path, groups=rows, headers=(HEADER, f"{GROUPS},colour", MONTHS)))
    assert [(issue.kind, issue.context["field"]) for issue in issues.issues] == [("unknown-field", "colour")]


def test_a_field_of_a_project_that_nobody_reads_is_an_issue(tmp_path: Path) -> None:
    _, issues = load(snapshot(tmp_path, (f"{MOVED},red",), headers=(f"{HEADER},colour", GROUPS, MONTHS)))
    assert [(issue.kind, issue.context["field"]) for issue in issues.issues] == [("unknown-field", "colour")]
    assert issues.ignored["history_from"] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"groups": (SOME[0], SOME[0])}, r"contributions_monthly\.csv\.gz:3: .*stood above"),
        ({"projects": (MOVED, MOVED)}, r"projects\.csv:3: .*stands twice"),
        ({"headers": (HEADER, GROUPS.replace("domain", "host"), MONTHS)}, r"gz:1: the column 'domain' is missing"),
        ({"groups": ("alpha,2020-01,fb.com",)}, r"gz:2: 3 fields, where the header has 7"),
        ({"groups": ('alpha,2020-01,"fb.com,email,1,1,0',)}, r"gz:\d: "),
        ({"months": (f"alpha,2020-01,{'1' * (1 << 20)}9,1,1,1,1",)}, r"project_months\.csv:2: field larger"),
    ],
)
def test_a_table_that_is_none_stops_the_load(tmp_path: Path, change: dict[str, tuple[str, ...]], message: str) -> None:
    with pytest.raises(DriftError, match=message):
        load(snapshot(tmp_path, **change))  # type: ignore[arg-type]  # parts of the tables by name


def test_a_cut_or_wrongly_encoded_file_stops_the_load(tmp_path: Path) -> None:
    snapshot(tmp_path)
    packed = tmp_path / "contributions_monthly.csv.gz"
    kept = packed.read_bytes()
    packed.write_bytes(kept[:-12])
    with pytest.raises(DriftError, match="cut or damaged"):
        load(taken(tmp_path))
    packed.write_bytes(gzip.compress(f"{GROUPS}\nalpha,2020-01,".encode() + b"\xff", mtime=0))
    with pytest.raises(DriftError, match=r"gz:2: byte .* is not UTF-8"):
        load(taken(tmp_path))


# ---- The real tables -------------------------------------------------------------------------------------------------


@pytest.mark.shared
def test_the_real_tables_are_read_whole(shared: Path) -> None:
    """Totals of the README, and sums of the plain rows."""
    folder = shared / "data" / "contributions"
    assertions, issues = load(taken(folder))
    of = Counter(str(a.object) for a in assertions if a.predicate == RDF.type)
    assert of[str(OSAI.ContributionObservation)] == 19_909 + 4_337
    assert of[str(OSAI.OpenSourceAIProject)] == 54
    assert of[str(QB.Slice)] == 2 * 54
    assert of[str(SKOS.Concept)] == 272 - 5  # values of domain, without those that stand for none
    with gzip.open(folder / "contributions_monthly.csv.gz", "rt", encoding="utf-8", newline="") as text:
        rows = list(csv.DictReader(text))
    commits = {a.subject: int(a.object) for a in assertions if a.predicate == OSAI.commitCount}
    assert sum(n for node, n in commits.items() if "/all/all/" not in node) == 311_796
    assert sum(n for node, n in commits.items() if "/all/all/" in node) == sum(
        int(row["commits"]) for row in rows if row["evidence"] != "bot"
    )
    kept = sum(int(str(a.object)) for a in assertions
               if a.predicate == OSAI.internallyLandedCommitCount and "/all/all/" not in a.subject)  # fmt: skip
    assert kept == sum(int(row["phabricator_commits"]) for row in rows)
    # Two donations are of no date that anybody verified: docarray and mxnet.
    assert [(issue.kind, issue.locator) for issue in issues.issues] == [
        ("no-event", "projects.csv:26"),
        ("no-event", "projects.csv:30"),
    ]
    assert issues.ignored["history_from"] == 54

"""The loader of e-mail domains: one organization for a name, with its domains, kind and role."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from rdflib import RDF, SKOS, Literal, URIRef

from kg.errors import DriftError
from kg.model import Assertion, File, Mint, Snapshot
from kg.sources import IssueList, registry
from kg.vocab import OSAI

SOURCE = registry()["org-domains"]
MINT = Mint("https://example.org/kg/")
FILE = "domain_org.csv"
HEADER = "domain,organization,kind,role,source,wikidata,ror"
ROR = "https://ror.org/00aaaaa01"


def snapshot(folder: Path, *rows: str, header: str = HEADER) -> Snapshot:
    (folder / FILE).write_text("\n".join((header, *rows, "")), encoding="utf-8")
    return Snapshot.of("org-domains", [File.of(FILE, folder / FILE)])


def load(of: Snapshot) -> tuple[list[Assertion], IssueList]:
    issues = IssueList("org-domains")
    return list(SOURCE.load()(SOURCE, of, MINT, issues)), issues


def about(assertions: list[Assertion]) -> dict[URIRef, set[tuple[URIRef, URIRef | Literal]]]:
    found: dict[URIRef, set[tuple[URIRef, URIRef | Literal]]] = {}
    for a in assertions:
        found.setdefault(a.subject, set()).add((a.predicate, a.object))
    return found


def role(notation: str) -> URIRef:
    return MINT.concept("contributor-role", notation)


def test_rows_of_one_name_are_one_organization_with_several_domains(tmp_path: Path) -> None:
    rows = (
        "teal.example,Teal Inc.,company,chip-maker-and-user,curated,Q5,",
        "teal.example.com,Teal,company,,curated,Q5,",
    )
    assertions, issues = load(snapshot(tmp_path, *rows))
    assert list(about(assertions).values()) == [
        {
            (RDF.type, OSAI.Company),
            (OSAI.name, Literal("Teal Inc.")),
            (SKOS.altLabel, Literal("Teal")),
            (OSAI.emailDomain, Literal("teal.example")),
            (OSAI.emailDomain, Literal("teal.example.com")),
            (OSAI.contributorRole, role("complementor")),
            (OSAI.contributorRole, role("user")),
            (OSAI.wikidataId, Literal("Q5")),
        }
    ]
    assert issues.issues == []
    assert [a.evidence.key for a in assertions if a.predicate == OSAI.emailDomain] == [
        "teal.example",
        "teal.example.com",
    ]


def test_an_organization_that_we_know_keeps_its_iri(tmp_path: Path) -> None:
    assertions, _ = load(snapshot(tmp_path, "m.example,Meta,company,host-of-pytorch,curated,Q380,"))
    assert about(assertions).keys() == {MINT.id("org", "meta")}
    assert (OSAI.contributorRole, role("focal-firm")) in about(assertions)[MINT.id("org", "meta")]


def test_a_company_is_near_its_branch_and_any_other_is_itself(tmp_path: Path) -> None:
    rows = (
        f"a.example,Alder,company,,stackalytics,Q6,{ROR}",
        f"b.example,Birch,company,,curated,Q7,{ROR}",
        f"c.example,Cedar,education,academic-or-research,ror,Q8,{ROR}",
    )
    assertions, issues = load(snapshot(tmp_path, *rows))
    alder, birch, cedar = about(assertions).values()
    near = (SKOS.closeMatch, MINT.id("org", "ror-00aaaaa01"))
    same = (OSAI.rorId, Literal("00aaaaa01"))
    assert [near in one for one in (alder, birch, cedar)] == [True, True, False]
    assert [same in one for one in (alder, birch, cedar)] == [False, False, True]
    # Of the first row the Wikidata number is the branch's; of the second we checked that it is the company's.
    numbers = [{str(v) for p, v in one if p == OSAI.wikidataId} for one in (alder, birch, cedar)]
    assert numbers == [set(), {"Q7"}, {"Q8"}]
    assert issues.ignored == {"wikidata": 1, "source.curated": 1, "source.ror": 1, "source.stackalytics": 1}


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("x.edu,College of X,company,,stackalytics,,", "AcademicInstitution"),
        ("x.ac.uk,College of X,company,,stackalytics,,", "AcademicInstitution"),
        ("education.example,X,company,,stackalytics,,", "Company"),
        ("nasa.gov,NASA,company,,stackalytics,,", "PublicBody"),
        ("x.example,X,facility,research,ror,,", "ResearchFacility"),
    ],
)
def test_not_all_that_stackalytics_lists_are_companies(tmp_path: Path, row: str, kind: str) -> None:
    assertions, issues = load(snapshot(tmp_path, row))
    assert [a.object for a in assertions if a.predicate == RDF.type] == [OSAI[kind]]
    assert issues.issues == []


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ("X.example,X,company,,curated,,", "domain"),
        ("ac.th,X,company,,curated,,", "public-suffix"),
        ("x.example,,company,,curated,,", "no-name"),
        ("x.example,X,guild,,curated,,", "unknown-value"),
        ("x.example,X,company,wizard,curated,,", "unknown-value"),
        ("x.example,X,company,,elsewhere,,", "unknown-value"),
        ("x.example,X,company,academic-or-research,ror,,", "role"),
        ("x.example,X,company,,curated,7,", "identifier"),
        ("x.example,X,company,,curated,,https://ror.org/1", "identifier"),
    ],
)
def test_what_is_not_mapped_is_an_issue_with_its_line(tmp_path: Path, row: str, kind: str) -> None:
    _, issues = load(snapshot(tmp_path, row))
    assert kind in {found.kind for found in issues.issues}
    assert {found.locator for found in issues.issues} == {f"{FILE}:2"}


def test_two_kinds_of_one_organization_are_an_issue_and_a_role_without_class_is_counted(tmp_path: Path) -> None:
    rows = ("a.example,X,company,services,curated,,", "b.example,X,foundation,,curated,,")
    assertions, issues = load(snapshot(tmp_path, *rows))
    assert [a.object for a in assertions if a.predicate == RDF.type] == [OSAI.Company]
    assert [(found.kind, found.locator) for found in issues.issues] == [("two-kinds", f"{FILE}:3")]
    assert issues.ignored["role.services"] == 1


def test_an_unknown_column_is_an_issue(tmp_path: Path) -> None:
    _, issues = load(snapshot(tmp_path, "x.example,X,company,,curated,,,red", header=HEADER + ",colour"))
    assert [found.kind for found in issues.issues] == ["unknown-field"]


@pytest.mark.parametrize(
    ("rows", "header", "why"),
    [
        (("a.example,X,company,,curated,,", "a.example,Y,company,,curated,,"), HEADER, ":3: a second row of a.example"),
        ((), HEADER.replace(",ror", ""), ":1: the column 'ror' is missing"),
        (("a.example,X",), HEADER, ":2: 2 fields, where the header has 7"),
        (('"' + "x" * (1 << 21),), HEADER, ":2: "),
    ],
)
def test_a_file_of_another_form_stops_the_load(tmp_path: Path, rows: tuple[str, ...], header: str, why: str) -> None:
    with pytest.raises(DriftError, match=FILE) as raised:
        load(snapshot(tmp_path, *rows, header=header))
    assert why in str(raised.value)


@pytest.mark.shared
def test_the_whole_table_is_loaded(shared: Path) -> None:
    path = shared / "data" / "org-domains" / FILE
    assertions, issues = load(Snapshot.of("org-domains", [File.of(FILE, path)]))
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    domains = {str(a.object) for a in assertions if a.predicate == OSAI.emailDomain}
    assert len(rows) == 805  # README
    assert domains == {row["domain"] for row in rows} - {"ac.th"}
    assert len(about(assertions)) == len({row["organization"] for row in rows})
    rors = [a.object for a in assertions if a.predicate in (OSAI.rorId, SKOS.closeMatch)]
    assert len(rors) == 232  # README; no ROR identifier stands at two names
    meta = about(assertions)[MINT.id("org", "meta")]
    assert sum(predicate == OSAI.emailDomain for predicate, _ in meta) == 7
    assert {found.kind for found in issues.issues} == {"public-suffix", "role"}

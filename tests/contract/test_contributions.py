"""Competency questions 24 to 28: contributions around a transfer, computed against reported findings, and links.

The bundled sources hold no observations, so questions 24 to 26 are asked of a small cube beside them
(``tests/fixtures/contributions``, whose README does the sums), of random cubes, and of the shared data where they are
at hand. The second way is a few lines of Python over plain rows; rdflib's evaluator is the second engine.
"""

from __future__ import annotations

import csv
import gzip
import io
import random
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import rdflib
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import RDF, XSD, Literal, URIRef
from rdflib.namespace import DCTERMS, PROV, VOID
from rdflib.term import Node

from kg import resources
from kg.catalogue import Catalogue, compare
from kg.model import DEFAULT_BASE, DEFAULT_GRAPH, Mint
from kg.reasoning import as_of_rules, materialise, rules
from kg.release import Release
from kg.rule import Rule
from kg.store import CSV_RESULTS
from kg.store.oxigraph import OxigraphStore, OxigraphWriter
from kg.validation import checks, read_shapes, validate
from kg.vocab import OSAI, PREFIXES

pytestmark = pytest.mark.filterwarnings(
    # rdflib 7.6 warns of itself: its N-Quads reader and its evaluator use names that its Dataset has left behind.
    r"ignore:Dataset\.(default_context|contexts) is deprecated:DeprecationWarning"
)

CATALOGUE = Catalogue.read(resources.queries())
FIXTURE = Path(__file__).parent.parent / "fixtures" / "contributions"
SHARES = "cq25-shares-before-and-after"
PINNED = {"cq24": "cq24", "cq25": "cq25", "cq26": "cq26", "pages/shares-by-quarter": "shares-by-quarter"}
MINT = Mint()
Ask = Callable[..., bytes]


def bound(name: str, **values: str | Sequence[str]) -> str:
    """The text of a catalogue query with its parameters set to values as people write them."""
    query = CATALOGUE.get(name)
    given = {key: [value] if isinstance(value, str) else value for key, value in values.items()}
    return query.bind(**{key: [query.parse(key, text) for text in texts] for key, texts in given.items()})


def table(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        yield from csv.DictReader(text)


def rows_of(answer: bytes) -> list[dict[str, str]]:
    rows = csv.DictReader(io.StringIO(answer.decode(), newline=""))
    return [{key: value.removeprefix(DEFAULT_BASE) for key, value in row.items()} for row in rows]


def embedded(store: OxigraphStore) -> Ask:
    def ask(name: str, **values: str | Sequence[str]) -> bytes:
        with store.answer(bound(name, **values), CSV_RESULTS, trusted=True) as answer:
            return answer.read()

    return ask


def second(dataset: rdflib.Dataset) -> Ask:
    def ask(name: str, **values: str | Sequence[str]) -> bytes:
        answer = dataset.query(bound(name, **values)).serialize(format="csv")
        assert answer is not None
        return answer

    return ask


@cache
def core() -> rdflib.Graph:
    """The ontology; not to be changed."""
    return resources.read_turtle(resources.ontology() / "osai.ttl", DEFAULT_BASE)


@cache
def core_rules() -> tuple[Rule, ...]:
    return rules(core(), base=DEFAULT_BASE)


def world(triples: Iterable[tuple[Node, Node, Node]], *, seed: Path | None = None) -> OxigraphWriter:
    """Triples in the default graph, beside a release if one is given, with all that follows from them."""
    writer = OxigraphWriter()
    if seed is not None:
        writer.load([(seed, None, None)])
    else:
        hierarchy = [(s, p, o) for s, p, o in core() if isinstance(s, URIRef) and isinstance(o, URIRef)]
        graphs = (DEFAULT_GRAPH, MINT.graph("ontology"))
        writer.add((s, URIRef(str(p)), o, graph) for s, p, o in hierarchy for graph in graphs)
    writer.add((s, URIRef(str(p)), o, DEFAULT_GRAPH) for s, p, o in triples)
    materialise(writer, core_rules(), base=DEFAULT_BASE)
    return writer


def dataset_of(writer: OxigraphWriter, folder: Path) -> rdflib.Dataset:
    """The same quads in rdflib."""
    writer.dump(folder / "quads.nq.gz")
    dataset = rdflib.Dataset()
    dataset.parse(data=gzip.decompress((folder / "quads.nq.gz").read_bytes()), format="nquads")
    return dataset


def turtle(text: str) -> rdflib.Graph:
    prefixes = "".join(f"@prefix {name}: <{PREFIXES[name]}> .\n" for name in ("osai", "skos", "prov", "xsd"))
    return rdflib.Graph().parse(data=prefixes + text, format="turtle", publicID=DEFAULT_BASE)


def both(text: str, folder: Path) -> list[Ask]:
    """Ask a small world of both engines."""
    writer = world(turtle(text))
    return [embedded(writer.store()), second(dataset_of(writer, folder))]


# ---- the fixture, with the sums of its README ----


@pytest.fixture(scope="module")
def fixture_graph() -> rdflib.Graph:
    return resources.read_turtle(FIXTURE / "pytorch.ttl", DEFAULT_BASE)


@pytest.fixture(scope="module")
def fixture_world(fixture_graph: rdflib.Graph, seed_release: Release) -> OxigraphWriter:
    return world(fixture_graph, seed=seed_release.quads)


@pytest.fixture(scope="module", params=["embedded", "rdflib"])
def cube(
    request: pytest.FixtureRequest, fixture_world: OxigraphWriter, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Ask]:
    if request.param == "embedded":
        yield embedded(fixture_world.store())
    else:
        yield second(dataset_of(fixture_world, tmp_path_factory.mktemp("cube")))


@pytest.mark.parametrize("name", PINNED)
def test_the_fixture_is_answered_as_added_up_by_hand(cube: Ask, name: str) -> None:
    assert compare(FIXTURE / f"{PINNED[name]}.csv", cube(name)) == []


def test_a_month_without_data_has_no_row_and_a_zero_that_is_known_has_one(cube: Ask) -> None:
    rows = rows_of(cube("cq24"))
    assert not {row["month"] for row in rows} & {"2022-07", "2022-11"}
    assert [row["month"] for row in rows if row["commits"] == "0"] == ["2022-12"]


def test_an_observation_outside_the_period_is_found_in_its_own(cube: Ask) -> None:
    (row,) = rows_of(cube("cq24", since="2023-10", until="2023-10"))
    assert (row["organization"], row["commits"]) == ("id/org/meta", "700")


def test_the_window_is_a_parameter(cube: Ask) -> None:
    """One month on either side: 100 of 200 in August, 90 of 200 in October."""
    firm = rows_of(cube("cq25", months="1"))[0]
    assert firm["contributors"] == "focal firm"
    assert [Decimal(firm[name]) for name in ("shareBefore", "shareAfter", "change")] == [
        Decimal("0.5"),
        Decimal("0.45"),
        Decimal("-0.1"),
    ]


def test_an_event_that_is_no_transfer_of_a_counted_project_has_no_shares(cube: Ask) -> None:
    assert rows_of(cube("cq25", event="id/event/pytorch-foundation-formation-2022")) == []


def test_each_computed_finding_is_what_its_query_answers(cube: Ask, fixture_graph: rdflib.Graph) -> None:
    rows = {row["contributors"]: row["change"] for row in rows_of(cube("cq25"))}
    contributors = {
        MINT.id("population", "contributors-from-meta"): "focal firm",
        MINT.id("population", "outside-companies"): "other companies",
    }
    found = list(fixture_graph.subject_objects(OSAI.yieldedBy))
    assert len(found) == 2
    for finding, run in found:
        plans = list(fixture_graph.objects(run, PROV.qualifiedAssociation / PROV.hadPlan))
        assert plans == [MINT.id("query", SHARES)]
        population = fixture_graph.value(finding, OSAI.overPopulation)
        assert isinstance(population, URIRef)
        assert Decimal(str(fixture_graph.value(finding, OSAI.value))) == Decimal(rows[contributors[population]])


def test_nothing_more_is_supported_than_two_directions(cube: Ask) -> None:
    rows = rows_of(cube("cq26"))
    bearing = {(row["reported"].rpartition("-")[2], row["relation"], row["extent"]) for row in rows if row["computed"]}
    assert bearing == {("f12", "supports", "direction"), ("f14", "supports", "direction")}
    assert {row["reported"].rpartition("-")[2] for row in rows if row["relation"] == "open"} == {
        "f15", "x02", "x03", "x04",
    }  # fmt: skip


def test_a_computed_finding_can_contradict(fixture_graph: rdflib.Graph, seed_release: Release, tmp_path: Path) -> None:
    """Contradiction is symmetric, so it counts from whichever side it is asserted; of a number it is of the value."""
    changed = rdflib.Graph()
    changed += fixture_graph
    changed += turtle("<id/finding/osai-2025-x02> osai:contradicts <id/finding/fixture-other-companies> .")
    writer = world(changed, seed=seed_release.quads)
    for ask in (embedded(writer.store()), second(dataset_of(writer, tmp_path))):
        (row,) = [row for row in rows_of(ask("cq26")) if row["relation"] == "contradicts"]
        assert row["reported"] == "id/finding/osai-2025-x02"
        assert (row["computed"], row["extent"]) == ("id/finding/fixture-other-companies", "value")


def test_the_fixture_keeps_shapes_and_rules(fixture_graph: rdflib.Graph, fixture_world: OxigraphWriter) -> None:
    shapes, places = read_shapes(DEFAULT_BASE)
    report = validate(fixture_world.rows, checks(shapes, base=DEFAULT_BASE, places=places), base=DEFAULT_BASE)
    ours = set(fixture_graph.subjects())
    assert [violation for violation in report.violations if violation.focus in ours] == []
    assert [row for query in CATALOGUE.group("violations") for row in fixture_world.rows(query.text)] == []


# ---- the second way: plain rows ----


class Row(NamedTuple):
    """One observation; ``organization`` is empty where the group is no known one."""

    project: str
    month: str
    group: str
    grade: str
    organization: str
    commits: int


class Move(NamedTuple):
    """A transfer of some projects, between two dates, from some organizations."""

    projects: tuple[str, ...]
    earliest: str
    latest: str
    givers: tuple[str, ...]


class Census(NamedTuple):
    """What is known of organizations: which are companies, and which stand within which."""

    companies: frozenset[str]
    within: Mapping[str, str]


def number(month: str) -> int:
    return int(month[:4]) * 12 + int(month[5:7])


def rounded(value: Decimal) -> Decimal:
    """To four places; a half goes up, as in SPARQL."""
    return (value * 10_000 + Decimal("0.5")).to_integral_value(ROUND_FLOOR) / 10_000


def share(part: int, whole: int) -> Decimal | None:
    return rounded(Decimal(part) / whole) if whole else None


def contributors(row: Row, move: Move, census: Census) -> str:
    above = {row.organization, census.within.get(row.organization, "")} - {""}
    if above & set(move.givers):
        return "focal firm"
    if above & census.companies:
        return "other companies"
    return "other organizations" if above else "no known organization"


def shares(rows: Iterable[Row], move: Move, census: Census, months: int = 12) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """What question 25 has to answer: by project and contributors, months, commits and share before, after; change."""
    first, last = number(move.earliest), number(move.latest)
    counted: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    whole: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    seen: dict[str, tuple[set[str], set[str]]] = defaultdict(lambda: (set(), set()))
    for row in rows:
        if row.project not in move.projects or row.grade == "bot":
            continue
        cell = counted[row.project, contributors(row, move, census)]
        for side, inside in enumerate(
            (first - months <= number(row.month) < first, last < number(row.month) <= last + months)
        ):
            if inside:
                cell[side] += row.commits
                whole[row.project][side] += row.commits
                seen[row.project][side].add(row.month)
    answer: dict[tuple[str, ...], tuple[Any, ...]] = {}
    for (project, kind), (before, after) in counted.items():
        allBefore, allAfter = whole[project]  # noqa: N806
        change = rounded(Decimal(after * allBefore) / (before * allAfter) - 1) if before * allAfter else None
        answer[project, kind] = (
            len(seen[project][0]), before, share(before, allBefore),
            len(seen[project][1]), after, share(after, allAfter), change,
        )  # fmt: skip
    return answer


def quarters(rows: Iterable[Row], move: Move, census: Census) -> dict[tuple[str, ...], tuple[Any, ...]]:
    """What the page by quarter has to answer: months with data, commits, those of the firm, share."""
    months: dict[tuple[str, str], set[str]] = defaultdict(set)
    commits: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    for row in rows:
        if row.project in move.projects and row.grade != "bot":
            key = (row.project, f"{row.month[:4]}-Q{(int(row.month[5:7]) + 2) // 3}")
            months[key].add(row.month)
            commits[key][0] += row.commits
            commits[key][1] += row.commits if contributors(row, move, census) == "focal firm" else 0
    return {key: (len(months[key]), *commits[key], share(commits[key][1], commits[key][0])) for key in commits}


def observed(rows: Iterable[Row]) -> Iterator[tuple[Node, Node, Node]]:
    """Spell rows as observations, as the design's cube does."""
    for row in rows:
        node = MINT.id("obs", row.project, row.group, row.grade, row.month)
        group = row.group if row.grade in ("none", "bot") else f"domain-{row.group}"
        yield (node, RDF.type, OSAI.ContributionObservation)
        yield (node, OSAI.obsProject, MINT.id("project", row.project))
        yield (node, OSAI.obsMonth, Literal(row.month))
        yield (node, OSAI.obsContributorGroup, MINT.concept("contributor-group", group))
        yield (node, OSAI.evidenceGrade, MINT.concept("evidence-grade", row.grade))
        yield (node, OSAI.commitCount, Literal(row.commits, datatype=XSD.nonNegativeInteger))
        yield (node, OSAI.authorCount, Literal(min(row.commits, 3), datatype=XSD.nonNegativeInteger))
        if row.organization:
            yield (node, OSAI.obsOrganization, MINT.id("org", row.organization))


def described(moves: Mapping[str, Move], census: Census) -> Iterator[tuple[Node, Node, Node]]:
    for company in census.companies:
        yield (MINT.id("org", company), RDF.type, OSAI.Company)
    for unit, whole in census.within.items():
        yield (MINT.id("org", unit), OSAI.subOrganizationOf, MINT.id("org", whole))
    for slug, move in moves.items():
        event = MINT.id("event", slug)
        yield (event, RDF.type, OSAI.Transfer)
        yield (event, OSAI.earliestStart, Literal(f"{move.earliest}T00:00:00Z", datatype=XSD.dateTime, normalize=False))
        yield (event, OSAI.latestStart, Literal(f"{move.latest}T23:59:59Z", datatype=XSD.dateTime, normalize=False))
        for project in move.projects:
            yield (event, OSAI.concernsProject, MINT.id("project", project))
        for giver in move.givers:
            yield (event, OSAI.fromAgent, MINT.id("org", giver))


def numbers(row: Mapping[str, str], names: Sequence[str]) -> tuple[Decimal | None, ...]:
    return tuple(Decimal(row[name]) if row[name] else None for name in names)


def answered(answer: bytes, second_key: str, names: Sequence[str]) -> dict[tuple[str, ...], tuple[Any, ...]]:
    rows = rows_of(answer)
    found: dict[tuple[str, ...], tuple[Any, ...]] = {
        (row["project"].rpartition("/")[2], row[second_key]): numbers(row, names) for row in rows
    }
    assert len(found) == len(rows)
    return found


SHARE_COLUMNS = ("monthsBefore", "commitsBefore", "shareBefore", "monthsAfter", "commitsAfter", "shareAfter", "change")
QUARTER_COLUMNS = ("months", "commits", "firmCommits", "share")


def agree(ask: Ask, rows: Sequence[Row], moves: Mapping[str, Move], census: Census) -> None:
    """Ask the three questions of every transfer, and work them out over the plain rows."""
    for slug, move in moves.items():
        event = f"id/event/{slug}"
        assert answered(ask("cq25", event=event), "contributors", SHARE_COLUMNS) == shares(rows, move, census)
        by_quarter = answered(ask("pages/shares-by-quarter", event=event), "quarter", QUARTER_COLUMNS)
        assert by_quarter == quarters(rows, move, census)
        for project in move.projects:
            found = rows_of(ask("cq24", project=f"id/project/{project}", since=move.earliest[:7], until="2024-12"))
            listed = [(row["month"], row["organization"].rpartition("/")[2], int(row["commits"])) for row in found]
            wanted = [row for row in rows if row.project == project and move.earliest[:7] <= row.month <= "2024-12"]
            assert sorted(listed) == sorted((row.month, row.organization, row.commits) for row in wanted)


CENSUS = Census(frozenset({"giver", "partner", "chips"}), {"giver-lab": "giver", "chips-lab": "chips"})
HOLDERS = ("giver", "giver-lab", "partner", "chips", "chips-lab", "university", "")
MONTHS = tuple(f"{year}-{month:02}" for year in (2020, 2021, 2022, 2023) for month in range(1, 13))
MOVES = {
    "dated-to-the-day": Move(("alpha",), "2022-01-31", "2022-01-31", ("giver",)),
    "dated-to-the-year": Move(("alpha", "beta"), "2021-01-01", "2021-12-31", ("giver", "partner")),
    "of-nothing-counted": Move(("gamma",), "2022-05-05", "2022-05-05", ("giver",)),
}
OBSERVATION = st.tuples(
    st.sampled_from(("alpha", "beta")),
    st.sampled_from(MONTHS),
    st.sampled_from(HOLDERS),
    st.sampled_from(("email", "linked", "bot")),
    st.integers(0, 50),
)


def as_rows(drawn: Iterable[tuple[str, str, str, str, int]]) -> list[Row]:
    """One row for each key, as in a cube: what has no organization has no evidence for one."""
    cells: dict[tuple[str, str, str, str], Row] = {}
    for project, month, holder, grade, commits in drawn:
        known = holder and grade != "bot"
        group = f"{holder}.example" if known else "bot" if grade == "bot" else "webmail"
        shown = grade if known or grade == "bot" else "none"
        row = Row(project, month, group, shown, holder if known else "", commits)
        cells[project, month, group, shown] = row
    return list(cells.values())


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(OBSERVATION, max_size=40))
def test_any_cube_is_added_up_as_by_hand(drawn: list[tuple[str, str, str, str, int]]) -> None:
    rows = as_rows(drawn)
    writer = world([*observed(rows), *described(MOVES, CENSUS)])
    agree(embedded(writer.store()), rows, MOVES, CENSUS)


def test_a_small_random_cube_is_added_up_by_the_second_engine_too(tmp_path: Path) -> None:
    rows = random_rows(150)
    writer = world([*observed(rows), *described(MOVES, CENSUS)])
    agree(second(dataset_of(writer, tmp_path)), rows, MOVES, CENSUS)


def random_rows(size: int, projects: Sequence[str] = ("alpha", "beta")) -> list[Row]:
    """Distinct cells, as many as asked for where the small world has them."""
    chance = random.Random(2022)
    grades = ("email", "linked", "linked", "bot")
    return as_rows(
        (chance.choice(projects), chance.choice(MONTHS), chance.choice(HOLDERS), chance.choice(grades), commits)
        for commits in range(size)
    )


@pytest.mark.slow
def test_a_cube_of_twenty_thousand_is_added_up_too() -> None:
    """The size of the shared data. No seconds are asserted: a query that reads all for each row would be seen."""
    projects = ("alpha", "beta", *(f"project-{number}" for number in range(54)))
    rows = [
        Row(project, month, f"domain{holder}.example", "email", HOLDERS[holder % 6], 1 + holder)
        for project in projects
        for month in MONTHS
        for holder in range(8)
    ]
    assert len(rows) > 20_000
    writer = world([*observed(rows), *described(MOVES, CENSUS)])
    agree(embedded(writer.store()), rows, MOVES, CENSUS)


@pytest.mark.slow
@pytest.mark.shared
def test_the_shared_counts_fit_the_same_queries(shared: Path) -> None:
    """The real columns, spelled as the design's cube, for all 54 projects; dates and givers are those of the table."""
    data = shared / "data"
    organizations = {row["domain"]: row["organization"] for row in table(data / "org-domains" / "domain_org.csv")}
    slugs = {name: f"org-{number}" for number, name in enumerate(sorted(set(organizations.values())))}
    pooled = {"(webmail)": "webmail", "(github-noreply)": "noreply", "(none)": "none", "(small-domain)": "small-domain"}
    with gzip.open(data / "contributions" / "contributions_monthly.csv.gz", "rt", encoding="utf-8", newline="") as text:
        rows = [
            Row(
                row["project"],
                row["month"],
                {**pooled, "(bot)": "bot"}.get(row["domain"], row["domain"]),
                row["evidence"],
                slugs.get(organizations.get(row["domain"], ""), ""),
                int(row["commits"]),
            )
            for row in csv.DictReader(text)
        ]
    assert len(rows) == 19_909
    census = Census(frozenset(slugs.values()), {})
    day = "2022-09-12"
    moves = {
        "pytorch": Move(("pytorch",), day, day, (slugs["Meta"],)),
        "onnx": Move(("onnx",), "2019-11-08", "2019-11-08", (slugs["Meta"], slugs["Microsoft"])),
    }
    writer = world([*observed(rows), *described(moves, census)])
    ask = embedded(writer.store())
    agree(ask, rows, moves, census)
    pytorch = {row["contributors"]: row for row in rows_of(ask("cq25", event="id/event/pytorch"))}
    # The history ends with December 2022, so three complete months follow the transfer; the directions are those that
    # the study reports, and nothing of their size or cause is said.
    assert {row["monthsAfter"] for row in pytorch.values()} == {"3"}
    assert Decimal(pytorch["focal firm"]["change"]) < 0 < Decimal(pytorch["other companies"]["change"])


# ---- whose a domain is ----

OWNERS = """
<id/org/one> osai:emailDomain "one.example" .
<id/org/two-a> osai:emailDomain "two.example" . <id/org/two-b> osai:emailDomain "two.example" .
<id/org/firm> osai:emailDomain "firm.example" ; skos:closeMatch <id/org/branch> .
<id/org/branch> osai:emailDomain "firm.example" .
<id/org/abroad> osai:emailDomain "firm.example" ; osai:subOrganizationOf <id/org/branch> .
<id/org/lab> osai:emailDomain "one.example" ; osai:subOrganizationOf <id/org/one> .
<id/org/same-a> osai:emailDomain "same.example" ; osai:rorId "01abc2345" .
<id/org/same-b> osai:emailDomain "same.example" ; osai:rorId "01abc2345" .
<id/org/post> osai:emailDomain "webmail" .
"""


def test_an_observation_is_credited_to_the_one_owner_of_its_domain() -> None:
    domains = ("one", "two", "firm", "same", "nobody")
    rows = [Row("p", "2022-01", f"{name}.example", "email", "", 1) for name in domains]
    rows.append(Row("p", "2022-01", "webmail", "none", "", 1))
    groups = "".join(
        f"<concept/contributor-group/domain-{name}.example> skos:broader <concept/contributor-group/domain> ; "
        f'skos:notation "domain-{name}.example" .\n'
        for name in domains
    )
    writer = world([*observed(rows), *turtle(OWNERS + groups)])
    as_of = datetime(2025, 1, 1, tzinfo=UTC)
    (rule,) = [
        rule
        for rule in as_of_rules(resources.queries() / "rules", base=DEFAULT_BASE, as_of=as_of)
        if rule.name == "observation-organization"
    ]
    materialise(writer, [rule], base=DEFAULT_BASE)
    found = writer.rows(f"SELECT ?o ?a WHERE {{ ?o <{OSAI.obsOrganization}> ?a }}")
    credited = {(str(row["o"]).split("/")[-3], str(row["a"]).rpartition("/")[2]) for row in found}
    assert credited == {("one.example", "one"), ("firm.example", "firm"), ("same.example", "same-a")}


# ---- agreement of findings ----


def finding(slug: str, kind: str, population: str, **said: str) -> str:
    """A finding about one measure, in Turtle."""
    rest = "".join(f" ; osai:{name} {value}" for name, value in said.items())
    return (
        f"<id/finding/{slug}> a osai:{kind} ; osai:aboutMeasure <id/measure/m> ; "
        f"osai:overPopulation <id/population/{population}>{rest} .\n"
    )


def number_of(slug: str, value: str, bound: str = "point", population: str = "all", **said: str) -> str:
    kind = said.pop("kind", "RelativeChangeFinding")
    unit = said.pop("unit", "1")
    return finding(
        slug, kind, population, value=value, boundKind=f"<concept/bound/{bound}>", unitCode=f'"{unit}"', **said
    )  # fmt: skip


def direction_of(slug: str, direction: str, population: str = "all", **said: str) -> str:
    return finding(slug, "DirectionalFinding", population, direction=f"<concept/direction/{direction}>", **said)


NESTED = "<id/population/part> osai:subPopulationOf <id/population/all> .\n"
SAME, APART, EITHER = {"a supports b", "b supports a"}, {"a contradicts b", "b contradicts a"}, set[str]()
INSIDE = {"a refines b"}

AGREEMENTS = {
    "equal points": (number_of("a", "0.2") + number_of("b", "0.20"), SAME),
    "other points": (number_of("a", "0.2") + number_of("b", "0.21"), APART),
    "a point at the end of at-most": (number_of("a", "0.2") + number_of("b", "0.2", "at-most"), INSIDE),
    "a point beyond at-most": (number_of("a", "0.21") + number_of("b", "0.2", "at-most"), APART),
    "a fall is no rise of at most": (number_of("a", "-0.1") + number_of("b", "0.2", "at-most"), APART),
    "a point at the end of more-than": (number_of("a", "0.5") + number_of("b", "0.5", "more-than"), APART),
    "a greater fall than more than a half": (number_of("a", "-0.6") + number_of("b", "-0.5", "more-than"), INSIDE),
    "a smaller fall than more than a half": (number_of("a", "-0.4") + number_of("b", "-0.5", "more-than"), APART),
    "at-least holds its end": (number_of("a", "0.5") + number_of("b", "0.5", "at-least"), INSIDE),
    "less-than does not": (number_of("a", "0.5") + number_of("b", "0.5", "less-than"), APART),
    "more-than is inside at-least": (number_of("a", "3", "more-than") + number_of("b", "3", "at-least"), INSIDE),
    "almost falls short": (number_of("a", "0.5") + number_of("b", "0.5", "almost"), APART),
    "almost is near": (number_of("a", "0.48") + number_of("b", "0.5", "almost"), INSIDE),
    "about is on either side": (number_of("a", "0.51") + number_of("b", "0.5", "about"), INSIDE),
    "about is not far": (number_of("a", "0.6") + number_of("b", "0.5", "about"), APART),
    "at-most and at-least overlap": (number_of("a", "0.5", "at-most") + number_of("b", "0.3", "at-least"), SAME),
    "a range inside at-most": (
        number_of("a", "290", "range", lowerValue="170", upperValue="290", kind="MonetaryFinding", unit="USD")
        + number_of("b", "290", "at-most", kind="MonetaryFinding", unit="USD"),
        INSIDE,
    ),
    "other currencies": (
        number_of("a", "1", kind="MonetaryFinding", unit="USD")
        + number_of("b", "2", kind="MonetaryFinding", unit="EUR"),
        EITHER,
    ),
    "a share is no change": (number_of("a", "0.1", kind="ShareFinding") + number_of("b", "0.2"), EITHER),
    "a number gives detail of a direction": (number_of("a", "0.257") + direction_of("b", "rises"), INSIDE),
    "a fall is no rise": (direction_of("a", "falls") + direction_of("b", "rises"), APART),
    "no change is no rise": (direction_of("a", "no-change") + direction_of("b", "rises"), APART),
    "two rises": (direction_of("a", "rises") + direction_of("b", "rises"), SAME),
    "mixed says no sign": (direction_of("a", "mixed") + direction_of("b", "rises"), EITHER),
    "a change of a part, inside": (
        NESTED + number_of("a", "0.471", population="part") + direction_of("b", "rises"),
        INSIDE,
    ),
    "a part may differ from the whole": (
        NESTED + direction_of("a", "no-change", "part") + direction_of("b", "rises"),
        EITHER,
    ),
    "the whole gives no detail of a part": (
        NESTED + number_of("a", "0.471") + direction_of("b", "rises", "part"),
        EITHER,
    ),
    "shares of a part and of the whole": (
        NESTED
        + number_of("a", "0.5", population="part", kind="ShareFinding")
        + number_of("b", "0.5", kind="ShareFinding"),
        EITHER,
    ),
    "populations that have nothing to do": (number_of("a", "1", population="x") + number_of("b", "2"), EITHER),
    "after different events": (
        direction_of("a", "falls", afterEvent="<id/event/e>") + direction_of("b", "rises", afterEvent="<id/event/f>"),
        EITHER,
    ),
    "after one event": (
        direction_of("a", "falls", afterEvent="<id/event/e>") + direction_of("b", "rises", afterEvent="<id/event/e>"),
        APART,
    ),
    "of times that do not meet": (
        number_of("a", "1", latestEnd='"2020-12-31T23:59:59Z"^^xsd:dateTime')
        + number_of("b", "2", earliestStart='"2021-01-01T00:00:00Z"^^xsd:dateTime'),
        EITHER,
    ),
}


@pytest.fixture(scope="module")
def agreements(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, set[str]]]:
    """What each engine finds in each case: all are in one graph, each with a measure and populations of its own."""
    text = "".join(
        re.sub(r"<id/(finding|measure|population|event)/([a-z]+)>", rf"<id/\1/\2-{place}>", case)
        for place, (case, _) in enumerate(AGREEMENTS.values())
    )
    answers = []
    for ask in both(text, tmp_path_factory.mktemp("agreements")):
        found: dict[str, set[str]] = {case: set() for case in AGREEMENTS}
        for row in rows_of(ask("agreement")):
            first, place = row["finding"].rpartition("/")[2].split("-")
            other = row["other"].rpartition("/")[2].split("-")[0]
            found[list(AGREEMENTS)[int(place)]].add(f"{first} {row['relation']} {other}")
        answers.append(found)
    return answers


@pytest.mark.parametrize("case", AGREEMENTS)
def test_findings_agree_by_the_intervals_they_leave_open(case: str, agreements: list[dict[str, set[str]]]) -> None:
    assert [found[case] for found in agreements] == [AGREEMENTS[case][1]] * 2


def test_the_readings_from_outside_agree_as_in_the_design(seed_store: OxigraphStore) -> None:
    """Section 4.3, where measure and population are the same: no pair more, none less."""
    rows = rows_of(embedded(seed_store)("agreement"))
    short = {
        tuple(row[name].removeprefix("id/finding/osai-2025-") for name in ("finding", "relation", "other"))
        for row in rows
    }
    assert short == {
        ("x02", "refines", "f14"),
        ("x03", "refines", "f14"),
        ("f24", "contradicts", "x05"),
        ("x05", "contradicts", "f24"),
    }


# ---- identifiers elsewhere ----

IDENTIFIED = """
<id/org/acme> a osai:Company ; osai:name "Acme" ; osai:wikidataId "Q1" ; osai:rorId "01abc2345" .
<id/org/acme-labs> a osai:OrganizationUnit ; osai:name "Acme Labs" ; osai:wikidataId "Q1" .
<id/org/northern> a osai:AcademicInstitution , osai:ResearchFacility ; osai:name "Northern" ; osai:rorId "01abc2399" .
<id/person/ann> a osai:Person ; osai:name "Ann" ; osai:wikidataId "Q2" .
<id/project/p> a osai:OpenSourceAIProject ; osai:name "P" ; osai:wikidataId "Q3" .
<id/org/plain> a osai:Company ; osai:name "Plain" .
"""


def test_each_identifier_is_listed_with_its_holders_those_shared_first(tmp_path: Path) -> None:
    kinds = {"org": "Organization", "person": "Person", "project": "Project"}
    wanted = [
        ("wikidataId", "Q1", "2", "id/org/acme"),
        ("wikidataId", "Q1", "2", "id/org/acme-labs"),
        ("rorId", "01abc2345", "1", "id/org/acme"),
        ("rorId", "01abc2399", "1", "id/org/northern"),
        ("wikidataId", "Q2", "1", "id/person/ann"),
        ("wikidataId", "Q3", "1", "id/project/p"),
    ]
    for ask in both(IDENTIFIED, tmp_path):
        rows = rows_of(ask("cq27", least="1"))
        assert [
            (row["scheme"].rpartition("#")[2], row["identifier"], row["holders"], row["entity"]) for row in rows
        ] == wanted
        for row in rows:
            assert row["kind"] == f"ontology#{kinds[row['entity'].split('/')[1]]}"
            assert row["name"]


def test_one_scheme_can_be_asked_for(tmp_path: Path) -> None:
    for ask in both(IDENTIFIED, tmp_path):
        assert [row["entity"] for row in rows_of(ask("cq27", scheme="osai:rorId", least="1"))] == [
            "id/org/acme",
            "id/org/northern",
        ]


# ---- matches with other vocabularies ----


def evidence() -> list[dict[str, str]]:
    return list(table(resources.ontology() / "align" / "evidence.csv"))


def expanded(curie: str) -> str:
    prefix, _, local = curie.partition(":")
    return str(PREFIXES[prefix]) + local


VOCABULARIES = ("https://schema.org/", "http://www.w3.org/ns/prov#", "http://www.w3.org/ns/org#")


def test_the_pinned_matches_are_the_rows_of_the_evidence() -> None:
    pin = CATALOGUE.pin(CATALOGUE.get("cq28"), "seed")
    assert pin is not None
    with pin.open(encoding="utf-8", newline="") as text:
        pinned = sorted(tuple(row) for row in csv.reader(text))[:-1]  # the header sorts last
    seen = [
        (vocabulary, expanded(row["term"]), expanded(row["relation"]), row["target"])
        for row in evidence()
        for vocabulary in VOCABULARIES
        if row["target"].startswith(vocabulary)
    ]
    assert pinned == sorted(seen)
    assert {row[0] for row in pinned} == set(VOCABULARIES)


def test_another_vocabulary_can_be_asked_for(seed_store: OxigraphStore) -> None:
    rows = rows_of(embedded(seed_store)("cq28", vocabulary=["http://xmlns.com/foaf/0.1/", "dcat:"]))
    wanted = [row for row in evidence() if row["target"].startswith(("http://xmlns.com/foaf/", PREFIXES["dcat"]))]
    assert sorted((row["term"].partition("#")[2], row["target"]) for row in rows) == sorted(
        (row["term"].partition(":")[2], row["target"]) for row in wanted
    )
    assert rows


def test_the_graph_of_alignments_is_the_files_and_leads_to_nothing_else(seed_dataset: rdflib.Dataset) -> None:
    files = {triple for path in resources.alignment_files() for triple in resources.read_turtle(path, DEFAULT_BASE)}
    name = MINT.graph("align")
    assert set(seed_dataset.graph(name)) == files
    assert len(files) == len(evidence())
    default = set(seed_dataset.graph(rdflib.graph.DATASET_DEFAULT_GRAPH_ID))
    assert not files & default
    targets = {target for _, _, target in files if not str(target).startswith(str(PREFIXES["qb"]))}
    assert not targets & {node for _, _, node in default}


def test_the_graph_of_alignments_is_described(seed_dataset: rdflib.Dataset) -> None:
    void = seed_dataset.graph(MINT.graph("void"))
    name = MINT.graph("align")
    assert (MINT.id("dataset", "osai-kg"), DCTERMS.hasPart, name) in void
    assert void.value(name, VOID.triples) == Literal(len(evidence()))

"""Every number in the READMEs of the shared data: counted in a release, or listed as no count of records, with reason.

A figure is the sum of its parts. Most have one, a query over the graph that the load of a source wrote. Where the graph
holds fewer things than the README counts, the other parts are what the release says of the difference: its issues, and
its counts of values that a source leaves out by name.

In a query ``{graph}`` is the graph of the load and ``{records}`` the beginning of the IRI of each record of its
snapshot. A thing that two records describe is counted by record where the README counts rows.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from kg.model import DEFAULT_BASE
from kg.release import LoadedSource, Release
from kg.sources import registry

PREFIXES = f"""BASE <{DEFAULT_BASE}>
PREFIX dcterms: <http://purl.org/dc/terms/>
PREFIX osai: <{DEFAULT_BASE}ontology#>
PREFIX prov: <http://www.w3.org/ns/prov#>
PREFIX schema: <https://schema.org/>
PREFIX skos: <http://www.w3.org/2004/02/skos/core#>
"""


@dataclass(frozen=True, slots=True)
class Held:
    """What a release holds of one source. ``ask`` gives the one number that a query answers with."""

    release: Release
    source: LoadedSource
    ask: Callable[[str], int]
    data: Path  # the directory of the data set

    @classmethod
    def of(cls, name: str, release: Release, ask: Callable[[str], int], shared: Path) -> Held:
        source = next(found for found in release.manifest.sources if found.name == name)
        return cls(release, source, ask, shared / "data" / name)

    def answer(self, query: str) -> int:
        """Ask a query of one number, in which ``{graph}`` and ``{records}`` are those of the source."""
        graph = self.source.graphs[0]
        records = f"{self.release.manifest.base}id/record/{self.source.name}/{graph.rpartition('/')[2]}/"
        return self.ask(PREFIXES + query.replace("{graph}", f"<{graph}>").replace("{records}", records))


Part = Callable[[Held], int]


@dataclass(frozen=True, slots=True)
class Figure:
    """One count of a README: what it counts, and the parts that it is the sum of."""

    source: str
    number: int
    counts: str
    parts: tuple[Part, ...]

    def counted(self, held: Held) -> int:
        return sum(part(held) for part in self.parts)

    def __str__(self) -> str:
        return f"{self.source}: {self.number:,} {self.counts}"


# ---- Parts: what the graph holds -------------------------------------------------------------------------------------


def asked(query: str) -> Part:
    return lambda held: held.answer(query)


def things(pattern: str, of: str = "?x") -> Part:
    """Count what the load says, each thing once."""
    return asked(f"SELECT (COUNT(DISTINCT {of}) AS ?n) WHERE {{ GRAPH {{graph}} {{ {pattern} }} }}")


def records(pattern: str = "", at: str = "", of: str = "?record") -> Part:
    """Count the records at places that begin with ``at``, and that an ?x of the pattern comes from if there is one."""
    said = f"GRAPH {{graph}} {{ {pattern} ?x prov:wasDerivedFrom ?record }}" if pattern else ""
    return asked(
        f"SELECT (COUNT(DISTINCT {of}) AS ?n) WHERE {{ {said} GRAPH <graph/provenance> {{ ?record osai:locator ?at }} "
        f'FILTER(STRSTARTS(STR(?record), "{{records}}") && STRSTARTS(?at, "{at}")) '
        'BIND(STRBEFORE(STRAFTER(?at, "#"), "/") AS ?category) }'
    )


def at_places(pattern: str, *places: str) -> Part:
    """Count those of some places of a landscape from whose record an ?x of the pattern comes."""
    listed = " ".join(f'"landscape.yml#{place}"' for place in places)
    return asked(
        f"SELECT (COUNT(DISTINCT ?at) AS ?n) WHERE {{ VALUES ?at {{ {listed} }} "
        f"GRAPH <graph/provenance> {{ ?record osai:locator ?at }} "
        'FILTER(STRSTARTS(STR(?record), "{records}")) '
        f"GRAPH {{graph}} {{ ?x prov:wasDerivedFrom ?record . {pattern} }} }}"
    )


def at_stage(stage: str) -> Part:
    return records(f"?x osai:standsAt <concept/maturity/{stage}> .")


def comes_to(stage: str, at: str = "") -> Part:
    return records(f"?x osai:toStage <concept/maturity/{stage}> .", at)


def at_level(level: str) -> Part:
    return records(f"?x osai:membershipLevel <concept/membership-level/{level}> .")


def of_class(name: str, at: str = "") -> Part:
    return records(f"?x a osai:{name} .", at)


def slices(group: str) -> Part:
    """Count the projects that have a part in the study of contributions."""
    return things(f"?slice osai:studyGroup <concept/study-group/{group}> ; dcterms:subject ?x")


def table(name: str) -> Part:
    """Ask for the rows of a table of the innovation graph, which is described and not loaded."""
    named = f'osai:name "GitHub Innovation Graph: {name}"'
    return asked(f"SELECT ?n WHERE {{ GRAPH {{graph}} {{ ?x {named} ; osai:rowCount ?n }} }}")


def notations(length: int) -> Part:
    return things(f"?x skos:notation ?code FILTER(STRLEN(STR(?code)) = {length})")


def graded(edition: str, of: str) -> Part:
    return things(f'?x osai:edition "{edition}" ; osai:assessedDimension ?indicator ; osai:assesses ?company', of=of)


def rows_with_spans(spans: int) -> Part:
    """Count the rows of seed-facts that have a number of wordings."""
    return asked(
        "SELECT (COUNT(*) AS ?n) WHERE { { SELECT ?record (COUNT(DISTINCT ?span) AS ?spans) WHERE { GRAPH {graph} "
        "{ ?span a osai:TextSpan ; prov:wasDerivedFrom ?record } } GROUP BY ?record } "
        f"FILTER(?spans = {spans}) }}"
    )


def of_the_slice(pattern: str) -> Part:
    """Count the records of ror_slice.json that the release has, and of which it says the pattern."""

    def count(held: Held) -> int:
        found = json.loads((held.data / "ror_slice.json").read_text(encoding="utf-8"))
        listed = " ".join(f'"{record["id"].rpartition("/")[2]}"' for record in found)
        return held.answer(
            f"SELECT (COUNT(DISTINCT ?id) AS ?n) WHERE {{ VALUES ?id {{ {listed} }} "
            f"GRAPH {{graph}} {{ ?x osai:rorId ?id . {pattern} }} }}"
        )

    return count


# ---- Parts: what the release says of the rest ------------------------------------------------------------------------


def reported(kind: str, about: str = "") -> Part:
    """Count the issues of a kind; ``about`` stands in the message, the place or the context."""
    return lambda held: sum(
        row["source"] == held.source.name and row["kind"] == kind and about in str(row) for row in held.release.issues()
    )


def ignored(field: str) -> Part:
    """Count the values of a field that the manifest says were left out by name."""
    return lambda held: held.source.ignored.get(field, 0)


def fields_ignored(beginning: str) -> Part:
    """Count the fields that the manifest says were left out by name."""
    return lambda held: sum(field.startswith(beginning) for field in held.source.ignored)


def less(part: Part, because: str) -> Part:
    """Take off what another part counts and the README does not."""
    assert because
    return lambda held: -part(held)


def also(number: int, because: str) -> Part:
    """Add what no release can count."""
    assert because
    return lambda _: number


def spelt(lookup: str) -> Part:
    """Count the spellings that the definition of a source reads as something else, or as the same."""
    return lambda held: len(registry()[held.source.name].lookups[lookup])


# ---- Figures ---------------------------------------------------------------------------------------------------------

# A link to Crunchbase names a member or company, or the listed owner of a project; an owner may be named without one.
LINKED = asked(
    """SELECT (COUNT(DISTINCT ?record) AS ?n) WHERE { GRAPH {graph} {
    { ?x schema:sameAs ?page }
    UNION
    { ?x osai:stewardRole <concept/steward-role/listed-owner> ; osai:steward ?owner
      FILTER(EXISTS { ?owner schema:sameAs ?page } || EXISTS { ?owner a osai:Foundation }) }
    ?x prov:wasDerivedFrom ?record
  } }"""
)
# The sector of AI is two topics here. A fund is first named at the record of a project, which may be of another sector.
IN_AI_SECTOR = asked(
    """SELECT (COUNT(DISTINCT ?record) AS ?n) WHERE { GRAPH {graph} {
    ?x dcterms:subject <concept/topic/machine-learning>, <concept/topic/data-management> ; prov:wasDerivedFrom ?record
    MINUS {
      VALUES ?kind { osai:Project osai:OpenSourceProject osai:OpenSourceAIProject }
      ?project a ?kind ; prov:wasDerivedFrom ?record
      FILTER NOT EXISTS { ?project dcterms:subject <concept/topic/machine-learning> }
    }
  } }"""
)
WITHOUT_LICENCE = asked(
    """SELECT (COUNT(DISTINCT ?record) AS ?n) WHERE { GRAPH {graph} {
    ?x a osai:Model ; prov:wasDerivedFrom ?record FILTER NOT EXISTS { ?licensing osai:ofArtefact ?x }
  } }"""
)
WITHOUT_PRODUCER = asked(
    """SELECT (COUNT(DISTINCT ?record) AS ?n) WHERE { GRAPH {graph} {
    ?x a osai:Model ; prov:wasDerivedFrom ?record FILTER NOT EXISTS { ?x osai:releasedBy ?producer }
  } }"""
)
MOST_COMPONENTS = asked(
    """SELECT (MAX(?parts) AS ?n) WHERE {
    SELECT ?file (COUNT(?record) AS ?parts) WHERE {
      GRAPH <graph/provenance> { ?record osai:locator ?at }
      FILTER(STRSTARTS(STR(?record), "{records}") && CONTAINS(?at, "#")) BIND(STRBEFORE(?at, "#") AS ?file)
    } GROUP BY ?file
  }"""
)
# A group of contributors is a domain, and org-domains says whose; its graph is found by what only it says.
NAMED_BY_DOMAIN = asked(
    """SELECT (COUNT(DISTINCT ?owner) AS ?n) WHERE {
    { SELECT DISTINCT ?domain WHERE {
      GRAPH {graph} { ?group skos:notation ?notation }
      BIND(STRAFTER(STR(?notation), "domain-") AS ?domain) FILTER(?domain != "") } }
    GRAPH ?elsewhere { ?owner osai:emailDomain ?domain }
    FILTER(CONTAINS(STR(?elsewhere), "/graph/org-domains/"))
  }"""
)
COMMITS = "?x osai:evidenceGrade ?grade ; osai:commitCount ?commits . "
# To the next ten percent; commits of programs do not count.
PERCENT_OF_NOBODY_KNOWN = asked(
    f"""SELECT (10 * ROUND(10 * SUM(?none) / SUM(?commits)) AS ?n) WHERE {{ GRAPH {{graph}} {{
    {COMMITS}
    FILTER(?grade != <concept/evidence-grade/bot>)
    BIND(IF(?grade = <concept/evidence-grade/none>, ?commits, 0) AS ?none)
  }} }}"""
)


def total(pattern: str) -> Part:
    return asked(f"SELECT (SUM(?commits) AS ?n) WHERE {{ GRAPH {{graph}} {{ {pattern} }} }}")


STATED, OBSERVED = "landscape_stated_events.csv", "lfai_observed_transitions.csv"

FIGURES = (
    Figure("cncf-landscape", 2413, "items", (records(),)),
    Figure("cncf-landscape", 258, "with a day of acceptance", (of_class("Acceptance"),)),
    Figure("cncf-landscape", 79, "with a day of incubation", (comes_to("cncf-incubating"),)),
    Figure("cncf-landscape", 38, "with a day of graduation", (comes_to("cncf-graduated"),)),
    Figure("cncf-landscape", 28, "with a day of archival", (of_class("Archival"),)),
    Figure("cncf-landscape", 722, "members", (of_class("Membership"),)),
    Figure(
        "cncf-landscape",
        720,
        "with a joining date",
        (
            of_class("MembershipJoin"),
            reported("unknown-field", "'field': 'joined'"),
        ),
    ),
    Figure(
        "cncf-landscape",
        2205,
        "links to Crunchbase",
        (
            LINKED,
            ignored("crunchbase.of-foundation"),
            reported("crunchbase"),
        ),
    ),
    Figure(
        "cncf-landscape",
        7,
        "marked as about AI",
        (
            at_places(
                "?x a osai:OpenSourceAIProject",
                "App Definition and Development/Application Definition & Image Build[14]",
                "Inference/Framework[4]",
                "Observability and Analysis/Observability[48]",
                "Observability and Analysis/Observability[62]",
                "Observability and Analysis/Observability[74]",
                "Orchestration & Management/Scheduling & Orchestration[34]",
                "Orchestration & Management/Scheduling & Orchestration[51]",
            ),
        ),
    ),
    Figure("lfai-landscape", 472, "items", (records(),)),
    Figure("lfai-landscape", 14, "categories", (records(of="?category"),)),
    Figure("lfai-landscape", 64, "with a maturity", (of_class("MaturityStanding"),)),
    Figure("lfai-landscape", 22, "in the sandbox", (at_stage("lfai-sandbox"),)),
    Figure("lfai-landscape", 24, "incubating", (at_stage("lfai-incubation"),)),
    Figure("lfai-landscape", 1, "of them misspelt", (reported("misspelt"),)),
    Figure("lfai-landscape", 13, "graduated", (at_stage("lfai-graduated"),)),
    Figure("lfai-landscape", 5, "archived", (at_stage("lfai-archived"),)),
    Figure("lfai-landscape", 64, "members", (of_class("Membership"),)),
    Figure("lfai-landscape", 40, "companies that host projects", (records(at="landscape.yml#Hosting Companies/"),)),
    Figure(
        "lfai-landscape",
        445,
        "links to Crunchbase",
        (
            LINKED,
            reported("crunchbase"),
            less(
                at_places(
                    "?x schema:sameAs ?page",
                    "LF AI & Data Member Company/Associate[34]",
                    "LF AI & Data Member Company/General[5]",
                    "LF AI & Data Member Company/General[11]",
                ),
                "members without a link of their own: the file links them where they own a project",
            ),
        ),
    ),
    Figure("pytorch-landscape", 188, "items", (records(),)),
    Figure(
        "pytorch-landscape",
        137,
        "ecosystem tools",
        (
            at_stage("pytorch-ecosystem"),
            at_stage("pytorch-archived"),
        ),
    ),
    Figure("pytorch-landscape", 68, "ecosystem tools that are archived", (at_stage("pytorch-archived"),)),
    Figure("pytorch-landscape", 6, "hosted projects with a day of acceptance", (of_class("Acceptance"),)),
    Figure("pytorch-landscape", 45, "members", (of_class("Membership"),)),
    Figure("pytorch-landscape", 13, "platinum members", (at_level("platinum"),)),
    Figure("pytorch-landscape", 4, "gold members", (at_level("gold"),)),
    Figure("pytorch-landscape", 8, "silver members", (at_level("silver"),)),
    Figure("pytorch-landscape", 20, "associate members", (at_level("associate"),)),
    Figure("lf-landscape", 3349, "items", (records(),)),
    Figure("lf-landscape", 1098, "projects, each with a day of acceptance", (of_class("Acceptance"),)),
    Figure("lf-landscape", 2251, "members", (of_class("Membership"),)),
    Figure("lf-landscape", 5108, "memberships", (things("?x a osai:Membership"),)),
    Figure("lf-landscape", 69, "foundations and projects with members", (things("?membership osai:membershipIn ?x"),)),
    Figure(
        "lf-landscape",
        48,
        "memberships in the PyTorch Foundation",
        (things("?x osai:membershipIn <id/org/pytorch-foundation>"),),
    ),
    Figure("lf-landscape", 65, "memberships in LF AI & Data", (things("?x osai:membershipIn <id/org/lf-ai-data>"),)),
    Figure("lf-landscape", 201, "projects in the sector of AI and data", (IN_AI_SECTOR,)),
    Figure(
        "lf-landscape",
        11,
        "industries",
        (
            things("?project osai:inSector ?x"),
            fields_ignored("sector."),
        ),
    ),
    Figure("openssf-landscape", 172, "items", (records(),)),
    Figure("openssf-landscape", 115, "members", (of_class("Membership"),)),
    Figure("governance-events", 1507, "stated events", (records(at=STATED),)),
    Figure(
        "governance-events",
        1362,
        "stated acceptances",
        (
            of_class("Acceptance", STATED),
            reported("told-before"),
        ),
    ),
    Figure("governance-events", 79, "stated incubations", (comes_to("cncf-incubating", STATED),)),
    Figure("governance-events", 38, "stated graduations", (comes_to("cncf-graduated", STATED),)),
    Figure("governance-events", 28, "stated archivals", (of_class("Archival", STATED),)),
    Figure("governance-events", 127, "observed transitions", (records(at=OBSERVED),)),
    Figure(
        "governance-events",
        127,
        "observed transitions, each an event or half of a renaming",
        (
            of_class("Acceptance", OBSERVED),
            of_class("MaturityChange", OBSERVED),
            of_class("Archival", OBSERVED),
            of_class("GovernanceEvent", OBSERVED),
            reported("renamed"),
            reported("renamed"),
        ),
    ),
    Figure("contributions", 54, "projects", (things("?x a osai:OpenSourceAIProject"),)),
    Figure("contributions", 54, "rows of projects", (records(at="projects.csv:"),)),
    Figure(
        "contributions",
        28,
        "projects that were donated beside PyTorch",
        (
            slices("treated"),
            also(-1, "PyTorch itself"),
        ),
    ),
    Figure("contributions", 17, "more repositories of the PyTorch organization", (slices("related"),)),
    Figure("contributions", 8, "controls", (slices("control"),)),
    Figure("contributions", 19909, "rows by domain", (things(COMMITS),)),
    Figure("contributions", 311796, "commits", (total(COMMITS),)),
    Figure(
        "contributions", 272, "values of domain", (things(COMMITS + "?x osai:obsContributorGroup ?group", of="?group"),)
    ),
    Figure("contributions", 242, "organizations that org-domains names", (NAMED_BY_DOMAIN,)),
    Figure(
        "contributions",
        2204,
        "commits to PyTorch in July 2022",
        (
            total(
                COMMITS
                + '?x osai:obsMonth ?month ; osai:obsProject <id/project/pytorch> FILTER(STR(?month) = "2022-07")'
            ),
        ),
    ),
    Figure(
        "contributions",
        40,
        "percent of commits, about, that no organization is known for",
        (PERCENT_OF_NOBODY_KNOWN,),
    ),
    Figure("country-codes", 249, "rows", (things("?x a osai:Economy"),)),
    Figure("fmti", 100, "indicators of 2025", (graded("2025", "?indicator"),)),
    Figure("fmti", 13, "companies in 2025", (graded("2025", "?company"),)),
    Figure("fmti", 14, "companies in 2024", (graded("2024", "?company"),)),
    Figure("foss-foundations", 87, "foundations", (of_class("Foundation", at="foundations/"),)),
    Figure(
        "foss-foundations",
        70,
        "with a Wikidata id",
        (records("?x a osai:Foundation ; osai:wikidataId ?id .", at="foundations/"),),
    ),
    Figure("foss-foundations", 1, "entity", (records(at="entities/"),)),
    Figure("innovation-graph", 5197, "rows of developers", (table("developers"),)),
    Figure("innovation-graph", 3998, "rows of git pushes", (table("git pushes"),)),
    Figure("innovation-graph", 4180, "rows of organizations", (table("organizations"),)),
    Figure("innovation-graph", 5173, "rows of repositories", (table("repositories"),)),
    Figure("innovation-graph", 19537, "rows of licenses", (table("licenses"),)),
    Figure("innovation-graph", 72885, "rows of topics", (table("topics"),)),
    Figure("lfai-proposals", 59, "proposals", (things("?x a osai:ProjectProposal"),)),
    Figure("lfai-proposals", 59, "with a level", (things("?x osai:requestedStage ?stage"),)),
    Figure("lfai-proposals", 59, "of which the rest is told", (records(at="proposals.csv:"),)),
    Figure("lfai-proposals", 55, "with a licence", (things("?x osai:statedLicence ?licence"),)),
    Figure(
        "lfai-proposals",
        54,
        "with a repository",
        (
            records("?x osai:repositoryUrl ?address ."),
            reported("no-repository"),
        ),
    ),
    Figure("model-openness", 17, "components of one model at most", (MOST_COMPONENTS,)),
    Figure("model-openness", 273, "models", (of_class("Model"),)),
    Figure(
        "model-openness",
        1834,
        "components",
        (
            things("?x a osai:ModelComponent"),
            reported("component-not-included"),
        ),
    ),
    Figure(
        "model-openness",
        87,
        "spellings of producers",
        (
            spelt("producer"),
            reported("unknown-producer"),
            also(1, "the empty one"),
        ),
    ),
    Figure("model-openness", 223, "models without a licence of distribution", (WITHOUT_LICENCE,)),
    Figure("model-openness", 4, "models without a producer", (WITHOUT_PRODUCER,)),
    Figure("open-genai-index", 14, "dimensions", (things("?assessment osai:assessedDimension ?x"),)),
    Figure("open-genai-index", 47, "models", (of_class("Model"),)),
    Figure("org-domains", 805, "rows", (records(),)),
    Figure("org-domains", 604, "rows of stackalytics", (ignored("source.stackalytics"),)),
    Figure("org-domains", 94, "rows of curated", (ignored("source.curated"),)),
    Figure("org-domains", 107, "rows of ror", (ignored("source.ror"),)),
    Figure(
        "org-domains",
        232,
        "with a ROR id",
        (
            things("?x osai:rorId ?id"),
            asked("SELECT (COUNT(*) AS ?n) WHERE { GRAPH {graph} { ?x skos:closeMatch ?branch } }"),
        ),
    ),
    Figure("ror", 35990, "records", (things("?x osai:rorId ?id", of="?id"),)),
    Figure("ror", 16483, "with a Wikidata id", (records("?x osai:wikidataId ?id ."),)),
    Figure(
        "ror",
        5093,
        "companies",
        (
            of_class("Company"),
            reported("two-kinds", "PublicBody and Company"),
        ),
    ),
    Figure("ror", 685, "records in the slice", (of_the_slice(""),)),
    Figure("ror", 431, "of them with a Wikidata id", (of_the_slice("?x osai:wikidataId ?wikidata"),)),
    Figure("sectors", 21, "sections", (notations(1),)),
    Figure("sectors", 88, "divisions", (notations(3),)),
    Figure("sectors", 238, "groups", (notations(4),)),
    Figure("sectors", 419, "classes", (notations(5),)),
    Figure("seed-facts", 26, "rows", (things("?x a osai:TextSpan ; prov:wasDerivedFrom ?record", of="?record"),)),
    Figure("seed-facts", 20, "rows of the seed, which have its wording and the original one", (rows_with_spans(2),)),
    Figure("seed-facts", 6, "rows of the originals alone", (rows_with_spans(1),)),
    Figure("spdx-licenses", 699, "licences", (things("?x a osai:Licence"),)),
    Figure("spdx-licenses", 79, "exceptions", (things("?x a osai:LicenceException"),)),
)

# Of the README of all data sets: what the table of one data set does not say in the same words.
OVERVIEW = (
    Figure("contributions", 29, "donated projects", (slices("treated"),)),
    Figure("contributions", 4337, "rows by month", (things("?x osai:newAuthorCount ?authors"),)),
    Figure(
        "innovation-graph",
        110970,
        "rows of all tables",
        (asked("SELECT (SUM(?rows) AS ?n) WHERE { GRAPH {graph} { ?x osai:rowCount ?rows } }"),),
    ),
)

# ---- What is no count of records -------------------------------------------------------------------------------------

_CUT = (("47", "lines that were cut before"), ("1", "line that was cut before"))
NO_COUNTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "cncf-landscape": _CUT,
    "lfai-landscape": (*_CUT, ("1,742", "versions of the file, of which one is here")),
    "lf-landscape": _CUT,
    "openssf-landscape": _CUT,
    "pytorch-landscape": _CUT,
    "governance-events": (
        ("1,742", "versions of a file that is not here"),
        ("2026", "a year"),
        ("21", "days that a rule of the derivation allows"),
        ("292", "changes before that rule, which are not here"),
    ),
    "contributions": (
        ("365", "days that a rule of the derivation allows"),
        ("3", "authors that a rule of the derivation asks for"),
        ("3.5", "months"),
        ("2022", "a year"),
        ("1,181", "commits by the path of their files, which no table here has"),
        ("0", "percent of a share before a change of address: no count, and at no stated time"),
        ("84", "percent after it"),
    ),
    "country-codes": (("3166", "a standard"),),
    "fmti": (
        ("0", "a grade"),
        ("1", "a grade"),
        ("2025", "an edition"),
        ("2024", "an edition"),
        ("12", "reports that are not here"),
        ("100", "their kilobytes"),
    ),
    "foss-foundations": (("990", "a form of the tax authority"), ("2.5", "an example of a text")),
    "innovation-graph": (
        ("2020", "a year"),
        ("2025", "a year"),
        ("100", "pushers below which the source says nothing"),
    ),
    "model-openness": (("3.1", "part of a name"),),
    "org-domains": (("1", "the first of two sources"), ("2", "the second"), ("2019", "a year")),
    "ror": (("39", "megabytes"), ("15,380", "records of an older schema, which are not here")),
    "sectors": (("4", "a revision"), ("86", "a code"), ("62", "a code"), ("2", "a revision")),
    "seed-facts": (("39", "pages of a report"),),
    "spdx-licenses": (("3.27.0", "a version"),),
}
OVERVIEW_NO_COUNTS: Mapping[str, tuple[tuple[str, str], ...]] = {
    "sectors": (("4", "a revision"),),
    "country-codes": (("3166", "a standard"),),
    "spdx-licenses": (("3.27.0", "a version"),),
}
# A number by itself: no part of a date, a version of a licence, a hash or a name.
_NUMBER = re.compile(r"(?<![\w.,-])(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)*(?![\d-]|[.,]\d)(?=\W|M\b|$)")


def numbers(text: str) -> Counter[str]:
    """Find every number in a text, as it is written."""
    return Counter(_NUMBER.findall(text))


def accounted(source: str) -> Counter[str]:
    """Give the numbers of the README of a data set that a figure counts or that are listed as no count."""
    figures = (f"{figure.number:,}" for figure in FIGURES if figure.source == source)
    return Counter((*figures, *(number for number, _ in NO_COUNTS.get(source, ()))))


def known_of(source: str) -> set[str]:
    """Give the numbers that the overview may say of a data set."""
    figures: Iterable[Figure] = (figure for figure in (*FIGURES, *OVERVIEW) if figure.source == source)
    return {f"{figure.number:,}" for figure in figures} | {number for number, _ in OVERVIEW_NO_COUNTS.get(source, ())}

"""The Foundation Model Transparency Index of Stanford CRFM: a hundred indicators of a company's flagship model, 0 or 1.

The company is what is graded: the tables name no model. Each edition has indicators of its own, also where two have the
same name, so no concept is of both. Of the definitions only names, domains and subdomains are read: facts, not words.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from rdflib import RDF, SKOS, Literal, URIRef

from kg.errors import DriftError
from kg.model import Assertion, Evidence, Mint, Snapshot, slugify
from kg.sources import Issues, Source
from kg.sources.models import Triple
from kg.sources.reading import rows
from kg.sources.record import Record
from kg.vocab import OSAI

_SCHEME = "transparency-indicator"


@dataclass(frozen=True, slots=True)
class _Edition:
    """One edition: the year that names it, and its tables."""

    year: str
    scores: str
    indicators: str | None


def load(source: Source, snapshot: Snapshot, mint: Mint, issues: Issues) -> Iterator[Assertion]:
    """Yield indicators, companies and an assessment for each cell, edition by edition: one record for each row.

    Editions and their tables are ``[lookups.scores]`` and ``[lookups.indicators]``, companies and their kinds
    ``[lookups.company]``. A grade other than those of ``[lookups.grade]``, a company that is not listed and a total
    that is not the sum of its grades are issues. Raises DriftError for a table without the column Indicator, and where
    the two tables of an edition do not have the same indicators.
    """
    number = 0
    described: set[URIRef] = set()
    for year, scores in source.lookups["scores"].items():
        edition = _Edition(year, scores, source.lookups["indicators"].get(year))
        places: dict[str, URIRef] = {}
        if edition.indicators:
            for line, row in rows(snapshot, edition.indicators, columns=("Domain", "Subdomain", "Indicator")):
                number += 1
                evidence = Evidence(snapshot, number, f"{edition.indicators}:{line}")
                record = Record(row, evidence, source, issues)
                for triple in _defined(record, edition, places, mint):
                    yield Assertion(*triple, evidence)
                record.close()
        defined, graded = frozenset(places), set[str]()
        points: Counter[str] = Counter()
        for line, row in rows(snapshot, edition.scores, columns=("Indicator",)):
            evidence = Evidence(snapshot, number + 1, f"{edition.scores}:{line}")
            record = Record(row, evidence, source, issues)
            if row["Indicator"].strip() == "Total":
                _compare(record, points)
                continue
            number += 1
            points.update(company for company, grade in row.items() if grade == "1")
            graded.add(row["Indicator"].strip())
            for triple in _graded(record, edition, places, described, source, mint):
                yield Assertion(*triple, evidence)
            record.close()
        if edition.indicators and (odd := sorted(defined ^ graded)):
            raise DriftError(
                f"{source.name}: {edition.scores} and {edition.indicators} differ in their indicators, first in "
                f"{odd[0]!r}; fetch both of one edition"
            )


def _compare(record: Record, points: Mapping[str, int]) -> None:
    """Hold the row of totals against the grades; it says nothing else."""
    record.take("Indicator")
    for company in record.values:
        if company != "Indicator" and (total := record.text(company)) != str(points.get(company, 0)):
            record.warn(
                f"the total of {company} is {total}, and its grades make {points.get(company, 0)}",
                kind="total-differs",
                value=total,
            )


def _defined(record: Record, edition: _Edition, places: dict[str, URIRef], mint: Mint) -> Iterator[Triple]:
    """Describe one indicator below its subdomain and domain. ``places`` keeps the indicators by name."""
    domain, subdomain, name = (record.text(field) for field in ("Domain", "Subdomain", "Indicator"))
    if not (domain and subdomain and name):
        record.warn("domain, subdomain or name of the indicator is missing", kind="no-name")
        return
    above = mint.concept(_SCHEME, edition.year)
    steps = ((domain, domain), (f"{domain} {subdomain}", subdomain))
    for path, label in steps:
        concept = mint.concept(_SCHEME, f"{edition.year}-{slugify(path)}")
        yield from _concept(concept, label, above, mint)
        above = concept
    indicator = places[name] = _indicator(edition, name, mint)
    yield from _concept(indicator, name, above, mint)


def _indicator(edition: _Edition, name: str, mint: Mint) -> URIRef:
    return mint.concept(_SCHEME, f"{edition.year}-indicator-{slugify(name)}")


def _concept(concept: URIRef, label: str, above: URIRef, mint: Mint) -> Iterator[Triple]:
    yield concept, RDF.type, SKOS.Concept
    yield concept, SKOS.prefLabel, Literal(label, lang="en")
    yield concept, SKOS.notation, Literal(concept.rpartition("/")[2])
    yield concept, SKOS.inScheme, mint.scheme(_SCHEME)
    yield concept, SKOS.broader, above


def _graded(
    record: Record,
    edition: _Edition,
    places: dict[str, URIRef],
    described: set[URIRef],
    source: Source,
    mint: Mint,
) -> Iterator[Triple]:
    """Say how each company of one row is graded. ``described`` keeps judge and companies that were described."""
    name = record.text("Indicator")
    if name is None:
        record.warn("the row has grades and names no indicator", kind="no-name")
        return
    judge = mint.id("org", source.lookups["judge"]["slug"])
    if judge not in described:
        described.add(judge)
        yield judge, RDF.type, OSAI.OrganizationUnit
        yield judge, OSAI.name, Literal(source.lookups["judge"]["name"])
        parent = mint.id("org", f"ror-{source.lookups['judge']['within-ror']}")
        yield judge, OSAI.subOrganizationOf, parent
        yield parent, RDF.type, OSAI.AcademicInstitution
        yield parent, OSAI.name, Literal(source.lookups["judge"]["within"])
        yield parent, OSAI.rorId, Literal(source.lookups["judge"]["within-ror"])
    indicator = places.get(name)
    if indicator is None:
        indicator = places[name] = _indicator(edition, name, mint)
        yield from _concept(indicator, name, mint.concept(_SCHEME, edition.year), mint)
    notation = slugify(name)
    for column in record.values:
        if column == "Indicator":
            continue
        company = column.strip()
        kind = source.lookups["company"].get(company)
        if kind is None:
            record.warn(
                f"the company {company!r} is not in [lookups.company] of {source.definition.name}",
                kind="unknown-value",
                field="company",
                value=company,
            )
            record.take(column)
            continue
        grade = record.lookup(column, "grade")
        if grade is None:
            continue
        slug = source.lookups["curated"].get(company)
        called = source.lookups["name"].get(company, company)
        agent = mint.id("org", slug) if slug else mint.iri("org", f"{source.name}:{company}", called)
        if agent not in described:
            described.add(agent)
            yield agent, RDF.type, OSAI[kind]
            yield agent, OSAI.name, Literal(called)
        assessment = mint.id("assessment", f"fmti-{edition.year}-{agent.rpartition('/')[2]}-{notation}")
        yield assessment, RDF.type, OSAI.Assessment
        yield assessment, OSAI.assesses, agent
        yield assessment, OSAI.assessedDimension, indicator
        yield assessment, OSAI.grade, Literal(grade)
        yield assessment, OSAI.judgedBy, judge
        yield assessment, OSAI.edition, Literal(edition.year)

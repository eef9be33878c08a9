"""A graph of any size with the shape of ours: projects, organizations, situations and counts. The same on every run."""

from __future__ import annotations

import random
from pathlib import Path

BASE = "https://w3id.org/osai-kg/"
OSAI = "https://w3id.org/osai-kg/ontology#"
XSD = "http://www.w3.org/2001/XMLSchema#"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
TRIPLES_PER_PROJECT = 22


def project(number: int) -> str:
    """Give the IRI of one generated project."""
    return f"{BASE}id/project/bench-{number}"


def generate(path: Path, triples: int, seed: int = 20261123) -> int:
    """Write about ``triples`` N-Triples; give the number of projects."""
    draw = random.Random(seed)
    projects = max(triples // TRIPLES_PER_PROJECT, 1)
    organizations = max(projects // 20, 1)
    with path.open("w", encoding="ascii") as out:

        def say(subject: str, predicate: str, thing: str) -> None:
            out.write(f"<{subject}> <{predicate}> {thing} .\n")

        def iri(value: str) -> str:
            return f"<{value}>"

        for number in range(organizations):
            organization = f"{BASE}id/org/bench-{number}"
            say(organization, RDF_TYPE, iri(OSAI + ("Foundation" if number % 10 == 0 else "Company")))
            say(organization, OSAI + "name", f'"Organization {number}"')
        for number in range(projects):
            subject = project(number)
            situation = f"{BASE}id/situation/bench-{number}-legal-host-1"
            organization = f"{BASE}id/org/bench-{draw.randrange(organizations)}"
            repository = f"{BASE}id/repository/github.com/bench/{number}"
            month = f"{draw.randrange(2015, 2026)}-{draw.randrange(1, 13):02d}"
            say(subject, RDF_TYPE, iri(OSAI + "OpenSourceAIProject"))
            say(subject, OSAI + "name", f'"Project {number}"')
            say(subject, OSAI + "inSector", iri(f"{BASE}concept/sector/{draw.choice('ABCDEFGHIJKLMNOPQRSTU')}"))
            say(subject, OSAI + "currentHost", iri(organization))
            say(subject, OSAI + "hasRepository", iri(repository))
            say(subject, OSAI + "hasSituation", iri(situation))
            say(repository, RDF_TYPE, iri(OSAI + "Repository"))
            say(repository, OSAI + "repositoryUrl", f'"https://github.com/bench/{number}"^^<{XSD}anyURI>')
            say(situation, RDF_TYPE, iri(OSAI + "Stewardship"))
            say(situation, OSAI + "ofProject", iri(subject))
            say(situation, OSAI + "steward", iri(organization))
            say(situation, OSAI + "stewardRole", iri(f"{BASE}concept/steward-role/legal-host"))
            say(situation, OSAI + "earliestStart", f'"{month}-01T00:00:00Z"^^<{XSD}dateTime>')
            say(situation, OSAI + "dateText", f'"{month}"')
            observation = f"{BASE}id/obs/bench-{number}/all/email/{month}"
            say(observation, RDF_TYPE, iri(OSAI + "ContributionObservation"))
            say(observation, OSAI + "obsProject", iri(subject))
            say(observation, OSAI + "obsMonth", f'"{month}"')
            say(observation, OSAI + "commitCount", f'"{draw.randrange(1, 5000)}"^^<{XSD}nonNegativeInteger>')
            say(observation, OSAI + "authorCount", f'"{draw.randrange(1, 200)}"^^<{XSD}nonNegativeInteger>')
            say(observation, OSAI + "obsContributorGroup", iri(f"{BASE}concept/contributor-group/webmail"))
            say(observation, OSAI + "evidenceGrade", iri(f"{BASE}concept/evidence-grade/email"))
            say(subject, OSAI + "wikidataId", f'"Q{1_000_000 + number}"')
    return projects


def generate_governance(path: Path, triples: int) -> int:
    """Write about ``triples`` N-Triples of what rules feed on; give the number of projects.

    Each project was given by one of many firms to one of many funds, each fund part of another. Firms and funds have
    thousands of projects each, as the large ones do.
    """
    projects = max(triples // 19, 1)
    with path.open("w", encoding="ascii") as out:

        def say(subject: str, predicate: str, thing: str) -> None:
            name = RDF_TYPE if predicate == "a" else OSAI + predicate
            out.write(f"<{BASE}{subject}> <{name}> {thing} .\n")

        def iri(path: str) -> str:
            return f"<{BASE}{path}>"

        def term(name: str) -> str:
            return f"<{OSAI}{name}>"

        def instant(text: str) -> str:
            return f'"{text}"^^<{XSD}dateTime>'

        for number in range(97):
            say(f"id/org/firm-{number}", "a", term("Company"))
        for number in range(90):
            say(f"id/org/fund-{number}", "a", term("Foundation"))
            if number:
                say(f"id/org/fund-{number}", "subOrganizationOf", iri(f"id/org/fund-{number // 2}"))
        for number in range(projects):
            firm, fund = f"id/org/firm-{number % 97}", f"id/org/fund-{1 + number % 89}"
            it, event = f"id/project/bench-{number}", f"id/event/bench-{number}"
            before, after = f"id/situation/bench-{number}-1", f"id/situation/bench-{number}-2"
            say(it, "a", term("OpenSourceAIProject"))
            say(it, "hasRepository", iri(f"id/repository/github.com/bench/{number}"))
            say(event, "a", term("Transfer"))
            say(event, "concernsProject", iri(it))
            say(event, "fromAgent", iri(firm))
            say(event, "toAgent", iri(fund))
            say(event, "terminates", iri(before))
            say(event, "initiates", iri(after))
            for situation, steward in ((before, firm), (after, fund)):
                say(situation, "a", term("Stewardship"))
                say(situation, "ofProject", iri(it))
                say(situation, "steward", iri(steward))
                say(situation, "stewardRole", iri("concept/steward-role/legal-host"))
            say(before, "latestStart", instant("2016-01-01T00:00:00Z"))
            say(before, "latestEnd", instant("2022-09-12T23:59:59Z"))
            say(after, "latestStart", instant("2022-09-12T23:59:59Z"))
    return projects

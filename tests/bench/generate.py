"""A graph of any size with the shape of ours: projects, organizations, situations and counts. The same on every run."""

from __future__ import annotations

import random
from pathlib import Path

BASE = "https://w3id.org/osai-kg/"
OSAI = "https://w3id.org/osai-kg/ontology#"
XSD = "http://www.w3.org/2001/XMLSchema#"
RDF_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
TRIPLES_PER_PROJECT = 20


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
            say(subject, OSAI + "wikidataId", f'"Q{1_000_000 + number}"')
    return projects

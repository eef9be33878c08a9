"""What reaches the default graph when sources disagree. All of it stays in their graphs.

Source: ontology design, section 1, rule 9.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from rdflib import OWL, RDF, RDFS, Graph, URIRef
from rdflib.collection import Collection
from rdflib.namespace import SKOS

from kg.sources.edtf import spell
from kg.store import Writer
from kg.vocab import OSAI

# Bounds of events and situations, and which end of the values is their hull.
_HULL = {OSAI.earliestStart: min, OSAI.latestStart: max, OSAI.earliestEnd: min, OSAI.latestEnd: max}
_PERMALINK = re.compile(rb'"[a-z0-9]+(?:-[a-z0-9]+)*" \.\n')


def fuse_names(files: Iterable[Path], target: Path) -> None:
    """Choose among names: the first source in order names a thing, its other names become ``skos:altLabel``.

    An organization that a source knows by its permalink alone ("red-hat") is named so only where no source says more.
    Reads N-Triples of names alone, one file for each source in order, and writes N-Triples for the default graph.
    """
    names: dict[bytes, list[bytes]] = {}
    for path in files:
        with path.open("rb") as stream:
            for line in stream:
                subject, _, said = line.partition(b"> ")
                found = names.setdefault(subject, [])
                if (name := said.partition(b"> ")[2]) not in found:
                    found.append(name)
    with target.open("wb") as out:
        for subject, found in names.items():
            first = found[0]
            if len(found) > 1 and b"/id/org/" in subject and _PERMALINK.fullmatch(first):
                first = next((name for name in found if not _PERMALINK.fullmatch(name)), first)
            out.write(subject + f"> <{OSAI.name}> ".encode() + first)
            out.writelines(subject + f"> <{SKOS.altLabel}> ".encode() + name for name in found if name != first)


def fuse_bounds(writer: Writer, graphs: Sequence[str]) -> int:
    """Widen the bounds of what sources date differently to their hull, with its EDTF text; give how many there were.

    Reads the load graphs, writes the default graph. A source that only saw a situation hold, without a date of its
    own, says no more than "not after my day": it widens no date that another source gives. A situation's text is the
    interval from the first day on which it can have begun to the last on which it can have ended.
    """
    disputed: set[str] = set()
    for bound in (*_HULL, OSAI.dateText):
        many = f"SELECT ?s WHERE {{ ?s <{bound}> ?v }} GROUP BY ?s HAVING(COUNT(*) > 1)"
        disputed.update(str(row["s"]) for row in writer.rows(f"SELECT ?s WHERE {{ {{ {many} }} }}"))
    loaded = set(graphs)
    for subjects in _batches(sorted(disputed)):
        said: dict[str, dict[str, dict[URIRef, set[str]]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(set)))
        for row in writer.rows(f"SELECT * WHERE {{ {_values(subjects)} {_bounds()} GRAPH ?g {{ ?s ?p ?v }} }}"):
            if str(row["g"]) in loaded:
                said[str(row["s"])][str(row["g"])][URIRef(str(row["p"]))].add(str(row["v"]))
        writer.update(f"DELETE {{ ?s ?p ?v }} WHERE {{ {_values(subjects)} {_bounds()} ?s ?p ?v }}")
        lines = [line for subject in subjects for line in _hull(subject, said[subject].values())]
        if lines:
            writer.update(f"INSERT DATA {{ {' '.join(lines)} }}")
    return len(disputed)


def fuse_kinds(writer: Writer, core: Graph, graphs: Sequence[str], curated: Sequence[str]) -> int:
    """Keep of classes that exclude each other those of the first source in order; give how many were left out.

    ``graphs`` are the load graphs in order, ``core`` the ontology. Types that one source gives itself are left to
    clash, and so are those of ``curated`` graphs, which are ours to mend.
    """
    excluded = _excluded(core)
    rank = {graph: 0 if graph in curated else number for number, graph in enumerate(graphs, start=1)}
    many = "{ SELECT ?s WHERE { ?s a ?t } GROUP BY ?s HAVING(COUNT(*) > 1) }"
    types: dict[str, set[str]] = defaultdict(set)
    for row in writer.rows(f"SELECT ?s ?t WHERE {{ {many} ?s a ?t }}"):
        types[str(row["s"])].add(str(row["t"]))
    disputed = sorted(
        subject
        for subject, said in types.items()
        if any(other in excluded.get(one, ()) for one in said for other in said)
    )
    dropped = []
    for subjects in _batches(disputed):
        saying: dict[str, dict[str, int]] = defaultdict(dict)
        for row in writer.rows(f"SELECT ?s ?t ?g WHERE {{ {_values(subjects)} GRAPH ?g {{ ?s a ?t }} }}"):
            subject, kind = str(row["s"]), str(row["t"])
            order = rank.get(str(row["g"]), len(rank))
            saying[subject][kind] = min(saying[subject].get(kind, order), order)
        for subject in subjects:
            kept: list[str] = []
            for kind, order in sorted(saying[subject].items(), key=lambda item: (item[1], item[0])):
                against = [other for other in kept if other in excluded.get(kind, ())]
                if any(saying[subject][other] < order for other in against):
                    dropped.append(f"<{subject}> a <{kind}> .")
                else:
                    kept.append(kind)
    for lines in _batches(dropped):
        writer.update(f"DELETE DATA {{ {' '.join(lines)} }}")
    return len(dropped)


def _hull(subject: str, sources: Iterable[Mapping[URIRef, set[str]]]) -> Iterator[str]:
    found = list(sources)
    dating = [said for said in found if OSAI.dateText in said] or found
    ends = {
        bound: choose(value for said in dating for value in said.get(bound, ()))
        for bound, choose in _HULL.items()
        if any(bound in said for said in dating)
    }
    for bound, value in ends.items():
        yield f'<{subject}> <{bound}> "{value}"^^<http://www.w3.org/2001/XMLSchema#dateTime> .'
    early, late = ends.get(OSAI.earliestStart), ends.get(OSAI.latestStart)
    texts = {text for said in dating for text in said.get(OSAI.dateText, ())}
    if not texts:
        return
    if len(texts) == 1:
        text = texts.pop()
    elif "/id/situation/" in subject:
        last = ends.get(OSAI.latestEnd)
        text = f"{(early or late or '')[:10]}/{last[:10] if last else '..'}"
    elif early and late:
        text = spell(early, late)
    else:
        text = f"{(early or '')[:10] or '..'}/{(late or '')[:10] or '..'}"
    yield f'<{subject}> <{OSAI.dateText}> "{text}" .'


def _excluded(core: Graph) -> dict[str, set[str]]:
    """Give the classes that each class excludes, by the axioms and what is below them."""

    def under(kind: str) -> set[str]:
        return {str(sub) for sub in core.transitive_subjects(RDFS.subClassOf, URIRef(kind)) if isinstance(sub, URIRef)}

    pairs = [(str(one), str(other)) for one, other in core.subject_objects(OWL.disjointWith)]
    for node in core.subjects(RDF.type, OWL.AllDisjointClasses):
        members = [str(item) for item in Collection(core, next(core.objects(node, OWL.members)))]
        pairs += [(one, other) for index, one in enumerate(members) for other in members[index + 1 :]]
    excluded: dict[str, set[str]] = defaultdict(set)
    for one, other in pairs:
        for here in under(one):
            excluded[here] |= under(other)
        for there in under(other):
            excluded[there] |= under(one)
    return dict(excluded)


def _batches(things: Sequence[str]) -> Iterator[Sequence[str]]:
    edges = [*range(0, len(things), 500), len(things)]
    return (things[start:end] for start, end in pairwise(edges) if start < end)


def _values(subjects: Iterable[str]) -> str:
    return f"VALUES ?s {{ {' '.join(f'<{subject}>' for subject in subjects)} }}"


def _bounds() -> str:
    return f"VALUES ?p {{ {' '.join(f'<{bound}>' for bound in (*_HULL, OSAI.dateText))} }}"

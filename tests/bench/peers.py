"""One reasoner or validator over one file, in a process of its own: seconds, peak memory, and what it found.

``measure`` starts ``python -m tests.bench.peers ENGINE DATA AGAINST``, which prints one JSON object. Reading the data
and the work itself are timed, judging the answer is not. What was found is compared by its number and by a fingerprint
that does not depend on order.
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from collections.abc import Set as AbstractSet
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from rdflib import RDF, SH, Graph

from tests.bench.generate import BASE, OSAI

Node = Any


class _Run(NamedTuple):
    """What an engine took and found; ``peak`` is read before the answer is judged."""

    load: float
    seconds: float
    peak: int
    found: AbstractSet[tuple[str, ...]]
    spelling: float = 0.0


@dataclass(frozen=True)
class Measured:
    """Seconds to load and to work, peak MB of the whole process, and what was found.

    ``spelling`` is about how much of the work was handing triples over as Python terms.
    """

    engine: str
    load: float
    seconds: float
    peak: int
    found: int
    fingerprint: str
    spelling: float = 0.0


def measure(engine: str, data: Path, against: Path, *, seconds: float = 1800) -> Measured:
    """Run one engine to its end. ``against`` is an ontology for a reasoner, shapes for a validator."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.bench.peers", engine, str(data), str(against)]
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode:
        raise RuntimeError(f"{engine} ended with {done.returncode}:\n{done.stderr[-3000:]}")
    return Measured(**json.loads(done.stdout.splitlines()[-1]))


def table(title: str, runs: Iterable[Measured]) -> str:
    """Spell figures with ours first, and how often ours fits into each other."""
    ours, *others = runs
    lines = [f"\n{title}", f"{'':12}{'load s':>9}{'work s':>9}{'peak MB':>9}{'found':>11}{'theirs / ours':>15}"]
    for run in (ours, *others):
        ratio = "" if run is ours else f"{run.seconds / ours.seconds:14.1f}x"
        spelled = f"   (about {run.spelling:.1f} s of it spells Python terms)" if run.spelling else ""
        lines.append(
            f"{run.engine:12}{run.load:9.2f}{run.seconds:9.2f}{run.peak:9,}{run.found:11,}{ratio:>15}{spelled}"
        )
    return "\n".join(lines)


def _about_data(triples: Iterable[tuple[Node, Node, Node]]) -> set[tuple[str, ...]]:
    """Keep what engines can agree on: of our things, in our terms. Not what holds of owl:Thing or of the axioms."""
    return {
        (str(s), str(p), str(o))
        for s, p, o in triples
        if str(s).startswith(BASE)
        and not str(s).startswith(OSAI)
        and (str(p).startswith(OSAI) or (p == RDF.type and not str(o).startswith("http://www.w3.org/2002/07/owl#")))
    }


def _fingerprint(found: Iterable[tuple[str, ...]]) -> str:
    whole = 0
    for row in found:
        whole ^= int.from_bytes(hashlib.blake2b("\0".join(row).encode(), digest_size=16).digest())
    return f"{whole:032x}"


# --- reasoners: everything that follows from the data and the axioms, without what was there --------------------------


def _rules(data: Path, ontology: Path) -> _Run:
    from kg.reasoning import materialise, rules
    from kg.store.oxigraph import OxigraphWriter

    compiled = rules(Graph().parse(ontology), base=BASE)
    writer = OxigraphWriter()
    start = time.perf_counter()
    writer.load([(data, None, None)])
    loaded = time.perf_counter()
    materialise(writer, compiled, base=BASE)
    done = time.perf_counter()
    peak = _peak()
    rows = writer.rows(
        f'SELECT ?s ?p ?o WHERE {{ GRAPH ?g {{ ?s ?p ?o }} FILTER(STRSTARTS(STR(?g), "{BASE}graph/inferred/")) }}'
    )
    return _Run(loaded - start, done - loaded, peak, _about_data((row["s"], row["p"], row["o"]) for row in rows))


def _reasonable(data: Path, ontology: Path) -> _Run:
    import reasonable

    reasoner = reasonable.PyReasoner()
    start = time.perf_counter()
    reasoner.load_file(str(ontology))
    reasoner.load_file(str(data.with_suffix(".ttl")))
    loaded = time.perf_counter()
    made = reasoner.reason()
    done = time.perf_counter()
    peak = _peak()
    base = reasoner.get_base_triples()  # does nothing but spell terms
    spelling = (time.perf_counter() - done) / len(base) * len(made)
    return _Run(loaded - start, done - loaded, peak, _about_data(made) - _about_data(base), spelling)


def _owlrl(data: Path, ontology: Path) -> _Run:
    import owlrl

    graph = Graph().parse(ontology)
    start = time.perf_counter()
    graph.parse(data, format="nt")
    before = _about_data(graph)
    loaded = time.perf_counter()
    owlrl.DeductiveClosure(owlrl.OWLRL_Semantics).expand(graph)
    done = time.perf_counter()
    return _Run(loaded - start, done - loaded, _peak(), _about_data(graph) - before)


# --- validators: focus node, component and path of each result --------------------------------------------------------


def _checks(data: Path, shapes: Path) -> _Run:
    from kg.store.oxigraph import OxigraphWriter
    from kg.validation import checks, validate

    graph = Graph().parse(shapes)
    writer = OxigraphWriter()
    start = time.perf_counter()
    writer.load([(data, None, None)])
    loaded = time.perf_counter()
    report = validate(writer.rows, checks(graph, base=BASE), base=BASE)
    done = time.perf_counter()
    peak = _peak()
    found = {(str(one.focus), str(one.component), str(one.path)) for one in report.violations}
    return _Run(loaded - start, done - loaded, peak, found)


def _pyshacl(data: Path, shapes: Path) -> _Run:
    import pyshacl

    graph = Graph().parse(shapes)
    start = time.perf_counter()
    read = Graph().parse(data, format="nt")
    loaded = time.perf_counter()
    _, report, _ = pyshacl.validate(read, shacl_graph=graph)
    done = time.perf_counter()
    peak = _peak()
    assert isinstance(report, Graph)
    found = {
        (
            str(report.value(one, SH.focusNode)),
            str(report.value(one, SH.sourceConstraintComponent)),
            str(report.value(one, SH.resultPath)),
        )
        for one in report.objects(None, SH.result)
    }
    return _Run(loaded - start, done - loaded, peak, found)


def _pyrudof(data: Path, shapes: Path) -> _Run:
    import pyrudof

    rudof = pyrudof.Rudof(pyrudof.RudofConfig())
    start = time.perf_counter()
    rudof.read_data(str(data), format=pyrudof.RDFFormat.NTriples)
    loaded = time.perf_counter()
    rudof.read_shacl(str(shapes), format=pyrudof.ShaclFormat.Turtle)
    report = rudof.validate_shacl(mode=pyrudof.ShaclValidationMode.Native)
    done = time.perf_counter()
    peak = _peak()
    found = {(str(one.focus_node), str(one.constraint_component), str(one.path)) for one in report}
    return _Run(loaded - start, done - loaded, peak, found)


_ENGINES: dict[str, Callable[[Path, Path], _Run]] = {
    "kg rules": _rules,
    "reasonable": _reasonable,
    "owlrl": _owlrl,
    "kg shapes": _checks,
    "pyshacl": _pyshacl,
    "pyrudof": _pyrudof,
}


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _main(engine: str, data: str, against: str) -> None:
    warnings.simplefilter("ignore")
    run = _ENGINES[engine](Path(data), Path(against))
    told = Measured(engine, run.load, run.seconds, run.peak, len(run.found), _fingerprint(run.found), run.spelling)
    print(json.dumps(asdict(told)))


if __name__ == "__main__":
    _main(*sys.argv[1:])

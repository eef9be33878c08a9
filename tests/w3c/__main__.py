"""Count how many tests of the suite a service passes: ``python -m tests.w3c SUITE ADDRESS QUERY UPDATE GRAPHS``.

SUITE is the directory of the suite's manifests. A token to write with is read from KG_TOKEN. Prints each test that
fails, then a line for each section. For ours: ``http://127.0.0.1:8000 /sparql /update /graphs``; for ``oxigraph
serve``: ``http://127.0.0.1:7878 /query /update /store`` (where six updates that are SPARQL, but LOAD from nowhere or
DROP what is absent, count as failed: its answer does not say which it was).
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

from tests.w3c.manifests import Section, read_suite
from tests.w3c.runner import Service, Unmet, run


def main(suite: str, address: str, query: str, update: str, graphs: str) -> None:
    service = Service(address, query, update, graphs, token=os.environ.get("KG_TOKEN"))
    passed, total = Counter[Section](), Counter[Section]()
    spent: dict[Section, float] = defaultdict(float)
    for case in read_suite(Path(suite)):
        total[case.section] += 1
        begun = time.monotonic()
        try:
            run(case, service)
            passed[case.section] += 1
        except Unmet as error:
            print(f"{case.section:20} {case.label}: {error}")
        spent[case.section] += time.monotonic() - begun
    for section in Section:
        print(f"{section:20} {passed[section]:3} of {total[section]:3}  {spent[section]:5.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])

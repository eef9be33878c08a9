"""Writes the full pins of the queries that are named, or of all that have a second way."""

from __future__ import annotations

import csv
import sys

from kg import resources
from kg.catalogue import Catalogue
from tests.conftest import shared_directory
from tests.second_way import ANSWERS, World
from tests.second_way.raw import variables

if __name__ == "__main__":
    shared = shared_directory()
    assert shared is not None, "the shared data are not beside this checkout"
    world, catalogue = World(shared), Catalogue.read(resources.queries())
    for name in sys.argv[1:] or ANSWERS:
        query = catalogue.get(name)
        with query.path.with_suffix(".full.csv").open("w", encoding="utf-8", newline="") as stream:
            writer = csv.writer(stream, lineterminator="\n")
            writer.writerow(variables(query.text))
            writer.writerows(sorted(ANSWERS[name](world)))

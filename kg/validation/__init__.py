"""Shapes become queries, queries find violations, violations say where the wrong thing was read.

``checks`` compiles SHACL into SELECT queries, one for each constraint and none for each node; ``validate`` runs them
through any function that answers a SELECT. Nothing here knows a store, and nothing stops a build: a report is a value.
"""

from kg.validation.compiler import Check, checks
from kg.validation.examples import Example, misjudged, read_examples, surroundings
from kg.validation.report import Report, Violation, validate
from kg.validation.shapes import SHAPES, read_shapes

__all__ = [
    "SHAPES",
    "Check",
    "Example",
    "Report",
    "Violation",
    "checks",
    "misjudged",
    "read_examples",
    "read_shapes",
    "surroundings",
    "validate",
]

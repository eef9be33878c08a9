"""Reasoning: axioms become rules and clashes, rules are run to their fixpoint, and HermiT checks what rules cannot.

Knows no store adapter: what is compiled is query text, and the build hands in the Writer that runs it.
"""

from kg.reasoning.asof import as_of_rules
from kg.reasoning.compiler import Locator, clashes, rules
from kg.reasoning.dl import Verdict, classify, java_executable, project_for_dl
from kg.reasoning.fixpoint import Materialisation, materialise

__all__ = [
    "Locator",
    "Materialisation",
    "Verdict",
    "as_of_rules",
    "clashes",
    "classify",
    "java_executable",
    "materialise",
    "project_for_dl",
    "rules",
]

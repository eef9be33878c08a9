"""Why a triple is there: its proof, down to what was asserted, by which graphs, read from which records; in words.

Premises are looked for again in the data, with the rules of the release; nothing is remembered from the run that made
the triple. Works on the rows of any store or writer. Knows no ontology: the service can say why without building.
"""

from kg.why.answer import Explainer
from kg.why.proof import Contradiction, Place, Proof, Record, Rows, explain, explain_clash
from kg.why.words import Words, compact

__all__ = [
    "Contradiction",
    "Explainer",
    "Place",
    "Proof",
    "Record",
    "Rows",
    "Words",
    "compact",
    "explain",
    "explain_clash",
]

"""The catalogue's question on models that two judges see differently, on a world small enough to answer by hand."""

from __future__ import annotations

import rdflib
from rdflib.query import ResultRow

from kg import resources
from kg.model import DEFAULT_BASE

WORLD = """
@prefix osai: <https://w3id.org/osai-kg/ontology#> .
<id/org/judge> a osai:Organization ; osai:name "Judge" .

# Listed with weights and a data card; graded with open weights (no difference), closed data sheet, open code.
<id/model/heron-chat> a osai:Model ; osai:name "Heron chat" ; osai:originName "Heron 7B" ;
    osai:hasComponent <id/component/a> , <id/component/b> .
<id/component/a> osai:componentKind <concept/model-component/model-parameters-final> .
<id/component/b> osai:componentKind <concept/model-component/data-card> .

# The base model is listed without data.
<id/model/heron-7b> a osai:Model ; osai:name "heron-7b" ; osai:hasComponent <id/component/c> .
<id/component/c> osai:componentKind <concept/model-component/model-parameters-final> .

# Graded, and listed nowhere.
<id/model/owl> a osai:Model ; osai:name "Owl" .
"""
GRADES = (
    ("heron-chat", "end-model-weights", "open"),
    ("heron-chat", "data-sheet", "closed"),
    ("heron-chat", "training-code", "open"),
    ("heron-chat", "model-card", "partial"),
    ("heron-chat", "paper", "closed"),
    ("heron-chat", "base-model-data", "open"),
    ("heron-chat", "base-model-weights", "closed"),
    ("owl", "model-card", "open"),
)


def test_two_judges_differ_where_one_says_open_and_the_other_lists_nothing_or_the_other_way_round() -> None:
    graph = rdflib.Graph()
    for name in ("assessment-dimension", "model-component"):
        graph += resources.read_turtle(resources.ontology() / f"schemes/{name}.ttl", DEFAULT_BASE)
    graph.parse(data=WORLD, format="turtle", publicID=DEFAULT_BASE)
    for number, (model, dimension, grade) in enumerate(GRADES):
        graph.parse(
            data=f"""@prefix osai: <https://w3id.org/osai-kg/ontology#> .
            <id/assessment/{number}> a osai:Assessment ; osai:assesses <id/model/{model}> ; osai:grade "{grade}" ;
                osai:assessedDimension <concept/assessment-dimension/{dimension}> ; osai:judgedBy <id/org/judge> .""",
            format="turtle",
            publicID=DEFAULT_BASE,
        )
    query = (resources.queries() / "catalogue/models-judged-differently.rq").read_text(encoding="utf-8")
    rows = [
        (str(row.name), str(row.aspect), str(row.grade), str(row.part), bool(row.listed))
        for row in graph.query(query)
        if isinstance(row, ResultRow)
    ]
    assert rows == [
        ("Heron chat", "data sheet", "closed", "data card", True),
        ("Heron chat", "training code", "open", "training code", False),
        ("heron-7b", "base model data", "open", "datasets", False),
        ("heron-7b", "base model weights", "closed", "model parameters (final)", True),
    ]

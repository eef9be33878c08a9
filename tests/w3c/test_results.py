"""The judge of the suite, judged: what is the same in other words passes, and what differs does not."""

from __future__ import annotations

import pytest

from tests.w3c.results import CSV, JSON, TSV, TURTLE, XML, Solutions, difference, read_result

XSD = "http://www.w3.org/2001/XMLSchema#"
DOCUMENTS = {
    JSON: """{"head": {"vars": ["a", "b"]}, "results": {"bindings": [
        {"a": {"type": "bnode", "value": "x"}, "b": {"type": "literal", "value": "1.0", "datatype": "XSDdecimal"}},
        {"b": {"type": "literal", "value": "t\\tx", "xml:lang": "en"}, "a": {"type": "uri", "value": "http://e.org/"}},
        {"a": {"type": "bnode", "value": "x"}}]}}""",
    XML: """<sparql xmlns="http://www.w3.org/2005/sparql-results#">
        <head><variable name="b"/><variable name="a"/></head><results>
        <result><binding name="a"><bnode>y</bnode></binding>
            <binding name="b"><literal datatype="XSDdecimal">1</literal></binding></result>
        <result><binding name="a"><uri>http://e.org/</uri></binding>
            <binding name="b"><literal xml:lang="en">t\tx</literal></binding></result>
        <result><binding name="a"><bnode>y</bnode></binding></result></results></sparql>""",
    TSV: '?a\t?b\n_:z\t1.0\n<http://e.org/>\t"t\\tx"@en\n_:z\t\n',
    TURTLE: """@prefix rs: <http://www.w3.org/2001/sw/DataAccess/tests/result-set#> . @prefix xsd: <XSD> .
        [] a rs:ResultSet ; rs:resultVariable "a", "b" ; rs:solution
        [ rs:binding [ rs:variable "a" ; rs:value _:n ], [ rs:variable "b" ; rs:value 1.00 ] ],
        [ rs:binding [ rs:variable "a" ; rs:value <http://e.org/> ], [ rs:variable "b" ; rs:value "t\\tx"@en ] ],
        [ rs:binding [ rs:variable "a" ; rs:value _:n ] ] .""",
}


def read(media_type: str) -> Solutions:
    found = read_result(DOCUMENTS[media_type].replace("XSD", XSD), media_type, "http://e.org/")
    assert isinstance(found, Solutions)
    return found


@pytest.mark.parametrize("media_type", DOCUMENTS)
def test_every_format_says_the_same(media_type: str) -> None:
    assert difference(read(JSON), read(media_type)) is None


def table(rows: str) -> Solutions:
    found = read_result(f"?a\t?b\n{rows}", TSV, "")
    assert isinstance(found, Solutions)
    return found


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("1\t2\n", "2\t1\n"),
        ("1\t2\n", "1\t2\n1\t2\n"),
        ("1\t2\n", "1\t2.0\n"),
        ("1\t\n", "1\t1\n"),
        ('"1"\t"a"\n', '1\t"a"\n'),
        ('1\t"a"\n', '1\t"a"@en\n'),
        ("_:a\t_:a\n", "_:a\t_:b\n"),
        ("_:a\t_:b\n", "_:a\t_:a\n"),
        ("_:a\t1\n_:a\t2\n", "_:a\t1\n_:b\t2\n"),
        ("_:a\t1\n_:b\t2\n", "_:a\t1\n_:a\t2\n"),
        ("_:a\t_:b\n_:b\t_:c\n_:c\t_:a\n", "_:a\t_:b\n_:b\t_:a\n_:c\t_:c\n"),
        ("_:a\t1\n", "<http://e.org/a>\t1\n"),
    ],
)
def test_what_differs_is_told(one: str, other: str) -> None:
    assert difference(table(one), table(other)) is not None


def test_order_counts_where_it_is_asked_for() -> None:
    one, other = table("_:a\t1\n_:b\t2\n"), table("_:x\t2\n_:y\t1\n")
    assert difference(one, other) is None
    assert difference(one, other, ordered=True) is not None
    assert difference(one, table("_:y\t1\n_:x\t2\n"), ordered=True) is None


def test_lax_takes_each_solution_once_or_more() -> None:
    thrice = table("1\t1\n1\t1\n1\t1\n2\t2\n")
    assert difference(thrice, table("1\t1\n2\t2\n"), lax=True) is None
    assert difference(thrice, table("1\t1\n"), lax=True) is not None
    assert difference(thrice, table("2\t2\n" * 2 + "1\t1\n"), lax=True) is not None


def test_names_of_variables_count_and_their_order_does_not() -> None:
    assert difference(table("1\t2\n"), Solutions(("b", "a"), tuple((b, a) for a, b in table("1\t2\n").rows))) is None
    assert difference(table("1\t2\n"), Solutions(("a", "c"), table("1\t2\n").rows)) is not None


def test_csv_has_strings_only() -> None:
    given = read_result('a,b\r\n"x ""y""",1.0\r\n_:c,\r\n', CSV, "")
    assert difference(given, table('"x \\"y\\""\t"1.0"\n_:d\t""\n')) is None
    assert difference(given, table('"x \\"y\\""\t"1"\n_:d\t""\n')) is not None


def test_graphs_are_the_same_but_for_the_names_of_blank_nodes() -> None:
    graph = read_result("[] <a:p> 1.0, [ <a:q> true ] .", TURTLE, "")
    assert difference(graph, read_result("_:x <a:p> 1.00, _:y . _:y <a:q> true .", TURTLE, "")) is None
    assert difference(graph, read_result("_:x <a:p> 1.00, _:y . _:x <a:q> true .", TURTLE, "")) is not None
    assert difference(graph, read_result("_:x <a:p> 1, _:y . _:y <a:q> true .", TURTLE, "")) is not None


@pytest.mark.parametrize(
    ("text", "media_type"),
    [
        ("?a\nx\n", TSV),
        ('{"head": {"vars": ["a"]}, "results": {"bindings": [{"a": {"type": "name", "value": "x"}}]}}', JSON),
        ('{"head": {}}', JSON),
    ],
)
def test_what_is_no_result_is_none(text: str, media_type: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        read_result(text, media_type, "")

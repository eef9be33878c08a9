"""The guard: what it refuses, what it must not take for something else, and that it reads what the engine reads."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import ClassVar

import pyoxigraph
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kg.errors import QueryRefusedError, QuerySyntaxError, StoreError
from kg.store import Form
from kg.store.guard import DEFAULT, Budget, Reading, check, read, resolve

# Port 1 is closed, and the engine refuses to call it: reaching SERVICE is an error, never a connection.
AWAY = "http://127.0.0.1:1/"


def refused(query: str, *, budget: Budget = DEFAULT) -> QueryRefusedError:
    with pytest.raises(QueryRefusedError) as caught:
        check(query, budget=budget)
    return caught.value


def engine(query: str) -> str:
    """Say what the engine makes of a text: "syntax", "service", "other" or the form of its answer."""
    node = pyoxigraph.NamedNode("http://a.example/a")
    store = pyoxigraph.Store()
    for value in (node, pyoxigraph.Literal(1), pyoxigraph.Literal(True), pyoxigraph.NamedNode("http://b.example/a.b")):
        store.add(pyoxigraph.Quad(node, node, value))
    try:
        answer = store.query(query)
        if isinstance(answer, pyoxigraph.QueryBoolean):
            return Form.ASK
        for _ in answer:
            pass
    except SyntaxError:
        return "syntax"
    except OSError:
        return "service"
    except RuntimeError as error:
        return "service" if "encoding the service" in str(error) else f"other {error}"
    return Form.SELECT if isinstance(answer, pyoxigraph.QuerySolutions) else Form.GRAPH


def nothing(*_: object) -> pyoxigraph.Literal | None:
    return None


def outcome(query: str) -> Reading | StoreError:
    """Give what the guard reads, or the error it raises."""
    try:
        return read(query)
    except StoreError as error:
        return error


# --- forms ---


@pytest.mark.parametrize(
    ("query", "form"),
    [
        ("SELECT * {}", Form.SELECT),
        ("select*{}", Form.SELECT),
        ("ASK {}", Form.ASK),
        ("ASKWHERE{}", Form.ASK),
        ("CONSTRUCT WHERE {}", Form.GRAPH),
        ("DESCRIBE <http://a.example/>", Form.GRAPH),
        ("# SELECT\nASK {}", Form.ASK),
        ("#SELECT * {}\rASK {}", Form.ASK),
        ("BASE <http://a.example/> PREFIX ask: <select> VERSION '1.2' SELECT * { ask:a ?p ?o }", Form.SELECT),
        ("SELECT * { { SELECT ?s { ?s ?p ?o } } FILTER EXISTS { ?s ?q ?ask } }", Form.SELECT),
    ],
)
def test_form_is_the_one_the_engine_answers_with(query, form):
    assert read(query).form == form
    assert engine(query) == form


@pytest.mark.parametrize(
    "query",
    [
        "INSERT DATA { <a:a> <a:a> <a:a> }",
        "delete where { ?s ?p ?o }",
        "PREFIX ex: <http://a.example/>\nLOAD ex:data",
        "#\nCLEAR ALL",
        "DROP ALL",
        "CREATE GRAPH <a:a>",
        "ADD DEFAULT TO <a:a>",
        "MOVE DEFAULT TO <a:a>",
        "COPY DEFAULT TO <a:a>",
        "WITH <a:a> DELETE { ?s ?p ?o } WHERE {}",
        "INSERTDATA{}",
        "ASK {} INSERT DATA {}",
    ],
)
def test_an_update_is_refused_and_says_that_only_queries_are_answered(query):
    error = refused(query)
    assert error.rule == "update"
    assert "only answers queries" in str(error)
    with pytest.raises(QueryRefusedError):
        read(query)


@pytest.mark.parametrize(
    ("query", "line", "column", "part"),
    [
        ("", 1, 1, "empty"),
        ("# only a comment", 1, 17, "empty"),
        ("SELEC * {}", 1, 1, "did you mean SELECT"),
        ("\ufeffASK {}", 1, 1, "byte order mark"),
        ("ASK {\n  ?s ?p ?o", 1, 5, "never closed; add }"),
        ("ASK { FILTER(?x }", 1, 17, "does not close the ( of line 1, column 13"),
        ("ASK {}}", 1, 7, "closes nothing"),
        ("ASK {\n ?s ?p 'a\n }", 2, 8, "no end"),
        ('ASK { ?s ?p "\\q" }', 1, 13, "escapes"),
        ("ASK {\n\tOPTINAL { ?s ?p ?o } }", 2, 2, "did you mean OPTIONAL"),
        ("PREFIX osai: <http://a.example/>\nASK { ?s osia:a ?o }", 2, 10, "did you mean osai"),
        ("ASK { ?s <http://a.example/a b> ?o }", 1, 10, "neither an IRI"),
        ("ASK {\u00a0}", 1, 6, "U+00A0"),
        ("PREFIX ex <http://a.example/> ASK {}", 1, 1, "PREFIX name: <iri>"),
        ("BASE <b> ASK {}", 1, 6, "relative IRI <b>"),
        ("ASK { ?s ?p ?o } PREFIX ex: <http://a.example/>", 1, 18, "move this one up"),
        ("ASK {} ASK {}", 1, 8, "one at a time"),
        ("ASK { ?s ?p '\ud800' }", 1, 14, "surrogate"),
    ],
)
def test_a_text_that_is_no_query_says_where_and_why(query, line, column, part):
    with pytest.raises(QuerySyntaxError) as caught:
        check(query)
    assert part in str(caught.value)
    assert (caught.value.line, caught.value.column) == (line, column)


@pytest.mark.parametrize(
    "query",
    [
        "A\\u0053K {}",
        "ASK { SERVIC\\u0045 ?x {} }",
        "ASK { ?\\u0041 ?p ?o }",
        "PREFIX ex: <http://a.example/> ASK { ?s ex:\\u0041 ?o }",
        "ASK { \\U00000053ERVICE ?x {} }",
    ],
)
def test_an_escape_outside_strings_and_iris_is_refused_as_the_engine_refuses_it(query):
    assert refused(query).rule == "escape"
    assert engine(query) == "syntax"


# --- SERVICE ---

P = f"PREFIX ex: <{AWAY}> "
SERVICES = [
    f"ASK {{ SERVICE <{AWAY}x> {{}} }}",
    f"ASK {{ service <{AWAY}x> {{}} }}",
    f"ASK{{sErViCe<{AWAY}x>{{}}}}",
    f"ASK {{ SERVICE#<\n<{AWAY}x> {{}} }}",
    "ASK { SERVICE <http\\u003A//127.0.0.1:1/x> {} }",
    "ASK { SERVICE <http\\U0000003A//127.0.0.1:1/x> {} }",
    "ASK { SERVICE <http\\u+03A//127.0.0.1:1/x> {} }",
    f"BASE <{AWAY}> ASK {{ SERVICE <x> {{}} }}",
    f"BASE <{AWAY}y/z> ASK {{ SERVICE <../x> {{}} }}",
    f"{P}ASK {{ SERVICE ex:x {{}} }}",
    f"{P}ASK {{ SERVICEex:x {{}} }}",
    f"PREFIX SERVICEex: <http://b.example/> {P}ASK {{ SERVICEex:x {{}} }}",
    f"PREFIX : <{AWAY}> ASK {{ SERVICE:x {{}} }}",
    f"PREFIX service: <http://b.example/> PREFIX : <{AWAY}> ASK {{ service:x {{}} }}",
    f"ASK {{ ?s ?p 1SERVICE <{AWAY}x> {{}} }}",
    f"ASK {{ ?s ?p trueSERVICE <{AWAY}x> {{}} }}",
    f"{P}ASK {{ ?s ?p true.SERVICEex:x {{}} }}",
    f"ASK {{ FILTER(1<2)SERVICE#>\n<{AWAY}x> {{}} }}",
    f"ASK {{ FILTER(1<?b||true)SERVICE#>\n<{AWAY}x> {{}} }}",
    f"PREFIX e: <http://b.example/> {P}ASK {{ ?s ?p e:a.b.SERVICE ex:x {{}} }}",
    f'ASK {{ VALUES ?x {{ """a" }} SERVICE <{AWAY}x> {{}} #\\uD800"""\n }}',
    f"ASK {{ {{ SELECT * {{ SERVICE <{AWAY}x> {{}} }} }} }}",
    f"SELECT * {{ {{}} UNION {{ SERVICE <{AWAY}x> {{}} }} }}",
]


@pytest.mark.parametrize("query", SERVICES)
def test_service_in_any_spelling_is_refused_unless_listed(query):
    assert engine(query) == "service", "the case must be one that the engine follows"
    assert read(query).services == {f"{AWAY}x"}
    error = refused(query)
    assert error.rule == "service"
    assert error.line is not None
    allowed = Budget(service=frozenset({f"{AWAY}x"}))
    assert check(query, budget=allowed).services == {f"{AWAY}x"}
    assert refused(query, budget=Budget(service=frozenset({AWAY}))).rule == "service"


def test_service_hidden_where_a_name_makes_no_iri_is_seen():
    # ex:SERVICEf:x\# has two number signs in its IRI; the engine then reads "ex:", "SERVICE" and "f:x\#".
    query = f"PREFIX ex: <http://b.example/#> PREFIX f: <{AWAY}#> ASK {{ ?s ?p ex:SERVICEf:x\\# {{}} }}"
    assert engine(query) == "syntax", "f:x\\# is no IRI either"
    query = f"PREFIX ex: <http://b.example/#> PREFIX f: <{AWAY}> ASK {{ ?s ?p ex:SERVICEf:x\\# {{}} }}"
    assert engine(query) in ("service", Form.ASK)
    assert read(query).services == {f"{AWAY}x#"}


def test_service_inside_an_expression_is_seen():
    for query in (
        f"ASK {{ FILTER EXISTS {{ SERVICE <{AWAY}x> {{}} }} }}",
        f"SELECT (EXISTS {{ SERVICE <{AWAY}x> {{}} }} AS ?x) {{}}",
    ):
        assert engine(query) != "syntax"
        assert read(query).services == {f"{AWAY}x"}


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("ASK { SERVICE ?x {} }", "?x"),
        ("ASK { SERVICE $x {} }", "?x"),
        ("ASK { VALUES ?x { <http://b.example/> } SERVICE SILENT ?x {} }", "?x"),
        ("ASK { SERVICE SILENT <http://b.example/> {} }", "http://b.example/"),
        ("ASK { SERVICESILENT<http://b.example/>{} }", "http://b.example/"),
        ("PREFIX e: <http://b.example/> ASK { SERVICE SILENTe:x {} }", "http://b.example/x"),
        (
            "PREFIX e: <http://b.example/> PREFIX SILENTe: <http://c.example/> ASK { SERVICE SILENTe:x {} }",
            "http://b.example/x",
        ),
        ("PREFIX e: <http://b.example/> ASK { SERVICE e:x\\-y%41 {} }", "http://b.example/x-y%41"),
        ("BASE <http://b.example/c/> ASK { SERVICE <?q> {} }", "http://b.example/c/?q"),
    ],
)
def test_the_target_of_a_service_is_read_as_the_engine_would(query, target):
    assert engine(query) != "syntax"
    assert read(query).services == {target}
    assert refused(query).rule == "service"


def test_the_base_of_the_request_resolves_a_service():
    assert read("ASK { SERVICE <x> {} }", base="http://b.example/a/b").services == {"http://b.example/a/x"}
    allowed = Budget(service=frozenset({"http://b.example/a/x"}))
    check("ASK { SERVICE <x> {} }", base="http://b.example/a/b", budget=allowed)


def test_a_service_by_variable_cannot_be_listed():
    assert (
        refused("ASK { SERVICE ?x {} }", budget=Budget(service=frozenset({"?y", "http://b.example/"}))).rule
        == "service"
    )


@pytest.mark.parametrize(
    "query",
    [
        "ASK { ?service ?p ?o }",
        "ASK { $SERVICE ?p ?o }",
        "ASK { ?s ?p 'SERVICE <http://b.example/> {}' }",
        'ASK { ?s ?p "SERVICE" }',
        "ASK { ?s ?p '''\nSERVICE 'x' <http://b.example/> {}''' }",
        'ASK { ?s ?p """a"SERVICE""b""" }',
        "ASK { ?s ?p 'it\\'s SERVICE' }",
        "ASK { ?s ?p ?o # SERVICE <http://b.example/> {}\n }",
        "ASK { ?s ?p ?o # it's\r }",
        "ASK { ?s <http://b.example/SERVICE> ?o }",
        "ASK { ?s <http://b.example/#SERVICE> ?o }",
        "PREFIX ex: <http://b.example/> ASK { ?s ex:service ?o }",
        "PREFIX service: <http://b.example/> ASK { ?s service:SERVICE ?o }",
        "PREFIX service: <http://b.example/> PREFIX : <http://c.example/> ASK { GRAPH service:g { ?s service:p ?o } }",
        "PREFIX service: <http://b.example/> ASK FROM service:g { ?s ?p ?o }",
        "PREFIX service: <http://b.example/> PREFIX : <http://c.example/> DESCRIBE service:x { ?s ?p ?o }",
        "ASK { ?s ?p _:service }",
        "ASK { ?s ?p 'x'@service }",
    ],
)
def test_service_inside_another_token_is_no_service(query):
    assert engine(query) not in ("syntax", "service")
    assert check(query).services == frozenset()


# --- what else is read ---


@pytest.mark.parametrize(
    ("query", "functions"),
    [
        ("PREFIX f: <http://f.example/> ASK { FILTER(f:a(1)) }", {"http://f.example/a"}),
        ("ASK { FILTER <http://f.example/a>(1) }", {"http://f.example/a"}),
        ("BASE <http://f.example/> ASK { BIND(<a> (1) AS ?x) }", {"http://f.example/a"}),
        ("PREFIX f: <http://f.example/> ASK { FILTERf:a(1) }", {"http://f.example/a"}),
        ("PREFIX f: <http://f.example/> SELECT (STR(f:a(f:b())) AS ?x) {}", {"http://f.example/a", "http://f.example/b"}),
        ("PREFIX f: <http://f.example/> SELECT * {} ORDER BY f:a(1) f:b(2)", {"http://f.example/a", "http://f.example/b"}),
        ("PREFIX f: <http://f.example/> SELECT (1 AS ?x) {} GROUP BY f:a(1)", {"http://f.example/a"}),
        ("PREFIX f: <http://f.example/> SELECT (COUNT(DISTINCTf:a(1)) AS ?x) {}", {"http://f.example/a"}),
        ("PREFIX f: <http://f.example/> ASK { ?s f:a (1 2) ; f:b ?o }", set()),
        ("PREFIX x: <http://x.example/> ASK { FILTER(x:%41\\-b(1)) }", {"http://x.example/%41-b"}),
    ],
)  # fmt: skip
def test_what_is_called_as_a_function_is_named(query, functions):
    assert read(query).functions == functions
    # The engine raises for a function it neither knows nor is given.
    pyoxigraph.Store().query(query, custom_functions={pyoxigraph.NamedNode(name): nothing for name in functions})


@pytest.mark.parametrize("call", ["NOW()", "rand()", "UUID()", "STRUUID ()", "BNODE()", "BNODE('a')"])
def test_a_query_that_may_answer_differently_is_volatile(call):
    assert read(f"SELECT ({call} AS ?x) {{}}").volatile
    assert read(f"ASK {{ FILTER(1<2&&{call}=1) }}").volatile


def test_names_of_volatile_functions_elsewhere_are_not_volatile():
    query = "PREFIX now: <http://a.example/> ASK { ?now now:rand 'UUID()' # NOW()\n }"
    assert not read(query).volatile


@pytest.mark.parametrize(
    ("query", "rewritten"),
    [
        ("SELECT (GROUP_CONCAT(?o) AS ?g) { VALUES ?o { 'a'@en 'b'@en } }", "SELECT (STR(GROUP_CONCAT(?o)) AS ?g)"),
        (
            "SELECT (group_concat ( DISTINCT ?o ; SEPARATOR = ')' ) AS ?g) { VALUES ?o { 'a'@en 'b'@en } }",
            "SELECT (STR(group_concat ( DISTINCT ?o ; SEPARATOR = ')' )) AS ?g)",
        ),
        (
            "SELECT (UCASE(GROUP_CONCAT(IF(true, ?o, 'GROUP_CONCAT(')))AS ?g){ VALUES ?o { 'a'@en } }",
            "SELECT (UCASE(STR(GROUP_CONCAT(IF(true, ?o, 'GROUP_CONCAT('))))AS ?g)",
        ),
        (
            "SELECT ?o { { SELECT (GROUP_CONCAT(?x)AS ?o){ BIND('a'@en AS ?x)}}} GROUP BY ?o ORDER BY GROUP_CONCAT(?o)",
            "SELECT ?o { { SELECT (STR(GROUP_CONCAT(?x))AS ?o){ BIND('a'@en AS ?x)}}} GROUP BY ?o ORDER BY STR(GROUP_",
        ),
    ],
)
def test_concatenated_values_lose_the_language_they_share(query, rewritten):
    """The engine keeps it; the separator has none, so the whole has none (SPARQL 1.1 Query, section 18.5.1.7)."""
    text = read(query).rewritten(query)
    assert text.startswith(rewritten)
    found = pyoxigraph.Store().query(text)
    assert isinstance(found, pyoxigraph.QuerySolutions)
    for row in found:
        assert row is not None
        assert all(term is None or term.language is None for term in row)


def test_a_query_without_concatenation_stays_as_it_is():
    query = "SELECT ?GROUP_CONCAT ('GROUP_CONCAT(' AS ?x) { ?s <http://example.org/GROUP_CONCAT> ?GROUP_CONCAT }"
    assert read(query).rewritten(query) is query


def test_from_makes_a_dataset():
    assert read("ASK FROM <http://a.example/> {}").dataset
    assert read("SELECT*FROM NAMED<http://a.example/>{}").dataset
    assert read("PREFIX e: <http://a.example/> ASK FROMe:g {}").dataset
    assert not read("PREFIX from: <http://a.example/> ASK { ?from from:from 'FROM' }").dataset


def test_less_than_is_no_iri_and_an_iri_is_no_less_than():
    assert read("SELECT * { ?s ?p ?o FILTER(?s<?o&&?o>?s) }").operators == 3
    assert read("ASK { FILTER(?a<=?b&&?c>=?d) }").operators == 3
    assert read("ASK { ?s<http://a.example/#p>?o . VALUES (?x ?y) { (1 <http://a.example/#>) } }").operators == 0
    assert read("ASK { ?s ?p (1 <http://a.example/#x> 'a'<http://a.example/#>) }").items == 4


# --- limits ---


def nested(open_: str, close: str, middle: str = "") -> Callable[[int], str]:
    return lambda n: open_ * n + middle + close * n


def joined(part: str, between: str = "") -> Callable[[int], str]:
    return lambda n: between.join(part.replace("#", str(i)) for i in range(n))


LIMITS = {
    "groups": ("depth", lambda n: f"ASK {nested('{', '}')(n)}"),
    "parentheses": ("depth", lambda n: f"ASK {{ FILTER({nested('(', ')', '1')(n - 2)}) }}"),
    "calls": ("depth", lambda n: f"ASK {{ FILTER({nested('STR(', ')', '1')(n - 2)}) }}"),
    "sub-selects": ("depth", lambda n: f"ASK {{ {nested('{ SELECT * {', '}}')((n - 1) // 2)} }}"),
    "blank nodes": ("depth", lambda n: f"CONSTRUCT {{ ?s ?p {nested('[ ?p ', ']', '1')(n - 1)} }} {{}}"),
    "paths": ("depth", lambda n: f"ASK {{ ?s {nested('(', ')', '<a:a>')(n - 1)} ?o }}"),
    "or": ("operators", lambda n: f"ASK {{ FILTER({joined('1', '||')(n + 1)}) }}"),
    "and": ("operators", lambda n: f"ASK {{ FILTER({joined('1', '&&')(n + 1)}) }}"),
    "sum": ("operators", lambda n: f"ASK {{ FILTER({joined('?x', ' + ')(n + 1)}) }}"),
    "not": ("operators", lambda n: f"ASK {{ FILTER({'!' * n}true) }}"),
    "nested sum": ("operators", lambda n: f"ASK {{ FILTER(({joined('1', '+')(n // 2)}) + (1{'*1' * (n - n // 2)})) }}"),
    "path": ("steps", lambda n: f"ASK {{ ?s {joined('<a:a>', '/')(n + 1)} ?o }}"),
    "alternatives": ("steps", lambda n: f"ASK {{ ?s {joined('<a:a#>', '|')(n + 1)} ?o }}"),
    "path in brackets": ("steps", lambda n: f"ASK {{ ?s (<a:a>{'/<a:a>' * 50})/(<a:a>{'|<a:b>' * (n - 51)}) ?o }}"),
    "triples": ("patterns", lambda n: f"ASK {{ {joined('?s# ?p ?o', ' . ')(n)} }}"),
    "predicates": ("patterns", lambda n: f"ASK {{ ?s {joined('<a:a> ?o#', ' ; ')(n)} }}"),
    "objects": ("patterns", lambda n: f"ASK {{ ?s ?p {joined('?o#', ' , ')(n)} }}"),
    "collection": ("items", lambda n: f"ASK {{ ?s ?p ({joined('?o#', ' ')(n)}) }}"),
    "filters": ("branches", lambda n: f"ASK {{ {joined('FILTER(?x = #)')(n - 1)} }}"),
    "bindings": ("branches", lambda n: f"ASK {{ {joined('BIND(# AS ?x#)')(n)} }}"),
    "unions": ("branches", lambda n: f"ASK {{ {joined('{}', 'UNION')(n)} }}"),
    "columns": ("branches", lambda n: f"SELECT {joined('(# AS ?x#)')(n - 1)} {{}}"),
    "having": ("branches", lambda n: f"SELECT (1 AS ?x) {{}} HAVING {joined('(1)')(n - 2)}"),
    "described": ("branches", lambda n: f"DESCRIBE {joined('<a:a#>', ' ')(n)}"),
    "in": ("choices", lambda n: f"ASK {{ FILTER(?x IN ({joined('#', ',')(n)})) }}"),
    "substr": ("retries", lambda n: f"ASK {{ FILTER({nested('SUBSTR(', ',1)', chr(39) + 'a' + chr(39))(n)}) }}"),
    "regex": ("retries", lambda n: f"ASK {{ FILTER({nested('regex(', ',?x)', '?x')(n)}) }}"),
    "negated brackets": ("retries", lambda n: f"ASK {{ FILTER({nested('!(', ')', '1')(n)}) }}"),
    "annotations": ("retries", lambda n: f"ASK {{ ?s ?p ?o {nested('~ {| ?p ?o ', '|}')(n)} }}"),
    "bytes": ("bytes", "ASK {}".ljust),
    "tokens": ("tokens", lambda n: f"ASK {{ VALUES ?x {{ {'1 ' * (n - 7)}}} }}"),
}  # fmt: skip


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_is_met_and_passed(name):
    rule, text = LIMITS[name]
    limit = getattr(DEFAULT, rule)
    # Items and steps are patterns of their group too: here each is judged alone.
    budget = Budget(patterns=10 * limit) if rule in ("items", "steps") else DEFAULT
    check(text(limit), budget=budget)
    error = refused(text(limit + 2), budget=budget)
    assert (error.rule, error.limit, error.line) == (rule, limit, 1)
    assert error.found is not None
    assert error.found > limit


def test_a_long_list_of_values_is_fine():
    iris = " ".join(f"<http://a.example/id/project/{i}>" for i in range(20_000))
    query = f"SELECT * {{ VALUES ?x {{ {iris} }} ?x ?p ?o }}"
    start = time.perf_counter()
    assert check(query).patterns < 5
    assert time.perf_counter() - start < 1
    rows = " ".join(f"(<a:{i}> '{i}')" for i in range(20_000))
    check(f"SELECT * {{ VALUES (?x ?y) {{ {rows} }} ?x ?p ?o }}")


def test_the_message_for_a_long_in_offers_values():
    assert "VALUES" in str(refused(LIMITS["in"][1](1000)))


def test_joined_groups_count_as_one_and_separate_ones_do_not():
    star = "?s <a:1> ?a ; <a:2> ?b ; <a:3> ?c . "
    many = lambda lead, n: "".join(f"{lead} {{ {star} }} " for _ in range(n))  # noqa: E731 - one shape, five uses
    assert refused(f"ASK {{ {many('', 26)} }}").rule == "patterns"
    assert refused(f"ASK {{ {many('OPTIONAL', 26)} }}").rule == "patterns"
    assert refused(f"ASK {{ {many('GRAPH ?g', 26)} }}").rule == "patterns"
    check(f"ASK {{ {many('MINUS', 40)} }}")
    check(f"ASK {{ {many('FILTER EXISTS', 40)} }}")
    check("ASK { " + " UNION ".join(f"{{ {star} }}" for _ in range(40)) + " }")
    check(f"CONSTRUCT {{ {star * 100} }} WHERE {{ {star} }}")


def test_a_usual_query_stays_far_below_every_limit():
    reading = check(
        """
        PREFIX osai: <https://w3id.org/osai-kg/ontology#>
        PREFIX rdfs: <http://www.w3.org/2000/01/rdf-schema#>
        SELECT ?sector (COUNT(DISTINCT ?project) AS ?projects) (SAMPLE(?label) AS ?name) WHERE {
          VALUES ?stage { osai:A osai:B }
          ?project a osai:Project ; osai:inSector ?sector ; osai:hasSituation/osai:standsAt ?stage .
          ?sector rdfs:label ?label FILTER(LANG(?label) = "en" && !REGEX(?label, "^x", "i"))
          OPTIONAL { ?project osai:currentHost ?host . ?host rdfs:label ?hostName }
          FILTER NOT EXISTS { ?project osai:archived true }
        } GROUP BY ?sector HAVING (COUNT(?project) > 1) ORDER BY DESC(?projects) ?sector LIMIT 10
        """
    )
    for rule in ("depth", "operators", "steps", "patterns", "items", "branches", "choices", "retries"):
        assert getattr(reading, rule) <= getattr(DEFAULT, rule) / 5, rule


ATTACKS = {
    "dots": "." * 900_000,
    "words with dots": "a." * 450_000 + ":a",
    "an endless word": "a" * 900_000,
    "words side by side": "true" * 10 + " " + " ".join("true" * i for i in range(10)) * 20_000,
    "less-than": "FILTER(?a" + "<?a" * 300_000,
    "quotes": "'''\"\"\"" * 150_000,
    "one quote": '"' + "\\u0041" * 150_000,
    "colons": "a:" * 450_000 + "\\#",
    "backslashes": "\\" * 900_000,
    "comments": "#\n" * 450_000,
    "opened": "{([" * 300_000,
    "digits with dots": "1." * 450_000,
}


@pytest.mark.parametrize("name", ATTACKS)
def test_no_text_keeps_the_guard_busy(name):
    start = time.perf_counter()
    with pytest.raises((QuerySyntaxError, QueryRefusedError)):
        check(f"PREFIX a: <http://a.example/#> ASK {{ {ATTACKS[name]}")
    assert time.perf_counter() - start < 3


# --- resolving ---


@pytest.mark.parametrize(
    ("reference", "iri"),
    # RFC 3986, sections 5.4.1 and 5.4.2
    [
        ("g:h", "g:h"), ("g", "http://a/b/c/g"), ("./g", "http://a/b/c/g"), ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"), ("//g", "http://g"), ("?y", "http://a/b/c/d;p?y"), ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q#s"), ("g#s", "http://a/b/c/g#s"), (";x", "http://a/b/c/;x"), ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"), ("./", "http://a/b/c/"), ("..", "http://a/b/"), ("../g", "http://a/b/g"),
        ("../..", "http://a/"), ("../../g", "http://a/g"), ("../../../g", "http://a/g"), ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."), ("..g", "http://a/b/c/..g"), ("./g/.", "http://a/b/c/g/"), ("g/../h", "http://a/b/c/h"),
        ("g;x=1/../y", "http://a/b/c/y"), ("g?y/../x", "http://a/b/c/g?y/../x"), ("g#s/../x", "http://a/b/c/g#s/../x"),
    ],
)  # fmt: skip
def test_references_resolve_as_the_standard_says(reference, iri):
    assert resolve(reference, "http://a/b/c/d;p?q") == iri


@given(
    st.lists(st.sampled_from(["a", "b", "/", "/", ".", "..", "?", "#", ":", "//", "c.d", "%41", "é"]), max_size=8),
    st.sampled_from(["http://a.example/b/c/d?q", "http://a.example", "http://a.example/b/", "http://a.example/#f"]),
)
@settings(max_examples=300, deadline=None)
def test_references_resolve_as_in_the_engine(parts, base):
    reference = "".join(parts)
    query = f"BASE <{base}> SELECT (<{reference}> AS ?x) {{}}"
    try:
        answer = pyoxigraph.Store().query(query)
    except SyntaxError:
        return
    assert isinstance(answer, pyoxigraph.QuerySolutions)
    assert [solution["x"].value for solution in answer] == [resolve(reference, base)]


# --- the engine and the guard read the same ---


class Writer:
    """Writes texts that are mostly queries and mostly nasty: no space where none is needed, lookalikes everywhere."""

    SPACES = ("", "", " ", " ", "\n", "\t", "#c\n", "#SERVICE <x> {\r", "# \" ' < >\n", " #>\n")
    PREFIXES: ClassVar = {
        "ex": "http://a.example/", "": "http://b.example/#", "service": "http://c.example/", "SERVICEex": "http://d.example/",
        "a": "http://e.example/", "true": "http://f.example/", "SILENTex": "http://g.example/", "bad": "http://a:",
        "FILTERex": "http://h.example/", "GRAPHex": "http://i.example/", "FROMex": "http://j.example/", "u": "urn:x:",
    }  # fmt: skip
    LOCALS = (
        "",
        "a",
        "a.b",
        "a.b.SERVICE",
        "%41",
        "\\#x",
        "x\\-y",
        "SERVICE",
        "SERVICEex:x",
        "SERVICEex:x\\#",
        "a:b",
        "\\%S",
    )
    IRIS = (
        "<http://a.example/b>", "<a#b>", "<http://a.example/\\u0041>", "<http://a.example/service>", "<>", "<#>",
        "<http://a.example/\\u+041>", "<?x&&?y>", "<http://[::1]/>",
    )  # fmt: skip
    STRINGS = (
        '"SERVICE <x> {}"', "'''a'b'''", '"""a"#\\uD800"""', '"""a"}SERVICE<http://z.example/>{}#\\uD800"""', '"a\\\\"',
        '""', '""""""', "'#'", '"\\U0001F600"', '"a"@en', '"1"^^<http://x.example/>', "'it\\'s'", "'''\n'''",
        '"""x""y\\""""',
    )  # fmt: skip
    OPERATORS = ("<", "<", "<", "<", ">", "<=", "=", "!=", "&&", "||", "+", "-", "*", "/")
    NUMBERS = ("1", "1.5", "1e5", ".5", "1.e3", "-1", "+ 1")
    VARIABLES = ("?x", "?y", "$z", "?service", "?a1")

    def __init__(self, random: Random) -> None:
        self.random = random
        self.names: list[str] = []
        self.fresh = 0

    def one(self, *choices: str) -> str:
        return self.random.choice(choices)

    def by(self, *weighted: tuple[int, Callable[[], str]]) -> str:
        return self.random.choices([make for _, make in weighted], [weight for weight, _ in weighted])[0]()

    def case(self, word: str) -> str:
        return "".join(self.random.choice((letter.upper(), letter.lower())) for letter in word)

    def join(self, *parts: str) -> str:
        return "".join(part + self.one(*self.SPACES) for part in parts)

    def some(self, make: Callable[[], str], most: int) -> list[str]:
        return [make() for _ in range(self.random.randrange(most + 1))]

    def variable(self) -> str:
        return self.one(*self.VARIABLES)

    def iri(self) -> str:
        return self.one(self.one(*self.IRIS), f"{self.one(*self.names)}:{self.one(*self.LOCALS)}")

    def literal(self) -> str:
        return self.one(self.one(*self.STRINGS), self.one(*self.NUMBERS), "true", "false")

    def new(self) -> str:
        self.fresh += 1
        return f"?n{self.fresh}"

    def term(self) -> str:
        return self.by(
            (6, self.variable), (6, self.iri), (5, self.literal),
            (1, lambda: f"_:b{self.random.randrange(1000)}{self.one('', '.x')}"),
            (1, lambda: self.join("(", self.term(), self.term(), ")")),
            (1, lambda: self.join("[", self.verb(), self.term(), "]")),
        )  # fmt: skip

    def verb(self) -> str:
        return self.by(
            (3, lambda: "a"), (4, self.iri), (1, self.variable),
            (1, lambda: self.join(self.iri(), self.one("/", "|"), self.iri(), self.one("", "*", "?", "+"))),
            (1, lambda: self.join("(", self.iri(), self.one("/", "|", "/^"), self.iri(), ")", self.one("", "*"))),
        )  # fmt: skip

    def operand(self) -> str:
        return self.one(self.variable(), self.iri(), self.literal())

    def expression(self, depth: int = 0) -> str:
        if depth > 2:
            return self.operand()
        inner = lambda: self.expression(depth + 1)  # noqa: E731 - short for the lines below
        return self.by(
            (7, self.operand),
            (6, lambda: self.join(inner(), self.one(*self.OPERATORS), inner())),
            (2, lambda: self.join("(", inner(), ")")),
            (1, lambda: self.join("!", inner())),
            (1, lambda: self.join(self.case(self.one("STR", "isIRI", "ABS", "COALESCE")), "(", inner(), ")")),
            (1, lambda: self.join(self.case(self.one("EXISTS", "NOTEXISTS")), self.group(depth + 1))),
            (1, lambda: self.join(inner(), self.case(self.one("IN", "NOTIN")), "(", inner(), ",", inner(), ")")),
            (1, lambda: self.join(self.iri(), "(", inner(), ")")),
        )  # fmt: skip

    def part(self, depth: int) -> str:
        word, join = self.case, self.join
        group = lambda: self.group(depth + 1)  # noqa: E731 - short for the lines below
        value = lambda: self.one(self.iri(), self.literal(), "UNDEF")  # noqa: E731 - as above
        return self.by(
            (6, lambda: join(self.term(), self.verb(), self.term()) + self.one(".", ".", "", "," + self.term())),
            (4, lambda: join(word("FILTER"), "(", self.expression(), ")")),
            (1, lambda: join(word("FILTER"), self.iri(), "(", self.expression(), ")")),
            (1, lambda: join(word("FILTER"), word("BOUND"), "(", self.variable(), ")")),
            (1, lambda: join(word("BIND"), "(", self.expression(), word("AS"), self.new(), ")")),
            (1, lambda: join(word("VALUES"), "?x", "{", *self.some(value, 4), "}")),
            (1, lambda: join(word("VALUES"), "(", "?x", "?y", ")", "{", "(", value(), value(), ")", "}")),
            (1, lambda: join(word("GRAPH"), self.one(self.iri(), "?g"), group())),
            (2, lambda: join(word(self.one("OPTIONAL", "MINUS", "", "LATERAL")), group())),
            (1, lambda: join(group(), word("UNION"), group())),
            (1, lambda: join("{", word("SELECT"), self.one("*", "?x"), group(), self.one("", "LIMIT5"), "}")),
            (1, lambda: join("{", "SELECT", "*", group(), word("ORDER"), word("BY"), f"({self.expression()})", "}")),
            (4, lambda: join(word("SERVICE"), self.one("", "", "SILENT"), self.one(self.iri(), "?x"), group())),
        )  # fmt: skip

    def group(self, depth: int = 0) -> str:
        return self.join("{", *(self.some(lambda: self.part(depth), 3) if depth < 4 else ()), "}")

    def query(self) -> str:
        declared = self.random.sample(list(self.PREFIXES), self.random.randrange(1, 7))
        keywords = [self.one("SERVICE", "a", "true", "GRAPH", "FILTER") + name for name in declared]
        self.names = [*declared, *declared, *keywords, self.one(*self.PREFIXES)]
        prologue = [self.join(self.case("PREFIX"), f"{name}:", f"<{self.PREFIXES[name]}>") for name in declared]
        form = self.one("ASK", "SELECT*", "CONSTRUCT{?s ?p ?o}", f"DESCRIBE {self.iri()}")
        dataset = self.one("", "", self.join("FROM", self.iri()), self.join("FROM", "NAMED", self.iri()))
        where = self.one("WHERE", "where", "" if not form.startswith("CONSTRUCT") else "WHERE")
        base = self.one("", "BASE<http://base.example/x/y>")
        return self.one(*self.SPACES) + self.join(*prologue, base, form, dataset, where, self.group())


@given(st.randoms(use_true_random=False))
@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_guard_sees_what_the_engine_sees(random):
    query = Writer(random).query()
    seen = engine(query)
    reading = outcome(query)
    if not isinstance(reading, Reading):
        assert seen == "syntax" or getattr(reading, "rule", "") == "ambiguous", reading
        return
    if seen == "service":
        assert reading.services
        with pytest.raises(QueryRefusedError):
            check(query)
    if seen in tuple(Form):
        assert reading.form == seen
    if seen.startswith("other The custom function"):
        assert seen.split("<")[1].split(">")[0] in reading.functions


@given(st.text(alphabet=st.sampled_from("ASK{}<>()\"'\\?:#.ab 1\n-@^&|"), max_size=40))
@settings(max_examples=600, deadline=None)
def test_any_text_is_read_or_refused_and_what_the_engine_accepts_is_read(text):
    query = f"PREFIX : <http://a.example/> ASK {{ {text}"
    seen = engine(query)
    reading = outcome(query)
    if isinstance(reading, Reading):
        assert seen in ("syntax", reading.form) or seen.startswith("other")
    else:
        assert seen == "syntax" or getattr(reading, "rule", "") == "ambiguous", reading


@given(st.characters(exclude_categories=["Cs"]))
@settings(max_examples=300, deadline=None)
def test_no_character_makes_an_iri_in_the_engine_that_the_guard_does_not_read(character):
    query = f"ASK {{ ?s <http://a.example/{character}> ?o }}"
    if engine(query) != "syntax":
        assert read(query).patterns == 1


# --- the W3C's queries ---


@pytest.mark.shared
def test_the_queries_of_the_w3c_are_read_as_the_engine_reads_them(shared: Path) -> None:
    accepted = 0
    for path in sorted((shared / "w3c" / "sparql11").rglob("*.rq")):
        text = path.read_bytes().decode(errors="replace")
        text = f"BASE <http://a.example/>\n{text}"
        seen = engine(text)
        if seen == "syntax":
            continue
        accepted += 1
        reading = read(text)
        assert seen in (reading.form, "service") or seen.startswith("other"), path
        assert bool(reading.services) == ("service" in path.name), path
    assert accepted > 300

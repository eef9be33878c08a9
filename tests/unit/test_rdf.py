"""RDF of strangers: each format, blank nodes, terms of others, and files that are made to do harm."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pyoxigraph
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rdflib import RDF, XSD, Literal, URIRef
from rdflib.namespace import FOAF, VOID

from kg.errors import DriftError, FetchError, SourceError
from kg.model import Assertion, File, Mint, Snapshot
from kg.sources import Issue, IssueList, read_source
from kg.sources.iri import is_iri
from kg.sources.rdf import MAX_BAD_LINES
from kg.vocab import OSAI

MINT = Mint("https://example.org/kg/")
A, B = URIRef("https://data.example/a"), URIRef("https://data.example/b")
NAME = URIRef("https://words.example/name")
PREFIXES = f"@prefix osai: <{OSAI._NS}> . @prefix w: <https://words.example/> . @prefix d: <https://data.example/> .\n"


def run(
    folder: Path, files: Mapping[str, str | bytes], settings: str = "", upstream: str = "ours"
) -> tuple[list[Assertion], list[Issue]]:
    """Load files with a definition beside them."""
    for path, data in files.items():
        (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())
    definition = folder / "theirs.toml"
    definition.write_text(
        f'[source]\nname = "theirs"\ntitle = "RDF of others"\nloader = "rdf"\nupstream = "{upstream}"\n'
        f'licence = "CC0-1.0"\nas-of = 2025-01-31\nfiles = {json.dumps(list(files))}\n[settings]\n{settings}\n'
    )
    source = read_source(definition)
    snapshot = source.bundled()
    assert snapshot is not None
    issues = IssueList("theirs")
    return list(source.load()(source, snapshot, MINT, issues)), issues.issues


def said(found: list[Assertion]) -> list[tuple[object, object, object]]:
    """Give the statements of the files, without what the loader says of the snapshot."""
    return [(one.subject, one.predicate, one.object) for one in found if one.predicate != VOID.vocabulary]


def kinds(issues: list[Issue]) -> list[str]:
    return [issue.kind for issue in issues]


DECLARED = 'vocabularies = ["https://words.example/"]'


# ---- Each format says the same ---------------------------------------------------------------------------------------

TURTLE = (
    PREFIXES + "@prefix x: <http://www.w3.org/2001/XMLSchema#> . "
    'd:a w:name "Aleph"@he ; w:knows d:b . d:b w:size "01"^^x:int .'
)
FORMATS = {
    "x.ttl": TURTLE,
    "x.trig": TURTLE,
    "x.nt": '<https://data.example/a> <https://words.example/name> "Aleph"@he .\n# a remark\n\n'
    "<https://data.example/a> <https://words.example/knows> <https://data.example/b> . # end\r\n"
    '<https://data.example/b><https://words.example/size>"01"^^<http://www.w3.org/2001/XMLSchema#int>.',
    "x.rdf": '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:w="https://words.example/">'
    '<r:Description r:about="https://data.example/a"><w:name xml:lang="he">Aleph</w:name>'
    '<w:knows r:resource="https://data.example/b"/></r:Description><r:Description r:about="https://data.example/b">'
    '<w:size r:datatype="http://www.w3.org/2001/XMLSchema#int">01</w:size></r:Description></r:RDF>',
    "x.jsonld": json.dumps(
        {
            "@context": {"w": "https://words.example/", "int": "http://www.w3.org/2001/XMLSchema#int"},
            "@id": A,
            "w:name": {"@value": "Aleph", "@language": "he"},
            "w:knows": {"@id": B, "w:size": {"@value": "01", "@type": "int"}},
        }
    ),
}  # fmt: skip
FORMATS["x.nq"] = FORMATS["x.nt"]
EXPECTED = {
    (A, NAME, Literal("Aleph", lang="he")),
    (A, URIRef("https://words.example/knows"), B),
    (B, URIRef("https://words.example/size"), Literal("01", datatype=XSD.int, normalize=False)),
}


@pytest.mark.parametrize("path", FORMATS)
@pytest.mark.parametrize("packed", [False, True])
def test_each_format_gives_its_statements_as_they_are_written(path: str, packed: bool, tmp_path: Path) -> None:
    data = FORMATS[path].encode()
    found, issues = run(tmp_path, {path + ".gz": gzip.compress(data)} if packed else {path: data}, DECLARED)
    assert set(said(found)) == EXPECTED
    assert [str(value) for _, _, value in said(found) if isinstance(value, Literal)].count("01") == 1
    assert issues == []


def test_the_format_may_be_told_where_the_name_does_not(tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=r"theirs: dump\.txt: its name does not tell .* \.ttl, .*\[settings\]"):
        run(tmp_path, {"dump.txt": FORMATS["x.ttl"]})
    found, _ = run(tmp_path, {"dump.txt": FORMATS["x.ttl"]}, DECLARED + '\nformat = "turtle"')
    assert set(said(found)) == EXPECTED


def test_a_record_is_a_subject_or_the_lines_of_one(tmp_path: Path) -> None:
    lines = '<d:a> <w:p> "1" .\n<d:a> <w:p> "2" .\n<d:b> <w:p> "3" .\n<d:a> <w:p> "4" .\n'
    files = {"x.nt": lines, "y.ttl": "<d:b> <w:p> 1 . <d:a> <w:p> 2 . <d:b> <w:q> 3 ."}
    found, _ = run(tmp_path, files, 'vocabularies = ["w:"]')
    places = {(one.evidence.number, one.evidence.locator) for one in found}
    assert places == {(1, "x.nt:1"), (2, "x.nt:3"), (3, "x.nt:4"), (4, "y.ttl#<d:b>"), (5, "y.ttl#<d:a>")}


def test_relative_iris_are_below_the_base(tmp_path: Path) -> None:
    files = {"x.ttl": '<thing> <https://words.example/name> "T" .'}
    (one,) = said(run(tmp_path, files, DECLARED + '\nbase = "https://theirs.example/set/"')[0])
    assert one[0] == URIRef("https://theirs.example/set/thing")
    (one,) = said(run(tmp_path, files, DECLARED, upstream="https://theirs.example/other/dump.ttl")[0])
    assert one[0] == URIRef("https://theirs.example/other/thing")
    (one,) = said(run(tmp_path, files, DECLARED)[0])
    assert str(one[0]).startswith("https://example.org/kg/id/snapshot/")


# ---- Blank nodes and graphs ------------------------------------------------------------------------------------------


def test_blank_nodes_are_named_by_snapshot_and_label(tmp_path: Path) -> None:
    found, _ = run(tmp_path, {"x.nt": '_:a <w:p> _:b .\n_:b <w:p> "x" .\n_:é <w:p> "x" .\n'}, 'vocabularies = ["w:"]')
    sha12 = found[0].evidence.snapshot.sha12
    first, second, third = said(found)
    assert first[0] == URIRef(f"https://example.org/kg/id/node/theirs-{sha12}/0/b-a")
    assert first[2] == second[0]
    assert third[0] == URIRef(f"https://example.org/kg/id/node/theirs-{sha12}/0/x-c3a9")


def test_the_same_label_in_two_files_is_two_nodes(tmp_path: Path) -> None:
    found, _ = run(tmp_path, {"x.nt": '_:a <w:p> "x" .', "y.nt": '_:a <w:p> "x" .'})
    assert len({subject for subject, _, _ in said(found)}) == 2


@pytest.mark.parametrize("path", ["x.ttl", "x.jsonld", "x.rdf"])
def test_nodes_without_a_label_have_the_same_names_each_time(path: str, tmp_path: Path) -> None:
    data = {
        "x.ttl": '<d:a> <w:p> [ <w:q> "1" ] , [ <w:q> "2" ] , ("3" "4") .',
        "x.jsonld": '{"@id": "d:a", "w:p": [{"w:q": "1"}, {"w:q": {"@list": ["2", "3"]}}]}',
        "x.rdf": '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:w="w:"><r:Description>'
        '<w:p r:parseType="Resource"><w:q>1</w:q></w:p></r:Description></r:RDF>',
    }[path]
    first, second = run(tmp_path, {path: data}), run(tmp_path, {path: data})
    assert first == second
    assert len({subject for subject, _, _ in said(first[0])}) > 1


def test_names_of_graphs_are_counted_and_all_goes_to_one(tmp_path: Path) -> None:
    quads = '<d:a> <w:p> "1" <g:one> .\n<d:a> <w:p> "2" <g:one> .\n<d:a> <w:p> "3" _:two .\n<d:a> <w:p> "4" .\n'
    found, issues = run(tmp_path, {"x.nq": quads}, 'vocabularies = ["w:"]')
    assert len(said(found)) == 4
    assert [(issue.kind, issue.context["times"], issue.locator) for issue in issues] == [
        ("graph-name", 2, "x.nq:1"), ("graph-name", 1, "x.nq:3"),
    ]  # fmt: skip
    _, issues = run(tmp_path, {"x.trig": '<g:one> { <d:a> <w:p> "1" } <d:a> <w:p> "2" .'}, 'vocabularies = ["w:"]')
    assert kinds(issues) == ["graph-name"]


# ---- Terms -----------------------------------------------------------------------------------------------------------


def test_vocabularies_of_others_are_written_as_data_and_told_unless_declared(tmp_path: Path) -> None:
    data = PREFIXES + 'd:a a w:Thing ; w:name "1" , "2" ; <http://xmlns.com/foaf/0.1/mbox> d:b ; osai:name "A" .'
    found, issues = run(tmp_path, {"x.ttl": data})
    snapshot = MINT.snapshot(found[0].evidence.snapshot)
    namespaces = {(one.subject, one.object) for one in found if one.predicate == VOID.vocabulary}
    assert namespaces == {(snapshot, URIRef("https://words.example/")), (snapshot, URIRef(str(FOAF._NS)))}
    assert [(issue.kind, issue.context["times"]) for issue in issues] == [
        ("undeclared-vocabulary", 3), ("undeclared-vocabulary", 1),
    ]  # fmt: skip
    assert "theirs.toml does not list it" in issues[0].message
    assert len(said(found)) == 5
    assert kinds(run(tmp_path, {"x.ttl": data}, DECLARED)[1]) == ["undeclared-vocabulary"]


def test_a_term_that_our_vocabulary_lacks_is_left_out_and_told(tmp_path: Path) -> None:
    data = PREFIXES + 'd:a a osai:Projekt ; osai:nmae "A" ; osai:name "A" .'
    found, issues = run(tmp_path, {"x.ttl": data})
    assert said(found) == [(A, OSAI.name, Literal("A"))]
    assert [issue.message.partition(",")[0] for issue in issues] == [
        "osai:Projekt is no term of the ontology", "osai:nmae is no term of the ontology",
    ]  # fmt: skip
    assert "did you mean Project" in issues[0].message


def test_what_the_graph_cannot_hold_is_left_out_and_counted(tmp_path: Path) -> None:
    lines = [
        '<no-scheme> <w:p> "relative" .',
        '<d:a> <w:p> "half \\uD800" .',
        '<d:a> <w:p> "x"@a-b-c-d-e .',
        "<d:a> <w:p> <http://[bad/> .",
        '<d:a> <w:p> "x"^^<nothing> .',
        '<d:a> <w:p> "kept" .',
    ]
    found, issues = run(tmp_path, {"x.nt": "\n".join(lines)}, 'vocabularies = ["w:"]')
    assert [value for _, _, value in said(found)] == [Literal("kept")]
    assert kinds(issues) == ["bad-term"] * 5


@given(
    st.text(max_size=12), st.sampled_from(["http://", "https://a", "urn:", "x:/", "http://[::1]", "http://a/?", "x:#"])
)
def test_what_is_taken_for_an_iri_is_one(text: str, start: str) -> None:
    iri = start + text
    if is_iri(iri):
        pyoxigraph.NamedNode(iri)


@pytest.mark.parametrize(
    "iri", ["http://a/b%20c", "http://é.example/ü?q=1#x", "urn:isbn:1", "mailto:x", "http://[::1]:80/", "http://a:8080"]
)
def test_usual_iris_are_taken(iri: str) -> None:
    assert is_iri(iri)


@pytest.mark.parametrize(
    "iri",
    ["", "a", "//a/b", "http://a b/", "http://a/%zz", "http://[::g]/", "http://a:x/", "http://a/<", "1:a", "a:\ud800"],
)
def test_what_is_none_is_refused(iri: str) -> None:
    assert not is_iri(iri)


# ---- Harm ------------------------------------------------------------------------------------------------------------

LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE r:RDF [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(20))
    + ']><r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><r:Description r:about="&u;"/></r:RDF>'
)
OUTSIDE = '<!DOCTYPE r:RDF [<!ENTITY x SYSTEM "file:///etc/hostname">]><r:RDF xmlns:r="r:"/>'


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        ("x.rdf", LAUGHS, r"x\.rdf:1: it declares the entity 'a', and XML entities are not read"),
        ("x.rdf", LAUGHS.encode("utf-16"), "entities are not read"),
        ("x.rdf", OUTSIDE, "declares the entity 'x'"),
        ("x.rdf", "<a><b></a>", r"x\.rdf:1: it is no XML: mismatched tag"),
        (
            "x.jsonld",
            '{"@context": "https://schema.org/", "name": "x"}',
            "context is 'https://schema.org/', which would",
        ),
        ("x.jsonld", '{"@context": ["file:///etc/passwd", {}], "name": "x"}', "would have to be fetched"),
        (
            "x.jsonld",
            '{"@context": {"n": {"@id": "w:n", "@context": "http://127.0.0.1/x"}}, "n": 1}',
            "would have to be",
        ),
        ("x.jsonld", '{"@context": {"@version": 1.1, "@import": "http://127.0.0.1/x"}}', "@import would have to be"),
        ("x.jsonld", "[" * 100_000, "nested too deep"),
        ("x.jsonld", "[" * 500 + "]" * 500, "nested deeper than 200"),
        ("x.jsonld", '{"@id": "d:a", "@id": "d:b"}', "stands twice"),
        ("x.jsonld", '{"@id": ', r"x\.jsonld:1: "),
        ("x.ttl", "<d:a> <w:p> " + "[ <w:p> " * 20_000, "nested too deep"),
        ("x.ttl", "<d:a> <w:p> " + "( " * 20_000, "nested too deep"),
        ("x.ttl", "<d:a>\n<w:p>\n", r"x\.ttl:\d: it is no turtle"),
        ("x.ttl", b'<d:a> <w:p> "\xff" .', "x.ttl"),
        ("x.nt", b'<d:a> <w:p> "a" .\n<d:a> <w:p> "\xff" .', r"x\.nt:2: it is not UTF-8"),
        ("x.nt.gz", gzip.compress(b'<d:a> <w:p> "a" .\n' * 999)[:-20], "its gzip stream is cut"),
        ("x.nt", '<d:a> <w:p> "' + "a" * (1 << 20) + '" .', r"x\.nt:1: the line has more than 1,048,576 bytes"),
        ("x.nt", "this is no dump\n" * (MAX_BAD_LINES + 1), r"x\.nt:101: more than 100 lines are no statement"),
    ],
)
def test_a_file_that_would_do_harm_is_refused_with_its_place(
    path: str, data: str | bytes, why: str, tmp_path: Path
) -> None:
    with pytest.raises(DriftError, match=why) as refused:
        run(tmp_path, {path: data})
    assert "\n" not in str(refused.value)


def test_a_deep_file_of_xml_is_read_without_recursion(tmp_path: Path) -> None:
    deep = 3_000
    data = (
        '<r:RDF xmlns:r="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:w="w:"><r:Description>'
        + "<w:p><r:Description>" * deep
        + "</r:Description></w:p>" * deep
        + "</r:Description></r:RDF>"
    )
    found, _ = run(tmp_path, {"x.rdf": data}, 'vocabularies = ["w:"]')
    assert len(said(found)) == deep


def test_a_line_that_is_no_statement_is_an_issue(tmp_path: Path) -> None:
    lines = '<d:a> <w:p> "1" .\n<d:a> <w:p> "2"\n<d:a> <w:p> "\\q" .\n<d:a> "p" "x" .\n<d:a> <w:p> "5" .\n'
    found, issues = run(tmp_path, {"x.nt": lines}, 'vocabularies = ["w:"]')
    assert [str(value) for _, _, value in said(found)] == ["1", "5"]
    assert [(issue.kind, issue.locator) for issue in issues] == [
        ("bad-line", "x.nt:2"), ("bad-line", "x.nt:3"), ("bad-line", "x.nt:4"),
    ]  # fmt: skip


def test_bytes_that_changed_while_they_were_read_are_told(tmp_path: Path) -> None:
    run(tmp_path, {"x.nt": '<d:a> <w:p> "1" .\n'})
    source = read_source(tmp_path / "theirs.toml")
    stale = Snapshot.of("theirs", [File("x.nt", "0" * 64, 18, tmp_path / "x.nt")])
    with pytest.raises(FetchError, match="changed since its snapshot was taken"):
        list(source.load()(source, stale, MINT, IssueList("theirs")))


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ('vocabulary = ["x:"]', r"\[settings\] vocabulary: the key is unknown; did you mean vocabularies\?"),
        ('vocabularies = ["schema"]', r"\[settings\] vocabularies: 'schema' is no absolute IRI"),
        ('format = "rdfa"', r"\[settings\] format: "),
    ],
)
def test_settings_that_do_not_fit_are_named(settings: str, why: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=rf"theirs\.toml: {why}"):
        run(tmp_path, {"x.nt": ""}, settings)


def test_escapes_are_those_of_the_grammar(tmp_path: Path) -> None:
    lines = (
        '<d:a> <w:p> "a\\tb\\n\\"c\\"\\\\ \\u00e9\\U0001F600" .\n<d:\\u00e9> <w:p> "" .\n<d:a> <w:p> "\\U00110000" .\n'
    )
    found, issues = run(tmp_path, {"x.nt": lines}, 'vocabularies = ["w:"]')
    assert [(str(s), str(o)) for s, _, o in said(found)] == [("d:a", 'a\tb\n"c"\\ é😀'), ("d:é", "")]
    assert kinds(issues) == ["bad-line"]


def test_classes_of_our_vocabulary_need_no_declaration(tmp_path: Path) -> None:
    _, issues = run(tmp_path, {"x.ttl": PREFIXES + 'd:a a osai:Project ; osai:name "A" .'})
    assert issues == []
    found, _ = run(tmp_path, {"x.ttl": PREFIXES + 'd:a a osai:Project ; osai:name "A" .'})
    assert said(found) == [(A, RDF.type, OSAI.Project), (A, OSAI.name, Literal("A"))]

"""Curated TOML: what is refused and how it is named, and the proof of words by offset and hash."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rdflib import RDF, Literal, URIRef
from rdflib.namespace import XSD

from kg.errors import EvidenceError, FetchError, ModelError
from kg.model import Assertion, File, Ledger, LedgerRow, Mint, Snapshot
from kg.sources import IssueList, Source, read_source
from kg.vocab import OSAI

# Two code points beyond ASCII before the span: offsets count code points, hashes count bytes.
TEXT = "Größe: “Half of all models are open”, they say.\r\nNothing else is known.\n"
QUOTE = "Half of all models are open"
START = TEXT.index(QUOTE)
END = START + len(QUOTE)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


SOURCE = """\
[source]
name = "sample"
title = "A sample"
loader = "standoff"
upstream = "ours"
licence = "CC-BY-4.0"
as-of = 2025-01-01
documents = ["page.txt"]
"""
DOCUMENT = f"""
[document]
id = "doc/page"
type = "Document"
name = "Page"
file = "page.txt"
sha256 = "{sha256(TEXT)}"
"""
FINDING = """
[[finding]]
id = "finding/f1"
type = "ShareFinding"
claim = "Half of all models are open."
aboutMeasure = "measure/share-open"
overPopulation = ["population/models"]
epistemicMode = "mode/empirical"
value = "0.50"
unitCode = "1"
boundKind = "bound/point"
"""
STATEMENT = f"""
[[statement]]
id = "statement/page-f1"
expresses = "finding/f1"
fidelity = "fidelity/faithful"
start = {START}
end = {END}
sha256 = "{sha256(QUOTE)}"
"""
LEDGER = Ledger(
    LedgerRow(kind, slug, f"curated:{slug}", "0.1.0")
    for kind, slug in [
        ("doc", "page"),
        ("measure", "share-open"),
        ("org", "meta"),
        ("population", "models"),
        ("study", "poll"),
    ]
)
MINT = Mint("https://example.org/kg/", LEDGER)
Loaded = tuple[list[Assertion], IssueList]


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Loaded]:
    def run(*tables: str, text: bytes | None = TEXT.encode()) -> Loaded:
        return run_in(tmp_path, *tables, text=text)

    return run


def run_in(folder: Path, *tables: str, text: bytes | None) -> Loaded:
    home = folder / "curated"
    home.mkdir(exist_ok=True)
    (home / "sample.toml").write_text("".join((SOURCE, *tables)), encoding="utf-8")
    source: Source = read_source(home / "sample.toml")
    files = [File.of("sample.toml", home / "sample.toml")]
    if text is not None:
        (home / "page.txt").write_bytes(text)
        files.append(File.of("page.txt", home / "page.txt"))
    issues = IssueList("sample")
    snapshot = Snapshot.of("sample", files, curated=True)
    return list(source.load()(source, snapshot, MINT, issues)), issues


def values(assertions: list[Assertion], subject: URIRef) -> dict[URIRef, Any]:
    return {said.predicate: said.object for said in assertions if said.subject == subject}


def line(needle: str, *tables: str) -> int:
    return "".join((SOURCE, *tables)).splitlines().index(needle) + 1


SPAN = MINT.span("page", START, END)


def test_words_come_from_the_document_with_a_little_before_and_after(load):
    assertions, issues = load(DOCUMENT, FINDING, STATEMENT)
    assert values(assertions, SPAN) == {
        RDF.type: OSAI.TextSpan,
        OSAI.inDocument: MINT.id("doc", "page"),
        OSAI.startOffset: Literal(str(START), datatype=XSD.nonNegativeInteger),
        OSAI.endOffset: Literal(str(END), datatype=XSD.nonNegativeInteger),
        OSAI.spanSha256: Literal(sha256(QUOTE)),
        OSAI.exactQuote: Literal("Half of all models are open"),
        OSAI.quotePrefix: Literal("Größe: “"),
        OSAI.quoteSuffix: Literal("”, they say.\r\nNothin"),
    }
    assert not issues.issues


def test_without_the_document_a_span_stands_without_words_and_an_issue_says_how_to_get_it(load):
    assertions, issues = load(DOCUMENT, FINDING, STATEMENT, text=None)
    assert set(values(assertions, SPAN)) == {
        RDF.type,
        OSAI.inDocument,
        OSAI.startOffset,
        OSAI.endOffset,
        OSAI.spanSha256,
    }
    assert values(assertions, MINT.id("finding", "f1"))[OSAI.claim] == Literal("Half of all models are open.")
    (issue,) = issues.issues
    assert issue.kind == "words"
    assert issue.locator == f"sample.toml:{line('[document]', DOCUMENT)}"
    assert "page.txt is not at hand" in issue.message
    assert "kg fetch --from" in issue.message


def test_a_changed_byte_in_a_span_stops_and_names_finding_file_and_line(load):
    with pytest.raises(EvidenceError) as stopped:
        load(DOCUMENT, FINDING, STATEMENT, text=TEXT.replace("Half", "half").encode())
    place = f"sample.toml:{line('[[statement]]', DOCUMENT, FINDING, STATEMENT)}"
    assert f"1 of 1 spans are not the words that were read: finding/f1 ({place})" in str(stopped.value)
    assert "fetch the document that was read" in str(stopped.value)


def test_a_changed_byte_outside_all_spans_stops_too(load):
    with pytest.raises(EvidenceError, match=r"page\.txt: every span holds, but the document is another") as stopped:
        load(DOCUMENT, FINDING, STATEMENT, text=TEXT.replace("Nothing", "nothing").encode())
    assert "finding/f1 (sample.toml:" in str(stopped.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(position=st.integers(0, len(TEXT.encode()) - 1), byte=st.integers(0, 255))
def test_any_one_changed_byte_stops_the_load_and_names_the_finding(tmp_path, position, byte):
    changed = bytearray(TEXT.encode())
    if changed[position] == byte:
        byte ^= 1
    changed[position] = byte
    with pytest.raises(EvidenceError, match=r"finding/f1 \(sample\.toml:\d+\)"):
        run_in(tmp_path, DOCUMENT, FINDING, STATEMENT, text=bytes(changed))


@pytest.mark.parametrize(
    "changed",
    [
        TEXT.replace("\r\n", "\n"),  # a tool that translates line endings
        TEXT[: END - 1],  # cut short
        "",
    ],
)
def test_another_text_under_the_same_name_is_refused(load, changed):
    with pytest.raises(EvidenceError, match="finding/f1"):
        load(DOCUMENT, FINDING, STATEMENT, text=changed.encode())


def test_numbers_keep_their_spelling(load):
    assertions, _ = load(DOCUMENT, FINDING, STATEMENT)
    found = values(assertions, MINT.id("finding", "f1"))[OSAI.value]
    assert found.n3() == '"0.50"^^<http://www.w3.org/2001/XMLSchema#decimal>'


def test_references_become_entities_and_concepts(load):
    assertions, _ = load(DOCUMENT, FINDING, STATEMENT)
    found = values(assertions, MINT.id("finding", "f1"))
    assert found[OSAI.overPopulation] == URIRef("https://example.org/kg/id/population/models")
    assert found[OSAI.epistemicMode] == URIRef("https://example.org/kg/concept/mode/empirical")
    assert found[RDF.type] == OSAI.ShareFinding


def test_each_entry_is_one_record_with_its_line_and_id(load):
    assertions, _ = load(DOCUMENT, FINDING, STATEMENT)
    records = {(said.evidence.number, said.evidence.locator, said.evidence.key) for said in assertions}
    tables = (DOCUMENT, FINDING, STATEMENT)
    assert records == {
        (1, f"sample.toml:{line('[document]', *tables)}", "doc/page"),
        (2, f"sample.toml:{line('[[finding]]', *tables)}", "finding/f1"),
        (3, f"sample.toml:{line('[[statement]]', *tables)}", "statement/page-f1"),
    }


def test_an_event_and_a_situation_get_their_bounds(load):
    assertions, _ = load(
        DOCUMENT,
        '[[event]]\nid = "study/poll"\ntype = "Survey"\nname = "S"\ndate = "2024-08"\nuntil = "2024-09"\n',
        '[[situation]]\nid = "situation/s"\ntype = "Stewardship"\nuntil = "2022-09-12"\n',
    )
    survey = values(assertions, MINT.id("study", "poll"))
    assert str(survey[OSAI.earliestStart]) == "2024-08-01T00:00:00Z"
    assert str(survey[OSAI.latestEnd]) == "2024-09-30T23:59:59Z"
    held = values(assertions, MINT.id("situation", "s"))
    assert str(held[OSAI.earliestEnd]) == "2022-09-12T00:00:00Z"
    assert OSAI.earliestStart not in held


ENTITY = '\n[[entity]]\nid = "org/meta"\ntype = "Company"\n'


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (ENTITY + 'nmae = "Meta"\n', r"entity org/meta: the key 'nmae' is unknown; did you mean name"),
        (ENTITY + 'contradicts = "finding/f1"\n', r"the key 'contradicts' is unknown"),
        (ENTITY.replace("Company", "Compny"), r"'Compny' is no class of the ontology; did you mean Company"),
        (ENTITY.replace("Company", "UmbrellaFoundation"), r"UmbrellaFoundation follows from other facts"),
        (ENTITY + "name = 3\n", r"org/meta: name: .*string"),
        (ENTITY + "governs = []\n", r"governs: an empty list says nothing"),
        (ENTITY + 'name = ["Meta", "Facebook"]\n', r"org/meta: name: "),
        (ENTITY + 'governs = "org/mta"\n', r"org/mta is not in the ledger; did you mean meta\?.*org,mta,curated:mta"),
        (ENTITY + 'governs = "orgs/meta"\n', r"'orgs/meta' is no reference.*did you mean org"),
        (ENTITY + 'governs = "meta"\n', r"'meta' is no reference"),
        (ENTITY.replace("org/meta", "situation/Meta"), r"slug is lower case"),
        (FINDING.replace('"0.50"', "0.50"), r"finding finding/f1: value: .*string"),
        (FINDING.replace('"0.50"', '"half"'), r"finding finding/f1: value: "),
        (FINDING.replace('claim = "Half of all models are open."\n', ""), r"the key 'claim' is missing"),
        (STATEMENT.replace(f"end = {END}\n", ""), r"start, end and sha256 go together"),
        (STATEMENT.replace(f"end = {END}", f"end = {START}"), r"the span \[8, 8\) is empty"),
        (STATEMENT.replace("faithful", "garbled"), r"a garbled statement needs a correctedReading and a note"),
        (
            '\n[[event]]\nid = "event/x"\ntype = "Transfer"\nname = "T"\ndate = "2022-13"\n',
            r"date: .*'2022-13' is no date",
        ),
        (
            '\n[[situation]]\nid = "situation/s"\ntype = "Stewardship"\nsince = "2023"\nuntil = "2022"\n',
            r"ends \(2022\) before it begins \(2023\)",
        ),
    ],
)
def test_an_entry_that_does_not_fit_is_named_with_file_and_line(load, table, said):
    with pytest.raises(ModelError, match=said) as refused:
        load(DOCUMENT, table)
    header = table.strip().splitlines()[0]
    assert f"sample.toml:{line(header, DOCUMENT, table)}: " in str(refused.value)


def test_all_that_does_not_fit_is_said_at_once(load):
    with pytest.raises(ModelError) as refused:
        load(DOCUMENT, ENTITY + 'nmae = "Meta"\n', FINDING.replace('"0.50"', '"half"'))
    assert "nmae" in str(refused.value)
    assert "finding/f1" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_id_may_stand_once(load):
    with pytest.raises(ModelError, match="org/meta stands 2 times"):
        load(DOCUMENT, ENTITY, ENTITY)


def test_an_unknown_table_is_named_with_the_nearest(load):
    with pytest.raises(ModelError, match="the table 'findings' is unknown; did you mean finding"):
        load(DOCUMENT, FINDING.replace("[[finding]]", "[[findings]]"))


def test_a_file_without_its_document_is_refused(load):
    with pytest.raises(ModelError, match=r"one table \[document\]"):
        load(FINDING)


def test_a_header_in_a_text_is_refused_rather_than_counted(load):
    with pytest.raises(ModelError, match="2 lines that open one"):
        load(DOCUMENT, FINDING + 'note = """\n[[finding]]\n"""\n')


def test_a_span_needs_a_document_with_a_file(load):
    without = "\n".join(row for row in DOCUMENT.splitlines() if not row.startswith(("file", "sha256"))) + "\n"
    with pytest.raises(ModelError, match=r"statement/page-f1 has a span, but \[document\] names no file"):
        load(without, FINDING, STATEMENT)


def test_the_file_of_the_document_must_be_one_of_the_source(load):
    with pytest.raises(ModelError, match=r"'other\.txt' is not among the documents of \[source\]"):
        load(DOCUMENT.replace("page.txt", "other.txt"), FINDING, STATEMENT)


def test_a_snapshot_without_the_definition_says_so(tmp_path):
    (tmp_path / "sample.toml").write_text(SOURCE + DOCUMENT, encoding="utf-8")
    source = read_source(tmp_path / "sample.toml")
    with pytest.raises(FetchError, match=r"does not hold sample\.toml"):
        list(source.load()(source, Snapshot.of("sample", []), MINT, IssueList("sample")))

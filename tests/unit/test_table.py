"""Tables by a mapping: what each row makes, what is told of what does not fit, and mistakes in the mapping itself."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from rdflib import RDF, SKOS, XSD, Literal, URIRef

from kg import resources
from kg.errors import DriftError, FetchError, SourceError
from kg.model import Assertion, File, Ledger, Mint, Snapshot
from kg.sources import Issue, IssueList, read_source
from kg.vocab import OSAI, PREFIXES

MINT = Mint("https://example.org/kg/", Ledger.read(resources.curated() / "ledger.csv"))

PROJECTS = """\
[[entity]]
kind = "project"
type = "OpenSourceAIProject"
key = ["{repo|repository}", "homepage:{web|homepage}"]
name = "{name}"

[entity.properties]
homepage = "{web}"
hasRepository = "@repository"
"skos:altLabel" = "{other names|split:;}"

[[entity]]
kind = "repository"
type = "Repository"
key = "{repo|repository}"
"""
ROWS = (
    "name,repo,web,other names\n"
    "Alder,https://github.com/Trees/Alder.git,https://alder.example/,Erle; Aulne\n"
    "Birch,,https://birch.example,\n"
)


def run(
    folder: Path, mapping: str, files: Mapping[str, str | bytes] | None = None, tables: str = ""
) -> tuple[list[Assertion], list[Issue]]:
    """Load files with a definition beside them; the mapping begins at line 10 of the definition."""
    files = {"t.csv": ROWS} if files is None else files
    for path, data in files.items():
        (folder / path).write_bytes(data if isinstance(data, bytes) else data.encode())
    definition = folder / "mine.toml"
    definition.write_text(
        '[source]\nname = "mine"\ntitle = "A table"\nloader = "table"\nupstream = "ours"\nlicence = "CC0-1.0"\n'
        f"as-of = 2025-01-31\nfiles = {json.dumps(list(files))}\n\n{mapping}\n{tables}\n"
    )
    source = read_source(definition)
    snapshot = source.bundled()
    assert snapshot is not None
    issues = IssueList("mine")
    return list(source.load()(source, snapshot, MINT, issues)), issues.issues


def about(found: list[Assertion], name: str) -> dict[str, set[str]]:
    """Give what is said of the thing with a name, by the local names of properties."""
    (subject,) = {one.subject for one in found if one.predicate == OSAI.name and str(one.object) == name}
    said: dict[str, set[str]] = {}
    for one in found:
        if one.subject == subject:
            said.setdefault(str(one.predicate).rpartition("#")[2], set()).add(str(one.object))
    return said


def entity(more: str, kind: str = "project", kind_of: str = "Project") -> str:
    return f'[[entity]]\nkind = "{kind}"\ntype = "{kind_of}"\nkey = "{{name}}"\nname = "{{name}}"\n{more}'


# ---- What a row makes ------------------------------------------------------------------------------------------------


def test_a_row_makes_its_entities_which_refer_to_each_other(tmp_path: Path) -> None:
    found, issues = run(tmp_path, PROJECTS)
    assert issues == []
    repository = URIRef("https://example.org/kg/id/repository/github.com/trees/alder")
    assert about(found, "Alder") == {
        "type": {str(OSAI.OpenSourceAIProject)},
        "name": {"Alder"},
        "homepage": {"https://alder.example/"},
        "hasRepository": {str(repository)},
        "altLabel": {"Erle", "Aulne"},
    }
    assert {(one.predicate, one.object) for one in found if one.subject == repository} == {
        (RDF.type, OSAI.Repository),
        (OSAI.repositoryUrl, Literal("https://github.com/trees/alder", datatype=XSD.anyURI)),
    }
    assert "hasRepository" not in about(found, "Birch")


def test_keys_are_those_by_which_other_sources_know_the_thing(tmp_path: Path) -> None:
    found, _ = run(tmp_path, PROJECTS)
    subjects = {one.subject for one in found if one.predicate == OSAI.name}
    assert subjects == {
        MINT.iri("project", "https://github.com/trees/alder", "Alder"),
        MINT.iri("project", "homepage:birch.example", "Birch"),
    }
    found, _ = run(tmp_path, entity(""), {"t.csv": "name\nAlder\n"})
    assert found[0].subject == MINT.iri("project", "mine:Alder", "Alder")


def test_each_row_is_a_record_at_its_line(tmp_path: Path) -> None:
    found, _ = run(tmp_path, entity(""), {"t.csv": 'name\n"Al\nder"\nBirch\n'})
    assert {(one.evidence.number, one.evidence.locator) for one in found} == {(1, "t.csv:2"), (2, "t.csv:4")}


JSON = '{"name": "Alder", "owner": {"country": "fr", "since": "2021-05"}, "tags": ["a", "b"], "links": [{"url": "https://x.example"}]}\n'


def test_every_format_gives_the_same(tmp_path: Path) -> None:
    import duckdb

    expected = None
    duckdb.connect().execute(
        "COPY (SELECT 'Alder' AS name, 12345 AS n, DATE '2021-05-01' AS day) TO '"
        + str(tmp_path / "made.parquet")
        + "' (FORMAT parquet)"
    )
    files: dict[str, str | bytes] = {
        "t.csv": "name,n,day\nAlder,12345,2021-05-01\n",
        "t.tsv": "name\tn\tday\nAlder\t12345\t2021-05-01\n",
        "t.csv.gz": gzip.compress(b"\xef\xbb\xbfname,n,day\nAlder,12345,2021-05-01\n"),
        "t.jsonl": '{"name": "Alder", "n": 12345, "day": "2021-05-01"}\n',
        "t.parquet": (tmp_path / "made.parquet").read_bytes(),
    }
    mapping = entity('date = "{day}"\n[entity.properties]\n"skos:note" = "{n}"\n', "event", "Acceptance")
    for path, data in files.items():
        found, issues = run(tmp_path, mapping, {path: data})
        said = about(found, "Alder")
        expected = expected or said
        assert said == expected, path
        assert issues == []
    assert expected is not None
    assert (expected["note"], expected["earliestStart"]) == ({"12345"}, {"2021-05-01T00:00:00Z"})


def test_nested_fields_are_named_by_their_path(tmp_path: Path) -> None:
    mapping = entity(
        '[entity.properties]\ninCountry = "{owner.country|country}"\n"skos:altLabel" = "{tags}"\n'
        '"schema:sameAs" = "{links[].url}"\n',
        "org",
        "Company",
    )
    found, issues = run(tmp_path, mapping, {"t.jsonl": JSON})
    said = about(found, "Alder")
    assert said["inCountry"] == {"https://example.org/kg/id/economy/fr"}
    assert said["altLabel"] == {"a", "b"}
    assert said[PREFIXES["schema"] + "sameAs"] == {"https://x.example"}
    assert [(issue.kind, issue.context["field"]) for issue in issues] == [("unknown-field", "owner.since")]


def test_filters(tmp_path: Path) -> None:
    mapping = (
        '[[entity]]\nkind = "situation"\ntype = "Stewardship"\nkey = "{name|slug}-{web|host}"\n'
        'name = "{name|lower} {{x}}"\n'
        'since = "{day|date:%d.%m.%Y}"\nuntil = "{end|date}"\n'
        '[entity.properties]\nstewardRole = "{role|lookup:role}"\n"skos:note" = "{n|number}"\n'
    )
    table = 'name,web,day,end,role,n\nÄ B,https://www.X.example/y,31.12.2021,2023,host,"1,234"\n'
    found, issues = run(tmp_path, mapping, {"t.csv": table}, '[lookups.role]\nhost = "steward-role/legal-host"')
    assert issues == []
    said = about(found, "ä b {x}")
    assert said["stewardRole"] == {"https://example.org/kg/concept/steward-role/legal-host"}
    assert said["note"] == {"1234"}
    assert (said["dateText"], said["latestEnd"]) == ({"2021-12-31/2023"}, {"2023-12-31T23:59:59Z"})
    assert {one.subject for one in found} == {MINT.iri("situation", "mine:a-b-x.example", "ä b {x}")}


def test_things_that_the_world_has_a_code_for_are_called_by_it(tmp_path: Path) -> None:
    mapping = '[[entity]]\nkind = "licence"\ntype = "Licence"\nid = "{spdx}"\nname = "{spdx}"\n'
    found, _ = run(tmp_path, mapping, {"t.csv": "spdx\nApache-2.0\n"})
    assert found[0].subject == URIRef("https://example.org/kg/id/licence/apache-2.0")
    mapping = entity('[entity.properties]\nproducedBy = "org/linux-foundation"\n')
    found, _ = run(tmp_path, mapping, {"t.csv": "name\nAlder\n"})
    assert about(found, "Alder")["producedBy"] == {"https://example.org/kg/id/org/linux-foundation"}


def test_one_thing_has_one_name_and_its_others_are_kept(tmp_path: Path) -> None:
    found, _ = run(tmp_path, PROJECTS, {"t.csv": ROWS + "Old Birch,,https://birch.example,\n"})
    birch = MINT.iri("project", "homepage:birch.example", "Birch")
    assert {str(one.object) for one in found if one.predicate == OSAI.name} == {"Alder", "Birch"}
    assert (birch, SKOS.altLabel, Literal("Old Birch")) in {(o.subject, o.predicate, o.object) for o in found}


# ---- What does not fit -----------------------------------------------------------------------------------------------


def test_a_column_is_mapped_ignored_or_told_once(tmp_path: Path) -> None:
    table = {"t.csv": "name,stars,mail\nAlder,5,x\nBirch,,y\nCedar,7,z\n"}
    _, issues = run(tmp_path, entity(""), table, '[ignore]\nmail = "an address of a person"')
    (issue,) = issues
    assert (issue.kind, issue.locator, issue.context) == ("unknown-field", "t.csv:1", {"field": "stars", "values": 2})


def test_what_is_ignored_is_counted(tmp_path: Path) -> None:
    run(tmp_path, entity(""), {"t.csv": "name,mail\nAlder,x\nBirch,\n"}, '[ignore]\nmail = "an address"')
    source = read_source(tmp_path / "mine.toml")
    snapshot = source.bundled()
    assert snapshot is not None
    issues = IssueList("mine")
    list(source.load()(source, snapshot, MINT, issues))
    assert issues.ignored == {"mail": 1}


@pytest.mark.parametrize(
    ("value", "column", "kind"),
    [
        ("not a link", 'homepage = "{x}"', "bad-value"),
        ("mailto:a", 'homepage = "{x}"', "bad-value"),
        ("oak", 'stewardRole = "{x|lookup:role}"', "unknown-value"),
        ("elsewhere", 'inSector = "{x}"', "bad-value"),
        ("sector/a b", 'inSector = "{x}"', "bad-value"),
        ("org/nobody-knows", 'producedBy = "{x}"', "bad-value"),
        ("France", 'inCountry = "{x|country}"', "unmapped-value"),
        ("many", 'foundedYear = "{x|number}"', "unmapped-value"),
        ("github.com", 'homepage = "{x|repository}"', "unmapped-value"),
        ("<bad>", '"schema:sameAs" = "{x}"', "bad-value"),
    ],
)
def test_a_value_that_does_not_fit_is_an_issue_at_its_line(value: str, column: str, kind: str, tmp_path: Path) -> None:
    mapping = entity(f"[entity.properties]\n{column}\n")
    found, issues = run(
        tmp_path, mapping, {"t.csv": f"name,x\nAlder,\nBirch,{value}\n"}, '[lookups.role]\nhost = "steward-role/host"'
    )
    assert [(issue.kind, issue.locator) for issue in issues] == [(kind, "t.csv:3")]
    assert {one.predicate for one in found} == {RDF.type, OSAI.name}


def test_dates_keys_and_classes_that_do_not_fit_are_issues(tmp_path: Path) -> None:
    mapping = '[[entity]]\nkind = "event"\ntype = "{t}"\nkey = "{name}"\nname = "{name}"\ndate = "{d}"\n'
    _, issues = run(
        tmp_path, mapping, {"t.csv": "name,t,d\nA,Acceptance,2021-13\nB,Acceptence,2021\nC,Acceptance,2021\n"}
    )
    assert [(issue.kind, issue.locator) for issue in issues] == [("bad-date", "t.csv:2"), ("unknown-class", "t.csv:3")]
    _, issues = run(tmp_path, PROJECTS, {"t.csv": "name,repo,web,other names\nAlder,none,none,\n"})
    assert "no-key" in {issue.kind for issue in issues}
    _, issues = run(tmp_path, PROJECTS, {"t.csv": "name,repo,web,other names\n,https://github.com/a/b,,\n"})
    assert [issue.kind for issue in issues] == ["no-name"]


def test_what_stands_for_nothing_may_be_listed(tmp_path: Path) -> None:
    table = {"t.csv": "name,repo,web,other names\nAlder,n/a,https://alder.example,-\n"}
    found, issues = run(tmp_path, PROJECTS, table, '[settings]\nempty = ["n/a", "-"]')
    assert issues == []
    assert "altLabel" not in about(found, "Alder")


# ---- Mistakes in the mapping -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ('homepage = "{web}"', 'hompage = "{web}"', r":17: 'hompage' is no property of the ontology; did you mean hom"),
        ('homepage = "{web}"', 'homepage = "{wep}"', r":17: t\.csv has no column 'wep'; did you mean web\?"),
        ('homepage = "{web}"', 'homepage = "@repository"', r":17: homepage has texts for values, not things such as"),
        ('homepage = "{web}"', 'homepage = "{web"', r":17: '\{web' has a brace without its pair"),
        ('"@repository"', '"@repositry"', r":18: no entity of the row is called 'repositry'; did you mean"),
        ('"@repository"', '"sectr/C"', r":18: 'sectr/C' is no thing: .*; did you mean sector"),
        ('"@repository"', '"org/linux-fundation"', r":18: .* is not in the ledger; did you mean linux-foundation"),
        ("skos:altLabel", "skos:altLable", r":19: .* is no property that we borrow; did you mean skos:altLabel"),
        ("split:;", "spilt:;", r":19: there is no filter 'spilt'; did you mean split\?"),
        ("split:;", "split", r":19: the filter split needs an argument: split:;"),
        ("split:;", "lookup:names", r":19: there is no \[lookups\.names\]"),
        ("split:;", "lower:x", r":19: the filter lower takes no argument"),
        ('kind = "project"', 'kind = "projekt"', r":11: 'projekt' is no kind of entity; did you mean project\?"),
        ('kind = "project"', 'kynd = "project"', r":11: an entity has no key 'kynd'; did you mean kind\?"),
        ('kind = "project"', "", r":10: the entity has no kind"),
        ('kind = "repository"', 'name = "{name}"\nkind = "project"', r"two entities of a row are called 'project'"),
        ("OpenSourceAIProject", "OpenSourceProjekt", r":12: .* is no class; did you mean OpenSourceProject"),
        ("OpenSourceAIProject", "VendorNeutralProject", r":12: .* is no class that is stated; it follows from"),
        ('name = "{name}"', "", r":11: the entity 'project' has no name"),
        ('name = "{name}"', 'name = "{name}"\nid = "x"', r":11: the entity 'project' needs a key, or an id"),
        ('name = "{name}"', 'name = "{name}"\ndate = "{name}"\nsince = "2021"', "date is for an event"),
        ('name = "{name}"', 'name = "{name}"\nfile = "u.csv"', r"'u\.csv' is no file of \[source\]"),
        ('name = "{name}"', "name = 5", r": name: Input should be a valid string"),
    ],
)  # fmt: skip
def test_a_mistake_in_the_mapping_is_named_with_its_line(before: str, after: str, why: str, tmp_path: Path) -> None:
    assert before in PROJECTS
    with pytest.raises(SourceError, match=why) as refused:
        run(tmp_path, PROJECTS.replace(before, after, 1))
    assert str(refused.value).startswith("mine.toml:")
    assert "\n" not in str(refused.value)


def test_a_mapping_must_say_something_and_of_which_file(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"mine\.toml: no \[\[entity\]\] says what a row makes"):
        run(tmp_path, "")
    with pytest.raises(SourceError, match=r"mine\.toml:10: say which file the entity is read from: .* a\.csv, b\.csv"):
        run(tmp_path, entity(""), {"a.csv": "name\nA\n", "b.csv": "name\nB\n"})


def test_each_file_has_its_own_entities(tmp_path: Path) -> None:
    mapping = entity('file = "a.csv"\n') + entity('file = "b.csv"\n', "org", "Company")
    found, issues = run(tmp_path, mapping, {"a.csv": "name\nA\n", "b.csv": "name\nB\n"})
    assert issues == []
    assert [str(one.object) for one in found if one.predicate == RDF.type] == [str(OSAI.Project), str(OSAI.Company)]
    assert [one.evidence.number for one in found] == [1, 1, 2, 2]


# ---- Harm ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "data", "why"),
    [
        ("t.csv", "name\nA,B\n", r"t\.csv:2: 2 fields, where the header has 1"),
        ("t.csv", "name,x\nA\n", r"t\.csv:2: 1 fields, where the header has 2"),
        ("t.csv", "name,name\nA,B\n", r"t\.csv:1: the column 'name' stands twice"),
        ("t.csv", "name\n" + "x" * (1 << 20) + "y\n", r"t\.csv:2: field larger than field limit"),
        ("t.csv", 'name\n"open\n', r"t\.csv:\d: .* the file is cut"),
        ("t.csv", b"name\n\xff\n", r"t\.csv:2: byte 5 is not UTF-8"),
        ("t.csv.gz", gzip.compress(b"name\nA\n")[:-5], "gzip stream is cut"),
        ("t.jsonl", '{"name": "A"}\n[1]\n', r"t\.jsonl:2: the line is no object"),
        ("t.jsonl", '{"name": "A"}\n{"name": \n', r"t\.jsonl:2: "),
        ("t.jsonl", '{"name": ' + "[" * 100_000, r"t\.jsonl:1: it is nested too deep"),
        ("t.parquet", b"PAR1 no such thing PAR1", r"t\.parquet: "),
        ("t.xlsx", b"x", r"t\.xlsx: it is no table that can be read; the endings are"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(path: str, data: str | bytes, why: str, tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=why) as refused:
        run(tmp_path, entity(""), {path: data})
    assert "\n" not in str(refused.value)


def test_an_empty_table_makes_nothing(tmp_path: Path) -> None:
    assert run(tmp_path, entity(""), {"t.csv": "name\n"}) == ([], [])


def test_a_parquet_file_that_changed_since_its_snapshot_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.parquet").write_bytes(b"x")
    with pytest.raises(DriftError):
        run(tmp_path, entity(""), {"t.parquet": b"x"})
    source = read_source(tmp_path / "mine.toml")
    stale = Snapshot.of("mine", [File("t.parquet", "0" * 64, 1, tmp_path / "t.parquet")])
    with pytest.raises(FetchError, match="changed since its snapshot was taken"):
        list(source.load()(source, stale, MINT, IssueList("mine")))


def test_braces_and_bars_in_values_are_plain_text(tmp_path: Path) -> None:
    found, _ = run(tmp_path, entity(""), {"t.csv": "name\n{name|lower}\n@project\n"})
    assert {str(one.object) for one in found if one.predicate == OSAI.name} == {"{name|lower}", "@project"}

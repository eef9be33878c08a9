"""The registry of sources, and what the definition of one may say."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from kg import resources
from kg.errors import SourceError
from kg.sources import Issue, IssueList, Source, choose, read_source, registry

BUNDLED = registry()
LINES = (
    'name = "sample"',
    'title = "A sample"',
    'loader = "standoff"',
    'upstream = "https://example.org/sample"',
    'licence = "CC-BY-4.0"',
    "as-of = 2025-01-31",
)
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a definition: ``without`` the line of a key, ``more`` below [source], ``top`` above it."""

    def run(more: str = "", *, without: str | None = None, top: str = "", name: str = "sample") -> Path:
        lines = [line for line in LINES if without is None or not line.startswith(f"{without} =")]
        path = tmp_path / f"{name}.toml"
        path.write_text("\n".join([top, "[source]", *lines, more]), encoding="utf-8")
        return path

    return run


# ---- What is bundled -------------------------------------------------------------------------------------------------


def test_there_is_one_source_for_each_definition_that_is_bundled() -> None:
    definitions = {path.stem for path in resources.curated().glob("*.toml")}
    definitions |= {path.stem for path in resources.curated().parent.glob("*.toml")}
    assert set(BUNDLED) == definitions
    assert len(BUNDLED) >= 11


@pytest.mark.parametrize("source", BUNDLED.values(), ids=BUNDLED)
def test_a_bundled_source_says_what_it_is(source: Source) -> None:
    assert source.title
    assert source.upstream
    assert re.search(r"[A-Za-z]", source.licence)
    assert date(2000, 1, 1) < source.as_of <= date(2026, 12, 31)
    assert callable(source.load())
    assert source.expect, "totals show that a source drifted"


@pytest.mark.parametrize("source", [s for s in BUNDLED.values() if s.curated], ids=lambda source: source.name)
def test_a_curated_source_is_its_own_snapshot(source: Source) -> None:
    snapshot = source.bundled()
    assert snapshot is not None
    assert snapshot.curated
    assert snapshot.file(f"{source.name}.toml") is not None
    ours = {path for path in source.documents if (source.definition.parent / path).is_file()}
    assert {file.path for file in snapshot.files} == {f"{source.name}.toml"} | ours


def test_sources_come_in_order_of_fusion() -> None:
    order = [(source.order, name) for name, source in BUNDLED.items()]
    assert order == sorted(order)
    assert next(iter(BUNDLED)) == "pytorch-foundation-2022"  # it names PyTorch, Meta and the foundations


# ---- One definition --------------------------------------------------------------------------------------------------


def test_a_definition_is_read(write: Write) -> None:
    path = write(
        'files = ["a.csv", "b/c.csv"]\ndocuments = ["d.txt"]\norder = 7\nnote = "n"\n[expect]\nProject = [1, 2]\n'
        '[lookups.stage]\ngraduated = "stage/graduated"'
    )
    source = read_source(path)
    assert (source.name, source.title, source.loader, source.order, source.note) == (
        "sample", "A sample", "standoff", 7, "n",
    )  # fmt: skip
    assert (source.files, source.documents) == (("a.csv", "b/c.csv"), ("d.txt",))
    assert (source.upstream, source.licence, source.as_of) == (
        "https://example.org/sample", "CC-BY-4.0", date(2025, 1, 31),
    )  # fmt: skip
    assert source.expect == {"Project": (1, 2)}
    assert source.lookups == {"stage": {"graduated": "stage/graduated"}}
    assert (source.definition, source.curated) == (path, False)


def test_what_may_be_left_out_has_a_default(write: Write) -> None:
    source = read_source(write())
    assert (source.files, source.documents, source.order, source.note) == ((), (), 200, None)
    assert (source.expect, source.lookups) == ({}, {})


@pytest.mark.parametrize("key", ["name", "title", "loader", "upstream", "licence", "as-of"])
def test_what_is_missing_is_named(write: Write, key: str) -> None:
    with pytest.raises(SourceError, match=rf"sample\.toml: \[source\] {key}: Field required"):
        read_source(write(without=key))


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ('colour = "red"', r"\[source\] colour: the key is unknown$"),
        ('licnce = "x"', r"\[source\] licnce: the key is unknown; did you mean licence\?"),
        ('files = ["../secret"]', r"\[source\] files: '\.\./secret' must be a path inside the source"),
        ('files = ["a/../../b"]', "must be a path inside the source"),
        ('files = ["/etc/hostname"]', "must be a path inside the source"),
        ('files = ["a\\\\b"]', "must be a path inside the source"),
        ('files = [""]', "must be a path inside the source"),
        ('documents = ["."]', r"\[source\] documents: '\.' must be a path inside the source"),
        ('files = "a.csv"', r"\[source\] files: "),
        ('order = "first"', r"\[source\] order: "),
        ("[expect]\nProject = 5", r"\[expect\] Project must be \[least, most\], not 5"),
        ("[expect]\nProject = [5]", r"\[expect\] Project must be \[least, most\], not \[5\]"),
        ("[expect]\nProject = [5, 4]", r"must be \[least, most\], not \[5, 4\]"),
        ("[expect]\nProject = [-1, 4]", r"must be \[least, most\], not \[-1, 4\]"),
        ('[expect]\nProject = ["1", "4"]', r"must be \[least, most\]"),
        ("[expect]\nProject = [1.5, 4.0]", r"must be \[least, most\]"),
        ("[expect]\nProyect = [1, 2]", r"\[expect\] Proyect is no class of the ontology; did you mean Project"),
        ("[expect]\nname = [1, 2]", r"\[expect\] name is no class of the ontology"),
        ("[source]", r"sample\.toml: Cannot declare"),
        ("title =", r"sample\.toml: "),
    ],
)
def test_what_does_not_fit_is_named_with_file_and_key(write: Write, more: str, said: str) -> None:
    with pytest.raises(SourceError, match=said) as refused:
        read_source(write(more))
    assert str(refused.value).startswith("sample.toml: ")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("table", ["expect", "lookups"])
def test_a_value_where_a_table_must_stand_is_refused(write: Write, table: str) -> None:
    with pytest.raises(SourceError, match=rf"sample\.toml: {table} must be a table, not 5"):
        read_source(write(top=f"{table} = 5"))


def test_a_file_without_the_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sample.toml").write_text('name = "sample"')
    with pytest.raises(SourceError, match=r"sample\.toml: the table \[source\] is missing; it says what the source is"):
        read_source(tmp_path / "sample.toml")
    (tmp_path / "sample.toml").write_text("source = 5")
    with pytest.raises(SourceError, match=r"sample\.toml: \[source\]: "):
        read_source(tmp_path / "sample.toml")


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[source\n", b"a = 1\na = 2\n"])
def test_a_file_that_is_no_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "sample.toml").write_bytes(data)
    with pytest.raises(SourceError, match=r"sample\.toml: "):
        read_source(tmp_path / "sample.toml")


def test_a_source_is_called_as_its_file(write: Write) -> None:
    with pytest.raises(SourceError, match=r"other\.toml: \[source\] name is 'sample'; it must be the name of the file"):
        read_source(write(name="other"))


@pytest.mark.parametrize("name", ["Sample", "sam ple", "sample-", "../sample"])
def test_a_name_can_stand_in_an_iri(write: Write, name: str) -> None:
    with pytest.raises(SourceError, match=r"\[source\] name: "):
        read_source(write(f'name = "{name}"', without="name"))


@pytest.mark.parametrize("loader", ["nowhere", "fetch", "edtf"])
def test_a_loader_that_is_not_there_is_told_when_it_is_needed(write: Write, loader: str) -> None:
    source = read_source(write(f'loader = "{loader}"', without="loader"))
    with pytest.raises(SourceError, match=rf"sample\.toml: there is no loader kg\.sources\.{loader}\.load"):
        source.load()


@pytest.mark.parametrize("loader", ["os.path", "../x", "Standoff", ""])
def test_a_loader_is_a_module_of_ours(write: Write, loader: str) -> None:
    with pytest.raises(SourceError, match=r"\[source\] loader: "):
        read_source(write(f'loader = "{loader}"', without="loader"))


def test_files_beside_the_definition_are_bundled_all_or_none(write: Write, tmp_path: Path) -> None:
    source = read_source(write('files = ["a.csv", "b.csv"]'))
    (tmp_path / "a.csv").write_text("1")
    assert source.bundled() is None
    (tmp_path / "b.csv").write_text("2")
    snapshot = source.bundled()
    assert snapshot is not None
    assert [file.path for file in snapshot.files] == ["a.csv", "b.csv"]
    assert not snapshot.curated


def test_a_source_without_files_has_nothing_bundled(write: Write) -> None:
    assert read_source(write()).bundled() is None


# ---- The registry ----------------------------------------------------------------------------------------------------


def test_sources_of_ones_own_join_the_bundled_ones(write: Write, tmp_path: Path) -> None:
    write("order = 1")
    joined = registry(tmp_path)
    assert set(joined) == {*BUNDLED, "sample"}
    assert next(iter(joined)) == "sample"


def test_a_directory_of_ones_own_need_not_be_there(tmp_path: Path) -> None:
    assert registry(tmp_path / "nowhere") == registry() == BUNDLED


def test_no_source_takes_the_name_of_another(write: Write, tmp_path: Path) -> None:
    write('name = "d3-account"', without="name", name="d3-account")
    with pytest.raises(SourceError, match=r"the source 'd3-account' exists already at .*d3-account\.toml"):
        registry(tmp_path)


def test_sources_are_chosen_by_name_in_order_of_fusion() -> None:
    assert choose(BUNDLED, ()) == list(BUNDLED.values())
    chosen = choose(BUNDLED, ("economic-impact-2025", "pytorch-foundation-2022"))
    assert [source.name for source in chosen] == ["pytorch-foundation-2022", "economic-impact-2025"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("economic-impact", "did you mean economic-impact-2025"), ("zzz", r"'zzz'; kg sources lists them")],
)
def test_a_name_that_is_not_there_gets_the_nearest(name: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        choose(BUNDLED, (name,))


def test_issues_are_kept_in_order_with_what_was_at_hand() -> None:
    issues = IssueList("sample")
    issues.warn("first", locator="a:1", value=5)
    issues.warn("second", locator="a:2", kind="words")
    assert issues.issues == [
        Issue("sample", "record", "a:1", "first", {"value": 5}),
        Issue("sample", "words", "a:2", "second", {}),
    ]


# ---- Sources of users ------------------------------------------------------------------------------------------------

LOADER = "def load(source, snapshot, mint, issues):\n    return iter(())\n"


def mine(folder: Path, loader: str, code: str | None) -> Source:
    (folder / "mine.toml").write_text("[source]\n" + "\n".join(LINES).replace("sample", "mine"))
    text = (folder / "mine.toml").read_text().replace('loader = "standoff"', f'loader = "{loader}"')
    (folder / "mine.toml").write_text(text)
    if code is not None:
        (folder / f"{loader}.py").write_text(code)
    return read_source(folder / "mine.toml")


def test_a_loader_may_stand_beside_a_definition_of_ones_own(tmp_path: Path) -> None:
    source = mine(tmp_path, "my_loader", LOADER)
    assert not source.shipped
    assert all(bundled.shipped for bundled in BUNDLED.values())
    assert source.load().__module__.startswith("kg_user_loader_my_loader_")
    assert mine(tmp_path, "standoff", LOADER).load().__module__.startswith("kg_user_loader_"), "one's own comes first"


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, r"mine\.toml: there is no loader kg\.sources\.odd\.load, and no odd\.py stands beside the definition"),
        ("x = 1\n", r"odd\.py has no function load\(source, snapshot, mint, issues\)"),
        ("load = 1\n", r"odd\.py has no function load"),
        ("import nothing_of_this_name\n", r"odd\.py cannot be imported: ModuleNotFoundError: .*nothing_of_this_name"),
        ("def load(:\n", r"odd\.py cannot be imported: SyntaxError"),
    ],
)
def test_a_loader_of_ones_own_that_cannot_be_used_is_told(code: str | None, said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        mine(tmp_path, "odd", code).load()

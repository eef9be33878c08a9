"""Snapshots: taken whole or not at all, kept under their hash, and the last one kept whatever happens."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from kg.errors import FetchError
from kg.sources import Source, fetch, read_source
from kg.sources.fetch import fetch_from, missing_documents, snapshot_of

DEFINITION = """\
[source]
name = "sample"
title = "A sample"
loader = "standoff"
upstream = "ours"
licence = "CC-BY-4.0"
as-of = 2025-01-31
"""


def define(folder: Path, more: str) -> Source:
    folder.mkdir(exist_ok=True)
    (folder / "sample.toml").write_text(DEFINITION + more, encoding="utf-8")
    return read_source(folder / "sample.toml")


@pytest.fixture
def plain(tmp_path: Path) -> Source:
    """A source of two files that must be fetched, and a document that may be."""
    return define(tmp_path / "defined", 'files = ["a.csv", "deep/b.csv"]\ndocuments = ["page.txt"]\n')


@pytest.fixture
def curated(tmp_path: Path) -> Source:
    """A curated source: its definition is bundled, its document is not."""
    return define(tmp_path / "curated", 'documents = ["page.txt"]\n')


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A directory that holds all files of the plain source."""
    return put(tmp_path / "there", {"a.csv": b"1,2\r\n", "deep/b.csv": b"3", "page.txt": b"words"})


def put(folder: Path, contents: dict[str, bytes]) -> Path:
    for path, data in contents.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def held(source: Source, home: Path) -> dict[str, bytes]:
    snapshot = snapshot_of(source, home)
    assert snapshot is not None
    return {file.path: file.read() for file in snapshot.files}


def litter(home: Path) -> list[str]:
    """Give what is in the snapshots of the source besides snapshots and the pointer."""
    names = (path.name for path in (home / "snapshots" / "sample").iterdir())
    return [name for name in names if name != "current" and not (len(name) == 12 and name.isalnum())]


# ---- Taking ----------------------------------------------------------------------------------------------------------


def test_a_snapshot_holds_the_bytes_as_they_were(plain: Source, there: Path, home: Path) -> None:
    taken = fetch_from(plain, [there], home)
    assert (taken.new, taken.missing, taken.source) == (True, (), plain)
    assert held(plain, home) == {"a.csv": b"1,2\r\n", "deep/b.csv": b"3", "page.txt": b"words"}
    by_hand = hashlib.sha256()
    for path, data in (("a.csv", b"1,2\r\n"), ("deep/b.csv", b"3"), ("page.txt", b"words")):
        by_hand.update(f"{path}\0{hashlib.sha256(data).hexdigest()}\n".encode())
    assert taken.snapshot is not None
    assert taken.snapshot.sha256 == by_hand.hexdigest()
    assert taken.snapshot == snapshot_of(plain, home)
    assert (home / "snapshots" / "sample" / taken.snapshot.sha12 / "deep" / "b.csv").read_bytes() == b"3"
    assert litter(home) == []


def test_the_snapshot_is_a_copy(plain: Source, there: Path, home: Path) -> None:
    fetch_from(plain, [there], home)
    shutil.rmtree(there)
    assert held(plain, home)["a.csv"] == b"1,2\r\n"


def test_the_same_bytes_are_no_new_snapshot(plain: Source, there: Path, home: Path) -> None:
    first = fetch_from(plain, [there], home)
    again = fetch_from(plain, [there], home)
    assert (first.new, again.new) == (True, False)
    assert again.snapshot == first.snapshot
    assert litter(home) == []


def test_other_bytes_are_a_new_snapshot_beside_the_old_one(plain: Source, there: Path, home: Path) -> None:
    first = fetch_from(plain, [there], home).snapshot
    put(there, {"a.csv": b"other"})
    second = fetch_from(plain, [there], home)
    assert second.new
    assert first is not None
    assert second.snapshot is not None
    assert held(plain, home)["a.csv"] == b"other"
    assert first.file("a.csv") is not None
    assert (home / "snapshots" / "sample" / first.sha12 / "a.csv").read_bytes() == b"1,2\r\n"


def test_going_back_to_earlier_bytes_goes_back_to_their_snapshot(plain: Source, there: Path, home: Path) -> None:
    first = fetch_from(plain, [there], home)
    put(there, {"a.csv": b"other"})
    fetch_from(plain, [there], home)
    put(there, {"a.csv": b"1,2\r\n"})
    back = fetch_from(plain, [there], home)
    assert (back.new, back.snapshot) == (False, first.snapshot)
    assert held(plain, home)["a.csv"] == b"1,2\r\n"


def test_a_place_under_the_name_of_the_source_comes_first(plain: Source, there: Path, home: Path) -> None:
    put(there, {"sample/a.csv": b"its own"})
    fetch_from(plain, [there], home)
    assert held(plain, home) == {"a.csv": b"its own", "deep/b.csv": b"3", "page.txt": b"words"}


def test_directories_are_asked_in_the_order_given(plain: Source, there: Path, tmp_path: Path, home: Path) -> None:
    first = put(tmp_path / "first", {"a.csv": b"first"})
    fetch_from(plain, [first, there], home)
    assert held(plain, home)["a.csv"] == b"first"
    fetch_from(plain, [there, first], home)
    assert held(plain, home)["a.csv"] == b"1,2\r\n"


def test_a_directory_named_like_a_file_is_no_file(plain: Source, there: Path, tmp_path: Path, home: Path) -> None:
    odd = tmp_path / "odd"
    (odd / "a.csv").mkdir(parents=True)
    taken = fetch_from(plain, [odd, there], home)
    assert taken.snapshot is not None
    assert held(plain, home)["a.csv"] == b"1,2\r\n"


def test_other_files_of_the_directory_are_left_alone(plain: Source, there: Path, home: Path) -> None:
    put(there, {"secret.txt": b"x", "sample/more.csv": b"y"})
    fetch_from(plain, [there], home)
    assert set(held(plain, home)) == {"a.csv", "deep/b.csv", "page.txt"}


def test_a_link_is_followed_once_and_its_bytes_are_kept(plain: Source, there: Path, tmp_path: Path, home: Path) -> None:
    put(tmp_path / "elsewhere", {"a.csv": b"linked"})
    (there / "a.csv").unlink()
    (there / "a.csv").symlink_to(tmp_path / "elsewhere" / "a.csv")
    taken = fetch_from(plain, [there], home).snapshot
    assert taken is not None
    kept = home / "snapshots" / "sample" / taken.sha12 / "a.csv"
    assert not kept.is_symlink()
    put(tmp_path / "elsewhere", {"a.csv": b"changed"})
    assert held(plain, home)["a.csv"] == b"linked"


def test_a_link_to_nowhere_is_a_missing_file(plain: Source, there: Path, home: Path) -> None:
    (there / "a.csv").unlink()
    (there / "a.csv").symlink_to(there / "nowhere")
    taken = fetch_from(plain, [there], home)
    assert (taken.snapshot, taken.missing) == (None, ("a.csv",))


# ---- Documents, and what is bundled ----------------------------------------------------------------------------------


def test_a_document_need_not_be_there(plain: Source, there: Path, home: Path) -> None:
    (there / "page.txt").unlink()
    taken = fetch_from(plain, [there], home)
    assert taken.missing == ("page.txt",)
    assert taken.snapshot is not None
    assert missing_documents(plain, taken.snapshot) == ("page.txt",)
    assert set(held(plain, home)) == {"a.csv", "deep/b.csv"}


def test_a_fetched_document_joins_what_is_bundled(curated: Source, home: Path, there: Path) -> None:
    before = snapshot_of(curated, home)
    assert before is not None
    assert [file.path for file in before.files] == ["sample.toml"]
    assert missing_documents(curated, before) == ("page.txt",)
    taken = fetch_from(curated, [there], home)
    assert taken.snapshot is not None
    assert [file.path for file in taken.snapshot.files] == ["page.txt"], "what is bundled is not fetched"
    after = snapshot_of(curated, home)
    assert after is not None
    assert [file.path for file in after.files] == ["page.txt", "sample.toml"]
    assert after.curated
    assert missing_documents(curated, after) == ()
    assert after.sha256 != before.sha256


def test_what_is_bundled_is_never_taken_from_elsewhere(curated: Source, home: Path, there: Path) -> None:
    put(there, {"sample.toml": b"other", "sample/sample.toml": b"other"})
    fetch_from(curated, [there], home)
    assert held(curated, home)["sample.toml"] == curated.definition.read_bytes()


def test_what_came_to_be_bundled_wins_over_what_was_fetched_before(curated: Source, home: Path, there: Path) -> None:
    fetch_from(curated, [there], home)
    put(curated.definition.parent, {"page.txt": b"ours now"})
    assert held(curated, home)["page.txt"] == b"ours now"


def test_a_source_with_nothing_to_fetch_takes_nothing(tmp_path: Path, home: Path, there: Path) -> None:
    source = define(tmp_path / "curated", "")
    taken = fetch_from(source, [there], home)
    assert (taken.snapshot, taken.missing, taken.new) == (None, (), False)
    assert not home.exists()


# ---- Failures --------------------------------------------------------------------------------------------------------


def test_nothing_is_taken_where_a_file_lacks_and_the_last_snapshot_stays(
    plain: Source, there: Path, tmp_path: Path, home: Path
) -> None:
    fetch_from(plain, [there], home)
    for folder in (put(tmp_path / "half", {"a.csv": b"new"}), put(tmp_path / "none", {"x": b""})):
        taken = fetch_from(plain, [folder], home)
        assert taken.snapshot is None
        assert not taken.new
        assert "deep/b.csv" in taken.missing
        assert held(plain, home)["a.csv"] == b"1,2\r\n"


def test_there_is_no_snapshot_before_the_first_fetch(plain: Source, home: Path) -> None:
    assert snapshot_of(plain, home) is None


def test_a_huge_file_is_refused_and_the_last_snapshot_stays(
    plain: Source, there: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetch_from(plain, [there], home)
    monkeypatch.setattr(fetch, "MAX_FILE_BYTES", 10)
    put(there, {"deep/b.csv": b"x" * 10})
    fetch_from(plain, [there], home)
    put(there, {"deep/b.csv": b"x" * 11})
    with pytest.raises(FetchError, match=r"sample: .*b\.csv has 11 bytes; a file may have 10"):
        fetch_from(plain, [there], home)
    assert held(plain, home)["deep/b.csv"] == b"x" * 10
    assert litter(home) == []


def test_a_home_that_cannot_be_written_is_told(plain: Source, there: Path, home: Path) -> None:
    fetch_from(plain, [there], home)
    put(there, {"a.csv": b"new"})
    pointer = home / "snapshots" / "sample" / "current"
    pointer.unlink()
    pointer.mkdir()  # whatever the reason, the pointer cannot be put there
    (pointer / "x").touch()
    with pytest.raises(FetchError, match=r"sample: .*the last snapshot is kept"):
        fetch_from(plain, [there], home)
    assert litter(home) in ([], [".current"])


def test_a_half_made_snapshot_is_none(plain: Source, there: Path, home: Path) -> None:
    fetch_from(plain, [there], home)
    put(home / "snapshots" / "sample" / ".making-dead", {"a.csv": b"half"})
    assert held(plain, home)["a.csv"] == b"1,2\r\n"
    assert fetch_from(plain, [there], home).new is False


def test_a_half_made_first_snapshot_is_none(plain: Source, home: Path) -> None:
    put(home / "snapshots" / "sample" / ".making-dead", {"a.csv": b"half", "deep/b.csv": b"x"})
    put(home / "snapshots" / "sample" / ("0" * 12), {"a.csv": b"whole", "deep/b.csv": b"x"})
    assert snapshot_of(plain, home) is None, "no pointer names it yet"


def test_a_snapshot_that_is_gone_is_told_and_can_be_fetched_again(plain: Source, there: Path, home: Path) -> None:
    taken = fetch_from(plain, [there], home).snapshot
    assert taken is not None
    shutil.rmtree(home / "snapshots" / "sample" / taken.sha12)
    with pytest.raises(FetchError, match=rf"sample: the snapshot {taken.sha12} is gone from .*; fetch it again"):
        snapshot_of(plain, home)
    assert fetch_from(plain, [there], home).new
    assert held(plain, home)["a.csv"] == b"1,2\r\n"


@pytest.mark.parametrize("pointer", [b"", b"\n", b"..", b"../sample", b"\xff\xfe", b"0" * 11, b"/etc", b"0" * 13])
def test_a_pointer_that_names_no_snapshot_is_told(plain: Source, there: Path, home: Path, pointer: bytes) -> None:
    fetch_from(plain, [there], home)
    (home / "snapshots" / "sample" / "current").write_bytes(pointer)
    with pytest.raises(FetchError, match=r"sample: .*current names no snapshot \(.*\); fetch it again"):
        snapshot_of(plain, home)
    fetch_from(plain, [there], home)
    assert held(plain, home)["a.csv"] == b"1,2\r\n"


def test_a_file_that_was_lost_from_a_snapshot_makes_it_no_snapshot(plain: Source, there: Path, home: Path) -> None:
    taken = fetch_from(plain, [there], home).snapshot
    assert taken is not None
    (home / "snapshots" / "sample" / taken.sha12 / "a.csv").unlink()
    assert snapshot_of(plain, home) is None


def test_a_document_of_another_encoding_is_kept_byte_by_byte(curated: Source, home: Path, tmp_path: Path) -> None:
    data = bytes(range(256))
    fetch_from(curated, [put(tmp_path / "there", {"page.txt": data})], home)
    assert held(curated, home)["page.txt"] == data


def test_a_pipe_is_no_file(plain: Source, there: Path, home: Path) -> None:
    (there / "a.csv").unlink()
    os.mkfifo(there / "a.csv")
    assert fetch_from(plain, [there], home).missing == ("a.csv",)

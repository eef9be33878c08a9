"""Sealed releases: whole or not there, proved byte by byte, and one of them current at every moment."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from kg.errors import ReleaseError
from kg.release import FORMAT, ISSUES, MANIFEST, QUADS, Manifest, Release, Releases, read_release

QUAD = b'<urn:s> <urn:p> "%s" .\n'
CREATED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def fill(folder: Path, version: str, value: str, *, created: datetime = CREATED) -> Manifest:
    """Put the files of a release into ``folder``, and give the manifest that fits them."""
    quads = QUAD % value.encode()
    (folder / QUADS).write_bytes(gzip.compress(quads, mtime=0))
    issue = {"source": "s", "kind": "record", "locator": "s:1", "message": "größe", "context": {}}
    (folder / ISSUES).write_text(json.dumps(issue, ensure_ascii=False) + "\n", encoding="utf-8")
    return Manifest(
        format=FORMAT,
        version=version,
        base="https://example.org/kg/",
        as_of=date(2026, 1, 1),
        ontology="0.1.0",
        software="0.1.0",
        sha256=hashlib.sha256(quads).hexdigest(),
        file_sha256={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.iterdir())},
        counts={"default_triples": 1, "named_triples": 0},
        inferred={},
        answers={"pinned": 0, "as_pinned": 0},
        sources=(),
        created=created,
    )


def seal(releases: Releases, version: str, value: str = "x", *, created: datetime = CREATED) -> Release:
    with releases.making() as folder:
        return releases.seal(folder, fill(folder, version, value, created=created))


def rewrite(release: Release, **changes: Any) -> None:
    """Change the manifest on disk."""
    content = json.loads((release.path / MANIFEST).read_bytes())
    (release.path / MANIFEST).write_text(json.dumps(content | changes))


def hidden(releases: Releases) -> list[str]:
    return sorted(path.name for path in releases.root.iterdir() if path.name.startswith("."))


@pytest.fixture
def releases(tmp_path: Path) -> Releases:
    return Releases(tmp_path)


# ---- Sealing ---------------------------------------------------------------------------------------------------------


def test_a_home_without_releases_has_none(releases: Releases) -> None:
    assert list(releases) == []
    assert releases.current() is None
    with pytest.raises(ReleaseError, match=r"there is no release 'x'; none is sealed yet \(kg build makes one\)"):
        releases.get("x")


def test_what_is_sealed_is_read_back(releases: Releases) -> None:
    sealed = seal(releases, "2026-01-01-aa")
    assert sealed == releases.get("2026-01-01-aa") == next(iter(releases))
    assert sealed.version == "2026-01-01-aa"
    assert sealed.path == releases.root / "2026-01-01-aa"
    assert gzip.decompress(sealed.quads.read_bytes()) == QUAD % b"x"
    assert [issue["message"] for issue in sealed.issues()] == ["größe"]
    assert sealed.manifest.created == CREATED
    sealed.verify()
    assert hidden(releases) == []


def test_a_sealed_release_can_be_read_by_another_user(releases: Releases) -> None:
    assert stat.S_IMODE(seal(releases, "a").path.stat().st_mode) == 0o755


def test_nothing_is_listed_before_it_is_sealed(releases: Releases) -> None:
    with releases.making() as folder:
        manifest = fill(folder, "a", "x")
        (folder / MANIFEST).write_text(manifest.model_dump_json())
        assert list(releases) == []
    assert list(releases) == []


def test_what_fails_on_the_way_leaves_nothing(releases: Releases) -> None:
    def stumble() -> None:
        with releases.making() as folder:
            fill(folder, "a", "x")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        stumble()
    assert list(releases.root.iterdir()) == []


def test_the_same_content_is_sealed_once(releases: Releases) -> None:
    first = seal(releases, "a")
    before = {path.name: path.stat().st_mtime_ns for path in first.path.iterdir()}
    again = seal(releases, "a", created=CREATED + timedelta(days=1))
    assert again == first
    assert again.manifest.created == CREATED, "the first one is kept as it is"
    assert {path.name: path.stat().st_mtime_ns for path in first.path.iterdir()} == before


def test_other_content_under_the_same_name_is_refused(releases: Releases) -> None:
    first = seal(releases, "a", "x")
    with pytest.raises(ReleaseError, match="a release a with other content is sealed already"):
        seal(releases, "a", "y")
    first.verify()
    assert [release.version for release in releases] == ["a"]
    assert hidden(releases) == []


@pytest.mark.parametrize("version", ["", ".", "..", ".hidden", "a/b", "../a", "a b", "-a", "größe", "a\n"])
def test_a_name_that_could_lead_elsewhere_is_refused(releases: Releases, version: str) -> None:
    with pytest.raises(ReleaseError, match="cannot be the name of a release"):
        seal(releases, version)
    assert list(releases.root.iterdir()) == []


def test_what_is_in_the_way_is_named(releases: Releases) -> None:
    (releases.root / "a").mkdir(parents=True)
    (releases.root / "a" / "notes.txt").touch()
    with pytest.raises(ReleaseError, match=r"releases/a is in the way of the new release: .*; move it"):
        seal(releases, "a")
    assert list(releases) == []
    assert hidden(releases) == []


def test_two_builds_of_the_same_at_once_seal_one(releases: Releases) -> None:
    ready = threading.Barrier(2)
    sealed: list[Release] = []

    def one() -> None:
        with releases.making() as folder:
            manifest = fill(folder, "a", "x")
            ready.wait(10)
            sealed.append(releases.seal(folder, manifest))

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [release.path.name for release in sealed] == ["a", "a"]
    assert [release.version for release in releases] == ["a"]
    sealed[0].verify()
    assert hidden(releases) == []


# ---- Which one -------------------------------------------------------------------------------------------------------


@pytest.fixture
def three(releases: Releases) -> Releases:
    for number, version in enumerate(["2026-01-01-aaaa", "2026-01-01-abbb", "2026-02-01-cccc"]):
        seal(releases, version, version, created=CREATED + timedelta(days=number))
    return releases


def test_a_release_is_found_by_its_name_or_the_beginning_of_it(three: Releases) -> None:
    assert three.get("2026-01-01-aaaa").version == "2026-01-01-aaaa"
    assert three.get("2026-02").version == "2026-02-01-cccc"


@pytest.mark.parametrize(
    ("version", "said"),
    [
        ("2026-01", r"'2026-01' fits 2026-01-01-aaaa, 2026-01-01-abbb; "),
        ("", r"'' fits 2026-01-01-aaaa, 2026-01-01-abbb, 2026-02-01-cccc"),
        ("2026-02-01-cccd", r"there is no release '2026-02-01-cccd'; did you mean 2026-02-01-cccc"),
        ("zzz", r"there is no release 'zzz'; sealed are 2026-01-01-aaaa, 2026-01-01-abbb, 2026-02-01-cccc"),
        ("current", r"there is no release 'current'; sealed are "),
        ("../releases/2026-02-01-cccc", "there is no release"),
    ],
)
def test_a_name_that_fits_none_or_many_is_told_with_those_there(three: Releases, version: str, said: str) -> None:
    with pytest.raises(ReleaseError, match=said):
        three.get(version)


def test_a_whole_name_wins_over_what_it_begins(releases: Releases) -> None:
    seal(releases, "a")
    seal(releases, "ab", "y")
    assert releases.get("a").version == "a"


def test_no_release_is_current_before_one_is_promoted(three: Releases) -> None:
    assert three.current() is None
    assert three.promote("2026-02").version == "2026-02-01-cccc"
    current = three.current()
    assert current is not None
    assert current.version == three.get("current").version == "2026-02-01-cccc"
    assert hidden(three) == []


def test_rolling_back_is_promoting_an_older_one(three: Releases) -> None:
    for version in ("2026-02-01-cccc", "2026-01-01-aaaa", "2026-02-01-cccc", "2026-02-01-cccc"):
        three.promote(version)
        current = three.current()
        assert current is not None
        assert current.version == version


def test_the_pointer_is_relative_so_that_a_home_can_be_moved(three: Releases, tmp_path: Path) -> None:
    three.promote("2026-02")
    assert os.readlink(three.root / "current") == "2026-02-01-cccc"


def test_promoting_what_is_not_there_changes_nothing(three: Releases) -> None:
    three.promote("2026-02")
    with pytest.raises(ReleaseError):
        three.promote("nowhere")
    current = three.current()
    assert current is not None
    assert current.version == "2026-02-01-cccc"


def test_a_pointer_to_what_is_gone_is_none(three: Releases) -> None:
    (three.root / "current").symlink_to("nowhere")
    assert three.current() is None


def test_current_resolves_at_every_moment_of_a_promotion(three: Releases) -> None:
    """While one thread promotes to and fro, a reader never finds nothing."""
    three.promote("2026-01-01-aaaa")
    done = threading.Event()
    seen: list[str | None] = []

    def read() -> None:
        while not done.is_set() or not seen:
            current = three.current()
            seen.append(current.version if current else None)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(100):
            three.promote("2026-02-01-cccc" if number % 2 else "2026-01-01-aaaa")
    finally:
        done.set()
        reader.join()
    assert set(seen) <= {"2026-01-01-aaaa", "2026-02-01-cccc"}


# ---- Pruning ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keep", "current", "left"),
    [
        (3, "2026-01-01-aaaa", ["2026-01-01-aaaa", "2026-01-01-abbb", "2026-02-01-cccc"]),
        (2, "2026-02-01-cccc", ["2026-01-01-abbb", "2026-02-01-cccc"]),
        (1, "2026-02-01-cccc", ["2026-02-01-cccc"]),
        (1, "2026-01-01-aaaa", ["2026-01-01-aaaa", "2026-02-01-cccc"]),
        (0, "2026-01-01-abbb", ["2026-01-01-abbb"]),
        (0, None, []),
        (-1, None, []),
    ],
)
def test_the_newest_are_kept_and_the_current_one_always(
    three: Releases, keep: int, current: str | None, left: list[str]
) -> None:
    if current:
        three.promote(current)
    everything = {release.version for release in three}
    removed = three.prune(keep)
    assert [release.version for release in three] == left
    assert set(removed) == everything - set(left)
    assert hidden(three) == []
    if current:
        now = three.current()
        assert now is not None
        assert now.version == current


# ---- What was tampered with ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [QUADS, ISSUES])
@pytest.mark.parametrize("where", ["first", "last", "cut", "longer", "empty"])
def test_one_changed_byte_of_any_file_is_found_and_named(releases: Releases, name: str, where: str) -> None:
    release = seal(releases, "a")
    data = (release.path / name).read_bytes()
    changed = {
        "first": bytes([data[0] ^ 1]) + data[1:],
        "last": data[:-1] + bytes([data[-1] ^ 1]),
        "cut": data[:-1],
        "longer": data + b"\n",
        "empty": b"",
    }[where]
    (release.path / name).write_bytes(changed)
    with pytest.raises(ReleaseError, match=rf"release a: {name} changed after it was sealed; build again or promote"):
        release.verify()


@pytest.mark.parametrize("name", [QUADS, ISSUES])
def test_a_file_that_is_gone_is_named(releases: Releases, name: str) -> None:
    release = seal(releases, "a")
    (release.path / name).unlink()
    with pytest.raises(ReleaseError, match=rf"release a: {name} cannot be read: No such file or directory"):
        release.verify()


@pytest.mark.parametrize(
    "quads",
    [gzip.compress(QUAD % b"forged", mtime=0), b"no gzip", gzip.compress(QUAD % b"x", mtime=0)[:-9], b"\x1f\x8b"],
)
def test_quads_whose_hash_was_forged_too_are_found_by_the_hash_of_the_content(releases: Releases, quads: bytes) -> None:
    release = seal(releases, "a")
    (release.path / QUADS).write_bytes(quads)
    files = dict(release.manifest.file_sha256)
    rewrite(release, file_sha256={**files, QUADS: hashlib.sha256(quads).hexdigest()})
    with pytest.raises(ReleaseError, match=r"release a: (the quads do not have|quads\.nq\.gz cannot be unpacked)"):
        releases.get("a").verify()


def test_a_manifest_with_another_content_hash_is_found(releases: Releases) -> None:
    release = seal(releases, "a")
    rewrite(release, sha256="0" * 64)
    with pytest.raises(ReleaseError, match="the quads do not have the content hash of the manifest"):
        releases.get("a").verify()


def test_a_release_under_another_name_is_found(releases: Releases) -> None:
    release = seal(releases, "a")
    release.path.rename(releases.root / "b")
    with pytest.raises(ReleaseError, match="release a: its directory is called b; name it back"):
        releases.get("b").verify()


@pytest.mark.parametrize("field", [name for name, field in Manifest.model_fields.items() if field.is_required()])
def test_a_manifest_that_lacks_a_field_is_named_with_the_field(releases: Releases, field: str) -> None:
    release = seal(releases, "a")
    content = json.loads((release.path / MANIFEST).read_bytes())
    del content[field]
    (release.path / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(ReleaseError, match=rf"a/manifest\.json: {field}: Field required; build the release again"):
        releases.get("a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the manifest: Invalid JSON"),
        ("{", "the manifest: Invalid JSON"),
        ("[]", "the manifest: "),
        ("\udcff", "the manifest: Invalid JSON"),
        ('{"format": "one"}', "format: "),
        ('{"format": 1, "colour": "red"}', "build the release again"),
    ],
)
def test_a_broken_manifest_is_named(releases: Releases, text: str, said: str) -> None:
    release = seal(releases, "a")
    (release.path / MANIFEST).write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ReleaseError) as refused:
        read_release(release.path)
    assert f"{release.path / MANIFEST}: " in str(refused.value)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_field_of_the_manifest_that_nobody_knows_is_named(releases: Releases) -> None:
    release = seal(releases, "a")
    rewrite(release, colour="red")
    with pytest.raises(ReleaseError, match=r"manifest\.json: colour: "):
        releases.get("a")


def test_another_format_is_told_before_its_other_fields(releases: Releases) -> None:
    release = seal(releases, "a")
    rewrite(release, format=FORMAT + 1, colour="red", base=5)
    with pytest.raises(
        ReleaseError, match=rf"format {FORMAT + 1} is not {FORMAT}, which this version reads; build again"
    ):
        releases.get("a")


def test_a_directory_without_manifest_is_no_release(releases: Releases) -> None:
    (releases.root / "a").mkdir(parents=True)
    assert list(releases) == []
    with pytest.raises(ReleaseError, match=r"there is no release at .*a \(manifest\.json: No such file"):
        read_release(releases.root / "a")


def test_a_broken_release_stands_in_no_others_way(three: Releases) -> None:
    """After an upgrade an old release may have a format that is not read any more."""
    rewrite(three.get("2026-01-01-aaaa"), format=FORMAT + 1)
    three.promote("2026-02-01-cccc")
    seal(three, "2026-03-01-dddd", "new")
    assert three.promote("2026-03").version == "2026-03-01-dddd"
    with pytest.raises(ReleaseError, match="2026-01-01-aaaa/manifest"):
        list(three)


# ---- What builds left ------------------------------------------------------------------------------------------------


@pytest.fixture
def dead() -> int:
    """The number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def alive() -> Iterator[int]:
    """The number of another process that lives."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate()


def test_the_next_build_removes_what_dead_ones_left_and_nothing_of_the_living(
    three: Releases, dead: int, alive: int
) -> None:
    gone = [f".making-{dead}-abc", ".making-abc", f".promote-{dead}-abc", ".pruned-2025-01-01-old"]
    kept = [f".making-{alive}-abc", f".making-{os.getpid()}-abc", f".promote-{alive}-abc"]
    for name in (*gone, *kept):
        (three.root / name).mkdir()
        (three.root / name / QUADS).touch()
    with three.making() as folder:
        assert set(hidden(three)) == {*kept, folder.name}
    assert hidden(three) == sorted(kept)
    assert len(list(three)) == 3


def test_a_directory_in_the_making_names_its_process(releases: Releases) -> None:
    with releases.making() as folder:
        assert folder.name.startswith(f".making-{os.getpid()}-")
        assert list(folder.iterdir()) == []
        with releases.making() as other:
            assert other != folder
            assert folder.is_dir()

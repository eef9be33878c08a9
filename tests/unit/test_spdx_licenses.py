"""The loader of the SPDX licence list, on lists of our own and on the shared one."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from kg.errors import DriftError
from tests.loader_world import Reading

LICENCE: dict[str, Any] = {
    "reference": "https://spdx.org/licenses/Heron-1.0+.html",
    "isDeprecatedLicenseId": True,
    "detailsUrl": "https://spdx.org/licenses/Heron-1.0+.json",
    "referenceNumber": 7,
    "name": "Heron License 1.0 or later",
    "licenseId": "Heron-1.0+",
    "seeAlso": ["ftp://ftp.example.org/heron.txt", "https://spdx.org/licenses/Heron-1.0+.html"],
    "isOsiApproved": False,
    "isFsfLibre": True,
}
EXCEPTION: dict[str, Any] = {
    "reference": "https://spdx.org/licenses/Heron-exception-2.0.html",
    "isDeprecatedLicenseId": False,
    "detailsUrl": "x",
    "referenceNumber": 1,
    "name": "Heron exception",
    "licenseExceptionId": "Heron-exception-2.0",
    "seeAlso": [],
}


def read(folder: Path, licences: Any, exceptions: Any = ()) -> Reading:
    files = {
        "licenses.json": json.dumps({"licenseListVersion": "0", "licenses": licences}),
        "exceptions.json": json.dumps({"licenseListVersion": "0", "exceptions": list(exceptions)}),
    }
    return Reading("spdx-licenses", folder, files)


def test_a_licence_has_identifier_name_approvals_and_addresses(tmp_path: Path) -> None:
    read_ = read(tmp_path, [LICENCE], [EXCEPTION])
    assert read_.about("licence/heron-1.0+") == {
        "type": {"Licence"},
        "spdxId": {"Heron-1.0+"},
        "name": {"Heron License 1.0 or later"},
        "osiApproved": {"false"},
        "fsfLibre": {"true"},
        "spdxDeprecated": {"true"},
        "seeAlso": {"https://spdx.org/licenses/Heron-1.0+.html", "ftp://ftp.example.org/heron.txt"},
    }
    exception = read_.about("exception/heron-exception-2.0")
    assert exception["type"] == {"LicenceException"}
    assert exception["identifier"] == {"Heron-exception-2.0"}
    assert "spdxId" not in exception
    assert read_.kinds_of_issue() == []
    assert read_.ignored == {"detailsUrl": 2, "referenceNumber": 2}


def test_what_the_list_does_not_say_is_not_said(tmp_path: Path) -> None:
    silent = {key: value for key, value in LICENCE.items() if key != "isFsfLibre"}
    assert "fsfLibre" not in read(tmp_path, [silent]).about("licence/heron-1.0+")


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"seeAlso": ["see the box"]}, "no-address"),
        ({"isOsiApproved": "perhaps"}, "not-boolean"),
        ({"smell": "fish"}, "unknown-field"),
        ({"licenseId": None}, "no-key"),
    ],
)
def test_what_cannot_be_mapped_is_an_issue(change: dict[str, Any], kind: str, tmp_path: Path) -> None:
    assert read(tmp_path, [LICENCE | {"licenseId": "Egg"}, LICENCE | change]).kinds_of_issue() == [kind]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"licenses": [', r"licenses\.json:1: "),
        ('{"licenses": {}}', r"licenses\.json: there is no list 'licenses'"),
        ("[]", r"licenses\.json: there is no list 'licenses'"),
        (b'{"licenses": ["\xff"]}', r"licenses\.json:1: byte .* is not UTF-8"),
        (json.dumps({"licenses": [LICENCE, LICENCE | {"licenseId": "HERON-1.0+"}]}), r"HERON-1\.0\+ stands twice"),
        ('{"licenses": [{"name": "a", "name": "b"}]}', "'name' stands twice"),
        ('{"licenses": ' + "[" * 100_000, r"licenses\.json:1: "),
    ],
)
def test_a_file_that_is_no_list_stops_the_load(content: str | bytes, message: str, tmp_path: Path) -> None:
    with pytest.raises(DriftError, match=message):
        Reading("spdx-licenses", tmp_path, {"licenses.json": content, "exceptions.json": '{"exceptions": []}'})


@pytest.mark.shared
def test_the_shared_list_is_whole(shared: Path) -> None:
    read_ = Reading.shared("spdx-licenses", shared)
    raw = json.loads((shared / "data/spdx-licenses/licenses.json").read_text("utf-8"))["licenses"]
    licences = read_.things("Licence")
    assert (len(licences), len(read_.things("LicenceException"))) == (699, 79)
    for term, field in (("osiApproved", "isOsiApproved"), ("fsfLibre", "isFsfLibre")):
        found = Counter(value for thing in licences for value in read_.about(thing).get(term, ()))
        assert found["true"] == sum(entry.get(field) is True for entry in raw)
        assert found["false"] == sum(entry.get(field) is False for entry in raw)
    assert read_.issues == []

"""Every test of the W3C SPARQL 1.1 suite, through HTTP against ``kg serve --writable``.

What fails is listed in ``known-failures.csv`` with the layer that causes it, the reason, and the report upstream where
there is one. A test that is listed and passes fails this suite, as one does that fails and is not listed.
"""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bench.servers import SCRIPTS, Server, free_port, running
from tests.conftest import shared_directory
from tests.w3c.endpoints import hosted
from tests.w3c.manifests import Case, Section, read_suite
from tests.w3c.runner import Service, Unmet, run

pytestmark = pytest.mark.shared

_CREDENTIAL = "the-writer-of-the-w3c-tests"
_LAYERS = ("engine", "guard", "service")
# No more tests may fail than these; when one is mended, the number goes down with its line.
_MOST_FAILURES = 10


def _suite() -> list[Case]:
    shared = shared_directory()
    return [] if shared is None else list(read_suite(shared / "w3c" / "sparql11"))


def _known_failures() -> dict[str, dict[str, str]]:
    with Path(__file__).with_name("known-failures.csv").open(newline="", encoding="utf-8") as file:
        return {row["test"]: row for row in csv.DictReader(file)}


SUITE = _suite()
KNOWN_FAILURES = _known_failures()


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("w3c")
    server = Server("kg serve", free_port(), "/sparql")
    command = [str(SCRIPTS / "kg"), "serve", "--port", str(server.port), "--writable", str(folder / "workspace")]
    # Each write ends in workers of a new state: the fewer there are, the sooner it is answered.
    settings = {"KG_HOME": str(folder / "home"), "KG_TOKEN": _CREDENTIAL, "KG_WORKERS": "1"}
    with hosted(folder) as endpoints:
        settings["KG_SERVICES"] = " ".join(endpoints.addresses.values())
        with running(server, command, folder / "log", seconds=60, env=settings):
            address = f"http://127.0.0.1:{server.port}"
            service = Service(address, "/sparql", "/update", "/graphs", token=_CREDENTIAL, endpoints=endpoints)
            yield service
            service.close()


def _parameters() -> Iterator[object]:
    for case in SUITE:
        known = KNOWN_FAILURES.get(case.label)
        marks = [pytest.mark.xfail(raises=Unmet, reason=f"{known['layer']}: {known['reason']}")] if known else []
        yield pytest.param(case, id=case.label, marks=marks)


@pytest.mark.parametrize("case", list(_parameters()))
def test_w3c(case: Case, service: Service, record_property: Callable[[str, object], None]) -> None:
    record_property("W3C section", case.section.value)
    run(case, service)


def test_the_suite_is_whole() -> None:
    """The numbers are those of the manifests, counted by hand: what is not read cannot fail."""
    assert Counter(case.section for case in SUITE) == {
        Section.QUERY: 225,
        Section.FORMATS: 10,
        Section.UPDATE: 94,
        Section.SYNTAX: 169,
        Section.SERVICE: 7,
        Section.PROTOCOL: 34,
        Section.GRAPH_STORE: 13,
        Section.DESCRIPTION: 3,
    }
    assert len({case.label for case in SUITE}) == len(SUITE)


def test_the_list_of_failures_says_why_and_only_grows_shorter() -> None:
    assert KNOWN_FAILURES.keys() <= {case.label for case in SUITE}
    assert all(known["layer"] in _LAYERS and known["reason"] for known in KNOWN_FAILURES.values())
    assert len(KNOWN_FAILURES) == _MOST_FAILURES

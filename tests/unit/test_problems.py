"""The table from errors to problems."""

from __future__ import annotations

import inspect
import json

import pytest

from kg import errors
from kg.errors import (
    AnswerTooLargeError,
    CatalogueError,
    KgError,
    QueryRefusedError,
    QuerySyntaxError,
    QueueFullError,
    StoreError,
    StoreUnavailableError,
)
from kg.web.problems import KINDS, internal, problem, problem_of, problem_of_status

BASE = "https://w3id.org/osai-kg/"


def test_every_error_of_a_store_has_a_place() -> None:
    """What a store's contract names must never reach a client as an unexplained 500."""
    named = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, StoreError)]
    for kind in named:
        if kind is StoreError or kind.__name__ == "LoadError":  # the root; and what only loading raises
            continue
        error = kind.__new__(kind)
        error.args = ("what went wrong",)
        if isinstance(error, QueryRefusedError):
            error.rule = "depth"
        if isinstance(error, QueueFullError):
            error.retry_after = 1
        assert problem_of(error) is not None, kind.__name__


def test_an_error_outside_the_table_is_nothing_a_client_may_see() -> None:
    assert problem_of(KgError("inside")) is None
    assert problem_of(ValueError("inside")) is None


@pytest.mark.parametrize(
    ("rule", "name", "status"),
    [
        ("service", "service-refused", 403),
        ("update", "update-refused", 400),
        ("depth", "query-refused", 400),
        ("bytes", "query-refused", 400),
    ],
)
def test_a_refusal_is_told_by_its_rule(rule: str, name: str, status: int) -> None:
    told = problem_of(QueryRefusedError("no", rule=rule, line=3, column=7, limit=10, found=11))
    assert told is not None
    assert (told.kind.name, told.kind.status) == (name, status)
    assert told.members == {"rule": rule, "line": 3, "column": 7, "limit": 10, "found": 11}


def test_what_a_program_can_act_on_is_a_member() -> None:
    syntax = problem_of(QuerySyntaxError("expected }", line=2, column=5))
    large = problem_of(AnswerTooLargeError(1000))
    assert syntax is not None
    assert large is not None
    assert syntax.members == {"line": 2, "column": 5}
    assert large.members == {"cap": 1000}


def test_the_address_of_a_store_is_not_told() -> None:
    told = problem_of(StoreUnavailableError("nothing listens at 10.0.0.1"))
    assert told is not None
    assert "10.0.0.1" not in told.as_json(BASE).decode()


def test_a_problem_is_written_as_rfc_9457_says() -> None:
    told = problem("bad-parameter", "say it “once” <b>", parameter="query")
    body = json.loads(told.as_json(BASE))
    assert body == {
        "type": f"{BASE}problem/bad-parameter",
        "title": KINDS["bad-parameter"].title,
        "status": 400,
        "detail": "say it “once” <b>",
        "how": KINDS["bad-parameter"].how,
        "request": told.id,
        "parameter": "query",
    }


def test_each_request_has_its_own_identifier() -> None:
    assert len({internal().id for _ in range(100)}) == 100


def test_every_kind_says_what_and_how_to_mend() -> None:
    for name, kind in KINDS.items():
        assert kind.name == name
        assert 400 <= kind.status <= 599
        assert not kind.title.endswith(".")
        assert kind.how.endswith(".")


@pytest.mark.parametrize(("status", "name"), [(404, "not-found"), (405, "method-not-allowed"), (418, "bad-request")])
def test_a_status_of_the_framework_keeps_its_number(status: int, name: str) -> None:
    told = problem_of_status(status, "why")
    assert (told.kind.status, told.kind.name) == (status, name)


def test_a_catalogue_error_is_the_askers() -> None:
    told = problem_of(CatalogueError("there is no query x"))
    assert told is not None
    assert told.kind.status == 400

"""What a log line holds, and what it never holds."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest

from kg import telemetry


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger("kg")
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


def test_json_is_one_object_a_line() -> None:
    out = io.StringIO()
    telemetry.configure("json", stream=out)
    telemetry.logger("web").info("request refused", status=404, path="/größe\n")
    (line,) = out.getvalue().splitlines()
    told = json.loads(line)
    assert (told["event"], told["status"], told["path"]) == ("request refused", 404, "/größe\n")
    assert (told["logger"], told["level"]) == ("kg.web", "info")
    assert told["timestamp"].endswith("Z")


def test_parts_that_know_only_the_standard_library_are_heard_alike() -> None:
    out = io.StringIO()
    telemetry.configure("json", stream=out)
    logging.getLogger("kg.store.workers").warning("worker %d ended", 7)
    told = json.loads(out.getvalue())
    assert (told["event"], told["logger"]) == ("worker 7 ended", "kg.store.workers")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_trace_holds_no_local_variables(log_format: str) -> None:
    out = io.StringIO()
    telemetry.configure("json" if log_format == "json" else "console", stream=out)

    def fail() -> None:
        query = "SELECT secret"
        raise RuntimeError(str(len(query)))

    try:
        fail()
    except RuntimeError as error:
        telemetry.logger("web").error("request failed", exc_info=error)
    assert "RuntimeError" in out.getvalue()
    assert "SELECT secret" not in out.getvalue().replace('query = "SELECT secret"', "")


def test_a_second_set_up_replaces_the_first() -> None:
    first, second = io.StringIO(), io.StringIO()
    telemetry.configure("json", stream=first)
    telemetry.configure("json", stream=second)
    telemetry.logger("web").warning("once")
    assert first.getvalue() == ""
    assert len(second.getvalue().splitlines()) == 1


def test_requests_that_went_well_are_lines_of_debug_only() -> None:
    out = io.StringIO()
    telemetry.configure("json", stream=out)
    telemetry.logger("web").debug("request")
    assert out.getvalue() == ""
    telemetry.configure("json", stream=out, level=logging.DEBUG)
    telemetry.logger("web").debug("request")
    assert "request" in out.getvalue()


def test_a_query_is_logged_by_hash_and_length() -> None:
    text = "SELECT * WHERE { ?s ?p 'größe' }"
    told = telemetry.fingerprint(text)
    assert told["query_length"] == len(text)
    assert "SELECT" not in json.dumps(told)
    assert told == telemetry.fingerprint(text) != telemetry.fingerprint(text + " ")
    assert telemetry.fingerprint("\ud800")["query_length"] == 1


def test_what_strangers_send_is_text_on_a_console() -> None:
    out = io.StringIO()
    telemetry.configure("console", stream=out)
    telemetry.logger("web").info("request refused", path="/id/größe\x1b[31m\r\n2026 [error] forged\x9b\u202e")
    (line,) = out.getvalue().splitlines()
    assert r"größe\x1b[31m\r\n2026 [error] forged\x9b\u202e".replace("\\", "") in line.replace("\\", "")
    assert not set(line) & set("\x1b\r\x9b\u202e")

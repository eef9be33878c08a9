"""Reading a request of the SPARQL Protocol: whatever bytes arrive, it is read or refused with a problem."""

from __future__ import annotations

import contextlib
import io
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kg.web.problems import Problem
from kg.web.protocol import FORM
from kg.web.sparql import QUERY, Asked, read

CAP = 2000


def environ(
    method: str = "GET", address: bytes | str = "", body: bytes = b"", content_type: str = ""
) -> dict[str, Any]:
    raw = address.encode() if isinstance(address, str) else address
    return {
        "REQUEST_METHOD": method,
        "QUERY_STRING": raw.decode("latin-1"),  # as WSGI hands it on
        "CONTENT_TYPE": content_type,
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
    }


@given(
    query=st.text(max_size=100).filter(bool),
    default=st.lists(st.text(max_size=20), max_size=3),
    named=st.lists(st.text(max_size=20), max_size=3),
)
def test_three_ways_to_send_are_read_alike(query: str, default: list[str], named: list[str]) -> None:
    dataset = [("default-graph-uri", name) for name in default] + [("named-graph-uri", name) for name in named]
    everything = urlencode([("query", query), *dataset], errors="surrogatepass")
    expected = Asked(query, tuple(default), tuple(named))
    assert read(environ(address=everything), CAP * 10) == expected
    assert read(environ("POST", "", everything.encode(), FORM), CAP * 10) == expected
    assert read(environ("POST", urlencode(dataset), query.encode(), QUERY), CAP * 10) == expected


@given(
    method=st.sampled_from(["GET", "HEAD", "POST"]),
    address=st.binary(max_size=100),
    body=st.binary(max_size=100),
    content_type=st.one_of(st.sampled_from([FORM, QUERY, f"{FORM};charset=utf-8"]), st.text(max_size=40)),
)
def test_any_bytes_are_read_or_refused(method: str, address: bytes, body: bytes, content_type: str) -> None:
    with contextlib.suppress(Problem):
        asked = read(environ(method, address, body, content_type), CAP)
        assert method != "POST" or asked.query is not None, "a POST is never answered with the service description"
        (asked.query or "").encode()  # no half of a surrogate pair came in


@given(st.binary(min_size=1, max_size=60))
def test_a_direct_query_is_the_body_itself(body: bytes) -> None:
    try:
        text: str | None = body.decode()
    except UnicodeDecodeError:
        text = None
    if text is None:
        with pytest.raises(Problem) as raised:
            read(environ("POST", "", body, QUERY), CAP)
        assert raised.value.kind.name == "bad-encoding"
    else:
        assert read(environ("POST", "", body, QUERY), CAP).query == text


@pytest.mark.parametrize("length", ["-1", "1e3", "+5", "５", "0x10", " "])
def test_a_length_that_is_no_number_is_400(length: str) -> None:
    with pytest.raises(Problem) as raised:
        read(environ("POST", "", b"ASK{}", QUERY) | {"CONTENT_LENGTH": length}, CAP)
    assert raised.value.kind.name == "bad-request"


def test_a_body_shorter_than_it_says_is_400() -> None:
    with pytest.raises(Problem) as raised:
        read(environ("POST", "", b"ASK{}", QUERY) | {"CONTENT_LENGTH": "6"}, CAP)
    assert raised.value.kind.status == 400


def test_no_more_is_read_than_the_length_says() -> None:
    assert read(environ("POST", "", b"ASK{} # the next request", QUERY) | {"CONTENT_LENGTH": "5"}, CAP).query == "ASK{}"


def test_a_body_without_length_is_read_only_where_the_server_ends_it() -> None:
    request = environ("POST", "", b"ASK{}", QUERY)
    del request["CONTENT_LENGTH"]
    assert read(request, CAP).query == ""
    request["wsgi.input_terminated"] = True
    assert read(request, CAP).query == "ASK{}"


@pytest.mark.parametrize(("size", "refused"), [(CAP, False), (CAP + 1, True)])
def test_the_cap_is_met_exactly(size: int, refused: bool) -> None:
    for ended in (False, True):
        request = environ("POST", "", b"#" * size, QUERY)
        if ended:
            del request["CONTENT_LENGTH"]
            request["wsgi.input_terminated"] = True
        if refused:
            with pytest.raises(Problem) as raised:
                read(request, CAP)
            assert (raised.value.kind.status, raised.value.members["limit"]) == (413, CAP)
        else:
            assert len(read(request, CAP).query or "") == size

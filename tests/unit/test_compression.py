"""Content codings: which is chosen, that bodies survive it, and that none is a bomb."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from kg.web.compression import CODINGS, choose_coding, compress, compressible, read_body
from kg.web.problems import Problem

DECODERS = {"gzip": gzip.decompress, "zstd": lambda body: zstandard.ZstdDecompressor().decompress(body)}


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        (None, ""),
        ("", ""),
        ("gzip", "gzip"),
        ("x-gzip", "gzip"),
        ("GZip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd"),
        ("zstd;q=0.5, gzip", "gzip"),
        ("gzip;q=0.5, zstd;q=0.5", "zstd"),
        ("*", "zstd"),
        ("zstd;q=0, *", "gzip"),
        ("*;q=0", ""),
        ("gzip;q=0", ""),
        ("identity", ""),
        ("identity, gzip;q=0.5", ""),
        ("identity;q=0.5, gzip", "gzip"),
        ("identity;q=0", ""),
        ("identity;q=0, gzip;q=0.001", "gzip"),
        ("br, deflate", ""),
        ("gzip;q=nonsense", ""),
        ("gzip;q=7", ""),
        ("gzip ; Q=0.4 , zstd ; q=0.3", "gzip"),
        (";;,,=", ""),
    ],
)
def test_the_coding_is_what_the_client_likes_best(accepted: str | None, coding: str) -> None:
    assert choose_coding(accepted) == coding


QUALITY = st.integers(0, 1000).map(lambda thousandths: f"{thousandths / 1000:.3f}")
CODES = st.dictionaries(st.sampled_from(["gzip", "zstd", "br", "identity", "*"]), QUALITY, min_size=1)


@given(CODES, st.randoms())
def test_the_choice_is_allowed_and_none_is_liked_better(codes: dict[str, str], random: object) -> None:
    parts = [f"{name};q={quality}" for name, quality in codes.items()]
    getattr(random, "shuffle")(parts)  # noqa: B009  (hypothesis types its random as object)
    chosen = choose_coding(", ".join(parts))
    likes = {name: float(codes.get(name, codes.get("*", "0"))) for name in CODINGS}
    if chosen:
        assert likes[chosen] == max(likes.values()) > 0
        assert likes[chosen] >= float(codes.get("identity", "0"))
    else:
        assert max(likes.values()) == 0 or max(likes.values()) < float(codes.get("identity", "0"))


@given(st.text(max_size=400))
def test_any_header_gives_some_choice(accepted: str) -> None:
    assert choose_coding(accepted) in ("", *CODINGS)


@given(st.binary(max_size=5000), st.sampled_from(CODINGS))
def test_a_body_survives_and_its_coding_is_always_the_same(body: bytes, coding: str) -> None:
    coded = compress(body, coding)
    assert DECODERS[coding](coded) == body
    assert compress(body, coding) == coded


@pytest.mark.parametrize(
    ("content_type", "fits"),
    [
        ("text/turtle; charset=utf-8", True),
        ("application/sparql-results+json", True),
        ("application/rdf+xml", True),
        ("image/svg+xml", True),
        ("application/N-Quads", True),
        ("image/png", False),
        ("application/gzip", False),
        ("application/octet-stream", False),
        ("font/woff2", False),
        ("", False),
    ],
)
def test_what_is_compressed_in_itself_is_not_coded(content_type: str, *, fits: bool) -> None:
    assert compressible(content_type) is fits


def received(body: bytes, coding: str | None = None, most: int = 10_000, **environ: object) -> bytes:
    said = {} if coding is None else {"HTTP_CONTENT_ENCODING": coding}
    return read_body({"CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), **said, **environ}, most)


@given(st.binary(max_size=9000), st.sampled_from(CODINGS))
def test_a_coded_body_is_read_as_it_was(body: bytes, coding: str) -> None:
    assert received(compress(body, coding), coding) == body


def test_a_body_of_several_members_is_read_whole() -> None:
    assert received(gzip.compress(b"one ") + gzip.compress(b"two"), "gzip") == b"one two"
    assert received(compress(b"one ", "zstd") + compress(b"two", "zstd"), "zstd") == b"one two"
    assert received(b"as it is", "identity") == b"as it is"


@pytest.mark.parametrize("coding", CODINGS)
def test_a_bomb_is_refused_by_what_it_becomes(coding: str) -> None:
    bomb = compress(bytes(200_000_000), coding)
    with pytest.raises(Problem) as refused:
        received(bomb, coding, most=1_000_000)
    assert refused.value.kind.status == 413
    assert refused.value.members["limit"] == 1_000_000


@pytest.mark.parametrize("coding", CODINGS)
def test_a_body_at_the_limit_is_read(coding: str) -> None:
    assert received(compress(bytes(10_000), coding), coding) == bytes(10_000)
    with pytest.raises(Problem):
        received(compress(bytes(10_001), coding), coding)


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("end", ["cut", "broken", "followed"])
def test_a_body_that_is_no_whole_coding_is_400(coding: str, end: str) -> None:
    coded = compress(b"SELECT * WHERE { ?s ?p ?o }" * 20, coding)
    wrong = {"cut": coded[:-5], "broken": coded[:-9] + b"\xff" * 9, "followed": coded + b"more"}[end]
    if end == "broken" and coding == "zstd":
        wrong = b"\xff" * 20
    with pytest.raises(Problem) as refused:
        received(wrong, coding)
    assert refused.value.kind.status == 400


def test_an_unknown_coding_is_415_and_names_what_is_read() -> None:
    for coding in ("br", "gzip, gzip", "deflate"):
        with pytest.raises(Problem) as refused:
            received(zlib.compress(b"x"), coding)
        assert refused.value.kind.status == 415
        assert refused.value.members["accepted"] == ["gzip", "zstd", "identity"]


def test_a_body_is_bounded_before_its_coding_is_undone() -> None:
    with pytest.raises(Problem) as refused:
        received(bytes(10_001), "gzip")
    assert refused.value.kind.status == 413
    with pytest.raises(Problem) as chunked:
        received(bytes(10_001), "gzip", CONTENT_LENGTH=None, **{"wsgi.input_terminated": True})
    assert chunked.value.kind.status == 413

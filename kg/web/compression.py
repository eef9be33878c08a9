"""Content codings: which one a client wants, bodies that go out coded and bodies that come in coded.

Knows no framework. Whole bodies only: a stream whose end is not known is never coded.

Source: RFC 9110, sections 8.4 and 12.5.3; RFC 8878 (zstd).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import IO

import zstandard
from isal import igzip

from kg.web.problems import problem

SMALLEST = 1_000  # bytes; below, a coding saves no packet
_BLOCK = 1 << 16


def _gzip(body: bytes) -> bytes:
    return igzip.compress(body, 1, mtime=0)  # the same bytes at any time, as a strong validator wants


def _zstd(body: bytes) -> bytes:
    return zstandard.ZstdCompressor(level=1).compress(body)


# Ties go to the earlier one.
_CODERS: Mapping[str, Callable[[bytes], bytes]] = MappingProxyType({"zstd": _zstd, "gzip": _gzip})
CODINGS = tuple(_CODERS)

_TEXTUAL = frozenset(
    {
        *("application/json", "application/xml", "application/n-triples", "application/n-quads", "application/trig"),
        *("application/javascript", "application/sparql-query", "application/wasm", "image/svg+xml"),
    }
)


def compressible(content_type: str) -> bool:
    """Tell whether a body of this type gets smaller: text does, what is compressed in itself does not."""
    media_type = content_type.partition(";")[0].strip().lower()
    return media_type.startswith("text/") or media_type in _TEXTUAL or media_type.endswith(("+json", "+xml"))


def choose_coding(accepted: str | None) -> str:
    """Choose the coding for an Accept-Encoding; "" is none.

    The highest quality wins, ties go to the stronger coding. Without the header, or where nothing it names is ours, the
    body goes as it is, even where ``identity`` is refused: an answer is worth more than a 406.

    >>> choose_coding("gzip, deflate, br, zstd"), choose_coding("zstd;q=0.1, *;q=0.5"), choose_coding("gzip;q=0")
    ('zstd', 'gzip', '')
    """
    if not accepted:
        return ""
    return _remembered(accepted) if len(accepted) <= 200 else _choose(accepted)  # the memory must have an end


def _choose(accepted: str) -> str:
    qualities: dict[str, float] = {}
    for part in accepted.lower().split(","):
        name, *parameters = (word.strip() for word in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if not 0 <= quality <= 1:
            quality = 0.0
        qualities.setdefault("gzip" if name == "x-gzip" else name, quality)
    others = qualities.get("*", 0.0)
    best = max(CODINGS, key=lambda coding: qualities.get(coding, others))
    # A client that says nothing of identity takes it, but asked for something else.
    wanted = qualities.get(best, others)
    return best if wanted > 0 and wanted >= qualities.get("identity", 0.0) else ""


_remembered = lru_cache(maxsize=256)(_choose)


def compress(body: bytes, coding: str) -> bytes:
    """Code a whole body. The same body always has the same bytes. About 300 MB a second and more."""
    return _CODERS[coding](body)


def read_body(environ: Mapping[str, object], most: int) -> bytes:
    """Read the body of a request, its length said or its end marked by the server (chunked), and undo its coding.

    ``most`` bounds the bytes before and after. Raises Problem: 400 for a body that breaks off, 413 past ``most``, 415
    for a coding other than gzip and zstd, one at most.
    """
    coding = str(environ.get("HTTP_CONTENT_ENCODING", "")).strip().lower()
    if coding in ("", "identity"):
        return _received(environ, most)
    if coding not in ("gzip", "x-gzip", "zstd"):
        raise problem(
            "unsupported-media-type",
            f"a body with Content-Encoding {coding[:100]} is not read here; send it with gzip, zstd, or as it is",
            headers=(("Accept-Encoding", "gzip, zstd"),),
            accepted=["gzip", "zstd", "identity"],
        )
    received = _received(environ, most)
    blocks, size = [], 0
    try:
        for block in _unzstd(received) if coding == "zstd" else _gunzip(received):
            blocks.append(block)
            size += len(block)
            if size > most:
                raise problem(
                    "request-too-large",
                    f"the body has more than the {most:,} bytes that are read, once its {coding} is undone",
                    limit=most,
                )
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise problem("bad-request", f"the body is no whole {coding}") from error
    return b"".join(blocks)


def _gunzip(received: bytes) -> Iterable[bytes]:
    while received:  # a gzip file may have several members
        member = zlib.decompressobj(31)
        while not member.eof:
            block = member.decompress(received, _BLOCK)
            received = member.unconsumed_tail
            if not (block or received or member.eof):
                raise EOFError
            yield block
        received = member.unused_data


def _unzstd(received: bytes) -> Iterable[bytes]:
    while received:
        # What a frame claims of its window is memory that a stranger would have us take: at most 8 MB.
        frame = zstandard.ZstdDecompressor(max_window_size=1 << 23).decompressobj()
        while not frame.eof:
            if not received:
                raise EOFError
            # Four bytes may stand for 128 kB, and the library has no bound for what it gives at once: a few bytes each.
            head, received = received[:256], received[256:]
            yield frame.decompress(head)
        received = frame.unused_data + received


def _received(environ: Mapping[str, object], most: int) -> bytes:
    said = environ.get("CONTENT_LENGTH") or None
    if said is None and not environ.get("wsgi.input_terminated"):
        return b""
    if said is not None and not (str(said).isascii() and str(said).isdigit()):
        raise problem("bad-request", "Content-Length is no number")
    length = most + 1 if said is None else int(str(said))
    if said is not None and length > most:
        raise problem("request-too-large", f"the body has {length:,} bytes; at most {most:,} are read", limit=most)
    stream: IO[bytes] = environ["wsgi.input"]  # type: ignore[assignment]  # what WSGI promises
    blocks = []
    while length > 0 and (block := stream.read(length)):
        blocks.append(block)
        length -= len(block)
    if said is None and length == 0:
        raise problem("request-too-large", f"the body has more than the {most:,} bytes that are read", limit=most)
    if said is not None and length > 0:
        raise problem("bad-request", "the body is shorter than its Content-Length")
    return b"".join(blocks)

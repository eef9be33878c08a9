"""Reads the files of a snapshot, whatever a stranger put in them: CSV, YAML, JSON, front matter, packed or not.

Each reader proves the bytes, decodes strict UTF-8 and refuses what is cut, nested or swollen beyond reason. What is
wrong with a file as a whole is a DriftError that names file, line, cause and mend: the build stops and the last release
stays. What is wrong with one record is the loader's to report (``kg.sources.record``).
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from kg.errors import DriftError, FetchError
from kg.model import File, Snapshot

MAX_FIELD = 1 << 20  # characters in one field of a table; the longest of the shared data has some thousands
MAX_UNPACKED = 2 << 30  # bytes of a gzip file when it is unpacked
MAX_DEPTH = 60  # of nested YAML or JSON; the deepest of the shared data has nine


def content(snapshot: Snapshot, path: str) -> bytes:
    """Give the bytes of one file, unpacked where its name ends in ``.gz``; proved against the snapshot.

    Raises DriftError when the file is not in the snapshot, its gzip stream is cut or damaged, or it unpacks to more
    than ``MAX_UNPACKED`` bytes.
    """
    file = snapshot.file(path)
    if file is None:
        raise DriftError(f"{snapshot.source}: {path} is not in the snapshot; fetch it again")
    data = file.read()
    return _unpack(file, data) if path.endswith(".gz") else data


def text(snapshot: Snapshot, path: str) -> str:
    """Give the text of one file, without a byte order mark. Raises DriftError with the line that is not UTF-8."""
    data = content(snapshot, path)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DriftError(
            f"{snapshot.source}: {path}:{line}: byte {error.start:,} is not UTF-8 ({error.reason}); save it as UTF-8"
        ) from error


def rows(
    snapshot: Snapshot, path: str, *, columns: tuple[str, ...] | None = None, delimiter: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """Give each record of a table with the line it begins at; the header's names are the keys.

    ``columns`` are the columns that must be there, others may be. Empty lines are skipped. Raises DriftError for a
    missing, empty or twice-given column, a row with more or fewer fields than the header, and a field of more than
    ``MAX_FIELD`` characters or with an open quote.
    """
    where = f"{snapshot.source}: {path}"
    csv.field_size_limit(MAX_FIELD)
    reader = csv.reader(io.StringIO(text(snapshot, path), newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, None)
        if not header:
            raise DriftError(f"{where}:1: the file is empty; its first line must name the columns")
        if twice := sorted({name for name in header if header.count(name) > 1}):
            raise DriftError(f"{where}:1: the column {twice[0]!r} stands twice")
        if missing := [name for name in columns or () if name not in header]:
            raise DriftError(f"{where}:1: the column {missing[0]!r} is missing; there are {', '.join(header)}")
        line = reader.line_num + 1
        for row in reader:
            if row and len(row) != len(header):
                raise DriftError(f"{where}:{line}: {len(row)} fields, where the header has {len(header)}")
            if row:
                yield line, dict(zip(header, row, strict=True))
            line = reader.line_num + 1
    except csv.Error as error:
        raise DriftError(f"{where}:{reader.line_num}: {error}; the file is cut or is no such table") from error


def lines(snapshot: Snapshot, path: str) -> Iterator[tuple[int, str]]:
    """Give each line of a text with its number, from 1; unpacked where the name ends in ``.gz``.

    Streams: for files that need not fit in memory. The bytes are proved when the last line was given; a FetchError then
    undoes what was made of them. Raises DriftError as ``text`` does, and for a line of more than ``MAX_FIELD`` bytes.
    """
    file = snapshot.file(path)
    if file is None:
        raise DriftError(f"{snapshot.source}: {path} is not in the snapshot; fetch it again")
    where = f"{snapshot.source}: {path}"
    number = size = 0
    try:
        with _Proved(file) as proved, io.BufferedReader(proved, 1 << 16) as raw:
            stream = gzip.GzipFile(fileobj=raw) if path.endswith(".gz") else raw
            while line := stream.readline(MAX_FIELD + 1):
                number += 1
                size += len(line)
                if len(line) > MAX_FIELD:
                    raise DriftError(f"{where}:{number}: the line has more than {MAX_FIELD:,} bytes")
                if size > MAX_UNPACKED and stream is not raw:
                    raise DriftError(f"{where}: it unpacks to more than {MAX_UNPACKED:,} bytes")
                yield number, line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
            proved.prove()
    except UnicodeDecodeError as error:
        raise DriftError(f"{where}:{number}: it is not UTF-8 ({error.reason}); save it as UTF-8") from error
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DriftError(f"{where}: its gzip stream is cut or damaged ({error}); fetch it again") from error


class _Proved(io.RawIOBase):
    """The bytes of a file, hashed while they are read."""

    def __init__(self, file: File) -> None:
        self._file = file
        self._digest = hashlib.sha256()
        try:
            self._stream = file.location.open("rb", buffering=0)
        except OSError as error:
            raise FetchError(
                f"{file.path} of the snapshot cannot be read ({error.strerror}); fetch it again"
            ) from error

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._stream.readinto(buffer) or 0
        self._digest.update(memoryview(buffer)[:size])
        return size

    def close(self) -> None:
        self._stream.close()
        super().close()

    def prove(self) -> None:
        """Read what is left and compare the hash."""
        while self.read(1 << 16):
            continue
        if self._digest.hexdigest() != self._file.sha256:
            raise FetchError(f"{self._file.path} changed since its snapshot was taken; fetch it again")


def yaml_document(snapshot: Snapshot, path: str) -> Any:
    """Give what a YAML file holds; dates stay text. Raises DriftError as ``yaml_text`` does."""
    return yaml_text(text(snapshot, path), f"{snapshot.source}: {path}")


def yaml_text(written: str, where: str, *, first_line: int = 1) -> Any:
    """Give what YAML text holds, by the core schema without dates: ``2024-01-05`` is the text that it is.

    Raises DriftError with line and cause: no YAML, an alias (a few make gigabytes), a key that stands twice, nesting
    beyond ``MAX_DEPTH``, more than one document.
    """
    loader = _Yaml(written)
    try:
        root = loader.get_single_node()
        if root is None:
            return None
        _check_nodes(root)
        return loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + first_line if mark else first_line
        raise DriftError(
            f"{where}:{line}: {error.problem or error.context}; mend the file or fetch it again"
        ) from error
    except (yaml.YAMLError, ValueError) as error:
        raise DriftError(f"{where}: {error}; mend the file or fetch it again") from error
    finally:
        loader.dispose()


def front_matter(snapshot: Snapshot, path: str) -> Mapping[str, Any]:
    """Give the YAML between the two ``---`` lines at the head of a file. Raises DriftError where there is none."""
    where = f"{snapshot.source}: {path}"
    lines = text(snapshot, path).splitlines()
    if not lines or lines[0].rstrip() != "---":
        raise DriftError(f"{where}:1: the file does not begin with a line of ---")
    end = next((number for number, line in enumerate(lines[1:], start=1) if line.rstrip() == "---"), None)
    if end is None:
        raise DriftError(f"{where}: no second line of --- closes the front matter; the file is cut")
    found = yaml_text("\n".join(lines[1:end]), where, first_line=2)
    if not isinstance(found, dict):
        raise DriftError(f"{where}:2: the front matter holds no keys and values")
    return found


def json_document(snapshot: Snapshot, path: str) -> Any:
    """Give what a JSON file holds. Raises DriftError as ``json_text`` does."""
    return json_text(text(snapshot, path), f"{snapshot.source}: {path}")


def json_lines(snapshot: Snapshot, path: str) -> Iterator[tuple[int, Any]]:
    """Give the value of each line that is not empty, with its number. Raises DriftError as ``json_text`` does."""
    for number, line in enumerate(text(snapshot, path).split("\n"), start=1):
        if line.strip():
            yield number, json_text(line, f"{snapshot.source}: {path}", first_line=number)


def json_text(written: str, where: str, *, first_line: int = 1) -> Any:
    """Give what JSON text holds. Raises DriftError with the line: no JSON, a name twice in one object, too deep."""
    try:
        return json.loads(written, object_pairs_hook=_once, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        line = error.lineno + first_line - 1
        raise DriftError(f"{where}:{line}: {error.msg}; the file is cut or is no JSON") from error
    except RecursionError as error:
        raise DriftError(f"{where}:{first_line}: it is nested too deep to be read") from error
    except ValueError as error:
        raise DriftError(f"{where}:{first_line}: {error}") from error


def _unpack(file: File, data: bytes) -> bytes:
    out: list[bytes] = []
    size = 0
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            while block := stream.read(1 << 20):
                size += len(block)
                if size > MAX_UNPACKED:
                    raise DriftError(f"{file.path}: it unpacks to more than {MAX_UNPACKED:,} bytes")
                out.append(block)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DriftError(f"{file.path}: its gzip stream is cut or damaged ({error}); fetch it again") from error
    return b"".join(out)


class _Yaml(yaml.CSafeLoader):
    """The safe loader of libyaml, without dates."""


def _check_nodes(root: yaml.Node) -> None:
    """Refuse what strangers may not do in YAML. An alias is the same node met twice."""
    met: set[int] = set()
    waiting = [(root, 0)]
    while waiting:
        node, depth = waiting.pop()
        if id(node) in met:
            raise _Refused(None, None, "an alias points here, and a few of them make gigabytes", node.start_mark)
        met.add(id(node))
        if depth > MAX_DEPTH:
            raise _Refused(None, None, f"it is nested deeper than {MAX_DEPTH}", node.start_mark)
        if isinstance(node, yaml.MappingNode):
            seen = set()
            for key, value in node.value:
                if key.value in seen:
                    raise _Refused(None, None, f"the key {key.value!r} stands twice", key.start_mark)
                if not isinstance(key, yaml.ScalarNode):
                    raise _Refused(None, None, "a key is no text", key.start_mark)
                seen.add(key.value)
                waiting.append((value, depth + 1))
        elif isinstance(node, yaml.SequenceNode):
            waiting += [(item, depth + 1) for item in node.value]


class _Refused(yaml.MarkedYAMLError):
    """What the reader does not take, though it is YAML."""


# A date is text with a precision of its own; the reader of records decides what it means.
_Yaml.yaml_implicit_resolvers = {
    first: [(tag, expression) for tag, expression in found if tag != "tag:yaml.org,2002:timestamp"]
    for first, found in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice!r} stands twice in one object")
    return found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON number")

"""Every error that is raised on purpose, in one tree, grouped by what the caller can do about it.

``str(error)`` is one line that a person can act on: what, where, why and how to mend. Errors carry their data as
attributes, are built from plain values so that they cross process borders, and know nothing of HTTP
(``kg.web.problems`` maps them to status codes).
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from pathlib import Path


def nearest(word: str, known: Iterable[str]) -> str:
    """Give the end of an error message that names the known words nearest to ``word``, or nothing.

    >>> nearest("cq91", ["cq19", "cq21"])
    '; did you mean cq19?'
    >>> nearest("zzz", ["cq19"])
    ''
    """
    close = difflib.get_close_matches(word, list(known), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(close)}?" if close else ""


class KgError(Exception):
    """The root: anything this package raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Cross a process border by message and attributes, whatever the constructor asks for."""
        return (_restore, (type(self), self.args, self.__dict__))


def _restore(kind: type[KgError], args: tuple[object, ...], state: dict[str, object]) -> KgError:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class ConfigError(KgError):
    """A setting is wrong or something it names is missing. Stop; mend the setting."""


class SourceError(KgError):
    """Something about where the data comes from."""


class FetchError(SourceError):
    """A snapshot could not be taken. Retry; the last snapshot is kept."""


class RecordError(SourceError):
    """One record cannot be read. It is skipped and becomes an issue."""

    def __init__(self, message: str, *, source: str, locator: str, value: object = None) -> None:
        super().__init__(f"{source}: {locator}: {message}")
        self.source = source
        self.locator = locator
        self.value = value


class DriftError(SourceError):
    """A source is no longer what we think it is: totals, structure or bytes. The build stops."""


class EvidenceError(DriftError):
    """A quoted span is not what its hash says. The build stops and names the finding."""


class ModelError(KgError):
    """A bug in a loader or in curated data: an unknown term, an IRI that cannot be minted."""


class InconsistencyError(KgError):
    """The ontology or the graph contradicts itself, or breaks a rule that stops a build."""


class StoreError(KgError):
    """A store could not answer."""


class QuerySyntaxError(StoreError):
    """The text is not SPARQL. The asker's; ``line`` and ``column`` count from 1, or are None when unknown."""

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        where = f"line {line}, column {column}: " if line is not None else ""
        super().__init__(f"{where}{message}")
        self.line = line
        self.column = column


class QueryRefusedError(StoreError):
    """The query asks for what this service does not do (SERVICE, an update, too much nesting). The asker's."""

    def __init__(
        self,
        message: str,
        *,
        rule: str,
        line: int | None = None,
        column: int | None = None,
        limit: int | None = None,
        found: int | None = None,
    ) -> None:
        where = f"line {line}, column {column}: " if line is not None else ""
        super().__init__(f"{where}{message}")
        self.rule = rule  # short machine name: "service", "depth", "bytes", "update", ...
        self.line = line
        self.column = column
        self.limit = limit
        self.found = found


class QueryTimeoutError(StoreError):
    """The query did not finish within its deadline. The asker's."""

    def __init__(self, seconds: float) -> None:
        super().__init__(
            f"the query did not finish within {seconds:g} seconds; "
            "narrow it (bind more terms, add LIMIT, avoid joins without a shared variable)"
        )
        self.seconds = seconds


class QueryMemoryError(StoreError):
    """The query needed more memory than a worker may have. The asker's, as far as we know."""

    def __init__(self, memory: int) -> None:
        super().__init__(
            f"the query needed more than the {memory // 2**20} MiB of memory a query may use; "
            "narrow it, or aggregate and sort less at once"
        )
        self.memory = memory


class WorkerDiedError(StoreError):
    """The process that ran the query died. The asker's, as far as we know; nobody else is touched."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the process that ran the query ended: {reason}; simplify the query")
        self.reason = reason


class ServiceFailedError(StoreError):
    """An endpoint that the query names with SERVICE did not answer, or not with solutions. Not ours to mend; retry."""

    def __init__(self, endpoint: str, why: str) -> None:
        super().__init__(f"SERVICE <{endpoint}> was not answered: {why}; SERVICE SILENT goes on without it")
        self.endpoint = endpoint


class QueueFullError(StoreError):
    """All workers are busy and the queue is full. Retry after ``retry_after`` seconds."""

    def __init__(self, retry_after: int = 1) -> None:
        super().__init__(f"all query workers are busy; try again in {retry_after} s")
        self.retry_after = retry_after


class AnswerTooLargeError(StoreError):
    """The serialised answer passed the cap. The asker's."""

    def __init__(self, cap: int) -> None:
        super().__init__(
            f"the answer is larger than the {cap:,} bytes an answer may have; add LIMIT (and ORDER BY with OFFSET "
            "to page), ask for fewer columns, or fetch the dump of the release"
        )
        self.cap = cap


class UnwritableError(StoreError):
    """The answer holds what its format has no way to write. The asker's; each of ``offered`` can write it."""

    def __init__(self, what: str, media_type: str, offered: Sequence[str]) -> None:
        super().__init__(f"the answer holds {what}, which {media_type} cannot hold; ask for {' or '.join(offered)}")
        self.offered = list(offered)


class UpdateFailedError(StoreError):
    """The update cannot be made on the data as it is: a graph that is absent or in the way. The asker's."""


class RdfSyntaxError(StoreError):
    """A document that somebody sent is no RDF, or no single graph. The asker's; nothing was changed.

    ``line`` and ``column`` count from 1, or are None when unknown.
    """

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None) -> None:
        where = f"line {line}, column {column}: " if line is not None else ""
        super().__init__(f"{where}{message}")
        self.line = line
        self.column = column


class ConditionError(StoreError):
    """A write was asked for on a condition that does not hold. The asker's; nothing was changed."""


class GraphAbsentError(StoreError):
    """There is no graph of this name. The asker's."""

    def __init__(self, graph: str | None) -> None:
        super().__init__(f"there is no graph <{graph}>" if graph else "there is no such graph")
        self.graph = graph


class StorageFullError(StoreError):
    """A write could not reach the disk. The operator's; nothing that was acknowledged is touched."""


class StoreUnavailableError(StoreError):
    """The store does not answer (not started, gone, unreachable). Retry."""


class LoadError(StoreError):
    """A file cannot be loaded into a store: missing, of an unknown kind, or no RDF. Stop; mend the file."""

    def __init__(self, message: str, *, path: Path, line: int | None = None, column: int | None = None) -> None:
        place = "".join(f":{number}" for number in (line, column) if number is not None)
        super().__init__(f"{path}{place}: {message}")
        self.path = str(path)
        self.line = line
        self.column = column


class CatalogueError(KgError):
    """No such catalogue query, or a parameter that does not fit. The asker's."""


class QuestionError(KgError):
    """A term that somebody typed is neither an IRI nor a literal. The asker's."""


class AbsentError(KgError):
    """What was asked about is not in the release. The asker's.

    ``nearest`` holds what is there instead: subjects, predicates and objects as one types them, objects left out where
    there are several.
    """

    def __init__(self, message: str, *, nearest: Iterable[tuple[str, ...]] = ()) -> None:
        super().__init__(message)
        self.nearest = tuple(nearest)


class ReleaseError(KgError):
    """A manifest is broken, a release is missing or refused. Stop."""

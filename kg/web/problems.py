"""Errors -> what a client is told: the one table from error to status and problem type, and its two spellings.

A problem says what, where, why and how to mend (RFC 9457); a browser gets the same as a small page. What nobody planned
is a 500 with an identifier and nothing else: the log holds the rest under the same identifier. Nothing here shows a
trace or a path of this machine.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field

from kg.errors import (
    AbsentError,
    AnswerTooLargeError,
    CatalogueError,
    ConditionError,
    GraphAbsentError,
    QueryMemoryError,
    QueryRefusedError,
    QuerySyntaxError,
    QueryTimeoutError,
    QuestionError,
    QueueFullError,
    RdfSyntaxError,
    ServiceFailedError,
    StorageFullError,
    StoreUnavailableError,
    UnwritableError,
    UpdateFailedError,
    WorkerDiedError,
)

REQUEST_ID = "X-Request-Id"


@dataclass(frozen=True, slots=True)
class Kind:
    """One type of problem: its status, its name in ``type``, and how to mend it in general."""

    status: int
    name: str
    title: str
    how: str


def _kinds(*kinds: Kind) -> Mapping[str, Kind]:
    return {kind.name: kind for kind in kinds}


KINDS = _kinds(
    Kind(400, "query-syntax", "The query is not SPARQL", "Mend the text at the line and column that are named."),
    Kind(
        400,
        "query-refused",
        "The query asks for more than this service takes",
        "Make the query smaller or simpler than the limit that is named.",
    ),
    Kind(
        403,
        "service-refused",
        "This service calls no such address",
        "Leave SERVICE out and join the answers on your side.",
    ),
    Kind(
        502,
        "service-failed",
        "An endpoint that the query calls did not answer",
        "Try again, ask less of that endpoint, or write SERVICE SILENT to go on without it.",
    ),
    Kind(
        400,
        "update-refused",
        "This address answers queries and changes nothing",
        "Send a query (SELECT, ASK, CONSTRUCT or DESCRIBE) instead.",
    ),
    Kind(
        410,
        "gone",
        "This was here once, and is withdrawn",
        "Look for what took its place by name, or ask a release that still holds it. Its IRI is never used again.",
    ),
    Kind(
        400,
        "rdf-syntax",
        "The document is not RDF, or not the triples of one graph",
        "Mend the document at the line and column that are named. Nothing was changed.",
    ),
    Kind(
        401,
        "unauthorized",
        "This needs a token",
        "Send a token of this service as Authorization: Bearer; its operator makes one with kg token.",
    ),
    Kind(403, "forbidden", "The token has not the right to do this", "Use a token that has the right that is named."),
    Kind(
        409,
        "update-failed",
        "The update cannot be made on the data as it is",
        "Say SILENT where a graph may be absent or in the way. Nothing was changed.",
    ),
    Kind(
        412,
        "precondition-failed",
        "The condition of the request does not hold",
        "Read the graph again and decide anew. Nothing was changed.",
    ),
    Kind(
        507,
        "storage-full",
        "The disk takes no more",
        "Tell the operator. Nothing was changed; queries are answered as before.",
    ),
    Kind(
        400,
        "query-memory",
        "The query needed too much memory",
        "Narrow the query, or aggregate and sort less at once.",
    ),
    Kind(
        400,
        "query-ended",
        "The process that ran the query ended",
        "Simplify the query. Nobody else was touched.",
    ),
    Kind(
        400,
        "answer-too-large",
        "The answer is larger than an answer may be",
        "Add LIMIT, page with ORDER BY and OFFSET, or ask for fewer columns.",
    ),
    Kind(
        504,
        "query-timeout",
        "The query did not finish in time",
        "Bind more terms, add LIMIT, and avoid joins without a shared variable.",
    ),
    Kind(
        429,
        "too-many-requests",
        "You have more requests here than one client may have at once",
        "Wait for answers before you ask again, and try again after the seconds that Retry-After names.",
    ),
    Kind(503, "busy", "All query workers are busy", "Try again after the seconds that Retry-After names."),
    Kind(
        503, "store-unavailable", "The store does not answer", "Try again in a moment; tell the operator if it lasts."
    ),
    Kind(400, "bad-parameter", "A parameter of the request does not fit", "Mend the parameter that is named."),
    Kind(
        400,
        "bad-encoding",
        "The request is not UTF-8",
        "Send text in UTF-8, with percent escapes of UTF-8 bytes in addresses and forms.",
    ),
    Kind(
        404, "not-found", "There is nothing at this address", "Check the spelling; the home page lists what is there."
    ),
    Kind(405, "method-not-allowed", "This address does not take this method", "Use a method that Allow names."),
    Kind(
        406,
        "not-acceptable",
        "This is not offered in a format that you accept",
        "Accept one of the types that are listed.",
    ),
    Kind(413, "request-too-large", "The request is larger than a request may be", "Send a shorter query."),
    Kind(
        415,
        "unsupported-media-type",
        "The body has a content type that is not read here",
        "Send one of the content types that are listed.",
    ),
    Kind(400, "bad-request", "The request cannot be read", "Mend what the detail names."),
    Kind(500, "internal", "Something went wrong on our side", "Report the identifier of the request to the operator."),
)

# What each error of ours is to a client. The first class that fits counts.
_ERRORS: tuple[tuple[type[Exception], str], ...] = (
    (QuerySyntaxError, "query-syntax"),
    (QueryRefusedError, "query-refused"),
    (QueryTimeoutError, "query-timeout"),
    (QueryMemoryError, "query-memory"),
    (WorkerDiedError, "query-ended"),
    (ServiceFailedError, "service-failed"),
    (QueueFullError, "busy"),
    (AnswerTooLargeError, "answer-too-large"),
    (UnwritableError, "not-acceptable"),
    (StoreUnavailableError, "store-unavailable"),
    (StorageFullError, "storage-full"),
    (RdfSyntaxError, "rdf-syntax"),
    (UpdateFailedError, "update-failed"),
    (ConditionError, "precondition-failed"),
    (GraphAbsentError, "not-found"),
    (CatalogueError, "bad-parameter"),
    (QuestionError, "bad-parameter"),
    (AbsentError, "not-found"),
)
_REFUSALS = {"service": "service-refused", "load": "service-refused", "update": "update-refused"}

# What Flask and Werkzeug raise on their own, by status.
_STATUSES = {
    400: "bad-request",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    413: "request-too-large",
    415: "unsupported-media-type",
    429: "too-many-requests",
}

# Attributes of our errors that a program can act on, and become members of the problem.
_MEMBERS = (
    *("line", "column", "rule", "limit", "found", "offered"),
    *("seconds", "cap", "memory", "retry_after", "endpoint"),
)


@dataclass(eq=False)
class Problem(Exception):  # noqa: N818  (RFC 9457 calls it a problem, and so does the house)
    """A request that gets an error for an answer. Raised by the web layer; made from other errors by ``problem_of``."""

    kind: Kind
    detail: str
    members: Mapping[str, object] = field(default_factory=dict)
    headers: tuple[tuple[str, str], ...] = ()
    id: str = field(default_factory=lambda: secrets.token_hex(8))

    def as_json(self, base: str) -> bytes:
        """Write the problem as ``application/problem+json``. Source: RFC 9457, section 3."""
        body = {
            "type": f"{base}problem/{self.kind.name}",
            "title": self.kind.title,
            "status": self.kind.status,
            "detail": self.detail,
            "how": self.kind.how,
            "request": self.id,
            **self.members,
        }
        return json.dumps(body, ensure_ascii=False).encode()


def problem(name: str, detail: str, *, headers: tuple[tuple[str, str], ...] = (), **members: object) -> Problem:
    """Make a problem of the kind called ``name``."""
    return Problem(KINDS[name], detail, members, headers)


def problem_of(error: Exception) -> Problem | None:
    """Turn an error of ours into what the client is told, or give None when it is none that a client may see."""
    if isinstance(error, Problem):
        return error
    name = next((name for kind, name in _ERRORS if isinstance(error, kind)), None)
    if name is None:
        return None
    if isinstance(error, QueryRefusedError):
        name = _REFUSALS.get(error.rule, name)
    members = {key: value for key in _MEMBERS if (value := getattr(error, key, None)) is not None}
    headers = (("Retry-After", str(error.retry_after)),) if isinstance(error, QueueFullError) else ()
    if isinstance(error, StorageFullError):
        return Problem(KINDS[name], "the write could not be brought to the disk", members, headers)
    if isinstance(error, StoreUnavailableError):
        headers = (("Retry-After", "5"),)
        # Where a store lies, and how it failed, is the operator's to know.
        return Problem(KINDS[name], "the store behind this service does not answer at the moment", members, headers)
    return Problem(KINDS[name], str(error), members, headers)


def problem_of_status(status: int, detail: str) -> Problem:
    """Give the problem for a status that the framework chose."""
    name = _STATUSES.get(status, "bad-request" if status < 500 else "internal")
    kind = KINDS[name]
    if kind.status != status:
        kind = Kind(status, kind.name, kind.title, kind.how)
    return Problem(kind, detail)


def internal() -> Problem:
    """Give the problem for what nobody planned. It says nothing but its identifier."""
    return Problem(KINDS["internal"], "the request failed for a reason that is in the log under this identifier")

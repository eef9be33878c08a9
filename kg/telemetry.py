"""Logging: structlog over the standard library, one event a line, for people on a console or for programs as JSON.

Events are short constants with values beside them. A query's text is never logged, only its hash and its length: it may
hold what its author wants to keep. Knows no HTTP framework; the web layer says what is worth a line.
"""

from __future__ import annotations

import hashlib
import logging
import re
import sys
from typing import Literal, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

_ROOT = "kg"  # of every logger of this package, also of those that only know the standard library

# Control characters, separators of lines, marks that turn the direction of text, halves of surrogate pairs.
_OBEYED = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)


def visible(text: str) -> str:
    r"""Spell out what a terminal would obey or hide, so that the text of strangers stays text on one.

    >>> visible("a\x1b[31mß\r")
    'a\\x1b[31mß\\r'
    """
    return _OBEYED.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def _visibly(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    """Make the values beside an event visible; the event itself is ours."""
    return {
        name: visible(value) if isinstance(value, str) and name != "event" else value for name, value in event.items()
    }


def configure(
    log_format: Literal["console", "json"], *, level: int = logging.INFO, stream: TextIO | None = None
) -> None:
    """Send the log of this process to ``stream`` (standard error when None), from ``level`` on.

    ``level`` DEBUG adds a line for every request that went well; from INFO on, those cost nothing. Called once at the
    start of a process; a second call replaces the first. Until then, warnings and errors go where Python sends them.
    """
    out = sys.stderr if stream is None else stream
    # No local variables in traces: they hold query texts.
    if log_format == "json":
        frames = structlog.tracebacks.ExceptionDictTransformer(show_locals=False)
        rendering: list[Processor] = [
            structlog.processors.ExceptionRenderer(frames),
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ]
    else:
        plain = structlog.dev.plain_traceback
        rendering = [_visibly, structlog.dev.ConsoleRenderer(colors=out.isatty(), exception_formatter=plain)]
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=_SHARED,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *rendering],
        )
    )
    root = logging.getLogger(_ROOT)
    for earlier in list(root.handlers):
        if isinstance(earlier.formatter, structlog.stdlib.ProcessorFormatter):
            root.removeHandler(earlier)
    root.addHandler(handler)
    root.setLevel(level)


def logger(name: str) -> structlog.stdlib.BoundLogger:
    """Give the logger of one part of the package, ``kg.{name}``."""
    bound: structlog.stdlib.BoundLogger = structlog.wrap_logger(
        logging.getLogger(f"{_ROOT}.{name}"),
        wrapper_class=structlog.stdlib.BoundLogger,
        processors=[
            structlog.stdlib.filter_by_level,
            *_SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
    )
    return bound


def bind(**values: object) -> None:
    """Put these values, and no earlier ones, on every line that this thread logs from now on."""
    structlog.contextvars.clear_contextvars()
    structlog.contextvars.bind_contextvars(**values)


def fingerprint(text: str) -> dict[str, object]:
    """Give what may be logged of a query: the beginning of its hash, and its length in characters."""
    return {
        "query_sha256": hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        "query_length": len(text),
    }

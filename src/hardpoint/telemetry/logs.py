"""Structured logs: one record for each telemetry event, JSON unless a person is watching.

A record is named after the event's class (`EventReceived` becomes `event_received`) and carries
its fields; the class attribute `severity` gives the level, `info` otherwise. Records made while a
handler runs carry its correlation id, the user's own structlog records included.
"""

import re
import sys
from collections.abc import MutableMapping
from enum import Enum
from typing import Any, TextIO, final

import msgspec
import structlog

from hardpoint.core.correlation import correlation_id

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def configure(stream: TextIO | None = None, *, json: bool | None = None) -> None:
    """Set structlog up for a service.

    Args:
        stream: where records go; standard error otherwise.
        json: a line of JSON a record; by default unless the stream is a terminal.
    """
    target = sys.stderr if stream is None else stream
    plain = not target.isatty() if json is None else json
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if not plain:
        renderer = structlog.dev.ConsoleRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _correlate,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_controls,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )


@final
class Logs:
    """A listener that writes a record for each event it is told."""

    def __init__(self) -> None:
        self._log: Any = structlog.get_logger("hardpoint")

    def __call__(self, event: object) -> None:
        """Write one record."""
        kind = type(event)
        fields = {
            name: value.value if isinstance(value, Enum) else value
            for name, value in msgspec.structs.asdict(event).items()  # pyright: ignore[reportArgumentType]
            if value is not None
        }
        level = getattr(kind, "severity", "info")
        self._log.log(_LEVELS[level], _WORD.sub("_", kind.__name__).lower(), **fields)


_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40}


def _correlate(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    current = correlation_id.get()
    if current is not None:
        record.setdefault("correlation_id", current)
    return record


def _without_controls(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Vendors' text reaches terminals: no escape sequence may stand in it."""
    for key, value in record.items():
        if isinstance(value, str) and key != "exception":
            record[key] = _CONTROL.sub(" ", value)
    return record

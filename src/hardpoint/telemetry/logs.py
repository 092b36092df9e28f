"""Structured logs: one record for each telemetry event, JSON unless a person is watching.

A record is named after the event's class (`EventReceived` becomes `event_received`) and carries
its fields; its attribute `severity` gives the level, `info` otherwise. Records made while a
handler runs carry its correlation id, the user's own structlog records included.
"""

import os
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, TextIO, final

import msgspec
import structlog

from hardpoint.core.correlation import correlation_id

_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def configure(stream: TextIO | None = None, *, json: bool | None = None) -> "Logs":
    """Set structlog up for a service; gives the listener that writes to it.

    Args:
        stream: where records go; standard error otherwise.
        json: a line of JSON a record; by default unless the stream is a terminal.
    """
    target = sys.stderr if stream is None else stream
    watched = target.isatty()
    lines = not watched if json is None else json
    renderer: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
    if not lines:
        renderer = structlog.dev.ConsoleRenderer(
            colors=watched and "NO_COLOR" not in os.environ,
            # The richer one prints local variables: bodies, keys.
            exception_formatter=structlog.dev.plain_traceback,
        )
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
    return Logs(target if lines else None)


@final
class Logs:
    """A listener that writes a record for each event it is told, through structlog as configured.

    Args:
        lines: the line-buffered stream to which `configure` has structlog write JSON. The records
            that come by the thousand, of received events and finished attempts, then go there
            straight: the same records for a quarter of the time.
    """

    def __init__(self, lines: TextIO | None = None) -> None:
        self._log: Any = structlog.get_logger("hardpoint")
        self._lines = lines

    def __call__(self, event: object) -> None:
        """Write one record."""
        severity = getattr(event, "severity", "info")
        level = _LEVELS[severity]
        if level < _INFO:
            return
        name = _name(type(event))
        if self._lines is not None and hasattr(event, "correlation_id"):
            text = _encode(event).decode()
            if text.isprintable():
                time = datetime.now(UTC).isoformat(timespec="microseconds")[:-6]
                self._lines.write(
                    f'{{"timestamp":"{time}Z","level":"{severity}","event":"{name}",{text[1:]}\n'
                )
                return
        fields = msgspec.to_builtins(event)
        if "event" in fields:  # an id; the word is taken by the record's name
            fields["event_id"] = fields.pop("event")
        self._log.log(level, name, **fields)


_INFO = 20
_LEVELS = {"debug": 10, "info": _INFO, "warning": 30, "error": 40}
_encode = msgspec.json.Encoder().encode


@cache
def _name(kind: type) -> str:
    return _WORD.sub("_", kind.__name__).lower()


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
        if isinstance(value, str):
            control = _CONTROL_IN_LINES if key == "exception" else _CONTROL
            record[key] = control.sub(" ", value)
    return record

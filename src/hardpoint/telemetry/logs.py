"""Structured logs: one record for each telemetry event, JSON unless a person is watching.

A record is named after the event's class (`EventReceived` becomes `event_received`) and carries
its fields; its attribute `severity` gives the level, `info` otherwise. Records made while a
handler runs carry its correlation id, the user's own structlog records included.
"""

import logging
import os
import re
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, ClassVar, TextIO, final

import msgspec
import structlog

from hardpoint.core.correlation import correlation_id
from hardpoint.core.logger import (
    CONTROL,
    LEVELS,
    LOGGER,
    facts_in,
    name_of,
    place_in,
    severity_of,
    shown,
)
from hardpoint.core.traces import trace_of
from hardpoint.core.tracing import trace_id_of, traceparent

_FIRST = ("timestamp", "level", "event")
_CONTROL_IN_LINES = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def configure(stream: TextIO | None = None, *, json: bool | None = None) -> "Logs":
    """Set structlog up for a service; gives the listener that writes to it.

    What reaches the standard logger `hardpoint` (of a policy used alone, say) is written there too,
    and goes no further: an application that prints all of `logging` would print it twice.

    Args:
        stream: where records go; standard error otherwise.
        json: a line of JSON a record; by default unless the stream is a terminal.
    """
    target = sys.stderr if stream is None else stream
    watched = target.isatty()
    lines = not watched if json is None else json
    ending: list[Any] = [
        _in_order,
        structlog.processors.JSONRenderer(ensure_ascii=False, separators=(",", ":")),
    ]
    if not lines:
        renderer = structlog.dev.ConsoleRenderer(
            colors=watched and "NO_COLOR" not in os.environ,
            # The richer one prints local variables: bodies, keys.
            exception_formatter=structlog.dev.plain_traceback,
        )
        ending = [_places_as_text, renderer]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _correlate,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _without_controls,
            *ending,
        ],
        wrapper_class=structlog.make_filtering_bound_logger("info"),
        logger_factory=structlog.PrintLoggerFactory(target),
        cache_logger_on_first_use=False,
    )
    logger = logging.getLogger(LOGGER)
    for one in filter(_ours, [*logger.handlers]):
        logger.removeHandler(one)
    logger.addHandler(_Handler())
    logger.propagate = False
    return Logs(target if lines else None)


def reset() -> None:
    """Undo `configure`: structlog and the standard logger are as they were at the start."""
    structlog.reset_defaults()
    logger = logging.getLogger(LOGGER)
    for one in filter(_ours, [*logger.handlers]):
        logger.removeHandler(one)
    logger.propagate = True


@final
class Logs:
    """A listener that writes a record for each event it is told, through structlog as configured.

    Args:
        lines: the line-buffered stream to which `configure` has structlog write JSON. The records
            that come by the thousand, of received events and finished attempts, then go there
            straight: the same records for a quarter of the time.
    """

    writes_log: ClassVar[bool] = True

    def __init__(self, lines: TextIO | None = None) -> None:
        self._log: Any = structlog.get_logger("hardpoint")
        self._lines = lines

    def __call__(self, event: object) -> None:
        """Write one record."""
        severity = severity_of(event)
        level = LEVELS[severity]
        if level < logging.INFO:
            return
        name = name_of(type(event))
        if self._lines is not None and hasattr(event, "correlation_id"):
            text = _encode(event).decode()
            if text.isprintable():
                if (parent := traceparent.get()) is not None:
                    text = f'{{"trace_id":"{trace_id_of(parent)}",{text[1:]}'
                time = datetime.now(UTC).isoformat(timespec="microseconds")[:-6]
                self._lines.write(
                    f'{{"timestamp":"{time}Z","level":"{severity}","event":"{name}",{text[1:]}\n'
                )
                return
        facts = msgspec.to_builtins(event, enc_hook=shown)  # without what is as by default
        if "event" in facts:  # an id; the word is taken by the record's name
            facts["event_id"] = facts.pop("event")
        self._log.log(level, name, **facts)


class _Handler(logging.Handler):
    """Writes what came through the standard logger as the other records are written."""

    def emit(self, record: logging.LogRecord) -> None:
        name, facts = facts_in(record)
        if record.exc_info and record.exc_info[1] is not None:
            facts["exception"] = trace_of(record.exc_info[1])
        structlog.get_logger(LOGGER).log(record.levelno, name, **facts)


def _ours(handler: logging.Handler) -> bool:
    return isinstance(handler, _Handler)


_encode = msgspec.json.Encoder(enc_hook=shown).encode


def _correlate(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    current = correlation_id.get()
    if current is not None:
        record.setdefault("correlation_id", current)
    if (parent := traceparent.get()) is not None:
        record.setdefault("trace_id", trace_id_of(parent))
    return record


def _in_order(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """The keys that every record has come first, as in the lines that are written straight."""
    first: dict[str, Any] = {key: record.pop(key) for key in _FIRST if key in record}
    return {**first, **record}


def _places_as_text(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    return {key: place_in(value) for key, value in record.items()}


def _without_controls(
    _logger: object, _method: str, record: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """Vendors' text reaches terminals: no escape sequence may stand in it."""
    for key, value in record.items():
        if isinstance(value, str):
            control = _CONTROL_IN_LINES if key == "exception" else CONTROL
            record[key] = control.sub(" ", value)
    return record

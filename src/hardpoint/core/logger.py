"""The standard logger `hardpoint`: where warnings and errors go whoever listens besides.

A record's message is the event's name and its facts; the same facts are attributes of the record
(`extra`), and a failure comes with its traceback (`exc_info`). Handlers, levels and formats are the
application's: nothing is configured here. Without any configuration `logging` writes the message
to standard error.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from typing import Any, Final, cast

from hardpoint.core.correlation import correlation_id
from hardpoint.core.traces import Place, trace_of
from hardpoint.core.tracing import trace_id_of, traceparent

LOGGER: Final = "hardpoint"
LEVELS: Final = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Vendors' text reaches terminals: none of these may stand in it."""

_PLACE = {one.name for one in fields(Place)}
_TAKEN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}
_WORD = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def write(event: object) -> None:
    """Write one record, as `logging` is configured."""
    logger = logging.getLogger(LOGGER)
    level = LEVELS[severity_of(event)]
    if not logger.isEnabledFor(level):
        return
    name, facts = name_of(type(event)), facts_of(event)
    facts.pop("exception", None)
    current = correlation_id.get()
    if current is not None:
        facts.setdefault("correlation_id", current)
    if (parent := traceparent.get()) is not None:
        facts.setdefault("trace_id", trace_id_of(parent))
    told = " ".join(
        f"{key}={_quoted(place_in(value))}" for key, value in facts.items() if value is not None
    )
    extra = {f"{key}_" if key in _TAKEN else key: value for key, value in facts.items()}
    error: BaseException | None = getattr(event, "exception", None)
    record = logger.makeRecord(
        LOGGER,
        level,
        __file__,
        0,
        "%s %s",
        (name, told),
        None if error is None else (type(error), error, error.__traceback__),
        write.__name__,
        {"event": name, **extra},
    )
    if error is not None:
        record.exc_text = trace_of(
            error
        )  # what every formatter of `logging` shows, if there is one
    logger.handle(record)


def facts_in(record: logging.LogRecord) -> tuple[str, dict[str, Any]]:
    """The name and the facts of an event in a record of ours, or of anybody's."""
    facts = {key: value for key, value in vars(record).items() if key not in _TAKEN}
    return facts.pop("event", record.getMessage()), facts


def severity_of(event: object) -> str:
    """How much an event matters; a key of `LEVELS`."""
    return getattr(event, "severity", "info")


@cache
def name_of(kind: type) -> str:
    """What a record of this class of events is called: `attempt_ended`."""
    return _WORD.sub("_", kind.__name__).lower()


def facts_of(event: object) -> dict[str, Any]:
    """An event's fields as plain values; an exception as its traceback."""
    facts = {name: _plain(getattr(event, name)) for name in _fields(type(event))}
    if "event" in facts:  # an id; the word is taken by the record's name
        facts["event_id"] = facts.pop("event")
    return facts


def place_in(fact: Any) -> Any:
    """A fact for people, who read a place in the code as one text; its parts are for machines."""
    if not isinstance(fact, dict):
        return fact
    parts = cast("dict[str, Any]", fact)
    return str(Place(**parts)) if parts.keys() == _PLACE else parts


def shown(value: object) -> str:
    """A field's value that is no plain one, as text."""
    return trace_of(value) if isinstance(value, BaseException) else repr(value)


def _plain(value: object) -> Any:
    if isinstance(value, Enum):
        return value.value
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, list | tuple):
        return [_plain(one) for one in cast("Sequence[object]", value)]
    names = _fields(type(value))
    return {name: _plain(getattr(value, name)) for name in names} if names else shown(value)


@cache
def _fields(kind: type) -> tuple[str, ...]:
    own: tuple[str, ...] = getattr(kind, "__struct_fields__", ())
    return tuple(one.name for one in fields(kind)) if is_dataclass(kind) else own


def _quoted(value: object) -> str:
    text = CONTROL.sub(" ", str(value))
    return repr(text) if " " in text or not text else text

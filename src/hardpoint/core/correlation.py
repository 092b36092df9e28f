"""The correlation id of what is being done now: from a request to its event, handlers and calls."""

import re
from contextvars import ContextVar

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""Set while a handler runs; log records and outbound calls carry it."""

_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def accepted(given: bytes) -> str | None:
    """An id that came with a request, when it is harmless to store and print; None otherwise."""
    return given.decode() if _GIVEN.fullmatch(given) else None

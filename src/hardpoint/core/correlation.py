"""The correlation id of what is being done now: from a request to its event, handlers and calls."""

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from hardpoint.core.tracing import traceparent

HEADER: Final = "x-request-id"
"""The header it comes in, and goes on in."""

correlation_id: ContextVar[str | None] = ContextVar("correlation_id", default=None)
"""Set while a handler runs; log records and outbound calls carry it."""

_GIVEN = re.compile(rb"[A-Za-z0-9._-]{1,64}")


def accepted(given: bytes) -> str | None:
    """An id that came with a request, when it is harmless to store and print; None otherwise."""
    return given.decode() if _GIVEN.fullmatch(given) else None


def given_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The id that came with a request: in `x-request-id`, else in `x-correlation-id`."""
    given = None
    for name, value in headers:
        if name == b"x-request-id":
            return accepted(value)
        if name == b"x-correlation-id":
            given = accepted(value)
    return given


@contextmanager
def correlated(identifier: str) -> Generator[str | None]:
    """What is done within the block has this correlation id: its records, calls and their headers.

        with correlated(request.headers["x-request-id"]):
            await hub.payments("billing").create_payment(...)

    Args:
        identifier: letters, digits, `.`, `_` and `-`, at most 64; anything else is left out, since
            it would stand in headers and logs: what was there before goes on.
    """
    known = accepted(identifier.encode("utf-8", "replace")) or correlation_id.get()
    before = correlation_id.set(known)
    try:
        yield known
    finally:
        correlation_id.reset(before)


def carried() -> tuple[tuple[str, str], ...]:
    """The headers that tell the other side what a request belongs to; none where nobody knows."""
    current, parent = correlation_id.get(), traceparent.get()
    if current is None and parent is None:
        return ()
    told = ((HEADER, current), ("traceparent", parent))
    return tuple((name, value) for name, value in told if value is not None)

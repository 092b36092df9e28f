"""Spans, as far as the layers need to know of them: whoever listens may bring a `Tracer`.

A listener with an attribute `tracer` has the layers begin a span where something begins that takes
time: a request that was verified, an attempt of a handler, a call and each of its attempts. Without
one nothing of it is done. `telemetry/opentelemetry.py` makes them for OpenTelemetry.
"""

import re
from collections.abc import Mapping, Sequence
from contextvars import ContextVar
from typing import Literal, Protocol

SpanKind = Literal["server", "client", "consumer", "internal"]
SpanFacts = Mapping[str, str | int | float | bool | None]
"""What is said of a span, by the names of OpenTelemetry's conventions; None says nothing."""

traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)
"""The span in whose time this runs, as the header `traceparent` has it; outbound calls carry it."""

_GIVEN = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


class OpenSpan(Protocol):
    """A span that has begun."""

    @property
    def recorded(self) -> bool:
        """Whether anybody will see it: of another nothing need be said."""
        ...

    @property
    def traceparent(self) -> str:
        """What a process elsewhere continues it by (W3C Trace Context)."""
        ...

    def enter(self) -> None:
        """Make it the one that what is begun from now on belongs to."""
        ...

    def leave(self) -> None:
        """Undo `enter`, in the same context."""
        ...

    def end(self, facts: SpanFacts, *, error: str | None = None) -> None:
        """It is over.

        Args:
            facts: what is known by now.
            error: the stable name of what went wrong; None where nothing did.
        """
        ...


class Tracer(Protocol):
    """Begins spans."""

    def begin(
        self,
        kind: SpanKind,
        name: str,
        facts: SpanFacts,
        *,
        parent: str | None = None,
        links: Sequence[str] = (),
        started_at: float | None = None,
    ) -> OpenSpan:
        """Begin one.

        Args:
            kind: see OpenTelemetry.
            name: of few different values.
            facts: what is known already.
            parent: a `traceparent` to go on from; empty: none; None: the span that is entered.
            links: spans that it has to do with, likewise.
            started_at: Unix seconds; now otherwise.
        """
        ...


def traceparent_in(given: bytes) -> str | None:
    """A header's value, where it is a `traceparent` that we can go on from; None otherwise."""
    return given.decode() if _GIVEN.fullmatch(given) else None


def trace_id_of(parent: str) -> str:
    """The id of the trace that a `traceparent` belongs to."""
    return parent.split("-", 2)[1]

"""What is told of one call and its attempts: events, spans, and what went over the wire."""

from collections.abc import Iterable
from contextvars import Token
from typing import final

from hardpoint.calls.events import AttemptEnded, CallEnded, QuotaHeard
from hardpoint.core.correlation import correlation_id
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.events import Listeners
from hardpoint.core.tracing import OpenSpan
from hardpoint.http.exchanges import SeenExchange, exchange
from hardpoint.resilience.recognition import Quota

_REQUEST_ID = (b"request-id", b"requestid")
"""How the headers end that hold the vendor's id of a request."""


@final
class CallWatch:
    """One call, watched; made only where somebody listens.

    Args:
        connection: its name.
        provider, operation: what is called.
        clock, ids: effects.
        listeners: told `AttemptEnded` and `CallEnded`.
        key: its idempotency key.
        entered: whether its spans are those of what runs meanwhile; not where it is left in
            another context than it was entered in, as a stream may be.
    """

    __slots__ = (
        "_attempt",
        "_attempts",
        "_began",
        "_call",
        "_clock",
        "_entered",
        "_exchange",
        "_facts",
        "_id",
        "_key",
        "_last",
        "_listeners",
        "_names",
        "_started",
        "_token",
    )

    def __init__(
        self,
        connection: str,
        provider: str,
        operation: str,
        *,
        clock: Clock,
        ids: Ids,
        listeners: Listeners,
        key: str | None = None,
        entered: bool = True,
    ) -> None:
        self._names = (connection, provider, operation)
        self._clock = clock
        self._listeners = listeners
        self._key = key
        self._entered = entered
        self._id = ids()
        self._attempts = 0
        self._started = self._began = clock.monotonic()
        self._exchange = SeenExchange()
        self._token: Token[SeenExchange | None] | None = None
        self._attempt: OpenSpan | None = None
        self._last: str | None = None
        self._call: OpenSpan | None = None
        self._facts: dict[str, str | int | float | bool | None] = {}
        if (tracer := listeners.tracer) is not None:
            self._facts = {
                "hardpoint.connection": connection,
                "hardpoint.provider": provider,
                "hardpoint.operation": operation,
                "hardpoint.call.id": self._id,
                "hardpoint.correlation_id": correlation_id.get(),
            }
            self._call = tracer.begin("internal", f"{connection} {operation}", self._facts)
            if entered:
                self._call.enter()

    def begin_attempt(self, seen: SeenExchange | None = None) -> None:
        """An attempt begins; `seen` where it is known already what goes over the wire."""
        self._attempts += 1
        self._exchange = seen or SeenExchange()
        self._token = exchange.set(self._exchange) if seen is None else None
        if (tracer := self._listeners.tracer) is not None and self._call is not None:
            self._attempt = tracer.begin(
                "client",
                self._names[2],
                {**self._facts, "http.request.resend_count": self._attempts - 1 or None},
                parent=None if self._entered else self._call.traceparent,
                links=() if self._last is None else (self._last,),
            )
            self._last = self._attempt.traceparent
            if self._entered:
                self._attempt.enter()
        self._began = self._clock.monotonic()

    def end_attempt(
        self, error: str | None, *, status: int | None = None, request_id: str | None = None
    ) -> None:
        """It has ended.

        Args:
            error: see `AttemptEnded`.
            status: as the error has it; else it is the answer's.
            request_id: likewise.
        """
        seconds = self._clock.monotonic() - self._began
        if self._token is not None:
            exchange.reset(self._token)
            self._token = None
        seen = self._exchange
        connection, provider, operation = self._names
        status = seen.status if status is None else status
        if request_id is None:
            request_id = request_id_in(seen.headers)
        if (span := self._attempt) is not None:
            self._attempt = None
            if self._entered:
                span.leave()
            span.end({**seen.facts(status), "hardpoint.request_id": request_id}, error=error)
        self._listeners.emit(
            AttemptEnded(
                call_id=self._id,
                connection=connection,
                provider=provider,
                operation=operation,
                attempt=self._attempts,
                seconds=seconds,
                error=error,
                method=seen.method,
                url=seen.url,
                status=status,
                request_id=request_id,
                correlation_id=correlation_id.get(),
            )
        )

    def end(self, error: str | None) -> None:
        """The call has ended."""
        connection, provider, operation = self._names
        if (span := self._call) is not None:
            if self._entered:
                span.leave()
            span.end({"hardpoint.attempts": self._attempts}, error=error)
        self._listeners.emit(
            CallEnded(
                call_id=self._id,
                connection=connection,
                provider=provider,
                operation=operation,
                attempts=self._attempts,
                seconds=self._clock.monotonic() - self._started,
                error=error,
                key=self._key,
                correlation_id=correlation_id.get(),
            )
        )


def tell_quota(listeners: Listeners, connection: str, quota: Quota) -> None:
    """Tell what an answer said of a limit."""
    if listeners.active:
        listeners.emit(
            QuotaHeard(
                connection=connection,
                remaining=quota.remaining,
                limit=quota.limit,
                reset_in=quota.reset_in,
            )
        )


def request_id_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The vendor's id of a request, as the headers of its answer have it."""
    for name, value in headers:
        if name.lower().endswith(_REQUEST_ID):
            return value.decode("latin-1")[:_REQUEST_ID_MAX]
    return None


_REQUEST_ID_MAX = 200

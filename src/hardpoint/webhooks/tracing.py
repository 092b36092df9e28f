"""Spans of a webhook: of the request that brought it, of its commit, and of every attempt."""

from collections import OrderedDict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Final, final

from hardpoint.core.tracing import OpenSpan, SpanFacts, Tracer, traceparent_in
from hardpoint.store.driver import FORWARD, Accepted, Lease, LeaseName, Outcome
from hardpoint.webhooks.answers import Answer

HEADER: Final = "traceparent"
"""The header that a trace comes in, and is stored in beside the event."""
_REMEMBERED: Final = 10_000
"""How many jobs' last attempts are known, for the next attempt's link."""
_BAD: Final = 500
_AGAIN: Final = frozenset({Outcome.FAILED, Outcome.DEFERRED})
_WELL: Final = frozenset({Outcome.DONE, Outcome.SKIPPED})


def given_trace(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """The trace that a request belongs to, as its sender says."""
    found = [value for name, value in headers if name == b"traceparent"]
    return traceparent_in(found[0]) if len(found) == 1 else None


def is_recorded(parent: str) -> bool:
    """Whether anybody will see what belongs to this trace."""
    return bool(int(parent[-2:], 16) & 1)


def begin_reception(
    tracer: Tracer,
    source: str,
    parent: str | None,
    started_at: float,
    done: Callable[[Answer], None],
) -> tuple[str, Callable[[Answer], None]]:
    """The span of a verified request, until it is answered.

    Args:
        tracer: begins it.
        source: whose.
        parent: what the request says that it belongs to.
        started_at: when it came.
        done: takes the answer.

    Returns:
        What is stored with its events, and what takes the answer in place of `done`.
    """
    facts: SpanFacts = {
        "http.request.method": "POST",
        "http.route": "/webhooks/{source}",
        "hardpoint.source": source,
    }
    name = "POST /webhooks/{source}"
    span = tracer.begin("server", name, facts, parent=parent or "", started_at=started_at)
    if not span.recorded:
        return span.traceparent, done

    def answered(answer: Answer) -> None:
        status = answer.status
        error = str(status) if status >= _BAD else None
        span.end({"http.response.status_code": status}, error=error)
        done(answer)

    return span.traceparent, answered


@final
class CommitSpan:
    """An event on its way into the store."""

    __slots__ = ("_span",)

    def __init__(self, tracer: Tracer, engine: str, parent: str) -> None:
        self._span = tracer.begin(
            "client",
            "INSERT hardpoint_event",
            {
                "db.system.name": engine,
                "db.operation.name": "INSERT",
                "db.collection.name": "hardpoint_event",
            },
            parent=parent,
        )

    def settled(self, result: Accepted | Exception) -> None:
        """The store has committed it, or will not take it."""
        if isinstance(result, Accepted):
            facts = {"hardpoint.event.id": result.id, "hardpoint.stored": result.stored.value}
            self._span.end(facts)
        else:
            self._span.end({}, error=type(result).__name__)


@final
class AttemptSpans:
    """The spans of handlers' attempts: in the trace of the event, whatever process runs them.

    A further attempt links to the one before if this process has made that.
    """

    def __init__(self) -> None:
        self._open: dict[LeaseName, OpenSpan] = {}
        self._last: OrderedDict[tuple[str, str], str] = OrderedDict()

    @contextmanager
    def attempt(self, tracer: Tracer, lease: Lease) -> Generator[None]:
        """An attempt, from its begin; what it does belongs to its span."""
        name = (lease.event.id, lease.handler, lease.fence)
        span = self._open[name] = self._begin(tracer, lease)
        span.enter()
        try:
            yield
        finally:
            span.leave()
            if self._open.pop(name, None) is not None:
                span.end({}, error="cancelled")

    def ended(self, lease: Lease, outcome: Outcome, failure: BaseException | None) -> None:
        """How an attempt has ended; a job that is through has no further one."""
        event, handler = lease.event.id, lease.handler
        span = self._open.pop((event, handler, lease.fence), None)
        if span is None:
            return
        if outcome not in _AGAIN:
            self._last.pop((event, handler), None)
        error = None
        if outcome not in _WELL:
            error = outcome.value if failure is None else type(failure).__qualname__
        span.end({"hardpoint.outcome": outcome.value}, error=error)

    def _begin(self, tracer: Tracer, lease: Lease) -> OpenSpan:
        event, name = lease.event, (lease.event.id, lease.handler)
        before = self._last.pop(name, None)
        parent = event.headers.get(HEADER, "")
        links = [one for one in (before,) if one is not None]
        facts: SpanFacts = {
            "messaging.system": "hardpoint",
            "messaging.operation.type": "process",
            "messaging.operation.name": "forward" if lease.handler == FORWARD else "handle",
            "messaging.destination.name": event.source,
            "messaging.consumer.group.name": lease.handler,
            "messaging.message.id": event.id,
            "messaging.message.body.size": len(event.body),
            "messaging.message.conversation_id": event.correlation_id,
            "hardpoint.event.type": event.type,
            "hardpoint.attempt": lease.fence,
        }
        span = tracer.begin("consumer", f"handle {event.source}", facts, parent=parent, links=links)
        self._last[name] = span.traceparent
        if len(self._last) > _REMEMBERED:
            self._last.popitem(last=False)
        return span

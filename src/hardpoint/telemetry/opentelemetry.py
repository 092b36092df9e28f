"""Spans and metrics for OpenTelemetry, by its conventions for HTTP, messaging and databases.

    hub = Hub.load(listeners=[OpenTelemetry()])

One trace goes from the request that brings a webhook over the store to its handlers and their
calls, also when another process goes on: the span is stored with the event. Extra `otel`; where
spans go is said to OpenTelemetry's SDK, as always.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import Token
from random import getrandbits, random
from typing import Any, Final, final
from urllib.parse import urlsplit

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.tracing import OpenSpan, SpanFacts, SpanKind, traceparent

try:
    from opentelemetry import context, metrics, trace
    from opentelemetry.context import Context
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import (
        Link,
        NonRecordingSpan,
        Span,
        SpanContext,
        Status,
        StatusCode,
        TraceFlags,
        TracerProvider,
    )
except ModuleNotFoundError as error:
    raise ConfigurationError(
        "otel", "the extra is not installed", fix="pip install 'hardpoint[otel]'"
    ) from error

_KINDS: Final = {
    "server": trace.SpanKind.SERVER,
    "client": trace.SpanKind.CLIENT,
    "consumer": trace.SpanKind.CONSUMER,
    "internal": trace.SpanKind.INTERNAL,
}
_SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
"""The buckets that OpenTelemetry's conventions advise for durations."""

Facts = Mapping[str, str | int | float | bool]


@final
class OpenTelemetry:
    """A listener that makes spans and metrics.

    Args:
        tracer_provider: makes the spans; the global one otherwise.
        meter_provider: takes the metrics; likewise.
        database: what `db.system.name` says; `postgresql` where the store is one.
        share: of the traces that begin here, how many are recorded: 0.01 is one in a hundred. The
            others cost next to nothing, where a sampler of the SDK's is asked for each span. A
            trace that came with a request is recorded if its sender says so.

    Attributes:
        tracer: has the layers begin spans; see `core/tracing.py`.

    Raises:
        ConfigurationError: the extra `otel` is not installed.
    """

    def __init__(
        self,
        *,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
        database: str = "sqlite",
        share: float = 1.0,
    ) -> None:
        if not 0 <= share <= 1:
            raise ConfigurationError("share", "is not between 0 and 1")
        tracer = trace.get_tracer("hardpoint", tracer_provider=tracer_provider)
        self.tracer = SpanMaker(tracer, share)
        meter = metrics.get_meter("hardpoint", meter_provider=meter_provider)
        self._database = database

        def seconds(name: str, description: str) -> Callable[[float, Facts], None]:
            made = meter.create_histogram(
                name, "s", description, explicit_bucket_boundaries_advisory=_SECONDS
            )
            return made.record

        def count(name: str, description: str) -> Callable[[float, Facts], None]:
            made = meter.create_counter(name, description=description)
            return lambda amount, facts: made.add(int(amount), facts)

        self._served = seconds("http.server.request.duration", "Webhooks, until they were stored.")
        self._called = seconds("http.client.request.duration", "Attempts of calls out.")
        self._handled = seconds("messaging.process.duration", "Attempts of handlers.")
        self._committed = seconds("db.client.operation.duration", "Commits of the store.")
        self._refused = count("hardpoint.webhook.refusals", "Requests that were refused.")
        self._calls = count("hardpoint.calls", "Calls out, whatever their attempts.")
        self._circuits = count("hardpoint.circuit.changes", "Circuits that changed their state.")
        self._rules: dict[str, Callable[[Any], None]] = {
            "EventReceived": self._event_received,
            "RequestsRefused": self._requests_refused,
            "HandlerFinished": self._handler_finished,
            "AttemptEnded": self._attempt_ended,
            "CallEnded": self._call_ended,
            "CircuitChanged": self._circuit_changed,
            "BatchCommitted": self._batch_committed,
        }

    def __call__(self, event: object) -> None:
        """Count what an event says; what is no measure is passed over."""
        rule = self._rules.get(type(event).__name__)
        if rule is not None:
            rule(event)

    def _event_received(self, event: Any) -> None:
        facts = {
            "http.request.method": "POST",
            "http.route": "/webhooks/{source}",
            "http.response.status_code": 200,
            "url.scheme": "http",
            "hardpoint.stored": event.stored.value,
        }
        self._served(event.seconds, facts)

    def _requests_refused(self, event: Any) -> None:
        self._refused(event.count, {"hardpoint.reason": event.reason})

    def _handler_finished(self, event: Any) -> None:
        facts = {
            "messaging.system": "hardpoint",
            "messaging.operation.name": "forward" if event.handler == "forward" else "handle",
            "messaging.consumer.group.name": event.handler,
            "hardpoint.outcome": event.outcome.value,
        }
        self._handled(event.seconds, facts)

    def _attempt_ended(self, event: Any) -> None:
        facts: dict[str, str | int] = {
            "hardpoint.connection": event.connection,
            "hardpoint.operation": event.operation,
        }
        if event.method is not None:
            facts["http.request.method"] = event.method
        if event.url is not None:
            facts["server.address"] = urlsplit(str(event.url)).hostname or ""
        if event.status is not None:
            facts["http.response.status_code"] = event.status
        if event.error is not None:
            facts["error.type"] = event.error
        self._called(event.seconds, facts)

    def _call_ended(self, event: Any) -> None:
        facts = {"hardpoint.connection": event.connection, "hardpoint.operation": event.operation}
        if event.error is not None:
            facts["error.type"] = event.error
        self._calls(1, facts)

    def _circuit_changed(self, event: Any) -> None:
        self._circuits(1, {"hardpoint.policy": event.policy, "hardpoint.state": event.after})

    def _batch_committed(self, event: Any) -> None:
        facts = {
            "db.system.name": self._database,
            "db.operation.name": "COMMIT",
            "hardpoint.batch": event.kind,
        }
        self._committed(event.seconds, facts)


@final
class SpanMaker:
    """A `Tracer` over OpenTelemetry's.

    Args:
        tracer: OpenTelemetry's.
        share: see `OpenTelemetry`.
    """

    def __init__(self, tracer: trace.Tracer, share: float = 1.0) -> None:
        self._tracer = tracer
        self._share = share

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
        """See `Tracer`."""
        if parent:
            if not int(parent[-2:], 16) & TraceFlags.SAMPLED:
                return UnrecordedSpan(parent)
        elif self._share < 1 and _is_root(parent) and random() >= self._share:  # noqa: S311 - chance, no secret
            return UnrecordedSpan(f"00-{getrandbits(128) | 1:032x}-{getrandbits(64) | 1:016x}-00")
        span = self._tracer.start_span(
            name,
            context=_context_of(parent),
            kind=_KINDS[kind],
            attributes=_said(facts),
            links=[Link(_span_context(one)) for one in links],
            start_time=None if started_at is None else int(started_at * 1e9),
        )
        return SdkSpan(span)


@final
class UnrecordedSpan:
    """An `OpenSpan` of a trace that nobody records: it is gone on with, and that is all."""

    __slots__ = ("_attached", "_before", "traceparent")
    recorded = False

    def __init__(self, parent: str) -> None:
        self.traceparent = parent
        self._attached: Token[Context] | None = None
        self._before: Token[str | None] | None = None

    def enter(self) -> None:
        """See `OpenSpan`; what others begin within is not recorded either."""
        span = NonRecordingSpan(_span_context(self.traceparent))
        self._attached = context.attach(trace.set_span_in_context(span))
        self._before = traceparent.set(self.traceparent)

    def leave(self) -> None:
        """See `OpenSpan`."""
        if self._before is not None and self._attached is not None:
            traceparent.reset(self._before)
            context.detach(self._attached)
            self._before = self._attached = None

    def end(self, facts: SpanFacts, *, error: str | None = None) -> None:
        """See `OpenSpan`."""


@final
class SdkSpan:
    """An `OpenSpan` over OpenTelemetry's."""

    __slots__ = ("_attached", "_before", "_span")

    def __init__(self, span: Span) -> None:
        self._span = span
        self._attached: Token[Context] | None = None
        self._before: Token[str | None] | None = None

    @property
    def recorded(self) -> bool:
        """See `OpenSpan`."""
        return self._span.is_recording()

    @property
    def traceparent(self) -> str:
        """See `OpenSpan`."""
        own = self._span.get_span_context()
        return f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"

    def enter(self) -> None:
        """See `OpenSpan`."""
        self._attached = context.attach(trace.set_span_in_context(self._span))
        self._before = traceparent.set(self.traceparent)

    def leave(self) -> None:
        """See `OpenSpan`."""
        if self._before is not None and self._attached is not None:
            traceparent.reset(self._before)
            context.detach(self._attached)
            self._before = self._attached = None

    def end(self, facts: SpanFacts, *, error: str | None = None) -> None:
        """See `OpenSpan`."""
        span = self._span
        if span.is_recording():
            span.set_attributes(_said(facts))
            if error is not None:
                span.set_attribute("error.type", error)
                span.set_status(Status(StatusCode.ERROR))
        span.end()


def _is_root(parent: str | None) -> bool:
    """Whether a span belongs to nothing that was there before."""
    return parent == "" or not trace.get_current_span().get_span_context().is_valid


def _said(facts: SpanFacts) -> Facts:
    return {name: value for name, value in facts.items() if value is not None}


def _context_of(parent: str | None) -> Context | None:
    """None: what is current; else a context of that span alone."""
    if parent is None:
        return None
    if not parent:
        return Context()
    return trace.set_span_in_context(NonRecordingSpan(_span_context(parent)), Context())


def _span_context(parent: str) -> SpanContext:
    _, trace_id, span_id, flags = parent.split("-")
    return SpanContext(
        int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(int(flags, 16))
    )

"""The inbox: verify on raw bytes, store, then answer; never the other way round."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, final

from hardpoint.core.correlation import given_in
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import StoreUnavailableError, WebhookError
from hardpoint.core.events import Listeners
from hardpoint.core.identifiers import routed
from hardpoint.core.traces import place_of_defect, summary_of
from hardpoint.store.driver import (
    Accepted,
    Event,
    Lease,
    NewEvent,
    Refusals,
    Stored,
    lane_of,
)
from hardpoint.store.keys import key_of, routing_hash
from hardpoint.webhooks.answers import (
    METHOD_NOT_ALLOWED,
    STORED,
    TOO_LARGE,
    UNAUTHORIZED,
    UNAVAILABLE,
    Answer,
)
from hardpoint.webhooks.delivery import VerifiedDelivery
from hardpoint.webhooks.fetched_keys import KeyFetch, KeyNeededError, KeyUnavailableError
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.key_fetching import KeyFetching
from hardpoint.webhooks.reception import (
    REPEATS,
    TO_LOOK_AT,
    ReceptionFault,
    RefusalCounts,
    received,
)
from hardpoint.webhooks.replies import REPLY_SECONDS, ReplyFunctions, Replying
from hardpoint.webhooks.sources import UNKNOWN_SOURCE, Source, Sources
from hardpoint.webhooks.tracing import CommitSpan, begin_reception, given_trace, is_recorded
from hardpoint.webhooks.verification import (
    Arrival,
    Notification,
    Reply,
    Verified,
    WebhookRequest,
)
from hardpoint.webhooks.worker import Worker


class AcceptingStore(Protocol):
    """What receiving needs of a store; see `InboxStore`."""

    def accept(self, event: NewEvent, done: Callable[[Accepted | Exception], None]) -> None:
        """Store an event durably; `done` is called in this loop once it is."""
        ...

    async def refuse(self, counts: Sequence[Refusals]) -> None:
        """Add to the counters of refused requests."""
        ...


@final
class Inbox:
    """Takes requests for all sources and hands new events to the worker.

    Args:
        store: where events become durable.
        handlers: who wants which event.
        worker: runs them.
        clock: for signatures' windows and records.
        ids: for events.
        listeners: told `EventReceived`, `RequestsRefused`, `ReceptionFault` and `ReplyFailed`.
        fetch: gets the keys that vendors publish; an `Untrusted`.
        engine: what spans call the store.
        replies: who says something in the answer itself.
    """

    def __init__(
        self,
        store: AcceptingStore,
        handlers: Handlers,
        worker: Worker,
        *,
        clock: Clock,
        ids: Ids,
        listeners: Listeners,
        fetch: KeyFetch | None = None,
        engine: str = "sqlite",
        replies: ReplyFunctions | None = None,
    ) -> None:
        self._store = store
        self._engine = engine
        self._handlers = handlers
        self._worker = worker
        self._clock = clock
        self._ids = ids
        self._listeners = listeners
        self._keys = KeyFetching(fetch, clock)
        self.replies = ReplyFunctions() if replies is None else replies
        self._replying = Replying(clock, listeners)
        self._sources = Sources({})
        self._refusals = RefusalCounts()

    def configure(self, sources: Mapping[str, Source]) -> None:
        """Replace all sources at once."""
        self._sources = Sources(sources)

    @property
    def body_bytes_max(self) -> int:
        """See `Receiver`."""
        return self._sources.body_bytes_max

    def now(self) -> float:
        """When something comes in now, in Unix seconds."""
        return self._clock.now()

    def refused(self, source: str, reason: str) -> None:
        """See `Receiver`."""
        name = source if source in self._sources else UNKNOWN_SOURCE
        self._refusals.add(name, reason, self._clock.now())

    def greeting(
        self, source: str, headers: Sequence[tuple[bytes, bytes]], arrival: Arrival
    ) -> Answer:
        """See `Receiver`."""
        request = WebhookRequest.raw(arrival.method, "", headers, b"", arrival=arrival)
        reply = self._sources[source].greeting(request)
        return METHOD_NOT_ALLOWED if reply is None else _answer(reply)

    def submit(
        self,
        source: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        done: Callable[[Answer], None],
        arrival: Arrival | None = None,
    ) -> None:
        """See `Receiver`."""
        known = self._sources[source]
        request = WebhookRequest.raw("POST", "", headers, body, arrival=arrival)
        self._verify(source, known, request, done, first=True)

    def _verify(
        self,
        source: str,
        known: Source,
        request: WebhookRequest,
        done: Callable[[Answer], None],
        *,
        first: bool,
    ) -> None:
        """Verify a request, and once more after the key that it names was fetched."""
        now = self._clock.now()
        try:
            verified = known.scheme.verify(request, now=now)
        except KeyNeededError as needed:
            if first:
                self._keys.wait(
                    needed,
                    len(request.body),
                    lambda fetched: self._fetched(source, known, request, done, fetched=fetched),
                )
            else:  # of the keys that were fetched for others it is none, or too much was asked
                self._unavailable(source, request, done)
        except KeyUnavailableError:
            self._unavailable(source, request, done)
        except WebhookError as error:
            self._sources.refuse(known, error, request.body, now)
            self.refused(source, error.reason)
            done(UNAUTHORIZED.to(given_in(request.headers)))
        except Exception as error:  # noqa: BLE001 - the vendor must come again, not hear a 500
            self._fault(source, "verify", type(error).__qualname__, error)
            done(UNAVAILABLE.to(given_in(request.headers)))
        else:
            if known.keys is not None:
                self._keys.refresh(known.keys)
            self.admit(known, request, verified, now, done)

    def _fetched(
        self,
        source: str,
        known: Source,
        request: WebhookRequest,
        done: Callable[[Answer], None],
        *,
        fetched: bool,
    ) -> None:
        if fetched:
            self._verify(source, known, request, done, first=False)
        else:
            self._unavailable(source, request, done)

    def _unavailable(
        self, source: str, request: WebhookRequest, done: Callable[[Answer], None]
    ) -> None:
        """Nobody can tell whether it is genuine: the vendor is to come again."""
        self.refused(source, KeyUnavailableError.reason)
        done(UNAVAILABLE.to(given_in(request.headers)))

    def admit(
        self,
        source: Source,
        request: WebhookRequest,
        verified: Verified,
        now: float,
        done: Callable[[Answer], None],
    ) -> None:
        """Answer a handshake, or store every event; acknowledged when all of them are.

        Beside requests so comes what a queue gave, whose source says which headers are kept.
        """
        if len(request.body) > source.body_bytes_max:
            # Said only to who is trusted: before, there is one cap for all.
            self.refused(source.name, "too_large")
            done(TOO_LARGE.to(given_in(request.headers)))
        elif verified.reply is not None:
            done(_answer(verified.reply).to(given_in(request.headers)))
        else:
            if verified.heard is not None:
                done = _hearing(_answer(verified.heard), done)
            trace = None
            if (tracer := self._listeners.tracer) is not None:
                parent = given_trace(request.headers)
                trace, done = begin_reception(tracer, source.name, parent, now, done)
            began = self._clock.monotonic()
            delivery = VerifiedDelivery(
                source, request, verified, now, done, began=began, trace=trace
            )
            delivery.store(lambda event, answer: self._store_one(delivery, event, answer))

    def _store_one(
        self,
        delivery: VerifiedDelivery,
        notification: Notification,
        answer: Callable[[Answer], None],
    ) -> None:
        event = self._event(delivery, notification)
        admission = _Admission(self, event, delivery, answer)
        tracer, trace = self._listeners.tracer, delivery.trace
        if tracer is not None and trace is not None and is_recorded(trace):
            admission.span = CommitSpan(tracer, self._engine, trace)
        try:
            self._store.accept(event, admission)
        except Exception as error:  # noqa: BLE001 - it is judged where all results are
            admission(error)

    def _event(self, delivery: VerifiedDelivery, notification: Notification) -> NewEvent:
        source, verified = delivery.source.name, delivery.verified
        body = delivery.body if notification.body is None else notification.body
        malformed = notification.malformed or verified.malformed
        body_sha256 = verified.covered or hashlib.sha256(body).digest()
        vendor_id, account = notification.id or None, notification.account
        asserted = notification.asserted
        key = key_of(
            vendor_id, account, body_sha256, asserted=asserted, malformed=malformed is not None
        )
        route = routing_hash(source, key, body_sha256, asserted=asserted)
        identifier = routed(self._ids(), route)
        names = () if malformed else self._handlers.matching(source, notification.type)
        return NewEvent(
            id=identifier,
            source=source,
            vendor_id=vendor_id,
            type=notification.type,
            account=account,
            asserted=asserted,
            received_at=delivery.now,
            signed_at=verified.signed_at,
            correlation_id=delivery.given or identifier,
            headers=delivery.headers,
            body=body,
            body_sha256=body_sha256,
            malformed=malformed,
            handlers=names,
            lease=bool(names) and self._worker.reserve(names, source),
        )

    def _settle(self, admission: "_Admission", result: Accepted | Exception) -> None:
        """The store has committed the event, or will not take it."""
        event = admission.event
        new = isinstance(result, Accepted) and result.stored is Stored.NEW
        if event.lease and new:
            self._worker.start(_leases(admission.stored, event.handlers))
        elif event.lease:
            self._worker.unreserve(event.handlers, event.source)
        elif event.handlers and new:
            self._worker.notify(event.handlers, event.source)
        if isinstance(result, Accepted):
            if result.stored in REPEATS:
                self.refused(event.source, result.stored.value)
            if self._listeners.active or result.stored in TO_LOOK_AT:
                seconds = max(0.0, self._clock.now() - event.received_at)
                self._listeners.emit(received(event, result, admission.secret, seconds))
            known = new or admission.delivery.given is not None
            self._acknowledge(admission, new=new, told=event.correlation_id if known else result.id)
        else:
            self.refused(event.source, "unavailable")
            if not isinstance(result, StoreUnavailableError):
                self._fault(event.source, "store", summary_of(result), result)
            admission.done(UNAVAILABLE.to(event.correlation_id))

    def _acknowledge(self, admission: "_Admission", *, new: bool, told: str) -> None:
        """Say that it is stored, or what somebody replies to a new one that came alone."""
        event, delivery = admission.event, admission.delivery
        function = self.replies.matching(event.source, event.type) if new else None
        if function is None or len(delivery.verified.events) != 1:
            admission.done(STORED.to(told))
            return
        self._replying.begin(
            function,
            admission.stored,
            until=delivery.began + REPLY_SECONDS,
            scheme=delivery.source.scheme,
            done=lambda answer: admission.done((answer or STORED).to(told)),
        )

    def close(self) -> None:
        """End the replies that are under way, with the vendors' defaults."""
        self._replying.close()

    def _fault(self, source: str, doing: str, told: str, error: Exception) -> None:
        place = place_of_defect(error)
        self._listeners.emit(ReceptionFault(source=source, doing=doing, error=told, place=place))

    async def flush(self) -> None:
        """Write the counters of refused and repeated requests.

        Raises:
            StoreUnavailableError: the counts are kept for the next time.
        """
        await self._refusals.flush(self._store.refuse, self._listeners)


@final
class _Admission:
    """One event between its verification and the answer; called with the store's result."""

    __slots__ = ("_inbox", "delivery", "done", "event", "secret", "span")

    def __init__(
        self,
        inbox: Inbox,
        event: NewEvent,
        delivery: VerifiedDelivery,
        done: Callable[[Answer], None],
    ) -> None:
        self._inbox = inbox
        self.event = event
        self.delivery = delivery
        self.secret = delivery.verified.key
        self.done = done
        self.span: CommitSpan | None = None

    @property
    def stored(self) -> Event:
        """The event as handlers see it."""
        event = self.event
        return Event(
            id=event.id,
            source=event.source,
            vendor_id=event.vendor_id,
            type=event.type,
            account=event.account,
            received_at=event.received_at,
            correlation_id=event.correlation_id,
            headers=self.delivery.kept,
            body=event.body,
        )

    def __call__(self, result: Accepted | Exception) -> None:
        if self.span is not None:
            self.span.settled(result)
        self._inbox._settle(self, result)


def _answer(reply: Reply) -> Answer:
    return Answer(status=reply.status, headers=reply.headers, body=reply.body)


def _hearing(stored: Answer, done: Callable[[Answer], None]) -> Callable[[Answer], None]:
    """Answers so, once all is stored."""
    return lambda answer: done(
        stored.to(answer.request_id.decode()) if answer == STORED else answer
    )


def _leases(stored: Event, handlers: Sequence[str]) -> list[Lease]:
    return [
        Lease(event=stored, handler=name, lane=lane_of(name, stored.source), fence=1)
        for name in handlers
    ]

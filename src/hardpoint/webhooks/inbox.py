"""The inbox: verify on raw bytes, store, then answer; never the other way round."""

import hashlib
import hmac
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Protocol, final

import msgspec

from hardpoint.core import correlation
from hardpoint.core.effects import Clock, Ids
from hardpoint.core.errors import SignatureMismatchError, StoreUnavailableError, WebhookError
from hardpoint.core.events import Listeners
from hardpoint.store.driver import (
    Accepted,
    Event,
    InboxStore,
    Lease,
    NewEvent,
    Refusals,
    Stored,
)
from hardpoint.webhooks.answers import STORED, UNAUTHORIZED, UNAVAILABLE, Answer
from hardpoint.webhooks.handlers import Handlers
from hardpoint.webhooks.verification import (
    BODY_BYTES_MAX,
    Notification,
    Verified,
    WebhookRequest,
)
from hardpoint.webhooks.worker import Worker

UNKNOWN_SOURCE = "(unknown)"
"""Requests to sources that do not exist are counted together: their names are the caller's."""


class Verifier(Protocol):
    """What the inbox asks of a `Scheme`."""

    stored_headers: frozenset[bytes]

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """See `Scheme`."""
        ...


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A configured source of webhooks, its keys prepared."""

    name: str
    scheme: Verifier
    body_bytes_max: int


class EventReceived(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A verified event was committed, or found to be there already."""

    event_id: str
    source: str
    type: str
    vendor_id: str | None
    correlation_id: str
    stored: Stored
    body_bytes: int
    secret: int
    """Which of the source's secrets matched, counted from 0."""
    quarantine: str | None = None

    @property
    def severity(self) -> str:
        """For the log."""
        return "info" if self.stored in {Stored.NEW, Stored.DUPLICATE} else "warning"


class RequestsRefused(msgspec.Struct, frozen=True, kw_only=True):
    """Requests were refused since the counters were last written."""

    severity: ClassVar[str] = "warning"
    source: str
    reason: str
    count: int


class ReceptionFault(msgspec.Struct, frozen=True, kw_only=True):
    """A scheme or the store raised what it never may: a defect. The vendor is to come again."""

    severity: ClassVar[str] = "error"
    source: str
    doing: str
    """`verify` or `store`."""
    error: str


@final
class Inbox:
    """Takes requests for all sources and hands new events to the worker.

    Args:
        store: where events become durable.
        handlers: who wants which event.
        worker: runs them.
        clock: for signatures' windows and records.
        ids: for events.
        listeners: told `EventReceived`, `RequestsRefused` and `ReceptionFault`.
    """

    def __init__(
        self,
        store: InboxStore,
        handlers: Handlers,
        worker: Worker,
        *,
        clock: Clock,
        ids: Ids,
        listeners: Listeners,
    ) -> None:
        self._store = store
        self._handlers = handlers
        self._worker = worker
        self._clock = clock
        self._ids = ids
        self._listeners = listeners
        self._sources: Mapping[str, Source] = {}
        self._refusals: Counter[tuple[str, str, int]] = Counter()
        self._decoy = os.urandom(32)

    def configure(self, sources: Mapping[str, Source]) -> None:
        """Replace all sources at once."""
        self._sources = sources

    def body_bytes_max(self, source: str) -> int:
        """See `Receiver`."""
        return self._sources.get(source, _NOBODY).body_bytes_max

    def refused(self, source: str, reason: str) -> None:
        """See `Receiver`."""
        name = source if source in self._sources else UNKNOWN_SOURCE
        self._refusals[name, reason, int(self._clock.now()) // 60] += 1

    def submit(
        self,
        source: str,
        headers: Sequence[tuple[bytes, bytes]],
        body: bytes,
        done: Callable[[Answer], None],
    ) -> None:
        """See `Receiver`."""
        known = self._sources.get(source, _NOBODY)
        request = WebhookRequest.raw("POST", "", headers, body)
        now = self._clock.now()
        try:
            verified = known.scheme.verify(request, now=now)
        except WebhookError as error:
            if not isinstance(error, SignatureMismatchError):
                # As long as a real comparison: what a source is called is not to be measured.
                hmac.digest(self._decoy, body, "sha256")
            self.refused(source, error.reason)
            done(UNAUTHORIZED)
        except Exception as error:  # noqa: BLE001 - the vendor must come again, not hear a 500
            self._fault(source, "verify", type(error).__qualname__)
            done(UNAVAILABLE)
        else:
            self._admit(known, request, verified, now, done)

    def _admit(
        self,
        source: Source,
        request: WebhookRequest,
        verified: Verified,
        now: float,
        done: Callable[[Answer], None],
    ) -> None:
        """Answer a handshake, or store every event; acknowledged when all of them are."""
        if verified.reply is not None:
            reply = verified.reply
            done(Answer(status=reply.status, headers=reply.headers, body=reply.body))
            return
        kept, given = _headers(source.scheme, request.headers)
        notifications = verified.events or (_MALFORMED,)
        settle = done if len(notifications) == 1 else _Tally(len(notifications), done)
        for notification in notifications:
            body = request.body if notification.body is None else notification.body
            identifier = self._ids()
            names = ()
            if verified.malformed is None:
                names = self._handlers.matching(source.name, notification.type)
            event = NewEvent(
                id=identifier,
                source=source.name,
                vendor_id=notification.id or None,
                type=notification.type,
                account=notification.account,
                asserted=notification.asserted,
                received_at=now,
                signed_at=verified.signed_at,
                correlation_id=given or identifier,
                headers=msgspec.json.encode(kept),
                body=body,
                body_sha256=hashlib.sha256(body).digest(),
                malformed=verified.malformed,
                handlers=names,
                lease=bool(names) and self._worker.reserve(names),
            )
            admission = _Admission(self, event, kept, verified.key, settle)
            try:
                self._store.accept(event, admission)
            except Exception as error:  # noqa: BLE001 - it is judged where all results are
                admission(error)

    def _settle(self, admission: "_Admission", result: Accepted | Exception) -> None:
        """The store has committed the event, or will not take it."""
        event = admission.event
        new = isinstance(result, Accepted) and result.stored is Stored.NEW
        if event.lease and new:
            self._worker.start(_leases(event, admission.headers))
        elif event.lease:
            self._worker.unreserve(event.handlers)
        elif event.handlers and new:
            self._worker.notify()
        if isinstance(result, Accepted):
            if result.stored in _REPEATS:
                self.refused(event.source, result.stored.value)
            if self._listeners:
                self._listeners.emit(_received(event, result, admission.secret))
            admission.done(STORED)
        else:
            self.refused(event.source, "unavailable")
            if not isinstance(result, StoreUnavailableError):
                self._fault(event.source, "store", f"{type(result).__qualname__}: {result}")
            admission.done(UNAVAILABLE)

    def _fault(self, source: str, doing: str, error: str) -> None:
        self._listeners.emit(ReceptionFault(source=source, doing=doing, error=error))

    async def flush(self) -> None:
        """Write the counters of refused and repeated requests: a row a source, reason and minute.

        Raises:
            StoreUnavailableError: the counts are kept for the next time.
        """
        counts, self._refusals = self._refusals, Counter()
        if not counts:
            return
        rows = [
            Refusals(source, reason, minute, count)
            for (source, reason, minute), count in counts.items()
        ]
        try:
            await self._store.refuse(rows)
        except StoreUnavailableError:
            self._refusals.update(counts)
            raise
        for row in rows:
            if row.reason not in _REPEATS:
                self._listeners.emit(
                    RequestsRefused(source=row.source, reason=row.reason, count=row.count)
                )


@final
class _Admission:
    """One event between its verification and the answer; called with the store's result."""

    __slots__ = ("_inbox", "done", "event", "headers", "secret")

    def __init__(
        self,
        inbox: Inbox,
        event: NewEvent,
        headers: dict[str, str],
        secret: int,
        done: Callable[[Answer], None],
    ) -> None:
        self._inbox = inbox
        self.event = event
        self.headers = headers
        self.secret = secret
        self.done = done

    def __call__(self, result: Accepted | Exception) -> None:
        self._inbox._settle(self, result)


class _UnknownSourceError(WebhookError):
    """There is no such source."""

    reason = "unknown_source"


@final
class _Nobody:
    """The scheme of sources that do not exist: nothing verifies."""

    stored_headers: frozenset[bytes] = frozenset()

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        raise _UnknownSourceError


_NOBODY = Source(name=UNKNOWN_SOURCE, scheme=_Nobody(), body_bytes_max=BODY_BYTES_MAX)
_MALFORMED = Notification(id="", type="")
_REPEATS = frozenset({Stored.DUPLICATE, Stored.CONFLICT})


@final
class _Tally:
    """Answers once, when the last of several events is settled; the worst answer wins."""

    __slots__ = ("_answer", "_done", "_left")

    def __init__(self, count: int, done: Callable[[Answer], None]) -> None:
        self._left = count
        self._done = done
        self._answer = STORED

    def __call__(self, answer: Answer) -> None:
        self._left -= 1
        if answer.status > self._answer.status:
            self._answer = answer
        if self._left == 0:
            self._done(self._answer)


def _headers(
    scheme: Verifier, headers: Sequence[tuple[bytes, bytes]]
) -> tuple[dict[str, str], str | None]:
    """The headers that may be kept, and the correlation id that came with them."""
    kept: dict[str, str] = {}
    given = None
    for name, value in headers:
        if name in scheme.stored_headers:
            kept[name.decode("latin-1")] = value.decode("latin-1")
        elif name == b"x-request-id":
            given = correlation.accepted(value)
    return kept, given


def _leases(event: NewEvent, headers: dict[str, str]) -> list[Lease]:
    stored = Event(
        id=event.id,
        source=event.source,
        vendor_id=event.vendor_id,
        type=event.type,
        account=event.account,
        received_at=event.received_at,
        correlation_id=event.correlation_id,
        headers=headers,
        body=event.body,
    )
    return [Lease(event=stored, handler=name, fence=1) for name in event.handlers]


def _received(event: NewEvent, result: Accepted, secret: int) -> EventReceived:
    return EventReceived(
        event_id=result.id,
        source=event.source,
        type=event.type,
        vendor_id=event.vendor_id,
        correlation_id=event.correlation_id,
        stored=result.stored,
        body_bytes=len(event.body),
        secret=secret,
        quarantine=event.malformed,
    )

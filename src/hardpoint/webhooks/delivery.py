"""A verified request on its way into the store: what its events share, and its one answer."""

from collections.abc import Callable, Sequence
from typing import final

import msgspec

from hardpoint.core import correlation
from hardpoint.core.tracing import traceparent_in
from hardpoint.webhooks.answers import STORED, Answer
from hardpoint.webhooks.sources import Source, Verifier
from hardpoint.webhooks.verification import Notification, Verified, WebhookRequest

EVENTS_AT_ONCE = 200
"""Of one request, into the store: the next ones follow when these are committed."""

_MALFORMED = Notification(id="", type="")


@final
class VerifiedDelivery:
    """A verified request.

    Attributes:
        kept: the headers that may be stored.
        headers: the same as they are stored.
        given: the correlation id that came with them.
        began: when it was verified, by the clock's `monotonic`.
        done: takes the answer, once.
        trace: the span of the request, where there is one; it is stored with the events.
    """

    __slots__ = (
        "_left",
        "began",
        "body",
        "done",
        "given",
        "headers",
        "kept",
        "now",
        "source",
        "trace",
        "verified",
    )

    def __init__(
        self,
        source: Source,
        request: WebhookRequest,
        verified: Verified,
        now: float,
        done: Callable[[Answer], None],
        *,
        trace: str | None = None,
        began: float,
    ) -> None:
        self.source = source
        self.body = request.body
        self.verified = verified
        self.trace = trace
        self.kept, self.given = _headers(source.scheme, request.headers)
        if trace is not None:
            self.kept["traceparent"] = trace
        self.headers = msgspec.json.encode(self.kept)
        self.now = now
        self.began = began
        self.done = done
        self._left = verified.events or (_MALFORMED,)

    def store(self, one: Callable[[Notification, Callable[[Answer], None]], None]) -> None:
        """Store the events, some at a time, each lot committed before the next.

        A request that breaks off in between was not acknowledged: it comes again, its first events
        are duplicates by then, and the others go on from there.

        Args:
            one: stores an event; its callback takes the answer it alone would have.
        """
        if len(self._left) == 1:  # as nearly always
            one(self._left[0], self.done)
            return
        some, self._left = self._left[:EVENTS_AT_ONCE], self._left[EVENTS_AT_ONCE:]

        def go_on(answer: Answer) -> None:
            if answer == STORED:
                self.store(one)
            else:
                self.done(answer)

        answer = _Tally(len(some), go_on if self._left else self.done)
        for notification in some:
            one(notification, answer)


@final
class _Tally:
    """Answers once, when the last of several events is answered; the worst answer wins."""

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
        elif name == b"x-correlation-id":
            given = given or correlation.accepted(value)
        elif name == b"traceparent" and (trace := traceparent_in(value)) is not None:
            kept["traceparent"] = trace
    return kept, given

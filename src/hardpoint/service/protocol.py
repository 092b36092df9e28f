"""The shortcut: a webhook goes from the parser to the receiver, without ASGI and without a task.

It is taken when no earlier request of the connection is unanswered; otherwise, and for any other
path or method, the ASGI application answers.
"""

import asyncio
from functools import lru_cache
from typing import cast, final

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

from hardpoint.core.correlation import given_in
from hardpoint.hub.asgi import source_of
from hardpoint.service.connection import (
    BODY,
    HEAD,
    IDLE,
    LEAVING,
    GuardedProtocol,
    request_path,
)
from hardpoint.service.guard import IngressGuard
from hardpoint.webhooks.answers import TOO_LARGE, UNAVAILABLE, Answer, Receiver
from hardpoint.webhooks.verification import Arrival


class _Unheard:
    """An event that nobody waits for."""

    def set(self) -> None:
        pass


@final
class InboxProtocol(GuardedProtocol):
    """One connection of the public listener.

    Args:
        receiver: where webhooks go.
        guard: shared by all connections of the listener.
        config: its application answers everything else.
    """

    def __init__(self, receiver: Receiver, guard: IngressGuard, config: Config) -> None:
        super().__init__(guard, config)
        self._receiver = receiver

    def on_headers_complete(self) -> None:
        """See whether this is a webhook whose turn it is."""
        if self._unanswered or self._stage != HEAD or self.parser.get_method() != b"POST":
            super().on_headers_complete()
            return
        source = _route(self.url)
        if source is None:
            super().on_headers_complete()
        elif self._admit():
            self._take(source)

    def _take(self, source: str) -> None:
        """Begin to read a webhook."""
        headers, self.headers = self.headers, []
        webhook = self.cycle = _Webhook(
            source,
            headers,
            body_bytes_max=self._receiver.body_bytes_max,
            keep_alive=self.parser.should_keep_alive() and self._version == "1.1",
            protocol=self,
        )
        if self._length > webhook.body_bytes_max:
            self._refuse(webhook.refused(TOO_LARGE), "too_large")
        elif self._expects:
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        """A piece of the body, counted."""
        webhook = self.cycle
        if type(webhook) is not _Webhook:
            super().on_body(body)
        elif self._stage == BODY:
            self._fed = 0
            webhook.size += len(body)
            if webhook.size > webhook.body_bytes_max:
                self._refuse(webhook.refused(TOO_LARGE), "too_large")
            elif not self._guard.bodies.take(webhook, len(body)):
                self._refuse(webhook.refused(UNAVAILABLE), "bodies")
            elif webhook.size == len(body):
                webhook.first = body
            elif webhook.rest is None:
                webhook.rest = bytearray(body)
            else:
                webhook.rest += body

    def on_message_complete(self) -> None:
        """The whole webhook is here."""
        webhook = self.cycle
        if type(webhook) is not _Webhook:
            super().on_message_complete()
        elif self._stage == BODY:
            self._fed = 0
            self._stage = IDLE
            self._guard.bodies.complete(webhook)
            body = webhook.whole()
            arrival = Arrival(
                query=self.url.partition(b"?")[2], peer=self.client[0] if self.client else ""
            )
            self._receiver.submit(webhook.source, webhook.headers, body, webhook.done, arrival)

    def connection_lost(self, exc: Exception | None) -> None:
        """A webhook that was coming in will not be whole; one that was is stored all the same."""
        webhook = self.cycle
        if type(webhook) is _Webhook and self._stage == BODY:
            webhook.drop()
            self._guard.bodies.release(webhook)
        super().connection_lost(exc)

    def make_way(self) -> None:
        """Give the webhook that is coming in up, for others."""
        self._refuse(UNAVAILABLE, "bodies")

    def _abandon(self) -> bool:
        webhook = self.cycle
        if type(webhook) is _Webhook:
            webhook.drop()
            self._guard.bodies.release(webhook)
        return super()._abandon()

    def webhook_answered(self, webhook: "_Webhook", answer: Answer) -> None:
        """Say what the receiver said."""
        self._guard.bodies.release(webhook)
        if not webhook.response_complete:
            webhook.response_started = webhook.response_complete = True
            self._answered(answer, webhook.keep_alive)

    def _answered(self, answer: Answer, keep_alive: bool) -> None:
        if not self.transport.is_closing():
            last = self._guard.draining or not keep_alive
            self.transport.write(self._guard.wire(answer, last=last))
            if last:
                self._close()
        self.on_response_complete()

    def _source(self) -> str:
        return _route(self.url) or ""

    def eof_received(self) -> bool:  # pyright: ignore[reportIncompatibleMethodOverride] - asyncio allows it
        """A client that has said all it wants may still listen: it gets its answers."""
        if self._unanswered and self._stage in {IDLE, LEAVING}:
            self._heard_all = True
            self._finish(self._last or b"")
            return True
        return False

    def pause_writing(self) -> None:
        """Answers are tiny: a client that lets them pile up does not mean to read them."""
        self.transport.abort()


@final
class _Webhook(RequestResponseCycle):
    """A webhook on its way: what uvicorn looks at in a cycle, and what the receiver needs."""

    message_event = cast("asyncio.Event", _Unheard())

    def __init__(
        self,
        source: str,
        headers: list[tuple[bytes, bytes]],
        *,
        body_bytes_max: int,
        keep_alive: bool,
        protocol: InboxProtocol,
    ) -> None:
        # Not uvicorn's own: nothing of it serves here, and it costs more than all the rest.
        self.response_started = False
        self.response_complete = False
        self.disconnected = False
        self.keep_alive = keep_alive
        self.source = source
        self.headers = headers
        self.body_bytes_max = body_bytes_max
        self.size = 0
        self.first = b""
        self.rest: bytearray | None = None
        self.held = 0
        self._protocol = protocol

    def whole(self) -> bytes:
        """The body, which it keeps no longer."""
        body = self.first if self.rest is None else b"".join((self.first, self.rest))
        self.drop()
        return body

    def refused(self, answer: Answer) -> Answer:
        """An answer of ours, with the id that came with it."""
        return answer.to(given_in(self.headers))

    def drop(self) -> None:
        """Let go of what has come."""
        self.first, self.rest = b"", None

    def give_way(self) -> None:
        """See `Body`."""
        self._protocol.make_way()

    def done(self, answer: Answer) -> None:
        """Take the receiver's answer; nobody hears it where the request was given up."""
        self._protocol.webhook_answered(self, answer)


@lru_cache(maxsize=128)
def _route(target: bytes) -> str | None:
    """The source a request target names."""
    path = request_path(target)
    return None if path is None else source_of(path)

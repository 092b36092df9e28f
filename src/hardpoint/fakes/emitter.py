"""Webhooks of a fake vendor: signed as the vendor signs, sent in good order or in bad.

emitter = Emitter(StripeWebhooks(secrets=[secret]))
emitter.emit("evt_1", "payment_intent.succeeded", body)          # the fake does this
emitter.deliver(url, Chaos(duplicates=2, shuffled=True))         # the test does this
emitter.follow(url)                                              # or each as it comes
"""

import queue
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol, final

import msgspec

from hardpoint.core.errors import HardpointError
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.messages import Request
from hardpoint.runtime.blocking import run


class Signer(Protocol):
    """A scheme's signing half."""

    def sign(
        self, body: bytes, *, now: float, event_id: str, event_type: str
    ) -> Sequence[tuple[str, str]]:
        """The headers that prove where the body comes from."""
        ...


class Emission(msgspec.Struct, frozen=True, kw_only=True):
    """One webhook that is to be sent."""

    event_id: str
    event_type: str
    body: bytes
    content_type: str = "application/json"


class Chaos(msgspec.Struct, frozen=True, kw_only=True):
    """How webhooks arrive when things are not in order.

    Attributes:
        duplicates: how often each comes again.
        shuffled: in an order of chance, from `seed`.
        late: seconds that the signed time lies back.
        forged: with a signature of other bytes.
    """

    duplicates: int = 0
    shuffled: bool = False
    late: float = 0.0
    forged: bool = False
    seed: int = 0


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one: the receiver's status, or 0 where there was no answer."""

    event_id: str
    status: int


_ORDERLY = Chaos()
_END = Emission(event_id="", event_type="", body=b"")


@final
class Emitter:
    """Holds what a vendor has to say until it is delivered.

    Args:
        signer: the vendor's scheme with the secret of the receiving endpoint.
        now: Unix seconds, for the signed time.
    """

    def __init__(self, signer: Signer, *, now: Callable[[], float] = time.time) -> None:
        self._signer = signer
        self._now = now
        self._waiting: queue.SimpleQueue[Emission] = queue.SimpleQueue()
        self._transport = BlockingTransport()
        self._follower: threading.Thread | None = None

    def emit(
        self, event_id: str, event_type: str, body: bytes, content_type: str = "application/json"
    ) -> None:
        """Something happened that the receiver is to be told. Any thread may call it."""
        self._waiting.put(
            Emission(event_id=event_id, event_type=event_type, body=body, content_type=content_type)
        )

    def pending(self) -> list[Emission]:
        """Take all that waits, oldest first."""
        found: list[Emission] = []
        while True:
            try:
                found.append(self._waiting.get_nowait())
            except queue.Empty:
                return found

    def deliver(self, url: str, chaos: Chaos = _ORDERLY) -> list[Delivered]:
        """Send all that waits, now; gives what was answered, in the order of sending."""
        sending = [one for one in self.pending() for _ in range(1 + chaos.duplicates)]
        if chaos.shuffled:
            random.Random(chaos.seed).shuffle(sending)  # noqa: S311 - repeatable on purpose
        return [self.send(url, one, chaos) for one in sending]

    def send(self, url: str, emission: Emission, chaos: Chaos = _ORDERLY) -> Delivered:
        """Send one, once."""
        signed = emission.body + b" " if chaos.forged else emission.body
        headers = self._signer.sign(
            signed,
            now=self._now() - chaos.late,
            event_id=emission.event_id,
            event_type=emission.event_type,
        )
        request = Request(
            method="POST",
            url=url,
            headers=(("content-type", emission.content_type), *headers),
            body=emission.body,
        )
        try:
            status = run(self._transport.send(request)).status
        except HardpointError:
            status = 0
        return Delivered(event_id=emission.event_id, status=status)

    def follow(self, url: str, chaos: Chaos = _ORDERLY) -> None:
        """Send each as it comes, from a thread, until `close`."""

        def send_each() -> None:
            while (emission := self._waiting.get()) is not _END:
                for _ in range(1 + chaos.duplicates):
                    self.send(url, emission, chaos)

        self._follower = threading.Thread(target=send_each, name="emitter", daemon=True)
        self._follower.start()

    def close(self) -> None:
        """Send what waits where one follows, then end."""
        if self._follower is not None:
            self._waiting.put(_END)
            self._follower.join()
        self._transport.close()

"""Webhooks of a fake vendor: signed as the vendor signs, sent in good order or in bad.

emitter = Emitter(StripeWebhooks(secrets=[secret]))
emitter.emit("evt_1", "payment_intent.succeeded", body)          # the fake does this
emitter.deliver(url, Chaos(duplicates=2, shuffled=True))         # the test does this
emitter.follow(url)                                              # or each as it comes
"""

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol, final, runtime_checkable

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
        shuffled: in a random order.
        late: seconds that the signed time lies back.
        forged: with a signature of other bytes, in place of the good one.
        share: how many of them it happens to, from 0 to 1; the others come in good order.
        seed: of all that is random here.
    """

    duplicates: int = 0
    shuffled: bool = False
    late: float = 0.0
    forged: bool = False
    share: float = 1.0
    seed: int = 0


class Delivered(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one: the receiver's status, or 0 where there was no answer."""

    event_id: str
    event_type: str
    status: int

    def __str__(self) -> str:
        """`webhook thing.happened evt_1 -> 200`."""
        return f"webhook {self.event_type} {self.event_id} -> {self.status or 'no answer'}"


ORDERLY = Chaos()
_GATHER_SECONDS = 0.25
"""How long one that comes is held, where they are shuffled as they come, for others to overtake."""


def _ignore(_: Delivered) -> None:
    """Nobody wants to know."""


@runtime_checkable
class AddressSigner(Protocol):
    """Signs for the address that a body goes to."""

    def at(self, url: str) -> Signer:
        """The signer for an address."""
        ...


@final
class Emitter:
    """Holds what a vendor has to say until it is delivered.

    Args:
        signer: the vendor's scheme with the secret of the receiving endpoint; an `AddressSigner`
            too, where the vendor signs the address.
        now: Unix seconds, for the signed time.
    """

    def __init__(self, signer: Signer, *, now: Callable[[], float] = time.time) -> None:
        self._signer = signer
        self._now = now
        self._waiting: deque[Emission] = deque()
        self._changed = threading.Condition()
        self._ended = False
        self._transport = BlockingTransport()
        self._follower: threading.Thread | None = None

    def emit(
        self, event_id: str, event_type: str, body: bytes, content_type: str = "application/json"
    ) -> None:
        """Something happened that the receiver is to be told. Any thread may call it."""
        emission = Emission(
            event_id=event_id, event_type=event_type, body=body, content_type=content_type
        )
        with self._changed:
            self._waiting.append(emission)
            self._changed.notify()

    def waiting(self) -> tuple[Emission, ...]:
        """All that waits, oldest first; it goes on waiting."""
        with self._changed:
            return tuple(self._waiting)

    def pending(self) -> list[Emission]:
        """Take all that waits, oldest first."""
        with self._changed:
            found = list(self._waiting)
            self._waiting.clear()
        return found

    def deliver(self, url: str, chaos: Chaos = ORDERLY) -> list[Delivered]:
        """Send all that waits, now; gives what was answered, in the order of sending."""
        generator = random.Random(chaos.seed)  # noqa: S311 - repeatable on purpose
        return [self.send(url, one, how) for one, how in _planned(self.pending(), chaos, generator)]

    def send(self, url: str, emission: Emission, chaos: Chaos = ORDERLY) -> Delivered:
        """Send one, once."""
        headers = tuple(self.headers(emission, chaos, url=url))
        request = Request(method="POST", url=url, headers=headers, body=emission.body)
        try:
            status = run(self._transport.send(request)).status
        except HardpointError:
            status = 0
        return Delivered(event_id=emission.event_id, event_type=emission.event_type, status=status)

    def headers(
        self, emission: Emission, chaos: Chaos = ORDERLY, *, url: str | None = None
    ) -> list[tuple[str, str]]:
        """What one is sent with, signed now; `url` is where to, for a vendor that signs it."""
        signer = self._signer
        if url is not None and isinstance(signer, AddressSigner):
            signer = signer.at(url)
        proof = signer.sign(
            emission.body + b" " if chaos.forged else emission.body,
            now=self._now() - chaos.late,
            event_id=emission.event_id,
            event_type=emission.event_type,
        )
        return [("content-type", emission.content_type), *proof]

    def follow(
        self, url: str, chaos: Chaos = ORDERLY, told: Callable[[Delivered], object] = _ignore
    ) -> None:
        """Send each as it comes, from a thread, until `close`.

        Args:
            url: where to.
            chaos: how; shuffled ones are held for a moment, so that others may overtake them.
            told: hears of each, on that thread.
        """
        generator = random.Random(chaos.seed)  # noqa: S311 - repeatable on purpose

        def send_each() -> None:
            while come := self._come(gathering=chaos.shuffled):
                for emission, how in _planned(come, chaos, generator):
                    told(self.send(url, emission, how))

        self._follower = threading.Thread(target=send_each, name="emitter", daemon=True)
        self._follower.start()

    def close(self) -> None:
        """Send what waits where one follows, then end."""
        if self._follower is not None:
            with self._changed:
                self._ended = True
                self._changed.notify()
            self._follower.join()
        self._transport.close()

    def _come(self, *, gathering: bool) -> list[Emission]:
        """Wait for some and take them; empty at the end."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._ended)
            if gathering:
                self._changed.wait_for(lambda: self._ended, timeout=_GATHER_SECONDS)
        return self.pending()


def _planned(
    emissions: Iterable[Emission], chaos: Chaos, generator: random.Random
) -> list[tuple[Emission, Chaos]]:
    """What is sent, and how, in the order of sending."""
    sending: list[tuple[Emission, Chaos]] = []
    for one in emissions:
        struck = chaos.share >= 1 or generator.random() < chaos.share
        how = chaos if struck else ORDERLY
        sending += [(one, how)] * (1 + how.duplicates)
    if chaos.shuffled:
        generator.shuffle(sending)
    return sending

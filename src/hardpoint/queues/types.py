"""The values of the queue port."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import msgspec

from hardpoint.core.errors import ProviderError
from hardpoint.http.redaction import Discreet

_NONE: Mapping[str, str] = {}
_MASKS: Mapping[str, Callable[[Any], str]] = {
    "body": lambda body: f"<{len(body)} bytes>",
    "attributes": lambda named: f"{sorted(named)}",
    "receipt": lambda _: "...",
}


class NewQueueMessage(Discreet, frozen=True, kw_only=True):
    """A message to be sent; shown without what it says.

    Attributes:
        body: its bytes.
        attributes: texts beside it, by names of letters, digits, `_`, `-` and `.`.
        delay: seconds for which nobody receives it.
        group: messages of one group are received in their order, one after another.
        idempotency_key: of this message alone, where many are sent at a time.
    """

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = _MASKS

    body: bytes
    attributes: Mapping[str, str] = _NONE
    delay: int = 0
    group: str | None = None
    idempotency_key: str | None = None


class SentMessage(msgspec.Struct, frozen=True, kw_only=True):
    """The provider has the message.

    Attributes:
        id: the provider's, with which it is received too.
    """

    id: str


class QueueMessage(Discreet, frozen=True, kw_only=True):
    """A message that was received, and that nobody else receives for a while.

    Attributes:
        id: the provider's; the same each time the message is received.
        body: its bytes.
        attributes: texts beside it; bytes that another program put there come as their base64.
        receipt: proves to the provider that it was received here; new each time.
        attempts: how often it was received, this time included; None where nobody counts.
        sent_at: Unix seconds; None where the provider does not say.
        group: whose order it keeps.
    """

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = _MASKS

    id: str
    body: bytes
    receipt: str
    attributes: Mapping[str, str] = _NONE
    attempts: int | None = None
    sent_at: float | None = None
    group: str | None = None


class SendResults(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each of several messages, in the order in which they were given.

    Attributes:
        outcomes: `SentMessage`, or the error of that message alone.
    """

    outcomes: Sequence[SentMessage | ProviderError]

    @property
    def failures(self) -> Mapping[int, ProviderError]:
        """Those that were not sent, or of which nobody knows it, by their places from 0."""
        return {
            place: one for place, one in enumerate(self.outcomes) if isinstance(one, ProviderError)
        }

    def check(self) -> None:
        """Raise the first failure, if there is one.

        Raises:
            ProviderError: of the first message that failed, with a note that counts them.
        """
        failures = self.failures
        for place, error in failures.items():
            error.add_note(f"message {place}; {len(failures)} of {len(self.outcomes)} failed")
            raise error


QueueHandler = Callable[[QueueMessage], Awaitable[None] | None]
"""Handles one message: returns when it is done, raises when it is not."""


class StopFlag(Protocol):
    """An `Event` of `threading` or `asyncio`."""

    def is_set(self) -> bool:
        """Whether to stop."""
        ...

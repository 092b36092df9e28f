"""What a provider's queue must offer: one attempt each, errors mapped, nothing decided."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.core.errors import ProviderError
from hardpoint.queues.types import NewQueueMessage, QueueMessage, SentMessage


class QueueCapability(StrEnum):
    """What not every provider can do."""

    ATTRIBUTES = "attributes"
    """Texts go along with a message."""
    DELAY = "delay"
    """A message may wait before anybody receives it."""
    GROUPS = "groups"
    """Messages of a group are received in order."""
    DEAD_LETTER = "dead_letter"
    """A message can be put aside, with a reason."""


class QueueDriver(Driver, Protocol):
    """A provider's queue. Ids are the provider's own.

    Limits read by the port: `body_bytes` (of a message, counted by `size`), `batch_messages`,
    `batch_bytes`, `receive_messages`, `wait_seconds`, `hidden_seconds`, `delay_seconds`,
    `attributes`.

    Raises (every verb):
        ProviderError: what the provider's table of errors has for a refusal. Where the answer is
            lost or cannot be read, an error whose `outcome_known` is False.
    """

    @property
    def hidden_seconds(self) -> int:
        """For how long a received message is nobody else's where `receive` does not say."""
        ...

    @property
    def needs_group(self) -> bool:
        """Whether every message has to name its group."""
        ...

    def size(self, new: NewQueueMessage) -> int:
        """How many bytes of a limit it takes."""
        ...

    async def send(self, new: NewQueueMessage, *, idempotency_key: str) -> SentMessage:
        """Send one."""
        ...

    async def send_many(
        self, news: Sequence[NewQueueMessage], *, idempotency_keys: Sequence[str]
    ) -> Sequence[SentMessage | ProviderError]:
        """Send several in one request; what became of each, in their order.

        Raises:
            ProviderError: of the request as a whole.
        """
        ...

    async def receive(self, *, most: int, wait: int, hidden: int) -> Sequence[QueueMessage]:
        """Up to so many; if there is none, as soon as there is, or none after `wait` seconds."""
        ...

    async def ack(self, message: QueueMessage) -> None:
        """It is done; it is not received any more.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        ...

    async def hide(self, message: QueueMessage, seconds: int) -> QueueMessage:
        """Nobody receives it for so long from now on; 0: anybody may. With its receipt from now on.

        Raises:
            NotFoundError, PreconditionFailedError: it is somebody else's by now, or gone.
        """
        ...

    async def dead_letter(self, message: QueueMessage, reason: str) -> None:
        """Put it aside, where a person looks; it is not received any more."""
        ...

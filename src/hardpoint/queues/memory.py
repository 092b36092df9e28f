"""A queue in memory: the reference that says what every driver has to mean."""

import time
from collections.abc import Callable, Sequence
from collections.abc import Set as AbstractSet
from typing import final

import msgspec

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import InvalidRequestError, NotFoundError, ProviderError
from hardpoint.fakes.answers import Answers
from hardpoint.fakes.memory import MemoryAccount
from hardpoint.queues.driver import QueueCapability
from hardpoint.queues.types import NewQueueMessage, QueueMessage, SentMessage

UNSENDABLE = b"unsendable"
"""The body that is refused, as a provider refuses what it alone knows to be wrong."""

_LIMITS = {
    "body_bytes": 64 * 1024,
    "batch_messages": 10,
    "batch_bytes": 256 * 1024,
    "receive_messages": 10,
    "wait_seconds": 20,
    "hidden_seconds": 12 * 3600,
    "delay_seconds": 900,
    "attributes": 10,
}


class _Held(msgspec.Struct):
    message: QueueMessage
    visible_at: float
    attempts: int = 0


@final
class MemoryQueue(MemoryAccount[object]):
    """A queue that lives as long as this object. It never waits for messages.

    Args:
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less.
        idempotency: whether it honours keys.
        hidden_seconds: for how long a received message is nobody else's.
        needs_group: whether every message has to name its group.

    Attributes:
        dead: what was put aside, each with its reason.
    """

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[QueueCapability] = frozenset(QueueCapability),
        idempotency: Idempotency = Idempotency.NATIVE,
        hidden_seconds: int = 30,
        needs_group: bool = False,
    ) -> None:
        super().__init__(capabilities, idempotency, _LIMITS, now)
        self.hidden_seconds = hidden_seconds
        self.needs_group = needs_group
        self.dead: list[tuple[QueueMessage, str]] = []
        self._held: dict[str, _Held] = {}
        self._answers = Answers[SentMessage]()
        self._count = 0

    @property
    def messages(self) -> tuple[QueueMessage, ...]:
        """Those that are not done, oldest first."""
        return tuple(one.message for one in self._held.values())

    def size(self, new: NewQueueMessage) -> int:
        """The body, and all texts beside it."""
        named = sum(len(one.encode()) + len(text.encode()) for one, text in new.attributes.items())
        return len(new.body) + named

    async def send(self, new: NewQueueMessage, *, idempotency_key: str) -> SentMessage:
        """Keep it."""
        self.requests += 1
        return self._sent(new, idempotency_key)

    async def send_many(
        self, news: Sequence[NewQueueMessage], *, idempotency_keys: Sequence[str]
    ) -> Sequence[SentMessage | ProviderError]:
        """Keep them."""
        self.requests += 1
        outcomes: list[SentMessage | ProviderError] = []
        for new, key in zip(news, idempotency_keys, strict=True):
            try:
                outcomes.append(self._sent(new, key))
            except ProviderError as error:
                outcomes.append(error)
        return outcomes

    async def receive(self, *, most: int, wait: int, hidden: int) -> Sequence[QueueMessage]:
        """The oldest that are nobody's; of each group the first one alone."""
        self.requests += 1
        found: list[QueueMessage] = []
        groups: set[str] = set()
        for held in self._held.values():
            group = held.message.group
            if len(found) == most:
                break
            if group is not None:
                if group in groups:
                    continue
                groups.add(group)
            if held.visible_at <= self._now():
                held.attempts += 1
                held.visible_at = self._now() + hidden
                held.message = msgspec.structs.replace(
                    held.message,
                    attempts=held.attempts,
                    receipt=f"{held.message.id}#{held.attempts}",
                )
                found.append(held.message)
        return found

    async def ack(self, message: QueueMessage) -> None:
        """Forget it."""
        self.requests += 1
        self._known(message)
        del self._held[message.id]

    async def hide(self, message: QueueMessage, seconds: int) -> QueueMessage:
        """Give it back in so long."""
        self.requests += 1
        self._known(message).visible_at = self._now() + seconds
        return message

    async def dead_letter(self, message: QueueMessage, reason: str) -> None:
        """Put it among the dead ones."""
        self.requests += 1
        self._known(message)
        del self._held[message.id]
        self.dead.append((message, reason))

    def _known(self, message: QueueMessage) -> _Held:
        held = self._held.get(message.id)
        if held is None or held.message.receipt != message.receipt:
            raise NotFoundError("is somebody else's by now, or done", status=404)
        return held

    def _sent(self, new: NewQueueMessage, key: str) -> SentMessage:
        if self.capabilities.idempotency is Idempotency.NONE:
            return self._kept(new)
        plain = msgspec.structs.replace(new, idempotency_key=None)
        return self._answers.under(key, plain, lambda: self._kept(new))

    def _kept(self, new: NewQueueMessage) -> SentMessage:
        if new.body == UNSENDABLE:
            raise InvalidRequestError("cannot be sent", field="body", status=400)
        self._count += 1
        name = f"message-{self._count:06d}"
        message = QueueMessage(
            id=name,
            body=new.body,
            receipt="",
            attributes=new.attributes,
            sent_at=self._now(),
            group=new.group,
        )
        self._held[name] = _Held(message, self._now() + new.delay)
        return SentMessage(id=name)

"""What the reference drivers in memory share: they count, and tell the time."""

from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Generic, TypeVar

import msgspec

from hardpoint.core.capabilities import Capabilities, Idempotency

_Event = TypeVar("_Event")


class MemoryAccount(Generic[_Event]):
    """An account that lives as long as this object.

    Args:
        capabilities: what it can do.
        idempotency: whether it honours keys.
        limits: those that the port reads.
        now: Unix seconds.
    """

    provider = "memory"

    def __init__(
        self,
        capabilities: AbstractSet[str],
        idempotency: Idempotency,
        limits: Mapping[str, int],
        now: Callable[[], float],
    ) -> None:
        self.capabilities = Capabilities(capabilities, idempotency=idempotency, limits=limits)
        self.requests = 0
        """How many attempts reached it."""
        self.events: list[_Event] = []
        """What it would have told by webhook."""
        self._now = now

    def parse_event(self, body: bytes) -> _Event | None:
        """What the event of this number in `events` says."""
        return self.events[msgspec.json.decode(body, type=int)]

"""Who may not be written to: asked before anything is sent, told when a provider says so."""

from typing import Protocol, final


class Suppressions(Protocol):
    """Pairs of sender and recipient between whom nothing is to be sent.

    The sender is what providers tie consent to: a number, a name, or a service that chooses one.
    An implementation may await only what suits its runtime; under a blocking one, nothing.
    """

    async def holds(self, sender: str, to: str) -> bool:
        """Whether this sender may not write to this recipient."""
        ...

    async def add(self, sender: str, to: str) -> None:
        """The recipient opted out; again and again is as good as once."""
        ...

    async def remove(self, sender: str, to: str) -> None:
        """The recipient opted in again, or never was out."""
        ...


@final
class MemorySuppressions:
    """Suppressions that last as long as this object; providers keep theirs for ever."""

    def __init__(self) -> None:
        self._pairs: set[tuple[str, str]] = set()

    async def holds(self, sender: str, to: str) -> bool:
        """See `Suppressions`."""
        return (sender, to) in self._pairs

    async def add(self, sender: str, to: str) -> None:
        """See `Suppressions`."""
        self._pairs.add((sender, to))

    async def remove(self, sender: str, to: str) -> None:
        """See `Suppressions`."""
        self._pairs.discard((sender, to))

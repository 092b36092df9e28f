"""Who may not be texted: asked before anything is sent, told when a provider says so."""

from typing import Protocol, final

from hardpoint.core.errors import InvalidRequestError


class OptedOutError(InvalidRequestError):
    """The recipient has opted out of this sender; send nothing until they opt in again."""

    code = "opted_out"


class Suppressions(Protocol):
    """Pairs of sender and recipient that are not to be texted.

    The sender is what providers tie consent to: a number, a name, or a service that chooses one.
    An implementation may await only what suits its runtime; under a blocking one, nothing.
    """

    async def holds(self, sender: str, to: str) -> bool:
        """Whether this sender may not text this number."""
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

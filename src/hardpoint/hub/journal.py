"""The hub's journal: its store is opened when the first call has to be written down."""

from collections.abc import Awaitable, Callable, Sequence
from typing import final

from hardpoint.store.journal import (
    Found,
    Intent,
    Journal,
    JournalEntry,
    Other,
    Unfound,
    UnrecordableError,
)


@final
class OpeningJournal:
    """A `Journal` that opens its store before the first intent; nothing can precede that.

    Args:
        journal: on the store.
        open_store: opens it, unless it is open.
    """

    def __init__(self, journal: Journal, open_store: Callable[[], Awaitable[None]]) -> None:
        self._journal = journal
        self._open_store = open_store

    async def begin(self, intent: Intent) -> JournalEntry:
        """See `Journal`."""
        await self._open_store()
        return await self._journal.begin(intent)

    async def resume(self, intent: Intent) -> None:
        """See `Journal`."""
        await self._journal.resume(intent)

    async def adopt(
        self, intent: Intent, found: Sequence[Found], others: Sequence[Other] = ()
    ) -> Found | Unfound:
        """See `Journal`."""
        return await self._journal.adopt(intent, found, others)

    async def end(
        self, intent: Intent, result: bytes | UnrecordableError, subject: str | None
    ) -> None:
        """See `Journal`."""
        await self._journal.end(intent, result, subject)

    def free(self, intent: Intent) -> None:
        """See `Journal`."""
        self._journal.free(intent)

    def leave(self, intent: Intent) -> None:
        """See `Journal`."""
        self._journal.leave(intent)

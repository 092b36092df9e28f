"""The journal of calls in PostgreSQL: for callers in any loop, or in threads of their own."""

from asyncio import _get_running_loop
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import final

from hardpoint.core.errors import MisuseError, StoreError, StoreUnavailableError
from hardpoint.store.events import ResultNotRecorded
from hardpoint.store.journal import (
    Found,
    Intent,
    JournalEntry,
    Other,
    Standing,
    Unfound,
    UnrecordableError,
)
from hardpoint.store.postgres.calls import CallStatements, call_name
from hardpoint.store.postgres.store import PostgresStore

_NEVER_WRITTEN = frozenset({Standing.BUSY, Standing.DONE, Standing.OTHER, Standing.STRAY})


@final
class PostgresJournal:
    """A `Journal` on a store that is open.

    Args:
        store: where.
        blocking: to wait in a thread, under `BlockingRuntime`; else in any loop.
    """

    def __init__(self, store: PostgresStore, *, blocking: bool = False) -> None:
        self._store = store
        self._blocking = blocking
        self._in_flight = store.in_flight

    async def begin(self, intent: Intent) -> JournalEntry:
        """Write the intent down, or tell what is there. After NEW and OPEN, say how it ended."""
        self._refuse_loop()
        if not self._in_flight.enter(intent):
            return JournalEntry(standing=Standing.BUSY)
        token = self._store.tokens[call_name(intent)] = next(self._store.numbers)
        try:
            entry: JournalEntry = await self._store.call(
                lambda calls, connection: calls.begin(connection, intent, token)
            )
        except BaseException:  # it may be written all the same; nothing was sent
            self._finally(intent, CallStatements.undo)
            raise
        if entry.standing in _NEVER_WRITTEN:
            self._ended(intent)
        elif entry.standing is Standing.OPEN:
            self._in_flight.mark(intent, sending=False)
        return entry

    async def resume(self, intent: Intent) -> None:
        """What was open has not happened; it will be sent now."""
        self._refuse_loop()
        token = self._store.tokens[call_name(intent)]
        self._in_flight.mark(intent, sending=True)
        await self._store.call(lambda calls, connection: calls.resume(connection, intent, token))

    async def adopt(
        self, intent: Intent, found: Sequence[Found], others: Sequence[Other] = ()
    ) -> Found | Unfound:
        """Take the first that belongs to no other key for the effect, and end with it."""
        self._refuse_loop()
        sending = self._store.sending()
        adopted: Found | Unfound = await self._store.call(
            lambda calls, connection: calls.adopt(connection, intent, found, others, sending)
        )
        if isinstance(adopted, Found):
            self._ended(intent)
        return adopted

    async def end(
        self, intent: Intent, result: bytes | UnrecordableError, subject: str | None
    ) -> None:
        """It was done. Should the store not take it now, the key stays open: to be asked for."""
        if self._in_flight.token(intent) is None:
            return  # the function has forked and returned twice: the parent's call is not ours
        lost = isinstance(result, UnrecordableError)
        kept = None if lost else result
        try:
            await self._store.call(
                lambda calls, connection: calls.end(connection, intent, kept, subject)
            )
        except StoreError as error:
            self._tell_lost(intent, error)
        else:
            if lost:
                self._tell_lost(intent, result)
        finally:
            self._ended(intent)

    def free(self, intent: Intent) -> None:
        """It was not done: the key is as if it had never been used."""
        self._finally(intent, CallStatements.free)

    def leave(self, intent: Intent) -> None:
        """Nobody knows whether it was done. Since when, is kept from the first time on."""
        self._finally(intent, CallStatements.leave)

    def _finally(self, intent: Intent, write: Callable[..., Awaitable[None]]) -> None:
        """Have it done in its turn: before whatever is asked of the journal next."""
        token = self._ended(intent)
        if token is not None:
            with suppress(StoreUnavailableError):  # the key stays open: in doubt when asked for
                self._store.post_call(
                    lambda calls, connection: write(calls, connection, intent, token)
                )

    def _ended(self, intent: Intent) -> int | None:
        """It is in flight no more; gives its token, unless its key is another's now."""
        return self._store.tokens.pop(call_name(intent)) if self._in_flight.leave(intent) else None

    def _refuse_loop(self) -> None:
        if self._blocking and _get_running_loop() is not None:
            raise MisuseError("The store was asked to block a running event loop; await instead")

    def _tell_lost(self, intent: Intent, error: Exception) -> None:
        self._store.tell(ResultNotRecorded(scope=intent.scope, key=intent.key, error=str(error)))

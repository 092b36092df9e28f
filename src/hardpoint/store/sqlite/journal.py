"""The journal of calls in a SQLite store: for callers in its loop, or in threads of their own."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import final

from hardpoint.core.errors import StoreError, StoreUnavailableError
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
from hardpoint.store.sqlite.calls import CallRows, Moment
from hardpoint.store.sqlite.store import SqliteStore

_NEVER_WRITTEN = frozenset({Standing.DONE, Standing.OTHER, Standing.STRAY})


@final
class SqliteJournal:
    """A `Journal` on a store that is open.

    Args:
        store: where.
        blocking: to wait in a thread, under `BlockingRuntime`; else in the store's loop.
    """

    def __init__(self, store: SqliteStore, *, blocking: bool = False) -> None:
        self._store = store
        self._submit = store.submit_blocking if blocking else store.submit
        self._in_flight = store.in_flight

    async def begin(self, intent: Intent) -> JournalEntry:
        """Write the intent down, or tell what is there. After NEW and OPEN, say how it ended."""
        calls, now = self._store.engine.calls, self._now()
        if not self._in_flight.enter(intent):
            return JournalEntry(standing=Standing.BUSY)
        made: list[JournalEntry] = []

        def begin() -> JournalEntry:
            made[:] = [calls.begin(intent, now)]
            return made[0]

        def undo(calls: CallRows) -> None:
            if made and made[0].standing is Standing.NEW:
                calls.free(intent)

        try:
            entry = await self._submit(begin)
        except BaseException:  # it may be written all the same; nothing was sent
            self._finally(intent, undo)
            raise
        if entry.standing in _NEVER_WRITTEN:
            self._in_flight.leave(intent)
        elif entry.standing is Standing.OPEN:
            self._in_flight.mark(intent, sending=False)
        return entry

    async def resume(self, intent: Intent) -> None:
        """What was open has not happened; it will be sent now."""
        self._in_flight.mark(intent, sending=True)
        await self._submit(self._store.engine.calls.resume, intent)

    async def adopt(
        self, intent: Intent, found: Sequence[Found], others: Sequence[Other] = ()
    ) -> Found | Unfound:
        """Take the first that belongs to no other key for the effect, and end with it."""
        sending, now = self._in_flight.sending, self._now()
        calls = self._store.engine.calls
        adopted = await self._submit(calls.adopt, intent, found, others, sending, now)
        if isinstance(adopted, Found):
            self._in_flight.leave(intent)
        return adopted

    async def end(
        self, intent: Intent, result: bytes | UnrecordableError, subject: str | None
    ) -> None:
        """It was done. Should the store not take it now, the key stays open: to be asked for."""
        if not self._in_flight.holds(intent):
            return  # the function has forked and returned twice: the parent's call is not ours
        now = self._now()
        lost = isinstance(result, UnrecordableError)
        kept = None if lost else result
        try:
            await self._submit(self._store.engine.calls.end, intent, kept, subject, now)
        except StoreError as error:
            self._tell_lost(intent, error)
        else:
            if lost:
                self._tell_lost(intent, result)
        finally:
            self._in_flight.leave(intent)

    def free(self, intent: Intent) -> None:
        """It was not done: the key is as if it had never been used."""
        self._finally(intent, lambda calls: calls.free(intent))

    def leave(self, intent: Intent) -> None:
        """Nobody knows whether it was done. Since when, is kept from the first time on."""
        now = self._now()
        self._finally(intent, lambda calls: calls.leave(intent, now))

    def _finally(self, intent: Intent, write: Callable[[CallRows], object]) -> None:
        """Have the writer do it, in its turn: before whatever is asked of it next."""
        if self._in_flight.leave(intent):
            with suppress(StoreUnavailableError):  # the key stays open: in doubt when asked for
                self._store.post(write, self._store.engine.calls)

    def _tell_lost(self, intent: Intent, error: Exception) -> None:
        told = ResultNotRecorded(scope=intent.scope, key=intent.key, error=str(error))
        self._store.tell(told)

    def _now(self) -> Moment:
        clock = self._store.clock
        return Moment(clock.now(), clock.monotonic())

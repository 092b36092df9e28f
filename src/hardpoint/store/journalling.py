"""A journal of calls on a store: for callers in its loop, or in threads of their own.

What is in flight in this process is kept in memory too. A call ends with what runs it: one whose
event loop was closed over it is in flight no more, and nobody will say so.
"""

import itertools
import threading
from asyncio import AbstractEventLoop, _get_running_loop
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol, final

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.store.events import ResultNotRecorded
from hardpoint.store.journal import (
    AbandonCall,
    AdoptCall,
    AnyCallStep,
    BeginCall,
    EndCall,
    Found,
    FreeCall,
    Intent,
    JournalEntry,
    LeaveCall,
    Other,
    ResumeCall,
    Standing,
    Unfound,
    UnrecordableError,
)

_NOT_OURS = frozenset({Standing.DONE, Standing.OTHER, Standing.STRAY, Standing.BUSY})


CallName = tuple[str, str]
"""Scope and key."""


def name_of(intent: Intent) -> CallName:
    """What its row goes by."""
    return intent.scope, intent.key


@final
class _CallInFlight:
    """One call between its beginning and its end."""

    __slots__ = ("intent", "loop", "sending", "token")

    def __init__(self, intent: Intent, token: int, loop: AbstractEventLoop | None) -> None:
        self.intent = intent
        self.token = token
        self.loop = loop
        self.sending = True

    @property
    def gone(self) -> bool:
        return self.loop is not None and self.loop.is_closed()


@final
class CallsInFlight:
    """The calls between their beginning and their end; for all threads and event loops."""

    def __init__(self) -> None:
        self._tokens = itertools.count(1)
        self.forget()

    def forget(self) -> None:
        """In a forked child none is."""
        self._lock = threading.Lock()
        self._calls: dict[CallName, _CallInFlight] = {}
        self._given_up: list[Intent] = []

    @property
    def sending(self) -> Mapping[CallName, bool]:
        """Each of them, and whether it may be sent; the others are asked for only."""
        with self._lock:
            return {name: one.sending for name, one in self._calls.items() if not one.gone}

    def enter(self, intent: Intent) -> int | None:
        """Begin one, which may be sent; gives its number, or None when it is in flight already."""
        name = name_of(intent)
        with self._lock:
            found = self._calls.get(name)
            if found is not None:
                if not found.gone:
                    return None
                self._given_up.append(found.intent)
            token = next(self._tokens)
            self._calls[name] = _CallInFlight(intent, token, _get_running_loop())
            return token

    def token(self, intent: Intent) -> int | None:
        """The number of one that has begun in this process; None when none has."""
        with self._lock:
            found = self._calls.get(name_of(intent))
            return None if found is None else found.token

    def mark(self, intent: Intent, *, sending: bool) -> None:
        """Say whether one that has begun may be sent now."""
        self._calls[name_of(intent)].sending = sending

    def leave(self, intent: Intent) -> int | None:
        """One has ended; gives its number, or None when its key is another's now.

        It was given up for gone, or it is a forked child's copy of a call of the parent's.
        """
        with self._lock:
            others = [one for one in self._given_up if one is not intent]
            if len(others) < len(self._given_up):
                self._given_up = others
                return None
            found = self._calls.pop(name_of(intent), None)
            return None if found is None else found.token

    def take_gone(self) -> list[tuple[Intent, int]]:
        """Those whose loop was closed over them, and their numbers: nobody will end them."""
        with self._lock:
            gone = [(name, one) for name, one in self._calls.items() if one.gone]
            for name, one in gone:
                del self._calls[name]
                self._given_up.append(one.intent)
            return [(one.intent, one.token) for _, one in gone]


class LifeSign(Protocol):
    """What shows that this process lives, to whoever finds calls of it."""

    def hold(self) -> None:
        """Be seen to live from here on.

        Raises:
            StoreUnavailableError: that cannot be shown.
        """
        ...


class CallBook(Protocol):
    """Where a process has its calls written down, by its own hand or by another process's.

    Attributes:
        in_flight: the calls of this process.
        session: its sign of life.
    """

    @property
    def in_flight(self) -> CallsInFlight:
        """The calls of this process."""
        ...

    @property
    def session(self) -> LifeSign:
        """The sign of life of this process."""
        ...

    async def call(self, step: AnyCallStep) -> Any:
        """Have a step written down; gives the answer when it is durable.

        Raises:
            StoreUnavailableError: it is not, or nobody can tell.
        """
        ...

    async def call_blocking(self, step: AnyCallStep) -> Any:
        """The same for a thread without an event loop; it never suspends."""
        ...

    def post_call(self, step: AnyCallStep) -> None:
        """The same without waiting: in its turn, before whatever is asked for next.

        Raises:
            StoreUnavailableError: it will not be done.
        """
        ...

    def tell(self, event: object) -> None:
        """Tell the listeners."""
        ...


@final
class StoreJournal:
    """A `Journal` on a store that is open, here or in another process.

    Args:
        book: where its calls are written down.
        blocking: to wait in a thread, under `BlockingRuntime`; else in the store's loop.
    """

    def __init__(self, book: CallBook, *, blocking: bool = False) -> None:
        self._book = book
        self._call = book.call_blocking if blocking else book.call

    async def begin(self, intent: Intent) -> JournalEntry:
        """Write the intent down, or tell what is there. After NEW and OPEN, say how it ended."""
        book = self._book
        for lost, number in book.in_flight.take_gone():
            self._post(LeaveCall(lost, number))
        token = book.in_flight.enter(intent)
        if token is None:
            return JournalEntry(standing=Standing.BUSY)
        try:
            book.session.hold()
            entry = await self._call(BeginCall(intent, token))
        except BaseException:  # it may be written all the same; nothing was sent
            book.in_flight.leave(intent)
            self._post(AbandonCall(intent, token))
            raise
        if entry.standing in _NOT_OURS:
            book.in_flight.leave(intent)
        elif entry.standing is Standing.OPEN:
            book.in_flight.mark(intent, sending=False)
        return entry

    async def resume(self, intent: Intent) -> None:
        """What was open has not happened; it will be sent now."""
        in_flight = self._book.in_flight
        in_flight.mark(intent, sending=True)
        await self._call(ResumeCall(intent, in_flight.token(intent) or 0))

    async def adopt(
        self, intent: Intent, found: Sequence[Found], others: Sequence[Other] = ()
    ) -> Found | Unfound:
        """Take the first that belongs to no other key for the effect, and end with it."""
        in_flight = self._book.in_flight
        token = in_flight.token(intent) or 0
        adopted = await self._call(AdoptCall(intent, token, tuple(found), tuple(others)))
        if isinstance(adopted, Found):
            in_flight.leave(intent)
        return adopted

    async def end(
        self, intent: Intent, result: bytes | UnrecordableError, subject: str | None
    ) -> None:
        """It was done. Should the store not take it now, the key stays open: to be asked for."""
        in_flight = self._book.in_flight
        token = in_flight.token(intent)
        if token is None:
            return  # the function has forked and returned twice: the parent's call is not ours
        lost = isinstance(result, UnrecordableError)
        ended = False
        try:
            await self._call(EndCall(intent, token, None if lost else result, subject))
            ended = True
        except StoreError as error:
            self._tell_lost(intent, error)
        else:
            if lost:
                self._tell_lost(intent, result)
        finally:
            if in_flight.leave(intent) is not None and not ended:
                self._post(LeaveCall(intent, token))

    def free(self, intent: Intent) -> None:
        """It was not done: the key is as if it had never been used."""
        token = self._book.in_flight.leave(intent)
        if token is not None:
            self._post(FreeCall(intent, token))

    def leave(self, intent: Intent) -> None:
        """Nobody knows whether it was done. Since when, is kept from the first time on."""
        token = self._book.in_flight.leave(intent)
        if token is not None:
            self._post(LeaveCall(intent, token))

    def _post(self, step: AnyCallStep) -> None:
        with suppress(StoreUnavailableError):  # the key stays open: in doubt when asked for
            self._book.post_call(step)

    def _tell_lost(self, intent: Intent, error: Exception) -> None:
        told = ResultNotRecorded(scope=intent.scope, key=intent.key, error=str(error))
        self._book.tell(told)

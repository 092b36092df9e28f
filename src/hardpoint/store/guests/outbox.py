"""What a process has accepted and does not know to be durable yet: its guests' end.

It is a queue. On a new line everything in it is sent again, in order and under the same ids; a
duplicate under an id of ours is the proof that the owner before had committed it. Nobody waits
longer than `patience`; whoever has waited so long is told to come again, and the event keeps its
place until its line ends, since it may be committed all the same.
"""

import threading
import time
from asyncio import AbstractEventLoop, get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Any, final

import msgspec

from hardpoint.core.errors import StoreError, StoreUnavailableError
from hardpoint.store.driver import Accepted, NewEvent, Stored
from hardpoint.store.guests.frames import (
    EVENT_BYTES,
    EVENTS_MAX,
    AcceptItem,
    FrameError,
    FrameKind,
    pack,
    packed_event,
)
from hardpoint.store.guests.lines import FrameLine
from hardpoint.store.guests.orders import GuestStore

Done = Callable[[Accepted | Exception], None]


@final
class _Owed:
    """An event, and who waits for it."""

    __slots__ = ("done", "event", "loop", "packed", "until")

    def __init__(
        self,
        event: NewEvent,
        packed: msgspec.Raw,
        done: Done,
        loop: AbstractEventLoop,
        until: float,
    ) -> None:
        self.event = event
        self.packed = packed
        self.done: Done | None = done
        self.loop = loop
        self.until = until


@final
class Outbox:
    """A queue of events; any thread adds and sends, the keeper's does the rest.

    What is added in one turn of a loop is sent at its end, from there: a change of threads costs as
    much as an event.

    Args:
        wake: has the keeper look after what waits: nobody watches it, or there is no line.
        patience: seconds until a caller is told to come again.
        rows, body_bytes: how much may wait.

    Attributes:
        silent: somebody was told to come again, and nothing was heard since: so is everybody else,
            at once.
    """

    def __init__(
        self, wake: Callable[[], object], *, patience: float, rows: int, body_bytes: int
    ) -> None:
        self.silent = False
        self._wake = wake
        self._patience = patience
        self._rows_max = rows
        self._bytes_max = body_bytes
        self._mutex = threading.Lock()
        self._sending = threading.Lock()
        """Held while something is sent, so that it goes in its order."""
        self._line: FrameLine | None = None
        self._watched = False
        self._turning: set[AbstractEventLoop] = set()
        """The loops that send at the end of this turn of theirs."""
        self._queue: deque[_Owed] = deque()
        self._bytes = 0
        self._sent = 0
        self._first = 1
        """The number of the first in the queue."""
        self._closed: str | None = None

    def add(self, event: NewEvent, done: Done) -> None:
        """Take an event over; `done` is called in this loop.

        Raises:
            StoreUnavailableError: too much waits already, or nobody is heard from.
            UnicodeEncodeError: a text of it is none.
        """
        loop = get_running_loop()
        owed = _Owed(event, packed_event(event), done, loop, time.monotonic() + self._patience)
        with self._mutex:
            if self._closed is not None:
                raise StoreUnavailableError(self._closed)
            if self.silent:
                raise StoreUnavailableError("the process that owns the store does not answer")
            if self._queue and (
                len(self._queue) >= self._rows_max
                or self._bytes + len(event.body) > self._bytes_max
            ):
                raise StoreUnavailableError(f"{len(self._queue)} events wait to be stored already")
            self._bytes += len(event.body)
            self._queue.append(owed)
        if loop not in self._turning:
            self._turning.add(loop)
            loop.call_soon(self._turned, loop)

    def _turned(self, loop: AbstractEventLoop) -> None:
        self._turning.discard(loop)
        if self._watched and self._line is not None:
            self.send()
        else:
            self._wake()

    def begin_line(self, line: FrameLine | None = None) -> None:
        """A line begins, or has ended: nothing was sent on it yet, and who gave up is forgotten."""
        with self._sending, self._mutex:
            waiting = [one for one in self._queue if one.done is not None]
            self._first += len(self._queue)
            self._queue = deque(waiting)
            self._bytes = sum(len(one.event.body) for one in waiting)
            self._sent = 0
            self.silent = False
            self._line = line

    def send(self) -> None:
        """Send what was not sent yet, some in a frame."""
        with self._sending:
            line = self._line
            while line is not None and (frame := self._next()):
                line.send(frame)

    def _next(self) -> bytes | None:
        """The next frame; None when all was sent."""
        with self._mutex:
            some: list[msgspec.Raw] = []
            size, number = 0, self._first + self._sent
            for owed in islice(self._queue, self._sent, self._sent + EVENTS_MAX):
                size += len(memoryview(owed.packed))
                if some and size > EVENT_BYTES:
                    break
                some.append(owed.packed)
            self._sent += len(some)
        return pack(FrameKind.ACCEPT, number, some) if some else None

    def answered(self, number: int, items: Sequence[AcceptItem]) -> None:
        """The owner's word on the first of what was sent.

        Raises:
            FrameError: it answers what was not sent, or not in order.
        """
        with self._mutex:
            if number != self._first or len(items) > self._sent:
                raise FrameError(f"an answer to {number}, and {self._first} is next")
            self.silent = False
            settled = [self._pop() for _ in items]
        self._tell(
            [(one, _result(one.event, item)) for one, item in zip(settled, items, strict=True)]
        )

    def hand_in(self, store: GuestStore) -> None:
        """This process owns the store now: everything goes there; call it in the keeper's loop."""
        with self._mutex:
            mine, self._queue = self._queue, deque()
            self._first += len(mine)
            self._bytes = self._sent = 0
            self.silent = False
        for one in mine:
            self._submit(store, one)

    def _submit(self, store: GuestStore, one: _Owed) -> None:
        def done(result: Accepted | Exception) -> None:
            self._tell([(one, _settled(one.event, result))])

        try:
            store.accept(one.event, done)
        except StoreUnavailableError as error:
            done(error)

    def expire(self) -> float | None:
        """Tell those who have waited long enough; gives seconds until the next, if one waits."""
        now = time.monotonic()
        with self._mutex:
            late = [one for one in self._queue if one.done is not None and one.until <= now]
            self.silent = self.silent or bool(late)
            left = [one.until for one in self._queue if one.done is not None and one.until > now]
            self._watched = bool(left)
        error = StoreUnavailableError("the process that owns the store did not answer in time")
        self._tell([(one, error) for one in late])
        return min(left) - now if left else None

    @property
    def owing(self) -> bool:
        """Whether anybody waits still."""
        with self._mutex:
            return any(one.done is not None for one in self._queue)

    def close(self, reason: str) -> None:
        """Nothing is taken any more, and what waits still hears why."""
        with self._mutex:
            self._closed = reason
            left = [one for one in self._queue if one.done is not None]
            self._queue.clear()
        self._tell([(one, StoreUnavailableError(reason)) for one in left])

    def _pop(self) -> _Owed:
        one = self._queue.popleft()
        self._bytes -= len(one.event.body)
        self._first += 1
        self._sent -= 1
        return one

    @staticmethod
    def _tell(results: Sequence[tuple[_Owed, Accepted | Exception]]) -> None:
        """Answer each where it asked: one message for a loop."""
        by_loop: dict[AbstractEventLoop, list[tuple[Done, Any]]] = {}
        for one, result in results:
            done, one.done = one.done, None
            if done is not None:
                by_loop.setdefault(one.loop, []).append((done, result))
        for loop, answers in by_loop.items():
            with suppress(RuntimeError):  # it was closed: nobody waits there
                loop.call_soon_threadsafe(_deliver, answers)


def _deliver(answers: Sequence[tuple[Done, Any]]) -> None:
    """In the loop of those who asked."""
    for done, result in answers:
        try:
            done(result)
        except Exception as error:  # noqa: BLE001 - the others are answered all the same
            get_running_loop().call_exception_handler(
                {"message": "an accept's callback failed", "exception": error}
            )


def _result(event: NewEvent, item: AcceptItem) -> Accepted | Exception:
    if item is None:
        return Accepted(Stored.NEW, event.id)
    if isinstance(item, str):
        return StoreUnavailableError(item)
    stored, told = item
    if stored not in _STORED:
        return StoreError(told)
    return _settled(event, Accepted(Stored(stored), told))


_STORED = frozenset(Stored)


def _settled(event: NewEvent, result: Accepted | Exception) -> Accepted | Exception:
    """A duplicate under our own id is what an owner before had stored, and could not say."""
    if isinstance(result, Accepted) and result.stored is Stored.DUPLICATE and result.id == event.id:
        return Accepted(Stored.QUARANTINED if event.malformed else Stored.NEW, event.id)
    return result

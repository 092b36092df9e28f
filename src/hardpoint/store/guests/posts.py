"""What a process has to say of its calls and waits for nobody to hear: that one has ended somehow.

It is a queue. Whatever was not answered is said again to the next owner, in order, and before
anything else that this process asks. So it may be said twice; it is done once.
"""

import asyncio
import threading
from typing import Final, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.guests.frames import FrameKind, pack
from hardpoint.store.guests.lines import FrameLine
from hardpoint.store.guests.orders import GuestStore
from hardpoint.store.journal import AnyCallStep

POSTS_MAX: Final = 10_000
_FIRST: Final = 1 << 63
"""Their numbers: far from those of questions that somebody waits for."""


@final
class Posts:
    """Any thread adds, the keeper's does the rest."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._queue: dict[int, AnyCallStep] = {}
        self._last = _FIRST
        self._sent = _FIRST
        """The last that was sent on this line."""

    @property
    def owing(self) -> bool:
        """Whether something was not heard yet."""
        return bool(self._queue)

    def add(self, step: AnyCallStep) -> None:
        """Take it over.

        Raises:
            StoreUnavailableError: too many wait already.
        """
        with self._mutex:
            if len(self._queue) >= POSTS_MAX:
                raise StoreUnavailableError(f"{POSTS_MAX} ends of calls wait to be written down")
            self._last += 1
            self._queue[self._last] = step

    def begin_line(self) -> None:
        """A line has ended, or begins: nothing was sent on it yet."""
        self._sent = _FIRST

    def send(self, line: FrameLine) -> None:
        """Send what was not sent yet."""
        with self._mutex:
            new = [one for one in self._queue.items() if one[0] > self._sent]
        for number, step in new:
            self._sent = number
            line.send(pack(FrameKind.ASK, number, step))

    def answered(self, number: int) -> bool:
        """Whether this answers one of them, which is done then."""
        return self._queue.pop(number, None) is not None

    async def hand_in(self, store: GuestStore) -> None:
        """This process owns the store: write them down, in order."""
        with self._mutex:
            mine = list(self._queue.items())
        done = await asyncio.gather(*(self._submit(store, step) for _, step in mine))
        for (number, _), settled in zip(mine, done, strict=True):
            if settled:
                self._queue.pop(number, None)

    @staticmethod
    async def _submit(store: GuestStore, step: AnyCallStep) -> bool:
        try:
            await store.call(step)
        except StoreUnavailableError:
            return store.is_whole  # else the next owner is told
        return True

"""`hub.turn()`: the application's own writes to the store's file, in turn with hardpoint's."""

import os
import time
from asyncio import _get_running_loop
from types import TracebackType
from typing import Final, Protocol, final

from hardpoint.core.errors import StoreMisuseError
from hardpoint.store.events import TurnHeldLong
from hardpoint.store.sqlite.gate import TURN_SECONDS, Pass, refuse_inside_block

_HELD_LONG: Final = 1.0


class TurnKeeper(Protocol):
    """Where turns come from, for one process."""

    async def take_turn(self) -> int | None:
        """Wait for one; gives its number, or None where nobody has to wait for others."""
        ...

    def take_turn_blocking(self) -> int | None:
        """The same for a thread without an event loop."""
        ...

    def end_turn(self, number: int) -> None:
        """Let the next one in; it waits for nothing."""
        ...

    def tell(self, event: object) -> None:
        """Tell the listeners."""
        ...


@final
class StoreTurn:
    """A block in which nobody else of the store's processes writes to its file.

    Use `with` in a thread or a script, `async with` in an event loop, for one short transaction. It
    may take five seconds: after that others write too, and a statement that still runs on a
    connection of `hub.connect()` is interrupted (`sqlite3.OperationalError`). Inside it the store
    cannot be asked for anything else: no `once`, no retry, no other turn.

    Args:
        keeper: of this process.

    Raises (when the block is entered):
        StoreUnavailableError: nobody owns the store, or others did not end their turns in time.
        StoreMisuseError: inside another turn; or `with` in an event loop, which it would block.
    """

    def __init__(self, keeper: TurnKeeper) -> None:
        self._keeper = keeper
        self._pass = Pass()
        self._number: int | None = None
        self._process = 0
        self._since = 0.0

    def __enter__(self) -> None:
        if _get_running_loop() is not None:
            raise StoreMisuseError("in an event loop write `async with hub.turn()`")
        refuse_inside_block()
        self._begin(self._keeper.take_turn_blocking())

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    async def __aenter__(self) -> None:
        refuse_inside_block()
        self._begin(await self._keeper.take_turn())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end()

    def _begin(self, number: int | None) -> None:
        self._number, self._process, self._since = number, os.getpid(), time.monotonic()
        self._pass.begin(until=self._since + TURN_SECONDS)

    def _end(self) -> None:
        self._pass.end()
        if self._number is None or os.getpid() != self._process:
            return  # a child that was forked in it leaves the parent's alone
        self._keeper.end_turn(self._number)
        seconds = time.monotonic() - self._since
        if seconds > _HELD_LONG:
            self._keeper.tell(TurnHeldLong(seconds=seconds))

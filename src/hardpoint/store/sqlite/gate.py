"""The fair gate: whoever came first writes first, the writer thread and users' blocks alike.

SQLite's own lock is taken by whoever happens to ask when it is free; under load the others starve
(measured: p99 of 1.2 s against 20 ms through a gate).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar

from hardpoint.core.errors import StoreError


class Pass:
    """Marks what runs inside a user's block, and whatever it starts there.

    The writer waits for the block to end; were the block to wait for the writer, all would stand.
    """

    __slots__ = ("valid",)

    def __init__(self) -> None:
        self.valid = False

    def begin(self) -> None:
        """From here on it is inside."""
        self.valid = True
        _shown.set(self)

    def end(self) -> None:
        """The block has ended; what it has started may use the store again."""
        self.valid = False


_shown: ContextVar[Pass | None] = ContextVar("hardpoint_gate_pass", default=None)


def refuse_inside_block() -> None:
    """Keep a block from waiting for the writer.

    Raises:
        StoreError: this runs inside a `complete_in` block.
    """
    shown = _shown.get()
    if shown is not None and shown.valid:
        raise StoreError(
            "inside a complete_in block the store cannot be asked anything: it waits for the block "
            "to end. Do it before or after"
        )


class Gate:
    """A first-in, first-out lock for threads and tasks of one process."""

    __slots__ = ("_held", "_mutex", "_waiting")

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._held = False
        self._waiting: deque[Callable[[], bool]] = deque()

    def acquire(self) -> None:
        """Take the gate; blocks this thread until it is its turn."""
        with self._mutex:
            if not self._held:
                self._held = True
                return
            turn = threading.Lock()
            turn.acquire()

            def grant() -> bool:
                turn.release()
                return True

            self._waiting.append(grant)
        turn.acquire()

    def __enter__(self) -> None:
        self.acquire()

    def __exit__(self, *_: object) -> None:
        self.release()

    async def acquire_async(self) -> None:
        """Take the gate without blocking the loop. A cancelled wait passes its turn on."""
        loop = asyncio.get_running_loop()
        with self._mutex:
            if not self._held:
                self._held = True
                return
            turn: asyncio.Future[None] = loop.create_future()

            def wake() -> None:
                if turn.cancelled():
                    self.release()
                else:
                    turn.set_result(None)

            def grant() -> bool:
                try:
                    loop.call_soon_threadsafe(wake)
                except RuntimeError:  # its loop is closed: nobody waits there any more
                    return False
                return True

            self._waiting.append(grant)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release()
            raise

    def release(self) -> None:
        """Let the next one in. Any thread may release."""
        with self._mutex:
            while self._waiting:
                if self._waiting.popleft()():
                    return
            self._held = False

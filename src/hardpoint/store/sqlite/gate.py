"""The fair gate: whoever came first writes first, the writer thread and users' blocks alike.

SQLite's own lock is taken by whoever happens to ask when it is free; under load the others starve
(measured: p99 of 1.2 s against 20 ms through a gate).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable


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

"""Users' write functions run aside, on a thread that the writer can leave behind.

SQL can be interrupted, and Python code cannot. Whoever sleeps in a write function holds the store's
transaction, and with it every accept; so the writer waits for a while only.
"""

import threading
from collections.abc import Callable
from queue import Empty, SimpleQueue
from typing import final

from hardpoint.core.errors import TimedOutError

ABANDONED_MAX = 16
"""Threads that may be left behind at a time; as long as there are so many, nothing is run aside."""


@final
class Aside:
    """Calls functions, one at a time, each for a limited time; for one thread that asks."""

    def __init__(self) -> None:
        self._thread: _Helper | None = None
        self._abandoned: list[_Helper] = []

    def call(self, function: Callable[[], object], seconds: float) -> bool:
        """Call it and wait for so long; False when it goes on all the same, which nobody can stop.

        Raises:
            TimedOutError: too many that were left behind have not returned.
            BaseException: what it raised.
        """
        self._abandoned = [one for one in self._abandoned if one.is_alive()]
        if len(self._abandoned) >= ABANDONED_MAX:
            raise TimedOutError(
                f"{ABANDONED_MAX} write functions that were given up have not returned"
            )
        helper = self._thread
        if helper is None:
            helper = self._thread = _Helper()
            helper.start()
        helper.asked.put(function)
        try:
            error = helper.answered.get(timeout=max(0.0, seconds))
        except Empty:
            helper.asked.put(None)  # it ends once the function returns
            self._abandoned.append(helper)
            self._thread = None
            return False
        if error is not None:
            raise error
        return True

    def close(self) -> None:
        """Let the thread end."""
        if self._thread is not None:
            self._thread.asked.put(None)


@final
class _Helper(threading.Thread):
    """Calls what it is asked to, until it is asked for nothing."""

    def __init__(self) -> None:
        super().__init__(name="hardpoint-write", daemon=True)
        self.asked: SimpleQueue[Callable[[], object] | None] = SimpleQueue()
        self.answered: SimpleQueue[BaseException | None] = SimpleQueue()

    def run(self) -> None:
        while (function := self.asked.get()) is not None:
            raised = None
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
                raised = error
            self.answered.put(raised)
            del function, raised

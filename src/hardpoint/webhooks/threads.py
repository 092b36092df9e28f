"""Threads for plain `def` handlers. Nobody waits for them at exit, and none can be stopped.

Unlike `concurrent.futures`, whose threads keep the process alive until the last one returns, and
whose queue starts a call's time limit before the call.
"""

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, final

from hardpoint.core.forks import end_if_child
from hardpoint.core.traces import now_at, read_sources, tamed

ThreadOutcome = tuple[Any, BaseException | None]


@final
class Threads:
    """Calls functions in threads of one loop; a thread is started when all others are busy.

    Attributes:
        left: tasks of handlers that were given up, and go on all the same.
    """

    def __init__(self) -> None:
        self.left: set[asyncio.Task[Any]] = set()
        self._calls: SimpleQueue[_Call | None] = SimpleQueue()
        self._busy = 0
        self._started = 0

    async def call(
        self, function: Callable[..., Any], *arguments: Any, abandoned: Callable[[int], None]
    ) -> Any:
        """Call a function with a copy of this task's context; it is started at once.

        Args:
            function: what to call.
            arguments: with what.
            abandoned: told 1 when this call is cancelled while its thread goes on, and -1 when the
                thread returns after all; in the loop.
        """
        call = _Call(function, arguments, abandoned, self._returned)
        self._busy += 1
        if self._busy > self._started:
            self._started += 1
            name = f"hardpoint-handler-{self._started}"
            threading.Thread(target=_serve, args=(self._calls,), name=name, daemon=True).start()
        self._calls.put(call)
        try:
            result, error = await call.answer
        except asyncio.CancelledError as cancelled:
            if call.answer.cancelled():
                abandoned(1)
                cancelled.__cause__ = _StillThereError().with_traceback(now_at(call.thread))
            raise
        if error is not None:
            raise error
        return result

    def leave(self, task: asyncio.Task[Any]) -> None:
        """Remember a task until it ends, if it has not."""
        if not task.done():
            self.left.add(task)
            task.add_done_callback(self.left.discard)

    def close(self) -> None:
        """Let idle threads end now, and busy ones when they return."""
        for _ in range(self._started):
            self._calls.put(None)

    def _returned(self, call: "_Call", outcome: ThreadOutcome) -> None:
        self._busy -= 1
        if call.answer.cancelled():
            call.abandoned(-1)
        else:
            call.answer.set_result(outcome)


class _StillThereError(Exception):
    """Where a thread was when it was given up."""


@final
class _Call:
    """One call on its way to a thread and back."""

    __slots__ = (
        "_arguments",
        "_context",
        "_function",
        "_loop",
        "_returned",
        "abandoned",
        "answer",
        "thread",
    )

    def __init__(
        self,
        function: Callable[..., Any],
        arguments: tuple[Any, ...],
        abandoned: Callable[[int], None],
        returned: "Callable[[_Call, ThreadOutcome], None]",
    ) -> None:
        self._function = function
        self._arguments = arguments
        self.abandoned = abandoned
        self._returned = returned
        self._context = contextvars.copy_context()
        self._loop = asyncio.get_running_loop()
        self.thread = 0
        """The identifier of the thread that runs it; 0 before one does."""
        self.answer: asyncio.Future[ThreadOutcome] = self._loop.create_future()

    def run(self) -> None:
        self.thread = threading.get_ident()
        process = os.getpid()
        outcome: ThreadOutcome
        try:
            outcome = (self._context.run(self._function, *self._arguments), None)
        except BaseException as error:  # noqa: BLE001 - it is raised where the call was made
            outcome = (None, error)
            read_sources(tamed(error))
        end_if_child(process, outcome[1])
        with suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
            self._loop.call_soon_threadsafe(self._returned, self, outcome)


def _serve(calls: "SimpleQueue[_Call | None]") -> None:
    while True:
        call = calls.get()
        if call is None:
            return
        call.run()
        del call  # while idle, a thread keeps no event alive

"""Several who work side by side until they are told to stop: tasks of an event loop, or threads."""

import asyncio
import contextvars
import inspect
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Protocol, cast, final

from hardpoint.core.errors import MisuseError
from hardpoint.runtime.blocking import run

LAST_WORDS_SECONDS = 5.0
"""How long a task may take to end after it was cancelled."""

TeamJob = Callable[[], Coroutine[Any, Any, None]]


class CancelledInsideError(Exception):
    """Something was cancelled that it waited for, and no stop did it."""

    def __init__(self) -> None:
        super().__init__("it was cancelled from within: something that it awaited was")


class Team(Protocol):
    """Who works for one call, for as long as it lasts."""

    @property
    def lock(self) -> AbstractAsyncContextManager[Any]:
        """Held by one of them at a time."""
        ...

    def busy(self) -> Any:
        """A block that a stop waits for."""
        ...

    async def pause(self, seconds: float) -> None:
        """Wait, for less where it is told to stop."""
        ...

    def check(self, function: Callable[[Any], Any]) -> None:
        """See that they can call it.

        Raises:
            MisuseError: they cannot.
        """
        ...

    async def call(self, function: Callable[[Any], Any], value: Any, timeout: float) -> None:  # noqa: ASYNC109 - of what it calls
        """Call a function of the user's.

        Raises:
            TimeoutError: it took longer than `timeout`, and could be ended.
            CancelledInsideError: it let out a cancellation that nobody asked of it.
        """
        ...

    async def work(self, jobs: Sequence[TeamJob], stop: Callable[[], None], grace: float) -> None:
        """Do all of it, until one of them ends.

        Args:
            jobs: what each does.
            stop: tells them that it is over.
            grace: seconds for those that are busy by then.

        Raises:
            Exception: what ended one of them.
        """
        ...


@final
class TaskTeam:
    """Tasks of the running event loop. A stop ends those that are not busy at once."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self._busy: set[asyncio.Task[Any] | None] = set()
        self._threads: ThreadPoolExecutor | None = None

    @contextmanager
    def busy(self) -> Generator[None]:
        """A block that a stop waits for."""
        task = asyncio.current_task()
        self._busy.add(task)
        try:
            yield
        finally:
            self._busy.discard(task)

    async def pause(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

    def check(self, function: Callable[[Any], Any]) -> None:
        """They call any."""

    async def call(self, function: Callable[[Any], Any], value: Any, timeout: float) -> None:  # noqa: ASYNC109 - of what it calls
        """Await a coroutine function; a plain one runs in a thread, and is not ended there."""
        try:
            async with asyncio.timeout(timeout):
                await self._called(function, value)
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            raise CancelledInsideError from error

    async def _called(self, function: Callable[[Any], Any], value: Any) -> None:
        if inspect.iscoroutinefunction(function):
            await function(value)
            return
        here = contextvars.copy_context()
        result: object = await asyncio.get_running_loop().run_in_executor(
            self._threads, lambda: here.run(function, value)
        )
        if inspect.isawaitable(result):  # an object whose call gives a coroutine
            await cast("Awaitable[object]", result)

    async def work(self, jobs: Sequence[TeamJob], stop: Callable[[], None], grace: float) -> None:
        """Do all of it; a cancellation is a stop."""
        # Threads of its own: where they are shared, a handler's time runs while it waits for one.
        self._threads = ThreadPoolExecutor(len(jobs), thread_name_prefix="hardpoint-team")
        tasks = [asyncio.create_task(job()) for job in jobs]
        ended: list[asyncio.Task[None]] = []
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ended = [task for task in tasks if task.cancelled()]
        finally:
            self._threads.shutdown(wait=False)
            stop()
            try:
                for task in tasks:
                    if task not in self._busy:
                        task.cancel()
                await asyncio.wait(tasks, timeout=grace)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.wait(tasks, timeout=LAST_WORDS_SECONDS)
        for task in tasks:
            error = task.exception() if task.done() and not task.cancelled() else None
            if error is not None:
                raise error
        if ended:
            raise CancelledInsideError


@final
class ThreadTeam:
    """Threads, while the calling one waits. What blocks in one of them cannot be ended."""

    def __init__(self) -> None:
        self._mutex = threading.Lock()
        self._over = threading.Event()
        self.lock = _Held(self._mutex)

    @contextmanager
    def busy(self) -> Generator[None]:
        """A stop waits for every thread."""
        yield

    async def pause(self, seconds: float) -> None:
        """Wait, no longer than until the stop."""
        self._over.wait(seconds)

    def check(self, function: Callable[[Any], Any]) -> None:
        """See that nobody would have to await it."""
        if inspect.iscoroutinefunction(function):
            raise MisuseError("an async def handler needs the asynchronous hub")

    async def call(self, function: Callable[[Any], Any], value: Any, timeout: float) -> None:  # noqa: ASYNC109 - of what it calls
        """Call it; nothing ends a thread."""
        try:
            result = function(value)
        except asyncio.CancelledError as error:  # of a loop of its own
            raise CancelledInsideError from error
        if inspect.iscoroutine(result):
            result.close()
            raise MisuseError("the handler gave a coroutine, which needs the asynchronous hub")

    async def work(self, jobs: Sequence[TeamJob], stop: Callable[[], None], grace: float) -> None:
        """Do all of it; an interrupt of the calling thread is a stop."""
        failures: list[BaseException] = []
        ended = threading.Event()

        def serve(job: TeamJob) -> None:
            try:
                run(job())
            except BaseException as error:  # noqa: BLE001 - it is raised where the work was begun
                failures.append(error)
            finally:
                ended.set()

        threads = [
            threading.Thread(target=contextvars.copy_context().run, args=(serve, job), daemon=True)
            for job in jobs
        ]
        for thread in threads:
            thread.start()
        try:
            ended.wait()
        finally:
            stop()
            self._over.set()
            until = time.monotonic() + grace
            for thread in threads:
                thread.join(max(0.0, until - time.monotonic()))
        if failures:
            raise failures[0]


@final
class _Held(AbstractAsyncContextManager[None]):
    """A thread's lock as a block of a coroutine that is stepped."""

    def __init__(self, mutex: threading.Lock) -> None:
        self._mutex = mutex

    async def __aenter__(self) -> None:
        self._mutex.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._mutex.release()

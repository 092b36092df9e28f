"""The thread that talks to the database, with an event loop of its own.

So whoever asks is answered where it asked, in any loop or thread, and signs of life go on while a
handler holds its own loop up. What waits is taken together and answered together, by no timer.
"""

import asyncio
import concurrent.futures
import threading
from asyncio import AbstractEventLoop, _get_running_loop
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, NamedTuple, TypeVar, final

from hardpoint.core.errors import StoreUnavailableError

T = TypeVar("T")

BatchDone = Callable[[Any], None]
"""Called with the result, or the exception in its place, in the loop of who asked."""


@final
class DatabaseThread:
    """A thread with a loop, from its start until `stop`."""

    def __init__(self) -> None:
        # Not uvloop's: in a forked child one that is let go reads from the parent's connections.
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="hardpoint-store", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def submit(self, work: Coroutine[Any, Any, T]) -> "concurrent.futures.Future[T]":
        """Have it done there; whoever gives up waiting does not undo it."""
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def stop(self) -> None:
        """End; nothing may be left to do."""
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_forever()
            self.loop.run_until_complete(_end_all())
        finally:
            self.loop.close()


async def _end_all() -> None:
    """The driver may be calling off a statement yet, on a server that gives no answer."""
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


class _Waiting(NamedTuple):
    item: Any
    done: BatchDone
    loop: AbstractEventLoop | None
    at: float
    size: int


@final
class Batches(Generic[T]):
    """What waits for one statement; one is under way at a time.

    Args:
        thread: where the statements are made.
        carry_out: makes one; gives a result or an exception for each item.
        rows: items in one statement.
        size: of all items in one statement; a larger one goes alone.
        overdue: whether what waits since then is given up together with a statement that found no
            database; None: it has its own turn.
    """

    def __init__(
        self,
        thread: DatabaseThread,
        carry_out: Callable[[list[T]], Awaitable[Sequence[Any]]],
        *,
        rows: int,
        size: int,
        overdue: Callable[[float], bool] | None = None,
    ) -> None:
        self.rows = self.size = 0
        self.oldest = 0.0
        self._thread = thread
        self._carry_out = carry_out
        self._limits = rows, size
        self._overdue = overdue
        self._mutex = threading.Lock()
        self._waiting: deque[_Waiting] = deque()
        self._busy = self._over = False
        self._idle: asyncio.Event | None = None
        self._task: asyncio.Task[None] | None = None

    def put(self, item: T, done: BatchDone, *, at: float, size: int = 0) -> None:
        """Have it done; any thread may ask.

        Raises:
            StoreUnavailableError: the store was closed meanwhile.
        """
        with self._mutex:
            if self._over:
                raise StoreUnavailableError("the store was closed")
            if not self.rows:
                self.oldest = at
            self.rows += 1
            self.size += size
            self._waiting.append(_Waiting(item, done, _get_running_loop(), at, size))
            idle, self._busy = not self._busy, True
        if idle:
            self._thread.loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        self._task = self._thread.loop.create_task(self._work())

    async def end(self) -> None:
        """Take no more, and wait for the rest; on the thread."""
        with self._mutex:
            self._over = True
            if not self._busy:
                return
            self._idle = asyncio.Event()
        await self._idle.wait()

    async def _work(self) -> None:
        while group := self._gather():
            results = await self._carried_out([one.item for one in group])
            if isinstance(results[0], StoreUnavailableError):
                late = self._late()
                group += late
                results = [*results, *(StoreUnavailableError(str(results[0])) for _ in late)]
            with self._mutex:
                self.rows -= len(group)
                self.size -= sum(one.size for one in group)
                self.oldest = group[-1].at
            _answer(group, results)
        if self._idle is not None:
            self._idle.set()

    async def _carried_out(self, items: list[T]) -> Sequence[Any]:
        """Whatever is raised is the answer to each, and does not keep the next from their turn."""
        try:
            return await self._carry_out(items)
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            return [error] * len(items)

    def _late(self) -> list[_Waiting]:
        """Nobody is to wait for one failing statement after another."""
        late: list[_Waiting] = []
        with self._mutex:
            while self._overdue and self._waiting and self._overdue(self._waiting[0].at):
                late.append(self._waiting.popleft())
        return late

    def _gather(self) -> list[_Waiting]:
        group: list[_Waiting] = []
        taken = 0
        rows, size = self._limits
        with self._mutex:
            while self._waiting and len(group) < rows:
                if group and taken + self._waiting[0].size > size:
                    break
                group.append(self._waiting.popleft())
                taken += group[-1].size
            self._busy = bool(group)
        return group


def _answer(group: Sequence[_Waiting], results: Sequence[Any]) -> None:
    """Tell each where it asked; with one message for a loop, however many asked there."""
    by_loop: dict[AbstractEventLoop | None, list[tuple[BatchDone, Any]]] = {}
    for one, result in zip(group, results, strict=True):
        by_loop.setdefault(one.loop, []).append((one.done, result))
    for loop, answers in by_loop.items():
        if loop is None:
            deliver(answers)
        else:
            posted(loop, deliver, answers)


def posted(loop: AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> bool:
    """Have a loop call a function; False when it was closed, and nobody is left there to hear."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        return False
    return True


def deliver(answers: Sequence[tuple[BatchDone, Any]]) -> None:
    """In the loop of those who asked."""
    for done, result in answers:
        try:
            done(result)
        except Exception as error:  # noqa: BLE001 - the others are answered all the same
            loop = asyncio.get_running_loop()
            loop.call_exception_handler(
                {"message": "an accept's callback failed", "exception": error}
            )


async def answered(future: "concurrent.futures.Future[T]", seconds: float) -> T:
    """What was submitted, waited for by the asker's own means; giving up does not undo it."""
    try:
        if _get_running_loop() is None:
            return future.result(seconds)
        waiting = asyncio.wrap_future(future)
        waiting.add_done_callback(_seen)
        async with asyncio.timeout(seconds):
            return await asyncio.shield(waiting)
    except TimeoutError:
        if future.done():
            return future.result()
        raise silent(seconds) from None


def _seen(future: "asyncio.Future[Any]") -> None:
    """Whoever has given up waiting need not hear what was raised."""
    if not future.cancelled():
        future.exception()


def silent(seconds: float) -> StoreUnavailableError:
    """What is said of a database that gives no answer."""
    return StoreUnavailableError(
        f"the database did not answer within {seconds:g} s; what was asked may have been done"
    )

"""The writer thread: what waits is taken together, committed, and answered together.

No timer: while one group is being committed the next one gathers. Groups of accepts and groups of
job changes take turns and never share a transaction.
"""

import asyncio
import concurrent.futures
import threading
from asyncio import _get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.driver import NewEvent
from hardpoint.store.sqlite.engine import Engine, Request
from hardpoint.store.sqlite.limits import Limits

Done = Callable[[Any], None]
"""Called with the result, or with the exception in its place: in the loop, or, for requests of
threads that wait, on the writer's thread; there it may not raise."""

Future = asyncio.Future[Any] | concurrent.futures.Future[Any]


class Writer:
    """One thread, two queues. Its methods belong to the loop's thread, except `request` and `tell`.

    Made where no loop runs, it takes no accepts, and tells on its own thread.

    Args:
        open_engine: opens the store; runs on the writer's thread.
        limits: how much goes into one group.
        told: takes the engine's telemetry, in the loop.
        settled: takes number and bytes of the accepts that were answered, and when the last of
            them had come, in the loop.
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        limits: Limits,
        *,
        told: Callable[[Sequence[object]], None],
        settled: Callable[[int, int, float], None],
    ) -> None:
        self._open_engine = open_engine
        self._limits = limits
        self._told = told
        self._settled = settled
        self._loop = _get_running_loop()
        self._accepts: deque[tuple[NewEvent, Done, float]] = deque()
        self._requests: deque[tuple[Request, Done, bool]] = deque()
        self._mutex = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._over = False
        self._thread = threading.Thread(target=self._run, name="hardpoint-store", daemon=True)
        self._opened = self._future()
        self._ended = self._future()

    async def start(self) -> Engine:
        """Open the store; gives its engine, of which only `boot` and `broken` may be read here."""
        self._thread.start()
        return await _result(self._opened)

    def accept(self, event: NewEvent, done: Done, at: float) -> None:
        """Queue an event that came at `at`."""
        self._accepts.append((event, done, at))
        if not self._wake.is_set():
            self._wake.set()

    def request(self, request: Request, done: Done, *, direct: bool = False) -> None:
        """Queue a job change.

        Args:
            request: what.
            done: told its result.
            direct: on the writer's thread.

        Raises:
            StoreUnavailableError: the store was closed meanwhile.
        """
        with self._mutex:
            if self._over:
                raise StoreUnavailableError("the store was closed")
            self._requests.append((request, done, direct))
        if not self._wake.is_set():
            self._wake.set()

    def tell(self, news: Sequence[object]) -> None:
        """Hand telemetry over to the loop; any thread may."""
        self._post(self._told, news)

    async def stop(self) -> None:
        """Do all that was queued, close the store, and end the thread."""
        self._closing = True
        self._wake.set()
        await _result(self._ended)
        self._thread.join()

    # On the writer's thread:

    def _run(self) -> None:
        try:
            engine = self._open_engine()
        except BaseException as error:  # noqa: BLE001 - whoever awaits the opening is told
            self._post(_resolve, self._opened, error)
            self._post(_resolve, self._ended, None)
            return
        self._post(_resolve, self._opened, engine)
        while True:
            self._wake.clear()
            if not (self._turn(engine) or self._rest(engine)):
                break
        engine.close()
        self._post(self._told, engine.news())
        self._post(_resolve, self._ended, None)

    def _turn(self, engine: Engine) -> bool:
        """One group of each kind; False when nothing waited."""
        worked = False
        if self._accepts:
            worked = True
            events, dones, size, at = self._gather()
            answers = list(zip(dones, engine.accept(events), strict=True))
            self._post(self._settled, len(events), size, at)
            self._post(self._deliver, answers, engine.news())
            engine.settle(len(events), size)
        if self._requests:
            worked = True
            count = min(len(self._requests), self._limits.batch_rows)
            group = [self._requests.popleft() for _ in range(count)]
            results = engine.serve([request for request, _, _ in group])
            answers: list[tuple[Done, Any]] = []
            for (_, done, direct), result in zip(group, results, strict=True):
                if direct:
                    done(result)
                else:
                    answers.append((done, result))
            self._post(self._deliver, answers, engine.news())
            engine.settle(count, 0)
        return worked

    def _gather(self) -> tuple[list[NewEvent], list[Done], int, float]:
        events: list[NewEvent] = []
        dones: list[Done] = []
        size, at = 0, 0.0
        queue, limits = self._accepts, self._limits
        while queue and len(events) < limits.batch_rows:
            event = queue[0][0]
            if events and size + len(event.body) > limits.batch_bytes:
                break
            _, done, at = queue.popleft()
            size += len(event.body)
            events.append(event)
            dones.append(done)
        return events, dones, size, at

    def _rest(self, engine: Engine) -> bool:
        """Wait for work, and keep house when none comes; False when it is time to end."""
        if self._closing:
            with self._mutex:  # a thread may have asked for something since the last look
                self._over = not (self._accepts or self._requests)
            return not self._over
        if not self._wake.wait(self._limits.quiet if engine.dirty else self._limits.tick):
            engine.rest()
            news = engine.news()
            if news:
                self._post(self._told, news)
        return True

    def _future(self) -> Future:
        if self._loop is None:
            return concurrent.futures.Future()
        return self._loop.create_future()

    def _post(self, function: Callable[..., object], *arguments: object) -> None:
        if self._loop is None:
            function(*arguments)
            return
        try:
            self._loop.call_soon_threadsafe(function, *arguments)
        except RuntimeError:  # the loop was closed over an open store: nobody is left to answer
            self._closing = True

    # In the loop:

    def _deliver(self, answers: Sequence[tuple[Done, Any]], news: Sequence[object]) -> None:
        for done, result in answers:
            try:
                done(result)
            except Exception as error:  # noqa: BLE001 - the others are answered all the same
                loop = asyncio.get_running_loop()
                loop.call_exception_handler(
                    {"message": "an accept's callback failed", "exception": error}
                )
        self._told(news)


async def _result(future: Future) -> Any:
    """The future's result, waited for by its own means; a cancelled wait leaves it alone."""
    if isinstance(future, asyncio.Future):
        return await asyncio.shield(future)
    return future.result()


def _resolve(future: Future, result: object) -> None:
    if isinstance(result, BaseException):
        future.set_exception(result)
    else:
        future.set_result(result)

"""The writer thread: what waits is taken together, committed, and answered together.

No timer: while one group is being committed the next one gathers. Groups of accepts and groups of
job changes take turns and never share a transaction; what users write there takes no more than its
time limit a group, and accepts go on in between. Whoever asks is answered where it asked: in
its event loop, whichever that is, or on the writer's thread, where a thread of its own waits.
"""

import asyncio
import atexit
import concurrent.futures
import threading
from asyncio import AbstractEventLoop, _get_running_loop
from collections import deque
from collections.abc import Callable, Sequence
from math import inf
from typing import Any, NamedTuple

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.core.forks import undivided
from hardpoint.store.driver import NewEvent
from hardpoint.store.sqlite.engine import Engine, StoreRequest
from hardpoint.store.sqlite.limits import StatementLimits
from hardpoint.store.sqlite.transaction import Postponed

WriterDone = Callable[[Any], None]
"""Called with the result, or with the exception in its place: in the loop, or, for threads that
wait, on the writer's thread; there it may not raise."""

WriterAnswer = tuple[AbstractEventLoop | None, WriterDone, Any]
"""Where to, whom and what to tell."""

_Asked = tuple[StoreRequest, WriterDone, AbstractEventLoop | None]


class _Waiting(NamedTuple):
    """An event that is to be stored, and who waits for that."""

    event: NewEvent
    done: WriterDone
    loop: AbstractEventLoop | None
    at: float


class Submission:
    """A request, unless who asked has given up before it is begun."""

    __slots__ = ("_request", "given_up")

    def __init__(self, request: StoreRequest) -> None:
        self._request = request
        self.given_up = False

    def __call__(self) -> Any:
        """Do it; nothing once it was given up."""
        return None if self.given_up else self._request()


class Writer:
    """One thread, two queues. Any thread and any event loop may ask.

    Args:
        open_engine: opens the store; runs on the writer's thread.
        limits: how much goes into one group, and how much may wait.
        told: takes the engine's telemetry: in `home`, while that runs, else on the writer's thread.
        closed: called once the store is closed, on the writer's thread.
        home: the loop to tell it in.
    """

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        limits: StatementLimits,
        *,
        told: Callable[[Sequence[object]], None],
        closed: Callable[[], None],
        home: AbstractEventLoop | None,
    ) -> None:
        self._open_engine = open_engine
        self._closed = closed
        self._limits = limits
        self._told = told
        self._home = home
        self._accepts: deque[_Waiting] = deque()
        self._rows = self._bytes = 0
        self._oldest = inf
        self._requests: deque[_Asked] = deque()
        self._alone = 0
        self._mutex = threading.Lock()
        self._wake = threading.Event()
        self._closing = False
        self._clean = True
        self._over = False
        self._thread = threading.Thread(target=self._run, name="hardpoint-store", daemon=True)
        self._opened: concurrent.futures.Future[Engine] = concurrent.futures.Future()
        self._ended: concurrent.futures.Future[None] = concurrent.futures.Future()

    def start(self) -> None:
        """Begin to open the store."""
        atexit.register(self._at_exit)
        self._thread.start()

    async def opened(self) -> Engine:
        """Wait until it is open; elsewhere its parts may be named, and `boot` and `broken` read.

        Raises:
            StoreUnavailableError, StoreCorruptError: it cannot be opened.
        """
        limits = self._limits
        return await self._result(self._opened, "opened", limits.lock_wait + limits.answer)

    @property
    def failed(self) -> bool:
        """Whether it could not be opened; else it is open, or may be yet."""
        return self._opened.done() and self._opened.exception() is not None

    def accept(
        self, event: NewEvent, done: WriterDone, at: float, loop: AbstractEventLoop | None
    ) -> None:
        """Queue an event that came at `at`; see `request` for the others.

        Raises:
            StoreUnavailableError: too much is waiting already, or the store was closed meanwhile.
        """
        limits = self._limits
        with self._mutex:
            self._refuse_when_over()
            if self._rows and (
                self._rows >= limits.pending_rows
                or self._bytes + len(event.body) > limits.pending_bytes
                or at - self._oldest > limits.pending_seconds
            ):
                raise StoreUnavailableError(f"{self._rows} events wait to be stored already")
            if not self._rows:
                self._oldest = at
            self._rows += 1
            self._bytes += len(event.body)
            self._accepts.append(_Waiting(event, done, loop, at))
        if not self._wake.is_set():
            self._wake.set()

    def request(
        self, request: StoreRequest, done: WriterDone, loop: AbstractEventLoop | None
    ) -> None:
        """Queue a job change.

        Args:
            request: what.
            done: told its result.
            loop: where; None for the writer's thread.

        Raises:
            StoreUnavailableError: the store was closed meanwhile.
        """
        with self._mutex:
            self._refuse_when_over()
            self._requests.append((request, done, loop))
        if not self._wake.is_set():
            self._wake.set()

    def tell(self, news: Sequence[object]) -> None:
        """Hand telemetry over to the loop; any thread may."""
        home = self._home
        if not (home is not None and home.is_running() and _posted(home, self._told, news)):
            self._told(news)

    async def stop(self, *, clean: bool = True) -> None:
        """Do all that was queued, close the store, and end the thread.

        Raises:
            StoreUnavailableError: not in time. The thread goes on, and may end with the process.
        """
        atexit.unregister(self._at_exit)
        self._end(clean=clean)
        await self._result(self._ended, "closed", self._limits.answer)
        self._thread.join()

    def _end(self, *, clean: bool) -> None:
        self._clean = clean
        self._closing = True
        self._wake.set()

    def _at_exit(self) -> None:
        """Nobody has stopped it: what was in flight is as after a crash, the file is closed."""
        self._end(clean=False)
        self._thread.join(
            self._limits.answer
        )  # at once in a forked child, which has no such thread

    async def _result(
        self, future: "concurrent.futures.Future[Any]", what: str, seconds: float
    ) -> Any:
        """The future's result, waited for by its own means; a cancelled wait leaves it alone."""
        try:
            if _get_running_loop() is None:
                return future.result(seconds)
            async with asyncio.timeout(seconds):
                return await asyncio.shield(asyncio.wrap_future(future))
        except TimeoutError:
            if future.done():  # in the last moment
                return future.result()
            raise StoreUnavailableError(
                f"the store was not {what} within {seconds:g} s; look at its disk, which hangs or "
                "is very slow"
            ) from None

    def _refuse_when_over(self) -> None:
        if self._over:
            raise StoreUnavailableError("the store was closed")

    # On the writer's thread:

    def _run(self) -> None:
        try:
            engine = self._open_engine()
        except BaseException as error:  # noqa: BLE001 - whoever awaits the opening is told
            atexit.unregister(self._at_exit)
            self._opened.set_exception(error)
            self._ended.set_result(None)
            return
        self._opened.set_result(engine)
        while True:
            self._wake.clear()
            if not (self._turn(engine) or self._rest(engine)):
                break
        with undivided():
            engine.close(clean=self._clean)
        self._closed()
        self.tell(engine.news())
        self._ended.set_result(None)

    def _turn(self, engine: Engine) -> bool:
        """One group of each kind; False when nothing waited."""
        worked = False
        if self._accepts:
            worked = True
            group, size = self._gather()
            with undivided():
                results = engine.accept([one.event for one in group])
            with self._mutex:
                self._rows -= len(group)
                self._bytes -= size
                self._oldest = group[-1].at  # what waits now came after it
            waiting = zip(group, results, strict=True)
            answers = [(one.loop, one.done, result) for one, result in waiting]
            self._answer(answers, engine.news())
            with undivided():
                engine.maintain(len(group), size)
        if self._requests:
            worked = True
            count = 1 if self._alone else min(len(self._requests), self._limits.batch_rows)
            asked = [self._requests.popleft() for _ in range(count)]
            with undivided():
                results = engine.serve([request for request, _, _ in asked])
            answers: list[WriterAnswer] = []
            again: list[_Asked] = []
            for one, result in zip(asked, results, strict=True):
                if isinstance(result, Postponed):
                    again.append(one)
                else:
                    answers.append((one[2], one[1], result))
            self._requests.extendleft(reversed(again))
            # Each of them alone from now on: so it has all the time, and its end is its own.
            self._alone = max(0, self._alone - count) + len(again)
            self._answer(answers, engine.news())
            with undivided():
                engine.maintain(count, 0)
        return worked

    def _gather(self) -> tuple[list[_Waiting], int]:
        group: list[_Waiting] = []
        size = 0
        queue, limits = self._accepts, self._limits
        while queue and len(group) < limits.batch_rows:
            body_bytes = len(queue[0].event.body)
            if group and size + body_bytes > limits.batch_bytes:
                break
            size += body_bytes
            group.append(queue.popleft())
        return group, size

    def _rest(self, engine: Engine) -> bool:
        """Wait for work, and keep house when none comes; False when it is time to end."""
        if self._closing:
            with self._mutex:  # a thread may have asked for something since the last look
                self._over = not (self._accepts or self._requests)
            return not self._over
        if not self._wake.wait(self._limits.quiet if engine.dirty else self._limits.tick):
            with undivided():
                engine.rest()
            news = engine.news()
            if news:
                self.tell(news)
        return True

    def _answer(self, answers: Sequence[WriterAnswer], news: Sequence[object]) -> None:
        """Tell each where it asked; with one message for a loop, however many asked there."""
        by_loop: dict[AbstractEventLoop, list[tuple[WriterDone, Any]]] = {}
        for loop, done, result in answers:
            if loop is None:
                done(result)
            else:
                by_loop.setdefault(loop, []).append((done, result))
        for loop, some in by_loop.items():
            if loop is self._home and loop.is_running():
                _posted(loop, self._deliver_at_home, some, news)
                news = ()
            else:
                _posted(loop, _deliver, some)
        if news:
            self.tell(news)

    def _deliver_at_home(
        self, answers: Sequence[tuple[WriterDone, Any]], news: Sequence[object]
    ) -> None:
        _deliver(answers)
        self._told(news)


def _posted(loop: AbstractEventLoop, function: Callable[..., object], *arguments: Any) -> bool:
    """Have a loop call a function; False when it was closed, and nobody is left there to hear."""
    try:
        loop.call_soon_threadsafe(function, *arguments)
    except RuntimeError:
        return False
    return True


def _deliver(answers: Sequence[tuple[WriterDone, Any]]) -> None:
    """In the loop of those who asked."""
    for done, result in answers:
        try:
            done(result)
        except Exception as error:  # noqa: BLE001 - the others are answered all the same
            loop = asyncio.get_running_loop()
            loop.call_exception_handler(
                {"message": "an accept's callback failed", "exception": error}
            )

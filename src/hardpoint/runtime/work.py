"""Work that blocks, done where it holds nobody up: in a thread, or at once where blocking is meant.

Both shells can also join: who asks for the same while it is under way gets what the first one gets.
The work belongs to nobody who waits for it: a caller that is cancelled, and an event loop that is
stuck or closed, leave it to be finished.
"""

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context
from typing import Any, Protocol, TypeVar, cast, final

from hardpoint.core.forks import forget_in_child

_Result = TypeVar("_Result")
_LOOKS = 4
_FLIGHTS = 32


class Work(Protocol):
    """Does what blocks: an effect."""

    async def do(self, job: Callable[[], _Result]) -> _Result:
        """Do it, and give what it returns or raises."""
        ...

    async def join(self, key: Hashable, job: Callable[[], _Result]) -> _Result:
        """The same, but once for all who ask for `key` until it is done."""
        ...

    def in_flight(self, key: Hashable) -> bool:
        """Whether somebody's work for `key` is not done yet."""
        ...

    async def close(self) -> None:
        """Wait for what is under way."""
        ...


class _Flights:
    """What is under way, by key."""

    def __init__(self) -> None:
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """Begin anew: in a forked child nobody flies what was under way."""
        self._lock = threading.Lock()
        self._futures: dict[Hashable, Future[Any]] = {}

    def board(self, key: Hashable) -> tuple[Future[Any], bool]:
        """The flight for a key, and whether it is ours to fly."""
        with self._lock:
            found = self._futures.get(key)
            if found is not None:
                return found, False
            mine: Future[Any] = Future()
            self._futures[key] = mine
            return mine, True

    def fly(self, key: Hashable, future: Future[Any], job: Callable[[], object]) -> None:
        """Do the job and tell everyone on board; the next who asks flies anew."""
        try:
            result = job()
        except Exception as error:  # noqa: BLE001 - every one who waits has to hear of it
            self._landed(key)
            future.set_exception(error)
        except BaseException:
            self._landed(key)
            future.cancel()  # an interrupt is for this thread alone: the others fly anew
            raise
        else:
            self._landed(key)
            future.set_result(result)

    def _landed(self, key: Hashable) -> None:
        with self._lock:
            self._futures.pop(key, None)

    def in_flight(self, key: Hashable) -> bool:
        return key in self._futures


@final
class BlockingWork:
    """In the calling thread; other threads that join wait for it."""

    def __init__(self) -> None:
        self._flights = _Flights()

    async def do(self, job: Callable[[], _Result]) -> _Result:
        """Do it here."""
        return job()

    async def join(self, key: Hashable, job: Callable[[], _Result]) -> _Result:
        """Do it here, or wait for the thread that does."""
        while True:
            future, mine = self._flights.board(key)
            if mine:
                self._flights.fly(key, future, job)
            with suppress(CancelledError):
                return cast("_Result", future.result())

    def in_flight(self, key: Hashable) -> bool:
        """Whether a thread does it now."""
        return self._flights.in_flight(key)

    async def close(self) -> None:
        """Nothing to wait for: threads see their own work through."""


@final
class ThreadWork:
    """In threads of its own, which no other library's slow work can fill; loops may share it.

    What is joined has other threads than the rest: a look never queues behind a network. Jobs see
    none of the caller's context: its deadline is not theirs. The interpreter waits for jobs under
    way before it ends.
    """

    def __init__(self) -> None:
        self._flights = _Flights()
        self._sizes = {"looks": _LOOKS, "flights": _FLIGHTS}
        self.forget()
        forget_in_child(self)

    def forget(self) -> None:
        """Begin anew: a forked child has none of the threads."""
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._lock = threading.Lock()

    async def do(self, job: Callable[[], _Result]) -> _Result:
        """Do it in a thread."""
        return await _outcome(self._pool("looks").submit(Context().run, job))

    async def join(self, key: Hashable, job: Callable[[], _Result]) -> _Result:
        """Do it in a thread, or wait for the one that does."""
        future, mine = self._flights.board(key)
        if mine:
            self._pool("flights").submit(Context().run, self._flights.fly, key, future, job)
        return await _outcome(future)

    def in_flight(self, key: Hashable) -> bool:
        """Whether a thread does it now."""
        return self._flights.in_flight(key)

    async def close(self) -> None:
        """Wait for every job; it can be used anew."""
        import asyncio

        with self._lock:
            pools, self._pools = self._pools, {}
        for pool in pools.values():
            await asyncio.to_thread(pool.shutdown)

    def _pool(self, name: str) -> ThreadPoolExecutor:
        with self._lock:
            if name not in self._pools:
                self._pools[name] = ThreadPoolExecutor(
                    self._sizes[name], thread_name_prefix=f"hardpoint-{name}"
                )
            return self._pools[name]


async def _outcome(future: "Future[_Result]") -> _Result:
    """Wait for a thread's result. To be cancelled ends the waiting, not the job."""
    import asyncio

    loop = asyncio.get_running_loop()
    woken = loop.create_future()

    def resolve() -> None:
        if not woken.done():
            woken.set_result(None)

    def wake(_: object) -> None:
        with suppress(RuntimeError):  # the loop was closed under the task
            loop.call_soon_threadsafe(resolve)

    future.add_done_callback(wake)
    await woken
    return future.result()

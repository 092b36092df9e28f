"""Following something that never ends over one connection after another, whatever it speaks."""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from types import TracebackType
from typing import Any, Generic, TypeVar

from hardpoint.calls.connection import Connection
from hardpoint.clients.reconnecting import Follow, Gap, Outages, StreamLost, StreamResumed
from hardpoint.core.errors import MisuseError, UnavailableError
from hardpoint.runtime.blocking import BlockingRuntime

_Item = TypeVar("_Item")


class Following(ABC, AsyncIterator[_Item | Gap], Generic[_Item]):
    """The items of one stream. Whoever is cancelled while they wait for one may ask again.

    Args:
        connection: whose it is.
        follow: how it is taken up again.
        operation: what it is called where it is told of.
    """

    def __init__(self, connection: Connection, follow: Follow, operation: str) -> None:
        self._connection = connection
        self._follow = follow
        self._operation = operation
        self._outages = Outages(follow)
        self._ready: deque[_Item | Gap] = deque()
        self._broken: Exception = UnavailableError("never opened")
        self._reason = ""
        self._due: float | None = None
        self._least = 0.0
        self._left = asyncio.Event()
        self._open = self._over = self._entered = self._taking = False

    async def enter(self) -> None:
        """Open it, under the policy.

        Raises:
            HardpointError: it cannot be opened.
        """
        if self._entered:
            raise MisuseError("A stream is opened once; ask for another")
        self._entered = True
        await self._opened()

    async def leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it; who waits for an item is told that there is none."""
        self._over = True
        self._open = False
        self._left.set()
        await self._disconnect(error)

    async def __anext__(self) -> _Item | Gap:
        self._take()
        try:
            while not self._ready:
                if self._over:
                    raise StopAsyncIteration
                await (self._read() if self._open else self._again())
        finally:
            self._taking = False
        return self._ready.popleft()

    @abstractmethod
    async def _connect(self, since: str | None) -> bool:
        """Make a connection that goes on after a point; false where the other side wants none."""

    @abstractmethod
    async def _disconnect(self, error: BaseException | None) -> None:
        """Close the connection, if there is one; because of an error, or in good order."""

    @abstractmethod
    async def _read(self) -> None:
        """Put what comes into `_ready`; or tell that the connection is `_lost`, or the end."""

    @abstractmethod
    def _point(self) -> str | None:
        """Where to go on, as far as the other side can be told; None where it cannot."""

    def _take(self) -> None:
        if not self._entered:
            raise MisuseError("A stream is read within its block: async with ... as stream")
        if self._taking:
            raise MisuseError("A stream is read by one at a time")
        self._taking = True

    async def _lost(self, error: Exception | None) -> None:
        """The connection broke, or the other side has ended it."""
        self._open = False
        self._broken = error or UnavailableError(
            "the server ended the stream", operation=self._operation
        )
        self._reason = f"{type(self._broken).__name__}: {self._broken}"
        await self._disconnect(error)
        self._outages.lost(self._connection.clock.monotonic())

    async def _ended(self, error: Exception | None) -> None:
        """There is no more of it."""
        self._open, self._over = False, True
        await self._disconnect(error)

    async def _again(self) -> None:
        """Wait, then try another connection."""
        clock = self._connection.clock
        if self._due is None:
            self._due = clock.monotonic() + self._wait()
        pause = self._connection.runtime.pause
        await self._unless_left(pause(clock, max(0.0, self._due - clock.monotonic())))
        self._due = None
        if self._over:
            return
        try:
            await self._unless_left(self._opened())
        except Exception as error:  # noqa: BLE001 - see `Outages.next`
            self._broken = error

    async def _unless_left(self, work: Coroutine[Any, Any, None]) -> None:
        """Do this, until another task closes the stream; where all blocks nobody else can."""
        if isinstance(self._connection.runtime, BlockingRuntime):
            await work
            return
        working = asyncio.ensure_future(work)
        leaving = asyncio.ensure_future(self._left.wait())
        try:
            await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (working, leaving):
                task.cancel()
            await asyncio.gather(working, leaving, return_exceptions=True)
        if not working.cancelled():
            working.result()

    def _wait(self) -> float:
        """Seconds to wait, which everybody is told."""
        connection, broken = self._connection, self._broken
        try:
            wait = self._outages.next(connection.clock.monotonic(), broken, self._least)
        except Exception:
            self._over = True
            raise
        connection.listeners.emit(
            StreamLost(
                connection=connection.name,
                operation=self._operation,
                reason=f"{type(broken).__name__}: {broken}",
                wait=wait,
            )
        )
        return wait

    async def _opened(self) -> None:
        since = self._point() if self._follow.resumes else None
        wanted = await self._connect(since)
        if self._over or not wanted:  # closed meanwhile; or not to be asked again
            await self._ended(None)
            return
        self._open = True
        connection, again = self._connection, self._outages.since is not None
        down = self._outages.opened(connection.clock.monotonic())
        if not again:
            return
        if since is None:
            self._ready.append(Gap(since=self._point(), reason=self._reason))
        if connection.listeners.active:
            connection.listeners.emit(
                StreamResumed(
                    connection=connection.name,
                    operation=self._operation,
                    gap=since is None,
                    seconds=down,
                )
            )

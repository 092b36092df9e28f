"""Notices between processes: there is work, or the configuration is to be read again.

A notice only saves time. Who misses one finds the same by looking, a little later.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.postgres.connections import Link
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.postgres.processes import CHANNEL, RELOAD, Heartbeat


@final
class Notices:
    """What this process tells the others, and hears from them.

    Args:
        url: of the database.
        heartbeat: reads whether somebody has asked for something.
        limits: bounds and waiting times.
        noticed: called when there may be work that others have stored.
        reload: called when the configuration is to be read again.

    Attributes:
        link: the connection that listens, which signs of life use too.
    """

    def __init__(
        self,
        url: str,
        heartbeat: Heartbeat,
        limits: PostgresLimits,
        noticed: Callable[[], None],
        reload: Callable[[], None],
    ) -> None:
        self.link = Link(url, seconds=limits.connect, answer=limits.answer, made=self._listen)
        self._heartbeat = heartbeat
        self._apart = limits.notify
        self._noticed = noticed
        self._reload = reload
        self._notice: asyncio.Task[None] | None = None
        self._looking: set[asyncio.Task[None]] = set()

    def announce(self) -> None:
        """Tell the others, soon, that there is work."""
        if self._notice is None or self._notice.done():
            self._notice = asyncio.create_task(self._notify())

    async def close(self) -> None:
        """Tell and hear no more; the connection stays for the farewell."""
        ending = [*self._looking, *filter(None, [self._notice])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _notify(self) -> None:
        """One notice for all that was stored within a while; after its commit."""
        await asyncio.sleep(self._apart)
        with suppress(StoreUnavailableError):  # they look by themselves too
            await self.link.run(lambda connection: connection.execute(f"notify {CHANNEL}"))

    async def _listen(self, connection: Any) -> None:
        await connection.add_listener(CHANNEL, self._heard)
        self._noticed()  # what was said while nobody listened

    def _heard(self, _connection: object, _pid: int, _channel: str, said: str) -> None:
        if said != RELOAD:
            self._noticed()
        else:
            look = asyncio.create_task(self._look())
            self._looking.add(look)
            look.add_done_callback(self._looking.discard)

    async def _look(self) -> None:
        """Somebody may have asked for something; else the next sign of life finds it."""
        with suppress(StoreUnavailableError):
            if await self.link.run(self._heartbeat.asked):
                self._reload()

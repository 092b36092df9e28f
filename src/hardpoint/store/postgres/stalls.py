"""Batches that wait long: their callers' vendor waits too, so it is told while it lasts, and why.

A statement may take half a minute before it is given up. Meanwhile the server has not refused
anything, so nothing has failed. The usual reason is a standby that commits wait for.
"""

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.complaints import Complaints
from hardpoint.store.postgres.connections import Link
from hardpoint.store.postgres.limits import PostgresLimits
from hardpoint.store.statements import statements

_SQL = statements("stalls", "hardpoint.store.postgres")
_KNOWN = {
    "SyncRep": "its commit waits for a standby (synchronous_standby_names), which does not answer",
    "ClientRead": "the server has answered, and the answer does not arrive",
}


@final
class Stalls:
    """Watches over what is under way.

    Args:
        url: of the database; it is asked on a connection of its own.
        limits: how long is long, and waiting times.
        complaints: says what is no news.
        tell: takes telemetry.
    """

    def __init__(
        self,
        url: str,
        limits: PostgresLimits,
        complaints: Complaints,
        tell: Callable[[object], None],
    ) -> None:
        self._url = url
        self._limits = limits
        self._complaints = complaints
        self._tell = tell
        self._looking: set[asyncio.Task[None]] = set()

    @contextmanager
    def watch(self, kind: str, rows: int, link: Link) -> Generator[None]:
        """A batch is under way on a connection while the block lasts."""
        looks: list[asyncio.Task[None]] = []

        def begin() -> None:
            look = asyncio.create_task(self._look(kind, rows, link))
            looks.append(look)
            self._looking.add(look)
            look.add_done_callback(self._looking.discard)

        timer = asyncio.get_running_loop().call_later(self._limits.stalled, begin)
        try:
            yield
        finally:
            timer.cancel()
            for look in looks:  # it is no news any more
                look.cancel()

    async def close(self) -> None:
        """Look no more, whatever is still under way."""
        for look in self._looking:
            look.cancel()
        await asyncio.gather(*self._looking, return_exceptions=True)

    async def _look(self, kind: str, rows: int, link: Link) -> None:
        seconds = self._limits.stalled
        beside = Link(self._url, seconds=seconds, answer=seconds)
        waited = 0.0
        try:
            while True:  # until it is cancelled
                waited += seconds
                reason = await _reason(beside, link.process)
                self._tell(self._complaints.stalled(kind, rows, waited, reason))
                await asyncio.sleep(seconds)
        finally:
            beside.drop()


async def _reason(beside: Link, process: int | None) -> str:
    """What a process of the server waits for; None: there is none."""
    if process is None:
        return "no connection to the database could be made yet"
    try:
        row = await beside.run(lambda connection: connection.fetchrow(_SQL["why"], process))
    except StoreUnavailableError:
        return "the database gives no answer"
    return _told(row)


def _told(row: Any) -> str:
    kind, name, blocking = row
    if blocking:
        return f"it waits for a lock that {' and '.join(blocking)} has"
    if name is None:
        return "the server is busy with it"
    return _KNOWN.get(name, f"it waits for {kind} {name}")

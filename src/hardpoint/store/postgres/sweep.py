"""Retention: bodies go first, keys much later, unfinished events never; chunk by chunk.

Any process may do it, and one at a time does.
"""

from typing import Any, Final, final

from hardpoint.core.effects import Clock
from hardpoint.store.events import Retained
from hardpoint.store.postgres.jobs import count_of
from hardpoint.store.retention import Retention
from hardpoint.store.statements import statements

_SQL = statements("retention", "hardpoint.store.postgres")
_MINE = "select pg_try_advisory_xact_lock(hashtextextended('hardpoint retention', 0))"
FIRST_SECONDS: Final = 300.0
"""Until the first pass: processes may be replaced more often than passes come."""
_FIRST = "00000000-0000-0000-0000-000000000000"


@final
class PostgresSweep:
    """Applies a `Retention`, a chunk at a time."""

    def __init__(self, retention: Retention, clock: Clock) -> None:
        self._retention = retention
        self._clock = clock
        self._next = clock.monotonic() + min(retention.every, FIRST_SECONDS)

    def due(self) -> bool:
        """Whether a pass is to begin."""
        return self._clock.monotonic() >= self._next

    async def run(self, connection: Any) -> Retained | None:
        """Do a pass, unless another process does one; gives what it has done."""
        self._next = self._clock.monotonic() + self._retention.every
        keep = self._retention
        bodies = await self._all(connection, "bodies", keep.done, keep.dead)
        keys = await self._all(connection, "keys", keep.keys)
        if bodies is None or keys is None:
            return None
        calls = await self._each(connection, "results", keep.done)
        calls += await self._each(connection, "calls", keep.keys)
        await connection.execute(_SQL["refused"], keep.done)
        await connection.execute(_SQL["audit"], keep.keys)
        return Retained(bodies=bodies, keys=keys, calls=calls)

    async def _each(self, connection: Any, name: str, age: float) -> int:
        """Chunk after chunk, until none is full."""
        gone = 0
        while True:
            count = count_of(await connection.execute(_SQL[name], age, self._retention.chunk))
            gone += count
            if count < self._retention.chunk:
                return gone

    async def _all(self, connection: Any, name: str, *ages: float) -> int | None:
        """Chunk after chunk, each in its own transaction; None where another process does it."""
        gone, after = 0, _FIRST
        while True:
            async with connection.transaction():
                if not await connection.fetchval(_MINE):
                    return None
                chunk = self._retention.chunk
                last, old, dropped = await connection.fetchrow(_SQL[name], after, chunk, *ages)
            gone += dropped
            if old < chunk:
                return gone
            after = last

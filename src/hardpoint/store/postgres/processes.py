"""Signs of life: this process beats; what belongs to one that has fallen silent is freed.

Nobody is judged too soon. While the database was away nobody could beat, and the first to come back
would free what all the others hold: so only who has itself beaten on time twice in a row judges,
and not while the server has just started. The other way round, a process that could not beat for
long enough takes what it holds for lost before anybody else may take it.
"""

import os
import socket
from typing import Any, final

from hardpoint.core.effects import Clock
from hardpoint.store.statements import statements

_SQL = statements("processes", "hardpoint.store.postgres")

BEATS = 4
"""Signs of life in the time after which there must have been one."""
_ON_TIME = 2
"""Beats on time, one after another, before this process judges others."""


@final
class Heartbeat:
    """The life of one process, as the others see it.

    Args:
        owner: the process.
        expires: seconds without a sign of life after which its leases are others' to take.
        clock: only its steady side is read.
    """

    def __init__(self, owner: str, expires: float, clock: Clock) -> None:
        self.every = expires / BEATS
        self._owner = owner
        self._expires = expires
        self._clock = clock
        self._beaten: float | None = None
        self._on_time = 0

    async def beat(self, connection: Any) -> None:
        """Give a sign of life, and free what the dead have held."""
        now, last = self._clock.monotonic(), self._beaten
        await connection.execute(_SQL["beat"], self._owner, socket.gethostname(), os.getpid())
        self._beaten = now
        late = last is None or now - last > 2 * self.every
        self._on_time = 0 if late else self._on_time + 1
        if self._on_time >= _ON_TIME:
            await connection.execute(_SQL["reap"], self._expires)
            await connection.execute(_SQL["reap_calls"], self._expires)
            await connection.execute(_SQL["forget"])

    @property
    def fenced(self) -> bool:
        """Whether others may think that this process is dead, or are about to."""
        since = self._clock.monotonic() - (self._beaten or 0.0)
        return self._beaten is None or since > self._expires - self.every

    async def leave(self, connection: Any) -> None:
        """It ends."""
        await connection.execute(_SQL["leave"], self._owner)

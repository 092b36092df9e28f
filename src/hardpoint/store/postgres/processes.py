"""Signs of life: this process beats; what belongs to one that has fallen silent is freed.

Nobody is judged too soon. While the database was away nobody could beat, and the first to come back
would free what all the others hold: so only who has itself beaten on time twice in a row judges,
and not while the server has just started. The other way round, a process that could not beat for
long enough takes what it holds for lost before anybody else may take it.
"""

import os
import socket
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, final
from uuid import UUID

import psycopg

from hardpoint.core.effects import Clock
from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.guests.crew import Rank
from hardpoint.store.postgres.schema import VERSION, version_blocking
from hardpoint.store.statements import statements

if TYPE_CHECKING:
    from hardpoint.store.guests.crew import Crew

_SQL = statements("processes", "hardpoint.store.postgres")

CHANNEL: Final = "hardpoint_work"
"""Where processes hear of work that others have stored."""
RELOAD: Final = "reload"
"""What they hear there when they are to look whether they were asked for something."""

BEATS = 4
"""Signs of life in the time after which there must have been one."""
_ON_TIME = 2
"""Beats on time, one after another, before this process judges others."""
_CONNECT_SECONDS: Final = 5


class Duties(NamedTuple):
    """What a process does with the store, as the others see it."""

    receives: bool
    works: bool
    handlers: tuple[str, ...]


def duties_of(crew: "Crew | None") -> Duties:
    """The same of whoever works on it here; None: it is opened for a call alone, or to operate."""
    if crew is None or crew.home is None:
        return Duties(receives=False, works=False, handlers=())
    rank = crew.rank
    receives = rank < Rank.SERVER or bool(crew.public)
    return Duties(receives=receives, works=rank >= Rank.WORKER, handlers=crew.known())


class Member(NamedTuple):
    """A process that lives. What it does is None where its version does not say."""

    id: UUID
    host: str
    pid: int
    receives: bool | None
    works: bool | None
    handlers: Sequence[str] | None

    @property
    def name(self) -> str:
        """What it goes by."""
        return f"{self.host}:{self.pid}"


def strangers(members: Sequence[Member]) -> Iterator[tuple[Member, str]]:
    """Who receives for others, and does not know the same handlers as these; and which ones.

    Nothing is said while one of those that work does not tell whom it knows.
    """
    working = [one for one in members if one.works or one.works is None]
    if not working or any(one.handlers is None for one in working):
        return
    known = {name for one in working for name in one.handlers or ()}
    for one in members:
        if one.receives:
            mine = {*(one.handlers or ())}
            for name in sorted(mine - known):
                yield one, f"{one.name} receives for {name}, which no process that works has loaded"
            for name in sorted(known - mine):
                yield (
                    one,
                    f"{one.name} has not loaded {name}: it gets nothing that is received there",
                )


@final
class Heartbeat:
    """The life of one process, as the others see it.

    Args:
        owner: the process.
        expires: seconds without a sign of life after which its leases are others' to take.
        clock: only its steady side is read.

    Attributes:
        strangers: how the handlers that are loaded here differ from the others', at the last beat.
    """

    def __init__(self, owner: str, expires: float, clock: Clock) -> None:
        self.strangers: list[str] = []
        self.every = expires / BEATS
        self._owner = owner
        self._expires = expires
        self._clock = clock
        self._beaten: float | None = None
        self._on_time = 0
        self._reload_at: float | None = None

    async def beat(self, connection: Any, duties: Duties) -> bool:
        """Give a sign of life, and free what the dead have held.

        Returns:
            Whether somebody has asked, since the last one, that the configuration be read again.
        """
        now, last = self._clock.monotonic(), self._beaten
        where = socket.gethostname(), os.getpid()
        asked = await connection.fetchval(_SQL["beat"], self._owner, *where, *duties)
        self._beaten = now
        late = last is None or now - last > 2 * self.every
        self._on_time = 0 if late else self._on_time + 1
        if self._on_time >= _ON_TIME:
            await connection.execute(_SQL["reap"], self._expires)
            await connection.execute(_SQL["reap_calls"], self._expires)
            await connection.execute(_SQL["forget"])
        members = await connection.fetch(_SQL["members"], self._expires)
        found = strangers([Member(*row) for row in members])
        self.strangers = [told for one, told in found if str(one.id) == self._owner]
        return self._news(asked)

    async def asked(self, connection: Any) -> bool:
        """The same without a sign of life, which would come before its time."""
        return self._news(await connection.fetchval(_SQL["asked"], self._owner))

    def _news(self, reload_at: float | None) -> bool:
        before, self._reload_at = self._reload_at, reload_at
        return reload_at not in {None, before}

    @property
    def fenced(self) -> bool:
        """Whether others may think that this process is dead, or are about to."""
        since = self._clock.monotonic() - (self._beaten or 0.0)
        return self._beaten is None or since > self._expires - self.every

    async def leave(self, connection: Any) -> None:
        """It ends."""
        await connection.execute(_SQL["leave"], self._owner)


def ask_to_reload(url: str, expires: float) -> int | None:
    """Have every process that lives read its configuration again; gives how many, None if none.

    It is kept in their rows: who does not hear of it at once finds it with the next sign of life.

    Raises:
        StoreUnavailableError: the database cannot be reached, or not changed by this role.
        StoreCorruptError: not a store of ours, or of a newer version.
    """
    try:
        opened: Any = psycopg.connect(url, autocommit=True, connect_timeout=_CONNECT_SECONDS)
        with opened as connection:
            if version_blocking(connection) < VERSION:  # nobody has this one yet
                return None
            told: int = connection.execute(_SQL["ask"], {"expires": expires}).rowcount
            connection.execute(f"notify {CHANNEL}, '{RELOAD}'")
    except psycopg.Error as error:
        raise StoreUnavailableError(f"the processes cannot be told: {error}") from error
    return told or None

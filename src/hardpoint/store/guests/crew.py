"""Whoever handles events in the process that owns the store, as its keeper sees them."""

import asyncio
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from enum import IntEnum
from typing import Final, Protocol, final

from hardpoint.store.guests.frames import VERSIONS, Hello, release

_CREW_SECONDS: Final = 15.0


class Rank(IntEnum):
    """How well a process is suited to own a store. An owner gives way to a higher rank.

    Attributes:
        FRONT: it only hands over what it receives, and never owns.
        SCRIPT: it ends before long, or has no handlers: what others received would wait.
        WORKER: it serves an application's requests, and runs handlers beside them.
        SERVER: it is there for nothing else.
    """

    FRONT = -1
    SCRIPT = 0
    WORKER = 1
    SERVER = 2


class Crew(Protocol):
    """What works on the store in the process that owns it."""

    @property
    def rank(self) -> Rank:
        """What it is suited for now; any thread may ask."""
        ...

    @property
    def home(self) -> asyncio.AbstractEventLoop | None:
        """The loop it works in; None while there is none."""
        ...

    def take_up(self) -> None:
        """This process owns the store now. Called in `home`."""
        ...

    async def lay_down(self, *, clean: bool) -> None:
        """It does so no more, or will not in a moment: end what runs. Called in `home`."""
        ...

    def matching(self, source: str, event_type: str) -> tuple[str, ...]:
        """Who handles such an event here; any thread may ask."""
        ...

    def known(self) -> tuple[str, ...]:
        """Everybody who handles events here; any thread may ask."""
        ...

    @property
    def public(self) -> str:
        """Where this process takes webhooks, if others on this machine can find that."""
        ...

    def arrived(self, handlers: Sequence[str], source: str) -> None:
        """Guests have brought work for these handlers, or for any. Called in `home`."""
        ...

    def reload(self) -> None:
        """The configuration is to be read again. Called in `home`."""
        ...


@final
class CrewSeat:
    """A crew that may come later: until then nothing is handled, and the process is a script.

    Args:
        home: the loop to tell listeners in, if there is one.

    Attributes:
        crew: who sits here.
    """

    def __init__(self, home: asyncio.AbstractEventLoop | None) -> None:
        self.crew: Crew | None = None
        self._home = home

    @property
    def rank(self) -> Rank:
        """See `Crew`."""
        return Rank.SCRIPT if self.crew is None else self.crew.rank

    @property
    def home(self) -> asyncio.AbstractEventLoop | None:
        """See `Crew`."""
        return self._home if self.crew is None else self.crew.home

    def take_up(self) -> None:
        """See `Crew`."""
        if self.crew is not None:
            self.crew.take_up()

    async def lay_down(self, *, clean: bool) -> None:
        """See `Crew`."""
        if self.crew is not None:
            await self.crew.lay_down(clean=clean)

    def matching(self, source: str, event_type: str) -> tuple[str, ...]:
        """See `Crew`."""
        return () if self.crew is None else self.crew.matching(source, event_type)

    def known(self) -> tuple[str, ...]:
        """See `Crew`."""
        return () if self.crew is None else self.crew.known()

    @property
    def public(self) -> str:
        """See `Crew`."""
        return "" if self.crew is None else self.crew.public

    def arrived(self, handlers: Sequence[str], source: str) -> None:
        """See `Crew`."""
        if self.crew is not None:
            self.crew.arrived(handlers, source)

    def reload(self) -> None:
        """See `Crew`."""
        if self.crew is not None:
            self.crew.reload()


def introduction(crew: Crew, session: str, rank: int | None = None) -> Hello:
    """What this process says of itself; of its crew's rank, unless it is another."""
    rank = crew.rank if rank is None else rank
    return Hello(VERSIONS, session, os.getpid(), rank, release(), crew.public)


def call_home(crew: Crew, function: Callable[[], object]) -> None:
    """Have it called in the crew's loop, while there is one."""
    home = crew.home
    if home is not None:
        with suppress(RuntimeError):  # it was closed
            home.call_soon_threadsafe(function)


async def send_home(crew: Crew, *, clean: bool) -> None:
    """Have it lay down its work, in its own loop, and wait for that within bounds."""
    home = crew.home
    if home is not None:
        ending = crew.lay_down(clean=clean)
        try:
            future = asyncio.run_coroutine_threadsafe(ending, home)
            await asyncio.wait({asyncio.wrap_future(future)}, timeout=_CREW_SECONDS)
        except RuntimeError:  # the loop was closed
            ending.close()

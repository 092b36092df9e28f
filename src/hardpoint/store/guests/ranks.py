"""Who had better own a store, and how an owner gives way.

In order: it says YIELD to all its guests; handlers end, while the store still takes what comes,
from here and from guests; it stops listening, commits and answers what is queued, lets the lock go,
and hangs up. For a moment all below the rank of the next owner leave the lock alone, so that the
store does not go by chance to one more of them in between.
"""

import time
from typing import Final, final

from hardpoint.store.guests.crew import Crew, Rank, call_home, send_home
from hardpoint.store.guests.frames import Hello
from hardpoint.store.guests.server import GuestServer

YIELD_SECONDS: Final = 1.0
"""How long the lock is left to a process of a higher rank."""
AGAIN_SECONDS: Final = 0.5
"""After a store that broke, or was let go."""
AGAIN_SECONDS_MAX: Final = 30.0
"""The same, where that happens again and again."""
NOBODY: Final = (
    "nobody owns {}, and this process only hands over what it receives: run `hardpoint work "
    "MODULE:HUB` beside it"
)


@final
class Succession:
    """What one process knows of those who are better suited than others to own the store.

    Args:
        crew: of this process.

    Attributes:
        leaving: it owns the store, and is about to give way.
    """

    def __init__(self, crew: Crew) -> None:
        self.leaving = False
        self._crew = crew
        self._better: Hello | None = None
        self._announced: int = Rank.FRONT
        self._left_to: tuple[int, float] = Rank.FRONT, 0.0
        self._again = AGAIN_SECONDS
        self._not_before = 0.0

    @property
    def is_front(self) -> bool:
        """Whether this process never owns."""
        return self._crew.rank is Rank.FRONT

    @property
    def leaves_the_lock(self) -> bool:
        """Whether this process does not try the lock now."""
        own, now = self._crew.rank, time.monotonic()
        rank, until = self._left_to
        return own is Rank.FRONT or now < self._not_before or (own < rank and now < until)

    def retreat(self, lived: float) -> None:
        """Leave the lock to others for a while: the store broke here, or cannot be worked on.

        Args:
            lived: seconds for which this process has owned it.
        """
        again = AGAIN_SECONDS if lived > AGAIN_SECONDS_MAX else self._again
        self._not_before = time.monotonic() + again
        self._again = min(2 * again, AGAIN_SECONDS_MAX)

    def greeted(self, hello: Hello) -> bool:
        """A guest has come; whether it is better suited than this process, which owns the store."""
        if hello.rank <= self._crew.rank:
            return False
        self._better = hello
        return True

    async def lay_down(self, server: GuestServer) -> bool:
        """Whether the owner is to give way now: somebody better waits, and nothing runs here."""
        better = self._better
        if better is None:
            return False
        self.leaving = True
        server.announce(better.rank)
        await send_home(self._crew, clean=True)
        if better in server.guests:
            return True
        self.leaving, self._better = False, None  # it has gone again
        server.announce(Rank.FRONT)
        call_home(self._crew, self._crew.take_up)
        return False

    def end(self) -> None:
        """This process owns the store no more, or is no guest of its owner any more."""
        better, self._better = self._better, None
        rank = better.rank if better is not None and self.leaving else self._announced
        self.leaving, self._announced = False, Rank.FRONT
        self._left_to = rank, time.monotonic() + YIELD_SECONDS

    def yield_to(self, rank: int) -> None:
        """When the owner has gone, the lock is for those of this rank for a moment."""
        self._announced = rank

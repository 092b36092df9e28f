"""Turns at the gate that are lent to code of the application's: of this process, or of a guest.

The writer stands in the same line, so nobody's transaction starves another's. Whoever keeps a turn
too long, or dies, loses it.
"""

import asyncio
from collections.abc import Callable
from typing import Final, final

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.store.events import TurnHeldLong
from hardpoint.store.sqlite.gate import Gate, Turn

TURN_SECONDS: Final = 5.0
"""What a turn may take, by its holder's clock."""
WAIT_SECONDS: Final = 10.0
"""How long one may have to be waited for."""
_GRACE_SECONDS: Final = 1.0
"""How much longer the owner waits for it to be given back."""

_Borrower = tuple[object, int]
"""Who has asked, and under which number of theirs."""


def lending_gate(tell: Callable[[object], object]) -> "tuple[Gate, LentTurns]":
    """A gate, and the turns at it that may be lent.

    Args:
        tell: told of a turn that was taken back.
    """
    gate = Gate()
    return gate, LentTurns(gate, tell)


@final
class LentTurns:
    """Belongs to one event loop: the keeper's.

    Args:
        gate: of the open store.
        tell: told of a turn that was taken back.
    """

    def __init__(self, gate: Gate, tell: Callable[[object], object]) -> None:
        self._gate = gate
        self._tell = tell
        self._wanted: set[_Borrower] = set()
        self._held: dict[_Borrower, tuple[Turn, asyncio.TimerHandle]] = {}

    async def lend(self, holder: object, number: int) -> None:
        """Wait for a turn.

        Raises:
            StoreUnavailableError: none came in time, or who asked has gone.
        """
        borrower = holder, number
        self._wanted.add(borrower)
        try:
            turn = await self._gate.acquire_async(WAIT_SECONDS)
        except BaseException:
            self._wanted.discard(borrower)
            raise
        if borrower not in self._wanted:
            self._gate.release(turn)
            raise StoreUnavailableError("whoever wanted a turn has gone")
        self._wanted.discard(borrower)
        loop, patience = asyncio.get_running_loop(), TURN_SECONDS + _GRACE_SECONDS
        self._held[borrower] = turn, loop.call_later(patience, self._take_back, borrower, patience)

    def give_back(self, holder: object, number: int | None = None) -> None:
        """Let the next one in.

        Args:
            holder: whose turn it was.
            number: which one; without it, whatever that holder has or waits for.
        """
        for one in {*self._wanted, *self._held}:
            if one[0] is holder and number in {None, one[1]}:
                self._wanted.discard(one)
                self._release(one)

    def _take_back(self, borrower: _Borrower, seconds: float) -> None:
        self._release(borrower)
        self._tell(TurnHeldLong(seconds=seconds, taken_back=True))

    def _release(self, borrower: _Borrower) -> None:
        turn, overdue = self._held.pop(borrower, (None, None))
        if turn is not None and overdue is not None:
            overdue.cancel()
            self._gate.release(turn)

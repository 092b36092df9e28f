"""How much time is left: carried across tasks and threads, never more than an outer policy's."""

from contextlib import suppress
from contextvars import ContextVar, Token
from math import inf
from typing import overload

from hardpoint.runtime.effects import Effects

Limit = tuple[float, Effects]
"""When the attempt under way must be over, by the monotonic clock of those effects."""

LIMIT: ContextVar[Limit | None] = ContextVar("hardpoint_limit", default=None)

_LEAST = 0.001  # a socket timeout of 0 would mean "do not block"


@overload
def remaining() -> float | None: ...
@overload
def remaining(most: float) -> float: ...
def remaining(most: float | None = None) -> float | None:
    """Seconds left for the attempt under way.

    Args:
        most: a bound of your own, so that the answer can be given to a socket as it is:
            `requests.get(url, timeout=remaining(10))`. It is then never below a millisecond.

    Returns:
        None when there is no limit.
    """
    limit = LIMIT.get()
    if limit is None:
        return most
    left = limit[0] - limit[1].monotonic()
    return max(left, 0.0) if most is None else max(min(left, most), _LEAST)


def translate(limit: Limit, effects: Effects, now: float) -> float:
    """An outer limit by our own clock."""
    until, theirs = limit
    return until if theirs is effects else now + until - theirs.monotonic()


def outer_limit(effects: Effects, now: float) -> float:
    """Until when the policies around this call allow, by our own clock."""
    limit = LIMIT.get()
    return inf if limit is None else translate(limit, effects, now)


def restore(token: Token[Limit | None]) -> None:
    """Undo a `LIMIT.set`, unless this is another context: a coroutine may be closed anywhere."""
    with suppress(ValueError):
        LIMIT.reset(token)

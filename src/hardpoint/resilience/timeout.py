"""How much time is left: carried across tasks and threads, never more than an outer policy's."""

from contextvars import ContextVar
from math import inf
from typing import Any, cast, overload

from hardpoint.runtime.effects import Effects

AttemptLimit = list[Any]
"""[when the attempt under way must be over, the effects by whose clock, the limit around it].

The first is None once the attempt is over: that ends it in every task and thread it reached, costs
less than to reset the variable, and works wherever a coroutine happens to be closed.
"""

LIMIT: ContextVar[AttemptLimit | None] = ContextVar("hardpoint_limit", default=None)

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
    limit = current(LIMIT.get())
    if limit is None:
        return most
    effects = cast(Effects, limit[1])
    left: float = limit[0] - effects.monotonic()
    return max(left, 0.0) if most is None else max(min(left, most), _LEAST)


def current(limit: AttemptLimit | None) -> AttemptLimit | None:
    """The innermost limit that is not over."""
    while limit is not None and limit[0] is None:
        limit = limit[2]
    return limit


def until_of(limit: AttemptLimit | None, effects: Effects, now: float) -> float:
    """When the limit is reached, by one's own clock."""
    if limit is None:
        return inf
    until: float = limit[0]
    theirs = cast(Effects, limit[1])
    return until if theirs is effects else now + until - theirs.monotonic()


def outer_limit(effects: Effects, now: float) -> float:
    """Until when the policies around this call allow, by one's own clock."""
    return until_of(current(LIMIT.get()), effects, now)

"""The record of one logical call, made at its first failure."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

from hardpoint.resilience.hints import NOTHING, Hints
from hardpoint.resilience.state import PolicyState


@final
class CallRecord:
    """One logical call, from its first failure on.

    Attributes:
        state: the key's state.
        started: when the call began; not a number if nobody needed to know.
        until: when it has to be over.
        now: when its last attempt ended.
        hints: what the other side asked for then.
        tries: attempts and refusals so far.
        sent: attempts that reached the function.
        delay: seconds until the next attempt.
        failure: what is to be raised, when no further attempt follows. The runner clears it, as
            it pins frames.
        last: the last real error, as a refusal may come after it; cleared likewise.
        in_doubt: an attempt may have acted, and no later one has told.
    """

    hints: Hints = NOTHING
    tries = 0
    sent = 0
    delay = 0.0
    failure: BaseException | None = None
    last: Exception | None = None
    in_doubt = False

    def __init__(self, state: PolicyState, started: float, until: float, now: float) -> None:
        self.state = state
        self.started = started
        self.until = until
        self.now = now


@final
class Opened:
    """A stream that was opened, and the breaker's permit that it holds; 0 for none."""

    __slots__ = ("permit", "stream")

    def __init__(self, stream: Any) -> None:
        self.stream = stream
        self.permit = 0


Fallback = Callable[[Exception, tuple[Any, ...], dict[str, Any]], Any]
"""Gives the substitute for an error, or an awaitable of it, from the call's arguments."""


@final
@dataclass(frozen=True, slots=True)
class Degraded:
    """The answer of a policy with `critical=False` whose call failed. It is false.

    Attributes:
        reason: the class of the error, `CircuitOpenError`.
        policy: the policy's name.
    """

    reason: str
    policy: str = ""

    def __bool__(self) -> Literal[False]:
        return False


def fallback_of(option: Any, *, critical: bool, policy: str) -> Fallback | None:
    """The fallback that the options mean: a function of the error and the arguments, or a value."""
    if callable(option):
        return lambda error, args, kwargs: option(error, *args, **kwargs)
    if option is not None:
        return lambda _error, _args, _kwargs: option
    if critical:
        return None
    return lambda error, _args, _kwargs: Degraded(type(error).__name__, policy)

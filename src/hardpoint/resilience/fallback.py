"""What a caller gets in place of an error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, final

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

"""What options mean when a policy is built; what makes no sense is refused by its name."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any, Literal, final

from hardpoint.core.errors import ConfigurationError


def seconds(option: str, value: object, *, zero: bool = False) -> float:
    """A finite duration above zero, or from zero on.

    Raises:
        ConfigurationError: it is none.
    """
    return _number(option, value, "a duration in seconds", zero=zero)


def amount(option: str, value: object, *, zero: bool = False) -> float:
    """A finite number above zero, or from zero on.

    Raises:
        ConfigurationError: it is none.
    """
    return _number(option, value, "a number", zero=zero)


def share(option: str, value: object) -> float:
    """A share of a whole, above 0 and up to 1.

    Raises:
        ConfigurationError: it is none.
    """
    number = _number(option, value, "a share of 1", zero=False)
    if number > 1:
        raise ConfigurationError(
            option, f"is a share of 1, not {number:g}", fix="Write 0.5 for 50%"
        )
    return number


def count(option: str, value: object, *, least: int = 1, most: int = 1_000_000) -> int:
    """A whole number within bounds.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise ConfigurationError(option, f"is a whole number, not {value!r}")
    if not least <= value <= most:
        raise ConfigurationError(option, f"must be from {least} to {most}, not {value}")
    return value


def _number(option: str, value: object, what: str, *, zero: bool) -> float:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ConfigurationError(option, f"is {what}, not {value!r}")
    if not _finite(value):
        raise ConfigurationError(option, f"must be finite, not {value}")
    if value < 0 or (value == 0 and not zero):
        raise ConfigurationError(
            option, f"must be {'0 or more' if zero else 'above 0'}, not {value:g}"
        )
    return float(value)


def _finite(value: float) -> bool:
    try:
        return isfinite(value)
    except OverflowError:  # an integer beyond what a float can hold
        return False


Run = Callable[..., Any]
"""Calls a function under a policy, with its arguments."""

_ASYNCHRONOUS = inspect.CO_COROUTINE | inspect.CO_ITERABLE_COROUTINE
_GENERATOR = inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR


def is_asynchronous(function: Any, policy: str) -> bool:
    """Whether calling it gives a coroutine. Partials, methods and callable objects are understood.

    Raises:
        ConfigurationError: it cannot be called, or it is a generator function: its body would run
            after the policy is over, and what was yielded cannot be taken back for a retry.
    """
    try:
        flags: int = function.__code__.co_flags
    except AttributeError:
        flags = _flags(function, policy)
    if flags & _GENERATOR:
        raise ConfigurationError(
            f"{policy}({name_of(function)})",
            "is a generator, whose body would run outside the policy",
            fix="Guard the function that fetches one page or chunk, and yield outside of it",
        )
    return flags & _ASYNCHRONOUS != 0


def name_of(function: Any) -> str:
    """A name for messages."""
    return getattr(function, "__qualname__", None) or repr(function)


def _flags(function: Any, policy: str) -> int:
    while isinstance(function, partial):
        function = function.func
    kind = type(function).__name__
    if kind in ("staticmethod", "classmethod"):
        raise ConfigurationError(
            f"{policy}({name_of(function)})",
            f"is a {kind}, which no policy can wrap",
            fix=f"Put @{kind} above the policy",
        )
    if not callable(function):
        raise ConfigurationError(f"{policy}({name_of(function)})", "cannot be called")
    for one in (function, getattr(type(function), "__call__", None)):  # noqa: B004 - its code
        if inspect.iscoroutinefunction(one):
            return inspect.CO_COROUTINE
        code = getattr(one, "__code__", None)
        if code is not None:
            return code.co_flags
    return 0


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

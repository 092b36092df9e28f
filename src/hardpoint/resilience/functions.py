"""What kind of function it is: plain, asynchronous, or one that no policy can guard."""

import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

from hardpoint.core.errors import ConfigurationError

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

"""Compositions that work, but not as one would think: warned about once, when they are built."""

import warnings
from collections.abc import Callable
from typing import Any

from hardpoint.resilience.functions import name_of
from hardpoint.resilience.settings import Settings

MARK = "__hardpoint_settings__"
"""Where a guarded function keeps its policy's settings."""


class PolicyWarning(UserWarning):
    """The composition works, but not as one would think."""


def warn_about_itself(settings: Settings) -> None:
    """Warn about parts that do not go well together."""
    if settings.retry is not None and settings.timeout is None and settings.deadline is None:
        _warn(
            f"{settings.name}: retries without a time limit: an attempt that hangs is never "
            "retried. Set `timeout`, or `deadline`"
        )


def warn_about_nesting(outer: Settings, function: Callable[..., Any]) -> None:
    """Warn when the function is under a policy already, and the two do not go well together."""
    inner = getattr(function, MARK, None)
    if not isinstance(inner, Settings):
        return
    where = f"{outer.name} around {inner.name}, at {name_of(function)}"
    if outer.retry is not None and inner.retry is not None:
        most = outer.retry.attempts * inner.retry.attempts
        _warn(f"{where}: retries within retries make up to {most} attempts. Retry in one place")
    if outer.breaker is not None and inner.retry is not None:
        _warn(
            f"{where}: a breaker outside of retries sees one failure where several were. "
            "Give both to one policy"
        )
    bounded = inner.timeout is not None or inner.deadline is not None
    replaced = inner.fallback is not None or not inner.critical
    if outer.timeout is not None and replaced and not bounded:
        _warn(
            f"{where}: a timeout outside of a fallback only: what hangs is never replaced. "
            "Set `timeout` on the inner policy"
        )


def _warn(text: str) -> None:
    warnings.warn(text, PolicyWarning, stacklevel=4)

"""Choosing among errors: by type, by predicate, or by a preset's name."""

from collections.abc import Callable, Iterator
from typing import cast

from hardpoint.core.errors import ConfigurationError, HardpointError
from hardpoint.resilience.hints import status_of
from hardpoint.resilience.recognition import LOCAL, recognise
from hardpoint.resilience.repetition import Effect

Predicate = Callable[[Exception], bool]
On = type[Exception] | tuple[type[Exception], ...] | Predicate | str
"""Exception types, a predicate of the exception, or a preset: "transient", "refused"."""

_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
_CHAIN_MAX = 8


def transient(error: Exception) -> bool:
    """Errors that pass: retryable ones of ours; lost, refused and timed-out connections.

    Errors of the clients that people use count when they are of the network (see `recognition`), or
    carry a status that passes (408, 425, 429, 500, 502, 503, 504); so do errors that such a one
    caused. To choose it is to consent to a repetition.
    """
    if isinstance(error, HardpointError):
        return error.retryable
    status = status_of(error)
    if status is not None and status >= 400 and not _is_made_up(error, status):
        return status in _PASSING
    return any(_lost(cause) for cause in _causes(error, implied=True))


def _is_made_up(error: Exception, status: int) -> bool:
    """Whether a client has given that status to what was no answer; see `recognition`."""
    verdict = recognise(error)
    return status < 500 and verdict is not LOCAL and verdict.effect is Effect.UNKNOWN


def refused(error: Exception) -> bool:
    """Errors that prove that nothing was sent: the connection was refused, the name not found."""
    return any(_effect(cause) is Effect.UNSENT for cause in _causes(error, implied=False))


PRESETS: dict[str, Predicate] = {"transient": transient, "refused": refused}


def check_selection(option: str, on: object) -> None:
    """Refuse what selects nothing sensible.

    Raises:
        ConfigurationError: an unknown preset, no exception type, or one that is never offered
            (`CancelledError`, `KeyboardInterrupt` and their like are not `Exception`s).
    """
    if on is None or (callable(on) and not isinstance(on, type)):
        return
    if isinstance(on, str):
        if on not in PRESETS:
            known = ", ".join(PRESETS)
            raise ConfigurationError(option, f"{on!r} is not a preset", fix=f"Known: {known}")
        return
    types = cast("tuple[object, ...]", on if isinstance(on, tuple) else (on,))
    for one in types:
        if not _is_exception_type(one):
            raise ConfigurationError(
                option,
                f"{one!r} is not an Exception type",
                fix="Cancellation and interrupts always pass through",
            )
    if not types:
        raise ConfigurationError(option, "is empty and selects nothing")


def predicate_of(on: On) -> Predicate:
    """The predicate that a checked selection means."""
    if isinstance(on, str):
        return PRESETS[on]
    if isinstance(on, (type, tuple)):
        types = cast("type[Exception]", on)
        return lambda error: isinstance(error, types)
    return on


def _lost(error: BaseException) -> bool:
    """Whether it is an error of the network, and a repetition not senseless."""
    meaning = recognise(error)
    if meaning is LOCAL or meaning.retry is False:
        return False
    return meaning.effect in (Effect.UNSENT, Effect.UNKNOWN, Effect.NOTHING)


def _effect(error: BaseException) -> Effect | None:
    return recognise(error).effect


def _is_exception_type(value: object) -> bool:
    return isinstance(value, type) and issubclass(value, Exception)


def _causes(error: BaseException, *, implied: bool) -> Iterator[BaseException]:
    """The error and what caused it; `implied` also follows what was being handled."""
    current: BaseException | None = error
    for _ in range(_CHAIN_MAX):
        if current is None:
            return
        yield current
        cause = current.__cause__
        if cause is None and implied and not current.__suppress_context__:
            cause = current.__context__
        current = cause

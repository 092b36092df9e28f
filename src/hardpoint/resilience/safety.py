"""May it be repeated? Facts about the operation times facts about how its last attempt ended."""

from enum import Enum
from typing import Literal

from hardpoint.core.errors import HardpointError, RejectedError

Operation = Literal["safe", "idempotent", "needs_key", "never"]
"""What repeating an operation does.

    safe         it only reads
    idempotent   doing it twice is doing it once
    needs_key    so it is under an idempotency key, and only then
    never        it is not repeated, whatever happened
"""


class Effect(Enum):
    """What an attempt that failed did on the other side."""

    UNSENT = "unsent"
    """Nothing: it never got there."""
    NOTHING = "nothing"
    """Nothing: the other side said so, and that a later attempt may succeed."""
    UNKNOWN = "unknown"
    """It may have acted; no answer came."""
    ANSWERED = "answered"
    """It gave its answer; asking again would bring the same."""


def effect_of(error: Exception) -> Effect:
    """The facts an error tells. A plain network error or timeout leaves the outcome unknown."""
    if isinstance(error, HardpointError):
        if isinstance(error, RejectedError):
            return Effect.UNSENT
        if not error.outcome_known:
            return Effect.UNKNOWN
        return Effect.NOTHING if error.retryable else _ANSWERED
    if isinstance(error, OSError):
        return Effect.UNSENT if is_refused(error) else Effect.UNKNOWN
    return _ANSWERED


def may_repeat(operation: Operation, effect: Effect, *, keyed: bool) -> bool:
    """Whether the table allows another attempt."""
    return effect in _REPEATABLE[operation, keyed]


def is_refused(error: BaseException) -> bool:
    """True when the connection was refused, or the name not found: nothing was sent."""
    return isinstance(error, ConnectionRefusedError) or type(error).__name__ == "gaierror"


_ANSWERED = Effect.ANSWERED  # a member's look-up is not free
_ALL = frozenset({Effect.UNSENT, Effect.NOTHING, Effect.UNKNOWN})
_UNDONE = frozenset({Effect.UNSENT, Effect.NOTHING})
_REPEATABLE: dict[tuple[Operation, bool], frozenset[Effect]] = {
    ("safe", False): _ALL,
    ("safe", True): _ALL,
    ("idempotent", False): _ALL,
    ("idempotent", True): _ALL,
    ("needs_key", False): _UNDONE,
    ("needs_key", True): _ALL,
    ("never", False): frozenset(),
    ("never", True): frozenset(),
}
OPERATIONS: tuple[Operation, ...] = ("safe", "idempotent", "needs_key", "never")

"""May it be repeated, is it in doubt? One decision for functions, SDKs and ports alike.

What an operation is (`RepeatClass`) times what its last attempt did on the other side (`Effect`).
`recognition` turns errors and answers into effects; nobody else decides.
"""

from enum import Enum
from typing import Literal

from hardpoint.core.errors import OutcomeUnknownError, ProviderError

RepeatClass = Literal["safe", "idempotent", "needs_key", "never"]
"""What repeating an operation does.

    safe         it only reads
    idempotent   doing it twice is doing it once
    needs_key    so it is under an idempotency key, and only then
    never        it is not repeated, whatever happened
"""


class Effect(Enum):
    """What an attempt that did not simply succeed did on the other side."""

    UNSENT = "unsent"
    """Nothing: it never got there."""
    NOTHING = "nothing"
    """Nothing: the other side said so, and that a later attempt may succeed."""
    UNKNOWN = "unknown"
    """It may have acted; no answer came, or one that does not tell."""
    ANSWERED = "answered"
    """It gave its answer; asking again would bring the same."""


def may_repeat(repeat: RepeatClass, effect: Effect, *, keyed: bool) -> bool:
    """Whether another attempt is allowed.

    Args:
        repeat: the operation's class.
        effect: of the last attempt.
        keyed: every attempt carries the same idempotency key.
    """
    return effect in _REPEATABLE[repeat, keyed]


def in_doubt(before: bool, effect: Effect) -> bool:
    """Whether a call may have acted, after an attempt with this effect; `before` says until then.

    Only an answer settles a doubt: what was not sent, or not looked at, tells nothing of an
    earlier attempt.
    """
    if effect is _UNKNOWN:
        return True
    return before and effect is not _ANSWERED


def outcome_unknown(last: Exception, provider: str, operation: str = "") -> OutcomeUnknownError:
    """The error of a call that ended in doubt, whatever its last attempt raised.

    Args:
        last: what that was; it becomes the cause.
        provider: the third party, or the policy's name.
        operation: what was asked of it.
    """
    facts = last if isinstance(last, ProviderError) else None
    # The words of an error that is none of ours may quote what is secret.
    words = str(last) if facts is not None else type(last).__name__
    failure = OutcomeUnknownError(
        f"{operation or 'the call'} may have taken effect at {provider}, or not; last: {words}",
        provider=provider,
        operation=operation,
        status=facts.status if facts else None,
        vendor_code=facts.vendor_code if facts else None,
        request_id=facts.request_id if facts else None,
    )
    for note in getattr(last, "__notes__", ()):
        failure.add_note(note)
    failure.__cause__ = last
    return failure


_UNKNOWN, _ANSWERED = Effect.UNKNOWN, Effect.ANSWERED  # a member's look-up is not free
_ALL = frozenset({Effect.UNSENT, Effect.NOTHING, Effect.UNKNOWN})
_UNDONE = frozenset({Effect.UNSENT, Effect.NOTHING})
_REPEATABLE: dict[tuple[RepeatClass, bool], frozenset[Effect]] = {
    ("safe", False): _ALL,
    ("safe", True): _ALL,
    ("idempotent", False): _ALL,
    ("idempotent", True): _ALL,
    ("needs_key", False): _UNDONE,
    ("needs_key", True): _ALL,
    ("never", False): frozenset(),
    ("never", True): frozenset(),
}
REPEAT_CLASSES: tuple[RepeatClass, ...] = ("safe", "idempotent", "needs_key", "never")

"""The journal: what was about to be done, written down before it is done.

A provider that knows no idempotency keys acts each time it is asked. Whether it has acted already
can then be known in one way only: the intent is durable before the first send, and its result
after. What is found begun and not ended may or may not have happened.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, Protocol, TypeVar, final

import msgspec

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.runtime.occasion import JobName

RESULT_BYTES_MAX = 1024 * 1024
"""How large a result may be to be kept; a larger one is given to its caller alone."""

_Result = TypeVar("_Result")


class UnrecordableError(Exception):
    """A result that cannot be kept, or not be given again as what it was; the text says why."""


class Standing(Enum):
    """What a journal knows of a key when a call under it begins."""

    NEW = auto()
    """Nothing; the intent is durable now."""
    DONE = auto()
    """It was done, with this result."""
    OPEN = auto()
    """It was begun, and nobody knows how it ended."""
    BUSY = auto()
    """It is being done in this process right now."""
    OTHER = auto()
    """The key was used with other arguments."""
    STRAY = auto()
    """Nothing, but an earlier attempt of this job began the same with other arguments, and nobody
    knows how that ended."""


class Intent(msgspec.Struct, frozen=True, kw_only=True):
    """One call that is about to be made.

    Attributes:
        scope: what the key belongs to: connection and operation.
        key: the caller's or the job's.
        fingerprint: of the arguments.
        likeness: of what a search for it can go by; calls that share it look alike there.
        job: whose handler makes it.
    """

    scope: str
    key: str
    fingerprint: bytes
    likeness: bytes | None = None
    job: JobName | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What the journal has under a key.

    Attributes:
        result: as `recorded` made it; None when it is no longer kept.
        started_at: Unix seconds of the first send.
        ended_at: Unix seconds.
        doubt_seconds: for so long, at least, nothing of it can have been sent.
        cleared: someone has looked, and wants it done if it cannot be found.
    """

    standing: Standing
    result: bytes | None = None
    started_at: float = 0.0
    ended_at: float = 0.0
    doubt_seconds: float = 0.0
    cleared: bool = False


class Found(msgspec.Struct, frozen=True):
    """Something at the provider that may be the effect: its id there, and the result it makes."""

    subject: str
    result: bytes


class Other(msgspec.Struct, frozen=True):
    """Something at the provider that may be the effect in words that the provider has changed."""

    subject: str
    likeness: bytes


class Unfound(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing was adopted.

    Attributes:
        rival: a call that looks alike is being made, and what was found may be its own.
        strange: one of the others is what no key has made, nor may have made in these words.
        doubt_seconds: for so long nothing has been sent that may be taken for this call's effect:
            its own, and that of any call whose place was taken by another's.
    """

    rival: bool
    doubt_seconds: float
    strange: bool = False


class Journal(Protocol):
    """Where intents are kept. Between `begin` and the end no other call under the key gets through.

    `begin`, `resume` and `adopt` return when what they say is durable, and raise
    `StoreUnavailableError` when it is not. `end` waits for that too, but does not raise it: what
    was done was done, and the key stays open. `free` and `leave` never wait: they are for calls
    that fail, cancelled ones among them; a crash that comes before them leaves the key open.
    """

    async def begin(self, intent: Intent) -> Entry:
        """Write the intent down, or tell what is there. After NEW and OPEN, say how it ended."""
        ...

    async def resume(self, intent: Intent) -> None:
        """What was open has not happened; it will be sent now."""
        ...

    async def adopt(
        self, intent: Intent, found: Sequence[Found], others: Sequence[Other] = ()
    ) -> Found | Unfound:
        """Take the first that belongs to no other key for the effect, and end with it."""
        ...

    async def end(
        self, intent: Intent, result: bytes | UnrecordableError, subject: str | None
    ) -> None:
        """It was done. Without a result that can be kept, a repeat learns no more than that."""
        ...

    def free(self, intent: Intent) -> None:
        """It was not done: the key is as if it had never been used."""
        ...

    def leave(self, intent: Intent) -> None:
        """Nobody knows whether it was done. Since when, is kept from the first time on."""
        ...


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Search(Generic[_Result]):
    """How to ask a provider what became of a call.

    What was done is shown by all that was asked for. That nothing was done is shown only by what
    the provider cannot have changed: it may shorten a link in a text, or trim it.

    Args:
        like: what it goes by; a call that looks the same cannot be told apart.
        find: everything that was made since a time in Unix seconds and may be it, by what the
            provider cannot have changed, oldest first.
        likes: what a call went by whose effect this is, as far as this shows it.
    """

    like: object
    find: Callable[[float], Awaitable[Sequence[_Result]]]
    likes: Callable[[_Result], object]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Effect(Generic[_Result]):
    """What a port says of a call that acts, so that a repeat of it can be recognised.

    Args:
        arguments: all that was asked for, as values msgspec can encode.
        returns: the type of the result, whose `id` is the provider's.
        search: how to look for it; None where the provider cannot be asked.
    """

    arguments: object
    returns: type[_Result]
    search: Search[_Result] | None = None


def fingerprint(arguments: object) -> bytes:
    """The same for equal arguments.

    Raises:
        InvalidRequestError: one of them is of a kind that cannot be compared.
    """
    try:
        text = msgspec.json.encode(arguments, order="deterministic")
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidRequestError(
            f"cannot be compared with those of a repeat: {error}", field="arguments"
        ) from error
    return hashlib.sha256(text).digest()


def recorded(result: object, kind: Any) -> bytes:
    """A result as it is kept; secrets are left out of it.

    Raises:
        UnrecordableError: it holds what cannot be encoded (an object of an unknown class, half a
            surrogate pair, itself), is larger than `RESULT_BYTES_MAX`, or is not of its kind.
    """
    try:
        data = msgspec.json.encode(result, enc_hook=_left_out)
    except (TypeError, ValueError, RecursionError) as error:
        raise UnrecordableError(f"it cannot be encoded: {error}") from error
    if len(data) > RESULT_BYTES_MAX:
        raise UnrecordableError(f"its {len(data)} bytes are more than {RESULT_BYTES_MAX}")
    replayed(data, kind)
    return data


def replayed(data: bytes, kind: Any) -> Any:
    """The result that was recorded.

    Raises:
        UnrecordableError: it is not of this kind (any more).
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (ValueError, RecursionError) as error:  # msgspec's errors are
        raise UnrecordableError(f"it is not of the declared type: {error}") from error


def _left_out(value: object) -> None:
    if not isinstance(value, Secret):
        raise TypeError(f"{type(value).__name__} cannot be recorded")

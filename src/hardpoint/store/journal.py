"""The journal: what was about to be done, written down before it is done.

A provider that knows no idempotency keys acts each time it is asked. Whether it has acted already
can then be known in one way only: the intent is durable before the first send, and its result
after. What is found begun and not ended may or may not have happened.
"""

from collections.abc import Sequence
from enum import Enum, auto
from typing import Protocol, TypeAlias

import msgspec


class JobName(msgspec.Struct, frozen=True):
    """One attempt of one handler at one event."""

    event: str
    handler: str
    attempt: int


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
    """It is being done right now, in a process that lives."""
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


class JournalEntry(msgspec.Struct, frozen=True, kw_only=True):
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


class CallStep(msgspec.Struct, frozen=True, array_like=True):
    """Something to be written down of a call. It may be asked for twice, and is done once.

    Attributes:
        intent: of the call.
        token: its number in the process that makes it; nobody else ends what has this one.
    """

    intent: Intent
    token: int


class BeginCall(CallStep, frozen=True, array_like=True, tag="begin"):
    """It is about to be made; answered by a `JournalEntry`."""


class ResumeCall(CallStep, frozen=True, array_like=True, tag="resume"):
    """It was open, has not happened, and is sent from now on; an error when it is another's."""


class AdoptCall(CallStep, frozen=True, array_like=True, tag="adopt"):
    """It may have made one of these; answered by `Found` or `Unfound`."""

    found: tuple[Found, ...]
    others: tuple[Other, ...]


class EndCall(CallStep, frozen=True, array_like=True, tag="end"):
    """It was done."""

    result: bytes | None
    subject: str | None


class FreeCall(CallStep, frozen=True, array_like=True, tag="free"):
    """It was not done."""


class LeaveCall(CallStep, frozen=True, array_like=True, tag="leave"):
    """Nobody knows whether it was."""


class AbandonCall(CallStep, frozen=True, array_like=True, tag="abandon"):
    """It may have begun, unheard; nothing was sent."""


AnyCallStep: TypeAlias = (
    BeginCall | ResumeCall | AdoptCall | EndCall | FreeCall | LeaveCall | AbandonCall
)


class Journal(Protocol):
    """Where intents are kept. Between `begin` and the end no other call under the key gets through.

    `begin`, `resume` and `adopt` return when what they say is durable, and raise
    `StoreUnavailableError` when it is not. `end` waits for that too, but does not raise it: what
    was done was done, and the key stays open. `free` and `leave` never wait: they are for calls
    that fail, cancelled ones among them; a crash that comes before them leaves the key open.
    """

    async def begin(self, intent: Intent) -> JournalEntry:
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

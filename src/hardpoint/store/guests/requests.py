"""What guests ask of a store's owner, and what it answers: the values of ASK and ANSWER."""

from typing import Any, Final, TypeAlias

import msgspec

from hardpoint.store.driver import Refusals
from hardpoint.store.guests.frames import decoded, encode
from hardpoint.store.journal import AdoptCall, AnyCallStep, BeginCall, Found, JournalEntry, Unfound


class CountAsked(msgspec.Struct, frozen=True, array_like=True, tag="count"):
    """Add to the counters of refused requests."""

    counts: tuple[tuple[str, str, int, int], ...]

    @property
    def refusals(self) -> list[Refusals]:
        """The same, as a store takes it."""
        return [Refusals(*one) for one in self.counts]


class RetryAsked(msgspec.Struct, frozen=True, array_like=True, tag="retry"):
    """See `InboxStore.retry`."""

    event: str
    handler: str | None
    actor: str
    reason: str


class ReplayAsked(msgspec.Struct, frozen=True, array_like=True, tag="replay"):
    """See `InboxStore.replay`."""

    event: str
    handlers: tuple[str, ...]
    force: bool
    actor: str
    reason: str
    plan: str = ""


class ResolveAsked(msgspec.Struct, frozen=True, array_like=True, tag="resolve"):
    """See `InboxStore.resolve`."""

    event: str
    handler: str | None
    note: str
    actor: str


class NoteAsked(msgspec.Struct, frozen=True, array_like=True, tag="note"):
    """See `InboxStore.note`."""

    action: str
    target: str
    actor: str
    reason: str


class WantedAsked(msgspec.Struct, frozen=True, array_like=True, tag="wanted"):
    """Who handles an event of this source and type at the owner; answered by `WantedHandlers`."""

    source: str
    event_type: str


class PresenceAsked(msgspec.Struct, frozen=True, array_like=True, tag="presence"):
    """Who has the store, and who is there; answered by `Presence`."""


class ReloadAsked(msgspec.Struct, frozen=True, array_like=True, tag="reload"):
    """All processes are to read their configuration again; answered by how many were told."""


class TurnAsked(msgspec.Struct, frozen=True, array_like=True, tag="turn"):
    """A turn at writing to the file by hand; answered when it has come, ended by `TurnEnded`.

    It ends with the line as well, and when its time is up.
    """

    number: int


class TurnEnded(msgspec.Struct, frozen=True, array_like=True, tag="turned"):
    """That turn is over, or is wanted no more."""

    number: int


AskedOfServer: TypeAlias = WantedAsked | PresenceAsked | ReloadAsked
"""What a server answers by itself."""

AskedOfStore: TypeAlias = (
    CountAsked
    | RetryAsked
    | ReplayAsked
    | ResolveAsked
    | NoteAsked
    | TurnAsked
    | TurnEnded
    | AnyCallStep
)

GuestRequest: TypeAlias = AskedOfServer | AskedOfStore


class WantedHandlers(msgspec.Struct, frozen=True, array_like=True):
    """Handlers of the owner.

    Attributes:
        matching: those that handle such an event.
        known: all of them.
    """

    matching: tuple[str, ...]
    known: tuple[str, ...]


class StoreMember(msgspec.Struct, frozen=True, array_like=True):
    """A process that has the store, or is connected to the one that has.

    Attributes:
        pid: its number.
        rank: see `Rank`.
        since: Unix seconds.
        release: of hardpoint; empty where it is one that does not say.
        public: where it takes webhooks, `unix:` and a path where that is a socket.
    """

    pid: int
    rank: int
    since: float
    release: str = ""
    public: str = ""


class TurnedAway(msgspec.Struct, frozen=True, array_like=True):
    """A process that wanted to be a guest, and could not.

    Attributes:
        pid: its number.
        at: Unix seconds.
        reason: why.
    """

    pid: int
    at: float
    reason: str


class Presence(msgspec.Struct, frozen=True, array_like=True):
    """Who shares a store.

    Attributes:
        owner: who has it.
        boot: the number of its opening.
        guests: who is connected.
        turned_away: who could not be, of late.
    """

    owner: StoreMember
    boot: int
    guests: tuple[StoreMember, ...]
    turned_away: tuple[TurnedAway, ...] = ()


class Told(msgspec.Struct, frozen=True, array_like=True):
    """What became of what was asked: its result, or why it cannot be had now.

    Attributes:
        value: the result where it is no number, packed.
    """

    error: str | None
    result: int = 0
    value: bytes = b""


class _Adopted(msgspec.Struct, frozen=True, array_like=True):
    """The two kinds of answer to `AdoptCall`."""

    found: Found | None
    unfound: Unfound | None


_asked: Final = msgspec.msgpack.Decoder(GuestRequest)
_told: Final = msgspec.msgpack.Decoder(Told)
_wanted: Final = msgspec.msgpack.Decoder(WantedHandlers)
_presence: Final = msgspec.msgpack.Decoder(Presence)
_entry: Final = msgspec.msgpack.Decoder(JournalEntry)
_adopted: Final = msgspec.msgpack.Decoder(_Adopted)


def asked_in(payload: bytes) -> GuestRequest:
    """Read an ASK; like all that read here, it raises `FrameError` for what is none."""
    return decoded(_asked, payload)


def told(result: object) -> Told:
    """What became of it, as an ANSWER carries it."""
    if isinstance(result, int):
        return Told(None, result)
    if isinstance(result, Found):
        result = _Adopted(result, None)
    elif isinstance(result, Unfound):
        result = _Adopted(None, result)
    return Told(None, 0, b"" if result is None else encode(result))


def told_in(payload: bytes) -> Told:
    """Read an ANSWER."""
    return decoded(_told, payload)


def result_in(asked: GuestRequest, answer: Told) -> Any:
    """What became of what was asked, as `told` has packed it."""
    if isinstance(asked, BeginCall):
        return decoded(_entry, answer.value)
    if isinstance(asked, AdoptCall):
        adopted = decoded(_adopted, answer.value)
        return adopted.found or adopted.unfound
    if isinstance(asked, WantedAsked):
        return decoded(_wanted, answer.value)
    if isinstance(asked, PresenceAsked):
        return decoded(_presence, answer.value)
    return answer.result

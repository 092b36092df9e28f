"""The values of the voice port; a provider's words are translated into these and no others."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from hardpoint.http.redaction import Discreet
from hardpoint.voice.script import Script


class CallStatus(StrEnum):
    """How far a call is. `UNKNOWN` is never taken for a success; see `vendor_status`."""

    UNKNOWN = "unknown"
    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in_progress"
    COMPLETED = "completed"
    """Somebody, or a machine, took it, and it is over."""
    BUSY = "busy"
    NO_ANSWER = "no_answer"
    CANCELED = "canceled"
    """It was ended before anybody took it."""
    FAILED = "failed"

    @property
    def ended(self) -> bool:
        """It is over."""
        return self in _ENDED


_ENDED = frozenset(
    {
        CallStatus.COMPLETED,
        CallStatus.BUSY,
        CallStatus.NO_ANSWER,
        CallStatus.CANCELED,
        CallStatus.FAILED,
    }
)
_RANKS = {status: rank for rank, status in enumerate(CallStatus)}


def furthest(old: CallStatus, new: CallStatus) -> CallStatus:
    """What is known of a call after two reports of it, in whatever order they come."""
    return max(old, new, key=_RANKS.__getitem__)


def _masked(number: str) -> str:
    return repr(f"{number[:3]}****{number[-2:]}") if number.startswith("+") else repr(number)


class _Discreet(Discreet, frozen=True, kw_only=True):
    """Shown without its numbers in full, and without what was said or keyed in."""

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "to": _masked,
        "from_": _masked,
        "digits": lambda digits: f"<{len(digits)} digits>",
        "speech": lambda speech: f"<{len(speech)} characters>",
    }


class NewCall(_Discreet, frozen=True, kw_only=True):
    """What a driver is asked to do; checked by the port. `from_` None is the driver's own.

    Attributes:
        script: what the provider does once the call is taken; None where `url` says it.
        url: where the provider asks for the script.
        ring_seconds: how long it rings at most.
    """

    to: str
    script: Script | None = None
    url: str | None = None
    from_: str | None = None
    ring_seconds: int | None = None
    extra: Mapping[str, object] = {}


class VoiceCall(_Discreet, frozen=True, kw_only=True):
    """A call as its provider sees it.

    Attributes:
        id: with its connection, `calls:CA9f...`.
        status: in our words; `vendor_status` in the provider's.
        created: Unix seconds; None while the provider has not said.
        seconds: how long it was taken; None before it is over.
    """

    id: str
    status: CallStatus
    vendor_status: str
    to: str
    from_: str | None = None
    created: float | None = None
    seconds: int | None = None


class CallChanged(_Discreet, frozen=True, kw_only=True):
    """A call is further than before. Events come in any order: keep `furthest(stored, status)`."""

    call_id: str
    status: CallStatus
    vendor_status: str
    to: str
    from_: str | None = None
    seconds: int | None = None


class CallAsked(_Discreet, frozen=True, kw_only=True):
    """The provider asks what to do next: a call came in, or something was keyed in or said.

    Answer it in `hub.reply`, with a script.

    Attributes:
        digits: what was keyed in; empty where nothing was in time.
        speech: what was said, as the provider understood it.
        recording_url: where a recording is, once `Record` has ended.
    """

    call_id: str
    status: CallStatus
    vendor_status: str
    to: str
    from_: str | None = None
    digits: str | None = None
    speech: str | None = None
    recording_url: str | None = None


VoiceEvent = CallChanged | CallAsked


def renamed(event: VoiceEvent, call_id: str) -> VoiceEvent:
    """The event under another id."""
    return msgspec.structs.replace(event, call_id=call_id)

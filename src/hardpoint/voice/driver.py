"""What a provider's calls must offer: one attempt each, errors mapped, nothing decided."""

from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.voice.script import Script
from hardpoint.voice.types import NewCall, VoiceCall, VoiceEvent


class VoiceCapability(StrEnum):
    """What not every provider can do."""

    SPEECH = "speech"
    """`Gather` understands what is said."""
    RECORD = "record"
    """`Record` keeps what is said."""


class VoiceDriver(Driver, Protocol):
    """A provider's calls. Ids are the provider's own, without a connection; numbers are E.164.

    Limits read by the port: `script_characters`, `ring_seconds`.

    Raises (every verb):
        ProviderError: what the provider's table of errors has for a refusal. Where the answer is
            lost or cannot be read, an error whose `outcome_known` is False.
    """

    @property
    def caller(self) -> str | None:
        """Who calls where a call does not say."""
        ...

    def markup(self, script: Script) -> str:
        """A script in the provider's markup, whatever its texts hold."""
        ...

    async def call(self, new: NewCall, *, idempotency_key: str) -> VoiceCall:
        """Begin to call; its status tells no more than that it was taken."""
        ...

    async def get_call(self, call_id: str) -> VoiceCall:
        """Read it.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...

    async def hang_up(self, call_id: str) -> VoiceCall:
        """End it; before it was taken, too.

        Raises:
            PreconditionFailedError: it is over.
        """
        ...

    def parse_event(self, body: bytes) -> VoiceEvent | None:
        """What a verified webhook's body says; None when it is about no call.

        Raises:
            ValueError, RecursionError: it is about a call, in no shape we know.
        """
        ...

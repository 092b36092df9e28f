"""Calls in memory: the reference that says what every driver has to mean.

It keeps its calls, honours idempotency keys unless told otherwise, and writes scripts as JSON.
"""

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import final

import msgspec

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import InvalidRequestError, NotFoundError, PreconditionFailedError
from hardpoint.fakes.answers import Answers
from hardpoint.fakes.memory import MemoryAccount
from hardpoint.voice.driver import VoiceCapability
from hardpoint.voice.script import Script
from hardpoint.voice.types import CallChanged, CallStatus, NewCall, VoiceCall, VoiceEvent

CALLER = "+15005550006"
UNCALLABLE = "+15005550001"
"""The number that nobody can be called at."""

_LIMITS = {"script_characters": 4000, "ring_seconds": 600}


@final
class MemoryVoice(MemoryAccount[VoiceEvent]):
    """An account that lives as long as this object.

    Args:
        caller: who calls where a call does not say.
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less.
        idempotency: whether it honours keys.
    """

    def __init__(
        self,
        caller: str | None = CALLER,
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[VoiceCapability] = frozenset(VoiceCapability),
        idempotency: Idempotency = Idempotency.NATIVE,
    ) -> None:
        self.caller = caller
        super().__init__(capabilities, idempotency, _LIMITS, now)
        self._calls: dict[str, VoiceCall] = {}
        self._answers = Answers[VoiceCall]()

    @property
    def calls(self) -> Mapping[str, VoiceCall]:
        """What was called, by its id, oldest first."""
        return self._calls

    def markup(self, script: Script) -> str:
        """The verbs as JSON."""
        verbs = [{"verb": type(one).__name__, **msgspec.structs.asdict(one)} for one in script]
        return msgspec.json.encode(verbs).decode()

    async def call(self, new: NewCall, *, idempotency_key: str) -> VoiceCall:
        """Begin to call."""
        self.requests += 1
        if self.capabilities.idempotency is Idempotency.NONE:
            return self._begun(new)
        return self._answers.under(idempotency_key, new, lambda: self._begun(new))

    async def get_call(self, call_id: str) -> VoiceCall:
        """Read it."""
        self.requests += 1
        return self._known(call_id)

    async def hang_up(self, call_id: str) -> VoiceCall:
        """End it."""
        self.requests += 1
        call = self._known(call_id)
        if call.status.ended:
            raise PreconditionFailedError("is over", status=400)
        taken = call.status is CallStatus.IN_PROGRESS
        self.proceed(call_id, CallStatus.COMPLETED if taken else CallStatus.CANCELED)
        return self._calls[call_id]

    def proceed(self, call_id: str, status: CallStatus) -> None:
        """It is further now, and that is told."""
        changed = msgspec.structs.replace(
            self._calls[call_id],
            status=status,
            vendor_status=status.value,
            seconds=0 if status.ended else None,
        )
        self._calls[call_id] = changed
        self.events.append(
            CallChanged(
                call_id=call_id,
                status=status,
                vendor_status=status.value,
                to=changed.to,
                from_=changed.from_,
                seconds=changed.seconds,
            )
        )

    def _known(self, call_id: str) -> VoiceCall:
        call = self._calls.get(call_id)
        if call is None:
            raise NotFoundError(status=404)
        return call

    def _begun(self, new: NewCall) -> VoiceCall:
        if new.to == UNCALLABLE:
            raise InvalidRequestError("cannot be called", field="to", status=400)
        call = VoiceCall(
            id=f"call_{len(self._calls) + 1:06d}",
            status=CallStatus.QUEUED,
            vendor_status="queued",
            to=new.to,
            from_=new.from_ or self.caller,
            created=self._now(),
        )
        self._calls[call.id] = call
        return call

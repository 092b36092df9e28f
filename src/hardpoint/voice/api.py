"""The voice port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import Mapping, Sequence
from typing import Any, final

import msgspec

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec
from hardpoint.calls.numbers import checked_number
from hardpoint.core.arguments import BODY, KINDS_OF_BYTES, TEXT, expect, extras_of, is_fetchable
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import (
    InvalidRequestError,
    PreconditionFailedError,
    UnexpectedResponseError,
)
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.voice.driver import VoiceCapability, VoiceDriver
from hardpoint.voice.script import Gather, Record, Script, Verb, checked_script
from hardpoint.voice.types import NewCall, VoiceCall, VoiceEvent, renamed

RING_SECONDS_MIN = 5

_CALL = Operation("call", Repeat.NEEDS_KEY)
_GET = Operation("get_call", Repeat.SAFE)
_HANG_UP = Operation("hangup", Repeat.IDEMPOTENT)
_EMPTY: Mapping[str, Any] = {}


@final
class VoiceCaller:
    """Makes calls through one connection.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        OutcomeUnknownError: somebody may have been called.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, driver: VoiceDriver, connection: Connection) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port."""
        self.connection = connection
        self._calls = Calls(connection, driver)

    async def call(
        self,
        *,
        to: str,
        script: Sequence[Verb] | None = None,
        url: str | None = None,
        from_: str | None = None,
        ring_seconds: int | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> VoiceCall:
        """Begin a call; that the provider took it does not mean that anybody answers.

        Args:
            to: with its country, `+14155550100`.
            script: what happens once it is taken.
            url: where the provider asks for the script, in place of one.
            from_: the number that is shown; else the connection's own.
            ring_seconds: how long it rings; else as long as the provider likes.
            idempotency_key: names this call; the same key calls once, by the provider's word or by
                the connection's journal. In a handler a call without one gets the job's own.
            extra: `{"twilio": {...}}`, passed on to that provider only.
        """
        number = checked_number(to, field="to")
        caller = None if from_ is None else checked_number(from_, field="from_")
        if caller is None and self.driver.caller is None:
            raise InvalidRequestError("is missing, and the connection has no number", field="from_")
        if (script is None) == (url is None):
            raise InvalidRequestError("or url: give one of them", field="script")
        if url is not None:
            expect(url, str, "url", TEXT)
            if not is_fetchable(url):
                raise InvalidRequestError("is not an https URL", field="url")
        self._check_ringing(ring_seconds)
        new = NewCall(
            to=number,
            script=None if script is None else self._script(script),
            url=url,
            from_=caller,
            ring_seconds=ring_seconds,
            extra=extras_of(extra, self.driver.provider),
        )
        call = await self._calls.run_keyed(
            _CALL,
            lambda key: self.driver.call(new, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=new, returns=VoiceCall, search=None),
        )
        return self._ours(call)

    async def get_call(self, call_id: str) -> VoiceCall:
        """Read a call.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        local = self.connection.local(call_id, field="call_id")
        return self._ours(await self._calls.run(_GET, lambda: self.driver.get_call(local)))

    async def hangup(self, call_id: str) -> VoiceCall:
        """End a call, before it was taken too; one that is over stays as it is.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        local = self.connection.local(call_id, field="call_id")
        try:
            call = await self._calls.run(_HANG_UP, lambda: self.driver.hang_up(local))
        except PreconditionFailedError:
            call = await self._calls.run(_GET, lambda: self.driver.get_call(local))
            if not call.status.ended:
                raise
        return self._ours(call)

    def markup(self, script: Sequence[Verb]) -> str:
        """A script in the provider's markup, checked: for a page of your own that serves it."""
        return self.driver.markup(self._script(script))

    def parse_event(self, body: bytes) -> VoiceEvent | None:
        """What a verified webhook of this provider says; None when it is about no call.

        Raises:
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        expect(body, (*KINDS_OF_BYTES, str), "body", BODY)
        try:
            event = self.driver.parse_event(body)
        except UNREADABLE as error:
            raise UnexpectedResponseError(
                "the event has an unknown form", provider=self.driver.provider
            ) from error
        return None if event is None else renamed(event, self.connection.qualified(event.call_id))

    def _ours(self, call: VoiceCall) -> VoiceCall:
        return msgspec.structs.replace(call, id=self.connection.qualified(call.id))

    # Checks, all before any I/O

    def _script(self, script: Sequence[Verb]) -> Script:
        checked = checked_script(script)
        capabilities, provider = self.driver.capabilities, self.driver.provider
        for verb in checked:
            if isinstance(verb, Record):
                capabilities.require(VoiceCapability.RECORD, provider)
            elif isinstance(verb, Gather) and verb.speech:
                capabilities.require(VoiceCapability.SPEECH, provider)
        most, characters = (
            capabilities.limits["script_characters"],
            len(self.driver.markup(checked)),
        )
        if characters > most:
            raise InvalidRequestError(
                f"has {characters} characters of markup, and may have {most}; serve it at a url",
                field="script",
            )
        return checked

    def _check_ringing(self, seconds: int | None) -> None:
        most = self.driver.capabilities.limits["ring_seconds"]
        if seconds is None:
            return
        if type(seconds) is not int or not RING_SECONDS_MIN <= seconds <= most:
            raise InvalidRequestError(
                f"is not {RING_SECONDS_MIN} to {most} whole seconds", field="ring_seconds"
            )

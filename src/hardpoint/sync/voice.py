"""The blocking facade of `hardpoint.voice`; written by scripts/generate_sync."""

from collections.abc import Mapping, Sequence
from hardpoint.runtime.blocking import run
from hardpoint.voice.api import _EMPTY
from hardpoint.voice.script import Verb
from hardpoint.voice.types import VoiceCall, VoiceEvent
import hardpoint.voice.api as asynchronous

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

    def __init__(self, wrapped: asynchronous.VoiceCaller) -> None:
        self.asynchronous = wrapped

    def call(self, *, to: str, script: Sequence[Verb] | None=None, url: str | None=None, from_: str | None=None, ring_seconds: int | None=None, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> VoiceCall:
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
        return run(self.asynchronous.call(to=to, script=script, url=url, from_=from_, ring_seconds=ring_seconds, idempotency_key=idempotency_key, extra=extra))

    def get_call(self, call_id: str) -> VoiceCall:
        """Read a call.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        return run(self.asynchronous.get_call(call_id))

    def hangup(self, call_id: str) -> VoiceCall:
        """End a call, before it was taken too; one that is over stays as it is.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        return run(self.asynchronous.hangup(call_id))

    def markup(self, script: Sequence[Verb]) -> str:
        """A script in the provider's markup, checked: for a page of your own that serves it."""
        return self.asynchronous.markup(script)

    def parse_event(self, body: bytes) -> VoiceEvent | None:
        """What a verified webhook of this provider says; None when it is about no call.

        Raises:
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        return self.asynchronous.parse_event(body)

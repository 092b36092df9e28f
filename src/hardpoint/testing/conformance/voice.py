"""What every driver of calls must do.

Inherit from `VoiceConformance`, and say how the provider is reached and steered:

    class TestMine(VoiceConformance):
        @pytest.fixture
        def subject(self, mode):
            return VoiceSubject(mode, MyVoice(mode.transport(), settings), ...)

Nothing here knows a provider; where they differ, the capabilities say so.
"""

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import IdempotencyConflictError, InvalidRequestError, NotFoundError
from hardpoint.testing.conformance.modes import exercises
from hardpoint.testing.conformance.voice_subject import TO, URL, VoiceRefusals, VoiceSubject
from hardpoint.voice.driver import VoiceCapability
from hardpoint.voice.script import Dial, Gather, Pause, Play, Record, Redirect, Say
from hardpoint.voice.types import CallChanged, CallStatus, furthest

__all__ = ["VoiceConformance", "VoiceSubject"]


class VoiceConformance(VoiceRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    def test_a_call_is_begun(self, subject: VoiceSubject) -> None:
        call = subject.call(Say("Your order has left. 5 € <back> & more!"))
        assert call.id.startswith("calls:")
        assert (call.to, call.status.ended) == (TO, False)
        assert call.status is not CallStatus.UNKNOWN
        assert TO not in repr(call)
        assert subject.requests() == 1
        read = subject.do(subject.port.get_call(call.id))
        assert (read.id, read.to) == (call.id, call.to)

    def test_every_verb_is_written(self, subject: VoiceSubject) -> None:
        prompt = (Say("Press 1.", language="en-GB"), Pause(2), Play(URL, times=2))
        call = subject.call(
            Gather(prompt, digits=1, finish_on="", url=URL, always=True),
            Dial(TO, seconds=20, caller_id="+14155550100"),
            Redirect(URL),
            ring_seconds=20,
        )
        assert not call.status.ended

    @exercises(VoiceCapability.SPEECH)
    def test_speech_is_understood(self, subject: VoiceSubject) -> None:
        assert not subject.call(Gather(speech=True, language="de-DE")).status.ended

    @exercises(VoiceCapability.RECORD)
    def test_what_is_said_is_recorded(self, subject: VoiceSubject) -> None:
        assert not subject.call(Record(seconds=30, beep=False, url=URL)).status.ended

    def test_the_provider_may_ask_for_the_script(self, subject: VoiceSubject) -> None:
        call = subject.do(subject.port.call(to=TO, url=URL))
        assert not call.status.ended

    def test_calls_without_a_key_are_calls_of_their_own(self, subject: VoiceSubject) -> None:
        assert subject.call().id != subject.call().id

    def test_a_key_calls_once_where_keys_are_honoured(self, subject: VoiceSubject) -> None:
        ids = {subject.call(idempotency_key="order-1").id for _ in range(2)}
        if subject.driver.capabilities.idempotency is Idempotency.NONE:
            assert len(ids) == 2
            return
        assert len(ids) == 1
        with pytest.raises(IdempotencyConflictError):
            subject.call(Say("other"), idempotency_key="order-1")

    def test_a_number_the_provider_does_not_call_is_named(self, subject: VoiceSubject) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            subject.do(subject.port.call(to=subject.uncallable, script=[Say("Hello")]))
        assert (caught.value.field, bool(caught.value.status)) == ("to", True)
        assert subject.uncallable not in str(caught.value)

    def test_what_is_not_there_is_not_found(self, subject: VoiceSubject) -> None:
        for verb in (subject.port.get_call, subject.port.hangup):
            with pytest.raises(NotFoundError):
                subject.do(verb("calls:nothing"))

    @pytest.mark.parametrize(
        ("before", "after"),
        [
            ([], CallStatus.CANCELED),
            ([CallStatus.RINGING], CallStatus.CANCELED),
            ([CallStatus.RINGING, CallStatus.IN_PROGRESS], CallStatus.COMPLETED),
            ([CallStatus.BUSY], CallStatus.BUSY),
            ([CallStatus.NO_ANSWER], CallStatus.NO_ANSWER),
        ],
    )
    def test_hanging_up_ends_a_call_once(
        self, subject: VoiceSubject, before: list[CallStatus], after: CallStatus
    ) -> None:
        call = subject.call()
        subject.proceed(call.id.partition(":")[2], before)
        for _ in range(2):
            ended = subject.do(subject.port.hangup(call.id))
            assert (ended.id, ended.status) == (call.id, after)

    def test_events_say_how_far_it_is(self, subject: VoiceSubject) -> None:
        subject.events()
        call = subject.call()
        course = [CallStatus.RINGING, CallStatus.IN_PROGRESS, CallStatus.COMPLETED]
        subject.proceed(call.id.partition(":")[2], course)
        told = [subject.port.parse_event(body) for body in subject.events()]
        assert all(isinstance(event, CallChanged) for event in told)
        assert {event.call_id for event in told} == {call.id}
        assert [event.status for event in told] == course
        assert told[-1].seconds is not None
        status = call.status
        for event in reversed(told):
            status = furthest(status, event.status)
        assert status is CallStatus.COMPLETED
        assert subject.do(subject.port.get_call(call.id)).status is CallStatus.COMPLETED

    def test_no_text_becomes_markup(self, subject: VoiceSubject) -> None:
        """A text that holds markup leaves all other markup as it was."""
        plain = subject.port.markup([Say("a"), Pause(1)])
        evils = ("</Say><Hangup/>", "]]>", "&amp;", "<!--", '" voice="x', "'", "\n\t", "{}", "\\")
        for evil in evils:
            marked = subject.port.markup([Say(f"a{evil}a"), Pause(1)])
            assert marked.count("<") == plain.count("<")
            assert marked.count("Pause") == plain.count("Pause")

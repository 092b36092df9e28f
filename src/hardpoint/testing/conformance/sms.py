"""What every driver of SMS must do.

Inherit from `SmsConformance`, and say how the provider is reached and steered:

    class TestMine(SmsConformance):
        @pytest.fixture(params=MODES)
        def subject(self, request):
            mode = MODES[request.param]()
            yield SmsSubject(mode, MySms(mode.transport(), settings), ...)
            mode.close()

Nothing here knows a provider; where they differ, the capabilities say so.
"""

import time
from datetime import UTC, datetime, timedelta

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    ConflictError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
)
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.suppressions import OptedOutError
from hardpoint.sms.types import MessageChanged, MessageStatus, MessageTemplate, merge
from hardpoint.testing.conformance.modes import exercises
from hardpoint.testing.conformance.refusals import refused
from hardpoint.testing.conformance.sms_subject import TO, SmsRefusals, SmsSubject

__all__ = ["SmsConformance", "SmsSubject"]


class SmsConformance(SmsRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    # Sending

    def test_a_message_is_handed_over(self, subject: SmsSubject) -> None:
        message = subject.send("Your order has left. 5 € back!")
        assert message.id.startswith("texts:")
        assert (message.to, message.body) == (TO, "Your order has left. 5 € back!")
        assert not message.status.arrived
        assert message.status is not MessageStatus.UNKNOWN
        assert message.failure is None
        assert subject.requests() == 1
        assert message.created > 0

    @exercises(SmsCapability.READ)
    def test_a_message_can_be_read(self, subject: SmsSubject) -> None:
        message = subject.send("Your order has left. 5 € back!")
        read = subject.do(subject.port.get_message(message.id))
        assert (read.id, read.to, read.body) == (message.id, message.to, message.body)
        with pytest.raises(NotFoundError):
            subject.do(subject.port.get_message("texts:nothing"))

    @exercises(SmsCapability.READ)
    @pytest.mark.parametrize("body", ["a&b=c+d %20", "Grüße\nfrom \U0001f1e9\U0001f1ea", "{[]}"])
    def test_texts_arrive_as_they_are(self, subject: SmsSubject, body: str) -> None:
        message = subject.send(body)
        assert subject.do(subject.port.get_message(message.id)).body == body

    def test_a_number_is_taken_as_people_write_it(self, subject: SmsSubject) -> None:
        message = subject.do(subject.port.send(to="+49 (170) 12345678", body="hello"))
        assert message.to == TO

    @exercises(SmsCapability.SENDER_NAME)
    def test_a_name_may_stand_for_the_sender(self, subject: SmsSubject) -> None:
        assert subject.send(from_="Shop").from_ == "Shop"

    @exercises(SmsCapability.MEDIA)
    def test_media_go_without_text(self, subject: SmsSubject) -> None:
        message = subject.send("", media=["https://shop.example/cat.png?size=1&crop=2"])
        assert message.body == ""

    @exercises(SmsCapability.WHATSAPP)
    def test_whatsapp_is_an_address(self, subject: SmsSubject) -> None:
        message = subject.do(subject.port.send(to="whatsapp:+49 170 12345678", body="hello"))
        assert message.to == f"whatsapp:{TO}"
        assert TO not in repr(message)
        refused(
            subject, "from_", lambda port: port.send(to=f"whatsapp:{TO}", body="a", from_="12345")
        )

    @exercises(SmsCapability.RCS)
    def test_rcs_is_an_address(self, subject: SmsSubject) -> None:
        message = subject.do(
            subject.port.send(to=f"rcs:{TO}", body="hello", from_="rcs:shop_agent")
        )
        assert message.to == f"rcs:{TO}"

    @exercises(SmsCapability.TEMPLATES)
    def test_a_template_stands_for_the_text(self, subject: SmsSubject) -> None:
        template = MessageTemplate(subject.template, {"1": "Ann"}, subject.language)
        message = subject.do(subject.port.send(to=subject.template_to, body="", template=template))
        assert not message.status.arrived
        assert message.body in {"", "Hello Ann"}

    @exercises(SmsCapability.SERVICE)
    def test_a_service_chooses_the_sender(self, subject: SmsSubject) -> None:
        message = subject.send(service=subject.service)
        assert message.status is not MessageStatus.UNKNOWN

    @exercises(SmsCapability.SCHEDULE)
    def test_a_message_is_kept_for_later(self, subject: SmsSubject) -> None:
        message = subject.send(
            send_at=datetime.now(UTC) + timedelta(hours=1), service=subject.service
        )
        assert message.status is MessageStatus.SCHEDULED

    @exercises(SmsCapability.SCHEDULE, SmsCapability.CANCEL)
    def test_what_is_kept_for_later_can_be_called_off(self, subject: SmsSubject) -> None:
        later = datetime.now(UTC) + timedelta(hours=1)
        kept = subject.send(send_at=later, service=subject.service)
        for _ in range(2):
            called_off = subject.do(subject.port.cancel(kept.id))
            assert (called_off.id, called_off.status) == (kept.id, MessageStatus.CANCELED)
        with pytest.raises(ConflictError):
            subject.do(subject.port.cancel(subject.send().id))
        with pytest.raises(NotFoundError):
            subject.do(subject.port.cancel("texts:nothing"))

    @exercises(SmsCapability.VALIDITY)
    def test_a_message_is_valid_for_a_time(self, subject: SmsSubject) -> None:
        limits = subject.driver.capabilities.limits
        for validity in (limits["validity_seconds_min"], limits["validity_seconds_max"]):
            assert not subject.send(validity=validity).status.ended

    def test_calls_without_a_key_are_messages_of_their_own(self, subject: SmsSubject) -> None:
        assert subject.send().id != subject.send().id

    def test_a_key_sends_once_where_keys_are_honoured(self, subject: SmsSubject) -> None:
        ids = {subject.send(idempotency_key="order-1").id for _ in range(2)}
        if subject.driver.capabilities.idempotency is Idempotency.NONE:
            assert len(ids) == 2
            return
        assert len(ids) == 1
        with pytest.raises(IdempotencyConflictError):
            subject.send("other", idempotency_key="order-1")

    # Refused

    def test_a_number_the_provider_does_not_take_is_named(self, subject: SmsSubject) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            subject.do(subject.port.send(to=subject.invalid, body="hello"))
        assert caught.value.field == "to"
        assert caught.value.status
        assert subject.invalid not in str(caught.value)
        assert not isinstance(caught.value, OptedOutError)

    def test_who_opted_out_is_not_asked_twice(self, subject: SmsSubject) -> None:
        """By the provider's answer, where it gives it at once; else by what its event says."""
        if subject.opted_out is None:
            message = subject.send()
            subject.opts_out(message.id.partition(":")[2])
            told = [subject.port.parse_event(body) for body in subject.events()]
            subject.do(subject.port.heed(told[-1]))
            asked = subject.requests()
            with pytest.raises(OptedOutError) as caught:
                subject.send()
            assert (caught.value.field, caught.value.status) == ("to", None)
            assert subject.requests() == asked
            return
        errors: list[OptedOutError] = []
        for _ in range(3):
            with pytest.raises(OptedOutError) as caught:
                subject.do(subject.port.send(to=subject.opted_out, body="hello"))
            errors.append(caught.value)
        assert all(one.field == "to" and not one.retryable for one in errors)
        assert [bool(one.status) for one in errors] == [True, False, False]
        assert subject.requests() == 1

    # Finding it again

    @exercises(SmsCapability.FIND)
    def test_messages_are_found_by_number_and_text(self, subject: SmsSubject) -> None:
        since = time.time() - 60
        wanted = subject.send("Your code is 1234")
        subject.send("Your code is 12345")
        subject.do(subject.port.send(to="+4917012345679", body="Your code is 1234"))

        def found(**options: object) -> list[str]:
            asked = {"to": TO, "body": "Your code is 1234", "since": since} | options
            return [one.id for one in subject.do(subject.port.find(**asked))]

        assert found() == [wanted.id]
        assert found(body="Your code is 123") == []
        assert found(to="+49 170 12345670") == []
        assert found(since=time.time() + 60) == []

    @exercises(SmsCapability.FIND)
    def test_messages_are_found_on_every_page(self, subject: SmsSubject) -> None:
        sent = [subject.send(f"number {number}") for number in range(102)]
        for one in (sent[0], sent[-1]):
            found = subject.do(subject.port.find(to=TO, body=one.body, since=time.time() - 600))
            assert [each.id for each in found] == [one.id]

    # What comes back by webhook

    def test_events_say_how_far_it_is(self, subject: SmsSubject) -> None:
        subject.events()
        message = subject.send()
        course = [MessageStatus.SENT, MessageStatus.DELIVERED]
        subject.carry(message.id.partition(":")[2], course)
        told = [subject.port.parse_event(body) for body in subject.events()]
        assert all(isinstance(event, MessageChanged) for event in told)
        assert [event.message_id for event in told] == [message.id] * 2
        assert [event.status for event in told] == course
        assert [event.to for event in told] == [TO] * 2
        status = message.status
        for event in reversed(told):
            status = merge(status, event.status)
        assert status is MessageStatus.DELIVERED
        if SmsCapability.READ in subject.driver.capabilities.flags:
            read = subject.do(subject.port.get_message(message.id))
            assert read.status is MessageStatus.DELIVERED

"""What every driver of email must do.

Inherit from `EmailConformance`, and say how the provider is reached and steered:

    class TestMine(EmailConformance):
        @pytest.fixture(params=MODES)
        def subject(self, request):
            mode = MODES[request.param]()
            yield EmailSubject(mode, MyEmail(mode.transport(), settings), ...)
            mode.close()

Nothing here knows a provider; where they differ, the capabilities say so.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    IdempotencyConflictError,
    InvalidRequestError,
    UnexpectedResponseError,
)
from hardpoint.email.addresses import Address
from hardpoint.email.driver import EmailCapability
from hardpoint.email.invitations import Unsubscribe
from hardpoint.email.types import DeliveryStatus, EmailChanged, EmailRecipient, merge
from hardpoint.testing.conformance.email_subject import (
    FILE,
    IMAGE,
    INVITATION,
    OTHER,
    TO,
    EmailRefusals,
    EmailSubject,
)
from hardpoint.testing.conformance.modes import exercises

__all__ = ["EmailConformance", "EmailSubject"]


class EmailConformance(EmailRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    # Sending

    def test_an_email_is_handed_over(self, subject: EmailSubject) -> None:
        email = subject.send(subject="Your order has left. 5 € back!", text="Grüße\n\U0001f1e9")
        assert email.id.startswith("mail:")
        assert email.idempotency_key
        (delivery,) = email.deliveries
        assert delivery.to == TO
        assert delivery.status is DeliveryStatus.QUEUED
        assert not delivery.status.arrived
        assert delivery.failure is None
        assert subject.requests() == 1

    @pytest.mark.parametrize(
        "parts",
        [{"text": "plain"}, {"text": None, "html": "<p>rich"}, {"text": "plain", "html": "<p>"}],
    )
    def test_text_or_html_or_both_go(self, subject: EmailSubject, parts: dict[str, Any]) -> None:
        assert subject.send(**parts).id

    def test_every_recipient_has_a_delivery(self, subject: EmailSubject) -> None:
        email = subject.send(
            to=["Ann Lee <ann.lee@customer.example>", Address(email=OTHER, name="Lee, Bob; Jr.")],
            cc="Müller <cc@bücher.example>",
            bcc=["bcc@customer.example"],
            reply_to="help@shop.example",
        )
        assert [one.to for one in email.deliveries] == [
            TO,
            OTHER,
            "cc@xn--bcher-kva.example",
            "bcc@customer.example",
        ]
        assert email.delivery(OTHER.upper()).to == OTHER
        with pytest.raises(KeyError):
            email.delivery("nobody@customer.example")

    def test_another_address_may_send(self, subject: EmailSubject) -> None:
        domain = str(subject.driver.sender and subject.driver.sender.email).partition("@")[2]
        assert subject.send(from_=f"Help <help@{domain}>").id

    @exercises(EmailCapability.ATTACHMENTS)
    def test_files_go_along(self, subject: EmailSubject) -> None:
        assert subject.send(attachments=[FILE]).id

    @exercises(EmailCapability.ATTACHMENTS, EmailCapability.INLINE)
    def test_images_are_shown_by_the_html(self, subject: EmailSubject) -> None:
        assert subject.send(html='<img src="cid:logo">', attachments=[IMAGE, FILE]).id

    @exercises(EmailCapability.HEADERS)
    def test_headers_go_along(self, subject: EmailSubject) -> None:
        headers = {"List-Unsubscribe": "<https://shop.example/out?a=b>", "X-Order": "1, 2; 3"}
        assert subject.send(headers=headers).id

    @exercises(EmailCapability.HEADERS)
    def test_mailboxes_are_told_how_to_unsubscribe(self, subject: EmailSubject) -> None:
        for way in (
            Unsubscribe(url="https://shop.example/out?token=a,b".replace(",", "%2C")),
            Unsubscribe(url="https://shop.example/out", email="out@shop.example"),
            Unsubscribe(email="out@shop.example"),
        ):
            assert subject.send(unsubscribe=way).id

    @exercises(EmailCapability.TEMPLATES)
    def test_a_template_is_filled_in(self, subject: EmailSubject) -> None:
        options = {"template": subject.template, "subject": None, "text": None}
        assert subject.send(**options, variables={"name": "Ann", "items": [{"n": 1}]}).id
        assert subject.send(**options).id

    @exercises(EmailCapability.TAGS)
    def test_tags_go_along(self, subject: EmailSubject) -> None:
        assert subject.send(tags=["orders"]).id

    @exercises(EmailCapability.SCHEDULED)
    def test_an_email_may_be_sent_later(self, subject: EmailSubject) -> None:
        assert subject.send(send_at=datetime.now(UTC) + timedelta(hours=1)).id

    @exercises(EmailCapability.INVITATIONS)
    def test_an_invitation_goes_along(self, subject: EmailSubject) -> None:
        assert subject.send(invitation=INVITATION).id

    @exercises(EmailCapability.BATCH)
    def test_each_of_a_batch_has_a_delivery(self, subject: EmailSubject) -> None:
        batch = [EmailRecipient(to=f"Ann <{TO}>"), EmailRecipient(to=OTHER)]
        before = subject.requests()
        email = subject.send_batch(batch, idempotency_key="batch-1")
        assert subject.requests() == before + 1
        assert email.idempotency_key == "batch-1"
        assert [one.to for one in email.deliveries] == [TO, OTHER]
        assert {one.status for one in email.deliveries} == {DeliveryStatus.QUEUED}
        ids = [one.id or email.id for one in email.deliveries]
        assert all(one.startswith("mail:") for one in ids)

    @exercises(EmailCapability.BATCH, EmailCapability.TEMPLATES, EmailCapability.METADATA)
    def test_each_of_a_batch_has_words_of_its_own(self, subject: EmailSubject) -> None:
        batch = [
            EmailRecipient(to=TO, variables={"name": "Ann"}, metadata={"order": "7"}),
            EmailRecipient(to=OTHER, variables={"name": "Bob"}),
        ]
        options = {"template": subject.template, "subject": None, "text": None}
        email = subject.send_batch(batch, **options, metadata={"order": "0"})
        assert len(email.deliveries) == 2

    @exercises(EmailCapability.INBOUND)
    def test_an_email_that_came_in_is_read(self, subject: EmailSubject) -> None:
        email = subject.port.parse_received(subject.received)
        assert (email.from_.email, email.subject) == (TO, "Re: Your order")
        assert [one.email for one in email.to] == ["orders@shop.example"]
        assert (email.text or "").strip() == "Thanks"
        assert email.message_id
        with pytest.raises(UnexpectedResponseError):
            subject.port.parse_received(b"{")

    @exercises(EmailCapability.SEVERAL_REPLY_TO)
    def test_replies_may_go_to_several(self, subject: EmailSubject) -> None:
        assert subject.send(reply_to=["Help <help@shop.example>", OTHER]).id

    def test_calls_without_a_key_are_emails_of_their_own(self, subject: EmailSubject) -> None:
        one, other = subject.send(), subject.send()
        assert one.id != other.id
        assert one.idempotency_key != other.idempotency_key

    def test_a_key_sends_once_where_keys_are_honoured(self, subject: EmailSubject) -> None:
        before = subject.requests()
        emails = [subject.send(idempotency_key="order-1") for _ in range(2)]
        assert {one.idempotency_key for one in emails} == {"order-1"}
        ids = {one.id for one in emails}
        if subject.driver.capabilities.idempotency is Idempotency.NONE:
            assert subject.requests() == before + 2
            return
        assert len(ids) == 1
        with pytest.raises(IdempotencyConflictError):
            subject.send(text="other", idempotency_key="order-1")

    # Refused

    def test_an_address_the_provider_does_not_take_is_named(self, subject: EmailSubject) -> None:
        for to, field in (([TO, subject.invalid], "to[1]"), ([subject.invalid], "to[0]")):
            with pytest.raises(InvalidRequestError) as caught:
                subject.send(to=to)
            assert caught.value.field in {field, "to"}, "where the provider says no more"
            assert caught.value.status
            assert subject.invalid not in str(caught.value)

    def test_who_is_suppressed_gets_nothing_and_the_others_do(self, subject: EmailSubject) -> None:
        subject.events()
        email = subject.send(to=[TO, subject.suppressed])
        known = {one.to: one.status for one in email.deliveries}
        for event in told(subject):
            known[event.to] = merge(known[event.to], event.status)
        assert known[subject.suppressed] is DeliveryStatus.REJECTED
        assert known[TO] is DeliveryStatus.QUEUED

    # What comes back by webhook

    @exercises(EmailCapability.EVENTS)
    def test_events_say_how_far_each_recipient_is(self, subject: EmailSubject) -> None:
        subject.events()
        email = subject.send(to=[TO, OTHER], idempotency_key="order-7")
        course = [DeliveryStatus.DEFERRED, DeliveryStatus.DELIVERED]
        local = email.id.partition(":")[2]
        subject.carry(local, TO, course)
        subject.carry(local, OTHER, [DeliveryStatus.BOUNCED])
        events = told(subject)
        ids = [event.event_id for event in events if event.event_id]
        assert len(set(ids)) == len(ids)
        assert len(events) == 3
        assert {event.email_id for event in events} == {email.id}
        assert {event.idempotency_key for event in events} == {"order-7"}
        assert [event.status for event in events if event.to == TO] == course
        known = {one.to: one.status for one in email.deliveries}
        for event in reversed(events):
            known[event.to] = merge(known[event.to], event.status)
        assert known == {TO: DeliveryStatus.DELIVERED, OTHER: DeliveryStatus.BOUNCED}

    @exercises(EmailCapability.METADATA, EmailCapability.EVENTS)
    def test_metadata_come_back(self, subject: EmailSubject) -> None:
        subject.events()
        metadata = {"order": "7 €", "customer.id": "{[\r\n"}
        email = subject.send(metadata=metadata)
        subject.carry(email.id.partition(":")[2], TO, [DeliveryStatus.DELIVERED])
        (event,) = told(subject)
        assert event.metadata == metadata


def told(subject: EmailSubject) -> list[EmailChanged]:
    """What the webhooks said since, one by one; nothing where there are none."""
    events: list[EmailChanged] = []
    if EmailCapability.EVENTS not in subject.driver.capabilities.flags:
        return events
    for body in subject.events():
        for event in subject.port.parse_events(body):
            if event.event_id:
                assert subject.port.parse_event(body, event_id=event.event_id) == event
            assert isinstance(event, EmailChanged)
            events.append(event)
    return events

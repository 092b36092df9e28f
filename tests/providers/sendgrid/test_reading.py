import json

import pytest

from hardpoint.email import ConsentChanged, DeliveryStatus, EmailChanged, EmailEngaged, Engagement
from hardpoint.providers.sendgrid.reading import events

ITEM = {
    "email": "ann@example.com",
    "timestamp": 1600112492,
    "sg_event_id": "event-1",
    "sg_message_id": "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    "event": "delivered",
    "response": "250 OK",
    "tls": 1,
    "category": "orders",
    "hardpoint_key": "order-7",
    "order": "7",
}


def read(**facts):
    item = {name: value for name, value in (ITEM | facts).items() if value is not None}
    (event,) = events(json.dumps(item).encode())
    assert events(json.dumps([item]).encode()) == (event,)
    return event


def test_an_event_says_how_far_a_delivery_is():
    assert read() == EmailChanged(
        event_id="event-1",
        email_id="LRzXl_NHStOGhQ4kofSm_A",
        idempotency_key="order-7",
        to="ann@example.com",
        at=1600112492.0,
        metadata={"order": "7"},
        status=DeliveryStatus.DELIVERED,
        vendor_status="delivered",
        failure=None,
        reason="250 OK",
    )


@pytest.mark.rows
def test_every_event_is_read_and_an_unknown_one_is_no_success(facts, status, failure):
    event = read(**facts)
    assert (event.status, event.failure) == (status, failure)
    assert event.vendor_status == facts["event"]
    assert not event.status.arrived


def test_an_event_says_what_the_recipient_did():
    opened = read(event="open", useragent="x", ip="192.0.2.1", sg_machine_open=True)
    assert isinstance(opened, EmailEngaged)
    assert (opened.engagement, opened.url) == (Engagement.OPENED, None)
    clicked = read(event="click", url="https://shop.example/a")
    assert (clicked.engagement, clicked.url) == (Engagement.CLICKED, "https://shop.example/a")
    assert clicked.metadata == {"order": "7"}


@pytest.mark.rows
def test_an_event_says_whether_the_recipient_wants_more(event, group, consent):
    changed = read(event=event, asm_group_id=group)
    assert isinstance(changed, ConsentChanged)
    assert changed.consent is consent
    assert changed.group == (None if group is None else str(group))


def test_a_late_bounce_may_have_lost_the_email_and_what_others_sent_has_no_key():
    event = read(event="bounce", sg_message_id=None, hardpoint_key=None, order=None)
    assert (event.email_id, event.idempotency_key, event.metadata) == (None, None, {})
    assert read(sg_message_id="").email_id is None


def test_only_texts_are_metadata_for_only_texts_were_given():
    assert read(number=1, nested={"a": 1}, category=["a", "b"]).metadata == {"order": "7"}


def test_what_is_about_the_account_is_nobodys():
    account = {"event": "account_status_change", "sg_event_id": "e", "timestamp": 1}
    assert events(json.dumps([account, ITEM]).encode())[0].to == ITEM["email"]
    assert events(json.dumps(account).encode()) == ()
    assert events(b"[]") == ()


@pytest.mark.rows
def test_what_cannot_be_read_is_an_error(body):
    with pytest.raises(ValueError):
        events(body)

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.email.addresses import Address
from hardpoint.email.types import (
    Attachment,
    ConsentChanged,
    Delivery,
    DeliveryStatus,
    Email,
    EmailChanged,
    EmailConsent,
    EmailEngaged,
    EmailFailure,
    Engagement,
    NewEmail,
    merge,
)

STATUSES = st.sampled_from(DeliveryStatus)


@given(st.lists(STATUSES, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_reports_in_any_order_and_number_end_alike(reports, random):
    def after(some):
        status = DeliveryStatus.UNKNOWN
        for report in some:
            merged = merge(status, report)
            assert merge(merged, status) is merged, "it never goes back"
            status = merged
        return status

    shuffled = random.sample(reports, len(reports)) + random.choices(reports, k=3)
    assert after(reports) is after(shuffled)


@given(STATUSES, STATUSES, STATUSES)
def test_merging_is_a_join(one, two, three):
    assert merge(one, two) is merge(two, one)
    assert merge(one, merge(two, three)) is merge(merge(one, two), three)
    assert merge(one, one) is one
    assert merge(one, two) in {one, two}


@pytest.mark.parametrize("late", ["queued", "deferred", "sent", "rejected", "unknown"])
def test_a_late_report_never_overwrites_delivered(late):
    assert merge(DeliveryStatus.DELIVERED, DeliveryStatus(late)) is DeliveryStatus.DELIVERED


def test_a_bounce_after_delivery_is_the_truth():
    for course in permutations(["queued", "deferred", "delivered", "bounced"]):
        status = DeliveryStatus.UNKNOWN
        for report in course:
            status = merge(status, DeliveryStatus(report))
        assert status is DeliveryStatus.BOUNCED


def test_only_what_the_recipients_server_has_counts_as_arrived():
    assert {one.value for one in DeliveryStatus if one.arrived} == {"delivered"}
    assert {one.value for one in DeliveryStatus if one.ended and not one.arrived} == {
        "invalid",
        "rejected",
        "failed",
        "bounced",
    }


def test_no_value_shows_an_address_in_full_or_a_text():
    ann = "ann@customer.example"
    address = Address(email=ann, name="canary name")
    about = {
        "event_id": "e",
        "email_id": "mail:1",
        "idempotency_key": "order-7",
        "to": ann,
        "at": 1.0,
        "metadata": {"canary": "canary"},
    }
    changed = EmailChanged(
        **about,
        status=DeliveryStatus.BOUNCED,
        vendor_status="bounce",
        failure=EmailFailure.MAILBOX,
        reason=f"canary {ann}",
    )
    values = [
        NewEmail(
            key="order-7",
            from_=address,
            to=(address,),
            subject="canary",
            text="canary",
            html="canary",
            attachments=(Attachment(name="canary.pdf", content=b"canary"),),
            headers={"X-Canary": "canary"},
            metadata={"a": "canary"},
            extra={"a": "canary"},
        ),
        Email(
            id="mail:1",
            idempotency_key="order-7",
            deliveries=(Delivery(to=ann, status=DeliveryStatus.QUEUED, vendor_status="accepted"),),
        ),
        changed,
        EmailEngaged(**about, engagement=Engagement.CLICKED, url="https://canary.example/"),
        ConsentChanged(**about, consent=EmailConsent.COMPLAINED),
    ]
    for value in values:
        assert ann not in repr(value)
        assert "canary" not in repr(value).lower()
        assert "a****@customer.example" in repr(value)
    assert "<6 bytes>" in repr(values[0])
    assert "group=None" in repr(values[4])
    assert "<1 items>" in repr(changed)

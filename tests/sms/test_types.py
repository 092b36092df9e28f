from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.sms.types import (
    Message,
    MessageChanged,
    MessageReceived,
    MessageStatus,
    NewMessage,
    SmsFailure,
    merge,
)

STATUSES = st.sampled_from(MessageStatus)


@given(st.lists(STATUSES, min_size=1, max_size=12), st.randoms(use_true_random=False))
def test_reports_in_any_order_and_number_end_alike(reports, random):
    def after(some):
        status = MessageStatus.UNKNOWN
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


@pytest.mark.parametrize("late", ["queued", "sending", "sent", "failed", "undelivered", "unknown"])
def test_a_late_report_never_overwrites_delivered(late):
    assert merge(MessageStatus.DELIVERED, MessageStatus(late)) is MessageStatus.DELIVERED


def test_the_usual_course_ends_the_same_in_every_order():
    for course in permutations(["queued", "sent", "delivered", "read"]):
        status = MessageStatus.ACCEPTED
        for report in course:
            status = merge(status, MessageStatus(report))
        assert status is MessageStatus.READ


def test_only_what_the_recipient_has_counts_as_arrived():
    assert {one.value for one in MessageStatus if one.arrived} == {"delivered", "read", "received"}
    assert {one.value for one in MessageStatus if one.ended and not one.arrived} == {
        "canceled",
        "failed",
        "undelivered",
        "partially_delivered",
    }
    assert not MessageStatus.UNKNOWN.arrived
    assert not MessageStatus.UNKNOWN.ended


def test_no_value_shows_a_number_in_full_or_a_text():
    there, here, text = "+14155550123", "+14155550100", "the secret is 1234"
    values = [
        NewMessage(to=there, body=text, from_=here),
        Message(
            id="texts:SM1",
            status=MessageStatus.SENT,
            vendor_status="sent",
            to=there,
            body=text,
            created=0.0,
            from_=None,
            failure=SmsFailure.FILTERED,
        ),
        MessageChanged(
            message_id="texts:SM1",
            status=MessageStatus.SENT,
            vendor_status="sent",
            to=there,
            from_=here,
        ),
        MessageReceived(message_id="texts:SM1", from_=there, to=here, body=text),
    ]
    for value in values:
        assert there not in repr(value)
        assert here not in repr(value)
        assert "1234" not in repr(value)
        assert "+14****23" in repr(value)
    assert "<18 characters>" in repr(values[1])
    assert "from_=None" in repr(values[1])

"""What a calendar is given, and that no value can add a line to it."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import InvalidRequestError
from hardpoint.email import Address, Invitation, InvitationMethod
from hardpoint.email.invitations import check_invitation

ANN = Address(email="ann@customer.example", name='Ann "A" Lee')


def invitation(**facts):
    nine = datetime(2027, 3, 1, 9, tzinfo=timezone(timedelta(hours=1)))
    given_ = {
        "uid": "7@shop.example",
        "starts": nine,
        "ends": nine + timedelta(hours=1),
        "summary": "Delivery; of 7, 8",
        "organizer": Address(email="orders@shop.example"),
    }
    return Invitation(**given_ | facts)


def test_a_calendar_is_given_what_rfc_5545_wants():
    text = invitation(location="Main St 1\nGround", description="a\\b").calendar((ANN,), 1.7e9)
    assert text == (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//hardpoint//EN\r\nMETHOD:REQUEST\r\n"
        "BEGIN:VEVENT\r\nUID:7@shop.example\r\nDTSTAMP:20231114T221320Z\r\n"
        "DTSTART:20270301T080000Z\r\nDTEND:20270301T090000Z\r\n"
        "SUMMARY:Delivery\\; of 7\\, 8\r\nSEQUENCE:0\r\nSTATUS:CONFIRMED\r\n"
        "ORGANIZER:mailto:orders@shop.example\r\n"
        "ATTENDEE;RSVP=TRUE;CN=\"Ann 'A' Lee\":mailto:ann@customer.example\r\n"
        "LOCATION:Main St 1\\nGround\r\nDESCRIPTION:a\\\\b\r\n"
        "END:VEVENT\r\nEND:VCALENDAR\r\n"
    )


def test_one_that_is_called_off_says_so():
    text = invitation(method=InvitationMethod.CANCEL, sequence=2).calendar((), 0.0)
    assert "METHOD:CANCEL\r\n" in text
    assert "SEQUENCE:2\r\nSTATUS:CANCELLED\r\n" in text


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=300))
def test_lines_are_folded_and_none_is_added(text):
    calendar = invitation(summary=text).calendar((), 0.0)
    assert max(len(one.encode()) for one in calendar.split("\r\n")) <= 75
    unfolded = calendar.replace("\r\n ", "").split("\r\n")
    assert len(unfolded) == len(invitation().calendar((), 0.0).split("\r\n"))


@pytest.mark.parametrize("field", ["summary", "location", "description"])
def test_what_is_private_is_not_shown(field):
    assert "secret" not in repr(invitation(**{field: "secret plans"}))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sequence", "0\r\nATTACH:https://evil.example"),
        ("sequence", -1),
        ("method", "REQUEST"),
        ("organizer", "orders@shop.example"),
    ],
)
def test_values_of_other_kinds_are_refused_by_name(field, value):
    with pytest.raises(InvalidRequestError) as caught:
        check_invitation(invitation(**{field: value}))
    assert caught.value.field == f"invitation.{field}"

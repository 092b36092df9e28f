from urllib.parse import urlencode

import pytest

from hardpoint.providers.twilio.reading import event
from hardpoint.sms.types import (
    MessageChanged,
    MessageReceived,
    MessageStatus,
    SmsConsent,
    SmsFailure,
)

SENT = {"MessageSid": "SM1", "To": "+14155550123", "From": "+14155550100", "SmsStatus": "sent"}


def read(**fields):
    return event(urlencode(fields).encode())


def test_a_status_callback_says_how_far_a_message_is():
    assert read(**SENT, MessageStatus="undelivered", ErrorCode="30003") == MessageChanged(
        message_id="SM1",
        status=MessageStatus.UNDELIVERED,
        vendor_status="undelivered",
        to="+14155550123",
        from_="+14155550100",
        failure=SmsFailure.UNREACHABLE,
        vendor_code="30003",
    )
    changed = read(**SENT, MessageStatus="teleported", ErrorCode="")
    assert changed.status is MessageStatus.UNKNOWN
    assert (changed.vendor_status, changed.failure) == ("teleported", None)


def test_a_text_that_came_brings_its_media_and_what_it_says_about_consent():
    fields = SENT | {"SmsStatus": "received", "Body": "stop + ü"}
    media = {"NumMedia": "2", "MediaUrl0": "https://a/0", "MediaUrl1": "https://a/1"}
    assert read(**fields, **media, OptOutType="STOP") == MessageReceived(
        message_id="SM1",
        from_="+14155550100",
        to="+14155550123",
        body="stop + ü",
        media=("https://a/0", "https://a/1"),
        consent=SmsConsent.STOP,
    )
    plain = read(MessageSid="SM1", To="+1", From="+2")
    assert (plain.body, plain.media, plain.consent) == ("", (), None)


@pytest.mark.rows
def test_the_word_itself_says_it_where_advanced_opt_out_is_not_set_up(body, consent):
    fields = {"MessageSid": "SM1", "From": "+14155550123", "To": "+14155550100", "Body": body}
    assert read(**fields).consent is consent
    assert read(**fields, OptOutType="HELP").consent is SmsConsent.HELP
    assert read(**fields, OptOutType="").consent is consent
    assert read(**fields, OptOutType="NEW").consent is None


@pytest.mark.parametrize("body", [b"CallSid=CA1&CallStatus=ringing", b"", b"{}", b"[]", b"x"])
def test_what_is_not_about_a_message_is_nobodys(body):
    assert event(body) is None


@pytest.mark.rows
def test_what_is_about_a_message_and_cannot_be_read_is_an_error(body):
    with pytest.raises(ValueError):
        event(body)

"""What goes over the wire, and what is made of it; the rest is the conformance suite's."""

import base64

import pytest

from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, SERVICE_SID
from hardpoint.sms.types import MessageStatus, MessageTemplate, NewMessage

TO = "+4917012345678"
SHOWN = {
    "sid": "SM1",
    "status": "queued",
    "to": TO,
    "from": SENDER,
    "body": "hello",
    "date_created": "Mon, 16 Aug 2010 03:45:01 +0000",
    "num_segments": "1",
    "error_code": None,
}


def send(account, new=None, **options):
    new = new or NewMessage(to=TO, body="hello")
    return account.do(account.driver(**options).send(new, idempotency_key="k"))


def test_the_request_is_the_one_that_twilio_documents(scripted):
    scripted.vendor.reply = FakeReply.json(SHOWN, 201)
    new = NewMessage(
        to=TO,
        body="a&b ü",
        media=("https://a.example/1", "https://a.example/2"),
        extra={"SmartEncoded": True},
        validity=60,
    )
    message = send(scripted, new, status_url="https://shop.example/w?x=1")
    (request,) = scripted.vendor.received
    assert (request.method, request.target) == (
        "POST",
        f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json",
    )
    pair = base64.b64encode(f"{ACCOUNT_SID}:{AUTH_TOKEN}".encode()).decode()
    assert request.headers["authorization"] == f"Basic {pair}"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "idempotency-key" not in request.headers
    assert request.form() == [
        ("To", TO),
        ("From", SENDER),
        ("Body", "a&b ü"),
        ("MediaUrl", "https://a.example/1"),
        ("MediaUrl", "https://a.example/2"),
        ("ValidityPeriod", "60"),
        ("StatusCallback", "https://shop.example/w?x=1"),
        ("SmartEncoded", "true"),
    ]
    assert (message.id, message.created, message.segments) == ("SM1", 1281930301.0, 1)


def test_a_template_a_service_and_a_time_are_parameters(scripted):
    scripted.vendor.reply = FakeReply.json(SHOWN, 201)
    template = MessageTemplate("HX" + "a" * 32, {"1": "Ann ü"})
    new = NewMessage(to=TO, body="", template=template, service="MG1", send_at=1_790_000_000.0)
    send(scripted, new)
    send(scripted, NewMessage(to=f"whatsapp:{TO}", body="", template=MessageTemplate("HX1")))
    send(scripted, NewMessage(to=f"rcs:{TO}", body="a", from_="rcs:agent"))
    fields = [dict(one.form()) for one in scripted.vendor.received]
    assert fields[0] == {
        "To": TO,
        "MessagingServiceSid": "MG1",
        "ContentSid": template.id,
        "ContentVariables": '{"1":"Ann ü"}',
        "SendAt": "2026-09-21T14:13:20Z",
        "ScheduleType": "fixed",
    }
    assert fields[1] == {"To": f"whatsapp:{TO}", "From": f"whatsapp:{SENDER}", "ContentSid": "HX1"}
    assert fields[2] == {"To": f"rcs:{TO}", "From": "rcs:agent", "Body": "a"}


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"body": "a", "send_at": 1_790_000_000.0}, "service"),
        ({"body": "a", "to": f"rcs:{TO}"}, "from_"),
        ({"body": "", "template": MessageTemplate("HX1", language="en")}, "template.language"),
    ],
)
def test_what_twilio_wants_beside_is_said_before_any_request(scripted, options, field):
    with pytest.raises(InvalidRequestError) as caught:
        send(scripted, NewMessage(**{"to": TO} | options))
    assert (caught.value.field, scripted.vendor.received) == (field, [])


def test_an_api_key_stands_in_the_place_of_the_account(scripted):
    scripted.vendor.reply = FakeReply.json(SHOWN, 201)
    key = "SK" + "a" * 32
    send(scripted, api_key_sid=key, secret=Secret.value("hush"))
    (request,) = scripted.vendor.received
    assert base64.b64decode(request.headers["authorization"][6:]) == f"{key}:hush".encode()
    assert ACCOUNT_SID in request.target


@pytest.mark.rows
def test_a_messaging_service_sends_unless_the_call_says_who(scripted, from_, fields):
    scripted.vendor.reply = FakeReply.json(SHOWN, 201)
    new = NewMessage(to=TO, body="hello", from_=from_)
    send(scripted, new, from_=None, messaging_service_sid=SERVICE_SID)
    (request,) = scripted.vendor.received
    assert dict(request.form()) == {"To": TO, "Body": "hello", **fields}


def test_an_extra_may_not_set_what_the_port_sets(scripted):
    with pytest.raises(InvalidRequestError) as caught:
        send(scripted, NewMessage(to=TO, body="hello", extra={"To": "+14155550100"}))
    assert caught.value.field == "extra.twilio.To"
    assert not scripted.vendor.received


@pytest.mark.rows
def test_every_status_is_read_and_an_unknown_one_is_no_success(scripted, status, facts):
    scripted.vendor.reply = FakeReply.json(SHOWN | {"status": status}, 201)
    message = send(scripted)
    known = status in {one.value for one in MessageStatus}
    assert message.status is (MessageStatus(status) if known else MessageStatus.UNKNOWN)
    assert message.vendor_status == status
    if not known:
        assert not message.status.arrived


@pytest.mark.rows
def test_what_twilio_leaves_open_is_left_open(scripted, facts, expected):
    scripted.vendor.reply = FakeReply.json(SHOWN | facts, 201)
    message = send(scripted)
    assert {name: getattr(message, name) for name in expected} == expected


@pytest.mark.rows
def test_an_answer_that_is_not_understood_is_no_success(scripted, body):
    scripted.vendor.reply = FakeReply(status=201, body=body)
    with pytest.raises(UnexpectedResponseError) as caught:
        send(scripted)
    assert not caught.value.outcome_known


def listed(account, cursor=None, since=0.0):
    return account.do(account.driver().list_messages(to=TO, since=since, cursor=cursor))


def test_the_next_page_is_taken_by_its_token_and_never_by_an_address(scripted):
    away = "https://evil.example/x?Page=1&PageToken=PASM1&To=other"
    scripted.vendor.reply = FakeReply.json({"messages": [SHOWN], "next_page_uri": away})
    page = listed(scripted)
    assert page.cursor == "Page=1&PageToken=PASM1"
    listed(scripted, page.cursor)
    assert scripted.vendor.received[1].query() == [
        ("To", TO),
        ("PageSize", "100"),
        ("Page", "1"),
        ("PageToken", "PASM1"),
    ]


def test_a_next_page_without_a_token_is_not_taken_for_the_end(scripted):
    scripted.vendor.reply = FakeReply.json({"messages": [], "next_page_uri": "/x?Page=1"})
    with pytest.raises(UnexpectedResponseError):
        listed(scripted)


def test_pages_older_than_asked_for_are_not_read(scripted):
    reply = {"messages": [SHOWN], "next_page_uri": "/x?PageToken=PA"}
    scripted.vendor.reply = FakeReply.json(reply)
    assert listed(scripted, since=1281930301.0).cursor == "PageToken=PA"
    assert listed(scripted, since=1281930302.0).cursor is None

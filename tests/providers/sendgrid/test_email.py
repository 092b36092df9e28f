"""What goes over the wire, and what is made of it; the rest is the conformance suite's."""

import json

import pytest

from hardpoint.core.errors import InvalidRequestError, RateLimitedError, UnexpectedResponseError
from hardpoint.email import Address, DeliveryStatus
from hardpoint.email.types import NewEmail
from hardpoint.fakes.messages import FakeReply
from hardpoint.providers.sendgrid.fake import API_KEY

TO = Address(email="ann@customer.example")
FROM = Address(email="orders@shop.example", name="Shop")
TAKEN = FakeReply(status=202, headers=(("x-message-id", "14c5d75ce93"),))


def new(**facts):
    given = {"key": "order-7", "from_": FROM, "to": (TO,), "subject": "Hello", "text": "hi"}
    return NewEmail(**{**given, **facts})


def send(account, email=None, **options):
    driver = account.driver(**options)
    return account.do(driver.send(email or new(), idempotency_key="send:order-7"))


def sent(scripted, **facts):
    scripted.vendor.reply = TAKEN
    send(scripted, new(**facts))
    return scripted.vendor.received[-1].json()


def test_the_least_request_is_the_one_that_sendgrid_documents(scripted):
    scripted.vendor.reply = TAKEN
    email = send(scripted)
    (request,) = scripted.vendor.received
    assert (request.method, request.target) == ("POST", "/v3/mail/send")
    assert request.headers["authorization"] == f"Bearer {API_KEY}"
    assert request.headers["content-type"] == "application/json"
    assert "idempotency-key" not in request.headers
    assert request.json() == {
        "personalizations": [
            {
                "to": [{"email": "ann@customer.example"}],
                "custom_args": {"hardpoint_key": "order-7"},
            }
        ],
        "from": {"email": "orders@shop.example", "name": "Shop"},
        "subject": "Hello",
        "content": [{"type": "text/plain", "value": "hi"}],
    }
    assert (email.id, email.idempotency_key) == ("14c5d75ce93", "order-7")
    (delivery,) = email.deliveries
    assert (delivery.status, delivery.vendor_status) == (DeliveryStatus.QUEUED, "accepted")


def test_names_are_quoted_where_sendgrid_would_take_them_apart(scripted):
    document = sent(
        scripted,
        html="<p>hi",
        cc=(Address(email="cc@customer.example", name='Lee, "Ann"; \\'),),
        bcc=(Address(email="bcc@customer.example", name="Dr. Bob"),),
        reply_to=(Address(email="help@shop.example", name="Help; now"),),
        headers={"List-Unsubscribe": "<https://shop.example/out>"},
        extra={"mail_settings": {"footer": {"enable": False}}},
    )
    (envelope,) = document["personalizations"]
    assert envelope["cc"] == [{"email": "cc@customer.example", "name": '"Lee, \\"Ann\\"; \\\\"'}], (
        "SendGrid takes an unquoted name apart"
    )
    assert envelope["bcc"] == [{"email": "bcc@customer.example", "name": "Dr. Bob"}]
    assert document["reply_to"] == {"email": "help@shop.example", "name": "Help; now"}
    assert document["headers"] == {"List-Unsubscribe": "<https://shop.example/out>"}
    assert document["mail_settings"] == {"footer": {"enable": False}}


def test_several_addresses_for_replies_are_a_list(scripted):
    document = sent(scripted, reply_to=(TO, FROM))
    assert "reply_to" not in document
    assert [one["email"] for one in document["reply_to_list"]] == [TO.email, FROM.email]


@pytest.mark.parametrize(
    ("facts", "field"),
    [
        ({"extra": {"subject": "other"}}, "extra.sendgrid.subject"),
        ({"extra": {"personalizations": []}}, "extra.sendgrid.personalizations"),
        (
            {"extra": {"custom_args": {"hardpoint_key": "x"}}},
            "extra.sendgrid.custom_args",
        ),
        ({"extra": {"asm": {"group_id": object()}}}, "extra.sendgrid"),
        ({"extra": {"batch_id": "\ud800"}}, "extra.sendgrid"),
        ({"headers": {"X-SG-EID": "1"}}, "headers['X-SG-EID']"),
        ({"metadata": {"hardpoint_key": "1"}}, "metadata['hardpoint_key']"),
        ({"metadata": {"Event": "delivered"}}, "metadata['Event']"),
        ({"metadata": {"email": "eve@evil.example"}}, "metadata['email']"),
    ],
)  # fmt: skip
def test_what_is_the_ports_or_sendgrids_is_refused_before_any_request(scripted, facts, field):
    with pytest.raises(InvalidRequestError) as caught:
        send(scripted, new(**facts))
    assert caught.value.field == field
    assert not scripted.vendor.received


@pytest.mark.parametrize("options", [{"sandbox": True}, {}])
def test_in_a_sandbox_nothing_is_queued(scripted, options):
    scripted.vendor.reply = FakeReply(status=200)
    extra = {} if options else {"mail_settings": {"sandbox_mode": {"enable": True}}}
    email = send(scripted, new(extra=extra), **options)
    document = scripted.vendor.received[0].json()
    assert document["mail_settings"] == {"sandbox_mode": {"enable": True}}
    assert email.id is None
    (delivery,) = email.deliveries
    assert (delivery.status, delivery.vendor_status) == (DeliveryStatus.UNKNOWN, "sandbox")


@pytest.mark.parametrize(
    "extra", [{}, {"mail_settings": {}}, {"mail_settings": {"sandbox_mode": 1}}]
)
def test_an_answer_that_is_not_understood_is_no_success(scripted, extra):
    scripted.vendor.reply = FakeReply(status=200, body=b"{}")
    with pytest.raises(UnexpectedResponseError) as caught:
        send(scripted, new(extra=extra))
    assert not caught.value.outcome_known


@pytest.mark.parametrize("identifier", ["", "a b", "x" * 256, "ü"])
def test_an_id_that_is_none_is_not_passed_on(scripted, identifier):
    scripted.vendor.reply = FakeReply(status=202, headers=(("x-message-id", identifier),))
    assert send(scripted).id is None


DATE = ("date", "Fri, 14 Jul 2023 02:40:00 GMT")  # 1689302400


@pytest.mark.rows
def test_the_time_to_wait_is_measured_from_the_answers_own_date(scripted, headers, seconds):
    headers = [(name, value.encode().decode("latin-1")) for name, value in headers]
    body = json.dumps({"errors": [{"field": None, "message": "too many requests"}]}).encode()
    scripted.vendor.reply = FakeReply(status=429, headers=tuple(headers), body=body)
    with pytest.raises(RateLimitedError) as caught:
        send(scripted)
    assert caught.value.retry_after == seconds
    assert caught.value.vendor_code == "too_many_requests"

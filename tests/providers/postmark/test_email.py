"""What is special about Postmark: who is inactive, what must fit, what webhooks say; its fake."""

import json

import msgspec
import pytest

from hardpoint.core.errors import (
    InvalidRequestError,
    PermissionDeniedError,
    UnexpectedResponseError,
)
from hardpoint.email import Address
from hardpoint.email.types import (
    ConsentChanged,
    DeliveryStatus,
    EmailChanged,
    EmailConsent,
    EmailEngaged,
    EmailFailure,
    EmailRecipient,
    Engagement,
    NewEmail,
)
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.providers.postmark.fake import (
    SERVER_TOKEN,
    SUPPRESSED,
    TEMPLATE,
    TEMPLATE_ID,
    FakePostmark,
)
from hardpoint.providers.postmark.reading import events, received
from hardpoint.testing.conformance.served import driver_of

FROM = Address(email="orders@shop.example")
ANN = Address(email="ann@customer.example")
MAIL = NewEmail(key="order-7", from_=FROM, to=(ANN,), subject="s", text="t")


def new(**changes):
    return msgspec.structs.replace(MAIL, **changes)


def batch(*to, **changes):
    recipients = tuple(EmailRecipient(to=Address(email=one)) for one in to)
    return new(to=(), batch=recipients, **changes)


def send(account, mail=MAIL, **settings):
    return account.do(account.driver(**settings).send(mail, idempotency_key="send:order-7"))


def test_who_is_inactive_gets_nothing_and_the_others_do(account):
    email = send(account, new(to=(ANN, Address(email=SUPPRESSED.upper()))))
    ann, other = email.deliveries
    assert (ann.status, other.status) == (DeliveryStatus.QUEUED, DeliveryStatus.REJECTED)
    assert (other.vendor_status, other.failure) == ("inactive", EmailFailure.BOUNCED_BEFORE)


def test_each_of_a_batch_is_taken_or_refused_by_itself(account):
    mail = batch("ann@customer.example", SUPPRESSED, "invalid@fake.example")
    email = account.do(account.driver().send_batch(mail, idempotency_key="k"))
    assert email.id is None
    assert [one.status for one in email.deliveries] == [
        DeliveryStatus.QUEUED,
        DeliveryStatus.REJECTED,
        DeliveryStatus.FAILED,
    ]
    assert [one.vendor_status for one in email.deliveries] == ["OK", "406", "300"]
    assert [bool(one.id) for one in email.deliveries] == [True, False, False]


@pytest.mark.parametrize(
    "answer",
    [
        {"ErrorCode": 0, "Message": "OK"},
        {"ErrorCode": 300, "Message": "no", "MessageID": "m"},
        [{"ErrorCode": 0}],
    ],
)
def test_an_answer_that_is_no_receipt_leaves_it_unknown(scripted, answer):
    scripted.vendor.reply = FakeReply.json(answer)
    with pytest.raises(UnexpectedResponseError) as caught:
        send(scripted)
    assert not caught.value.outcome_known


def test_an_answer_to_another_batch_leaves_it_unknown(scripted):
    scripted.vendor.reply = FakeReply.json([{"ErrorCode": 0}])
    mail = batch("ann@customer.example", "bob@customer.example")
    with pytest.raises(UnexpectedResponseError) as caught:
        scripted.do(scripted.driver().send_batch(mail, idempotency_key="k"))
    assert not caught.value.outcome_known


@pytest.mark.parametrize(
    ("metadata", "field"),
    [
        ({"x" * 21: "1"}, f"metadata[{'x' * 21!r}]"),
        ({"order": "x" * 81}, "metadata['order']"),
        ({"hardpoint_key": "mine"}, "metadata['hardpoint_key']"),
    ],
)
def test_metadata_that_do_not_fit_are_refused_before_anything_is_sent(account, metadata, field):
    with pytest.raises(InvalidRequestError) as caught:
        send(account, new(metadata=metadata))
    assert caught.value.field == field
    mail = new(to=(), batch=(EmailRecipient(to=ANN, metadata=metadata),))
    with pytest.raises(InvalidRequestError, match=r"recipients\[0\]"):
        account.do(account.driver().send_batch(mail, idempotency_key="k"))
    assert account.server.requests == 0


@pytest.mark.parametrize(("length", "kept"), [(80, "k" * 80), (81, "send:order-7")])
def test_the_key_comes_back_with_events_where_it_fits(account, length, kept):
    email = send(account, new(key="k" * length))
    account.vendor.carry(email.id, ANN.email, "Delivery")
    (event,) = events(account.vendor.told[-1])
    assert (event.idempotency_key, event.metadata) == (kept, {})


@pytest.mark.parametrize("template", [TEMPLATE, str(TEMPLATE_ID)])
def test_a_template_is_named_by_alias_or_id(account, template):
    mail = new(template=template, text=None, subject="", variables={"name": "Ann"})
    send(account, mail)
    (kept,) = account.vendor.mails.values()
    assert kept["model"] == {"name": "Ann"}
    with pytest.raises(InvalidRequestError) as caught:
        send(account, new(template="other", text=None, subject=""))
    assert caught.value.field == "template"


@pytest.mark.parametrize(
    ("record", "facts", "kind", "says"),
    [
        ("Open", {}, EmailEngaged, {"engagement": Engagement.OPENED, "url": None}),
        (
            "Click",
            {"OriginalLink": "https://shop.example"},
            EmailEngaged,
            {"engagement": Engagement.CLICKED, "url": "https://shop.example"},
        ),
        ("SpamComplaint", {}, ConsentChanged, {"consent": EmailConsent.COMPLAINED}),
        (
            "SubscriptionChange",
            {"SuppressSending": True, "SuppressionReason": "ManualSuppression"},
            ConsentChanged,
            {"consent": EmailConsent.UNSUBSCRIBED},
        ),
        (
            "SubscriptionChange",
            {"SuppressSending": True, "SuppressionReason": "SpamComplaint"},
            ConsentChanged,
            {"consent": EmailConsent.COMPLAINED},
        ),
        ("SubscriptionChange", {}, ConsentChanged, {"consent": EmailConsent.SUBSCRIBED}),
        (
            "BadEmailAddress",
            {},
            EmailChanged,
            {"status": DeliveryStatus.INVALID, "failure": EmailFailure.INVALID_ADDRESS},
        ),
        (
            "Unheard",
            {},
            EmailChanged,
            {"status": DeliveryStatus.BOUNCED, "failure": EmailFailure.OTHER},
        ),
    ],
)
def test_what_a_webhook_says_is_in_our_words(account, record, facts, kind, says):
    email = send(account)
    account.vendor.carry(email.id, ANN.email, record, **facts)
    (event,) = events(account.vendor.told[-1])
    assert type(event) is kind
    assert {name: getattr(event, name) for name in says} == says
    assert (event.email_id, event.to, event.at > 1.7e9) == (email.id, ANN.email, True)


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ({"RecordType": "New", "Recipient": "a@b.example"}, [DeliveryStatus.UNKNOWN]),
        ({"RecordType": "New"}, []),
        ({"RecordType": "Bounce", "Email": "a@b.example"}, [DeliveryStatus.BOUNCED]),
    ],
)
def test_what_is_new_is_never_a_success(said, seen):
    told = events(json.dumps({"ReceivedAt": "2026-12-01T00:00:00Z", **said}).encode())
    assert [one.status for one in told] == seen


@pytest.mark.parametrize(
    "body", [b"[]", b"{}", b'{"RecordType":"Open","Recipient":"a@b.c"}', b"\xff"]
)
def test_what_is_no_webhook_of_postmark_is_an_error(body):
    with pytest.raises(ValueError):
        events(body)


@pytest.mark.parametrize("optional_fields", [True, False])
def test_an_email_that_came_in_is_read_with_its_files(optional_fields):
    vendor = FakePostmark(optional_fields=optional_fields)
    body = vendor.receive(
        '"Ann Lee" <ann@customer.example>',
        "Re: Your order",
        "Thanks\n> you wrote",
        StrippedTextReply="Thanks",
        Attachments=[{"Name": "a.txt", "Content": "aGk=", "ContentType": "text/plain"}],
        CcFull=[{"Email": "bob@customer.example", "Name": "Bob"}],
    )
    assert events(body) == ()
    email = received(body)
    assert email.from_ == Address(email="ann@customer.example", name="Ann Lee")
    assert (email.message_id, email.recipient) == ("in-1@customer.example", "orders@shop.example")
    assert (email.reply, email.cc[0].name) == ("Thanks", "Bob")
    assert [(one.name, one.content) for one in email.attachments] == [("a.txt", b"hi")]
    without = json.loads(body) | {"Headers": []}
    assert received(json.dumps(without).encode()).message_id == "inbound-000001"


@pytest.mark.parametrize(
    ("to", "told"),
    [
        ("ann@customer.example", ["delivered"]),
        ("bounced@fake.example", ["bounced"]),
        ("complained@fake.example", ["delivered", "complained"]),
    ],
)
def test_the_recipient_says_what_becomes_of_an_email(served, to, told):
    vendor = FakePostmark()
    account = served(vendor, lambda *at, **more: driver_of(vendor, *at, **more))
    send(account, new(to=(Address(email=to),)))
    seen = [event for body in vendor.told for event in events(body)]
    assert [getattr(one, "status", None) or one.consent for one in seen] == told


@pytest.mark.parametrize(
    ("extra", "error"),
    [
        ({"Colour": "red"}, InvalidRequestError),
        ({"TrackLinks": "None"}, None),
        ({"MessageStream": "other"}, InvalidRequestError),
    ],
)
def test_the_fake_knows_the_fields_that_postmark_knows(account, extra, error):
    if error is None:
        assert send(account, new(extra=extra)).id
        return
    with pytest.raises(error):
        send(account, new(extra=extra))


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ({"From": "eve@evil.example"}, 400),
        ({"TextBody": None}, 300),
        ({"To": ""}, 300),
        ({"Attachments": [{"Name": "a", "Content": "?", "ContentType": "a/b"}]}, 300),
        ({"Metadata": {"x" * 21: "1"}}, 300),
        ({"Metadata": {"x": 1}}, 300),
    ],
)
def test_the_fake_refuses_what_postmark_refuses(document, code):
    good = {"From": "a@shop.example", "To": "a@b.example", "Subject": "s", "TextBody": "t"}
    assert asked(FakePostmark(), "/email", good | document) == code


def asked(vendor, path, document, *, method="POST", kind="application/json", body=None):
    """The code of its answer."""
    headers = {"x-postmark-server-token": SERVER_TOKEN, "content-type": kind}
    body = msgspec.json.encode(document) if body is None else body
    reply = vendor.answer(Received(method=method, target=path, headers=headers, body=body))
    return json.loads(reply.body)["ErrorCode"]


@pytest.mark.parametrize(
    ("path", "document", "options", "code"),
    [
        ("/elsewhere", {}, {}, 403),
        ("/email/batch", {}, {}, 403),
        ("/email", {}, {"method": "GET"}, 403),
        ("/email", {}, {"kind": "text/plain"}, 409),
        ("/email", None, {"body": b"["}, 402),
        ("/email/batch", [{}] * 501, {}, 410),
    ],
)
def test_the_fake_answers_nothing_else(path, document, options, code):
    assert asked(FakePostmark(), path, document, **options) == code


def test_the_fake_has_a_limit(monkeypatch):
    monkeypatch.setattr("hardpoint.providers.postmark.fake._BATCH_MAX", 0)
    assert asked(FakePostmark(), "/email", {}) == 300


def test_what_the_account_may_not_do_is_told(account):
    with pytest.raises(PermissionDeniedError):
        send(account, new(from_=Address(email="eve@evil.example")))
    with pytest.raises(Exception, match="10"):
        send(account, server_token="another")


def test_a_connection_may_have_no_sender(account):
    assert account.driver(from_=None).sender is None

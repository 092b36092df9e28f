import msgspec
import pytest

from hardpoint.email import DeliveryStatus, merge
from hardpoint.fakes.emitter import Chaos
from hardpoint.fakes.messages import Received
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.sendgrid.fake import API_KEY, VERIFICATION_KEY, FakeSendGrid
from hardpoint.providers.sendgrid.reading import events
from hardpoint.webhooks import scheme

TO = "ann@customer.example"
GOOD = {
    "personalizations": [{"to": [{"email": TO}]}],
    "from": {"email": "orders@shop.example", "name": "Shop"},
    "subject": "Hello",
    "content": [{"type": "text/plain", "value": "hi"}],
}
HEADERS = {"authorization": f"Bearer {API_KEY}", "content-type": "application/json"}


@pytest.fixture
def vendor():
    vendor = FakeSendGrid(now=lambda: 1_700_000_000.0)
    yield vendor
    vendor.emitter.close()


def ask(vendor, document, **facts):
    body = document if isinstance(document, bytes) else msgspec.json.encode(document)
    given = {"method": "POST", "target": "/v3/mail/send", "headers": HEADERS, "body": body}
    return vendor.answer(Received(**{**given, **facts}))


def refused(vendor, document, **facts):
    reply = ask(vendor, document, **facts)
    (fault,) = msgspec.json.decode(reply.body)["errors"]
    assert vendor.ledger.count("refusal", status=reply.status, field=fault["field"]) == 1
    assert vendor.ledger.count("email") == 0
    return reply.status, fault["field"]


def to(*emails):
    return {**GOOD, "personalizations": [{"to": [{"email": one} for one in emails]}]}


def attached(**facts):
    one = {"content": "eA==", "filename": "a.txt", **facts}
    return {**GOOD, "attachments": [{name: fact for name, fact in one.items() if fact != "-"}]}


def told(vendor):
    return [event for emission in vendor.emitter.pending() for event in events(emission.body)]


@pytest.mark.rows
def test_what_sendgrid_would_refuse_is_refused(vendor, document, field):
    assert refused(vendor, document) == (400, field)


@pytest.mark.rows
def test_what_is_no_request_for_an_email_is_refused(vendor, facts, status):
    assert refused(vendor, GOOD, **facts) == (status, None)


def test_more_than_a_thousand_recipients_are_refused(vendor):
    many = to(*(f"a{number}@customer.example" for number in range(1001)))
    assert refused(vendor, many) == (400, "personalizations")


def test_a_sender_that_is_not_verified_is_refused(vendor):
    stranger = {**GOOD, "from": {"email": "orders@elsewhere.example"}}
    assert refused(vendor, stranger) == (403, "from")


def test_settings_without_effect_are_taken(vendor):
    more = {
        "asm": {"group_id": 1},
        "send_at": 1,
        "tracking_settings": {},
        "categories": ["orders"],
        "mail_settings": {"sandbox_mode": {"enable": False}},
        "reply_to": {"email": TO},
    }
    assert ask(vendor, GOOD | more).status == 202
    assert b'"category":["orders"]' in vendor.emitter.pending()[0].body


def test_in_a_sandbox_nothing_happens(vendor):
    reply = ask(vendor, {**GOOD, "mail_settings": {"sandbox_mode": {"enable": True}}})
    assert (reply.status, reply.headers, reply.body) == (200, (), b"")
    assert vendor.ledger.entries() == ()
    assert vendor.emitter.pending() == []


@pytest.mark.rows
def test_the_recipient_says_what_becomes_of_an_email(vendor, email, course, failure):
    document = {**to(email), "custom_args": {"order": "7", "hardpoint_key": "k", "email": "eve"}}
    assert ask(vendor, document).headers == (("x-message-id", "fake-000001"),)
    happened = told(vendor)
    assert [one.vendor_status for one in happened] == course
    assert happened[-1].failure is failure
    for one in happened:
        assert (one.email_id, one.to, one.at) == ("fake-000001", email, 1_700_000_000.0)
        assert (one.idempotency_key, one.metadata) == ("k", {"order": "7"})


def test_the_arguments_of_a_group_go_over_those_of_all(vendor):
    document = {
        **GOOD,
        "custom_args": {"order": "7", "kind": "all"},
        "personalizations": [
            {"to": [{"email": TO}], "custom_args": {"kind": "own"}},
            {"to": [{"email": "bob@customer.example"}]},
        ],
    }
    ask(vendor, document)
    happened = {one.to: one.metadata for one in told(vendor)}
    assert happened == {
        TO: {"order": "7", "kind": "own"},
        "bob@customer.example": {"order": "7", "kind": "all"},
    }


def test_who_complains_or_unsubscribes_gets_nothing_more(vendor):
    ask(vendor, to("complained@fake.example", TO))
    vendor.carry("fake-000001", TO, "open", "unsubscribe")
    assert len(told(vendor)) == 7
    ask(vendor, to("Complained@fake.example", TO, "bob@customer.example"))
    assert [(one.to, one.status) for one in told(vendor)] == [
        ("Complained@fake.example", DeliveryStatus.REJECTED),
        (TO, DeliveryStatus.REJECTED),
        ("bob@customer.example", DeliveryStatus.QUEUED),
        ("bob@customer.example", DeliveryStatus.DELIVERED),
    ]


def test_events_are_signed_and_their_order_does_not_matter(vendor, endpoint):
    shop = endpoint(scheme("sendgrid", secrets=[VERIFICATION_KEY], tolerance=300), 1_700_000_000)
    with FakeServer(shop) as server:
        ask(vendor, to(TO, "bounced@fake.example"))
        vendor.delivers = False
        ask(vendor, to("bob@customer.example"))
        for event in ("delivered", "deferred", "processed"):
            vendor.carry("fake-000002", "bob@customer.example", event)
        answers = vendor.emitter.deliver(server.url, Chaos(duplicates=1, shuffled=True))
        assert [one.status for one in answers] == [200] * 8
        statuses = {}
        for notification in shop.told:
            (event,) = events(notification.body)
            assert (event.event_id, event.vendor_status) == (notification.id, notification.type)
            known = statuses.get(event.to, DeliveryStatus.UNKNOWN)
            statuses[event.to] = merge(known, event.status)
        assert statuses == {
            TO: DeliveryStatus.DELIVERED,
            "bounced@fake.example": DeliveryStatus.BOUNCED,
            "bob@customer.example": DeliveryStatus.DELIVERED,
        }
        for chaos in (Chaos(forged=True), Chaos(late=301)):
            vendor.carry("fake-000002", "bob@customer.example", "open")
            assert [one.status for one in vendor.emitter.deliver(server.url, chaos)] == [401]
        assert shop.refused == ["signature_mismatch", "stale_timestamp"]


def test_another_key_opens_another_account():
    vendor = FakeSendGrid("SG.other")
    assert ask(vendor, GOOD).status == 401
    headers = {**HEADERS, "authorization": "Bearer SG.other"}
    assert ask(vendor, GOOD, headers=headers).status == 202
    assert [one.subject for one in vendor.mails.values()] == ["Hello"]
    assert vendor.ledger.count("email", recipients=[TO], subject="Hello") == 1
    vendor.emitter.close()

"""The fake behaves as documented; https://docs.stripe.com/api/idempotent_requests."""

import json
from urllib.parse import urlencode

import pytest

from hardpoint.fakes.messages import Received
from hardpoint.payments.types import RefundFailed
from hardpoint.providers.stripe import API_VERSION, reading
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.fake_objects import ObjectRefusedError

BOOK = {"amount": "1000", "currency": "eur"}
PAID = {
    **BOOK,
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "automatic_payment_methods[allow_redirects]": "never",
}
INTENTS = "/v1/payment_intents"


class Client:
    """Talks to a fake without a socket."""

    def __init__(self, vendor):
        self.vendor = vendor
        self.count = 0

    def __call__(self, method, path, form=(), key=None, **headers):
        self.count += 1
        given = {
            "authorization": f"Bearer {SECRET_KEY}",
            "stripe-version": API_VERSION,
            "idempotency-key": key or f"key-{self.count}",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        data = urlencode(dict(form))
        request = Received(
            method=method,
            target=path if method == "POST" else f"{path}?{data}",
            headers={name: value for name, value in given.items() if value},
            body=data.encode() if method == "POST" else b"",
        )
        reply = self.vendor.answer(request)
        return reply.status, json.loads(reply.body), dict(reply.headers)

    def code(self, *args, **options):
        """Status, and the code or type of the error."""
        status, body, _ = self(*args, **options)
        return status, body["error"].get("code") or body["error"]["type"]

    def create(self, form=PAID, **options):
        return self("POST", INTENTS, form, **options)[1]["id"]


@pytest.fixture
def ask(clock):
    vendor = FakeStripe(now=clock.now)
    yield Client(vendor)
    vendor.emitter.close()


def test_every_answer_names_its_request(ask):
    ids = [ask("POST", INTENTS, BOOK)[2]["request-id"] for _ in range(2)]
    assert ids == ["req_fake000001", "req_fake000002"]


@pytest.mark.rows
def test_a_missing_or_wrong_header_is_refused(ask, headers, status):
    assert ask("GET", INTENTS, **headers)[0] == status


def test_a_change_without_a_key_is_refused(ask):
    ask.count = 0
    request = Received(
        method="POST",
        target=INTENTS,
        headers={"authorization": f"Bearer {SECRET_KEY}", "stripe-version": API_VERSION},
        body=urlencode(BOOK).encode(),
    )
    assert ask.vendor.answer(request).status == 400


def test_the_first_answer_is_repeated_under_its_key(ask):
    first, again = (ask("POST", INTENTS, PAID, key="k") for _ in range(2))
    assert first[:2] == again[:2]
    assert "idempotent-replayed" not in first[2]
    assert again[2]["idempotent-replayed"] == "true"
    assert ask.vendor.ledger.count("charge") == 1


def test_a_failure_of_stripes_own_is_repeated_under_its_key_for_ever(ask):
    ask.vendor.failures = 1
    for _ in range(2):
        status, _, headers = ask("POST", INTENTS, PAID, key="k")
        assert (status, headers["stripe-should-retry"]) == (500, "false")
    assert ask.vendor.ledger.count("charge") == 0
    assert ask("POST", INTENTS, PAID, key="other")[0] == 200


def test_what_never_began_is_not_stored(ask):
    unknown = {**BOOK, "colour": "red"}
    assert ask.code("POST", INTENTS, unknown, key="k") == (400, "parameter_unknown")
    assert ask("POST", INTENTS, BOOK, key="k")[0] == 200


def test_a_key_with_other_parameters_is_refused(ask):
    ask("POST", INTENTS, BOOK, key="k")
    other = {**BOOK, "amount": "1100"}
    assert ask.code("POST", INTENTS, other, key="k") == (400, "idempotency_error")
    assert ask.code("POST", "/v1/refunds", BOOK, key="k") == (400, "idempotency_error")


def test_a_key_under_way_is_refused_for_now(ask):
    ask.vendor.keys_in_flight.add("k")
    assert ask.code("POST", INTENTS, BOOK, key="k") == (409, "idempotency_key_in_use")
    ask.vendor.keys_in_flight.clear()
    assert ask("POST", INTENTS, BOOK, key="k")[0] == 200


def test_a_key_is_forgotten_after_a_day(ask, clock):
    first = ask.create(key="k")
    clock.advance(24 * 3600 - 1)
    assert ask.create(key="k") == first
    clock.advance(1)
    assert ask.create(key="k") != first


@pytest.mark.rows
def test_bad_parameters_are_refused_and_nothing_is_made(ask, change, code):
    form = {name: value for name, value in {**PAID, **change}.items() if value is not None}
    assert ask.code("POST", INTENTS, form)[1] == code
    assert ask("GET", INTENTS)[1]["data"] == []


def test_a_redirect_may_come_when_there_is_a_way_back(ask):
    form = {**BOOK, "payment_method": "pm_card_visa", "confirm": "true", "return_url": "https://a"}
    assert ask("POST", INTENTS, form)[1]["status"] == "succeeded"


def test_a_challenge_without_a_way_back_stays_on_the_page(ask):
    form = {**PAID, "payment_method": "pm_card_authenticationRequired"}
    _, intent, _ = ask("POST", INTENTS, form)
    assert intent["next_action"]["type"] == "use_stripe_sdk"


def test_a_payment_with_means_may_be_confirmed_later(ask):
    form = {name: value for name, value in PAID.items() if name != "confirm"}
    _, intent, _ = ask("POST", INTENTS, form)
    assert intent["status"] == "requires_confirmation"
    assert ask("POST", f"{INTENTS}/{intent['id']}/confirm")[1]["status"] == "succeeded"


@pytest.mark.rows
def test_a_paid_payment_is_confirmed_captured_and_cancelled_no_more(ask, path, form, code):
    assert ask.code("POST", f"{INTENTS}/{ask.create()}/{path}", form)[1] == code


def test_more_than_is_there_is_neither_captured_nor_refunded(ask):
    reserved = ask.create({**PAID, "capture_method": "manual"})
    form = {"amount_to_capture": "1001"}
    assert ask.code("POST", f"{INTENTS}/{reserved}/capture", form)[1] == "amount_too_large"
    form = {"payment_intent": ask.create(), "amount": "1001"}
    assert ask.code("POST", "/v1/refunds", form)[1] == "amount_too_large"
    assert ask.code("POST", "/v1/refunds", {"payment_intent": reserved})[1] == (
        "payment_intent_unexpected_state"
    )
    assert ask.code("POST", "/v1/refunds", {})[1] == "resource_missing"


@pytest.mark.rows
def test_what_the_fake_does_not_imitate_is_not_there(ask, method, path):
    assert ask(method, path)[0] == 404


def test_lists_are_paged_newest_first_and_filtered(ask, clock):
    first = ask.create({**PAID, "customer": "cus_1"})
    clock.advance(10)
    second, third = ask.create(), ask.create()
    listed = lambda **form: [one["id"] for one in ask("GET", INTENTS, form)[1]["data"]]  # noqa: E731
    assert listed() == [third, second, first]
    assert listed(limit="1", starting_after=third) == [second]
    assert listed(customer="cus_1") == [first]
    assert listed(**{"created[gte]": str(int(clock.now()))}) == [third, second]
    assert ask("GET", INTENTS, {"limit": "2"})[1]["has_more"]
    assert not ask("GET", INTENTS, {"limit": "3"})[1]["has_more"]


def test_charges_are_shown_whole_when_asked_for(ask):
    identifier = ask.create()
    assert ask("GET", f"{INTENTS}/{identifier}")[1]["latest_charge"].startswith("ch_")
    form = {"expand[]": "latest_charge"}
    shown = ask("GET", f"{INTENTS}/{identifier}", form)[1]
    assert shown["latest_charge"]["amount_captured"] == 1000


def test_the_ledger_tells_every_movement(ask):
    identifier = ask.create({**PAID, "capture_method": "manual", "metadata[reference]": "order-1"})
    ask("POST", f"{INTENTS}/{identifier}/capture", {"amount_to_capture": "700"})
    ask("POST", "/v1/refunds", {"payment_intent": identifier, "amount": "200"})
    voided = ask.create(BOOK)
    ask("POST", f"{INTENTS}/{voided}/cancel")
    told = [(entry.kind, entry.facts.get("amount")) for entry in ask.vendor.ledger.entries()]
    assert told == [("charge", 1000), ("capture", 700), ("refund", 200), ("void", None)]
    assert ask.vendor.ledger.count("charge", reference="order-1") == 1


def test_events_tell_what_happened_in_order(ask):
    identifier = ask.create({**PAID, "capture_method": "manual"})
    ask("POST", f"{INTENTS}/{identifier}/capture")
    ask("POST", "/v1/refunds", {"payment_intent": identifier})
    emitted = ask.vendor.emitter.pending()
    assert [one.event_type for one in emitted] == [
        "payment_intent.created",
        "payment_intent.amount_capturable_updated",
        "payment_intent.succeeded",
        "charge.refunded",
    ]
    document = json.loads(emitted[3].body)
    assert document["id"] == emitted[3].event_id == "evt_fake000004"
    assert document["data"]["previous_attributes"] == {"amount_refunded": 0}


def test_a_refund_can_fail_and_leaves_the_money_where_it_was(ask):
    payment = ask("POST", INTENTS, PAID)[1]["id"]
    refund = ask("POST", "/v1/refunds", {"payment_intent": payment})[1]["id"]
    ask.vendor.emitter.pending()
    ask.vendor.account.fail_refund(refund)
    (told,) = ask.vendor.emitter.pending()
    failed = reading.event(told.body)
    assert isinstance(failed, RefundFailed)
    assert (failed.refund_id, failed.reason) == (refund, "lost_or_stolen_card")
    assert ask("POST", "/v1/refunds", {"payment_intent": payment})[0] == 200


def test_a_payment_can_be_disputed(ask):
    payment = ask("POST", INTENTS, PAID)[1]["id"]
    ask.vendor.emitter.pending()
    ask.vendor.account.dispute(payment, "created", "funds_withdrawn")
    ask.vendor.account.dispute(payment, "closed", status="lost")
    told = [reading.event(one.body) for one in ask.vendor.emitter.pending()]
    assert [one.status.value for one in told] == ["needs_response", "needs_response", "lost"]
    assert [one.withdrawn for one in told] == [None, True, None]
    assert {one.payment_id for one in told} == {payment}


PAGE = {
    "mode": "payment",
    "success_url": "https://shop.example/back",
    "line_items[0][price_data][currency]": "eur",
    "line_items[0][price_data][unit_amount]": "500",
    "line_items[0][price_data][product_data][name]": "A book",
    "line_items[0][quantity]": "2",
}


def test_a_declined_customer_tries_again_on_the_page(ask):
    page = ask("POST", "/v1/checkout/sessions", PAGE)[1]["id"]
    with pytest.raises(ObjectRefusedError):
        ask.vendor.pages.pay(page, "pm_card_visa_chargeDeclined")
    shown = ask("GET", f"/v1/checkout/sessions/{page}")[1]
    assert shown["status"] == "open"
    ask.vendor.pages.pay(page)
    with pytest.raises(ObjectRefusedError):
        ask.vendor.pages.pay(page)
    paid = ask("GET", f"/v1/checkout/sessions/{page}")[1]
    assert (paid["status"], paid["payment_intent"]) == ("complete", shown["payment_intent"])
    assert ask.vendor.ledger.count("charge") == 1
    assert [one.event_type for one in ask.vendor.emitter.pending()][-1] == (
        "checkout.session.completed"
    )


@pytest.mark.rows
def test_a_bad_page_is_refused(ask, change, param):
    form = {name: value for name, value in {**PAGE, **change}.items() if value is not None}
    status, body, _ = ask("POST", "/v1/checkout/sessions", form)
    assert (status, body["error"]["param"]) == (400, param)


KEEP = {
    "customer": "cus_fake000001",
    "payment_method": "pm_card_visa",
    "confirm": "true",
    "automatic_payment_methods[allow_redirects]": "never",
}


@pytest.mark.rows
def test_means_that_cannot_be_kept_are_refused(ask, change, param):
    ask("POST", "/v1/customers", {"email": "ann@customer.example"})
    form = {name: value for name, value in {**KEEP, **change}.items() if value is not None}
    _, body, _ = ask("POST", "/v1/setup_intents", form)
    assert body["error"]["param"] == param


def test_means_that_are_kept_are_charged_to_whose_they_are(ask):
    for email in ("ann@customer.example", "bob@customer.example"):
        ask("POST", "/v1/customers", {"email": email})
    kept = ask("POST", "/v1/setup_intents", KEEP)[1]["payment_method"]
    for customer, status in (("cus_fake000001", 200), ("cus_fake000002", 404)):
        form = {**PAID, "payment_method": kept, "customer": customer, "off_session": "true"}
        assert ask("POST", INTENTS, form)[0] == status

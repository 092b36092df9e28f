"""What is special about Square: what has no key there, and refunds told in numbers."""

import json

import msgspec
import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    ConflictError,
    InvalidRequestError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply
from hardpoint.http.auth import bearer
from hardpoint.payments.types import (
    Capture,
    CheckoutStatus,
    DisputeStatus,
    NewPayment,
    PaymentStatus,
    RefundStatus,
)
from hardpoint.providers.square import reading, wire
from hardpoint.webhooks import WebhookRequest, scheme

TEN = Money("10", "EUR")
GOOD = "cnon:card-nonce-ok"
PAYMENT = {
    "id": "p1",
    "status": "COMPLETED",
    "created_at": "2026-12-01T00:00:05Z",
    "amount_money": {"amount": 1000, "currency": "EUR"},
}


def reserve(account, driver):
    new = NewPayment(amount=TEN, payment_method=GOOD, capture=Capture.MANUAL)
    return account.do(driver.create_payment(new, idempotency_key="k")).id


def test_a_capture_whose_answer_was_lost_is_captured_once(account):
    driver = account.driver()
    payment = reserve(account, driver)
    taken = [account.do(driver.capture(payment, None, idempotency_key="c")) for _ in range(2)]
    assert [one.status for one in taken] == [PaymentStatus.SUCCEEDED] * 2
    assert account.vendor.ledger.count("capture") == 1
    with pytest.raises(ConflictError, match="the payment is COMPLETED"):
        account.do(driver.void(payment, idempotency_key="v"))


def test_a_refusal_that_the_state_does_not_explain_is_told_as_it_is(scripted):
    driver = scripted.driver()
    seen = scripted.vendor.received

    def answer(request):
        seen.append(request)
        if request.method == "GET":
            return FakeReply.json({"payment": PAYMENT | {"status": "APPROVED"}})
        return FakeReply.json({"errors": [{"code": "BAD_REQUEST", "detail": "Odd."}]}, 400)

    scripted.vendor.answer = answer
    with pytest.raises(InvalidRequestError, match="Odd"):
        scripted.do(driver.capture("p1", None, idempotency_key="k"))
    assert [one.method for one in seen] == ["POST", "GET"]


def test_all_that_is_left_is_refunded_once_however_often_its_answer_is_lost(account):
    driver = account.driver()
    new = NewPayment(amount=TEN, payment_method=GOOD)
    payment = account.do(driver.create_payment(new, idempotency_key="k")).id
    for amount, key in ((Money("4", "EUR"), "a"), (None, "rest"), (None, "rest")):
        refund = account.do(driver.refund(payment, amount, reason=None, idempotency_key=key))
    assert refund.amount == Money("6", "EUR")
    assert account.vendor.ledger.count("refund") == 2
    with pytest.raises(ConflictError, match="nothing is left"):
        account.do(driver.refund(payment, None, reason=None, idempotency_key="more"))


def test_where_no_refund_is_named_the_whole_is_asked_for_again(scripted):
    asked = []

    def answer(request):
        if request.method == "GET":
            gone = {"refunded_money": {"amount": 1000, "currency": "EUR"}}
            return FakeReply.json({"payment": PAYMENT | gone})
        asked.append(request.json())
        refund = {"id": "r1", "payment_id": "p1", "amount_money": PAYMENT["amount_money"]}
        return FakeReply.json({"refund": refund})

    scripted.vendor.answer = answer
    refund = scripted.do(scripted.driver().refund("p1", None, reason=None, idempotency_key="k"))
    assert asked[0]["amount_money"] == {"amount": 1000, "currency": "EUR"}
    assert refund.status is RefundStatus.UNKNOWN


@pytest.mark.parametrize("ours", [400, 600])
def test_the_refund_of_a_key_is_found_by_its_amount_whichever_came_last(scripted, ours):
    amounts = {"r1": 400, "r2": 600}
    asked = []

    def refund_of(name):
        money = {"amount": amounts[name], "currency": "EUR"}
        return {"refund": {"id": name, "payment_id": "p1", "amount_money": money}}

    def answer(request):
        if request.method == "GET" and "refunds" in request.path:
            return FakeReply.json(refund_of(request.path[-2:]))
        if request.method == "GET":
            gone = {"amount": 1000, "currency": "EUR"}
            payment = PAYMENT | {"refunded_money": gone, "refund_ids": ["r1", "r2"]}
            return FakeReply.json({"payment": payment})
        asked.append(request.json()["amount_money"]["amount"])
        if asked[-1] != ours:
            return FakeReply.json({"errors": [{"code": "IDEMPOTENCY_KEY_REUSED"}]}, 400)
        return FakeReply.json(refund_of("r1" if ours == 400 else "r2"))

    scripted.vendor.answer = answer
    refund = scripted.do(scripted.driver().refund("p1", None, reason=None, idempotency_key="k"))
    assert refund.amount == Money(str(ours // 100), "EUR")
    assert asked[-1] == ours


def test_what_a_browser_has_verified_is_paid(account):
    new = NewPayment(
        amount=TEN,
        payment_method="cnon:card-nonce-requires-verification",
        extra={"verification_token": "verf:1"},
    )
    payment = account.do(account.driver().create_payment(new, idempotency_key="k"))
    assert payment.status is PaymentStatus.SUCCEEDED


def test_nothing_stays_open_to_be_confirmed(scripted):
    confirm = scripted.driver().confirm_payment(
        "p1", payment_method=GOOD, return_url=None, extra={}, idempotency_key="k"
    )
    with pytest.raises(UnsupportedError):
        scripted.do(confirm)
    assert not scripted.vendor.received


def test_another_sellers_token_may_come_from_elsewhere(scripted):
    scripted.vendor.reply = FakeReply.json({"payment": PAYMENT})
    driver = scripted.driver(access_token=bearer(Secret.value("theirs")))
    scripted.do(driver.get_payment("p1"))
    assert scripted.vendor.received[0].headers["authorization"] == "Bearer theirs"


def payment(**more):
    return reading.payment(msgspec.convert(PAYMENT | more, wire.Payment))


@pytest.mark.rows
def test_a_status_we_do_not_know_is_no_success(theirs, ours):
    read = payment(status=theirs)
    assert (read.status, read.vendor_status) == (ours, theirs)
    assert bool(read.captured) is (ours is PaymentStatus.SUCCEEDED)


def test_a_tip_is_taken_too_and_a_failure_has_its_reason():
    read = payment(total_money={"amount": 1100, "currency": "EUR"})
    assert (read.amount, read.captured) == (Money("11", "EUR"),) * 2
    failed = payment(status="FAILED", card_details={"errors": [{"code": "INSUFFICIENT_FUNDS"}]})
    assert failed.decline == "insufficient_funds"
    assert payment(status="FAILED").decline == "declined"


def test_a_currency_that_is_not_known_is_an_unexpected_answer():
    with pytest.raises(UnexpectedResponseError) as caught:
        payment(amount_money={"amount": 5, "currency": "XXX"})
    assert not caught.value.outcome_known


def test_a_refund_of_no_payment_is_an_unexpected_answer():
    found = {"id": "r1", "amount_money": {"amount": 5, "currency": "EUR"}}
    with pytest.raises(UnexpectedResponseError):
        reading.refund(msgspec.convert(found, wire.Refund))


@pytest.mark.rows
def test_a_page_is_as_far_as_its_order(state, tenders, status, paid):
    link = wire.PaymentLink(id="l1", order_id="o1")
    order = {"id": "o1", "state": state, "tenders": tenders}
    order["total_money"] = PAYMENT["amount_money"]
    page = reading.checkout(link, msgspec.convert(order, wire.Order))
    assert (page.status, page.payment_id) == (CheckoutStatus(status), paid)


def told(event_type, **about):
    event = {"type": event_type, "event_id": "e", "data": {"object": about}}
    return reading.event(json.dumps(event).encode())


@pytest.mark.rows
def test_what_tells_of_no_change_of_ours_says_nothing(event_type, about):
    given = {name: PAYMENT | one if name == "payment" else one for name, one in about.items()}
    assert told(event_type, **given) is None


DISPUTE = {"id": "d1", "state": "LOST", "amount_money": {"amount": 500, "currency": "EUR"}}


@pytest.mark.rows
def test_a_dispute_says_how_far_it_is(state, status, inquiry):
    found = told(
        "dispute.state.updated",
        dispute=DISPUTE | {"state": state, "disputed_payment": {"payment_id": "p1"}},
    )
    assert (found.status, found.inquiry) == (DisputeStatus(status), inquiry)
    assert (found.vendor_status, found.respond_by) == (state, None)


@pytest.mark.parametrize("event_type", ["payment.created", "refund.updated", "dispute.created"])
def test_an_event_without_what_it_is_about_is_in_no_shape_we_know(event_type):
    with pytest.raises(ValueError, match="does not hold"):
        told(event_type)
    with pytest.raises(ValueError, match=r"."):
        reading.event(json.dumps({"type": event_type}).encode())


def test_the_address_is_signed_letter_by_letter():
    url = "https://shop.example/webhooks/square?a=1"
    body = b'{"event_id":"e","type":"a"}'
    bound = scheme("square", secrets=["key"], url=url)
    headers = bound.sign(body, now=0, event_id="", event_type="")
    request = WebhookRequest(headers=headers, body=body)
    assert bound.verify(request, now=0).events[0].id == "e"
    assert "letter" in bound.clue(request)
    for other in (
        url.replace("shop", "Shop"),
        f"{url}/",
        url.replace("https", "http"),
        url.replace("?a=1", ""),
    ):
        wrong = scheme("square", secrets=["key"], url=other)
        with pytest.raises(Exception, match="signature") as caught:
            wrong.verify(request, now=0)
        assert type(caught.value).__name__ == "SignatureMismatchError"
    with pytest.raises(ConfigurationError):
        scheme("square", secrets=["key"], url="shop.example")

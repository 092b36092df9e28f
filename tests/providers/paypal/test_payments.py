"""What is PayPal's alone: ids of three steps, keys that compare nothing, 201 with a decline."""

import json
from functools import partial

import msgspec
import pytest

from hardpoint.core.errors import (
    ConflictError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.core.money import Money
from hardpoint.fakes.messages import FakeReply
from hardpoint.payments import (
    Capture,
    CheckoutItem,
    CheckoutStatus,
    DisputeStatus,
    NewCheckout,
    NewCustomer,
    NewPayment,
    PaymentStatus,
    RefundReason,
    RefundStatus,
)
from hardpoint.providers.paypal import reading, wire

TEN = Money("10", "EUR")
FOUR = Money("4", "EUR")
BACK = "https://shop.example/back"
AMOUNT = {"currency_code": "EUR", "value": "10.00"}
WHEN = "2026-12-01T00:00:00Z"


def new(token="vault-good", **facts):
    return NewPayment(**{"amount": TEN, "payment_method": f"card:{token}", **facts})


def page(amount=TEN, **facts):
    item = CheckoutItem(name="A", amount=amount)
    return NewCheckout(**{"items": (item,), "amount": amount, "success_url": BACK, **facts})


@pytest.fixture
def reserved(account):
    """A driver, and a payment that is reserved."""
    driver = account.driver()
    made = driver.create_payment(new(capture=Capture.MANUAL), idempotency_key="k")
    return driver, account.do(made)


def confirm(driver, payment_id, key="c"):
    return driver.confirm_payment(
        payment_id, payment_method=None, return_url=None, extra={}, idempotency_key=key
    )


def refund(driver, payment_id, amount=None, key="r", reason=None):
    return driver.refund(payment_id, amount, reason=reason, idempotency_key=key)


# Ids


def test_every_older_id_of_a_payment_is_understood(account, reserved):
    driver, payment = reserved
    assert payment.id.startswith("auth-")
    taken = account.do(driver.capture(payment.id, FOUR, idempotency_key="c"))
    order = next(iter(account.vendor.account._orders))
    for known in (payment.id, f"order-{order}", taken.id):
        found = account.do(driver.get_payment(known))
        assert (found.id, found.captured, found.status) == (taken.id, FOUR, "succeeded")
    assert account.do(refund(driver, payment.id)).payment_id == taken.id
    assert account.do(driver.get_payment(payment.id)).refunded == FOUR


def test_what_is_further_than_that_is_not_done_again(account, reserved):
    driver, payment = reserved
    with pytest.raises(ConflictError, match="further than that"):
        account.do(confirm(driver, payment.id))
    with pytest.raises(ConflictError, match="nothing was taken"):
        account.do(refund(driver, payment.id))
    taken = account.do(driver.capture(payment.id, None, idempotency_key="c"))
    for verb in (partial(driver.capture, taken.id, None), partial(driver.void, taken.id)):
        with pytest.raises(ConflictError, match="captured before"):
            account.do(verb(idempotency_key="x"))
    with pytest.raises(ConflictError, match="PREVIOUSLY_CAPTURED"):
        account.do(driver.void(payment.id, idempotency_key="v"))


def test_an_order_that_nobody_approved_is_neither_taken_nor_let_go(account):
    driver = account.driver()
    made = account.do(driver.create_checkout(page(), idempotency_key="k"))
    order = f"order-{made.id}"
    found = account.do(driver.get_payment(order))
    assert (found.status, found.next_action.url) == (PaymentStatus.REQUIRES_ACTION, made.url)
    with pytest.raises(ConflictError, match="ORDER_NOT_APPROVED"):
        account.do(confirm(driver, order))
    for verb in (partial(driver.capture, order, None), partial(driver.void, order)):
        with pytest.raises(ConflictError, match="nothing is reserved"):
            account.do(verb(idempotency_key="x"))


def test_who_is_declined_goes_back_to_the_page(account):
    driver = account.driver()
    made = account.do(driver.create_checkout(page(), idempotency_key="k"))
    order = f"order-{made.id}"
    account.vendor.account.approve(made.id, "vault-refused")
    with pytest.raises(DeclinedError) as caught:
        account.do(confirm(driver, order))
    assert caught.value.soft
    assert account.do(driver.get_checkout(made.id)).status is CheckoutStatus.OPEN
    account.vendor.account.approve(made.id)
    assert account.do(confirm(driver, order, "again")).captured == TEN


def test_an_order_whose_capture_was_declined_is_completed_and_unpaid(account):
    driver = account.driver()
    made = account.do(driver.create_checkout(page(), idempotency_key="k"))
    account.vendor.account.approve(made.id, "CCREJECT-IF")
    for key in ("one", "two"):
        with pytest.raises(DeclinedError) as caught:
            account.do(confirm(driver, f"order-{made.id}", key))
        assert (caught.value.reason, caught.value.vendor_code) == ("insufficient_funds", "5120")
    done = account.do(driver.get_checkout(made.id))
    assert done.status is CheckoutStatus.COMPLETED
    paid = account.do(driver.get_payment(done.payment_id))
    assert (paid.status, paid.decline, bool(paid.captured)) == ("failed", "insufficient_funds", 0)
    assert not account.vendor.ledger.count("charge")


def test_a_reservation_may_be_declined_too(account):
    driver = account.driver()
    declined = new("CCREJECT-EC", capture=Capture.MANUAL)
    with pytest.raises(DeclinedError) as caught:
        account.do(driver.create_payment(declined, idempotency_key="k"))
    assert caught.value.reason == "expired"


# Keys


def test_a_key_that_was_used_for_another_amount_is_noticed(account, reserved):
    driver, payment = reserved
    account.do(driver.capture(payment.id, TEN, idempotency_key="c"))
    with pytest.raises(IdempotencyConflictError):
        account.do(driver.capture(payment.id, FOUR, idempotency_key="c"))
    taken = account.do(driver.get_payment(payment.id)).id
    account.do(refund(driver, taken, FOUR))
    with pytest.raises(IdempotencyConflictError):
        account.do(refund(driver, taken, Money("5", "EUR")))
    with pytest.raises(IdempotencyConflictError):
        account.do(driver.create_payment(new(reference="another"), idempotency_key="k"))
    assert account.vendor.ledger.count("refund") == account.vendor.ledger.count("capture") == 1


@pytest.mark.parametrize(
    ("kind", "call"),
    [
        ("captures", lambda driver: refund(driver, "c1", TEN)),
        ("captures", lambda driver: refund(driver, "c1", None)),
        ("authorizations", lambda driver: driver.capture("auth-c1", None, idempotency_key="k")),
    ],
)
def test_what_a_key_has_done_to_another_payment_is_not_taken_for_this_ones(scripted, kind, call):
    link = {"rel": "up", "href": f"https://api.paypal.example/v2/payments/{kind}/other"}
    scripted.vendor.reply = FakeReply.json(PART | {"links": [link]}, 201)
    with pytest.raises(IdempotencyConflictError):
        scripted.do(call(scripted.driver()))


def test_a_token_that_ended_is_replaced_and_the_call_is_sent_once_more(account):
    driver = account.driver()
    account.do(driver.create_payment(new(), idempotency_key="k"))
    account.vendor.end_tokens()
    account.do(driver.create_payment(new(), idempotency_key="l"))
    assert account.vendor.ledger.count("token") == account.vendor.ledger.count("charge") == 2


# What is sent


@pytest.mark.parametrize(
    ("amount", "value"),
    [
        (Money("0.01", "EUR"), "0.01"),
        (Money("19.9", "USD"), "19.90"),
        (Money("99999999.99", "USD"), "99999999.99"),
        *[(Money("500", currency), "500") for currency in ("JPY", "HUF", "TWD")],
    ],
    ids=str,
)
def test_amounts_are_decimals_as_many_as_the_currency_has(account, amount, value):
    paid = account.do(account.driver().create_payment(new(amount=amount), idempotency_key="k"))
    assert (paid.amount, paid.captured) == (amount, amount)
    [charge] = account.vendor.ledger.entries("charge")
    assert charge.facts["value"] == value


def test_nobody_is_told_that_they_are_a_fraud(account):
    driver = account.driver()
    paid = account.do(driver.create_payment(new(), idempotency_key="k"))
    told = account.vendor.account._parts["refunds"]
    for reason, note in ((RefundReason.FRAUDULENT, None), (RefundReason.DUPLICATE, "duplicate")):
        found = account.do(refund(driver, paid.id, FOUR, reason.value, reason))
        assert told[found.id]["note_to_payer"] == note


def test_extras_go_beside_what_is_set_and_not_in_its_place(account):
    driver = account.driver()
    brand = {"payment_source": {"paypal": {"experience_context": {"brand_name": "Shop"}}}}
    account.do(driver.create_checkout(page(extra=brand), idempotency_key="k"))
    with pytest.raises(InvalidRequestError, match="is set by the port"):
        account.do(driver.create_checkout(page(extra={"intent": "AUTHORIZE"}), idempotency_key="l"))


@pytest.mark.parametrize("method", ["vault-good", "card:", "cheque:1", None])
def test_means_are_named_with_their_kind(scripted, method):
    with pytest.raises(InvalidRequestError) as caught:
        scripted.do(
            scripted.driver().create_payment(
                NewPayment(amount=TEN, payment_method=method), idempotency_key="k"
            )
        )
    assert caught.value.field == "payment_method"
    assert not scripted.vendor.received


def test_what_it_cannot_do_is_not_sent(scripted):
    driver = scripted.driver()
    for call in (
        driver.create_customer(NewCustomer(reference="c"), idempotency_key="k"),
        driver.save_method("c", "m", idempotency_key="k"),
        driver.list_payments(since=0, cursor=None),
    ):
        with pytest.raises(UnsupportedError):
            scripted.do(call)
    assert not scripted.vendor.received


def test_paypal_may_be_asked_whether_it_sent_an_event(account):
    driver = account.driver()
    account.do(driver.create_payment(new(), idempotency_key="k"))
    [told] = account.vendor.emitter.pending()
    headers, body = dict(account.vendor.emitter.headers(told)), told.body
    webhook = "8FAKE00000000000W"
    ask = driver.verify_event
    assert account.do(ask(headers, body, webhook))
    assert not account.do(ask(headers, body, "another"))
    assert not account.do(ask(headers, body.replace(b"10.00", b"99.00"), webhook))
    before = account.server.requests
    assert not account.do(ask(headers, b'{},"webhook_id":"x"', webhook))
    assert not account.do(ask({}, body, webhook))
    assert account.server.requests == before


# What is read


PART = {"id": "c1", "status": "COMPLETED", "amount": AMOUNT, "create_time": WHEN}


def part(**facts):
    return msgspec.convert(PART | facts, wire.Part)


def order(status="COMPLETED", payments=None, **facts):
    unit = {"amount": AMOUNT} | ({"payments": payments} if payments else {})
    return msgspec.convert(
        {"id": "o1", "status": status, "purchase_units": [unit], **facts}, wire.Order
    )


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("COMPLETED", "succeeded"),
        ("REFUNDED", "succeeded"),
        ("PARTIALLY_REFUNDED", "succeeded"),
        ("PENDING", "processing"),
        ("DECLINED", "failed"),
        ("FAILED", "failed"),
        ("SOMETHING_NEW", "unknown"),
    ],
)
def test_a_status_of_a_capture_that_we_do_not_know_is_no_success(theirs, ours):
    found = reading.captured(part(status=theirs), None)
    assert (found.status, found.vendor_status) == (ours, theirs)
    assert bool(found.captured) is (ours == "succeeded")


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("CREATED", "authorized"),
        ("PENDING", "processing"),
        ("DENIED", "failed"),
        ("VOIDED", "voided"),
        ("SOMETHING_NEW", "unknown"),
    ],
)
def test_a_status_of_a_reservation_is_read(theirs, ours):
    assert reading.authorized(part(status=theirs)).status == ours


@pytest.mark.parametrize(
    ("theirs", "checkout", "payment"),
    [
        ("CREATED", "open", "requires_payment_method"),
        ("SAVED", "open", "requires_payment_method"),
        ("PAYER_ACTION_REQUIRED", "open", "requires_action"),
        ("APPROVED", "approved", "requires_confirmation"),
        ("COMPLETED", "completed", "unknown"),
        ("VOIDED", "expired", "voided"),
        ("SOMETHING_NEW", "unknown", "unknown"),
    ],
)
def test_an_order_says_how_far_page_and_payment_are(theirs, checkout, payment):
    found = order(theirs)
    assert reading.checkout(found).status == checkout
    read = reading.payment(found)
    assert (read.status, bool(read.captured), read.next_action) == (payment, False, None)


def test_an_order_of_several_units_is_none_of_ours():
    found = msgspec.convert({"id": "o", "status": "CREATED", "purchase_units": []}, wire.Order)
    with pytest.raises(UnexpectedResponseError):
        reading.payment(found)


def test_a_capture_that_came_after_a_declined_one_counts():
    tries = [
        PART | {"id": "c0", "status": "DECLINED"},
        PART,
        PART | {"id": "c2", "status": "FAILED"},
    ]
    assert reading.payment(order(payments={"captures": tries})).id == "c1"
    assert reading.payment(order(payments={"captures": tries[:1]})).id == "c0"
    held = [PART | {"id": "a1", "status": "CREATED"}]
    assert reading.payment(order(payments={"authorizations": held})).id == "auth-a1"


def test_what_went_back_in_parts_the_order_says(scripted):
    up = [{"rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/c1"}]
    other = [{"rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/c9"}]
    one = {"currency_code": "EUR", "value": "1.50"}
    refunds = [
        PART | {"id": "r1", "amount": one, "links": up},
        PART | {"id": "r2", "amount": one, "status": "PENDING"},
        PART | {"id": "r3", "amount": one, "status": "FAILED", "links": up},
        PART | {"id": "r4", "amount": one, "links": other},
    ]
    taken = PART | {"status": "PARTIALLY_REFUNDED"}
    unit = {"amount": AMOUNT, "payments": {"captures": [taken], "refunds": refunds}}
    above = [{"rel": "up", "href": "https://api-m.paypal.com/v2/checkout/orders/o1"}]

    def answer(request):
        if request.path == scripted.vendor.token_path:
            return FakeReply.json({"access_token": "t"})
        if "orders" in request.path:
            found = {"id": "o1", "status": "COMPLETED", "purchase_units": [unit]}
            return FakeReply.json(found)
        return FakeReply.json(taken | ({} if request.path.endswith("c2") else {"links": above}))

    scripted.vendor.answer = answer
    found = scripted.do(scripted.driver().get_payment("c1"))
    assert found.refunded == Money("3", "EUR")
    with pytest.raises(UnexpectedResponseError, match="belongs to no order"):
        scripted.do(scripted.driver().get_payment("c2"))


def test_a_void_without_a_body_is_read_again(scripted):
    voided = PART | {"id": "a1", "status": "VOIDED"}

    def answer(request):
        if request.path == scripted.vendor.token_path:
            return FakeReply.json({"access_token": "t"})
        return FakeReply(status=204) if request.method == "POST" else FakeReply.json(voided)

    scripted.vendor.answer = answer
    found = scripted.do(scripted.driver().void("auth-a1", idempotency_key="v"))
    assert (found.id, found.status) == ("auth-a1", PaymentStatus.VOIDED)


def test_a_capture_that_is_declined_is_a_decline(scripted):
    scripted.vendor.reply = FakeReply.json(PART | {"status": "DECLINED"}, 201)
    with pytest.raises(DeclinedError) as caught:
        scripted.do(scripted.driver().capture("auth-a1", None, idempotency_key="c"))
    assert (caught.value.reason, caught.value.soft) == ("declined", False)


def test_a_refund_is_of_a_payment():
    with pytest.raises(UnexpectedResponseError):
        reading.refund(part())
    assert reading.refund(part(status="CANCELLED"), "c1").status is RefundStatus.FAILED
    assert reading.refund(part(status="SOMETHING_NEW"), "c1").status is RefundStatus.UNKNOWN


@pytest.mark.parametrize(
    "amount",
    [
        {"value": "ten", "currency_code": "EUR"},
        {"value": "1", "currency_code": "XXX"},
        {"value": "1.001", "currency_code": "EUR"},
    ],
)
def test_an_amount_that_is_none_is_an_unexpected_answer(amount):
    with pytest.raises(UnexpectedResponseError) as caught:
        reading.money(msgspec.convert(amount, wire.Amount))
    assert not caught.value.outcome_known


def told(event_type, resource):
    return reading.event(json.dumps({"event_type": event_type, "resource": resource}).encode())


def test_what_is_not_taken_is_no_success_whatever_its_event_is_called():
    assert told("PAYMENT.CAPTURE.COMPLETED", PART | {"status": "PENDING"}) is None
    assert told("PAYMENT.CAPTURE.COMPLETED", PART | {"status": "SOMETHING_NEW"}) is None


@pytest.mark.parametrize("event_type", ["PAYMENT.CAPTURE.PENDING", "CHECKOUT.ORDER.COMPLETED"])
def test_what_tells_of_no_change_of_ours_says_nothing(event_type):
    assert told(event_type, {"any": "thing"}) is None


def test_refunds_and_disputes_of_nothing_that_we_took_say_nothing():
    assert told("PAYMENT.CAPTURE.REFUNDED", PART) is None
    assert told("PAYMENT.REFUND.FAILED", PART) is None
    dispute = {"dispute_id": "d", "status": "OPEN", "dispute_amount": AMOUNT}
    assert told("CUSTOMER.DISPUTE.CREATED", dispute) is None
    named = {"disputed_transactions": [{"buyer_transaction_id": "b"}]}
    assert told("CUSTOMER.DISPUTE.CREATED", dispute | named) is None


@pytest.mark.parametrize(
    ("status", "outcome", "ours"),
    [
        ("OPEN", None, DisputeStatus.UNDER_REVIEW),
        ("WAITING_FOR_SELLER_RESPONSE", None, DisputeStatus.NEEDS_RESPONSE),
        ("WAITING_FOR_BUYER_RESPONSE", None, DisputeStatus.UNDER_REVIEW),
        ("UNDER_REVIEW", None, DisputeStatus.UNDER_REVIEW),
        ("OTHER", None, DisputeStatus.UNKNOWN),
        ("RESOLVED", "RESOLVED_SELLER_FAVOUR", DisputeStatus.WON),
        ("RESOLVED", "RESOLVED_BUYER_FAVOUR", DisputeStatus.LOST),
        ("RESOLVED", "RESOLVED_WITH_PAYOUT", DisputeStatus.CLOSED),
        ("RESOLVED", "CANCELED_BY_BUYER", DisputeStatus.CLOSED),
        ("RESOLVED", None, DisputeStatus.CLOSED),
        ("RESOLVED", "SOMETHING_NEW", DisputeStatus.UNKNOWN),
    ],
)
def test_a_dispute_says_how_far_it_is(status, outcome, ours):
    dispute = {
        "dispute_id": "d",
        "status": status,
        "dispute_amount": AMOUNT,
        "dispute_life_cycle_stage": "INQUIRY",
        "disputed_transactions": [{"seller_transaction_id": "c1"}],
    } | ({"dispute_outcome": {"outcome_code": outcome}} if outcome else {})
    found = told("CUSTOMER.DISPUTE.UPDATED", dispute)
    assert (found.status, found.payment_id, found.inquiry) == (ours, "c1", True)
    assert found.respond_by is None


def test_what_is_not_there_is_not_found(account):
    driver = account.driver()
    for known in ("nothing", "auth-nothing", "order-nothing"):
        with pytest.raises(NotFoundError):
            account.do(driver.get_payment(known))
    with pytest.raises(NotFoundError):
        account.do(driver.create_payment(new("no-such-token"), idempotency_key="k"))

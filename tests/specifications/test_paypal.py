"""PayPal's orders and payments, by `checkout_orders_v2.json` and `payments_payment_v2.json`."""

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import DeclinedError, HardpointError
from hardpoint.core.money import Money
from hardpoint.payments import Capture, CheckoutItem, PaymentGateway, RefundReason
from hardpoint.providers.paypal.fake import FakePayPal
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.conformance.served import driver_of

TEN = Money("10", "EUR")
GOOD = "card:vault-good"
BACK = "https://shop.example/back?a=1"
BOOK = CheckoutItem(name="A book", amount=Money("3.33", "EUR"), quantity=2)


@pytest.fixture(scope="module")
def check(specification):
    known = {
        "checkout": specification("checkout_orders_v2.json"),
        "payments": specification("payments_payment_v2.json"),
    }

    def checked(seen, wanted):
        ours = [one for one in seen if one[0].path.startswith("/v2/")]
        assert len(ours) == wanted
        for request, reply in ours:
            known[request.path.split("/")[2]].check(request, reply)

    return checked


@pytest.fixture
def account(mode, watched):
    vendor = FakePayPal(optional_fields=False)  # neither has fields that are null
    url, seen = watched(vendor)
    driver = driver_of(vendor, mode.transport(), url)
    port = mode.port(PaymentGateway(driver, Connection("shop", mode.runtime)), BlockingGateway)
    yield port, seen, vendor.account
    vendor.emitter.close()


def test_a_page_is_made_approved_and_taken_as_paypal_says(mode, account, check):
    port, seen, bank = account
    for what in ({"amount": TEN, "description": "Ten"}, {"items": [BOOK], "reference": "order-1"}):
        page = mode.do(port.create_checkout(**what, success_url=BACK, cancel_url=BACK))
        bank.approve(page.id.partition(":")[2])
        page = mode.do(port.get_checkout(page.id))
        mode.do(port.get_payment(page.payment_id))
        mode.do(port.confirm_payment(page.payment_id))
    check(seen, 8)


def test_what_is_reserved_is_captured_or_let_go_as_paypal_says(mode, account, check):
    port, seen, _ = account
    for part in (None, Money("4", "EUR")):
        held = mode.do(port.create_payment(TEN, payment_method=GOOD, capture=Capture.MANUAL))
        mode.do(port.get_payment(held.id))
        mode.do(port.capture(held.id, part))
    held = mode.do(port.create_payment(TEN, payment_method=GOOD, capture=Capture.MANUAL))
    mode.do(port.void(held.id))
    check(seen, 9)


def test_what_is_taken_is_given_back_as_paypal_says(mode, account, check):
    port, seen, _ = account
    paid = mode.do(port.create_payment(TEN, payment_method=GOOD, reference="o", description="d"))
    reason = RefundReason.REQUESTED_BY_CUSTOMER
    given = mode.do(port.refund(paid.id, Money("4", "EUR"), reason=reason))
    mode.do(port.get_refund(given.id))
    mode.do(port.get_payment(paid.id))
    mode.do(port.refund(paid.id))
    with pytest.raises(DeclinedError):
        mode.do(port.create_payment(TEN, payment_method="card:CCREJECT-IF"))
    check(seen, 7)


def test_what_paypal_does_not_know_is_noticed(mode, account, check):
    """That the others pass means something."""
    port, seen, _ = account
    odd = {"paypal": {"no_such_thing": 1}}
    with pytest.raises(HardpointError):
        mode.do(port.create_payment(TEN, payment_method=GOOD, extra=odd))
    with pytest.raises(AssertionError, match="no_such_thing"):
        check(seen, 1)

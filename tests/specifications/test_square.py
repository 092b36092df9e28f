"""Square's payments, refunds, links, customers and cards, by `square.json`."""

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import HardpointError
from hardpoint.core.money import Money
from hardpoint.payments import Capture, CheckoutItem, PaymentGateway, RefundReason
from hardpoint.providers.square.fake import FakeSquare
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.conformance.served import driver_of

TEN = Money("10", "EUR")
GOOD = "cnon:card-nonce-ok"
BACK = "https://shop.example/back?a=1"
BOOK = CheckoutItem(name="A book", amount=Money("3.33", "EUR"), quantity=2)


@pytest.fixture(scope="module")
def check(specification):
    known = specification("square.json")

    def checked(seen, wanted):
        assert len(seen) == wanted
        for request, reply in seen:
            known.check(request, reply)

    return checked


@pytest.fixture
def account(mode, watched):
    vendor = FakeSquare(optional_fields=False)  # neither has fields that are null
    url, seen = watched(vendor)
    driver = driver_of(vendor, mode.transport(), url)
    port = mode.port(PaymentGateway(driver, Connection("shop", mode.runtime)), BlockingGateway)
    yield port, seen, vendor.account
    vendor.emitter.close()


def test_payments_are_taken_reserved_and_let_go_as_square_says(mode, account, check):
    port, seen, _ = account
    paid = mode.do(port.create_payment(TEN, payment_method=GOOD, reference="o", description="d"))
    mode.do(port.get_payment(paid.id))
    for verb in (port.capture, port.void):
        held = mode.do(port.create_payment(TEN, payment_method=GOOD, capture=Capture.MANUAL))
        mode.do(verb(held.id))
    mode.do(port.find(since=0, reference="o"))
    check(seen, 7)


def test_what_is_taken_is_given_back_as_square_says(mode, account, check):
    port, seen, _ = account
    paid = mode.do(port.create_payment(TEN, payment_method=GOOD))
    reason = RefundReason.REQUESTED_BY_CUSTOMER
    given = mode.do(port.refund(paid.id, Money("4", "EUR"), reason=reason))
    mode.do(port.get_refund(given.id))
    mode.do(port.refund(paid.id))
    check(seen, 5)


def test_pages_are_made_as_square_says(mode, account, check):
    port, seen, bank = account
    for what in ({"amount": TEN, "description": "Ten"}, {"items": [BOOK], "reference": "order-1"}):
        page = mode.do(port.create_checkout(**what, success_url=BACK))
        bank.pay_on_page(page.id.partition(":")[2])
        mode.do(port.get_checkout(page.id))
    check(seen, 8)


def test_cards_are_kept_and_charged_as_square_says(mode, account, check):
    port, seen, _ = account
    customer = mode.do(
        port.create_customer(email="ann@customer.example", name="Ann", reference="c")
    )
    saved = mode.do(port.save_method(customer.id, GOOD))
    given = {"payment_method": saved.id, "customer": customer.id, "off_session": True}
    mode.do(port.create_payment(TEN, **given))
    check(seen, 3)


def test_what_square_does_not_know_is_noticed(mode, account, check):
    """That the others pass means something."""
    port, seen, _ = account
    odd = {"square": {"no_such_thing": 1}}
    with pytest.raises(HardpointError):
        mode.do(port.create_payment(TEN, payment_method=GOOD, extra=odd))
    with pytest.raises(AssertionError, match="no_such_thing"):
        check(seen, 1)

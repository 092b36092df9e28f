"""Every request to Stripe, held to Stripe's own specification; every answer, read.

stripe-mock refuses what its specification does not allow: an unknown parameter, a value of another
type, one that is missing. It keeps no state: what it answers are Stripe's own examples.
"""

import httpx2
import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import OutcomeUnknownError, UnexpectedResponseError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.payments import Capture, PaymentGateway
from hardpoint.payments.types import CheckoutItem, PaymentStatus, RefundReason, RefundStatus
from hardpoint.providers.stripe import API_VERSION, Stripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.sync.payments import PaymentGateway as BlockingGateway

TEN = Money("10", "EUR")
KEY = "sk_test_123"
CREATED = {
    "bare": {},
    "in a currency without decimals": {"amount": Money("500", "JPY")},
    "in a currency with three": {"amount": Money("1.230", "KWD")},
    "with a card": {"payment_method": "pm_card_visa"},
    "with a page to come back to": {
        "payment_method": "pm_card_visa",
        "return_url": "https://shop.example/back?order=1&a[b]=c",
    },
    "reserved": {"capture": Capture.MANUAL, "payment_method": "pm_card_visa"},
    "with all that is ours": {
        "customer": "cus_123",
        "reference": "order 17, ü & [x]",
        "description": "Two lamps \u2014 \U0001f4a1",
        "metadata": {"plan": "yearly", "empty": "", "odd.key-1": "a[b]&c=ü"},
        "idempotency_key": "order-17",
    },
    "with what is Stripe's alone": {
        "extra": {
            "stripe": {
                "statement_descriptor_suffix": "LAMPS",
                "setup_future_usage": "off_session",
                "shipping": {"name": "Ada", "address": {"line1": "1 Way", "country": "DE"}},
                "payment_method_types": ["card", "sepa_debit"],
            }
        }
    },
}


@pytest.fixture
def do(mode, stripe_mock):
    """Calls a verb of a gateway."""
    settings = Stripe(secret_key=Secret.value(KEY), base_url=stripe_mock, account="acct_123")
    driver = StripePayments(mode.transport(), settings)
    port = mode.port(PaymentGateway(driver, Connection("shop", mode.runtime)), BlockingGateway)
    return lambda verb, *args, **options: mode.do(getattr(port, verb)(*args, **options))


def test_what_stripe_does_not_know_is_refused_here_too(stripe_mock):
    """That the others pass means something."""
    for form in ({"amount": "ten"}, {"no_such_parameter": "1"}, {"metadata": "text"}):
        answer = httpx2.post(
            f"{stripe_mock}/v1/payment_intents",
            data={"amount": "1000", "currency": "eur"} | form,
            headers={"authorization": f"Bearer {KEY}", "stripe-version": API_VERSION},
        )
        assert answer.status_code == 400, form


@pytest.mark.parametrize("name", CREATED)
def test_every_way_to_create_a_payment_is_one_that_stripe_knows(do, name):
    options = {"amount": TEN} | CREATED[name]
    payment = do("create_payment", options.pop("amount"), **options)
    assert payment.id.startswith("shop:pi_")
    assert payment.status is not PaymentStatus.UNKNOWN


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"payment_method": "pm_card_visa", "return_url": "https://shop.example/back"},
        {"extra": {"stripe": {"off_session": True}}},
    ],
)
def test_every_way_to_confirm_a_payment(do, options):
    assert do("confirm_payment", "shop:pi_123", **options).status is not PaymentStatus.UNKNOWN


@pytest.mark.parametrize("options", [{}, {"amount": Money("4", "EUR")}])
def test_every_way_to_capture_a_payment(do, options):
    assert do("capture", "shop:pi_123", **options).status is not PaymentStatus.UNKNOWN


def test_a_payment_is_let_go_and_read(do):
    for verb in ("void", "get_payment"):
        assert do(verb, "shop:pi_123").status is not PaymentStatus.UNKNOWN


@pytest.mark.parametrize(
    "options",
    [{}, {"amount": Money("4", "USD")}, *({"reason": reason} for reason in RefundReason)],
)
def test_every_way_to_give_money_back(do, options):
    refund = do("refund", "shop:pi_123", **options)
    assert refund.status is not RefundStatus.UNKNOWN
    assert refund.payment_id.startswith("shop:pi_")


def test_payments_are_found_by_what_is_ours(do):
    assert do("find", reference="order-17", since=1_700_000_000.5) == ()


def accepted(do, verb, *arguments, **options):
    """Taken as valid; the example that is answered leaves out what a real one says."""
    unread = "has an unknown form|belongs to no payment"
    with pytest.raises((UnexpectedResponseError, OutcomeUnknownError), match=unread):
        do(verb, *arguments, **options)


def test_a_refund_is_read(do):
    accepted(do, "get_refund", "shop:re_123")


PAGE = {"success_url": "https://shop.example/back?a=1&b[c]=2"}


@pytest.mark.parametrize(
    "options",
    [
        {"amount": TEN},
        {
            "items": [CheckoutItem(name="Größe & Co", amount=TEN, quantity=2)] * 2,
            "cancel_url": "https://shop.example/cart",
            "customer": "cus_123",
            "reference": "order 17, ü & [x]",
            "description": "Two lamps",
            "metadata": {"plan": "yearly"},
            "idempotency_key": "page-17",
            "extra": {"stripe": {"locale": "de", "payment_method_types": ["card"]}},
        },
    ],
)
def test_every_way_to_make_a_page(do, options):
    accepted(do, "create_checkout", **PAGE, **options)


def test_a_page_is_read(do):
    accepted(do, "get_checkout", "shop:cs_123")


def test_a_customer_is_made_and_charged_while_away(do):
    customer = do("create_customer", email="ann@customer.example", name="Ann", reference="7")
    assert customer.id.startswith("cus_")
    charged = {"payment_method": "pm_123", "customer": "cus_123", "off_session": True}
    assert do("create_payment", TEN, **charged).id.startswith("shop:pi_")

"""What goes over the wire to Stripe, with the official SDK as the oracle, and what comes back."""

import pytest
import stripe

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import Money
from hardpoint.payments.types import Capture, NewPayment, RefundReason
from hardpoint.providers.stripe import API_VERSION
from hardpoint.providers.stripe.fake import SECRET_KEY

TEN = Money("10", "EUR")
EXPAND = {"expand": ["latest_charge"]}
ON_PAGE = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}


def official(server):
    return stripe.StripeClient(
        SECRET_KEY, base_addresses={"api": server.url}, max_network_retries=0
    ).v1


CASES = {
    "automatic": (
        lambda ours: ours.create_payment(
            NewPayment(amount=TEN, payment_method="pm_card_visa"), idempotency_key="k"
        ),
        lambda sdk: sdk.payment_intents.create(
            {
                "amount": 1000,
                "currency": "eur",
                "capture_method": "automatic",
                "payment_method": "pm_card_visa",
                "confirm": True,
                **ON_PAGE,
                **EXPAND,
            },
            {"idempotency_key": "k"},
        ),
    ),
    "everything": (
        lambda ours: ours.create_payment(
            NewPayment(
                amount=Money("500", "JPY"),
                payment_method="pm_card_visa",
                capture=Capture.MANUAL,
                customer="cus_1",
                reference="order 1&2",
                description="Größe & Co",
                metadata={"plan": "a=b"},
                return_url="https://shop.example/back?order=1",
                extra={"off_session": True, "metadata": {"more": "1"}, "transfer_data": None},
            ),
            idempotency_key="k",
        ),
        lambda sdk: sdk.payment_intents.create(
            {
                "amount": 500,
                "currency": "jpy",
                "capture_method": "manual",
                "customer": "cus_1",
                "description": "Größe & Co",
                "metadata": {"plan": "a=b", "reference": "order 1&2", "more": "1"},
                "payment_method": "pm_card_visa",
                "confirm": True,
                "return_url": "https://shop.example/back?order=1",
                "off_session": True,
                **EXPAND,
            },
            {"idempotency_key": "k"},
        ),
    ),
    "open": (
        lambda ours: ours.create_payment(NewPayment(amount=TEN), idempotency_key="k"),
        lambda sdk: sdk.payment_intents.create(
            {"amount": 1000, "currency": "eur", "capture_method": "automatic", **EXPAND},
            {"idempotency_key": "k"},
        ),
    ),
    "confirm": (
        lambda ours: ours.confirm_payment(
            "pi_1",
            payment_method="pm_card_visa",
            return_url="https://shop.example",
            extra={"off_session": True},
            idempotency_key="k",
        ),
        lambda sdk: sdk.payment_intents.confirm(
            "pi_1",
            {
                "payment_method": "pm_card_visa",
                "return_url": "https://shop.example",
                "off_session": True,
                **EXPAND,
            },
            {"idempotency_key": "k"},
        ),
    ),
    "capture": (
        lambda ours: ours.capture("pi_1", None, idempotency_key="k"),
        lambda sdk: sdk.payment_intents.capture("pi_1", EXPAND, {"idempotency_key": "k"}),
    ),
    "capture a part": (
        lambda ours: ours.capture("pi_1", Money("1.5", "EUR"), idempotency_key="k"),
        lambda sdk: sdk.payment_intents.capture(
            "pi_1", {"amount_to_capture": 150, **EXPAND}, {"idempotency_key": "k"}
        ),
    ),
    "void": (
        lambda ours: ours.void("pi_1", idempotency_key="k"),
        lambda sdk: sdk.payment_intents.cancel("pi_1", EXPAND, {"idempotency_key": "k"}),
    ),
    "refund": (
        lambda ours: ours.refund("pi_1", None, reason=None, idempotency_key="k"),
        lambda sdk: sdk.refunds.create({"payment_intent": "pi_1"}, {"idempotency_key": "k"}),
    ),
    "refund a part": (
        lambda ours: ours.refund(
            "pi_1", Money("2", "EUR"), reason=RefundReason.FRAUDULENT, idempotency_key="k"
        ),
        lambda sdk: sdk.refunds.create(
            {"payment_intent": "pi_1", "amount": 200, "reason": "fraudulent"},
            {"idempotency_key": "k"},
        ),
    ),
    "get": (
        lambda ours: ours.get_payment("pi_1"),
        lambda sdk: sdk.payment_intents.retrieve("pi_1", EXPAND),
    ),
    "list": (
        lambda ours: ours.list_payments(since=1700000000.9, cursor="pi_0"),
        lambda sdk: sdk.payment_intents.list(
            {
                "created": {"gte": 1700000000},
                "limit": 100,
                "starting_after": "pi_0",
                "expand": ["data.latest_charge"],
            }
        ),
    ),
}


def meaning(request):
    """What Stripe reads of a request."""
    kept = ("authorization", "stripe-version", "idempotency-key", "stripe-account")
    headers = {name: request.headers[name] for name in kept if name in request.headers}
    if request.body:
        headers["content-type"] = request.headers["content-type"]
    return (
        request.method,
        request.path,
        sorted(request.query()),
        sorted(request.form()),
        headers,
    )


@pytest.mark.parametrize("name", CASES)
def test_our_request_means_what_the_official_sdk_sends(recorder, recorded, name):
    ours, theirs = CASES[name]
    ours(recorded)
    theirs(official(recorder))
    mine, reference = (meaning(request) for request in recorder.app.received)
    assert mine == reference
    assert mine[4]["stripe-version"] == API_VERSION


def test_a_connected_account_is_acted_for(recorder, recorded):
    connected = type(recorded)(recorder, account="acct_1")
    connected.get_payment("pi_1")
    connected.transport.close()
    official(recorder).payment_intents.retrieve("pi_1", EXPAND, {"stripe_account": "acct_1"})
    mine, reference = (meaning(request) for request in recorder.app.received)
    assert mine == reference


def test_an_extra_may_not_set_what_the_port_sets(recorder, recorded):
    for extra in ({"amount": 1}, {"metadata": {"plan": "b"}}):
        new = NewPayment(amount=TEN, metadata={"plan": "a"}, extra=extra)
        with pytest.raises(InvalidRequestError, match="is set by the port"):
            recorded.create_payment(new, idempotency_key="k")
    assert not recorder.app.received


def test_an_id_is_one_segment_of_a_path_whatever_it_holds(recorder, recorded):
    recorded.get_payment("pi_1/../x?y")
    assert recorder.app.received[0].path == "/v1/payment_intents/pi_1%2F..%2Fx%3Fy"


def test_a_page_names_the_next_only_if_there_is_one(recorder, recorded):
    page = recorded.list_payments(since=0, cursor=None)
    assert (len(page.payments), page.cursor) == (1, None)


def test_the_official_sdk_works_against_the_fake(vendor):
    sdk = official(vendor)
    intent = sdk.payment_intents.create(
        {
            "amount": 1000,
            "currency": "eur",
            "payment_method": "pm_card_visa",
            "confirm": True,
            "capture_method": "manual",
            "metadata": {"reference": "r"},
            **ON_PAGE,
            **EXPAND,
        }
    )
    assert intent.status == "requires_capture"
    assert sdk.payment_intents.capture(intent.id, {"amount_to_capture": 900}).amount_received == 900
    refund = sdk.refunds.create({"payment_intent": intent.id, "amount": 400})
    assert (refund.status, refund.amount) == ("succeeded", 400)
    found = sdk.payment_intents.retrieve(intent.id, EXPAND)
    assert (found.latest_charge.amount_refunded, found.latest_charge.refunded) == (400, False)
    assert [one.id for one in sdk.payment_intents.list({"limit": 3}).data] == [intent.id]
    with pytest.raises(stripe.CardError) as caught:
        sdk.payment_intents.create(
            {
                "amount": 1000,
                "currency": "eur",
                "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds",
                "confirm": True,
                **ON_PAGE,
            }
        )
    assert caught.value.error.decline_code == "insufficient_funds"
    sdk.payment_intents.create({"amount": 1000, "currency": "eur"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        sdk.payment_intents.create({"amount": 1100, "currency": "eur"}, {"idempotency_key": "k"})
    with pytest.raises(stripe.InvalidRequestError):
        sdk.payment_intents.cancel(intent.id)

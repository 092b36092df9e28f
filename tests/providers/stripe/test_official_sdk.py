"""Stripe's own library against the fake: each verb of the port, declines and keys."""

import pytest
import stripe

from hardpoint.fakes.server import FakeServer
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe

VISA = {
    "amount": 1000,
    "currency": "eur",
    "payment_method": "pm_card_visa",
    "confirm": True,
    "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
}


@pytest.fixture
def fake():
    with FakeServer(FakeStripe()) as server:
        yield server


@pytest.fixture
def sdk(fake):
    return stripe.StripeClient(
        SECRET_KEY, base_addresses={"api": fake.url}, max_network_retries=0
    ).v1


def test_a_payment_is_taken_found_and_given_back(sdk, fake):
    made = sdk.payment_intents.create({**VISA, "metadata": {"reference": "1001"}})
    assert (made.status, made.amount_received) == ("succeeded", 1000)
    read = sdk.payment_intents.retrieve(made.id, {"expand": ["latest_charge"]})
    assert (read.metadata["reference"], read.latest_charge.amount_refunded) == ("1001", 0)
    refund = sdk.refunds.create({"payment_intent": made.id, "amount": 400})
    assert (refund.status, refund.amount, refund.payment_intent) == ("succeeded", 400, made.id)
    listed = sdk.payment_intents.list({"created": {"gte": made.created}, "limit": 1})
    assert [one.id for one in listed.auto_paging_iter()] == [made.id]
    assert fake.ledger.count("charge") == 1


def test_an_open_payment_is_confirmed_reserved_captured_or_let_go(sdk):
    for verb, status in (("capture", "succeeded"), ("cancel", "canceled")):
        made = sdk.payment_intents.create(
            {"amount": 1000, "currency": "eur", "capture_method": "manual"}
        )
        assert made.status == "requires_payment_method"
        assert made.client_secret
        reserved = sdk.payment_intents.confirm(
            made.id,
            {"payment_method": "pm_card_visa", "return_url": "https://shop.example/back"},
        )
        assert (reserved.status, reserved.amount_capturable) == ("requires_capture", 1000)
        assert getattr(sdk.payment_intents, verb)(made.id).status == status


def test_a_decline_is_its_own_error(sdk):
    with pytest.raises(stripe.CardError) as caught:
        sdk.payment_intents.create(
            {**VISA, "payment_method": "pm_card_visa_chargeDeclinedInsufficientFunds"}
        )
    error = caught.value
    assert (error.http_status, error.code) == (402, "card_declined")
    assert error.error.decline_code == "insufficient_funds"
    assert error.error.payment_intent.status == "requires_payment_method"


def test_a_key_stands_for_one_call(sdk, fake):
    first = sdk.payment_intents.create(VISA, {"idempotency_key": "k"})
    assert sdk.payment_intents.create(VISA, {"idempotency_key": "k"}).id == first.id
    with pytest.raises(stripe.IdempotencyError):
        sdk.payment_intents.create({**VISA, "amount": 2000}, {"idempotency_key": "k"})
    assert fake.ledger.count("charge") == 1


def test_what_is_wrong_is_said_in_words_that_the_library_knows(sdk, fake):
    with pytest.raises(stripe.InvalidRequestError) as caught:
        sdk.payment_intents.retrieve("pi_nothing")
    assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
    wrong = stripe.StripeClient(
        "sk_test_wrong", base_addresses={"api": fake.url}, max_network_retries=0
    ).v1
    with pytest.raises(stripe.AuthenticationError):
        wrong.payment_intents.retrieve("pi_1")

"""What goes over the wire to Stripe, with the official SDK as the oracle, and what comes back."""

from operator import attrgetter

import pytest
import stripe

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import Money
from hardpoint.payments.types import NewPayment
from hardpoint.providers.stripe import API_VERSION
from hardpoint.providers.stripe.fake import SECRET_KEY

TEN = Money("10", "EUR")
EXPAND = {"expand": ["latest_charge"]}
ON_PAGE = {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}


def official(server):
    return stripe.StripeClient(
        SECRET_KEY, base_addresses={"api": server.url}, max_network_retries=0
    ).v1


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


@pytest.mark.rows
def test_our_request_means_what_the_official_sdk_sends(recorder, recorded, ours, theirs):
    verb, arguments, named = ours
    getattr(recorded, verb)(*arguments, **named)
    path, *arguments = theirs
    attrgetter(path)(official(recorder))(*arguments)
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

import json
from importlib import import_module
from typing import Any

import pytest

from hardpoint.core.identifiers import Uuid7
from hardpoint.webhooks.samples import samples

STRIPE = samples("stripe")
NOW = 1_700_000_000


def event(event_type: str, **overrides: Any) -> Any:
    sample = STRIPE.sample(event_type, now=NOW, ids=Uuid7(), overrides=overrides)
    return json.loads(sample.body)


def test_the_events_that_shops_handle_are_there() -> None:
    assert set(STRIPE.types) >= {
        "charge.dispute.created",
        "charge.refunded",
        "charge.succeeded",
        "checkout.session.completed",
        "customer.created",
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "invoice.paid",
        "invoice.payment_failed",
        "payment_intent.canceled",
        "payment_intent.created",
        "payment_intent.payment_failed",
        "payment_intent.succeeded",
        "setup_intent.succeeded",
    }


@pytest.mark.parametrize("event_type", STRIPE.types)
def test_an_event_has_the_shape_of_a_test_mode_event(event_type: str) -> None:
    document = event(event_type)
    assert document["object"] == "event"
    assert document["type"] == event_type
    assert document["id"].startswith("evt_")
    assert document["livemode"] is False
    assert document["created"] == NOW
    about = document["data"]["object"]
    assert about.get("livemode", False) is False  # a refund has none
    assert about["object"] == event_type.rpartition(".")[0].removeprefix("charge.").replace(
        "customer.subscription", "subscription"
    )


@pytest.mark.parametrize("event_type", STRIPE.types)
def test_the_official_package_reads_every_sample(event_type: str) -> None:
    stripe = import_module("stripe")
    sample = STRIPE.sample(event_type, now=NOW, ids=Uuid7())
    read = stripe.Event.construct_from(json.loads(sample.body), "none")
    assert read.data.object.id == json.loads(sample.body)["data"]["object"]["id"]


def test_money_agrees_with_the_state() -> None:
    assert event("payment_intent.succeeded")["data"]["object"]["amount_received"] == 2000
    assert event("payment_intent.created")["data"]["object"]["amount_received"] == 0
    failed = event("payment_intent.payment_failed")["data"]["object"]
    assert failed["last_payment_error"]["decline_code"] == "insufficient_funds"
    refunded = event("charge.refunded")["data"]
    assert refunded["object"]["amount_refunded"] == 2000
    assert refunded["previous_attributes"] == {"amount_refunded": 0, "refunded": False}
    assert event("invoice.paid")["data"]["object"]["amount_remaining"] == 0
    assert event("invoice.payment_failed")["data"]["object"]["next_payment_attempt"] > NOW
    assert event("customer.subscription.deleted")["data"]["object"]["canceled_at"] == NOW


def test_one_sample_does_not_write_into_the_next() -> None:
    event("payment_intent.payment_failed", **{"data.object.last_payment_error.code": "mine"})
    again = event("payment_intent.payment_failed")["data"]["object"]
    assert again["last_payment_error"]["code"] == "card_declined"


def test_amounts_and_accounts_can_be_set() -> None:
    document = event("payment_intent.succeeded", **{"data.object.amount": 500, "account": "acct_1"})
    assert document["data"]["object"]["amount"] == 500
    assert document["account"] == "acct_1"


def test_the_body_is_indented_as_stripe_sends_it() -> None:
    sample = STRIPE.sample("invoice.paid", now=NOW, ids=Uuid7())
    assert sample.body.startswith(b'{\n  "id": "evt_')

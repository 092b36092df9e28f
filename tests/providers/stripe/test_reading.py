import json

import msgspec
import pytest

from hardpoint.core.errors import DeclinedError, UnexpectedResponseError
from hardpoint.core.identifiers import Uuid7
from hardpoint.core.money import Money
from hardpoint.payments.types import (
    DeclineReason,
    DisputeChanged,
    PaymentFailed,
    PaymentSucceeded,
    Refunded,
    RefundFailed,
)
from hardpoint.providers.stripe import reading, wire
from hardpoint.webhooks.samples import samples

INTENT = {"id": "pi_1", "amount": 1000, "currency": "eur", "status": "succeeded", "created": 5}


def intent(**more):
    return reading.payment(msgspec.convert({**INTENT, **more}, wire.PaymentIntent))


@pytest.mark.rows
def test_a_status_we_do_not_know_is_no_success(theirs, ours):
    payment = intent(status=theirs)
    assert (payment.status, payment.vendor_status) == (ours, theirs)


@pytest.mark.rows
def test_a_refund_we_do_not_know_is_no_success(theirs, ours):
    refund = reading.refund(
        wire.Refund(id="re_1", amount=5, currency="eur", payment_intent="pi_1", status=theirs)
    )
    assert (refund.status, refund.amount) == (ours, Money("0.05", "EUR"))


def test_an_intent_is_read_whole():
    payment = intent(
        amount_received=700,
        client_secret="pi_1_secret_2",
        customer="cus_1",
        metadata={"reference": "order-1", "plan": "a"},
        latest_charge={"id": "ch_1", "amount": 700, "currency": "eur", "amount_refunded": 200},
        last_payment_error={"code": "card_declined", "decline_code": "insufficient_funds"},
        next_action={"type": "redirect_to_url", "redirect_to_url": {"url": "https://bank"}},
        something_new={"a": 1},
    )
    assert payment.captured == Money("7.00", "EUR")
    assert payment.refunded == Money("2.00", "EUR")
    assert (payment.reference, payment.metadata) == ("order-1", {"plan": "a"})
    assert payment.client_secret.reveal() == "pi_1_secret_2"
    assert (payment.customer, payment.created) == ("cus_1", 5.0)
    assert payment.decline is DeclineReason.INSUFFICIENT_FUNDS
    assert (payment.next_action.kind, payment.next_action.url) == (
        "redirect_to_url",
        "https://bank",
    )


@pytest.mark.rows
def test_the_page_that_the_customer_is_to_see_is_found_under_each_of_its_names(kind, name):
    details = {name: "https://payments.stripe.com/page", "other": 1}
    payment = intent(next_action={"type": kind, kind: details})
    assert payment.next_action.url == "https://payments.stripe.com/page"


@pytest.mark.rows
def test_an_action_without_an_address_has_none(action, kind):
    payment = intent(next_action=action)
    assert (payment.next_action.kind, payment.next_action.url) == (kind, None)


def test_a_charge_that_is_only_named_tells_of_no_refund():
    assert not intent(latest_charge="ch_1").refunded


def test_an_unknown_currency_is_an_unexpected_answer():
    with pytest.raises(UnexpectedResponseError) as caught:
        intent(currency="xxx")
    assert not caught.value.outcome_known


CARD = {"id": "pm_1", "type": "card", "card": {"brand": "visa", "last4": "4242"}}


def setup(**more):
    facts = {"status": "succeeded", "customer": "cus_1", "payment_method": CARD}
    return reading.saved(msgspec.convert(facts | more, wire.SetupIntent))


def test_means_that_are_kept_say_what_they_are():
    kept = setup()
    assert (kept.id, kept.customer, kept.kind, kept.hint) == ("pm_1", "cus_1", "card", "visa 4242")
    assert setup(payment_method={"id": "pm_1", "type": "sepa_debit"}).hint is None
    with pytest.raises(DeclinedError) as caught:
        setup(status="requires_action")
    assert (caught.value.reason, caught.value.soft) == ("authentication_required", True)
    for odd in ({"status": "processing"}, {"payment_method": None}, {"customer": None}):
        with pytest.raises(UnexpectedResponseError) as unread:
            setup(**odd)
        assert not unread.value.outcome_known


def event(event_type, about, **previous):
    data = {"object": about, **({"previous_attributes": previous} if previous else {})}
    return reading.event(json.dumps({"id": "evt_1", "type": event_type, "data": data}).encode())


def test_a_success_tells_what_was_taken():
    assert event(
        "payment_intent.succeeded",
        {**INTENT, "amount_received": 900, "metadata": {"reference": "r", "a": "b"}},
    ) == PaymentSucceeded(
        payment_id="pi_1", amount=Money("9", "EUR"), reference="r", metadata={"a": "b"}
    )


def test_a_failure_tells_why_and_what_to_say():
    failed = event(
        "payment_intent.payment_failed",
        {**INTENT, "last_payment_error": {"code": "card_declined", "decline_code": "lost_card"}},
    )
    assert isinstance(failed, PaymentFailed)
    assert (failed.reason, failed.soft) == (DeclineReason.SUSPECTED_FRAUD, False)
    assert failed.advice == DeclineReason.DECLINED.advice


def test_a_failure_without_a_reason_is_one_nevertheless():
    assert event("payment_intent.payment_failed", INTENT).reason is DeclineReason.DECLINED


CHARGE = {"id": "ch_1", "amount": 1000, "currency": "eur", "payment_intent": "pi_1"}


@pytest.mark.rows
def test_a_refund_tells_what_went_back_now_and_in_all(previous, now):
    refunded = event("charge.refunded", {**CHARGE, "amount_refunded": 300}, **previous)
    assert refunded == Refunded(
        payment_id="pi_1",
        amount=Money(now, "EUR"),
        refunded=Money("3", "EUR"),
        whole=False,
        reference=None,
        metadata={},
    )


def test_a_charge_of_its_own_is_none_of_the_ports():
    assert event("charge.refunded", {**CHARGE, "payment_intent": None}) is None


REFUND = {"id": "re_1", "amount": 300, "currency": "eur", "payment_intent": "pi_1"}


def test_a_refund_that_came_back_is_told_with_its_reason():
    failed = event("refund.failed", {**REFUND, "failure_reason": "expired_or_canceled_card"})
    assert failed == RefundFailed(
        payment_id="pi_1",
        refund_id="re_1",
        amount=Money("3", "EUR"),
        reason="expired_or_canceled_card",
    )
    assert event("refund.failed", {**REFUND, "payment_intent": None}) is None
    with pytest.raises(UnexpectedResponseError):
        reading.refund(msgspec.convert({**REFUND, "payment_intent": None}, wire.Refund))


DISPUTE = {
    "id": "dp_1",
    "amount": 300,
    "currency": "eur",
    "payment_intent": "pi_1",
    "status": "needs_response",
}


@pytest.mark.rows
@pytest.mark.parametrize(
    ("told", "withdrawn"),
    [
        ("created", None),
        ("updated", None),
        ("closed", None),
        ("funds_withdrawn", True),
        ("funds_reinstated", False),
    ],
)
def test_a_dispute_says_how_far_it_is(theirs, ours, inquiry, told, withdrawn):
    found = event(f"charge.dispute.{told}", {**DISPUTE, "status": theirs})
    assert found == DisputeChanged(
        payment_id="pi_1",
        dispute_id="dp_1",
        amount=Money("3", "EUR"),
        status=ours,
        vendor_status=theirs,
        inquiry=inquiry,
        withdrawn=withdrawn,
    )


def test_a_dispute_names_its_reason_and_its_deadline_where_it_has_them():
    more = {"reason": "fraudulent", "evidence_details": {"due_by": 86_400}}
    found = event("charge.dispute.created", {**DISPUTE, **more})
    assert (found.reason, found.respond_by) == ("fraudulent", 86_400.0)
    found = event("charge.dispute.created", {**DISPUTE, "evidence_details": {"due_by": None}})
    assert found.respond_by is None
    assert event("charge.dispute.created", {**DISPUTE, "payment_intent": None}) is None


@pytest.mark.rows
def test_thin_events_say_nothing_about_payments_and_are_no_error(thin):
    envelope = {"id": "evt_1", "object": "v2.core.event", "type": "v1.billing.meter.no_meter_found"}
    assert reading.event(json.dumps(envelope | thin).encode()) is None


@pytest.mark.parametrize("data", [{}, {"data": None}, {"data": {}}, {"data": {"object": {}}}])
def test_an_event_of_ours_without_what_it_is_about_is_in_no_shape_we_know(data):
    with pytest.raises(ValueError, match=r"."):
        reading.event(json.dumps({"type": "payment_intent.succeeded", **data}).encode())


def test_other_events_say_nothing_about_payments():
    assert event("customer.created", {"id": "cus_1"}) is None


@pytest.mark.rows
def test_our_own_samples_are_read(event_type, expected):
    sample = samples("stripe").sample(event_type, now=5.0, ids=Uuid7(), overrides={})
    assert type(reading.event(sample.body)) is expected

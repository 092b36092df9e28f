"""Stripe's objects read into the port's values; a status we do not know is never a success."""

from collections.abc import Callable, Mapping
from typing import Any, cast

import msgspec

from hardpoint.core.errors import DeclinedError, InvalidRequestError, UnexpectedResponseError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.payments.types import (
    Checkout,
    CheckoutStatus,
    DeclineReason,
    DisputeChanged,
    DisputeStatus,
    NextAction,
    Payment,
    PaymentActionRequired,
    PaymentCustomer,
    PaymentEvent,
    PaymentFailed,
    PaymentStatus,
    PaymentSucceeded,
    Refund,
    Refunded,
    RefundFailed,
    RefundStatus,
    SavedMethod,
)
from hardpoint.providers.stripe import wire
from hardpoint.providers.stripe.errors import decline
from hardpoint.providers.stripe.money import MONEY
from hardpoint.runtime.decoding_types import prepared

REFERENCE = "reference"
"""The metadata key that holds the reference; Stripe has no field for it."""

_STATUSES = {
    "requires_payment_method": PaymentStatus.REQUIRES_PAYMENT_METHOD,
    "requires_confirmation": PaymentStatus.REQUIRES_CONFIRMATION,
    "requires_action": PaymentStatus.REQUIRES_ACTION,
    "processing": PaymentStatus.PROCESSING,
    "requires_capture": PaymentStatus.AUTHORIZED,
    "succeeded": PaymentStatus.SUCCEEDED,
    "canceled": PaymentStatus.VOIDED,
}
_INQUIRY = "warning_"
_DISPUTE_STATUSES = {
    "needs_response": DisputeStatus.NEEDS_RESPONSE,
    "under_review": DisputeStatus.UNDER_REVIEW,
    "won": DisputeStatus.WON,
    "lost": DisputeStatus.LOST,
    "closed": DisputeStatus.CLOSED,  # an inquiry that came to nothing
    "prevented": DisputeStatus.CLOSED,
}
_WITHDRAWN = {"charge.dispute.funds_withdrawn": True, "charge.dispute.funds_reinstated": False}
_REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}

_CHECKOUT_STATUSES = {
    "open": CheckoutStatus.OPEN,
    "complete": CheckoutStatus.COMPLETED,
    "expired": CheckoutStatus.EXPIRED,
}

_ADDRESSES = ("url", "hosted_voucher_url", "hosted_instructions_url", "hosted_verification_url")
"""How the kinds of `next_action` call the page that the customer is to see.

https://docs.stripe.com/api/payment_intents/object#payment_intent_object-next_action (2026-11-30).
"""


def event(body: bytes) -> PaymentEvent | None:
    """What an event says about payments, if anything."""
    envelope = msgspec.json.decode(body, type=prepared(wire.Event))
    read = _READERS.get(envelope.type)
    if read is None:
        return None
    return read(envelope.type, msgspec.json.decode(envelope.data, type=prepared(wire.EventData)))


def refund(found: wire.Refund) -> Refund:
    """Money that goes back."""
    if found.payment_intent is None:
        raise UnexpectedResponseError("the refund belongs to no payment", outcome_known=False)
    return Refund(
        id=found.id,
        payment_id=found.payment_intent,
        status=_REFUND_STATUSES.get(found.status or "", RefundStatus.UNKNOWN),
        vendor_status=found.status or "",
        amount=_money(found.amount, found.currency),
    )


def checkout(session: wire.CheckoutSession) -> Checkout:
    """A hosted page."""
    return Checkout(
        id=session.id,
        status=_CHECKOUT_STATUSES.get(session.status or "", CheckoutStatus.UNKNOWN),
        vendor_status=session.status or "",
        amount=_money(session.amount_total, session.currency),
        url=session.url,
        payment_id=session.payment_intent,
        expires=None if session.expires_at is None else float(session.expires_at),
    )


def customer(found: wire.Customer) -> PaymentCustomer:
    """Somebody."""
    reference = found.metadata.get(REFERENCE)
    return PaymentCustomer(id=found.id, email=found.email, name=found.name, reference=reference)


def saved(setup: wire.SetupIntent) -> SavedMethod:
    """Means that are kept.

    Raises:
        DeclinedError: the bank wants to ask the customer first.
        UnexpectedResponseError: nobody knows yet whether they are.
    """
    if setup.status == "requires_action":
        raise DeclinedError(
            "the bank wants to ask the customer",
            reason=DeclineReason.AUTHENTICATION_REQUIRED,
            soft=True,
            provider="stripe",
        )
    found = setup.payment_method
    if setup.status != "succeeded" or found is None or setup.customer is None:
        raise UnexpectedResponseError(f"the means are {setup.status}", outcome_known=False)
    return SavedMethod(
        id=found.id,
        customer=setup.customer,
        kind=found.type,
        hint=f"{found.card.brand} {found.card.last4}" if found.card else None,
    )


def payment(intent: wire.PaymentIntent) -> Payment:
    """A payment."""
    charge = intent.latest_charge if isinstance(intent.latest_charge, wire.Charge) else None
    failure = intent.last_payment_error
    action = intent.next_action
    return Payment(
        id=intent.id,
        status=_STATUSES.get(intent.status, PaymentStatus.UNKNOWN),
        vendor_status=intent.status,
        amount=_money(intent.amount, intent.currency),
        captured=_money(intent.amount_received, intent.currency),
        refunded=_money(charge.amount_refunded if charge else 0, intent.currency),
        created=float(intent.created),
        reference=intent.metadata.get(REFERENCE),
        metadata=_own(intent.metadata),
        customer=intent.customer,
        client_secret=Secret.value(intent.client_secret) if intent.client_secret else None,
        next_action=_next_action(action) if action else None,
        decline=decline(failure.code, failure.decline_code)[0] if failure else None,
    )


def _next_action(action: Mapping[str, Any]) -> NextAction:
    kind = str(action.get("type", ""))
    found: Any = action.get(kind)
    details = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    urls = (details.get(name) for name in _ADDRESSES)
    return NextAction(kind=kind, url=next((one for one in urls if isinstance(one, str)), None))


def _own(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key != REFERENCE}


def _succeeded(_: str, data: wire.EventData) -> PaymentSucceeded:
    intent = msgspec.json.decode(data.object, type=prepared(wire.PaymentIntent))
    return PaymentSucceeded(
        payment_id=intent.id,
        amount=_money(intent.amount_received, intent.currency),
        reference=intent.metadata.get(REFERENCE),
        metadata=_own(intent.metadata),
    )


def _action_required(_: str, data: wire.EventData) -> PaymentActionRequired:
    intent = msgspec.json.decode(data.object, type=prepared(wire.PaymentIntent))
    return PaymentActionRequired(
        payment_id=intent.id,
        amount=_money(intent.amount, intent.currency),
        action=_next_action(intent.next_action or {}),
        reference=intent.metadata.get(REFERENCE),
        metadata=_own(intent.metadata),
    )


def _failed(_: str, data: wire.EventData) -> PaymentFailed:
    intent = msgspec.json.decode(data.object, type=prepared(wire.PaymentIntent))
    failure = intent.last_payment_error or wire.LastError()
    reason, soft = decline(failure.code, failure.decline_code)
    return PaymentFailed(
        payment_id=intent.id,
        amount=_money(intent.amount, intent.currency),
        reason=reason,
        soft=soft,
        advice=reason.advice,
        reference=intent.metadata.get(REFERENCE),
        metadata=_own(intent.metadata),
    )


def _refunded(_: str, data: wire.EventData) -> Refunded | None:
    charge = msgspec.json.decode(data.object, type=prepared(wire.Charge))
    if charge.payment_intent is None:
        return None  # a charge of its own, made outside of this port
    earlier = data.previous_attributes.get("amount_refunded", 0)
    now = charge.amount_refunded - (earlier if isinstance(earlier, int) else 0)
    return Refunded(
        payment_id=charge.payment_intent,
        amount=_money(now, charge.currency),
        refunded=_money(charge.amount_refunded, charge.currency),
        whole=charge.refunded,
        reference=charge.metadata.get(REFERENCE),
        metadata=_own(charge.metadata),
    )


def _refund_failed(_: str, data: wire.EventData) -> RefundFailed | None:
    found = msgspec.json.decode(data.object, type=prepared(wire.Refund))
    if found.payment_intent is None:
        return None
    return RefundFailed(
        payment_id=found.payment_intent,
        refund_id=found.id,
        amount=_money(found.amount, found.currency),
        reason=found.failure_reason,
    )


def _disputed(event_type: str, data: wire.EventData) -> DisputeChanged | None:
    found = msgspec.json.decode(data.object, type=prepared(wire.Dispute))
    if found.payment_intent is None:
        return None
    evidence = found.evidence_details or wire.Evidence()
    word = found.status.removeprefix(_INQUIRY)
    return DisputeChanged(
        payment_id=found.payment_intent,
        dispute_id=found.id,
        amount=_money(found.amount, found.currency),
        status=_DISPUTE_STATUSES.get(word, DisputeStatus.UNKNOWN),
        vendor_status=found.status,
        inquiry=word != found.status,
        withdrawn=_WITHDRAWN.get(event_type),
        reason=found.reason,
        respond_by=evidence.due_by and float(evidence.due_by),
    )


_READERS: Mapping[str, Callable[[str, wire.EventData], PaymentEvent | None]] = {
    "payment_intent.succeeded": _succeeded,
    "payment_intent.payment_failed": _failed,
    "payment_intent.requires_action": _action_required,
    "charge.refunded": _refunded,
    "refund.failed": _refund_failed,
    "charge.dispute.created": _disputed,
    "charge.dispute.updated": _disputed,
    "charge.dispute.closed": _disputed,
    "charge.dispute.funds_withdrawn": _disputed,
    "charge.dispute.funds_reinstated": _disputed,
}


def _money(count: int, currency: str) -> Money:
    try:
        return MONEY.money(count, currency)
    except InvalidRequestError as error:
        raise UnexpectedResponseError(str(error), outcome_known=False) from error

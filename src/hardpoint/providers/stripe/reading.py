"""Stripe's objects read into the port's values; a status we do not know is never a success."""

from collections.abc import Mapping
from typing import Any

import msgspec

from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.payments.types import (
    NextAction,
    Payment,
    PaymentEvent,
    PaymentFailed,
    PaymentStatus,
    PaymentSucceeded,
    Refund,
    Refunded,
    RefundStatus,
)
from hardpoint.providers.stripe import wire
from hardpoint.providers.stripe.errors import decline
from hardpoint.providers.stripe.money import MONEY

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
_REFUND_STATUSES = {
    "pending": RefundStatus.PENDING,
    "requires_action": RefundStatus.PENDING,
    "succeeded": RefundStatus.SUCCEEDED,
    "failed": RefundStatus.FAILED,
    "canceled": RefundStatus.FAILED,
}


def event(body: bytes) -> PaymentEvent | None:
    """What an event says about payments, if anything."""
    envelope = msgspec.json.decode(body, type=wire.Event)
    about = envelope.data.object
    match envelope.type:
        case "payment_intent.succeeded":
            return _succeeded(msgspec.json.decode(about, type=wire.PaymentIntent))
        case "payment_intent.payment_failed":
            return _failed(msgspec.json.decode(about, type=wire.PaymentIntent))
        case "charge.refunded":
            charge = msgspec.json.decode(about, type=wire.Charge)
            return _refunded(charge, envelope.data.previous_attributes)
        case _:
            return None


def refund(found: wire.Refund) -> Refund:
    """Money that goes back."""
    return Refund(
        id=found.id,
        payment_id=found.payment_intent,
        status=_REFUND_STATUSES.get(found.status or "", RefundStatus.UNKNOWN),
        vendor_status=found.status or "",
        amount=_money(found.amount, found.currency),
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
    details = action.get(kind)
    url = details.get("url") if isinstance(details, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType] - any JSON
    return NextAction(kind=kind, url=url if isinstance(url, str) else None)


def _own(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key != REFERENCE}


def _succeeded(intent: wire.PaymentIntent) -> PaymentSucceeded:
    return PaymentSucceeded(
        payment_id=intent.id,
        amount=_money(intent.amount_received, intent.currency),
        reference=intent.metadata.get(REFERENCE),
        metadata=_own(intent.metadata),
    )


def _failed(intent: wire.PaymentIntent) -> PaymentFailed:
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


def _refunded(charge: wire.Charge, before: Mapping[str, Any]) -> Refunded | None:
    if charge.payment_intent is None:
        return None  # a charge of its own, made outside of this port
    earlier = before.get("amount_refunded", 0)
    now = charge.amount_refunded - (earlier if isinstance(earlier, int) else 0)
    return Refunded(
        payment_id=charge.payment_intent,
        amount=_money(now, charge.currency),
        refunded=_money(charge.amount_refunded, charge.currency),
        whole=charge.refunded,
        reference=charge.metadata.get(REFERENCE),
        metadata=_own(charge.metadata),
    )


def _money(count: int, currency: str) -> Money:
    try:
        return MONEY.money(count, currency)
    except InvalidRequestError as error:
        raise UnexpectedResponseError(str(error), outcome_known=False) from error

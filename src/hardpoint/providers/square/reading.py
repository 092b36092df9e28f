"""Square's objects read into the port's values; a status we do not know is never a success."""

from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.core.money import MinorUnits, Money
from hardpoint.payments.types import (
    Checkout,
    CheckoutStatus,
    DisputeChanged,
    DisputeStatus,
    Payment,
    PaymentEvent,
    PaymentFailed,
    PaymentStatus,
    PaymentSucceeded,
    Refund,
    Refunded,
    RefundFailed,
    RefundStatus,
)
from hardpoint.providers.square import wire
from hardpoint.providers.square.errors import decline
from hardpoint.runtime.decoding_types import prepared

MONEY = MinorUnits(
    exponents={"AUD": 2, "CAD": 2, "EUR": 2, "GBP": 2, "JPY": 0, "USD": 2},
    steps={},
    most=99_999_999,
)
"""The currencies of the countries where Square takes cards; a location has one of them.

https://developer.squareup.com/docs/payment-card-support-by-country, read 2026-12-01. Square's own
limit is the seller's, and refused there.
"""
_Found = TypeVar("_Found")
NOTE = "Reference "
"""What a page's note begins with: its payment has no field that we could set to the reference."""

_STATUSES = {
    "APPROVED": PaymentStatus.AUTHORIZED,
    "PENDING": PaymentStatus.PROCESSING,
    "COMPLETED": PaymentStatus.SUCCEEDED,
    "CANCELED": PaymentStatus.VOIDED,
    "FAILED": PaymentStatus.FAILED,
}
_REFUND_STATUSES = {
    "PENDING": RefundStatus.PENDING,
    "COMPLETED": RefundStatus.SUCCEEDED,
    "REJECTED": RefundStatus.FAILED,
    "FAILED": RefundStatus.FAILED,
}
_ORDER_STATES = {
    "DRAFT": CheckoutStatus.OPEN,
    "OPEN": CheckoutStatus.OPEN,
    "COMPLETED": CheckoutStatus.COMPLETED,
    "CANCELED": CheckoutStatus.EXPIRED,
}
_INQUIRY = "INQUIRY_"
_DISPUTE_STATES = {
    "EVIDENCE_REQUIRED": DisputeStatus.NEEDS_RESPONSE,
    "PROCESSING": DisputeStatus.UNDER_REVIEW,
    "WON": DisputeStatus.WON,
    "LOST": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.LOST,  # by the seller, so the money is gone
    "CLOSED": DisputeStatus.CLOSED,
}


def payment(found: wire.Payment) -> Payment:
    """A payment."""
    status = _STATUSES.get(found.status, PaymentStatus.UNKNOWN)
    whole = money(found.whole)
    nothing = Money("0", whole.currency)
    return Payment(
        id=found.id,
        status=status,
        vendor_status=found.status,
        amount=whole,
        captured=whole if status is PaymentStatus.SUCCEEDED else nothing,
        refunded=money(found.refunded_money) if found.refunded_money else nothing,
        created=found.created_at.timestamp(),
        reference=_reference(found),
        customer=found.customer_id,
        decline=decline(_reason(found))[0] if status is PaymentStatus.FAILED else None,
    )


def refund(found: wire.Refund) -> Refund:
    """Money that goes back."""
    if found.payment_id is None:
        raise UnexpectedResponseError("the refund belongs to no payment", outcome_known=False)
    return Refund(
        id=found.id,
        payment_id=found.payment_id,
        status=_REFUND_STATUSES.get(found.status or "", RefundStatus.UNKNOWN),
        vendor_status=found.status or "",
        amount=money(found.amount_money),
    )


def checkout(link: wire.PaymentLink, order: wire.Order) -> Checkout:
    """A hosted page: the link says where it is, its order how far."""
    status = _ORDER_STATES.get(order.state, CheckoutStatus.UNKNOWN)
    tender = order.tenders[0] if order.tenders else None
    return Checkout(
        id=link.id,
        status=CheckoutStatus.COMPLETED if tender else status,
        vendor_status=order.state,
        amount=money(order.total_money),
        url=link.url,
        payment_id=tender and (tender.payment_id or tender.id),
    )


def event(body: bytes) -> PaymentEvent | None:
    """What an event says about payments, if anything."""
    envelope = msgspec.json.decode(body, type=prepared(wire.Event))
    read = _READERS.get(envelope.type)
    if read is None:
        return None
    return read(msgspec.json.decode(envelope.data.object, type=prepared(wire.Told)))


def money(amount: wire.Amount) -> Money:
    """An amount.

    Raises:
        UnexpectedResponseError: of a currency that we do not know.
    """
    try:
        return MONEY.money(amount.amount, amount.currency)
    except InvalidRequestError as error:
        raise UnexpectedResponseError(str(error), outcome_known=False) from error


def _reference(found: wire.Payment) -> str | None:
    note = found.note or ""
    return found.reference_id or (note.removeprefix(NOTE) if note.startswith(NOTE) else None)


def _reason(found: wire.Payment) -> str:
    errors = found.card_details.errors if found.card_details else None
    return errors[0].code if errors else ""


def _changed(told: wire.Told) -> PaymentEvent | None:
    """A payment is new or other than before; that money went back, the refund's own event says."""
    found = _there(told.payment)
    whole, reference = money(found.whole), _reference(found)
    if found.status == "COMPLETED" and not (found.refunded_money and found.refunded_money.amount):
        return PaymentSucceeded(payment_id=found.id, amount=whole, reference=reference, metadata={})
    if found.status != "FAILED":
        return None
    reason, soft = decline(_reason(found))
    return PaymentFailed(
        payment_id=found.id,
        amount=whole,
        reason=reason,
        soft=soft,
        advice=reason.advice,
        reference=reference,
        metadata={},
    )


def _refunded(told: wire.Told) -> PaymentEvent | None:
    found = _there(told.refund)
    if found.payment_id is None:
        return None  # made without a payment, outside of this port
    status = _REFUND_STATUSES.get(found.status or "")
    amount = money(found.amount_money)
    if status is RefundStatus.SUCCEEDED:
        return Refunded(
            payment_id=found.payment_id,
            refund_id=found.id,
            amount=amount,
            refunded=None,
            whole=None,
        )
    if status is RefundStatus.FAILED:
        return RefundFailed(
            payment_id=found.payment_id, refund_id=found.id, amount=amount, reason=found.status
        )
    return None


def _disputed(told: wire.Told) -> DisputeChanged | None:
    found = _there(told.dispute)
    payment_id = found.disputed_payment.payment_id if found.disputed_payment else None
    dispute_id = found.id or found.dispute_id
    if payment_id is None or dispute_id is None:
        return None
    word = found.state.removeprefix(_INQUIRY)
    return DisputeChanged(
        payment_id=payment_id,
        dispute_id=dispute_id,
        amount=money(found.amount_money),
        status=_DISPUTE_STATES.get(word, DisputeStatus.UNKNOWN),
        vendor_status=found.state,
        inquiry=word != found.state,
        reason=found.reason,
        respond_by=found.due_at and found.due_at.timestamp(),
    )


def _there(found: _Found | None) -> _Found:
    if found is None:
        raise ValueError("the event does not hold what it is about")
    return found


_READERS: Mapping[str, Callable[[wire.Told], PaymentEvent | None]] = {
    "payment.created": _changed,
    "payment.updated": _changed,
    "refund.created": _refunded,
    "refund.updated": _refunded,
    "dispute.created": _disputed,
    "dispute.state.updated": _disputed,
    "dispute.state.changed": _disputed,
}

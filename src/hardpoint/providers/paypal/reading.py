"""PayPal's objects read into the port's values; a status we do not know is never a success.

Each step has an id of its own there: the order, the authorization, the capture. A payment goes by
the id of its latest one. A capture's is bare, since refunds, disputes and the dashboard name it
alone; `order-` and `auth-` stand before the others.
"""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.core.money import MinorUnits, Money
from hardpoint.payments.types import (
    Checkout,
    CheckoutStatus,
    DisputeChanged,
    DisputeStatus,
    NextAction,
    Payment,
    PaymentApproved,
    PaymentEvent,
    PaymentFailed,
    PaymentStatus,
    PaymentSucceeded,
    Refund,
    Refunded,
    RefundFailed,
    RefundStatus,
)
from hardpoint.providers.paypal import wire
from hardpoint.providers.paypal.errors import decline
from hardpoint.runtime.decoding_types import prepared

ORDER, AUTHORIZATION = "order-", "auth-"

_TWO = (
    *("AUD", "BRL", "CAD", "CHF", "CNY", "CZK", "DKK", "EUR", "GBP", "HKD", "ILS"),
    *("MXN", "MYR", "NOK", "NZD", "PHP", "PLN", "SEK", "SGD", "THB", "USD"),
)
MONEY = MinorUnits(
    exponents=dict.fromkeys(_TWO, 2) | dict.fromkeys(("HUF", "JPY", "TWD"), 0),
    steps={},
    most=9_999_999_999,
)
"""Not compared with https://developer.paypal.com/api/rest/reference/currency-codes/ yet.

The largest amount is ours: PayPal's own limit is the account's, and refused there.
"""

_CAPTURES = {
    "COMPLETED": PaymentStatus.SUCCEEDED,
    "PARTIALLY_REFUNDED": PaymentStatus.SUCCEEDED,
    "REFUNDED": PaymentStatus.SUCCEEDED,
    "PENDING": PaymentStatus.PROCESSING,
    "DECLINED": PaymentStatus.FAILED,
    "FAILED": PaymentStatus.FAILED,
}
_AUTHORIZATIONS = {
    "CREATED": PaymentStatus.AUTHORIZED,
    "PENDING": PaymentStatus.PROCESSING,
    "DENIED": PaymentStatus.FAILED,
    "VOIDED": PaymentStatus.VOIDED,
}
_ORDERS = {
    "CREATED": (CheckoutStatus.OPEN, PaymentStatus.REQUIRES_PAYMENT_METHOD),
    "SAVED": (CheckoutStatus.OPEN, PaymentStatus.REQUIRES_PAYMENT_METHOD),
    "PAYER_ACTION_REQUIRED": (CheckoutStatus.OPEN, PaymentStatus.REQUIRES_ACTION),
    "APPROVED": (CheckoutStatus.APPROVED, PaymentStatus.REQUIRES_CONFIRMATION),
    "COMPLETED": (CheckoutStatus.COMPLETED, PaymentStatus.UNKNOWN),
    "VOIDED": (CheckoutStatus.EXPIRED, PaymentStatus.VOIDED),
}
"""How far a page is, and a payment of which there is the order alone."""
_NOWHERE = (CheckoutStatus.UNKNOWN, PaymentStatus.UNKNOWN)
_REFUNDS = {
    "PENDING": RefundStatus.PENDING,
    "COMPLETED": RefundStatus.SUCCEEDED,
    "FAILED": RefundStatus.FAILED,
    "CANCELLED": RefundStatus.FAILED,
}
_DISPUTES = {
    "OPEN": DisputeStatus.UNDER_REVIEW,
    "WAITING_FOR_SELLER_RESPONSE": DisputeStatus.NEEDS_RESPONSE,
    "WAITING_FOR_BUYER_RESPONSE": DisputeStatus.UNDER_REVIEW,
    "UNDER_REVIEW": DisputeStatus.UNDER_REVIEW,
}
_VERDICTS = {
    "RESOLVED_SELLER_FAVOUR": DisputeStatus.WON,
    "DENIED": DisputeStatus.WON,
    "RESOLVED_BUYER_FAVOUR": DisputeStatus.LOST,
    "ACCEPTED": DisputeStatus.LOST,
    "RESOLVED_WITH_PAYOUT": DisputeStatus.CLOSED,  # PayPal has paid one of the two
    "CANCELED_BY_BUYER": DisputeStatus.CLOSED,
    "NONE": DisputeStatus.CLOSED,
}


def payment(order: wire.Order) -> Payment:
    """What became of an order: its capture, or else its authorization, or else itself."""
    unit = the_unit(order)
    parts = unit.payments or wire.UnitPayments()
    if parts.captures:
        taken = _latest(parts.captures, _CAPTURES)
        return captured(taken, _given_back(taken, parts.refunds))
    if parts.authorizations:
        return authorized(_latest(parts.authorizations, _AUTHORIZATIONS))
    nothing = Money("0", unit.amount.currency_code)
    status = _ORDERS.get(order.status, _NOWHERE)[1]
    page = page_of(order)
    acts = status is PaymentStatus.REQUIRES_ACTION and page is not None
    return Payment(
        id=f"{ORDER}{order.id}",
        status=status,
        vendor_status=order.status,
        amount=money(unit.amount),
        captured=nothing,
        refunded=nothing,
        created=order.create_time.timestamp() if order.create_time else 0,
        reference=unit.custom_id,
        next_action=NextAction(kind="payer-action", url=page) if acts else None,
    )


def authorized(found: wire.Part) -> Payment:
    """What is reserved."""
    status = _AUTHORIZATIONS.get(found.status, PaymentStatus.UNKNOWN)
    return _part(f"{AUTHORIZATION}{found.id}", found, status)


def captured(found: wire.Part, refunded: Money | None) -> Payment:
    """What is taken; of a part that was given back its own object does not say how much."""
    status = _CAPTURES.get(found.status, PaymentStatus.UNKNOWN)
    whole = money(found.amount)
    taken = _part(found.id, found, status)
    if status is not PaymentStatus.SUCCEEDED:
        return taken
    given = whole if found.status == "REFUNDED" else refunded or taken.refunded
    return msgspec.structs.replace(taken, captured=whole, refunded=given)


def refund(found: wire.Part, payment_id: str | None = None) -> Refund:
    """Money that goes back; the capture stands in its links."""
    capture_id = linked(found, "captures") or payment_id
    if capture_id is None:
        raise UnexpectedResponseError("the refund belongs to no payment", outcome_known=False)
    return Refund(
        id=found.id,
        payment_id=capture_id,
        status=_REFUNDS.get(found.status, RefundStatus.UNKNOWN),
        vendor_status=found.status,
        amount=money(found.amount),
    )


def checkout(order: wire.Order) -> Checkout:
    """The page of an order, and the payment once somebody has approved it."""
    unit = the_unit(order)
    status = _ORDERS.get(order.status, _NOWHERE)[0]
    agreed = status in {CheckoutStatus.APPROVED, CheckoutStatus.COMPLETED}
    return Checkout(
        id=order.id,
        status=status,
        vendor_status=order.status,
        amount=money(unit.amount),
        url=page_of(order) if status is CheckoutStatus.OPEN else None,
        payment_id=payment(order).id if agreed else None,
    )


def event(body: bytes) -> PaymentEvent | None:
    """What an event says about payments, if anything."""
    envelope = msgspec.json.decode(body, type=prepared(wire.Event))
    read = _READERS.get(envelope.event_type)
    return None if read is None else read(envelope.resource)


def money(amount: wire.Amount) -> Money:
    """An amount, exact.

    Raises:
        UnexpectedResponseError: none, or of a currency that we do not know.
    """
    try:
        read = Money(amount.value, amount.currency_code)
        return MONEY.money(MONEY.of(read), read.currency)
    except InvalidRequestError as error:
        raise UnexpectedResponseError(str(error), outcome_known=False) from error


def the_unit(order: wire.Order) -> wire.Unit:
    """What is bought.

    Raises:
        UnexpectedResponseError: in several units, or in none.
    """
    if len(order.purchase_units) != 1:
        told = f"the order has {len(order.purchase_units)} purchase units"
        raise UnexpectedResponseError(told, outcome_known=False)
    return order.purchase_units[0]


def page_of(order: wire.Order) -> str | None:
    """Where the customer approves it."""
    rels = {link.rel: link.href for link in order.links}
    return rels.get("payer-action") or rels.get("approve")


def linked(found: wire.Part, kind: str) -> str | None:
    """The id of what a thing came of, if that is of this kind: `orders`, `captures`."""
    for link in found.links:
        above, _, identifier = link.href.rpartition("/")
        if link.rel == "up" and above.endswith(f"/{kind}"):
            return identifier
    return None


def order_of(found: wire.Part) -> str | None:
    """The id of its order."""
    more = found.supplementary_data
    return (more.related_ids.order_id if more else None) or linked(found, "orders")


def reason_of(found: wire.Part) -> str:
    """Why it was declined: what the bank says of a card, or else what PayPal does."""
    bank = found.processor_response.response_code if found.processor_response else ""
    return bank or (found.status_details and found.status_details.reason) or ""


def _part(identifier: str, found: wire.Part, status: PaymentStatus) -> Payment:
    amount = money(found.amount)
    nothing = Money("0", amount.currency)
    failed = status is PaymentStatus.FAILED
    return Payment(
        id=identifier,
        status=status,
        vendor_status=found.status,
        amount=amount,
        captured=nothing,
        refunded=nothing,
        created=found.create_time.timestamp(),
        reference=found.custom_id,
        decline=decline(reason_of(found))[0] if failed else None,
    )


def _latest(found: Sequence[wire.Part], known: Mapping[str, PaymentStatus]) -> wire.Part:
    """The last one; one that was declined only if no other came after it."""
    good = [one for one in found if known.get(one.status) is not PaymentStatus.FAILED]
    return (good or found)[-1]


def _given_back(taken: wire.Part, refunds: Sequence[wire.Part]) -> Money | None:
    """How much of it was given back, by the refunds that its order lists."""
    given: Money | None = None
    for one in refunds:
        if one.status in {"FAILED", "CANCELLED"} or linked(one, "captures") not in {None, taken.id}:
            continue
        given = money(one.amount) if given is None else given + money(one.amount)
    return given


# Events


def _taken(resource: bytes) -> PaymentSucceeded | None:
    found = msgspec.json.decode(resource, type=prepared(wire.Part))
    if _CAPTURES.get(found.status or "") is not PaymentStatus.SUCCEEDED:
        return None  # whatever the event is called: a checksum is all that covers it
    return PaymentSucceeded(
        payment_id=found.id, amount=money(found.amount), reference=found.custom_id, metadata={}
    )


def _declined(resource: bytes) -> PaymentFailed:
    found = msgspec.json.decode(resource, type=prepared(wire.Part))
    reason, soft = decline(reason_of(found))
    return PaymentFailed(
        payment_id=found.id,
        amount=money(found.amount),
        reason=reason,
        soft=soft,
        advice=reason.advice,
        reference=found.custom_id,
        metadata={},
    )


def _approved(resource: bytes) -> PaymentApproved:
    found = msgspec.json.decode(resource, type=prepared(wire.Order))
    unit = the_unit(found)
    return PaymentApproved(
        payment_id=f"{ORDER}{found.id}",
        amount=money(unit.amount),
        reference=unit.custom_id,
        metadata={},
    )


def _refunded(resource: bytes) -> Refunded | None:
    found = msgspec.json.decode(resource, type=prepared(wire.Part))
    payment_id = linked(found, "captures")
    if payment_id is None:
        return None  # of a payment that was not made here
    total = found.seller_payable_breakdown
    in_all = total and total.total_refunded_amount
    return Refunded(
        payment_id=payment_id,
        refund_id=found.id,
        amount=money(found.amount),
        refunded=money(in_all) if in_all else None,
        whole=None,
        reference=found.custom_id,
    )


def _not_refunded(resource: bytes) -> RefundFailed | None:
    found = msgspec.json.decode(resource, type=prepared(wire.Part))
    payment_id = linked(found, "captures")
    if payment_id is None:
        return None
    reason = (found.status_details and found.status_details.reason) or found.status
    return RefundFailed(
        payment_id=payment_id, refund_id=found.id, amount=money(found.amount), reason=reason
    )


def _disputed(resource: bytes) -> DisputeChanged | None:
    found = msgspec.json.decode(resource, type=prepared(wire.Dispute))
    ids = [one.seller_transaction_id for one in found.disputed_transactions]
    if not ids or ids[0] is None:
        return None
    ended = found.status == "RESOLVED"
    verdict = found.dispute_outcome.outcome_code if found.dispute_outcome else "NONE"
    known = _VERDICTS.get(verdict) if ended else _DISPUTES.get(found.status)
    due = found.seller_response_due_date
    return DisputeChanged(
        payment_id=ids[0],
        dispute_id=found.dispute_id,
        amount=money(found.dispute_amount),
        status=known or DisputeStatus.UNKNOWN,
        vendor_status=f"{found.status} {verdict}" if ended else found.status,
        inquiry=found.dispute_life_cycle_stage == "INQUIRY",
        reason=found.reason,
        respond_by=due and due.timestamp(),
    )


_READERS: Mapping[str, Callable[[bytes], PaymentEvent | None]] = {
    "CHECKOUT.ORDER.APPROVED": _approved,
    "PAYMENT.CAPTURE.COMPLETED": _taken,
    "PAYMENT.CAPTURE.DECLINED": _declined,
    "PAYMENT.CAPTURE.DENIED": _declined,
    "PAYMENT.CAPTURE.REFUNDED": _refunded,
    "PAYMENT.REFUND.FAILED": _not_refunded,
    "CUSTOMER.DISPUTE.CREATED": _disputed,
    "CUSTOMER.DISPUTE.UPDATED": _disputed,
    "CUSTOMER.DISPUTE.RESOLVED": _disputed,
}

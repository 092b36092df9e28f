"""Sample events in the shape of Stripe's API version 2026-10-28.endive; the fields apps read.

A customer pays 20.00 EUR for a plan. Ids within one event agree with each other.
"""

from collections.abc import Callable
from typing import Any

from hardpoint.webhooks.samples import Builder, Document, FreshIds, Samples

_API_VERSION = "2026-10-28.endive"
_AMOUNT = 2000
_CURRENCY = "eur"
_DAY = 24 * 60 * 60


def _event(event_type: str, make: Callable[[FreshIds], Document], **changed: Any) -> Builder:
    """An event of a type, about the object that `make` builds; `changed` held other values."""

    def build(fresh: FreshIds) -> Document:
        data: Document = {"object": make(fresh)}
        if changed:
            data["previous_attributes"] = changed
        return {
            "id": fresh.token("evt"),
            "object": "event",
            "api_version": _API_VERSION,
            "created": fresh.now,
            "data": data,
            "livemode": False,
            "pending_webhooks": 1,
            "request": {"id": fresh.token("req"), "idempotency_key": fresh.uuid()},
            "type": event_type,
        }

    return build


def _payment_intent(status: str, **more: Any) -> Callable[[FreshIds], Document]:
    def make(fresh: FreshIds) -> Document:
        paid = status == "succeeded"
        return {
            "id": fresh.token("pi"),
            "object": "payment_intent",
            "amount": _AMOUNT,
            "amount_capturable": 0,
            "amount_received": _AMOUNT if paid else 0,
            "capture_method": "automatic",
            "confirmation_method": "automatic",
            "created": fresh.now,
            "currency": _CURRENCY,
            "customer": fresh.token("cus"),
            "description": "Sample payment",
            "last_payment_error": None,
            "latest_charge": fresh.token("ch") if paid else None,
            "livemode": False,
            "metadata": {},
            "next_action": None,
            "payment_method": fresh.token("pm") if paid else None,
            "payment_method_types": ["card"],
            "status": status,
            **more,
        }

    return make


def _charge(**more: Any) -> Callable[[FreshIds], Document]:
    def make(fresh: FreshIds) -> Document:
        return {
            "id": fresh.token("ch"),
            "object": "charge",
            "amount": _AMOUNT,
            "amount_captured": _AMOUNT,
            "amount_refunded": 0,
            "balance_transaction": fresh.token("txn"),
            "billing_details": {"address": {"country": "DE"}, "email": None, "name": None},
            "captured": True,
            "created": fresh.now,
            "currency": _CURRENCY,
            "customer": fresh.token("cus"),
            "disputed": False,
            "livemode": False,
            "metadata": {},
            "outcome": {"network_status": "approved_by_network", "type": "authorized"},
            "paid": True,
            "payment_intent": fresh.token("pi"),
            "payment_method": fresh.token("pm"),
            "payment_method_details": {
                "card": {"brand": "visa", "country": "US", "last4": "4242"},
                "type": "card",
            },
            "refunded": False,
            "status": "succeeded",
            **more,
        }

    return make


def _dispute(status: str) -> Callable[[FreshIds], Document]:
    def make(fresh: FreshIds) -> Document:
        return _disputed(fresh) | {"status": status}

    return make


def _disputed(fresh: FreshIds) -> Document:
    return {
        "id": fresh.token("du"),
        "object": "dispute",
        "amount": _AMOUNT,
        "charge": fresh.token("ch"),
        "created": fresh.now,
        "currency": _CURRENCY,
        "evidence_details": {"due_by": fresh.now + 7 * _DAY, "has_evidence": False},
        "is_charge_refundable": False,
        "livemode": False,
        "metadata": {},
        "payment_intent": fresh.token("pi"),
        "reason": "fraudulent",
    }


def _refund_failed(fresh: FreshIds) -> Document:
    return {
        "id": fresh.token("re"),
        "object": "refund",
        "amount": _AMOUNT,
        "charge": fresh.token("ch"),
        "created": fresh.now,
        "currency": _CURRENCY,
        "failure_balance_transaction": fresh.token("txn"),
        "failure_reason": "lost_or_stolen_card",
        "metadata": {},
        "payment_intent": fresh.token("pi"),
        "reason": "requested_by_customer",
        "status": "failed",
    }


def _checkout_session(fresh: FreshIds) -> Document:
    return {
        "id": fresh.token("cs_test"),
        "object": "checkout.session",
        "amount_subtotal": _AMOUNT,
        "amount_total": _AMOUNT,
        "client_reference_id": None,
        "created": fresh.now,
        "currency": _CURRENCY,
        "customer": fresh.token("cus"),
        "customer_details": {"email": "jenny.rosen@example.com", "name": "Jenny Rosen"},
        "expires_at": fresh.now + _DAY,
        "livemode": False,
        "metadata": {},
        "mode": "payment",
        "payment_intent": fresh.token("pi"),
        "payment_status": "paid",
        "status": "complete",
        "success_url": "https://example.com/success",
    }


def _customer(fresh: FreshIds) -> Document:
    return {
        "id": fresh.token("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": fresh.now,
        "currency": _CURRENCY,
        "delinquent": False,
        "description": "Sample customer",
        "email": "jenny.rosen@example.com",
        "livemode": False,
        "metadata": {},
        "name": "Jenny Rosen",
        "phone": None,
    }


def _subscription(status: str, **more: Any) -> Callable[[FreshIds], Document]:
    def make(fresh: FreshIds) -> Document:
        subscription = fresh.token("sub")
        item = {
            "id": fresh.token("si"),
            "object": "subscription_item",
            "current_period_end": fresh.now + 30 * _DAY,
            "current_period_start": fresh.now,
            "price": {
                "id": fresh.token("price"),
                "object": "price",
                "currency": _CURRENCY,
                "product": fresh.token("prod"),
                "recurring": {"interval": "month", "interval_count": 1},
                "unit_amount": _AMOUNT,
            },
            "quantity": 1,
            "subscription": subscription,
        }
        return {
            "id": subscription,
            "object": "subscription",
            "cancel_at_period_end": False,
            "canceled_at": fresh.now if status == "canceled" else None,
            "collection_method": "charge_automatically",
            "created": fresh.now,
            "currency": _CURRENCY,
            "customer": fresh.token("cus"),
            "items": {"object": "list", "data": [item], "has_more": False, "total_count": 1},
            "latest_invoice": fresh.token("in"),
            "livemode": False,
            "metadata": {},
            "start_date": fresh.now,
            "status": status,
            **more,
        }

    return make


def _invoice(status: str) -> Callable[[FreshIds], Document]:
    def make(fresh: FreshIds) -> Document:
        invoice = fresh.token("in")
        paid = _AMOUNT if status == "paid" else 0
        line = {
            "id": fresh.token("il"),
            "object": "line_item",
            "amount": _AMOUNT,
            "currency": _CURRENCY,
            "description": "1 x Sample plan",
            "invoice": invoice,
            "period": {"end": fresh.now + 30 * _DAY, "start": fresh.now},
            "quantity": 1,
        }
        return {
            "id": invoice,
            "object": "invoice",
            "amount_due": _AMOUNT,
            "amount_paid": paid,
            "amount_remaining": _AMOUNT - paid,
            "attempt_count": 1,
            "attempted": True,
            "billing_reason": "subscription_cycle",
            "collection_method": "charge_automatically",
            "created": fresh.now,
            "currency": _CURRENCY,
            "customer": fresh.token("cus"),
            "customer_email": "jenny.rosen@example.com",
            "lines": {"object": "list", "data": [line], "has_more": False, "total_count": 1},
            "livemode": False,
            "metadata": {},
            "next_payment_attempt": None if paid else fresh.now + 3 * _DAY,
            "number": "SAMPLE-0001",
            "parent": {
                "subscription_details": {"metadata": {}, "subscription": fresh.token("sub")},
                "type": "subscription_details",
            },
            "status": status,
            "total": _AMOUNT,
        }

    return make


def _setup_intent(fresh: FreshIds) -> Document:
    return {
        "id": fresh.token("seti"),
        "object": "setup_intent",
        "created": fresh.now,
        "customer": fresh.token("cus"),
        "last_setup_error": None,
        "livemode": False,
        "metadata": {},
        "payment_method": fresh.token("pm"),
        "payment_method_types": ["card"],
        "status": "succeeded",
        "usage": "off_session",
    }


_DECLINED = {
    "last_payment_error": {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "Your card has insufficient funds.",
        "type": "card_error",
    }
}
_CANCELED = {"cancellation_reason": "requested_by_customer"}
_REFUNDED = {"amount_refunded": _AMOUNT, "refunded": True}

_ABOUT: dict[str, Callable[[FreshIds], Document]] = {
    "charge.dispute.closed": _dispute("lost"),
    "charge.dispute.created": _dispute("needs_response"),
    "charge.refunded": _charge(**_REFUNDED),
    "charge.succeeded": _charge(),
    "checkout.session.completed": _checkout_session,
    "customer.created": _customer,
    "customer.subscription.created": _subscription("active"),
    "customer.subscription.deleted": _subscription("canceled"),
    "customer.subscription.updated": _subscription("active", cancel_at_period_end=True),
    "invoice.paid": _invoice("paid"),
    "invoice.payment_failed": _invoice("open"),
    "payment_intent.canceled": _payment_intent("canceled", **_CANCELED),
    "payment_intent.created": _payment_intent("requires_payment_method"),
    "payment_intent.payment_failed": _payment_intent("requires_payment_method", **_DECLINED),
    "payment_intent.succeeded": _payment_intent("succeeded"),
    "refund.failed": _refund_failed,
    "setup_intent.succeeded": _setup_intent,
}
_CHANGED: dict[str, Document] = {
    "charge.refunded": {"amount_refunded": 0, "refunded": False},
    "customer.subscription.updated": {"cancel_at_period_end": False},
}

SAMPLES = Samples(
    {name: _event(name, make, **_CHANGED.get(name, {})) for name, make in _ABOUT.items()},
    event_id=lambda _, document: str(document.get("id")),
    indent=2,
    text_at=lambda path: "metadata" in path.split(".")[:-1],
)
"""Account events; add `account=acct_...` for one of a connected account."""

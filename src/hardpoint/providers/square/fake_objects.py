"""What the fake location holds and refuses, and the tokens that say how a payment ends.

Test tokens as https://developer.squareup.com/docs/devtools/sandbox/payments has them, read
2026-12-01; that a card wants to be verified is told there by the token alone.
"""

from typing import Any

import msgspec

from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.vendors import Trigger
from hardpoint.providers.square.reading import MONEY

LOCATION = "L0FAKE000001"
GOOD = "cnon:card-nonce-ok"
CHALLENGED = "cnon:card-nonce-requires-verification"
"""Declined, unless the browser has verified the buyer and given a `verification_token`."""
_DECLINED = {
    "cnon:card-nonce-declined": "GENERIC_DECLINE",
    "cnon:card-nonce-rejected-cvv": "CVV_FAILURE",
    "cnon:card-nonce-rejected-postalcode": "ADDRESS_VERIFICATION_FAILURE",
    "cnon:card-nonce-rejected-expiration": "INVALID_EXPIRATION",
    "cnon:card-nonce-already-used": "CARD_TOKEN_USED",
    "cnon:gift-card-nonce-insufficient-funds": "INSUFFICIENT_FUNDS",
    "cnon:gift-card-nonce-insufficient-permission": "INSUFFICIENT_PERMISSIONS",
}
_VERIFY = "CARD_DECLINED_VERIFICATION_REQUIRED"
TRIGGERS = (
    Trigger(field="payment_method", value=GOOD, answer="succeeds"),
    *(
        Trigger(field="payment_method", value=token, answer=f"400 {code}")
        for token, code in [*_DECLINED.items(), (CHALLENGED, _VERIFY)]
    ),
)


class SquareRefusedError(Exception):
    """What Square answers instead."""

    def __init__(
        self,
        code: str,
        detail: str,
        field: str = "",
        *,
        status: int = 400,
        category: str = "INVALID_REQUEST_ERROR",
        payment: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        error = {"category": category, "code": code, "detail": detail}
        self.body: dict[str, Any] = {"errors": [error | ({"field": field} if field else {})]}
        if payment is not None:
            self.body["payment"] = payment


class SquarePayment(msgspec.Struct):
    """A payment."""

    id: str
    created_at: str
    updated_at: str
    amount_money: dict[str, Any]
    total_money: dict[str, Any]
    status: str
    order_id: str
    location_id: str = LOCATION
    source_type: str = "CARD"
    reference_id: str | None = None
    customer_id: str | None = None
    note: str | None = None
    approved_money: dict[str, Any] | None = None
    refunded_money: dict[str, Any] | None = None
    refund_ids: list[str] | None = None
    card_details: dict[str, Any] | None = None
    receipt_number: str | None = None


def refuse(problem: str, field: str) -> SquareRefusedError:
    """A field is not what it should be."""
    return SquareRefusedError("INVALID_VALUE", problem, field)


def declined_by(source: str, verified: str | None) -> str | None:
    """Why the bank declines a token, if it does."""
    if source == CHALLENGED and not verified:
        return _VERIFY
    if source not in {GOOD, CHALLENGED, *_DECLINED}:
        raise SquareRefusedError("NOT_FOUND", "Invalid source.", "source_id", status=404)
    return _DECLINED.get(source)


def money_of(fields: JsonFields, name: str) -> dict[str, Any]:
    """An amount that is more than nothing."""
    inner = fields.inner(name)
    amount, currency = inner.take("amount"), inner.take("currency")
    inner.finish()
    if type(amount) is not int or amount <= 0:
        raise SquareRefusedError("VALUE_TOO_LOW", "Not more than zero.", f"{name}.amount")
    if currency not in MONEY.exponents:
        raise SquareRefusedError("UNSUPPORTED_CURRENCY", "Not taken.", f"{name}.currency")
    return {"amount": amount, "currency": currency}


def found_in(objects: dict[str, Any], identifier: str) -> Any:
    """One of these."""
    if identifier not in objects:
        raise SquareRefusedError("NOT_FOUND", "There is no such object.", status=404)
    return objects[identifier]


def plain(payment: SquarePayment) -> dict[str, Any]:
    """As JSON shows it."""
    return msgspec.to_builtins(payment)

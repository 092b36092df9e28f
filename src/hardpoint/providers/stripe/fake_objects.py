"""The objects of the fake account, and what it checks of a request before it acts."""

from typing import Any

import msgspec

from hardpoint.fakes.fields import Fields
from hardpoint.providers.stripe.money import MONEY

SMALLEST = 50
"""Minor units of EUR or USD; other currencies have smallest amounts too, which are not imitated."""


class ObjectRefusedError(Exception):
    """What Stripe answers instead."""

    def __init__(
        self,
        code: str | None,
        message: str,
        *,
        status: int = 400,
        kind: str = "invalid_request_error",
        param: str | None = None,
        decline_code: str | None = None,
        payment_intent: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        error = {
            "type": kind,
            "code": code,
            "message": message,
            "param": param,
            "decline_code": decline_code,
            "payment_intent": payment_intent,
        }
        self.body = {"error": {name: value for name, value in error.items() if value is not None}}


class Charge(msgspec.Struct):
    """Money that was taken or reserved."""

    id: str
    amount: int
    currency: str
    payment_intent: str
    metadata: dict[str, str]
    captured: bool
    object: str = "charge"
    amount_captured: int = 0
    amount_refunded: int = 0
    refunded: bool = False
    status: str = "succeeded"


class FakeIntent(msgspec.Struct):
    """A payment."""

    id: str
    amount: int
    currency: str
    capture_method: str
    created: int
    client_secret: str
    metadata: dict[str, str]
    customer: str | None
    description: str | None
    object: str = "payment_intent"
    status: str = "requires_payment_method"
    payment_method: str | None = None
    amount_received: int = 0
    amount_capturable: int = 0
    latest_charge: str | None = None
    last_payment_error: dict[str, Any] | None = None
    next_action: dict[str, Any] | None = None
    livemode: bool = False


class FakeRefund(msgspec.Struct):
    """Money that goes back."""

    id: str
    amount: int
    charge: str
    currency: str
    metadata: dict[str, str]
    payment_intent: str
    reason: str | None
    object: str = "refund"
    status: str = "succeeded"
    failure_reason: str | None = None


def expect(intent: FakeIntent, verb: str, *statuses: str) -> None:
    """Refuse a verb that the status does not allow."""
    if intent.status not in statuses:
        raise ObjectRefusedError(
            "payment_intent_unexpected_state",
            f"You cannot {verb} this PaymentIntent because it has a status of {intent.status}.",
        )


def currency_of(text: str | None) -> str:
    """A currency that is taken."""
    if text is None:
        raise ObjectRefusedError("parameter_missing", "Missing required param.", param="currency")
    if text != text.lower() or text.upper() not in MONEY.exponents:
        raise ObjectRefusedError(None, "Invalid currency.", param="currency")
    return text


def amount_of(text: str | None, currency: str) -> int:
    """A number of minor units that the currency allows."""
    if text is None:
        raise ObjectRefusedError("parameter_missing", "Missing required param.", param="amount")
    if not text.isdecimal():
        raise ObjectRefusedError("parameter_invalid_integer", "Invalid integer.", param="amount")
    amount = int(text)
    if amount < SMALLEST and currency in {"eur", "usd"}:
        raise ObjectRefusedError("amount_too_small", "Amount is too small.", param="amount")
    if amount > MONEY.exceptions.get(currency.upper(), MONEY.most):
        raise ObjectRefusedError("amount_too_large", "Amount is too large.", param="amount")
    if amount % MONEY.steps.get(currency.upper(), 1):
        raise ObjectRefusedError(
            "invalid_charge_amount_no_decimal_compatible", "Invalid amount.", param="amount"
        )
    return amount


def expanded(fields: Fields) -> set[str]:
    """What is to be shown whole."""
    return set(fields.texts("expand").values())


def finish(fields: Fields) -> None:
    """Refuse what nobody took."""
    for name in fields.left():
        raise ObjectRefusedError(
            "parameter_unknown", f"Received unknown parameter: {name}", param=name
        )


def plain(value: msgspec.Struct) -> dict[str, Any]:
    """As JSON shows it."""
    return msgspec.to_builtins(value)

"""Stripe's objects as they stand on the wire: what we read of them, and nothing else.

Ids that Stripe may expand are read as either.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from hardpoint.http.errors import Problem
from hardpoint.http.messages import Response

_RETRYABLE = {"true": True, "false": False}


class Charge(msgspec.Struct):
    """One try to move money."""

    id: str
    amount: int
    currency: str
    amount_refunded: int = 0
    refunded: bool = False
    payment_intent: str | None = None
    metadata: Mapping[str, str] = {}


class LastError(msgspec.Struct):
    """Why the last try failed."""

    code: str | None = None
    decline_code: str | None = None


class PaymentIntent(msgspec.Struct):
    """A payment."""

    id: str
    amount: int
    currency: str
    status: str
    created: int
    amount_received: int = 0
    client_secret: str | None = None
    customer: str | None = None
    metadata: Mapping[str, str] = {}
    latest_charge: Charge | str | None = None
    last_payment_error: LastError | None = None
    next_action: Mapping[str, Any] | None = None


class PaymentIntents(msgspec.Struct):
    """A page."""

    data: list[PaymentIntent]
    has_more: bool = False


class Refund(msgspec.Struct):
    """Money that goes back."""

    id: str
    amount: int
    currency: str
    payment_intent: str | None = None
    status: str | None = None
    failure_reason: str | None = None


class Customer(msgspec.Struct):
    """Somebody whose means may be kept."""

    id: str
    email: str | None = None
    name: str | None = None
    metadata: Mapping[str, str] = {}


class Card(msgspec.Struct):
    """What a customer knows a card by."""

    brand: str = ""
    last4: str = ""


class PaymentMethod(msgspec.Struct):
    """Means that are kept."""

    id: str
    type: str
    card: Card | None = None
    customer: str | None = None


class SetupIntent(msgspec.Struct):
    """An attempt to keep some."""

    status: str
    customer: str | None = None
    payment_method: PaymentMethod | None = None


class CheckoutSession(msgspec.Struct):
    """A hosted page; its payment is there once somebody tries to pay."""

    id: str
    amount_total: int
    currency: str
    status: str | None = None
    url: str | None = None
    payment_intent: str | None = None
    expires_at: int | None = None


class Evidence(msgspec.Struct):
    """Until when Stripe takes some."""

    due_by: int | None = None


class Dispute(msgspec.Struct):
    """A customer's bank questions a charge."""

    id: str
    amount: int
    currency: str
    status: str
    payment_intent: str | None = None
    reason: str | None = None
    evidence_details: Evidence | None = None


class Error(msgspec.Struct):
    """Why Stripe refuses."""

    type: str = ""
    code: str | None = None
    decline_code: str | None = None
    message: str = ""
    param: str | None = None


class Refusal(msgspec.Struct):
    """The body of a refusal."""

    error: Error = msgspec.field(default_factory=Error)

    def problem(self, reply: Response) -> Problem:
        """As our table knows it; a type of error that has no code stands in its place.

        Stripe says whether to retry: it knows whether a 500 was stored under the key, to be
        repeated for ever.
        """
        error = self.error
        return Problem(
            status=reply.status,
            code=error.code or error.type or None,
            message=error.message,
            field=error.param,
            retryable=_RETRYABLE.get(reply.headers.get("stripe-should-retry", "")),
            details={"decline_code": error.decline_code} if error.decline_code else {},
        )


class EventData(msgspec.Struct):
    """What an event is about; read by its type."""

    object: msgspec.Raw
    previous_attributes: Mapping[str, Any] = {}


class Event(msgspec.Struct):
    """The envelope of an event. Thin ones (version 2) have data of other shapes, or none."""

    type: str
    data: msgspec.Raw = msgspec.Raw()

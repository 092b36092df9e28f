"""Square's Payments, Refunds and Checkout API; https://developer.squareup.com/reference/square.

Read 2026-12-01, with the published specification. What is captured and let go of has no key there:
where Square refuses it, the payment's own state decides.
"""

import contextlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, final
from urllib.parse import urlencode

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import (
    ConflictError,
    IdempotencyConflictError,
    InvalidRequestError,
    UnsupportedError,
)
from hardpoint.core.money import Money
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.extras import merged
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.payments.driver import PaymentCapability
from hardpoint.payments.types import (
    Capture,
    Checkout,
    NewCheckout,
    NewCustomer,
    NewPayment,
    Payment,
    PaymentCustomer,
    PaymentEvent,
    PaymentPage,
    PaymentStatus,
    Refund,
    RefundReason,
    SavedMethod,
)
from hardpoint.providers.square import API_VERSION, HOSTS, Square, reading, wire
from hardpoint.providers.square.errors import ERRORS
from hardpoint.providers.square.reading import MONEY, NOTE

_PAYMENTS = "/v2/payments"
_LINKS = "/v2/online-checkout/payment-links"
_AWAY = {"customer_initiated": False, "seller_keyed_in": False}


@final
class SquarePayments:
    """The payments of one location, in the API version that is pinned beside its settings."""

    provider = "square"
    capabilities = Capabilities(
        frozenset(
            {
                PaymentCapability.MANUAL_CAPTURE,
                PaymentCapability.PARTIAL_REFUND,
                PaymentCapability.CUSTOMER,
                PaymentCapability.FIND,
                PaymentCapability.CHECKOUT,
                PaymentCapability.SAVED_METHODS,
            }
        ),
        idempotency=Idempotency.NATIVE,
        key_length_max=45,
        limits={"reference_characters": 40, "description_characters": 500},
    )
    money = MONEY

    def __init__(self, transport: Transport, settings: Square) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=bearer(settings.access_token),
            headers=[("square-version", API_VERSION)],
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal)
        self._location = settings.location_id

    async def create_payment(self, new: NewPayment, *, idempotency_key: str) -> Payment:
        """Take or reserve it."""
        document = {
            "source_id": new.payment_method,
            "idempotency_key": idempotency_key,
            "amount_money": _amount(new.amount),
            "autocomplete": new.capture is Capture.AUTOMATIC,
            "location_id": self._location,
            "customer_id": new.customer,
            "reference_id": new.reference,
            "note": new.description,
            "customer_details": _AWAY if new.off_session else None,
        }
        return await self._pay("", merged(_given(document), new.extra, self.provider))

    async def confirm_payment(
        self,
        payment_id: str,
        *,
        payment_method: str | None,
        return_url: str | None,
        extra: Mapping[str, object],
        idempotency_key: str,
    ) -> Payment:
        """No payment stays open here, and the port asks for none to be."""
        raise UnsupportedError("square does not support unconfirmed; nothing was sent")

    async def capture(
        self, payment_id: str, amount: Money | None, *, idempotency_key: str
    ) -> Payment:
        """Take all that is reserved, if it is not taken yet."""
        return await self._set(payment_id, "complete")

    async def void(self, payment_id: str, *, idempotency_key: str) -> Payment:
        """Let go of it before it is taken."""
        return await self._set(payment_id, "cancel")

    async def refund(
        self,
        payment_id: str,
        amount: Money | None,
        *,
        reason: RefundReason | None,
        idempotency_key: str,
    ) -> Refund:
        """Give back a part, or all that is left, which Square wants to be told in numbers."""
        document = {
            "idempotency_key": idempotency_key,
            "payment_id": payment_id,
            "reason": reason and reason.replace("_", " "),
        }
        if amount is not None:
            return await self._refund({**document, "amount_money": _amount(amount)})
        try:
            return await self._refund_rest(document, await self._rests(payment_id))
        except InvalidRequestError as refused:
            raise ConflictError("nothing is left of it", status=refused.status) from refused

    async def get_payment(self, payment_id: str) -> Payment:
        """Read it."""
        return reading.payment(await self._read(payment_id))

    async def get_refund(self, refund_id: str) -> Refund:
        """Read it."""
        return reading.refund(await self._read_refund(refund_id))

    async def create_checkout(self, new: NewCheckout, *, idempotency_key: str) -> Checkout:
        """Make a payment link; Square's page has no way back for who does not pay."""
        order = {
            "location_id": self._location,
            "reference_id": new.reference,
            "customer_id": new.customer,
            "line_items": [
                {
                    "name": item.name,
                    "quantity": str(item.quantity),
                    "base_price_money": _amount(item.amount),
                }
                for item in new.items
            ],
        }
        document = {
            "idempotency_key": idempotency_key,
            "description": new.description,
            "order": _given(order),
            "checkout_options": {"redirect_url": new.success_url},
            "payment_note": new.reference and NOTE + new.reference,
        }
        fields = merged(_given(document), new.extra, self.provider)
        found = await self._api.post(_LINKS, wire.OneLink, document=fields)
        return await self._page(found.payment_link)

    async def get_checkout(self, checkout_id: str) -> Checkout:
        """Read it."""
        found = await self._api.get(f"{_LINKS}/{segment(checkout_id)}", wire.OneLink)
        return await self._page(found.payment_link)

    async def create_customer(self, new: NewCustomer, *, idempotency_key: str) -> PaymentCustomer:
        """Make one."""
        document = {
            "idempotency_key": idempotency_key,
            "email_address": new.email,
            "given_name": new.name,
            "reference_id": new.reference,
        }
        fields = merged(_given(document), new.extra, self.provider)
        found = (await self._api.post("/v2/customers", wire.OneCustomer, document=fields)).customer
        return PaymentCustomer(
            id=found.id,
            email=found.email_address,
            name=found.given_name,
            reference=found.reference_id,
        )

    async def save_method(
        self, customer: str, payment_method: str, *, idempotency_key: str
    ) -> SavedMethod:
        """Keep a card on file."""
        document = {
            "idempotency_key": idempotency_key,
            "source_id": payment_method,
            "card": {"customer_id": customer},
        }
        card = (await self._api.post("/v2/cards", wire.OneCard, document=document)).card
        hint = f"{card.card_brand} {card.last_4}".lower().strip() or None
        return SavedMethod(id=card.id, customer=card.customer_id, kind="card", hint=hint)

    async def forget_method(self, payment_method: str) -> None:
        """Disable the card."""
        path = f"/v2/cards/{segment(payment_method)}/disable"
        await self._api.post(path, wire.OneCard, document={})

    async def list_payments(self, *, since: float, cursor: str | None) -> PaymentPage:
        """A page of the location's, newest first."""
        query = {
            "begin_time": datetime.fromtimestamp(since, UTC).isoformat(timespec="milliseconds"),
            "location_id": self._location,
            "sort_order": "DESC",
            "limit": 100,
        }
        if cursor is not None:
            query["cursor"] = cursor
        page = await self._api.get(f"{_PAYMENTS}?{urlencode(query)}", wire.Payments)
        return PaymentPage(
            payments=tuple(reading.payment(one) for one in page.payments),
            cursor=page.cursor or None,
        )

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook's body says; None when it is about something else."""
        return reading.event(body)

    async def _pay(self, verb: str, document: Mapping[str, Any]) -> Payment:
        found = await self._api.post(f"{_PAYMENTS}{verb}", wire.OnePayment, document=document)
        return reading.payment(found.payment)

    async def _set(self, payment_id: str, verb: str) -> Payment:
        try:
            return await self._pay(f"/{segment(payment_id)}/{verb}", {})
        except (InvalidRequestError, ConflictError) as refused:
            found = await self.get_payment(payment_id)
            if verb == "complete" and found.status is PaymentStatus.SUCCEEDED:
                return found
            if found.status is PaymentStatus.AUTHORIZED:
                raise
            raise ConflictError(
                f"the payment is {found.vendor_status}", status=refused.status
            ) from refused

    async def _read(self, payment_id: str) -> wire.Payment:
        found = await self._api.get(f"{_PAYMENTS}/{segment(payment_id)}", wire.OnePayment)
        return found.payment

    async def _read_refund(self, refund_id: str) -> wire.Refund:
        return (await self._api.get(f"/v2/refunds/{segment(refund_id)}", wire.OneRefund)).refund

    async def _page(self, link: wire.PaymentLink) -> Checkout:
        order = await self._api.get(f"/v2/orders/{segment(link.order_id)}", wire.OneOrder)
        return reading.checkout(link, order.order)

    async def _refund(self, document: Mapping[str, Any]) -> Refund:
        found = await self._api.post("/v2/refunds", wire.OneRefund, document=_given(document))
        return reading.refund(found.refund)

    async def _refund_rest(
        self, document: Mapping[str, Any], rests: Sequence[wire.Amount]
    ) -> Refund:
        """Give back what is left; or find the refund that this key has made, by its amount.

        Under a key that is known Square gives the same refund again, and refuses another amount:
        so no second one can come of it.
        """
        *others, last = rests
        for rest in others:
            with contextlib.suppress(IdempotencyConflictError):
                return await self._refund({**document, "amount_money": _money(rest)})
        return await self._refund({**document, "amount_money": _money(last)})

    async def _rests(self, payment_id: str) -> Sequence[wire.Amount]:
        """What is left to give back; where nothing is, what its refunds gave, the latest first.

        One of those may be this very call's, whose answer was lost.
        """
        found = await self._read(payment_id)
        if found.status != "COMPLETED":
            raise ConflictError(f"the payment is {found.status}")
        gone = found.refunded_money.amount if found.refunded_money else 0
        if gone < found.whole.amount:
            return [wire.Amount(found.whole.amount - gone, found.whole.currency)]
        refunds = [await self._read_refund(one) for one in found.refund_ids or ()]
        refunds.sort(key=lambda one: one.created_at or "", reverse=True)
        return [one.amount_money for one in refunds] or [found.whole]


def _money(amount: wire.Amount) -> dict[str, Any]:
    return {"amount": amount.amount, "currency": amount.currency}


def _amount(amount: Money) -> dict[str, Any]:
    return {"amount": MONEY.of(amount), "currency": amount.currency}


def _given(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not given: Square takes no null."""
    return {name: value for name, value in document.items() if value is not None}

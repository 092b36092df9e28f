"""Stripe PaymentIntents, Refunds and Checkout Sessions over REST.

https://docs.stripe.com/api, read 2026-12-01.
"""

from collections.abc import Mapping
from typing import Any, TypeVar, final
from urllib.parse import urlencode

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import Money
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.extras import merged
from hardpoint.http.forms import encode
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
    Refund,
    RefundReason,
    SavedMethod,
)
from hardpoint.providers.stripe import API_VERSION, HOST, Stripe, reading, wire
from hardpoint.providers.stripe.errors import ERRORS
from hardpoint.providers.stripe.money import MONEY

_Wire = TypeVar("_Wire")
_PAGE = 100
_EXPAND = ["latest_charge"]
"""Only the charge knows what was refunded."""


@final
class StripePayments:
    """Stripe's payments, in the API version that is pinned beside its settings."""

    provider = "stripe"
    capabilities = Capabilities(
        frozenset(PaymentCapability) - {PaymentCapability.APPROVAL},
        idempotency=Idempotency.NATIVE,
        key_length_max=255,
        key_seconds=24 * 3600,
        limits={
            "metadata_keys": 49,  # of 50; one is the reference
            "metadata_key_characters": 40,
            "metadata_value_characters": 500,
            "reference_characters": 500,
            "description_characters": 1000,
        },
    )
    money = MONEY

    def __init__(self, transport: Transport, settings: Stripe) -> None:
        headers = [("stripe-version", API_VERSION)]
        if settings.account is not None:
            headers.append(("stripe-account", settings.account))
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts={HOST},
            authorization=bearer(settings.secret_key),
            headers=headers,
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal)

    async def create_payment(self, new: NewPayment, *, idempotency_key: str) -> Payment:
        """Create it; with a method, confirm it at once."""
        form: dict[str, Any] = {
            "amount": MONEY.of(new.amount),
            "currency": new.amount.currency.lower(),
            "capture_method": "manual" if new.capture is Capture.MANUAL else "automatic",
            "customer": new.customer,
            "description": new.description,
            "metadata": _own(new),
            "expand": _EXPAND,
        }
        if new.payment_method is not None:
            form |= {"payment_method": new.payment_method, "confirm": True}
            # Without an address to come back to, only means that never leave the page will do.
            form |= (
                {"return_url": new.return_url}
                if new.return_url
                else {"automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
            )
        if new.off_session:
            form["off_session"] = True
        fields = merged(form, new.extra, self.provider)
        return await self._pay("", fields, idempotency_key)

    async def confirm_payment(
        self,
        payment_id: str,
        *,
        payment_method: str | None,
        return_url: str | None,
        extra: Mapping[str, object],
        idempotency_key: str,
    ) -> Payment:
        """Try to pay."""
        form = {"payment_method": payment_method, "return_url": return_url, "expand": _EXPAND}
        fields = merged(form, extra, self.provider)
        return await self._pay(f"/{segment(payment_id)}/confirm", fields, idempotency_key)

    async def capture(
        self, payment_id: str, amount: Money | None, *, idempotency_key: str
    ) -> Payment:
        """Take what is reserved, or a part of it and let go of the rest."""
        form = {
            "amount_to_capture": None if amount is None else MONEY.of(amount),
            "expand": _EXPAND,
        }
        return await self._pay(f"/{segment(payment_id)}/capture", form, idempotency_key)

    async def void(self, payment_id: str, *, idempotency_key: str) -> Payment:
        """Let go of it before it is taken."""
        return await self._pay(
            f"/{segment(payment_id)}/cancel", {"expand": _EXPAND}, idempotency_key
        )

    async def refund(
        self,
        payment_id: str,
        amount: Money | None,
        *,
        reason: RefundReason | None,
        idempotency_key: str,
    ) -> Refund:
        """Give back all that is left, or a part."""
        form = {
            "payment_intent": payment_id,
            "amount": None if amount is None else MONEY.of(amount),
            "reason": reason,
        }
        found = await self._post("/v1/refunds", wire.Refund, form, idempotency_key)
        return reading.refund(found)

    async def get_payment(self, payment_id: str) -> Payment:
        """Read it."""
        query = urlencode({"expand[0]": _EXPAND[0]})
        target = f"/v1/payment_intents/{segment(payment_id)}?{query}"
        return reading.payment(await self._api.get(target, wire.PaymentIntent))

    async def get_refund(self, refund_id: str) -> Refund:
        """Read it."""
        return reading.refund(await self._api.get(f"/v1/refunds/{segment(refund_id)}", wire.Refund))

    async def create_checkout(self, new: NewCheckout, *, idempotency_key: str) -> Checkout:
        """Make a page; its payment is made by Stripe, once somebody tries to pay."""
        own = _own(new)
        form: dict[str, Any] = {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": item.amount.currency.lower(),
                        "unit_amount": MONEY.of(item.amount),
                        "product_data": {"name": item.name},
                    },
                    "quantity": item.quantity,
                }
                for item in new.items
            ],
            "success_url": new.success_url,
            "cancel_url": new.cancel_url,
            "customer": new.customer,
            "metadata": own,
            "payment_intent_data": {"description": new.description, "metadata": own},
        }
        fields = merged(form, new.extra, self.provider)
        path = "/v1/checkout/sessions"
        found = await self._post(path, wire.CheckoutSession, fields, idempotency_key)
        return reading.checkout(found)

    async def get_checkout(self, checkout_id: str) -> Checkout:
        """Read it."""
        target = f"/v1/checkout/sessions/{segment(checkout_id)}"
        return reading.checkout(await self._api.get(target, wire.CheckoutSession))

    async def create_customer(self, new: NewCustomer, *, idempotency_key: str) -> PaymentCustomer:
        """Make one."""
        form = {"email": new.email, "name": new.name, "metadata": _own(new)}
        fields = merged(form, new.extra, self.provider)
        found = await self._post("/v1/customers", wire.Customer, fields, idempotency_key)
        return reading.customer(found)

    async def save_method(
        self, customer: str, payment_method: str, *, idempotency_key: str
    ) -> SavedMethod:
        """Keep means, by a SetupIntent: the bank hears that they will be charged off session."""
        form = {
            "customer": customer,
            "payment_method": payment_method,
            "usage": "off_session",
            "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "expand": ["payment_method"],
        }
        found = await self._post("/v1/setup_intents", wire.SetupIntent, form, idempotency_key)
        return reading.saved(found)

    async def forget_method(self, payment_method: str) -> None:
        """Take it from its customer; what belongs to nobody is refused, and is gone already."""
        path = f"/v1/payment_methods/{segment(payment_method)}"
        try:
            await self._post(f"{path}/detach", wire.PaymentMethod, {}, f"detach:{payment_method}")
        except InvalidRequestError:
            if (await self._api.get(path, wire.PaymentMethod)).customer is not None:
                raise

    async def list_payments(self, *, since: float, cursor: str | None) -> PaymentPage:
        """A page, newest first. Not Stripe's search, whose index may lag by an hour."""
        query = {"limit": _PAGE, "created[gte]": int(since), "expand[0]": f"data.{_EXPAND[0]}"}
        if cursor is not None:
            query["starting_after"] = cursor
        target = f"/v1/payment_intents?{urlencode(query)}"
        page = await self._api.get(target, wire.PaymentIntents)
        return PaymentPage(
            payments=tuple(reading.payment(intent) for intent in page.data),
            cursor=page.data[-1].id if page.has_more and page.data else None,
        )

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook's body says; None when it is about something else."""
        return reading.event(body)

    async def _pay(self, verb: str, form: Mapping[str, Any], key: str) -> Payment:
        path = f"/v1/payment_intents{verb}"
        return reading.payment(await self._post(path, wire.PaymentIntent, form, key))

    async def _post(self, path: str, kind: type[_Wire], form: Mapping[str, Any], key: str) -> _Wire:
        headers = [("idempotency-key", key)]
        return await self._api.post(path, kind, form=encode(form), headers=headers)


def _own(new: NewPayment | NewCheckout | NewCustomer) -> dict[str, str]:
    """What is yours in it, and where Stripe has no field for it."""
    metadata: Mapping[str, str] = {} if isinstance(new, NewCustomer) else new.metadata
    return {**metadata, **({reading.REFERENCE: new.reference} if new.reference else {})}

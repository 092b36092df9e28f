"""PayPal's Orders v2 and Payments v2, by the published specifications and package 2.4.0.

Read 2026-12-01; the pages are below https://developer.paypal.com/api/rest/.

A customer approves an order on PayPal's page, and then it is taken: `create_checkout`, then
`confirm_payment`. Means that PayPal's vault keeps are charged in one step. Under a key that was
used before PayPal gives what became of the first request and compares nothing, so we do.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NoReturn, TypeVar, final

import msgspec

from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import (
    ConflictError,
    IdempotencyConflictError,
    InvalidRequestError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.core.money import Money
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.errors import Problem
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
from hardpoint.providers.paypal import HOSTS, PayPal, reading, wire
from hardpoint.providers.paypal.errors import ERRORS, declined
from hardpoint.providers.paypal.reading import AUTHORIZATION, MONEY, ORDER

_ORDERS = "/v2/checkout/orders"
_PAYMENTS = "/v2/payments"
_VERIFY = "/v1/notifications/verify-webhook-signature"
_KEPT_SECONDS: Final = 6 * 3600
"""Of orders; of captures, refunds and voids PayPal remembers keys for 45 days."""
_MEANS: Final = frozenset({"card", "paypal", "venmo", "apple_pay"})
_ITEM_CHARACTERS: Final = 127
_NOTES: Final = {
    RefundReason.DUPLICATE: "duplicate",
    RefundReason.REQUESTED_BY_CUSTOMER: "requested by customer",
}
"""What the customer is told; nobody is told that they are a fraud."""
_Found = TypeVar("_Found", wire.Order, wire.Part)


@final
class PayPalPayments:
    """The payments of one REST app."""

    provider = "paypal"
    capabilities = Capabilities(
        frozenset(
            {
                PaymentCapability.MANUAL_CAPTURE,
                PaymentCapability.PARTIAL_CAPTURE,
                PaymentCapability.PARTIAL_REFUND,
                PaymentCapability.CHECKOUT,
                PaymentCapability.APPROVAL,
            }
        ),
        idempotency=Idempotency.WINDOWED,
        key_length_max=108,
        key_seconds=_KEPT_SECONDS,
        limits={"reference_characters": 127, "description_characters": 127},
    )
    money = MONEY

    def __init__(self, transport: Transport, settings: PayPal) -> None:
        from hardpoint.providers.paypal.tokens import authorization  # loads much, for later

        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=authorization(transport, settings),
            headers=[("prefer", "return=representation")],
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal, success={200, 201, 204})
        self._shipping = settings.shipping_preference

    async def create_payment(self, new: NewPayment, *, idempotency_key: str) -> Payment:
        """Take or reserve it with means of the vault, `card:TOKEN` or `paypal:TOKEN`."""
        means, _, token = (new.payment_method or "").partition(":")
        if means not in _MEANS or not token:
            raise InvalidRequestError("is not card:TOKEN or paypal:TOKEN", field="payment_method")
        unit = {
            "amount": _amount(new.amount),
            "custom_id": new.reference,
            "description": new.description,
        }
        document = {
            "intent": "CAPTURE" if new.capture is Capture.AUTOMATIC else "AUTHORIZE",
            "purchase_units": [_given(unit)],
            "payment_source": {means: {"vault_id": token}},
        }
        order = await self._made(
            document, new.extra, idempotency_key, amount=new.amount, reference=new.reference
        )
        paid = reading.payment(order)
        if paid.status is PaymentStatus.REQUIRES_ACTION:
            self._refuse("PAYER_ACTION_REQUIRED")
        return self._unless_declined(paid, order)

    async def confirm_payment(
        self,
        payment_id: str,
        *,
        payment_method: str | None,
        return_url: str | None,
        extra: Mapping[str, object],
        idempotency_key: str,
    ) -> Payment:
        """Take what the customer has approved; what was taken before is given again."""
        if not payment_id.startswith(ORDER):
            raise ConflictError("is no order that could be confirmed: it is further than that")
        order_id = payment_id.removeprefix(ORDER)
        try:
            order = await self._post(
                f"{_ORDERS}/{segment(order_id)}/capture", wire.Order, dict(extra), idempotency_key
            )
        except ConflictError as refused:
            if refused.vendor_code != "ORDER_ALREADY_CAPTURED":
                raise
            order = await self._order(order_id)
        return self._unless_declined(reading.payment(order), order)

    async def capture(
        self, payment_id: str, amount: Money | None, *, idempotency_key: str
    ) -> Payment:
        """Take what is reserved, at most once; PayPal would take more than that if asked to."""
        identifier = self._reserved(payment_id)
        path = f"{_PAYMENTS}/authorizations/{segment(identifier)}"
        if amount is not None:
            reserved = reading.authorized(await self._api.get(path, wire.Part)).amount
            if reserved < amount:
                raise InvalidRequestError(f"is more than {reserved}", field="amount")
        document = {"final_capture": True} | ({"amount": _amount(amount)} if amount else {})
        found = await self._post(f"{path}/capture", wire.Part, document, idempotency_key)
        self._check_same(found, amount)
        if reading.linked(found, "authorizations") not in {None, identifier}:
            raise IdempotencyConflictError(provider=self.provider)
        taken = reading.captured(found, None)
        if taken.status is PaymentStatus.FAILED:
            self._refuse(reading.reason_of(found))
        return taken

    async def void(self, payment_id: str, *, idempotency_key: str) -> Payment:
        """Let go of what is reserved; an order that nobody confirms ends by itself."""
        identifier = self._reserved(payment_id)
        path = f"{_PAYMENTS}/authorizations/{segment(identifier)}"
        headers = [("paypal-request-id", idempotency_key)]
        reply = await self._api.send("POST", f"{path}/void", document={}, headers=headers)
        if reply.status == 204:
            return reading.authorized(await self._api.get(path, wire.Part))
        return reading.authorized(self._api.read(reply, wire.Part))

    async def refund(
        self,
        payment_id: str,
        amount: Money | None,
        *,
        reason: RefundReason | None,
        idempotency_key: str,
    ) -> Refund:
        """Give back a part, or all that is left of it."""
        capture_id = payment_id
        if payment_id.startswith((ORDER, AUTHORIZATION)):
            capture_id = (await self.get_payment(payment_id)).id
            if capture_id.startswith((ORDER, AUTHORIZATION)):
                raise ConflictError("nothing was taken that could be refunded")
        document = {
            "amount": _amount(amount) if amount else None,
            "note_to_payer": _NOTES.get(reason) if reason else None,
        }
        found = await self._post(
            f"{_PAYMENTS}/captures/{segment(capture_id)}/refund",
            wire.Part,
            _given(document),
            idempotency_key,
        )
        self._check_same(found, amount)
        if reading.linked(found, "captures") not in {None, capture_id}:
            raise IdempotencyConflictError(provider=self.provider)
        return reading.refund(found, capture_id)

    async def get_payment(self, payment_id: str) -> Payment:
        """Read it, by the id of any of its steps."""
        if payment_id.startswith(ORDER):
            return reading.payment(await self._order(payment_id.removeprefix(ORDER)))
        if payment_id.startswith(AUTHORIZATION):
            path = f"{_PAYMENTS}/authorizations/{segment(payment_id.removeprefix(AUTHORIZATION))}"
            found = await self._api.get(path, wire.Part)
            if found.status not in {"CAPTURED", "PARTIALLY_CAPTURED"}:
                return reading.authorized(found)
            return reading.payment(await self._order(self._order_of(found)))
        path = f"{_PAYMENTS}/captures/{segment(payment_id)}"
        found = await self._api.get(path, wire.Part)
        if found.status != "PARTIALLY_REFUNDED":
            return reading.captured(found, None)
        order = await self._order(self._order_of(found))
        return reading.captured(found, reading.payment(order).refunded)

    async def get_refund(self, refund_id: str) -> Refund:
        """Read it."""
        path = f"{_PAYMENTS}/refunds/{segment(refund_id)}"
        return reading.refund(await self._api.get(path, wire.Part))

    async def create_checkout(self, new: NewCheckout, *, idempotency_key: str) -> Checkout:
        """Make an order; PayPal's page has the customer approve it."""
        items = [
            {
                "name": item.name[:_ITEM_CHARACTERS],
                "quantity": str(item.quantity),
                "unit_amount": _amount(item.amount),
            }
            for item in new.items
        ]
        total = _amount(new.amount)
        unit = {
            "amount": {**total, "breakdown": {"item_total": total}},
            "custom_id": new.reference,
            "description": new.description,
            "items": items,
        }
        page = {
            "return_url": new.success_url,
            "cancel_url": new.cancel_url,
            "shipping_preference": self._shipping,
            "user_action": "PAY_NOW",
        }
        document = {
            "intent": "CAPTURE",
            "purchase_units": [_given(unit)],
            "payment_source": {"paypal": {"experience_context": _given(page)}},
        }
        order = await self._made(
            document, new.extra, idempotency_key, amount=new.amount, reference=new.reference
        )
        return reading.checkout(order)

    async def get_checkout(self, checkout_id: str) -> Checkout:
        """Read it."""
        return reading.checkout(await self._order(checkout_id))

    async def create_customer(self, new: NewCustomer, *, idempotency_key: str) -> PaymentCustomer:
        """PayPal keeps customers with their means alone."""
        _cannot(PaymentCapability.SAVED_METHODS)

    async def save_method(
        self, customer: str, payment_method: str, *, idempotency_key: str
    ) -> SavedMethod:
        """The customer has to agree to it on PayPal's page."""
        _cannot(PaymentCapability.SAVED_METHODS)

    async def forget_method(self, payment_method: str) -> None:
        """Likewise."""
        _cannot(PaymentCapability.SAVED_METHODS)

    async def list_payments(self, *, since: float, cursor: str | None) -> PaymentPage:
        """PayPal's list lags by hours."""
        _cannot(PaymentCapability.FIND)

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook's body says; None when it is about something else."""
        return reading.event(body)

    async def verify_event(self, headers: Mapping[str, str], body: bytes, webhook_id: str) -> bool:
        """Ask PayPal whether it has sent a webhook: for an endpoint of one's own.

        Args:
            headers: as they came.
            body: as it came, byte for byte.
            webhook_id: of the webhook that the endpoint belongs to.
        """
        try:
            msgspec.json.decode(body)  # one whole value, which ends where it should
        except UNREADABLE:
            return False
        said = {name.lower(): value for name, value in headers.items()}
        document = {
            "webhook_id": webhook_id,
            "auth_algo": said.get("paypal-auth-algo"),
            "cert_url": said.get("paypal-cert-url"),
            "transmission_id": said.get("paypal-transmission-id"),
            "transmission_sig": said.get("paypal-transmission-sig"),
            "transmission_time": said.get("paypal-transmission-time"),
            "webhook_event": msgspec.Raw(body),
        }
        if None in document.values():
            return False
        found = await self._api.post(_VERIFY, wire.Verification, document=document)
        return found.verification_status == "SUCCESS"

    async def _made(
        self,
        document: Mapping[str, Any],
        extra: Mapping[str, object],
        key: str,
        *,
        amount: Money,
        reference: str | None,
    ) -> wire.Order:
        fields = merged(document, extra, self.provider)
        order = await self._post(_ORDERS, wire.Order, fields, key)
        unit = reading.the_unit(order)
        if (reading.money(unit.amount), unit.custom_id) != (amount, reference):
            raise IdempotencyConflictError(provider=self.provider)
        return order

    async def _post(
        self, target: str, kind: type[_Found], document: Mapping[str, Any], key: str
    ) -> _Found:
        headers = [("paypal-request-id", key)]
        return await self._api.post(target, kind, document=document, headers=headers)

    async def _order(self, order_id: str) -> wire.Order:
        return await self._api.get(f"{_ORDERS}/{segment(order_id)}", wire.Order)

    def _check_same(self, found: wire.Part, amount: Money | None) -> None:
        """See that the answer is of what was asked, not of what the key was used for before."""
        if amount is not None and reading.money(found.amount) != amount:
            raise IdempotencyConflictError(provider=self.provider)

    def _reserved(self, payment_id: str) -> str:
        if payment_id.startswith(AUTHORIZATION):
            return payment_id.removeprefix(AUTHORIZATION)
        order = payment_id.startswith(ORDER)
        raise ConflictError("nothing is reserved yet" if order else "it was captured before")

    def _order_of(self, found: wire.Part) -> str:
        order_id = reading.order_of(found)
        if order_id is None:
            raise UnexpectedResponseError("it belongs to no order", provider=self.provider)
        return order_id

    def _unless_declined(self, paid: Payment, order: wire.Order) -> Payment:
        """The payment; an answer of 201 may hold one that was declined."""
        if paid.status is PaymentStatus.FAILED:
            parts = reading.the_unit(order).payments or wire.UnitPayments()
            self._refuse(reading.reason_of([*parts.authorizations, *parts.captures][-1]))
        return paid

    def _refuse(self, code: str) -> NoReturn:
        raise declined(Problem(status=201, code=code))


def _amount(amount: Money) -> dict[str, Any]:
    exponent = MONEY.exponents[amount.currency]
    value = Decimal(MONEY.of(amount)).scaleb(-exponent)
    return {"currency_code": amount.currency, "value": f"{value:f}"}


def _given(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is not given."""
    return {name: value for name, value in document.items() if value is not None}


def _cannot(what: PaymentCapability) -> NoReturn:
    raise UnsupportedError(f"paypal does not support {what}; nothing was sent")

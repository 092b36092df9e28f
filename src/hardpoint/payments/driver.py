"""What a provider's payments must offer: one attempt each, errors mapped, nothing decided."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.core.money import MinorUnits, Money
from hardpoint.payments.types import (
    NewPayment,
    Payment,
    PaymentEvent,
    PaymentPage,
    Refund,
    RefundReason,
)


class PaymentCapability(StrEnum):
    """What not every provider can do."""

    MANUAL_CAPTURE = "manual_capture"
    PARTIAL_CAPTURE = "partial_capture"
    PARTIAL_REFUND = "partial_refund"
    CUSTOMER = "customer"
    METADATA = "metadata"
    UNCONFIRMED = "unconfirmed"
    """A payment is made without means; the customer's browser adds them by a client secret."""
    FIND = "find"
    """Payments can be listed, completely and without delay."""


class PaymentDriver(Driver, Protocol):
    """A provider's payments. Ids are the provider's own; keys fit its length.

    Limits read by the port: `metadata_keys`, `metadata_key_characters`,
    `metadata_value_characters`, `reference_characters`, `description_characters`.
    """

    @property
    def money(self) -> MinorUnits:
        """How it counts money, and which currencies it takes."""
        ...

    async def create_payment(self, new: NewPayment, *, idempotency_key: str) -> Payment:
        """Create it; with a method, confirm it at once."""
        ...

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
        ...

    async def capture(
        self, payment_id: str, amount: Money | None, *, idempotency_key: str
    ) -> Payment:
        """Take what is reserved, or a part of it and let go of the rest."""
        ...

    async def void(self, payment_id: str, *, idempotency_key: str) -> Payment:
        """Let go of it before it is taken."""
        ...

    async def refund(
        self,
        payment_id: str,
        amount: Money | None,
        *,
        reason: RefundReason | None,
        idempotency_key: str,
    ) -> Refund:
        """Give back all that is left, or a part."""
        ...

    async def get_payment(self, payment_id: str) -> Payment:
        """Read it."""
        ...

    async def list_payments(self, *, since: float, cursor: str | None) -> PaymentPage:
        """A page of the payments created since a time in Unix seconds."""
        ...

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook's body says; None when it is about something else."""
        ...

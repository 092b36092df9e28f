"""What a provider's payments must offer: one attempt each, errors mapped, nothing decided."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.core.money import MinorUnits, Money
from hardpoint.payments.types import (
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


class PaymentCapability(StrEnum):
    """What not every provider can do."""

    MANUAL_CAPTURE = "manual_capture"
    PARTIAL_CAPTURE = "partial_capture"
    PARTIAL_REFUND = "partial_refund"
    CUSTOMER = "customer"
    METADATA = "metadata"
    UNCONFIRMED = "unconfirmed"
    """A payment is made without means; the customer's browser adds them by a client secret."""
    REDIRECT = "redirect"
    """A bank may have the customer sent to it; they come back to `return_url`."""
    FIND = "find"
    """Payments can be listed, completely; a new one at the latest after `settle_seconds`."""
    CHECKOUT = "checkout"
    """The provider has a page of its own, where the customer pays."""
    APPROVAL = "approval"
    """The page takes no money: the customer approves there, and `confirm_payment` takes it."""
    SAVED_METHODS = "saved_methods"
    """Means are kept with a customer, and charged while the customer is away."""


class PaymentDriver(Driver, Protocol):
    """A provider's payments. Ids are the provider's own, without a connection.

    The port has checked every argument against the capabilities, and cut or derived the key to
    `key_length_max` characters. `extra` is this provider's own part, passed on by
    `hardpoint.provider.merged`. Times are Unix seconds, amounts `Money`.

    Limits read by the port: `metadata_keys`, `metadata_key_characters`,
    `metadata_value_characters`, `reference_characters`, `description_characters`.

    Raises (every verb):
        ProviderError: what the provider's table of errors has for a refusal. Where the answer is
            lost or cannot be read, an error whose `outcome_known` is False.
    """

    @property
    def money(self) -> MinorUnits:
        """Which currencies it takes, and how many of its minor units an amount is."""
        ...

    async def create_payment(self, new: NewPayment, *, idempotency_key: str) -> Payment:
        """Create it; with a payment method, confirm it at once.

        Raises:
            DeclinedError: it was created, and the try to pay was declined.
            IdempotencyConflictError: the key was used with other arguments.
        """
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
        """Try to pay; with a method, by that one in place of the payment's own.

        With `APPROVAL` it takes what a customer has approved on a page; what was taken of it
        before is given again.

        Raises:
            DeclinedError: the payment stays open.
            ConflictError: its status does not allow it.
        """
        ...

    async def capture(
        self, payment_id: str, amount: Money | None, *, idempotency_key: str
    ) -> Payment:
        """Take all that is reserved (None), or this much of it and let go of the rest.

        Where the provider keeps no key of it, what was taken whole before is given again.

        Raises:
            ConflictError: the payment's status does not allow it.
        """
        ...

    async def void(self, payment_id: str, *, idempotency_key: str) -> Payment:
        """Let go of it before money is taken.

        Raises:
            ConflictError: it was taken, or let go of before.
        """
        ...

    async def refund(
        self,
        payment_id: str,
        amount: Money | None,
        *,
        reason: RefundReason | None,
        idempotency_key: str,
    ) -> Refund:
        """Give back all that is left (None), or this much of it.

        Raises:
            ConflictError: nothing is left, or nothing was taken.
        """
        ...

    async def get_payment(self, payment_id: str) -> Payment:
        """Read it.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...

    async def get_refund(self, refund_id: str) -> Refund:
        """Read it.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...

    async def create_checkout(self, new: NewCheckout, *, idempotency_key: str) -> Checkout:
        """Make a page; without `CHECKOUT` it is not called.

        Reference and metadata belong to the payment that comes of it too, as far as can be.

        Raises:
            IdempotencyConflictError: the key was used with other arguments.
        """
        ...

    async def get_checkout(self, checkout_id: str) -> Checkout:
        """Read it; without `CHECKOUT` it is not called.

        Raises:
            NotFoundError: there is none of that id.
        """
        ...

    async def create_customer(self, new: NewCustomer, *, idempotency_key: str) -> PaymentCustomer:
        """Make one; without `SAVED_METHODS` it is not called."""
        ...

    async def save_method(
        self, customer: str, payment_method: str, *, idempotency_key: str
    ) -> SavedMethod:
        """Keep means with a customer; without `SAVED_METHODS` it is not called.

        Raises:
            DeclinedError: the bank does not want them kept; with `AUTHENTICATION_REQUIRED`, not
                without the customer.
            NotFoundError: there is no such customer, or no such token.
        """
        ...

    async def forget_method(self, payment_method: str) -> None:
        """Keep means no longer; without `SAVED_METHODS` it is not called. Once more does nothing.

        Raises:
            NotFoundError: there are none of that id.
        """
        ...

    async def list_payments(self, *, since: float, cursor: str | None) -> PaymentPage:
        """A page of the payments created since a time, newest first.

        Args:
            since: Unix seconds.
            cursor: of the page before; None for the first.
        """
        ...

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook's body says; None when it is about something else.

        Raises:
            ValueError, RecursionError, InvalidRequestError: it is about a payment, in no shape we
                know.
        """
        ...

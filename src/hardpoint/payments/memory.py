"""Payments in memory: the reference that says what every driver has to mean.

It keeps what it did in lists that tests read, honours idempotency keys as strictly as
the strictest provider, and is told by the name of the payment method how a try ends.
"""

import time
from collections.abc import Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, final

import msgspec

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import (
    ConflictError,
    DeclinedError,
    InvalidRequestError,
    NotFoundError,
)
from hardpoint.core.money import MinorUnits, Money
from hardpoint.fakes.answers import Answers
from hardpoint.fakes.memory import MemoryAccount
from hardpoint.payments.driver import PaymentCapability
from hardpoint.payments.memory_ledger import (
    DECLINED,
    GOOD,
    OPEN,
    MemoryLedger,
    check_method,
    declined_by,
)
from hardpoint.payments.types import (
    Checkout,
    CheckoutStatus,
    DeclineReason,
    DisputeChanged,
    DisputeStatus,
    NewCheckout,
    NewCustomer,
    NewPayment,
    Payment,
    PaymentCustomer,
    PaymentEvent,
    PaymentPage,
    PaymentStatus,
    Refund,
    Refunded,
    RefundFailed,
    RefundReason,
    RefundStatus,
    SavedMethod,
)

_PAGE = 100
_LIMITS = {
    "metadata_keys": 49,
    "metadata_key_characters": 40,
    "metadata_value_characters": 500,
    "reference_characters": 500,
    "description_characters": 1000,
}


DIRECT = frozenset(PaymentCapability) - {PaymentCapability.APPROVAL}


@final
class MemoryPayments(MemoryAccount[PaymentEvent]):
    """An account that lives as long as this object.

    Args:
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less, but for `APPROVAL`: with that
            its pages take no money.
    """

    money = MinorUnits(exponents={"EUR": 2, "USD": 2, "JPY": 0}, steps={}, most=99_999_999)

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[PaymentCapability] = DIRECT,
    ) -> None:
        super().__init__(capabilities, Idempotency.NATIVE, _LIMITS, now)
        self._ledger = MemoryLedger(
            redirects=PaymentCapability.REDIRECT in capabilities, now=now, tell=self.events.append
        )
        self._refunds: dict[str, Refund] = {}
        self._checkouts: dict[str, Checkout] = {}
        self._pages: dict[str, NewPayment] = {}
        self._saved: dict[str, SavedMethod] = {}
        self._forgotten = set[str]()
        self._customers: dict[str, PaymentCustomer] = {}
        self._answers = Answers[Any]((ConflictError, DeclinedError))

    async def create_payment(self, new: NewPayment, *, idempotency_key: str) -> Payment:
        """Create it; with a method, confirm it at once."""

        def act() -> Payment:
            if new.payment_method not in self._saved:
                check_method(new.payment_method)
            identifier = self._ledger.open(new)
            saved = self._saved.get(new.payment_method or "")
            if saved is None:
                return self._ledger.pay(identifier, new.payment_method)
            if saved.customer != new.customer:
                raise InvalidRequestError("is of another", field="customer", status=400)
            return self._ledger.pay(identifier, saved.kind, away=new.off_session)

        return self._once(idempotency_key, msgspec.structs.astuple(new), act)

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

        def act() -> Payment:
            page = next(
                (one for one in self._checkouts.values() if one.payment_id == payment_id), None
            )
            if page is not None and page.status is CheckoutStatus.COMPLETED:
                return self._ledger.get(payment_id)
            self._ledger.expect(payment_id, *OPEN)
            check_method(payment_method)
            method = payment_method or self._ledger.method_of(payment_id)
            if method is None:
                raise InvalidRequestError("is missing", field="payment_method", status=400)
            paid = self._ledger.pay(payment_id, method)
            if page is not None:
                self._close(page, CheckoutStatus.COMPLETED, payment_id)
            return paid

        asked = (payment_id, payment_method, return_url)
        return self._once(idempotency_key, asked, act)

    async def capture(
        self, payment_id: str, amount: Money | None, *, idempotency_key: str
    ) -> Payment:
        """Take what is reserved, or a part of it and let go of the rest."""

        def act() -> Payment:
            payment = self._ledger.expect(payment_id, PaymentStatus.AUTHORIZED)
            if amount is not None and payment.amount < amount:
                raise InvalidRequestError("is more than is reserved", field="amount", status=400)
            return self._ledger.take(payment_id, amount or payment.amount)

        return self._once(idempotency_key, (payment_id, amount), act)

    async def void(self, payment_id: str, *, idempotency_key: str) -> Payment:
        """Let go of it before it is taken."""

        def act() -> Payment:
            self._ledger.expect(payment_id, *OPEN, PaymentStatus.AUTHORIZED)
            return self._ledger.move(payment_id, PaymentStatus.VOIDED)

        return self._once(idempotency_key, (payment_id,), act)

    async def refund(
        self,
        payment_id: str,
        amount: Money | None,
        *,
        reason: RefundReason | None,
        idempotency_key: str,
    ) -> Refund:
        """Give back all that is left, or a part."""

        def act() -> Refund:
            payment = self._ledger.expect(payment_id, PaymentStatus.SUCCEEDED)
            left = payment.captured - payment.refunded
            if not left:
                raise ConflictError("all of it was refunded before", status=400)
            given = amount or left
            if left < given:
                raise InvalidRequestError("is more than is left", field="amount", status=400)
            refunded = payment.refunded + given
            identifier = f"ref_{len(self._answers) + 1:06d}"
            self._ledger.refunded(payment_id, refunded)
            whole = refunded == payment.captured
            facts = {"amount": given, "refunded": refunded, "refund_id": identifier}
            self._ledger.tell(Refunded, payment, whole=whole, **facts)
            refund = Refund(
                id=identifier,
                payment_id=payment_id,
                status=RefundStatus.SUCCEEDED,
                vendor_status="succeeded",
                amount=given,
            )
            self._refunds[refund.id] = refund
            return refund

        return self._once(idempotency_key, (payment_id, amount, reason), act)

    async def get_payment(self, payment_id: str) -> Payment:
        """Read it."""
        self.requests += 1
        return self._ledger.get(payment_id)

    async def get_refund(self, refund_id: str) -> Refund:
        """Read it."""
        self.requests += 1
        refund = self._refunds.get(refund_id)
        if refund is None:
            raise NotFoundError(status=404)
        return refund

    async def create_checkout(self, new: NewCheckout, *, idempotency_key: str) -> Checkout:
        """Make a page; see `pay_on_page`."""

        def act() -> Checkout:
            identifier = f"page_{len(self._checkouts) + 1:06d}"
            self._pages[identifier] = NewPayment(
                amount=new.amount,
                customer=new.customer,
                reference=new.reference,
                metadata=new.metadata,
            )
            self._checkouts[identifier] = Checkout(
                id=identifier,
                status=CheckoutStatus.OPEN,
                vendor_status="open",
                amount=new.amount,
                url=f"https://pay.example/{identifier}",
                expires=self._now() + 86_400,
            )
            return self._checkouts[identifier]

        return self._once(idempotency_key, msgspec.structs.astuple(new), act)

    async def get_checkout(self, checkout_id: str) -> Checkout:
        """Read it."""
        self.requests += 1
        return self._checkout(checkout_id)

    async def create_customer(self, new: NewCustomer, *, idempotency_key: str) -> PaymentCustomer:
        """Make one."""

        def act() -> PaymentCustomer:
            identifier = f"customer_{len(self._customers) + 1:06d}"
            self._customers[identifier] = PaymentCustomer(
                id=identifier, email=new.email, name=new.name, reference=new.reference
            )
            return self._customers[identifier]

        return self._once(idempotency_key, msgspec.structs.astuple(new), act)

    async def save_method(
        self, customer: str, payment_method: str, *, idempotency_key: str
    ) -> SavedMethod:
        """Keep it, unless the bank declines."""

        def act() -> SavedMethod:
            check_method(payment_method)
            if customer not in self._customers:
                raise NotFoundError(f"there is no customer {customer!r:.40}", status=404)
            if payment_method in DECLINED:
                raise declined_by(payment_method)
            identifier = f"saved_{len(self._answers) + 1:06d}"
            self._saved[identifier] = SavedMethod(
                id=identifier, customer=customer, kind=payment_method
            )
            return self._saved[identifier]

        return self._once(idempotency_key, (customer, payment_method), act)

    async def forget_method(self, payment_method: str) -> None:
        """Forget it."""
        self.requests += 1
        if payment_method not in self._saved and payment_method not in self._forgotten:
            raise NotFoundError(f"there is no payment method {payment_method!r:.40}", status=404)
        self._forgotten.add(payment_method)
        self._saved.pop(payment_method, None)

    async def list_payments(self, *, since: float, cursor: str | None) -> PaymentPage:
        """A page, oldest first."""
        self.requests += 1
        start = int(cursor or 0)
        found = self._ledger.since(since)
        page = found[start : start + _PAGE]
        more = len(found) > start + _PAGE
        return PaymentPage(payments=tuple(page), cursor=str(start + _PAGE) if more else None)

    def pay_on_page(self, checkout_id: str, method: str = GOOD) -> None:
        """A customer pays on a page; who is declined may try again there."""
        page = self._checkout(checkout_id)
        if page.status is not CheckoutStatus.OPEN:
            raise ConflictError(f"the page is {page.vendor_status}", status=400)
        payment_id = page.payment_id or self._ledger.open(self._pages[checkout_id])
        self._close(page, CheckoutStatus.OPEN, payment_id)
        if PaymentCapability.APPROVAL in self.capabilities.flags:
            self._ledger.approve(payment_id, method)
            self._close(page, CheckoutStatus.APPROVED, payment_id)
            return
        self._ledger.pay(payment_id, method)
        self._close(page, CheckoutStatus.COMPLETED, payment_id)

    def expire_page(self, checkout_id: str) -> None:
        """Nobody has paid in time."""
        page = self._checkout(checkout_id)
        self._close(page, CheckoutStatus.EXPIRED, page.payment_id)

    def authenticate(self, payment_id: str, *, succeeds: bool = True) -> None:
        """The customer answers the bank's challenge."""
        self._ledger.expect(payment_id, PaymentStatus.REQUIRES_ACTION)
        self._ledger.move(payment_id, PaymentStatus.REQUIRES_CONFIRMATION, next_action=None)
        if succeeds:
            self._ledger.charge(payment_id)
        else:
            self._ledger.fail(payment_id, DeclineReason.AUTHENTICATION_REQUIRED, soft=True)

    def fail_refund(self, refund_id: str) -> None:
        """The customer's bank sends a refund back."""
        refund = self._refunds[refund_id]
        payment = self._ledger.get(refund.payment_id)
        self._ledger.refunded(payment.id, payment.refunded - refund.amount)
        self._refunds[refund_id] = msgspec.structs.replace(
            refund, status=RefundStatus.FAILED, vendor_status="failed"
        )
        self.events.append(
            RefundFailed(
                payment_id=payment.id,
                refund_id=refund_id,
                amount=refund.amount,
                reason="account_closed",
            )
        )

    def dispute(self, payment_id: str, status: DisputeStatus) -> None:
        """The customer's bank questions a payment, or has got so far with it."""
        payment = self._ledger.expect(payment_id, PaymentStatus.SUCCEEDED)
        self.events.append(
            DisputeChanged(
                payment_id=payment_id,
                dispute_id=f"dispute_{payment_id}",
                amount=payment.captured,
                status=status,
                vendor_status=status.value,
                reason="not_received",
                respond_by=payment.created + 7 * 86_400,
            )
        )

    def _once(self, key: str, asked: Hashable, act: Callable[[], Any]) -> Any:
        """The first answer under a key; a decline or conflict is one, bad arguments are none."""
        self.requests += 1
        return self._answers.under(key, repr(asked), act)

    def _checkout(self, identifier: str) -> Checkout:
        page = self._checkouts.get(identifier)
        if page is None:
            raise NotFoundError(status=404)
        return page

    def _close(self, page: Checkout, status: CheckoutStatus, payment_id: str | None) -> None:
        self._checkouts[page.id] = msgspec.structs.replace(
            page,
            status=status,
            vendor_status=status.value,
            url=page.url if status is CheckoutStatus.OPEN else None,
            payment_id=payment_id,
        )

"""The payments of `MemoryPayments`: their states, and the means that decide how a try ends."""

from collections.abc import Callable, Mapping
from typing import Any, final

import msgspec

from hardpoint.core.errors import ConflictError, DeclinedError, NotFoundError
from hardpoint.core.money import Money
from hardpoint.core.secrets import Secret
from hardpoint.payments.types import (
    Capture,
    DeclineReason,
    NewPayment,
    NextAction,
    Payment,
    PaymentActionRequired,
    PaymentApproved,
    PaymentEvent,
    PaymentFailed,
    PaymentStatus,
    PaymentSucceeded,
)

GOOD = "good"
"""The method that pays."""
CHALLENGED = "challenged"
"""The method whose bank asks the customer; see `MemoryPayments.authenticate`."""
DECLINED: Mapping[str, tuple[DeclineReason, bool]] = {
    "declined": (DeclineReason.DECLINED, False),
    "insufficient_funds": (DeclineReason.INSUFFICIENT_FUNDS, True),
    "stolen": (DeclineReason.SUSPECTED_FRAUD, False),
}
"""Methods that are declined: why, and whether softly."""


def declined_by(method: str) -> DeclinedError:
    """What a try with it ends in."""
    reason, soft = DECLINED.get(method, (DeclineReason.AUTHENTICATION_REQUIRED, True))
    return DeclinedError(reason=reason, soft=soft, status=402, vendor_code=method)


def check_method(method: str | None) -> None:
    """Refuse what is none of these."""
    if method not in {None, GOOD, CHALLENGED, *DECLINED}:
        raise NotFoundError(f"there is no payment method {method!r:.40}", status=404)


OPEN = frozenset(
    {
        PaymentStatus.REQUIRES_PAYMENT_METHOD,
        PaymentStatus.REQUIRES_CONFIRMATION,
        PaymentStatus.REQUIRES_ACTION,
    }
)
"""What a payment is before anything is reserved or taken."""


@final
class MemoryLedger:
    """All payments, each from its opening on.

    Args:
        redirects: whether a bank can ask the customer.
        now: Unix seconds.
        tell: takes what is told by webhook.
    """

    def __init__(
        self, *, redirects: bool, now: Callable[[], float], tell: Callable[[PaymentEvent], None]
    ) -> None:
        self._redirects = redirects
        self._now = now
        self._events = tell
        self._payments: dict[str, Payment] = {}
        self._methods: dict[str, str | None] = {}
        self._captures: dict[str, Capture] = {}

    def open(self, new: NewPayment) -> str:
        """Open one that nothing was paid of yet; gives its id."""
        identifier = f"pay_{len(self._payments) + 1:06d}"
        nothing = Money("0", new.amount.currency)
        self._payments[identifier] = Payment(
            id=identifier,
            status=PaymentStatus.REQUIRES_PAYMENT_METHOD,
            vendor_status="open",
            amount=new.amount,
            captured=nothing,
            refunded=nothing,
            created=self._now(),
            reference=new.reference,
            metadata=dict(new.metadata),
            customer=new.customer,
            client_secret=Secret.value(f"{identifier}_secret"),
        )
        self._captures[identifier] = new.capture
        return identifier

    def since(self, since: float) -> list[Payment]:
        """Those created since then, oldest first."""
        return [one for one in self._payments.values() if one.created >= since]

    def get(self, identifier: str) -> Payment:
        """One of them."""
        payment = self._payments.get(identifier)
        if payment is None:
            raise NotFoundError(status=404)
        return payment

    def expect(self, identifier: str, *statuses: PaymentStatus) -> Payment:
        """One of them, which has to be in one of these states."""
        payment = self.get(identifier)
        if payment.status not in statuses:
            raise ConflictError(f"the payment is {payment.status.value}", status=400)
        return payment

    def method_of(self, identifier: str) -> str | None:
        """The means that were last tried, unless they failed."""
        return self._methods.get(identifier)

    def pay(self, identifier: str, method: str | None, *, away: bool = False) -> Payment:
        """Try to pay; `away`: the customer cannot be asked.

        Raises:
            DeclinedError: it has failed.
        """
        self._methods[identifier] = method
        if method is None:
            return self.get(identifier)
        if method in DECLINED:
            reason, soft = DECLINED[method]
            self.fail(identifier, reason, soft=soft)
            raise declined_by(method)
        if method == CHALLENGED:
            return self._challenge(identifier, away=away)
        return self.charge(identifier)

    def approve(self, identifier: str, method: str) -> None:
        """The customer agrees to pay by these means, once it is confirmed."""
        self._methods[identifier] = method
        payment = self.move(identifier, PaymentStatus.REQUIRES_CONFIRMATION)
        self.tell(PaymentApproved, payment, amount=payment.amount)

    def charge(self, identifier: str) -> Payment:
        """Reserve the amount or take it, whichever was asked for."""
        if self._captures[identifier] is Capture.MANUAL:
            return self.move(identifier, PaymentStatus.AUTHORIZED, decline=None)
        return self.take(identifier, self.get(identifier).amount)

    def take(self, identifier: str, amount: Money) -> Payment:
        """Take an amount."""
        payment = self.move(identifier, PaymentStatus.SUCCEEDED, captured=amount, decline=None)
        self.tell(PaymentSucceeded, payment, amount=amount)
        return payment

    def fail(self, identifier: str, reason: DeclineReason, *, soft: bool) -> None:
        """The try has failed; the payment stays open for other means."""
        self._methods[identifier] = None
        status = PaymentStatus.REQUIRES_PAYMENT_METHOD
        payment = self.move(identifier, status, decline=reason)
        facts = {"reason": reason, "soft": soft, "advice": reason.advice}
        self.tell(PaymentFailed, payment, amount=payment.amount, **facts)

    def refunded(self, identifier: str, refunded: Money) -> None:
        """So much of it has been given back in all."""
        payment = self._payments[identifier]
        self._payments[identifier] = msgspec.structs.replace(payment, refunded=refunded)

    def move(self, identifier: str, status: PaymentStatus, **facts: Any) -> Payment:
        """It is in another state."""
        payment = self._payments[identifier]
        changed = msgspec.structs.replace(
            payment, status=status, vendor_status=status.value, **facts
        )
        self._payments[identifier] = changed
        return changed

    def tell(self, kind: type[Any], payment: Payment, **facts: Any) -> None:
        """Tell of it by webhook."""
        own = {"reference": payment.reference, "metadata": payment.metadata}
        self._events(kind(payment_id=payment.id, **own, **facts))

    def _challenge(self, identifier: str, *, away: bool) -> Payment:
        if away or not self._redirects:
            self.fail(identifier, DeclineReason.AUTHENTICATION_REQUIRED, soft=True)
            raise declined_by(CHALLENGED)
        action = NextAction(kind="redirect", url="https://bank.example/challenge")
        payment = self.move(identifier, PaymentStatus.REQUIRES_ACTION, next_action=action)
        self.tell(PaymentActionRequired, payment, amount=payment.amount, action=action)
        return payment

"""The blocking facade of `hardpoint.payments`; written by scripts/generate_sync."""

from collections.abc import Mapping, Sequence
from hardpoint.core.money import Money
from hardpoint.payments.api import _EMPTY
from hardpoint.payments.types import Capture, Checkout, CheckoutItem, Payment, PaymentCustomer, PaymentEvent, Refund, RefundReason, SavedMethod
from hardpoint.runtime.blocking import run
import hardpoint.payments.api as asynchronous

class PaymentGateway:
    """Takes payments through one connection.

    Every verb that changes something takes an `idempotency_key`: the same key and verb act once,
    however often they are called. Without one, a key is made for the call, so that its own retries
    are safe; in a handler it is the job's own, the same in each of its attempts.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider cannot do that; nothing was sent.
        OutcomeUnknownError: it may have taken effect. Call again with its `idempotency_key`, or
            look with `find`.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, wrapped: asynchronous.PaymentGateway) -> None:
        self.asynchronous = wrapped

    def create_payment(self, amount: Money, *, payment_method: str | None=None, capture: Capture=Capture.AUTOMATIC, customer: str | None=None, reference: str | None=None, description: str | None=None, metadata: Mapping[str, str]=_EMPTY, return_url: str | None=None, off_session: bool=False, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> Payment:
        """Take a payment, or reserve it, or open one that the customer's browser will finish.

        Args:
            amount: more than nothing, in a currency the provider takes.
            payment_method: the provider's token; without one the payment is left open and its
                `client_secret` goes to the browser.
            capture: when the money moves.
            customer: the provider's id of the customer.
            reference: yours, an order number; `find` looks for it.
            description: for people.
            metadata: yours; comes back with the payment and its events.
            return_url: where the customer comes back to after a redirect.
            off_session: the customer is away: charge a `SavedMethod` of theirs. A bank that wants
                to ask them declines.
            idempotency_key: see the class.
            extra: `{"stripe": {...}}`, passed on to that provider only.

        Raises:
            DeclinedError: with `reason` and `soft`; with `AUTHENTICATION_REQUIRED`, have the
                customer pay in person.
        """
        return run(self.asynchronous.create_payment(amount, payment_method=payment_method, capture=capture, customer=customer, reference=reference, description=description, metadata=metadata, return_url=return_url, off_session=off_session, idempotency_key=idempotency_key, extra=extra))

    def confirm_payment(self, payment_id: str, *, payment_method: str | None=None, return_url: str | None=None, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> Payment:
        """Try to pay an open payment, perhaps with other means; or take what was approved.

        Raises:
            DeclinedError: with `reason` and `soft`; the payment stays open for other means.
            ConflictError: the payment's status does not allow it.
        """
        return run(self.asynchronous.confirm_payment(payment_id, payment_method=payment_method, return_url=return_url, idempotency_key=idempotency_key, extra=extra))

    def capture(self, payment_id: str, amount: Money | None=None, *, idempotency_key: str | None=None) -> Payment:
        """Take what is reserved; with an amount only that, and let go of the rest.

        Raises:
            ConflictError: the payment's status does not allow it.
        """
        return run(self.asynchronous.capture(payment_id, amount, idempotency_key=idempotency_key))

    def void(self, payment_id: str, *, idempotency_key: str | None=None) -> Payment:
        """Let go of a payment before money is taken.

        Raises:
            ConflictError: it was taken (refund it), or let go of before.
        """
        return run(self.asynchronous.void(payment_id, idempotency_key=idempotency_key))

    def refund(self, payment_id: str, amount: Money | None=None, *, reason: RefundReason | None=None, idempotency_key: str | None=None) -> Refund:
        """Give back all that is left, or a part; several parts each need a key of their own.

        Raises:
            ConflictError: nothing is left, or nothing was taken.
        """
        return run(self.asynchronous.refund(payment_id, amount, reason=reason, idempotency_key=idempotency_key))

    def get_payment(self, payment_id: str) -> Payment:
        """Read a payment.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        return run(self.asynchronous.get_payment(payment_id))

    def get_refund(self, refund_id: str) -> Refund:
        """Read a refund: one that is pending succeeds or fails later.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        return run(self.asynchronous.get_refund(refund_id))

    def create_checkout(self, amount: Money | None=None, *, success_url: str, items: Sequence[CheckoutItem]=(), cancel_url: str | None=None, customer: str | None=None, reference: str | None=None, description: str | None=None, metadata: Mapping[str, str]=_EMPTY, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> Checkout:
        """Make a page of the provider's where a customer pays; send the browser to its `url`.

        That somebody comes back to `success_url` proves nothing: the webhook tells, or
        `get_checkout` names the payment for `get_payment`. Where it is `APPROVED`, confirm it.

        Args:
            amount: what is to be paid in one sum, under the name of `description`.
            success_url: where the customer comes back to.
            items: or what is to be paid for, all in one currency.
            cancel_url: where a customer comes back to who does not pay; without it, or where the
                provider's page has no way back, they stay on it.
            customer: the provider's id of the customer.
            reference: yours, an order number; the payment carries it too.
            description: for people.
            metadata: yours; the payment carries it too.
            idempotency_key: see the class.
            extra: `{"stripe": {...}}`, passed on to that provider only.
        """
        return run(self.asynchronous.create_checkout(amount, success_url=success_url, items=items, cancel_url=cancel_url, customer=customer, reference=reference, description=description, metadata=metadata, idempotency_key=idempotency_key, extra=extra))

    def get_checkout(self, checkout_id: str) -> Checkout:
        """Read a page: whether somebody went through with it, and which payment came of it.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        return run(self.asynchronous.get_checkout(checkout_id))

    def create_customer(self, *, email: str | None=None, name: str | None=None, reference: str | None=None, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> PaymentCustomer:
        """Make a customer, with whom means can be kept; one of the three has to be given."""
        return run(self.asynchronous.create_customer(email=email, name=name, reference=reference, idempotency_key=idempotency_key, extra=extra))

    def save_method(self, customer: str, payment_method: str, *, idempotency_key: str | None=None) -> SavedMethod:
        """Keep means with a customer, to charge them with `off_session` later.

        Args:
            customer: the provider's id, `PaymentCustomer.id`.
            payment_method: the provider's token, as for `create_payment`.
            idempotency_key: see the class.

        Raises:
            DeclinedError: with `reason` and `soft`; with `AUTHENTICATION_REQUIRED`, have the
                customer's browser save them.
            NotFoundError: there is no such customer, or no such token.
        """
        return run(self.asynchronous.save_method(customer, payment_method, idempotency_key=idempotency_key))

    def forget_method(self, payment_method: str) -> None:
        """Keep means no longer: nobody can charge them after that. Once more does nothing.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        return run(self.asynchronous.forget_method(payment_method))

    def find(self, *, since: float, reference: str | None=None, metadata: Mapping[str, str]=_EMPTY) -> tuple[Payment, ...]:
        """Every payment created since a time that carries this reference and metadata.

        It is complete but for what was made in the last `driver.capabilities.settle_seconds`: none
        found after that means that there is none, which settles a call whose outcome is unknown.
        Allow for a minute of difference between the clocks.

        Args:
            since: Unix seconds; the payments since then are read page by page.
            reference: as given to `create_payment`.
            metadata: all of these.

        Raises:
            InvalidRequestError: nothing to look for, or more than a hundred pages.
        """
        return run(self.asynchronous.find(since=since, reference=reference, metadata=metadata))

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook of this provider says; None when it is about something else.

        Raises:
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        return self.asynchronous.parse_event(body)

"""The payments port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import Mapping, Sequence
from typing import Any, final

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec
from hardpoint.core.arguments import extras_of
from hardpoint.core.money import Money
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.payments.checks import (
    check_can,
    check_confirming,
    check_forgetting,
    check_new_customer,
    check_new_payment,
    check_part,
    check_saving,
    check_search,
    check_url,
    check_whose,
    checked_items,
)
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.finding import PaymentListing
from hardpoint.payments.ids import our_checkout, our_refund, ours, told
from hardpoint.payments.sameness import asked_for, part_of
from hardpoint.payments.types import (
    Capture,
    Checkout,
    CheckoutItem,
    NewCheckout,
    NewCustomer,
    NewPayment,
    Payment,
    PaymentCustomer,
    PaymentEvent,
    Refund,
    RefundReason,
    SavedMethod,
)

_CREATE = Operation("create_payment", Repeat.NEEDS_KEY)
_CONFIRM = Operation("confirm_payment", Repeat.NEEDS_KEY)
_CAPTURE = Operation("capture", Repeat.NEEDS_KEY)
_VOID = Operation("void", Repeat.NEEDS_KEY)
_REFUND = Operation("refund", Repeat.NEEDS_KEY)
_CHECKOUT = Operation("create_checkout", Repeat.NEEDS_KEY)
_CUSTOMER = Operation("create_customer", Repeat.NEEDS_KEY)
_SAVE = Operation("save_method", Repeat.NEEDS_KEY)
_FORGET = Operation("forget_method", Repeat.IDEMPOTENT)
_GET = Operation("get_payment", Repeat.SAFE)
_GET_REFUND = Operation("get_refund", Repeat.SAFE)
_GET_CHECKOUT = Operation("get_checkout", Repeat.SAFE)
_EMPTY: Mapping[str, Any] = {}


@final
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

    def __init__(self, driver: PaymentDriver, connection: Connection) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port."""
        self.connection = connection
        self._calls = Calls(connection, driver)
        self._listing = PaymentListing(driver, self._calls)

    async def create_payment(
        self,
        amount: Money,
        *,
        payment_method: str | None = None,
        capture: Capture = Capture.AUTOMATIC,
        customer: str | None = None,
        reference: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] = _EMPTY,
        return_url: str | None = None,
        off_session: bool = False,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Payment:
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
        new = NewPayment(
            amount=amount,
            capture=capture,
            payment_method=payment_method,
            customer=customer,
            reference=reference,
            description=description,
            metadata=metadata,
            return_url=return_url,
            off_session=off_session,
            extra=extras_of(extra, self.driver.provider),
        )
        check_new_payment(self.driver, new)
        payment = await self._calls.run_keyed(
            _CREATE,
            lambda key: asked_for(self.driver.create_payment(new, idempotency_key=key), new),
            idempotency_key,
            CallSpec(arguments=new, returns=Payment, search=self._listing.search(new)),
        )
        return ours(self.connection, payment)

    async def confirm_payment(
        self,
        payment_id: str,
        *,
        payment_method: str | None = None,
        return_url: str | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Payment:
        """Try to pay an open payment, perhaps with other means; or take what was approved.

        Raises:
            DeclinedError: with `reason` and `soft`; the payment stays open for other means.
            ConflictError: the payment's status does not allow it.
        """
        local = self.connection.local(payment_id, field="payment_id")
        check_confirming(self.driver, payment_method, return_url)
        extras = extras_of(extra, self.driver.provider)
        payment = await self._calls.run_keyed(
            _CONFIRM,
            lambda key: self.driver.confirm_payment(
                local,
                payment_method=payment_method,
                return_url=return_url,
                extra=extras,
                idempotency_key=key,
            ),
            idempotency_key,
            CallSpec(arguments=(local, payment_method, return_url, extras), returns=Payment),
        )
        return ours(self.connection, payment)

    async def capture(
        self, payment_id: str, amount: Money | None = None, *, idempotency_key: str | None = None
    ) -> Payment:
        """Take what is reserved; with an amount only that, and let go of the rest.

        Raises:
            ConflictError: the payment's status does not allow it.
        """
        local = self.connection.local(payment_id, field="payment_id")
        check_part(self.driver, amount, PaymentCapability.PARTIAL_CAPTURE)
        payment = await self._calls.run_keyed(
            _CAPTURE,
            lambda key: part_of(self.driver.capture(local, amount, idempotency_key=key), amount),
            idempotency_key,
            CallSpec(arguments=(local, amount), returns=Payment),
        )
        return ours(self.connection, payment)

    async def void(self, payment_id: str, *, idempotency_key: str | None = None) -> Payment:
        """Let go of a payment before money is taken.

        Raises:
            ConflictError: it was taken (refund it), or let go of before.
        """
        local = self.connection.local(payment_id, field="payment_id")
        payment = await self._calls.run_keyed(
            _VOID,
            lambda key: self.driver.void(local, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=local, returns=Payment),
        )
        return ours(self.connection, payment)

    async def refund(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        reason: RefundReason | None = None,
        idempotency_key: str | None = None,
    ) -> Refund:
        """Give back all that is left, or a part; several parts each need a key of their own.

        Raises:
            ConflictError: nothing is left, or nothing was taken.
        """
        local = self.connection.local(payment_id, field="payment_id")
        check_part(self.driver, amount, PaymentCapability.PARTIAL_REFUND)
        give = self.driver.refund
        refund = await self._calls.run_keyed(
            _REFUND,
            lambda key: part_of(give(local, amount, reason=reason, idempotency_key=key), amount),
            idempotency_key,
            CallSpec(arguments=(local, amount, reason), returns=Refund),
        )
        return our_refund(self.connection, refund)

    async def get_payment(self, payment_id: str) -> Payment:
        """Read a payment.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        local = self.connection.local(payment_id, field="payment_id")
        payment = await self._calls.run(_GET, lambda: self.driver.get_payment(local))
        return ours(self.connection, payment)

    async def get_refund(self, refund_id: str) -> Refund:
        """Read a refund: one that is pending succeeds or fails later.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        local = self.connection.local(refund_id, field="refund_id")
        refund = await self._calls.run(_GET_REFUND, lambda: self.driver.get_refund(local))
        return our_refund(self.connection, refund)

    async def create_checkout(
        self,
        amount: Money | None = None,
        *,
        success_url: str,
        items: Sequence[CheckoutItem] = (),
        cancel_url: str | None = None,
        customer: str | None = None,
        reference: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] = _EMPTY,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Checkout:
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
        check_url("success_url", success_url, web=True)
        check_url("cancel_url", cancel_url, web=True)
        check_whose(self.driver, customer, reference, description, metadata)
        name = description or reference or "Payment"
        lines, total = checked_items(self.driver.money, amount, items, name)
        check_can(self.driver, PaymentCapability.CHECKOUT)
        new = NewCheckout(
            items=lines,
            amount=total,
            success_url=success_url,
            cancel_url=cancel_url,
            customer=customer,
            reference=reference,
            description=description,
            metadata=metadata,
            extra=extras_of(extra, self.driver.provider),
        )
        checkout = await self._calls.run_keyed(
            _CHECKOUT,
            lambda key: asked_for(self.driver.create_checkout(new, idempotency_key=key), new),
            idempotency_key,
            CallSpec(arguments=new, returns=Checkout),
        )
        return our_checkout(self.connection, checkout)

    async def get_checkout(self, checkout_id: str) -> Checkout:
        """Read a page: whether somebody went through with it, and which payment came of it.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        local = self.connection.local(checkout_id, field="checkout_id")
        check_can(self.driver, PaymentCapability.CHECKOUT)
        page = await self._calls.run(_GET_CHECKOUT, lambda: self.driver.get_checkout(local))
        return our_checkout(self.connection, page)

    async def create_customer(
        self,
        *,
        email: str | None = None,
        name: str | None = None,
        reference: str | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> PaymentCustomer:
        """Make a customer, with whom means can be kept; one of the three has to be given."""
        extras = extras_of(extra, self.driver.provider)
        new = NewCustomer(email=email, name=name, reference=reference, extra=extras)
        check_new_customer(self.driver, new)
        return await self._calls.run_keyed(
            _CUSTOMER,
            lambda key: self.driver.create_customer(new, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=new, returns=PaymentCustomer),
        )

    async def save_method(
        self, customer: str, payment_method: str, *, idempotency_key: str | None = None
    ) -> SavedMethod:
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
        check_saving(self.driver, customer, payment_method)
        return await self._calls.run_keyed(
            _SAVE,
            lambda key: self.driver.save_method(customer, payment_method, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=(customer, payment_method), returns=SavedMethod),
        )

    async def forget_method(self, payment_method: str) -> None:
        """Keep means no longer: nobody can charge them after that. Once more does nothing.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        check_forgetting(self.driver, payment_method)
        await self._calls.run(_FORGET, lambda: self.driver.forget_method(payment_method))

    async def find(
        self, *, since: float, reference: str | None = None, metadata: Mapping[str, str] = _EMPTY
    ) -> tuple[Payment, ...]:
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
        check_search(self.driver, since, reference, metadata)
        found = await self._listing.carrying(since, reference, metadata)
        return tuple([ours(self.connection, one) for one in found])

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook of this provider says; None when it is about something else.

        Raises:
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        return told(self.driver, self.connection, body)

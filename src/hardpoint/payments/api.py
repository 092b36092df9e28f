"""The payments port: what users hold. Checked before any I/O, run under the connection's policy."""

import re
from collections.abc import Callable, Mapping
from typing import Any, final

import msgspec

from hardpoint.calls.call import Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec, Search
from hardpoint.core.arguments import BODY, KINDS_OF_BYTES, NUMBER, PAIRS, TEXT, expect, extras_of
from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.errors import InvalidRequestError, UnexpectedResponseError
from hardpoint.core.money import Money
from hardpoint.core.outcome import Operation, Repeat
from hardpoint.http.extras import text_pairs
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.types import (
    Capture,
    NewPayment,
    Payment,
    PaymentEvent,
    Refund,
    RefundFailed,
    RefundReason,
)

PAGES_MAX = 100
"""How many pages `find` reads before it gives up."""

_CREATE = Operation("create_payment", Repeat.NEEDS_KEY)
_CONFIRM = Operation("confirm_payment", Repeat.NEEDS_KEY)
_CAPTURE = Operation("capture", Repeat.NEEDS_KEY)
_VOID = Operation("void", Repeat.NEEDS_KEY)
_REFUND = Operation("refund", Repeat.NEEDS_KEY)
_GET = Operation("get_payment", Repeat.SAFE)
_LIST = Operation("find", Repeat.SAFE)

_TOKEN = re.compile(r"[!-~]{1,255}", re.ASCII)
_URL_CHARACTERS_MAX = 2048
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
            idempotency_key: see the class.
            extra: `{"stripe": {...}}`, passed on to that provider only.

        Raises:
            DeclinedError: with `reason` and `soft`.
        """
        self._check_amount(amount)
        self._check_text("payment_method", payment_method)
        self._check_text("customer", customer)
        self._check_label("reference", reference)
        self._check_label("description", description)
        self._check_metadata(metadata)
        self._check_url(return_url)
        if capture is Capture.MANUAL:
            self._require(PaymentCapability.MANUAL_CAPTURE)
        if customer is not None:
            self._require(PaymentCapability.CUSTOMER)
        if payment_method is None:
            self._require(PaymentCapability.UNCONFIRMED)
        new = NewPayment(
            amount=amount,
            capture=capture,
            payment_method=payment_method,
            customer=customer,
            reference=reference,
            description=description,
            metadata=metadata,
            return_url=return_url,
            extra=extras_of(extra, self.driver.provider),
        )
        payment = await self._calls.run_keyed(
            _CREATE,
            lambda key: self.driver.create_payment(new, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=new, returns=Payment, search=self._search(new)),
        )
        return self._ours(payment)

    async def confirm_payment(
        self,
        payment_id: str,
        *,
        payment_method: str | None = None,
        return_url: str | None = None,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Payment:
        """Try to pay an open payment, with other means than before if given.

        Raises:
            DeclinedError: with `reason` and `soft`; the payment stays open for other means.
            ConflictError: the payment's status does not allow it.
        """
        local = self.connection.local(payment_id, field="payment_id")
        self._check_text("payment_method", payment_method)
        self._check_url(return_url)
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
        return self._ours(payment)

    async def capture(
        self,
        payment_id: str,
        amount: Money | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> Payment:
        """Take what is reserved; with an amount only that, and let go of the rest.

        Raises:
            ConflictError: the payment's status does not allow it.
        """
        local = self.connection.local(payment_id, field="payment_id")
        if amount is not None:
            self._check_amount(amount)
            self._require(PaymentCapability.PARTIAL_CAPTURE)
        payment = await self._calls.run_keyed(
            _CAPTURE,
            lambda key: self.driver.capture(local, amount, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=(local, amount), returns=Payment),
        )
        return self._ours(payment)

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
        return self._ours(payment)

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
        if amount is not None:
            self._check_amount(amount)
            self._require(PaymentCapability.PARTIAL_REFUND)
        refund = await self._calls.run_keyed(
            _REFUND,
            lambda key: self.driver.refund(local, amount, reason=reason, idempotency_key=key),
            idempotency_key,
            CallSpec(arguments=(local, amount, reason), returns=Refund),
        )
        return msgspec.structs.replace(
            refund,
            id=self.connection.qualified(refund.id),
            payment_id=self.connection.qualified(refund.payment_id),
        )

    async def get_payment(self, payment_id: str) -> Payment:
        """Read a payment.

        Raises:
            NotFoundError: the provider knows none of that id.
        """
        local = self.connection.local(payment_id, field="payment_id")
        payment = await self._calls.run(_GET, lambda: self.driver.get_payment(local))
        return self._ours(payment)

    async def find(
        self,
        *,
        since: float,
        reference: str | None = None,
        metadata: Mapping[str, str] = _EMPTY,
    ) -> tuple[Payment, ...]:
        """Every payment created since a time that carries this reference and metadata.

        It is complete: none found means that there is none, so it settles a call whose outcome is
        unknown. Allow for a minute of difference between the clocks.

        Args:
            since: Unix seconds; the payments since then are read page by page.
            reference: as given to `create_payment`.
            metadata: all of these.

        Raises:
            InvalidRequestError: nothing to look for, or more pages than `PAGES_MAX`.
        """
        self._require(PaymentCapability.FIND)
        expect(since, (int, float), "since", NUMBER)
        expect(metadata, Mapping, "metadata", PAIRS)
        expect(reference or "", str, "reference", TEXT)
        if reference is None and not metadata:
            raise InvalidRequestError("or metadata must be given", field="reference")
        found = await self._listed(since, lambda one: _carries(one, reference, metadata))
        return tuple([self._ours(one) for one in found])

    def parse_event(self, body: bytes) -> PaymentEvent | None:
        """What a verified webhook of this provider says; None when it is about something else.

        Raises:
            UnexpectedResponseError: it is an event of ours to read, but not in a shape we know.
        """
        expect(body, (*KINDS_OF_BYTES, str), "body", BODY)
        try:
            event = self.driver.parse_event(body)
        except (*UNREADABLE, InvalidRequestError) as error:
            raise UnexpectedResponseError(
                "the event has an unknown form", provider=self.driver.provider
            ) from error
        if event is None:
            return None
        if isinstance(event, RefundFailed):
            refund_id = self.connection.qualified(event.refund_id)
            event = msgspec.structs.replace(event, refund_id=refund_id)
        return msgspec.structs.replace(
            event, payment_id=self.connection.qualified(event.payment_id)
        )

    def _search(self, new: NewPayment) -> Search[Payment] | None:
        """How to look for a payment that may have been created: by what is yours in it.

        A provider may shorten a reference; an amount it cannot change.
        """
        askable = PaymentCapability.FIND in self.driver.capabilities.flags
        if not askable or not (new.reference or new.metadata):
            return None

        def looks(one: Payment) -> object:
            metadata = {name: one.metadata.get(name) for name in new.metadata}
            return (new.reference and one.reference, metadata, one.amount)

        async def find(since: float) -> list[Payment]:
            return (await self._listed(since, lambda one: one.amount == new.amount))[::-1]

        return Search(
            like=(new.reference, new.metadata, new.amount),
            find=find,
            likes=looks,
        )

    async def _listed(self, since: float, wanted: Callable[[Payment], bool]) -> list[Payment]:
        """The payments that are wanted, newest first, with the provider's own ids."""
        found: list[Payment] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._calls.run(
                _LIST,
                lambda cursor=cursor: self.driver.list_payments(since=since, cursor=cursor),
            )
            found += [one for one in page.payments if wanted(one)]
            cursor = page.cursor
            if cursor is None:
                return found
        raise InvalidRequestError(
            f"covers more than {PAGES_MAX} pages of payments; name a later time", field="since"
        )

    # Checks, all before any I/O

    def _require(self, capability: PaymentCapability) -> None:
        self.driver.capabilities.require(capability, self.driver.provider)

    def _ours(self, payment: Payment) -> Payment:
        return msgspec.structs.replace(payment, id=self.connection.qualified(payment.id))

    def _check_amount(self, amount: Money) -> None:
        expect(amount, Money, "amount", 'Money("19.99", "EUR")')
        if self.driver.money.of(amount) <= 0:
            raise InvalidRequestError("is not more than zero", field="amount")

    def _check_text(self, field: str, text: str | None) -> None:
        if text is None:
            return
        expect(text, str, field, TEXT)
        if not _TOKEN.fullmatch(text):
            raise InvalidRequestError("is not 1 to 255 visible ASCII characters", field=field)

    def _check_label(self, field: str, text: str | None) -> None:
        most = self.driver.capabilities.limits[f"{field}_characters"]
        if text is None:
            return
        expect(text, str, field, TEXT)
        if not (text.strip() and text.isprintable() and len(text) <= most):
            raise InvalidRequestError(f"is not 1 to {most} printable characters", field=field)

    def _check_metadata(self, metadata: Mapping[str, str]) -> None:
        expect(metadata, Mapping, "metadata", PAIRS)
        if not metadata:
            return
        self._require(PaymentCapability.METADATA)
        limits = self.driver.capabilities.limits
        if len(metadata) > limits["metadata_keys"]:
            raise InvalidRequestError(
                f"has more than {limits['metadata_keys']} keys", field="metadata"
            )
        for key, value, field in text_pairs(metadata, field="metadata"):
            if not re.fullmatch(r"[\w.-]+", key) or len(key) > limits["metadata_key_characters"]:
                raise InvalidRequestError("is not a usable key", field=field)
            if key == "reference":
                raise InvalidRequestError("is the argument of that name", field=field)
            if len(value) > limits["metadata_value_characters"]:
                raise InvalidRequestError("is too long", field=field)

    def _check_url(self, url: str | None) -> None:
        if url is None:
            return
        expect(url, str, "return_url", TEXT)
        if len(url) > _URL_CHARACTERS_MAX or not re.fullmatch(r"[a-z][a-z0-9+.-]*://[!-~]+", url):
            raise InvalidRequestError("is not a URL", field="return_url")


def _carries(payment: Payment, reference: str | None, metadata: Mapping[str, str]) -> bool:
    """Whether it has this reference, if one is given, and all of the metadata."""
    return reference in {None, payment.reference} and metadata.items() <= payment.metadata.items()

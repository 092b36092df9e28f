"""A driver of payments under test, and what it must refuse before any request is sent."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import Money
from hardpoint.payments.api import PaymentGateway
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.types import Capture, CheckoutItem, DeclineReason, DisputeStatus
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.conformance.modes import Mode, exercises
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)

TEN = Money("10.00", "EUR")
BACK = "https://shop.example/back"
_ITEM = CheckoutItem(name="a", amount=TEN)
_REFUSED: dict[PaymentCapability, PortVerb] = {
    PaymentCapability.MANUAL_CAPTURE: lambda port: port.create_payment(
        TEN, payment_method="any", capture=Capture.MANUAL
    ),
    PaymentCapability.PARTIAL_CAPTURE: lambda port: port.capture("shop:any", TEN),
    PaymentCapability.PARTIAL_REFUND: lambda port: port.refund("shop:any", TEN),
    PaymentCapability.CUSTOMER: lambda port: port.create_payment(
        TEN, payment_method="any", customer="any"
    ),
    PaymentCapability.METADATA: lambda port: port.create_payment(
        TEN, payment_method="any", metadata={"plan": "a"}
    ),
    PaymentCapability.UNCONFIRMED: lambda port: port.create_payment(TEN),
    PaymentCapability.REDIRECT: lambda port: port.create_payment(
        TEN, payment_method="any", return_url=BACK
    ),
    PaymentCapability.FIND: lambda port: port.find(since=0, reference="any"),
    PaymentCapability.CHECKOUT: lambda port: port.create_checkout(TEN, success_url=BACK),
    PaymentCapability.SAVED_METHODS: lambda port: port.save_method("any", "any"),
}
"""What needs a capability. What `APPROVAL` needs, `UNCONFIRMED` has as well."""
_ALSO_REFUSED: list[tuple[PaymentCapability, PortVerb]] = [
    (
        PaymentCapability.UNCONFIRMED,
        lambda port: port.confirm_payment("shop:any", payment_method="any"),
    ),
    (PaymentCapability.METADATA, lambda port: port.find(since=0, metadata={"plan": "a"})),
    (
        PaymentCapability.METADATA,
        lambda port: port.create_checkout(TEN, success_url=BACK, metadata={"plan": "a"}),
    ),
    (
        PaymentCapability.CUSTOMER,
        lambda port: port.create_checkout(TEN, success_url=BACK, customer="any"),
    ),
    (PaymentCapability.CHECKOUT, lambda port: port.get_checkout("shop:any")),
    (PaymentCapability.SAVED_METHODS, lambda port: port.create_customer(reference="any")),
    (PaymentCapability.SAVED_METHODS, lambda port: port.forget_method("any")),
    (
        PaymentCapability.SAVED_METHODS,
        lambda port: port.create_payment(TEN, payment_method="any", off_session=True),
    ),
]
"""What needs one too."""


def _page(*items: Any, **more: Any) -> PortVerb:
    return lambda port: port.create_checkout(items=items, **{"success_url": BACK, **more})


_BAD: list[tuple[str, PortVerb]] = [
    ("amount", lambda port: port.create_payment(Money("0", "EUR"), payment_method="m")),
    ("amount", lambda port: port.create_payment(Money("-1", "EUR"), payment_method="m")),
    ("amount", lambda port: port.create_payment(Money("1.001", "EUR"), payment_method="m")),
    (
        "amount",
        lambda port: port.create_payment(Money(Decimal("1e12"), "EUR"), payment_method="m"),
    ),
    ("currency", lambda port: port.create_payment(Money("1", "XXX"), payment_method="m")),
    ("payment_method", lambda port: port.create_payment(TEN, payment_method="a b")),
    ("payment_method", lambda port: port.create_payment(TEN, payment_method="")),
    (
        "reference",
        lambda port: port.create_payment(TEN, payment_method="m", reference="a\nb"),
    ),
    (
        "description",
        lambda port: port.create_payment(TEN, payment_method="m", description=" "),
    ),
    (
        "return_url",
        lambda port: port.create_payment(TEN, payment_method="m", return_url="shop"),
    ),
    (
        "idempotency_key",
        lambda port: port.create_payment(TEN, payment_method="m", idempotency_key=""),
    ),
    ("payment_id", lambda port: port.get_payment("pay_1")),
    ("payment_id", lambda port: port.get_payment("other:pay_1")),
    ("payment_id", lambda port: port.capture("shop:../refunds")),
    ("payment_id", lambda port: port.void("shop:a b")),
    ("amount", lambda port: port.refund("shop:pay_1", Money("0", "EUR"))),
]
_BAD_PAGES: list[tuple[str, PortVerb]] = [
    ("refund_id", lambda port: port.get_refund("other:ref_1")),
    ("checkout_id", lambda port: port.get_checkout("page_1")),
    ("email", lambda port: port.create_customer()),
    ("email", lambda port: port.create_customer(email="a\nb")),
    ("name", lambda port: port.create_customer(name=" ")),
    ("customer", lambda port: port.save_method(None, "m")),
    ("customer", lambda port: port.save_method("a b", "m")),
    ("payment_method", lambda port: port.save_method("c", None)),
    ("payment_method", lambda port: port.save_method("c", "")),
    ("payment_method", lambda port: port.forget_method(None)),
    ("payment_method", lambda port: port.forget_method("")),
    ("amount", _page()),
    ("amount", lambda port: port.create_checkout(Money("0", "EUR"), success_url=BACK)),
    ("amount", lambda port: port.create_checkout(Money("1.001", "EUR"), success_url=BACK)),
    ("amount", _page(_ITEM, amount=TEN)),
    ("currency", lambda port: port.create_checkout(Money("1", "XXX"), success_url=BACK)),
    ("items", _page(*[_ITEM] * 101)),
    ("items", _page(CheckoutItem(name="a", amount=Money("999999", "EUR"), quantity=10_000))),
    ("items[0]", _page(TEN)),
    ("items[0].name", _page(CheckoutItem(name=" ", amount=TEN))),
    ("items[0].name", _page(CheckoutItem(name="a\nb", amount=TEN))),
    ("items[0].amount", _page(CheckoutItem(name="a", amount=Money("-1", "EUR")))),
    ("items[0].amount", _page(CheckoutItem(name="a", amount=Money("1", "XXX")))),
    ("items[0].quantity", _page(CheckoutItem(name="a", amount=TEN, quantity=0))),
    ("items[0].quantity", _page(CheckoutItem(name="a", amount=TEN, quantity=10_001))),
    ("items[1].amount", _page(_ITEM, CheckoutItem(name="b", amount=Money("1", "USD")))),
    ("reference", _page(_ITEM, reference="a\nb")),
    *[
        (field, _page(_ITEM, **{field: url}))
        for field in ("success_url", "cancel_url")
        for url in ("back", "ftp://shop.example", "https://", "https://a b", "https://a:x/")
    ],
]
_BAD_METADATA: dict[str, dict[Any, Any]] = {
    "blank": {"a b": "1"},
    "empty": {"": "1"},
    "bracket": {"a[b]": "1"},
    "long key": {"k" * 5000: "1"},
    "long value": {"a": "v" * 100_000},
    "reserved": {"reference": "1"},
    "number": {"order": 17},
    "number for a name": {17: "order"},
    "many": {str(number): "1" for number in range(10_000)},
}


class PaymentSubject(PortSubject):
    """A driver under test, and the strings its provider hangs on.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode.
        requests: how many requests reached the provider.
        good: a method that pays.
        declined: methods that are declined, by the reason we give; with whether it is soft.
        challenged: a method whose bank asks the customer; where nobody can be sent there, it is
            declined.
        authenticate: the customer answers, with the provider's id and whether rightly; needed with
            `REDIRECT`.
        fail_refund: the bank sends a refund back, by the provider's id.
        dispute: the bank questions a payment, by the provider's id, and has got so far.
        events: the webhook bodies since the last call, in order.
        customer: a customer's id.
        pay_on_page: a customer pays with the good method on a page, by the provider's id; needed
            with `CHECKOUT`.
        expire_page: nobody did, and the page has ended; needed with `CHECKOUT`.
    """

    def __init__(
        self,
        mode: Mode,
        driver: PaymentDriver,
        *,
        requests: Callable[[], int],
        good: str,
        declined: Mapping[str, tuple[DeclineReason, bool]],
        challenged: str,
        authenticate: Callable[[str, bool], None] | None = None,
        fail_refund: Callable[[str], None],
        dispute: Callable[[str, DisputeStatus], None],
        events: Callable[[], Sequence[bytes]],
        customer: str = "cus_1",
        pay_on_page: Callable[[str], None] | None = None,
        expire_page: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__(
            mode, driver, PaymentGateway, BlockingGateway, name="shop", requests=requests
        )
        self.good = good
        self.declined = declined
        self.challenged = challenged
        self.authenticate = authenticate
        self.fail_refund = fail_refund
        self.dispute = dispute
        self.events = events
        self.customer = customer
        self.pay_on_page = pay_on_page
        self.expire_page = expire_page

    def pay(self, amount: Money = TEN, **options: Any) -> Any:
        """A payment with the good method."""
        return self.do(self.port.create_payment(amount, payment_method=self.good, **options))


class PaymentRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(_REFUSED))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: PaymentSubject, capability: PaymentCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    def test_nothing_is_confirmed_where_nothing_waits_for_it(self, subject: PaymentSubject) -> None:
        if PaymentCapability.APPROVAL not in subject.driver.capabilities.flags:
            confirm: PortVerb = lambda port: port.confirm_payment("shop:any")  # noqa: E731
            unsupported(subject, PaymentCapability.UNCONFIRMED, confirm)

    def test_what_needs_it_too_is_refused_likewise(self, subject: PaymentSubject) -> None:
        for capability, call in _ALSO_REFUSED:
            unsupported(subject, capability, call)

    @pytest.mark.parametrize(("field", "call"), _BAD)
    def test_bad_input_is_refused_before_any_request(
        self, subject: PaymentSubject, field: str, call: PortVerb
    ) -> None:
        refused(subject, field, call)

    def test_bad_pages_are_refused_before_any_request(self, subject: PaymentSubject) -> None:
        for field, call in _BAD_PAGES:
            refused(subject, field, call)

    @exercises(PaymentCapability.METADATA)
    @pytest.mark.parametrize("name", _BAD_METADATA)
    def test_bad_metadata_is_refused_before_any_request(
        self, subject: PaymentSubject, name: str
    ) -> None:
        with pytest.raises(InvalidRequestError) as caught:
            subject.pay(metadata=_BAD_METADATA[name])
        assert (caught.value.field or "").startswith("metadata")
        assert subject.requests() == 0

"""A driver of payments under test, and what it must refuse before any request is sent."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.money import Money
from hardpoint.payments.api import PaymentGateway
from hardpoint.payments.driver import PaymentCapability, PaymentDriver
from hardpoint.payments.types import Capture, DeclineReason, DisputeStatus
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
    PaymentCapability.FIND: lambda port: port.find(since=0, reference="any"),
}


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
        challenged: a method whose bank asks the customer.
        authenticate: the customer answers, with the provider's id and whether rightly.
        fail_refund: the bank sends a refund back, by the provider's id.
        dispute: the bank questions a payment, by the provider's id, and has got so far.
        events: the webhook bodies since the last call, in order.
        customer: a customer's id.
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
        authenticate: Callable[[str, bool], None],
        fail_refund: Callable[[str], None],
        dispute: Callable[[str, DisputeStatus], None],
        events: Callable[[], Sequence[bytes]],
        customer: str = "cus_1",
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

    def pay(self, amount: Money = TEN, **options: Any) -> Any:
        """A payment with the good method."""
        return self.do(self.port.create_payment(amount, payment_method=self.good, **options))


class PaymentRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(PaymentCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: PaymentSubject, capability: PaymentCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    @pytest.mark.parametrize(("field", "call"), _BAD)
    def test_bad_input_is_refused_before_any_request(
        self, subject: PaymentSubject, field: str, call: PortVerb
    ) -> None:
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

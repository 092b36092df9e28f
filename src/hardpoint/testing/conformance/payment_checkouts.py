"""What every driver with a hosted page must do."""

from collections.abc import Mapping

import pytest

from hardpoint.core.errors import ConflictError, IdempotencyConflictError, NotFoundError
from hardpoint.core.money import Money
from hardpoint.payments.driver import PaymentCapability
from hardpoint.payments.types import (
    Checkout,
    CheckoutItem,
    CheckoutStatus,
    Payment,
    PaymentApproved,
    PaymentStatus,
    PaymentSucceeded,
)
from hardpoint.testing.conformance.modes import exercises
from hardpoint.testing.conformance.payment_subject import BACK, TEN, PaymentSubject

ITEMS = (
    CheckoutItem(name="A book", amount=Money("3.33", "EUR"), quantity=2),
    CheckoutItem(name="Tee für zwei", amount=Money("3.34", "EUR")),
)
"""They come to ten."""


class PaymentCheckouts:
    """Part of `PaymentConformance`."""

    @exercises(PaymentCapability.CHECKOUT)
    @pytest.mark.parametrize("itemised", [False, True])
    def test_a_customer_pays_on_the_page(self, subject: PaymentSubject, itemised: bool) -> None:
        what = {"items": ITEMS} if itemised else {"amount": TEN}
        page: Checkout = subject.do(
            subject.port.create_checkout(
                **what,
                success_url=f"{BACK}?order=1&paid=1",
                cancel_url=BACK,
                reference="order-20",
                description="Ten in all",
            )
        )
        assert (page.status, page.amount, page.payment_id) == (CheckoutStatus.OPEN, TEN, None)
        assert page.id.startswith("shop:")
        assert (page.url or "").startswith("https://")
        assert subject.do(subject.port.get_checkout(page.id)) == page
        subject.events()
        assert subject.pay_on_page
        subject.pay_on_page(page.id.partition(":")[2])
        after = confirmed(subject, page, reference="order-20")
        assert (after.id, after.status) == (page.id, CheckoutStatus.COMPLETED)
        payment = subject.do(subject.port.get_payment(after.payment_id))
        assert (payment.status, payment.captured) == (PaymentStatus.SUCCEEDED, TEN)
        assert payment.reference == "order-20"
        told = [subject.port.parse_event(body) for body in subject.events()]
        assert [one for one in told if one is not None] == [
            PaymentSucceeded(payment_id=payment.id, amount=TEN, reference="order-20", metadata={})
        ]
        refund = subject.do(subject.port.refund(payment.id))
        assert refund.amount == TEN

    @exercises(PaymentCapability.CHECKOUT, PaymentCapability.METADATA)
    def test_what_is_yours_in_a_page_is_in_its_payment(self, subject: PaymentSubject) -> None:
        page = subject.do(
            subject.port.create_checkout(TEN, success_url=BACK, metadata={"plan": "yearly"})
        )
        assert subject.pay_on_page
        subject.pay_on_page(page.id.partition(":")[2])
        paid = confirmed(subject, page, metadata={"plan": "yearly"}).payment_id
        payment = subject.do(subject.port.get_payment(paid))
        assert (payment.reference, payment.metadata) == (None, {"plan": "yearly"})

    @exercises(PaymentCapability.CHECKOUT)
    def test_a_page_is_made_once_under_its_key(self, subject: PaymentSubject) -> None:
        def make(amount: Money) -> Checkout:
            return subject.do(
                subject.port.create_checkout(amount, success_url=BACK, idempotency_key="order-21")
            )

        assert make(TEN) == make(TEN)
        with pytest.raises(IdempotencyConflictError):
            make(Money("11.00", "EUR"))

    @exercises(PaymentCapability.CHECKOUT)
    def test_a_page_that_is_not_there_is_not_found(self, subject: PaymentSubject) -> None:
        with pytest.raises(NotFoundError):
            subject.do(subject.port.get_checkout("shop:nothing"))

    @exercises(PaymentCapability.CHECKOUT)
    def test_nobody_pays_on_a_page_that_has_ended(self, subject: PaymentSubject) -> None:
        page = subject.do(subject.port.create_checkout(TEN, success_url=BACK))
        assert subject.expire_page
        subject.expire_page(page.id.partition(":")[2])
        after = subject.do(subject.port.get_checkout(page.id))
        assert (after.status, after.payment_id) == (CheckoutStatus.EXPIRED, None)

    @exercises(PaymentCapability.CHECKOUT, PaymentCapability.APPROVAL)
    def test_what_is_approved_is_taken_once_whoever_confirms_it(
        self, subject: PaymentSubject
    ) -> None:
        page = subject.do(subject.port.create_checkout(TEN, success_url=BACK))
        assert subject.pay_on_page
        subject.pay_on_page(page.id.partition(":")[2])
        approved = subject.do(subject.port.get_checkout(page.id)).payment_id
        confirm = subject.port.confirm_payment
        paid = [
            subject.do(confirm(approved, idempotency_key=key))
            for key in ("browser", "webhook", "webhook")
        ]
        assert {one.id for one in paid} == {paid[0].id}
        assert [one.captured for one in paid] == [TEN] * 3
        subject.events()
        assert subject.do(subject.port.refund(paid[0].id)).amount == TEN
        with pytest.raises(ConflictError):
            subject.do(subject.port.refund(approved))


def confirmed(
    subject: PaymentSubject,
    page: Checkout,
    *,
    reference: str | None = None,
    metadata: Mapping[str, str] = {},
) -> Checkout:
    """The page once its payment is taken: by the page, or by us when it was approved there."""
    after: Checkout = subject.do(subject.port.get_checkout(page.id))
    if PaymentCapability.APPROVAL not in subject.driver.capabilities.flags:
        return after
    assert (after.status, after.url) == (CheckoutStatus.APPROVED, None)
    payment_id = after.payment_id or ""
    payment: Payment = subject.do(subject.port.get_payment(payment_id))
    assert payment.status is PaymentStatus.REQUIRES_CONFIRMATION
    assert not payment.captured
    told = [subject.port.parse_event(body) for body in subject.events()]
    assert [one for one in told if one is not None] == [
        PaymentApproved(
            payment_id=payment_id, amount=page.amount, reference=reference, metadata=metadata
        )
    ]
    taken: Payment = subject.do(subject.port.confirm_payment(payment_id))
    assert (taken.status, taken.captured) == (PaymentStatus.SUCCEEDED, page.amount)
    return subject.do(subject.port.get_checkout(page.id))

"""What every driver that keeps means must do."""

from typing import Any

import pytest

from hardpoint.core.errors import (
    DeclinedError,
    InvalidRequestError,
    NotFoundError,
    ProviderError,
)
from hardpoint.payments.driver import PaymentCapability
from hardpoint.payments.types import DeclineReason, PaymentCustomer, PaymentStatus, SavedMethod
from hardpoint.testing.conformance.modes import exercises
from hardpoint.testing.conformance.payment_subject import TEN, PaymentSubject


class SavedMeans:
    """Part of `PaymentConformance`."""

    @exercises(PaymentCapability.SAVED_METHODS, PaymentCapability.CUSTOMER)
    def test_means_that_are_kept_are_charged_while_the_customer_is_away(
        self, subject: PaymentSubject
    ) -> None:
        customer, saved = kept(subject, subject.good)
        assert (customer.email, customer.reference) == ("ann@customer.example", "customer-7")
        assert saved.customer == customer.id
        assert saved.kind
        ids = set[str]()
        for number in range(2):
            payment = charged(subject, saved, reference=f"month-{number}")
            assert (payment.status, payment.captured) == (PaymentStatus.SUCCEEDED, TEN)
            assert payment.customer == customer.id
            ids.add(payment.id)
        assert len(ids) == 2
        for missing in ("payment_method", "customer"):
            given = {"payment_method": saved.id, "customer": customer.id, missing: None}
            with pytest.raises(InvalidRequestError) as caught:
                subject.do(subject.port.create_payment(TEN, off_session=True, **given))
            assert (caught.value.field, caught.value.status) == (missing, None)

    @exercises(PaymentCapability.SAVED_METHODS)
    def test_a_bank_that_wants_to_ask_the_customer_declines(self, subject: PaymentSubject) -> None:
        def keep_and_charge() -> None:
            charged(subject, kept(subject, subject.challenged)[1])

        with pytest.raises(DeclinedError) as caught:
            keep_and_charge()
        assert caught.value.reason == DeclineReason.AUTHENTICATION_REQUIRED
        assert caught.value.soft

    @exercises(PaymentCapability.SAVED_METHODS)
    def test_what_a_bank_declines_is_not_kept(self, subject: PaymentSubject) -> None:
        method, (reason, _) = next(iter(subject.declined.items()))
        with pytest.raises(DeclinedError) as caught:
            kept(subject, method)
        assert caught.value.reason == reason

    @exercises(PaymentCapability.SAVED_METHODS)
    def test_a_customer_and_means_are_kept_once_under_their_keys(
        self, subject: PaymentSubject
    ) -> None:
        first, again = (kept(subject, subject.good, key="key") for _ in range(2))
        assert first == again

    @exercises(PaymentCapability.SAVED_METHODS)
    def test_means_that_are_forgotten_are_charged_no_more(self, subject: PaymentSubject) -> None:
        _, saved = kept(subject, subject.good)
        charged(subject, saved)
        for _ in range(2):
            assert subject.do(subject.port.forget_method(saved.id)) is None
        with pytest.raises(ProviderError):
            charged(subject, saved)
        with pytest.raises(NotFoundError):
            subject.do(subject.port.forget_method("nothing"))

    @exercises(PaymentCapability.SAVED_METHODS)
    def test_means_are_kept_with_nobody_who_is_not_there(self, subject: PaymentSubject) -> None:
        with pytest.raises(NotFoundError):
            subject.do(subject.port.save_method("nobody", subject.good))


def kept(
    subject: PaymentSubject, method: str, key: str | None = None
) -> tuple[PaymentCustomer, SavedMethod]:
    """A customer whose means are kept."""
    customer = subject.do(
        subject.port.create_customer(
            email="ann@customer.example",
            name="Ann Lee",
            reference="customer-7",
            idempotency_key=key,
        )
    )
    saved = subject.do(subject.port.save_method(customer.id, method, idempotency_key=key))
    return customer, saved


def charged(subject: PaymentSubject, saved: SavedMethod, reference: str | None = None) -> Any:
    """What became of a charge while the customer is away."""
    return subject.do(
        subject.port.create_payment(
            TEN,
            payment_method=saved.id,
            customer=saved.customer,
            reference=reference,
            off_session=True,
        )
    )

"""What every driver of payments must do.

Inherit from `PaymentConformance`, and say how the provider is reached and steered:

    class TestMine(PaymentConformance):
        @pytest.fixture(params=MODES)
        def subject(self, request):
            mode = MODES[request.param]()
            yield PaymentSubject(mode, MyPayments(mode.transport(), settings), ...)
            mode.close()

Nothing here knows a provider; where they differ, the capabilities say so.
"""

import time

import msgspec
import pytest

from hardpoint.core.errors import (
    ConflictError,
    DeclinedError,
    IdempotencyConflictError,
    InvalidRequestError,
    NotFoundError,
)
from hardpoint.core.money import Money
from hardpoint.payments.driver import PaymentCapability
from hardpoint.payments.types import (
    Capture,
    DeclineReason,
    DisputeChanged,
    DisputeStatus,
    Payment,
    PaymentActionRequired,
    PaymentFailed,
    PaymentStatus,
    PaymentSucceeded,
    Refunded,
    RefundFailed,
    RefundReason,
    RefundStatus,
)
from hardpoint.testing.conformance.modes import exercises
from hardpoint.testing.conformance.payment_checkouts import PaymentCheckouts
from hardpoint.testing.conformance.payment_methods import SavedMeans
from hardpoint.testing.conformance.payment_subject import (
    BACK,
    TEN,
    PaymentRefusals,
    PaymentSubject,
)

__all__ = ["PaymentConformance", "PaymentSubject"]


class PaymentConformance(PaymentCheckouts, SavedMeans, PaymentRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    # Taking money

    def test_a_payment_is_taken_whole(self, subject: PaymentSubject) -> None:
        payment = subject.pay(reference="order-1", description="A book")
        assert payment.status is PaymentStatus.SUCCEEDED
        assert (payment.amount, payment.captured) == (TEN, TEN)
        assert not payment.refunded
        assert payment.reference == "order-1"
        assert payment.id.startswith("shop:")
        assert facts(subject.do(subject.port.get_payment(payment.id))) == facts(payment)

    @pytest.mark.parametrize(
        "amount",
        [Money("0.50", "EUR"), Money("19.99", "USD"), Money("500", "JPY"), Money("5.12", "KWD")],
        ids=str,
    )
    def test_amounts_are_exact(self, subject: PaymentSubject, amount: Money) -> None:
        if amount.currency not in subject.driver.money.exponents:
            return
        assert subject.pay(amount).captured == amount

    @exercises(PaymentCapability.CUSTOMER)
    def test_the_customer_comes_back(self, subject: PaymentSubject) -> None:
        assert subject.pay(customer=subject.customer).customer == subject.customer

    @exercises(PaymentCapability.METADATA)
    def test_metadata_comes_back(self, subject: PaymentSubject) -> None:
        metadata = {"plan": "yearly", "note": "Grüße & 1=1"}
        assert subject.pay(metadata=metadata, reference="order-2").metadata == metadata

    @exercises(PaymentCapability.MANUAL_CAPTURE)
    def test_a_reserved_payment_is_captured_whole(self, subject: PaymentSubject) -> None:
        payment = subject.pay(capture=Capture.MANUAL)
        assert payment.status is PaymentStatus.AUTHORIZED
        assert not payment.captured
        captured = subject.do(subject.port.capture(payment.id))
        assert (captured.status, captured.captured) == (PaymentStatus.SUCCEEDED, TEN)

    @exercises(PaymentCapability.MANUAL_CAPTURE, PaymentCapability.PARTIAL_CAPTURE)
    def test_a_reserved_payment_is_captured_in_part(self, subject: PaymentSubject) -> None:
        payment = subject.pay(capture=Capture.MANUAL)
        with pytest.raises(InvalidRequestError):
            subject.do(subject.port.capture(payment.id, Money("10.01", "EUR")))
        captured = subject.do(subject.port.capture(payment.id, Money("4.00", "EUR")))
        assert captured.captured == Money("4.00", "EUR")
        with pytest.raises(ConflictError):
            subject.do(subject.port.capture(payment.id))

    @exercises(PaymentCapability.MANUAL_CAPTURE)
    def test_a_reserved_payment_is_let_go(self, subject: PaymentSubject) -> None:
        payment = subject.pay(capture=Capture.MANUAL)
        voided = subject.do(subject.port.void(payment.id))
        assert voided.status is PaymentStatus.VOIDED
        assert not voided.captured
        for verb in (subject.port.capture, subject.port.void, subject.port.refund):
            with pytest.raises(ConflictError):
                subject.do(verb(payment.id))

    @exercises(PaymentCapability.UNCONFIRMED)
    def test_an_open_payment_is_finished_later(self, subject: PaymentSubject) -> None:
        payment = subject.do(subject.port.create_payment(TEN))
        assert payment.status is PaymentStatus.REQUIRES_PAYMENT_METHOD
        secret = payment.client_secret.reveal()
        assert secret
        assert secret not in repr(payment)
        paid = subject.do(
            subject.port.confirm_payment(payment.id, payment_method=subject.good, return_url=BACK)
        )
        assert (paid.id, paid.status) == (payment.id, PaymentStatus.SUCCEEDED)
        with pytest.raises(ConflictError):
            subject.do(subject.port.void(payment.id))

    @exercises(PaymentCapability.UNCONFIRMED)
    def test_an_open_payment_needs_a_method(self, subject: PaymentSubject) -> None:
        payment = subject.do(subject.port.create_payment(TEN))
        with pytest.raises(InvalidRequestError):
            subject.do(subject.port.confirm_payment(payment.id, return_url=BACK))

    # The customer's bank

    def test_a_decline_has_its_reason(self, subject: PaymentSubject) -> None:
        for method, (reason, soft) in subject.declined.items():
            with pytest.raises(DeclinedError) as caught:
                subject.do(subject.port.create_payment(TEN, payment_method=method))
            assert (caught.value.reason, caught.value.soft) == (reason, soft)
            assert not caught.value.retryable
            assert caught.value.outcome_known

    @exercises(PaymentCapability.UNCONFIRMED)
    def test_a_declined_payment_takes_other_means(self, subject: PaymentSubject) -> None:
        method, (reason, _) = next(iter(subject.declined.items()))
        payment = subject.do(subject.port.create_payment(TEN))
        confirm = subject.port.confirm_payment
        with pytest.raises(DeclinedError):
            subject.do(confirm(payment.id, payment_method=method, return_url=BACK))
        declined = subject.do(subject.port.get_payment(payment.id))
        assert declined.status is PaymentStatus.REQUIRES_PAYMENT_METHOD
        assert declined.decline is reason
        paid = subject.do(confirm(payment.id, payment_method=subject.good, return_url=BACK))
        assert (paid.status, paid.decline) == (PaymentStatus.SUCCEEDED, None)

    @exercises(PaymentCapability.REDIRECT)
    @pytest.mark.parametrize("rightly", [True, False])
    def test_a_challenge_waits_for_the_customer(
        self, subject: PaymentSubject, rightly: bool
    ) -> None:
        subject.events()
        payment = subject.do(
            subject.port.create_payment(TEN, payment_method=subject.challenged, return_url=BACK)
        )
        assert payment.status is PaymentStatus.REQUIRES_ACTION
        assert payment.next_action.url
        assert not payment.captured
        told = [subject.port.parse_event(body) for body in subject.events()]
        assert [one for one in told if one is not None] == [
            PaymentActionRequired(
                payment_id=payment.id,
                amount=TEN,
                action=payment.next_action,
                reference=None,
                metadata={},
            )
        ]
        assert subject.authenticate
        subject.authenticate(payment.id.partition(":")[2], rightly)
        after = subject.do(subject.port.get_payment(payment.id))
        if rightly:
            assert (after.status, after.captured) == (PaymentStatus.SUCCEEDED, TEN)
        else:
            assert after.status is PaymentStatus.REQUIRES_PAYMENT_METHOD
            assert after.decline is DeclineReason.AUTHENTICATION_REQUIRED

    def test_a_challenge_that_nobody_can_meet_is_a_decline(self, subject: PaymentSubject) -> None:
        if PaymentCapability.REDIRECT in subject.driver.capabilities.flags:
            return
        with pytest.raises(DeclinedError) as caught:
            subject.do(subject.port.create_payment(TEN, payment_method=subject.challenged))
        assert caught.value.reason == DeclineReason.AUTHENTICATION_REQUIRED
        assert caught.value.soft

    # Giving it back

    def test_a_refund_gives_all_back(self, subject: PaymentSubject) -> None:
        payment = subject.pay()
        refund = subject.do(
            subject.port.refund(payment.id, reason=RefundReason.REQUESTED_BY_CUSTOMER)
        )
        assert (refund.amount, refund.payment_id) == (TEN, payment.id)
        assert refund.status in {RefundStatus.PENDING, RefundStatus.SUCCEEDED}
        assert refund.id.startswith("shop:")
        read = subject.do(subject.port.get_refund(refund.id))
        assert (read.id, read.payment_id, read.amount) == (refund.id, payment.id, TEN)
        assert read.status is RefundStatus.SUCCEEDED
        assert subject.do(subject.port.get_payment(payment.id)).refunded == TEN
        with pytest.raises(ConflictError):
            subject.do(subject.port.refund(payment.id))

    @exercises(PaymentCapability.PARTIAL_REFUND)
    def test_refunds_in_parts_never_exceed_the_whole(self, subject: PaymentSubject) -> None:
        payment = subject.pay()
        part = Money("3.50", "EUR")
        ids = {subject.do(subject.port.refund(payment.id, part)).id for _ in range(2)}
        assert len(ids) == 2
        with pytest.raises(InvalidRequestError):
            subject.do(subject.port.refund(payment.id, part))
        rest = subject.do(subject.port.refund(payment.id, idempotency_key="rest"))
        assert rest.amount == Money("3.00", "EUR")
        assert subject.do(subject.port.refund(payment.id, idempotency_key="rest")) == rest

    # Once

    def test_a_repeat_under_the_same_key_acts_once(self, subject: PaymentSubject) -> None:
        first = subject.pay(idempotency_key="order-7")
        assert subject.pay(idempotency_key="order-7").id == first.id
        refunds = [
            subject.do(subject.port.refund(first.id, idempotency_key="order-7")) for _ in range(2)
        ]
        assert refunds[0] == refunds[1]
        assert subject.do(subject.port.get_payment(first.id)).refunded == TEN

    def test_a_key_with_other_arguments_is_refused(self, subject: PaymentSubject) -> None:
        subject.pay(idempotency_key="order-8")
        with pytest.raises(IdempotencyConflictError):
            subject.pay(Money("11.00", "EUR"), idempotency_key="order-8")

    def test_calls_without_a_key_are_calls_of_their_own(self, subject: PaymentSubject) -> None:
        assert subject.pay().id != subject.pay().id

    def test_a_decline_is_repeated_under_its_key(self, subject: PaymentSubject) -> None:
        method = next(iter(subject.declined))
        for _ in range(2):
            with pytest.raises(DeclinedError):
                subject.do(
                    subject.port.create_payment(TEN, payment_method=method, idempotency_key="k")
                )

    # Finding it again

    def test_what_is_not_there_is_not_found(self, subject: PaymentSubject) -> None:
        for read in (subject.port.get_payment, subject.port.get_refund):
            with pytest.raises(NotFoundError):
                subject.do(read("shop:nothing"))

    @exercises(PaymentCapability.FIND)
    def test_payments_are_found_by_their_reference(self, subject: PaymentSubject) -> None:
        since = time.time() - 60
        wanted = subject.pay(reference="order-9")
        subject.pay(reference="order-10")
        found = subject.do(subject.port.find(since=since, reference="order-9"))
        assert [facts(one) for one in found] == [facts(wanted)]
        assert subject.do(subject.port.find(since=time.time() + 60, reference="order-9")) == ()

    @exercises(PaymentCapability.FIND, PaymentCapability.METADATA)
    def test_payments_are_found_by_their_metadata(self, subject: PaymentSubject) -> None:
        since = time.time() - 60
        subject.pay(reference="order-9", metadata={"plan": "a", "seat": "1"})
        subject.pay(reference="order-10", metadata={"plan": "a"})
        find = subject.port.find
        assert len(subject.do(find(since=since, metadata={"plan": "a"}))) == 2
        assert subject.do(find(since=since, reference="order-9", metadata={"plan": "b"})) == ()

    @exercises(PaymentCapability.FIND)
    def test_payments_are_found_on_every_page(self, subject: PaymentSubject) -> None:
        references = [f"order-{number}" for number in range(101)]
        for reference in references:
            subject.pay(reference=reference)
        for reference in (references[0], references[-1]):
            found = subject.do(subject.port.find(since=time.time() - 600, reference=reference))
            assert [one.reference for one in found] == [reference]

    # What comes back by webhook

    def test_events_say_what_happened(self, subject: PaymentSubject) -> None:
        subject.events()
        payment = subject.pay(reference="order-11")
        refund = subject.do(subject.port.refund(payment.id))
        method, (reason, soft) = next(iter(subject.declined.items()))
        with pytest.raises(DeclinedError):
            subject.do(
                subject.port.create_payment(TEN, payment_method=method, reference="order-12")
            )
        told = [subject.port.parse_event(body) for body in subject.events()]
        succeeded, refunded, failed = (event for event in told if event is not None)
        assert succeeded == PaymentSucceeded(
            payment_id=payment.id, amount=TEN, reference="order-11", metadata={}
        )
        assert isinstance(refunded, Refunded)
        assert (refunded.payment_id, refunded.amount) == (payment.id, TEN)
        # An event may leave these out, and says nothing else in their place.
        assert refunded.refunded in {None, TEN}
        assert refunded.whole in {None, True}
        assert refunded.refund_id in {None, refund.id}
        assert refunded.reference in {None, "order-11"}
        assert isinstance(failed, PaymentFailed)
        assert (failed.reason, failed.soft, failed.reference) == (reason, soft, "order-12")
        assert failed.advice

    def test_a_refund_that_failed_is_told_and_taken_back(self, subject: PaymentSubject) -> None:
        payment = subject.pay()
        refund = subject.do(subject.port.refund(payment.id))
        subject.events()
        subject.fail_refund(refund.id.partition(":")[2])
        events = [subject.port.parse_event(body) for body in subject.events()]
        [told] = [one for one in events if isinstance(one, RefundFailed)]
        assert (told.payment_id, told.refund_id) == (payment.id, refund.id)
        assert told.amount == TEN
        assert told.reason
        assert not subject.do(subject.port.get_payment(payment.id)).refunded
        assert subject.do(subject.port.get_refund(refund.id)).status is RefundStatus.FAILED

    @pytest.mark.parametrize("verdict", [DisputeStatus.WON, DisputeStatus.LOST])
    def test_a_dispute_is_told_from_its_beginning_to_its_end(
        self, subject: PaymentSubject, verdict: DisputeStatus
    ) -> None:
        payment = subject.pay()
        subject.events()
        for status in (DisputeStatus.NEEDS_RESPONSE, verdict):
            subject.dispute(payment.id.partition(":")[2], status)
        told = [subject.port.parse_event(body) for body in subject.events()]
        assert all(isinstance(one, DisputeChanged) for one in told)
        assert [one.status for one in told] == [DisputeStatus.NEEDS_RESPONSE, verdict]
        assert len({one.dispute_id for one in told}) == 1
        assert {one.payment_id for one in told} == {payment.id}
        assert [one.amount for one in told] == [TEN, TEN]
        assert told[0].reason
        assert told[0].respond_by


def facts(payment: Payment) -> Payment:
    """A payment without its secret, since secrets are not compared."""
    return msgspec.structs.replace(payment, client_secret=None)

"""Every driver of payments, in both modes."""

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.fakes.server import FakeServer
from hardpoint.payments.driver import PaymentCapability
from hardpoint.payments.memory import CHALLENGED, DECLINED, GOOD, MemoryPayments
from hardpoint.payments.types import DeclineReason
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.testing.conformance.modes import MODES
from hardpoint.testing.conformance.payments import PaymentConformance, PaymentSubject


@pytest.fixture(params=MODES)
def mode(request):
    mode = MODES[request.param]()
    yield mode
    mode.close()


def memory(mode, driver):
    told = iter(range(1_000_000))
    return PaymentSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        good=GOOD,
        declined=DECLINED,
        challenged=CHALLENGED,
        authenticate=lambda one, rightly: driver.authenticate(one, succeeds=rightly),
        events=lambda: [str(next(told)).encode() for _ in driver.events],
    )


class TestMemory(PaymentConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryPayments())


class TestMemoryThatCanDoLittle(PaymentConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryPayments(capabilities=frozenset()))


class TestStripe(PaymentConformance):
    @pytest.fixture
    def subject(self, mode):
        vendor = FakeStripe()
        with FakeServer(vendor) as server:
            settings = Stripe(secret_key=Secret.value(SECRET_KEY), base_url=server.url)
            yield PaymentSubject(
                mode,
                StripePayments(mode.transport(), settings),
                requests=lambda: server.requests,
                good="pm_card_visa",
                declined={
                    "pm_card_visa_chargeDeclined": (DeclineReason.DECLINED, False),
                    "pm_card_visa_chargeDeclinedInsufficientFunds": (
                        DeclineReason.INSUFFICIENT_FUNDS,
                        True,
                    ),
                    "pm_card_visa_chargeDeclinedStolenCard": (DeclineReason.SUSPECTED_FRAUD, False),
                    "pm_card_visa_chargeDeclinedLostCard": (DeclineReason.SUSPECTED_FRAUD, False),
                    "pm_card_chargeDeclinedExpiredCard": (DeclineReason.EXPIRED, False),
                    "pm_card_chargeDeclinedIncorrectCvc": (DeclineReason.WRONG_DETAILS, True),
                    "pm_card_chargeDeclinedProcessingError": (DeclineReason.TEMPORARY, True),
                },
                challenged="pm_card_authenticationRequired",
                authenticate=lambda one, rightly: vendor.account.authenticate(
                    one, succeeds=rightly
                ),
                events=lambda: [emission.body for emission in vendor.emitter.pending()],
            )
            vendor.emitter.close()


def test_a_capability_that_no_test_exercises_is_reported():
    class Hollow(PaymentConformance):
        test_an_open_payment_needs_a_method = None
        test_an_open_payment_is_finished_later = None
        test_a_declined_payment_takes_other_means = None

    subject = memory(MODES["blocking"](), MemoryPayments())
    with pytest.raises(AssertionError, match=PaymentCapability.UNCONFIRMED):
        Hollow().test_every_declared_capability_is_exercised(subject)

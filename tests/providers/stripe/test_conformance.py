"""Stripe's payments, held to what every driver must do, in both modes."""

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.fakes.server import FakeServer
from hardpoint.payments.types import DeclineReason
from hardpoint.providers.stripe import Stripe
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.providers.stripe.payments import StripePayments
from hardpoint.testing.conformance.payments import PaymentConformance, PaymentSubject


class TestStripe(PaymentConformance):
    optional_fields = True

    @pytest.fixture
    def subject(self, mode):
        vendor = FakeStripe(optional_fields=self.optional_fields)
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
                fail_refund=vendor.account.fail_refund,
                dispute=lambda one, status: vendor.account.dispute(one, "updated", status=status),
                events=lambda: [emission.body for emission in vendor.emitter.pending()],
            )
            vendor.emitter.close()


class TestStripeWithoutOptionalFields(TestStripe):
    optional_fields = False

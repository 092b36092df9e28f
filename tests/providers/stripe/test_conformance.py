"""Stripe's payments, held to what every driver must do, in both modes, and through every fault.

Its keys are honoured, so every call may be repeated.
"""

from typing import ClassVar

import pytest

from hardpoint.core.errors import DeclinedError
from hardpoint.core.money import Money
from hardpoint.fakes.messages import Received
from hardpoint.payments import PaymentGateway
from hardpoint.payments.types import DeclineReason
from hardpoint.providers.stripe import API_VERSION
from hardpoint.providers.stripe.fake import SECRET_KEY, FakeStripe
from hardpoint.sync.payments import PaymentGateway as BlockingGateway
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.payments import PaymentConformance, PaymentSubject
from hardpoint.testing.conformance.served import port_on

TEN = Money("10", "EUR")


class TestStripe(PaymentConformance):
    declined: ClassVar = {
        "pm_card_visa_chargeDeclined": (DeclineReason.DECLINED, False),
        "pm_card_visa_chargeDeclinedInsufficientFunds": (DeclineReason.INSUFFICIENT_FUNDS, True),
        "pm_card_visa_chargeDeclinedStolenCard": (DeclineReason.SUSPECTED_FRAUD, False),
        "pm_card_visa_chargeDeclinedLostCard": (DeclineReason.SUSPECTED_FRAUD, False),
        "pm_card_chargeDeclinedExpiredCard": (DeclineReason.EXPIRED, False),
        "pm_card_chargeDeclinedIncorrectCvc": (DeclineReason.WRONG_DETAILS, True),
        "pm_card_chargeDeclinedProcessingError": (DeclineReason.TEMPORARY, True),
    }

    @pytest.fixture
    def subject(self, mode, imitated):
        account = imitated.vendor.account
        return PaymentSubject(
            mode,
            imitated.driver(),
            requests=imitated.requests,
            good="pm_card_visa",
            declined=self.declined,
            challenged="pm_card_authenticationRequired",
            authenticate=lambda one, rightly: account.authenticate(one, succeeds=rightly),
            fail_refund=account.fail_refund,
            dispute=lambda one, status: account.dispute(one, "updated", status=status),
            events=imitated.events,
            pay_on_page=imitated.vendor.pages.pay,
            expire_page=imitated.vendor.pages.expire,
        )


def with_a_payment():
    vendor = FakeStripe()
    headers = {"stripe-version": API_VERSION, "idempotency-key": "first"}
    request = Received(
        method="POST",
        target="/v1/payment_intents",
        headers={"authorization": f"Bearer {SECRET_KEY}", **headers},
        body=b"amount=1000&currency=eur&payment_method=pm_card_visa",
    )
    assert vendor.answer(request).status == 200
    return vendor


def pay(method):
    return lambda port: port.create_payment(TEN, payment_method=method)


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=with_a_payment,
        port=port_on(FakeStripe, PaymentGateway),
        facade=BlockingGateway,
        calls={
            "read": lambda port: port.get_payment("shop:pi_fake000001"),
            "keyed": pay("pm_card_visa"),
        },
        effects="charge",
        refused=(pay("pm_card_visa_chargeDeclined"), DeclinedError),
    )

"""The driver in memory, held to what every driver must do; those of providers in their folders."""

import pytest

from hardpoint.payments.driver import PaymentCapability
from hardpoint.payments.memory import MemoryPayments
from hardpoint.payments.memory_ledger import CHALLENGED, DECLINED, GOOD
from hardpoint.testing.conformance.modes import MODES
from hardpoint.testing.conformance.payments import PaymentConformance, PaymentSubject


def memory(mode, driver):
    told = 0

    def events():
        nonlocal told
        since, told = told, len(driver.events)
        return [str(number).encode() for number in range(since, told)]

    return PaymentSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        good=GOOD,
        declined=DECLINED,
        challenged=CHALLENGED,
        authenticate=lambda one, rightly: driver.authenticate(one, succeeds=rightly),
        fail_refund=driver.fail_refund,
        dispute=driver.dispute,
        events=events,
        pay_on_page=driver.pay_on_page,
        expire_page=driver.expire_page,
    )


class TestMemory(PaymentConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryPayments())


class TestMemoryThatCanDoLittle(PaymentConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryPayments(capabilities=frozenset()))


def test_a_capability_that_no_test_exercises_is_reported():
    class Hollow(PaymentConformance):
        test_an_open_payment_needs_a_method = None
        test_an_open_payment_is_finished_later = None
        test_a_declined_payment_takes_other_means = None

    subject = memory(MODES["blocking"](), MemoryPayments())
    with pytest.raises(AssertionError, match=PaymentCapability.UNCONFIRMED):
        Hollow().test_every_declared_capability_is_exercised(subject)

"""The driver in memory, held to what every driver must do; those of providers in their folders."""

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.memory import INVALID, OPTED_OUT, MemorySms
from hardpoint.testing.conformance.modes import MODES
from hardpoint.testing.conformance.sms import SmsConformance, SmsSubject


def memory(mode, driver, **options):
    told = iter(range(1_000_000))

    def carry(sid, statuses):
        for status in statuses:
            driver.carry(sid, status)

    return SmsSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        invalid=INVALID,
        opted_out=OPTED_OUT,
        carry=carry,
        events=lambda: [str(next(told)).encode() for _ in driver.events],
        **options,
    )


class TestMemory(SmsConformance):
    language: str | None = None

    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemorySms(), language=self.language)


class TestMemoryWithTemplatesInLanguages(TestMemory):
    language = "pt_BR"


class TestMemoryThatCanDoLittle(SmsConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemorySms(capabilities=frozenset(), idempotency=Idempotency.NONE))


def test_a_capability_that_no_test_exercises_is_reported():
    class Hollow(SmsConformance):
        test_a_name_may_stand_for_the_sender = None

    subject = memory(MODES["blocking"](), MemorySms())
    with pytest.raises(AssertionError, match=SmsCapability.SENDER_NAME):
        Hollow().test_every_declared_capability_is_exercised(subject)

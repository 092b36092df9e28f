"""The reference driver of email, in both modes; providers' stand in their folders."""

import msgspec
import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.email import Address, ReceivedEmail
from hardpoint.email.driver import EmailCapability
from hardpoint.email.memory import INVALID, SUPPRESSED, TEMPLATE, MemoryEmail
from hardpoint.testing.conformance.email import EmailConformance, EmailSubject
from hardpoint.testing.conformance.modes import MODES


def memory(mode, driver):
    heard = 0

    def carry(identifier, to, statuses):
        for status in statuses:
            driver.carry(identifier, to, status)

    def events():
        nonlocal heard
        numbers = list(range(heard, len(driver.events)))
        heard = len(driver.events)
        return [msgspec.json.encode(numbers)]

    return EmailSubject(
        mode,
        driver,
        requests=lambda: driver.requests,
        invalid=INVALID,
        suppressed=SUPPRESSED,
        carry=carry,
        events=events,
        template=TEMPLATE,
        received=msgspec.json.encode(RECEIVED),
    )


RECEIVED = ReceivedEmail(
    id="1",
    message_id="a@customer.example",
    from_=Address(email="ann.lee@customer.example", name="Ann"),
    to=(Address(email="orders@shop.example"),),
    subject="Re: Your order",
    text="Thanks",
)


class TestMemory(EmailConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryEmail())


class TestMemoryThatCanDoLittle(EmailConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryEmail(capabilities=frozenset(), idempotency=Idempotency.NONE))


def test_a_capability_that_no_test_exercises_is_reported():
    class Hollow(EmailConformance):
        test_replies_may_go_to_several = None

    subject = memory(MODES["blocking"](), MemoryEmail())
    with pytest.raises(AssertionError, match=EmailCapability.SEVERAL_REPLY_TO):
        Hollow().test_every_declared_capability_is_exercised(subject)

"""Every driver of SMS, in both modes."""

import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.secrets import Secret
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    SENDER,
    SERVICE_SID,
    FakeTwilio,
)
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.sms.driver import SmsCapability
from hardpoint.sms.memory import INVALID, OPTED_OUT, MemorySms
from hardpoint.testing.conformance.modes import MODES
from hardpoint.testing.conformance.sms import SmsConformance, SmsSubject


@pytest.fixture(params=MODES)
def mode(request):
    mode = MODES[request.param]()
    yield mode
    mode.close()


def memory(mode, driver):
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
    )


class TestMemory(SmsConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemorySms())


class TestMemoryThatCanDoLittle(SmsConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemorySms(capabilities=frozenset(), idempotency=Idempotency.NONE))


class TestTwilio(SmsConformance):
    sender = ("from_", SENDER)

    @pytest.fixture
    def subject(self, mode):
        vendor = FakeTwilio(delivers=False)
        with FakeServer(vendor) as server:
            settings = Twilio(
                account_sid=ACCOUNT_SID,
                secret=Secret.value(AUTH_TOKEN),
                status_url="https://shop.example/webhooks/texts",
                base_url=server.url,
                **dict([self.sender]),
            )
            yield SmsSubject(
                mode,
                TwilioSms(mode.transport(), settings),
                requests=lambda: server.requests,
                invalid="+15005550001",
                opted_out="+15005550004",
                carry=lambda sid, statuses: vendor.carry(sid, *statuses),
                events=lambda: [emission.body for emission in vendor.emitter.pending()],
            )
            vendor.emitter.close()


class TestTwilioWithAMessagingService(TestTwilio):
    sender = ("messaging_service_sid", SERVICE_SID)


def test_a_capability_that_no_test_exercises_is_reported():
    class Hollow(SmsConformance):
        test_a_name_may_stand_for_the_sender = None

    subject = memory(MODES["blocking"](), MemorySms())
    with pytest.raises(AssertionError, match=SmsCapability.SENDER_NAME):
        Hollow().test_every_declared_capability_is_exercised(subject)

"""Every driver of email, in both modes."""

import msgspec
import pytest

from hardpoint.core.capabilities import Idempotency
from hardpoint.core.secrets import Secret
from hardpoint.email.driver import EmailCapability
from hardpoint.email.memory import INVALID, SUPPRESSED, MemoryEmail
from hardpoint.email.types import DeliveryStatus
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.sendgrid import SendGrid, fake, fake_mail
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import FakeSendGrid
from hardpoint.testing.conformance.email import EmailConformance, EmailSubject
from hardpoint.testing.conformance.modes import MODES


@pytest.fixture(params=MODES)
def mode(request):
    mode = MODES[request.param]()
    yield mode
    mode.close()


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
    )


class TestMemory(EmailConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryEmail())


class TestMemoryThatCanDoLittle(EmailConformance):
    @pytest.fixture
    def subject(self, mode):
        return memory(mode, MemoryEmail(capabilities=frozenset(), idempotency=Idempotency.NONE))


WORDS = {
    DeliveryStatus.DEFERRED: "deferred",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.BOUNCED: "bounce",
}


class TestSendGrid(EmailConformance):
    @pytest.fixture
    def subject(self, mode):
        vendor = FakeSendGrid(delivers=False)
        with FakeServer(vendor) as server:
            settings = SendGrid(
                api_key=Secret.value(fake.API_KEY), from_=fake.SENDER, base_url=server.url
            )

            def carry(identifier, to, statuses):
                vendor.carry(identifier, to, *(WORDS[one] for one in statuses))

            yield EmailSubject(
                mode,
                SendGridEmail(mode.transport(), settings),
                requests=lambda: server.requests,
                invalid=fake_mail.INVALID,
                suppressed=fake.SUPPRESSED,
                carry=carry,
                events=lambda: [emission.body for emission in vendor.emitter.pending()],
            )
            vendor.emitter.close()


def test_a_capability_that_no_test_exercises_is_reported():
    class Hollow(EmailConformance):
        test_replies_may_go_to_several = None

    subject = memory(MODES["blocking"](), MemoryEmail())
    with pytest.raises(AssertionError, match=EmailCapability.SEVERAL_REPLY_TO):
        Hollow().test_every_declared_capability_is_exercised(subject)

"""SendGrid's email, held to what every driver must do, in both modes."""

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.email.types import DeliveryStatus
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.sendgrid import SendGrid, fake, fake_mail
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import FakeSendGrid
from hardpoint.testing.conformance.email import EmailConformance, EmailSubject

WORDS = {
    DeliveryStatus.DEFERRED: "deferred",
    DeliveryStatus.DELIVERED: "delivered",
    DeliveryStatus.BOUNCED: "bounce",
}


class TestSendGrid(EmailConformance):
    optional_fields = True

    @pytest.fixture
    def subject(self, mode):
        vendor = FakeSendGrid(delivers=False, optional_fields=self.optional_fields)
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


class TestSendGridWithoutOptionalFields(TestSendGrid):
    optional_fields = False

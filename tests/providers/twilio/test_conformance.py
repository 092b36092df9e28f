"""Twilio's messages, held to what every driver must do, in both modes."""

import pytest

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
from hardpoint.testing.conformance.sms import SmsConformance, SmsSubject


class TestTwilio(SmsConformance):
    sender = ("from_", SENDER)
    optional_fields = True

    @pytest.fixture
    def subject(self, mode):
        vendor = FakeTwilio(delivers=False, optional_fields=self.optional_fields)
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


class TestTwilioWithoutOptionalFields(TestTwilio):
    optional_fields = False


class TestTwilioWithAMessagingService(TestTwilio):
    sender = ("messaging_service_sid", SERVICE_SID)

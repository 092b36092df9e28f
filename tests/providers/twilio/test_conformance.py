"""Twilio's messages, held to what every driver must do, in both modes, and through every fault.

It has no keys: what may have been sent is looked for, and never sent again.
"""

import pytest

from hardpoint.providers.twilio.fake import SENDER, SERVICE_SID, FakeTwilio
from hardpoint.providers.twilio.fake_messages import CONTENT_SID
from hardpoint.sms import OptedOutError, SmsSender
from hardpoint.sync.sms import SmsSender as BlockingSender
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import port_on
from hardpoint.testing.conformance.sms import SmsConformance, SmsSubject

TO = "+4917012345678"


class TestTwilio(SmsConformance):
    sender = (SENDER, None)

    @pytest.fixture
    def subject(self, mode, imitated):
        vendor = imitated.vendor
        return SmsSubject(
            mode,
            imitated.driver(
                status_url="https://shop.example/webhooks/texts",
                **dict(zip(("from_", "messaging_service_sid"), self.sender, strict=True)),
            ),
            requests=imitated.requests,
            invalid="+15005550001",
            opted_out="+15005550004",
            carry=lambda sid, statuses: vendor.carry(sid, *statuses),
            events=imitated.events,
            template=CONTENT_SID,
            service=SERVICE_SID,
        )


class TestTwilioWithAMessagingService(TestTwilio):
    sender = (None, SERVICE_SID)


def with_a_message():
    vendor = FakeTwilio(delivers=False)
    vendor.mailbox.create([("To", TO), ("From", SENDER), ("Body", "before")])
    return vendor


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=with_a_message,
        port=port_on(FakeTwilio, SmsSender),
        facade=BlockingSender,
        calls={
            "read": lambda port: port.get_message(f"shop:SM{1:032x}"),
            "unkeyed": lambda port: port.send(to=TO, body="hello"),
        },
        effects="message",
        refused=(lambda port: port.send(to="+15005550004", body="hello"), OptedOutError),
        found=lambda port: port.find(to=TO, body="hello", since=0),
    )

"""Vonage's messages, held to what every driver must do, in both modes, and through every fault.

It has no keys and shows no message: what may have been sent is told by its webhook alone.
"""

import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.providers.vonage.fake import INVALID, POOL, TEMPLATE, FakeVonage
from hardpoint.sms import SmsSender
from hardpoint.sync.sms import SmsSender as BlockingSender
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import port_on
from hardpoint.testing.conformance.sms import SmsConformance, SmsSubject

TO = "+4917012345678"
WORDS = {"sent": "submitted"}


class TestVonage(SmsConformance):
    @pytest.fixture
    def subject(self, mode, imitated):
        vendor = imitated.vendor
        return SmsSubject(
            mode,
            imitated.driver(),
            requests=imitated.requests,
            invalid=INVALID,
            opted_out=None,
            carry=lambda sid, said: vendor.carry(sid, *(WORDS.get(one, one) for one in said)),
            events=imitated.events,
            template=TEMPLATE,
            language="en_US",
            template_to=f"whatsapp:{TO}",
            service=POOL,
            opts_out=lambda sid: vendor.carry(sid, "rejected", error_code=1240),
        )


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=lambda: FakeVonage(delivers=False),
        port=port_on(FakeVonage, SmsSender),
        facade=BlockingSender,
        calls={"unkeyed": lambda port: port.send(to=TO, body="hello")},
        effects="message",
        refused=(lambda port: port.send(to=INVALID, body="hello"), InvalidRequestError),
    )

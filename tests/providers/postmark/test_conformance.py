"""Postmark's email, held to what every driver must do, in both modes, and through every fault.

It has no keys, and no way to look: what may have been sent is sent once.
"""

import pytest

from hardpoint.core.errors import InvalidRequestError
from hardpoint.email import EmailSender
from hardpoint.email.types import DeliveryStatus
from hardpoint.providers.postmark.fake import INVALID, SUPPRESSED, TEMPLATE, FakePostmark
from hardpoint.sync.email import EmailSender as BlockingSender
from hardpoint.testing.conformance.email import EmailConformance, EmailSubject
from hardpoint.testing.conformance.faults import Adapter, FaultConformance
from hardpoint.testing.conformance.served import port_on

WORDS = {
    DeliveryStatus.DEFERRED: "Transient",
    DeliveryStatus.DELIVERED: "Delivery",
    DeliveryStatus.BOUNCED: "HardBounce",
}


class TestPostmark(EmailConformance):
    @pytest.fixture
    def subject(self, mode, imitated):
        vendor = imitated.vendor

        def told():
            bodies = vendor.told[:]
            vendor.told.clear()
            return bodies

        return EmailSubject(
            mode,
            imitated.driver(),
            requests=imitated.requests,
            invalid=INVALID,
            suppressed=SUPPRESSED,
            carry=lambda identifier, to, statuses: vendor.carry(
                identifier, to, *(WORDS[one] for one in statuses)
            ),
            events=told,
            template=TEMPLATE,
            received=FakePostmark().receive("ann.lee@customer.example", "Re: Your order", "Thanks"),
        )


def email(to):
    return lambda port: port.send(to=to, subject="Your order", text="hello")


class TestFaults(FaultConformance):
    adapter = Adapter(
        vendor=lambda: FakePostmark(delivers=False),
        port=port_on(FakePostmark, EmailSender),
        facade=BlockingSender,
        calls={"unkeyed": email("ann@customer.example")},
        effects="email",
        refused=(email(INVALID), InvalidRequestError),
    )

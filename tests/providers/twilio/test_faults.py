"""Twilio in the fault matrix: it knows no keys, so what may have been sent is never sent again."""

from hardpoint.core.secrets import Secret
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.sms import OptedOutError, SmsSender
from hardpoint.sync.sms import SmsSender as BlockingSender
from hardpoint.testing.conformance.faults import Adapter, FaultConformance

TO = "+4917012345678"


def with_a_message():
    vendor = FakeTwilio(delivers=False)
    vendor.mailbox.create([("To", TO), ("From", SENDER), ("Body", "before")])
    return vendor


def port(transport, url, connection):
    secret = Secret.value(AUTH_TOKEN)
    settings = Twilio(account_sid=ACCOUNT_SID, secret=secret, from_=SENDER, base_url=url)
    return SmsSender(TwilioSms(transport, settings), connection)


class TestTwilio(FaultConformance):
    adapter = Adapter(
        vendor=with_a_message,
        port=port,
        facade=BlockingSender,
        calls={
            "read": lambda port: port.get_message(f"shop:SM{1:032x}"),
            "unkeyed": lambda port: port.send(to=TO, body="hello"),
        },
        effects="message",
        refused=(lambda port: port.send(to="+15005550004", body="hello"), OptedOutError),
        found=lambda port: port.find(to=TO, body="hello", since=0),
    )

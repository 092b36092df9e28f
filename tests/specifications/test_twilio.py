"""Twilio's messages, by `twilio_api_v2010.json`."""

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.core.errors import HardpointError
from hardpoint.core.secrets import Secret
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    SENDER,
    SERVICE_SID,
    FakeTwilio,
)
from hardpoint.providers.twilio.sms import TwilioSms
from hardpoint.sms import SmsSender
from hardpoint.sync.sms import SmsSender as BlockingSender

TO = "+4917012345678"
SENT = [
    {"body": "Hello ü & 🎉"},
    {"body": "", "media": ["https://a.example/1.png", "https://a.example/2.png"]},
    {"body": "x" * 1600, "from_": "SHOP"},
    {"body": "later", "extra": {"twilio": {"ValidityPeriod": 60, "SmartEncoded": True}}},
]


@pytest.fixture(scope="module")
def twilio(specification):
    return specification("twilio_api_v2010.json")


@pytest.fixture
def account(mode, watched):
    vendor = FakeTwilio(delivers=False)
    url, seen = watched(vendor)

    def port(**options):
        sender = {} if "messaging_service_sid" in options else {"from_": SENDER}
        settings = Twilio(
            account_sid=ACCOUNT_SID,
            secret=Secret.value(AUTH_TOKEN),
            base_url=url,
            status_url="https://shop.example/webhooks/texts",
            **sender,
            **options,
        )
        driver = TwilioSms(mode.transport(), settings)
        return mode.port(SmsSender(driver, Connection("texts", mode.runtime)), BlockingSender)

    yield port, seen
    vendor.emitter.close()


@pytest.mark.parametrize("options", SENT)
def test_what_is_sent_read_and_listed_is_as_twilio_says(mode, account, twilio, options):
    port, seen = account
    texts = port()
    sent = mode.do(texts.send(to=TO, **options))
    mode.do(texts.get_message(sent.id))
    mode.do(texts.find(to=TO, body=options["body"], since=0))
    assert len(seen) == 3
    for request, reply in seen:
        twilio.check(request, reply)


def test_a_messaging_service_may_choose_the_sender(mode, account, twilio):
    port, seen = account
    mode.do(port(messaging_service_sid=SERVICE_SID).send(to=TO, body="Hello"))
    [(request, reply)] = seen
    twilio.check(request, reply)


def test_what_twilio_does_not_know_is_noticed(mode, account, twilio):
    """That the others pass means something."""
    port, seen = account
    with pytest.raises(HardpointError):
        mode.do(port().send(to=TO, body="Hello", extra={"twilio": {"NoSuchThing": "1"}}))
    with pytest.raises(AssertionError, match="NoSuchThing"):
        twilio.check(*seen[0])

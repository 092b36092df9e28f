"""A fake account, served, and how to reach it."""

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms


def driver(transport, url, **options):
    settings = {
        "account_sid": ACCOUNT_SID,
        "secret": Secret.value(AUTH_TOKEN),
        "from_": None if "messaging_service_sid" in options else SENDER,
        "base_url": url,
        **options,
    }
    return TwilioSms(transport, Twilio(**settings))


@pytest.fixture(params=[True, False], ids=["all fields", "no optional fields"])
def account(served, request):
    vendor = FakeTwilio(delivers=False, optional_fields=request.param)
    yield served(vendor, driver)
    vendor.emitter.close()


@pytest.fixture
def scripted(served, script):
    return served(script, driver)

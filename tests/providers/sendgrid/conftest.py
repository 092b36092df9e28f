"""A fake account, served, and how to reach it."""

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.providers.sendgrid import SendGrid
from hardpoint.providers.sendgrid.email import SendGridEmail
from hardpoint.providers.sendgrid.fake import API_KEY, SENDER, FakeSendGrid


def driver(transport, url, **options):
    settings = {
        "api_key": Secret.value(API_KEY),
        "from_": SENDER,
        "base_url": url,
        **options,
    }
    return SendGridEmail(transport, SendGrid(**settings))


@pytest.fixture(params=[True, False], ids=["all fields", "no optional fields"])
def account(served, request):
    vendor = FakeSendGrid(delivers=False, optional_fields=request.param)
    yield served(vendor, driver)
    vendor.emitter.close()


@pytest.fixture
def scripted(served, script):
    return served(script, driver)

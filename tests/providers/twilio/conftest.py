"""A fake account, served, and how to reach it."""

import asyncio

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import Reply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.providers.twilio import Twilio
from hardpoint.providers.twilio.fake import ACCOUNT_SID, AUTH_TOKEN, SENDER, FakeTwilio
from hardpoint.providers.twilio.sms import TwilioSms


class Account:
    """A driver on a vendor; `do` runs what it returns."""

    def __init__(self, vendor, server, runner):
        self.vendor = vendor
        self.server = server
        self.do = runner.run
        self._transport = AsyncTransport()

    def driver(self, **options):
        settings = {
            "account_sid": ACCOUNT_SID,
            "secret": Secret.value(AUTH_TOKEN),
            "from_": None if "messaging_service_sid" in options else SENDER,
            "base_url": self.server.url,
            **options,
        }
        return TwilioSms(self._transport, Twilio(**settings))

    async def close(self):
        await self._transport.close()


class Scripted:
    """A vendor that gives one reply, and keeps what it received."""

    name = "scripted"

    def __init__(self):
        self.ledger = Ledger()
        self.reply = Reply()
        self.received = []

    def answer(self, request):
        self.received.append(request)
        return self.reply


def served(vendor):
    with FakeServer(vendor) as server, asyncio.Runner() as runner:
        account = Account(vendor, server, runner)
        yield account
        runner.run(account.close())


@pytest.fixture
def account():
    vendor = FakeTwilio(delivers=False)
    yield from served(vendor)
    vendor.emitter.close()


@pytest.fixture
def scripted():
    yield from served(Scripted())

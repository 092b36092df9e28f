"""A vendor, served, and how a driver reaches it."""

import asyncio
import contextlib

import pytest

from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.asynchronous import AsyncTransport


class Account:
    """Drivers on a vendor; `do` runs what they return."""

    def __init__(self, vendor, server, runner, make):
        self.vendor = vendor
        self.server = server
        self.do = runner.run
        self._make = make
        self._transport = AsyncTransport()

    def driver(self, **options):
        return self._make(self._transport, self.server.url, **options)

    def close(self):
        self.do(self._transport.close())


class Scripted:
    """A vendor that gives one reply, and keeps what it received."""

    name = "scripted"

    def __init__(self):
        self.ledger = Ledger()
        self.reply = FakeReply()
        self.received = []

    def answer(self, request):
        self.received.append(request)
        return self.reply


@pytest.fixture
def served():
    """Serves a vendor; `make` makes a driver from transport, base URL and options."""
    with contextlib.ExitStack() as stack:

        def serve(vendor, make):
            server = stack.enter_context(FakeServer(vendor))
            runner = stack.enter_context(asyncio.Runner())
            account = Account(vendor, server, runner, make)
            stack.callback(account.close)
            return account

        yield serve


@pytest.fixture
def script():
    return Scripted()

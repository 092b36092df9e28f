import asyncio
from contextlib import ExitStack

import pytest

from hardpoint.core.secrets import Secret
from hardpoint.email import Address, NewEmail
from hardpoint.providers.smtp import Smtp
from hardpoint.providers.smtp.calls import AsyncSmtp, BlockingSmtp
from hardpoint.providers.smtp.email import SmtpEmail
from hardpoint.providers.smtp.fake_server import SENDER, FakeSmtp
from hardpoint.runtime.blocking import run

TO = Address(email="ann@customer.example")


def settings_of(server, **options):
    given = {"from_": SENDER, "authorities": server.authorities, "timeout": 5.0}
    return Smtp(url=Secret.value(options.pop("url", server.url)), **{**given, **options})


def new(**facts):
    sender = Address(email="orders@shop.example", name="Shop")
    given = {"key": "order-7", "from_": sender, "to": (TO,), "subject": "Hello", "text": "hi"}
    return NewEmail(**{**given, **facts})


class Line:
    """A driver on a server, in one of the two ways."""

    def __init__(self, blocking, server, **options):
        settings = settings_of(server, **options)
        self._blocking = blocking
        self._driver = SmtpEmail((BlockingSmtp if blocking else AsyncSmtp)(settings), settings)

    def send(self, key="send:order-7", **facts):
        sending = self._driver.send(new(**facts), idempotency_key=key)
        return run(sending) if self._blocking else asyncio.run(sending)


@pytest.fixture(params=[False, True], ids=["async", "blocking"])
def line(request):
    """Makes a driver on a server."""
    return lambda server, **options: Line(request.param, server, **options)


@pytest.fixture
def serve():
    """Makes a server."""
    with ExitStack() as stack:
        yield lambda *given, **options: stack.enter_context(FakeSmtp(*given, **options))

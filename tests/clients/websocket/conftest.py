"""A WebSocket on loopback, and a client of it."""

import asyncio

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.clients import Follow, WebSocketClient, WebSocketSettings
from hardpoint.clients.websocket.driver import WebSocketDriver, connector
from hardpoint.clients.websocket.fake import FakeWebSocket
from hardpoint.core.events import Listeners
from hardpoint.fakes.server import FakeServer
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry, constant
from hardpoint.runtime.asynchronous import AsyncRuntime
from hardpoint.testing.clock import ManualClock

SOON = Follow(constant(1.0), idle=None)


class Feed:
    """A WebSocket at an address, and clients of it."""

    def __init__(self, url, fake=None, server=None):
        self.url = url
        self.fake = fake
        self.server = server
        self.clock = ManualClock()
        self.told = []

    def client(self, *, policy=None, **options):
        settings = WebSocketSettings(**{"base_url": self.url, "auth": "none", **options})
        policy = policy or Policy(
            "feed", retry=Retry(1), timeout=5.0, deadline=3600.0, clock=self.clock
        )
        connection = Connection(
            "feed",
            AsyncRuntime(),
            policy=policy,
            clock=self.clock,
            listeners=Listeners(self.told.append),
        )
        return WebSocketClient(WebSocketDriver(connector(settings), settings), connection)

    def run(self, scenario, *args, **options):
        """A scenario of an open stream."""
        client = options.pop("client", None) or self.client()
        options.setdefault("follow", SOON)

        async def opened():
            async with asyncio.timeout(60):
                async with client.connect(*args, **options) as socket:
                    return await scenario(socket)

        return asyncio.run(opened())


@pytest.fixture
def feed():
    with FakeServer(FakeWebSocket()) as server:
        yield Feed(server.url, server.app, server)

"""An API on loopback, and connections to it in both modes."""

import contextlib

import pytest

import hardpoint.sync
from hardpoint.calls.connection import Connection
from hardpoint.calls.events import AttemptEnded
from hardpoint.clients import RestClient, RestDriver, RestSettings
from hardpoint.clients.rest.fake import FakeRest
from hardpoint.core.events import Listeners
from hardpoint.fakes.server import FakeServer
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry, constant
from hardpoint.testing.clock import ManualClock


class Api:
    """A fake API, its server, and clients of it."""

    def __init__(self, mode, server):
        self.mode = mode
        self.server = server
        self.fake = server.app
        self.clock = ManualClock()
        self.attempts = 0
        self.told = []
        self.do = mode.do
        self.items = mode.items

    def client(self, *, journal=None, rate=None, attempts=3, base="", policy=None, **options):
        settings = RestSettings(
            **{"base_url": f"{self.server.url}{base}", "auth": "none", **options}
        )
        policy = policy or Policy(
            "crm",
            deadline=3600.0,
            retry=Retry(attempts, backoff=constant(1.0), throttled=constant(1.0)),
            rate=rate or RateLimit(1e7, burst=1_000_000),
            clock=self.clock,
        )
        connection = Connection(
            "crm",
            self.mode.runtime,
            policy=policy,
            clock=self.clock,
            listeners=Listeners(self._heard),
            journal=journal,
        )
        driver = RestDriver(self.mode.transport(), settings, clock=self.clock, nonce=lambda: "once")
        return self.mode.port(RestClient(driver, connection), hardpoint.sync.RestClient)

    def fails(self, outcome, *args, **options):
        """What a call raises."""
        with contextlib.ExitStack() as stack:
            caught = stack.enter_context(pytest.raises(Exception))
            self.do(outcome(*args, **options))
        return caught.value

    @property
    def last(self):
        """The latest request."""
        return self.fake.received[-1]

    def _heard(self, event):
        self.told.append(event)
        self.attempts += isinstance(event, AttemptEnded)


@pytest.fixture
def api(mode):
    with FakeServer(FakeRest()) as server:
        yield Api(mode, server)

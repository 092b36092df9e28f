"""A GraphQL API on loopback, and connections to it in both modes."""

import contextlib

import pytest

import hardpoint.sync
from hardpoint.calls.connection import Connection
from hardpoint.calls.events import AttemptEnded
from hardpoint.clients import GraphQLClient, GraphQLSettings
from hardpoint.clients.graphql.driver import GraphQLDriver
from hardpoint.clients.graphql.fake import FakeGraphQL
from hardpoint.core.events import Listeners
from hardpoint.fakes.server import FakeServer
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry, constant
from hardpoint.testing.clock import ManualClock


class Api:
    """A GraphQL API at an address, and clients of it."""

    def __init__(self, mode, url, fake=None):
        self.mode = mode
        self.url = url
        self.fake = fake
        self.clock = ManualClock()
        self._began = self.clock.monotonic()
        self.attempts = 0
        self.do = mode.do
        self.items = mode.items

    def client(self, *, journal=None, rate=None, **options):
        settings = GraphQLSettings(**{"base_url": self.url, "auth": "none", **options})
        policy = Policy(
            "shop",
            deadline=3600.0,
            retry=Retry(3, backoff=constant(1.0), throttled=constant(1.0)),
            rate=rate or RateLimit(1e7, burst=1_000_000),
            clock=self.clock,
        )
        connection = Connection(
            "shop",
            self.mode.runtime,
            policy=policy,
            clock=self.clock,
            listeners=Listeners(self._heard),
            journal=journal,
        )
        driver = GraphQLDriver(
            self.mode.transport(), settings, clock=self.clock, nonce=lambda: "once"
        )
        return self.mode.port(GraphQLClient(driver, connection), hardpoint.sync.GraphQLClient)

    def fails(self, outcome, *args, **options):
        """What a call raises."""
        with contextlib.ExitStack() as stack:
            caught = stack.enter_context(pytest.raises(Exception))
            self.do(outcome(*args, **options))
        return caught.value

    @property
    def last(self):
        """The latest operation."""
        return self.fake.asked[-1]

    @property
    def waited(self):
        """Seconds, by the clock of policies."""
        return self.clock.monotonic() - self._began

    def _heard(self, event):
        self.attempts += isinstance(event, AttemptEnded)


@pytest.fixture
def api(mode):
    with FakeServer(FakeGraphQL()) as server:
        yield Api(mode, server.url, server.app)

"""A shop behind https, an OpenID provider on loopback, and a browser that goes between them."""

import asyncio
from dataclasses import replace
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from hardpoint.core.secrets import Secret
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.http.limits import Limits
from hardpoint.http.untrusted import Untrusted, resolve_blocking
from hardpoint.integrations.starlette import SignIn
from hardpoint.oauth.authorities import Authorities
from hardpoint.oauth.catalogue import Client
from hardpoint.oauth.flow import CALLBACK
from hardpoint.oauth.flows import Flows
from hardpoint.oauth.openid import discovered
from hardpoint.oauth.sessions import Sessions
from hardpoint.runtime.blocking import run
from hardpoint.testing import ManualClock
from hardpoint.testing.identity_store import MemoryIdentityStore

SHOP = "https://shop.example"


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture
def issuer(clock):
    return FakeIssuer(now=clock.now)


@pytest.fixture
def transport():
    """It holds up the loop of the application, which has nothing else to do here."""
    transport = BlockingTransport(Limits(timeout=5.0))
    yield transport
    transport.close()


@pytest.fixture
def provider(issuer):
    with FakeServer(issuer) as server:
        yield server


class Shop:
    """The application, and what it was told."""

    def __init__(
        self, provider, transport, clock, *, facts=None, logout=False, hint=False, **options
    ):
        self.people = {}
        self.connected = []
        self.store = MemoryIdentityStore()
        fetch = Untrusted(transport, resolve_blocking, permit=lambda address: True, plain=True)
        authorities = Authorities(transport, fetch, clock, asyncio.Lock)
        entry = replace(run(discovered("acme", provider.url, fetch)), **(facts or {}))
        client = Client(
            entry=entry,
            client_id="client",
            client_secret=Secret.value("client-secret"),
            redirect_uri=f"{SHOP}{CALLBACK}acme",
        )
        made = {"acme": authorities.make(client, logout=logout, id_token_hint=hint)}
        self.public_url = SHOP
        self.flows = Flows(self.store, clock, login=made, connect=made)
        self.sessions = Sessions(self.store, clock)
        self.signin = SignIn(self, **{"on_login": self.get_or_create, **options})
        self.app = Starlette(routes=[*self.signin.routes(), Route("/me", self.me)])

    def get_or_create(self, identity):
        return self.people.setdefault(identity.key, f"user-{len(self.people) + 1}")

    async def keep(self, done):
        self.connected.append(done)

    async def me(self, request):
        return JSONResponse({"user": await self.signin.user(request)})


class Browser:
    """Holds cookies, and follows the way to the provider and back by hand."""

    def __init__(self, shop):
        self.shop = shop
        self.client = TestClient(shop.app, base_url=SHOP, follow_redirects=False)

    def get(self, path, **options):
        return self.client.get(path, **options)

    def agree(self, there, **params):
        """At the provider: say yes; gives the callback's path and query."""
        at = httpx2.URL(there).copy_merge_params(params)
        back = urlsplit(httpx2.get(at, follow_redirects=False).headers["location"])
        return f"{back.path}?{back.query}"

    def sign_in(self, path="/login/acme", **params):
        return self.get(self.agree(self.get(path).headers["location"], **params))

    def user(self):
        answer = self.get("/me")
        return answer.json()["user"] if answer.status_code == 200 else None


@pytest.fixture
def make_shop(provider, transport, clock):
    def make_shop(**options):
        return Shop(provider, transport, clock, **options)

    return make_shop


@pytest.fixture
def shop(make_shop):
    return make_shop()


@pytest.fixture
def browser(shop):
    return Browser(shop)


@pytest.fixture
def another(shop):
    return Browser(shop)


@pytest.fixture
def browse():
    return Browser

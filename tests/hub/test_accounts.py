import asyncio
import json
import socket

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    FlowError,
    InvalidRequestError,
    TokenEndpointError,
    TokenRefreshError,
    UnavailableError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer
from hardpoint.http.messages import Response
from hardpoint.http.untrusted import Untrusted
from hardpoint.hub.accounts import Accounts
from hardpoint.hub.oauth import OAuthSettings
from hardpoint.oauth.flow import FlowKind
from hardpoint.oauth.keyring import Keyring
from hardpoint.oauth.tokens import Tokens

KEYRING = "k1:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


@pytest.fixture
def accounts(tmp_path):
    def accounts(*registrations, public_url="https://shop.example", **options):
        return Accounts(
            tmp_path / "vault.db",
            Keyring(Secret.value(KEYRING)),
            registrations,
            public_url=public_url,
            **options,
        )

    return accounts


def registered(name="acme", **facts):
    return OAuthSettings(
        **{"name": name, "client_id": "client", "client_secret": Secret.value("s"), **facts}
    )


async def begin(accounts, kind, name, **facts):
    async with accounts:
        return await accounts.flows.begin(kind, name, **facts)


def test_a_described_provider_needs_no_question_and_one_that_describes_itself_is_asked(accounts):
    google = registered("google", provider="google", connect=False)
    with FakeServer(FakeIssuer()) as server:
        made = accounts(google, registered(issuer=server.url))

        async def both():
            async with made:
                one = await made.flows.begin(FlowKind.LOGIN, "google")
                other = await made.flows.begin(FlowKind.CONNECT, "acme", user="ada")
            async with made:  # opened again, nobody is asked again
                await made.flows.begin(FlowKind.LOGIN, "acme")
            return one, other

        one, other = asyncio.run(both())
        assert one.url.startswith("https://accounts.google.com/")
        assert other.url.startswith(f"{server.url}/authorize?")
        assert server.requests == 1


def test_what_a_registration_is_not_for_it_does_not_do(accounts):
    made = accounts(
        registered("a", provider="google", connect=False),
        registered("b", provider="google", login=False),
    )
    for kind, name in ((FlowKind.CONNECT, "a"), (FlowKind.LOGIN, "b")):
        with pytest.raises(FlowError):
            asyncio.run(begin(made, kind, name, user="ada"))


def test_an_issuer_that_is_away_is_said_at_the_start(accounts):
    with FakeServer(FakeIssuer()) as server:
        url = server.url
    with pytest.raises(UnavailableError):
        asyncio.run(begin(accounts(registered(issuer=url)), FlowKind.LOGIN, "acme"))


@pytest.mark.parametrize("issuer", ["https://10.0.0.7", "https://169.254.169.254"])
def test_an_issuer_in_our_own_network_is_not_asked(accounts, issuer):
    made = accounts(registered(issuer=issuer))
    with pytest.raises(InvalidRequestError, match="not a public address"):
        asyncio.run(begin(made, FlowKind.LOGIN, "acme"))


def test_an_internal_issuer_is_asked_at_any_address_and_port(accounts, closed_port):
    made = accounts(registered(issuer=f"https://0.0.0.0:{closed_port}", internal=True))
    with pytest.raises(UnavailableError, match="no connection"):
        asyncio.run(begin(made, FlowKind.LOGIN, "acme"))


def test_an_issuer_outside_cannot_send_our_secret_into_our_own_network(accounts, monkeypatch):
    """Its token endpoint is an address of ours: neither the exchange nor a refresh goes there."""
    made = accounts(registered(issuer="https://id.acme.example"))

    async def ask(inner):
        said = {
            "issuer": "https://id.acme.example",
            "authorization_endpoint": "https://id.acme.example/authorize",
            "token_endpoint": f"{inner}/token",
            "jwks_uri": "https://id.acme.example/keys",
        }
        answer = Response(status=200, headers={}, body=json.dumps(said).encode())

        async def discovery(url):
            return answer

        monkeypatch.setattr(Untrusted, "get", lambda self, url: discovery(url))
        async with made:
            with pytest.raises(TokenEndpointError, match="is not https on its usual port"):
                await made.flows._connect["acme"].endpoint.exchange(Secret.value("code"))
            tokens = Tokens(
                access=Secret.value("a"), refresh=Secret.value("r"), issued_at=0, expires_at=1
            )
            await made.vault.put("acme", tokens, client="acme")
            with pytest.raises(TokenRefreshError):
                await made.vault.access_token("acme")

    with FakeServer(FakeIssuer()) as inner:
        asyncio.run(ask(inner.url))
        assert inner.requests == 0


def test_other_sites_of_ours_may_be_returned_to(accounts):
    google = registered("google", provider="google")
    made = accounts(google, origins=["https://app.acme.example"])
    there = {"return_to": "https://app.acme.example/orders"}
    assert asyncio.run(begin(made, FlowKind.LOGIN, "google", **there)).url


@pytest.mark.parametrize(
    "url", ["", "shop.example", "http://shop.example", "https://u:p@x.example"]
)
def test_a_public_url_that_is_none_is_refused(accounts, url):
    with pytest.raises(ConfigurationError, match="public_url"):
        accounts(public_url=url)

"""Calls of a REST connection under the tokens of a registration: our own, and an account's."""

import asyncio
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.oauth.tokens import Tokens
from hardpoint.sync.hub import Hub as BlockingHub

HEAD = """
public_url = "https://shop.example"
[store]
url = "sqlite:h.db"
[vault]
keyring = "env:RING"
[connections.api]
provider = "rest"
base_url = "{url}"
auth = "oauth"
key = "vault:acme"
[oauth.acme]
client_id = "client"
client_secret = "env:CLIENT_SECRET"
token_url = "{url}/token"
"""
OWN = 'grant = "client_credentials"\nscopes = ["read"]\n'
USERS = 'authorize_url = "{url}/authorize"\n'


@pytest.fixture
def vendor():
    with FakeServer(FakeAuthorization()) as server:
        yield server


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, vendor):
    monkeypatch.setenv("RING", "k1:" + "A" * 43 + "=")
    monkeypatch.setenv("CLIENT_SECRET", "client-secret")

    def settings(*parts: str) -> Settings:
        path = tmp_path / "hardpoint.toml"
        path.write_text((HEAD + "".join(parts)).replace("{url}", vendor.url))
        return Settings.load(path)

    return settings


def living(vendor) -> list[bool]:
    return [one.facts["living"] for one in vendor.ledger.entries("resource")]


def test_calls_are_made_under_tokens_of_our_own_that_are_asked_for_once(settings, vendor) -> None:
    told = settings(OWN)

    async def story() -> None:
        async with Hub(told) as hub:
            await asyncio.gather(*(hub.rest("api").get("/resource") for _ in range(5)))
            assert (await hub.vault.status("acme")).kind == "client"

    asyncio.run(story())
    with BlockingHub(told) as hub:
        hub.rest("api").get("/resource")
    assert living(vendor) == [True] * 6
    tokens = {one.facts["token"] for one in vendor.ledger.entries("resource")}
    assert len(tokens) == 1, "one token for all of them, in another process too"


def test_calls_are_made_under_an_account_that_a_registration_has_connected(
    settings, vendor
) -> None:
    told = settings(USERS)
    document = vendor.app.grant()

    async def story() -> None:
        async with Hub(told) as hub:
            tokens = Tokens(access=Secret.value(document["access_token"]), issued_at=0.0)
            await hub.vault.put("acme", tokens, client="acme")
            await hub.rest("api").get("/resource")

    asyncio.run(story())
    assert living(vendor) == [True]


def test_where_hosts_are_known_a_token_goes_nowhere_else(settings) -> None:
    path = settings(USERS, 'api_hosts = ["api.acme.example"]\n').path
    lines = path.read_text().splitlines()
    for base, fits in (("https://api.acme.example", True), ("https://evil.example", False)):
        moved = [f'base_url = "{base}"' if "base_url" in one else one for one in lines]
        path.write_text("\n".join(moved))
        hub = Hub(Settings.load(path))
        if fits:
            assert hub.rest("api") is not None
        else:
            with pytest.raises(ConfigurationError):
                hub.rest("api")
        asyncio.run(hub.close())


def test_an_issuer_that_was_not_asked_yet_lets_a_connection_be_made(settings) -> None:
    path = settings(USERS).path
    lines = path.read_text().splitlines()
    kept = [one for one in lines if not one.startswith(("authorize_url", "token_url", "base_url"))]
    at = kept.index('provider = "rest"')
    kept.insert(at, 'base_url = "https://api.acme.example"')
    path.write_text("\n".join([*kept, 'issuer = "https://id.acme.example"']))
    hub = Hub(Settings.load(path))
    made = hub.vault.authorization("acme", client="acme", hosts=None)
    assert made.permits("api.acme.example")
    with pytest.raises(ConfigurationError, match="not been reached yet"):
        hub.vault.authorization("acme", client="acme")
    asyncio.run(hub.close())

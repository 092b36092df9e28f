"""The ready lines of each provider, against a server that behaves as they say."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from hardpoint.cli.ready import ready_lines, ready_providers
from hardpoint.core.errors import TokenEndpointError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.authorization import FakeAuthorization
from hardpoint.fakes.messages import Received
from hardpoint.http.messages import Response
from hardpoint.hub.settings import Settings
from hardpoint.oauth.authorization import authorize_url
from hardpoint.oauth.catalogue import Expiry, Pkce, ProviderEntry, Revocation
from hardpoint.oauth.endpoint import TokenEndpoint
from hardpoint.runtime.blocking import run
from hardpoint.testing.clock import ManualClock

SHOP = "https://shop.example"
HEAD = f'public_url = "{SHOP}"\n[store]\nurl = "sqlite:h.db"\n[vault]\nkeyring = "env:RING"\n'
READY = ready_providers()
WANTED = [
    "salesforce",
    "hubspot",
    "notion",
    "atlassian",
    "zoom",
    "dropbox",
    "box",
    "shopify",
    "spotify",
    "linkedin",
    "discord",
    "twitch",
    "gitlab",
    "bitbucket",
    "asana",
    "linear",
    "figma",
    "airtable",
    "intercom",
    "zendesk",
    "quickbooks",
    "xero",
    "stripe_connect",
    "square",
    "paypal",
    "mailchimp",
    "calendly",
    "strava",
    "reddit",
    "x",
]
VERIFIER = "v" * 43


class Vendor:
    """A fake server that speaks an entry's dialect."""

    def __init__(self, entry: ProviderEntry, clock: ManualClock) -> None:
        self.entry = entry
        self.server = FakeAuthorization(
            rotation=entry.rotation.value,
            reuse_grace=entry.reuse_grace,
            client_id="YOURS",
            now=clock.now,
            quirks={"life_as_date"} if entry.expiry is Expiry.DATE else (),
        )

    async def send(self, request) -> Response:
        entry = self.entry
        assert entry.token_headers.items() <= dict(request.headers).items()
        if request.url == entry.revocation_url and entry.revocation is Revocation.BEARER:
            assert dict(request.headers)["authorization"].startswith("Bearer access-")
            return Response(status=200, headers={}, body=b"")
        paths = {
            entry.token_url: "/token",
            entry.refresh_url: "/token",
            entry.revocation_url: "/revoke",
            entry.introspection_url: "/introspect",
        }
        reply = self.ask(request.method, paths[request.url], request.headers, request.body)
        document = json.loads(reply.body)
        for name, path in entry.answer_fields.items():
            if name in document:
                document[path] = document.pop(name)
        if "error" in document:
            document = {entry.error_field: document["error"]}
        body = json.dumps(document).encode()
        return Response(status=reply.status, headers=dict(reply.headers), body=body)

    def ask(self, method, target, headers=(), body=b""):
        return self.server.answer(
            Received(method=method, target=target, headers=dict(headers), body=body)
        )


@pytest.fixture
def registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RING", "k1:" + "A" * 43 + "=")

    def registered(name: str):
        monkeypatch.setenv(f"{name.upper()}_CLIENT_SECRET", "client-secret")
        path = tmp_path / "hardpoint.toml"
        path.write_text("\n".join([HEAD, *ready_lines(name)]))
        return Settings.load(path).identity.oauth[name]

    return registered


def of_issuer(name: str, issuer: str) -> ProviderEntry:
    """As its document would have it."""
    return ProviderEntry(
        name=name,
        issuer=issuer,
        authorize_url=f"{issuer}/authorize",
        token_url=f"{issuer}/token",
        revocation_url=f"{issuer}/revoke",
        jwks_url=f"{issuer}/keys",
        api_hosts=frozenset(),
        scopes=("openid", "email"),
        verified_on=date.min,
        sources=(),
    )


def clients(one) -> Iterator:
    for purpose in ("login", "connect"):
        if getattr(one, purpose):
            said = one.issuer and one.of_issuer(of_issuer(one.name, one.issuer))
            yield one.client(purpose, said or one.entry(purpose), SHOP)


def test_they_are_the_thirty_that_newcomers_ask_for() -> None:
    assert sorted(READY) == sorted(WANTED)


@pytest.mark.parametrize("name", READY)
def test_each_has_a_page_of_the_vendors_and_says_when_it_was_read(name: str) -> None:
    one = READY[name]
    assert one["rule"].startswith("https://")
    assert one["status"] in {"read", "unverified"}
    assert isinstance(one.get("day"), date) is (one["status"] == "read")
    assert ("facts" in one) is (one["status"] == "read")


@pytest.mark.parametrize("name", READY)
def test_a_grant_is_begun_exchanged_refreshed_and_given_back(registered, name: str) -> None:
    one, clock = registered(name), ManualClock()
    for client in clients(one):
        entry = client.entry
        assert entry.api_hosts, "vault.authorization has somewhere to send its token"
        url = authorize_url(
            client,
            state="s",
            nonce="n",
            verifier=VERIFIER,
            scopes=client.scopes,
            extras={"login_hint": None},
        )
        asked = dict(parse_qsl(urlsplit(url).query))
        assert ("code_challenge" in asked) is (entry.pkce is Pkce.S256)
        assert asked.get("scope", "") == entry.scope_separator.join(client.scopes)
        vendor = Vendor(entry, clock)
        back = dict(vendor.ask("GET", f"/authorize?{urlsplit(url).query}").headers)["location"]
        code = Secret.value(dict(parse_qsl(urlsplit(back).query))[entry.code_parameter])
        endpoint = TokenEndpoint(vendor, client, clock)
        verifier = Secret.value(VERIFIER) if entry.pkce is Pkce.S256 else None
        first = run(endpoint.exchange(code, verifier=verifier))
        assert first.expires_at == pytest.approx(clock.now() + vendor.server.life, abs=1)
        second = first.succeeded_by(run(endpoint.refresh(first.refresh)))
        assert second.access.reveal() != first.access.reveal()
        assert run(endpoint.give_back(second)) is (entry.revocation_url is not None)


@pytest.mark.parametrize("name", READY)
def test_a_grant_that_is_gone_is_known_to_be(registered, name: str) -> None:
    one, clock = registered(name), ManualClock()
    *_, client = clients(one)
    vendor = Vendor(client.entry, clock)
    with pytest.raises(TokenEndpointError) as caught:
        run(TokenEndpoint(vendor, client, clock).refresh(Secret.value("refresh-none")))
    assert caught.value.verdict == "grant"

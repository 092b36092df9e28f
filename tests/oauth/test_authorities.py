import asyncio

import pytest

from hardpoint.core.errors import ConfigurationError, InvalidTokenError
from hardpoint.core.providers import load, provider
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Response
from hardpoint.oauth.authorities import Authorities
from hardpoint.oauth.catalogue import Client
from hardpoint.oauth.identity import Asked
from hardpoint.oauth.openid import OpenIdentity, UserinfoIdentity
from hardpoint.oauth.tokens import Tokens
from hardpoint.runtime.blocking import run

ISSUER = "https://login.example/{tid}/v2.0"


@pytest.fixture
def authorities(transport, issuer, clock):
    class Keys:
        async def get(self, url):
            return Response(status=200, headers={}, body=issuer.jwks_bytes())

    return Authorities(transport, Keys(), clock, asyncio.Lock)


@pytest.fixture
def client(entry):
    def client(scopes=(), **facts):
        facts = {"issuer": ISSUER, "jwks_url": "https://login.example/keys", **facts}
        return Client(
            entry=entry(**facts),
            client_id="client-1",
            client_secret=Secret.value("s"),
            redirect_uri="https://shop.example/auth/callback/acme",
            scopes=scopes or ("openid",),
        )

    return client


def test_an_openid_provider_is_read_by_its_id_tokens(authorities, client):
    made = authorities.make(client(issuer="https://id.acme.example"))
    assert isinstance(made.identify, OpenIdentity)


def test_it_may_be_asked_for_an_address_where_one_was_asked_for(authorities, client):
    facts = {"issuer": "https://id.acme.example", "userinfo_url": "https://id.acme.example/me"}
    for scopes, kind in ((("openid", "email"), UserinfoIdentity), (("openid",), OpenIdentity)):
        assert isinstance(authorities.make(client(scopes, **facts)).identify, kind)
    none = client(("openid", "email"), issuer="https://id.acme.example")
    assert isinstance(authorities.make(none).identify, OpenIdentity)


def test_without_openid_among_its_scopes_nobody_is_named(authorities, client):
    assert authorities.make(client(scopes=("calendar",))).identify is None


def test_a_provider_without_id_tokens_is_asked_in_its_own_way_or_not_at_all(authorities, client):
    assert authorities.make(client(issuer=None, jwks_url=None)).identify is None
    entry = load(provider("github").login)
    known = Client(
        entry=entry,
        client_id="us",
        client_secret=Secret.value("s"),
        redirect_uri="https://x.example/",
    )
    assert type(authorities.make(known, provider="github").identify).__name__ == "GitHubIdentity"


def test_whose_people_are_taken_has_to_be_said_where_an_issuer_serves_everyone(authorities, client):
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.tenants"):
        authorities.make(client())


@pytest.fixture
def tokens(issuer, clock):
    """Of a person of the tenant t-1."""
    claims = issuer.claims(
        iss="https://login.example/t-1/v2.0", tid="t-1", iat=clock.now(), exp=clock.now() + 60
    )
    token = Secret.value(issuer.token(claims))
    return Tokens(access=Secret.value("a"), issued_at=clock.now(), id_token=token)


@pytest.mark.parametrize("tenants", [("t-1",), ("t-2", "t-1"), ("any",)])
def test_people_of_the_named_tenants_are_taken(authorities, client, tokens, tenants):
    identify = authorities.make(client(), tenants=tenants).identify
    assert run(identify(tokens, Asked(nonce="n-1"))).subject == "user-1"


def test_people_of_other_tenants_are_not(authorities, client, tokens):
    identify = authorities.make(client(), tenants=("t-2", "t-3")).identify
    with pytest.raises(InvalidTokenError) as caught:
        run(identify(tokens, Asked(nonce="n-1")))
    assert caught.value.reason == "tenant"

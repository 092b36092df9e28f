"""Authorization servers by configuration alone, right and wrong."""

import asyncio
from pathlib import Path

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.issuer import FakeIssuer
from hardpoint.fakes.server import FakeServer
from hardpoint.hub.oauth import OAuthSettings
from hardpoint.hub.settings import Settings
from hardpoint.oauth.catalogue import (
    BodyEncoding,
    ClientAuth,
    Expiry,
    Pkce,
    RefreshRotation,
    Revocation,
)
from hardpoint.oauth.profile import ProfileIdentity

RING = "k1:" + "A" * 43 + "="
SHOP = "https://shop.example"
HEAD = f'public_url = "{SHOP}"\n[store]\nurl = "sqlite:h.db"\n[vault]\nkeyring = "env:RING"\n'
URLS = """
[oauth.acme]
client_id = "us"
client_secret = "env:ACME_SECRET"
authorize_url = "https://acme.example/authorize"
token_url = "https://acme.example/token"
"""
ISSUER = '\n[oauth.acme]\nclient_id = "us"\nclient_secret = "env:ACME_SECRET"\nissuer = "{}"\n'


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RING", RING)
    monkeypatch.setenv("ACME_SECRET", "canary-secret")

    def read(*parts: str) -> Settings:
        path = tmp_path / "hardpoint.toml"
        path.write_text(HEAD + "".join(parts))
        return Settings.load(path)

    return read


def test_two_addresses_are_enough_to_connect_and_nobody_signs_in_with_them(read) -> None:
    one = read(URLS).identity.oauth["acme"]
    assert (one.login, one.connect, one.describes) == (False, True, True)
    client = one.client("connect", one.entry("connect"), SHOP)
    entry = client.entry
    assert (entry.name, entry.authorize_url) == ("acme", "https://acme.example/authorize")
    assert (entry.pkce, entry.client_auth, entry.encoding) == (
        Pkce.S256,
        ClientAuth.BASIC,
        BodyEncoding.FORM,
    )
    assert entry.rotation is RefreshRotation.STRICT
    assert client.redirect_uri == "https://shop.example/auth/callback/acme"


def test_every_key_says_how_a_provider_differs(read) -> None:
    one = read(
        URLS,
        """
refresh_url = "https://acme.example/refresh"
revoke_url = "https://{place}.acme.example/revoke"
introspect_url = "https://acme.example/introspect"
userinfo_url = "https://api.acme.example/me"
device_url = "https://acme.example/device"
logout_url = "https://acme.example/logout"
api_hosts = ["API.{place}.acme.example"]
inputs = { place = "eu" }
sends_iss = true
scope_separator = ","
granted_separator = ","
pkce = false
token_body = "json"
token_params = { audience = "api" }
token_headers = { Acme-Version = "3" }
client_auth = "client_secret_post"
assertion_audience = "https://acme.example"
code_parameter = "acme_code"
callback_fields = ["realm"]
response_mode = "form_post"
rotation = "grace"
reuse_grace = 60
expiry = "milliseconds"
access_seconds = 60
refresh_seconds = 600
refresh_idle_seconds = 300.5
errors = { gone = "grant" }
statuses = { 403 = "client" }
error_field = "error.code"
ok_field = "ok"
answer_fields = { access_token = "data.token" }
account_field = "data.account"
subject_field = "data.id"
email_field = "data.email"
email_verified_field = "data.verified"
revocation = "bearer"
login_scopes = ["who"]
scopes = ["data"]
""",
    ).identity.oauth["acme"]
    assert one.login
    login = one.client("login", one.entry("login"), SHOP)
    connect = one.client("connect", one.entry("connect"), SHOP)
    assert (login.scopes, connect.scopes) == (("who",), ("data",))
    assert (login.entry.form_post, connect.entry.form_post) == (True, True)
    entry = connect.entry
    assert entry.refresh_url == "https://acme.example/refresh"
    assert entry.revocation_url == "https://eu.acme.example/revoke"
    assert entry.introspection_url == "https://acme.example/introspect"
    assert entry.end_session_url == "https://acme.example/logout"
    assert entry.device_url == "https://acme.example/device"
    assert entry.api_hosts == {"api.eu.acme.example"}
    assert (entry.pkce, entry.client_auth) == (Pkce.NONE, ClientAuth.POST)
    assert (entry.encoding, entry.expiry) == (BodyEncoding.JSON, Expiry.MILLISECONDS)
    assert (entry.rotation, entry.reuse_grace) == (RefreshRotation.GRACE, 60)
    assert (entry.statuses, entry.errors) == ({403: "client"}, {"gone": "grant"})
    assert entry.callback_fields == ("realm",)
    assert entry.revocation is Revocation.BEARER


@pytest.mark.parametrize(
    ("lines", "key"),
    [
        ('revoke_url = "http://acme.example/revoke"', "revoke_url"),
        ('userinfo_url = "https://user:pass@acme.example/"', "userinfo_url"),
        ('logout_url = "acme"', "logout_url"),
        ("device_url = 5", "device_url"),
        ('device_url = ""', "device_url"),
        ('authorise_url = "https://acme.example"', "authorise_url"),
        ('rotation = "often"', "rotation"),
        ('rotation = "grace"', "reuse_grace"),
        ("reuse_grace = 5", "reuse_grace"),
        ("access_seconds = -1", "access_seconds"),
        ("access_seconds = inf", "access_seconds"),
        ('access_seconds = "3600"', "access_seconds"),
        ('errors = { gone = "lost" }', "errors"),
        ('statuses = { 200 = "grant" }', "statuses"),
        ('answer_fields = { token = "a" }', "answer_fields"),
        ('callback_hmac = "a..b"', "callback_hmac"),
        ('error_field = "a..b"', "error_field"),
        ('scope_separator = ";"', "scope_separator"),
        ('response_mode = "fragment"', "response_mode"),
        ('token_body = "xml"', "token_body"),
        ('pkce = "plain"', "pkce"),
        ('api_hosts = ["{place}.acme.example"]', "inputs.place"),
        ('inputs = { place = "eu" }', "inputs.place"),
        (
            'api_hosts = ["{place}.acme.example"]\ninputs = { place = "evil.example/" }',
            "inputs.place",
        ),
        ('subject_field = "id"', "subject_field"),
        ("login = true", "subject_field"),
        ('client_auth = "private_key_jwt"', "client_auth"),
        ('client_key = "env:ACME_SECRET"', "client_key"),
        ('client_key_id = "k"', "client_key_id"),
        ('grant = "password"', "grant"),
        ("login_scopes = [1]", "login_scopes"),
        ('provider = "github"', "authorize_url"),
        ('issuer = "https://id.acme.example"', "authorize_url"),
    ],
)
def test_what_cannot_be_right_is_refused_at_the_start_by_its_key(read, lines, key) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(URLS, lines)
    assert caught.value.key == f"oauth.acme.{key}"


def test_an_address_that_is_missing_is_named(read) -> None:
    for missing in ("authorize_url", "token_url"):
        kept = "\n".join(line for line in URLS.splitlines() if missing not in line)
        with pytest.raises(ConfigurationError) as caught:
            read(kept)
        assert caught.value.key == f"oauth.acme.{missing}"


def test_plain_http_is_for_loopback_alone(read) -> None:
    read(URLS.replace("https://acme.example", "http://127.0.0.1:8080"))
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.\w+_url: is not https"):
        read(URLS.replace("https:", "http:"))


def test_a_name_that_a_folder_has_too_is_not_taken_for_it(read) -> None:
    lines = 'userinfo_url = "https://acme.example/me"\nsubject_field = "id"\n'
    settings = read(URLS.replace("oauth.acme", "oauth.github"), lines)
    accounts = settings.identity.accounts(settings.public_url)
    assert isinstance(accounts.flows._login["github"].identify, ProfileIdentity)
    without = read(URLS.replace("oauth.acme", "oauth.github"))
    accounts = without.identity.accounts(without.public_url)
    assert accounts.flows._connect["github"].identify is None


@pytest.mark.parametrize("line", ['rotation = "often"', 'revoke_url = "http://x.example"'])
def test_what_is_said_beside_an_issuer_is_looked_at_before_it_is_asked(read, line) -> None:
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\."):
        read(ISSUER.format("https://id.acme.example"), line)


def test_what_an_issuer_does_not_say_is_said_beside_it(read) -> None:
    with FakeServer(FakeIssuer(client_id="us")) as server:
        settings = read(
            ISSUER.format(server.url),
            'rotation = "static"\npkce = false\nrefresh_idle_seconds = 600\n'
            f'api_hosts = ["api.acme.example"]\nlogout_url = "{server.url}/bye"\n'
            'login_scopes = ["openid"]\n',
        )

        async def story() -> None:
            async with settings.identity.accounts(settings.public_url) as accounts:
                client = accounts.flows._connect["acme"].endpoint.client
                assert client.entry.rotation is RefreshRotation.STATIC
                assert client.entry.pkce is Pkce.NONE
                assert client.entry.refresh_idle_seconds == 600
                assert client.entry.api_hosts == {"127.0.0.1", "api.acme.example"}
                assert client.entry.end_session_url == f"{server.url}/bye"
                assert accounts.flows._login["acme"].endpoint.client.scopes == ("openid",)

        asyncio.run(story())


def test_a_key_is_read_like_a_secret_and_one_that_cannot_sign_stops_the_start(
    read, monkeypatch
) -> None:
    monkeypatch.setenv("ACME_SECRET", "no key at all")
    lines = URLS.replace("client_secret =", "client_key =")
    settings = read(lines, 'client_key_id = "k-1"\nclient_auth = "private_key_jwt"\n')
    assert "oauth.acme.client_key" in dict(settings.identity.secrets())
    one = settings.identity.oauth["acme"]
    client = one.client("connect", one.entry("connect"), SHOP)
    assert client.entry.client_auth is ClientAuth.PRIVATE_KEY_JWT
    assert client.client_key_id == "k-1"
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.client_key: is not a private key"):
        settings.identity.accounts(settings.public_url)


def test_a_client_for_itself_sends_nobody_anywhere(read) -> None:
    lines = URLS.replace('authorize_url = "https://acme.example/authorize"\n', "")
    settings = read(lines, 'grant = "client_credentials"\nscopes = ["api"]\n')
    one = settings.identity.oauth["acme"]
    client = one.client("connect", one.entry("connect"), SHOP)
    assert (client.for_itself, client.redirect_uri) == (True, None)
    accounts = settings.identity.accounts(settings.public_url)
    assert not accounts.flows._connect
    assert not accounts.flows._login
    with pytest.raises(ConfigurationError) as caught:
        read(
            lines.replace('client_secret = "env:ACME_SECRET"\n', ""), 'grant = "client_credentials"'
        )
    assert caught.value.key == "oauth.acme.client_secret"


def test_callbacks_that_are_signed_need_the_secret_they_are_signed_with():
    traits = {
        "authorize_url": "https://acme.example/authorize",
        "token_url": "https://acme.example/token",
        "callback_hmac": "hmac",
    }
    with pytest.raises(ConfigurationError) as caught:
        OAuthSettings(name="acme", client_id="us", traits=traits, login=False)
    assert caught.value.key == "oauth.acme.client_secret"
    secret = Secret.value("hush")
    OAuthSettings(name="acme", client_id="us", client_secret=secret, traits=traits, login=False)

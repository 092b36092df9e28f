import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.hub.oauth import OAuthSettings
from hardpoint.oauth.catalogue import ClientAuth

SHOP = "https://shop.example"


def settings(**facts):
    given = {"name": "main", "client_id": "us", "client_secret": Secret.value("s"), **facts}
    if "issuer" not in given:
        given.setdefault("provider", "google")
    return OAuthSettings(**given)


def test_a_registration_has_one_redirect_uri_of_its_own():
    one = settings()
    for purpose in ("login", "connect"):
        client = one.client(purpose, one.entry(purpose), SHOP)
        assert client.redirect_uri == "https://shop.example/auth/callback/main"
        assert client.client_id == "us"


def test_connections_ask_for_more_scopes_and_signing_in_does_not():
    one = settings(scopes=("calendar", "openid"), authorize_params={"hd": "acme.example"})
    login = one.client("login", one.entry("login"), SHOP)
    connect = one.client("connect", one.entry("connect"), SHOP)
    assert "calendar" not in login.scopes
    assert connect.scopes[-1] == "calendar"
    assert connect.scopes.count("openid") == 1
    assert "hd" not in login.entry.authorize_params
    assert connect.entry.authorize_params["hd"] == "acme.example"
    assert connect.entry.authorize_params["prompt"] == "consent"


def test_places_in_addresses_are_filled_and_a_public_client_has_no_secret():
    one = settings(provider="microsoft", inputs={"tenant": "common"}, client_secret=None)
    entry = one.entry("login")
    assert "/common/" in entry.token_url
    assert one.client("login", entry, SHOP).entry.client_auth is ClientAuth.NONE


@pytest.mark.parametrize("chosen", [ClientAuth.BASIC, ClientAuth.POST])
def test_how_a_client_proves_itself_can_be_chosen(chosen):
    one = settings(client_auth=chosen.value)
    for purpose in ("login", "connect"):
        assert one.client(purpose, one.entry(purpose), SHOP).entry.client_auth is chosen


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"name": "../x"}, "oauth."),
        ({"name": "UPPER"}, "oauth.UPPER"),
        ({"provider": "google", "issuer": "https://id.example"}, "oauth.main.provider"),
        ({"provider": None, "issuer": None}, "oauth.main.provider"),
        ({"login": False, "connect": False}, "oauth.main.login"),
        ({"client_auth": "basic"}, "oauth.main.client_auth"),
        (
            {"client_auth": "client_secret_post", "client_secret": None},
            "oauth.main.client_auth",
        ),
    ],
)
def test_a_registration_that_cannot_work_is_refused_by_its_key(facts, key):
    with pytest.raises(ConfigurationError) as caught:
        settings(**facts)
    assert caught.value.key.startswith(key)


def test_a_provider_that_signs_nobody_in_is_refused():
    with pytest.raises(ConfigurationError, match=r"oauth\.main\.login: stripe has no way to"):
        settings(provider="stripe").entry("login")
    with pytest.raises(ConfigurationError):
        settings(provider="nobody").entry("login")

from hardpoint.oauth.catalogue import RefreshRotation
from hardpoint.providers.google.oauth import CONNECT, LOGIN


def test_signing_in_asks_for_nothing_that_lasts():
    assert "access_type" not in LOGIN.authorize_params
    assert "offline_access" not in LOGIN.scopes


def test_connecting_asks_for_a_refresh_token_and_keeps_what_was_granted_before():
    assert CONNECT.authorize_params == {
        "access_type": "offline",
        "prompt": "consent",
        "include_granted_scopes": "true",
    }
    assert CONNECT.scopes[0] == "openid"


def test_refresh_tokens_stay_and_the_issuer_has_two_spellings():
    assert CONNECT.rotation is RefreshRotation.STATIC
    assert LOGIN.issuer_aliases == ("accounts.google.com",)

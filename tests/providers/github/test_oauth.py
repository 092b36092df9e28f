from hardpoint.oauth.catalogue import RefreshRotation
from hardpoint.providers.github.oauth import CONNECT, LOGIN


def test_there_are_no_id_tokens_but_callbacks_name_their_issuer():
    assert LOGIN.jwks_url is None
    assert LOGIN.issuer == "https://github.com/login/oauth"


def test_a_refresh_token_works_once_for_six_months():
    assert CONNECT.rotation is RefreshRotation.STRICT
    assert CONNECT.refresh_seconds == 15_897_600


def test_its_own_words_are_understood():
    assert LOGIN.verdict("bad_refresh_token") == "grant"
    assert LOGIN.verdict("incorrect_client_credentials") == "client"

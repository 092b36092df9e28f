from hardpoint.oauth.catalogue import Pkce, Revocation
from hardpoint.providers.slack.oauth import CONNECT, LOGIN


def test_signing_in_and_installing_are_two_servers():
    assert LOGIN.authorize_url != CONNECT.authorize_url
    assert (LOGIN.issuer, CONNECT.issuer) == ("https://slack.com", None)


def test_installing_gives_the_bots_and_the_persons_credential_of_a_workspace():
    assert CONNECT.slots == ("authed_user",)
    assert CONNECT.account_field == "team.id"
    assert (CONNECT.scope_separator, CONNECT.granted_separator) == (",", ",")


def test_errors_come_with_status_200_in_words_of_its_own():
    assert CONNECT.ok_field == LOGIN.ok_field == "ok"
    assert CONNECT.verdict("invalid_refresh_token") == "grant"
    assert CONNECT.verdict("bad_client_secret") == "client"
    assert CONNECT.verdict("ratelimited") == "transient"


def test_pkce_is_left_alone_and_a_token_gives_itself_back():
    assert LOGIN.pkce is CONNECT.pkce is Pkce.NONE
    assert CONNECT.revocation is Revocation.BEARER

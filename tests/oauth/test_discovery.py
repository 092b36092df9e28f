import json

import pytest

from hardpoint.core.errors import UnexpectedResponseError
from hardpoint.oauth.openid import BYTES_MAX, discovery_url, metadata

ISSUER = "https://id.acme.example"
DOCUMENT = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


def read(**changes):
    names = {name: value for name, value in (DOCUMENT | changes).items() if value is not ...}
    return metadata(json.dumps(names).encode(), ISSUER)


def test_a_document_says_where_and_how():
    found = read(
        userinfo_endpoint=f"{ISSUER}/me",
        revocation_endpoint=f"{ISSUER}/revoke",
        end_session_endpoint=f"{ISSUER}/end",
        id_token_signing_alg_values_supported=["RS256", "none"],
        code_challenge_methods_supported=["S256", "plain"],
        token_endpoint_auth_methods_supported=["client_secret_post"],
        authorization_response_iss_parameter_supported=True,
        unknown={"more": [1]},
    )
    assert found.token_url == "https://id.acme.example/token"
    assert found.algorithms == {"RS256", "none"}
    assert found.challenges == {"S256", "plain"}
    assert found.client_auths == {"client_secret_post"}
    assert found.says_issuer is True


def test_what_a_document_leaves_out_is_not_there():
    found = read()
    assert (found.userinfo_url, found.revoke_url, found.end_session_url) == (None, None, None)
    assert (found.algorithms, found.challenges, found.says_issuer) == (set(), set(), False)
    assert found.client_auths == {"client_secret_basic"}  # RFC 8414, 2


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": f"{ISSUER}/"},
        {"issuer": "https://evil.example"},
        {"issuer": "HTTPS://id.acme.example"},
        {"issuer": ...},
        {"issuer": [ISSUER]},
        {"token_endpoint": ...},
        {"token_endpoint": None},
        {"token_endpoint": "http://id.acme.example/token"},
        {"token_endpoint": "//id.acme.example/token"},
        {"token_endpoint": "https://user:pw@id.acme.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"jwks_uri": "https://id.acme.example/\r\nx: y"},
        {"jwks_uri": 7},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"userinfo_endpoint": ""},
        {"id_token_signing_alg_values_supported": "RS256"},
        {"code_challenge_methods_supported": [1]},
        {"authorization_response_iss_parameter_supported": "yes"},
    ],
)
def test_a_document_that_is_not_the_issuers_or_leads_astray_is_refused(changes):
    with pytest.raises(UnexpectedResponseError):
        read(**changes)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"<html>",
        b"\xff",
        b'{"issuer":"a","issuer":"b"}',
        b" " * (BYTES_MAX + 1),
    ],
)
def test_what_is_no_document_is_refused(body):
    with pytest.raises(UnexpectedResponseError):
        metadata(body, ISSUER)


def test_the_document_stands_below_the_issuer():
    where = "https://id.acme.example/tenant/.well-known/openid-configuration"
    assert discovery_url("https://id.acme.example/tenant") == where
    assert discovery_url("https://id.acme.example/tenant/") == where

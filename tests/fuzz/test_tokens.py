"""Documents of issuers and tokens of strangers, mutated: read, or refused by our own errors."""

import json

import pytest

from hardpoint.core.errors import HardpointError
from hardpoint.oauth.jwks import key_set
from hardpoint.oauth.jwt import unverified
from hardpoint.oauth.openid import metadata

ISSUER = "https://issuer.example"
DISCOVERY = json.dumps(
    {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "token_endpoint": f"{ISSUER}/token",
        "jwks_uri": f"{ISSUER}/keys",
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "response_types_supported": ["code"],
    }
).encode()
KEYS = json.dumps(
    {
        "keys": [
            {
                "kty": "EC",
                "crv": "P-256",
                "kid": "1",
                "alg": "ES256",
                "use": "sig",
                "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
                "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
            }
        ]
    }
).encode()
TOKEN = (
    b"eyJhbGciOiJFUzI1NiIsImtpZCI6IjEifQ."
    b"eyJpc3MiOiJodHRwczovL2lzc3Vlci5leGFtcGxlIiwic3ViIjoiMSIsImV4cCI6MTcwMDAwMDAwMH0.AAAA"
)
READERS = {
    "discovery": (lambda data: metadata(data, ISSUER), DISCOVERY, HardpointError),
    "keys": (key_set, KEYS, ValueError),  # which its caller, the cache, makes ours
    "token": (unverified, TOKEN, HardpointError),
}


@pytest.mark.parametrize("name", READERS)
def test_any_document_is_read_or_refused(mutations, count, name):
    read, good, refusal = READERS[name]
    taken = 0
    for _ in range(count // len(READERS)):
        try:
            read(mutations.of([good]))
        except refusal:
            continue
        taken += 1
    assert taken

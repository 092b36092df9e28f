"""Why a request of a described source is refused: the settings that it would verify with."""

import asyncio

import pytest

from hardpoint.http.messages import Response
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.diagnosis import diagnose

NOW = 1_700_000_000
KEY = "0123456789abcdef" * 2
BODY = b'{"id":"evt_1","type":"paid"}'
TIMED = {"signed": "{timestamp}.{body}", "timestamp": "header:X-Time"}


def explained(signed_with, configured, key=KEY):
    vendor = scheme("hmac", secrets=[KEY], **{"header": "X-Sig", **signed_with})
    headers = vendor.sign(BODY, now=NOW, event_id="e", event_type="t")
    request = WebhookRequest(headers=headers, body=BODY)
    return diagnose("hmac", request, [key], now=NOW, **{"header": "X-Sig", **configured})


@pytest.mark.parametrize(
    ("signed_with", "configured", "expected"),
    [
        ({"header": "X-Other"}, {}, 'header = "x-other"'),
        ({"prefix": "sha256="}, {}, 'prefix = "sha256="'),
        ({"encoding": "base64"}, {}, 'encoding = "base64"'),
        ({}, {"encoding": "base64url"}, 'encoding = "hex"'),
        ({"algorithm": "sha512"}, {}, 'algorithm = "sha512"'),
        ({"secret_encoding": "hex"}, {}, 'secret_encoding = "hex"'),
        ({}, {**TIMED}, None),
        ({**TIMED, "signed": "{timestamp}:{body}"}, {**TIMED}, 'signed = "{timestamp}:{body}"'),
        (
            {"encoding": "base64", "algorithm": "sha1"},
            {},
            'encoding = "base64", algorithm = "sha1"',
        ),
        ({"separator": ","}, {"separator": ",", "encoding": "base64"}, 'encoding = "hex"'),
    ],
)
def test_the_settings_that_a_request_would_verify_with_are_named(signed_with, configured, expected):
    found = explained(signed_with, configured)
    assert not found.ok
    assert (found.reason == "other_settings") is (expected is not None)
    assert expected is None or expected in found.message
    assert KEY not in found.message


def test_a_wrong_secret_is_still_said_to_be_one():
    found = explained({}, {}, key="another")
    assert found.reason == "signature_mismatch"
    assert "1 secret tried" in found.message


def test_a_source_that_is_right_passes():
    assert explained({}, {}).reason == "verified"


def test_the_key_of_a_token_is_fetched_where_it_can_be():
    settings = {
        "jwks_url": "https://id.example/keys",
        "issuer": "https://id.example",
        "audience": "shop",
    }
    token = "eyJhbGciOiJSUzI1NiIsImtpZCI6Im9uZSJ9.e30.c2ln"
    request = WebhookRequest(headers=[("authorization", f"Bearer {token}")], body=BODY)
    assert diagnose("jwt", request, [], now=NOW, **settings).reason == "key_needed"

    class Nobody:
        async def get(self, url):
            return Response(status=200, headers={}, body=b'{"keys":[]}')

    def fetch(needed):
        asyncio.run(needed.keys.fetch(needed.name, Nobody(), lambda: NOW))

    found = diagnose("jwt", request, [], now=NOW, fetch=fetch, **settings)
    assert found.reason == "unknown_key"

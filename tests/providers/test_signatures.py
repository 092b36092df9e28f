"""What every scheme does with requests that are signed, and with those that are not.

`signatures.json` in a vendor's folder says what its scheme needs, and what it could be sent.
"""

import json
import traceback
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, SignatureMismatchError, WebhookError
from hardpoint.core.providers import provider, provider_names
from hardpoint.webhooks import WebhookRequest, scheme

SCHEMES = [name for name in provider_names() if provider(name).webhooks]
SAID = {
    name: json.loads((Path(__file__).parent / name / "signatures.json").read_text())["scheme"]
    for name in SCHEMES
}
"""The secret, and the settings that the scheme cannot do without."""
TEXTS = ["whsec_old_secret", "whsec_new_secret"]
NOW = 1_700_000_000
BODY = b'{"id":"evt_1","type":"made","event":"made"}'


def bound(vendor: str, *secrets: str) -> Any:
    said = SAID[vendor]
    return scheme(vendor, secrets=secrets or [said["secret"]], **said.get("settings", {}))


def sent(vendor: str, body: bytes, *secrets: str) -> WebhookRequest:
    headers = bound(vendor, *secrets).sign(body, now=NOW, event_id="id-1", event_type="made")
    return WebhookRequest(headers=headers, body=body)


def changed(request: WebhookRequest, headers: Any, body: bytes | None = None) -> WebhookRequest:
    return WebhookRequest.raw("POST", "", headers, request.body if body is None else body)


@pytest.mark.rows
def test_a_header_outside_the_grammar_is_refused(vendor, headers, error):
    request = WebhookRequest(headers=headers, body=b"[]")
    with pytest.raises(error):
        bound(vendor).verify(request, now=NOW)


@pytest.mark.rows
def test_what_is_signed_and_cannot_be_read_is_malformed(vendor, body):
    result = bound(vendor).verify(sent(vendor, body), now=NOW)
    assert result.malformed
    assert result.events == ()
    assert result.key == 0


@pytest.mark.rows
def test_what_is_no_secret_is_refused_unshown(vendor, secret, problem):
    with pytest.raises(ConfigurationError) as caught:
        bound(vendor, SAID[vendor]["secret"], secret)
    assert caught.value.key == "secrets[1]"
    assert problem in caught.value.problem
    told = "".join(traceback.format_exception(caught.value))
    assert len(secret) < 8 or secret not in told


@pytest.mark.rows
def test_another_body_is_refused(vendor, body, differing):
    genuine = sent(vendor, body)
    with pytest.raises(SignatureMismatchError):
        bound(vendor).verify(changed(genuine, genuine.headers, differing), now=NOW)


@pytest.mark.parametrize("vendor", SCHEMES)
def test_one_flipped_bit_of_a_signature_is_refused(vendor):
    genuine, scheme = sent(vendor, BODY), bound(vendor)
    for at, (name, value) in enumerate(genuine.headers):
        for bit in range(len(value) * 8) if name in scheme.grammar.signature_headers else ():
            flipped = bytearray(value)
            flipped[bit // 8] ^= 1 << bit % 8
            headers = [*genuine.headers]
            headers[at] = (name, bytes(flipped))
            with pytest.raises(WebhookError):
                scheme.verify(changed(genuine, headers), now=NOW)


@pytest.mark.parametrize("vendor", [one for one in SCHEMES if "public" not in SAID[one]])
def test_secrets_are_rotated_without_a_gap(vendor):
    old, new = TEXTS
    assert bound(vendor, new, old).verify(sent(vendor, BODY, old), now=NOW).key == 1
    assert bound(vendor, new, old).verify(sent(vendor, BODY, new, old), now=NOW).key == 0
    with pytest.raises(SignatureMismatchError):
        bound(vendor, new).verify(sent(vendor, BODY, old), now=NOW)


@pytest.mark.parametrize("vendor", SCHEMES)
@given(body=st.binary(max_size=300).map(lambda body: body.replace(b"%", b"%25")))
def test_whatever_is_signed_is_events_or_malformed(vendor, body):
    result = bound(vendor).verify(sent(vendor, body), now=NOW)
    assert bool(result.malformed) != bool(result.events)

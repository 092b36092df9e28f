import hmac
import json
import time
from importlib import import_module
from typing import Any

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
)
from hardpoint.webhooks import Verified, WebhookRequest, scheme

SECRET = "whsec_test_secret"
OTHER = "whsec_other_secret"
TIME = 1_700_000_000
BODY = b'{"id":"evt_test_webhook","object":"event"}'
# Made by HMAC-SHA256 over "1700000000." and BODY; accepted by the official package, 16.1.0.
V1 = "d95c6b7477fbd7e9f90b1b0ef5f9c7ac25abca5382460e0d988c2b2a5b71b990"
EVENT = {"id": "evt_1", "object": "event", "type": "invoice.paid", "data": {"object": {"id": "i"}}}


def dumped(event: object) -> bytes:
    return json.dumps(event).encode()


def signed(body: bytes, at: object = TIME, secret: str = SECRET) -> str:
    return hmac.new(secret.encode(), f"{at}.".encode() + body, "sha256").hexdigest()


def verified(
    header: str, *secrets: str, body: bytes = BODY, now: float = TIME, **settings: Any
) -> Verified:
    request = WebhookRequest(headers=[("Stripe-Signature", header)], body=body)
    return scheme("stripe", secrets=secrets or [SECRET], **settings).verify(request, now=now)


def read(event: object) -> Verified:
    body = event if isinstance(event, bytes) else dumped(event)
    return verified(f"t={TIME},v1={signed(body)}", body=body)


def test_the_vector_verifies_and_is_what_signing_makes() -> None:
    result = verified(f"t={TIME},v1={V1}")
    assert (result.key, result.signed_at) == (0, TIME)
    assert "type" in (result.malformed or ""), "the vector's body is no whole event"
    made = scheme("stripe", secrets=[SECRET]).sign(BODY, now=TIME, event_id="", event_type="")
    assert made == [("Stripe-Signature", f"t={TIME},v1={V1}")]


def test_id_and_type_are_read_and_covered() -> None:
    (event,) = read(EVENT).events
    assert (event.id, event.type, event.account, event.asserted) == (
        "evt_1",
        "invoice.paid",
        None,
        False,
    )


def test_an_event_of_a_connected_account_says_whose_it_is() -> None:
    (event,) = read(EVENT | {"account": "acct_1"}).events
    assert event.account == "acct_1"
    (event,) = read(EVENT | {"account": None}).events
    assert event.account is None


def test_a_thin_event_takes_its_account_from_its_context() -> None:
    thin = {
        "id": "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0",
        "object": "v2.core.event",
        "type": "v1.billing.meter.error_report_triggered",
        "created": "2026-09-17T06:20:52.246Z",
        "related_object": {"id": "mtr_1", "type": "billing.meter", "url": "/v1/billing/meters/1"},
    }
    (event,) = read(thin).events
    assert (event.id, event.type, event.account) == (thin["id"], thin["type"], None)
    (event,) = read(thin | {"context": "acct_1"}).events
    assert event.account == "acct_1"
    assert read(thin | {"context": {"a": 1}}).malformed
    ping = {"id": "evt_1", "object": "v2.core.event", "type": "v2.core.event_destination.ping"}
    assert read(ping).events


def test_the_context_of_an_event_that_is_not_thin_may_be_anything() -> None:
    (event,) = read(EVENT | {"context": {"a": 1}, "account": "acct_2"}).events
    assert event.account == "acct_2"


def test_several_signatures_are_tried_and_other_versions_skipped() -> None:
    forged = "0" * 64
    assert verified(f"t={TIME},v1={forged},v1={V1},v0={forged}").key == 0
    assert verified(f"v1={V1},v2=what=ever,,x,t={TIME}").key == 0


@pytest.mark.parametrize("odd", ["", V1[:-1], V1 + "0", "\u00e9" * 63])
def test_a_signature_that_cannot_be_read_spoils_no_other(odd: str) -> None:
    assert verified(f"t={TIME},v1={odd},v1={V1}").key == 0
    assert verified(f"t={TIME},v1={V1},v1={odd}").key == 0


@pytest.mark.parametrize("rest", ["", f",v0={V1}", f",V1={V1}", f", v1={V1}"])
def test_a_header_without_a_v1_signature_is_refused(rest: str) -> None:
    with pytest.raises(MissingSignatureError, match="no v1="):
        verified(f"t={TIME}{rest}")


def test_hex_has_one_spelling() -> None:
    with pytest.raises(SignatureMismatchError):
        verified(f"t={TIME},v1={V1.upper()}")


def test_the_window_is_five_minutes_in_both_directions_unless_set() -> None:
    header = f"t={TIME},v1={V1}"
    for late in (-300, 300):
        verified(header, now=TIME + late)
    for late in (-301, 301):
        with pytest.raises(StaleTimestampError):
            verified(header, now=TIME + late)
    verified(header, now=TIME + 600, tolerance=600)
    with pytest.raises(ConfigurationError, match="tolerance"):
        verified(header, tolerance=0)


def test_a_stale_forgery_is_called_a_forgery() -> None:
    with pytest.raises(SignatureMismatchError):
        verified(f"t={TIME},v1={'0' * 64}", now=TIME + 10_000)


def test_a_clue_tells_the_events_mode() -> None:
    def clue(body: bytes) -> str | None:
        bound = scheme("stripe", secrets=[SECRET])
        return bound.clue(WebhookRequest(headers=[("a", "b")], body=body))

    assert "live mode" in (clue(b'{"livemode": true}') or "")
    assert "test mode" in (clue(b'{"livemode": false}') or "")
    assert clue(b"{}") is None
    assert clue(b"?") is None


# The official package, as an oracle and as a comparison


def official() -> Any:
    return import_module("stripe").WebhookSignature


def test_what_the_official_package_signs_verifies_here() -> None:
    text = '{"id": "evt_1", "type": "caf\u00e9"}'
    header = official().generate_signature_header(text, SECRET, timestamp=TIME)
    (event,) = verified(header, body=text.encode()).events
    assert event.type == "caf\u00e9"


def test_what_is_signed_here_verifies_with_the_official_package() -> None:
    body = '{"id": "evt_1", "object": "event", "type": "caf\u00e9"}'.encode()
    rolling = scheme("stripe", secrets=[OTHER, SECRET])
    ((_, header),) = rolling.sign(body, now=time.time(), event_id="", event_type="")
    for secret in (SECRET, OTHER):
        assert official().verify_header(body, header, secret, 300)


def test_a_time_in_the_future_is_refused_where_the_official_one_takes_it() -> None:
    future = int(time.time()) + 11 * 86_400
    header = f"t={future},v1={signed(BODY, future)}"
    assert official().verify_header(BODY, header, SECRET, 300)
    with pytest.raises(StaleTimestampError):
        verified(header, now=time.time())


def test_arabic_indic_digits_are_refused_where_the_official_one_takes_them() -> None:
    digits = str(TIME).translate({ord("0") + digit: 0x0660 + digit for digit in range(10)})
    header = f"t={digits},v1={V1}"
    assert official().verify_header(BODY, header, SECRET)
    with pytest.raises(MalformedRequestError):
        verified(header)
    raw = WebhookRequest(headers=[(b"stripe-signature", header.encode())], body=BODY)
    with pytest.raises(MalformedRequestError):
        scheme("stripe", secrets=[SECRET]).verify(raw, now=TIME)


def test_a_body_that_is_not_utf_8_is_malformed_where_the_official_one_crashes() -> None:
    body = b'{"id": "evt_1", "type": "\xff"}'
    header = f"t={TIME},v1={signed(body)}"
    assert verified(header, body=body).malformed == "the body is not UTF-8"
    with pytest.raises(UnicodeDecodeError):
        official().verify_header(body, header, SECRET)


def test_a_signature_beyond_ascii_is_refused_where_the_official_one_crashes() -> None:
    header = f"t={TIME},v1=" + "\u00e9" * 64
    with pytest.raises(SignatureMismatchError):
        verified(header)
    with pytest.raises(TypeError):
        official().verify_header(BODY, header, SECRET)

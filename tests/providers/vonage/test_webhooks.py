"""Vonage's tokens as PyJWT makes and reads them, and what is told under them."""

import hashlib
import hmac
from importlib import import_module

import pytest

from hardpoint.core.errors import ConfigurationError, SignatureMismatchError
from hardpoint.providers.vonage.fake import SENDER, SIGNATURE_SECRET, FakeVonage
from hardpoint.providers.vonage.reading import event
from hardpoint.sms.types import (
    MessageChanged,
    MessageReceived,
    MessageStatus,
    SmsConsent,
    SmsFailure,
)
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.grammar import base64url

jwt = import_module("jwt")
theirs = import_module("vonage_jwt")
NOW = 1_700_000_000
BODY = b'{"message_uuid":"aaaa","status":"delivered"}'
HASH = hashlib.sha256(BODY).hexdigest()
CLAIMS = {"iss": "Vonage", "iat": NOW, "jti": "j1", "payload_hash": HASH, "api_key": "abcd1234"}


def sent(token, body=BODY):
    return WebhookRequest(headers=[("Authorization", f"Bearer {token}")], body=body)


def ours(*secrets):
    return scheme("vonage", secrets=secrets or [SIGNATURE_SECRET])


def test_a_token_of_an_independent_signer_verifies():
    result = ours().verify(sent(jwt.encode(CLAIMS, SIGNATURE_SECRET, "HS256")), now=NOW)
    (told,) = result.events
    assert (told.id, told.type, told.account) == ("aaaa:delivered", "message.delivered", "abcd1234")
    assert (result.signed_at, told.asserted) == (NOW, False)


def test_our_token_is_taken_by_the_official_package_and_says_what_theirs_says():
    ((name, value),) = ours().sign(BODY, now=NOW, event_id="j1", event_type="any")
    token = value.removeprefix("Bearer ")
    assert name == "Authorization"
    assert theirs.verify_signature(token, SIGNATURE_SECRET) is True
    assert theirs.verify_signature(token, "another" * 5) is False
    assert jwt.decode(token, SIGNATURE_SECRET, algorithms=["HS256"]) == CLAIMS


@pytest.mark.rows
def test_a_token_that_vonage_does_not_make_is_refused(header, claims, error):
    parts = [base64url(one.replace("HASH", HASH).encode()) for one in (header, claims)]
    signed = b".".join(parts)
    mac = hmac.new(SIGNATURE_SECRET.encode(), signed, "sha256").digest()
    with pytest.raises(error):
        ours().verify(sent((signed + b"." + base64url(mac)).decode()), now=NOW)


def test_a_token_that_is_not_spelled_in_base64url_is_refused():
    signed = b"=" * 60 + b".e30"
    mac = hmac.new(SIGNATURE_SECRET.encode(), signed, "sha256").digest()
    with pytest.raises(Exception, match="lacks its time"):
        ours().verify(sent((signed + b"." + base64url(mac)).decode()), now=NOW)


def test_what_else_vonage_signs_is_an_event_without_an_id():
    body = b'{"uuid":"call-1","status":"answered"}'
    headers = ours().sign(body, now=NOW, event_id="j1", event_type="any")
    (told,) = ours().verify(WebhookRequest(headers=headers, body=body), now=NOW).events
    assert (told.id, told.type) == ("", "event")
    assert event(body) is None
    assert event(b'{"message_uuid":"a","channel":"messenger"}') is None


@pytest.mark.parametrize("tolerance", [0, 90_000])
def test_the_window_has_bounds(tolerance):
    with pytest.raises(ConfigurationError, match="tolerance"):
        scheme("vonage", secrets=["s"], tolerance=tolerance)


@pytest.mark.parametrize("optional_fields", [True, False])
def test_a_text_that_comes_in_is_read_with_its_files_and_its_word(optional_fields):
    vendor = FakeVonage(optional_fields=optional_fields)
    vendor.receive("+14155550123", " stop ")
    vendor.receive("+14155550123", "", image="https://shop.example/cat.png")
    stop, picture = [event(one.body) for one in vendor.emitter.pending()]
    assert isinstance(stop, MessageReceived)
    assert (stop.from_, stop.to, stop.consent) == ("+14155550123", SENDER, SmsConsent.STOP)
    assert (picture.body, picture.media) == ("", ("https://shop.example/cat.png",))
    assert picture.consent is None


@pytest.mark.parametrize(
    ("said", "status", "failure"),
    [
        ('"status":"submitted"', MessageStatus.SENT, None),
        ('"status":"read"', MessageStatus.READ, None),
        ('"status":"expired"', MessageStatus.UNKNOWN, None),
        ('"status":"rejected","error":{"title":1240}', MessageStatus.FAILED, SmsFailure.OPTED_OUT),
        (
            '"status":"undeliverable","error":{"title":"9999"}',
            MessageStatus.UNDELIVERED,
            SmsFailure.OTHER,
        ),
    ],
)
def test_a_status_is_in_our_words(said, status, failure):
    told = event(f'{{"message_uuid":"a","to":"14155550123","from":"Shop",{said}}}'.encode())
    assert isinstance(told, MessageChanged)
    assert (told.status, told.failure) == (status, failure)
    assert (told.to, told.from_) == ("+14155550123", "Shop")


@pytest.mark.parametrize(
    ("channel", "address", "read"),
    [
        ("sms", "12345", "12345"),
        ("mms", "14155550123", "+14155550123"),
        ("whatsapp", "14155550123", "whatsapp:+14155550123"),
        ("rcs", "shop_agent", "rcs:shop_agent"),
    ],
)
def test_addresses_have_their_channels(channel, address, read):
    body = f'{{"message_uuid":"a","from":"{address}","channel":"{channel}","status":"read"}}'
    told = event(body.encode())
    assert (told.from_, told.to) == (read, "")


def test_a_decoy_is_refused_by_its_signature_alone():
    headers = ours().decoy(now=NOW)
    with pytest.raises(SignatureMismatchError):
        ours().verify(WebhookRequest(headers=headers, body=BODY), now=NOW)

"""PayPal's signature by certificate: what it covers, who is believed, and how long."""

from zlib import crc32

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    SignatureMismatchError,
    StaleTimestampError,
    UnavailableError,
)
from hardpoint.http.messages import Response
from hardpoint.providers.paypal.fake import WEBHOOK_ID, WEBHOOK_SECRET
from hardpoint.runtime.blocking import run
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.certificates import RsaKey
from hardpoint.webhooks.fetched_keys import (
    CHECKS_BURST,
    KeyNeededError,
    KeyUnavailableError,
)
from hardpoint.webhooks.grammar import base64

NOW = 1_700_000_000
WHEN = "2023-11-14T22:13:20Z"
BODY = b'{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","resource":{"amount":"10.00"}}'
WHERE = "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-1d93a270"
KEY = rsa.generate_private_key(65537, 2048)
DAY = 86_400


def signed(body=BODY, *, by=KEY, webhook=WEBHOOK_ID, when=WHEN, transmission="t-1", where=WHERE):
    text = f"{transmission}|{when}|{webhook}|{crc32(body)}".encode()
    signature = base64(by.sign(text, PKCS1v15(), SHA256())).decode()
    headers = {
        "PAYPAL-TRANSMISSION-ID": transmission,
        "PAYPAL-TRANSMISSION-TIME": when,
        "PAYPAL-TRANSMISSION-SIG": signature,
        "PAYPAL-CERT-URL": where,
        "PAYPAL-AUTH-ALGO": "SHA256withRSA",
    }
    return WebhookRequest(headers=headers.items(), body=body)


class Certificates:
    """Gives what it is told to in place of PayPal's server."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    async def get(self, url):
        self.asked.append(url)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def served(body=b"", status=200):
    return Response(status=status, headers={}, body=body)


def believing(*secrets, key=KEY, since=NOW - DAY, until=NOW + 9 * DAY, **settings):
    """A scheme that has PayPal's certificate already, of a key of ours."""
    made = scheme("paypal", secrets=secrets or [WEBHOOK_ID], **settings)
    known = RsaKey(key.public_key(), since=since, until=until)
    made.keys._read = lambda document, name, now: {name: known}
    for where in (WHERE, WHERE.replace("api.", "api.sandbox.")):
        run(made.keys.fetch(where, Certificates(served()), lambda: NOW))
    return made


def test_what_a_certificate_has_signed_is_verified():
    for where in (WHERE, WHERE.replace("api.", "api.sandbox.")):
        verified = believing().verify(signed(where=where), now=NOW)
        [event] = verified.events
        assert (event.id, event.type) == ("WH-1", "PAYMENT.CAPTURE.COMPLETED")
        assert (verified.key, verified.signed_at, event.asserted) == (0, NOW, True)


def test_a_certificate_is_fetched_from_paypal_and_kept():
    made = scheme("paypal", secrets=[WEBHOOK_ID])
    with pytest.raises(KeyNeededError) as caught:
        made.verify(signed(), now=NOW)
    certificates = Certificates(UnavailableError())
    run(caught.value.keys.fetch(caught.value.name, certificates, lambda: NOW))
    assert certificates.asked == [WHERE]
    with pytest.raises(KeyUnavailableError):
        made.verify(signed(), now=NOW)


@pytest.mark.parametrize("document", [b"", b"<html>", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_certificate_of_paypals_makes_nothing_genuine(document):
    made = scheme("paypal", secrets=[WEBHOOK_ID])
    run(made.keys.fetch(WHERE, Certificates(served(document)), lambda: NOW))
    with pytest.raises(KeyUnavailableError):
        made.verify(signed(), now=NOW)


def test_a_certificate_that_is_over_or_not_yet_valid_signs_nothing():
    for since, until in ((NOW - 9 * DAY, NOW - 1), (NOW + 1, NOW + DAY)):
        with pytest.raises(SignatureMismatchError, match="not valid"):
            believing(since=since, until=until).verify(signed(), now=NOW)


def test_a_request_for_another_webhook_is_refused_and_two_may_be_live():
    with pytest.raises(SignatureMismatchError):
        believing("OTHERWEBHOOK1").verify(signed(), now=NOW)
    both = believing("OTHERWEBHOOK1", WEBHOOK_ID)
    assert both.verify(signed(), now=NOW).key == 1
    assert both.verify(signed(webhook="OTHERWEBHOOK1"), now=NOW).key == 0


def test_the_window_is_as_long_as_paypal_tries():
    made = scheme("paypal", secrets=[WEBHOOK_SECRET])
    headers = made.sign(BODY, now=NOW, event_id="WH-1", event_type="x")
    request = WebhookRequest(headers=headers, body=BODY)
    for late in (-3 * DAY, 0, 3 * DAY + 6 * 3600):
        made.verify(request, now=NOW + late)
    for late in (4 * DAY, -4 * DAY):
        with pytest.raises(StaleTimestampError):
            made.verify(request, now=NOW + late)
    with pytest.raises(StaleTimestampError):
        believing(tolerance=60).verify(signed(), now=NOW + 61)
    for odd in (0, 8 * DAY, float("nan")):
        with pytest.raises(ConfigurationError, match="tolerance"):
            scheme("paypal", secrets=[WEBHOOK_ID], tolerance=odd)


@pytest.mark.parametrize(
    "when", ["2023-11-14T22:13:20.123Z", "2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20+00:00"]
)
def test_a_time_is_read_as_it_is_written(when):
    assert believing().verify(signed(when=when), now=NOW).signed_at == NOW


def colliding(body, checksum):
    """Another body of the same checksum: four bytes at its end make up for the rest."""
    table = [0] * 256
    for number in range(256):
        value = number
        for _ in range(8):
            value = value >> 1 ^ (0xEDB88320 if value & 1 else 0)
        table[number] = value
    state, wanted = crc32(body) ^ 0xFFFFFFFF, checksum ^ 0xFFFFFFFF
    steps = []
    for _ in range(4):
        index = next(i for i, one in enumerate(table) if one >> 24 == wanted >> 24)
        steps.append(index)
        wanted = (wanted ^ table[index]) << 8 & 0xFFFFFFFF
    patch = b""
    for index in reversed(steps):
        byte = index ^ state & 0xFF
        patch += bytes([byte])
        state = table[index] ^ state >> 8
    return body + patch


def test_a_body_of_the_same_checksum_counts_as_the_one_that_was_sent():
    """Nobody can tell them apart by the signature, so the second one is set aside by the store."""
    genuine = believing().verify(signed(), now=NOW)
    forged = signed()
    for start in range(100_000):
        grown = colliding(b'{"id":"WH-2","event_type":"X","pad":"%d' % start, crc32(BODY + b""))
        if all(0x20 <= one < 0x7F and one not in b'"\\' for one in grown[-4:]):
            break
    assert crc32(grown) == crc32(BODY)
    forged.body = grown
    verified = believing().verify(forged, now=NOW)
    assert verified.covered == genuine.covered
    assert verified.malformed
    assert believing().verify(signed(transmission="t-2"), now=NOW).covered != genuine.covered


def test_signatures_that_do_not_hold_are_checked_so_many_times_and_no_more():
    made, forged = believing(), signed(by=rsa.generate_private_key(65537, 2048))
    for _ in range(int(CHECKS_BURST)):
        with pytest.raises(SignatureMismatchError):
            made.verify(forged, now=NOW)
    with pytest.raises(KeyUnavailableError):
        made.verify(forged, now=NOW)


def test_who_stands_in_for_paypal_has_to_be_configured():
    """And a stand-in's key signs nothing for a source that has none, whatever it names."""
    stand_in = scheme("paypal", secrets=[WEBHOOK_SECRET])
    headers = stand_in.sign(BODY, now=NOW, event_id="WH-1", event_type="x")
    request = WebhookRequest(headers=headers, body=BODY)
    assert stand_in.verify(request, now=NOW).events
    assert scheme("paypal", secrets=[WEBHOOK_ID, WEBHOOK_SECRET]).verify(request, now=NOW).key == 1
    with pytest.raises(SignatureMismatchError):
        scheme("paypal", secrets=[WEBHOOK_ID]).verify(request, now=NOW)
    with pytest.raises(ConfigurationError, match="nobody can sign"):
        scheme("paypal", secrets=[WEBHOOK_ID]).sign(BODY, now=NOW, event_id="e", event_type="t")
    assert "WEBHOOK_ID" in stand_in.clue(request)


def test_nobody_is_asked_for_a_certificate_but_paypal():
    with pytest.raises(MalformedRequestError, match="not at an address"):
        believing().verify(signed(where="https://api.paypal.com.evil.example/v1/x"), now=NOW)


def test_what_the_simulator_signs_for_is_no_secret():
    with pytest.raises(ConfigurationError, match="is not the ID of a webhook"):
        scheme("paypal", secrets=["WEBHOOK_ID"])

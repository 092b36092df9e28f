"""Requests, mutated: every scheme gives a `Verified` or a `WebhookError`, and nothing else."""

import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import urlencode

import pytest

from hardpoint.core.errors import UnexpectedResponseError, WebhookError
from hardpoint.core.providers import provider, provider_names
from hardpoint.http.errors import RETRY_AFTER_SECONDS_MAX, retry_after
from hardpoint.http.xml_api import XmlUnreadableError
from hardpoint.providers.aws.wire import info as s3_info
from hardpoint.providers.twilio.reading import seconds as twilio_seconds
from hardpoint.webhooks import Verified, WebhookRequest, scheme
from hardpoint.webhooks.verification import PROTOCOLS

NOW = 1_700_000_000
URL = "https://shop.example/webhooks/texts"
BODIES = [
    json.dumps(
        {
            "id": "evt_1",
            "object": "event",
            "type": "payment_intent.succeeded",
            "account": "acct_1",
            "data": {"object": {"id": "pi_1", "amount": 1999, "text": "é\\u00e9"}},
        }
    ).encode(),
    b'{"id":"evt_2","object":"v2.core.event","type":"v1.billing.meter.error","context":"a/b"}',
    b'[{"sg_event_id":"a","event":"delivered"},{"sg_event_id":"b","event":"open","x":[1,2.5e3]}]',
    b'{"action":"opened","issue":{"number":1},"installation":{"id":7}}',
    urlencode(
        {"MessageSid": "SM1", "MessageStatus": "sent", "To": "+1415", "Body": "a b&é"}
    ).encode(),
    b"payload=%7B%22a%22%3A1%7D",
    b"{}",
    b"",
]
PROVIDERS = Path(__file__).parents[1] / "providers"
SCHEMES = {
    "standard": ("whsec_" + b64encode(b"k" * 24).decode(), {}),
    **{
        one.parent.name: (said["secret"], said.get("settings", {}))
        for one in sorted(PROVIDERS.glob("*/signatures.json"))
        for said in [json.loads(one.read_text())["scheme"]]
    },
    "hmac": (
        "secret",
        {
            "header": ["X-One", "X-Two"],
            "signed": "{header:x-id}.{timestamp}.{body}",
            "timestamp": "header:X-Time",
            "separator": ",",
            "id_from": "header:X-Id",
            "type_from": "/data/object/text",
        },
    ),
    "basic": ("secret", {"username": "name", "id_from": "/id"}),
    "api_key": ("secret", {"header": "X-Key", "type_from": "header:X-Type"}),
}


def test_every_scheme_is_among_them():
    vendors = {name for name in provider_names() if provider(name).webhooks}
    assert SCHEMES.keys() - PROTOCOLS.keys() == vendors
    assert PROTOCOLS.keys() - SCHEMES.keys() == {"jwt", "unsigned"}  # nobody here can sign so


@pytest.mark.parametrize("name", SCHEMES)
def test_any_request_is_verified_or_refused(mutations, count, name):
    secret, settings = SCHEMES[name]
    bound = scheme(name, secrets=[secret], **settings)
    chance = mutations.chance
    verified = 0
    for _ in range(max(1, count // len(SCHEMES))):
        body = mutations.of(BODIES)
        try:
            made = bound.sign(body, now=NOW, event_id="evt_1", event_type="push")
        except WebhookError:  # no vendor signs such a form
            continue
        headers = [(key.encode(), value.encode("latin-1")) for key, value in made]
        headers.append(
            (b"content-type", chance.choice((b"application/json", b"text/plain", b"\xff")))
        )
        match chance.randrange(6):
            case 0:
                at = chance.randrange(len(headers))
                headers[at] = (headers[at][0], mutations.of([headers[at][1], b"t=1,v1=00"]))
            case 1:
                headers.pop(chance.randrange(len(headers)))
            case 2:
                headers.append(chance.choice(headers))
            case 3:
                body = mutations.of([body])
        request = WebhookRequest(headers=headers, body=body, url=URL)
        try:
            found = bound.verify(request, now=NOW + chance.choice((0, 0, 0, 10**6, -(10**6))))
        except WebhookError:
            continue
        assert isinstance(found, Verified)
        verified += 1
    assert verified


VALUES = [
    b"120",
    b"0.5",
    b"Wed, 21 Oct 2026 07:28:00 GMT",
    b"Wed, 21 Oct 2026 07:28:00 +9999",
    b"-1",
]


def test_any_retry_after_is_some_seconds_or_nothing(mutations, count):
    for _ in range(count):
        headers = {
            "retry-after": mutations.of(VALUES).decode("latin-1"),
            "date": mutations.of(VALUES).decode("latin-1"),
        }
        seconds = retry_after(headers)
        assert seconds is None or 0 <= seconds <= RETRY_AFTER_SECONDS_MAX, headers


ENDLESS = "Wed, 21 Oct 99999999999999999999 07:28:00 GMT"


def test_a_date_beyond_all_years_is_no_date_wherever_a_vendor_gives_one():
    assert retry_after({"retry-after": ENDLESS, "date": ENDLESS}) is None
    assert retry_after({"reset": "9", "date": ENDLESS}, reset="reset") is None
    with pytest.raises(UnexpectedResponseError):
        twilio_seconds(ENDLESS)
    with pytest.raises(XmlUnreadableError):
        s3_info("key", 1, {"etag": '"1"', "last-modified": ENDLESS})

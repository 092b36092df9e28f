"""A vector of sendgrid/sendgrid-python, test/unit/test_eventwebhook.py, and what attackers try."""

import json

import pytest

from hardpoint.core.errors import ConfigurationError, SignatureMismatchError, StaleTimestampError
from hardpoint.providers.sendgrid.fake import PRIVATE_KEY, VERIFICATION_KEY
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.diagnosis import diagnose
from hardpoint.webhooks.verification import Replay

VECTOR_KEY = (
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+"
    "2fNNRaINXvVpiglSI8eNEc6wEA3F+g=="
)
VECTOR_SIGNATURE = (
    "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15Tl"
    "uLtEZtM="
)
VECTOR_BODY = (
    b'[{"email":"hello@world.com","event":"dropped","reason":"Bounced Address",'
    b'"sg_event_id":"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",'
    b'"sg_message_id":"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",'
    b'"smtp-id":"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>","timestamp":1600112492}]\r\n'
)
SIGNATURE = "X-Twilio-Email-Event-Webhook-Signature"
TIMESTAMP = "X-Twilio-Email-Event-Webhook-Timestamp"
NOW = 1_700_000_000


def item(number, **facts):
    return {"sg_event_id": f"event-{number}", "event": "delivered", **facts}


def bound(*secrets, **settings):
    return scheme("sendgrid", secrets=secrets or [PRIVATE_KEY], **settings)


def sent(body, *, at=NOW, by=PRIVATE_KEY):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = bound(by).sign(body, now=at, event_id="", event_type="")
    return WebhookRequest(headers=headers, body=body)


def vector(signature=VECTOR_SIGNATURE, timestamp="1600112502", body=VECTOR_BODY):
    headers = [(SIGNATURE, signature), (TIMESTAMP, timestamp)]
    return WebhookRequest(headers=headers, body=body)


def test_the_vendors_own_vector_holds_whenever_it_comes():
    result = bound(VECTOR_KEY).verify(vector(), now=2_000_000_000)
    (event,) = result.events
    assert event.type == "dropped"
    assert event.id == "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA"
    assert (event.account, event.asserted) == (None, False)
    assert event.body == VECTOR_BODY[1:-3]
    assert result.signed_at == 1600112502
    for other in (
        vector(body=VECTOR_BODY[:-2]),
        vector(timestamp="1600112503"),
        vector(
            signature="MEUCIQCtIHJeH93Y+qpYeWrySphQgpNGNr/U+UyUlBkU6n7RAwIgJTz2C+8a8xonZGi6BpSzoQsb"
            "VRamr2nlxFDWYNH3j/0="
        ),
    ):
        with pytest.raises(SignatureMismatchError):
            bound(VECTOR_KEY).verify(other, now=1600112502)


def test_every_event_of_a_list_is_one_with_its_own_part_of_the_body():
    spelled = b'[{"sg_event_id": "a", "event":"open"},\r\n{"event":"click","sg_event_id":"b"}]\r\n'
    result = bound().verify(sent(spelled), now=NOW)
    assert [(one.id, one.type) for one in result.events] == [("a", "open"), ("b", "click")]
    assert [one.body for one in result.events] == [
        b'{"sg_event_id": "a", "event":"open"}',
        b'{"event":"click","sg_event_id":"b"}',
    ]
    many = bound().verify(sent([item(number) for number in range(5001)]), now=NOW)
    assert len({one.id for one in many.events}) == 5001


@pytest.mark.parametrize("spelled", [VERIFICATION_KEY + "\n", f" {VERIFICATION_KEY}\r\n"])
def test_blanks_around_a_key_do_not_count(spelled):
    assert bound(spelled).verify(sent([item(1)]), now=NOW).events


@pytest.mark.rows
def test_an_odd_event_is_malformed_by_itself(odd):
    result = bound().verify(sent([item(1), odd, item(2)]), now=NOW)
    assert result.malformed is None
    assert [bool(event.malformed) for event in result.events] == [False, True, False]
    assert [event.id for event in result.events] == ["event-1", "", "event-2"]


@pytest.mark.parametrize("missing", [{}, {"sg_event_id": ""}, {"sg_event_id": None}])
def test_an_event_without_an_id_is_known_by_its_bytes(missing):
    result = bound().verify(sent([item(1), {"event": "delivered", **missing}]), now=NOW)
    first, second = result.events
    assert (first.id, second.id, second.type) == ("event-1", "", "delivered")
    assert (second.malformed, second.asserted) == (None, False)


def test_a_time_counts_only_where_a_tolerance_is_given():
    assert bound().replay is Replay.NONE
    strict = bound(tolerance=300)
    assert strict.replay is Replay.WINDOW
    request = sent([item(1)])
    for now in (NOW - 300, NOW + 300):
        assert strict.verify(request, now=now).signed_at == NOW
    for now in (NOW - 301, NOW + 301):
        with pytest.raises(StaleTimestampError):
            strict.verify(request, now=now)
        assert bound().verify(request, now=now).signed_at == NOW
    with pytest.raises(ConfigurationError, match="tolerance"):
        bound(tolerance=0)


def test_a_public_key_verifies_and_cannot_sign():
    request = sent([item(1)])
    assert bound(VECTOR_KEY, VERIFICATION_KEY).verify(request, now=NOW).key == 1
    with pytest.raises(ConfigurationError, match="public"):
        bound(VERIFICATION_KEY).sign(b"", now=0, event_id="", event_type="")
    both = bound(VECTOR_KEY, PRIVATE_KEY).sign(b"[]", now=NOW, event_id="", event_type="")
    request = WebhookRequest(headers=both, body=b"[]")
    assert bound().authenticate(request, now=NOW)[:2] == (0, NOW)


def test_what_does_not_verify_is_explained():
    cut = diagnose("sendgrid", vector(body=VECTOR_BODY[:-2]), [VECTOR_KEY], now=NOW)
    assert "CRLF at its end" in cut.message
    other = diagnose("sendgrid", vector(), [VERIFICATION_KEY], now=NOW)
    assert "key of its own" in other.message

"""Vectors of twilio/twilio-python, tests/unit/test_request_validator.py, and what attackers try."""

import traceback
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, MalformedRequestError, SignatureMismatchError
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.diagnosis import diagnose

TOKEN = "12345"
VECTOR_URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
CALL = {
    "CallSid": "CA1234567890ABCDE",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
    "Caller": "+14158675309",
}
JSON = b'{"property": "value", "boolean": true}'
URL = "https://shop.example/webhooks/texts"
SENT = {"MessageSid": "SM1", "MessageStatus": "sent", "AccountSid": "AC1", "To": "+14155550123"}


def bound(url=URL, *secrets):
    return scheme("twilio", secrets=secrets or [TOKEN], url=url)


def request(body, *headers, url=""):
    return WebhookRequest(url=url, headers=headers, body=body)


def sent(fields, *, by=(), url="", token=None, at=URL):
    body = fields if isinstance(fields, bytes) else urlencode(fields).encode()
    headers = bound(at, *by).sign(body, now=0, event_id=token or "", event_type="")
    headers = [pair for pair in headers if token or pair[0] != "I-Twilio-Idempotency-Token"]
    return request(body, *headers, url=url)


def one(fields, **options):
    result = bound().verify(sent(fields, **options), now=0)
    assert result.malformed is None
    (event,) = result.events
    return event


@pytest.mark.rows
def test_the_vendors_own_vectors_hold(url, body, signature):
    received = request(body.encode(), ("X-Twilio-Signature", signature))
    key, _, _ = bound(url).authenticate(received, now=0)
    assert key == 0


def test_a_hash_in_the_query_received_is_what_was_signed():
    digest = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"
    signature = ("X-Twilio-Signature", "a9nBmqA0ju/hNViExpshrM61xv4=")
    query = f"/myapp.php?foo=1&bar=2&bodySHA256={digest}"
    bound(VECTOR_URL).authenticate(request(JSON, signature, url=query), now=0)
    with pytest.raises(MalformedRequestError):
        bound(VECTOR_URL).authenticate(request(JSON + b" ", signature, url=query), now=0)
    with pytest.raises(MalformedRequestError):
        bound(VECTOR_URL).authenticate(request(JSON, signature, url="/myapp.php?foo=1"), now=0)


@pytest.mark.rows
def test_an_event_is_named_after_what_it_tells_of(fields, token, expected):
    event = one(fields, token=token)
    assert (event.id, event.type, event.account) == expected


RESPLIT = (
    b"AccountSid=AC1&MessageSid=SM1&MessageStatus=sent",
    b"AccountSid=AC1&MessageSid=SM1&MessageStatu=ssent",
    b"AccountSid=AC1&MessageSi=dSM1&MessageStatus=sent",
    b"AccountSid=AC1MessageSidSM1&MessageStatus=sent",
    b"AccountSi=dAC1&MessageSid=SM1&MessageStatus=sent",
    b"AccountSidAC1MessageSidSM1MessageStatussent",
)


def test_forms_that_share_a_signature_are_one_event_by_what_was_signed():
    genuine = sent(RESPLIT[0])
    found = [
        bound().verify(WebhookRequest.raw("POST", "", genuine.headers, body), now=0)
        for body in RESPLIT
    ]
    assert len({result.covered for result in found}) == 1
    assert len({(event.id, event.type) for result in found for event in result.events}) == 3
    assert all(event.asserted for result in found for event in result.events)
    other = sent({"MessageSid": "SM1", "MessageStatus": "sent"}, at=f"{URL}?order=7")
    assert bound(f"{URL}?order=7").verify(other, now=0).covered != found[0].covered
    assert bound().verify(sent(b"{}"), now=0).covered is None


def test_a_question_mark_at_the_end_of_the_address_is_signed_with_it():
    genuine = sent(SENT, at=f"{URL}?")
    assert bound(f"{URL}?").verify(genuine, now=0).events
    genuine.url = "/webhooks/texts?"
    assert bound().verify(genuine, now=0).events
    with pytest.raises(SignatureMismatchError):
        bound().verify(sent(SENT, at=f"{URL}?"), now=0)
    with pytest.raises(SignatureMismatchError):
        bound(f"{URL}?").verify(sent(SENT), now=0)


def test_events_of_a_stream_come_several_in_one():
    body = b'[{"id":"EZ1","type":"com.a","data":{"accountSid":"AC1"}},{"id":"EZ2","type":"com.b"}]'
    events = bound().verify(sent(body), now=0).events
    assert [(event.id, event.type, event.account) for event in events] == [
        ("EZ1", "com.a", "AC1"),
        ("EZ2", "com.b", None),
    ]
    assert b"[%b]" % b",".join(event.body for event in events) == body
    assert one(b'{"id":"EZ1","type":"com.a"}').id == "EZ1"


def test_an_odd_event_of_a_stream_is_malformed_by_itself():
    body = b'[{"id":"EZ1","type":"a"},{"id":"EZ\\n1","type":"a"},7,{"id":"EZ2","type":"b"},{}]'
    events = bound().verify(sent(body), now=0).events
    assert [event.id for event in events] == ["EZ1", "", "", "EZ2", ""]
    assert [bool(event.malformed) for event in events] == [False, True, True, False, False]


def test_a_token_that_would_harm_a_log_is_quarantined():
    received = sent({"Any": "thing"})
    received.headers = [*received.headers, (b"i-twilio-idempotency-token", b"a b\x1b")]
    assert bound().verify(received, now=0).malformed


def test_a_repeated_parameter_that_names_nothing_does_no_harm():
    assert one(b"MessageSid=SM1&MessageStatus=sent&Digits=1&Digits=2&Digits=1").id == "SM1:sent"


@pytest.mark.rows
def test_a_signature_for_another_address_is_refused_whatever_the_request_claims(at):
    genuine = sent(SENT, at=at)
    for claimed in ("", at.partition("?")[0], "/webhooks/texts"):
        headers = [
            *genuine.headers,
            (b"host", b"shop.example"),
            (b"x-forwarded-host", at.split("/")[2].encode()),
            (b"x-forwarded-proto", b"http"),
        ]
        forged = WebhookRequest.raw("POST", claimed, headers, genuine.body)
        with pytest.raises(SignatureMismatchError):
            bound().verify(forged, now=0)


def test_a_query_of_ones_own_on_a_callback_is_signed_with_it():
    received = sent(SENT, at=f"{URL}?order=7", url="/webhooks/texts?order=7")
    assert bound().verify(received, now=0).events
    received.url = "/webhooks/texts?order=8"
    with pytest.raises(SignatureMismatchError):
        bound().verify(received, now=0)


def test_a_signature_of_json_is_none_of_a_form():
    genuine = sent(b'{"id":"a","type":"b"}')
    for body in (b"", b"?bodySHA256=0", b"a=1"):
        forged = WebhookRequest.raw("POST", "", genuine.headers, body)
        with pytest.raises(SignatureMismatchError):
            bound().verify(forged, now=0)


def test_a_good_signature_with_a_shared_keys_header_is_refused():
    genuine = sent(SENT)
    genuine.headers = [*genuine.headers, (b"x-twilio-webhooks-signature-settings", b"key=a")]
    with pytest.raises(MalformedRequestError):
        bound().verify(genuine, now=0)


def test_too_many_parameters_are_refused_before_they_are_sorted():
    with pytest.raises(MalformedRequestError):
        bound().verify(request(b"a&" * 5000, ("X-Twilio-Signature", "A" * 28)), now=0)


def test_the_address_must_be_configured():
    with pytest.raises(ConfigurationError, match="url: is missing"):
        scheme("twilio", secrets=[TOKEN])
    with pytest.raises(ConfigurationError, match="url"):
        bound("shop.example/x")


def test_a_failure_says_where_to_look_and_shows_no_secret():
    canary = "canary-token"
    forged = sent(SENT | {"AccountSid": "AC0123"}, by=["other"])
    said = diagnose("twilio", forged, [canary], now=0, url=URL).message
    assert "AC0123" in said
    assert "url" in said
    spoofed = sent(SENT | {"AccountSid": "AC\x1b[31m"}, by=["other"])
    assert "\x1b" not in diagnose("twilio", spoofed, [canary], now=0, url=URL).message
    assert diagnose("twilio", sent(b'{"a":1}', by=["other"]), [canary], now=0, url=URL).message
    with pytest.raises(SignatureMismatchError) as caught:
        bound(URL, canary).verify(forged, now=0)
    stack = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    told = "".join(str(frame.locals) for frame in stack if "src/hardpoint" in frame.filename)
    assert told
    assert canary not in told + said
    right = sent(SENT | {"AccountSid": "AC0123"}, by=[canary]).headers[0][1].decode()
    assert right not in told


@given(st.lists(st.tuples(st.text(max_size=8), st.text(max_size=8)), max_size=8))
def test_any_form_verifies_however_it_is_ordered(pairs):
    pairs = [("MessageSid", "SM1"), *((f"x{name}", value) for name, value in pairs)]
    text = [(a.encode("utf-8", "replace"), b.encode("utf-8", "replace")) for a, b in pairs]
    genuine = sent(urlencode(text).encode())
    shuffled = WebhookRequest.raw("POST", "", genuine.headers, urlencode(text[::-1]).encode())
    assert bound().verify(shuffled, now=0).events[0].id == "SM1:received"

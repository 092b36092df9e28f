"""Sources that sign with HMAC, described by settings alone."""

import base64
import hashlib
import hmac

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
    StaleTimestampError,
)
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.hmac_source import HmacWebhooks, moment_of, spelled_moment
from hardpoint.webhooks.verification import Coverage, Replay

NOW = 1_700_000_000
KEY = "k" * 32
OLD = "o" * 32
BODY = b'{"id":"evt_1","type":"order.paid","at":1700000000000}'
URL = "https://shop.example/webhooks/shop"
TIMED = {"signed": "{timestamp}.{body}", "timestamp": "header:X-Time"}
FIELDS = {"signed": "{timestamp}.{body}", "timestamp": "field:t", "signature_field": "v1"}


def bound(secrets=(KEY,), **settings):
    return scheme("hmac", secrets=secrets, **{"header": "X-Sig", **settings})


def mac(message, key=KEY, algorithm="sha256"):
    return hmac.new(key.encode(), message, algorithm)


def verify(one, headers, body=BODY, now=NOW):
    return one.verify(WebhookRequest(headers=headers, body=body), now=now)


def event(one, headers, **given):
    found = verify(one, headers, **given).events[0]
    return found.id, found.type, found.asserted


def test_a_signature_of_the_body_alone_as_most_vendors_write_it():
    one = bound(prefix="sha256=", id_from="/id")
    headers = [("X-Sig", "sha256=" + mac(BODY).hexdigest())]
    assert event(one, headers) == ("evt_1", "order.paid", False)
    assert one.covers is Coverage.FULL_BODY
    assert one.replay is Replay.NONE
    assert one.signature_headers == {b"x-sig"}


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
@pytest.mark.parametrize(
    ("encoding", "spell"),
    [
        ("hex", lambda data: data.hex()),
        ("base64", lambda data: base64.b64encode(data).decode()),
        ("base64url", lambda data: base64.urlsafe_b64encode(data).decode().rstrip("=")),
    ],
)
def test_each_algorithm_in_each_spelling(algorithm, encoding, spell):
    one = bound(algorithm=algorithm, encoding=encoding)
    good = spell(mac(BODY, algorithm=algorithm).digest())
    assert verify(one, [("x-sig", good)]).key == 0
    with pytest.raises(SignatureMismatchError):
        verify(one, [("x-sig", good)], body=BODY + b" ")
    for bad in (good[:-1], good + "=", good + "0", "é" + good[1:]):
        with pytest.raises((MalformedRequestError, SignatureMismatchError)):
            verify(one, [("x-sig", bad)])


@pytest.mark.parametrize("text", [base64.b64encode(KEY.encode()).decode(), "a2tr"])
def test_a_secret_may_be_an_encoding_of_its_key(text):
    raw = base64.b64decode(text)
    made = hmac.new(raw, BODY, "sha256").hexdigest()
    verify(bound([text], secret_encoding="base64"), [("x-sig", made)])
    verify(bound([text.rstrip("=")], secret_encoding="base64"), [("x-sig", made)])
    verify(bound([raw.hex()], secret_encoding="hex"), [("x-sig", made)])


def test_both_secrets_count_while_one_is_rotated():
    one = bound([KEY, OLD])
    assert verify(one, [("x-sig", mac(BODY, OLD).hexdigest())]).key == 1
    with pytest.raises(SignatureMismatchError):
        verify(one, [("x-sig", mac(BODY, "x").hexdigest())])


def test_a_header_of_pairs_has_time_and_signatures():
    one = bound(**FIELDS)
    good = mac(b"1700000000." + BODY).hexdigest()
    assert verify(one, [("x-sig", f"t=1700000000,v0=x,v1={'0' * 64},v1={good}")]).signed_at == NOW
    assert one.replay is Replay.WINDOW
    spaced = bound(**FIELDS, separator=", ")
    verify(spaced, [("x-sig", f"t=1700000000, v1={good}")])


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"separator": ",", "prefix": "v1="}, "v0={zero},v1={good}"),
        ({"signature_field": "v1"}, "v1={zero},v1={good}"),
        ({"separator": " "}, "{zero} {good}"),
    ],
)
def test_one_header_may_hold_several_signatures(settings, header):
    one = bound([KEY, OLD], **settings)
    verify(one, [("x-sig", header.format(zero="0" * 64, good=mac(BODY).hexdigest()))])
    headers = one.sign(BODY, now=NOW, event_id="e", event_type="t")
    assert verify(bound([OLD], **settings), headers).key == 0


def test_each_key_may_have_a_header_of_its_own():
    settings = {
        "header": ["Sig-One", "Sig-Two"],
        "encoding": "base64",
        "signed": "{body}{timestamp}",
        "timestamp": "header:Sent-At",
        "timestamp_format": "rfc3339",
    }
    one = bound([KEY], **settings)
    sent = "2023-11-14T15:13:20-07:00"
    good = base64.b64encode(mac(BODY + sent.encode()).digest()).decode()
    zero = base64.b64encode(bytes(32)).decode()
    for headers in ([("sig-one", good)], [("sig-two", good), ("sig-one", zero)]):
        assert verify(one, [*headers, ("sent-at", sent)]).signed_at == NOW
    with pytest.raises(MissingSignatureError, match="sig-one or sig-two"):
        verify(one, [("sent-at", sent)])
    signed = bound([KEY, OLD], **settings).sign(BODY, now=NOW, event_id="e", event_type="t")
    assert [name for name, _ in signed] == ["Sig-One", "Sig-Two", "Sent-At"]


@pytest.mark.parametrize(
    ("settings", "value", "problem"),
    [
        ({"separator": ","}, ",".join(["0" * 64] * 17), "more than 16"),
        ({"separator": ","}, "0,1", "no signature is 64 hex digits"),
        ({"signature_field": "v1"}, "v0=1", "no signature is v1= and 64"),
        ({"separator": ","}, "", "empty"),
        ({}, "x" * 9000, "too long"),
    ],
)
def test_a_header_in_another_grammar_is_malformed(settings, value, problem):
    with pytest.raises(MalformedRequestError, match=problem):
        verify(bound(**settings), [("x-sig", value)])


@pytest.mark.parametrize("age", [-301, 301])
def test_a_time_outside_the_window_is_stale(age):
    one = bound(**TIMED)
    headers = one.sign(BODY, now=NOW, event_id="e", event_type="t")
    verify(one, headers, now=NOW + 300)
    with pytest.raises(StaleTimestampError):
        verify(one, headers, now=NOW + age)
    verify(bound(**TIMED, tolerance=900), headers, now=NOW + age)


@pytest.mark.parametrize("form", ["seconds", "milliseconds", "rfc3339"])
def test_a_time_is_read_as_it_is_written(form):
    assert moment_of(spelled_moment(NOW + 0.9, form), form) == NOW


@pytest.mark.parametrize(
    ("form", "text"),
    [
        *(("seconds", text) for text in (b"", b"0", b"017", b"-1", b"1.0", b"1" * 13, b"\xb2")),
        *(("milliseconds", text) for text in (b"", b"170", b"0170000000000", b"1" * 16)),
        *(
            ("rfc3339", text)
            for text in (b"", b"2023-11-14", b"2023-11-14T15:13:20", b"2023-13-14T15:13:20Z")
        ),
    ],
)
def test_a_time_has_one_spelling(form, text):
    with pytest.raises(MalformedRequestError):
        moment_of(text, form)


def test_a_time_in_the_body_is_looked_at_when_the_signature_holds():
    one = bound(timestamp="/at", timestamp_format="milliseconds", id_from="/id")
    headers = [("x-sig", mac(BODY).hexdigest())]
    found = verify(one, headers)
    assert (found.signed_at, found.events[0].id) == (NOW, "evt_1")
    with pytest.raises(StaleTimestampError):
        verify(one, headers, now=NOW + 301)
    with pytest.raises(SignatureMismatchError):
        verify(one, [("x-sig", "0" * 64)], now=NOW + 301)
    timeless = b'{"id":"evt_1"}'
    with pytest.raises(MalformedRequestError, match="no time"):
        verify(one, [("x-sig", mac(timeless).hexdigest())], body=timeless)


def test_method_and_address_may_be_signed():
    one = bound(
        signed="{method}{url}{body}{timestamp}",
        url=URL,
        timestamp="header:X-Time",
        timestamp_format="milliseconds",
    )
    sent = "1700000000000"
    good = mac(b"POST" + URL.encode() + BODY + sent.encode()).hexdigest()
    assert verify(one, [("x-sig", good), ("x-time", sent)]).signed_at == NOW


def test_an_id_in_a_header_is_covered_only_if_the_template_has_it():
    settings = {"id_from": "header:X-Id", "type_from": "header:X-Type"}
    plain = bound(**settings)
    headers = plain.sign(BODY, now=NOW, event_id="e1", event_type="paid")
    assert event(plain, headers) == ("e1", "paid", True)
    covering = bound(**settings, signed="{header:x-id}.{header:x-key}.{body}")
    headers = covering.sign(BODY, now=NOW, event_id="e1", event_type="paid")
    assert event(covering, headers) == ("e1", "paid", False)
    assert {b"x-id", b"x-type", b"x-key"} <= covering.stored_headers
    with pytest.raises(ValueError, match="separates"):
        covering.sign(BODY, now=NOW, event_id="e.1", event_type="paid")


def test_a_text_of_the_body_that_is_no_name_is_quarantined():
    body = b'{"id":"\\u0000"}'
    found = verify(bound(id_from="/id"), [("x-sig", mac(body).hexdigest())], body=body)
    assert found.malformed is not None


@pytest.mark.parametrize("settings", [{}, TIMED, FIELDS, {"signed": "{header:x-id}.{body}"}])
def test_a_decoy_is_refused_after_all_the_work(settings):
    one = bound(**settings)
    with pytest.raises(SignatureMismatchError):
        one.verify(WebhookRequest.raw("POST", "", one.decoy(now=NOW), BODY), now=NOW)


@pytest.mark.parametrize(
    ("settings", "key"),
    [
        ({"algorithm": "md5"}, "algorithm"),
        ({"algorithm": ["sha1"]}, "algorithm"),
        ({"encoding": "HEX"}, "encoding"),
        ({"secret_encoding": "utf8"}, "secret_encoding"),
        ({"timestamp_format": "days"}, "timestamp_format"),
        ({"header": "X Sig"}, "header"),
        ({"header": []}, "header"),
        ({"header": ["a", 7]}, "header"),
        ({"header": ["a", "b"], **FIELDS}, "header"),
        ({"prefix": "a b"}, "prefix"),
        ({"prefix": "v1=", **FIELDS}, "prefix"),
        ({"separator": "="}, "separator"),
        ({"signature_field": "v=1"}, "signature_field"),
        ({"signed": "{timestamp}.{body}", "timestamp": "field:t"}, "signature_field"),
        ({"signed": "{timestamp}"}, "signed"),
        ({"signed": "{url}{body}"}, "url"),
        ({"timestamp": "t"}, "timestamp"),
        ({"timestamp": 7}, "timestamp"),
        ({"timestamp": "header:a b"}, "timestamp"),
        ({"timestamp": "/~9"}, "timestamp"),
        ({"timestamp": "header:X-Time"}, "timestamp"),
        ({"signed": "{timestamp}.{body}"}, "timestamp"),
        ({"signed": "{timestamp}.{body}", "timestamp": "/at"}, "timestamp"),
        ({"tolerance": 60}, "tolerance"),
        ({"tolerance": 0, **TIMED}, "tolerance"),
        ({"id_from": "id"}, "id_from"),
        ({"type_from": 7}, "type_from"),
        ({"secrets": [" "]}, "secrets[0]"),
        ({"secrets": [KEY, KEY + "\n"]}, "secrets[1]"),
        ({"secrets": ["xyz"], "secret_encoding": "hex"}, "secrets[0]"),
        ({"secrets": ["*"], "secret_encoding": "base64"}, "secrets[0]"),
        ({"secrets": []}, "secrets"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_at_start(settings, key):
    with pytest.raises(ConfigurationError) as refused:
        bound(**settings)
    assert refused.value.key == key
    assert KEY not in str(refused.value)


def test_a_header_has_to_be_said():
    with pytest.raises(ConfigurationError) as refused:
        scheme("hmac", secrets=[KEY])
    assert refused.value.key == "header"


def test_a_key_that_the_environment_has_as_bytes_is_taken_as_they_are():
    made = hmac.new(b"\xff" * 16, BODY, hashlib.sha256).hexdigest()
    assert verify(bound(["\udcff" * 16]), [("x-sig", made)]).key == 0
    assert HmacWebhooks.signature_headers == frozenset()

"""What vendors ask before they send events: answered as the settings say, and nothing stored."""

import hashlib
import hmac
import json

import pytest

from hardpoint.core.errors import ConfigurationError, MissingSignatureError, SignatureMismatchError
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.sources import Source
from hardpoint.webhooks.verification import Arrival

KEY = "k" * 32
NOW = 1_700_000_000
TOKEN = {"body": "/payload/plainToken"}
PROVED = {**TOKEN, "answer": '{"plainToken":"{value}","encryptedToken":"{hmac}"}'}


def bound(handshake, **settings):
    return scheme("hmac", secrets=[KEY], header="X-Sig", handshake=handshake, **settings)


def mac(message):
    return hmac.new(KEY.encode(), message, hashlib.sha256).hexdigest()


def ask(one, body=b"", *headers, method="POST", query=b""):
    request = WebhookRequest(
        method=method, headers=headers, body=body, arrival=Arrival(method=method, query=query)
    )
    return one.verify(request, now=NOW)


def signed(one, document):
    body = json.dumps(document).encode()
    return ask(one, body, ("X-Sig", mac(body)))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_challenge_in_the_query_is_said_back(method):
    found = ask(bound({"query": "challenge"}), method=method, query=b"a=1&challenge=ab%20c%3Dd")
    assert found.events == ()
    assert (found.reply.status, found.reply.body) == (200, b"ab c=d")
    assert dict(found.reply.headers)[b"content-type"] == b"text/plain; charset=utf-8"
    assert dict(found.reply.headers)[b"x-content-type-options"] == b"nosniff"


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"challenge=",
        b"challenge=a&challenge=b",
        b"challenge=%3Cscript%3E",
        b"challenge=a%0d%0ab",
        b"challenge=%22",
        b"challenge=" + b"a" * 1025,
        b"challenge=a&" + b"b" * 9000,
        b"&".join(b"a%d=1" % number for number in range(65)) + b"&challenge=a",
    ],
)
def test_what_is_no_plain_challenge_is_none(query):
    one = bound({"query": "challenge"})
    with pytest.raises(MissingSignatureError):
        ask(one, b"{}", query=query)
    source = Source(name="a", scheme=one, body_bytes_max=1, handshake=one.handshake)
    arrival = Arrival(method="GET", query=query)
    request = WebhookRequest(method="GET", headers=[], body=b"", arrival=arrival)
    assert source.greeting(request) is None


def test_a_header_is_sent_back_while_there_is_no_signature():
    one = bound({"header": "X-Hook-Secret"})
    found = ask(one, b"", ("x-hook-secret", "b537207f"))
    assert found.reply.headers == ((b"x-hook-secret", b"b537207f"),)
    with pytest.raises(SignatureMismatchError):
        ask(one, b"", ("X-Hook-Secret", "b537"), ("X-Sig", mac(b"other")))


@pytest.mark.parametrize(
    "headers",
    [(), (("X-Hook-Secret", ""),), (("X-Hook-Secret", "a\tb"),), (("X-Hook-Secret", "a"),) * 2],
)
def test_what_is_no_such_header_is_none(headers):
    with pytest.raises(MissingSignatureError):
        ask(bound({"header": "X-Hook-Secret"}), b"", *headers)


def test_a_probe_is_answered():
    one = bound({"method": "HEAD"})
    assert ask(one, method="HEAD").reply.status == 200
    with pytest.raises(MissingSignatureError):
        ask(one, method="GET")
    with pytest.raises(MissingSignatureError):
        ask(bound({"header": "X-Hook-Secret"}), b"", ("X-Hook-Secret", "b537"), method="GET")


def test_a_token_in_a_signed_body_is_proved():
    one = bound(PROVED)
    found = signed(one, {"event": "endpoint.url_validation", "payload": {"plainToken": "qg8:+/="}})
    assert (found.events, found.key) == ((), 0)
    assert json.loads(found.reply.body) == {
        "plainToken": "qg8:+/=",
        "encryptedToken": mac(b"qg8:+/="),
    }
    assert [one.type for one in signed(one, {"type": "meeting.started"}).events]


def test_without_an_answer_of_its_own_the_token_itself_is_said_back():
    assert signed(bound(TOKEN), {"payload": {"plainToken": "abc"}}).reply.body == b"abc"
    written = bound({**TOKEN, "answer": '{"token":"{value}"}'})
    assert signed(written, {"payload": {"plainToken": "abc"}}).reply.body == b'{"token":"abc"}'


@pytest.mark.parametrize("token", ['a"b', "a\\b", "<b>", "", "\u00e9", "a" * 1025, 7])
def test_a_token_that_would_not_stay_one_is_an_event_like_any(token):
    assert signed(bound(PROVED), {"payload": {"plainToken": token}}).reply is None


def test_nothing_is_proved_to_who_signs_nothing():
    body = json.dumps({"payload": {"plainToken": "abc"}}).encode()
    with pytest.raises(SignatureMismatchError):
        ask(bound(PROVED), body, ("X-Sig", mac(b"other")))


def test_a_handshake_needs_no_time_in_its_body():
    one = bound(PROVED, timestamp="/at")
    assert signed(one, {"payload": {"plainToken": "abc"}}).reply is not None


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("basic", {"username": "a", "secrets": ["b"]}),
        ("api_key", {"header": "X-Key", "secrets": ["b"]}),
        ("unsigned", {"addresses": ["10.0.0.0/8"]}),
    ],
)
def test_every_described_source_may_have_one(name, settings):
    one = scheme(name, handshake={"query": "validationToken"}, **settings)
    assert ask(one, query=b"validationToken=abc").reply.body == b"abc"
    with pytest.raises(ConfigurationError, match=r"handshake\.answer: wants an HMAC"):
        scheme(name, handshake=PROVED, **settings)


@pytest.mark.parametrize(
    ("handshake", "key"),
    [
        ("challenge", "handshake"),
        ({}, "handshake"),
        ({"query": "a", "header": "b"}, "handshake"),
        ({"query": "a", "other": "b"}, "handshake"),
        ({"query": "a b"}, "handshake.query"),
        ({"query": 7}, "handshake.query"),
        ({"header": "a b"}, "handshake.header"),
        ({"method": "PUT"}, "handshake.method"),
        ({"body": "header:X-A"}, "handshake.body"),
        ({"body": "a"}, "handshake.body"),
        ({"body": "/a", "answer": 7}, "handshake.answer"),
        ({"query": "a", "answer": "{hmac}"}, "handshake.answer"),
    ],
)
def test_one_that_cannot_be_is_refused_at_start(handshake, key):
    with pytest.raises(ConfigurationError) as refused:
        bound(handshake)
    assert refused.value.key == key


def test_what_has_no_key_proves_nothing():
    with pytest.raises(NotImplementedError):
        scheme("unsigned", addresses=["10.0.0.0/8"]).proof(0, b"abc")

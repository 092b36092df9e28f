"""Sources that show a credential: HTTP basic, and a key in a header or the query."""

import base64

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    MalformedRequestError,
    MissingSignatureError,
    SignatureMismatchError,
)
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.verification import Arrival, Coverage

BODY = b'{"id":"evt_1","type":"bounce"}'


def verify(one, headers=(), query=b"", body=BODY):
    arrival = Arrival(query=query)
    return one.verify(WebhookRequest(headers=headers, body=body, arrival=arrival), now=0)


def basic(*passwords, **settings):
    return scheme("basic", secrets=passwords or ["pass"], **{"username": "mail", **settings})


def api_key(*keys, **settings):
    return scheme("api_key", secrets=keys or ["key-1"], **settings)


def credentials(text):
    return [("Authorization", "Basic " + base64.b64encode(text.encode()).decode())]


def test_name_and_password_are_compared_as_they_are_sent():
    one = basic("new", "old", id_from="/id")
    assert verify(one, credentials("mail:old")).key == 1
    found = verify(one, [("authorization", "basic bWFpbDpuZXc=")])
    assert (found.key, found.events[0].id, found.events[0].asserted) == (0, "evt_1", True)
    assert one.covers is Coverage.NONE
    assert b"authorization" not in one.stored_headers
    for text in ("mail:other", "mail:", "MAIL:new", "new"):
        with pytest.raises(SignatureMismatchError):
            verify(one, credentials(text))


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ([], MissingSignatureError),
        ([("Authorization", "")], MalformedRequestError),
        ([("Authorization", "Bearer x")], MalformedRequestError),
        ([("Authorization", "Basic")], MalformedRequestError),
        (credentials("mail:pass") * 2, MalformedRequestError),
    ],
)
def test_what_is_not_basic_is_refused(headers, error):
    with pytest.raises(error):
        verify(basic(), headers)


def test_a_key_stands_in_a_header():
    one = api_key("new", "old", header="X-Token", type_from="header:X-Event")
    assert verify(one, [("x-token", "old")]).key == 1
    headers = one.sign(BODY, now=0, event_id="e", event_type="push")
    assert verify(one, headers).events[0].type == "push"
    assert one.address("https://shop.example/w") == "https://shop.example/w"
    with pytest.raises(SignatureMismatchError):
        verify(one, [("x-token", "newer")])
    with pytest.raises(MissingSignatureError):
        verify(one)


def test_a_key_in_a_header_may_have_a_prefix():
    one = api_key(header="Authorization", prefix="Bearer ")
    assert one.sign(BODY, now=0, event_id="e", event_type="t") == [
        ("Authorization", "Bearer key-1")
    ]
    verify(one, [("authorization", "Bearer key-1")])
    with pytest.raises(MalformedRequestError, match="prefix"):
        verify(one, [("authorization", "key-1")])


def test_a_key_stands_in_the_query():
    one = api_key("a b&é", query="token")
    for query in ("token=a+b%26%C3%A9", "x=1&token=a%20b%26%c3%a9"):
        assert verify(one, query=query.encode()).key == 0
    address = one.address("https://shop.example/w")
    verify(one, query=address.partition("?")[2].encode())
    assert one.address("https://shop.example/w?x=1").startswith("https://shop.example/w?x=1&token=")
    assert one.sign(BODY, now=0, event_id="e", event_type="t") == []
    assert one.signature_headers == frozenset()


@pytest.mark.parametrize(
    ("query", "error"),
    [
        (b"", MissingSignatureError),
        (b"Token=key-1", MissingSignatureError),
        (b"token=", SignatureMismatchError),
        (b"token=key-1&token=key-1", MalformedRequestError),
        (b"token=key-1&" + b"x=1&" * 70, MalformedRequestError),
        (b"token=key-1&x=" + b"x" * 9000, MalformedRequestError),
        (b"token=\xff", SignatureMismatchError),
    ],
)
def test_a_query_without_the_key_is_refused(query, error):
    with pytest.raises(error):
        verify(api_key(query="token"), query=query)


@pytest.mark.parametrize("one", [basic(), api_key(header="X-Token"), api_key(query="token")])
def test_a_decoy_is_refused(one):
    with pytest.raises((SignatureMismatchError, MissingSignatureError)):
        one.verify(WebhookRequest.raw("POST", "", one.decoy(now=0), BODY), now=0)


@pytest.mark.parametrize(
    ("make", "settings", "key"),
    [
        (basic, {"username": ""}, "username"),
        (basic, {"username": "a:b"}, "username"),
        (basic, {"username": 7}, "username"),
        (basic, {"id_from": "id"}, "id_from"),
        (api_key, {}, "header"),
        (api_key, {"header": "X-A", "query": "a"}, "header"),
        (api_key, {"header": "X A"}, "header"),
        (api_key, {"query": "a=b"}, "query"),
        (api_key, {"query": 7}, "query"),
        (api_key, {"header": "X-A", "prefix": "é"}, "prefix"),
        (api_key, {"query": "a", "prefix": "Bearer "}, "prefix"),
    ],
)
def test_settings_that_cannot_be_are_refused_at_start(make, settings, key):
    with pytest.raises(ConfigurationError) as refused:
        make(**settings)
    assert refused.value.key == key


@pytest.mark.parametrize("secret", [" ", "key\n"])
def test_a_blank_secret_is_refused_at_start(secret):
    with pytest.raises(ConfigurationError) as refused:
        api_key("key-1", secret, header="X-Token")
    assert refused.value.key == "secrets[1]"


def test_the_headers_of_basic_verify():
    one = basic(id_from="header:X-Id")
    headers = one.sign(BODY, now=0, event_id="e1", event_type="t")
    assert verify(one, headers).events[0].id == "e1"

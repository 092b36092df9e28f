"""Id and type of an event, where the configuration says they stand."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.webhooks import WebhookRequest
from hardpoint.webhooks.envelopes import Unreadable
from hardpoint.webhooks.event_facts import EventFacts, FactFrom


def request(body=b"", **headers):
    return WebhookRequest(
        headers=[(name.replace("_", "-"), value) for name, value in headers.items()], body=body
    )


def told(facts, one):
    found = facts.of(one)
    return found.id, found.type, found.asserted


BODY = b'{"id":7,"type":"a","event":{"kind":"b","ids":["x","y"]},"odd":1.5,"a/b":"c"}'


@pytest.mark.parametrize(
    ("id_from", "type_from", "expected"),
    [
        ("/type", "/none", ("a", "", False)),
        (None, "/type", ("", "a", False)),
        ("/id", "/event/kind", ("7", "b", False)),
        ("/event/ids/1", "/a~1b", ("y", "c", False)),
        ("/none", "/none", ("", "", False)),
        ("/event/ids/9", "/id", ("", "", False)),
        ("/odd", "/odd", ("", "", False)),
        ("header:X-Id", "header:X-Type", ("h1", "h2", True)),
        ("header:X-Signed", "/type", ("s", "a", False)),
        ("header:X-None", "header:X-None", ("", "", False)),
    ],
)
def test_a_fact_is_read_where_it_stands_and_is_empty_where_it_does_not(
    id_from, type_from, expected
):
    facts = EventFacts(id_from, type_from, signed=frozenset({b"x-signed"}), body_signed=True)
    assert told(facts, request(BODY, X_Id="h1", X_Type="h2", X_Signed="s")) == expected


def test_an_id_of_a_body_that_nobody_signed_is_only_asserted():
    assert told(EventFacts("/id", "/type", body_signed=False), request(BODY)) == ("7", "a", True)


@pytest.mark.parametrize("body", [b"", b"<xml/>", b"\xff", b"[" * 100_000, b'["a"]', b'{"id":{}}'])
def test_a_body_that_holds_nothing_has_no_facts(body):
    assert told(EventFacts("/id", "/type", body_signed=True), request(body)) == ("", "", False)


@pytest.mark.parametrize("where", ["id", "", "header:", "header:a b", "/~2", 7, None, "/a" * 17])
def test_a_place_that_is_none_is_refused(where):
    with pytest.raises(ConfigurationError) as refused:
        FactFrom("type_from", where)
    assert refused.value.key == "type_from"


def test_a_header_that_cannot_be_a_name_is_refused_and_a_text_of_the_body_quarantined():
    facts = EventFacts("header:x-id", "/type", body_signed=True)
    with pytest.raises(MalformedRequestError, match="printed"):
        facts.of(request(BODY, X_Id="a\x1b"))
    with pytest.raises(MalformedRequestError, match="256"):
        facts.of(request(BODY, X_Id="a" * 257))
    with pytest.raises(MalformedRequestError, match="twice"):
        facts.of(WebhookRequest(headers=[("x-id", "a"), ("X-Id", "a")], body=BODY))
    with pytest.raises(Unreadable):
        facts.of(request(b'{"type":"\\u001b"}', X_Id="a"))


@given(st.recursive(st.integers() | st.text(), lambda inner: st.dictionaries(st.text(), inner)))
def test_a_pointer_finds_what_it_was_made_of(document):
    """By RFC 6901: `~` and `/` in a name are escaped."""
    path, found = "", document
    while isinstance(found, dict) and found:
        name = min(found)
        path += "/" + name.replace("~", "~0").replace("/", "~1")
        found = found[name]
    if path.count("/") - path.count("~1") not in range(1, 17) or isinstance(found, dict):
        return
    one = request(json.dumps(document).encode())
    try:
        body = one.body.decode()
        body.encode("utf-8")
        text = FactFrom("id_from", path, numbers=True).of(one)
    except (ConfigurationError, UnicodeError):
        return
    in_range = isinstance(found, str) or -(2**63) <= found < 2**64
    if in_range and not any("\ud800" <= sign <= "\udfff" for sign in str(document)):
        assert text == str(found)


def read_all(items, body, id_from="/id", **settings):
    facts = EventFacts(id_from, "/kind", items=items, body_signed=True, **settings)
    return facts.all_of(WebhookRequest(headers=[], body=body))


@pytest.mark.parametrize(
    ("items", "body"),
    [
        ("", b'[{"id":1,"kind":"a"}, {"id":"2"}]'),
        ("/events", b'{"events":[{"id":1,"kind":"a"}, {"id":"2"}]}'),
        ("/0/all", b'[{"all":[{"id":1,"kind":"a"}, {"id":"2"}]}]'),
    ],
)
def test_each_event_of_a_list_has_its_own_id_type_and_body(items, body):
    one, other = read_all(items, body)
    assert (one.id, one.type, one.body) == ("1", "a", b'{"id":1,"kind":"a"}')
    assert (other.id, other.type, other.body) == ("2", "", b'{"id":"2"}')


def test_an_odd_event_of_a_list_harms_no_other():
    odd, good = read_all("", b'[{"id":"a\\u0000b"}, {"id":"2"}]')
    assert (odd.malformed is None, odd.body) == (False, b'{"id":"a\\u0000b"}')
    assert (good.id, good.malformed) == ("2", None)


def test_a_list_may_be_empty():
    assert read_all("/events", b'{"events":[]}') == ()


@pytest.mark.parametrize(
    ("items", "body"),
    [
        ("/events", b"{}"),
        ("/events", b'{"events":7}'),
        ("/events", b"[]"),
        ("", b"{}"),
        ("", b"\xff"),
        ("/7", b"[]"),
    ],
)
def test_where_no_list_stands_there_is_nothing_to_read(items, body):
    with pytest.raises(Unreadable):
        read_all(items, body)


@pytest.mark.parametrize("items", ["events", 7, "header:X-A"])
def test_a_place_of_a_list_is_a_pointer(items):
    with pytest.raises(ConfigurationError) as refused:
        read_all(items, b"[]")
    assert refused.value.key == "items"


def test_a_header_has_one_id_and_a_list_has_many():
    with pytest.raises(ConfigurationError) as refused:
        read_all("", b"[]", id_from="header:X-Id")
    assert refused.value.key == "id_from"

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.providers.twilio.signing import FIELDS_MAX, Address, TokenKey, form, parameters

JSON = b'{"property": "value", "boolean": true}'
DIGEST = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


@pytest.mark.parametrize(
    ("url", "spellings"),
    [
        ("https://a.example/x", ["https://a.example/x", "https://a.example:443/x"]),
        ("https://a.example:443/x?q=1", ["https://a.example:443/x?q=1", "https://a.example/x?q=1"]),
        ("http://a.example/x", ["http://a.example/x", "http://a.example:80/x"]),
        ("https://a.example:8443/x", ["https://a.example:8443/x", "https://a.example/x"]),
        ("https://a.example", ["https://a.example", "https://a.example:443"]),
        ("https://a.example/x/", ["https://a.example/x/", "https://a.example:443/x/"]),
        ("https://a.example/%7Ex", ["https://a.example/%7Ex", "https://a.example:443/%7Ex"]),
        ("https://[::1]:8443/x", ["https://[::1]:8443/x", "https://[::1]/x"]),
        ("https://[2001:db8::1]/x", ["https://[2001:db8::1]/x", "https://[2001:db8::1]:443/x"]),
        ("https://u:p@a.example/x", ["https://u:p@a.example/x", "https://u:p@a.example:443/x"]),
        ("https://a.example/x#rc=2&rp=all", ["https://a.example/x", "https://a.example:443/x"]),
    ],
)
def test_an_address_is_signed_with_its_port_or_without(url, spellings):
    assert Address(url).signed("", b"") == tuple(one.encode() for one in spellings)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "shop.example/x",
        "ftp://shop.example/x",
        "https:///x",
        "https://shop.example:port/x",
        "https://[::1/x",
        "https://shop.example/a b",
        "https://shop.example/\u00fc",
        "https://shop.example/x\n",
    ],
)
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigurationError) as caught:
        Address(url)
    assert caught.value.key == "url"


@pytest.mark.parametrize(
    ("received", "signed"),
    [
        ("", "https://a.example/x?own=1"),
        ("/x", "https://a.example/x?own=1"),
        ("/x?", "https://a.example/x?own=1"),
        ("http://evil.example/y", "https://a.example/x?own=1"),
        ("/y?order=7", "https://a.example/x?order=7"),
        ("https://evil.example:1/y?order=7#z", "https://a.example/x?order=7"),
        ("/x?\udcff", "https://a.example/x?\udcff"),
    ],
)
def test_of_a_request_only_the_query_counts(received, signed):
    plain, _ = Address("https://a.example/x?own=1").signed(received, b"")
    assert plain == signed.encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("url", "received", "query"),
    [
        ("https://a.example/x", "", f"bodySHA256={DIGEST}"),
        ("https://a.example/x?a=1", "/x", f"a=1&bodySHA256={DIGEST}"),
        ("https://a.example/x", f"/x?bodySHA256={DIGEST}", f"bodySHA256={DIGEST}"),
        ("https://a.example/x", f"/x?bodySHA256={DIGEST}&b=2", f"bodySHA256={DIGEST}&b=2"),
        ("https://a.example/x", f"?bodySHA256={DIGEST.upper()}", f"bodySHA256={DIGEST.upper()}"),
    ],
)
def test_a_json_bodys_hash_stands_in_the_query(url, received, query):
    assert Address(url).signed(received, JSON)[0].decode() == f"https://a.example/x?{query}"


@pytest.mark.parametrize(
    "query",
    [
        "a=1",
        "bodySHA256=",
        f"bodySHA256={DIGEST[:-1]}",
        f"bodySHA256={'0' * 64}",
        f"xbodySHA256={DIGEST}",
        f"bodySHA256={DIGEST}&bodySHA256={'0' * 64}",
        f"bodySHA256={DIGEST}zz",
        f"BODYSHA256={DIGEST}",
    ],
)
def test_a_query_that_does_not_state_the_hash_is_refused(query):
    with pytest.raises(MalformedRequestError):
        Address("https://a.example/x").signed(f"/x?{query}", JSON)


@pytest.mark.parametrize(
    ("body", "signed"),
    [
        (b"", b""),
        (b"b=2&a=1", b"a1b2"),
        (b"B=1&a=2&b=3", b"B1a2b3"),
        (b"a=1&a=1", b"a1"),
        (b"a=2&a=1&a=2", b"a1a2"),
        (b"a=&b", b"ab"),
        (b"&&a=1&", b"a1"),
        (b"a=x+y%2Bz%20", b"ax y+z "),
        (b"a=%C3%BC", "aü".encode()),
        (b"a=%zz%4", b"a%zz%4"),
        (b"a=b=c", b"ab=c"),
        (b"\xff=\x00", b"\xff\x00"),
        ("name=🎉".encode(), "name🎉".encode()),
    ],
)
def test_a_form_is_signed_decoded_and_sorted(body, signed):
    assert parameters(form(body)) == signed


def test_the_work_on_a_form_is_bounded():
    assert len(form(b"&".join([b"a"] * FIELDS_MAX))) == FIELDS_MAX
    with pytest.raises(MalformedRequestError):
        form(b"&" * 1_000_000)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_form(body):
    assert isinstance(TokenKey(b"t").signature(b"u", parameters(form(body))), bytes)

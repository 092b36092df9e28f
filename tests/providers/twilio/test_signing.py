from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.providers.twilio.signing import (
    FORM_BYTES_MAX,
    SignedAddress,
    form,
    parameters,
)
from hardpoint.providers.twilio.wire import FIELDS_MAX

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
    assert SignedAddress(url).signed("", b"") == tuple(one.encode() for one in spellings)


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
        SignedAddress(url)
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
    plain, _ = SignedAddress("https://a.example/x?own=1").signed(received, b"")
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
    assert SignedAddress(url).signed(received, JSON)[0].decode() == f"https://a.example/x?{query}"


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
        SignedAddress("https://a.example/x").signed(f"/x?{query}", JSON)


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
        (b"a=%3D=%3d%0A%0d\n=\r\n%2541", b"a===\n\r\n=\r\n%41"),
        (b"a=b=c", b"ab=c"),
        (b"\xff=\x00", b"\xff\x00"),
        ("name=🎉".encode(), "name🎉".encode()),
    ],
)
def test_a_form_is_signed_decoded_and_sorted(body, signed):
    assert parameters(form(body)) == signed


def test_the_work_on_a_form_is_bounded():
    assert len(form(b"&".join([b"a"] * FIELDS_MAX))) == FIELDS_MAX
    assert form(b"a=%41" + b"x" * (FORM_BYTES_MAX - 5))
    for body in (b"&" * 100_000, b"x" * (FORM_BYTES_MAX + 1), b"%" * 1_000_000):
        with pytest.raises(MalformedRequestError):
            form(body)


@pytest.mark.parametrize("body", [b"%", b"a=%4", b"a=%zz", b"a=%%41", b"a=%\n41", b"a=%\r\n"])
def test_a_percent_sign_that_starts_no_escape_is_refused(body):
    """Two parsers would read it in two ways, and no sender writes it."""
    with pytest.raises(MalformedRequestError, match="no escape"):
        form(body)


@given(
    st.lists(st.sampled_from([b"%41", b"%3d", b"%0A", b"%25", b"=", b"\n", b"\r", b"a", b"\xff"]))
)
def test_escapes_are_read_as_everywhere(pieces):
    value = b"".join(pieces)
    assert form(b"v=" + value) == [(b"v", unquote_to_bytes(value))]


@given(st.binary(max_size=200).map(lambda body: body.replace(b"%", b"%25")))
def test_any_other_bytes_are_a_form(body):
    assert isinstance(parameters(form(body)), bytes)

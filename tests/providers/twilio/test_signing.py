import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.providers.twilio.signing import SignedAddress, parameters
from hardpoint.webhooks.forms import form_fields

JSON = b'{"property": "value", "boolean": true}'
DIGEST = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


@pytest.mark.rows
def test_an_address_is_signed_with_its_port_or_without(url, spellings):
    assert SignedAddress(url).signed("", b"") == tuple(one.encode() for one in spellings)


@pytest.mark.rows
def test_what_is_no_address_is_refused(url):
    with pytest.raises(ConfigurationError) as caught:
        SignedAddress(url)
    assert caught.value.key == "url"


@pytest.mark.rows
def test_of_a_request_only_the_query_counts(received, signed):
    plain, _ = SignedAddress("https://a.example/x?own=1").signed(received, b"")
    assert plain == signed.encode("utf-8", "surrogatepass")


@pytest.mark.rows
def test_a_json_bodys_hash_stands_in_the_query(url, received, query):
    assert SignedAddress(url).signed(received, JSON)[0].decode() == f"https://a.example/x?{query}"


@pytest.mark.rows
def test_a_query_that_does_not_state_the_hash_is_refused(query):
    with pytest.raises(MalformedRequestError):
        SignedAddress("https://a.example/x").signed(f"/x?{query}", JSON)


@pytest.mark.rows
def test_a_form_is_signed_decoded_and_sorted(body, signed):
    assert parameters(form_fields(body)) == signed


@given(st.binary(max_size=200).map(lambda body: body.replace(b"%", b"%25")))
def test_any_other_bytes_are_a_form_fields(body):
    assert isinstance(parameters(form_fields(body)), bytes)

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core import providers
from hardpoint.core.errors import ConfigurationError, MalformedRequestError
from hardpoint.core.secrets import Secret
from hardpoint.webhooks import Verified, WebhookError, WebhookRequest, scheme
from hardpoint.webhooks.standard import StandardWebhooks
from hardpoint.webhooks.verification import BODY_BYTES_MAX, scheme_type, settings_of

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_header_names_are_compared_in_lower_case_and_values_kept_as_they_are() -> None:
    request = WebhookRequest(headers=[("X-Signature", "AbC"), ("x-other", "d")], body=b"")
    assert request.headers == [(b"x-signature", b"AbC"), (b"x-other", b"d")]
    assert request.header(b"x-signature") == b"AbC"
    assert request.header(b"x-none") is None


def test_headers_may_be_bytes_or_text_beyond_latin_1_which_matches_nothing() -> None:
    given_bytes = WebhookRequest(headers=[(b"X-A", b"\xff")], body=b"")
    assert given_bytes.headers == [(b"x-a", b"\xff")]
    beyond = WebhookRequest(headers=[("X-A", "\u0661\u00e9")], body=b"")
    assert beyond.headers == [(b"x-a", b"?\xe9")]


def test_a_request_of_a_server_is_taken_as_it_is() -> None:
    headers = [(b"a", b"1")]
    body = b"body"
    request = WebhookRequest.raw("POST", "https://x.test/", headers, body)
    assert request.headers is headers
    assert request.body is body
    assert (request.method, request.url) == ("POST", "https://x.test/")


def test_a_header_that_may_stand_once_is_refused_when_it_stands_twice() -> None:
    twice = WebhookRequest(headers=[("A", "1"), ("b", "2"), ("a", "1")], body=b"")
    with pytest.raises(MalformedRequestError, match="a header appears twice"):
        twice.header(b"a")
    with pytest.raises(MalformedRequestError, match="a header appears twice"):
        twice.once(frozenset({b"a", b"b"}))
    assert twice.header(b"b") == b"2"
    assert twice.once(frozenset({b"b", b"c"})) == {b"b": b"2"}


def test_a_request_shows_neither_headers_nor_body() -> None:
    request = WebhookRequest(headers=[("authorization", "canary")], body=b"canary")
    assert repr(request) == "<WebhookRequest POST 6 bytes>"


@given(
    names=st.lists(st.sampled_from([b"a", b"b", b"c"]), max_size=6),
    wanted=st.frozensets(st.sampled_from([b"a", b"b"])),
)
def test_one_pass_over_the_headers_agrees_with_one_for_each(
    names: list[bytes], wanted: frozenset[bytes]
) -> None:
    request = WebhookRequest(headers=[(name, b"v-" + name) for name in names], body=b"")

    def one_by_one() -> dict[bytes, bytes] | None:
        try:
            found = {name: request.header(name) for name in wanted}
        except MalformedRequestError:
            return None
        return {name: value for name, value in found.items() if value is not None}

    try:
        together = request.once(wanted)
    except MalformedRequestError:
        together = None
    assert together == one_by_one()


def test_a_scheme_is_found_by_name_and_takes_text_or_secrets() -> None:
    for secret in (SECRET, Secret.value(SECRET)):
        bound = scheme("standard", secrets=[secret], tolerance=60)
        assert isinstance(bound, StandardWebhooks)
        assert bound.body_bytes_max == BODY_BYTES_MAX
    assert scheme_type("standard") is StandardWebhooks


@pytest.mark.parametrize("name", ["", "nobody", "os", "STANDARD", "standard "])
def test_an_unknown_scheme_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError):
        scheme(name, secrets=[SECRET])


def test_a_provider_without_webhooks_is_refused(mute_provider: str) -> None:
    with pytest.raises(ConfigurationError, match="mute has no webhooks"):
        scheme(mute_provider, secrets=["x"])


def test_a_setting_that_a_scheme_does_not_have_is_refused_by_name() -> None:
    with pytest.raises(ConfigurationError) as caught:
        scheme("standard", secrets=[SECRET], tolerence=60)
    assert (caught.value.key, caught.value.fix) == ("tolerence", "It has tolerance, type_from")
    without = next(
        name
        for name in providers.provider_names()
        if providers.provider(name).webhooks and not settings_of(name)
    )
    with pytest.raises(ConfigurationError, match="It has none"):
        scheme(without, secrets=["x"], tolerance=60)


def test_what_the_package_offers_is_there() -> None:
    assert issubclass(MalformedRequestError, WebhookError)
    assert Verified().events == ()

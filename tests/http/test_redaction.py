from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.http.redaction import Discreet, length, redacted, redacted_url


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://api.example/v1", "https://api.example/v1"),
        ("https://u:p@api.example:8443/v1?a=b", "https://api.example:8443/v1?****"),
        ("https://api.example/v1#part", "https://api.example/v1"),
        ("https://[::1", "****"),
    ],
)
def test_a_url_is_shown_without_its_secrets(url, shown):
    assert redacted_url(url) == shown


@pytest.mark.parametrize(
    "private",
    [
        "Bearer abc.def-123",
        "basic dXNlcjpwdw==",
        "sk_live_51H8abcdef",
        "whsec_abcdefgh",
        "eyJhbGciOi.eyJzdWIi.c2ln",
        "jenny.rosen+1@example.co.uk",
        "+49 170 1234567",
        "+15017122661",
        "4242 4242 4242 4242",
        "4242-4242-4242-4242",
    ],
)
def test_what_is_private_is_masked(private):
    assert redacted(f"Rejected: {private}.").startswith("Rejected: ****")
    assert private not in redacted(f"Rejected: {private}.")


def test_a_given_secret_is_masked_whatever_it_looks_like():
    assert redacted("the key is tiger", ["tiger", "lion"]) == "the key is ****"


def test_an_ordinary_text_stays():
    text = "No such payment_intent: pi_3N, amount 1099 of 2026-11-23"
    assert redacted(text) == text


def test_the_rest_is_printable_and_short():
    assert redacted("a\r\nb\x00c") == "a  b c"
    assert len(redacted("word " * 100)) == 300


@given(st.text(max_size=400), st.text(min_size=3, max_size=20))
def test_no_given_secret_survives_in_any_text(text, secret):
    assert secret not in redacted(text + secret + text, [secret]).replace("****", "")


class Letter(Discreet, frozen=True, kw_only=True):
    masks: ClassVar = {"text": length, "to": lambda to: to[:1]}
    text: str
    to: str | None = None
    pages: int = 1


def test_a_discreet_value_shows_what_is_private_only_as_its_masks_say():
    assert repr(Letter(text="canary", to="Ann")) == "Letter(text=<6 characters>, to=A, pages=1)"
    assert repr(Letter(text="")) == "Letter(text=<0 characters>, to=None, pages=1)"
    assert "canary" not in f"{Letter(text='canary')} {[Letter(text='canary')]}"

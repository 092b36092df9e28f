"""URLs that allow one thing, to one object, for a while."""

from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import MalformedRequestError, SignatureMismatchError, StaleTimestampError
from hardpoint.core.secrets import Secret
from hardpoint.providers.filesystem.signing import UrlSigner

SIGNER = UrlSigner("https://shop.example/files/", Secret.value("a secret of the test's"))
NOW = 1_800_000_000
texts = st.text(st.characters(codec="utf-8"), max_size=12)


def taken_apart(url):
    parts = urlsplit(url)
    key = unquote(parts.path.removeprefix("/files/"))
    return key, parse_qsl(parts.query, keep_blank_values=True)


@given(texts, st.sampled_from(["GET", "PUT"]), st.none() | texts.filter(bool))
def test_what_is_signed_is_verified(key, method, content_type):
    url = SIGNER.url(key, method=method, until=NOW, content_type=content_type)
    found, query = taken_apart(url)
    assert found == key
    assert SIGNER.verify(key, method, query, now=NOW - 1) == (content_type or "")


@given(texts, texts, st.sampled_from(["key", "method", "until", "type", "signature"]))
def test_what_was_changed_is_not(key, other, field):
    url = SIGNER.url(key, method="PUT", until=NOW, content_type="text/plain")
    _, query = taken_apart(url)
    fields = dict(query)
    if field == "key":
        if other == key:
            return
        key = other
    elif fields[field] == other:
        return
    else:
        fields[field] = other
    method = "PUT"
    with pytest.raises(SignatureMismatchError):
        SIGNER.verify(key, method, list(fields.items()), now=0)


def test_a_part_of_one_field_is_not_a_part_of_another():
    """What is signed for `a` of type `b` is no signature for any other cut of the same letters."""
    first = dict(taken_apart(SIGNER.url("ab", method="PUT", until=1, content_type="c"))[1])
    second = dict(taken_apart(SIGNER.url("a", method="PUT", until=1, content_type="bc"))[1])
    assert first["signature"] != second["signature"]


def test_its_time_ends():
    _, query = taken_apart(SIGNER.url("a", method="GET", until=NOW, content_type=None))
    with pytest.raises(StaleTimestampError):
        SIGNER.verify("a", "GET", query, now=NOW)


@pytest.mark.parametrize(
    ("signed", "used", "allowed"),
    [
        ("GET", "HEAD", True),
        ("HEAD", "GET", False),
        ("GET", "PUT", False),
        ("PUT", "GET", False),
        ("PUT", "DELETE", False),
        ("PUT", "HEAD", False),
    ],
)
def test_a_method_allows_itself(signed, used, allowed):
    _, query = taken_apart(SIGNER.url("a", method=signed, until=NOW, content_type=None))
    if allowed:
        SIGNER.verify("a", used, query, now=0)
    else:
        with pytest.raises(SignatureMismatchError):
            SIGNER.verify("a", used, query, now=0)


@pytest.mark.parametrize("change", ["doubled", "missing", "more"])
def test_parameters_are_these_and_each_once(change):
    _, query = taken_apart(SIGNER.url("a", method="GET", until=NOW, content_type=None))
    query = {
        "doubled": [*query, query[0]],
        "missing": query[:-1],
        "more": [*query, ("size", "1")],
    }[change]
    with pytest.raises(MalformedRequestError):
        SIGNER.verify("a", "GET", query, now=0)

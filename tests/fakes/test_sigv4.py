"""Whom Signature Version 4 proves is let in; everybody else is refused with the code of the reason.

What the official library signs is compared with what we sign beside `http/sigv4.py`.
"""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import Received
from hardpoint.fakes.sigv4 import SigV4Doorkeeper
from hardpoint.http.sigv4 import SigV4Signer

NOW = 1_800_000_000.25
URL = "https://files.example/box/a%20b?x=1"
BODY = b"hello"
SERVICES = {"s3": True, "sqs": False}
"""Whether the path is signed as it is sent."""


class RefusedError(Exception):
    def __init__(self, code, status):
        super().__init__(code)
        self.code = code
        assert status in {400, 403}


def signer(service="s3", **changes):
    facts = {
        "access_key_id": "AKIAFAKE",
        "secret_access_key": Secret.value("secret"),
        "session_token": None,
        "region": "eu-central-1",
        "service": service,
        "path_as_sent": SERVICES[service],
    }
    return SigV4Signer(**facts | changes)


def doorkeeper(service="s3", now=NOW):
    return SigV4Doorkeeper(
        "AKIAFAKE",
        Secret.value("secret"),
        region="eu-central-1",
        service=service,
        path_as_sent=SERVICES[service],
        refuse=RefusedError,
        now=lambda: now,
    )


def received(method, url, headers=(), body=b""):
    parts = urlsplit(url)
    headers = {"host": parts.netloc, **dict(headers)}
    return Received(method=method, target=f"{parts.path}?{parts.query}", headers=headers, body=body)


def signed(service="s3", **changes):
    """A request that proves itself by its headers."""
    headers = signer(service, **changes).headers("PUT", URL, [("x-note", "n")], BODY, now=NOW)
    return received("PUT", URL, headers, BODY)


def address(expires=60, headers=None):
    """One that proves itself."""
    bare = URL.partition("?")[0]
    return signer().url("GET", bare, now=NOW, expires=expires, headers=headers or {})


def code(check, *arguments):
    """Of the refusal; None where somebody is let in."""
    try:
        check(*arguments)
    except RefusedError as refused:
        return refused.code
    return None


@pytest.mark.parametrize("service", SERVICES)
def test_who_knows_the_secret_is_let_in(service):
    assert code(doorkeeper(service).check, signed(service)) is None


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"secret_access_key": Secret.value("wrong")}, "SignatureDoesNotMatch"),
        ({"access_key_id": "AKIAOTHER"}, "InvalidAccessKeyId"),
        ({"region": "us-east-1"}, "AuthorizationHeaderMalformed"),
        ({"service": "sqs"}, "AuthorizationHeaderMalformed"),
        ({"path_as_sent": False}, "XAmzContentSHA256Mismatch"),
    ],
)
def test_wrong_keys_are_told_apart(changes, expected):
    assert code(doorkeeper().check, signed(**changes)) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(900, None), (-900, None), (902, "RequestTimeTooSkewed"), (-902, "RequestTimeTooSkewed")],
)
def test_a_quarter_of_an_hour_of_difference_is_allowed(seconds, expected):
    assert code(doorkeeper(now=int(NOW) + seconds).check, signed()) == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [("s3", "XAmzContentSHA256Mismatch"), ("sqs", "SignatureDoesNotMatch")],
)
def test_another_body_than_was_signed_is_refused(service, expected):
    headers = signed(service).headers.items()
    assert code(doorkeeper(service).check, received("PUT", URL, headers, b"other")) == expected


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        (";x-note", "", "SignatureDoesNotMatch"),
        (";x-note", ";x-none", "AccessDenied"),
        ("host;", "", "AccessDenied"),
        ("Signature=", "Signature=x", "AccessDenied"),
    ],
)
def test_headers_that_were_changed_prove_nothing(was, now, expected):
    headers = dict(signed().headers)
    headers["authorization"] = headers["authorization"].replace(was, now, 1)
    assert code(doorkeeper().check, received("PUT", URL, headers.items(), BODY)) == expected


def test_what_is_signed_without_a_time_is_refused():
    headers = dict(signed().headers) | {"x-amz-date": "soon"}
    assert code(doorkeeper().check, received("PUT", URL, headers.items(), BODY)) == "AccessDenied"


@given(
    header=st.text("AWS4-HMC SHA256=Credential,SignedHeaders;host/0123456789abcdef", max_size=120)
)
def test_an_authorization_that_is_none_is_refused(header):
    asked = received(
        "GET", URL, {"authorization": header, "x-amz-date": "20260101T000000Z"}.items()
    )
    assert code(doorkeeper().check, asked) is not None


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, None), (60, None), (62, "AccessDenied"), (-900, None), (-902, "AccessDenied")],
)
def test_an_address_counts_from_then_until_it_ends(seconds, expected):
    asked = received("GET", address())
    assert code(doorkeeper(now=int(NOW) + seconds).check, asked) == expected


def test_a_header_that_was_signed_with_an_address_has_to_be_sent():
    url = address(headers={"content-type": "text/csv"})
    for headers, expected in (
        ({"content-type": "text/csv"}, None),
        ({"content-type": "text/plain"}, "SignatureDoesNotMatch"),
        ({}, "AccessDenied"),
    ):
        assert code(doorkeeper().check, received("GET", url, headers.items())) == expected


@pytest.mark.parametrize(
    ("was", "now", "expected"),
    [
        ("Expires=60", "Expires=600", "SignatureDoesNotMatch"),
        ("Expires=60", "Expires=0", "AuthorizationQueryParametersError"),
        ("Expires=60", "Expires=604801", "AuthorizationQueryParametersError"),
        ("Expires=60", "Expires=x", "AuthorizationQueryParametersError"),
        ("HMAC-SHA256", "HMAC-SHA1", "AuthorizationQueryParametersError"),
        ("SignedHeaders=host", "SignedHeaders=x-none", "AccessDenied"),
        ("AKIAFAKE", "AKIAOTHER", "InvalidAccessKeyId"),
        ("X-Amz-Date=2", "X-Amz-Date=x2", "AccessDenied"),
        ("&X-Amz-Signature", "&more=1&X-Amz-Signature", "SignatureDoesNotMatch"),
        ("/a%20b", "/other", "SignatureDoesNotMatch"),
    ],
)
def test_an_address_that_was_changed_is_refused(was, now, expected):
    assert code(doorkeeper().check, received("GET", address().replace(was, now))) == expected


def test_an_address_lasts_a_week_at_most():
    assert code(doorkeeper().check, received("GET", address(expires=7 * 86_400))) is None


CONDITIONS = [
    ["content-length-range", 1, 10],
    {"bucket": "box"},
    ["eq", "$key", "form.txt"],
    {"Content-Type": "text/plain"},
    ["starts-with", "$x-amz-meta-note", "in/"],
]


def posted(size=5, now=NOW, **changes):
    fields = {"key": "form.txt", "Content-Type": "text/plain", "x-amz-meta-note": "in/a"}
    made = signer().post(fields, CONDITIONS, now=NOW, expires=60)
    given = {name.lower(): value for name, value in (made | changes).items() if value is not None}
    return code(doorkeeper(now=now).check_form, given, size, "box")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"size": 1}, None),
        ({"size": 10}, None),
        ({"size": 11}, "EntityTooLarge"),
        ({"size": 0}, "EntityTooSmall"),
        ({"x-amz-meta-note": "in/b"}, None),
        ({"x-amz-meta-note": "out"}, "AccessDenied"),
        ({"key": "other.txt"}, "AccessDenied"),
        ({"Content-Type": "text/html"}, "AccessDenied"),
        ({"Content-Type": None}, "AccessDenied"),
        ({"x-amz-meta-more": "1"}, "AccessDenied"),
        ({"x-amz-signature": "0" * 64}, "SignatureDoesNotMatch"),
        ({"x-amz-credential": "AKIAOTHER/x"}, "InvalidAccessKeyId"),
        ({"x-amz-algorithm": "none"}, "AccessDenied"),
        ({"policy": None}, "AccessDenied"),
        ({"now": NOW + 61}, "AccessDenied"),
    ],
)
def test_a_form_may_do_what_its_policy_allows(changes, expected):
    assert posted(**changes) == expected


def test_a_form_is_for_one_bucket():
    made = signer().post({"key": "form.txt"}, CONDITIONS[:3], now=NOW, expires=60)
    assert code(doorkeeper().check_form, made, 5, "another") == "AccessDenied"

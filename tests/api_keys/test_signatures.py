"""Requests that are signed as our own clients sign them."""

import base64
import itertools

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hardpoint.api_keys import CallerRequest, SigningCaller, UnauthenticatedError
from hardpoint.api_keys.signatures import CANONICAL, TOLERANCE_SECONDS, CallerSignatures
from hardpoint.core.errors import ConfigurationError, InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Request
from hardpoint.http.signing.canonical import HmacSigner
from hardpoint.http.signing.rfc9421 import MessageSigner
from hardpoint.runtime.blocking import run
from hardpoint.testing import ManualClock

URL = "https://shop.example"
SECRET = base64.b64encode(b"s" * 32).decode()
NOW = ManualClock().now()
SCHEMES = ["rfc9421", "hmac"]
_numbers = itertools.count()


def caller(scheme, *secrets, **facts):
    kept = [Secret.value(one) for one in secrets or (SECRET,)]
    return SigningCaller(**{"name": "acme", "scheme": scheme, "secrets": kept, **facts})


def signer(scheme, secret=SECRET, name="acme", **options):
    key = Secret.value(secret)
    if scheme == "hmac":
        return HmacSigner(key, user=name, **{**CANONICAL, **options})
    options = {"nonce": True, "algorithm": "hmac-sha256", **options}
    return MessageSigner(key, key_id=name, **options)


def signed(
    scheme, method="POST", *, target="/orders?a=1", body=b"{}", now=NOW, nonce=None, **options
):
    request = Request(method=method, url=URL + target, body=body)
    make = signer(scheme, **options)
    nonce = nonce or f"nonce-{next(_numbers):06}"
    headers = make.signed(request, now=now, nonce=lambda: nonce)
    return CallerRequest(method, target, list(headers), body)


@pytest.fixture
def callers(process):
    def make(*signers, **options):
        return process(signers=signers, url=URL, **options)

    return make


def reason(keys, request, **asked):
    with pytest.raises(UnauthenticatedError) as caught:
        run(keys.authenticate(request, **asked))
    return caught.value.reason


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_partner_that_signs_is_known(callers, scheme, method):
    keys = callers(caller(scheme, scopes=["a"], tenant="t"))
    request = signed(scheme, method, body=b"{}" if method == "POST" else b"")
    assert keys.reads_body(request.headers)
    known = run(keys.authenticate(request, scopes=["a"], tenant="t"))
    assert (known.by, known.id, known.tenant, known.scopes) == ("signature", "acme", "t", {"a"})


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_signature_is_taken_once_whichever_process_sees_it(callers, scheme, clock):
    one, other = (callers(caller(scheme)) for _ in range(2))
    request = signed(scheme)
    assert run(one.authenticate(request))
    for keys in (one, other):
        assert reason(keys, request) == "replayed"
    clock.advance(TOLERANCE_SECONDS + 1)
    assert reason(other, request) == "stale"
    assert run(other.authenticate(signed(scheme, now=clock.now())))


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_nonce_is_used_up_until_its_request_is_too_old(callers, scheme, clock):
    keys = callers(caller(scheme))
    request = signed(scheme, now=clock.now() + TOLERANCE_SECONDS)  # of a clock that is ahead
    assert run(keys.authenticate(request))
    clock.advance(2 * TOLERANCE_SECONDS)
    run(keys.authenticate(signed(scheme, now=clock.now())))  # drops what is too old
    assert reason(keys, request) == "replayed"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("late", [-TOLERANCE_SECONDS - 2, TOLERANCE_SECONDS + 2])
def test_one_of_another_time_is_refused(callers, scheme, late):
    assert reason(callers(caller(scheme)), signed(scheme, now=NOW + late)) == "stale"


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "change",
    [{"method": "PUT"}, {"target": "/orders?a=2"}, {"target": "/other"}, {"body": b"{ }"}],
)
def test_what_is_signed_cannot_be_changed(callers, scheme, change):
    keys = callers(caller(scheme))
    writes = keys.counted.writes
    assert reason(keys, signed(scheme)._replace(**change)) in {"signature", "malformed"}
    assert keys.counted.writes == writes  # what does not verify writes nothing


@pytest.mark.parametrize("scheme", SCHEMES)
def test_who_is_not_known_or_has_another_secret_is_refused_alike(callers, scheme):
    keys = callers(caller(scheme))
    other = base64.b64encode(b"o" * 32).decode()
    assert reason(keys, signed(scheme, secret=other)) == "signature"
    assert reason(keys, signed(scheme, name="other")) == "signature"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_secrets_rotate(callers, scheme):
    new = base64.b64encode(b"n" * 32).decode()
    keys = callers(caller(scheme, new, SECRET))
    assert run(keys.authenticate(signed(scheme, secret=new)))
    assert run(keys.authenticate(signed(scheme)))


def test_a_signature_of_one_kind_is_none_of_another(callers):
    keys = callers(caller("rfc9421"), caller("hmac", name="other"))
    assert reason(keys, signed("hmac")) == "signature"


def test_one_of_another_tenant_is_refused(callers):
    assert reason(callers(caller("hmac")), signed("hmac"), tenant="t") == "tenant"


def test_a_key_beside_a_signature_is_ambiguous(callers):
    request = signed("hmac")
    both = request._replace(headers=[*request.headers, ("X-API-Key", "k")])
    assert reason(callers(caller("hmac")), both) == "malformed"


def test_a_request_of_a_vendor_that_signs_alike_is_no_callers_where_none_are_taken(callers):
    keys = callers()
    assert not keys.reads_body(signed("hmac").headers)
    assert reason(keys, signed("hmac")) == "missing"


@pytest.mark.parametrize(
    "options",
    [
        {"nonce": "short"},
        {"components": ("@method", "content-digest")},
        {"components": ("@target-uri", "content-digest")},
        {"components": ("@method", "@target-uri")},
        {"components": ("@method", "@authority", "@path", "content-digest")},
    ],
)
def test_a_message_has_to_sign_method_address_body_and_a_nonce(callers, options):
    assert reason(callers(caller("rfc9421")), signed("rfc9421", **options)) == "malformed"


@pytest.mark.parametrize(
    "components",
    [
        ("@method", "@authority", "@request-target", "content-digest"),
        ("@method", "@target-uri", "@scheme", "@path", "@query", "content-digest"),
    ],
)
def test_the_address_may_be_signed_in_parts(callers, components):
    request = signed("rfc9421", components=components, alg=True, tag="t")
    assert run(callers(caller("rfc9421")).authenticate(request))


def test_a_message_that_says_when_it_ends_is_believed(callers, clock):
    keys = callers(caller("rfc9421"))
    assert run(keys.authenticate(signed("rfc9421", expires=10)))
    late = signed("rfc9421", expires=10)
    clock.advance(10)
    assert reason(keys, late) == "stale"


def test_a_message_without_a_nonce_is_refused(callers):
    make = MessageSigner(Secret.value(SECRET), key_id="acme", algorithm="hmac-sha256")
    headers = make.signed(Request(method="GET", url=f"{URL}/"), now=NOW, nonce=lambda: "unused")
    request = CallerRequest("GET", "/", list(headers))
    assert reason(callers(caller("rfc9421")), request) == "malformed"


def swapped(request, name, old, new):
    headers = [
        (one, value.replace(old, new) if one.lower() == name else value)
        for one, value in request.headers
    ]
    return request._replace(headers=headers)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("signature-input", "sig1=", "sig2="),
        ("signature-input", '"@method"', '"@method" "@method"'),
        ("signature-input", '"@method"', '"@method" "x-absent"'),
        ("signature-input", '"@method"', '"@method" "@status"'),
        ("signature-input", "created=", "createx="),
        ("signature-input", "created=1", "created=0"),
        ("signature-input", ";keyid", ';alg="none";keyid'),
        ("signature-input", "sig1=", "sig1=" + "x" * 3000),
        ("signature", "sig1=:", "sig1=:="),
        ("signature", ":", ""),
        ("content-digest", "sha-256", "md5"),
        ("content-digest", "=:", "=:A"),
    ],
)
def test_a_message_that_is_formed_otherwise_is_refused(callers, name, old, new):
    request = swapped(signed("rfc9421"), name, old, new)
    assert reason(callers(caller("rfc9421")), request) in {"malformed", "signature"}


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("x-signature", "acme:", ""),
        ("x-signature", "acme:", "acme:0"),
        ("x-timestamp", "1", "01"),
        ("x-timestamp", "1", "-1"),
        ("x-nonce", "nonce", "no"),
    ],
)
def test_a_request_that_is_formed_otherwise_is_refused(callers, name, old, new):
    request = swapped(signed("hmac"), name, old, new)
    assert reason(callers(caller("hmac")), request) in {"malformed", "signature"}


@given(
    st.sampled_from(SCHEMES),
    st.sampled_from(["signature-input", "signature", "x-signature", "x-timestamp", "x-nonce"]),
    st.text(st.characters(max_codepoint=255)),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_a_header_says_nothing_else_is_raised(scheme, name, value):
    known = CallerSignatures([caller("rfc9421"), caller("hmac")], URL)
    request = swapped(signed(scheme), name, "", value)
    headers = [(one, value if one.lower() == name else old) for one, old in request.headers]
    request = request._replace(headers=headers)
    found = known.scheme(headers)
    if any(one.lower() == name for one, _ in headers) and found:
        with pytest.raises(UnauthenticatedError):
            known.verify(found, request, NOW)


@pytest.mark.parametrize(
    ("facts", "key"),
    [
        ({"name": "a b"}, "name"),
        ({"secrets": []}, "secrets"),
        ({"scheme": "basic"}, "scheme"),
    ],
)
def test_a_caller_that_cannot_be_is_refused(facts, key):
    with pytest.raises(ConfigurationError, match=f"^{key}"):
        caller(**{"scheme": "hmac", **facts})
    with pytest.raises(InvalidRequestError):
        caller("hmac", tenant="")


def test_two_of_one_name_and_no_address_are_refused():
    with pytest.raises(ConfigurationError, match="stands twice"):
        CallerSignatures([caller("hmac"), caller("hmac")], URL)
    with pytest.raises(ConfigurationError, match="public_url"):
        CallerSignatures([caller("hmac")], None)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_process_whose_clock_is_ahead_lets_no_other_take_a_signature_twice(callers, scheme):
    behind, ahead = ManualClock(NOW), ManualClock(NOW + 200)
    one = callers(caller(scheme), clock=behind)
    other = callers(caller(scheme), clock=ahead)
    request = signed(scheme)
    assert run(one.authenticate(request))
    for clock in (behind, ahead):
        clock.advance(TOLERANCE_SECONDS - 1)
    run(other.authenticate(signed(scheme, now=ahead.now())))  # drops what is too old
    assert reason(one, request) == "replayed"

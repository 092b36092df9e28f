import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.secrets import Secret
from hardpoint.providers.sendgrid.fake import PRIVATE_KEY
from hardpoint.webhooks import WebhookRequest, scheme
from hardpoint.webhooks.diagnosis import Diagnosis, diagnose, rewritten

STANDARD = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
STRIPE = "whsec_canary_of_the_test"
NOW = 1_700_000_000
EVENT = b'{"id":"evt_1","type":"invoice.paid","livemode":false,"note":"caf\xc3\xa9"}'


def signed(
    name: str, secret: str, body: bytes, at: float = NOW, *more: tuple[str, str]
) -> WebhookRequest:
    headers = scheme(name, secrets=[secret]).sign(body, now=at, event_id="id-1", event_type="made")
    return WebhookRequest(headers=[*headers, *more], body=body)


def changed(request: WebhookRequest, body: bytes) -> WebhookRequest:
    return WebhookRequest.raw(request.method, request.url, request.headers, body)


def judged(request: WebhookRequest, *secrets: str, now: float = NOW, **settings: Any) -> Diagnosis:
    return diagnose("stripe", request, secrets or [STRIPE], now=now, **settings)


def test_a_request_that_verifies_says_its_age_and_which_secret_matched() -> None:
    request = signed("stripe", STRIPE, EVENT)
    diagnosis = judged(request, "whsec_newer", STRIPE, now=NOW + 12)
    assert diagnosis.ok
    assert diagnosis.reason == "verified"
    assert diagnosis.message == "signed 12 s ago, matched by secrets[1]"
    assert diagnosis.details == {
        "key": 1,
        "age": 12,
        "id": "evt_1",
        "type": "invoice.paid",
        "account": None,
    }


def test_a_scheme_without_a_time_says_no_age() -> None:
    diagnosis = diagnose("github", signed("github", "s", b"{}"), ["s"], now=NOW)
    assert diagnosis.message == "matched by secrets[0]"
    assert "age" not in diagnosis.details


def test_a_body_that_would_be_quarantined_verifies_and_says_so() -> None:
    diagnosis = judged(signed("stripe", STRIPE, b"hello"))
    assert diagnosis.ok
    assert diagnosis.reason == "malformed_body"
    assert "would be quarantined: the body is not the JSON expected" in diagnosis.message


def test_events_of_a_list_that_would_be_quarantined_are_counted() -> None:
    request = signed("sendgrid", PRIVATE_KEY, b'[{"event":"open"},{"odd":1},7]')
    diagnosis = diagnose("sendgrid", request, [PRIVATE_KEY + "\n"], now=NOW)
    assert (diagnosis.ok, diagnosis.reason) == (True, "malformed_body")
    assert "; 2 of 3 events would be quarantined: the body is not" in diagnosis.message


def test_an_unfit_secret_is_the_first_cause() -> None:
    diagnosis = judged(signed("stripe", STRIPE, EVENT), "sk_live_canary")
    assert (diagnosis.ok, diagnosis.reason) == (False, "unfit_secret")
    assert "secrets[0]: is an API key" in diagnosis.message
    assert "canary" not in diagnosis.message


def test_an_unknown_scheme_or_setting_is_no_diagnosis() -> None:
    request = signed("stripe", STRIPE, EVENT)
    with pytest.raises(ConfigurationError):
        diagnose("nobody", request, [STRIPE], now=NOW)
    with pytest.raises(ConfigurationError, match="tolerance"):
        judged(request, tolerance=-1)


def test_a_request_without_a_signature_says_only_that() -> None:
    diagnosis = judged(WebhookRequest(headers=[("Content-Type", "application/json")], body=EVENT))
    assert (diagnosis.ok, diagnosis.reason) == (False, "missing_signature")
    assert diagnosis.message == "the request has no stripe-signature header"


def test_a_request_of_another_scheme_is_recognised() -> None:
    of_github = judged(signed("github", "s", EVENT))
    assert "looks like one of github" in of_github.message
    of_standard = diagnose("github", signed("standard", STANDARD, EVENT), ["s"], now=NOW)
    assert "webhook-signature, so it looks like one of standard" in of_standard.message


def test_a_scheme_that_sends_no_webhooks_is_passed_over(mute_provider: str) -> None:
    assert "looks" not in judged(WebhookRequest(headers=[("a", "b")], body=b"")).message


@pytest.mark.parametrize("name", ["HTTP_STRIPE_SIGNATURE", "stripe_signature"])
def test_a_header_spelled_as_a_variable_is_recognised(name: str) -> None:
    request = WebhookRequest(headers=[(name, "t=1,v1=x")], body=EVENT)
    assert "variable of CGI or WSGI" in judged(request).message


def test_a_header_outside_the_grammar_says_what_is_wrong() -> None:
    request = WebhookRequest(headers=[("Stripe-Signature", "sha256=abc")], body=EVENT)
    diagnosis = judged(request)
    assert diagnosis.reason == "malformed_request"
    assert diagnosis.message == "the signature header has no t="


def test_a_stale_request_says_by_how_much_and_that_the_rest_is_right() -> None:
    diagnosis = judged(signed("stripe", STRIPE, EVENT), now=NOW + 412)
    assert diagnosis.reason == "stale_timestamp"
    assert "signed 412 s ago, 112 s more than the 300 s allowed" in diagnosis.message
    assert "The signature itself is right" in diagnosis.message


@pytest.mark.parametrize(
    ("body", "headers", "said"),
    [
        (EVENT[:-1], [], "begins as JSON and is none"),
        (b"[" * 100_000, [], "begins as JSON and is none"),
        (EVENT + b" ", [("Content-Length", str(len(EVENT)))], "content-length says"),
    ],
)
def test_a_body_that_cannot_be_what_was_sent_is_told_from_another_secret(
    body: bytes, headers: list[tuple[str, str]], said: str
) -> None:
    good = signed("stripe", STRIPE, EVENT)
    request = WebhookRequest(headers=[*good.headers, *pairs(headers)], body=body)
    diagnosis = judged(request, "whsec_other")
    assert (diagnosis.ok, diagnosis.reason) == (False, "body_changed")
    assert said in diagnosis.message


def test_a_body_that_is_no_json_may_still_be_what_was_sent() -> None:
    good = signed("stripe", STRIPE, EVENT)
    request = WebhookRequest(headers=good.headers, body=b"a=1")
    assert judged(request, "whsec_other").reason == "signature_mismatch"


def pairs(headers: list[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers]


def test_another_secret_is_named_with_what_the_event_tells() -> None:
    diagnosis = judged(signed("stripe", STRIPE, EVENT), "whsec_other", "whsec_third")
    assert diagnosis.reason == "signature_mismatch"
    assert "test mode" in diagnosis.message
    assert "the secret is another (2 secrets tried), or the body is not" in diagnosis.message
    plain = judged(signed("stripe", STRIPE, b"[]"), "whsec_other")
    assert plain.message.endswith("cannot tell which")
    assert ".." not in diagnosis.message + plain.message


def test_a_key_of_the_wrong_kind_is_recognised() -> None:
    request = signed("standard", STANDARD, EVENT)
    diagnosis = diagnose("standard", request, [PUBLIC], now=NOW)
    assert "signed with a shared key (v1), and no whsec_ key is live" in diagnosis.message


DOCUMENT = {"id": "evt_1", "type": "a", "b": [1, {"c": "caf\u00e9 \U0001f600"}], "a": None}


@pytest.mark.parametrize(
    ("sent", "received", "how"),
    [
        (
            json.dumps(DOCUMENT, separators=(",", ":")).encode(),
            json.dumps(DOCUMENT).encode(),
            "the same written as compact JSON, all but ASCII escaped",
        ),
        (
            json.dumps(DOCUMENT, separators=(",", ":"), ensure_ascii=False).encode(),
            json.dumps(DOCUMENT).encode(),
            "the same written as compact JSON",
        ),
        (
            json.dumps(DOCUMENT, ensure_ascii=False).encode(),
            json.dumps(DOCUMENT, separators=(",", ":")).encode(),
            "the same written as JSON with blanks after commas and colons",
        ),
        (
            json.dumps(DOCUMENT, indent=2, ensure_ascii=False).encode(),
            json.dumps(DOCUMENT).encode(),
            "the same written as JSON indented by 2",
        ),
        (
            json.dumps(DOCUMENT, indent=4, sort_keys=True).encode(),
            json.dumps(DOCUMENT).encode(),
            "the same written as JSON indented by 4, its keys sorted, all but ASCII escaped",
        ),
        (EVENT, EVENT + b"\n", "the body without the line end it has"),
        (EVENT, EVENT + b"\r\n", "the body without the line end it has"),
        (EVENT + b"\n", EVENT, "the body with a newline at its end"),
        (EVENT + b"\r\n", EVENT, "the body with CRLF at its end"),
        (EVENT + b"\r\n", EVENT + b"\n", "the body with CRLF at its end"),
        (b"{\n}", b"{\r\n}", "the body with LF line ends"),
        (b"{\r\n}", b"{\n}", "the body with CRLF line ends"),
        (EVENT, b"\xef\xbb\xbf" + EVENT, "the body without its byte order mark"),
    ],
)
def test_a_body_that_was_rewritten_on_its_way_is_found_out(
    sent: bytes, received: bytes, how: str
) -> None:
    request = changed(signed("stripe", STRIPE, sent), received)
    for now in (NOW, NOW + 10_000):
        diagnosis = judged(request, now=now)
        assert diagnosis.reason == "body_changed"
        assert diagnosis.details == {"body": how}
        assert f"the signature is of {how}." in diagnosis.message


@given(st.binary(max_size=60))
def test_guesses_at_a_body_are_new_each_and_never_fail(body: bytes) -> None:
    guesses = [guess for _, guess in rewritten(body)]
    assert body not in guesses
    assert len(guesses) == len(set(guesses))


def test_a_bomb_of_depth_is_not_rewritten() -> None:
    assert all("JSON" not in how for how, _ in rewritten(b"[" * 100_000))


@pytest.mark.parametrize("secret", ['"s3cret"', "'s3cret'"])
def test_a_secret_in_its_quotes_is_found_out(secret: str) -> None:
    request = signed("github", "s3cret", b"{}")
    for given_secret in (secret, Secret.value(secret)):
        diagnosis = diagnose("github", request, ["other", given_secret], now=NOW)
        assert (diagnosis.ok, diagnosis.reason) == (False, "unfit_secret")
        assert diagnosis.details == {"key": 1}
        assert "s3cret" not in diagnosis.message


@pytest.mark.parametrize("secret", ['""', '" s3cret "', '"other"'])
def test_a_quoted_secret_that_would_not_do_either_is_a_mismatch(secret: str) -> None:
    request = signed("github", "s3cret", b"{}")
    assert diagnose("github", request, [secret], now=NOW).reason == "signature_mismatch"


def test_a_hook_is_named() -> None:
    request = signed("github", "s3cret", b"{}", NOW, ("X-GitHub-Hook-ID", "77"))
    assert "Hook 77 sent it" in diagnose("github", request, ["other"], now=NOW).message


def test_a_scheme_that_gives_no_clues_is_diagnosed_all_the_same(
    install: Callable[[str, str], str],
) -> None:
    source = """
from hardpoint.core.errors import SignatureMismatchError
from hardpoint.core.providers import Provider

PROVIDER = Provider(
    name="plain", title="Plain", contract=1, webhooks="hardpoint_plain:Plain"
)

class Plain:
    signature_headers = frozenset({b"x-plain"})
    def __init__(self, *, secrets):
        pass
    def verify(self, request, *, now):
        raise SignatureMismatchError
"""
    request = WebhookRequest(headers=[], body=b"{}")
    diagnosis = diagnose(install("plain", source), request, ["a"], now=NOW)
    assert diagnosis.reason == "signature_mismatch"
    assert "(1 secret tried)" in diagnosis.message

"""Assertions say what happened instead, and what it most likely comes from."""

import base64
import json
import urllib.parse

import pytest

from hardpoint.core.errors import MisuseError
from hardpoint.core.secrets import Secret
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import Exchange
from hardpoint.fakes.server import FakeServer
from hardpoint.testing import assert_call_budget, assert_exactly_once, assert_no_secret_in

SECRET = "sk_test_Zm9vYmFy+/"


class Vendor:
    name = "vendor"

    def __init__(self):
        self.ledger = Ledger()


@pytest.fixture
def ledger():
    return Ledger()


@pytest.fixture
def server():
    return FakeServer(Vendor())


def came(server, *lines):
    for line in lines:
        method, path, status, *fault = line.split()
        server.exchanges.append(
            Exchange(
                method=method,
                path=path,
                status=int(status) or None,
                fault=fault[0] if fault else None,
            )
        )


def failure(check, *args, **options):
    with pytest.raises(AssertionError) as caught:
        check(*args, **options)
    return str(caught.value)


def test_what_happened_once_is_given(ledger):
    ledger.record("charge", id="ch_1", amount=5)
    ledger.record("charge", id="ch_2", amount=7)
    assert assert_exactly_once(ledger, "charge", amount=7).facts["id"] == "ch_2"


def test_what_happened_twice_is_shown_with_how_the_two_differ(ledger):
    ledger.record("charge", id="ch_1", amount=5)
    ledger.record("charge", id="ch_2", amount=5)
    assert failure(assert_exactly_once, ledger, "charge", amount=5) == (
        "charge(amount=5) happened 2 times, not once: it was asked for again, under another "
        "idempotency key or none (they differ in id)\n"
        "The ledger:\n"
        "  charge(id='ch_1', amount=5)\n"
        "  charge(id='ch_2', amount=5)"
    )


def test_a_lost_answer_is_named_as_the_cause(server):
    server.ledger.record("message", to="+1")
    server.ledger.record("message", to="+1")
    came(server, "POST /messages 0 commit_then_drop", "POST /messages 201")
    said = failure(assert_exactly_once, server, "message")
    assert "after an answer was lost: POST /messages -> no answer (commit_then_drop)" in said
    assert "(they differ in nothing)" in said


def test_the_nearest_of_its_kind_is_named_where_none_agrees(ledger):
    ledger.record("charge", amount=5, currency="usd", reference="b")
    ledger.record("charge", amount=5, currency="eur", reference="b")
    facts = {"amount": 5, "currency": "eur", "reference": "a"}
    said = failure(assert_exactly_once, ledger, "charge", **facts)
    assert "happened 0 times, not once: there is a charge whose reference is 'b'\n" in said


def test_the_last_answer_is_named_where_there_is_none_of_its_kind(server):
    came(server, "POST /v1/things 401")
    said = failure(assert_exactly_once, server, "charge")
    assert "the last answer was: POST /v1/things -> 401\nThe ledger:\n  (empty)" in said


def test_a_ledger_alone_tells_less(ledger):
    assert "did nothing at all; look whether base_url" in failure(
        assert_exactly_once, ledger, "charge"
    )
    ledger.record("refund")
    assert "did other things, and no charge" in failure(assert_exactly_once, ledger, "charge")


def test_a_long_ledger_is_cut(ledger):
    for number in range(30):
        ledger.record("charge", id=number)
    said = failure(assert_exactly_once, ledger, "charge")
    assert "  (the last 20 of 30)\n  charge(id=10)\n" in said


def test_a_budget_holds_up_to_its_bound(server):
    came(server, "POST /a 200", "POST /a 200", "GET /a 200")
    assert_call_budget(server, 3)
    assert_call_budget(server, 2, on="POST *")


@pytest.mark.parametrize(
    ("lines", "cause"),
    [
        (["POST /a 503", "POST /a 429", "POST /a 0"], "3 of them failed, and POST /a came 3 times"),
        (["GET /a 200", "GET /a 200"], "GET /a came 2 times, though none failed"),
        (["GET /a/1 200", "GET /a/2 404"], "each is another one"),
    ],
)
def test_an_exceeded_budget_shows_the_requests_and_a_cause(server, lines, cause):
    came(server, *lines)
    said = failure(assert_call_budget, server, 1)
    assert said.startswith(f"{len(lines)} requests to vendor, at most 1 allowed: {cause}")
    assert said.count(" -> ") == len(lines)


@pytest.mark.parametrize(
    ("where", "said"),
    [
        (f"key={SECRET}!", "secret 0 stands in it, as it is: 'key=****!'"),
        (f"key={SECRET}".encode(), "stands in it, as it is: 'key=****'"),
        ([1, {"a": SECRET}], "stands in it[1][value 0], as it is"),
        ({SECRET: 1}, "stands in it[key 0], as it is"),
        (("x", {SECRET}), "stands in it[1][0], as it is"),
        (urllib.parse.quote(SECRET, safe=""), "percent-encoded: '****'"),
        (base64.b64encode(SECRET.encode()).decode(), "in base64"),
        (base64.b64encode(f"user:{SECRET}".encode()).decode(), "in base64"),
        (base64.urlsafe_b64encode(f"me:{SECRET}?".encode()).decode(), "in base64"),
        (ValueError(SECRET), "stands in it, as it is printed"),
    ],
)
def test_a_secret_is_found_and_not_repeated(where, said):
    told = failure(assert_no_secret_in, where, [SECRET])
    assert said in told
    assert SECRET not in told


def test_a_secret_is_found_in_what_objects_show(ledger):
    class Loud:
        def __repr__(self):
            return "Loud"

        def __str__(self):
            return SECRET

    secret = Secret.value(SECRET)
    assert f"{secret.reference} stands in it, as text" in failure(
        assert_no_secret_in, Loud(), [secret]
    )
    assert_no_secret_in([secret, ledger], [secret])


def test_a_secret_is_found_in_the_cause_of_an_error():
    error = RuntimeError("harmless")
    error.__cause__ = ValueError(SECRET)
    assert "as it is printed" in failure(assert_no_secret_in, error, [SECRET])


@pytest.mark.parametrize("shown", [json.dumps, ascii])
@pytest.mark.parametrize("secret", ["pass\\word", "pässword", "pass\nword"])
def test_a_secret_is_found_escaped(secret, shown):
    assert "escaped" in failure(assert_no_secret_in, shown([secret]), [secret])


def test_other_texts_hold_no_secret():
    assert_no_secret_in(
        ["sk_test_other", b"\xff", None, 7, KeyError("x"), {"a": "b"}], [SECRET, "another"]
    )


def test_what_is_too_short_cannot_be_looked_for():
    with pytest.raises(MisuseError, match="Secret 1 is too short"):
        assert_no_secret_in("text", [SECRET, "short"])

"""What any vendor may answer, read by the driver of each: refusals, and what is no answer at all.

The codes and fields that a vendor is known to refuse with are rows of `answers.json` in its folder.
"""

import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from hardpoint.chat.markup import Span
from hardpoint.chat.types import NewPost
from hardpoint.core.errors import (
    DeclinedError,
    OutcomeUnknownError,
    PermissionDeniedError,
    RateLimitedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.providers import provider, provider_names
from hardpoint.core.secrets import Secret
from hardpoint.email import Address
from hardpoint.email.types import NewEmail
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.vendors import facts_of, fake
from hardpoint.sms.types import NewMessage
from hardpoint.testing.conformance.served import driver_of, settings_of

ANN = Address(email="ann@customer.example")
NUMBER = "+4917012345678"
POST = NewPost(key="k", text=(Span(text="hello"),))
CALLS = {
    "payments": lambda driver: driver.get_payment("pi_1"),
    "sms": lambda driver: driver.send(NewMessage(to=NUMBER, body="hello"), idempotency_key="k"),
    "email": lambda driver: driver.send(
        NewEmail(key="k", from_=ANN, to=(ANN,), subject="Hello", text="hi"), idempotency_key="k"
    ),
    "chat": lambda driver: driver.post(POST, idempotency_key="k"),
}
"""By port."""
VENDORS = [
    name for name in provider_names() if provider(name).fake and {*provider(name).ports} & {*CALLS}
]


@pytest.fixture
def answered(served, script):
    """What the vendor's driver makes of one answer."""

    def ask(vendor: str, reply: FakeReply) -> Any:
        script.reply = reply
        imitated = fake(vendor)
        script.token_path = facts_of(imitated).token_path
        account = served(script, partial(driver_of, imitated))
        port = next(iter(provider(vendor).ports))
        return account.do(CALLS[port](account.driver()))

    return ask


def refused(vendor: str, message: str) -> bytes:
    """The body of a refusal, in the shape that the vendor gives it."""
    said = json.loads((Path(__file__).parent / vendor / "answers.json").read_text())["refusal"]
    return json.dumps(said).replace("MESSAGE", message).encode()


@pytest.mark.rows
def test_a_refusal_has_its_error(answered, vendor, reply, error, facts):
    status, headers, body = reply
    reply = FakeReply.json(body, status, *headers.items())
    with pytest.raises(error) as caught:
        answered(vendor, reply)
    raised = caught.value
    assert type(raised) is error
    said = facts.get("says", f"{vendor} answered {status}")
    if error is not DeclinedError or "says" in facts:
        assert said in str(raised)
    expected = {name: fact for name, fact in facts.items() if name != "says"}
    assert {name: getattr(raised, name, None) for name in expected} == expected
    assert (raised.provider, raised.status) == (vendor, status)
    if "retryable" not in facts:
        assert raised.retryable is (error in {RateLimitedError, UnavailableError})
    assert raised.outcome_known is (error is not OutcomeUnknownError)


@pytest.mark.parametrize("vendor", VENDORS)
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"<html>",
        b'{"id":5}',
        b'{"id":"pi_1"}',
        b'{"error":"no"}',
        b'{"errors":["no"]}',
        b"\xff",
    ],
)
def test_an_answer_without_words_goes_by_its_status(answered, vendor, body):
    for status, error in ((403, PermissionDeniedError), (502, OutcomeUnknownError)):
        with pytest.raises(error) as caught:
            answered(vendor, FakeReply(status=status, body=body))
        assert caught.value.status == status
    for status in (200, 201, 204, 302):
        with pytest.raises(UnexpectedResponseError) as caught:
            answered(vendor, FakeReply(status=status, body=body))
        assert not caught.value.outcome_known


@pytest.mark.parametrize("vendor", VENDORS)
def test_what_a_vendor_quotes_is_told_without_what_is_private(answered, vendor):
    made = settings_of(fake(vendor))
    given = [getattr(made, name) for name in type(made).__dataclass_fields__]
    secrets = [one.reveal() for one in given if isinstance(one, Secret)]
    private = [ANN.email, NUMBER, *secrets]
    body = refused(vendor, f"Refused: {', '.join(private)}")
    with pytest.raises(PermissionDeniedError, match="Refused") as caught:
        answered(vendor, FakeReply(status=403, body=body))
    assert secrets
    assert not [one for one in private if one in str(caught.value)]


@pytest.mark.parametrize("vendor", VENDORS)
def test_the_time_to_wait_is_passed_on(answered, vendor):
    body = refused(vendor, "too many requests")
    with pytest.raises(RateLimitedError) as caught:
        answered(vendor, FakeReply(status=429, headers=(("retry-after", "3"),), body=body))
    assert caught.value.retry_after == 3.0

"""A program without a browser, and a person who has one (RFC 8628)."""

import asyncio
import json
from urllib.parse import parse_qsl

import pytest

from hardpoint.core.errors import (
    ConfigurationError,
    FlowError,
    OutcomeUnknownError,
    TokenEndpointError,
    UnexpectedResponseError,
)
from hardpoint.oauth.device import DeviceFlow

DEVICE = "https://acme.example/device"
BEGUN = {
    "device_code": "canary-device",
    "user_code": "WDJB-MJHT",
    "verification_uri": "https://acme.example/enter",
    "verification_uri_complete": "https://acme.example/enter?code=WDJB-MJHT",
    "expires_in": 900,
    "interval": 5,
}
TOKENS = (200, "application/json", b'{"access_token": "canary-access"}')


def answer(document, status=200):
    return status, "application/json", json.dumps(document).encode()


def refusal(code):
    return answer({"error": code}, 400)


@pytest.fixture
def flow(endpoint, transport, clock):
    def flow(*replies, **facts):
        transport.replies = list(replies)
        return DeviceFlow(endpoint(**{"device_url": DEVICE, **facts}), clock)

    return flow


async def both(flow, scopes=()):
    code = await flow.begin(scopes)
    return code, await flow.finish(code)


def reason(flow):
    with pytest.raises(FlowError) as caught:
        asyncio.run(both(flow))
    return caught.value.reason


def test_a_code_is_shown_and_asked_about_until_its_person_agrees(flow, transport, clock):
    pending = refusal("authorization_pending")
    made = flow(answer(BEGUN), pending, pending, TOKENS)
    code, tokens = asyncio.run(both(made, ["read", "write"]))
    assert (code.user_code, code.url) == ("WDJB-MJHT", "https://acme.example/enter")
    assert code.url_complete.endswith("?code=WDJB-MJHT")
    assert "canary" not in repr(code)
    assert tokens.access.reveal() == "canary-access"
    assert clock.waits == [5.0, 5.0, 5.0]
    asked = [dict(parse_qsl(request.body.decode())) for request in transport.sent]
    assert asked[0]["scope"] == "read write"
    assert asked[-1]["device_code"] == "canary-device"
    assert asked[-1]["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"


def test_without_a_word_it_asks_every_five_seconds(flow, clock):
    said = {key: BEGUN[key] for key in ("device_code", "user_code")}
    made = flow(answer({**said, "verification_url": "https://acme.example/enter"}), TOKENS)
    code, _ = asyncio.run(both(made))
    assert (code.url_complete, clock.waits) == (None, [5.0])


def test_it_slows_down_when_told_to_and_when_the_provider_does_not_answer(flow, clock):
    made = flow(
        answer(BEGUN),
        refusal("slow_down"),
        (503, "text/html", b"away"),
        OutcomeUnknownError("no answer"),
        OutcomeUnknownError("no answer"),
        TOKENS,
    )
    asyncio.run(both(made))
    assert clock.waits == [5.0, 10.0, 20.0, 40.0, 60.0]


@pytest.mark.parametrize("code", ["access_denied", "expired_token"])
def test_a_person_who_refuses_or_does_nothing_ends_it(flow, code):
    assert reason(flow(answer(BEGUN), refusal(code))) == code


def test_it_ends_by_itself_when_its_time_is_up(flow):
    pending = refusal("authorization_pending")
    assert reason(flow(answer({**BEGUN, "expires_in": 12}), pending, pending)) == "expired_token"


@pytest.mark.parametrize("code", ["invalid_client", "invalid_grant"])
def test_a_provider_that_refuses_us_is_not_asked_again(flow, code):
    with pytest.raises(TokenEndpointError, match=code):
        asyncio.run(both(flow(answer(BEGUN), refusal(code))))


@pytest.mark.parametrize(
    "changes",
    [
        {"device_code": None},
        {"device_code": 5},
        {"user_code": ""},
        {"user_code": "a\nb"},
        {"verification_uri": None},
        {"verification_uri": "javascript:alert(1)"},
        {"verification_uri": "http://acme.example/enter"},
        {"verification_uri_complete": "http://acme.example/enter"},
    ],
)
def test_what_cannot_be_shown_begins_nothing(flow, changes):
    with pytest.raises(UnexpectedResponseError, match="acme began no device flow"):
        asyncio.run(both(flow(answer({**BEGUN, **changes}))))


def test_a_provider_without_such_a_flow_is_said_to_have_none(flow):
    with pytest.raises(ConfigurationError, match=r"oauth\.acme\.device_url"):
        asyncio.run(both(flow(device_url=None)))

"""What Slack sends: events, interactions, commands, challenges; what is no such is in JSON."""

import json
from urllib.parse import urlencode

import pytest

from hardpoint.core.errors import StaleTimestampError
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.slack.fake import SIGNING_SECRET, FakeSlack
from hardpoint.webhooks import WebhookRequest, scheme

NOW = 1_700_000_000


def verified(body, *, secret=SIGNING_SECRET, now=NOW):
    bound = scheme("slack", secrets=[secret])
    headers = bound.sign(body, now=NOW, event_id="", event_type="")
    return bound.verify(WebhookRequest(headers=headers, body=body), now=now)


def told(body):
    (event,) = verified(body).events
    return event.id, event.type, event.account


def test_the_example_of_slacks_own_page_verifies():
    secret = "8f742231b10e8888abcd99yyyzzz85a5"
    body = (
        b"token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow"
        b"&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner"
        b"&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands"
        b"%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        b"&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    )
    headers = {
        "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        "X-Slack-Request-Timestamp": "1531420618",
    }
    bound = scheme("slack", secrets=[secret])
    result = bound.verify(WebhookRequest(headers=headers.items(), body=body), now=1531420618)
    (event,) = result.events
    assert event.type == "command.webhook-collect"
    assert event.id == "398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c"
    assert event.account == "T1DC2JH3J"


def test_an_event_is_named_after_what_happened():
    event = {"type": "event_callback", "event_id": "Ev1", "team_id": "T1", "event": {"type": "x"}}
    assert told(json.dumps(event).encode()) == ("Ev1", "x", "T1")
    assert verified(json.dumps(event).encode()).heard is None
    assert told(b'{"type":"app_rate_limited"}') == ("", "app_rate_limited", None)


@pytest.mark.parametrize("team", [{"id": "T1"}, None])
def test_an_interaction_is_named_after_its_kind(team):
    payload = {"type": "block_actions", "trigger_id": "1.2", "team": team}
    body = urlencode({"payload": json.dumps(payload)}).encode()
    assert told(body) == ("1.2", "block_actions", team and "T1")
    heard = verified(body).heard
    assert (heard.status, heard.body) == (200, b""), "a body would be taken for a message"


def test_a_challenge_is_answered_and_not_stored():
    result = verified(
        b'{"type":"url_verification","token":"x","challenge":"3eZbrw1aB10FEMAGAZd4FyFQ"}'
    )
    assert result.events == ()
    assert (result.reply.status, result.reply.body) == (200, b"3eZbrw1aB10FEMAGAZd4FyFQ")
    assert dict(result.reply.headers)[b"content-type"].startswith(b"text/plain")
    check = verified(b"token=x&ssl_check=1")
    assert (check.reply.status, check.events) == (200, ())


def test_a_challenge_without_a_signature_is_refused():
    bound = scheme("slack", secrets=[SIGNING_SECRET])
    request = WebhookRequest(headers=[], body=b'{"type":"url_verification","challenge":"x"}')
    with pytest.raises(Exception, match="no x-slack-signature"):
        bound.verify(request, now=NOW)


def test_the_window_has_two_edges():
    for now in (NOW - 300, NOW + 300):
        assert verified(b'{"type":"x"}', now=now).events
    for now in (NOW - 301, NOW + 301):
        with pytest.raises(StaleTimestampError):
            verified(b'{"type":"x"}', now=now)


@pytest.mark.parametrize("optional_fields", [True, False])
def test_the_fake_tells_as_slack_does(endpoint, optional_fields):
    vendor = FakeSlack(optional_fields=optional_fields, now=lambda: NOW)
    receiver = endpoint(scheme("slack", secrets=[SIGNING_SECRET]), NOW)
    vendor.say("<@U0HARDBOT1> hello")
    vendor.command("/deploy", "now")
    vendor.click("approve", "7")
    with FakeServer(receiver) as server:
        assert [one.status for one in vendor.emitter.deliver(server.url)] == [200] * 3
    assert [one.type for one in receiver.told] == ["app_mention", "command.deploy", "block_actions"]
    assert len({one.id for one in receiver.told}) == 3
    vendor.emitter.close()


def test_what_is_mistaken_is_told():
    bound = scheme("slack", secrets=[SIGNING_SECRET])
    assert "signing secret" in bound.clue(WebhookRequest(headers=[], body=b""))

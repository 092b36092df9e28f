"""What Discord sends: interactions, events, PINGs; the signatures are PyNaCl's, not ours."""

import json

import pytest
from nacl.signing import SigningKey, VerifyKey

from hardpoint.core.errors import ConfigurationError, SignatureMismatchError, StaleTimestampError
from hardpoint.fakes.server import FakeServer
from hardpoint.providers.discord.fake import PRIVATE_KEY, PUBLIC_KEY, FakeDiscord
from hardpoint.webhooks import WebhookRequest, scheme

NOW = 1_700_000_000
THEIRS = SigningKey(bytes(range(32)))


def signed(document, *, at=NOW, body=None):
    """As Discord would, by another library."""
    body = json.dumps(document).encode() if body is None else body
    signature = THEIRS.sign(str(at).encode() + body).signature.hex()
    headers = {"X-Signature-Ed25519": signature, "X-Signature-Timestamp": str(at)}
    return WebhookRequest(headers=headers.items(), body=body)


def verified(document, **options):
    bound = scheme("discord", secrets=[THEIRS.verify_key.encode().hex()])
    return bound.verify(signed(document, **options), now=NOW)


def told(document):
    (event,) = verified(document).events
    return event.id, event.type, event.account


@pytest.mark.parametrize(
    ("kind", "data", "event_type", "heard"),
    [
        (2, {"name": "deploy"}, "command.deploy", {"type": 5}),
        (3, {"custom_id": "approve"}, "component.approve", {"type": 6}),
        (4, {"name": "deploy"}, "autocomplete.deploy", {"type": 8, "data": {"choices": []}}),
        (5, {"custom_id": "refund"}, "modal.refund", {"type": 6}),
        (5, {}, "modal", {"type": 6}),
    ],
)
def test_an_interaction_is_named_and_hears_what_discord_takes(kind, data, event_type, heard):
    document = {"type": kind, "id": "7", "application_id": "1", "data": data, "token": "t"}
    assert told(document) == ("7", event_type, "1")
    answer = verified(document).heard
    assert (answer.status, json.loads(answer.body)) == (200, heard)


def test_an_event_is_known_by_its_bytes():
    event = {"type": "APPLICATION_AUTHORIZED", "timestamp": "2026-12-01T00:00:00", "data": {}}
    document = {"version": 1, "application_id": "1", "type": 1, "event": event}
    assert told(document) == ("", "APPLICATION_AUTHORIZED", "1")
    answer = verified(document).heard
    assert (answer.status, answer.body) == (204, b"")
    assert dict(answer.headers)[b"content-type"]


def test_a_reply_of_text_is_a_message_that_mentions_nobody():
    bound = scheme("discord", secrets=[PUBLIC_KEY])
    message = {"content": "@everyone", "allowed_mentions": {"parse": []}}
    assert json.loads(bound.reply("@everyone").body) == {"type": 4, "data": message}
    choices = {"type": 8, "data": {"choices": []}}
    assert json.loads(bound.reply(choices).body) == choices


@pytest.mark.parametrize("value", ["", "x" * 2001, {"content": "no type"}, ["a"], 7])
def test_a_reply_that_discord_would_refuse_is_refused(value):
    with pytest.raises(TypeError, match="a reply is"):
        scheme("discord", secrets=[PUBLIC_KEY]).reply(value)


def test_a_ping_is_answered_and_not_stored():
    interactions = verified({"type": 1, "id": "1", "application_id": "1", "version": 1})
    assert interactions.events == ()
    assert json.loads(interactions.reply.body) == {"type": 1}
    events = verified({"version": 1, "application_id": "1", "type": 0})
    assert (events.events, events.reply.status) == ((), 204)


def test_a_forged_ping_is_refused():
    bound = scheme("discord", secrets=[PUBLIC_KEY])
    with pytest.raises(SignatureMismatchError):
        bound.verify(signed({"type": 1}), now=NOW)


def test_the_window_has_two_edges():
    document = {"type": 2, "id": "1"}
    for at in (NOW - 300, NOW + 300):
        assert verified(document, at=at).events
    for at in (NOW - 301, NOW + 301):
        with pytest.raises(StaleTimestampError):
            verified(document, at=at)


def test_what_we_sign_verifies_with_another_library():
    body = b'{"type":2,"id":"1"}'
    headers = dict(
        scheme("discord", secrets=[PRIVATE_KEY]).sign(body, now=NOW, event_id="", event_type="")
    )
    key = VerifyKey(bytes.fromhex(PUBLIC_KEY))
    message = headers["X-Signature-Timestamp"].encode() + body
    key.verify(message, bytes.fromhex(headers["X-Signature-Ed25519"]))


def test_a_public_key_signs_nothing():
    with pytest.raises(ConfigurationError, match="cannot sign"):
        scheme("discord", secrets=[PUBLIC_KEY]).sign(b"", now=NOW, event_id="", event_type="")


@pytest.mark.parametrize("optional_fields", [True, False])
def test_the_fake_tells_as_discord_does(endpoint, optional_fields):
    vendor = FakeDiscord(optional_fields=optional_fields, now=lambda: NOW)
    receiver = endpoint(scheme("discord", secrets=[PUBLIC_KEY]), NOW)
    vendor.command("deploy", version="v7")
    vendor.click("approve")
    vendor.tell("APPLICATION_AUTHORIZED", integration_type=0)
    with FakeServer(receiver) as server:
        assert [one.status for one in vendor.emitter.deliver(server.url)] == [200] * 3
    assert [one.type for one in receiver.told] == [
        "command.deploy",
        "component.approve",
        "APPLICATION_AUTHORIZED",
    ]
    vendor.emitter.close()


def test_what_is_mistaken_is_told():
    bound = scheme("discord", secrets=[PUBLIC_KEY])
    assert "public key" in bound.clue(WebhookRequest(headers=[], body=b""))

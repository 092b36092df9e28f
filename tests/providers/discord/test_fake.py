"""The fake is as strict as Discord: what it does not take, it names."""

import json

import pytest

from hardpoint.fakes.messages import Received
from hardpoint.providers.discord.chat import USER_AGENT
from hardpoint.providers.discord.fake import BOT_TOKEN, WEBHOOK_PATH, FakeDiscord

CHANNEL = "772908445358620702"
MESSAGES = f"/api/v10/channels/{CHANNEL}/messages"
JSON = "application/json"
FORM = "multipart/form-data; boundary=x"


def asked(vendor, method, path, document=None, *, token=BOT_TOKEN, kind=JSON, agent=USER_AGENT):
    headers = {"content-type": kind, "user-agent": agent, "authorization": f"Bot {token}"}
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return vendor.answer(Received(method=method, target=path, headers=headers, body=body))


@pytest.mark.parametrize(
    ("method", "path", "document", "options", "expected"),
    [
        ("POST", MESSAGES, {"content": "a"}, {"agent": "curl"}, (403, 40333)),
        ("POST", MESSAGES, {"content": "a"}, {"token": "x"}, (401, 0)),
        ("GET", "/api/v10/gateway", {}, {}, (404, 0)),
        ("PUT", MESSAGES, {"content": "a"}, {}, (405, 0)),
        ("POST", MESSAGES, b"{", {}, (400, 50109)),
        ("POST", MESSAGES, b"x", {"kind": FORM}, (400, 50109)),
        ("POST", MESSAGES, {"content": "a"}, {"kind": "text/plain"}, (400, 50035)),
        ("POST", MESSAGES, {}, {}, (400, 50006)),
        ("POST", MESSAGES, {"content": " "}, {}, (400, 50006)),
        ("POST", MESSAGES, {"content": "a" * 2001}, {}, (400, 50035)),
        ("POST", MESSAGES, {"content": 5}, {}, (400, 50035)),
        ("POST", MESSAGES, {"content": "a", "odd": 1}, {}, (400, 50035)),
        ("POST", MESSAGES, {"content": "a", "nonce": "a" * 26}, {}, (400, 50035)),
        ("POST", MESSAGES, {"content": "a", "flags": 1}, {}, (400, 50035)),
        ("POST", MESSAGES, {"content": "a", "tts": 1}, {}, (400, 50035)),
        ("POST", MESSAGES, [], {}, (400, 50035)),
        (
            "POST",
            MESSAGES,
            {"content": "a", "allowed_mentions": {"parse": ["users"], "users": ["1"]}},
            {},
            (400, 50035),
        ),
        (
            "POST",
            MESSAGES,
            {"content": "a", "message_reference": {"message_id": "1" * 18}},
            {},
            (400, 50035),
        ),
        (
            "POST",
            MESSAGES,
            {"content": "a", "attachments": [{"id": 0, "filename": "a"}]},
            {},
            (400, 50035),
        ),
        ("POST", "/api/v10/channels/5/messages", {"content": "a"}, {}, (404, 10003)),
        ("PATCH", f"{MESSAGES}/1", {"content": "a"}, {}, (404, 10008)),
        ("POST", "/api/webhooks/1/other", {"content": "a"}, {}, (401, 50027)),
    ],
)
def test_what_it_does_not_take_is_named(method, path, document, options, expected):
    reply = asked(FakeDiscord(), method, path, document, **options)
    assert (reply.status, json.loads(reply.body)["code"]) == expected


def test_a_reply_to_what_is_gone_may_be_asked_for():
    gone = {"message_id": "1" * 18, "fail_if_not_exists": False}
    document = {"content": "a", "message_reference": gone}
    assert asked(FakeDiscord(), "POST", MESSAGES, document).status == 200


def test_a_nonce_counts_for_a_while_and_only_if_it_is_enforced():
    now = [1_700_000_000.0]
    vendor = FakeDiscord(now=lambda: now[0])

    def posted(**more):
        document = {"content": "a", "nonce": "n", **more}
        return json.loads(asked(vendor, "POST", MESSAGES, document).body)["id"]

    first = posted(enforce_nonce=True)
    assert posted(enforce_nonce=True) == first
    assert posted() != first
    now[0] += 181
    assert posted(enforce_nonce=True) != first


def test_a_webhook_sees_its_own_messages_and_may_not_wait():
    vendor = FakeDiscord()
    other = json.loads(asked(vendor, "POST", MESSAGES, {"content": "a"}).body)["id"]
    assert asked(vendor, "POST", WEBHOOK_PATH, {"content": "b"}).status == 204
    assert asked(vendor, "DELETE", f"{WEBHOOK_PATH}/messages/{other}").status == 404
    assert len(vendor.guild.messages) == 2


def test_a_sign_is_no_word():
    vendor = FakeDiscord()
    message = json.loads(asked(vendor, "POST", MESSAGES, {"content": "a"}).body)["id"]
    reply = asked(vendor, "PUT", f"{MESSAGES}/{message}/reactions/tada/@me")
    assert json.loads(reply.body)["code"] == 10014

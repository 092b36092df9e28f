"""The fake is as strict as Slack: what it does not take, it names."""

import json

import pytest

from hardpoint.fakes.messages import Received
from hardpoint.providers.slack.fake import BOT_TOKEN, WEBHOOK_PATH, FakeSlack

CHANNEL = "C0GENERAL1"
HELLO = {"channel": CHANNEL, "text": "hello"}


def asked(vendor, path, document, *, token=BOT_TOKEN):
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return vendor.answer(Received(method="POST", target=path, headers=headers, body=body))


def refusal(path, document, **options):
    return json.loads(asked(FakeSlack(), f"/api/{path}", document, **options).body)["error"]


@pytest.mark.rows
def test_what_it_does_not_take_is_named(path, document, code):
    assert refusal(path, document) == code


def test_who_has_no_token_is_told_so():
    assert refusal("chat.postMessage", HELLO, token="xoxb-other") == "invalid_auth"
    assert refusal("chat.postMessage", HELLO, token=None) == "not_authed"


def test_its_webhook_answers_in_plain_text():
    vendor = FakeSlack()
    good, empty, other = (
        asked(vendor, path, document, token=None)
        for path, document in (
            (WEBHOOK_PATH, {"text": "a"}),
            (WEBHOOK_PATH, {}),
            ("/services/T0FAKE/B0FAKE/other", {"text": "a"}),
        )
    )
    assert (good.status, good.body) == (200, b"ok")
    assert (empty.status, empty.body) == (400, b"no_text")
    assert (other.status, other.body) == (403, b"invalid_token")


def test_a_sign_stands_below_a_message_once():
    vendor = FakeSlack()
    ts = json.loads(asked(vendor, "/api/chat.postMessage", HELLO).body)["ts"]
    sign = {"channel": CHANNEL, "timestamp": ts, "name": "tada"}
    answers = [json.loads(asked(vendor, "/api/reactions.add", sign).body) for _ in range(2)]
    assert [one.get("error") for one in answers] == [None, "already_reacted"]


def test_bytes_for_no_file_are_not_taken():
    assert asked(FakeSlack(), "/upload/v1/F1", b"x").status == 404

"""Slack's own library as an oracle: it verifies as we do, sends what we send, takes our fake."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError
from slack_sdk.models.blocks import RichTextBlock
from slack_sdk.models.blocks import RichTextElementParts as Parts
from slack_sdk.models.blocks import RichTextSectionElement as Section
from slack_sdk.models.metadata import Metadata
from slack_sdk.signature import Clock, SignatureVerifier
from slack_sdk.webhook import WebhookClient

from hardpoint.chat import Reaction, bold, link
from hardpoint.chat.markup import checked_text
from hardpoint.chat.types import NewFile, NewPost, NewText
from hardpoint.core.secrets import Secret
from hardpoint.fakes.messages import FakeReply
from hardpoint.providers.slack.chat import EVENT_TYPE
from hardpoint.providers.slack.fake import BOT_TOKEN, SIGNING_SECRET, WEBHOOK_PATH
from hardpoint.webhooks import WebhookRequest, scheme

NOW = 1_700_000_000
TEXT = checked_text(["a ", bold("b"), link("c", "https://shop.example/")])
BLOCKS = [
    RichTextBlock(
        elements=[
            Section(
                elements=[
                    Parts.Text(text="a "),
                    Parts.Text(text="b", style=Parts.TextStyle(bold=True)),
                    Parts.Link(text="c", url="https://shop.example/"),
                ]
            )
        ]
    )
]


def sdk(url):
    return WebClient(BOT_TOKEN, base_url=f"{url}/api/", retry_handlers=[])


class Fixed(Clock):
    def now(self):
        return NOW


@given(st.text(max_size=60))
def test_it_verifies_what_we_sign_and_the_other_way_round(body):
    ours, theirs = scheme("slack", secrets=[SIGNING_SECRET]), SignatureVerifier(SIGNING_SECRET)
    theirs.clock = Fixed()
    headers = dict(ours.sign(body.encode(), now=NOW + 0.5, event_id="", event_type=""))
    assert theirs.is_valid_request(body, headers)
    made = {
        "X-Slack-Signature": theirs.generate_signature(timestamp=str(NOW), body=body),
        "X-Slack-Request-Timestamp": str(NOW),
    }
    ours.verify(WebhookRequest(headers=made.items(), body=body.encode()), now=NOW)


def test_it_posts_what_we_post(scripted):
    scripted.vendor.reply = FakeReply.json({"ok": True, "channel": "C1", "ts": "1.5"})
    client, driver = sdk(scripted.server.url), scripted.driver()
    client.chat_postMessage(
        channel="C1",
        text="a bc",
        blocks=BLOCKS,
        thread_ts="1.0",
        unfurl_links=False,
        unfurl_media=False,
        metadata=Metadata(event_type=EVENT_TYPE, event_payload={"key": "k"}),
    )
    post = NewPost(key="k", text=TEXT, channel="C1", thread="1.0")
    scripted.do(driver.post(post, idempotency_key="k"))
    client.chat_update(channel="C1", ts="1.5", text="a bc", blocks=BLOCKS)
    scripted.do(driver.edit(NewText(channel="C1", message="1.5", text=TEXT)))
    for theirs, ours in zip(*[iter(scripted.vendor.received)] * 2, strict=True):
        assert ours.target == theirs.target
        assert ours.json() == theirs.json()
        assert ours.headers["authorization"] == theirs.headers["authorization"]


def test_it_does_what_we_do_with_a_message(scripted):
    scripted.vendor.reply = FakeReply.json({"ok": True})
    client, driver = sdk(scripted.server.url), scripted.driver()
    client.chat_delete(channel="C1", ts="1.5")
    scripted.do(driver.delete("C1", "1.5"))
    client.reactions_add(channel="C1", timestamp="1.5", name="tada")
    scripted.do(driver.react("C1", "1.5", Reaction.PARTY))
    for theirs, ours in zip(*[iter(scripted.vendor.received)] * 2, strict=True):
        assert ours.target == theirs.target
        assert ours.json() == dict(theirs.form()), "one in JSON, one as a form: Slack takes both"


def test_it_works_against_the_fake(account):
    client, vendor = sdk(account.server.url), account.vendor
    ts = client.chat_postMessage(channel="C0GENERAL1", text="a", blocks=BLOCKS)["ts"]
    client.chat_update(channel="C0GENERAL1", ts=ts, text="b", blocks=BLOCKS)
    client.reactions_add(channel="C0GENERAL1", timestamp=ts, name="tada")
    answer = client.chat_postMessage(channel="C0GENERAL1", text="c", thread_ts=ts)["ts"]
    history = client.conversations_history(channel="C0GENERAL1", include_all_metadata=True)
    assert [one["text"] for one in history["messages"]] == ["b"]
    replies = client.conversations_replies(channel="C0GENERAL1", ts=ts)
    assert [one["ts"] for one in replies["messages"]] == [ts, answer]
    client.files_upload_v2(filename="a.txt", content="abc", channel="C0GENERAL1")
    assert vendor.workspace.messages[-1].files == ["a.txt"]
    client.chat_delete(channel="C0GENERAL1", ts=ts)
    with pytest.raises(SlackApiError) as caught:
        client.chat_update(channel="C0GENERAL1", ts=ts, text="b")
    assert caught.value.response["error"] == "message_not_found"
    with pytest.raises(SlackApiError) as caught:
        client.chat_postMessage(channel="C0MISSING1", text="a")
    assert caught.value.response["error"] == "channel_not_found"


def test_it_uploads_as_we_do(account):
    seen = []
    answer = account.vendor.answer
    account.vendor.answer = lambda request: (seen.append(request), answer(request))[1]
    sdk(account.server.url).files_upload_v2(
        filename="a.txt", title="a.txt", content="abc", channel="C0GENERAL1"
    )
    account.do(
        account.driver().upload(NewFile(key="k", name="a.txt", content=b"abc"), idempotency_key="k")
    )
    assert [one.path.rpartition("/")[0] for one in seen] == ["/api", "/upload/v1", "/api"] * 2
    assert dict(seen[0].form()) == dict(seen[3].form())
    assert seen[1].body == seen[4].body
    theirs, ours = dict(seen[2].form()), seen[5].json()
    assert theirs["channel_id"] == ours["channel_id"]


def test_its_webhook_is_ours(scripted):
    scripted.vendor.reply = FakeReply(body=b"ok")
    url = scripted.server.url + WEBHOOK_PATH
    WebhookClient(url, retry_handlers=[]).send(
        text="a bc",
        blocks=BLOCKS,
        unfurl_links=False,
        unfurl_media=False,
        metadata={"event_type": EVENT_TYPE, "event_payload": {"key": "k"}},
    )
    driver = scripted.driver(bot_token=None, channel=None, webhook_url=Secret.value(url))
    scripted.do(driver.post(NewPost(key="k", text=TEXT), idempotency_key="k"))
    theirs, ours = scripted.vendor.received
    assert (ours.target, ours.json()) == (theirs.target, theirs.json())

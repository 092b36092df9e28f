"""What goes over the wire, and what is made of it; the rest is the conformance suite's."""

import re

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.chat import ChatNotifier, Reaction
from hardpoint.chat.markup import checked_text
from hardpoint.chat.types import NewFile, NewPost, NewText
from hardpoint.core.errors import (
    HardpointError,
    InvalidRequestError,
    NotFoundError,
    OutcomeUnknownError,
    UnexpectedResponseError,
    UnsupportedError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import commit_then_drop, status
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.providers.discord import Discord
from hardpoint.providers.discord.chat import DiscordChat
from hardpoint.providers.discord.fake import BOT_TOKEN, WEBHOOK_PATH, FakeDiscord
from hardpoint.providers.discord.fake_server import CHANNEL
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.sync import Hub as BlockingHub

POSTED = FakeReply.json({"id": "846462639134605312", "channel_id": CHANNEL})


def new(**facts):
    return NewPost(**({"key": "order-7", "text": checked_text("late *")} | facts))


def test_the_request_is_the_one_that_discord_documents(scripted):
    scripted.vendor.reply = POSTED
    post = scripted.do(scripted.driver().post(new(thread="17"), idempotency_key="post:order-7"))
    (request,) = scripted.vendor.received
    assert (request.method, request.target) == ("POST", f"/api/v10/channels/{CHANNEL}/messages")
    assert request.headers["authorization"] == f"Bot {BOT_TOKEN}"
    assert re.fullmatch(r"DiscordBot \(\S+, [\d.]+\)", request.headers["user-agent"])
    assert request.json() == {
        "content": "late \\*",
        "allowed_mentions": {"parse": [], "users": [], "replied_user": False},
        "nonce": "post:order-7",
        "enforce_nonce": True,
        "message_reference": {"message_id": "17", "fail_if_not_exists": True},
    }
    assert (post.id, post.channel) == ("846462639134605312", CHANNEL)
    assert round(post.created) == 1621882820


def test_a_webhook_waits_to_hear_what_became_of_it(scripted):
    scripted.vendor.reply = POSTED
    url = Secret.value(scripted.server.url + WEBHOOK_PATH)
    driver = scripted.driver(bot_token=None, channel=None, webhook_url=url)
    scripted.do(driver.post(new(), idempotency_key="k"))
    scripted.vendor.reply = FakeReply(status=204)
    scripted.do(driver.delete(CHANNEL, "17"))
    posted, deleted = scripted.vendor.received
    assert posted.target == f"{WEBHOOK_PATH}?wait=true"
    assert "nonce" not in posted.json(), "Discord has none for webhooks"
    assert "authorization" not in posted.headers
    assert (deleted.method, deleted.target) == ("DELETE", f"{WEBHOOK_PATH}/messages/17")


def test_a_file_is_a_part_of_the_message(scripted):
    scripted.vendor.reply = POSTED
    content = b"\r\n--boundary\r\n\0\xff"
    file = NewFile(key="k", name="a b.txt", content=content)
    for _ in range(2):
        scripted.do(scripted.driver().upload(file, idempotency_key="upload:k"))
    one, other = scripted.vendor.received
    assert one.body == other.body, "the same bytes each time"
    kind, _, boundary = one.headers["content-type"].partition("; boundary=")
    assert kind == "multipart/form-data"
    head, said, part, end = one.body.split(b"--" + boundary.encode())
    assert (head, end) == (b"", b"--\r\n")
    assert b'"nonce":"upload:k"' in said
    assert b'name="files[0]"; filename="a b.txt"' in part
    assert part.endswith(b"\r\n\r\n" + content + b"\r\n")


@pytest.mark.parametrize(
    "document",
    [
        {"id": "x", "channel_id": CHANNEL},
        {"id": "1", "channel_id": ""},
        {"id": "1~2", "channel_id": "1"},
    ],
)
def test_an_id_that_is_none_is_no_success(scripted, document):
    scripted.vendor.reply = FakeReply.json(document)
    with pytest.raises(UnexpectedResponseError) as caught:
        scripted.do(scripted.driver().post(new(), idempotency_key="k"))
    assert not caught.value.outcome_known


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda driver: driver.post(new(channel="#general"), idempotency_key="k"), "channel"),
        (lambda driver: driver.post(new(thread="x"), idempotency_key="k"), "thread"),
        (lambda driver: driver.delete("1/../2", "1"), "post_id"),
        (lambda driver: driver.delete("1", "1/reactions"), "post_id"),
        (
            lambda driver: driver.edit(NewText(channel="1", message="x", text=checked_text("a"))),
            "post_id",
        ),
        (
            lambda driver: driver.post(new(extra={"content": "x"}), idempotency_key="k"),
            "extra.discord.content",
        ),
    ],
)
def test_what_is_no_id_of_discord_s_is_refused_before_any_request(scripted, call, field):
    with pytest.raises(InvalidRequestError) as caught:
        scripted.do(call(scripted.driver()))
    assert caught.value.field == field
    assert not scripted.vendor.received


def test_nothing_can_be_looked_for(scripted):
    with pytest.raises(UnsupportedError):
        scripted.do(scripted.driver().list_posts(channel=None, thread=None, since=0, cursor=None))
    assert not scripted.vendor.received


def test_what_cannot_be_deleted_for_another_reason_is_said(scripted):
    scripted.vendor.reply = FakeReply.json({"code": 10003, "message": "Unknown Channel"}, 404)
    with pytest.raises(NotFoundError):
        scripted.do(scripted.driver().delete("1", "2"))


def test_a_sign_is_part_of_the_path(scripted):
    scripted.vendor.reply = FakeReply(status=204)
    scripted.do(scripted.driver().react("1", "2", Reaction.HEART))
    (request,) = scripted.vendor.received
    assert request.method == "PUT"
    assert request.target == "/api/v10/channels/1/messages/2/reactions/%E2%9D%A4%EF%B8%8F/@me"


def test_a_webhook_s_address_is_shown_nowhere():
    with FakeServer(FakeDiscord()) as server, BlockingTransport() as transport:
        settings = Discord(webhook_url=Secret.value(server.url + WEBHOOK_PATH))
        driver = DiscordChat(transport, settings)
        chat = ChatNotifier(driver, Connection("ops", BlockingRuntime()))
        told = [repr(settings), repr(driver)]
        for fault in (status(500), commit_then_drop()):
            server.faults.next(fault)
            with pytest.raises(HardpointError) as caught:
                run(chat.post("late"))
            told.append(f"{caught.value!r} {caught.value} {caught.value.__cause__!r}")
        assert not [one for one in told if "fakeaddress" in one]


CONFIGURATION = """
[store]
url = "sqlite:events.db"
[connections.ops]
provider = "discord"
bot_token = "env:HP_DISCORD"
channel = "{channel}"
base_url = "{url}"
[connections.ops.policy]
preset = "no_retry"
"""


def test_a_key_posts_once_within_discord_s_window_and_after_it(tmp_path, monkeypatch):
    monkeypatch.setenv("HP_DISCORD", BOT_TOKEN)
    path = tmp_path / "hardpoint.toml"
    with FakeServer(FakeDiscord()) as server:
        path.write_text(CONFIGURATION.format(url=server.url, channel=CHANNEL))
        with BlockingHub.load(path) as hub:
            server.faults.next(commit_then_drop())
            with pytest.raises(OutcomeUnknownError) as caught:
                hub.chat("ops").post("late", idempotency_key="k")
            assert (caught.value.repeatable, caught.value.key_seconds) == (True, 120)
            first = hub.chat("ops").post("late", idempotency_key="k")
            asked = server.requests
            assert hub.chat("ops").post("late", idempotency_key="k") == first
            assert server.requests == asked, "the journal knows"
            assert server.ledger.count("message") == 1

"""What goes over the wire, and what is made of it; the rest is the conformance suite's."""

from urllib.parse import parse_qsl

import pytest

from hardpoint.calls.connection import Connection
from hardpoint.chat import ChatNotifier, Reaction, mention
from hardpoint.chat.markup import checked_text
from hardpoint.chat.types import NewFile, NewPost
from hardpoint.core.errors import (
    HardpointError,
    NotFoundError,
    OutcomeUnknownError,
    PermissionDeniedError,
    UnavailableError,
    UnexpectedResponseError,
)
from hardpoint.core.secrets import Secret
from hardpoint.fakes.faults import commit_then_drop, reset
from hardpoint.fakes.messages import FakeReply
from hardpoint.fakes.server import FakeServer
from hardpoint.http.blocking import BlockingTransport
from hardpoint.providers.slack import Slack
from hardpoint.providers.slack.chat import SlackChat
from hardpoint.providers.slack.fake import BOT_TOKEN, WEBHOOK_PATH, FakeSlack
from hardpoint.runtime.blocking import BlockingRuntime, run
from hardpoint.sync import Hub as BlockingHub

POSTED = FakeReply.json({"ok": True, "channel": "C0GENERAL1", "ts": "1503435956.000247"})


def new(**facts):
    return NewPost(**({"key": "order-7", "text": checked_text("late & <b>")} | facts))


def test_the_request_is_the_one_that_slack_documents(scripted):
    scripted.vendor.reply = POSTED
    post = scripted.do(scripted.driver().post(new(), idempotency_key="k"))
    (request,) = scripted.vendor.received
    assert (request.method, request.target) == ("POST", "/api/chat.postMessage")
    assert request.headers["authorization"] == f"Bearer {BOT_TOKEN}"
    assert request.headers["content-type"] == "application/json"
    text = {"type": "text", "text": "late & <b>"}
    assert request.json() == {
        "channel": "C0GENERAL1",
        "text": "late &amp; &lt;b&gt;",
        "blocks": [
            {
                "type": "rich_text",
                "elements": [{"type": "rich_text_section", "elements": [text]}],
            }
        ],
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {"event_type": "hardpoint_post", "event_payload": {"key": "order-7"}},
    }
    assert (post.id, post.channel, post.created) == (
        "1503435956.000247",
        "C0GENERAL1",
        1503435956.000247,
    )


def test_a_person_is_told_by_an_element_of_its_own(scripted):
    scripted.vendor.reply = POSTED
    text = checked_text(["ask ", mention("U1", "Ann")])
    for notify in (True, False):
        scripted.do(scripted.driver().post(new(text=text, notify=notify), idempotency_key="k"))
    told, quiet = (one.json() for one in scripted.vendor.received)
    assert told["blocks"][0]["elements"][0]["elements"][1] == {"type": "user", "user_id": "U1"}
    assert quiet["blocks"][0]["elements"][0]["elements"][1] == {"type": "text", "text": "@Ann"}
    assert told["text"] == quiet["text"] == "ask @Ann"


@pytest.mark.parametrize("ts", ["", "soon"])
def test_an_id_that_is_none_is_no_success(scripted, ts):
    scripted.vendor.reply = FakeReply.json({"ok": True, "channel": "C0", "ts": ts})
    with pytest.raises(UnexpectedResponseError) as caught:
        scripted.do(scripted.driver().post(new(), idempotency_key="k"))
    assert not caught.value.outcome_known


def test_what_an_app_says_itself_is_none_of_our_posts(scripted):
    messages = [
        {"ts": "1.0"},
        {"ts": "2.0", "metadata": {"event_type": "other", "event_payload": {"key": "k"}}},
        {"ts": "3.0", "metadata": {"event_type": "hardpoint_post", "event_payload": {"key": 3}}},
        {"ts": "4.0", "metadata": {"event_type": "hardpoint_post", "event_payload": {"key": "k"}}},
    ]
    more = {"next_cursor": "bmV4dA=="}
    scripted.vendor.reply = FakeReply.json(
        {"ok": True, "messages": messages, "response_metadata": more}
    )
    page = scripted.do(
        scripted.driver().list_posts(channel=None, thread="1.0", since=0.5, cursor="a=")
    )
    assert [one.id for one in page.posts] == ["4.0"]
    assert page.cursor == "bmV4dA=="
    (request,) = scripted.vendor.received
    assert request.target == "/api/conversations.replies"
    assert dict(parse_qsl(request.body.decode())) == {
        "channel": "C0GENERAL1",
        "ts": "1.0",
        "oldest": "0.500000",
        "limit": "100",
        "include_all_metadata": "true",
        "cursor": "a=",
    }


FILE = NewFile(key="k", name="a.txt", content=b"abc")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/upload/v1/1",
        "http://files.slack.com/upload/v1/1",
        "https://files.slack.com.evil.example/",
        "https://user@files.slack.com/",
        "https://files.slack.com:8443/",
        "",
    ],
)
def test_a_file_goes_to_slack_alone(scripted, url):
    assert SlackChat(None, Slack(bot_token=Secret.value("xoxb-1")))._uploads == {
        ("https", "files.slack.com")
    }
    scripted.vendor.reply = FakeReply.json({"ok": True, "upload_url": url, "file_id": "F1"})
    with pytest.raises(UnexpectedResponseError, match="not Slack's") as caught:
        scripted.do(scripted.driver().upload(FILE, idempotency_key="k"))
    assert caught.value.outcome_known
    assert len(scripted.vendor.received) == 1


def test_a_file_that_is_not_taken_is_not_posted(account):
    account.vendor.workspace.take = lambda _: False
    with pytest.raises(UnavailableError):
        account.do(account.driver().upload(FILE, idempotency_key="k"))
    assert account.vendor.ledger.count("message") == 0


def test_the_token_stays_out_of_the_upload(served, account):
    seen = []
    answer = account.vendor.answer
    account.vendor.answer = lambda request: (seen.append(request), answer(request))[1]
    account.do(account.driver().upload(FILE, idempotency_key="k"))
    assert [one.path.rpartition("/")[0] for one in seen] == ["/api", "/upload/v1", "/api"]
    assert ["authorization" in one.headers for one in seen] == [True, False, True]
    assert seen[1].body == b"abc"


def test_a_webhook_s_address_is_shown_nowhere(capsys):
    with FakeServer(FakeSlack()) as server, BlockingTransport() as transport:
        url = server.url + WEBHOOK_PATH
        settings = Slack(webhook_url=Secret.value(url))
        driver = SlackChat(transport, settings)
        chat = ChatNotifier(driver, Connection("ops", BlockingRuntime()))
        assert run(chat.post("late")).id is None
        told = [repr(settings), repr(driver)]
        for fault in (reset("headers"), commit_then_drop()):
            server.faults.next(fault)
            with pytest.raises(HardpointError) as caught:
                run(chat.post("late"))
            told.append(f"{caught.value!r} {caught.value} {caught.value.__cause__!r}")
        assert not [one for one in told if "fakeaddress" in one]
        assert server.app.ledger.count("message") == 2


def test_what_a_webhook_does_not_take_is_said_in_plain_text(scripted):
    url = Secret.value(scripted.server.url + WEBHOOK_PATH)
    for status, word, error in (
        (404, b"no_service", NotFoundError),
        (403, b"action_prohibited", PermissionDeniedError),
        (500, b"rollup_error", OutcomeUnknownError),
        (200, b"maybe", UnexpectedResponseError),
    ):
        scripted.vendor.reply = FakeReply(status=status, body=word)
        driver = scripted.driver(bot_token=None, channel=None, webhook_url=url)
        with pytest.raises(error):
            scripted.do(driver.post(new(), idempotency_key="k"))


CONFIGURATION = """
[store]
url = "sqlite:events.db"
[connections.ops]
provider = "slack"
bot_token = "env:HP_SLACK"
channel = "C0GENERAL1"
base_url = "{url}"
"""


def test_a_post_in_doubt_is_looked_for_and_not_posted_again(tmp_path, monkeypatch):
    monkeypatch.setenv("HP_SLACK", BOT_TOKEN)
    path = tmp_path / "hardpoint.toml"
    with FakeServer(FakeSlack()) as server:
        path.write_text(CONFIGURATION.format(url=server.url))
        with BlockingHub.load(path) as hub:
            server.faults.next(commit_then_drop())
            with pytest.raises(OutcomeUnknownError) as caught:
                hub.chat("ops").post("late", idempotency_key="k")
            assert caught.value.repeatable
            found = hub.chat("ops").post("late", idempotency_key="k")
            again = hub.chat("ops").post("late", idempotency_key="k")
            assert found.id == again.id == f"ops:C0GENERAL1~{found.id.rpartition('~')[2]}"
            hub.chat(found.id).react(found.id, Reaction.DONE)
            assert server.ledger.count("message") == 1

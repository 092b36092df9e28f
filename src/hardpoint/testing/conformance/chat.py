"""What every driver of chat must do.

Inherit from `ChatConformance`, and say how the provider is reached, and what it shows:

    class TestMine(ChatConformance):
        @pytest.fixture(params=MODES)
        def subject(self, request):
            mode = MODES[request.param]()
            yield ChatSubject(mode, MyChat(mode.transport(), settings), ...)
            mode.close()

Nothing here knows a provider; where they differ, the capabilities say so.
"""

import time

import pytest

from hardpoint.chat.driver import ChatCapability
from hardpoint.chat.markup import bold, bullets, code, italic, link, mention, quote
from hardpoint.chat.types import Reaction
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import NotFoundError
from hardpoint.testing.conformance.chat_subject import (
    EVERYTHING,
    ChatRefusals,
    ChatSubject,
)
from hardpoint.testing.conformance.modes import exercises

__all__ = ["ChatConformance", "ChatSubject"]

HOSTILE = [
    "*bold* _italic_ ~struck~ **both** __under__ ||spoiler||",
    "`code` ```block``` \\`x\\`",
    "<@U1> <@!1> <#C1> <!channel> <!here> <@&1> @everyone @here @channel",
    "[click](https://evil.example) <https://evil.example|click> https://evil.example/",
    "> quote\n>>> quotes\n- item\n* item\n1. item\n# title\n-# small",
    "&lt;b&gt; &amp; <b> \\ \\\\ ::: :smile: <:a:1> <t:0> <id:guide>",
    "Grüße, 東京 \U0001f1e9\U0001f1ea 5 € {x} %s $1",
    "a*b*c snake_case_name 2 * 3 * 4 ~/x",
]
"""Texts that would be more than text if they were passed on as they are."""


class ChatConformance(ChatRefusals):
    """The suite. A subclass gives the fixture `subject`."""

    # Posting

    def test_a_message_is_posted(self, subject: ChatSubject) -> None:
        post = subject.post("Payouts are late: 5 €")
        assert subject.shown().text == "Payouts are late: 5 €"
        assert subject.shown().styles == {}
        assert subject.requests() == 1
        assert post.id is None or post.id.startswith(f"ops:{post.channel}~")
        assert post.idempotency_key

    @pytest.mark.parametrize("text", HOSTILE)
    def test_texts_are_shown_as_they_are(self, subject: ChatSubject, text: str) -> None:
        subject.post(text)
        assert subject.shown().text == text
        assert subject.shown().styles == {}
        assert subject.shown().links == ()
        assert subject.shown().notified == ()

    @pytest.mark.parametrize("text", [one for one in HOSTILE if "\n" not in one])
    def test_texts_stay_themselves_inside_of_markup(self, subject: ChatSubject, text: str) -> None:
        url = "https://shop.example/"
        subject.post(
            [bold(text), "|", italic(text), "|", link(text, url), quote(text), bullets(text, text)]
        )
        seen = subject.shown()
        assert seen.text == f"{text}|{text}|{text}\n{text}\n- {text}\n- {text}"
        assert seen.styles == {
            "bold": [text],
            "italic": [text],
            "link": [text],
            "quote": [text],
            "bullets": [text, text],
        }
        assert seen.links == (url,)
        assert seen.notified == ()

    def test_markup_is_shown(self, subject: ChatSubject) -> None:
        subject.post(EVERYTHING)
        seen = subject.shown()
        assert seen.text == ("Paid by Ann with a*b, see the order\nso it was\n- one\n- two 2")
        assert seen.styles == {
            "bold": ["Ann", "was", "2"],
            "code": ["a*b"],
            "link": ["the order"],
            "quote": ["so it was"],
            "bullets": ["one", "two 2"],
        }
        assert seen.links == ("https://shop.example/orders?id=7&b=(1)",)

    @pytest.mark.parametrize("text", ["x = 1", "a\nb", "``", "```\nx", "`a`", " ` ", "\\", "a\\"])
    def test_code_holds_whatever_it_is(self, subject: ChatSubject, text: str) -> None:
        subject.post(["see ", code(text), "."])
        lines = [line.strip() for line in subject.shown().text.split("\n") if line.strip()]
        assert "".join(lines).replace(" ", "") == f"see {text}.".replace("\n", "").replace(" ", "")
        assert subject.shown().styles in ({}, {"code": [text]})

    def test_a_mention_is_a_name_unless_it_is_to_notify(self, subject: ChatSubject) -> None:
        subject.post(["ask ", mention(subject.person, "Ann *Lee*")])
        assert subject.shown().text == "ask @Ann *Lee*"
        assert subject.shown().notified == ()

    @exercises(ChatCapability.MENTIONS)
    def test_who_is_mentioned_may_be_notified_and_nobody_else(self, subject: ChatSubject) -> None:
        subject.post(["ask ", mention(subject.person, "Ann"), " @everyone @here"], notify=True)
        assert subject.shown().notified == (subject.person,)
        subject.post(f"ask <@{subject.person}>", notify=True)
        assert subject.shown().notified == ()

    def test_calls_without_a_key_are_messages_of_their_own(self, subject: ChatSubject) -> None:
        for _ in range(2):
            subject.post()
        assert len(subject.seen()) == 2

    def test_a_key_posts_once_where_keys_are_honoured(self, subject: ChatSubject) -> None:
        posts = [subject.post(idempotency_key="order-1") for _ in range(2)]
        if subject.driver.capabilities.idempotency is Idempotency.NONE:
            assert len(subject.seen()) == 2
            return
        assert len(subject.seen()) == 1
        assert posts[0] == posts[1]

    @exercises(ChatCapability.CHANNELS)
    def test_a_channel_that_is_not_there_is_named(self, subject: ChatSubject) -> None:
        with pytest.raises(NotFoundError) as caught:
            subject.post(channel=subject.missing)
        assert caught.value.status
        assert subject.seen() == []

    # Threads, files

    @exercises(ChatCapability.THREADS)
    def test_a_message_answers_another(self, subject: ChatSubject) -> None:
        first = subject.post("first")
        second = subject.post("second", thread=first.id)
        assert [one.text for one in subject.seen()] == ["first", "second"]
        assert subject.shown().thread == first.id.rpartition("~")[2]
        assert second.channel == first.channel

    @exercises(ChatCapability.FILES)
    def test_a_file_is_posted_with_what_is_said_of_it(self, subject: ChatSubject) -> None:
        subject.do(subject.port.upload("Grüße 1.txt", b"a\0\r\n--x\xff", text=["see ", bold("it")]))
        seen = subject.shown()
        assert (seen.file, seen.text) == ("Grüße 1.txt", "see it")
        subject.do(subject.port.upload("b.txt", b"b"))
        assert (subject.shown().file, subject.shown().text) == ("b.txt", "")

    # What becomes of it later

    @exercises(ChatCapability.EDIT)
    def test_a_post_says_something_else(self, subject: ChatSubject) -> None:
        post = subject.post("late")
        subject.do(subject.port.edit(post.id, ["paid by ", bold("*Ann*")]))
        (seen,) = subject.seen()
        assert (seen.text, seen.styles) == ("paid by *Ann*", {"bold": ["*Ann*"]})

    @exercises(ChatCapability.EDIT, ChatCapability.DELETE)
    def test_what_was_deleted_is_gone_and_may_be_deleted_again(self, subject: ChatSubject) -> None:
        post = subject.post("late")
        for _ in range(2):
            subject.do(subject.port.delete(post.id))
        assert subject.seen() == []
        with pytest.raises(NotFoundError):
            subject.do(subject.port.edit(post.id, "paid"))

    @exercises(ChatCapability.REACTIONS)
    def test_a_sign_stands_below_a_post_once(self, subject: ChatSubject) -> None:
        post = subject.post("late")
        for reaction in (*Reaction, Reaction.DONE):
            subject.do(subject.port.react(post.id, reaction))
        assert subject.shown().reactions == frozenset(Reaction)

    # Finding it again

    @exercises(ChatCapability.FIND)
    def test_posts_are_found_by_their_key(self, subject: ChatSubject) -> None:
        since = time.time() - 60
        wanted = subject.post("one", idempotency_key="order-7")
        subject.post("one", idempotency_key="order-70")
        answer = subject.post("two", thread=wanted.id, idempotency_key="order-8")

        def found(key: str, **options: object) -> list[str]:
            asked = {"idempotency_key": key, "since": since} | options
            return [one.id for one in subject.do(subject.port.find(**asked))]

        assert found("order-7") == [wanted.id]
        assert found("order") == []
        assert found("order-8", thread=wanted.id) == [answer.id]
        assert found("order-7", since=time.time() + 60) == []

    @exercises(ChatCapability.FIND)
    def test_posts_are_found_on_every_page(self, subject: ChatSubject) -> None:
        sent = [
            subject.post(f"number {number}", idempotency_key=f"k{number}") for number in range(102)
        ]
        for number in (0, 101):
            since = time.time() - 600
            found = subject.do(subject.port.find(idempotency_key=f"k{number}", since=since))
            assert [one.id for one in found] == [sent[number].id]

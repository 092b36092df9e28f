"""A driver of chat under test, and what it must refuse before any request is sent."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from hardpoint.chat.api import ChatNotifier
from hardpoint.chat.driver import ChatCapability, ChatDriver
from hardpoint.chat.markup import bold, bullets, code, link, mention, quote
from hardpoint.chat.types import Reaction
from hardpoint.core.errors import InvalidRequestError
from hardpoint.sync.chat import ChatNotifier as BlockingNotifier
from hardpoint.testing.conformance.modes import Mode, exercises
from hardpoint.testing.conformance.refusals import (
    PortRefusals,
    PortSubject,
    PortVerb,
    refused,
    unsupported,
)

POST_ID = "ops:C1~1"
_KEY = {"idempotency_key": "k"}


def _post(text: Any = "hello", **options: Any) -> PortVerb:
    return lambda port: port.post(text, **options)


_REFUSED: dict[ChatCapability, PortVerb] = {
    ChatCapability.CHANNELS: _post(channel="elsewhere"),
    ChatCapability.THREADS: _post(thread=POST_ID),
    ChatCapability.EDIT: lambda port: port.edit(POST_ID, "hello"),
    ChatCapability.DELETE: lambda port: port.delete(POST_ID),
    ChatCapability.REACTIONS: lambda port: port.react(POST_ID, Reaction.DONE),
    ChatCapability.FILES: lambda port: port.upload("a.txt", b"x"),
    ChatCapability.MENTIONS: _post([quote(mention("U1", "Ann"))], notify=True),
    ChatCapability.FIND: lambda port: port.find(**_KEY, since=0),
}
_BAD: list[tuple[str, PortVerb]] = [
    *(
        ("text", _post(text))
        for text in (
            "",
            " \n",
            [],
            [""],
            "a\0",
            "a\x1b[31m",
            "a\r",
            "\x9b31m",
            "\ud800",
            [bold("\x07")],
            [quote("\ud800")],
            [bullets("a", "b\0")],
            [code("\x00")],
            5,
            [5],
            [b"x"],
            ["x"] * 501,
            *(
                [link("look", url)]
                for url in (
                    "",
                    "shop.example",
                    "javascript:alert(1)",
                    "ftp://shop.example/",
                    "https://",
                    "https://user:secret@shop.example/",
                    "https://shop.example/a b",
                    "https://shop.example/\n",
                    "https://shop.example:port/",
                    "https://[shop.example/",
                    "https://shop.example/" + "x" * 2000,
                    "https://sh\xf6p.example/",
                )
            ),
            [link("", "https://shop.example/")],
            [link("a\nb", "https://shop.example/")],
            *(
                [mention(user, name)]
                for user, name in (
                    ("", "Ann"),
                    ("U1> <!channel", "Ann"),
                    ("here|x", "Ann"),
                    ("U" * 101, "Ann"),
                    ("U1", ""),
                    ("U1", " "),
                    ("U1", "A\nB"),
                    ("U1", "A" * 101),
                )
            ),
        )
    ),
    ("notify", _post(notify="yes")),
    ("idempotency_key", _post(idempotency_key="")),
]
_BAD_BY_CAPABILITY: list[tuple[ChatCapability, str, PortVerb]] = [
    *(
        (ChatCapability.CHANNELS, "channel", _post(channel=channel))
        for channel in ("", "a b", "a\n", "x" * 101, 5)
    ),
    (ChatCapability.EDIT, "post_id", lambda port: port.edit("C1~1", "x")),
    (ChatCapability.EDIT, "post_id", lambda port: port.edit("other:C1~1", "x")),
    (ChatCapability.EDIT, "post_id", lambda port: port.edit("ops:C1", "x")),
    (ChatCapability.EDIT, "post_id", lambda port: port.edit("ops:~1", "x")),
    (ChatCapability.EDIT, "post_id", lambda port: port.edit("ops:C1/../~1", "x")),
    (ChatCapability.THREADS, "thread", _post(thread="ops:C1")),
    (ChatCapability.THREADS, "thread", _post(thread=POST_ID, channel="C2")),
    (ChatCapability.REACTIONS, "reaction", lambda port: port.react(POST_ID, "x")),
    *(
        (ChatCapability.FILES, "name", lambda port, name=name: port.upload(name, b"x"))
        for name in ("", " ", "a/b", "..", 'a"b', "a\r\nb", "x" * 201, 5)
    ),
    (ChatCapability.FILES, "content", lambda port: port.upload("a.txt", b"")),
    (ChatCapability.FILES, "content", lambda port: port.upload("a.txt", "x")),
    (ChatCapability.FILES, "text", lambda port: port.upload("a.txt", b"x", text=" ")),
    (ChatCapability.FIND, "idempotency_key", lambda port: port.find(idempotency_key=5, since=0)),
    (ChatCapability.FIND, "since", lambda port: port.find(**_KEY, since="x")),
]


@dataclass(frozen=True, kw_only=True)
class ChatSeen:
    """A message as people see it.

    Attributes:
        text: without markup.
        notified: the ids of those who were told of it.
        thread: the provider's id of the message it answers.
        file: the name of its file.
        styles: `bold`, `italic`, `code`, `link`, `quote` and `bullets` to the texts that have them.
        links: where they lead to.
    """

    text: str
    notified: tuple[str, ...] = ()
    thread: str | None = None
    file: str | None = None
    reactions: frozenset[Reaction] = frozenset()
    styles: dict[str, list[str]] = dataclasses.field(default_factory=dict[str, list[str]])
    links: tuple[str, ...] = ()


class ChatSubject(PortSubject):
    """A driver under test, and the strings its provider hangs on.

    Args:
        mode: how it is used; closed with the subject.
        driver: on a transport of that mode, with a channel of its own.
        requests: how many requests reached the provider.
        missing: a channel that passes our checks, and is not there.
        person: the id of somebody who can be mentioned.
        seen: all messages that are there now, oldest first.
    """

    def __init__(
        self,
        mode: Mode,
        driver: ChatDriver,
        *,
        requests: Callable[[], int],
        missing: str,
        person: str,
        seen: Callable[[], list[ChatSeen]],
    ) -> None:
        super().__init__(
            mode, driver, ChatNotifier, BlockingNotifier, name="ops", requests=requests
        )
        self.missing = missing
        self.person = person
        self.seen = seen

    def post(self, text: Any = "hello", **options: Any) -> Any:
        """A message to the channel of the connection."""
        return self.do(self.port.post(text, **options))

    def shown(self) -> ChatSeen:
        """The latest message."""
        return self.seen()[-1]


class ChatRefusals(PortRefusals):
    """What is refused before any request. A subclass gives the fixture `subject`."""

    @pytest.mark.parametrize("capability", list(ChatCapability))
    def test_what_is_not_declared_is_refused_before_any_request(
        self, subject: ChatSubject, capability: ChatCapability
    ) -> None:
        unsupported(subject, capability, _REFUSED[capability])

    def test_bad_input_is_refused_before_any_request(self, subject: ChatSubject) -> None:
        for field, call in _BAD:
            refused(subject, field, call)

    def test_bad_input_for_what_it_can_do_is_refused_before_any_request(
        self, subject: ChatSubject
    ) -> None:
        for capability, field, call in _BAD_BY_CAPABILITY:
            if capability in subject.driver.capabilities.flags:
                refused(subject, field, call)

    def test_one_character_too_many_is_refused_before_any_request(
        self, subject: ChatSubject
    ) -> None:
        most = subject.driver.capabilities.limits["text_characters"]
        with pytest.raises(InvalidRequestError, match=str(most)) as caught:
            subject.post("x" * (most + 1))
        assert caught.value.field == "text"
        assert subject.requests() == 0
        subject.post("x" * most)

    @exercises(ChatCapability.FILES)
    def test_one_byte_too_many_is_refused_before_any_request(self, subject: ChatSubject) -> None:
        most = subject.driver.capabilities.limits["file_bytes"]
        with pytest.raises(InvalidRequestError, match=str(most)) as caught:
            subject.do(subject.port.upload("a.bin", bytes(most + 1)))
        assert caught.value.field == "content"
        assert subject.requests() == 0


EVERYTHING = [
    "Paid by ",
    bold("Ann"),
    " with ",
    code("a*b"),
    ", see ",
    link("the order", "https://shop.example/orders?id=7&b=(1)"),
    quote("so it ", bold("was")),
    bullets("one", ["two ", bold("2")]),
]
"""A message with all kinds of parts that need no person."""

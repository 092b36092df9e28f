"""The values of the chat port; a provider's words are translated into these and no others."""

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, ClassVar

import msgspec

from hardpoint.chat.markup import ChatText, plain
from hardpoint.http.redaction import Discreet, length


class Reaction(StrEnum):
    """What can be put below a message, wherever it was posted; the value is the sign itself."""

    THUMBS_UP = "\U0001f44d"
    THUMBS_DOWN = "\U0001f44e"
    DONE = "\u2705"
    FAILED = "\u274c"
    SEEN = "\U0001f440"
    WARNING = "\u26a0\ufe0f"
    WAITING = "\u23f3"
    QUESTION = "\u2753"
    FIRE = "\U0001f525"
    ROCKET = "\U0001f680"
    HEART = "\u2764\ufe0f"
    PARTY = "\U0001f389"


class _Discreet(Discreet, frozen=True, kw_only=True):
    """Shown without what is said in it."""

    masks: ClassVar[Mapping[str, Callable[[Any], str]]] = {
        "text": lambda text: length(plain(text)),
        "content": lambda content: f"<{len(content)} bytes>",
    }


class NewPost(_Discreet, frozen=True, kw_only=True):
    """What a driver is asked to post; checked by the port.

    Attributes:
        key: names the call; goes along where the provider keeps such a thing.
        channel: where; None is the driver's own.
        thread: the provider's id of the message that is answered.
        notify: whether mentions tell those who are mentioned.
    """

    key: str
    text: ChatText
    channel: str | None = None
    thread: str | None = None
    notify: bool = False
    extra: Mapping[str, object] = {}


class NewFile(_Discreet, frozen=True, kw_only=True):
    """A file that a driver is asked to post, with what is said of it; see `NewPost`."""

    key: str
    name: str
    content: bytes
    text: ChatText = ()
    channel: str | None = None
    thread: str | None = None
    notify: bool = False


class NewText(_Discreet, frozen=True, kw_only=True):
    """What a message is to say from now on; channel and message are the provider's ids."""

    channel: str
    message: str
    text: ChatText
    notify: bool = False


class Post(msgspec.Struct, frozen=True, kw_only=True):
    """A message that was posted.

    Attributes:
        id: with its connection and channel, `ops:C024BE91L~1503435956.000247`; None where the
            provider does not say, so that it cannot be changed later.
        channel: the provider's id of it; empty where it does not say.
        idempotency_key: of the call that posted it.
        created: Unix seconds; None where the provider does not say.
    """

    id: str | None
    channel: str
    idempotency_key: str
    created: float | None = None


class PostPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some of our messages, and where the next ones start; None when there are no more."""

    posts: tuple[Post, ...]
    cursor: str | None = None

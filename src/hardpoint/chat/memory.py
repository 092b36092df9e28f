"""Chat in memory: the reference that says what every driver has to mean.

It keeps what was posted, honours idempotency keys unless told otherwise, and is told by the name of
the channel how a call ends.
"""

import time
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import final

import msgspec

from hardpoint.chat.driver import ChatCapability
from hardpoint.chat.markup import ChatText, plain
from hardpoint.chat.types import NewFile, NewPost, NewText, Post, PostPage, Reaction
from hardpoint.core.capabilities import Idempotency
from hardpoint.core.errors import NotFoundError
from hardpoint.fakes.answers import Answers
from hardpoint.fakes.memory import MemoryAccount

CHANNEL = "general"
MISSING = "missing"
"""The channel that is not there."""

_LIMITS = {"text_characters": 2000, "file_bytes": 1_000_000}
_PAGE = 50


class MemoryMessage(msgspec.Struct, kw_only=True):
    """A message as it is now."""

    channel: str
    text: ChatText
    key: str
    created: float
    notify: bool = False
    thread: str | None = None
    file: str | None = None
    reactions: set[Reaction] = msgspec.field(default_factory=set[Reaction])


@final
class MemoryChat(MemoryAccount[None]):
    """A workspace that lives as long as this object.

    Args:
        channel: where a call posts that names none.
        now: Unix seconds.
        capabilities: what it can do; all, unless a test wants less.
        idempotency: whether it honours keys.
    """

    def __init__(
        self,
        channel: str | None = CHANNEL,
        *,
        now: Callable[[], float] = time.time,
        capabilities: AbstractSet[ChatCapability] = frozenset(ChatCapability),
        idempotency: Idempotency = Idempotency.NATIVE,
    ) -> None:
        self.channel = channel
        super().__init__(capabilities, idempotency, _LIMITS, now)
        self._messages: dict[str, MemoryMessage] = {}
        self._answers = Answers[Post]()
        self._posts = 0

    @property
    def messages(self) -> Mapping[str, MemoryMessage]:
        """What was posted and is there, by its id, oldest first."""
        return self._messages

    def characters(self, text: ChatText, *, notify: bool) -> int:
        """Those without markup."""
        del notify
        return len(plain(text))

    async def post(self, new: NewPost, *, idempotency_key: str) -> Post:
        """Post it."""
        return self._once(new, idempotency_key)

    async def upload(self, new: NewFile, *, idempotency_key: str) -> Post:
        """Post it."""
        return self._once(new, idempotency_key)

    async def edit(self, new: NewText) -> None:
        """Change it."""
        self.requests += 1
        message = self._messages.get(new.message)
        if message is None:
            raise NotFoundError(status=404)
        message.text = new.text

    async def delete(self, channel: str, message: str) -> None:
        """Take it away."""
        self.requests += 1
        self._messages.pop(message, None)

    async def react(self, channel: str, message: str, reaction: Reaction) -> None:
        """Put it below."""
        self.requests += 1
        found = self._messages.get(message)
        if found is None:
            raise NotFoundError(status=404)
        found.reactions.add(reaction)

    async def list_posts(
        self, *, channel: str | None, thread: str | None, since: float, cursor: str | None
    ) -> PostPage:
        """A page, newest first."""
        self.requests += 1
        start = int(cursor or 0)
        found = [
            Post(id=name, channel=one.channel, idempotency_key=one.key, created=one.created)
            for name, one in reversed(self._messages.items())
            if (one.channel, one.thread) == (channel or self.channel, thread)
            and one.created >= since
        ]
        more = len(found) > start + _PAGE
        return PostPage(
            posts=tuple(found[start : start + _PAGE]), cursor=str(start + _PAGE) if more else None
        )

    def _once(self, new: NewPost | NewFile, key: str) -> Post:
        self.requests += 1
        if self.capabilities.idempotency is Idempotency.NONE:
            return self._posted(new)
        return self._answers.under(key, new, lambda: self._posted(new))

    def _posted(self, new: NewPost | NewFile) -> Post:
        channel = new.channel or self.channel or ""
        if channel == MISSING or (new.thread is not None and new.thread not in self._messages):
            raise NotFoundError(status=404)
        self._posts += 1
        identifier = f"m{self._posts:06d}"
        self._messages[identifier] = MemoryMessage(
            channel=channel,
            text=new.text,
            key=new.key,
            created=self._now(),
            notify=new.notify,
            thread=new.thread,
            file=new.name if isinstance(new, NewFile) else None,
        )
        return Post(
            id=identifier,
            channel=channel,
            idempotency_key=new.key,
            created=self._messages[identifier].created,
        )

"""The chat port: what users hold. Checked before any I/O, run under the connection's policy."""

from collections.abc import Mapping
from typing import Any, final

import msgspec

from hardpoint.calls.call import CallKey, Calls
from hardpoint.calls.connection import Connection
from hardpoint.calls.journalled import CallSpec, Search
from hardpoint.calls.pace import PacedDriver, RoutePace
from hardpoint.chat.driver import ChatCapability, ChatDriver
from hardpoint.chat.markup import ChatText, ChatWriting, Mention, checked_text, inner
from hardpoint.chat.types import NewFile, NewPost, NewText, Post, PostPage, Reaction
from hardpoint.core.arguments import KINDS_OF_BYTES, NUMBER, TEXT, expect, extras_of
from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.outcome import Operation, Repeat

PAGES_MAX = 100
"""How many pages `find` reads before it gives up."""

_POST = Operation("post", Repeat.NEEDS_KEY)
_UPLOAD = Operation("upload", Repeat.NEEDS_KEY)
_EDIT = Operation("edit", Repeat.IDEMPOTENT)
_DELETE = Operation("delete", Repeat.IDEMPOTENT)
_REACT = Operation("react", Repeat.IDEMPOTENT)
_LIST = Operation("find", Repeat.SAFE)

_JOINT = "~"
_CHANNEL_CHARACTERS_MAX = 100
_NAME_CHARACTERS_MAX = 200
_EMPTY: Mapping[str, Any] = {}


@final
class ChatNotifier:
    """Posts to a chat through one connection.

    Args:
        driver: the provider's.
        connection: its name, policy and runtime.

    Raises (every verb):
        InvalidRequestError: an argument is wrong (`field` says which; without `status` nothing was
            sent), or the provider says so.
        UnsupportedError: the provider, or the credential, cannot do that; nothing was sent.
        OutcomeUnknownError: the message may have been posted. Where it is `repeatable`, post again
            under its key; else look with `find` first.
        ProviderError, RejectedError, TimedOutError: see `hardpoint.core.errors`.
    """

    def __init__(self, driver: ChatDriver, connection: Connection) -> None:
        self.driver = driver
        """The provider's own driver: the way round the port."""
        self.connection = connection
        self._calls = Calls(connection, driver)
        if isinstance(driver, PacedDriver):
            # Not of the policy: one limit among several makes no call of another wait in line.
            driver.heed_limits(RoutePace(None, connection.clock, driver.provider))

    async def post(
        self,
        text: ChatWriting,
        *,
        channel: str | None = None,
        thread: str | None = None,
        notify: bool = False,
        idempotency_key: str | None = None,
        extra: Mapping[str, Mapping[str, object]] = _EMPTY,
    ) -> Post:
        """Post a message.

        Args:
            text: a string, which is shown as it stands, or a list of strings and of what `bold`,
                `link`, `quote` and their like make.
            channel: the provider's id of it; else the connection's own.
            thread: the id of the post that is answered: the first of its thread.
            notify: tell those who are mentioned; else nobody is told, whatever the text says.
            idempotency_key: names this call; the same key posts once, by the provider's word or by
                the connection's journal. In a handler a call without one gets the job's own.
            extra: `{"slack": {...}}`, passed on to that provider only, and not checked.
        """
        written = self._text(text, notify=notify)
        channel, message = self._where(channel, thread)
        asked = NewPost(
            key="",
            text=written,
            channel=channel,
            thread=message,
            notify=notify,
            extra=extras_of(extra, self.driver.provider),
        )
        key = self._calls.key(_POST, idempotency_key, asked)
        new = msgspec.structs.replace(asked, key=key.text)
        post = await self._calls.run_keyed(
            _POST,
            lambda derived: self.driver.post(new, idempotency_key=derived),
            key,
            CallSpec(arguments=asked, returns=Post, search=self._search(new, key)),
        )
        return self._ours(post)

    async def upload(
        self,
        name: str,
        content: bytes,
        *,
        text: ChatWriting = (),
        channel: str | None = None,
        thread: str | None = None,
        notify: bool = False,
        idempotency_key: str | None = None,
    ) -> Post:
        """Post a file.

        Args:
            name: what it is called, `report.pdf`.
            content: all of it.
            text: what is said of it.
            channel: as of `post`.
            thread: likewise.
            notify: likewise.
            idempotency_key: likewise.
        """
        self._require(ChatCapability.FILES)
        _check_name(name)
        expect(content, KINDS_OF_BYTES, "content", "the file's bytes")
        most = self.driver.capabilities.limits["file_bytes"]
        if not 0 < len(content) <= most:
            raise InvalidRequestError(f"has not from 1 to {most} bytes", field="content")
        written = self._text(text, notify=notify) if text != () else ()
        channel, message = self._where(channel, thread)
        asked = NewFile(
            key="",
            name=name,
            content=bytes(content),
            text=written,
            channel=channel,
            thread=message,
            notify=notify,
        )
        key = self._calls.key(_UPLOAD, idempotency_key, asked)
        new = msgspec.structs.replace(asked, key=key.text)
        post = await self._calls.run_keyed(
            _UPLOAD,
            lambda derived: self.driver.upload(new, idempotency_key=derived),
            key,
            CallSpec(arguments=asked, returns=Post),
        )
        return self._ours(post)

    async def edit(self, post_id: str, text: ChatWriting, *, notify: bool = False) -> None:
        """Let a post say something else.

        Raises:
            NotFoundError: it is not there.
        """
        self._require(ChatCapability.EDIT)
        channel, message = self._local(post_id, "post_id")
        written = self._text(text, notify=notify)
        new = NewText(channel=channel, message=message, text=written, notify=notify)
        await self._calls.run(_EDIT, lambda: self.driver.edit(new))

    async def delete(self, post_id: str) -> None:
        """Take a post away; one that is not there any more is as good."""
        self._require(ChatCapability.DELETE)
        channel, message = self._local(post_id, "post_id")
        await self._calls.run(_DELETE, lambda: self.driver.delete(channel, message))

    async def react(self, post_id: str, reaction: Reaction) -> None:
        """Put a sign below a post; twice is as good as once.

        Raises:
            NotFoundError: it is not there.
        """
        self._require(ChatCapability.REACTIONS)
        expect(reaction, Reaction, "reaction", "one of Reaction")
        channel, message = self._local(post_id, "post_id")
        await self._calls.run(_REACT, lambda: self.driver.react(channel, message, reaction))

    async def find(
        self,
        *,
        idempotency_key: str,
        since: float,
        channel: str | None = None,
        thread: str | None = None,
    ) -> tuple[Post, ...]:
        """What a call under a key has posted, newest first: one found settles its outcome.

        Args:
            idempotency_key: the caller's, or that of an `OutcomeUnknownError`.
            since: Unix seconds.
            channel: where it was posted to.
            thread: what it answered.

        Raises:
            InvalidRequestError: more pages than `PAGES_MAX`.
        """
        self._require(ChatCapability.FIND)
        expect(idempotency_key, str, "idempotency_key", TEXT)
        expect(since, (int, float), "since", NUMBER)
        channel, message = self._where(channel, thread)
        found = await self._listed(channel, message, since)
        return tuple([self._ours(one) for one in found if one.idempotency_key == idempotency_key])

    def _search(self, new: NewPost, key: CallKey) -> Search[Post] | None:
        """How to look for a message that may have been posted: by the key, which goes along."""
        if ChatCapability.FIND not in self.driver.capabilities.flags:
            return None

        async def find(since: float) -> list[Post]:
            found = await self._listed(new.channel, new.thread, since)
            return [one for one in found[::-1] if one.idempotency_key == key.text]

        return Search(like=key.text, find=find, likes=lambda one: one.idempotency_key)

    async def _listed(self, channel: str | None, thread: str | None, since: float) -> list[Post]:
        """Our messages there, newest first, with the provider's own ids."""
        found: list[Post] = []
        cursor: str | None = None
        for _ in range(PAGES_MAX):
            page = await self._page(channel, thread, since, cursor)
            found += page.posts
            cursor = page.cursor
            if cursor is None:
                return found
        raise InvalidRequestError(
            f"covers more than {PAGES_MAX} pages of messages; name a later time", field="since"
        )

    async def _page(
        self, channel: str | None, thread: str | None, since: float, cursor: str | None
    ) -> PostPage:
        return await self._calls.run(
            _LIST,
            lambda: self.driver.list_posts(
                channel=channel, thread=thread, since=since, cursor=cursor
            ),
        )

    def _ours(self, post: Post) -> Post:
        if post.id is None:
            return post
        local = f"{post.channel}{_JOINT}{post.id}"
        return msgspec.structs.replace(post, id=self.connection.qualified(local))

    # Checks, all before any I/O

    def _require(self, capability: ChatCapability) -> None:
        self.driver.capabilities.require(capability, self.driver.provider)

    def _text(self, text: ChatWriting, *, notify: bool) -> ChatText:
        written = checked_text(text)
        expect(notify, bool, "notify", "True or False")
        if notify and any(isinstance(one, Mention) for one in inner(written)):
            self._require(ChatCapability.MENTIONS)
        most = self.driver.capabilities.limits["text_characters"]
        if self.driver.characters(written, notify=notify) > most:
            raise InvalidRequestError(
                f"has more than {most} characters, its markup included", field="text"
            )
        return written

    def _where(self, channel: str | None, thread: str | None) -> tuple[str | None, str | None]:
        """The channel, and the provider's id of the message that is answered there."""
        message = None
        if channel is not None:
            _check_channel(channel)
            self._require(ChatCapability.CHANNELS)
        if thread is not None:
            self._require(ChatCapability.THREADS)
            of_thread, message = self._local(thread, "thread")
            if channel is None:
                channel = of_thread
            elif channel != of_thread:
                raise InvalidRequestError("is in another channel", field="thread")
        flags = self.driver.capabilities.flags
        if channel is None and self.driver.channel is None and ChatCapability.CHANNELS in flags:
            raise InvalidRequestError(
                "is missing, and the connection has no channel", field="channel"
            )
        return channel, message

    def _local(self, post_id: str, field: str) -> tuple[str, str]:
        """The provider's ids of a post's channel and message."""
        local = self.connection.local(post_id, field=field)
        channel, joint, message = local.partition(_JOINT)
        if not (channel and joint and message):
            raise InvalidRequestError(f"{post_id!r:.80} is not the id of a post", field=field)
        return channel, message


def _check_channel(channel: str) -> None:
    expect(channel, str, "channel", "the provider's id of it")
    if (
        not 0 < len(channel) <= _CHANNEL_CHARACTERS_MAX
        or not channel.isprintable()
        or any(one.isspace() for one in channel)
    ):
        raise InvalidRequestError("is not a channel", field="channel")


def _check_name(name: str) -> None:
    expect(name, str, "name", "what the file is called")
    odd = not name.isprintable() or not name.strip() or set(name) & set('/\\":<>|?*')
    if odd or len(name) > _NAME_CHARACTERS_MAX or name in {".", ".."}:
        raise InvalidRequestError("is not the name of a file", field="name")

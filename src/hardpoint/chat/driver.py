"""What a provider's chat must offer: one attempt each, errors mapped, nothing decided."""

from enum import StrEnum
from typing import Protocol

from hardpoint.calls.call import Driver
from hardpoint.chat.markup import ChatText
from hardpoint.chat.types import NewFile, NewPost, NewText, Post, PostPage, Reaction


class ChatCapability(StrEnum):
    """What not every provider, and not every kind of credential, can do."""

    CHANNELS = "channels"
    """A call names its channel; else the credential belongs to one."""
    THREADS = "threads"
    """A message answers another, in its thread."""
    EDIT = "edit"
    DELETE = "delete"
    REACTIONS = "reactions"
    FILES = "files"
    MENTIONS = "mentions"
    """People who are mentioned can be notified."""
    FIND = "find"
    """Messages can be found by the key of the call that posted them."""


class ChatDriver(Driver, Protocol):
    """A provider's chat. Ids of channels and messages are the provider's own.

    Limits read by the port: `text_characters`, `file_bytes`.
    """

    @property
    def channel(self) -> str | None:
        """Where a call posts that names no channel; None where it has to, or where there is one."""
        ...

    def characters(self, text: ChatText, *, notify: bool) -> int:
        """How many a text has as the provider counts them, its markup included."""
        ...

    async def post(self, new: NewPost, *, idempotency_key: str) -> Post:
        """Post a message."""
        ...

    async def upload(self, new: NewFile, *, idempotency_key: str) -> Post:
        """Post a file."""
        ...

    async def edit(self, new: NewText) -> None:
        """Let a message say something else."""
        ...

    async def delete(self, channel: str, message: str) -> None:
        """Take a message away; one that is not there any more is as good."""
        ...

    async def react(self, channel: str, message: str, reaction: Reaction) -> None:
        """Put a sign below a message; one that is there already is as good."""
        ...

    async def list_posts(
        self, *, channel: str | None, thread: str | None, since: float, cursor: str | None
    ) -> PostPage:
        """A page of the messages that calls of ours posted, each with the key of its call."""
        ...

"""The blocking facade of `hardpoint.chat`; written by scripts/generate_sync."""

from collections.abc import Mapping
from hardpoint.chat.api import _EMPTY
from hardpoint.chat.markup import ChatWriting
from hardpoint.chat.types import Post, Reaction
from hardpoint.runtime.blocking import run
import hardpoint.chat.api as asynchronous

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

    def __init__(self, wrapped: asynchronous.ChatNotifier) -> None:
        self.asynchronous = wrapped

    def post(self, text: ChatWriting, *, channel: str | None=None, thread: str | None=None, notify: bool=False, idempotency_key: str | None=None, extra: Mapping[str, Mapping[str, object]]=_EMPTY) -> Post:
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
        return run(self.asynchronous.post(text, channel=channel, thread=thread, notify=notify, idempotency_key=idempotency_key, extra=extra))

    def upload(self, name: str, content: bytes, *, text: ChatWriting=(), channel: str | None=None, thread: str | None=None, notify: bool=False, idempotency_key: str | None=None) -> Post:
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
        return run(self.asynchronous.upload(name, content, text=text, channel=channel, thread=thread, notify=notify, idempotency_key=idempotency_key))

    def edit(self, post_id: str, text: ChatWriting, *, notify: bool=False) -> None:
        """Let a post say something else.

        Raises:
            NotFoundError: it is not there.
        """
        return run(self.asynchronous.edit(post_id, text, notify=notify))

    def delete(self, post_id: str) -> None:
        """Take a post away; one that is not there any more is as good."""
        return run(self.asynchronous.delete(post_id))

    def react(self, post_id: str, reaction: Reaction) -> None:
        """Put a sign below a post; twice is as good as once.

        Raises:
            NotFoundError: it is not there.
        """
        return run(self.asynchronous.react(post_id, reaction))

    def find(self, *, idempotency_key: str, since: float, channel: str | None=None, thread: str | None=None) -> tuple[Post, ...]:
        """What a call under a key has posted, newest first: one found settles its outcome.

        Args:
            idempotency_key: the caller's, or that of an `OutcomeUnknownError`.
            since: Unix seconds.
            channel: where it was posted to.
            thread: what it answered.

        Raises:
            InvalidRequestError: more pages than `PAGES_MAX`.
        """
        return run(self.asynchronous.find(idempotency_key=idempotency_key, since=since, channel=channel, thread=thread))

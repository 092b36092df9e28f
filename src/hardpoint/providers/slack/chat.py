"""Slack's messages: the Web API for a bot, and incoming webhooks.

https://docs.slack.dev/reference/methods/chat.postMessage, read 2026-12-01.

There are no idempotency keys: `client_msg_id` stands among the errors of some methods, but nowhere
among their arguments. The key goes along as metadata of the message, by which it is found again.
"""

from collections.abc import Collection
from typing import Any, TypeVar, final
from urllib.parse import urlsplit

from hardpoint.chat.driver import ChatCapability
from hardpoint.chat.markup import ChatText, plain
from hardpoint.chat.types import NewFile, NewPost, NewText, Post, PostPage, Reaction
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import UnavailableError, UnexpectedResponseError
from hardpoint.http.auth import SecretAddress, bearer
from hardpoint.http.client import ApiClient
from hardpoint.http.extras import merged
from hardpoint.http.forms import encode
from hardpoint.http.json_api import JsonApi, RequestPace
from hardpoint.http.messages import Request, Response, Transport
from hardpoint.providers.slack import HOSTS, UPLOAD_HOST, Slack, wire
from hardpoint.providers.slack.errors import ERRORS
from hardpoint.providers.slack.writing import blocks, written

EVENT_TYPE = "hardpoint_post"
"""What the metadata of our messages are called."""

_LIMITS = {
    "text_characters": 12_000,  # Slack refuses blocks from about 13 000 on, and does not say where
    "file_bytes": 25_000_000,  # ours: it is held in memory; Slack takes 1 GB
}
_PAGE = 100
_NAMES = {
    Reaction.THUMBS_UP: "thumbsup",
    Reaction.THUMBS_DOWN: "thumbsdown",
    Reaction.DONE: "white_check_mark",
    Reaction.FAILED: "x",
    Reaction.SEEN: "eyes",
    Reaction.WARNING: "warning",
    Reaction.WAITING: "hourglass_flowing_sand",
    Reaction.QUESTION: "question",
    Reaction.FIRE: "fire",
    Reaction.ROCKET: "rocket",
    Reaction.HEART: "heart",
    Reaction.PARTY: "tada",
}
_QUIET = {"unfurl_links": False, "unfurl_media": False}
_Kind = TypeVar("_Kind", bound=wire.Answer)


@final
class SlackChat:
    """Slack's messages, by a bot's token or by an incoming webhook, which can only post."""

    provider = "slack"
    capabilities = Capabilities(
        frozenset(ChatCapability), idempotency=Idempotency.NONE, limits=_LIMITS
    )

    def __init__(self, transport: Transport, settings: Slack) -> None:
        self._transport = transport
        self.channel = settings.channel
        credential = settings.credential()
        self._incoming = credential if isinstance(credential, SecretAddress) else None
        base_url, hosts = settings.base_url, HOSTS
        if self._incoming is not None:
            base_url, hosts = self._incoming.base_url, self._incoming.hosts
            self.capabilities = Capabilities(
                {ChatCapability.MENTIONS}, idempotency=Idempotency.NONE, limits=_LIMITS
            )
        own = urlsplit(base_url)
        self._uploads = {("https", UPLOAD_HOST)}
        if own.scheme == "http":  # a fake on loopback, which takes uploads itself
            self._uploads.add(("http", own.netloc))
        self._client = ApiClient(
            transport,
            base_url=base_url,
            hosts=hosts,
            authorization=bearer(credential),
            secret_path=self._incoming is not None,
        )
        self._api = JsonApi(self._client, ERRORS, refusal=wire.Refusal)

    def heed_limits(self, pace: RequestPace) -> None:
        """Have what a limit is used up for wait, by what answers say of each."""
        self._api.pace = pace

    def characters(self, text: ChatText, *, notify: bool) -> int:
        """Those that are shown."""
        del notify
        return len(plain(text))

    async def post(self, new: NewPost, *, idempotency_key: str) -> Post:
        """Post a message. Slack has no use for a key; `new.key` goes along."""
        document: dict[str, Any] = {
            "channel": new.channel or self.channel,
            **written(new.text, notify=new.notify),
            "thread_ts": new.thread,
            **_QUIET,
            "metadata": {"event_type": EVENT_TYPE, "event_payload": {"key": new.key}},
        }
        document = merged(_given(document), new.extra, self.provider)
        if self._incoming is not None:
            reply = await self._api.send("POST", self._incoming.target(), document=document)
            if reply.body.strip() != b"ok":
                raise ERRORS.unreadable(reply)
            return Post(id=None, channel="", idempotency_key=new.key)
        reply, found = await self._call("chat.postMessage", wire.Posted, document=document)
        return Post(
            id=found.ts,
            channel=found.channel,
            idempotency_key=new.key,
            created=_seconds(reply, found.ts),
        )

    async def upload(self, new: NewFile, *, idempotency_key: str) -> Post:
        """Post a file: nobody sees it before the last of three requests."""
        form = encode({"filename": new.name, "length": len(new.content)})
        method = "files.getUploadURLExternal"
        _, place = await self._call(method, wire.UploadPlace, form=form)
        parts = urlsplit(place.upload_url)
        if (parts.scheme, parts.netloc) not in self._uploads:
            raise UnexpectedResponseError(
                "the file is to go to a host that is not Slack's", outcome_known=True
            )
        taken = await self._transport.send(
            Request(
                method="POST",
                url=place.upload_url,
                headers=(("content-type", "application/octet-stream"),),
                body=new.content,
                secret_path=True,
            )
        )
        if taken.status != 200:
            raise UnavailableError("the file was not taken", status=taken.status)
        channel = new.channel or self.channel or ""
        document = {
            "files": [{"id": place.file_id, "title": new.name}],
            "channel_id": channel,
            "thread_ts": new.thread,
            "blocks": blocks(new.text, notify=new.notify) if new.text else None,
        }
        await self._call("files.completeUploadExternal", wire.Answer, document=_given(document))
        return Post(id=None, channel=channel, idempotency_key=new.key)

    async def edit(self, new: NewText) -> None:
        """Let a message say something else."""
        document = {
            "channel": new.channel,
            "ts": new.message,
            **written(new.text, notify=new.notify),
        }
        await self._call("chat.update", wire.Answer, document=document)

    async def delete(self, channel: str, message: str) -> None:
        """Take a message away."""
        document = {"channel": channel, "ts": message}
        await self._call(
            "chat.delete", wire.Answer, document=document, as_good={"message_not_found"}
        )

    async def react(self, channel: str, message: str, reaction: Reaction) -> None:
        """Put a sign below a message."""
        document = {"channel": channel, "timestamp": message, "name": _NAMES[reaction]}
        await self._call(
            "reactions.add", wire.Answer, document=document, as_good={"already_reacted"}
        )

    async def list_posts(
        self, *, channel: str | None, thread: str | None, since: float, cursor: str | None
    ) -> PostPage:
        """A page of a channel's messages, or of a thread's, as far as calls of ours made them."""
        channel = channel or self.channel or ""
        form = {
            "channel": channel,
            "ts": thread,
            "oldest": f"{since:.6f}",
            "limit": _PAGE,
            "include_all_metadata": True,
            "cursor": cursor,
        }
        method = "conversations.history" if thread is None else "conversations.replies"
        reply, found = await self._call(method, wire.History, form=encode(form))
        posts = [
            Post(
                id=one.ts,
                channel=channel,
                idempotency_key=key,
                created=_seconds(reply, one.ts),
            )
            for one in found.messages
            if one.metadata.event_type == EVENT_TYPE
            and isinstance(key := one.metadata.event_payload.get("key"), str)
        ]
        return PostPage(posts=tuple(posts), cursor=found.response_metadata.next_cursor or None)

    async def _call(
        self,
        method: str,
        kind: type[_Kind],
        *,
        document: object = None,
        form: bytes | None = None,
        as_good: Collection[str] = (),
    ) -> tuple[Response, _Kind]:
        """One method's answer; status 200 says nothing, `ok` does."""
        reply = await self._api.send("POST", f"/api/{method}", document=document, form=form)
        found = self._api.read(reply, kind)
        if not found.ok and found.error not in as_good:
            raise ERRORS.refusal(reply, found.problem(reply), self._client.secrets())
        return reply, found


def _given(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def _seconds(reply: Response, ts: str) -> float:
    """The time in a message's id.

    Raises:
        UnexpectedResponseError: it has none.
    """
    try:
        return float(ts)
    except ValueError:
        raise ERRORS.unreadable(reply) from None

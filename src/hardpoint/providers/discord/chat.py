"""Discord's messages: the API for a bot, and webhooks of a channel.

https://docs.discord.com/developers/resources/message, read 2026-12-01.

A bot's message carries a nonce. For "the past few minutes" Discord gives the message that came with
the same one, in place of a second; we take that for two minutes. A webhook has nothing of the kind.
"""

from typing import Any, final
from urllib.parse import quote

import msgspec

from hardpoint.chat.driver import ChatCapability
from hardpoint.chat.markup import ChatText
from hardpoint.chat.types import NewFile, NewPost, NewText, Post, PostPage, Reaction
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import InvalidRequestError, NotFoundError, UnsupportedError
from hardpoint.http.auth import Authorization, Bearer, SecretAddress
from hardpoint.http.client import ApiClient
from hardpoint.http.extras import merged
from hardpoint.http.forms import FormPart, multipart
from hardpoint.http.json_api import JsonApi, RequestPace
from hardpoint.http.messages import Response, Transport
from hardpoint.providers.discord import HOSTS, SNOWFLAKE, Discord, wire
from hardpoint.providers.discord.errors import ERRORS
from hardpoint.providers.discord.writing import notified, written

USER_AGENT = "DiscordBot (hardpoint, 0.1)"
"""In the form that Discord asks for, and whose lack its network may refuse."""

_LIMITS = {
    "text_characters": 2000,
    "file_bytes": 10 * 2**20,  # of a server without boosts
}
_FLAGS = frozenset(ChatCapability) - {ChatCapability.FIND}
_OF_A_WEBHOOK = _FLAGS - {
    ChatCapability.CHANNELS,
    ChatCapability.THREADS,
    ChatCapability.REACTIONS,
}
_EPOCH_MS = 1_420_070_400_000
_GONE = "10008"


@final
class DiscordChat:
    """Discord's messages, by a bot's token or by a webhook, which sees its own messages only."""

    provider = "discord"
    capabilities = Capabilities(
        _FLAGS,
        idempotency=Idempotency.WINDOWED,
        key_length_max=25,
        key_seconds=120,
        limits=_LIMITS,
    )

    def __init__(self, transport: Transport, settings: Discord) -> None:
        credential = settings.credential()
        self._incoming = credential if isinstance(credential, SecretAddress) else None
        self.channel = settings.channel
        base_url = settings.base_url
        if isinstance(credential, SecretAddress):
            authorization: Authorization = credential
            base_url = credential.base_url
            self.capabilities = Capabilities(
                _OF_A_WEBHOOK, idempotency=Idempotency.NONE, limits=_LIMITS
            )
        else:
            authorization = Bearer(credential, word="Bot")
        client = ApiClient(
            transport,
            base_url=base_url,
            hosts=HOSTS,
            authorization=authorization,
            headers=(("user-agent", USER_AGENT),),
            secret_path=self._incoming is not None,
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal, success={200, 204})

    def heed_limits(self, pace: RequestPace) -> None:
        """Have what a limit is used up for wait, by what answers say of each."""
        self._api.pace = pace

    def characters(self, text: ChatText, *, notify: bool) -> int:
        """Those of its markdown, with all that is escaped."""
        notified(text, notify=notify)
        return len(written(text, notify=notify))

    async def post(self, new: NewPost, *, idempotency_key: str) -> Post:
        """Post a message, under a nonce where Discord takes one."""
        document = merged(self._document(new, idempotency_key), new.extra, self.provider)
        reply = await self._api.send("POST", self._messages(new.channel), document=document)
        return self._posted(reply, new.key)

    async def upload(self, new: NewFile, *, idempotency_key: str) -> Post:
        """Post a file: one request of several parts."""
        document = self._document(new, idempotency_key)
        document["attachments"] = [{"id": 0, "filename": new.name}]
        said = msgspec.json.encode(document)
        kind, body = multipart(
            [
                FormPart(name="payload_json", content=said, kind="application/json"),
                FormPart(name="files[0]", content=new.content, filename=new.name),
            ]
        )
        reply = await self._api.send(
            "POST", self._messages(new.channel), body=body, headers=(("content-type", kind),)
        )
        return self._posted(reply, new.key)

    async def edit(self, new: NewText) -> None:
        """Let a message say something else."""
        document = _content(new.text, notify=new.notify)
        await self._api.send("PATCH", self._message(new.channel, new.message), document=document)

    async def delete(self, channel: str, message: str) -> None:
        """Take a message away."""
        try:
            await self._api.send("DELETE", self._message(channel, message))
        except NotFoundError as error:
            if error.vendor_code != _GONE:
                raise

    async def react(self, channel: str, message: str, reaction: Reaction) -> None:
        """Put a sign below a message."""
        sign = quote(reaction.value, safe="")
        await self._api.send("PUT", f"{self._message(channel, message)}/reactions/{sign}/@me")

    async def list_posts(
        self, *, channel: str | None, thread: str | None, since: float, cursor: str | None
    ) -> PostPage:
        """Not offered: what Discord lists does not say which call made it."""
        raise UnsupportedError("discord does not support find; nothing was sent")

    def _document(self, new: NewPost | NewFile, key: str) -> dict[str, Any]:
        document = _content(new.text, notify=new.notify)
        if self._incoming is None:
            document |= {"nonce": key, "enforce_nonce": True}
        if new.thread is not None:
            document["message_reference"] = {
                "message_id": _snowflake(new.thread, "thread"),
                "fail_if_not_exists": True,
            }
        return document

    def _messages(self, channel: str | None) -> str:
        """Where messages are posted to."""
        if self._incoming is not None:
            return f"{self._incoming.target()}?wait=true"
        return f"/api/v10/channels/{_snowflake(channel or self.channel or '', 'channel')}/messages"

    def _message(self, channel: str, message: str) -> str:
        """Where one message is."""
        message = _snowflake(message, "post_id")
        if self._incoming is not None:
            return f"{self._incoming.target()}/messages/{message}"
        return f"/api/v10/channels/{_snowflake(channel, 'post_id')}/messages/{message}"

    def _posted(self, reply: Response, key: str) -> Post:
        found = self._api.read(reply, wire.Message)
        if not (SNOWFLAKE.fullmatch(found.id) and SNOWFLAKE.fullmatch(found.channel_id)):
            raise ERRORS.unreadable(reply)
        return Post(
            id=found.id,
            channel=found.channel_id,
            idempotency_key=key,
            created=((int(found.id) >> 22) + _EPOCH_MS) / 1000,
        )


def _content(text: ChatText, *, notify: bool) -> dict[str, Any]:
    """A text, and who is told of it: those alone whom it mentions by our markup."""
    people = notified(text, notify=notify)
    return {
        "content": written(text, notify=notify) if text else "",
        "allowed_mentions": {"parse": [], "users": people, "replied_user": False},
    }


def _snowflake(text: str, field: str) -> str:
    if not SNOWFLAKE.fullmatch(text):
        raise InvalidRequestError("is not an id of Discord's, a number", field=field)
    return text

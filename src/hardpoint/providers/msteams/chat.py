"""Messages to Microsoft Teams by a workflow's webhook.

https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/connectors-using,
by published excerpts, 2026-12-01. The answer says that the workflow has started, and nothing of the
message: it has no id, cannot be changed, and there are no keys.
"""

from typing import Any, final

import msgspec

from hardpoint.chat.driver import ChatCapability
from hardpoint.chat.markup import ChatText, plain
from hardpoint.chat.types import NewFile, NewPost, NewText, Post, PostPage, Reaction
from hardpoint.core.capabilities import Capabilities, Idempotency
from hardpoint.core.errors import InvalidRequestError, UnsupportedError
from hardpoint.http.client import ApiClient
from hardpoint.http.extras import merged
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.msteams import MicrosoftTeams, wire
from hardpoint.providers.msteams.errors import ERRORS
from hardpoint.providers.msteams.writing import card

_BYTES_MAX = 28 * 1024
_CARD = "application/vnd.microsoft.card.adaptive"


@final
class TeamsChat:
    """One workflow, which posts to one channel or chat."""

    provider = "msteams"
    channel = None
    capabilities = Capabilities(
        frozenset[ChatCapability](),
        idempotency=Idempotency.NONE,
        limits={"text_characters": 8000},  # ours; the whole message has 28 KB
    )

    def __init__(self, transport: Transport, settings: MicrosoftTeams) -> None:
        self._address = settings.address()
        client = ApiClient(
            transport,
            base_url=self._address.base_url,
            hosts={self._address.host},
            authorization=self._address,
            secret_path=True,
        )
        # A workflow with an answer of its own would say 200, and what that means is its maker's.
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal, success={202})

    def characters(self, text: ChatText, *, notify: bool) -> int:
        """Those that are shown."""
        return len(plain(text))

    async def post(self, new: NewPost, *, idempotency_key: str) -> Post:
        """Post a message; the key stays here."""
        content = card(new.text)
        document: dict[str, Any] = {
            "type": "message",
            "attachments": [{"contentType": _CARD, "contentUrl": None, "content": content}],
        }
        body = merged(document, new.extra, self.provider)
        if len(msgspec.json.encode(body)) > _BYTES_MAX:
            raise InvalidRequestError(f"makes a card of more than {_BYTES_MAX} bytes", field="text")
        await self._api.send("POST", self._address.target(), document=body)
        return Post(id=None, channel="", idempotency_key=new.key)

    async def upload(self, new: NewFile, *, idempotency_key: str) -> Post:
        """Not offered."""
        raise _unsupported(ChatCapability.FILES)

    async def edit(self, new: NewText) -> None:
        """Not offered."""
        raise _unsupported(ChatCapability.EDIT)

    async def delete(self, channel: str, message: str) -> None:
        """Not offered."""
        raise _unsupported(ChatCapability.DELETE)

    async def react(self, channel: str, message: str, reaction: Reaction) -> None:
        """Not offered."""
        raise _unsupported(ChatCapability.REACTIONS)

    async def list_posts(
        self, *, channel: str | None, thread: str | None, since: float, cursor: str | None
    ) -> PostPage:
        """Not offered."""
        raise _unsupported(ChatCapability.FIND)


def _unsupported(what: ChatCapability) -> UnsupportedError:
    return UnsupportedError(f"msteams does not support {what}; nothing was sent")

"""Discord as a fake: a server behind the API and a webhook, telling by signed interactions.

Discord has no channels for tests. Here the channel says how a call ends: see `fake_server`.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, final
from urllib.parse import unquote

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.providers.discord.fake_server import (
    CHANNEL,
    TRIGGERS,
    USER,
    DiscordRefusedError,
    Guild,
    fields_of,
)
from hardpoint.providers.discord.webhooks import DiscordWebhooks

BOT_TOKEN = "ZmFrZQ.ZmFrZQ.ZmFrZQ"  # noqa: S105 - it opens nothing but this fake
WEBHOOK_PATH = "/api/webhooks/846462639134605399/fakeaddress"
PRIVATE_KEY = "private:" + "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"
"""The private key of the first test of RFC 8032; it signs for nothing but this fake."""
PUBLIC_KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"

_MESSAGES = re.compile(r"/api/v10/channels/(\d+)/messages(?:/(\d+)(?:/reactions/([^/]+)/@me)?)?")
_WEBHOOK = re.compile(r"(/api/webhooks/\d+/[\w-]+)(?:/messages/(\d+))?")
_BUCKET = (
    ("x-ratelimit-limit", "5"),
    ("x-ratelimit-remaining", "4"),
    ("x-ratelimit-reset-after", "1.0"),
    ("x-ratelimit-bucket", "fake"),
)
_ALWAYS: Mapping[str, Any] = {
    "author": {"id": "1"},
    "embeds": [],
    "mentions": [],
    "pinned": False,
    "tts": False,
}


@final
class FakeDiscord:
    """One bot in one server.

    Args:
        bot_token: opens it.
        optional_fields: also say what Discord may leave out of an answer or an interaction.
        now: Unix seconds.
    """

    name = "discord"

    def __init__(
        self,
        bot_token: str = BOT_TOKEN,
        *,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`message`, `edit`, `delete`, `reaction`; `refusal` for what was not done."""
        self.guild = Guild(self.ledger, now)
        self.emitter = Emitter(DiscordWebhooks(secrets=[Secret.value(PRIVATE_KEY)]), now=now)
        self.facts = VendorFacts(
            settings={"bot_token": bot_token, "channel": CHANNEL},
            instead=("webhook_url",),
            webhook_secret=PUBLIC_KEY,
            triggers=TRIGGERS,
        )
        self._bot_token = bot_token
        self._optional_fields = optional_fields
        self._told = 0

    def answer(self, request: Received) -> FakeReply:
        """Do what is asked, or refuse as Discord does."""
        try:
            return self._done(request)
        except DiscordRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            return FakeReply.json(refused.body, refused.status, *_BUCKET)

    def command(self, name: str, **options: str) -> None:
        """A person gives a command, `deploy`."""
        given = [{"name": one, "type": 3, "value": value} for one, value in options.items()]
        self._interact(2, f"command.{name}", {"name": name, "type": 1, "options": given})

    def click(self, custom_id: str) -> None:
        """A person clicks a button."""
        data = {"custom_id": custom_id, "component_type": 2}
        self._interact(3, f"component.{custom_id}", data)

    def tell(self, event_type: str, **data: Any) -> None:
        """A webhook event happens: `APPLICATION_AUTHORIZED`."""
        event = {"type": event_type, "timestamp": "2026-12-01T00:00:00.000000", "data": data}
        told = {"version": 1, "application_id": "1", "type": 1, "event": event}
        self.emitter.emit("", event_type, msgspec.json.encode(told))

    def _interact(self, kind: int, event_type: str, data: dict[str, Any]) -> None:
        self._told += 1
        told: dict[str, Any] = {
            "id": str(900_000_000_000_000_000 + self._told),
            "application_id": "845027738276462632",
            "type": kind,
            "data": data,
            "token": "fake",
            "version": 1,
        }
        if self._optional_fields:
            told |= {"channel_id": CHANNEL, "member": {"user": {"id": USER}}, "locale": "en-US"}
        self.emitter.emit(told["id"], event_type, msgspec.json.encode(told))

    def _done(self, request: Received) -> FakeReply:
        if not request.headers.get("user-agent", "").startswith("DiscordBot ("):
            raise DiscordRefusedError(403, 40333, "internal network error")
        if found := _WEBHOOK.fullmatch(request.path):
            if found[1] != WEBHOOK_PATH:
                raise DiscordRefusedError(401, 50027, "Invalid Webhook Token")
            return self._one(request, CHANNEL, found[2], webhook=True)
        if request.headers.get("authorization") != f"Bot {self._bot_token}":
            raise DiscordRefusedError(401, 0, "401: Unauthorized")
        found = _MESSAGES.fullmatch(request.path)
        if found is None:
            raise DiscordRefusedError(404, 0, "404: Not Found")
        if found[3] is not None:
            self.guild.react(found[1], found[2], unquote(found[3]))
            return FakeReply(status=204, headers=_BUCKET)
        return self._one(request, found[1], found[2], webhook=False)

    def _one(
        self, request: Received, channel: str, message: str | None, *, webhook: bool
    ) -> FakeReply:
        match request.method, message:
            case "POST", None:
                document, files = _document(request)
                said = self.guild.post(channel, fields_of(document), files, webhook=webhook)
                if webhook and dict(request.query()).get("wait") != "true":
                    return FakeReply(status=204, headers=_BUCKET)
            case "PATCH", str():
                document, _ = _document(request)
                said = self.guild.edit(channel, message, fields_of(document), webhook=webhook)
            case "DELETE", str():
                self.guild.delete(channel, message, webhook=webhook)
                return FakeReply(status=204, headers=_BUCKET)
            case _:
                raise DiscordRefusedError(405, 0, "405: Method Not Allowed")
        shown = {**said.shown(), **_ALWAYS}
        if not self._optional_fields:
            shown.pop("nonce", None)
        return FakeReply.json(shown, 200, *_BUCKET)


def _document(request: Received) -> tuple[Any, tuple[str, ...]]:
    """The JSON, and the names of the files beside it."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    try:
        if kind == "application/json":
            return request.json(), ()
        if kind != "multipart/form-data":
            raise DiscordRefusedError(400, 50035, "Invalid Content-Type")
        parts = request.parts()
        names = [re.findall(r'filename="([^"]*)"', head) for head, _ in parts]
        files = tuple([one for found in names for one in found])
        said = [body for head, body in parts if 'name="payload_json"' in head]
        return msgspec.json.decode(said[0]), files
    except (IndexError, *UNREADABLE):
        raise DiscordRefusedError(400, 50109, "The request body contains invalid JSON.") from None

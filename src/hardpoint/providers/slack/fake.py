"""Slack as a fake: a workspace behind Web API and incoming webhook, telling by signed events.

Slack has no channels for tests. Here the channel says how a call ends: see `fake_workspace`.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Any, final
from urllib.parse import urlencode

import msgspec

from hardpoint.core.decoding import UNREADABLE
from hardpoint.core.secrets import Secret
from hardpoint.fakes.emitter import Emitter
from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.messages import FakeReply, Received
from hardpoint.fakes.vendors import VendorFacts
from hardpoint.http.forms import FORM
from hardpoint.providers.slack.fake_workspace import (
    CHANNEL,
    TRIGGERS,
    USER,
    SlackRefusedError,
    Workspace,
    fields_of,
)
from hardpoint.providers.slack.webhooks import SlackWebhooks

BOT_TOKEN = "xoxb-fake"  # noqa: S105 - it opens nothing but this fake
SIGNING_SECRET = "5ec2e7fa4e5ec2e7fa4e5ec2e7fa4e00"  # noqa: S105 - the same
WEBHOOK_PATH = "/services/T0FAKE/B0FAKE/fakeaddress"
_UPLOAD = "/upload/v1/"
_API = "/api/"
_IN_JSON = {"blocks", "files", "metadata"}
"""What stands in a form as JSON."""


@final
class FakeSlack:
    """One app in one workspace.

    Args:
        bot_token: opens it.
        optional_fields: also say what Slack may leave out of an answer or an event.
        now: Unix seconds.
    """

    name = "slack"

    def __init__(
        self,
        bot_token: str = BOT_TOKEN,
        *,
        optional_fields: bool = True,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.ledger = Ledger()
        """`message`, `edit`, `delete`, `reaction`, `file`; `refusal` for what was not done."""
        self.workspace = Workspace(self.ledger, now)
        self.emitter = Emitter(SlackWebhooks(secrets=[Secret.value(SIGNING_SECRET)]), now=now)
        self.facts = VendorFacts(
            settings={"bot_token": bot_token, "channel": CHANNEL},
            instead=("webhook_url",),
            webhook_secret=SIGNING_SECRET,
            triggers=TRIGGERS,
        )
        self._bot_token = bot_token
        self._optional_fields = optional_fields
        self._told = 0

    def answer(self, request: Received) -> FakeReply:
        """Do what a method or the webhook is asked, or refuse as Slack does."""
        if request.path.startswith(_UPLOAD):
            taken = self.workspace.take(request.path.removeprefix(_UPLOAD))
            return FakeReply(status=200 if taken else 404, body=b"OK - 1" if taken else b"")
        try:
            if request.path.startswith("/services/"):
                return self._incoming(request)
            answered = self._method(request)
        except SlackRefusedError as refused:
            self.ledger.record("refusal", code=refused.code)
            if request.path.startswith("/services/"):
                status = 403 if refused.code == "invalid_token" else 400
                return FakeReply(status=status, body=refused.code.encode())
            return FakeReply.json(refused.body, 200, ("x-slack-req-id", "fake"))
        if not self._optional_fields:
            answered.pop("message", None)
            answered.pop("has_more", None)
        return FakeReply.json(answered, 200, ("x-slack-req-id", "fake"))

    def say(self, text: str, *, user: str = USER, channel: str = CHANNEL) -> None:
        """A person writes something, and mentions the app."""
        self._told += 1
        now = f"{int(time.time())}.{self._told:06d}"
        event = {"type": "app_mention", "user": user, "text": text, "ts": now, "channel": channel}
        told: dict[str, Any] = {
            "token": "fake",
            "team_id": "T0FAKE",
            "api_app_id": "A0FAKE",
            "event": {**event, "event_ts": now},
            "type": "event_callback",
            "event_id": f"Ev{self._told:08d}",
            "event_time": int(time.time()),
        }
        if self._optional_fields:
            told["authorizations"] = [{"team_id": "T0FAKE", "is_bot": True}]
        self.emitter.emit(told["event_id"], "app_mention", msgspec.json.encode(told))

    def command(self, name: str, text: str = "", *, user: str = USER) -> None:
        """A person gives a command, `/deploy`."""
        self._told += 1
        form = {
            "token": "fake",
            "team_id": "T0FAKE",
            "channel_id": CHANNEL,
            "user_id": user,
            "command": name,
            "text": text,
            "api_app_id": "A0FAKE",
            "trigger_id": f"{self._told}.fake",
        }
        self._form(f"command.{name.removeprefix('/')}", form)

    def click(self, action: str, value: str = "", *, user: str = USER) -> None:
        """A person clicks a button."""
        self._told += 1
        payload = {
            "type": "block_actions",
            "trigger_id": f"{self._told}.fake",
            "team": {"id": "T0FAKE"},
            "user": {"id": user},
            "actions": [{"action_id": action, "value": value, "type": "button"}],
        }
        self._form("block_actions", {"payload": msgspec.json.encode(payload).decode()})

    def _form(self, event_type: str, form: dict[str, str]) -> None:
        body = urlencode(form).encode()
        self.emitter.emit(f"{self._told}.fake", event_type, body, content_type=FORM)

    def _incoming(self, request: Received) -> FakeReply:
        if request.path != WEBHOOK_PATH:
            raise SlackRefusedError("invalid_token")
        self.workspace.incoming(fields_of(_document(request)))
        return FakeReply(body=b"ok", headers=(("content-type", "text/html"),))

    def _method(self, request: Received) -> dict[str, Any]:
        given = request.headers.get("authorization", "")
        if given != f"Bearer {self._bot_token}":
            raise SlackRefusedError("invalid_auth" if given else "not_authed")
        workspace, origin = self.workspace, f"http://{request.headers.get('host', '')}"
        methods: dict[str, Callable[[JsonFields], dict[str, Any]]] = {
            "chat.postMessage": workspace.post,
            "chat.update": workspace.update,
            "chat.delete": workspace.delete,
            "reactions.add": workspace.react,
            "files.getUploadURLExternal": partial(workspace.place, origin=origin),
            "files.completeUploadExternal": workspace.complete,
            "conversations.history": partial(workspace.history, replies=False),
            "conversations.replies": partial(workspace.history, replies=True),
        }
        method = methods.get(request.path.removeprefix(_API))
        if method is None:
            raise SlackRefusedError("unknown_method")
        return method(fields_of(_document(request)))


def _document(request: Received) -> dict[str, Any]:
    """The arguments: of JSON, of a form, or of the query."""
    kind = request.headers.get("content-type", "").partition(";")[0]
    try:
        if kind == "application/json":
            return request.json()
        form: dict[str, Any] = dict([*request.query(), *request.form()])
        return form | {name: msgspec.json.decode(form[name]) for name in _IN_JSON & form.keys()}
    except UNREADABLE:
        raise SlackRefusedError("invalid_json") from None

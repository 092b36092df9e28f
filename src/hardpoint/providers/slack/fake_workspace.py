"""A workspace of Slack that behaves as documented, without HTTP."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, final

from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.vendors import Trigger

CHANNEL = "C0GENERAL1"
ARCHIVED = "C0ARCHIVED"
PRIVATE = "C0PRIVATE1"
USER = "U0ANNLEE01"
REFUSALS = {
    "C0MISSING1": "channel_not_found",
    ARCHIVED: "is_archived",
    PRIVATE: "not_in_channel",
    "C0READONLY": "restricted_action_read_only_channel",
}
TRIGGERS = tuple(
    Trigger(field="channel", value=channel, answer=code) for channel, code in REFUSALS.items()
)
_CHARACTERS_MAX = 40_000
_BLOCK_CHARACTERS_MAX = 13_000
_ANYTHING = re.compile(r".*", re.DOTALL)
_SOMETHING = re.compile(r".+", re.DOTALL)
_LINK = re.compile(r"https?://[^\s<>]+")
_ID = re.compile(r"[CDG][A-Z0-9]{2,}", re.ASCII)
_STYLES = ("bold", "italic", "code", "strike")
_GROUPS = {"rich_text_section", "rich_text_quote", "rich_text_preformatted"}
_SIGNS = re.compile(r"[a-z0-9_+-]{1,100}")


class SlackRefusedError(Exception):
    """Slack says no."""

    def __init__(self, code: str, *said: str) -> None:
        super().__init__(code)
        self.code = code
        self.body: dict[str, Any] = {"ok": False, "error": code}
        if said:
            self.body["response_metadata"] = {"messages": list(said)}


@dataclass(slots=True, kw_only=True)
class Written:
    """A message as it is now."""

    channel: str
    ts: str
    text: str
    blocks: list[dict[str, Any]]
    thread_ts: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    files: list[str] = field(default_factory=list[str])
    reactions: list[str] = field(default_factory=list[str])

    def shown(self, *, metadata: bool) -> dict[str, Any]:
        """As Slack shows it."""
        shown: dict[str, Any] = {
            "type": "message",
            "user": "U0HARDBOT1",
            "bot_id": "B0HARDBOT1",
            "ts": self.ts,
            "text": self.text,
            "blocks": self.blocks,
        }
        if self.thread_ts is not None:
            shown["thread_ts"] = self.thread_ts
        if metadata and self.metadata:
            shown["metadata"] = self.metadata
        return shown


def fields_of(values: object) -> JsonFields:
    """A request's arguments; what Slack does not know is refused."""
    return JsonFields(
        values,
        lambda problem, path: SlackRefusedError(
            "invalid_arguments", f"[ERROR] {problem} [json-pointer:/{path.replace('.', '/')}]"
        ),
    )


@final
class Workspace:
    """The channels of one workspace, and what one app does there.

    Args:
        ledger: told `message`, `edit`, `delete`, `reaction` and `file`.
        now: Unix seconds.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        self.messages: list[Written] = []
        self._ledger = ledger
        self._now = now
        self._count = 0
        self._files: dict[str, str] = {}
        self._taken: set[str] = set()

    def post(self, fields: JsonFields) -> dict[str, Any]:
        """`chat.postMessage`."""
        message = self._message(fields, _channel(fields))
        fields.finish()
        return {
            "ok": True,
            "channel": message.channel,
            "ts": message.ts,
            "message": message.shown(metadata=True),
        }

    def incoming(self, fields: JsonFields) -> None:
        """What a webhook takes, for its own channel."""
        self._message(fields, CHANNEL)
        fields.finish()

    def update(self, fields: JsonFields) -> dict[str, Any]:
        """`chat.update`."""
        message = self._found(fields, "ts")
        message.text, message.blocks = _content(fields)
        fields.finish()
        self._ledger.record("edit", ts=message.ts)
        return {"ok": True, "channel": message.channel, "ts": message.ts, "text": message.text}

    def delete(self, fields: JsonFields) -> dict[str, Any]:
        """`chat.delete`."""
        message = self._found(fields, "ts")
        fields.finish()
        self.messages.remove(message)
        self._ledger.record("delete", ts=message.ts)
        return {"ok": True, "channel": message.channel, "ts": message.ts}

    def react(self, fields: JsonFields) -> dict[str, Any]:
        """`reactions.add`."""
        name = fields.text("name", "no sign", _SIGNS)
        message = self._found(fields, "timestamp")
        fields.finish()
        if name in message.reactions:
            raise SlackRefusedError("already_reacted")
        message.reactions.append(name)
        self._ledger.record("reaction", ts=message.ts, name=name)
        return {"ok": True}

    def place(self, fields: JsonFields, origin: str) -> dict[str, Any]:
        """`files.getUploadURLExternal`."""
        name = fields.text("filename", "no name", _SOMETHING)
        if not str(fields.take("length")).isdecimal():
            raise fields.refusal("must be a number", "length")
        fields.finish()
        identifier = f"F{len(self._files) + 1:09d}"
        self._files[identifier] = name
        return {
            "ok": True,
            "upload_url": f"{origin}/upload/v1/{identifier}",
            "file_id": identifier,
        }

    def take(self, identifier: str) -> bool:
        """A file's bytes have come."""
        if identifier not in self._files:
            return False
        self._taken.add(identifier)
        return True

    def complete(self, fields: JsonFields) -> dict[str, Any]:
        """`files.completeUploadExternal`."""
        found = [one.text("id", "no file", _SOMETHING) for one in _titled(fields)]
        if not found or not self._taken.issuperset(found):
            raise SlackRefusedError("file_not_found")
        channel = _channel(fields, "channel_id")
        thread = self._thread(fields)
        text, blocks = _content(fields, needed=False)
        fields.finish()
        self._add(
            Written(
                channel=channel,
                ts=self._ts(),
                text=text,
                blocks=blocks,
                thread_ts=thread,
                files=[self._files[one] for one in found],
            )
        )
        self._ledger.record("file", names=[self._files[one] for one in found])
        return {"ok": True, "files": [{"id": one, "title": self._files[one]} for one in found]}

    def history(self, fields: JsonFields, *, replies: bool) -> dict[str, Any]:
        """`conversations.history`, newest first, and `conversations.replies`, oldest first."""
        channel = _channel(fields)
        thread = fields.take("ts")
        oldest = float(fields.take("oldest") or 0)
        size = int(fields.take("limit") or 100)
        metadata = str(fields.take("include_all_metadata")).lower() in {"true", "1"}
        start = int(fields.take("cursor") or 0)
        fields.finish()
        if replies and not any(one.ts == thread for one in self.messages):
            raise SlackRefusedError("thread_not_found")
        found = [
            one
            for one in (self.messages if replies else reversed(self.messages))
            if one.channel == channel
            and float(one.ts) >= oldest
            and (thread in {one.ts, one.thread_ts} if replies else one.thread_ts is None)
        ]
        more = len(found) > start + size
        return {
            "ok": True,
            "messages": [one.shown(metadata=metadata) for one in found[start : start + size]],
            "has_more": more,
            "response_metadata": {"next_cursor": str(start + size) if more else ""},
        }

    def _message(self, fields: JsonFields, channel: str) -> Written:
        text, blocks = _content(fields)
        for name in ("unfurl_links", "unfurl_media", "mrkdwn", "reply_broadcast"):
            if not isinstance(fields.take(name), bool | None):
                raise fields.refusal("must be a boolean", name)
        for name in ("username", "icon_emoji", "icon_url"):
            fields.text_or_none(name, "must be a string", _ANYTHING)
        message = Written(
            channel=channel,
            ts=self._ts(),
            text=text,
            blocks=blocks,
            thread_ts=self._thread(fields),
            metadata=_metadata(fields),
        )
        self._add(message)
        return message

    def _add(self, message: Written) -> None:
        self.messages.append(message)
        self._ledger.record("message", channel=message.channel, ts=message.ts, text=message.text)

    def _thread(self, fields: JsonFields) -> str | None:
        thread = fields.text_or_none("thread_ts", "must be a string", _SOMETHING)
        if thread is not None and not any(one.ts == thread for one in self.messages):
            raise SlackRefusedError("thread_not_found")
        return thread

    def _found(self, fields: JsonFields, name: str) -> Written:
        channel, ts = _channel(fields), fields.text(name, "must be a string", _SOMETHING)
        for one in self.messages:
            if (one.channel, one.ts) == (channel, ts):
                return one
        raise SlackRefusedError("message_not_found")

    def _ts(self) -> str:
        self._count += 1
        return f"{int(self._now())}.{self._count:06d}"


def _channel(fields: JsonFields, name: str = "channel") -> str:
    channel = fields.text(name, "must be a string", _SOMETHING)
    if channel in REFUSALS or not _ID.fullmatch(channel):
        raise SlackRefusedError(REFUSALS.get(channel, "channel_not_found"))
    return channel


def _titled(fields: JsonFields) -> list[JsonFields]:
    found = list(fields.each("files"))
    for one in found:
        one.text_or_none("title", "must be a string", _SOMETHING)
    return found


def _metadata(fields: JsonFields) -> Mapping[str, Any]:
    metadata = fields.inner_or_none("metadata")
    if metadata is None:
        return {}
    event_type = metadata.text("event_type", "must be a string", _SOMETHING)
    payload = metadata.take("event_payload")
    metadata.finish()
    if not isinstance(payload, dict):
        raise SlackRefusedError("invalid_metadata_format")
    return {"event_type": event_type, "event_payload": payload}


def _content(fields: JsonFields, *, needed: bool = True) -> tuple[str, list[dict[str, Any]]]:
    """Text and blocks of a message, which are checked."""
    text = fields.text_or_none("text", "must be a string", _ANYTHING) or ""
    given: list[dict[str, Any]] = fields.take("blocks") or []
    if needed and not text and not given:
        raise SlackRefusedError("no_text")
    if len(text) > _CHARACTERS_MAX:
        raise SlackRefusedError("msg_too_long")
    characters = sum(_block(fields_of(one)) for one in given)
    if characters > _BLOCK_CHARACTERS_MAX:
        raise SlackRefusedError("msg_blocks_too_long")
    return text, given


def _block(block: JsonFields) -> int:
    """How many characters it shows.

    Raises:
        SlackRefusedError: it is no block of rich text, the only one that this fake knows.
    """
    _kind(block, {"rich_text"})
    count = sum(map(_group, block.each("elements")))
    block.finish()
    return count


def _group(group: JsonFields) -> int:
    kind = _kind(group, {*_GROUPS, "rich_text_list"})
    if kind == "rich_text_list":
        if group.take("style") not in {"bullet", "ordered"}:
            raise SlackRefusedError("invalid_blocks")
        count = sum(map(_group, group.each("elements")))
    else:
        count = sum(map(_element, group.each("elements")))
    group.finish()
    return count


def _element(element: JsonFields) -> int:
    kind = _kind(element, {"text", "link", "user"})
    style = element.inner_or_none("style")
    if style is not None:
        for name in _STYLES:
            style.take(name)
        style.finish()
    if kind == "user":
        text = element.text("user_id", "no person", re.compile(r"[UW][A-Z0-9]+"))
    else:
        text = element.text("text", "must be more than nothing", _SOMETHING)
    if kind == "link":
        element.text("url", "no address", _LINK)
    element.finish()
    return len(text)


def _kind(fields: JsonFields, known: set[str]) -> str:
    kind = fields.take("type")
    if kind not in known:
        raise SlackRefusedError("invalid_blocks", f"[ERROR] unsupported type: {kind}")
    return kind

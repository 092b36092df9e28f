"""A server of Discord that behaves as documented, without HTTP."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, final

from hardpoint.fakes.fields import JsonFields
from hardpoint.fakes.ledger import Ledger
from hardpoint.fakes.vendors import Trigger

CHANNEL = "772908445358620702"
USER = "53908232506183680"
REFUSALS = {
    "772908445358620703": (404, 10003, "Unknown Channel"),
    "772908445358620704": (403, 50001, "Missing Access"),
    "772908445358620705": (403, 50013, "Missing Permissions"),
    "772908445358620706": (400, 50008, "Cannot send messages in a non-text channel"),
}
TRIGGERS = tuple(
    Trigger(field="channel", value=channel, answer=f"{status} {code}")
    for channel, (status, code, _) in REFUSALS.items()
)
_CHARACTERS_MAX = 2000
_NONCE_SECONDS = 180.0
_EPOCH_MS = 1_420_070_400_000
_FLAGS = 1 << 2 | 1 << 12
_ANYTHING = re.compile(r".*", re.DOTALL)
_NONCE = re.compile(r".{1,25}", re.DOTALL)
_ID = re.compile(r"[0-9]{15,20}", re.ASCII)


class DiscordRefusedError(Exception):
    """Discord says no."""

    def __init__(
        self, status: int, code: int, message: str, errors: dict[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.body: dict[str, Any] = {"message": message, "code": code}
        if errors is not None:
            self.body["errors"] = errors


@dataclass(slots=True, kw_only=True)
class Said:
    """A message as it is now."""

    id: str
    channel: str
    content: str
    told: tuple[str, ...]
    parse: tuple[str, ...]
    reply_to: str | None = None
    files: tuple[str, ...] = ()
    nonce: str | None = None
    webhook: bool = False
    created: float = 0.0
    reactions: list[str] = field(default_factory=list[str])

    def shown(self) -> dict[str, Any]:
        """As Discord shows it, without what it always says."""
        shown: dict[str, Any] = {
            "id": self.id,
            "type": 0,
            "channel_id": self.channel,
            "content": self.content,
            "attachments": [{"id": "1", "filename": one} for one in self.files],
        }
        if self.nonce is not None:
            shown["nonce"] = self.nonce
        return shown


def fields_of(values: object) -> JsonFields:
    """A request's fields; what Discord does not know is refused."""

    def refuse(problem: str, path: str) -> DiscordRefusedError:
        errors: dict[str, Any] = {"_errors": [{"code": "FAKE", "message": problem}]}
        for step in reversed(path.split(".") if path else []):
            errors = {step: errors}
        return DiscordRefusedError(400, 50035, "Invalid Form Body", errors)

    return JsonFields(values, refuse)


@final
class Guild:
    """The messages of one server.

    Args:
        ledger: told `message`, `edit`, `delete` and `reaction`.
        now: Unix seconds.
    """

    def __init__(self, ledger: Ledger, now: Callable[[], float]) -> None:
        self.messages: list[Said] = []
        self._ledger = ledger
        self._now = now
        self._count = 0

    def post(
        self, channel: str, fields: JsonFields, files: tuple[str, ...], *, webhook: bool = False
    ) -> Said:
        """`POST messages`, or the webhook's."""
        _check_channel(channel)
        nonce, enforced = None, False
        reply_to = None
        if not webhook:
            nonce = fields.text_or_none("nonce", "Must be 25 or fewer in length.", _NONCE)
            enforced = fields.take("enforce_nonce") is True
            reply_to = self._reference(channel, fields.inner_or_none("message_reference"))
        named = [one.text("filename", "Must be a name.", _ANYTHING) for one in _attached(fields)]
        if len(named) > len(files):
            raise fields.refusal("Must be of a file that is there.", "attachments")
        content, told, parse = _content(fields, empty=bool(files))
        fields.finish()
        if enforced and (known := self._known(nonce)) is not None:
            return known
        said = Said(
            id=self._id(),
            channel=channel,
            content=content,
            told=told,
            parse=parse,
            reply_to=reply_to,
            files=files,
            nonce=nonce,
            webhook=webhook,
            created=self._now(),
        )
        self.messages.append(said)
        self._ledger.record("message", id=said.id, channel=channel, content=content)
        return said

    def edit(self, channel: str, message: str, fields: JsonFields, *, webhook: bool) -> Said:
        """`PATCH messages/:id`."""
        said = self.found(channel, message, webhook=webhook)
        said.content, said.told, said.parse = _content(fields, empty=bool(said.files))
        fields.finish()
        self._ledger.record("edit", id=said.id)
        return said

    def delete(self, channel: str, message: str, *, webhook: bool) -> None:
        """`DELETE messages/:id`."""
        self.messages.remove(self.found(channel, message, webhook=webhook))
        self._ledger.record("delete", id=message)

    def react(self, channel: str, message: str, sign: str) -> None:
        """`PUT reactions/:sign/@me`."""
        said = self.found(channel, message, webhook=False)
        if sign.isascii():
            raise DiscordRefusedError(400, 10014, "Unknown Emoji")
        if sign not in said.reactions:
            said.reactions.append(sign)
            self._ledger.record("reaction", id=message, sign=sign)

    def found(self, channel: str, message: str, *, webhook: bool) -> Said:
        """A message; a webhook sees its own only."""
        _check_channel(channel)
        for one in self.messages:
            if (one.channel, one.id) == (channel, message) and (one.webhook or not webhook):
                return one
        raise DiscordRefusedError(404, 10008, "Unknown Message")

    def _known(self, nonce: str | None) -> Said | None:
        for one in self.messages:
            if nonce is not None and one.nonce == nonce:
                return one if self._now() - one.created < _NONCE_SECONDS else None
        return None

    def _reference(self, channel: str, fields: JsonFields | None) -> str | None:
        if fields is None:
            return None
        message = fields.text("message_id", "Value is not snowflake.", _ID)
        must = fields.take("fail_if_not_exists") is not False
        fields.finish()
        if must and not any((one.channel, one.id) == (channel, message) for one in self.messages):
            raise fields.refusal("Unknown message", "")
        return message

    def _id(self) -> str:
        self._count += 1
        return str((int(self._now() * 1000) - _EPOCH_MS << 22) + self._count)


def _check_channel(channel: str) -> None:
    if channel in REFUSALS:
        raise DiscordRefusedError(*REFUSALS[channel])
    if not _ID.fullmatch(channel):
        raise DiscordRefusedError(404, 10003, "Unknown Channel")


def _attached(fields: JsonFields) -> list[JsonFields]:
    found = list(fields.each("attachments"))
    for one in found:
        one.take("id")
    return found


def _content(fields: JsonFields, *, empty: bool) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """A text, the people it tells, and what else it would tell."""
    content = fields.text_or_none("content", "Must be a string.", _ANYTHING) or ""
    if not content.strip() and not empty:
        raise DiscordRefusedError(400, 50006, "Cannot send an empty message")
    if len(content) > _CHARACTERS_MAX:
        raise fields.refusal("Must be 2000 or fewer in length.", "content")
    flags = fields.take("flags") or 0
    if not isinstance(flags, int) or flags & ~_FLAGS:
        raise fields.refusal("Must be flags that can be set.", "flags")
    if not isinstance(fields.take("tts"), bool | None):
        raise fields.refusal("Must be a boolean.", "tts")
    allowed = fields.inner_or_none("allowed_mentions")
    told: tuple[str, ...] = ()
    parse: tuple[str, ...] = ("everyone", "roles", "users")
    if allowed is not None:
        parse = _texts(allowed.take("parse"))
        told = _texts(allowed.take("users"))
        allowed.take("replied_user")
        allowed.finish()
        if told and "users" in parse:
            raise allowed.refusal("parse:users and users are mutually exclusive", "parse")
    return content, told, parse


def _texts(given: Any) -> tuple[str, ...]:
    return tuple(map(str, given or ()))

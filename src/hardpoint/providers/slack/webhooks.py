"""Slack's requests: `X-Slack-Signature: v0=<hex>` over the time and the body.

https://docs.slack.dev/authentication/verifying-requests-from-slack, read 2026-12-01. Events come as
JSON; interactions and commands as forms, an interaction as JSON in the field `payload`. The first
request to a new address is a challenge, which is answered and not stored.
"""

import re
from typing import Any, final
from urllib.parse import parse_qsl

import msgspec

from hardpoint.webhooks.envelopes import (
    Name,
    OptionalName,
    Unreadable,
    check_name,
    named,
    open_envelope,
)
from hardpoint.webhooks.grammar import OneSignature, in_hex
from hardpoint.webhooks.schemes import CONTENT_HEADERS, HmacScheme
from hardpoint.webhooks.signatures import HmacKey, Unfit
from hardpoint.webhooks.verification import Notification, Reply, Verified, WebhookRequest

_TIME = "X-Slack-Request-Timestamp"
_RETRY = frozenset({b"x-slack-retry-num", b"x-slack-retry-reason"})
_SECRET = re.compile(r"[!-~]+", re.ASCII)
_TEXT = ((b"content-type", b"text/plain; charset=utf-8"), (b"x-content-type-options", b"nosniff"))
_HEARD = Reply(status=200)
"""What a command or an interaction hears: nothing, which leaves everything as it is."""
_FIELDS_MAX = 100
_CHALLENGE_CHARACTERS_MAX = 1024


class _Inner(msgspec.Struct):
    """What happened."""

    type: Name


class _Event(msgspec.Struct):
    """What we read of a request of the Events API."""

    type: Name
    event_id: OptionalName = None
    team_id: OptionalName = None
    event: _Inner | None = None
    challenge: str | None = None


class _Team(msgspec.Struct):
    """Whose it is."""

    id: OptionalName = None


class _Interaction(msgspec.Struct):
    """What we read of a click, a shortcut or a form that was sent."""

    type: Name
    trigger_id: OptionalName = None
    team: _Team | None = None


_event = msgspec.json.Decoder(_Event).decode
_interaction = msgspec.json.Decoder(_Interaction).decode


@final
class SlackWebhooks(HmacScheme):
    """Verifies and signs what Slack sends to one app.

    An event's type is that of its inner event (`app_mention`), an interaction's its own
    (`block_actions`), and a command's is `command.` and its name (`command.deploy`).

    Args:
        secrets: the app's signing secret, and an older one for as long as Slack still uses it.
        tolerance: seconds the signed time may differ from now.

    Raises:
        ConfigurationError: a secret that is none, or a tolerance out of range.
    """

    grammar = OneSignature("X-Slack-Signature", in_hex(32), prefix="v0=", time=_TIME)
    around_time = (b"v0:", b":")
    stored_headers = CONTENT_HEADERS | _RETRY | {_TIME.lower().encode()}

    def verify(self, request: WebhookRequest, *, now: float) -> Verified:
        """Check the signature; answer a challenge, or read what it is about."""
        key, signed_at, _ = self.authenticate(request, now=now)
        try:
            read = _read(request.body)
        except Unreadable as problem:
            return Verified(malformed=str(problem), key=key, signed_at=signed_at)
        if isinstance(read, Reply):
            return Verified(reply=read, key=key, signed_at=signed_at)
        heard = None if request.body.startswith(b"{") else _HEARD
        events = self.events(request, read)
        return Verified(events=events, key=key, signed_at=signed_at, heard=heard)

    def events(self, request: WebhookRequest, found: Any) -> tuple[Notification, ...]:
        """The one event, which `verify` has read."""
        return (found,)

    def clue(self, request: WebhookRequest) -> str | None:
        """What is mistaken most often."""
        return "Is the secret the signing secret of this app, and not its client secret or token?"

    def key(self, text: str) -> HmacKey | Unfit:
        """The text of the secret."""
        if text.startswith("xox"):
            return Unfit("is a token", "Copy the signing secret from Basic Information")
        if not _SECRET.fullmatch(text):
            return Unfit(
                "is cut off or holds blanks", "Copy the signing secret from Basic Information"
            )
        return HmacKey(text.encode())


def _read(body: bytes) -> Notification | Reply:
    """What a trusted body tells, or what it is to be answered."""
    return _told(body) if body.startswith(b"{") else _sent(body)


def _told(body: bytes) -> Notification | Reply:
    one = open_envelope(_event, body)
    if one.type == "url_verification":
        if one.challenge is None or not 0 < len(one.challenge) <= _CHALLENGE_CHARACTERS_MAX:
            raise Unreadable("the challenge is none")
        return Reply(headers=_TEXT, body=one.challenge.encode())
    inner = one.event.type if one.event is not None else one.type
    return named(one.event_id or "", inner, one.team_id or None)


def _sent(body: bytes) -> Notification | Reply:
    """A form: an interaction, a command, or the check of a certificate."""
    try:
        form = dict(parse_qsl(body.decode(), strict_parsing=True, max_num_fields=_FIELDS_MAX))
    except ValueError:
        raise Unreadable("the body is neither JSON nor a form") from None
    if form.get("ssl_check") == "1":
        return Reply()
    if (payload := form.get("payload")) is not None:
        one = open_envelope(_interaction, payload.encode())
        team = one.team.id if one.team is not None else None
        return named(one.trigger_id or "", one.type, team or None)
    command = form.get("command", "").removeprefix("/")
    if not command:
        raise Unreadable("the form is neither an interaction nor a command")
    names = (form.get("trigger_id", ""), f"command.{command}", form.get("team_id") or "")
    for name in names:
        check_name(name)
    return named(names[0], names[1], names[2] or None)

"""SendGrid's event webhooks; https://www.twilio.com/docs/sendgrid/api-reference/webhooks.

Read 2026-12-01. Each kind of event is a switch. The signature is another, with a request of its
own, whose answer holds the verification key.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, final

import msgspec
from msgspec.structs import asdict

from hardpoint.core.errors import InvalidRequestError
from hardpoint.core.secrets import Secret
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.sendgrid import HOSTS, SendGrid
from hardpoint.providers.sendgrid.errors import ERRORS
from hardpoint.providers.sendgrid.wire import Refusal
from hardpoint.webhooks.endpoints import EndpointChange, RegisteredEndpoint

_PATH = "/v3/user/webhooks/event/settings"
_EVERY: Final = "*"
_PLAIN = (
    *("bounce", "click", "deferred", "delivered", "dropped", "open", "processed", "unsubscribe"),
    *("group_resubscribe", "group_unsubscribe"),
)
SWITCHES: Final[Mapping[str, str]] = {one: one for one in _PLAIN} | {"spamreport": "spam_report"}
"""An event's type to the name of its switch."""


class _Webhook(msgspec.Struct):
    """What we read of one."""

    id: str
    url: str
    enabled: bool
    public_key: str | None = None
    bounce: bool = False
    click: bool = False
    deferred: bool = False
    delivered: bool = False
    dropped: bool = False
    group_resubscribe: bool = False
    group_unsubscribe: bool = False
    open: bool = False
    processed: bool = False
    spam_report: bool = False
    unsubscribe: bool = False

    def registered(self, *, signed: bool = False) -> RegisteredEndpoint:
        """As the port has it; `signed` where that is known without its key."""
        fields = asdict(self)
        events = frozenset(one for one, switch in SWITCHES.items() if fields[switch])
        key = self.public_key
        return RegisteredEndpoint(
            id=self.id,
            url=self.url,
            events=frozenset({_EVERY}) if len(events) == len(SWITCHES) else events,
            enabled=self.enabled,
            signed=signed or bool(key),
            secret=Secret.value(key) if key else None,
        )


class _Webhooks(msgspec.Struct):
    """All of the account."""

    webhooks: Sequence[_Webhook] = ()


class _Signed(msgspec.Struct):
    """A signature that was switched on."""

    public_key: str


@final
class SendGridEndpoints:
    """Those of the account, or subuser."""

    every = _EVERY
    version = None
    version_fixed = False
    secret_at = "the console, Mail Settings, Event Webhooks, the verification key"  # noqa: S105 - a place

    def __init__(self, transport: Transport, settings: SendGrid) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=bearer(settings.api_key),
        )
        self._api = JsonApi(client, ERRORS, refusal=Refusal, success={200, 201})

    async def endpoints(self) -> Sequence[RegisteredEndpoint]:
        """All of them, disabled ones too."""
        found = await self._api.get(f"{_PATH}/all", _Webhooks)
        return [one.registered() for one in found.webhooks]

    def change(
        self, url: str, events: Collection[str], found: RegisteredEndpoint | None
    ) -> EndpointChange:
        """`POST` or `PATCH` of the settings; then, where nothing is signed, the switch for that."""
        if unknown := set(events) - {_EVERY, *SWITCHES}:
            known = ", ".join(sorted(SWITCHES))
            raise InvalidRequestError(f"{min(unknown)} is none of {known}", field="event")
        document: dict[str, Any] = {"enabled": True, "url": url}
        document |= {switch: _EVERY in events or one in events for one, switch in SWITCHES.items()}
        then = None if found is not None and found.signed else "then it is to be signed"
        if found is None:
            return EndpointChange(method="POST", path=_PATH, document=document, then=then)
        path = f"{_PATH}/{segment(found.id)}"
        return EndpointChange(method="PATCH", path=path, document=document, then=then)

    async def apply(self, change: EndpointChange, *, idempotency_key: str) -> RegisteredEndpoint:
        """Send it. There are no keys; what broke off between the two is unsigned, and mended so."""
        reply = await self._api.send(change.method, change.path, document=change.document)
        made = self._api.read(reply, _Webhook)
        if change.then is not None:
            path = f"{_PATH}/signed/{segment(made.id)}"
            reply = await self._api.send("PATCH", path, document={"enabled": True})
            made.public_key = self._api.read(reply, _Signed).public_key
        return made.registered(signed=True)

"""PayPal's webhooks; https://developer.paypal.com/docs/api/webhooks/v1/, read 2026-12-01.

What a source has in place of a secret is the webhook's ID, so every answer tells it. There is no
version, and no webhook is disabled. A change replaces one field after the other, in one request.
"""

from collections.abc import Collection, Sequence
from typing import final

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.paypal import HOSTS, PayPal, wire
from hardpoint.providers.paypal.errors import ERRORS
from hardpoint.webhooks.endpoints import EndpointChange, RegisteredEndpoint

_PATH = "/v1/notifications/webhooks"


class _EventType(msgspec.Struct):
    name: str


class _Webhook(msgspec.Struct):
    """What we read of one."""

    id: str
    url: str
    event_types: Sequence[_EventType] = ()

    def registered(self) -> RegisteredEndpoint:
        return RegisteredEndpoint(
            id=self.id,
            url=self.url,
            events=frozenset(one.name for one in self.event_types),
            secret=Secret.value(self.id),
        )


class _Webhooks(msgspec.Struct):
    """All of the app: ten at most."""

    webhooks: Sequence[_Webhook] = ()


@final
class PayPalEndpoints:
    """Those of the app."""

    every = "*"
    version = None
    version_fixed = False
    secret_at = "the dashboard, Apps, Webhooks: the webhook's ID"  # noqa: S105 - a place

    def __init__(self, transport: Transport, settings: PayPal) -> None:
        from hardpoint.providers.paypal.tokens import authorization  # loads much, for later

        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=authorization(transport, settings),
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal, success={200, 201})

    async def endpoints(self) -> Sequence[RegisteredEndpoint]:
        """All of the app."""
        found = await self._api.get(_PATH, _Webhooks)
        return [one.registered() for one in found.webhooks]

    def change(
        self, url: str, events: Collection[str], found: RegisteredEndpoint | None
    ) -> EndpointChange:
        """`POST /v1/notifications/webhooks`, or `PATCH` of what differs: no change is refused."""
        types = [{"name": one} for one in sorted(events)]
        if found is None:
            document = {"url": url, "event_types": types}
            return EndpointChange(method="POST", path=_PATH, document=document)
        patches = [
            {"op": "replace", "path": f"/{name}", "value": value}
            for name, value, same in (
                ("url", url, found.url == url),
                ("event_types", types, found.events == frozenset(events)),
            )
            if not same
        ]
        return EndpointChange(method="PATCH", path=f"{_PATH}/{segment(found.id)}", document=patches)

    async def apply(self, change: EndpointChange, *, idempotency_key: str) -> RegisteredEndpoint:
        """Send it. A second webhook of the same URL is refused, so that no key is needed."""
        reply = await self._api.send(change.method, change.path, document=change.document)
        return self._api.read(reply, _Webhook).registered()

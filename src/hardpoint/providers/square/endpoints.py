"""Square's webhook subscriptions.

https://developer.squareup.com/docs/webhooks/webhook-subscriptions-api, read 2026-12-01. They are
the application's: its own access token is wanted, and no seller's.
"""

from collections.abc import Collection, Sequence
from typing import Any, final
from urllib.parse import urlencode

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.square import API_VERSION, HOSTS, Square, wire
from hardpoint.providers.square.errors import ERRORS
from hardpoint.webhooks.endpoints import EndpointChange, RegisteredEndpoint

_PATH = "/v2/webhooks/subscriptions"
_NAME = "hardpoint"
_MOST = 1000
"""More than an application may have."""


class _Subscription(msgspec.Struct):
    """What we read of one."""

    id: str
    notification_url: str
    event_types: Sequence[str] = ()
    enabled: bool = True
    api_version: str | None = None
    signature_key: str | None = None

    def registered(self) -> RegisteredEndpoint:
        return RegisteredEndpoint(
            id=self.id,
            url=self.notification_url,
            events=frozenset(self.event_types),
            enabled=self.enabled,
            version=self.api_version,
            secret=None if self.signature_key is None else Secret.value(self.signature_key),
        )


class _OneSubscription(msgspec.Struct):
    subscription: _Subscription


class _Subscriptions(msgspec.Struct):
    """A page."""

    subscriptions: Sequence[_Subscription] = ()
    cursor: str | None = None


@final
class SquareEndpoints:
    """Those of the application."""

    every = None
    version = API_VERSION
    version_fixed = False
    secret_at = "the Developer Console, Webhooks, Subscriptions, Signature Key"  # noqa: S105 - a place

    def __init__(self, transport: Transport, settings: Square) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts=HOSTS,
            authorization=bearer(settings.access_token),
            headers=[("square-version", API_VERSION)],
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal)

    async def endpoints(self) -> Sequence[RegisteredEndpoint]:
        """All, disabled ones too."""
        found: list[RegisteredEndpoint] = []
        query = {"include_disabled": "true", "limit": "100"}
        while True:
            page = await self._api.get(f"{_PATH}?{urlencode(query)}", _Subscriptions)
            found += [one.registered() for one in page.subscriptions]
            if not page.cursor or len(found) >= _MOST:
                return found
            query["cursor"] = page.cursor

    def change(
        self, url: str, events: Collection[str], found: RegisteredEndpoint | None
    ) -> EndpointChange:
        """`POST /v2/webhooks/subscriptions`, or `PUT` of one."""
        wanted: dict[str, Any] = {
            "notification_url": url,
            "event_types": sorted(events),
            "api_version": API_VERSION,
        }
        if found is not None:
            document = {"subscription": wanted | {"enabled": True}}
            path = f"{_PATH}/{segment(found.id)}"
            return EndpointChange(method="PUT", path=path, document=document)
        document = {"subscription": wanted | {"name": _NAME}}
        return EndpointChange(method="POST", path=_PATH, document=document)

    async def apply(self, change: EndpointChange, *, idempotency_key: str) -> RegisteredEndpoint:
        """Send it; a new one under the key."""
        document = dict(change.document)
        if change.method == "POST":
            document["idempotency_key"] = idempotency_key
        reply = await self._api.send(change.method, change.path, document=document)
        return self._api.read(reply, _OneSubscription).subscription.registered()

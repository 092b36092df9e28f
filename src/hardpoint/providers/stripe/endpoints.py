"""Stripe's webhook endpoints; https://docs.stripe.com/api/webhook_endpoints, read 2026-12-01.

The signing secret is in the answer that makes an endpoint, and in no other. The API version is
chosen then, and stays.
"""

from collections.abc import Collection, Sequence
from typing import Any, final

import msgspec

from hardpoint.core.secrets import Secret
from hardpoint.http.auth import bearer
from hardpoint.http.client import ApiClient, segment
from hardpoint.http.forms import encode
from hardpoint.http.json_api import JsonApi
from hardpoint.http.messages import Transport
from hardpoint.providers.stripe import API_VERSION, HOST, Stripe, wire
from hardpoint.providers.stripe.errors import ERRORS
from hardpoint.webhooks.endpoints import EndpointChange, RegisteredEndpoint

_PATH = "/v1/webhook_endpoints"
_MOST = 1000
"""More than an account may have."""


class _Endpoint(msgspec.Struct):
    """What we read of one."""

    id: str
    url: str
    enabled_events: Sequence[str]
    status: str
    api_version: str | None = None
    secret: str | None = None

    def registered(self) -> RegisteredEndpoint:
        return RegisteredEndpoint(
            id=self.id,
            url=self.url,
            events=frozenset(self.enabled_events),
            enabled=self.status == "enabled",
            version=self.api_version,
            secret=None if self.secret is None else Secret.value(self.secret),
        )


class _Endpoints(msgspec.Struct):
    """A page."""

    data: Sequence[_Endpoint]
    has_more: bool = False


@final
class StripeEndpoints:
    """Those of the account, or of its connected accounts where `account` is set."""

    every = "*"
    version = API_VERSION
    version_fixed = True
    secret_at = "the dashboard, Developers, Webhooks, the endpoint, Signing secret"  # noqa: S105 - a place

    def __init__(self, transport: Transport, settings: Stripe) -> None:
        client = ApiClient(
            transport,
            base_url=settings.base_url,
            hosts={HOST},
            authorization=bearer(settings.secret_key),
            headers=[("stripe-version", API_VERSION)],  # a platform's own, for connected ones too
        )
        self._api = JsonApi(client, ERRORS, refusal=wire.Refusal)
        self._connect = settings.account is not None

    async def endpoints(self) -> Sequence[RegisteredEndpoint]:
        """All of the key's mode."""
        found: list[RegisteredEndpoint] = []
        after = ""
        while True:
            page = await self._api.get(f"{_PATH}?limit=100{after}", _Endpoints)
            found += [one.registered() for one in page.data]
            if not (page.has_more and page.data) or len(found) >= _MOST:
                return found
            after = f"&starting_after={segment(page.data[-1].id)}"

    def change(
        self, url: str, events: Collection[str], found: RegisteredEndpoint | None
    ) -> EndpointChange:
        """`POST /v1/webhook_endpoints`, or the same with an id."""
        document: dict[str, Any] = {"url": url, "enabled_events": sorted(events)}
        if found is not None:
            path = f"{_PATH}/{segment(found.id)}"
            return EndpointChange(method="POST", path=path, document=document | {"disabled": False})
        document["api_version"] = API_VERSION
        if self._connect:
            document["connect"] = True
        return EndpointChange(method="POST", path=_PATH, document=document)

    async def apply(self, change: EndpointChange, *, idempotency_key: str) -> RegisteredEndpoint:
        """Send it; with the secret, where it makes one."""
        headers = [("idempotency-key", idempotency_key)]
        form = encode(change.document)
        made = await self._api.post(change.path, _Endpoint, form=form, headers=headers)
        return made.registered()

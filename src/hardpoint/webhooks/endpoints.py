"""The vendor's side of webhooks: the endpoints that an account has there, compared and changed.

A provider names its `WebhookSetup` in its manifest. It makes one attempt for each call: whoever is
left in doubt lists the endpoints again.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from hardpoint.core.secrets import Secret
from hardpoint.http.messages import Transport


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredEndpoint:
    """An endpoint as the vendor has it.

    Attributes:
        id: the vendor's.
        url: where events are sent.
        events: their types, or the vendor's word for all of them.
        enabled: whether events are sent at all.
        version: of the API, in which events are written; None where there is none, or the account's
            own.
        signed: whether the vendor signs what it sends there.
        secret: what a source is configured with, where the answer held it.
    """

    id: str
    url: str
    events: frozenset[str]
    enabled: bool = True
    version: str | None = None
    signed: bool = True
    secret: Secret | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointChange:
    """One request that makes an endpoint, or makes it what it should be.

    Attributes:
        method: `POST`.
        path: below the vendor's address.
        document: its fields.
        then: what a second request does, where one is not enough; as people are told.
    """

    method: str
    path: str
    document: Any
    then: str | None = None


class WebhookSetup(Protocol):
    """A vendor's endpoints, over its API.

    Attributes:
        every: its word for all types of events; None where each has to be named.
        version: of the API that our readings were written for; None where there are no versions.
        version_fixed: whether an endpoint keeps the version that it was made with.
        secret_at: where a person finds the secret of an endpoint.
    """

    every: str | None
    version: str | None
    version_fixed: bool
    secret_at: str

    def __init__(self, transport: Transport, settings: Any) -> None: ...

    async def endpoints(self) -> Sequence[RegisteredEndpoint]:
        """All of the account."""
        ...

    def change(
        self, url: str, events: Collection[str], found: RegisteredEndpoint | None
    ) -> EndpointChange:
        """What would make it so; nothing is sent."""
        ...

    async def apply(self, change: EndpointChange, *, idempotency_key: str) -> RegisteredEndpoint:
        """Send it; the endpoint as it is by then.

        Raises:
            ProviderError: as the provider's table has it.
        """
        ...


@dataclass(frozen=True, slots=True)
class EndpointDrift:
    """One way in which an endpoint is not what it should be.

    Attributes:
        kind: `missing`, `url`, `events_missing`, `events_extra`, `disabled`, `unsigned`,
            `version`, `doubled` or `secret`.
        detail: what there is instead.
    """

    kind: str
    detail: str


def chosen(
    endpoints: Sequence[RegisteredEndpoint], url: str, identifier: str | None
) -> RegisteredEndpoint | None:
    """The endpoint that is meant: by its id if one is given; else of this URL, enabled ones first.

    Args:
        endpoints: of the account.
        url: where events should go.
        identifier: of one.
    """
    if identifier is not None:
        return next((one for one in endpoints if one.id == identifier), None)
    same = [one for one in endpoints if one.url == url]
    return next((one for one in same if one.enabled), same[0] if same else None)


def endpoint_drift(
    setup: WebhookSetup,
    url: str,
    events: Collection[str],
    endpoints: Sequence[RegisteredEndpoint],
    found: RegisteredEndpoint | None,
) -> Iterator[EndpointDrift]:
    """In which ways the one that was found is not what is wanted."""
    if found is None:
        others = ", ".join(f"{one.id} at {one.url}" for one in endpoints) or "there is none at all"
        yield EndpointDrift("missing", f"no endpoint is at {url}: {others}")
        return
    if found.url != url:
        yield EndpointDrift("url", f"{found.id} is at {found.url}, not at {url}")
    wanted, have = frozenset(events), found.events
    if setup.every not in have and (missing := wanted - have):
        yield EndpointDrift("events_missing", f"not sent: {', '.join(sorted(missing))}")
    if setup.every not in wanted and (extra := have - wanted):
        yield EndpointDrift("events_extra", f"sent, and not wanted: {', '.join(sorted(extra))}")
    if not found.enabled:
        yield EndpointDrift("disabled", f"{found.id} is disabled: nothing is sent")
    if not found.signed:
        yield EndpointDrift("unsigned", f"what {found.id} sends is not signed")
    if found.version != setup.version:
        its = found.version or "that of the account"
        yield EndpointDrift("version", f"events are of API version {its}, not {setup.version}")
    if doubles := [
        one.id for one in endpoints if one.enabled and one.url == url and one.id != found.id
    ]:
        yield EndpointDrift("doubled", f"each event comes from {', '.join(doubles)} as well")


def shown(document: Any) -> Iterator[str]:
    """The fields of a change, a line each, for people."""
    rows = cast("list[Any]", document if isinstance(document, list) else [document])
    for name, value in ((name, value) for row in rows for name, value in row.items()):
        if isinstance(value, Mapping):
            yield from (f"{name}.{line}" for line in shown(value))
        elif isinstance(value, list):
            yield f"{name} = {', '.join(map(_word, cast('list[Any]', value)))}"
        else:
            yield f"{name} = {_word(value)}"


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(cast("Any", value)["name"] if isinstance(value, Mapping) else value)

"""What a vendor delivers to a hub under test, signed as it signs, and the hub's own door."""

import time
from collections.abc import Iterator, Mapping
from typing import Any, cast

import msgspec

from hardpoint.core.errors import ConfigurationError
from hardpoint.core.identifiers import Uuid7
from hardpoint.fakes.emitter import Emission
from hardpoint.fakes.server import FakeServer
from hardpoint.fakes.vendors import emitter_of
from hardpoint.hub.hub import Hub
from hardpoint.hub.settings import Settings
from hardpoint.hub.sources import prepare
from hardpoint.testing.sandbox import Sandbox
from hardpoint.webhooks.answers import Answer
from hardpoint.webhooks.samples import described_sample, samples
from hardpoint.webhooks.schemes import OneEventScheme

SignedHeaders = list[tuple[str, str]]


def emitted(
    settings: Settings, fakes: Mapping[str, FakeServer], source: str
) -> Iterator[tuple[Emission, SignedHeaders]]:
    """Everything that the fakes of a source's vendor have to say by now."""
    owner = settings.webhooks[source].provider
    # Where the vendor signs the address, it is the one that the source was configured with.
    url = getattr(prepare(settings)[0][source].scheme, "url", None)
    for name, server in fakes.items():
        emitter = emitter_of(server.app)
        if emitter is not None and settings.connections[name].provider == owner:
            yield from ((one, emitter.headers(one, url=url)) for one in emitter.pending())


def sampled(
    settings: Settings,
    source: str,
    event: str,
    values: Mapping[str, Any],
    body: bytes | Mapping[str, Any] | None,
) -> Emission:
    """An event of this type: with this body, else a sample of the vendor's with these values."""
    if body is not None:
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        return Emission(event_id=Uuid7()(), event_type=event, body=content)
    scheme = prepare(settings)[0][source].scheme
    if isinstance(scheme, OneEventScheme):
        sample = described_sample(scheme, event, now=time.time(), ids=Uuid7(), overrides=values)
    else:
        owner = settings.webhooks[source].provider
        sample = samples(owner).sample(event, now=time.time(), ids=Uuid7(), overrides=values)
    return Emission(
        event_id=sample.id,
        event_type=sample.type,
        body=sample.body,
        content_type=sample.content_type,
    )


def proof_of(
    settings: Settings, sandbox: Sandbox, source: str, emission: Emission
) -> SignedHeaders:
    """The headers by which the source knows its vendor.

    Raises:
        ConfigurationError: only the vendor has the key, and nobody stands in for it.
    """
    owner = settings.webhooks[source].provider
    scheme: Any = prepare(settings)[0][source].scheme
    facts = {"event_id": emission.event_id, "event_type": emission.event_type}
    try:
        proof = scheme.sign(emission.body, now=time.time(), **facts)
    except ConfigurationError:
        signer = sandbox.signer(settings, owner)
        emitter = None if signer is None else emitter_of(signer)
        if emitter is None:
            raise
        return emitter.headers(emission)
    return [("content-type", emission.content_type), *proof]


async def posted(hub: Hub, source: str, headers: SignedHeaders, body: bytes) -> Answer:
    """What its door answers; the hub is started again if the application stopped it."""
    await hub.start()
    encoded = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers]
    scope = {
        "type": "http",
        "method": "POST",
        "path": f"/webhooks/{source}",
        "root_path": "",
        "query_string": b"",
        "headers": [*encoded, (b"content-length", b"%d" % len(body))],
    }
    said: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body}

    async def send(message: Any) -> None:
        said.append(message)

    await hub.asgi()(scope, receive, cast("Any", send))
    start, end = said
    return Answer(status=start["status"], headers=tuple(start["headers"]), body=end["body"])

import asyncio
import base64
import contextlib
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook

from hardpoint.core.errors import OutcomeUnknownError, UnavailableError
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.store.driver import Event, Lease
from hardpoint.testing.clock import ManualClock
from hardpoint.webhooks.forwarding import FORWARD_LIMITS, Forwarder, ForwardRefusedError, Target
from hardpoint.webhooks.handlers import Permanent
from hardpoint.webhooks.job import Job
from hardpoint.webhooks.verification import scheme

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
EVENT_ID = "019a0000-0000-7000-8000-000000000001"


def event(**changes):
    facts = {
        "id": EVENT_ID,
        "source": "billing",
        "vendor_id": "evt_1",
        "type": "payment_intent.succeeded",
        "account": None,
        "received_at": 1_700_000_000.0,
        "correlation_id": "c-1",
        "headers": {"content-type": "application/json", "user-agent": "Vendor/1.0"},
        "body": b'{"id": "evt_1",\n "type": "payment_intent.succeeded"}',
    }
    return Event(**(facts | changes))


@contextlib.asynccontextmanager
async def service(status=200, headers=()):
    """The user's own service; it keeps every request, headers in lower case."""
    requests = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        lines = head.split("\r\n")[1:-2]
        pairs = [tuple(line.split(": ", 1)) for line in lines]
        sent = [(name.lower(), value) for name, value in pairs]
        body = await reader.readexactly(int(dict(sent)["content-length"]))
        requests.append((sent, body))
        extra = "".join(f"{name}: {value}\r\n" for name, value in headers)
        writer.write(f"HTTP/1.1 {status} X\r\ncontent-length: 0\r\n{extra}\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in", requests
    finally:
        server.close()


def forward(one, *, clock=None, **answer):
    clock = clock or ManualClock()

    async def scenario():
        async with (
            service(**answer) as (url, requests),
            AsyncTransport(FORWARD_LIMITS) as transport,
        ):
            target = Target(url=url, signing=scheme("standard", secrets=[SECRET]))
            forwarder = Forwarder(transport, {"billing": target}.get, clock)
            lease = Lease(event=one, handler="forward", lane="forward/billing", fence=1)
            job = Job(lease, None, started_at=clock.now())
            await forwarder(one, job)
            return requests

    return asyncio.run(scenario())


def test_the_official_package_accepts_what_is_forwarded():
    clock = ManualClock(datetime.now(UTC).timestamp())
    ((headers, body),) = forward(event(), clock=clock)

    assert Webhook(SECRET).verify(body, dict(headers))["id"] == "evt_1"


def test_the_body_is_unchanged_the_id_is_ours_and_kept_headers_go_along():
    ((headers, body),) = forward(event())

    sent = dict(headers)
    assert body == event().body
    assert sent["webhook-id"] == EVENT_ID
    assert sent["content-type"] == "application/json"
    assert sent["user-agent"] == "Vendor/1.0"
    assert sent["x-hardpoint-source"] == "billing"
    assert sent["x-request-id"] == "c-1"


def test_no_header_stands_twice_even_where_the_vendor_signs_by_the_same_standard():
    kept = {
        "webhook-id": "msg_vendor",
        "webhook-timestamp": "1",
        "x-request-id": "theirs",
        "content-length": "999",
        "host": "shop.example",
        "connection": "close",
        "transfer-encoding": "chunked",
    }
    ((headers, _),) = forward(event(headers=kept))

    names = [name for name, _ in headers]
    assert len(names) == len(set(names))
    assert dict(headers)["webhook-id"] == EVENT_ID
    assert dict(headers)["x-request-id"] == "c-1"
    assert "transfer-encoding" not in names
    assert dict(headers)["host"].startswith("127.0.0.1")


def test_a_header_of_latin_1_bytes_travels_as_it_came():
    ((headers, _),) = forward(event(headers={"user-agent": "Caf\xe9"}))

    assert dict(headers)["user-agent"] == "Caf\xe9"


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_2xx_is_done(status):
    assert len(forward(event(), status=status)) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 413, 422, 451])
def test_4xx_is_final(status):
    with pytest.raises(Permanent, match=str(status)):
        forward(event(), status=status)


@pytest.mark.parametrize("status", [301, 302, 307, 308, 408, 429, 500, 502, 503, 504, 599])
def test_all_else_is_tried_again_redirects_too(status):
    location = [("location", "http://127.0.0.1:1/elsewhere")]
    with pytest.raises(ForwardRefusedError, match=str(status)) as caught:
        forward(event(), status=status, headers=location)
    assert caught.value.retry_after is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("90", 90),
        ("0", 0),
        ("9" * 400, 3600),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("\u0661", None),
        (format_datetime(datetime.fromtimestamp(1_700_000_120, UTC), usegmt=True), 120),
        (format_datetime(datetime.fromtimestamp(1_600_000_000, UTC), usegmt=True), -1e8),
        (format_datetime(datetime.fromtimestamp(1_800_000_000, UTC), usegmt=True), 3600),
        ("Fri, 31 Dec 99999 23:59:59 GMT", None),
    ],
)
@pytest.mark.parametrize("status", [429, 503])
def test_the_service_may_say_when_to_come_again_within_an_hour(status, value, seconds):
    headers = [("retry-after", value.encode().decode("latin-1"))]
    with pytest.raises(ForwardRefusedError) as caught:
        forward(event(), status=status, headers=headers)
    assert caught.value.retry_after == seconds


def test_a_service_that_is_not_there_is_tried_again():
    async def scenario():
        async with service() as (url, _):
            pass
        async with AsyncTransport(FORWARD_LIMITS) as transport:
            target = Target(url=url, signing=scheme("standard", secrets=[SECRET]))
            forwarder = Forwarder(transport, lambda source: target, ManualClock())
            lease = Lease(event=event(), handler="forward", lane="forward/billing", fence=1)
            await forwarder(event(), Job(lease, None, started_at=0))

    with pytest.raises((UnavailableError, OutcomeUnknownError)):
        asyncio.run(scenario())


def test_an_event_whose_source_is_not_forwarded_any_more_waits_for_the_configuration():
    async def scenario():
        forwarder = Forwarder(AsyncTransport(), lambda source: None, ManualClock())
        lease = Lease(event=event(), handler="forward", lane="forward/billing", fence=1)
        await forwarder(event(), Job(lease, None, started_at=0))

    with pytest.raises(ForwardRefusedError, match="not forwarded any more"):
        asyncio.run(scenario())

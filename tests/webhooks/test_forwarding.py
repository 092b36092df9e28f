import asyncio
import base64
import contextlib
from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook

from hardpoint.core.errors import CircuitOpenError, OutcomeUnknownError, UnavailableError
from hardpoint.core.events import Listeners
from hardpoint.http.asynchronous import AsyncTransport
from hardpoint.http.messages import Headers, Response
from hardpoint.store.driver import Event, Lease, Outcome
from hardpoint.store.views import State
from hardpoint.testing.clock import ManualClock
from hardpoint.webhooks.forwarding import Forwarder, ForwardRefusedError, Target, forward_limits
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


def forwarder_of(transport, target, clock, listeners=None):
    told = Listeners() if listeners is None else listeners
    return Forwarder(transport, target, clock, lambda: 0.0, told)


def forward(one, *, clock=None, **answer):
    clock = clock or ManualClock()

    async def scenario():
        async with (
            service(**answer) as (url, requests),
            AsyncTransport(forward_limits(4)) as transport,
        ):
            target = Target(url=url, signing=scheme("standard", secrets=[SECRET]))
            forwarder = forwarder_of(transport, {"billing": target}.get, clock)
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
        async with AsyncTransport(forward_limits(4)) as transport:
            target = Target(url=url, signing=scheme("standard", secrets=[SECRET]))
            forwarder = forwarder_of(transport, lambda source: target, ManualClock())
            lease = Lease(event=event(), handler="forward", lane="forward/billing", fence=1)
            await forwarder(event(), Job(lease, None, started_at=0))

    with pytest.raises((UnavailableError, OutcomeUnknownError)):
        asyncio.run(scenario())


def test_an_event_whose_source_is_not_forwarded_any_more_waits_for_the_configuration():
    async def scenario():
        forwarder = forwarder_of(AsyncTransport(), lambda source: None, ManualClock())
        lease = Lease(event=event(), handler="forward", lane="forward/billing", fence=1)
        await forwarder(event(), Job(lease, None, started_at=0))

    with pytest.raises(ForwardRefusedError, match="not forwarded any more"):
        asyncio.run(scenario())


# Services that fail


class Scripted:
    """A transport that answers what it is told to, to one request after another."""

    def __init__(self, *answers):
        self.answers = list(answers)

    async def send(self, request):
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return Response(status=answer, headers=Headers([]), body=b"")


DOWN = 503
GONE = UnavailableError("down", provider="x", operation="")


def post(forwarder, source="billing"):
    """Forwards an event; gives the error, or None."""
    one = event(source=source)
    lease = Lease(event=one, handler="forward", lane=f"forward/{source}", fence=1)
    try:
        asyncio.run(forwarder(one, Job(lease, None, started_at=0)))
    except (Exception, asyncio.CancelledError) as error:
        return error
    return None


def failing(*answers, targets=None):
    told, clock = [], ManualClock()
    target = Target(url="https://shop.test/in", signing=scheme("standard", secrets=[SECRET]))
    targets = {"billing": target} if targets is None else targets
    transport = Scripted(*answers)
    return forwarder_of(transport, targets.get, clock, Listeners(told.append)), clock, told


def test_a_service_that_fails_ten_times_in_a_row_is_left_alone_and_then_asked_once():
    forwarder, clock, told = failing(*[DOWN, GONE] * 5, DOWN, 200, 200)
    for _ in range(10):
        assert not isinstance(post(forwarder), CircuitOpenError)
    assert forwarder.open_circuits() == ["forward/billing"]
    refused = post(forwarder)
    assert isinstance(refused, CircuitOpenError)
    assert refused.retry_after == 5.0
    assert [(one.policy, one.after, one.severity) for one in told] == [
        ("forward/billing", "open", "warning")
    ]
    clock.advance(5)
    assert isinstance(post(forwarder), ForwardRefusedError)  # it is still down
    assert post(forwarder).retry_after == 10.0
    clock.advance(10)
    assert post(forwarder) is None
    assert forwarder.open_circuits() == []
    assert post(forwarder) is None


def test_an_answer_that_is_final_shows_that_the_service_is_there():
    forwarder, _, told = failing(*[DOWN] * 9, 400, *[DOWN] * 9, 200, *[DOWN] * 9)
    for _ in range(29):
        post(forwarder)
    assert told == []


@pytest.mark.parametrize("end", [asyncio.CancelledError(), ValueError("a defect")])
def test_what_ends_for_another_reason_says_nothing_of_the_service(end):
    forwarder, _, told = failing(*[DOWN] * 9, end, 200)
    for _ in range(9):
        post(forwarder)
    assert post(forwarder) is end
    assert told == []
    assert post(forwarder) is None


def test_while_one_asks_whether_the_service_is_back_the_others_wait_a_moment():
    forwarder, clock, _ = failing(*[DOWN] * 10)
    for _ in range(10):
        post(forwarder)
    clock.advance(5)
    asking = asyncio.Event()

    class Asks:
        async def send(self, request):
            asking.set()
            await asyncio.sleep(0.01)
            return Response(status=200, headers=Headers([]), body=b"")

    forwarder._transport = Asks()

    async def scenario():
        one = event()
        lease = Lease(event=one, handler="forward", lane="forward/billing", fence=1)
        job = Job(lease, None, started_at=0)
        first = asyncio.create_task(forwarder(one, job))
        await asking.wait()
        with pytest.raises(CircuitOpenError) as caught:
            await forwarder(one, job)
        await first
        return caught.value.retry_after

    assert asyncio.run(scenario()) == 1.0


def test_a_circuit_outlives_a_reload_unless_the_service_is_another():
    here = Target(url="https://shop.test/in", signing=scheme("standard", secrets=[SECRET]))
    targets = {"billing": here}
    forwarder, _, _ = failing(*[DOWN] * 10, 200, targets=targets)
    for _ in range(10):
        post(forwarder)
    targets["billing"] = Target(url=here.url, signing=here.signing)
    assert isinstance(post(forwarder), CircuitOpenError)
    assert forwarder.open_circuits() == ["forward/billing"]
    targets["billing"] = Target(url="https://new.shop.test/in", signing=here.signing)
    assert forwarder.open_circuits() == []
    assert post(forwarder) is None
    targets.clear()
    assert forwarder.open_circuits() == []


def test_jobs_that_wait_for_a_service_cost_no_attempts_and_go_when_it_is_back(rig):
    one, up, sent = rig(), False, []

    class Service:
        async def send(self, request):
            sent.append(dict(request.headers)["webhook-id"])
            return Response(status=200 if up else DOWN, headers=Headers([]), body=b"")

    target = Target(url="https://shop.test/in", signing=scheme("standard", secrets=[SECRET]))
    forwarder = forwarder_of(Service(), {"billing": target}.get, one.clock)
    one.handlers.add("billing", "*", forwarder, name="forward", timeout=35, retry=[1000])

    async def scenario():
        nonlocal up
        await one.ready()
        for number in range(40):
            await one.deliver(f"evt_{number}")
        await one.until(lambda: deferred(one))
        assert len(sent) == 10
        up = True
        one.clock.advance(5)
        one.worker._wake.set()
        await one.until(lambda: len(sent) == 40)
        await one.advance(1000)
        await one.until(lambda: not pending(one))

    one.play(scenario)
    events = one.read(lambda reader: reader.events(limit=100))
    assert [view.state for view in events] == [State.DONE] * 40
    assert len(sent) == 50


def deferred(rig):
    return [one for one in rig.attempts() if one.outcome is Outcome.DEFERRED]


def pending(rig):
    return [
        view
        for view in rig.read(lambda reader: reader.events(limit=100))
        if view.state is State.PENDING
    ]

import asyncio
import functools

import httpx2
import msgspec
import pytest

from hardpoint.service.admin import admin_app
from hardpoint.service.readiness import Readiness
from hardpoint.service.reload import Reloader
from hardpoint.service.runfile import RunningServer
from hardpoint.testing import ManualClock
from hardpoint.webhooks.attempts import HandlerFinished

RUN = RunningServer(pid=4711, url="http://127.0.0.1:8001", token="the-t0ken", started_at=12.5)
KEY = {"authorization": f"Bearer {RUN.token}"}


@pytest.fixture
def admin(hub):
    """Play a scenario with a client of the admin application of a hub that runs."""

    async def run(scenario, hosts) -> None:
        reloader = Reloader(hub.reload, list, listeners=hub.listeners)
        readiness = Readiness(hub, reloader, ManualClock())
        app = admin_app(hub, readiness, RUN, **hosts)
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:8001"
        )
        async with asyncio.timeout(20), hub, client:
            await scenario(client, readiness)

    def play(scenario, **hosts) -> None:
        asyncio.run(run(scenario, hosts))

    return play


async def store(hub, signed, identifier: str = "evt_1") -> str:
    """Have an event stored; gives our id."""
    now = hub._clock.now()
    body, headers = signed(identifier, now=now)
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    answered = asyncio.get_running_loop().create_future()
    hub.receiver.submit("shop", raw, body, answered.set_result)
    assert (await answered).status == 200
    reader = hub.reader()
    try:
        return reader.events(limit=1)[0].id
    finally:
        reader.close()


def test_health_is_told_to_anyone_on_this_machine(admin):
    async def scenario(client, readiness):
        reply = await client.get("/healthz")
        assert (reply.status_code, reply.json()) == (200, {"status": "ok"})
        assert reply.headers["cache-control"] == "no-store"

    admin(scenario)


def test_readiness_is_told_with_its_reasons(admin):
    async def scenario(client, readiness):
        reply = await client.get("/readyz")
        assert (reply.status_code, reply.json()["ready"]) == (200, True)
        readiness.stopping = True
        reply = await client.get("/readyz")
        assert reply.status_code == 503
        assert reply.json() == {
            "ready": False,
            "reasons": ["the server is stopping"],
            "store_writable": True,
            "worker_running": True,
            "backlog_seconds": 0.0,
            "generation": 1,
            "configuration_problem": None,
        }

    admin(scenario)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "127.0.0.1.evil.example",
        "evil.example:8001",
        "localhost:x",
        "",
        "[::1",
        ":1",
    ],
)
def test_another_host_name_is_refused(admin, host):
    async def scenario(client, readiness):
        for path in ("/healthz", "/readyz", "/api/server"):
            reply = await client.get(path, headers={"host": host, **KEY})
            assert (reply.status_code, reply.json()) == (421, {"error": "host_refused"})

    admin(scenario)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:1", "127.0.0.1", "127.0.0.1:8001", "[::1]", "[::1]:8001"]
)
def test_loopback_names_are_served(admin, host):
    async def scenario(client, readiness):
        assert (await client.get("/healthz", headers={"host": host})).status_code == 200

    admin(scenario)


def test_any_name_is_served_where_others_are_let_in(admin):
    async def scenario(client, readiness):
        headers = {"host": "gateway.internal"}
        assert (await client.get("/healthz", headers=headers)).status_code == 200

    admin(scenario, hosts=None)


@pytest.mark.parametrize("origin", ["http://127.0.0.1:8001", "https://evil.example", "null"])
def test_a_browsers_page_is_refused(admin, origin):
    async def scenario(client, readiness):
        reply = await client.post("/api/events/x/retry", headers={"origin": origin, **KEY})
        assert (reply.status_code, reply.json()) == (403, {"error": "origin_refused"})

    admin(scenario)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": RUN.token},
        {"authorization": f"bearer {RUN.token}"},
        {"authorization": f"Bearer {RUN.token}x"},
        {"authorization": f"Basic {RUN.token}"},
        {"authorization": "Bearer \udcff".encode("utf-8", "surrogateescape")},
    ],
)
def test_the_api_wants_the_token(admin, given):
    async def scenario(client, readiness):
        for method, path in (
            ("GET", "/api/server"),
            ("POST", "/api/events/x/retry"),
            ("POST", "/api/events/x/replay"),
        ):
            reply = await client.request(method, path, headers=given, content=b"not even JSON")
            assert (reply.status_code, reply.json()) == (401, {"error": "unauthorized"})

    admin(scenario)


def test_the_server_says_who_it_is(admin):
    async def scenario(client, readiness):
        reply = await client.get("/api/server", headers=KEY)
        assert reply.json() == {"pid": 4711, "started_at": 12.5, "generation": 1}

    admin(scenario)


def test_an_event_is_retried_and_replayed(admin, hub, signed, told):
    handled: list[str] = []

    @hub.on("shop", retry=[3600.0])
    async def handle(event, job) -> None:
        handled.append(event.vendor_id)
        if len(handled) == 1:
            raise RuntimeError("the first time")

    async def scenario(client, readiness):
        event = await store(hub, signed)
        await told.has(HandlerFinished)
        order = {"handler": None, "actor": "ann", "reason": "fixed"}
        reply = await client.post(f"/api/events/{event}/retry", headers=KEY, json=order)
        assert (reply.status_code, reply.json()) == (200, {"count": 1})
        await told.has(HandlerFinished, 2)
        path = f"/api/events/{event}/replay"
        assert (await client.post(path, headers=KEY)).json() == {"count": 0}
        assert (await client.post(path, headers=KEY, json={"force": True})).json() == {"count": 1}
        await told.has(HandlerFinished, 3)
        assert handled == ["evt_1"] * 3
        reply = await client.post("/api/events/no-such/retry", headers=KEY)
        assert reply.json() == {"count": 0}

    admin(scenario)


def test_a_dead_letter_is_closed_with_a_note(admin, hub, signed, told):
    @hub.on("shop", retry=[])
    async def handle(event, job) -> None:
        raise RuntimeError("for ever")

    async def scenario(client, readiness):
        path = f"/api/events/{await store(hub, signed)}/resolve"
        await told.has(HandlerFinished)
        reply = await client.post(path, headers=KEY, json={"handler": "handle"})
        assert (reply.status_code, reply.json()) == (400, {"error": "malformed_request"})
        order = {"note": "done by hand", "actor": "ann"}
        assert (await client.post(path, headers=KEY, json=order)).json() == {"count": 1}
        assert (await client.post(path, headers=KEY, json=order)).json() == {"count": 0}

    admin(scenario)


def test_an_unknown_handler_is_named(admin):
    async def scenario(client, readiness):
        path = "/api/events/x/replay"
        reply = await client.post(path, headers=KEY, json={"handler": "nobody"})
        assert reply.status_code == 400
        told = reply.json()
        assert (told["error"], told["key"]) == ("configuration", "handler nobody")
        assert told["problem"] == "is not known"

    admin(scenario)


def test_a_store_that_cannot_is_503(admin, hub):
    async def scenario(client, readiness):
        await hub.stop()
        reply = await client.post("/api/events/x/retry", headers=KEY)
        assert (reply.status_code, reply.json()["error"]) == (503, "unavailable")
        assert "is not open" in reply.json()["message"]

    admin(scenario)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{", 400),
        (b"[]", 400),
        (b'{"handler":1}', 400),
        (b'{"force":true}', 400),
        (msgspec.json.encode({"reason": "x" * 501}), 400),
        (b'{"handler":"\xff"}', 400),
        (b" " * 20_000, 413),
    ],
)
def test_an_order_that_is_none_is_refused(admin, body, expected):
    async def scenario(client, readiness):
        reply = await client.post("/api/events/x/retry", headers=KEY, content=body)
        assert reply.status_code == expected

    admin(scenario)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("GET", "/api/events/x/retry", 405), ("POST", "/readyz", 405), ("GET", "/", 404)],
)
def test_nothing_else_is_served(admin, method, path, expected):
    async def scenario(client, readiness):
        assert (await client.request(method, path, headers=KEY)).status_code == expected

    admin(scenario)


def test_a_request_without_a_host_or_with_two_is_refused(admin, hub):
    async def call(app, hosts) -> int:
        sent = []

        async def send(message) -> None:
            sent.append(message)

        scope = {"type": "http", "headers": [(b"host", host) for host in hosts]}
        await app(scope, functools.partial(asyncio.sleep, 0), send)
        return sent[0]["status"]

    reloader = Reloader(hub.reload, list, listeners=hub.listeners)
    app = admin_app(hub, Readiness(hub, reloader, ManualClock()), RUN)
    assert asyncio.run(call(app, [])) == 421
    assert asyncio.run(call(app, [b"localhost", b"localhost"])) == 421

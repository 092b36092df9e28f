import asyncio
import functools
from collections import Counter

import httpx2
import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.service.admin import admin_app
from hardpoint.service.operations import FOLLOWERS_MAX, AdminOperations
from hardpoint.service.readiness import Readiness
from hardpoint.service.reload import Reloader
from hardpoint.service.server import Server
from hardpoint.testing import ManualClock


@pytest.fixture
def admin(hub):
    """Play a scenario with a client of the admin application of a hub that runs."""

    async def run(scenario, hosts) -> None:
        reloader = Reloader(hub.reload, list, listeners=hub.listeners)
        readiness = Readiness(hub, reloader, ManualClock())
        app = admin_app(readiness, **hosts)
        client = httpx2.AsyncClient(
            transport=httpx2.ASGITransport(app=app), base_url="http://127.0.0.1:8001"
        )
        async with asyncio.timeout(20), hub, client:
            await scenario(client, readiness)

    def play(scenario, **hosts) -> None:
        asyncio.run(run(scenario, hosts))

    return play


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
        for path in ("/healthz", "/readyz"):
            reply = await client.get(path, headers={"host": host})
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
        reply = await client.get("/readyz", headers={"origin": origin})
        assert (reply.status_code, reply.json()) == (403, {"error": "origin_refused"})

    admin(scenario)


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [("POST", "/api/events/x/retry", 404), ("POST", "/readyz", 405), ("GET", "/", 404)],
)
def test_nothing_else_is_served(admin, method, path, expected):
    async def scenario(client, readiness):
        assert (await client.request(method, path)).status_code == expected

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
    app = admin_app(Readiness(hub, reloader, ManualClock()))
    assert asyncio.run(call(app, [])) == 421
    assert asyncio.run(call(app, [b"localhost", b"localhost"])) == 421


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "gateway.internal"])
def test_no_admin_listener_is_open_to_other_machines_without_a_token(hub, host):
    with pytest.raises(ConfigurationError, match="there is no token") as refused:
        Server(hub, admin_host=host, force_admin=True)
    assert "[admin] token" in refused.value.fix


def test_a_token_that_can_be_guessed_opens_no_admin_listener(hub, monkeypatch):
    monkeypatch.setenv("HARDPOINT_ADMIN_TOKEN", "x" * 23)
    with pytest.raises(ConfigurationError, match="less than 24 characters"):
        Server(hub, admin_host="0.0.0.0", force_admin=True)
    monkeypatch.setenv("HARDPOINT_ADMIN_TOKEN", "x" * 24)
    assert Server(hub, admin_host="0.0.0.0", force_admin=True)


def test_no_more_follow_than_may_however_many_ask_at_once(hub):
    answers, leave = [], asyncio.Event()

    async def receive():
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        await asyncio.sleep(0)  # a client that is slow to take the head of its answer
        if message["type"] == "http.response.start":
            answers.append(message["status"])

    async def scenario():
        readiness = Readiness(
            hub, Reloader(hub.reload, list, listeners=hub.listeners), ManualClock()
        )
        app = admin_app(readiness, operations=AdminOperations(hub))
        tail = {
            "type": "http",
            "method": "GET",
            "path": "/tail",
            "query_string": b"",
            "headers": [(b"host", b"localhost")],
        }

        def ask(times):
            return asyncio.gather(*(app(tail, receive, send) for _ in range(times)))

        following = ask(FOLLOWERS_MAX + 3)
        while len(answers) < FOLLOWERS_MAX + 3:
            await asyncio.sleep(0)
        assert Counter(answers) == {200: FOLLOWERS_MAX, 429: 3}
        leave.set()
        await following
        await ask(1)  # who has gone makes room
        assert answers[-1] == 200

    async def bounded():
        async with asyncio.timeout(20), hub:
            await scenario()

    asyncio.run(bounded())


@pytest.mark.parametrize(("token", "status"), [("x" * 23, 403), ("x" * 24, 200)])
def test_a_token_that_has_become_short_lets_no_other_machine_in(
    admin, hub, monkeypatch, token, status
):
    monkeypatch.setenv("HARDPOINT_ADMIN_TOKEN", token)

    async def scenario(client, readiness):
        reply = await client.get("/breakers", headers={"authorization": f"Bearer {token}"})
        assert reply.status_code == status

    admin(scenario, operations=AdminOperations(hub, alone=False))

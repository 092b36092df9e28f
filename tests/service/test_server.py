import asyncio
import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx2
import pytest
import uvloop

from hardpoint.core.errors import (
    ConfigurationError,
    StoreCorruptError,
    TimedOutError,
)
from hardpoint.core.secrets import Secret
from hardpoint.hub.events import HubFailed
from hardpoint.hub.hub import Hub
from hardpoint.service.events import Ready, ServerStopped, ServerStopping, ServerStuck
from hardpoint.service.guard import IngressLimits
from hardpoint.service.server import (
    DESCRIPTORS_KEPT,
    Patience,
    Server,
    affordable,
    leave,
    new_event_loop,
    serve,
)
from hardpoint.store.events import OwnerMissing
from hardpoint.store.guests import Rank
from hardpoint.webhooks.reception import RequestsRefused

SOON = Patience(soft_seconds=0.05, drain_seconds=10, handler_seconds=10, store_seconds=10)


class Site:
    """A server that runs, and a client of it."""

    def __init__(self, server: Server, ready: Ready, client: httpx2.AsyncClient, signed) -> None:
        self.server = server
        self.ready = ready
        self.client = client
        self.signed = signed

    async def post(self, identifier: str) -> httpx2.Response:
        body, headers = self.signed(identifier, now=time.time())
        return await self.client.post(
            f"{self.ready.url}/webhooks/shop", content=body, headers=headers
        )

    async def readiness(self) -> dict[str, Any]:
        return (await self.client.get(f"{self.ready.admin_url}/readyz")).json()


Scenario = Callable[[Site], Awaitable[None]]


@pytest.fixture
def site(hub: Hub, signed) -> Callable[..., None]:
    """Play a scenario with a server; afterwards it is stopped, unless the scenario did that."""

    async def play(scenario: Scenario, options: dict[str, Any]) -> None:
        is_ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        options = {"port": 0, "patience": SOON, "poll": 0.02, **options}
        beside = options.pop("beside", contextlib.nullcontext())
        server = Server(hub, ready=is_ready.set_result, **options)
        client = httpx2.AsyncClient(trust_env=False)
        async with asyncio.timeout(30), client, beside:
            serving = asyncio.create_task(server.run())
            await asyncio.wait({serving, is_ready}, return_when=asyncio.FIRST_COMPLETED)
            if is_ready.done():
                await scenario(Site(server, is_ready.result(), client, signed))
                server.stop("the test ends")
            await serving

    def run(scenario: Scenario, **options: Any) -> None:
        asyncio.run(play(scenario, options))

    return run


async def nothing(site: Site) -> None:
    pass


def test_webhooks_are_stored_and_handled_until_the_stop(site, hub, told):
    handled: list[str] = []

    @hub.on("shop")
    async def handle(event, job) -> None:
        handled.append(event.vendor_id)

    async def scenario(site: Site) -> None:
        assert (await site.post("evt_1")).status_code == 200
        assert (await site.post("evt_1")).status_code == 200
        reply = await site.client.post(f"{site.ready.url}/webhooks/shop", content=b"forged")
        assert reply.status_code == 401
        assert (await site.client.get(f"{site.ready.url}/healthz")).json() == {"status": "ok"}
        assert (await site.client.get(f"{site.ready.url}/readyz")).status_code == 404
        assert (await site.readiness())["ready"] is True
        while not handled:
            await asyncio.sleep(0.001)

    site(scenario)
    assert handled == ["evt_1"]
    [ready] = [event for event in told if isinstance(event, Ready)]
    assert ready.pid == os.getpid()
    assert ServerStopping(reason="the test ends") in told
    assert told[-1] == ServerStopped(connections_cut=0)


def test_a_hundred_identical_deliveries_at_once_are_one_event(site, hub):
    handled: list[str] = []

    @hub.on("shop")
    async def handle(event, job) -> None:
        handled.append(event.vendor_id)

    async def scenario(site: Site) -> None:
        replies = await asyncio.gather(*(site.post("evt_1") for _ in range(100)))
        assert [reply.status_code for reply in replies] == [200] * 100
        while not handled:
            await asyncio.sleep(0.001)

    site(scenario)
    assert handled == ["evt_1"]
    reader = hub.reader()
    try:
        assert reader.counts()["total"] == 1
    finally:
        reader.close()


def test_a_flood_of_forged_requests_is_counted_and_stores_nothing(site, hub, connect, post, told):
    async def scenario(site: Site) -> None:
        client = await connect(site.ready.url)
        for _ in range(10):
            client.say(*[post(b"{}", extra=b"webhook-id: x\r\n")] * 50)
            assert [await client.status() for _ in range(50)] == [401] * 50
        client.writer.close()

    site(scenario)
    reader = hub.reader()
    try:
        assert reader.counts()["total"] == 0
        assert sum(reader.refusals()["shop"].values()) == 500
    finally:
        reader.close()
    # A row a source, reason and minute, not one a request.
    assert sum(isinstance(event, RequestsRefused) for event in told) <= 3


def test_leaving_at_once_keeps_what_was_said(capsys):
    codes: list[int] = []
    leave(3, end=codes.append)
    assert codes == [3]


def test_the_admin_listener_has_bounds_too(site, connect):
    async def scenario(site: Site) -> None:
        client = await connect(site.ready.admin_url)
        client.say(b"garbage\r\n\r\n")
        assert await client.status() == 400
        assert await client.closed() == b""
        client.writer.close()

    site(scenario)


def test_two_ports_are_taken_and_told(site):
    async def scenario(site: Site) -> None:
        assert site.ready.url.startswith("http://127.0.0.1:")
        assert site.ready.admin_url.startswith("http://127.0.0.1:")
        assert site.ready.url != site.ready.admin_url

    site(scenario)


def test_the_command_line_finds_the_server_and_where_it_takes_webhooks(site, hub):
    hub.on("shop", name="handle")(lambda event, job: None)

    async def scenario(site: Site) -> None:
        presence = await asyncio.to_thread(Hub(hub.settings).shared.presence)
        assert presence.owner.pid == os.getpid()
        assert presence.owner.public == site.ready.url
        assert (presence.owner.rank, presence.guests) == (Rank.SERVER, ())
        assert await asyncio.to_thread(Hub(hub.settings).shared.broadcast_reload) == 1

    site(scenario)
    assert Hub(hub.settings).shared.presence() is None


def test_a_port_in_use_is_named_before_the_store_is_opened(site, hub):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for option in ("port", "admin_port"):
            with pytest.raises(ConfigurationError, match=rf"127\.0\.0\.1:{port} is in use"):
                site(nothing, **{option: port})
    assert not hub.settings.store.path.exists()


def test_the_admin_port_follows_the_public_one(hub):
    assert Server(hub, port=8000)._admin_address == ("127.0.0.1", 8001)
    assert Server(hub, port=0)._admin_address == ("127.0.0.1", 0)


def test_an_admin_host_that_others_reach_is_refused_unless_forced(site, hub, monkeypatch):
    for host in ("0.0.0.0", "::", "gateway.internal", "10.0.0.1"):
        with pytest.raises(ConfigurationError, match="can be reached from other machines"):
            Server(hub, admin_host=host)
    for host in ("localhost", "127.0.0.2", "::1"):
        Server(hub, admin_host=host)

    async def scenario(site: Site) -> None:
        port = site.ready.admin_url.rpartition(":")[2]
        reply = await site.client.get(
            f"http://127.0.0.1:{port}/healthz", headers={"host": "gateway.internal"}
        )
        assert reply.status_code == 200

    monkeypatch.setenv("HARDPOINT_ADMIN_TOKEN", "s3cret" * 4)
    site(scenario, admin_host="0.0.0.0", force_admin=True)


def test_nobody_to_tell_that_it_is_ready_ends_it_and_frees_all(hub):
    urls: list[str] = []

    def fail(ready: Ready) -> None:
        urls.extend([ready.url, ready.admin_url])
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        serve(Server(hub, port=0, ready=fail))
    for url in urls:
        with pytest.raises(httpx2.ConnectError):
            httpx2.get(url, trust_env=False)
    assert not hub.settings.store.path.with_name("inbox.db.sock").exists()


def test_a_store_that_cannot_be_opened_ends_it_and_frees_the_ports(site, hub):
    hub.settings.store.path.write_bytes(b"no database of ours" * 100)
    with pytest.raises(StoreCorruptError):
        site(nothing)
    assert not hub.settings.store.path.with_name("inbox.db.sock").exists()


def test_a_defect_in_the_background_ends_it_with_the_reason(site, hub, told):
    @hub.on("shop")
    async def handle(event, job) -> None:
        pass

    async def complete(completion):
        raise ZeroDivisionError("a defect")

    hub.store.complete = complete

    async def scenario(site: Site) -> None:
        await site.post("evt_1")
        await told.has(HubFailed)

    with pytest.raises(ZeroDivisionError):
        site(scenario)
    assert ServerStopping(reason="the hub has failed") in told


def test_a_store_that_breaks_makes_it_unready_until_it_is_open_again(site, hub, told):
    async def scenario(site: Site) -> None:
        aside = hub.store.path.with_name("aside.db")
        hub.store.path.rename(aside)
        hub.store.break_down("the disk was pulled")
        await told.has(OwnerMissing)
        unready = await site.readiness()
        assert (unready["ready"], "put that back" in unready["reasons"][0]) == (False, True)
        assert (await site.post("evt_1")).status_code == 503
        assert not hub.store.path.exists()
        aside.rename(hub.store.path)
        while not (await site.readiness())["ready"]:
            await asyncio.sleep(0.01)
        assert (await site.post("evt_1")).status_code == 200

    site(scenario)


@contextlib.asynccontextmanager
async def started(hub: Hub, rank: Rank):
    """Another process of the same store, which was there before."""
    await hub.life.start(wait=False, rank=rank)
    try:
        yield
    finally:
        await hub.stop()


@pytest.mark.parametrize("rank", [Rank.SCRIPT, Rank.WORKER])
def test_it_takes_the_store_over_from_what_is_no_server(site, hub, rank):
    handled: list[str] = []
    other = Hub(hub.settings)
    for one in (hub, other):
        one.on("shop", name="handle")(lambda event, job: handled.append(event.vendor_id))

    async def scenario(site: Site) -> None:
        while not (hub.shared.owner and other.shared.owner_pid):
            await asyncio.sleep(0.001)
        assert (await site.post("evt_1")).status_code == 200
        while not handled:
            await asyncio.sleep(0.001)
        assert (await site.readiness())["reasons"] == []

    site(scenario, beside=started(other, rank))


def test_beside_another_server_it_receives_and_is_there_to_follow(site, hub):
    other = Hub(hub.settings)
    other.on("shop", name="handle")(lambda event, job: None)

    async def scenario(site: Site) -> None:
        state = await site.readiness()
        assert state["ready"]
        assert state["reasons"] == [
            f"owner: process {os.getpid()} has the store, and handles events"
        ]
        assert (await site.post("evt_1")).status_code == 200
        await other.stop()
        while not hub.shared.owner:
            await asyncio.sleep(0.001)
        assert (await site.readiness())["reasons"] == []
        assert (await site.post("evt_1")).status_code == 200

    site(scenario, beside=started(other, Rank.SERVER))


@pytest.mark.parametrize("options", [{}, {"admin_port": 0}], ids=["alone", "administered"])
def test_it_may_only_work_on_what_others_receive(site, hub, options):
    handled: list[str] = []
    hub.on("shop", name="handle")(lambda event, job: handled.append(event.vendor_id))
    worker = Hub(hub.settings)

    async def scenario(site: Site) -> None:
        assert site.ready.url == ""
        if site.ready.admin_url:
            assert (await site.readiness())["ready"]
        body, headers = site.signed("evt_1", now=time.time())
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        while not (hub.shared.owner and worker.shared.owner_pid):
            await asyncio.sleep(0.001)
        worker.receiver.submit("shop", raw, body, lambda _: None)
        while not handled:
            await asyncio.sleep(0.001)

    site(scenario, receives=False, beside=started(worker, Rank.WORKER), **options)


def test_a_stop_that_takes_too_long_ends_the_process(site, hub, told):
    codes: list[int] = []
    stuck = threading.Event()
    begun = threading.Event()

    @hub.on("shop")
    def handle(event, job) -> None:
        begun.set()
        stuck.wait()

    async def scenario(site: Site) -> None:
        assert (await site.post("evt_1")).status_code == 200
        await asyncio.to_thread(begun.wait)

    patience = Patience(soft_seconds=0, drain_seconds=0, handler_seconds=0, store_seconds=-2)
    try:
        with pytest.raises(TimedOutError):
            site(scenario, patience=patience, exit=codes.append)
    finally:
        stuck.set()
    assert codes == [1]
    assert told.count(ServerStuck()) == 1


def test_signals_stop_reload_and_end_at_once(site, hub, told):
    codes: list[int] = []

    async def scenario(site: Site) -> None:
        os.kill(os.getpid(), signal.SIGHUP)
        while site.server._hub.generation != 1:
            await asyncio.sleep(0.001)
        os.kill(os.getpid(), signal.SIGTERM)
        await told.has(ServerStopping)
        os.kill(os.getpid(), signal.SIGINT)
        while not codes:
            await asyncio.sleep(0.001)

    site(scenario, exit=codes.append, patience=Patience(soft_seconds=0.2))
    assert codes == [128 + signal.SIGINT]
    assert ServerStopping(reason="SIGTERM") in told
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_a_terminal_that_closes_stops_it_once_however_often_that_is_said(site, told):
    codes: list[int] = []

    async def scenario(site: Site) -> None:
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGHUP)
        await told.has(ServerStopping)

    site(scenario, exit=codes.append, hangup_stops=True)
    assert codes == []
    assert ServerStopping(reason="SIGHUP") in told
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_DFL


@pytest.mark.parametrize("loop_factory", [new_event_loop, asyncio.new_event_loop])
def test_a_unix_socket_takes_webhooks_and_the_rest_as_a_port_does(
    hub, signed, tmp_path, loop_factory
):
    path = tmp_path / "public.sock"

    async def play() -> None:
        is_ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        server = Server(hub, uds=path, admin_port=0, patience=SOON, ready=is_ready.set_result)
        serving = asyncio.create_task(server.run())
        transport = httpx2.AsyncHTTPTransport(uds=str(path))
        async with asyncio.timeout(30), httpx2.AsyncClient(transport=transport) as client:
            ready = await is_ready
            assert ready.url == f"unix:{path}"
            assert ready.admin_url.startswith("http://127.0.0.1:")
            body, headers = signed("evt_1", now=time.time())
            url = "http://hardpoint/webhooks/shop"
            assert (await client.post(url, content=body, headers=headers)).status_code == 200
            assert (await client.get("http://hardpoint/healthz")).status_code == 200
            server.stop("the test ends")
            await serving

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(play())
    assert not path.exists()


@pytest.mark.parametrize("host", ["127.0.0.2", "[::1]", "localhost"])
def test_readiness_is_told_at_any_loopback_address(site, hub, host):
    async def scenario(site: Site) -> None:
        assert (await site.readiness())["ready"]

    site(scenario, admin_host=host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_readiness_is_told_on_all_addresses_where_that_was_forced(site, hub, host, monkeypatch):
    monkeypatch.setenv("HARDPOINT_ADMIN_TOKEN", "s3cret" * 4)

    async def scenario(site: Site) -> None:
        port = site.ready.admin_url.rpartition(":")[2]
        assert (await site.client.get(f"http://localhost:{port}/readyz")).json()["ready"]

    site(scenario, admin_host=host, force_admin=True)


@pytest.mark.parametrize(
    "path", ["/health", "/metrics", "/calls", "/calls/x", "/breakers", "/tail"]
)
def test_what_other_machines_may_read_wants_the_token(site, hub, path):
    hub.settings = replace(hub.settings, admin_token=Secret.value("s3cret" * 4))

    async def scenario(site: Site) -> None:
        port = site.ready.admin_url.rpartition(":")[2]
        url = f"http://127.0.0.1:{port}{path}"
        for told in ({}, {"authorization": "Bearer wrong"}, {"authorization": "s3cret" * 4}):
            assert (await site.client.get(url, headers=told)).status_code == 403
        known = {"authorization": f"Bearer {'s3cret' * 4}"}
        async with site.client.stream("GET", url, headers=known) as reply:
            assert reply.status_code in {200, 404}
        assert (await site.client.get(f"http://127.0.0.1:{port}/readyz")).status_code == 200

    site(scenario, admin_host="0.0.0.0", force_admin=True)


def test_an_answer_carries_the_correlation_id_of_what_it_answers(site, signed):
    async def scenario(site: Site) -> None:
        url = f"{site.ready.url}/webhooks/shop"
        body, proof = signed("evt_9", now=time.time())

        async def ask(content=body, **told):
            told = {name.replace("_", "-"): value for name, value in told.items()}
            reply = await site.client.post(url, content=content, headers=told)
            return reply.status_code, reply.headers.get("x-request-id")

        status, own = await ask(**proof)
        assert (status, len(own)) == (200, 36)
        assert await ask(**proof) == (200, own), "a repeat has that of the first"
        body, proof = signed("evt_10", now=time.time())
        assert await ask(body, **proof, x_request_id="req-7") == (200, "req-7")
        assert await ask(body, **proof, x_correlation_id="c-7") == (200, "c-7")
        assert await ask(b"{}", x_request_id="req-8") == (401, "req-8")
        assert await ask(b"{}", x_request_id="<script>") == (401, None)
        assert await ask(b"x" * (32 * 1024 * 1024), x_request_id="r-9") == (413, "r-9")

    site(scenario)


def test_away_from_the_main_thread_signals_are_left_alone(site):
    ended = threading.Thread(target=site, args=(nothing,))
    ended.start()
    ended.join(30)
    assert not ended.is_alive()


def test_a_changed_configuration_is_put_in_force_without_a_restart(tmp_path, signed, told):
    config = tmp_path / "hardpoint.toml"
    (tmp_path / "secret").write_text("whsec_" + "c2VjcmV0" * 4)
    (tmp_path / "secret").chmod(0o600)
    source = '[webhooks.{name}]\nprovider = "standard"\nsecrets = ["file:secret"]\n'
    start = '[store]\nurl = "sqlite:inbox.db"\n'
    config.write_text(start + source.format(name="old"))
    hub = Hub.load(config, listeners=[told.append])

    async def scenario(ready: Ready, client: httpx2.AsyncClient) -> None:
        async def status() -> int:
            body, headers = signed("evt_1", now=time.time())
            url = f"{ready.url}/webhooks/shop"
            return (await client.post(url, content=body, headers=headers)).status_code

        async def readiness() -> dict[str, Any]:
            return (await client.get(f"{ready.admin_url}/readyz")).json()

        assert await status() == 401
        config.write_text(start + source.format(name="shop"))
        while await status() != 200:
            await asyncio.sleep(0.01)
        config.write_text(start + source.format(name="SHOP"))
        while (await readiness())["configuration_problem"] is None:
            await asyncio.sleep(0.01)
        assert await status() == 200
        state = await readiness()
        assert (state["ready"], state["generation"]) == (True, 2)
        assert "webhooks.SHOP" in state["configuration_problem"]
        config.write_text(start + source.format(name="shop"))
        (tmp_path / "secret").write_text("whsec_" + "b3RoZXIh" * 4)
        while await status() != 401:
            await asyncio.sleep(0.01)

    async def play() -> None:
        is_ready: asyncio.Future[Ready] = asyncio.get_running_loop().create_future()
        server = Server(hub, port=0, patience=SOON, poll=0.02, ready=is_ready.set_result)
        serving = asyncio.create_task(server.run())
        async with asyncio.timeout(30), httpx2.AsyncClient(trust_env=False) as client:
            await scenario(await is_ready, client)
            server.stop("the test ends")
            await serving

    asyncio.run(play())


def test_connections_leave_descriptors_for_the_rest():
    assert affordable(IngressLimits(), 1024).connections == 1024 - DESCRIPTORS_KEPT
    assert affordable(IngressLimits(connections=10), 1024).connections == 10
    assert affordable(IngressLimits(), 20).connections == 1
    assert affordable(IngressLimits(), resource.RLIM_INFINITY) == IngressLimits()


def test_without_uvloop_the_standard_loop_serves(monkeypatch):
    loop = new_event_loop()
    assert isinstance(loop, uvloop.Loop)
    loop.close()
    monkeypatch.setitem(sys.modules, "uvloop", None)
    loop = new_event_loop()
    assert isinstance(loop, asyncio.SelectorEventLoop)
    loop.close()


def test_a_server_is_served_in_a_loop_of_its_own(hub, told):
    server: Server

    def stop(ready: Ready) -> None:
        assert gc.get_freeze_count() > 0
        server.stop("seen enough")

    server = Server(hub, port=0, ready=stop)
    serve(server)
    assert ServerStopping(reason="seen enough") in told
    assert gc.get_freeze_count() == 0


def test_what_a_handler_left_running_in_the_loop_is_cancelled_at_the_end(hub):
    server: Server
    left = []

    def stop(ready: Ready) -> None:
        left.append(asyncio.create_task(asyncio.sleep(3600)))
        server.stop("seen enough")

    server = Server(hub, port=0, ready=stop)
    serve(server)
    assert left[0].cancelled()

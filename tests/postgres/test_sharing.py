"""The hub on PostgreSQL, in one process: what it takes part in, what it gives up, what it asks."""

import asyncio
import io
import json
import time
from collections.abc import Callable
from contextlib import closing, suppress
from typing import Any

import httpx2
import pytest

from hardpoint import HandlersDiffer, Hub, Secret, Settings
from hardpoint.core.errors import (
    ConfigurationError,
    MisuseError,
    StoreUnavailableError,
    UnsupportedError,
)
from hardpoint.runtime.clocks import SystemClock
from hardpoint.service.readiness import Readiness
from hardpoint.service.reload import Reloader
from hardpoint.service.server import Server
from hardpoint.store.views import State
from hardpoint.sync import Hub as BlockingHub
from hardpoint.webhooks.answers import Answer
from hardpoint.webhooks.handlers import Permanent
from hardpoint.webhooks.verification import scheme

from .conftest import SECRET, Site

PATIENCE = 20.0


class Shop:
    """A hub of the site, whose handler notes what it has got."""

    def __init__(self, site: Site) -> None:
        self.heard: list[Any] = []
        self.marked: list[str] = []
        self.hub = Hub.load(site.config, listeners=[self.heard.append])

        @self.hub.on("shop", "*", name="mark")
        async def mark(event: Any, job: Any) -> None:
            self.marked.append(event.vendor_id)
            if event.type == "lost":
                raise Permanent("nobody knows where it is")

    async def post(self, name: str, kind: str = "paid") -> Answer:
        body, headers = signed(name, kind)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.hub.receiver.submit("shop", headers, body, answer.set_result)
        return await asyncio.wait_for(answer, PATIENCE)


def signed(name: str, kind: str = "paid") -> tuple[bytes, list[tuple[bytes, bytes]]]:
    body = json.dumps({"type": kind}).encode()
    headers = scheme("standard", secrets=[SECRET]).sign(
        body, now=time.time(), event_id=name, event_type=kind
    )
    return body, [(key.lower().encode(), value.encode()) for key, value in headers]


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():
            await asyncio.sleep(0.01)


@pytest.fixture
def shop(site: Site) -> Shop:
    return Shop(site)


def test_what_one_hub_only_receives_another_handles(site: Site, shop: Shop) -> None:
    other = Shop(site)

    async def scene() -> None:
        await shop.hub.start(work=False)
        assert shop.hub.shared.started
        assert (await shop.post("msg_1")).status == 200
        assert shop.hub.worker.running == 0
        async with other.hub:
            await until(lambda: other.marked)
        await shop.hub.stop()
        assert not shop.hub.shared.started

    asyncio.run(scene())
    assert (shop.marked, other.marked) == ([], ["msg_1"])


def test_operators_ask_any_hub(site: Site, shop: Shop) -> None:
    async def scene() -> None:
        async with shop.hub as hub:
            await shop.post("msg_1", "lost")
            await until(lambda: site.value("select count(*) from hardpoint.dead") == 1)
            with closing(hub.reader()) as reader:
                (event,) = reader.events(state=State.DEAD)
                assert reader.findings()
            assert await hub.retry(event.id, actor="ann") == 1
            await until(lambda: len(shop.marked) == 2)
            await until(lambda: not site.value("select count(*) from hardpoint.job"))
            assert await hub.resolve(event.id, note="found") == 1
            assert await hub.replay(event.id, force=True) == 1
            await until(lambda: len(shop.marked) == 3)
            hub.receiver.refused("shop", "too_large")
        with pytest.raises(UnsupportedError, match="is for a store in SQLite"):
            shop.hub.connect()

    asyncio.run(scene())
    assert site.value("select sum(count) from hardpoint.refused") == 1
    assert site.value("select count(*) from hardpoint.process") == 0


def test_accounts_are_kept_in_the_same_database(site: Site, shop: Shop) -> None:
    async def scene() -> None:
        async with shop.hub as hub:
            await hub.vault.put_key("crm", Secret.value("key of acme"), tenant="acme")
            token = await hub.vault.access_token("crm", tenant="acme")
            assert token.reveal() == "key of acme"

    asyncio.run(scene())
    assert site.value("select count(*) from hardpoint.connection") == 1
    (account,) = site.command("oauth", "status")["connections"]
    assert account["tenant"] == "acme"


def test_all_processes_read_their_configuration_again(site: Site, shop: Shop) -> None:
    other = Shop(site)

    async def scene() -> None:
        await shop.hub.start(work=False)
        async with other.hub:
            told = await asyncio.to_thread(other.hub.shared.broadcast_reload)
            assert told == 2
            await until(lambda: shop.hub.generation == other.hub.generation == 2)
        await shop.hub.stop()

    asyncio.run(scene())
    site.command("reload", code=4)


def test_who_receives_with_other_handlers_than_the_workers_says_so(site: Site, shop: Shop) -> None:
    newer = Shop(site)

    @newer.hub.on("shop", "*", name="thank")
    async def thank(event: Any, job: Any) -> None:
        """It does nothing."""

    async def scene() -> None:
        async with newer.hub:
            await shop.hub.start(work=False)
            reloader = Reloader(shop.hub.reload, list, listeners=shop.hub.listeners)
            state = await Readiness(shop.hub, reloader, SystemClock()).look()
            assert state.ready
            told = " ".join(state.reasons)
            assert "handlers: " in told
            assert "has not loaded thank" in told
            await shop.hub.stop()

    asyncio.run(scene())
    assert [one.reason for one in shop.heard if isinstance(one, HandlersDiffer)]


async def _fail(hub: Hub) -> None:
    """Somebody cancels what is not theirs."""
    (handling,) = [
        task
        for task in asyncio.all_tasks()
        if getattr(task.get_coro(), "__qualname__", "") == "Worker.run"
    ]
    handling.cancel()
    await until(lambda: hub.failure is not None)


def test_handlers_that_cannot_go_on_begin_anew(shop: Shop) -> None:
    async def scene() -> None:
        async with shop.hub as hub:
            for number in range(2):
                await _fail(hub)
                assert hub.shared.leaving
                hub.shared.give_up("once is enough")
                assert (await shop.post(f"msg_{number}")).status == 200
                await until(lambda: hub.failure is None)
                await until(lambda: len(shop.marked) == number + 1)  # noqa: B023 - now
        hub.shared.give_up("it takes no part any more")

    asyncio.run(scene())


def test_a_hub_may_be_stopped_before_its_handlers_begin_anew(shop: Shop) -> None:
    async def scene() -> None:
        await shop.hub.start()
        await _fail(shop.hub)
        await shop.hub.stop()
        assert not shop.hub.shared.leaving

    asyncio.run(scene())
    assert shop.marked == []


def test_a_hub_whose_loop_has_ended_is_started_anew_where_it_is_asked(shop: Shop) -> None:
    async def first() -> None:
        await shop.hub.start()
        await _fail(shop.hub)

    loop = asyncio.new_event_loop()
    loop.run_until_complete(first())
    loop.close()

    async def second() -> None:
        async with shop.hub:
            await shop.post("msg_1")
            await until(lambda: shop.marked)

    asyncio.run(second())


def test_a_script_has_its_keys_written_down_in_the_database(site: Site) -> None:
    def send(number: int) -> int:
        return number + 1

    with BlockingHub.load(site.config) as hub:
        assert hub.once("k", send, 1) == 2
        hub.once.forget()
        assert hub.once("k", send, 1) == 2
    assert site.value("select count(*) from hardpoint.call where ended_at is not null") == 1

    async def scene() -> None:
        with pytest.raises(MisuseError):
            hub.store.shared.ensure_open_blocking()

    asyncio.run(scene())


def test_a_forked_child_is_on_its_own(site: Site, shop: Shop, forked: Any) -> None:
    async def scene() -> int:
        async with shop.hub as hub:

            def child() -> list[Any]:
                return [hub.shared.started, hub.shared.leaving]

            assert forked(child) == [False, False]
            return (await shop.post("msg_1")).status

    assert asyncio.run(scene()) == 200


def environ_of(name: str) -> dict[str, Any]:
    """A request as a WSGI server gives it."""
    body, headers = signed(name)
    return {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": "/webhooks/shop",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        **{f"HTTP_{key.decode().upper().replace('-', '_')}": v.decode() for key, v in headers},
    }


def test_threads_of_a_wsgi_server_store_what_a_worker_handles(site: Site, shop: Shop) -> None:
    other = Shop(site)
    inbox = shop.hub.wsgi()
    assert inbox.answer(environ_of("msg_1")).status == 200
    inbox.close()

    async def scene() -> None:
        async with other.hub:
            await until(lambda: other.marked)

    asyncio.run(scene())
    assert shop.marked == []


def test_who_receives_for_others_has_to_know_for_whom(site: Site) -> None:
    heard: list[Any] = []
    inbox = BlockingHub.load(site.config, listeners=[heard.append]).wsgi()
    assert inbox.answer(environ_of("msg_1")).status == 503
    inbox.close()
    told = " ".join(getattr(one, "error", "") for one in heard)
    assert "are not known to this process" in told

    async def scene() -> None:
        with pytest.raises(ConfigurationError, match="from shop import hub"):
            await Hub.load(site.config).start(work=False)

    asyncio.run(scene())


def test_a_server_that_only_receives_says_so_and_leaves_no_file(site: Site, shop: Shop) -> None:
    async def scene() -> tuple[httpx2.Response, httpx2.Response]:
        ready: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        server = Server(
            shop.hub, port=0, admin_port=0, works=False, ready=ready.set_result, poll=60.0
        )
        running = asyncio.create_task(server.run())
        told = await asyncio.wait_for(ready, PATIENCE)
        body, headers = signed("msg_1")
        async with httpx2.AsyncClient() as client:
            posted = await client.post(f"{told.url}/webhooks/shop", content=body, headers=headers)
            state = await client.get(f"{told.admin_url}/readyz")
        server.stop("the test is over")
        await running
        return posted, state

    posted, state = asyncio.run(scene())
    assert (posted.status_code, state.status_code) == (200, 200)
    assert "worker: this process only receives" in " ".join(state.json()["reasons"])
    assert state.json()["worker_running"] is False
    assert [one.name for one in site.folder.iterdir()] == ["hardpoint.toml"]


def test_a_database_that_is_away_is_waited_for(site: Site) -> None:
    settings = Settings.load(site.config)
    away = settings.store.url.replace("host=", "host=/nowhere")
    hub = Hub(Settings(store=type(settings.store)(database=away), webhooks=settings.webhooks))

    async def scene() -> None:
        with pytest.raises(StoreUnavailableError):
            await hub.start(wait=False)
        await hub.start()
        assert "cannot be used now" in str(hub.waiting)
        with suppress(StoreUnavailableError):
            await hub.stop()

    asyncio.run(scene())

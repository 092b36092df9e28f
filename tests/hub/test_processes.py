"""Two hubs on one file, as two workers have them: one owns it, the other hands over."""

import asyncio
import contextlib
import time

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.hub.hub import Hub
from hardpoint.store.sqlite.files import LockFile
from hardpoint.webhooks.answers import STORED
from hardpoint.webhooks.verification import scheme

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
"""


@pytest.fixture
def load(tmp_path, monkeypatch):
    monkeypatch.setenv("HOOK", "whsec_one")
    path = tmp_path / "hardpoint.toml"
    path.write_text(CONFIGURATION)
    return lambda: Hub.load(path)


async def deliver(hub, name, kind="paid"):
    body = b'{"id": "%b", "type": "%b"}' % (name.encode(), kind.encode())
    headers = scheme("stripe", secrets=["whsec_one"]).sign(
        body, now=time.time(), event_id=name, event_type=kind
    )
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    answered = asyncio.get_running_loop().create_future()
    hub.receiver.submit("shop", raw, body, answered.set_result)
    return await answered


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.002)


def test_what_the_guest_receives_the_owner_handles_until_it_ends(load):
    owner, guest = load(), load()
    handled = []

    def handles(hub, name):
        @hub.on("shop", "paid", retry=[])
        async def handle(event, job):
            handled.append((name, event.vendor_id))
            if job.attempt == 1 and event.vendor_id == "evt_dead":
                raise ValueError("no stock")

    handles(owner, "owner")
    handles(guest, "guest")

    @guest.on("shop", "new")
    async def newer(event, job):
        handled.append(("newer", event.vendor_id))

    async def scenario():
        async with both(owner, guest):
            guest.receiver.refused("shop", "too_large")
            assert await deliver(guest, "evt_new", "new") is STORED
            assert await deliver(guest, "evt_dead") is STORED
            await until(lambda: ("owner", "evt_dead") in handled)
            await until(lambda: look(guest, lambda reader: reader.counts()["dead"]))
            (event,) = [
                one.id
                for one in look(guest, lambda reader: reader.events())
                if one.vendor_id == "evt_dead"
            ]
            assert await guest.retry(event, actor="anna") == 1
            await until(lambda: handled.count(("owner", "evt_dead")) == 2)
            with pytest.raises(StoreUnavailableError, match="owned by process"):
                await guest.once("key", str, returns=str)
            await owner.stop()
            assert await deliver(guest, "evt_2") is STORED
            await until(lambda: ("guest", "evt_2") in handled and ("newer", "evt_new") in handled)
        assert guest.waiting is None

    asyncio.run(scenario())
    counted = look(guest, lambda reader: reader.refusals())
    assert counted == {"shop": {"too_large": 1}}


@contextlib.asynccontextmanager
async def both(first, second):
    """The one started after the other; both stopped."""
    async with first, second:
        yield


def look(hub, question):
    with contextlib.closing(hub.reader()) as reader:
        return question(reader)


def test_a_crew_that_never_took_up_has_nothing_to_lay_down(load):
    hub = load()
    asyncio.run(hub.life.lay_down(clean=True))
    assert hub.shared.owner


def test_a_crew_that_lays_down_late_takes_up_what_has_come_back_meanwhile(load):
    hub, handled = load(), []

    @hub.on("shop", "paid")
    async def handle(event, job):
        handled.append(event.vendor_id)

    async def scenario():
        async with hub:
            for name in ("evt_1", "evt_2"):
                laying = asyncio.create_task(hub.life.lay_down(clean=True))
                await asyncio.sleep(0)
                hub.life.take_up()  # its turn comes when the other one's has begun
                await laying
                assert await deliver(hub, name) is STORED
                await until(lambda name=name: name in handled)

    asyncio.run(scenario())


def test_a_store_that_the_application_opens_meanwhile_needs_no_second_lock(load, tmp_path):
    hub = load()

    async def scenario():
        opening = asyncio.create_task(hub.open())
        await asyncio.sleep(0)  # it has begun
        other = LockFile(tmp_path / "elsewhere")
        assert other.take()
        await hub.store.take(other, known=None, home=None)
        await opening
        again = LockFile(tmp_path / "elsewhere")
        assert again.take()
        again.release()
        await hub.close()

    asyncio.run(scenario())

"""Two hubs on one file, as two workers have them: one owns it, the other hands over."""

import asyncio
import contextlib
import time

import pytest

from hardpoint.hub.events import HubFailed
from hardpoint.hub.hub import Hub
from hardpoint.hub.reloading import ConfigurationRefused
from hardpoint.store.driver import Outcome
from hardpoint.store.guests import Rank
from hardpoint.store.sqlite.files import LockFile
from hardpoint.store.views import State
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
            assert await deliver(guest, "evt_new", "new") == STORED
            assert await deliver(guest, "evt_dead") == STORED
            await until(lambda: ("owner", "evt_dead") in handled)
            await until(lambda: look(guest, lambda reader: reader.counts()["dead"]))
            (event,) = [
                one.id
                for one in look(guest, lambda reader: reader.events())
                if one.vendor_id == "evt_dead"
            ]
            assert await guest.retry(event, actor="anna") == 1
            await until(lambda: handled.count(("owner", "evt_dead")) == 2)
            assert await guest.once("key", str, 7, returns=str) == "7"
            assert await owner.once("key", str, 7, returns=str) == "7"
            await until(lambda: look(guest, lambda reader: reader.refusals()))
            await owner.stop()
            assert await deliver(guest, "evt_2") == STORED
            await until(lambda: ("guest", "evt_2") in handled and ("newer", "evt_new") in handled)
        assert guest.waiting is None

    asyncio.run(scenario())
    counted = look(guest, lambda reader: reader.refusals())
    assert counted == {"shop": {"too_large": 1}}


def test_all_processes_read_the_configuration_again_when_told(load, tmp_path):
    owner, guest = load(), load()
    told = []
    guest.listeners.add(told.append)

    async def scenario():
        async with both(owner, guest):
            assert await asyncio.to_thread(load().shared.broadcast_reload) == 2
            await until(lambda: owner.generation == guest.generation == 2)
            (tmp_path / "hardpoint.toml").write_text("webhoks = 1")
            assert await asyncio.to_thread(guest.shared.broadcast_reload) == 2
            await until(lambda: any(isinstance(one, ConfigurationRefused) for one in told))
            assert guest.generation == 2

    asyncio.run(scenario())


@contextlib.asynccontextmanager
async def both(first, second):
    """The one started after the other; both stopped."""
    async with first, second:
        yield


def look(hub, question):
    with contextlib.closing(hub.reader()) as reader:
        return question(reader)


class Faulty:
    """A hub whose first attempts end in a defect of the store's, as an engine might have one."""

    def __init__(self, hub, defects):
        self.told = []
        self.left = defects
        self.handled = []
        hub.listeners.add(self.told.append)
        real = hub.store.complete

        @hub.on("shop", "paid")
        async def handle(event, job):
            self.handled.append(event.vendor_id)

        async def complete(completion):
            if self.left and completion.outcome is Outcome.DONE:
                self.left -= 1
                raise ZeroDivisionError("a defect")
            return await real(completion)

        hub.store.complete = complete

    def failures(self):
        return [one.error for one in self.told if isinstance(one, HubFailed)]


def test_an_owner_whose_handlers_cannot_go_on_lets_another_have_the_store(load):
    owner, guest = load(), load()
    faulty, sound = Faulty(owner, defects=100), Faulty(guest, defects=0)

    async def scenario():
        async with both(owner, guest):
            guest.shared.give_up("a guest has nothing to give up")
            assert await deliver(owner, "evt_1") == STORED
            await until(lambda: guest.shared.owner and "evt_1" in sound.handled)
            await until(lambda: owner.shared.owner_pid is not None)
            assert await deliver(owner, "evt_2") == STORED  # which is a guest now
            await until(lambda: "evt_2" in sound.handled)
            assert isinstance(owner.failure, ZeroDivisionError)
            assert guest.failure is None

    asyncio.run(scenario())
    assert faulty.failures() == ["ZeroDivisionError: a defect"]
    assert faulty.handled == ["evt_1"]


def test_without_another_an_owner_that_failed_takes_the_store_up_anew(load, monkeypatch):
    monkeypatch.setattr("hardpoint.store.guests.keeper.FIRST_SECONDS", 0.05)
    hub = load()
    faulty = Faulty(hub, defects=2)

    async def scenario():
        async with hub:
            assert await deliver(hub, "evt_1") == STORED
            await until(lambda: hub.waiting is not None)
            assert "handlers run no more in this process: ZeroDivisionError" in str(hub.waiting)
            await until(lambda: len(faulty.handled) == 3 and not look(hub, left))
            assert await deliver(hub, "evt_2") == STORED
            await until(lambda: "evt_2" in faulty.handled)
            assert (hub.failure, hub.waiting) == (None, None)

    def left(reader):
        return sum(1 for event in reader.events() if event.state is not State.DONE)

    asyncio.run(scenario())
    assert faulty.failures() == ["ZeroDivisionError: a defect"] * 2


def test_what_breaks_the_handlers_of_every_owner_is_a_dead_letter_in_the_end(load, monkeypatch):
    monkeypatch.setattr("hardpoint.store.guests.ranks.AGAIN_SECONDS_MAX", 0.02)
    monkeypatch.setattr("hardpoint.store.guests.ranks.AGAIN_SECONDS", 0.02)
    hub = load()
    faulty = Faulty(hub, defects=100)

    async def scenario():
        async with hub:
            assert await deliver(hub, "evt_1") == STORED
            await until(lambda: look(hub, lambda reader: reader.counts()["dead"]))
            faulty.left = 0
            assert await deliver(hub, "evt_2") == STORED
            await until(lambda: "evt_2" in faulty.handled and hub.failure is None)

    asyncio.run(scenario())
    assert len(faulty.failures()) == 1 + 2  # where it began, and twice under suspicion


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
                assert await deliver(hub, name) == STORED
                await until(lambda name=name: name in handled)

    asyncio.run(scenario())


def test_a_store_that_the_application_opens_meanwhile_needs_no_second_lock(load, tmp_path):
    hub = load()

    async def scenario():
        opening = asyncio.create_task(hub.store.open())
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


def test_a_first_owner_without_handlers_gives_way_to_a_worker_with_some(load):
    script, worker, handled = load(), load(), []

    @worker.on("shop", "paid")
    async def handle(event, job):
        handled.append(event.vendor_id)

    async def scenario():
        async with script:
            assert await deliver(script, "evt_1") == STORED
            async with worker:
                await until(lambda: worker.shared.owner)
                assert (
                    await deliver(script, "evt_2") == STORED
                )  # it knows no handler, the owner does
                await until(lambda: handled)
            assert await deliver(script, "evt_3") == STORED

    asyncio.run(scenario())
    assert handled == ["evt_2"]


def test_what_arrives_while_an_owner_gives_way_is_stored_and_what_runs_may_end(load):
    worker, server, handled = load(), load(), []
    begun, may_end = asyncio.Event(), asyncio.Event()

    @worker.on("shop", "paid")
    async def slow(event, job):
        begun.set()
        await may_end.wait()
        handled.append(("worker", event.vendor_id))

    @server.on("shop", "paid", name="slow")
    async def quick(event, job):
        handled.append(("server", event.vendor_id))

    async def scenario():
        async with worker:
            assert await deliver(worker, "evt_1") == STORED
            await begun.wait()
            await server.life.start(wait=False, rank=Rank.SERVER)
            try:
                await until(lambda: worker.shared.leaving)
                assert await deliver(worker, "evt_2") == STORED
                assert await deliver(server, "evt_3") == STORED
                may_end.set()
                await until(lambda: len(handled) == 3)
                assert server.shared.owner
            finally:
                await server.stop()

    asyncio.run(scenario())
    assert sorted(handled) == [("server", "evt_2"), ("server", "evt_3"), ("worker", "evt_1")]

"""A hub whose store cannot be had now: it starts all the same, says so, and waits for it."""

import asyncio
import logging
import time

import pytest

from hardpoint.core.errors import StoreCorruptError, StoreUnavailableError
from hardpoint.hub.events import DoorFailed, HubFailed
from hardpoint.hub.hub import Hub
from hardpoint.store.sqlite.files import LockFile
from hardpoint.webhooks.answers import STORED, UNAVAILABLE
from hardpoint.webhooks.verification import scheme

CONFIGURATION = """
[store]
url = "sqlite:events.db"
[vault]
keyring = "env:RING"
[webhooks.shop]
provider = "stripe"
secrets = ["env:HOOK"]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr("hardpoint.hub.life.TRY_SECONDS", 0.01)
    monkeypatch.setattr("hardpoint.store.guests.keeper.FIRST_SECONDS", 0.02)
    monkeypatch.setenv("RING", "k1:" + "A" * 43 + "=")
    monkeypatch.setenv("HOOK", "whsec_one")
    (tmp_path / "hardpoint.toml").write_text(CONFIGURATION)
    return tmp_path


@pytest.fixture
def told():
    return []


@pytest.fixture
def hub(folder, told):
    return Hub.load(folder / "hardpoint.toml", listeners=[told.append])


class Script:
    """Stands for another process that has the store, and takes nothing over for others."""

    def __init__(self, settings):
        self._hub = Hub(settings)

    async def __aenter__(self):
        await self._hub.store.open()

    async def __aexit__(self, *_):
        await self._hub.store.close()


@pytest.fixture
def first(hub):
    return Script(hub.settings)


async def deliver(hub, name):
    body = b'{"id": "%b", "type": "paid"}' % name.encode()
    headers = scheme("stripe", secrets=["whsec_one"]).sign(
        body, now=time.time(), event_id=name, event_type="paid"
    )
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    answered = asyncio.get_running_loop().create_future()
    hub.receiver.submit("shop", raw, body, answered.set_result)
    return await answered


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.002)


def failures(told):
    return [one for one in told if isinstance(one, DoorFailed)]


def test_it_says_so_once_and_receives_as_soon_as_the_other_has_ended(hub, first, told, caplog):
    handled = []

    @hub.on("shop")
    async def handle(event, job):
        handled.append(event.vendor_id)

    async def scenario():
        async with first:
            with caplog.at_level(logging.WARNING, "hardpoint"):
                await hub.start()
            await hub.start()  # it waits already
            assert "--workers" in str(hub.waiting)
            assert await deliver(hub, "evt_1") == UNAVAILABLE
            await asyncio.sleep(0.05)  # it tries more than once meanwhile
        await until(lambda: hub.waiting is None)
        assert await deliver(hub, "evt_2") == STORED
        await until(lambda: handled)
        await hub.stop()

    asyncio.run(scenario())
    assert handled == ["evt_2"]
    (failed,) = failures(told)
    assert (failed.doing, failed.exception) == ("start", None)
    (record,) = [one for one in caplog.records if "door_failed" in one.getMessage()]
    assert record.levelno == logging.ERROR
    assert "It does not answer now" in record.getMessage()
    assert "\n" not in logging.Formatter().format(record)


def test_what_needs_its_store_is_refused_with_the_reason_and_the_rest_works(hub, first):
    async def scenario():
        async with first, hub:
            for ask in (
                hub.retry("evt"),
                hub.replay("evt"),
                hub.resolve("evt", note="by hand"),
                hub.once("key", str, returns=str),
                Hub(hub.settings).start(wait=False),
            ):
                with pytest.raises(StoreUnavailableError, match="--workers"):
                    await ask
            await hub.reload()
            assert hub.waiting is not None
            assert await hub.vault.connections() == ()

    asyncio.run(scenario())


def test_a_hub_that_stops_while_it_waits_begins_nothing(hub, first, told):
    async def scenario():
        async with first:
            async with hub:
                pass
            assert hub.waiting is None
        await asyncio.sleep(0.05)
        assert not hub.store.is_open

    asyncio.run(scenario())
    assert not [one for one in told if isinstance(one, HubFailed)]


def test_one_whose_loop_has_ended_waits_in_the_next(hub, first):
    other = asyncio.new_event_loop()
    other.run_until_complete(first.__aenter__())
    for _ in range(2):
        asyncio.run(hub.start())
        assert hub.waiting is not None
    other.run_until_complete(first.__aexit__())
    other.close()

    async def scenario():
        async with hub:
            assert await deliver(hub, "evt_1") == STORED

    asyncio.run(scenario())


def test_a_store_that_turns_out_beyond_repair_fails_it(hub):
    path = hub.settings.store.path
    other = LockFile(path)
    other.acquire(0)
    path.write_text("a letter to my aunt, no database " * 100)

    async def scenario():
        await hub.start()
        other.release()
        await until(lambda: hub.failure)
        await hub.stop()

    asyncio.run(scenario())
    assert isinstance(hub.failure, StoreCorruptError)


def test_a_reason_that_changes_is_told_again(hub, first, folder, told):
    async def scenario():
        async with first, hub:
            (folder / "events.db.lock").write_text("7")
            await until(lambda: len(failures(told)) > 1)

    asyncio.run(scenario())
    assert "in use by process 7:" in failures(told)[-1].error


def test_a_vault_that_cannot_be_had_is_waited_for_too(folder, told):
    (folder / "only.toml").write_text('[vault]\nkeyring = "env:RING"\npath = "keep/vault.db"\n')
    hub = Hub.load(folder / "only.toml", listeners=[told.append])

    async def scenario():
        async with hub:
            assert hub.waiting is not None
            (folder / "keep").mkdir()
            await until(lambda: hub.waiting is None)
            assert await hub.vault.connections() == ()

    asyncio.run(scenario())
    (failed,) = failures(told)
    assert "vault.db" in failed.error

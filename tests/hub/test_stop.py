"""A hub in an application's own loop: it stops within its bound, and the loop can end after it."""

import asyncio
import time

import pytest

from hardpoint.webhooks.attempts import HandlerFinished


@pytest.fixture(autouse=True)
def short(monkeypatch):
    for module in ("calling", "worker"):
        monkeypatch.setattr(f"hardpoint.webhooks.{module}.CANCEL_SECONDS", 0.05)


async def until(holds):
    async with asyncio.timeout(60):
        while not holds():
            await asyncio.sleep(0.002)


async def swallows(heard):
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            heard.append("cancelled")


async def lingers(heard):
    try:
        await asyncio.sleep(3600)
    finally:
        heard.append("cancelled")
        await asyncio.sleep(3600)


async def defies(heard):
    """It heeds nothing the first few times; what goes on for ever cannot be ended by anybody."""
    while len(heard) < 3:
        try:
            await asyncio.sleep(3600)
        except BaseException as error:
            heard.append(type(error).__name__)


@pytest.mark.parametrize("handler", [swallows, lingers, defies])
@pytest.mark.parametrize("timeout", [600, 0.05])
def test_a_handler_that_heeds_no_cancellation_keeps_neither_hub_nor_loop(
    hub, deliver, told, handler, timeout
):
    began, heard = [], []

    @hub.on("shop", timeout=timeout, retry=[3600])
    async def hostile(event, job):
        began.append(event.vendor_id)
        await handler(heard)

    async def scenario():
        async with hub:
            deliver()
            await until(lambda: began)
            if timeout < 1:
                await until(lambda: [one for one in told if isinstance(one, HandlerFinished)])
            await hub.stop(0.05)

    start = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - start < 60
    assert heard
    assert not hub.store.is_open


def test_a_handler_that_stops_the_loop_leaves_a_hub_that_stops_and_starts_again(hub, deliver):
    handled = []

    @hub.on("shop")
    async def stops(event, job):
        handled.append(event.vendor_id)
        if len(handled) == 1:
            asyncio.get_running_loop().stop()

    async def scenario():
        async with hub:
            deliver()
            await asyncio.sleep(60)

    with pytest.raises(RuntimeError, match="Event loop stopped"):
        asyncio.run(scenario())
    assert not hub.store.is_open

    async def again():
        async with hub:
            assert hub.store.is_open

    asyncio.run(again())
    asyncio.run(hub.stop())

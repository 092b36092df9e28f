"""A hub that fails, and what operators do with it."""

import asyncio
import threading

import pytest
from tests.hub.loaded import deliver, load, states, until

from hardpoint.core.errors import (
    ConfigurationError,
)
from hardpoint.hub.events import HubFailed
from hardpoint.store.events import OwnershipTaken, StoreBroken
from hardpoint.store.views import State
from hardpoint.webhooks.answers import STORED
from hardpoint.webhooks.attempts import HandlerFinished


def with_a_defect(folder):
    hub, told = load(folder)

    @hub.on("billing")
    async def mark_paid(event, job):
        pass

    async def complete(completion):
        raise ZeroDivisionError("a defect")

    hub.store.complete = complete
    return hub, told


def test_a_defect_in_the_background_makes_the_hub_unhealthy_and_is_told(folder):
    hub, told = with_a_defect(folder)

    async def scenario():
        async with hub:
            assert hub.failure is None
            await deliver(hub)
            await until(lambda: hub.failure)

    asyncio.run(scenario())
    (failed,) = told.of(HubFailed)
    assert failed.error == "ZeroDivisionError: a defect"
    assert isinstance(failed.exception, ZeroDivisionError)


def test_a_store_that_breaks_is_opened_anew_and_its_events_are_handled(folder):
    hub, told = load(folder)
    slow = asyncio.Event()

    @hub.on("billing")
    async def handle(event, job):
        if job.attempt == 1:
            await slow.wait()

    async def scenario():
        async with hub:
            await deliver(hub)
            await until(lambda: hub.worker.running)
            hub.store.break_down("the disk lies")
            await until(lambda: len(told.of(OwnershipTaken)) == 2)
            assert await deliver(hub, "evt_2") == STORED
            slow.set()
            await until(lambda: set(states(hub).values()) == {State.DONE})

    asyncio.run(scenario())
    assert hub.failure is None
    assert "the disk lies" in told.of(StoreBroken)[0].reason
    assert told.of(HubFailed) == []


def test_a_store_that_only_calls_use_and_that_breaks_is_opened_anew(folder):
    hub, told = load(folder, "[store]\nurl = 'sqlite:events.db'\n")

    async def scenario():
        async with hub:
            await hub.open()
            hub.store.break_down("the disk lies")
            await until(lambda: hub.store.broken is None and hub.shared.owner)
            assert await hub.once("key", str, 7, returns=str) == "7"

    asyncio.run(scenario())
    assert hub.failure is None
    assert told.of(HubFailed) == []


def test_the_first_failure_is_the_one_that_is_told_and_a_new_start_forgets_it(folder):
    hub, told = with_a_defect(folder)

    async def scenario():
        async with hub:
            await deliver(hub)
            await until(lambda: hub.failure)
            hub.store.break_down("second")
            first = hub.failure
        del hub.store.complete
        async with hub:
            return first, hub.failure

    first, then = asyncio.run(scenario())
    assert str(first) == "a defect"
    assert then is None
    assert len(told.of(HubFailed)) == 1


def failing(folder):
    hub, told = load(folder)
    fixed = threading.Event()

    @hub.on("billing", retry=[])
    async def mark_paid(event, job):
        if not fixed.is_set():
            raise ValueError("no stock")

    return hub, told, fixed


def test_a_dead_letter_can_be_retried_and_a_done_event_replayed(folder):
    hub, told, fixed = failing(folder)

    async def scenario():
        async with hub:
            await deliver(hub)
            await until(lambda: len(told.of(HandlerFinished)) == 1)
            fixed.set()
            event = told.of(HandlerFinished)[0].event_id
            assert await hub.retry(event, actor="anna", reason="fixed") == 1
            await until(lambda: len(told.of(HandlerFinished)) == 2)
            await until(lambda: states(hub)["evt_1"] is State.DONE)
            assert await hub.replay(event) == 0
            assert await hub.replay(event, force=True, actor="anna") == 1
            await until(lambda: len(told.of(HandlerFinished)) == 3)
            assert await hub.replay(event, "mark_paid", force=True) == 1
            await until(lambda: len(told.of(HandlerFinished)) == 4)
            assert await hub.retry("nothing") == await hub.replay("nothing") == 0

    asyncio.run(scenario())
    assert [attempt.attempt for attempt in told.of(HandlerFinished)] == [1, 2, 3, 4]


def test_a_handler_that_is_not_there_cannot_replay(folder):
    hub, _, _ = failing(folder)

    with pytest.raises(ConfigurationError, match="Known: forward, mark_paid"):
        asyncio.run(hub.replay("event", "mark_piad"))


def test_a_store_opened_alone_takes_orders_which_the_next_start_carries_out(folder):
    hub, told, fixed = failing(folder)

    async def before():
        async with hub:
            await deliver(hub)
            await until(lambda: told.of(HandlerFinished))

    async def order():
        await hub.open()
        try:
            return await hub.retry(told.of(HandlerFinished)[0].event_id)
        finally:
            await hub.stop()

    async def after():
        async with hub:
            await until(lambda: len(told.of(HandlerFinished)) == 2)

    asyncio.run(before())
    fixed.set()
    assert asyncio.run(order()) == 1
    asyncio.run(after())
    assert states(hub) == {"evt_1": State.DONE}

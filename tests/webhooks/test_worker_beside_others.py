"""A worker on a store that other processes have too."""

import asyncio

import pytest

from hardpoint.core.errors import StoreUnavailableError
from hardpoint.webhooks.attempts import HandlerFinished
from hardpoint.webhooks.worker import LeasesLost


def test_attempts_whose_leases_are_lost_are_cancelled_and_the_others_go_on(rig):
    one = rig()
    one.store.expires, seen, go_on = 0.05, [], asyncio.Event()

    async def renew(leases):
        if seen and not seen.count("ended"):
            return [name for name in leases if name[1] == "stolen"]
        return []

    one.store.renew = renew

    @one.on(name="stolen")
    async def stolen(event, job):
        seen.append("begun")
        try:
            await asyncio.Event().wait()
        finally:
            seen.append("ended")

    @one.on(name="kept")
    async def kept(event, job):
        await go_on.wait()
        seen.append("kept")

    async def scenario():
        await one.ready()
        await one.deliver()
        await one.until(lambda: "ended" in seen)
        go_on.set()
        await one.until(lambda: not one.worker.running)

    one.play(scenario)
    assert seen == ["begun", "ended", "kept"]
    assert [told.attempts for told in one.told if isinstance(told, LeasesLost)] == [1]
    assert [told.handler for told in one.told if isinstance(told, HandlerFinished)] == ["kept"]


def test_a_store_that_cannot_say_which_leases_are_lost_is_asked_again(rig):
    one = rig()
    one.store.expires = 0.02

    async def scenario():
        one.faults.raising["renew"] = StoreUnavailableError("away")
        await one.until(lambda: one.faults.calls["renew"] > 2)
        del one.faults.raising["renew"]
        before = one.faults.calls["renew"]
        await one.until(lambda: one.faults.calls["renew"] > before)

    one.play(scenario)


def test_work_that_others_have_stored_is_looked_for_when_they_say_so(rig):
    one = rig()
    one.store.expires, said, seen = 60.0, asyncio.Event(), []

    async def wait_for_work():
        await said.wait()
        said.clear()

    one.store.wait_for_work = wait_for_work

    @one.on(retry=[900])
    async def handle(event, job):
        seen.append(job.attempt)
        if job.attempt == 1:
            raise ValueError

    async def scenario():
        await one.ready()
        await one.deliver()
        await one.until(lambda: seen and not one.worker.running)
        (event,) = one.read(lambda reader: reader.events())
        assert await one.store.retry(event.id) == 1
        said.set()
        await one.until(lambda: len(seen) > 1)

    one.play(scenario)


def test_a_defect_beside_the_loop_ends_the_run(rig):
    one = rig()
    one.store.expires = 60.0

    async def wait_for_work():
        raise LookupError("a defect")

    one.store.wait_for_work = wait_for_work

    async def scenario():
        await one.store.open()
        with pytest.raises(LookupError, match="a defect"):
            await one.worker.run()
        await one.store.close()

    asyncio.run(scenario())

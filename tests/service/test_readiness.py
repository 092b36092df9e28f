import asyncio
import threading
from collections.abc import Awaitable, Callable

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.hub import Hub
from hardpoint.service.readiness import (
    CIRCUITS_MAX,
    FAILURE_SECONDS,
    Readiness,
    ReadinessState,
    free_bytes,
)
from hardpoint.service.reload import Reloader
from hardpoint.store.driver import Refusals
from hardpoint.store.events import (
    BatchCommitted,
    BatchFailed,
    BatchStalled,
    VaultAvailable,
    VaultUnavailable,
)
from hardpoint.testing import ManualClock

Look = Callable[[], Awaitable[ReadinessState]]


class Judged:
    """A started hub and its readiness."""

    def __init__(self, hub: Hub, clock: ManualClock) -> None:
        self.hub = hub
        self.clock = clock
        self.reloader = Reloader(hub.reload, list, listeners=hub.listeners)
        self.readiness = Readiness(hub, self.reloader, clock)
        self.look = self.readiness.look


@pytest.fixture
def judged(hub: Hub):
    """Play a scenario with a hub that runs."""

    def play(scenario: Callable[[Judged], Awaitable[None]]) -> None:
        async def run() -> None:
            async with asyncio.timeout(20), hub:
                await scenario(Judged(hub, ManualClock()))

        asyncio.run(run())

    return play


def test_a_hub_that_runs_is_ready(judged):
    async def scenario(judged):
        assert await judged.look() == ReadinessState(
            ready=True,
            reasons=(),
            store_writable=True,
            worker_running=True,
            backlog_seconds=0.0,
            generation=1,
            configuration_problem=None,
        )

    judged(scenario)


def test_a_server_that_stops_is_not_ready(judged):
    async def scenario(judged):
        judged.readiness.stopping = True
        state = await judged.look()
        assert (state.ready, state.reasons) == (False, ("the server is stopping",))

    judged(scenario)


def test_a_hub_that_has_failed_is_not_ready(judged):
    async def scenario(judged):
        judged.hub.failure = RuntimeError("a defect")
        state = await judged.look()
        assert (state.ready, state.worker_running) == (False, False)
        assert state.reasons == ("worker: RuntimeError: a defect",)

    judged(scenario)


def test_a_store_that_is_closed_is_not_writable(hub):
    async def scenario():
        state = await Judged(hub, ManualClock()).look()
        assert (state.ready, state.store_writable, state.backlog_seconds) == (False, False, None)
        assert "is not open" in state.reasons[0]

    asyncio.run(scenario())


def test_a_store_that_does_not_answer_is_not_writable(judged):
    async def scenario(judged):
        gate = judged.hub.store.gate
        turn = gate.acquire()
        try:
            state = await Readiness(judged.hub, judged.reloader, judged.clock, patience=0.1).look()
        finally:
            gate.release(turn)
        assert state.reasons == ("store: no answer in 0.1 s",)

    judged(scenario)


def test_a_batch_that_failed_counts_until_another_is_committed(judged):
    async def scenario(judged):
        tell = judged.hub.listeners.emit
        tell(BatchFailed(kind="accept", rows=3, reason="database or disk is full"))
        tell(BatchCommitted(kind="job", rows=1, seconds=0.1))
        state = await judged.look()
        assert (state.ready, state.store_writable) == (False, False)
        assert state.reasons == ("store: database or disk is full",)
        tell(BatchCommitted(kind="accept", rows=1, seconds=0.1))
        assert (await judged.look()).ready
        tell(BatchFailed(kind="job", rows=3, reason="database or disk is full"))
        assert (await judged.look()).ready

    judged(scenario)


def test_a_batch_that_waits_for_the_database_counts_until_it_is_committed(judged):
    async def scenario(judged):
        tell = judged.hub.listeners.emit
        tell(BatchStalled(kind="job", rows=3, seconds=2.0, reason="the server is busy with it"))
        assert (await judged.look()).ready
        tell(BatchStalled(kind="accept", rows=3, seconds=2.0, reason="the server is busy with it"))
        state = await judged.look()
        assert (state.ready, state.store_writable) == (False, False)
        told = "store: 3 event(s) wait to be stored: the server is busy with it"
        assert state.reasons == (told,)
        tell(BatchCommitted(kind="accept", rows=3, seconds=2.5))
        assert (await judged.look()).ready

    judged(scenario)


def test_a_batch_that_failed_long_ago_is_worth_another_try(judged):
    async def scenario(judged):
        judged.hub.listeners.emit(BatchFailed(kind="accept", rows=3, reason="full"))
        assert not (await judged.look()).ready
        judged.clock.advance(FAILURE_SECONDS)
        assert (await judged.look()).ready

    judged(scenario)


def test_a_refused_configuration_is_told_but_the_old_one_serves(judged):
    async def scenario(judged):
        async def refuse() -> None:
            raise ConfigurationError("store.url", "is wrong")

        reloader = Reloader(refuse, list, listeners=judged.hub.listeners)
        reloader.request()
        await reloader.check()
        state = await Readiness(judged.hub, reloader, judged.clock).look()
        assert (state.ready, state.configuration_problem) == (True, "store.url: is wrong")

    judged(scenario)


def test_the_backlog_is_as_old_as_its_oldest_due_job(judged):
    async def scenario(judged):
        for due_in, backlog in ((None, 0), (1800.0, 0), (-3600.0, 3600)):

            async def next_due(names, due_in=due_in):
                return due_in

            judged.hub.store.next_due = next_due
            assert (await judged.look()).backlog_seconds == backlog

    judged(scenario)


def test_a_full_disk_is_a_reason_before_anything_was_refused(hub):
    async def scenario():
        async with hub:
            reloader = Reloader(hub.reload, list, listeners=hub.listeners)
            readiness = Readiness(hub, reloader, ManualClock(), free=lambda path: 9 * 1024)
            state = await readiness.look()
            assert (state.ready, state.store_writable) == (False, False)
            assert state.reasons == ("disk: the store's is full, 9 kB are left",)

    asyncio.run(scenario())


def test_the_disk_of_a_store_is_measured(tmp_path):
    assert free_bytes(tmp_path / "none.db") > 0


def test_a_disk_that_does_not_answer_costs_one_thread_however_often_it_is_asked(hub):
    hangs, asked = threading.Event(), []

    def free(path):
        asked.append(path)
        hangs.wait(20)
        return 1 << 40

    async def scenario():
        async with hub:
            reloader = Reloader(hub.reload, list, listeners=hub.listeners)
            readiness = Readiness(hub, reloader, ManualClock(), patience=0.05, free=free)
            for _ in range(3):
                state = await readiness.look()
                assert state.reasons == ("disk: no answer in 0.05 s",)
            hangs.set()
            while (state := await readiness.look()).reasons:
                pass
            assert state.ready
            assert len(asked) == 1

    asyncio.run(scenario())


def test_trouble_with_the_vault_counts_until_it_was_written_again_or_for_a_while(judged):
    async def scenario(judged):
        judged.hub.listeners.emit(VaultUnavailable(reason="database or disk is full"))
        state = await judged.look()
        assert (state.ready, state.reasons) == (False, ("vault: database or disk is full",))
        judged.hub.listeners.emit(VaultAvailable())
        assert (await judged.look()).ready
        judged.hub.listeners.emit(VaultUnavailable(reason="database or disk is full"))
        judged.clock.advance(FAILURE_SECONDS)
        assert (await judged.look()).ready

    judged(scenario)


def test_refusals_that_go_on_are_told_and_take_nobody_off_the_air(judged):
    async def scenario(judged):
        minute = int(judged.clock.now()) // 60
        await judged.hub.store.refuse([Refusals("shop", "signature_mismatch", minute, 214)])
        state = await judged.look()
        assert state.ready
        (reason,) = state.reasons
        assert reason.startswith("refused: shop: 214 refused since ")
        assert reason.endswith(", signature_mismatch")

    judged(scenario)


def test_open_circuits_are_told_but_not_without_end_and_take_nobody_off_the_air(judged):
    async def scenario(judged):
        judged.hub.open_circuits = lambda: [f"mail ({n})" for n in range(CIRCUITS_MAX + 2)]
        state = await judged.look()
        assert state.ready
        assert state.reasons[0] == "circuit: mail (0) is open"
        assert state.reasons[-1] == "circuit: 2 more are open"
        assert len(state.reasons) == CIRCUITS_MAX + 1

    judged(scenario)


def test_a_source_that_nobody_signs_is_told_at_the_start_and_by_the_probe(tmp_path):
    from hardpoint.hub.events import SourceUnsigned

    path = tmp_path / "hardpoint.toml"
    path.write_text(
        '[store]\nurl = "sqlite:a.db"\n[webhooks.meter]\nprovider = "unsigned"\n'
        "allow_anyone = true\n"
    )
    told = []

    async def run():
        one = Hub.load(path, listeners=[told.append])
        async with asyncio.timeout(20), one:
            state = await Judged(one, ManualClock()).look()
            await one.reload()
        return state

    state = asyncio.run(run())
    assert state.ready
    assert state.reasons == ("unsigned: meter takes what nobody has signed, from anyone",)
    warned = [event for event in told if isinstance(event, SourceUnsigned)]
    assert [(one.source, one.taken_from) for one in warned] == [("meter", "anyone")]

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hardpoint.core.errors import ConfigurationError
from hardpoint.hub.hub import Hub
from hardpoint.service.readiness import FAILURE_SECONDS, Readiness, State
from hardpoint.service.reload import Reloader
from hardpoint.store.events import BatchCommitted, BatchFailed
from hardpoint.testing import ManualClock
from hardpoint.webhooks.attempts import AttemptFinished

Look = Callable[[], Awaitable[State]]


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
        assert await judged.look() == State(
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
        with judged.hub.store.gate:
            state = await Readiness(judged.hub, judged.reloader, judged.clock, patience=0.1).look()
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


def test_the_backlog_is_as_old_as_its_oldest_due_job(judged, signed, told):
    async def scenario(judged):
        hub = judged.hub

        async def fail(event, job) -> None:
            raise RuntimeError("later")

        hub.on("shop", retry=[3600.0])(fail)
        now = hub._clock.now()
        body, headers = signed("evt_1", now=now)
        raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
        answered = asyncio.get_running_loop().create_future()
        hub.receiver.submit("shop", raw, body, answered.set_result)
        assert (await answered).status == 200
        await told.has(AttemptFinished)
        judged.clock.jump(now - judged.clock.now())
        assert (await judged.look()).backlog_seconds == 0
        judged.clock.jump(2 * 3600.0)
        # Jitter moves the hour by up to a fifth.
        assert 2800 < (await judged.look()).backlog_seconds < 4400

    judged(scenario)

"""The runner for plain functions and the one for coroutine functions do the same."""

import asyncio
import traceback
from itertools import product

import pytest

from hardpoint.core.errors import RejectedError
from hardpoint.resilience import runner_blocking
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.budget import Budget
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.ratelimit import RateLimit
from hardpoint.resilience.retry import Retry
from hardpoint.testing import ManualClock

PARTS = {
    "timeout": [None, 5.0],
    "deadline": [None, 12.0],
    "retry": [None, Retry(3, on=OSError, backoff=1.0, budget=Budget())],
    "breaker": [None, Breaker(failures=2), Breaker(rate=0.5, min_calls=2)],
    "rate": [None, RateLimit(1, per=2)],
    "bulkhead": [None, Bulkhead(1, queue=1)],
    "fallback": [None, "substitute"],
}
SHAPES = [dict(zip(PARTS, chosen, strict=True)) for chosen in product(*PARTS.values())]
STEPS = [
    *("answer", OSError("a"), (1, OSError("b")), OSError("c"), (1, "late"), ValueError("d")),
    *((3, "slow"), OSError("e"), OSError("f"), "answer"),
]


@pytest.fixture
def story(policy, script):
    """What a series of calls under a policy gives, when, and what is counted."""

    def tell(kind, *, decorated, **options):
        clock = ManualClock()
        crm, remote = policy(**options).with_(clock=clock), script(*STEPS)
        remote.clock = clock
        function = getattr(remote, kind)
        guarded = crm(function) if decorated else None
        outcomes = []

        async def one():
            return await (guarded() if decorated else crm.call(function))

        def once():
            if kind == "asynchronous":
                return clock.run(one())
            return guarded() if decorated else crm.call(function)

        for _ in range(8):
            try:
                outcomes.append(once())
            except (OSError, ValueError, RejectedError) as error:
                outcomes.append(repr(error))
        return outcomes, remote.at, crm.stats()

    return tell


@pytest.fixture
def block_story(policy, script):
    """The same of a series of blocks."""

    def tell(kind, **options):
        clock = ManualClock()
        crm, remote = policy(**options).with_(clock=clock), script(*STEPS)
        remote.clock = clock
        outcomes = []

        async def one():
            async for attempt in crm.attempts():
                with attempt:
                    outcomes.append(await remote.asynchronous())

        def once():
            for attempt in crm.attempts():
                with attempt:
                    outcomes.append(remote.plain())

        for _ in range(8):
            try:
                clock.run(one()) if kind == "asynchronous" else once()
            except (OSError, ValueError, RejectedError) as error:
                outcomes.append(repr(error))
        return outcomes, remote.at, crm.stats()

    return tell


def test_plain_and_asynchronous_blocks_are_treated_alike(block_story):
    for shape in SHAPES[::2]:
        plain = block_story("plain", **shape)
        assert block_story("asynchronous", **shape) == plain, shape


@pytest.mark.parametrize("decorated", [False, True])
@pytest.mark.parametrize("part", range(4))
def test_plain_and_coroutine_functions_are_treated_alike(story, decorated, part):
    for shape in SHAPES[part::4]:
        plain = story("plain", decorated=decorated, **shape)
        assert story("asynchronous", decorated=decorated, **shape) == plain, shape


def test_a_traceback_shows_the_runner_and_the_right_line(policy, script):
    with pytest.raises(OSError) as caught:
        policy(timeout=5, retry=Retry(), breaker=Breaker()).call(script(OSError()).plain)
    frames = traceback.extract_tb(caught.value.__traceback__)
    (frame,) = [one for one in frames if one.filename == runner_blocking.__file__]
    assert "target(*args, **kwargs)" in frame.line


def test_a_decorated_function_takes_its_arguments(policy, clock):
    @policy()
    def plain(function, *, args):
        return function + args

    @policy()
    async def asynchronous(function, *, args):
        await asyncio.sleep(0)
        return function + args

    async def scenario():
        return await asynchronous(1, args=2)

    assert plain(1, args=2) == 3
    assert clock.run(scenario()) == 3

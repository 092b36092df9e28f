"""The specialised runner and the runner as it stands do the same."""

import asyncio
import inspect
import traceback
from itertools import product

import pytest

from hardpoint.core.errors import RejectedError
from hardpoint.resilience import runner, specialise
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
STEPS = ["answer", OSError("a"), (7, OSError("b")), OSError("c"), (7, "late"), ValueError("d")]


@pytest.fixture(params=["plain", "async"])
def story(request, policy, script):
    """What a series of calls under a policy gives, when, and what is counted."""

    def tell(decorated, **options):
        clock = ManualClock()
        crm, remote = policy(**options).with_(clock=clock), script(*STEPS)
        remote.clock = clock
        function = remote.plain if request.param == "plain" else remote.asynchronous
        guarded = crm(function) if decorated else None
        outcomes = []

        async def one():
            return await (guarded() if decorated else crm.call(function))

        def once():
            if request.param == "async":
                return clock.run(one())
            return guarded() if decorated else crm.call(function)

        for _ in range(5):
            try:
                outcomes.append(once())
            except (OSError, ValueError, RejectedError) as error:
                outcomes.append(repr(error))
        return outcomes, remote.at, crm.stats()

    return tell


@pytest.mark.parametrize("decorated", [False, True])
def test_every_shape_behaves_as_the_runner_as_it_stands(story, monkeypatch, decorated):
    shapes = SHAPES[decorated::7]
    specialised = [story(decorated, **shape) for shape in shapes]
    monkeypatch.setattr(specialise, "SOURCE", "")
    for shape, expected in zip(shapes, specialised, strict=True):
        assert story(decorated, **shape) == expected, shape


def test_the_source_at_hand_is_that_of_the_runner():
    assert inspect.getsource(runner) == specialise.SOURCE


def test_where_no_source_can_be_had_there_is_none(monkeypatch):
    for name, value in {"__file__": "/nowhere/runner.py", "__loader__": None}.items():
        monkeypatch.setattr(runner, name, value)
    monkeypatch.setattr(runner, "__spec__", None)
    assert specialise._source() == ""


def test_a_traceback_shows_the_runner_and_the_right_line(policy, script):
    with pytest.raises(OSError) as caught:
        policy(timeout=5, retry=Retry(), breaker=Breaker()).call(script(OSError()).plain)
    frames = traceback.extract_tb(caught.value.__traceback__)
    (frame,) = [one for one in frames if one.filename == runner.__file__]
    assert "function(*args, **kwargs)" in frame.line


def test_a_decorated_function_without_source_takes_its_arguments(policy, frozen, clock):
    @policy()
    def plain(one, *, two):
        return one + two

    @policy()
    async def asynchronous(one, *, two):
        await asyncio.sleep(0)
        return one + two

    async def scenario():
        return await asynchronous(1, two=2)

    assert plain(1, two=2) == 3
    assert clock.run(scenario()) == 3


def test_one_shape_is_compiled_once(policy, script):
    before = specialise._compiled.cache_info().currsize
    for _ in range(3):
        policy(rate=RateLimit(9), deadline=3, critical=False).call(script("answer").plain)
    assert specialise._compiled.cache_info().currsize <= before + 1

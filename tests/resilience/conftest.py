import asyncio
import warnings
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest

from hardpoint.core.events import Listeners
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.settings import PolicyWarning
from hardpoint.runtime.effects import Effects
from hardpoint.testing import ManualClock


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def effects(clock: ManualClock) -> Effects:
    """By the manual clock; chance is always one half, ids count up."""
    numbers = count(1)
    return Effects(clock, lambda: 0.5, lambda: f"id-{next(numbers)}")


@pytest.fixture
def heard() -> list[object]:
    """The events told to `listeners`."""
    return []


@pytest.fixture
def listeners(heard: list[object]) -> Listeners:
    return Listeners(heard.append)


class Script:
    """A third party that does as it is told: each step is an error to raise or a value to return.

    A step may be a pair `(seconds, outcome)`; the last one is repeated.
    """

    def __init__(self, clock: ManualClock, *steps: Any) -> None:
        self.clock = clock
        self.steps = [step if isinstance(step, tuple) else (0.0, step) for step in steps]
        self.at: list[float] = []
        self.arguments: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def begin(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[float, Any]:
        self.at.append(self.clock.monotonic())
        self.arguments.append((args, kwargs))
        return self.steps[min(len(self.at), len(self.steps)) - 1]

    def plain(self, *args: Any, **kwargs: Any) -> Any:
        seconds, outcome = self.begin(args, kwargs)
        self.clock.advance(seconds)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome

    async def asynchronous(self, *args: Any, **kwargs: Any) -> Any:
        seconds, outcome = self.begin(args, kwargs)
        await asyncio.sleep(seconds)
        if isinstance(outcome, BaseException):
            raise outcome
        return outcome


@pytest.fixture
def script(clock: ManualClock) -> Callable[..., Script]:
    return lambda *steps: Script(clock, *steps)


@pytest.fixture(params=["plain", "async"])
def call(request: pytest.FixtureRequest, clock: ManualClock) -> Callable[..., Any]:
    """Calls a script under a policy, as a plain function or as a coroutine function."""
    if request.param == "plain":
        return lambda policy, script, *args, **kwargs: policy.call(script.plain, *args, **kwargs)

    async def run(policy: Any, script: Script, args: Any, kwargs: Any) -> Any:
        return await policy.call(script.asynchronous, *args, **kwargs)

    return lambda policy, script, *args, **kwargs: clock.run(run(policy, script, args, kwargs))


@pytest.fixture
def policy(clock: ManualClock) -> Callable[..., Policy[Any]]:
    """Makes policies on the manual clock, with chance always one half."""

    def make(**options: Any) -> Policy[Any]:
        options.setdefault("random", lambda: 0.5)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PolicyWarning)
            return Policy("crm", clock=clock, **options)

    return make

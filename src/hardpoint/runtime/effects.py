"""The effects that policies use, held where a test can exchange them for policies already built.

And how attempts are run: awaited or stepped.
"""

from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar, cast

from hardpoint.core.effects import Clock, Ids, Random
from hardpoint.core.identifiers import Uuid7
from hardpoint.runtime.clocks import SystemClock, Timekeeper

if TYPE_CHECKING:
    from hardpoint.runtime.teams import Team

_Result = TypeVar("_Result")


class Caller(Protocol):
    """What runs attempts: a policy. `call` of a `def` blocks; of an `async def` it is awaited."""

    def call(self, function: Callable[[], _Result], /) -> _Result:
        """Call the function, perhaps several times, perhaps not at all."""
        ...

    def with_(
        self,
        *,
        repeat: Literal["safe", "idempotent", "needs_key", "never"],
        tells_calls: bool = True,
    ) -> "Caller":
        """The same, sharing all state, for calls of which a repeat does what the class says.

        Args:
            repeat: the class.
            tells_calls: whether it tells of them; False where whoever makes them does.
        """
        ...


class Runtime(Protocol):
    """How attempts are run under a policy, awaited or stepped, and where what blocks is done."""

    async def call(
        self, policy: Caller, attempt: Callable[[], Coroutine[Any, Any, _Result]]
    ) -> _Result:
        """What the policy makes of the attempts."""
        ...

    def open(
        self, policy: Caller, opening: Callable[[], AbstractAsyncContextManager[_Result]]
    ) -> AbstractAsyncContextManager[_Result]:
        """What the policy makes of openings: what the one that succeeds gives, until its end."""
        ...

    async def work(self, function: Callable[[], _Result]) -> _Result:
        """What a function gives that blocks, such as one that reads a file."""
        ...

    def team(self) -> "Team":
        """Those who work side by side for one call."""
        ...

    async def pause(self, clock: Clock, seconds: float) -> None:
        """Wait, by a clock that can be waited by; by the one of policies where it cannot."""
        ...


class Effects:
    """Time, randomness and ids, as plain attributes: reading one costs no call.

    A policy that was given none shares `AMBIENT`; `hardpoint.testing` exchanges what is in it.
    """

    __slots__ = (
        "call_later",
        "clock",
        "ids",
        "monotonic",
        "now",
        "pause",
        "random",
        "sleep",
        "wait",
    )

    def __init__(self, clock: Timekeeper, random: Random, ids: Ids) -> None:
        self.use(clock, random, ids)

    def use(self, clock: Timekeeper, random: Random, ids: Ids) -> None:
        """Take these from now on."""
        self.clock = clock
        self.now = clock.now
        self.monotonic = clock.monotonic
        self.pause = clock.pause
        self.sleep = clock.sleep
        self.call_later = clock.call_later
        self.wait = clock.wait
        self.random = random
        self.ids = ids


def _chance() -> float:
    from random import random  # 3 ms of import, spent only by those who draw

    return random()  # noqa: S311 - spreads retries over time, guards nothing


AMBIENT = Effects(SystemClock(), _chance, Uuid7())
"""What policies use unless they are given their own."""


def waitable(clock: Clock) -> Timekeeper:
    """The clock itself if it is one to wait by, and not the machine's, which tests exchange."""
    if isinstance(clock, SystemClock) or not hasattr(clock, "sleep"):
        return AMBIENT.clock
    return cast("Timekeeper", clock)

"""The simulated world: clients that call a server which hangs for a while and comes back."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random
from typing import final

from hardpoint.core.errors import ConfigurationError, UnavailableError
from hardpoint.testing.clock import ManualClock

SimulatedCall = Callable[[], Awaitable[None]]
Protect = Callable[[SimulatedCall, ManualClock, Random], SimulatedCall]
"""Puts one client's calls under a strategy."""


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The setting; times are seconds.

    Attributes:
        clients: processes that call, each under a policy of its own, at random moments.
        load: calls per second of all clients together.
        capacity: requests the server works off per second.
        line: requests that may wait at the server; more are refused.
        mishaps: the share of requests that fail on the best of days.
        patience: how long a caller waits for an answer. The server does not notice that it left.
        fails: when the server hangs.
        back: when it goes on.
        end: when the clients stop calling.
        seed: of all chance.
    """

    clients: int = 40
    load: float = 70.0
    capacity: float = 100.0
    line: int = 200
    mishaps: float = 0.01
    patience: float = 1.0
    fails: float = 20.0
    back: float = 40.0
    end: float = 90.0
    seed: int = 1

    def __post_init__(self) -> None:
        if self.clients < 1:
            raise ConfigurationError("clients", f"must be 1 or more, not {self.clients}")
        if not 0 < self.fails < self.back < self.end:
            raise ConfigurationError(
                "end",
                f"comes after the server's return at {self.back:g} s, not at {self.end:g} s",
            )


@final
@dataclass(frozen=True, slots=True)
class History:
    """What happened under one strategy, by the second."""

    strategy: str
    calls: list[int]
    """Calls begun."""
    answered: list[int]
    """Those of them that got an answer."""
    requests: list[int]
    """What reached the server."""
    wasted: int
    """Requests worked off for callers who had left."""

    @property
    def amplification(self) -> float:
        """Requests per call, over all."""
        return sum(self.requests) / sum(self.calls)

    def success(self, seconds: int | None = None) -> float:
        """The share of calls that were answered, of those in the first so many seconds."""
        return sum(self.answered[:seconds]) / sum(self.calls[:seconds])

    def recovery(self, world: World) -> int | None:
        """Seconds from the server's return until callers are served again, if they are.

        Served means: of the calls begun in each of five seconds in a row, 90% are answered.
        """
        healthy = [got >= 0.9 * begun for got, begun in zip(self.answered, self.calls, strict=True)]
        for second in range(int(world.back), len(healthy) - 4):
            if all(healthy[second : second + 5]):
                return second - int(world.back)
        return None


def simulate(strategy: str, protect: Protect, world: World) -> History:
    """Play the whole story once. Same world, same history."""
    clock = ManualClock(monotonic=0.0)
    return clock.run(_Story(strategy, protect, world, clock).play())


@final
class _Story:
    def __init__(self, strategy: str, protect: Protect, world: World, clock: ManualClock) -> None:
        seconds = int(world.end)
        self._world = world
        self._clock = clock
        self._protect = protect
        self._server = SimulatedServer(world, clock)
        self._history = History(strategy, [0] * seconds, [0] * seconds, self._server.requests, 0)

    async def play(self) -> History:
        clients = [self._client(number) for number in range(self._world.clients)]
        await asyncio.gather(*clients)
        done = self._history
        return History(done.strategy, done.calls, done.answered, done.requests, self._server.wasted)

    async def _client(self, number: int) -> None:
        """Call at random moments, never minding the calls still under way."""
        world = self._world
        random = Random(f"{world.seed}/{number}")
        call = self._protect(self._server.request, self._clock, random)
        moments = Random(f"{world.seed}/{number}/moments")
        under_way: set[asyncio.Task[None]] = set()
        while True:
            await asyncio.sleep(moments.expovariate(world.load / world.clients))
            if self._clock.monotonic() >= world.end:
                break
            task = asyncio.create_task(self._one(call))
            under_way.add(task)
            task.add_done_callback(under_way.discard)
        if under_way:
            await asyncio.wait(under_way)

    async def _one(self, call: SimulatedCall) -> None:
        second = int(self._clock.monotonic())
        self._history.calls[second] += 1
        try:
            await call()
        except Exception:
            return
        self._history.answered[second] += 1


@final
class SimulatedServer:
    """Works off one request after the other, whether or not anybody still waits for it."""

    def __init__(self, world: World, clock: ManualClock) -> None:
        self.requests = [0] * int(world.end)
        self.wasted = 0
        self._world = world
        self._clock = clock
        self._line: deque[asyncio.Future[None]] = deque()
        self._busy = False
        self._chance = Random(f"{world.seed}/server")

    async def request(self) -> None:
        """Be answered, in turn.

        Raises:
            UnavailableError: the line is full, or a mishap.
        """
        second = int(self._clock.monotonic())
        if second < len(self.requests):
            self.requests[second] += 1
        if len(self._line) >= self._world.line or self._chance.random() < self._world.mishaps:
            raise UnavailableError
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._line.append(turn)
        self._work()
        await turn

    def _work(self) -> None:
        if self._busy or not self._line:
            return
        self._busy = True
        world, now = self._world, self._clock.monotonic()
        hangs_for = world.back - now if world.fails <= now < world.back else 0.0
        self._clock.call_later(hangs_for + 1 / world.capacity, self._finish)

    def _finish(self) -> None:
        turn = self._line.popleft()
        if turn.done():
            self.wasted += 1
        else:
            turn.set_result(None)
        self._busy = False
        self._work()

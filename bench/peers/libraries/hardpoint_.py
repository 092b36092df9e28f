"""hardpoint: our own policies, on a clock that moves when told."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

from bench.peers.library import Boom, Function, Guard, Library, Mode
from bench.peers.trial import until
from hardpoint.core.errors import AttemptTimeoutError, CircuitOpenError, ConfigurationError
from hardpoint.resilience.breaker import Breaker
from hardpoint.resilience.bulkhead import Bulkhead
from hardpoint.resilience.events import AttemptEnded, RetryScheduled
from hardpoint.resilience.hedge import Hedge
from hardpoint.resilience.policy import Policy
from hardpoint.resilience.retry import Retry, exponential
from hardpoint.testing import ManualClock


class Hardpoint(Library):
    name = "hardpoint"
    distributions = ("hardpoint",)
    packages = ("hardpoint",)
    rejected = CircuitOpenError
    timed_out = AttemptTimeoutError
    refused = ConfigurationError

    def __init__(self) -> None:
        self.clock = ManualClock()

    async def wait(self, seconds: float, mode: Mode) -> None:
        self.clock.advance(seconds)
        if mode == "async":
            for _ in range(10):
                await asyncio.sleep(0)

    def monotonic(self) -> float:
        return self.clock.monotonic()

    @contextmanager
    def wall_clock(self, seconds: float) -> Iterator[None]:
        with super().wall_clock(seconds):
            self.clock.jump(seconds)
            yield
            self.clock.jump(-seconds)

    def _policy(self, **options: Any) -> Policy:
        return Policy("service", clock=self.clock, **options)

    def _forms(self, mode: Mode, **options: Any) -> Iterator[tuple[str, Guard]]:
        """As a decorator and around a block."""
        yield "", self._policy(**options)
        policy = self._policy(**options)

        def guard(function: Function) -> Function:
            async def guarded(*args):
                async with policy.guard():
                    return await function(*args)

            def guarded_plain(*args):
                with policy.guard():
                    return function(*args)

            return guarded if mode == "async" else guarded_plain

        yield "with", guard

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        breaker = Breaker(
            failures=failures, recovery=recovery, recovery_max=2 * recovery, successes=1, on=Boom
        )
        yield from self._forms(mode, breaker=breaker)

    def reopens_in(self, guard: Guard, rejection: BaseException) -> float:
        return rejection.retry_after

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return self._policy(deadline=3600, retry=Retry(attempts, on=Boom, backoff=0))

    def retry_unless(self, mode: Mode, error: type[Exception]) -> Guard:
        retry = Retry(3, on=lambda raised: not isinstance(raised, error), backoff=0)
        return self._policy(deadline=3600, retry=retry)

    def retry_within(self, mode: Mode, seconds: float) -> Guard:
        return self._policy(deadline=seconds, retry=Retry(3, on=Boom, backoff=0))

    def stack(self, mode: Mode) -> Guard:
        return self._policy(
            deadline=3600,
            retry=Retry(4, on=Exception, backoff=0.02),
            breaker=Breaker(failures=1, recovery=7200, recovery_max=7200),
        )

    def reports(self, mode: Mode):
        last = 0
        policy = self._policy(deadline=3600, retry=Retry(3, on=Boom, backoff=0))

        def hear(event: object) -> None:
            nonlocal last
            if isinstance(event, AttemptEnded):
                last = event.attempt

        policy.listen(hear)
        return policy, lambda: last

    def hinted_waits(self, mode: Mode, hint: float, count: int) -> list[float]:
        class HintedError(Boom):
            retry_after = hint

        return self._waits(HintedError, count, exponential(hint, cap=hint))

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        waits = self._waits(Boom, count, exponential(cap, cap=cap))
        return waits + self._waits(Boom, count, exponential(cap, cap=cap, jitter="added"))

    def _waits(self, error: type[Boom], count: int, curve) -> list[float]:
        told: list[float] = []
        retry = Retry(2, on=Boom, backoff=curve, throttled=curve)
        policy = self._policy(deadline=3600, retry=retry, random=random.random)
        policy.listen(lambda event: _note(event, told))

        @policy
        def fail() -> None:
            raise error

        for _ in range(count):
            with suppress(Boom):
                fail()
        return told

    def timeouts(self, seconds: float) -> Iterator[tuple[str, Guard]]:
        yield from self._forms("async", timeout=seconds)

    def blocking_timeout(self, seconds: float) -> Guard:
        return self._policy(timeout=seconds)

    def bulkheads(self, slots: int, queue: int) -> Iterator[tuple[str, Guard]]:
        yield from self._forms("async", bulkhead=Bulkhead(slots, queue=queue))

    async def hedged_bodies(self) -> list[object]:
        bodies: list[object] = []
        slow = asyncio.Event()
        hedge = Hedge(after=1, arguments=lambda _: ((iter(b"body"),), {}))

        @self._policy(timeout=10, idempotent=True, hedge=hedge)
        async def send(body: object) -> None:
            bodies.append(body)
            if len(bodies) == 1:
                await slow.wait()

        call = asyncio.create_task(send(iter(b"body")))
        await until(lambda: len(bodies) == 1)
        await self.wait(1, "async")
        await call
        return bodies


def _note(event: object, told: list[float]) -> None:
    if isinstance(event, RetryScheduled):
        told.append(event.delay)


LIBRARY = Hardpoint()

"""pyresilience: everything in one decorator. Here for the sixteenth defect, which is its own."""

import contextlib
import time
from collections.abc import Iterator

import pyresilience as p
from pyresilience import CircuitOpenError, ResilienceTimeoutError

from bench.peers.library import Boom, Guard, Library, Mode


def _retry(**options) -> p.RetryConfig:
    options = {"max_attempts": 3, "delay": 0.0, "jitter": False, "retry_on": (Boom,)} | options
    return p.RetryConfig(**options)


class Pyresilience(Library):
    name = "pyresilience"
    distributions = ("pyresilience",)
    packages = ("pyresilience",)
    rejected = CircuitOpenError
    timed_out = ResilienceTimeoutError

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        yield (
            "",
            p.resilient(
                circuit_breaker=p.CircuitBreakerConfig(
                    failure_threshold=failures, recovery_timeout=recovery, error_types=(Boom,)
                )
            ),
        )

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return p.resilient(retry=_retry(max_attempts=attempts))

    def retry_unless(self, mode: Mode, error: type[Exception]) -> Guard:
        return p.resilient(retry=_retry(retry_on=(Exception,), ignore_on=(error,)))

    def stack(self, mode: Mode) -> Guard:
        return p.resilient(
            retry=_retry(max_attempts=4, delay=0.02, backoff_factor=1, retry_on=(Exception,)),
            circuit_breaker=p.CircuitBreakerConfig(failure_threshold=1),
        )

    def reports(self, mode: Mode):
        last = 1

        def listener(event: p.ResilienceEvent) -> None:
            nonlocal last
            if event.event_type is p.EventType.SUCCESS:
                last = event.attempt

        return p.resilient(retry=_retry(), listeners=[listener]), lambda: last

    def hinted_waits(self, mode: Mode, hint: float, count: int) -> list[float]:
        return _waits(count, hint, delay_func=lambda _, error: error.hint, jitter=True)

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        return _waits(count, cap, delay=cap, max_delay=cap, jitter=True)

    def timeouts(self, seconds: float) -> Iterator[tuple[str, Guard]]:
        yield "", p.resilient(timeout=p.TimeoutConfig(seconds=seconds))

    def blocking_timeout(self, seconds: float) -> Guard:
        return p.resilient(timeout=p.TimeoutConfig(seconds=seconds, pool_size=2))

    def bulkheads(self, slots: int, queue: int) -> Iterator[tuple[str, Guard]]:
        yield "", p.resilient(bulkhead=p.BulkheadConfig(max_concurrent=slots, max_wait=60))


def _waits(count: int, hint: float, **options) -> list[float]:
    """What it would have slept: nothing else tells the wait."""
    slept: list[float] = []

    @p.resilient(retry=_retry(max_attempts=2, **options))
    def fail() -> None:
        raise Boom(hint)

    sleep, time.sleep = time.sleep, slept.append
    try:
        for _ in range(count):
            with contextlib.suppress(Boom):
                fail()
    finally:
        time.sleep = sleep
    return slept


LIBRARY = Pyresilience()

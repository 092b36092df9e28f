"""hyx: retry, breaker, timeout and bulkhead for async functions, as decorators and contexts."""

from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager

from hyx.bulkhead import bulkhead
from hyx.circuitbreaker import consecutive_breaker
from hyx.circuitbreaker.exceptions import BreakerFailing
from hyx.retry import retry
from hyx.retry.backoffs import expo
from hyx.retry.jitters import full
from hyx.timeout import timeout
from hyx.timeout.exceptions import MaxDurationExceeded

from bench.peers.library import Boom, Function, Guard, Library, Mode


def _forms(make: Callable[[], AbstractAsyncContextManager]) -> Iterator[tuple[str, Guard]]:
    yield "", make()
    context = make()

    def guard(function: Function) -> Function:
        async def guarded(*args):
            async with context:
                return await function(*args)

        return guarded

    yield "async with", guard


class Hyx(Library):
    name = "hyx"
    distributions = ("hyx",)
    packages = ("hyx",)
    modes = ("async",)
    rejected = BreakerFailing
    timed_out = MaxDurationExceeded

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        def make():
            return consecutive_breaker(
                exceptions=Boom,
                failure_threshold=failures,
                recovery_time_secs=recovery,
                recovery_threshold=1,
            )

        yield from _forms(make)

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return retry(on=Boom, attempts=attempts, backoff=0)

    def stack(self, mode: Mode) -> Guard:
        breaker = consecutive_breaker(exceptions=Boom, failure_threshold=1)
        again = retry(on=Exception, attempts=4, backoff=0.02)
        return lambda function: again(breaker(function))

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        backoff = iter(expo(min_delay_secs=cap, max_delay_secs=cap, jitter=full))
        next(backoff)
        return [next(backoff) for _ in range(count)]

    def timeouts(self, seconds: float) -> Iterator[tuple[str, Guard]]:
        yield from _forms(lambda: timeout(seconds))

    def bulkheads(self, slots: int, queue: int) -> Iterator[tuple[str, Guard]]:
        yield from _forms(lambda: bulkhead(max_concurrency=slots, max_capacity=slots + queue))


LIBRARY = Hyx()

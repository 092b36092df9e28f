"""tenacity: retries. `reraise=True`, so that callers see their own exception."""

import functools
from contextlib import suppress

import tenacity as t

from bench.peers.libraries.circuitbreaker_ import Circuitbreaker
from bench.peers.library import Boom, Guard, Library, Mode


class Tenacity(Library):
    name = "tenacity"
    distributions = ("tenacity",)
    packages = ("tenacity",)

    def _retry(self, **options) -> Guard:
        options = {
            "stop": t.stop_after_attempt(3),
            "wait": t.wait_none(),
            "retry": t.retry_if_exception_type(Boom),
        } | options
        return t.retry(reraise=True, **options)

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return self._retry(stop=t.stop_after_attempt(attempts))

    def retry_unless(self, mode: Mode, error: type[Exception]) -> Guard:
        return self._retry(retry=t.retry_if_not_exception_type(error))

    def retry_within(self, mode: Mode, seconds: float) -> Guard:
        return self._retry(stop=t.stop_any(t.stop_after_attempt(3), t.stop_before_delay(seconds)))

    def stack(self, mode: Mode) -> Guard:
        breaker = next(Circuitbreaker().breakers(mode, failures=1, recovery=3600))[1]
        retry = self._retry(
            stop=t.stop_after_attempt(4),
            wait=t.wait_fixed(0.02),
            retry=t.retry_if_exception_type(Exception),
        )
        return lambda function: retry(breaker(function))

    def reports(self, mode: Mode):
        retried = []

        def guard(function):
            @functools.wraps(function)
            async def awaited(*args):
                return await function(*args)

            retried.append(self._retry()(awaited))
            return retried[0]

        return guard, lambda: retried[0].statistics["attempt_number"]

    def hinted_waits(self, mode: Mode, hint: float, count: int) -> list[float]:
        wait = t.wait_exception(lambda error: error.hint) + t.wait_random(0, hint / 2)
        return waits(mode, self._retry(wait=wait), Boom(hint), count)

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        retry = self._retry(
            wait=t.wait_random_exponential(multiplier=cap, max=cap),
            stop=t.stop_after_attempt(count + 2),
        )
        return waits(mode, retry, Boom(), 1)[1:]


def waits(mode: Mode, retry: Guard, error: Boom, calls: int) -> list[float]:
    """What the retrier would have slept, without sleeping."""
    slept: list[float] = []

    async def record(seconds: float) -> None:
        slept.append(seconds)

    def fail() -> None:
        raise error

    async def fail_async() -> None:
        raise error

    retried = retry(fail_async if mode == "async" else fail)
    retried.retry.sleep = record if mode == "async" else slept.append
    for _ in range(calls):
        try:
            if mode == "sync":
                retried()
            else:
                _step(retried())
        except Boom:
            pass
    return slept


def _step(coroutine) -> None:
    """Run what never suspends; a scenario's own loop is running already."""
    with suppress(StopIteration):
        coroutine.send(None)


LIBRARY = Tenacity()

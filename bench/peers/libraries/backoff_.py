"""backoff: retries."""

import contextlib
import random

import backoff

from bench.peers.libraries.circuitbreaker_ import Circuitbreaker
from bench.peers.library import Boom, Guard, Library, Mode


def _retry(on=Boom, wait=backoff.constant, **options) -> Guard:
    options = {"max_tries": 3, "jitter": None, "logger": None} | options
    if wait is backoff.constant:
        options.setdefault("interval", 0)
    return backoff.on_exception(wait, on, **options)


class Backoff(Library):
    name = "backoff"
    distributions = ("backoff",)
    packages = ("backoff",)

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return _retry(max_tries=attempts)

    def retry_unless(self, mode: Mode, error: type[Exception]) -> Guard:
        return _retry(Exception, giveup=lambda raised: isinstance(raised, error))

    def retry_within(self, mode: Mode, seconds: float) -> Guard:
        return _retry(max_time=seconds)

    def stack(self, mode: Mode) -> Guard:
        breaker = next(Circuitbreaker().breakers(mode, failures=1, recovery=3600))[1]
        retry = _retry(Exception, max_tries=4, interval=0.02)
        return lambda function: retry(breaker(function))

    def reports(self, mode: Mode):
        last = 0

        def ended(details) -> None:
            nonlocal last
            last = details["tries"]

        return _retry(on_success=ended), lambda: last

    def hinted_waits(self, mode: Mode, hint: float, count: int) -> list[float]:
        return _waits(
            count,
            hint,
            wait=backoff.runtime,
            value=lambda error: error.hint,
            jitter=lambda value: value + random.uniform(0, value / 2),
        )

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        expo = {"wait": backoff.expo, "factor": cap, "max_value": cap}
        return _waits(count, cap, **expo, jitter=backoff.full_jitter)


def _waits(count: int, hint: float, **options) -> list[float]:
    """As the handler is told them; the call ends there, so that nobody sleeps."""
    told: list[float] = []

    class EnoughError(Exception):
        pass

    def stop(details) -> None:
        told.append(details["wait"])
        raise EnoughError

    @_retry(max_tries=2, on_backoff=stop, **options)
    def fail() -> None:
        raise Boom(hint)

    for _ in range(count):
        with contextlib.suppress(EnoughError):
            fail()
    return told


LIBRARY = Backoff()

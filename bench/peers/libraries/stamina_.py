"""stamina: retries with fixed good defaults over tenacity."""

import contextlib

import stamina
from stamina.instrumentation import set_on_retry_hooks

from bench.peers.libraries.circuitbreaker_ import Circuitbreaker
from bench.peers.library import Boom, Guard, Library, Mode


def _retry(on=Boom, *, attempts: int = 3, wait: float = 0.0, **options) -> Guard:
    options = {"timeout": None, "wait_max": wait, "wait_jitter": 0} | options
    return stamina.retry(on=on, attempts=attempts, wait_initial=wait, **options)


class Stamina(Library):
    name = "stamina"
    distributions = ("stamina", "tenacity")
    packages = ("stamina", "tenacity")

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return _retry(attempts=attempts)

    def retry_unless(self, mode: Mode, error: type[Exception]) -> Guard:
        return _retry(lambda raised: not isinstance(raised, error))

    def retry_within(self, mode: Mode, seconds: float) -> Guard:
        return _retry(timeout=seconds)

    def stack(self, mode: Mode) -> Guard:
        breaker = next(Circuitbreaker().breakers(mode, failures=1, recovery=3600))[1]
        retry = _retry(Exception, attempts=4, wait=0.02)
        return lambda function: retry(breaker(function))

    def reports(self, mode: Mode):
        """By the hook that is entered for a retry and left when it is made."""
        made = read = 0

        class Again(contextlib.AbstractContextManager):
            def __exit__(self, *_):
                nonlocal made
                made += 1

        set_on_retry_hooks([lambda _: Again()])

        def last() -> int:
            nonlocal read
            since, read = made - read, made
            return 1 + since

        return _retry(), last

    def hinted_waits(self, mode: Mode, hint: float, count: int) -> list[float]:
        return self._waits(mode, count, hint, on=lambda error: error.hint, wait_jitter=hint / 2)

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        return self._waits(mode, count, cap, on=Boom, wait_max=cap, wait_jitter=cap / 2)

    def _waits(self, mode: Mode, count: int, wait: float, **options) -> list[float]:
        """As the hook is told them; the call ends there, so that nobody sleeps."""
        told: list[float] = []

        class EnoughError(Exception):
            pass

        def hook(details) -> None:
            told.append(details.wait_for)
            raise EnoughError

        set_on_retry_hooks([hook])

        @_retry(attempts=2, wait=wait, **options)
        def fail() -> None:
            raise Boom(wait)

        for _ in range(count):
            with contextlib.suppress(EnoughError):
                fail()
        set_on_retry_hooks([])
        return told


LIBRARY = Stamina()

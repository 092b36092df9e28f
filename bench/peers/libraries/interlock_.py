"""interlock-cb: a windowed breaker and a pipeline whose retry is tenacity's."""

from collections.abc import Iterator
from contextlib import suppress

import interlock
import tenacity as t
from interlock.integrations.tenacity import retry_unless_open

from bench.peers.library import Boom, Guard, Library, Mode
from bench.peers.store import CountingStore


class OnlyBoom:
    """Counts `Boom` and nothing else."""

    def is_failure(self, *, result: object, exception: Exception | None) -> bool:
        return isinstance(exception, Boom)


def _breaker(failures: int, recovery: float, **options) -> interlock.CircuitBreaker:
    """All of the last calls failed, at least so many: as near as a rate comes to a count."""
    return interlock.CircuitBreaker(
        name="service",
        classifier=OnlyBoom(),
        config=interlock.Config(
            failure_rate_threshold=1.0,
            minimum_number_of_calls=failures,
            wait_duration_in_open=recovery,
            permitted_calls_in_half_open=1,
        ),
        **options,
    )


def _retry(**options) -> Guard:
    options = {
        "attempts": 3,
        "wait": t.wait_none(),
        "retry": t.retry_if_exception_type(Boom),
    } | options
    return interlock.Pipeline.builder().retry(**options).build()


class Interlock(Library):
    name = "interlock-cb"
    distributions = ("interlock-cb", "tenacity")
    packages = ("interlock", "tenacity")
    rejected = interlock.CircuitOpenError
    timed_out = interlock.CallTimeoutError

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        yield "", _breaker(failures, recovery)

    def reopens_in(self, guard: Guard, rejection: BaseException) -> float:
        return rejection.retry_after

    def retry(self, mode: Mode, *, attempts: int) -> Guard:
        return _retry(attempts=attempts)

    def retry_unless(self, mode: Mode, error: type[Exception]) -> Guard:
        return _retry(retry=t.retry_if_not_exception_type(error))

    def stack(self, mode: Mode) -> Guard:
        steps = interlock.Pipeline.builder()
        steps = steps.retry(attempts=4, wait=t.wait_fixed(0.02), retry=retry_unless_open(Exception))
        return steps.circuit_breaker(_breaker(1, 3600)).build()

    def reports(self, mode: Mode):
        last = 1

        class Listener:
            def on_retry(self, *, name: str, attempt: int, delay: float) -> None:
                nonlocal last
                last = attempt + 1

        return _retry(listener=Listener()), lambda: last

    def hinted_waits(self, mode: Mode, hint: float, count: int) -> list[float]:
        wait = t.wait_exception(lambda error: error.hint) + t.wait_random(0, hint / 2)
        return _waits(wait, Boom(hint), 2, count)

    def capped_waits(self, mode: Mode, cap: float, count: int) -> list[float]:
        return _waits(t.wait_random_exponential(multiplier=cap, max=cap), Boom(), count + 2, 1)[1:]

    def timeouts(self, seconds: float) -> Iterator[tuple[str, Guard]]:
        yield "", interlock.Pipeline.builder().timeout(seconds).build()

    def blocking_timeout(self, seconds: float) -> Guard:
        return interlock.sync_timeout(seconds)

    def bulkheads(self, slots: int, queue: int) -> Iterator[tuple[str, Guard]]:
        yield "", interlock.Pipeline.builder().bulkhead(slots, max_wait=60).build()

    def shared(self, mode: Mode):
        store = CountingStore()
        storage = (AsyncStorage if mode == "async" else Storage)(store)
        return _breaker(5, 60, storage=storage), lambda: store.commands


class Storage:
    """The library's store contract; every operation is one command."""

    def __init__(self, store: CountingStore) -> None:
        self._store = store

    def _ask(self, **_: object) -> interlock.SharedState:
        self._store.get("state")
        return interlock.SharedState.closed()

    def read(self, name: str) -> interlock.SharedState:
        return self._ask()

    trip_open = begin_half_open_if_elapsed = record_probe = close = _ask

    def lease_probe(self, **_: object) -> interlock.ProbeLease:
        return interlock.ProbeLease(granted=True, state=self._ask())


class AsyncStorage(Storage):
    """The same, awaited: on the loop's thread, but in the library's own task."""

    async def read(self, name: str) -> interlock.SharedState:
        return interlock.SharedState.closed()


def _waits(wait, error: Boom, attempts: int, calls: int) -> list[float]:
    slept: list[float] = []
    retry = _retry(wait=wait, attempts=attempts, sleep=slept.append)

    def fail() -> None:
        raise error

    for _ in range(calls):
        with suppress(Boom):
            retry(fail)()
    return slept


LIBRARY = Interlock()

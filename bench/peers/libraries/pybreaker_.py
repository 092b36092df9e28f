"""pybreaker: a breaker for plain functions (and Tornado's coroutines).

`throw_new_error_on_trip=False`, so that the call that trips raises its own exception.
"""

from collections.abc import Iterator

import pybreaker

from bench.peers.library import Guard, Library, Mode, Quirk
from bench.peers.store import CountingStore
from bench.peers.verdict import NotOffered


class Pybreaker(Library):
    name = "pybreaker"
    distributions = ("pybreaker",)
    packages = ("pybreaker",)
    modes = ("sync",)
    rejected = pybreaker.CircuitBreakerError

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        yield (
            "",
            pybreaker.CircuitBreaker(
                fail_max=failures,
                reset_timeout=recovery,
                exclude=[Quirk],
                throw_new_error_on_trip=False,
            ),
        )

    def shared(self, mode: Mode):
        if not pybreaker.HAS_REDIS_SUPPORT:
            raise NotOffered("redis is not installed")
        store = CountingStore()
        storage = pybreaker.CircuitRedisStorage(pybreaker.STATE_CLOSED, store)
        return pybreaker.CircuitBreaker(state_storage=storage), lambda: store.commands


LIBRARY = Pybreaker()

"""aiobreaker: a breaker for plain and async functions."""

from collections.abc import Iterator
from datetime import timedelta

import aiobreaker
from aiobreaker.storage.redis import HAS_REDIS_SUPPORT, CircuitRedisStorage

from bench.peers.library import Guard, Library, Mode, Quirk
from bench.peers.store import CountingStore
from bench.peers.verdict import NotOffered


class Aiobreaker(Library):
    name = "aiobreaker"
    distributions = ("aiobreaker",)
    packages = ("aiobreaker",)
    rejected = aiobreaker.CircuitBreakerError

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        yield (
            "",
            aiobreaker.CircuitBreaker(
                fail_max=failures, timeout_duration=timedelta(seconds=recovery), exclude=[Quirk]
            ),
        )

    def reopens_in(self, guard: Guard, rejection: BaseException) -> float:
        return guard.time_until_open.total_seconds()

    def shared(self, mode: Mode):
        if not HAS_REDIS_SUPPORT:
            raise NotOffered("redis is not installed")
        store = CountingStore()
        storage = CircuitRedisStorage(aiobreaker.CircuitBreakerState.CLOSED, store)
        return aiobreaker.CircuitBreaker(state_storage=storage), lambda: store.commands


LIBRARY = Aiobreaker()

"""purgatory: a breaker, one factory for async and one for plain functions."""

from collections.abc import Iterator
from itertools import count

import purgatory
from purgatory.domain.model import OpenedState

from bench.peers.library import Guard, Library, Mode, Quirk
from bench.peers.store import CountingAsyncStore, CountingStore
from bench.peers.verdict import NotOffered

_names = count()
FACTORIES = {
    "async": purgatory.AsyncCircuitBreakerFactory,
    "sync": purgatory.SyncCircuitBreakerFactory,
}


class Purgatory(Library):
    name = "purgatory"
    distributions = ("purgatory",)
    packages = ("purgatory",)
    rejected = OpenedState

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        factory = FACTORIES[mode](default_threshold=failures, default_ttl=recovery, exclude=[Quirk])
        yield "", factory(f"service {next(_names)}")

    def shared(self, mode: Mode):
        store = CountingAsyncStore() if mode == "async" else CountingStore()
        try:
            if mode == "async":
                work = purgatory.AsyncRedisUnitOfWork("redis://127.0.0.1:1")
            else:
                work = purgatory.SyncRedisUnitOfWork("redis://127.0.0.1:1")
        except Exception as error:
            raise NotOffered("redis is not installed") from error
        work.contexts.redis = store
        return FACTORIES[mode](uow=work)("service"), lambda: store.commands


LIBRARY = Purgatory()

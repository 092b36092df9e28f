"""circuitbreaker: a breaker for plain and async functions."""

from collections.abc import Iterator
from itertools import count

from circuitbreaker import CircuitBreaker, CircuitBreakerError

from bench.peers.library import Boom, Guard, Library, Mode

_names = count()


class Circuitbreaker(Library):
    name = "circuitbreaker"
    distributions = ("circuitbreaker",)
    packages = ("circuitbreaker",)
    rejected = CircuitBreakerError

    def breakers(
        self, mode: Mode, *, failures: int, recovery: float
    ) -> Iterator[tuple[str, Guard]]:
        yield (
            "",
            CircuitBreaker(
                failure_threshold=failures,
                recovery_timeout=recovery,
                expected_exception=Boom,
                name=f"service {next(_names)}",
            ),
        )

    def reopens_in(self, guard: Guard, rejection: BaseException) -> float:
        return guard.open_remaining


LIBRARY = Circuitbreaker()

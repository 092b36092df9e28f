"""The types of the resilience API, checked by `make check`; nothing here runs."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, assert_type

from hardpoint import (
    Breaker,
    Bulkhead,
    Degraded,
    Hedge,
    Keyed,
    Policy,
    RateLimit,
    Retry,
    exponential,
    remaining,
    transient,
)
from hardpoint.resilience.circuit import Circuit
from hardpoint.resilience.state import Stats

critical = Policy(
    "catalogue",
    deadline=30,
    timeout=5,
    retry=Retry(attempts=4, on=transient, backoff=exponential(0.1, cap=5)),
    breaker=Breaker(failures=5, recovery=60),
    rate=RateLimit(50, per=1, burst=50),
    bulkhead=Bulkhead(40, queue=80),
    fallback=None,
    hedge=None,
    critical=True,
)


async def price(sku: str, *, currency: str = "EUR") -> float:
    return float(len(sku + currency))


def stock(sku: str) -> int:
    return len(sku)


class Shop:
    async def __call__(self, sku: str) -> float:
        return await price(sku)

    @critical
    async def price(self, sku: str) -> float:
        return await price(sku)

    @critical
    def stock(self, sku: str) -> int:
        return stock(sku)


# A policy that raises changes no type.


async def a_policy_that_raises() -> None:
    assert_type(critical, Policy)
    assert_type(await critical(price)("sku", currency="USD"), float)
    assert_type(critical(stock)("sku"), int)
    assert_type(await critical.call(price, "sku", currency="USD"), float)
    assert_type(critical.call(stock, "sku"), int)
    assert_type(await critical.call(partial(price, currency="USD"), "sku"), float)
    assert_type(await critical.call(Shop(), "sku"), float)
    assert_type(await critical.call(Shop().price, "sku"), float)
    assert_type(await Shop().price("sku"), float)
    assert_type(Shop().stock("sku"), int)
    critical.call(stock, 5)  # pyright: ignore[reportArgumentType, reportCallIssue] - wrong argument
    critical(stock)(5)  # pyright: ignore[reportArgumentType] - wrong argument


# What is returned in place of an error is in the type.

degrading = Policy("recommendations", timeout=1, critical=False)
cached = Policy("rates", timeout=1, fallback=1.5)


def guess(error: Exception, sku: str) -> str:
    return sku + str(error)


async def ask(error: Exception, sku: str) -> str:
    return guess(error, sku)


guessing = Policy("guesses", timeout=1, fallback=guess)
asking = Policy("questions", timeout=1, fallback=ask)


async def policies_that_answer() -> None:
    answer = await degrading.call(price, "sku")
    assert_type(answer, float | Degraded)
    if isinstance(answer, Degraded):
        assert_type(answer.reason, str)
    else:
        assert_type(answer > 1.5, bool)
    assert_type(await degrading(price)("sku"), float | Degraded)
    assert_type(degrading(stock)("sku"), int | Degraded)
    assert_type(cached.call(stock, "sku"), int | float)
    assert_type(await guessing.call(price, "sku"), float | str)
    assert_type(await asking.call(price, "sku"), float | str)
    assert_type(degrading.with_(timeout=2), Policy[Degraded])
    assert_type(degrading.keyed("tenant"), Policy[Degraded])


def needs_an_answer(policy: Policy) -> Callable[[str], Coroutine[Any, Any, float]]:
    return policy(partial(price, currency="EUR"))


needs_an_answer(critical)
needs_an_answer(degrading)  # pyright: ignore[reportArgumentType] - its answer may be Degraded


# Blocks, and the rest.


async def blocks() -> None:
    async for attempt in critical.attempts():
        with attempt:
            assert_type(attempt.number, int)
    for attempt in critical.attempts():
        with attempt:
            assert_type(attempt.idempotency_key, str | None)
    async with critical.guard() as attempt:
        assert_type(attempt.number, int)
    with critical.guard():
        pass


async def swallowed_errors_leave_a_value_unbound() -> float:
    async for attempt in critical.attempts():
        with attempt:
            return await price("sku")
    raise AssertionError("unreachable, as the last attempt raises")


def the_rest() -> None:
    assert_type(critical.breaker, Circuit)
    assert_type(critical.stats(), Stats)
    assert_type(critical.name, str)
    assert_type(critical.with_(timeout=2), Policy)
    assert_type(critical.listen(print), Callable[[], None])
    assert_type(remaining(), float | None)
    assert_type(remaining(10), float)
    Policy("hedged", timeout=1, idempotent=True, hedge=Hedge(after=0.1))
    Policy("keyed", key=Keyed(stock, limit=10))
    Policy("keyed", key=stock)
    Policy("wrong", timeouts=1)  # pyright: ignore[reportCallIssue] - no such option
    Policy("wrong", repeat="often")  # pyright: ignore[reportArgumentType, reportCallIssue] - no such class
    Retry(on=KeyboardInterrupt)  # pyright: ignore[reportArgumentType] - never offered
